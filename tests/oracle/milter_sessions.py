#!/usr/bin/env python3
"""Records what Postfix does with filters: SMTP replies, the packets that a filter gets, the message's fate, and the log.

Needs root and Debian's postfix; nothing of the system's own Postfix is touched. The filters are tests/e2e/scripted_filter.py,
the cases are below. About half a minute.
  tests/oracle/milter_sessions.py [--only TEXT] > tests/oracle/milter_session_cases.jsonl
  tests/oracle/milter_sessions.py --new >> tests/oracle/milter_session_cases.jsonl
"""
import argparse
import json
import re
import signal
import socketserver
import sys
import tempfile
import threading
import time
from pathlib import Path

from private_postfix import Postfix, free_port

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from client import trusting_tls  # noqa: E402
from hub import make_certificates  # noqa: E402
from milter_oracle import EHLO, FIRST, MAIL, MAIN, MESSAGE, ONE, RCPT, RCPT2, SECOND, SESSIONS, SINK, TWO, Scene, cases, group_of, interesting, options, play, wait_for  # noqa: E402
from sink import Sink  # noqa: E402
from test_submission import DovecotAuth  # noqa: E402

STAGES = ("connect", "helo", "unknown", "mail", "rcpt", "data", "header", "eoh", "body", "eom")
GO_ON = [["c", ""]]
CASES = []


def case(topic, name, note, session, *filters, config=None, messages=0):
    """`filters`: scripts of scripted_filter.py."""
    row = {"id": f"{topic}_{name}", "topic": topic, "note": note, "config": config or {}, "filters": list(filters),
           "session": next((name for name, known in SESSIONS.items() if known is session), session)}
    if messages:
        row["messages"] = messages  # come to the next hop, some after the session
    CASES.append(row)


def once(*packets):
    """This answer the first time, and from then on to go on."""
    return [list(packets), GO_ON]


# ---------------------------------------------------------------- verdicts
VERDICTS = {
    "go_on": ["c", ""], "reject": ["r", ""], "tempfail": ["t", ""], "accept": ["a", ""], "discard": ["d", ""], "shutdown": ["4", ""], "skip": ["s", ""],
    "connection_failure": ["f", ""], "reply_550": ["y", "550 5.7.1 no\0"], "reply_450": ["y", "450 4.7.1 later\0"], "reply_421": ["y", "421 4.7.0 away\0"],
    "reply_lines": ["y", "554-5.7.1 first\r\n554-5.7.1 second\r\n554 5.7.1 third\0"],
}
for _name, _packet in VERDICTS.items():
    for _stage in STAGES if _name != "go_on" else STAGES[:1]:
        case("verdict", f"{_name}_at_{_stage}", f"the first {_stage} is answered with {_packet[0]!r}", TWO, {_stage: once(_packet)})

for _name, _text in {
    "percent": "550 5.7.1 100%% sure, 50% not\0", "no_enhanced_code": "550 no\0", "code_only": "550\0", "code_and_blank": "550 \0", "empty": "\0",
    "no_nul": "550 5.7.1 no", "code_250": "250 2.0.0 ok\0", "code_354": "354 go\0", "code_55": "55 no\0", "code_999": "999 no\0", "letters": "no way\0",
    "different_codes": "550-5.7.1 one\r\n450 4.7.1 two\0", "wrong_enhanced_class": "550 4.7.1 no\0", "bare_lf": "550-5.7.1 one\n550 5.7.1 two\0",
    "bare_cr": "550 5.7.1 one\rtwo\0", "control": "550 5.7.1 a\x01b\x1bc\0", "eight_bit": "550 5.7.1 caf\xc3\xa9\0", "no_dash": "550 5.7.1 one\r\n550 5.7.1 two\0", "long": "550 5.7.1 " + "x" * 900 + "\0",
    "text_after_nul": "550 5.7.1 no\0more\0",
}.items():
    case("reply", _name, f"a reply {_text[:40]!r} to RCPT", [EHLO, MAIL, RCPT, RCPT2, "QUIT"], {"rcpt": once(["y", _text])})
    case("reply", f"{_name}_at_the_end", f"a reply {_text[:40]!r} at the end of the message", ONE, {"eom": [[["y", _text]]]})
for _action in ("accept", "reject", "quarantine"):
    for _stage in ("connect", "rcpt", "eom"):
        case("reply", f"unusable_at_{_stage}_and_default_action_{_action}", "a reply without a text, and what milter_default_action makes of it", TWO, {_stage: once(["y", "550\0"])},
             config={"milter_default_action": _action})

# ------------------------------------------------- no verdict, or a wrong one
FAULTS = {
    "closes": ["close"], "closes_in_a_packet": ["half"], "says_an_unknown_kind": ["Z", "what"], "says_a_length_of_0": ["raw", "\0\0\0\0"],
    "says_a_huge_length": ["raw", "\x7f\xff\xff\xffc"], "says_more_than_it_may": ["c", "extra"], "edits_out_of_turn": ["h", "X-A\0b\0"],
    "negotiates_again": ["O", "\0\0\0\6\0\0\0\0\0\0\0\0"],
}
for _name, _packet in FAULTS.items():
    for _stage in STAGES:
        if _name != "edits_out_of_turn" or _stage != "eom":
            case("fault", f"{_name}_at_{_stage}", f"at the first {_stage} the filter {_name.replace('_', ' ')}", TWO, {_stage: once(_packet)})
