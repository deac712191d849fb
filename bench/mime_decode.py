#!/usr/bin/env python3
"""How fast, and in how much memory, a message of 100 MiB is decoded: by `hikyaku mime decode`, by nkf and by Python's email package.

The message is a multipart/mixed with four attachments in base64 (70 %), texts in quoted-printable (20 %, UTF-8) and in
ISO-2022-JP (10 %). hikyaku writes the headers, the texts in UTF-8 and, with --binary, the attachments, to /dev/null. nkf knows no
parts: it gets the same bodies one by one, each with the options that are right for it (-mB -t, -mQ -w, -w), which is more than it
does with a message. Python parses the message from a file and decodes each part (get_content). Memory is the peak of the resident
set of the process as the kernel counts it (VmHWM), which includes the pages of program and libraries; "own" is what the process
has for itself (RssAnon), read while it works; "grown" is the peak over that of a message of a few octets.

usage: bench/mime_decode.py [--binary PATH] [--mib N] [--rounds N]
"""
import argparse
import base64
import os
import quopri
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

JAPANESE = "荷物は明日の朝に届きます。受け取りの印を押してください。箱の中には本が三冊とノートが一冊、それからペンが入っています。足りないものがあれば知らせてください。\r\n"


def lines(text, octets):
    return (text * (octets // len(text) + 1))[:octets // len(text) * len(text)]


def make(folder, mib):
    """The message, and its bodies as files of their own."""
    total = mib << 20
    attachment = random.Random(1).randbytes(int(total * 0.7 / 4 * 76 / 78 * 3 / 4))
    encoded = base64.encodebytes(attachment).replace(b"\n", b"\r\n")
    quoted = lines(quopri.encodestring(JAPANESE.replace("\r\n", "\n").encode()).replace(b"\n", b"\r\n"), total // 5)
    jis = lines(JAPANESE.encode("iso-2022-jp"), total // 10)
    (folder / "base64").write_bytes(encoded)
    (folder / "quoted").write_bytes(quoted)
    (folder / "jis").write_bytes(jis)
    with open(folder / "message", "wb") as out:
        out.write(b"From: a@example.org\r\nSubject: =?UTF-8?B?6KaL56mN?=\r\nMIME-Version: 1.0\r\n"
                  b"Content-Type: multipart/mixed; boundary=\"=_bound\"\r\n\r\n--=_bound\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n")
        out.write(jis + b"\r\n--=_bound\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted)
        for number in range(4):
            out.write(b"\r\n--=_bound\r\nContent-Type: application/octet-stream; name=\"%d.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" % number + encoded)
        out.write(b"\r\n--=_bound--\r\n")
    return (folder / "message").stat().st_size


def run(*command, stdin=None):
    """Seconds, seconds of CPU, peak of the resident set and of its own part, KiB."""
    # The kernel's own figure for a child that has ended counts what it was a copy of before it became this program.
    began = time.monotonic()
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    child = subprocess.Popen([str(word) for word in command], stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    own, peak, done = [0], [0], threading.Event()

    def watch():
        while not done.wait(0.002):
            try:
                for line in open(f"/proc/{child.pid}/status"):
                    if line.startswith("RssAnon"):
                        own[0] = max(own[0], int(line.split()[1]))
                    elif line.startswith("VmHWM"):
                        peak[0] = int(line.split()[1])
            except OSError:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    told = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - began
    done.set()
    watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (command, child.returncode, told[-500:])
    return seconds, usage.ru_utime + usage.ru_stime, peak[0], own[0]


def best(rounds, *command, stdin=None):
    return min(run(*command, stdin=stdin) for _ in range(rounds))


PYTHON = """import sys, email, email.policy
message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
for part in message.walk():
    if not part.is_multipart(): part.get_content()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(Path(__file__).resolve().parents[1] / "build/release/hikyaku"))
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hikyaku-bench-") as name:
        folder = Path(name)
        size = make(folder, options.mib) / (1 << 20)
        (folder / "small").write_bytes(b"Subject: a\r\n\r\nhi\r\n")
        start = best(5, options.binary, "mime", "decode", folder / "small")
        print(f"message of {size:.1f} MiB; start of the program: {start[0] * 1000:.0f} ms, peak {start[2] / 1024:.1f} MiB, own {start[3] / 1024:.1f} MiB")

        def tell(what, result, against=None):
            factor = f", {result[0] / against[0]:.1f} times as long as hikyaku, {result[1] / against[1]:.1f} times its CPU" if against else ""
            grown = f", grown {(result[2] - start[2]) / 1024:.1f}" if not against else ""
            print(f"{what:34} {result[0]:7.3f} s ({size / result[0]:7.1f} MiB/s, CPU {result[1]:.3f} s), peak {result[2] / 1024:6.1f} MiB, "
                  f"own {result[3] / 1024:.1f}{grown}{factor}", flush=True)
            return result

        ours = tell("hikyaku mime decode", best(options.rounds, options.binary, "mime", "decode", folder / "message"))
        tell("hikyaku mime decode --binary", best(options.rounds, options.binary, "mime", "decode", "--binary", folder / "message"))
        if shutil.which("nkf"):
            parts = [best(options.rounds, "nkf", "-w", folder / "jis"), best(options.rounds, "nkf", "-w", "-mQ", folder / "quoted"),
                     best(options.rounds, "nkf", "-t", "-mB", folder / "base64")]
            whole = tuple(parts[0][n] + parts[1][n] + 4 * parts[2][n] for n in (0, 1)) + tuple(max(p[n] for p in parts) for n in (2, 3))
            tell("nkf, each body by itself", whole, ours)
        tell("Python's email package", best(1, sys.executable, "-c", PYTHON, folder / "message"), ours)


if __name__ == "__main__":
    main()
