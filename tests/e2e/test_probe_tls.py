"""hikyaku probe: what is told of stapling, MTA-STS and DANE, certificates of our own, and options of the connection."""
import base64
import ctypes
import fcntl
import hashlib
import http.server
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

from dns import Dns
from hub import SUBMISSION, make_certificates
from marks import Skip
from scripted_server import ScriptedServer
from test_pop3 import mail_hub
from test_probe import SECRET, USER, dovecot, has, local, probe, secret_file, talker

SYSTEM_PYTHON = "/usr/bin/python3"


def system_python(script, *arguments, modules):
    """The command for a script that needs modules of the distribution."""
    if subprocess.run([SYSTEM_PYTHON, "-P", "-c", f"import {modules}"], capture_output=True).returncode:
        raise Skip(f"the system's Python has no {modules}")
    return [SYSTEM_PYTHON, "-P", str(Path(__file__).with_name(script)), *map(str, arguments)]


def server_context(certificate, **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def smtp_server(lab, context=None, more="", answer=None):
    """SMTP with STARTTLS and `more` lines of its offer; `answer(server, line)` may have an answer to a line."""
    def script(server):
        server.say(b"220 me\r\n")
        while line := server.line():
            said = answer(server, line) if answer else None
            if line.startswith(b"EHLO"):
                server.say(f"250-me\r\n{more}250 STARTTLS\r\n".encode())
            elif line == b"STARTTLS":
                server.say(b"220 go\r\n")
                server.secure(context)
            else:
                server.say(said or (b"221 bye\r\n" if line == b"QUIT" else b"250 fine\r\n"))

    return talker(lab, script)


# -------------------------------------------------------------------------------------------------- stapling
class StaplingServer:
    """openssl s_server, which staples, with the answers of SMTP by us: it shows us what is said to it, and says what we write."""

    def __init__(self, certificate, response):
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", certificate[0], "-key", certificate[1], "-status_file", response]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if found := re.match(rb"ACCEPT 127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError("openssl s_server does not listen")
        self.say(b"220 me\r\n")
        threading.Thread(target=self.converse, daemon=True).start()

    def say(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def converse(self):
        try:
            for line in self.process.stdout:
                if line.startswith((b"EHLO ", b"QUIT")):
                    self.say(b"250 me\r\n" if line.startswith(b"EHLO") else b"221 bye\r\n")
        except OSError:
            pass

    def stop(self):
        self.process.kill()
        self.process.wait(10)


class Authority:
    """What the CA of the tests says of mail.hub.test by OCSP."""

    def __init__(self, lab):
        self.lab, self.ca, self.certificate = lab, lab.certificates["ca"], lab.certificates["mail.hub.test"]
        self.made = 0

    def respond(self, status, about=None):
        """The file with its response: V (valid), R (revoked) or nothing (unknown)."""
        about = about or self.certificate
        self.made += 1
        index, out = self.lab.folder / f"index{self.made}", self.lab.folder / f"response{self.made}"
        serial = subprocess.run(["openssl", "x509", "-in", about[0], "-noout", "-serial"], check=True, capture_output=True, text=True).stdout.strip().split("=")[1]
        revoked = "260101000000Z" if status == "R" else ""
        index.write_text(f"{status}\t491231235959Z\t{revoked}\t{serial}\tunknown\t/CN=x\n" if status else "")
        subprocess.run(["openssl", "ocsp", "-index", index, "-rsigner", self.ca, "-rkey", self.ca.with_name("ca.key"), "-CA", self.ca, "-issuer", self.ca, "-cert", about[0],
                        "-respout", out, "-ndays", "1", "-noverify"], check=True, capture_output=True)
        return out

    def verdict(self, response, *options):
        server = StaplingServer(self.certificate, response)
        self.lab.at_end.append(server.stop)
        said = probe(self.lab, "smtps", local(server.port), "--sni", "mail.hub.test", *options, stdin="QUIT\n")
        has(said, "=== TLS is on", "<~  220 me", " ~> EHLO me.test", "<~  250 me", " ~> QUIT", "<~  221 bye")
        line, = [one for one in said.splitlines() if "TLS stapling: " in one]
        return line


def test_a_stapled_response_tells_what_the_authority_says(lab):
    authority = Authority(lab)
    ca = ("--tls-ca", authority.ca)
    for status, want in (("V", "=== TLS stapling: ok: the authority says that the certificate is good"), ("R", "*** TLS stapling: WRONG: the certificate was revoked"),
                         ("", "=== TLS stapling: WARNING: the authority does not know the certificate")):
        said = authority.verdict(authority.respond(status), *ca)
        assert said == want, said


def test_a_stapled_response_that_counts_for_nothing_is_told(lab):
    authority = Authority(lab)
    unusable = "=== TLS stapling: WARNING: the OCSP response can't be used: "
    good = authority.respond("V")
    other = authority.respond("V", about=lab.certificates["other.hub.test"])
    for response, options, want in ((other, ("--tls-ca", authority.ca), "it is about another certificate"), (good, (), "whose issuer is not known it can't be checked against")):
        said = authority.verdict(response, *options)
        assert said == unusable + want, said
    # The other authority has the same name, and another key.
    impostor = make_certificates(lab.folder / "impostor", ("else.hub.test",))["ca"]
    forged = Authority(lab)
    forged.ca, forged.made = impostor, 10
    said = authority.verdict(forged.respond("V"), "--tls-ca", authority.ca)
    assert said.startswith(unusable), said


def test_a_stapled_response_whose_time_is_over_is_told(lab):
    authority = Authority(lab)
    old = lab.folder / "old"
    subprocess.run(system_python("ocsp_response.py", authority.certificate[0], authority.ca, authority.ca.with_name("ca.key"), old, modules="cryptography.x509.ocsp"), check=True)
    said = authority.verdict(old, "--tls-ca", authority.ca)
    assert said == "=== TLS stapling: WARNING: the OCSP response can't be used: its time is over, or has not come", said


# --------------------------------------------------------------------------------------------------- MTA-STS
def in_a_network_of_its_own(work):
    """Runs `work` where all ports of the loopback are free: a network namespace, which is the thread's and its children's."""
    problems = []

    def run():
        try:
            library = ctypes.CDLL(None, use_errno=True)
            if library.unshare(0x40000000) != 0:  # CLONE_NEWNET
                raise Skip("no network of our own can be had: " + os.strerror(ctypes.get_errno()))
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
            work()
        except BaseException as problem:  # noqa: BLE001 - it is the test's
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]


class PolicyHost:
    """https on port 443 of 127.0.0.1: one answer to all who ask."""

    def __init__(self, certificate):
        outer = self
        self.status, self.policy, self.asked = 200, "", []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.headers["Host"], self.path))
                self.send_response(outer.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                try:
                    self.wfile.write(outer.policy.encode())
                except OSError:  # it was too long for who asked
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Handler)
        self.server.socket = server_context(certificate).wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def with_policies(lab, policy_host_name, use):
    """Runs use(verdict, host): verdict(policy, options...) has the line about MTA-STS, of a server that is mail.hub.test."""
    made = make_certificates(lab.folder / "tls", ("mail.hub.test", policy_host_name))

    def work():
        dns = Dns({"mail.hub.test": {}, "_mta-sts.hub.test": {"TXT": ["v=STSv1; id=20260101;"]}, "mta-sts.hub.test": {"A": ["127.0.0.1"]}})
        host = PolicyHost(made[policy_host_name])
        try:
            server = smtp_server(lab, server_context(made["mail.hub.test"]))

            def verdict(policy, *options):
                host.policy = policy
                said = probe(lab, "smtp", local(server.port), "--sni", "mail.hub.test", "--tls-ca", made["ca"], "--dns-server", f"127.0.0.1@{dns.port}", *options, stdin="QUIT\n", dns=True)
                line, = [one for one in said.splitlines() if "TLS MTA-STS: " in one]
                return line

            use(verdict, host)
        finally:
            host.stop()
            dns.stop()

    in_a_network_of_its_own(work)


