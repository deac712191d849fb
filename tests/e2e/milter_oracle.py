"""Plays the cases of tests/oracle/milter_session_cases.jsonl, against Postfix (to record them) or a hub, in a form that can be compared."""
import hashlib
import json
import re
import socket
import struct
import time
from pathlib import Path

from client import Client
from scripted_filter import ScriptedFilter
from sink import address

CASES = Path(__file__).resolve().parents[1] / "oracle/milter_session_cases.jsonl"
CLOSED = "(closed)"
NUL = "\u2400"  # stands for it in what is stored
LONG = 600  # octets of a packet or a message; of more there is a digest
MESSAGE = ("Received: from before.example\n\tby a.example; Mon, 2 Nov 2026 10:00:00 +0000\nFrom: a@a.example\nTo: b@b.example\nSubject:  two blanks\n"
           "X-Folded: one\n two\n\tthree\nX-Tight:value\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <1@a.example>\n\nbody\n..dot\n")
FIRST = "From: a@a.example\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <1@a.example>\n\nfirst\n"
SECOND = FIRST.replace("1@", "2@").replace("first", "second")
EHLO, MAIL, RCPT, RCPT2 = "EHLO client.example", "MAIL FROM:<a@a.example>", "RCPT TO:<b@b.example>", "RCPT TO:<c@b.example>"
ONE = [EHLO, MAIL, RCPT, "DATA", ["message", MESSAGE], "QUIT"]
TWO = [EHLO, "BOGUS words", MAIL, RCPT, RCPT2, "DATA", ["message", FIRST], MAIL, RCPT, "DATA", ["message", SECOND], "QUIT"]
SESSIONS = {"one": ONE, "two": TWO}
SINK = [("RCPT TO:<bounce@", "550 5.1.1 no such user")]  # what the next hop does
MAIN = """compatibility_level = 3.6
myhostname = hub.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
local_recipient_maps =
alias_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_sender_restrictions = check_sender_access inline:{{bad@a.example = 550 5.7.1 no such sender}}
smtpd_recipient_restrictions = check_recipient_access inline:{{no@b.example = 550 5.1.1 no such user}, {later@b.example = 450 4.2.0 come back later}}
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
milter_connect_timeout = 5s
milter_command_timeout = 5s
milter_content_timeout = 5s
"""


def cases() -> list:
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines() if line]


def whole(value):
    """A session or a script with its repetitions written out: ‹x×3› is xxx."""
    if isinstance(value, str):
        return re.sub("‹(.*?)×(\\d+)›", lambda m: m.group(1) * int(m.group(2)), value, flags=re.S)
    if isinstance(value, list):
        return [whole(one) for one in value]
    return {name: whole(one) for name, one in value.items()} if isinstance(value, dict) else value


def group_of(case) -> str:
    """Cases with one configuration can be played one after another on one server."""
    return json.dumps([case["config"], len(case["filters"])], sort_keys=True)


def options(parameters, places) -> str:
    """The -o options of a line of master.cf; `places` are what its placeholders stand for."""
    return placed(" ".join(f"-o {{{name} = {value}}}" for name, value in parameters.items()), places)


def placed(text, places) -> str:
    for name, real in places.items():
        text = text.replace(name, str(real))
    return text


def interesting(lines) -> list:
    """Those of a log that are about filters or faults."""
    return [l for l in lines if re.match("smtpd:|cleanup:", l) and re.search("milter|warning|error|fatal|panic|reject|hold|discard|lost|timeout", l)
            and not re.match("smtpd: (dis)?connect", l)]


class Scene:
    """The filters and what the configuration of a group of cases is written with."""

    def __init__(self, filters):
        self.filters = [ScriptedFilter() for _ in range(filters)]
        self.dead = socket.socket()  # bound and never listened to: nobody else gets this port
        self.dead.bind(("127.0.0.1", 0))

    def stop(self):
        for one in self.filters:
            one.stop()
        self.dead.close()

    def names(self) -> dict:
        found = {f"@F{n}@": one.address for n, one in enumerate(self.filters, 1)}
        found["@DEAD@"] = "inet:127.0.0.1:%d" % self.dead.getsockname()[1]
        return found

    def config(self, case) -> dict:
        """The parameters of the case, on top of MAIN."""
        milters = ", ".join(name for name in self.names() if name != "@DEAD@")
        parameters = {"smtpd_milters": milters, **case["config"]}
        for name, value in parameters.items():
            for placeholder, real in self.names().items():
                value = value.replace(placeholder, real)
            parameters[name] = value
        return parameters