for _action in ("accept", "reject", "tempfail", "quarantine", "shutdown"):
    for _stage in STAGES:
        case("default_action", f"{_action}_at_{_stage}", f"the filter closes at the first {_stage}", TWO, {_stage: once(["close"])},
             config={"milter_default_action": _action})
    for _name, _spec in {"refused": "@DEAD@", "no_socket": "unix:/nonexistent/socket"}.items():
        case("default_action", f"{_action}_{_name}", "the filter can't be reached", TWO, config={"milter_default_action": _action, "smtpd_milters": _spec})
    case("default_action", f"{_action}_at_negotiation", "the filter closes when it is to negotiate", TWO, {"negotiate": [[["close"]]]},
         config={"milter_default_action": _action})
    case("default_action", f"{_action}_of_one_filter", "the filter's own action wins over the general one", ONE, {"mail": [[["close"]]]},
         config={"milter_default_action": "accept", "smtpd_milters": f"{{ @F1@, default_action={_action} }}"})

SHORT = {"milter_command_timeout": "1s", "milter_content_timeout": "2s"}
for _stage in ("connect", "rcpt", "header", "eom"):
    case("timeout", f"silence_at_{_stage}", "no answer within the timeout", TWO, {_stage: [[], GO_ON]}, config=SHORT)
case("timeout", "silence_at_negotiation", "no answer within the timeout", ONE, {"negotiate": [[]]}, config=SHORT)
case("timeout", "progress_renews", "PROGRESS every 0.7 s, 2.8 s in all", ONE, {"eom": [[["wait", 0.7], ["p", ""]] * 4 + GO_ON]}, config={**SHORT, "milter_content_timeout": "1s"})
case("timeout", "progress_at_rcpt_renews", "PROGRESS every 0.7 s", ONE, {"rcpt": [[["wait", 0.7], ["p", ""]] * 2 + GO_ON]}, config=SHORT)
case("timeout", "progress_and_silence", "PROGRESS, then nothing", ONE, {"eom": [[["p", ""]]]}, config={**SHORT, "milter_content_timeout": "1s"})
case("timeout", "of_one_filter", "the filter's own timeout", ONE, {"rcpt": [[]]}, config={"smtpd_milters": "{ @F1@, command_timeout=1s, default_action=accept }"})

# -------------------------------------------------------------- negotiation
for _version in (0, 1, 2, 3, 4, 5, 6, 7):
    case("negotiation", f"version_{_version}", f"a filter of version {_version}", TWO, {"negotiate": {"version": _version, "actions": 0x3F if _version < 3 else 0x1FF}})
for _name, _steps in {"no_connect": 1, "no_helo": 2, "no_mail": 4, "no_rcpt": 8, "no_body": 0x10, "no_headers": 0x20, "no_end_of_headers": 0x40,
                      "no_reply_header": 0x80, "no_unknown": 0x100, "no_data": 0x200, "skip": 0x400, "rejected_recipients": 0x800, "no_reply_connect": 0x1000,
                      "no_reply_helo": 0x2000, "no_reply_mail": 0x4000, "no_reply_rcpt": 0x8000, "no_reply_data": 0x10000, "no_reply_unknown": 0x20000,
                      "no_reply_end_of_headers": 0x40000, "no_reply_body": 0x80000, "header_leading_space": 0x100000, "all_no_replies": 0xFF080,
                      "nothing_at_all": 0x37F, "only_the_end": 0x1FFFFF & ~0x37F, "unknown_bits": 0x40000000}.items():
    case("negotiation", _name, f"steps {_steps:#x}", TWO, {"negotiate": {"steps": _steps}})
for _name, _answer in {"unoffered_action": [["O", "\0\0\0\6\0\0\2\0\0\0\0\0"]], "too_short": [["O", "\0\0\0\6"]], "another_kind": [["c", ""]], "garbage": [["raw", "HTTP/1.0 400 Bad\r\n\r\n"]],
                       "reject": [["r", ""]], "accept": [["a", ""]], "macros_without_an_end": [["O", "\0\0\0\6\0\0\1\xff\0\0\0\0\0\0\0\1j"]],
                       "macros_of_an_unknown_stage": [["O", "\0\0\0\6\0\0\1\xff\0\0\0\0\0\0\0\x63j\0"]]}.items():
    case("negotiation", _name, "an answer that is none, or a strange one", ONE, {"negotiate": [_answer]})
for _protocol in ("2", "3", "4", "6"):
    case("negotiation", f"milter_protocol_{_protocol.replace(' ', '_')}", f"milter_protocol = {_protocol}", TWO, {"negotiate": {"version": int(_protocol[0]), "actions": 0x3F}},
         config={"milter_protocol": _protocol})
case("negotiation", "older_than_the_filter", "milter_protocol = 2 and a filter of version 6", ONE, {}, config={"milter_protocol": "2"})

# ------------------------------------------------------------------- macros
EVERY = ("j _ v i {auth_authen} {auth_author} {auth_type} {cert_issuer} {cert_subject} {cipher} {cipher_bits} {client_addr} {client_connections} {client_name} "
         "{client_port} {client_ptr} {client_resolve} {daemon_addr} {daemon_name} {daemon_port} {if_addr} {if_name} {mail_addr} {mail_host} {mail_mailer} "
         "{rcpt_addr} {rcpt_host} {rcpt_mailer} {tls_version} {unheard} j,v")
LISTS = {f"milter_{name}_macros": EVERY for name in ("connect", "helo", "mail", "rcpt", "data", "unknown_command", "end_of_header", "end_of_data")}
case("macros", "defaults", "the default lists", TWO, {})
case("macros", "every_one", "all macros at every stage", TWO, {}, config=LISTS)
case("macros", "the_filters_lists", "SETSYMLIST of all stages", TWO,
     {"negotiate": {"macros": {"0": "j {client_addr}", "1": "{daemon_name}", "2": "{mail_addr} i", "3": "i,{rcpt_addr}", "4": "{mail_host}", "5": "{rcpt_addr} i j", "6": "i v"}}})
