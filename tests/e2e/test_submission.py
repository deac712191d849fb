"""People hand in mail: STARTTLS, AUTH, and the clients that they use."""
import base64
import shutil
import smtplib
import socketserver
import ssl
import subprocess
import threading

from client import Client, ca_tls, queue_id, sample, trusting_tls
from hub import SUBMISSION
from marks import Skip
from test_smtp import relay

USER, SECRET = "test@example.com", "correct horse"


def submission(lab, more="", services=None, **options):
    sink = lab.sink()
    hub = lab.hub(lab.tls_settings() + relay(sink) + more, services=services or {"submission": SUBMISSION}, start=False, **options)
    hub.add_user(USER, SECRET)
    return hub.start(), sink


def test_smtplib_with_starttls_and_login(lab):
    hub, sink = submission(lab)
    for mechanism in ("PLAIN", "LOGIN"):
        with smtplib.SMTP("127.0.0.1", hub.port, "client.test", 20) as client:
            client.starttls(context=ca_tls(lab.certificates["ca"]))
            client.ehlo()
            client.user, client.password = USER, SECRET
            code, text = client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
            assert (code, text) == (235, b"2.7.0 Authentication successful"), (code, text)
            client.sendmail(USER, ["test@example.jp"], sample(USER, "test@example.jp"))
    for message in sink.wait(2):
        assert message.recipients() == ["test@example.jp"]
        assert b"with ESMTPSA" in message.header(), message.header()


def test_swaks(lab):
    if not shutil.which("swaks"):
        raise Skip("swaks is not installed")
    hub, sink = submission(lab)
    for mechanism in ("PLAIN", "LOGIN"):
        done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(hub.port), "--tls", "--auth", mechanism, "--auth-user", USER,
                               "--auth-password", SECRET, "--from", USER, "--to", "test@example.jp", "--timeout", "20"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "235 2.7.0 Authentication successful" in done.stdout, done.stdout
    assert len(sink.wait(2)) == 2


def s_client(lab, hub, lines, more=()):
    """The seed's own way: openssl s_client with -quiet, typed at by hand (each line after the reply before)."""
    command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{hub.port}", "-starttls", "smtp", "-CAfile", str(lab.certificates["ca"]), *more]
    typed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watchdog = threading.Timer(30, typed.kill)
    watchdog.start()
    replies = []
    for line in lines:
        typed.stdin.write(line.encode() + b"\r\n")
        typed.stdin.flush()
        if not replies:  # the last line of the EHLO answer that s_client itself asked for; it comes once there is input
            replies.append(typed.stdout.readline().decode())
        reply = ""
        while not reply or reply.splitlines()[-1][3:4] == "-":
            got = typed.stdout.readline().decode()
            assert got, (line, replies, typed.stderr.read().decode() if typed.poll() is not None else "")
            reply += got
        replies.append(reply)
    typed.stdin.close()
    typed.wait(10)
    watchdog.cancel()
    return replies


def test_openssl_s_client_dialogue_of_the_seed(lab):
    hub, sink = submission(lab)
    plain = base64.b64encode(f"{USER}\0{USER}\0{SECRET}".encode()).decode()
    message = "Subject: by hand\r\n\r\nHello.\r\n."
    replies = s_client(lab, hub, ["EHLO mail.example.com", f"AUTH PLAIN {plain}", "MAIL FROM: test@example.com", "RCPT TO: test@example.jp",
                                  "DATA", message, "QUIT"])
    starts = [r.splitlines()[-1][:9] for r in replies[2:]]
    assert starts == ["235 2.7.0", "250 2.1.0", "250 2.1.5", starts[3], "250 2.0.0", "221 2.0.0"], replies
    assert replies[5].startswith("354"), replies
    encoded = [base64.b64encode(t.encode()).decode() for t in (USER, SECRET)]
    replies = s_client(lab, hub, ["EHLO mail.example.com", "AUTH LOGIN", *encoded, "MAIL FROM: test@example.com", "QUIT"])
    assert replies[2].strip() == "334 VXNlcm5hbWU6" and replies[3].strip() == "334 UGFzc3dvcmQ6", replies
    assert replies[4].startswith("235 2.7.0 Authentication successful"), replies
    assert [m.recipients() for m in sink.wait(1)] == [["test@example.jp"]]


def test_wrong_password_and_unknown_user_look_the_same(lab):
    hub, _ = submission(lab)
    told = []
    for user, secret in ((USER, "wrong"), ("nobody@example.com", SECRET)):
        with Client(hub.port) as client:
            client.ehlo()
            client.starttls()
            client.ehlo()
            told.append(client.auth_plain(user, secret, want=535))
            told.append(client.auth_login(user, secret, want=535))
    assert len(set(told)) == 1 and told[0].startswith("535 5.7.8"), told
    assert SECRET not in hub.log() and "wrong" not in hub.log()


