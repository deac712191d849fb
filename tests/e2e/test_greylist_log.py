"""What `hikyaku greylist serve` logs where greylist.conf asks for more, and where the lines go."""
import re
import socket
import subprocess
import time
from pathlib import Path

from dns import Dns
from greylists import Greylist, reply
from marks import Skip


def test_verbose_tells_of_each_step(lab):
    dns = Dns({"7.2.0.192.sbl.example": {"A": ["127.0.0.2"]}})
    lab.at_end.append(dns.stop)
    grey = Greylist(lab, 'verbose\nnospf\ndumpfreq 1s\ndnsrbl "SBL" sbl.example 127.0.0.2\nracl "listed" greylist dnsrbl "SBL" delay 1h\n',
                    ["--dns-server", f"127.0.0.1@{dns.port}", "--save", "20"])
    assert reply(grey.tell()).startswith("451 ")
    tuple_ = r"192\.0\.2\.7 from <joe@a\.example> to <kim@b\.example>"
    client = r"client\.example\.net\[192\.0\.2\.7\]"
    for line in (rf".*: addr = {client}, from = <joe@a\.example>, rcpt = <kim@b\.example>", r'Host 192\.0\.2\.7 exists in DNSRBL "SBL"',
                 rf'Mail from=<joe@a\.example>, rcpt=<kim@b\.example>, addr={client} is matched by entry racl 5 greylist "listed" dnsrbl "SBL" delay 3600s',
                 rf"created:  {tuple_} delayed for 01:00:00", r"dumping \d+ modifications", r"dumping 1 records in \d+\.\d{6}s"):
        grey.wait_log(rf"\]: {line}$")
    assert not any("warning" in line for line in grey.lines), grey.lines


def test_option_v_is_verbose(lab):
    grey = Greylist(lab, "nospf\n", ["-v"])
    grey.tell()
    grey.wait_log(r"created:  192\.0\.2\.7 from <joe@a\.example> to <kim@b\.example> delayed for 00:30:00$")


def test_what_expires_is_logged(lab):
    grey = Greylist(lab, "logexpired\nnospf\n", ["--save", "20"], start=False)
    grey.dump.write_text("192.0.2.7\t<joe@a.example>\t<kim@b.example>\t1000000000 AUTO # long ago\n")
    grey.start()
    assert reply(grey.tell()).startswith("451 ")
    grey.wait_log(r"\]: \(local\): 192\.0\.2\.7 from <joe@a\.example> to <kim@b\.example>: greylisted entry timed out$")


def test_a_client_without_a_name_is_looked_up(lab):
    dns = Dns({"7.2.0.192.in-addr.arpa": {"PTR": ["mx.a.example"]}})
    lab.at_end.append(dns.stop)
    grey = Greylist(lab, "unbracket\nnospf\nracl blacklist domain a.example\nracl whitelist default\n", ["--dns-server", f"127.0.0.1@{dns.port}"])
    assert reply(grey.tell("--connect-host", "[192.0.2.7]")) == "551 5.7.1 Go away!"
    grey.wait_log(r"addr mx\.a\.example\[192\.0\.2\.7\] from <joe@a\.example> to <kim@b\.example> blacklisted")
    assert reply(grey.tell("--connect-host", "[192.0.2.8]", client="192.0.2.8")) is None
    grey.wait_log(r"failed resolving \[192\.0\.2\.8\]: Name or service not known$")
    assert reply(grey.tell("--connect-host", "[192.0.2.x]")) is None
    grey.wait_log(r"failed parsing \[192\.0\.2\.x\]: Name or service not known$")
    done = subprocess.run([lab.binary, "greylist", "check", "-f", grey.conf, "--client", "192.0.2.7", "--from", "joe@a.example", "--to", "kim@b.example",
                           "--dns-server", f"127.0.0.1@{dns.port}"], capture_output=True, text=True, timeout=30)
    assert "<kim@b.example>: blacklist" in done.stdout, done


class Syslog:
    """/dev/log, for who is started in a namespace of its own."""

    def __init__(self, lab):
        self.devices = Path(lab.folder) / "dev"
        self.devices.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.devices / "log"))
        self.socket.settimeout(20)
        self.lines = []

    def inside(self, *command):
        names = ["null", "zero", "random", "urandom"]
        for name in names:
            (self.devices / name).touch()
        binds = " && ".join(f"mount --bind /dev/{name} {self.devices}/{name}" for name in names)
        return ["unshare", "--mount", "sh", "-c", f'{binds} && mount --rbind {self.devices} /dev && exec "$@"', "sh", *command]

    def wait(self, pattern):
        """The priority of the line that has it."""
        while True:
            line = self.socket.recv(65536).decode()
            self.lines.append(line)
            if re.search(pattern, line):
                return int(re.match(r"<(\d+)>", line).group(1))


def test_the_facility_of_syslog_is_that_of_the_file(lab):
    syslog = Syslog(lab)
    if subprocess.run(syslog.inside("true"), capture_output=True).returncode:
        raise Skip("needs a mount namespace")
    info, mail, local3 = 6, 2 << 3, 19 << 3
    grey = Greylist(lab, "logfac local3\n", start=False)
    process = subprocess.Popen(syslog.inside(lab.binary, "greylist", "serve", "-f", str(grey.conf)), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.at_end.append(process.kill)
    lab.at_end.append(process.wait)
    assert syslog.wait(r"milter-greylist\[\d+\]: started -- ") == local3 | info
    grey.write("logfac mail\n")
    assert syslog.wait("reloaded ") == mail | info
    grey.write('logfac none\nnospf\nracl blacklist default msg "none"\n')
    end = time.monotonic() + 20
    while reply(grey.tell()) != "551 5.7.1 none":  # until it is in force: nothing tells so
        assert time.monotonic() < end
    grey.write("logfac local3\nnospf\n")
    assert syslog.wait("reloaded ") == local3 | info
    assert not any("blacklisted" in line for line in syslog.lines), syslog.lines
