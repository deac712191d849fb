"""Rules that remove mail by themselves, and keep what was removed: hikyaku_mailbox_expire_maps."""
import time

from hub import json_rows
from test_import import imported, subjects, text
from test_mailboxes import BOXES, JOE, TABLES, mailbox
from test_pop3 import SECRET, SERVICES, login, refusal
from test_recovery import command

DAY = 86400
RULES = BOXES + "hikyaku_mailbox_expire_maps = hash:@T@/expire\n"


def old_mail(hub, name, ages):
    """Messages that came so many days ago, "F12" flagged, "S12" seen; their subjects are the same words. The oldest
    gets the first UID."""
    path = hub.home / f"maildir-{time.monotonic_ns()}"
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    for number, age in enumerate(ages):
        flags, days = age.rstrip("0123456789"), age.lstrip("FS")
        came = int(time.time()) - int(days) * DAY - 60
        (path / "cur" / f"{came}.{number}.host:2,{flags}").write_text(text(age))
    imported(hub, name, path)



def rules_hub(lab, rules, start=True, **options):
    hub = lab.hub(RULES, tables=TABLES | {"expire": rules}, start=False, **options)
    return hub.start() if start else hub


def only(rows):
    assert len(rows) == 1, rows
    return rows[0]


def expire(hub, *arguments, want=0):
    return only(json_rows(hub.run("mailbox", "expire", *arguments, "--json", want=want)))


def test_what_would_go_is_told_with_rule_keys_and_reasons(lab):
    hub = rules_hub(lab, "# ours\n@box.example expire 30d seen, expire 90d\n/Trash expire 7d\n")
    mailbox(hub, "create", f"{JOE}/Trash/Old")
    old_mail(hub, JOE, ["100", "S40", "40", "SF100", "5"])
    old_mail(hub, f"{JOE}/Trash/Old", ["8", "6"])
    for running in (True, False):
        told = {row["mailbox"]: row for row in mailbox(hub, "expire", JOE, "--dry-run")}
        assert [told[n]["expired"] for n in (JOE, f"{JOE}/Trash/Old")] == [2, 1], told
        assert told[JOE]["rule"] == {"key": "@box.example", "value": "expire 30d seen, expire 90d",
                                     "place": f"{hub.tables}/expire:2"}, told
        assert told[JOE]["keys"] == [f"{JOE}/INBOX", JOE, "@box.example/INBOX", "/INBOX", "@box.example", "*"], told
        assert told[f"{JOE}/Trash/Old"]["rule"]["place"] == f"{hub.tables}/expire:3", told
        explained = mailbox(hub, "expire", JOE, "--dry-run", "--explain")
        why = {row["uid"]: row["why"] for row in explained if row["mailbox"] == JOE and "uid" in row}
        assert why[1] == "expire 90d" and why[3] == "expire 30d seen", why
        assert why[4].startswith("expire 30d seen: was not read yet; expire 90d: came 20"), why
        assert why[2] == "expire 30d seen: is flagged; expire 90d: is flagged", why
        by_hand = hub.run("mailbox", "expire", f"{JOE}/Trash/Old", "--dry-run", "--explain")
        assert f"1 of 2 messages would expire" in by_hand and f"(/Trash, {hub.tables}/expire:3)" in by_hand, by_hand
        assert "keys looked up: joe@box.example/Trash/Old joe@box.example/Trash joe@box.example" in by_hand, by_hand
        assert "UID 1, received 20" in by_hand and "expires by expire 7d" in by_hand and "stays: expire 7d: came" in by_hand, by_hand
        if running:
            hub.stop()
    assert sorted(subjects(hub, JOE)) == sorted(["100", "S40", "40", "SF100", "5"])
    hub.run("mailbox", "expire", "nobody@box.example", want=66)


def test_the_hub_does_it_by_itself_and_what_went_can_be_restored(lab):
    hub = rules_hub(lab, "@box.example expire 30d\n", start=False)
    old_mail(hub, JOE, ["40", "20", "F40"])
    hub.start()
    hub.wait_log(f"store.*: mailbox {JOE}: 1 of 3 messages expired, [0-9]+ octets")
    assert sorted(subjects(hub, JOE)) == ["20", "F40"]
    assert only(mailbox(hub, "removed", JOE))["uid"] == 1
    mailbox(hub, "restore", JOE, "1")
    # It is as if it had come now: the next round does not take it again.
    assert expire(hub, JOE)["expired"] == 0
    explained = mailbox(hub, "expire", JOE, "--dry-run", "--explain")
    assert "restored" in explained[-2] and not explained[-2]["expires"], explained
    hub.stop()
    assert "0 problems" in command(hub, "verify")


