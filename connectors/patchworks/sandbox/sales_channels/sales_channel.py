"""One sales channel: it places, edits, cancels and refunds orders, shows stock, and takes in levels and fulfilments.

Whoever listens is told of every change with the order as it then is. All amounts stay consistent to the cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from connectors.patchworks.sandbox.played_clock import US_PER_S
from connectors.patchworks.sandbox.sales_channels import shopify, woocommerce
from connectors.patchworks.sandbox.sales_channels.config import ProductSeed, SalesChannelSeed
from connectors.patchworks.sandbox.sales_channels.drawing import Drawing, catalogue
from connectors.patchworks.sandbox.sales_channels.order import (
    ChannelRefusal,
    Fulfilment,
    Line,
    Order,
    Refund,
    RefundLine,
)
from connectors.patchworks.sandbox.sales_channels.receipts import Level, Notice, Receipts
from connectors.patchworks.sandbox.sales_channels.stock import Stock
from runtime.clock import Clock, Instant

Listener = Callable[["SalesChannel", Order], None]
ID_DIGITS_MAX = 18
_NO_ID = -1
_encode = msgspec.json.Encoder(decimal_format="number").encode
_RENDERED = {"shopify": shopify.rendered, "woocommerce": woocommerce.rendered}


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one SKU."""

    sku: str
    quantity: int


