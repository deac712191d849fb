"""What greylisting asks the DNS, it asks together where it can."""
import json
import subprocess

from dns import Dns
from greylists import Greylist, reply

LISTS = 6
CONF = "nospf\n" + "".join(f'dnsrbl "L{i}" l{i}.example 127.0.0.2\n' for i in range(LISTS))


def listed(*numbers):
    """The zone of the lists: the client 192.0.2.7 is on these."""
    return {f"7.2.0.192.l{i}.example": {"A": ["127.0.0.2"] if i in numbers else []} for i in range(LISTS)}


def check(lab, conf, dns, *arguments):
    path = lab.folder / "check.conf"
    path.write_text(conf)
    done = subprocess.run([lab.binary, "greylist", "check", "-f", path, "--json", "--client", "192.0.2.7", "--client-name", "mx.a.example",
                           "--from", "joe@a.example", "--to", "kim@b.example", "--dns-server", f"127.0.0.1@{dns.port}", *arguments],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_lists_of_several_rules_are_asked_together(lab):
    dns = Dns(listed(5), together=LISTS)
    lab.at_end.append(dns.stop)
    row = check(lab, CONF + "".join(f'racl blacklist dnsrbl "L{i}"\n' for i in range(LISTS)), dns)
    assert row["action"] == "blacklist" and row["line"] == 1 + 2 * LISTS, row
    assert sorted(dns.asked()) == sorted(f"A 7.2.0.192.l{i}.example" for i in range(LISTS)), dns.asked()


def test_servers_and_spf_are_asked_with_the_lists(lab):
    dns = Dns({**listed(), "a.example": {"TXT": ["v=spf1 include:b.example -all"], "MX": [(10, "in.a.example")]},
               "b.example": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]}, "in.a.example": {"A": ["198.51.100.1"]}}, together=LISTS + 2)
    lab.at_end.append(dns.stop)
    conf = CONF + 'list "any" dnsrbl { ' + " ".join(f'"L{i}"' for i in range(LISTS)) + " }\n"
    row = check(lab, conf + 'racl blacklist list "any"\nracl whitelist mx /24\nracl whitelist spf pass\n', dns)
    assert row["action"] == "whitelist" and row["line"] == 11 + LISTS - 6, row
    first = dns.asked()[:LISTS + 2]
    assert "TXT a.example" in first and "MX a.example" in first, dns.asked()
    assert "TXT b.example" not in first, "what an answer names can be asked after it alone"


def test_who_is_decided_on_does_not_wait_for_what_was_asked_ahead(lab):
    dns = Dns({**listed(0), "7.2.0.192.l1.example": "SILENT"})
    lab.at_end.append(dns.stop)
    grey = Greylist(lab, CONF + 'racl blacklist dnsrbl "L0"\nracl whitelist dnsrbl "L1"\n', ["--dns-server", f"127.0.0.1@{dns.port}"])
    # The filter waits 5 s for a question.
    assert reply(grey.tell(timeout=4)) == "551 5.7.1 Go away!"
    assert "A 7.2.0.192.l1.example" in dns.asked(), dns.asked()
