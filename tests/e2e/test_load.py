"""Many at once, and what can be seen from outside meanwhile."""
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.request

from client import Client, sample
from hub import free_port
from marks import Skip, alone, long
from test_rewrite_and_route import send
from test_smtp import relay


def test_smtp_source_through_the_hub_into_smtp_sink(lab):
    if not shutil.which("smtp-source"):
        raise Skip("Postfix's smtp-source is not installed")
    port = free_port()
    command = ["smtp-sink", "-c", "-m", "100", f"127.0.0.1:{port}", "100"]
    if os.geteuid() == 0:
        command[1:1] = ["-u", "nobody"]
    counting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lab.at_end.append(lambda: (counting.kill(), counting.wait()))
    hub = lab.hub(f"default_transport = smtp:[127.0.0.1]:{port}\n")
    count = 100 if lab.slow else 500
    done = subprocess.run(["smtp-source", "-s", "10", "-m", str(count), "-l", "4096", "-f", "a@b.example", "-t", "c@d.example", f"127.0.0.1:{hub.port}"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    hub.wait_queue(lambda rows: not rows, 60)
    counting.kill()
    told = re.findall(rb"mesg=(\d+)", counting.stdout.read())
    # smtp-sink counts as it goes, so the last number that it printed may be a little behind.
    assert told and int(told[-1]) <= count


def test_deliveries_to_one_destination_are_spaced(lab):
    arrivals = []
    sink = lab.sink([("MAIL FROM", lambda command: arrivals.append(time.monotonic()))])
    hub = lab.hub(relay(sink) + "default_destination_rate_delay = 1s\ndefault_destination_concurrency_limit = 5\n")
    for number in range(3):
        send(hub, f"u{number}@b.example", "x@d.example")
    sink.wait(3)
    # One after the other, each a second after the one before at the earliest.
    assert all(later - earlier >= 1 for earlier, later in zip(arrivals, arrivals[1:])), arrivals


@alone
def test_fifty_clients_at_once(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "smtpd_client_connection_count_limit = 0\n")
    failures = []

    def one(number):
        try:
            with Client(hub.port) as client:
                client.ehlo()
                for turn in range(4):
                    client.mail("a@b.example", f"u{number}.{turn}@d.example")
                client.quit()
        except (OSError, AssertionError) as problem:
            failures.append(problem)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[:3]
    got = sorted(r for m in sink.wait(200, 60) for r in m.recipients())
    assert got == sorted(f"u{n}.{t}@d.example" for n in range(50) for t in range(4))


def test_slow_destination_does_not_hold_up_the_others(lab):
    slow, fast = lab.sink(delay=3), lab.sink()
    hub = lab.hub("transport_maps = hash:@T@/transport\n", tables={"transport": f"slow.example smtp:{slow.next_hop}\nfast.example smtp:{fast.next_hop}\n"})
    for _ in range(10):
        send(hub, "a@b.example", "c@slow.example")
    send(hub, "a@b.example", "c@fast.example")
    fast.wait(1, 2.5)


def test_destination_concurrency_is_bounded(lab):
    sink = lab.sink(delay=0.2)
    hub = lab.hub(relay(sink) + "smtp_destination_concurrency_limit = 3\ninitial_destination_concurrency = 3\nsmtp_connection_cache_on_demand = no\n")
    for _ in range(12):
        send(hub, "a@b.example", "c@d.example")
    sink.wait(12)
    # Not the sessions: the last one's end and the next one's begin may cross on their way to the sink.
    assert 2 <= sink.most_in_transfer <= 3, sink.most_in_transfer


def test_connections_are_used_again_under_load(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        for _ in range(100):
            client.mail("a@b.example", "c@d.example")
    sink.wait(100)
    assert sink.sessions < 60, sink.sessions


def test_logs_read_as_people_know_them(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    mail = send(hub, "alice@b.example", "bob@d.example")
    sink.wait(1)
    hub.wait_log(r"connect from \S*\[127\.0\.0\.1\]")
    hub.wait_log(rf"{mail}: client=\S*\[127\.0\.0\.1\]")
    hub.wait_log(rf"{mail}: message-id=<hello@client\.test>")
    hub.wait_log(rf"{mail}: from=<alice@b\.example>, size=\d+, nrcpt=1")
    hub.wait_log(rf"{mail}: to=<bob@d\.example>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:{sink.port}, delay=[\d.]+, delays=[\d./]+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: taken\)")
    hub.wait_log(rf"{mail}: removed")


def test_logs_as_json(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "hikyaku_log_format = json\n")
    mail = send(hub, "alice@b.example", "bob@d.example")
    line = hub.wait_log(rf'{mail}.*"?status"?')
    assert json.loads(line), line


def test_control_octets_of_clients_never_reach_the_log(lab):
    hub = lab.hub()
    with Client(hub.port) as client:
        client.send(b"EHLO evil\x1b[31m\x07name\r\n")
        client.reply()
        client.command("QUIT", 221)
    hub.wait_log("disconnect from")
    assert "\x1b" not in hub.log() and "\x07" not in hub.log()


@long  # the threads of the library that serves it have 100 KiB of stack, in which the address sanitizer has no room
def test_metrics_page(lab):
    sink, port = lab.sink(), free_port()
    hub = lab.hub(relay(sink) + f"hikyaku_http_listen = 127.0.0.1:{port}\n")
    send(hub, "a@b.example", "c@d.example")
    sink.wait(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        assert page.headers["content-type"].startswith("text/plain"), page.headers
        text = page.read().decode()
    assert re.search(r"^# TYPE hikyaku_\w+ (counter|gauge|histogram|summary)$", text, re.M), text[:500]
    assert re.search(r"^hikyaku_\w*(accepted|received)\w*(\{[^}]*\})? 1(\.0)?$", text, re.M), text


@long
@alone
def test_thousand_idle_connections(lab):
    hub = lab.hub("smtpd_client_connection_count_limit = 0\n")
    before = hub.memory()
    held = [Client(hub.port) for _ in range(1000)]
    grown = hub.memory() - before
    for one in held:
        one.close()
    assert grown < 40 * 1024 * 1024, f"{grown >> 20} MiB for 1000 connections"
