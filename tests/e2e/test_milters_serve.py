"""`hikyaku milters serve` over real sockets: merging, conditions, faults of filters, reload, statistics."""
import grp
import json
import os
import pwd
import socket
import struct
import subprocess
import urllib.request

from dns import Dns
from hub import free_port
from milters import Multiplexer, add_header, scripted
from scripted_filter import packet
from marks import Skip, long

CONTINUE, ACCEPT = ["c", ""], ["a", ""]


def header_names(row):
    return [line.split(":")[0] for line in row["headers"].splitlines() if line[:1] not in (" ", "\t")]


def test_filters_act_in_their_order(lab):
    first = scripted(lab, {"eom": [[add_header("X-First", "1"), CONTINUE]]})
    second = scripted(lab, {"eom": [[add_header("X-Second", "2"), ["m", "\0\0\0\1X-First\0changed\0"], CONTINUE]]})
    mux = Multiplexer(lab, {"first": first, "second": second})
    row = mux.tell("--mail-from", "a@a.example SIZE=12", "--rcpt-to", "<b@b.example> NOTIFY=NEVER")
    assert row["result"] == "passed" and "X-First: changed\r\nX-Second: 2\r\n" in row["headers"], row
    for one in (first, second):
        told = dict(packet_ for packet_ in one.wait_closed()[0] if packet_[0] in ("M", "R"))
        assert told == {"M": "<a@a.example>\0SIZE=12\0", "R": "<b@b.example>\0NOTIFY=NEVER\0"}, told
    assert ["L", "X-First\0001\0"] in [list(one) for one in second.wait_closed()[0]] or ["L", "X-First\0 1\0"] in second.wait_closed()[0]


def test_the_strongest_verdict_is_the_answer(lab):
    accepts, refuses = scripted(lab, {"mail": [[ACCEPT]]}), scripted(lab, {"rcpt": [[["y", "550 5.1.1 not here\0"]], [CONTINUE]]})
    mux = Multiplexer(lab, {"accepts": accepts, "refuses": refuses})
    row = mux.tell("--rcpt-to", "no@b.example", "yes@b.example")
    assert row["result"] == "passed" and row["recipients"] == ["yes@b.example"], row
    replies = [one.get("reply") for one in row["events"] if one["event"] == "rcpt"]
    assert replies == [{"code": 550, "enhanced": "5.1.1", "text": "not here"}, None], replies
    mux.wait_log(r"\[statistics\] \[milter\]\[end\]\[end-of-message\]\[accept\]\[.*\]\(1\): accepts")


def test_a_condition_keeps_a_filter_out(lab):
    everywhere, remote = scripted(lab), scripted(lab)
    mux = Multiplexer(lab, {"everywhere": everywhere, "remote": remote}, extra={"remote": 'milter.add_applicable_condition("Remote Network")'})
    mux.tell("--connect-address", "127.0.0.1")
    mux.wait_log(r"\[milter\]\[end\]\[end-of-message\]\[stop\]\[.*\]\(1\): remote")
    assert not any(kind in "CHMRTLNBE" for kind, *_ in remote.wait_closed()[0]), remote.connections
    mux.tell("--connect-address", "192.0.2.1")
    assert any(kind == "E" for kind, *_ in remote.wait_closed()[1])


def test_a_condition_in_ruby_keeps_a_filter_out(lab):
    one = scripted(lab)
    head = '''define_applicable_condition("Nobody") do |condition|
  condition.define_envelope_from_stopper do |context, from|
    from == "<nobody@a.example>"
  end
end'''
    mux = Multiplexer(lab, {"one": one}, extra={"one": 'milter.add_applicable_condition("Nobody")'}, head=head)
    mux.tell("--mail-from", "nobody@a.example")
    assert "M" not in [kind for kind, *_ in one.wait_closed()[0]], one.connections
    mux.tell("--mail-from", "somebody@a.example")
    assert "E" in [kind for kind, *_ in one.wait_closed()[1]], one.connections


