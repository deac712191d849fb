#!/usr/bin/env python3
"""What ./check --packages runs: builds the Debian packages three times, and lives with them in a folder of debootstrap.

The first two builds are of the same version in different folders, and must be the same octets. The third is a rebuild
as an administrator makes one, on a clean Debian, by the commands of docs/packages.md; the first is upgraded to it.
Needs root."""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import check
from booted_machine import BootedMachine

sys.path.insert(0, str(check.TOP / "tests/e2e"))
import documentation  # noqa: E402

WORK = check.TOP / "build/packages"
MAIN_CF = "\n# mine\nrelayhost = [127.0.0.1]:2\nmyhostname = mail.hub.test\n"
PROFILES = "nogeoip,nopgsql,nosqlite"
PARALLEL = {"DEB_BUILD_OPTIONS": f"parallel={os.cpu_count() or 2}"}
UNITS = ("hikyaku", "hikyaku-greylist", "hikyaku-milters")


def holds(name, true, instead=""):
    """Counts one test."""
    print(f"   {'ok' if true else 'FAILED'}: {name}" + ("" if true else f": {instead}"), flush=True)
    check.add(passed=bool(true), failed=not true)
    return bool(true)


def sources(folder):
    """The tree as git has it, with what is not committed yet, in a folder of its own."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=check.TOP, check=True, capture_output=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (check.TOP / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(check.TOP / name, folder / name)


def built_in(folder):
    return {p.name.split("_")[0]: p for p in sorted(folder.glob("*.deb"))}


def build(name):
    """The packages by name; empty when they could not be built."""
    folder = WORK / name / "hikyaku"
    sources(folder)
    good, _ = check.step(f"packages {name}", ["dpkg-buildpackage", "-us", "-uc", "-b"], limit=3600, folder=folder, env=PARALLEL)
    return built_in(WORK / name) if good else {}


def documented(start):
    """The command of docs/packages.md that begins so."""
    return next(c.text for c in documentation.commands(check.TOP / "docs/packages.md") if c.text.startswith(start))


def rebuild(clean):
    """As docs/packages.md has it, on a machine where nothing is installed; all parts that can be left out are."""
    sources(clean.root / "build/hikyaku")
    commands = [documented(start) for start in ("apt-get install devscripts", "mk-build-deps", "dch ", "dpkg-buildpackage -us -uc -b -P")]
    commands[-1] = commands[-1].replace("-Pnopgsql", f"-P{PROFILES}")
    environment = {"DEBEMAIL": "postmaster@mail.hub.test", "DEBFULLNAME": "The postmaster", **PARALLEL}
    for command in commands:
        words = " ".join(f"{name}='{value}'" for name, value in environment.items())
        good, _ = check.step(f"on a clean Debian {command.split('#')[0].strip()}", clean.inside("sh", "-ec", f"cd /build/hikyaku; {words}; export {' '.join(environment)}; {command}"),
                             limit=3600, env=clean.ENVIRONMENT)
        if not good:
            return {}
    return built_in(clean.root / "build")


def compare(one, other):
    different = [name for name in one if one[name].read_bytes() != other.get(name, Path("/dev/null")).read_bytes()]
    holds("built twice, the packages are the same octets", one and sorted(one) == sorted(other) and not different, different)


def judge(name):
    """lintian, and the exposure of the units."""
    changes = next((WORK / name).glob("*.changes"))
    check.step("lintian", ["lintian", "--fail-on", "error,warning", "--show-overrides", "--allow-root", str(changes)])
    for unit in UNITS:
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", str(check.TOP / f"debian/{unit}.service")],
                              capture_output=True, text=True)
        told = re.search(r"exposure level.*: ([\d.]+)", done.stdout)
        holds(f"{unit}.service is exposed by less than 1.5", done.returncode == 0 and told and float(told[1]) < 1.5, done.stdout[-200:] + done.stderr)


def group(name):
    """The system calls of one of systemd's groups."""
    calls = set()
    for line in subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= group(word) if word.startswith("@") else {word}
    return calls


