"""`hikyaku greylist` over real sockets: the filter that greylists, and what tells which line decides."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from client import Client
from dns import Dns
from greylists import Greylist, reply
from hub import free_port

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from private_postfix import Postfix  # noqa: E402

LATER = r"451 4\.7\.1 Greylisting in action, please come back in 00:"


def check(lab, conf, *arguments, want=0):
    """`greylist check` on a file: its rows, and what it said on stderr."""
    path = lab.folder / "check.conf"
    path.write_text(conf)
    done = subprocess.run([lab.binary, "greylist", "check", "-f", path, "--json", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == want, (done.returncode, done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def to_kim(client, *more):
    return ["--client", client, "--client-name", "mx.a.example", "--from", "joe@a.example", "--to", "kim@b.example", *more]


def headers(row, name):
    return [line.split(": ", 1)[1] for line in row["headers"].splitlines() if line.startswith(name + ": ")]


def test_the_lines_of_the_seed_work_to_the_letter(lab):
    conf = 'geoipdb "/usr/share/GeoIP/GeoIP.dat"\nracl blacklist geoip "CN"\nracl greylist default\n'
    (row,), told = check(lab, conf, *to_kim("1.0.1.1"))
    assert row["action"] == "blacklist" and row["line"] == 2 and row["reply"] == "551 5.7.1 Go away!", row
    assert row["country"]["code"] == "CN" and row["country"]["file"] == "/usr/share/GeoIP/GeoIP.dat", row
    (row,), _ = check(lab, conf, *to_kim("8.8.8.8"))
    assert row["action"] == "greylist" and row["line"] == 3 and row["delay"] == 1800, row
    assert row["ledger"][0]["failed"] == 'geoip "CN"' and row["ledger"][0]["operand"] == "US", row["ledger"]


def test_a_missing_database_is_told_and_no_country_is_known(lab):
    conf = 'geoipdb "/nonexistent/GeoIP.dat"\nracl blacklist geoip "CN"\nracl greylist geoip "ZZ"\n'
    (row,), told = check(lab, conf, *to_kim("1.0.1.1"))
    assert row["action"] == "greylist" and row["line"] == 3, row
    assert "geoipdb" in told and "/nonexistent/GeoIP.dat" in told, told


def test_each_mistake_of_a_file_is_told_with_its_place(lab):
    rows, told = check(lab, "racl greylist dfault\nquiet\nracl blacklist geoip CN\n", want=78)
    assert "check.conf:1:15: error:" in told and "check.conf:3:22: error:" in told and told.count("^") == 2, told
    rows, told = check(lab, "racl greylist default\n")
    assert rows == [{"file": str(lab.folder / "check.conf"), "rules": 1}], rows


def test_what_rules_ask_the_dns_is_asked(lab):
    dns = Dns({"7.2.0.192.in-addr.arpa": {"PTR": ["mx.a.example"]}, "mx.a.example": {"A": ["192.0.2.7"]},
               "7.2.0.192.sbl.example": {"A": ["127.0.0.2"]}, "a.example": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]}})
    lab.at_end.append(dns.stop)
    server = ["--dns-server", f"127.0.0.1@{dns.port}"]
    conf = 'dnsrbl "SBL" sbl.example 127.0.0.2\nracl whitelist domain a.example dnsrbl "SBL" not spf pass\nracl blacklist dnsrbl "SBL" spf pass\n'
    (row,), _ = check(lab, conf, "--client", "192.0.2.7", "--from", "joe@a.example", "--to", "kim@b.example", *server)
    assert row["action"] == "blacklist" and row["line"] == 3, row
    assert row["ledger"][0]["failed"] == "not spf pass" and row["ledger"][0]["operand"] == "pass for a.example", row["ledger"]
    assert "dnsrbl \"SBL\" (7.2.0.192.sbl.example)" in row["ledger"][1]["operand"], row["ledger"]
    assert "PTR 7.2.0.192.in-addr.arpa" in dns.asked(), dns.asked()


def test_a_message_is_judged_too(lab):
    message = lab.folder / "message"
    message.write_text("Subject: cheap\n watches\nFrom: x@y.example\n\nbuy now\n")
    conf = 'racl whitelist default\ndacl blacklist header /^Subject: cheap/ body "buy" msg "no %C"\n'
    first, second = check(lab, conf, *to_kim("192.0.2.7", "--message", str(message)))[0]
    assert first["action"] == "whitelist" and second["stage"] == "dacl" and second["reply"] == "551 5.7.1 no ", (first, second)


def test_mail_is_put_off_and_passes_when_it_comes_again(lab):
    grey = Greylist(lab, "nospf\ngreylist 1s\n")
    row = grey.tell()
    assert row["result"] == "refused" and re.fullmatch(LATER + "00:01", reply(row)), row
    grey.wait_log(r"addr client\.example\.net\[192\.0\.2\.7\] from <joe@a\.example> to <kim@b\.example> delayed for 00:00:01 \(ACL \)")
    passed = passes_in_time(grey)
    (said,) = headers(passed, "X-Greylist")
    assert re.fullmatch(r"Delayed for 00:00:0\d by milter-greylist-4\.6\.4 \(mail\.example\.com \[0\.0\.0\.0\]\); \w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4} \(.*\)", said), said
    (said,) = headers(grey.tell(), "X-Greylist")
    assert said.startswith("IP, sender and recipient auto-whitelisted, not delayed by milter-greylist-4.6.4 "), said
    assert reply(grey.tell(client="192.0.2.8")) is not None, "another client is another tuple"


def passes_in_time(grey, **options):
    """Comes again until it passes: the delay is a second, and there is no event to wait for but the clock's."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        row = grey.tell(**options)
        if reply(row) is None:
            return row
    raise AssertionError(f"it did not pass within 20 s: {row}")


