"""Figures whose fields in Fulfil are not publicly known: where each goes, as configured for its gateway. Pure.

A figure goes into a field of this tenant's own, with the transaction; into a metafield of the sale, which has those of
all its payments; or nowhere but into ledger moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from flows.model.payments import FieldTarget, GatewaySettings
from flows.model.tenders import day_of
from flows.payment_mapper.keeping import Kept, OrderPayments, RecordRules
from runtime.delivery import digest

NUMBERS: Final = ("fee", "rate")
"""Figures that a field takes as numbers; the others are text."""
_IN_FULFIL: Final = ("due", "recorded")


def figures(record: Kept, placed_at: str, time_zone: str) -> dict[str, str]:
    """What is known of a payment beyond what Fulfil's own fields take, by the names of `GatewaySettings`.

    `time_zone` is that of finance's company.
    """
    tender = record.tender
    found = {} if tender.fee is None else {"fee": f"{tender.fee.amount:f}"}
    if tender.rate is not None:
        found |= {"paid": str(tender.paid), "rate": f"{tender.rate.normalize():f}"}
        found["rate_date"] = day_of(datetime.fromisoformat(placed_at), time_zone).isoformat() if placed_at else ""
    return {name: value for name, value in found.items() if value}


def own_fields(record: Kept, settings: GatewaySettings, placed_at: str, time_zone: str) -> dict[str, str]:
    """Fields of the transaction, as `name` or `name:number`, and their values."""
    named = _targets(record, settings, placed_at, time_zone)
    return {
        f"{target.field}:number" if name in NUMBERS else target.field: value
        for name, target, value in named
        if target.field
    }


def metafields(state: OrderPayments, rules: RecordRules) -> str:
    """The metafields of the sale, by id, as JSON; empty when there are none. Several payments are told one by one."""
    found: dict[int, list[str]] = {}
    for record in state.records.values():
        settings = rules.targets.get(record.method)
        if record.status not in _IN_FULFIL or settings is None:
            continue
        for name, target, value in _targets(record, settings, state.placed_at, rules.time_zone):
            if target.metafield is not None:
                shown = str(record.tender.fee) if name == "fee" else value
                found.setdefault(target.metafield, []).append(f"{record.reference}: {shown}")
    if not found:
        return ""
    told = {str(id_): "; ".join(values) for id_, values in sorted(found.items())}
    return msgspec.json.encode(told, order="deterministic").decode()


def digest_of(fields: str) -> str:
    """By what these metafields are known while they are on their way."""
    return digest(fields.encode()).hex()


def _targets(
    record: Kept, settings: GatewaySettings, placed_at: str, time_zone: str
) -> Iterator[tuple[str, FieldTarget, str]]:
    for name, value in figures(record, placed_at, time_zone).items():
        target: FieldTarget = getattr(settings, name)
        yield name, target, value