def faulty(lab, script, fallback="temporary-failure", extra="", *arguments):
    """A session with one good filter and one whose script is `script`: the row, and the multiplexer."""
    good, bad = scripted(lab, {"eom": [[add_header("X-Good", "1"), ACCEPT]]}), scripted(lab, script)
    mux = Multiplexer(lab, {"good": good, "bad": bad}, head=f'manager.fallback_status_at_disconnect = "{fallback}"',
                      extra={"bad": f'milter.fallback_status = "{fallback}"\n  milter.reading_timeout = 1\n  milter.end_of_message_timeout = 1\n  {extra}'})
    return mux.tell(*arguments), mux


FAULTS = {
    "hangs": ({"mail": [[]]}, r"bad failed: .*mail"),
    "hangs_at_the_end": ({"eom": [[]]}, r"bad failed: .*end of message"),
    "crashes_in_mid_packet": ({"rcpt": [[["half"]]]}, r"bad failed: "),
    "resets": ({"data": [[["reset"]]]}, r"bad failed: "),
    "sends_garbage": ({"helo": [[["raw", "\xff\xff\xff\xff\xff"]]]}, r"bad failed: .*octets"),
    "unknown_answer": ({"eoh": [[["Z", ""]]]}, r"bad failed: .*'Z'"),
    "edits_out_of_turn": ({"mail": [[add_header("X-Bad", "1"), CONTINUE]]}, r"bad failed: .*add header.*not at the end"),
    "answers_late": ({"rcpt": [[["wait", 3], CONTINUE]]}, r"bad failed: .*rcpt"),
    "no_negotiation": ({"negotiate": [[["c", ""]]]}, r"bad failed: .*negotiation"),
}


def test_a_faulty_filter_gives_its_fallback_and_no_more(lab):
    for name, (script, line) in FAULTS.items():
        row, mux = faulty(lab, script, "temporary-failure")
        assert row["result"] == "refused" and row["reply"]["code"] == 451, (name, row)
        mux.wait_log(line)
        row, mux = faulty(lab, script, "accept")
        assert row["result"] == "passed" and "X-Good: 1\r\n" in row["headers"] and "X-Bad" not in row["headers"], (name, row)
        mux.wait_log(line)


def test_other_sessions_do_not_wait_for_one_that_hangs(lab):
    filter_ = scripted(lab, {"mail": [[["wait", 3], CONTINUE], [CONTINUE]]})
    mux = Multiplexer(lab, {"one": filter_})
    slow = subprocess.Popen([lab.binary, "milters", "test", mux.spec, "--json"], stdout=subprocess.PIPE)
    with filter_.changed:
        assert filter_.changed.wait_for(lambda: filter_.used.get("mail") == 1, 10)
    assert mux.tell()["milliseconds"] < 1500
    assert slow.poll() is None and json.loads(slow.communicate(timeout=20)[0])["result"] == "passed"


def test_a_filter_that_is_not_there_costs_its_fallback(lab):
    mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"})
    assert mux.tell()["result"] == "passed"
    mux.wait_log("gone failed: .*Connection refused")
    mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"}, extra={"gone": 'milter.fallback_status = "reject"'})
    assert mux.tell()["reply"]["code"] == 550


def test_evaluation_changes_nothing_and_tells_what_it_would_have(lab):
    judge = scripted(lab, {"eom": [[add_header("X-Spam-Flag", "YES"), ["y", "550 5.7.1 spam\0"]]]})
    mux = Multiplexer(lab, {"judge": judge}, extra={"judge": "milter.evaluation_mode = true"})
    row = mux.tell()
    assert row["result"] == "passed" and not row["changed"], row
    mux.wait_log("evaluation: judge would have said and changed: end of message: reply 550 5.7.1 spam")


def test_verdicts_are_kept_by_queue_id(lab):
    one, two = scripted(lab, {"eom": [[add_header("X-A", "1"), CONTINUE]]}), scripted(lab, {"eom": [[["r", ""]]]})
    verdicts = lab.folder / "verdicts"
    mux = Multiplexer(lab, {"one": one, "two": two}, options=["--verdict-file", str(verdicts)])
    mux.tell()
    mux.stop()
    rows = [json.loads(line) for line in verdicts.read_text().splitlines()]
    assert len(rows) == 1 and rows[0]["queue_id"] == "4hikyakuTest" and rows[0]["decided_by"] == "two", rows
    assert rows[0]["filters"][0]["edits"] == [{"edit": "add header", "name": "X-A", "value": "1"}], rows
    assert rows[0]["filters"][1]["answers"][0]["verdict"] == "reply", rows


