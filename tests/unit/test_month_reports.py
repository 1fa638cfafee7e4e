"""The reports of a month over rows made by hand: clearing, the accounts of the ledger beside it, the value of stock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest

from flows.model.closing import Moved
from flows.model.month import month_of
from flows.model.posting_matrix import LedgerEvent
from flows.monthly.accounts import AccountMonth, Book, FulfilAccounts, compared
from flows.monthly.clearing import (
    NO_PAYOUT,
    NOT_FOLLOWED,
    NOT_TOLD,
    OTHER_AMOUNT,
    OTHER_CURRENCY,
    Booked,
    ClearingBooks,
    Line,
    Movement,
    Payout,
)
from flows.monthly.report import text_of
from flows.monthly.stock_value import Stocked, stock_value

OCTOBER = month_of(date(2026, 10, 1))
READ_AT = datetime(2026, 11, 2, 4, tzinfo=UTC)
NOTHING_READ = FulfilAccounts(currency="", months=(), account_of=lambda _: None)


def movement(gateway: str, currency: str, amount: Decimal, day: date) -> Movement:
    """Money of an order, signed."""
    way: Literal["charge", "refund"] = "charge" if amount > 0 else "refund"
    return Movement(gateway, Moved(gateway=gateway, way=way, amount=abs(amount), currency=currency), day)


def paid_out(key: str, gateway: str, amount: str, day: date, *, currency: str = "EUR", received: bool = True) -> Payout:
    return Payout(key=key, gateway=gateway, currency=currency, is_statement=False, received=received,
                  paid=Decimal(amount), day=day)  # fmt: skip


def test_a_book_is_told_from_its_charges_to_its_payouts_and_its_open_items_by_their_size() -> None:
    """A month of one gateway, counted by hand: lines without a day are of their payout's, later ones of no day yet."""
    first, last = OCTOBER.first, OCTOBER.last
    books = ClearingBooks(OCTOBER, [
        paid_out("p1", "card", "100.00", last), paid_out("p0", "card", "30.00", first - timedelta(days=1)),
        paid_out("p2", "card", "99.00", last, received=False),
        paid_out("p3", "card", "60.00", last + timedelta(days=1)),
    ])  # fmt: skip
    charge = Line(payout="p1", kind="sale", day=None, amount=Decimal(100), fee=Decimal(-3), tax=Decimal("-0.60"),
                  gap=Decimal("0.10"), order="o1")  # fmt: skip
    fee = Line(payout="p1", kind="fee", day=first, amount=Decimal(-1), order="o1")
    books.add_lines([
        Line(payout="p1", kind="sale", day=last + timedelta(days=1), amount=Decimal(50)), charge, fee,
        Line(payout="p1", kind="refund", day=None, amount=Decimal(-5)),
        Line(payout="p1", kind="refund", day=None, amount=Decimal(-7)),
        Line(payout="p1", kind="sale", day=first, amount=Decimal(6)),
        Line(payout="p2", kind="reserve", day=first, amount=Decimal(9)),
        Line(payout="p3", kind="adjustment", day=last, amount=Decimal(8)),
    ])  # fmt: skip
    books.add_order("o1", [movement("card", "EUR", Decimal(100), last)], [fee, charge])
    for order, amount, day in (
        ("o2", "20.00", last),
        ("o3", "30.00", first),
        ("o4", "40.00", last + timedelta(days=1)),
    ):
        books.add_order(order, [movement("card", "EUR", Decimal(amount), day)], [])
    books.add_order(
        "o5", [movement("card", "EUR", Decimal(amount), day) for amount, day in ((11, last), (-1, first))], []
    )
    books.add_booked([
        Booked("card", "EUR", LedgerEvent.FEE, Decimal("4.00"), last),
        Booked("card", "USD", LedgerEvent.FEE, Decimal("1.10"), last, exchanged=True),
        Booked("card", "USD", LedgerEvent.PAYOUT, Decimal("2.00"), last),
    ])  # fmt: skip
    report = books.report("UTC", None, NOTHING_READ)
    balances, made_of, _, moved, ledger, items = report.sections
    assert dict(zip(balances.head[2:], balances.rows[0][2:], strict=True)) == {
        "opening": Decimal("-30.00"), "charges": Decimal("161.00"), "refunds": Decimal("-1.00"),
        "fees": Decimal("-4.00"), "taxes on fees": Decimal("-0.60"), "disputes": 0, "reserves": Decimal("9.00"),
        "other": Decimal("8.10"),
        "paid out": Decimal("-100.00"), "closing": Decimal("42.50"),
    }  # fmt: skip
    assert [row[2:] for row in made_of.rows] == [
        ("charges and refunds in no payout yet", 3, Decimal("60.00")),
        ("in payouts that had not arrived", 2, Decimal("17.00")),
        ("difference: lines of payouts of no known order", 3, Decimal("6.00")),
        ("difference: payouts whose lines are not what was paid", 2, Decimal("-40.50")),
        ("closing balance", None, Decimal("42.50")),
    ]  # fmt: skip
    names = ["charges", "refunds", "fee", "tax on fee", "adjustment", "reserve", "unexplained", "paid out"]
    assert [row[2] for row in moved.rows] == names
    assert [row[1:4] for row in ledger.rows] == [
        ("EUR", "fee", Decimal("-4.00")), ("EUR", "tax on fee", Decimal("-0.60")),
        ("EUR", "adjustment", Decimal("8.00")), ("EUR", "reserve", Decimal("9.00")),
        ("EUR", "unexplained", Decimal("0.10")), ("EUR", "paid out", Decimal("-130.00")),
        ("USD", "fee, from another currency", None),
        ("USD", "paid out", Decimal("0.00")),
    ]  # fmt: skip
    assert [row[3:] for row in items.rows] == [
        ("p2", first, Decimal("9.00")), ("p3", last, Decimal("8.00")), ("p1", last, Decimal("7.00")),
        ("p1", first, Decimal("-6.00")), ("p1", last, Decimal("5.00")),
        ("p0", first - timedelta(days=1), Decimal("-30.00")), ("p1", last, Decimal("-10.50")),
    ]  # fmt: skip
    (chart,) = report.charts
    assert [bar.label for bar in chart.bars] == ["opening", *names, "closing"]
    assert (chart.bars[0].amount, chart.bars[-1].amount) == (Decimal("-30.00"), Decimal("42.50"))


