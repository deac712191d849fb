"""`dkim` clauses of greylist.conf: messages that are signed, well or badly, and whose keys the tests' own DNS has."""
import json
import subprocess
import sys
from pathlib import Path

from client import Client, sample
from dkim_signer import Key, signed, strings
from dns import Dns
from greylists import Greylist, reply
from hub import free_port
from test_milter_peers import opendkim, passed
from test_smtp import relay

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from private_postfix import Postfix  # noqa: E402

# Each word is answered by a line of its own.
WORDS = "nospf\nracl whitelist default\n" + "".join(
    f'dacl blacklist dkim {word} code "{code}" msg "{word}: %Qd"\n' for word, code in (("fail", 552), ("unknown", 553), ("error", 554), ("none", 555)))
MESSAGE = b"From: joe@a.example\r\nTo: kim@b.example\r\nSubject:  two blanks\r\n  and a  fold \r\n\r\na  body \r\n.dot\r\n\r\n\r\n"


def dns_of(lab, records):
    dns = Dns({name: record if isinstance(record, str) or isinstance(record, dict) else {"TXT": record} for name, record in records.items()})
    lab.at_end.append(dns.stop)
    return dns


def filter_of(lab, dns, conf=WORDS):
    return Greylist(lab, conf, ["--dns-server", f"127.0.0.1@{dns.port}"])


def tell(grey, message, *arguments):
    path = grey.folder / "message"
    path.write_bytes(message)
    return grey.tell("--file", str(path), *arguments)


def end(row):
    """What the end of the message was answered; None: it was taken."""
    assert reply(row) is None, row
    told = row.get("reply")
    return told and f'{told["code"]} {told["text"]}'


def headers(row, name):
    return [line.split(": ", 1)[1] for line in row["headers"].splitlines() if line.startswith(name + ": ")]


def test_what_is_signed_well_passes_in_each_way(lab):
    rsa, ed25519 = Key(lab.folder), Key(lab.folder, "ed25519", "other")
    dns = dns_of(lab, {"sel._domainkey.a.example": [strings(rsa.record)], "new._domainkey.a.example": [ed25519.record]})
    grey = filter_of(lab, dns, WORDS + 'dacl whitelist dkim pass addheader "Authentication-Results: %QA"\ndacl blacklist default\n')
    for way in ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"):
        row = tell(grey, signed(rsa, MESSAGE, way))
        assert end(row) is None, (way, row)
        assert headers(row, "Authentication-Results") == ["mail.example.com;"] and "dkim=pass header.d=a.example" in row["headers"], row
    grey.wait_log(r"skipping greylist because sender is DKIM-compliant, \(from=<joe@a\.example>, rcpt=\(nil\), ")
    assert end(tell(grey, signed(ed25519, MESSAGE, selector="new"))) is None
    assert "TXT sel._domainkey.a.example" in dns.asked() and "TXT new._domainkey.a.example" in dns.asked(), dns.asked()


def test_what_was_changed_or_is_of_another_key_fails(lab):
    key = Key(lab.folder)
    dns = dns_of(lab, {"sel._domainkey.a.example": [strings(key.record)], "gone._domainkey.a.example": ["v=DKIM1; p="]})
    grey = filter_of(lab, dns)
    good = signed(key, MESSAGE)
    assert end(tell(grey, good)) is None
    assert end(tell(grey, good.replace(b"a  body", b"a  bodi"))) == "552 fail: fail"
    assert end(tell(grey, good.replace(b"two blanks", b"two blank"))) == "552 fail: fail"
    assert end(tell(grey, signed(Key(lab.folder, name="other"), MESSAGE))) == "552 fail: fail"
    assert end(tell(grey, signed(key, MESSAGE, selector="gone"))) == "552 fail: fail", "it was revoked"
    assert end(tell(grey, signed(Key(lab.folder, name="third"), good))) is None, "one good signature is enough"


def test_what_can_not_be_verified_has_words_of_its_own(lab):
    key = Key(lab.folder)
    dns = dns_of(lab, {"bad._domainkey.a.example": ["v=DKIM1; p=%%%"], "late._domainkey.a.example": "SERVFAIL",
                       "two._domainkey.a.example": [strings(key.record), "v=DKIM1; k=rsa; p=AAAA"]})
    grey = filter_of(lab, dns)
    assert end(tell(grey, MESSAGE)) == "555 none: none" and dns.asked() == [], dns.asked()
    assert end(tell(grey, signed(key, MESSAGE, selector="none"))) == "554 error: permerror"
    assert end(tell(grey, signed(key, MESSAGE, selector="late"))) == "554 error: temperror"
    assert end(tell(grey, signed(key, MESSAGE, selector="bad"))) == "553 unknown: neutral"
    assert end(tell(grey, signed(key, MESSAGE, selector="two"))) == "553 unknown: neutral"
    assert end(tell(grey, signed(key, MESSAGE).replace(b"v=1;", b"v=2;"))) == "553 unknown: neutral"


