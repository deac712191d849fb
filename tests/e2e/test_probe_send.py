"""hikyaku probe send: swaks' command lines, side by side with swaks itself where it is installed."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from marks import Skip
from scripted_server import DROP, SILENT, ScriptedServer
from sink import server_tls

ENVELOPE = ["--from", "a@a.test", "--to", "b@b.test", "--ehlo", "c.test"]
THREE = ["--from", "a@a.test", "--to", "b@b.test,c@b.test,d@b.test", "--ehlo", "c.test"]
AUTH = [*ENVELOPE, "-au", "joe", "-ap", "secret"]
XCLIENT = "250-peer.test\r\n250 XCLIENT NAME ADDR PORT HELO"
STARTTLS = "250-peer.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
OFFERS_AUTH = "250-peer.test\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
LOGIN = [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("am9l", "334 UGFzc3dvcmQ6")]


def environment(**more) -> dict:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SWAKS")}
    return dict(kept, HOME="/nonexistent", LOGNAME="tester", TZ="UTC", LC_ALL="C.UTF-8", **more)


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
    yield "no reply to mail", [*one, "--timeout", "1"], [("MAIL", SILENT)], {}
    yield "one of three refused", three, [("RCPT", ["250 ok", "550 no", "250 ok"])], {}
    yield "the null sender", [*one, "-f", "<>"], [], {}
    for point in ("CONNECT", "FIRST-HELO", "TLS", "EHLO", "AUTH", "MAIL", "RCPT"):
        yield f"quit after {point}", [*one, "-q", point], [], {}
        yield f"drop after {point}", [*one, "--da", point], [], {}
    for point in ("DATA", "DOT"):
        yield f"drop after {point}", [*one, "--da", point], [], {}
    for point in ("CONNECT", "HELO", "MAIL", "TO", "DATA", "DOT"):
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


# The same octets, but swaks sends QUIT before it has read the replies, or reads one before it drops the connection.
ORDER_DIFFERS = {"drop after sending HELO", "pipeline, quit after mail", "pipeline, quit after rcpt", "no reply to mail"}


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
        shown = [] if "-au" in options or name in ORDER_DIFFERS else dialogue(done.stdout)
        yield done.returncode, None if said is None else plain(said), shown, done.stdout + done.stderr


def test_what_swaks_does(lab):
    if not shutil.which("swaks"):
        raise Skip("swaks is not installed")
    differences, count = [], 0
    for name, options, script, how in cases(lab.folder):
        count += 1
        theirs, ours = compared(lab, name, options, script, how)
        if theirs[:3] != ours[:3]:
            differences.append(f"{name}: {options}\n  swaks {theirs[:3]}\n  we    {ours[:3]}\n{ours[3].decode()}")
    assert count >= 130, count
    assert not differences, f"{len(differences)} of {count} differ:\n" + "\n".join(differences)