@pytest.mark.parametrize(
    ("told", "paid", "parts"),
    [
        ([("card", "EUR", "10")], [], [("card", "EUR", NO_PAYOUT, "10.00")]),
        ([("", "EUR", "10")], [], [("(no gateway named, or not mapped)", "EUR", NO_PAYOUT, "10.00")]),
        ([], [("card", "EUR", "10")], [("card", "EUR", NOT_TOLD, "-10.00")]),
        (None, [("card", "EUR", "10")], [("card", "EUR", NOT_FOLLOWED, "-10.00")]),
        ([("card", "EUR", "10")], [("card", "EUR", "11")], [("card", "EUR", OTHER_AMOUNT, "-1.00")]),
        ([("card", "EUR", "10")], [("card", "EUR", "10")], []),
        (
            [("card", "GBP", "12")], [("card", "EUR", "14")],
            [("card", "EUR", OTHER_CURRENCY, "-14.00"), ("card", "GBP", OTHER_CURRENCY, "12.00")],
        ),
        (
            [("card", "EUR", "10"), ("card", "GBP", "12")], [("card", "EUR", "11"), ("card", "USD", "15")],
            [
                ("card", "EUR", OTHER_AMOUNT, "-1.00"), ("card", "GBP", OTHER_CURRENCY, "12.00"),
                ("card", "USD", OTHER_CURRENCY, "-15.00"),
            ],
        ),
        (
            [("card", "GBP", "12")], [("wallet", "EUR", "14")],
            [("card", "GBP", NO_PAYOUT, "12.00"), ("wallet", "EUR", NOT_TOLD, "-14.00")],
        ),
        ([("gift", "EUR", "10")], [], []),
    ],
)  # fmt: skip
def test_what_is_open_of_an_order_has_a_name(
    told: list[tuple[str, str, str]] | None, paid: list[tuple[str, str, str]], parts: list[tuple[str, str, str, str]]
) -> None:
    """By which side has it, in which book, and whether anybody follows its money at all."""
    early, late = OCTOBER.first, OCTOBER.last
    payouts = [
        paid_out(f"p{place}", gateway, amount, late, currency=currency)
        for place, (gateway, currency, amount) in enumerate(paid)
    ]
    books = ClearingBooks(OCTOBER, payouts, left_out={"gift": "no payout", "bank": "invoices"})
    lines = [
        Line(payout=f"p{place}", kind="sale", day=early, amount=Decimal(of[2]), order="o")
        for place, of in enumerate(paid)
    ]
    books.add_lines(lines)
    moved = None if told is None else [movement(gateway, code, Decimal(amount), late) for gateway, code, amount in told]
    books.add_order("o", moved, lines)
    report = books.report("UTC", None, NOTHING_READ)
    found = [row for row in report.sections[1].rows if row[2] != "closing balance"]
    assert [(*row[:3], str(row[4])) for row in found] == parts
    in_payouts = {of[:2] for of in paid}
    days = {row[:2]: row[4] for row in report.sections[5].rows}
    assert days == {row[:2]: early if row[:2] in in_payouts else late for row in found if row[2] != NO_PAYOUT}
    assert report.remarks[:2] == ("gateway bank is left out: invoices", "gateway gift is left out: no payout")


