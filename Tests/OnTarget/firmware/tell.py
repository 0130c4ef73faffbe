#!/usr/bin/env python3
"""Tells QEMU something and prints its answer: tell.py SOCKET PROMPT LINE...; the prompt ends each
answer."""
import socket
import sys

path, prompt, lines = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
with socket.socket(socket.AF_UNIX) as peer:
    peer.settimeout(60)
    peer.connect(path)

    def answer():
        text = b""
        while prompt not in text:
            part = peer.recv(65536)
            if not part:
                sys.exit("the emulator has ended")
            text += part
        return text.decode(errors="replace")

    if prompt == b"(qemu)":
        answer()
    for line in lines:
        peer.sendall(line.encode() + b"\n")
        print(answer())
