"""Mail out of logs that a database was mounted without, brought in later, beside a hub that goes on delivering."""
import json
import re
import threading
from pathlib import Path

from client import sample
from test_recovery import TABLES, command, crashed, damage, subjects_of, the_log
from test_rewrite_and_route import send
from test_store import BOXES


def subjects_in_order(hub, who) -> list:
    return re.findall(r"^Subject: (number \d\d)", command(hub, "export", who), re.M)


def mounted_without_its_log(lab):
    hub, subjects = crashed(lab)
    log = the_log(hub)
    found = Path(hub.home, "found", log.name)
    found.parent.mkdir()
    log.rename(found)
    told = command(hub, "mount", "--force")
    assert "hikyaku store salvage" in told, told
    assert "there is no mailbox" in command(hub, "export", "test@box.example", code=66), "it was made in that log"
    return hub, subjects, found


def test_a_log_that_is_found_again_gives_its_mail_once(lab):
    hub, subjects, found = mounted_without_its_log(lab)
    told = command(hub, "salvage", str(found), "--dry-run")
    assert "12 messages would be added" in told, told
    assert "there is no mailbox" in command(hub, "export", "test@box.example", code=66), "nothing was changed"
    told = command(hub, "salvage", str(found))
    assert "12 messages added" in told and "0 left out" in told and "store acknowledge" in told, told
    for who in ("test@box.example", "other@box.example"):
        assert subjects_in_order(hub, who) == [subject for box, subject in subjects if box == who]
    text = command(hub, "export", "test@box.example")
    assert text.count("Return-Path: <a@b.example>") == 8, "with its own header lines"
    told = command(hub, "salvage", str(found.parent))
    assert "0 messages added" in told and "12 there already" in told, told
    assert "12 messages, 0 removed ones, 12 bodies: 0 problems" in command(hub, "verify")


def test_beside_a_hub_that_delivers_meanwhile(lab):
    hub, subjects, found = mounted_without_its_log(lab)
    hub.start()
    mails = [f"number {number}" for number in range(40, 60)]
    ids = []

    def deliver():
        for subject in mails:
            ids.append(send(hub, "a@b.example", "test@box.example", sample("a@b.example", "test@box.example", subject)))

    sender = threading.Thread(target=deliver)
    sender.start()
    rows = [json.loads(line) for line in command(hub, "salvage", str(found), "--json").splitlines()]
    sender.join()
    assert rows[-1]["added"] == 12 and rows[-1]["left_out"] == 0, rows
    boxes = {row["mailbox"]: row["added"] for row in rows if "mailbox" in row}
    assert boxes == {"test@box.example": 8, "other@box.example": 4}, rows
    for one in ids:
        hub.wait_log(f"{one}: to=<test@box.example>.*status=sent")
    everything = sorted([subject for who, subject in subjects if who == "test@box.example"] + mails)
    assert sorted(subjects_in_order(hub, "test@box.example")) == everything
    assert "0 messages added" in command(hub, "salvage", str(found))
    assert sorted(subjects_in_order(hub, "test@box.example")) == everything
    hub.stop()
    assert ": 0 problems" in command(hub, "verify")


def test_of_a_log_with_one_damage_that_message_goes_to_salvaged(lab):
    hub, subjects = crashed(lab)
    damage(the_log(hub), b"number 04")
    command(hub, "mount", "--force")
    kept = subjects_of(hub)
    told = command(hub, "salvage")
    assert "0 messages added" in told and "1 damages" in told and "1 damaged ones" in told, told
    assert subjects_of(hub) == kept == set(subjects) - {("test@box.example", "number 04")}
    text = command(hub, "export", "test@box.example/Salvaged")
    assert re.search(r"^X-Hikyaku-Salvaged: \d+\.log, offset \d+: checksum mismatch", text, re.M) and "Subject: number 04" in text, text
    told = command(hub, "salvage")
    assert "0 messages added, 0 damaged ones" in told, told


def test_errors_say_what_to_do(lab):
    hub, _ = crashed(lab)
    command(hub, "mount")
    assert "quarantine" in command(hub, "salvage", code=66)
    assert "nothing.log" in command(hub, "salvage", "/nothing.log", code=66)
    other = max(Path(hub.home, "queue/hikyaku/queue/db").glob("*.log"), key=lambda path: path.stat().st_size)
    assert "no intact record of mailboxes" in command(hub, "salvage", str(other), code=65)
    assert "there is no mailbox database" in command(hub, "salvage", "--database", "DB77", code=66)
