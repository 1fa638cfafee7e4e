"""Postings of payouts against an oracle of fractions: balanced to the unit, in currencies of 0, 2 and 3 digits,
whatever is told in which order.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.ledger.batching import Chart, batches_of
from flows.ledger.due import PayoutStands, bucket, due_now, wanted_of
from flows.ledger.parts import Posting
from flows.model.money import rounded
from flows.model.payout import LineClass, PayoutStatus
from flows.model.periods import LedgerPeriod
from flows.model.posting_matrix import OF_FULFIL, LedgerEvent, PostingRow, PostingSettings

DIGITS = {"JPY": 0, "USD": 2, "KWD": 3}
PAID_ON, TODAY = date(2026, 11, 20), date(2026, 11, 24)
CLEARING = "clearing"
ROWS = tuple(
    PostingRow(event=event, debit=event.value, credit=CLEARING, dated="event" if place % 2 else "payout")
    for place, event in enumerate(LedgerEvent)
    if event not in OF_FULFIL
)
OCTOBER = LedgerPeriod(id=1, name="2026-10", begins=date(2026, 10, 1), ends=date(2026, 10, 31), state="closed")
NOVEMBER = LedgerPeriod(id=2, name="2026-11", begins=date(2026, 11, 1), ends=date(2026, 11, 30), state="open")
DAYS = ("2026-10-30", "2026-11-17", "2026-11-18")
LINES = st.lists(
    st.tuples(st.sampled_from(LineClass), st.sampled_from(DAYS), st.integers(-100_000, 100_000)), max_size=14
)

Line = tuple[LineClass, str, int]


def stands(net: Decimal, currency: str) -> PayoutStands:
    """Paid, as its provider reports in whole units, what its lines come to."""
    paid = rounded(net, DIGITS[currency])
    return PayoutStands(
        key="payout/web/stripe/po", sales_channel="web", gateway="stripe", payout="po", currency=currency,
        status=PayoutStatus.PAID, is_statement=False, received=True, paid=paid, bank=None, net=net, paid_on=PAID_ON,
        expected_on=None,
    )  # fmt: skip


def amount(parts: int, digits: int) -> Decimal:
    """In tenths of the smallest unit, so that parts of a cent occur."""
    return Decimal(parts).scaleb(-digits - 1)


def half_even(value: Fraction, digits: int) -> Fraction:
    """Rounded to so many digits, by whole numbers alone."""
    scaled = value * 10**digits
    below = scaled.numerator // scaled.denominator
    rest = scaled - below
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2)
    return Fraction(below + up, 10**digits)


def oracle(lines: list[Line], digits: int) -> dict[str, Fraction]:
    """What each account is to have, debit less credit, and what stays on clearing with Fulfil's own postings."""
    classes: dict[LineClass, Fraction] = defaultdict(Fraction)
    for kind, _, parts in lines:
        classes[kind] += Fraction(parts, 10 ** (digits + 1))
    net = sum(classes.values(), Fraction(0))
    whole = {kind: half_even(total, digits) for kind, total in classes.items()}
    paid = half_even(net, digits)
    accounts = {
        kind.value: -total for kind, total in whole.items() if kind not in (LineClass.SALE, LineClass.REFUND)
    }  # what leaves the balance at the gateway is on the other account's debit side
    incoming = {"payout_returned", "top_up", "dispute_reversal", "reserve_release", "adjustment", "advance"}
    incoming |= {"exchange_difference", "unexplained"}
    for name in incoming & accounts.keys():
        accounts[name] = -accounts[name]
    accounts["payout"] = paid
    accounts["rounding"] = paid - sum(whole.values(), Fraction(0))
    return {name: total for name, total in accounts.items() if total}


def posted(postings: list[Posting], rules: PostingSettings, digits: int) -> dict[str, Fraction]:
    """What the batches bring to each account, each batch and line looked at on the way."""
    chart = Chart(periods=(OCTOBER, NOVEMBER), accounts=None, journals=None)
    made = batches_of(postings, rules, chart, TODAY)
    assert made.waiting == ()
    found: dict[str, Fraction] = defaultdict(Fraction)
    taken = [name for batch in made.batches for name in batch.postings]
    assert sorted(taken) == sorted(each.name for each in postings), "each posting is in one batch"
    for batch in made.batches:
        assert NOVEMBER.begins <= batch.booked_on <= TODAY, "never into a closed period"
        assert sum(line.debit for line in batch.lines) == sum(line.credit for line in batch.lines) == batch.total
        for line in batch.lines:
            assert min(line.debit, line.credit) == 0 < max(line.debit, line.credit)
            assert -line.debit.as_tuple().exponent <= digits  # type: ignore[operator]
            found[line.account] += Fraction(line.debit) - Fraction(line.credit)
    return {name: total for name, total in found.items() if total}


