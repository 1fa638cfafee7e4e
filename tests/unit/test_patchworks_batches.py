"""What goes to a flow in one start: its size, its shape, and how it is known again (facts 2.5, 11.3, 11.4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from connectors.patchworks import batches
from connectors.patchworks.batches import (
    Fulfilment,
    FulfilmentLine,
    OrderOfFulfilment,
    StockLevel,
    Tracking,
)
from connectors.patchworks.requests import (
    PAYLOAD_BYTES_MAX,
    SendWebhook,
    StartFlow,
    encode,
    holds_key,
)

AT = datetime(2026, 11, 20, 9, 17, tzinfo=UTC)
KEY = "stk-20261120-0917-0003"


def start(payload: msgspec.Raw, key: str = KEY) -> StartFlow:
    """A start of the flow of the worked example."""
    return StartFlow(flow_id="4320", key=key, began_ms=1, payload=payload)


def test_a_payload_of_levels_is_that_of_the_worked_example() -> None:
    """Facts 11.3: absolute levels with a sequence."""
    lines = batches.encoded([StockLevel(sku="TEE-NAVY-M", location="LEEDS", available=41, sequence=98121)])
    assert json.loads(bytes(batches.payload(KEY, "levels", lines, AT))) == {
        "batch_id": KEY,
        "generated_at": "2026-11-20T09:17:00.000Z",
        "mode": "absolute",
        "levels": [{"sku": "TEE-NAVY-M", "location": "LEEDS", "available": 41, "sequence": 98121}],
    }


def test_a_payload_of_fulfilments_carries_each_as_in_the_worked_example() -> None:
    """Facts 11.4, many of them in one start; a quantity is a number as it stands."""
    fulfilment = Fulfilment(
        fulfilment_id="FUL-55310",
        order=OrderOfFulfilment(source="shopify-uk", id="6104889327714", name="#UK20481"),
        shipped_at="2026-11-20T15:42:00Z",
        location="LEEDS",
        carrier="EVRI",
        service="Standard",
        tracking=(Tracking(number="H00AB1234567890", url="https://track.example/H00AB1234567890"),),
        lines=(FulfilmentLine(order_line_id="15510028812", sku="TEE-NAVY-M", quantity=Decimal("2.50")),),
    )
    text = bytes(batches.payload("ful-0001", "fulfilments", batches.encoded([fulfilment] * 2), AT))
    content = json.loads(text)
    assert len(content["fulfilments"]) == 2
    assert content["fulfilments"][0]["order"] == {"source": "shopify-uk", "id": "6104889327714", "name": "#UK20481"}
    assert b'"quantity":2.50' in text
    assert "mode" not in content


def test_a_payload_needs_a_zone() -> None:
    """Which instant it was would be anybody's guess."""
    with pytest.raises(ValueError, match="zone"):
        batches.payload(KEY, "levels", [], datetime(2026, 11, 20))  # noqa: DTZ001 - what must be refused


def test_lines_are_cut_by_number_and_by_size_in_their_order() -> None:
    """Facts 11.3: at most 1,000 lines or 0.5 MB."""
    assert batches.cut([10] * 5, lines_max=2, payload_bytes_max=10_000).batches == ((0, 1), (2, 3), (4,))
    assert batches.cut([4_000] * 5, lines_max=99, payload_bytes_max=10_000).batches == ((0, 1), (2, 3), (4,))
    assert batches.cut([], lines_max=2, payload_bytes_max=10_000) == batches.Cut((), ())


def test_one_line_that_is_too_large_is_named_and_delays_no_other() -> None:
    """A poisoned line is not the batch's problem."""
    assert batches.cut([10, 20_000, 10], lines_max=9, payload_bytes_max=10_000) == batches.Cut(((0, 2),), (1,))


# -- what an effect holds ----------------------------------------------------------------------------------------------


def test_a_start_keeps_the_payload_byte_for_byte() -> None:
    """After a restart the stored bytes go out, not newly built ones."""
    payload = msgspec.Raw(b'{ "batch_id" : "' + KEY.encode() + b'", "n": 1.50 }')
    body = encode(start(payload))
    assert bytes(msgspec.json.decode(body, type=StartFlow).payload) == bytes(payload)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        pytest.param(f'[{{"batch_id":"{KEY}"}}]', "object", id="an array: not known to be taken"),
        pytest.param('{"batch_id":"another-key"}', "key", id="a payload that could not be found again"),
        pytest.param(f'{{"batch_id":"{KEY}0"}}', "key", id="another key that begins alike"),
        pytest.param(
            f'{{"batch_id":"{KEY}","x":"{"x" * PAYLOAD_BYTES_MAX}"}}', "at most 8000000 bytes", id="above 8 MB: 413"
        ),
    ],
)
def test_a_start_that_cannot_work_is_refused_before_it_is_stored(payload: str, complaint: str) -> None:
    """Facts 2.5: an object, at most 8 MB; and our own protocol needs the key in it."""
    raw = msgspec.Raw(payload.encode())
    for request in (start(raw), SendWebhook(webhook="stock", key=KEY, began_ms=1, payload=raw)):
        with pytest.raises(ValueError, match=complaint):
            encode(request)


@pytest.mark.parametrize("flow_id", ["../flows", "4320/start", "", "a b", "4320?x=1", "x" * 101])
def test_an_id_that_would_change_the_path_is_refused(flow_id: str) -> None:
    """Ids are opaque, and still stand in a path."""
    with pytest.raises(ValueError, match="flow_id"):
        encode(StartFlow(flow_id=flow_id, key=KEY, began_ms=1, payload=msgspec.Raw(f'{{"k":"{KEY}"}}'.encode())))


@pytest.mark.parametrize(
    ("payload", "holds"),
    [
        (b'{"batch_id":"stk-1:a.b"}', True),
        (b'[{"batch_id" : "stk-1:a.b"}]', True),
        (b'{"payload":"{\\"batch_id\\":\\"stk-1:a.b\\"}"}', True),
        (b"<batch_id>stk-1:a.b</batch_id>", True),
        (b'{"batch_id":"stk-1:a.b2"}', False),
        (b'{"batch_id":"x-stk-1:a.b"}', False),
        (b'{"batch_id":"stk-1:aXb"}', False),
        (b"", False),
    ],
)
def test_a_key_is_found_whole_however_the_payload_was_written_again(payload: bytes, holds: bool) -> None:
    """Wrapped, escaped, spaced or turned into XML on the way."""
    assert holds_key(payload, "stk-1:a.b") is holds
