"""Greylisting by the hub itself (hikyaku_greylist), with no filter between."""
import json
import re
import signal
import subprocess
import time

from client import Client
from dns import Dns
from hub import SUBMISSION, free_port, make_certificates

LATER = r"451 4\.7\.1 Greylisting in action, please come back in 00:"
XCLIENT = "smtpd_authorized_xclient_hosts = 127.0.0.1\n"


def greylisting_hub(lab, conf, main="", zone=None, **options):
    """A hub that greylists by a file of this text, and sends on to a sink."""
    sink, dns = lab.sink(), Dns(zone or {})
    lab.at_end.append(dns.stop)
    hub = lab.hub(f"default_transport = smtp:{sink.next_hop}\nhikyaku_dns_server = 127.0.0.1@{dns.port}\nhikyaku_greylist = @T@/greylist.conf\n{XCLIENT}{main}",
                  tables={"greylist.conf": conf}, **options)
    return hub, sink


def from_outside(client, address="192.0.2.7", name="[UNAVAILABLE]"):
    client.ehlo()
    client.command(f"XCLIENT ADDR={address} NAME={name}", 220)
    client.ehlo()
    return client


def offer(client, sender="joe@a.example", recipient="kim@hub.test"):
    """The reply to the recipient, of a transaction that is then open or void."""
    client.command(f"MAIL FROM:<{sender}>", 250)
    return client.command(f"RCPT TO:<{recipient}>")


def until_taken(hub, **envelope):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with Client(hub.port) as client:
            answer = offer(from_outside(client), **envelope)
            if answer.startswith("250"):
                reply = client.data(b"Subject: hello\r\n\r\nbody\r\n")
                client.command("QUIT", 221)
                return re.search(r"queued as (\S+)", reply).group(1)
    raise AssertionError(f"it did not pass within 20 s: {answer}")


RELAY = "mydestination =\nrelay_domains = hub.test\nrelay_transport = $default_transport\n"


def test_mail_is_put_off_passes_later_and_why_tells(lab):
    hub, sink = greylisting_hub(lab, "nospf\nracl whitelist domain trusted.example\nracl greylist from joe@a.example delay 1s\n", RELAY)
    with Client(hub.port) as client:
        assert re.match(LATER, offer(from_outside(client)))
        hub.wait_log(r"NOQUEUE: reject: RCPT from unknown\[192\.0\.2\.7\]: 451 4\.7\.1 Greylisting in action")
    queue_id = until_taken(hub)
    header = sink.wait(1)[0].header().decode()
    assert re.search(r"^X-Greylist: Delayed for 00:00:0\d by milter-greylist-4\.6\.4 \(mail\.hub\.test", header, re.M), header
    entries = [e for e in hub.why_rows(queue_id)[0]["entries"] if e["step"] in ("greylist.racl", "greylist.tuple")]
    assert [(e["step"], e["line"], e.get("failed", "")) for e in entries] == [
        ("greylist.racl", 2, "domain trusted.example"), ("greylist.racl", 3, ""), ("greylist.tuple", 3, "")], entries
    assert all(e["file"].endswith("/greylist.conf") for e in entries), entries
    assert re.match(r"passes 00:00:0\d after it was met first", entries[2]["outcome"]), entries
    # It comes in at once from now on.
    with Client(hub.port) as client:
        assert offer(from_outside(client)).startswith("250")


def test_rules_refuse_at_a_recipient_and_at_the_end(lab):
    hub, sink = greylisting_hub(lab, 'racl blacklist from bad@a.example code "554" ecode "5.7.9" msg "Not you"\nracl whitelist default\n'
                                     'dacl blacklist header /^Subject: .*lottery/ msg "No lottery"\n'
                                     'dacl whitelist body "unsubscribe" addfooter "That was an offer."\n', RELAY)
    with Client(hub.port) as client:
        from_outside(client)
        assert offer(client, "bad@a.example") == "554 5.7.9 Not you"
        client.command("RSET", 250)
        assert offer(client).startswith("250")
        assert client.data(b"Subject: The lottery\r\n\r\nyou have won\r\n", want=551) == "551 5.7.1 No lottery"
        hub.wait_log(r"reject: END-OF-MESSAGE from unknown\[192\.0\.2\.7\]: 551 5\.7\.1 No lottery")
        assert offer(client).startswith("250")
        client.data(b"Subject: hello\r\n\r\nunsubscribe here\r\n")
        client.quit()
    message = sink.wait(1)[0]
    assert message.body() == b"unsubscribe here\r\nThat was an offer.\r\n", message.body()
    assert re.search(r"^X-Greylist: .*not delayed by milter-greylist", message.header().decode(), re.M | re.S), message.header()


