"""Which servers the DNS names, and in which order they are tried; what a client's and a sender's names are worth."""
from client import Client
from dns import Dns, SERVER_FAILURE
from test_queue_and_notices import notice
from test_rewrite_and_route import send


def three(lab, *scripts):
    """Sinks at 127.0.0.1, .2 and .3, all on one port: the hosts of an MX have no ports of their own."""
    first = lab.sink(*scripts[0:1])
    return [first] + [lab.sink(*scripts[n - 1:n], host=f"127.0.0.{n}", port=first.port) for n in (2, 3)]


HOSTS = {("one.mx.example", "A"): ["127.0.0.1"], ("two.mx.example", "A"): ["127.0.0.2"], ("three.mx.example", "A"): ["127.0.0.3"]}
ORDERED = HOSTS | {("dest.example", "MX"): ["10 two.mx.example", "5 one.mx.example", "20 three.mx.example"]}


def by_dns(lab, zone, port, more="", **options):
    """A hub that asks `zone`, with every domain's servers listening on `port`."""
    server = Dns(zone)
    lab.at_end.append(server.stop)
    return lab.hub(server.setting + f"default_transport = smtp\nsmtp_tcp_port = {port}\n{more}", **options), server


def test_the_lowest_preference_comes_first(lab):
    one, two, three_ = three(lab)
    hub, _ = by_dns(lab, ORDERED, one.port)
    mail = send(hub, "a@b.example", "c@dest.example")
    assert one.wait(1) and not two.commands and not three_.commands
    assert f"relay=one.mx.example[127.0.0.1]:{one.port}" in hub.wait_log(f"{mail}: to=<c@dest.example>.*status=sent")


def test_the_next_preference_when_the_first_is_not_there_or_says_not_now(lab):
    for script in ([(r"\(greeting\)", "421 4.3.2 busy")], [("RCPT TO", "450 4.2.0 later")]):
        one, two, three_ = three(lab, script)
        hub, _ = by_dns(lab, ORDERED, one.port)
        send(hub, "a@b.example", "c@dest.example")
        assert two.wait(1) and not three_.commands
        hub.stop()
    one.stop()
    hub, _ = by_dns(lab, ORDERED, two.port)
    send(hub, "a@b.example", "c@dest.example")
    assert two.wait(2)


def test_session_limit_ends_the_round(lab):
    one, two, _ = three(lab, [("MAIL FROM", "451 4.3.0 no")])
    hub, _ = by_dns(lab, ORDERED, one.port, "smtp_mx_session_limit = 1\n")
    mail = send(hub, "a@b.example", "c@dest.example")
    assert "451 4.3.0 no" in hub.wait_log(f"{mail}: to=<c@dest.example>.*status=deferred")
    assert not two.commands


def test_address_limit_ends_the_list(lab):
    one, two, _ = three(lab, [(r"\(greeting\)", "421 4.3.2 busy")])
    hub, _ = by_dns(lab, ORDERED, one.port, "smtp_mx_address_limit = 1\n")
    mail = send(hub, "a@b.example", "c@dest.example")
    hub.wait_log(f"{mail}: to=<c@dest.example>.*status=deferred")
    assert not two.commands


def test_a_domain_without_mx_is_its_own_host(lab):
    sink = lab.sink()
    hub, _ = by_dns(lab, {("plain.example", "A"): ["127.0.0.1"]}, sink.port)
    send(hub, "a@b.example", "c@plain.example")
    assert sink.wait(1)


def test_brackets_ask_for_no_mx(lab):
    one, two, _ = three(lab)
    zone = HOSTS | {("dest.example", "MX"): ["5 one.mx.example"], ("dest.example", "A"): ["127.0.0.2"]}
    hub, server = by_dns(lab, zone, 1, f"relayhost = [dest.example]:{one.port}\n")
    send(hub, "a@b.example", "c@dest.example")
    assert two.wait(1) and not one.commands
    assert not server.asked("dest.example", "MX")


def test_null_mx_comes_back_at_once(lab):
    sink = lab.sink()
    zone = {("nomail.example", "MX"): ["0 ."], ("b.example", "A"): ["127.0.0.1"]}
    hub, _ = by_dns(lab, zone, sink.port)
    send(hub, "a@b.example", "c@nomail.example")
    _, text, status, _ = notice(sink.wait(1)[0])
    assert status[1]["Status"] in ("5.1.0", "5.1.10") and "nullMX" in text, text