case("macros", "the_filters_empty_lists", "SETSYMLIST with nothing", ONE, {"negotiate": {"macros": {"0": "", "3": "", "5": ""}}})
case("macros", "of_suppressed_events", "a macro packet comes where the event does not?", ONE, {"negotiate": {"steps": 0x37F}})
case("macros", "without_values", "milter_macro_defaults", ONE, {}, config={**LISTS, "milter_macro_defaults": "auth_type=none, {tls_version}=none, {unheard}=yes"})
case("macros", "of_our_own_names", "milter_macro_daemon_name, milter_macro_v", ONE, {}, config={"milter_macro_daemon_name": "ORIGINATING", "milter_macro_v": "$myhostname 1"})
_tls_lists = {**LISTS, "smtpd_tls_cert_file": "@CERT@", "smtpd_tls_key_file": "@KEY@", "smtpd_tls_security_level": "may"}
case("macros", "with_tls", "STARTTLS: the filter is spoken to anew", [EHLO, ["starttls"], *ONE], {}, config=_tls_lists)
case("macros", "with_tls_after_mail", "STARTTLS in the middle of a transaction", [EHLO, MAIL, ["starttls"], *ONE], {}, config=_tls_lists)
case("macros", "with_auth", "AUTH PLAIN", [EHLO, "AUTH PLAIN AHVzZXIAcHc=", *ONE[1:]], {},
     config={**LISTS, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "inet:127.0.0.1:@AUTH@"})
case("macros", "of_another_author", "AUTH= of MAIL after AUTH", [
    EHLO, "AUTH PLAIN AHVzZXIAcHc=", "MAIL FROM:<a@a.example> AUTH=real+3Done@a.example", RCPT, "RSET", "MAIL FROM:<a@a.example> AUTH=<>", RCPT, *ONE[3:]], {},
     config={**LISTS, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "inet:127.0.0.1:@AUTH@"})
case("macros", "of_an_author_without_auth", "AUTH= of MAIL without AUTH", [EHLO, "MAIL FROM:<a@a.example> AUTH=one@a.example", *ONE[2:]], {},
     config={**LISTS, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "inet:127.0.0.1:@AUTH@"})
case("macros", "of_a_client_that_is_counted", "a client whose connections are limited", ONE, {},
     config={**LISTS, "smtpd_client_event_limit_exceptions": "", "smtpd_authorized_xclient_hosts": ""})
case("macros", "of_a_client_without_limits", "no limit is set, and so nobody counts", ONE, {},
     config={**LISTS, "smtpd_client_event_limit_exceptions": "", "smtpd_authorized_xclient_hosts": "", "smtpd_client_connection_count_limit": "0"})
case("macros", "of_odd_addresses", "null sender, quotes, parameters, a transport", [
    EHLO, "MAIL FROM:<> SIZE=1000 BODY=8BITMIME", 'RCPT TO:<"quoted one"@b.example> NOTIFY=NEVER', "RCPT TO:<UPPER@B.Example> ORCPT=rfc822;x@b.example", "RCPT TO:<postmaster>",
    "RCPT TO:<@relay.example:d@b.example>", "RCPT TO:<e@other.example>", "RCPT TO:<user@[127.0.0.9]>", "DATA", ["message", MESSAGE], "QUIT"], {},
     config={**LISTS, "transport_maps": "inline:{{other.example = smtp:[127.0.0.1]:@SINK@}}"})
case("macros", "of_a_local_name", "a client with a name", ONE, {}, config={**LISTS, "smtpd_peername_lookup": "yes"})

# ------------------------------------------------------------------ sessions
case("session", "helo", "HELO in place of EHLO", ["HELO client.example", *ONE[1:]], {})
case("session", "no_helo", "no greeting at all", ONE[1:], {})
case("session", "ehlo_again", "EHLO twice", [EHLO, "EHLO other.example", *ONE[1:]], {})
case("session", "ehlo_after_mail", "EHLO in a transaction", [EHLO, MAIL, RCPT, *ONE], {})
case("session", "ehlo_with_an_address", "EHLO [127.0.0.1]", ["EHLO [127.0.0.1]", *ONE[1:]], {})
case("session", "helo_rejected_and_again", "the first HELO is rejected", [EHLO, "EHLO other.example", *ONE[1:]], {"helo": once(["r", ""])})
case("session", "rset", "RSET after RCPT", [EHLO, MAIL, RCPT, "RSET", *ONE[1:]], {})
case("session", "rset_after_mail", "RSET after MAIL", [EHLO, MAIL, "RSET", *ONE[1:]], {})
case("session", "rset_without_mail", "RSET at once", [EHLO, "RSET", *ONE[1:]], {})
case("session", "rset_and_quit", "RSET at the end", [EHLO, MAIL, RCPT, "RSET", "QUIT"], {})
case("session", "quit_after_rcpt", "QUIT in a transaction", [EHLO, MAIL, RCPT, "QUIT"], {})
case("session", "lost_after_rcpt", "the client goes", [EHLO, MAIL, RCPT, ["close"]], {})
case("session", "lost_in_data", "the client goes in the message", [EHLO, MAIL, RCPT, "DATA", ["octets", MESSAGE], ["close"]], {})
case("session", "lost_after_connect", "the client goes at once", [["close"]], {})
case("session", "second_message", "two messages", TWO, {})
case("session", "second_message_after_a_rejection", "the first is rejected at the end", TWO, {"eom": once(["r", ""])})
case("session", "noop_vrfy_etrn", "other commands", [EHLO, "NOOP", "VRFY b@b.example", "ETRN b.example", "HELP", *ONE[1:]], {})
case("session", "wrong_commands", "commands that fail", [EHLO, "MAIL", "MAIL FROM:<a@a.example", MAIL, MAIL, "RCPT", "DATA", "RCPT TO:<>", *ONE[2:]], {})
case("session", "unknown_command_in_a_transaction", "BOGUS between MAIL and RCPT", [EHLO, MAIL, "BOGUS", RCPT, "BOGUS", "DATA", ["message", MESSAGE], "BOGUS", "QUIT"], {})
case("session", "sender_rejected", "the MTA refuses the sender", [EHLO, "MAIL FROM:<bad@a.example>", RCPT, "RSET", *ONE[1:]], {})
case("session", "recipient_rejected", "the MTA refuses a recipient", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, "RCPT TO:<later@b.example>", *ONE[3:]], {})
case("session", "recipient_rejected_and_told", "and the filter wants to know", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, "RCPT TO:<later@b.example>", *ONE[3:]],
     {"negotiate": {"steps": 0x800}})
