"""What waits, what comes back, and what an administrator can do about it."""
import email
import os
import re
import subprocess

from client import Client, sample
from sink import DROP
from test_rewrite_and_route import send
from test_smtp import relay

SOON = "minimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n"


def notice(message):
    """The report: (whole message, its text, the delivery status groups, the returned part)."""
    whole = email.message_from_bytes(message.data)
    assert whole.get_content_type() == "multipart/report" and whole.get_param("report-type") == "delivery-status", whole["content-type"]
    text, status, returned = whole.get_payload()
    assert not whole.defects and not status.defects, whole.defects
    return whole, text.get_payload(), status.get_payload(), returned


def test_temporary_refusal_is_tried_again(lab):
    sink = lab.sink([("RCPT TO:<later@", ["450 4.2.1 not now", "450 4.2.1 not yet", "250 2.1.5 now"])])
    hub = lab.hub(relay(sink) + SOON)
    mail = send(hub, "a@b.example", ["later@d.example", "now@d.example"])
    assert sink.wait(1)[0].accepted == ["<now@d.example>"] or sink.messages[0].recipients()[-1] == "now@d.example"
    hub.wait_log(f"{mail}: to=<later@d.example>.*status=deferred.*450 4.2.1 not now")
    assert [r["address"] for r in hub.queue()[0]["recipients"]] == ["later@d.example"]
    got = sink.wait(2)[1]
    assert got.recipients() == ["later@d.example"]
    hub.wait_queue(lambda rows: not rows)
    told = hub.why(mail)
    assert "450 4.2.1 not now" in told, told


def test_refused_at_every_stage_is_temporary_when_it_says_so(lab):
    for stage in ("(greeting)", "EHLO", "MAIL FROM", "RCPT TO", "DATA", r"\."):
        sink = lab.sink([(stage if stage.startswith(r"\.") else stage.replace("(", r"\(").replace(")", r"\)"), ["421 4.3.2 busy", None])])
        hub = lab.hub(relay(sink) + SOON)
        send(hub, "a@b.example", "c@d.example")
        assert sink.wait(1)[0].recipients() == ["c@d.example"], stage
        hub.stop()


def test_with_soft_bounce_nothing_comes_back(lab):
    sink = lab.sink([("RCPT TO:<gone@", ["550 5.1.1 no such user", "250 2.1.5 now"])])
    hub = lab.hub(relay(sink) + SOON + "soft_bounce = yes\ntransport_maps = inline:{no.example=error:5.1.2_unwanted}\nsmtpd_reject_unlisted_recipient = no\n")
    mail = send(hub, "alice@b.example", ["gone@d.example"])
    hub.wait_log(f"{mail}: to=<gone@d.example>.*dsn=4.1.1, status=SOFTBOUNCE .*550 5.1.1 no such user")
    assert sink.wait(1)[0].recipients()[-1] == "gone@d.example"
    assert "deferred, and not bounced (soft_bounce): 4.1.1" in hub.why(mail)
    other = send(hub, "alice@b.example", ["x@no.example"])
    hub.wait_log(f"{other}: to=<x@no.example>.*status=SOFTBOUNCE")
    hub.wait_queue(lambda rows: [row["queue_id"] for row in rows] == [other])
    assert len(sink.messages) == 1, "a notice was sent"
    with Client(hub.port) as client:
        client.ehlo()
        assert client.command("BOGUS") == "402 4.5.2 Error: command not recognized"
        client.quit()


