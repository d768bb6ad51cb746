#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""variance.py DIR... - how far the kernel moves by itself.

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


def main():
    groups = collections.defaultdict(list)
    for top in sys.argv[1:]:
        for folder, _, files in sorted(os.walk(top)):
            if "run.json" in files and "out.txt.gz" in files:
                r = Run(folder)
                if r.info["finished"]:
                    groups[r.info["scenario"], r.info["kernel"]].append(r)
    print("# scenario kernel label counter recorded seeds-min seeds-max threaded-min threaded-max")
    print("# made by oracle/variance.py, which says what each column is")
    for (scenario, kernel), runs in sorted(groups.items()):
        seeds = [r for r in runs if r.info["mode"] == "det"]
        threads = [r for r in runs if r.info["mode"] == "mt"]
        one = [r for r in seeds if r.info["seed"] == 1]
        if len(runs) < 2 or not one:
            continue
        for label, counters in one[0].labels.items():
            for key, value in counters.items():
                # small counts say nothing in percent
                every = [r.labels[label].get(key, 0) for r in runs if label in r.labels]
                floor = 0 if key.startswith("round:") else 100
                if max(every) == min(every) or max(every) < floor:
                    continue
                print(scenario, kernel, label, key, value, low_high(seeds, label, key),
                      low_high(threads, label, key))


main()
