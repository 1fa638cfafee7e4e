"""What Patchworks is told in the demo: its flows, the sales channels behind it, and how its deliveries misbehave."""

from __future__ import annotations

from decimal import Decimal

from connectors.patchworks.sandbox import (
    Auth,
    Batch,
    FlowSeed,
    LevelSeed,
    Limits,
    ProductSeed,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    Switches,
    Target,
    TaxSeed,
    Webhook,
)
from flows.demo.keys import Keys
from flows.demo.stories import EUROPE, OUTLET, SALES_CHANNELS, WEB, Day, SalesChannel
from runtime.testing.faults import FaultRule

COMPANY = "acme"
CHANNEL_STOCK = 100
_WORKERS = 16

WEB_EVENTS, WEB_POLL, WEB_MISTAKEN = 4310, 4311, 4312
EUROPE_EVENTS, EUROPE_POLL = 4410, 4411
OUTLET_ORDERS = 4510
POLLS = (WEB_POLL, EUROPE_POLL)
EVENTS = (WEB_EVENTS, EUROPE_EVENTS, OUTLET_ORDERS)
STOCK_FLOWS = {WEB.name: 4320, EUROPE.name: 4420, OUTLET.name: 4520}
"""The flow of each sales channel that takes stock levels."""
FULFILMENT_FLOWS = {WEB.name: 4330, EUROPE.name: 4430, OUTLET.name: 4530}
"""The same for shipments."""
EVIDENCE_FLOWS = {WEB.name: 4331, EUROPE.name: 4431, OUTLET.name: 4531}
"""The flow of each sales channel that says which shipments it knows of."""
OUTWARD = frozenset({*STOCK_FLOWS.values(), *FULFILMENT_FLOWS.values(), *EVIDENCE_FLOWS.values()})
"""Flows that bring no orders."""
OUTLET_TRIGGER = "01k44sv2tq9j7m3r5w8x6z4y1a"
_POLL_BATCH, _OUTLET_BATCH, _LEVELS_BATCH = 25, 5, 100
"""Orders, or levels, in one delivery, at most, when a flow has several at once."""


def hub_config(today: Day, keys: Keys, intake_url: str) -> SandboxConfig:
    """Patchworks, and the three sales channels behind it.

    Its limits per minute are off, because the demo's day lasts half a minute.
    """
    return SandboxConfig(
        port=0,
        company=COMPANY,
        api_keys=(keys.patchworks,),
        target=Target(url=intake_url, auth=Auth(kind="header", value=keys.intake)),
        flows=_flows(keys),
        sales_channels=tuple(_behind(each, today) for each in SALES_CHANNELS),
        switches=Switches(retry_backoff_ms=100),
        limits=Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0),
        workers=_WORKERS,
        faults=hub_faults(),
        seed=today.seed,
    )


def _flows(keys: Keys) -> tuple[FlowSeed, ...]:
    """The flows that a customer would build: each order as it is announced, a scheduled read, and one with a mistake.

    A batch of one is sent by one poll as an array, and by the other as an object.
    """
    polled = Batch(size=_POLL_BATCH)
    return (
        FlowSeed(id=WEB_EVENTS, name="Orders in", sales_channel=WEB.name, source="order_events", send=Send()),
        FlowSeed(
            id=WEB_POLL,
            name="Orders, read on schedule",
            sales_channel=WEB.name,
            source="orders_updated",
            batch=polled,
            catch="partial_success",
            send=Send(wrapping_behaviour="Raw"),
        ),
        FlowSeed(
            id=WEB_MISTAKEN,
            name="Orders in, new map",
            sales_channel=WEB.name,
            source="order_events",
            map=_MISTAKEN_MAP,
            send=Send(),
            is_enabled=False,
        ),
        FlowSeed(id=EUROPE_EVENTS, name="Orders in", sales_channel=EUROPE.name, source="order_events", send=Send()),
        FlowSeed(
            id=EUROPE_POLL,
            name="Orders, read on schedule",
            sales_channel=EUROPE.name,
            source="orders_updated",
            batch=polled,
            catch="partial_success",
            send=Send(),
        ),
        FlowSeed(
            id=OUTLET_ORDERS,
            name="Orders in, mapped",
            sales_channel=OUTLET.name,
            webhook=Webhook(id=OUTLET_TRIGGER, signature=keys.webhook),
            batch=Batch(path="orders", size=_OUTLET_BATCH),
            send=Send(),
        ),
        *(
            FlowSeed(
                id=flow,
                name="Stock out",
                sales_channel=name,
                batch=Batch(path="levels", size=_LEVELS_BATCH),
                send=Send(to="stock"),
            )
            for name, flow in STOCK_FLOWS.items()
        ),
        *(
            FlowSeed(
                id=flow,
                name="Fulfilments out",
                sales_channel=name,
                batch=Batch(path="fulfilments", size=1),
                send=Send(to="fulfilments"),
            )
            for name, flow in FULFILMENT_FLOWS.items()
        ),
        *(
            FlowSeed(
                id=flow,
                name="Fulfilments, what is known",
                sales_channel=name,
                source="fulfilments",
                map={"fulfilment_id": "fulfilment_id", "tracking": "tracking_numbers"},
                send=Send(path="/v1/manifests/fulfilments/{sales_channel}", wrapping_behaviour="Raw"),
            )
            for name, flow in EVIDENCE_FLOWS.items()
        ),
    )


