"""The SMTP server asks its milters: verdicts, changes, and what becomes of mail when a filter fails."""
import re
import struct

from client import Client, sample
from scripted_filter import ScriptedFilter, negotiation
from test_explain import explain
from test_smtp import relay
from marks import Skip, long

NO_REPLIES = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x80 | 0x40000 | 0x80000
REJECTED_RECIPIENTS = 0x800


def filters(lab, *scripts):
    made = []
    for script in scripts:
        one = ScriptedFilter()
        one.begin(script)
        lab.at_end.append(one.stop)
        made.append(one)
    return made


def setting(*made) -> str:
    return "smtpd_milters = " + ", ".join(one.address for one in made) + "\n"


def entries(hub, queue_id) -> list:
    return hub.why_rows(queue_id)[0]["entries"]


def kinds(packets) -> str:
    return "".join(one[0] for one in packets if len(one[0]) == 1)


def macros(packets, command) -> dict:
    """Those that were told for a command, the last of each name."""
    found = {}
    for kind, *data in packets:
        if kind == "D" and data[0][:1] == command:
            words = data[0][1:].split("\0")
            found.update(zip(words[::2], words[1::2]))
    return found


def test_a_filter_sees_the_connection_and_the_message_and_its_changes_are_made(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[["h", "X-Added\0last\0"], ["i", struct.pack(">I", 1).decode("latin-1") + "X-First\0below our Received\0"],
                                  ["m", "\0\0\0\1Subject\0changed\0"], ["+", "<added@dest.example>\0"], ["-", "<gone@dest.example>\0"],
                                  ["e", "<other@a.example>\0"], ["b", "new\nbody\n"], ["c", ""]]]})
    hub = lab.hub(relay(sink) + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        message = sample("a@a.example", "b@dest.example")
        queue_id = client.mail("a@a.example", ["b@dest.example", "gone@dest.example"], message, parameters="SIZE=10 BODY=8BITMIME")
        client.quit()
    mail, = sink.wait(1)
    assert mail.sender() == "other@a.example"
    assert sorted(mail.recipients()) == ["added@dest.example", "b@dest.example"], mail.recipients()
    assert mail.body() == b"new\r\nbody\r\n", mail.body()
    names = [line.split(b":")[0] for line in mail.header().split(b"\r\n") if line[:1] not in b" \t"]
    assert names[:2] == [b"Received", b"X-First"] and names[-1] == b"X-Added", names
    assert b"Subject: changed" in mail.header() and b"Subject: hello" not in mail.header()
    packets, = one.wait_closed()
    assert re.fullmatch("ODCDHDMDRDRDTD?L+D?NDBDEQ", kinds(packets)), kinds(packets)
    assert ["M", "<a@a.example>\0SIZE=10\0BODY=8BITMIME\0"] in packets, packets
    assert ["L", "Subject\0hello\0"] in packets
    assert not any(kind == "L" and data[0].startswith("Received") for kind, *data in packets), "our own Received"
    assert macros(packets, "C")["j"] == "mail.hub.test" and macros(packets, "C")["{daemon_addr}"] == "127.0.0.1"
    assert macros(packets, "M")["{mail_addr}"] == "a@a.example" and "i" not in macros(packets, "M")
    assert macros(packets, "R")["{rcpt_addr}"] == "gone@dest.example" and macros(packets, "R")["i"] == queue_id
    row, = [row for row in entries(hub, queue_id) if row["step"] == "milter.message"]
    assert "X-Added added" in row["outcome"] and "new body of 11 octets" in row["outcome"], row
    assert f"main.cf:{hub.line_of('smtpd_milters')}" in hub.why(queue_id)


def test_each_filter_sees_what_those_before_it_changed(lab):
    sink = lab.sink()
    first, second = filters(lab, {"eom": [[["h", "X-One\0by the first\0"], ["b", "shorter\r\n"], ["c", ""]]]}, {})
    hub = lab.hub(relay(sink) + setting(first, second))
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@a.example", "b@dest.example")
        client.quit()
    packets, = second.wait_closed()
    assert ["L", "X-One\0by the first\0"] in packets and ["B", "shorter\r\n"] in packets, packets
    assert sink.wait(1)[0].body() == b"shorter\r\n"


VERDICTS = {
    "reject": ([["r", ""]], "550 5.7.1 Command rejected"),
    "tempfail": ([["t", ""]], "451 4.7.1 Service unavailable - try again later"),
    "its own reply": ([["y", "554-5.7.9 two\r\n554 5.7.9 lines, 100%% sure\0"]], "554-5.7.9 two\n554 5.7.9 lines, 100% sure"),
    "shutdown": ([["4", ""]], "421 4.7.0 Server closing connection"),
}


def test_refusals_at_each_command_are_the_filters_and_logged_as_postfix_does(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    hub = lab.hub(relay(sink) + setting(one))
    for where, event in (("MAIL", "mail"), ("RCPT", "rcpt"), ("DATA", "data"), ("END-OF-MESSAGE", "eom")):
        for name, (packets, reply) in VERDICTS.items():
            one.begin({event: [packets, [["c", ""]]]})
            mark = hub.mark()
            with Client(hub.port) as client:
                client.ehlo()
                said = [client.command("MAIL FROM:<a@a.example>"), "", "", ""]
                if said[0].startswith("250"):
                    said[1] = client.command("RCPT TO:<b@dest.example>")
                if said[1].startswith("250"):
                    said[2] = client.command("DATA")
                if said[2].startswith("354"):
                    client.send(sample() + b".\r\n")
                    said[3] = client.reply()
                assert said[("mail", "rcpt", "data", "eom").index(event)] == reply, (where, name, said)
                if name == "shutdown":
                    assert client.closed()
                else:
                    client.command("RSET", 250)
                    assert client.mail("a@a.example", "b@dest.example"), (where, name)
            first = reply.split("\n")[0]
            first = first if first[3] == " " else f"{first[:3]} {first[4:]} lines, 100% sure"
            first = first[4:] if where == "END-OF-MESSAGE" else first
            line = hub.wait_log(f"milter-reject: {where} from unknown\\[127.0.0.1\\]: {re.escape(first)}; from=<a@a.example>", since=mark)
            assert "proto=ESMTP helo=<client.test>" in line, line
    assert len(sink.wait(12)) == 12


def test_a_refused_recipient_is_refused_alone(lab):
    sink = lab.sink()
    one, = filters(lab, {"negotiate": {"steps": REJECTED_RECIPIENTS}, "rcpt": [[["c", ""]], [["r", ""]], [["c", ""]]]})
    hub = lab.hub(relay(sink) + setting(one)
                  + "smtpd_recipient_restrictions = check_recipient_access inline:{{no@dest.example = 550 5.1.1 nobody}}\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@a.example>", 250)
        client.command("RCPT TO:<b@dest.example>", 250)
        assert client.command("RCPT TO:<bad@dest.example>") == "550 5.7.1 Command rejected"
        assert client.command("RCPT TO:<no@dest.example>").startswith("550 5.1.1")
        client.command("RCPT TO:<c@dest.example>", 250)
        client.data(sample())
        client.quit()
    assert sorted(sink.wait(1)[0].recipients()) == ["b@dest.example", "c@dest.example"]
    packets, = one.wait_closed()
    refused = packets[packets.index(["R", "<no@dest.example>\0"]) - 1]
    assert "{rcpt_mailer}\0error\0" in refused[1] and "{rcpt_host}\0005.1.1\0" in refused[1], refused


def test_a_refusal_of_the_connection_lets_the_client_say_only_quit(lab):
    one, = filters(lab, {"connect": [[["r", ""]]]})
    hub = lab.hub(setting(one))
    with Client(hub.port) as client:
        assert client.greeting == "554 mail.hub.test ESMTP not accepting connections", client.greeting
        client.command("EHLO client.test", 503)
        client.quit()
    hub.wait_log(r"NOQUEUE: milter-reject: CONNECT from unknown\[127.0.0.1\]: 550 5.7.1 Command rejected; proto=SMTP")


def test_discard_takes_the_message_and_drops_it(lab):
    sink = lab.sink()
    one, = filters(lab, {"mail": [[["d", ""]], [["c", ""]]], "eom": [[["d", ""]]]})
    hub = lab.hub(relay(sink) + setting(one))
    for where in ("MAIL", "END-OF-MESSAGE"):
        with Client(hub.port) as client:
            client.ehlo()
            assert client.mail("a@a.example", "b@dest.example")
            client.quit()
        hub.wait_log(f"milter-discard: {where} from unknown\\[127.0.0.1\\]: milter triggers DISCARD action; from=<a@a.example>")
    assert hub.queue() == []


def test_why_tells_what_filters_made_of_messages_that_were_not_queued(lab):
    sink = lab.sink()
    first, second = filters(lab, {}, {})
    hub = lab.hub(relay(sink) + setting(first, second) + "header_checks = regexp:{{/^Subject: cheap/ REJECT}}\n")

    def told(script, message=None):
        """What each filter came to, by the ledger of the message."""
        first.begin(script), second.begin({})
        mark = hub.mark()
        with Client(hub.port) as client:
            client.ehlo()
            client.envelope("a@a.example", "b@dest.example")
            client.command("DATA", 354)
            client.send((message or sample()) + b".\r\n")
            reply = client.reply()
            client.quit()
        queue_id = re.search(r"queued as (\w+)|$", reply)[1] or re.search(r"(\w+): (?:milter-)?reject: END", hub.wait_log("reject: END-OF-MESSAGE", since=mark))[1]
        return {row["rule"]: row["outcome"] for row in entries(hub, queue_id)}

    assert "5.7.9 no" in told({"eom": [[["y", "550 5.7.9 no\0"]]]})[first.address]
    assert "discard" in told({"eom": [[["d", ""]]]})[first.address]
    assert "discard" in told({"mail": [[["d", ""]]]})[first.address]
    alone = told({"eom": [[["-", "<b@dest.example>\0"], ["c", ""]]]})
    assert "b@dest.example" in alone[first.address], alone
    assert any("REJECT" in rule or "reject" in outcome for rule, outcome in told({}, b"Subject: cheap\r\n\r\nx\r\n").items())
    held = told({"eom": [[["q", "odd one\0"], ["c", ""]]]})
    assert "quarantine: odd one" in held[first.address] and "quarantine" not in held[second.address], held
    assert not sink.messages


def test_quarantine_holds_the_message_with_the_reason(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[["q", "looks odd\0"], ["h", "X-Held\0yes\0"], ["c", ""]]]})
    hub = lab.hub(relay(sink) + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        queue_id = client.mail("a@a.example", "b@dest.example")
        client.quit()
    row, = hub.queue()
    assert row["queue_name"] == "hold" and "looks odd" in str(row), row
    hub.wait_log(f"{queue_id}: milter-hold: END-OF-MESSAGE from unknown\\[127.0.0.1\\]: milter triggers HOLD action")
    hub.run("queue", "release", queue_id)
    assert b"X-Held: yes" in sink.wait(1)[0].header()


FAULTS = {"closes": ["close"], "closes in mid-packet": ["half"], "garbage": ["raw", "HTTP/1.1 400 no\r\n\r\n"], "unknown answer": ["Z", ""],
          "an edit out of turn": ["h", "X\0y\0"]}
ACTIONS = {"accept": "250 2.0.0", "reject": "550 5.5.0 Service unavailable", "tempfail": "451 4.7.1 Service unavailable - try again later",
           "quarantine": "250 2.0.0", "shutdown": "421 4.7.0 Server closing connection"}


def test_what_a_filter_s_failure_comes_to_is_the_default_action(lab):
    sink = lab.sink()
    one, other = filters(lab, {}, {})
    services = {a: f"-o {{ smtpd_milters = {{ {one.address}, default_action={a} }}, {other.address} }}" for a in ACTIONS}
    hub = lab.hub(relay(sink), services=services)
    taken = 0
    for name, packet in FAULTS.items():
        for action, reply in ACTIONS.items():
            one.begin({"body" if name == "an edit out of turn" else "eom": [[packet]]})
            other.begin({})
            mark = hub.mark()
            with Client(hub.ports[action]) as client:
                client.ehlo()
                client.envelope("a@a.example", "b@dest.example")
                client.command("DATA", 354)
                client.send(sample() + b".\r\n")
                said = client.reply()
                assert said.startswith(reply), (name, action, said)
            hub.wait_log(f"warning: milter {one.address}: ", since=mark)
            other_packets, = other.wait_closed()
            # The other filter goes on as if nothing had been.
            assert ("E" in kinds(other_packets)) == (action in ("accept", "quarantine")), (name, action, other_packets)
            taken += action == "accept"
    assert len(sink.wait(taken)) == taken
    held = [row for row in hub.queue() if row["queue_name"] == "hold"]
    assert len(held) == len(FAULTS) and all(one.address in str(row) for row in held), held


def test_a_filter_that_is_not_there_or_silent_costs_its_timeouts_and_no_more(lab):
    sink = lab.sink()
    silent, = filters(lab, {"mail": [[]]})
    missing = lab.folder / "missing"
    hub = lab.hub(relay(sink), services={
        "silent": f"-o {{ smtpd_milters = {{ {silent.address}, command_timeout=1s }} }}",
        "missing": f"-o {{ smtpd_milters = {{ unix:{missing}, default_action=accept }} }}",
        "missing_default": f"-o smtpd_milters=unix:{missing}"})
    with Client(hub.ports["silent"]) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@a.example>", "451 4.7.1 Service unavailable - try again later")
        client.quit()
    hub.wait_log(f"warning: milter {silent.address}: no answer to mail within milter_command_timeout")
    with Client(hub.ports["missing"]) as client:
        client.ehlo()
        queue_id = client.mail("a@a.example", "b@dest.example")
        client.quit()
    hub.wait_log(f"warning: connect to Milter service unix:{missing}: No such file or directory")
    assert any(row["step"] == "milter.message" and "No such file" in str(row) for row in entries(hub, queue_id))
    with Client(hub.ports["missing_default"]) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@a.example>", "451 4.7.1 Service unavailable - try again later")


def test_progress_renews_the_time(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[["p", ""], ["wait", 1.2], ["p", ""], ["wait", 1.2], ["p", ""], ["wait", 1.2], ["c", ""]]]})
    hub = lab.hub(relay(sink) + setting(one) + "milter_content_timeout = 3s\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@a.example", "b@dest.example")
        client.quit()
    sink.wait(1)


