"""The sandbox's settings: where it listens, what its books start with, and how it behaves where public facts end."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from runtime.testing.faults import FaultRule

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ResourceLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate limit of one resource, beside the general one (F S8: such limits exist; their figures are unpublished).

    `resource` is the beginning of a route: `stock.shipment.out`, or `sale.channel/create_order`.
    """

    resource: str
    requests_per_s: Annotated[float, msgspec.Meta(gt=0)]
    burst: Annotated[int, msgspec.Meta(ge=1)] = 10


class Warehouse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warehouse; its input, output and storage get ids of their own."""

    id: Annotated[int, msgspec.Meta(ge=4, le=100_000)]
    name: str
    code: str


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
    warehouse: int = 4
    invoice_method: Literal["manual", "order", "shipment"] = "shipment"
    """When an invoice is made: never by itself, as a sale is processed, or as its goods are shipped."""
    shipment_method: Literal["manual", "order", "invoice"] = "order"
    """When shipments are made: never by themselves, as a sale is processed, or once its invoices are paid."""


class ProductSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product variant; the same shape is taken by `POST /sandbox/products`."""

    sku: str
    name: str = ""
    price: Decimal = Decimal("10.00")
    active: bool = True
    cost: Decimal = Decimal(0)
    type: Literal["goods", "service"] = "goods"
    upc: str | None = None
    stock: Decimal | None = None
    """What lies in the first warehouse: counted when the product is added, and again when it is given later."""


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
    other_tokens: tuple[str, ...] = ()
    """Tokens of further users; each has a rate limit of its own (facts 6: it is counted per user)."""
    requests_per_s: Annotated[float, msgspec.Meta(ge=0)] = 10
    """Rate limit of each token; 0 means none, and then no X-RateLimit headers."""
    burst: Annotated[int, msgspec.Meta(ge=1)] = 10
    channels: tuple[SalesChannel, ...] = (DEMO_CHANNEL,)
    products_file: str | None = None
    """A JSON array of `ProductSeed`."""
    products_count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Generated products `SKU-000001`, ... with prices drawn from `seed`; added to those of the file."""
    products_stock: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Units of each generated product in the first warehouse."""
    warehouses: tuple[Warehouse, ...] = (Warehouse(id=4, name="Main", code="WH"),)
    """The first is where a sale is shipped from when its channel names no other."""
    currency_rates: dict[str, Decimal] = {}
    """What one unit of a currency is worth in the company's; 1 where it is not named."""
    resource_limits: tuple[ResourceLimit, ...] = ()
    webhook_loss: Probability = 0
    """Share of webhooks that are never sent (facts 7: delivery is not guaranteed)."""
    webhook_disorder: bool = False
    """Whether webhooks that are due together are sent last first (facts 7: they may be out of order)."""

    bad_token_status: Literal[401, 403] = 401
    """Facts 5: what a wrong token meets; older servers answered 403."""
    user_error_status: Literal[400, 422] = 400
    """Facts 5: the status of a UserError; 422 was seen with its shape."""

    # The switches below are the unknowns of facts 13, by its numbers. The first choice of each is the default.

    create_order_answer: Literal["record", "id", "id_rec_name"] = "record"
    """13.1: the shape of create_order's answer; `record` is the one that facts 10.1 propose."""
    create_order_party: bool = False
    """13.1: whether that record says which party the sale is of."""
    create_order_takes_s: Annotated[float, msgspec.Meta(ge=0)] = 0
    """How long after its look for the customer a create makes the sale. It does not see a party that another create
    makes meanwhile: nothing public says that Fulfil locks."""
    total_mismatch: Literal["refuse", "accept"] = "refuse"
    """13.1: what happens when lines + tax + shipping is not `amount`."""
    order_problem: Literal["refuse", "exception"] = "refuse"
    """13.1: an order that names what is not there is a UserError, or a sale in state `failed` with a
    channel.exception, which the next call of the same key tries again."""
    repeat_with_change: Literal["same", "update"] = "same"
    """9.1: two documented readings: the old order is answered unchanged, or the changed body updates it."""
    channel_orders_verb: Literal["POST", "PUT"] = "POST"
    """13.2: how the channel integration API takes orders."""
    channel_orders_path: str = "orders.json"
    """13.2: and where, below /services/channels/v1/."""
    retry_after: Literal["always", "never"] = "always"
    """13.3: whether the rate limit's 429 says Retry-After."""
    webhook_model: Literal["ir.webhook", "webhook.webhook"] = "ir.webhook"
    """13.4: the model's present name."""
    record_events: Literal["none", "dotted", "short"] = "none"
    """13.4: events of sales and shipments: unknown to the tenant, `sale.sale.created`, or `order.created`."""
    stale_write: Literal["ignore", "user_error", "exception_type", "conflict"] = "ignore"
    """13.5: what a write with an outdated `_timestamp` in its context meets: nothing, a UserError, a 400 whose type is
    ConcurrencyException, or a 409."""
    user_warnings: Literal["none", "cancel"] = "none"
    """13.5: whether cancelling a sale first answers a 400 of type UserWarning, which `_skip_warnings` in the context
    passes."""
    get_without_fields: Literal["full", "minimal"] = "full"
    """13.6: GET of one record without `fields` gives everything, or only id and rec_name."""
    date_generation: Literal["v2", "v1", "v3", "text"] = "v2"
    """13.6: dates as parts and ISO string, parts only, ISO string only, or bare text."""
    sellable_field: Literal["sellable", "salable"] = "sellable"
    """13.7: the name drifted over the years; only this one exists on product.product."""
    identifier_model: Literal["product.identifier", "product.product.code"] = "product.identifier"
    """13.7: the child model of product.product that holds barcodes."""
    street2_field: Literal["street_bis", "streetbis"] = "street_bis"
    """13.7: the second line of party.address."""
    payment_reference_field: Literal["reference", "provider_reference"] = "reference"
    """13.7: where sale.payment keeps the provider's id."""
    gateway_fee_field: str | None = None
    """13.7: a field of payment_gateway.transaction that takes the gateway's fee; no public source knows one."""
    shipped_at_field: str | None = None
    """13.7: a field of shipments with the instant of shipping; without it there is only `effective_date`."""
    credit_note: Literal["negative_out", "out_credit_note"] = "negative_out"
    """13.7: a credit note is an invoice of type `out` with negative amounts, or of a type of its own with positive."""
    cost_origin: Literal["shipment", "stock_move"] = "shipment"
    """8.9: what a move of cost names as its origin. No public source says; Tryton makes one for each stock move."""
    cancel_after_confirm: Literal["refuse", "unshipped"] = "refuse"
    """13.8: whether a sale past quotation can be cancelled while nothing of it is packed, shipped or invoiced."""
    line_write_after_confirm: Literal["refuse", "accept"] = "refuse"
    """13.8: editing lines of a confirmed sale by plain write, up to the gate (picked, batched or invoiced)."""
    plain_channel_identifier: Literal["accept", "refuse", "drop"] = "accept"
    """13.8: whether a plain create of sale.sale may set channel_identifier; `drop` takes the sale without it."""
    create_list: Literal["atomic", "one_by_one"] = "atomic"
    """13.8: whether a create of several records is all or nothing."""
    list_max: Annotated[int, msgspec.Meta(ge=0)] = 0
    """13.9: most records of one create, and ids of one read; 0 means no limit. More is a 400."""
    body_bytes_max: Annotated[int, msgspec.Meta(ge=1_000)] = 32 * 1024 * 1024
    """13.9: larger bodies are answered 413."""
    url_bytes_max: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 8_000
    """13.9: longer URLs are answered 414."""
    report_answer: Literal["url", "base64"] = "url"
    """13.9: what a report's answer holds."""
    time_zone: str = "UTC"
    """13.10: the zone of plain ISO strings in filters, and of the company's days."""
    time_precision: Literal["microsecond", "second"] = "microsecond"
    """13.10: the precision that create_date and write_date keep."""
    processing: Literal["synchronous", "asynchronous"] = "synchronous"
    """Whether a pending order is processed within create_order, or `processing_delay_s` later; `process` then answers
    an AsyncResult."""
    processing_delay_s: Annotated[float, msgspec.Meta(ge=0)] = 5
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
        stock = Decimal(config.products_stock) if config.products_stock else None
        seeds.append(ProductSeed(sku=f"SKU-{number:06d}", name=f"Product {number}", price=price, stock=stock))
    return seeds
