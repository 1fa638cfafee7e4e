"""A faithful stand-in for Patchworks' public APIs and for the sales channels behind it, as a process of its own.

It answers the calls that Patchworks' own client makes, carries flows out, delivers orders to us by real HTTP with
Patchworks' habits, and takes the stock levels and fulfilments that we start flows with. It misbehaves on request.
Everything under `/sandbox/` is ours and is not Patchworks. Where public facts end, the choice is one of `Switches`.
"""

from connectors.patchworks.sandbox.config import Limits, Retention, SandboxConfig, Switches, User
from connectors.patchworks.sandbox.flow_config import (
    Auth,
    Batch,
    Callback,
    Dedupe,
    FlowSeed,
    Receive,
    ResponseRule,
    Send,
    Target,
    Webhook,
)
from connectors.patchworks.sandbox.sales_channels.config import LevelSeed, ProductSeed, SalesChannelSeed, TaxSeed
from connectors.patchworks.sandbox.server import RunningSandbox, open_sandbox

__all__ = [
    "Auth",
    "Batch",
    "Callback",
    "Dedupe",
    "FlowSeed",
    "LevelSeed",
    "Limits",
    "ProductSeed",
    "Receive",
    "ResponseRule",
    "Retention",
    "RunningSandbox",
    "SalesChannelSeed",
    "SandboxConfig",
    "Send",
    "Switches",
    "Target",
    "TaxSeed",
    "User",
    "Webhook",
    "open_sandbox",
]
