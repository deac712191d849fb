"""What the hub does with filters where tables, notices, local programs and the hub's own end come in."""
import threading

from client import Client, sample
from test_explain import explain
from test_milters import filters, kinds, macros, setting
from test_sendmail import sendmail, wait_empty
from test_smtp import relay

ADDED = ["h", "X-Spam\0yes\0"]
GO_ON = ["c", ""]
FROM = r"from unknown\[127.0.0.1\]; from=<a@a.example> to=<b@dest.example> proto=ESMTP helo=<client.test>"
NO_LIMIT_EXCEPTIONS = "smtpd_client_event_limit_exceptions =\n"


def say(client, message=None) -> str:
    """The answer to a whole message."""
    client.envelope("a@a.example", "b@dest.example")
    client.command("DATA", 354)
    client.send((message or sample()) + b".\r\n")
    return client.reply()


def wait_packets(one, wanted, timeout=20.0):
    """Until the filter has got a packet of this kind."""
    with one.changed:
        assert one.changed.wait_for(lambda: any(p[0] == wanted for packets in one.connections for p in packets), timeout), one.connections


# ------------------------------------------------------- milter_header_checks
ACTIONS = {
    # The action: its word in the log, the text behind it, and the answer to the client.
    "REJECT no spam here": ("reject", "5.7.1 no spam here", "550 5.7.1 no spam here"),
    "REJECT 4.7.1 later": ("reject", "4.7.1 later", "451 4.7.1 later"),
    "DISCARD gone": ("discard", "gone", "250 2.0.0"),
    "HOLD look": ("hold", "look", "250 2.0.0"),
    "WARN odd": ("warning", "odd", "250 2.0.0"),
    "INFO": ("info", "", "250 2.0.0"),
    "STRIP": ("strip", "", "250 2.0.0"),
    "REPLACE X-Other: no": ("replace", "X-Other: no", "250 2.0.0"),
    "REDIRECT r@r.example": ("redirect", "r@r.example", "250 2.0.0"),
    "BCC copy@c.example": ("bcc", "copy@c.example", "250 2.0.0"),
    "FILTER smtp:@NEXT@": ("filter", "smtp:@NEXT@", "250 2.0.0"),
}


def test_what_header_checks_do_with_a_filters_header_is_done_and_logged_as_postfix_does(lab):
    sink, scanner = lab.sink(), lab.sink()
    one, = filters(lab, {"eom": [[ADDED, GO_ON]]})
    services, tables = {}, {}
    for number, action in enumerate(ACTIONS):
        tables[f"checks{number}"] = f"/^X-Spam:/ {action.replace('@NEXT@', scanner.next_hop)}\n"
        services[action] = f"-o milter_header_checks=regexp:@T@/checks{number}"
    hub = lab.hub(relay(sink) + setting(one), services=services, tables=tables)
    for action, (word, text, answer) in ACTIONS.items():
        mark = hub.mark()
        with Client(hub.ports[action]) as client:
            client.ehlo()
            said = say(client)
            client.quit()
        assert said.startswith(answer), (action, said)
        text = text.replace("@NEXT@", scanner.next_hop).replace("[", r"\[").replace("]", r"\]")
        hub.wait_log(rf"cleanup\[\d+\]: \S+: milter-header-{word}: header X-Spam: yes {FROM}: {text}$", since=mark)
    assert scanner.wait(1)[0].recipients() == ["b@dest.example"]
    received = sink.wait(6)  # of WARN, INFO, STRIP, REPLACE, REDIRECT and BCC
    recipients = sorted(r for mail in received for r in mail.recipients())
    assert recipients == ["b@dest.example"] * 5 + ["copy@c.example", "r@r.example"], recipients
    assert sorted(b"X-Spam: yes" in mail.header() for mail in received) == [False, False] + [True] * 4
    assert sum(b"X-Other: no" in mail.header() for mail in received) == 1
    assert [row["queue_name"] for row in hub.queue()] == ["hold"]


