"""The orders that came before anybody read their sales back, or followed their money: each is looked at once.

In: `FollowOrders` at each start, its own pages. Out: rows of sales to be read back, and of orders to be settled. Key:
`orders/following`. It calls nobody.
While `[reconciliation]` is set, every decision of the order importer says what the sale of its order is to be; and with
`[reconciliation.closing]`, how the order was paid. Orders of before are looked at once, in order of the keys; what a
decision says meanwhile stands. How an order was paid is read from its newest payload. Where that is gone (30 days,
unless `store.room` says otherwise), or cannot be read, nobody follows the order until a version of it comes again, and
the close board says so. A crash goes on with the page that was not written. When one of both is taken out of the
configuration, a later start that has it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from flows.model.expected_sale import expected_rows
from flows.model.order_state import OrderState
from runtime.actor import Item
from runtime.decision import Decision, Emit, Message, Write
from runtime.journal.journal import Journal

NAME = "order_following"
KEY = "orders/following"
ORDERS_PER_STEP = 100
_ORDERS = "order_importer"
_FILLS = {"put_expected_sale": "fill_expected_sale", "put_order_closing": "fill_order_closing"}
"""What a decision has said meanwhile stands."""

Wanted = Literal["", "sales", "money"]
"""Nothing, that sales are read back, or also that orders are settled."""

PaidBy = Callable[[str, bytes, bytes | None, datetime], Sequence[Write]]
"""The row of an order, by its key, payload, and patch, now; none where nobody can say."""


class FollowOrders(Message, frozen=True):
    """The process has started: see that every order is followed, or that nobody believes it is."""


class FollowMore(Message, frozen=True):
    """The next page."""


class _Found(msgspec.Struct, frozen=True):
    """An order, and its newest payload, if that is still there. `unread`: nobody reads its sale back."""

    key: str
    state: OrderState
    unread: bool
    body: bytes | None
    patch: bytes | None


class _Page(Message, frozen=True, kw_only=True):
    orders: tuple[_Found, ...]
    last: str
    complete: bool


class FollowingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`done`: what all of before are followed for. `busy`: the same, under way, and come to the order `after`."""

    done: Wanted = ""
    busy: Wanted = ""
    after: str = ""


class Following:
    """The actor. See the module."""

    name = NAME
    message_type = FollowOrders | FollowMore
    state_type = FollowingState

    def __init__(self, journal: Journal, paid_by: PaidBy, wanted: Wanted) -> None:
        """`wanted`: for what orders are followed."""
        self._journal, self._paid_by, self._wanted = journal, paid_by, wanted

    def begin(self, key: str) -> FollowingState:  # noqa: ARG002 - there is one
        """Nothing was looked at."""
        return FollowingState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The next orders, with their payloads."""
        return [await self._page(item.state) if self._goes_on(item) else item.message for item in items]

    def _goes_on(self, item: Item) -> bool:
        return isinstance(item.message, FollowMore) and bool(item.state.busy) and item.state.busy == self._wanted

    async def _page(self, state: FollowingState) -> _Page:
        ask = self._journal.query_list
        settles = int(self._wanted == "money")
        rows = await self._journal.query("orders_unfollowed", state.after, settles, ORDERS_PER_STEP)
        keys, unread = [row[0] for row in rows], {row[0] for row in rows if row[1]}
        states = {row[0]: msgspec.json.decode(row[1], type=OrderState) for row in await ask("states", keys, _ORDERS)}
        newest = {key: of.newest for key, of in states.items() if of.newest is not None}
        bodies = dict(await ask("bodies", list(newest.values())))
        patches = dict(await ask("patches", keys))
        found = (
            _Found(key, of, key in unread, bodies.get(newest.get(key, 0)), patches.get(key))
            for key, of in states.items()
        )
        return _Page(orders=tuple(found), last=keys[-1] if keys else "", complete=len(keys) < ORDERS_PER_STEP)

    def decide(self, state: FollowingState, message: Any, now: datetime) -> Decision:
        """Begin, go on, or end; or forget that anything is followed."""
        match message:
            case FollowOrders() if not self._wanted:
                return Decision(state=FollowingState())
            case FollowOrders() if state.done == self._wanted:
                return Decision(state=state)
            case FollowOrders():
                after = state.after if state.busy == self._wanted else ""
                return Decision(state=FollowingState(busy=self._wanted, after=after), emits=(_more(),))
            case _Page():
                writes = tuple([row for each in message.orders for row in self._rows(each, now)])
                if message.complete:
                    return Decision(state=FollowingState(done=self._wanted), writes=writes)
                return Decision(state=replace(state, after=message.last), writes=writes, emits=(_more(),))
            case _:
                return Decision(state=state)

    def _rows(self, order: _Found, now: datetime) -> Iterator[Write]:
        """What is not there of an order."""
        rows = list(expected_rows(order.key, OrderState(), order.state, now)) if order.unread else []
        if self._wanted == "money" and order.body is not None:
            rows += self._paid_by(order.key, order.body, order.patch, now)
        for row in rows:
            yield replace(row, statement=_FILLS.get(row.statement, row.statement))

    def project(self, key: str, before: FollowingState, after: FollowingState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Rows are written as they are found."""
        return ()

    def announce(self, key: str, before: FollowingState, after: FollowingState) -> None:
        """Nobody waits for it."""


def _more() -> Emit:
    return Emit(channel=NAME, message=FollowMore())
