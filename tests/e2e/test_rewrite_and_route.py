"""The seed's questions: who rewrites which header, and which way a sender's mail takes."""
import shutil
import subprocess

from client import Client, queue_id, sample
from sink import server_tls
from test_smtp import relay


def send(hub, sender, recipients, message=None, source="127.0.0.1", parameters=""):
    with Client(hub.port, source=source) as client:
        client.ehlo()
        client.envelope(sender, recipients, parameters)
        mail = queue_id(client.data(message or sample(sender, recipients)))
        client.quit()
    assert mail
    return mail


def test_header_of_a_remote_client_stays_and_why_says_so(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "sender_canonical_maps = hash:@T@/sender\n", tables={"sender": "# who is who\ntest@example.com hub@example.com\n"})
    mail = send(hub, "test@example.com", "bob@dest.example", source="127.0.0.5")  # in mynetworks, but no interface of ours
    got = sink.wait(1)[0]
    assert got.sender() == "hub@example.com"
    assert b"From: test@example.com\r\n" in got.header(), got.header()
    told = hub.why(mail)
    assert "local_header_rewrite_clients" in told and "127.0.0.5" in told, told
    assert f"sender:{hub.line_of('test@example.com', 'sender')}" in told, told


def test_header_is_rewritten_under_static_all(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "sender_canonical_maps = hash:@T@/sender\nlocal_header_rewrite_clients = static:all\n",
                  tables={"sender": "test@example.com hub@example.com\n"})
    mail = send(hub, "test@example.com", "bob@dest.example", source="127.0.0.5")
    assert b"From: hub@example.com\r\n" in sink.wait(1)[0].header()
    told = hub.why(mail)
    assert f"main.cf:{hub.line_of('local_header_rewrite_clients')}" in told, told


def test_header_is_rewritten_for_mynetworks(lab):
    sink = lab.sink()
    hub = lab.hub(relay(sink) + "sender_canonical_maps = hash:@T@/sender\nlocal_header_rewrite_clients = permit_mynetworks\n"
                  "smtpd_relay_restrictions = check_client_access static:OK, reject\n", tables={"sender": "@example.com @hub.example\n"})
    for count, (source, want) in enumerate((("127.0.0.5", b"From: test@hub.example\r\n"), ("127.0.0.100", b"From: test@example.com\r\n")), 1):
        send(hub, "test@example.com", "bob@dest.example", source=source)
        assert want in sink.wait(count)[-1].header(), source


SEED_TRANSPORT = "@example.co.jp            smtp:{}\n@sub.example.co.jp        smtp:{}\n"
SEED_RELAYHOST = "@example.co.jp           {}\n@sub.example.co.jp       {}\n"


def two_relays(lab, setting, table, form):
    first, second, other = lab.sink(), lab.sink(), lab.sink()
    hub = lab.hub(f"{setting} = hash:@T@/{table}\nrelayhost = {other.next_hop}\n", tables={table: form.format(first.next_hop, second.next_hop)})
    ways = [("foo@example.co.jp", first), ("bar@sub.example.co.jp", second), ("else@example.com", other)]
    for sender, way in ways:
        mail = send(hub, sender, "test@example.jp")
        assert [m.sender() for m in way.wait(1)] == [sender]
        if way is not other:
            hub.wait_log(rf"{mail}: removed")  # then all that was decided is stored
            told = hub.why(mail)
            assert setting in told and f"{table}:" in told and "@" + sender.split("@")[1] in told, told
    assert [len(s.messages) for _, s in ways] == [1, 1, 1]


def test_sender_chooses_the_transport(lab):
    two_relays(lab, "sender_dependent_default_transport_maps", "sender_dependent_transport", SEED_TRANSPORT)


def test_sender_chooses_the_relay_host(lab):
    two_relays(lab, "sender_dependent_relayhost_maps", "sender_dependent_relayhost", SEED_RELAYHOST)


def test_transport_table_stands_over_the_senders_relay_host_and_why_says_so(lab):
    relay_host, table = lab.sink(), lab.sink()
    hub = lab.hub("sender_dependent_relayhost_maps = hash:@T@/by_sender\ntransport_maps = hash:@T@/transport\n",
                  tables={"by_sender": f"@example.co.jp {relay_host.next_hop}\n", "transport": f"dest.example smtp:{table.next_hop}\n"})
    mail = send(hub, "foo@example.co.jp", "bob@dest.example")
    table.wait(1)
    assert not relay_host.messages
    told = hub.why(mail)
    assert "transport_maps" in told and "transport:1" in told, told


def test_password_of_the_sender_at_the_same_relay(lab):
    sink = lab.sink(auth=True)
    hub = lab.hub(f"relayhost = {sink.next_hop}\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:@T@/passwords\n"
                  "smtp_sender_dependent_authentication = yes\nsmtp_sasl_security_options = noanonymous\n",
                  tables={"passwords": f"one@example.com user1:secret1\ntwo@example.com user2:secret:2\n{sink.next_hop} shared:secret3\n"})
    expected = 0
    for sender, want in (("one@example.com", ("user1", "secret1")), ("two@example.com", ("user2", "secret:2")), ("three@example.com", ("shared", "secret3"))):
        mail = send(hub, sender, "bob@dest.example")
        expected += 1
        got = sink.wait(expected)[-1]
        assert (got.sender(), got.auth) == (sender, want)
        assert want[1] not in hub.why(mail) and want[1] not in hub.log()


