"""Missing orders in virtual time: what a flow gives out, gives out late, or not as it is wanted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import anyio
import msgspec

from connectors.patchworks.triggers import CallbackReply
from flows.model.messages import MISSING_ORDERS, FindOrder, Recheck
from runtime.clock import to_datetime
from runtime.delivery import Delivery, digest
from runtime.errors import Refused
from tests.actors.asking import WEB, ChannelOrder, Shop, World, process
from tests.actors.world import story

ON_DEMAND = msgspec.structs.replace(WEB, poll=None)


class Stale(Shop):
    """A sales channel whose flow gives out what it has kept of an order, and not the order as it is."""

    kept: bytes = b""

    def _one(self, id_: str) -> list[bytes]:
        return [self.kept or self.body(int(id_))]


async def wanted(world: World, id_: int, message: FindOrder) -> None:
    """Somebody wants an order."""
    await world.engine.post(MISSING_ORDERS, f"web/{id_}", message)


async def named(world: World, id_: int, number: int) -> None:
    """A webhook comes that has an id and nothing else, and the order importer wants the order."""
    body = msgspec.json.encode({"id": id_, "told": number})
    now = world.journal.clock.now()
    await world.accept([Delivery(key=f"web/{id_}", version="", digest=digest(body), body=body, received_at=now)])
    await wanted(world, id_, FindOrder(only_named=True))


def test_a_version_that_the_flow_does_not_have_is_a_case_until_it_comes(tmp_path: Path) -> None:
    """It answers with the version that is here already: that is no arrival."""

    async def main() -> None:
        shop = Stale()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            id_ = shop.place()
            await world.push(id_)
            shop.kept = shop.body(id_)
            await anyio.sleep(60)
            shop.edit(id_)
            edited = shop.now().replace(microsecond=0) - timedelta(seconds=1)
            await wanted(world, id_, FindOrder(version=f"{edited:%Y-%m-%dT%H:%M:%S}.000000Z"))
            await anyio.sleep(60)
            assert await world.cases() == [("order.orphan", f"web/{id_}")]
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case")
            assert sentence == f"web has a version of order {id_} that never arrived here: the flow has an older one"
            shop.kept = b""
            await anyio.sleep(400)
            assert await world.cases() == []
            assert await world.known() == {id_: 2}

    story(main)


def test_an_order_that_comes_while_the_flow_is_asked_in_vain_is_no_case(tmp_path: Path) -> None:
    """The sales channel pushes it after all, and the flow refuses to say anything, or has nothing to say."""

    async def main() -> None:
        for number, refused in enumerate((True, False)):
            shop = Shop()
            async with process(tmp_path / f"{number}.db", shop, ON_DEMAND) as world:
                id_ = shop.place()
                shop.takes_s = 5.0
                shop.weather = lambda refused=refused: Refused("no such flow", code="404") if refused else None
                shop._one = lambda _id: []  # type: ignore[method-assign]
                await wanted(world, id_, FindOrder())
                await anyio.sleep(1)
                await world.push(id_)
                await anyio.sleep(30)
                assert await world.cases() == []
                assert len(shop.asked) == 1

    story(main)


def test_an_order_that_is_only_named_is_fetched_although_something_of_it_is_here(tmp_path: Path) -> None:
    """Once; while the flow refuses it is a case, which a person's look does not end either."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            id_ = shop.place()
            shop.weather = lambda: Refused("no such flow", code="404")
            await named(world, id_, 1)
            await anyio.sleep(60)
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE closed_at IS NULL")
            assert sentence.startswith(f"web has news of order {id_} that never arrived here: it could not be fetched")
            shop.weather = lambda: None
            await anyio.sleep(400)
            assert (await world.cases(), await world.known()) == ([], {id_: 2})
            asked = len(shop.asked)
            await anyio.sleep(3_600)
            assert len(shop.asked) == asked

    story(main)


def test_an_order_that_is_named_again_while_it_is_fetched_is_fetched_again(tmp_path: Path) -> None:
    """The answer that is on its way may be older than what the second webhook speaks of."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            id_ = shop.place()
            answers = [shop.body(id_)]
            shop.takes_s = 5.0

            async def perform(_kind: str, _body: bytes) -> CallbackReply:
                answer = answers[-1]  # as it is when the question comes
                shop.asked.append({})
                await anyio.sleep(5)
                return CallbackReply(content_type="application/json", items=(answer,))

            shop.perform = perform  # type: ignore[method-assign]
            await named(world, id_, 1)
            await anyio.sleep(1)
            shop.edit(id_)
            changed = to_datetime(world.journal.clock.now()) + timedelta(seconds=60)
            answers.append(msgspec.json.encode({"id": id_, "name": "#1", "updated_at": changed.isoformat()}))
            await named(world, id_, 2)
            await anyio.sleep(60)
            assert (len(shop.asked), await world.known()) == (2, {id_: 4})

    story(main)


def test_an_order_that_a_person_knows_to_be_gone_is_no_case_and_not_asked_for_any_more(tmp_path: Path) -> None:
    """It was deleted in the sales channel: it is asked for once more, and then it is theirs, until there is news."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            await wanted(world, 77, FindOrder())
            await anyio.sleep(10)
            assert await world.cases() == [("order.orphan", "web/77")]
            await world.engine.post(MISSING_ORDERS, "web/77", Recheck(because="person"))
            await anyio.sleep(10)
            assert (await world.cases(), len(shop.asked)) == ([], 2)
            await wanted(world, 77, FindOrder())
            await anyio.sleep(86_400)
            assert (await world.cases(), len(shop.asked)) == ([], 2)
            await wanted(world, 77, FindOrder(version="2026-01-02T00:00:00.000000Z"))
            await anyio.sleep(10)
            assert await world.cases() == [("order.orphan", "web/77")]

    story(main)


def test_an_order_that_nobody_has_is_asked_for_less_and_less(tmp_path: Path) -> None:
    """Every five minutes in the first hour, and a few times a day later; its arrival is seen as soon as ever."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            await wanted(world, 77, FindOrder())
            await anyio.sleep(3_590)
            assert len(shop.asked) == 12
            await anyio.sleep(2 * 86_400)
            assert len(shop.asked) < 65
            asked = len(shop.asked)
            await wanted(world, 77, FindOrder(version="2026-01-02T00:00:00.000000Z"))
            await anyio.sleep(10)
            assert len(shop.asked) == asked + 1, "there is news of it"
            shop.orders[77] = ChannelOrder(77, shop.now(), shop.now())
            await world.push(77)
            await anyio.sleep(310)
            assert await world.cases() == []

    story(main)
