"""hikyaku probe audit: the hub survives every case; Postfix and Dovecot show that the expectations are true, and that the cases find what is open."""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from hub import SUBMISSION, free_port
from marks import Skip

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from private_postfix import Postfix  # noqa: E402


def audit(lab, *words, want=None):
    """The rows of an audit by name, and its exit code."""
    done = subprocess.run([lab.binary, "probe", "audit", *map(str, words), "--json"], capture_output=True, timeout=300)
    rows = {row["id"]: row for row in map(json.loads, done.stdout.decode().splitlines())}
    assert want is None or done.returncode == want, (done.returncode, done.stderr.decode(), wrong(rows))
    return rows


def wrong(rows, fine=("pass", "not applicable", "information")):
    return {name: (row["verdict"], row["why"]) for name, row in rows.items() if row["verdict"] not in fine}


def verdicts(rows, verdict):
    return {name for name, row in rows.items() if row["verdict"] == verdict}


def password_file(lab, secret="correct horse"):
    path = lab.folder / "password"
    path.write_text(secret + "\n")
    return path
