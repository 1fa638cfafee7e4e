"""What a person releases reaches the actor whose case it is: the real engine and journal, and actors that remember."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.exceptions.kinds import KINDS
from flows.model.messages import AUDIT_LOG, MISSING_ORDERS, Recheck, Record
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.release import release
from runtime.actor import Actor, Item
from runtime.decision import Decision, Message, Write
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story

FULFILMENTS, PAYMENTS = "order_fulfilments", "payment_mapper"
ACTORS = (ORDER_IMPORTER, MISSING_ORDERS, FULFILMENTS, PAYMENTS)
KEY = "web/1001"


class Remembers:
    """Stands where an actor stands that has met the order, and counts how often a person had it look again."""

    message_type = Recheck | Record
    state_type = int

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self, key: str) -> int:
        return 0

    async def ready(self) -> None: ...

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        return [item.message for item in items]

    def decide(self, state: int, message: Any, now: datetime) -> Decision:
        return Decision(state=state + (isinstance(message, Recheck) and message.because == "person"))

    def project(self, key: str, before: int, after: int, now: datetime) -> Sequence[Write]:
        return ()

    def announce(self, key: str, before: int, after: int) -> None: ...


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Remembers(name) for name in (*ACTORS, AUDIT_LOG)]


async def met(world: ProofWorld, *kinds: str) -> None:
    """An order that is imported, that each actor has met, and of which this is open."""
    await world.order("1001", world.now)
    for name in ACTORS:
        await world.engine.post(name, KEY, Recheck(because="later"))
    for kind in kinds:
        case = (kind, kind, KEY, "c", "s", KINDS[kind].owner.value, None, None, 1, 2)
        await world.write("open_case", *case)
    await world.until_idle()


async def released(world: ProofWorld) -> tuple[str, set[str]]:
    """What a release answers, and who looks again."""
    said = await release({"key": KEY, "by": "mona"}, world.engine, world.journal, ACTORS)
    await world.until_idle()
    looked = await world.sql("SELECT actor FROM state WHERE key = 'web/1001' AND CAST(body AS TEXT) = '1'")
    return said, {name for (name,) in looked}


@pytest.mark.parametrize(
    ("kinds", "looks", "what"),
    [
        (("sale.mismatch",), {ORDER_IMPORTER}, "the cases of web/1001 are closed: sale.mismatch"),
        (("units.cancelled",), {FULFILMENTS}, "the shipments of web/1001 will be looked at again"),
        (("shipment.overdue",), {FULFILMENTS}, "the shipments of web/1001 will be looked at again"),
        (("order.orphan",), {MISSING_ORDERS}, "the whereabouts of web/1001 will be looked at again"),
        (
            ("payment.unrecorded", "units.cancelled", "order.edited"),
            {PAYMENTS, FULFILMENTS, ORDER_IMPORTER},
            "the shipments and payments of web/1001 will be looked at again",
        ),
    ],
)
def test_a_release_reaches_whoever_has_the_case(
    tmp_path: Path, kinds: tuple[str, ...], looks: set[str], what: str
) -> None:
    """And nobody is told that something is closed which stays open."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await met(world, *kinds)
            assert await released(world) == (what, looks)

    story(main)


def test_a_parked_message_of_another_actor_is_no_case_of_the_sale(tmp_path: Path) -> None:
    """It is tried again by a restart: a release would close nothing."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await met(world, "step.parked")
            with pytest.raises(SeamlineError, match="there is nothing to release"):
                await released(world)

    story(main)


def test_what_ends_only_by_itself_is_open_and_said_to_be(tmp_path: Path) -> None:
    """That there is no such case would not be true: the list of holds has it."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            case = ("f", "catalogue.refused", "system/catalogue", "c", "s", "sre", None, None, 1, 2)
            await world.write("open_case", *case)
            with pytest.raises(SeamlineError, match=r"catalogue\.refused of system/catalogue ends by itself: nobody"):
                await release({"key": "system/catalogue", "by": "mona"}, world.engine, world.journal, ACTORS)
            with pytest.raises(SeamlineError, match="there is no open case of 'system/nothing'"):
                await release({"key": "system/nothing", "by": "mona"}, world.engine, world.journal, ACTORS)

    story(main)
