"""Greylisters of ours that share what they know under TLS, with a secret; and what they do not talk to."""
import os
import re
import socket
import ssl
import threading
import time

from greylists import Greylist, reply
from hub import free_port, make_certificates
from test_greylist import manage, wait_remembered

SECRET = "a secret of thirty-two octets, say"


class Fleet:
    """Greylisters as on machines of their own, 127.0.0.N, each the others' peer. `plain` are those that milter-greylist runs."""

    def __init__(self, lab, *numbers, plain=(), more=""):
        self.lab, self.port, self.more, self.plain = lab, free_port(), more, plain
        self.certificates = make_certificates(lab.folder / "peers", [f"hub{n}.test" for n in numbers])
        self.peers = "".join(f"peer 127.0.0.{n}\n" for n in numbers)

    def member(self, n, secret=SECRET, certificates=None, secure=True, start=True):
        made = certificates or self.certificates
        file = self.lab.folder / f"secret{n}"
        file.write_text(secret + "\n")
        file.chmod(0o600)
        certificate, key = made[f"hub{n}.test"]
        options = ["--peer-secret-file", file, "--peer-tls-cert", certificate, "--peer-tls-key", key, "--peer-tls-ca", made["ca"],
                   *(word for one in self.plain for word in ("--peer-plain", f"127.0.0.{one}"))]
        conf = f"nospf\ngreylist 1h\nautowhite 1h\nsyncaddr 127.0.0.{n} port {self.port}\nsyncsrcaddr 127.0.0.{n}\n{self.more}{self.peers}"
        return Greylist(self.lab, conf, [str(one) for one in options] if secure else [], start=start)


def put_off(grey, *senders):
    for sender in senders:
        assert reply(grey.tell("--mail-from", sender)).startswith("451 4.7.1 "), sender


def remembered(grey):
    return sorted((row["sender"], row["state"]) for row in manage(grey, "show"))


def test_two_of_ours_share_what_they_learn_under_tls(lab):
    fleet = Fleet(lab, 2, 3)
    one, two = fleet.member(2), fleet.member(3)
    put_off(one, "joe@a.example")
    one.wait_log(r"Connection to 127\.0\.0\.3 established, protocol version 3 under TLSv1\.3")
    wait_remembered(two, ["pending"])
    manage(two, "release", "--from", "joe@a.example")
    wait_remembered(one, ["autowhite"])
    assert reply(one.tell()) is None
    for grey in (one, two):
        assert not any(SECRET in line for line in grey.lines), grey.lines


def test_who_joins_late_is_given_all(lab):
    fleet = Fleet(lab, 2, 3, more="syncmaxqlen 4\n")
    one = fleet.member(2)
    lines = [f"192.0.2.{i % 250 + 1}\t<s{i}@a.example>\t<kim@b.example>\t{int(time.time()) + 3600}\n" for i in range(1000)]
    (lab.folder / "dump").write_text("".join(lines))
    manage(one, "import", str(lab.folder / "dump"))
    put_off(one, "joe@a.example")
    manage(one, "release", "--from", "joe@a.example")
    two = fleet.member(3)
    two.wait_log(r"took over the table of peer 127\.0\.0\.2: (999|1000|1001) of \d+ entries were new")
    want = remembered(one)
    assert len(want) == 1001 and ("<joe@a.example>", "autowhite") in want, want[:3]
    two_knows(two, want)
    assert not (two.state / "peer-tables-wanted").exists()


def two_knows(grey, want):
    deadline = time.monotonic() + 30
    while (known := remembered(grey)) != want:
        assert time.monotonic() < deadline, (len(known), len(want), grey.lines[-10:])


def test_what_did_not_fit_into_the_queue_is_fetched(lab):
    fleet = Fleet(lab, 2, 3, more="syncmaxqlen 4\n")
    one, two = fleet.member(2), fleet.member(3)
    two.wait_log("took over the table of peer")
    one.wait_log("took over the table of peer")
    two.stop()
    put_off(one, *(f"s{i}@a.example" for i in range(8)))
    one.wait_log(r"queue overflow")
    mark = two.mark()
    two.start()
    two.wait_log(r"took over the table of peer 127\.0\.0\.2: \d of 8 entries were new", since=mark)
    assert remembered(two) == remembered(one) and len(remembered(two)) == 8, remembered(two)


def test_another_secret_is_refused(lab):
    fleet = Fleet(lab, 2, 3)
    one, two = fleet.member(2), fleet.member(3, secret="another secret of thirty-two octets")
    put_off(one, "joe@a.example")
    one.wait_log(r"cannot sync with peer 127\.0\.0\.3: it has another secret")
    two.wait_log(r"peer 127\.0\.0\.2 is not listened to: it closed the connection")
    assert remembered(two) == []


