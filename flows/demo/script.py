"""The script of the day: plays the plan at the sales channels and in the warehouse, step by step.

Later versions of an order are made only when all earlier ones have been delivered, or have failed on purpose; so what
must come of each order does not depend on timing. What the sales channels draw is kept as their own JSON, from which
the observer's expectations are summed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

import anyio
import msgspec

from flows.demo.erp import Erp
from flows.demo.figures import Figures, figures, reference, skus
from flows.demo.hub import Hub, OrderName
from flows.demo.hub_settings import POLLS, WEB_EVENTS, WEB_MISTAKEN, hub_faults, stalled
from flows.demo.observer import Expected
from flows.demo.providers import Charged, charged
from flows.demo.stories import (
    AMENDED,
    BEGUN,
    NEVER_SOLD,
    OF_THE_MAP,
    OF_THE_SHELF,
    OF_THE_STALL,
    OUTLET,
    SALES_CHANNELS,
    SOLD_AS_FIRST,
    Day,
    Handling,
    Planned,
    SalesChannel,
    Story,
    Wanted,
)
from flows.demo.warehouse import Due, Handled, arrivals, delivery, events, is_parted, part, transfers

ORDERS_PER_S = 80
"""How fast new orders arrive in the morning: a little below what the ERP takes."""
_TICK = 20
"""Orders that are placed together."""
_BETWEEN_VERSIONS_S = 2.0
"""Sales channels tell versions of an order apart by whole seconds."""
_AT_ONCE_MAX = 8
_ARRIVING_EVERY = 4
"""Goods arrive of every fourth product."""
_TRANSFERRED_EVERY = 9
BY_HAND = 1
"""Pieces that somebody takes onto a sale in the ERP."""
STRANGE_TAX = "Northern Ireland VAT"
"""What a sales channel begins to call its tax, and nobody has mapped."""
_LATER = OF_THE_MAP | OF_THE_STALL | OF_THE_SHELF
"""Stories of the orders that are not placed in the rush."""


class Live(msgspec.Struct, kw_only=True):
    """An order as it is lived. `first` is its first version, where the sale is made of it and a later one comes."""

    planned: Planned
    order_id: str
    first: bytes = b""

    @property
    def name(self) -> OrderName:
        """Sales channel and order id."""
        return self.planned.sales_channel.name, self.order_id


class Script:
    """See the module. The steps are called in the order in which they stand here."""

    def __init__(self, today: Day, hub: Hub, erp: Erp) -> None:
        self._today, self._hub, self._erp = today, hub, erp
        self.live: list[Live] = []
        self.due = Due()
        self._stuck: list[str] = []
        self._late: list[Live] = []
        self._left_over: list[tuple[Handled, int]] = []
        """Orders of which only a part has left, with the shipment of the other part."""

    # -- morning -------------------------------------------------------------------------------------------------------

    async def rush(self) -> None:
        """The orders of the day at their pace, with a scheduled read now and then; goods arrive meanwhile.

        The last read is before anything goes wrong, so that no read undoes what the next steps need.
        """
        ordinary = [each for each in self._today.planned if each.story not in _LATER]
        ticks = [ordinary[start : start + _TICK] for start in range(0, len(ordinary), _TICK)]
        read_after = {len(ticks) // 3, 2 * len(ticks) // 3, len(ticks) - 1}
        began = anyio.current_time()
        for place, tick in enumerate(ticks):
            await anyio.sleep_until(began + place * _TICK / ORDERS_PER_S)
            await self._place(tick)
            if place in read_after:
                await self._read()
            if place == len(ticks) // 2:
                await self._erp.play(arrivals(self._today.products[::_ARRIVING_EVERY]))
        await self._hub.settle_and_retry()

    async def _read(self) -> None:
        """Every scheduled read is due, and brings what was never announced."""
        for flow in POLLS:
            await self._hub.run(flow)
        await self._hub.push(OUTLET.name, [each.order_id for each in self._late])
        self._late.clear()

    async def wrong_map(self) -> None:
        """For a while a flow with a mistake in its map is the one that is enabled."""
        await self._hub.switch(WEB_EVENTS, on=False)
        await self._hub.switch(WEB_MISTAKEN, on=True)
        await self._place([each for each in self._today.planned if each.story in OF_THE_MAP])
        await self._hub.settle_and_retry()
        await self._hub.switch(WEB_MISTAKEN, on=False)
        await self._hub.switch(WEB_EVENTS, on=True)

    async def stall(self) -> None:
        """For a while nothing reaches Seamline; then edits and cancels do, before what they change."""
        await self._hub.misbehave(stalled())
        await self._place([each for each in self._today.planned if each.story in OF_THE_STALL])
        await self._hub.settle()
        self._stuck = await self._hub.failed()
        await self._hub.misbehave(hub_faults())
        await self._hub.wait(_BETWEEN_VERSIONS_S)
        await self._edit(Story.EDITED_FIRST)
        await self._cancel(Story.CANCELLED_FIRST)
        await self._hub.settle_and_retry(apart_from=self._stuck)

    async def edit_behind(self) -> None:
        """Edits of orders whose creates may still wait for the ERP."""
        await self._edit(Story.EDITED_BEHIND)
        await self._hub.settle_and_retry(apart_from=self._stuck)

    # -- afternoon -----------------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """The runs that failed in the morning are recovered: here somebody retries all of them in the dashboard.

        Recovery by Seamline itself takes this step's place: then only the wait for it belongs here.
        """
        await self._hub.retry(self._stuck)
        await self._hub.settle_and_retry()

    async def begin(self) -> None:
        """The warehouse begins: it has exactly those orders in its hands whose edits and cancels come too late."""
        begun = [each for each in self.live if each.planned.story in BEGUN]
        await self._handle(begun, [BEGUN[each.planned.story] for each in begun])

    async def change(self) -> None:
        """What comes late: edits, cancels and refunds of orders long imported, payments, mere touches, corrections."""
        await self._hub.wait(_BETWEEN_VERSIONS_S)
        await self._cancel(Story.CANCELLED_SHIPPED, Story.CANCELLED_AFTER, Story.SKU_CANCELLED)
        await self._edit(Story.EDITED_PICKED, Story.EDITED_AFTER)
        for each in await self._of(Story.REFUNDED):
            line = each.planned.lines[0]
            await self._changed(each, "refund", lines=[{"sku": line.sku, "quantity": line.quantity}])
        for each in await self._of(Story.PAID_LATER):
            await self._changed(each, "pay")
        for each in await self._of(Story.TOUCHED, Story.CORRECTED):
            await self._changed(each, "touch")
        await self._hub.settle_and_retry()

    async def ship(self) -> None:
        """The warehouse picks, packs and ships a part of what was sold, and what was cancelled when it was packed; a
        part of the stock goes to the store.
        """
        handled = [each for each in self.live if each.planned.handling is not Handling.NONE]
        await self._handle(handled, [each.planned.handling for each in handled])
        packed = [each for each in self.live if each.planned.story is Story.CANCELLED_SHIPPED]
        await self._handle(packed, [Handling.WHOLE] * len(packed))
        self.due += Due(packed=-len(packed))  # they were counted as packed when the warehouse began with them
        await self._erp.play(transfers(self._today.products[1::_TRANSFERRED_EVERY]))

    async def meddle(self) -> None:
        """Somebody takes one piece more onto a sale in the ERP, by hand."""
        for each in [each for each in self.live if each.planned.story is Story.EDITED_IN_ERP]:
            line = each.planned.lines[0]
            change = {"event": "change_line", "order": each.order_id, "sku": line.sku}
            await self._erp.play([{**change, "quantity": str(line.quantity + BY_HAND)}])

    async def race(self) -> None:
        """Two sales channels sell the last pieces before either can be told of the other: no run gets through."""
        await self._hub.pause(on=True)
        await self._place([each for each in self._today.planned if each.story is Story.RACED])
        await self._hub.pause(on=False)
        await self._hub.settle_and_retry()

    # -- evening -------------------------------------------------------------------------------------------------------

    async def send_on(self) -> None:
        """What was left of every other order that was shipped in part leaves, too."""
        await self._leave(self._left_over[::2], 1)

    async def arrive(self) -> None:
        """Some of the missing products appear in the ERP."""
        await self._erp.add_products(self._today.arriving_skus)

    async def oversell(self) -> None:
        """A sales channel that shows none of these products any more sells on."""
        await self._place([each for each in self._today.planned if each.story is Story.OVERSOLD])
        await self._hub.settle_and_retry()

    async def deliver(self) -> None:
        """The last delivery of the day has what sales channels have moved the figures of for reasons of their own.

        What they show of it is right again with the next level, which is told when the ERP's figure changes, too.
        """
        moved = [each for each in self.live if each.planned.moves_figures_alone]
        await self._erp.play(delivery(set().union(*map(skus, await self._bodies(moved)))))

    async def ended(self) -> tuple[list[Expected], dict[str, list[Charged]]]:
        """What must have come of each order, and what was charged, by sales channel: from the sales channels' own JSON,
        when nothing more happens there.
        """
        bodies = await self._bodies(self.live)
        expected, taken = [], dict[str, list[Charged]]()
        for each, body in zip(self.live, bodies, strict=True):
            expected.append(_expected(each, body))
            sales_channel = each.planned.sales_channel
            charge = charged(sales_channel, each.planned.story, each.order_id, body, each.first)
            if charge is not None:
                taken.setdefault(sales_channel.name, []).append(charge)
        return expected, taken

    # -- single acts ---------------------------------------------------------------------------------------------------

    async def _place(self, planned: Sequence[Planned]) -> None:
        """Place these orders, as many together as a sales channel takes in one call."""
        for sales_channel in SALES_CHANNELS:
            own = [each for each in planned if each.sales_channel is sales_channel]
            for (_, drawn), group in groupby(own, key=lambda each: (each.placed_as, not each.lines)):
                some = list(group)
                if drawn:
                    await self._placed(sales_channel, some)
                else:
                    for each in some:
                        await self._placed(sales_channel, [each])

    async def _placed(self, sales_channel: SalesChannel, some: Sequence[Planned]) -> None:
        """These orders, which come into being in the same way; those with lines of their own one by one."""
        announce, payment, is_test = some[0].placed_as
        placed = await self._hub.place(
            sales_channel.name, len(some), some[0].lines, announce=announce, payment=payment, is_test=is_test
        )
        live = [Live(planned=each, order_id=order.id) for each, order in zip(some, placed, strict=True)]
        self.live += live
        if not sales_channel.mapped:
            return
        if not announce:
            self._late += live
            return
        for each in live:
            tax = STRANGE_TAX if each.planned.story is Story.TAX_UNMAPPED else ""
            await self._hub.push(sales_channel.name, [each.order_id], tax=tax)

    async def _edit(self, *stories: Story) -> None:
        """Add goods to these orders."""
        for each in await self._of(*stories):
            await self._changed(each, "edit", add=[each.planned.extra])

    async def _cancel(self, *stories: Story) -> None:
        for each in await self._of(*stories):
            await self._changed(each, "cancel")

    async def _handle(self, some: Sequence[Live], handlings: Sequence[Handling]) -> None:
        """Play what the warehouse does with these orders, and note what must come of it."""
        handled = [
            Handled(each.order_id, handling, figures(each.planned.sales_channel.format, body))
            for each, handling, body in zip(some, handlings, await self._bodies(some), strict=True)
        ]
        played, due = events(handled)
        self.due += due
        answers = await self._erp.play(played)
        made = [answer["shipments"] for event, answer in zip(played, answers, strict=True) if event["event"] == "split"]
        parted = list(zip(filter(is_parted, handled), made, strict=True))
        await self._leave([(each, first) for each, (first, _) in parted], 0)
        self._left_over += [(each, second) for each, (_, second) in parted]

    async def _leave(self, some: Sequence[tuple[Handled, int]], place: int) -> None:
        """One of the two shipments of each of these orders leaves."""
        left = [part(handled, shipment, place) for handled, shipment in some]
        self.due = sum((due for _, due in left), self.due)
        await self._erp.play([event for event, _ in left])

    async def _of(self, *stories: Story) -> list[Live]:
        """The orders with these stories; where a later version meets a sale of the first one, that is kept."""
        found = [each for each in self.live if each.planned.story in stories]
        kept = [each for each in found if each.planned.story in SOLD_AS_FIRST | AMENDED]
        for each, body in zip(kept, await self._bodies(kept), strict=True):
            each.first = body
        return found

    async def _changed(self, live: Live, what: str, **change: object) -> None:
        sales_channel = live.planned.sales_channel
        await self._hub.change(sales_channel.name, live.order_id, what, **change)
        if sales_channel.mapped:
            await self._hub.push(sales_channel.name, [live.order_id])

    async def _bodies(self, some: Collection[Live]) -> list[bytes]:
        """The orders as they are now, in the sales channels' own JSON."""
        bodies: dict[OrderName, bytes] = {}
        waiting = iter(some)

        async def fetch() -> None:
            for each in waiting:
                bodies[each.name] = await self._hub.order(*each.name)

        async with anyio.create_task_group() as tasks:
            for _ in range(_AT_ONCE_MAX):
                tasks.start_soon(fetch)
        return [bodies[each.name] for each in some]


