"""The contract of the intake: every status, header and body of `POST /v1/orders/{sales_channel}`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.delivery import Delivery, digest
from runtime.errors import StoreFailed, StoreFull
from runtime.telemetry.events import DeliveriesAccepted, RequestRefused
from runtime.testing import crash
from tests.contracts.intake_door import AUTH, JSON, KEY, PATH, Door, door, order, raw

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(name="opened")
async def door_with_defaults() -> AsyncIterator[Door]:
    async with door() as opened:
        yield opened


# -- accepted ----------------------------------------------------------------------------------------------------------


async def test_a_new_order_is_201_and_a_repeat_is_200_with_the_same_reference(opened: Door) -> None:
    """The sender learns whether we knew it, and gets one reference for both."""
    response, answer = await opened.post(order(6104889327714))
    assert response.status == 201
    first = {"status": "accepted", "external_order_id": "6104889327714", "duplicate": False, "reference": "1"}
    assert answer == first
    response, again = await opened.post(order(6104889327714))
    assert response.status == 200
    assert again == first | {"duplicate": True}
    assert response.headers["Content-Type"] == "application/json"
    assert "Server" not in response.headers


async def test_a_delivery_is_the_body_as_it_was_sent(opened: Door) -> None:
    """Key, version, digest, time and bytes are those of the request; white space is not touched, a BOM is dropped."""
    body = b' \n{"id": "A 1", "updated_at": "2026",\t"note": "Z\xc3\xb6e \xf0\x9f\x98\x80"} \r\n'
    await opened.stored(b"\xef\xbb\xbf" + body)
    (delivery,) = opened.shelf.deliveries
    now = opened.clock.now()
    assert delivery == Delivery(key="shop-uk/A 1", version="2026", digest=digest(body), body=body, received_at=now)
    response, answer = await opened.post(body)
    assert (response.status, answer["duplicate"]) == (200, True)


async def test_a_changed_order_is_a_new_delivery_under_the_key_of_its_sales_channel(opened: Door) -> None:
    """An edit is no repeat: other bytes, or another version. Nor is the same id on another sales channel."""
    for body in (order(1), order(1, total="2.00"), order(1, updated_at="later")):
        await opened.stored(body)
    await opened.stored(order(1), path="/v1/orders/shop-fr")
    assert [delivery.key for delivery in opened.shelf.deliveries] == ["shop-uk/1"] * 3 + ["shop-fr/1"]


async def test_an_array_is_200_with_a_result_for_each_item(opened: Door) -> None:
    """New, known and repeated items of one request are told apart, in order, in one commit, and counted."""
    await opened.post(order(2))
    response, answer = await opened.post(b"[" + b" , ".join([order(1), order(2), order(1)]) + b"]")
    assert response.status == 200
    assert [item["external_order_id"] for item in answer["results"]] == ["1", "2", "1"]
    assert [item["duplicate"] for item in answer["results"]] == [False, True, True]
    assert {item["status"] for item in answer["results"]} == {"accepted"}
    assert [item["reference"] for item in answer["results"]] == ["2", "1", "2"]
    assert opened.shelf.calls == 2
    assert opened.events == [DeliveriesAccepted("shop-uk", 1, 0, 0.0), DeliveriesAccepted("shop-uk", 1, 2, 0.0)]


async def test_an_item_of_an_array_is_cut_out_as_raw_bytes(opened: Door) -> None:
    """The same bytes alone or in an array are the same delivery: Patchworks wraps as it likes."""
    item = b'{"id" : 7,"nested":[{"a":"]},{"}],  "price":1.10}'
    await opened.post(b"\xef\xbb\xbf\n[ " + item + b"\n]\n")
    assert opened.shelf.deliveries[0].body == item
    response, answer = await opened.post(item)
    assert (response.status, answer["duplicate"]) == (200, True)


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"\xef\xbb\xbf[]"])
async def test_an_empty_array_is_200_with_no_results(opened: Door, body: bytes) -> None:
    """A batch without orders is no mistake, and costs no commit."""
    response, answer = await opened.post(body)
    assert (response.status, answer) == (200, {"results": []})
    assert opened.shelf.calls == 0


async def test_an_array_may_have_items_max_items_and_not_one_more() -> None:
    """The limit is exact, on both sides of a turn of the event loop; a flood of tiny items is never built."""
    async with door(items_max=120) as opened:
        full = [order(number) for number in range(120)]
        response, answer = await opened.post(b"[" + b",".join(full) + b"]")
        assert response.status == 200
        assert [item["external_order_id"] for item in answer["results"]] == [str(number) for number in range(120)]
        error = await opened.refused(b"[" + b",".join([*full, order(120)]) + b"]", 413, "items_too_many")
        assert "120 items" in error["message"]
        await opened.refused(b"[" + b"1," * 3_000_000 + b"1]", 413, "items_too_many")


async def test_the_crash_points_lie_around_the_commit(opened: Door) -> None:
    """Dying before the journal stores nothing; dying before the answer finds everything stored."""
    seen: list[tuple[str, int]] = []
    crash.install(lambda name, _: seen.append((name, len(opened.shelf.rows))))
    try:
        await opened.post(order(1))
    finally:
        crash.install(None)
    assert seen == [("intake.before_journal", 0), ("intake.before_answer", 1)]


# -- who may deliver ---------------------------------------------------------------------------------------------------


async def test_an_unknown_sales_channel_is_404_but_only_for_a_known_sender(opened: Door) -> None:
    """Names of sales channels are not to be found by trying; an unknown one is no label of a metric."""
    response, answer = await opened.post(order(), path="/v1/orders/shop-xx")
    assert (response.status, answer["error"]["code"]) == (404, "sales_channel_unknown")
    response, _ = await opened.post(order(), path="/v1/orders/shop-xx", Authorization="wrong")
    assert response.status == 401
    assert opened.events == [RequestRefused("", "sales_channel_unknown"), RequestRefused("", "unauthorised")]
    assert opened.shelf.calls == 0


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/", "/v1/orders/shop-uk/", "/v1/orders/shop-uk/1", "/"])
async def test_other_paths_are_404_with_an_empty_body(opened: Door, path: str) -> None:
    """The listener has this one route."""
    response, answer = await opened.post(order(), path=path)
    assert (response.status, answer) == (404, None)


# -- what may be delivered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
async def test_a_content_encoding_is_415(opened: Door, encoding: str) -> None:
    """A small compressed request could stop every actor while it is inflated."""
    async with raw(opened) as begin:
        headers = f"Content-Encoding: {encoding}\r\nContent-Length: {len(order())}"
        answer = await (await begin(order(), headers)).receive()
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b'"code":"content_encoding_unsupported"' in answer


JSON_TYPES = ("", "application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json")
OTHER_TYPES = ("text/plain", "application/xml", "text/csv", "application/octet-stream", "image/x+json", "nonsense",
               "multipart/form-data; boundary=x", "application/json; charset=iso-8859-1")  # fmt: skip


@pytest.mark.parametrize("content_type", JSON_TYPES)
async def test_json_by_any_of_its_names_is_accepted(opened: Door, content_type: str) -> None:
    """A missing Content-Type is taken as JSON: the headers are typed by hand, the body tells."""
    await opened.stored(order(), Content_Type=content_type, Content_Encoding="identity")


@pytest.mark.parametrize("content_type", OTHER_TYPES)
async def test_anything_but_json_is_415(opened: Door, content_type: str) -> None:
    """Another format, or JSON in a charset that would change names."""
    await opened.refused(order(), 415, "content_type_unsupported", Content_Type=content_type)
    assert opened.events == [RequestRefused("shop-uk", "content_type_unsupported")]


async def test_a_body_above_the_limit_is_413_and_at_the_limit_it_passes() -> None:
    """The limit is exact, announced or chunked."""
    async with door(body_bytes_max=2_000) as opened:
        at_limit = order(1).ljust(2_000)
        await opened.stored(at_limit)
        await opened.refused(at_limit + b" ", 413, "body_too_large")

        async def pieces() -> AsyncIterator[bytes]:
            yield at_limit
            yield b" "

        response = await opened.client.post(PATH, data=pieces(), headers=AUTH | JSON)
        assert response.status == 413
        assert opened.shelf.calls == 1


async def test_an_announced_length_above_the_limit_is_413_before_a_byte_of_it_came(opened: Door) -> None:
    """Nobody has to upload eight megabytes to learn that they are too many."""
    async with raw(opened) as begin:
        answer = await (await begin(b"", "Content-Length: 8000001")).receive()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert opened.events == [RequestRefused("shop-uk", "body_too_large")]


async def test_a_body_that_stops_is_408() -> None:
    """It may be sent again, and nothing of it was stored."""
    opened = Door(body_timeout_s=0.02)
    async with raw(opened) as begin:
        answer = await (await begin(b"{", "Content-Length: 50")).receive()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nRetry-After: 2\r\n" in answer
    assert (opened.events, opened.shelf.calls) == ([RequestRefused("shop-uk", "body_too_slow")], 0)


async def test_a_body_that_breaks_off_is_counted_and_not_stored(opened: Door) -> None:
    """Nobody is left to be answered, but it is no defect and no silence."""
    async with raw(opened) as begin:
        await (await begin(b"{", "Content-Length: 50")).aclose()
        with anyio.fail_after(5):
            while not opened.events:
                await anyio.sleep(0.001)
    assert (opened.events, opened.shelf.calls) == ([RequestRefused("shop-uk", "body_incomplete")], 0)


async def test_bodies_that_arrive_share_one_budget_of_memory() -> None:
    """A large body waits for room of its own; small ones, which come with their headers, are not touched."""
    opened = Door(body_bytes_max=1_000_000, bodies_bytes_max=1_500_000)
    async with raw(opened) as begin:
        first = await begin(b"", "Content-Length: 1000000")
        await anyio.wait_all_tasks_blocked()
        second = await begin(b"", "Content-Length: 600000")
        assert (await second.receive()).startswith(b"HTTP/1.1 503 ")
        small = await begin(order(), f"Content-Length: {len(order())}")
        assert (await small.receive()).startswith(b"HTTP/1.1 201 ")
        await first.aclose()
        await anyio.wait_all_tasks_blocked()
        later = await begin(order(2).ljust(1_000_000), "Content-Length: 1000000")
        assert (await later.receive()).startswith(b"HTTP/1.1 201 ")


async def test_bodies_that_wait_for_a_slow_disk_keep_their_part_of_that_budget() -> None:
    """They are in memory until they are stored, so as long as the disk is slow no more of them are taken."""
    opened = Door(body_bytes_max=1_000_000, bodies_bytes_max=1_500_000)
    async with raw(opened) as begin:
        opened.shelf.room = anyio.Event()
        first = await begin(order().ljust(1_000_000), "Content-Length: 1000000")
        with anyio.fail_after(5):
            while not opened.shelf.calls:
                await anyio.sleep(0.001)
            second = await begin(order(2).ljust(600_000), "Content-Length: 600000")
            assert (await second.receive()).startswith(b"HTTP/1.1 503 ")
            opened.shelf.room.set()
            assert (await first.receive()).startswith(b"HTTP/1.1 201 ")
            later = await begin(order(3).ljust(1_000_000), "Content-Length: 1000000")
            assert (await later.receive()).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", (0, 1, 1)),
        (b"{", (1, 1, 2)),
        (b'{\n  "id": 1,\n  "a": nope\n}', (21, 3, 9)),
        (b'{"id": NaN}', (7, 1, 8)),
        (b'{"id": 1,}', (9, 1, 10)),
        (b'{"id": 1} {"id": 2}', (11, 1, 12)),
        (b'[\n{"id": 1}\n{"id": 2}]', (12, 3, 1)),
        (b"{'id': 1}", (1, 1, 2)),
        (b'\xef\xbb\xbf{"id": x}', (10, 1, 8)),
        (b'{"id": 1, "name": "\xff\xfe"}', (19, 1, 20)),
        (b'[{"id": 1},\n{"id": 2, "name": "\xed\xa0\x80"}]', (31, 2, 20)),
        (b'{"id": 1, "name": "\\ud800 and more"}', None),
        (b'{"id": 1, "name": "\\udc00"}', None),
        ('{"id": 1}'.encode("utf-16"), (0, 1, 1)),
        (b'{"id": "a\x00b"}', (9, 1, 10)),
    ],
)
async def test_malformed_json_is_400_and_says_where(
    opened: Door, body: bytes, where: tuple[int, int, int] | None
) -> None:
    """Byte, line and column point at the place; the body itself is not quoted."""
    error = await opened.refused(body, 400, "json_malformed")
    byte, line, column = error["byte"], error["line"], error["column"]
    assert where is None or (byte, line, column) == where
    assert f"(line {line}, column {column}; byte {byte}, counted from 0)" in error["message"]


@pytest.mark.parametrize("opener", [b"[", b'{"a":', b'[{"id":1,"a":', b'{"id": 1, "a": [', b"[[1],["])
@pytest.mark.parametrize("depth", [1_100, 100_000])
async def test_a_nesting_bomb_is_400(opened: Door, opener: bytes, depth: int) -> None:
    """Depth is refused where it is met, in an object, an array or an item."""
    await opened.refused(opener * depth, 400, "json_too_deep")


async def test_nesting_near_the_limit_is_stored_or_400_but_never_a_defect(opened: Door) -> None:
    """The intake's own check and the format's do not stand at the same depth of the stack."""
    for depth in range(900, 1_000):
        response, answer = await opened.post(b'{"id": 1, "a": ' + b"[" * depth + b"]" * depth + b"}")
        assert response.status == 201 or (response.status, answer["error"]["code"]) == (400, "json_too_deep")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5_000, "0." + "1" * 5_000, "1e-999"])
async def test_a_number_of_any_size_is_stored(opened: Door, number: str) -> None:
    """It is JSON, and the order has an id; whether it makes sense is decided where it can be held."""
    await opened.stored(b'{"id": 1, "total": %s}' % number.encode())


@pytest.mark.parametrize(
    ("item", "code", "message"),
    [
        (b'{"name": "no id"}', "order_id_missing", "The field `id` is missing."),
        (b'{"id": ["canary"]}', "order_id_missing", "The fields that hold its id are not of the expected type."),
        (b'{"id": 1, "draft": true}', "not_an_order", "`draft` is true: a draft is not an order."),
        (b'{"id": ""}', "order_id_unusable", "The order id is empty, unprintable or longer than 200 characters."),
        (b'{"id": "a\\u0000b"}', "order_id_unusable", ""),
        (b'{"id": "%s"}' % (b"x" * 201), "order_id_unusable", ""),
        (b"5", "item_not_an_object", "An order is a JSON object; this item is not."),
        (b"null", "item_not_an_object", ""),
    ],
)
async def test_one_bad_item_refuses_the_whole_request(opened: Door, item: bytes, code: str, message: str) -> None:
    """422 with the reason; in an array with the item's index, and the good items around it are not stored either."""
    error = await opened.refused(item, 422, code)
    assert "item" not in error
    assert message in error["message"]
    error = await opened.refused(b"[" + order(1) + b", " + item + b", " + order(2) + b"]", 422, code)
    assert error["item"] == 1
    assert "It is item 1 of the array, counted from 0." in error["message"]
    assert "canary" not in error["message"]
    await opened.refused(b"[[" + order() + b"]]", 422, "item_not_an_object")
    assert opened.shelf.calls == 0


