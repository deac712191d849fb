"""Backups of the mailboxes while mail arrives, and the way back to a moment."""
import json
import re
import shutil
from datetime import datetime, timezone
from pathlib import Path

from client import sample
from test_recovery import TABLES, command, damage
from test_rewrite_and_route import send
from test_store import BOXES

KEEPING = BOXES + "hikyaku_mailbox_log_lifetime = 1d\n"


def deliver(hub, *numbers, octets=2000):
    for number in numbers:
        text = sample("a@b.example", "test@box.example", f"number {number:02}", "x" * 76 + "\r\n" + "line\r\n" * (octets // 6))
        mail = send(hub, "a@b.example", "test@box.example", text)
        hub.wait_log(f"{mail}: to=<test@box.example>.*status=sent")


def expected(*numbers):
    return {("test@box.example", f"number {number:02}") for number in numbers}


def subjects_of(hub):
    return {("test@box.example", subject) for subject in re.findall(r"^Subject: (number \d\d)", command(hub, "export", "test@box.example"), re.M)}


def backup(hub, folder, *options):
    return json.loads(command(hub, "backup", str(folder), "--json", *options))


def database(hub) -> Path:
    return Path(hub.home, "data/mailboxes/default")


def test_beside_a_running_hub_full_then_incremental_each_octet_verified(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1, 2)
    deliver(hub, 3, octets=200_000)  # a body with its own file
    first = backup(hub, folder)
    assert first["kind"] == "full" and first["number"] == 1, first
    deliver(hub, 4)
    second = backup(hub, folder)
    assert second["kind"] == "incremental" and second["set"] == first["set"], second
    third = backup(hub, folder, "--full")
    assert third["kind"] == "full" and third["set"] != first["set"], third
    rows = [json.loads(line) for line in command(hub, "backups", str(folder), "--json").splitlines()]
    assert first.pop("why_full") == "the first in this folder" and third.pop("why_full") == "a full one was asked for"
    assert rows == [first, second, third], rows
    assert "3 backups, every octet read: 0 bad files" in command(hub, "backups", str(folder), "--verify")
    status = command(hub, "status")
    assert re.search(r"^Last full backup: 2\d\d\d-", status, re.M) and re.search(r"^Incremental: +2\d\d\d-", status, re.M), status
    body = max(Path(first["set"], "bodies").iterdir(), key=lambda path: path.stat().st_size)
    damage(body, b"line")
    told = command(hub, "backups", str(folder), "--verify", code=65)
    assert str(body) in told and "bad files" in told, told


def test_after_a_total_loss_the_backup_is_put_in_place(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1, 2)
    deliver(hub, 3, octets=200_000)
    backup(hub, folder)
    deliver(hub, 4)
    assert "is open in another process" in command(hub, "restore", str(folder), code=75)
    hub.stop()
    shutil.rmtree(database(hub))
    told = command(hub, "restore", str(folder))
    assert "there is no database whose logs could be followed" in told, told
    assert subjects_of(hub) == expected(1, 2, 3)
    assert "0 problems" in command(hub, "verify")
    hub.start()
    deliver(hub, 5)
    hub.stop()
    assert subjects_of(hub) == expected(1, 2, 3, 5)


def test_back_to_a_moment_and_the_other_one_is_kept(lab):
    hub = lab.hub(KEEPING, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1)
    backup(hub, folder)
    deliver(hub, 2)
    deliver(hub, 3, octets=200_000)
    moment = datetime.now(timezone.utc).isoformat()
    deliver(hub, 4)
    hub.stop()
    assert "after the wanted moment" in command(hub, "restore", str(folder), "--at", "2020-01-01T00:00Z", code=66)
    assert "is no moment" in command(hub, "restore", str(folder), "--at", "yesterday", code=64)
    told = json.loads(command(hub, "restore", str(folder), "--at", moment, "--json"))
    assert told["stopped"] == "" and told["changes_from_logs"] > 0 and told["notes"] == [], told
    assert subjects_of(hub) == expected(1, 2, 3)
    assert Path(told["put_aside"], "db/CURRENT").exists()
    hub.start()
    deliver(hub, 5)
    hub.stop()
    assert subjects_of(hub) == expected(1, 2, 3, 5)


def test_with_the_last_backup_and_the_logs_nothing_acknowledged_is_missing(lab):
    hub = lab.hub(KEEPING, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1, 2)
    backup(hub, folder)
    deliver(hub, 3, 4)
    hub.kill()
    for table in database(hub).glob("db/*.sst"):
        table.write_bytes(b"rubbish")
    told = command(hub, "restore", str(folder))
    assert "changes from the logs until" in told, told
    assert subjects_of(hub) == expected(1, 2, 3, 4)


def test_a_log_that_is_missing_ends_it_and_is_told(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1, 2)
    backup(hub, folder)
    deliver(hub, 3)
    hub.stop()  # its logs are not kept
    hub.start()
    deliver(hub, 4)
    hub.kill()
    told = command(hub, "restore", str(folder), code=65)
    assert re.search(r"could not be followed: changes \d+ to \d+ are missing before offset 0 of .*\.log", told), told
    assert subjects_of(hub) == expected(1, 2)


def test_a_damaged_backup_is_shown_passed_over_and_no_other_is_built_on_it(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    folder = Path(hub.home, "backup")
    deliver(hub, 1)
    first = backup(hub, folder)
    deliver(hub, 2)
    second = backup(hub, folder)
    meta = Path(second["set"], "meta", str(second["number"]))
    meta.write_bytes(meta.read_bytes()[:20])
    shown = command(hub, "backups", str(folder))
    assert f"damaged: {meta}" in shown, shown
    hub.stop()
    told = json.loads(command(hub, "restore", str(folder), "--json", code=65))  # the logs after it were not kept
    assert told["backup"]["number"] == first["number"], told
    assert any("passed over" in note and str(meta) in note for note in told["notes"]), told
    hub.start()
    third = backup(hub, folder)
    assert third["kind"] == "full" and third["set"] != first["set"], third
    assert str(meta) in third["why_full"], third


def test_logs_that_were_kept_go_when_the_setting_does(lab):
    hub = lab.hub(KEEPING, tables=TABLES)
    archive = database(hub) / "db/archive"
    deliver(hub, 1)
    hub.stop()
    hub.start()
    deliver(hub, 2)
    assert list(archive.glob("*.log"))
    hub.stop()
    main_cf = hub.conf / "main.cf"
    main_cf.write_text(main_cf.read_text().replace("hikyaku_mailbox_log_lifetime = 1d", ""))
    hub.start()
    hub.wait_log("hikyaku_mailbox_log_lifetime says to keep none")
    assert not list(archive.glob("*.log"))
    assert subjects_of(hub) == expected(1, 2)
