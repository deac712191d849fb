"""The seed's worst night: the server froze, the database is in dirty shutdown, and a log may be bad."""
import json
import re
import subprocess
from pathlib import Path

from client import sample
from test_rewrite_and_route import send
from test_store import BOXES

TABLES = {"boxes": "test@box.example ok\nother@box.example ok\n"}


def crashed(lab, count=12):
    """A hub that stored `count` mails, each in its own commit, and was killed; with the texts of its subjects."""
    hub = lab.hub(BOXES, tables=TABLES)
    subjects = []
    for number in range(count):
        who = "test@box.example" if number % 3 else "other@box.example"
        mail = send(hub, "a@b.example", who, sample("a@b.example", who, f"number {number:02}", "line\r\n" * 40))
        hub.wait_log(f"{mail}: to=<{who}>.*status=sent")
        subjects.append((who, f"number {number:02}"))
    hub.kill()
    return hub, subjects


def command(hub, *arguments, code=0):
    done = subprocess.run([hub.binary, "store", arguments[0], "-c", str(hub.conf), *arguments[1:]], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def logs(hub) -> list[Path]:
    return sorted(Path(hub.home, "data/mailboxes/default/db").glob("*.log"))


def the_log(hub) -> Path:
    """The one with the mail in it."""
    return max(logs(hub), key=lambda path: path.stat().st_size)


def subjects_of(hub) -> set:
    found = set()
    for who in ("test@box.example", "other@box.example"):
        text = command(hub, "export", who)
        found |= {(who, subject) for subject in re.findall(r"^Subject: (number \d\d)", text, re.M)}
    return found


def damage(path, text: bytes):
    """One wrong octet in the stored body with this text; gives its place."""
    octets = bytearray(path.read_bytes())
    at = octets.index(text)
    octets[at + len(text) + 30] ^= 0x20
    path.write_bytes(octets)
    return at


def test_after_a_kill_status_says_dirty_and_mount_replays_all(lab):
    hub, subjects = crashed(lab)
    assert re.search(r"^State: +dirty shutdown$", command(hub, "status"), re.M)
    assert "0 bad" in command(hub, "check-logs")
    assert "clean shutdown" in command(hub, "mount")
    told = json.loads(command(hub, "status", "--json"))
    assert told["state"] == "clean shutdown" and told["last_consistent"] != "never" and told["losses"] == [], told
    assert subjects_of(hub) == set(subjects)
    assert "clean shutdown" in command(hub, "mount"), "once more changes nothing"
    hub.start()
    hub.stop()


def test_a_torn_end_is_normal_and_cut_by_mount_with_a_copy_kept(lab):
    hub, subjects = crashed(lab)
    with open(the_log(hub), "ab") as log:
        log.write(b"begun")
    assert "torn at the end (normal after a crash)" in command(hub, "check-logs")
    assert "quarantine" in command(hub, "recover")
    assert subjects_of(hub) == set(subjects)


def test_a_bad_octet_is_named_and_mount_tells_what_it_would_cost(lab):
    hub, _ = crashed(lab)
    log = the_log(hub)
    damage(log, b"number 04")
    before = {path: path.read_bytes() for path in logs(hub)}
    told = command(hub, "check-logs", code=65)
    assert re.search(re.escape(str(log)) + r": corrupt at offset \d+: checksum mismatch.*\(-501\)", told), told
    told = command(hub, "mount", code=65)
    assert "test@box.example: UID 3" in told and "a@b.example" in told and "number 04" in told, told
    assert "1 message lost" in told and "store mount --force" in told, told
    assert {path: path.read_bytes() for path in logs(hub)} == before
    report = json.loads(command(hub, "mount", "--json", code=65))
    assert report["mounted"] is False and report["loss"]["mailboxes"] == [
        {"mailbox": "test@box.example", "first_uid": 3, "last_uid": 3, "known": report["loss"]["mailboxes"][0]["known"]}], report


def test_forced_it_keeps_all_but_the_one_and_says_so_until_acknowledged(lab):
    hub, subjects = crashed(lab)
    log = the_log(hub)
    damage(log, b"number 04")
    original = log.read_bytes()
    told = command(hub, "mount", "--force")
    assert "1 message lost" in told and "clean shutdown" in told, told
    assert subjects_of(hub) == set(subjects) - {("test@box.example", "number 04")}
    [folder] = Path(hub.home, "data/mailboxes/default/quarantine").iterdir()
    assert (folder / log.name).read_bytes() == original
    assert json.loads((folder / "loss.json").read_text())["messages"] == 1
    assert "Mounted with loss" in command(hub, "status")
    assert json.loads(command(hub, "status", "--json"))["losses"] == [str(folder)]
    command(hub, "acknowledge")
    assert "Mounted with loss" not in command(hub, "status")
    assert "11 messages, 0 removed ones, 11 bodies: 0 problems" in command(hub, "verify")
    assert "clean shutdown" in command(hub, "mount", "--force"), "with nothing wrong it is a plain mount"
    hub.start()
    mail = send(hub, "a@b.example", "test@box.example", sample("a@b.example", "test@box.example", "number 99"))
    line = hub.wait_log(f"{mail}: to=<test@box.example>.*status=sent")
    assert int(re.search(r"UID (\d+)", line)[1]) > 9, "a UID that somebody may have seen is not given again"
    hub.stop()
    assert ("test@box.example", "number 99") in subjects_of(hub)


def test_a_missing_log_is_named(lab):
    hub, _ = crashed(lab)
    log = the_log(hub)
    log.rename(Path(hub.home, "away.log"))
    told = command(hub, "check-logs", code=65)
    assert re.search(re.escape(str(log)) + r": missing.*\(-528\)", told), told
    Path(hub.home, "away.log").rename(log)
    assert "0 bad" in command(hub, "check-logs")


def test_a_log_of_the_queue_in_its_place_is_of_another_database(lab):
    hub, _ = crashed(lab)
    log = the_log(hub)
    other = max(Path(hub.home, "queue/hikyaku/queue/db").glob("*.log"), key=lambda path: path.stat().st_size)
    log.write_bytes(other.read_bytes())
    told = command(hub, "check-logs", code=65)
    assert re.search(re.escape(str(log)) + r": of another database \(signature\).*\(-530\)", told), told


def test_the_queue_has_the_same_mount(lab):
    hub = lab.hub("smtpd_recipient_restrictions = check_recipient_access static:HOLD\n")
    ids = [send(hub, "a@b.example", f"x{n}@far.example", sample("a@b.example", "x@far.example", f"number {n:02}")) for n in range(6)]
    hub.kill()
    log = max(Path(hub.home, "queue/hikyaku/queue/db").glob("*.log"), key=lambda path: path.stat().st_size)
    octets = bytearray(log.read_bytes())
    octets[octets.index(b"Subject: number 03") + 3] ^= 1
    log.write_bytes(octets)
    assert "corrupt at offset" in command(hub, "check-logs", "--queue", code=65)
    told = command(hub, "mount", "--queue", code=65)
    assert "1 message lost" in told and ids[3] in told and "x3@far.example" in told, told
    command(hub, "mount", "--queue", "--force")
    rows = [json.loads(line)["queue_id"] for line in hub.run("queue", "list", "--json").splitlines()]
    assert sorted(rows) == sorted(i for i in ids if i != ids[3]), rows


def test_verify_reads_all_and_names_each_bad_file(lab):
    hub, _ = crashed(lab)
    command(hub, "mount")
    assert ", 0 bad" in command(hub, "verify")
    files = sorted(Path(hub.home, "data/mailboxes/default/db").glob("*.sst"))
    for path in files[:2]:
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 3] ^= 4
        path.write_bytes(octets)
    told = command(hub, "verify", code=65)
    assert ", 2 bad" in told and all(f"{path}: " in told for path in files[:2]), told
    rows = [json.loads(line) for line in command(hub, "verify", "--json", code=65).splitlines()]
    assert [row["file"] for row in rows[:-1]] and rows[-1]["bad"] == 2, rows