@pytest.mark.parametrize("version", ["v" * 101, "a\x00b", "\n"])
async def test_a_version_that_cannot_be_one_does_not_refuse_the_order(opened: Door, version: str) -> None:
    """It has an id, so it is stored; without a version it is simply not compared."""
    await opened.stored(order(1, updated_at=version))
    assert opened.shelf.deliveries[0].version == ""


# -- later -------------------------------------------------------------------------------------------------------------


async def test_pressure_is_503_with_the_seconds_to_wait(opened: Door) -> None:
    """Rounded up to whole seconds, and gone when the pressure is."""
    for opened.pressure_s, header in ((7.2, "8"), (0.0, "1"), (30, "30")):
        await opened.refused(order(), 503, "busy", "later")
        response, _ = await opened.post(order())
        assert response.headers["Retry-After"] == header
    assert opened.shelf.calls == 0
    opened.pressure_s = None
    await opened.stored(order())


FAILURES = [(StoreFull("no room"), "store_full"), (StoreFailed("fsync"), "stopping")]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
async def test_a_failed_store_is_503_until_it_works_again(opened: Door, failure: Exception, code: str) -> None:
    """Nothing is accepted and then lost; ending the process, if need be, is the business of the store's owner."""
    opened.shelf.failure = failure
    await opened.refused(order(), 503, code, "later")
    await opened.refused(b"[" + order() + b"]", 503, code, "later")
    opened.shelf.failure = None
    await opened.stored(order())


