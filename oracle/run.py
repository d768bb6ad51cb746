#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a Debian kernel under QEMU's software emulation, has it perform one
scenario, and brings back what the kernel said.

  oracle/run.py run FILE [--kernel 6.1|6.12] [--out DIR] [--record] ...

writes DIR/out.txt.gz (every snapshot), DIR/run.json (the machine) and
DIR/console.log; DIR is build/oracle/runs/NAME[@TAG]/KERNEL unless given, and
oracle/results/NAME[@TAG]/KERNEL with --record (then without the console).
oracle/guest/build.sh (make oracle-build) makes what it boots.

mode det   one host thread and instruction counting: the guest's clock counts
           instructions.  With disks in persistent memory no answer comes from
           the host, and two runs with one seed are the same to the bit.
mode mt    threads, virtio disks and the host's clock: how the kernel varies.

The machine is described in the scenario by lines "#vm KEY=VALUE ...", see
oracle/scenarios/README; --set KEY=VALUE changes one key for this run.
"""
import argparse
import gzip
import hashlib
import json
import mmap
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ORACLE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(ORACLE)
BUILD = os.environ.get("ORACLE_BUILD") or os.path.join(TOP, "build", "oracle")
KERNELS = ("6.1", "6.12")

# The shared memory; guest/guest.h has the same numbers.
BAR = 64 << 20
SCRIPT_MAX = 64 * 1024 - 64
OUT_BASE = 64 * 1024
MAGIC = 0x656C6361726F21
FINISHED, OVERFLOW = 1, 2

COMMAND_LINE = (
    "console=ttyS0 nokaslr norandmaps mitigations=off swiotlb=noforce panic=-1 oops=panic "
    "tsc=reliable clocksource=tsc cryptomgr.notests random.trust_cpu=on "
    "random.trust_bootloader=on printk.time=1 loglevel=5"
)


class Wrong(Exception):
    """Something the user can mend."""


def size(text):
    unit = {"K": 10, "M": 20, "G": 30, "T": 40}
    if text[-1:].upper() in unit:
        return int(text[:-1]) << unit[text[-1].upper()]
    return int(text)


def parse_vm(text, changes, where):
    """The machine: the #vm lines, then --set.  Lists grow with each mention;
    --set node=A,B replaces all nodes, --set KEY= empties a list."""
    vm = {"mem": "512M", "smp": "1", "node": [], "dist": [], "swap": [], "data": "0",
          "append": [], "machine": "pc", "disk": ""}

    def put(word, place, replace=False):
        key, eq, value = word.partition("=")
        if key not in vm or not eq:
            raise Wrong(f"{place}: no key {key}=; there are {', '.join(sorted(vm))}")
        if not isinstance(vm[key], list):
            vm[key] = value
        elif not replace:
            vm[key].append(value)
        elif not value:
            vm[key] = []
        else:
            vm[key] = value.split(",") if key == "node" else vm[key] + [value]

    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#vm "):
            for word in shlex.split(line[4:]):
                put(word, f"{where}:{number}")
    for word in changes:
        put(word, "--set", True)
    return vm


def disks_of(vm, tmp):
    """(name in scenarios, file, bytes) of each disk."""
    disks = []
    if vm["data"] != "0":
        path = os.path.join(BUILD, "data.img")
        disks.append(("data", path, os.path.getsize(path)))
    for i, text in enumerate(vm["swap"]):
        path = os.path.join(tmp, f"swap{i}")
        with open(path, "wb") as f:
            f.truncate(size(text))
        disks.append((f"swap{i}", path, size(text)))
    return disks


def nodes_args(vm):
    args = []
    for node in vm["node"]:
        number, bytes_, cpus = node.split(":")
        cpus = "".join(f",cpus={c}" for c in cpus.split("+") if c != "-")
        args += ["-object", f"memory-backend-ram,id=m{number},size={size(bytes_)},reserve=off",
                 "-numa", f"node,nodeid={number},memdev=m{number}{cpus}"]
    for dist in vm["dist"]:
        src, dst, val = dist.split(",")
        args += ["-numa", f"dist,src={src},dst={dst},val={val}"]
    return args


def disk_args(disks, kind):
    """QEMU's arguments, and the lines that tell the guest what is where."""
    args, lines = [], ""
    for i, (name, path, bytes_) in enumerate(disks):
        if kind == "pmem":
            args += ["-object", f"memory-backend-file,id=d{i},share=off,mem-path={path},size={bytes_}",
                     "-device", f"nvdimm,id=nv{i},memdev=d{i}"]
            lines += f"device {name} /dev/pmem{i}\n"
        else:
            args += ["-drive", f"if=none,id=d{i},file={path},format=raw,cache=unsafe,snapshot=on",
                     "-device", f"virtio-blk-pci,drive=d{i}"]
            lines += f"device {name} /dev/vd{'abcdef'[i]}\n"
    return args, lines


