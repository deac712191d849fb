"""`hikyaku greylist serve` spoken to by Debian's miltertest, which is another's idea of an MTA."""
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

from greylists import Greylist
from test_milter_peers import need

SCRIPT = Path(__file__).resolve().parents[1] / "milter/greylist.lua"


class Relay:
    """Stands between an MTA and a filter, and keeps what the filter says: miltertest tells only the first letter of a reply."""

    def __init__(self, lab, filter_path):
        self.path, self.filter_path, self.said = lab.folder / "relay.sock", filter_path, b""
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(self.path))
        self.door.listen(1)
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def _carry(self):
        mta, _ = self.door.accept()
        with mta, socket.socket(socket.AF_UNIX) as behind:
            behind.connect(str(self.filter_path))
            there = threading.Thread(target=self._one_way, args=(mta, behind), daemon=True)
            there.start()
            while octets := behind.recv(65536):
                self.said += octets
                mta.sendall(octets)
            there.join()

    @staticmethod
    def _one_way(source, target):
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)

    def replies(self):
        """The replies of the filter that have a text (SMFIR_REPLYCODE), once the connection is over."""
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.door.close()
        self.path.unlink()
        at, out = 0, []
        while at < len(self.said):
            end = at + 4 + int.from_bytes(self.said[at:at + 4], "big")
            if self.said[at + 4:at + 5] == b"y":
                out.append(self.said[at + 5:end].rstrip(b"\0").decode())
            at = end
        return out


def run(grey, plan):
    """What the script has echoed, and the filter's replies."""
    relay = Relay(grey.lab, grey.socket)
    done = subprocess.run(["miltertest", "-D", f"SOCKET={relay.path}", "-D", f"PLAN={plan}", "-s", SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.splitlines(), relay.replies()


def test_what_is_put_off_is_taken_when_it_comes_again(lab):
    need("miltertest")
    grey = Greylist(lab, "nospf\ngreylist 1s\n")
    echoed, replies = run(grey, "attempt")
    assert echoed == ["rcpt y"] and replies == ["451 4.7.1 Greylisting in action, please come back in 00:00:01"], (echoed, replies)
    # It comes again until it passes: there is no event to wait for but the clock's.
    end = time.monotonic() + 20
    while echoed == ["rcpt y"] and time.monotonic() < end:
        echoed, replies = run(grey, "attempt")
    assert echoed[:2] == ["rcpt c", "end c"] and replies == [], (echoed, replies)
    assert re.match(r"X-Greylist: Delayed for 00:00:0\d by milter-greylist-4\.6\.4 \(hub\.example \[0\.0\.0\.0\]\); ", echoed[2]) and len(echoed) == 3, echoed
    echoed, _ = run(grey, "attempt")
    assert echoed[2].startswith("X-Greylist: IP, sender and recipient auto-whitelisted, not delayed by milter-greylist-4.6.4 (hub.example "), echoed


def test_a_blacklist_is_answered_in_the_words_of_its_rule(lab):
    need("miltertest")
    grey = Greylist(lab, 'nospf\nracl blacklist addr 192.0.2.7 rcpt kim@b.example code "553" ecode "5.1.8" msg "%f is not %%welcome"\n')
    echoed, replies = run(grey, "attempt")
    # The filter protocol has each percent sign of a reply twice.
    assert echoed == ["rcpt y"] and replies == ["553 5.1.8 joe@a.example is not %%welcome"], (echoed, replies)
    grey.wait_log(r"4Q1: addr mx\.example\[192\.0\.2\.7\] from <joe@a\.example> to <kim@b\.example> blacklisted \(ACL 2\)")


def test_messages_of_one_connection_are_told_apart(lab):
    need("miltertest")
    grey = Greylist(lab, 'nospf\nracl whitelist default\ndacl blacklist header /^Subject: cheap/ msg "no cheap things of %f"\n')
    echoed, replies = run(grey, "abort")
    default = "X-Greylist: Default is to whitelist mail, not delayed by milter-greylist-4.6.4 (hub.example "
    assert [line[:len(default)] for line in echoed] == ["rcpt c", "rcpt c", "end c", default, "rcpt c", "end y", "rcpt c", "end c", default], echoed
    assert replies == ["551 5.7.1 no cheap things of joe@a.example"], replies
    grey.wait_log(r"4Q3: addr mx\.example\[192\.0\.2\.9\] from <joe@a\.example> blacklisted \(ACL 3\)")