@long  # the sanitizer keeps what was freed, so that memory grows
def test_a_large_message_goes_through_in_pieces_and_its_new_body_to_the_disk(lab):
    sink = lab.sink()
    body = b"".join(b"%08d %s\r\n" % (n, b"x" * 60) for n in range(200000))  # 14 MB
    chunk = ("y" * 62 + "\r\n") * 1023
    one, two = filters(lab, {"negotiate": {"steps": NO_REPLIES}, "eom": [[["h", "X-Large\0yes\0"], ["c", ""]], [["b", chunk]] * 100 + [["c", ""]]]},
                       {"negotiate": {"steps": NO_REPLIES}})
    hub = lab.hub(relay(sink) + setting(one, two) + "message_size_limit = 30000000\n")
    message = sample(body="") + body
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@a.example", "b@dest.example", message)
        before = hub.memory()
        second = client.mail("a@a.example", "b@dest.example", message)
        client.quit()
    assert hub.memory() - before < 16 << 20, (before, hub.memory())
    received = sink.wait(2)
    kept, replaced = sorted(received, key=lambda mail: len(mail.data), reverse=True)
    assert kept.body() == body and b"X-Large: yes" in kept.header()
    assert replaced.body() == chunk.encode() * 100 and b"X-Large" not in replaced.header()
    packets, = two.wait_closed()
    chunks = [data[0] for kind, *data in packets if kind == "B"]
    assert max(map(len, chunks)) == 65535 and "".join(chunks) == body.decode() + chunk * 100
    assert any("new body" in row["outcome"] for row in entries(hub, second) if row["step"] == "milter.message")
    hub.wait_queue(lambda rows: rows == [])
    left = [path.name for path in (hub.home / "queue").rglob("*.body*")]
    assert left == [], left