class Verbatim(Client):
    """Takes replies as they are."""

    def reply(self) -> str:
        while not (found := re.search(rb"^\d\d\d(?!-).*\r\n", self.buffer, re.M)):
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(f"the server closed the connection after {self.buffer!r}")
            self.buffer += more
        reply, self.buffer = self.buffer[:found.end() - 2], self.buffer[found.end():]
        return reply.decode("latin-1").replace("\r\n", "\n") if b"\n" not in reply.replace(b"\r\n", b"") else reply.decode("latin-1")


def converse(port, session, tls=None) -> list:
    """Says the lines of a case's session: [command, reply] of each. A line is a text: a command; ["message", text]: the message with
    LF for CR LF, and its dot, if DATA was allowed; ["octets", text]: sent, and no reply waited for; ["starttls"]; ["close"]."""
    said = []
    client = Verbatim(port, greet=False, timeout=15)

    def reply(of):
        try:
            said.append([of, client.reply()])
        except (ConnectionError, TimeoutError) as problem:
            said.append([of, CLOSED if isinstance(problem, ConnectionError) else "(nothing)"])
        return said[-1][1] != CLOSED

    try:
        going = reply("")
        for line in session:
            if not going:
                break
            if isinstance(line, str):
                client.send(line.encode("latin-1") + b"\r\n")
                going = reply(line)
            elif line[0] == "message":
                if not said[-1][1].startswith("354"):
                    continue
                client.send(line[1].replace("\n", "\r\n").encode("latin-1") + b".\r\n")
                going = reply("(message)")
            elif line[0] == "octets":
                client.send(line[1].replace("\n", "\r\n").encode("latin-1"))
            elif line[0] == "starttls":
                client.send(b"STARTTLS\r\n")
                going = reply("STARTTLS")
                if going and said[-1][1].startswith("220"):
                    client.secure(tls)
            elif line[0] == "close":
                break
    except OSError:
        said.append(["", CLOSED])
    client.close()
    return said


def queue_ids(said, connections) -> set:
    """All ids that were seen: the hub's are not Postfix's."""
    found = {m.group(1) for _, reply in said if (m := re.search(r"queued as (\S+)", reply))}
    for packets in connections:
        for kind, *data in packets:
            if kind == "D":
                found.update(value for name, value in macros(data[0])[1] if name == "i")
    return found - {""}


def macros(data) -> tuple:
    """Of a packet of macros: for which command, and [(name, value)]."""
    words = data[1:].split("\0")
    return data[:1], list(zip(words[::2], words[1::2]))


class Form:
    """Takes out of a text what is not the same twice."""

    def __init__(self, ids, scene, sink):
        self.words = [(one, "QID") for one in sorted(ids, key=len, reverse=True)]
        self.words += [(real, name.replace("@", "")) for name, real in scene.names().items()] + [(f"]:{sink.port}", "]:SINK")]

    def text(self, text) -> str:
        for real, name in self.words:
            text = text.replace(real, name)
        text = re.sub(r"<\d{14}\.QID@", "<STAMP.QID@", text)
        text = re.sub(r"\w{3}, [ \d]?\d (?!Nov 2026 10:00:00)\w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}( \(\w+\))?", "DATE", text)
        return text if len(text) <= LONG else f"{len(text)} octets, {hashlib.sha256(text.encode('latin-1', 'replace')).hexdigest()[:16]}, {text[:60]}"

    def packet(self, one) -> list:
        kind, *data = one
        if not data:
            return one
        data = data[0]
        if kind == "O":
            data = " ".join(f"{n:x}" for n in struct.unpack(">III", data[:12].encode("latin-1"))) + data[12:]
        elif kind == "C":
            name, _, rest = data.partition("\0")
            if rest[:1] in ("4", "6"):
                port = struct.unpack(">H", rest[1:3].encode("latin-1"))[0]
                rest = rest[:1] + ("0 " if port == 0 else "PORT ") + rest[3:]
            data = f"{name}\0{rest}"
        elif kind == "D":
            command, pairs = macros(data)
            shown = {"v": "VERSION", "{daemon_port}": "PORT", "{client_port}": "PORT"}
            data = command + "".join(f"{n}\0{shown.get(n, v) if v not in ('', '0') else v}\0" for n, v in pairs)
        return [kind, self.text(data.replace("\0", NUL))]

    def packets(self, of_connection) -> list:
        """Without the macros that were told before this kind of event already, in this message, and are the same still."""
        told, kept = {}, []
        for one in map(self.packet, of_connection):
            if one[0] == "D":
                if told.get(one[1][:1]) == one[1]:
                    continue
                told[one[1][:1]] = one[1]
            elif one[0] == "M":
                told.clear()
            kept.append(one)
        return kept

    def reply(self, command, reply) -> str:
        """Which keywords EHLO is answered with is not these cases' affair."""
        return f"250 ({self.text(reply.split(chr(10))[0][4:])} and keywords)" if command.startswith("EHLO") and reply.startswith("250") else self.text(reply)

    def message(self, octets) -> str:
        text = re.sub(r"^Received: from .*?\r\n(?=[^\t ])", "Received: OURS\r\n", octets.decode("latin-1"), flags=re.S | re.M)
        return self.text(text)


