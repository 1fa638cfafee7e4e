"""The audit log: one chain of what people decided, whoever they told it to.

In: `Record`, emitted in the very transaction in which a decision takes effect. Out: its entry. One key, so the chain
has one end, and entries are in the order in which they were emitted. No effects. A crash leaves the record queued, and
the next process writes the entry: a decision without its entry is never older than what waits for this actor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.events import PersonDecided
from flows.model.audit import ChainEnd, entry_after
from flows.model.messages import AUDIT_LOG, Record
from runtime.actor import Item
from runtime.decision import Decision, Message, Write
from runtime.journal.journal import Journal


class AuditState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the chain ends. None: whoever kept it before this actor did has left its end in the table alone."""

    end: ChainEnd | None = None
    action: str = ""
    """Of the last entry."""


class _Recorded(Message, frozen=True, kw_only=True):
    record: Record
    end: ChainEnd


class AuditLog:
    """The actor. See the module."""

    name = AUDIT_LOG
    message_type = Record
    state_type = AuditState

    def __init__(self, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._journal, self._emit = journal, emit

    def begin(self, key: str) -> AuditState:  # noqa: ARG002 - there is one key
        """Nothing is known of the chain."""
        return AuditState()

    async def ready(self) -> None:
        """There is nothing to wait for."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The end of the chain, for the first entry that this actor writes. From then on the state alone counts, so
        that an entry cut off the end of the table shows at the next one.
        """
        return [_Recorded(record=item.message, end=item.state.end or await self._end()) for item in items]  # type: ignore[arg-type]

    async def _end(self) -> ChainEnd:
        rows = await self._journal.query("audit_end")
        return ChainEnd(*rows[0]) if rows else ChainEnd()

    def decide(self, state: AuditState, message: Any, now: datetime) -> Decision:  # noqa: ARG002 - see below
        """Write it down, as of the instant at which it was decided."""
        told: Record = message.record
        entry = entry_after(
            message.end, at=told.at, by=told.by, action=told.action, subject=told.subject, values=told.values,
            reason=told.reason,
        )  # fmt: skip
        return Decision(state=AuditState(end=entry.end, action=told.action), writes=(entry.row,))

    def project(self, key: str, before: AuditState, after: AuditState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """The entry is all there is."""
        return ()

    def announce(self, key: str, before: AuditState, after: AuditState) -> None:  # noqa: ARG002 - there is one key
        """Count it."""
        self._emit(PersonDecided(action=after.action))