def policy(mode, *hosts):
    return f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {host}\r\n" for host in hosts) + "max_age: 86400\r\n"


def test_a_policy_of_mta_sts_is_fetched_and_judged(lab):
    def use(verdict, host):
        said = verdict(policy("enforce", "other.test", "mail.hub.test"))
        assert said == "=== TLS MTA-STS: ok: the policy of hub.test (enforce) is kept", said
        assert host.asked == [("mta-sts.hub.test", "/.well-known/mta-sts.txt")], host.asked
        for text, options, want in (
                (policy("enforce", "*.hub.test"), ("--domain", "hub.test"), "=== TLS MTA-STS: ok: the policy of hub.test (enforce) is kept"),
                (policy("enforce", "mx.hub.test", "*.mail.hub.test"), (), "*** TLS MTA-STS: WRONG: the policy of hub.test (enforce) does not name mail.hub.test"),
                (policy("testing", "mx.hub.test"), (), "=== TLS MTA-STS: WARNING: the policy of hub.test (testing) does not name mail.hub.test"),
                (policy("none"), (), "=== TLS MTA-STS: the policy of hub.test (none) asks for nothing"),
                (policy("enforce", "mail.hub.test"), ("--starttls", "never"), "*** TLS MTA-STS: WRONG: the policy of hub.test (enforce) asks for TLS, and there is none")):
            said = verdict(text, *options)
            assert said == want, said

    with_policies(lab, "mta-sts.hub.test", use)


