#!/usr/bin/env python3
"""One day of a mail hub, from end to end, on loopback ports. ./quickstart builds the program and then runs this."""
import base64
import collections
import os
import poplib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/e2e"))
from client import Client, ca_tls, queue_id, sample  # noqa: E402
from hub import Hub, SUBMISSION, make_certificates  # noqa: E402

BINARY = os.environ.get("HIKYAKU_BINARY", TOP / "build/release/hikyaku")  # the other one: a test's
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
USER, SECRET, READER = "username", "password", "taro@box.example.com"

# The seed's own tables, to the letter but for the two names of the relays, which stand for hosts that the
# reader has; here they become the loopback ports of two more hubs.
SEED_TRANSPORT = """@example.co.jp            smtp:[リレーサーバ1]:25
@sub.example.co.jp        smtp:[リレーサーバ2]:25
"""
SEED_RELAYHOST = """@example.co.jp           [リレーサーバ1]:25
@sub.example.co.jp       [リレーサーバ2]:25
"""

shown = []    # (what, True if it held)
running = []  # hubs to be stopped


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def title(number, text):
    print(paint("1", f"\n{number}. {text}"), flush=True)


def note(text):
    print(f"   {text}", flush=True)


def hold(what, true, instead=""):
    shown.append((what, bool(true)))
    print(paint("32", f"   ok: {what}") if true else paint("31", f"   NOT SO: {what} {instead}"), flush=True)


def start(hub):
    running.append(hub)
    return hub.start()


def stop(hub):
    running.remove(hub)
    hub.stop()


def why(hub, mail, *words):
    """Prints the lines of `hikyaku why` that hold one of the words, and gives them all back."""
    text = hub.why(mail)
    note(paint("2", f"$ hikyaku why -c {hub.conf} {mail}"))
    lines = [l for l in text.splitlines() if any(w in l for w in words)]
    for line in lines[:8]:
        note(paint("33", line.rstrip()))
    return text


def mail_in(hub, sender, to, message=None, source="127.0.0.1"):
    with Client(hub.port, source=source) as client:
        client.ehlo("pc.example.com")
        client.envelope(sender, to)
        mail = queue_id(client.data(message or sample(sender, to)))
        client.quit()
    return mail


def messages(hub, mailbox):
    """The messages of a mailbox, by `hikyaku store export`, each as text."""
    code, text, _ = hub.run("store", "export", mailbox, want=None)
    return [m for m in re.split(r"^From .*\n", text, flags=re.M)[1:]] if code == 0 else []


def receiving_hub(folder, name, domains):
    """A hub that keeps what it gets for these domains in mailboxes: the demo's next hops are real servers."""
    return Hub(BINARY, folder / name, f"myhostname = {name}.example.com\nvirtual_mailbox_domains = {', '.join(domains)}\n"
               "virtual_mailbox_maps = static:all\n")


