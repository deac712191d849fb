"""What rules of greylist.conf ask elsewhere: URLs, directories; and what they add to the DNS."""
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

from directories import Slapd
from greylists import Greylist, reply
from hub import free_port
from test_greylist import check, to_kim

# A proxy of the machine that runs the tests must not be asked for what is here.
os.environ["no_proxy"] = "127.0.0.1"
OK = "milterGreylistStatus: Ok\n"


class Web:
    """`answers` maps a path, without what is behind "?", to a text, or to (status, text); others are not found. A path in `held`
    is answered when its event is set."""

    def __init__(self, lab, answers):
        self.answers, self.held, self.requests, self.changed = dict(answers), {}, [], threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self, b"")

            def do_POST(self):
                outer._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        lab.at_end.append(self.stop)

    def _answer(self, request, body):
        with self.changed:
            self.requests.append((request.command, request.path, request.headers.get("Content-Type"), body))
            self.changed.notify_all()
        path = request.path.split("?")[0]
        if path in self.held:
            self.held[path].wait(60)
        answer = self.answers.get(path, (404, "no such page"))
        status, text = answer if isinstance(answer, tuple) else (200, answer)
        try:
            request.send_response(status)
            request.send_header("Content-Length", str(len(text)))
            request.end_headers()
            request.wfile.write(text.encode())
        except OSError:
            pass  # who asked has given up

    def wait_requests(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= number, 20), self.requests
            return list(self.requests)

    def stop(self):
        for event in self.held.values():
            event.set()
        self.server.shutdown()
        self.server.server_close()


def test_a_url_is_asked_and_what_it_says_becomes_properties(lab):
    web = Web(lab, {"/who": f"{OK}Colour: Red\nnote: a:b\n"})
    grey = Greylist(lab, f'nospf\nurlcheck "who" "{web.url}/who?f=%f&r=%r&h=%h" 5 getprop clear\nracl blacklist urlcheck "who" $colour "blue"\n'
                         'racl blacklist $colour "red" msg "%r is %P{colour}, %P{note}"\nracl whitelist default\n')
    assert reply(grey.tell("--mail-from", "joe+a&b@a.example", "--helo", "x/y")) == "551 5.7.1 kim@b.example is red, a:b"
    assert [one[:2] for one in web.requests] == [("GET", "/who?f=joe%2Ba%26b%40a.example&r=kim%40b.example&h=x%2Fy")], web.requests
    web.answers["/who"] = "Colour: Red\n"
    assert reply(grey.tell()) is None, "an answer that does not match leaves no property"
    web.answers["/who"] = f"{OK}Colour: green\n"
    row = grey.tell("--rcpt-to", "kim@b.example", "--rcpt-to", "lee@b.example")
    assert row["result"] == "passed" and len(web.requests) == 4, "it is asked for each recipient"


def test_an_answer_overrides_the_rule_that_asked(lab):
    web = Web(lab, {"/": "milterGreylistAction: greylist\r\nmilterGreylistDelay: 5m\r\nmilterGreylistCode: 452\r\nmilterGreylistECode: 4.2.2\r\n"
                         "milterGreylistMsg: not before %R\r\n"})
    grey = Greylist(lab, f'nospf\nurlcheck "u" "{web.url}/" 5\nracl whitelist urlcheck "u"\n')
    assert reply(grey.tell()) == "452 4.2.2 not before 00:05:00"
    web.answers["/"] = "milterGreylistAction: burn\nmilterGreylistCode: 250\nmilterGreylistIgnore: x\n"
    assert reply(grey.tell()) is None
    grey.wait_log(r'urlcheck "u": http://127\.0\.0\.1:\d+/: this can\'t be read: milterGreylistAction: burn')
    grey.wait_log(r"can't be read: milterGreylistCode: 250")


def test_without_an_answer_a_clause_does_not_hold_and_the_log_tells(lab):
    web = Web(lab, {"/broken": (500, OK), "/large": OK + "x: " + "y" * 70000 + "\n"})
    for url, why in ((f"http://127.0.0.1:{free_port()}/", "(onnection refused|ailed to connect)"), (f"{web.url}/broken", "the status 500"),
                     (f"{web.url}/none", "the status 404"), (f"{web.url}/large", "more than 65536 octets")):
        grey = Greylist(lab, f'nospf\nurlcheck "u" "{url}" 5\nracl blacklist urlcheck "u"\nracl blacklist not urlcheck "u"\nracl whitelist default\n')
        assert reply(grey.tell()) is None, url
        grey.wait_log(f'urlcheck "u": {url}: no answer, its clauses do not hold: .*{why}')


