"""What a sales channel offers, in virtual time: lists come in pages, are compared, and compared again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec

from connectors.fulfil.wire import Product, ProductPage
from connectors.patchworks.listings import ListingPage, read_listings
from connectors.patchworks.requests import CallCallback
from connectors.patchworks.triggers import CallbackReply
from flows.listings import NAME, ROWS_PER_STEP, Expect, Listings, PageReceived, key_of
from flows.model.listings import ListingSettings
from flows.model.messages import Recheck
from flows.model.products import product_rows
from flows.model.skus import SkuIndex
from runtime.clock import to_datetime
from runtime.errors import Refused
from tests.actors import asking
from tests.actors.asking import Shop, process
from tests.actors.world import story

HOUR = 3_600.0
AGAIN_S = 600.0
POSTED = ListingSettings(compare_prices=True, price_currency="EUR", due_within_s=5_400.0, compare_every_s=AGAIN_S)
ASKED = ListingSettings(callback="listings", page_size=3, every_s=1_800.0, due_within_s=HOUR, compare_every_s=AGAIN_S)
"""Days are half hours here: a day of virtual time takes seconds."""


class Counter(Shop):
    """A sales channel that says what it offers when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.offers: list[dict[str, Any]] = []

    async def perform(self, kind: str, body: bytes) -> CallbackReply:
        question = msgspec.json.decode(bytes(msgspec.json.decode(body, type=CallCallback).question))
        self.asked.append(question)
        assert question["listings"] is True
        await anyio.sleep(self.takes_s)
        failure = self.weather()
        if failure is not None:
            raise failure
        at = (question["page"] - 1) * question["limit"]
        items = msgspec.json.encode(self.offers[at : at + question["limit"]])
        self.between()
        return CallbackReply(content_type="application/json", items=(items,))


class World(asking.World):
    """A process with the actor alone; `expected` is its configuration."""

    expected: ListingSettings | None = None

    def actors(self) -> list[Any]:
        self.index = SkuIndex()
        self.index.ready.set()
        expected = {"web": self.expected} if self.expected is not None else {}
        return [*super().actors(), Listings(expected, self.index, self.journal, self.events.append)]

    async def stock(self, *products: Product) -> None:
        """What Fulfil has, as the catalogue writes it down."""
        page = ProductPage(products=products, last_id=0, complete=True)
        rows = product_rows(page, to_datetime(self.journal.clock.now()))
        await self.journal.write([(row.statement, row.row) for row in rows])

    async def page(self, offers: Sequence[Any], **more: Any) -> ListingPage:
        body = msgspec.json.encode({"listings": offers, "currency": "EUR", **more})
        return await read_listings("web", body, {}, to_datetime(self.journal.clock.now()))

    async def send(self, offers: Sequence[Any], **more: Any) -> None:
        """Deliver a page as the route does, and let time pass."""
        await self.engine.post(NAME, key_of("web"), PageReceived(page=await self.page(offers, **more)))
        await anyio.sleep(5)

    async def expect(self) -> None:
        """What the composition root does at start."""
        await self.engine.post(NAME, key_of("web"), Expect())
        await anyio.sleep(5)

    async def said(self) -> dict[str, Any]:
        """The latest statement."""
        rows = await self.journal.query("listing_checks", "web", 1)
        names = ("name", "list", "manifest", "listed", "received", "checked", "comparison", "listings", "active")
        row = dict(zip((*names, "barcodes", "prices", "mismatches", "digest"), rows[0], strict=True))
        return {**row, "mismatches": msgspec.json.decode(row["mismatches"])}

    async def wrong(self, cause: str = "") -> list[tuple[str, str]]:
        """(cause, listing) of what the last complete comparison found."""
        rows = await self.journal.query("listing_mismatches", "web", cause, "", "", 100_000)
        return [(found, listing) for found, listing, *_ in rows]

    async def causes(self) -> list[tuple[str, str]]:
        """Open cases: (kind, cause)."""
        return sorted((row[1], row[3]) for row in await self.journal.query("cases_open", "", "", 0, 10_000, None))

    async def left(self) -> tuple[int, int]:
        """How many listings and mismatches are on disk."""
        ((rows,),) = await self.sql("SELECT count(*) FROM listing")
        ((mismatches,),) = await self.sql("SELECT count(*) FROM listing_mismatch")
        return rows, mismatches


def expecting(settings: ListingSettings | None) -> type[World]:
    return type("World", (World,), {"expected": settings})


def product(id_: int, sku: str, **more: Any) -> Product:
    return Product(id=id_, code=sku, name=sku, active=more.pop("active", True), **more)


def offer(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "sku": f"SKU-{number}", **more}


