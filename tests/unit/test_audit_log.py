"""The audit log: one chain of what people decided, and what a change of it shows."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit_log import AuditLog, AuditState
from flows.events import PersonDecided
from flows.model.audit import AuditEntry, ChainEnd, entry_after, first_broken, person_and_reason
from flows.model.messages import AUDIT_LOG, AUDIT_LOG_KEY, Record
from flows.model.schema import ORDERS
from flows.reading import reading
from runtime.actor import Item
from runtime.clock import Instant, SystemClock
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal, opened

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Recording:
    """The actor over a store of its own."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.events = journal, list[Any]()
        self.actor = AuditLog(journal, self.events.append)
        self.state = self.actor.begin(AUDIT_LOG_KEY)

    async def write(self, *records: Record) -> None:
        """Write these down, one after the other, as steps do."""
        for record in records:
            (resolved,) = await self.actor.resolve([Item(AUDIT_LOG_KEY, self.state, record, None)])
            decision = self.actor.decide(self.state, resolved, NOW)
            before, self.state = self.state, decision.state
            state = (AUDIT_LOG, AUDIT_LOG_KEY, msgspec.json.encode(self.state), None, None, None)
            rows = [(write.statement, write.row) for write in decision.writes]
            await self.journal.write([*rows, ("put_state", state)])
            self.actor.announce(AUDIT_LOG_KEY, before, self.state)

    async def run(self, statement: str) -> None:
        """Change the store behind the back of everybody."""
        await self.journal.writing.run(lambda connection: connection.execute(statement) and connection.commit())


@contextlib.asynccontextmanager
async def recording(path: Path) -> AsyncIterator[Recording]:
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        yield Recording(journal)
        tasks.cancel_scope.cancel()


def record(subject: str, action: str = "order.patch", at: int = 7) -> Record:
    return Record(at=Instant(at), by="mona", action=action, subject=subject, values={"fields": "/note"}, reason="why")


async def audited(path: Path, subject: str = "") -> tuple[list[str], int | None]:
    async with reading(path / "store.db") as read:
        entries, broken = await read.audited({subject} if subject else ())
    return [entry.subject for entry in entries], broken


async def test_decisions_of_every_kind_are_in_one_chain_as_of_when_they_were_taken(tmp_path: Path) -> None:
    """What is read back is what was decided; each entry holds the digest of the one before it; each is counted."""
    async with recording(tmp_path) as at:
        await at.write(record("web/1"), record("web/2", "hold.release"), record("abc", "alias.add", 9))
        async with reading(tmp_path / "store.db") as read:
            entries = await read.audit()
        assert [(each.seq, each.at, each.action, each.subject) for each in entries] == [
            (1, 7, "order.patch", "web/1"), (2, 7, "hold.release", "web/2"), (3, 9, "alias.add", "abc"),
        ]  # fmt: skip
        assert first_broken(entries) is None
        assert await audited(tmp_path) == (["web/1", "web/2", "abc"], None)
        assert await audited(tmp_path, "web/2") == (["web/2"], None)
        assert at.events == [PersonDecided(action=each.action) for each in entries]


async def test_a_chain_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """The actor of aliases kept the end before: the first entry follows the last one that is in the table."""
    async with recording(tmp_path) as at:
        before = entry_after(
            ChainEnd(), at=Instant(1), by="ole", action="alias.add", subject="a", values={}, reason="r"
        )
        await at.journal.write([(before.row.statement, before.row.row)])
        await at.write(record("web/1"))
        assert await audited(tmp_path) == (["a", "web/1"], None)


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE audit SET by = 'eve' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 2),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("DELETE FROM audit", 1),
    ],
)
async def test_what_was_changed_or_cut_off_shows(tmp_path: Path, statement: str, entry: int) -> None:
    """Also the last entries: who writes the chain remembers where it ended, and what follows does not mend it."""
    async with recording(tmp_path) as at:
        await at.write(*(record(f"web/{number}") for number in range(3)))
        await at.run(statement)
        assert (await audited(tmp_path))[1] == entry
        await at.write(record("web/9"))
        assert (await audited(tmp_path))[1] == (entry if "WHERE" in statement and entry < 3 else 4)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"by": "mona", "reason": " no "}, "say why"),
        ({"by": " ", "reason": "was wrong"}, "say who"),
        ({"by": "mona", "reason": "x" * 201}, "longer than 200"),
        ({"by": "m" * 201, "reason": "was wrong"}, "longer than 200"),
    ],
)
def test_a_decision_needs_a_person_and_a_reason(parameters: dict[str, str], complaint: str) -> None:
    """Refused with a sentence that says what is missing."""
    with pytest.raises(SeamlineError, match=complaint):
        person_and_reason(parameters, what="the patch")
    assert person_and_reason({"by": " mona ", "reason": " was wrong "}, what="it") == ("mona", "was wrong")


def test_every_state_survives_the_disk() -> None:
    """With the end of the chain, and before there is one."""
    for state in (AuditState(), AuditState(end=ChainEnd(3, "abc"), action="order.link")):
        assert msgspec.json.decode(msgspec.json.encode(state), type=AuditState) == state


def chain(count: int) -> list[AuditEntry]:
    """A chain of so many entries."""
    end, entries = ChainEnd(), list[AuditEntry]()
    for number in range(count):
        entry = entry_after(
            end,
            at=Instant(number),
            by="mona",
            action="alias.add",
            subject=f"s{number}",
            values={"sku": "A"},
            reason="r",
        )
        entries.append(entry)
        end = entry.end
    return entries


@given(st.integers(1, 6), st.data())
def test_whatever_is_changed_in_the_chain_shows(count: int, data: st.DataObject) -> None:
    """A field, an entry that is taken out before the last one, two that are swapped."""
    entries = chain(count)
    assert first_broken(entries) is None
    at = data.draw(st.integers(0, count - 1))
    field, value = data.draw(
        st.sampled_from(
            [("by", "eve"), ("subject", "x"), ("reason", "q"), ("values", {"sku": "B"}), ("at", 99), ("digest", "0")]
        )
    )
    changed = [*entries[:at], msgspec.structs.replace(entries[at], **{field: value}), *entries[at + 1 :]]
    assert first_broken(changed) is not None
    if at < count - 1:
        assert first_broken([*entries[:at], *entries[at + 1 :]]) is not None
        swapped = [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]
        assert first_broken(swapped) is not None
