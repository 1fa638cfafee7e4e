"""`seamline shipments list` and `seamline carriers coverage`, for people and machines."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from runtime.clock import SystemClock
from tests.integration.terminal import Type
from tests.integration.test_cli_pages import AT, beside, fill

STATES = ("told", "sent", "held", "waiting", "told", "withdrawn", "sent")
CARRIERS = ("UPS", "UPS", "DPD Next Day v2", "UPS", "UPS", "UPS", "")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Seven shipments, a second apart; the last one of a sales channel that cannot say what it was told."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    fill(path, *shipped_since(AT))
    return path


def shipped_since(first: int) -> list[Any]:
    """The rows of the seven."""
    rows = []
    for n, (state, carrier) in enumerate(zip(STATES, CARRIERS, strict=True)):
        cause = carrier if state == "held" else ""
        at = first + n * 1_000_000
        facts = (at, at, at if state == "sent" else None, at if state == "told" else None, at, int(n < 6), None)
        what = (f"out-{n}", f"CS{n}", 1, state, cause, carrier, "", "", 1, '["T1"]', "2")
        rows.append(("put_fulfilment", ("web", f"out-{n}-100{n}", f"web/100{n}", *what, *facts)))
    return rows


@pytest.mark.usefixtures("store")
def test_shipments_are_listed_page_by_page(seamline: Type) -> None:
    """The latest first; the command that is printed shows the next page."""
    whole = seamline(*beside("shipments", "list")).rows
    assert [row[1] for row in whole] == [f"CS{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    said = seamline(*beside("shipments", "list", "--limit", "3"))
    shown = said.rows
    while more := re.search(r"^more: seamline (.+)$", said.err, re.MULTILINE):
        said = seamline(*shlex.split(more[1]))
        shown += said.rows
    assert shown == whole


def test_what_is_overdue_is_listed_the_longest_first(
    seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Page by page, with cause and amount; what is due and was not looked at, or is no case any more, is not in it."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    rows: list[Any] = []
    for n in range(5):
        key, due = f"web/100{n}", AT - n * 3_600_000_000
        rows.append(("put_unshipped", (key, "web", 900 + n, AT, None)))
        if n:
            rows.append(("note_unshipped", (None, due, "no stock", key)))
        if n < 4:
            case = (f"f{n}", "shipment.overdue", key, "no stock", f"{n} x MUG was to leave", "operations")
            rows.append(("open_case", (*case, "12.50", "USD", due, AT)))
    fill(path, *rows)
    listed = seamline(*beside("shipments", "overdue", "--json")).data
    assert [(row["key"], row["cause"], row["amount"]) for row in listed] == [
        (f"web/100{n}", "no stock", "12.50") for n in (3, 2, 1)
    ]
    paged = seamline(*beside("shipments", "overdue", "--limit", "2"))
    more = re.search(r"^more: seamline (.+)$", paged.err, re.MULTILINE)
    assert more is not None
    assert [row[1] for row in paged.rows + seamline(*shlex.split(more[1])).rows] == [row["key"] for row in listed]


@pytest.mark.usefixtures("store")
def test_what_is_untold_is_listed_the_oldest_first(seamline: Type) -> None:
    """What is held, waiting or sent; not what a sales channel could never say."""
    rows = seamline(*beside("shipments", "list", "--untold", "--json")).data
    assert [(row["number"], row["state"]) for row in rows] == [("CS1", "sent"), ("CS2", "held"), ("CS3", "waiting")]
    assert rows[1]["cause"] == "DPD Next Day v2"
    paged = seamline(*beside("shipments", "list", "--untold", "--limit", "1"))
    more = re.search(r"^more: seamline (.+)$", paged.err, re.MULTILINE)
    assert more is not None
    assert [row[1] for row in seamline(*shlex.split(more[1])).rows] == ["CS2"]


@pytest.mark.usefixtures("store")
def test_the_shipments_of_one_order_are_listed(seamline: Type) -> None:
    """By its key or whatever else it is called; with the other conditions, too."""
    case = ("f", "carrier.unmapped", "web/1002", "DPD Next Day v2", "it is held", "operations")
    fill(Path(os.environ["SEAMLINE__STORE__PATH"]), ("open_case", (*case, None, None, AT, AT)))
    of = ("shipments", "list", "--order", "web/1002")
    assert [row[1] for row in seamline(*beside(*of)).rows] == ["CS2"]
    assert [row[1] for row in seamline(*beside(*of, "--untold")).rows] == ["CS2"]
    assert seamline(*beside(*of, "--state", "told")).rows == []
    unknown = seamline(*beside("shipments", "list", "--order", "A-9"))
    assert (unknown.status, "no order is known as 'A-9'" in unknown.err) == (1, True)


def test_coverage_is_of_one_sales_channel_where_one_is_named(
    seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What has no carrier is called so; a name that the configuration does not have is refused."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    monkeypatch.setenv("SEAMLINE__SALES_CHANNELS__WEB__FULFILMENTS__FLOW__FLOW_ID", "4512")
    fill(path, *shipped_since(SystemClock().now() - 60_000_000))
    said = seamline(*beside("carriers", "coverage", "web"))
    assert ["web", "(no carrier)", "", "1", "no"] in said.rows
    assert "web: 0 of 7 shipments map (0.0%)" in said.out
    assert seamline(*beside("carriers", "coverage")).out == said.out
    assert seamline(*beside("carriers", "coverage", "marketplace")).rows == []
    unknown = seamline(*beside("carriers", "coverage", "europe"))
    assert (unknown.status, "no sales channel 'europe'; there are" in unknown.err) == (1, True)
