"""What was purged gives its room back."""
import json
import re

from client import sample
from marks import long
from test_mailboxes import BOXES, JOE, TABLES, mailbox
from test_recovery import command
from test_rewrite_and_route import send

ANN = "ann@box.example"


def deliver(hub, to, count):
    for number in range(count):
        send(hub, "a@b.example", to, sample("a@b.example", to, f"number {number:02}", "line\r\n" * 8000))
    hub.wait_queue(lambda rows: not rows)


def subjects(hub, of):
    return re.findall(r"^Subject: (number \d\d)", command(hub, "export", of), re.M)


@long
def test_beside_a_hub_and_without_one(lab):
    hub = lab.hub(BOXES, tables=TABLES)
    for running in (True, False):
        deliver(hub, JOE, 20)
        deliver(hub, ANN, 3)
        kept = subjects(hub, ANN)
        hub.stop()  # all is in tables now
        hub.start()
        hub.run("mailbox", "delete", JOE)
        assert mailbox(hub, "purge", "--older", "0s")[0]["purged"] == 20
        if not running:
            hub.stop()
        told = json.loads(command(hub, "compact", "--json"))
        # 20 of at most 26 messages of 48 kB are gone.
        assert told["octets_before"] > 900_000 and told["octets_after"] < told["octets_before"] / 3, told
        assert "octets before" in command(hub, "compact")
        assert subjects(hub, ANN) == kept
        if running:
            hub.stop()
        assert "0 problems" in command(hub, "verify")
        hub.start()
