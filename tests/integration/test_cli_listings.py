"""`seamline listings`: what was checked, page by page, for people, machines and spreadsheets."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from tests.integration.terminal import Type
from tests.integration.test_cli_pages import AT, beside, fill

TITLES = ("Mug", "=1+1", "+1", "-2", "@SUM(A1)", " =1", "\t=1", "a,b", '"', "\x1b[31m", "\uff1d1", "")
"""What a listing may be called by whoever wants to run something at whoever opens the list."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A sales channel with a check of which twelve mismatches were found, and a newer list that is not whole."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    figures = (100, 90, 80, 70, '{"price":6,"unknown":6}', "d")
    rows = [
        ("put_listing_check", ("web", 1, "run-1", None, AT, AT + 1, 4, *figures)),
        ("put_listing_check", ("web", 2, "run-2", AT, AT + 2, None, None, 0, 0, 0, 0, "{}", "")),
    ]
    for n, title in enumerate(TITLES):
        found = ("web", 4, "unknown" if n % 2 else "price", f"gid@{n}/ '", f"=SKU-{n}", title, "1.00 EUR", "-1")
        rows.append(("put_listing_mismatch", found))
    rows.append(("put_listing_mismatch", ("web", 5, "unknown", "half", "", "", "", "")))
    fill(path, *rows)
    return path


@pytest.mark.usefixtures("store")
def test_the_command_that_is_printed_shows_the_next_page(seamline: Type) -> None:
    """Every mismatch of the last complete check once, whatever it is called, and nothing of a check under way."""
    whole = seamline(*beside("listings", "web")).rows
    assert len(whole) == len(TITLES)
    assert [row[0] for row in whole] == ["price"] * 6 + ["unknown"] * 6
    said = seamline(*beside("listings", "web", "--limit", "5"))
    shown = said.rows
    while more := re.search(r"^more: seamline (.+)$", said.err, re.MULTILINE):
        said = seamline(*shlex.split(more[1]))
        shown += said.rows
    assert shown == whole
    assert len(seamline(*beside("listings", "web", "--cause", "price", "--json")).data) == 6
    assert seamline(*beside("listings", "web", "--after", "price")).status != 0


@pytest.mark.usefixtures("store")
def test_a_spreadsheet_finds_no_formula(seamline: Type) -> None:
    """No cell begins with what is one, and commas and quotes come back as they were."""
    said = seamline(*beside("listings", "web", "--csv", "-", "--limit", "11"))
    head, *rows = csv.reader(said.out.splitlines())
    assert head == ["cause", "listing", "SKU", "title", "sales channel says", "Fulfil says"]
    assert len(rows) == 11
    assert "--csv -" in said.err
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))]
    assert {"a,b", '"', "Mug", "'=1+1", "' =1", "'-2"} <= set(cells)
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("store")
def test_statements_say_when_what_was_compared(seamline: Type) -> None:
    """The latest first; one whose pages are missing says so by having no figures."""
    latest, before = seamline(*beside("listings")).rows
    assert latest[2] == "not yet"
    assert before[3:] == ["100", "90", "80", "70", "6 price, 6 unknown"]
    _, *table = csv.reader(seamline(*beside("listings", "--csv", "-")).out.splitlines())
    assert table == [latest, before]
    found = seamline(*beside("listings", "web", "--checks", "--json")).data
    assert [(row["manifest"], row["checked_at"] is None, row["mismatches"]) for row in found] == [
        ("run-2", True, {}),
        ("run-1", False, {"price": 6, "unknown": 6}),
    ]


@pytest.mark.usefixtures("store")
def test_a_sales_channel_that_was_never_checked_is_not_one_without_mismatches(seamline: Type) -> None:
    """Exit status 1, with where to look."""
    said = seamline(*beside("listings", "marketplace"))
    assert said.status == 1
    assert "no complete list of what 'marketplace' offers has been checked" in said.err