def test_what_is_remembered_survives_a_kill(lab):
    grey = Greylist(lab, "nospf\ngreylist 1h\ndumpfreq 0\n", ["--save", "20"])
    grey.tell()
    deadline = time.monotonic() + 20
    # The dump file is written after the database.
    while not grey.dump.exists() and time.monotonic() < deadline:
        grey.tell(client="192.0.2.9")
    assert grey.dump.exists()
    grey.kill()
    mark = grey.mark()
    grey.start()
    started = grey.wait_log("started -- ", since=mark)
    assert "0 rules, 2 pending, 0 autowhite" in started, started
    grey.stop()
    lines = [line for line in grey.dump.read_text().splitlines() if line and not line.startswith("#")]
    assert any(re.match(r"192\.0\.2\.7\t<joe@a\.example>\t<kim@b\.example>\t\d+ # \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line) for line in lines), lines


def test_a_dump_file_of_milter_greylist_is_gone_on_with(lab):
    grey = Greylist(lab, "nospf\n", start=False)
    until = int(time.time()) + 3600
    grey.dump.write_text(f"192.0.2.7\t<joe@a.example>\t<kim@b.example>\t{until} AUTO # later\n192.0.2.8\tbroken\n")
    grey.start()
    assert reply(grey.tell()) is None
    grey.wait_log(r"greylist\.db:2:\d+: ")


def test_a_damaged_state_is_set_aside_and_mail_goes_on(lab):
    grey = Greylist(lab, "nospf\ngreylist 1h\n", ["--save", "20"])
    grey.tell()
    grey.stop()
    for header in grey.state.glob("header*"):
        header.write_bytes(b"not a header")
    grey.start()
    grey.wait_log(r"set aside as .*greylist\.db\.state\.damaged-")
    assert list(grey.folder.glob("greylist.db.state.damaged-*")), list(grey.folder.iterdir())
    assert reply(grey.tell()) is not None


def test_a_changed_file_counts_and_a_bad_one_does_not(lab):
    grey = Greylist(lab, "nospf\nracl whitelist default\n")
    assert reply(grey.tell()) is None
    mark = grey.mark()
    grey.write("nospf\nracl blacklist default\n")
    grey.wait_log("reloaded .*greylist.conf", since=mark)
    assert reply(grey.tell()) == "551 5.7.1 Go away!"
    mark = grey.mark()
    grey.write("nospf\nracl allow default\n")
    grey.wait_log(r"greylist\.conf:2:6: .*whitelist", since=mark)
    grey.wait_log("the configuration in force stays", since=mark)
    assert reply(grey.tell()) == "551 5.7.1 Go away!"


def test_a_message_is_changed_and_refused_by_its_rules(lab):
    grey = Greylist(lab, 'nospf\nreport none\nracl whitelist default addheader "X-Last: %i"\ndacl blacklist body "offer" msg "no %f"\n'
                         'dacl continue default addheader "X-First: 1", 0 addfooter "seen\\r\\n" subjtag "[new] "\n')
    row = grey.tell("--header", "Subject: hello", "--body", "text")
    assert row["result"] == "passed", row
    assert headers(row, "X-Last") == ["192.0.2.7"] and headers(row, "X-First") == ["1"] and headers(row, "Subject") == ["[new] hello"], row["headers"]
    assert row["body"] == "text\r\nseen\r\n", row
    row = grey.tell("--header", "Subject: hello", "--body", "an offer")
    assert row["result"] == "refused" and row["reply"] == {"code": 551, "enhanced": "5.7.1", "text": "no joe@a.example"}, row


def test_logins_and_limits_and_statistics(lab):
    grey = Greylist(lab, 'nospf\nratelimit "few" rcpt 2 / 1h\nracl blacklist ratelimit "few" msg "too many"\nracl whitelist default\n'
                         f'stat ">>{lab.folder}/stat" "%r %S\\n"\n')
    assert [reply(grey.tell()) for _ in range(4)] == [None, None, "551 5.7.1 too many", "551 5.7.1 too many"]
    assert reply(grey.tell("--authenticated-name", "joe")) is None
    grey.stop()
    assert (lab.folder / "stat").read_text() == "kim@b.example accept\n" * 2 + "kim@b.example reject\n" * 2 + "kim@b.example accept\n"


def test_the_senders_spf_lets_it_pass(lab):
    dns = Dns({"a.example": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]}})
    lab.at_end.append(dns.stop)
    grey = Greylist(lab, "racl blacklist default\n", ["--dns-server", f"127.0.0.1@{dns.port}"])
    assert reply(grey.tell()) is None
    assert reply(grey.tell(client="192.0.2.8")) == "551 5.7.1 Go away!"


