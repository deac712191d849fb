"""hikyaku probe against the hub, Dovecot, and servers that mean no good."""
import base64
import json
import os
import subprocess
import time

from directories import Slapd
from dns import Dns
from hub import SUBMISSION
from mail_servers import Dovecot, Talker
from marks import long
from terminal import Terminal as OnTerminal
from test_pop3 import mail_hub

USER, SECRET = "test@box.example", "correct horse"


def probe(lab, protocol, place, *options, stdin="", want=0, dns=False):
    """Its output; the exit code must be `want`."""
    command = [lab.binary, "probe", protocol, str(place), "--ehlo", "me.test", *options]
    if "--timeout" not in options:
        command += ["--timeout", "10"]
    if not dns:
        command.append("--no-dns")
    done = subprocess.run(command, input=stdin.encode("utf-8", "surrogateescape"), capture_output=True, timeout=60)
    text = done.stdout.decode("utf-8", "surrogateescape")
    assert done.returncode == want, f"ended with {done.returncode}, not {want}:\n{text}{done.stderr.decode()}"
    return text


def local(port):
    return f"127.0.0.1:{port}"


def has(text, *lines):
    """Each stands in the text, one after the other, as the beginning of a line."""
    rest = text.splitlines()
    for line in lines:
        while rest and not rest[0].startswith(line):
            rest.pop(0)
        assert rest, f"no line begins with {line!r}, or not in this order:\n{text}"
        rest.pop(0)
    return text


def secret_file(lab, secret=SECRET):
    path = lab.folder / "secret"
    path.write_text(secret + "\n")
    return ("--user", USER, "--password-file", str(path))


def talker(lab, script):
    made = Talker(script, lab.certificates["mail.hub.test"])
    lab.at_end.append(made.stop)
    return made


def dovecot(lab, **options):
    made = Dovecot(lab.folder / "dovecot", lab.certificates["mail.hub.test"], USER, SECRET, **options)
    lab.at_end.append(made.stop)
    return made


# ------------------------------------------------------------------------------------------------ the hub
def test_a_message_goes_through_a_pipe_with_starttls_and_a_verdict(lab):
    sink = lab.sink()
    hub = lab.hub(lab.tls_settings() + f"relayhost = [127.0.0.1]:{sink.port}\nmynetworks = 127.0.0.0/8\n")
    said = probe(lab, "smtp", local(hub.port), "--tls-ca", lab.certificates["ca"], "--sni", "mail.hub.test",
                 stdin="MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\nSubject: hello\n\n..stuffed\n\x1dquit\n.\nQUIT\n")
    has(said, "=== connected to 127.0.0.1:", "<-  220 ", " -> EHLO me.test", " -> STARTTLS", "<-  220 ", "=== TLS is on: TLSv1.3",
        "=== what was said before TLS is forgotten: greeting again", " ~> EHLO me.test", "<~  250", "=== TLS version: ok: TLSv1.3",
        "=== TLS cipher: ok: ", "=== TLS chain: ok: CN=mail.hub.test", "=== TLS name: ok: mail.hub.test", "=== TLS validity: ok: until ",
        "=== TLS stapling: the server sends no OCSP response", " ~> MAIL FROM:<a@b.example>", "<~  250", " ~> RCPT TO:<c@d.example>",
        "<~  250", " ~> DATA", "<~  354", " ~> Subject: hello", " ~> ..stuffed", " ~> \\x1dquit", " ~> .", "<~  250", " ~> QUIT", "<~  221")
    (message,) = sink.wait(1)
    assert b".stuffed\r\n\x1dquit\r\n" in message.data, message.data


def test_a_refusal_is_marked_and_ends_nothing(lab):
    hub = lab.hub()
    said = probe(lab, "smtp", local(hub.port), stdin="B\nR\nQUIT\n")
    has(said, "=== STARTTLS is not offered", "=== TLS STARTTLS: WARNING: not offered", " -> B", "<** 50", " -> R", "<** 50", " -> QUIT", "<-  221")


def test_tls_that_must_be_is_not_to_be_had(lab):
    hub = lab.hub()
    has(probe(lab, "smtp", local(hub.port), "--starttls", "required", want=69), " -> STARTTLS", "<** 50", "*** TLS was refused: ")