def test_header_checks_that_can_not_answer_put_the_message_off(lab):
    one, = filters(lab, {"eom": [[ADDED, GO_ON]]})
    hub = lab.hub(setting(one) + "milter_header_checks = fail:it\n")
    with Client(hub.port) as client:
        client.ehlo()
        assert say(client) == "451 4.3.0 Error: queue file write error"
        client.quit()
    hub.wait_log(r"cleanup\[\d+\]: warning: \S+: milter_header_checks map lookup problem: .* -- message not accepted, try again later")
    assert hub.queue() == []


# ---------------------------------------------------------- smtpd_milter_maps
def test_where_the_table_of_clients_can_not_answer_the_filters_of_all_are_asked(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    hub = lab.hub(relay(sink) + setting(one) + "smtpd_milter_maps = fail:it\n")
    with Client(hub.port) as client:
        client.ehlo()
        assert say(client).startswith("250")
        client.quit()
    hub.wait_log(r"warning: smtpd_milter_maps: .*fail:it")
    packets, = one.wait_closed()
    assert "E" in kinds(packets), packets
    rows = [row for row in explain(hub, "a@a.example", "b@dest.example")["entries"] if row["step"] == "milter.message"]
    assert [row["rule"] for row in rows] == ["smtpd_milter_maps", one.address], rows
    assert rows[0]["outcome"] == "those of smtpd_milters are asked", rows


def test_what_is_no_filter_in_that_table_is_a_fault_of_the_configuration(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    nonsense = f"smtpd_milter_maps = cidr:{{{{127.0.0.0/8 {one.address}, nonsense}}}}\n"
    hub = lab.hub(relay(sink) + nonsense, services={"smtp": "", "accepting": "-o milter_default_action=accept"})
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@a.example>", "451 4.3.5 Server configuration problem - try again later")
        client.quit()
    hub.wait_log("warning: milter nonsense: .*is no address of a milter")
    hub.wait_log(r"milter-reject: MAIL from unknown\[127.0.0.1\]: 451 4.3.5 Server configuration problem - try again later; from=<a@a.example>")
    one.begin({})
    with Client(hub.ports["accepting"]) as client:
        client.ehlo()
        assert say(client).startswith("250")
        client.quit()
    assert "E" in kinds(one.wait_closed()[0]), "the other filter of the list is asked"


# --------------------------------------------------------------------- macros
def test_filters_are_told_how_many_connections_the_client_has_where_they_are_limited(lab):
    one, = filters(lab, {})
    hub = lab.hub(setting(one) + "milter_connect_macros = {client_connections}\n",
                  services={"limited": f"-o {{ {NO_LIMIT_EXCEPTIONS.strip()} }}", "excepted": ""})
    with Client(hub.ports["limited"]) as first:
        first.ehlo()
        with Client(hub.ports["limited"]) as second:
            second.ehlo()
            with Client(hub.ports["excepted"]) as third:
                third.ehlo()
    told = [macros(packets, "C")["{client_connections}"] for packets in one.wait_closed()]
    assert told == ["1", "2", "0"], told


def test_filters_are_told_who_wrote_it_until_the_message_is_over(lab):
    one, = filters(lab, {})
    hub = lab.hub(setting(one) + "milter_mail_macros = {auth_author}\n" + "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:9\n")
    with Client(hub.port) as client:
        client.ehlo()
        for parameters in (" AUTH=one+3Dreal@a.example", " AUTH=<>", ""):
            client.command(f"MAIL FROM:<a@a.example>{parameters}", 250)
            client.command("RSET", 250)
        client.quit()
    told = [data[0] for kind, *data in one.wait_closed()[0] if kind == "D" and data[0][:1] == "M"]
    assert told == ["M{auth_author}\0one+3Dreal@a.example\0", "M", "M"], told


def test_defaults_of_macros_hold_wherever_they_have_no_value(lab):
    """Event by event as Postfix 3.7.11 tells them."""
    sink = lab.sink()
    one, = filters(lab, {})
    names = "i {mail_addr} {rcpt_addr} {if_name} {x}"
    lists = "".join(f"milter_{stage}_macros = {names}\n" for stage in ("connect", "helo", "mail", "rcpt", "data"))
    hub = lab.hub(relay(sink) + setting(one) + lists + "milter_end_of_data_macros = i {rcpt_addr}\n"
                  "milter_macro_defaults = i=none, { {mail_addr} = nobody yet }, {{rcpt_addr} = a, b}\n  {if_name}=eth0 { x = {y} }\n")
    with Client(hub.port) as client:
        ids = []
        for _ in range(2):
            client.ehlo()
            ids.append(client.mail("a@a.example", "b@dest.example"))
        client.ehlo()
        client.quit()
    told = []
    for kind, *data in one.wait_closed()[0]:
        if kind == "D" and data[0][0] in "CHMRTE":
            words = data[0][1:].split("\0")
            told.append((data[0][0], dict(zip(words[::2], words[1::2]))))
    always = {"i": "none", "{mail_addr}": "nobody yet", "{rcpt_addr}": "a, b", "{if_name}": "eth0", "{x}": "{y}"}
    want = [("C", always)]
    for queue_id in ids:
        of_sender = {**always, "{mail_addr}": "a@a.example"}
        of_recipient = {**of_sender, "{rcpt_addr}": "b@dest.example"}
        want += [("H", always), ("M", of_sender), ("R", of_recipient), ("T", {**of_recipient, "i": queue_id}),
                 ("E", {"i": queue_id, "{rcpt_addr}": "a, b"})]
    want.append(("H", always))
    assert told == want, "\n".join(map(str, told))


def test_config_check_tells_of_defaults_of_macros_that_cannot_be_read(lab):
    hub = lab.hub("milter_macro_defaults = {x}=a,\n  { {y} = a }b\n  x=b\n", start=False)
    code, out, told = hub.run("config", "check", want=None)
    line = hub.line_of("milter_macro_defaults")
    assert code == 78, (code, out, told)
    assert f'main.cf:{line + 1}:3: error: milter_macro_defaults: "{{ {{y}} = a }}b": write name=value' in out + told, (out, told)
    assert f'main.cf:{line + 2}:3: warning: milter_macro_defaults: "x=b" has no effect' in out + told, (out, told)


# -------------------------------------------------------------------- notices
def bounced(lab, script, more="", tables=None):
    """A hub whose next hop refuses, and what came of the notice."""
    sink = lab.sink([("RCPT TO:<gone@", "550 5.1.1 no such user")])
    one, = filters(lab, script)
    hub = lab.hub(relay(sink) + f"non_smtpd_milters = {one.address}\ninternal_mail_filter_classes = bounce\n" + more, tables=tables)
    with Client(hub.port) as client:
        client.ehlo()
        queue_id = client.mail("a@a.example", "gone@dest.example")
        client.quit()
    hub.wait_log(f"{queue_id}: removed")
    return sink, hub


def test_a_notice_that_a_filter_quarantines_is_held_and_can_be_let_go(lab):
    sink, hub = bounced(lab, {"eom": [[["q", "odd\0"], GO_ON]]})
    hub.wait_log(r"milter-hold: END-OF-MESSAGE from localhost\[127.0.0.1\]: milter triggers HOLD action; from=<> to=<a@a.example>$")
    row, = hub.queue()
    assert row["queue_name"] == "hold" and row["sender"] in ("", "MAILER-DAEMON") and "odd" in str(row), row
    hub.run("queue", "release", row["queue_id"])
    assert sink.wait(1)[0].recipients() == ["a@a.example"]


def test_a_notice_that_a_filter_refuses_or_discards_is_dropped_with_a_line_in_the_log(lab):
    for where, name in (("connect", "CONNECT"), ("mail", "MAIL"), ("rcpt", "RCPT"), ("eom", "END-OF-MESSAGE")):
        told = "" if where in ("connect", "mail") else " to=<a@a.example>"
        for packets, line in (([["y", "550 5.7.9 no notices\0"]], "milter-reject: {}: 5.7.9 no notices; from=<>{}$"),
                              ([["d", ""]], "milter-discard: {}: milter triggers DISCARD action; from=<>{}$")):
            if where == "connect" and packets[0][0] == "d":
                continue  # not allowed there
            sink, hub = bounced(lab, {where: [packets]})
            hub.wait_log(line.format(rf"{name} from localhost\[127.0.0.1\]", told))
            assert hub.queue() == [] and sink.wait(0) == []


def test_a_notice_that_a_filter_puts_off_or_fails_at_is_held_since_nobody_hands_it_in_again(lab):
    for script in ({"eom": [[["t", ""]]]}, {"eom": [[["close"]]]}, {"rcpt": [[["y", "450 4.7.1 later\0"]]]}):
        sink, hub = bounced(lab, script)
        row, = hub.queue()
        assert row["queue_name"] == "hold" and "put off by a milter" in str(row), row
        assert sink.wait(0) == []


def test_header_checks_of_what_a_filter_adds_to_a_notice_act_on_the_notice(lab):
    for action, line, fate in (("REJECT no", "milter-header-reject: header X-Spam: yes .*: 5.7.1 no$", []),
                               ("DISCARD", "milter-header-discard: header X-Spam: yes .*: $", []),
                               ("HOLD look", "milter-header-hold: header X-Spam: yes .*: look$", ["hold"])):
        _, hub = bounced(lab, {"eom": [[ADDED, GO_ON]]}, "milter_header_checks = regexp:@T@/checks\n", {"checks": f"/^X-Spam:/ {action}\n"})
        found = hub.wait_log(line)
        assert "from localhost[127.0.0.1]; from=<> to=<a@a.example>:" in found, found
        assert [row["queue_name"] for row in hub.queue()] == fate
    sink, hub = bounced(lab, {"eom": [[ADDED, GO_ON]]}, "milter_header_checks = regexp:@T@/checks\n", {"checks": "/^X-Spam:/ REDIRECT r@r.example\n"})
    assert sink.wait(1)[0].recipients() == ["r@r.example"]


# ------------------------------------------------------ mail of local programs
def test_mail_of_a_local_program_waits_while_the_disk_is_short_of_queue_minfree(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "queue_minfree = 1000000000000000\n")
    hub.configure(relay(sink))  # the command asks the files, and the hub goes by those that it has read
    sendmail(hub, "-f", "ann@a.example", "b@b.example")
    hub.wait_log("the disk has less room than queue_minfree")
    assert hub.queue() == [] and sink.wait(0) == []
    hub.stop()
    hub.start()
    assert sink.wait(1)[0].recipients() == ["b@b.example"]
    wait_empty(hub, "maildrop", "pickup")


def test_mail_of_a_local_program_past_message_size_limit_is_returned(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "message_size_limit = 20000\n")
    hub.configure(relay(sink))
    sendmail(hub, "-f", "ann@a.example", "b@b.example", message=b"Subject: long\n\n" + b"x" * 60 + b"\n" + (b"y" * 60 + b"\n") * 400)
    mail, = sink.wait(1)
    assert mail.sender() == "" and mail.recipients() == ["ann@a.example"], mail
    assert b"Subject: long" in mail.body() and b"message file too big" in mail.body(), mail.body()
    wait_empty(hub, "maildrop", "pickup")
    assert len(sink.wait(1)) == 1


def test_what_a_filter_refuses_of_a_local_programs_mail_is_logged_as_postfix_does(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[ADDED, ["r", ""]]]})
    hub = lab.hub(relay(sink) + f"non_smtpd_milters = {one.address}\nmilter_header_checks = regexp:@T@/checks\n", tables={"checks": "/^X-Spam:/ WARN odd\n"})
    sendmail(hub, "-f", "ann@a.example", "b@b.example")
    hub.wait_log(r"milter-reject: END-OF-MESSAGE from localhost\[127.0.0.1\]: 5.7.1 Command rejected; from=<ann@a.example> to=<b@b.example>$")
    mail, = sink.wait(1)
    assert mail.recipients() == ["ann@a.example"] and b"Command rejected" in mail.body()
    one.begin({"eom": [[ADDED, GO_ON]]})
    sendmail(hub, "-f", "ann@a.example", "b@b.example")
    hub.wait_log(r"milter-header-warning: header X-Spam: yes from localhost\[127.0.0.1\]; from=<ann@a.example> to=<b@b.example>: odd$")