def test_what_this_version_does_not_do_is_told(lab):
    _, told = check(lab, 'syncsrcaddr 192.0.2.1 port 7\nracl greylist default\n')
    assert "check.conf:1:23: warning: peers are spoken to from any port" in told, told


def manage(grey, command, *arguments, want=0):
    """`greylist COMMAND` on the state of a filter: its rows."""
    done = subprocess.run([grey.lab.binary, "greylist", command, "-f", str(grey.conf), "--json", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == want, (done.returncode, done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_remembered_is_shown_and_changed_while_the_filter_runs(lab):
    grey = Greylist(lab, "nospf\ngreylist 1h\n")
    grey.tell()
    grey.tell("--mail-from", "joe@a.example", "--rcpt-to", "lee@b.example")
    assert [(r["client"], r["sender"], r["recipient"], r["state"], r["tries"]) for r in manage(grey, "show", "--to", "KIM@b.example")] == [
        ("192.0.2.7", "<joe@a.example>", "<kim@b.example>", "pending", 1)]
    (told,) = manage(grey, "status", "--until", "2099-01-01T00:00Z")
    assert (told["pending"], told["autowhite"], told["passing"]["tuples"]) == (2, 0, 2), told
    assert told["top_senders"] == [{"sender": "<joe@a.example>", "tuples": 2}], told
    (released,) = manage(grey, "release", "--to", "kim@b.example")
    assert released["recipient"] == "<kim@b.example>", released
    assert reply(grey.tell()) is None
    assert len(manage(grey, "forget", "--client", "192.0.2.7")) == 2
    assert manage(grey, "forget", "--client", "192.0.2.7", want=66) == []
    assert reply(grey.tell()) is not None
    manage(grey, "whitelist", "--client", "192.0.2.9", "--from", "new@a.example", "--to", "kim@b.example")
    assert reply(grey.tell("--mail-from", "new@a.example", client="192.0.2.9")) is None
    manage(grey, "release", want=64)


def test_and_when_it_does_not(lab):
    grey = Greylist(lab, "nospf\ngreylist 1h\n")
    grey.tell()
    manage(grey, "export", str(grey.folder / "out"))
    grey.stop()
    text = (grey.folder / "out").read_text()
    assert re.search(r"^192\.0\.2\.7\t<joe@a\.example>\t<kim@b\.example>\t\d+ # ", text, re.M) and "1 greylisted" in text.lower() or "Summary" in text, text
    assert len(manage(grey, "forget", "--from", "joe@a.example")) == 1
    (read,) = manage(grey, "import", str(grey.folder / "out"))
    assert read == {"tuples": 1, "notes": []}, read
    grey.start()
    assert reply(grey.tell()) is not None
    assert [r["tries"] for r in manage(grey, "show")] == [1], "it was met once here; what was before is not in a dump file"


def conversation_through(port, sink, grey):
    """One mail, tried until it passes: what was answered first, and the header that it came with."""
    first, deadline = None, time.monotonic() + 20
    while time.monotonic() < deadline:
        with Client(port) as client:
            client.ehlo()
            client.command("MAIL FROM:<joe@a.example>", 250)
            answer = client.command("RCPT TO:<kim@b.example>")
            first = first or answer
            if answer.startswith("250"):
                client.data(b"Subject: hello\r\n\r\nbody\r\n")
                client.command("QUIT", 221)
                header = sink.wait(1)[0].header().decode()
                return first, re.search(r"^X-Greylist: (.*?)\r\n\S", header + "\r\nx", re.M | re.S).group(1)
    raise AssertionError(f"it did not pass within 20 s: {answer}\n" + "\n".join(grey.lines))


def test_in_front_of_the_hub(lab):
    grey, sink = Greylist(lab, "nospf\ngreylist 1s\n"), lab.sink()
    hub = lab.hub(f"default_transport = smtp:{sink.next_hop}\nsmtpd_milters = {grey.spec}\n")
    first, header = conversation_through(hub.port, sink, grey)
    assert re.match(LATER, first) and header.startswith("Delayed for 00:00:0"), (first, header)


def test_in_front_of_postfix(lab):
    grey, sink = Greylist(lab, "nospf\ngreylist 1s\n", ["-p", f"inet:{free_port()}@127.0.0.1"]), lab.sink()
    port = free_port()
    postfix = Postfix(f"compatibility_level = 3.6\nmyhostname = hub.example\nmydestination =\ninet_interfaces = 127.0.0.1\nmynetworks = 127.0.0.0/8\n"
                      f"alias_maps =\nlocal_recipient_maps =\nsmtp_dns_support_level = disabled\ndefault_transport = smtp:{sink.next_hop}\n"
                      f"smtpd_milters = inet:127.0.0.1:{grey.options[1].split(':')[1].split('@')[0]}\n", f"127.0.0.1:{port} inet n - n - - smtpd\n")
    lab.at_end.append(postfix.close)
    first, header = conversation_through(port, sink, grey)
    assert re.match(LATER, first) and header.startswith("Delayed for 00:00:0"), (first, header)


def test_options_of_milter_greylist_go_before_the_file(lab):
    grey = Greylist(lab, "nospf\ngreylist 1h\nsubnetmatch /32\n", ["-w", "40m", "-L", "24", "-D"])
    assert re.match(r"451 4\.7\.1 Greylisting in action, please come back in 00:(40:00|39:)", reply(grey.tell()))
    grey.tell(client="192.0.2.8")
    assert [(r["client"], r["tries"]) for r in manage(grey, "show")] == [("192.0.2.7", 2)], "-L 24 has the two be one"
    mark = grey.mark()
    grey.write("nospf\ngreylist 2h\n")
    grey.process.send_signal(signal.SIGHUP)
    grey.wait_log("reloaded .*greylist.conf", since=mark)
    again = reply(grey.tell("--mail-from", "else@a.example"))
    assert re.match(r"451 4\.7\.1 Greylisting in action, please come back in 00:(40:00|39:)", again), again


def test_a_mistake_in_an_option_is_told_as_one_in_the_file(lab):
    grey = Greylist(lab, "", start=False)
    for option, value, told in (("-w", "soon", 'option -w:1:10: error: '), ("-L", "33", "option -L:1:14: error: "),
                                ("-d", 'a"b', "option -d:1: error: one value is expected"), ("-a", "1d quiet", "option -a:1: error: one value")):
        done = subprocess.run([lab.binary, "greylist", "serve", "-f", str(grey.conf), option, value], capture_output=True, timeout=20)
        assert done.returncode == 78 and told in done.stderr.decode(), (option, done)


def as_milter_greylist(lab, grey, *options):
    program = grey.folder / "milter-greylist"
    if not program.exists():
        program.symlink_to(Path(lab.binary).resolve())
    return subprocess.run([program, *options], capture_output=True, timeout=30)


def test_called_as_milter_greylist_it_leaves_the_terminal(lab):
    grey = Greylist(lab, "nospf\n", start=False)
    pid_file = grey.folder / "pid"
    done = as_milter_greylist(lab, grey, "-f", grey.conf, "-P", pid_file, "--log", grey.folder / "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"ready\n"), done
    number = int(pid_file.read_text())
    try:
        assert re.match(LATER, reply(grey.tell())), "it takes connections when the one who started it goes on"
        assert Path(f"/proc/{number}/fd/2").readlink() == Path("/dev/null") and os.getsid(number) == number
    finally:
        ended = os.pidfd_open(number)
        os.kill(number, signal.SIGTERM)
        assert select.select([ended], [], [], 20)[0], "it did not end at SIGTERM"
        os.close(ended)


def test_called_as_milter_greylist_it_tells_what_fails_before_it_leaves(lab):
    grey = Greylist(lab, "nospf\n", start=False)
    for options, code, told in ((["-c", "-f", grey.conf], 0, f'config file "{grey.conf}" is okay'),
                                (["-r"], 0, ""),
                                (["-f", grey.folder / "none"], 66, "none"),
                                (["-f", grey.conf, "--log", grey.folder / "log", "-p", grey.folder / "no" / "socket"], 69, "no/socket")):
        done = as_milter_greylist(lab, grey, *options)
        assert done.returncode == code and told in done.stderr.decode(), (options, done)


def fleet(lab, *numbers):
    """Greylisters that are each other's peers, as on machines of their own: 127.0.0.N."""
    port = free_port()
    everybody = "".join(f"peer 127.0.0.{n}\n" for n in numbers)
    return [Greylist(lab, f"nospf\ngreylist 1s\nautowhite 1h\nsyncaddr 127.0.0.{n} port {port}\nsyncsrcaddr 127.0.0.{n}\n{everybody}", start=False)
            for n in numbers]


def wait_remembered(grey, want):
    """What it remembers becomes so: the states and tries of tuples."""
    deadline = time.monotonic() + 20
    while (states := [r["state"] for r in manage(grey, "show")]) != want:
        assert time.monotonic() < deadline, f"{states}, not {want}:\n" + "\n".join(grey.lines)


def test_peers_tell_each_other_what_they_decided(lab):
    one, two = fleet(lab, 2, 3)
    one.start()
    assert re.match(LATER, reply(one.tell())), "the other one is not there yet: what it is told waits"
    one.wait_log(r"cannot sync with peer 127\.0\.0\.3: .*1 entries queued")
    two.start()
    wait_remembered(two, ["pending"])
    deadline = time.monotonic() + 20
    while (answer := reply(two.tell())) is not None:
        assert re.match(LATER, answer) and time.monotonic() < deadline, (answer, manage(two, "show"), two.lines)
    wait_remembered(one, ["autowhite"])
    assert reply(one.tell()) is None
    two.wait_log(r"Incoming MX sync connection from 127\.0\.0\.2")
    two.wait_log(r"peer 127\.0\.0\.3 is this machine, it is not told|Connection to 127\.0\.0\.2 established, protocol version 3")
    # The pass at the first one is told too, and would bring back what is forgotten before; what comes after it is told after it.
    deadline = time.monotonic() + 20
    while manage(one, "status")[0]["unsaved"] != 0:
        assert time.monotonic() < deadline, one.lines
    one.tell("--mail-from", "last@a.example")
    wait_remembered(two, ["pending", "autowhite"])
    manage(two, "forget", "--from", "joe@a.example")
    wait_remembered(two, ["pending"])


def test_a_peer_is_added_while_it_runs(lab):
    one, two = fleet(lab, 2, 3)
    everybody = one.conf.read_text().split("socket ")[0]
    one.write(re.sub("peer .*\n", "", everybody))
    one.start()
    two.start()
    mark = one.mark()
    one.write(everybody)
    one.wait_log("reloaded .*greylist.conf", since=mark)
    assert re.match(LATER, reply(one.tell()))
    manage(one, "status")  # who looks at what is remembered does not keep it from being told
    wait_remembered(two, ["pending"])


def test_who_is_no_peer_is_sent_away(lab):
    one, _ = fleet(lab, 2, 3)
    one.start()
    port = int(re.search(r"port (\d+)", one.conf.read_text()).group(1))
    with socket.create_connection(("127.0.0.2", port), 20, ("127.0.0.4", 0)) as stranger:
        assert stranger.makefile("rb").read() == b"106 You have no permission to talk, go away!\n"
    one.wait_log(r"Remote host 127\.0\.0\.4 is not a peer MX")
