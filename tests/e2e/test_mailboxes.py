"""Folders, quotas and removed mail: `hikyaku mailbox` beside a running hub and without one."""
from client import sample
from hub import json_rows
from test_queue_and_notices import notice
from test_rewrite_and_route import send

BOXES = "virtual_mailbox_domains = box.example\nvirtual_mailbox_maps = hash:@T@/boxes\n"
TABLES = {"boxes": "joe@box.example ok\nann@box.example ok\n"}
JOE = "joe@box.example"


def mailbox(hub, *arguments, want=0):
    return json_rows(hub.run("mailbox", *arguments, "--json", want=want))


def names(hub):
    return [row["mailbox"] for row in mailbox(hub, "list")]


def test_folders_are_made_renamed_and_removed_with_and_without_a_hub(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    send(hub, "a@b.example", JOE)
    hub.wait_queue(lambda rows: not rows)
    mailbox(hub, "create", f"{JOE}/Archive/2026")
    assert names(hub) == [JOE, f"{JOE}/Archive", f"{JOE}/Archive/2026"]
    hub.run("mailbox", "create", f"{JOE}/Archive", want=69)
    hub.run("mailbox", "create", f"{JOE}//x", want=64)
    hub.stop()
    mailbox(hub, "rename", f"{JOE}/Archive", f"{JOE}/Old")
    assert names(hub) == [JOE, f"{JOE}/Old", f"{JOE}/Old/2026"]
    mailbox(hub, "delete", f"{JOE}/Old/2026")
    hub.start()
    assert names(hub) == [JOE, f"{JOE}/Old"]
    removed = mailbox(hub, "removed")
    assert [row["mailbox"] for row in removed] == [f"{JOE}/Old/2026"], removed
    mailbox(hub, "restore", "--id", str(removed[0]["id"]), f"{JOE}/Back")
    assert f"{JOE}/Back" in names(hub) and mailbox(hub, "removed") == []
    told = hub.run("mailbox", "list", JOE)
    assert JOE in told and "messages" in told, told


def test_mail_for_a_full_mailbox_is_returned_and_the_others_get_it(lab):
    back = lab.sink()
    hub = lab.hub(BOXES + f"relayhost = {back.next_hop}\nhikyaku_mailbox_quota = 3000\n", tables=TABLES)
    mailbox(hub, "quota", "ann@box.example", "--octets", "0")
    large = sample("alice@b.example", JOE, "large", "x" * 60 + "\r\n" + ("y" * 60 + "\r\n") * 60)
    mail = send(hub, "alice@b.example", [JOE, "ann@box.example"], large)
    hub.wait_log(f"{mail}: to=<{JOE}>.*dsn=5.2.2, status=bounced.*is full")
    hub.wait_log(f"{mail}: to=<ann@box.example>.*status=sent")
    _, text, status, _ = notice(back.wait(1)[0])
    assert status[1]["Status"] == "5.2.2" and JOE in text, text
    assert "store.quota" in hub.why(mail), hub.why(mail)
    small = send(hub, "alice@b.example", JOE)
    hub.wait_log(f"{small}: to=<{JOE}>.*status=sent")
    kept = mailbox(hub, "quota", JOE)[0]
    assert kept["messages"] == 1 and 0 < kept["octets"] < 3000 and kept["octets_limit"] == 3000, kept
    hub.kill()
    assert mailbox(hub, "quota", JOE, "--recount")[0] == kept
    assert "octets" in hub.run("mailbox", "quota", "ann@box.example")


def test_a_large_message_for_a_full_mailbox_leaves_no_file_behind(lab):
    back = lab.sink()
    hub = lab.hub(BOXES + f"relayhost = {back.next_hop}\nhikyaku_mailbox_quota = 3000\n", tables=TABLES)
    mail = send(hub, "alice@b.example", JOE, sample("alice@b.example", JOE, "large", ("y" * 60 + "\r\n") * 3000))
    hub.wait_log(f"{mail}: to=<{JOE}>.*dsn=5.2.2")
    back.wait(1)
    assert not [f for f in hub.home.rglob("mailboxes/default/blobs/**/*") if f.is_file()]


def test_a_removed_mailbox_is_purged_when_its_time_is_over(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    send(hub, "a@b.example", JOE)
    hub.wait_queue(lambda rows: not rows)
    mailbox(hub, "delete", JOE)
    assert mailbox(hub, "purge", "--older", "1d")[0]["purged"] == 0
    assert mailbox(hub, "purge", "--older", "0s")[0]["purged"] == 1
    assert mailbox(hub, "removed") == []
    hub.run("mailbox", "restore", JOE, "1", want=66)
    # The hub does the same by itself, beginning with its start.
    send(hub, "a@b.example", JOE)
    hub.wait_queue(lambda rows: not rows)
    mailbox(hub, "delete", JOE)
    hub.stop()
    hub.configure(BOXES + "hikyaku_removed_mail_lifetime = 0\n")
    hub.start()
    hub.wait_log("1 removed messages were purged")
