"""Local recipients: what their aliases stand for, and whether there is such a user."""
import os
import re
import time

from client import Client, sample
from marks import Skip
from test_explain import explain
from test_queue_and_notices import notice
from test_rewrite_and_route import send
from test_smtp import relay
from test_store import exported


def one_line(text) -> str:
    """The text of a notice without its folds."""
    return " ".join(text.split())


ALIASES = "alias_maps = hash:@T@/aliases\n"


def aliases(lab, text, main="", **options):
    return lab.hub(ALIASES + main, tables={"aliases": text}, **options)


def test_alias_to_two_mailboxes_here(lab):
    hub = aliases(lab, "# us\nteam: joe,\n  ann\n")
    mail = send(hub, "a@b.example", "Team@mail.hub.test", sample(subject="for all"))
    hub.wait_log(f"{mail}: to=<Team@mail.hub.test>.*status=sent.*mailbox joe.*mailbox ann")
    for user in ("joe", "ann"):
        told = exported(hub, user)
        assert "Subject: for all" in told and f"Delivered-To: {user}@mail.hub.test" in told and "X-Original-To: Team@mail.hub.test" in told, told
    assert "team" not in hub.run("mailbox", "list").lower()
    told = hub.why(mail)
    assert f"aliases:{hub.line_of('team', 'aliases')}" in told and "team is an alias" in told, told


def test_alias_elsewhere_is_queued_again_from_its_owner(lab):
    sink = lab.sink()
    hub = aliases(lab, "boss: joe\nlist: ann@dest.example, bob@dest.example, joe\nowner-list: boss\n", relay(sink))
    mail = send(hub, "a@b.example", "list@localhost", sample(subject="to the list"))
    got = sink.wait(1)[0]
    assert got.sender() == "owner-list@mail.hub.test" and sorted(got.recipients()) == ["ann@dest.example", "bob@dest.example"], got
    assert b"Delivered-To: list@localhost\r\n" in got.header() and b"Subject: to the list" in got.header(), got.header()
    line = hub.wait_log(f"{mail}: to=<list@localhost>.*status=sent.*forwarded as ")
    other = line.split("forwarded as ")[1].rstrip(")")
    told = exported(hub, "joe")
    assert "Return-Path: <owner-list@mail.hub.test>" in told, told
    hub.wait_queue(lambda rows: not rows)
    for one in (mail, other):
        assert f"aliases:{hub.line_of('list', 'aliases')}" in hub.why(one), hub.why(one)
    assert mail in hub.why(other) and other in hub.why(mail)


def test_alias_without_owner_keeps_the_sender_and_large_bodies(lab):
    sink = lab.sink()
    hub = aliases(lab, "one: ann@dest.example\n", relay(sink))
    body = "".join(f"line {n}\r\n" for n in range(30000))
    send(hub, "a@b.example", "one@mail.hub.test", sample(body=body))
    got = sink.wait(1)[0]
    assert got.sender() == "a@b.example" and got.body() == body.encode(), (got.mail_from, len(got.data))
    hub.wait_queue(lambda rows: not rows)
    folder = hub.home / "queue/hikyaku/blobs"
    assert not [p for p in folder.rglob("*") if p.is_file()], list(folder.rglob("*"))


def test_alias_of_the_same_name_is_the_mailbox_and_others(lab):
    sink = lab.sink()
    hub = aliases(lab, "joe: joe, copy@dest.example\n", relay(sink))
    send(hub, "a@b.example", "joe@mail.hub.test")
    assert sink.wait(1)[0].recipients() == ["copy@dest.example"]
    hub.wait_queue(lambda rows: not rows)
    assert exported(hub, "joe").count("Subject: hello") == 1
    assert len(sink.messages) == 1