def test_a_new_configuration_counts_for_new_sessions(lab):
    one, two = scripted(lab), scripted(lab)
    mux = Multiplexer(lab, {"one": one})
    with socket.socket(socket.AF_UNIX) as open_session:
        open_session.connect(str(mux.socket))
        open_session.sendall(packet("O", struct.pack(">III", 6, 0x1FF, 0).decode("latin-1")))
        assert open_session.recv(100)[4:5] == b"O"
        mark = mux.mark()
        mux.configure({"one": one, "two": two})
        mux.wait_log(r"reload -- .*milter-manager.conf has changed", since=mark)
        mux.tell()
        two.wait_closed()
        assert "E" in [kind for kind, *_ in two.connections[0]]
        # The one that was open goes on with what it began with.
        open_session.sendall(packet("H", "mx.example\0"))
        assert open_session.recv(100) == packet("c")
    mark = mux.mark()
    mux.write("this is no configuration\n")
    mux.wait_log("the one in force stays", since=mark)
    assert mux.tell()["result"] == "passed"
    mark = mux.mark()
    mux.configure({"one": one})
    mux.reload()
    mux.wait_log("reload -- ", since=mark)


def test_sigterm_lets_a_message_end(lab):
    filter_ = scripted(lab, {"eom": [[["wait", 1.5], add_header("X-Late", "1"), ACCEPT]]})
    mux = Multiplexer(lab, {"one": filter_})
    under_way = subprocess.Popen([lab.binary, "milters", "test", mux.spec, "--json"], stdout=subprocess.PIPE)
    with filter_.changed:
        assert filter_.changed.wait_for(lambda: filter_.used.get("eom") == 1, 10)
    assert mux.stop() == 0
    row = json.loads(under_way.communicate(timeout=20)[0])
    assert row["result"] == "passed" and "X-Late" in row["headers"], row
    assert not mux.socket.exists(), "its socket goes with it"


@long  # the threads of the library that serves it have 100 KiB of stack, in which the address sanitizer has no room
def test_statistics_are_told_and_served(lab):
    port = free_port()
    mux = Multiplexer(lab, {"one": scripted(lab), "gone": "inet:1@[127.0.0.1]"}, options=["--http-listen", f"127.0.0.1:{port}"])
    for _ in range(3):
        mux.tell()
    everything, one, gone = mux.stats()
    assert (everything["sessions"], everything["messages"]) == (3, 3), everything
    assert (one["filter"], one["took_part"], one["failures"]) == ("one", 3, 0), one
    assert one["waits"]["end of message"]["count"] == 3 and sum(one["waits"]["end of message"]["buckets"]) == 3, one
    assert gone["failures"] == 3 and gone["addresses"][0]["breaker"] == "closed", gone
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    assert 'hikyaku_milters_filter_failures_total{filter="gone"} 3' in page, page
    assert 'hikyaku_milters_filter_wait_seconds_bucket{filter="one",stage="end of message",le="+Inf"} 3' in page, page


def test_a_message_past_memory_goes_through_a_file(lab):
    # The second sees the body only once the first, which may change it, is through.
    mux = Multiplexer(lab, {"one": scripted(lab, {"eom": [[add_header("X-One", "1"), CONTINUE]]}), "two": scripted(lab)})
    body = lab.folder / "large.eml"
    body.write_bytes(b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (8 << 16))
    row = mux.tell("--file", str(body), timeout=120)
    assert row["result"] == "passed" and "X-One: 1" in row["headers"], row["result"]
    assert [path.name for path in mux.folder.iterdir() if path.name not in ("socket", "control", "milter-manager.conf")] == []


