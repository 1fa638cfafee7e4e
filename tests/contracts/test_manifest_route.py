"""The route of manifests, over HTTP: what is stored before a 2xx, and what is refused with nothing stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from connectors.patchworks.admission import admission_of
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.manifests import Listed, ManifestPage, manifest_routes
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
    """The route, what it stored, and what it refused."""

    def __init__(self) -> None:
        self.taken: list[ManifestPage] = []
        self.refused: list[Any] = []
        self.full = False
        self.pressure: float | None = None
        self.session: aiohttp.ClientSession
        self.url = ""

    async def take(self, page: ManifestPage) -> None:
        if self.full:
            raise StoreFull("no room")
        self.taken.append(page)

    async def post(
        self, body: Any, *, to: str = "web", key: str = KEY, query: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        url = f"{self.url}/v1/manifests/orders/{to}"
        async with self.session.post(url, data=raw, headers={"X-API-Key": key}, params=query or {}) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    settings, door = IntakeSettings(keys=(Secret(KEY),), body_bytes_max=1_000_000), Door()
    routes = manifest_routes(
        settings,
        sales_channels=("web",),
        admission=admission_of(settings, None),
        take=door.take,
        clock=Stands(),
        emit=door.refused.append,
        pressure=lambda: door.pressure,
    )
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
        ({"from": "2026-11-20T00:00:00", "to": "2026-11-21T00:00:00", "orders": []}, 422, "window_without_zone"),
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


async def test_who_proves_nothing_and_what_is_not_configured_is_refused() -> None:
    """A wrong key learns nothing, not even whether the sales channel is there."""
    async with opened() as door:
        assert (await door.post({**WINDOW, "orders": []}, key="another-key-0123456789"))[0] == 401
        assert (await door.post({**WINDOW, "orders": []}, to="outlet"))[0] == 404
        assert door.taken == []


async def test_a_full_store_and_a_drain_tell_the_sender_to_come_again() -> None:
    """503, and nothing is promised."""
    async with opened() as door:
        door.full = True
        status, said = await door.post({**WINDOW, "orders": [1]})
        assert (status, said["error"]["code"], said["error"]["retry"]) == (503, "store_full", "later")
        door.pressure = 10.0
        assert (await door.post({**WINDOW, "orders": [1]}))[1]["error"]["code"] == "busy"
        assert door.taken == []
