"""hikyaku probe ... --script: dialogues that are expected of a server, as a monitor holds them."""
import json
import os
import subprocess
from pathlib import Path

from hub import free_port
from scripted_server import DROP, SILENT, ScriptedServer
from sink import server_tls
from test_pop3 import mail_hub
from test_smtp import relay
from test_submission import SECRET, USER, submission

SCRIPTS = Path(__file__).resolve().parents[1] / "probe_scripts"
LOGIN = {"PROBE_USER": USER, "PROBE_PASSWORD": SECRET}


def script(lab, port, text, *options, want=0, protocol="smtp", **environment):
    """stdout and stderr of a script, which is a text or a file."""
    path = text
    if not isinstance(text, Path):
        path = lab.folder / "check.script"
        path.write_text(text)
    done = subprocess.run([lab.binary, "probe", protocol, f"127.0.0.1:{port}", "--script", str(path), *map(str, options)], capture_output=True, timeout=60,
                          env=dict(os.environ, **environment))
    out, error = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == want, f"{text} ended with {done.returncode}, not {want}:\n{out}{error}"
    return out, error


def server(lab, *rules, **options):
    made = ScriptedServer(rules, **options)
    lab.at_end.append(made.stop)
    return made


def test_the_two_dialogues_of_submission_hold_for_the_hub(lab):
    hub, _ = submission(lab)
    for mechanism in ("plain", "login"):
        out, _ = script(lab, hub.port, SCRIPTS / f"submission_auth_{mechanism}.script", "--tls-verify", "--tls-ca", lab.certificates["ca"], "--sni", "mail.hub.test",
                        protocol="submission", **LOGIN)
        assert "235 2.7.0 Authentication successful" in out and " ~> RCPT TO:<test@example.jp>" in out, out
        assert "expectations held" in out, out
        for secret in (SECRET, USER, "Y29ycmVjdCBob3JzZQ==", "dGVzdEBleGFtcGxlLmNvbQ=="):
            assert secret not in out, f"{secret} is shown:\n{out}"


def test_a_wrong_password_is_told_with_its_line(lab):
    hub, _ = submission(lab)
    wrong = dict(LOGIN, PROBE_PASSWORD="wrong horse")
    out, _ = script(lab, hub.port, SCRIPTS / "submission_auth_plain.script", protocol="submission", want=1, **wrong)
    assert '*** line 21 (the name and the password are right): expected "S: 235 2.7.0 *", came: 535 5.7.8' in out, out
    assert "wrong horse" not in out, out
    script(lab, hub.port, SCRIPTS / "submission_auth_plain.script", "--tls-verify", protocol="submission", want=1, **LOGIN)  # nobody vouches for it
    script(lab, hub.port, SCRIPTS / "submission_auth_plain.script", protocol="submission", want=1)  # no secret


def test_json_has_each_expectation_with_its_time(lab):
    peer = server(lab)
    out, _ = script(lab, peer.port, "# the banner\nS: 220 *\nC: EHLO x\nS+ *SIZE*\n", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    expectations = [row for row in rows if row["kind"] == "expectation"]
    assert [(r["line"], r["expected"], r["held"], r["got"]) for r in expectations] == [
        (2, "S: 220 *", True, "220 peer.test ESMTP"), (4, "S+ *SIZE*", True, "250-SIZE 1000000")], expectations
    assert expectations[0]["about"] == "the banner" and all(0 < r["seconds"] < 30 for r in expectations), expectations
    assert rows[-1]["kind"] == "outcome" and rows[-1]["exit"] == 0 and rows[-1]["expectations"] == 2, rows[-1]
    assert any(row["kind"] == "sent" and row["text"] == "EHLO x" for row in rows), rows


def test_exit_codes_tell_apart_what_went_wrong(lab):
    script(lab, free_port(), "S: 220 *", want=2)
    script(lab, server(lab, ("greeting", SILENT)).port, "@ timeout 100ms\nS: 220 *", want=3)
    script(lab, server(lab, ("EHLO", DROP)).port, "S: 220 *\nC: EHLO x\nS: 250*", want=4)
    script(lab, server(lab, ("EHLO", DROP)).port, "S: 220 *\nC: EHLO x\n@ closed", want=0)
    script(lab, server(lab).port, "S: 421 *", want=1)
    _, error = script(lab, 1, "S: 220 *\nX: y", want=65)
    assert "check.script: line 2: a line begins with" in error, error
    script(lab, 1, Path("/nonexistent/x.script"), want=66)
    script(lab, 1, "S: 220 *", "--starttls", "required", want=64)
    script(lab, 1, "S: 220 *", protocol="ldap", want=64)
    for ignored in (("--no-dns",), ("--dns-server", "127.0.0.1"), ("--dns-anchor", "/dev/null"), ("--ehlo", "me.test")):
        _, error = script(lab, 1, "S: 220 *", *ignored, want=64)
        assert f"{ignored[0]}: " in error, error
    script(lab, 1, "S: 220 *", "-4", "-6", want=64)


def test_quiet_tells_only_what_did_not_hold(lab):
    peer = server(lab)
    assert script(lab, peer.port, "S: 220 *", "--quiet") == ("", "")
    out, error = script(lab, peer.port, "S: 421 *", "--quiet", want=1)
    assert out == "" and error == '*** line 1: expected "S: 421 *", came: 220 peer.test ESMTP\n', error
    out, _ = script(lab, peer.port, "S: 220 *\nC: NOOP\nS: 421 *", "--quiet", "--json", want=1)
    assert [(row["kind"], row.get("line")) for row in map(json.loads, out.splitlines())] == [("expectation", 3), ("outcome", None)], out


def test_octets_that_come_before_the_handshake_are_no_answer_under_it(lab):
    tls = server_tls(*lab.certificates["mail.hub.test"])
    peer = server(lab, ("STARTTLS", "220 go\r\n250 injected"), tls=tls)
    out, _ = script(lab, peer.port, "S: 220 *\n@ starttls\nC: NOOP\nS: 250*", want=1)
    assert "octets before the handshake" in out or "injected" in out, out
    peer = server(lab, ("STARTTLS", "220 go"), tls=tls)
    script(lab, peer.port, "S: 220 *\nC: STARTTLS\nS: 220 *\n@ tls\nC: NOOP\nS: 250 *\n")


def test_other_protocols_have_scripts_too(lab):
    hub = mail_hub(lab)
    (lab.folder / "password").write_text(SECRET + "\n")
    text = f"""S: +OK *
C: CAPA
S+ STLS
@ starttls
@ auth PLAIN test@box.example file:{lab.folder}/password
C: STAT
S~ ^\\+OK (?<count>[0-9]+) (?<size>[0-9]+)$
C: STAT
S: +OK ${{count}} ${{size}}
C: LIST
S: +OK*
S: .
C: QUIT
S: +OK*
"""
    out, _ = script(lab, hub.ports["pop3"], text, protocol="pop3")
    assert SECRET not in out and "Y29ycmVjdCBob3JzZQ" not in out, out
