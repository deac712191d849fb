"""Several mailbox databases side by side, and users that go from one to another."""
import re
import threading
from pathlib import Path

from client import Client, sample
from hub import json_rows
from marks import long
from test_pop3 import login, mail_hub, uidls
from test_rewrite_and_route import send
from test_store import BOXES

JOE, ANN = "joe@box.example", "ann@box.example"
TABLES = {"boxes": f"{JOE} ok\n{ANN} ok\nbob@box.example ok\n"}


def store(hub, *arguments, want=0):
    return json_rows(hub.run("store", *arguments, "--json", want=want))


def subjects(hub, who):
    return re.findall(r"^Subject: (.*)$", hub.run("store", "export", who), re.M)


def deliver(hub, to, subject, text="line\r\n"):
    mail = send(hub, "a@b.example", to, sample("a@b.example", to if isinstance(to, str) else to[0], subject, text))
    for who in [to] if isinstance(to, str) else to:
        hub.wait_log(f"{mail}: to=<{re.escape(who)}>.*status=sent")
    return mail


def seen(hub, who):
    """What a mailbox is for a client, but for the bodies."""
    keys = ("uid_validity", "next_uid", "highest_modseq", "messages", "octets")
    boxes = {row["mailbox"]: [row.get(k) for k in keys] for row in json_rows(hub.run("mailbox", "list", who, "--json"))}
    return boxes, json_rows(hub.run("store", "export", who, "--json"))


def place(hub, who):
    return {row["database"] for row in json_rows(hub.run("mailbox", "list", who, "--json"))}


def damage_a_log(folder, text: bytes):
    log = max(Path(folder, "db").glob("*.log"), key=lambda path: path.stat().st_size)
    octets = bytearray(log.read_bytes())
    octets[octets.index(text) + len(text) + 30] ^= 0x20
    log.write_bytes(octets)


