#!/usr/bin/env python3
"""Messages a second into mailboxes and CPU a message: the hub by SMTP, Dovecot's LMTP into Maildir and into sdbox, in turn, all durable.

usage: bench/mailboxes.py [--rounds 5] [--count 4000] [--writers 20] [--size 4096] [--json FILE]
Each writer has a mailbox of its own. A message counts when it is in its mailbox. Needs Debian's postfix (smtp-source), dovecot-core and
dovecot-lmtpd, and root.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from peers import Hub, arguments, free_port, processor_seconds, work_folder, write_json

DOMAIN = "box.example"
HUB = f"""mydestination =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = regexp:@T@/boxes
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_tls_security_level = none
default_process_limit = 200
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
"""


class HubPeer:
    name, protocol = "hikyaku", []

    def __init__(self, folder, binary):
        self.hub = Hub(binary, Path(folder) / "hikyaku", HUB, services={"in": ""}, tables={"boxes": "/./ ok\n"})
        self.hub.start_detached()
        self.pid, self.port, self.stored, self.read = self.hub.pid, self.hub.ports["in"], 0, 0

    def wait(self, count, timeout=300):
        """Until `count` more are in their mailboxes."""
        wanted, end = self.stored + count, time.monotonic() + timeout
        with open(self.hub.home / "log", "rb") as log:
            log.seek(self.read)
            while self.stored < wanted:
                line = log.readline()
                if not line.endswith(b"\n"):
                    log.seek(self.read)
                    if time.monotonic() > end:
                        raise RuntimeError(f"{self.stored} of {wanted} messages were stored")
                    time.sleep(0.005)
                    continue
                self.read += len(line)
                self.stored += b"delivered to mailbox" in line

    def stop(self):
        self.hub.stop()


class DovecotPeer:
    """A private instance of Debian's Dovecot, LMTP alone."""
    protocol = ["-L"]

    def __init__(self, folder, kind):
        if os.geteuid() != 0 or not shutil.which("dovecot"):
            raise RuntimeError("the comparison needs Debian's dovecot-lmtpd package and root")
        self.name, self.port = f"dovecot {kind}", free_port()
        home = Path(folder) / f"dovecot-{kind}"
        (home / "mail").mkdir(parents=True)
        for part in (Path(folder), home):
            part.chmod(0o755)
        shutil.chown(home / "mail", "nobody")
        conf = home / "dovecot.conf"
        conf.write_text(f"""base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = lmtp
ssl = no
mail_location = {kind}:{home}/mail/%n
mail_fsync = optimized
lda_mailbox_autocreate = yes
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%n
}}
passdb {{
  driver = static
  args = nopassword=y
}}
first_valid_uid = 1
first_valid_gid = 1
service lmtp {{
  process_min_avail = 20
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.port}
  }}
}}
service imap-login {{
  process_limit = 1
}}
""")
        self.process = subprocess.Popen(["dovecot", "-F", "-c", str(conf)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid, self.mail, end = self.process.pid, home / "mail", time.monotonic() + 20
        while subprocess.run(["smtp-source", "-L", "-m", "1", "-f", "a@b.example", "-t", f"first@{DOMAIN}", f"127.0.0.1:{self.port}"],
                             capture_output=True).returncode:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not take a message: " + (home / "log").read_text()[-2000:])
            time.sleep(0.1)

    def wait(self, count):
        """LMTP answers when a message is stored."""

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def one_round(peer, count, writers, size):
    cpu, began = processor_seconds(peer.pid), time.monotonic()
    each = count // writers
    sources = [subprocess.Popen(["smtp-source", *peer.protocol, "-d", "-m", str(each), "-l", str(size), "-f", "alice@example.net",
                                 "-t", f"user{number}@{DOMAIN}", f"127.0.0.1:{peer.port}"], stderr=subprocess.PIPE)
               for number in range(writers)]
    for source in sources:
        told = source.communicate(timeout=300)[1]
        if source.returncode:
            raise RuntimeError(f"{peer.name}: {told.decode(errors='replace')}")
    peer.wait(each * writers)
    took = time.monotonic() - began
    time.sleep(0.3)  # what it still does for these messages belongs to them
    return {"stored": each * writers / took, "cpu_ms": 1000 * (processor_seconds(peer.pid) - cpu) / (each * writers)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=4000, help="messages a round")
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--size", type=int, default=4096)
    options = parser.parse_args()
    folder = work_folder(options)
    peers, figures = [], {}
    try:
        for make in (lambda: HubPeer(folder, options.binary), lambda: DovecotPeer(folder, "maildir"), lambda: DovecotPeer(folder, "sdbox")):
            peers.append(make())
        figures = {peer.name: [] for peer in peers}
        for number in range(options.rounds + 1):
            for peer in peers:
                row = one_round(peer, options.count if number else options.count // 4, options.writers, options.size)
                if number:  # the first round warms up
                    figures[peer.name].append(row)
                    print(f"   round {number} {peer.name}: {row['stored']:.0f}/s stored, {row['cpu_ms']:.3f} ms CPU", file=sys.stderr, flush=True)
    finally:
        for one in peers:
            one.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    medians = {name: {key: statistics.median(r[key] for r in rows) for key in ("stored", "cpu_ms")} for name, rows in figures.items()}
    print(f"\nmedians of {options.rounds} rounds in turn, {options.writers} writers, {options.size} octets a message\n")
    print("| into mailboxes | msg/s | the hub is faster | CPU ms a message | of it the hub takes |\n|---|---|---|---|---|")
    ours = medians["hikyaku"]
    for name, row in medians.items():
        print(f"| {name} | {row['stored']:.0f} | {ours['stored'] / row['stored']:.2f} | {row['cpu_ms']:.3f} | {ours['cpu_ms'] / row['cpu_ms']:.2f} |")
    write_json(options, {"rounds": figures, "medians": medians})


if __name__ == "__main__":
    main()
