"""`seamline close`: what stands against a month, for people, machines and spreadsheets, and its exit status."""

from __future__ import annotations

import csv
import io
import shlex
from pathlib import Path
from typing import get_args

import pytest

from flows.cli.closing import WaitsFor
from flows.exceptions.kinds import KINDS
from flows.model.closing import FIRST_LOOK
from flows.monthly.checks import Check
from flows.reconciler.settling import WaitCause
from runtime.clock import SystemClock, to_datetime
from tests.integration.close_store import clean_month, config_in, order, payout, standing
from tests.integration.terminal import Type, on_a_terminal
from tests.integration.test_cli_pages import fill

EXPECTED = [
    ("stands", "stands since earlier months", "28", "", "", "2025-09-03"),
    ("stands", "stands since earlier months", "1", "50.00", "EUR", "2025-09-03"),
    ("stands", "orders not in Fulfil: held", "1", "20.00", "EUR", "2025-10-30"),
    ("listed", "orders that wait for their payment", "1", "50.00", "EUR", "2025-10-30"),
    ("stands", "orders in Fulfil whose figures are not proven", "1", "50.00", "EUR", "2025-10-30"),
    ("stands", "sales not read back since they changed", "2", "0.30", "EUR", "2025-10-29"),
    ("stands", "sales that are not what the order says", "1", "2.00", "EUR", "2025-10-20"),
    ("stands", "payouts with unexplained amounts", "1", "0.03", "EUR", "2025-10-13"),
    ("stands", "payouts whose sums do not tie", "1", "10.00", "EUR", "2025-10-14"),
    ("stands", "payouts whose lines are not what was paid, or are not here", "1", "66.12", "EUR", "2025-10-17"),
    ("stands", "payouts of which a part was imported", "1", "1.00", "EUR", "2025-10-16"),
    ("stands", "payouts of which no report says what was paid", "1", "9.00", "EUR", "2025-10-17"),
    ("stands", "payouts past their day, not known to have arrived", "1", "96.80", "EUR", "2025-10-31"),
    ("listed", "payouts on their way, not due yet", "1", "12.00", "EUR", "2025-10-31"),
    ("stands", "postings that are in no ledger yet", "2", "1.20", "EUR", "2025-10-14"),
    ("stands", "postings in a batch that is not posted", "1", "2.00", "EUR", "2025-10-15"),
    ("stands", "of payouts, posted by nobody: adjustment", "1", "6.00", "EUR", "2025-10-14"),
    ("stands", f"refunds without credit note: {KINDS['order.returned'].title}", "1", "", "", "2025-10-25"),
    ("stands", f"refunds without credit note: {KINDS['refund.uncredited'].title}", "1", "7.00", "EUR", "2025-10-25"),
    ("stands", "orders of which payouts have another amount", "1", "20.00", "EUR", "2025-10-23"),
    ("stands", "orders not settled, waiting for a first look", "1", "12.00", "EUR", "2025-10-22"),
    ("stands", "orders not settled, waiting for payout", "1", "75.00", "EUR", "2025-10-20"),
    ("listed", "orders carried over, waiting for shipping", "1", "50.00", "EUR", "2025-10-20"),
    ("stands", "orders in Fulfil whose money nobody follows", "1", "11.00", "EUR", "2025-10-21"),
    ("stands", "in suspense: tax =VAT", "1", "3.00", "EUR", "2025-10-20"),
    ("stands", "open: A tax of the order is not mapped (tax.unmapped)", "1", "20.00", "EUR", "2025-10-30"),
    ("listed", "differences accepted by =Bob", "1", "1.25", "EUR", "2025-10-10"),
    ("listed", "differences accepted by Ann", "1", "4.00", "EUR", "2025-10-15"),
]  # fmt: skip


