"""Plays a script's events at one tenant. What each means is in `script`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, assert_never

from connectors.fulfil.sandbox import invoicing, payments, sale_workflow, script, shipments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.inserting import add_to_batch, compute_line
from connectors.fulfil.sandbox.operations import Operations
from connectors.fulfil.sandbox.records import Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.shipments import DROP, OUT, RETURN
from connectors.fulfil.sandbox.stock_records import Batch, Shipment
from connectors.fulfil.sandbox.transaction import SECOND
from runtime.clock import Instant

SHIPPED: Final = (OUT, DROP)


class Stage:
    """One tenant, at which events are played."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.books: Books = operations.books

    def play(self, event: script.AnyEvent) -> Any:
        """Make an event happen. Answers what a script may want to know. Raises UserError when it cannot happen."""
        self.books.begin()
        self.operations.run_tasks()
        match event:
            case script.Advance():
                self.books.transaction.advance(event.seconds)
                self.operations.run_tasks()
                return {"now": self.books.now}
            case script.Receive() | script.Count() | script.Transfer() | script.CommitLate():
                return self._stock(event)
            case script.Process() | script.Confirm() | script.CancelSale() | script.ChangeLine():
                return self._sale(event)
            case script.Capture() | script.Refund() | script.PostPayments() | script.ClosePeriod():
                return self._money(event)
            case script.Split() | script.Merge() | script.Batch() | script.ShortPick():
                return self._parts(event)
            case script.Retrack() | script.Track() | script.ReceiveReturn():
                return self._afterwards(event)
            case _:
                return self._shipments(event)

    # -- what lies in the warehouse ------------------------------------------------------------------------------------

    def _stock(self, event: script.Receive | script.Count | script.Transfer | script.CommitLate) -> Any:
        books = self.books
        match event:
            case script.Receive():
                goods = [(self._product(one.sku), one.quantity) for one in event.goods]
                return {"shipment": shipments.receive_goods(books, self._warehouse(event.warehouse), goods).id}
            case script.Count():
                _, _, storage = books.stock.zones(self._warehouse(event.warehouse))
                books.stock.correct(self._product(event.sku), storage, event.quantity)
                return None
            case script.Transfer():
                return self._transfer(event)
            case script.CommitLate():
                rows = [self.operations.writing.record(self._model(event.model), id_) for id_ in event.ids]
                for row in rows:
                    row.write_date = Instant(books.now - round(event.seconds * SECOND))
                return None
        assert_never(event)

    def _transfer(self, event: script.Transfer) -> dict[str, list[int]]:
        stock = self.books.stock
        start, end = (stock.zones(self._warehouse(id_))[2] for id_ in (event.from_warehouse, event.to_warehouse))
        goods = [(self._product(one.sku), one.quantity) for one in event.goods]
        for (product, quantity), one in zip(goods, event.goods, strict=True):
            if stock.free(product, start) < quantity:
                raise UserError(f"Fewer than {quantity} of {one.sku} lie free in the warehouse {event.from_warehouse}.")
        moves = [
            stock.add_move(product=product, quantity=quantity, from_location=start, to_location=end)
            for product, quantity in goods
        ]
        for move in moves:
            stock.finish(move)
        return {"moves": [move.id for move in moves]}

    def _model(self, name: str) -> str:
        if name not in self.operations.schema.models:
            raise UserError(f"There is no model {name}.")
        return name

    def _product(self, sku: str) -> int:
        found = self.books.product_ids.get(sku)
        if not found:
            raise UserError(f"There is no product with the SKU {sku}.")
        return found[0]

    def _warehouse(self, id_: int | None) -> int:
        warehouses = self.books.stock.warehouses
        if id_ is not None and id_ not in warehouses:
            raise UserError(f"There is no warehouse {id_}.")
        return warehouses[0] if id_ is None else id_

    # -- sales ---------------------------------------------------------------------------------------------------------

    def order(self, identifier: str) -> Sale:
        """The sale of that channel_identifier. Raises UserError when there is none, or several."""
        found = self.books.sale_ids_of(identifier)
        if len(found) != 1:
            raise UserError(f"There are {len(found)} sales with the channel_identifier {identifier}.")
        return self.books.sales[found[0]]

    def _sale(self, event: script.Process | script.Confirm | script.CancelSale | script.ChangeLine) -> Any:
        books = self.books
        if isinstance(event, script.Process):
            sale_id = None if event.order is None else self.order(event.order).id
            hurried = books.tasks.hurry(books.now, sale_id)
            self.operations.run_tasks()
            return {"processed": hurried}
        sale = self.order(event.order)
        match event:
            case script.Confirm():
                for method in {"draft": ("quote", "confirm"), "quotation": ("confirm",)}.get(sale.state, ()):
                    sale_workflow.check(books, sale, method)
                    sale_workflow.move(books, sale, method)
                sale_workflow.check(books, sale, "process")
                sale_workflow.move(books, sale, "process")
            case script.CancelSale():
                sale_workflow.check(books, sale, "cancel")
                sale_workflow.move(books, sale, "cancel")
            case script.ChangeLine():
                self._change_line(sale, event)
            case _:
                assert_never(event)
        return {"state": sale.state}

    def _change_line(self, sale: Sale, event: script.ChangeLine) -> None:
        product = self._product(event.sku)
        line = next((one for one in self.books.lines_of(sale) if one.product == product), None)
        if line is None:
            raise UserError(f"The sale {sale.id} has no line with the SKU {event.sku}.")
        sale_workflow.check_change(
            self.books, line, product=product, quantity=event.quantity, unit_price=line.unit_price
        )
        line.quantity = event.quantity
        compute_line(self.books, line, [one.tax for one in line.taxes])
        self.books.touched(line)
        self.books.touched(sale)
        sale_workflow.replan(self.books, sale)

    # -- money ---------------------------------------------------------------------------------------------------------

    def _money(self, event: script.Capture | script.Refund | script.PostPayments | script.ClosePeriod) -> Any:
        books = self.books
        match event:
            case script.Capture():
                sale = self.order(event.order)
                for id_ in sale.payments:
                    payments.capture(books, books.payments[id_])
                invoicing.settle(books, sale)
                sale_workflow.settle(books, sale)
                return None
            case script.Refund():
                return {"transactions": self._refund(event)}
            case script.PostPayments():
                due = [row for row in books.transactions if row.state == "completed" and row.party is not None]
                for row in due:
                    payments.post(books, row)
                return {"posted": len(due)}
            case script.ClosePeriod():
                return {"period": books.ledger.close(event.day).name}
        assert_never(event)

    def _refund(self, event: script.Refund) -> list[int]:
        """From the order's payments in turn, until the amount is given back."""
        found = [self.books.payments[id_] for id_ in self.order(event.order).payments]
        left = [payments.moved(self.books, [one.id]) - payments.moved(self.books, [one.id], "refund") for one in found]
        wanted = sum(left, Decimal(0)) if event.amount is None else event.amount
        if not 0 < wanted <= sum(left, Decimal(0)):
            raise UserError(f"The order has {sum(left, Decimal(0))} left to refund, not {wanted}.")
        reference = {} if event.provider_reference is None else {"provider_reference": event.provider_reference}
        made = []
        for payment, most in zip(found, left, strict=True):
            share = min(wanted, most)
            if share > 0:
                made.append(payments.refund(self.books, payment, share, **reference).id)
                wanted -= share
        return made

    # -- shipments -----------------------------------------------------------------------------------------------------

    def shipment(self, id_: int, models: Iterable[str] = (OUT, DROP, RETURN)) -> Shipment:
        """The shipment of that id. Raises UserError."""
        found = (self.books.shipments[model].get(id_) for model in models)
        shipment = next((one for one in found if one is not None), None)
        if shipment is None:
            raise UserError(f"There is no such shipment {id_}.")
        return shipment

    def _named(self, event: script.OfShipment, models: Sequence[str] = SHIPPED) -> list[Shipment]:
        """The shipments that an event is about."""
        if event.shipment is not None:
            return [self.shipment(event.shipment, models)]
        if event.order is None:
            raise UserError("The event names neither an order nor a shipment.")
        sale = self.order(event.order)
        found = [self.shipment(id_, [model]) for model in models for id_ in getattr(sale, shipments.LISTS[model])]
        found = [one for one in found if one.state in shipments.UNDER_WAY]
        if not found:
            raise UserError(f"The order {event.order} has no shipment that is under way.")
        return found

    def _shipments(
        self,
        event: script.Allocate
        | script.Pick
        | script.Pack
        | script.Ship
        | script.HandOver
        | script.Hold
        | script.Unhold
        | script.CancelShipment,
    ) -> Any:
        match event:
            case script.Allocate():
                return {"shipments": self._allocate(event)}
            case script.Pick():
                return self._each(self._named(event, (OUT,)), lambda one: self._pick(one, ends=event.ends))
            case script.Pack():
                return self._each(self._named(event, (OUT,)), self._pack)
            case script.Ship():
                return self._each(self._named(event), lambda one: self._ship(one, event))
            case script.HandOver():
                found = [one for one in self._named(event, (OUT,)) if one.delivery_mode == "pick_up"]
                return self._each(found, lambda one: self._ship(one, script.Ship()))
            case script.Hold() | script.Unhold():
                note, on = (event.note, True) if isinstance(event, script.Hold) else (None, False)
                return self._each(self._named(event), lambda one: shipments.hold(self.books, one, note, on=on))
            case script.CancelShipment():
                return self._each(self._named(event), self._cancel)
        assert_never(event)

    def _each(self, found: Sequence[Shipment], change: Callable[[Shipment], None]) -> dict[str, list[int]]:
        for shipment in found:
            change(shipment)
        return {"shipments": [shipment.id for shipment in found]}

    def _allocate(self, event: script.Allocate) -> list[int]:
        named = event.order is not None or event.shipment is not None
        waiting = self._named(event, (OUT,)) if named else list(self.books.shipments[OUT])
        waiting = [one for one in waiting if one.state == "waiting" and not one.on_hold]
        return [one.id for one in waiting if shipments.assign(self.books, one)]

    def _assign(self, shipment: Shipment) -> None:
        shipments.check_state(shipment, ("waiting", "assigned"), "assign")
        if shipment.state == "waiting" and not shipments.assign(self.books, shipment):
            raise UserError(f"The goods of the shipment {shipments.number(shipment)} are not in stock.")

    def _pick(self, shipment: Shipment, *, ends: bool = True) -> None:
        self._assign(shipment)
        shipment.picking_status = "done" if ends else "in-progress"
        self.books.touched(shipment)

    def _pack(self, shipment: Shipment) -> None:
        if shipment.state != "packed":
            self._pick(shipment)
            shipments.pack(self.books, shipment)

    def _ship(self, shipment: Shipment, event: script.Ship) -> None:
        books = self.books
        sale_workflow.check_shipped(books)
        shipments.check_state(shipment, ("waiting", "assigned", "packed", "shipped"), "ship")
        service = shipment.carrier_service
        if event.carrier_service is not None:
            service = next((row.id for row in books.carrier_services if row.code == event.carrier_service), None)
            if service is None:
                raise UserError(f"There is no carrier service {event.carrier_service}.")
        for one in (goods for parcel in event.parcels for goods in parcel.goods):
            self._product(one.sku)
        if shipment.model == OUT:
            self._pack(shipment)
        elif shipment.state == "waiting":
            shipments.ship_drop(books, shipment)
        shipment.carrier_service = service
        for parcel in event.parcels:
            self._add_parcel(shipment, parcel)
        shipments.finish(books, shipment)
        sale_workflow.after_shipment(books, shipment)

    def _add_parcel(self, shipment: Shipment, parcel: script.Parcel) -> None:
        products = {self._product(one.sku) for one in parcel.goods}
        inside = [one.id for one in shipments.open_moves(self.books, shipment) if one.product in products]
        package = shipments.add_package(self.books, shipment, inside)
        shipments.add_tracking(self.books, shipment, parcel.tracking_number, package=package, url=parcel.url)

    def _cancel(self, shipment: Shipment) -> None:
        shipments.cancel(self.books, shipment)
        sale_workflow.after_shipment(self.books, shipment)

    # -- parts of shipments --------------------------------------------------------------------------------------------

    def _parts(self, event: script.Split | script.Merge | script.Batch | script.ShortPick) -> Any:
        match event:
            case script.Merge():
                kept = self.shipment(event.shipment, (OUT,))
                shipments.merge(self.books, kept, self.shipment(event.other, (OUT,)))
                return {"shipments": [kept.id]}
            case script.Batch():
                return {"batch": self._batch(event).id}
            case script.ShortPick():
                return self._short_pick(event)
            case script.Split():
                (shipment, *_) = self._named(event, (OUT,))
                wanted = {one.sku: one.quantity for one in event.goods}
                rest = shipments.split(self.books, shipment, self._moves(shipment, wanted), None)
                return {"shipments": [shipment.id, rest.id]}
        assert_never(event)

    def _batch(self, event: script.Batch) -> Batch:
        found = [self.shipment(id_, (OUT,)) for id_ in event.shipments]
        if any(one.batch is not None or one.state not in ("waiting", "assigned") for one in found) or not found:
            raise UserError("A shipment is in a batch already, or cannot be picked.")
        table = self.books.batches
        row = Batch(
            id=table.new_id(), create_date=self.books.now, name=event.name, warehouse=found[0].warehouse, state="open"
        )
        add_to_batch(self.books, table.add(row), event.shipments)
        return row

    def _moves(self, shipment: Shipment, wanted: dict[str, Decimal]) -> dict[int, Decimal]:
        """The first open move of each product, with the quantity that is wanted of it."""
        parts = {}
        for sku, quantity in wanted.items():
            product = self._product(sku)
            moves = (one for one in shipments.open_moves(self.books, shipment) if one.product == product)
            move = next(moves, None)
            if move is None:
                raise UserError(f"The shipment {shipments.number(shipment)} has no {sku}.")
            parts[move.id] = quantity
        return parts

    def _short_pick(self, event: script.ShortPick) -> Any:
        (shipment, *_) = self._named(event, (OUT,))
        shipments.check_state(shipment, ("waiting", "assigned"), "be picked short")
        ((move_id, _),) = self._moves(shipment, {event.sku: Decimal(1)}).items()
        move = self.books.stock.moves[move_id]
        missing = move.quantity - event.found
        if missing <= 0:
            raise UserError(f"The picker found all {move.quantity} of {event.sku}.")
        only = len(shipments.open_moves(self.books, shipment)) == 1
        if event.rest == "cancel":
            if shipment.state == "assigned":
                shipments.wait(self.books, shipment)
            self.books.stock.resize(move, event.found)
            if not shipments.open_moves(self.books, shipment):
                self._cancel(shipment)
            return {"shipments": [shipment.id]}
        if only and not event.found:
            raise UserError("Nothing was found; cancel the shipment, or leave it.")
        rest = shipments.split(self.books, shipment, {move_id: missing}, None)
        return {"shipments": [shipment.id, rest.id]}

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def _afterwards(self, event: script.Retrack | script.Track | script.ReceiveReturn) -> Any:
        books = self.books
        if isinstance(event, script.ReceiveReturn):
            return {"shipments": self._receive_return(self.order(event.order))}
        shipment = self.shipment(event.shipment)
        if shipment.tracking is None:
            raise UserError(f"The shipment {shipments.number(shipment)} has no tracking number.")
        match event:
            case script.Retrack():
                books.trackings[shipment.tracking].tracking_number = event.tracking_number
                books.touched(books.trackings[shipment.tracking])
            case script.Track():
                for id_ in shipment.trackings:
                    books.trackings[id_].state = event.state
                    books.touched(books.trackings[id_])
            case _:
                assert_never(event)
        books.touched(shipment)
        return None

    def _receive_return(self, sale: Sale) -> list[int]:
        sales = [sale, *(other for other in self.books.sales if other.origin == sale.id)]
        found = [self.shipment(id_, (RETURN,)) for one in sales for id_ in one.shipment_returns]
        due = [one for one in found if one.state in ("draft", "received")]
        if not due:
            raise UserError(f"No return of the sale {sale.id} is under way.")
        sale_workflow.check_shipped(self.books)
        for one in due:
            shipments.finish(self.books, one)
            sale_workflow.after_shipment(self.books, one)
        return [one.id for one in due]