def test_a_policy_of_mta_sts_that_is_none_is_told(lab):
    def use(verdict, host):
        bad = "*** TLS MTA-STS: WRONG: hub.test announces a policy that can't be had: "
        said = verdict("<html>\r\n")
        assert said.startswith(bad + "the policy's line \"<html>\" has no colon"), said
        good = policy("enforce", "mail.hub.test")
        said = verdict(good + "more: x\r\n" * 7200)  # 64 KiB are not reached, and then they are
        assert said == "=== TLS MTA-STS: ok: the policy of hub.test (enforce) is kept", said
        said = verdict(good + "more: x\r\n" * 7300)
        assert said.startswith(bad), said
        host.status = 301
        host.asked.clear()
        said = verdict(policy("enforce", "mail.hub.test"))
        assert said == bad + "https://mta-sts.hub.test/.well-known/mta-sts.txt answers 301", said
        assert len(host.asked) == 1, host.asked

    with_policies(lab, "mta-sts.hub.test", use)


def test_a_policy_of_mta_sts_from_a_host_with_another_name_is_not_taken(lab):
    def use(verdict, host):
        said = verdict(policy("enforce", "mail.hub.test"))
        assert said.startswith("*** TLS MTA-STS: WRONG: hub.test announces a policy that can't be had: https://mta-sts.hub.test/.well-known/mta-sts.txt: ") and "certificate" in said, said
        assert host.asked == [], host.asked

    with_policies(lab, "else.hub.test", use)


# ------------------------------------------------------------------------------------------------------ DANE
def der(file):
    return subprocess.run(["openssl", "x509", "-in", file, "-outform", "DER"], check=True, capture_output=True).stdout


def key_digest(file):
    key = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-pubkey"], check=True, capture_output=True).stdout
    return hashlib.sha256(subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True, capture_output=True).stdout).digest()


def dane(lab, port, *options):
    said = probe(lab, "submission", local(port), "--sni", "mail.hub.test", *options, stdin="QUIT\n", dns=True)
    line, = [one for one in said.splitlines() if "TLS DANE: " in one]
    return line


def test_tlsa_records_without_dnssec_count_for_nothing(lab):
    certificate = lab.certificates["mail.hub.test"]
    server = smtp_server(lab)
    dns = Dns({f"_{server.port}._tcp.mail.hub.test": {"TLSA": [b"\x03\x01\x01" + key_digest(certificate[0])]}})
    lab.at_end.append(dns.stop)
    said = dane(lab, server.port, "--dns-server", f"127.0.0.1@{dns.port}", "--dns-anchor", "/dev/null")
    assert said == f"=== TLS DANE: WARNING: _{server.port}._tcp.mail.hub.test has TLSA records, but without DNSSEC they count for nothing", said
    assert f"TLSA _{server.port}._tcp.mail.hub.test" in dns.asked(), dns.asked()


