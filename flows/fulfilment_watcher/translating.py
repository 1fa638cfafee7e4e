"""From what was shipped of an order to what its sales channel is told. Pure.

Carriers and services are called what the sales channel calls them. One that is not mapped holds the notice, or goes
under Fulfil's own name with an explicit address of the parcel, so that no sales channel guesses one (failure case 27).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

import msgspec

from connectors.patchworks.batches import Fulfilment, FulfilmentLine, OrderOfFulfilment, Tracking
from flows.fulfilment_watcher.parts import OrderedLine, Parcel, PartLine, ShipmentPart
from flows.model.couriers import check_of_carrier, courier_of, url_of
from flows.model.fulfilments import NO_CARRIER, FulfilmentSettings

ZERO: Final = Decimal(0)
Units = Mapping[str, Decimal]
"""Units by line id."""


class Named(msgspec.Struct, frozen=True):
    """What the sales channel is to read for carrier and service; `own`: they go under Fulfil's names, as allowed."""

    carrier: str
    service: str
    own: bool = False


class Unmapped(msgspec.Struct, frozen=True):
    """Nobody has said what the sales channel calls this. `cause` is the name that is missing."""

    cause: str
    sentence: str


def named(part: ShipmentPart, settings: FulfilmentSettings) -> Named | Unmapped:
    """What carrier and service are called. A pick-up has none unless Fulfil says so."""
    if part.pick_up and not part.carrier and "" not in settings.carriers:
        return Named("", "")
    is_known, carrier = mapped_carrier(part.carrier, settings)
    has_service, service = mapped_service(part.service_code, part.service, settings)
    if is_known and has_service:
        return Named(carrier, service)
    if settings.unmapped == "send" and part.parcels and all(_url(each, part, settings) for each in part.parcels):
        return Named(carrier, service, own=True)
    carrier = part.carrier or NO_CARRIER
    if is_known:
        return Unmapped(f"{carrier}: {part.service}", _missing("service", part.service or part.service_code, settings))
    return Unmapped(carrier, _missing("carrier", part.carrier, settings))


def mapped_carrier(carrier: str, settings: FulfilmentSettings) -> tuple[bool, str]:
    """Whether a carrier of Fulfil's is mapped, and what it is called."""
    return (True, settings.carriers[carrier]) if carrier in settings.carriers else (False, carrier)


def mapped_service(code: str, service: str, settings: FulfilmentSettings) -> tuple[bool, str]:
    """The same for a service. Where none is mapped at all, services go under Fulfil's names."""
    for name in (code, service):
        if name and name in settings.services:
            return True, settings.services[name]
    return not settings.services or not (code or service), service or code


def _missing(kind: str, name: str, settings: FulfilmentSettings) -> str:
    """What has no name at the sales channel, and what to do. `name` is Fulfil's; empty: there is no carrier."""
    where = f"under fulfilments.{kind}s of the sales channel, and restart"
    if name:
        said, as_it_is = f"the {kind} {name!r} is not mapped: add it {where}", "under its own name"
    else:
        said, as_it_is = f'it has no {kind} in Fulfil: set one there, or map the empty name "" {where}', "without one"
    if settings.unmapped == "send":
        return f"{said}; it cannot be sent {as_it_is}, since a parcel of it has no tracking address"
    return said


# -- units -------------------------------------------------------------------------------------------------------------


def units_shipped(line: PartLine, before: Mapping[str, Decimal], told_sets: Decimal) -> Decimal:
    """Units of a line that a shipment brings. Of a kit: the sets that are complete with what came `before` (units of
    each component, in other shipments of the order), less those that other notices tell.
    """
    if not line.components:
        return line.quantity
    sets = min((before.get(each.name, ZERO) + each.quantity) // (each.per_kit or 1) for each in line.components)
    return max(ZERO, sets - told_sets)


class Share(msgspec.Struct, frozen=True):
    """What a notice may tell, and what is left over: units that were shipped and that nobody ordered (any more)."""

    units: dict[str, Decimal]
    residual: dict[str, Decimal]


def share(wanted: Units, limits: Units, others: Units) -> Share:
    """Units by line, so that with those of the other notices they never sum up to more than was ordered."""
    units: dict[str, Decimal] = {}
    residual: dict[str, Decimal] = {}
    for line_id, quantity in wanted.items():
        room = max(ZERO, limits.get(line_id, ZERO) - others.get(line_id, ZERO))
        told = min(quantity, room)
        if told > ZERO:
            units[line_id] = told
        if quantity > told:
            residual[line_id] = quantity - told
    return Share(units, residual)


def limits_of(ordered: tuple[OrderedLine, ...], left: Units) -> dict[str, Decimal]:
    """Most units of each line: as the sale says, and no more than edits and refunds left of it at the sales channel."""
    return {each.line_id: min(each.quantity, left.get(each.line_id, each.quantity)) for each in ordered}


# -- the notice --------------------------------------------------------------------------------------------------------


def notice(
    part: ShipmentPart,
    called: Named,
    units: Units,
    shipped_at: datetime,
    *,
    id_: str,
    sales_channel: str,
    order_id: str,
    settings: FulfilmentSettings,
) -> Fulfilment:
    """What the sales channel is told. The same facts give the same notice."""
    skus = {line.line_id: line.sku for line in part.ordered} | {line.line_id: line.sku for line in part.lines}
    lines = [FulfilmentLine(order_line_id=each, sku=skus[each], quantity=plain(units[each])) for each in sorted(units)]
    place = str(part.warehouse) if part.warehouse is not None else ""
    return Fulfilment(
        fulfilment_id=id_,
        order=OrderOfFulfilment(source=sales_channel, id=order_id, name=part.reference),
        shipped_at=shipped_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        location=settings.locations.get(place, place),
        carrier=called.carrier,
        lines=tuple(lines),
        service=called.service,
        tracking=tuple(Tracking(number=each.number, url=_url(each, part, settings)) for each in part.parcels),
        notify_customer=settings.notify_customer,
    )


def shipped_at(part: ShipmentPart) -> datetime:
    """When it left: to the second where the day of the last change is the day that Fulfil says, else that day's end."""
    if part.shipped_on is None or part.is_of_its_day:
        return part.changed_at
    return datetime.combine(part.shipped_on, time(23, 59, 59), UTC)


def suspect(part: ShipmentPart) -> tuple[str, ...]:
    """Tracking numbers that cannot be right for their courier. They warn, and go all the same."""
    return tuple(each.number for each in part.parcels if check_of_carrier(part.carrier, each.number) == "wrong")


def plain(quantity: Decimal) -> Decimal:
    """The figure without zeros behind the point."""
    whole = quantity.to_integral_value()
    return whole if whole == quantity else quantity.normalize()


def _url(parcel: Parcel, part: ShipmentPart, settings: FulfilmentSettings) -> str:
    """Where a parcel is followed: Fulfil's address, the configured one, or the courier's own."""
    courier = courier_of(part.carrier)
    return (
        parcel.url
        or url_of(settings.tracking_urls.get(part.carrier, ""), parcel.number)
        or url_of(courier.url if courier is not None else "", parcel.number)
    )
