#!/usr/bin/env python3
"""Runs the fuzz targets of the preset `fuzz`, each on its corpus under src/*/corpus, and tells their runs.

A finding ends the program with 1 and leaves the input beside the copy of the corpus under build/fuzz-work; put it into
the corpus with the mending.
  cmake --preset fuzz && cmake --build build/fuzz
  tools/fuzz.py --seconds 60                every target, two at a time
  tools/fuzz.py --seconds 3600 address      those whose name holds "address"
"""
import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(source, seconds):
    layer, name = source.parent.name, source.stem.removesuffix("_fuzz")
    work = ROOT / "build/fuzz-work" / f"{layer}_{name}"
    work.mkdir(parents=True, exist_ok=True)
    grown = work / "corpus"
    grown.mkdir(exist_ok=True)
    command = [ROOT / "build/fuzz" / f"{layer}_{name}_fuzz", f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=300", "-rss_limit_mb=2048",
               f"-artifact_prefix={work}/", grown, source.parent / "corpus" / name]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    (work / "log").write_text(done.stderr)
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    text = f"{layer}/{name}: {runs.group(1) if runs else '?'} runs in {seconds} s, " + ("no finding" if done.returncode == 0 else f"FOUND something: {work}/log")
    print(text, flush=True)
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--corpora", action="store_true", help="only see that each target has a corpus")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    sources = [s for s in sorted(ROOT.glob("src/*/*_fuzz.cc")) if not arguments.names or any(n in s.stem for n in arguments.names)]
    for source in sources:
        if not (source.parent / "corpus" / source.stem.removesuffix("_fuzz")).is_dir():
            sys.exit(f"{source.relative_to(ROOT)} has no corpus")
    if arguments.corpora:
        return
    with ThreadPoolExecutor(arguments.jobs) as pool:
        good = list(pool.map(lambda source: run(source, arguments.seconds), sources))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
