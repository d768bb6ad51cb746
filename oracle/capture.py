#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""capture.py RESULT LABEL OUT - a capture that the guest took, for `quire boot`.

RESULT is an out.txt or out.txt.gz, LABEL what the scenario's command "capture
LABEL" said.  OUT is in the format of `quire capture` (docs/capture.md).
"""
import gzip
import sys


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def files_of(data, label):
    """(path, text) of each file between @@capture LABEL and @@endcapture."""
    begin = data.find(b"@@capture " + label.encode() + b" ")
    end = data.find(b"\n@@endcapture", begin)
    if begin < 0 or end < 0:
        sys.exit(f"capture.py: there is no capture {label} in that result")
    for part in data[begin:end + 1].split(b"\n@@file ")[1:]:
        path, _, text = part.partition(b"\n")
        if path.endswith(b"/cmdline") and text.endswith(b"\0\n"):
            text = text[:-1]
        elif text and not text.endswith(b"\n"):
            text += b"\n"
        yield path.decode(), text


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    files = list(files_of(read(sys.argv[1]), sys.argv[2]))
    records, processes = 0, []
    with open(sys.argv[3], "wb") as out:
        out.write(b"quire-capture 1\n")
        for path, text in files:
            if path.startswith("/cg/"):
                path = "/sys/fs/cgroup/" + path[4:]
            out.write(b"@@file %s %d\n%s\n" % (path.encode(), len(text), text))
            records += 1
            if path.startswith("/proc/") and path.endswith("/status"):
                processes.append(path.split("/")[2])
        for pid in processes:  # each has one thread
            text = pid.encode() + b"\n"
            out.write(b"@@list /proc/%s/task %d\n%s\n" % (pid.encode(), len(text), text))
            records += 1
        out.write(b"@@end %d\n" % records)


main()
