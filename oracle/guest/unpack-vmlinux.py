#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""unpack-vmlinux.py BZIMAGE OUT - the ELF file inside a bzImage.

The boot header says where the payload is.  QEMU boots the ELF file directly
(PVH), which saves the kernel its own decompression: ten seconds in emulation.
"""
import lzma
import struct
import subprocess
import sys

SETUP_SECTS, PAYLOAD = 0x1F1, 0x248


def main():
    with open(sys.argv[1], "rb") as f:
        image = f.read()
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    payload = image[(image[SETUP_SECTS] + 1) * 512 + offset:][:length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # four bytes of size follow the stream
        elf = subprocess.run(["zstd", "-dcq"], input=payload[:-4], stdout=subprocess.PIPE,
                             check=True).stdout
    else:
        sys.exit(f"unpack-vmlinux.py: {sys.argv[1]}: neither xz nor zstd")
    if not elf.startswith(b"\x7fELF"):
        sys.exit(f"unpack-vmlinux.py: {sys.argv[1]}: the payload is no ELF file")
    with open(sys.argv[2], "wb") as f:
        f.write(elf)


main()