def test_a_large_message_is_looked_at_and_arrives_whole(lab):
    hub, sink = greylisting_hub(lab, 'racl whitelist default\ndacl blacklist body "needle"\n', RELAY + "hikyaku_small_body_limit = 4096\n")
    large = b"Subject: large\r\n\r\n" + b"".join(b"line %d of the body\r\n" % n for n in range(20000))
    with Client(hub.port) as client:
        from_outside(client)
        assert offer(client).startswith("250")
        client.data(large)
        assert offer(client).startswith("250")
        client.data(large.replace(b"line 7000 of", b"needle 7000 "), want=551)
        client.quit()
    assert sink.wait(1)[0].body() == large.split(b"\r\n\r\n", 1)[1]
    assert len(sink.wait(1)) == 1


def test_a_login_passes_and_a_service_may_be_without(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1h\n", RELAY + lab.tls_settings(),
                             services={"smtp": "", "plain": "-o hikyaku_greylist=", "submission": SUBMISSION})
    hub.add_user("kim", "secret")
    with Client(hub.ports["smtp"]) as client:
        assert re.match(LATER.replace("00:", "0[01]:"), offer(from_outside(client)))
    with Client(hub.ports["plain"]) as client:
        assert offer(from_outside(client)).startswith("250")
    with Client(hub.ports["submission"]) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.auth_plain("kim", "secret")
        assert offer(client).startswith("250")
        reply = client.data(b"Subject: x\r\n\r\n\r\n")
    queue_id = re.search(r"queued as (\S+)", reply).group(1)
    (exempt,) = [e for e in hub.why_rows(queue_id)[0]["entries"] if e["step"] == "greylist.exempt"]
    assert exempt["operand"] == "kim" and exempt["outcome"] == "whitelist", exempt


