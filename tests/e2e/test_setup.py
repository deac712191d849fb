"""hikyaku setup: the first configuration, by options, by questions, and from a Postfix."""
import json
import os
import re
import subprocess
from pathlib import Path

from client import Client
from hub import CONFINED, Hub
from marks import Skip
from terminal import Terminal


def setup(lab, *options, want=0, stdin=""):
    done = subprocess.run([lab.binary, "setup", *map(str, options)], input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == want, (options, done)
    return done.stdout + done.stderr


def value(lab, folder, *names):
    done = subprocess.run([lab.binary, "config", "show", "-c", folder, "--json", *names], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line)["value"] for line in done.stdout.splitlines()]


def check(lab, folder):
    return subprocess.run([lab.binary, "config", "check", "-c", folder], capture_output=True, text=True, timeout=60).stdout.splitlines()[-1]


def test_what_it_writes_passes_the_check_and_says_why(lab):
    certificate, key = lab.certificates["mail.hub.test"]
    folder = lab.folder / "new/hikyaku"
    said = setup(lab, "-c", folder, "--host", "mail.hub.test", "--domain", "hub.test", "--domain", "other.test", "--network", "192.0.2.0/24", "--network",
                 "2001:db8::/32", "--relay", "[smtp.hub.test]:587", "--certificate", certificate, "--key", key)
    assert f"written: {folder}/main.cf" in said and said.endswith(f"{folder}: 0 errors, 0 warnings\n"), said
    assert check(lab, folder) == f"{folder}: 0 errors, 0 warnings"
    assert value(lab, folder, "myhostname", "myorigin", "virtual_mailbox_domains", "mydestination", "mynetworks", "relayhost", "inet_interfaces", "smtpd_tls_key_file", "hikyaku_confinement") == [
        "mail.hub.test", "mail.hub.test", "hub.test other.test", "mail.hub.test, localhost.hub.test, localhost", "127.0.0.0/8 [::1]/128 192.0.2.0/24 [2001:db8::]/32",
        "[smtp.hub.test]:587", "all", str(key), "yes"]
    lines = (folder / "main.cf").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+ =", line):
            before = next(l for l in reversed(lines[:number]) if not re.match(r"\w+ =", l))
            assert before.startswith("# "), f"{line}: nothing says why"
    assert (folder / "main.cf").stat().st_mode & 0o777 == 0o644
    assert re.findall(r"^(\w+)\s+inet", (folder / "master.cf").read_text(), re.M) == ["smtp", "submission", "submissions", "pop3s"]


def test_without_a_domain_it_listens_to_this_machine_alone(lab):
    folder = lab.folder / "relay"
    setup(lab, "-c", folder, "--host", "job.hub.test", "--relay", "[smtp.hub.test]")
    assert value(lab, folder, "inet_interfaces", "mydestination") == ["loopback-only", "job.hub.test, localhost.hub.test, localhost"]
    assert re.findall(r"^(\w+)\s+inet", (folder / "master.cf").read_text(), re.M) == ["smtp"]


def test_a_hub_starts_on_it_and_takes_mail_for_its_people(lab):
    hub = Hub(lab.binary, lab.folder / "first")
    lab.at_end.append(hub.stop)
    for name in ("main.cf", "master.cf"):
        (hub.conf / name).unlink()
    setup(lab, "-c", hub.conf, "--host", "mail.hub.test", "--domain", "hub.test")
    with open(hub.conf / "main.cf", "a", encoding="utf-8") as main:
        main.write(f"queue_directory = {hub.home}/queue\ndata_directory = {hub.home}/data\nmaillog_file = /dev/stderr\nmynetworks = [::1]/128\n"
                   "alias_maps = inline:{ {postmaster=joe@hub.test} }\n")
    master = (hub.conf / "master.cf").read_text()
    (hub.conf / "master.cf").write_text(re.sub(r"^smtp( +)inet", rf"127.0.0.1:{hub.port}\1inet", master, flags=re.M))
    for name in ("queue", "data"):
        (hub.home / name).rmdir()  # a first user and a first start make them
    hub.add_user("joe@hub.test", "open sesame")
    hub.start(environment=CONFINED)
    with Client(hub.port) as client:
        client.ehlo("pc.example.com")
        client.envelope("ann@example.com", "joe@hub.test")
        client.data(b"Subject: hello\r\n\r\nhello\r\n")
        client.command("MAIL FROM:<ann@example.com>")
        assert client.command("RCPT TO:<nobody@hub.test>").startswith("550 5.1.1 "), client.dialogue
        assert client.command("RCPT TO:<postmaster@hub.test>").startswith("250 "), client.dialogue
        client.command("RSET")
        client.command("MAIL FROM:<ann@example.com>")
        assert client.command("RCPT TO:<bob@example.net>").startswith("554 "), client.dialogue
    hub.wait_queue(lambda rows: not rows)
    said = hub.run("store", "export", "joe@hub.test")
    assert "Subject: hello" in said, (said, hub.log())