case("session", "recipient_rejected_and_told_with_all_macros", "and the filter wants to know", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, *ONE[3:]],
     {"negotiate": {"steps": 0x800}}, config=LISTS)
case("session", "recipient_rejected_by_both", "a told recipient that the filter rejects too", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, *ONE[3:]],
     {"negotiate": {"steps": 0x800}, "rcpt": once(["y", "554 5.7.1 mine\0"])})
case("session", "recipient_rejected_and_told_shutdown", "SHUTDOWN at a told recipient", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, *ONE[3:]],
     {"negotiate": {"steps": 0x800}, "rcpt": once(["4", ""])})
case("session", "recipient_rejected_and_told_discard", "DISCARD at a told recipient", [EHLO, MAIL, "RCPT TO:<no@b.example>", RCPT, *ONE[3:]],
     {"negotiate": {"steps": 0x800}, "rcpt": once(["d", ""])})
case("session", "all_recipients_rejected", "DATA without a recipient", [EHLO, MAIL, RCPT, "DATA", "QUIT"], {"rcpt": [[["r", ""]]]})
case("session", "xclient_name", "XCLIENT with a name", [EHLO, "XCLIENT NAME=mx.example.net ADDR=192.0.2.1", *ONE], {})
case("session", "xclient_ipv6", "XCLIENT with an IPv6 address", [EHLO, "XCLIENT NAME=mx.example.net ADDR=IPV6:2001:db8::1", *ONE], {},
     config={"inet_protocols": "all"})
case("session", "xclient_without_name", "XCLIENT with no name", [EHLO, "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 PORT=1234", *ONE], {})
case("session", "xclient_all_macros", "XCLIENT and all macros", [EHLO, "XCLIENT NAME=mx.example.net ADDR=192.0.2.1 PORT=1234 HELO=helo.example LOGIN=someone", *ONE], {}, config=LISTS)
case("session", "disabled_by_map", "smtpd_milter_maps says DISABLE", ONE, {}, config={"smtpd_milter_maps": "cidr:{{127.0.0.0/8 DISABLE}}"})
case("session", "other_filter_by_map", "smtpd_milter_maps names a filter", ONE, {}, config={"smtpd_milters": "", "smtpd_milter_maps": "cidr:{{127.0.0.0/8 @F1@}}"})
case("session", "map_that_fails", "smtpd_milter_maps can't answer", TWO, {}, config={"smtpd_milter_maps": "fail:it"})
case("session", "map_that_fails_after_xclient", "smtpd_milter_maps can't answer for the second address", [EHLO, "XCLIENT NAME=mx.example.net ADDR=192.0.2.1", *ONE], {},
     config={"smtpd_milter_maps": "cidr:{{127.0.0.0/8 @F1@}}, fail:it"})
case("session", "map_of_nonsense", "smtpd_milter_maps names no filter", TWO, {}, config={"smtpd_milter_maps": "cidr:{{127.0.0.0/8 nonsense}}"})
case("session", "no_milters_override", "receive_override_options = no_milters", ONE, {}, config={"receive_override_options": "no_milters"})
case("session", "long_body", "a body of several packets", [EHLO, MAIL, RCPT, "DATA", ["message", "From: a@a.example\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <3@a.example>\n\n" +
                                                          "‹" + "x" * 70 + "\n×3000›"], "QUIT"], {})
case("session", "long_body_skipped", "SKIP after the first packet", [EHLO, MAIL, RCPT, "DATA", ["message", "From: a@a.example\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <3@a.example>\n\n" +
                                                                    "‹" + "x" * 70 + "\n×3000›"], "QUIT"], {"negotiate": {"steps": 0x400}, "body": [[["s", ""]]]})
case("session", "headers_skipped", "SKIP after the first header", ONE, {"negotiate": {"steps": 0x400}, "header": [[["s", ""]]]})
case("session", "recipients_skipped", "SKIP after the first recipient", TWO, {"negotiate": {"steps": 0x400}, "rcpt": [[["s", ""]]]})
case("session", "no_body", "a message that ends with its headers", [EHLO, MAIL, RCPT, "DATA", ["message", "From: a@a.example\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <4@a.example>\n"], "QUIT"], {})
case("session", "only_a_body", "a message without headers", [EHLO, MAIL, RCPT, "DATA", ["message", "\nonly a body\n"], "QUIT"], {})
case("session", "empty_message", "nothing at all", [EHLO, MAIL, RCPT, "DATA", ["message", ""], "QUIT"], {})
case("session", "body_at_once", "a first line that is no header", [EHLO, MAIL, RCPT, "DATA", ["message", "no header here\nmore\n"], "QUIT"], {})
case("session", "missing_headers_are_added", "headers that the MTA adds", [EHLO, MAIL, RCPT, "DATA", ["message", "Subject: x\n\nbody\n"], "QUIT"], {},
     config={"always_add_missing_headers": "yes"})
