"""`seamline statements list` and `show`, for people, machines and spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.reconciler.statement import Evidence, Statement, Tally, statement_of, window_of
from tests.integration.terminal import Type
from tests.integration.test_cli_pages import AT, beside, fill

TAKEN = datetime(2026, 11, 21, 2, tzinfo=UTC)


def stated(count: int, missing: tuple[str, ...], evidence: Evidence) -> Statement:
    tally = Tally()
    for number in range(count):
        tally.add(f"web/{number}", "imported", number + 1, None)
    tally.add("web/x", "excluded", None, "=HYPERLINK()")
    return statement_of("web", window_of(date(2026, 11, 20), "UTC"), tally, evidence, missing, undated=0, gone=0)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A day that was stated twice, its first version with something missing."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    by = Evidence(kind="manifests", listed=4, manifests=("manifest/web/a 77",), keys=("manifest/web/a",), open=1)
    rows = [
        stated(2, ("=cmd|1",), by).row(1, TAKEN),
        stated(3, (), by).row(2, TAKEN.replace(hour=9)),
    ]
    fill(path, *[(each.statement, each.row) for each in rows])


@pytest.mark.usefixtures("store")
def test_the_newest_version_is_listed_and_every_version_is_shown_twice_the_same(seamline: Type) -> None:
    """The first version still says what was missing then, whenever it is asked for."""
    (row,) = seamline(*beside("statements", "list")).rows
    assert row[:6] == ["2026-11-20", "web", "complete", "4", "4", "3"]
    first = seamline(*beside("statements", "show", "web", "2026-11-20", "--version", "1"))
    assert "had 4 orders, by manifests; 3 of them are here; 1 never arrived. Verdict: incomplete." in first.out
    assert "by manifest/web/a 77" in first.out
    assert first.out == seamline(*beside("statements", "show", "web", "2026-11-20", "--version", "1")).out
    data = seamline(*beside("statements", "show", "web", "2026-11-20", "--json")).data
    assert (data["version"], data["verdict"], data["excluded"]) == (2, "complete", {"=HYPERLINK()": 1})


@pytest.mark.usefixtures("store")
def test_a_spreadsheet_obeys_nothing_of_it(seamline: Type) -> None:
    """An id and a rule that begin like a formula stay text."""
    said = seamline(*beside("statements", "show", "web", "2026-11-20", "--version", "1", "--csv", "-"))
    rows = list(csv.reader(io.StringIO(said.out)))
    assert ["missing order", "'=cmd|1"] in rows
    assert ["excluded by the rule '=HYPERLINK()'", "1"] in rows
    listed = list(csv.reader(io.StringIO(seamline(*beside("statements", "list", "--csv", "-")).out)))
    assert listed[1][:4] == ["2026-11-20", "web", "complete", "4"]


@pytest.mark.usefixtures("store")
def test_what_was_never_stated_is_said_to_be_so(seamline: Type) -> None:
    """Another day, another version, and what is no day."""
    for words in (("web", "2026-11-19"), ("web", "2026-11-20", "--version", "3")):
        assert seamline(*beside("statements", "show", *words)).status == 1
    assert seamline(*beside("statements", "show", "web", "yesterday")).status == 2
    assert seamline(*beside("statements", "list", "--verdict", "unproven")).rows == []


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An order that waits for its payout, one that is settled, and a difference that somebody has accepted."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    rows: list[tuple[str, tuple[object, ...]]] = []
    for number in (1, 2):
        key = f"web/{number}"
        order = (
            key,
            "web",
            str(number),
            f"=#{number}",
            "imported",
            "proven",
            "12.00",
            "USD",
            AT + number,
            number,
            None,
        )
        rows.append(("put_order_view", (*order, AT)))
        rows.append(("put_expected_sale", (key, number, "imported", "12.00", "USD", None, None, None, 0, AT)))
        rows.append(("put_order_closing", (key, "web", "USD", "0", "[]", AT)))
    rows.append(("note_closing", (AT, '["for a payout"]', "payout", None, "[]", "web/1")))
    rows.append(("note_closing", (None, "[]", "", AT, '["card: payout 7"]', "web/2")))
    rows.append(("put_accepted_difference", ("web/2", "total", AT, "Ann", "+agreed", "2.00", "USD", "12.00", "10.00")))
    fill(path, *rows)


@pytest.mark.usefixtures("books")
def test_what_is_not_settled_and_what_was_accepted_is_listed(seamline: Type) -> None:
    """For people, machines and spreadsheets; the settled order says since when in the list of orders."""
    ((_, key, *_, first, waits),) = seamline(*beside("orders", "unsettled")).rows
    assert (key, first, waits) == ("web/1", "payout", "for a payout")
    assert seamline(*beside("orders", "unsettled", "--waits-for", "shipping")).rows == []
    assert seamline(*beside("orders", "unsettled", "--json")).data[0]["waits"] == ["for a payout"]
    table = list(csv.reader(io.StringIO(seamline(*beside("orders", "unsettled", "--csv", "-")).out)))
    assert table[1][2:4] == ["'=#1", "12.00"]
    (row,) = seamline(*beside("orders", "accepted")).rows
    assert row[1:] == ["web/2", "total", "2.00", "USD", "12.00", "10.00", "Ann", "+agreed"]
    assert "'+agreed" in seamline(*beside("orders", "accepted", "--csv", "-")).out
    assert seamline(*beside("orders", "accepted", "--json")).data[0]["by"] == "Ann"
    listed = {each["key"]: each["settled_at"] for each in seamline(*beside("orders", "list", "--json")).data}
    assert listed["web/1"] is None
    assert listed["web/2"] is not None
