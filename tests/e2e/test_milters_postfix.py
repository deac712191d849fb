"""Filters and what else decides on a message: as Postfix 3.7.11 has it with the same filters."""
from client import Client, sample
from test_milters import entries, filters, kinds, setting
from test_smtp import relay

CONTINUE, DISCARD, REJECT = ["c", ""], ["d", ""], ["r", ""]


def said(hub, *commands, message=None) -> list:
    """The replies to the commands, each its first line; and to a message where one is given."""
    replies = []
    with Client(hub.port) as client:
        client.ehlo()
        for command in commands:
            replies.append(client.command(command, None)[:3])
        if message is not None:
            client.command("DATA", 354)
            client.send(message + b".\r\n")
            replies.append(client.reply().replace("\n", " "))
        client.quit()
    return replies


def test_discard_after_an_unknown_command_is_about_the_message(lab):
    sink = lab.sink()
    one, two = filters(lab, {"unknown": [[DISCARD]]}, {"eom": [[REJECT]]})
    hub = lab.hub(relay(sink) + setting(one, two))
    mail, rcpt = "MAIL FROM:<a@a.example>", "RCPT TO:<b@dest.example>"
    for commands in ((mail, "BOGUS", rcpt), ("BOGUS", mail, rcpt)):
        replies = said(hub, *commands, message=sample())
        assert replies[-1].startswith("250 2.0.0 Ok"), (commands, replies)
    hub.wait_log("milter-discard: UNKNOWN from")
    assert "E" not in kinds(two.wait_closed(count=2)[0]), "nobody is asked any more"
    one.begin({})
    assert said(hub, mail, rcpt, message=sample())[-1].startswith("550"), "another session is another matter"
    assert hub.queue() == [] and not sink.messages


def test_a_recipient_that_is_there_is_not_added_again(lab):
    sink = lab.sink()
    one, two = filters(lab, {"eom": [[["+", "<n@dest.example>\0"], ["+", "<N@dest.example>\0"], ["+", "<b@dest.example>\0"], CONTINUE]]},
                       {"eom": [[["+", "<n@dest.example>\0"], ["-", "<c@dest.example>\0"], ["+", "<c@dest.example>\0"], CONTINUE]]})
    hub = lab.hub(relay(sink) + setting(one, two))
    with Client(hub.port) as client:
        client.ehlo()
        queue_id = client.mail("a@a.example", ["b@dest.example", "c@dest.example"])
        client.quit()
    hub.wait_log(f"{queue_id}: removed")
    reached = sorted(recipient for message in sink.messages for recipient in message.recipients())
    assert reached == ["b@dest.example", "c@dest.example", "n@dest.example"], reached


def test_a_redirect_takes_along_whom_a_filter_adds(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[["+", "<n@dest.example>\0"], CONTINUE]]})
    for rule in ("smtpd_sender_restrictions = check_sender_access inline:{{a@a.example = REDIRECT r@dest.example}}\n",
                 "header_checks = regexp:{{/^Subject/ REDIRECT r@dest.example}}\n"):
        one.begin({"eom": [[["+", "<n@dest.example>\0"], CONTINUE]]})
        hub = lab.hub(relay(sink) + setting(one) + rule)
        with Client(hub.port) as client:
            client.ehlo()
            queue_id = client.mail("a@a.example", "b@dest.example")
            client.quit()
        hub.wait_log(f"{queue_id}: removed")
        assert sink.messages.pop().recipients() == ["r@dest.example"] and not sink.messages, rule


def test_filters_are_not_asked_of_what_an_access_rule_discards(lab):
    sink = lab.sink()
    one, = filters(lab, {"rcpt": [[REJECT]], "data": [[REJECT]], "eom": [[REJECT]]})
    hub = lab.hub(relay(sink) + setting(one) + "smtpd_recipient_restrictions = check_recipient_access inline:{gone@dest.example=DISCARD}\n")
    replies = said(hub, "MAIL FROM:<a@a.example>", "RCPT TO:<gone@dest.example>", message=sample())
    assert replies[:2] == ["250", "250"] and replies[2].startswith("250 2.0.0 Ok"), replies
    assert kinds(one.wait_closed()[0]).replace("D", "") == "OCHMAQ", kinds(one.wait_closed()[0])