def test_tlsa_records_of_a_signed_zone_are_compared_with_the_chain(lab):
    leaf = lab.certificates["mail.hub.test"][0]
    key, whole, other = key_digest(leaf).hex(), hashlib.sha512(der(leaf)).hexdigest(), hashlib.sha256(b"other").hexdigest()
    server = smtp_server(lab)
    name = f"_{server.port}._tcp.mail.hub.test"
    for number, (records, want) in enumerate((
            ([f"3 1 1 {key}"], f"=== TLS DANE: ok: the chain is what {name} says: 3 1 1 {key[:16]}…"),
            ([f"3 0 2 {whole}"], f"=== TLS DANE: ok: the chain is what {name} says: 3 0 2 {whole[:16]}…"),
            ([f"3 1 1 {other}"], f"*** TLS DANE: WRONG: the chain is not what {name} says: 3 1 1 {other[:16]}…"),
            ([f"9 1 1 {key}"], f"=== TLS DANE: WARNING: no TLSA record of {name} can be used: 9 1 1 {key[:16]}…"))):
        anchor = lab.folder / f"anchor{number}"
        zone = subprocess.Popen(system_python("dns_signed.py", "hub.test.", anchor, *(f"{name}. TLSA {one}" for one in records), modules="dns.dnssec, cryptography"), stdout=subprocess.PIPE)
        lab.at_end.append(lambda zone=zone: (zone.kill(), zone.wait(10)))
        where = ("--dns-server", f"127.0.0.1@{int(zone.stdout.readline())}")
        said = dane(lab, server.port, *where, "--dns-anchor", anchor)
        assert said == want, said
    said = dane(lab, server.port, *where, "--dns-anchor", lab.folder / "anchor0")  # another key than the zone's
    assert said.startswith(f"=== TLS DANE: unknown: no answer about {name}: it does not pass DNSSEC: "), said
    said = dane(lab, server.port, *where, "--dns-anchor", leaf)  # no file of keys
    assert said.startswith(f"=== TLS DANE: unknown: no answer about {name}: DNS can't be asked: ") and str(leaf) in said, said
    said = dane(lab, server.port, *where, "--dns-anchor", lab.folder / "nowhere")
    assert said.startswith(f"=== TLS DANE: unknown: no answer about {name}: ") and "nowhere" in said, said


def test_a_resolver_without_dnssec_still_tells_of_mta_sts(lab):
    zone = subprocess.Popen(system_python("dns_signed.py", "hub.test.", lab.folder / "anchor", modules="dns.dnssec, cryptography"), stdout=subprocess.PIPE)
    lab.at_end.append(lambda: (zone.kill(), zone.wait(10)))
    zone.stdout.readline()
    server = smtp_server(lab)
    dns = Dns({f"_{server.port}._tcp.mail.hub.test": {"TLSA": [b"\x03\x01\x01" + bytes(32)]}})
    lab.at_end.append(dns.stop)
    said = probe(lab, "smtp", local(server.port), "--sni", "mail.hub.test", "--dns-server", f"127.0.0.1@{dns.port}", "--dns-anchor", lab.folder / "anchor", dns=True)
    has(said, f"=== TLS DANE: unknown: no answer about _{server.port}._tcp.mail.hub.test: it does not pass DNSSEC: ", "=== TLS MTA-STS: hub.test announces no policy")