def test_a_list_is_compared_when_all_its_pages_are_here_whatever_crashes_between(tmp_path: Path) -> None:
    """Page 2, again, a crash, page 1: one statement, its digest that of the whole list; inactive ones do not matter."""

    async def main() -> None:
        offers = [offer(n) for n in range(1, 5)]
        offers[3]["active"] = False
        whole = {"manifest": "run-1", "pages": 2}
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            await world.stock(product(1, "SKU-1"), product(2, "SKU-2", active=False))
            await world.send(offers[2:], page=2, **whole)
            await world.send(offers[2:], page=2, **whole)
            assert ((await world.said())["checked"], await world.causes()) == (None, [])
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            await world.send(offers[:2], page=1, **whole)
            said = await world.said()
            assert (said["listings"], said["active"], said["mismatches"]) == (4, 3, {"inactive": 1, "unknown": 1})
            assert await world.wrong() == [("inactive", "2"), ("unknown", "3")]
            assert await world.causes() == [("listing.sku", "inactive"), ("listing.sku", "unknown")]
            await world.send(offers)  # as one page, by another name
            assert (await world.said())["digest"] == said["digest"]
            assert (await world.said())["list"] == 2

    story(main)


def test_a_comparison_goes_on_where_a_crash_left_it(tmp_path: Path) -> None:
    """1,300 listings take three steps; the process dies after the first. Nothing is missed, and nothing found twice."""

    async def main() -> None:
        path, count = tmp_path / "s.db", ROWS_PER_STEP * 2 + 300
        offers = [offer(n, sku="" if n % 10 == 0 else f"SKU-{n}") for n in range(count)]
        async with process(path, Counter(), None, World) as world:
            await world.stock(*(product(n, f"SKU-{n}") for n in range(1, count)))
            for number, there in ((1, offers[:650]), (2, offers[650:])):
                page = await world.page(there, manifest="run-1", page=number, pages=2)
                await world.engine.post(NAME, key_of("web"), PageReceived(page=page))
            while (await world.left())[1] == 0:
                await anyio.lowlevel.checkpoint()
            assert (await world.said())["checked"] is None
            assert await world.wrong() == []  # half a comparison is not shown
        async with process(path, Counter(), None, World) as world:
            await anyio.sleep(5)
            said = await world.said()
            assert (said["listings"], said["comparison"], said["mismatches"]) == (count, 1, {"no-sku": count // 10})
            assert len(await world.wrong("no-sku")) == count // 10

    story(main)


def test_what_was_wrong_ends_when_a_later_list_or_a_later_look_does_not_find_it(tmp_path: Path) -> None:
    """A wrong price is mended in the sales channel, a barcode in Fulfil: the one by the next list, the other when
    the list is compared again. Gauges follow.
    """

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, expecting(POSTED)) as world:
            mug = product(1, "SKU-1", barcode="0036000291452", list_price=Decimal("10.00"))
            await world.stock(mug)
            await world.send([offer(1, price="12.00", barcode="4006381333931")])
            assert await world.causes() == [("listing.barcode", "barcode"), ("listing.price", "price")]
            await world.send([offer(1, price="10.00", barcode="4006381333931")])
            assert await world.causes() == [("listing.barcode", "barcode")]
            await world.stock(msgspec.structs.replace(mug, barcode="4006381333931", list_price=None))
            await anyio.sleep(AGAIN_S)
            assert await world.causes() == []
            said = await world.said()
            assert (said["barcodes"], said["prices"], said["mismatches"]) == (1, 0, {})
            gauges = {(each.cause, each.listings) for each in world.named("listings.mismatched")}
            assert {("price", 1), ("price", 0), ("barcode", 1), ("barcode", 0)} <= gauges

    story(main)


def test_repeats_and_lists_from_before_change_nothing(tmp_path: Path) -> None:
    """The same page, a page of the manifest before, and a list that was made earlier; the same list an hour later
    is another check.
    """

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            now = to_datetime(world.journal.clock.now())
            await world.send([offer(1)], page=3, pages=3, manifest="a", listed_at=now - timedelta(hours=2))
            await world.send([offer(0)], page=2, pages=3, manifest="a", listed_at=now - timedelta(hours=3))
            assert (await world.left())[0] == 2
            await world.send([offer(5), offer(6)], page=2, pages=3, manifest="a")
            assert (await world.left())[0] == 3
            await world.send([offer(2)], manifest="b", listed_at=now - timedelta(hours=1))
            said, rows = await world.said(), await world.left()
            assert (said["list"], said["listings"]) == (2, 1)
            await world.send([offer(2)], manifest="b", listed_at=now - timedelta(hours=1))
            await world.send([offer(3)], page=1, pages=3, manifest="a")
            await world.send([offer(4)], manifest="c", listed_at=now - timedelta(hours=3))
            assert (await world.said(), await world.left()) == (said, rows)
            await anyio.sleep(HOUR)
            await world.send([offer(2)], manifest="b", listed_at=now - timedelta(hours=1))
            assert (await world.said())["list"] == 3

    story(main)


def test_earlier_lists_and_what_was_found_in_them_are_forgotten_some_at_a_time(tmp_path: Path) -> None:
    """900 listings and as many mismatches, twice, then one: only the last is on disk."""

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            for manifest in ("a", "b"):
                await world.send([offer(n) for n in range(900)], manifest=manifest)
                assert await world.left() == (900, 900)
            await world.send([offer(1)], manifest="c")
            assert await world.left() == (1, 1)
            assert len(await world.causes()) == 1

    story(main)


def test_a_page_that_changes_after_the_comparison_waits_for_the_others(tmp_path: Path) -> None:
    """What was found before stands until the new list is whole."""

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            whole = {"manifest": "a", "pages": 2}
            await world.send([offer(1)], page=1, **whole)
            await world.send([offer(2)], page=2, **whole)
            assert len(await world.wrong()) == 2
            await world.send([offer(3)], page=1, **whole)
            assert ((await world.said())["checked"], len(await world.wrong())) == (None, 2)
            await world.send([offer(2)], page=2, **whole)
            assert await world.wrong() == [("unknown", "2"), ("unknown", "3")]

    story(main)


# -- lists that are expected -------------------------------------------------------------------------------------------


def test_a_flow_is_asked_on_schedule_page_by_page(tmp_path: Path) -> None:
    """Seven listings in pages of three; the next time what has changed; a restart in between asks no sooner."""

    async def main() -> None:
        shop = Counter()
        shop.offers = [offer(n) for n in range(1, 8)]
        async with process(tmp_path / "s.db", shop, None, expecting(ASKED)) as world:
            await world.stock(*(product(n, f"SKU-{n}") for n in range(1, 7)))
            await world.expect()
            assert [each["page"] for each in shop.asked] == [1, 2, 3]
            assert await world.wrong() == [("unknown", "7")]
        async with process(tmp_path / "s.db", shop, None, expecting(ASKED)) as world:
            await world.expect()
            assert len(shop.asked) == 3
            shop.offers.pop()
            await anyio.sleep(1_800)
            assert [each["page"] for each in shop.asked[3:]] == [1, 2, 3]
            assert (await world.causes(), (await world.said())["listings"]) == ([], 6)

    story(main)


def test_a_flow_that_cannot_be_read_to_its_end_is_a_case_until_it_can(tmp_path: Path) -> None:
    """Refused, a listing that is none, one page for ever: each says why, and what was found before stands."""

    async def main() -> None:
        shop = Counter()
        shop.offers = [offer(n) for n in range(1, 5)]
        async with process(tmp_path / "s.db", shop, None, expecting(ASKED)) as world:
            shop.weather = lambda: Refused("no such flow", code="404")
            await world.expect()
            assert await world.causes() == [("listing.unchecked", "callback")]
            for offers, said in (
                ([offer(1), {"price": "1"}], "neither `id` nor `sku`"),
                ([offer(1)] * 6, "the same listings whatever page is asked for"),
            ):
                shop.weather, shop.offers = lambda: None, offers
                await anyio.sleep(1_800)
                ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE cause = 'callback'")
                assert said in sentence
            shop.offers = [offer(n) for n in range(1, 5)]
            await world.engine.post(NAME, key_of("web"), Recheck(because="person"))
            await anyio.sleep(5)
            assert await world.causes() == [("listing.sku", "unknown")]

    story(main)


def test_a_list_that_is_posted_while_a_flow_is_asked_counts(tmp_path: Path) -> None:
    """The flow's next page is of no list any more; nothing is mixed."""

    async def main() -> None:
        shop = Counter()
        shop.offers, shop.takes_s = [offer(n) for n in range(1, 8)], 20.0
        async with process(tmp_path / "s.db", shop, None, expecting(ASKED)) as world:
            await world.expect()
            await anyio.sleep(20)
            assert ((await world.said())["listings"], len(shop.asked)) == (0, 2)
            await world.send([offer(9)], manifest="posted")
            await anyio.sleep(100)
            assert (len(shop.asked), await world.wrong()) == (2, [("unknown", "9")])

    story(main)


def test_a_list_that_does_not_come_is_a_case(tmp_path: Path) -> None:
    """So long after the last complete one, or after lists were first expected; half of one does not end it, and an
    empty one is no check.
    """

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, expecting(POSTED)) as world:
            await world.stock(product(1, "SKU-1"))
            await world.expect()
            await anyio.sleep(5_300)
            assert await world.causes() == []
            await anyio.sleep(200)
            late = [("listing.unchecked", "late")]
            assert await world.causes() == late
            await world.send([offer(1)], page=1, pages=2, manifest="a")
            await anyio.sleep(AGAIN_S)
            assert await world.causes() == late
            await world.send([], page=2, pages=2, manifest="a")
            assert await world.causes() == []
            await anyio.sleep(HOUR)
            await world.send([offer(1, active=False)], manifest="b")
            assert await world.causes() == [("listing.unchecked", "empty")]
            await anyio.sleep(HOUR)
            assert ("listing.unchecked", "late") in await world.causes()
            await world.send([offer(1)], manifest="c")
            assert await world.causes() == []

    story(main)


def test_nobody_is_told_of_lists_that_are_not_expected(tmp_path: Path) -> None:
    """A list that is posted is compared all the same, but for its prices."""

    async def main() -> None:
        async with process(tmp_path / "s.db", Counter(), None, World) as world:
            await world.send([])
            await anyio.sleep(2 * HOUR)
            assert await world.causes() == []

    story(main)
