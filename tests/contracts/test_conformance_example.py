"""The smallest connector keeps the whole contract: the suite is content with an honest one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.testing.conformance import RULES, Case, cases_of
from tests.architecture.sources import ROOT
from tests.contracts.conformance_example import notes_connector


@pytest.mark.parametrize("case", cases_of(notes_connector()), ids=str)
def test_the_example_keeps_the_contract(case: Case) -> None:
    """Each rule for each call."""
    case.run()


def test_a_stranger_needs_an_installed_seamline_and_nothing_else(tmp_path: Path) -> None:
    """Neither pytest nor this repository's tests are behind the suite."""
    alone = (
        "import sys, runtime.testing.conformance as kit; "
        "print(len(kit.RULES), [name for name in sys.modules if name.split('.')[0] in ('pytest', 'tests', 'flows')])"
    )
    env = {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", alone], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout == f"{len(RULES)} []\n"


def test_the_page_for_developers_names_what_is_there() -> None:
    """Every file that it sends somebody to."""
    page = (ROOT / "connectors" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:runtime|connectors|flows|tests|deploy)/[\w./-]+\w(?!<)\b", page))
    assert len(named) >= 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
