"""Checks the dashboards of Grafana, and that they and the rules of Prometheus go by metrics that deploy/docs/metrics.md lists.

dashboards.py FILE writes every expression of the dashboards into FILE, as rules for `promtool check rules`.
"""

import json
import pathlib
import re
import sys

METRIC = re.compile(r"\b((?:b3lb|process)_[a-z0-9_]+)\b")
# What Grafana puts into expressions.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$tenant": ".*", "$target": ".*"}
GENERAL_TYPES = {"row"}

problems = []
documented = set(re.findall(r"^\| `([a-z0-9_]+)`", pathlib.Path("deploy/docs/metrics.md").read_text(), re.MULTILINE))


def check_metrics(where, text):
    for metric in METRIC.findall(text):
        if not {metric, re.sub("_(bucket|sum|count)$", "", metric)} & documented:
            problems.append(f"{where}: there is no metric {metric}")


def overlap(one, other):
    return (one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
            and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"])


expressions = []
uids = set()
for file in sorted(pathlib.Path("deploy/grafana").glob("*.json")):
    dashboard = json.loads(file.read_text())
    if dashboard["uid"] in uids:
        problems.append(f"{file}: the uid is taken")
    uids.add(dashboard["uid"])
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    if variables.get("datasource", {}).get("type") != "datasource":
        problems.append(f"{file}: no variable for the datasource")
    for variable in variables.values():
        check_metrics(f"{file}: ${variable['name']}", variable.get("definition", ""))
    panels = dashboard["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        problems.append(f"{file}: two panels have one id")
    for number, panel in enumerate(panels):
        where = f"{file}: {panel['title']}"
        if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24:
            problems.append(f"{where}: too wide")
        problems += [f"{where}: covers {other['title']}" for other in panels[:number] if overlap(panel["gridPos"], other["gridPos"])]
        if panel["type"] in GENERAL_TYPES:
            continue
        if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
            problems.append(f"{where}: no description, or no unit")
        if panel["datasource"]["uid"] != "${datasource}" or not panel["targets"]:
            problems.append(f"{where}: does not ask the datasource")
        for target in panel["targets"]:
            expression = target["expr"]
            check_metrics(where, re.sub(r"\$[a-z_]+", "", expression))
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            if "$" in expression:
                problems.append(f"{where}: unknown variable in {expression}")
            expressions.append(expression)

rules = pathlib.Path("deploy/prometheus/rules.yaml").read_text()
check_metrics("deploy/prometheus/rules.yaml", "\n".join(line for line in rules.splitlines() if not line.strip().startswith("#")))
alerts = set(re.findall(r"alert: (\w+)", rules))
explained = set(re.findall(r"^### (\w+)", pathlib.Path("deploy/docs/alerts.md").read_text(), re.MULTILINE))
tested = pathlib.Path("deploy/prometheus/rules_test.yaml").read_text()
problems += [f"deploy/docs/alerts.md does not explain {alert}" for alert in sorted(alerts - explained)]
problems += [f"deploy/docs/alerts.md explains {alert}, which is no alert" for alert in sorted(explained - alerts)]
problems += [f"deploy/prometheus/rules_test.yaml does not test {alert}" for alert in sorted(alerts) if alert not in tested]

if problems:
    sys.exit("\n".join(problems))
groups = {"groups": [{"name": "dashboards", "rules": [{"record": f"b3lb:{n}", "expr": e} for n, e in enumerate(expressions)]}]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(groups))
print(f"{len(uids)} dashboards with {len(expressions)} expressions, {len(alerts)} alerts: ok")
