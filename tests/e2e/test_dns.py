"""Which servers a domain's mail goes to, by what the DNS says of it. All of a domain's servers listen on one port, each on
its own address of 127.0.0.0/8, as the servers of a domain do."""
import socket

from client import Client
from dns import Dns
from test_queue_and_notices import SOON, notice
from test_rewrite_and_route import send

DOMAIN = "example.org"
MARKS = ("127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25", "127.0.0.26")


def sinks(lab, *scripts):
    """A sink a script, on the addresses of MARKS in turn, all on one port."""
    for _ in range(50):
        made = [lab.sink(scripts[0], host=MARKS[0])]
        try:
            made += [lab.sink(s, host=h, port=made[0].port) for s, h in zip(scripts[1:], MARKS[1:])]
        except OSError:  # another program has that port on one of the addresses
            continue
        return made
    raise AssertionError("no port is free on all addresses")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind((MARKS[0], 0))
        return probe.getsockname()[1]


def dns(lab, zone):
    made = Dns(zone)
    lab.at_end.append(made.stop)
    return made


def hub(lab, server, next_hop, more=""):
    """The mail of DOMAIN goes to `next_hop`; what comes back goes to the sink `back`."""
    back = lab.sink()
    made = lab.hub(server.settings + SOON + "transport_maps = inline:{{" + DOMAIN + " = smtp:" + next_hop + "}, {b.example = smtp:"
                   + back.next_hop + "}}\n" + more)
    made.back = back
    return made


def exchangers(*preferences, domain=DOMAIN) -> dict:
    """A zone with an MX record a preference: mx1 on the first of MARKS, and so on."""
    zone = {domain: {"MX": [(p, f"mx{n}.example.org") for n, p in enumerate(preferences, 1)]}}
    zone.update({f"mx{n}.example.org": {"A": [MARKS[n - 1]]} for n, _ in enumerate(preferences, 1)})
    return zone


def bounced(made, mail, status) -> str:
    line = made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=bounced")
    assert f"dsn={status}" in line, line
    groups = notice(made.back.wait(1)[0])[2]
    assert groups[1]["Status"] == status and groups[1]["Action"] == "failed", groups
    return line


def deferred(made, mail, status) -> str:
    line = made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=deferred")
    assert f"dsn={status}" in line, line
    return line


def test_the_server_of_the_lowest_preference_gets_the_mail(lab):
    first, second, third = sinks(lab, [], [], [])
    made = hub(lab, dns(lab, exchangers(30, 10, 20)), f"{DOMAIN}:{first.port}")
    mail = send(made, "a@b.example", f"c@{DOMAIN}")
    assert second.wait(1)[0].recipients() == [f"c@{DOMAIN}"]
    assert f"relay=mx2.example.org[{MARKS[1]}]:{first.port}" in made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=sent")
    assert not first.commands and not third.commands


def test_the_mail_of_a_domain_goes_to_its_exchangers_without_a_next_hop_set(lab):
    first, second = sinks(lab, [], [])
    server = dns(lab, exchangers(20, 10, domain="d.example"))
    made = lab.hub(server.settings + f"smtp_tcp_port = {first.port}\n")
    send(made, "a@b.example", "c@d.example")
    assert second.wait(1)[0].recipients() == ["c@d.example"]
    assert not first.commands


def test_a_server_that_can_not_be_reached_or_says_not_now_leads_to_the_next(lab):
    first, second, third = sinks(lab, [], [("RCPT TO", "450 4.2.0 Greylisted")], [])
    first.stop()
    made = hub(lab, dns(lab, exchangers(10, 20, 30)), f"{DOMAIN}:{second.port}")
    mail = send(made, "a@b.example", f"c@{DOMAIN}")
    assert third.wait(1)[0].recipients() == [f"c@{DOMAIN}"]
    assert second.wait_command("RCPT TO") and not second.messages
    assert "relay=mx3.example.org" in made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=")


def test_all_servers_of_equal_preference_get_mail(lab):
    first, second = sinks(lab, [], [])
    made = hub(lab, dns(lab, exchangers(10, 10)), f"{DOMAIN}:{first.port}", "smtp_connection_cache_on_demand = no\n")
    for count in range(1, 200):
        send(made, "a@b.example", f"c@{DOMAIN}")
        if first.messages and second.messages:
            return
    raise AssertionError(f"of {count} mails one server got all: {len(first.messages)} and {len(second.messages)}")


def test_a_domain_without_mx_is_a_host(lab):
    (sink,) = sinks(lab, [])
    server = dns(lab, {DOMAIN: {"A": [MARKS[0]]}})
    made = hub(lab, server, f"{DOMAIN}:{sink.port}")
    mail = send(made, "a@b.example", f"c@{DOMAIN}")
    assert sink.wait(1)
    assert f"relay={DOMAIN}[{MARKS[0]}]:{sink.port}" in made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=sent")
    assert server.asked()[:2] == [f"MX {DOMAIN}", f"A {DOMAIN}"], server.asked()