def test_tables_choose_the_filters_by_client(lab):
    sink = lab.sink()
    one, two = filters(lab, {}, {})
    hub = lab.hub(relay(sink) + setting(one) + "mynetworks = 127.0.0.0/8\n"
                  f"smtpd_milter_maps = cidr:{{{{127.0.0.2/32 DISABLE}}, {{127.0.0.3/32 {two.address}}}, {{127.0.0.4/32 disable}}}}\n")
    for source, seen in (("127.0.0.1", (1, 0)), ("127.0.0.2", (1, 0)), ("127.0.0.3", (1, 1)), ("127.0.0.4", (1, 1))):
        with Client(hub.port, source=source) as client:
            client.ehlo()
            client.mail("a@a.example", "b@dest.example")
            client.quit()
        assert (len(one.wait_closed()), len(two.wait_closed())) == seen, source


def test_no_filter_sees_mail_where_the_service_says_so(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    hub = lab.hub(relay(sink) + setting(one), services={"back": "-o receive_override_options=no_milters", "other": "-o smtpd_milters="})
    for port in hub.ports.values():
        with Client(port) as client:
            client.ehlo()
            client.mail("a@a.example", "b@dest.example")
            client.quit()
    sink.wait(2)
    assert one.wait_closed() == []


def test_header_checks_act_on_what_a_filter_adds(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[["h", "X-Spam-Flag\0YES\0"], ["h", "X-Note\0secret\0"], ["h", "X-Drop\0me\0"], ["c", ""]]]})
    hub = lab.hub(relay(sink) + setting(one) + "milter_header_checks = pcre:@T@/checks\n",
                  tables={"checks": "/^X-Spam-Flag: YES/ HOLD spam\n/^X-Note:/ REPLACE X-Note: hidden\n/^X-Drop:/ IGNORE\n"})
    with Client(hub.port) as client:
        client.ehlo()
        queue_id = client.mail("a@a.example", "b@dest.example")
        client.quit()
    assert hub.queue()[0]["queue_name"] == "hold"
    assert any(row["step"] == "milter.header_checks" for row in entries(hub, queue_id))
    hub.run("queue", "release", queue_id)
    header = sink.wait(1)[0].header()
    assert b"X-Note: hidden" in header and b"X-Drop" not in header and b"X-Spam-Flag: YES" in header, header


