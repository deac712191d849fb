"""A mail client that says just what it is told to, and keeps the dialogue."""
import base64
import re
import socket
import ssl


class Client:
    def __init__(self, port, host="127.0.0.1", source="127.0.0.1", timeout=20.0, greet=True, tls=None):
        self.dialogue = []
        self.socket = socket.create_connection((host, port), timeout, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="mail.hub.test")
        self.buffer = b""
        self.greeting = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def note(self, side, text):
        self.dialogue.append((side, text))

    def send(self, octets: bytes):
        self.socket.sendall(octets)

    def line(self) -> str:
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(f"the server closed the connection; before: {self.dialogue[-6:]}")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r"), f"a reply must end in CRLF: {line!r}"
        text = line[:-1].decode("utf-8", "replace")
        self.note("S", text)
        return text

    def reply(self) -> str:
        """One whole reply; its lines joined by LF."""
        lines = []
        while True:
            line = self.line()
            assert re.match(r"\d\d\d[ -]", line + " "), f"no reply: {line!r}"
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def command(self, text, want=None) -> str:
        """Sends a line and reads its reply; `want` is how the reply must begin."""
        self.note("C", text)
        self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")
        reply = self.reply()
        if want is not None:
            assert reply.startswith(str(want)), f"{text!r} got {reply!r}, not {want}"
        return reply

    def ehlo(self, name="client.test") -> str:
        return self.command(f"EHLO {name}", 250)

    def keywords(self) -> list:
        """The EHLO keywords with their arguments."""
        return [l[4:] for l in self.ehlo().splitlines()[1:]]

    def starttls(self, context=None, name="mail.hub.test"):
        self.command("STARTTLS", 220)
        self.secure(context, name)

    def secure(self, context=None, name="mail.hub.test"):
        self.socket = (context or trusting_tls()).wrap_socket(self.socket, server_hostname=name)

    def auth_plain(self, user, secret, want=235) -> str:
        token = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
        return self.command(f"AUTH PLAIN {token}", want)

    def auth_login(self, user, secret, want=235) -> str:
        self.command("AUTH LOGIN", 334)
        self.command(base64.b64encode(user.encode()).decode(), 334)
        return self.command(base64.b64encode(secret.encode()).decode(), want)

    def envelope(self, sender, recipients, parameters=""):
        self.command(f"MAIL FROM:<{sender}>{' ' + parameters if parameters else ''}", 250)
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)

    def data(self, message: bytes, want=250) -> str:
        """Sends `message` (CRLF line ends) with its dots doubled."""
        self.command("DATA", 354)
        stuffed = b"." + message if message.startswith(b".") else message
        stuffed = stuffed.replace(b"\r\n.", b"\r\n..")
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        self.send(stuffed + b".\r\n")
        reply = self.reply()
        assert reply.startswith(str(want)), f"the message got {reply!r}, not {want}"
        return reply

    def mail(self, sender, recipients, message=None, parameters="", want=250) -> str:
        """A whole transaction; the queue id, when it was taken."""
        self.envelope(sender, recipients, parameters)
        return queue_id(self.data(message or sample(sender, recipients), want))

    def quit(self):
        self.command("QUIT", 221)
        self.close()

    def closed(self) -> bool:
        """True when the server closes now, without another octet."""
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True


def queue_id(reply: str) -> str:
    found = re.search(r"queued as (\S+)", reply)
    return found.group(1) if found else ""


def sample(sender="alice@example.net", recipients="bob@example.org", subject="hello", body="one line\r\n") -> bytes:
    to = recipients if isinstance(recipients, str) else ", ".join(recipients[:5])
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 23:48:20 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@client.test>\r\n\r\n{body}").encode()


def trusting_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ca_tls(ca) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))