class SalesChannel:
    """The books of one sales channel, and what can be done to them."""

    def __init__(self, seed: SalesChannelSeed, scope_seed: int, clock: Clock, listener: Listener) -> None:
        self.seed = seed
        self.goods = {product.sku: product for product in catalogue(seed)}
        self.orders: dict[int, Order] = {}
        self.receipts = Receipts()
        self.stock = Stock(seed.quantity_semantics)
        self._goods = tuple(self.goods.values())
        self._clock = clock
        self._listener = listener
        self._drawing = Drawing(seed, scope_seed)
        for level in seed.levels:
            self.stock.put(level.sku, level.location, level.quantity)

    # -- what shoppers and shopkeepers do ------------------------------------------------------------------------------

    def place(
        self,
        wanted: Sequence[Wanted] = (),
        *,
        payment: str | None = None,
        announce: bool = True,
        placed_at: Instant | None = None,
        listed_after_s: float = 0,
        is_test: bool = False,
        tags: Sequence[str] = (),
    ) -> Order:
        """An order of what is wanted (nothing: drawn). Raises ChannelRefusal when it is sold out.

        `placed_at`: an order of the past. `listed_after_s`: so long after its time of update it is in no list.
        """
        index = len(self.orders)
        chosen = [(self._product(each.sku), each.quantity) for each in wanted]
        if not chosen:
            if not self._goods:
                raise ChannelRefusal("The sales channel has nothing for sale.")
            chosen = self._drawing.choice(index, self._goods)
        self._check_stock(chosen)
        at = placed_at or self._clock.now()
        order = self._drawing.order(index, chosen, payment, at)
        order.is_test, order.tags = is_test, tuple(tags)
        order.listed_from = Instant(at + round(listed_after_s * US_PER_S))
        self.orders[order.id] = order
        for line in order.lines:
            self.stock.sold(line.sku, line.quantity)
        if announce:
            self._listener(self, order)
        return order

    def pay(self, order: Order) -> None:
        """The money of a pending or authorised order arrives."""
        if order.payment == "paid" or order.cancelled_at is not None:
            raise ChannelRefusal("The order is paid already, or cancelled.")
        order.payment = "paid"
        order.paid = order.current_total(included=self.seed.taxes_included)
        self._changed(order)

    def edit(self, order: Order, *, add: Sequence[Wanted] = (), remove: Sequence[Wanted] = ()) -> None:
        """Add units as new lines, take unshipped units off; what was paid for them is taken, or goes back, at once."""
        self._check_live(order)
        removed = self._choose(order, remove)
        added = [(self._product(each.sku), each.quantity) for each in add]
        self._check_stock(added)
        if removed:
            self._take(order, removed, cause="edit")
        for product, units in added:
            line = self._drawing.line(order.id * 10 + 10 + len(order.lines), product, units)
            order.lines.append(line)
            self.stock.sold(line.sku, units)
            if order.payment == "paid":
                order.paid += line.worth.net + (0 if self.seed.taxes_included else line.worth.tax)
        self._changed(order)

    def cancel(self, order: Order) -> None:
        """Take off everything that is not shipped, and give back what was paid for it, shipping included."""
        self._check_live(order)
        if any(line.shipped for line in order.lines):
            raise ChannelRefusal("A part of the order is shipped; it cannot be cancelled.")
        self._take(order, [(line, line.current) for line in order.lines if line.current], cause="cancel", shipping=True)
        order.cancelled_at = self._clock.now()
        self._changed(order)

    def refund(self, order: Order, units: Sequence[Wanted] = (), *, shipping: bool = False) -> None:
        """Give money back for units (nothing named and no shipping: for all of them) and for shipping."""
        if order.payment != "paid":
            raise ChannelRefusal("Nothing was paid, so nothing can be refunded.")
        everything = not units and not shipping
        chosen = self._choose(order, units, shipped_too=True)
        if everything:
            chosen = [(line, line.current) for line in order.lines if line.current]
        self._take(order, chosen, cause="refund", shipping=shipping or everything)
        self._changed(order)

    def touch(self, order: Order) -> None:
        """Change nothing but the time of update, and announce it."""
        self._changed(order)

    def _take(self, order: Order, chosen: list[tuple[Line, int]], *, cause: Any, shipping: bool = False) -> None:
        lines = []
        for line, units in chosen:
            lines.append(RefundLine(line.id, units, line.taken(units)))
            unshipped = min(units, line.open)
            if cause == "refund":
                line.refunded += units
            else:
                line.removed += units
            self.stock.released(line.sku, unshipped)
        gone = shipping and not order.shipping_back
        cost, tax = (order.shipping.net, order.shipping.tax) if gone else (0, 0)
        included = self.seed.taxes_included
        worth = sum(each.worth.net + (0 if included else each.worth.tax) for each in lines)
        worth += cost + (0 if included else tax)
        if not lines and not worth:
            raise ChannelRefusal("There is nothing left to give back.")
        refund = Refund(
            id=order.id * 10 + len(order.refunds) + 1,
            at=self._clock.now(),
            lines=tuple(lines),
            shipping=cost,
            shipping_tax=tax,
            paid_back=worth if order.payment == "paid" else 0,
            cause=cause,
        )
        order.refunds = [*order.refunds, refund]

    def _choose(self, order: Order, wanted: Sequence[Wanted], *, shipped_too: bool = False) -> list[tuple[Line, int]]:
        """The lines that the wanted units are on. Raises ChannelRefusal when there are fewer."""
        units: Counter[str] = Counter()
        for each in wanted:
            units[each.sku] += each.quantity
        chosen = []
        for sku, count in units.items():
            lines = [line for line in order.lines if line.sku == sku]
            line = max(lines, key=lambda one: one.current if shipped_too else one.open, default=None)
            if line is None or not 0 < count <= (line.current if shipped_too else line.open):
                raise ChannelRefusal(f"No line of the order has {count} units of {sku} left.")
            chosen.append((line, count))
        return chosen

    def _product(self, sku: str) -> ProductSeed:
        return self.goods.get(sku) or ProductSeed(sku=sku)

    def _check_stock(self, chosen: Sequence[tuple[ProductSeed, int]]) -> None:
        wanted: Counter[str] = Counter()
        for product, units in chosen:
            if units < 1:
                raise ChannelRefusal(f"{units} is no number of units.")
            wanted[product.sku] += units
        for sku, units in wanted.items():
            shown = self.stock.shown(sku)
            if shown is not None and units > shown and self.seed.stock_policy == "deny":
                raise ChannelRefusal(f"{sku} is sold out.", 409)

    def _check_live(self, order: Order) -> None:
        if order.cancelled_at is not None:
            raise ChannelRefusal("The order is cancelled.")

    def _changed(self, order: Order, *, announce: bool = True) -> None:
        order.updated_at = self._clock.now()
        order.revision += 1
        if announce:
            self._listener(self, order)

    # -- what flows bring ----------------------------------------------------------------------------------------------

    def take_level(self, level: Level) -> None:
        """Set a stock level. Raises ChannelRefusal when it is not one, and when its compare-and-set fails."""
        counts = self.receipts
        counts.level(level)
        place = (level.sku, level.location)
        if level.figure is None or level.figure < 0:
            counts.levels["refused"] += 1
            raise ChannelRefusal(f"The level of {level.sku} is missing or below zero.")
        if (
            self.seed.sequence_guard
            and level.sequence is not None
            and level.sequence <= counts.sequences.get(place, -1)
        ):
            counts.levels["stale"] += 1
            return
        here = self.stock.figure(*place)
        if self.seed.compare_and_set and level.previous is not None and here is not None and here != level.previous:
            counts.levels["conflict"] += 1
            raise ChannelRefusal(f"The level of {level.sku} is {here}, not {level.previous}.", 409)
        if level.sequence is not None:
            overwrites = level.sequence < counts.sequences.get(place, -1)
            counts.levels["stale_overwrites"] += overwrites
            counts.sequences[place] = max(level.sequence, counts.sequences.get(place, -1))
        counts.levels["applied"] += 1
        self.stock.put(*place, level.figure)

    def take_notice(self, notice: Notice) -> None:
        """Take in a fulfilment. Raises ChannelRefusal for an unknown order or line, and above what is left to ship."""
        known = self.receipts.notice(notice)
        try:
            outcome = self._fulfil(notice, known=known)
        except ChannelRefusal:
            self.receipts.notices["refused"] += 1
            raise
        self.receipts.notices[outcome] += 1

    def _fulfil(self, notice: Notice, *, known: bool) -> str:
        order = self._noticed(notice)
        before = next((each for each in order.fulfilments if each.key == notice.key), None)
        tracking = tuple((each.number, each.url) for each in notice.tracking)
        if known and before is not None and self.seed.fulfilment_repeats == "ignore":
            if before.tracking == tracking and before.carrier == notice.carrier:
                return "repeated"
            changed = msgspec.structs.replace(before, tracking=tracking, carrier=notice.carrier)
            order.fulfilments = [changed if each is before else each for each in order.fulfilments]
            self._changed(order, announce=self.seed.echoes)
            return "updated"
        units = self._noticed_units(order, notice)
        for line, count in units:
            line.shipped += count
            self.stock.shipped(line.sku, count)
        each = Fulfilment(
            id=order.id * 10 + len(order.fulfilments) + 1,
            key=notice.key,
            at=self._clock.now(),
            carrier=notice.carrier,
            tracking=tracking,
            lines=tuple((line.id, count) for line, count in units),
        )
        order.fulfilments = [*order.fulfilments, each]
        self._changed(order, announce=self.seed.echoes)
        return "applied"

    def _noticed(self, notice: Notice) -> Order:
        """The order that a notice is about."""
        order = self.orders.get(_whole(notice.order.id))
        if order is None and notice.order.name:
            order = next((one for one in self.orders.values() if f"#{one.number}" == notice.order.name), None)
        if order is None:
            raise ChannelRefusal("The sales channel has no such order.", 404)
        return order

    def _noticed_units(self, order: Order, notice: Notice) -> list[tuple[Line, int]]:
        """Lines and units of a notice, all of which are still to be shipped."""
        units: list[tuple[Line, int]] = []
        for each in notice.lines:
            wanted = _whole(each.order_line_id)
            lines = [one for one in order.lines if one.id == wanted or (wanted == _NO_ID and one.sku == each.sku)]
            line = max(lines, key=lambda one: one.open, default=None)
            taken = sum(count for one, count in units if one is line)
            if line is None or not 0 < each.quantity <= line.open - taken:
                raise ChannelRefusal("The fulfilment has more units than are left to ship.")
            units.append((line, each.quantity))
        if not units:
            raise ChannelRefusal("The fulfilment has no lines.")
        return units

    # -- what can be read ----------------------------------------------------------------------------------------------

    def order(self, order_id: str) -> Order:
        """The order of that id. Raises ChannelRefusal."""
        order = self.orders.get(_whole(order_id))
        if order is None:
            raise ChannelRefusal("The sales channel has no such order.", 404)
        return order

    def rendered(self, order: Order) -> bytes:
        """The order as the sales channel's own API gives it."""
        return _encode(_RENDERED[self.seed.format](order, self.seed))

    def updated_since(self, since: int) -> Iterator[Order]:
        """Orders changed at or after the instant and listed by now, oldest change first."""
        now = self._clock.now()
        rows = (each for each in self.orders.values() if each.updated_at >= since and each.listed_from <= now)
        return iter(sorted(rows, key=_by_update))


def _whole(id_: str | int | None) -> int:
    """An id as a number; `_NO_ID` for what cannot be one."""
    text = str(id_)
    return int(text) if text.isdecimal() and len(text) <= ID_DIGITS_MAX else _NO_ID


def _by_update(order: Order) -> tuple[int, int]:
    return order.updated_at, order.id