def _expected(live: Live, body: bytes) -> Expected:
    planned = live.planned
    now = figures(planned.sales_channel.format, body)
    return Expected(
        sales_channel=planned.sales_channel.name,
        order_id=live.order_id,
        reference=reference(planned.sales_channel.format, body),
        story=planned.story,
        versions=planned.versions,
        currency=now.currency,
        total=now.total,
        sale=None if planned.story in NEVER_SOLD else _sale(live, now),
        cancelled=planned.story is Story.CANCELLED_AFTER,
        reserved=_reserved(planned, body),
        by_hand=Wanted(planned.lines[0].sku, BY_HAND) if planned.story is Story.EDITED_IN_ERP else None,
    )


def _reserved(planned: Planned, body: bytes) -> tuple[Wanted, ...]:
    """What an order needs that is not in the ERP: all that waits, and what an edit added to a sale that stands."""
    if planned.story is Story.EDITED_PICKED:
        return (planned.extra,)
    if planned.story not in (Story.SKU_MISSING, Story.CONTRADICTORY, Story.UNPAID, Story.TAX_UNMAPPED):
        return ()
    lines = figures(planned.sales_channel.format, body).lines
    return tuple(Wanted(line.sku, int(line.quantity)) for line in lines)


def _sale(live: Live, now: Figures) -> Figures:
    """What the sale of an order must say, by its story. `now`: what the order says at the end of the day.

    What was paid and refunded is recorded in any case.
    """
    if not live.first or live.planned.amended:
        return now
    first = figures(live.planned.sales_channel.format, live.first)
    return msgspec.structs.replace(first, paid=now.paid, refunded=now.refunded)
