"""What sales channels do to orders that are in Fulfil already, against the real sandbox: edits, cancels, holds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.fulfil.sandbox import SalesChannel, SandboxConfig, TaxRate
from tests.integration.running import Running, running, sandbox_config

pytestmark = pytest.mark.anyio

SHOP = """
[sales_channels.shop]
format = "seamline"
[sales_channels.shop.sale]
channel_id = 5
taxes = { VAT = "VAT" }
gateways = { card = "card" }
[[sales_channels.shop.gate.rules]]
name = "to be looked at"
then = "hold_shipment"
tags = ["review"]
"""
_LEFT = """SELECT 1 FROM message WHERE channel = 'order_importer' UNION SELECT 1 FROM intent"""
UPSERT = {"same_key_changed": "updated", "cancel_after_confirm": "accepted"}
WRITES = {"same_key_changed": "existing", "line_write": "accepted", "cancel_after_confirm": "accepted"}
MEANS = pytest.mark.parametrize("knows", [UPSERT, WRITES], ids=["keyed upsert", "line write"])


def erp(**switches: Any) -> SandboxConfig:
    """An ERP whose invoices come with the shipments, so that an order can be changed until it is picked."""
    channel = SalesChannel(
        id=5,
        name="shop",
        code="shop",
        taxes=(TaxRate(name="VAT", rate=Decimal("0.20")),),
        gateways=("card",),
        invoice_method="shipment",
    )
    fields = {
        "repeat_with_change": "update",
        "line_write_after_confirm": "accept",
        "cancel_after_confirm": "unshipped",
        **switches,
    }
    return sandbox_config(channels=(*sandbox_config().channels, channel), **fields)


def body(number: int, *lines: tuple[str, str, str], minute: int = 0, **more: Any) -> bytes:
    """A paid order of these lines: (sku, quantity, price), each taxed with 20 %."""
    made, total = [], Decimal(0)
    for sku, quantity, price in lines:
        net = Decimal(quantity) * Decimal(price)
        tax = net * Decimal("0.2")
        total += net + tax
        made.append(
            {
                "id": sku,
                "sku": sku,
                "quantity": quantity,
                "unit_price": price,
                "taxes": [{"name": "VAT", "rate": "0.20", "amount": f"{tax:.2f}"}],
            }
        )
    address = {"name": "Ada Moss", "address1": "1 Elm Street", "city": "Austin", "zip": "78701", "country_code": "US"}
    order = {
        "order_id": str(number),
        "reference": f"#{number}",
        "placed_at": "2026-11-20T14:00:00Z",
        "updated_at": f"2026-11-20T14:{minute:02}:00Z",
        "currency": "USD",
        "taxes_included": False,
        "total": f"{total:.2f}",
        "lines": made,
        "payments": [{"id": f"pay-{number}", "gateway": "card", "amount": f"{total:.2f}"}],
        "financial_status": "paid",
        "customer": {"id": "C-7", "name": "Ada Moss", "email": "ada@example.com"},
        "shipping_address": address,
        **more,
    }
    return msgspec.json.encode(order)


class Shop:
    """The sales channel on one side, the ERP on the other."""

    def __init__(self, at: Running) -> None:
        self.at = at

    async def sends(self, payload: bytes) -> None:
        """A version arrives, and everything that follows from it is over."""
        status, answer = await self.at.post(payload, sales_channel="shop")
        assert status in (200, 201), answer
        await self.quiet()

    async def quiet(self) -> None:
        with anyio.fail_after(20):
            while await self.at.app.journal.reading.run(lambda store: store.execute(_LEFT).fetchall()):
                await anyio.sleep(0.01)

    async def plays(self, event: str, **of: Any) -> None:
        """Something happens at the warehouse."""
        await self.at.sandbox("play", {"event": event, **of})

    async def sale(self, number: int = 1) -> dict[str, Any]:
        """The sale of an order, with its lines as {sku: quantity}."""
        sale = (await self.at.books())[str(number)]
        return {**sale, "lines": {line["sku"]: Decimal(line["quantity"]) for line in sale["lines"]}}

    async def kinds(self) -> list[str]:
        return sorted(kind for kind, _, _ in await self.at.cases())

    async def calls(self) -> dict[str, int]:
        """How often each route of the ERP answered 200."""
        async with self.at.session.get(f"{self.at.erp.url}/sandbox/books?sales=0") as answer:
            calls = (await answer.json())["calls"]
        return {route: statuses.get("200", 0) for route, statuses in calls.items()}

    async def on_hold(self) -> list[Any]:
        """What each shipment says of being on hold."""
        url = f"{self.at.erp.url}/api/v2/model/stock.shipment.out/search_read"
        body = b'[[],0,100,null,["on_hold","state"]]'
        async with self.at.session.put(url, data=body, headers={"X-API-KEY": "sandbox-token"}) as answer:
            return [bool(row["on_hold"]) for row in await answer.json() if row["state"] != "cancel"]


@contextlib.asynccontextmanager
async def shop(directory: Path, knows: dict[str, str], settings: str = SHOP, **switches: Any) -> AsyncIterator[Shop]:
    """One process; the ERP has three products and enough of each."""
    skus = ("MUG", "LAMP", "POT")
    async with running(directory, skus=skus, erp=erp(**switches), knows=knows, more=settings) as at:
        for sku in skus:
            await at.sandbox("play", {"event": "count", "sku": sku, "quantity": 50})
        yield Shop(at)


@MEANS
async def test_an_edit_before_the_pick_is_applied_and_proven_again(tmp_path: Path, knows: dict[str, str]) -> None:
    """Failure case 14, before the pick: fewer of one line, another price; the sale is what the order is now."""
    async with shop(tmp_path, knows) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00")))
        assert (await at.sale())["total"] == "60.00"
        await at.sends(body(1, ("MUG", "2", "10.00"), ("LAMP", "1", "15.00"), minute=1))
        sale = await at.sale()
        assert (sale["total"], sale["lines"]) == ("42.00", {"MUG": 2, "LAMP": 1})
        assert (await at.kinds(), await at.on_hold()) == ([], [False])
        calls = await at.calls()
        assert (calls["stock.shipment.out/hold"], calls["stock.shipment.out/unhold"]) == (1, 1)


async def test_a_line_that_is_added_or_removed_is_an_edit_like_any_other(tmp_path: Path) -> None:
    """Under the order's own key lines are added, too; a removed one stays with nothing left of it."""
    async with shop(tmp_path, UPSERT) as at:
        await at.sends(body(1, ("MUG", "1", "10.00"), ("LAMP", "1", "20.00")))
        await at.sends(body(1, ("MUG", "1", "10.00"), ("POT", "2", "5.00"), minute=1))
        sale = await at.sale()
        assert (sale["total"], sale["lines"]) == ("24.00", {"MUG": 1, "LAMP": 0, "POT": 2})
        assert await at.kinds() == []