def test_include_file(lab):
    sink = lab.sink()
    hub = lab.hub(ALIASES + relay(sink), tables={"members": "# the team\nann@dest.example, joe\n\nbob@dest.example (Bob)\n",
                                                 "aliases": "team: :include:@T@/members\n"})
    mail = send(hub, "a@b.example", "team@mail.hub.test")
    assert sorted(sink.wait(1)[0].recipients()) == ["ann@dest.example", "bob@dest.example"]
    hub.wait_queue(lambda rows: not rows)
    assert "Subject: hello" in exported(hub, "joe")
    told = hub.why(mail)
    assert "aliases:1" in told and "/members" in told, told


def test_include_file_that_is_not_there_comes_back(lab):
    sink = lab.sink()
    hub = lab.hub(ALIASES + relay(sink), tables={"aliases": "team: :include:@T@/members\n"})
    send(hub, "a@b.example", "team@mail.hub.test")
    _, _, status, _ = notice(sink.wait(1)[0])
    assert status[1]["Status"] == "5.3.5", status[1].items()


def test_alias_loop_comes_back(lab):
    sink = lab.sink()
    hub = aliases(lab, "one: two\ntwo: one\n", relay(sink))
    mail = send(hub, "a@b.example", "one@mail.hub.test")
    _, text, status, _ = notice(sink.wait(1)[0])
    assert status[1]["Status"] == "5.4.6" and "alias database loop" in text, (status[1].items(), text)
    assert "alias database loop" in hub.why(mail)
    assert hub.run("mailbox", "list").strip().count("\n") == 0, hub.run("mailbox", "list")


def test_mail_that_was_here_before_comes_back(lab):
    sink = lab.sink()
    hub = aliases(lab, "far: near@dest.example\n", relay(sink) + "virtual_mailbox_domains = box.example\nvirtual_mailbox_maps = static:all\n")
    for recipient in ("far@mail.hub.test", "joe@mail.hub.test", "joe@box.example"):
        before = len(sink.messages)
        send(hub, "a@b.example", recipient, f"Delivered-To: other@x.example\r\nDelivered-To: {recipient.upper()}\r\n".encode() + sample())
        _, text, status, _ = notice(sink.wait(before + 1)[-1])
        assert status[1]["Status"] == "5.4.6" and f"mail forwarding loop for {recipient}" in one_line(text), (status[1].items(), text)


def test_alias_that_returns_through_another_host_ends(lab):
    """The next hop sends it back to us: the second time it is a loop, and the sender is told."""
    sink = lab.sink()
    hub = aliases(lab, "round: round@dest.example\n", relay(sink))
    send(hub, "a@b.example", "round@mail.hub.test")
    send(hub, "a@b.example", "round@mail.hub.test", sink.wait(1)[0].data)
    whole, _, status, _ = notice(sink.wait(2)[1])
    assert status[1]["Status"] == "5.4.6" and whole["To"] == "a@b.example", status[1].items()


def test_command_and_file_are_refused_and_the_rest_goes_on(lab):
    sink = lab.sink()
    marker = lab.folder / "marker"
    hub = aliases(lab, f'robot: "|touch {marker}", {marker}, joe\n', relay(sink))
    send(hub, "a@b.example", "robot@mail.hub.test")
    _, text, status, _ = notice(sink.wait(1)[0])
    text = one_line(text)
    assert status[1]["Status"] == "5.7.1" and "mail to command is restricted" in text and "mail to file is restricted" in text, text
    assert "Subject: hello" in exported(hub, "joe") and not marker.exists()


def test_extension_of_an_alias(lab):
    hub = aliases(lab, "team: joe\n", "recipient_delimiter = +\n")
    mail = send(hub, "a@b.example", "team+x@mail.hub.test")
    hub.wait_log(f"{mail}: .*status=sent.*mailbox joe")


def test_aliases_of_a_virtual_alias_and_virtual_aliases_of_an_alias(lab):
    sink = lab.sink()
    hub = lab.hub(ALIASES + relay(sink) + "virtual_alias_maps = hash:@T@/virtual\n",
                  tables={"aliases": "team: ann, joe\n", "virtual": "team@v.example team@mail.hub.test\nann@mail.hub.test ann@dest.example\n"})
    send(hub, "a@b.example", "team@v.example")
    assert sink.wait(1)[0].recipients() == ["ann@dest.example"]
    hub.wait_queue(lambda rows: not rows)
    assert "Subject: hello" in exported(hub, "joe")


