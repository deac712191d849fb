"""Mail for people here lands in the mailbox store."""
from client import sample
from test_rewrite_and_route import send


def exported(hub, mailbox) -> str:
    return hub.run("store", "export", mailbox)


BOXES = "virtual_mailbox_domains = box.example\nvirtual_mailbox_maps = hash:@T@/boxes\n"


def test_mail_for_a_mailbox_is_stored_and_exported(lab):
    hub = lab.hub(BOXES, tables={"boxes": "test@box.example ok\n"})
    message = sample("a@b.example", "test@box.example", "kept", "From here\r\n.dot\r\n\r\n")
    mail = send(hub, "a@b.example", "test@box.example", message)
    hub.wait_log(f"{mail}: to=<test@box.example>.*status=sent")
    told = exported(hub, "test@box.example")
    assert "Subject: kept" in told and "Return-Path: <a@b.example>" in told and "Delivered-To: test@box.example" in told, told
    assert ".dot" in told
    rows = hub.run("mailbox", "list")
    assert "test@box.example" in rows, rows


def test_unknown_mailbox_is_refused_at_rcpt(lab):
    from client import Client
    hub = lab.hub(BOXES, tables={"boxes": "test@box.example ok\n"})
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        reply = client.command("RCPT TO:<other@box.example>")
        assert reply.startswith("550 5.1.1 <other@box.example>: Recipient address rejected: User unknown in virtual mailbox table"), reply


def test_local_domain_lands_in_the_store(lab):
    hub = lab.hub()
    mail = send(hub, "a@b.example", "root@mail.hub.test")
    hub.wait_log(f"{mail}: to=<root@mail.hub.test>.*status=sent")
    assert "Subject: hello" in exported(hub, "root")


def test_a_recipient_of_a_hundred_messages_keeps_their_order(lab):
    hub = lab.hub(BOXES, tables={"boxes": "test@box.example ok\n"})
    for number in range(30):
        send(hub, "a@b.example", "test@box.example", sample("a@b.example", "test@box.example", f"number {number:02}"))
    hub.wait_queue(lambda rows: not rows)
    told = exported(hub, "test@box.example")
    assert sorted(set(l for l in told.splitlines() if l.startswith("Subject: number"))) == [f"Subject: number {n:02}" for n in range(30)]


def test_success_notice_of_a_delivery_to_a_mailbox(lab):
    from client import Client
    from test_queue_and_notices import notice
    back = lab.sink()
    hub = lab.hub(BOXES + f"relayhost = {back.next_hop}\n", tables={"boxes": "test@box.example ok\n"})
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<alice@b.example>", 250)
        client.command("RCPT TO:<test@box.example> NOTIFY=SUCCESS", 250)
        client.data(sample())
    _, _, status, _ = notice(back.wait(1)[0])
    assert status[1]["Action"] == "delivered" and status[1]["Status"].startswith("2."), status[1].items()
