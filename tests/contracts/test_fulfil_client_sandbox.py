"""The connector against the sandbox, whose author worked from the facts alone: two readings of them have to meet.

Nothing here is the sandbox's own but its control routes (faults, goods that arrive, parcels that leave).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from connectors.fulfil import workflow
from connectors.fulfil.adding_payments import NewPayment, NewTransaction, add_payments, add_transactions
from connectors.fulfil.amending import AmendOrder, LineAmended, amend_order
from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Changes, Seen, Watermark, advance, begin_or_go_on, fresh
from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import WebhookSettings
from connectors.fulfil.hints import PATH, Hint, hint_routes
from connectors.fulfil.ledger import (
    ACCOUNTS,
    JOURNALS,
    LEDGER_LINES,
    LEDGER_MOVES,
    PERIODS,
    NewLedgerLine,
    NewLedgerMove,
    make_ledger_move,
)
from connectors.fulfil.lines import LineChange, change_line
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.orders import create_order
from connectors.fulfil.parties import CONTACTS_BY_EMAIL, PARTIES, Emails, NewParty, make_party
from connectors.fulfil.payments import GATEWAYS, SALE_PAYMENTS, TRANSACTIONS
from connectors.fulfil.probing import asking, missing_fields
from connectors.fulfil.records import PREFERENCES, SEARCH_RECORDS, Nobody, Search, set_metafields, write_fields
from connectors.fulfil.returns import ReturnedLine, ReturnOrder, return_order
from connectors.fulfil.sales import SALE_LINES, SALES, Sale
from connectors.fulfil.sandbox import RunningSandbox, SandboxConfig, open_sandbox
from connectors.fulfil.shipments import SHIPMENTS, TRACKINGS
from connectors.fulfil.stock import LOCATIONS, PRODUCT_INVENTORY, STOCK_LEVELS, InventoryQuestion, StockQuestion
from connectors.fulfil.table import MODELS
from connectors.fulfil.tenant import DOCUMENTED
from connectors.fulfil.wire import Payment
from runtime.config import Secret
from runtime.errors import Unknown
from runtime.http import application
from tests.contracts.fulfil_at import connector, failure_of, free_port
from tests.unit.test_fulfil_wire import made_order

pytestmark = pytest.mark.anyio

Json = Any
WAREHOUSE = 4


class At:
    """A sandbox, the connector, and the sandbox's controls over HTTP."""

    def __init__(self, running: RunningSandbox, api: FulfilApi) -> None:
        self.running, self.api = running, api

    async def control(self, path: str, content: Json) -> Json:
        url = f"{self.running.url}/sandbox/{path}"
        async with self.api._session.post(url, json=content) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def lost(self, ask: Ask[Any]) -> Any:
        """Look (nothing is there), make the call with its answer lost after the commit, look again: what is found."""
        assert await self.api.look(ask.kind, ask.body) is None
        await self.control("faults", [{"route": "*", "kind": "answer_lost", "probability": 1}])
        assert type(await failure_of(self.api.perform(ask.kind, ask.body))) is Unknown
        await self.control("faults", [])
        found = await self.api.look(ask.kind, ask.body)
        assert found is not None
        return found

    async def webhook(self, values: Json) -> None:
        """Ask for webhooks, as the documented page does: POST of an array."""
        url = f"{self.running.url}/api/v2/model/ir.webhook"
        headers = {"X-API-KEY": "sandbox-token"}
        async with self.api._session.post(url, json=[values], headers=headers) as response:
            assert response.status == 201, await response.text()

    async def imported(self, **changes: Any) -> Sale:
        """An order that has become a sale."""
        created = await self.api.make(create_order(3, made_order(**changes)))
        return await self.sale(created.id)

    async def sale(self, id_: int) -> Sale:
        (sale,) = await self.api.make(SALES.read(Ids((id_,))))
        return sale


@asynccontextmanager
async def sandbox(**given: Any) -> AsyncIterator[At]:
    """A sandbox without limits, with goods in stock, and a connector for it."""
    api_settings = given.pop("api", {})
    config = msgspec.structs.replace(SandboxConfig(port=0, requests_per_s=0), **given)
    async with (
        open_sandbox(config) as running,
        connector(running.url, token="sandbox-token", **api_settings) as api,
    ):
        at = At(running, api)
        goods = ("MUG-BLUE", "LAMP-OAK")
        await at.control("products", [{"sku": sku, "stock": "20", "price": "24.50"} for sku in goods])
        yield at


