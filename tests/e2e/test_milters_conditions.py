"""What applicable conditions of `hikyaku milters serve` know, and what they decide."""
from milters import Multiplexer, scripted

CONTINUE, ACCEPT = ["c", ""], ["a", ""]


def saw(filter_, session=0) -> str:
    return "".join(kind for kind, *_ in filter_.wait_closed(count=session + 1)[session] if kind in "CHMRTLNBE")


def condition(name, **stoppers) -> str:
    bodies = "\n".join(f"  condition.define_{stage}_stopper {{ |context, *told| {body} }}" for stage, body in stoppers.items())
    return f'define_applicable_condition("{name}") do |condition|\n{bodies}\nend'


def uses(*names) -> str:
    return "\n  ".join(f'milter.add_applicable_condition("{name}")' for name in names)


def test_a_macro_that_a_condition_has_set_is_known_to_later_ones(lab):
    one, other = scripted(lab), scripted(lab)
    head = "\n".join([
        condition("Sets", connect='context["mine"] = "yes"; false', envelope_from='context["theirs"] = context["{mine}"]; false'),
        condition("Asks", envelope_from='raise "none" unless context["mine"] == "yes"; false', data='context["theirs"] == "yes"')])
    mux = Multiplexer(lab, {"one": one, "other": other}, head=head, extra={"one": uses("Sets", "Asks"), "other": uses("Asks")})
    assert mux.tell()["result"] == "passed"
    assert saw(one) == "CHMR" and saw(other) == "CHMRTLLLNBE", (saw(one), saw(other))
    mux.wait_log("filter other stays applicable: .*none")


def test_what_another_filter_said_last_is_known_at_each_stage(lab):
    for stage, script, asked, seen in (("data", {"data": [[ACCEPT]]}, "end_of_header", "CHMRTLLL"),
                                       # It waits for the edits of the judge.
                                       ("eoh", {"eoh": [[ACCEPT]]}, "end_of_message", "CHMRT")):
        judge, other = scripted(lab, script), scripted(lab)
        head = condition("Undecided", **{asked: 'context.children["judge"].accept?'})
        mux = Multiplexer(lab, {"judge": judge, "other": other}, head=head, extra={"other": uses("Undecided")})
        assert mux.tell()["result"] == "passed"
        assert saw(other) == seen, (stage, saw(other))


def test_one_that_failed_refuses_nobody_whom_its_last_condition_may_rule_out(lab):
    reject = 'milter.fallback_status = "reject"\n  '
    mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"}, extra={"gone": reject + uses("Unauthenticated", "Sendmail Compatible")})
    row = mux.tell("--authenticated-name", "joe")
    assert row["result"] == "passed", row
    row = mux.tell()
    assert row["reply"]["code"] == 550 and row["events"][-1]["event"] == "mail", row
    mux = Multiplexer(lab, {"gone": "inet:1@[127.0.0.1]"}, extra={"gone": reject + uses("Sendmail Compatible", "Trust")})
    row = mux.tell()
    assert row["reply"]["code"] == 550 and row["events"][-1]["event"] == "connect", "these rule nobody out"


def test_without_filters_the_fallback_status_is_the_answer(lab):
    for status, code in (("temporary-failure", 451), ("reject", 550), ("accept", None)):
        mux = Multiplexer(lab, {}, head=f'manager.fallback_status = "{status}"')
        assert mux.tell().get("reply", {}).get("code") == code, status
    assert Multiplexer(lab, {}, head='manager.fallback_status = "discard"').tell()["result"] == "discarded"


def test_evaluation_tells_of_a_failure_and_of_a_filter_that_was_not_asked(lab):
    judge = scripted(lab, {"rcpt": [[["half"]]]})
    mux = Multiplexer(lab, {"judge": judge, "local": scripted(lab), "refuses": scripted(lab, {"data": [[["r", ""]], [CONTINUE]]})},
                      extra={"judge": 'milter.evaluation_mode = true\n  milter.fallback_status = "reject"', "refuses": "milter.tell_ahead = false",
                             "local": "milter.evaluation_mode = true\n  " + uses("Remote Network")})
    assert mux.tell("--connect-address", "127.0.0.1")["result"] == "refused"
    mux.wait_log("evaluation: judge failed, where its fallback_status, reject, would have counted")
    mux.tell("--connect-address", "192.0.2.1")
    mux.wait_log(r"evaluation: local would have let it pass unchanged")
    told = [line for line in mux.lines if "evaluation: local" in line]
    assert len(told) == 1, told
