"""What Fulfil's clearing accounts have moved in a month, beside what the books of the gateways have (rule 24). Pure.

Months are compared, not balances: what stood on an account before Seamline was there is nobody's to explain here. A
charge of the last evening may be in the ledger on the first of the next month, and leaves a difference in both; what
all months together differ by does not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from flows.model.money import ZERO, exactly, summed
from flows.model.month import Month
from flows.monthly.report import DIFFERS, Cell, Section, written

Book = tuple[str, str]
"""Gateway (Fulfil's code) and currency."""


class AccountMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What posted entries that are dated in a month have moved on an account: debits less credits."""

    month: Month
    account: str
    moved: Decimal
    is_final: bool
    """Its period was closed before it was read."""
    read_at: datetime
    """When it was first read as it stands."""


class FulfilAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of the ledger. `account_of`: the clearing account of a book; None: the matrix names none."""

    currency: str
    """That of the ledger; empty: nobody has said."""
    months: Sequence[AccountMonth]
    account_of: Callable[[Book], str | None]


@exactly
def compared(month: Month, fulfil: FulfilAccounts, moved: Mapping[tuple[Book, Month], Decimal]) -> Section:
    """Each account of the month, with what the books of its gateways have `moved` in each month."""
    of_account: dict[str, set[Book]] = {}
    for book, _ in moved:
        account = fulfil.account_of(book)
        if account is not None:
            of_account.setdefault(account, set()).add(book)
    return Section(
        title="Against Fulfil's accounts",
        head=("account", "gateways", "currency", "moved in Fulfil", "moved here", "difference", "since", DIFFERS,
              "its period", "read"),
        rows=tuple(
            _row(each, sorted(of_account.get(each.account, ())), fulfil, moved)
            for each in fulfil.months
            if each.month == month
        ),
        note="Debits less credits of posted entries that are dated in the month, beside what came to the gateways less "
        'what went out. What is charged on the last day may be posted on the next one: "differs by" is of all months '
        "since the first that was read and had money here. Only books in the ledger's currency are compared. "
        "`read` is when a figure was first read in Fulfil as it stands; later reads have found the same.",
        empty="what the month has moved in Fulfil was not read: it is read once the month is over, of accounts that "
        "the matrix credits with payouts",
    )  # fmt: skip


def _row(
    now: AccountMonth, books: Sequence[Book], fulfil: FulfilAccounts, moved: Mapping[tuple[Book, Month], Decimal]
) -> tuple[Cell, ...]:
    """One account. Where a gateway has money in other currencies, too, nothing is compared."""
    currency = fulfil.currency
    gateways = ", ".join(dict.fromkeys(gateway for gateway, _ in books))
    period = "closed" if now.is_final else "open when it was read"
    in_fulfil, read = written(now.moved, currency), f"{now.read_at:%Y-%m-%d %H:%M}Z"
    if not currency or any(each != currency for _, each in books):
        return (now.account, gateways, currency or None, in_fulfil, None, None, None, None, period, read)
    here = summed(moved.get((book, now.month), ZERO) for book in books)
    first = min((month for book, month in moved if book in books), default=now.month)
    known = [each for each in fulfil.months if each.account == now.account and first <= each.month <= now.month]
    off = summed(each.moved - summed(moved.get((book, each.month), ZERO) for book in books) for each in known)
    since = min((each.month for each in known), default=now.month)
    return (
        now.account, gateways, currency, in_fulfil, written(here, currency), written(now.moved - here, currency),
        str(since), written(off, currency), period, read,
    )  # fmt: skip
