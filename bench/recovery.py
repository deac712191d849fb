#!/usr/bin/env python3
"""The mailbox store beside `cat`: reading logs and tables, recovery after a crash, the start of a hub, opening a mailbox of a million messages.

usage: bench/recovery.py [--rounds 5] [--only logs,verify,mount,mailbox,pop3] [--scale 1.0] [--json FILE]
Each case prints its goal beside what was measured. Cold means: the database's files are synced and dropped from this machine's page cache by
posix_fadvise, the programs' own are not; what a host below keeps is not dropped either, so `cat` of the same files is measured in turn with
each. The best of the rounds counts for times, of CPU the median. Needs build/bench/bench/store_load (the bench preset) and 6 GB of disk.
"""
import argparse
import json
import os
import poplib
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from peers import Hub, SECRET, TOP, arguments, work_folder, write_json

LOAD = TOP / "build/bench/bench/store_load"
MAILBOX = "joe@box.example"
GIB = 1 << 30
MAIN = """mydestination =
virtual_mailbox_domains = box.example
virtual_mailbox_maps = inline:{joe@box.example=ok}
smtpd_tls_security_level = none
"""
CASES = ("logs", "verify", "mount", "mailbox", "pop3")


def database(hub) -> Path:
    return hub.home / "data/mailboxes/default"


def files(folder, *suffixes) -> list:
    return sorted(p for p in Path(folder).rglob("*") if p.is_file() and (not suffixes or p.suffix in suffixes))


def drop_from_cache(paths):
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def timed(command, want=0):
    """Seconds, CPU seconds and what it printed."""
    with open(os.devnull, "rb") as nothing:
        began = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdin=nothing, stdout=subprocess.PIPE)
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != want:
        raise RuntimeError(f"{command} ended with {process.returncode}: {output.decode(errors='replace')[-2000:]}")
    return {"seconds": took, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}, output


