"""Replays the cases recorded from Postfix (tests/oracle) against a hub, on the fixed ports that they name."""
import collections
import json
import re
import socketserver
import threading
from pathlib import Path

from client import Client
from hub import Hub
from sink import Sink, address
from test_submission import DovecotAuth

ORACLE = Path(__file__).resolve().parents[1] / "oracle"
PORT, AUTH_PORT = 11025, 11030
SMTP_SINKS = [("127.0.0.1", p) for p in [*range(11101, 11113), 11125, 11199]] + [(f"127.0.0.{n}", 11125) for n in (21, 22, 23)]
LMTP_SINKS = [("127.0.0.1", p) for p in (11190, 11191, 11192)]
ADDRESS_HEADER = re.compile(r"^(from|sender|reply-to|to|cc|bcc|return-receipt-to|errors-to|disposition-notification-to|mail-followup-to|mail-reply-to|"
                            r"apparently-to|return-path|resent-(from|sender|reply-to|to|cc|bcc))\s*:", re.I)


def cases() -> list:
    return [json.loads(line) for line in (ORACLE / "cases.jsonl").read_text(encoding="utf-8").splitlines() if line.strip()]



class Peers:
    """The next hops and the authority that every case may talk to."""

    def __init__(self):
        words = ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
        self.sinks = [Sink(host=h, port=p, keywords=words, auth=True) for h, p in SMTP_SINKS]
        self.sinks += [Sink(host=h, port=p, keywords=words, auth=True, lmtp=True) for h, p in LMTP_SINKS]
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.authority = socketserver.ThreadingTCPServer(("127.0.0.1", AUTH_PORT), DovecotAuth)
        self.authority.daemon_threads = True
        threading.Thread(target=self.authority.serve_forever, args=(0.05,), daemon=True).start()

    def take(self) -> list:
        """What came since the last take()."""
        found = []
        for one in self.sinks:
            with one.changed:
                found += one.messages
                one.messages = []
        return found

    def stop(self):
        for one in self.sinks:
            one.stop()
        self.authority.shutdown()
        self.authority.server_close()


class OracleHub(Hub):
    """A hub whose files are those of a case."""

    def __init__(self, binary, home, case):
        self.case = case
        super().__init__(binary, home, services={})
        for name, table in case.get("tables", {}).items():
            (self.tables / name).write_text(table["content"], encoding="utf-8", errors="surrogateescape")

    def configure(self, _):
        case = self.case
        mine = set(case.get("config", {})) | set(re.findall(r"^([A-Za-z_0-9]+)\s*=", case.get("main_cf", ""), re.M))
        text = "".join(l for l in open(ORACLE / "base_main.cf", encoding="utf-8") if l.split("=")[0].strip() not in mine)
        text += f"\nqueue_directory={self.home}/queue\ndata_directory={self.home}/data\n"
        text += f"smtpd_sasl_type=dovecot\nsmtpd_sasl_path=inet:127.0.0.1:{AUTH_PORT}\n"
        text += "".join(f"{k} = {v}\n" for k, v in case.get("config", {}).items()) + case.get("main_cf", "")
        (self.conf / "main.cf").write_text(self.expand(text), encoding="utf-8", errors="surrogateescape")
        (self.conf / "master.cf").write_text((ORACLE / "base_master.cf").read_text() + self.expand(case.get("master_cf", "")))


def talk(case) -> list:
    """The client's part: [(command, reply)], and whether the message was taken."""
    said = []
    with Client(PORT, source=case.get("client", "127.0.0.1"), timeout=10) as client:
        def command(text, shown=None):
            reply = client.command(text)
            said.append((shown or text, reply))
            return reply

        client.ehlo()
        if case.get("sasl"):
            said.append((f"AUTH PLAIN {case['sasl']}", client.auth_plain(case["sasl"], "pw", want="")))
        parameters = case.get("mail_params", "")
        taken = False
        if command(f"MAIL FROM:<{case['mail_from']}>" + (f" {parameters}" if parameters else ""))[0] == "2":
            if [command(f"RCPT TO:<{r}>") for r in case["rcpt_to"]] and any(r[0] == "2" for _, r in said[-len(case["rcpt_to"]):]):
                message = case["message"].replace("\n", "\r\n").encode("utf-8", "surrogateescape")
                reply = client.data(message, want="")
                said.append(("(data)", reply))
                taken = reply[0] == "2"
        client.command("QUIT")
    return said, taken


def codes(reply) -> str:
    """"250 2.1.5" of a reply."""
    found = re.match(r"\d\d\d(?:[ -]\d\.\d+\.\d+)?", reply)
    return found.group(0) if found else reply


def fields(data) -> list:
    header = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    found = []
    for line in header.split("\r\n"):
        if line[:1] in (" ", "\t") and found:
            found[-1] += "\n" + line
        elif line:
            found.append(line)
    return found


