"""Tables, lists of tables and bodies that are damaged: what is left is put into a new database, and people read it."""
import json
from pathlib import Path

from client import sample
from test_pop3 import USER, login, mail_hub, retrieved
from test_recovery import command, damage
from test_rewrite_and_route import send


def subject(number):
    return f"number {number:02}"


def deliver(hub, *numbers, octets=600):
    for number in numbers:
        mail = send(hub, "a@b.example", USER, sample("a@b.example", USER, subject(number), "line\r\n" * (octets // 6)))
        hub.wait_log(f"{mail}: to=<{USER}>.*status=sent")


def filled(lab, **options):
    """A hub with small mail, one large value and one body in its own file, stopped, so that all is in tables."""
    hub = mail_hub(lab, **options)
    deliver(hub, 1, 2, 3, 4, 5, 6)
    deliver(hub, 7, octets=9000)
    deliver(hub, 8, octets=200_000)
    hub.stop()
    return hub


def database(hub) -> Path:
    return Path(hub.home, "data/mailboxes/default")


def octets_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_by_pop3(hub):
    client = login(hub)
    mails = [retrieved(client, number + 1) for number in range(client.stat()[0])]
    client.quit()
    return mails


def subjects(mails):
    return sorted(line.decode() for mail in mails for line in mail.split(b"\r\n") if line.startswith(b"Subject: "))


def expected(*numbers):
    return [f"Subject: {subject(number)}" for number in numbers]


def test_without_its_list_of_tables_everything_is_there_again(lab):
    hub = filled(lab)
    for path in list((database(hub) / "db").glob("MANIFEST-*")) + [database(hub) / "db/CURRENT"]:
        path.unlink()
    assert "CURRENT" in command(hub, "mount", code=65)
    before = octets_below(database(hub))
    made = json.loads(command(hub, "repair", "--json", code=65))
    assert octets_below(database(hub)) == before, "the old one is as it was"
    assert made["messages"] == 0 and made["list_of_tables_lost"] is True, made
    assert Path(made["made"], "db/CURRENT").exists() and made["put_aside"] == "", made
    told = command(hub, "repair", "--replace", code=65)
    assert "The list of tables is lost" in told and "The old database is whole in" in told, told
    assert "8 messages, 0 removed ones, 8 bodies: 0 problems" in command(hub, "verify")
    assert "Mounted with loss" in command(hub, "status")
    command(hub, "acknowledge")
    hub.start()
    mails = read_by_pop3(hub)
    assert subjects(mails) == expected(1, 2, 3, 4, 5, 6, 7, 8)
    assert [mail.count(b"line") for mail in mails][-2:] == [1500, 33333]
    deliver(hub, 9)
    assert subjects(read_by_pop3(hub)) == expected(1, 2, 3, 4, 5, 6, 7, 8, 9)


def test_a_body_that_is_damaged_costs_its_message_alone_and_is_kept_beside(lab):
    hub = filled(lab)
    [body] = (database(hub) / "blobs").iterdir()
    damage(body, b"line")
    damaged = body.read_bytes()
    made = json.loads(command(hub, "repair", "--replace", "--json", code=65))
    [lost] = made["mailboxes"]
    assert lost["mailbox"] == USER and lost["first_uid"] == lost["last_uid"] == 8, made
    assert lost["known"][0]["subject"] == subject(8) and lost["known"][0]["sender"] == "a@b.example", made
    assert (Path(made["report"]) / "blobs" / body.name).read_bytes() == damaged
    assert (Path(made["put_aside"]) / "blobs" / body.name).read_bytes() == damaged
    hub.start()
    assert subjects(read_by_pop3(hub)) == expected(1, 2, 3, 4, 5, 6, 7)


def test_where_all_tables_that_name_messages_are_gone_their_bodies_come_back_by_import(lab):
    hub = filled(lab)
    tables = sorted((database(hub) / "db").glob("*.sst"))
    for table in tables[1::2]:  # message, delivery, change, envelope
        table.unlink()
    made = json.loads(command(hub, "repair", "--replace", "--json", code=65))
    assert {Path(fault["file"]).name for fault in made["files"]} >= {table.name for table in tables[1::2]}, made
    lost = {uid for one in made["mailboxes"] for uid in range(one["first_uid"], one["last_uid"] + 1)}
    assert "0 problems" in command(hub, "verify")
    # Of number 8 the body, a file of its own, is all that is left: its UID stands in the range alone.
    assert lost == {1, 2, 3, 4, 5, 6, 7} and f"{USER}, UID 1 to 8" in str(made["notes"]), made
    assert [message["subject"] for message in made["mailboxes"][0]["known"]] == [subject(number) for number in range(1, 8)], made
    bodies = Path(made["report"]) / "bodies/1"
    assert sorted(path.name for path in bodies.iterdir()) == [f"{uid}.eml" for uid in range(1, 8)]
    hub.start()
    assert read_by_pop3(hub) == []
    command(hub, "import", USER, str(bodies))
    assert subjects(read_by_pop3(hub)) == expected(1, 2, 3, 4, 5, 6, 7)


def test_a_whole_one_is_told_to_be_whole_and_one_that_is_open_is_left_alone(lab):
    hub = filled(lab)
    told = command(hub, "repair")
    assert "Nothing is damaged" in told and "The old database is as it was" in told, told
    hub.start()
    assert "is open in another process" in command(hub, "repair", "--replace", code=75)
    command(hub, "dismount")
    assert json.loads(command(hub, "repair", "--replace", "--json"))["damaged"] is False
    command(hub, "mount")
    assert subjects(read_by_pop3(hub)) == expected(1, 2, 3, 4, 5, 6, 7, 8)


def test_mail_in_the_queue_whose_body_is_lost_is_not_sent(lab):
    hub = mail_hub(lab)
    command(hub, "dismount")
    kept = send(hub, "a@b.example", USER, sample("a@b.example", USER, subject(1), "line\r\n" * 20))
    gone = send(hub, "a@b.example", USER, sample("a@b.example", USER, subject(2), "line\r\n" * 40_000))
    for mail in (kept, gone):
        hub.wait_log(f"{mail}: to=<{USER}>.*status=deferred")
    hub.stop()
    [body] = Path(hub.home).rglob("hikyaku/blobs/*")
    body.unlink()
    made = json.loads(command(hub, "repair", "--queue", "--replace", "--json", code=65))
    assert [one["queue_id"] for one in made["queued"]] == [gone] and made["queued"][0]["recipients"] == [USER], made
    command(hub, "acknowledge", "--queue")
    hub.start()
    hub.run("queue", "retry", kept)
    hub.wait_log(f"{kept}: to=<{USER}>.*status=sent")
    assert subjects(read_by_pop3(hub)) == expected(1)
