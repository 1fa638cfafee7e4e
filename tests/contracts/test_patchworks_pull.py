"""What Patchworks can fetch from us: stable order, opaque cursors, bounded pages (facts 3.1: pull)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks.pull import PAGE_BYTES_MAX, After, PullRow, cursor_of, position_of, pull_routes
from runtime.clock import Instant
from runtime.config import Secret
from runtime.errors import StoreFull
from runtime.http import ApiKeys, application
from runtime.telemetry.events import RequestRefused

pytestmark = pytest.mark.anyio

KEY = "patchworks-key-0001"
AUTH = {"X-API-Key": KEY}
PATH = "/v1/stock/shop-uk"
MORNING = Instant(1_795_166_100_000_000)
"""2026-11-20T09:15:00Z"""


class Shelf:
    """Rows in one order, each with the instant of its change."""

    def __init__(self, *rows: bytes) -> None:
        self.rows = list(rows)
        self.asked: list[tuple[str, After, int]] = []
        self.failure: Exception | None = None

    async def read(self, sales_channel: str, after: After, limit: int) -> Sequence[PullRow]:
        """Rows after a position; an instant begins at the third row."""
        self.asked.append((sales_channel, after, limit))
        if self.failure is not None:
            raise self.failure
        begin = {type(None): lambda: 0, str: lambda: int(str(after)), int: lambda: 2}[type(after)]()
        rows = [PullRow(str(n + 1), body) for n, body in enumerate(self.rows)]
        return rows[begin : begin + limit]


class Door:
    """The route over HTTP."""

    def __init__(self, client: TestClient[web.Request, web.Application], shelf: Shelf, events: list[object]) -> None:
        self._client, self.shelf, self.events = client, shelf, events

    async def get(self, path: str, headers: dict[str, str] | None = None, **query: str) -> tuple[ClientResponse, Any]:
        """The answer and its JSON."""
        answer = await self._client.get(path, params=query, headers=AUTH if headers is None else headers)
        text = await answer.read()
        return answer, json.loads(text) if text else None


@asynccontextmanager
async def door(*rows: bytes) -> AsyncIterator[Door]:
    """A list with these rows."""
    shelf, events = Shelf(*rows), list[object]()
    routes = pull_routes(
        "stock", sales_channels=["shop-uk", "shop-fr"], admission=ApiKeys([Secret(KEY)]), read=shelf.read,
        emit=events.append,
    )  # fmt: skip
    async with TestClient(TestServer(application(routes))) as client:
        yield Door(client, shelf, events)


def rows(count: int) -> list[bytes]:
    """Small rows."""
    return [b'{"n": %d}' % n for n in range(count)]


async def test_a_page_holds_rows_as_they_are_and_the_cursor_to_go_on_from() -> None:
    """Also on the last page: the next fetch begins there."""
    async with door(b'{"n": 1.50}', b'{"n": 2}') as at:
        answer, content = await at.get(PATH)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert '"n": 1.50' in await answer.text()
        assert (content["stock"], content["more"], content["next"]) == ([{"n": 1.5}, {"n": 2}], False, None)
        _, later = await at.get(PATH, since=content["cursor"])
        assert (later["stock"], later["cursor"], later["more"]) == ([], content["cursor"], False)


async def test_following_next_reads_every_row_once_in_its_order() -> None:
    """Facts 3.1: pagination is followed, each page becomes a payload."""
    async with door(*rows(7)) as at:
        seen: list[int] = []
        path: str | None = f"{PATH}?limit=3"
        while path is not None:
            _, content = await at.get(path)
            seen += [row["n"] for row in content["stock"]]
            path = content["next"]
    assert seen == list(range(7))
    assert [limit for _, _, limit in at.shelf.asked] == [4, 4, 4], "one more than wanted, to know whether there is more"


async def test_rows_that_come_while_pages_are_read_are_read_after_them() -> None:
    """The order does not change under the reader."""
    async with door(*rows(3)) as at:
        _, first = await at.get(PATH, limit="2")
        at.shelf.rows.append(b'{"n": 9}')
        _, second = await at.get(first["next"])
    assert [row["n"] for row in second["stock"]] == [2, 9]


@pytest.mark.parametrize(
    "since",
    ["2026-11-20T09:15:00Z", "2026-11-20T10:15:00+01:00", "2026-11-20 09:15:00Z", "2026-11-20T10:15:00 01:00"],
)
async def test_a_fetch_may_begin_at_an_instant(since: str) -> None:
    """Flows know their last run's time; a plus sign that nobody encoded arrives as a space."""
    async with door(*rows(4)) as at:
        _, content = await at.get(PATH, since=since)
    assert at.shelf.asked[0][1] == MORNING
    assert [row["n"] for row in content["stock"]] == [2, 3]