case("session", "rewritten_headers", "canonical_maps and header_checks", ONE, {},
     config={"local_header_rewrite_clients": "permit_mynetworks", "canonical_maps": "inline:{a@a.example=z@z.example}",
             "header_checks": "regexp:{{/^Subject:/ REPLACE Subject: replaced}, {/^X-Tight:/ IGNORE}, {/^To:/ PREPEND X-Prepended: yes}}"})
case("session", "header_checks_hold", "header_checks say HOLD", ONE, {}, config={"header_checks": "regexp:{{/^Subject:/ HOLD held}}"})
case("session", "header_checks_discard", "header_checks say DISCARD", ONE, {}, config={"header_checks": "regexp:{{/^Subject:/ DISCARD gone}}"})
case("session", "header_checks_reject", "header_checks say REJECT", ONE, {}, config={"header_checks": "regexp:{{/^Subject:/ REJECT no}}"})
case("session", "too_large", "a message past message_size_limit", [EHLO, MAIL, RCPT, "DATA", ["message", "Subject: x\n\n‹xxxxxxxxx\n×300›"], "QUIT"], {},
     config={"message_size_limit": "2000"})

# ------------------------------------------------------- end of the message
def eom(name, note, *packets, steps=0, actions=0x1FF, session=None, **options):
    case("end", name, note, session or ONE, {"negotiate": {"steps": steps, "actions": actions}, "eom": [list(packets)]}, **options)


eom("quarantine", "QUARANTINE and go on", ["q", "look at it\0"], *GO_ON)
eom("quarantine_and_accept", "QUARANTINE and ACCEPT", ["q", "look at it\0"], ["a", ""])
eom("quarantine_and_reject", "QUARANTINE and REJECT", ["q", "look at it\0"], ["r", ""])
eom("quarantine_and_discard", "QUARANTINE and DISCARD", ["q", "look at it\0"], ["d", ""])
eom("quarantine_without_a_reason", "QUARANTINE, empty", ["q", "\0"], *GO_ON)
eom("quarantine_twice", "QUARANTINE, two reasons", ["q", "one\0"], ["q", "two\0"], *GO_ON)
eom("edits", "one edit of each kind", ["h", "X-New\0new\0"], ["i", "\0\0\0\1X-Top\0top\0"], ["m", "\0\0\0\1Subject\0changed\0"], ["m", "\0\0\0\1X-Tight\0\0"],
    ["e", "<s@s.example>\0"], ["+", "<n@n.example>\0"], ["2", "<p@p.example>\0NOTIFY=NEVER\0"], ["-", "<b@b.example>\0"], ["b", "new body\r\n"], *GO_ON)
eom("edits_and_reject", "edits, then REJECT", ["h", "X-New\0new\0"], ["b", "new body\r\n"], ["r", ""])
eom("edits_and_close", "edits, then the end of the connection", ["h", "X-New\0new\0"], ["b", "new body\r\n"], ["close"])
eom("edits_and_close_accept", "edits, then the end of the connection", ["h", "X-New\0new\0"], ["b", "new body\r\n"], ["close"], config={"milter_default_action": "accept"})
eom("edits_and_close_quarantine", "edits, then the end of the connection", ["h", "X-New\0new\0"], ["close"], config={"milter_default_action": "quarantine"})
eom("edits_that_were_not_agreed_on", "no action was agreed on", ["h", "X-New\0new\0"], ["b", "new body\r\n"], ["+", "<n@n.example>\0"], ["q", "held\0"], *GO_ON, actions=0)
eom("edits_between_chunks", "another edit between body chunks", ["b", "one\r\n"], ["h", "X-New\0new\0"], ["b", "two\r\n"], *GO_ON)
eom("skip", "SKIP at the end of the message", ["s", ""])
eom("add_without_a_name", "a header without a name", ["h", "\0value\0"], *GO_ON)
eom("add_a_name_with_a_colon", "a header name with a colon", ["h", "X-A: b\0value\0"], *GO_ON)
eom("add_without_an_end", "no NUL behind the value", ["h", "X-New\0new"], *GO_ON)
eom("add_without_a_value", "no value at all", ["h", "X-New\0"], *GO_ON)
eom("add_with_more", "something behind the value", ["h", "X-New\0new\0more\0"], *GO_ON)
eom("change_at_a_huge_index", "index 2^32-1", ["m", "\xff\xff\xff\xffSubject\0x\0"], *GO_ON)
eom("insert_at_a_huge_index", "index 2^32-1", ["i", "\xff\xff\xff\xffX-New\0x\0"], *GO_ON)
eom("recipient_that_is_none", "an address with blanks", ["+", "not an address\0"], *GO_ON)
eom("recipient_without_an_end", "no NUL", ["+", "<n@n.example>"], *GO_ON)
eom("recipient_parameters_that_are_wrong", "NOTIFY=MAYBE", ["2", "<n@n.example>\0NOTIFY=MAYBE\0"], *GO_ON)
eom("sender_parameters", "CHGFROM with parameters", ["e", "<s@s.example>\0RET=HDRS\0"], *GO_ON)
eom("sender_parameters_that_are_wrong", "CHGFROM with RET=MAYBE", ["e", "<s@s.example>\0RET=MAYBE\0"], *GO_ON)
eom("all_recipients_removed", "no recipient is left", ["-", "<b@b.example>\0"], *GO_ON)
eom("added_recipient_is_not_asked_about", "an added recipient that the MTA would refuse", ["+", "<no@b.example>\0"], *GO_ON)
eom("large_header", "a header of 60,000 octets is added", ["h", "X-Large\0" + "‹x×60000›" + "\0"], *GO_ON)
eom("large_body", "a body of three chunks", ["b", "‹x×65000›" + "\r\n"], ["b", "‹y×65000›" + "\r\n"], ["b", "z" * 10 + "\r\n"], *GO_ON)
eom("progress", "PROGRESS before the verdict", ["p", ""], ["p", ""], *GO_ON)
eom("header_checks", "milter_header_checks on what was added", ["h", "X-Warn\0yes\0"], ["h", "X-Replace\0yes\0"], ["h", "X-Ignore\0yes\0"], ["h", "X-Prepend\0yes\0"], ["h", "X-Strip\0yes\0"],
    ["i", "\0\0\0\1X-Replace\0inserted\0"], *GO_ON,
    config={"milter_header_checks": "regexp:{{/^X-Warn:/ WARN warned}, {/^X-Replace:/ REPLACE X-Replaced: no}, {/^X-Ignore:/ IGNORE}, {/^X-Prepend:/ PREPEND X-Before: it}, {/^X-Strip:/ STRIP}}"})