def test_a_recipient_that_a_filter_refuses_of_a_local_programs_mail_is_refused_alone(lab):
    sink = lab.sink()
    refused = [GO_ON], [["y", "550 5.7.1 not him\0"]], [GO_ON]
    one, = filters(lab, {"rcpt": list(refused)})
    hub = lab.hub(relay(sink) + f"non_smtpd_milters = {one.address}\n")
    sendmail(hub, "-f", "ann@a.example", "b@b.example", "c@b.example", "d@b.example")
    hub.wait_log(r"milter-reject: RCPT from localhost\[127.0.0.1\]: 5.7.1 not him; from=<ann@a.example> to=<c@b.example>$")
    mails = sorted(sink.wait(2), key=lambda mail: mail.mail_from)
    notice, mail = mails
    assert mail.recipients() == ["b@b.example", "d@b.example"], mail.recipients()
    assert notice.recipients() == ["ann@a.example"] and b"Final-Recipient: rfc822; c@b.example" in notice.data and b"5.7.1" in notice.data
    assert notice.data.count(b"Final-Recipient:") == 1, notice.data
    hub.wait_queue(lambda rows: rows == [])
    one.begin({"rcpt": [[["y", "550 5.7.1 nobody\0"]]] * 2})
    sendmail(hub, "-f", "ann@a.example", "b@b.example", "c@b.example")
    notice = sink.wait(3)[2]
    assert notice.recipients() == ["ann@a.example"] and notice.data.count(b"Final-Recipient:") == 2, notice.data


