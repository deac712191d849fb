"""hikyaku probe audit: the hub survives every case; Postfix and Dovecot show that the expectations are true, and that the cases find what is open."""
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from client import sample
from hub import SUBMISSION, free_port
from marks import Skip, long
from test_pop3 import deliver
from test_store import BOXES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from private_postfix import Postfix  # noqa: E402

USER, SECRET = "test@box.example", "correct horse"


def audit(lab, *words, want=None):
    """The rows of an audit by name, and its exit code."""
    done = subprocess.run([lab.binary, "probe", "audit", *map(str, words), "--json"], capture_output=True, timeout=600)
    for secret in (SECRET.encode(), base64.b64encode(f"\0{USER}\0{SECRET}".encode())):
        assert secret not in done.stdout + done.stderr, "the password is in the output"
    rows = {row["id"]: row for row in map(json.loads, done.stdout.decode().splitlines())}
    assert want is None or done.returncode == want, (done.returncode, done.stderr.decode(), wrong(rows))
    return rows


def wrong(rows, fine=("pass", "not applicable", "information")):
    return {name: (row["verdict"], row["why"]) for name, row in rows.items() if row["verdict"] not in fine}


def verdicts(rows, verdict):
    return {name for name, row in rows.items() if row["verdict"] == verdict}


def password_file(lab):
    path = lab.folder / "password"
    path.write_text(SECRET + "\n")
    return path


STRANGER = "mynetworks = 192.0.2.0/24\nmessage_size_limit = 1000000\nsmtpd_error_sleep_time = 0\nlocal_recipient_maps = inline:{postmaster=here}\n"
# What the cases hand in of whole messages; behind each true end there is one message and no other.
TAKEN = "taken as content"


def no_message_was_smuggled(rows, sink):
    """Each message that a case says was taken came on, and none out of the middle of another one."""
    taken = sum(row["why"].startswith(TAKEN) for row in rows.values())
    assert taken >= 5, rows
    came = sink.wait(taken)
    subjects = [line for one in came for line in one.header().split(b"\r\n") if line.startswith(b"Subject:")]
    assert not [s for s in subjects if s.endswith(b"smuggled")], subjects


def smtp_hub(lab, sink, services):
    hub = lab.hub(lab.tls_settings() + STRANGER + f"local_transport = smtp:{sink.next_hop}\nsmtpd_tls_auth_only = yes\n"
                  "smtpd_sasl_auth_enable = yes\n", services=services, start=False)
    hub.add_user(USER, SECRET)
    return hub.start()


def test_the_hub_survives_every_case_of_smtp(lab):
    sink = lab.sink()
    hub = smtp_hub(lab, sink, {"smtp": ""})
    rows = audit(lab, "smtp", f"127.0.0.1:{hub.port}", "--user", USER, "--password-file", password_file(lab), want=0)
    assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= 110, rows
    assert verdicts(rows, "not applicable") == {"smtp-submission-without-login"}
    assert verdicts(rows, "information") == {"smtp-early-talker", "smtp-users-by-rcpt", "smtp-users-by-vrfy"}, verdicts(rows, "information")
    no_message_was_smuggled(rows, sink)
    assert "panic" not in hub.log() and hub.process.poll() is None


def test_the_hub_survives_every_case_of_submission(lab):
    sink = lab.sink()
    hub = smtp_hub(lab, sink, {"submission": SUBMISSION, "smtps": SUBMISSION + " -o smtpd_tls_wrappermode=yes"})
    login = ["--user", USER, "--password-file", password_file(lab)]
    rows = audit(lab, "submission", f"127.0.0.1:{hub.ports['submission']}", *login, want=0)
    assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= 110, rows
    assert verdicts(rows, "not applicable") == {"smtp-starttls-keeps-sender"}
    no_message_was_smuggled(rows, sink)
    rows = audit(lab, "smtps", f"127.0.0.1:{hub.ports['smtps']}", *login, "--only", "smtp-tls-*,smtp-starttls-*,smtp-smuggle-lf-*,smtp-auth-*", want=0)
    assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= 18, rows
    assert verdicts(rows, "not applicable") == {
        "smtp-starttls-injection", "smtp-starttls-injection-session", "smtp-starttls-injection-late", "smtp-starttls-keeps-sender",
        "smtp-starttls-offered-again", "smtp-starttls-argument", "smtp-auth-offered-without-tls", "smtp-auth-checked-without-tls"}


