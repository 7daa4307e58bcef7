"""What monitoring/ has to be without a gateway: well-formed, complete, and the same as its sources."""

import json
import re
import subprocess
import sys

from host import ROOT, Failure, run

MONITORING = ROOT / "monitoring"


def alert_names():
    return re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())


def expressions():
    """The dashboard's expressions: panel, expression, legend."""
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
    return [(panel["title"], target["expr"], target["legendFormat"]) for panel in panels for target in panel.get("targets", [])]


def metrics_of(text):
    """The names of metrics in expressions, without the endings of histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:postgres_gateway|process)_\w+", text)}


def check_files(check):
    for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        run(["promtool", *arguments], cwd=MONITORING)
        check(True, f"promtool {' '.join(arguments)}")
    result = subprocess.run([sys.executable, MONITORING / "dashboard.py", "--check"], capture_output=True, text=True)
    check(result.returncode == 0, "the dashboard is what its program writes", result.stderr)
    check_alerts(check)
    check_dashboard(check)


def check_alerts(check):
    rules = (MONITORING / "alerts.yml").read_text()
    cases = (MONITORING / "alerts_test.yml").read_text()
    page = (ROOT / "docs/monitoring.md").read_text()
    for rule in re.split(r"(?m)^ +- alert: ", rules)[1:]:
        name = rule.split("\n")[0]
        for part in ("for: ", "severity: ", "summary: ", "description: ", f"runbook: docs/monitoring.md#{name.lower()}\n"):
            if part not in rule:
                raise Failure(f"{name} has no {part.strip()}")
        severity = re.search(r"severity: (\w+)", rule).group(1)
        if f"### {name}\n\n*{severity}.*" not in page:
            raise Failure(f"docs/monitoring.md has no heading {name} with its severity, {severity}")
        case = cases.split(f"- name: {name}\n")
        if len(case) != 2 or "exp_samples: []" not in case[1].split("- name: ")[0] or "value: 1\n" not in case[1].split("- name: ")[0]:
            raise Failure(f"alerts_test.yml does not say when {name} fires and when it does not")
    headings = re.findall(r"(?m)^### (\w+)$", page)
    check(sorted(headings) == sorted(alert_names()), f"{len(headings)} alerts have each their test and their heading", str(headings))


def check_dashboard(check):
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
    for panel in panels:
        if panel["type"] != "row":
            if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit") or not panel.get("targets"):
                raise Failure(f"the panel {panel['title']} lacks a description, a unit or an expression")
            if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24:
                raise Failure(f"the panel {panel['title']} is beyond the page's width")
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    check(len(set(places)) == len(panels), "each panel has its place")
    check(len({panel["id"] for panel in panels}) == len(panels), "and its number")
    used = metrics_of((MONITORING / "alerts.yml").read_text() + "".join(expression for _, expression, _ in expressions()))
    check(used <= described(), "the page has each metric that is watched", str(used - described()))


def described():
    """The metrics in the table of the page."""
    table = (ROOT / "docs/monitoring.md").read_text().split("## Metrics")[1].split("\n## ")[0]
    names = {name for row in re.findall(r"(?m)^\| (`.*?) \|", table) for name in re.findall(r"`(\w+)`", row)}
    return {name if name.startswith("process_") else f"postgres_gateway_{name}" for name in names}
