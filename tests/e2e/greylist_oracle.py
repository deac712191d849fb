"""Sessions with the real milter-greylist, and what it made of them: recorded once in tests/oracle/greylist_cases.jsonl, and held against ours by
test_greylist_oracle.py. Cases that need time to pass are in src/config/greylist_conversation_test.cc, where time is handed in.

  tests/e2e/greylist_oracle.py --record /usr/sbin/milter-greylist --binary build/release/hikyaku

writes the recording anew; built with DNSRBL, SPF and GeoIP, milter-greylist 4.6.4 made the present one."""
import argparse
import json
import re
import subprocess
import tempfile
import threading
from pathlib import Path

RECORDING = Path(__file__).resolve().parents[1] / "oracle/greylist_cases.jsonl"

MESSAGE = ["--header", "Subject: hello there", "--header", "X-Spam: YES", "--body", "buy an offer now"]

# name: the configuration, and sessions as options of `milters test`; "@ADDRESS" is the client's.
CASES = {
    "quiet": (
        "nospf\n"
        "quiet\n",
        [[]],
    ),
    "white_addr": (
        "nospf\n"
        "racl whitelist addr 192.0.2.0/24\n"
        "racl greylist default\n",
        [[], ["@198.51.100.1"]],
    ),
    "white_domain": (
        "nospf\n"
        "racl whitelist domain example.net\n",
        [[], ["--connect-name", "mx.badexample.net"], ["--connect-name", ""]],
    ),
    "domainexact": (
        "nospf\n"
        "domainexact\n"
        "racl whitelist domain example.net\n",
        [[], ["--connect-name", "mx.badexample.net"], ["--connect-name", "example.net"]],
    ),
    "from_forms": (
        "nospf\n"
        "racl blacklist from joe@a.example\n",
        [["--mail-from", "JOE@A.example"], ["--mail-from", "prvs=12=joe@a.example"], ["--mail-from", "<>"], ["--mail-from", "xjoe@a.example"]],
    ),
    "from_regex": (
        "nospf\n"
        "racl blacklist from /^<joe@/\n"
        "racl whitelist from /^<>$/\n",
        [[], ["--mail-from", "<>"], ["--mail-from", "prvs=12=joe@a.example"]],
    ),
    "rcpt": (
        "nospf\n"
        "racl blacklist rcpt kim@b.example\n"
        "racl whitelist rcpt lee@b.example\n",
        [[], ["--rcpt-to", "lee@b.example"], ["--rcpt-to", "kim@b.example", "lee@b.example"]],
    ),
    "helo": (
        "nospf\n"
        "racl blacklist helo \"CLIENT.example.net\"\n"
        "racl blacklist helo /^x/\n",
        [[], ["--helo", "xyz"], ["--helo", "example.net"]],
    ),
    "not": (
        "nospf\n"
        "racl blacklist not addr 192.0.2.0/24 not from x@y.z\n"
        "racl whitelist default\n",
        [[], ["@198.51.100.1"]],
    ),
    "custom": (
        "nospf\n"
        "racl blacklist from joe@a.example code \"554\" ecode \"5.5.1\" msg \"no %r from %f via %i %d %h %mr %sr %mf %sf %md %sd (%A %a)\"\n"
        "racl \"my id\" greylist default code \"450\" ecode \"4.2.0\" msg \"wait %R %Rt (%a %cA)\"\n",
        [[], ["--mail-from", "x@y.example"]],
    ),
    "old": (
        "nospf\n"
        "addr 192.0.2.0/24\n"
        "from x@y.example\n"
        "racl blacklist default\n",
        [[], ["@198.51.100.1"], ["@198.51.100.1", "--mail-from", "x@y.example"]],
    ),
    "continue": (
        "nospf\n"
        "racl continue addr 192.0.2.7 msg \"first\" addheader \"X-One: %i\"\n"
        "racl continue from joe@a.example addheader \"X-Two: %f\"\n"
        "racl whitelist default\n",
        [[*MESSAGE]],
    ),
    "dacl_header": (
        "nospf\n"
        "maxpeek 100k\n"
        "racl whitelist default\n"
        "dacl blacklist header /^X-Spam: yes/ msg \"spam\"\n",
        [[*MESSAGE], ["--header", "Subject: x"]],
    ),
    "dacl_body": (
        "nospf\n"
        "maxpeek 100k\n"
        "racl whitelist default\n"
        "dacl blacklist body \"offer\"\n",
        [[*MESSAGE], ["--body", "nothing"]],
    ),
    "msgsize": (
        "nospf\n"
        "maxpeek 100k\n"
        "racl whitelist default\n"
        "dacl blacklist msgsize > 10k\n",
        [[*MESSAGE], ["--body", "x" * 20000]],
    ),
    "changes": (
        "nospf\n"
        "maxpeek 100k\n"
        "report none\n"
        "racl whitelist default addheader \"X-Last: %i\"\n"
        "dacl continue default addheader \"X-First: 1\",1 subjtag \"[new] \"\n",
        [[*MESSAGE]],
    ),
    "report_text": (
        "nospf\n"
        "racl whitelist addr 192.0.2.7 report \"seen %i by rule %A\"\n",
        [[]],
    ),
    "white_all_kinds": (
        "nospf\n"
        "racl whitelist addr 192.0.2.7 domain example.net from joe@a.example rcpt kim@b.example helo \"client.example.net\"\n",
        [[]],
    ),
    "auth": (
        "nospf\n"
        "racl blacklist default\n",
        [["--authenticated-name", "joe"], []],
    ),
    "noauth": (
        "nospf\n"
        "noauth\n"
        "racl blacklist default\n",
        [["--authenticated-name", "joe"]],
    ),
    "auth_clause": (
        "nospf\n"
        "racl whitelist auth \"joe\"\n"
        "racl blacklist auth /./\n"
        "racl greylist default\n",
        [["--authenticated-name", "joe"], ["--authenticated-name", "lee"], []],
    ),
    "macro": (
        "nospf\n"
        "sm_macro \"m\" \"{spam}\" \"yes\"\n"
        "sm_macro \"n\" \"{spam}\" unset\n"
        "sm_macro \"o\" \"{spam}\" /^M/\n"
        "racl blacklist sm_macro \"m\"\n"
        "racl whitelist sm_macro \"o\"\n"
        "racl greylist sm_macro \"n\" msg \"unset\"\n",
        [["--macro", "{spam}=yes"], ["--macro", "{spam}=maybe"], []],
    ),
    "greylist_macro": (
        "nospf\n"
        "racl blacklist default\n",
        [["--macro", "{greylist}=WHITE"], ["--macro", "{greylist}=BLACK"]],
    ),
    "delayedreject": (
        "nospf\n"
        "delayedreject\n",
        [["--mail-from", "<>"], []],
    ),
    "props": (
        "nospf\n"
        "racl continue set $a = \"x%mr\" set $b = 2 set $b += 3 set $b -= 1\n"
        "racl blacklist $a \"XKIM\" $b == 4 msg \"%P{a} %P{b} %pn %pv\"\n"
        "racl whitelist default\n",
        [[]],
    ),
    "props2": (
        "nospf\n"
        "racl continue set $n += 1\n"
        "racl blacklist $n >= 3 msg \"n is %P{n}\"\n"
        "racl whitelist default\n",
        [["--rcpt-to", "a@b.c", "b@b.c", "c@b.c", "d@b.c"]],
    ),
    "rset": (
        "nospf\n"
        "racl continue rset $n += 1\n"
        "racl blacklist $n >= 2\n"
        "racl whitelist default\n",
        [["--rcpt-to", "a@b.c", "b@b.c", "c@b.c"]],
    ),
    "groups": (
        "nospf\n"
        "extendedregex\n"
        "racl blacklist from /<(.+)@(.+)>/ msg \"%g{\\1} at %g{\\2}\"\n",
        [[]],
    ),
    "lists": (
        "nospf\n"
        "list \"l\" from { x@y.example /joe/ }\n"
        "list \"n\" addr { 198.51.100.0/24 192.0.2.7 }\n"
        "racl blacklist list \"l\" list \"n\"\n"
        "racl whitelist default\n",
        [[], ["@192.0.2.9"]],
    ),
    "rcptcount": (
        "nospf\n"
        "racl blacklist rcptcount >= 2\n"
        "racl whitelist default\n",
        [["--rcpt-to", "a@b.c", "b@b.c", "c@b.c"]],
    ),
    "ratelimit": (
        "nospf\n"
        "ratelimit \"r\" rcpt 2 / 1h\n"
        "racl blacklist ratelimit \"r\"\n"
        "racl whitelist default\n",
        [[], [], [], []],
    ),
    "testmode": (
        "nospf\n"
        "testmode\n"
        "rcpt kim@b.example\n",
        [[], ["--rcpt-to", "lee@b.example"]],
    ),
    "geoip": (
        "nospf\n"
        "geoipdb \"/usr/share/GeoIP/GeoIP.dat\"\n"
        "racl blacklist geoip \"CN\" msg \"from %C\"\n"
        "racl whitelist geoip \"ZZ\"\n"
        "racl greylist default msg \"%C\"\n",
        [["@1.0.1.1"], ["@8.8.8.8"], ["@127.0.0.1"]],
    ),
    "v6": (
        "nospf\n"
        "racl whitelist addr 2001:db8::/32\n"
        "racl blacklist default msg \"%i %j\"\n",
        [["@2001:db8::1"], ["@2001:db9::1"], []],
    ),
    "maxpeek_unset": (
        "nospf\n"
        "racl whitelist default\n"
        "dacl blacklist body \"offer\"\n",
        [[*MESSAGE]],
    ),
    "subjtag": (
        "nospf\n"
        "maxpeek 100k\n"
        "report none\n"
        "racl whitelist default\n"
        "dacl continue from joe@a.example subjtag \"[joe] \"\n",
        [[*MESSAGE], ["--mail-from", "x@y.example", *MESSAGE]],
    ),
    "dacl_custom": (
        "nospf\n"
        "maxpeek 100k\n"
        "racl whitelist default\n"
        "dacl blacklist rcpt lee@b.example msg \"%f to %r\" code \"452\" ecode \"4.7.0\"\n",
        [[*MESSAGE], ["--rcpt-to", "kim@b.example", "lee@b.example", *MESSAGE]],
    ),
    "propregex": (
        "nospf\n"
        "racl continue set $a = \"red\"\n"
        "racl blacklist $a /^RE/ msg \"%pn %pv\"\n"
        "racl whitelist default\n",
        [[]],
    ),
    "propglob": (
        "nospf\n"
        "racl continue set $a = \"k*@b.example\"\n"
        "racl blacklist * $a \"%r\"\n"
        "racl whitelist default\n",
        [[], ["--rcpt-to", "lee@b.example"]],
    ),
    "formats": (
        "nospf\n"
        "racl blacklist default msg \"%v|%D|%C|%Qs|%S|%t|%I{/24}|%M{none}|%Mj|%cA|%ca|%E|%Eh|%z|%Xq\"\n",
        [[]],
    ),
    "default_white": (
        "nospf\n"
        "racl whitelist default\n",
        [[]],
    ),
    "tarpit": (
        "nospf\n"
        "racl whitelist tarpit 1s autowhite 1d\n",
        [[], []],
    ),
    "tarpit_grey": (
        "nospf\n"
        "racl greylist tarpit 1s\n",
        [[]],
    ),
    "multiline": (
        "nospf\n"
        "racl blacklist \\\n"
        " from joe@a.example \\\n"
        " msg \"%A\"\n",
        [[]],
    ),
}