def test_permanent_refusal_comes_back_as_a_notice(lab):
    sink = lab.sink([("RCPT TO:<gone@", "550 5.1.1 no such user\tin\x07 here")])
    hub = lab.hub(relay(sink))
    mail = send(hub, "alice@b.example", ["gone@d.example", "fine@d.example"], sample("alice@b.example", "gone@d.example", "to be returned"),
                parameters="ENVID=order+2017")
    report = next(m for m in sink.wait(2) if m.mail_from.startswith("<>"))
    assert report.recipients() == ["alice@b.example"]
    whole, text, status, returned = notice(report)
    assert whole["To"] == "alice@b.example" and "MAILER-DAEMON@" in whole["From"] and whole["Auto-Submitted"] == "auto-replied"
    assert "<gone@d.example>" in text and "no such user" in text and "fine@" not in text, text
    assert len(status) == 2, status
    assert status[0]["Reporting-MTA"] == "dns; mail.hub.test" and status[0]["X-Hikyaku-Queue-ID"] == mail
    assert status[0]["Original-Envelope-Id"] == "order 17" and status[0]["Arrival-Date"]
    assert status[1]["Final-Recipient"] == "rfc822; gone@d.example" and status[1]["Action"] == "failed" and status[1]["Status"] == "5.1.1"
    assert status[1]["Diagnostic-Code"].startswith("smtp; 550 5.1.1 no such user in? here"), status[1]["Diagnostic-Code"]
    assert returned.get_content_type() == "message/rfc822" and returned.get_payload(0)["Subject"] == "to be returned"
    hub.wait_queue(lambda rows: not rows)


def test_no_notice_about_a_notice(lab):
    sink = lab.sink([("RCPT TO:<gone@", "550 5.1.1 no"), ("RCPT TO:<alice@", "550 5.1.1 not either")])
    hub = lab.hub(relay(sink))
    send(hub, "alice@b.example", "gone@d.example")
    sink.wait_command("RCPT TO:<alice@b.example>")
    hub.wait_queue(lambda rows: not rows)
    assert not sink.messages and len([c for c in sink.commands if c.startswith("MAIL")]) == 2, sink.commands


def test_notify_is_obeyed(lab):
    sink = lab.sink([("RCPT TO:<gone", "550 5.1.1 no")], keywords=("PIPELINING", "8BITMIME"))
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<alice@b.example> RET=HDRS", 250)
        client.command("RCPT TO:<gone.never@d.example> NOTIFY=NEVER", 250)
        client.command("RCPT TO:<gone.success@d.example> NOTIFY=SUCCESS", 250)
        client.command("RCPT TO:<gone.failure@d.example> NOTIFY=FAILURE ORCPT=rfc822;first+2Bname@d.example", 250)
        client.command("RCPT TO:<fine.success@d.example> NOTIFY=SUCCESS,FAILURE", 250)
        client.data(sample())
    reports = [m for m in sink.wait(3) if m.mail_from.startswith("<>")]
    told = {}
    for report in reports:
        _, _, status, returned = notice(report)
        assert returned.get_content_type() == "text/rfc822-headers", returned.get_content_type()
        for group in status[1:]:
            told[group["Final-Recipient"]] = (group["Action"], group["Original-Recipient"])
    assert told == {"rfc822; gone.failure@d.example": ("failed", "rfc822; first+name@d.example"),
                    "rfc822; fine.success@d.example": ("relayed", told.get("rfc822; fine.success@d.example", (0, 0))[1])}, told


