"""What Fulfil has of an order, against what its sale is to be; and what somebody has changed there by hand. Pure.

What Seamline itself has written is expected, so its echo is no difference and no change by hand: an edit that was
applied is in the expected figures, a payment that was recorded in what was captured. While a sale is being worked on,
or has changed here since the read began, nothing is said of it, and it is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.payments import Invoice, SalePayment
from connectors.fulfil.read_back import ReadBackSale
from flows.model.invoices import is_live
from flows.model.money import ZERO, exactly
from flows.reconciler.comparing_units import Units, units_off
from flows.reconciler.comparing_units import told as told_units

SHIPPED_AFTER: Final = timedelta(hours=1)
"""How long the watcher of shipments has to see what Fulfil says has left."""
_SEVERAL: Final = ("lines", "units")
_BY_HAND: Final = ("total", "tax", "currency", "party", "warehouse", "sale_date", "lines", "units", "state")


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale is to be. Amounts are in `currency`; None: not known, and not compared."""

    key: str
    sale: int
    is_cancelled: bool
    amount: Decimal
    currency: str
    tax: Decimal | None = None
    captured: Decimal | None = None
    """By its create, and by what was recorded since."""
    refunded: Decimal = ZERO
    units: dict[str, Decimal] | None = None
    """Of each SKU, on all lines but those of shipping."""
    shipping: str | None = None
    """How far its shipments are, as the watcher knows; None: nothing has left, or nobody watches."""
    is_watched: bool = False
    is_known: bool = False
    """A case says already that it differs, or that somebody has to change it by hand."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a sale as it was read, to see what changes."""

    state: str | None = None
    total: Decimal | None = None
    tax: Decimal | None = None
    currency: str | None = None
    party: int | None = None
    warehouse: int | None = None
    sale_date: date | None = None
    lines: tuple[int, ...] | None = None
    units: str | None = None
    """What its lines have, as text."""
    products: dict[str, int] = {}
    """The ids of the products that it is to have, by the SKUs under which they were sent."""
    invoices_paid: bool | None = None
    """Whether all of its invoices are paid; None: it has none, or they cannot be read."""
    invoiced: Decimal | None = None
    """What they come to, without credit notes; None: that cannot be said, since one is of several sales, say."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one sale. None: it is not there; `units`, `payments`, `invoices` None: they were not read."""

    sale: ReadBackSale | None
    units: Units | None = None
    """What its lines have; None, too, where Fulfil does not tell all of it."""
    payments: tuple[SalePayment, ...] | None = None
    invoices: tuple[Invoice, ...] | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way in which a sale is not what it is to be. `was` and `is_`: what was expected and what was found."""

    kind: str = "sale.differs"
    """The kind of its case."""
    cause: str
    sentence: str
    amount: Decimal
    currency: str
    was: str
    is_: str
    may_follow: bool = False
    """What is missing may still come: it is a case only when it lasts."""
    happened_at: datetime | None = None
    """When it came about, where that is told."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a sale that is another one than when it was read last, and not by our doing."""

    field: str
    was: str
    is_: str
    by: int | None = None
    """The user in Fulfil, where it says who."""
    at: datetime | None = None

    @property
    def sentence(self) -> str:
        """Which field, from what to what, and by whom if that is known."""
        who = "" if self.by is None else f" by user {self.by} of Fulfil"
        when = "" if self.at is None else f" on {self.at:%Y-%m-%d %H:%M:%SZ}"
        were = "were" if self.field in _SEVERAL else "was"
        return f"its {self.field.replace('_', ' ')} {were} changed from {self.was} to {self.is_}{who}{when}"


def snapshot_of(
    sale: ReadBackSale, invoices: Sequence[Invoice] | None = None, units: Units | None = None,
    products: Mapping[str, int] | None = None,
) -> Snapshot:  # fmt: skip
    """What is remembered of it. `products`: the ids of those that it is to have."""
    bills = [each for each in invoices or () if is_live(each) and not each.is_credit_note]
    owed = [each for each in bills if each.state != "paid" and each.balance_due != ZERO]
    return Snapshot(
        state=sale.state, total=sale.total_amount, tax=sale.tax_amount, currency=sale.currency_code, party=sale.party,
        warehouse=sale.warehouse, sale_date=sale.sale_date, lines=sale.lines,
        units=None if units is None else told_units(units.own), products=dict(products or {}),
        invoices_paid=not owed if bills else None, invoiced=_invoiced(sale, bills),
    )  # fmt: skip


