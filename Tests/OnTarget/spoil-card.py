#!/usr/bin/env python3
"""Damages a copy of the card image in one place, or gives it a newer table: spoil-card.py CARD
CHANGE. The image has one FAT32 partition, and an allocation table of 32-bit entries in blocks of
512 bytes."""

import random
import struct
import sys
import uuid
import zlib

FIRST = 8192  # the partition's first block
card = open(sys.argv[1], "r+b")


def get(offset, form):
    card.seek(offset)
    return struct.unpack(form, card.read(struct.calcsize(form)))[0]


def put(offset, form, *values):
    card.seek(offset)
    card.write(struct.pack(form, *values))


def noise(offset, count):
    card.seek(offset)
    card.write(random.Random(3).randbytes(count))


def entry(number, kind, first, count, table=0):
    """An entry of the partition table in this block."""
    put(512 * table + 446 + 16 * number, "<B3xB3xII", 0, kind, first, count)
    put(512 * table + 510, "<H", 0xAA55)


boot = FIRST * 512
blocks_per_cluster = get(boot + 13, "<B")
table = boot + get(boot + 14, "<H") * 512
root = table + get(boot + 16, "<B") * get(boot + 36, "<I") * 512
root_cluster = get(boot + 44, "<I")


def full_root(successor):
    """The root directory's first cluster has no free entry, and a successor."""
    card.seek(root)
    card.write(b"\xe5".ljust(32, b"\0") * (16 * blocks_per_cluster))
    put(table + 4 * root_cluster, "<I", successor)


def file_cluster(cluster):
    """CONFIG.TXT begins in this cluster."""
    card.seek(root)
    place = root + card.read(512 * blocks_per_cluster).index(b"CONFIG  TXT")
    put(place + 20, "<H", cluster >> 16)
    put(place + 26, "<H", cluster & 0xFFFF)


def no_table():
    card.seek(0)
    card.write(bytes(boot))


def only_newer_header():
    """What a GUID partition table has in its second block, and nothing in the first."""
    no_table()
    card.seek(512)
    card.write(b"EFI PART\0\0\1\0\x5c\0\0\0")


def guid_table(*classic):
    """A GUID partition table with the FAT32 partition behind another, and these entries in the
    first block."""
    blocks = 262144
    card.truncate(blocks * 512)
    entries = b""
    for kind, first, count in (
        ("0fc63daf-8483-4772-8e79-3d69d8477de4", 2048, 2048),
        ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", FIRST, 122880),
    ):
        entries += uuid.UUID(kind).bytes_le + uuid.uuid4().bytes_le
        entries += struct.pack("<QQ80x", first, first + count - 1)
    entries = entries.ljust(128 * 128, b"\0")
    for own, other, table in ((1, blocks - 1, 2), (blocks - 1, 1, blocks - 33)):
        header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, own, other, 34,
                             blocks - 34, uuid.uuid4().bytes_le, table, 128, 128,
                             zlib.crc32(entries))
        header = header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]
        for place, content in (own, header), (table, entries):
            card.seek(place * 512)
            card.write(content)
    put(446, "64x")
    for number, fields in enumerate(classic):
        entry(number, *fields)


def logical(*links):
    """The FAT32 partition is a logical one, in the last of a chain of tables that are linked so;
    the first is in block 4096."""
    put(446, "64x")
    entry(0, 15, 4096, FIRST + 122880 - 4096)
    place = 4096
    for link in links:
        entry(1, 5, link, 1, place)
        place = 4096 + link
    entry(0, 12, FIRST - place, 122880, place)


def guid_table_without(*places):
    """The table with these blocks overwritten."""
    guid_table(GUARD)
    for place in places:
        noise(place * 512, 512)


GUARD = (0xEE, 1, 2047)
FAT = (12, FIRST, 122880)


def noise_with_signature():
    noise(0, 510)
    entry(0, 12, 8192, 8)
    put(446, "<B", 0x35)


damages = {
    "zeros": no_table,
    "noise": lambda: noise(0, 4096),
    "noise-with-signature": noise_with_signature,
    "guard-of-nothing": lambda: entry(0, *GUARD),
    "guid-table": lambda: guid_table(GUARD),
    "hybrid": lambda: guid_table(FAT, GUARD),
    "hybrid-with-the-guard-first": lambda: guid_table(GUARD, (7, *FAT[1:])),
    "guid-table-whose-copy-counts": lambda: guid_table_without(1),
    "guid-table-without-entries": lambda: guid_table_without(2, 262144 - 33),
    "guid-table-without-guard": only_newer_header,
    "overlap": lambda: entry(1, 0x83, FIRST + 100, 100),
    "beyond-end": lambda: entry(1, 0x83, 131071, 2),
    "far-beyond-end": lambda: entry(0, 12, 0xFFFFFFFF, 0xFFFFFFFF),
    "logical": logical,
    "logical-in-the-third-table": lambda: logical(2000, 1000),
    "logical-in-a-circle": lambda: logical(2000, 0),
    "first-block": lambda: entry(1, 0x83, 0, 8),
    "boot-sector-zeros": lambda: put(boot, "512x"),
    "boot-sector-noise": lambda: noise(boot, 510),
    "clusters-of-no-blocks": lambda: put(boot + 13, "<B", 0),
    "larger-than-partition": lambda: put(boot + 32, "<I", 0xFFFFFFFF),
    "table-larger-than-volume": lambda: put(boot + 36, "<I", 0xFFFFFFFF),
    "root-nowhere": lambda: put(boot + 44, "<I", 0x0FFFFFF0),
    "circle": lambda: full_root(root_cluster),
    "chain-beyond-volume": lambda: full_root(0x0FFFFFF0),
    "chain-into-free": lambda: full_root(0),
    "file-beyond-volume": lambda: file_cluster(0x0FFFFFF0),
    "file-nowhere": lambda: file_cluster(0),
}
damages[sys.argv[2]]()
