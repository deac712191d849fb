"""hikyaku probe send: swaks' command lines, side by side with swaks itself where it is installed."""
import email
import email.policy
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dns import Dns
from hub import free_port
from marks import Skip, long
from scripted_server import DROP, SILENT, ScriptedServer
from sink import server_tls
from test_submission import SECRET, USER, submission

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from private_postfix import Postfix  # noqa: E402

ENVELOPE = ["--from", "a@a.test", "--to", "b@b.test", "--ehlo", "c.test"]
THREE = ["--from", "a@a.test", "--to", "b@b.test,c@b.test,d@b.test", "--ehlo", "c.test"]
AUTH = [*ENVELOPE, "-au", "joe", "-ap", "secret"]
XCLIENT = "250-peer.test\r\n250 XCLIENT NAME ADDR PORT HELO"
STARTTLS = "250-peer.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
OFFERS_AUTH = "250-peer.test\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
LOGIN = [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("am9l", "334 UGFzc3dvcmQ6")]


def environment(**more) -> dict:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SWAKS")}
    return {**kept, "HOME": "/nonexistent", "LOGNAME": "tester", "TZ": "UTC", "LC_ALL": "C.UTF-8", **more}


def run(command, arguments, stdin=b"", **more):
    return subprocess.run([*command, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, env=environment(**more))


def probe(lab, *arguments, stdin=b"", want=0, **more):
    done = run([lab.binary, "probe", "send"], arguments, stdin, **more)
    assert done.returncode == want, f"{arguments} ended with {done.returncode}, not {want}: {done.stdout.decode()}{done.stderr.decode()}"
    return done


def served(lab, *arguments, script=(), want=0, stdin=b"", **options):
    """What it printed, and what the server heard."""
    server = ScriptedServer(script, **options)
    lab.at_end.append(server.stop)
    done = probe(lab, "--server", f"127.0.0.1:{server.port}", *arguments, want=want, stdin=stdin)
    return done.stdout.decode(), done.stderr.decode(), server.said()


def plain(octets: bytes) -> bytes:
    """Without what differs from one run to the next, and from one program to the other."""
    octets = re.sub(rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", b"(date)", octets)
    octets = re.sub(rb"Message-Id: <[^>]*>", b"Message-Id: (id)", octets)
    octets = re.sub(rb"X-Mailer: [^\r\n]*", b"X-Mailer: (program)", octets)
    return re.sub(rb"----=_(?:MIME_BOUNDARY|part)_(\d+)_\w+", lambda m: b"----(outer)" if m[1] == b"000" else b"----(inner)", octets)


def cases(files: Path):
    """(name, options, script, how the server is): what swaks and we must do alike."""
    text, binary, message = files / "text.txt", files / "a.bin", files / "message.txt"
    text.write_text("file body\nline 2\n")
    binary.write_bytes(bytes(range(256)) * 3)
    message.write_text("From x Mon\nSubject: hi\n\nbody %FROM_ADDRESS%\n.dot\n.\nafter\n")
    one, three = ENVELOPE, THREE
    refusals = [("banner", "greeting", "554 no"), ("ehlo", "EHLO", "502 no"), ("mail", "MAIL", "550-5.1.1 no\r\n550 more"), ("rcpt", "RCPT", "550 no"),
                ("data", "DATA", "451 no"), ("dot", r"\.", "451 no"), ("quit", "QUIT", "451 no")]
    for name, pattern, reply in refusals:
        yield f"{name} refused", one, [(pattern, reply)], {}
        yield f"{name} dropped", one, [(pattern, DROP)], {}
    yield "ehlo and helo refused", one, [("EHLO|HELO", "502 no")], {}
    yield "no reply to mail", [*one, "--timeout", "3"], [("MAIL", SILENT)], {}
    yield "one of three refused", three, [("RCPT", ["250 ok", "550 no", "250 ok"])], {}
    yield "the null sender", [*one, "-f", "<>"], [], {}
    for point in ("CONNECT", "FIRST-HELO", "TLS", "EHLO", "AUTH", "MAIL", "RCPT"):
        yield f"quit after {point}", [*one, "-q", point], [], {}
        yield f"drop after {point}", [*one, "--da", point], [], {}
    for point in ("DATA", "DOT"):
        yield f"drop after {point}", [*one, "--da", point], [], {}
    for point in ("HELO", "MAIL", "TO", "DATA", "DOT"):
        yield f"drop after sending {point}", [*one, "--das", point], [], {}
    yield "protocol SMTP", [*one, "--protocol", "SMTP"], [], {}
    yield "LMTP", [*three, "--protocol", "LMTP"], [("RCPT", ["250 a", "550 b", "250 c"])], {"lmtp": True}
    yield "LMTP, some refused", [*three, "--protocol", "lmtp"], [(r"\.", ["250 a", "550 b", "250 c"])], {"lmtp": True}
    yield "LMTP, all refused", [*three, "--protocol", "LMTP"], [(r"\.", "550 a")], {"lmtp": True}
    yield "pipeline", [*three, "--pipeline"], [("RCPT", ["250 ok", "550 no", "250 ok"])], {}
    yield "pipeline not offered", [*three, "--pipeline"], [("EHLO", "250 peer")], {}
    yield "pipeline, mail refused", [*three, "--pipeline"], [("MAIL", "550 no"), ("RCPT|DATA", "503 no")], {}
    yield "pipeline, all refused", [*three, "--pipeline"], [("RCPT", "550 no"), ("DATA", "554 no")], {}
    yield "pipeline, quit after mail", [*three, "--pipeline", "-q", "MAIL"], [], {}
    yield "pipeline, quit after rcpt", [*three, "--pipeline", "-q", "RCPT"], [], {}
    yield "pipeline, drop after sending data", [*three, "--pipeline", "--das", "DATA"], [], {}
    yield "prdr", [*three, "--prdr"], [("EHLO", "250-peer\r\n250 PRDR")], {}
    yield "prdr, refused at the end", [*three, "--prdr"], [("EHLO", "250-peer\r\n250 PRDR"), (r"\.", "353 each\r\n250 a\r\n250 b\r\n250 c\r\n550 no")], {}
    yield "prdr not offered", [*three, "--prdr"], [], {}
    # TLS
    for option in ("-tls", "-tlso", "-tlsos"):
        yield f"{option} offered", [*one, option], [("EHLO", STARTTLS)], {"tls": True}
        yield f"{option} not offered", [*one, option], [], {}
        yield f"{option} refused", [*one, option], [("EHLO", STARTTLS), ("STARTTLS", "454 no")], {}
    yield "tls on connect", [*one, "-tlsc"], [], {"tls": True, "wrapper": True}
    yield "tls, the last EHLO refused", [*one, "-tls"], [("EHLO|HELO", [STARTTLS, "500 no"])], {"tls": True}
    for point in ("CONNECT", "FIRST-EHLO", "TLS", "EHLO"):
        yield f"tls, quit after {point}", [*one, "-tls", "-q", point], [("EHLO", STARTTLS)], {"tls": True}
        yield f"tls, drop after {point}", [*one, "-tls", "--da", point], [("EHLO", STARTTLS)], {"tls": True}
    yield "tls verified", [*one, "-tls", "--tls-verify"], [("EHLO", STARTTLS)], {"tls": True}
    yield "tls by protocol", [*one, "--protocol", "ESMTPS", "-q", "EHLO"], [("EHLO", STARTTLS)], {"tls": True}
    yield "tls 1.2 and a cipher", [*one, "-tls", "-tlsp", "tlsv1_2", "--tls-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], [("EHLO", STARTTLS)], {"tls": True}
    # Authentication
    yield "each mechanism in vain", AUTH, [("EHLO", OFFERS_AUTH)], {}
    yield "plain", [*AUTH, "-a", "PLAIN"], [("EHLO", OFFERS_AUTH), ("AUTH", "235 ok")], {}
    yield "login", [*AUTH, "-a", "login"], [("EHLO", OFFERS_AUTH), *LOGIN, ("c2VjcmV0", "235 ok")], {}
    yield "login, the name refused", [*AUTH, "-a", "login"], [("EHLO", OFFERS_AUTH), ("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("am9l", "535 no")], {}
    yield "cram-md5", [*AUTH, "-a", "CRAM-MD5"], [("EHLO", OFFERS_AUTH), ("AUTH", "334 PDEuMkB4Pg=="), ("am9l", "235 ok")], {}
    yield "the second of a list", [*AUTH, "-a", "LOGIN,PLAIN"], [("EHLO", "250 AUTH=PLAIN LOGIN"), ("AUTH PLAIN", "235 ok")], {}
    yield "auth without a common mechanism", [*AUTH, "-a", "LOGIN"], [("EHLO", "250-peer\r\n250 AUTH PLAIN")], {}
    for option in ("-a", "-ao", "-aos"):
        yield f"{option} not offered", [*AUTH, option], [], {}
        yield f"{option} of other kinds", [*AUTH, option], [("EHLO", "250-peer\r\n250 AUTH FOO")], {}
        yield f"{option} refused", [*AUTH, option, "PLAIN"], [("EHLO", OFFERS_AUTH), ("AUTH", "535 no")], {}
    yield "quit after auth", [*AUTH, "-q", "AUTH"], [("EHLO", OFFERS_AUTH), ("AUTH CRAM", "235 ok")], {}
    yield "drop after sending auth", [*AUTH, "-a", "PLAIN", "--das", "AUTH"], [("EHLO", OFFERS_AUTH)], {}
    yield "an unknown mechanism", [*AUTH, "-a", "FOO"], [], {}
    yield "an empty name and password", [*one, "-au", "<>", "-ap", "<>", "-a", "PLAIN"], [("EHLO", OFFERS_AUTH), ("AUTH", "235 ok")], {}
    # XCLIENT and PROXY
    yield "xclient", [*one, "--xclient-addr", "1.2.3.4", "--xclient-name", "foo.test"], [("EHLO", XCLIENT)], {}
    yield "xclient in two", [*one, "--xclient-addr", "1.2.3.4", "--xclient-delim", "--xclient-name", "foo bar=x+"], [("EHLO", XCLIENT)], {}
    yield "xclient as it is", [*one, "--xclient", "ADDR=1.2.3.4 FOO=1", "--xclient-port", "25"], [("EHLO", XCLIENT)], {}
    for option in ([], ["--xclient-optional"], ["--xclient-optional-strict"]):
        yield f"xclient not offered {option}", [*one, "--xclient-addr", "x", *option], [], {}
        yield f"xclient attribute not offered {option}", [*one, "--xclient-login", "x", *option], [("EHLO", XCLIENT)], {}
        yield f"xclient refused {option}", [*one, "--xclient-addr", "x", *option], [("EHLO", XCLIENT), ("XCLIENT", "550 no")], {}
    yield "xclient not verified", [*one, "--xclient-login", "x", "--xclient-no-verify"], [("EHLO", XCLIENT)], {}
    yield "xclient before starttls", [*one, "--xclient-addr", "x", "--xclient-before-starttls", "-tls"], [("EHLO", XCLIENT.replace("250 X", "250-STARTTLS\r\n250 X"))], {"tls": True}
    yield "quit after xclient", [*one, "--xclient-addr", "x", "-q", "XCLIENT"], [("EHLO", XCLIENT)], {}
    yield "EHLO refused after xclient", [*one, "--xclient-addr", "x"], [("EHLO", [XCLIENT, "550 no"]), ("HELO", "550 no")], {}
    proxy = ["--proxy-source-port", "11", "--proxy-dest-port", "25"]
    yield "proxy as it is", [*one, "--proxy", "TCP4 1.2.3.4 5.6.7.8 1 2"], [], {"proxy": 1}
    yield "proxy 1", [*one, *proxy, "--proxy-family", "TCP4", "--proxy-source", "1.2.3.4", "--proxy-dest", "5.6.7.8"], [], {"proxy": 1}
    yield "proxy 2", [*one, *proxy, "--proxy-version", "2", "--proxy-family", "AF_INET", "--proxy-source", "1.2.3.4", "--proxy-dest", "5.6.7.8"], [], {"proxy": 2}
    yield "proxy 2 of IPv6", [*one, *proxy, "--proxy-version", "2", "--proxy-family", "AF_INET6", "--proxy-source", "::1", "--proxy-dest", "2001:db8::1"], [], {"proxy": 2}
    yield "proxy mixed", [*one, "--proxy", "a", "--proxy-family", "TCP4"], [], {}
    yield "proxy incomplete", [*one, "--proxy-family", "TCP4"], [], {}
    yield "proxy family", [*one, *proxy, "--proxy-family", "FOO", "--proxy-source", "1.2.3.4", "--proxy-dest", "5.6.7.8"], [], {}
    yield "proxy version", [*one, "--proxy-version", "3", "--proxy", "x"], [], {}
    # The message
    yield "headers", [*one, "--header", "Subject: foo", "--h-Reply-To", "zed", "--add-header", "X-A: 1\\nX-B: %TO_ADDRESS%", "--header-X-Y", "q"], [], {}
    yield "a header twice", [*one, "--header", "Subject: a", "--header", "Subject: b", "--add-header", "Subject: c"], [], {}
    yield "a folded header", [*one, "--header", "X-Long: a\\n b"], [], {}
    for body in ("hello\\nworld", f"@{text}", "-", "a\n.\nb\n", "end\\n", "a\\n\\nb", "@@at", "%FROM_ADDRESS%%NEWLINE%x"):
        yield f"body {body!r}", [*one, "--body", body], [], {"stdin": b"from stdin\n.x\n"}
    for data in ("Subject: x\\n\\nbody\\n.dot\\n", "A: b\\nC: d", "A: b\\n\\n", "A: b\\n\\nx\\n\\n", "A: x%NEWLINE%%NEWLINE%body", f"@{message}", "-",
                 "Subject: x\\n\\nbody\\n.\\n", "A: %TO_ADDRESS%\\n%NEW_HEADERS%\\n%BODY%\\n"):
        yield f"data {data!r}", [*one, "--data", data], [], {"stdin": b"Subject: x\n\nbody\r\nline\r\n.\r\n"}
    yield "data and headers", [*one, "--data", "Subject: x\\nX-Y: z\\n\\nb", "--header", "Subject: y\\nX-Y: q", "--add-header", "N: 1"], [], {}
    yield "data with its From_ line", [*one, "--data", f"@{message}", "-nsf"], [], {}
    (files / "raw").write_bytes(b"A: %DATE%\r\n\r\nx\\n\r\n.")
    yield "data as it is", [*one, "--data", f"@{files}/raw", "-ndf"], [], {}
    yield "data that is no file", [*one, "--data", "nothing"], [], {}
    yield "a file that is not there", [*one, "--body", "@/nonexistent/x"], [], {}
    yield "an attachment", [*one, "--attach", f"@{binary}"], [], {}
    yield "an attachment and a header", [*one, "--attach", f"@{binary}", "--add-header", "X-A: 1"], [], {}
    yield "attachments with types and names", [*one, "--attach", f"@{text}", "--attach-type", "text/plain", "--attach-name", "n.txt", "--attach", "literal\\n"], [], {}
    yield "an attachment without its name", [*one, "--attach-name", "--attach", f"@{text}", "--body", "text\\n"], [], {}
    yield "alternatives", [*one, "--attach-type", "text/html", "--attach-body", "<b>x</b>", "--attach-body", "second"], [], {}
    yield "alternatives and an attachment", [*one, "--attach-type", "text/html", "--attach-body", "<b>x</b>", "--attach-body", "second", "--attach", "-"], [], {"stdin": b"in\n"}
    # Options
    for name, options in (("unknown", ["--foo"]), ("no option", ["bar"]), ("timeout", ["--timeout", "5q"]), ("stop point", ["-q", "DATA"]),
                          ("protocol", ["--protocol", "FOO"]), ("an empty attachment", ["--attach", ""]), ("no value", ["--quit-after"]), ("two transports", ["--socket", "/x"]),
                          ("a value that is an option", ["--ehlo", "-foo"])):
        yield f"refused: {name}", [*one, *options], [], {}
    yield "asked for", ["--from", "a@a.test", "--ehlo", "-q", "RCPT", "--to"], [], {"stdin": b"typed.test\nb@b.test\n"}
    yield "a recipient is asked for", ["--from", "a@a.test", "--ehlo", "c.test", "-q", "RCPT"], [], {"stdin": b"b@b.test\n"}
    yield "a recipient is not needed", ["--from", "a@a.test", "--ehlo", "c.test", "-q", "MAIL"], [], {}
    yield "the sender of the environment", ["--ehlo", "c.test", "-q", "MAIL"], [], {}
    yield "an option is taken back", [*one, "--header", "X-A: 1", "--no-header", "--no-to", "--to", "z@b.test"], [], {}
    yield "a beginning of a name", [*one, "--quit-a", "MAIL"], [], {}


# The same octets, but swaks sends QUIT before it has read the replies, reads one before it drops the connection, has
# another word for a reply that did not come, or shows a backslash as it is.
SHOWN_OTHERWISE = {"drop after sending HELO", "pipeline, quit after mail", "pipeline, quit after rcpt", "no reply to mail", "data as it is"}


def dialogue(text: bytes) -> list:
    """The lines that were sent and received, without what we decode beside them."""
    lines = [line.rstrip(b"\r").split(b"   \xe2\x86\x90")[0] for line in plain(text).split(b"\n")]
    return [line for line in lines if line[:3] in (b" ->", b" ~>", b"<- ", b"<~ ", b"<**", b"<~*")]


def compared(lab, name, options, script, how):
    """What both did: exit code, octets, the dialogue as it is shown, all that was shown; swaks first, then we."""
    stdin, more = how.get("stdin", b""), {k: v for k, v in how.items() if k != "stdin"}
    if more.get("tls"):
        more["tls"] = server_tls(*lab.certificates["mail.hub.test"])
    for command in (["swaks"], [lab.binary, "probe", "send"]):
        server = ScriptedServer(script, **more)
        done = run(command, ["--server", f"127.0.0.1:{server.port}", *options], stdin)
        said = server.said() if server.connections else None
        server.stop()
        shown = [] if "-au" in options or name in SHOWN_OTHERWISE else dialogue(done.stdout)
        yield done.returncode, None if said is None else plain(said), shown, done.stdout + done.stderr


@long
def test_what_swaks_does(lab):
    if not shutil.which("swaks"):
        raise Skip("swaks is not installed")
    differences, count = [], 0
    table = list(cases(lab.folder))
    with ThreadPoolExecutor(4) as pool:
        compared_all = list(pool.map(lambda case: (case, list(compared(lab, *case))), table))
    for (name, options, _, _), (theirs, ours) in compared_all:
        count += 1
        if theirs[:3] != ours[:3]:
            differences.append(f"{name}: {options}\n  swaks {theirs[:3]}\n  we    {ours[:3]}\n{ours[3].decode()}")
    assert count >= 130, count
    assert not differences, f"{len(differences)} of {count} differ:\n" + "\n".join(differences)


# -- what swaks has not, or does otherwise


def test_what_is_not_ascii_is_marked_in_headers_bodies_and_file_names(lab):
    sink = lab.sink()
    report = lab.folder / "報告書.txt"
    report.write_text("本文\n")
    probe(lab, "--server", f"127.0.0.1:{sink.port}", *ENVELOPE, "--header", "Subject: Re: 日本語の件名", "--h-From", "経理 <a@a.test>", "--body", "こんにちは\\n")
    probe(lab, "--server", f"127.0.0.1:{sink.port}", *ENVELOPE, "--body", "こんにちは", "--attach-type", "text/plain", "--attach", f"@{report}")
    plain_one, mixed = [email.message_from_bytes(m.data, policy=email.policy.default) for m in sink.wait(2)]
    assert all(byte < 128 for m in sink.messages for byte in m.data)
    assert plain_one["Subject"] == "Re: 日本語の件名" and plain_one["From"].addresses[0].display_name == "経理", plain_one.as_string()
    assert plain_one.get_content().rstrip("\n") == "こんにちは" and plain_one.get_content_charset() == "utf-8"
    body, attachment = mixed.iter_parts()
    assert body.get_content() == "こんにちは" and attachment.get_filename() == "報告書.txt" and attachment.get_payload(decode=True) == "本文\n".encode()
    assert not plain_one.defects and not mixed.defects


def test_passwords_are_never_shown_unless_asked_for(lab):
    offers = [("EHLO", OFFERS_AUTH), *LOGIN, ("c2VjcmV0", "535 no"), ("AUTH PLAIN", "535 no secret please")]
    secrets = ("no secret please", "c2VjcmV0", "AGpvZQBzZWNyZXQ=")  # a server may repeat one
    for options in ([], ["--json"], ["-apt"], ["-ahp", "XXX"]):
        out, error, _ = served(lab, *AUTH, "-a", "LOGIN,PLAIN", *options, script=offers, want=28)
        assert not any(secret in out + error for secret in secrets), out + error
    out, _, _ = served(lab, *AUTH, "-a", "LOGIN,PLAIN", "--show-secrets", script=offers, want=28)
    assert "AGpvZQBzZWNyZXQ=" in out and "c2VjcmV0" in out, out
    out, _, _ = served(lab, *AUTH, "-a", "PLAIN", "-ahp", "XXX", script=offers, want=28)
    assert " -> AUTH PLAIN XXX" in out, out


def test_a_password_comes_from_a_file_a_descriptor_or_the_prompt(lab):
    script = [("EHLO", OFFERS_AUTH), ("AUTH", "235 ok")]
    said = b"EHLO c.test\r\nAUTH PLAIN AGpvZQBzZWNyZXQ=\r\nQUIT\r\n"
    (lab.folder / "pw").write_text("secret\nmore\n")
    options = [*ENVELOPE, "-q", "AUTH", "-a", "PLAIN", "-au", "joe"]
    out, error, heard = served(lab, *options, "--password-file", lab.folder / "pw", script=script)
    assert heard == said and "can be read by all users" not in error, error
    assert served(lab, *options, "--password-fd", "0", script=script, stdin=b"secret\n")[2] == said
    assert served(lab, *options, script=script, stdin=b"secret\n")[2] == said
    assert served(lab, *ENVELOPE, "-q", "AUTH", "-a", "PLAIN", script=script, stdin=b"joe\nsecret\n")[2] == said
    _, error, heard = served(lab, *options, "-ap", "secret", script=script)
    assert heard == said and "a password among the arguments can be read by all users of this machine" in error, error
    assert probe(lab, "--server", "127.0.0.1:1", *options, want=1).stderr.count(b"--auth-password is needed") == 1


def test_options_come_from_a_file_and_from_the_environment(lab):
    home = lab.folder / "home"
    home.mkdir()
    (home / ".swaksrc").write_text("# all\n--from rc@a.test\nehlo rc.test\nh-From: \"Rc\" <rc@a.test>\nto rc@b.test\n")
    server = ScriptedServer()
    lab.at_end.append(server.stop)
    where = ["--server", f"127.0.0.1:{server.port}"]
    done = run([lab.binary, "probe", "send"], [*where, "-q", "RCPT", "--to", "line@b.test"], HOME=str(home), SWAKS_OPT_ehlo="env.test")
    assert done.returncode == 0 and server.said(0) == b"EHLO env.test\r\nMAIL FROM:<rc@a.test>\r\nRCPT TO:<line@b.test>\r\nQUIT\r\n", server.said(0)
    done = run([lab.binary, "probe", "send"], [*where, "-q", "RCPT", *ENVELOPE, "--config"], HOME=str(home))
    assert done.returncode == 0 and server.said(1) == b"EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nQUIT\r\n", server.said(1)
    (home / "other").write_text("no-such-thing x\n")
    done = run([lab.binary, "probe", "send"], [*where, *ENVELOPE, "--config", str(home / "other")])
    assert done.returncode == 1 and b"other, line 1: there is no option --no-such-thing" in done.stderr, done.stderr
    done = run([lab.binary, "probe", "send"], [*where, *ENVELOPE], SWAKS_OPT_nothing="x")
    assert done.returncode == 1 and b"SWAKS_OPT_nothing" in done.stderr, done.stderr


def test_options_that_can_not_be_done_are_refused_by_name(lab):
    for option in ("--dump", "--dump-as-body", "-dabsp", "--support", "-raw", "--auth-extra=realm=x"):
        error = probe(lab, *ENVELOPE, option, want=1).stderr.decode()
        assert re.match(r"\*\*\* --[a-z-]+ is not supported: ", error), (option, error)


def test_each_step_is_timed(lab):
    out, _, _ = served(lab, *ENVELOPE, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    last = rows[-1]
    assert last["kind"] == "outcome" and last["exit"] == 0 and last["accepted"] == ["b@b.test"] and last["refused"] == [], last
    assert [(s["step"], s.get("code")) for s in last["steps"]] == [("connect", None), ("banner", 220), ("EHLO", 250), ("MAIL", 250), ("RCPT", 250), ("DATA", 354),
                                                                   ("content", 250), ("QUIT", 221)], last
    assert all(0 < s["seconds"] < 30 for s in last["steps"]), last
    assert b"--silent is about lines for people" in probe(lab, "--server", "127.0.0.1:1", *ENVELOPE, "--json", "--silent", want=1).stderr
    assert [r["text"] for r in rows if r["kind"] == "sent"][:3] == ["EHLO c.test", "MAIL FROM:<a@a.test>", "RCPT TO:<b@b.test>"], rows
    out, _, _ = served(lab, *ENVELOPE, "--show-time-lapse", "-n")
    assert len(re.findall(r"^=== response in \d+\.\d{3}s$", out, re.M)) == 7, out


def test_the_protocols_name_stands_for_its_options(lab):
    tls = server_tls(*lab.certificates["mail.hub.test"])

    def by_name(protocol, *options, want=0, **how):
        server = ScriptedServer(**how)
        lab.at_end.append(server.stop)
        done = run([lab.binary, "probe", protocol], [f"127.0.0.1:{server.port}", *options])
        assert done.returncode == want, done.stdout + done.stderr
        return server.said()
    assert by_name("smtp", *ENVELOPE, "-q", "RCPT") == b"EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nQUIT\r\n"
    assert by_name("lmtp", *ENVELOPE, "-q", "MAIL", lmtp=True) == b"LHLO c.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\n"
    assert by_name("smtps", *ENVELOPE, "-q", "MAIL", tls=tls, wrapper=True) == b"EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\n"
    assert by_name("submission", *ENVELOPE, "-q", "MAIL", "--starttls", "required", tls=tls, script=[("EHLO", STARTTLS)]).startswith(b"EHLO c.test\r\nSTARTTLS\r\n")
    offered = {"tls": tls, "script": [("EHLO", STARTTLS)]}
    for protocol in ("smtp", "submission"):  # as in the other probes; `probe send` wants -tls, as swaks does
        assert by_name(protocol, *ENVELOPE, "-q", "MAIL", **offered) == b"EHLO c.test\r\nSTARTTLS\r\nEHLO c.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\n"
        assert by_name(protocol, *ENVELOPE, "-q", "MAIL", "--starttls", "never", **offered) == b"EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nQUIT\r\n"
    for word in ("--tls", "-tls"):
        done = run([lab.binary, "probe", "smtp"], ["127.0.0.1:1", *ENVELOPE, word])
        assert done.returncode == 1 and b"say --starttls required or --tls-on-connect" in done.stderr, done
    done = run([lab.binary, "probe", "imap"], ["127.0.0.1:1", *ENVELOPE])
    assert done.returncode == 1 and b"not by imap" in done.stderr, done


def test_other_ways_to_connect(lab):
    path = lab.folder / "socket"
    unix = ScriptedServer(path=path, lmtp=True)
    lab.at_end.append(unix.stop)
    probe(lab, *ENVELOPE, "--protocol", "LMTP", "--socket", path)
    assert unix.said().startswith(b"LHLO c.test\r\n") and unix.said().endswith(b"\r\n.\r\nQUIT\r\n")
    six = ScriptedServer(host="::1")
    lab.at_end.append(six.stop)
    probe(lab, *ENVELOPE, "-6", "--server", f"[::1]:{six.port}")
    probe(lab, *ENVELOPE, "-4", "--server", f"[::1]:{six.port}", want=2)
    program = lab.folder / "server.sh"
    program.write_text("echo 220 hi\nwhile read verb rest; do echo $verb >> " + str(lab.folder / "heard") + "\n"
                       "case $verb in QUIT*) echo 221 bye; exit;; DATA*) echo 354 go;; EHLO*|MAIL*|RCPT*|.*) echo 250 ok;; esac\ndone\n")
    probe(lab, *ENVELOPE, "--pipe", f"sh {program}")
    verbs = [line.strip() for line in (lab.folder / "heard").read_text().splitlines()]
    assert verbs[:4] == ["EHLO", "MAIL", "RCPT", "DATA"] and verbs[-1] == "QUIT", verbs
    probe(lab, *ENVELOPE, "--pipe", "exit 3", want=6)


def test_without_a_server_the_mail_servers_of_the_domain_are_asked(lab):
    server = ScriptedServer()
    lab.at_end.append(server.stop)
    dns = Dns({"b.test": {"MX": [(20, "unused.invalid"), (10, "localhost")]}, "none.test": {"MX": [(0, ".")]}, "later.test": "SERVFAIL"})
    lab.at_end.append(dns.stop)
    where = ["--dns-server", f"127.0.0.1@{dns.port}", "--port", server.port, "-4"]
    done = probe(lab, *THREE, *where)
    assert b"=== Trying localhost:" in done.stdout and server.said().startswith(b"EHLO c.test\r\n"), done.stdout
    probe(lab, *ENVELOPE, "--to", "x@y.test", "--copy-routing", "b.test", *where)
    assert b"RCPT TO:<x@y.test>" in server.said(1)
    assert b"takes no mail (null MX" in probe(lab, *ENVELOPE, "--to", "x@none.test", *where, want=2).stderr
    assert b"can't tell the mail servers" in probe(lab, *ENVELOPE, "--to", "x@later.test", *where, want=2).stderr


def test_a_certificate_is_verified_with_its_name(lab):
    tls = server_tls(*lab.certificates["mail.hub.test"])
    ca = ["--tls-ca-path", lab.certificates["ca"]]
    for options, want in (([], 0), (["--tls-verify"], 29), (["--tls-verify", *ca], 0), (["--tls-verify", *ca, "--tls-sni", "mail.hub.test"], 0),
                          (["--tls-verify", *ca, "--tls-sni", "else.test"], 29), (["--tls-verify-ca", *ca, "--tls-sni", "else.test"], 0)):
        served(lab, *ENVELOPE, "-tls", "-q", "TLS", *options, script=[("EHLO", STARTTLS)], tls=tls, want=want)
    certificate = lab.folder / "peer.pem"
    served(lab, *ENVELOPE, "-tls", "-q", "TLS", "--tls-get-peer-cert", certificate, script=[("EHLO", STARTTLS)], tls=tls)
    known = Path(lab.certificates["mail.hub.test"][0]).read_text()
    assert certificate.read_text().strip() in known, certificate.read_text()


def test_what_was_injected_before_tls_ends_it(lab):
    tls = server_tls(*lab.certificates["mail.hub.test"])
    for option in ("-tls", "-tlso"):
        out, error, said = served(lab, *ENVELOPE, option, script=[("EHLO", STARTTLS), ("STARTTLS", "220 go\r\n250 injected")], tls=tls, want=29)
        assert said.endswith(b"STARTTLS\r\n") and "before the handshake" in error, error


def test_a_hostile_server_neither_fills_the_terminal_nor_waits_for_ever(lab):
    out, _, _ = served(lab, *ENVELOPE, "-q", "EHLO", script=[("EHLO", "250 \x1b]0;x\x07\x1b[2J")])
    assert "\x1b" not in out and "250 \\x1b]0;x\\x07\\x1b[2J" in out, out
    served(lab, *ENVELOPE, script=[("greeting", "220-" + "x" * 3_000_000 + "\r\n220 x")], want=0)
    served(lab, *ENVELOPE, "--timeout", "2", script=[("greeting", "\r\n".join(["220-x"] * 100_000))], want=21)


def test_where_the_output_goes(lab):
    both, out_file = lab.folder / "both", lab.folder / "out"
    out, error, _ = served(lab, *ENVELOPE, "--output", both, script=[("MAIL", "550 no")], want=23)
    assert out == error == "" and "<** 550 no\n" in both.read_text()
    out, error, _ = served(lab, *ENVELOPE, "-tls", "--output-file-stdout", out_file, "--output-file-stderr", "&STDOUT", want=29)
    assert out == "*** Host did not advertise STARTTLS\n" and " -> EHLO c.test\n" in out_file.read_text(), out
    assert probe(lab, *ENVELOPE, "--dump-mail", "--body", "x\\n.y").stdout.endswith(b"\n\nx\n.y\n\n\n")


def test_settings_without_an_effect_are_told(lab):
    _, error, _ = served(lab, *ENVELOPE, "--data", "A: b\\n\\nx", "--attach", "y")
    assert "--data has no %BODY%" in error, error
    _, error, _ = served(lab, *ENVELOPE, "--data", "A: b\\n\\nx", "--das", "DOT", "-ndf", "--header", "X: y")
    assert "--no-data-fixup: headers, bodies and attachments are not put" in error, error
    _, error, _ = served(lab, *ENVELOPE, "-q", "RCPT", "--protocol", "SMTP", "-tls", want=29)
    assert "which protocol SMTP does not say" in error, error
    assert b"more than one line" in probe(lab, "--server", "127.0.0.1:1", *ENVELOPE, "--to", "a@b\r\nDATA", want=1).stderr


# -- real servers


def test_a_message_goes_through_the_hub(lab):
    hub, sink = submission(lab)
    (lab.folder / "pw").write_text(SECRET)
    (lab.folder / "a.bin").write_bytes(bytes(range(256)) * 1000)
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256", ""):
        done = probe(lab, "--server", f"127.0.0.1:{hub.port}", "-tls", "--tls-verify", "--tls-ca-path", lab.certificates["ca"], *(["-a", mechanism] if mechanism else []),
                     "-au", USER, "--password-file", lab.folder / "pw", "--from", USER, "--to", "test@example.jp", "--attach", f"@{lab.folder}/a.bin", "-n", "--pipeline")
        assert b"235 2.7.0 Authentication successful" in done.stdout, done.stdout
    for message in sink.wait(4):
        parts = list(email.message_from_bytes(message.data, policy=email.policy.default).iter_parts())
        assert parts[1].get_payload(decode=True) == bytes(range(256)) * 1000
    assert b" ~> AUTH SCRAM-SHA-256 " in done.stdout, done.stdout
    done = probe(lab, "--server", f"127.0.0.1:{hub.port}", "-tls", "-au", USER, "-ap", "wrong", "--to", "x@y.test", want=28)
    done = probe(lab, "--server", f"127.0.0.1:{hub.port}", "-tls", "--from", USER, "--to", "test@example.jp", want=24)
    assert b"<~* 554 5.7.1 " in done.stdout, done.stdout


def test_a_message_goes_through_postfix(lab):
    sink, port = lab.sink(), free_port()
    certificate, key = lab.certificates["mail.hub.test"]
    postfix = Postfix(f"compatibility_level = 3.6\nmyhostname = hub.example\nmydestination =\ninet_interfaces = 127.0.0.1\nmynetworks = 127.0.0.0/8\n"
                      f"alias_maps =\nlocal_recipient_maps =\nsmtp_dns_support_level = disabled\ndefault_transport = smtp:{sink.next_hop}\n"
                      f"smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_security_level = may\n",
                      f"127.0.0.1:{port} inet n - n - - smtpd\n")
    lab.at_end.append(postfix.close)
    where = ["--server", f"127.0.0.1:{port}"]
    probe(lab, *where, *THREE, "--pipeline", "-tls", "--header", "Subject: 件名")
    mail, = sink.wait(1)
    assert mail.recipients() == ["b@b.test", "c@b.test", "d@b.test"], mail.recipients()
    assert email.message_from_bytes(mail.data, policy=email.policy.default)["Subject"] == "件名"
    probe(lab, *where, *ENVELOPE, "--xclient-addr", "127.0.0.9", "--xclient-name", "client.test")
    received = sink.wait(2)[1].header()
    assert b"(client.test [127.0.0.9])" in received, received
    done = probe(lab, *where, *ENVELOPE, "--xclient-addr", "192.0.2.9", want=24)  # which is none of mynetworks
    assert b"<** 454 4.7.1 <b@b.test>: Relay access denied" in done.stdout or b"<** 554 5.7.1 <b@b.test>: Relay access denied" in done.stdout, done.stdout


def test_a_message_goes_to_lmtp(lab):
    sink = lab.sink([(r"\. c@b\.test", "452 4.2.2 full")], lmtp=True)
    out = probe(lab, "--server", f"127.0.0.1:{sink.port}", "--protocol", "LMTP", *THREE, "--json").stdout.decode()
    last = json.loads(out.splitlines()[-1])
    assert last["accepted"] == ["b@b.test", "d@b.test"] and last["refused"] == ["c@b.test"], last
    assert [address.strip("<>") for address in sink.wait(1)[0].accepted] == ["b@b.test", "d@b.test"], sink.messages
