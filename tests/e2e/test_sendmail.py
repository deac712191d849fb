"""The sendmail command and its pickup: mail of local programs, which is safe from exit code 0 on."""
import collections
import os
import random
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from marks import Skip
from scripted_filter import ScriptedFilter
from test_smtp import relay
from test_store import BOXES, exported

NOBODY = 65534


def sendmail(hub, *arguments, message=b"Subject: hello\n\nhi\n", want=0, user=None, binary=None, name="sendmail") -> str:
    """What it said on stderr."""
    done = subprocess.run([name, "-C", str(hub.conf), *arguments], executable=str(binary or hub.binary), input=message,
                          capture_output=True, timeout=60, user=user, group=user, extra_groups=[] if user else None)
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode == want, f"sendmail {arguments} ended with {done.returncode}, not {want}: {said}"
    return said


def folder(hub, name) -> list:
    return sorted((hub.home / "queue" / name).iterdir())


def wait_empty(hub, *names):
    end = time.monotonic() + 20
    while any(folder(hub, name) for name in names):
        assert time.monotonic() < end, {name: folder(hub, name) for name in names}
        time.sleep(0.02)


def test_a_message_is_made_whole_as_a_local_one(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "myorigin = hub.test\n")
    sendmail(hub, "-F", "Joe Q", "bob@b.example", message=b"Subject: hello\nTo: bob@b.example, ann\n\nline\r\n..\nno end")
    mail, = sink.wait(1)
    assert mail.sender() == "root@hub.test", mail.sender()
    assert mail.recipients() == ["bob@b.example"]
    assert mail.body() == b"line\r\n..\r\nno end\r\n", mail.body()
    header = mail.header().decode()
    assert header.startswith("Received: by mail.hub.test (Hikyaku, from userid 0)"), header
    assert re.search(r"^From: Joe Q <root@hub\.test>", header, re.M), header
    assert re.search(r"^Message-Id: <", header, re.M) and re.search(r"^Date: ", header, re.M), header
    assert re.search(r"^To: bob@b\.example, ann@hub\.test", header, re.M), header
    line = hub.wait_log(r"pickup\[\d+\]: \S+: uid=0 from=<root>")
    queue_id = re.search(r": (\S+): uid=", line).group(1)
    hub.wait_log(rf"cleanup\[\d+\]: {queue_id}: message-id=<")
    hub.wait_log(rf"qmgr\[\d+\]: {queue_id}: from=<root@hub\.test>, size=\d+, nrcpt=1")
    assert "queue.pickup" in hub.why(queue_id)
    wait_empty(hub, "maildrop", "pickup")


# arguments, message, sender, recipients, body. Each row is held against Postfix's own sendmail where that is there.
ROWS = [
    (["b@b.example"], b"Subject: s\n\nhi\n.\nafter\n", "root", ["b@b.example"], b"hi\n"),
    (["-i", "b@b.example"], b"Subject: s\n\nhi\n.\nafter\n", "root", ["b@b.example"], b"hi\n.\nafter\n"),
    (["-oi", "b@b.example"], b"Subject: s\n\nhi\n.\nafter\n", "root", ["b@b.example"], b"hi\n.\nafter\n"),
    (["-f", "ann@a.example", "b@b.example"], b"Subject: s\n\nhi\n", "ann@a.example", ["b@b.example"], b"hi\n"),
    (["-r", "Ann <ann@a.example>", "b@b.example"], b"Subject: s\n\nhi\n", "ann@a.example", ["b@b.example"], b"hi\n"),
    (["-f", "", "b@b.example"], b"Subject: s\n\nhi\n", "", ["b@b.example"], b"hi\n"),
    (["-f", "<>", "b@b.example"], b"Subject: s\n\nhi\n", "", ["b@b.example"], b"hi\n"),
    (["-t"], b"To: b@b.example\nCc: Joe <c@c.example>,\n d@d.example\nBcc: e@e.example\nSubject: s\n\nhi\n", "root",
     ["b@b.example", "c@c.example", "d@d.example", "e@e.example"], b"hi\n"),
    (["-t", "x@x.example"], b"To: b@b.example\nSubject: s\n\nhi\n", "root", ["b@b.example", "x@x.example"], b"hi\n"),
    (["-t"], b"Resent-To: r@r.example\nTo: b@b.example\nSubject: s\n\nhi\n", "root", ["r@r.example"], b"hi\n"),
    (["Joe <j@j.example>, k@k.example"], b"Subject: s\n\nhi\n", "root", ["j@j.example", "k@k.example"], b"hi\n"),
    (["b@b.example"], b"From joe\n>From joe\nSubject: s\n\nFrom me\n", "root", ["b@b.example"], b"From me\n"),
    (["-odb", "-om", "-em", "-m", "-U", "-O", "a=b", "-h", "3", "-L", "tag", "-Am", "-bm", "-x", "-p", "x", "b@b.example"],
     b"Subject: s\n\nhi\n", "root", ["b@b.example"], b"hi\n"),
    (["-B", "8BITMIME", "-N", "never", "-R", "hdrs", "-V", "id-1", "--", "b@b.example"], b"Subject: s\n\n\xc3\xa4\n", "root",
     ["b@b.example"], b"\xc3\xa4\n"),
]


