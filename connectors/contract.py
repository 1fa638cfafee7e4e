"""The words that a connector and the formats of a flow share: what one received item is, before it is read as an order.

An intake cannot know the payloads of every sales channel, and a format must not know HTTP. Between them stands
`Identify`: bytes in, one of three small answers out. It looks only as deep as it must to name the item; whether the
item makes sense as an order is decided later, when it is durable.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Identified(msgspec.Struct, frozen=True, tag=True):
    """The item is an order, or a change of one: it will be stored, and imported, held, waiting or excluded.

    `order_id` is the sales channel's own id as an opaque, non-empty string. `version` is the source's version of the
    payload as text that sorts (its time of update in UTC, for example); empty when the payload has none.
    """

    order_id: str
    version: str = ""


class NotAnOrder(msgspec.Struct, frozen=True, tag=True):
    """The item is a kind that is named as not an order (a draft, for example), so the sender must not send it here.

    `reason` is a sentence for the sender; it names fields, never their contents.
    """

    reason: str


class Unidentifiable(msgspec.Struct, frozen=True, tag=True):
    """No order id can be read from the item, so nothing could ever be said about it again.

    `reason` is a sentence for the sender: which field was looked for; it never quotes the payload.
    """

    reason: str


Identification = Identified | NotAnOrder | Unidentifiable

Identify = Callable[[str, bytes], Identification]
"""`identify(sales_channel, item)` names one item: a JSON object in valid UTF-8, without a BOM.

It must have parsed the whole item when it answers `Identified`: that answer vouches for the syntax. Pure and quick:
it runs on the event loop for every item. Whatever it says of the item it says by its answer; a
`msgspec.ValidationError` that it lets pass counts as `Unidentifiable`, any other exception is a defect.
"""