def test_auth_needs_tls(lab):
    hub, _ = submission(lab)
    with Client(hub.port) as client:
        client.ehlo()
        assert client.command("AUTH PLAIN AGEAYg==")[:3] in ("502", "503", "530", "538")
        client.command("MAIL FROM:<test@example.com>", "530 5.7.0")


def test_mail_without_auth_is_refused_on_the_submission_port(lab):
    hub, sink = submission(lab)
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.command("MAIL FROM:<test@example.com>", 250)
        assert client.command("RCPT TO:<test@example.jp>")[0] == "5"
    assert not sink.messages


def test_cancelled_and_broken_auth_exchanges(lab):
    hub, _ = submission(lab)
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.command("AUTH LOGIN", 334)
        client.command("*", 501)
        client.command("AUTH PLAIN !!!not-base64", 5)
        client.command("AUTH NO-SUCH", 5)
        client.command("AUTH PLAIN", 334)
        assert client.command(base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode()).startswith("235")
        client.command("AUTH LOGIN", 503)
        client.envelope(USER, "test@example.jp")


def test_sender_must_belong_to_the_login(lab):
    hub, sink = submission(lab, f"smtpd_sender_login_maps = hash:@T@/logins\nsmtpd_sender_restrictions = reject_sender_login_mismatch\n",
                           tables={"logins": f"{USER} {USER}\nboss@example.com boss@example.com\n"})
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.auth_plain(USER, SECRET)
        client.command("MAIL FROM:<boss@example.com>", 250)
        assert client.command("RCPT TO:<test@example.jp>").startswith(f"553 5.7.1 <boss@example.com>: Sender address rejected: not owned by user {USER}")
        client.command("RSET", 250)
        client.mail(USER, "test@example.jp")
    assert [m.sender() for m in sink.wait(1)] == [USER]


def test_wrapper_mode(lab):
    hub, sink = submission(lab, services={"smtps": "-o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes "
                                          "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject"})
    with Client(hub.port, tls=ca_tls(lab.certificates["ca"])) as client:
        words = client.keywords()
        assert "STARTTLS" not in words and any(w.startswith("AUTH ") for w in words), words
        client.auth_plain(USER, SECRET)
        client.mail(USER, "test@example.jp")
    assert len(sink.wait(1)) == 1


def test_sni_chooses_the_certificate(lab):
    chain, key = lab.certificates["other.hub.test"]
    hub, _ = submission(lab, "tls_server_sni_maps = hash:@T@/sni\n", tables={"sni": f"other.hub.test {key} {chain}\n"})
    for name in ("mail.hub.test", "other.hub.test"):
        with Client(hub.port) as client:
            client.ehlo()
            client.starttls(ca_tls(lab.certificates["ca"]), name)
            subject = dict(pair[0] for pair in client.socket.getpeercert()["subject"])
            assert subject["commonName"] == name, subject


def test_tls_below_1_2_is_refused(lab):
    hub, _ = submission(lab)
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{hub.port}", "-starttls", "smtp", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert "Cipher is (NONE)" in done.stdout or done.returncode != 0, done.stdout
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        assert client.socket.version() == "TLSv1.3"


def test_tls_session_is_resumed(lab):
    hub, _ = submission(lab)
    context = trusting_tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for _ in range(2):
        with Client(hub.port) as client:
            client.ehlo()
            client.command("STARTTLS", 220)
            client.socket = context.wrap_socket(client.socket, server_hostname="mail.hub.test", session=session)
            client.ehlo()
            session, reused = client.socket.session, client.socket.session_reused
            client.quit()
    assert reused


class DovecotAuth(socketserver.StreamRequestHandler):
    """Enough of a Dovecot auth socket: every password is "pw"."""

    def handle(self):
        self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")
        for line in self.rfile:
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                given = [f[5:] for f in fields if f.startswith("resp=")]
                _, user, secret = base64.b64decode(given[0]).split(b"\0")
                word = "OK" if secret == b"pw" else "FAIL"
                self.wfile.write(f"{word}\t{fields[1]}\tuser={user.decode()}\n".encode())


def test_dovecot_is_asked_when_it_is_the_authority(lab):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), DovecotAuth)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    lab.at_end.append(lambda: (server.shutdown(), server.server_close()))
    sink = lab.sink()
    hub = lab.hub(lab.tls_settings() + relay(sink) + f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:{server.server_address[1]}\n",
                  services={"submission": SUBMISSION})
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.auth_plain("someone", "not pw", want=535)
        client.auth_plain("someone", "pw")
        client.mail(USER, "test@example.jp")
    assert len(sink.wait(1)) == 1


def test_why_names_the_login_that_let_the_mail_in(lab):
    hub, sink = submission(lab)
    with Client(hub.port) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.auth_plain(USER, SECRET)
        client.envelope(USER, "test@example.jp")
        mail = queue_id(client.data(sample(USER, "test@example.jp")))
        client.quit()
    sink.wait(1)
    told = hub.why(mail)
    assert "permit_sasl_authenticated" in told and "master.cf:" in told, told
    assert SECRET not in told
