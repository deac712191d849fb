"""packaging/monitoring: what the alerts and the dashboard ask for is what the hub and the multiplexer tell."""
import json
import re
import urllib.request
from pathlib import Path

from hub import free_port
from milters import Multiplexer, scripted

FOLDER = Path(__file__).resolve().parents[2] / "packaging/monitoring"


def told(port):
    """Each metric of a page, with the labels of its rows."""
    metrics = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
        for line in page.read().decode().splitlines():
            if row := re.match(r"(hikyaku_\w+)(?:\{(.*)\})? ", line):
                metrics.setdefault(row[1], set()).update(re.findall(r"(\w+)=\"", row[2] or ""))
    return metrics


def everything(lab):
    port, milters_port = free_port(), free_port()
    lab.hub(f"hikyaku_http_listen = 127.0.0.1:{port}\n")
    Multiplexer(lab, {"one": scripted(lab)}, options=["--http-listen", f"127.0.0.1:{milters_port}"])
    return {**told(port), **told(milters_port)}


def test_each_metric_of_alerts_and_dashboard_is_there(lab):
    there = everything(lab)
    alerts = re.findall(r"^ +expr: (.*)$", (FOLDER / "hikyaku.rules.yml").read_text(), re.M)
    panels = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    asked = alerts + [target["expr"] for panel in panels for target in panel["targets"]]
    names = {name for expression in asked for name in re.findall(r"\bhikyaku_\w+", expression.replace('job="hikyaku"', ""))}
    assert len(alerts) >= 5 and len(panels) >= 10 and len(names) >= 12, names
    assert names <= set(there), names - set(there)


def test_each_label_that_is_shown_is_there(lab):
    there = everything(lab)
    for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            name = re.search(r"\bhikyaku_\w+", target["expr"])[0]
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - {"instance"}
            assert wanted <= there[name], (target, there[name])
    rules = (FOLDER / "hikyaku.rules.yml").read_text()
    for expression, texts in re.findall(r"expr: (.*)\n((?:(?! +- alert).*\n)*)", rules):
        name = re.search(r"\bhikyaku_\w+", expression)
        wanted = set(re.findall(r"\$labels\.(\w+)", texts)) - {"instance"}
        assert not wanted or wanted <= there[name[0]], (expression, wanted)
