"""Stories of flows that end as a success and brought nothing, and of changes that an id as a cursor would miss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec

from flows.manifests import NAME as MANIFESTS
from flows.manifests import PageReceived, key_of
from flows.model.on_demand import PollSettings
from tests.actors.asking import WEB, Shop, process
from tests.actors.test_manifests import page_of
from tests.actors.world import story


class Silent(Shop):
    """A sales channel whose flow answers every question about changes with a success, and nothing in it."""

    def _changed(self, question: dict[str, Any]) -> list[bytes]:
        return []


def test_flows_that_succeed_and_deliver_nothing_are_found_out_by_the_manifest(tmp_path: Path) -> None:
    """Failure case 38: no push came, each poll is complete and empty. The manifest lists three orders: two are fetched
    by their ids, the third is nowhere, and operations has it as an orphan within 15 minutes.
    """

    async def main() -> None:
        shop = Silent()
        async with process(tmp_path / "s.db", shop) as world:
            placed = [shop.place() for _ in range(2)]
            await anyio.sleep(1_000)
            polls = world.named("orders.polled")
            assert len(polls) >= 3
            assert {(each.complete, each.orders) for each in polls} == {(True, 0)}
            assert await world.known() == {}
            page = page_of(world, [*placed, 77])
            await world.engine.post(MANIFESTS, key_of(page), PageReceived(page=page))
            await anyio.sleep(900)
            assert await world.known() == dict.fromkeys(placed, 1)
            assert [each.key for each in world.named("order.missed")] == [f"web/{id_}" for id_ in sorted(placed)]
            assert await world.cases() == [("order.orphan", "web/77")]

    story(main)


def test_a_refund_of_an_old_order_is_found_although_its_id_was_passed_long_ago(tmp_path: Path) -> None:
    """Failure case 39: by time of change, whatever the id: the first order of all is refunded when fifty others have
    been read, and its new version comes, with its refund inside.
    """

    async def main() -> None:
        shop = Shop()
        at_once = msgspec.structs.replace(WEB, poll=PollSettings(push_within_s=0))
        async with process(tmp_path / "s.db", shop, at_once) as world:
            old = shop.place()
            for _ in range(50):
                shop.place()
                await anyio.sleep(20)
            assert set(await world.known()) >= {old}
            await anyio.sleep(3_600)
            shop.edit(old)
            body = msgspec.json.decode(shop.body(old))
            shop.orders[old].body = msgspec.json.encode({**body, "refunds": [{"id": 1}]})
            await anyio.sleep(600)
            assert (await world.known())[old] == 2
            ((bytes_,),) = await world.sql("SELECT bytes FROM body ORDER BY delivery DESC LIMIT 1")
            assert msgspec.json.decode(bytes_)["refunds"] == [{"id": 1}]

    story(main)
