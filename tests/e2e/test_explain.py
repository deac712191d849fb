"""`hikyaku explain` tells beforehand what real mail then meets, why, and what would change it."""
import json

from client import Client, sample
from test_rewrite_and_route import send
from test_smtp import relay


def explain(hub, sender, recipients, *options, client="127.0.0.1", want=0):
    to = [part for one in ([recipients] if isinstance(recipients, str) else recipients) for part in ("--to", one)]
    told = hub.run("explain", "--client", client, "--from", sender, *to, *options, "--json", want=want)
    return json.loads(told)


def test_header_that_stays_as_it_is_and_what_would_change_it(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "sender_canonical_maps = hash:@T@/sender\n", tables={"sender": "# who is who\ntest@example.com hub@example.com\n"})
    told = explain(hub, "test@example.com", "bob@dest.example", "--header", "From: test@example.com", client="127.0.0.5")
    assert told["accepted"] and told["sender"] == "hub@example.com"
    assert "From: test@example.com\r\n" in told["header"], told["header"]
    assert told["recipients"][0]["next_hop"] == sink.next_hop
    (change,) = [one for one in told["would_change"] if "From" in one]
    assert "would become hub@example.com" in change and f"sender:{hub.line_of('test@example.com', 'sender')}" in change, change
    assert "permit_mynetworks" in change and "static:all" in change, change
    # What it names as the way is one.
    hub.configure(relay(sink) + "sender_canonical_maps = hash:@T@/sender\nlocal_header_rewrite_clients = permit_mynetworks\n")
    assert "From: hub@example.com\r\n" in explain(hub, "test@example.com", "b@d.example", "--header", "From: test@example.com", client="127.0.0.5")["header"]


def test_a_stranger_who_may_not_relay_and_what_would_let_him(lab):
    hub = lab.hub("smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\n", start=False)
    told = explain(hub, "a@b.example", "c@d.example", client="192.0.2.9")
    assert not told["accepted"]
    assert told["answers"][-1] == {"command": "RCPT TO:<c@d.example>", "reply": "554 5.7.1 <c@d.example>: Relay access denied"}, told["answers"]
    place = f"main.cf:{hub.line_of('smtpd_relay_restrictions')}"
    assert any("permit_mynetworks" in one and place in one and "192.0.2.9" in one for one in told["would_change"]), told["would_change"]
    assert any("permit_sasl_authenticated" in one for one in told["would_change"])
    assert explain(hub, "a@b.example", "c@d.example", client="127.0.0.1")["accepted"]


def test_every_candidate_of_a_route_with_the_one_that_stood_over_it(lab):
    hub = lab.hub("relayhost = [127.0.0.9]:1\ntransport_maps = hash:@T@/transport\nsender_dependent_relayhost_maps = hash:@T@/by_sender\n", start=False,
                  tables={"transport": "dest.example smtp:[127.0.0.1]:2\n", "by_sender": "@b.example [127.0.0.2]:3\n"})
    told = explain(hub, "a@b.example", ["c@dest.example", "c@other.example"])
    assert [(r["transport"], r["next_hop"]) for r in told["recipients"]] == [("smtp", "[127.0.0.1]:2"), ("smtp", "[127.0.0.2]:3")]
    changes = "\n".join(told["would_change"])
    assert "[127.0.0.2]:3 would be used" in changes and "transport_maps" in changes and f"by_sender:{hub.line_of('@b.example', 'by_sender')}" in changes
    assert "[127.0.0.9]:1 would be used" in changes, changes


def test_what_the_next_server_sees_and_which_login_it_gets(lab):
    hub = lab.hub("relayhost = [127.0.0.9]:1\nsmtp_generic_maps = inline:{ {joe@local.example = joe@example.com} }\nsmtp_sasl_auth_enable = yes\n"
                  "smtp_sasl_password_maps = inline:{ {[127.0.0.9]:1 = us:very-secret} }\n", start=False)
    told = hub.run("explain", "--from", "joe@local.example", "--to", "c@d.example", "--header", "From: joe@local.example", "--json")
    assert "very-secret" not in told
    (recipient,) = json.loads(told)["recipients"]
    assert recipient["sent_from"] == "joe@example.com" and recipient["login"] == "us" and "From: joe@example.com" in recipient["sent_header"]


def test_local_users_and_aliases(lab):
    hub = lab.hub("alias_maps = texthash:@T@/aliases\nlocal_recipient_maps =\n", start=False, tables={"aliases": "root joe, x@elsewhere.example\n"})
    (recipient,) = explain(hub, "a@b.example", "root@mail.hub.test")["recipients"]
    assert recipient["transport"] == "local"
    assert recipient["mailboxes"] == ["joe@mail.hub.test"] and recipient["forwards"] == ["x@elsewhere.example"], recipient


def test_it_says_what_mail_then_meets_and_leaves_nothing_behind(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "canonical_maps = inline:{ {@b.example = @c.example} }\nheader_checks = regexp:@T@/checks\nalways_bcc = copy@d.example\n",
                  tables={"checks": "/^Subject: (.*)/ REPLACE Subject: [list] $1\n"})
    message = sample("a@b.example", "x@d.example")
    path = hub.home / "message"
    path.write_bytes(message.replace(b"\r\n", b"\n"))
    told = explain(hub, "a@b.example", "x@d.example", "--message", str(path))
    assert not hub.queue()
    mail = send(hub, "a@b.example", "x@d.example", message)
    got = sink.wait(1)[0]
    assert got.sender() == told["sender"] == "a@c.example"
    assert sorted(got.recipients()) == sorted(r["address"] for r in told["recipients"]) == ["copy@d.example", "x@d.example"]
    assert got.header().decode().split("\r\n\t", 3)[-1].split("\r\n", 1)[1] + "\r\n\r\n" == told["header"], (got.header(), told["header"])
    rules = [(r["step"], r["rule"], r["outcome"]) for r in hub.why_rows(mail)[0]["entries"] if not r["step"].startswith(("deliver", "queue"))]
    assert sorted(rules) == sorted((r["step"], r["rule"], r["outcome"]) for r in told["entries"])


def test_bad_questions(lab):
    hub = lab.hub(start=False)
    explain_with = lambda *options: hub.run("explain", *options, want=None)
    for options in (("--client", "nowhere", "--to", "a@b"), ("--to", "a@b", "--port", "1")):
        code, _, told = explain_with(*options)
        assert code == 64 and told.startswith("hikyaku explain:"), (options, code, told)
    code, _, told = explain_with("--to", "a@b", "--message", "/no/such/file")
    assert code == 66 and "/no/such/file" in told
    for options in (("--from", "a@b"), ("--to", "a@b", "--no-such-option"), ("--to", "a@b", "--message", "x", "--header", "From: a@b")):
        assert explain_with(*options)[0] == 64, options