def is_notice(message, case) -> bool:
    return b"multipart/report" in message.header() and "multipart/report" not in case["message"]


def delivered_rows(deliveries) -> collections.Counter:
    """One row a recipient: how the recipients are shared out over transactions is the scheduler's own affair."""
    return collections.Counter((d["sink"], address(d["mail_from"]), address(r), tuple(d["address_headers"]), (d["auth"] or {}).get("user"))
                               for d in deliveries for r in d["rcpt_to"])


def explained(hub, case) -> dict:
    """What `hikyaku explain` says of the case's message."""
    path = hub.home / "message"
    path.write_bytes(case["message"].encode("utf-8", "surrogateescape"))
    to = [part for one in case["rcpt_to"] for part in ("--to", one)]
    login = ["--sasl", case["sasl"]] if case.get("sasl") else []
    return json.loads(hub.run("explain", "--client", case.get("client", "127.0.0.1"), "--helo", "client.test", "--port", str(PORT), *login,
                              "--from", f"<{case['mail_from']}>", *to, "--message", str(path), "--json"))


def explained_rows(told) -> collections.Counter:
    """The deliveries that it foretells, as delivered_rows() has them but for the sink."""
    rows = collections.Counter()
    for one in told.get("recipients", []):
        if "sent_to" not in one or "failure" in one or told.get("discarded") or told.get("hold"):
            continue
        header = one.get("sent_header", told["header"]).encode("utf-8", "surrogateescape")
        headers = tuple(f for f in fields(header) if ADDRESS_HEADER.match(f))
        rows[(address(f"<{one['sent_from']}>"), address(f"<{one['sent_to']}>"), headers, one.get("login"))] += 1
    return rows


def compare_explained(told, case) -> list:
    """`explain` against the record: the answers, and who would get what."""
    differences = []
    expected = case["expected"]
    plain = not case.get("mail_params")  # what MAIL's parameters lead to is not asked for
    if plain and told["accepted"] != expected["accepted"]:
        differences.append(("explain: accepted", expected["accepted"], told["accepted"]))
    answers = [codes(a["reply"]) for a in told["answers"] if a["command"].startswith(("MAIL", "RCPT")) or a["command"] in (".", "DATA") and a["reply"][0] != "3"]
    wanted = [codes(s["reply"]) for s in expected["smtp"] if not s["cmd"].startswith("AUTH")]
    if plain and answers != wanted:
        differences.append(("explain: replies", wanted, answers))
    if expected["accepted"] and told["accepted"]:
        theirs = collections.Counter()
        for (_, *row), count in delivered_rows(expected["deliveries"]).items():
            theirs[tuple(row)] += count
        ours = explained_rows(told)
        if ours != theirs:
            differences.append(("explain: deliveries", sorted((theirs - ours).elements(), key=str), sorted((ours - theirs).elements(), key=str)))
    return differences


def replay(binary, folder, case, peers) -> list:
    """Runs one case; what differs from the record, as (what, expected, got)."""
    peers.take()
    expected = case["expected"]
    hub = OracleHub(binary, folder, case)
    try:
        hub.start(15)
    except AssertionError as problem:
        hub.kill()
        if case["compare"] == "loose" or expected.get("startup_failed"):
            return []
        return [("start", "a running hub", str(problem)[-400:])]
    try:
        said, taken = talk(case)
        if taken:
            hub.wait_queue(lambda rows: all(r["queue_name"] in ("deferred", "hold") for r in rows), 10)
        got = peers.take()
        told = explained(hub, case)
    finally:
        hub.stop(want=None)
    differences = []
    if case["compare"] == "loose":
        return [] if not taken else [("accepted", expected["accepted"], taken)]
    if taken != expected["accepted"]:
        differences.append(("accepted", expected["accepted"], taken))
    want = [(s["cmd"], codes(s["reply"])) for s in expected["smtp"]]
    if [(c, codes(r)) for c, r in said] != want:
        differences.append(("replies", [f"{s['cmd']} -> {s['reply']}" for s in expected["smtp"]], [f"{c} -> {r}" for c, r in said]))
    deliveries = [{"sink": m.sink, "mail_from": m.mail_from, "rcpt_to": m.rcpt_to, "auth": {"user": m.auth[0]} if m.auth else None,
                   "address_headers": [f for f in fields(m.data) if ADDRESS_HEADER.match(f)]} for m in got if not is_notice(m, case)]
    ours, theirs = delivered_rows(deliveries), delivered_rows(expected["deliveries"])
    if ours != theirs:
        differences.append(("deliveries", sorted((theirs - ours).elements(), key=str), sorted((ours - theirs).elements(), key=str)))
    notices = sorted((m.sink, r) for m in got if is_notice(m, case) for r in m.recipients())
    wanted = sorted((b["sink"], address(r)) for b in expected["bounces"] for r in b["rcpt_to"])
    if notices != wanted:
        differences.append(("bounces", wanted, notices))
    return differences + compare_explained(told, case)
