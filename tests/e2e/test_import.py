"""`hikyaku store import` and `export --all`: Maildir, mbox and .eml files in and out, beside a running hub and without one."""
import json
import mailbox
import os
import socket
import subprocess
import time
from pathlib import Path

from client import sample
from hub import json_rows
from marks import long
from test_recovery import command
from test_rewrite_and_route import send
from test_store import BOXES

TABLES = {"boxes": "joe@box.example ok\nann@box.example ok\n"}
JOE, ANN = "joe@box.example", "ann@box.example"
DATE = 1_600_000_000  # 2020-09-13T12:26:40Z


def text(subject, body="hello\n"):
    return f"From: a@b.example\nSubject: {subject}\n\n{body}"


def rows(hub, name):
    return json_rows(hub.run("store", "export", name, "--json"))


def contents(hub, name):
    """What must survive a round trip, in an order of its own: UIDs are new."""
    return sorted((r["flags"], r["keywords"], r["received"], r["message"]) for r in rows(hub, name))


def subjects(hub, name):
    return [line[9:] for row in rows(hub, name) for line in row["message"].split("\r\n") if line.startswith("Subject: ")]


def names(hub):
    return [row["mailbox"] for row in json_rows(hub.run("mailbox", "list", "--json"))]


def imported(hub, *arguments, want=0):
    """The summary, and what was told before it."""
    all_rows = json_rows(hub.run("store", "import", *map(str, arguments), "--json", want=want))
    return all_rows[-1], all_rows[:-1]


def make_maildir(path):
    """Two messages in it and one in each of two folders, with flags, keywords and dates."""
    path = Path(path)
    for folder, files in {
        "": {f"cur/{DATE}.M1P1.host:2,FS": text("one"), f"new/{DATE + 1}.M2P1.host": text("two").replace("\n", "\r\n")},
        ".Sent": {f"cur/{DATE + 2}.1.host,S=60:2,Sab": text("three", "From here\n>From there\n.\n")},
        ".Archive.&ZeVnLIqe-": {f"cur/{DATE + 3}.1.host:2,DPRT": text("four")},
    }.items():
        for part in ("cur", "new", "tmp"):
            (path / folder / part).mkdir(parents=True)
        for name, octets in files.items():
            (path / folder / name).write_bytes(octets.encode())
    (path / "tmp/unfinished").write_text("Subject: not yet\n")
    (path / ".Sent/dovecot-keywords").write_text("0 work\n1 $Junk\n")
    return path


