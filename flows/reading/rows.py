"""What people see of the store, row by row: orders and their stories, what is held, shipments, checks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from flows.model.audit import AuditEntry
from flows.reading.pages import NamedPlace, Place
from runtime.clock import Instant, to_instant


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it is listed. `amount` is an exact decimal in `currency`; both are None while nobody has read it."""

    key: str
    sales_channel: str
    order_id: str
    reference: str
    state: str
    proof: str
    amount: str | None
    currency: str | None
    placed_at: datetime | None
    sale: int | None
    sale_number: str | None
    changed_at: datetime
    shipping: str = ""
    """How far its shipments are: `partially shipped`, `shipped`, `told` (all of it, proven), or empty."""
    settled_at: datetime | None = None
    """Since when nothing is left to ship, tell, collect or receive of it; None: something is, or nobody looks."""

    @property
    def place(self) -> Place:
        """Its place in the list of orders."""
        return Place(to_instant(self.changed_at), self.key)


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exception. `closed_at` is None while it is open."""

    fingerprint: str
    kind: str
    subject: str
    cause: str
    sentence: str
    owner: str
    amount: str | None
    currency: str | None
    opened_at: datetime
    deadline_at: datetime
    closed_at: datetime | None
    closed_how: str | None

    @property
    def place(self) -> Place:
        """Its place in the list of open exceptions."""
        return Place(to_instant(self.deadline_at), self.fingerprint)


class ShipmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a sales channel is told of one shipment of an order. `cause`: why it is held."""

    sales_channel: str
    notice: str
    key: str
    shipment: str
    number: str
    version: int
    state: str
    cause: str
    carrier: str
    service_code: str
    service: str
    mapped: bool
    tracking: tuple[str, ...]
    units: str
    seen_at: datetime | None
    shipped_at: datetime | None
    sent_at: datetime | None
    told_at: datetime | None
    changed_at: datetime

    @property
    def place(self) -> Place:
        """Its place in the list of shipments."""
        return Place(Instant(0) if self.shipped_at is None else to_instant(self.shipped_at), self.notice)

    @property
    def untold_place(self) -> Place:
        """Its place in the list of those that are not told."""
        return Place(Instant(0) if self.seen_at is None else to_instant(self.seen_at), self.notice)


class OverdueRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has not left by the time that was promised, and why; `amount` is of the units that are late."""

    key: str
    sales_channel: str
    reference: str | None
    due_at: datetime
    cause: str
    amount: str | None
    currency: str | None
    sentence: str

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return Place(to_instant(self.due_at), self.key)


class CarrierRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many shipments went by a carrier and its service, as Fulfil calls them."""

    sales_channel: str
    carrier: str
    service_code: str
    service: str
    shipments: int


class PauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has stopped: the sales channel, or the actor, of this name; and how many orders wait for it."""

    scope: Literal["sales channel", "actor"]
    name: str
    since: datetime
    by: str
    waiting: int

    @property
    def resume(self) -> str:
        """The command that ends it."""
        return f"seamline resume {'--actor ' if self.scope == 'actor' else ''}{self.name}"


class AliasRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a sales channel calls a product, and its SKU in Fulfil."""

    alias: str
    sku: str
    decided_at: datetime
    decided_by: str
    reason: str


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Open exceptions of one kind that one remedy ends. `amounts` is what is at stake, exact, by currency."""

    kind: str
    cause: str
    owner: str
    cases: int
    amounts: dict[str, Decimal]
    oldest_at: datetime
    deadline_at: datetime
    """The nearest one."""

    @property
    def place(self) -> Place:
        """Its place in the list of causes."""
        return Place(to_instant(self.deadline_at), f"{self.kind}/{self.cause}")


class CauseSize(msgspec.Struct, frozen=True, kw_only=True):
    """What releasing a cause would do: so many orders with so much at stake; `others` are cases of no held order."""

    orders: int = 0
    amounts: dict[str, Decimal] = {}
    others: int = 0


class PatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a person changed of an order, never to what: `fields` are JSON pointers into the payload."""

    decided_at: datetime
    decided_by: str
    reason: str
    fields: tuple[str, ...]


class FactRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline."""

    id: int
    actor: str
    kind: str
    began_at: datetime
    ended_at: datetime
    values: dict[str, Any]


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """The statement about one manifest, as of `checked_at`; None while pages are missing. The window is `began_at` up
    to `ended_at`. `open`: of missing and outdated orders, those that are it still.
    """

    key: str
    sales_channel: str
    began_at: datetime
    ended_at: datetime
    received_at: datetime
    checked_at: datetime | None
    listed: int
    missing: int
    outdated: int
    unlisted: int
    open: int
    digest: str


class ListingCheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """The statement about a list of what a sales channel offers, as of `checked_at`; None while pages are missing, or
    it is compared. Of the `active` ones so many `barcodes` and `prices` could be compared. `mismatches`: by cause.
    """

    sales_channel: str
    list: int
    manifest: str
    listed_at: datetime | None
    received_at: datetime
    checked_at: datetime | None
    comparison: int | None
    listings: int
    active: int
    barcodes: int
    prices: int
    mismatches: dict[str, int]
    digest: str


class MismatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with one listing: what the sales channel says, and what Fulfil says ('' for nothing)."""

    cause: str
    listing: str
    sku: str
    title: str
    listed: str
    expected: str

    @property
    def place(self) -> NamedPlace:
        """Its place in the list of mismatches."""
        return NamedPlace(self.cause, self.listing)


class BackfillRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where the back-fill of a sales channel stands. `shipments`, `invoices` and `payments` are what the import of its
    new orders would make in Fulfil, `closed_dates` its sales with a date in no open period of Fulfil's ledger (None: no
    period is known); `undecided` of them are left out, by reason.
    """

    key: str
    run: str
    sales_channel: str
    began_at: datetime
    ended_at: datetime
    is_dry: bool
    status: str
    sentence: str
    asked_at: datetime
    changed_at: datetime
    read_to: datetime
    known: int
    new: int
    shipments: int
    invoices: int
    payments: int
    closed_dates: int | None
    undecided: dict[str, int]
    taken: int


class PaidOutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a payout that is of an order. Amounts are exact decimals in `currency`, negative where taken."""

    provider: str
    payout: str
    status: str
    line: str
    kind: str
    currency: str
    amount: str
    fee: str
    tax: str
    net: str
    at: str


class ClosingRow(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order is on its way to be settled. `waits`: each completes "it waits"."""

    waits: tuple[str, ...]
    settled_at: datetime | None
    evidence: tuple[str, ...]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one order."""

    order: OrderRow | None
    key: str
    cases: tuple[CaseRow, ...]
    timeline: tuple[FactRow, ...]
    pauses: tuple[PauseRow, ...] = ()
    """What is stopped now, and keeps it from going on."""
    ahead: str = ""
    """The order of the same customer that it waits for; empty: for none, or that one is decided on already."""
    patch: PatchRow | None = None
    """What a person changed of it."""
    decisions: tuple[AuditEntry, ...] = ()
    """What people decided about it, and when its sales channel, or the actor that decides on it, was paused."""
    paid_out: tuple[PaidOutRow, ...] = ()
    """What providers said of its money, at most a hundred lines."""
    closing: ClosingRow | None = None
    """What it waits for until it is settled; None: nobody settles it."""