def test_a_month_of_which_everything_is_done_is_clean(seamline: Type, tmp_path: Path) -> None:
    """Only then exit status 0."""
    fill(tmp_path / "store.db", *clean_month())
    said = seamline("close", "2025-10", "--config", config_in(tmp_path))
    assert said.out.splitlines()[-1] == "2025-10 is clean: nothing stands against it"
    assert (said.status, said.rows[:-1]) == (0, [])


def test_everything_that_stands_has_a_row_with_its_amount_its_owner_and_what_to_type(
    seamline: Type, tmp_path: Path
) -> None:
    """Each of those commands is one that there is; what is of November is not October's."""
    fill(tmp_path / "store.db", *clean_month(), *standing())
    config = config_in(tmp_path)
    said = seamline("close", "2025-10", "--config", config)
    assert [tuple(row[:6]) for row in said.rows[:-1]] == EXPECTED
    assert said.status == 1
    assert (
        said.out.splitlines()[-1] == f"2025-10 is not clean: {sum(row[0] == 'stands' for row in EXPECTED)} rows stand"
    )
    assert {row[6] for row in said.rows[:-1]} == {"finance", "operations", "sre"}
    for row in said.rows[:-1]:
        program, *words = shlex.split(row[7])
        assert program == "seamline"
        told = seamline(*words)
        assert told.status == (1 if words[0] in ("close", "audit") else 0), row[7]
        assert told.out, row[7]
        if words[0] not in ("close", "audit"):
            assert seamline(*words, "--json").data, f"an empty list: {row[7]}"
    board = seamline("close", "2025-10", "--config", config, "--json").data
    assert (board["clean"], board["stage"], board["time_zone"]) == (False, "over", "Europe/Berlin")
    assert [row["amount"] or "" for row in board["rows"]] == [row[3] for row in EXPECTED]
    assert {row["check"] for row in board["rows"]} <= {check.value for check in Check}
    table = list(csv.DictReader(io.StringIO(seamline("close", "2025-10", "--config", config, "--csv", "-").out)))
    assert [(row["stands"], row["how many"], row["amount"]) for row in table] == [
        ("yes" if row[0] == "stands" else "no", row[2], row[3]) for row in EXPECTED
    ]


def test_everything_that_a_row_counts_is_listed_with_its_amount(seamline: Type, tmp_path: Path) -> None:
    """Differences of orders and of payouts that were accepted, in one list; what is no row is a mistake."""
    fill(tmp_path / "store.db", *clean_month(), *standing())
    config = config_in(tmp_path)
    said = seamline("close", "2025-10", "--items", "accepted", "--config", config)
    assert [tuple(row[:5]) for row in said.rows] == [
        ("2025-10-10", "differences accepted by =Bob", "web/1", "1.25", "EUR"),
        ("2025-10-15", "differences accepted by Ann", "payout/web/stripe/103", "4.00", "EUR"),
    ]
    assert said.rows[1][5] == f"seamline audit --subject payout/web/stripe/103 --config {config}"
    assert seamline("close", "2025-10", "--items", "earlier", "--config", config, "--json").data[1]["key"] == "web/10"
    wrong = seamline("close", "2025-10", "--items", "acepted", "--config", config)
    assert (wrong.status, "'acepted' is no row of the board; there are unconfigured" in wrong.err) == (2, True)


def test_on_a_terminal_what_is_to_be_typed_is_never_cut(seamline: Type, tmp_path: Path) -> None:
    """However narrow it is: each command stands whole in a line of its own, by the number of its row; so do keys."""
    long = "7" * 60
    rows = [payout(long, "2025-10-14", verdict="contradicted", difference="-10.00")]
    fill(tmp_path / "store.db", *clean_month(), *rows)
    config = config_in(tmp_path)
    shown = on_a_terminal("close", "2025-10", "--config", config, COLUMNS="120")
    (row,) = seamline("close", "2025-10", "--config", config).rows[:-1]
    assert f"1: {row[-1]}\r\n" in shown
    assert "…" not in shown
    listed = on_a_terminal("close", "2025-10", "--items", "not_tied", "--config", config, COLUMNS="80")
    assert f"1: seamline payouts show payout/web/stripe/{long} " in listed
    assert "…" not in listed + on_a_terminal("payouts", "list", "--config", config, COLUMNS="80")