def test_the_hub_survives_every_case_of_pop3(lab):
    hub = lab.hub(lab.tls_settings() + BOXES + "smtpd_tls_auth_only = yes\n", tables={"boxes": f"{USER} ok\n"}, start=False,
                  services={"smtp": "", "pop3": "pop3", "pop3s": "pop3 -o smtpd_tls_wrappermode=yes"})
    hub.add_user(USER, SECRET)
    hub.start()
    deliver(hub, sample("a@b.example", USER))  # so that there is a message 1, for numbers that run over
    for service, passes in (("pop3", 34), ("pop3s", 29)):
        rows = audit(lab, service, f"127.0.0.1:{hub.ports[service]}", "--user", USER, "--password-file", password_file(lab), want=0)
        assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= passes, (service, rows)


# ------------------------------------------------------------------ the peers

def private_postfix(lab, settings=""):
    if os.geteuid() != 0 or not shutil.which("postfix", path="/usr/sbin:/usr/bin"):
        raise Skip("needs root and Debian's postfix")
    port = free_port()
    certificate, key = (copied(lab, path) for path in lab.certificates["mail.hub.test"])
    stranger = STRANGER if "mynetworks" not in settings else "local_recipient_maps =\n"
    postfix = Postfix(f"compatibility_level = 3.6\nmyhostname = mail.hub.test\nmydestination = mail.hub.test\ninet_interfaces = 127.0.0.1\n"
                      f"alias_maps =\nalias_database =\nlocal_transport = discard\ndefault_transport = discard\n"
                      f"smtp_dns_support_level = disabled\nsmtpd_peername_lookup = no\nsmtpd_tls_cert_file = {certificate}\n"
                      f"smtpd_tls_key_file = {key}\nsmtpd_tls_security_level = may\n{stranger}{settings}",
                      f"127.0.0.1:{port} inet n - n - - smtpd\ndiscard unix - - n - - discard\n")
    lab.at_end.append(postfix.close)
    return port


def copied(lab, path):
    """Where those who are not root can read it."""
    os.chmod(lab.folder, 0o755)
    return shutil.copy(path, lab.folder)


@long
def test_postfix_as_it_should_be_set_passes_every_case(lab):
    port = private_postfix(lab, "smtpd_forbid_bare_newline = reject\nsmtpd_forbid_unauth_pipelining = yes\nsmtpd_tls_protocols = >=TLSv1.2\n")
    rows = audit(lab, "smtp", f"127.0.0.1:{port}", want=0)
    assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= 95, rows


@long
def test_smuggling_into_postfix_that_takes_bare_newlines_is_found(lab):
    port = private_postfix(lab, "smtpd_forbid_bare_newline = no\nsmtpd_forbid_unauth_pipelining = no\nsmtpd_tls_protocols =\n")
    rows = audit(lab, "smtp", f"127.0.0.1:{port}", want=1)
    assert verdicts(rows, "fail") == {
        "smtp-smuggle-lf-dot-lf", "smtp-smuggle-lf-dot-crlf", "smtp-smuggle-crlf-dot-lf", "smtp-smuggle-crcrlf-dot-crcrlf",
        "smtp-smuggle-first-line", "smtp-bare-lf-command", "smtp-tls-1.0", "smtp-tls-1.1"}, wrong(rows)
    assert verdicts(rows, "unsure") == set()
    told = rows["smtp-smuggle-lf-dot-crlf"]["conversation"]
    assert any(step["kind"] == "sent" and r"\x0a.\x0d\x0aMAIL FROM" in step["text"] for step in told), told


