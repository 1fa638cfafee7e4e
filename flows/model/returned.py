"""Which payout that failed a line of a later payout gives back. Pure.

A line of the class `payout_returned` brings the money of a payout that never arrived back to the balance, and so into
the payout that it is a line of. Few providers name the payout; else it is found by its amount.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from flows.model.money import digits_of, rounded
from flows.model.payout import PayoutStatus, local_day

FAILED: Final = (PayoutStatus.FAILED, PayoutStatus.CANCELLED)
"""How payouts end that never arrive."""
_UTC: Final = ZoneInfo("UTC")

LineAt = tuple[str, str]
"""A line: the key of its payout, and its id there."""


class FailedPayout(msgspec.Struct, frozen=True, kw_only=True):
    """A payout that failed or was cancelled. `book`: sales channel, provider, currency. `day`: as ISO 8601, or ''."""

    key: str
    book: tuple[str, str, str]
    payout: str
    """The provider's id."""
    amount: Decimal
    day: str


class ReturningLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that gives a payout back, and what is known of the payout that it is a line of."""

    at: LineAt
    book: tuple[str, str, str]
    amount: Decimal
    day: str
    moment: str = ""
    """ISO 8601; '' where it has none."""
    names: frozenset[str] = frozenset()
    """What the provider names in it."""
    payout: str = ""
    failed: bool = False
    received: bool = False
    bank: bool = False

    def may_return(self, failed: FailedPayout) -> bool:
        """Whether it can be that payout that it gives back."""
        if self.book != failed.book or self.at[0] == failed.key:
            return False
        return failed.payout in self.names or (self.amount == failed.amount and failed.day <= self.day)

    def day_in(self, zone: ZoneInfo) -> str:
        """Its day of a company, as ISO 8601; '' where it has none."""
        return str(local_day(self.moment, zone) or "")


def returned_payouts(failed: Iterable[FailedPayout], lines: Iterable[ReturningLine]) -> dict[LineAt, str]:
    """The payout that each line gives back, where there is one: the one that it names, else the first of those that it
    can be. Each payout comes back once.
    """
    left = sorted(failed, key=lambda each: (each.day, each.key))
    found: dict[LineAt, str] = {}
    ordered = sorted(lines, key=lambda each: (each.day, each.at))
    for named in (True, False):
        for line in ordered:
            of = [each for each in left if line.may_return(each) and (not named or each.payout in line.names)]
            if of and line.at not in found:
                found[line.at] = of[0].key
                left.remove(of[0])
    return found


def paid_again(failed: Iterable[FailedPayout], lines: Collection[ReturningLine]) -> dict[str, ReturningLine]:
    """The line with which the money of each payout that came back was paid out last: a payout that has such a line may
    fail, too.
    """
    returned = returned_payouts(failed, lines)
    back = {returned[line.at]: line for line in lines if line.at in returned}
    found: dict[str, ReturningLine] = {}
    for key in back:
        left, last = dict(back), key
        while last in left:
            found[key] = left.pop(last)
            last = found[key].at[0]
    return found


def failed_payout(row: Sequence[Any]) -> FailedPayout:
    """A row of `payouts_failed`."""
    key, sales_channel, provider, currency, payout, paid, net, day = row
    amount = Decimal(paid) if paid is not None else rounded(Decimal(net), digits_of(currency))
    return FailedPayout(key=key, book=(sales_channel, provider, currency), payout=payout, amount=amount, day=day)


def returning_line(row: Sequence[Any]) -> ReturningLine:
    """A row of `lines_returning`."""
    key, line, sales_channel, provider, currency, amount, moment, day, payout, status, received, bank, *names = row
    found = ReturningLine(
        at=(key, line), book=(sales_channel, provider, currency), amount=Decimal(amount), day=day, moment=moment,
        names=frozenset(filter(None, names)), payout=payout, failed=status in FAILED, received=bool(received),
        bank=bool(bank),
    )  # fmt: skip
    return msgspec.structs.replace(found, day=found.day_in(_UTC) or day)