@exactly
def _invoiced(sale: ReadBackSale, bills: Sequence[Invoice]) -> Decimal | None:
    amounts = [each.total_amount for each in bills if each.currency_code in (None, sale.currency_code)]
    is_shared = any(each.sales is not None and len(each.sales) > 1 for each in bills)
    if is_shared or None in amounts or not bills or len(amounts) < len(bills):
        return None
    return sum((each for each in amounts if each is not None), ZERO)


def changes(
    before: Snapshot | None, sale: ReadBackSale, expected: Expected, *, edited: bool, units: Units | None = None
) -> tuple[Change, ...]:
    """What was changed by hand since `before`. `edited`: Seamline has worked on the sale since then.

    Only a cancel counts of the states: all others are Fulfil's own way. What is not told is not compared.
    """
    if before is None:
        return ()
    after, found = snapshot_of(sale, units=units), list[Change]()
    ours: dict[str, Any] = {"total": expected.amount, "tax": expected.tax}
    if expected.units is not None:
        ours["units"] = told_units(expected.units)
    for name in _BY_HAND:
        was, is_ = getattr(before, name), getattr(after, name)
        if was is None or is_ is None or was == is_ or (name in ours and ours[name] == is_):
            continue
        if name == "state" and (is_ != "cancel" or expected.is_cancelled):
            continue
        if (name == "lines" and (edited or len(was) == len(is_))) or (name == "units" and edited):
            continue
        texts = (f"{len(was)}", f"{len(is_)}") if name == "lines" else (f"{was}", f"{is_}")
        change = Change(field=name, was=texts[0], is_=texts[1], by=sale.changed_by, at=sale.changed_at)
        found.append(change)
    return tuple(found)


@exactly
def differences(expected: Expected, found: Found, began: datetime) -> tuple[Difference, ...]:
    """Every way in which the sale is not what it is to be, each with its amount."""
    return tuple(_differences(expected, found, began))


def _differences(expected: Expected, found: Found, began: datetime) -> Iterator[Difference]:
    sale = found.sale
    if sale is None:
        yield _of(expected, "gone", "the sale is in Fulfil no longer", expected.amount, "there", "gone")
        return
    name = sale.number or str(sale.id)
    is_cancelled = sale.state == "cancel"
    if is_cancelled != expected.is_cancelled and sale.state is not None and not expected.is_known:
        stands = "the order is cancelled" if expected.is_cancelled else "the order stands"
        what = f"sale {name} is {'cancelled' if is_cancelled else sale.state} in Fulfil, and {stands}"
        yield _of(expected, "state", what, expected.amount, "cancel" if expected.is_cancelled else "live", sale.state)
    if is_cancelled or expected.is_cancelled:
        return
    if sale.currency_code is not None and sale.currency_code != expected.currency:
        what = f"sale {name} is in {sale.currency_code} in Fulfil, the order in {expected.currency}"
        yield _of(expected, "currency", what, expected.amount, expected.currency, sale.currency_code)
        return
    if not expected.is_known:
        yield from _as_one(
            [
                *_units(expected, name, found.units),
                *_figure(expected, "total", f"sale {name} has a total of", expected.amount, sale.total_amount),
                *_figure(expected, "tax", f"sale {name} has taxes of", expected.tax, sale.tax_amount),
            ]
        )
    yield from _payments(expected, name, found.payments)
    if not expected.is_known:
        yield from _invoices(expected, sale, name, found.invoices)
    yield from _shipments(expected, sale, name, began)