def test_a_running_month_may_be_looked_at_and_is_never_clean(seamline: Type, tmp_path: Path) -> None:
    """It says that it is not over, and in which zone."""
    fill(tmp_path / "store.db", *clean_month())
    month = f"{to_datetime(SystemClock().now()):%Y-%m}"
    said = seamline("close", month, "--config", config_in(tmp_path))
    assert said.status == 1
    assert f"{month} is not over in Europe/Berlin, so it cannot be clean yet" in said.out


@pytest.mark.parametrize(
    ("month", "status", "sentence"),
    [
        ("2025-13", 2, "'2025-13' is no month; write it as 2026-10"),
        ("october", 2, "'october' is no month; write it as 2026-10"),
        ("2999-01", 1, "2999-01 has not begun: in Europe/Berlin it is"),
        ("2020-01", 1, "nothing is known of 2020-01: the first month of which anything is known is 2025-10"),
    ],
)
def test_what_is_no_month_has_not_begun_or_nobody_knows_is_an_error(
    seamline: Type, tmp_path: Path, month: str, status: int, sentence: str
) -> None:
    """Not a clean month: a sentence that says why; a typing error is no month that something stands against."""
    fill(tmp_path / "store.db", *clean_month())
    config = config_in(tmp_path)
    for words in (["close"], ["reports", "clearing"], ["reports", "cutoff"], ["reports", "stock-value"]):
        said = seamline(*words, month, "--config", config)
        assert (said.status, said.out) == (status, "")
        assert sentence in said.err


