"""A machine in namespaces of its own, for commands that are run as a reader types them: the paths, names and ports are real there, and nothing of it is left
outside or afterwards."""
import os
import pty
import re
import select
import shutil
import subprocess
import threading
import time
from pathlib import Path

from marks import Skip

PREPARE = r"""
mkdir -p "$1"
mount -t tmpfs -o mode=755 machine "$1"
mkdir "$1/above" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/above,workdir=$1/work" machine "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t tmpfs -o mode=755 run "$1/root/run"
hostname "$2"
ip link set lo up
echo up
exec sleep infinity
"""
# A resolver that knows no name but says so at once.
NO_NAMES = r"""
import socket, struct
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    question, who = asked.recvfrom(4096)
    end = question.index(b"\0", 12) + 5
    asked.sendto(question[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question[12:end], who)
"""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb", "LC_ALL": "C.UTF-8", "USER": "root"}
HERE = Path(__file__).resolve().parents[2]


class Machine:
    """`names` are this machine's own, on 127.0.0.1; the first is its host name. The program is /usr/sbin/hikyaku; no mail server is set up yet."""

    def __init__(self, lab, names):
        if os.geteuid():
            raise Skip("a machine of its own wants root")
        place = lab.folder / "machine"
        self.process = subprocess.Popen(["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "sh", "-euc", PREPARE, "sh", str(place), names[0]],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lab.at_end.append(self.stop)
        self.running, self.said = [], ""
        said = []
        for line in self.process.stdout:
            if line == "up\n":
                break
            said.append(line)
        else:
            raise Skip(f"namespaces or an overlay can't be had here: {''.join(said).strip()}")
        self.inside = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        self.root, self.seen = str(place / "root"), f"/proc/{self.inside}/root{place}/root"
        self.environment = dict(ENVIRONMENT)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.environment["ASAN_OPTIONS"] = self.environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.put("/etc/hosts", "127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {name}\n" for name in names))
        self.put("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.succeed("rm -rf /etc/hikyaku /etc/postfix /var/lib/hikyaku /var/spool/hikyaku /usr/sbin/sendmail /root/.swaksrc; cd /root; rm -rf -- *")
        shutil.copy2(lab.binary, self.path("/usr/sbin/hikyaku"))
        self.put("/usr/local/sbin/no-names", NO_NAMES)
        self.start("python3 -u /usr/local/sbin/no-names", "^ready$")

    def path(self, inside):
        """A file of the machine, seen from outside."""
        return Path(self.seen + str(inside))

    def put(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)

    def command(self, text):
        return ["nsenter", "--target", self.inside, "--net", "--mount", "--pid", "--uts", "chroot", self.root, "env", "-i", *(f"{n}={v}" for n, v in self.environment.items()),
                "bash", "-c", "cd /root; " + text]

    def run(self, text, stdin="", timeout=120):
        """The exit code, and all that it said."""
        done = subprocess.run(self.command(text), input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def succeed(self, text, stdin=""):
        code, said = self.run(text, stdin)
        assert code == 0, f"{text}: {code}: {said}"
        return said

    def type(self, text, answers, timeout=60):
        """On a terminal: `answers` are pairs of what is waited for and what is typed then."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp("nsenter", self.command(text))
        said, end, left = "", time.monotonic() + timeout, list(answers)
        try:
            while time.monotonic() < end:
                if left and left[0][0] in said.rpartition("\0")[2]:
                    os.write(fd, left.pop(0)[1].encode())
                    said += "\0"
                if not select.select([fd], [], [], 0.2)[0]:
                    continue
                try:
                    got = os.read(fd, 65536)
                except OSError:
                    got = b""
                if not got:
                    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.replace("\0", "").replace("\r\n", "\n")
                said += got.decode("utf-8", "replace")
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise AssertionError(f"{text} did not end; it said {said!r}, and nothing like {left[:1]} was shown")
        finally:
            os.close(fd)

    def start(self, text, until, timeout=60):
        """Runs on; returns when a line that `until` (a pattern) is found in was said."""
        process = subprocess.Popen(self.command(text), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        lines, ready = [], threading.Event()

        def read():
            for line in process.stdout:
                lines.append(line)
                if re.search(until, line):
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.running.append((process, reader, lines))
        assert ready.wait(timeout) and any(re.search(until, line) for line in lines), f"{text} did not say {until!r}: {''.join(lines[-20:])}"
        return lines

    def log(self):
        return "".join(line for _, _, lines in self.running for line in lines[-30:])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        for process, reader, _ in self.running:
            process.wait(30)
            reader.join(30)
            process.stdout.close()
