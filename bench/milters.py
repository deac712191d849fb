#!/usr/bin/env python3
"""What filters cost: a child on libmilter by itself, two of them behind `hikyaku milters serve`, and one in the hub; and the memory of it.

usage: bench/milters.py [--only child,multiplexer,hub,large,memory] [--rounds 3] [--json FILE]
Needs libmilter-dev and gcc, Debian's postfix (smtp-source) for the hub, and build/bench/bench/milter_load. milter-manager is not in Debian 12:
it is not measured here.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from peers import TOP, Watch, arguments, memory, processor_seconds, work_folder, write_json
from hub import Hub

SIZE, SESSIONS, MEGA = 2048, 10, 1024 * 1024
GOALS = {
    "multiplexer.rate_share": ("at least", 0.70),   # of the child's own sessions a second
    "multiplexer.p99_times": ("under", 3.0),        # the child's own
    "hub.rate_loss": ("at most", 0.25),
    "memory.mib": ("under", 256),
}


def ended_children() -> float:
    """Processor seconds of the programs that this one ran and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


class Process:
    """Runs a program until stop(); it is there once its socket is."""

    def __init__(self, command, socket, log):
        self.socket = socket
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while not Path(socket).is_socket():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not listen at {socket}; see {log.name}")
            time.sleep(0.02)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, options, folder):
        self.binary, self.load, self.folder, self.rounds = options.binary, options.load, Path(folder), options.rounds
        self.running, self.figures = [], {}
        self.log = open(self.folder / "log", "ab")
        filter_ = self.folder / "filter"
        subprocess.run(["gcc", "-O2", "-o", filter_, TOP / "tests/milter/filter.c", "-lmilter", "-lpthread"], check=True)
        self.children = [self.start([filter_, f"unix:{self.folder}/child{n}", "all"], self.folder / f"child{n}") for n in (1, 2)]
        self.mux = None

    def start(self, command, socket):
        self.running.append(Process(command, str(socket), self.log))
        return self.running[-1]

    def stop(self):
        for one in reversed(self.running):
            one.stop()
        self.log.close()

    def multiplexer(self):
        """One in front of both children."""
        if self.mux is None:
            socket = self.folder / "multiplexer"
            text = f'manager.connection_spec = "unix:{socket}"\ncontroller.connection_spec = "unix:{self.folder}/control"\n'
            for number, child in enumerate(self.children, 1):
                text += f'define_milter("child{number}") do |milter|\n  milter.connection_spec = "unix:{child.socket}"\nend\n'
            (self.folder / "milter-manager.conf").write_text(text)
            self.mux = self.start([self.binary, "milters", "serve", "-f", self.folder / "milter-manager.conf", "--log", self.folder / "multiplexer.log",
                                   "--spool-directory", self.folder], socket)
        return self.mux

    def run_load(self, socket, sessions, count, size):
        """What the generator tells, and the processor time of a session in ms: its own, the filters' and the multiplexer's."""
        before, own = self.processor_times(), ended_children()
        done = subprocess.run([self.load, socket, str(sessions), str(count), str(size)], capture_output=True, text=True, timeout=500)
        if done.returncode:
            raise RuntimeError(f"{done.stdout}{done.stderr}")
        after = self.processor_times()
        return json.loads(done.stdout) | {"load_cpu_ms": 1000 * (ended_children() - own) / count} | {
            f"{name}_cpu_ms": 1000 * (after[name] - before[name]) / count for name in after}

    def processor_times(self):
        return {"filters": sum(processor_seconds(one.process.pid) for one in self.children),
                **({"multiplexer": processor_seconds(self.mux.process.pid)} if self.mux else {})}

    def note(self, name, value):
        self.figures[name] = value
        goal = GOALS.get(name)
        told = "" if goal is None else f"   (goal: {goal[0]} {goal[1]})"
        print(f"{name}: {value:.3g}{told}" if isinstance(value, float) else f"{name}: {value}{told}", flush=True)

    # ------------------------------------------------------------- what is measured
    def rates(self, with_multiplexer):
        places = {"child": self.children[0].socket, **({"multiplexer": self.multiplexer().socket} if with_multiplexer else {})}
        rows = {name: [] for name in places}
        for number in range(self.rounds + 1):
            for name, socket in places.items():
                row = self.run_load(socket, SESSIONS, 4000 if number else 500, SIZE)
                if number:  # the first warms up
                    rows[name].append(row)
        middle = {name: {key: statistics.median(r[key] for r in all_) for key in all_[0] if key != "failures"} for name, all_ in rows.items()}
        for name, row in middle.items():
            for key, value in row.items():
                if name != "child" or key != "multiplexer_cpu_ms":
                    self.note(f"{name}.{key}", value)
        if with_multiplexer:
            self.note("multiplexer.rate_share", middle["multiplexer"]["sessions_per_second"] / middle["child"]["sessions_per_second"])
            self.note("multiplexer.p99_times", middle["multiplexer"]["p99_ms"] / middle["child"]["p99_ms"])
            # The share that is left to a multiplexer that takes no time itself, where the processors are what there is too little of:
            # the generator and two filters against the generator and one.
            without = {name: row["load_cpu_ms"] + row["filters_cpu_ms"] for name, row in middle.items()}
            self.note("multiplexer.rate_share_if_it_cost_nothing", without["child"] / without["multiplexer"])

    def hub(self):
        """Messages that are accepted and discarded: without a filter, and with one that answers every event."""
        made = Hub(self.binary, self.folder / "hub", "default_transport = discard:\nmaillog_file = /dev/null\n",
                   services={"without": "", "with_one": f"-o smtpd_milters=unix:{self.children[0].socket}"}).start()
        try:
            rows = {name: [] for name in made.ports}
            for number in range(self.rounds + 1):
                for name, port in made.ports.items():
                    count = 4000 if number else 500
                    before, began = (processor_seconds(made.pid), self.processor_times()["filters"], ended_children()), time.monotonic()
                    subprocess.run(["smtp-source", "-d", "-s", "20", "-m", str(count), "-l", str(SIZE), "-f", "a@example.net", "-t", "b@example.org", f"127.0.0.1:{port}"],
                                   check=True, capture_output=True, timeout=300)
                    seconds = time.monotonic() - began
                    after = processor_seconds(made.pid), self.processor_times()["filters"], ended_children()
                    if number:
                        rows[name].append((count / seconds, *(1000 * (now - then) / count for now, then in zip(after, before))))
        finally:
            made.stop()
        for name, all_ in rows.items():
            for key, column in zip(("messages_per_second", "cpu_ms", "filters_cpu_ms", "load_cpu_ms"), zip(*all_)):
                self.note(f"hub.{name}.{key}", statistics.median(column))
        told = self.figures
        self.note("hub.rate_loss", 1 - told["hub.with_one.messages_per_second"] / told["hub.without.messages_per_second"])
        # The loss that is left to a hub to which its side of the protocol costs nothing, where the processors are what there is too little of.
        own = told["hub.without.cpu_ms"] + told["hub.without.load_cpu_ms"]
        self.note("hub.rate_loss_if_its_side_cost_nothing", 1 - own / (own + told["hub.with_one.filters_cpu_ms"]))

    def memory(self, sessions=1000):
        """Of the multiplexer, with so many sessions before their end of message."""
        mux = self.multiplexer()
        load = subprocess.Popen([self.load, mux.socket, str(sessions), str(sessions), str(SIZE), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if load.stdout.readline() != "held\n":
            raise RuntimeError("the load generator does not hold its sessions")
        self.note("memory.sessions", sessions)
        self.note("memory.mib", memory(mux.process.pid) / MEGA)
        told = json.loads(load.communicate("\n", timeout=120)[0])
        self.note("memory.failures", told["failures"])

    def large(self):
        """One message of 50 MiB through both children."""
        mux = self.multiplexer()
        before, watch = memory(mux.process.pid), Watch(mux.process.pid, 0.02)
        told = self.run_load(mux.socket, 1, 1, 50 * MEGA)
        peak = max(octets for _, octets in watch.end())
        self.note("large.seconds", told["p50_ms"] / 1000)
        self.note("large.mib_before", before / MEGA)
        self.note("large.mib_peak", peak / MEGA)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--load", default=str(TOP / "build/bench/bench/milter_load"))
    parser.add_argument("--only", default="child,multiplexer,hub,large,memory")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chosen = options.only.split(",")
    folder = work_folder(options)
    bench = Bench(options, folder)
    try:
        if "child" in chosen or "multiplexer" in chosen:
            bench.rates("multiplexer" in chosen)
        for name in ("hub", "large", "memory"):
            if name in chosen:
                getattr(bench, name)()
    finally:
        bench.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    write_json(options, bench.figures)


if __name__ == "__main__":
    sys.exit(main())