# ----------------------------------------------------------------------------------- certificates of our own
def test_external_is_taken_with_a_certificate_and_refused_without(lab):
    ours = make_certificates(lab.folder / "ours", (USER,))
    server = dovecot(lab, mechanisms="plain external", more=f"ssl_ca = <{ours['ca']}\nssl_verify_client_cert = yes\nssl_require_crl = no\nauth_ssl_username_from_cert = yes\n"
                     "passdb {\n driver = static\n mechanisms = external\n args = nopassword=y\n}\n")
    certificate = ("--tls-cert", ours[USER][0], "--tls-key", ours[USER][1])
    for protocol in ("imap", "pop3", "sieve"):
        said = probe(lab, protocol, local(server.ports[protocol]), "--auth", "EXTERNAL", *certificate)
        has(said, "=== TLS is on", "=== TLS client: the server asks for our certificate", "=== logged in by EXTERNAL")
        has(probe(lab, protocol, local(server.ports[protocol]), "--auth", "EXTERNAL", want=77), "*** EXTERNAL is offered in vain: ")
    has(probe(lab, "imap", local(server.ports["imap"]), "--auth", "all", *certificate, *secret_file(lab)), "=== PLAIN works: ", "=== EXTERNAL works: ")


def test_external_says_whom_to_act_as(lab):
    ours = make_certificates(lab.folder / "ours", ("me.test",))
    context = server_context(lab.certificates["mail.hub.test"], verify_mode=ssl.CERT_OPTIONAL)
    context.load_verify_locations(ours["ca"])

    def answer(server, line):
        if not line.startswith(b"AUTH EXTERNAL "):
            return None
        subject = dict(pair[0] for pair in (server.request.getpeercert() or {}).get("subject", ()))
        return f"235 {subject['commonName']} as {line.split()[2].decode()}\r\n".encode() if subject else b"535 no certificate\r\n"

    server = smtp_server(lab, context, "250-AUTH EXTERNAL\r\n", answer)
    certificate = ("--tls-cert", ours["me.test"][0], "--tls-key", ours["me.test"][1])
    has(probe(lab, "smtp", local(server.port), "--auth", "EXTERNAL", *certificate), " ~> AUTH EXTERNAL =", "<~  235 me.test as =", "=== logged in by EXTERNAL")
    boss = base64.b64encode(b"boss").decode()
    has(probe(lab, "smtp", local(server.port), "--auth", "EXTERNAL", "--authorize-as", "boss", *certificate), f"<~  235 me.test as {boss}")
    has(probe(lab, "smtp", local(server.port), "--auth", "EXTERNAL", want=77), "*** EXTERNAL is offered in vain: 535 no certificate")


def test_a_key_of_another_certificate_is_told(lab):
    server = smtp_server(lab)
    has(probe(lab, "smtp", local(server.port), "--tls-cert", lab.certificates["mail.hub.test"][0], "--tls-key", lab.certificates["other.hub.test"][1], want=69),
        "*** TLS: the key in ")


# ---------------------------------------------------------------------------------- logging in and connecting
def test_somebody_else_is_acted_as_where_the_mechanism_can(lab):
    master = lab.folder / "masters"
    master.write_text(f"admin:{{PLAIN}}{SECRET}\n")
    server = dovecot(lab, mechanisms="plain login cram-md5 scram-sha-256 xoauth2", more=f"passdb {{\n driver = passwd-file\n args = {master}\n master = yes\n}}\n")
    (lab.folder / "secret").write_text(SECRET + "\n")
    admin = ("--user", "admin", "--password-file", lab.folder / "secret", "--authorize-as", USER)
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "auto"):
        said = probe(lab, "imap", local(server.ports["imap"]), "--auth", mechanism, *admin, stdin="a1 GETMETADATA \"\" \"\"\na2 LOGOUT\n")
        has(said, "=== logged in by ")
    for mechanism in ("LOGIN", "CRAM-MD5", "XOAUTH2", "login-command"):
        said = probe(lab, "imap", local(server.ports["imap"]), "--auth", mechanism, *admin, want=64)
        has(said, f"*** {mechanism} was not tried: it has no place for another name to act as")