def test_dsn_parameters_are_passed_on_to_those_who_know_them(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<alice@b.example> RET=FULL ENVID=x+20y", 250)
        client.command("RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;first@d.example", 250)
        client.data(sample())
    got = sink.wait(1)[0]
    assert "RET=FULL" in got.mail_from and "ENVID=x+20y" in got.mail_from, got.mail_from
    assert "NOTIFY=SUCCESS,DELAY" in got.rcpt_to[0] and "ORCPT=rfc822;first@d.example" in got.rcpt_to[0], got.rcpt_to
    hub.wait_queue(lambda rows: not rows)
    assert len(sink.messages) == 1


def test_delay_is_told_once_and_expiry_returns_the_mail(lab):
    sink = lab.sink([("RCPT TO:<slow@", "450 4.2.1 later")])
    hub = lab.hub(relay(sink) + SOON + "delay_warning_time = 1s\nmaximal_queue_lifetime = 4s\n")
    send(hub, "alice@b.example", "slow@d.example")
    reports = [notice(m) for m in sink.wait(2, 30)]
    assert [r[2][1]["Action"] for r in reports] == ["delayed", "failed"]
    assert "Will-Retry-Until" in reports[0][2][1]
    hub.wait_queue(lambda rows: not rows)
    assert len(sink.messages) == 2


def test_connection_lost_after_the_dot_never_loses_the_mail(lab):
    sink = lab.sink([(r"\.", [DROP, None])])
    hub = lab.hub(relay(sink) + SOON)
    mail = send(hub, "a@b.example", "c@d.example")
    assert len(sink.wait(1)) == 1
    hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred")
    hub.wait_queue(lambda rows: not rows)


def test_mail_waits_for_a_next_hop_that_is_not_there(lab):
    sink = lab.sink()
    port = sink.port
    sink.stop()
    hub = lab.hub(f"default_transport = smtp:[127.0.0.1]:{port}\n" + SOON)
    mail = send(hub, "a@b.example", "c@d.example")
    hub.wait_log(f"{mail}: to=<c@d.example>.*status=deferred.*[Cc]onnection refused")
    again = lab.sink(port=port)
    assert again.wait(1)[0].recipients() == ["c@d.example"]


def test_fallback_relay_takes_what_the_next_hop_does_not(lab):
    gone, fallback = lab.sink(), lab.sink()
    gone.stop()
    hub = lab.hub(f"relayhost = {gone.next_hop}\nsmtp_fallback_relay = {fallback.next_hop}\n")
    send(hub, "a@b.example", "c@d.example")
    assert fallback.wait(1)[0].recipients() == ["c@d.example"]


def test_queue_can_be_listed_held_released_retried_bounced_and_deleted(lab):
    sink = lab.sink([("RCPT TO:<(x|y|z)@", "450 4.2.1 later")])
    hub = lab.hub(relay(sink) + "minimal_backoff_time = 1000s\n")
    x, y, z = (send(hub, "alice@b.example", f"{name}@d.example") for name in "xyz")
    for mail in (x, y, z):
        hub.wait_log(f"{mail}: to=.*status=deferred")
    rows = {r["queue_id"]: r for r in hub.queue()}
    assert set(rows) == {x, y, z}
    row = rows[x]
    assert row["queue_name"] == "deferred" and row["sender"] == "alice@b.example" and row["arrival_time"] > 1.5e9 and row["message_size"] > 100, row
    assert row["recipients"][0]["address"] == "x@d.example" and "450 4.2.1 later" in row["recipients"][0]["delay_reason"], row
    hub.run("queue", "hold", x)
    assert {r["queue_id"]: r["queue_name"] for r in hub.queue()}[x] == "hold"
    sink.script.clear()
    hub.run("queue", "retry", y)
    assert sink.wait(1)[0].recipients() == ["y@d.example"]
    hub.wait_queue(lambda rows: {r["queue_id"] for r in rows} == {x, z})
    hub.run("queue", "release", x)
    assert sink.wait(2)[1].recipients() == ["x@d.example"]
    hub.run("queue", "bounce", z)
    report = sink.wait(3)[2]
    assert report.mail_from.startswith("<>") and "z@d.example" in notice(report)[2][1]["Final-Recipient"]
    hub.wait_queue(lambda rows: not rows)
    sink.script.append((re.compile("RCPT TO:<w@"), ["450 4.2.1 later"]))
    w = send(hub, "alice@b.example", "w@d.example")
    hub.wait_log(f"{w}: to=.*status=deferred")
    assert "Subject: hello" in hub.run("queue", "show", w)
    hub.run("queue", "delete", w)
    assert hub.queue() == []
    assert len(sink.messages) == 3
    assert hub.run("queue", "delete", w, want=None)[0] != 0


def test_mailq_reads_like_it_always_did(lab):
    sink = lab.sink([("RCPT TO:<x@", "450 4.2.1 later")])
    hub = lab.hub(relay(sink) + "minimal_backoff_time = 1000s\n")
    mailq = hub.home / "mailq"
    os.symlink(hub.binary, mailq)

    def listing():
        done = subprocess.run([str(mailq), "-C", str(hub.conf)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "Mail queue is empty" in listing()
    mail = send(hub, "alice@b.example", "x@d.example")
    hub.wait_log(f"{mail}: to=.*status=deferred")
    told = listing()
    assert mail in told and "alice@b.example" in told and "x@d.example" in told and "450 4.2.1 later" in told, told
    assert "1 Request" in told.splitlines()[-1], told
