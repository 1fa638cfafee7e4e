"""What a sales channel behind the sandbox is like: its format, its goods, its taxes, and how it counts its stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

QuantitySemantics = Literal["available", "on_hand", "source_quantity"]
Share = Annotated[float, Meta(ge=0, le=1)]


class TaxSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tax on everything that is sold; `rate` 0.2 is 20 %."""

    name: str
    rate: Decimal


class ProductSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is for sale."""

    sku: str
    price_cents: Annotated[int, Meta(ge=1)] = 2_000
    title: str = ""


class LevelSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stock figure, as the sales channel's own screen would set it."""

    sku: str
    quantity: int
    location: str = "MAIN"


class SalesChannelSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sales channel with its goods and habits."""

    name: str
    format: Literal["shopify", "woocommerce"] = "shopify"
    currency: str = "USD"
    """A currency with two digits."""
    taxes_included: bool = False
    taxes: tuple[TaxSeed, ...] = (
        TaxSeed(name="TX State Tax", rate=Decimal("0.0625")),
        TaxSeed(name="TX City Tax", rate=Decimal("0.02")),
    )
    gateway: str = "shopify_payments"
    products: tuple[ProductSeed, ...] = ()
    products_count: Annotated[int, Meta(ge=0, le=200_000)] = 0
    """Generated products `SKU-000001`, ...; added to those named."""
    levels: tuple[LevelSeed, ...] = ()
    """Figures at the start. A SKU without one is not tracked, and sells without end."""
    quantity_semantics: QuantitySemantics = "available"
    """What a figure means that somebody sets: units for sale, or units there, from which the sales channel itself
    subtracts its own unshipped ones (Magento's word for the latter: source quantity)."""
    stock_policy: Literal["deny", "continue"] = "deny"
    """Whether more is sold than is shown."""
    compare_and_set: bool = False
    """Whether a level that names the figure it replaces is refused when another one is there."""
    sequence_guard: bool = True
    """Whether a level whose sequence is not above the last one's is left out."""
    fulfilment_repeats: Literal["ignore", "apply"] = "ignore"
    """Whether a fulfilment that comes again unchanged is recognised by its key, or fulfils once more what is left."""
    echoes: bool = False
    """Whether what arrives from a flow makes the sales channel announce the order again."""
    pending_share: Share = 0
    """Of generated orders: those that wait for a bank transfer."""
    authorised_share: Share = 0
    """Of generated orders: those that are authorised and not captured."""
    discounted_share: Share = 0.3
    """Of generated orders: those with a discount code."""
