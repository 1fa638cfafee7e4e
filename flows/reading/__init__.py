"""What people may ask of the store: orders, their stories, and what is held. Reads only; beside a running process or
without one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from flows.model.audit import AuditEntry, ChainEnd, first_broken
from flows.model.candidates import Candidate, candidates
from flows.model.messages import AUDIT_LOG, AUDIT_LOG_KEY
from flows.model.schema import ORDERS
from flows.reading.making import (
    added,
    audit_entry,
    case_row,
    closing_row,
    fact_row,
    listing_check_row,
    manifest_row,
    order_row,
    patch_row,
    shipment_row,
    undecided_row,
)
from flows.reading.pages import NamedPlace, Place
from flows.reading.rows import (
    AliasRow,
    BackfillRow,
    CarrierRow,
    CaseRow,
    CauseRow,
    CauseSize,
    FactRow,
    ListingCheckRow,
    ManifestRow,
    MismatchRow,
    OrderRow,
    OverdueRow,
    PaidOutRow,
    PauseRow,
    ShipmentRow,
    Story,
)
from runtime.clock import to_datetime, to_instant
from runtime.errors import StoreUnreadable
from runtime.journal.connection import Connection, open_reader
from runtime.journal.damage import refuse_half_restored
from runtime.journal.journal import Restored
from runtime.journal.schema import JOURNAL
from runtime.journal.statements import Statements
from runtime.key import partition_of

_FOREVER = 1 << 62
_MOMENTS = {"began_at", "ended_at", "asked_at", "changed_at", "read_to"}
DECIDES = "order_importer"
"""The actor that decides on orders."""


class _AuditEnd(msgspec.Struct):
    end: ChainEnd | None = None


class Reading:
    """Questions to the store. Construct it with `reading`."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection, self._statements = connection, statements

    async def orders(
        self, *, state: str = "", sales_channel: str = "", before: Place | None = None, limit: int = 50
    ) -> list[OrderRow]:
        """Orders, latest change first, then by key; the next page begins `before` the `place` of the last one."""
        at, key = (_FOREVER, None) if before is None else (before.at, before.name)
        return [order_row(row) for row in await self.query("orders_listed", state, sales_channel, at, limit, key)]

    async def orders_undecided(
        self, *, sales_channel: str = "", before: Place | None = None, limit: int = 50
    ) -> list[OrderRow]:
        """Orders that were received and nobody has decided on yet: their payload is not read, so they have no number
        and no amount. They changed when they were received; sorted and paged like the others.
        """
        at, key = (_FOREVER, None) if before is None else (before.at, before.name)
        rows = await self.query("orders_undecided_listed", DECIDES, sales_channel, at, limit, key)
        return [undecided_row(key, received) for key, received in rows]

    async def find(self, text: str) -> list[str]:
        """The keys that people may mean: `sales channel/order id`, an order id, or the number that is printed; if there
        is none, that number with or without the `#` before it, or the number of the sale in Fulfil; last, the id of a
        transaction that paid for it.

        The number of an order that was received and is not decided on yet has not been read: its order id finds it.
        """
        if await self.query("order_by_key", text):
            return [text]
        found = [*await self.query("orders_by_reference", text), *await self.query("orders_received", text)]
        if not found:
            other = text.removeprefix("#") if text.startswith("#") else f"#{text}"
            found = [
                *await self.query("orders_by_sale_number", text), *await self.query("orders_by_reference", other),
            ]  # fmt: skip
        keys = sorted({key for (key,) in found or await self.query("orders_by_tender", text)})
        if not keys and "/" in text:
            for known in ("timeline", text, 0, _FOREVER), ("cases_of", text):
                if await self.query(*known):
                    return [text]
        return keys

    async def story(self, key: str) -> Story:
        """What is known of one order; empty for a key that was never met."""
        rows = await self.query("order_by_key", key)
        timeline = tuple(fact_row(row) for row in await self.query("timeline", key, 0, _FOREVER))
        return Story(
            order=order_row(rows[0]) if rows else None,
            key=key,
            cases=tuple(case_row(row) for row in await self.query("cases_of", key)),
            timeline=timeline,
            ahead=await self._ahead(timeline),
            pauses=tuple(
                pause
                for pause in await self.pauses()
                if (pause.scope, pause.name) in (("sales channel", partition_of(key)), ("actor", DECIDES))
            ),
            decisions=tuple(audit_entry(row) for row in await self.query("audit_of", key, partition_of(key), DECIDES)),
            patch=next((patch_row(row) for row in await self.query("patch", key)), None),
            paid_out=tuple(
                PaidOutRow(**dict(zip(PaidOutRow.__struct_fields__, row, strict=True)))
                for row in await self.query("payout_lines_of_order", key)
            ),
            closing=next((closing_row(row) for row in await self.query("closing_of_order", key)), None),
        )

    async def patch(self, key: str) -> bytes | None:
        """The patch of an order itself, which may be personal; None when it has none."""
        rows = await self.query("patch", key)
        return rows[0][0] if rows else None

    async def _ahead(self, timeline: Sequence[FactRow]) -> str:
        """The order whose delivery the last of these facts waits for."""
        waits = [fact for fact in timeline if fact.kind == "waits"]
        if not waits or "delivery" not in waits[-1].values:
            return ""
        rows = await self.query("order_on_its_way", DECIDES, waits[-1].values["delivery"])
        return str(rows[0][0]) if rows else ""

    async def in_queue(self) -> int:
        """How many orders wait to be decided on, or for their calls to Fulfil; not those that are paused or parked."""
        return int((await self.query("orders_in_queue", DECIDES, "fulfil", "orders"))[0][0])

    async def undecided(self) -> int:
        """How many orders were received, and have not been decided on yet."""
        return int((await self.query("orders_undecided", DECIDES))[0][0])

    async def cases(
        self, *, owner: str = "", kind: str = "", after: Place | None = None, limit: int = 200
    ) -> list[CaseRow]:
        """Open exceptions, the nearest deadline first, then by fingerprint; the next page begins `after` the `place` of
        the last one.
        """
        at, fingerprint = (0, None) if after is None else (after.at, after.name)
        return [case_row(row) for row in await self.query("cases_open", owner, kind, at, limit, fingerprint)]

    async def causes(
        self, *, owner: str = "", kind: str = "", after: Place | None = None, limit: int = 200
    ) -> list[CauseRow]:
        """Open exceptions by cause, the nearest deadline first; the next page begins `after` the last one's `place`."""
        at, name = (0, None) if after is None else (after.at, after.name)
        return [
            CauseRow(
                kind=kind_, cause=cause, owner=owner_, cases=count, oldest_at=to_datetime(oldest),
                deadline_at=to_datetime(deadline),
                amounts=added(await self.query("cause_amounts", kind_, cause)),
            )
            for kind_, cause, owner_, count, oldest, deadline in await self.query(
                "causes_listed", owner, kind, at, limit, name
            )
        ]  # fmt: skip

    async def cause_size(self, kind: str, cause: str) -> CauseSize:
        """What releasing all orders of one cause would do."""
        ((orders, others),) = await self.query("cause_size", kind, cause)
        rows = [row for row in await self.query("cause_amounts", kind, cause) if row[3]]
        return CauseSize(orders=orders, amounts=added(rows), others=others)

    async def link_of(self, sale: int) -> str:
        """The order that a person has linked a sale to; empty when there is none."""
        rows = await self.query("order_linked", sale)
        return str(rows[0][0]) if rows else ""

    async def cases_counted(self) -> list[tuple[str, str, str | None, int, datetime]]:
        """Open exceptions: (kind, owner, currency, count, opened first)."""
        rows = await self.query("cases_counted")
        return [(kind, owner, currency, count, to_datetime(first)) for kind, owner, currency, count, first in rows]

    async def orders_by_state(self) -> list[tuple[str, str, int]]:
        """How many orders there are: (sales channel, state, count)."""
        return [tuple(row) for row in await self.query("orders_by_state")]

    async def candidates(self, text: str) -> tuple[Candidate, ...]:
        """The products that may be meant by a SKU, the nearest first; those of exactly this SKU among them."""
        return await candidates(text, self.query, self.query_list)

    async def aliases(self) -> list[AliasRow]:
        """Every alias, in order of its text."""
        rows = await self.query("aliases")
        return [
            AliasRow(alias=alias, sku=sku, decided_at=to_datetime(at), decided_by=by, reason=reason)
            for alias, sku, at, by, reason in rows
        ]

    async def audit(self, *, after: int = 0, limit: int = 10_000) -> list[AuditEntry]:
        """What people decided, in order."""
        return [audit_entry(row) for row in await self.query("audit", after, limit)]

    async def audited(self, subjects: Collection[str] = ()) -> tuple[list[AuditEntry], int | None]:
        """What people decided (on these subjects; none: on all), and the number of the first entry that does not follow
        from those before it, be it that it is missing; None when the chain is whole.
        """
        known = await self._chain_end()  # first: entries that are written meanwhile follow it
        shown: list[AuditEntry] = []
        end, broken = ChainEnd(), None
        while entries := await self.audit(after=end.seq):
            shown += [entry for entry in entries if not subjects or entry.subject in subjects]
            broken = first_broken(entries, end) if broken is None else broken
            end = entries[-1].end
        if broken is None and end.seq < known.seq:
            broken = end.seq + 1
        return shown, broken

    async def _chain_end(self) -> ChainEnd:
        """The end of the chain, as the actor that writes it remembers it."""
        rows = await self.query_list("states", [AUDIT_LOG_KEY], AUDIT_LOG)
        return (msgspec.json.decode(rows[0][1], type=_AuditEnd).end if rows else None) or ChainEnd()

    async def pauses(self) -> list[PauseRow]:
        """What is stopped, sales channels first."""
        return [
            PauseRow(
                scope="actor" if scope == "actor" else "sales channel", name=name, since=to_datetime(at), by=by,
                waiting=waiting,
            )
            for scope, name, at, by, waiting in await self.query("pauses_counted", DECIDES)
        ]  # fmt: skip

    async def manifests(self, *, sales_channel: str = "", limit: int = 50) -> list[ManifestRow]:
        """Statements about manifests, the latest first."""
        return [manifest_row(row) for row in await self.query("manifests_listed", sales_channel, limit)]

    async def manifest(self, key: str) -> ManifestRow | None:
        """The statement about one manifest; None when there is none."""
        rows = await self.query("manifest_by_key", key)
        return manifest_row(rows[0]) if rows else None

    async def listing_checks(self, *, sales_channel: str = "", limit: int = 50) -> list[ListingCheckRow]:
        """Statements about lists of what sales channels offer, the latest first."""
        return [listing_check_row(row) for row in await self.query("listing_checks", sales_channel, limit)]

    async def mismatches(
        self, sales_channel: str, *, cause: str = "", after: NamedPlace | None = None, limit: int = 200
    ) -> list[MismatchRow]:
        """What the last complete comparison of a sales channel's listings found, by cause and listing; the next page
        begins `after` the `place` of the last one.
        """
        place = ("", "") if after is None else (after.group, after.name)
        rows = await self.query("listing_mismatches", sales_channel, cause, *place, limit)
        return [MismatchRow(**dict(zip(MismatchRow.__struct_fields__, row, strict=True))) for row in rows]

    async def shipments(
        self,
        *,
        state: str = "",
        sales_channel: str = "",
        order: str = "",
        untold: bool = False,
        place: Place | None = None,
        limit: int = 50,
    ) -> list[ShipmentRow]:
        """Shipments of which sales channels are told, the latest first; `untold`: those that are not, the oldest first.
        `order`: only those of the order with this key.

        The next page begins behind the `place` (`untold_place`) of the last one.
        """
        at, notice = ((0 if untold else _FOREVER), None) if place is None else (place.at, place.name)
        statement = "fulfilments_untold_listed" if untold else "fulfilments_of_order" if order else "fulfilments_listed"
        of = [] if statement == "fulfilments_listed" else [order]
        rows = await self.query(statement, state, sales_channel, at, limit, notice, *of)
        return [shipment_row(row) for row in rows]

    async def overdue(
        self, *, sales_channel: str = "", place: Place | None = None, limit: int = 50
    ) -> list[OverdueRow]:
        """Orders that have not left by the time that was promised, the longest overdue first; the next page begins
        behind the `place` of the last one.
        """
        at, key = (0, None) if place is None else (place.at, place.name)
        rows = await self.query("overdue_listed", sales_channel, at, limit, key)
        return [
            OverdueRow(**{**dict(zip(OverdueRow.__struct_fields__, row, strict=True)), "due_at": to_datetime(row[3])})
            for row in rows
        ]

    async def carriers(self, since: datetime) -> list[CarrierRow]:
        """Carriers and services of the shipments since an instant, by sales channel, the most used first."""
        rows = await self.query("carriers_used", to_instant(since))
        return [CarrierRow(**dict(zip(CarrierRow.__struct_fields__, row, strict=True))) for row in rows]

    async def backfill(self, sales_channel: str) -> BackfillRow | None:
        """The back-fill of a sales channel that is under way, or was last; None when there was none."""
        for row in await self.query("backfill_by_key", f"backfill/{sales_channel}"):
            fields = dict(zip(BackfillRow.__struct_fields__, row, strict=True))
            moments = {name: to_datetime(value) for name, value in fields.items() if name in _MOMENTS}
            undecided = msgspec.json.decode(fields["undecided"], type=dict[str, int])
            return BackfillRow(**{**fields, **moments, "is_dry": bool(fields["is_dry"]), "undecided": undecided})
        return None

    async def restored(self) -> Restored | None:
        """That the store goes on from a backup; None when it does not, or somebody has said that its books agree."""
        ((at, last_received_at),) = await self.query("restored")
        return None if at is None else Restored(at, last_received_at)

    async def query(self, name: str, *row: Any) -> Sequence[Any]:
        """The rows of a statement, for this row of values."""
        return await self._connection.run(lambda connection: self._statements[name].read(connection, row))

    async def query_list(self, name: str, items: Sequence[Any], *before: Any) -> Sequence[Any]:
        """The rows of a statement about a list of things, with the values that it wants before them."""
        return await self._connection.run(
            lambda connection: self._statements[name].read_list(connection, items, *before)
        )


@contextlib.asynccontextmanager
async def reading(store: Path, *, one_state: bool = False) -> AsyncIterator[Reading]:
    """The store at this path, for questions. Raises StoreUnreadable when there is none, or it is not ours.

    `one_state`: all answers are of one instant, also beside a running process.
    """
    statements = Statements(JOURNAL.queries, ORDERS.queries)
    if not store.exists():  # noqa: ASYNC240 - one look, before there is anything to delay
        refuse_half_restored(store)
        relative = "" if store.is_absolute() else " (store.path is relative to the working directory)"
        raise StoreUnreadable(
            f"there is no store at {store.absolute()}{relative}; "  # noqa: ASYNC240 - no look at the disk
            "start `seamline run` first, or name the right --config"
        )
    async with open_reader(store, one_state=one_state) as connection:
        yield Reading(connection, statements)
