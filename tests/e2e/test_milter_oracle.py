"""What Postfix 3.7 did with filters in 582 sessions, the hub does too: one test a topic, with the same scripted filters.

Event by event, as Postfix, each filter has to be told the same. Told ahead (hikyaku_milter_tell_ahead) it is told more, and what comes of it
has to be the same."""
import collections
import re
import socketserver
import threading

import milter_oracle as oracle
from client import trusting_tls
from marks import long
from test_submission import DovecotAuth

_by_topic = collections.defaultdict(list)
for _case in oracle.cases():
    _by_topic[_case["topic"]].append(_case)


def test_the_recorded_sessions_are_all_here(lab):
    assert sum(map(len, _by_topic.values())) >= 582, {topic: len(cases) for topic, cases in _by_topic.items()}


class HubServer:
    """The MTA of milter_oracle.play(): a hub with the configuration of a group of cases."""

    def __init__(self, lab, parameters, places, sink, ahead):
        parameters = {**parameters, "hikyaku_milter_tell_ahead": "yes" if ahead else "no"}
        mine = [line for line in oracle.MAIN.splitlines() if line.split(" =")[0] not in parameters]
        main = "\n".join(mine + [f"relayhost = [127.0.0.1]:{sink.port}"] + [f"{name} = {value}" for name, value in parameters.items()]) + "\n"
        self.hub = lab.hub(oracle.placed(main, places), base="")

    def port_of(self, _):
        return self.hub.port

    def mark(self):
        return self.hub.mark()

    def log_since(self, mark):
        self.hub.wait_log(r"smtpd\[\d+\]: disconnect from", since=mark)
        return oracle.interesting(re.sub(r"^.*? hikyaku/(?:\S+/)?(\w+)\[\d+\]: ", r"\1: ", line) for line in self.hub.lines[mark:]
                                  if ": it decided at " not in line)

    def fate(self, queue_id):
        def named(rows):
            return [r["queue_name"] for r in rows if r["queue_id"] == queue_id]
        if any(f" {queue_id}: removed" in line for line in self.hub.log().splitlines()):
            return "gone"
        rows = self.hub.wait_queue(lambda rows: not set(named(rows)) - {"hold", "deferred"})
        return (named(rows) or ["gone"])[0]


def _make(name, chosen, ahead):
    def test(lab):
        sink = lab.sink(oracle.SINK)
        authority = socketserver.ThreadingTCPServer(("127.0.0.1", 0), DovecotAuth)
        authority.daemon_threads = True
        threading.Thread(target=authority.serve_forever, args=(0.05,), daemon=True).start()
        lab.at_end.append(lambda: (authority.shutdown(), authority.server_close()))
        groups = collections.defaultdict(list)
        for case in chosen:
            groups[oracle.group_of(case)].append(case)
        certificate, key = lab.certificates["mail.hub.test"]
        places = {"@SINK@": sink.port, "@AUTH@": authority.server_address[1], "@CERT@": certificate, "@KEY@": key}
        told, wrong = [], set()
        for group in groups.values():
            scene = oracle.Scene(len(group[0]["filters"]))
            lab.at_end.append(scene.stop)
            server = HubServer(lab, scene.config(group[0]), places, sink, ahead)
            for case in group:
                for what, want, seen in oracle.differences(case, oracle.play(case, server, scene, sink, trusting_tls())):
                    if ahead and what.startswith(("filter ", "connections ")):
                        continue
                    wrong.add(case["id"])
                    told.append(f"{case['id']} ({case['note']}): {what}\n      Postfix: {want}\n      hub:     {seen}")
            server.hub.stop()
        assert not told, f"{len(chosen) - len(wrong)} of {len(chosen)} cases agree; not:\n" + "\n".join(told)

    test.__name__ = test.__qualname__ = f"test_{name}"
    return long(test)


for _topic, _cases in _by_topic.items():
    globals()[f"test_{_topic}"] = _make(_topic, _cases, False)
_in_content = [case for cases in _by_topic.values() for case in cases if re.search("_at_(header|eoh|body|eom)|skip|^end_|^session_", case["id"])]
test_told_ahead = _make("told_ahead", _in_content, True)
