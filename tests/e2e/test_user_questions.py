"""What administrators of Postfix ask in public and get no answer to: one test a question. Each wants the answer from
`hikyaku explain` or `hikyaku config check`, and wants it to be true."""
import json

from hub import json_rows
from test_config import refused
from test_explain import explain

RELAYED = "relayhost = [127.0.0.9]:1\n"


def entries(told, step):
    return [entry for entry in told["entries"] if entry["step"] == step]


def place(entry):
    return f"{entry['file'].rsplit('/', 1)[-1]}:{entry['line']}"


def warnings(hub, *, want=0):
    return [row for row in json_rows(hub.run("config", "check", "--json", want=want)) if row["level"] in ("warning", "error")]


def test_01_why_was_my_header_not_rewritten(lab):
    hub = lab.hub(RELAYED + "mynetworks = 127.0.0.0/8, 172.16.0.0/12\nsender_canonical_maps = hash:@T@/sender\n", start=False,
                  tables={"sender": "joe@hub.test joe@example.com\n"})
    told = explain(hub, "joe@hub.test", "b@d.example", "--header", "From: joe@hub.test", client="172.16.0.5")
    assert told["sender"] == "joe@example.com" and "From: joe@hub.test\r\n" in told["header"]
    (context,) = entries(told, "rewrite.header_context")
    assert (context["failed"], context["operand"]) == ("client matches permit_inet_interfaces", "172.16.0.5"), context
    left = entries(told, "rewrite.sender_canonical")[-1]
    assert left["outcome"] == "header From left as it is: joe@hub.test would become joe@example.com" and place(left) == "sender:1", left
    assert any("permit_mynetworks" in change for change in told["would_change"])


def test_02_who_put_the_rewritten_address_into_from(lab):
    hub = lab.hub(RELAYED + "sender_canonical_maps = inline:{ {joe@hub.test = joe@example.com} }\nsender_canonical_classes = envelope_sender\n", start=False)
    told = explain(hub, "joe@hub.test", "b@d.example", "--header", "Subject: no From")
    (added,) = [entry for entry in entries(told, "rewrite.add_header") if "From" in entry["outcome"]]
    assert added["outcome"] == "header added: From: joe@example.com" and "added from the envelope sender" in added["rule"], added


def test_03_which_class_changed_which_header(lab):
    hub = lab.hub(RELAYED + "canonical_maps = hash:@T@/both\ncanonical_classes = envelope_sender, header_recipient\nsender_canonical_maps = hash:@T@/sender\n",
                  start=False, tables={"both": "joe@hub.test joe@example.com\n", "sender": "@hub.test all@example.org\n"})
    told = explain(hub, "x@y.example", "b@d.example", "--header", "Reply-To: joe@hub.test", "--header", "To: joe@hub.test")
    rules = [(e["outcome"], e["keys"], place(e)) for e in told["entries"] if "header" in e["outcome"] and "->" in e["outcome"]]
    assert rules == [("header Reply-To: joe@hub.test -> all@example.org", ["joe@hub.test", "@hub.test"], "sender:1"),
                     ("header To: joe@hub.test -> joe@example.com", ["joe@hub.test"], "both:1")], rules
    (off,) = [e for e in entries(told, "rewrite.canonical") if e["outcome"].startswith("header Reply-To")]
    assert off["failed"] == "class header_sender is on for canonical_maps", off


def test_04_a_name_or_a_class_mistyped(lab):
    for line, nearest in (("canonical_classes = envelope_sender, header_recipien", "header_recipient"), ("sender_canonical_classes = sender_envelope", "envelope_sender"),
                          ("local_header_rewrite_client = static:all", "local_header_rewrite_clients"), ("broken_sasl_auth_clients = si", "yes")):
        hub = lab.hub("canonical_maps = inline:{ {a@b = c@d} }\n" + line + "\n", start=False)
        (row,) = [r for r in json_rows(hub.run("config", "check", "--json", want=None)[1]) if r.get("line") == hub.line_of(line) and r["level"] in ("warning", "error")]
        assert nearest in row["text"], row
        if row["level"] == "error":
            assert f"main.cf:{hub.line_of(line)}" in refused(hub)


