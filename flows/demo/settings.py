"""What Seamline and the ERP are told in the demo: their configurations, and how the ERP misbehaves."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from connectors.capability import CapabilityFile, Finding, write_file
from connectors.fulfil.sandbox import FaultRule as ErpFault
from connectors.fulfil.sandbox import ProductSeed as ErpProduct
from connectors.fulfil.sandbox import SalesChannel as ErpChannel
from connectors.fulfil.sandbox import SandboxConfig as ErpConfig
from connectors.fulfil.sandbox import TaxRate, Warehouse
from flows.demo.hub_settings import FULFILMENT_FLOWS, STOCK_FLOWS
from flows.demo.keys import Keys
from flows.demo.stories import SALES_CHANNELS, SCARCE_STOCK, Day, SalesChannel
from flows.model.posting_matrix import PostingMode

ERP_REQUESTS_PER_S = 100
ERP_STOCK = 200
WAREHOUSE, STORE = 4, 70
"""The ERP's numbers for the place whose stock the sales channels sell, and for one that they do not."""
CARRIER_SERVICES = ("ups_ground", "dhl_express")
CARRIERS = {"ups": "UPS", "dhl": "DHL"}
"""The ERP's carriers, and what every sales channel calls them."""
UNMAPPED_SERVICE = "pigeon_overnight"
"""A service of a carrier that somebody in the warehouse has begun to use, and that no sales channel has a name for."""
_CREATE, _LOOK = "sale.channel/create_order", "sale.sale/search_read"
_READABLE = ("payments", "invoices", "ledger")
"""What a probe finds that the tenant tells."""
LEDGER_CURRENCY = "USD"
"""In which the company keeps its ledger: what is paid out in another currency is shown and not posted."""
BANK, CLEARING, FEES = "1000", "1200", "6100"
"""The ERP's accounts that payouts move."""
_JOURNAL = "GEN"
EVIDENCE = {"shopify_payments": "payout_line", "stripe": "bank_receipt"}
"""What closes the money of each gateway."""
_REQUEST_TIMEOUT_S = 2
_LATE_ANSWER_MS = 2_600
"""Longer than Seamline waits: the ERP applies the order after its caller has given up."""

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
fulfilments_every_s = 1.0
fulfilments_overlap_s = 5.0
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

[payments]
gather_s = 0.3

[payments.gateways]
$gateways

[postings]
mode = "$postings"
currency = "$ledger_currency"
$rows

[reconciliation]
every_s = 60.0
settle_every_s = 1.0
refund_days = 0

[reconciliation.closing]
$evidence
$sales_channels"""

_ROW = """
[[postings.rows]]
event = "{event}"
debit = "{debit}"
credit = "{credit}"
journal = "{journal}"
"""

_SALES_CHANNEL = """
[sales_channels.$name]
format = "$format"

[sales_channels.$name.tariffs.$gateway]
percent = $percent
fixed = $fixed

[sales_channels.$name.sale]
channel_id = $id
gateways = { "$gateway" = "$gateway" }
taxes = { $taxes }

[sales_channels.$name.stock]
locations = [$warehouse]
quantity_semantics = "$quantity_semantics"

[sales_channels.$name.stock.flow]
flow_id = "$stock_flow"

[sales_channels.$name.stock.flow.starts]
company_s = 0.3

[sales_channels.$name.fulfilments]
carriers = { $carriers }

[sales_channels.$name.fulfilments.flow]
flow_id = "$fulfilment_flow"

[sales_channels.$name.fulfilments.flow.starts]
company_s = 0.3
"""


def configuration(
    directory: Path, erp_url: str, hub_url: str, intake_port: int, ops_port: int, *, postings: PostingMode
) -> str:
    """Seamline's own configuration, as TOML. Relative paths of secrets start at its directory. `postings`: whether
    what is due is posted, or only shown.
    """
    gateways = sorted({each.gateway for each in SALES_CHANNELS})
    rows = (("fee", FEES), ("payout", BANK))
    return string.Template(_CONFIG).substitute(
        directory=directory,
        gateways="".join(f"{gateway} = {{}}\n" for gateway in gateways),
        postings=postings,
        ledger_currency=LEDGER_CURRENCY,
        rows="".join(_ROW.format(event=event, debit=debit, credit=CLEARING, journal=_JOURNAL) for event, debit in rows),
        evidence="".join(f'{gateway} = {{ evidence = "{EVIDENCE[gateway]}" }}\n' for gateway in gateways),
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
        **{name: Finding(value="readable", how="read", evidence="it was read") for name in _READABLE},
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
        percent=sales_channel.fee.percent,
        fixed=sales_channel.fee.fixed,
        taxes=taxes,
        warehouse=WAREHOUSE,
        quantity_semantics=sales_channel.quantity_semantics,
        stock_flow=STOCK_FLOWS[sales_channel.name],
        fulfilment_flow=FULFILMENT_FLOWS[sales_channel.name],
        carriers=", ".join(f'"{name}" = "{called}"' for name, called in CARRIERS.items()),
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
            carriers=(*CARRIER_SERVICES, UNMAPPED_SERVICE),
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
        warehouses=(Warehouse(id=WAREHOUSE, name="Main", code="WH"), Warehouse(id=STORE, name="Store", code="ST")),
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
