"""hikyaku_confinement: what a hub can't do any more, and that mail goes its way all the same."""
import ctypes
import json
import re
from collections import Counter
from pathlib import Path

from client import Client
from hub import CONFINED, free_port
from marks import Skip

YES = "hikyaku_confinement = yes\n"


def needs_kernel():
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) < 1:
        raise Skip("this kernel has no Landlock")


def confined_hub(lab, main=""):
    return lab.hub(YES + main, start=False).start(environment=CONFINED)


def confinement(hub):
    return json.loads(hub.run("config", "show", "--confinement", "--json"))


def test_it_is_told_in_the_log_and_by_the_command(lab):
    needs_kernel()
    hub = confined_hub(lab)
    line = hub.wait_log("confined: .*")
    told = confinement(hub)
    assert told["running"] and told["confined"] and told["text"] in line, (told, line)
    assert re.fullmatch(rf"writes below {hub.home}/queue, {hub.home}/data.* alone \(Landlock \d+\); runs no program; \d\d system calls are refused \(seccomp\)", told["text"]), told
    for task in Path(f"/proc/{hub.pid}/task").iterdir():
        status = dict(line.split(":\t") for line in (task / "status").read_text().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", (task, status)


def test_without_it_nothing_is_in_force(lab):
    hub = lab.hub()
    told = confinement(hub)
    assert (told["running"], told["confined"], told["text"]) == (True, False, "nothing is in force"), told
    hub.stop()
    told = confinement(hub)
    assert not told["running"] and told["text"].startswith("no hub is running here; the kernel has "), told


def test_the_threads_that_read_from_outside_are_confined_in_any_case(lab):
    hub = lab.hub(f"hikyaku_threads = 3\nhikyaku_http_listen = 127.0.0.1:{free_port()}\n")
    told = confinement(hub)
    if not told["threads_confined"]:
        raise Skip("the kernel has no seccomp")
    assert told["threads"] == "open no file and no socket, start no program (seccomp)", told
    hub.wait_log("threads of connections: open no file and no socket, start no program")
    statuses = [(task / "status").read_text() for task in Path(f"/proc/{hub.pid}/task").iterdir()]
    filtered = [text for text in statuses if re.search(r"^Seccomp:\t2$", text, re.M)]
    names = Counter(text.split()[1] for text in filtered)
    assert names["connections"] == 3 and names["reader"] == 32 and names["civetweb-master"] == names["civetweb-worker"] == 1, names
    assert sum(names.values()) == 37 and all(re.search(r"^NoNewPrivs:\t1$", text, re.M) for text in filtered), statuses
    said = hub.run("config", "show", "--confinement")
    assert said == "the hub: nothing is in force\nthreads of connections: open no file and no socket, start no program (seccomp)\n", said


def test_mail_goes_its_way(lab):
    needs_kernel()
    sink = lab.sink()
    hub = confined_hub(lab, f"relayhost = {sink.next_hop}\nvirtual_mailbox_domains = box.test\nvirtual_mailbox_maps = static:all\n")
    for to in ("joe@box.test", "ann@example.net"):
        with Client(hub.port) as client:
            client.ehlo("pc.example.com")
            client.envelope("x@example.com", to)
            client.data(b"Subject: to " + to.encode() + b"\r\n\r\n" + b"x" * 70 + b"\r\n" * 3000)
    sink.wait(1)
    hub.wait_queue(lambda rows: not rows)
    hub.reload()
    hub.wait_log("reload -- configuration")
    hub.stop()
    hub.start(environment=CONFINED)
    assert "Subject: to joe@box.test" in hub.run("store", "export", "joe@box.test")


def test_a_first_start_makes_its_folders_before_it_is_confined(lab):
    needs_kernel()
    hub = lab.hub(YES, start=False)
    for name in ("queue", "data"):
        (hub.home / name).rmdir()
    hub.start(environment=CONFINED)
    assert "is not there" not in hub.log(), hub.log()


def test_a_backup_goes_where_it_may(lab):
    needs_kernel()
    allowed, other, gone = lab.folder / "backups", lab.folder / "elsewhere", lab.folder / "gone"
    allowed.mkdir()
    other.mkdir()
    hub = confined_hub(lab, f"hikyaku_writable_directories = {allowed}, {gone}\n")
    hub.wait_log(f"hikyaku_confinement: {gone} is not there, and can't be written to")
    code, _, said = hub.run("store", "backup", str(other / "one"), want=None)
    assert code != 0 and "Permission denied" in said, (code, said)
    hub.run("store", "backup", str(allowed / "one"))
    assert any((allowed / "one").iterdir()) and not any(other.iterdir())


def test_a_change_that_counts_at_the_start_alone_is_told_at_a_reload(lab):
    hub = lab.hub()
    hub.configure(YES + "hikyaku_writable_directories = /srv\n")
    hub.reload()
    for name in ("hikyaku_confinement", "hikyaku_writable_directories"):
        hub.wait_log(rf"main.cf:{hub.line_of(name)}: a changed {name} counts after a restart")


def test_the_question_stands_alone(lab):
    hub = lab.hub(start=False)
    code, _, said = hub.run("config", "show", "--confinement", "relayhost", want=None)
    assert code == 64 and "no parameter has a use beside it" in said, said
