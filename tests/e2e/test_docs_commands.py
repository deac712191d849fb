"""Each command of the documentation is run, on a machine of its own, as it stands there."""
import os
import re
import shutil
import subprocess
import sys

import ese_files
from documentation import PAGES, TOP, Special, commands, code, play
from hub import make_certificates
from machine import Machine

ALL_LONG = True  # see marks.long
SECRET = "open sesame"
NAMES = ("mail.example.com", "mx.example.com")
NEEDS_PACKAGES = Special(elsewhere="tools/check_packages.py builds, installs and rebuilds packages")
NEEDS_SYSTEMD = Special(elsewhere="tools/check_packages.py: it boots a systemd")


def machine_of(lab, names=NAMES):
    machine = Machine(lab, names)
    certificates = make_certificates(lab.folder / "tls", names)
    authority = certificates["ca"].read_bytes()
    name = machine.succeed("openssl x509 -hash -noout", authority.decode()).strip()
    machine.put(f"/etc/ssl/certs/{name}.0", authority)
    machine.put("/etc/ssl/certs/ca-certificates.crt", authority)
    certificate, key = certificates["mail.example.com"]
    machine.put("/etc/ssl/mail.pem", certificate.read_bytes() + key.read_bytes(), 0o600)
    return machine


def add_user(machine, *names):
    for name in names:
        machine.succeed(f"hikyaku user add {name}", SECRET + "\n")


def mail_server(lab, *domains, main="", master="", users=(), names=NAMES):
    """A hub as `hikyaku setup` makes it, with mailboxes for these domains; it runs."""
    machine = machine_of(lab, names)
    machine.succeed("hikyaku setup --host mail.example.com --certificate /etc/ssl/mail.pem " + " ".join(f"--domain {domain}" for domain in domains))
    machine.put("/etc/hikyaku/main.cf", machine.path("/etc/hikyaku/main.cf").read_text() + main)
    machine.put("/etc/hikyaku/master.cf", machine.path("/etc/hikyaku/master.cf").read_text() + master)
    add_user(machine, *users)
    machine.start("hikyaku serve", "^ready$")
    return machine


def test_base64(lab):
    machine = machine_of(lab)
    machine.put("/root/1.zip", bytes(range(256)) * 300)
    play(machine, "docs/base64.md")
    machine.succeed("cmp 1.zip 2.zip")


def message(subject, body="hello"):
    return f"From: ann@example.com\r\nTo: joe@example.org\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 09:00:00 +0900\r\n\r\n{body}\r\n"


def mbox(*subjects):
    return "".join(f"From ann@example.com Tue Nov 24 00:00:00 2026\n{message(subject)}\n".replace("\r", "") for subject in subjects)


def store(machine, mailbox, *subjects):
    machine.put("/tmp/mbox", mbox(*subjects))
    machine.succeed(f"hikyaku store import {mailbox} /tmp/mbox")


def typed_password(name):
    return Special(typed=((f"Password for {name}: ", SECRET + "\n"), ("Once more: ", SECRET + "\n")))


def last_id(machine):
    return re.findall(r"queued as (\w+)", machine.said)[-1]


def test_tutorial(lab):
    machine = machine_of(lab)
    play(machine, "docs/tutorial.md",
         [("hikyaku user add", typed_password("joe@example.com")), ("hikyaku serve", Special(until="^ready$"))],
         [("QUEUE-ID", lambda: last_id(machine))])


def test_by_hand(lab):
    machine = mail_server(lab, "example.com")
    machine.succeed("hikyaku user add username", "password\n")
    play(machine, "docs/by-hand.md")


def test_header_from(lab):
    machine = machine_of(lab)
    play(machine, "docs/header-from.md", [("hikyaku config diff", Special(before=lambda m: m.start("hikyaku serve", "^ready$")))])


def test_routing_by_sender(lab):
    play(machine_of(lab), "docs/routing-by-sender.md")