def allowed_calls(unit):
    """By the lines of SystemCallFilter= of a unit; what systemd allows whatever a unit says comes with @system-service."""
    calls = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", (check.TOP / f"debian/{unit}.service").read_text(), re.M):
        words = [group(word) if word.startswith("@") else {word} for word in value.removeprefix("~").split()]
        calls = calls - set().union(*words) if value.startswith("~") else calls.union(*words)
    return calls


def write_filter(calls, path):
    """As a program of BPF that refuses all others with EPERM, for tools/seccomp_exec.c."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(0x00050001))
    for call in sorted(calls):
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number != -1:
            library.seccomp_rule_add(context, 0x7FFF0000, number, 0)
    with open(path, "wb") as file:
        assert library.seccomp_export_bpf(context, file.fileno()) == 0
    library.seccomp_release(context)


class Machine:
    """A Debian in a folder, with a network of its own: nothing there meets what runs here."""
    ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def __init__(self, root):
        self.root, self.hub = root, None

    def make(self):
        site = re.search(r"\S+://\S+", (subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
                                                       capture_output=True, text=True).stdout))
        shutil.rmtree(self.root, ignore_errors=True)
        good, _ = check.step("debootstrap", ["debootstrap", "--variant=minbase", "--include=adduser,ca-certificates", "bookworm", str(self.root),
                                             *([site[0]] if site else [])])
        if not good:
            return False
        shutil.copytree("/etc/apt", self.root / "etc/apt", dirs_exist_ok=True, symlinks=True)
        for keys in Path("/usr/share/keyrings").glob("*"):
            shutil.copy2(keys, self.root / "usr/share/keyrings")
        shutil.copy2("/etc/resolv.conf", self.root / "etc/resolv.conf")
        (self.root / "etc/apt/apt.conf.d/90answers").write_text('APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n')
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        for unit in UNITS:
            write_filter(allowed_calls(unit), self.root / f"{unit}.bpf")
        subprocess.run(["gcc", "-static", "-O1", "-o", self.root / "seccomp_exec", check.TOP / "tools/seccomp_exec.c"], check=True)
        return self.run("apt-get", "update", "-qq")[0] == 0

    def inside(self, *command):
        """A command there, with a /proc of its own."""
        return ["unshare", "--mount", "--pid", "--fork", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', str(self.root), *command]

    def copy(self, root):
        """The same once more."""
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", self.root, root], check=True)
        return Machine(root)

    def run(self, *command, stdin="", user=None, network=True):
        """The exit code, and all that it said. Without `network` it sees the hub's loopback alone."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={'nogroup' if user == 'nobody' else user}", "--init-groups"] if user else []
        inside = ["chroot", str(self.root), *as_user, *map(str, command)]
        if not network:
            inside = ["nsenter", f"--net=/proc/{self.hub.pid}/ns/net", *inside]
        done = subprocess.run(inside, input=stdin, capture_output=True, text=True, timeout=900, env=self.ENVIRONMENT)
        return done.returncode, done.stdout + done.stderr

    def install(self, *packages):
        """Files of packages, each with a version of its own."""
        for package in packages:
            shutil.copy2(package, self.root / "tmp" / package.name)
        return self.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold",
                        *(f"/tmp/{p.name}" for p in packages))

    def serve(self, user, *command, capabilities="-all"):
        """Starts a service as its unit does, with its user, capabilities and system calls, and waits until it is ready."""
        inside = ["chroot", str(self.root), "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps", capabilities,
                  "--ambient-caps", capabilities, "--no-new-privs", "/seccomp_exec", f"/{user}.bpf", *command]
        log = open(WORK / f"{user}.log", "a", encoding="utf-8")
        prepare = 'ip link set lo up && mount -t proc proc "$0/proc" && exec "$@"'
        self.hub = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", prepare, str(self.root), *inside], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.hub.stderr:
            said.append(line)
            if line == "ready\n":
                return True
        return holds(f"{' '.join(command)} starts", False, "".join(said[-5:]))

    def stop(self):
        self.hub.terminate()
        self.hub.stderr.read()
        return self.hub.wait(60)

    def listed(self, pattern):
        """Files and folders of that name, but for what dpkg and apt remember."""
        return [str(p) for top in ("etc", "usr", "var", "run") for p in (self.root / top).rglob(pattern)
                if "/var/log/" not in str(p) and "/var/cache/" not in str(p) and "/var/lib/dpkg" not in str(p) and "/var/lib/apt" not in str(p)]


