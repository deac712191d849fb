"""Tables that ask others: what they answer, and that mail waits when they can't."""
import sqlite3
import threading

from client import Client, sample
from directories import LookupServer, Postgres, Slapd
from test_explain import explain
from test_rewrite_and_route import send
from test_smtp import relay


def query(hub, spec, key):
    """What `hikyaku table query` prints, and its exit code."""
    code, out, told = hub.run("table", "query", spec, key, want=None)
    return code, (out + told).strip()


def server(lab, answers, **options):
    made = LookupServer(answers, **options)
    lab.at_end.append(made.stop)
    return made


def refused_for_now(hub, recipient):
    """The recipient's table does not answer: the client is to come again."""
    with Client(hub.port) as client:
        client.ehlo()
        client.command("MAIL FROM:<a@b.example>", 250)
        client.command(f"RCPT TO:<{recipient}>", 451)


def test_socketmap_rewrites_and_whole_addresses_alone_are_asked_for(lab):
    sink, names = lab.sink(), server(lab, {"joe@b.example": "OK joe@new.example"})
    hub = lab.hub(relay(sink) + f"canonical_maps = {names.spec()}\nrecipient_delimiter = +\n")
    mail = send(hub, "joe@b.example", "x+y@d.example")
    assert sink.wait(1)[0].sender() == "joe@new.example"
    assert set(names.asked) == {"joe@b.example", "joe@new.example", "x+y@d.example"}, names.asked
    assert names.connections <= 4, "connections are kept"
    assert "joe@b.example joe@new.example" in hub.why(mail)


def test_tcp_table(lab):
    sink, names = lab.sink(), server(lab, {"joe@b.example": "200 joe@new.example", "odd%25@b.example": "200 even%40new.example"}, tcp=True)
    hub = lab.hub(relay(sink) + f"sender_canonical_maps = {names.spec()}\n")
    send(hub, "joe@b.example", "x@d.example")
    send(hub, "odd%@b.example", "x@d.example")
    assert {mail.sender() for mail in sink.wait(2)} == {"joe@new.example", "even@new.example"}, names.asked


def test_no_answer_defers_and_is_never_a_miss(lab):
    sink = lab.sink()
    for answers, options in (({"joe@b.example": "TEMP down"}, {}), ({"joe@b.example": "nonsense"}, {}), ({"joe@b.example": None}, {}), ({"joe@b.example": "400 down"}, {"tcp": True})):
        names = server(lab, answers, **options)
        hub = lab.hub(relay(sink) + f"sender_canonical_maps = {names.spec()}\n")
        with Client(hub.port) as client:
            client.ehlo()
            client.envelope("joe@b.example", "x@d.example")
            assert client.data(sample("joe@b.example", "x@d.example"), want=451).startswith("451 4.3.0"), answers
        # Nobody is there at all.
        names.stop()
        with Client(hub.port) as client:
            client.ehlo()
            client.envelope("joe@b.example", "x@d.example")
            client.data(sample("joe@b.example", "x@d.example"), want=451)
        told = explain(hub, "joe@b.example", "x@d.example")
        assert any(entry["failed"] == "the table answers" and names.spec().split(":", 1)[1].split(":")[0] in entry["operand"] for entry in told["entries"]), told["entries"]
    assert not sink.messages


def test_a_route_that_can_not_be_asked_for_waits_in_the_queue(lab):
    sink = lab.sink()
    names = server(lab, {"x@d.example": f"OK smtp:{sink.next_hop}"})
    hub = lab.hub(f"transport_maps = {names.spec()}\nsmtpd_reject_unlisted_recipient = no\nrelayhost = [127.0.0.1]:1\n")
    send(hub, "a@b.example", "x@d.example")
    sink.wait(1)
    names.answers["x@d.example"] = "TEMP later"
    mail = send(hub, "a@b.example", "x@d.example")
    hub.wait_log(f"{mail}: to=<x@d.example>.*status=deferred.*TEMP later")
    (waiting,) = hub.queue()
    assert waiting["queue_id"] == mail and "TEMP later" in waiting["recipients"][0]["delay_reason"], waiting
    names.answers["x@d.example"] = f"OK smtp:{sink.next_hop}"
    hub.run("queue", "retry", mail)
    sink.wait(2)


