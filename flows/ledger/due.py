"""What the ledger is to have of one payout, by the posting matrix; and what it is not to have, and why. Pure.

Lines are summed by class and day, exactly. Postings are in whole units of the currency: the sum of an event is rounded
once, and its days so that they come to that sum. What the payout then is more than its parts is a posting of its own
(`rounding`), so that the gateway's clearing account goes to zero for a payout that ties.

A payout in another currency than the ledger's is posted at its own rate once it has arrived (`converting`), where it
has one, and where there is a row for the exchange difference that is left.

What is due is the difference between that and what was made due before. So whatever is told again is due once, and what
is told later or otherwise is due as a correction; nothing that was posted is ever touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from flows.ledger.converting import Conversion
from flows.ledger.holding import UNREPORTED, held_by_cases
from flows.model.money import ONE, ZERO, digits_of, exactly, quotient, rounded
from flows.model.payout import LineClass, PayoutStatus, is_reported
from flows.model.posting_matrix import TAKEN, DateRule, LedgerEvent, PostingRow, PostingSettings, row_for
from flows.model.returned import FAILED

NOT_DATED: Final = ""
BY_FULFIL: Final = "Fulfil posts it"
NOBODY: Final = "[postings] has no row for it: nobody posts it"
NO_DAY: Final = "nobody says on which day it happened"
FOREIGN: Final = "it is in "
"""What the sentence about an amount in another currency than the ledger's begins with."""
CONVERSION: Final = (
    "it is one half of a conversion between two currencies of the account, and no difference: book both halves by hand"
)
COMES_BACK: Final = (
    "it is booked as received, and has failed: the line of a later payout that gives it back will take it back"
)
DIFFERENCE_HAS_NO_ROW: Final = (
    ": [postings] needs a row for exchange_difference, to which goes what its own rate leaves"
)
"""How it ends where finance can have it posted."""

_EVENTS: Final[dict[LineClass, LedgerEvent]] = {
    **{kind: LedgerEvent(kind.value) for kind in LineClass if kind is not LineClass.SALE},
    LineClass.SALE: LedgerEvent.RECEIPT,
}

Sums = Mapping[tuple[LineClass, str], Decimal]
"""(class, day of the company as ISO 8601 or '') -> the exact sum, signed as the balance at the gateway feels it."""


class PayoutStands(msgspec.Struct, frozen=True, kw_only=True):
    """A payout as it is known, with all of its lines. `holds` are the kinds of its open cases."""

    key: str
    sales_channel: str
    gateway: str
    """Fulfil's code."""
    payout: str
    currency: str
    status: PayoutStatus
    is_statement: bool
    received: bool
    paid: Decimal | None
    bank: Decimal | None
    net: Decimal
    paid_on: date | None
    expected_on: date | None
    holds: tuple[str, ...] = ()
    conversion: Conversion | None = None
    """Its rate, where it is in another currency than the ledger's and tells one."""

    @property
    def booked_in(self) -> str:
        """The currency of its postings."""
        return self.currency if self.conversion is None else self.conversion.currency

    @property
    def reported(self) -> bool:
        """Whether a report says what was paid."""
        return is_reported(self.is_statement, self.paid, self.bank)


class Due(msgspec.Struct, frozen=True):
    """What the ledger is to have of one event on one day. `amount` is signed as the matrix says (`TAKEN`)."""

    event: LedgerEvent
    day: date
    amount: Decimal


class Left(msgspec.Struct, frozen=True):
    """What is not posted, and why. `amount` is exact, signed as the matrix says."""

    event: LedgerEvent
    amount: Decimal
    why: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All that follows from a payout. `decided` are the events about which `due` says everything, also nothing."""

    due: tuple[Due, ...] = ()
    left: tuple[Left, ...] = ()
    decided: frozenset[LedgerEvent] = frozenset()


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What payouts that failed have to do with it: its money is taken back once, by its status or by a line."""

    before: Mapping[str, Decimal] = {}
    """Of its own lines that give payouts back, what is not booked as received of these: day or '' -> sum."""
    by_line: bool = False
    """It failed, and the line that gives it back is posted."""


