"""A milter that speaks plain packets: what it answers to which event is a script, and it keeps every packet that it got."""
import socket
import struct
import threading
import time

ALL_ACTIONS = 0x1FF
EVENTS = {"O": "negotiate", "C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "U": "unknown", "L": "header", "N": "eoh",
          "B": "body", "E": "eom"}
# The step bit with which an event gets no answer.
NO_REPLY = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000, "L": 0x80, "N": 0x40000, "B": 0x80000}
LIMIT = 1 << 24


def packet(kind: str, data: str = "") -> bytes:
    return struct.pack(">I", len(data) + 1) + (kind + data).encode("latin-1")


class ScriptedFilter:
    """Listens from construction to stop(). `script` (set it between two sessions, with begin()):

    "negotiate": {"version", "actions", "steps", "macros": {stage number: names}}, the answer to the first packet, or a list of
    answers as below; each event ("connect" ... "eom") a list of answers that is used up one by one, its last one staying. An
    answer is a list of packets [kind, data] (data: a string of octets) and of
    ["close"]: the connection ends; ["reset"]: it ends with RST; ["half"]: the first octets of a packet, and the end;
    ["raw", octets]; ["wait", seconds]; ["until", threading.Event]. An empty answer says nothing. Without a script "c" is said to all.
    """

    def __init__(self, unix=None, host="127.0.0.1"):
        if unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(unix))
            self.listener.listen(64)
            self.address = f"unix:{unix}"
        else:
            self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
            self.port = self.listener.getsockname()[1]
            self.address = f"inet:{host}:{self.port}"
        self.changed, self.stopped = threading.Condition(), False
        self.begin({})
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, script):
        """Forgets what it got; the next connection follows `script`."""
        with self.changed:
            self.script = script
            self.used = {}
            self.connections = []  # of each its packets, [kind, data], and at its end ["end"]
            self.open = 0

    def wait_closed(self, timeout=20.0, count=0) -> list:
        """The connections, once all have ended, and there were so many at least."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.open == 0 and len(self.connections) >= count, timeout):
                raise AssertionError(f"a connection to the filter {self.address} is still open, or there were none: {self.connections}")
            return list(self.connections)

    def stop(self):
        self.stopped = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while not self.stopped:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            with self.changed:
                self.open += 1
                got = []
                self.connections.append(got)
            threading.Thread(target=self._talk, args=(peer, got), daemon=True).start()

    def _talk(self, peer, got):
        try:
            if peer.family == socket.AF_INET:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._converse(peer, got)
        except OSError:
            pass
        peer.close()
        with self.changed:
            got.append(["end"])
            self.open -= 1
            self.changed.notify_all()

    def _converse(self, peer, got):
        stream, steps = peer.makefile("rb"), 0
        while len(head := stream.read(4)) == 4:
            size = struct.unpack(">I", head)[0]
            if not 0 < size <= LIMIT:
                got.append(["bad length", str(size)])
                return
            octets = stream.read(size).decode("latin-1")
            kind, data = octets[:1], octets[1:]
            with self.changed:
                got.append([kind, data])
                self.changed.notify_all()
            if kind == "O":
                steps = self._steps()
            if kind == "Q":
                return
            if kind in "DAK" or (NO_REPLY.get(kind, 0) & steps):
                continue
            if not self._say(peer, self._answer(kind)):
                return

    def _steps(self) -> int:
        wishes = self.script.get("negotiate", {})
        return wishes.get("steps", 0) if isinstance(wishes, dict) else 0

    def _answer(self, kind) -> list:
        event = EVENTS.get(kind, kind)
        if event == "negotiate" and isinstance(self.script.get("negotiate", {}), dict):
            return [["O", negotiation(**self.script.get("negotiate", {}))]]
        answers = self.script.get(event, [[["c", ""]]])
        with self.changed:
            number = self.used.get(event, 0)
            self.used[event] = number + 1
        return answers[min(number, len(answers) - 1)]

    @staticmethod
    def _say(peer, answer) -> bool:
        """Whether the connection goes on."""
        for one in answer:
            word = one[0]
            if word == "close":
                return False
            if word == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            if word == "half":
                peer.sendall(struct.pack(">I", 10) + b"y550")
                return False
            if word == "raw":
                peer.sendall(one[1].encode("latin-1"))
            elif word == "wait":
                time.sleep(one[1])
            elif word == "until":
                one[1].wait(60)
            else:
                peer.sendall(packet(*one))
        return True


def negotiation(version=6, actions=ALL_ACTIONS, steps=0, macros=None) -> str:
    """The data of the filter's first packet."""
    data = struct.pack(">III", version, actions, steps)
    for stage, names in (macros or {}).items():
        data += struct.pack(">I", int(stage)) + names.encode() + b"\0"
    return data.decode("latin-1")
