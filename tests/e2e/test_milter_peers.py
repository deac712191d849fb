"""Filters that people use, as they are: each started by the test on a socket of its own, with the hub in front."""
import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from client import Client, sample
from marks import Skip, long
from milters import Multiplexer
from test_smtp import relay

FILTER_SOURCE = Path(__file__).resolve().parents[1] / "milter/filter.c"
TWO_CHILDREN = FILTER_SOURCE.parent / "two_children.lua"


class Program:
    """A filter's program; it is ready once it takes connections at `path`."""

    def __init__(self, lab, path, *command, timeout=60.0):
        self.log = lab.folder / f"{Path(command[0]).name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        lab.at_end.append(self.stop)
        end = time.monotonic() + timeout
        while not listens(path):
            assert self.process.poll() is None and time.monotonic() < end, f"{command[0]} does not listen at {path}: {self.log.read_text(errors='replace')}"
            time.sleep(0.02)

    def stop(self):
        # libmilter looks every few seconds whether it is to end; nothing of these is needed any more.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def listens(path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def need(*programs):
    for one in programs:
        if not shutil.which(one, path="/usr/sbin:/usr/bin"):
            raise Skip(f"{one} is not installed")


def written(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def passed(lab, address, message, sender="a@a.example", recipients=("b@dest.example",)):
    """What a next hop gets of a message that passes the filters at `address`."""
    sink = lab.sink()
    hub = lab.hub(relay(sink) + f"smtpd_milters = {address}\nmilter_default_action = reject\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.mail(sender, list(recipients), message)
        client.quit()
    return sink.wait(1)[0]


def refused(lab, address, message) -> str:
    """The answer to the end of the message."""
    hub = lab.hub(f"smtpd_milters = {address}\nmilter_default_action = accept\nrelayhost = [127.0.0.1]:1\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.envelope("a@a.example", "b@dest.example")
        client.command("DATA", 354)
        client.send(message + b".\r\n")
        reply = client.reply()
        client.quit()
    assert hub.queue() == []
    return reply


def opendkim(lab):
    """The sockets of one that signs for a.example and one that verifies."""
    need("opendkim")
    folder = lab.folder
    key = folder / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    key.chmod(0o600)
    public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    keys = written(folder / "KeyTable", f"sel._domainkey.a.example a.example:sel:{key}\n")
    signers = written(folder / "SigningTable", "*@a.example sel._domainkey.a.example\n")
    dns = written(folder / "dns", f"sel._domainkey.a.example v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}\n")
    signing, verifying = folder / "sign.sock", folder / "verify.sock"
    Program(lab, signing, "opendkim", "-f", "-x", written(folder / "sign.conf", f"""Mode s
KeyTable file:{keys}
SigningTable refile:{signers}
InternalHosts 127.0.0.1
RequireSafeKeys no
Canonicalization relaxed/simple
Socket local:{signing}
Syslog no
"""))
    Program(lab, verifying, "opendkim", "-f", "-x", written(folder / "verify.conf", f"""Mode v
TestDNSData file:{dns}
InternalHosts 192.0.2.1
AuthservID hub.example
AlwaysAddARHeader yes
Socket local:{verifying}
Syslog no
"""))
    return signing, verifying


def results(mail) -> str:
    return " ".join(re.findall(rb"^Authentication-Results: ([^\r]*(?:\r\n[ \t][^\r]*)*)", mail.data, re.M | re.I)[0].decode().split())


def test_what_one_opendkim_signs_another_verifies(lab):
    signing, verifying = opendkim(lab)
    message = sample("a@a.example", "b@dest.example", "  two blanks", "one line\r\n.dot\r\n\r\n\r\n").replace(b"Subject:", b"X-Folded: one\r\n two\r\n\tthree\r\nSubject:")
    signed = passed(lab, f"unix:{signing}", message)
    assert re.search(rb"^DKIM-Signature: .*d=a\.example; s=sel", signed.header(), re.M), signed.header()
    judged = passed(lab, f"unix:{verifying}", signed.data)
    assert "dkim=pass" in results(judged), judged.data
    judged = passed(lab, f"unix:{verifying}", signed.data.replace(b"one line", b"one lime"))
    assert "dkim=fail" in results(judged), judged.data


def test_opendkim_signs_what_a_filter_before_it_has_changed(lab):
    signing, verifying = opendkim(lab)
    address = f"unix:{c_filter(lab, 'edit')}, unix:{signing}"
    signed = passed(lab, address, sample("a@a.example", "b@dest.example"), recipients=("b@dest.example", "gone@dest.example"))
    assert b"Subject: changed by C" in signed.header() and signed.body() == b"a new body\r\n", signed.data
    judged = passed(lab, f"unix:{verifying}", signed.data)
    assert "dkim=pass" in results(judged), judged.data


def test_opendmarc_judges_by_what_opendkim_has_added(lab):
    need("opendmarc")
    signing, verifying = opendkim(lab)
    path, history = lab.folder / "dmarc.sock", lab.folder / "history"
    Program(lab, path, "opendmarc", "-f", "-c", written(lab.folder / "opendmarc.conf", f"""AuthservID hub.example
TrustedAuthservIDs hub.example
IgnoreHosts {written(lab.folder / "nobody", "192.0.2.1")}
Socket local:{path}
Syslog no
HistoryFile {history}
RecordAllMessages yes
"""))
    signed = passed(lab, f"unix:{signing}", sample("a@a.example", "b@dest.example"))
    judged = passed(lab, f"unix:{verifying}, unix:{path}", signed.data)
    assert re.search(rb"^Authentication-Results: hub\.example; dmarc=\w+ .*header\.from=a\.example", judged.header(), re.M), judged.header()
    # Without a policy in the DNS the verdict is the same whatever was signed: what it saw of the signature is in its history.
    seen = history.read_text()
    assert re.search(r"^dkim a\.example \S+ 0$", seen, re.M), seen
    history.unlink()
    passed(lab, f"unix:{path}", signed.data)
    assert not re.search(r"^dkim a\.example", history.read_text(), re.M), "the verdict of the opendkim before it is not what it sees"


def c_filter(lab, mode):
    """The socket of tests/milter/filter.c."""
    program, path = lab.folder / "filter", lab.folder / f"{mode}.sock"
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, FILTER_SOURCE, "-lmilter", "-lpthread"], check=True)
    Program(lab, path, program, f"unix:{path}", mode)
    return path


def test_a_libmilter_filter_in_c_sees_all_and_changes_all(lab):
    message = sample("a@a.example", "b@dest.example")
    for mode in ("all", "quiet"):
        mail = passed(lab, f"unix:{c_filter(lab, mode)}", message)
        assert mail.data.endswith(message), mail.data
    mail = passed(lab, f"unix:{c_filter(lab, 'edit')}", message, recipients=("b@dest.example", "gone@dest.example"))
    assert mail.sender() == "bounces@a.example" and sorted(mail.recipients()) == ["b@dest.example", "more@dest.example"], mail
    names = [line.split(b":")[0] for line in mail.header().split(b"\r\n") if line[:1] not in b" \t"]
    assert names[0] == b"X-First" and names[-1] == b"X-Queue-Id", names
    assert b"Subject: changed by C" in mail.header() and b"X-Queue-Id: none" not in mail.header() and mail.body() == b"a new body\r\n", mail.data


def several(client) -> list:
    """What becomes of messages on one connection: a bad one, a good one, and the same again."""
    bad = b"X-Bad: yes\r\n" + sample("a@a.example", "b@dest.example")
    replies = []
    for message in (bad, sample("a@a.example", "b@dest.example")) * 2:
        client.envelope("a@a.example", "b@dest.example")
        replies.append(client.data(message, "")[:3])
    return replies


def test_a_libmilter_filter_that_refuses_headers_is_heard_right_in_every_message_of_a_session(lab):
    path = f"unix:{c_filter(lab, 'refuse')}"
    mux = Multiplexer(lab, {"refuse": path, "other": f"unix:{c_filter(lab, 'all')}"})
    found_out = {  # by which configuration, and how often it is told
        f"smtpd_milters = {path}\n": 1,
        f"smtpd_milters = {path}\nhikyaku_milter_tell_ahead = no\n": 0,
        f"smtpd_milter_maps = inline:{{{{127.0.0.1 = {path}}}}}\n": 1,
        f"smtpd_milters = {mux.spec}\n": 0,
    }
    for configuration, times in found_out.items():
        sink = lab.sink()
        hub = lab.hub(relay(sink) + configuration)
        for _ in range(2):
            with Client(hub.port) as client:
                client.ehlo()
                assert several(client) == ["550", "250", "550", "250"]
                client.quit()
        assert len(sink.wait(4)) == 4
        # It is found out once, and told once, for all sessions.
        hub.stop()  # for the last of its log
        assert hub.log().count("it decided at header, before the end of the message") == times, hub.log()
    mux.wait_log("it decided at header while it was told more")


def test_a_libmilter_filter_behind_the_multiplexer_that_refuses_a_client_or_data_does_so_in_time_from_the_second_on(lab):
    mux = Multiplexer(lab, {"refuse": f"unix:{c_filter(lab, 'refuse')}"})
    sink = lab.sink()
    hub = lab.hub(relay(sink) + f"smtpd_milters = {mux.spec}\n")
    for command in ("MAIL", "EHLO"):
        mark = hub.mark()
        with Client(hub.port) as client:
            client.ehlo("bad.example")
            client.command("MAIL FROM:<a@a.example>", 550)
            client.quit()
        hub.wait_log("disconnect from", since=mark)
        refused = [line for line in hub.lines[mark:] if "milter-reject" in line]
        assert f"milter-reject: {command} from" in refused[0], refused
    for reply in (354, 550):
        with Client(hub.port) as client:
            client.ehlo()
            client.envelope("data@a.example", "b@dest.example")
            if reply == 354:
                client.data(sample("a@a.example", "b@dest.example"), 550)
            else:
                client.command("DATA", 550)
                client.command("RSET", 250)
            client.mail("a@a.example", "b@dest.example")
            client.quit()
    assert len(sink.wait(2)) == 2


def test_miltertest_sees_the_changes_of_two_filters_through_the_multiplexer(lab):
    need("miltertest")
    mux = Multiplexer(lab, {mode: f"unix:{c_filter(lab, mode)}" for mode in ("edit", "all")})
    done = subprocess.run(["miltertest", "-D", f"SOCKET={mux.socket}", "-s", TWO_CHILDREN], capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    for name in ("edit", "all"):
        mux.wait_log(rf"\[milter\]\[end\]\[end-of-message\]\[\w+\]\[.*\]\(1\): {name}")
    assert all(row["failures"] == 0 and row["took_part"] == 2 for row in mux.stats()[1:]), mux.stats()


def test_a_filter_of_python3_milter_holds_what_it_has_changed(lab):
    path = lab.folder / "python.sock"
    Program(lab, path, "/usr/bin/python3", FILTER_SOURCE.with_suffix(".py"), path)
    sink = lab.sink()
    hub = lab.hub(relay(sink) + f"smtpd_milters = unix:{path}\nmilter_default_action = reject\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@a.example>", 250)
        assert client.command("RCPT TO:<no@b.example>") == "550-5.1.1 100% unknown\n550 5.1.1 really"
        client.command("RCPT TO:<b@b.example>", 250)
        queue_id = re.search(r"queued as (\S+)", client.data(sample("a@a.example", "b@b.example"))).group(1)
        client.quit()
    assert [(row["queue_id"], row["queue_name"]) for row in hub.queue()] == [(queue_id, "hold")]
    hub.run("queue", "release", queue_id)
    mails = sink.wait(1)
    assert sorted({to for mail in mails for to in mail.recipients()}) == ["d@d.example", "e@e.example"], mails
    mail = mails[0]
    assert mail.sender() == "c@c.example" and b"Subject: new\r\n" in mail.header() and mail.body().replace(b"\r\n ", b"").strip() == b"x" * 100000, mail
    seen = re.search(rb"^X-Seen: ((?:[^\r]*\r\n[ \t])*[^\r]*)", mail.header(), re.M).group(1)
    assert b"mail <a@a.example>" in seen and b"rcpt <b@b.example> None" in seen, "the first recipient is not accepted yet"


@long
def test_clamav_milter_refuses_what_its_signatures_name(lab):
    need("clamd", "clamav-milter")
    database = lab.folder / "database"
    database.mkdir()
    (database / "test.ndb").write_text(f"Test.String:0:*:{b'HIKYAKU-TEST-STRING'.hex()}\n")
    scanner, path = lab.folder / "clamd.sock", lab.folder / "clamav.sock"
    Program(lab, scanner, "clamd", "-c", written(lab.folder / "clamd.conf", f"""Foreground yes
DatabaseDirectory {database}
TemporaryDirectory {lab.folder}
LocalSocket {scanner}
"""))
    Program(lab, path, "clamav-milter", "-c", written(lab.folder / "clamav-milter.conf", f"""Foreground yes
MilterSocket unix:{path}
ClamdSocket unix:{scanner}
TemporaryDirectory {lab.folder}
OnInfected Reject
RejectMsg found %v, 100% sure
AddHeader Replace
"""))
    clean = passed(lab, f"unix:{path}", sample("a@a.example", "b@dest.example"))
    assert b"X-Virus-Status: Clean" in clean.header(), clean.header()
    reply = refused(lab, f"unix:{path}", sample(body="here: HIKYAKU-TEST-STRING\r\n"))
    assert reply.startswith("550 5.7.1 ") and "found Test.String.UNOFFICIAL" in reply, reply


@long
def test_rspamd_scans_and_passes_a_clean_message(lab):
    need("rspamd")
    path, folder = lab.folder / "rspamd.sock", lab.folder / "rspamd"
    folder.mkdir()
    # Its proxy scans by itself; it speaks version 6 only.
    Program(lab, path, "rspamd", "-f", "-i", "-c", written(lab.folder / "rspamd.conf", f"""options {{
  pidfile = "{folder}/pid"; control_socket = "{folder}/control mode=0600"; tempdir = "{folder}";
  disable_hyperscan = true; dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; add_header = 6; }}
worker "rspamd_proxy" {{
  bind_socket = "{path} mode=0600"; milter = yes; count = 1; timeout = 20s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""), f"--var=DBDIR={folder}", f"--var=RUNDIR={folder}")
    message = sample("a@a.example", "b@dest.example")
    mail = passed(lab, f"unix:{path}", message)
    assert mail.data.endswith(message.partition(b"\r\n\r\n")[2]) and b"Subject: hello" in mail.header(), mail.data
