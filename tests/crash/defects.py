"""Planted defects: what a tired programmer might have written, each of which some test here must catch.

They are patches of production objects, made in the product's process before it is composed, and exist nowhere else. A
run of zeros proves something only as long as every one of these is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.fulfil.wire import CreatedSale
from connectors.patchworks import items
from flows.model import proof
from flows.model.order import Line, TaxLine
from runtime import engine, lane
from runtime.actor import ActorLoop
from runtime.channel import Envelope
from runtime.clock import Clock
from runtime.decision import Repeat
from runtime.delivery import Delivery, Receipt
from runtime.journal import journal
from runtime.journal.journal import Journal
from runtime.journal.lock import Holder
from runtime.journal.writer import Unit, Writer
from runtime.lane import Intent, Lane
from runtime.retry import next_try
from runtime.testing.crash import reach

PLANTED: dict[str, Callable[[], None]] = {}


def _defect(plant: Callable[[], None]) -> Callable[[], None]:
    PLANTED[plant.__name__] = plant
    return plant


def _patch(owner: Any, name: str, replacement: Any) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more; the planted defect has to follow"
    setattr(owner, name, replacement)


@_defect
def acknowledge_before_commit() -> None:
    """The sender is told that its order is stored when it is only about to be: commits are for eight orders at once."""
    waiting: list[Unit] = []

    async def accept(
        self: Journal, deliveries: Sequence[Delivery], channel: str, priority: int, on_new: journal.OnNew
    ) -> list[Receipt]:
        arrivals = [self._arrival(delivery, channel, priority) for delivery in deliveries]

        def hand_over() -> None:
            for arrival, delivery in zip(arrivals, deliveries, strict=True):
                if arrival.known_as is None:
                    on_new(arrival.id, delivery, arrival.message, arrival.state)

        waiting.append(Unit(arrivals=arrivals, on_durable=hand_over))
        if len(waiting) >= 8:
            for unit in waiting:
                self.writer.submit(unit)
            waiting.clear()
        return [Receipt(arrival.id, new=True) for arrival in arrivals]

    _patch(Journal, "accept", accept)


@_defect
def repeat_without_look() -> None:
    """A call whose answer was lost is simply made again."""

    def always_again(*arguments: Any, **_: Any) -> Any:
        return next_try(*arguments, repeats_freely=True)

    _patch(lane, "next_try", always_again)


@_defect
def key_without_sales_channel() -> None:
    """The business key forgets the sales channel, so that two shops with the same order id share it."""
    original = items._delivery

    def delivery(_: str, *arguments: Any) -> Delivery:
        return original("web", *arguments)

    _patch(items, "_delivery", delivery)


@_defect
def consumed_mark_outside_transaction() -> None:
    """A message is taken off the queue first, and decided on in a transaction of its own."""
    original = ActorLoop._turn

    async def turn(self: ActorLoop, batch: list[Envelope]) -> None:
        statement = self._journal.statements["consume_message"]
        rows = [(statement, (envelope.id,)) for envelope in batch if not envelope.outcome]
        if rows:
            await self._journal.writer.submit(Unit(rows)).durable()
        await original(self, batch)

    _patch(ActorLoop, "_turn", turn)


@_defect
def outcome_dropped_on_restart() -> None:
    """Calls that an earlier process may have begun are taken for calls that nobody has begun."""
    original = lane.restored

    def restored(row: Sequence[Any], *arguments: Any) -> Intent:
        id_, actor, key, kind, repeat, body, _, _, attempts = row
        return original((id_, actor, key, kind, repeat, body, 0, 0, attempts), *arguments)

    _patch(engine, "restored", restored)


@_defect
def float_money() -> None:
    """The proof adds binary floats."""

    def floating(lines: Sequence[Line], taxes: list[TaxLine], currency: str) -> tuple[Decimal, Decimal]:
        taxes += [tax for line in lines for tax in line.taxes]
        gross = sum(float(line.gross.figure(currency)) for line in lines)
        discounts = sum(float(line.discount.figure(currency)) for line in lines)
        return Decimal(str(gross)), Decimal(str(discounts))

    _patch(proof, "_costs", floating)


@_defect
def outcome_before_call() -> None:
    """The outcome is written down before the call is made, because it will surely succeed."""

    async def perform(self: Lane, intent: Intent) -> None:
        if intent.kind == "create_order":
            self._outcome(intent, self._done(intent, CreatedSale(id=1)))
            await anyio.sleep(0.25)  # on a busy machine a commit takes its time, and only what is on disk is wrong
            reach("effect.before_call", intent.kind)
            await self._api.perform(intent.kind, intent.body)
        else:
            await original(self, intent)

    original = Lane._perform
    _patch(Lane, "_perform", perform)


@_defect
def claims_given_back_in_flight() -> None:
    """A stopping process waits for no call, and gives back the claims of those it has begun."""

    async def drain(self: Lane) -> None:
        self.draining = True

    def unbegun(self: Lane) -> list[Intent]:
        return [msgspec.structs.replace(some, id=id_) for feed in self._feeds.values() for id_ in feed.live]

    some = Intent(id=0, actor="", key="", api="", share="", kind="", repeat=Repeat.KEYED, body=b"")
    _patch(Lane, "drain", drain)
    _patch(Lane, "unbegun", unbegun)


@_defect
def lock_not_held() -> None:
    """Nothing keeps a second process away from the store."""

    @contextmanager
    def held(_store: Path, _clock: Clock) -> Iterator[Holder]:
        yield Holder(pid=0, host="nowhere", since="")

    _patch(journal, "held", held)


@_defect
def epoch_not_checked() -> None:
    """A process whose store was taken over goes on writing."""
    original = Writer._transaction

    def transaction(self: Writer, connection: Any, apply: Callable[[], int]) -> int:
        (self._epoch,) = connection.execute("SELECT epoch FROM instance").fetchone()
        return original(self, connection, apply)

    _patch(Writer, "_transaction", transaction)


@_defect
def left_behind_while_blocked() -> None:
    """What waits behind a write in flight is passed over when the queue is read, and nobody comes back to it."""
    clause = (
        "NOT EXISTS (SELECT 1 FROM state s WHERE s.actor = m.channel AND s.key = m.key AND s.blocked_by IS NOT NULL)"
    )
    original = Journal.__init__

    def init(self: Journal, *arguments: Any) -> None:
        original(self, *arguments)
        statement = self.statements["messages_after"]
        statement.sql = statement.sql.replace("ORDER BY", f"AND {clause} ORDER BY")

    _patch(Journal, "__init__", init)
