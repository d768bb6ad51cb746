#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mkcpio.py DIR OUT KIB - a newc archive of DIR, filled up to KIB KiB.

Its bytes depend on names, modes and contents only (no inode numbers, owners or
times): the guest's boot must not depend on where or when the archive was made.
Its size is fixed because the kernel computes the watermarks of boot before it
gives the archive's memory back: they depend on it.
"""
import os
import stat
import sys

MTIME = 1700000000


def entry(name, mode, data, ino):
    """One file of the archive: header, name and data, each on four bytes."""
    raw = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (ino, mode, 0, 0, links, MTIME, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % x for x in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def main():
    top, out, kib = sys.argv[1], sys.argv[2], int(sys.argv[3])
    names = []
    for folder, dirs, files in os.walk(top):
        names += [os.path.relpath(os.path.join(folder, x), top) for x in dirs + files]
    parts = []
    for ino, name in enumerate(sorted(names), 1):
        path = os.path.join(top, name)
        st = os.lstat(path)
        if stat.S_ISDIR(st.st_mode):
            parts.append(entry(name, stat.S_IFDIR | 0o755, b"", ino))
        elif stat.S_ISREG(st.st_mode):
            mode = stat.S_IFREG | (0o755 if st.st_mode & 0o111 else 0o644)
            with open(path, "rb") as f:
                parts.append(entry(name, mode, f.read(), ino))
        else:
            sys.exit(f"mkcpio.py: {path}: neither a folder nor a plain file")
    parts.append(entry("TRAILER!!!", 0, b"", 0))
    data = b"".join(parts)
    room = kib * 1024 - len(data)
    if room < 0:
        sys.exit(f"mkcpio.py: {out}: {-room} bytes over {kib} KiB: strip something, or state "
                 "another size in build.sh and record everything again")
    with open(out, "wb") as f:
        f.write(data + b"\0" * room)


main()