def signed(accounts: dict[str, Fraction]) -> dict[str, Fraction]:
    """As booked by rows that all credit clearing: of each event its amount is on the debit side."""
    return {name: total for name, total in accounts.items() if name != CLEARING}


@given(told=LINES, currency=st.sampled_from(sorted(DIGITS)), parts=st.lists(st.integers(0, 14), max_size=3))
@settings(max_examples=60)
def test_whatever_is_told_in_parts_ends_with_the_oracles_accounts(
    told: list[Line], currency: str, parts: list[int]
) -> None:
    """Lines come in parts, twice, and late; each time what is due is posted; in the end it is all, and once."""
    digits = DIGITS[currency]
    rules = PostingSettings(
        currency=currency, rows=ROWS, rounding_max=Decimal(20), rounding_per_day_max=Decimal(10_000)
    )
    made: dict[str, Decimal] = {}
    postings: list[Posting] = []
    for end in (*sorted(parts), len(told), len(told)):
        sums: dict[tuple[LineClass, str], Decimal] = {}
        for kind, day, tenths in told[:end]:
            sums[kind, day] = sums.get((kind, day), Decimal(0)) + amount(tenths, digits)
        net = sum(sums.values(), Decimal(0))
        due = due_now(wanted_of(stands(net, currency), sums, rules), made)
        for each in due:
            name = bucket(each.event, each.day)
            made[name] = made.get(name, Decimal(0)) + each.amount
            postings.append(_posting(each.event, each.amount, each.day, len(postings) + 1, currency))
    assert due == (), "the same again is nothing"
    assert signed(posted(postings, rules, digits)) == oracle(told, digits)


def _posting(event: LedgerEvent, value: Decimal, day: date, number: int, currency: str) -> Posting:
    return Posting(
        payout="payout/web/stripe/po", number=number, sales_channel="web", gateway="stripe", payout_id="po",
        event=event, currency=currency, amount=value, day=day, correction=False,
    )  # fmt: skip


@given(told=LINES, currency=st.sampled_from(sorted(DIGITS)))
@settings(max_examples=30)
def test_clearing_goes_to_zero_for_a_payout_that_ties(told: list[Line], currency: str) -> None:
    """What Fulfil has captured and refunded, in whole units, less all that Seamline posts, leaves nothing."""
    digits = DIGITS[currency]
    rules = PostingSettings(
        currency=currency, rows=ROWS, rounding_max=Decimal(20), rounding_per_day_max=Decimal(10_000)
    )
    sums: dict[tuple[LineClass, str], Decimal] = {}
    by_fulfil: dict[LineClass, Fraction] = defaultdict(Fraction)
    for kind, day, tenths in told:
        sums[kind, day] = sums.get((kind, day), Decimal(0)) + amount(tenths, digits)
        if kind in (LineClass.SALE, LineClass.REFUND):
            by_fulfil[kind] += Fraction(tenths, 10 ** (digits + 1))
    net = sum(sums.values(), Decimal(0))
    incoming = tuple(msgspec.structs.replace(row, debit=CLEARING, credit=row.debit) for row in ROWS if _comes(row))
    right = msgspec.structs.replace(rules, rows=(*(row for row in ROWS if not _comes(row)), *incoming))
    due = wanted_of(stands(net, currency), sums, right).due
    postings = [_posting(each.event, each.amount, each.day, place, currency) for place, each in enumerate(due, 1)]
    whole = sum((half_even(total, digits) for total in by_fulfil.values()), Fraction(0))
    assert whole + posted(postings, right, digits).get(CLEARING, Fraction(0)) == 0


def _comes(row: PostingRow) -> bool:
    """Of these events the amount is positive when it comes to the balance at the gateway."""
    return row.event.value in (
        "payout_returned", "top_up", "dispute_reversal", "reserve_release", "adjustment", "advance",
        "exchange_difference", "unexplained", "rounding",
    )  # fmt: skip