NOTHING_RETURNED: Final = Returned()


@exactly
def wanted_of(
    payout: PayoutStands,
    sums: Sums,
    settings: PostingSettings,
    rules: Mapping[LedgerEvent, DateRule] | None = None,
    returned: Returned = NOTHING_RETURNED,
) -> Wanted:
    """What the ledger is to have of a payout. `rules`: date rules by which something of it is dated already."""
    by_event = _by_event(payout, sums)
    by_event.setdefault(LedgerEvent.PAYOUT, {})
    if payout.conversion is not None:
        by_event.setdefault(LedgerEvent.EXCHANGE_DIFFERENCE, {})
    elif rounding := _rounding(payout, sums):
        by_event[LedgerEvent.ROUNDING] = {NOT_DATED: rounding}
    due: list[Due] = []
    left: list[Left] = []
    posted = _decided(payout, settings)
    decided = set(posted)
    for event, days in _without(by_event, payout, settings, returned).items():
        total = sum(days.values(), ZERO)
        row = row_for(settings, event, payout.gateway, payout.booked_in)
        why = _why_not(payout, event, row, settings)
        if not why and row is not None:
            dated = (rules or {}).get(event, row.dated)
            found = tuple(_dated(payout, event, days, dated))
            if len(found) == len(days):
                due += _whole(event, found, payout)
                continue
            why = NO_DAY if payout.received else _status(payout)
        decided.discard(event)
        if event is LedgerEvent.PAYOUT and not days and not payout.is_statement:
            total = _paid_out(payout)
            back = _taken_back(payout, posted, returned)
            why = COMES_BACK if back == "by a line" else why
            decided |= {event} if back == "here" else set()
        if total:
            left.append(Left(event, total, why))
    wanted = Wanted(due=tuple(due), left=tuple(left), decided=frozenset(decided))
    if payout.conversion is None or LedgerEvent.EXCHANGE_DIFFERENCE not in decided:
        return wanted
    return _with_difference(wanted, payout, _difference(payout, payout.conversion, by_event, settings))


def _taken_back(
    payout: PayoutStands, posted: Collection[LedgerEvent], returned: Returned
) -> Literal["", "here", "by a line"]:
    """Where what was booked as received before it failed is to be taken back, once; empty: it is, or never was."""
    if payout.status not in FAILED or LedgerEvent.PAYOUT not in posted or returned.by_line:
        return ""
    return "by a line" if LedgerEvent.PAYOUT_RETURNED in posted else "here"


def _without(
    by_event: Mapping[LedgerEvent, Mapping[str, Decimal]],
    payout: PayoutStands,
    settings: PostingSettings,
    returned: Returned,
) -> Mapping[LedgerEvent, Mapping[str, Decimal]]:
    """Without what lines give back of payouts that are not booked as received, where it is here that they would be."""
    event = LedgerEvent.PAYOUT_RETURNED
    if not returned.before or row_for(settings, LedgerEvent.PAYOUT, payout.gateway, payout.booked_in) is None:
        return by_event
    days = {day: amount - returned.before.get(day, ZERO) for day, amount in by_event.get(event, {}).items()}
    return {**by_event, event: {day: amount for day, amount in days.items() if amount}}


def _difference(
    payout: PayoutStands,
    conversion: Conversion,
    by_event: Mapping[LedgerEvent, Mapping[str, Decimal]],
    settings: PostingSettings,
) -> Decimal:
    """What would be left on the clearing account beyond what the payout itself leaves there; as what ends it."""
    shown = {_EVENTS[kind]: amount for kind, amount in conversion.amounts.items()}
    balance = ZERO
    for event, days in by_event.items():
        amount = conversion.of(sum(days.values(), ZERO))
        if event in TAKEN:
            amount = -amount
        balance += shown.get(event, amount) if event in settings.of_fulfil else amount
    return conversion.of(payout.net - _paid_out(payout)) - balance


