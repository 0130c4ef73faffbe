#!/usr/bin/env python3
"""Damages a copy of the card image in one place: spoil-card.py CARD DAMAGE. The image has one FAT32 partition, and an allocation
table of 32-bit entries in blocks of 512 bytes."""

import random
import struct
import sys

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


def entry(number, kind, first, count):
    """An entry of the partition table."""
    put(446 + 16 * number, "<B3xB3xII", 0, kind, first, count)


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


def noise_with_signature():
    noise(0, 510)
    entry(0, 12, 8192, 8)
    put(446, "<B", 0x35)


damages = {
    "zeros": no_table,
    "noise": lambda: noise(0, 4096),
    "noise-with-signature": noise_with_signature,
    "newer-table": lambda: entry(0, 0xEE, 1, 131071),
    "newer-table-without-guard": only_newer_header,
    "overlap": lambda: entry(1, 0x83, FIRST + 100, 100),
    "beyond-end": lambda: entry(1, 0x83, 131071, 2),
    "far-beyond-end": lambda: entry(0, 12, 0xFFFFFFFF, 0xFFFFFFFF),
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
