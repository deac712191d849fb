#!/usr/bin/env python3
"""`hikyaku base64` beside coreutils' base64, both ways, on one file in memory; with `cat` of the same file as what reading alone costs.

usage: bench/base64_speed.py [--rounds 9] [--mib 2048] [--folder /dev/shm] [--binary PATH] [--json FILE]
Needs about four times the size in --folder, which should be a tmpfs. The programs take turns; the best of the rounds counts, of wall time and of
CPU time (user and system). The mark is 5 times coreutils' speed with the output to /dev/null, where nothing but reading and the work itself is
measured; with the output to a file most of the time is the kernel's, which makes the new file's pages, in both programs alike.
"""
import argparse
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
MARK = 5


def timed(command, output):
    with open(os.devnull, "rb") as nothing, open(output, "wb") as out:
        began = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdin=nothing, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return took, used.ru_utime + used.ru_stime


def measure(programs, output, rounds):
    """The best wall and CPU seconds of each."""
    best = {name: [float("inf")] * 2 for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            best[name] = [min(old, new) for old, new in zip(best[name], timed(command, output))]
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--folder", default="/dev/shm")
    parser.add_argument("--binary", default=str(TOP / "build/release/hikyaku"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    coreutils = shutil.which("base64")
    if not coreutils or not Path(options.binary).exists():
        sys.exit(f"needs coreutils' base64 and {options.binary}")
    results, missed = {}, 0
    with tempfile.TemporaryDirectory(prefix="hikyaku-base64-", dir=options.folder) as name:
        folder = Path(name)
        octets, text, output = folder / "octets", folder / "text", folder / "output"
        with open(octets, "wb") as out:
            for _ in range(options.mib):
                out.write(os.urandom(1 << 20))
        timed([coreutils, octets], text)
        for ours, want in (([options.binary, "base64", octets], text), ([options.binary, "base64", "-d", text], octets)):
            timed(ours, output)
            if not filecmp.cmp(output, want, shallow=False):
                sys.exit(f"{ours} gives other octets than coreutils'")
        print(f"{options.mib} MiB, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors; seconds: wall (CPU)")
        for sink_name, sink in (("/dev/null", Path(os.devnull)), ("a file", output)):
            for way, flags, source in (("encode", [], octets), ("decode", ["-d"], text)):
                best = measure({"coreutils": [coreutils, *flags, source], "hikyaku": [options.binary, "base64", *flags, source], "cat": ["cat", source]},
                               sink, options.rounds)
                factors = [theirs / ours for theirs, ours in zip(best["coreutils"], best["hikyaku"])]
                results[f"{way} to {sink_name}"] = {**best, "factor": factors[0], "cpu factor": factors[1]}
                marked = "" if sink_name != "/dev/null" else f"   mark {MARK}: {'reached' if factors[0] >= MARK else 'MISSED'}"
                missed += sink_name == "/dev/null" and factors[0] < MARK
                print(f"  {way} to {sink_name:9}  " + "  ".join(f"{who} {wall:.3f} ({cpu:.3f})" for who, (wall, cpu) in best.items())
                      + f"  factor {factors[0]:.1f} (CPU {factors[1]:.1f}){marked}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