def test_a_domain_that_does_not_exist_comes_back_and_a_broken_server_is_waited_for(lab):
    sink = lab.sink()
    zone = {("broken.example", "MX"): SERVER_FAILURE, ("broken.example", "A"): SERVER_FAILURE, ("b.example", "A"): ["127.0.0.1"]}
    hub, _ = by_dns(lab, zone, sink.port)
    mail = send(hub, "a@b.example", "c@broken.example")
    assert "dsn=4.4.3" in hub.wait_log(f"{mail}: to=<c@broken.example>.*status=deferred")
    mail = send(hub, "a@b.example", "c@nowhere.example")
    assert "dsn=5.4.4" in hub.wait_log(f"{mail}: to=<c@nowhere.example>.*status=bounced")
    assert notice(sink.wait(1)[0])


def test_fallback_relay_knows_a_domain_that_the_dns_does_not(lab):
    sink = lab.sink()
    hub, _ = by_dns(lab, {}, sink.port, f"smtp_fallback_relay = {sink.next_hop}\n")
    send(hub, "a@b.example", "c@nowhere.example")
    assert sink.wait(1)[0].recipients() == ["c@nowhere.example"]


def test_a_fallback_relay_that_does_not_exist_returns_no_mail(lab):
    hub, _ = by_dns(lab, {}, 1, "smtp_fallback_relay = typo.example\n")
    mail = send(hub, "a@b.example", "c@nowhere.example")
    assert "dsn=4.3.5" in hub.wait_log(f"{mail}: to=<c@nowhere.example>.*status=deferred")


def test_client_name_counts_only_when_it_leads_back_to_the_address(lab):
    zone = {("3.0.0.127.in-addr.arpa", "PTR"): ["good.example"], ("good.example", "A"): ["127.0.0.3"],
            ("4.0.0.127.in-addr.arpa", "PTR"): ["forged.example"], ("forged.example", "A"): ["192.0.2.1"]}
    sink = lab.sink()
    hub, _ = by_dns(lab, zone, sink.port, f"relayhost = {sink.next_hop}\nsmtpd_peername_lookup = yes\n")
    for count, (source, name) in enumerate((("127.0.0.3", b"good.example"), ("127.0.0.4", b"unknown"), ("127.0.0.5", b"unknown")), 1):
        send(hub, "a@b.example", "c@dest.example", source=source)
        assert b"(" + name + b" [" + source.encode() + b"])" in sink.wait(count)[-1].header(), sink.messages[-1].header()


def test_sender_domain_that_is_unknown_or_in_doubt(lab):
    zone = {("known.example", "MX"): ["5 mx.known.example"], ("mx.known.example", "A"): ["192.0.2.1"], ("doubt.example", "MX"): SERVER_FAILURE,
            ("doubt.example", "A"): SERVER_FAILURE}
    hub, _ = by_dns(lab, zone, 1, "smtpd_sender_restrictions = reject_unknown_sender_domain\nunknown_address_reject_code = 550\ndefer_transports = smtp\n")
    for sender, want in (("a@known.example", "250"), ("a@nowhere.example", "550 5.1.8"), ("a@doubt.example", "450 4.1.8")):
        with Client(hub.port) as client:
            client.ehlo()
            client.command(f"MAIL FROM:<{sender}>", 250)
            reply = client.command("RCPT TO:<c@d.example>")
            assert reply.startswith(want), reply


def test_dns_blocklist_refuses_with_the_reason_that_it_gives(lab):
    zone = {("6.0.0.127.list.example", "A"): ["127.0.0.2"], ("6.0.0.127.list.example", "TXT"): ["listed for a test"]}
    hub, _ = by_dns(lab, zone, 1, "smtpd_client_restrictions = reject_rbl_client list.example\ndefer_transports = smtp\n")
    for source, want in (("127.0.0.6", "554 5.7.1"), ("127.0.0.7", "250")):
        with Client(hub.port, source=source) as client:
            client.ehlo()
            client.command("MAIL FROM:<a@b.example>", 250)
            reply = client.command("RCPT TO:<c@d.example>")
            assert reply.startswith(want), reply
            if source == "127.0.0.6":
                assert "blocked using list.example" in reply and "listed for a test" in reply, reply
