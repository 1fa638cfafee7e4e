"""Any other provider's CSV, by a map of its columns in the configuration (`[payout_formats.<name>]`).

A row is a line of a payout, or the payout itself (`payout_types`), which then says what was paid, that it was, and on
which day, whatever its lines have in these columns. What a word of theirs means is said under `classes`; a word that is
not there is unexplained, and somebody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypedDict

import msgspec
from msgspec import Meta

from flows.model.money import EXACT, ZERO, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payouts.parts import (
    TEXT_MAX,
    Part,
    PayoutFormat,
    Source,
    currency_in,
    day_in,
    instant_in,
    year_first,
    zone_of,
)
from flows.payouts.table import Ordinals, Row, folded, rows_of
from runtime.rule import RuleBroken

Field = Literal[
    "payout", "line", "type", "currency", "amount", "credit", "debit", "fee", "tax", "net", "net_credit", "net_debit",
    "at", "order", "reference", "payment", "refund", "dispute", "paid_on", "expected_on", "status",
]  # fmt: skip
_slashed = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})(.*)").fullmatch
_AMOUNTS: Final[tuple[Field, Field, Field]] = ("amount", "credit", "debit")
_NETS: Final[tuple[Field, Field, Field]] = ("net", "net_credit", "net_debit")
"""A signed column each, or one for what comes and one for what goes, both without a sign."""


class GenericPayoutSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider's CSV is read."""

    columns: dict[Field, Annotated[str, Meta(min_length=1)]]
    """What each of its columns is: payout, line, type, currency, amount (or credit and debit), fee, tax, net (or
    net_credit and net_debit), at, order, reference, payment, refund, dispute, paid_on, expected_on, status. `payout`
    has to be there, and an amount or a net."""
    more_fees: tuple[str, ...] = ()
    """Further columns of fees, which are added to `fee`."""
    classes: dict[str, LineClass] = {}
    """What each word of the column `type` means: sale, refund, fee, and so on."""
    payout_types: tuple[str, ...] = ()
    """Words of the column `type` on the row of the payout itself: its amount (negative when money is paid out) is what
    was paid, on its day of `paid_on`, or else of `at`."""
    statuses: dict[str, PayoutStatus] = {}
    """What each word of the column `status` means: pending, in_transit, paid, failed, cancelled."""
    currency: Annotated[str, Meta(pattern="^([A-Z]{3})?$")] = ""
    """The currency, where there is no column for it."""
    fees_are: Literal["positive", "negative"] = "positive"
    """Whether a fee that is taken stands as 0.30 or as -0.30."""
    delimiter: Literal[",", ";", "\t", "|"] = ","
    """What separates the columns."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of its amounts."""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """What may stand between thousands in its amounts."""
    dates: Literal["iso", "day_first", "month_first"] = "iso"
    """How its dates are written: 2026-01-31 (and 31.01.2026, which is always read), 31/01/2026, or 01/31/2026."""
    time_zone: str = "UTC"
    """The time zone of times without one."""

    def __post_init__(self) -> None:
        """Refuse a map with which nothing can be read."""
        found: dict[tuple[str, ...], str] = {}
        if "payout" not in self.columns:
            found["columns",] = "it has to say which column is payout"
        elif not any(name in self.columns for name in (*_AMOUNTS, *_NETS)):
            found["columns",] = "it has to say which column is amount, or which are credit and debit, or net"
        if "currency" not in self.columns and not self.currency:
            found["currency",] = "say the currency, or under columns which column has it"
        if self.classes and "type" not in self.columns:
            found["classes",] = "these are words of the column `type`, which is not under columns"
        if self.payout_types and "type" not in self.columns:
            found["payout_types",] = "these are words of the column `type`, which is not under columns"
        if self.thousands == self.decimal:
            found["thousands",] = "it is the decimal mark, too"
        try:
            zone_of(self.time_zone)
        except ValueError as error:
            found["time_zone",] = str(error)
        if found:
            raise RuleBroken(found)

    @property
    def tells_paid(self) -> bool:
        """Whether it can say of a payout that it was paid."""
        return bool(self.payout_types) or ("status" in self.columns and PayoutStatus.PAID in self.statuses.values())


def generic_format(name: str, settings: GenericPayoutSettings) -> PayoutFormat:
    """The reader for a map of columns. It recognises nothing: who wants it says its name."""

    def read(source: Source) -> Iterator[Part]:
        zoned = msgspec.structs.replace(source, zone=zone_of(settings.time_zone))
        return _read(zoned, settings)

    return PayoutFormat(
        name=name,
        provider=name,
        about=f"CSV by the columns of [payout_formats.{name}]",
        recognises=lambda _head: False,
        read=read,
    )


def _read(source: Source, settings: GenericPayoutSettings) -> Iterator[Part]:
    columns = {field: folded(name) for field, name in settings.columns.items()}
    ordinals = Ordinals()
    own, by_lines = set[str](), dict[str, PayoutHeader]()
    required = (*columns.values(), *map(folded, settings.more_fees))
    for row in rows_of(source, required, delimiter=settings.delimiter):
        payout = row.id(columns["payout"])
        currency = row.currency(columns["currency"]) if "currency" in columns else currency_in(settings.currency)
        type_ = row.text(columns["type"]) if "type" in columns else ""
        if type_ and type_ in settings.payout_types:
            paid = EXACT.minus(_parts(row, columns, settings)[0])
            own.add(payout)
            yield _header(row, payout, currency, columns, settings, paid)
            continue
        if payout and payout not in by_lines:
            by_lines[payout] = _header(row, payout, currency, columns, settings)
        yield from _line(row, payout, currency, type_, columns, settings, ordinals)
    yield from (header for payout, header in by_lines.items() if payout not in own)


