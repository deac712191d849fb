"""Mail that is forwarded leaves with a sender of our own, and what comes back to that finds its way (SRS)."""
import base64
import hashlib
import hmac
import time

from client import Client, sample
from test_explain import explain
from test_queue_and_notices import notice
from test_rewrite_and_route import send
from test_smtp import relay

SECRET = "a secret of this test"
SRS = "hikyaku_srs_domain = srs.hub.test\nhikyaku_srs_secret_file = @T@/secret\n"
FORWARD = SRS + "virtual_alias_domains = hub.example\nvirtual_alias_maps = inline:{ {joe@hub.example = joe@far.example} }\n"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def signature(text, secret=SECRET) -> str:
    """As libsrs2 and postsrsd sign."""
    return base64.b64encode(hmac.digest(secret.encode(), text.lower().encode(), hashlib.sha1)).decode()[:4]


def rewritten(local, domain, secret=SECRET) -> str:
    day = int(time.time()) // 86400 % 1024
    stamp = BASE32[day >> 5] + BASE32[day & 31]
    return f"SRS0={signature(stamp + domain + local, secret)}={stamp}={domain}={local}@srs.hub.test"


def forwarder(lab, main="", **options):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + FORWARD + main, tables={"secret": SECRET + "\nan older one\n"}, **options)
    (hub.tables / "secret").chmod(0o600)
    return hub, sink


def test_forwarded_mail_leaves_with_a_sender_of_ours(lab):
    hub, sink = forwarder(lab)
    mail = send(hub, "Ann.Lee@far2.example", "joe@hub.example")
    got = sink.wait(1)[0]
    assert (got.sender(), got.recipients()) == (rewritten("Ann.Lee", "far2.example"), ["joe@far.example"])
    hub.wait_queue(lambda rows: not rows)
    told = [row for row in hub.why_rows(mail)[0]["entries"] if row["step"] == "rewrite.srs"]
    assert told and "SRS0=" in told[-1]["outcome"] and told[-1]["line"] == hub.line_of("hikyaku_srs_domain"), told


def test_what_is_not_forwarded_keeps_its_sender(lab):
    hub, sink = forwarder(lab, "hikyaku_srs_exclude_domains = friend.example\n")
    for number, (sender, recipient) in enumerate((("ann@far2.example", "bob@far.example"), ("ann@mail.hub.test", "joe@hub.example"), ("", "joe@hub.example"),
                                                  ("joe@hub.example", "joe@hub.example"), ("ann@friend.example", "joe@hub.example")), 1):
        send(hub, sender, recipient)
        assert sink.wait(number)[-1].sender() == sender, (sender, recipient)


def test_copies_of_one_message_leave_each_with_its_own_sender(lab):
    hub, sink = forwarder(lab)
    send(hub, "ann@far2.example", ["joe@hub.example", "bob@far.example"])
    got = {mail.recipients()[0]: mail.sender() for mail in sink.wait(2)}
    assert got == {"joe@far.example": rewritten("ann", "far2.example"), "bob@far.example": "ann@far2.example"}


def test_alias_of_a_local_recipient_is_forwarded_mail_too(lab):
    hub, sink = forwarder(lab, "alias_maps = texthash:@T@/aliases\n", start=False)
    hub.write_table("aliases", "root ann@far.example\n")
    hub.start()
    send(hub, "x@far2.example", "root@mail.hub.test")
    assert sink.wait(1)[0].sender() == rewritten("x", "far2.example")


def test_notice_finds_its_way_back(lab):
    hub, sink = forwarder(lab, "mynetworks = 192.0.2.0/24\n")
    ours = rewritten("Ann.Lee", "far2.example")
    mail = send(hub, "", ours)
    assert sink.wait(1)[0].recipients() == ["Ann.Lee@far2.example"]
    assert "rewrite.srs" in hub.why(mail)
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<>", 250)
        # Signed by the older secret: still good. By nobody's: refused, and so is plain relaying.
        client.command(f"RCPT TO:<{rewritten('ann', 'far2.example', 'an older one')}>", 250)
        told = client.command(f"RCPT TO:<{rewritten('ann', 'far2.example', 'a guess')}>", 550)
        assert "not ours" in told, told
        client.command("RCPT TO:<ann@far2.example>", 454)
        client.command("RCPT TO:<SRS0=x@srs.hub.test>", 550)


def test_second_forwarder(lab):
    hub, sink = forwarder(lab)
    send(hub, "SRS0=abcd=JO=far2.example=ann@first.example", "joe@hub.example")
    rest = "=abcd=JO=far2.example=ann"
    expected = f"SRS1={signature('first.example' + rest)}=first.example={rest}@srs.hub.test"
    assert sink.wait(1)[0].sender() == expected
    send(hub, "", expected)
    assert sink.wait(2)[1].recipients() == ["SRS0=abcd=JO=far2.example=ann@first.example"]


def test_our_own_notice_goes_to_the_real_sender(lab):
    sink, back = lab.sink(script=[("RCPT", "550 5.1.1 nobody here")]), lab.sink()
    hub = lab.hub(FORWARD + f"transport_maps = inline:{{ {{far.example = smtp:{sink.next_hop}}}, {{far2.example = smtp:{back.next_hop}}} }}\n",
                  tables={"secret": SECRET + "\n"})
    send(hub, "ann@far2.example", "joe@hub.example")
    got = back.wait(1)[0]
    assert (got.sender(), got.recipients()) == ("", ["ann@far2.example"])


def test_explain_tells_it(lab):
    hub, _ = forwarder(lab, start=False)
    told = explain(hub, "ann@far2.example", ["joe@hub.example", "bob@far.example"])
    assert [one["sent_from"] for one in told["recipients"]] == [rewritten("ann", "far2.example"), "ann@far2.example"], told["recipients"]
    reasons = [(row["failed"], row["operand"]) for row in told["entries"] if row["step"] == "rewrite.srs"]
    assert ("the mail came for one of our domains", "bob@far.example") in reasons, reasons
    told = explain(hub, "", rewritten("ann", "far2.example"), client="198.51.100.1")
    assert told["accepted"] and told["recipients"][0]["address"] == "ann@far2.example", told


def test_settings_that_are_not_enough(lab):
    for main, words in (("hikyaku_srs_domain = srs.hub.test\n", "needs hikyaku_srs_secret_file"), (SRS, "hikyaku_srs_secret_file"),
                        (SRS + "hikyaku_srs_hash_length = 2\n", "from 4 to 27")):
        hub = lab.hub(main, start=False, tables={"secret": "x\n"} if "length" in main else None)
        code, told, _ = hub.run("config", "check", want=None)
        assert code == 78 and words in told and "main.cf:" in told, (main, told)
    hub = lab.hub(SRS, start=False, tables={"secret": "\n \n"})
    assert "holds no secret" in hub.run("config", "check", want=78)
