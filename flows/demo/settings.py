"""What the three processes of the demo are told: their configurations, and how both vendors misbehave."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from connectors.capability import CapabilityFile, Finding, write_file
from connectors.fulfil.sandbox import FaultRule as ErpFault
from connectors.fulfil.sandbox import ProductSeed as ErpProduct
from connectors.fulfil.sandbox import SalesChannel as ErpChannel
from connectors.fulfil.sandbox import SandboxConfig as ErpConfig
from connectors.fulfil.sandbox import TaxRate
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
from flows.demo.stories import EUROPE, OUTLET, SALES_CHANNELS, SCARCE_STOCK, WEB, Day, SalesChannel
from runtime.testing.faults import FaultRule

ERP_REQUESTS_PER_S = 100
ERP_STOCK, CHANNEL_STOCK = 200, 100
WAREHOUSE = 4
"""The ERP's number for the place whose stock the sales channels sell."""
CARRIER_SERVICES = ("ups_ground", "dhl_express")
COMPANY = "acme"
_CREATE, _LOOK = "sale.channel/create_order", "sale.sale/search_read"
_REQUEST_TIMEOUT_S = 2
_LATE_ANSWER_MS = 2_600
"""Longer than Seamline waits: the ERP applies the order after its caller has given up."""
_WORKERS = 16

WEB_EVENTS, WEB_POLL, WEB_MISTAKEN = 4310, 4311, 4312
EUROPE_EVENTS, EUROPE_POLL = 4410, 4411
OUTLET_ORDERS = 4510
POLLS = (WEB_POLL, EUROPE_POLL)
EVENTS = (WEB_EVENTS, EUROPE_EVENTS, OUTLET_ORDERS)
STOCK_FLOWS = {WEB.name: 4320, EUROPE.name: 4420, OUTLET.name: 4520}
"""The flow of each sales channel that takes stock levels."""
OUTLET_TRIGGER = "01k44sv2tq9j7m3r5w8x6z4y1a"
_POLL_BATCH, _OUTLET_BATCH, _LEVELS_BATCH = 25, 5, 100
"""Orders, or levels, in one delivery, at most, when a flow has several at once."""

_CONFIG = """\
# Written by `seamline demo`. Everything that is not here has its default.
[store]
path = "$directory/seamline.db"

[intake]
port = $intake_port
keys = ["file:intake.key"]

[ops]
port = $ops_port
control_key = "file:control.key"

[fulfil]
token = "file:fulfil.token"
requests_per_s = $requests_per_s
lost_answer_wait_s = 0.3
catalogue_every_s = 1.0
catalogue_overlap_s = 5.0
stock_every_s = 1.0
stock_overlap_s = 5.0
stock_sweep_page_every_s = 0.2
capabilities = "$directory/fulfil.capabilities.toml"

[fulfil.api]
base_url = "$erp_url"
request_timeout_s = $request_timeout_s

[patchworks]
token = "file:patchworks.key"
core_url = "$hub_url/core/api/v1"
start_url = "$hub_url/start/api/v1"
calls_per_min = 60000.0
start_settle_s = 0.3
$sales_channels"""

_SALES_CHANNEL = """
[sales_channels.$name]
format = "$format"

[sales_channels.$name.sale]
channel_id = $id
gateways = { "$gateway" = "$gateway" }
taxes = { $taxes }

[sales_channels.$name.stock]
locations = [$warehouse]

[sales_channels.$name.stock.flow]
flow_id = "$stock_flow"

[sales_channels.$name.stock.flow.starts]
company_s = 0.3
"""


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of one demo. They open nothing but its own processes on the loopback interface."""

    intake: str
    control: str
    fulfil: str
    patchworks: str
    webhook: str
    """The signature in the URL of the outlet's trigger."""


def configuration(directory: Path, erp_url: str, hub_url: str, intake_port: int, ops_port: int) -> str:
    """Seamline's own configuration, as TOML. Relative paths of secrets start at its directory."""
    return string.Template(_CONFIG).substitute(
        directory=directory,
        intake_port=intake_port,
        ops_port=ops_port,
        erp_url=erp_url,
        hub_url=hub_url,
        requests_per_s=ERP_REQUESTS_PER_S,
        request_timeout_s=_REQUEST_TIMEOUT_S,
        sales_channels="".join(map(_sales_channel, SALES_CHANNELS)),
    )


