"""Payments after the import, in the real process beside the real sandbox: recorded once, listed, explained, counted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import msgspec
import pytest

from flows.explain import explain
from flows.reading import reading
from flows.reading.payments import in_suspense, payments
from runtime.clock import to_datetime
from tests.integration.test_after_the_sale import SHOP, UPSERT, Shop, body, shop

pytestmark = pytest.mark.anyio

RECORDS = """
[sales_channels.shop.sale.suspense]
approved_by = "Finance"
tax = "VAT"
[payments]
gather_s = 0.0
[payments.gateways.card]
"""
KNOWS = {**UPSERT, "payments": "readable"}
AUTHORISED = {"id": "A1", "gateway": "card", "amount": "12.00", "kind": "authorisation"}
CAPTURED = {"id": "C1", "gateway": "card", "amount": "12.00", "kind": "capture", "parent_id": "A1"}


class Till(Shop):
    """The sales channel, and the gateway's transactions in the ERP."""

    async def transactions(self) -> list[tuple[str, str, str, str]]:
        fields = ["type", "provider_reference", "amount", "state"]
        url = f"{self.at.erp.url}/api/v2/model/payment_gateway.transaction/search_read"
        asked = msgspec.json.encode([[], 0, 100, None, fields])
        async with self.at.session.put(url, data=asked, headers={"X-API-KEY": "sandbox-token"}) as answer:
            rows = await answer.json()
        return [(row["type"], row["provider_reference"], row["amount"]["decimal"], row["state"]) for row in rows]

    async def until(self, state: str, count: int) -> None:
        """Until so many transactions are in this state."""
        found: list[Any] = []
        with anyio.move_on_after(10):
            while sum(row[3] == state for row in found) != count:
                await anyio.sleep(0.02)
                found = await self.transactions()
        assert sum(row[3] == state for row in found) == count, (found, await self.at.cases())


@contextlib.asynccontextmanager
async def till(directory: Path, settings: str = SHOP + RECORDS, knows: dict[str, str] = KNOWS) -> AsyncIterator[Till]:
    async with shop(directory, knows, settings) as at:
        yield Till(at.at)


def version(minute: int, *tenders: dict[str, Any], **more: Any) -> bytes:
    """The order of one mug, with what was done about its money so far."""
    status = "paid" if any(each["kind"] == "capture" for each in tenders) else "authorised"
    return body(1, ("MUG", "1", "10.00"), minute=minute, payments=list(tenders), **{"financial_status": status, **more})


async def test_a_capture_after_the_import_is_recorded_listed_and_told(tmp_path: Path) -> None:
    """From the delivery of a version to the transaction in Fulfil, the list, the story and the metrics."""
    async with till(tmp_path) as at:
        await at.sends(version(0, AUTHORISED))
        await at.until("authorized", 1)
        await at.sends(version(1, AUTHORISED, CAPTURED))
        await at.until("cancel", 1)
        await at.until("completed", 1)
        await at.sends(version(2, AUTHORISED, CAPTURED))
        await at.quiet()
        assert len(await at.transactions()) == 2
        async with reading(tmp_path / "store.db") as read:
            with anyio.fail_after(10):
                while any(row.status == "due" for row in await payments(read)):
                    await anyio.sleep(0.02)
            rows = await payments(read, order="shop/1")
            assert [(row.record, row.status, row.reached, row.amount) for row in rows] == [
                ("+A1", "recorded", "cancelled", "12.00"), ("+C1", "recorded", "completed", "12.00"),
            ]  # fmt: skip
            assert [row.record for row in await payments(read, limit=1)] == ["+C1"]
            told = explain(await read.story("shop/1"), to_datetime(at.at.app.journal.clock.now()))
            assert await in_suspense(read, ZoneInfo("UTC")) == []
        assert "capture C1 of 12.00 USD recorded in Fulfil" in told
        await at.at.app.standing.look()
        figures = await at.at.ops("/metrics")
        assert 'seamline_payments_settled_total{sales_channel="shop",state="completed"} 1.0' in figures
        assert 'seamline_payments_unrecorded{sales_channel="shop"} 0.0' in figures


async def test_what_is_not_mapped_goes_to_suspense_and_a_late_gateway_is_a_case_that_a_person_ends(
    tmp_path: Path,
) -> None:
    """Rule 19: the tax by finance's word, on the list; the gateway of a later payment is released by name."""
    settings = (SHOP + RECORDS).replace('taxes = { VAT = "VAT" }', "taxes = {}")
    async with till(tmp_path, settings) as at:
        await at.sends(version(0, AUTHORISED))
        await at.sends(version(1, AUTHORISED, {**CAPTURED, "gateway": "other"}))
        with anyio.fail_after(10):
            while not await at.at.cases("payment.unrecorded"):
                await anyio.sleep(0.02)
        async with reading(tmp_path / "store.db") as read:
            (row,) = await in_suspense(read, ZoneInfo("UTC"))
            assert (row.kind, row.name, row.target, row.amount, row.approved_by) == (
                "tax",
                "VAT",
                "VAT",
                "2.00",
                "Finance",
            )
        month = f"{row.day:%Y-%m}"
        asked = {"kind": "tax", "name": "VAT", "sales_channel": "shop", "month": month, "by": "Ann", "reason": "moved"}
        assert (await at.at.control("suspense", **asked))[0] == 200
        with anyio.fail_after(10):
            while await at.at.app.journal.query("close_suspense", 1 << 62, "9999"):
                await anyio.sleep(0.02)
        status, said = await at.at.control("release", key="shop/1", by="Ann", reason="entered by hand")
        assert (status, said["message"]) == (200, "the payments of shop/1 will be looked at again")
        with anyio.fail_after(10):
            while await at.at.cases("payment.unrecorded"):
                await anyio.sleep(0.02)
