"""What a sales channel says that it was told: pages as they are sent, and the shares of carriers that have a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.patchworks.fulfilments import ListedFulfilment, read_fulfilments
from connectors.patchworks.items import Refusal
from flows.cli.shipments import covered
from flows.model.fulfilments import FulfilmentSettings
from flows.model.outgoing import FlowTarget
from flows.reading.rows import CarrierRow

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)


async def page_of(body: Any, **query: str) -> Any:
    return await read_fulfilments("web", msgspec.json.encode(body), query, NOW)


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ("out-1-1001", ListedFulfilment("out-1-1001")),
        (77, ListedFulfilment("77")),
        (
            {"fulfilment_id": "out-1-1001", "tracking": ["1Z1", 2, " "]},
            ListedFulfilment("out-1-1001", "", ("1Z1", "2")),
        ),
        ({"order_id": 1001, "tracking": ["1Z1"]}, ListedFulfilment("", "1001", ("1Z1",))),
    ],
)
async def test_a_row_names_a_fulfilment_by_its_id_or_by_order_and_numbers(row: Any, read: ListedFulfilment) -> None:
    """In an object, in an array, or alone."""
    for body in ({"fulfilments": [row]}, [row]):
        assert (await page_of(body)).fulfilments == (read,)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"fulfilments": [{"order_id": "1001"}]}, "fulfilment_unusable"),
        ({"fulfilments": [""]}, "fulfilment_unusable"),
        ({"fulfilments": ["a\nb"]}, "fulfilment_unusable"),
        ({"fulfilments": ["x" * 1_000]}, "fulfilment_unusable"),
        ({"orders": []}, "manifest_invalid"),
        ({"fulfilments": [], "pages": 2}, "manifest_missing"),
        ({"fulfilments": [], "listed_at": "2026-11-20T16:00:00"}, "instant_without_zone"),
        ({"fulfilments": ["a"] * 1_001}, "items_too_many"),
    ],
)
async def test_what_is_no_page_is_refused_with_its_code(body: Any, code: str) -> None:
    """And nothing of it is taken."""
    with pytest.raises(Refusal) as refusal:
        await page_of(body)
    assert refusal.value.body.code == code


def test_coverage_counts_shipments_by_the_mapping_as_it_is_now() -> None:
    """A carrier without a name, and a service without one, are both what a shipment would be held for."""
    settings = FulfilmentSettings(
        flow=FlowTarget(flow_id="1"), carriers={"UPS": "ups"}, services={"UPS Ground": "Ground", "2D": "Two days"}
    )
    used = [
        CarrierRow(sales_channel="web", carrier=carrier, service_code=code, service=service, shipments=count)
        for carrier, code, service, count in (
            ("UPS", "", "UPS Ground", 6),
            ("UPS", "2D", "UPS 2nd Day", 2),
            ("UPS", "", "Express", 1),
            ("DPD Next Day v2", "", "", 1),
        )
    ]
    channels: dict[str, Any] = {"web": type("Settings", (), {"fulfilments": settings})()}
    (report,) = covered(used, channels)
    assert (report["shipments"], report["mapped"], report["share"]) == (10, 8, 0.8)
    assert [row["mapped"] for row in report["carriers"]] == [True, True, False, False]
    assert covered(used, {}) == []
