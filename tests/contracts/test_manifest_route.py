"""The routes of manifests, over HTTP: what is stored before a 2xx, and what is refused with nothing stored."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import anyio
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from connectors.patchworks.admission import admission_of
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.listings import ChannelListing, read_listings
from connectors.patchworks.manifest_pages import ManifestDoor
from connectors.patchworks.manifests import Listed, read_orders
from runtime.clock import Instant, to_instant
from runtime.config import Secret
from runtime.errors import StoreFull
from runtime.http import application

pytestmark = pytest.mark.anyio

KEY = "intake-key-0123456789"
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
WINDOW = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}


class Stands:
    """A clock that stands still."""

    def now(self) -> Instant:
        return to_instant(NOW)

    def monotonic(self) -> float:
        return 0.0


class Door:
    """The routes, what they stored, and what they refused."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.refused: list[Any] = []
        self.full = False
        self.room: anyio.Event | None = None
        """Until when a slow disk takes nothing."""
        self.pressure: float | None = None
        self.session: aiohttp.ClientSession
        self.url = ""

    async def take(self, page: Any) -> None:
        if self.room is not None:
            await self.room.wait()
        if self.full:
            raise StoreFull("no room")
        self.taken.append(page)

    async def post(
        self,
        body: Any,
        *,
        what: str = "orders",
        to: str = "web",
        key: str = KEY,
        query: dict[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        url = f"{self.url}/v1/manifests/{what}/{to}"
        sent = {"X-API-Key": key, "Content-Type": "application/json", **headers}
        async with self.session.post(url, data=raw, headers=sent, params=query or {}) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    settings, door = IntakeSettings(keys=(Secret(KEY),), body_bytes_max=1_000_000), Door()
    manifests = ManifestDoor(
        settings,
        sales_channels=("web",),
        admission=admission_of(settings, None),
        clock=Stands(),
        emit=door.refused.append,
        pressure=lambda: door.pressure,
    )
    routes = [manifests.route("orders", read_orders, door.take), manifests.route("listings", read_listings, door.take)]
    async with TestServer(application(routes)) as server, aiohttp.ClientSession() as session:
        door.session, door.url = session, str(server.make_url("")).rstrip("/")
        yield door


async def test_ids_are_taken_as_text_numbers_or_objects() -> None:
    """The page is stored before the answer, with ids as text, times of change as sent, and the window in UTC."""
    orders = [1001, "1002", {"id": "1003", "updated_at": "2026-11-20T09:00:00+01:00", "name": "#3"}, {"id": 4}]
    async with opened() as door:
        window = {"from": "2026-11-20T01:00:00+01:00", "to": WINDOW["to"]}
        status, said = await door.post({**window, "orders": orders})
        assert (status, said) == (200, {"status": "accepted", "orders": 4, "page": 1, "pages": 1})
        (page,) = door.taken
        assert page.orders == (
            Listed("1001"),
            Listed("1002"),
            Listed("1003", "2026-11-20T09:00:00+01:00"),
            Listed("4"),
        )
        assert (page.began, page.ended) == (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


async def test_two_bodies_are_taken_at_once_until_they_are_on_disk() -> None:
    """They are in memory for so long; a third waits, and its sender comes again."""
    async with opened() as door:
        door.room, said = anyio.Event(), list[int]()

        async def post(order: int) -> None:
            said.append((await door.post({**WINDOW, "orders": [order]}))[0])

        async with anyio.create_task_group() as senders:
            for order in range(3):
                senders.start_soon(post, order)
            with anyio.fail_after(5):
                while not said:
                    await anyio.sleep(0.001)
            assert said == [503]
            door.room.set()
        assert said == [503, 200, 200]
        await post(4)
        assert said[3:] == [200]


@pytest.mark.parametrize("rows", [[{"id": 7}], {"id": 7}], ids=["array", "the one item of an array, bare"])
async def test_a_payload_of_rows_alone_has_its_window_in_the_query(rows: Any) -> None:
    """As a flow without a script sends it; Patchworks may send an array of one as its one item."""
    async with opened() as door:
        assert (await door.post(rows, query={**WINDOW, "manifest": "run-9", "page": "2", "pages": "3"}))[0] == 200
        (page,) = door.taken
        assert (page.manifest, page.page, page.pages, page.orders) == ("run-9", 2, 3, (Listed("7"),))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_malformed"),
        ({"orders": []}, 422, "manifest_invalid"),
        ({**WINDOW, "orders": [None]}, 422, "manifest_invalid"),
        ({**WINDOW, "orders": ["x" * 201]}, 422, "order_id_unusable"),
        ({"from": "2026-11-20T00:00:00", "to": "2026-11-21T00:00:00", "orders": []}, 422, "instant_without_zone"),
        ({"from": WINDOW["to"], "to": WINDOW["from"], "orders": []}, 422, "window_empty"),
        ({"from": "2027-01-01T00:00:00Z", "to": "2027-01-02T00:00:00Z", "orders": []}, 422, "window_ahead"),
        ({**WINDOW, "orders": [], "page": 1, "pages": 2}, 422, "manifest_missing"),
        ({**WINDOW, "orders": [], "page": 3, "pages": 2, "manifest": "m"}, 422, "page_invalid"),
        ({**WINDOW, "orders": [], "page": 0}, 422, "manifest_invalid"),
        ({**WINDOW, "orders": list(range(5_001))}, 413, "items_too_many"),
        (b" " * 1_000_001, 413, "body_too_large"),
    ],
)
async def test_what_cannot_be_a_page_is_refused_with_nothing_stored(body: Any, status: int, code: str) -> None:
    """Each refusal has a code and says whether the same bytes can ever be taken."""
    async with opened() as door:
        answered, said = await door.post(body)
        assert (answered, said["error"]["code"], said["error"]["retry"]) == (status, code, "never")
        assert door.taken == []
        assert [each.partition for each in door.refused] == ["web"]


LISTINGS = {"listings": []}


@pytest.mark.parametrize(("what", "body"), [("orders", {**WINDOW, "orders": []}), ("listings", LISTINGS)])
async def test_who_proves_nothing_and_what_is_not_configured_is_refused(what: str, body: Any) -> None:
    """A wrong key learns nothing, not even whether the sales channel is there; what is compressed is not guessed at."""
    async with opened() as door:
        assert (await door.post(body, what=what, key="another-key-0123456789"))[0] == 401
        assert (await door.post(body, what=what, to="outlet"))[0] == 404
        packed = gzip.compress(msgspec.json.encode(body))
        assert (await door.post(packed, what=what, **{"Content-Encoding": "gzip"}))[0] == 415
        assert (await door.post(body, what=what, **{"Content-Type": "text/xml"}))[0] == 415
        assert door.taken == []


@pytest.mark.parametrize(("what", "body"), [("orders", {**WINDOW, "orders": [1]}), ("listings", LISTINGS)])
async def test_a_full_store_and_a_drain_tell_the_sender_to_come_again(what: str, body: Any) -> None:
    """503, and nothing is promised."""
    async with opened() as door:
        door.full = True
        status, said = await door.post(body, what=what)
        assert (status, said["error"]["code"], said["error"]["retry"]) == (503, "store_full", "later")
        door.pressure = 10.0
        assert (await door.post(body, what=what))[1]["error"]["code"] == "busy"
        assert door.taken == []


# -- what a sales channel offers ---------------------------------------------------------------------------------------


async def test_a_listing_is_taken_as_it_is_told() -> None:
    """Prices as text or number, exact; the currency of the page or its own; what is not told stays empty."""
    offers = [
        {"id": 1, "sku": " MUG ", "barcode": 36000291452, "price": 10.10, "title": "Mug", "active": False, "x": 1},
        {"sku": "CUP", "price": "9.999999999999999", "currency": "USD"},
        {"id": "3", "sku": None, "barcode": "", "price": "", "title": None, "active": None},
        {"id": "4", "price": 1200},
    ]
    async with opened() as door:
        page = {"currency": "EUR", "listed_at": "2026-11-21T06:30:00+01:00", "manifest": "run-1", "page": 2, "pages": 9}
        status, said = await door.post({**page, "listings": offers}, what="listings")
        assert (status, said) == (200, {"status": "accepted", "listings": 4, "page": 2, "pages": 9})
        (taken,) = door.taken
        assert taken.listings == (
            ChannelListing("1", "MUG", "36000291452", "10.1", "EUR", "Mug", active=False),
            ChannelListing("CUP", "CUP", price="9.999999999999999", currency="USD"),
            ChannelListing("3"),
            ChannelListing("4", price="1200", currency="EUR"),
        )
        assert taken.listed_at == datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize("rows", [[{"id": 7, "price": 1.10}], {"id": 7, "price": 1.10}], ids=["array", "bare"])
async def test_a_payload_of_listings_alone_has_the_rest_in_the_query(rows: Any) -> None:
    """Or has nothing else: then it is a list of one page."""
    async with opened() as door:
        query = {"currency": "EUR", "manifest": "run-9", "page": "2", "pages": "3"}
        assert (await door.post(rows, what="listings", query=query))[0] == 200
        assert (await door.post(rows, what="listings"))[0] == 200
        told, bare = door.taken
        assert (told.manifest, told.page, told.pages) == ("run-9", 2, 3)
        assert told.listings == (ChannelListing("7", price="1.1", currency="EUR"),)
        assert (bare.manifest, bare.pages) == (bare.digest, 1)


@pytest.mark.parametrize(
    ("body", "code", "item"),
    [
        ([{}], "listing_id_unusable", 0),
        ([{"id": "1"}, {"id": "x" * 201}], "listing_id_unusable", 1),
        ([{"id": "a\nb"}], "listing_id_unusable", 0),
        ([{"id": "1", "sku": "x" * 201}], "listing_unusable", 0),
        ([{"id": "1", "barcode": "1" * 101}], "listing_unusable", 0),
        *(
            ([{"id": "1", "price": price}], "price_unusable", 0)
            for price in ("12,50", "-1", "NaN", "1e9", "9" * 25, True, {"amount": "1"}, 10**16, 1e300)
        ),
        ([{"id": "1", "price": "1", "currency": "euro"}], "currency_unusable", 0),
        ([{"id": "1", "active": "yes"}], "manifest_invalid", None),
        ([None], "manifest_invalid", None),
        ({"listings": None}, "manifest_invalid", None),
        ({"listings": [], "listed_at": "2026-11-21T05:00:00"}, "instant_without_zone", None),
        ({"listings": [], "listed_at": "2026-11-21T07:00:00Z"}, "listed_ahead", None),
        ({"listings": [], "pages": 2}, "manifest_missing", None),
        ({"listings": [], "page": 3, "pages": 2, "manifest": "m"}, "page_invalid", None),
        ({"listings": [], "pages": 1_001}, "manifest_invalid", None),
    ],
)
async def test_what_cannot_be_listings_is_refused_with_its_place(body: Any, code: str, item: int | None) -> None:
    """Nothing is stored, the same bytes are refused again, and no content is quoted."""
    async with opened() as door:
        status, said = await door.post(body, what="listings")
        assert (status, said["error"]["code"], said["error"]["retry"]) == (422, code, "never")
        assert said["error"].get("item") == item
        assert door.taken == []


async def test_a_page_has_at_most_1000_listings() -> None:
    """1,000 are taken, and one more is not; neither is what is no JSON."""
    async with opened() as door:
        offers = [{"id": n} for n in range(1_001)]
        assert (await door.post({"listings": offers[1:]}, what="listings"))[0] == 200
        assert (await door.post({"listings": offers}, what="listings"))[1]["error"]["code"] == "items_too_many"
        assert (await door.post(b"[{", what="listings"))[1]["error"]["code"] == "json_malformed"
        assert len(door.taken) == 1
