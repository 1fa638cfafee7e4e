"""Methods of shipments and stock counts. Sources: facts 8.5 and 8.7; `split` is a call seen in live use (F)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from connectors.fulfil.sandbox import counting, sale_workflow, shipments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, as_money
from connectors.fulfil.sandbox.methods.arguments import Method, argument, records, text_or_none
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.shipments import DROP, OUT, RETURN
from connectors.fulfil.sandbox.stock_records import Shipment

PACKAGES_MAX: Final = 100
Change = Callable[[Books, Shipment], object]


def _named(books: Books, model: str, arguments: list[Any]) -> list[Shipment]:
    return records(books.shipments[model], model, arguments)


def _step(books: Books, arguments: list[Any], *, model: str, verb: str, allowed: Sequence[str], change: Change) -> None:
    """One change of state, on all of the shipments or none."""
    found = _named(books, model, arguments)
    for shipment in found:
        shipments.check_state(shipment, allowed, verb)
    if verb in ("done", "cancel"):
        sale_workflow.check_shipped(books)
    for shipment in found:
        change(books, shipment)
        if verb in ("done", "cancel"):
            sale_workflow.after_shipment(books, shipment)


def step(model: str, verb: str, allowed: Sequence[str], change: Change) -> Method:
    """A method that changes the state of a kind of shipment."""
    return partial(_step, model=model, verb=verb, allowed=allowed, change=change)


def _assign_try(books: Books, arguments: list[Any]) -> bool:
    """Assign what can be assigned; true when that was all."""
    found = _named(books, OUT, arguments)
    for shipment in found:
        shipments.check_state(shipment, ("waiting", "assigned"), "assign")
    tried = [shipment.state == "assigned" or shipments.assign(books, shipment) for shipment in found]
    return all(tried)


def _assign(books: Books, arguments: list[Any]) -> None:
    """Assign all, or refuse."""
    found = _named(books, OUT, arguments)
    for shipment in found:
        shipments.check_state(shipment, ("waiting",), "assign")
    done: list[Shipment] = []
    for shipment in found:
        if not shipments.assign(books, shipment):
            for other in done:
                shipments.wait(books, other)
            raise UserError(f"The goods of the shipment {shipments.number(shipment)} are not in stock.")
        done.append(shipment)


def _hold(books: Books, arguments: list[Any], *, model: str, on: bool) -> None:
    """`hold([ids], note)` and `unhold([ids], note)` (F S9)."""
    found = _named(books, model, arguments)
    note = text_or_none(argument(arguments, 1, None))
    for shipment in found:
        if shipment.state not in shipments.UNDER_WAY:
            raise UserError(f"The shipment {shipments.number(shipment)} is {shipment.state}; it cannot be held.")
    for shipment in found:
        shipments.hold(books, shipment, note, on=on)


def _picking(books: Books, arguments: list[Any], *, before: str | None, after: str) -> None:
    found = _named(books, OUT, arguments)
    for shipment in found:
        shipments.check_state(shipment, ("assigned",), "be picked")
        if shipment.picking_status != before:
            raise UserError(f"The picking of {shipments.number(shipment)} is {shipment.picking_status or 'not begun'}.")
    for shipment in found:
        shipment.picking_status = after
        books.touched(shipment)


def _split(books: Books, arguments: list[Any]) -> list[int]:
    """`[[{"id": move, "quantity": q}, ...], date]` on one shipment (F); answers the new shipment's id."""
    (shipment, *_) = [*_named(books, OUT, arguments), None]
    rows, planned = argument(arguments, 1), argument(arguments, 2, None)
    if shipment is None or not isinstance(rows, list) or not (planned is None or isinstance(planned, dt.date)):
        raise Malformed("split takes one shipment, moves with quantities, and a date")
    try:
        parts = {int(row["id"]): as_money(row["quantity"]) for row in rows}
    except (KeyError, TypeError, ValueError):
        raise Malformed("a part is {id, quantity}") from None
    return [shipments.split(books, shipment, parts, planned).id]


def _packages(books: Books, arguments: list[Any]) -> list[int]:
    """`shipping_app_add_remove_packages(id, n)`: make it n packages (D S3)."""
    shipment, wanted = _one(books, arguments), argument(arguments, 1)
    if not isinstance(wanted, int) or not 0 < wanted <= PACKAGES_MAX:
        raise Malformed("a shipment has between one and a hundred packages")
    while len(shipment.packages) < wanted:
        shipments.add_package(books, shipment)
    shipment.packages = shipment.packages[:wanted]
    return list(shipment.packages)


