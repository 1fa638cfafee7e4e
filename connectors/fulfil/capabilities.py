"""What a tenant of Fulfil can do, as strategies read it: each field answers what public material leaves open.

`unknown` is the value of a question that nobody has asked, or that could not be answered; whoever reads a capability
takes it for the least that may be true. `connectors.fulfil.probe` finds the values.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.table import unknown_names

Count = Annotated[int, Meta(ge=0)]
Readable = Literal["readable", "missing", "no_permission", "unknown"]


class FulfilProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `seamline probe` may do to this tenant, and what it needs to write there."""

    tenant: Literal["production", "sandbox"] = "production"
    """`sandbox`: `seamline probe --writes` may make orders there. Anything else is only read."""
    channel_id: Annotated[int, Meta(gt=0)] | None = None
    """Fulfil's id of the sales channel that the probe's orders are made on. Not set: that of the first one."""
    sku: str = ""
    """A product for the probe's orders. Empty: the first that can be sold."""
    webhook_url: str = ""
    """Where webhooks of this tenant may be told to go, to learn which events it knows; they are taken back at once.
    Empty: it is not asked."""


class FulfilCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant. Strings are closed lists; a count is one that was told or tried."""

    # -- making and changing sales
    create_order_answer: Literal["record", "id", "id_and_name", "unknown"] = "unknown"
    """What `create_order` answers."""
    total_mismatch: Literal["refused", "provisional", "accepted", "unknown"] = "unknown"
    """What becomes of an order whose total is not the sum of its parts."""
    order_problem: Literal["refused", "exception", "accepted", "unknown"] = "unknown"
    """What becomes of an order that names what is not there: refused, or a sale in state failed or provisional."""
    same_key_changed: Literal["existing", "updated", "refused", "second_sale", "unknown"] = "unknown"
    """What the key of a known order with another body does."""
    processing: Literal["synchronous", "asynchronous", "unknown"] = "unknown"
    """Whether a new order is processed when its create answers."""
    line_write: Literal["accepted", "refused", "unknown"] = "unknown"
    """Whether a line of a sale past quotation can be written."""
    cancel_after_confirm: Literal["accepted", "refused", "unknown"] = "unknown"
    """Whether a sale past quotation can be cancelled before anything of it is shipped."""
    plain_channel_identifier: Literal["kept", "dropped", "refused", "unknown"] = "unknown"
    """Whether a plain create of a sale may set its channel's key."""
    create_list: Literal["atomic", "one_by_one", "unknown"] = "unknown"
    """Whether a create of several records is all or nothing."""
    user_warnings: Literal["none", "seen", "unknown"] = "unknown"
    """Whether Fulfil's warnings reach the API, as a 400 of type UserWarning."""
    stale_write: Literal["ignored", "user_error", "concurrency_exception", "conflict", "unknown"] = "unknown"
    """What a write meets that says it has read an older record (409 is `conflict`)."""
    refusal_status: Literal["400", "422", "other", "unknown"] = "unknown"
    """The status of a refusal by rule."""

    # -- names
    sellable_field: Literal["sellable", "salable", "none", "unknown"] = "unknown"
    """The field that says whether a product can be sold."""
    identifier_model: Literal["product.identifier", "product.product.code", "none", "unknown"] = "unknown"
    """The model that holds barcodes."""
    street2_field: Literal["street_bis", "streetbis", "none", "unknown"] = "unknown"
    """The second line of an address."""
    payment_reference_field: Literal["reference", "provider_reference", "none", "unknown"] = "unknown"
    """Where a payment keeps the provider's id."""
    gateway_fee_field: str = "unknown"
    """The field of a payment's transaction that takes the gateway's fee; `none` when there is none."""
    shipped_at_field: str = "unknown"
    """The field of a shipment with the instant of shipping; `none` when there is only a day."""
    credit_note: Literal["negative_out", "own_type", "unknown"] = "unknown"
    """Whether a credit note is an invoice of type `out` with negative amounts, or has a type of its own."""
    cost_origin: Literal["shipment", "stock_move", "none", "unknown"] = "unknown"
    """What an entry of cost in the ledger names as its origin, when goods have left; `none`: neither."""
    missing_fields: Literal["none", "some", "unknown"] = "unknown"
    """Whether fields that Seamline asks for are missing; which ones stands under `names`."""
    webhook_model: Literal["ir.webhook", "webhook.webhook", "none", "unknown"] = "unknown"
    """Where webhooks are kept."""
    record_events: Literal["none", "dotted", "short", "unknown"] = "unknown"
    """Webhooks of sales and shipments: none, `sale.sale.created`, or `order.created`."""
    channel_orders: Literal["POST orders.json", "PUT orders.json", "POST orders", "PUT orders", "none", "unknown"] = (
        "unknown"
    )
    """Where the order interface of sales channels takes orders. Seamline does not use it."""

    # -- what can be read
    shipments: Readable = "unknown"
    """Customer shipments, with their parcels and tracking."""
    inventory: Readable = "unknown"
    """Figures of stock by product."""
    stock_moves: Readable = "unknown"
    """Moves of stock."""
    payments: Readable = "unknown"
    """Payments of sales, and their transactions."""
    invoices: Readable = "unknown"
    """Invoices and their lines."""
    ledger: Readable = "unknown"
    """Ledger moves, accounts, journals and periods."""
    returns: Readable = "unknown"
    """Goods that come back."""

    # -- forms
    date_generation: Literal["parts", "parts_and_iso", "iso", "text", "unknown"] = "unknown"
    """How dates are written."""
    time_precision: Literal["microsecond", "second", "unknown"] = "unknown"
    """The precision of create_date and write_date."""
    filter_precision: Literal["exact", "coarser", "unknown"] = "unknown"
    """Whether a filter by time compares every digit."""
    filter_time_zone: Literal["utc", "other", "refused", "unknown"] = "unknown"
    """The zone of a bare ISO string in a filter."""
    get_without_fields: Literal["full", "minimal", "unknown"] = "unknown"
    """What a GET of one record without `fields` answers."""
    missing_record: Literal["404", "400", "empty", "500", "other", "unknown"] = "unknown"
    """What a GET of a record that is not there answers."""
    missing_model: Literal["404", "400", "500", "other", "unknown"] = "unknown"
    """What a call to a model that is not there answers."""
    stranger: Literal["401", "403", "other", "unknown"] = "unknown"
    """What a token that is not live meets."""
    report_answer: Literal["url", "document", "none", "unknown"] = "unknown"
    """What a report answers."""

    # -- limits
    page_cap: Count | Literal["unknown"] = "unknown"
    """The most records of one page."""
    list_max: Count | Literal["not_met", "unknown"] = "unknown"
    """The most ids of one read; `not_met`: none below 1,000."""
    body_bytes: Literal["below_64_kb", "below_1_mb", "at_least_1_mb", "unknown"] = "unknown"
    """The largest body that was taken."""
    url_bytes: Literal["below_2_kb", "below_8_kb", "below_16_kb", "at_least_16_kb", "unknown"] = "unknown"
    """The longest address that was taken."""
    rate_limit_per_s: Count | Literal["not_told", "unknown"] = "unknown"
    """The limit that answers tell, per user."""
    retry_after: Literal["told", "not_told", "unknown"] = "unknown"
    """Whether a 429 of the rate limit says when to come again."""

    @property
    def amending(self) -> Literal["line_write", "keyed_upsert", "none"]:
        """How a sale is changed that exists; `none`, also while unknown: an exception for a person."""
        if self.same_key_changed == "updated":
            return "keyed_upsert"
        return "line_write" if self.line_write == "accepted" else "none"

    @property
    def repeats_create(self) -> bool:
        """Whether a create with identical bytes may go out again after a lost answer and a look that found nothing.

        Yes while unknown, because identical bytes under one key are documented as one order; never on a tenant on which
        a key made a second sale.
        """
        return self.same_key_changed != "second_sale"

    @property
    def repeats_create_after_change(self) -> bool:
        """Whether the bytes of an earlier version may go out again once a later one was applied: only where they are
        known to change nothing.
        """
        return self.same_key_changed in ("existing", "refused")