def test_check_shows_settings_conditions_and_what_filters_want(lab):
    filter_ = scripted(lab, {"negotiate": {"version": 4, "actions": 1, "steps": 1}})
    mux = Multiplexer(lab, {"one": filter_}, extra={"one": 'milter.add_applicable_condition("S25R")'}, start=False)
    check = [lab.binary, "milters", "check", "-f", str(mux.conf), "--connect", "--json"]
    row = json.loads(subprocess.run(check, capture_output=True, timeout=30, check=True).stdout)
    assert row["filters"][0]["negotiated"] == {"version": 4, "actions": ["add headers"], "steps": ["no connect"]}, row
    assert row["filters"][0]["conditions"][0]["condition"] == "S25R", row
    assert row["filters"][0]["settings"]["connection_spec"]["where"].endswith("milter-manager.conf:5"), row
    filter_.stop()
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 69
    mux.write("manager.no_such_setting = 1\n")
    done = subprocess.run(check, capture_output=True, timeout=30)
    assert done.returncode == 78 and b"no_such_setting" in done.stderr, done


def test_filters_can_stand_in_main_cf(lab):
    filter_ = scripted(lab)
    folder = lab.folder / "declared"
    folder.mkdir()
    main = folder / "main.cf"
    main.write_text(f"hikyaku_milters =\n  {{ {filter_.address}, name=one, {{ conditions = S25R, remote-network }} }}\n")
    check = [lab.binary, "milters", "check", "-c", str(folder), "--json"]
    row = json.loads(subprocess.run(check, capture_output=True, timeout=30, check=True).stdout)
    assert row["filters"][0]["filter"] == "one", row
    assert [one["condition"] for one in row["filters"][0]["conditions"]] == ["S25R", "Remote Network"], row
    assert row["filters"][0]["settings"]["connection_spec"]["where"].endswith("main.cf:2"), row
    main.write_text("hikyaku_milters = { inet:1@localhost, nam=one }\n")
    done = subprocess.run(check, capture_output=True, timeout=30)
    assert done.returncode == 78 and b"main.cf:1:39: error: hikyaku_milters:" in done.stderr and b"did you mean name?" in done.stderr, done


def test_a_filter_that_ignores_added_headers_does_not_see_them(lab):
    adds = {"negotiate": {"version": 6, "actions": 1, "steps": 0}, "eom": [[add_header("X-First", "1"), CONTINUE]]}
    for setting, seen in (("false", True), ("true", False)):
        first, second = scripted(lab, adds), scripted(lab)
        mux = Multiplexer(lab, {"first": first, "second": second}, extra={"second": f"milter.ignore_added_headers = {setting}"})
        assert "X-First: 1\r\n" in mux.tell()["headers"]
        headers = [data.split("\0")[0] for kind, data in (one for one in second.wait_closed()[0] if one[0] == "L")]
        assert ("X-First" in headers) == seen and "Subject" in headers, (setting, headers)


def test_stress_begins_at_three_quarters_of_the_servers_of_the_mta(lab):
    mta = lab.folder / "mta"
    mta.mkdir()
    (mta / "main.cf").write_text("\ndefault_process_limit = 41\n")
    (mta / "master.cf").write_text("smtp inet n - y - - smtpd\n")
    mux = Multiplexer(lab, {"one": scripted(lab)}, start=False)

    def threshold(*arguments):
        done = subprocess.run([lab.binary, "milters", "check", "--json", *arguments], capture_output=True, timeout=30, check=True)
        assert (b"says nothing of stress" in done.stdout + done.stderr) == (str(lab.folder) in arguments), done
        return json.loads(done.stdout)["settings"]["stress.threshold_n_connections"]

    told = threshold("-f", str(mux.conf), "--mta-config", str(mta))
    assert told == {"value": 30, "where": f"{mta}/main.cf:2"}, told
    assert threshold("-f", str(mux.conf), "--mta-config", str(lab.folder))["value"] == 0
    mux.configure({"one": "inet:1"}, head="stress.threshold_n_connections = stress.threshold_n_connections / 2")
    told = threshold("-f", str(mux.conf), "--mta-config", str(mta))
    assert told == {"value": 15, "where": f"{mux.conf}:3"}, told
    (mta / "main.cf").write_text("hikyaku_milters = inet:1@localhost\n")
    (mta / "master.cf").write_text("\nsmtp inet n - y - 8 smtpd\n")
    assert threshold("-c", str(mta)) == {"value": 6, "where": f"{mta}/master.cf:2"}
    # A session is one too many.
    (mta / "master.cf").write_text("smtp inet n - y - 2 smtpd\n")
    filter_ = scripted(lab)
    mux = Multiplexer(lab, {"one": filter_}, extra={"one": 'milter.add_applicable_condition("No Stress")'}, options=["--mta-config", str(mta)])
    mux.tell()
    assert not any(kind == "E" for kind, *_ in filter_.wait_closed()[0]), filter_.connections


