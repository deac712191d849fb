"""ETRN: a site that was away asks for its mail, and gets its own alone (RFC 1985)."""
from client import Client
from test_rewrite_and_route import send

LONG = "minimal_backoff_time = 1h\nmaximal_backoff_time = 1h\n"


def etrn(hub, domain, want=""):
    with Client(hub.port) as client:
        client.ehlo()
        return client.command(f"ETRN {domain}", want)


def test_etrn_tries_mail_for_that_domain_alone(lab):
    away = lab.sink([(r"\(greeting\)", ["421 4.3.2 away", None])])
    busy = lab.sink([("RCPT TO", ["450 4.2.1 later", None])])
    hub = lab.hub(LONG + "relay_domains = away.example, busy.example\ntransport_maps = inline:{ "
                  f"{{ away.example = smtp:{away.next_hop} }}, {{ busy.example = smtp:{busy.next_hop} }} }}\n")
    first = send(hub, "a@b.example", "x@AWAY.example")
    second = send(hub, "a@b.example", "y@busy.example")
    for mail in (first, second):
        hub.wait_log(f"{mail}: .*status=deferred")
    hub.wait_queue(lambda rows: [r["queue_name"] for r in rows] == ["deferred", "deferred"])
    etrn(hub, "Away.example", "250 2.0.0 Queuing started")
    assert away.wait(1)[0].recipients() == ["x@AWAY.example"]
    assert [r["queue_id"] for r in hub.wait_queue(lambda rows: len(rows) == 1)] == [second]
    etrn(hub, "busy.example", "250 2.0.0 Queuing started")
    assert busy.wait(1)[0].recipients() == ["y@busy.example"]
    hub.wait_queue(lambda rows: not rows)
    assert sum(c.upper().startswith("RCPT") for c in busy.commands) == 2, busy.commands  # as deferred, and as asked for
    told = hub.why(first)
    assert "ETRN" in told, told


def test_etrn_for_a_domain_that_is_not_eligible(lab):
    hub = lab.hub("relay_domains = a.example\n")
    assert etrn(hub, "b.example").startswith("459 4.7.0 <b.example>: service unavailable")
    assert etrn(hub, "sub.a.example").startswith("250 ")  # relay_domains stands for subdomains too
    assert etrn(hub, "@a.example").startswith("250 ")
    assert etrn(hub, "#a.example").startswith("250 ")
    assert etrn(hub, "[a.example]").startswith("501 ")
    assert etrn(hub, "a..example").startswith("501 ")


def test_etrn_restrictions_and_eligible_domains_of_their_own(lab):
    hub = lab.hub("relay_domains = a.example\nfast_flush_domains = c.example\nsmtpd_etrn_restrictions = check_etrn_access hash:@T@/etrn\n",
                  tables={"etrn": "d.example REJECT\n"})
    assert etrn(hub, "a.example").startswith("459 ")
    assert etrn(hub, "c.example").startswith("250 ")
    assert etrn(hub, "d.example").startswith("554 5.7.1 <d.example>: Etrn command rejected: Access denied")


def test_etrn_leaves_held_mail_where_it_is(lab):
    sink = lab.sink([("RCPT TO", ["450 4.2.1 later", None])])
    hub = lab.hub(LONG + f"relay_domains = a.example\nrelay_transport = smtp:{sink.next_hop}\n")
    mail = send(hub, "a@b.example", "x@a.example")
    hub.wait_queue(lambda rows: [r["queue_name"] for r in rows] == ["deferred"])
    hub.run("queue", "hold", mail)
    etrn(hub, "a.example", "250")
    hub.wait_log("ETRN a.example: 0 messages")
    assert [r["queue_name"] for r in hub.queue()] == ["hold"]