def test_a_slow_server_holds_up_nobody_else(lab):
    sink, names = lab.sink(), server(lab, {})
    names.held["slow@b.example"] = threading.Event()
    hub = lab.hub(relay(sink) + f"sender_canonical_maps = {names.spec()}\nhikyaku_threads = 1\n")
    slow = [threading.Thread(target=send, args=(hub, "slow@b.example", "x@d.example")) for _ in range(8)]
    for thread in slow:
        thread.start()
    try:
        for number in range(5):
            send(hub, "quick@b.example", "x@d.example")
        assert all(mail.sender() == "quick@b.example" for mail in sink.wait(5))
    finally:
        names.held["slow@b.example"].set()
    for thread in slow:
        thread.join()
    assert sum(mail.sender() == "slow@b.example" for mail in sink.wait(13)) == 8


def test_a_connection_that_was_closed_meanwhile_is_made_anew(lab):
    sink = lab.sink()
    for tcp in (False, True):
        names = server(lab, {"joe@b.example": "200 new@b.example" if tcp else "OK new@b.example"}, tcp=tcp)
        names.hangs_up = True
        hub = lab.hub(relay(sink) + f"sender_canonical_maps = {names.spec()}\n")
        before = len(sink.messages)
        for number in range(3):
            send(hub, "joe@b.example", "x@d.example")
            assert sink.wait(before + number + 1)[-1].sender() == "new@b.example"
        assert names.connections == len(names.asked) > 3


def test_where_each_connection_would_wait_such_a_table_is_refused(lab):
    for setting in ("smtpd_discard_ehlo_keyword_address_maps", "smtpd_client_event_limit_exceptions"):
        hub = lab.hub(f"{setting} = socketmap:inet:127.0.0.1:1:x\n", start=False)
        told = hub.run("config", "check", want=78)
        assert "asks a server can't be used here" in told and f"main.cf:{hub.line_of(setting)}" in told, told


def test_bad_specs_are_told_with_their_place(lab):
    for spec in ("socketmap:inet:127.0.0.1:x", "socketmap:/run/x", "tcp:127.0.0.1", "sqlite:relative.cf", "sqlite:/no/such.cf", "mysql:/etc/x.cf", "ldap:@T@/empty", "pgsql:@T@/empty",
                 "sqlite:@T@/bad_form"):
        hub = lab.hub(f"canonical_maps = {spec}\n", start=False, tables={"empty": "no equals\n", "bad_form": "dbpath = /x\nquery = SELECT '%q'\n"})
        code, out, told = hub.run("config", "check", want=None)
        assert code == 78 and f"main.cf:{hub.line_of('canonical_maps')}" in out + told, (spec, out, told)


def test_sqlite(lab):
    sink = lab.sink()
    hub = lab.hub("", start=False)
    database = sqlite3.connect(hub.home / "mail.db")
    database.execute("CREATE TABLE alias (address TEXT, goto TEXT)")
    database.executemany("INSERT INTO alias VALUES (?, ?)", [("o'hara@v.example", "scarlett@d.example"), ("team@v.example", "a@d.example"), ("team@v.example", "b@d.example")])
    database.commit()
    hub.write_table("sql", "dbpath = @DIR@/mail.db\nquery = SELECT goto FROM alias\n  WHERE address = '%s'\ndomain = v.example\nexpansion_limit = 2\nqeury = x\n")
    hub.configure(relay(sink) + "virtual_alias_domains = v.example\nvirtual_alias_maps = proxy:sqlite:@T@/sql\n")
    told = hub.run("config", "check")
    assert "sql:6" in told and "qeury" in told, told
    hub.start()
    mail = send(hub, "a@b.example", ["o'hara@v.example", "TEAM@v.example"])
    assert sorted(sink.wait(1)[0].recipients()) == ["a@d.example", "b@d.example", "scarlett@d.example"]
    assert f"sql:{hub.line_of('query', 'sql')}" in hub.why(mail)
    assert query(hub, f"sqlite:{hub.tables}/sql", "' OR '1'='1")[0] == 1
    # What is written to the database counts from the next lookup on; too many values are no answer.
    database.executemany("INSERT INTO alias VALUES (?, ?)", [("new@v.example", "n@d.example"), ("team@v.example", "c@d.example")])
    database.commit()
    send(hub, "a@b.example", "new@v.example")
    assert sink.wait(2)[1].recipients() == ["n@d.example"]
    code, told = query(hub, f"sqlite:{hub.tables}/sql", "team@v.example")
    assert code == 75 and "expansion_limit" in told, (code, told)
    database.execute("DROP TABLE alias")
    database.commit()
    refused_for_now(hub, "new@v.example")