def test_access_rules_go_on_where_a_filter_discards(lab):
    sink = lab.sink()
    one, = filters(lab, {"rcpt": [[DISCARD]]})
    hub = lab.hub(relay(sink) + setting(one) + "smtpd_recipient_restrictions = check_recipient_access inline:{no@dest.example=REJECT}\n")
    assert said(hub, "MAIL FROM:<a@a.example>", "RCPT TO:<b@dest.example>", "RCPT TO:<no@dest.example>") == ["250", "250", "554"]


def test_a_quarantine_before_the_message_holds_the_next_one(lab):
    sink = lab.sink()
    one, = filters(lab, {"helo": [[["q", "odd client"], CONTINUE]]})
    one.begin({"helo": [[["q", "odd client\0"], CONTINUE]]})
    hub = lab.hub(relay(sink) + setting(one))
    with Client(hub.port) as client:
        client.ehlo()
        held, passed = client.mail("a@a.example", "b@dest.example"), client.mail("a@a.example", "c@dest.example")
        client.quit()
    hub.wait_log(f"{passed}: removed")
    row, = hub.queue()
    assert row["queue_id"] == held and row["queue_name"] == "hold" and "odd client" in str(row), row


def test_what_filters_make_too_large_is_refused_whatever_the_default_action(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    hub = lab.hub(relay(sink) + setting(one) + "message_size_limit = 20000\nmilter_default_action = accept\n")
    for edits in ([["b", "y" * 30000]], [["h", f"X-{i}\0{'v' * 900}\0"] for i in range(30)]):
        one.begin({"eom": [[*edits, CONTINUE]]})
        reply = said(hub, "MAIL FROM:<a@a.example>", "RCPT TO:<b@dest.example>", message=sample())[-1]
        assert reply.startswith("552 5.3.4 Error: message file too big"), reply
    hub.wait_log("reject: END-OF-MESSAGE from .*: 552 5.3.4")
    assert hub.queue() == [] and not sink.messages


def test_each_change_renews_the_time(lab):
    sink = lab.sink()
    one, = filters(lab, {"eom": [[*[step for i in range(4) for step in (["h", f"X-{i}\0v\0"], ["wait", 0.8])], CONTINUE]]})
    hub = lab.hub(relay(sink) + setting(one) + "milter_content_timeout = 2s\n")
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@a.example", "b@dest.example")
        client.quit()
    assert b"X-3: v" in sink.wait(1)[0].header()


def test_restrictions_at_the_end_of_data_come_before_the_filters(lab):
    sink = lab.sink()
    one, = filters(lab, {})
    hub = lab.hub(relay(sink) + setting(one) + "smtpd_end_of_data_restrictions = check_sender_access inline:{{bad@a.example = 554 5.7.9 no more},"
                  " gone@a.example=DISCARD, odd@a.example=HOLD, {to@a.example = REDIRECT r@dest.example}, later@a.example=DEFER}\n"
                  "header_checks = regexp:{{/^Subject: no/ REJECT}}\n")

    def told(sender, subject="yes"):
        one.begin({})
        return said(hub, f"MAIL FROM:<{sender}@a.example>", "RCPT TO:<b@dest.example>", message=sample(subject=subject))[-1]

    assert told("bad", subject="no").startswith("554 5.7.9 <bad@a.example>: Sender address rejected: no more")
    assert kinds(one.wait_closed()[0]).replace("D", "") == "OCHMRTAQ", "it is not asked"
    line = hub.wait_log(r"reject: END-OF-MESSAGE from unknown\[127.0.0.1\]: 554 5.7.9 <bad@a.example>: .*; from=<bad@a.example> to=<b@dest.example> proto=ESMTP helo=")
    assert any("policy.end_of_data" == entry["step"] for entry in entries(hub, line.split(": reject")[0].split()[-1])), line
    assert told("later").startswith("450 4.7.1")
    assert told("gone").startswith("250 2.0.0 Ok: queued as")
    assert hub.queue() == []
    assert told("odd").startswith("250")
    row, = hub.queue()
    assert row["queue_name"] == "hold", row
    assert told("to").startswith("250") and sink.wait(1)[0].recipients() == ["r@dest.example"]
    assert told("good", subject="no").startswith("550 5.7.1")
    assert told("good").startswith("250")