def damaged_log(machine):
    """Of a hub that was killed: in the second of five messages one bit is wrong."""
    for number in range(5):
        machine.succeed(f"hikyaku probe smtp mail.example.com --from ann@example.net --to joe@example.com --header 'Subject: number {number}'")
    machine.succeed("pkill --signal KILL hikyaku; while pgrep hikyaku > /dev/null; do sleep 0.05; done; mkdir -p /mnt/old; cp /var/lib/hikyaku/mailboxes/default/db/*.log /mnt/old/000123.log")
    (log,) = machine.path("/var/lib/hikyaku/mailboxes/default/db").glob("*.log")
    octets = bytearray(log.read_bytes())
    octets[octets.index(b"Subject: number 1")] ^= 1
    log.write_bytes(octets)


def test_crash(lab):
    machine = mail_server(lab, "example.com", users=["joe@example.com"])
    damaged_log(machine)
    play(machine, "docs/crash.md", [("hikyaku store status", Special(want=65)), ("hikyaku store check-logs", Special(want=65)), ("hikyaku store mount --force", Special()), ("hikyaku store mount", Special(want=65))])


def exchange_files(lab, machine):
    ese_files.three_logs(lab.folder / "logs")
    for file in (lab.folder / "logs").iterdir():
        machine.put(f"/srv/logs/{file.name}", file.read_bytes())
    first = ese_files.log(10)
    bad = bytearray(ese_files.log(11, first))
    bad[8200:8210] = b"overwritten"[:10]
    machine.put("/srv/bad/E000000000A.log", first)
    machine.put("/srv/bad/E000000000B.log", bytes(bad))
    machine.put("/root/priv1.edb", ese_files.database())
    machine.put("/root/clean.edb", ese_files.database(state=3, required=(0, 0)))
    machine.succeed("mkdir /srv/moved")


def test_exchange(lab):
    machine = machine_of(lab)
    exchange_files(lab, machine)
    play(machine, "docs/exchange.md", [("hikyaku ese verdict priv1.edb", Special(want=65)), ("hikyaku ese logs /srv/bad", Special(want=65))])


def test_databases(lab):
    machine = mail_server(lab, "example.org", users=["joe@example.org"], main="hikyaku_writable_directories = /srv\n")
    store(machine, "joe@example.org", "one")
    play(machine, "docs/databases.md")


def test_import_and_export(lab):
    machine = mail_server(lab, "example.org", users=["joe@example.org"])
    store(machine, "joe@example.org", "one", "two")
    for folder in ("cur", "new", "tmp"):
        machine.succeed(f"mkdir -p /home/joe/Maildir/{folder}")
    machine.put("/home/joe/Maildir/cur/1.2.host:2,S", message("of a Maildir"))
    machine.put("/root/old.mbox", mbox("old"))
    play(machine, "docs/import-and-export.md")



GREYLIST = """socket "/run/milter-greylist/milter-greylist.sock"
dumpfile "/var/lib/milter-greylist/greylist.db" 600
geoipdb "/usr/share/GeoIP/GeoIP.dat"
racl whitelist domain a.example not spf pass
racl blacklist geoip "CN" msg "Go away!"
racl greylist default
"""


def greylist_files(machine):
    for file in ("/etc/milter-greylist/greylist.conf", "/root/greylist.conf"):
        machine.put(file, GREYLIST)
    machine.succeed("mkdir -p /var/lib/milter-greylist /run/milter-greylist /etc/hikyaku")


def tried_once(machine):
    machine.run("hikyaku milters test inet:7890@127.0.0.1 --connect-address 192.0.2.7 --from joe@a.example --recipient kim@b.example")


def test_geoip(lab):
    play(machine_of(lab), "docs/geoip.md")


def test_greylisting(lab):
    machine = machine_of(lab)
    greylist_files(machine)
    for name in ("hub1", "fleet"):
        machine.put(f"/root/{name}{'-ca' if name == 'fleet' else ''}.pem", machine.path("/etc/ssl/mail.pem").read_bytes())
    machine.put("/root/hub1.key", machine.path("/etc/ssl/mail.pem").read_bytes(), 0o600)
    play(machine, "docs/greylisting.md", [
        ("hikyaku greylist serve -f greylist.conf -p", Special(until="^ready$")),
        ("hikyaku greylist status", Special(before=tried_once)),
        ("openssl rand", Special(before=lambda m: m.succeed("pkill hikyaku"))),
        ("hikyaku greylist serve -f greylist.conf --peer", Special(until="^ready$"))])