class _Marks(TypedDict):
    comma: bool
    thousands: str


def _marks(settings: GenericPayoutSettings) -> _Marks:
    """How its amounts are written."""
    return {"comma": settings.decimal == ",", "thousands": settings.thousands}


def _day(row: Row, field: Field, columns: dict[Field, str], settings: GenericPayoutSettings) -> date | None:
    if field not in columns:
        return None
    try:
        return day_in(_in_order(row.text(columns[field]), settings), row.source.zone)
    except ValueError as error:
        raise row.refused(columns[field], error) from None


def _instant(row: Row, columns: dict[Field, str], settings: GenericPayoutSettings) -> str:
    if "at" not in columns:
        return ""
    try:
        return instant_in(_in_order(row.text(columns["at"]), settings), row.source.zone)
    except ValueError as error:
        raise row.refused(columns["at"], error) from None


def _in_order(text: str, settings: GenericPayoutSettings) -> str:
    """A date as ISO 8601 has it, where the map says in which order it stands; anything else as it is."""
    found = None if settings.dates == "iso" else _slashed(text)
    if found is None:
        return year_first(text)
    one, other, year, rest = found.groups()
    day, month = (one, other) if settings.dates == "day_first" else (other, one)
    return f"{year}-{int(month):02}-{int(day):02}{rest}"


def _header(
    row: Row,
    payout: str,
    currency: str,
    columns: dict[Field, str],
    settings: GenericPayoutSettings,
    paid: Decimal | None = None,
) -> PayoutHeader:
    """What a row says of its payout. `paid`: it is the payout's own, which was paid where no status says otherwise."""
    word = row.text(columns["status"]) if "status" in columns else ""
    paid_on = _day(row, "paid_on", columns, settings)
    if paid is not None and paid_on is None:
        paid_on = _day(row, "at", columns, settings)
    unsaid = PayoutStatus.PAID if paid is not None and not word else PayoutStatus.UNKNOWN
    return PayoutHeader(
        id=payout,
        currency=currency,
        status=settings.statuses.get(word, unsaid),
        odd_status=word if word not in settings.statuses else "",
        paid=paid,
        paid_on=paid_on,
        expected_on=_day(row, "expected_on", columns, settings) if "expected_on" in columns else paid_on,
        place=row.place(),
    )


@exactly
def _parts(
    row: Row, columns: dict[Field, str], settings: GenericPayoutSettings
) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """Amount, fee and tax as they are felt, net, gap. Where only the net is told, the amount is what it is more."""
    marks, sign = _marks(settings), -1 if settings.fees_are == "positive" else 1
    fees = [columns["fee"]] if "fee" in columns else []
    fees += map(folded, settings.more_fees)
    fee = sign * sum((row.amount_or(each, **marks) for each in fees), ZERO)
    tax = sign * row.amount_or(columns["tax"], **marks) if "tax" in columns else ZERO
    amount, net = _told(row, _AMOUNTS, columns, marks), _told(row, _NETS, columns, marks)
    if amount is None:
        amount = (net or ZERO) - fee - tax
    together = amount + fee + tax
    net = together if net is None else net
    return amount, fee or ZERO, tax or ZERO, net, net - together


def _told(row: Row, fields: tuple[Field, Field, Field], columns: dict[Field, str], marks: _Marks) -> Decimal | None:
    """What stands under a signed column, or under the two for what comes and what goes; None where nothing has to."""
    signed, comes, goes = fields
    if signed in columns:
        is_needed = signed == _AMOUNTS[0] or not any(each in columns for each in _AMOUNTS)
        return row.amount(columns[signed], **marks) if is_needed or row.text(columns[signed]) else None
    if comes not in columns and goes not in columns:
        return None
    plus, minus = (row.amount_or(columns[each], **marks) if each in columns else ZERO for each in (comes, goes))
    return plus - minus


def _line(
    row: Row,
    payout: str,
    currency: str,
    type_: str,
    columns: dict[Field, str],
    settings: GenericPayoutSettings,
    ordinals: Ordinals,
) -> Iterator[Part]:
    amount, fee, tax, net, gap = _parts(row, columns, settings)
    id_, alike = (row.id(columns["line"]), False) if "line" in columns else ordinals.id_of(payout, *row.cells)
    if not id_:
        raise row.refused(columns["line"], "the line has no id")
    found = {"place": row.place(), "payout": payout, "line": id_, "currency": currency}
    if alike:
        said = "it stands there before, to the last character; both are counted, since neither has an id"
        yield Finding(kind="alike", sentence=said, amount=net, **found)
    if gap:
        said = f"net {net} is not what amount, fee and tax come to; the rest of {gap} is unexplained"
        yield Finding(kind="contradiction", sentence=said, amount=gap, **found)

    def named(field: Field) -> str:
        return row.id(columns[field]) if field in columns else ""

    yield PayoutLine(
        id=id_,
        payout=payout,
        kind=settings.classes.get(type_, LineClass.UNEXPLAINED),
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        tax=tax,
        gap=gap,
        type=type_[:TEXT_MAX],
        at=_instant(row, columns, settings),
        order=named("order"),
        reference=named("reference"),
        payment=named("payment"),
        refund=named("refund"),
        dispute=named("dispute"),
        place=row.place(),
    )
