"""A server of lines that answers as a test says and keeps each octet that came: what two clients said can be compared."""
import re
import socket
import threading
import time

DROP, SILENT = "(drop the connection)", "(say nothing)"
EHLO = "250-peer.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"
USUAL = (("greeting", "220 peer.test ESMTP"), ("EHLO|LHLO", EHLO), ("HELO", "250 peer.test"), ("STARTTLS", "220 go"),
         ("MAIL", "250 2.1.0 Ok"), ("RCPT", "250 2.1.5 Ok"), ("DATA", "354 go on"), (r"\.", "250 2.0.0 taken"),
         ("XCLIENT", "220 peer.test ESMTP"), ("RSET|NOOP", "250 Ok"), ("QUIT", "221 bye"), ("", "502 5.5.2 unknown command"))


class ScriptedServer:
    """One connection after the other, each answered by the same script: pairs of a pattern for the beginning of a
    command ("greeting", "." for the end of the data) and the reply; a list of replies is used up one by one in each
    connection, its last stays. What the script does not name is answered as by any server. `tls`: a context; after a
    220 to STARTTLS, or from the start with `wrapper`. `proxy` 1 or 2: a PROXY header comes first. `lmtp`: the dot is
    answered once for each recipient that was taken. `path`: a Unix socket instead of a port."""

    def __init__(self, script=(), tls=None, wrapper=False, proxy=0, lmtp=False, path=None, host="127.0.0.1"):
        self.script, self.tls, self.wrapper, self.proxy, self.lmtp = tuple(script) + USUAL, tls, wrapper, proxy, lmtp
        self.connections = []  # what each said, in full
        self.ends = []  # of each: "closed" by the client, "dropped" by us, "broken"
        self.changed = threading.Condition()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def said(self, number=0, timeout=10) -> bytes:
        """All that the client of connection `number` sent, once that has ended."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.ends) > number, timeout):
                raise AssertionError(f"connection {number} has not ended: {self.connections}")
            return bytes(self.connections[number])

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                number = len(self.connections)
                self.connections.append(bytearray())
            end = "broken"
            try:
                end = _Talk(self, connection, self.connections[number]).run()
            except (OSError, ValueError):
                pass
            with self.changed:
                self.ends.append(end)
                self.changed.notify_all()


class _Talk:
    def __init__(self, server, connection, said):
        self.server, self.socket, self.said, self.buffer = server, connection, said, b""
        self.socket.settimeout(20)
        self.used, self.content, self.recipients = {}, False, 0

    def run(self):
        server = self.server
        try:
            if server.proxy == 1:
                self.line()
            elif server.proxy == 2:
                self.exactly(16)
                self.exactly(int.from_bytes(self.said[14:16], "big"))
            if server.wrapper:
                self.secure()
            if not self.answer("greeting"):
                return "dropped"
            while (line := self.line()) is not None:
                text = line.rstrip(b"\r\n").decode("latin-1")
                if self.content:
                    if line != b".\r\n":
                        continue
                    self.content = False
                    if not all(self.answer(".") for _ in range(self.recipients if server.lmtp else 1)):
                        return "dropped"
                elif not self.answer(text):
                    return "dropped"
                elif text.upper() == "QUIT":
                    break
            if self.socket.fileno() >= 0:
                self.socket.settimeout(5)
            while self.line() is not None:
                pass
            return "closed"
        finally:
            self.socket.close()

    def reply_to(self, text):
        for pattern, reply in self.server.script:
            if re.match(pattern, text, re.I):
                if isinstance(reply, (list, tuple)):
                    at = self.used.get(pattern, 0)
                    self.used[pattern] = at + 1
                    return reply[min(at, len(reply) - 1)]
                return reply
        return "502 no"

    def answer(self, text):
        reply = self.reply_to(text)
        if reply == DROP:
            return False
        if reply == SILENT:
            time.sleep(0)
            return True
        self.socket.sendall(reply.encode("latin-1") + b"\r\n")
        verb = text.upper()
        if verb.startswith("STARTTLS") and reply.startswith("220") and self.server.tls:
            self.secure()
        if verb.startswith("RCPT") and reply.startswith("2"):
            self.recipients += 1
        if verb.startswith("DATA") and reply.startswith("354"):
            self.content = True
        return True

    def secure(self):
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)

    def exactly(self, count):
        while count > 0:
            got = self.socket.recv(count)
            if not got:
                raise OSError("closed within a PROXY header")
            self.said += got
            count -= len(got)

    def line(self):
        while b"\n" not in self.buffer:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not got:
                return None
            self.said += got
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"
