"""`hikyaku milters test`, against filters of a few lines of Python."""
import json
import struct
import subprocess

from scripted_filter import ScriptedFilter

CONTINUE, ACCEPT = ["c", ""], ["a", ""]


def tell(lab, spec, *arguments, want=0, timeout=60):
    done = subprocess.run([lab.binary, "milters", "test", spec, *arguments], capture_output=True, timeout=timeout)
    assert done.returncode == want, f"ended with {done.returncode}, not {want}: {done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode()


def tell_json(lab, spec, *arguments, want=0):
    return json.loads(tell(lab, spec, "--json", *arguments, want=want))


def filter_of(lab, script=None):
    made = ScriptedFilter()
    made.begin(script or {})
    lab.at_end.append(made.stop)
    return made


def add_header(name, value):
    return ["h", f"{name}\0{value}\0"]


def change_header(index, name, value):
    return ["m", struct.pack(">I", index).decode() + f"{name}\0{value}\0"]


def test_shows_answers_edits_and_the_changed_message(lab):
    filter_ = filter_of(lab, {"eom": [[add_header("X-Seen", "yes\n twice"), change_header(1, "Subject", "new"), ["b", "one\ntwo"], ACCEPT]]})
    row = tell_json(lab, filter_.address, "--header", "Subject: old", "--header", "From: a@a.example", "--body", "text",
                    "--mail-from", "a@a.example SIZE=12", "--rcpt-to", "<b@b.example> NOTIFY=NEVER")
    assert row["result"] == "passed" and row["changed"], row
    assert row["headers"].endswith("Subject: new\r\nFrom: a@a.example\r\nX-Seen: yes\r\n twice\r\n"), row["headers"]
    assert row["body"] == "one\r\ntwo\r\n", row["body"]
    assert (row["sender"], row["recipients"]) == ("a@a.example", ["b@b.example"])
    told = dict(one for one in filter_.wait_closed()[0] if one[0] in ("M", "R"))
    assert told == {"M": "<a@a.example>\0SIZE=12\0", "R": "<b@b.example>\0NOTIFY=NEVER\0"}, told
    text = tell(lab, filter_.address, "--header", "Subject: old")
    assert "add header X-Seen: yes" in text and "the message is passed" in text, text


def test_the_exit_code_is_the_verdict(lab):
    filter_ = filter_of(lab)
    for script, want, result in [({"mail": [[["r", ""]]]}, 77, "refused"), ({"eom": [[["t", ""]]]}, 75, "refused"),
                                 ({"eoh": [[["d", ""]]]}, 77, "discarded"), ({"eom": [[["q", "held\0"], CONTINUE]]}, 0, "held"),
                                 ({"connect": [[["y", "421 4.7.0 go away\0"]]]}, 75, "refused"), ({"rcpt": [[["y", "550 5.1.1 nobody\0"]]]}, 77, "refused"),
                                 ({"helo": [[["Z", ""]]]}, 69, "failed"), ({"mail": [[["half"]]]}, 69, "failed"),
                                 ({"rcpt": [[["r", ""]], [CONTINUE]]}, 0, "passed")]:
        filter_.begin(script)
        row = tell_json(lab, filter_.address, "--rcpt-to", "a@b.example", "c@b.example" if result == "passed" else "a@b.example", want=want)
        assert row["result"] == result, (script, row)
    assert "Connection refused" in tell(lab, "inet:127.0.0.1:1", want=69)
    tell(lab, "nowhere", want=64)


def macros_by_event(packets):
    found = {}
    for kind, data in packets:
        if kind == "D":
            words = data[1:].split("\0")
            found[data[:1]] = dict(zip(words[::2], words[1::2]))
    return found


def test_macros_are_told_at_their_stage(lab):
    filter_ = filter_of(lab)
    tell(lab, filter_.address, "--macro", "rcpt:{one}=1", "{all}=2", "--authenticated-name", "joe")
    macros = macros_by_event(filter_.wait_closed()[0][:-1])
    assert macros["R"]["{one}"] == "1" and "{one}" not in macros["M"], macros
    assert all(macros[stage]["{all}"] == "2" for stage in "CHMRTNE"), macros
    assert macros["M"]["{auth_authen}"] == "joe", macros


def test_a_silent_filter_costs_the_timeout(lab):
    filter_ = filter_of(lab, {"mail": [[]]})
    row = tell_json(lab, filter_.address, "--command-timeout", "1", want=69)
    assert "no answer to mail" in row["failure"], row


def test_many_sessions_are_summed_up(lab):
    filter_ = filter_of(lab)
    row = tell_json(lab, filter_.address, "--repeat", "50", "--concurrency", "5")
    assert row["sessions"] == 50 and row["ends"] == {"passed": 50}, row
    assert 0 < row["milliseconds"]["p50"] <= row["milliseconds"]["p99"] <= row["milliseconds"]["max"], row
    assert len(filter_.wait_closed()) == 50


def test_a_recorded_session_is_played_again(lab):
    recording, filter_ = str(lab.folder / "session.jsonl"), filter_of(lab, {"eom": [[add_header("X-A", "1"), ACCEPT]]})
    tell(lab, filter_.address, "--record", recording, "--macro", "{xx}=y")
    filter_.wait_closed()
    filter_.begin({"eom": [[add_header("X-A", "1"), ACCEPT]]})
    assert tell_json(lab, filter_.address, "--replay", recording)["differences"] == []
    assert all(one["{xx}"] == "y" for one in macros_by_event(filter_.wait_closed()[0][:-1]).values())
    filter_.begin({"eom": [[add_header("X-A", "2"), ACCEPT]]})
    rows = tell_json(lab, filter_.address, "--replay", recording, want=65)["differences"]
    assert [row["event"] for row in rows] == ["end of message"], rows
    assert rows[0]["now"]["edits"][0]["value"] == "2", rows
    (lab.folder / "broken.jsonl").write_text("{}\n")
    tell(lab, filter_.address, "--replay", str(lab.folder / "broken.jsonl"), want=65)


def test_what_does_not_go_together_is_refused(lab):
    for arguments, told in ((["--record", "r", "--repeat", "2"], b"--record and --replay are of one session"),
                            (["--replay", "r", "--concurrency", "2"], b"--record and --replay are of one session"),
                            (["--file", "m", "--body", "x"], b"--file has the whole message"),
                            (["--macro", "bogus:{x}=1"], b"--macro 'bogus:{x}=1': NAME=VALUE is wanted, or STAGE:NAME=VALUE")):
        done = subprocess.run([lab.binary, "milters", "test", "unix:/nope", *arguments], capture_output=True, timeout=20)
        assert done.returncode in (64, 65) and told in done.stderr, done