def _as_one(found: Sequence[Difference]) -> Iterator[Difference]:
    """What one edit has changed is one difference: other units bring another total, and that other taxes. It is called
    by the first of them, stands for all of their figures, and is as large as the largest.
    """
    if len(found) <= 1:
        yield from found
        return
    yield Difference(
        cause=found[0].cause,
        sentence="; ".join(each.sentence for each in found),
        amount=max(each.amount for each in found),
        currency=found[0].currency,
        was=", ".join(f"{each.cause} {each.was}" for each in found),
        is_=", ".join(f"{each.cause} {each.is_}" for each in found),
    )


def _units(expected: Expected, name: str, units: Units | None) -> Iterator[Difference]:
    """The amount is what the units come to; where the sale has no price of them, all of the order is at stake."""
    off = None if units is None or expected.units is None else units_off(expected.units, units, expected.currency)
    if off is not None:
        what = f"sale {name} has other units in Fulfil than the order: {off.sentence}"
        yield _of(expected, "units", what, off.worth or expected.amount, told_units(off.wanted), told_units(off.there))


def _payments(expected: Expected, name: str, payments: Sequence[SalePayment] | None) -> Iterator[Difference]:
    if payments is None or expected.captured is None:
        return
    captured = _sum([each.amount_captured for each in payments])
    refunded = _sum([each.amount_refunded for each in payments])
    if captured == ZERO and _sum([each.amount for each in payments]) == expected.captured:
        captured = expected.captured  # a tenant may keep what a create brings without a transaction of its own
    yield from _figure(expected, "captured", f"payments of sale {name} have captured", expected.captured, captured)
    yield from _figure(expected, "refunded", f"payments of sale {name} have refunded", expected.refunded, refunded)


def _invoices(
    expected: Expected, sale: ReadBackSale, name: str, invoices: Sequence[Invoice] | None
) -> Iterator[Difference]:
    """What is invoiced is never more than the order, and all of it once the sale is done. An invoice of several sales
    says nothing of one.
    """
    if invoices is None or any(each.sales is None or len(each.sales) > 1 for each in invoices):
        return
    live = [each for each in invoices if is_live(each)]
    amounts = [each.total_amount for each in live]
    if any(each is None for each in amounts):
        return
    signed = [
        -abs(amount) if each.is_credit_note else amount
        for each, amount in zip(live, amounts, strict=True)
        if amount is not None
    ]
    total = sum(signed, ZERO)
    positive = sum((each for each in signed if each > ZERO), ZERO)
    is_short = sale.state == "done" and bool(live) and positive < expected.amount
    if positive > expected.amount or is_short:
        yield from _figure(expected, "invoices", f"invoices of sale {name} come to", expected.amount, positive)
    elif total < ZERO:
        yield from _figure(expected, "invoices", f"invoices less credit notes of sale {name} come to", ZERO, total)


def _shipments(expected: Expected, sale: ReadBackSale, name: str, began: datetime) -> Iterator[Difference]:
    seen = expected.shipping in ("shipped", "told")
    is_fresh = sale.changed_at is None or sale.changed_at > began - SHIPPED_AFTER
    if expected.is_watched and sale.shipment_state == "sent" and not seen and not is_fresh:
        here = expected.shipping or "nothing"
        what = f"all of sale {name} was shipped as Fulfil says, and {here} of it is known to have left"
        yield _of(expected, "shipments", what, expected.amount, here, "sent")


def _sum(figures: Sequence[Decimal | None]) -> Decimal | None:
    """None where one of them is not told: a part is no sum."""
    return None if any(each is None for each in figures) else sum((each for each in figures if each is not None), ZERO)


def _figure(
    expected: Expected, cause: str, what: str, wanted: Decimal | None, found: Decimal | None
) -> Iterator[Difference]:
    if wanted is not None and found is not None and wanted != found:
        sentence = f"{what} {found} {expected.currency} in Fulfil; by the order it is {wanted}"
        yield _of(expected, cause, sentence, abs(found - wanted), str(wanted), str(found))


def _of(expected: Expected, cause: str, sentence: str, amount: Decimal, was: str, is_: str) -> Difference:
    return Difference(cause=cause, sentence=sentence, amount=abs(amount), currency=expected.currency, was=was, is_=is_)