def test_a_url_that_hangs_holds_up_nobody_else(lab):
    web = Web(lab, {"/slow": OK, "/quick": OK})
    web.held["/slow"] = threading.Event()
    grey = Greylist(lab, f'nospf\nurlcheck "slow" "{web.url}/slow" 1\nurlcheck "quick" "{web.url}/quick" 1\n'
                         'racl blacklist addr 192.0.2.7 urlcheck "slow" msg "slow"\nracl blacklist urlcheck "quick" msg "quick"\n')
    told = []
    slow = [threading.Thread(target=lambda: told.append(reply(grey.tell()))) for _ in range(8)]
    for one in slow:
        one.start()
    web.wait_requests(1)
    assert reply(grey.tell(client="192.0.2.8")) == "551 5.7.1 quick", "others are answered meanwhile"
    assert sum(path == "/slow" for _, path, _, _ in web.requests) == 1, "one at a time was allowed"
    web.held["/slow"].set()
    for one in slow:
        one.join()
    assert told == ["551 5.7.1 slow"] * 8, told
    web.held["/slow"].clear()
    assert reply(grey.tell()) == "551 5.7.1 quick", "after 10 s it is given up, and the next rule is looked at"
    grey.wait_log('urlcheck "slow": .*no answer, its clauses do not hold: .*[Tt]ime')