def test_05_why_is_the_sender_dependent_route_ignored(lab):
    by_sender = "sender_dependent_relayhost_maps = inline:{ {joe@hub.test = [127.0.0.2]:2} }\n"
    cases = (  # what stands over it, the recipient, where the mail goes, the loser's operand
        ("transport_maps = inline:{ {d.example = smtp:[127.0.0.3]:3} }\n", "b@d.example", ("smtp", "[127.0.0.3]:3"), "transport_maps"),
        ("relay_domains = d.example\nrelay_transport = relay:[127.0.0.4]:4\n", "b@d.example", ("relay", "[127.0.0.4]:4"), "relay"),
        ("default_transport = smtp:[127.0.0.5]:5\n", "b@d.example", ("smtp", "[127.0.0.5]:5"), None),
        ("", "b@mail.hub.test", ("local", "mail.hub.test"), "local"),
    )
    for setting, recipient, way, winner in cases:
        hub = lab.hub(RELAYED + by_sender + setting, start=False)
        told = explain(hub, "joe@hub.test", recipient)
        (one,) = told["recipients"]
        assert (one["transport"], one["next_hop"]) == way, (setting, one)
        if winner is None:
            continue
        losers = entries(told, "route.sender_dependent_relayhost")
        assert losers and winner in losers[-1]["operand"], (setting, losers)
    # "smtp:" takes the next hop away in transport_maps, and the check says so; in a table by sender it does not.
    hub = lab.hub(RELAYED + "transport_maps = hash:@T@/transport\n", start=False, tables={"transport": "d.example smtp:\n"})
    assert explain(hub, "joe@hub.test", "b@d.example")["recipients"][0]["next_hop"] == "d.example"
    assert any("no next hop" in row["text"] and row["line"] == 1 for row in warnings(hub)), warnings(hub)
    hub = lab.hub(RELAYED + "sender_dependent_default_transport_maps = hash:@T@/by_sender\n", start=False, tables={"by_sender": "joe@hub.test smtp:\n"})
    assert explain(hub, "joe@hub.test", "b@d.example")["recipients"][0]["next_hop"] == "[127.0.0.9]:1"
    assert not any("no next hop" in row["text"] for row in warnings(hub)), warnings(hub)


def test_06_which_login_does_this_sender_get(lab):
    main = (RELAYED + "smtp_sasl_auth_enable = yes\nsmtp_sender_dependent_authentication = yes\nsmtp_sasl_password_maps = hash:@T@/passwords\n")
    hub = lab.hub(main, start=False, tables={"passwords": "@hub.test ours:geheim\n[127.0.0.9]:1 others:geheim\n"})
    for sender, keys, line, user in (("joe@hub.test", ["joe@hub.test", "@hub.test"], 1, "ours"), ("x@y.example", ["x@y.example", "@y.example", "127.0.0.9", "[127.0.0.9]:1"], 2, "others")):
        told = explain(hub, sender, "b@d.example")
        (login,) = entries(told, "deliver.login")
        assert (login["keys"], place(login)) == (keys, f"passwords:{line}"), login
        assert told["recipients"][0]["login"] == user and "geheim" not in json.dumps(told)


def test_07_a_transport_in_a_table_of_next_hops(lab):
    hub = lab.hub(RELAYED + "sender_dependent_relayhost_maps = hash:@T@/hops\ntransport_maps = hash:@T@/transport\n", start=False,
                  tables={"hops": "joe@hub.test smtp:[127.0.0.2]:2\n", "transport": "@d.example smtp:[127.0.0.3]:3\n"})
    told = {(row["file"].rsplit("/", 1)[-1], row["line"]): row["text"] for row in warnings(hub)}
    assert "looks like transport:nexthop" in told[("hops", 1)] and "is never looked up in transport_maps" in told[("transport", 1)], told


def test_08_generic_maps_change_recipients_too(lab):
    hub = lab.hub(RELAYED + "smtp_generic_maps = hash:@T@/generic\n", start=False, tables={"generic": "joe@hub.test joe@example.com\nb@d.example z@e.example\n"})
    told = explain(hub, "joe@hub.test", "b@d.example", "--header", "From: joe@hub.test")
    assert [entry["outcome"] for entry in entries(told, "rewrite.generic")] == [
        "sender: joe@hub.test -> joe@example.com", "recipient: b@d.example -> z@e.example", "header From: joe@hub.test -> joe@example.com"]
    (one,) = told["recipients"]
    assert (one["sent_from"], one["sent_to"]) == ("joe@example.com", "z@e.example")


def test_09_one_address_for_every_sender_takes_the_bounces_too(lab):
    for table, warned in (("static:all@example.com", True), ("regexp:{ {/.*/ all@example.com} }", True), ("pcre:{ {/.+@.+/ all@example.com} }", False)):
        hub = lab.hub(RELAYED + f"sender_canonical_maps = {table}\n", start=False)
        assert any("also matches the null sender" in row["text"] for row in warnings(hub)) == warned, (table, warnings(hub))
        assert (explain(hub, "", "b@d.example")["sender"] == "") != warned, table


