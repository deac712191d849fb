"""The two that are compared, hub and Postfix, with equal settings; and what is measured of each."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/e2e"))
from hub import BASE, Hub, SUBMISSION, free_port, make_certificates  # noqa: E402

USER, SECRET = "user@localhost", "pass1234"


def settings(sink, tls) -> str:
    """main.cf of both: everything goes to the sink, nothing is limited, no DNS, no TLS but on the submission port."""
    certificate, key = tls
    return f"""default_transport = smtp:[127.0.0.1]:{sink}
relay_transport = smtp:[127.0.0.1]:{sink}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
mydestination =
default_process_limit = 200
default_destination_concurrency_limit = 100
smtp_destination_concurrency_limit = 100
initial_destination_concurrency = 100
in_flow_delay = 0
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
message_size_limit = 104857600
mailbox_size_limit = 0
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = none
smtp_tls_security_level = none
minimal_backoff_time = 3600s
maximal_backoff_time = 7200s
queue_run_delay = 3600s
"""


def tree(pid) -> list:
    """A process and all that descend from it."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def processor_seconds(pid) -> float:
    """Of the whole tree, those that ended and were waited for included."""
    total = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(f) for f in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def memory(pid) -> int:
    """Octets of the whole tree: proportional shares, so that what processes share counts once."""
    total = 0
    for one in tree(pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M).group(1))
        except (OSError, AttributeError):
            continue
    return total * 1024


class HikyakuPeer:
    name = "hikyaku"

    def __init__(self, folder, sink, tls, binary):
        self.hub = Hub(binary, Path(folder) / "hikyaku", settings(sink, tls), services={"relay": "", "submission": SUBMISSION})
        self.hub.add_user(USER, SECRET)
        self.hub.start_detached()
        self.pid, self.relay, self.submission = self.hub.pid, self.hub.ports["relay"], self.hub.ports["submission"]

    def stop(self):
        self.hub.stop()


class PostfixPeer:
    """A private instance of Debian's Postfix, tuned for the same work. Needs root."""
    name = "postfix"
    SERVICES = """cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 120 smtp
relay unix - - n - 120 smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
pickup unix n - n 60 1 pickup
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, folder, sink, tls):
        if os.geteuid() != 0 or not shutil.which("postfix"):
            raise RuntimeError("the comparison needs Debian's postfix package and root")
        self.folder = Path(folder) / "postfix"
        conf = self.folder / "conf"
        for part in (conf / "sasl", self.folder / "queue", self.folder / "data"):
            part.mkdir(parents=True)
        for part in (Path(folder), self.folder, conf):
            part.chmod(0o755)
        shutil.chown(self.folder / "data", "postfix")
        self.relay, self.submission, self.conf = free_port(), free_port(), conf
        (conf / "main.cf").write_text(
            BASE.replace("mydestination = mail.hub.test, localhost\n", "") + settings(sink, tls) +
            f"queue_directory = {self.folder}/queue\ndata_directory = {self.folder}/data\ncommand_directory = /usr/sbin\n"
            "daemon_directory = /usr/lib/postfix/sbin\nshlib_directory = /usr/lib/postfix\nmail_owner = postfix\nsetgid_group = postdrop\n"
            f"maillog_file = {self.folder}/maillog\nmaillog_file_prefixes = {self.folder}\nsmtpd_sasl_local_domain = localhost\n"
            "receive_override_options = no_address_mappings\ncyrus_sasl_config_path = " + str(conf / "sasl") + "\n")
        (conf / "master.cf").write_text(
            f"127.0.0.1:{self.relay} inet n - n - 300 smtpd\n127.0.0.1:{self.submission} inet n - n - 300 smtpd {SUBMISSION}\n" + self.SERVICES)
        passwords = self.folder / "sasldb2"
        (conf / "sasl/smtpd.conf").write_text(f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {passwords}\nmech_list: PLAIN LOGIN\n")
        self.can_authenticate = bool(shutil.which("saslpasswd2"))
        if self.can_authenticate:
            subprocess.run(["saslpasswd2", "-p", "-c", "-u", "localhost", "-f", str(passwords), "user"], input=SECRET.encode() + b"\n", check=True)
            shutil.chown(passwords, "postfix")
        subprocess.run(["postfix", "-c", str(conf), "start"], check=True, capture_output=True)
        self.pid = int((self.folder / "queue/pid/master.pid").read_text())

    def stop(self):
        subprocess.run(["postfix", "-c", str(self.conf), "stop"], capture_output=True)
        end = time.monotonic() + 15
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < end:
            time.sleep(0.1)


class CountingSink:
    """Postfix's smtp-sink: takes everything, throws it away, counts."""

    def __init__(self, folder, port=None):
        self.port = port or free_port()
        self.out = Path(folder) / f"sink-{self.port}"
        command = ["smtp-sink", "-c", "-m", "1000", f"127.0.0.1:{self.port}", "1024"]
        if os.geteuid() == 0:
            command[1:1] = ["-u", "nobody"]
        self.file = open(self.out, "wb")
        self.process = subprocess.Popen(command, stdout=self.file, stderr=subprocess.DEVNULL)

    def count(self) -> int:
        with open(self.out, "rb") as told:
            told.seek(0, os.SEEK_END)
            told.seek(max(0, told.tell() - 200))
            found = re.findall(rb"mesg=(\d+)\r", told.read())
        return int(found[-1]) if found else 0

    def wait(self, count, timeout) -> float:
        """The moment at which `count` messages had come."""
        end = time.monotonic() + timeout
        while self.count() < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.count()} of {count} messages reached the sink in {timeout} s")
            time.sleep(0.01)
        return time.monotonic()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.file.close()


class Watch:
    """Samples the memory of a process tree from construction to end()."""

    def __init__(self, pid, every=0.1):
        self.samples, self.done = [], threading.Event()

        def run():
            began = time.monotonic()
            while not self.done.wait(every):
                self.samples.append((round(time.monotonic() - began, 2), memory(pid)))

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def end(self):
        self.done.set()
        self.thread.join()
        return self.samples


def start_both(folder, sinks, binary, postfix=True):
    tls = make_certificates(Path(folder) / "tls", ("localhost",))["localhost"]
    for part in (Path(folder), Path(folder) / "tls"):
        part.chmod(0o755)
    peers = [HikyakuPeer(folder, sinks[0].port, tls, binary)]
    if postfix:
        peers.append(PostfixPeer(folder, sinks[1].port, tls))
    return peers


def arguments(parser):
    parser.add_argument("--binary", default=str(TOP / "build/release/hikyaku"))
    parser.add_argument("--json", metavar="FILE", help="also write all figures there")
    parser.add_argument("--folder", help="where the queues are (default: a temporary folder under /var/tmp: a disk, not memory)")


def work_folder(options):
    return options.folder or tempfile.mkdtemp(prefix="hikyaku-bench-", dir="/var/tmp")


def write_json(options, figures):
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