async def test_a_sales_channel_above_its_rate_is_429_until_its_time_has_come() -> None:
    """Each sales channel has a rate of its own, and the header says when to come again."""
    async with door(requests_per_s_max=0.5) as opened:
        await opened.refused(order(1), 401, "unauthorised", Authorization="forged requests do not count")
        await opened.stored(order(1))
        await opened.refused(order(2), 429, "rate_limited", "later")
        response, _ = await opened.post(order(2))
        assert response.headers["Retry-After"] == "2"
        await opened.stored(order(2), path="/v1/orders/shop-fr")
        opened.clock.seconds += 1.9
        await opened.refused(order(2), 429, "rate_limited", "later")
        opened.clock.seconds += 0.2
        await opened.stored(order(2))
    async with door(requests_per_s_max=3) as opened:
        opened.clock.seconds += 3_600  # an idle hour does not save up more than one second of requests
        assert [(await opened.post(order(n)))[0].status for n in range(5)] == [201, 201, 201, 429, 429]


# -- hostile -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def knocking() -> Iterator[tuple[Door, BlockingPortal]]:
    """A door that stays open while hypothesis knocks."""
    with start_blocking_portal() as portal:
        opened = portal.call(lambda: Door(body_bytes_max=20_000, bodies_bytes_max=20_000, items_max=5))
        portal.call(opened.client.start_server)
        yield opened, portal
        portal.call(opened.client.close)


