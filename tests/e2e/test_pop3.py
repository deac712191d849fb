"""People read their mail over POP3: Python's poplib, curl, mpop, and by hand."""
import base64
import concurrent.futures
import os
import poplib
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time

from client import Client, ca_tls, sample, trusting_tls
from hub import free_port
from marks import Skip, long
from test_rewrite_and_route import send
from test_store import BOXES

USER, SECRET = "test@box.example", "correct horse"
SERVICES = {"smtp": "", "pop3": "pop3", "pop3s": "pop3 -o smtpd_tls_wrappermode=yes"}


def mail_hub(lab, more="", services=None, users=(USER,), start=True, **options):
    boxes = "".join(f"{u} ok\n" for u in users if "@" in u)
    hub = lab.hub(lab.tls_settings() + BOXES + more, services=services or SERVICES, tables={"boxes": boxes}, start=False, **options)
    for user in users:
        hub.add_user(user, SECRET)
    return hub.start() if start else hub


def deliver(hub, message, to=USER, sender="a@b.example"):
    mail = send(hub, sender, to, message)
    hub.wait_log(f"{mail}: to=<{re.escape(to)}>.*status=sent")


def login(hub, user=USER, secret=SECRET, service="pop3"):
    client = poplib.POP3("127.0.0.1", hub.ports[service], timeout=20)
    client.user(user)
    client.pass_(secret)
    return client


def retrieved(client, number) -> bytes:
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


def uidls(client) -> list:
    return [line.split()[1].decode() for line in client.uidl()[1]]


def count(hub, user=USER) -> int:
    client = login(hub, user)
    messages = client.stat()[0]
    client.quit()
    return messages


def refusal(action) -> str:
    """What the server said when `action` was refused."""
    try:
        action()
    except poplib.error_proto as problem:
        return problem.args[0].decode()
    raise AssertionError("it was not refused")


