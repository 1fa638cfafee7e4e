"""Sales read back, in the real process beside the real sandbox: edits of ours are no difference, edits by hand are."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import msgspec
import pytest

from flows.explain import explain
from flows.model.invoices import read_invoiced
from flows.model.month import month_in
from flows.payout_import.file import PayoutFile, examine, pages_of
from flows.payout_importer import NAME as PAYOUT_IMPORTER
from flows.payout_importer import PageReceived, payout_key
from flows.payouts import PAYOUT_FORMATS, Source
from flows.reading import reading
from flows.reading.clearing import clearing
from flows.reconciler import CLOSING, CLOSING_KEY, COSTS, RECONCILER, RECONCILER_KEY, CloseOrders, Reconcile
from runtime.clock import to_datetime
from tests.integration.running import INTAKE_KEY
from tests.integration.test_after_the_sale import SHOP, UPSERT, Shop, body, shop
from tests.unit import payout_files as files

pytestmark = pytest.mark.anyio

PROVES = SHOP + "[reconciliation]\nevery_s = 86400.0\n"
SETTLES = PROVES + "".join(
    f'[reconciliation.closing.{code}]\nevidence = "payout_line"\n'
    for code in ("card", "shopify_payments", "bogus", "none")
)
_LEFT = """SELECT 1 FROM message
WHERE channel IN ('order_importer', 'reconciler', 'sale_checks', 'closing', 'payout_importer')
UNION SELECT 1 FROM intent"""
KNOWS = {**UPSERT, "payments": "readable", "invoices": "readable", "cost_origin": "shipment"}


class Proven(Shop):
    """The shop, whose sales are read back on demand."""

    async def looks(self) -> None:
        """One look, to its end, when none is under way any more."""
        await self.idle()
        await self.at.app.engine.post(RECONCILER, RECONCILER_KEY, Reconcile())
        await self.idle()

    async def closes(self) -> None:
        """One look at what orders wait for."""
        await self.at.app.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
        await self.idle()

    async def paid_out(self, order: int, amount: str, *, refunded: str = "0", disputed: str = "0") -> None:
        """A payout that has arrived, with the order's charge, and with so much of it given back, or taken back."""
        of = {"source_order_id": order, "source_order_transaction_id": f"pay-{order}"}
        lines = [files.shopify_line(1, "charge", amount, "0.00", amount, **of)]
        if Decimal(refunded):
            back = {"source_order_id": order, "source_order_transaction_id": 4711}
            lines.append(files.shopify_line(2, "refund", f"-{refunded}", "0.00", f"-{refunded}", **back))
        if Decimal(disputed):
            lines.append(files.shopify_line(3, "dispute", f"-{disputed}", "0.00", f"-{disputed}", **of))
        net = f"{Decimal(amount) - Decimal(refunded) - Decimal(disputed):.2f}"
        source = files.shopify(lines, {**files.SHOPIFY_PAYOUT, "amount": net})
        file = PayoutFile(source=Source(content=source), format=PAYOUT_FORMATS["shopify"], digest="")
        for page in pages_of(file, examine(file), sales_channel="shop", run="one", bank=None):
            key = payout_key(page.sales_channel, page.provider, page.header.id)
            await self.at.app.engine.post(PAYOUT_IMPORTER, key, PageReceived(page=page))
        await self.idle()

    async def swaps(self, sku: str, other: str) -> None:
        """In the sale of the first order somebody cancels a line, and adds one of another product for the same."""
        sale = (await self.at.books())["1"]["id"]
        fields = ["quantity", "unit_price", "taxes", "unit"]
        found = await self.rpc("sale.line/search_read", [["sale", "=", sale], ["product.code", "=", sku]], fields)
        line = {"type": "line", **found[0], "taxes": [["add", found[0]["taxes"]]]}
        gone = line.pop("id")
        line["product"] = (await self.rpc("product.product/search_read", [["code", "=", other]], ["id"]))[0]["id"]
        lines = [["write", [gone], {"quantity": 0}], ["create", [line]]]
        await self.called("sale.sale/write", [[sale], {"lines": lines}])

    async def rpc(self, method: str, domain: list[Any], fields: list[str]) -> Any:
        """What a person sees in the ERP."""
        return await self.called(method, [domain, 0, 1, None, fields])

    async def called(self, method: str, arguments: list[Any]) -> Any:
        """A call of a person's."""
        url, said = f"{self.at.erp.url}/api/v2/model/{method}", msgspec.json.encode(arguments)
        async with self.at.session.put(url, data=said, headers={"X-API-KEY": "sandbox-token"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def idle(self) -> None:
        """Until nobody has anything left to decide."""
        with anyio.fail_after(20):
            while await self.at.app.journal.reading.run(lambda store: store.execute(_LEFT).fetchall()):
                await anyio.sleep(0.01)

    async def differing(self) -> list[tuple[str, str]]:
        """Open differences: cause and sentence."""
        rows = await self.at.app.journal.query("cases_open", "", "sale.differs", 0, 100, None)
        return sorted((row[3], row[4]) for row in rows)


@contextlib.asynccontextmanager
async def proven(directory: Path, settings: str = PROVES) -> AsyncIterator[Proven]:
    async with shop(directory, KNOWS, settings) as at:
        yield Proven(at.at)


async def test_a_manifest_of_a_day_that_is_over_has_it_stated_without_a_restart(tmp_path: Path) -> None:
    """By the process as it is put together: the route, the comparison, the statement."""
    async with proven(tmp_path) as at:
        today = to_datetime(at.at.app.journal.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
        span = [f"{today - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (60, 59)]
        url, listed = f"{at.at.app.intake_url}/v1/manifests/orders/shop", {"from": span[0], "to": span[1], "orders": []}
        async with at.at.session.post(url, json=listed, headers={"X-API-Key": INTAKE_KEY}) as answer:
            assert answer.status == 200, await answer.text()
        day = span[0][:10]
        with anyio.fail_after(10):
            while not await at.at.app.journal.query("statement_last", "shop", day):
                await anyio.sleep(0.02)


async def test_what_we_have_done_ourselves_is_no_difference(tmp_path: Path) -> None:
    """An import, an edit, a shipment with its invoice, and a cancel: each read back, and nothing is said."""
    async with proven(tmp_path) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00")))
        await at.sends(body(2, ("MUG", "1", "10.00")))
        await at.looks()
        await at.sends(body(1, ("MUG", "2", "10.00"), ("LAMP", "1", "15.00"), minute=1))
        await at.sends(body(2, ("MUG", "1", "10.00"), minute=1, cancelled_at="2026-11-20T14:01:00Z"))
        await at.looks()
        await at.plays("ship", order="1")
        await at.looks()
        assert await at.differing() == []
        rows = await at.at.app.journal.reading.run(
            lambda store: store.execute("SELECT key, differs FROM sale_seen ORDER BY key").fetchall()
        )
        assert rows == [("shop/1", 0), ("shop/2", 0)]
        story = await story_of(tmp_path, at, "shop/1")
        assert "somebody changed" not in story


async def test_what_is_invoiced_is_kept_for_the_cut_off_and_cost_is_looked_for_where_it_can_be_told(
    tmp_path: Path,
) -> None:
    """Each sale that is read back has its invoices, none at first; the probe has said what entries of cost name."""
    async with proven(tmp_path) as at:
        query = at.at.app.journal.reading.run

        async def invoiced() -> list[Any]:
            rows = await query(lambda store: store.execute("SELECT key, invoices FROM sale_invoices").fetchall())
            return [(key, [each.amount for each in read_invoiced(kept)]) for key, kept in rows]

        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.looks()
        assert await invoiced() == [("shop/1", [])]
        await at.plays("ship", order="1")
        await at.looks()
        assert await invoiced() == [("shop/1", [Decimal("36.00")])]
        due = await query(lambda store: store.execute("SELECT actor FROM timer WHERE name = 'look'").fetchall())
        assert (COSTS,) in due


async def test_an_edit_by_hand_is_named_ends_by_itself_and_can_be_accepted(tmp_path: Path) -> None:
    """What, from what to what and by whom, in one case; back again ends it; with a reason it is accepted, once."""
    async with proven(tmp_path) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.looks()
        await at.plays("change_line", order="1", sku="MUG", quantity=2)
        await at.looks()
        ((cause, sentence),) = await at.differing()
        assert cause == "units"
        for said in (
            "has other units in Fulfil than the order: 2 instead of 3 of MUG; ",
            "has a total of 24.00 USD in Fulfil; by the order it is 36.00; ",
            "has taxes of 4.00 USD in Fulfil; by the order it is 6.00; ",
            "its units were changed from 3 x MUG to 2 x MUG by user",
        ):
            assert said in sentence
        await at.plays("change_line", order="1", sku="MUG", quantity=3)
        await at.looks()
        assert await at.differing() == []
        await at.plays("change_line", order="1", sku="MUG", quantity=1)
        await at.looks()
        assert len(await at.differing()) == 1
        status, said = await at.at.control("release", key="shop/1", by="Ann")
        assert status != 200
        assert "say why that is accepted" in said["error"]["message"]
        status, said = await at.at.control("release", key="shop/1", by="Ann", reason="agreed with the customer")
        assert (status, said["message"]) == (200, "the differences of shop/1 are accepted as they are")
        await at.looks()
        assert await at.differing() == []
        accepted = await at.at.app.journal.query("differences_accepted", 10)
        assert [(row[1], row[3], row[4], row[5]) for row in accepted] == [
            ("units", "Ann", "agreed with the customer", "24.00")
        ]
        told = await story_of(tmp_path, at, "shop/1")
        assert "somebody changed its total in Fulfil, from 36.00 to 24.00" in told
        assert "a person accepted that its sale differs (units, 24.00 USD)" in told
        await at.plays("change_line", order="1", sku="MUG", quantity=2)
        await at.looks()
        assert [cause for cause, _ in await at.differing()] == ["units"], "another figure is another difference"


async def test_a_product_in_the_place_of_another_of_the_same_price_is_named(tmp_path: Path) -> None:
    """No figure of the sale tells of it: only its lines do. What an edit of the sales channel does is no such thing."""
    async with proven(tmp_path) as at:
        await at.sends(body(1, ("MUG", "3", "10.00"), ("LAMP", "1", "20.00")))
        await at.sends(body(1, ("MUG", "2", "10.00"), ("LAMP", "3", "20.00"), minute=1))
        await at.looks()
        await at.swaps("MUG", "LAMP")
        await at.looks()
        ((cause, sentence),) = await at.differing()
        assert cause == "units"
        assert (
            "other units in Fulfil than the order: 0 instead of 2 of MUG, 5 instead of 3 of LAMP; its units" in sentence
        )
        assert "from 3 x LAMP, 2 x MUG to 5 x LAMP" in await story_of(tmp_path, at, "shop/1")


async def test_a_sale_that_a_person_has_changed_for_an_edit_is_what_the_new_version_says(tmp_path: Path) -> None:
    """The tenant takes no edits: until the case is released nothing is said of it, and then it is the new one."""
    async with shop(tmp_path, {"payments": "readable", "invoices": "readable"}, PROVES) as plain:
        at = Proven(plain.at)
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.sends(body(1, ("MUG", "2", "10.00"), minute=1))
        await at.plays("change_line", order="1", sku="MUG", quantity=2)
        await at.looks()
        assert await at.kinds() == ["order.edited"]
        status, said = await at.at.control("release", key="shop/1", by="Ann")
        assert status == 200, said
        await at.looks()
        assert await at.kinds() == []
        await at.plays("change_line", order="1", sku="MUG", quantity=3)
        await at.looks()
        assert [cause for cause, _ in await at.differing()] == ["units"]


async def test_money_that_somebody_gave_back_and_a_cancel_in_fulfil_are_differences(tmp_path: Path) -> None:
    """A refund that the sales channel knows nothing of, and a sale that is gone there while the order stands."""
    async with proven(tmp_path) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.sends(body(2, ("LAMP", "1", "20.00")))
        await at.looks()
        await at.plays("refund", order="1", amount="6.00")
        await at.plays("cancel_sale", order="2")
        await at.looks()
        found = dict(await at.differing())
        assert sorted(found) == ["refunded", "state"]
        assert "have refunded 6.00 USD in Fulfil; by the order it is 0" in found["refunded"]
        assert "is cancelled in Fulfil, and the order stands; its state was changed from" in found["state"]


async def test_reading_back_is_within_its_budget_of_calls(tmp_path: Path) -> None:
    """30 orders, all read back with lines, payments and invoices: seven calls a look, and one for a sweep under way.
    A slow machine may come to a look of its own beside the one that is asked for.
    """
    async with proven(tmp_path) as at:
        for number in range(1, 31):
            status, _ = await at.at.post(body(number, ("MUG", "1", "10.00")), sales_channel="shop")
            assert status == 201
        await at.idle()
        before = Counter(await at.calls())
        await at.looks()
        read = Counter(await at.calls()) - before
        assert read["sale.line/search_read"] >= 1
        of_looks = [count for name, count in read.items() if name.startswith(("sale.", "account."))]
        assert sum(of_looks) <= 7 * read["sale.line/search_read"] + 1
        assert await at.differing() == []


async def test_an_order_is_settled_when_its_payout_has_arrived_and_its_trace_ends_then(tmp_path: Path) -> None:
    """Imported, shipped, read back, paid out: until then `explain` says what it waits for; a refund opens it again."""
    async with proven(tmp_path, SETTLES) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.looks()
        await at.closes()
        told = await story_of(tmp_path, at, "shop/1")
        assert "it waits for its sale to be done in Fulfil, and for a payout that has its charge of 36.00 USD" in told
        await at.plays("ship", order="1")
        await at.looks()
        await at.paid_out(1, "36.00")
        await at.closes()
        await at.closes()
        told = await story_of(tmp_path, at, "shop/1")
        assert "It is settled since" in told
        assert "card: payout 77" in told
        rows = await at.at.app.journal.reading.run(
            lambda store: store.execute("SELECT kind FROM fact WHERE subject = 'shop/1' ORDER BY id").fetchall()
        )
        assert rows[-1] == ("settled",)
        figures = await at.at.ops("/metrics")
        assert 'seamline_orders_closed_total{sales_channel="shop"} 1.0' in figures
        back = {"id": "R1", "amount": "6.00"}
        paid = {"id": "pay-1", "gateway": "card", "amount": "36.00"}
        await at.sends(
            body(
                1,
                ("MUG", "3", "10.00"),
                minute=2,
                payments=[paid],
                refunds=[back],
                financial_status="partially_refunded",
            )
        )
        await at.closes()
        assert "a payout that has its refund of 6.00 USD" in await story_of(tmp_path, at, "shop/1")


async def test_refunds_of_one_side_alone_are_cases_that_end_by_themselves_or_are_accepted(tmp_path: Path) -> None:
    """Paid out, and the sales channel tells later; told, and no payout has it: with a reason that is let stand."""
    paid = {"id": "pay-1", "gateway": "card", "amount": "36.00"}

    def refunded(minute: int, *refunds: tuple[str, str]) -> bytes:
        told: list[Any] = [{"id": id_, "amount": amount} for id_, amount in refunds]
        status = "partially_refunded"
        return body(1, ("MUG", "3", "10.00"), minute=minute, payments=[paid], refunds=told, financial_status=status)

    async def about_refunds(at: Proven) -> list[tuple[str, str]]:
        await at.closes()
        await at.at.app.engine.post(RECONCILER, RECONCILER_KEY, Reconcile())
        await at.closes()
        rows = await at.at.app.journal.query("cases_open", "", "", 0, 100, None)
        return [(row[1], row[4]) for row in rows if row[1].startswith("refund.") and row[1] != "refund.uncredited"]

    daily = SETTLES.replace("every_s = 86400.0", "every_s = 86400.0\nrefund_days = 0")
    async with proven(tmp_path, daily) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.plays("ship", order="1")
        await at.looks()
        await at.paid_out(1, "36.00", refunded="6.00")
        ((kind, sentence),) = await about_refunds(at)
        assert kind == "refund.untold"
        assert sentence == "payout 77 has a refund of 6.00 USD, of which the sales channel does not tell"
        await at.sends(refunded(2, ("R1", "6.00")))
        assert await about_refunds(at) == []
        await at.sends(refunded(3, ("R1", "6.00"), ("R2", "2.00")))
        ((kind, sentence),) = await about_refunds(at)
        assert kind == "refund.unpaid"
        assert sentence.startswith(
            "the sales channel refunded 2.00 USD (R2), and no payout has it; that was seen first on"
        )
        status, said = await at.at.control("release", key="shop/1", by="Ann")
        assert status != 200
        assert "say why that is accepted" in said["error"]["message"]
        status, _ = await at.at.control("release", key="shop/1", by="Ann", reason="paid from the till")
        assert status == 200
        assert await about_refunds(at) == []
        told = await story_of(tmp_path, at, "shop/1")
        assert "a person accepted that the sales channel and payouts differ (refund R2, 2.00 USD)" in told
        assert "a payout that has its refund" not in told


async def test_a_dispute_that_only_a_payout_tells_of_is_explained_until_a_person_accepts_it(tmp_path: Path) -> None:
    """The order is not settled; a person has to say why it may be."""
    async with proven(tmp_path, SETTLES) as at:
        await at.sends(body(1, ("MUG", "3", "10.00")))
        await at.plays("ship", order="1")
        await at.looks()
        await at.paid_out(1, "36.00", disputed="36.00")
        await at.closes()
        told = await story_of(tmp_path, at, "shop/1")
        assert "payout 77 has a dispute of 36.00 USD, which the customer's bank has taken back" in told
        assert "for the dispute of 36.00 USD in 77 to be decided" in told
        status, _ = await at.at.control("release", key="shop/1", by="Ann")
        assert status != 200
        status, _ = await at.at.control("release", key="shop/1", by="Ann", reason="lost")
        assert status == 200
        await at.closes()
        await at.closes()
        assert "It is settled since" in await story_of(tmp_path, at, "shop/1")


async def story_of(directory: Path, at: Proven, key: str) -> str:
    async with reading(directory / "store.db") as read:
        return explain(await read.story(key), to_datetime(at.at.app.journal.clock.now()))


async def test_money_that_nobody_told_of_is_no_charge(tmp_path: Path) -> None:
    """An order released past the gate while its payment is pending: followed, due, and in no gateway's clearing."""
    async with proven(tmp_path, SETTLES) as at:
        await at.sends(body(1, ("MUG", "1", "10.00"), payments=[], financial_status="pending"))
        status, said = await at.at.control("release", key="shop/1", by="Ann", reason="a known customer")
        assert status == 200, said
        await at.idle()
        rows = await at.at.app.journal.reading.run(
            lambda store: store.execute(
                "SELECT o.state, c.due, c.tenders FROM order_view o JOIN order_closing c USING (key)"
            ).fetchall()
        )
        assert rows == [("imported", "12.00", "[]")]
        async with reading(tmp_path / "store.db") as read:
            report = await clearing(read, month_in("2026-11"), ZoneInfo("UTC"), {}, None)
        assert [section.rows for section in report.sections] == [()] * 6
