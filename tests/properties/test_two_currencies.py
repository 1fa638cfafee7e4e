"""What payouts have of an order, in the currency that its sales channel tells: settling and clearing say the same."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flows.model.closing import ClosingSettings, Moved, as_told
from flows.model.money import Money, digits_of
from flows.model.month import month_of
from flows.monthly.accounts import FulfilAccounts
from flows.monthly.clearing import ClearingBooks, Movement, Payout
from flows.monthly.clearing import Line as Cleared
from flows.reconciler.refunds import refunds_compared
from flows.reconciler.settling import Line, Standing, in_told_currencies, paid_off, settled

CURRENCIES = ("EUR", "JPY", "KWD")
"""Of the payout with two digits after the point, of customers with none and three."""
DAY = date(2026, 10, 5)
RULES = {"card": ClosingSettings(evidence="payout_line")}
D = Decimal


def tender(text: str) -> Moved:
    """A charge, or a refund where it is negative; perhaps with an id."""
    amount, currency, id_, *_ = *text.split(), ""
    way: Literal["charge", "refund"] = "refund" if amount.startswith("-") else "charge"
    return Moved(gateway="card", way=way, amount=abs(D(amount)), currency=currency, id=id_)


@pytest.mark.parametrize(
    ("own", "presentment", "tenders", "told"),
    [
        ("108.60 USD", "100.00 EUR", ["108.60 USD"], "108.60 USD"),
        ("108.60 USD", "100.00 EUR", ["100.00 EUR"], "100.00 EUR"),
        ("108.60 USD", "100.00 EUR", ["100.00 EUR", "-54.30 USD"], "100.00 EUR"),
        ("-54.30 USD", "50.00 EUR", ["100.00 EUR", "-54.30 USD"], "-54.30 USD"),
        ("-54.30 USD", "-50.00 EUR", ["100.00 EUR"], "-50.00 EUR"),
        ("108.60 USD", "100.00 EUR", ["9.00 USD", "100.00 EUR"], "100.00 EUR"),
        ("108.60 USD", "100.00 EUR", ["9.00 USD", "99.00 EUR"], "108.60 USD"),
        ("108.60 USD", "100.00 EUR", ["9.00 USD", "99.00 EUR mine"], "100.00 EUR"),
        ("108.60 USD", "100.00 EUR", ["100.00 EUR", "9.00 USD mine"], "108.60 USD"),
        ("108.60 USD", "100.00 EUR", ["80.00 GBP", "80.00 GBP mine"], "108.60 USD"),
        ("108.60 USD", "100.00 EUR", [], "108.60 USD"),
        ("108.60 USD", "", ["100.00 EUR"], "108.60 USD"),
        ("108.60 USD", "1e99 EUR", ["100.00 EUR"], "108.60 USD"),
        ("108.60 USD", "100.00 euro", ["100.00 EUR"], "108.60 USD"),
    ],
)
def test_a_line_is_of_an_order_in_whichever_currency_its_tender_is(
    own: str, presentment: str, tenders: list[str], told: str
) -> None:
    """By the tender's id, else by the way it moved, else by its amount; in its own where no tender is in either."""
    amount, currency = own.split()
    found = as_told(Money(D(amount), currency), presentment, ("", "mine"), [tender(each) for each in tenders])
    assert str(found) == told


class Paid(NamedTuple):
    """Money of an order: what its payout has of it, what the customer paid, and whether a tender tells the latter."""

    units: int
    shown: int
    told_shown: bool
    back: bool

    def line(self, currency: str) -> tuple[Decimal, str]:
        """What the payout has, and the presentment."""
        shown = D(self.shown).scaleb(-digits_of(currency))
        return D(-self.units if self.back else self.units).scaleb(-2), f"{shown} {currency}"

    def told(self, currency: str) -> tuple[Decimal, str]:
        """What the sales channel tells, without a sign."""
        if self.told_shown:
            return D(self.shown).scaleb(-digits_of(currency)), currency
        return D(self.units).scaleb(-2), "EUR"


UNITS = st.integers(1, 10**12)
PAID = st.lists(st.builds(Paid, UNITS, UNITS, st.booleans(), st.booleans()), min_size=1, max_size=5)


def standing(tenders: list[Moved], lines: list[Line]) -> Standing:
    return Standing(
        currency="EUR", due=D(0), is_cancelled=False, is_watched=False, shipping="", untold=False, cases=(),
        tenders=tuple(tenders), lines=tuple(lines), payments_open=False, unposted=False, state="done",
        invoices_paid=None,
    )  # fmt: skip