def test_a_certificate_that_must_be_right_is_not(lab):
    hub = lab.hub(lab.tls_settings(), services={"smtp": "", "smtps": "-o smtpd_tls_wrappermode=yes"})
    ca = ("--tls-ca", lab.certificates["ca"])
    said = probe(lab, "smtps", local(hub.ports["smtps"]), "--tls-verify", "--sni", "mail.other.test", *ca, want=69)
    has(said, "*** the certificate is not for \"mail.other.test\"")
    assert "EHLO" not in said, said
    has(probe(lab, "smtps", local(hub.ports["smtps"]), "--tls-verify", "--sni", "mail.hub.test", want=69), "*** the certificate is not trusted: ")
    said = probe(lab, "smtps", local(hub.ports["smtps"]), "--sni", "mail.other.test", *ca)
    has(said, "*** TLS name: WRONG: not mail.other.test: it is for mail.hub.test, 127.0.0.1")
    has(probe(lab, "smtps", local(hub.ports["smtps"]), *ca), "=== TLS name: ok: 127.0.0.1")


def test_versions_and_ciphers_of_tls_are_chosen(lab):
    hub = lab.hub(lab.tls_settings())
    said = probe(lab, "smtp", local(hub.port), "--tls-version", "1.2", "--tls-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    has(said, "=== TLS is on: TLSv1.2, ECDHE-ECDSA-AES128-GCM-SHA256")
    has(probe(lab, "smtp", local(hub.port), "--tls-version", "-1.1", want=69), "*** TLS handshake: ")
    probe(lab, "smtp", local(hub.port), "--tls-version", "2.0", want=64)


def test_all_logins_that_the_hub_offers_work(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION, "pop3": "pop3"})
    for protocol, service in (("submission", "submission"), ("pop3", "pop3")):
        said = probe(lab, protocol, local(hub.ports[service]), "--auth", "all", *secret_file(lab))
        for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
            has(said, f"=== {mechanism} works: ")
        assert "in vain" not in said and SECRET not in said, said
        assert "\\x00<secret>" in said and "Password:" in said, said


