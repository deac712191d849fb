#!/usr/bin/env python3
"""Messages a second and CPU a message, hub and Postfix in turn (A B A B), equal settings, durable queues on both sides.

usage: bench/relay.py [--rounds 5] [--only relay20,relay1,submission100] [--size 4096] [--json FILE]
Needs Debian's postfix (smtp-source, smtp-sink and the peer), sasl2-bin for the submission, root, and build/bench/bench/submission_load.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time

from peers import CountingSink, SECRET, TOP, USER, arguments, processor_seconds, start_both, work_folder, write_json

# name: (sessions, messages a round, what)
CASES = {
    "relay20": (20, 4000, "relay through, 20 sessions"),
    "relay1": (1, 800, "relay through, 1 session"),
    "submission100": (100, 1500, "submission with STARTTLS and AUTH, 100 threads"),
}


def one_round(case, peer, sink, size, scale):
    sessions, count, _ = CASES[case]
    count = max(sessions, int(count * scale))
    before, cpu, began = sink.count(), processor_seconds(peer.pid), time.monotonic()
    if case == "submission100":
        program = TOP / "build/bench/bench/submission_load"
        done = subprocess.run([str(program), "127.0.0.1", str(peer.submission), str(sessions), str(count), str(size), USER, SECRET],
                              capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"{peer.name}: {done.stdout}{done.stderr}")
        accepted = json.loads(done.stdout)["rate"]
    else:
        subprocess.run(["smtp-source", "-s", str(sessions), "-m", str(count), "-l", str(size), "-f", "alice@example.net", "-t", "bob@example.org",
                        f"127.0.0.1:{peer.relay}"], check=True, timeout=300, capture_output=True)
        accepted = count / (time.monotonic() - began)
    ended = sink.wait(before + count, 300)
    time.sleep(0.3)  # what it still does for these messages after the last left belongs to them
    used = processor_seconds(peer.pid) - cpu
    return {"accepted": accepted, "relayed": count / (ended - began), "cpu_ms": 1000 * used / count}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--scale", type=float, default=1.0, help="times the messages of a round")
    parser.add_argument("--no-postfix", action="store_true", help="the hub alone")
    options = parser.parse_args()
    folder = work_folder(options)
    sinks = [CountingSink(folder), CountingSink(folder)]
    peers, figures = [], {}
    try:
        peers = start_both(folder, sinks, options.binary, not options.no_postfix)
        for case in options.only.split(","):
            figures[case] = {peer.name: [] for peer in peers}
            for number in range(options.rounds + 1):
                for peer, sink in zip(peers, sinks):
                    row = one_round(case, peer, sink, options.size, options.scale if number else options.scale / 4)
                    if number:  # the first round warms up
                        figures[case][peer.name].append(row)
                        print(f"   {case} round {number} {peer.name}: {row['relayed']:.0f}/s relayed, {row['accepted']:.0f}/s accepted, "
                              f"{row['cpu_ms']:.3f} ms CPU", file=sys.stderr, flush=True)
    finally:
        for one in peers + sinks:
            one.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)

    def median(case, name, key):
        return statistics.median(r[key] for r in figures[case][name])

    print(f"\nmedians of {options.rounds} rounds in turn, {options.size} octets a message\n")
    print("| case | hikyaku msg/s | postfix msg/s | ratio | hikyaku CPU ms | postfix CPU ms | ratio |\n|---|---|---|---|---|---|---|")
    summary = {}
    for case in figures:
        cells = []
        for key, form in (("relayed", "{:.0f}"), ("cpu_ms", "{:.3f}")):
            ours = median(case, "hikyaku", key)
            theirs = median(case, "postfix", key) if "postfix" in figures[case] else None
            ratio = None if theirs is None else ours / theirs
            cells += [form.format(ours), "-" if theirs is None else form.format(theirs), "-" if ratio is None else f"{ratio:.2f}"]
            summary[f"{case}.{key}"] = {"hikyaku": ours, "postfix": theirs, "ratio": ratio}
        print(f"| {CASES[case][2]} | " + " | ".join(cells) + " |")
    write_json(options, {"rounds": figures, "medians": summary})


if __name__ == "__main__":
    main()
