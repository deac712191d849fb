"""Which server of a next hop is tried, and when the next one is."""
from client import Client
from sink import DROP, address, server_tls
from test_queue_and_notices import SOON
from test_rewrite_and_route import send
from test_smtp import relay


def hops(*sinks) -> str:
    return "relayhost = " + ", ".join(sink.next_hop for sink in sinks) + "\n"


def test_a_recipient_refused_for_now_goes_to_the_next_server_and_the_others_only_once(lab):
    first = lab.sink([("RCPT TO:<later@", "450 4.2.0 Greylisted")])
    second = lab.sink()
    hub = lab.hub(hops(first, second))
    mail = send(hub, "a@b.example", ["later@d.example", "now@d.example"])
    assert second.wait(1)[0].recipients() == ["later@d.example"]
    assert [address(to) for to in first.wait(1)[0].accepted] == ["now@d.example"]
    hub.wait_queue(lambda rows: not rows)
    assert len(first.messages) == len(second.messages) == 1
    assert "later@d.example" in hub.why(mail)


def test_the_last_servers_answer_is_the_one_that_counts(lab):
    first = lab.sink([("MAIL FROM", "451 4.3.0 first says no")])
    second = lab.sink([("RCPT TO", "452 4.2.2 second says no")])
    hub = lab.hub(hops(first, second))
    mail = send(hub, "a@b.example", "c@d.example")
    line = hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred")
    assert "second says no" in line and f"relay={second.host}[{second.host}]:{second.port}" in line, line


def test_a_connection_lost_before_the_end_leads_to_the_next_server(lab):
    for stage in ("(greeting)", "EHLO", "MAIL FROM", "RCPT TO", "DATA"):
        first, second = lab.sink([(stage.replace("(", r"\(").replace(")", r"\)"), DROP)]), lab.sink()
        hub = lab.hub(hops(first, second))
        send(hub, "a@b.example", "c@d.example")
        assert second.wait(1)[0].recipients() == ["c@d.example"], stage
        hub.stop()


def test_a_connection_lost_after_the_end_waits_for_the_next_attempt(lab):
    """The first may have the message: giving it to the second at once would be a copy made on purpose."""
    first, second = lab.sink([(r"\.", DROP)]), lab.sink()
    hub = lab.hub(hops(first, second))
    mail = send(hub, "a@b.example", "c@d.example")
    line = hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred")
    assert "after the end of data" in line, line
    assert not second.messages


def test_a_permanent_refusal_is_not_taken_to_another_server(lab):
    first, second = lab.sink([("RCPT TO", "550 5.1.1 unknown")]), lab.sink()
    hub = lab.hub(hops(first, second))
    mail = send(hub, "", "c@d.example")
    hub.wait_log(f"{mail}: to=<c@d.example>.*status=bounced")
    assert not second.commands


def test_fallback_relay_takes_what_the_relay_does_not(lab):
    first, second = lab.sink([(r"\(greeting\)", "421 4.3.2 busy")]), lab.sink()
    hub = lab.hub(hops(first) + f"smtp_fallback_relay = {second.next_hop}\n")
    send(hub, "a@b.example", "c@d.example")
    assert second.wait(1)


def test_a_wrong_password_at_the_relay_bounces_nothing(lab):
    sink = lab.sink(auth=("us", "right"))
    hub = lab.hub(relay(sink) + SOON + "smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options =\nsmtp_sasl_password_maps = texthash:@T@/passwords\n",
                  tables={"passwords": f"{sink.next_hop} us:wrong\n"})
    mail = send(hub, "a@b.example", "c@d.example")
    line = hub.wait_log(f"{mail}: to=<c@d.example>.*status=")
    assert "status=deferred" in line and "dsn=4.7.8" in line and "SASL authentication failed; server" in line, line
    hub.write_table("passwords", f"{sink.next_hop} us:right\n")
    assert sink.wait(1)[0].auth == ("us", "right")


