"""What the SMTP port says and refuses."""
import socket

from client import Client, sample
from hub import SUBMISSION


def relay(sink) -> str:
    return f"default_transport = smtp:{sink.next_hop}\nrelay_transport = smtp:{sink.next_hop}\n"


def test_ehlo_offers_what_the_hub_can_do(lab):
    hub = lab.hub(lab.tls_settings() + "message_size_limit = 10485760\n", services={"smtp": "", "submission": SUBMISSION})
    with Client(hub.port) as client:
        words = client.keywords()
    assert {"PIPELINING", "SIZE 10485760", "ETRN", "STARTTLS", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"} <= set(words), words
    assert not any(w.startswith("AUTH") for w in words), words
    with Client(hub.ports["submission"]) as client:
        before = client.keywords()
        client.starttls()
        after = client.keywords()
    assert "STARTTLS" in before and not any(w.startswith("AUTH") for w in before), before
    assert "STARTTLS" not in after, after
    offered = next(w for w in after if w.startswith("AUTH ")).split()[1:]
    assert {"PLAIN", "LOGIN"} <= set(offered), after
    assert not any(w.startswith("AUTH=") for w in after), after


def test_ehlo_offers_auth_with_an_equals_sign_to_broken_clients(lab):
    hub = lab.hub(lab.tls_settings() + "broken_sasl_auth_clients = yes\n", services={"submission": SUBMISSION})
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        words = client.keywords()
    equals = [w for w in words if w.startswith("AUTH=")]
    assert len(equals) == 1 and {"PLAIN", "LOGIN"} <= set(equals[0][5:].split()), words


def test_greeting_and_helo_name_the_host(lab):
    hub = lab.hub()
    with Client(hub.port) as client:
        assert client.greeting.startswith("220 mail.hub.test ESMTP"), client.greeting
        assert client.command("HELO client.test") == "250 mail.hub.test"
        client.quit()


def test_stranger_may_not_relay(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port, source="127.0.0.100") as client:
        client.ehlo()
        client.command("MAIL FROM:<a@elsewhere.example>", 250)
        reply = client.command("RCPT TO:<b@dest.example>")
        assert reply.startswith("454 4.7.1 <b@dest.example>: Relay access denied"), reply
        client.quit()
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@elsewhere.example", "b@dest.example")
    assert [m.recipients() for m in sink.wait(1)] == [["b@dest.example"]]


def test_stranger_may_not_relay_by_tricks_with_the_address(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n")
    tricks = ["b%dest.example@mail.hub.test", "@mail.hub.test:b@dest.example", '"b@dest.example"@mail.hub.test', "dest.example!b@mail.hub.test",
              "b@dest.example@mail.hub.test"]
    with Client(hub.port, source="127.0.0.100") as client:
        client.ehlo()
        client.command("MAIL FROM:<a@elsewhere.example>", 250)
        for trick in tricks:
            reply = client.command(f"RCPT TO:<{trick}>")
            assert reply[0] == "5", (trick, reply)
        client.quit()
    assert not sink.messages


def test_commands_out_of_order_are_refused(lab):
    hub = lab.hub("smtpd_helo_required = yes\n")
    with Client(hub.port) as client:
        client.command("MAIL FROM:<a@b.example>", 503)
        client.ehlo()
        client.command("RCPT TO:<a@b.example>", 503)
        client.command("DATA", 503)
        client.command("MAIL FROM:<a@b.example>", 250)
        client.command("MAIL FROM:<a@b.example>", 503)
        client.command("DATA", 5)
        client.command("RSET", 250)
        client.command("FROB", 5)
        client.command("NOOP", 250)
        client.command("VRFY a@b.example", 2)
        client.command("EXPN staff", 5)
        client.command("QUIT", 221)
        assert client.closed()


def test_pipelined_commands_are_answered_in_order(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<broken\r\nRCPT TO:<e@d.example>\r\nDATA\r\n")
        codes = [client.reply()[:3] for _ in range(5)]
        assert codes == ["250", "250", "501", "250", "354"], codes
        client.send(sample() + b".\r\nQUIT\r\n")
        assert client.reply().startswith("250 2.0.0 Ok: queued as ")
        assert client.reply().startswith("221")
    assert sink.wait(1)[0].recipients() == ["c@d.example", "e@d.example"]


def test_dots_and_odd_lines_come_through_unchanged(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    body = b"\r\n.\r\n..\r\n...x\r\n. \r\nlast line, then an empty one\r\n\r\n" + b"y" * 998 + b"\r\n\xe3\x83\xa1\r\n"
    message = sample().replace(b"one line\r\n", body)
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@b.example", "c@d.example", message, "BODY=8BITMIME")
    assert sink.wait(1)[0].body() == body


def test_bdat_takes_the_same_message_as_data(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    message = sample() + b".\r\nnot the end\r\n"
    with Client(hub.port) as client:
        client.ehlo()
        client.envelope("a@b.example", "c@d.example")
        half = len(message) // 2
        client.send(b"BDAT %d\r\n" % half + message[:half])
        assert client.reply().startswith("250")
        client.send(b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:])
        assert client.reply().startswith("250")
        client.command("RSET", 250)
        client.envelope("a@b.example", "c@d.example")
        client.send(b"BDAT 0 LAST\r\n")
        client.reply()
        client.command("DATA", 503)
        client.quit()
    # the two go out over connections of their own: either may arrive first
    assert sorted(mail.body() for mail in sink.wait(2)) == [b"", b"one line\r\n.\r\nnot the end\r\n"]


SMUGGLED = b"MAIL FROM:<admin@victim.example>\r\nRCPT TO:<victim@victim.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


def smuggle(lab, ending: bytes):
    """Sends a message with a false end and a second transaction behind it: only one message, or none, may come of it."""
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.envelope("a@b.example", "c@d.example")
        client.command("DATA", 354)
        client.send(b"Subject: outer\r\n\r\nfirst" + ending + SMUGGLED)
        replies = []
        client.socket.settimeout(2)
        try:
            while True:
                replies.append(client.reply())
                client.socket.settimeout(0.4)
        except (TimeoutError, ConnectionError, socket.timeout):
            pass
    assert replies, "no reply to a message with a false end"
    assert not any("queued" in r for r in replies[1:]), replies
    assert sum("queued" in r for r in replies) <= 1, replies
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("after@b.example", "after@d.example")
    sink.wait_command(r"MAIL FROM:<after@")
    assert not any("victim" in c for c in sink.commands), sink.commands
    assert sink.bare_newlines == 0


def test_smuggling_with_lf_dot_lf(lab): smuggle(lab, b"\n.\n")
def test_smuggling_with_lf_dot_crlf(lab): smuggle(lab, b"\n.\r\n")
def test_smuggling_with_crlf_dot_lf(lab): smuggle(lab, b"\r\n.\n")
def test_smuggling_with_cr_dot_cr(lab): smuggle(lab, b"\r.\r")
def test_smuggling_with_cr_dot_crlf(lab): smuggle(lab, b"\r.\r\n")
def test_smuggling_with_crlf_dot_cr(lab): smuggle(lab, b"\r\n.\r")
def test_smuggling_with_crlf_nul_dot_crlf(lab): smuggle(lab, b"\r\n\0.\r\n")


def test_bare_newline_in_a_command_is_refused(lab):
    hub = lab.hub()
    with Client(hub.port) as client:
        client.ehlo()
        client.send(b"MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\r\n")
        try:
            assert client.reply()[0] in "45"
        except ConnectionError:
            pass


def test_data_sent_before_354_is_refused(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + sample() + b".\r\n")
        replies = []
        client.socket.settimeout(2)
        try:
            while True:
                replies.append(client.reply())
                client.socket.settimeout(0.5)
        except (TimeoutError, ConnectionError, socket.timeout):
            pass
    assert not any("queued" in r for r in replies), replies
    assert any(r[0] == "5" for r in replies), replies


def test_what_is_pipelined_behind_starttls_is_thrown_away(lab):
    hub = lab.hub(lab.tls_settings())
    with Client(hub.port) as client:
        client.ehlo()
        client.send(b"STARTTLS\r\nMAIL FROM:<injected@b.example>\r\nRCPT TO:<c@d.example>\r\n")
        reply = client.reply()
        if reply.startswith("220"):
            assert client.buffer == b""
            try:
                client.secure()
                client.command("RCPT TO:<c@d.example>", 503)  # the injected MAIL was not obeyed
            except OSError:
                pass  # refusing the whole connection is as good
        else:
            assert reply[0] == "5", reply


def test_starttls_forgets_what_was_said_before(lab):
    hub = lab.hub(lab.tls_settings() + "smtpd_helo_required = yes\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        client.starttls()
        client.command("RCPT TO:<c@d.example>", 503)
        client.command("MAIL FROM:<a@b.example>", 503)  # a new EHLO is needed
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        client.command("STARTTLS", 5)
        client.quit()


def test_message_over_the_size_limit_is_refused(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "message_size_limit = 100000\n")
    with Client(hub.port) as client:
        client.ehlo()
        assert client.command("MAIL FROM:<a@b.example> SIZE=200000").startswith("552 5.3.4")
        client.command("RSET", 250)
        client.envelope("a@b.example", "c@d.example")
        reply = client.data(sample(body="z" * 70 + "\r\n") + b"z" * 70 * 2000 + b"\r\n", want=552)
        assert reply.startswith("552 5.3.4"), reply
        client.mail("a@b.example", "after@d.example")
    assert [m.recipients() for m in sink.wait(1)] == [["after@d.example"]]


def test_recipients_up_to_the_limit_and_no_more(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtpd_recipient_limit = 300\nsmtpd_recipient_overshoot_limit = 1000\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        client.send(b"".join(b"RCPT TO:<user%d@d.example>\r\n" % i for i in range(320)))
        codes = [client.reply()[:3] for _ in range(320)]
        assert codes == ["250"] * 300 + ["452"] * 20, [c for c in codes if c != "250"][:5]
        client.data(sample())
    got, messages = [], []
    while len(got) < 300:
        messages = sink.wait(len(messages) + 1)
        got = [r for m in messages for r in m.recipients()]
    assert sorted(got) == sorted(f"user{i}@d.example" for i in range(300))


def test_lines_longer_than_any_command_are_refused(lab):
    hub = lab.hub()
    with Client(hub.port) as client:
        client.ehlo()
        client.send(b"MAIL FROM:<" + b"x" * 100000 + b"@b.example>\r\n")
        assert client.reply()[0] == "5"


def test_many_errors_end_the_session(lab):
    hub = lab.hub("smtpd_soft_error_limit = 3\nsmtpd_hard_error_limit = 6\nsmtpd_error_sleep_time = 0s\n")
    with Client(hub.port) as client:
        replies = []
        try:
            for _ in range(20):
                replies.append(client.command("FROB"))
        except (ConnectionError, BrokenPipeError):
            pass
    assert replies[-1].startswith("421 4.7.0"), replies
    assert len(replies) <= 7, replies


def test_idle_client_is_sent_away(lab):
    hub = lab.hub("smtpd_timeout = 1s\n")
    with Client(hub.port) as client:
        assert client.reply().startswith("421 4.4.2")
        assert client.closed()


def test_more_connections_than_the_limit_of_one_client(lab):
    hub = lab.hub("smtpd_client_connection_count_limit = 3\nsmtpd_client_event_limit_exceptions =\n")
    held = [Client(hub.port) for _ in range(3)]
    with Client(hub.port) as client:
        assert client.greeting.startswith("421 4.7.0"), client.greeting
    held[0].quit()
    hub.wait_log("disconnect from")
    with Client(hub.port) as client:
        assert client.greeting.startswith("220"), client.greeting
    for one in held[1:]:
        one.close()


def test_xclient_only_from_those_who_may(lab):
    hub = lab.hub("smtpd_authorized_xclient_hosts = 127.0.0.1\n")
    with Client(hub.port, source="127.0.0.5") as client:
        assert not any(w.startswith("XCLIENT") for w in client.keywords())
        client.command("XCLIENT ADDR=127.0.0.100", 5)
    with Client(hub.port) as client:
        assert any(w.startswith("XCLIENT") for w in client.keywords())
        client.command("XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]", 220)
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        assert client.command("RCPT TO:<c@d.example>")[0] in "45"  # 192.0.2.7 is in no network of ours


def test_null_sender_and_postmaster_are_taken(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("", "c@d.example")
        client.command("MAIL FROM:<>", 250)
        client.command("RCPT TO:<postmaster>", 250)
    assert sink.wait(1)[0].mail_from.startswith("<>")


def test_smtputf8_addresses_come_through(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("送信@b.example", "受信@d.example", sample("送信@b.example", "受信@d.example"), "SMTPUTF8")
    got = sink.wait(1)[0]
    assert got.sender() == "送信@b.example" and got.recipients() == ["受信@d.example"]
    assert "SMTPUTF8" in got.mail_from


def test_access_restrictions_in_order(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtpd_recipient_restrictions = check_recipient_access hash:@T@/rcpt\n"
                  "smtpd_sender_restrictions = check_sender_access hash:@T@/from, reject_non_fqdn_sender\n",
                  tables={"rcpt": "blocked@d.example REJECT not here\nslow@d.example DEFER later\n", "from": "bad.example 554 go away\n"})
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        assert client.command("RCPT TO:<blocked@d.example>").startswith("554 5.7.1 <blocked@d.example>: Recipient address rejected: not here")
        assert client.command("RCPT TO:<slow@d.example>").startswith("450 4.7.1"), client.dialogue[-1]
        client.command("RCPT TO:<fine@d.example>", 250)
        client.command("RSET", 250)
        client.command("MAIL FROM:<x@bad.example>", 250)
        assert client.command("RCPT TO:<fine@d.example>").startswith("554 5.7.1 <x@bad.example>: Sender address rejected: go away")
        client.command("RSET", 250)
        client.command("MAIL FROM:<x@short>", 250)
        assert client.command("RCPT TO:<fine@d.example>").startswith("504 5.5.2")


def test_keywords_are_withheld_from_some_clients(lab):
    hub = lab.hub("smtpd_discard_ehlo_keyword_address_maps = cidr:@T@/quirks\n", tables={"quirks": "127.0.0.7 pipelining, dsn\n"})
    for source, wanted in (("127.0.0.7", False), ("127.0.0.1", True)):
        with Client(hub.port, source=source) as client:
            told = client.ehlo()
            assert ("PIPELINING" in told) == ("DSN" in told) == wanted, told


def test_no_mail_is_taken_when_the_disk_has_less_room_than_queue_minfree(lab):
    hub = lab.hub("queue_minfree = 1000000000000000\n")
    with Client(hub.port) as client:
        client.ehlo()
        assert client.command("MAIL FROM:<a@b.example>").startswith("452 4.3.1 Insufficient system storage")