def write_capabilities(directory: Path, erp_url: str) -> None:
    """What `seamline probe fulfil` would have found out about the demo's tenant, and where the configuration names it.

    Only what a probe that may write finds is in it: that is what decides how edits and cancels are applied.
    """
    found = {
        "same_key_changed": Finding(
            value="updated", how="written", evidence="a second create with other lines changed the sale"
        ),
        "cancel_after_confirm": Finding(
            value="accepted", how="written", evidence="a sale that was processing was cancelled"
        ),
    }
    file = CapabilityFile(
        vendor="fulfil", tenant=erp_url, found_at=datetime.now(UTC), seamline="demo", capabilities=found
    )
    write_file(directory / "fulfil.capabilities.toml", file)


def _sales_channel(sales_channel: SalesChannel) -> str:
    taxes = ", ".join(f'"{name}" = "{name}"' for name in sales_channel.taxes)
    return string.Template(_SALES_CHANNEL).substitute(
        name=sales_channel.name,
        format="seamline" if sales_channel.mapped else sales_channel.format,
        id=sales_channel.id,
        gateway=sales_channel.gateway,
        taxes=taxes,
        warehouse=WAREHOUSE,
        stock_flow=STOCK_FLOWS[sales_channel.name],
    )


# -- the ERP -----------------------------------------------------------------------------------------------------------


def erp_products(today: Day) -> list[ErpProduct]:
    """What the ERP knows, and has in stock, when the day begins."""
    known = [ErpProduct(sku=each.sku, name=each.name, stock=Decimal(ERP_STOCK)) for each in today.products]
    return known + [ErpProduct(sku=sku, name=sku, stock=Decimal(SCARCE_STOCK)) for sku in today.scarce_skus]


def erp_config(today: Day, keys: Keys, products_file: Path) -> ErpConfig:
    """The ERP of the demo: 100 requests a second, and faults that the seed decides.

    Its sales can be changed and cancelled until the warehouse begins: a create with another body changes the sale.
    """
    channels = tuple(
        ErpChannel(
            id=each.id,
            name=each.name,
            code=each.name,
            currency=each.currency,
            gateways=(each.gateway,),
            carriers=CARRIER_SERVICES,
            taxes=tuple(TaxRate(name=name, rate=Decimal(rate)) for name, rate in each.taxes.items()),
        )
        for each in SALES_CHANNELS
    )
    return ErpConfig(
        port=0,
        token=keys.fulfil,
        requests_per_s=ERP_REQUESTS_PER_S,
        burst=20,
        channels=channels,
        products_file=str(products_file),
        repeat_with_change="update",
        cancel_after_confirm="unshipped",
        faults=erp_faults(len(today.planned)),
        seed=today.seed,
    )


def erp_faults(count: int) -> tuple[ErpFault, ...]:
    """How the ERP misbehaves: in shares of the calls, but each way a few times even on a small day."""

    def share(wanted: float, times: float) -> float:
        return min(0.2, max(wanted, times / count))

    return (
        ErpFault(route=_CREATE, kind="latency", probability=share(0.05, 10), latency_ms=150),
        ErpFault(route=_CREATE, kind="latency", probability=share(0.0, 3), latency_ms=_LATE_ANSWER_MS),
        ErpFault(route=_CREATE, kind="throttle", probability=share(0.0005, 1.5), retry_after_s=1),
        ErpFault(route=_CREATE, kind="throttle", probability=share(0.0003, 1)),
        ErpFault(route=_CREATE, kind="server_error", probability=share(0.01, 4)),
        ErpFault(route=_CREATE, kind="reset_before", probability=share(0.01, 4)),
        ErpFault(route=_CREATE, kind="answer_lost", probability=share(0.01, 4)),
        ErpFault(route=_LOOK, kind="server_error", probability=0.05),
        ErpFault(route=_LOOK, kind="reset_before", probability=0.03),
    )


# -- the hub -----------------------------------------------------------------------------------------------------------


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