def test_open_items_are_of_their_first_day_and_a_book_without_movements_is_a_book() -> None:
    """Alike in size they stand by their keys; lines of no order that have not arrived come to nothing."""
    first, last = OCTOBER.first, OCTOBER.last
    middle = date(2026, 10, 15)
    books = ClearingBooks(OCTOBER, [
        paid_out("p1", "card", "20.00", last), paid_out("p2", "card", "7", last, currency="JPY", received=False),
    ])  # fmt: skip
    of_orders = {
        order: Line(payout="p1", kind="sale", day=middle, amount=Decimal(10), order=order) for order in ("o2", "o1")
    }
    books.add_lines([*of_orders.values(), Line(payout="p2", kind="sale", day=middle, amount=Decimal(7))])
    for order, days in (("o2", (last, first)), ("o1", (last, last))):
        told = [movement("card", "EUR", Decimal(amount), day) for amount, day in zip((4, 5), days, strict=True)]
        books.add_order(order, told, [of_orders[order]])
    report = books.report("UTC", None, NOTHING_READ)
    assert [row[1:] for row in report.sections[5].rows] == [
        ("EUR", OTHER_AMOUNT, "o1", middle, Decimal("-1.00")), ("EUR", OTHER_AMOUNT, "o2", first, Decimal("-1.00")),
        ("JPY", "in payouts that had not arrived", "p2", middle, 7),
        ("JPY", "difference: lines of payouts of no known order", "p2", middle, -7),
    ]  # fmt: skip
    assert [row[:3] for row in report.sections[0].rows] == [("card", "EUR", 0), ("card", "JPY", 0)]
    assert [(chart.title, chart.unit) for chart in report.charts] == [("card, EUR", "EUR"), ("card, JPY", "JPY")]


