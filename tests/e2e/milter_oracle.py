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
LONG = 600  # octets of a packet or a message; of more there is a digest
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


def group_of(case) -> str:
    """Cases with one configuration can be played one after another on one server."""
    return json.dumps([case["config"], len(case["filters"]), case.get("sink", [])], sort_keys=True)


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

    def __init__(self, ids, scene):
        self.words = [(one, "QID") for one in sorted(ids, key=len, reverse=True)]
        self.words += [(real, name.replace("@", "")) for name, real in scene.names().items()]

    def text(self, text) -> str:
        for real, name in self.words:
            text = text.replace(real, name)
        text = re.sub(r"<\d{14}\.QID@", "<STAMP.QID@", text)
        text = re.sub(r"\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)", "DATE", text)
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
        return [kind, self.text(data)]

    def message(self, octets) -> str:
        text = re.sub(r"^Received: from .*?\r\n(?=[^\t ])", "Received: OURS\r\n", octets.decode("latin-1"), flags=re.S | re.M)
        return self.text(text)


def play(case, server, scene, sink, tls=None) -> dict:
    """Plays the case and tells what happened, as case["expected"] has it. `server`, the MTA: port_of(case), fate(queue id), mark() and log_since(mark)."""
    for one, script in zip(scene.filters, case["filters"]):
        one.begin(script)
    with sink.changed:
        sink.messages = []
    mark = server.mark()
    said = converse(server.port_of(case), case["session"], tls)
    connections = [one.wait_closed() for one in scene.filters]
    ids = queue_ids(said, [packets for of_filter in connections for packets in of_filter])
    fates = [server.fate(m.group(1)) for _, reply in said if (m := re.search(r"queued as (\S+)", reply))]
    log = server.log_since(mark)
    form = Form(ids | set(re.findall(r"^\S+: ([0-9A-F]{8,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{12,}): ", "\n".join(log), re.M)), scene)
    with sink.changed:
        messages = list(sink.messages)
    rows = [[address(m.mail_from), address(r), form.message(m.data)] for m in messages for r in m.rcpt_to]
    return {
        "smtp": [[command if len(command) <= LONG else f"({len(command)} octets)", form.text(reply)] for command, reply in said],
        "filters": [[[form.packet(p) for p in packets] for packets in of_filter] for of_filter in connections],
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