for _word in ("HOLD held", "DISCARD gone", "REJECT no", "REDIRECT r@r.example", "BCC copy@b.example", "FILTER smtp:[127.0.0.1]:@SINK@", "INFO told", "DUNNO"):
    eom("header_checks_" + _word.split()[0].lower(), f"milter_header_checks say {_word}", ["h", "X-Spam\0yes\0"], *GO_ON,
        config={"milter_header_checks": "regexp:{{/^X-Spam:/ %s}}" % _word})
for _word in ("REJECT", "REJECT 4.7.1 later", "REJECT 2.0.0 odd", "WARN", "DISCARD", "HOLD", "PASS", "FILTER nonsense", "REDIRECT nobody", "BCC nobody", "BCC copy@b.example",
              "REDIRECT r@r.example", "FILTER smtp:[127.0.0.1]:@SINK@", "REPLACE", "REPLACE nonsense", "IGNORE", "PREPEND X-Before: it", "NONSENSE"):
    eom("header_checks_" + re.sub(r"\W+", "_", _word.replace("@SINK@", "").lower()).strip("_") + "_and_more", f"milter_header_checks say {_word} to the first of three headers",
        ["h", "X-Spam\0yes\0"], ["h", "X-Warn\0yes\0"], ["h", "X-Hold\0yes\0"], *GO_ON,
        config={"milter_header_checks": "regexp:{{/^X-Spam:/ %s}, {/^X-Warn:/ WARN warned}, {/^X-Hold:/ HOLD held}}" % _word})
eom("header_checks_of_changes", "milter_header_checks see what is changed and inserted, not what is removed", ["m", "\0\0\0\1Subject\0changed\0"], ["m", "\0\0\0\1X-Tight\0\0"],
    ["i", "\0\0\0\1X-Top\0top\0"], ["m", "\0\0\0\1X-Late\0appended\0"], *GO_ON, config={"milter_header_checks": "regexp:{{/^/ INFO seen}}"})
eom("header_checks_that_fail", "milter_header_checks can't answer", ["h", "X-Spam\0yes\0"], ["h", "X-Warn\0yes\0"], *GO_ON, config={"milter_header_checks": "fail:it", "notify_classes": ""})
eom("header_checks_and_reject", "the filter rejects what it has changed", ["h", "X-Spam\0yes\0"], ["r", ""], config={"milter_header_checks": "regexp:{{/^X-Spam:/ WARN warned}}"})
eom("header_checks_of_a_folded_header", "a header of several lines", ["h", "X-Spam\0yes,\n\tindeed\0"], *GO_ON, config={"milter_header_checks": "regexp:{{/^X-Spam: yes,.*indeed/ WARN warned}}"})
eom("large_header_seen", "a header of 100,000 octets in the message", *GO_ON, session=[EHLO, MAIL, RCPT, "DATA", [
    "message", "From: a@a.example\nX-Large: " + "‹" + "x" * 70 + "\n ×1400›" + "\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-Id: <5@a.example>\n\nbody\n"], "QUIT"])
eom("many_edits", "200 headers are added", *[["h", f"X-{n}\0v\0"] for n in range(200)], *GO_ON)

# ---------------------------------------------------------------- two filters
def two(name, note, first, second, session=None, **options):
    case("two", name, note, session or TWO, first, second, **options)


two("both_go_on", "both see all", {}, {})
for _stage in ("connect", "helo", "mail", "rcpt", "data", "header", "eom"):
    two(f"accept_and_reject_at_{_stage}", "the first accepts, the second rejects", {_stage: once(["a", ""])}, {_stage: once(["r", ""])})
    two(f"reject_at_{_stage}", "the first rejects: what does the second see?", {_stage: once(["r", ""])}, {})
    two(f"second_rejects_at_{_stage}", "the second rejects", {}, {_stage: once(["r", ""])})
    two(f"first_fails_at_{_stage}", "the first closes", {_stage: once(["close"])}, {})
    two(f"first_fails_and_is_passed_over_at_{_stage}", "the first closes; its default action is accept", {_stage: once(["close"])}, {},
        config={"smtpd_milters": "{ @F1@, default_action=accept }, @F2@"})