def machine_args(vm, o, disks, kind, mem):
    args = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
            "-cpu", "max,la57=off", "-seed", str(o.seed)]
    memory, machine = f"{mem >> 20}M", vm["machine"]
    if kind == "pmem" and disks:
        top = mem + sum(d[2] for d in disks) + (8 << 30)
        memory += f",slots=8,maxmem={top >> 20}M"
        machine += ",nvdimm=on"
    args += ["-machine", machine, "-m", memory, "-smp", vm["smp"]]
    if o.mode == "det":
        args += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
                 "-rtc", "base=2024-01-01,clock=vm"]
    else:
        args += ["-accel", "tcg,thread=multi", "-rtc", "base=2024-01-01,clock=host"]
    return args + nodes_args(vm)


def watch(process, bar, timeout):
    """Waits for the end: (output, state, seconds to the guest's start, timed out)."""
    start, boot, late = time.time(), None, False
    with open(bar, "r+b") as f, mmap.mmap(f.fileno(), BAR) as mem:
        while process.poll() is None:
            passed = time.time() - start
            if boot is None and struct.unpack_from("<Q", mem, SCRIPT_MAX)[0] == MAGIC:
                boot = passed
            if passed > timeout:
                late = True
                process.kill()
                process.wait()
                break
            time.sleep(0.05)
        magic, length, state = struct.unpack_from("<QQQ", mem, SCRIPT_MAX)
        data = mem[OUT_BASE:OUT_BASE + length] if magic == MAGIC else b""
    return data, state, boot, late


def version_of(data):
    at = data.find(b"Linux version")
    return data[at:data.find(b"\n", at)].decode(errors="replace") if at >= 0 else ""


def write_results(folder, data, info):
    with open(os.path.join(folder, "out.txt.gz"), "wb") as f:
        with gzip.GzipFile(filename="", mode="wb", fileobj=f, mtime=0) as g:
            g.write(data)
    with open(os.path.join(folder, "run.json"), "w") as f:
        json.dump(info, f, indent=1)
        f.write("\n")


def complaints(data):
    """Lines that the guest could not make sense of."""
    return [l for l in data.decode(errors="replace").splitlines() if l.startswith("@@bad")]


def folder_of(o, name):
    if o.out:
        return o.out
    below = os.path.join(ORACLE, "results") if o.record else os.path.join(BUILD, "runs")
    return os.path.join(below, name + (f"@{o.tag}" if o.tag else ""), o.kernel)