def test_a_table_can_say_whose_mail_a_filter_sees(lab):
    table = lab.folder / "accounts"
    table.write_text("bob@b.example x\n@c.example x\n")

    def sees(mux, filter_, *recipients):
        filter_.begin({})
        mux.tell("--rcpt-to", *recipients)
        return any(kind == "E" for kind, *_ in filter_.wait_closed(count=1)[0])

    one = scripted(lab)
    mux = Multiplexer(lab, {"one": one})
    mux.write(mux.conf.read_text() + f'restrict_accounts_by_table("texthash:{table}", milters: ["one"])\n')
    mark = mux.mark()
    mux.reload()
    mux.wait_log("reload -- ", since=mark)
    declared = Multiplexer(lab, {}, start=False)
    (declared.folder / "main.cf").write_text(
        f"hikyaku_milters_listen = unix:{declared.socket}\nhikyaku_milters = {{ {one.address}, name=one, {{ accounts = eve@d.example texthash:{table} }} }}\n")
    declared.source = ["-c", str(declared.folder)]
    declared.start()
    for by in (mux, declared):
        assert sees(by, one, "bob@b.example") and sees(by, one, "eve@b.example", "eve@c.example"), by.conf
        assert not sees(by, one, "eve@b.example"), by.conf
    assert sees(declared, one, "eve@d.example")
    mux.write(mux.conf.read_text().replace("texthash:", "texthash:/no/such"))
    done = subprocess.run([lab.binary, "milters", "check", "-f", str(mux.conf)], capture_output=True, timeout=30)
    assert done.returncode == 78 and b"/no/such" in done.stderr and b"milter-manager.conf:" in done.stderr, done


def test_recorded_sessions_can_be_played_again(lab):
    recordings = lab.folder / "recordings"
    recordings.mkdir()
    mux = Multiplexer(lab, {"one": scripted(lab, {"eom": [[add_header("X-A", "1"), ACCEPT]]})}, options=["--record", str(recordings)])
    mux.tell("--mail-from", "a@a.example SIZE=12", "--header", "Subject: x", "--body", "hello", "--macro", "{one}=1")
    mux.stop()
    files = list(recordings.iterdir())
    assert len(files) == 1, files
    lines = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert [line.get("event") for line in lines[1:]] == ["connect", "helo", "mail", "rcpt", "data", "header", "end of headers", "body",
                                                        "end of message"], lines
    assert lines[3]["parameters"] == ["SIZE=12"] and lines[-1]["answer"]["edits"][0]["name"] == "X-A", lines
    mux.start()
    done = subprocess.run([lab.binary, "milters", "test", mux.spec, "--replay", str(files[0]), "--json"], capture_output=True, timeout=30)
    assert done.returncode == 0 and json.loads(done.stdout)["differences"] == [], done


def memory(mux):
    """The most octets that it had at once."""
    return int(next(line for line in open(f"/proc/{mux.process.pid}/status") if line.startswith("VmHWM")).split()[1]) * 1024


def test_a_thousand_sessions_take_little_memory(lab):
    filter_ = scripted(lab)
    filter_.listener.listen(1024)
    mux = Multiplexer(lab, {"one": filter_, "two": filter_})
    sessions = []
    try:
        for _ in range(1000):
            session = socket.socket(socket.AF_UNIX)
            session.connect(str(mux.socket))
            session.sendall(packet("O", struct.pack(">III", 6, 0x1FF, 0).decode("latin-1")))
            sessions.append(session)
        for session in sessions:
            assert session.recv(1000)[4:5] == b"O"
        for session in sessions:
            session.sendall(packet("H", "mx.example\0") + packet("M", "<a@a.example>\0"))
        for session in sessions:
            assert len(session.recv(5, socket.MSG_WAITALL) + session.recv(5, socket.MSG_WAITALL)) == 10
        assert mux.stats()[0]["going_on"] == 1000
        assert memory(mux) < 256 << 20, memory(mux)
    finally:
        for session in sessions:
            session.close()


