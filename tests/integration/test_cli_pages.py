"""Long lists and empty ones, as people and machines read them: pages that join, and words where there is nothing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.model.schema import ORDERS
from runtime.clock import SystemClock
from runtime.journal.journal import opened
from tests.integration.terminal import ROOT, Type, on_a_terminal

EXAMPLE = ROOT / "deploy" / "seamline.example.toml"
AT = 1_795_000_000_000_000
"""An instant in 2026, in microseconds."""
ORDER_IDS = ("1", "2", "10", "A b", "it's $HOME", "gid://shop/Order/7", "100%", "a@b", "\x1b[31m", "é")


def beside(*words: str) -> list[str]:
    return [*words, "--config", str(EXAMPLE)]


def fill(store: Path, *rows: tuple[str, tuple[Any, ...]]) -> None:
    async def main() -> None:
        async with (
            opened(store, SystemClock(), lambda _event: None, (ORDERS,)) as journal,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(journal.writer.run)
            await journal.write(rows)
            tasks.cancel_scope.cancel()

    anyio.run(main)


def held(order_id: str, at: int) -> list[tuple[str, tuple[Any, ...]]]:
    """An order that is held, changed at `at`, and its case with a deadline then."""
    key = f"web/{order_id}"
    view = (key, "web", order_id, order_id, "held", "proven", "10.00", "USD", None, None, None, at)
    case = (order_id.encode().hex(), "sku.unknown", key, "A", "s", "ecommerce", "10.00", "USD", 1, at)
    return [("put_order_view", view), ("open_case", case)]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A store of ten held orders; most of them changed in one commit, at one instant."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    fill(path, *(row for n, each in enumerate(ORDER_IDS) for row in held(each, AT + n // 8)))
    return path


@pytest.mark.parametrize(
    ("words", "column"),
    [
        (["orders", "list"], 1),
        (["orders", "list", "--state", "held", "--sales-channel", "web"], 1),
        (["holds"], 3),
        (["holds", "--kind", "sku.unknown", "--owner", "ecommerce"], 3),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", ["1", "3", "10"])
@pytest.mark.usefixtures("store")
def test_the_command_that_is_printed_shows_the_next_page(
    seamline: Type, words: list[str], column: int, limit: str
) -> None:
    """Page by page to the end, whatever the orders are called: every row once, and no page after the last row."""
    whole = [row[column] for row in seamline(*beside(*words)).rows]
    assert len(whole) == len(ORDER_IDS)
    said = seamline(*beside(*words, "--limit", limit))
    shown = [row[column] for row in said.rows]
    while more := re.search(r"^more: seamline (.+)$", said.err, re.MULTILINE):
        assert len(shown) < len(whole), "there is a next page only when something is on it"
        assert "\x1b" not in said.err
        said = seamline(*shlex.split(more[1]))
        shown += [row[column] for row in said.rows]
    assert shown == whole


def test_what_is_not_settled_waits_for_no_case_that_has_ended(seamline: Type, store: Path) -> None:
    """Though the last look, some minutes ago, found two of them."""
    view = ("web/x", "web", "x", "x", "imported", "proven", "9.00", "USD", None, 7, "SO7", AT + 99)
    waits = '["for its goods to leave", "for its open cases to end (sale.differs, refund.untold)"]'
    case = ("f", "refund.untold", "web/x", "c", "s", "finance", None, None, AT, AT)
    fill(
        store,
        ("put_order_view", view),
        ("put_expected_sale", ("web/x", 7, "imported", "9.00", "USD", None, None, "{}", 0, 1)),
        ("put_order_closing", ("web/x", "web", "USD", "9.00", "[]", 1)),
        ("note_closing", (1, waits, "shipping", None, "[]", "web/x")),
        ("open_case", case),
    )
    (row,) = seamline(*beside("orders", "unsettled", "--json")).data
    assert row["waits"] == ["for its goods to leave", "for its open cases to end (refund.untold)"]
    assert row["sale_number"] == "SO7"


def test_a_payout_that_never_arrived_is_not_shown_as_paid_on_a_day(seamline: Type, store: Path) -> None:
    """The day is what the provider gives; a case that has ended says how, and that its sentence was of then."""

    def payout(name: str, status: str, received: int) -> tuple[str, tuple[Any, ...]]:
        sums = ("9.00", None, "9.00", "0", "0", "0", "{}", 1, 0, "proven", "0", "2026-01-07", None, AT, "one", 1)
        return "put_payout", (f"payout/web/p/{name}", "web", "p", name, "USD", status, 0, received, *sums)

    case = ("p1", "payout.overdue", "payout/web/p/po_1", "p", "it is in transit", "finance", None, None, AT, AT)
    closed = (AT, "it is no longer so", "p1")
    fill(store, payout("po_1", "failed", 0), payout("po_2", "paid", 1), ("open_case", case), ("close_case", closed))
    failed, paid = (seamline(*beside("payouts", "show", name)).out for name in ("po_1", "po_2"))
    assert ("paid_on" in failed, "day at the provider\t2026-01-07" in failed) == (False, True), failed
    assert re.search(r"\(finance, closed .+, it is no longer so; it said\): it is in transit", failed)
    assert "paid_on\t2026-01-07" in paid


def test_an_amount_that_nobody_knows_is_empty_and_never_nought(seamline: Type, store: Path) -> None:
    """Of an order that cannot be read and is linked to a sale all the same, in every list of orders."""
    unread = ("web/x", "web", "x", "x", "imported", "unproven", "0", "", None, 7, "SO7", AT + 99)
    expected = ("web/x", 7, "imported", "0", "", None, None, "{}", 0, 1)
    closing = ("web/x", "web", "", "0", "[]", 1)
    fill(store, ("put_order_view", unread), ("put_expected_sale", expected), ("put_order_closing", closing))
    for words in (["orders", "list", "--state", "imported"], ["orders", "unsettled"]):
        (row,) = seamline(*beside(*words, "--json")).data
        assert (row["key"], row["amount"], row["currency"]) == ("web/x", None, None)
    assert seamline(*beside("orders", "list", "--state", "imported")).rows[0][5] == ""
    assert seamline(*beside("orders", "unsettled")).rows[0][3:5] == ["", ""]
    assert "web/x,x,,,SO7," in seamline(*beside("orders", "unsettled", "--csv", "-")).out
    assert seamline(*beside("orders", "show", "web/x", "--json")).data["order"]["amount"] is None
    assert "amount\t\ncurrency\t\n" in seamline(*beside("orders", "show", "web/x")).out
    assert "Order x of web is in Fulfil" in seamline(*beside("orders", "explain", "web/x")).out


@pytest.mark.usefixtures("store")
def test_machines_get_pages_in_the_same_way(seamline: Type) -> None:
    """JSON on stdout, the next command on stderr; `changed_at@key` of a row is its place, too."""
    said = seamline(*beside("orders", "list", "--limit", "3", "--json"))
    assert len(said.data) == 3
    assert said.err.rstrip().endswith("--json")
    place = f"{said.data[-1]['changed_at']}@{said.data[-1]['key']}"
    rest = seamline(*beside("orders", "list", "--json", "--before", place)).data
    whole = seamline(*beside("orders", "list", "--json")).data
    assert [*said.data, *rest] == whole
    newest = whole[0]["changed_at"]
    assert [row["changed_at"] == newest for row in whole] == [True] * 2 + [False] * 8
    assert seamline(*beside("orders", "list", "--json", "--before", newest)).data == whole[2:]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["orders", "list", "--state", "cancelled"], "no orders like that"),
        (["orders", "list", "--before", "2020-01-01"], "no orders like that"),
        (["holds", "--owner", "finance"], "nothing like that is held"),
        (["holds", "--after", "2030-01-01"], "nothing like that is held"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("store")
def test_a_list_that_is_empty_says_so(seamline: Type, words: list[str], said: str) -> None:
    """In words for people, as an empty list for machines."""
    assert said in on_a_terminal(*beside(*words))
    assert seamline(*beside(*words, "--json")).data == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["orders", "list", "--sales-channel", "moon"], "no sales channel 'moon'; there are marketplace, web"),
        (["shipments", "list", "--sales-channel", "moon"], "no sales channel 'moon'"),
        (["shipments", "overdue", "--sales-channel", "moon"], "no sales channel 'moon'"),
        (["carriers", "coverage", "moon"], "no sales channel 'moon'"),
        (["stock", "list", "moon"], "no sales channel 'moon'"),
        (["stock", "drift", "moon"], "no sales channel 'moon'"),
        (["listings", "moon"], "no sales channel 'moon'"),
        (["payouts", "list", "--sales-channel", "moon"], "no sales channel 'moon'"),
        (["manifests", "list", "--sales-channel", "moon"], "no sales channel 'moon'"),
        (["shipments", "list"], "no sales channel is told what was shipped; see [sales_channels.<name>.fulfilments]"),
        (["carriers", "coverage"], "no sales channel is told what was shipped"),
        (["stock", "list"], "no sales channel has its stock published; see [sales_channels.<name>.stock]"),
        (["stock", "drift"], "no sales channel has its stock published"),
        (["audit", "--subject", "moon"], "nobody decided anything on 'moon', and no order is known as that"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("store")
def test_a_list_that_cannot_have_anything_says_why(seamline: Type, words: list[str], said: str) -> None:
    """A name that does not exist, or a part that nobody has configured, is not the same as nothing."""
    for more in ([], ["--json"]):
        answered = seamline(*beside(*words, *more))
        assert (answered.status, answered.out) == (1, "")
        assert said in answered.err


@pytest.mark.usefixtures("store")
def test_beside_a_pipe_an_empty_list_says_so_on_stderr(seamline: Type) -> None:
    """The head alone is for the program that reads the pipe. An order has all of its names here, too."""
    assert "no sales channel has said what it offers" in seamline(*beside("listings")).err
    answered = seamline(*beside("audit", "--subject", "10"))
    assert (answered.status, answered.rows, answered.err) == (0, [], "nobody decided anything\n")


@pytest.mark.parametrize(("words", "said"), [(["orders", "list"], "no orders"), (["holds"], "nothing is held")])
def test_where_nothing_is_no_filter_is_to_blame(
    seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], said: str
) -> None:
    """A store without any order."""
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "store.db"))
    fill(tmp_path / "store.db")
    assert re.search(rf"^{said}\s*$", on_a_terminal(*beside(*words)), re.MULTILINE)
    assert seamline(*beside(*words, "--json")).data == []


def test_a_dry_run_of_a_link_names_the_sales_channels_where_the_orders_own_is_configured_no_more(
    seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its channel in Fulfil is not known then, and neither is what is no order."""
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "store.db"))
    row = ("gone/1", "gone", "1", "#1", "held", "proven", "1.00", "USD", AT, None, None, AT)
    fill(tmp_path / "store.db", ("put_order_view", row))
    said = seamline(*beside("orders", "link", "gone/1", "SO9", "--dry-run"))
    assert (said.status, "there is no sales channel 'gone'; there are " in said.err) == (1, True)
