"""What is read of sales to prove them, and in which order; what was read is kept in the state. Pure.

    sweeps   sales, payments and invoices that changed since the last sweep, page by page: which sales are concerned
    batches  of sales that are to be read: the sales > their lines > their payments > their invoices, each with one call
             for hundreds. Lines are not swept: who changes a line in Fulfil changes its sale

A crash goes on with the call that is next: what sweeps found is on disk in `sale_due`, page by page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Page, Watermark, advance, begin_or_go_on
from connectors.fulfil.models import Find, Model
from connectors.fulfil.payments import INVOICES, SALE_PAYMENTS, Invoice, SalePayment
from connectors.fulfil.read_back import READ_BACK_LINES, READ_BACK_SALES, ReadBackLine, ReadBackSale
from flows.reconciler.comparing import Found
from flows.reconciler.comparing_units import units_on

What = Literal["sales", "lines", "payments", "invoices"]
PARTS: Final[Mapping[What, Model[Any]]] = {
    "sales": READ_BACK_SALES, "lines": READ_BACK_LINES, "payments": SALE_PAYMENTS, "invoices": INVOICES,
}  # fmt: skip
_BY: Final[Mapping[What, str]] = {"sales": "id", "lines": "sale", "payments": "sale", "invoices": "sales"}
SWEPT: Final[frozenset[What]] = frozenset(("sales", "payments", "invoices"))
"""What tells which sales have changed."""


class Sweeping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which changes are being read, and up to where each part has been. `part` None: no sweep is under way."""

    part: What | None = None
    marks: dict[str, Watermark] = {}


def begun(sweeping: Sweeping, part: What, now: datetime, overlap: timedelta) -> tuple[Sweeping, Ask[Any]]:
    """The first, or next, page of a part. What was changed before the first sweep ever is not swept."""
    mark = sweeping.marks.get(part) or Watermark(since=now - overlap)
    mark, changes = begin_or_go_on(mark, now)
    swept = replace(sweeping, part=part, marks={**sweeping.marks, part: mark})
    return swept, PARTS[part].changed(changes)


def passed(sweeping: Sweeping, page: Page[Any], overlap: timedelta) -> Sweeping:
    """The watermark after a page."""
    if sweeping.part is None:
        return sweeping
    mark = advance(sweeping.marks[sweeping.part], page, overlap=overlap)
    return replace(sweeping, marks={**sweeping.marks, sweeping.part: mark})


def part_after(part: What, wanted: Collection[What]) -> What | None:
    """What is swept, or read, next; None when that was the last."""
    rest = list(PARTS)[list(PARTS).index(part) + 1 :]
    return next((each for each in rest if each in wanted), None)


def sales_of(part: What, rows: Sequence[Any]) -> tuple[int, ...]:
    """Which sales the rows are about."""
    found: dict[int, None] = {}
    for row in rows:
        match part:
            case "sales":
                found[row.id] = None
            case "payments" if row.sale is not None:
                found[row.sale] = None
            case "invoices":
                found.update(dict.fromkeys(row.sales or ()))
    return tuple(found)


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sales that are read back together, and what was read of them so far. `part` None: all of it."""

    began: datetime
    sales: tuple[int, ...]
    part: What | None = "sales"
    after_id: int = 0
    rows: tuple[ReadBackSale, ...] = ()
    lines: tuple[ReadBackLine, ...] = ()
    payments: tuple[SalePayment, ...] = ()
    invoices: tuple[Invoice, ...] = ()


def asked(batch: Batch) -> Ask[Any] | None:
    """The call that is next; None when there is none."""
    if batch.part is None:
        return None
    return PARTS[batch.part].find(Find(by=_BY[batch.part], values=batch.sales, after_id=batch.after_id))


def learned(batch: Batch, page: Page[Any], wanted: Collection[What]) -> Batch:
    """With a page of what was asked."""
    part = batch.part
    match part:
        case "sales":
            batch = replace(batch, rows=(*batch.rows, *page.rows))
        case "lines":
            batch = replace(batch, lines=(*batch.lines, *page.rows))
        case "payments":
            batch = replace(batch, payments=(*batch.payments, *page.rows))
        case "invoices":
            batch = replace(batch, invoices=(*batch.invoices, *page.rows))
        case _:
            return batch
    if not page.complete:
        return replace(batch, after_id=page.last_id)
    return replace(batch, part=part_after(part, wanted), after_id=0)


def found_of(
    batch: Batch, wanted: Collection[What], products: Mapping[int, Mapping[str, int]] | None = None
) -> dict[int, Found]:
    """What was read, by sale; one that is not there is among them. `products`: what is remembered of each sale's."""
    rows, known = {row.id: row for row in batch.rows}, products or {}
    lines: dict[int, list[ReadBackLine]] = {}
    for line in batch.lines:
        lines.setdefault(line.sale or 0, []).append(line)
    payments: dict[int, list[SalePayment]] = {}
    invoices: dict[int, list[Invoice]] = {}
    for payment in batch.payments:
        payments.setdefault(payment.sale or 0, []).append(payment)
    for invoice in batch.invoices:
        for sale in invoice.sales or ():
            invoices.setdefault(sale, []).append(invoice)
    return {
        sale: Found(
            sale=rows.get(sale),
            units=units_on(lines.get(sale, ()), known.get(sale, {})) if "lines" in wanted else None,
            payments=tuple(payments.get(sale, ())) if "payments" in wanted else None,
            invoices=tuple(invoices.get(sale, ())) if "invoices" in wanted else None,
        )
        for sale in batch.sales
    }
