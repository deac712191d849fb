"""Acknowledged mail is never lost."""
import collections
import os
import subprocess
import threading

from client import Client, queue_id, sample
from marks import Skip, alone, long
from test_rewrite_and_route import send
from test_smtp import relay
from test_store import BOXES, exported


def pour(hub, recipient, stop, acknowledged, number):
    """Sends numbered messages one after the other until `stop`, or until the hub goes away."""
    count = 0
    try:
        with Client(hub.port, timeout=10) as client:
            client.ehlo()
            while not stop.is_set():
                name = f"m{number}.{count}"
                count += 1
                client.mail("a@b.example", recipient, sample("a@b.example", recipient, name))
                acknowledged.append(name)
    except (OSError, AssertionError):
        pass


def kill_while_pouring(hub, recipient, enough, streams=8):
    stop, acknowledged = threading.Event(), []
    threads = [threading.Thread(target=pour, args=(hub, recipient, stop, acknowledged, n)) for n in range(streams)]
    for t in threads:
        t.start()
    while len(acknowledged) < enough and any(t.is_alive() for t in threads):
        threads[0].join(0.01)
    hub.kill()
    stop.set()
    for t in threads:
        t.join()
    assert len(acknowledged) >= enough
    return acknowledged


def subjects(octets) -> collections.Counter:
    return collections.Counter(l[9:] for l in octets.splitlines() if l.startswith("Subject: m"))


@alone
def test_killed_while_it_takes_mail_for_mailboxes_each_is_stored_exactly_once(lab):
    hub = lab.hub(BOXES, tables={"boxes": "test@box.example ok\n"})
    acknowledged = []
    for round_ in range(1 if lab.slow else 3):
        acknowledged += [f"{round_}:{n}" for n in kill_while_pouring(hub, "test@box.example", 200)]
        hub.start()
        hub.wait_queue(lambda rows: not rows, 60)
    found = subjects(exported(hub, "test@box.example"))
    rounds = 1 if lab.slow else 3
    expected = collections.Counter(n.split(":")[1] for n in acknowledged)
    missing = {n: (c, found[n]) for n, c in expected.items() if found[n] < c}
    twice = {n: c for n, c in found.items() if c > max(expected[n], 1) + (rounds - 1)}
    assert not missing, (len(missing), list(missing.items())[:5])
    assert not twice, twice
    # What was never acknowledged may be there (the reply was lost), once for each stream and round at most.
    assert sum(found.values()) - len(acknowledged) <= 8 * rounds, (sum(found.values()), len(acknowledged))


@alone
def test_killed_while_it_relays_nothing_acknowledged_is_lost(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    acknowledged = kill_while_pouring(hub, "c@d.example", 300)
    hub.start()
    hub.wait_queue(lambda rows: not rows, 60)
    found = collections.Counter(m.header().decode().split("Subject: ")[1].split("\r\n")[0] for m in sink.messages)
    missing = [n for n in acknowledged if n not in found]
    assert not missing, (len(missing), missing[:5])


@long
@alone
def test_large_message_streams_in_bounded_memory_and_arrives_whole(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "message_size_limit = 104857600\n")
    send(hub, "a@b.example", "warm@d.example")
    sink.wait(1)
    before = hub.memory()
    body = b"".join(os.urandom(36).hex().encode() + b"\r\n" for _ in range(5 * 1024 * 1024 // 74))
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], hub.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(4):
        send(hub, "a@b.example", "c@d.example", sample(body="") + body)
        assert sink.wait(2 + number, 60)[-1].body() == body
    done.set()
    watcher.join()
    assert peak[0] - before < 32 * 1024 * 1024, f"grew by {(peak[0] - before) >> 20} MiB"


@alone
def test_full_disk_gives_452_and_recovers(lab):
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small file system")
    disk = lab.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True).returncode:
        raise Skip("mounting a tmpfs is not allowed here")
    lab.at_end.append(lambda: subprocess.run(["umount", "-l", str(disk)], check=False))
    for name in ("queue", "data"):
        (disk / name).mkdir()
    sink = lab.sink([("RCPT TO:<kept@", "450 4.2.1 later")])
    hub = lab.hub(relay(sink) + "message_size_limit = 400000\n", start=False)
    main = hub.conf / "main.cf"
    main.write_text(main.read_text().replace(f"{hub.home}/queue", f"{disk}/queue").replace(f"{hub.home}/data", f"{disk}/data"))
    hub.start()
    kept = [send(hub, "a@b.example", "kept@d.example") for _ in range(5)]
    filler = disk / "filler"
    # First with room enough that MAIL is let through: both the small bodies (in the batch) and the large ones (in a file
    # of their own) must be refused for now, not for ever. Then with none.
    for room in (1 << 20, 0):
        with open(filler, "ab", buffering=0) as fill:
            try:
                while True:
                    fill.write(b"x" * 65536)
            except OSError:
                pass
        os.truncate(filler, os.path.getsize(filler) - room)
        refused = {"MAIL": 0, "RCPT": 0, "DATA": 0, ".": 0}
        for size in [100] * 20 + [300000] * 3:
            with Client(hub.port) as client:  # each its own: many errors end a session
                client.ehlo()
                for command in ("MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"):
                    reply = client.command(command)
                    if not reply.startswith(("250", "354")):
                        break
                else:
                    command = "."
                    client.send(sample() + b"y" * 70 + b"\r\n" * (size // 72) + b".\r\n")
                    reply = client.reply()
                assert reply.startswith(("250", "452", "451 4.3.0")), reply
                refused[command.split()[0]] += reply.startswith("452")
        assert refused["." if room else "MAIL"] > 0, f"the full disk was never noticed with {room} octets free: {refused}"
    filler.unlink()
    with Client(hub.port) as client:
        client.ehlo()
        client.mail("a@b.example", "after@d.example")
    sink.wait_command("RCPT TO:<after@d.example>")
    assert set(kept) <= {r["queue_id"] for r in hub.queue()}


def test_restart_keeps_what_waits(lab):
    sink = lab.sink([("RCPT TO:<w@", "450 4.2.1 later")])
    hub = lab.hub(relay(sink) + "minimal_backoff_time = 1000s\n")
    mail = send(hub, "a@b.example", "w@d.example")
    hub.wait_log(f"{mail}.*status=deferred")
    before = hub.why(mail)
    hub.stop()
    sink.script.clear()
    hub.start()
    assert [r["queue_id"] for r in hub.queue()] == [mail]
    assert hub.why(mail).startswith(before.splitlines()[0])
    hub.run("queue", "retry", mail)
    sink.wait(1)


def test_stop_while_clients_are_connected(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    client = Client(hub.port)
    client.ehlo()
    client.envelope("a@b.example", "c@d.example")
    client.command("DATA", 354)
    client.send(b"Subject: half a mess")
    hub.stop()
    try:
        reply = client.reply()
        assert reply.startswith("421"), reply
    except (ConnectionError, OSError):
        pass
    assert not sink.messages
