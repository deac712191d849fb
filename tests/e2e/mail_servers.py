"""Servers of others and small ones of our own, for tests that talk to them."""
import getpass
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from pathlib import Path

from hub import free_port
from marks import Skip


class Dovecot:
    """A private Dovecot on free ports: ports["imap"], "imaps", "pop3", "sieve" and "lmtp". One user, with a password that
    each mechanism can use. `more`: settings before the passdb that has the user."""

    def __init__(self, home, certificate, user, secret, mechanisms="plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2", more=""):
        program = shutil.which("dovecot") or "/usr/sbin/dovecot"
        modules = Path("/usr/lib/dovecot")
        missing = [n for n in ("imap", "pop3", "managesieve", "lmtp") if not (modules / n).exists()]
        if not Path(program).exists() or missing:
            raise Skip(f"dovecot has no {', '.join(missing) or 'program'} here")
        self.home = Path(home)
        (self.home / "mail").mkdir(parents=True)
        (self.home / "users").write_text(f"{user}:{{PLAIN}}{secret}::::::\n")
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3", "sieve", "lmtp")}
        me = getpass.getuser()
        login = "dovenull" if os.geteuid() == 0 else me
        os.chmod(self.home.parent, 0o755)
        if os.geteuid() == 0:
            shutil.chown(self.home / "mail", "nobody", "nogroup")
        owner = "nobody" if os.geteuid() == 0 else me
        config = self.home / "dovecot.conf"
        listeners = "".join(
            f"service {service} {{\n inet_listener {listener} {{\n port = {self.ports[name]}\n address = 127.0.0.1\n {more}\n }}\n"
            f" inet_listener {other} {{\n port = 0\n }}\n chroot =\n}}\n"
            for service, listener, name, other, more in (
                ("pop3-login", "pop3", "pop3", "pop3s", ""),
                ("managesieve-login", "sieve", "sieve", "unused", ""), ("lmtp", "lmtp", "lmtp", "unused", "")))
        config.write_text(f"""base_dir = {self.home}/run
state_dir = {self.home}/state
log_path = {self.home}/log
protocols = imap pop3 sieve lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate[0]}
ssl_key = <{certificate[1]}
auth_mechanisms = {mechanisms}
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {"dovecot" if os.geteuid() == 0 else me}
first_valid_uid = 1
mail_location = maildir:{self.home}/mail/%u
{more}
passdb {{
 driver = passwd-file
 args = scheme=PLAIN username_format=%u {self.home}/users
}}
userdb {{
 driver = static
 args = uid={owner} gid={"nogroup" if os.geteuid() == 0 else me} home={self.home}/mail/%u
}}
{listeners}
service imap-login {{
 inet_listener imap {{
 port = {self.ports["imap"]}
 address = 127.0.0.1
 }}
 inet_listener imaps {{
 port = {self.ports["imaps"]}
 address = 127.0.0.1
 ssl = yes
 }}
 chroot =
}}
service anvil {{
 chroot =
}}
""")
        self.process = subprocess.Popen([program, "-F", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 20
        for port in self.ports.values():
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > end:
                        log = self.home / "log"
                        raise AssertionError(f"dovecot did not come up: {log.read_text() if log.exists() else self.process.stderr.read()}")
                    time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()


class Talker:
    """A server that runs `script(conversation)` for each connection; the conversation has say(), line() and secure(),
    which has `certificate` unless it gets a context."""

    def __init__(self, script, certificate=None):
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.file = self.request.makefile("rb")
                try:
                    script(self)
                except (OSError, ValueError):
                    pass
                finally:
                    self.file.close()
                    self.request.close()

            def say(self, octets: bytes):
                self.request.sendall(octets)

            def line(self) -> bytes:
                line = self.file.readline()
                outer.lines.append(line.rstrip(b"\r\n"))
                return line.rstrip(b"\r\n")

            def secure(self, context=None):
                if not context:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(*certificate)
                self.file.close()
                self.request = context.wrap_socket(self.request, server_side=True)
                self.file = self.request.makefile("rb")

        self.lines = []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