_MAPPED_FIELDS = (
    *("id", "name", "created_at", "processed_at", "updated_at", "cancelled_at", "test", "currency"),
    *("presentment_currency", "financial_status", "fulfillment_status", "payment_gateway_names", "taxes_included"),
    *("line_items", "shipping_lines", "tax_lines", "discount_codes", "discount_applications", "refunds"),
    *("subtotal_price", "subtotal_price_set", "total_tax", "total_tax_set", "total_discounts", "total_discounts_set"),
    *("email", "customer", "billing_address", "shipping_address"),
)
_MISTAKEN_MAP = {
    **{name: name for name in _MAPPED_FIELDS},
    "total_price": "subtotal_price",
    "total_price_set": "subtotal_price_set",
}
"""The subtotal where the total belongs; with taxes on top of prices that is never right."""


def _behind(sales_channel: SalesChannel, today: Day) -> SalesChannelSeed:
    """A sales channel with its goods. It sells on when nothing is left, so that no order of the plan is refused."""
    return SalesChannelSeed(
        name=sales_channel.name,
        format=sales_channel.format,
        currency=sales_channel.currency,
        taxes_included=sales_channel.tax_included,
        taxes=tuple(TaxSeed(name=name, rate=Decimal(rate)) for name, rate in sales_channel.taxes.items()),
        gateway=sales_channel.gateway,
        products=tuple(
            ProductSeed(sku=each.sku, price_cents=each.price_cents, title=each.name) for each in today.products
        ),
        levels=tuple(LevelSeed(sku=each.sku, quantity=CHANNEL_STOCK) for each in today.products),
        quantity_semantics=sales_channel.quantity_semantics,
        stock_policy="continue",
    )


def hub_faults() -> tuple[FaultRule, ...]:
    """How deliveries misbehave: late, cut, answered with 503 on the way, repeated, and arrived without its knowing.

    The answers to starts of flows are lost now and then.
    """
    rules = []
    for flow in EVENTS:
        route = f"deliver/{flow}"
        rules += [
            FaultRule(route=route, kind="latency", probability=0.03, latency_ms=120),
            FaultRule(route=route, kind="reset_before", probability=0.02),
            FaultRule(route=route, kind="server_error", probability=0.01),
            FaultRule(route=route, kind="answer_lost", probability=0.04),
            FaultRule(route=route, kind="duplicate", probability=0.04),
        ]
    for flow in POLLS:  # a scheduled read that fails is not read again, so these only repeat what has arrived
        rules += [
            FaultRule(route=f"deliver/{flow}", kind="answer_lost", probability=0.05),
            FaultRule(route=f"deliver/{flow}", kind="duplicate", probability=0.05),
        ]
    rules.append(FaultRule(route="start/raw", kind="answer_lost", probability=0.1))
    return tuple(rules)


def stalled() -> tuple[FaultRule, ...]:
    """Nothing that a sales channel announces reaches Seamline."""
    return tuple(FaultRule(route=f"deliver/{flow}", kind="reset_before", probability=1) for flow in EVENTS)