# -- reads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
async def test_every_model_answers_what_is_asked_of_it_by_default(model: Any) -> None:
    """No field that the facts do not name; all three ways of reading."""
    async with sandbox() as at:
        assert await missing_fields(model, DOCUMENTED, asking(at.api.perform)) == ()
        page = await at.api.make(model.changed(Changes()))
        assert await at.api.make(model.count(Changes())) == len(page.rows)
        some = tuple(row.id for row in page.rows[:3])
        if some:
            assert {row.id for row in await at.api.make(model.read(Ids(some)))} == set(some)
        for by in model.by:
            values = (
                (7,) if by in ("id", "sale", "party", "product", "channel", "invoice", "move", "account") else ("x",)
            )
            if by not in ("origin", "shipment", "sales"):
                await at.api.make(model.find(Find(by=by, values=values)))


@pytest.mark.parametrize("generation", ["v1", "v2", "v3", "text"])
@pytest.mark.parametrize("precision", ["microsecond", "second"])
async def test_sales_are_read_with_dates_of_every_generation(generation: str, precision: str) -> None:
    """Facts 13.6 and 13.10: which one a tenant answers is not known, nor what it keeps of a second."""
    async with sandbox(date_generation=generation, time_precision=precision) as at:
        sale = await at.imported()
    assert sale.sale_date == date(2026, 11, 20)
    assert sale.create_date is not None
    assert sale.create_date.tzinfo is not None
    assert (sale.channel_identifier, sale.total_amount) == ("shop-100045", Decimal("52.92"))


async def test_a_name_that_drifted_is_configured_and_read() -> None:
    """Facts 13.7: where a payment keeps the provider's id."""
    names = {"sale.payment.reference": "provider_reference"}
    payment = Payment(amount=Decimal("52.92"), method="stripe", state="success", provider_reference="ch_1")
    switches = {"payment_reference_field": "provider_reference", "line_write_after_confirm": "accept"}
    async with sandbox(**switches, api={"names": names}) as at:
        sale = await at.imported(payments=(payment,))
        page = await at.api.make(SALE_PAYMENTS.find(Find(by="sale", values=(sale.id,))))
        new = NewPayment(sale=sale.id, gateway=1, amount=Decimal(1), reference="ch_2")
        await at.lost(add_payments([new], reference_field="provider_reference"))
    assert [row.reference for row in page.rows] == ["ch_1"]


async def test_what_changed_is_followed_from_sale_to_parcel() -> None:
    """A watermark sees the shipment waiting, then done with its tracking number, and nothing twice."""
    mark, seen, states = Watermark(), Seen(), list[tuple[str | None, str | None]]()

    async def poll(at: At) -> None:
        nonlocal mark, seen
        mark, asked = begin_or_go_on(mark, datetime.now(UTC))
        page = await at.api.make(SHIPMENTS.changed(asked))
        mark = advance(mark, page, overlap=timedelta(seconds=30))
        rows, seen = fresh(seen, page.rows)
        states.extend((row.state, row.tracking_number) for row in rows)

    async with sandbox() as at:
        await poll(at)
        sale = await at.imported()
        await poll(at)
        await poll(at)
        parcel = {"tracking_number": "1Z999"}
        await at.control("play", {"event": "ship", "order": "shop-100045", "parcels": [parcel]})
        await poll(at)
        await poll(at)
        found = await at.api.make(SHIPMENTS.find(Find(by="sales", values=(sale.id,))))
        trackings = await at.api.make(TRACKINGS.find(Find(by="tracking_number", values=("1Z999",))))
    assert states == [("waiting", None), ("done", "1Z999")]
    assert [row.order_numbers for row in found.rows] == ["#100045"]
    assert len(trackings.rows) == 1


async def test_stock_by_location_and_by_warehouse_agree() -> None:
    """Facts 8.5: on hand and available, before and after an order reserves."""
    async with sandbox() as at:
        question = StockQuestion(locations=(WAREHOUSE,), codes=("MUG-BLUE",))
        (before,) = (await at.api.make(STOCK_LEVELS(question))).rows
        await at.imported()
        (after,) = (await at.api.make(STOCK_LEVELS(question))).rows
        (inventory,) = await at.api.make(PRODUCT_INVENTORY(InventoryQuestion((after.id,), (WAREHOUSE,))))
        locations = (await at.api.make(LOCATIONS.changed(Changes()))).rows
    assert (before.quantity_on_hand, before.quantity_available) == (20, 20)
    assert (after.quantity_on_hand, after.quantity_available) == (20, 18)
    assert (inventory.quantity_on_hand, inventory.quantity_available) == (20, 18)
    assert WAREHOUSE in {row.id for row in locations}