def test_the_command_does_it_at_once_and_a_changed_table_counts(lab):
    hub = rules_hub(lab, "@box.example expire 60d\n")
    old_mail(hub, JOE, ["40", "20", "10"])
    assert expire(hub, JOE)["expired"] == 0
    hub.write_table("expire", "@box.example expire 30d, most 1\n")
    mark = hub.mark()
    hub.reload()
    hub.wait_log("reload -- configuration", since=mark)
    assert expire(hub)["expired"] == 2
    assert subjects(hub, JOE) == ["10"]
    assert "1 of 1" not in hub.run("mailbox", "expire", JOE)


def test_a_bad_rule_is_told_with_its_line_and_nothing_goes(lab):
    hub = rules_hub(lab, "@box.example expire 30d\n")
    old_mail(hub, JOE, ["40"])
    hub.write_table("expire", "\n@box.example expire 30\n")
    code, out, told = hub.run("config", "check", want=None)
    assert code == 78, out + told
    assert f"{hub.tables}/expire:2" in out + told and 'expire wants an age, such as 30d or 1y' in out + told, out + told
    mark = hub.mark()
    hub.reload()
    hub.wait_log("reload: the configuration is bad", since=mark)
    hub.run("mailbox", "expire", JOE, want=78)
    hub.stop()
    # What a pattern makes of each name can't be told before it is looked up.
    hub.write_table("patterns", "/^(.*)@box.example$/ expire ${1}\n")
    hub.configure(BOXES + "hikyaku_mailbox_expire_maps = regexp:@T@/patterns\n")
    hub.start()
    hub.wait_log(f"store.*: mailbox {JOE}: nothing is expired: {hub.tables}/patterns:1")
    row = expire(hub, JOE, want=78)
    assert f'{hub.tables}/patterns:1: the value of {JOE}: "expire joe"' in row["error"], row
    assert "nothing is expired: " in hub.run("mailbox", "expire", JOE, want=78)
    mailbox(hub, "delete", JOE)
    told = mailbox(hub, "purge", "--older", "0s", want=78)
    assert told[-1] == {"purged": 0, "kept": 1} and "patterns:1" in told[0]["error"], told


def test_a_hold_keeps_what_is_removed_from_purge(lab):
    hub = rules_hub(lab, f"{JOE} hold\nann@box.example retain 2d\n")
    mailbox(hub, "create", f"{JOE}/Cases")
    old_mail(hub, JOE, ["1"])
    old_mail(hub, f"{JOE}/Cases", ["2", "3"])
    old_mail(hub, "ann@box.example", ["4"])
    for name in (f"{JOE}/Cases", "ann@box.example", JOE):
        mailbox(hub, "delete", name)
    assert only(mailbox(hub, "purge", "--older", "0s")) == {"purged": 0, "kept": 3}
    hub.stop()
    hub.configure(RULES + "hikyaku_removed_mail_lifetime = 0\n")
    hub.write_table("expire", f"{JOE} hold\n")
    hub.start()
    hub.wait_log("store.*: 1 removed messages were purged")
    kept = {row["mailbox"]: row["id"] for row in mailbox(hub, "removed")}
    assert sorted(kept) == [JOE, f"{JOE}/Cases"], kept
    mailbox(hub, "restore", "--id", str(kept[f"{JOE}/Cases"]), f"{JOE}/Back")
    assert sorted(subjects(hub, f"{JOE}/Back")) == ["2", "3"]
    hub.stop()
    hub.configure(BOXES)
    hub.start()
    assert only(mailbox(hub, "purge", "--older", "0s")) == {"purged": 1, "kept": 0}


def test_a_reader_s_deletion_is_kept_by_a_hold_though_nothing_else_keeps_it(lab):
    user = "test@box.example"
    hub = lab.hub(RULES + "hikyaku_removed_mail_lifetime = 0\n" + lab.tls_settings(), services=SERVICES, start=False,
                  tables={"boxes": f"{user} ok\nother@box.example ok\n", "expire": f"{user} hold\n"})
    for name in (user, "other@box.example"):
        hub.add_user(name, SECRET)
    hub.start()
    for name, removed in ((user, 1), ("other@box.example", 0)):
        old_mail(hub, name, ["1", "2"])
        client = login(hub, name)
        client.dele(1)
        client.quit()
        assert len(mailbox(hub, "removed", name)) == removed, name


def test_a_reader_is_told_of_what_expired_during_the_session(lab):
    user = "test@box.example"
    hub = lab.hub(RULES + lab.tls_settings(), services=SERVICES, start=False,
                  tables={"boxes": f"{user} ok\n", "expire": "* expire 30d\n"})
    hub.add_user(user, SECRET)
    hub.start()
    old_mail(hub, user, ["20", "40"])
    client = login(hub, user)
    assert client.stat()[0] == 2
    assert expire(hub, user)["expired"] == 1
    assert b"Subject: 20" in client.retr(2)[1]
    assert refusal(lambda: client.retr(1)).startswith("-ERR")
    client.quit()
    assert subjects(hub, user) == ["20"]