def run(o):
    for path in (f"vmlinux-{o.kernel}", f"initramfs-{o.kernel}.cpio"):
        if not os.path.exists(os.path.join(BUILD, path)):
            raise Wrong(f"{path} is not there yet: make oracle-build")
    with open(o.scenario) as f:
        text = f.read()
    name = os.path.basename(o.scenario).rsplit(".", 1)[0]
    vm = parse_vm(text, o.set, o.scenario)
    kind = o.disk or vm["disk"] or ("pmem" if o.mode == "det" else "virtio")
    mem = sum(size(n.split(":")[1]) for n in vm["node"]) if vm["node"] else size(vm["mem"])
    tmp = tempfile.mkdtemp(prefix="run-", dir=BUILD)
    try:
        return run_in(o, text, name, vm, kind, mem, tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def run_in(o, text, name, vm, kind, mem, tmp):
    bar, console = os.path.join(tmp, "bar"), os.path.join(tmp, "console.log")
    disks = disks_of(vm, tmp)
    args = machine_args(vm, o, disks, kind, mem)
    more, lines = disk_args(disks, kind)
    script = (lines + text).encode()
    if len(script) >= SCRIPT_MAX - 1:
        raise Wrong(f"{o.scenario}: a scenario has at most {SCRIPT_MAX} bytes")
    with open(bar, "wb") as f:
        f.truncate(BAR)
        f.write(script)
    command_line = " ".join([COMMAND_LINE] + vm["append"] + ([o.append] if o.append else [""]))
    args += more + [
        "-object", f"memory-backend-file,id=bar,share=on,mem-path={bar},size={BAR}",
        "-device", "ivshmem-plain,memdev=bar", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
        "-kernel", f"{BUILD}/vmlinux-{o.kernel}", "-initrd", f"{BUILD}/initramfs-{o.kernel}.cpio",
        "-append", command_line.strip(),
        "-chardev", f"file,id=con,path={console}", "-serial", "chardev:con"]
    start = time.time()
    with open(os.path.join(tmp, "qemu.err"), "w+") as err:
        try:
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stderr=err)
        except FileNotFoundError:
            raise Wrong("qemu-system-x86_64 is missing: install oracle/packages.txt") from None
        data, state, boot, late = watch(process, bar, o.timeout)
        err.seek(0)
        qemu_says = err.read()
    total = time.time() - start

    finished = bool(state & FINISHED)
    info = {"scenario": name, "text": hashlib.sha256(text.encode()).hexdigest(), "kernel": o.kernel, "version": version_of(data), "mode": o.mode,
            "disk": kind, "seed": o.seed, "mem": mem, "vm": vm,
            "boot_s": boot and round(boot, 2), "total_s": round(total, 2),
            "finished": finished, "overflow": bool(state & OVERFLOW)}
    good = finished and not state & OVERFLOW
    if good or not o.record:
        folder = folder_of(o, name)
        os.makedirs(folder, exist_ok=True)
        write_results(folder, data, info)
        if not o.record and os.path.exists(console):
            shutil.copy(console, folder)
    how = "ok" if good else "too late" if late else "overflow" if finished else "FAILED"
    print(f"{name + ('@' + o.tag if o.tag else ''):20s} {o.kernel:4s} {o.mode} seed {o.seed}  "
          f"{total:6.1f} s  {len(data) >> 10:5d} KiB  {how}", flush=True)
    for line in complaints(data):
        print(f"  the guest: {line}", flush=True)
    if not good:
        print(f"  {qemu_says.strip() or 'see console.log'}", file=sys.stderr, flush=True)
    return 0 if good else 1


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    r = p.add_subparsers(dest="command", required=True).add_parser("run", help="one scenario")
    r.add_argument("scenario", metavar="FILE")
    r.add_argument("--kernel", default="6.1", choices=KERNELS)
    r.add_argument("--mode", default="det", choices=["det", "mt"])
    r.add_argument("--disk", choices=["pmem", "virtio"])
    r.add_argument("--seed", type=int, default=1)
    r.add_argument("--tag", help="another shape of the machine: results go to NAME@TAG")
    r.add_argument("--out", metavar="DIR")
    r.add_argument("--record", action="store_true", help="into oracle/results, if it ends well")
    r.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    r.add_argument("--append", help="more of the kernel's command line")
    r.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    o = p.parse_args()
    try:
        return run(o)
    except (Wrong, OSError, ValueError) as e:
        print(f"oracle/run.py: {e}", file=sys.stderr)
        return 2


sys.exit(main())
