"""From two versions of an order to what has to change in its sale, as far as the tenant's API can change it. Pure.

A sale is never cancelled and made anew, because its identifier is unique (rule 16). Both versions are mapped as if for
a create, and compared line by line under the sales channel's line ids. What a tenant can do is probed: it takes
changed lines under the order's own key (`keyed_upsert`), or lines can be written (`line_write`), or neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from connectors.fulfil.amending import AmendOrder, LineAmended, amend_order
from connectors.fulfil.lines import LineChange, amend_sale
from connectors.fulfil.sales import SaleLine as LineInFulfil
from connectors.fulfil.wire import CreateOrder, SaleLine, ShippingLine, TaxLine
from flows.model.money import ZERO
from runtime.decision import Effect

Means = Literal["keyed_upsert", "line_write", "none"]
"""How a tenant's sales can be changed."""


class LineWanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the sale as it shall be, under the sales channel's id of it."""

    identifier: str
    quantity: Decimal
    unit_price: Decimal


class Amendment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has to change. `body`: the whole call, of a tenant that takes it under the order's key; else `lines`."""

    total: Decimal
    """The sale's total after it."""
    body: bytes = b""
    lines: tuple[LineWanted, ...] = ()


class NotAmendable(msgspec.Struct, frozen=True):
    """Fulfil's API cannot make this change. `reason` completes "it cannot be changed there by Seamline:"."""

    reason: str


def amendment_of(before: CreateOrder, after: CreateOrder, channel_id: int, means: Means) -> Amendment | NotAmendable:
    """What makes the sale of one version that of the other."""
    if means == "none":
        return NotAmendable("what this tenant's API can change is not known, or nothing (`seamline probe fulfil`)")
    if before.currency_code != after.currency_code:
        return NotAmendable("the order is in another currency now")
    for place in ("billing_address", "shipping_address"):
        if getattr(before, place) != getattr(after, place):
            return NotAmendable(f"its {place.replace('_', ' ')} has changed, which no call of the API can")
    changed = tuple(_lines(before.sale_lines, after.sale_lines))
    shipping = tuple(_shipping(before.shipping_lines, after.shipping_lines))
    if not changed and not shipping:
        return NotAmendable("what has changed is in no line of the sale")
    if _without_ids(before) or _without_ids(after):
        return NotAmendable("its lines have no ids of their own, so nobody can say which is which")
    if means == "keyed_upsert":
        order = AmendOrder(
            channel_identifier=after.channel_identifier,
            sale_lines=changed,
            shipping_lines=shipping,
            amount=after.amount,
        )
        return Amendment(total=after.amount, body=amend_order(channel_id, order).body)
    return _written(before, changed, shipping, after.amount)


def _without_ids(order: CreateOrder) -> bool:
    """Whether ids of its lines were made up: by their place, or because the sales channel repeats one."""
    ids = [line.channel_identifier for line in order.sale_lines]
    ids += [line.channel_identifier or "" for line in order.shipping_lines]
    return any(_MADE_UP(id_) or id_.rpartition("-")[0] in ids for id_ in ids)


_MADE_UP = re.compile(r"(?:line|shipping)(?:-\d+)?").fullmatch


def _written(
    before: CreateOrder, changed: Sequence[LineAmended], shipping: Sequence[ShippingLine], total: Decimal
) -> Amendment | NotAmendable:
    """As lines to be written: only those that there are."""
    known = {line.channel_identifier: line for line in before.sale_lines}
    if any(
        line.sku is not None
        or (line.amount and _taxed(line.tax_lines) != _taxed(known[line.channel_identifier].tax_lines))
        for line in changed
        if line.channel_identifier in known
    ):
        return NotAmendable("a line has another product or other taxes, and this tenant takes only figures of lines")
    carried = {line.channel_identifier: line.carrier_service_code for line in before.shipping_lines}
    if any(carried.get(line.channel_identifier) != line.carrier_service_code for line in shipping):
        return NotAmendable("the carrier service is another, or shipping was added, and this tenant takes only figures")
    if any(line.channel_identifier not in known for line in changed):
        return NotAmendable("a line was added, and this tenant takes only changes of lines that it has")
    wanted = [
        LineWanted(
            identifier=line.channel_identifier,
            quantity=(line.quantity or ZERO) - (line.quantity_canceled or ZERO),
            unit_price=line.unit_price or ZERO,
        )
        for line in changed
    ]
    wanted += [
        LineWanted(identifier=line.channel_identifier or "", quantity=Decimal(1), unit_price=line.amount)
        for line in shipping
    ]
    return Amendment(total=total, lines=tuple(wanted))


def _taxed(taxes: Sequence[TaxLine] | None) -> list[str]:
    return sorted(tax.name for tax in taxes or ())