@long  # the sanitizer keeps what was freed, so that memory grows
def test_a_large_message_takes_little_memory(lab):
    mux = Multiplexer(lab, {"one": scripted(lab, {"eom": [[add_header("X-One", "1"), CONTINUE]]}), "two": scripted(lab)})
    large = lab.folder / "large.eml"
    large.write_bytes(b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (50 << 16))
    assert mux.tell("--file", str(large), timeout=120)["result"] == "passed"
    assert memory(mux) < 100 << 20, memory(mux)


def test_what_has_no_effect_is_told(lab):
    mux = Multiplexer(lab, {"one": scripted(lab)}, head="manager.chunk_size = 1000", extra={"one": 'milter.command = "/bin/false"'}, start=False)
    done = subprocess.run([lab.binary, "milters", "check", "-f", str(mux.conf)], capture_output=True, timeout=30)
    assert done.returncode == 0 and b"manager.chunk_size has no effect" in done.stderr and b"milter.command has no effect" in done.stderr, done


def test_a_second_address_is_tried(lab):
    filter_ = scripted(lab, {"eom": [[add_header("X-Second", "1"), ACCEPT]]})
    port = filter_.address.rsplit(":", 1)[1]
    mux = Multiplexer(lab, {"one": "inet:1@[127.0.0.1]"}, extra={"one": f'milter.second_connection_spec = "inet:{port}@[127.0.0.1]"'})
    assert "X-Second" in mux.tell()["headers"]


def test_a_circuit_breaker_keeps_away_from_a_filter_that_fails(lab):
    mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"}, extra={"gone": "milter.breaker_failures = 2\n  milter.breaker_time = 60"})
    mux.tell(), mux.tell()
    assert mux.stats()[1]["addresses"][0]["breaker"] == "open", mux.stats()
    mux.tell()
    mux.wait_log("gone failed: .*not tried: it failed too often lately")
    assert mux.stats()[1]["kept_away"] == 1, mux.stats()


def test_a_budget_limits_connections_to_a_filter(lab):
    filter_ = scripted(lab)
    mux = Multiplexer(lab, {"one": filter_}, extra={"one": "milter.max_connections = 1"})
    with socket.socket(socket.AF_UNIX) as first:
        first.connect(str(mux.socket))
        first.sendall(packet("O", struct.pack(">III", 6, 0x1FF, 0).decode("latin-1")))
        assert first.recv(1000)[4:5] == b"O"
        mux.tell()
        mux.wait_log("one failed: .*not tried: it has as many connections as it may")
        assert (len(filter_.connections), mux.stats()[1]["no_budget"]) == (1, 1)
    mux.wait_log(r"\[sessions\]\[finished\] 2\(\+1\) 0")
    mux.tell()
    assert len(filter_.wait_closed()) == 2


def test_the_filters_of_main_cf_need_no_ruby(lab):
    one, two = scripted(lab, {"eom": [[add_header("X-One", "1"), ACCEPT]]}), scripted(lab)
    ports = [filter_.address.rsplit(":", 1)[1] for filter_ in (one, two)]
    mux = Multiplexer(lab, {}, start=False)
    verdicts = mux.folder / "verdicts"
    (mux.folder / "main.cf").write_text(f"""hikyaku_milters_listen = unix:{mux.socket}
hikyaku_milters_control = unix:{mux.control}
hikyaku_milters_verdict_file = {verdicts}
hikyaku_milters = {{ inet:{ports[0]}@127.0.0.1, name=one }}, {{ inet:{ports[1]}@127.0.0.1, name=two, {{ conditions = Remote Network }} }}
""")
    mux.source = ["-c", str(mux.folder)]
    mux.start()
    assert "X-One" in mux.tell("--connect-address", "127.0.0.1")["headers"]
    mux.wait_log(r"\[milter\]\[end\]\[end-of-message\]\[stop\]\[.*\]\(1\): two")
    mux.stop()
    assert json.loads(verdicts.read_text())["filters"][1]["state"] == "ruled out"


