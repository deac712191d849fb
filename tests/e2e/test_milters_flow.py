"""`hikyaku milters serve` where much is to be said to one peer, where it is slow, and where it goes away."""
import json
import socket
import struct
import subprocess
import threading

from milters import Multiplexer, add_header, scripted
from scripted_filter import packet

CONTINUE, REJECT = ["c", ""], ["r", ""]
NO_REPLIES = 0x80 | 0x40000 | 0x80000  # headers, their end, body
SHORT = "milter.reading_timeout = 2\n  milter.writing_timeout = 2\n  milter.end_of_message_timeout = 2"


def message(lab, headers=1, body=10):
    file = lab.folder / f"message{headers}-{body}.eml"
    file.write_bytes(b"".join(b"X-H%d: %s\r\n" % (i, b"z" * 900) for i in range(headers)) + b"\r\n" + b"0123456789abcde\r\n" * (body // 17))
    return "--file", str(file)


def edits_of(row):
    return [edit for event in row["events"] for edit in event.get("edits", [])]


def test_changes_of_any_size_reach_the_mta(lab):
    one = scripted(lab, {"eom": [[*[["b", "y" * 65535]] * 100, CONTINUE]]})
    row = Multiplexer(lab, {"one": one}).tell("--content-timeout", "10")
    assert row["result"] == "passed" and [len(edit["octets"]) for edit in edits_of(row)] == [6_553_502], row["result"]
    one = scripted(lab, {"eom": [[*[add_header(f"X-{i}", "v" * 200) for i in range(3000)], CONTINUE]]})
    row = Multiplexer(lab, {"one": one}).tell("--content-timeout", "10")
    assert row["result"] == "passed" and len(edits_of(row)) == 3000, (row["result"], len(edits_of(row)))


def test_a_filter_that_answers_nothing_before_the_end_is_told_a_message_of_any_size(lab):
    for waits in (True, False):
        first = scripted(lab, {"negotiate": {"actions": 3 if waits else 0, "steps": 0 if waits else NO_REPLIES}})
        quiet = scripted(lab, {"negotiate": {"actions": 0, "steps": NO_REPLIES}})
        mux = Multiplexer(lab, {"first": first, "quiet": quiet}, extra={"first": SHORT, "quiet": SHORT})
        for headers, body in ((300, 10), (1, 300_000), (1, 5_000_000)):
            row = mux.tell(*message(lab, headers, body), "--content-timeout", "20")
            assert row["result"] == "passed", (waits, headers, body, row)
        told = quiet.wait_closed(count=3)[2]
        assert sum(len(data) for kind, *rest in told if kind == "B" for data in rest) == 5_000_000 // 17 * 17


def mta(mux):
    """A connection to it that has sent a message, and waits for the answer."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(str(mux.socket))
    peer.sendall(packet("O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF).decode("latin-1")))
    assert peer.recv(1000)[4:5] == b"O"
    peer.sendall(packet("C", "mx.example\0" "4\0\x19" "192.0.2.1\0") + packet("H", "mx.example\0") + packet("M", "<a@a.example>\0") +
                 packet("R", "<b@b.example>\0") + packet("T") + packet("L", "A\0b\0") + packet("N") + packet("E"))
    return peer


def test_an_mta_that_goes_away_takes_its_session_along(lab):
    free = threading.Event()
    lab.at_end.append(free.set)
    one = scripted(lab, {"eom": [[["until", free], CONTINUE]]})
    mux = Multiplexer(lab, {"one": one})
    with mta(mux), one.changed:
        assert one.changed.wait_for(lambda: one.used.get("eom") == 1, 10)
    mux.wait_log(r"the MTA's connection ended: ")
    mux.wait_log(r"\[sessions\]\[finished\] 1\(\+1\) 0")
    assert mux.stats()[0]["going_on"] == 0


def test_what_the_mta_said_before_it_went_away_is_heard(lab):
    one = scripted(lab, {"eom": [[["wait", 0.5], CONTINUE]]})
    mux = Multiplexer(lab, {"one": one})
    with mta(mux) as peer:
        peer.sendall(packet("Q"))
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass
    mux.wait_log(r"\[sessions\]\[finished\] 1\(\+1\) 0")
    mux.wait_log(r"\[milter\]\[end\]\[end-of-message\]\[pass\].*: one")
    assert not [line for line in mux.lines if "connection ended" in line], mux.lines


def test_a_slow_filter_is_no_failed_one(lab):
    refuses = scripted(lab, {"negotiate": {"actions": 0}, "eom": [[REJECT], [CONTINUE]]})
    slow = scripted(lab, {"negotiate": {"actions": 0}, "eom": [[["wait", 3], CONTINUE], [["y", "550 5.7.1 seen\0"]]]})
    mux = Multiplexer(lab, {"refuses": refuses, "slow": slow}, extra={"slow": "milter.fallback_status = \"temporary-failure\"\n  milter.tell_ahead = false"})
    with mta(mux) as peer, peer.makefile("rb") as stream:
        def final():
            while True:
                said = stream.read(struct.unpack(">I", stream.read(4))[0])
                if said[:1] not in b"cp":
                    return said
        assert final() == b"r", "before the slow one has answered"
        peer.sendall(packet("A") + packet("M", "<a@a.example>\0") + packet("R", "<b@b.example>\0") + packet("T") + packet("L", "A\0b\0") +
                     packet("N") + packet("E"))
        assert final() == b"y550 5.7.1 seen\0", "it judges the next message"
    mux.wait_log(r"\[sessions\]\[finished\] 1\(\+1\) 0")
    mux.wait_log("slow: it was still at a message that was over")
    assert mux.stats()[2]["failures"] == 0, mux.stats()


def test_why_a_message_cannot_be_kept_is_told(lab):
    spool = lab.folder / "spool"
    mux = Multiplexer(lab, {"one": scripted(lab), "two": scripted(lab)}, spool=spool)
    row = mux.tell(*message(lab, body=7_000_000))
    assert row["reply"]["code"] == 451, row
    mux.wait_log(f"warning: .*451 4.3.0 Filters can't see the message now: .*{spool}.*; message 4hikyakuTest")


def test_a_change_that_is_dropped_is_not_told_as_made(lab):
    verdicts = lab.folder / "verdicts"
    one = scripted(lab, {"eom": [[add_header("X-Large", "v" * 70_000), add_header("X-Small", "v"), CONTINUE]]})
    mux = Multiplexer(lab, {"one": one}, options=["--verdict-file", str(verdicts)])
    row = mux.tell()
    assert [edit["name"] for edit in edits_of(row)] == ["X-Small"], row
    mux.wait_log("'add header' did not reach the MTA: too large")
    mux.stop()
    assert [line for line in mux.lines if "[header][add]" in line and "X-Large" in line] == []
    assert [edit["name"] for edit in json.loads(verdicts.read_text())["filters"][0]["edits"]] == ["X-Small"]


def test_each_failure_counts_once(lab):
    for fallback in ("accept", "reject"):
        mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"}, extra={"gone": f'milter.fallback_status = "{fallback}"'})
        for _ in range(3):
            mux.tell()
        mux.wait_log(r"\[sessions\]\[finished\] 3\(\+1\) 0")
        assert mux.stats()[1]["failures"] == 3, mux.stats()
