"""Starts, asks and stops a hub; everything that it writes stays under one folder."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

_taken = set()
_lock = threading.Lock()


def free_port() -> int:
    """A loopback port that nothing listens on, below the range that clients get theirs from."""
    with _lock:
        for _ in range(1000):
            port = random.randrange(20000, 30000)
            if port in _taken:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _taken.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 30000")


BASE = """compatibility_level = 3.6
myhostname = mail.hub.test
mydomain = hub.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/28
mydestination = mail.hub.test, localhost
alias_maps =
alias_database =
local_recipient_maps =
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
biff = no
"""

TRANSPORTS = """cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
local unix - n n - - local
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
"""

SUBMISSION = ("-o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes "
              "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject")


# For a hub that is confined: the sanitizer looks for leaks by ptrace, which such a process may not do.
CONFINED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Hub:
    """`main` is text that follows BASE in main.cf (a name that it sets is left out of BASE); `services` maps a name
    to the -o options of its smtpd line ("pop3 -o ..." of its pop3 line), each with a port of its own; `tables` maps a file's name to its text. In all
    of them @T@ is the folder of the tables and @DIR@ the hub's own."""

    def __init__(self, binary, home, main="", services=None, transports="", tables=None, base=BASE, limit="-"):
        self.binary, self.home = str(binary), Path(home)
        self.conf, self.tables = self.home / "conf", self.home / "tables"
        for folder in (self.conf, self.tables, self.home / "queue", self.home / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        self.services = {"smtp": ""} if services is None else services
        self.ports = {name: free_port() for name in self.services}
        self.process, self.reader, self.lines, self.changed, self.limit = None, None, [], threading.Condition(), limit
        self.base, self.transports, self.stopping = base, transports, False
        for name, text in (tables or {}).items():
            self.write_table(name, text)
        self.configure(main)

    # ------------------------------------------------------------------ files
    def expand(self, text):
        return text.replace("@T@", str(self.tables)).replace("@DIR@", str(self.home))

    def write_table(self, name, text):
        (self.tables / name).write_text(self.expand(text), encoding="utf-8", errors="surrogateescape")

    def configure(self, main):
        """Writes main.cf and master.cf; a hub that runs takes them at reload()."""
        mine = set(re.findall(r"^([A-Za-z_0-9]+)\s*=", main, re.M))
        base = "".join(l + "\n" for l in self.base.splitlines() if l.split("=")[0].strip() not in mine)
        folders = f"queue_directory = {self.home}/queue\ndata_directory = {self.home}/data\n"
        (self.conf / "main.cf").write_text(base + folders + self.expand(main), encoding="utf-8")
        listeners = "".join(f"127.0.0.1:{self.ports[name]} inet n - n - {self.limit} {self.expand(command)}\n" for name, command in
                            ((n, o if o.split()[:1] == ["pop3"] else f"smtpd {o}") for n, o in self.services.items()))
        (self.conf / "master.cf").write_text(listeners + TRANSPORTS + self.expand(self.transports), encoding="utf-8")

    def line_of(self, text, file="main.cf") -> int:
        """The number of the first line of a configuration file (or of a table) that begins with `text`."""
        path = self.conf / file if (self.conf / file).exists() else self.tables / file
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith(text):
                return number
        raise AssertionError(f"no line of {path} begins with {text!r}")

    # ---------------------------------------------------------------- process
    @property
    def port(self):
        return self.ports[next(iter(self.ports))]

    @property
    def pid(self):
        return self.process.pid

    def start_detached(self):
        """Starts it with its log in a file: it outlives this program."""
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "-c", str(self.conf)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 30
        while not any(_is_ready(l) for l in (self.home / "log").read_text(errors="replace").splitlines()):
            assert self.process.poll() is None and time.monotonic() < end, "the hub did not come up: " + (self.home / "log").read_text()
            time.sleep(0.02)
        return self

    def start(self, timeout=30.0, sockets=(), environment=None, by=()):
        """`sockets` are handed over as systemd does it; `by` is a command that starts another, as setpriv."""
        assert self.process is None, "already started"
        command, numbers = [*by, self.binary, "serve", "-c", str(self.conf)], [s.fileno() for s in sockets]
        if sockets:
            redirections = " ".join(f"{3 + i}<&{number}" for i, number in enumerate(numbers))
            command = ["bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@" {redirections}', "bash", *command]
        with self.changed:
            self.lines.append("--- start")
            mark = len(self.lines)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True, pass_fds=numbers, env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        with self.changed:
            self.changed.wait_for(lambda: any(_is_ready(l) or l == "--- end" for l in self.lines[mark:]), timeout)
            if not any(_is_ready(l) for l in self.lines[mark:]):
                raise AssertionError("the hub did not come up:\n" + "\n".join(self.lines[mark:][-30:]))
        return self

    def _read(self, process):
        for raw in process.stderr:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("--- end")
            self.changed.notify_all()

    def begin_stop(self):
        """SIGTERM, for a test that looks on while the hub ends; stop() must follow."""
        self.stopping = True
        self.process.send_signal(signal.SIGTERM)

    def stop(self, want=0):
        """SIGTERM; the hub must end by itself within 10 s."""
        if self.process is None:
            return
        if not self.stopping:
            self.begin_stop()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the hub did not end within 10 s of SIGTERM") from None
        self._ended()
        if want is not None:
            assert code == want, f"the hub ended with {code}:\n" + "\n".join(self.lines[-40:])

    def kill(self):
        """SIGKILL: as a machine that loses its power, but for what the kernel still holds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self._ended()

    def _ended(self):
        """Until all that it said is in `lines`: its last words must not be taken for the next process's."""
        self.process, self.stopping = None, False
        if self.reader is not None:
            self.reader.join(10)
            self.reader = None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def memory(self) -> int:
        """Resident octets."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_time(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ------------------------------------------------------------------- logs
    def log(self) -> str:
        with self.changed:
            return "\n".join(self.lines)

    def mark(self) -> int:
        with self.changed:
            return len(self.lines)

    def wait_log(self, pattern, timeout=20.0, since=0) -> str:
        found = re.compile(pattern)
        with self.changed:
            self.changed.wait_for(lambda: any(found.search(l) for l in self.lines[since:]), timeout)
            for line in self.lines[since:]:
                if found.search(line):
                    return line
        raise AssertionError(f"no log line like {pattern!r} within {timeout} s; the last:\n" + "\n".join(self.lines[-15:]))

    # --------------------------------------------------------------- commands
    def run(self, command, *arguments, want=0, stdin=None, timeout=60):
        """`hikyaku COMMAND -c DIR ARGUMENT...`: what it printed; `want` its exit code (None: any)."""
        full = [self.binary, command, "-c", str(self.conf), *arguments]
        done = subprocess.run(full, input=stdin, capture_output=True, timeout=timeout)
        out = done.stdout.decode("utf-8", "surrogateescape")
        if want is not None:
            assert done.returncode == want, f"{' '.join(full)} ended with {done.returncode}, not {want}:\n{out}{done.stderr.decode()}"
            return out
        return done.returncode, out, done.stderr.decode("utf-8", "replace")

    def add_user(self, name, secret):
        self.run("user", "add", name, stdin=secret.encode() + b"\n")

    def queue(self) -> list:
        return [json.loads(l) for l in self.run("queue", "list", "--json").splitlines() if l.strip()]

    def why(self, queue_id) -> str:
        return self.run("why", queue_id)

    def why_rows(self, queue_id) -> list:
        return json_rows(self.run("why", queue_id, "--json"))

    def wait_queue(self, holds, timeout=20.0) -> list:
        """Polls the queue's listing until `holds(rows)`."""
        end = time.monotonic() + timeout
        while True:
            rows = self.queue()
            if holds(rows):
                return rows
            assert time.monotonic() < end, f"the queue is not as hoped for after {timeout} s: {rows}"
            time.sleep(0.05)


def json_rows(text) -> list:
    """The rows of a command's --json: one object a line, or one document (a list, or an object with a list)."""
    lines = [l for l in text.splitlines() if l.strip()]
    try:
        rows = [json.loads(l) for l in lines]
    except ValueError:
        rows = [json.loads(text)]
    if len(rows) == 1 and isinstance(rows[0], list):
        return rows[0]
    return rows


def _is_ready(line) -> bool:
    return line.strip() == "ready" or line.strip().endswith(": ready")


def make_certificates(folder, names=("mail.hub.test", "other.hub.test")) -> dict:
    """A demo CA and a certificate a name: {"ca": path, name: (certificate, key)}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=Demo CA", "-keyout", "ca.key", "-out", "ca.pem")
    made = {"ca": folder / "ca.pem"}
    for name in names:
        openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        made[name] = (folder / f"{name}.pem", folder / f"{name}.key")
    return made
