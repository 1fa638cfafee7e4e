"""A faithful stand-in for the Fulfil ERP's public v2 API, as a process of its own.

It keeps products, parties, sales and sales channels in memory, answers the calls that Fulfil's own client makes, and
misbehaves on request (faults, rate limits, being down). Everything under `/sandbox/` is ours and is not Fulfil.
Where the public facts end, the choice is a switch in `SandboxConfig`.
"""

from connectors.fulfil.sandbox.config import FaultRule, ProductSeed, SalesChannel, SandboxConfig, TaxRate
from connectors.fulfil.sandbox.server import RunningSandbox, open_sandbox, serve

__all__ = [
    "FaultRule",
    "ProductSeed",
    "RunningSandbox",
    "SalesChannel",
    "SandboxConfig",
    "TaxRate",
    "open_sandbox",
    "serve",
]