def test_after_starttls_the_filter_is_told_of_it_at_the_next_ehlo(lab):
    one, = filters(lab, {})
    hub = lab.hub(lab.tls_settings() + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.quit()
    packets, = one.wait_closed()
    assert kinds(packets) == "ODCDHDHQ", packets
    plain, secured = (data for kind, data in packets[:-1] if kind == "D" and data[0] == "H")
    assert plain == "H" and macros(packets, "H")["{tls_version}"].startswith("TLSv1"), (plain, secured)
    assert int(macros(packets, "H")["{cipher_bits}"]) >= 128, secured


def test_unknown_commands_and_given_up_messages_are_told(lab):
    one, = filters(lab, {"unknown": [[["y", "500 5.5.9 no such thing\0"]], [["c", ""]]]})
    hub = lab.hub(setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        assert client.command("BOGUS with words") == "500 5.5.9 no such thing"
        assert client.command("BOGUS again") == "502 5.5.2 Error: command not recognized"
        client.command("MAIL FROM:<a@a.example>", 250)
        client.command("RSET", 250)
        client.quit()
    packets, = one.wait_closed()
    assert ["U", "BOGUS\0"] in packets and kinds(packets).endswith("MAQ"), packets


def test_a_filter_of_an_old_version_gets_no_event_that_it_lacks(lab):
    sink = lab.sink()
    one, = filters(lab, {"negotiate": [["O", negotiation(version=2, actions=0x3F, steps=0)]]})
    one.script["negotiate"] = {"version": 2, "actions": 0x3F}
    hub = lab.hub(relay(sink) + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        client.command("BOGUS", 502)
        client.mail("a@a.example", "b@dest.example")
        client.quit()
    packets, = one.wait_closed()
    assert "T" not in kinds(packets) and "U" not in kinds(packets) and "E" in kinds(packets), kinds(packets)


def test_notices_of_the_hub_pass_the_filters_for_what_comes_not_by_smtp(lab):
    sink = lab.sink([("RCPT TO:<gone@", "550 5.1.1 no such user")])
    one, = filters(lab, {"eom": [[["h", "X-Notice\0seen\0"], ["c", ""]]]})
    hub = lab.hub(relay(sink) + f"non_smtpd_milters = {one.address}\ninternal_mail_filter_classes = bounce\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@a.example", "gone@dest.example")
        client.quit()
    notice, = [mail for mail in sink.wait(1) if mail.sender() == ""]
    assert b"X-Notice: seen" in notice.header(), notice.header()
    packets, = one.wait_closed()
    assert packets[2][1].startswith("localhost\0004") and ["M", "\0"] in packets and ["R", "a@a.example\0"] in packets, packets


def asked(hub, one, service=None) -> bool:
    """Whether the filter was asked about the mail that comes by a service."""
    one.begin({})
    with Client(hub.ports[service or next(iter(hub.ports))]) as client:
        client.ehlo()
        client.mail("a@a.example", "b@dest.example")
        client.quit()
    return any("E" in kinds(packets) for packets in one.wait_closed(count=1))


def test_filters_are_found_by_all_forms_of_an_address_that_postfix_takes(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    forms = {"port": f"inet:{one.port}", "colon": f"inet::{one.port}", "brackets": f"inet:[127.0.0.1]:{one.port}"}
    hub = lab.hub(relay(sink), services={name: f"-o smtpd_milters={form}" for name, form in forms.items()})
    for name in forms:
        assert asked(hub, one, name), name


def test_filters_are_found_by_all_forms_of_an_ipv6_address(lab):
    try:
        one = ScriptedFilter(host="::1")
    except OSError:
        raise Skip("there is no ::1 here") from None
    lab.at_end.append(one.stop)
    sink = lab.sink()
    forms = {"bare": f"inet:::1:{one.port}", "brackets": f"inet:[::1]:{one.port}", "marked": f"inet:[ipv6:::1]:{one.port}", "Marked": f"inet:[IPv6:::1]:{one.port}"}
    hub = lab.hub(relay(sink), services={name: f"-o smtpd_milters={form}" for name, form in forms.items()})
    for name in forms:
        assert asked(hub, one, name), name


def test_a_socket_of_a_chrooted_service_is_below_queue_directory_as_in_postfix(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtpd_milters = unix:/mil/sock\n", services={"smtp": "", "whole": "-o smtpd_milters=unix:@DIR@/queue/mil/sock", "below": "-o smtpd_milters=unix:mil/sock"}, start=False)
    master = hub.conf / "master.cf"
    master.write_text(master.read_text().replace(f"127.0.0.1:{hub.port} inet n - n -", f"127.0.0.1:{hub.port} inet n - y -"))
    path = hub.home / "queue" / "mil" / "sock"
    code, out, problems = hub.run("config", "check", want=None)
    assert code == 0 and f"connect to Milter service unix:{path}: No such file" in out + problems, out + problems
    path.parent.mkdir()
    one = ScriptedFilter(unix=path)
    lab.at_end.append(one.stop)
    assert "milter" not in hub.run("config", "check", want=None)[1]
    hub.start()
    for name in hub.ports:
        assert asked(hub, one, name), name
    rows = [row for row in explain(hub, "a@a.example", "b@dest.example", "--port", str(hub.port))["entries"] if row["step"] == "milter.message"]
    assert [row["rule"] for row in rows] == [f"unix:{path}"], rows


def test_explain_names_the_filters_and_config_check_those_that_are_not_there(lab):
    one, = filters(lab, {})
    missing = lab.folder / "missing"
    hub = lab.hub(f"smtpd_milters = {one.address}, unix:{missing}\n", start=False)
    told = explain(hub, "a@b.example", "c@d.example")
    rows = [row for row in told["entries"] if row["step"] == "milter.message"]
    assert [row["rule"] for row in rows] == [one.address, f"unix:{missing}"], rows
    code, out, problems = hub.run("config", "check", want=None)
    text = out + problems
    assert code == 0 and f"main.cf:{hub.line_of('smtpd_milters')}" in text and f"unix:{missing}" in text and "No such file" in text, text
    assert text.count("connect to Milter service") == 1 and "mail is put off (default action tempfail)" in text, text
    hub.configure("smtpd_milters = localhost:25\n")
    code, out, problems = hub.run("config", "check", want=None)
    assert code == 78 and "is no address of a milter" in out + problems, out + problems