def test_10_everything_to_one_mailbox(lab):
    hub = lab.hub(RELAYED + "recipient_canonical_maps = static:all@stage.example\nrecipient_canonical_classes = envelope_recipient\n", start=False)
    told = explain(hub, "joe@hub.test", ["b@d.example", "c@e.example"], "--header", "To: b@d.example")
    assert {one["address"] for one in told["recipients"]} == {"all@stage.example"}
    assert "To: b@d.example\r\n" in told["header"]


def test_11_which_rule_denied_relaying(lab):
    hub = lab.hub("mynetworks = 10.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks,\n    reject_unauth_destination\n", start=False)
    told = explain(hub, "a@b.example", "c@d.example", client="192.0.2.9")
    passed, denied = entries(told, "policy.relay")
    line = hub.line_of("smtpd_relay_restrictions")
    assert passed["rule"] == "permit_mynetworks" and (passed["failed"], passed["operand"]) == ("client address is in mynetworks", "192.0.2.9"), passed
    assert denied["rule"] == "reject_unauth_destination" and place(denied) == f"main.cf:{line + 1}" and "Relay access denied" in denied["outcome"], denied
    assert "d.example is in none of our lists" == denied["operand"], denied


def test_12_the_keys_of_a_catch_all_in_their_order(lab):
    hub = lab.hub(RELAYED + "recipient_delimiter = +\nvirtual_alias_domains = v.example\nvirtual_alias_maps = hash:@T@/one, hash:@T@/two\n", start=False,
                  tables={"one": "x@v.example y@o.example\n", "two": "@v.example joe@o.example\njoe@v.example joe@v.example\n"})
    told = explain(hub, "a@b.example", "b+tag@v.example")
    first = entries(told, "rewrite.virtual_alias")[0]
    assert first["keys"] == ["b+tag@v.example", "b@v.example", "@v.example"] and place(first) == "two:1", first
    # The entry of itself that keeps a catch-all from taking it.
    told = explain(hub, "a@b.example", "joe@v.example")
    assert any(place(entry) == "two:2" and "-> joe@v.example" in entry["outcome"] for entry in entries(told, "rewrite.virtual_alias")), told["entries"]


def test_13_a_dry_run(lab):
    sink = lab.sink()
    hub = lab.hub(f"relayhost = {sink.next_hop}\ncanonical_maps = inline:{{ {{@hub.test = @example.com}} }}\nheader_checks = regexp:{{ {{/^X-Inner:/ IGNORE}} }}\n")
    told = explain(hub, "joe@hub.test", "b@d.example", "--header", "From: joe@hub.test", "--header", "X-Inner: 1")
    assert told["accepted"] and told["sender"] == "joe@example.com"
    assert "From: joe@example.com\r\n" in told["header"] and "X-Inner" not in told["header"]
    assert [(one["address"], one["transport"], one["next_hop"]) for one in told["recipients"]] == [("b@d.example", "smtp", sink.next_hop)]
    assert all(entry["step"] and entry["file"] for entry in told["entries"])
    assert not hub.queue() and not sink.messages


def test_14_an_empty_result_is_not_the_same_as_not_found(lab):
    for setting, missed in (("sender_dependent_relayhost_maps", "[127.0.0.9]:1"), ("sender_dependent_default_transport_maps", "[127.0.0.9]:1")):
        hub = lab.hub(RELAYED + setting + " = inline:{ {joe@hub.test = } }\n", start=False)
        told = explain(hub, "joe@hub.test", "b@d.example")
        assert not told["accepted"] and told["answers"][-1]["reply"] == "451 4.3.0 <b@d.example>: Temporary lookup failure", told["answers"]
        last = told["entries"][-1]
        assert setting in last["operand"] and "with the empty text" in last["operand"] and "joe@hub.test" in last["operand"], last
        hub.configure(RELAYED + setting + " = inline:{ {joe@hub.test = DUNNO}, {@hub.test = [127.0.0.2]:2} }\n")
        told = explain(hub, "joe@hub.test", "b@d.example")
        assert told["recipients"][0]["next_hop"] == missed, told["recipients"]
        dunno = [entry for entry in told["entries"] if "DUNNO" in entry["rule"]]
        assert dunno and dunno[0]["failed"] == "the entry is not DUNNO", told["entries"]