def _with_difference(wanted: Wanted, payout: PayoutStands, difference: Decimal) -> Wanted:
    """With that, once the payout has a day; beside what the provider itself calls so, on one day one posting."""
    event, day = LedgerEvent.EXCHANGE_DIFFERENCE, payout.paid_on
    if day is None or not payout.received:
        return msgspec.structs.replace(wanted, decided=wanted.decided - {event})
    same = [each for each in wanted.due if (each.event, each.day) == (event, day)]
    rest = tuple(each for each in wanted.due if each not in same)
    amount = difference + sum((each.amount for each in same), ZERO)
    return msgspec.structs.replace(wanted, due=(*rest, Due(event, day, amount)) if amount else rest)


def _decided(payout: PayoutStands, settings: PostingSettings) -> set[LedgerEvent]:
    """Events that Seamline posts of it, as far as nothing stands against them."""
    if _not_converted(payout, settings):
        return set()
    rows = {event: row_for(settings, event, payout.gateway, payout.booked_in) for event in LedgerEvent}
    return {event for event, row in rows.items() if row is not None and not _barred(payout, event)}


def _by_event(payout: PayoutStands, sums: Sums) -> dict[LedgerEvent, dict[str, Decimal]]:
    found: dict[LedgerEvent, dict[str, Decimal]] = {}
    for (kind, day), amount in sorted(sums.items()):
        event = _EVENTS[kind]
        if event is LedgerEvent.TRANSFER and payout.is_statement:
            event = LedgerEvent.PAYOUT  # of a statement of account these are the payouts
        days = found.setdefault(event, {})
        days[day] = days.get(day, ZERO) + (-amount if event in TAKEN else amount)
    if not payout.is_statement and payout.received:
        found[LedgerEvent.PAYOUT] = {NOT_DATED: _paid_out(payout)}
    return found


def _paid_out(payout: PayoutStands) -> Decimal:
    """What is on the bank account: as the bank says, else as the provider does, else what the lines come to."""
    told = payout.bank if payout.bank is not None else payout.paid
    return rounded(payout.net, digits_of(payout.currency)) if told is None else told


def _rounding(payout: PayoutStands, sums: Sums) -> Decimal:
    """What it comes to beyond its parts in whole units; what does not tie is no rounding, and stays as it is."""
    digits = digits_of(payout.currency)
    totals: dict[LineClass, Decimal] = {}
    for (kind, _), amount in sums.items():
        totals[kind] = totals.get(kind, ZERO) + amount
    near = payout.paid is not None and abs(payout.net - payout.paid) < Decimal(1).scaleb(-digits)
    target = payout.paid if near and payout.paid is not None else rounded(payout.net, digits)
    return target - sum((rounded(amount, digits) for amount in totals.values()), ZERO)


def _barred(payout: PayoutStands, event: LedgerEvent) -> str:
    """Why nothing of an event of it can be decided now."""
    if payout.status is PayoutStatus.PENDING:
        return "the payout is pending; its lines may still change"
    if held := held_by_cases(payout.holds, event):
        return held
    return "" if payout.reported else UNREPORTED


def _why_not(payout: PayoutStands, event: LedgerEvent, row: PostingRow | None, settings: PostingSettings) -> str:
    """Why an event of it is not posted, whatever its day is; empty: it is."""
    if event in settings.of_fulfil:
        return BY_FULFIL
    if event is LedgerEvent.EXCHANGE_DIFFERENCE and payout.is_statement:
        return CONVERSION
    if row is None:
        return NOBODY
    if barred := _barred(payout, event):
        return barred
    if unknown := _not_converted(payout, settings):
        return unknown
    if event is LedgerEvent.PAYOUT and not payout.received:
        return _status(payout)
    return ""


def _not_converted(payout: PayoutStands, settings: PostingSettings) -> str:
    """Why what is in another currency than the ledger's cannot be posted; empty where it can be, or is in that one."""
    if settings.currency in ("", payout.currency):
        return ""
    two = f"{FOREIGN}{payout.currency}, the ledger is in {settings.currency}"
    if payout.conversion is None or payout.is_statement:
        return f"{two}, and no rate is known here: its lines do not all say what was paid in {settings.currency}"
    if row_for(settings, LedgerEvent.EXCHANGE_DIFFERENCE, payout.gateway, settings.currency) is None:
        return f"{two}{DIFFERENCE_HAS_NO_ROW}"
    if not payout.received and payout.status not in FAILED:
        return _status(payout)  # the day on which it is paid is the date of its rate
    return ""


