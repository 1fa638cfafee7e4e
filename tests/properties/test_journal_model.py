"""The journal against a model of dictionaries, with crashes: whatever happens, both hold the same."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runtime.clock import Instant, SystemClock
from runtime.delivery import Delivery
from runtime.journal.journal import Journal, opened
from runtime.journal.writer import Unit
from runtime.testing import crash

KEYS = st.sampled_from(["shop/1", "shop/2", "other/1"])
DELIVERIES = st.lists(st.tuples(KEYS, st.sampled_from("12"), st.sampled_from([b"{}", b'{"a":1}'])), max_size=5)
DEATHS = st.sampled_from([None, "journal.before_commit", "journal.after_commit"])


class Died(Exception):
    """The process was killed at a crash point."""


class JournalAgainstModel(RuleBasedStateMachine):
    """Every rule does one commit's worth of work; some of them die before or after the commit."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[tuple[str, str, bytes], int] = {}
        self.queue: dict[int, tuple[str, bytes]] = {}
        self.states: dict[str, tuple[bytes, int | None]] = {}
        self.intents: dict[int, bytes] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.stack = contextlib.ExitStack()

    @initialize()
    def begin(self) -> None:
        self.path = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "store.db"
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.open()

    def open(self) -> None:
        self.opened = contextlib.AsyncExitStack()
        self.journal: Journal = self.runner.run(
            self.opened.enter_async_context(opened(self.path, SystemClock(), lambda _event: None, threads=False))
        )

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.runner.run(self.opened.aclose())
        self.stack.close()

    def commit(self, death: str | None) -> bool:
        """One commit; returns whether it became durable. A death throws the process's memory away."""

        def die(point: str, _: str) -> None:
            if point == death:
                raise Died(point)

        crash.install(die)
        try:
            self.runner.run(self.journal.writer._commit())
        except Died:
            pass
        finally:
            crash.install(None)
        if death is not None:
            self.runner.run(self.opened.aclose())
            self.open()
        return death != "journal.before_commit"

    @rule(items=DELIVERIES, death=DEATHS)
    def accept(self, items: list[tuple[str, str, bytes]], death: str | None) -> None:
        deliveries = [
            Delivery(
                key=key, version=version, digest=hashlib.sha256(body).digest()[:16], body=body, received_at=Instant(1)
            )
            for key, version, body in items
        ]
        arrivals = [self.journal._arrival(delivery, "inbox", 0) for delivery in deliveries]
        unit = self.journal.writer.submit(Unit(arrivals=arrivals))
        if not self.commit(death):
            assert unit.error is not None, "nothing may be acknowledged that is not on disk"
            return
        for arrival, delivery in zip(arrivals, deliveries, strict=True):
            identity = (delivery.key, delivery.version, delivery.digest)
            if identity not in self.known:
                assert arrival.known_as is None
                self.known[identity] = arrival.id
                self.queue[arrival.id] = (delivery.key, delivery.body)
            else:
                assert arrival.known_as == self.known[identity]

    @precondition(lambda self: self.queue)
    @rule(death=DEATHS, writes=st.booleans(), timer=st.one_of(st.none(), st.integers(1, 9)))
    def step(self, death: str | None, *, writes: bool, timer: int | None) -> None:
        """The one step: consumed mark, state, intent and timer become durable together, or not at all."""
        message, (key, body) = next(iter(self.queue.items()))
        intent = self.journal.new_id()
        rows: list[tuple[str, tuple[Any, ...]]] = [
            ("consume_message", (message,)),
            ("put_state", ("inbox", key, body, intent if writes else None, message, None)),
        ]
        if writes:
            row = (intent, "inbox", key, "erp", "orders", "create", "keyed", body, b"d", self.journal.epoch, 0, 0)
            rows.append(("put_intent", row))
        if timer is not None:
            rows.append(("put_timer", ("inbox", key, "again", timer, body)))
        self.journal.submit(rows)
        if self.commit(death):
            del self.queue[message]
            self.states[key] = (body, intent if writes else None)
            if writes:
                self.intents[intent] = body
            if timer is not None:
                self.timers[key, "again"] = timer

    @precondition(lambda self: self.intents)
    @rule(death=DEATHS)
    def settle(self, death: str | None) -> None:
        """An outcome: the intent ends together with the next state."""
        intent = next(iter(self.intents))
        key = next((key for key, (_, blocked) in self.states.items() if blocked == intent), None)
        rows: list[tuple[str, tuple[Any, ...]]] = [("settle_intent", (intent,))]
        if key is not None:
            rows.append(("put_state", ("inbox", key, b"settled", None, None, None)))
        self.journal.submit(rows)
        if self.commit(death):
            del self.intents[intent]
            if key is not None:
                self.states[key] = (b"settled", None)

    @precondition(lambda self: self.timers)
    @rule(death=DEATHS)
    def fire(self, death: str | None) -> None:
        """A due timer becomes a message exactly once."""
        (key, name), due = next(iter(self.timers.items()))
        message = self.journal.new_id()
        body = self.query("SELECT body FROM timer WHERE key = ?", key)[0][0]
        self.journal.submit(
            [("fire_timer", (message, 0, "inbox", key, name, due)), ("end_timer", ("inbox", key, name, due))]
        )
        if self.commit(death):
            del self.timers[key, name]
            self.queue[message] = (key, body)

    @rule()
    def kill(self) -> None:
        """A death between commits."""
        self.runner.run(self.opened.aclose())
        self.open()

    def query(self, sql: str, *row: Any) -> list[Any]:
        return self.runner.run(self.journal.reading.run(lambda connection: connection.execute(sql, row).fetchall()))

    @invariant()
    def both_hold_the_same(self) -> None:
        """Every table, compared whole."""
        if not hasattr(self, "opened"):
            return
        stored = self.query("SELECT key, version, digest, id FROM delivery")
        assert {(key, version, digest): id_ for key, version, digest, id_ in stored} == self.known
        assert dict(self.query("SELECT delivery, bytes FROM body")).keys() == set(self.known.values())
        assert [row[0] for row in self.query("SELECT id FROM message ORDER BY id")] == sorted(self.queue)
        states = self.query("SELECT key, body, blocked_by FROM state")
        assert {key: (body, blocked) for key, body, blocked in states} == self.states
        assert dict(self.query("SELECT id, body FROM intent")) == self.intents
        assert {(key, name): due for key, name, due in self.query("SELECT key, name, due_at FROM timer")} == self.timers
        assert self.query("PRAGMA integrity_check") == [("ok",)]


TestJournalAgainstModel = pytest.mark.timeout(120)(JournalAgainstModel.TestCase)
TestJournalAgainstModel.settings = settings(stateful_step_count=30, deadline=None)
