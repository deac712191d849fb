"""A mail server for tests: takes what the hub delivers, answers as the test's script says, keeps it all."""
import base64
import re
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field

DROP = "(drop the connection)"
KEYWORDS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 0", "ENHANCEDSTATUSCODES")


@dataclass
class Received:
    """One transaction: the arguments of MAIL and RCPT as they were sent, and the octets between DATA and the dot."""
    mail_from: str
    rcpt_to: list
    data: bytes
    helo: str
    auth: tuple | None
    tls: str | None
    session: int
    sink: str = ""
    # RCPT commands that were answered with a 2xx; for LMTP, those that also got a 2xx after the dot.
    accepted: list = field(default_factory=list)

    def header(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    def recipients(self) -> list:
        return [address(r) for r in self.rcpt_to]

    def sender(self) -> str:
        return address(self.mail_from)


def address(argument: str) -> str:
    """The address of `<a@b> SIZE=1`."""
    return argument[argument.find("<") + 1:argument.find(">")]


def unstuffed(lines: list) -> bytes:
    return b"".join(l[1:] if l.startswith(b".") else l for l in lines)


class Sink:
    """Listens from construction to stop(). `script` is a list of (pattern, reply) that is looked through for each
    command, "." standing for the end of the data (LMTP: ". <address>"); the first pattern that matches at the
    command's start wins. A reply is a text, DROP, a callable that gets the command and gives one of both or None
    (the usual reply), or a list that is used up one by one (its last element stays). `delay` seconds pass before the reply to the dot."""

    def __init__(self, script=(), lmtp=False, keywords=KEYWORDS, tls=None, wrapper=False, auth=None, delay=0.0, host="127.0.0.1",
                 port=0, keep=True):
        self.script = [(re.compile(p, re.I), list(r) if isinstance(r, (list, tuple)) else [r]) for p, r in script]
        self.lmtp, self.keywords, self.tls, self.wrapper, self.auth = lmtp, tuple(keywords), tls, wrapper, auth
        self.delay, self.keep = delay, keep
        self.messages, self.commands, self.sessions, self.open_sessions, self.most_sessions = [], [], 0, 0, 0
        self.bare_newlines = 0
        self.in_transfer, self.most_in_transfer = 0, 0  # messages between DATA's 354 and the answer to the dot
        self.changed = threading.Condition()
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                sink._converse(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                pass  # a peer that goes away is what some tests are about

        self.server = Server((host, port), Handler)
        self.host, self.port = self.server.server_address
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def next_hop(self) -> str:
        return f"[{self.host}]:{self.port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count=1, timeout=20.0) -> list:
        """The messages, when at least `count` have come."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.messages) >= count, timeout):
                raise AssertionError(f"{len(self.messages)} of {count} messages came to {self.next_hop} in {timeout} s")
            return list(self.messages)

    def wait_command(self, pattern, count=1, timeout=20.0) -> list:
        found = re.compile(pattern, re.I)
        with self.changed:
            if not self.changed.wait_for(lambda: sum(bool(found.match(c)) for c in self.commands) >= count, timeout):
                raise AssertionError(f"no {count} commands like {pattern} came to {self.next_hop}: {self.commands[-20:]}")
            return [c for c in self.commands if found.match(c)]

    def _scripted(self, command):
        with self.changed:
            self.commands.append(command)
            self.changed.notify_all()
            for pattern, replies in self.script:
                if pattern.match(command):
                    reply = replies.pop(0) if len(replies) > 1 else replies[0]
                    if callable(reply):
                        reply = reply(command)
                    return reply
        return None

    def _converse(self, handler):
        with self.changed:
            self.sessions += 1
            number = self.sessions
            self.open_sessions += 1
            self.most_sessions = max(self.most_sessions, self.open_sessions)
        try:
            _Conversation(self, handler, number).run()
        except (OSError, ValueError):
            pass
        finally:
            with self.changed:
                self.open_sessions -= 1
                self.changed.notify_all()


class _Conversation:
    def __init__(self, sink, handler, number):
        self.sink, self.number = sink, number
        self.socket, self.file = handler.connection, handler.rfile
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.helo, self.user, self.tls = "", None, None
        self.mail, self.rcpt, self.good = None, [], []

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def secure(self):
        self.socket = self.sink.tls.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")
        self.tls = self.socket.version()

    def line(self):
        line = self.file.readline(1 << 20)
        if line and not line.endswith(b"\r\n"):
            with self.sink.changed:
                self.sink.bare_newlines += 1
        return line

    def run(self):
        if self.sink.wrapper:
            self.secure()
        greeting = self.sink._scripted("(greeting)")
        if greeting == DROP:
            return
        self.send(greeting or "220 sink.test ESMTP")
        while True:
            line = self.line()
            if not line or not self.command(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")):
                return

    def command(self, text) -> bool:
        verb = text.upper()
        reply = self.sink._scripted(text)
        if reply == DROP:
            return False
        if reply is None:
            reply = self.usual(text, verb)
        elif verb.startswith("RCPT TO:"):
            self.rcpt.append(text[8:].strip())
            if reply.startswith("2"):
                self.good.append(text[8:].strip())
        if reply is False:
            return False
        if reply:
            self.send(reply)
        if verb == "STARTTLS" and str(reply).startswith("220"):
            self.secure()
        if verb == "DATA" and str(reply).startswith("354"):
            self.transfer(+1)
            try:
                replies = self.take_data()
            finally:
                self.transfer(-1)  # before the answer: what comes after it is the next message's
            for reply in replies or []:
                self.send(reply)
            return replies is not None
        return verb != "QUIT"

    def usual(self, text, verb):
        if verb.startswith(("EHLO", "LHLO", "HELO")):
            self.helo = text[5:]
            if verb.startswith("HELO"):
                return "250 sink.test"
            words = ["sink.test", *self.sink.keywords]
            if self.sink.tls and not self.tls:
                words.append("STARTTLS")
            if self.sink.auth:
                words.append("AUTH PLAIN LOGIN")
            return "\r\n".join([f"250-{w}" for w in words[:-1]] + [f"250 {words[-1]}"])
        if verb == "STARTTLS":
            return "220 2.0.0 go" if self.sink.tls else "502 5.5.1 no"
        if verb.startswith("AUTH PLAIN"):
            _, user, secret = base64.b64decode(text[10:].strip()).split(b"\0")
            self.user = (user.decode(), secret.decode())
            return "235 2.7.0 ok" if self.sink.auth in (True, self.user) else "535 5.7.8 no"
        if verb.startswith("MAIL FROM:"):
            self.mail, self.rcpt, self.good = text[10:].strip(), [], []
            return "250 2.1.0 Ok"
        if verb.startswith("RCPT TO:"):
            self.rcpt.append(text[8:].strip())
            self.good.append(self.rcpt[-1])
            return "250 2.1.5 Ok"
        if verb == "DATA":
            return "354 go on" if self.good else "554 5.5.1 no recipients"
        if verb in ("RSET", "NOOP"):
            self.mail, self.rcpt, self.good = None, [], []
            return "250 2.0.0 Ok"
        if verb == "QUIT":
            return "221 2.0.0 Bye"
        return "502 5.5.2 unknown command"

    def transfer(self, change):
        with self.sink.changed:
            self.sink.in_transfer += change
            self.sink.most_in_transfer = max(self.sink.most_in_transfer, self.sink.in_transfer)

    def take_data(self) -> list | None:
        """The answers to the dot; None: the connection is to be dropped."""
        lines = []
        while True:
            line = self.line()
            if not line:
                return None
            if line == b".\r\n":
                break
            if self.sink.keep:
                lines.append(line)
        if self.sink.delay:
            time.sleep(self.sink.delay)
        replies, accepted = [], []
        for to in (self.good if self.sink.lmtp else [None]):
            reply = self.sink._scripted(f". {address(to)}" if to else ".")
            if reply == DROP:
                return None
            reply = reply or "250 2.0.0 Ok: taken"
            replies.append(reply)
            if reply.startswith("2"):
                accepted += [to] if to else self.good
        if accepted:
            message = Received(self.mail, self.rcpt, unstuffed(lines), self.helo, self.user, self.tls, self.number,
                               f"{self.sink.host}:{self.sink.port}", accepted)
            with self.sink.changed:
                self.sink.messages.append(message)
                self.sink.changed.notify_all()
        self.mail, self.rcpt, self.good = None, [], []
        return replies


def server_tls(certificate, key) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