for _stage in ("mail", "rcpt", "eom"):
    two(f"discard_at_{_stage}", "the first discards", {_stage: once(["d", ""])}, {})
    two(f"discard_and_reject_at_{_stage}", "the first discards, the second rejects", {_stage: once(["d", ""])}, {_stage: once(["r", ""])})
    two(f"tempfail_and_reject_at_{_stage}", "the first tempfails, the second rejects", {_stage: once(["t", ""])}, {_stage: once(["r", ""])})
two("edits_are_seen", "the second sees what the first has changed",
    {"eom": [[["h", "X-New\0new\0"], ["i", "\0\0\0\1X-Top\0top\0"], ["m", "\0\0\0\1Subject\0changed\0"], ["e", "<s@s.example>\0"], ["+", "<n@n.example>\0"],
              ["-", "<b@b.example>\0"], ["b", "new body\r\n"], *GO_ON]]}, {"eom": [[["h", "X-Second\0yes\0"], *GO_ON]]}, session=ONE)
two("quarantine_and_reject", "the first quarantines, the second rejects", {"eom": [[["q", "held\0"], *GO_ON]]}, {"eom": [[["r", ""]]]}, session=ONE)
two("quarantine_and_discard", "the first quarantines, the second discards", {"eom": [[["q", "held\0"], *GO_ON]]}, {"eom": [[["d", ""]]]}, session=ONE)
two("edits_and_reject", "the first edits, the second rejects", {"eom": [[["h", "X-New\0new\0"], *GO_ON]]}, {"eom": [[["r", ""]]]}, session=ONE)
two("edits_and_failure", "the first edits, the second closes", {"eom": [[["h", "X-New\0new\0"], *GO_ON]]}, {"eom": [[["close"]]]}, session=ONE,
    config={"milter_default_action": "accept"})
two("first_refused", "the first can't be reached; its default action is accept", {}, {}, session=ONE, config={"smtpd_milters": "{ @DEAD@, default_action=accept }, @F2@"})
two("versions", "a filter of version 2 and one of version 6", {"negotiate": {"version": 2, "actions": 0x3F}}, {"negotiate": {"steps": 0x100000}})

# ------------------------------------------------------------ the own Received
def own(name, note, config):
    case("own", name, note, ONE, {"eom": [[["i", "\0\0\0\0X-Zero\0z\0"], ["i", "\0\0\0\1X-One\0o\0"], *GO_ON]]}, config=config)


for _word in ("IGNORE", "REPLACE X-Replaced: it", "PREPEND X-Before: it", "REJECT no", "WARN warned", "HOLD held"):
    own("header_checks_" + _word.split()[0].lower(), f"header_checks say {_word} to it", {"header_checks": "regexp:{{/^Received:.*by hub/ %s}}" % _word})
own("access_prepend", "an access rule says PREPEND", {"smtpd_sender_restrictions": "check_sender_access inline:{{a@a.example = PREPEND X-Access: it}}"})
own("below_header_checks_prepend", "header_checks say PREPEND to another header", {"header_checks": "regexp:{{/^Subject:/ PREPEND X-Before: it}}"})

# -------------------------------------------------------- what else decides
END = "smtpd_end_of_data_restrictions"
for _word in ("REJECT", "DEFER", "DISCARD", "HOLD", "REDIRECT r@r.example", "BCC copy@b.example"):
    case("rules", "end_of_data_" + _word.split()[0].lower(), f"an access rule at the end of data says {_word}", ONE, {},
         config={END: "check_sender_access inline:{{a@a.example = %s}}" % _word})
case("rules", "end_of_data_before_header_checks", "both refuse", ONE, {}, config={END: "reject", "header_checks": "regexp:{{/^Subject:/ REJECT no}}"})
case("rules", "end_of_data_before_the_filter", "both refuse", ONE, {"eom": [[["r", ""]]]}, config={END: "reject"})
case("rules", "data_reject", "an access rule at DATA", ONE, {}, config={"smtpd_data_restrictions": "reject"})
for _stage in ("rcpt", "data", "eom"):
    case("rules", f"discard_before_{_stage}", "an access rule says DISCARD, the filter would reject", ONE, {_stage: [[["r", ""]]]},
         config={"smtpd_sender_restrictions": "check_sender_access inline:{{a@a.example = DISCARD}}"})
case("rules", "refused_after_a_discard", "a recipient that restrictions refuse, after the filter's DISCARD", [EHLO, MAIL, RCPT, "RCPT TO:<no@b.example>", "QUIT"], {"rcpt": [[["d", ""]]]})
case("rules", "redirect_and_added", "REDIRECT and a recipient that the filter adds", ONE, {"eom": [[["+", "<n@n.example>\0"], *GO_ON]]},
     config={"smtpd_sender_restrictions": "check_sender_access inline:{{a@a.example = REDIRECT r@r.example}}"})
case("rules", "discard_after_unknown_in_a_message", "UNKNOWN is answered with DISCARD, the filter would reject later", [EHLO, MAIL, "BOGUS words", RCPT, "DATA", ["message", FIRST], "QUIT"],
     {"unknown": [[["d", ""]]], "eom": [[["r", ""]]]})
case("rules", "discard_after_unknown_before_a_message", "the same outside a message", [EHLO, "BOGUS words", MAIL, RCPT, "DATA", ["message", FIRST], MAIL, RCPT, "DATA", ["message", SECOND], "QUIT"],
     {"unknown": [[["d", ""]]]})
