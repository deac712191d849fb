#!/usr/bin/env python3
"""End-to-end tests: a real hub, real sockets, real peers. Each test_*.py beside this file holds functions test_*(lab).

usage: run.py [--binary PATH] [--short] [--only TEXT] [--jobs N] [--list] [--keep]
"""
import argparse
import os
import importlib
import inspect
import shutil
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import hub as hub_module  # noqa: E402
import sink as sink_module  # noqa: E402
from marks import Skip  # noqa: E402


class Lab:
    """What a test gets: hubs and sinks that are stopped after it, a folder of its own, certificates."""

    def __init__(self, binary, folder, certificates, slow):
        self.binary, self.folder, self.certificates, self.slow = binary, Path(folder), certificates, slow
        self.hubs, self.sinks, self.at_end = [], [], []

    def hub(self, main="", start=True, **options):
        made = hub_module.Hub(self.binary, self.folder / f"hub{len(self.hubs) + 1}", main, **options)
        self.hubs.append(made)
        return made.start() if start else made

    def sink(self, script=(), **options):
        made = sink_module.Sink(script, **options)
        self.sinks.append(made)
        return made

    def tls_settings(self, name="mail.hub.test") -> str:
        certificate, key = self.certificates[name]
        return f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_security_level = may\n"

    def end(self):
        problems = []
        for action in self.at_end:
            try:
                action()
            except Exception:  # noqa: BLE001 - whatever it was, the rest must end too
                problems.append(traceback.format_exc(limit=-4))
        for one in self.hubs:
            try:
                one.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        for one in self.sinks:
            one.stop()
        return problems


def collect(only):
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and function.__module__ == path.stem:
                full = f"{path.stem[5:]}.{name[5:]}"
                if only is None or any(text in full for text in only):
                    found.append((full, function))
    return sorted(found, key=lambda t: (t[1].__module__, t[1].__code__.co_firstlineno))


def run_one(name, function, options, certificates):
    folder = Path(tempfile.mkdtemp(prefix="hikyaku-e2e-"))
    lab = Lab(options.binary, folder, certificates, options.short)
    began, outcome, told = time.monotonic(), "passed", ""
    try:
        function(lab)
    except Skip as reason:
        outcome, told = "skipped", str(reason)
    except BaseException:  # noqa: BLE001 - the end of a test, whatever it was
        outcome, told = "failed", traceback.format_exc(limit=-6)
    problems = lab.end()
    if problems:
        outcome, told = "failed", "\n".join([told, *problems] if outcome == "failed" else problems)
    if outcome == "failed":
        for one in lab.hubs:
            told += f"\n-- log of {one.home.name}, the last lines:\n" + "\n".join(one.lines[-25:])
    if options.keep:
        told += f"\n(kept: {folder})"
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return name, outcome, time.monotonic() - began, told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=os.path.abspath, default=str(HERE.parents[1] / "build/release/hikyaku"))
    parser.add_argument("--short", action="store_true", help="without the tests that are about size and speed")
    parser.add_argument("--only", action="append", help="only tests whose name holds TEXT; may be given more than once")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave each test's folder and name it")
    options = parser.parse_args()
    tests = collect(options.only)
    if options.short:
        tests = [t for t in tests if not (getattr(t[1], "long", False) or getattr(sys.modules[t[1].__module__], "ALL_LONG", False))]
    if options.list:
        print("\n".join(name for name, _ in tests))
        return 0
    if not Path(options.binary).exists():
        print(f"there is no {options.binary}; ./quickstart --build makes it", file=sys.stderr)
        return 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    printing = threading.Lock()

    def report(result):
        name, outcome, seconds, told = result
        with printing:
            counts[outcome] += 1
            print(f"{ {'passed': 'ok     ', 'failed': 'FAILED ', 'skipped': 'skipped'}[outcome]} {name} ({seconds:.1f} s)"
                  + (f": {told}" if outcome == "skipped" else ""), flush=True)
            if outcome == "failed" or (options.keep and told):
                print("    " + told.replace("\n", "\n    "), flush=True)

    with tempfile.TemporaryDirectory(prefix="hikyaku-tls-") as folder:
        certificates = hub_module.make_certificates(folder)
        together = [t for t in tests if not getattr(t[1], "alone", False)]
        with ThreadPoolExecutor(options.jobs) as pool:
            for result in pool.map(lambda t: run_one(*t, options, certificates), together):
                report(result)
        for name, function in tests:
            if getattr(function, "alone", False):
                report(run_one(name, function, options, certificates))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