def test_changed_alias_file_counts_without_newaliases(lab):
    hub = aliases(lab, "team: joe\n")
    send(hub, "a@b.example", "team@mail.hub.test", sample(subject="first"))
    hub.wait_log("mailbox joe")
    hub.write_table("aliases", "# changed\nteam: ann\n")
    mark = len(hub.lines)
    hub.reload()
    hub.wait_log("reload", since=mark)
    send(hub, "a@b.example", "team@mail.hub.test", sample(subject="second"))
    hub.wait_log("mailbox ann")


def unlisted(hub, recipient, host="mail.hub.test") -> str:
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        return client.command(f"RCPT TO:<{recipient}@{host}>")


def default_recipients(lab, text="team: root\n", main=""):
    """local_recipient_maps as it is by default."""
    from hub import BASE
    return aliases(lab, text, main, base=BASE.replace("local_recipient_maps =\n", ""))


def test_unknown_local_user_is_refused_at_rcpt_by_default(lab):
    hub = default_recipients(lab)
    reply = unlisted(hub, "no-such-user")
    assert reply == ("550 5.1.1 <no-such-user@mail.hub.test>: Recipient address rejected: "
                     "User unknown in local recipient table"), reply
    for known in ("root", "ROOT", "team", "postmaster"):
        assert unlisted(hub, known).startswith("250 "), known
    assert unlisted(hub, "root", "localhost").startswith("250 ")


def test_users_of_the_hub_are_local_users(lab):
    hub = default_recipients(lab)
    assert unlisted(hub, "hubuser").startswith("550 5.1.1 ")
    hub.stop()
    hub.run("user", "add", "hubuser", stdin=b"a long enough password\n")
    hub.start()
    assert unlisted(hub, "hubuser").startswith("250 ")
    mail = send(hub, "a@b.example", "hubuser@mail.hub.test")
    hub.wait_log(f"{mail}: .*status=sent.*mailbox hubuser")
    told = hub.why(mail)
    assert "local_recipient_maps: hubuser" in told and "users:1" in told, told


def test_alias_of_a_user_that_there_is_not_comes_back(lab):
    sink = lab.sink()
    hub = default_recipients(lab, "typo: no-such-user, root\n", relay(sink))
    mail = send(hub, "a@b.example", "typo@mail.hub.test")
    _, text, status, _ = notice(sink.wait(1)[0])
    assert status[1]["Status"] == "5.1.1" and 'unknown user: "no-such-user"' in one_line(text), text
    assert "Subject: hello" in exported(hub, "root")
    assert "unknown user" in hub.why(mail)


COMMANDS = "allow_mail_to_commands = alias\ndefault_privs = nobody\n"


def commands(lab, text, main="", **options):
    """A hub whose aliases are commands; they may write to its folder, whoever they run as."""
    hub = aliases(lab, text, COMMANDS + main, start=False, **options)
    for folder in (hub.home.parent, hub.home):
        folder.chmod(0o777)
    return hub.start()