def wait_for(what, true):
    """Until it is so: there is no event to wait for from outside."""
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return holds(what, true())


def serve_hub(machine):
    return machine.serve("hikyaku", "/usr/bin/hikyaku", "serve", "-c", "/etc/hikyaku", capabilities="+net_bind_service")


def mailbox(machine):
    return machine.run("hikyaku", "store", "export", "root", network=False)[1]


def queue(machine):
    return machine.run("mailq", network=False)[1]


def install_hub(machine, built):
    code, said = machine.install(built["hikyaku-common"], built["hikyaku"])
    if not holds("the packages install", code == 0, said[-500:]):
        return False
    code, said = machine.run("hikyaku", "config", "check")
    holds("hikyaku config check passes at once", code == 0 and "0 errors, 0 warnings" in said, said)
    sendmail = (machine.root / "usr/sbin/sendmail").stat()
    holds("sendmail takes the group that may write to maildrop", sendmail.st_mode & 0o7777 == 0o2755 and sendmail.st_uid == 0, oct(sendmail.st_mode))
    holds("the service is enabled", (machine.root / "etc/systemd/system/multi-user.target.wants/hikyaku.service").is_symlink())
    holds("there are manual pages and completion", (machine.root / "usr/share/bash-completion/completions/hikyaku").exists())
    code, said = machine.run("apt-get", "-s", "install", "postfix")
    holds("another mail server replaces it", re.search(r"^Remv hikyaku ", said, re.M), said[-300:])
    with open(machine.root / "etc/hikyaku/main.cf", "a", encoding="utf-8") as file:
        file.write(MAIN_CF)
    return serve_hub(machine)


def use_hub(machine):
    kept = [int(s, 16) for s in re.findall(r"CapEff:\s*(\w+)", "".join(p.read_text() for p in Path(f"/proc/{machine.hub.pid}/task").glob("*/status")))]
    code, said = machine.run("hikyaku", "config", "show", "--confinement")
    holds("it is confined", code == 0 and "alone (Landlock " in said and "(seccomp)" in said, said)
    holds("its capability is given up once port 25 is open", kept and not any(kept), kept)
    code, said = machine.run("sendmail", "root", stdin="Subject: first\n\nto a mailbox\n", user="nobody", network=False)
    holds("nobody may send a mail", code == 0, said)
    code, said = machine.run("sendmail", "joe@example.org", stdin="Subject: second\n\nto the queue\n", user="nobody", network=False)
    holds("and one to the world", code == 0, said)
    wait_for("the first is in the mailbox", lambda: "Subject: first" in mailbox(machine))
    wait_for("the second waits in the queue", lambda: "joe@example.org" in queue(machine))


def state_is_kept(machine, when):
    holds(f"{when}: what was changed in main.cf is there", "# mine" in (machine.root / "etc/hikyaku/main.cf").read_text())
    if serve_hub(machine):
        holds(f"{when}: the mailbox has its mail", "Subject: first" in mailbox(machine))
        holds(f"{when}: the queue has its mail", "joe@example.org" in queue(machine))
        holds(f"{when}: it ends cleanly", machine.stop() == 0)


def upgrade(machine, rebuilt):
    holds("the hub ends cleanly", machine.stop() == 0)
    code, said = machine.install(rebuilt["hikyaku-common"], rebuilt["hikyaku"])
    if not holds("the rebuilt version installs over the first", code == 0, said[-500:]):
        return
    (machine.root / "tmp/people").write_text("dbname = people\nquery = SELECT 1\n")
    code, said = machine.run("hikyaku", "table", "query", "pgsql:/tmp/people", "joe")
    holds("a part that was left out is told", code != 0 and "built without PostgreSQL" in said, said)
    state_is_kept(machine, "after the upgrade")