async def test_a_page_is_bounded_in_bytes_and_nothing_falls_between_pages() -> None:
    """Facts 3.3: many payloads of half a megabyte over one that is huge; a huge row still gets through."""
    big = b'"' + b"x" * 200_000 + b'"'
    huge = b'"' + b"y" * (PAGE_BYTES_MAX + 5) + b'"'
    async with door(big, big, big, huge, b"1") as at:
        sizes = []
        path: str | None = PATH
        while path is not None:
            _, content = await at.get(path)
            sizes.append(len(content["stock"]))
            path = content["next"]
    assert sizes == [2, 1, 1, 1]


async def test_an_empty_list_is_an_empty_page() -> None:
    """And the reader comes again from the beginning."""
    async with door() as at:
        _, content = await at.get(PATH)
    assert content == {"stock": [], "cursor": "", "more": False, "next": None}


@pytest.mark.parametrize(
    ("path", "headers", "query", "status", "code"),
    [
        pytest.param(PATH, {}, {}, 401, "unauthorised", id="nobody"),
        pytest.param(PATH, {"X-API-Key": "wrong-key-0000001"}, {}, 401, "unauthorised", id="a wrong key"),
        pytest.param("/v1/stock/other", AUTH, {}, 404, "sales_channel_unknown", id="an unknown sales channel"),
        pytest.param("/v1/stock/other", {}, {}, 401, "unauthorised", id="who is nobody learns no names"),
        pytest.param(PATH, AUTH, {"limit": "0"}, 400, "limit_invalid", id="limit 0"),
        pytest.param(PATH, AUTH, {"limit": "1001"}, 400, "limit_invalid", id="limit 1001"),
        pytest.param(PATH, AUTH, {"limit": "1" * 5_000}, 400, "limit_invalid", id="a long limit"),
        pytest.param(PATH, AUTH, {"limit": "ten"}, 400, "limit_invalid", id="limit ten"),
        pytest.param(PATH, AUTH, {"since": "yesterday"}, 400, "since_invalid", id="no cursor"),
        pytest.param(PATH, AUTH, {"since": "2026-11-20T09:15:00"}, 400, "since_invalid", id="a time without a zone"),
        pytest.param(
            PATH, AUTH, {"since": cursor_of("stock", "shop-fr", "3")}, 400, "since_invalid", id="another's cursor"
        ),
        pytest.param(
            PATH, AUTH, {"since": cursor_of("fulfilments", "shop-uk", "3")}, 400, "since_invalid", id="another list's"
        ),
    ],
)
async def test_a_refusal_says_why_in_a_code(
    path: str, headers: dict[str, str], query: dict[str, str], status: int, code: str
) -> None:
    """A response script can read it; a partition is counted only for one of ours."""
    async with door(*rows(2)) as at:
        answer, content = await at.get(path, headers, **query)
        assert (answer.status, content["error"]["code"], content["error"]["retry"]) == (status, code, "never")
        assert ("WWW-Authenticate" in answer.headers) is (status == 401)
        assert at.events == [RequestRefused("shop-uk" if status == 400 else "", code)]
        assert at.shelf.asked == []


@pytest.mark.parametrize(
    ("failure", "status", "retry"), [(StoreFull("full"), 503, "later"), (LookupError(), 400, "never")]
)
async def test_a_list_that_cannot_be_read_now_says_when_to_come_again(
    failure: Exception, status: int, retry: str
) -> None:
    """A cursor that is not known any more will not be later, either."""
    async with door(*rows(2)) as at:
        at.shelf.failure = failure
        answer, content = await at.get(PATH)
    assert (answer.status, content["error"]["retry"]) == (status, retry)
    assert ("Retry-After" in answer.headers) is (status == 503)


@given(position=st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()), n=st.integers(0, 400))
def test_a_cursor_gives_its_position_back_and_a_damaged_one_gives_none(position: str, n: int) -> None:
    """Whatever positions look like; URL-safe without encoding."""
    cursor = cursor_of("stock", "shop-uk", position)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()
    assert position_of("stock", "shop-uk", cursor) == position
    assert position_of("stock", "shop-fr", cursor) is None
    place = n % len(cursor)
    damaged = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
    assert position_of("stock", "shop-uk", damaged) in {None, position}
