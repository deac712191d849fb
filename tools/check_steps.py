#!/usr/bin/env python3
"""Every step name that a decision writes into the ledger is explained in docs/steps.md, and nothing else is."""
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
AREAS = sorted(p.name for p in (TOP / "src").iterdir() if p.is_dir()) 
# Any literal "area.name", but for those that something is compared with: requests to a running hub.
NAME = re.compile(r'(?<!== )"((?:%s)\.[a-z][a-z0-9_]*)"' % "|".join(AREAS))


def used():
    found = {}
    for path in sorted((TOP / "src").rglob("*.cc")) + sorted((TOP / "src").rglob("*.h")):
        if path.name.endswith(("_test.cc", "_fuzz.cc", "_for_tests.h")) or "cmd" in path.parts:
            continue
        code = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        for name in NAME.findall(code):
            found.setdefault(name, path.relative_to(TOP))
    return found


def main():
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z0-9_]+)` \|", (TOP / "docs/steps.md").read_text(encoding="utf-8"), re.M))
    found = used()
    for name in sorted(set(found) - listed):
        print(f"{found[name]}: step \"{name}\" is not in docs/steps.md")
    for name in sorted(listed - set(found)):
        print(f"docs/steps.md: no code writes the step \"{name}\"")
    return int(set(found) != listed)


if __name__ == "__main__":
    sys.exit(main())