class Demo:
    def __init__(self, folder, keep):
        self.folder, self.keep = folder, keep
        self.certificates = make_certificates(folder / "tls", ("mail.example.com",))
        certificate, key = self.certificates["mail.example.com"]
        self.tls = f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_security_level = may\n"
        domains = ["example.jp", "example.org"]
        self.relays = [start(receiving_hub(folder, "relay1", domains)), start(receiving_hub(folder, "relay2", domains))]
        self.next_hops = [f"[127.0.0.1]:{r.port}" for r in self.relays]
        self.hub = Hub(BINARY, folder / "hub", services={"smtp": "", "submission": SUBMISSION, "pop3": "pop3 -o smtpd_tls_auth_only=yes"})
        self.main = ("myhostname = mail.example.com\nmydomain = example.com\n" + self.tls + f"relayhost = {self.next_hops[0]}\n"
                     "virtual_mailbox_domains = box.example.com\nvirtual_mailbox_maps = static:all\n")
        self.hub.configure(self.main)
        self.hub.add_user(USER, SECRET)
        self.hub.add_user(READER, SECRET)
        self.submission_port = self.hub.ports["submission"]
        start(self.hub)

    def seed_table(self, text):
        for number in (1, 2):
            text = text.replace(f"[リレーサーバ{number}]:25", self.next_hops[number - 1])
        return text

    def settings(self, more="", **tables):
        """Gives the running hub new settings, as an administrator does: write, SIGHUP."""
        for name, text in tables.items():
            self.hub.write_table(name, text)
        mark = self.hub.mark()
        self.hub.configure(self.main + more)
        self.hub.reload()
        self.hub.wait_log("reload", since=mark)

    # 1 ------------------------------------------------------------------------
    def typed(self, mechanism):
        """What `hikyaku probe` shows when these lines are typed; secrets are masked by it."""
        words = [f"{USER}\0{USER}\0{SECRET}"] if mechanism == "PLAIN" else [USER, SECRET]
        words = [base64.b64encode(word.encode()).decode() for word in words]
        lines = [f"AUTH PLAIN {words[0]}"] if mechanism == "PLAIN" else ["AUTH LOGIN", *words]
        lines += ["MAIL FROM: test@example.com", "RCPT TO: test@example.jp", "DATA",
                  *sample("test@example.com", "test@example.jp", f"submitted with AUTH {mechanism}").decode().splitlines(), ".", "QUIT"]
        note(paint("2", f"$ hikyaku probe submission mail.example.com:{self.submission_port}"))
        done = subprocess.run([str(BINARY), "probe", "submission", f"127.0.0.1:{self.submission_port}", "--sni", "mail.example.com", "--tls-ca",
                               str(self.certificates["ca"]), "--ehlo", "mail.example.com", "--no-dns"],
                              input="".join(line + "\n" for line in lines), capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout.splitlines()
        for line in said:
            note(paint("36", line) if line.startswith((" ->", " ~>")) else line)
        if done.returncode:
            note(paint("31", f"hikyaku probe ended with {done.returncode}: {done.stderr.strip()}"))
        return said

    def submissions(self):
        title(1, "Submission by hand: STARTTLS, AUTH PLAIN, then AUTH LOGIN")
        for mechanism in ("PLAIN", "LOGIN"):
            before = len(messages(self.relays[0], "test@example.jp"))
            said = self.typed(mechanism)
            offered = {line[len("<~  250-"):] for line in said if line.startswith(("<~  250-", "<~  250 "))}
            size = any(w.startswith("SIZE ") for w in offered)
            auth = any(w.startswith("AUTH ") and {"PLAIN", "LOGIN"} <= set(w.split()) for w in offered)
            wanted = {"PIPELINING", "ETRN", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"}
            if mechanism == "PLAIN":
                hold("the EHLO answer offers all that the seed's does, with SMTPUTF8 and CHUNKING", size and auth and wanted <= offered, sorted(offered))
            mail = next((queue_id(line) for line in said if "queued as" in line), None)
            hold(f"AUTH {mechanism} is accepted and the mail is queued as {mail}", any("235 2.7.0" in line for line in said) and mail)
            self.hub.wait_queue(lambda rows: not rows)
            self.relays[0].wait_queue(lambda rows: not rows)
            hold("it arrived at the next hop", len(messages(self.relays[0], "test@example.jp")) == before + 1)
        self.settings("broken_sasl_auth_clients = yes\n")
        with Client(self.submission_port) as client:
            client.ehlo()
            client.starttls()
            lines = client.ehlo("mail.example.com").splitlines()
        note("\n   ".join(l for l in lines if "AUTH" in l))
        hold("with broken_sasl_auth_clients = yes there is AUTH=PLAIN LOGIN as well", any("AUTH=PLAIN LOGIN" in l for l in lines), lines)

    # 2 ------------------------------------------------------------------------
    def ways_by_sender(self):
        title(2, "The sender chooses the relay")
        for setting, name, seed in (("sender_dependent_default_transport_maps", "sender_dependent_transport", SEED_TRANSPORT),
                                    ("sender_dependent_relayhost_maps", "sender_dependent_relayhost", SEED_RELAYHOST)):
            note(f"main.cf: {setting} = hash:{self.hub.tables}/{name}")
            for line in seed.splitlines():
                note(f"{name}: {line}")
            before = [len(messages(r, "test@example.jp")) for r in self.relays]
            self.settings(f"{setting} = hash:@T@/{name}\n", **{name: self.seed_table(seed)})
            for number, sender in enumerate(("foo@example.co.jp", "bar@sub.example.co.jp")):
                mail = mail_in(self.hub, sender, "test@example.jp", sample(sender, "test@example.jp", f"{sender} by {name}"))
                self.hub.wait_queue(lambda rows: not rows)
                self.relays[number].wait_queue(lambda rows: not rows)
                text = why(self.hub, mail, setting)
                hold(f"{sender} went to relay {number + 1}, and why names {name}:{number + 1}",
                     any(f"{sender} by {name}" in m for m in messages(self.relays[number], "test@example.jp")) and f"{name}:{number + 1}" in text, text)
            after = [len(messages(r, "test@example.jp")) for r in self.relays]
            hold("each relay got one mail", [a - b for a, b in zip(after, before)] == [1, 1], (before, after))

    # 3 ------------------------------------------------------------------------
    def header_of_a_remote_client(self):
        title(3, "Why the From: header was not rewritten")
        canonical = "test@example.com    hub@example.com\n"
        more = "sender_canonical_maps = hash:@T@/sender_canonical\n"
        for setting, wanted in (("", "From: test@example.com"), ("local_header_rewrite_clients = static:all\n", "From: hub@example.com")):
            self.settings(more + setting, sender_canonical=canonical)
            name = "under static:all" if setting else "under the default"
            # 127.0.0.5 is in mynetworks, but it is not an address of this server's own.
            mail = mail_in(self.hub, "test@example.com", "test@example.jp", sample("test@example.com", "test@example.jp", name), source="127.0.0.5")
            self.hub.wait_queue(lambda rows: not rows)
            self.relays[0].wait_queue(lambda rows: not rows)
            got = next((m for m in messages(self.relays[0], "test@example.jp") if f"Subject: {name}" in m), "")
            header = next((l for l in got.splitlines() if l.startswith("From:")), "(none)")
            note(f"{name}: {header}")
            hold(f"{name} the header reads {wanted}", header == wanted, header)
            text = why(self.hub, mail, "local_header_rewrite_clients", "sender_canonical")
            if setting:
                place = f"main.cf:{self.hub.line_of('local_header_rewrite_clients')}"
                hold(f"why names {place}", place in text, text)
            else:
                hold("why names the setting and sender_canonical:1, the rule that would have matched",
                     "local_header_rewrite_clients" in text and "sender_canonical:1" in text, text)

    # 4 ------------------------------------------------------------------------
    def mailbox(self):
        title(4, "Mail for someone here lands in the mailbox store")
        self.settings()
        mail_in(self.hub, "test@example.com", "taro@box.example.com", sample("test@example.com", "taro@box.example.com", "for the mailbox"))
        self.hub.wait_queue(lambda rows: not rows)
        note(paint("2", f"$ hikyaku store -c {self.hub.conf} export taro@box.example.com"))
        found = messages(self.hub, "taro@box.example.com")
        for line in (found[0] if found else "").splitlines()[:14]:
            note(line)
        hold("store export gives it back", len(found) == 1 and "Subject: for the mailbox" in found[0])
        note(paint("2", f"$ curl --ssl-reqd --cacert ca.pem -u {READER} pop3://mail.example.com:{self.hub.ports['pop3']}/1"))
        reader = poplib.POP3("127.0.0.1", self.hub.ports["pop3"], timeout=20)
        reader.stls(ca_tls(self.certificates["ca"]))
        reader.user(READER)
        reader.pass_(SECRET)
        read = b"\n".join(reader.retr(1)[1]).decode()
        reader.quit()
        hold("and so does POP3 under TLS", found and found[0].rstrip("\n") == read.rstrip("\n"), read)

    # 5 ------------------------------------------------------------------------
    def killed(self):
        title(5, "SIGKILL while it takes mail: nothing that had its 250 is lost")
        for where, recipient, exactly_once in (("a mailbox here", "stream@box.example.com", True), ("a relay", "stream@example.org", False)):
            acknowledged, stopping = [], threading.Event()
            threads = [threading.Thread(target=self.pour, args=(recipient, n, acknowledged, stopping)) for n in range(8)]
            for t in threads:
                t.start()
            while len(acknowledged) < 400 and any(t.is_alive() for t in threads):
                threads[0].join(0.005)
            self.hub.kill()
            stopping.set()
            for t in threads:
                t.join()
            self.hub.start()
            waiting = len(self.hub.queue())
            self.hub.wait_queue(lambda rows: not rows, 60)
            target = self.hub if exactly_once else self.relays[0]
            target.wait_queue(lambda rows: not rows, 60)
            found = collections.Counter(s for m in messages(target, recipient) for s in re.findall(r"^Subject: (k\d+\.\d+)\r?$", m, re.M))
            lost = [n for n in acknowledged if not found[n]]
            twice = sum(c - 1 for c in found.values())
            unconfirmed = len(set(found) - set(acknowledged))
            note(f"to {where}: {len(acknowledged)} were answered 250 before SIGKILL; {waiting} waited in the queue at the restart; "
                 f"{sum(found.values())} arrived: {len(lost)} lost, {twice} twice, {unconfirmed} whose 250 the kill cut off")
            hold(f"every acknowledged mail to {where} arrived" + (", each exactly once" if exactly_once else ", none was lost"),
                 acknowledged and not lost and (not exactly_once or twice == 0), lost[:5])

    def pour(self, recipient, number, acknowledged, stopping):
        count = 0
        try:
            with Client(self.hub.port, timeout=10) as client:
                client.ehlo()
                while not stopping.is_set():
                    name = f"k{number}.{count}"
                    count += 1
                    client.mail("test@example.com", recipient, sample("test@example.com", recipient, name))
                    acknowledged.append(name)
        except (OSError, AssertionError):
            pass

    def run(self):
        self.submissions()
        self.ways_by_sender()
        self.header_of_a_remote_client()
        self.mailbox()
        self.killed()


def leave_running(demo):
    for hub in list(running):
        hub.stop()
        hub.start_detached()
    ports = demo.hub.ports
    print(f"""
The hub is left running (pid {demo.hub.pid}); its next hops are pids {', '.join(str(r.pid) for r in demo.relays)}.
  submit:   swaks --server 127.0.0.1:{ports['submission']} --tls --auth PLAIN --auth-user {USER} --auth-password {SECRET} \\
                  --from test@example.com --to test@example.jp
  by hand:  {BINARY} probe submission 127.0.0.1:{ports['submission']} --sni mail.example.com --tls-ca {demo.certificates['ca']}
  without:  port {ports['smtp']} takes mail from 127.0.0.1 without a login
  settings: {demo.hub.conf}/main.cf   (then: kill -HUP {demo.hub.pid})
  log:      {demo.hub.home}/log
  queue:    {BINARY} queue -c {demo.hub.conf} list
  why:      {BINARY} why -c {demo.hub.conf} QUEUE-ID
  mailbox:  {BINARY} store -c {demo.hub.conf} export {READER}
  POP3:     curl --ssl-reqd --cacert {demo.certificates['ca']} -u {READER}:{SECRET} pop3://127.0.0.1:{ports['pop3']}/1
  stop:     kill {demo.hub.pid} {' '.join(str(r.pid) for r in demo.relays)}; rm -r {demo.folder}""")


def main():
    keep = "--keep" in sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="hikyaku-demo-"))
    demo, good = None, False
    try:
        demo = Demo(folder, keep)
        demo.run()
        good = all(held for _, held in shown)
    except (AssertionError, OSError) as problem:
        shown.append((f"the demo came to its end: {problem}", False))
        if demo:
            print("\n".join(demo.hub.lines[-20:]), file=sys.stderr)
    finally:
        if not (keep and good):
            for hub in list(running):
                try:
                    hub.stop()
                except AssertionError as problem:
                    shown.append((str(problem), False))
    good = all(held for _, held in shown)
    print(paint("1", "\nSummary"))
    for what, held in shown:
        print(("   ok      " if held else "   NOT SO  ") + what.splitlines()[0][:150])
    print(f"{sum(h for _, h in shown)} of {len(shown)} held")
    if keep and good:
        leave_running(demo)
    elif good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"kept for a look: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
