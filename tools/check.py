#!/usr/bin/env python3
"""What ./check runs after the packages are there: each step with its log, then the sum of all tests."""
import glob
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LOGS = TOP / "build/check-logs"
FAST = bool(os.environ.get("FAST"))
counts = {"passed": 0, "failed": 0, "skipped": 0}


def add(passed=0, failed=0, skipped=0):
    counts["passed"] += passed
    counts["failed"] += failed
    counts["skipped"] += skipped


def run(name, command, env=None, limit=1500, show_lines=False, folder=TOP):
    """Runs a command with its output in a log; prints the name, the time, and the output's end on failure."""
    log = LOGS / f"{name.replace(' ', '-').replace('/', '-')}.log"
    print(f"== {name} ...", flush=True)
    began = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                                   errors="replace", env={**os.environ, **(env or {})}, cwd=folder)
        told = began
        for line in process.stdout:
            out.write(line)
            now = time.monotonic()
            if show_lines or now - told > 20:
                print("   " + line.rstrip()[:200], flush=True)
                told = now
            if now - began > limit:
                process.kill()
                out.write(f"stopped after {limit} s\n")
        code = process.wait()
    took = time.monotonic() - began
    print(f"   {'ok' if code == 0 else 'FAILED'} in {took:.0f} s: {name}", flush=True)
    if code != 0 and not show_lines:
        for line in log.read_text(errors="replace").splitlines()[-60:]:
            print("   | " + line[:240], flush=True)
    return code == 0, log.read_text(errors="replace")


def step(name, command, **options):
    """A step that counts as one test."""
    good, text = run(name, command, **options)
    add(passed=good, failed=not good)
    return good, text


def sources(*patterns):
    return sorted(p for pattern in patterns for p in glob.glob(pattern, recursive=True, root_dir=TOP))


def formatting():
    files = sources("src/**/*.cc", "src/**/*.h", "tests/**/*.cc", "tests/**/*.h", "bench/**/*.cc", "bench/**/*.h")
    if files:
        step("format", ["clang-format-14", "--dry-run", "-Werror", *files])


def lints():
    step("co_await lint", [sys.executable, "tools/check_co_await.py", *sources("src/**/*.cc", "src/**/*.h")])
    step("step names are documented", [sys.executable, "tools/check_steps.py"])
    step("fuzz targets have a corpus", [sys.executable, "tools/fuzz.py", "--corpora"])


def build(preset, target="all"):
    """Configure and build; the layers hold, or it does not compile."""
    good, _ = step(f"configure {preset}", ["cmake", "--preset", preset, "-DHIKYAKU_TESTS=ON"])
    if not good:
        return False
    return step(f"build {preset}", ["nice", "cmake", "--build", "--preset", preset, "--parallel", str(os.cpu_count() or 2), "--target", target, "--", "-k", "30"],
                limit=3600)[0]


def unit_tests(preset):
    folder = TOP / "build" / preset
    programs = sorted(folder.glob("*_test"))
    expected = sorted({Path(p).parts[1] for p in sources("src/*/*_test.cc")})
    for layer in expected:
        if folder / f"{layer}_test" not in programs:
            print(f"   FAILED {layer}_test was not built", flush=True)
            add(failed=1)
    for program in programs:
        unit_test(preset, program)


def unit_test(preset, program):
    """One program, its tests shared out to as many processes as there are processors."""
    shards = os.cpu_count() or 2
    env = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:check_initialization_order=1", "UBSAN_OPTIONS": "print_stacktrace=1",
           "GTEST_TOTAL_SHARDS": str(shards)}

    def run_shard(number):
        name = f"{preset} {program.name}" + (f" {number + 1}" if shards > 1 else "")
        result = LOGS / f"{name.replace(' ', '-')}.json"
        result.unlink(missing_ok=True)
        good, _ = run(name, [str(program), f"--gtest_output=json:{result}", "--gtest_brief=1"],
                      env={**env, "GTEST_SHARD_INDEX": str(number)}, limit=1800)
        return good, result

    with ThreadPoolExecutor(shards) as pool:
        for good, result in pool.map(run_shard, range(shards)):
            count_unit_tests(good, result)


def count_unit_tests(good, result):
    """Adds up what GoogleTest wrote to `result`, and returns it; None when there is nothing."""
    try:
        told = json.loads(result.read_text())
    except (OSError, ValueError):
        add(failed=1)  # it died: whatever passed before does not count
        return None
    failed = told["failures"] + told.get("errors", 0)
    skipped = sum(t.get("result") == "SKIPPED" for suite in told["testsuites"] for t in suite["testsuite"])
    add(passed=told["tests"] - told["failures"] - told.get("disabled", 0) - skipped, failed=failed, skipped=skipped)
    if not good and not failed:
        add(failed=1)  # a sanitizer spoke at the end
    return told


def end_to_end(preset, *options):
    binary = TOP / "build" / preset / "hikyaku"
    good, text = run(f"end to end {preset}", [sys.executable, "tests/e2e/run.py", "--binary", str(binary), *options], limit=2400, show_lines=True)
    last = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M)
    if not last:
        add(failed=1)
        return
    passed, failed, skipped = map(int, last[-1])
    add(passed, failed, skipped)
    if not good and not failed:
        add(failed=1)


def verdict():
    """Prints the last lines; gives the exit code. Nothing passed: something is wrong."""
    if counts["passed"] == 0:
        counts["failed"] = counts["failed"] or 1
    print(f"logs: {LOGS}")
    print(f"{counts['passed']} passed, {counts['failed']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] else 0


def main():
    LOGS.mkdir(parents=True, exist_ok=True)
    formatting()
    lints()
    if FAST:
        build("release")
        unit_tests("release")
        return verdict()
    # Unit tests run once here, where a sanitizer looks on: CI has no time to compile them twice. --fast and ./nightly run them in the release build.
    build("release", target="hikyaku")
    build("asan")
    unit_tests("asan")
    end_to_end("release")
    end_to_end("asan", "--short")
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