def test_an_alias_is_followed_for_the_domain_and_for_the_exchanger(lab):
    (sink,) = sinks(lab, [])
    zone = {DOMAIN: {"CNAME": "real.example"}, "real.example": {"MX": [(10, "alias.example")]},
            "alias.example": {"CNAME": "host.example"}, "host.example": {"A": [MARKS[0]]}}
    made = hub(lab, dns(lab, zone), f"{DOMAIN}:{sink.port}")
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert sink.wait(1)[0].recipients() == [f"c@{DOMAIN}"]


def test_an_exchanger_without_an_address_is_left_out(lab):
    first, second = sinks(lab, [], [])
    zone = exchangers(10, 20)
    del zone["mx1.example.org"]
    made = hub(lab, dns(lab, zone), f"{DOMAIN}:{first.port}")
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert second.wait(1) and not first.commands


def test_a_domain_that_takes_no_mail_is_told_so_at_once(lab):
    """Null MX, RFC 7505."""
    server = dns(lab, {DOMAIN: {"MX": [(0, ".")], "A": [MARKS[0]]}})
    made = hub(lab, server, f"{DOMAIN}:{closed_port()}")
    line = bounced(made, send(made, "a@b.example", f"c@{DOMAIN}"), "5.1.0")
    assert "nullMX" in line and f"A {DOMAIN}" not in server.asked(), line


def test_mail_to_a_domain_that_does_not_exist_comes_back(lab):
    made = hub(lab, dns(lab, {}), f"{DOMAIN}:{closed_port()}")
    line = bounced(made, send(made, "a@b.example", f"c@{DOMAIN}"), "5.4.4")
    assert f"Host or domain name not found. Name service error for name={DOMAIN} type=A: Host not found" in line, line


def test_a_failure_of_the_dns_server_delays_the_mail_until_it_is_over(lab):
    (sink,) = sinks(lab, [])
    server = dns(lab, {DOMAIN: "SERVFAIL"})
    made = hub(lab, server, f"{DOMAIN}:{sink.port}")
    mail = send(made, "a@b.example", f"c@{DOMAIN}")
    line = deferred(made, mail, "4.4.3")
    assert f"name={DOMAIN} type=MX: Host not found, try again" in line, line
    server.zone = exchangers(10)
    assert sink.wait(1, 40)[0].recipients() == [f"c@{DOMAIN}"]


def test_a_failed_address_lookup_of_the_only_exchanger_delays_the_mail(lab):
    zone = exchangers(10)
    zone["mx1.example.org"] = "SERVFAIL"
    made = hub(lab, dns(lab, zone), f"{DOMAIN}:{closed_port()}")
    line = deferred(made, send(made, "a@b.example", f"c@{DOMAIN}"), "4.4.3")
    assert "name=mx1.example.org type=A" in line, line


def test_failed_mx_lookups_are_ignored_where_it_is_set(lab):
    (sink,) = sinks(lab, [])
    made = hub(lab, dns(lab, {DOMAIN: {"MX": "SERVFAIL", "A": [MARKS[0]]}}), f"{DOMAIN}:{sink.port}", "ignore_mx_lookup_error = yes\n")
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert sink.wait(1)


def test_a_host_in_brackets_is_asked_for_its_address_alone(lab):
    first, second = sinks(lab, [], [])
    server = dns(lab, {"host.example": {"MX": [(10, "mx1.example.org")], "A": [MARKS[1]]}, "mx1.example.org": {"A": [MARKS[0]]}})
    made = hub(lab, server, f"[host.example]:{first.port}")
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert second.wait(1) and not first.commands
    assert "A host.example" in server.asked() and not [q for q in server.asked() if q.startswith("MX")], server.asked()


def test_the_session_limit_ends_the_round_after_so_many_servers_were_talked_to(lab):
    busy = [("RCPT TO", "450 4.2.0 not now")]
    for limit in (1, 2):
        gone, *talked, last = sinks(lab, [], *[busy] * limit, [])
        gone.stop()  # is tried, but not talked to: does not count
        made = hub(lab, dns(lab, exchangers(*range(10, 10 + limit + 2))), f"{DOMAIN}:{last.port}",
                   f"smtp_mx_session_limit = {limit}\nminimal_backoff_time = 1h\nmaximal_backoff_time = 1h\n")
        mail = send(made, "a@b.example", f"c@{DOMAIN}")
        line = made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=deferred")
        assert f"relay=mx{limit + 1}.example.org" in line, line
        assert all(s.sessions == 1 for s in talked) and not last.sessions, [s.sessions for s in [*talked, last]]
        made.stop()