def test_postfix_that_relays_for_who_asks_is_found(lab):
    port = private_postfix(lab, "mynetworks = 127.0.0.0/8\n")
    rows = audit(lab, "smtp", f"127.0.0.1:{port}", "--only", "smtp-relay-plain,smtp-relay-percent", want=1)
    assert rows["smtp-relay-plain"]["verdict"] == "fail" and rows["smtp-relay-percent"]["verdict"] == "not applicable", rows


def test_postfix_that_trusts_xclient_of_anybody_is_found(lab):
    port = private_postfix(lab, "smtpd_authorized_xclient_hosts = 127.0.0.0/8\nsmtpd_authorized_xforward_hosts = 127.0.0.0/8\n"
                                "smtpd_upstream_proxy_protocol = haproxy\n")
    rows = audit(lab, "smtp", f"127.0.0.1:{port}", "--only", "smtp-proxy-header", want=1)
    assert rows["smtp-proxy-header"]["verdict"] == "fail", rows
    port = private_postfix(lab, "smtpd_authorized_xclient_hosts = 127.0.0.0/8\nsmtpd_authorized_xforward_hosts = 127.0.0.0/8\n")
    rows = audit(lab, "smtp", f"127.0.0.1:{port}", "--only", "smtp-x*", want=1)
    assert verdicts(rows, "fail") == {"smtp-xclient", "smtp-xforward"}, rows