def test_nothing_is_lost_of_what_was_there(lab):
    folder = lab.folder / "there"
    setup(lab, "-c", folder, "--domain", "one.test", "--host", "mail.one.test")
    first = (folder / "main.cf").read_text()
    said = setup(lab, "-c", folder, "--domain", "two.test", "--host", "mail.two.test", want=73)
    assert "main.cf is there already; --replace keeps it under another name" in said and (folder / "main.cf").read_text() == first, said
    for number in (1, 2):
        said = setup(lab, "-c", folder, "--domain", "two.test", "--host", "mail.two.test", "--replace")
        assert f"kept: {folder}/main.cf, as {folder}/main.cf.{number}" in said, said
    assert (folder / "main.cf.1").read_text() == first and "two.test" in (folder / "main.cf").read_text()


def test_bad_answers_are_told_and_nothing_is_written(lab):
    folder = lab.folder / "bad"
    for options, code, told in ((["--host", "mail"], 64, "--host \"mail\": wanted is a name with its domain"), (["--domain", "a..b", "--host", "m.a.test"], 64, "--domain \"a..b\""),
                                (["--domain", "a.test\nx = y", "--host", "m.a.test"], 64, "--domain \"a.test\\x0ax = y\""),
                                (["--host", "m.a.test", "--network", "10.0.0.1/8"], 64, "--network \"10.0.0.1/8\""),
                                (["--host", "m.a.test", "--relay", "a b"], 64, "blanks"), (["--host", "m.a.test", "--key", "/k"], 64, "--key needs --certificate"),
                                (["--host", "m.a.test", "--certificate", "/none.pem"], 78, "/none.pem"), ([], 64, "on a terminal it asks"),
                                (["--from", "/etc/postfix", "--host", "m.a.test"], 64, "--from: --host has no use"), (["--from", "/none"], 66, "/none/main.cf")):
        said = setup(lab, "-c", folder, *options, want=code)
        assert told in said and not folder.exists(), (options, said)


def test_a_dry_run_prints_the_files(lab):
    folder = lab.folder / "dry"
    said = setup(lab, "-c", folder, "--domain", "a.test", "--host", "mail.a.test", "--dry-run")
    assert "# main.cf\n# Written by `hikyaku setup`" in said and "\nsmtp      inet" in said and not folder.exists(), said


def test_on_a_terminal_it_asks(lab):
    folder = lab.folder / "asked"
    hand = Terminal(lab, "setup", "-c", folder)
    for question, answer in (("The name of this server", "mail.asked.test"), ("The domains", "asked.test, other.test"), ("Networks", ""),
                             ("The server that mail for the world goes to", "[smtp.asked.test]:587"), ("The file of the certificate", "")):
        hand.wait(question)
        hand.type(answer + "\r")
    hand.wait("0 errors, 0 warnings")
    assert hand.ended() == 0
    assert value(lab, folder, "myhostname", "relayhost") == ["mail.asked.test", "[smtp.asked.test]:587"]
    hand = Terminal(lab, "setup", "-c", folder, "--replace")
    hand.wait("The name of this server")
    hand.type("\x04")
    assert hand.ended() == 66 and not (folder / "main.cf.1").exists()


