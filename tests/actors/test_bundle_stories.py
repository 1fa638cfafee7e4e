"""A bundle from the first order of it to its sale, in virtual time: held, explained by a rule, and sold in parts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from flows.model.bundles import Bundle, Component
from flows.model.messages import Recheck
from flows.order_importer import NAME as ORDER_IMPORTER
from tests.actors.world import SALES_CHANNELS, Fulfil, World, key_of, orders, process, story

_TEA = "TEA-GREEN"


def by_rule(sku: str, mug: str) -> dict[str, Bundle]:
    """Two of a product that Fulfil has, and one of another."""
    parts = {mug: Component(quantity=2, share=Decimal(60)), _TEA: Component(share=Decimal(40))}
    return {sku: Bundle(components=parts)}


def configured(world: World, rules: dict[str, Bundle]) -> None:
    """The process that is started with these rules for `web`."""
    web = msgspec.structs.replace(SALES_CHANNELS["web"], bundles=rules)
    world.importer._sales_channels = {**SALES_CHANNELS, "web": web}


def test_a_bundle_waits_for_its_rule_and_its_components_and_is_sold_once(tmp_path: Path) -> None:
    """Held for the SKU of the bundle, then for that of a component; each amount of the sale is the order's to the cent.

    A crash while the answer is lost sends the same bytes, whatever the rule says by then; an echo is no edit.
    """

    async def main() -> None:
        fulfil, (order,), store = Fulfil(), orders(1), tmp_path / "store.db"
        mug, sku = order.skus[0], "GIFT-SET"
        body = order.body.replace(f'"{mug}"'.encode(), f'"{sku}"'.encode())
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(body)
            await world.until_idle()
            assert await world.cases() == [("sku.unknown", key_of(order))]
        async with process(store, fulfil, before=lambda world: configured(world, by_rule(sku, mug))) as world:
            await world.engine.post(ORDER_IMPORTER, key_of(order), Recheck(because="person"))
            await world.until_idle()
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE closed_at IS NULL")
            assert sentence == f"the SKU {_TEA!r} is not in Fulfil; it is a part of the bundle {sku!r}"
            fulfil.lose.append("before")
            fulfil.add(_TEA)
            await world.until(lambda: world.sql("SELECT 1 FROM intent WHERE kind = 'create_order'"))
        async with process(store, fulfil, before=lambda world: configured(world, {})) as world:
            await world.until_sales(1)
            await world.send(body.replace(b'"updated_at":"2026', b'"updated_at":"2027'))
            await world.until_idle()
            assert await world.cases() == []
            facts = await world.sql("SELECT data FROM fact WHERE kind = 'exploded'")
            assert [msgspec.json.decode(each) for (each,) in facts] == [
                {"bundles": f"{sku!r} as 2 {mug!r} and 1 {_TEA!r}"}
            ]
        (sale,) = fulfil.sales.values()
        assert len(set(fulfil.bodies[order.order_id])) == 1
        _, sent = msgspec.json.decode(sale.body)
        sold = {each["sku"]: each for each in sent["sale_lines"]}
        assert sku not in sold
        assert sold[mug]["quantity"] == 2 * sold[_TEA]["quantity"]
        assert {sold[each]["channel_identifier"].partition(":")[2] for each in (mug, _TEA)} == {mug, _TEA}
        assert sale.total == order.total

    story(main)
