"""What Prometheus and Grafana load: the rules fire and stay quiet as they should, and every metric in them exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.reference import metric_rows
from runtime.journal.upkeep import Room

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES, RULES_TEST = DEPLOY / "prometheus" / "alerts.yaml", DEPLOY / "prometheus" / "alerts_test.yaml"
RULES_TESTS = (RULES_TEST, DEPLOY / "prometheus" / "alerts_hours_test.yaml")
BOARD = DEPLOY / "grafana" / "orders.json"

_OF_THE_CLIENT = {
    *("process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"),
    *("process_virtual_memory_bytes", "process_open_fds", "process_max_fds"),
}
_PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(_PROMTOOL is None, reason="promtool is absent; Debian has it in `prometheus`")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(_PROMTOOL), *map(str, arguments)], capture_output=True, text=True, check=False)


@cache
def alerts() -> dict[str, str]:
    """The text of each rule by the name of its alert."""
    text = RULES.read_text(encoding="utf-8")
    return {
        found[1]: found[2]
        for found in re.finditer(r"- alert: (\w+)\n(.*?)(?=\n {6}- |\n {2}- name|\Z)", text, re.DOTALL)
    }


@cache
def board() -> Any:
    return msgspec.json.decode(BOARD.read_bytes())


def board_expressions() -> Iterator[tuple[str, str]]:
    """(panel, expression), and the annotation, with Grafana's variables filled in."""
    for panel in board()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], _filled(target["expr"])
    for each in board()["annotations"]["list"]:
        yield each["name"], _filled(each["expr"])


def _filled(expression: str) -> str:
    for variable, value in (("$__rate_interval", "2m"), ("$instance", ".+"), ("$job", "seamline")):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def metrics_in(text: str) -> set[str]:
    """Names of metrics as they stand in expressions, those of a histogram's series without their ending."""
    return {
        re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name)
        for name in re.findall(r"(?<![\w:])(?:seamline|process)_\w+(?!:)\b", text)
    }


@needs_promtool
def test_prometheus_accepts_the_rules() -> None:
    """Every rule parses."""
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(alerts()) + RULES.read_text(encoding='utf-8').count('- record:')} rules found" in checked.stdout


@needs_promtool
def test_the_rules_fire_and_stay_quiet() -> None:
    """The rules' own tests pass."""
    tested = promtool("test", "rules", *RULES_TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
def test_a_rule_that_never_fires_fails_its_test(tmp_path: Path) -> None:
    """The check can fail: with a threshold out of reach it does."""
    text = RULES.read_text(encoding="utf-8")
    blunted = text.replace("seamline_outcomes_open > 0", "seamline_outcomes_open > 1000")
    assert blunted != text
    (tmp_path / RULES.name).write_text(blunted, encoding="utf-8")
    head, *tests = re.split(r"(?m)^(?=  - name: )", RULES_TEST.read_text(encoding="utf-8"))
    (tmp_path / RULES_TEST.name).write_text(head + "".join(each for each in tests if "SeamlineOutcomesOpen:" in each))
    tested = promtool("test", "rules", tmp_path / RULES_TEST.name)
    assert tested.returncode != 0
    assert "SeamlineOutcomesOpen" in tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_is_tested_both_ways(alert: str) -> None:
    """For each alert there is a moment at which it must fire, and one at which it must not."""
    text = "".join(tests.read_text(encoding="utf-8") for tests in RULES_TESTS)
    assert re.search(rf"alertname: {alert}, exp_alerts: \[\] ", text), "no test keeps it quiet"
    assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", text), "no test makes it fire"


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_says_whose_it_is_and_where_to_read_on(alert: str) -> None:
    """Severity, owner, a summary, and a section of the runbook that is there."""
    rule = alerts()[alert]
    assert re.search(r"severity: (critical|warning)\b", rule)
    assert re.search(r'owner: (operations|finance|ecommerce|sre|"\{\{ \$labels.owner \}\}")', rule)
    assert re.search(r'summary: ".{20,}"', rule)
    page, _, section = re.search(r"runbook_url: (\S+)", rule)[1].partition("#")  # type: ignore[index]
    text = (DEPLOY.parent / page).read_text(encoding="utf-8")
    assert section == alert.lower()
    assert f"\n## {alert}\n" in text


def test_the_runbook_has_no_section_for_an_alert_that_is_gone() -> None:
    """Sections and alerts are the same list, in the order of neither."""
    text = (DEPLOY / "runbook" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == set(alerts())


@pytest.mark.parametrize("place", ["rules", "board"])
def test_every_metric_that_is_asked_for_exists(place: str) -> None:
    """Neither a rule nor a panel asks for a metric that the code does not have."""
    if place == "rules":
        asked = metrics_in(
            "\n".join(re.findall(r"expr:(.*?)(?:for:|labels:|- record|- alert|\Z)", _bare(RULES), re.DOTALL))
        )
    else:
        asked = metrics_in("\n".join(expression for _, expression in board_expressions()))
    there = {row.name for row in metric_rows()} | _OF_THE_CLIENT
    assert len(asked) > 10
    assert asked <= there, asked - there


def _bare(path: Path) -> str:
    return re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_thresholds_of_the_store_are_those_of_the_settings() -> None:
    """The rules repeat the defaults of the disk budget and the reserve; they change together."""
    text, room = RULES.read_text(encoding="utf-8"), Room()
    assert f"< 2 * {room.disk_reserve_bytes}\n" in text
    assert f"< {room.disk_reserve_bytes}\n" in text
    assert f"> 0.8 * {room.disk_budget_bytes}\n" in text


@needs_promtool
def test_prometheus_accepts_every_expression_of_the_board(tmp_path: Path) -> None:
    """Each panel's expression parses; they are checked as recording rules (JSON is YAML)."""
    rules = [{"record": f"panel:{n}", "expr": expression} for n, (_, expression) in enumerate(board_expressions())]
    assert len(rules) > 30
    file = tmp_path / "board.yaml"
    file.write_bytes(msgspec.json.encode({"groups": [{"name": "board", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_panels_of_the_board_do_not_overlap() -> None:
    """Each panel has an id of its own and its own place on the grid of 24 columns."""
    taken: set[tuple[int, int]] = set()
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
