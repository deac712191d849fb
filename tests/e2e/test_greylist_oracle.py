"""Greylisting does what milter-greylist does: recorded sessions, and those where it differs on purpose."""
import json

from greylist_oracle import CASES, DEVIATIONS, RECORDING, sessions
from greylists import Greylist
from marks import long


@long
def test_recorded_sessions_come_out_the_same(lab):
    recorded = {row["case"]: row["told"] for row in map(json.loads, RECORDING.read_text().splitlines())}
    assert recorded.keys() == CASES.keys() and DEVIATIONS.keys() <= CASES.keys()
    different = []
    for name, (conf, all_of_it) in CASES.items():
        grey = Greylist(lab, conf)
        outcome = sessions(lab.binary, grey.spec, all_of_it)
        grey.stop()
        if (outcome != recorded[name]) != (name in DEVIATIONS):
            different.append((name, recorded[name], outcome))
    assert not different, different