async def test_a_line_that_cannot_be_added_is_a_case_with_both_versions(tmp_path: Path) -> None:
    """A tenant that takes only changes of lines that it has."""
    async with shop(tmp_path, WRITES) as at:
        await at.sends(body(1, ("MUG", "1", "10.00")))
        await at.sends(body(1, ("MUG", "1", "10.00"), ("POT", "2", "5.00"), minute=1))
        ((kind, subject, sentence),) = await at.at.cases()
        assert (kind, subject, (await at.sale())["total"]) == ("order.edited", "shop/1", "12.00")
        assert "2 x POT was added; the total was 12.00 and is 24.00 USD" in sentence
        assert "a line was added, and this tenant takes only changes of lines that it has" in sentence


@MEANS
@pytest.mark.parametrize("event", ["pick", "pack", "ship"])
async def test_an_edit_after_the_pick_is_a_case_with_both_versions(
    tmp_path: Path, knows: dict[str, str], event: str
) -> None:
    """Failure case 14, after the pick: the sale stands, nothing is put on hold, operations sees both."""
    async with shop(tmp_path, knows) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.plays(event, order="1")
        await at.sends(body(1, ("MUG", "2", "10.00"), minute=1))
        ((kind, _, sentence),) = await at.at.cases()
        assert (kind, (await at.sale())["total"]) == ("order.edited", "36.00")
        assert "3 x MUG became 2 x MUG" in sentence
        assert "not changed there, because" in sentence
        await at.sends(body(1, ("MUG", "3", "10.00"), minute=2))
        assert await at.kinds() == [], "taken back: the version that is in Fulfil"


async def test_an_edit_of_a_tenant_that_cannot_is_a_case_with_both_versions(tmp_path: Path) -> None:
    """Nothing is known of what the tenant can change, so nothing is tried."""
    async with shop(tmp_path, {}) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.sends(body(1, ("MUG", "2", "10.00"), minute=1))
        ((kind, _, sentence),) = await at.at.cases()
        assert kind == "order.edited"
        assert "3 x MUG became 2 x MUG" in sentence
        assert "seamline probe fulfil" in sentence