class Hand:
    """A client that says just what it is told to."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def line(self) -> str:
        line = self.file.readline()
        assert line == b"" or line.endswith(b"\r\n"), line
        return line[:-2].decode()

    def say(self, *lines) -> str:
        self.socket.sendall("".join(l + "\r\n" for l in lines).encode())
        return self.line()

    def lines(self) -> list:
        return list(iter(self.line, "."))

    def secure(self):
        self.file.close()
        self.socket = trusting_tls().wrap_socket(self.socket, server_hostname="mail.hub.test")
        self.file = self.socket.makefile("rb")


MESSAGES = {
    "plain": "one line\r\n",
    "dots": ".\r\n..\r\n.x\r\n\r\n.\r\nend\r\n",
    "empty lines": "\r\n\r\n\r\n",
    "no body": "",
    "octets": "".join(f"{chr(c)}ä\r\n" for c in range(0x21, 0x7f)),
    "large": "".join(f".{n} {'x' * (n % 70)}\r\n" for n in range(8000)),
}


def test_mail_comes_back_octet_by_octet(lab):
    hub = mail_hub(lab)
    sent = [sample("a@b.example", USER, name, body) for name, body in MESSAGES.items()]
    for message in sent:
        deliver(hub, message)
    for kind in ("plain", "STLS", "TLS"):
        if kind == "TLS":
            client = poplib.POP3_SSL("127.0.0.1", hub.ports["pop3s"], timeout=20, context=trusting_tls())
        else:
            client = poplib.POP3("127.0.0.1", hub.ports["pop3"], timeout=20)
        if kind == "STLS":
            client.stls(ca_tls(lab.certificates["ca"]))
        client.user(USER)
        client.pass_(SECRET)
        assert client.stat()[0] == len(sent), client.stat()
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        assert sum(sizes) == client.stat()[1]
        for number, message in enumerate(sent, 1):
            got = retrieved(client, number)
            assert got.endswith(message), (kind, number, got[-300:])
            assert len(got) == sizes[number - 1], (kind, number, len(got), sizes)
            assert got.startswith(b"Return-Path: <a@b.example>\r\n") and b"\r\nReceived: " in got
            header = got[:got.index(b"\r\n\r\n") + 4]
            for lines in (0, 1, 100000):
                top = b"".join(line + b"\r\n" for line in client.top(number, lines)[1])
                body = got[len(header):].splitlines(keepends=True)[:lines]
                assert top == header + b"".join(body), (kind, number, lines)
        client.quit()
        line = hub.wait_log(f"pop3/login.*user=<{USER}>, method=PLAIN, rip=127.0.0.1{'' if kind == 'plain' else ', TLS'}$")
        assert SECRET not in line
        hub.wait_log(f"user=<{USER}> disconnected: retr={len(sent)}/{sum(sizes)}, del=0/{len(sent)}")


def test_capabilities_change_with_tls(lab):
    hub = mail_hub(lab, services={"smtp": "", "pop3": "pop3 -o smtpd_tls_auth_only=yes"})
    client = poplib.POP3("127.0.0.1", hub.ports["pop3"], timeout=20)
    words = client.capa()
    assert {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "STLS"} <= set(words), words
    assert words["EXPIRE"] == ["NEVER"] and words["IMPLEMENTATION"] == ["Hikyaku"]
    assert "USER" not in words and "SASL" not in words
    assert "TLS" in refusal(lambda: client.user(USER))
    client.stls(trusting_tls())
    words = client.capa()
    assert "STLS" not in words and "USER" in words, words
    assert words["SASL"] == ["PLAIN", "LOGIN", "SCRAM-SHA-256"], words
    client.user(USER)
    client.pass_(SECRET)
    client.quit()


def test_deleting_counts_from_quit_on_and_names_stay_over_restarts(lab):
    hub = mail_hub(lab)
    for number in range(4):
        deliver(hub, sample("a@b.example", USER, f"number {number}"))
    client = login(hub)
    before = uidls(client)
    assert len(set(before)) == 4 and all(re.fullmatch(r"\d+\.\d+", u) for u in before), before
    client.dele(1)
    client.close()  # without QUIT
    hub.wait_log("disconnected: retr=0/0, del=0/4")
    client = login(hub)
    assert uidls(client) == before
    client.dele(1)
    client.dele(4)
    client.rset()
    client.dele(2)
    client.quit()
    hub.wait_log("disconnected: retr=0/0, del=1/4")
    hub.stop()
    hub.start()
    client = login(hub)
    after = uidls(client)
    assert after == [before[0], before[2], before[3]], (before, after)
    for number in (1, 2, 3):
        client.dele(number)
    client.quit()
    hub.stop()
    hub.start()
    deliver(hub, sample("a@b.example", USER, "a later one"))
    client = login(hub)
    assert not set(uidls(client)) & set(before)
    client.quit()


def test_killed_between_dele_and_quit_nothing_is_lost_and_behind_quit_it_is_gone(lab):
    hub = mail_hub(lab)
    for number in range(3):
        deliver(hub, sample("a@b.example", USER, f"number {number}"))
    client = login(hub)
    before = uidls(client)
    for number in (1, 2, 3):
        client.dele(number)
    hub.kill()
    client.close()
    hub.start()
    client = login(hub)
    assert uidls(client) == before
    assert b"Subject: number 1" in retrieved(client, 2)
    client.dele(2)
    client.quit()
    hub.kill()
    hub.start()
    client = login(hub)
    assert uidls(client) == [before[0], before[2]]
    client.quit()


def test_a_mailbox_has_one_session_at_a_time(lab):
    hub = mail_hub(lab)
    deliver(hub, sample())
    first = login(hub)
    assert refusal(lambda: login(hub)).startswith("-ERR [IN-USE]")
    deliver(hub, sample("a@b.example", USER, "meanwhile"))
    assert first.stat()[0] == 1
    first.quit()
    second = login(hub)
    assert second.stat()[0] == 2
    second.close()  # a connection that is lost gives the mailbox back too
    hub.wait_log("lost connection from ")
    end = time.monotonic() + 10
    while not let_in(hub):
        assert time.monotonic() < end


def let_in(hub) -> bool:
    try:
        login(hub).quit()
        return True
    except poplib.error_proto as problem:
        assert b"[IN-USE]" in problem.args[0]
        return False


def test_a_shared_mailbox_tells_that_a_message_is_gone(lab):
    hub = mail_hub(lab, "hikyaku_pop3_shared = yes\n")
    for number in range(3):
        deliver(hub, sample("a@b.example", USER, f"number {number}"))
    first, second = login(hub), login(hub)
    first.dele(1)
    first.quit()
    assert "not there" in refusal(lambda: second.retr(1)), "it was there"
    assert b"Subject: number 1" in retrieved(second, 2)
    second.dele(1)
    second.dele(2)
    second.quit()
    assert count(hub) == 1


def test_sessions_that_delete_at_the_same_time_do_not_lose_the_deletions(lab):
    hub = mail_hub(lab, "hikyaku_pop3_shared = yes\n")
    for number in range(8):
        deliver(hub, sample("a@b.example", USER, f"number {number}"))
    clients = [login(hub) for _ in range(4)]
    for number, client in enumerate(clients):
        client.dele(2 * number + 1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda c: c.quit(), clients))
    client = login(hub)
    assert client.stat()[0] == 4
    for number in range(1, 5):
        assert f"Subject: number {2 * number - 1}".encode() in retrieved(client, number)
    client.quit()


def test_wrong_password_and_unknown_user_look_the_same(lab):
    hub = mail_hub(lab)
    told, took = [], []
    for user, secret in ((USER, "not right"), ("nobody@box.example", SECRET)):
        with Hand(hub.ports["pop3"]) as client:
            assert client.say(f"USER {user}").startswith("+OK")
            began = time.monotonic()
            told.append(client.say(f"PASS {secret}"))
            took.append(time.monotonic() - began)
            token = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
            told.append(client.say(f"AUTH PLAIN {token}"))
        assert client_forgotten(hub, user)
    assert len(set(told)) == 1 and told[0] == "-ERR [AUTH] authentication failed", told
    # Each failure from an address waits longer than the one before: half a second, a second, two, ...
    assert 0.5 <= took[0] < 2 + took[1] and 2 <= took[1] < 20, took
    assert SECRET not in hub.log() and "not right" not in hub.log()


def client_forgotten(hub, user) -> bool:
    return bool(hub.wait_log(f"SASL PLAIN authentication failed: authentication failure, sasl_username={user}"))


def test_stls_injection(lab):
    hub = mail_hub(lab)
    deliver(hub, sample())
    with Hand(hub.ports["pop3"]) as client:
        assert client.say(f"USER {USER}").startswith("+OK")
        assert client.say("STLS", f"PASS {SECRET}", "DELE 1", "QUIT").startswith("+OK")
        client.secure()
        assert client.say(f"PASS {SECRET}") == "-ERR USER comes first"
        assert client.say("NOOP").startswith("-ERR")
        client.say(f"USER {USER}")
        assert client.say(f"PASS {SECRET}").startswith("+OK 1 ")
        assert client.say("QUIT").startswith("+OK")
    assert count(hub) == 1


def test_silence_ends_a_session_without_a_word_and_deletes_nothing(lab):
    hub = mail_hub(lab, "hikyaku_pop3_timeout = 1s\n")
    deliver(hub, sample())
    with Hand(hub.ports["pop3"]) as client:
        client.say(f"USER {USER}")
        client.say(f"PASS {SECRET}")
        client.say("DELE 1")
        assert client.line() == ""
    hub.wait_log("timed out after 1 s waiting for a command from ")
    assert count(hub) == 1


def test_the_end_of_the_hub_ends_sessions_and_deletes_nothing(lab):
    hub = mail_hub(lab)
    deliver(hub, sample())
    with Hand(hub.ports["pop3"]) as client:
        client.say(f"USER {USER}")
        client.say(f"PASS {SECRET}")
        client.say("DELE 1")
        hub.stop()
        assert client.line() == ""
    hub.start()
    assert count(hub) == 1


def test_commands_that_come_together(lab):
    hub = mail_hub(lab)
    for number in range(30):
        deliver(hub, sample("a@b.example", USER, f"number {number:02}", "x" * 70 + "\r\n"))
    with Hand(hub.ports["pop3"]) as client:
        client.say(f"USER {USER}")
        client.say(f"PASS {SECRET}")
        client.socket.sendall("".join(f"RETR {n}\r\nDELE {n}\r\n" for n in range(1, 31)).encode() + b"QUIT\r\n")
        for number in range(30):
            assert client.line().startswith("+OK")
            assert f"Subject: number {number:02}" in client.lines()
            assert client.line().startswith("+OK")
        assert client.line().startswith("+OK")
    assert count(hub) == 0


def test_a_client_that_never_learns_is_sent_away(lab):
    hub = mail_hub(lab, "smtpd_hard_error_limit = 3\n")
    with Hand(hub.ports["pop3"]) as client:
        for _ in range(3):
            assert client.say("XYZZY").startswith("-ERR")
        assert client.line() == ""
    hub.wait_log("too many errors from ")


def test_too_many_connections_of_one_client(lab):
    hub = mail_hub(lab, "smtpd_client_connection_count_limit = 2\nsmtpd_client_event_limit_exceptions =\n")
    with Hand(hub.ports["pop3"]) as first, Hand(hub.ports["pop3"]) as second:
        assert first.greeting.startswith("+OK") and second.greeting.startswith("+OK")
        with Hand(hub.ports["pop3"]) as third:
            assert third.greeting == "-ERR [SYS/TEMP] too many connections"
            assert third.line() == ""


def test_local_users_have_their_mailboxes_with_and_without_the_domain(lab):
    hub = mail_hub(lab, users=("joe", "joe@mail.hub.test", "new@box.example"))
    deliver(hub, sample("a@b.example", "joe@mail.hub.test"), "joe@mail.hub.test")
    assert count(hub, "joe") == 1
    assert count(hub, "joe@mail.hub.test") == 1
    assert count(hub, "new@box.example") == 0  # nothing has ever come


def test_reload_adds_and_changes_a_service(lab):
    hub = mail_hub(lab, services={"smtp": ""})
    hub.services["pop3"], hub.ports["pop3"] = "pop3", free_port()
    hub.configure(lab.tls_settings() + BOXES)
    hub.reload()
    hub.wait_log("reload -- configuration")
    assert count(hub) == 0
    hub.configure(lab.tls_settings() + BOXES + "smtpd_tls_auth_only = yes\n")
    mark = hub.mark()
    hub.reload()
    hub.wait_log("reload -- configuration", since=mark)
    assert "TLS" in refusal(lambda: login(hub))


def test_config_check_tells_of_passwords_in_the_clear(lab):
    hub = mail_hub(lab, start=False)
    port = free_port()
    for address, told in (("0.0.0.0", True), ("127.0.0.1", False)):
        (hub.conf / "master.cf").write_text(f"{address}:{port} inet n - n - - pop3\n127.0.0.1:{free_port()} inet n - n - - smtpd\n")
        code, out, err = hub.run("config", "check", want=None)
        assert code == 0 and ("passwords and mail may be read" in out + err) == told, out + err


class DovecotAuth(socketserver.StreamRequestHandler):
    """Enough of a Dovecot auth socket: every password is "pw", for the service pop3."""

    def handle(self):
        self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")
        for line in self.rfile:
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                _, user, secret = base64.b64decode(next(f[5:] for f in fields if f.startswith("resp="))).split(b"\0")
                word = "OK" if secret == b"pw" and "service=pop3" in fields else "FAIL"
                self.wfile.write(f"{word}\t{fields[1]}\tuser={user.decode()}\n".encode())


def test_dovecot_is_asked_when_it_is_the_authority(lab):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), DovecotAuth)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    lab.at_end.append(lambda: (server.shutdown(), server.server_close()))
    hub = mail_hub(lab, f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:{server.server_address[1]}\n")
    deliver(hub, sample())
    client = login(hub, USER, "pw")
    assert client.stat()[0] == 1
    client.quit()
    assert refusal(lambda: login(hub, USER, "not pw")).startswith("-ERR [AUTH]")


def test_curl(lab):
    hub = mail_hub(lab)
    message = sample("a@b.example", USER, "for curl", ".dots\r\n..\r\n")
    deliver(hub, message)
    ways = {"plain": [f"pop3://127.0.0.1:{hub.ports['pop3']}"],
            "LOGIN": [f"pop3://127.0.0.1:{hub.ports['pop3']}", "--login-options", "AUTH=LOGIN"],
            "STLS": [f"pop3://127.0.0.1:{hub.ports['pop3']}", "--ssl-reqd", "--cacert", str(lab.certificates["ca"])],
            "TLS": [f"pop3s://127.0.0.1:{hub.ports['pop3s']}", "--cacert", str(lab.certificates["ca"])]}
    for name, (url, *options) in ways.items():
        done = subprocess.run(["curl", "-sS", "--max-time", "20", "-u", f"{USER}:{SECRET}", *options, f"{url}/1"], capture_output=True, timeout=60)
        assert done.returncode == 0, (name, done.stderr)
        assert done.stdout.endswith(message), (name, done.stdout)
    done = subprocess.run(["curl", "-sS", "--max-time", "20", "-u", f"{USER}:{SECRET}", "-X", "UIDL", ways["TLS"][0] + "/", *ways["TLS"][1:]],
                          capture_output=True, timeout=60)
    assert re.fullmatch(rb"1 \d+\.1\r\n", done.stdout), done


def mpop(lab, hub, auth, tls, keep):
    folder = lab.folder / f"mpop-{auth}"
    folder.mkdir(exist_ok=True)
    service = "pop3s" if tls == "on" else "pop3"
    settings = folder / "settings"
    settings.write_text(f"account default\nhost 127.0.0.1\nport {hub.ports[service]}\nuser {USER}\npassword {SECRET}\nauth {auth}\n"
                        f"tls {'off' if tls == 'off' else 'on'}\ntls_starttls {'on' if tls == 'starttls' else 'off'}\n"
                        f"tls_trust_file {lab.certificates['ca']}\ntls_host_override mail.hub.test\n"
                        f"delivery maildir {folder}/mail\nuidls_file {folder}/uidls\nkeep {keep}\n"
                        "received_header off\n")
    os.chmod(settings, 0o600)
    for name in ("new", "cur", "tmp"):
        (folder / "mail" / name).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mpop", "-C", str(settings)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (auth, tls, done.stdout + done.stderr)
    return [p.read_bytes() for p in (folder / "mail/new").iterdir()]


def test_mpop(lab):
    if not shutil.which("mpop"):
        raise Skip("mpop is not installed")
    hub = mail_hub(lab)
    for number in range(5):
        deliver(hub, sample("a@b.example", USER, f"number {number}", ".dot\r\n\r\nend\r\n"))
    for auth, tls in (("user", "off"), ("plain", "starttls"), ("login", "on"), ("scram-sha-256", "starttls")):
        for _ in range(2):  # the second time it knows all by their names
            got = mpop(lab, hub, auth, tls, "on")
            assert len(got) == 5 and all(m.endswith(b"\n\n.dot\n\nend\n") for m in got), (auth, len(got))
    hub.wait_log("method=SCRAM-SHA-256, rip=127.0.0.1, TLS")
    deliver(hub, sample("a@b.example", USER, "the last"))
    assert len(mpop(lab, hub, "plain", "on", "off")) == 6
    assert count(hub) == 0


@long
def test_a_large_message_is_never_whole_in_memory(lab):
    hub = mail_hub(lab, "message_size_limit = 60000000\n")
    body = ("." + "x" * 76 + "\r\n") * 500_000
    message = sample("a@b.example", USER, "large", body)
    deliver(hub, message)
    before = hub.memory()
    most = 0
    with Hand(hub.ports["pop3"]) as client:
        client.say(f"USER {USER}")
        client.say(f"PASS {SECRET}")
        assert client.say("RETR 1").startswith("+OK")
        lines = 0
        while client.file.readline() != b".\r\n":
            lines += 1
            if lines % 50_000 == 0:
                most = max(most, hub.memory() - before)
        assert lines > 500_000
        client.say("QUIT")
    assert most < 8 << 20, f"{most} octets more"


@long
def test_a_mailbox_of_thousands_of_messages(lab):
    hub = mail_hub(lab)
    number = 2000
    with Client(hub.port) as client:
        client.ehlo()
        for n in range(number):
            client.mail("a@b.example", USER, sample("a@b.example", USER, f"m{n}"))
    hub.wait_queue(lambda rows: not rows, 60)
    client = login(hub)
    assert client.stat()[0] == number and len(client.list()[1]) == number and len(set(uidls(client))) == number
    for n in range(1, number):
        client.dele(n)
    began = time.monotonic()
    client.quit()
    assert time.monotonic() - began < 10
    assert count(hub) == 1
