"""What the operator exposes is clean, described, and what alerts and dashboard ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from support import exposed

ROOT = Path(__file__).parents[3]
FILES = ROOT / "helm" / "supportbundle-operator" / "files"
HERE = Path(__file__).parent
Promtool = Callable[..., str]


def alerts() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load((FILES / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0][
        "rules"
    ]
    return rules


def dashboard_queries() -> Iterator[str]:
    board = json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_promtool_finds_nothing_to_mend_in_the_metrics(promtool: Promtool) -> None:
    assert promtool("check", "metrics", stdin=exposed.exposition()) == ""


def test_the_documentation_lists_every_metric_as_it_is() -> None:
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    for name, kind, meaning, labels in exposed.families():
        words = ", ".join(f"`{label}`" for label in labels)
        assert f"| `{name}` | {kind} | {words} | {meaning} |" in page, name
    told = set(re.findall(r"^\| `(supportbundle_[a-z_]+)`", page, re.MULTILINE))
    assert told == {name for name, *_ in exposed.families()}


def test_no_label_can_hold_a_name_of_a_tenant() -> None:
    used = {label for *_, labels in exposed.families() for label in labels}
    assert used == {"cause", "code", "method", "operation", "outcome", "phase", "reason", "result", "stage", "version"}


def test_the_alerts_are_valid(promtool: Promtool) -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(FILES / "alerts.yaml"))


def test_each_alert_fires_when_it_should_and_only_then(promtool: Promtool) -> None:
    cases = HERE / "alerts.yaml"
    assert "SUCCESS" in promtool("test", "rules", str(cases))
    tests = yaml.safe_load(cases.read_text(encoding="utf-8"))["tests"]
    wanted = [(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test["alert_rule_test"]]
    for alert in alerts():
        assert {(alert["alert"], True), (alert["alert"], False)} <= set(wanted), (
            "one test that fires, one that does not"
        )


def test_each_alert_has_a_runbook_entry() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    links = {alert["annotations"]["runbook_url"] for alert in alerts()}
    assert links == {f"docs/runbooks.md#{alert['alert'].lower()}" for alert in alerts()}
    assert headings == {alert["alert"].lower() for alert in alerts()}


def test_alerts_and_dashboard_name_only_metrics_that_exist() -> None:
    known = exposed.series()
    for query in [*dashboard_queries(), *(alert["expr"] for alert in alerts())]:
        assert set(exposed.NAME.findall(query)) <= known, query


def test_the_dashboards_queries_are_promql(promtool: Promtool, tmp_path: Path) -> None:
    queries = [query.replace("$__rate_interval", "5m").replace("$namespace", ".*") for query in dashboard_queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(file))


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for query in dashboard_queries() for name in exposed.NAME.findall(query)}
    plain = {re.sub("_bucket$", "", name) for name in shown}
    assert {name for name, *_ in exposed.families()} <= plain