async def test_pages_go_on_over_many_records_without_an_offset() -> None:
    """Every page, each record once."""
    async with sandbox(products_count=25, api={"page_size": 10}) as at:
        codes: list[str | None] = []
        after_id, complete = 0, False
        while not complete:
            page = await at.api.make(STOCK_LEVELS(StockQuestion(locations=(WAREHOUSE,), after_id=after_id)))
            codes += [row.code for row in page.rows]
            after_id, complete = page.last_id, page.complete
    assert len(codes) == len(set(codes)) == 27


async def test_the_token_answers_for_itself() -> None:
    """Facts 11."""
    async with sandbox() as at:
        assert "company" in await at.api.make(PREFERENCES(Nobody()))


# -- writes whose answer is lost ---------------------------------------------------------------------------------------


async def test_a_lost_create_is_found_and_its_repeat_makes_nothing_new() -> None:
    """Promise 2, for the one call an import makes."""
    async with sandbox() as at:
        ask = create_order(3, made_order())
        found = await at.lost(ask)
        again = await at.api.make(ask)
        assert found.id == again.id
        assert await at.api.make(SALES.count(Changes())) == 1


async def test_a_lost_hold_release_and_amendment_are_found() -> None:
    """Rule 16: hold, re-read, apply, release; by writing lines, where the tenant takes that."""
    async with sandbox(line_write_after_confirm="accept") as at:
        sale = await at.imported()
        assert sale.shipments
        await at.lost(workflow.HOLD_SHIPMENT(sale.shipments, "an edit"))
        lines = (await at.api.make(SALE_LINES.find(Find(by="sale", values=(sale.id,))))).rows
        (mug,) = [line for line in lines if line.product_code == "MUG-BLUE"]
        assert await at.lost(change_line(LineChange(id=mug.id, quantity=Decimal(1))))
        await at.lost(workflow.UNHOLD_SHIPMENT(sale.shipments, "done"))
        (line,) = await at.api.make(SALE_LINES.read(Ids((mug.id,))))
    assert line.quantity == 1


async def test_a_lost_amendment_under_the_orders_key_is_found() -> None:
    """Facts 9.1, the newer reading: a second create carries an update."""
    async with sandbox(repeat_with_change="update") as at:
        sale = await at.imported()
        order = made_order()
        line = LineAmended(
            channel_identifier="L1",
            sku="MUG-BLUE",
            quantity=Decimal(1),
            unit_price=Decimal("24.50"),
            amount=Decimal("24.50"),
        )
        ask = amend_order(3, AmendOrder(channel_identifier=order.channel_identifier, sale_lines=(line,)))
        found = await at.lost(ask)
    assert found.id == sale.id


async def test_a_lost_payment_party_and_field_are_found_once() -> None:
    """Nothing dedupes these: without the look a repeat would double them."""
    async with sandbox(line_write_after_confirm="accept") as at:
        sale = await at.imported()
        gateway = (await at.api.make(GATEWAYS.changed(Changes()))).rows[0]
        payment = NewPayment(sale=sale.id, gateway=gateway.id, amount=Decimal("52.92"), reference="ch_9")
        found = await at.lost(add_payments([payment]))
        rows = (await at.api.make(SALE_PAYMENTS.find(Find(by="sale", values=(sale.id,))))).rows
        assert [(row.id, row.amount, row.reference) for row in rows] == [(*found.ids, Decimal("52.92"), "ch_9")]
        taken = NewTransaction(
            payment=rows[0].id, gateway=gateway.id, type="charge", amount=Decimal("52.92"), reference="ch_9",
            made_on=date(2026, 11, 20),
        )  # fmt: skip
        (transaction,) = (await at.lost(add_transactions([taken]))).ids
        await at.lost(workflow.PROCESS_TRANSACTION([transaction]))
        (row,) = (await at.api.make(TRANSACTIONS.find(Find(by="sale_payment", values=(rows[0].id,))))).rows
        assert (row.state, row.made_on, row.provider_reference) == ("completed", date(2026, 11, 20), "ch_9")
        new = NewParty(code="SHOP-778", name="Bo", contacts=(("email", "bo_x@example.com"),))
        party = await at.lost(make_party(new))
        contacts = await at.api.make(CONTACTS_BY_EMAIL(Emails(emails=("BO_X@example.com",))))
        assert [row.party for row in contacts.rows] == [party.id]
        await at.lost(write_fields("party.party", party.id, {"name": "Bo X"}))
        (row,) = await at.api.make(PARTIES.read(Ids((party.id,))))
        assert row.name == "Bo X"
        await at.lost(set_metafields("sale.sale", sale.id, {17: "told"}))


