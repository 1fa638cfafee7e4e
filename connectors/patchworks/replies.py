"""What the answer of a callback flow holds: orders, taken item by item.

An answer is an array of payloads, and each payload is an order or an array of orders, as the flow's owner built it.
Unlike a request of Patchworks it is not refused whole: an item that no order can be made of is told apart, and the
others are taken. Each order is read as everywhere else, so it is known by the same key, version and digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import anyio
import anyio.lowlevel
import msgspec

from connectors.patchworks.items import Items, Refusal
from connectors.patchworks.triggers import CallbackReply
from runtime.clock import Clock
from runtime.delivery import Accept, Delivery, Receipt, digest
from runtime.errors import StoreFull

_ITEMS_PER_TURN: Final = 50
_STORE_FULL_WAIT_S: Final = 1.0
_WHITE_SPACE: Final = b" \t\r\n"


class NoOrder(msgspec.Struct, frozen=True):
    """An item of an answer that cannot be taken: the digest of its bytes, and why, without any of its content."""

    digest: str
    reason: str


class Held(msgspec.Struct, frozen=True):
    """What an answer held: the orders in its order, and the items that are none. `items` counts both."""

    deliveries: tuple[Delivery, ...]
    refused: tuple[NoOrder, ...]

    @property
    def items(self) -> int:
        """How many items the answer had."""
        return len(self.deliveries) + len(self.refused)


class Replies:
    """Reads answers, and has what they hold accepted."""

    def __init__(self, items: Items, accept: Accept, clock: Clock) -> None:
        self._items, self._accept, self._clock = items, accept, clock

    async def read(self, sales_channel: str, reply: CallbackReply) -> Held:
        """What the answer holds for this sales channel. Nothing of it is stored yet."""
        now = self._clock.now()
        deliveries: list[Delivery] = []
        refused: list[NoOrder] = []
        for index, item in enumerate(_split(reply)):
            if index and index % _ITEMS_PER_TURN == 0:
                await anyio.lowlevel.checkpoint()
            try:
                deliveries += (await self._items.read(sales_channel, item, now)).deliveries
            except Refusal as refusal:
                refused.append(NoOrder(digest(item).hex(), refusal.body.message.rstrip(".")))
        return Held(tuple(deliveries), tuple(refused))

    async def take(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """Make them durable, all or none, like any delivery. A full store delays it, as often as it takes."""
        while deliveries:
            try:
                return await self._accept(deliveries)
            except StoreFull:
                await anyio.sleep(_STORE_FULL_WAIT_S)
        return ()


def _split(reply: CallbackReply) -> list[bytes]:
    """The items of all payloads. A payload that is no array is one item; `null` and nothing are none."""
    items: list[bytes] = []
    for payload in reply.items:
        text = payload.strip(_WHITE_SPACE)
        if text in {b"", b"null"}:
            continue
        if not text.startswith(b"["):
            items.append(text)
            continue
        try:
            items += [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
        except (msgspec.DecodeError, RecursionError):
            items.append(text)  # whoever reads it says what is wrong with it
    return items