def remove(machine, built):
    code, said = machine.run("apt-get", "remove", "-y", "-qq", "hikyaku", "hikyaku-common")
    holds("removed, the program is gone", code == 0 and not (machine.root / "usr/bin/hikyaku").exists(), said[-300:])
    code, said = machine.install(built["hikyaku-common"], built["hikyaku"])
    holds("installed again", code == 0, said[-300:])
    state_is_kept(machine, "installed again")
    code, said = machine.run("apt-get", "purge", "-y", "-qq", "hikyaku", "hikyaku-common")
    holds("purged, nothing is left", code == 0 and not machine.listed("*hikyaku*"), machine.listed("*hikyaku*") or said[-300:])
    holds("nor its user", "hikyaku" not in (machine.root / "etc/passwd").read_text())


def services_alone(machine, built):
    code, said = machine.install(built["hikyaku-common"], built["hikyaku-greylist"], built["hikyaku-milters"])
    if not holds("greylisting and the multiplexer install without the hub", code == 0, said[-500:]):
        return
    code, said = machine.run("apt-get", "-s", "install", "postfix")
    holds("Postfix stays beside them", code == 0 and "Remv" not in said, said[-300:])
    for unit in ("hikyaku-greylist", "hikyaku-milters"):
        text = (machine.root / f"lib/systemd/system/{unit}.service").read_text()
        command = re.search(r"^ExecStart=(.*)$", text, re.M)[1].split()
        run = machine.root / "run" / unit
        run.mkdir(exist_ok=True)
        shutil.chown(run, *(int(re.search(rf"^{unit}:x:(\d+)", (machine.root / f"etc/{name}").read_text(), re.M)[1]) for name in ("passwd", "group")))
        if machine.serve(unit, *command):
            holds(f"{unit} starts as its unit says, and ends cleanly", machine.stop() == 0)
    code, said = machine.run("apt-get", "purge", "-y", "-qq", "hikyaku-greylist", "hikyaku-milters", "hikyaku-common")
    for unit in ("hikyaku-greylist", "hikyaku-milters"):
        (machine.root / "run" / unit).rmdir() if not any((machine.root / "run" / unit).iterdir()) else None
    holds("purged, nothing of them is left", code == 0 and not machine.listed("*hikyaku*"), machine.listed("*hikyaku*") or said[-300:])


def edit(booted, command, text):
    """By a documented `systemctl edit`, which wants an editor and a terminal."""
    (booted.root / "root/editor").write_text(f"#!/bin/sh\ncat > \"$1\" <<'END'\n{text}END\n")
    (booted.root / "root/editor").chmod(0o755)
    return booted.run(documented(command), terminal=True)


def service_restarts(booted, name, signal):
    before = booted.shown("hikyaku.service", "MainPID")
    booted.run(f"kill -{signal} {before}")
    holds(name, booted.wait_for(lambda: booted.shown("hikyaku.service", "ActiveState") == "active" and booted.shown("hikyaku.service", "MainPID") not in ("0", before)),
          booted.run("systemctl status hikyaku.service")[1][-1500:])


def under_systemd(machine, built):
    """The units as systemd itself runs them."""
    (machine.root / "usr/sbin/policy-rc.d").unlink()
    code, said = machine.run("apt-get", "install", "-qq", "systemd", "systemd-sysv", "dbus", "bsdutils")
    code2, said2 = machine.install(built["hikyaku-common"], built["hikyaku"], built["hikyaku-greylist"], built["hikyaku-milters"])
    if not holds("systemd and all services install together", code == code2 == 0, said[-300:] + said2[-500:]):
        return
    booted = BootedMachine(machine.root, check.LOGS / "booted.log")
    try:
        if not booted.boot():
            print(f"   skipped: systemd does not come up in a namespace here: {booted.log}", flush=True)
            check.add(skipped=1)
            return
        use_units(booted)
    finally:
        booted.stop()


