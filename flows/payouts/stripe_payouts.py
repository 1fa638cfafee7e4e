"""Stripe's lists of payouts as CSV: the report "Itemized payouts", and the export of payouts of the dashboard.

They say what was paid (negative: was taken from the bank), and how far it is; the lines of these payouts are in other
files (`stripe`, `stripe-csv`), which name the payouts alike. The report has a row for what came back of a payout, too:
that is said by its status. Source of columns: Stripe documentation, "Balance report" (payouts.itemized), and the
dashboard's export of payouts.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.model.money import EXACT
from flows.model.payout import Finding, PayoutHeader
from flows.payouts.parts import Part, Source, with_status
from flows.payouts.stripe_words import STATUSES
from flows.payouts.table import Row, has_columns, rows_of

REPORTED = ("payout id", "balance transaction id", "currency", "gross", "net", "reporting category")
EXPORTED = ("id", "amount", "currency", "arrival date (utc)", "status", "balance transaction")
_PAYOUT = "payout"


def is_list(head: bytes) -> bool:
    """Whether a file begins as one of these does."""
    return has_columns(head, REPORTED) or has_columns(head, EXPORTED)


def payouts_of(source: Source, head: bytes) -> Iterator[Part]:
    """Every payout. Raises PayoutUnreadable."""
    is_report = has_columns(head, REPORTED)
    for row in rows_of(source, REPORTED if is_report else EXPORTED):
        yield from _reported(row) if is_report else (_exported(row),)


def _reported(row: Row) -> Iterator[Part]:
    """A row of the report, which takes a payout from the balance, or brings it back."""
    payout, currency = row.id("payout id"), row.currency("currency")
    leaves, paid, fee = row.text("reporting category") == _PAYOUT, row.amount("gross"), row.amount_or("fee")
    day = row.day("payout expected arrival date") or row.day("effective at utc") or row.day("effective at")
    header = PayoutHeader(
        id=payout,
        currency=currency,
        paid=paid if leaves else None,
        paid_on=day,
        expected_on=day,
        place=row.place(),
    )
    yield with_status(header, STATUSES, row.text("payout status"))
    if leaves and fee:
        said = f"the payout itself cost {fee}: that is a line of its balance transactions, and none of this list"
        yield Finding(
            kind="note", sentence=said, place=row.place(), payout=payout, amount=EXACT.minus(fee), currency=currency
        )


def _exported(row: Row) -> PayoutHeader:
    day = row.day("arrival date (utc)")
    header = PayoutHeader(
        id=row.id("id"),
        currency=row.currency("currency"),
        paid=row.amount("amount"),
        paid_on=day,
        expected_on=day,
        place=row.place(),
    )
    return with_status(header, STATUSES, row.text("status").casefold().replace(" ", "_"))