def test_verify_names_a_damaged_large_body_by_its_message_or_beside_damaged_tables_by_its_file(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    for number in range(2):
        mail = send(hub, "a@b.example", "test@box.example", sample("a@b.example", "test@box.example", f"number {number}", "line\r\n" * 20_000))
        hub.wait_log(f"{mail}: to=<test@box.example>.*status=sent")
    hub.stop()
    bodies = sorted(Path(hub.home, "data/mailboxes/default/blobs").iterdir())
    assert len(bodies) == 2, bodies
    octets = bytearray(bodies[0].read_bytes())
    octets[50_000] ^= 4
    bodies[0].write_bytes(octets)
    told = command(hub, "verify", code=65)
    assert re.search(r"^test@box\.example, UID \d: " + re.escape(f"{bodies[0]}: checksum mismatch"), told, re.M) and ", 1 bad" in told, told
    table = max(Path(hub.home, "data/mailboxes/default/db").glob("*.sst"), key=lambda path: path.stat().st_size)
    octets = bytearray(table.read_bytes())
    octets[len(octets) // 3] ^= 4
    table.write_bytes(octets)
    told = command(hub, "verify", code=65)
    assert f"{table}: " in told and f"{bodies[0]}: checksum mismatch" in told and ", 2 bad" in told, told


def test_verify_and_status_work_beside_a_running_hub(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    mail = send(hub, "a@b.example", "test@box.example")
    hub.wait_log(f"{mail}: to=<test@box.example>.*status=sent")
    assert "open in a running hub" in command(hub, "status")
    assert ", 0 bad" in command(hub, "verify")
    assert ", 0 bad" in command(hub, "verify", "--queue")
    assert "is mounted in the running hub" in command(hub, "mount")


def test_a_damaged_database_waits_for_a_person_and_all_other_mail_does_not(lab):
    hub, subjects = crashed(lab)
    log = the_log(hub)
    damage(log, b"number 04")
    sink = lab.sink()
    hub.configure(BOXES + f"relayhost = {sink.next_hop}\n")
    hub.start()
    hub.wait_log("hikyaku/store.*error: the database at .* is not opened")
    outside = send(hub, "a@b.example", "x@far.example")
    hub.wait_log(f"{outside}: to=<x@far.example>.*status=sent")
    waits = send(hub, "a@b.example", "test@box.example", sample("a@b.example", "test@box.example", "number 77"))
    hub.wait_log(f"{waits}: to=<test@box.example>.*dsn=4.3.0, status=deferred .*not mounted")
    assert "number 04" in command(hub, "mount", code=65)
    told = command(hub, "mount", "--force")
    assert "is mounted in the running hub" in told, told
    hub.wait_log(f"{waits}: to=<test@box.example>.*status=sent")
    assert subjects_of(hub) == set(subjects) - {("test@box.example", "number 04")} | {("test@box.example", "number 77")}


def test_dismounted_by_hand_it_takes_no_mail_until_it_is_mounted(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    assert "is dismounted" in command(hub, "dismount")
    waits = send(hub, "a@b.example", "test@box.example")
    hub.wait_log(f"{waits}: to=<test@box.example>.*status=deferred .*dismounted by hand")
    assert "clean shutdown" in command(hub, "status")
    assert "is mounted in the running hub" in command(hub, "mount")
    hub.wait_log(f"{waits}: to=<test@box.example>.*status=sent")
    hub.stop()
    assert "no hub runs" in command(hub, "dismount")