def test_the_whole_message_is_verified_whatever_is_looked_at(lab):
    key = Key(lab.folder)
    grey = filter_of(lab, dns_of(lab, {"sel._domainkey.a.example": [strings(key.record)]}), "maxpeek 100\n" + WORDS)
    big = signed(key, MESSAGE + b"x" * 70 + b"\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * 50_000)
    assert end(tell(grey, big)) is None
    assert end(tell(grey, big[:-3] + b"!\r\n")) == "552 fail: fail"


def test_messages_of_one_connection_through_the_hub(lab):
    key = Key(lab.folder)
    grey = filter_of(lab, dns_of(lab, {"sel._domainkey.a.example": [strings(key.record)]}), WORDS + "dacl whitelist dkim pass subjtag \"[good] \"\n")
    sink = lab.sink()
    hub = lab.hub(relay(sink) + f"smtpd_milters = {grey.spec}\nmilter_default_action = reject\n")
    message = sample("joe@a.example", "kim@dest.example", "  two blanks", "one line\r\n.dot\r\n")
    with Client(hub.port) as client:
        client.ehlo()
        for octets, code in ((signed(key, message, "simple/simple"), 250), (message, 555), (signed(key, message, "simple/simple"), 250)):
            client.envelope("joe@a.example", "kim@dest.example")
            client.command("DATA", 354)
            client.send(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            assert client.reply().startswith(str(code))
        client.quit()
    for mail in sink.wait(2):
        assert b"\r\nSubject: [good]   two blanks\r\n" in mail.data and b"\r\nX-Greylist: Default is to whitelist mail, not" in mail.data, mail.data


def test_a_message_through_postfix_keeps_each_blank(lab):
    key, filter_port, port = Key(lab.folder), free_port(), free_port()
    dns, sink = dns_of(lab, {"sel._domainkey.a.example": [strings(key.record)]}), lab.sink()
    grey = Greylist(lab, WORDS + 'dacl whitelist dkim pass addheader "X-Seen: %Qd"\n', ["--dns-server", f"127.0.0.1@{dns.port}", "-p", f"inet:{filter_port}@127.0.0.1"])
    postfix = Postfix(f"compatibility_level = 3.6\nmyhostname = hub.example\nmydestination =\ninet_interfaces = 127.0.0.1\nmynetworks = 127.0.0.0/8\n"
                      f"alias_maps =\nlocal_recipient_maps =\nsmtp_dns_support_level = disabled\ndefault_transport = smtp:{sink.next_hop}\n"
                      f"smtpd_milters = inet:127.0.0.1:{filter_port}\n", f"127.0.0.1:{port} inet n - n - - smtpd\n")
    lab.at_end.append(postfix.close)
    message = sample("joe@a.example", "kim@dest.example", "  two blanks", "one line\r\n")
    with Client(port) as client:
        client.ehlo()
        client.mail("joe@a.example", ["kim@dest.example"], signed(key, message, "simple/simple"))
        client.quit()
    (mail,) = sink.wait(1)
    assert b"\r\nSubject:   two blanks\r\n" in mail.data and b"\r\nX-Seen: pass\r\n" in mail.data, (mail.data, grey.lines)


def test_what_opendkim_signs_passes(lab):
    signing, _ = opendkim(lab)
    record = (lab.folder / "dns").read_text().split(" ", 1)[1].strip()
    grey = filter_of(lab, dns_of(lab, {"sel._domainkey.a.example": [strings(record)]}))
    mail = passed(lab, f"unix:{signing}", sample("a@a.example", "b@dest.example", "  two blanks", "one line\r\n\r\n\r\n")).data
    assert end(tell(grey, mail)) is None
    assert end(tell(grey, mail.replace(b"one line", b"one lime"))) == "552 fail: fail"


def test_check_verifies_the_message_it_is_given(lab):
    key = Key(lab.folder)
    dns = dns_of(lab, {"sel._domainkey.a.example": [strings(key.record)]})
    conf, message = lab.folder / "check.conf", lab.folder / "message"
    conf.write_text(WORDS + "dacl whitelist dkim softfail\n")
    message.write_bytes(signed(key, MESSAGE).replace(b"\r\n", b"\n"))

    def check(*arguments):
        done = subprocess.run([lab.binary, "greylist", "check", "-f", conf, "--json", "--client", "192.0.2.7", "--client-name", "mx.a.example", "--from", "joe@a.example",
                               "--to", "kim@b.example", "--dns-server", f"127.0.0.1@{dns.port}", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    (_, row), told = check("--message", str(message))
    assert row["rule"] == "default" and [entry["operand"] for entry in row["ledger"][:4]] == ["pass"] * 4, row
    assert 'check.conf:7:16: warning: no check of DKIM comes to "softfail": the clause does not hold' in told, told
    message.write_text(message.read_text().replace("two", "too"))
    (_, row), _ = check("--message", str(message))
    assert row["action"] == "blacklist" and row["reply"] == "552 5.7.1 fail: fail", row
    (_,), told = check()
    assert "DKIM is judged at the end of a message only: give one with --message" in told, told
