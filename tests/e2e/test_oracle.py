"""What Postfix 3.7 did with 217 messages, the hub must do too: one test a topic, each over the real SMTP port."""
import collections
import shutil

import oracle
from marks import alone, long

_by_topic = collections.defaultdict(list)
if (oracle.ORACLE / "cases.jsonl").exists():
    for _case in oracle.cases():
        _by_topic[_case["topic"]].append(_case)

def _make(topic, chosen):
    def test(lab):
        peers = oracle.Peers()
        lab.at_end.append(peers.stop)
        told, wrong = [], set()
        for case in chosen:
            folder = lab.folder / case["id"]
            for what, want, got in oracle.replay(lab.binary, folder, case, peers):
                wrong.add(case["id"])
                told.append(f"{case['id']} ({case['note']}): {what}\n      Postfix: {want}\n      hub:     {got}")
            shutil.rmtree(folder, ignore_errors=True)
        assert not told, f"{len(chosen) - len(wrong)} of {len(chosen)} cases agree; not:\n" + "\n".join(told)

    test.__name__ = test.__qualname__ = f"test_{topic}"
    return long(alone(test))


for _topic, _cases in _by_topic.items():
    globals()[f"test_{_topic}"] = _make(_topic, _cases)