# ------------------------------------------------------------ the hub's own end
def test_a_filter_that_hangs_does_not_hold_up_the_end(lab):
    for where in ("M", "R", "T"):
        one, = filters(lab, {{"M": "mail", "R": "rcpt", "T": "data"}[where]: [[]]})
        hub = lab.hub(setting(one) + "milter_command_timeout = 600s\nmilter_default_action = reject\n")
        with Client(hub.port) as client:
            client.ehlo()
            client.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<b@dest.example>\r\nDATA\r\n")
            wait_packets(one, where)
            hub.begin_stop()
            replies = [client.reply()]
            while replies[-1].startswith("250"):
                replies.append(client.reply())
            # A hub that waited would end without a word, and one that took it for a failure would refuse for good.
            assert replies[-1] == "421 4.3.2 Service shutting down", replies
            assert client.closed()
        hub.stop()
        one.wait_closed()


def test_the_answer_to_a_message_at_its_end_is_waited_for_at_the_end_of_the_hub(lab):
    sink = lab.sink()
    goes = threading.Event()
    one, = filters(lab, {"eom": [[["until", goes], ADDED, GO_ON]]})
    hub = lab.hub(relay(sink) + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        client.envelope("a@a.example", "b@dest.example")
        client.command("DATA", 354)
        client.send(sample() + b".\r\n")
        wait_packets(one, "E")
        hub.begin_stop()
        hub.wait_log("terminating")
        goes.set()
        assert client.reply().startswith("250 2.0.0 Ok: queued as ")
    hub.stop()
    assert kinds(one.wait_closed()[0]).endswith("EQ")
    hub.start()
    assert b"X-Spam: yes" in sink.wait(1)[0].header()