def play(case, server, scene, sink, tls=None) -> dict:
    """Plays the case and tells what happened, as case["expected"] has it. `server`, the MTA: port_of(case), fate(queue id), mark() and log_since(mark)."""
    for one, script in zip(scene.filters, case["filters"]):
        one.begin(whole(script))
    with sink.changed:
        sink.messages = []
    mark = server.mark()
    session = case["session"]
    said = converse(server.port_of(case), whole(SESSIONS[session] if isinstance(session, str) else session), tls)
    notices = case["topic"] == "notice"  # the filters are asked about what the MTA makes of the message, once the session is over
    connections = [one.wait_closed(count=int(notices)) for one in scene.filters]
    ids = queue_ids(said, [packets for of_filter in connections for packets in of_filter])
    fates = [server.fate(m.group(1)) for _, reply in said if (m := re.search(r"queued as (\S+)", reply))]
    log = server.log_since(mark)
    form = Form(ids | set(re.findall(r"^\S+: ([0-9A-F]{8,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{12,}): ", "\n".join(log), re.M)), scene, sink)
    messages = sink.wait(case.get("messages", 0))
    rows = [[address(m.mail_from), address(r), form.message(m.data)] for m in messages for r in m.accepted]
    if notices:  # their text is each MTA's own
        rows = [[sender, recipient, ""] for sender, recipient, _ in rows]
        connections = [[[p for p in packets if p[0] not in ("L", "B")] for packets in of_filter] for of_filter in connections]
    return {
        "smtp": [[command, form.reply(command, reply)] for command, reply in said],
        "filters": [[form.packets(one) for one in of_filter] for of_filter in connections],
        "fates": [f if f != "gone" else "delivered" if rows else "discarded" for f in fates],
        "deliveries": sorted(rows),
        "log": [form.text(line) for line in log],
    }


def wait_for(holds, what, timeout=20.0, told=lambda: ""):
    end = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what} {told()}")
        time.sleep(0.01)


# Where the hub does otherwise on purpose: which cases, what of them is not compared, and why.
ALL = ("smtp", "log", "deliveries", "fates", "filter", "connections")
DEVIATIONS = [
    (r"default_action_shutdown_.*", ALL, "Postfix 3.7 knows this action no more once it is needed, and says 451; the hub closes with 421"),
    (r"verdict_shutdown_at_(header|eoh|body|eom)", ALL, "Postfix says 250 and loses the message"),
    (r"two_quarantine_and_.*", ALL, "Postfix asks no filter behind one that quarantines; in the hub, what is held and let go later has passed all"),
    (r"end_add_without_a_name", ("log", "deliveries"), "the line would be no header: left out with a warning"),
    (r"end_recipient_added_twice", ("deliveries",), "Postfix delivers twice to a recipient of the client's that a filter adds; here it is there already"),
    (r"end_recipient_that_is_none", ("log", "deliveries"), "Postfix makes an address of it; it is left out with a warning"),
    (r"end_recipient_parameters_that_are_wrong", ("log",), "Postfix leaves them out without a warning"),
    (r"end_edits_and_close_accept", ALL, "Postfix leaves a corrupt queue file"),
    (r"end_header_checks_and_reject", ("log",), "what a filter adds to a message that it refuses is not looked at"),
    (r"end_large_header", ("deliveries",), "where long lines are broken"),
    (r"end_large_header_seen", ("log", "deliveries", "filter"), "what is too large for a packet is cut for the filter and noted; Postfix cuts the mail"),
    (r"reply_different_codes.*", ("smtp", "log", "filter"), "one reply has one code (RFC 5321 s. 4.2.1)"),
    (r"reply_(bare_cr|control|eight_bit)(_at_the_end)?", ("smtp", "log"), "a reply is printable ASCII (RFC 5321 s. 4.2)"),
    (r"reply_long.*", ("smtp",), "a line of a reply has 512 octets (RFC 5321 s. 4.5.3.1.5)"),
    (r"reply_no_nul.*", ("smtp", "log"), "Postfix reads on behind the packet"),
    (r"end_all_recipients_removed", ("log",), "Postfix drops the message without a line"),
    (r"session_(no_body|empty_message)", ("deliveries",), "the empty line behind the headers is always there"),
    (r"session_noop_vrfy_etrn", ("smtp", "filter"), "HELP is a command of the hub, and 459 has an enhanced code"),
    (r"session_wrong_commands", ("smtp",), "DATA after RCPT that could not be read: 503 or 554 (RFC 5321 s. 3.3)"),
]