def test_a_maildir_with_folders_flags_keywords_and_dates(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    summary, told = imported(hub, JOE, make_maildir(hub.home / "Maildir"))
    assert summary["messages"] == 4 and summary["faults"] == 0 and told == [], (summary, told)
    assert names(hub) == [JOE, f"{JOE}/Archive", f"{JOE}/Archive/日本語", f"{JOE}/Sent"], names(hub)
    inbox = rows(hub, JOE)
    assert [(r["flags"], r["received"]) for r in inbox] == [("FS", "2020-09-13T12:26:40Z"), ("", "2020-09-13T12:26:41Z")], inbox
    assert inbox[1]["message"] == text("two").replace("\n", "\r\n")
    sent, archived = rows(hub, f"{JOE}/Sent")[0], rows(hub, f"{JOE}/Archive/日本語")[0]
    assert sent["keywords"] == ["$Junk", "work"] and sent["flags"] == "S", sent
    assert sent["message"] == text("three", "From here\n>From there\n.\n").replace("\n", "\r\n"), sent
    assert archived["flags"] == "DRT" and archived["keywords"] == ["$Forwarded"], archived
    hub.stop()
    assert "0 problems" in command(hub, "verify")


@long
def test_all_mailboxes_go_out_and_come_back_in_each_format(lab):
    hub, other = lab.hub(BOXES, tables=TABLES), lab.hub(BOXES, tables=TABLES)
    imported(hub, JOE, make_maildir(hub.home / "Maildir"))
    for number in range(3):
        send(hub, "a@b.example", ANN, sample("a@b.example", ANN, f"mail {number}", "From here\r\n>From there\r\n\r\n\r\n"))
    send(hub, "a@b.example", ANN, sample("a@b.example", ANN, "large", "From the line\r\n" * 20_000))
    hub.wait_queue(lambda found: not found)
    hub.run("mailbox", "create", f"{ANN}/Empty")
    hub.run("mailbox", "create", f"{ANN}/v1.2")
    expected = {name: contents(hub, name) for name in names(hub)}
    assert sum(map(len, expected.values())) == 8
    other.stop()
    for form, into in (("maildir", hub), ("mbox", other), ("maildir", other), ("mbox", hub)):
        folder = hub.home / f"{form}-{into.home.name}"
        made = json.loads(hub.run("store", "export", "--all", "--format", form, "--output", str(folder), "--json"))
        assert made["messages"] == 8 and made["damaged"] == 0, made
        for name in names(into):  # beside a running hub, and offline
            if "/" not in name:
                into.run("mailbox", "delete", name)
                for below in [n for n in names(into) if n.startswith(name + "/")]:
                    into.run("mailbox", "delete", below)
        summary, told = imported(into, "--all", folder)
        assert summary["messages"] == 8 and summary["faults"] == 0 and told == [], (form, summary, told)
        for name, messages in expected.items():
            assert contents(into, name) == messages, (form, name)
        assert f"{ANN}/v1.2" in names(into) and f"{ANN}/Empty" in names(into), names(into)
        again, _ = imported(into, "--all", folder, "--skip-duplicates")
        assert again["messages"] == 0 and again["duplicates"] == 8, again
    assert "0 problems" in command(other, "verify")


@long
def test_eml_files_keep_message_and_date(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    imported(hub, JOE, make_maildir(hub.home / "Maildir"))
    for number in range(12):
        send(hub, "a@b.example", ANN, sample("a@b.example", ANN, f"mail {number:02}"))
        hub.wait_queue(lambda found: not found)
    expected = [(r["received"], r["message"]) for r in rows(hub, ANN)]
    folder = hub.home / "eml"
    hub.run("store", "export", "--all", "--format", "eml", "--output", str(folder))
    hub.stop()
    summary, _ = imported(hub, "copy@box.example", folder / ANN)
    assert summary["messages"] == 12, summary
    assert [(r["received"], r["message"]) for r in rows(hub, "copy@box.example")] == expected
    assert rows(hub, "copy@box.example")[0]["sender"] == "a@b.example"
    summary, _ = imported(hub, "copy@box.example/Joe", folder / JOE)
    assert summary["messages"] == 4 and "copy@box.example/Joe/Archive/日本語" in names(hub), summary
    summary, _ = imported(hub, "copy@box.example/One", folder / ANN / "7.eml")
    assert summary["messages"] == 1 and subjects(hub, "copy@box.example/One") == ["mail 06"]
    mh = hub.home / "mh"
    mh.mkdir()
    for number in (2, 10, 1):
        (mh / str(number)).write_text(text(f"mh {number}"))
    summary, told = imported(hub, "mh", mh)
    assert summary["messages"] == 0 and len(told) == 3, told
    imported(hub, "mh", mh, "--format", "eml")
    assert subjects(hub, "mh") == ["mh 1", "mh 2", "mh 10"]


def test_python_writes_what_is_imported_and_reads_what_is_exported(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    written = mailbox.mbox(str(hub.home / "in.mbox"))
    for number, flags in enumerate(("RO", "ROFA", "")):
        message = mailbox.mboxMessage(text(f"number {number}", "x\n\nFrom the sea\n\nwe came.\n"))
        message.set_from("joe@b.example", time.gmtime(DATE + number))
        message.set_flags(flags)
        written.add(message)
    written.close()
    maildir = mailbox.Maildir(str(hub.home / "in"))
    message = mailbox.MaildirMessage(text("of a Maildir"))
    message.set_subdir("cur")
    message.set_flags("RS")
    maildir.add(message)
    maildir.add_folder("Sub").add(text("of a folder"))
    imported(hub, JOE, hub.home / "in.mbox")
    imported(hub, f"{JOE}/Dir", hub.home / "in")
    found = rows(hub, JOE)
    assert [(r["flags"], r["received"], r["sender"]) for r in found] == [
        ("S", "2020-09-13T12:26:40Z", "joe@b.example"), ("FRS", "2020-09-13T12:26:41Z", "joe@b.example"), ("", "2020-09-13T12:26:42Z", "joe@b.example")], found
    assert all(r["message"].endswith("\r\n\r\nx\r\n\r\nFrom the sea\r\n\r\nwe came.\r\n") and "Status" not in r["message"] for r in found), found
    assert subjects(hub, f"{JOE}/Dir/Sub") == ["of a folder"] and rows(hub, f"{JOE}/Dir")[0]["flags"] == "RS"

    hub.run("store", "export", JOE, "--output", str(hub.home / "out.mbox"))
    read = mailbox.mbox(str(hub.home / "out.mbox"))
    assert [(m["Subject"], m.get_flags(), m.get_from()) for m in read] == [
        ("number 0", "RO", "joe@b.example Sun Sep 13 12:26:40 2020"), ("number 1", "ROAF", "joe@b.example Sun Sep 13 12:26:41 2020"),
        ("number 2", "", "joe@b.example Sun Sep 13 12:26:42 2020")], [(m["Subject"], m.get_flags(), m.get_from()) for m in read]
    hub.run("store", "export", JOE, "--recursive", "--format", "maildir", "--output", str(hub.home / "out"))
    read = mailbox.Maildir(str(hub.home / "out"), create=False)
    assert sorted((m["Subject"], m.get_flags(), m.get_date()) for m in read) == [
        ("number 0", "S", DATE), ("number 1", "FRS", DATE + 1), ("number 2", "", DATE + 2)]
    assert sorted(read.list_folders()) == ["Dir", "Dir.Sub"]
    assert [m["Subject"] for m in read.get_folder("Dir.Sub")] == ["of a folder"]


def test_what_is_bad_is_named_and_the_rest_comes(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    path = make_maildir(hub.home / "Maildir")
    (path / "cur/17.empty:2,S").write_bytes(b"")
    (path / "cur/18.folder").mkdir()
    (path / f"cur/{DATE}.x:2,z").write_text(text("a letter without a word"))
    (path / ".a..b/cur").mkdir(parents=True)
    os.mkfifo(path / "new/19.fifo")
    summary, told = imported(hub, JOE, path, want=65)
    assert summary["messages"] == 5 and summary["faults"] == 5 == len(told), (summary, told)
    assert {Path(r["file"]).name for r in told} == {"17.empty:2,S", "18.folder", "19.fifo", "dovecot-keywords", ".a..b"}, told
    bad = hub.home / "bad.mbox"
    line = "From a@b.example Sun Sep 13 12:26:40 2020\n"
    bad.write_text("rubbish\n" + line + text("first", f"x\n{line}") + "\n" + line.replace("\n", "\r\n") + text("second").replace("\n", "\r\n"))
    hub.stop()
    code, out, err = hub.run("store", "import", f"{JOE}/Bad", str(bad), want=None)
    assert code == 65 and f"{bad}, octet 0: 8 octets before the first message" in err and out.startswith("2 messages added"), (code, out, err)
    assert rows(hub, f"{JOE}/Bad")[0]["message"] == text("first", f"x\n{line}").replace("\n", "\r\n")
    hub.run("store", "import", JOE, str(hub.home / "nowhere"), want=66)
    hub.run("store", "import", JOE, want=64)
    code, _, err = hub.run("store", "import", f"{JOE}//x", str(bad), want=None)
    assert code == 65 and "a mailbox can't have this name" in err, err
    hub.start()
    summary, told = imported(hub, f"{JOE}//x", bad, want=65)
    assert summary["refused"] == 2 and any(row.get("mailbox") == f"{JOE}//x" for row in told), (summary, told)


def test_no_quota_stops_it_but_it_counts(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    hub.run("mailbox", "quota", JOE, "--octets", "100")
    imported(hub, JOE, make_maildir(hub.home / "Maildir"))
    kept = json_rows(hub.run("mailbox", "quota", JOE, "--json"))[0]
    assert kept["messages"] == 4 and kept["octets"] > 100 and kept["octets_limit"] == 100, kept
    assert json_rows(hub.run("mailbox", "quota", JOE, "--recount", "--json"))[0] == kept
    mail = send(hub, "a@b.example", JOE)
    hub.wait_log(f"{mail}: to=<{JOE}>.*dsn=5.2.2")


def test_a_dismounted_database_takes_nothing(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    path = make_maildir(hub.home / "Maildir")
    command(hub, "dismount")
    code, _, err = hub.run("store", "import", JOE, str(path), want=None)
    assert code == 75 and "not mounted" in err, (code, err)
    command(hub, "mount")
    assert imported(hub, JOE, path)[0]["messages"] == 4


@long
def test_a_large_message_goes_through_in_bounded_memory(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    path = hub.home / "large.mbox"
    line = b"From a@b.example Sun Sep 13 12:26:40 2020\n"
    with path.open("wb") as out:
        for number in range(2):
            out.write(line + b"Subject: large %d\n\n" % number)
            for _ in range(1500):
                out.write(b"From here to there it is a long way, and the line goes on and on\n" * 1000)  # no empty line before it
            out.write(b"\n")
    before = hub.memory()
    # The command has 64 MiB for all its data.
    done = subprocess.run(["prlimit", f"--data={64 << 20}", hub.binary, "store", "-c", str(hub.conf), "import", JOE, str(path), "--json"], stdout=subprocess.PIPE)
    summary = json.loads(done.stdout)
    assert done.returncode == 0 and summary["messages"] == 2 and summary["octets"] > 198_000_000, summary
    assert hub.memory() - before < 40 << 20, hub.memory() - before
    rows_ = json_rows(hub.run("mailbox", "list", "--json"))
    assert rows_[0]["messages"] == 2 and rows_[0]["octets"] == summary["octets"], rows_


def make_large_mbox(path, count):
    box = "".join(f"From a@b.example Sun Sep 13 12:26:40 2020\nSubject: number {n}\n\n" + f"{n} line\n" * 900 + "\n" for n in range(count))
    path.write_text(box)


def import_until_something_is_there(hub, path):
    process = subprocess.Popen([hub.binary, "store", "-c", str(hub.conf), "import", JOE, str(path), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while not any(row["messages"] for row in json_rows(hub.run("mailbox", "list", "--json"))):
        assert time.monotonic() < end, "nothing was imported"
    return process


@long
def test_an_import_that_was_interrupted_is_run_again_without_duplicates(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    path = hub.home / "in.mbox"
    make_large_mbox(path, 6000)
    process = import_until_something_is_there(hub, path)
    hub.stop()
    out, err = process.communicate(timeout=30)
    first = json.loads(out.splitlines()[-1])  # what is safe is known, also when it did not come to its end
    assert process.returncode == (0 if first["whole"] else 75), (process.returncode, out, err)
    hub.start()
    assert len(subjects(hub, JOE)) == first["messages"] > 0, first
    hub.run("mailbox", "delete", JOE)
    process = import_until_something_is_there(hub, path)
    hub.kill()
    out, _ = process.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])
    hub.start()
    before = len(subjects(hub, JOE))
    assert before >= told["messages"] and before > 0, (before, told)
    summary, _ = imported(hub, JOE, path, "--skip-duplicates")
    assert summary["messages"] + summary["duplicates"] == 6000 and summary["whole"], (first, before, summary)
    assert summary["duplicates"] == before, (before, summary)
    assert sorted(subjects(hub, JOE)) == sorted(f"number {n}" for n in range(6000))
    hub.stop()
    assert "0 problems" in command(hub, "verify")


def test_who_asks_and_sends_nothing_does_not_hold_up_the_end(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    with socket.socket(socket.AF_UNIX) as idle, socket.socket(socket.AF_UNIX) as rude:
        for one in (idle, rude):
            one.connect(str(hub.home / "queue/hikyaku/control"))
            one.sendall(b'{"command": "store.import"}\n')
        rude.sendall(b"no frame")
        answer = json.loads(rude.makefile().readline())
        assert answer["error"] == "no frame of an import", answer
        hub.stop()
        answer = json.loads(idle.makefile().readline())
        assert answer["error"] == "the hub stops", answer


def test_a_message_that_cannot_be_read_is_named_and_the_others_go_out(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    for number in range(3):
        send(hub, "a@b.example", JOE, sample("a@b.example", JOE, f"number {number}", f"{number}" * 70 + "\r\n" + "line\r\n" * (1 if number != 1 else 100_000)))
        hub.wait_queue(lambda found: not found)
    hub.stop()
    blob = next(f for f in hub.home.glob("data/mailboxes/default/blobs/**/*") if f.is_file())
    with blob.open("r+b") as file:
        file.truncate(400_000)
    for form in ("mbox", "maildir", "eml"):
        folder = hub.home / f"out-{form}"
        code, out, err = hub.run("store", "export", JOE, "--recursive", "--format", form, "--output", str(folder), "--json", want=None)
        told, summary = json_rows(out)
        assert code == 65 and summary["messages"] == 2 and summary["damaged"] == 1, out
        assert told["mailbox"] == JOE and told["uid"] == 2 and "UID 2" in err and "octet 4" in told["error"], (told, err)
        copy = f"{form}@box.example"
        assert imported(hub, copy, folder)[0]["messages"] == 2
        assert subjects(hub, copy) == ["number 0", "number 2"], subjects(hub, copy)
        assert not [f for f in folder.rglob("*") if f.is_file() and (f.suffix == ".part" or f.parent.name == "tmp")]


def test_folders_of_other_programs(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    box = "From - Sun Sep 13 12:26:40 2020\nX-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\n"
    bird = hub.home / "bird"
    (bird / "Sent.sbd").mkdir(parents=True)
    (bird / "Inbox").write_text(box + text("in the inbox"))
    (bird / "Sent").write_text(box + text("sent"))
    (bird / "Sent.sbd/2020").write_text(box + text("sent in 2020"))
    (bird / "Sent.msf").write_text("// an index\n")
    summary, told = imported(hub, JOE, bird)
    assert summary["messages"] == 3 and summary["faults"] == 0 and [Path(r["file"]).name for r in told] == ["Sent.msf"], (summary, told)
    assert subjects(hub, JOE) == ["in the inbox"] and subjects(hub, f"{JOE}/Sent") == ["sent"] and subjects(hub, f"{JOE}/Sent/2020") == ["sent in 2020"]
    assert rows(hub, JOE)[0]["flags"] == "S" and "Mozilla" not in rows(hub, JOE)[0]["message"]

    nested = hub.home / "nested"
    for folder, subject in (("", "in"), ("Work", "work"), ("Work/v1.2", "deeper")):
        for part in ("cur", "new", "tmp"):
            (nested / folder / part).mkdir(parents=True)
        (nested / folder / f"cur/{DATE}.x:2,S").write_text(text(subject))
    (nested / "maildirsize").write_text("")
    (nested / "round").symlink_to(nested)
    summary, told = imported(hub, ANN, nested)
    assert summary["messages"] == 3 and "not followed" in told[0]["remark"], (summary, told)
    assert subjects(hub, f"{ANN}/Work/v1.2") == ["deeper"], names(hub)

    line = "From a@b.example Sun Sep 13 12:26:40 2020\n"
    uw = hub.home / "uw"
    uw.write_text(line + "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1600000000 0000000001\nStatus: RO\n\nnot mail\n\n"
                  + line + text("mail", ">>From one\n>From other\n"))
    assert imported(hub, "rd", uw)[0]["messages"] == 1
    assert imported(hub, "o", uw, "--format", "mboxo")[0]["messages"] == 1
    assert rows(hub, "rd")[0]["message"].endswith("\r\n\r\n>From one\r\nFrom other\r\n")
    assert rows(hub, "o")[0]["message"].endswith("\r\n\r\n>>From one\r\nFrom other\r\n")


def test_an_export_takes_the_place_of_nothing(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    imported(hub, JOE, make_maildir(hub.home / "Maildir"))
    for form in ("mbox", "maildir", "eml"):
        folder = hub.home / f"out-{form}"
        arguments = ("store", "export", "--all", "--format", form, "--output", str(folder))
        hub.run(*arguments)
        before = {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}
        code, _, err = hub.run(*arguments, want=None)
        assert code == 65 and ("File exists" in err or "it is there already" in err) and " mailboxes not written" in err, err
        assert {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()} == before
    # Into a Maildir that has keywords already: they keep their letters.
    folder = hub.home / "kept"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True)
    (folder / "dovecot-keywords").write_text("0 other\n1 work\n")
    hub.run("store", "export", f"{JOE}/Sent", "--format", "maildir", "--output", str(folder))
    assert (folder / "dovecot-keywords").read_text() == "0 other\n1 work\n2 $Junk\n"
    assert [f.name.split(":2,")[1] for f in (folder / "cur").iterdir()] == ["Sbc"]


@long
def test_mail_arrives_and_the_database_is_dismounted_while_an_import_runs(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    path = hub.home / "in.mbox"
    make_large_mbox(path, 6000)
    process = import_until_something_is_there(hub, path)
    for number in range(5):
        mail = send(hub, "a@b.example", JOE, sample("a@b.example", JOE, f"mail {number}"))
        hub.wait_log(f"{mail}: to=<{JOE}>.*status=sent")
    hub.reload()
    command(hub, "dismount")
    out, err = process.communicate(timeout=30)
    first = json.loads(out.splitlines()[-1])
    assert process.returncode == (0 if first["whole"] else 75), (process.returncode, out, err)
    command(hub, "mount")
    summary, _ = imported(hub, JOE, path, "--skip-duplicates")
    assert (summary["duplicates"], summary["messages"]) == (first["messages"], 6000 - first["messages"]), (first, summary)
    assert sorted(subjects(hub, JOE)) == sorted([f"number {n}" for n in range(6000)] + [f"mail {n}" for n in range(5)])
    hub.stop()
    assert "0 problems" in command(hub, "verify")