def _lines(before: Sequence[SaleLine], after: Sequence[SaleLine]) -> Iterator[LineAmended]:
    """The lines that differ: changed, added, and gone ones with nothing left of them."""
    old, new = ({line.channel_identifier: line for line in lines} for lines in (before, after))
    for identifier, line in new.items():
        was = old.get(identifier)
        if was != line:
            yield _amended(was, line)
    for identifier, line in old.items():
        if identifier not in new:
            yield LineAmended(
                channel_identifier=identifier, quantity=line.quantity, quantity_canceled=line.quantity,
                unit_price=line.unit_price, amount=ZERO, tax_lines=(),
            )  # fmt: skip


def _amended(was: SaleLine | None, line: SaleLine) -> LineAmended:
    """A line as it shall be. Fewer units are said as the ordered ones and how many of them are cancelled."""
    fewer = was is not None and line.quantity < was.quantity
    return LineAmended(
        channel_identifier=line.channel_identifier,
        sku=line.sku if was is None or was.sku != line.sku else None,
        quantity=was.quantity if was is not None and fewer else line.quantity,
        quantity_canceled=was.quantity - line.quantity if was is not None and fewer else None,
        unit_price=line.unit_price,
        amount=line.amount,
        tax_lines=line.tax_lines,
    )


def _shipping(before: Sequence[ShippingLine], after: Sequence[ShippingLine]) -> Iterator[ShippingLine]:
    old, new = ({line.channel_identifier: line for line in lines} for lines in (before, after))
    yield from (line for identifier, line in new.items() if old.get(identifier) != line)
    for identifier, line in old.items():
        if identifier not in new:
            yield msgspec.structs.replace(line, amount=ZERO, tax_lines=())


def line_write(sale: int, amendment: Amendment, there: Sequence[LineInFulfil]) -> Effect | NotAmendable:
    """The call that writes the wanted lines over those in Fulfil."""
    by_identifier = {line.channel_identifier: line for line in there}
    changes = []
    for wanted in amendment.lines:
        line = by_identifier.get(wanted.identifier)
        if line is None:
            return NotAmendable(f"the sale has no line {wanted.identifier!r} any more")
        changes.append(LineChange(id=line.id, quantity=wanted.quantity, unit_price=wanted.unit_price))
    return amend_sale(sale, change=changes).effect("orders")


# -- in words ----------------------------------------------------------------------------------------------------------


def differences(before: CreateOrder, after: CreateOrder) -> str:
    """What differs between two versions, for people: both versions of each thing; never an address itself."""
    found = [*_told_lines(before.sale_lines, after.sale_lines), *_told_shipping(before, after)]
    found += _told_addresses(before, after)
    if before.amount != after.amount:
        found.append(f"the total was {before.amount:f} and is {after.amount:f} {after.currency_code}")
    shown = found[:_TOLD_MAX]
    more = [f"{len(found) - _TOLD_MAX} more differences"] if len(found) > _TOLD_MAX else []
    return "; ".join([*shown, *more])


def _told_addresses(before: CreateOrder, after: CreateOrder) -> Iterator[str]:
    """Which address differs. An order with one address has it twice in the sale, and only one was changed."""
    billing = before.billing_address != after.billing_address
    if before.shipping_address != after.shipping_address:
        alone = before.shipping_address == before.billing_address and after.shipping_address == after.billing_address
        yield "the shipping address is another" + (", which is the billing address, too" if alone else "")
        billing = billing and not alone
    if billing:
        yield "the billing address is another"


_TOLD_MAX = 8


def _told_lines(before: Sequence[SaleLine], after: Sequence[SaleLine]) -> Iterator[str]:
    old, new = ({line.channel_identifier: line for line in lines} for lines in (before, after))
    for identifier, line in new.items():
        was = old.get(identifier)
        if was is None:
            yield f"{_pieces(line)} was added"
        elif (was.sku, was.quantity) != (line.sku, line.quantity):
            yield f"{_pieces(was)} became {_pieces(line)}"
        elif was.amount != line.amount:
            yield f"{_pieces(line)} costs {line.amount:f} instead of {was.amount:f}"
        elif was.tax_lines != line.tax_lines:
            yield f"the taxes of {_pieces(line)} are others"
    for identifier, line in old.items():
        if identifier not in new:
            yield f"{_pieces(line)} was removed"


def _told_shipping(before: CreateOrder, after: CreateOrder) -> Iterator[str]:
    was, now = (sum((line.amount for line in each.shipping_lines), ZERO) for each in (before, after))
    if was != now:
        yield f"shipping costs {now:f} instead of {was:f}"


def _pieces(line: SaleLine) -> str:
    return f"{line.quantity:f} x {line.sku}"
