"""What a statement answers, made into what people see: a function for each kind of row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from flows.model.audit import AuditEntry
from flows.model.money import EXACT, ZERO
from flows.model.patch import fields_of
from flows.reading.rows import (
    CaseRow,
    ClosingRow,
    FactRow,
    ListingCheckRow,
    ManifestRow,
    OrderRow,
    PatchRow,
    ShipmentRow,
)
from runtime.clock import Instant, to_datetime
from runtime.key import parts_of


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(Instant(instant))


def shipment_row(row: Sequence[Any]) -> ShipmentRow:
    """A row of the statements about shipments."""
    fields = dict(zip(ShipmentRow.__struct_fields__, row, strict=True))
    moments = {name: _moment(fields[name]) for name in ("seen_at", "shipped_at", "sent_at", "told_at", "changed_at")}
    tracking = msgspec.json.decode(fields["tracking"], type=tuple[str, ...])
    return ShipmentRow(**{**fields, **moments, "mapped": bool(fields["mapped"]), "tracking": tracking})


def audit_entry(row: Sequence[Any]) -> AuditEntry:
    """What a person decided."""
    seq, at, by, action, subject, values, reason, previous, digest = row
    return AuditEntry(
        seq=seq, at=at, by=by, action=action, subject=subject, values=msgspec.json.decode(values), reason=reason,
        previous=previous, digest=digest,
    )  # fmt: skip


def undecided_row(key: str, received: Instant) -> OrderRow:
    """An order that was received, and that nobody has read yet."""
    sales_channel, order_id = parts_of(key)
    return OrderRow(
        key=key, sales_channel=sales_channel, order_id=order_id, reference=order_id, state="new", proof="unproven",
        amount=None, currency=None, placed_at=None, sale=None, sale_number=None, changed_at=to_datetime(received),
    )  # fmt: skip


def order_row(row: Sequence[Any]) -> OrderRow:
    """An order as it is listed."""
    key, sales_channel, order_id, reference, state, proof, amount, currency, *others = row
    placed, sale, number, changed, ships, settled = others
    return OrderRow(
        key=key, sales_channel=sales_channel, order_id=order_id, reference=reference, state=state, proof=proof,
        amount=amount if currency else None, currency=currency or None, placed_at=_moment(placed), sale=sale,
        sale_number=number, changed_at=to_datetime(changed), shipping=ships or "", settled_at=_moment(settled),
    )  # fmt: skip


def case_row(row: Sequence[Any]) -> CaseRow:
    """An exception."""
    fingerprint, kind, subject, cause, sentence, owner, amount, currency, opened, deadline, closed, how = row
    return CaseRow(
        fingerprint=fingerprint, kind=kind, subject=subject, cause=cause, sentence=sentence, owner=owner,
        amount=amount, currency=currency, opened_at=to_datetime(opened), deadline_at=to_datetime(deadline),
        closed_at=_moment(closed), closed_how=how,
    )  # fmt: skip


def patch_row(row: Sequence[Any]) -> PatchRow:
    """What a person changed of an order, without what it says."""
    patch, at, by, reason = row
    return PatchRow(decided_at=to_datetime(at), decided_by=by, reason=reason, fields=fields_of(patch))


def added(rows: Sequence[Sequence[Any]]) -> dict[str, Decimal]:
    """Amounts in rows of `cause_amounts`, added up exactly by currency."""
    sums: dict[str, Decimal] = {}
    for currency, amount, count, *_ in rows:
        if currency is not None and amount is not None:
            sums[currency] = EXACT.add(sums.get(currency, ZERO), EXACT.multiply(Decimal(amount), Decimal(count)))
    return dict(sorted(sums.items()))


def manifest_row(row: Sequence[Any]) -> ManifestRow:
    """The statement about a manifest."""
    key, sales_channel, began, ended, received, checked, listed, missing, outdated, unlisted, opened, digest = row
    return ManifestRow(
        key=key, sales_channel=sales_channel, began_at=to_datetime(began), ended_at=to_datetime(ended),
        received_at=to_datetime(received), checked_at=_moment(checked), listed=listed, missing=missing,
        outdated=outdated, unlisted=unlisted, open=opened, digest=digest,
    )  # fmt: skip


def listing_check_row(row: Sequence[Any]) -> ListingCheckRow:
    """The statement about a list of what a sales channel offers."""
    fields = dict(zip(ListingCheckRow.__struct_fields__, row, strict=True))
    moments = {name: _moment(fields[name]) for name in ("listed_at", "received_at", "checked_at")}
    mismatches = msgspec.json.decode(fields["mismatches"], type=dict[str, int])
    return ListingCheckRow(**{**fields, **moments, "mismatches": mismatches})


def fact_row(row: Sequence[Any]) -> FactRow:
    """A line of a timeline."""
    id_, _, actor, kind, began, ended, values = row
    return FactRow(
        id=id_, actor=actor, kind=kind, began_at=to_datetime(began), ended_at=to_datetime(ended),
        values=msgspec.json.decode(values),
    )  # fmt: skip


def closing_row(row: Sequence[Any]) -> ClosingRow:
    """How far an order is on its way to be settled."""
    waits, settled_at, evidence = row
    return ClosingRow(
        waits=msgspec.json.decode(waits, type=tuple[str, ...]),
        settled_at=_moment(settled_at),
        evidence=msgspec.json.decode(evidence, type=tuple[str, ...]),
    )