async def test_a_cancel_before_the_shipment_cancels_the_sale(tmp_path: Path) -> None:
    """Failure case 15: it is not wanted, and nothing has left."""
    async with shop(tmp_path, UPSERT) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.sends(body(1, ("MUG", "3", "10.00"), minute=1, cancelled_at="2026-11-20T14:01:00Z"))
        assert ((await at.sale())["state"], await at.kinds()) == ("cancel", [])
        assert await at.at.states() == {"shop/1": "cancelled"}
        await at.sends(body(1, ("MUG", "3", "10.00"), minute=2))
        assert await at.kinds() == ["order.edited"], "reopened in the sales channel: never silently made anew"
        assert (await at.sale())["state"] == "cancel"


@pytest.mark.parametrize("event", ["pick", "ship"])
async def test_a_cancel_that_comes_after_the_warehouse_has_begun_is_a_case(tmp_path: Path, event: str) -> None:
    """Failure case 15: what the ERP has shipped wins; nothing is refunded twice by us."""
    async with shop(tmp_path, UPSERT) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.plays(event, order="1")
        await at.sends(body(1, ("MUG", "3", "10.00"), minute=1, cancelled_at="2026-11-20T14:01:00Z"))
        ((kind, _, sentence),) = await at.at.cases()
        assert (kind, (await at.sale())["state"] != "cancel") == ("order.cancelled", True)
        assert "stands, because" in sentence


async def test_an_order_that_is_to_be_looked_at_is_in_fulfil_and_not_shipped(tmp_path: Path) -> None:
    """Rule 1: import with shipment hold; the sales channel's next word releases it."""
    async with shop(tmp_path, {}) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), tags=["review"]))
        assert (await at.kinds(), await at.on_hold()) == (["order.on_hold"], [True])
        await at.sends(body(1, ("MUG", "3", "10.00"), minute=1, tags=["fine"]))
        assert (await at.kinds(), await at.on_hold()) == ([], [False])


async def test_a_person_who_has_looked_releases_the_shipments(tmp_path: Path) -> None:
    """`seamline holds release` ends the case, and the hold in Fulfil."""
    async with shop(tmp_path, {}) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), tags=["review"]))
        status, answer = await at.at.control("release", key="shop/1")
        assert status == 200, answer
        await at.quiet()
        assert (await at.kinds(), await at.on_hold()) == ([], [False])


async def test_shipments_that_come_later_are_put_on_hold_when_they_are_there(tmp_path: Path) -> None:
    """A tenant that processes sales in its own time: the hold waits for them."""
    async with shop(tmp_path, {}, processing="asynchronous", processing_delay_s=3600) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), tags=["review"]))
        assert await at.on_hold() == []
        state = await at.at.app.journal.query_list("states", ["shop/1"], "order_importer")
        assert b'"tries":1' in state[0][1]


async def test_units_that_were_refunded_before_the_import_are_not_shipped(tmp_path: Path) -> None:
    """Rule 17: a refund of an unshipped line reduces the sale; it comes to what the sales channel says is left."""
    payload = msgspec.json.decode(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00")))
    payload["lines"][0]["quantity_left"] = "1"
    payload["total_left"] = "36.00"
    payload["financial_status"] = "partially_refunded"
    payload["refunds"] = [{"id": "R1", "amount": "24.00"}]
    async with shop(tmp_path, {}) as at:
        await at.sends(msgspec.json.encode(payload))
        sale = await at.sale()
        assert (sale["total"], sale["lines"], sale["payments_sum"]) == ("36.00", {"MUG": 1, "LAMP": 1}, "36.00")


@MEANS
async def test_units_that_are_refunded_after_the_import_leave_the_sale(tmp_path: Path, knows: dict[str, str]) -> None:
    """Rule 17: while nothing is picked, the sale is reduced."""
    payload = msgspec.json.decode(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00"), minute=1))
    payload["lines"][0]["quantity_left"] = "1"
    payload["total_left"] = "36.00"
    payload["financial_status"] = "partially_refunded"
    payload["refunds"] = [{"id": "R1", "amount": "24.00"}]
    async with shop(tmp_path, knows) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00")))
        await at.sends(msgspec.json.encode(payload))
        sale = await at.sale()
        assert (sale["total"], sale["lines"], await at.kinds()) == ("36.00", {"MUG": 1, "LAMP": 1}, [])
