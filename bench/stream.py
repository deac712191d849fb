#!/usr/bin/env python3
"""Memory of the hub while large messages stream through it.

usage: bench/stream.py [--messages 21] [--size 52428800] [--sessions 2] [--json FILE]
"""
import argparse
import shutil
import subprocess
import time

from peers import CountingSink, Watch, arguments, memory, start_both, work_folder, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--messages", type=int, default=21)
    parser.add_argument("--size", type=int, default=50 * 2**20)
    parser.add_argument("--sessions", type=int, default=2)
    options = parser.parse_args()
    folder = work_folder(options)
    sink = CountingSink(folder)
    peer = start_both(folder, [sink], options.binary, postfix=False)[0]
    try:
        before, watch, began = memory(peer.pid), Watch(peer.pid), time.monotonic()
        subprocess.run(["smtp-source", "-s", str(options.sessions), "-m", str(options.messages), "-l", str(options.size), "-f", "alice@example.net",
                        "-t", "bob@example.org", f"127.0.0.1:{peer.relay}"], check=True, timeout=900)
        took = sink.wait(options.messages, 900) - began
        samples = watch.end()
    finally:
        peer.stop()
        sink.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    total = options.messages * options.size
    quarters = [max((m for _, m in samples[len(samples) * q // 4:len(samples) * (q + 1) // 4]), default=0) / 2**20 for q in range(4)]
    figures = {"mib": total / 2**20, "seconds": took, "mib_per_second": total / 2**20 / took, "before_mib": before / 2**20,
               "peak_mib": max(m for _, m in samples) / 2**20, "peak_by_quarter_mib": quarters}
    print("{mib:.0f} MiB in {seconds:.1f} s ({mib_per_second:.0f} MiB/s): {before_mib:.1f} MiB of memory before, {peak_mib:.1f} MiB at most; "
          .format(**figures) + "by quarters of the time " + ", ".join(f"{q:.1f}" for q in quarters))
    write_json(options, {**figures, "samples": samples})


if __name__ == "__main__":
    main()