def test_a_message_is_posted(lab):
    web = Web(lab, {"/filter": OK})
    grey = Greylist(lab, f'nospf\nurlcheck "filter" "{web.url}/filter" 5 postmsg\nracl whitelist default\n'
                         'dacl blacklist urlcheck "filter" msg "filtered"\n')
    row = grey.tell("--header", "Subject: hello", "--body", "line one\r\nhikyaku-0\r\n")
    assert row["result"] == "refused" and row["reply"]["text"] == "filtered", row
    (method, _, kind, body), = web.requests
    assert (method, kind) == ("POST", "multipart/form-data; boundary=hikyaku-1"), web.requests
    head, message = body.split(b"\r\n\r\n", 1)
    assert head == (b'--hikyaku-1\r\nContent-Disposition: form-data; name="msg"; filename="msg.txt"\r\n'
                    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary"), head
    assert b"Subject: hello\r\n" in message and message.endswith(b"\r\n\r\nline one\r\nhikyaku-0\r\n\r\n--hikyaku-1--\r\n"), message


def test_the_check_asks_too(lab):
    web = Web(lab, {"/": "milterGreylistAction: blacklist\nmilterGreylistMsg: because\n"})
    (row,), _ = check(lab, f'urlcheck "u" "{web.url}/" 5\nracl whitelist urlcheck "u"\n', *to_kim("192.0.2.7"))
    assert row["action"] == "blacklist" and row["reply"] == "551 5.7.1 because", row
    assert f"{web.url}/ says milterGreylistAction: blacklist, milterGreylistMsg: because" in row["ledger"][0]["operand"], row["ledger"]
    (row,), told = check(lab, f'urlcheck "u" "http://127.0.0.1:{free_port()}/" 5\nracl blacklist not urlcheck "u"\n', *to_kim("192.0.2.7"))
    assert row["action"] == "greylist" and "no answer, its clauses do not hold" in told, (row, told)
    assert row["ledger"][0]["operand"].startswith("no answer: http://"), row["ledger"]


def test_checks_that_nobody_answers_are_told_when_the_file_is_read(lab):
    _, told = check(lab, 'urlcheck "a" "file:///etc/passwd" 5\nurlcheck "b" "http://x.example/" 5 fork\nldapcheck "l" "ldap://x/dc=x"\n'
                         'tsig "k" "hmac-crc" "AAAA"\nracl greylist default\n', want=78)
    for line in ('check.conf:1:15: warning: only http, https, ldap and ldaps are asked: clauses with urlcheck "a" do not hold',
                 "check.conf:2:36: warning: no process is forked", "check.conf:3: warning: without an ldapconf nobody is asked",
                 "check.conf:4:21: error: this key can't be used: an algorithm is hmac-md5,"):
        assert line in told, told


JOE = ("dn: cn=joe,dc=test\nobjectClass: inetOrgPerson\nsn: joe\ncn: joe\nmail: joe@b.example\ndescription: dnsrbl-2\ndescription: dnsrbl-3\n"
       "title: Boss\n\ndn: cn=star,dc=test\nobjectClass: inetOrgPerson\nsn: star\ncn: star\nmail: *@b.example\n")


def ldap(port, *more):
    return f'ldapconf "ldap://127.0.0.1:{port}" timeout 3s binddn "cn=admin,dc=test" bindpw "geheim"\n' + "".join(more)


def test_a_directory_is_asked_and_its_attributes_become_properties(lab):
    slapd = Slapd(lab.folder, JOE)
    lab.at_end.append(slapd.stop)
    conf = ldap(slapd.port, 'ldapcheck "who" "ldap://ignored.example/dc=test?description,title?sub?(mail=%r)" clear\n',
                'ldapcheck "there" "ldap:///dc=test?cn?sub?(mail=%r)" domatch\nracl blacklist ldapcheck "who"\n',
                'racl blacklist $title "boss" $description "dnsrbl-3" msg "%P{title}"\nracl whitelist ldapcheck "there"\nracl blacklist default\n')
    grey = Greylist(lab, "nospf\n" + conf)
    tell = lambda recipient: reply(grey.tell("--rcpt-to", recipient))
    assert tell("joe@b.example") == "551 5.7.1 boss", "without domatch it does not hold, but its attributes are kept"
    assert tell("kim@b.example") == "551 5.7.1 Go away!"
    assert tell("j*@b.example") == "551 5.7.1 Go away!", "what stands for anything in a filter stands for itself"
    assert tell("*@b.example") is None
    (row,), _ = check(lab, conf, "--client", "192.0.2.7", "--from", "a@b.example", "--to", "joe@b.example")
    assert row["reply"] == "551 5.7.1 boss", row
    (row,), _ = check(lab, "fixldapcheck\n" + conf, "--client", "192.0.2.7", "--from", "a@b.example", "--to", "joe@b.example")
    assert row["line"] == 5, "with fixldapcheck each check is matched"
    slapd.stop()
    assert tell("*@b.example") == "551 5.7.1 Go away!"
    grey.wait_log('ldapcheck "there": .*no answer, its clauses do not hold: .*contact LDAP server')
    slapd.start()
    assert tell("*@b.example") is None, "it is asked again when it is back"


def test_the_next_server_of_a_directory_is_asked(lab):
    slapd = Slapd(lab.folder, JOE)
    lab.at_end.append(slapd.stop)
    conf = (f'ldapconf "ldap://127.0.0.1:{free_port()} ldap://127.0.0.1:{slapd.port}" timeout 3s binddn "cn=admin,dc=test" bindpw "geheim"\n'
            'ldapcheck "there" "ldap:///dc=test?cn?sub?(mail=%r)" domatch\nracl blacklist not ldapcheck "there"\nracl whitelist default\n')
    (row,), _ = check(lab, conf, "--client", "192.0.2.7", "--from", "a@b.example", "--to", "joe@b.example")
    assert row["action"] == "whitelist", row


def test_a_directory_that_hangs_is_given_up(lab):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        grey = Greylist(lab, f'nospf\nldapconf "ldap://127.0.0.1:{silent.getsockname()[1]}" timeout 1s\nldapcheck "there" "ldap:///dc=test??sub?(mail=%r)" domatch\n'
                             'racl blacklist addr 192.0.2.7 ldapcheck "there"\nracl blacklist addr 192.0.2.7 not ldapcheck "there"\nracl whitelist default\n')
        begun = time.monotonic()
        assert reply(grey.tell()) is None
        assert time.monotonic() - begun < 8, "each of the two clauses is asked by one question, for a second"
        grey.wait_log('ldapcheck "there": .*no answer, its clauses do not hold: .*(Timed out|contact LDAP server)')


class Zone:
    """dns_zone.py, and what it tells."""

    def __init__(self, lab, *options):
        self.process = subprocess.Popen(["/usr/bin/python3", "-P", Path(__file__).with_name("dns_zone.py"), "bl.example.net.", *options], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        lab.at_end.append(self.stop)

    def next(self):
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


def marking(port, tsig=""):
    return ('tsig "other" "hmac-sha512" "c2VjcmV0"\ntsig "dns-update" "hmac-md5" "1B2M2Y8AsgTpgAmY7PhCfg=="\ntsig "sha" "hmac-sha256" "c2VjcmV0"\n'
            f'nsupdate "bl" {{ servers "127.0.0.1@{port}" rname "%j.bl.example.net" rvalue "127.0.0.2" ttl 5m {tsig} }}\n'
            f'nsupdate "txt" {{ servers "127.0.0.1@{port}" rname "%j.bl.example.net" rvalue "%f, %h" type 16 {tsig} }}\n'
            'nospf\nracl blacklist rcpt trap@b.example nsupdate "bl"\nracl blacklist rcpt text@b.example nsupdate "txt"\n')


def test_a_record_is_added_to_the_dns(lab):
    zone = Zone(lab)
    grey = Greylist(lab, marking(zone.port))
    assert reply(grey.tell("--rcpt-to", "trap@b.example")) == "551 5.7.1 Go away!"
    assert zone.next() == {"over": "udp", "zone": "bl.example.net.", "records": ["7.2.0.192.bl.example.net. 300 IN A 127.0.0.2"], "key": None, "algorithm": None}
    grey.tell("--rcpt-to", "text@b.example", "--helo", "mx.a.example")
    assert zone.next()["records"] == ['7.2.0.192.bl.example.net. 0 IN TXT "joe@a.example, mx.a.example"']


def test_the_check_tells_what_would_be_added_and_adds_nothing(lab):
    zone = Zone(lab)
    (row,), _ = check(lab, marking(zone.port), "--client", "192.0.2.7", "--from", "joe@a.example", "--to", "trap@b.example")
    assert row["updates"] == [{"nsupdate": "bl", "name": "7.2.0.192.bl.example.net", "value": "127.0.0.2"}], row
    Greylist(lab, marking(zone.port)).tell("--rcpt-to", "text@b.example")
    assert "IN TXT" in zone.next()["records"][0], "the first that came is of the filter"


def test_updates_are_signed_and_go_over_tcp_when_they_must(lab):
    for name, algorithm, secret in (("dns-update", "hmac-md5.sig-alg.reg.int.", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("sha", "hmac-sha256.", "c2VjcmV0"),
                                    ("other", "hmac-sha512.", "c2VjcmV0")):
        zone = Zone(lab, "--key", f"{name}:{algorithm}:{secret}", "--cut-off")
        grey = Greylist(lab, marking(zone.port, f'tsig "{name}"'))
        grey.tell("--rcpt-to", "trap@b.example")
        told = zone.next()
        assert (told["over"], told["key"], told["algorithm"]) == ("tcp", f"{name}.", algorithm), told
        mark = grey.mark()
        grey.stop()
        assert not [line for line in grey.lines[mark:] if "nsupdate" in line], "the signed answer was taken"


def test_what_becomes_of_an_update_that_fails_is_told(lab):
    zone = Zone(lab, "--key", "dns-update:hmac-md5.sig-alg.reg.int.:AAAA")
    grey = Greylist(lab, marking(zone.port, 'tsig "dns-update"'))
    assert reply(grey.tell("--rcpt-to", "trap@b.example")) == "551 5.7.1 Go away!"
    assert zone.next()["problem"] == "BadSignature"
    grey.wait_log(r'nsupdate "bl" 7\.2\.0\.192\.bl\.example\.net -> 127\.0\.0\.2: the server said NOTAUTH, the answer is not signed')
    zone = Zone(lab, "--refuse")
    grey = Greylist(lab, marking(zone.port))
    grey.tell("--rcpt-to", "trap@b.example")
    grey.wait_log("the server said REFUSED")
    zone.stop()
    grey.tell("--rcpt-to", "trap@b.example")
    grey.wait_log(r"127\.0\.0\.1@\d+: Connection refused")