# Where ours differs on purpose, and why.
DEVIATIONS = {
    "maxpeek_unset": "a rule of the message that stands in the file is looked at without `maxpeek` too",
    "formats": "a percent sign in a reply is doubled for the MTA, which drops a single one",
    "tarpit": "its flag for a tarpit is also those for DKIM and MX, which it then names as reasons",
}


def told(row):
    """What of a session of `milters test` is compared: without this host's name and addresses, and without times."""
    headers = []
    for line in row["headers"].splitlines():
        if re.match(r"(Received|From|To|Date|Message-ID|\s)", line):
            continue
        headers.append(re.sub(r"\(\S+ \[\S+\]\); .*$", "(HOST); DATE", line))
    answers = [_line(one.get("reply")) or one["verdict"] for one in row["events"] if one["event"] == "rcpt"]
    return {"result": row["result"], "recipients": answers, "reply": _line(row.get("reply")), "headers": headers, "body": row["body"]}


def _line(reply):
    return reply and f'{reply["code"]} {reply["enhanced"]} {reply["text"]}'


def sessions(binary, spec, all_of_a_case):
    """Each session's outcome, one after the other."""
    outcomes = []
    for options in all_of_a_case:
        options, client = list(options), "192.0.2.7"
        if options and options[0].startswith("@"):
            client = options.pop(0)[1:]
        for name, value in (("--mail-from", "joe@a.example"), ("--rcpt-to", "kim@b.example")):
            if name not in options:
                options += [name, value]
        done = subprocess.run([binary, "milters", "test", spec, "--json", "--connect-address", client, *options], capture_output=True, timeout=60)
        assert done.stdout, done.stderr.decode()
        outcomes.append(told(json.loads(done.stdout)))
    return outcomes


def record(program, binary):
    with RECORDING.open("w") as out:
        for name, (conf, all_of_it) in CASES.items():
            with tempfile.TemporaryDirectory() as folder:
                path, socket = Path(folder) / "greylist.conf", Path(folder) / "socket"
                path.write_text(f'{conf}dumpfile "{folder}/db"\n')
                process = subprocess.Popen([program, "-D", "-f", path, "-p", socket], stderr=subprocess.DEVNULL)
                ready = threading.Event()
                while not socket.exists() and process.poll() is None:
                    ready.wait(0.02)
                row = {"case": name, "told": sessions(binary, f"unix:{socket}", all_of_it)}
                process.terminate()
                process.wait()
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", metavar="PROGRAM", required=True)
    parser.add_argument("--binary", required=True)
    given = parser.parse_args()
    record(given.record, given.binary)
