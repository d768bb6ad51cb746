#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""variance.py [--keep FILE] DIR... - how far the kernel moves by itself.

Reads recorded runs (folders with out.txt.gz and run.json) and prints, for each
snapshot and counter that differs between them, the value of the recorded run
(det, seed 1) and the range over seeds and over threaded runs:

    SCENARIO KERNEL LABEL COUNTER RECORDED SEEDS-MIN SEEDS-MAX MT-MIN MT-MAX

Counters of events (pg*, pswp*, ...) are counted from the first snapshot,
amounts (nr_*) are as they stand, NAME.rss+swap and NAME.swap are a process's
(kB), round:N is the number of rounds that the loop of line N made.  The
threaded runs have two processors and another disk, so their values may lie
beside the others; what says how much the kernel varies is the width of each
range against its mean.  '-' where there is no such run.
"""
import collections
import gzip
import json
import os
import re
import sys

AMOUNT = re.compile(r"nr_(?!vmscan|dirtied|written|throttled|foll)|workingset_nodes")


class Run:
    """One out.txt: labels -> counters, and the rounds of each loop."""

    def __init__(self, folder):
        with open(os.path.join(folder, "run.json")) as f:
            self.info = json.load(f)
        self.folder = folder
        self.labels = collections.OrderedDict()
        first, snap, path = None, None, None
        rounds = {}
        with gzip.open(os.path.join(folder, "out.txt.gz"), "rt", errors="replace") as f:
            for line in f:
                word = line.split()
                if line.startswith("@@snap "):
                    snap = self.labels.setdefault(word[1], {})
                elif line.startswith("@@endsnap"):
                    if first is None:
                        first = dict(snap)
                    for k in snap:
                        if not AMOUNT.match(k) and "." not in k:
                            snap[k] -= first.get(k, 0)
                    for a in ("scan", "steal"):
                        snap[f"pg{a}"] = snap.get(f"pg{a}_kswapd", 0) + snap.get(f"pg{a}_direct", 0)
                    snap = None
                elif line.startswith("@@proc ") and snap is not None:
                    v = {k: int(n) for k, n in re.findall(r"(\S+)=(-?\d+)", line)}
                    snap[word[1] + ".swap"] = v.get("smaps.Swap", 0)
                    snap[word[1] + ".rss+swap"] = v.get("smaps.Rss", 0) + v.get("smaps.Swap", 0)
                elif line.startswith("@@loop "):
                    rounds["round:" + word[1]] = int(word[2].split("=")[1])
                if line.startswith("@@"):
                    path = word[1] if line.startswith("@@file ") else None
                elif path == "/proc/vmstat" and snap is not None:
                    snap[word[0]] = int(word[1])
                elif path == "/sys/kernel/debug/zswap/" and snap is not None and len(word) == 2:
                    snap["nr_zswap:" + word[0]] = int(word[1])
        self.labels["-"] = rounds


def low_high(runs, label, key):
    x = [r.labels[label].get(key, 0) for r in runs if label in r.labels]
    return f"{min(x)} {max(x)}" if x else "- -"


def kept(path, new):
    """Lines of an older output on scenarios that there are no runs of now."""
    lines = collections.defaultdict(list)
    if path and os.path.exists(path):
        with open(path) as f:
            for line in f:
                word = line.split()
                if len(word) == 9 and word[0] != "#" and (word[0], word[1]) not in new:
                    lines[word[0], word[1]].append(line.rstrip("\n"))
    return lines


def table(one, runs):
    """The lines of one scenario; one is the recorded run."""
    seeds = [r for r in runs if r.info["mode"] == "det"]
    threads = [r for r in runs if r.info["mode"] == "mt"]
    for label, counters in one.labels.items():
        for key, value in counters.items():
            # small counts say nothing in percent
            every = [r.labels[label].get(key, 0) for r in runs if label in r.labels]
            floor = 0 if key.startswith("round:") else 100
            if max(every) == min(every) or max(every) < floor:
                continue
            yield (f"{one.info['scenario']} {one.info['kernel']} {label} {key} {value} "
                   f"{low_high(seeds, label, key)} {low_high(threads, label, key)}")


def main():
    groups = collections.defaultdict(list)
    args = sys.argv[1:]
    keep = None
    if args[:1] == ["--keep"]:
        keep, args = args[1], args[2:]
    for top in args:
        for folder, _, files in sorted(os.walk(top)):
            if "run.json" in files and "out.txt.gz" in files:
                r = Run(folder)
                if r.info["finished"]:
                    groups[r.info["scenario"], r.info["kernel"]].append(r)
    tables = {}
    for key, runs in groups.items():
        one = [r for r in runs if r.info["mode"] == "det" and r.info["seed"] == 1]
        # of several shapes the scenario's own is the one without a tag
        one = one and min(one, key=lambda r: len(r.folder))
        same = one and [r for r in runs if r.info["mem"] == one.info["mem"]]
        if one and len(same) > 1:
            tables[key] = list(table(one, same))
    tables.update(kept(keep, tables))
    print("# scenario kernel label counter recorded seeds-min seeds-max threaded-min threaded-max")
    print("# made by oracle/variance.py, which says what each column is")
    for key in sorted(tables):
        print("\n".join(tables[key]))


main()
