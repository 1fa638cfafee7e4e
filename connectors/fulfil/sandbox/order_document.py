"""The order document that create_order takes, as it is read from the wire.

Every field may be missing here, because an update names only what changes; a new order is checked in `orders`.
Source of the fields: Fulfil's developer site.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox.encoding import Malformed
from connectors.fulfil.sandbox.refusals import UserError


class TaxIn(msgspec.Struct, gc=False):
    """A tax line of the order."""

    name: str
    rate: Any
    amount: Any


class LineIn(msgspec.Struct, gc=False):
    """A product line; in an update everything but `channel_identifier` may be missing."""

    channel_identifier: str | None = None
    sku: str | None = None
    variant_identifier: str | None = None
    quantity: Any = None
    quantity_canceled: Any = None
    unit_price: Any = None
    amount: Any = None
    description: str | None = None
    list_price: Any = None
    comment: str | None = None
    metadata: dict[str, Any] | None = None
    fulfil_strategy: str | None = None
    tax_lines: list[TaxIn] | None = None


class ShippingIn(msgspec.Struct, gc=False):
    """A shipping line."""

    channel_identifier: str | None = None
    carrier_service_code: str | None = None
    description: str | None = None
    amount: Any = None
    tax_lines: list[TaxIn] | None = None


class PaymentIn(msgspec.Struct, gc=False):
    """A payment; `method` is the code of a gateway."""

    amount: Any
    method: str
    state: str = ""
    provider_reference: str | None = None


class AddressIn(msgspec.Struct, gc=False):
    """An address."""

    name: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    subdivision_code: str | None = None
    country_code: str | None = None


class CustomerIn(msgspec.Struct, gc=False):
    """The customer; `contacts` are pairs of type and value."""

    name: str
    contacts: list[tuple[str, str]] = []


class OrderIn(msgspec.Struct, gc=False):
    """The order document. Keys that are not read here are ignored."""

    channel_identifier: str | None = None
    reference: str | None = None
    confirmed_at: str | None = None
    customer: CustomerIn | None = None
    billing_address: AddressIn | None = None
    shipping_address: AddressIn | None = None
    sale_lines: list[LineIn] | None = None
    shipping_lines: list[ShippingIn] = []
    payments: list[PaymentIn] = []
    amount: Any = None
    currency_code: str | None = None
    status: str | None = None
    comment: str | None = None
    gift_message: str | None = None
    priority: int = 2


_decode = msgspec.json.Decoder(tuple[int, OrderIn], float_hook=Decimal).decode


def read_order(body: bytes) -> tuple[int, OrderIn]:
    """The arguments of create_order: channel id and order.

    Raises UserError for an order whose fields have wrong types, Malformed for other arguments, msgspec.DecodeError for
    what is not JSON.
    """
    try:
        channel, order = _decode(body)
    except msgspec.ValidationError as error:
        if "$[1]." in str(error) or str(error).endswith("`$[1]`"):
            raise UserError(f"The order cannot be read: {error}.") from None
        raise Malformed("create_order takes a channel's id and one order") from None
    if not order.channel_identifier:
        raise UserError("The order has no channel_identifier.")
    return channel, order