def _labels(books: Books, arguments: list[Any]) -> list[str]:
    """`generate_shipping_labels(id)`: a tracking number for each package; answers the labels' URLs."""
    shipment = _one(books, arguments)
    shipments.check_state(shipment, ("assigned", "packed"), "have labels")
    if shipment.carrier_service is None:
        raise UserError(f"The shipment {shipments.number(shipment)} has no carrier service.")
    if not shipment.packages:
        shipments.add_package(books, shipment)
    for id_ in shipment.packages:
        if books.packages[id_].tracking is None:
            shipments.add_tracking(books, shipment, f"1Z{shipment.id}{id_:06d}", package=books.packages[id_])
    return _label_urls(books, shipment)


def _get_labels(books: Books, arguments: list[Any]) -> dict[str, list[str]]:
    """`get_shipping_labels([ids])`: URLs by shipment."""
    return {str(shipment.id): _label_urls(books, shipment) for shipment in _named(books, OUT, arguments)}


def _label_urls(books: Books, shipment: Shipment) -> list[str]:
    numbers = [books.trackings[id_].tracking_number for id_ in shipment.trackings]
    return [f"https://labels.example.com/{number}.pdf" for number in numbers]


def _rates(books: Books, arguments: list[Any]) -> list[dict[str, Any]]:
    """`shipping_app_compare_rates(id)`: one made-up rate for each service of the shipment's first channel."""
    shipment = _one(books, arguments)
    channel = books.channels[books.sales[shipment.sales[0]].channel]
    services = [books.channel_carriers[id_].target for id_ in channel.carriers]
    return [{"carrier_service": id_, "cost": str(Decimal(5) + id_), "currency": channel.currency} for id_ in services]


def _one(books: Books, arguments: list[Any]) -> Shipment:
    """The shipment of a method that takes one id, alone or as a list."""
    id_ = argument(arguments, 0)
    (shipment, *_) = [*_named(books, OUT, [id_ if isinstance(id_, list) else [id_]]), None]
    if shipment is None:
        raise UserError("The method is asked of one shipment.")
    return shipment


def _open_batch(books: Books, arguments: list[Any]) -> None:
    for batch in records(books.batches, "stock.shipment.out.batch", arguments):
        batch.state = "open"
        books.touched(batch)


def _count(books: Books, arguments: list[Any], *, change: Callable[..., None], state: str) -> None:
    found = records(books.stock.counts, "stock.inventory", arguments)
    for count in found:
        if count.state != state:
            raise UserError(f"The stock count {count.id} is {count.state}.")
    for count in found:
        change(books, count)


_UNSHIPPED: Final = ("draft", "waiting", "assigned", "packed")
_CANCEL: Final = partial(step, verb="cancel", change=shipments.cancel)

METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    OUT: {
        "wait": step(OUT, "wait", ("draft", "assigned"), shipments.wait),
        "assign": _assign,
        "assign_try": _assign_try,
        "pack": step(OUT, "pack", ("assigned",), shipments.pack),
        "done": step(OUT, "done", ("packed",), shipments.finish),
        "cancel": _CANCEL(OUT, allowed=_UNSHIPPED),
        "draft": step(OUT, "draft", ("waiting", "cancel"), shipments.draft),
        "hold": partial(_hold, model=OUT, on=True),
        "unhold": partial(_hold, model=OUT, on=False),
        "start_picking": partial(_picking, before=None, after="in-progress"),
        "done_picking": partial(_picking, before="in-progress", after="done"),
        "split": _split,
        "shipping_app_add_remove_packages": _packages,
        "shipping_app_compare_rates": _rates,
        "generate_shipping_labels": _labels,
        "get_shipping_labels": _get_labels,
    },
    DROP: {
        "ship": step(DROP, "ship", ("waiting",), shipments.ship_drop),
        "done": step(DROP, "done", ("shipped",), shipments.finish),
        "cancel": _CANCEL(DROP, allowed=("draft", "waiting", "shipped")),
        "hold": partial(_hold, model=DROP, on=True),
        "unhold": partial(_hold, model=DROP, on=False),
    },
    RETURN: {
        "receive": step(RETURN, "receive", ("draft",), shipments.receive_return),
        "done": step(RETURN, "done", ("received",), shipments.finish),
        "cancel": _CANCEL(RETURN, allowed=("draft", "received")),
    },
    "stock.shipment.out.batch": {"open": _open_batch},
    "stock.inventory": {
        "complete": partial(_count, change=counting.complete, state="draft"),
        "confirm": partial(_count, change=counting.confirm, state="draft"),
        "cancel": partial(_count, change=counting.cancel, state="draft"),
    },
}
