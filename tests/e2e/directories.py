"""What tables ask: socketmap and tcp servers of our own, and real LDAP and PostgreSQL servers, each with data given to it."""
import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path

from hub import free_port


class LookupServer:
    """Speaks the socketmap protocol, or tcp_table's. `answers` maps a key to the words of a reply ("OK joe@b.example",
    "TEMP down"; "200 joe"); others are not found. A key in `held` is answered when its event is set."""

    def __init__(self, answers, tcp=False):
        self.answers, self.held, self.asked, self.tcp = dict(answers), {}, [], tcp
        self.connections, self.hangs_up = 0, False
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.connections += 1
                while (key := outer._request(self.rfile)) is not None:
                    outer.asked.append(key)
                    if key in outer.held:
                        outer.held[key].wait(30)
                    reply = outer.answers.get(key, "500 none" if tcp else "NOTFOUND ")
                    if reply is None:
                        return  # hangs up
                    self.wfile.write((f"{reply}\n" if tcp else f"{len(reply.encode())}:{reply},").encode())
                    if outer.hangs_up:
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spec(self, name="map") -> str:
        return f"tcp:127.0.0.1:{self.port}" if self.tcp else f"socketmap:inet:127.0.0.1:{self.port}:{name}"

    def _request(self, file):
        if self.tcp:
            line = file.readline().decode()
            return line.removeprefix("get ").rstrip("\n") if line else None
        size = b""
        while (octet := file.read(1)) not in (b":", b""):
            size += octet
        if not size:
            return None
        text = file.read(int(size)).decode()
        file.read(1)
        return text.split(" ", 1)[1]

    def stop(self):
        for event in self.held.values():
            event.set()
        self.server.shutdown()
        self.server.server_close()


def _wait_for(port, process):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not come up")


class Slapd:
    """An OpenLDAP server with `entries` (LDIF) under dc=test; cn=admin,dc=test has the password "geheim"."""

    def __init__(self, home, entries, certificate=None):
        home = Path(home)
        data = home / "ldap"
        data.mkdir(parents=True)
        (home / "slapd.conf").write_text(f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
{f"TLSCertificateFile {certificate[0]}" if certificate else ""}
{f"TLSCertificateKeyFile {certificate[1]}" if certificate else ""}
disallow bind_anon
require bind
database mdb
suffix "dc=test"
rootdn "cn=admin,dc=test"
rootpw geheim
directory {data}
""")
        (home / "data.ldif").write_text("dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\no: test\ndc: test\n\n" + entries)
        subprocess.run(["slapadd", "-f", home / "slapd.conf", "-l", home / "data.ldif"], check=True, capture_output=True)
        self.port = free_port()
        self.command = ["slapd", "-f", str(home / "slapd.conf"), "-h", f"ldap://127.0.0.1:{self.port}", "-d", "0"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(self.port, self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Postgres:
    """A PostgreSQL server with the database "mail" in which `statements` were run; user mail, password "geheim"."""

    def __init__(self, home, statements):
        self.bin = next(Path("/usr/lib/postgresql").glob("*/bin"))
        self.home = Path(home) / "postgres"
        self.home.mkdir(parents=True)
        # It does not run as root.
        self.prefix = []
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
            for folder in [self.home, *self.home.parents]:
                if str(folder).startswith("/tmp/"):
                    folder.chmod(folder.stat().st_mode | 0o711)
            self.prefix = ["runuser", "-u", "postgres", "--"]
        password = self.home / "password"
        password.write_text("geheim\n")
        password.chmod(0o644)
        self._run(self.bin / "initdb", "-D", self.home / "data", "-U", "mail", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
        self.port = free_port()
        self.start()
        self.sql("CREATE DATABASE mail", database="postgres")
        for statement in statements:
            self.sql(statement)

    def _run(self, *command, **options):
        done = subprocess.run([*self.prefix, *map(str, command)], capture_output=True, text=True, cwd="/", **options)
        assert done.returncode == 0, done.stderr

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.home} -c fsync=off -c shared_buffers=16MB"
        self._run(self.bin / "pg_ctl", "-D", self.home / "data", "-w", "-l", self.home / "log", "-o", options, "start")

    def sql(self, statement, database="mail"):
        subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mail", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement],
                       env={**os.environ, "PGPASSWORD": "geheim"}, check=True, capture_output=True)

    def stop(self):
        self._run(self.bin / "pg_ctl", "-D", self.home / "data", "-m", "immediate", "-w", "stop")