def test_options_mean_what_they_mean_to_postfix(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    for count, (arguments, message, sender, recipients, body) in enumerate(ROWS, 1):
        sendmail(hub, *arguments, message=message)
        mail = sink.wait(count)[-1]
        assert mail.sender() == (f"{sender}@mail.hub.test" if sender == "root" else sender), (arguments, mail.sender())
        assert sorted(mail.recipients()) == recipients, (arguments, mail.recipients())
        assert mail.body() == body.replace(b"\n", b"\r\n"), (arguments, mail.body())
        assert b"Subject: s" in mail.header() and b"Bcc" not in mail.header() and b"From joe" not in mail.header()


def test_the_rows_are_true_of_postfix(lab):
    if not shutil.which("postcat") or not shutil.which("postconf") or os.geteuid() != 0:
        raise Skip("no Postfix here, or not root")
    home = Path(lab.folder) / "postfix"
    conf, maildrop = home / "conf", home / "spool" / "maildrop"
    for path in (conf, maildrop, home / "spool" / "public", home / "data"):
        path.mkdir(parents=True)
    conf.joinpath("main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {home}/spool\ndata_directory = {home}/data\n"
                                        "myhostname = mail.hub.test\n")
    conf.joinpath("master.cf").write_text("pickup unix n - y 60 1 pickup\n")
    for arguments, message, sender, recipients, body in ROWS:
        subprocess.run(["/usr/sbin/sendmail", "-C", str(conf), *arguments], input=message, check=True, capture_output=True)
        file, = maildrop.iterdir()
        text = subprocess.run(["postcat", "-c", str(conf), str(file)], capture_output=True, check=True).stdout
        file.unlink()
        envelope, _, rest = text.partition(b"*** MESSAGE CONTENTS")
        content, _, extracted = rest.split(b"\n", 1)[1].partition(b"*** HEADER EXTRACTED")
        assert re.search(rb"^sender: (.*)$", envelope, re.M).group(1).decode() == sender, (arguments, envelope)
        found = [r.decode() for r in re.findall(rb"^recipient: (.*)$", envelope + extracted, re.M)]
        assert sorted(found) == recipients, (arguments, found)
        assert content.split(b"\n\n", 1)[1] == body, (arguments, content)


def test_what_it_can_not_do_is_told_and_nothing_is_left(lab):
    hub = lab.hub("message_size_limit = 20000\nauthorized_submit_users = !nobody, static:all\n"
                  "local_login_sender_maps = inline:{root=root, {daemon=@a.example <>}}\n", start=False)
    (hub.home / "queue" / "maildrop").mkdir()
    for arguments, message, want, said in [
            (["-K", "b@b.example"], b"", 64, "no option -K"),
            (["-f"], b"", 64, "needs a value"),
            (["-n", "b@b.example"], b"", 64, "-n"),
            (["-bd"], b"", 64, "hikyaku serve"),
            (["-bs"], b"", 64, "SMTP"),
            (["-bv", "b@b.example"], b"", 64, "explain"),
            (["-bz"], b"", 64, "-bz"),
            (["-q15m"], b"", 64, "queue_run_delay"),
            (["-XV", "b@b.example"], b"", 64, "-XV"),
            (["-B", "9BIT", "b@b.example"], b"", 64, "8BITMIME"),
            ([], b"Subject: x\n\nhi\n", 64, "-t"),
            (["-t"], b"Subject: x\n\nhi\n", 65, "no recipient"),
            (["b@b.example"], b"x\n" * 20000, 65, "message_size_limit"),
            (["-f", "other@a.example", "b@b.example"], b"", 77, "local_login_sender_maps")]:
        assert said in sendmail(hub, *arguments, message=message, want=want), (arguments, said)
    assert folder(hub, "maildrop") == []
    assert "-N" in sendmail(hub, "-N", "bogus", "b@b.example")
    assert len(folder(hub, "maildrop")) == 1
    assert sendmail(hub, name="newaliases") == ""
    shutil.rmtree(hub.home / "queue" / "maildrop")
    assert "maildrop" in sendmail(hub, "b@b.example", want=69)


def test_mail_waits_for_a_hub_that_is_down(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    hub.stop()
    for number in range(3):
        sendmail(hub, f"b{number}@b.example")
    assert len(folder(hub, "maildrop")) == 3
    hub.start()
    assert sorted(m.recipients()[0] for m in sink.wait(3)) == ["b0@b.example", "b1@b.example", "b2@b.example"]
    wait_empty(hub, "maildrop", "pickup")


def test_a_large_message_goes_by_a_blob(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    lines = b"".join(b"%060d\n" % n for n in range(50000))
    sendmail(hub, "b@b.example", message=b"Subject: large\n\n" + lines)
    mail, = sink.wait(1, 60)
    assert mail.body() == lines.replace(b"\n", b"\r\n")


def test_a_plain_user_submits_by_the_set_gid_program_and_is_known_by_its_file(lab):
    if os.geteuid() != 0:
        raise Skip("needs root, to be somebody else")
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "myorigin = hub.test\nauthorized_submit_users = nobody, root\n")
    program = Path(lab.folder) / "sendmail"
    shutil.copy(hub.binary, program)
    os.chown(program, 0, 12345)
    program.chmod(0o2755)
    maildrop = hub.home / "queue" / "maildrop"
    os.chown(maildrop, 0, 12345)
    maildrop.chmod(0o1770)
    for path in [hub.conf, hub.home, *hub.home.parents]:
        if path.stat().st_uid == 0 and not path.stat().st_mode & 1:
            path.chmod(path.stat().st_mode | 0o5)
    # Of its own configuration it gives up the group first: then it may write there no more than anybody.
    assert "Permission denied" in sendmail(hub, "b@b.example", user=NOBODY, binary=program, want=69)
    os.chown(maildrop, NOBODY, 12345)
    sendmail(hub, "b@b.example", user=NOBODY, binary=program)
    mail, = sink.wait(1)
    assert mail.sender() == "nobody@hub.test", mail.sender()
    assert f"from userid {NOBODY}".encode() in mail.header()
    hub.wait_log(rf"pickup\[\d+\]: \S+: uid={NOBODY} from=<nobody>")


def test_a_bad_file_is_kept_aside_and_the_others_go_on(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "authorized_submit_users = root\n")
    hub.stop()
    maildrop = hub.home / "queue" / "maildrop"
    sendmail(hub, "b@b.example")
    good, = folder(hub, "maildrop")
    octets = good.read_bytes()
    (maildrop / "cut").write_bytes(octets[:-5])
    (maildrop / "empty").write_bytes(b"")
    (maildrop / "flipped").write_bytes(octets[:60] + bytes([octets[60] ^ 1]) + octets[61:])
    (maildrop / "longer").write_bytes(octets + b"x")
    (maildrop / "rubbish").write_bytes(os.urandom(5000))
    (maildrop / "folder").mkdir()
    (maildrop / "bad name\n").write_bytes(octets)
    os.symlink("/etc/passwd", maildrop / "symlink")
    os.mkfifo(maildrop / "pipe")
    (maildrop / "others").write_bytes(octets)
    os.chown(maildrop / "others", NOBODY, NOBODY)
    (Path(lab.folder) / "linked").write_bytes(octets)
    os.link(Path(lab.folder) / "linked", maildrop / "linked")
    (maildrop / ".unfinished").write_bytes(octets)
    hub.start()
    sink.wait(1)
    for name, why in [("cut", "cut short"), ("flipped", "checksum"), ("longer", "follow its end"), ("symlink", "symbolic link"),
                      ("pipe", "no regular file"), ("others", "authorized_submit_users"), ("linked", "other names")]:
        hub.wait_log(rf"pickup\[\d+\]: error: {name}: .*{why}")
    wait_empty(hub, "pickup")
    assert [path.name for path in folder(hub, "maildrop")] == [".unfinished"]
    kept = sorted(path.name.split("-", 1)[-1] for path in folder(hub, "corrupt"))
    assert kept == ["bad name\n", "cut", "empty", "flipped", "folder", "linked", "longer", "others", "pipe", "rubbish", "symlink"], kept
    assert len(sink.wait(1)) == 1


def test_what_was_taken_before_a_crash_does_not_come_again(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    hub.stop()
    sendmail(hub, "b@b.example")
    file, = folder(hub, "maildrop")
    octets = file.read_bytes()
    hub.start()
    sink.wait(1)
    queue_id = re.search(r"pickup\[\d+\]: (\S+): uid=", hub.wait_log(r"uid=0 from=<root>")).group(1)
    wait_empty(hub, "pickup")
    hub.wait_queue(lambda rows: not rows)  # else the relay's answer may be lost, and the message come twice
    hub.kill()
    # Killed between the commit and the removal of the file; and, the other one, before the commit.
    (hub.home / "queue" / "pickup" / f"{queue_id}-{file.name}").write_bytes(octets)
    (hub.home / "queue" / "pickup" / f"{queue_id}-other").write_bytes(octets)
    hub.start()
    hub.wait_log(rf"pickup\[\d+\]: {queue_id}: was taken before; its file {re.escape(file.name)} goes")
    assert len(sink.wait(2)) == 2
    wait_empty(hub, "pickup", "maildrop")
    assert folder(hub, "corrupt") == []


def test_killed_at_any_moment_each_message_comes_exactly_once(lab):
    hub = lab.hub(BOXES, tables={"boxes": "test@box.example ok\n"})
    accepted, stop = [], threading.Event()

    def pour(number):
        count = 0
        while not stop.is_set():
            name = f"m{number}.{count}"
            sendmail(hub, "test@box.example", message=f"Subject: {name}\n\nhi\n".encode())
            accepted.append(name)
            count += 1

    threads = [threading.Thread(target=pour, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    chance = random.Random(7)
    for _ in range(6):
        since, wanted = hub.mark(), chance.randrange(1, 25)
        for _ in range(wanted):
            hub.wait_log(r"pickup\[\d+\]: \S+: uid=0", since=since)
            since = hub.mark()
        hub.kill()
        hub.start()
    stop.set()
    for thread in threads:
        thread.join()
    wait_empty(hub, "maildrop", "pickup")
    hub.wait_queue(lambda rows: not rows, 60)
    stored = exported(hub, "test@box.example")
    found = collections.Counter(l[9:].strip() for l in stored.splitlines() if l.startswith("Subject: m"))
    assert len(accepted) > 20
    assert found == collections.Counter(accepted), {n: (found[n], 1) for n in set(found) | set(accepted) if found[n] != 1}


def test_refused_local_mail_is_returned_to_its_sender(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "header_checks = regexp:@T@/checks\nmessage_size_limit = 20000\n",
                  tables={"checks": "/^Subject: bad/ REJECT no such mail here\n/^Subject: gone/ DISCARD\n"})
    sendmail(hub, "-f", "ann@a.example", "b@b.example", message=b"Subject: bad\n\nhi\n")
    mail, = sink.wait(1)
    assert mail.sender() == "" and mail.recipients() == ["ann@a.example"]
    assert b"no such mail here" in mail.body() and b"Subject: bad" in mail.body()
    sendmail(hub, "-f", "ann@a.example", "b@b.example", message=b"Subject: gone\n\nhi\n")
    hub.wait_log(r"discard: local mail; from=<ann@a.example>")
    wait_empty(hub, "maildrop", "pickup")
    assert len(sink.wait(1)) == 1 and hub.queue() == []


def test_non_smtpd_milters_see_it(lab):
    sink = lab.sink()
    one = ScriptedFilter()
    one.begin({"eom": [[["h", "X-Seen\0yes\0"], ["c", ""]]]})
    lab.at_end.append(one.stop)
    hub = lab.hub(relay(sink) + f"non_smtpd_milters = {one.address}\n")
    sendmail(hub, "-f", "ann@a.example", "b@b.example")
    mail, = sink.wait(1)
    assert b"X-Seen: yes" in mail.header()
    packets, = one.wait_closed()
    assert ["M", "ann@a.example\0"] in packets and ["R", "b@b.example\0"] in packets, packets  # as cleanup(8) has them
    assert ["L", "Subject\0hello\0"] in packets


def test_the_pickup_line_of_master_cf_has_its_own_settings(lab):
    sink, scanner = lab.sink(), lab.sink()
    hub = lab.hub(relay(sink) + "header_checks = regexp:@T@/checks\n", tables={"checks": "/^Subject: hello/ REJECT no\n"},
                  transports=f"pickup unix n - n 60 1 pickup -o content_filter=smtp:{scanner.next_hop} -o receive_override_options=no_header_body_checks\n")
    sendmail(hub, "b@b.example")
    assert scanner.wait(1)[0].recipients() == ["b@b.example"]
    assert "pickup" not in hub.log().split("ready")[0]


def test_the_queue_is_listed_and_flushed(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "defer_transports = smtp\n")
    sendmail(hub, "b@b.example")
    rows = hub.wait_queue(lambda rows: rows and rows[0]["queue_name"] == "deferred")
    out = subprocess.run(["sendmail", "-C", str(hub.conf), "-bp"], executable=str(hub.binary), capture_output=True, check=True).stdout
    assert rows[0]["queue_id"].encode() in out, out
    hub.configure(relay(sink))
    hub.reload()
    hub.wait_log("reload -- configuration")
    sendmail(hub, "-qRnobody.example")
    sendmail(hub, "-qRB.example")
    sink.wait(1)
