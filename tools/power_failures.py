#!/usr/bin/env python3
"""Lets the power fail below a real ext4: a FUSE file that records what is written and synced, an ext4 on it through a loop
device, and a database on that. For each power failure the disk is made anew from the record, mounted, and compared with
what was acknowledged before it. ./nightly does it; this repeats one, or does more. Needs root, /dev/fuse and loop devices.

  tools/power_failures.py                             900 failures each of the mailboxes and of the queue
  tools/power_failures.py --seed 7 --cuts 5000 --kind queue
  tools/power_failures.py --record /tmp/hikyaku-power-x --seed 7 --cuts 900 --kind queue     what failed, again
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the moments and of what the disk keeps; told by each run")
    parser.add_argument("--cuts", type=int, default=900, help="how many power failures")
    parser.add_argument("--kind", choices=("mailboxes", "queue"), help="of one database alone; with --record that of the record")
    parser.add_argument("--record", type=Path, help="the folder that a failure kept: no new one is made")
    parser.add_argument("--preset", default="release", help="whose serve_test is run")
    arguments = parser.parse_args()
    if arguments.record and not (arguments.kind and (arguments.record / "record").is_file()):
        parser.error("--record wants a folder with a record, and the --kind of its database")
    program = TOP / "build" / arguments.preset / "serve_test"
    if not program.exists():
        sys.exit(f"{program} is not built: ninja -C build/{arguments.preset} serve_test")
    chosen = {"HIKYAKU_POWER_SEED": arguments.seed, "HIKYAKU_POWER_CUTS": arguments.cuts, "HIKYAKU_POWER_RECORD": arguments.record}
    env = os.environ | {name: str(value) for name, value in chosen.items() if value is not None}
    return subprocess.run([str(program), f"--gtest_filter=PowerFailure.*/{arguments.kind or '*'}", "--gtest_brief=1"], env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