def test_a_wrong_password_bounces_without_smtp_sasl_auth_soft_bounce(lab):
    sink = lab.sink(auth=("us", "right"))
    hub = lab.hub(relay(sink) + "smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options =\nsmtp_sasl_password_maps = static:us:wrong\n"
                  "smtp_sasl_auth_soft_bounce = no\n")
    mail = send(hub, "", "c@d.example")
    assert "dsn=5.7.8" in hub.wait_log(f"{mail}: to=<c@d.example>.*status=bounced")


def test_a_server_of_our_own_name_on_another_port_is_another_program(lab):
    sink = lab.sink([(r"\(greeting\)", "220 mail.hub.test ESMTP")])
    hub = lab.hub(relay(sink))
    send(hub, "a@b.example", "c@d.example")
    assert sink.wait(1)


def test_broken_starttls_is_done_without_only_where_tls_is_opportunistic_and_the_mail_has_waited(lab):
    broken = lab.sink([("STARTTLS", ["220 2.0.0 go", "220 2.0.0 go", "220 2.0.0 go"])], keywords=("STARTTLS", "8BITMIME"))
    broken.tls = _NoTls()
    hub = lab.hub(relay(broken) + SOON + "smtp_tls_security_level = may\n")
    mail = send(hub, "a@b.example", "c@d.example")
    assert "Cannot start TLS" in hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred")
    assert broken.wait(1)[0].tls is None


class _NoTls:
    """What says that it speaks TLS, and does not."""

    def wrap_socket(self, raw, server_side):
        raw.recv(4096)
        raw.sendall(b"this is no handshake\r\n")
        raise OSError("no TLS here")


def test_keywords_of_one_server_are_discarded(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtp_discard_ehlo_keyword_address_maps = inline:{{127.0.0.1 = pipelining, size}}\n")
    send(hub, "a@b.example", "c@d.example")
    assert "SIZE=" not in sink.wait(1)[0].mail_from


def test_without_the_connection_cache_each_mail_has_its_connection(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtp_connection_cache_on_demand = no\nsmtp_destination_concurrency_limit = 1\n")
    for _ in range(3):
        send(hub, "a@b.example", "c@d.example")
    sink.wait(3)
    assert sink.sessions == 3, sink.sessions


def test_connection_is_used_again(lab):
    sink = lab.sink(tls=server_tls(*lab.certificates["mail.hub.test"]))
    hub = lab.hub(relay(sink) + "smtp_tls_security_level = may\nsmtp_destination_concurrency_limit = 1\n")
    for count in range(1, 4):
        send(hub, "a@b.example", "c@d.example")
        sink.wait(count)
    assert sink.sessions == 1 and sink.messages[2].tls, sink.sessions


def test_deferred_transport_is_not_used_until_it_is_allowed_again(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + SOON + "defer_transports = smtp\n")
    mail = send(hub, "a@b.example", "c@d.example")
    line = hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred")
    assert "dsn=4.3.2" in line and "deferred transport" in line and not sink.commands, line
    hub.configure(relay(sink) + SOON)
    hub.reload()
    assert sink.wait(1)


def test_mail_goes_through_the_content_filter_and_comes_back_by_another_port(lab):
    last = lab.sink()
    behind = lab.sink()  # stands for the filter
    hub = lab.hub(relay(last) + "virtual_alias_domains = alias.example\nvirtual_alias_maps = inline:{{x@alias.example=y@real.example}}\n",
                  services={"smtp": f"-o content_filter=smtp:{behind.next_hop}",
                            "back": "-o content_filter= -o receive_override_options=no_address_mappings,no_unknown_recipient_checks"})
    send(hub, "a@b.example", "x@alias.example")
    assert behind.wait(1)[0].recipients() == ["y@real.example"]
    assert not last.commands
    with Client(hub.ports["back"]) as client:
        client.ehlo()
        client.mail("a@b.example", ["z@real.example"])
    assert last.wait(1)[0].recipients() == ["z@real.example"]
