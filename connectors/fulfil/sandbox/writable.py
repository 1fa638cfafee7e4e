"""What the plain model calls may write: fields, required ones, children, and those that are given once and stay.

Sources: the models of facts 8; where a name is not known today, a switch chooses it. What is not named here is either
computed, or changed by methods only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.fulfil.sandbox.config import SandboxConfig

TAXED: Final = frozenset(("sale.line", "account.invoice.line"))
"""Models whose records have taxes, which are added and removed by ids."""
IGNORED: Final = frozenset(("state", "unit", "uom", "company", "period"))
"""Fields that a create may name, and that follow from others here."""
CHILDREN: Final = {
    ("sale.sale", "lines"): ("sale.line", "sale"),
    ("sale.sale", "payments"): ("sale.payment", "sale"),
    ("party.party", "addresses"): ("party.address", "party"),
    ("party.party", "contact_mechanisms"): ("party.contact_mechanism", "party"),
    ("product.template", "products"): ("product.product", "template"),
    ("stock.inventory", "lines"): ("stock.inventory.line", "inventory"),
    ("account.move", "lines"): ("account.move.line", "move"),
    ("account.invoice", "lines"): ("account.invoice.line", "invoice"),
}
"""Fields that take child records by commands: the child's model, and its field that names the parent."""
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "party.party": ("name",),
    "party.address": ("party",),
    "party.contact_mechanism": ("party", "type", "value"),
    "product.template": ("name",),
    "product.product": ("template",),
    "product.product.channel_listing": ("channel", "product", "product_identifier"),
    "sale.sale": ("channel", "party"),
    "sale.line": ("sale", "quantity", "unit_price"),
    "sale.payment": ("sale", "gateway", "amount"),
    "payment_gateway.transaction": ("gateway", "amount"),
    "stock.inventory": ("location",),
    "stock.inventory.line": ("inventory", "product", "quantity"),
    "stock.shipment.out.batch": ("name", "warehouse"),
    "account.move": ("journal", "date"),
    "account.move.line": ("move", "account"),
    "account.invoice": ("party",),
    "account.invoice.line": ("invoice", "quantity", "unit_price"),
}
FIXED: Final[dict[str, frozenset[str]]] = {
    "party.address": frozenset(("party",)),
    "party.contact_mechanism": frozenset(("party", "type", "value")),
    "product.product": frozenset(("template", "type")),
    "product.product.channel_listing": frozenset(("channel", "product", "product_identifier")),
    "sale.line": frozenset(("sale",)),
    "sale.payment": frozenset(("sale", "gateway", "amount")),
    "stock.inventory.line": frozenset(("inventory", "product")),
    "account.move": frozenset(("date",)),
    "account.move.line": frozenset(("move",)),
    "account.invoice.line": frozenset(("invoice",)),
}
"""Fields that are given at creation and stay."""
NOT_CREATED: Final = frozenset(
    ("stock.shipment.out", "stock.shipment.drop", "stock.shipment.out.return", "shipment.tracking", "channel.exception")
)
"""Models whose records are written and not created: shipments come from processing a sale (facts 8.7)."""
_SHIPMENT: Final = (
    *("reference", "carrier_service", "delivery_address", "planned_date", "priority", "shipping_instructions", "cost"),
)
_WRITABLE: Final[dict[str, tuple[str, ...]]] = {
    "party.party": ("name", "code", "active", "is_customer"),
    "party.address": ("party", "name", "street", "city", "zip", "country", "subdivision", "active"),
    "party.contact_mechanism": ("party", "type", "value", "active"),
    "product.template": ("name", "active"),
    "product.product": (*("template", "code", "variant_name", "list_price", "cost_price", "type", "upc", "active"),),
    "product.product.channel_listing": ("channel", "product", "product_identifier", "state"),
    "sale.sale": (
        *("channel", "channel_identifier", "reference", "party", "invoice_address", "shipment_address", "currency"),
        *("sale_date", "comment", "gift_message", "priority", "warehouse", "carrier_service"),
    ),
    "sale.line": (
        *("sale", "type", "product", "description", "quantity", "unit_price", "shipment_cost", "channel_identifier"),
        *("fulfil_strategy", "list_price", "comment"),
    ),
    "sale.payment": ("sale", "gateway", "amount"),
    "payment_gateway.transaction": (
        *(
            "gateway",
            "type",
            "amount",
            "currency",
            "party",
            "sale_payment",
            "provider_reference",
            "description",
            "date",
        ),
    ),
    "stock.inventory": ("location", "lost_found", "date", "type"),
    "stock.inventory.line": ("inventory", "product", "quantity"),
    "stock.shipment.out": _SHIPMENT,
    "stock.shipment.drop": _SHIPMENT,
    "stock.shipment.out.return": _SHIPMENT,
    "stock.shipment.out.batch": ("name", "warehouse"),
    "shipment.tracking": ("tracking_number", "tracking_url", "state"),
    "channel.exception": ("is_resolved",),
    "account.move": ("journal", "date", "description", "origin"),
    "account.move.line": ("move", "account", "debit", "credit", "party", "description", "maturity_date"),
    "account.invoice": ("party", "currency", "invoice_address", "reference", "description"),
    "account.invoice.line": ("invoice", "product", "quantity", "unit_price", "description", "account"),
}


class Rules(msgspec.Struct, frozen=True):
    """What may be written for one configuration. `attributes` are fields whose records call them otherwise."""

    writable: Mapping[str, frozenset[str]]
    required: Mapping[str, tuple[str, ...]]
    attributes: Mapping[tuple[str, str], str]


def rules_of(config: SandboxConfig) -> Rules:
    """The rules with the names that the switches choose."""
    writable = {model: frozenset(names) for model, names in _WRITABLE.items()}
    attributes = {(model, "delivery_address"): "address" for model in _WRITABLE if model.startswith("stock.shipment")}
    attributes["sale.line", "fulfil_strategy"] = "strategy"
    renamed = [
        ("party.address", config.street2_field, "street_bis"),
        ("sale.payment", config.payment_reference_field, "reference"),
        ("payment_gateway.transaction", config.gateway_fee_field, "fee"),
    ]
    for model, name, attribute in renamed:
        if name is not None:
            writable[model] |= {name}
            attributes[model, name] = attribute
    writable[config.identifier_model] = frozenset(("product", "type", "code"))
    writable[config.webhook_model] = frozenset(("event", "url", "active"))
    required = {
        **REQUIRED,
        config.identifier_model: ("product", "code"),
        config.webhook_model: ("event", "url"),
    }
    return Rules(writable, required, attributes)