def cat(paths):
    with open(os.devnull, "wb") as nothing:
        began = time.monotonic()
        process = subprocess.Popen(["cat", *map(str, paths)], stdout=nothing)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError("cat failed")
        return {"seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}


def load(*words):
    return json.loads(subprocess.run([str(LOAD), *map(str, words)], check=True, capture_output=True, text=True).stdout)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.rows, self.figures = options, Path(folder), [], {}

    def hub(self, name):
        hub = Hub(self.options.binary, self.folder / name, MAIN, services={"in": "", "pop3": "pop3"})
        database(hub).parent.mkdir(parents=True, exist_ok=True)
        return hub

    def store(self, hub, *words):
        return [self.options.binary, "store", "-c", hub.conf, *words]

    def say(self, text):
        print("   " + text, file=sys.stderr, flush=True)

    def told(self, what, measured, goal, reached):
        self.rows.append((what, measured, goal, "" if reached is None else "yes" if reached else "NO"))

    def beside_cat(self, name, what, paths, command, goal=0.8):
        """The same files by cat and by the command, cold, in turn."""
        octets, rounds = sum(p.stat().st_size for p in paths), {"cat": [], "ours": []}
        for number in range(self.options.rounds):
            for peer in ("cat", "ours"):
                drop_from_cache(paths)
                row = cat(paths) if peer == "cat" else timed(command)[0]
                rounds[peer].append(row)
                self.say(f"{name} round {number + 1} {peer}: {octets / row['seconds'] / 1e6:.0f} MB/s, {row['cpu'] * GIB / octets:.3f} s of CPU a GiB")
        best = {peer: min(r["seconds"] for r in rows) for peer, rows in rounds.items()}
        cpu = {peer: statistics.median(r["cpu"] for r in rows) * GIB / octets for peer, rows in rounds.items()}
        share = best["cat"] / best["ours"]
        self.figures[name] = {"octets": octets, "rounds": rounds, "share": share}
        self.told(what, f"{octets / best['ours'] / 1e6:.0f} MB/s, cat {octets / best['cat'] / 1e6:.0f} MB/s: {share:.0%}; "
                  f"CPU a GiB {cpu['ours']:.2f} s, cat {cpu['cat']:.2f} s; peak memory {max(r['peak'] for r in rounds['ours']) >> 20} MiB",
                  f"{goal:.0%} of cat" if goal else "-", share >= goal if goal else None)

    def crashed(self):
        hub = self.hub("crashed")
        if not database(hub).exists():
            load("crash", database(hub), int(GIB * self.options.scale))
        return hub

    def logs(self):
        hub = self.crashed()
        logs = files(database(hub) / "db", ".log")
        self.beside_cat("check-logs", f"store check-logs, {len(logs)} logs, {sum(p.stat().st_size for p in logs) >> 20} MiB", logs,
                        self.store(hub, "check-logs"))

    def mount(self):
        source, hub, seconds, rounds = database(self.crashed()), self.hub("mounted"), [], []
        octets = sum(p.stat().st_size for p in files(source / "db", ".log"))
        for number in range(self.options.rounds):
            shutil.rmtree(database(hub), ignore_errors=True)
            subprocess.run(["cp", "-a", str(source), str(database(hub))], check=True)
            drop_from_cache(files(database(hub)))
            row, _ = timed(self.store(hub, "mount"))
            rounds.append(row)
            seconds.append(row["seconds"])
            self.say(f"mount round {number + 1}: {row['seconds']:.2f} s, {row['cpu']:.2f} s of CPU, peak {row['peak'] >> 20} MiB")
        shutil.rmtree(database(hub))
        self.figures["mount"] = {"octets": octets, "rounds": rounds}
        self.told(f"store mount after a crash, {octets >> 20} MiB of logs, cold", f"{min(seconds):.2f} s (at most {max(seconds):.2f}); "
                  f"CPU {statistics.median(r['cpu'] for r in rounds):.2f} s; peak memory {max(r['peak'] for r in rounds) >> 20} MiB",
                  "20 s a GiB", min(seconds) * GIB / octets <= 20)

    def verify(self):
        hub = self.hub("large")
        if not database(hub).exists():
            load("fill", database(hub), int(200_000 * self.options.scale), 4096, int(1000 * self.options.scale))
        paths = files(database(hub) / "db", ".sst", ".blob") + files(database(hub) / "blobs")
        size = f"{sum(p.stat().st_size for p in paths) >> 20} MiB"
        self.beside_cat("verify files", f"store verify without cross references, {size}", paths, [LOAD, "files", database(hub)])
        self.beside_cat("verify", f"store verify, {size} with {int(201_000 * self.options.scale)} messages", paths, self.store(hub, "verify"))

    def million(self):
        hub = self.hub("million")
        if not database(hub).exists():
            load("fill", database(hub), int(1_000_000 * self.options.scale), 300, 100)
        return hub

    def mailbox(self):
        hub = self.million()
        rows = {"cold": [], "warm": []}
        for number in range(self.options.rounds):
            for state in rows:
                if state == "cold":
                    drop_from_cache(files(database(hub)))
                row = load("open", database(hub))
                rows[state].append(row)
                self.say(f"mailbox round {number + 1} {state}: start {row['start_ms']:.0f} ms, open {row['select_ms']:.2f} ms, "
                         f"again {row['select_again_ms']:.2f} ms, {row['select_octets'] >> 10} KiB more")
        self.figures["mailbox"] = rows
        count = rows["cold"][0]["messages"]

        def best(key, state):
            return min(r[key] for r in rows[state])

        self.told(f"opening a mailbox of {count} messages: counts, unseen, UIDNEXT, HIGHESTMODSEQ",
                  f"{best('select_ms', 'cold'):.2f} ms cold, {best('select_ms', 'warm'):.2f} ms warm, {best('select_again_ms', 'warm'):.2f} ms again",
                  "50 ms", best("select_ms", "cold") <= 50)
        most = max(r["select_octets"] for r in rows["cold"] + rows["warm"])
        self.told("memory for it", f"{most / (1 << 20):.1f} MiB", "32 MiB", most <= 32 << 20)
        self.told("the start of a hub on this database", f"{best('start_ms', 'cold'):.0f} ms cold, {best('start_ms', 'warm'):.0f} ms warm", "-", None)

    def pop3(self):
        hub = self.million()
        hub.add_user(MAILBOX, SECRET)
        hub.start_detached()
        seconds, more, first = [], [], None
        try:
            for number in range(self.options.rounds):
                before = hub.memory()
                client = poplib.POP3("127.0.0.1", hub.ports["pop3"], timeout=60)
                client.user(MAILBOX)
                began = time.monotonic()
                client.pass_(SECRET)
                count, octets = client.stat()
                seconds.append(time.monotonic() - began)
                more.append(hub.memory() - before)
                first = more[0]
                client.quit()
                self.say(f"pop3 round {number + 1}: PASS to STAT {seconds[-1] * 1000:.0f} ms, {more[-1] >> 20} MiB more; {count} messages, {octets} octets")
        finally:
            hub.stop()
        self.figures["pop3"] = {"seconds": seconds, "more": more}
        self.told(f"POP3, PASS to +OK of STAT, {count} messages with all sizes and UIDs",
                  f"{min(seconds) * 1000:.0f} ms (the first {seconds[0] * 1000:.0f}); the hub's memory grows by {first / (1 << 20):.1f} MiB, "
                  f"with the engine's cache", "32 MiB", first <= 32 << 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--scale", type=float, default=1.0, help="times the sizes: 1.0 is 1 GiB of logs and a million messages")
    options = parser.parse_args()
    folder = work_folder(options)
    bench = Bench(options, folder)
    try:
        for case in options.only.split(","):
            {name: getattr(bench, name) for name in CASES}[case]()
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{options.rounds} rounds, cold by posix_fadvise, {os.cpu_count()} processors\n")
    print("| | measured | goal | reached |\n|---|---|---|---|")
    for row in bench.rows:
        print("| " + " | ".join(row) + " |")
    write_json(options, bench.figures)


if __name__ == "__main__":
    main()