_names = st.sampled_from(["id", "updated_at", "draft"]) | st.text(max_size=3)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
_bodies = st.one_of(
    st.binary(max_size=200),
    _json,
    _json.map(lambda body: b"[" + body + b', {"id": 1}]'),
    st.builds(lambda body, at, noise: body[:at] + noise + body[at:], _json, st.integers(0, 60), st.binary(max_size=3)),
    st.text('[]{}",:0123456789eE+-.\\u dDnul\n', max_size=60).map(str.encode),
)


@given(body=_bodies)
@settings(max_examples=300, deadline=None)
def test_no_body_is_answered_with_a_defect(knocking: tuple[Door, BlockingPortal], body: bytes) -> None:
    """Any bytes get a 2xx with a result, or a refusal with a code; and what was refused was not stored."""
    opened, portal = knocking
    before = opened.shelf.calls
    response, answer = portal.call(opened.post, body)
    if response.status in (200, 201):
        results = answer.get("results", [answer])
        assert all(re.fullmatch(r"[1-9]\d*", result["reference"]) for result in results)
        assert opened.shelf.calls == before + bool(results)
    else:
        assert response.status in (400, 413, 422)
        assert answer["error"]["retry"] == "never"
        assert opened.shelf.calls == before


_header = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0", exclude_categories=["Cc"]), max_size=30)


@given(authorization=_header, content_type=_header, encoding=_header)
@settings(max_examples=150, deadline=None)
def test_no_header_is_answered_with_a_defect(
    knocking: tuple[Door, BlockingPortal], authorization: str, content_type: str, encoding: str
) -> None:
    """Any headers get an answer of the contract, with or without a live key beside them."""
    opened, portal = knocking
    strange = {"Authorization": authorization, "Content_Type": content_type, "Content_Encoding": encoding}
    response, _ = portal.call(lambda: opened.post(order(), **strange))
    assert response.status in (400, 401)
    response, _ = portal.call(lambda: opened.post(order(), X_API_Key=KEY, **strange))
    assert response.status in (200, 201, 400, 415)