def manage(hub, lab, command, *arguments):
    done = subprocess.run([lab.binary, "greylist", *command.split(), "-c", hub.conf, "--json", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_remembered_is_shown_and_survives_a_kill(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1h\n", RELAY)
    with Client(hub.port) as client:
        offer(from_outside(client))
    assert [(r["client"], r["sender"], r["state"]) for r in manage(hub, lab, "show")] == [("192.0.2.7", "<joe@a.example>", "pending")]
    # Shown means written out: from here on a kill changes nothing.
    hub.kill()
    hub.start()
    assert [r["tries"] for r in manage(hub, lab, "show")] == [1]
    assert len(manage(hub, lab, "release", "--from", "joe@a.example")) == 1
    with Client(hub.port) as client:
        assert offer(from_outside(client)).startswith("250")
        client.command("RSET", 250)
        (added,) = manage(hub, lab, "whitelist add", "--client", "192.0.2.7", "--from", "ann@a.example", "--to", "kim@hub.test")
        assert added["state"] == "autowhite", added
        assert offer(client, "ann@a.example").startswith("250")
        client.command("RSET", 250)
        assert len(manage(hub, lab, "whitelist remove", "--from", "ann@a.example")) == 1
        assert offer(client, "ann@a.example").startswith("451")


def test_a_changed_file_counts_and_a_bad_one_does_not(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1h\n", RELAY)
    mark = hub.mark()
    hub.write_table("greylist.conf", "nospf\ngreylist 1h\nracl blacklist from joe@a.example\n")
    hub.wait_log(r"reloaded .*greylist\.conf has changed", since=mark)
    with Client(hub.port) as client:
        assert offer(from_outside(client)) == "551 5.7.1 Go away!"
    mark = hub.mark()
    hub.write_table("greylist.conf", "nospf\nracl whitlist default\n")
    hub.wait_log(r"the file is bad; the configuration in force stays", since=mark)
    with Client(hub.port) as client:
        assert offer(from_outside(client)) == "551 5.7.1 Go away!"
    # SIGHUP: the whole configuration is bad with it.
    mark = hub.mark()
    hub.process.send_signal(signal.SIGHUP)
    hub.wait_log(r"reload: the configuration is bad; the one in force stays", since=mark)


def checked(hub):
    """What `config check` ends with, and all that it says."""
    code, out, err = hub.run("config", "check", want=None)
    return code, out + err


def test_a_file_that_can_not_be_used_stops_the_start_and_what_does_not_count_is_told(lab):
    hub = lab.hub("hikyaku_greylist = @T@/greylist.conf\n", start=False)
    code, told = checked(hub)
    assert code == 78 and re.search(r"main\.cf:\d+.*hikyaku_greylist: .*greylist\.conf", told), (code, told)
    hub.write_table("greylist.conf", 'socket "/run/socket"\nuser "smmsp"\npidfile "/run/pid"\nnodetach\nracl whitelist default\n')
    code, told = checked(hub)
    assert code == 0, told
    for line, word in ((1, "socket"), (2, "user"), (3, "pidfile"), (4, "nodetach")):
        assert re.search(rf"greylist\.conf:{line}(:\d+)?: warning: {word} does not count in the hub", told), told
    other = hub.tables / "other.conf"
    other.write_text("racl whitelist default\n")
    hub.services["smtp"] = f"-o hikyaku_greylist={other}"
    hub.configure("hikyaku_greylist = @T@/greylist.conf\n")
    code, told = checked(hub)
    assert code == 78 and "the hub has one greylist.conf" in told, (code, told)


def test_explain_asks_the_rules_and_goes_on(lab):
    hub, _ = greylisting_hub(lab, "nospf\nracl blacklist from bad@a.example\nracl greylist default delay 7m\n", RELAY)
    told = json.loads(hub.run("explain", "--json", "--client", "192.0.2.7", "--from", "joe@a.example", "--to", "kim@hub.test"))
    (answer,) = [one["reply"] for one in told["answers"] if one["command"].startswith("RCPT")]
    assert answer == "451 4.7.1 Greylisting in action, please come back in 00:07:00"
    steps = [(e["step"], e["line"], e["outcome"]) for e in told["entries"] if e["step"].startswith("greylist.")]
    assert steps == [("greylist.racl", 2, "does not hold"), ("greylist.racl", 3, "greylist"),
                     ("greylist.tuple", 3, "met for the first time; put off for 00:07:00")], steps
    assert [one["transport"] for one in told["recipients"]] == ["smtp"], "what it would be when it passes"
    pooled = json.loads(hub.run("explain", "--json", "--client", "192.0.2.7", "--client-name", "mx1.provider.example", "--from", "joe@a.example",
                                "--to", "kim@hub.test"))
    (known_by,) = [e["keys"] for e in pooled["entries"] if e["step"] == "greylist.tuple"]
    assert known_by == ["dns:provider.example <joe@a.example> <kim@hub.test>"], known_by
    told = json.loads(hub.run("explain", "--json", "--client", "192.0.2.7", "--from", "bad@a.example", "--to", "kim@hub.test", want=None)[1])
    assert not told["accepted"] and told["answers"][-1]["reply"] == "551 5.7.1 Go away!", told["answers"]


def test_explain_tells_of_a_database_that_can_not_be_used(lab):
    hub, _ = greylisting_hub(lab, 'nospf\ngeoipdb "@T@/none.dat"\nracl whitelist geoip "ZZ"\n', RELAY)
    told = json.loads(hub.run("explain", "--json", "--client", "192.0.2.7", "--from", "joe@a.example", "--to", "kim@hub.test"))
    (problem,) = [e for e in told["entries"] if e["step"] == "greylist.database"]
    assert "none.dat" in problem["rule"] and problem["outcome"] == "without it", problem


def test_of_many_rules_the_ledger_has_the_one_that_decided(lab):
    conf = "nospf\n" + "".join(f"racl whitelist domain d{n}.example\n" for n in range(250)) + "racl whitelist from joe@a.example\n"
    hub, _ = greylisting_hub(lab, conf, RELAY)
    with Client(hub.port) as client:
        from_outside(client)
        assert offer(client).startswith("250")
        queue_id = re.search(r"queued as (\S+)", client.data(b"Subject: x\r\n\r\n\r\n")).group(1)
    (entry,) = [e for e in hub.why_rows(queue_id)[0]["entries"] if e["step"] == "greylist.racl"]
    assert entry["line"] == 252 and entry["file"].endswith("/greylist.conf"), entry
    assert entry["outcome"].startswith("whitelist, by one of 251 rules"), entry


def test_a_setting_that_counts_at_the_start_is_told_at_a_reload(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1h\n", RELAY)
    other = hub.tables / "other.conf"
    other.write_text("racl blacklist default\n")
    main = (hub.conf / "main.cf").read_text().replace(f"hikyaku_greylist = {hub.tables}/greylist.conf", f"hikyaku_greylist = {other}")
    (hub.conf / "main.cf").write_text(main + "hikyaku_greylist_pools = no\n")
    for _ in range(2):  # the second reload finds the change where the first one left it
        mark = hub.mark()
        hub.process.send_signal(signal.SIGHUP)
        hub.wait_log(r"reload -- configuration", since=mark)
        told = "\n".join(hub.lines[mark:])
        for name in ("hikyaku_greylist", "hikyaku_greylist_pools"):
            assert re.search(rf"main\.cf:\d+: a changed {name} counts after a restart", told), told
        with Client(hub.port) as client:
            assert offer(from_outside(client)).startswith("451 "), "the file of the start is in force"


def test_a_pool_of_senders_is_one_client(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1h\n", RELAY, zone={"spf.example": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]}})

    def offered(address, name, sender="joe@a.example"):
        with Client(hub.port) as client:
            return offer(from_outside(client, address, name), sender)

    for address, name, sender in (("192.0.2.7", "mx1.provider.example", "joe@a.example"), ("203.0.113.9", "[UNAVAILABLE]", "joe@spf.example"),
                                  ("198.51.100.8", "host-198-51-100-8.isp.example", "joe@a.example")):
        assert offered(address, name, sender).startswith("451"), address
    known = {(row["client"], row.get("pool")) for row in manage(hub, lab, "show")}
    assert known == {("192.0.2.7", "dns:provider.example"), ("203.0.113.9", "spf:spf.example"), ("198.51.100.8", None)}, known
    manage(hub, lab, "release", "--to", "kim@hub.test")
    for address, name, sender, passes in (("192.0.77.1", "mx2.eu.provider.example", "joe@a.example", True),
                                          ("203.0.113.200", "[UNAVAILABLE]", "joe@spf.example", True),
                                          ("198.51.100.9", "host-198-51-100-9.isp.example", "joe@a.example", True),  # of the same /24
                                          ("198.51.101.9", "host-198-51-101-9.isp.example", "joe@a.example", False)):
        answer = offered(address, name, sender)
        assert answer.startswith("250" if passes else "451"), (address, answer)


def test_a_domain_with_a_good_record_waits_no_more(lab):
    hub, _ = greylisting_hub(lab, "nospf\ngreylist 1s\n", RELAY + "hikyaku_greylist_domain_passes = 1\n")
    until_taken(hub)
    with Client(hub.port) as client:
        from_outside(client)
        assert offer(client, "ann@a.example", "lee@hub.test").startswith("250")
        queue_id = re.search(r"queued as (\S+)", client.data(b"Subject: x\r\n\r\n\r\n")).group(1)
    (told,) = [e for e in hub.why_rows(queue_id)[0]["entries"] if e["step"] == "greylist.record"]
    assert told["operand"] == "has passed 1 time" and told["outcome"] == "whitelist", told
    assert [(row["sender"], row["passes"]) for row in manage(hub, lab, "show", "--of", "record")] == [("@a.example", 2)]
    assert len(manage(hub, lab, "forget", "--from", "@a.example")) == 1
    with Client(hub.port) as client:
        assert offer(from_outside(client), "ann@a.example", "new@hub.test").startswith("451")


def test_hubs_share_what_they_know_under_tls(lab):
    port, made = free_port(), make_certificates(lab.folder / "peers", ["one.test", "two.test"])
    secret = lab.folder / "secret"
    secret.write_text("a secret of thirty-two octets, say\n")
    secret.chmod(0o600)

    def member(n, name):
        certificate, key = made[name]
        main = (f"hikyaku_greylist_peer_secret_file = {secret}\nhikyaku_greylist_peer_tls_cert_file = {certificate}\n"
                f"hikyaku_greylist_peer_tls_key_file = {key}\nhikyaku_greylist_peer_tls_CAfile = {made['ca']}\n")
        conf = f"nospf\ngreylist 1h\nsyncaddr 127.0.0.{n} port {port}\nsyncsrcaddr 127.0.0.{n}\npeer 127.0.0.2\npeer 127.0.0.3\n"
        return greylisting_hub(lab, conf, RELAY + main)[0]

    one, two = member(2, "one.test"), member(3, "two.test")
    one.wait_log(r"Connection to 127\.0\.0\.3 established, protocol version 3 under TLSv1\.3")
    with Client(one.port) as client:
        assert offer(from_outside(client)).startswith("451")
    deadline = time.monotonic() + 20
    while not (known := manage(two, lab, "show")) and time.monotonic() < deadline:
        pass
    assert [(row["client"], row["state"]) for row in known] == [("192.0.2.7", "pending")], known
    assert checked_without(two, "hikyaku_greylist_peer_secret_file"), "the rest of it is refused without the secret"


def checked_without(hub, name):
    """Whether `config check` refuses the hub's main.cf without the line of this name."""
    path = hub.conf / "main.cf"
    whole = path.read_text()
    path.write_text("".join(line for line in whole.splitlines(True) if not line.startswith(name)))
    code, told = checked(hub)
    path.write_text(whole)
    return code == 78 and f"without {name}" in told
