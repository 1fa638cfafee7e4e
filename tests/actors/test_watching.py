"""Stories of watching: traces that nobody takes, consumers that fall silent, parts that fail and are started again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import OrderImporter
from runtime.engine import SILENCE_S_MAX, EngineConfig
from runtime.exporter import Exporter
from tests.actors.world import Fulfil, World, key_of, orders, process, story


class Receiver:
    """Takes traces, or does not."""

    def __init__(self) -> None:
        self.answers: Any = (503, {}, b"")
        self.posts = 0

    async def post(self, _body: bytes, _headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        self.posts += 1
        if isinstance(self.answers, Exception):
            raise self.answers
        answer: tuple[int, Mapping[str, str], bytes] = self.answers
        return answer


@pytest.mark.parametrize(
    "answers",
    [(503, {}, b""), (429, {"Retry-After": "7"}, b""), OSError("refused"), TimeoutError(), ValueError("a defect")],
    ids=["503", "429", "refused", "timeout", "defect"],
)
def test_without_a_trace_receiver_orders_go_on_and_spans_wait(tmp_path: Path, answers: Any) -> None:
    """Failure case 44: twenty minutes without a receiver cost disk, no order and no restart; then all are taken."""

    async def main() -> None:
        fulfil, made, receiver = Fulfil(), orders(20), Receiver()
        receiver.answers = answers

        def traced(world: World) -> None:
            world.traced = True
            exporter = Exporter(world.journal, receiver.post, {"service.name": "x"}, root="order", emit=world.emit)
            world.supervisor.add("exporter", exporter.run)

        async with process(tmp_path / "store.db", fulfil, before=traced) as world:
            await world.send(*made)
            await world.until_sales(len(made), within_s=60)
            await anyio.sleep(1_200)
            assert await world.sql("SELECT count(DISTINCT subject) FROM trace_work") == [(len(made),)]
            assert receiver.posts < 200, "it backs off"
            assert await world.cases() == []
            receiver.answers = (200, {}, b"")

            async def taken() -> bool:
                return await world.journal.query("trace_work_count") == [(0,)]

            await world.until(taken, within_s=4_000)

    story(main)


def test_a_consumer_that_hangs_with_work_is_told_once(tmp_path: Path) -> None:
    """Failure case 46: a batch that never ends is noticed within the allowed silence and a quarter."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(3)
        hangs = anyio.Event()

        class Hangs(OrderImporter):
            async def resolve(self, items: Any) -> Any:
                if any(item.key == key_of(made[1]) for item in items):
                    await hangs.wait()
                return await super().resolve(items)

        def plant(world: World) -> None:
            world.importer.__class__ = Hangs

        async with process(tmp_path / "store.db", fulfil, before=plant) as world:
            await world.until_catalogue()
            await world.send(made[1])
            await anyio.sleep(SILENCE_S_MAX * 1.3)
            assert len(world.silences()) == 1
            assert world.silences()[0].startswith("actor:order_importer:")
            await world.send(made[0], made[2])
            await world.until_sales(2, within_s=10)
            await anyio.sleep(600)
            assert len(world.silences()) == 1
            hangs.set()
            await world.until_sales(3, within_s=10)

    story(main)


def test_a_call_that_never_ends_is_told(tmp_path: Path) -> None:
    """A lane whose calls hang although each should have timed out long ago."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(2)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.takes_s = 100_000
            await world.send(*made)
            await anyio.sleep(300)
            assert world.silences() == ["lane:fulfil"]

    story(main)


def test_an_idle_process_is_not_silent(tmp_path: Path) -> None:
    """An hour without orders, a paused actor with a full inbox, orders now and then: no alarm."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil, config=EngineConfig(window=4)) as world:
            await world.until_catalogue()
            for order in made[:10]:
                await world.send(order)
                await anyio.sleep(SILENCE_S_MAX * 1.5)
            await world.engine.pause("actor", "order_importer", "operator")
            await world.send(*made[10:])
            await anyio.sleep(SILENCE_S_MAX * 5)
            await world.engine.resume("actor", "order_importer", "operator")
            await world.until_sales(len(made))
            await anyio.sleep(3_600)
            assert world.silences() == []
            assert world.restarts() == []

    story(main)


def breaks_once(world: World, statement: str) -> None:
    """The next read of this statement fails."""
    failures = iter([OSError("a read failed")])
    for method in ("query", "query_some"):
        original = getattr(world.journal, method)

        async def query(name: str, *row: Any, original: Any = original, **limits: int) -> Any:
            if name == statement and (failure := next(failures, None)) is not None:
                raise failure
            return await original(name, *row, **limits)

        setattr(world.journal, method, query)


@pytest.mark.parametrize("statement", ["messages_after", "oldest_message_of_key", "intents_after", "timers_due"])
def test_a_part_that_fails_is_started_again_and_loses_nothing(tmp_path: Path, statement: str) -> None:
    """A read fails under load: what the part had in hand is found again, and a call under way is looked up."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(80)
        async with process(tmp_path / "store.db", fulfil, config=EngineConfig(window=4)) as world:
            await world.until_catalogue()
            fulfil.takes_s = 1.0
            breaks_once(world, statement)
            await world.send(*made)
            await world.send(*(order.body.replace(b'"tags":""', b'"tags":"vip"') for order in made))
            await world.until_sales(len(made))
            await world.until_idle()
            await anyio.sleep(120)
            assert len(world.restarts()) == 1
            assert sorted(fulfil.began) == sorted(order.order_id for order in made)
            assert all(len(set(bodies)) == 1 for bodies in fulfil.bodies.values())
            assert await world.cases() == []
            assert fulfil.calls["search_products"] > 3, "timers go on"

    story(main)


def test_a_batch_whose_states_cannot_be_read_is_given_out_again(tmp_path: Path) -> None:
    """The actor's loop fails between receiving and deciding: its messages are not to blame, and are not parked."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            original = world.journal.query_list

            async def query_list(name: str, items: Any, *before: Any) -> Any:
                if name == "states":
                    world.journal.query_list = original  # type: ignore[method-assign]
                    raise OSError("a read failed")
                return await original(name, items, *before)

            await world.engine.pause("actor", ORDER_IMPORTER, "test")
            await world.send(*made)
            world.engine.loops[ORDER_IMPORTER].forget()
            world.journal.query_list = query_list  # type: ignore[method-assign]
            await world.engine.resume("actor", ORDER_IMPORTER, "test")
            await world.until_sales(len(made))
            assert len(world.restarts()) == 1
            assert await world.cases() == []

    story(main)
