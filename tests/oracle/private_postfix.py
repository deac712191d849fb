"""A Postfix of one's own, under a temporary folder and on loopback: nothing of the system's is touched. Needs root and Debian's postfix."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

SERVICES = """cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Postfix:
    """Runs from construction to close(). `main` is main.cf but for the folders, `services` the lines of master.cf before SERVICES."""

    def __init__(self, main, services):
        self.top = Path(tempfile.mkdtemp(prefix="private-postfix-"))
        os.chmod(self.top, 0o755)
        self.conf, self.queue, self.log = self.top / "conf", self.top / "queue", self.top / "log"
        for folder in (self.conf, self.queue, self.top / "data"):
            folder.mkdir()
        shutil.chown(self.top / "data", "postfix")
        for name in ("dynamicmaps.cf", "postfix-files"):
            if Path("/etc/postfix", name).exists():
                shutil.copy(Path("/etc/postfix", name), self.conf)
        (self.conf / "main.cf").write_text(f"queue_directory = {self.queue}\ndata_directory = {self.top}/data\nmaillog_file = {self.log}\n"
                                           f"maillog_file_prefixes = {self.top}\nproxy_read_maps =\n{main}")
        (self.conf / "master.cf").write_text(services + SERVICES)
        os.utime(self.conf / "main.cf", (1, 1))  # Postfix waits for a file that was just changed
        subprocess.run(["postfix", "-c", self.conf, "start"], check=True, stdout=sys.stderr, stderr=sys.stderr)

    def close(self):
        subprocess.run(["postfix", "-c", self.conf, "stop"], check=True, stdout=sys.stderr, stderr=sys.stderr)
        shutil.rmtree(self.top)