def test_a_wrong_password_is_told(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    for mechanism in ("plain", "SCRAM-SHA-256"):
        said = probe(lab, "submission", local(hub.port), "--auth", mechanism, *secret_file(lab, "wrong pony"), want=77)
        has(said, f"*** {mechanism.upper()} is offered in vain: 535 ")
        assert "wrong pony" not in said, said


def test_secrets_are_shown_to_those_who_ask(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    said = probe(lab, "submission", local(hub.port), "--auth", "PLAIN", "--show-secrets", *secret_file(lab))
    assert f"\\x00{USER}\\x00{SECRET}" in said, said


def test_each_line_is_an_object_of_json(lab):
    hub = lab.hub(lab.tls_settings())
    rows = [json.loads(l) for l in probe(lab, "smtp", local(hub.port), "--json", stdin="FOO\n").splitlines()]
    assert {r["kind"] for r in rows} == {"note", "sent", "received", "verdict"}, rows
    assert [r for r in rows if r.get("topic") == "version"][0]["grade"] == "good", rows
    assert rows[-1]["unexpected"] and rows[-1]["tls"], rows[-1]


# -------------------------------------------------------------------------------------------------- Dovecot
def test_dovecot_speaks_imap_pop3_sieve_and_lmtp(lab):
    server = dovecot(lab)
    ca = ("--tls-ca", lab.certificates["ca"])
    said = probe(lab, "imap", local(server.ports["imap"]), *ca, "--auth", "auto", *secret_file(lab),
                 stdin="a1 SELECT INBOX\na2 APPEND INBOX {5}\nabcde\na3 IDLE\nDONE\na4 LOGOUT\n")
    has(said, "<-  * OK", " -> hk1 CAPABILITY", " -> hk2 STARTTLS", "=== TLS is on: TLSv1.3", " ~> hk3 CAPABILITY", "=== TLS name: ok: 127.0.0.1",
        " ~> hk4 AUTHENTICATE SCRAM-SHA-256", "=== logged in by SCRAM-SHA-256", " ~> a1 SELECT INBOX", "<~  a1 OK", "<~  + ", " ~> abcde",
        "<~  a2 OK", "<~  + idling", " ~> DONE", "<~  a3 OK", " ~> a4 LOGOUT", "<~* * BYE", "<~  a4 OK")
    has(probe(lab, "imaps", local(server.ports["imaps"]), *ca, stdin="a1 LOGOUT\n"), "=== TLS is on", "<~  * OK", "<~  a1 OK")
    has(probe(lab, "pop3", local(server.ports["pop3"]), *ca, "--auth", "login-command", *secret_file(lab), stdin="LIST\nQUIT\n"),
        " -> STLS", " ~> CAPA", " ~> PASS <secret>", "=== logged in by login-command", " ~> LIST", "<~  .", " ~> QUIT", "<~  +OK")
    has(probe(lab, "sieve", local(server.ports["sieve"]), *ca, "--auth", "SCRAM-SHA-1", *secret_file(lab),
              stdin='PUTSCRIPT "x" {7+}\nkeep;\n\nLISTSCRIPTS\nLOGOUT\n'),
        "<-  \"SIEVE\"", "<-  OK", " -> STARTTLS", "=== TLS is on", "<~  \"SIEVE\"", "=== logged in by SCRAM-SHA-1", " ~> keep;", "<~  OK",
        " ~> LISTSCRIPTS", "<~  \"x\"", "<~  OK", "<~  OK")
    has(probe(lab, "lmtp", local(server.ports["lmtp"]), *ca, stdin="MAIL FROM:<>\nQUIT\n"), "<-  220", " -> LHLO me.test")


@long
def test_what_dovecot_offers_in_vain_is_told(lab):
    server = dovecot(lab, mechanisms="plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 external digest-md5")
    for protocol in ("imap", "pop3", "sieve"):
        said = probe(lab, protocol, local(server.ports[protocol]), "--auth", "all", *secret_file(lab))
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2"):
            has(said, f"=== {mechanism} works: ")
        has(said, "*** EXTERNAL is offered in vain: ", "*** DIGEST-MD5 was not tried: we have no mechanism \"DIGEST-MD5\"")
        assert SECRET not in said, said


# ------------------------------------------------------------------------------------------- FTP and the web
def test_ftp_is_protected_whole(lab):
    def script(server):
        server.say(b"220-hello\r\n 220 x\r\n220 ready\r\n")
        answers = {b"FEAT": b"211-Features:\r\n AUTH TLS\r\n211 End\r\n", b"PBSZ 0": b"200 ok\r\n", b"PROT P": b"200 ok\r\n", b"USER": b"331 go on\r\n",
                   b"PASS": b"230 in\r\n", b"QUIT": b"221 bye\r\n"}
        while line := server.line():
            if line == b"AUTH TLS":
                server.say(b"234 go\r\n")
                server.secure()
                continue
            server.say(next((a for c, a in answers.items() if line.startswith(c)), b"502 no\r\n"))

    server = talker(lab, script)
    said = probe(lab, "ftp", local(server.port), "--auth", "login-command", *secret_file(lab), stdin="FOO\nQUIT\n")
    has(said, "<-  220-hello", "<-   220 x", "<-  220 ready", " -> FEAT", " -> AUTH TLS", "=== TLS is on", " ~> FEAT", " ~> PBSZ 0", " ~> PROT P",
        " ~> USER ", " ~> PASS <secret>", "<~  230 in", " ~> FOO", "<~* 502", " ~> QUIT", "<~  221")


def test_the_web_is_spoken_to_by_hand(lab):
    def script(server):
        if tls:
            server.secure()
        while server.line():
            pass
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhi\r\nyo")
        while server.line():
            pass
        server.say(b"HTTP/1.0 404 Not Found\r\n\r\nuntil the end\r\n")

    for tls in (False, True):
        said = probe(lab, "https" if tls else "http", local(talker(lab, script).port),
                     stdin="GET / HTTP/1.1\nHost: a\nAuthorization: Basic YTpi\n\nGET /x HTTP/1.1\nHost: a\n\n")
        mark = "~" if tls else "-"
        has(said, f" {mark}> GET /", f" {mark}> Authorization: Basic <secret>   ← \"a:<secret>\"", f"<{mark}  HTTP/1.1 200", f"<{mark}  hi")


# -------------------------------------------------------------------------------------------------------- LDAP
PEOPLE = "dn: cn=joe,dc=test\nobjectClass: inetOrgPerson\ncn: joe\nsn: Doe\nmail: joe@box.example\n\n"


def slapd(lab, **options):
    made = Slapd(lab.folder, PEOPLE, **options)
    lab.at_end.append(made.stop)
    return made


def test_a_directory_is_searched_under_tls(lab):
    server = slapd(lab, certificate=lab.certificates["mail.hub.test"])
    path = lab.folder / "secret"
    path.write_text("geheim\n")
    admin = ("--auth", "simple", "--user", "cn=admin,dc=test", "--password-file", str(path))
    said = probe(lab, "ldap", local(server.port), "--tls-ca", lab.certificates["ca"], "--starttls", "required", *admin,
                 stdin="whoami\nsearch dc=test (&(mail=joe@*)(!(cn=x))) mail cn\nsearch dc=nowhere base (cn=*)\nsearch dc=test (oops\nsearch dc=test (cn=none)\nunbind\n")
    has(said, " -> extendedRequest StartTLS", "<-  extendedResp success (0)", "=== TLS is on: TLSv1.3", "=== TLS chain: ok: ", "=== TLS name: ok: 127.0.0.1",
        " ~> bindRequest \"cn=admin,dc=test\" <secret>", "<~  bindResponse success (0)", " ~> extendedRequest Who am I?", "<~    value: dn:cn=admin,dc=test",
        " ~> searchRequest \"dc=test\" sub (&(mail=joe@*)(!(cn=x)))", "<~  searchResEntry", "<~    dn: cn=joe,dc=test", "<~    mail: joe@box.example",
        "<~  searchResDone success (0)", "<~* searchResDone noSuchObject (32)", "*** \"(oops\" is no search filter", "<~  searchResDone success (0)", " ~> unbindRequest")
    assert "geheim" not in said, said
    path.write_text("wrong\n")
    has(probe(lab, "ldap", local(server.port), *admin, want=77), "<~* bindResponse invalidCredentials (49)")


def test_a_directory_without_tls_is_told(lab):
    server = slapd(lab)
    has(probe(lab, "ldap", local(server.port), stdin="bind\nhex 30050201094200\n"), "<** extendedResp ", "*** TLS was refused: ", "*** TLS STARTTLS: WRONG: refused: ",
        " -> bindRequest", "<** bindResponse inappropriateAuthentication (48)", " -> hex")
    has(probe(lab, "ldap", local(server.port), "--starttls", "required", want=69), "*** TLS was refused: ")


def test_what_is_no_ldap_is_told(lab):
    def script(server):
        server.request.recv(100)
        server.say(b"220 this is no directory\r\n")
        server.line()

    has(probe(lab, "ldap", local(talker(lab, script).port), want=65), "*** what the server says is no message of LDAP")


# --------------------------------------------------------------------------------------------------- by hand
class Terminal(OnTerminal):
    """hikyaku probe on a terminal of its own."""

    def __init__(self, lab, *arguments):
        super().__init__(lab, "probe", *arguments, "--no-dns", "--ehlo", "me.test")


def test_no_letter_at_the_start_of_a_line_is_a_command(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        while line := server.line():
            server.say(b"250 heard " + line + b"\r\n")
            if line == b"QUIT":
                return

    server = talker(lab, script)
    with_hand = Terminal(lab, "smtp", local(server.port))
    with_hand.wait("Ctrl-] help")
    typed = ["R", "RCPT TO:<a@b>", "B", "Q", "k", "h", "?", "~.", "~~", "!", "^]", ".", ":q", "r", "-", "#"]
    for line in typed:
        with_hand.type(line + "\r")
        with_hand.wait("250 heard " + line)
    with_hand.type("QUIT\r")
    with_hand.wait("the server closed the connection")
    assert with_hand.ended() == 0
    assert [l.decode() for l in server.lines if l] == ["EHLO me.test", *typed, "QUIT"], server.lines


def test_what_the_server_says_meanwhile_is_shown_at_once(lab):
    def script(server):
        server.say(b"* OK hello\r\n")
        while line := server.line():
            tag = line.split()[0]
            if b"IDLE" in line:
                server.say(b"+ idling\r\n* 7 EXISTS\r\n")
            else:
                server.say(tag + b" OK done\r\n")

    server = talker(lab, script)
    hand = Terminal(lab, "imap", local(server.port))
    hand.wait("Ctrl-] help")
    hand.type("a1 IDLE\r")
    hand.wait("<-  * 7 EXISTS")
    hand.type("half a li")
    hand.wait("half a li")
    hand.type("ne\r")
    hand.wait("<-  ")
    hand.type("\x1dquit\r")
    assert hand.ended() == 0
    assert b"half a line" in server.lines, server.lines


def test_lines_are_found_again_but_for_passwords(lab):
    def script(server):
        server.say(b"+OK hello\r\n")
        while line := server.line():
            server.say(b"+OK heard " + line.split()[0] + b"\r\n.\r\n")

    server = talker(lab, script)
    hand = Terminal(lab, "pop3", local(server.port))
    hand.wait("Ctrl-] help")
    for line in ("NOOP one", "PASS geheim"):
        hand.type(line + "\r")
        hand.wait("heard " + line.split()[0])
    hand.type("\x1b[A\r")  # arrow up
    hand.wait("heard NOOP")
    hand.type("\x1dquit\r")
    assert hand.ended() == 0
    assert [l for l in server.lines if l.startswith((b"NOOP", b"PASS"))] == [b"NOOP one", b"PASS geheim", b"NOOP one"], server.lines


def test_the_control_key_starts_tls_and_logs_in(lab):
    hub = mail_hub(lab, services={"submission": SUBMISSION})
    hand = Terminal(lab, "submission", local(hub.port), "--starttls", "never")
    hand.wait("Ctrl-] help")
    hand.type("\x1dstarttls\r")
    hand.wait("TLS is on")
    hand.wait(" ~> ")
    hand.type(f"\x1dauth plain {USER}\r")
    hand.wait(f"Password of {USER}: ")
    hand.type(SECRET + "\r")
    shown = hand.wait("logged in by PLAIN")
    assert SECRET not in shown, shown
    hand.type("\x1draw NOOP\\r\\nNOOP\\r\\n\r")
    hand.wait("250")
    hand.wait("250")
    hand.type("\x04")
    assert hand.ended() == 0


def test_a_typed_password_is_for_one_user_and_asked_for_again_after_a_refusal(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        while line := server.line():
            if line.startswith(b"EHLO"):
                server.say(b"250-me\r\n250 AUTH PLAIN\r\n")
            else:
                server.say(b"235 yes\r\n" if base64.b64decode(line.split()[-1]).endswith(b"\0right") else b"535 no\r\n")

    server = talker(lab, script)
    hand = Terminal(lab, "smtp", local(server.port))
    hand.wait("Ctrl-] help")
    for user, typed, end in (("joe", "wrong", "in vain"), ("joe", "right", "logged in"), ("joe", None, "logged in"), ("ann", "", "is empty"), ("ann", "right", "logged in")):
        hand.type(f"\x1dauth PLAIN {user}\r")
        if typed is not None:
            hand.wait(f"Password of {user}: ")
            hand.type(typed + "\r")
        assert "Password of" not in hand.wait(end)
    hand.type("\x1dquit\r")
    assert hand.ended() == 0
    said = [base64.b64decode(line.split()[-1]) for line in server.lines if line.startswith(b"AUTH")]
    assert said == [b"\0joe\0wrong", b"\0joe\0right", b"\0joe\0right", b"\0ann\0right"], said


def test_raw_lines_are_followed_as_others_are(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        while line := server.line():
            server.say(b"250 heard " + line.split()[0] + b"\r\n")

    said = probe(lab, "smtp", local(talker(lab, script).port), stdin="\x1draw AUTH PLAIN AGpvZQBzZXNhbWU=\\r\\nNOOP\\r\\n\nVRFY x\n")
    has(said, " -> AUTH PLAIN <secret>", " -> NOOP", "<-  250 heard AUTH", "<-  250 heard NOOP", " -> VRFY x", "<-  250 heard VRFY")
    assert "sesame" not in said and "AGpvZQ" not in said, said


def test_control_works_from_a_pipe_as_typed(lab):
    hub = lab.hub(lab.tls_settings())
    said = probe(lab, "smtp", local(hub.port), "--starttls", "never", stdin="NOOP\n\x1dstarttls\nNOOP\n\x1dhelp\n\x1dquit\nNOOP\n")
    has(said, " -> NOOP", "<-  250", " -> STARTTLS", "=== TLS is on", " ~> EHLO me.test", "=== TLS version: ok: TLSv1.3", " ~> NOOP", "<~  250", "=== Each line goes")
    assert said.count("NOOP") == 2, said
    said = probe(lab, "smtp", local(hub.port), "--starttls", "never", "--no-control", stdin="\x1dquit\n")
    has(said, " -> \\x1dquit", "<-  221 2.7.0 Error")


# ---------------------------------------------------------------------------------------------- hostile servers
def test_escape_sequences_are_shown_and_not_passed_on(lab):
    def script(server):
        server.say(b"220 \x1b]0;owned\x07\x1b[2J\xc2\x9b1m\x9b1m \xe2\x80\xaetxt\r\n")
        server.line()
        server.say(b"250 \x1b[31m\r\n")

    said = probe(lab, "smtp", local(talker(lab, script).port))
    has(said, "<-  220 \\x1b]0;owned\\x07\\x1b[2J\\xc2\\x9b1m\\x9b1m \\xe2\\x80\\xaetxt", "<-  250 \\x1b[31m")
    assert "\x1b" not in said and "\x07" not in said, said


def test_octets_before_the_handshake_are_dropped_and_told(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        server.line()
        server.say(b"250-me\r\n250 STARTTLS\r\n")
        server.line()
        server.say(b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n")
        server.secure()
        while line := server.line():
            server.say(b"250 fine\r\n")

    said = probe(lab, "smtp", local(talker(lab, script).port), stdin="NOOP\n")
    has(said, "*** before the handshake came 30 octets that nobody asked for", "=== TLS is on", " ~> EHLO", "<~  250 fine",
        "*** TLS STARTTLS: WRONG: 30 octets were injected before the handshake", " ~> NOOP", "<~  250 fine")
    assert "injected\n" not in said.replace("octets were injected before the handshake", ""), said


def test_plain_text_after_the_leave_for_tls_is_told(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        server.line()
        server.say(b"250-me\r\n250 STARTTLS\r\n")
        server.line()
        server.say(b"220 go\r\n")
        server.request.recv(5)
        server.say(b"250 and on in plain text\r\n")
        server.line()

    said = probe(lab, "smtp", local(talker(lab, script).port), stdin="AUTH PLAIN AGEAYg==\n", want=69)
    has(said, "*** TLS handshake: the server does not speak TLS here, but says \"250 and on in plain text")
    assert "AUTH PLAIN" not in said, said


def test_preauth_leaves_no_place_for_tls(lab):
    def script(server):
        server.say(b"* PREAUTH hello\r\n")
        while line := server.line():
            server.say(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + line.split()[0] + b" OK fine\r\n")

    server = talker(lab, script)
    has(probe(lab, "imap", local(server.port), "--starttls", "required", want=69), "*** the server says PREAUTH")
    has(probe(lab, "imap", local(server.port)), "*** the server says PREAUTH", "*** TLS STARTTLS: WRONG: the server says PREAUTH")


def test_an_offer_that_was_stripped_is_told(lab):
    def script(server):
        server.say(b"220 ****************2***\r\n")
        while line := server.line():
            if line == b"STARTTLS":
                server.say(b"220 go\r\n")
                server.secure()
            else:
                server.say(b"250-me\r\n250 XXXXXXXA\r\n")

    server = talker(lab, script)
    has(probe(lab, "smtp", local(server.port)), "*** where STARTTLS should stand there are Xs", "*** TLS STARTTLS: WRONG: the offer was overwritten")
    has(probe(lab, "smtp", local(server.port), "--starttls", "required"), "=== STARTTLS is not offered; it is tried all the same", "=== TLS is on",
        "*** TLS STARTTLS: WRONG: the offer was overwritten on the way, and the server takes it all the same")


def test_a_line_without_end_is_cut_and_memory_stays_small(lab):
    def script(server):
        server.say(b"220 " + b"x" * 5_000_000 + b"\r\n")
        server.line()
        while True:
            server.say(b"y" * 65536)

    said = probe(lab, "smtp", local(talker(lab, script).port), want=65)
    has(said, "<-  220 xxx", "=== that line cut: 4991812 more octets", " -> EHLO", "*** receiving: a line without an end")
    assert len(said) < 20_000, len(said)


def test_a_server_that_drips_is_not_waited_for(lab):
    def script(server):
        server.say(b"220-hello\r\n")
        while True:
            server.say(b"x")
            time.sleep(0.05)

    begin = time.monotonic()
    said = probe(lab, "smtp", local(talker(lab, script).port), "--timeout", "1", want=75)
    has(said, "<-  220-hello", "*** no whole answer came within 1000 ms")
    assert time.monotonic() - begin < 8


def test_a_challenge_that_is_none_is_not_answered(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        server.line()
        server.say(b"250-me\r\n250 AUTH CRAM-MD5 SCRAM-SHA-256\r\n")
        server.line()
        server.say(b"334 {not base64}\r\n")
        if server.line() == b"*":
            server.say(b"501 given up\r\n")
        server.line()
        server.say(b"235 yes\r\n")

    server = talker(lab, script)
    has(probe(lab, "smtp", local(server.port), "--auth", "CRAM-MD5", *secret_file(lab), want=77),
        "*** the challenge is no base64: \"{not base64}\"", " -> *", "<** 501", "*** CRAM-MD5 is offered in vain")


def test_a_password_that_the_server_repeats_is_masked(lab):
    def script(server):
        server.say(b"+OK hello\r\n")
        while line := server.line():
            server.say(b"-ERR what is " + line + b"\r\n")

    server = talker(lab, script)
    said = probe(lab, "pop3", local(server.port), "--starttls", "never", stdin="PASS open sesame\nAUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==\n")
    has(said, " -> PASS <secret>", "<** -ERR what is PASS <secret>", " -> AUTH PLAIN <secret>", "<** -ERR what is AUTH PLAIN <secret>")
    assert "sesame" not in said and "AGpvZQ" not in said, said
    said = probe(lab, "pop3", local(server.port), "--starttls", "never", "--auth", "PLAIN", *secret_file(lab), want=77)
    has(said, "*** PLAIN is offered in vain: -ERR what is AUTH PLAIN <secret>")


def test_a_yes_without_the_servers_proof_does_not_count(lab):
    def script(server):
        server.say(b"220 hello\r\n")
        server.line()
        server.say(b"250-me\r\n250 AUTH SCRAM-SHA-256\r\n")
        server.line()
        server.say(b"235 yes, yes\r\n")

    has(probe(lab, "smtp", local(talker(lab, script).port), "--auth", "SCRAM-SHA-256", *secret_file(lab), want=77),
        "<-  235 yes, yes", "*** SCRAM-SHA-256 is offered in vain: the server says yes without the proof")


def answering(lab, answers):
    """A server of SMTP that has an answer, or something to do, for some commands."""
    def script(server):
        server.say(b"220 hello\r\n")
        while line := server.line():
            said = answers.get(line.split()[0], b"250 fine\r\n")
            if callable(said):
                said(server)
                return
            server.say(said)

    return talker(lab, script)


def test_how_it_ended_is_told_by_the_code(lab):
    def without_end(server):
        while True:
            server.say(b"y" * 65536)

    def no_tls(server):
        server.say(b"220 go\r\n")
        server.request.recv(5)
        server.say(b"500 no handshake of mine\r\n")
        server.line()

    auth = b"250-me\r\n250 AUTH PLAIN CRAM-MD5\r\n"
    server = answering(lab, {b"NOOP": without_end, b"STARTTLS": no_tls, b"AUTH": lambda server: None, b"EHLO": auth})
    has(probe(lab, "smtp", local(server.port), stdin="NOOP\n", want=65), "*** receiving: a line without an end")
    has(probe(lab, "smtp", local(server.port), stdin="\x1dstarttls\n", want=69), "*** TLS handshake: ")
    has(probe(lab, "smtp", local(server.port), "--auth", "PLAIN", *secret_file(lab), want=75), "*** PLAIN ended the connection: ")
    has(probe(lab, "smtp", local(server.port), "--auth", "all", *secret_file(lab), want=75), "*** PLAIN ended the connection: ", "*** CRAM-MD5 ended the connection: ")
    has(probe(lab, "smtp", local(server.port), "--auth", "NTLM", *secret_file(lab), want=64), "*** NTLM was not tried: we have no mechanism")
    has(probe(lab, "pop3", local(server.port), want=65), "*** the server greets with \"220 hello\"")
    nothing = answering(lab, {})
    has(probe(lab, "smtp", local(nothing.port), "--auth", "auto", *secret_file(lab), want=69), "*** no login: the server offers no mechanism that we have")


def test_a_flood_of_answers_keeps_nothing_from_being_sent(lab):
    def flood(server):
        while True:
            server.say(b"250 more\r\n" * 1000)

    server = answering(lab, {b"NOOP": flood})
    has(probe(lab, "smtp", local(server.port), stdin="NOOP\nVRFY x\n"), " -> NOOP", "<-  250 more", " -> VRFY x", "<-  250 more")


def test_all_that_came_together_is_shown(lab):
    server = answering(lab, {b"NOOP": b"250 fine\r\n421 farewell\r\n"})
    has(probe(lab, "smtp", local(server.port), stdin="NOOP\n"), " -> NOOP", "<-  250 fine", "<** 421 farewell")
    hand = Terminal(lab, "smtp", local(server.port))
    hand.wait("Ctrl-] help")
    hand.type("NOOP\r")
    hand.wait("421 farewell")
    hand.type("\x1dquit\r")
    assert hand.ended() == 0


def test_what_is_no_ldap_while_nothing_was_asked_is_told(lab):
    server = talker(lab, lambda server: (server.say(b"220 this is no directory\r\n"), server.line()))
    command = [lab.binary, "probe", "ldap", local(server.port), "--starttls", "never", "--no-dns"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        process.stdin.close()
        assert process.wait(60) == 65, said
    has(said, "*** what the server says is no message of LDAP")


# ------------------------------------------------------------------------------------------------------- DNS
def test_the_dns_is_asked_and_a_policy_that_can_not_be_had_is_told(lab):
    dns = Dns({"_mta-sts.mail.hub.test": {"TXT": ["v=STSv1; id=1;"]}, "mail.hub.test": {}})
    lab.at_end.append(dns.stop)
    hub = lab.hub(lab.tls_settings())
    # An address of the name is not needed: it is the certificate's name alone.
    said = probe(lab, "smtp", local(hub.port), "--sni", "mail.hub.test", "--dns-server", f"127.0.0.1@{dns.port}", "--dns-anchor", "/dev/null", dns=True)
    has(said, f"=== TLS DANE: _{hub.port}._tcp.mail.hub.test has no TLSA records", "*** TLS MTA-STS: WRONG: mail.hub.test announces a policy that can't be had: https://mta-sts.mail.hub.test")


def test_no_dns_is_told(lab):
    dns = Dns({"mail.hub.test": "SERVFAIL", "_mta-sts.mail.hub.test": "SERVFAIL", "_mta-sts.hub.test": "SERVFAIL"})
    lab.at_end.append(dns.stop)
    hub = lab.hub(lab.tls_settings())
    dns.zone[f"_{hub.port}._tcp.mail.hub.test"] = "SERVFAIL"
    has(probe(lab, "smtp", local(hub.port), "--sni", "mail.hub.test", "--dns-server", f"127.0.0.1@{dns.port}", "--dns-anchor", "/dev/null", dns=True),
        "=== TLS DANE: unknown: no answer about ", "=== TLS MTA-STS: unknown: no answer about ")