async def test_a_lost_ledger_move_is_found_balanced_and_posted_once() -> None:
    """Facts 8.9: made as a draft, then posted; in a period that is open."""
    async with sandbox() as at:
        await at.imported()
        await at.control("play", {"event": "ship", "order": "shop-100045"})
        accounts = [row for row in (await at.api.make(ACCOUNTS.changed(Changes()))).rows if not row.party_required]
        journal = (await at.api.make(JOURNALS.changed(Changes()))).rows[0]
        periods = (await at.api.make(PERIODS.changed(Changes()))).rows
        today = datetime.now(UTC).date()
        (period,) = [
            row for row in periods if row.start_date and row.end_date and row.start_date <= today <= row.end_date
        ]
        lines = (
            NewLedgerLine(account=accounts[0].id, debit=Decimal("2.45")),
            NewLedgerLine(account=accounts[1].id, credit=Decimal("2.45")),
        )
        move = NewLedgerMove(
            journal=journal.id, period=period.id, booked_on=today, description="SEAM batch 1", lines=lines
        )
        made = await at.lost(make_ledger_move(move))
        await at.lost(workflow.POST_LEDGER_MOVE([made.id]))
        (row,) = await at.api.make(LEDGER_MOVES.read(Ids((made.id,))))
        booked = (await at.api.make(LEDGER_LINES.find(Find(by="move", values=(made.id,))))).rows
    assert row.state == "posted"
    assert sum(line.debit or 0 for line in booked) == sum(line.credit or 0 for line in booked) == Decimal("2.45")


async def test_a_lost_return_is_found_under_its_own_key() -> None:
    """Facts 8.10: deduped by its channel_identifier."""
    async with sandbox() as at:
        sale = await at.imported()
        await at.control("play", {"event": "ship", "order": "shop-100045"})
        lines = (await at.api.make(SALE_LINES.find(Find(by="sale", values=(sale.id,))))).rows
        mug = next(line for line in lines if line.product_code == "MUG-BLUE")
        back = ReturnedLine(order_line_id=mug.id, return_quantity=Decimal(1), return_reason="too blue")
        ask = return_order(sale.id, 3, ReturnOrder(channel_identifier="ret-1", reference="#100045-R1", lines=(back,)))
        found = await at.lost(ask)
        assert (await at.api.make(ask)).id == found.id
        origins = await at.api.make(SALE_LINES.find(Find(by="origin", values=(f"sale.line,{mug.id}",))))
    assert [row.sale for row in origins.rows] == [found.id]


# -- tasks and hints ---------------------------------------------------------------------------------------------------


async def test_an_asynchronous_process_is_waited_for() -> None:
    """Facts 2: AsyncResult. The step is done when it says so."""
    async with sandbox(processing="asynchronous", processing_delay_s=0.2) as at:
        sale = await at.imported()
        assert sale.state != "processing"
        await at.api.make(workflow.PROCESS_SALE([sale.id]))
        assert (await at.sale(sale.id)).state == "processing"


async def test_the_sandboxs_webhooks_are_hints_at_our_door() -> None:
    """Facts 7: signed over the raw body with the decoded secret; both sides read that the same way."""
    hints: list[Hint] = []
    arrived = anyio.Event()

    def take(hint: Hint) -> None:
        hints.append(hint)
        arrived.set()

    refusals: list[Any] = []
    event = "product.product.inventory_level_changed"
    async with sandbox() as at, AsyncExitStack() as opened:
        port = free_port()
        url = f"http://127.0.0.1:{port}{PATH}"
        await at.webhook({"event": event, "url": url})
        (webhook,) = await at.api.make(SEARCH_RECORDS(Search(model="ir.webhook", fields=("secret",))))
        settings = WebhookSettings(secrets=(Secret(webhook["secret"]),))
        routes = hint_routes(settings, hint=take, emit=refusals.append)
        await opened.enter_async_context(TestServer(application(routes), port=port))
        await at.control("play", {"event": "receive", "goods": [{"sku": "MUG-BLUE", "quantity": "5"}]})
        with anyio.fail_after(10):
            await arrived.wait()
    assert refusals == []
    assert (hints[0].event, hints[0].model, len(hints[0].ids)) == (event, "product.product", 1)
