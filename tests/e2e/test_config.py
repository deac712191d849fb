"""A bad configuration never starts half a hub, and never stops a running one."""
import os
import subprocess

from client import Client
from hub import json_rows
from test_rewrite_and_route import send
from test_smtp import relay


def refused(hub):
    done = subprocess.run([hub.binary, "serve", "-c", str(hub.conf)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 78, (done.returncode, done.stderr)
    return done.stderr


def test_errors_end_with_78_and_their_place(lab):
    for line, word in (("smtpd_timeout = soon", "soon"), ("message_size_limit = lots", "lots"), ("smtpd_tls_security_level = sometimes", "sometimes"),
                       ("sender_canonical_classes = header_sendr", "header_sendr"), ("myhostname = $mydomain\nmydomain = $myhostname", "myhostname")):
        hub = lab.hub(line + "\n", start=False)
        told = refused(hub)
        assert any(f"main.cf:{hub.line_of(one)}" in told for one in line.splitlines()) and word in told, (line, told)


def test_unknown_parameter_gets_the_nearest_known_one(lab):
    hub = lab.hub("sender_canonical_clases = envelope_sender\n")
    told = hub.log()
    assert "sender_canonical_clases" in told and "sender_canonical_classes" in told, told


def test_table_that_is_not_there_is_an_error_with_the_settings_place(lab):
    hub = lab.hub("sender_canonical_maps = hash:@T@/nowhere\n", start=False)
    told = refused(hub)
    assert f"main.cf:{hub.line_of('sender_canonical_maps')}" in told and "nowhere" in told, told


def test_config_check_tells_all_that_serve_would_and_changes_nothing(lab):
    faults = (("sender_canonical_maps = hash:@T@/nowhere", "nowhere"), ("smtpd_tls_cert_file = /no/such.pem\nsmtpd_tls_security_level = may", "/no/such.pem"),
              ("smtpd_recipient_restrictions = check_recipient_access hash:@T@/nowhere, reject", "nowhere"), ("smtpd_timeout = soon", "soon"))
    for line, word in faults:
        hub = lab.hub(line + "\n", start=False)
        code, told, _ = hub.run("config", "check", want=None)
        first = line.splitlines()[0].split(" ")[0]
        assert code == 78 and f"main.cf:{hub.line_of(first)}" in told and word in told, (line, code, told)
        assert word in refused(hub)
        rows = json_rows(hub.run("config", "check", "--json", want=78))
        assert any(row["level"] == "error" and row["line"] == hub.line_of(first) for row in rows), rows
    hub = lab.hub("", start=False)
    assert "0 errors" in hub.run("config", "check")
    assert not list((hub.home / "queue").iterdir()) and not list((hub.home / "data").iterdir())


def test_bad_line_of_master_cf(lab):
    hub = lab.hub(start=False)
    path = hub.conf / "master.cf"
    path.write_text(path.read_text() + "oops inet n\n")
    told = refused(hub)
    assert f"master.cf:{hub.line_of('oops', 'master.cf')}" in told, told


def test_port_that_is_taken_is_told(lab):
    first = lab.hub()
    second = lab.hub(start=False)
    second.ports = dict(first.ports)
    second.configure("")
    done = subprocess.run([second.binary, "serve", "-c", str(second.conf)], capture_output=True, text=True, timeout=30)
    assert done.returncode not in (0, None) and str(first.port) in done.stderr, (done.returncode, done.stderr)


def test_reload_takes_the_new_settings_and_keeps_the_old_when_they_are_bad(lab):
    first, second = lab.sink(), lab.sink()
    hub = lab.hub(relay(first))
    send(hub, "a@b.example", "c@d.example")
    first.wait(1)
    mark = hub.mark()
    hub.configure(relay(second))
    hub.reload()
    hub.wait_log("reload", since=mark)
    send(hub, "a@b.example", "e@d.example")
    second.wait(1)
    mark = hub.mark()
    hub.configure(relay(first) + "smtpd_timeout = soon\n")
    hub.reload()
    hub.wait_log(f"main.cf:{hub.line_of('smtpd_timeout')}", since=mark)
    send(hub, "a@b.example", "f@d.example")
    assert [m.recipients() for m in second.wait(2)] == [["e@d.example"], ["f@d.example"]]
    assert len(first.messages) == 1


def test_session_ends_on_the_settings_that_it_began_with(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    with Client(hub.port) as client:
        client.ehlo()
        mark = hub.mark()
        hub.configure(relay(sink) + "smtpd_relay_restrictions = reject\n")
        hub.reload()
        hub.wait_log("reload", since=mark)
        client.mail("a@b.example", "c@d.example")
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        client.command("RCPT TO:<c@d.example>", 5)
    sink.wait(1)


def test_changed_table_is_used_without_any_command(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "sender_canonical_maps = hash:@T@/sender\n", tables={"sender": "one@b.example first@hub.test\n"})
    send(hub, "one@b.example", "c@d.example")
    assert sink.wait(1)[0].sender() == "first@hub.test"
    hub.write_table("sender", "one@b.example second@hub.test\n# changed\n")
    os.utime(hub.tables / "sender", (2e9, 2e9))
    mark = hub.mark()
    hub.reload()
    hub.wait_log("reload", since=mark)
    send(hub, "one@b.example", "c@d.example")
    assert sink.wait(2)[1].sender() == "second@hub.test"


def test_config_check_and_show(lab):
    hub = lab.hub("smtpd_timeout = 77s\n", start=False)
    hub.run("config", "check")
    told = hub.run("config", "show", "smtpd_timeout", "mydomain")
    assert "77s" in told and f"main.cf:{hub.line_of('smtpd_timeout')}" in told, told
    hub.configure("smtpd_timeout = soon\n")
    code, out, err = hub.run("config", "check", want=None)
    assert code == 78 and f"main.cf:{hub.line_of('smtpd_timeout')}" in out + err, (code, out, err)


def test_table_query(lab):
    hub = lab.hub(tables={"t": "# comment\nkey value of it\n"}, start=False)
    assert hub.run("table", "query", f"hash:{hub.tables}/t", "key").strip().startswith("value of it")
    assert hub.run("table", "query", f"hash:{hub.tables}/t", "other", want=None)[0] == 1


def remarks(hub) -> dict:
    """What `config check` says, by the line of main.cf or of a table: {"main.cf:3": [text, ...]}."""
    found = {}
    for row in json_rows(hub.run("config", "check", "--json")):
        found.setdefault(f"{os.path.basename(row.get('file', ''))}:{row.get('line')}", []).append(row["text"])
    return found


def test_config_check_tells_of_settings_that_do_not_do_what_they_seem_to(lab):
    hub = lab.hub("sender_canonical_maps = regexp:@T@/everyone\nrelayhost = [127.0.0.9]:1\ntransport_maps = hash:@T@/transport\n"
                  "sender_dependent_relayhost_maps = hash:@T@/by_sender\nsmtp_sender_dependent_authentication = yes\n"
                  "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:@T@/passwords\n", start=False,
                  tables={"everyone": "/.*/ all@example.com\n", "transport": "@dest.example smtp:[127.0.0.1]:2\nother.example smtp:\n* smtp:[127.0.0.3]\n",
                          "by_sender": "@b.example smtp:[127.0.0.2]:3\n@good.example [127.0.0.2]:3\n",
                          "passwords": "joe@c.example joe:x\njoe@good.example joe:y\n[127.0.0.9]:1 us:z\n"})
    told = remarks(hub)
    for place, words in (("everyone:1", "null sender"), ("transport:1", "never looked up"), ("transport:2", "no next hop"), ("transport:3", "no effect"),
                         ("by_sender:1", "next hop"), ("passwords:1", "joe@c.example"),
                         (f"main.cf:{hub.line_of('sender_canonical_maps')}", "local_header_rewrite_clients = permit_inet_interfaces")):
        assert any(words in text for text in told.get(place, [])), (place, words, told)
    assert "passwords:2" not in told and "passwords:3" not in told and "by_sender:2" not in told, told
    assert "joe:x" not in str(told)


def test_config_check_tells_what_classes_of_internal_mail_do_not_have(lab):
    hub = lab.hub("internal_mail_filter_classes = bounce,\n    notify\nbody_checks = regexp:{{/x/ HOLD}}\n", start=False)
    told = remarks(hub)
    line = hub.line_of("internal_mail_filter_classes")
    bounce, notify = told[f"main.cf:{line}"], told[f"main.cf:{line + 1}"]
    assert len(bounce) == 1 and "internal_mail_filter_classes = bounce" in bounce[0] and "body_checks" in bounce[0], told
    assert len(notify) == 1 and "notify has no effect" in notify[0], told


def test_config_check_tells_of_overrides_that_their_service_does_not_look_at(lab):
    hub = lab.hub("my_milters = inet:127.0.0.1:7\n", start=False, services={"smtp": "-o non_smtpd_milters=inet:127.0.0.1:1 -o internal_mail_filter_classes=bounce",
                                                                              "other": "-o smtpd_milters=$my_milters -o milter_default_action=accept"},
                  transports="x unix - - n - - smtp -o smtpd_milters=inet:127.0.0.1:1\ny unix - - n - - smtp -o milter_default_action=accept\n"
                             "pickup unix n - n 60 1 pickup -o non_smtpd_milters=inet:127.0.0.1:2 -o cleanup_service_name=sub\n")
    told = [(row["line"], row["text"]) for row in json_rows(hub.run("config", "check", "--json")) if row.get("file", "").endswith("master.cf")]
    line = lambda begin: hub.line_of(begin, "master.cf")
    smtp, other, x, y, pickup = line(f"127.0.0.1:{hub.port}"), line(f"127.0.0.1:{hub.ports['other']}"), line("x "), line("y "), line("pickup")
    for place, words in ((smtp, "non_smtpd_milters has no effect here"), (smtp, "internal_mail_filter_classes has no effect here"), (x, "smtpd_milters has no effect here"),
                         (y, "milter_default_action has no effect here"), (pickup, "set those of filters on the line of smtpd or pickup itself")):
        assert any(at == place and words in text for at, text in told), (place, words, told)
    assert not [text for at, text in told if at == other and "no effect" in text], told
    assert len([1 for at, text in told if at == pickup and "no effect" in text]) == 1, told


def test_config_check_tells_of_results_that_are_no_filters(lab):
    hub = lab.hub("smtpd_milter_maps = inline:{{127.0.0.1=garbage}},\n  cidr:{{10.0.0.0/8 rubbish}, {192.0.2.0/24 DISABLE}},\n  texthash:@T@/clients\n  pcre:{{/^1(.*)$$/ filter$$1}}\n",
                  tables={"clients": "192.0.2.9 inet:127.0.0.1:1, { unix:/x, default_action=accept }\n192.0.2.8 trash\n"}, start=False)
    told, line = remarks(hub), hub.line_of("smtpd_milter_maps")
    for place, words in ((f"main.cf:{line}", "the result for 127.0.0.1 is neither DISABLE nor a list of filters: 'garbage'"), (f"main.cf:{line + 1} cidr:{{}}:1", "'rubbish'"), ("clients:2", "'trash'")):
        assert any(words in text for text in told.get(place, [])), (place, words, told)
    assert sum("neither DISABLE" in text for texts in told.values() for text in texts) == 3, told


def test_config_check_tells_of_rules_that_can_never_match(lab):
    hub = lab.hub("canonical_maps = static:all@example.com, hash:@T@/canonical\nsender_canonical_maps = regexp:{ {/./ x@example.com} }, hash:@T@/canonical\n"
                  "recipient_canonical_maps = hash:@T@/canonical, static:all@example.com\n"
                  "virtual_alias_maps = regexp:@T@/some, hash:@T@/canonical\n"
                  "masquerade_domains = example.com sub.example.com other.example\nlocal_header_rewrite_clients = static:all, permit_mynetworks\n"
                  "sender_dependent_relayhost_maps = hash:@T@/by_sender\nrelayhost = [mx.example]:587\nsmtp_sasl_auth_enable = yes\n"
                  "smtp_sasl_password_maps = hash:@T@/passwords\nsmtpd_relay_restrictions = permit_mynetworks, reject, permit_sasl_authenticated\n", start=False,
                  tables={"canonical": ".b.example x@example.com\n", "some": "if /@b.example$/\n/./ x@example.com\nendif\n", "by_sender": "b.example [mx.example]\n@c.example [mx.example]\n<> [mx.example]\n",
                          "passwords": "joe@c.example joe:x\n[mx.example] us:z\n[mx.example]:587 us:z\n"})
    told = remarks(hub)
    line = lambda name: f"main.cf:{hub.line_of(name)}"
    for place, words in ((line("canonical_maps"), "answers every key"), (line("sender_canonical_maps"), "answers every key"), (line("masquerade_domains"), "sub.example.com is never reached"),
                         (line("local_header_rewrite_clients"), "takes every client"), ("canonical:1", "never looked up"), ("by_sender:1", "write @b.example"),
                         ("passwords:1", "smtp_sender_dependent_authentication is no"), ("passwords:2", "the port belongs to the key"),
                         (line("smtpd_relay_restrictions"), "never reached")):
        assert any(words in text for text in told.get(place, [])), (place, words, told)
    assert not {"by_sender:2", "by_sender:3", "passwords:3"} & set(told), told
    for setting in ("recipient_canonical_maps", "virtual_alias_maps"):
        assert not any("answers every key" in text for text in told.get(line(setting), [])), told


def test_config_check_tells_of_headers_changed_after_a_milter_signed_them(lab):
    hub = lab.hub("smtpd_milters = inet:127.0.0.1:8891\nsmtp_generic_maps = inline:{ {joe@hub.test = joe@example.com} }\n", start=False)
    assert any("DKIM signature" in text for text in remarks(hub).get(f"main.cf:{hub.line_of('smtp_generic_maps')}", [])), remarks(hub)


def test_config_check_has_nothing_to_say_of_the_seeds_tables(lab):
    hub = lab.hub("sender_dependent_default_transport_maps = hash:@T@/by_sender\n", start=False,
                  tables={"by_sender": "@example.co.jp smtp:[relay1.example.com]:25\n@sub.example.co.jp smtp:[relay2.example.com]:25\n"})
    assert not [place for place in remarks(hub) if place.startswith("by_sender")]