def asked(tenders: list[Moved], lines: list[Line]) -> tuple[bool, dict[str, Decimal], dict[str, Decimal]]:
    """Whether the order is settled, by how much payouts have more, and what clearing has open, by currency."""
    order = in_told_currencies(standing(tenders, lines), RULES)
    waits, _ = settled(order, RULES)
    is_settled = not waits and not refunds_compared(order, RULES)
    rows = [(each.currency, each.amount, each.presentment, "".join(each.ids), "", "") for each in lines]
    paid = sum((each.amount for each in lines), D(0))
    payout = Payout(key="p", gateway="card", currency="EUR", is_statement=False, received=True, paid=paid, day=DAY)
    books = ClearingBooks(month_of(DAY), [payout])
    cleared = [
        Cleared(payout="p", kind=each.kind, day=DAY, amount=each.amount, order="o", presentment=each.presentment,
                ids=tuple(each.ids))
        for each in lines
    ]  # fmt: skip
    books.add_lines(cleared)
    books.add_order("o", [Movement("card", each, DAY) for each in tenders], cleared)
    report = books.report("UTC", None, FulfilAccounts(currency="", months=(), account_of=lambda _: None))
    balances, made_of, *_ = report.sections
    open_ = dict.fromkeys(CURRENCIES, D(0))
    for row in made_of.rows:
        if row[2] != "closing balance":
            open_[str(row[1])] += D(str(row[4]))
    assert all(open_[str(row[1])] == row[-1] for row in balances.rows), "the closing balance is what is open"
    return is_settled, paid_off(tenders, rows, RULES), {code: -each for code, each in open_.items() if each}


@given(PAID, st.sampled_from(["JPY", "KWD"]), st.booleans(), st.integers(0, 10**6))
def test_settling_clearing_and_the_close_board_agree_to_the_last_unit(
    paid: list[Paid], currency: str, named: bool, more: int
) -> None:
    """Whichever currency each tender is told in, all are settled and nothing is open; what is planted all of them find.

    Without ids charges are told in one currency, and refunds in one.
    """
    if not named:
        ways = {each.back: each.told_shown for each in paid}
        paid = [each._replace(told_shown=ways[each.back]) for each in paid]
    tenders, lines = [], []
    for number, each in enumerate(paid):
        amount, code = each.told(currency)
        own, presentment = each.line(currency)
        way: Literal["charge", "refund"] = "refund" if each.back else "charge"
        tenders.append(Moved(gateway="card", way=way, amount=amount, currency=code, id=f"t{number}" if named else ""))
        lines.append(
            Line(kind="refund" if each.back else "sale", currency="EUR", amount=own, received=True, bank=False,
                 ids=frozenset([f"t{number}"]) if named else frozenset(), payout="p", presentment=presentment)
        )  # fmt: skip
    assert asked(tenders, lines) == (True, {}, {})
    if more:
        extra = replace(tenders[0], amount=D(more).scaleb(-digits_of(tenders[0].currency)), id="planted")
        planted = {extra.currency: -extra.money.amount}
        assert asked([*tenders, extra], lines) == (False, planted, planted)


ANY = st.tuples(st.integers(-(10**6), 10**6).filter(bool), st.sampled_from(CURRENCIES), st.sampled_from(["", "a", "b"]))
ANY_LINES = st.lists(st.tuples(ANY, st.sampled_from(["", "JPY", "KWD"]), UNITS), max_size=6)


@given(st.lists(ANY, max_size=6), ANY_LINES)
def test_whatever_is_told_the_close_board_and_clearing_have_the_same_differences(
    told: list[tuple[int, str, str]], had: list[tuple[tuple[int, str, str], str, int]]
) -> None:
    """Also of what nobody can compare."""
    tenders = [tender(f"{D(units).scaleb(-digits_of(code)):f} {code} {id_}") for units, code, id_ in told]
    lines = [
        Line(kind="sale" if units > 0 else "refund", currency="EUR", amount=D(units).scaleb(-2), received=True,
             bank=False, ids=frozenset(filter(None, [id_])), payout="p",
             presentment=f"{D(shown).scaleb(-digits_of(code))} {code}" if code else "")
        for (units, _, id_), code, shown in had
    ]  # fmt: skip
    _, off, open_ = asked(tenders, lines)
    assert off == open_
