"""The dashboard and the alert rules: what they ask for exists, and the runbook knows each alert."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kulanz.telemetry import metrics

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "docs" / "monitoring"
RULES, DASHBOARD = MONITORING / "alerts.yml", MONITORING / "dashboard.json"
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
PROMTOOL = shutil.which("promtool")


def panels() -> list[dict[str, Any]]:
    matches: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return matches


@pytest.mark.parametrize("page", [RULES, MONITORING / "alerts_test.yml", DASHBOARD], ids=lambda page: page.name)
def test_every_metric_that_is_asked_for_exists(page: Path) -> None:
    requested = set(re.findall(r"kulanz_[a-z_]+", page.read_text()))

    assert requested - metrics.names() == set()
    assert requested


def test_every_metric_is_defined_in_the_runbook() -> None:
    families = {family.name for family in metrics.REGISTRY.collect()} | {gauge.name for gauge in metrics.GAUGES}

    undefined = {name for name in families if not re.search(rf"`{name}(_total)?`", RUNBOOK)}

    assert undefined == set()


def test_every_alert_has_its_section_in_the_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())

    assert [alert for alert in alerts if f"`{alert}`" not in RUNBOOK] == []
    assert len(alerts) == len(set(alerts))


def test_panels_do_not_overlap_and_each_asks_something() -> None:
    taken: dict[tuple[int, int], str] = {}

    for panel in panels():
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])

    assert max(x for x, _ in taken) == 23


@pytest.mark.skipif(PROMTOOL is None, reason="apt-get install prometheus")
@pytest.mark.parametrize("wish", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_accepts_the_rules(wish: tuple[str, ...]) -> None:
    answer = subprocess.run([PROMTOOL or "", *wish], cwd=MONITORING, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout + answer.stderr
