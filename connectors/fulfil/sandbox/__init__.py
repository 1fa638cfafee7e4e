"""A faithful stand-in for the Fulfil ERP's public v2 API, as a process of its own.

It keeps a tenant in memory: products with stock by location and reservations, parties, sales with their whole state
machine, shipments, payments, invoices, a ledger that balances, returns, webhooks. It answers the calls that Fulfil's
own client makes, and misbehaves on request (faults, rate limits, being down). Everything under `/sandbox/` is ours and
is not Fulfil. Where the public facts end, the choice is a switch in `SandboxConfig`.

Where each thing is:

- fields of a model: `models/`; methods of a model: `methods/`; what create and write may set: `writable`
- create_order: `orders`; return_order: `returns`; a sale's life: `sale_workflow`; shipments: `shipments`
- figures of stock: `stock`; invoices: `invoicing`; payments: `payments`; accounts and moves: `ledger`
- HTTP, tokens, limits, faults: `server`, `limits`, `faults`; the endpoints of v2: `operations`, `find`, `reading`
- switches: `config`; our own endpoints: `control`; the channel integration API: `channel_api`

A script plays what people do, by `POST /sandbox/play`; `script` says what each event takes:

- warehouse: receive, count, transfer, allocate, pick, short_pick, pack, ship, hand_over, split, merge, batch, hold,
  unhold, cancel_shipment, receive_return
- carrier: track, retrack
- desk: process, confirm, change_line, cancel_sale
- finance: capture, refund, post_payments, close_period
- time: advance, commit_late
"""

from connectors.fulfil.sandbox.config import (
    ProductSeed,
    ResourceLimit,
    SalesChannel,
    SandboxConfig,
    TaxRate,
    Warehouse,
)
from connectors.fulfil.sandbox.server import RunningSandbox, open_sandbox
from runtime.testing.faults import FaultRule

__all__ = [
    "FaultRule",
    "ProductSeed",
    "ResourceLimit",
    "RunningSandbox",
    "SalesChannel",
    "SandboxConfig",
    "TaxRate",
    "Warehouse",
    "open_sandbox",
]