def test_pgsql(lab):
    sink = lab.sink()
    hub = lab.hub("", start=False)
    postgres = Postgres(hub.home, ["CREATE TABLE alias (address TEXT, goto TEXT)",
                                   "INSERT INTO alias VALUES ('o''hara@v.example', 'scarlett'), ('back\\slash@v.example', 'b'), ('m\u00fcller@v.example', 'm')"])
    lab.at_end.append(postgres.stop)
    hub.write_table("sql", f"hosts = 127.0.0.1:{postgres.port}\nuser = mail\npassword = geheim\ndbname = mail\nquery = SELECT goto FROM alias WHERE address = '%s'\n"
                           "result_format = %s@d.example\n")
    spec = f"pgsql:{hub.tables}/sql"
    assert query(hub, spec, "o'hara@v.example")[1].startswith("scarlett@d.example")
    assert query(hub, spec, "back\\slash@v.example")[1].startswith("b@d.example")
    assert query(hub, spec, "M\u00dcLLER@v.example")[1].startswith("m@d.example")
    assert query(hub, spec, "x' OR 'a'='a")[0] == 1
    hub.configure(relay(sink) + f"virtual_alias_domains = v.example\nvirtual_alias_maps = {spec}\n")
    hub.start()
    send(hub, "a@b.example", "o'hara@v.example")
    assert sink.wait(1)[0].recipients() == ["scarlett@d.example"]
    postgres.stop()
    refused_for_now(hub, "o'hara@v.example")
    postgres.start()
    send(hub, "a@b.example", "o'hara@v.example")
    sink.wait(2)
    hub.write_table("wrong", (hub.tables / "sql").read_text().replace("geheim", "falsch"))
    code, told = query(hub, f"pgsql:{hub.tables}/wrong", "x")
    assert code == 75 and "falsch" not in told and "authentication" in told, (code, told)


def test_ldap(lab):
    sink = lab.sink()
    hub = lab.hub("", start=False)
    person = "objectClass: inetOrgPerson\nsn: x\n"
    slapd = Slapd(hub.home, f"dn: cn=joe,dc=test\n{person}cn: joe\nmail: joe@v.example\ndescription: joe@d.example\ndescription: joe2@d.example\n\n"
                            f"dn: cn=odd(*),dc=test\n{person}cn: odd(*)\nmail: odd(*)@v.example\ndescription: odd@d.example\n\n"
                            f"dn: cn=team,dc=test\n{person}cn: team\nmail: team@v.example\nseeAlso: cn=joe,dc=test\nseeAlso: cn=odd(*),dc=test\n\n"
                            f"dn: cn=ring,dc=test\n{person}cn: ring\nmail: ring@v.example\nseeAlso: cn=ring,dc=test\n\n")
    lab.at_end.append(slapd.stop)
    settings = (f"server_host = 127.0.0.1\nserver_port = {slapd.port}\nsearch_base = dc=test\nquery_filter = (mail=%s)\nresult_attribute = description\n"
                "special_result_attribute = seeAlso\nbind_dn = cn=admin,dc=test\nbind_pw = geheim\nrecursion_limit = 20\nversion = 3\n")
    hub.write_table("ldap", settings)
    spec = f"ldap:{hub.tables}/ldap"
    for key, value in (("joe@v.example", "joe@d.example,joe2@d.example"), ("odd(*)@v.example", "odd@d.example"), ("team@v.example", "joe@d.example,joe2@d.example,odd@d.example")):
        code, told = query(hub, spec, key)
        assert code == 0 and told.startswith(value), (key, code, told)
    assert query(hub, spec, "*")[0] == 1
    code, told = query(hub, spec, "ring@v.example")
    assert code == 75 and "recursion_limit" in told, (code, told)
    hub.configure(relay(sink) + f"virtual_alias_domains = v.example\nvirtual_alias_maps = {spec}\n")
    hub.start()
    send(hub, "a@b.example", "joe@v.example")
    assert sorted(sink.wait(1)[0].recipients()) == ["joe2@d.example", "joe@d.example"]
    slapd.stop()
    refused_for_now(hub, "joe@v.example")
    slapd.start()
    send(hub, "a@b.example", "joe@v.example")
    sink.wait(2)
    hub.write_table("wrong", settings.replace("geheim", "falsch").replace("version = 3", "version = 2"))
    code, told = query(hub, f"ldap:{hub.tables}/wrong", "joe@v.example")
    assert code == 75 and "falsch" not in told and "bind" in told, (code, told)