def test_the_stock_of_a_month_that_runs_is_not_kept_yet(seamline: Type, tmp_path: Path) -> None:
    """It is not said to be lost, as that of a month that ended without the process is."""
    today = to_datetime(SystemClock().now())
    fill(tmp_path / "store.db", *order("web/1", f"{today:%Y-%m}-01T12:00:00"))
    said = seamline("reports", "stock-value", f"{today:%Y-%m}", "--config", config_in(tmp_path))
    assert (said.status, said.err) == (
        1, f"seamline: {today:%Y-%m} is not over in Europe/Berlin; what is on stock is kept when it ends\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["postings", "list", "--sales-channel", "moon"], 1, "there is no sales channel 'moon'; there are web"),
        (["postings", "preview", "--sales-channel", "moon"], 1, "there is no sales channel 'moon'"),
        (["statements", "list", "--sales-channel", "moon"], 1, "there is no sales channel 'moon'"),
        (["statements", "show", "moon", "2025-10-01"], 1, "there is no sales channel 'moon'"),
        (["orders", "unsettled", "--sales-channel", "moon"], 1, "there is no sales channel 'moon'"),
        (["postings", "list", "--from", "2999-01-01"], 0, "nothing like that was posted"),
        (["postings", "list", "--from", "2025-13-01"], 2, "'2025-13-01' is no day; write it as 2026-11-25"),
        (["postings", "preview", "--to", "yesterday"], 2, "'yesterday' is no day"),
        (["statements", "show", "web", "2025-13-01"], 2, "'2025-13-01' is no day"),
        (["statements", "show", "web", "2999-01-01"], 1, "2999-01-01 is not over: in Europe/Berlin it is "),
        (["statements", "show", "web", "2025-10-01", "--version", "7"], 1, "has no such version; there are 1"),
        (["statements", "show", "web", "2025-09-01"], 1, "there is no statement about web on 2025-09-01"),
        (["payments", "list"], 0, "nothing is known of money that came after the creates, since [payments] is not set"),
        (
            ["payments", "clear-suspense", "tax", "VAT", "--sales-channel=web", "--month=2025-13", "--reason=so"],
            2,
            "'2025-13' is no month",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_what_is_mistyped_or_not_there_is_said_with_its_status(
    seamline: Type, tmp_path: Path, words: list[str], status: int, sentence: str
) -> None:
    """2: no such value can be; 1: it can be, and is not there; 0: an empty list that says why."""
    fill(tmp_path / "store.db", *clean_month())
    config = config_in(tmp_path)
    said = seamline(*words, "--config", config)
    assert (said.status, sentence in said.err) == (status, True), said.err


def test_without_postings_an_empty_list_says_so(seamline: Type, tmp_path: Path) -> None:
    """Nobody waits for what was never switched on."""
    fill(tmp_path / "store.db")
    config = Path(config_in(tmp_path))
    text = config.read_text().replace(
        '[postings]\nmode = "preview"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n', ""
    )
    config.write_text(text)
    said = seamline("postings", "list", "--config", str(config))
    assert (said.status, "nothing was posted, since [postings] is not set" in said.err) == (0, True)


def test_days_before_anything_was_there_of_a_sales_channel_are_listed(seamline: Type, tmp_path: Path) -> None:
    """By its first order as by its first statement; a sales channel of which there is neither has no other rule."""
    fill(tmp_path / "store.db", *order("web/1", "2025-10-29T23:30:00"))
    config = Path(config_in(tmp_path))
    config.write_text(config.read_text() + '[sales_channels.shop]\nformat = "shopify"\nsale.channel_id = 4\n')
    said = seamline("close", "2025-10", "--config", str(config))
    assert [tuple(row[:3]) for row in said.rows[:-1]] == [
        ("stands", "days of web not stated to be complete", "2"),
        ("listed", "days of shop before its first order or statement", "31"),
        ("listed", "days of web before its first order or statement", "29"),
    ]


def test_whatever_orders_wait_for_can_be_asked_for(seamline: Type) -> None:
    """By the words that the rows and the close board have; another word is a mistake, and no empty list."""
    assert set(get_args(WaitsFor)) == {*get_args(WaitCause), FIRST_LOOK}
    said = seamline("orders", "unsettled", "--waits-for", "shiping")
    assert (said.status, '"shipping"' in said.err) == (2, True)


def test_an_empty_list_says_why_it_is_empty(seamline: Type, tmp_path: Path) -> None:
    """Everything is settled, nothing is like that, or nobody follows orders or states days."""
    fill(tmp_path / "store.db", *order("web/1", "2025-10-10T10:00:00"))
    config = config_in(tmp_path)
    assert "every order is settled" in seamline("orders", "unsettled", "--config", config).err
    assert "like that" in seamline("orders", "unsettled", "--waits-for", "payout", "--config", config).err
    assert seamline("statements", "list", "--config", config).err.strip() == "no statements"
    text = Path(config).read_text()
    Path(config).write_text(text.replace('[reconciliation.closing.card]\nevidence = "payout_line"\n', ""))
    said = seamline("orders", "unsettled", "--config", config).err
    assert "none is followed, since [reconciliation.closing] is not set" in said
    without = Path(config).read_text().replace('[reconciliation]\ntime_zone = "Europe/Berlin"\n', "")
    Path(config).write_text(without)
    assert "since [reconciliation] is not set" in seamline("statements", "list", "--config", config).err


def test_without_reconciliation_no_month_is_clean(seamline: Type, tmp_path: Path) -> None:
    """What is not looked at is not proven, and the board says so instead of nothing."""
    fill(tmp_path / "store.db", *order("web/1", "2025-10-10T10:00:00"))
    config = Path(config_in(tmp_path))
    config.write_text(
        "[store]"
        + config.read_text().split("[store]")[1].split("[reconciliation]")[0]
        + "[sales_channels.web]"
        + config.read_text().split("[sales_channels.web]")[1]
    )
    said = seamline("close", "2025-10", "--config", str(config))
    assert [row[1] for row in said.rows[:-1]] == ["not looked at: [reconciliation], without which nothing is proven"]
    assert said.status == 1