def test_several_gateways_of_one_account_are_held_against_it_together_since_the_first_money() -> None:
    """A month that was read and had no money here counts nothing; a gateway with another currency stops all of it."""
    august, september = month_of(date(2026, 8, 1)), month_of(date(2026, 9, 1))
    names = [f"gateway {letter}" for letter in "hgfedcba"]
    moved = {((name, "EUR"), OCTOBER): Decimal(1) for name in names}
    moved |= {((names[0], "EUR"), september): Decimal(100), (("elsewhere", "EUR"), august): Decimal(5)}
    months = [
        AccountMonth(month=month, account="1200", moved=Decimal(amount), is_final=False, read_at=READ_AT)
        for month, amount in ((OCTOBER, 11), (august, 9), (september, 90), (month_of(date(2026, 11, 1)), 70))
    ]

    def account_of(book: Book) -> str | None:
        return None if book[0] == "elsewhere" else "1200"

    (row,) = compared(OCTOBER, FulfilAccounts(currency="EUR", months=months, account_of=account_of), moved).rows
    assert row[:8] == (
        "1200", ", ".join(sorted(names)), "EUR", Decimal("11.00"), Decimal("8.00"), Decimal("3.00"), "2026-09",
        Decimal("-7.00"),
    )  # fmt: skip
    for currency, told in (("EUR", "EUR"), ("", None)):
        fulfil = FulfilAccounts(currency=currency, months=months, account_of=account_of)
        (row,) = compared(OCTOBER, fulfil, {**moved, (("gateway a", "USD"), OCTOBER): Decimal(1)}).rows
        assert (row[2], row[4:8]) == (told, (None, None, None, None))


def test_the_value_of_stock_names_what_is_worth_most_and_adds_up_the_rest() -> None:
    """Fifteen bars of each place, by their worth whichever way it goes, and one for all others."""
    ended = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [
        Stocked(place="4", sku=f"S{number:02}", on_hand=Decimal(number), cost=Decimal("1.5")) for number in range(17)
    ]
    rows += [
        Stocked(place="4", sku="OWED", on_hand=Decimal(-100), cost=Decimal("2.0")),
        Stocked(place="4", sku="FREE", on_hand=Decimal("2.50"), cost=None),
        Stocked(place="5", sku="S01", on_hand=Decimal(1000), cost=Decimal(0)),
    ]
    kept = {"time_zone": "UTC", "began": ended, "kept": ended, "ended": ended}
    report = stock_value(OCTOBER, rows, currency="EUR", **kept)  # type: ignore[arg-type]
    totals, without, skus = report.sections
    assert totals.head[3] == "value in EUR"
    assert totals.rows == (
        ("4", 18, Decimal(36), Decimal("4.00"), 1, Decimal("2.5")), ("5", 1, Decimal(1000), Decimal("0.00"), 0, 0),
    )  # fmt: skip
    assert without.rows == (("4", "FREE", Decimal("2.5")),)
    assert skus.rows[0] == ("4", "OWED", Decimal(-100), Decimal(2), Decimal("-200.00"))
    assert [text_of(cell) for cell in skus.rows[-1]] == ["5", "S01", "1000", "0", "0.00"]
    first, second = report.charts
    largest = [(f"S{number:02}", Decimal(number) * Decimal("1.5")) for number in range(16, 2, -1)]
    assert [(bar.label, bar.amount) for bar in first.bars] == [
        ("OWED", Decimal("-200.00")), *largest, ("3 more", Decimal("4.50")),
    ]  # fmt: skip
    assert (first.unit, [bar.label for bar in second.bars]) == ("EUR", ["S01"])
    exactly_fifteen = stock_value(OCTOBER, rows[:15], currency="", **kept)  # type: ignore[arg-type]
    (chart,) = exactly_fifteen.charts
    assert (len(chart.bars), chart.unit) == (15, "")
    assert exactly_fifteen.sections[0].head[3] == "value in the company's currency"


def test_a_cell_is_written_in_plain_digits() -> None:
    """Not with an exponent, as an exact amount without its zeros would be."""
    assert [text_of(cell) for cell in (Decimal("1E+3"), Decimal("0.10"), 7, None, date(2026, 10, 3), "x")] == [
        "1000", "0.10", "7", "", "2026-10-03", "x",
    ]  # fmt: skip
