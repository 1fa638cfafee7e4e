"""What the two processes of the demo are told: their configurations, and how the ERP misbehaves."""

from __future__ import annotations

import string
from decimal import Decimal
from pathlib import Path

import msgspec

from connectors.fulfil.sandbox import FaultRule, SandboxConfig, TaxRate
from connectors.fulfil.sandbox import SalesChannel as SandboxChannel
from flows.demo.traffic import SALES_CHANNELS, SalesChannel

ERP_REQUESTS_PER_S = 100
_GATEWAY = "shopify_payments"
_CREATE, _LOOK = "sale.channel/create_order", "sale.sale/search_read"
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

[fulfil.api]
base_url = "$sandbox_url"
request_timeout_s = $request_timeout_s
$sales_channels"""

_SALES_CHANNEL = """
[sales_channels.$name]
format = "shopify"

[sales_channels.$name.sale]
channel_id = $id
gateways = { "$gateway" = "$gateway" }
taxes = { $taxes }
"""


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of one demo. They open nothing but its own processes on the loopback interface."""

    intake: str
    control: str
    fulfil: str


def configuration(directory: Path, sandbox_url: str, intake_port: int, ops_port: int) -> str:
    """Seamline's own configuration, as TOML. Relative paths of secrets start at its directory."""
    return string.Template(_CONFIG).substitute(
        directory=directory,
        intake_port=intake_port,
        ops_port=ops_port,
        sandbox_url=sandbox_url,
        requests_per_s=ERP_REQUESTS_PER_S,
        request_timeout_s=_REQUEST_TIMEOUT_S,
        sales_channels="".join(map(_sales_channel, SALES_CHANNELS)),
    )


def _sales_channel(sales_channel: SalesChannel) -> str:
    taxes = ", ".join(f'"{name}" = "{name}"' for name in sales_channel.taxes)
    return string.Template(_SALES_CHANNEL).substitute(
        name=sales_channel.name, id=sales_channel.id, gateway=_GATEWAY, taxes=taxes
    )


def sandbox_config(seed: int, count: int, keys: Keys, directory: Path) -> SandboxConfig:
    """The ERP of the demo: two sales channels, 100 requests a second, and faults that the seed decides.

    A repeated create with another body would change the sale, so that the observer would see it.
    """
    channels = tuple(
        SandboxChannel(
            id=each.id,
            name=each.name,
            code=each.name,
            currency=each.currency,
            gateways=(_GATEWAY,),
            taxes=tuple(TaxRate(name=name, rate=Decimal(rate)) for name, rate in each.taxes.items()),
        )
        for each in SALES_CHANNELS
    )
    return SandboxConfig(
        port=0,
        token=keys.fulfil,
        requests_per_s=ERP_REQUESTS_PER_S,
        burst=20,
        channels=channels,
        products_file=str(directory / "products.json"),
        repeat_with_change="update",
        faults=faults(count),
        seed=seed,
    )


def faults(count: int) -> tuple[FaultRule, ...]:
    """How the ERP misbehaves: in shares of the calls, but each way a few times even on a small day."""

    def share(wanted: float, times: float) -> float:
        return min(0.2, max(wanted, times / count))

    return (
        FaultRule(route=_CREATE, kind="latency", probability=share(0.05, 10), latency_ms=150),
        FaultRule(route=_CREATE, kind="latency", probability=share(0.0, 3), latency_ms=_LATE_ANSWER_MS),
        FaultRule(route=_CREATE, kind="throttle", probability=share(0.0015, 1.5), retry_after_s=1),
        FaultRule(route=_CREATE, kind="throttle", probability=share(0.001, 1)),
        FaultRule(route=_CREATE, kind="server_error", probability=share(0.01, 4)),
        FaultRule(route=_CREATE, kind="reset_before", probability=share(0.01, 4)),
        FaultRule(route=_CREATE, kind="answer_lost", probability=share(0.01, 4)),
        FaultRule(route=_LOOK, kind="server_error", probability=0.05),
        FaultRule(route=_LOOK, kind="reset_before", probability=0.03),
    )