def test_a_dns_list_decides_which_filter_sees_a_client(lab):
    zone = Dns({"2.2.0.192.list.example": {"A": ["127.0.0.2"]}})
    lab.at_end.append(zone.stop)
    listed, others = scripted(lab), scripted(lab)
    head = 'dnsbl.clear\ndnsbl.add_service("list.example")'
    mux = Multiplexer(lab, {"listed": listed, "others": others}, head=head, options=["--dns-server", f"127.0.0.1@{zone.port}"],
                      extra={"listed": 'milter.add_applicable_condition("DNSBL Listed")', "others": 'milter.add_applicable_condition("DNSBL Not Listed")'})
    mux.tell("--connect-address", "192.0.2.2")
    mux.tell("--connect-address", "192.0.2.3")
    assert zone.asked() == ["A 2.2.0.192.list.example", "A 3.2.0.192.list.example"], zone.asked()
    saw = [["E" in [kind for kind, *_ in packets] for packets in filter_.wait_closed()] for filter_ in (listed, others)]
    assert saw == [[True, False], [False, True]], saw


def rights(path):
    status = path.stat()
    return oct(status.st_mode & 0o777), pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name


def test_sockets_belong_to_the_effective_user(lab):
    if os.geteuid() != 0:
        raise Skip("root alone can give a socket away")
    mux = Multiplexer(lab, {"one": scripted(lab)}, head='security.effective_user = "nobody"\nsecurity.effective_group = "daemon"\n'
                      'manager.unix_socket_mode = 0600\ncontroller.unix_socket_mode = 0640\ncontroller.unix_socket_group = "mail"', start=False)
    for folder in (lab.folder, mux.folder):
        folder.chmod(0o777)
    mux.start()
    assert rights(mux.socket) == ("0o600", "nobody", "daemon"), rights(mux.socket)
    assert rights(mux.control) == ("0o640", "nobody", "mail"), rights(mux.control)
    assert mux.tell()["result"] == "passed" and mux.stats()
    mux.stop()
    assert not mux.socket.exists() and not mux.control.exists()


def test_a_socket_can_be_left_and_kept(lab):
    mux = Multiplexer(lab, {}, head="controller.remove_unix_socket_on_create = false\ncontroller.remove_unix_socket_on_close = false")
    mux.stop()
    assert mux.control.exists() and not mux.socket.exists()
    done = subprocess.run([lab.binary, "milters", "serve", *mux.source, "--log", "-"], capture_output=True, timeout=20)
    assert done.returncode == 69 and b"Address already in use" in done.stderr, done


def test_a_new_socket_takes_the_place_of_the_old_one_and_loses_nobody(lab):
    one = scripted(lab)
    mux = Multiplexer(lab, {"one": one})
    text, old = mux.conf.read_text(), mux.socket
    with socket.socket(socket.AF_UNIX) as early:
        early.connect(str(old))
        early.sendall(packet("O", struct.pack(">III", 6, 0x1FF, 0).decode("latin-1")))
        assert early.recv(1000)[4:5] == b"O"
        mark = mux.mark()
        mux.socket = mux.folder / "new"
        mux.write(text.replace(str(old), str(mux.socket)) + 'manager.n_workers = 3\ndnsbl.name_server = "127.0.0.1"\n')
        mux.reload()
        mux.wait_log("reload -- ", since=mark)
        mux.wait_log(r"warning: reload: .*milter-manager.conf:\d+: manager.n_workers counts from the next start on", since=mark)
        mux.wait_log("warning: reload: .*dnsbl.name_servers counts from the next start on", since=mark)
        assert mux.tell()["result"] == "passed" and not old.exists()
        early.sendall(packet("C", "mx.example\0" "4\0\x19" "192.0.2.1\0"))
        assert early.recv(1000)[4:5] == b"c", "a session that goes on"


def test_a_controller_on_tcp_is_told_to_have_no_effect(lab):
    mux = Multiplexer(lab, {}, start=False)
    mux.write('controller.connection_spec = "inet:10026@[127.0.0.1]"\n')
    done = subprocess.run([lab.binary, "milters", "check", "-f", str(mux.conf)], capture_output=True, timeout=30)
    assert b"milter-manager.conf:1: warning: controller.connection_spec has no effect here" in done.stderr, done