MILTERS = """controller.connection_spec = "unix:/run/milters.sock"
manager.connection_spec = "inet:10025@[127.0.0.1]"
define_milter("greylist") do |milter|
  milter.connection_spec = "inet:8891@127.0.0.1"
end
"""


def milters(machine):
    greylist_files(machine)
    machine.put("/etc/milter-manager/milter-manager.conf", MILTERS)
    machine.put("/root/message.eml", message("filtered"))
    machine.start("hikyaku greylist serve -f /etc/milter-greylist/greylist.conf -p inet:8891@127.0.0.1 -w 0 -d /var/lib/filter.db", "^ready$")


def test_milters(lab):
    machine = machine_of(lab)
    milters(machine)
    again = Special(until="^ready$", before=lambda m: m.succeed("pkill --full '[m]ilters serve'; while pgrep --full '[m]ilters serve' > /dev/null; do sleep 0.05; done; mkdir -p /var/tmp/sessions"))
    play(machine, "docs/milters.md", [("hikyaku milters serve -f FILE", again), ("hikyaku milters test inet:127.0.0.1:8891 --replay", Special(want=65)), ("hikyaku milters serve", Special(until="^ready$"))],
         [("FILE", "/etc/milter-manager/milter-manager.conf")])


def test_mime(lab):
    machine = machine_of(lab)
    machine.put("/root/1.zip", bytes(range(256)) * 300)
    machine.put("/root/plan.pdf", b"%PDF-1.4\n" + bytes(range(256)))
    machine.put("/root/photo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    machine.put("/root/body.txt", "=8C=A9=90=CF\n")
    machine.put("/root/letter.txt", "\u9001\u308a\u307e\u3059\n")
    machine.succeed("hikyaku mime attach --new --from a@example.org --to b@example.net --subject photo --text hello photo.png > mail.eml; mkdir folder")
    play(machine, "docs/mime.md")
    machine.succeed("cmp photo.png folder/photo.png")


DOVECOT = """base_dir = /run/dovecot
log_path = /dev/stderr
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = </etc/ssl/mail.pem
ssl_key = </etc/ssl/mail.pem
mail_location = maildir:/var/mail/%u
first_valid_uid = 1
passdb {
 driver = passwd-file
 args = scheme=PLAIN username_format=%u /etc/dovecot/people
}
userdb {
 driver = static
 args = uid=nobody gid=nogroup home=/var/mail/%u
}
service lmtp {
 unix_listener lmtp {
 mode = 0666
 }
 inet_listener lmtp {
 port = 24
 }
}
service imap-login {
 chroot =
}
service anvil {
 chroot =
}
"""


def dovecot(machine, *people):
    machine.put("/etc/dovecot/dovecot.conf", DOVECOT)
    machine.put("/etc/dovecot/people", "".join(f"{name}:{{PLAIN}}{SECRET}::::::\n" for name in people))
    machine.succeed("rm -rf /var/mail; mkdir -m 777 /var/mail")
    machine.start("dovecot -F -c /etc/dovecot/dovecot.conf", "starting up")


PROBED = ("mail.example.com", "mx.example.com", "backend.example.com")
PROBED_MASTER = "2525 inet n - n - - smtpd\n"


def test_probe(lab):
    machine = mail_server(lab, "example.com", users=["joe"], names=PROBED, master=PROBED_MASTER)
    dovecot(machine, "joe")
    machine.put("/root/commands", "a CAPABILITY\nb LOGOUT\n")
    password = Special(typed=(("assword", SECRET + "\n"),))
    play(machine, "docs/probe.md", [("hikyaku probe submission", password), ("hikyaku probe lmtp", Special(stdin="QUIT\n")), ("hikyaku probe smtp", Special(stdin="RCPT\nQUIT\n"))])


def test_probe_send(lab):
    machine = mail_server(lab, "example.com", users=["joe", "ann@example.com"], names=PROBED, master=PROBED_MASTER)
    dovecot(machine, "ann@example.com")
    machine.put("/root/pw", SECRET + "\n", 0o600)
    machine.put("/root/report.pdf", b"%PDF-1.4\n" + bytes(range(256)))
    play(machine, "docs/probe-send.md")


def test_probe_script(lab):
    machine = mail_server(lab, "example.com", users=["joe"])
    dovecot(machine, "joe")
    machine.put("/etc/monitor/joe.secret", SECRET + "\n", 0o600)
    blocks, block = [], []
    for _, line in code(TOP / "docs/probe-script.md"):
        if line is None:
            blocks.append("\n".join(block) + "\n")
            block = []
        elif not line.startswith("$ "):
            block.append(line)
    login = next(text for text in blocks if "@ auth PLAIN joe" in text)
    machine.put("/root/mx.script", login.partition("# joe can")[0] + "S+ 250*SIZE*\nC: QUIT\nS: 221 *\n")
    machine.put("/root/login.script", login)
    machine.put("/root/imap.script", "S: * OK*\nC: a LOGOUT\nS* \\**\nS: a OK*\n")
    play(machine, "docs/probe-script.md", replaced=[("PROBE_PASSWORD=...", f"PROBE_PASSWORD='{SECRET}'")])


def test_probe_audit(lab):
    machine = mail_server(lab, "example.com", users=["joe@example.com"], main="mynetworks = [::1]/128\n")  # it has no reason to trust us
    dovecot(machine, "joe@example.com")
    machine.put("/root/secret", SECRET + "\n", 0o600)
    play(machine, "docs/probe-audit.md")


def test_configuration(lab):
    machine = mail_server(lab, "example.org", users=["joe@example.org"], main="hikyaku_mailbox_expire_maps = inline:{ {/Trash = expire 30d} }\n")
    store(machine, "joe@example.org", "one")
    machine.succeed("cp -r /etc/hikyaku /etc/postfix; cp /usr/sbin/hikyaku hikyaku; mkdir -p /var/spool/hikyaku; groupdel postdrop; getent passwd hikyaku || useradd --system hikyaku")
    play(machine, "docs/configuration.md")


def test_packages(lab):
    machine = machine_of(lab)
    play(machine, "docs/packages.md", [
        *((start, NEEDS_PACKAGES) for start in ("apt-get install devscripts", "mk-build-deps", "dpkg-buildpackage -us -uc -b -P", "dpkg-buildpackage -us -uc -b ", "apt-get install ../", "dch")),
        *((start, NEEDS_SYSTEMD) for start in ("systemctl edit hikyaku.socket", "systemctl stop", "systemctl enable", "systemctl start", "systemctl edit hikyaku ")),
        ("hikyaku setup", Special(typed=(("name of this server", "\n"), ("domains whose", "example.com\n"), ("Networks", "\n"), ("mail for the world", "\n"), ("certificate", "\n"))))])


def test_salvage(lab):
    machine = mail_server(lab, "example.com", users=["joe@example.com"])
    damaged_log(machine)
    machine.succeed("hikyaku store mount --force")
    play(machine, "docs/salvage.md")


def prepare_readme(machine):
    """Before the hub starts: the lines that the page gives for main.cf and master.cf, and room for backups."""
    machine.succeed("mkdir -p /srv/db02")
    add_user(machine, "taro@box.example.com", "joe@example.org")
    for file, more in (("main.cf", "hikyaku_writable_directories = /srv\nhikyaku_mailbox_log_lifetime = 8d\n"), ("master.cf", "pop3 inet n - n - - pop3 -o smtpd_tls_auth_only=yes\n")):
        path = machine.path(f"/etc/hikyaku/{file}")
        path.write_text(path.read_text() + more)


def send(machine):
    machine.said += machine.succeed("hikyaku probe smtp mail.example.com --from ann@example.net --to taro@box.example.com")


def files_of_readme(machine):
    for folder in ("cur", "new", "tmp"):
        machine.succeed(f"mkdir -p /home/taro/Maildir/{folder}")
    machine.put("/home/taro/Maildir/cur/1.2.host:2,S", message("of a Maildir"))
    machine.put("/root/old.mbox", mbox("old"))


def test_readme(lab):
    machine = machine_of(lab)
    milters(machine)
    exchange_files(lab, machine)
    machine.put("/root/1.zip", bytes(range(256)) * 300)
    machine.put("/root/mail.eml", message("plain"))
    shutil.copytree(TOP / "packaging", machine.path("/root/packaging"))
    machine.succeed("mkdir -p build/release; cp /usr/sbin/hikyaku build/release")
    answers = ((f"{words}", f"{answer}\n") for words, answer in (
        ("name of this server", ""), ("domains whose", "example.com box.example.com example.org"), ("Networks", ""), ("mail for the world", ""),
        ("of the certificate", "/etc/ssl/mail.pem"), ("of its key", "")))
    log = "/var/lib/hikyaku/mailboxes/default/db"
    play(machine, "README.md", [
        ("./quickstart", Special(elsewhere="below: what it shows")), ("./check", Special(elsewhere="it runs this test")),
        ("hikyaku setup", Special(typed=tuple(answers))),
        ("hikyaku serve", Special(until="^ready$", before=prepare_readme)),
        ("hikyaku probe submission mail.example.com  ", Special(stdin="RCPT\nQUIT\n")),
        ("hikyaku user add", typed_password("username")),
        ("hikyaku probe submission mail.example.com --user", Special(typed=(("assword", SECRET + "\n"),))),
        ("hikyaku why", Special(before=send)),
        ("curl", Special(typed=(("password for user", SECRET + "\n"),))),
        ("hikyaku store import", Special(before=files_of_readme)),
        ("hikyaku mailbox expire", Special(before=lambda m: store(m, "joe@example.org", "old"))),
        ("hikyaku store salvage", Special(before=lambda m: m.succeed(f"cp $(ls {log}/*.log | tail -1) /mnt/000123.log"))),
        ("hikyaku store restore", Special(before=lambda m: m.succeed("now=$(date +%s); while [ $(date +%s) = $now ]; do sleep 0.05; done; hikyaku store dismount"))),
        ("hikyaku store create", Special(before=lambda m: m.succeed("hikyaku store mount"))),
        ("hikyaku greylist serve", Special(until="^ready$")),
        ("hikyaku milters serve", Special(until="^ready$")),
        ("hikyaku ese verdict", Special(want=65))],
        [("QUEUE-ID", lambda: last_id(machine)), ("2026-11-24T09:00:00+09:00", lambda: machine.succeed("date --iso-8601=seconds").strip())])


def test_what_quickstart_shows_holds(lab):
    done = subprocess.run([sys.executable, TOP / "tools/quickstart.py"], env=os.environ | {"HIKYAKU_BINARY": str(lab.binary)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0 and re.search(r"^(\d+) of \1 held$", done.stdout, re.M), done.stdout[-3000:]


def test_every_command_is_one(lab):
    """What begins with `hikyaku` in a block of code is run, or tells what may be written: by | or by a word in capitals."""
    wrong = []
    for page in PAGES:
        for number, line in code(page):
            if line and line.startswith("hikyaku ") and not re.search(r"[a-z]\|[a-z]|\[--| [A-Z]{2,}", line.split("#")[0]) and "_" not in line.split()[0] and not re.match(r"hikyaku mailbox catalogue", line):
                wrong.append(f"{page.name}:{number}: {line}")
    assert not wrong, "\n".join(wrong)


def test_every_page_with_commands_is_played(lab):
    played = set(re.findall(r'play\((?:\w+|machine_of\(lab\)), "([^"]+)"', (TOP / "tests/e2e/test_docs_commands.py").read_text()))
    for page in PAGES:
        assert not commands(page) or str(page.relative_to(TOP)) in played, f"no test plays {page.name}"
