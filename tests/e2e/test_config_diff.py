"""`hikyaku config diff`: the mail that a hub has had, taken through another configuration before that is put to use."""
from client import Client, sample
from hub import json_rows
from test_rewrite_and_route import send
from test_smtp import relay


def diff(hub, other, *options, want):
    """The rows of the difference between a hub's configuration and another's."""
    code, out, told = hub.run("config", "diff", str(hub.conf), str(other.conf), "--json", *options, want=None)
    assert code == want, (code, out, told)
    return json_rows(out), told


def other_hub(lab, hub, main, **options):
    """The same hub under other settings; it is never started."""
    made = lab.hub(start=False, **options)
    made.ports = dict(hub.ports)
    made.configure(main)
    return made


def test_the_same_configuration_makes_no_difference(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    send(hub, "a@b.example", "x@d.example")
    sink.wait(1)
    rows, told = diff(hub, other_hub(lab, hub, relay(sink)), want=0)
    assert not rows and "0 of 1 messages would fare otherwise" in told, (rows, told)


def test_addresses_headers_and_next_hops_that_would_change(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    mine = send(hub, "joe@b.example", ["x@d.example", "y@e.example"], sample("joe@b.example", "x@d.example"))
    send(hub, "ann@c.example", "z@f.example")
    sink.wait(2)
    hub.wait_queue(lambda rows: not rows)
    other = other_hub(lab, hub, relay(sink) + "canonical_maps = hash:@T@/canonical\ntransport_maps = hash:@T@/transport\n",
                      tables={"canonical": "joe@b.example joe@new.example\n", "transport": "e.example smtp:[127.0.0.9]:1\n"})
    for asked in (hub.stop, lambda: None):  # of the running hub, and of its database
        (row,), told = diff(hub, other, want=1)
        assert row["queue_id"] == mine and row["sender"] == "joe@b.example" and "1 of 2" in told, (row, told)
        changes = {(d["what"], d["old"], d["new"]) for d in row["differences"]}
        assert changes == {("envelope sender", "joe@b.example", "joe@new.example"), ("header From", "joe@b.example", "joe@new.example"),
                           ("sender as sent of x@d.example", "joe@b.example", "joe@new.example"), ("sender as sent of y@e.example", "joe@b.example", "joe@new.example"),
                           ("next hop of y@e.example", f"smtp:{sink.next_hop}", "smtp:[127.0.0.9]:1")}, changes
        rules = {(rule["step"], rule["file"].rsplit("/", 1)[-1], rule["line"]) for rule in row["new_rules"]}
        assert {("rewrite.canonical", "canonical", 1), ("route.transport_maps", "transport", 1)} <= rules, rules
        asked()


def test_mail_that_would_be_refused(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    send(hub, "a@b.example", "x@d.example", source="127.0.0.5")
    send(hub, "a@b.example", "x@d.example")
    sink.wait(2)
    other = other_hub(lab, hub, relay(sink) + "mynetworks = 127.0.0.1\n")
    (row,), _ = diff(hub, other, want=1)
    (change,) = row["differences"]
    assert row["client"] == "127.0.0.5" and change["what"] == "answer to RCPT TO:<x@d.example>", row
    assert change["old"].startswith("250 ") and change["new"].startswith("454 4.7.1"), change


def test_commands_ports_and_hubs_without_any(lab):
    hub = lab.hub("alias_maps = texthash:@T@/aliases\n", tables={"aliases": "tool: joe\n"}, services={"smtp": "", "submission": ""})
    send(hub, "a@b.example", "tool@mail.hub.test")
    other = lab.hub(start=False, tables={"aliases": "tool: joe, \"|true\"\n"})
    other.configure("alias_maps = texthash:@T@/aliases\nallow_mail_to_commands = alias\n")
    (row,), _ = diff(hub, other, want=1)
    assert {(d["what"], d["old"], d["new"]) for d in row["differences"]} == {("commands of tool@mail.hub.test", "", "true")}, row
    # Nothing listens where it came in: something else stands for it, and that is told.
    assert row["port_missing"] == [{"port": hub.port, "in": "NEW"}], row
    assert "NEW has no smtpd line at port" in hub.run("config", "diff", str(hub.conf), str(other.conf), want=1)
    path = other.conf / "master.cf"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "smtpd" not in line))
    assert "has no smtpd line" in diff(hub, other, want=78)[1]


def test_only_the_last_ones_and_text_for_people(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink))
    mails = [send(hub, f"u{n}@b.example", "x@d.example") for n in range(5)]
    sink.wait(5)
    other = other_hub(lab, hub, relay(sink) + "canonical_maps = inline:{ {@b.example = all@new.example} }\n")
    rows, told = diff(hub, other, "--last", "2", want=1)
    assert [row["queue_id"] for row in rows] == mails[3:] and "2 of 2" in told
    text = hub.run("config", "diff", str(hub.conf), str(other.conf), "--last", "1", want=1)
    assert f"{mails[4]}  " in text and "envelope sender: u4@b.example -> all@new.example" in text and "+ rewrite.canonical" in text, text


def test_header_that_was_too_long_to_keep(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "hikyaku_ledger_header_limit = 64\n")
    send(hub, "a@b.example", "x@d.example", b"From: a@b.example\r\nX-Long: " + b"x" * 100 + b"\r\nTo: a@b.example\r\n\r\nbody\r\n")
    sink.wait(1)
    other = other_hub(lab, hub, relay(sink) + "canonical_maps = inline:{ {a@b.example = all@new.example} }\n")
    (row,), _ = diff(hub, other, want=1)
    assert row["header_cut"] and {d["what"] for d in row["differences"]} == {"envelope sender", "header From", "sender as sent of x@d.example"}, row


def test_a_configuration_that_is_wrong(lab):
    hub = lab.hub("", start=False)
    other = other_hub(lab, hub, "canonical_maps = hash:@T@/nowhere\n")
    diff(hub, other, want=78)
    assert hub.run("config", "diff", str(hub.conf), want=None)[0] == 64
