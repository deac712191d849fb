"""A Debian in a folder whose systemd runs, in namespaces of its own: for ./check --packages."""
import os
import shlex
import subprocess
import time
from pathlib import Path

BOOT = r"""
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 run "$root/run"
if grep -q '^cgroup2 /sys/fs/cgroup ' /proc/mounts; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd systemd "$root/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
fi
ip link set lo up
exec chroot "$root" env -i container=hikyaku PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0
"""


class BootedMachine:
    def __init__(self, root, log):
        self.root, self.log = Path(root), log
        self.process, self.systemd = None, None

    def boot(self):
        """Whether systemd came up; what it said is in the log."""
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", "-euc", BOOT, "sh", str(self.root)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and os.path.basename(os.path.realpath(f"/proc/{children[0]}/exe")) == "systemd":
                self.systemd = children[0]
                if self.run("systemctl is-system-running --wait")[1].strip() in ("running", "degraded"):
                    return True
            time.sleep(0.1)
        return False

    def run(self, command, terminal=False):
        """A command of a shell there: its exit code, and all that it said."""
        inside = ["bash", "-c", f"script --quiet --return --command {shlex.quote(command)} /dev/null" if terminal else command]
        done = subprocess.run(["nsenter", "--target", self.systemd, "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "chroot", f"/proc/{self.systemd}/root",
                               "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb", "SYSTEMD_EDITOR=/root/editor", *inside],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=180)
        return done.returncode, done.stdout

    def shown(self, unit, what):
        return self.run(f"systemctl show --property {what} --value {unit}")[1].strip()

    def wait_for(self, true, seconds=60):
        """Until it is so: there is no event to wait for from outside."""
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            time.sleep(0.1)
        return true()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
