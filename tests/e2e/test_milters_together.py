"""The hub, with `hikyaku milters serve` as its filter."""
from client import Client
from milters import Multiplexer, add_header, scripted


def test_why_shows_what_the_filters_behind_the_multiplexer_made_of_a_message(lab):
    judge, quiet = scripted(lab, {"eom": [[add_header("X-Judged", "1"), ["a", ""]]]}), scripted(lab)
    verdicts = lab.folder / "verdicts"
    mux = Multiplexer(lab, {"judge": judge, "quiet": quiet}, options=["--verdict-file", str(verdicts)])
    hub = lab.hub(f"smtpd_milters = {mux.spec}\nhikyaku_milters_verdict_file = {verdicts}\ndefault_transport = discard:silently\n")
    with Client(hub.port) as client:
        client.ehlo()
        mail = client.mail("a@a.example", ["b@b.example"])
    mux.stop()  # all that it had to write is written
    told = hub.why(mail)
    assert "judge took part" in told and "add header X-Judged:" in told and "quiet took part" in told, told
    rows = hub.why_rows(mail)
    assert [one["filter"] for one in rows[-1]["filters"]] == ["judge", "quiet"], rows