def test_command_gets_the_message_and_its_envelope(lab):
    hub = commands(lab, "tool: \"|env > @DIR@/env; cat > @DIR@/got\", joe\n", "recipient_delimiter = +\nexport_environment = LANG MARK=1\n")
    mail = send(hub, "a@b.example", "tool+x@mail.hub.test", sample("a@b.example", "tool@mail.hub.test", body="one\r\n\r\nlast\r\n"))
    hub.wait_log(f"{mail}: to=<tool.x@mail.hub.test>.*status=sent.*delivered to mailbox joe.*delivered to command")
    got = (hub.home / "got").read_text()
    lines = got.splitlines()
    assert lines[0].startswith("From a@b.example  ") and lines[1:4] == ["Return-Path: <a@b.example>", "X-Original-To: tool+x@mail.hub.test", "Delivered-To: tool+x@mail.hub.test"], lines
    assert got.endswith("\n\none\n\nlast\n") and "\r" not in got
    told = dict(line.split("=", 1) for line in (hub.home / "env").read_text().splitlines() if "=" in line)
    assert (told["SENDER"], told["RECIPIENT"], told["LOCAL"], told["EXTENSION"], told["CLIENT_ADDRESS"], told["MARK"]) == (
        "a@b.example", "tool+x@mail.hub.test", "tool+x", "x", "127.0.0.1", "1"), told
    assert "USER" in told and "HOME" in told and "LD_PRELOAD" not in told
    (recipient,) = explain(hub, "a@b.example", "tool@mail.hub.test")["recipients"]
    assert recipient["commands"] == [f"env > {hub.home}/env; cat > {hub.home}/got"] and recipient["mailboxes"] == ["joe@mail.hub.test"], recipient


def test_large_message_and_a_command_that_does_not_read_it(lab):
    hub = commands(lab, "count: \"|wc -c > @DIR@/count\"\ndeaf: \"|true\"\n")
    body = "".join(f"line {n}\r\n" for n in range(100000))
    for name in ("count", "deaf"):
        mail = send(hub, "a@b.example", f"{name}@mail.hub.test", sample(body=body))
        hub.wait_log(f"{mail}: to=<{name}@mail.hub.test>.*status=sent")
    assert int((hub.home / "count").read_text()) > len(body) - 100000


def test_exit_status_says_what_becomes_of_the_mail(lab):
    sink = lab.sink()
    hub = commands(lab, "later: \"|echo busy; exit 75\"\nnobody: \"|echo who is that >&2; exit 67\"\nodd: \"|exit 3\"\nkilled: \"|kill -9 $$\"\nslow: \"|sleep 60\"\nno: \"|/no/such/program\"\n",
                  relay(sink) + "command_time_limit = 1s\n")
    for name, status, words in (("later", "deferred", "dsn=4.3.0.*busy"), ("nobody", "bounced", "dsn=5.1.1.*who is that"), ("odd", "bounced", "dsn=5.3.0.*status 3"),
                                ("killed", "deferred", "signal 9"), ("slow", "deferred", "time limit exceeded"), ("no", "bounced", "status 127")):
        mail = send(hub, "a@b.example", f"{name}@mail.hub.test")
        line = hub.wait_log(f"{mail}: to=<{name}@mail.hub.test>.*status={status}")
        assert re.search(words, line), line
    assert len(hub.queue()) == 3


def test_hub_ends_though_a_command_runs(lab):
    hub = commands(lab, "slow: \"|touch @DIR@/begun; sleep 60\"\n")
    mail = send(hub, "a@b.example", "slow@mail.hub.test")
    end = time.monotonic() + 20
    while not (hub.home / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    hub.stop()
    hub.start()
    assert [row["queue_id"] for row in hub.queue()] == [mail]
    hub.kill()


def test_command_runs_as_default_privs_when_the_hub_is_root(lab):
    if os.geteuid() != 0:
        raise Skip("only root can run commands as another")
    hub = commands(lab, "who: \"|id -un; id -Gn; exit 75\"\n")
    mail = send(hub, "a@b.example", "who@mail.hub.test")
    line = hub.wait_log(f"{mail}: to=<who@mail.hub.test>.*status=deferred")
    assert "nobody nogroup" in line, line
    for user in ("root", ""):
        hub.configure(ALIASES + COMMANDS.replace("nobody", user))
        mark = hub.mark()
        hub.reload()
        hub.wait_log("reload", since=mark)
        mail = send(hub, "a@b.example", "who@mail.hub.test")
        hub.wait_log(f"{mail}: to=<who@mail.hub.test>.*status=deferred.*commands are not run as root")
