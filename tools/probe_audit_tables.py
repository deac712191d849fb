#!/usr/bin/env python3
"""Writes the tables of docs/probe-audit.md anew, from what `hikyaku probe audit --list --json` says. usage: probe_audit_tables.py [BINARY]"""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/hikyaku"
    out = subprocess.run([binary, "probe", "audit", "--list", "--json"], check=True, capture_output=True).stdout.decode()
    rows = [json.loads(line) for line in out.splitlines()]
    page = ROOT / "docs/probe-audit.md"
    text = page.read_text()
    for protocol in ("smtp", "pop3", "imap"):
        table = "".join(f"| `{row['id']}` | {row['title']} | {row['reference']} |\n" for row in rows if row["protocol"] == protocol)
        begin = f"<!-- cases: {protocol} -->\n\n| case | what is tried | known from |\n|---|---|---|\n"
        text = re.sub(rf"<!-- cases: {protocol} -->\n.*?(?=\n## |\Z)", lambda _: begin + table, text, flags=re.S)
    page.write_text(text.rstrip("\n") + "\n")


main()