def test_databases_are_made_and_listed_with_and_without_a_hub(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    assert [row["database"] for row in store(hub, "list")] == ["default"]
    store(hub, "create", "DB02", "--directory", str(hub.home / "second"))
    hub.stop()
    store(hub, "create", "DB03")
    rows = {row["database"]: row for row in store(hub, "list")}
    assert list(rows) == ["default", "DB02", "DB03"], rows
    assert rows["DB02"]["directory"] == str(hub.home / "second")
    assert rows["DB03"]["directory"] == str(hub.home / "data/mailboxes/DB03")
    assert {row["users"] for row in rows.values()} == {0} and {row["state"] for row in rows.values()} == {"clean shutdown"}, rows
    hub.run("store", "create", "DB02", want=69)
    hub.run("store", "create", "../x", want=64)
    hub.run("store", "create", "DB04", "--directory", str(hub.conf), want=69)
    hub.run("store", "status", "DB09", want=66)
    assert (hub.home / "data/mailboxes/catalogue").read_text().splitlines()[:3] == [
        "hikyaku mailbox catalogue 1", f"database DB02 {hub.home}/second", "database DB03 DB03"]
    hub.start()
    assert [row["state"] for row in store(hub, "status")] == ["open in a running hub"] * 3


def test_users_of_two_databases_get_a_mail_each_in_its_own(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    moved = store(hub, "move-mailbox", JOE, "DB02")
    assert moved[-1]["moved"] and moved[-1]["messages"] == 0, moved
    mail = deliver(hub, [JOE, ANN], "both")
    large = deliver(hub, [JOE, ANN], "large", ("x" * 70 + "\r\n") * 3000)
    assert place(hub, JOE) == {"DB02"} and place(hub, ANN) == {"default"}
    assert subjects(hub, JOE) == subjects(hub, ANN) == ["both", "large"]
    [entry] = [e for e in hub.why_rows(mail)[0]["entries"] if e["step"] == "store.database"]
    assert entry["rule"] == f"account {JOE} DB02" and entry["outcome"] == "DB02", entry
    assert entry["file"].endswith("/mailboxes/catalogue") and entry["line"] == 3, entry
    assert large in hub.run("store", "export", JOE, "--json")
    everybody = json_rows(hub.run("mailbox", "list", "--json"))
    assert sorted((row["mailbox"], row["database"]) for row in everybody) == [(ANN, "default"), (JOE, "DB02")]
    hub.stop()
    assert sorted(row["mailbox"] for row in json_rows(hub.run("mailbox", "list", "--json"))) == [ANN, JOE]
    hub.run("store", "export", "--all", "--format", "maildir", "--output", str(hub.home / "out"))
    assert {p.name for p in (hub.home / "out").iterdir()} == {JOE, ANN}


def test_a_large_mail_that_reaches_two_users_at_different_times_has_a_file_for_each(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    # Two transports, so two deliveries of one message into the same database.
    large = ("x" * 70 + "\r\n") * 3000
    mail = send(hub, "a@b.example", ["root@mail.hub.test", ANN], sample("a@b.example", ANN, "large", large))
    for who in ("root@mail.hub.test", ANN):
        hub.wait_log(f"{mail}: to=<{who}>.*status=sent")
    hub.run("mailbox", "delete", "root")
    hub.run("mailbox", "purge", "--older", "0s")
    assert subjects(hub, ANN) == ["large"]
    hub.stop()
    assert ": 0 problems" in hub.run("store", "verify")


def test_one_that_is_not_mounted_defers_its_users_alone(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    store(hub, "move-mailbox", JOE, "DB02")
    store(hub, "dismount", "DB02")
    mail = send(hub, "a@b.example", [JOE, ANN], sample("a@b.example", JOE, "both"))
    hub.wait_log(f"{mail}: to=<{ANN}>.*status=sent")
    hub.wait_log(f"{mail}: to=<{JOE}>.*dsn=4.3.0, status=deferred .*mailbox database DB02 is not mounted: dismounted by hand")
    code, out, err = hub.run("mailbox", "list", "--json", want=None)
    assert code == 75 and any(row.get("left_out") for row in json_rows(out)), (code, out, err)
    assert "DB02 is left out" in hub.run("mailbox", "list", want=None)[2]
    store(hub, "mount", "DB02")
    hub.wait_log(f"{mail}: to=<{JOE}>.*status=sent")
    assert subjects(hub, JOE) == subjects(hub, ANN) == ["both"]


def test_a_damaged_one_waits_for_a_person_and_the_other_goes_on(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    store(hub, "move-mailbox", JOE, "DB02")
    for number in range(6):
        deliver(hub, JOE, f"number {number:02}", "line\r\n" * 40)
    hub.kill()
    damage_a_log(hub.home / "data/mailboxes/DB02", b"number 03")
    assert {row["database"]: row["state"] for row in store(hub, "list", want=65)}["DB02"] == "damaged"
    hub.start()
    waits = send(hub, "a@b.example", [JOE, ANN], sample("a@b.example", JOE, "number 77"))
    hub.wait_log(f"{waits}: to=<{ANN}>.*status=sent")
    hub.wait_log(f"{waits}: to=<{JOE}>.*dsn=4.3.0, status=deferred .*mailbox database DB02 is not mounted")
    told = hub.run("store", "mount", "DB02", want=None)[1]
    assert "number 03" in told and "hikyaku store mount DB02 --force" in told, told
    assert "is mounted in the running hub" in hub.run("store", "mount", "DB02", "--force")
    hub.wait_log(f"{waits}: to=<{JOE}>.*status=sent")
    assert subjects(hub, JOE) == [f"number {n:02}" for n in (0, 1, 2, 4, 5)] + ["number 77"]


def test_a_damaged_catalogue_is_named_and_nothing_is_guessed(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    store(hub, "move-mailbox", JOE, "DB02")
    hub.stop()
    catalogue = hub.home / "data/mailboxes/catalogue"
    good = catalogue.read_text()
    catalogue.write_text(good.replace(f"account {JOE} DB02", f"account {ANN} DB02"))
    assert f"{catalogue}:4: the checksum is not that" in hub.run("store", "list", want=None)[2]
    hub.start()
    sink = lab.sink()
    hub.configure(BOXES + f"relayhost = {sink.next_hop}\n")
    hub.reload()
    waits = send(hub, "a@b.example", ANN)
    hub.wait_log(f"{waits}: to=<{ANN}>.*dsn=4.3.0, status=deferred .*is not mounted: {re.escape(str(catalogue))}:4: ")
    hub.wait_log("reload -- configuration")
    outside = send(hub, "a@b.example", "x@far.example")
    hub.wait_log(f"{outside}: to=<x@far.example>.*status=sent")
    catalogue.write_text(good)
    hub.run("store", "mount")
    hub.wait_log(f"{waits}: to=<{ANN}>.*status=sent")


def test_a_database_whose_disk_is_away_is_not_made_anew(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    store(hub, "move-mailbox", JOE, "DB02")
    hub.stop()
    folder = hub.home / "data/mailboxes/DB02"
    folder.rename(hub.home / "away")
    folder.mkdir()
    hub.start()
    hub.wait_log("there is no database in .*DB02: is its disk mounted")
    waits = send(hub, "a@b.example", JOE)
    hub.wait_log(f"{waits}: to=<{JOE}>.*dsn=4.3.0, status=deferred")
    hub.run("store", "create", "DB02", want=69)
    folder.rmdir()
    (hub.home / "away").rename(folder)
    store(hub, "mount", "DB02")
    hub.wait_log(f"{waits}: to=<{JOE}>.*status=sent")


def test_a_folder_that_no_catalogue_names_is_told(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    hub.stop()
    (hub.home / "data/mailboxes/catalogue").unlink()
    hub.start()
    hub.wait_log("mailboxes/DB02 looks like a mailbox database and is not in")


def fill(hub, who):
    for number in range(5):
        deliver(hub, who, f"number {number:02}")
    deliver(hub, who, "large", ("y" * 70 + "\r\n") * 3000)
    hub.run("mailbox", "create", f"{who}/Archive/2026")
    hub.run("mailbox", "create", f"{who}/Gone")
    hub.run("mailbox", "delete", f"{who}/Gone")
    hub.run("mailbox", "quota", who, "--octets", "10000000")


@long
def test_a_moved_user_has_all_as_before(lab):
    hub = mail_hub(lab, users=(JOE, ANN))
    store(hub, "create", "DB02")
    fill(hub, JOE)
    client = login(hub, JOE)
    client.dele(2)
    client.quit()
    client = login(hub, JOE)
    ids = uidls(client)
    client.quit()
    before, quota = seen(hub, JOE), hub.run("mailbox", "quota", JOE)
    removed = json_rows(hub.run("mailbox", "removed", JOE, "--json"))
    assert len(removed) == 1
    told = store(hub, "move-mailbox", JOE, "DB02")[-1]
    assert told["moved"] and (told["messages"], told["removed"]) == (5, 1), told
    assert place(hub, JOE) == {"DB02"}
    assert seen(hub, JOE) == before and hub.run("mailbox", "quota", JOE) == quota
    assert json_rows(hub.run("mailbox", "removed", JOE, "--json")) == removed
    assert [row["mailbox"] for row in json_rows(hub.run("mailbox", "removed", "--json"))] == [f"{JOE}/Gone"]
    client = login(hub, JOE)
    assert uidls(client) == ids
    client.quit()
    hub.stop()
    for name in ("default", "DB02"):
        assert ": 0 problems" in hub.run("store", "verify", name)
    assert not [f for f in hub.home.glob("data/mailboxes/default/blobs/*") if f.is_file()], "its large body went along"
    # Back again, without a hub; what was removed can still be restored.
    assert store(hub, "move-mailbox", JOE, "default")[-1]["moved"]
    assert seen(hub, JOE) == before and place(hub, JOE) == {"default"}
    assert "account" not in (hub.home / "data/mailboxes/catalogue").read_text()
    hub.run("mailbox", "restore", JOE, "2")
    assert ": 0 problems" in hub.run("store", "verify")
    assert store(hub, "move-mailbox", JOE, "default") == [{"account": JOE, "database": "default", "from": "default", "moved": False}]
    hub.run("store", "move-mailbox", JOE, "DB09", want=66)
    hub.run("store", "move-mailbox", f"{JOE}/Archive", "DB02", want=64)


def test_all_users_of_a_domain_are_moved_and_those_to_come_are_there(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    deliver(hub, [JOE, ANN], "both")
    rows = store(hub, "move-mailbox", "@box.example", "DB02")
    assert rows[0] == {"domain": "box.example", "database": "DB02", "accounts": 2}, rows
    assert sorted(row["account"] for row in rows[1:] if row.get("moved")) == [ANN, JOE], rows
    mail = deliver(hub, "bob@box.example", "new")
    assert place(hub, "bob@box.example") == place(hub, JOE) == place(hub, ANN) == {"DB02"}
    assert "domain box.example DB02" in hub.why(mail), hub.why(mail)
    assert (hub.home / "data/mailboxes/catalogue").read_text().count("\n") == 4, "no line for each user"


def test_who_reads_is_not_moved_and_nobody_reads_meanwhile(lab):
    hub = mail_hub(lab, users=(JOE, ANN))
    store(hub, "create", "DB02")
    deliver(hub, JOE, "one")
    client = login(hub, JOE)
    code, _, err = hub.run("store", "move-mailbox", JOE, "DB02", want=None)
    assert code == 75 and "POP3 session" in err, (code, err)
    client.quit()
    assert store(hub, "move-mailbox", JOE, "DB02")[-1]["moved"]


@long
def test_mail_under_load_is_neither_lost_nor_doubled_by_moves(lab):
    hub = lab.hub(BOXES + "minimal_backoff_time = 1s\nqueue_run_delay = 1s\n", tables=TABLES)
    store(hub, "create", "DB02")
    fill(hub, JOE)
    before = {row["uid"]: row["message"] for row in json_rows(hub.run("store", "export", JOE, "--json"))}
    ends, failures, counts = threading.Event(), [], {}

    def load(worker):
        count = 0
        try:
            with Client(hub.port) as client:
                client.ehlo()
                while not ends.is_set() and count < 2000:
                    for who in (JOE, ANN):
                        client.mail("a@b.example", who, sample("a@b.example", who, f"load {worker}.{count}"))
                    count += 1
        except (OSError, AssertionError) as problem:
            failures.append(problem)
        counts[worker] = count

    threads = [threading.Thread(target=load, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(6):
            assert store(hub, "move-mailbox", JOE, "default" if turn % 2 else "DB02")[-1]["moved"], turn
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:3]
    hub.wait_queue(lambda rows: not rows, 60)
    expected = sorted(f"load {worker}.{n}" for worker, count in counts.items() for n in range(count))
    for who in (JOE, ANN):
        assert sorted(s for s in subjects(hub, who) if s.startswith("load")) == expected, who
    rows = json_rows(hub.run("store", "export", JOE, "--json"))
    uids = [row["uid"] for row in rows]
    assert len(set(uids)) == len(uids) and {row["uid"]: row["message"] for row in rows}.items() >= before.items()
    assert not re.search(rf"to=<{ANN}>.*status=deferred", hub.log()), "others notice nothing"
    hub.stop()
    for name in ("default", "DB02"):
        assert ": 0 problems" in hub.run("store", "verify", name)


@long
def test_killed_in_the_middle_of_moves_every_mail_is_there_once(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    fill(hub, JOE)
    before = sorted(subjects(hub, JOE))
    for turn in range(4 if lab.slow else 8):
        asked = threading.Event()

        def move():
            asked.set()
            hub.run("store", "move-mailbox", JOE, "default" if place_of[0] == "DB02" else "DB02", want=None)

        place_of = [place(hub, JOE).pop()]
        thread = threading.Thread(target=move)
        thread.start()
        asked.wait()
        thread.join(0.01 * turn)  # from nothing done to all done
        hub.kill()
        thread.join()
        hub.start()
        assert sorted(subjects(hub, JOE)) == before, turn
        deliver(hub, ANN, f"turn {turn}")
    assert len(place(hub, JOE)) == 1
    hub.stop()
    for name in ("default", "DB02"):
        hub.run("store", "mount", name)
    hub.start()
    hub.stop()
    for name in ("default", "DB02"):
        assert ": 0 problems" in hub.run("store", "verify", name), name


def test_backups_are_of_one_database(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    store(hub, "move-mailbox", JOE, "DB02")
    deliver(hub, JOE, "kept")
    folder = str(hub.home / "backup")
    store(hub, "backup", folder, "--database", "DB02")
    deliver(hub, JOE, "lost")
    deliver(hub, ANN, "other")
    store(hub, "dismount", "DB02")
    (hub.home / "data/mailboxes/DB02").rename(hub.home / "away")  # or its logs would bring back what came since
    store(hub, "restore", folder, "--database", "DB02")
    store(hub, "mount", "DB02")
    assert subjects(hub, JOE) == ["kept"] and subjects(hub, ANN) == ["other"]
    assert store(hub, "compact", "DB02")


def test_what_a_move_left_is_not_brought_back_by_an_old_backup(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    store(hub, "create", "DB02")
    deliver(hub, [JOE, ANN], "one")
    folder = str(hub.home / "backup")
    store(hub, "backup", folder)
    store(hub, "move-mailbox", JOE, "DB02")
    store(hub, "dismount")
    (hub.home / "data/mailboxes/default").rename(hub.home / "away")
    store(hub, "restore", folder)
    store(hub, "mount")
    assert [(row["mailbox"], row["database"]) for row in json_rows(hub.run("mailbox", "list", "--json"))] == [(ANN, "default"), (JOE, "DB02")]
    assert subjects(hub, JOE) == ["one"]
    code, _, err = hub.run("store", "move-mailbox", JOE, "default", want=None)
    assert code == 69 and "no move brought" in err, (code, err)
    assert subjects(hub, JOE) == ["one"]