READS_NEEDED: Final = ("shipments", "inventory", "stock_moves", "payments", "invoices", "ledger", "returns")
"""The capabilities that are about reading a part of the tenant."""


def applied(config: FulfilConfig, capabilities: FulfilCapabilities, names: dict[str, str]) -> FulfilConfig:
    """The connector's settings with what was found about the tenant; explicit settings win.

    Of the page sizes the smaller counts, since a larger one is refused. A found name that this version has no use for
    is left out.
    """
    useful = {name: own for name, own in names.items() if name not in unknown_names(names)}
    known = capabilities.sellable_field
    sellable: Literal["", "sellable", "salable"] = known if known in ("sellable", "salable") else ""
    cap = capabilities.page_cap
    return msgspec.structs.replace(
        config,
        names={**useful, **config.names},
        sellable_field=config.sellable_field or sellable,
        page_size=min(config.page_size, cap) if isinstance(cap, int) and cap > 0 else config.page_size,
    )


def contradictions(config: FulfilConfig, capabilities: FulfilCapabilities, names: dict[str, str]) -> tuple[str, ...]:
    """Where explicit settings say something else than what was found, as sentences that say what counts."""
    differ: list[tuple[str, str, str]] = []
    known = capabilities.sellable_field
    if config.sellable_field and known not in ("unknown", config.sellable_field):
        differ.append(("fulfil.api.sellable_field", config.sellable_field, known))
    for name, own in config.names.items():
        if name in names and names[name] != own:
            differ.append((f"fulfil.api.names: {name}", own, names[name]))
    found = [
        f"{setting} is {own!r}, the tenant was found to have {has!r}; the setting wins" for setting, own, has in differ
    ]
    cap = capabilities.page_cap
    if isinstance(cap, int) and config.page_size > cap:
        found.append(f"fulfil.api.page_size is {config.page_size}, the tenant takes {cap}; the smaller is used")
    return tuple(found)