def test_relay_is_talked_to_over_tls_when_it_must_be(lab):
    certificate, key = lab.certificates["mail.hub.test"]
    secure, plain = lab.sink(tls=server_tls(certificate, key)), lab.sink()
    hub = lab.hub(f"transport_maps = hash:@T@/transport\nsmtp_tls_security_level = encrypt\nsmtp_tls_CAfile = {lab.certificates['ca']}\n",
                  tables={"transport": f"secure.example smtp:{secure.next_hop}\nplain.example smtp:{plain.next_hop}\n"})
    send(hub, "a@b.example", "bob@secure.example")
    assert secure.wait(1)[0].tls == "TLSv1.3"
    mail = send(hub, "a@b.example", "bob@plain.example")
    hub.wait_log(f"{mail}.*status=deferred")
    assert not plain.messages


def test_authorities_in_a_folder_are_read_when_they_are_wanted(lab):
    sink = lab.sink(tls=server_tls(*lab.certificates["mail.hub.test"]))
    folder = lab.folder / "authorities"
    folder.mkdir()
    hub = lab.hub(f"relayhost = {sink.next_hop}\nsmtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = mail.hub.test\nsmtp_tls_CApath = {folder}\n")
    mail = send(hub, "a@b.example", "bob@secure.example")
    hub.wait_log(f"{mail}.*status=deferred")
    assert not sink.messages
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", lab.certificates["ca"]], check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(lab.certificates["ca"], folder / f"{name}.0")
    hub.run("queue", "retry", mail)
    assert sink.wait(1)[0].tls == "TLSv1.3"


def test_certificate_of_the_relay_is_verified(lab):
    good = lab.sink(tls=server_tls(*lab.certificates["mail.hub.test"]))
    wrong = lab.sink(tls=server_tls(*lab.certificates["other.hub.test"]))
    hub = lab.hub("transport_maps = hash:@T@/transport\nsmtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = mail.hub.test\n"
                  f"smtp_tls_CAfile = {lab.certificates['ca']}\n",
                  tables={"transport": f"good.example smtp:{good.next_hop}\nwrong.example smtp:{wrong.next_hop}\n"})
    send(hub, "a@b.example", "bob@good.example")
    assert good.wait(1)[0].tls
    mail = send(hub, "a@b.example", "bob@wrong.example")
    hub.wait_log(f"{mail}.*status=deferred")
    assert not wrong.messages


def test_lmtp_tells_each_recipients_fate(lab):
    sink = lab.sink([(r"\. full@", "452 4.2.2 mailbox full"), (r"\. gone@", "550 5.1.1 no such mailbox")], lmtp=True)
    hub = lab.hub(f"virtual_mailbox_domains = box.example\nvirtual_mailbox_maps = static:all\nvirtual_transport = lmtp:inet:127.0.0.1:{sink.port}\n"
                  f"relayhost = {lab.sink().next_hop}\n")
    mail = send(hub, "a@b.example", ["fine@box.example", "full@box.example", "gone@box.example"])
    assert sink.wait(1)[0].accepted == ["<fine@box.example>"] or "fine@box.example" in str(sink.messages[0].accepted)
    hub.wait_log(f"{mail}: to=<fine@box.example>.*status=sent")
    hub.wait_log(f"{mail}: to=<full@box.example>.*status=deferred.*4.2.2")
    hub.wait_log(f"{mail}: to=<gone@box.example>.*status=bounced.*5.1.1")
    rows = hub.wait_queue(lambda rows: any(r["queue_id"] == mail for r in rows))
    assert [r["address"] for row in rows if row["queue_id"] == mail for r in row["recipients"]] == ["full@box.example"], rows


def test_discard_and_error_transports(lab):
    back = lab.sink()
    hub = lab.hub(f"transport_maps = hash:@T@/transport\nrelayhost = {back.next_hop}\nsmtpd_reject_unlisted_recipient = no\n",
                  tables={"transport": "void.example discard:nobody reads it\nno.example error:5.1.2 mail for no.example is not wanted\n"})
    mail = send(hub, "a@b.example", "x@void.example")
    hub.wait_log(f"{mail}: to=<x@void.example>.*status=sent.*nobody reads it")
    mail = send(hub, "a@b.example", "x@no.example")
    hub.wait_log(f"{mail}: to=<x@no.example>.*status=bounced.*not wanted")
    assert back.wait(1)[0].recipients() == ["a@b.example"]


def test_cloned_transport_has_its_own_settings(lab):
    sink = lab.sink()
    hub = lab.hub("default_transport = slow:" + sink.next_hop + "\n", transports="slow unix - - n - 1 smtp -o smtp_helo_name=slow.hub.test\n")
    send(hub, "a@b.example", "bob@dest.example")
    assert sink.wait(1)[0].helo == "slow.hub.test"