eom("recipient_added_twice", "the same recipient, in other letters too", ["+", "<n@n.example>\0"], ["+", "<N@n.example>\0"], ["+", "<b@b.example>\0"], *GO_ON)
eom("recipient_added_with_other_parameters", "the same recipient with another NOTIFY", ["+", "<n@n.example>\0"], ["2", "<n@n.example>\0NOTIFY=NEVER\0"], *GO_ON)
eom("recipient_removed_and_added", "a recipient that was removed is added", ["-", "<b@b.example>\0"], ["+", "<b@b.example>\0"], *GO_ON)
eom("new_body_too_large", "a new body past message_size_limit", ["b", "‹yyyyyyyyy\n×3000›"], *GO_ON, config={"message_size_limit": "20000"})
eom("new_body_too_large_accept", "the same, and the default action is accept", ["b", "‹yyyyyyyyy\n×3000›"], *GO_ON, config={"message_size_limit": "20000", "milter_default_action": "accept"})
eom("headers_too_large", "headers past message_size_limit", *[["h", f"X-{n}\0" + "v" * 900 + "\0"] for n in range(30)], *GO_ON, config={"message_size_limit": "20000"})
two("recipient_added_by_both", "both add the same recipient", {"eom": [[["+", "<n@n.example>\0"], *GO_ON]]}, {"eom": [[["+", "<n@n.example>\0"], *GO_ON]]}, session=ONE)

# -------------------------------------------------------------------- notices
NOTICES = {**LISTS, "smtpd_milters": "", "non_smtpd_milters": "@F1@", "internal_mail_filter_classes": "bounce"}
BOUNCED = [EHLO, MAIL, "RCPT TO:<bounce@b.example>", "DATA", ["message", FIRST], "QUIT"]
case("notice", "go_on", "a bounce is shown to non_smtpd_milters", BOUNCED, {}, config=NOTICES, messages=1)
case("notice", "of_a_filter_that_wants_little", "no replies, no headers", BOUNCED, {"negotiate": {"steps": 0xFF080 | 0x30}}, config=NOTICES, messages=1)
case("notice", "accepted_at_mail", "ACCEPT at MAIL", BOUNCED, {"mail": [[["a", ""]]]}, config=NOTICES, messages=1)
case("notice", "changed", "the recipient is changed", BOUNCED, {"eom": [[["-", "<a@a.example>\0"], ["+", "<n@n.example>\0"], *GO_ON]]}, config=NOTICES, messages=1)


class Recorder:
    """The MTA of milter_oracle.play(): one Postfix, with a port for each group of cases."""

    def __init__(self, groups, scenes, places):
        self.ports = {key: free_port() for key in groups}
        services, main = "", MAIN + f"relayhost = [127.0.0.1]:{places['@SINK@']}\n"
        for number, (key, port) in enumerate(self.ports.items()):
            parameters = scenes[key].config(groups[key][0])
            given = options(parameters, places)
            if groups[key][0]["topic"] == "notice":  # for bounce, which hands its mail to the cleanup that main.cf names
                main += f"internal_mail_filter_classes = {parameters['internal_mail_filter_classes']}\ncleanup_service_name = cleanup{number}\n"
            services += f"127.0.0.1:{port} inet n - n - - smtpd {given} -o cleanup_service_name=cleanup{number}\n"
            services += f"cleanup{number} unix n - n - 0 cleanup {given}\n"
        self.postfix = Postfix(main, services)

    def port_of(self, one):
        return self.ports[group_of(one)]

    def mark(self):
        return self.postfix.log.stat().st_size if self.postfix.log.exists() else 0

    def log_since(self, mark):
        """The lines of smtpd and cleanup since then that are about filters or faults, once the session is over."""
        def lines():
            text = self.postfix.log.read_bytes()[mark:].decode("utf-8", "surrogateescape")
            return [re.sub(r"^.*? postfix/(\w+)\[\d+\]: ", r"\1: ", l) for l in text.splitlines()]
        wait_for(lambda: any(re.match("smtpd: (disconnect|fatal|panic)", l) for l in lines()), "smtpd does not end its session", 20, lambda: str(lines()))
        return interesting(lines())

    def fate(self, queue_id):
        folders = [self.postfix.queue / name for name in ("incoming", "active", "deferred", "hold", "corrupt")]

        def found():
            return {path.parent.name if len(path.parent.name) > 1 else path.parent.parent.name for f in folders for path in f.rglob(queue_id)}
        wait_for(lambda: not found() & {"incoming", "active"}, f"{queue_id} is not through", 30)
        return next(iter(found()), "gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose id holds TEXT")
    parser.add_argument("--new", action="store_true", help="cases that are not recorded yet, to be appended")
    given = parser.parse_args()
    only, known = given.only, {c["id"] for c in cases()} if given.new else set()
    chosen = [c for c in CASES if only in c["id"] and c["id"] not in known]
    names = [c["id"] for c in CASES]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    groups = {}
    for one in chosen:
        groups.setdefault(group_of(one), []).append(one)
    scenes = {key: Scene(len(group[0]["filters"])) for key, group in groups.items()}
    authority = socketserver.ThreadingTCPServer(("127.0.0.1", 0), DovecotAuth)
    authority.daemon_threads = True
    threading.Thread(target=authority.serve_forever, args=(0.05,), daemon=True).start()
    sink = Sink(SINK)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        certificate, key = make_certificates(folder, ("hub.example",))["hub.example"]
        server = Recorder(groups, scenes, {"@SINK@": sink.port, "@AUTH@": authority.server_address[1], "@CERT@": certificate, "@KEY@": key})
        try:
            for one in chosen:
                row, began = dict(one), time.monotonic()
                row["expected"] = play(one, server, scenes[group_of(one)], sink, trusting_tls())
                print(json.dumps(row, ensure_ascii=False, separators=(",", ":")), flush=True)
                print(f"{one['id']} {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        finally:
            server.postfix.close()


if __name__ == "__main__":
    main()
