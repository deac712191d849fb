#!/usr/bin/env python3
"""What ./nightly runs after the packages are there: the release build's unit tests, tests of crashes and damages in their long variants, a build
of each file by itself, the fuzz targets."""
import os
import re
import sys
from pathlib import Path

import check

# Names of tests that do more when HIKYAKU_NIGHTLY is set. What a sanitizer is for is a file that is read wrong; 500 starts of a program that is many
# times as slow would show nothing that the 30 of ./check don't.
LONG = {"release": {"serve_test": "*MountDamage*:*MountCrash*:*PowerFailure*"}, "asan": {"serve_test": "*MountDamage*"}}


def long_tests(preset):
    """Each test is counted, as ./check does."""
    for program, names in LONG[preset].items():
        path = check.TOP / "build" / preset / program
        result = check.LOGS / f"{preset}-{program}.json"
        result.unlink(missing_ok=True)
        env = {"HIKYAKU_NIGHTLY": "1", "ASAN_OPTIONS": "detect_stack_use_after_return=1:check_initialization_order=1",
               "UBSAN_OPTIONS": "print_stacktrace=1"}
        command = [str(path), f"--gtest_filter={names}", f"--gtest_output=json:{result}"]
        good, text = check.run(f"{preset} {program} at length", command, env=env, limit=4 * 3600)
        for why in sorted(set(re.findall(r": Skipped\n(.*)", text))):
            print(f"   skipped: {why}", flush=True)
        told = check.count_unit_tests(good, result)
        if told and told["tests"] == 0:
            check.add(failed=1)  # the names above are wrong


def fuzz(seconds):
    """Each target counts as one test."""
    if seconds <= 0 or not check.step("configure fuzz", ["cmake", "--preset", "fuzz"])[0]:
        return
    if not check.step("build fuzz", ["nice", "cmake", "--build", "--preset", "fuzz", "--parallel", str(os.cpu_count() or 2)], limit=3600)[0]:
        return
    good, text = check.run("fuzz", [sys.executable, "tools/fuzz.py", "--seconds", str(seconds)], limit=24 * 3600, show_lines=True)
    found = len(re.findall(r"FOUND something", text))
    quiet = len(re.findall(r"no finding", text))
    check.add(passed=quiet, failed=found)
    if not good and not found:
        check.add(failed=1)


def each_file_by_itself():
    """Batches of files see each other's headers: here one that includes too little is found."""
    if check.step("configure files", ["cmake", "--preset", "release", "-B", "build/files", "-DHIKYAKU_BATCHES=OFF"])[0]:
        check.step("build files", ["nice", "cmake", "--build", "build/files", "--parallel", str(os.cpu_count() or 2), "--", "-k", "30"], limit=2 * 3600)


def main():
    check.LOGS = check.TOP / "build/nightly-logs"
    check.LOGS.mkdir(parents=True, exist_ok=True)
    for preset in ("release", "asan"):
        if check.build(preset):
            if preset == "release":
                check.unit_tests(preset)  # ./check has them under the sanitizer alone
            long_tests(preset)
    each_file_by_itself()
    fuzz(int(os.environ.get("FUZZ_SECONDS", "60")))
    return check.verdict()


if __name__ == "__main__":
    sys.exit(main())