def _status(payout: PayoutStands) -> str:
    expected = "" if payout.expected_on is None else f", expected on {payout.expected_on}"
    if payout.status is PayoutStatus.UNKNOWN:
        return f"no report says that its payout was paid{expected}"
    return f"its payout is {payout.status.value.replace('_', ' ')}{expected}: not received"


def _dated(
    payout: PayoutStands, event: LedgerEvent, days: Mapping[str, Decimal], dated: DateRule
) -> Iterator[tuple[date, Decimal]]:
    """Each amount with its day, where it has one."""
    of_payout = payout.paid_on if payout.received or payout.status in FAILED else None
    for text, amount in sorted(days.items()):
        if dated == "event" and text and event is not LedgerEvent.ROUNDING:
            yield date.fromisoformat(text), amount
        elif of_payout is not None:
            yield of_payout, amount


def _whole(event: LedgerEvent, dated: Iterable[tuple[date, Decimal]], payout: PayoutStands) -> Iterator[Due]:
    """In whole units of the currency that it is booked in: days come to the rounded sum of the event."""
    digits, days = digits_of(payout.booked_in), dict[date, Decimal]()
    rate = ONE if payout.conversion is None else payout.conversion.rate
    for day, amount in dated:
        days[day] = days.get(day, ZERO) + amount
    exact = so_far = ZERO
    for day, amount in sorted(days.items()):
        exact += amount * rate
        whole = rounded(exact, digits) - so_far
        so_far += whole
        if whole:
            yield Due(event, day, whole)


# -- what is due of that now -------------------------------------------------------------------------------------------


def bucket(event: LedgerEvent, day: date) -> str:
    """The name of an event's day, under which it is remembered what was made due."""
    return f"{event.value} {day.isoformat()}"


@exactly
def due_now(wanted: Wanted, before: Mapping[str, Decimal]) -> tuple[Due, ...]:
    """What has to be posted beyond what was made due `before`; of what is not decided, nothing."""
    to_have = {bucket(each.event, each.day): each.amount for each in wanted.due}
    found = []
    for name in sorted(to_have.keys() | before.keys()):
        event, _, day = name.partition(" ")
        amount = to_have.get(name, ZERO) - before.get(name, ZERO)
        if amount and LedgerEvent(event) in wanted.decided:
            found.append(Due(LedgerEvent(event), date.fromisoformat(day), amount))
    return tuple(found)


@exactly
def rest_of(left: Iterable[Left], made: Mapping[str, Decimal], payout: PayoutStands, ledger: str) -> tuple[Left, ...]:
    """What is left beyond what was made due of the same event, which is in the ledger or waits for it.

    `ledger` is the ledger's currency. Of a payout in another one whose rate is not known any more that cannot be told:
    all of it is left.
    """
    if ledger not in ("", payout.booked_in):
        return tuple(left)
    found = []
    for each in left:
        so_far = sum((amount for name, amount in made.items() if name.partition(" ")[0] == each.event.value), ZERO)
        if not so_far:
            found.append(msgspec.structs.replace(each, why=_status(payout)) if each.why == COMES_BACK else each)
        elif each.why == COMES_BACK:
            found.append(msgspec.structs.replace(each, amount=-_told(so_far, payout)))
        elif so_far != _booked(each.amount, payout):
            found.append(msgspec.structs.replace(each, amount=each.amount - _told(so_far, payout)))
    return tuple(found)


def _booked(amount: Decimal, payout: PayoutStands) -> Decimal:
    """An amount of the payout in whole units of the currency that it is booked in."""
    rate = payout.conversion
    return rounded(amount, digits_of(payout.currency)) if rate is None else rate.of(amount)


def _told(booked: Decimal, payout: PayoutStands) -> Decimal:
    """What was booked in the payout's own currency."""
    rate = payout.conversion
    return booked if rate is None else quotient(booked, rate.rate, digits_of(payout.currency))