def test_a_password_comes_from_a_descriptor(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    reading, writing = os.pipe()
    os.write(writing, (SECRET + "\n").encode())
    os.close(writing)
    command = [lab.binary, "probe", "submission", local(hub.port), "--no-dns", "--auth", "PLAIN", "--user", USER, "--password-fd", str(reading)]
    done = subprocess.run(command, pass_fds=(reading,), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    os.close(reading)
    assert done.returncode == 0 and SECRET not in done.stdout, done.stdout + done.stderr
    has(done.stdout, "=== logged in by PLAIN")
    has(probe(lab, "submission", local(hub.port), "--auth", "PLAIN", "--user", USER, "--password-fd", "77", want=64), "*** PLAIN was not tried: the password from descriptor 77: ")


def test_what_follows_the_password_on_standard_input_goes_to_the_server(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    said = probe(lab, "submission", local(hub.port), "--auth", "PLAIN", "--user", USER, "--password-fd", "0", stdin=SECRET + "\nNOOP\nQUIT\n")
    has(said, "=== logged in by PLAIN", " ~> NOOP", "<~  250", " ~> QUIT", "<~  221")
    assert SECRET not in said, said


def test_all_logins_are_tried_from_a_pipe(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    said = probe(lab, "submission", local(hub.port), *secret_file(lab), stdin="NOOP\n\x1dauth all\nNOOP\nQUIT\n")
    has(said, " ~> NOOP", "=== a connection of its own to ", "=== PLAIN works: 235 ", "=== LOGIN works: 235 ", "=== SCRAM-SHA-256 works: 235 ", " ~> NOOP", "<~  250", " ~> QUIT", "<~  221")
    assert SECRET not in said, said


def test_the_time_of_each_line_is_shown(lab):
    server = ScriptedServer()
    lab.at_end.append(server.stop)
    said = probe(lab, "smtp", local(server.port), "--show-time-lapse", stdin="NOOP\nQUIT\n")
    times = [re.search(r"   \((\d+\.\d{3}) s, \+(\d+\.\d{4})\)$", line) for line in said.splitlines()]
    assert len(times) > 5 and all(times), said
    total = [float(one[1]) for one in times]
    assert total == sorted(total) and abs(sum(float(one[2]) for one in times) - total[-1]) < 0.01, said


def test_an_address_of_ipv6_is_connected_to(lab):
    try:
        server = ScriptedServer(host="::1")
    except OSError as problem:
        raise Skip(f"no ::1 here: {problem}") from problem
    lab.at_end.append(server.stop)
    has(probe(lab, "smtp", f"[::1]:{server.port}", "-6", stdin="QUIT\n"), f"=== connected to [::1]:{server.port}", "<-  220 ")
    has(probe(lab, "smtp", f"[::1]:{server.port}", "-4", want=68), "*** ")
    has(probe(lab, "smtp", local(server.port), "-6", want=68), "*** ")


def test_the_address_to_connect_from_is_chosen(lab):
    def script(server):
        server.say(f"220 you are {server.client_address[0]}\r\n".encode())
        while line := server.line():
            server.say(b"250 fine\r\n")

    server = talker(lab, script)
    has(probe(lab, "smtp", local(server.port), "--local-address", "127.0.0.2"), "<-  220 you are 127.0.0.2")
    has(probe(lab, "smtp", local(server.port), "--local-address", "192.0.2.1", want=75), "*** connecting to 127.0.0.1: ")
    has(probe(lab, "smtp", local(server.port), "--local-address", "::1", want=75), "*** connecting to 127.0.0.1: ")


def test_a_unix_socket_has_no_address_to_connect_from(lab):
    path = lab.folder / "socket"
    server = ScriptedServer(path=path, lmtp=True)
    lab.at_end.append(server.stop)
    has(probe(lab, "lmtp", f"unix:{path}", stdin="QUIT\n"), "=== connected to ", " -> LHLO me.test")
    for options in (("--local-address", "127.0.0.1"), ("-4",), ("-6",)):
        probe(lab, "lmtp", f"unix:{path}", *options, want=64)


def test_the_application_protocol_that_was_agreed_on_is_told(lab):
    context = server_context(lab.certificates["mail.hub.test"])
    context.set_alpn_protocols(["smtp", "imap"])
    server = smtp_server(lab, context)
    has(probe(lab, "smtp", local(server.port), "--alpn", "smtp"), "=== TLS ALPN: ok: smtp")
    has(probe(lab, "smtp", local(server.port), "--alpn", "pop3"), "=== TLS ALPN: WARNING: the server does not agree on pop3")
    assert "ALPN" not in probe(lab, "smtp", local(server.port))


def test_a_simple_bind_has_no_place_for_another_name(lab):
    probe(lab, "ldap", local(9), "--auth", "simple", "--user", "cn=a", "--authorize-as", "cn=b", want=64)


def test_a_login_of_ldap_that_there_is_none_of_is_told_before_connecting(lab):
    probe(lab, "ldap", local(9), "--auth", "PLAIN", "--user", "cn=a", want=64)


def test_tls_that_must_be_verified_is_required(lab):
    def script(server):
        server.say(b"220 me\r\n")
        while line := server.line():
            server.say(b"250-me\r\n250 AUTH PLAIN\r\n" if line.startswith(b"EHLO") else b"502 no\r\n")

    server = talker(lab, script)
    has(probe(lab, "smtp", local(server.port), "--tls-verify", "--auth", "PLAIN", *secret_file(lab), want=69), "*** TLS was refused: ")
    assert not [line for line in server.lines if line.startswith(b"AUTH")], server.lines
    probe(lab, "smtp", local(server.port), "--tls-verify", "--starttls", "never", want=64)


def test_an_announcement_of_mta_sts_that_is_none_is_told(lab):
    dns = Dns({"two.hub.test": {}, "_mta-sts.two.hub.test": {"TXT": ["v=STSv1; id=1;", "v=STSv1; id=2;"]},
               "bare.hub.test": {}, "_mta-sts.bare.hub.test": {"TXT": ["v=STSv1; "]}})
    lab.at_end.append(dns.stop)
    server = smtp_server(lab)
    for name, want in (("two", "more than one record announces it, which counts as none"), ("bare", "the record that announces it has no id")):
        said = probe(lab, "smtp", local(server.port), "--sni", f"{name}.hub.test", "--dns-server", f"127.0.0.1@{dns.port}", "--dns-anchor", "/dev/null", dns=True)
        has(said, f"*** TLS MTA-STS: WRONG: {name}.hub.test announces a policy that can't be had: {want}")


def test_the_domain_of_a_policy_is_asked_about_or_refused(lab):
    dns = Dns({"_mta-sts.hub.test": {"TXT": ["v=STSv1; id=1; ", "v=STSv1; id=2;"]}})
    lab.at_end.append(dns.stop)
    server = smtp_server(lab)
    where = ("--dns-server", f"127.0.0.1@{dns.port}")
    has(probe(lab, "smtp", local(server.port), "--domain", "hub.test", *where, dns=True), "*** TLS MTA-STS: WRONG: hub.test announces a policy that can't be had: ")
    probe(lab, "smtp", local(server.port), "--domain", "hub.test", want=64)
    probe(lab, "imap", local(server.port), "--domain", "hub.test", want=64, dns=True)


def test_a_server_of_dns_that_is_none_is_refused(lab):
    for name in ("nonsense", "127.0.0.1@0", "127.0.0.1:53"):
        probe(lab, "smtp", local(9), "--dns-server", name, want=64, dns=True)


def test_dane_is_unknown_without_an_anchor(lab):
    server = smtp_server(lab)
    dns = Dns({f"_{server.port}._tcp.mail.hub.test": {"TLSA": [b"\x03\x01\x01" + bytes(32)]}})
    lab.at_end.append(dns.stop)
    hidden = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /usr/share/dns && exec \"$@\"", "sh"] if os.path.isdir("/usr/share/dns") else []
    if hidden and subprocess.run([*hidden, "true"], capture_output=True).returncode:
        raise Skip("the anchor of the system can't be hidden")
    command = [*hidden, lab.binary, "probe", "submission", local(server.port), "--sni", "mail.hub.test", "--dns-server", f"127.0.0.1@{dns.port}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    has(done.stdout, f"=== TLS DANE: unknown: no answer about _{server.port}._tcp.mail.hub.test: the trust anchor in /usr/share/dns/root.key can't be read")
