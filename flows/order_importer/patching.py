"""A person's patch of an order: which orders have one, how it gets into what is read, and what follows from it.

The patch is a row; the payload stays as it was received. Row, record and what follows for the order are one step, so a
crash leaves the question unanswered, or all of it done. An order may be read without a patch that is on its way to the
disk: it is decided on again in the very step that brings it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.model.audit import recorded
from flows.model.order_state import OrderState, Status
from flows.model.patch import fields_of
from flows.order_importer.messages import OrderPatched, OrderPresented, OrderUnreadable, PatchOrder, RemovePatch
from flows.order_importer.parts import decision_of, kept, unreadable_cases
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Fact, Message, Write
from runtime.journal.journal import Journal

_FACT_CHARACTERS_MAX = 300


class Patches:
    """The patches of orders. Which orders have one is in memory, so all others pay a look at a set, or none."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.keys: set[str] = set()
        """Every order that has a patch, and perhaps some that had one: the disk says what is true."""

    async def load(self) -> None:
        """Learn which orders have a patch, at start."""
        self.keys.update(key for (key,) in await self._journal.query("keys_patched"))

    async def stored(self, key: str) -> bytes | None:
        """The patch of an order as it is on disk; None when it has none."""
        if key not in self.keys:
            return None
        rows = await self._journal.query("patch", key)
        return rows[0][0] if rows else None

    async def of(self, items: Sequence[Item]) -> Mapping[str, bytes]:
        """The patch of each of these orders that has one: what a person asks for comes before what is on disk."""
        self.keys.update(item.key for item in items if isinstance(item.message, PatchOrder))
        keys = [item.key for item in items if item.key in self.keys]
        stored = dict(await self._journal.query_list("patches", keys)) if keys else {}
        for item in items:
            match item.message:
                case PatchOrder(patch=patch):
                    stored[item.key] = patch.encode()
                case RemovePatch():
                    stored.pop(item.key, None)
        return stored


def asked(item: Item, told: Message | Exception) -> Message | Exception:
    """A person's question together with the order as it is read then. A patch that leaves nothing to be read is not
    put in; without a patch an order may well be one that cannot be read.
    """
    question = item.message
    if not isinstance(question, PatchOrder | RemovePatch):
        return told
    shown = told if isinstance(told, OrderPresented | OrderUnreadable) else None
    if item.state.status is not Status.HELD and unreadable_cases(item.state):
        shown = None  # what is here is older than the version that cannot be read, and must not pass for it
    refused = shown.reason if isinstance(question, PatchOrder) and isinstance(shown, OrderUnreadable) else ""
    return OrderPatched(key=item.key, asked=question, told=shown, refused=refused)


def patched_by_person(
    state: OrderState, message: OrderPatched, now: datetime, decide: Callable[[OrderState, Any, datetime], Decision]
) -> Decision:
    """Put the patch in, or take it out, and decide on the order as it is read then, all in one. Pure."""
    if message.refused:
        why = message.refused.rstrip(".")
        decision = decision_of(state, Fact(kind="patch_refused", values={"why": why}))
        return msgspec.structs.replace(decision, emits=(_not_put_in(message, why, now),))
    write, record, fact = _on_record(message.key, message.asked, now)
    follows = Decision(state=state, keeps=kept(state)) if message.told is None else decide(state, message.told, now)
    return msgspec.structs.replace(
        follows,
        facts=(fact, *follows.facts),
        writes=(*follows.writes, write),
        emits=(*follows.emits, record),
    )


def _not_put_in(message: OrderPatched, why: str, now: datetime) -> Emit:
    """What a person wanted and did not get is on record, too."""
    by, reason = message.asked.by, message.asked.reason
    return recorded(
        to_instant(now), by=by, action="order.patch_refused", subject=message.key, values={"why": why}, reason=reason
    )


def _on_record(key: str, question: PatchOrder | RemovePatch, now: datetime) -> tuple[Write, Emit, Fact]:
    """The row, the record and the fact. Who and why are in the first two alone: facts become spans."""
    at, by, reason = to_instant(now), question.by, question.reason
    if isinstance(question, RemovePatch):
        record = recorded(at, by=by, action="order.patch_remove", subject=key, values={}, reason=reason)
        return Write("end_order_patch", (key,)), record, Fact(kind="patch_removed")
    patch = question.patch.encode()
    fields = ", ".join(fields_of(patch))
    values = {"fields": fields, "sha256": hashlib.sha256(patch).hexdigest()}
    record = recorded(at, by=by, action="order.patch", subject=key, values=values, reason=reason)
    row = Write("put_order_patch", (key, patch, at, by, reason))
    return row, record, Fact(kind="patched", values={"fields": fields[:_FACT_CHARACTERS_MAX]})
