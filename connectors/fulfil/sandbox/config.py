"""The sandbox's settings: where it listens, what its books start with, and how it behaves where public facts end."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

FaultKind = Literal["latency", "throttle", "server_error", "reset_before", "answer_lost"]

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which one route misbehaves.

    `route` is `model/operation` as counted in `GET /sandbox/books` (`sale.channel/create_order`,
    `sale.sale/search_read`, ...), or `*` for every route. `latency_ms` belongs to `latency`; `retry_after_s` to
    `throttle`, None meaning a 429 without the header.
    """

    route: str
    kind: FaultKind
    probability: Probability
    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=120_000)] = 0
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] | None = None


class TaxRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tax that a sales channel knows; `rate` 0.20 is 20 %."""

    name: str
    rate: Decimal


class SalesChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sales channel with its mappings. What is not named here is unmapped, and refuses an order that names it."""

    id: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    name: str
    code: str
    source: str = "manual"
    currency: str = "USD"
    taxes: tuple[TaxRate, ...] = ()
    gateways: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    orders_allowed: bool = True
    """Whether the token's user has the create permission on the channel."""


class ProductSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product variant; the same shape is taken by `POST /sandbox/products`."""

    sku: str
    name: str = ""
    price: Decimal = Decimal("10.00")
    active: bool = True


DEMO_CHANNEL = SalesChannel(
    id=3,
    name="Web shop",
    code="web",
    taxes=(TaxRate(name="TX Sales Tax", rate=Decimal("0.08")), TaxRate(name="VAT", rate=Decimal("0.20"))),
    gateways=("stripe", "paypal", "manual"),
    carriers=("ups_ground", "ups_express"),
)


class SandboxConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one sandbox process."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8000
    """0 takes any free port; the ready line says which."""
    token: str = "sandbox-token"  # noqa: S105 - the stand-in's own, worth nothing elsewhere
    requests_per_s: Annotated[float, msgspec.Meta(ge=0)] = 10
    """Rate limit of the token; 0 means none, and then no X-RateLimit headers."""
    burst: Annotated[int, msgspec.Meta(ge=1)] = 10
    channels: tuple[SalesChannel, ...] = (DEMO_CHANNEL,)
    products_file: str | None = None
    """A JSON array of `ProductSeed`."""
    products_count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Generated products `SKU-000001`, ... with prices drawn from `seed`; added to those of the file."""
    create_order_answer: Literal["record", "id", "id_rec_name"] = "record"
    """Unknown in public (the shape of create_order's answer)."""
    total_mismatch: Literal["refuse", "accept"] = "refuse"
    """Unknown in public (what happens when lines + tax + shipping is not `amount`)."""
    repeat_with_change: Literal["same", "update"] = "same"
    """Two documented readings: the old order is answered unchanged, or the changed body updates it."""
    get_without_fields: Literal["full", "minimal"] = "full"
    """Reports differ: GET of one record without `fields` gives everything, or only id and rec_name."""
    sellable_field: Literal["sellable", "salable"] = "sellable"
    """The name drifted over the years; only this one exists on product.product."""
    line_write_after_confirm: Literal["refuse", "accept"] = "refuse"
    """Unknown in public (editing lines of a confirmed sale by plain write)."""
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0


def seed_products(config: SandboxConfig) -> list[ProductSeed]:
    """The products that are in the books at the start: those of the file, then the generated ones.

    Raises OSError when the file cannot be read, msgspec.DecodeError when it is not an array of products.
    """
    seeds: list[ProductSeed] = []
    if config.products_file is not None:
        seeds += msgspec.json.decode(Path(config.products_file).read_bytes(), type=list[ProductSeed])
    for number in range(1, config.products_count + 1):
        cents = 100 + (number * 7_919 + config.seed * 104_729) % 19_900
        price = Decimal(cents).scaleb(-2)
        seeds.append(ProductSeed(sku=f"SKU-{number:06d}", name=f"Product {number}", price=price))
    return seeds