def use_units(booted):
    for unit in UNITS:
        booted.run(f"systemctl start {unit}.service")
        holds(f"systemd runs {unit}.service", booted.shown(f"{unit}.service", "ActiveState") == "active", booted.run(f"systemctl status {unit}.service")[1][-1500:])
    pid = booted.shown("hikyaku.service", "MainPID")
    status = booted.run(f"cat /proc/{pid}/status")[1]
    holds("the hub is not root, has no capability and its name", re.search(r"^Name:\thikyaku$", status, re.M) and re.search(r"^CapEff:\t0+$", status, re.M)
          and not re.search(r"^Uid:\t0\t", status, re.M), status)
    code, said = booted.run("printf 'Subject: one\\n\\nhello\\n' | sendmail root && hikyaku config show --confinement")
    holds("it takes mail, and says how it is confined", code == 0 and "alone (Landlock " in said and "threads of connections: open no file and no socket" in said, said)
    code, said = booted.run("systemctl reload hikyaku.service")
    journal = "journalctl --unit hikyaku.service --no-pager"  # the signal is sent, and the hub at work, when systemctl ends
    read_anew = code == 0 and booted.wait_for(lambda: "reload -- configuration" in booted.run(journal)[1])
    holds("systemctl reload reads the configuration anew", read_anew, said + booted.run(journal)[1][-500:])
    service_restarts(booted, "killed, it is started again", "KILL")
    booted.run("mkdir -p /run/systemd/system/hikyaku.service.d; printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' > /run/systemd/system/hikyaku.service.d/soon.conf; "
               "systemctl daemon-reload; systemctl restart hikyaku.service")
    service_restarts(booted, "when it hangs, the watchdog has it started again", "STOP")
    code, said = edit(booted, "systemctl edit hikyaku.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:25\nListenStream=[::1]:25\n")
    holds("the documented edit of the socket", code == 0 and booted.run("systemctl cat hikyaku.socket")[1].count("127.0.0.1:25") == 2, said)
    for start in ("systemctl stop", "systemctl enable", "systemctl start"):
        code, said = booted.run(documented(start))
        holds(documented(start), code == 0, said + booted.run("journalctl --unit hikyaku.service --no-pager --lines 5")[1])
    code, said = booted.run("systemctl stop hikyaku.service && exec 3<>/dev/tcp/127.0.0.1/25 && read -t 60 -u 3 greeting && echo \"$greeting\"")
    holds("a client that comes while the hub is down has it started, and is greeted", code == 0 and "\n220 " in said, said)
    code, said = edit(booted, "systemctl edit hikyaku ", "[Service]\nReadWritePaths=/srv/backup\nCapabilityBoundingSet=\nAmbientCapabilities=\n")
    booted.run("mkdir -p /srv/backup; chown hikyaku /srv/backup; echo 'hikyaku_writable_directories = /srv/backup' >> /etc/hikyaku/main.cf; systemctl restart hikyaku.service")
    code2, said2 = booted.run("hikyaku store backup /srv/backup")
    holds("a folder named in both places takes a backup, without any capability", code == code2 == 0, said + said2)


def main():
    check.LOGS.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        print("./check --packages needs root: debootstrap does")
        return 77
    first = build("first")
    if first:
        judge("first")
        compare(first, build("second/in-another-folder"))
        machine = Machine(WORK / "machine")
        if not machine.make():
            return check.verdict()
        under_systemd(machine.copy(WORK / "booted"), first)
        rebuilt = rebuild(machine.copy(WORK / "clean"))
        if install_hub(machine, first):
            use_hub(machine)
            if rebuilt:
                upgrade(machine, rebuilt)
            else:
                machine.stop()
            remove(machine, rebuilt or first)
            services_alone(machine, first)
    return check.verdict()


if __name__ == "__main__":
    sys.exit(main())