def test_another_certificate_is_refused(lab):
    fleet = Fleet(lab, 2, 3)
    others = make_certificates(lab.folder / "others", ["hub3.test"])
    one = fleet.member(2)
    two = fleet.member(3, certificates=others)
    put_off(one, "joe@a.example")
    one.wait_log(r"cannot sync with peer 127\.0\.0\.3: (its certificate is not trusted|TLS)")
    one.wait_log(r"peer 127\.0\.0\.3 is not listened to: TLS handshake: ")
    two.wait_log(r"cannot sync with peer 127\.0\.0\.2: (its certificate is not trusted|TLS)")
    assert remembered(two) == []


def test_who_does_not_speak_tls_is_neither_told_nor_heard(lab):
    fleet = Fleet(lab, 2, 3)
    one, two = fleet.member(2), fleet.member(3, secure=False)
    put_off(one, "joe@a.example")
    one.wait_log(r"cannot sync with peer 127\.0\.0\.3: it does not speak TLS, and is told nothing without")
    put_off(two, "ann@a.example")
    one.wait_log(r'peer 127\.0\.0\.3 is not listened to: it said "vers3" without TLS')
    assert [sender for sender, _ in remembered(one)] == ["<joe@a.example>"] and [sender for sender, _ in remembered(two)] == ["<ann@a.example>"]


def test_milter_greylists_in_the_same_fleet_see_plain_peers_alone(lab):
    fleet = Fleet(lab, 2, 3, 4, plain=[4])
    one, two, old = fleet.member(2), fleet.member(3), fleet.member(4, secure=False)
    put_off(one, "joe@a.example")
    wait_remembered(two, ["pending"])
    wait_remembered(old, ["pending"])
    put_off(old, "ann@a.example")
    for grey in (one, two, old):
        wait_remembered(grey, ["pending", "pending"])
    one.wait_log(r"Connection to 127\.0\.0\.4 established, protocol version 3$")
    one.wait_log(r"Connection to 127\.0\.0\.3 established, protocol version 3 under TLSv1\.3")
    assert not any("starttls" in line for line in old.lines), old.lines


def test_a_peer_without_a_proof_gets_nothing_under_tls_either(lab):
    fleet = Fleet(lab, 2, 3)
    one = fleet.member(2)
    put_off(one, "joe@a.example")
    context = ssl.create_default_context(cafile=fleet.certificates["ca"])
    context.check_hostname = False
    context.load_cert_chain(*map(str, fleet.certificates["hub3.test"]))
    with socket.create_connection(("127.0.0.2", fleet.port), 20, ("127.0.0.3", 0)) as plain:
        assert plain.recv(100) == b"200 TLS first\n"
        plain.sendall(b"starttls\n")
        assert plain.recv(100) == b"204 TLS now\n"
        with context.wrap_socket(plain) as secure:
            secure.sendall(b"table\n")
            assert secure.recv(100) == b"103 Incomplete command\n" and secure.recv(100) == b""
    one.wait_log(r'peer 127\.0\.0\.3 is not listened to: it said "table" in place of auth')


def test_files_that_cannot_be_used_are_told_at_the_start(lab):
    fleet = Fleet(lab, 2)
    for change, told in ((lambda options: os.chmod(options[1], 0o604), "everybody may read"),
                         (lambda options: open(options[1], "w").write("short"), "shorter than 16 octets"),
                         (lambda options: options.__setitem__(3, "/nonexistent.pem"), "/nonexistent.pem"),
                         (lambda options: options.__delitem__(slice(0, 2)), "--peer-secret-file, --peer-tls-cert and --peer-tls-ca belong together")):
        grey = fleet.member(2, start=False)
        change(grey.options)
        try:
            grey.start()
        except AssertionError:
            pass
        code, grey.process = grey.process.wait(20), None
        assert code in (64, 65, 69, 77, 78) and any(told in line for line in grey.lines), (code, told, grey.lines)


def test_a_source_address_of_another_family_is_told(lab):
    grey = Greylist(lab, f"nospf\ngreylist 1h\nsyncaddr 127.0.0.2 port {free_port()}\nsyncsrcaddr ::1\npeer 127.0.0.3\n")
    put_off(grey, "joe@a.example")
    grey.wait_log(r"greylist\.conf:4: syncsrcaddr ::1 is of another family than 127\.0\.0\.3, and not used for peer 127\.0\.0\.3")