def known(case, what) -> bool:
    """Postfix dies of some of them."""
    return any(re.search("panic|fatal", line) for line in case["expected"]["log"]) or any(
        re.fullmatch(pattern, case["id"]) and what.split()[0] in kinds for pattern, kinds, _ in DEVIATIONS)


def comparable(result) -> dict:
    """Without that in which a hub is not a Postfix for reasons of its own:
    - names and codes that no filter has a part in: the banner's, unknown commands (502, RFC 5321 s. 4.2.4), commands out of order;
    - QUIT is said to every filter that did not fail, and ABORT only where a message is open; a list of no macros is not sent;
    - a client that was refused at once is refused everything but QUIT (RFC 5321 s. 3.1), and no filter is asked about it;
    - what is wrong with a filter, or with a table, is told in other words, and once;
    - warnings of the tables of header checks come behind the other lines, with the queue id."""
    smtp, log = [], []
    for command, reply in result["smtp"]:
        reply = re.sub(r"^(220 \S+ ESMTP) \w+$", r"\1", reply)
        reply = re.sub(r"^50[02] 5\.5\.2 Error: command not recognized", "502 5.5.2 Error: command not recognized", reply)
        smtp.append([command, reply[:9] if reply.startswith("503 5.5.1") else reply])
    for line in result["log"]:
        line = re.sub(r'^\w+: warning: (?:milter8_\w+: )?(?:milter (\S+): .*|Milter service needs .* instead of "(.*)")', r"warning: milter \1\2", line)
        line = re.sub(r"^\w+: warning: milter8_\w+: (?!milter ).*", "warning: milter F1", line)  # without a name
        line = re.sub(r"(\d{3})-(\d\.)", r"\1 \2", re.sub(r"\?\??\d{3}[- ]\d\.\d+\.\d+ ", " ", line))
        line = re.sub("(map lookup problem): .*? -- ", r"\1 -- ", line)
        line = re.sub(r"^cleanup: warning: QID: ", "cleanup: warning: ", line)
        if "milter" in line and "warning: smtpd_milter_maps: " not in line and not (line.startswith("warning: milter") and line in log):
            log.append(line)
    log.sort(key=lambda line: line.startswith("cleanup: warning: "))
    filters = [[[p for p in packets if p not in (["A", ""], ["Q", ""], ["end"]) and not (p[0] == "D" and len(p[1]) == 1)] for packets in of_filter]
               for of_filter in result["filters"]]
    if smtp and smtp[0][1].startswith("554 "):
        smtp, log, filters = smtp[:1], log[:1], []
    return {**result, "smtp": smtp, "filters": filters, "log": log}


def without_more(want, seen) -> list:
    """`seen` without the macros of a message's content that Postfix's cleanup has lost and the hub still knows."""
    kept = []
    for number, one in enumerate(seen):
        if number < len(want) and one[0] == "D" and want[number][0] == "D" and one[1][:1] in "LNBE":
            names = {name for name, _ in macros(want[number][1].replace(NUL, "\0"))[1]}
            pairs = macros(one[1].replace(NUL, "\0"))[1]
            one = ["D", one[1][:1] + "".join(f"{n}{NUL}{v}{NUL}" for n, v in pairs if n in names)]
        kept.append(one)
    return kept


def differences(case, got) -> list:
    """What is not as recorded, as (what, recorded, got): the first difference of each kind."""
    expected, got, found = comparable(case["expected"]), comparable(got), []

    def lists(what, want, seen):
        if known(case, what):
            return
        for number in range(max(len(want), len(seen))):
            if want[number:number + 1] != seen[number:number + 1]:
                found.append((f"{what} {number}", want[number:number + 3], seen[number:number + 3]))
                return
    for what in ("smtp", "log", "deliveries", "fates"):
        lists(what, expected[what], got[what])
    for number, (want, seen) in enumerate(zip(expected["filters"], got["filters"]), 1):
        if len(want) != len(seen) and not known(case, "connections"):
            found.append((f"connections to filter {number}", len(want), len(seen)))
        for mine, theirs in zip(want, seen):
            lists(f"filter {number}, packet", mine, without_more(mine, theirs))
    return found