class Dovecot:
    """A Dovecot of one's own. It listens at 127.0.0.2, since it takes a client at its own address for a safe one."""

    HOST = "127.0.0.2"

    def __init__(self, lab, settings=""):
        if os.geteuid() != 0 or not shutil.which("dovecot", path="/usr/sbin:/usr/bin") or not all(Path("/usr/lib/dovecot", p).exists() for p in ("imap", "pop3")):
            raise Skip("needs root and Debian's dovecot-imapd and dovecot-pop3d")
        home = lab.folder / "dovecot"
        mail = home / "mail"
        mail.mkdir(parents=True)
        for folder in ("Maildir/new", "Maildir/cur", "Maildir/tmp"):
            (mail / folder).mkdir(parents=True)
        (mail / "Maildir/new/1.one").write_bytes(b"Subject: the first\r\n\r\none\r\n")
        for path in (mail, *mail.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
        certificate, key = (copied(lab, path) for path in lab.certificates["mail.hub.test"])
        (home / "users").write_text(f"{USER}:{{PLAIN}}{SECRET}:65534:65534::{mail}::\n")
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
        listeners = "".join(f"service {p}-login {{\n inet_listener {p} {{\n  port = {self.ports[p]}\n }}\n inet_listener {p}s {{\n"
                            f"  port = {self.ports[p + 's']}\n  ssl = yes\n }}\n}}\n" for p in ("imap", "pop3"))
        conf = home / "dovecot.conf"
        conf.write_text(f"protocols = imap pop3\nbase_dir = {home}/run\nstate_dir = {home}/state\nlog_path = {home}/log\nlisten = {self.HOST}\n"
                        f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}\nmail_location = maildir:~/Maildir\nauth_failure_delay = 0\n"
                        f"passdb {{\n driver = passwd-file\n args = {home}/users\n}}\nuserdb {{\n driver = passwd-file\n args = {home}/users\n}}\n"
                        f"service anvil {{\n unix_listener anvil-auth-penalty {{\n  mode = 0\n }}\n}}\n{listeners}{settings}")
        self.process = subprocess.Popen(["dovecot", "-F", "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        lab.at_end.append(self.stop)
        end = time.monotonic() + 30
        while not all(self.greets(name) for name in ("imap", "pop3")):
            assert self.process.poll() is None and time.monotonic() < end, (home / "log").read_text()
            time.sleep(0.05)

    def greets(self, name) -> bool:
        try:
            with socket.create_connection((self.HOST, self.ports[name]), 5) as probe:
                return probe.recv(1) != b""
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@long
def test_dovecot_passes_every_case(lab):
    dovecot = Dovecot(lab)
    for service, passes, kind in (("imap", 34, {"imap-bare-lf"}), ("imaps", 29, {"imap-bare-lf"}), ("pop3", 33, {"pop3-bare-lf"})):
        rows = audit(lab, service, f"{dovecot.HOST}:{dovecot.ports[service]}", "--user", USER, "--password-file", password_file(lab), want=0)
        assert wrong(rows) == {} and len(verdicts(rows, "pass")) >= passes, (service, rows)
        assert verdicts(rows, "information") == kind, (service, rows)


@long
def test_dovecot_that_takes_passwords_in_plain_text_is_found(lab):
    dovecot = Dovecot(lab, "disable_plaintext_auth = no\nssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0\n")
    rows = audit(lab, "imap", f"{dovecot.HOST}:{dovecot.ports['imap']}", want=1)
    assert verdicts(rows, "fail") == {"imap-login-offered-without-tls", "imap-login-without-tls", "imap-authenticate-without-tls",
                                      "imap-tls-1.0", "imap-tls-1.1"}, wrong(rows)
    rows = audit(lab, "pop3", f"{dovecot.HOST}:{dovecot.ports['pop3']}", "--only",
                 "pop3-password-offered-without-tls,pop3-user-without-tls,pop3-auth-without-tls", want=1)
    assert len(verdicts(rows, "fail")) == 3, rows


# --------------------------------------------------------------- the command

def run(lab, *words):
    done = subprocess.run([lab.binary, "probe", "audit", *map(str, words)], capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_what_cannot_be_done_is_told(lab):
    port = free_port()
    for words, code, told in ((["--only", "x", f"127.0.0.1:{port}"], 69, "127.0.0.1"), ([], 64, "HOST:PORT"), (["ftp", "localhost"], 64, "no cases for ftp"),
                              (["nntp", "localhost"], 64, "no protocol nntp"), (["localhost"], 64, "say the port"),
                              (["smtp", "localhost", "--user", "joe"], 64, "go together"), (["smtp", "localhost", "--to", "a\nb"], 64, "control characters"), (["smtp", "localhost", "-4", "-6"], 64, "-4 and -6"), (["--list", "--only", "smtp-nul"], 64, "--list: "),
                              (["--list", "smtp", "localhost"], 64, "--list: ")):
        got = run(lab, *words)
        assert got[0] == code and told in got[2], (words, got)
    hub = lab.hub()
    got = run(lab, "smtp", f"127.0.0.1:{hub.port}", "--only", "smtp-nonsense")
    assert got[0] == 64 and "no case smtp-nonsense" in got[2], got
    got = run(lab, f"127.0.0.1:{hub.port}", "--user", "joe", "--password-file", lab.folder / "none")
    assert got[0] == 66 and "password" in got[2], got


def test_without_a_protocol_the_greeting_tells_it_and_people_can_read_what_was_found(lab):
    hub = lab.hub(STRANGER)
    code, out, err = run(lab, f"127.0.0.1:{hub.port}", "--only", "smtp-bare-lf-command,smtp-starttls-twice", "--show")
    assert code == 0 and "only for servers that you own" in err, (code, err)
    assert re.search(r"^pass +smtp-bare-lf-command\n  a bare LF ends a command \[RFC 5321 s. 2.3.8\]\n", out, re.M), out
    assert r" -> NOOP\x0aXYZZY" in out and "<** 500 5.5.2" in out.replace("<-  500", "<** 500"), out
    assert "not applicable smtp-starttls-twice" in out and out.endswith("2 cases: 1 pass, 1 not applicable\n"), out


def test_the_documentation_lists_the_cases_that_there_are(lab):
    code, out, _ = run(lab, "--list", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(rows) >= 150 and all(row["reference"] and row["title"] for row in rows)
    page = (Path(__file__).resolve().parents[2] / "docs/probe-audit.md").read_text()
    listed = re.findall(r"^\| `((?:smtp|pop3|imap)-[^`]+)` \| (.+) \| (.+) \|$", page, re.M)
    assert listed == [(row["id"], row["title"], row["reference"]) for row in rows], "write the tables anew: tools/probe_audit_tables.py"
    code, out, _ = run(lab, "imap", "--list")
    assert code == 0 and out.count("\n") == sum(row["protocol"] == "imap" for row in rows)