def test_the_address_limit_ends_the_round_after_so_many_addresses(lab):
    gone, also_gone, last = sinks(lab, [], [], [])
    port = last.port
    gone.stop()
    also_gone.stop()
    forever = "minimal_backoff_time = 1h\nmaximal_backoff_time = 1h\n"
    made = hub(lab, dns(lab, exchangers(10, 20, 30)), f"{DOMAIN}:{port}", "smtp_mx_address_limit = 2\n" + forever)
    mail = send(made, "a@b.example", f"c@{DOMAIN}")
    line = made.wait_log(f"{mail}: to=<c@{DOMAIN}>.*status=deferred")
    assert "dsn=4.4.1" in line and MARKS[1] in line and not last.sessions, line
    made.stop()
    made = hub(lab, dns(lab, exchangers(10, 20, 30)), f"{DOMAIN}:{port}", "smtp_mx_address_limit = 3\n" + forever)
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert last.wait(1)


def test_a_server_that_is_none_is_told_at_the_start(lab):
    made = lab.hub("hikyaku_dns_server = dns.example\n", start=False)
    try:
        made.start()
    except AssertionError as told:
        made.process = None
        assert "hikyaku_dns_server dns.example" in str(told), told
    else:
        raise AssertionError("the hub came up")


def test_the_fallback_relay_knows_a_domain_that_the_dns_does_not(lab):
    sink = lab.sink()
    made = hub(lab, dns(lab, {}), f"{DOMAIN}:1", f"smtp_fallback_relay = {sink.next_hop}\n")
    send(made, "a@b.example", f"c@{DOMAIN}")
    assert sink.wait(1)[0].recipients() == [f"c@{DOMAIN}"]


def test_a_fallback_relay_that_does_not_exist_returns_no_mail(lab):
    made = hub(lab, dns(lab, {}), f"{DOMAIN}:1", "smtp_fallback_relay = typo.example\n")
    deferred(made, send(made, "a@b.example", f"c@{DOMAIN}"), "4.3.5")


def test_a_clients_name_counts_only_when_it_leads_back_to_its_address(lab):
    zone = {"3.0.0.127.in-addr.arpa": {"PTR": ["good.example"]}, "good.example": {"A": ["127.0.0.3"]},
            "4.0.0.127.in-addr.arpa": {"PTR": ["forged.example"]}, "forged.example": {"A": ["192.0.2.1"]}}
    sink = lab.sink()
    made = lab.hub(dns(lab, zone).settings + f"relayhost = {sink.next_hop}\nsmtpd_peername_lookup = yes\n")
    for count, (source, name) in enumerate((("127.0.0.3", b"good.example"), ("127.0.0.4", b"unknown"), ("127.0.0.5", b"unknown")), 1):
        send(made, "a@b.example", "c@dest.example", source=source)
        assert b"(" + name + b" [" + source.encode() + b"])" in sink.wait(count)[-1].header(), sink.messages[-1].header()


def test_a_senders_domain_that_is_unknown_or_in_doubt(lab):
    zone = {"known.example": {"MX": [(5, "mx.known.example")]}, "mx.known.example": {"A": ["192.0.2.1"]}, "doubt.example": "SERVFAIL"}
    made = lab.hub(dns(lab, zone).settings + "smtpd_sender_restrictions = reject_unknown_sender_domain\nunknown_address_reject_code = 550\ndefer_transports = smtp\n")
    for sender, want in (("a@known.example", "250"), ("a@nowhere.example", "550 5.1.8"), ("a@doubt.example", "450 4.1.8")):
        with Client(made.port) as client:
            client.ehlo()
            client.command(f"MAIL FROM:<{sender}>", 250)
            reply = client.command("RCPT TO:<c@d.example>")
            assert reply.startswith(want), reply


def test_a_dns_blocklist_refuses_with_the_reason_that_it_gives(lab):
    zone = {"6.0.0.127.list.example": {"A": ["127.0.0.2"], "TXT": ["listed for a test"]}}
    made = lab.hub(dns(lab, zone).settings + "smtpd_client_restrictions = reject_rbl_client list.example\ndefer_transports = smtp\n")
    for source, want in (("127.0.0.6", "554 5.7.1"), ("127.0.0.7", "250")):
        with Client(made.port, source=source) as client:
            client.ehlo()
            client.command("MAIL FROM:<a@b.example>", 250)
            reply = client.command("RCPT TO:<c@d.example>")
            assert reply.startswith(want), reply
            if source == "127.0.0.6":
                assert "blocked using list.example" in reply and "listed for a test" in reply, reply
