"""A DNS server for tests: says what it was told to, and that all else does not exist."""
import socket
import struct
import threading

A, CNAME, PTR, MX, TXT, AAAA, TLSA = 1, 5, 12, 15, 16, 28, 52
NAMES = {A: "A", CNAME: "CNAME", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA", TLSA: "TLSA"}
NO_SUCH_NAME, SERVER_FAILURE = 3, 2


def wire(name: str) -> bytes:
    """A name in wire form (RFC 1035 s. 3.1); "." is the root."""
    labels = [l.encode() for l in name.split(".") if l]
    return b"".join(bytes([len(l)]) + l for l in labels) + b"\0"


class Dns:
    """Listens from construction to stop(). `zone` maps a name to its records: {"MX": [(10, "mx.example")], "A":
    ["192.0.2.1"], "CNAME": "other.example", "TLSA": [octets]}; a name that is there without a type has no such record, and a name that is
    not there does not exist. In place of the records of a name, or of a type, "SERVFAIL" is a failure of the server and
    "SILENT" no answer at all. `questions` has what was asked, as "MX example.org". No answer may be kept by the hub.
    With `together` answers are held back until so many different questions wait for one, and from then on are given at
    once: who asks one after the other gets none."""

    def __init__(self, zone, together=1):
        self.zone, self.together, self.held = zone, together, {}
        self.questions, self.changed = [], threading.Condition()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def settings(self) -> str:
        """The lines of main.cf by which a hub asks this server."""
        return f"hikyaku_dns_server = 127.0.0.1@{self.port}\nsmtp_dns_support_level = enabled\nsmtp_host_lookup = dns\n"

    def stop(self):
        # An empty datagram to itself: recvfrom() is not woken by close().
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join(5)
        self.socket.close()

    def asked(self) -> list:
        with self.changed:
            return list(self.questions)

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if not query:
                return
            reply = self._answer(query)
            if reply:
                self.held[query[12:]] = (reply, peer)
            if len(self.held) >= self.together:
                for held in self.held.values():
                    self.socket.sendto(*held)
                self.held, self.together = {}, 1

    def _answer(self, query: bytes) -> bytes | None:
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
            at += query[at] + 1
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name, type_name = ".".join(labels), NAMES.get(kind, str(kind))
        with self.changed:
            self.questions.append(f"{type_name} {name}")
            self.changed.notify_all()
            records = self.zone.get(name)
        code, answers = 0, []
        if records is None:
            code = NO_SUCH_NAME
        else:
            found = records if isinstance(records, str) else records.get("CNAME") or records.get(type_name, [])
            if found == "SILENT":
                return None
            if found == "SERVFAIL":
                code = SERVER_FAILURE
            elif isinstance(found, str):
                answers = [(CNAME, wire(found))]
            else:
                answers = [(kind, self._octets(kind, one)) for one in found]
        reply = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(answers), 0, 0) + query[12:at + 5]
        for record_type, octets in answers:
            reply += b"\xc0\x0c" + struct.pack("!HHIH", record_type, 1, 0, len(octets)) + octets
        return reply

    @staticmethod
    def _octets(kind, record) -> bytes:
        if kind == TLSA:
            return record
        if kind == A:
            return socket.inet_pton(socket.AF_INET, record)
        if kind == AAAA:
            return socket.inet_pton(socket.AF_INET6, record)
        if kind == MX:
            return struct.pack("!H", record[0]) + wire(record[1])
        if kind == TXT:
            return b"".join(bytes([len(s)]) + s.encode() for s in ([record] if isinstance(record, str) else record))
        return wire(record)
