"""A DNS server for tests: answers what it was told to, and says that all else does not exist."""
import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NO_SUCH_NAME, SERVER_FAILURE = 3, 2


def wire_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


def rdata(kind: str, value: str) -> bytes:
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack(">H", int(preference)) + wire_name(host)
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    return wire_name(value)


class Dns:
    """`zone` maps (name, kind) to a list of values ("10 mx.example" for an MX), or to the number of an error. The kinds
    of a name that has others are told as empty."""

    def __init__(self, zone: dict):
        self.zone = {(name.lower(), kind): values for (name, kind), values in zone.items()}
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def setting(self) -> str:
        """For main.cf."""
        return f"hikyaku_dns_server = 127.0.0.1@{self.port}\nsmtp_dns_support_level = enabled\nsmtp_host_lookup = dns\n"

    def asked(self, name: str, kind: str) -> bool:
        return (name.lower(), kind) in self.questions

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join(5)
        self.socket.close()

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if not query:
                return
            self.socket.sendto(self._answer(query), peer)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
            at += 1 + query[at]
        name = ".".join(labels)
        kind = next((k for k, number in TYPES.items() if number == struct.unpack(">H", query[at + 1:at + 3])[0]), "?")
        self.questions.append((name, kind))
        values = self.zone.get((name, kind))
        code = 0
        if isinstance(values, int):
            code, values = values, []
        elif values is None:
            code = 0 if any(known == name for known, _ in self.zone) else NO_SUCH_NAME
            values = []
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", TYPES[kind], 1, 60, len(data)) + data for data in (rdata(kind, v) for v in values))
        return query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(values), 0, 0) + query[12:at + 5] + records