# ------------------------------------------------------------------------------------------------- from Postfix
MAIN = """\
# As it was.
compatibility_level = 3.6
queue_directory = /var/spool/postfix
daemon_directory =
  /usr/lib/postfix/sbin
# within
  /and/more
mail_owner = postfix
myhostname = mail.old.test
mydestination = $myhostname
virtual_alias_domains = old.test
virtual_alias_maps = hash:@FROM@/virtual, regexp:@FROM@/sub/patterns
  inline:{ {a@old.test=/srv@FROM@/x} }
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
header_checks = regexp:@FROM@/header_checks
"""
MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
  -o smtpd_sender_login_maps=hash:@FROM@/logins
pickup    unix  n       -       y       60      1       pickup
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
smtp      unix  -       -       y       -       -       smtp
"""


def old_postfix(lab):
    folder = lab.folder / "postfix"
    (folder / "sub").mkdir(parents=True)
    for name, text in (("main.cf", MAIN), ("master.cf", MASTER), ("virtual", "joe@old.test ann@new.test\n"), ("sub/patterns", "/^all@old\\.test$/ joe@old.test\n"),
                       ("header_checks", "/^X-Bad:/ REJECT\n"), ("logins", "joe@old.test joe\n"), ("post-install", "#!/bin/sh\n"), ("main.cf.proto", "# proto\n")):
        (folder / name).write_text(text.replace("@FROM@", str(folder)))
    (folder / "logins").chmod(0o600)
    os.utime(folder / "virtual", (1_600_000_000, 1_600_000_000))
    os.mkfifo(folder / "a-pipe")
    return folder


def test_a_postfix_is_copied_with_a_report(lab):
    old, new = old_postfix(lab), lab.folder / "hikyaku"
    before = {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in old.rglob("*")}
    rows = [json.loads(line) for line in setup(lab, "--from", old, "-c", new, "--json").splitlines()]
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in old.rglob("*")}
    of = lambda kind: [row for row in rows if row.get("kind") == kind]
    assert [(r["line"], r["was"]) for r in of("not taken")] == [(3, "queue_directory = /var/spool/postfix"), (4, "daemon_directory ="),
                                                                (5, "  /usr/lib/postfix/sbin"), (7, "  /and/more"), (8, "mail_owner = postfix")], rows
    assert [(Path(r["file"]).name, r["line"]) for r in of("changed")] == [("main.cf", 12), ("main.cf", 15), ("master.cf", 2)], rows
    assert {Path(r["file"]).name for r in of("copied")} == {"virtual", "patterns", "header_checks", "logins"}, rows
    assert {Path(r["file"]).name for r in of("left out")} == {"post-install", "main.cf.proto", "a-pipe"}, rows
    # What does not carry over has its line.
    assert any(r.get("level") == "warning" and r["file"].endswith("master.cf") and r["line"] == 4 and "pipe" in r["text"] for r in rows), rows
    main = (new / "main.cf").read_text()
    assert main.startswith("# As it was.\ncompatibility_level = 3.6\n# Not taken from Postfix: it is a folder of Postfix's; the hub has its own.\n#queue_directory"), main
    assert f"hash:{new}/virtual, regexp:{new}/sub/patterns" in main and f"/srv{old}/x" in main, main
    assert (new / "virtual").stat().st_mtime == 1_600_000_000 and (new / "logins").stat().st_mode & 0o007 == 0
    assert value(lab, new, "queue_directory", "virtual_alias_domains") == ["/var/spool/hikyaku", "old.test"]


def test_the_copy_finds_the_filters_where_they_listen(lab):
    old, new, spool = lab.folder / "postfix", lab.folder / "hikyaku", lab.folder / "spool"
    old.mkdir()
    (old / "main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {spool}\nmilter_default_action = accept\n"
                                 "smtpd_milters = unix:/spamass/spamass.sock,\n  { local:opendkim/opendkim.sock, connect_timeout=3s }\nnon_smtpd_milters = $smtpd_milters\n")
    (old / "master.cf").write_text("smtp      inet  n       -       y       -       -       smtpd\n"
                                   "submission inet n      -       y       -       -       smtpd\n  -o smtpd_milters=unix:/own.sock\n"
                                   "cleanup   unix  n       -       y       -       0       cleanup\nsmtp      unix  -       -       y       -       -       smtp\n")
    rows = [json.loads(line) for line in setup(lab, "--from", old, "-c", new, "--json").splitlines()]
    changed = [(Path(r["file"]).name, r["line"], r["is"], r["why"]) for r in rows if r.get("kind") == "changed"]
    there, whole = "its filter listens below Postfix's queue_directory", "the hub finds its filters by whole paths"
    assert changed == [("main.cf", 4, f"smtpd_milters = unix:{spool}/spamass/spamass.sock,", there),
                       ("main.cf", 5, f"  {{ local:{spool}/opendkim/opendkim.sock, connect_timeout=3s }}", there),
                       ("master.cf", 1, "smtp      inet  n       -       n       -       -       smtpd", whole),
                       ("master.cf", 2, "submission inet n      -       n       -       -       smtpd", whole),
                       ("master.cf", 3, f"  -o smtpd_milters=unix:{spool}/own.sock", there),
                       ("master.cf", 4, "cleanup   unix  n       -       n       -       0       cleanup", whole)], changed
    # Nobody listens there: the check says where it looked, and that mail passes.
    for path in ("spamass/spamass.sock", "opendkim/opendkim.sock", "own.sock"):
        assert any(r.get("level") == "warning" and f"unix:{spool}/{path}" in r["text"] and "passes without it" in r["text"] for r in rows), (path, rows)


def test_the_copy_decides_as_the_original(lab):
    old, new = old_postfix(lab), lab.folder / "hikyaku"
    setup(lab, "--from", old, "-c", new)
    for to in ("joe@old.test", "all@old.test", "nobody@old.test"):
        told = []
        for folder in (old, new):
            done = subprocess.run([lab.binary, "explain", "-c", folder, "--from", "x@a.test", "--to", to, "--json"], capture_output=True, text=True, timeout=60)
            said = json.loads(done.stdout.replace(str(new), str(old)))
            # But for the lines, which move where something is not taken, and for headers with the time.
            entries = [{name: value for name, value in entry.items() if name != "line"} for entry in said["entries"] if entry["step"] != "rewrite.add_header"]
            told.append((done.returncode, said["accepted"], said["answers"], entries))
        assert told[0][:3] == told[1][:3] and len(told[0][3]) >= 2, (to, told)
        different = [pair for pair in zip(told[0][3], told[1][3]) if pair[0] != pair[1]]
        assert not different and len(told[0][3]) == len(told[1][3]), (to, different)


def test_an_import_keeps_or_refuses_what_is_there(lab):
    old, new = old_postfix(lab), lab.folder / "hikyaku"
    new.mkdir()
    (new / "virtual").write_text("mine\n")
    assert "virtual is there already" in setup(lab, "--from", old, "-c", new, want=73)
    setup(lab, "--from", old, "-c", new, "--replace")
    assert (new / "virtual.1").read_text() == "mine\n"
    for to in (old, old / "sub", lab.folder):
        assert "the folder is never written to" in setup(lab, "--from", old, "-c", to, want=64)
    dry = lab.folder / "dry"
    said = setup(lab, "--from", old, "-c", dry, "--dry-run")
    assert "not taken: it is a folder of Postfix's" in said and not dry.exists(), said


def test_copies_that_the_hub_may_not_read_are_told(lab):
    if os.geteuid() != 0 or subprocess.run(["getent", "group", "hikyaku"], capture_output=True).returncode == 0:
        raise Skip("needs root and no group hikyaku")
    old, new = old_postfix(lab), lab.folder / "hikyaku"
    rows = [json.loads(line) for line in setup(lab, "--from", old, "-c", new, "--json").splitlines()]
    assert [row["file"] for row in rows if row.get("kind") == "for root alone"] == [str(new / "logins")], rows


def test_the_copies_are_for_the_hub_to_read(lab):
    if os.geteuid() != 0 or subprocess.run(["getent", "group", "hikyaku"], capture_output=True).returncode:
        raise Skip("needs root and the group hikyaku")
    old, new = old_postfix(lab), lab.folder / "hikyaku"
    assert "for root alone" not in setup(lab, "--from", old, "-c", new, "--json")
    assert (new / "logins").group() == "hikyaku" and (new / "logins").stat().st_mode & 0o777 == 0o640
