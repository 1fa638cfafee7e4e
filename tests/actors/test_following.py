"""Orders that came before sales were read back, or orders settled: each is followed from the next start on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.formats import FORMATS
from flows.model.closing import closing_row
from flows.model.order import Order
from flows.model.skus import SkuIndex
from flows.order_importer import OrderImporter
from flows.reconciler import FOLLOWING, FOLLOWING_KEY, Following, FollowOrders
from flows.reconciler.following import ORDERS_PER_STEP, Wanted
from runtime.actor import Actor
from runtime.journal.journal import Journal
from tests.actors import proving, world
from tests.actors.world import SALES_CHANNELS, Fulfil, orders, story

COUNT = ORDERS_PER_STEP + 20


def follows(wanted: Wanted) -> Callable[[Journal, Callable[[Any], None]], Sequence[Actor]]:
    """A process that only follows; the importer reads."""

    def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        importer = OrderImporter(SALES_CHANNELS, SkuIndex(), journal, emit)
        return [Following(journal, importer.paid_by, wanted)]

    return actors


async def started(path: Path, wanted: Wanted, *before: tuple[str, tuple[Any, ...]]) -> dict[str, list[Any]]:
    """What is there after a start with these settings, and after another one."""
    for number in range(2):
        async with proving.process(path, follows(wanted)) as at:
            await at.journal.write(before if number == 0 else ())
            await at.engine.post(FOLLOWING, FOLLOWING_KEY, FollowOrders())
            await at.until_idle()
            found = {
                "sales": await at.sql("SELECT key, sale, amount, busy FROM expected_sale ORDER BY key"),
                "due": await at.sql("SELECT sale FROM sale_due ORDER BY sale"),
                "money": await at.sql("SELECT key, currency, due, tenders FROM order_closing ORDER BY key"),
            }
    return found


def test_orders_of_before_are_followed_once_it_is_configured(tmp_path: Path) -> None:
    """Sales first, then their money, as the importer would say it; what a decision has said stands; over pages."""

    async def main() -> None:
        erp, path, sent = Fulfil(), tmp_path / "s.db", orders(COUNT)
        async with world.process(path, erp) as at:
            await at.until_catalogue()
            await at.send(*sent)
            await at.until_sales(COUNT)
            await at.until_idle()
            views = await at.sql("SELECT key, sale, amount FROM order_view WHERE sale IS NOT NULL ORDER BY key")
            assert len(views) == COUNT
            assert await at.sql("SELECT 1 FROM expected_sale UNION ALL SELECT 1 FROM order_closing") == []
        assert (await started(path, ""))["sales"] == []
        found = await started(path, "sales")
        assert (found["sales"], found["money"]) == ([(*each, 0) for each in views], [])
        assert [row[0] for row in found["due"]] == sorted(each[1] for each in views)
        first = views[0][0]
        said = ("put_order_closing", (first, "web", "EUR", "9.99", "[]", 1))
        read = [("drop_sale_due", (each[1], 1 << 62)) for each in views]
        found = await started(path, "money", said, *read)
        assert found["due"] == [], "they are read back already"
        money = {row[0]: row[1:] for row in found["money"]}
        assert money.pop(first) == ("EUR", "9.99", "[]")
        assert sorted(money) == [each[0] for each in views[1:]]
        for each in sent:
            read = FORMATS[SALES_CHANNELS["web"].format].read("web", each.body)
            assert isinstance(read, Order)
            (row,) = closing_row(read, SALES_CHANNELS["web"].sale, datetime.now(UTC))
            if row.row[0] != first:
                assert money[row.row[0]] == row.row[2:5]

    story(main)
