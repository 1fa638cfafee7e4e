"""Stories of customers: however their orders come, each is one party in Fulfil, and what contradicts is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows import customers
from flows.demo.orders import GeneratedOrder, Mix
from flows.model.messages import CUSTOMERS, Recheck
from tests.actors.test_people import Handmade, ask, link
from tests.actors.world import Fulfil, World, key_of, orders, process, story

ADA, OWN = "ada@example.com", "customer-7@web.seamline.invalid"


def erp() -> Fulfil:
    """A Fulfil that locks nothing: creates that overlap do not see each other's parties."""
    fulfil = Fulfil()
    fulfil.overlaps = True
    fulfil.unchanged_to = len(fulfil.products)
    return fulfil


def bought_by(order: GeneratedOrder, customer: int | None, email: str | None) -> GeneratedOrder:
    """The same order, of this customer; None: a guest, or nobody says an address."""
    body = msgspec.json.decode(order.body)
    who = {**body["customer"], "id": customer, "email": email}
    body |= {"email": email, "contact_email": email, "customer": who if customer is not None else None}
    return msgspec.structs.replace(order, body=msgspec.json.encode(body))


def of_ada(made: Sequence[GeneratedOrder], *emails: str | None) -> list[GeneratedOrder]:
    """Orders of customer 7, who names these addresses in turn."""
    return [bought_by(order, 7, emails[number % len(emails)]) for number, order in enumerate(made)]


async def until_linked(world: World) -> None:
    """Until no sale is left to be compared: by then a quarter of an hour has passed."""
    with anyio.fail_after(3_600):
        while await world.sql("SELECT 1 FROM customer_sale"):
            await anyio.sleep(30)
    await world.until_idle()


@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("emails", [(ADA, ADA.upper(), f" {ADA} "), (None,)], ids=["with e-mail", "without"])
def test_many_first_orders_of_one_customer_at_once_are_one_party(
    tmp_path: Path, emails: tuple[str | None, ...], count: int
) -> None:
    """Also when Fulfil does not see the party that another create is making; one goes first, then all, and a read of
    each 500 compares them.
    """

    async def main() -> None:
        fulfil = erp()
        fulfil.takes_s = 0.5  # so that outcomes come together, and share a commit
        made = of_ada(orders(count), *emails)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            async with anyio.create_task_group() as tasks:
                for start in range(0, count, 50):
                    tasks.start_soon(lambda part: world.send(*part), made[start : start + 50])
            await world.until_sales(count)
            assert fulfil.parties == [{ADA if emails[0] else OWN}]
            assert fulfil.calls["create_order"] == count
            await until_linked(world)
            assert fulfil.calls["sale_parties"] == -(-count // 500)
            assert not await personal(world)
            assert await world.sql("SELECT id, party, other_party FROM customer") == [("web/customer/7", 1, None)]
            assert await world.sql("SELECT * FROM customer_wait") == []
            assert await world.cases() == []
            assert world.restarts() == []

    story(main)


def test_creates_that_overlap_make_several_parties_of_who_is_not_waited_for(tmp_path: Path) -> None:
    """The twin can fail: guests who are one customer with each order are as many parties as creates overlap."""

    async def main() -> None:
        fulfil = erp()
        made = [bought_by(order, None, ADA) for order in orders(20)]
        async with process(tmp_path / "store.db", fulfil) as world:
            world.importer._first_orders.admitted = lambda _before, decision: decision  # type: ignore[method-assign]
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(20)
            assert len(fulfil.parties) > 1
            await until_linked(world)
            assert [kind for kind, _ in await world.cases()] == ["customer.conflict"]

    story(main)


@pytest.mark.parametrize("emails", [(ADA, None), (None, ADA), (ADA, "moss@example.com", None)])
@pytest.mark.parametrize("crashes", [False, True])
def test_orders_with_and_without_an_address_are_one_party(
    tmp_path: Path, emails: tuple[str | None, ...], crashes: bool
) -> None:
    """Each names what Fulfil knows the customer by already; a process that has forgotten it asks the disk."""

    async def main() -> None:
        fulfil, count = erp(), 40
        made = of_ada(orders(count), *emails)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(1 if crashes else count)
        async with process(store, fulfil) as world:
            await world.until_sales(count)
            assert len(fulfil.parties) == 1, fulfil.parties
            await until_linked(world)
            assert await world.cases() == []

    story(main)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_customers_are_one_party_each_whatever_happens(tmp_path: Path, seed: int) -> None:
    """Five customers, with an address or without, answers that get lost, orders that are refused, and three crashes."""

    async def main() -> None:
        fulfil, draw, store = erp(), random.Random(seed), tmp_path / "store.db"
        fulfil.takes_s = 1.0
        fulfil.lose.extend(draw.choices(("no", "after", "before"), (6, 1, 1), k=60))
        made = [
            bought_by(order, number % 5, draw.choice((f"{number % 5}@example.com", None)))
            for number, order in enumerate(orders(60))
        ]
        fulfil.refuses = {order.order_id for order in draw.sample(made, 6)}
        for start in range(0, 60, 20):
            async with process(store, fulfil, seed=seed) as world:
                await world.until_catalogue()
                await world.send(*made[start : start + 20])
                await anyio.sleep(draw.uniform(0, 8))
        async with process(store, fulfil, seed=seed) as world:
            await world.until_sales(54)
            await world.until_idle()
            assert await world.states() == {"imported": 54, "held": 6}
            parties: dict[str, set[int]] = {}
            for sale in fulfil.sales.values():
                number = [order.order_id for order in made].index(sale.identifier) % 5
                parties.setdefault(str(number), set()).add(sale.party)
            assert {len(known) for known in parties.values()} == {1}, parties
            assert len(fulfil.parties) == 5

    story(main, seed=seed)


@pytest.mark.parametrize("dies", ["the first is on its way", "its answer is lost", "the first is there"])
def test_a_crash_between_first_orders_leaves_one_party(tmp_path: Path, dies: str) -> None:
    """Who is on its way is known again, and who waits is not forgotten."""

    async def main() -> None:
        fulfil, made = erp(), of_ada(orders(30), ADA)
        fulfil.takes_s = 5.0
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            if dies == "its answer is lost":
                fulfil.lose.append("after")
            await world.send(*made[:20])
            await anyio.sleep(4)
            assert await world.states() == {"creating": 1, "waiting": 19}
            await anyio.sleep({"the first is on its way": 0, "its answer is lost": 3, "the first is there": 1.5}[dies])
        async with process(store, fulfil) as world:
            await world.send(*made[20:])
            await world.until_sales(30)
            assert len(fulfil.parties) == 1
            assert {len(bodies) for bodies in fulfil.bodies.values()} <= {1, 2}
            assert await world.sql("SELECT * FROM customer_wait") == []

    story(main)


@pytest.mark.parametrize("poison", ["unknown sku", "refused"])
def test_a_first_order_that_is_held_delays_nobody(tmp_path: Path, poison: str) -> None:
    """Held before it was sent, or refused by Fulfil: the next of the customer goes instead, then all others."""

    async def main() -> None:
        fulfil = erp()
        made = of_ada(orders(20), ADA)
        (odd,) = orders(1, seed=12, mix=Mix(unknown_sku=1.0))
        poisoned = of_ada([odd], ADA)[0] if poison == "unknown sku" else made.pop(0)
        if poison == "refused":
            fulfil.refuses = {poisoned.order_id, made[0].order_id}
        left = len(made) - (poison == "refused")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(poisoned, *made)
            await world.until_sales(left, within_s=60)
            assert len(fulfil.parties) == 1
            assert (await world.states())["held"] == 1 + (poison == "refused")
            assert "waiting" not in await world.states()

    story(main)


def test_an_order_that_is_cancelled_while_it_waits_passes_its_turn_on(tmp_path: Path) -> None:
    """Nobody waits for an order that will never go."""

    async def main() -> None:
        fulfil, made = erp(), of_ada(orders(4), ADA)
        fulfil.takes_s, fulfil.refuses = 5.0, {made[0].order_id}
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            for order in made:
                await world.send(order)
            await anyio.sleep(1)
            assert await world.states() == {"creating": 1, "waiting": 3}
            for order in made[1:3]:
                body = msgspec.json.decode(order.body)
                body |= {"cancelled_at": "2026-11-20T12:00:00Z", "updated_at": "2026-11-20T12:00:00Z"}
                await world.send(msgspec.json.encode(body))
            await world.until_sales(1, within_s=60)
            assert await world.states() == {"held": 1, "cancelled": 2, "imported": 1}

    story(main)


def test_an_order_that_is_linked_while_it_waits_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The first order of the customer is refused after that: it is the turn of the one that still waits."""

    async def main() -> None:
        fulfil, made = Handmade(), of_ada(orders(3), ADA)
        fulfil.takes_s, fulfil.refuses = 5.0, {made[0].order_id}
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            for order in made:
                await world.send(order)
            await anyio.sleep(1)
            assert await world.states() == {"creating": 1, "waiting": 2}
            fulfil.make(900, (await world.state(made[1])).amount)
            fulfil.takes_s = 0.5
            await ask(world, made[1], link("SO900"))
            await world.until_sales(2, within_s=60)
            assert await world.states() == {"held": 1, "imported": 2}
            assert await world.sql("SELECT * FROM customer_wait") == []

    story(main)


def test_one_address_in_two_sales_channels_is_one_party(tmp_path: Path) -> None:
    """Fulfil merges across sales channels, so first orders wait across them, too; each keeps a customer of its own."""

    async def main() -> None:
        fulfil = erp()
        made = [bought_by(order, 7, ADA) for name in ("web", "outlet") for order in orders(6, sales_channel=name)]
        guest = bought_by(made.pop(), None, ADA)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(*made, guest)
            await world.until_sales(12)
            assert len(fulfil.parties) == 1
            await until_linked(world)
            rows = await world.sql("SELECT id, party FROM customer ORDER BY id")
            assert [(id_.partition("/guest/")[0], party) for id_, party in rows] == [
                ("outlet/customer/7", 1), ("outlet", 1), ("web/customer/7", 1),
            ]  # fmt: skip
            assert await world.cases() == []

    story(main)


def test_addresses_of_many_merge_nobody(tmp_path: Path) -> None:
    """Relayed, placeholder and missing ones: guests are a party with each order, customers are one all the same."""

    async def main() -> None:
        fulfil = erp()
        made = orders(12)
        relay, placeholder = "x1@marketplace.amazon.de", "noreply@shop.example"
        guests = [bought_by(order, None, (relay, placeholder, None)[n % 3]) for n, order in enumerate(made[:6])]
        known = [bought_by(order, 7 + n % 2, (relay, placeholder)[n % 2]) for n, order in enumerate(made[6:])]
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(*guests, *known)
            await world.until_sales(12)
            named = sorted(sorted(emails) for emails in fulfil.parties)
            assert named == [[]] * 6 + [[OWN], [OWN.replace("7", "8")]]
            await until_linked(world)
            assert await world.cases() == []

    story(main)


@pytest.mark.parametrize("ends_by", ["merge", "person"])
def test_a_customer_with_two_parties_is_a_case_until_it_is_settled(
    tmp_path: Path, ends_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new address months later makes a second party: operations is told which, by ids alone; it ends by itself when
    the parties are merged, or when a person says that it is right.
    """
    monkeypatch.setattr(customers, "AGAIN_AFTER", timedelta(minutes=2))

    async def main() -> None:
        fulfil, (first, second, third) = erp(), orders(3)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(bought_by(first, 7, ADA))
            await until_imported(world, first)
            await until_linked(world)
        async with process(store, fulfil) as world:  # who was known lately is forgotten
            await world.send(bought_by(second, 7, "moss@example.com"))
            await until_imported(world, second)
            await until_linked(world)
            assert len(fulfil.parties) == 2
            assert await world.cases() == [("customer.conflict", "web/customer/7")]
            ((sentence, amount),) = await world.sql("SELECT sentence, amount FROM exception_case")
            assert sentence == (f"customer 7 of web is party 1 by {key_of(first)}, and party 2 by {key_of(second)}")
            assert amount == str(second.total)
            if ends_by == "merge":
                for key, sale in fulfil.sales.items():
                    fulfil.sales[key] = msgspec.structs.replace(sale, party=1)
                await anyio.sleep(1_500)
                assert await world.cases() == []
            else:
                await world.engine.post(CUSTOMERS, "web/customer/7", Recheck(because="person"))
                await world.until_idle()
                assert await world.cases() == []
                await world.send(bought_by(third, 7, "moss@example.com"))
                await until_imported(world, third)
                await anyio.sleep(1_500)
                assert await world.cases() == []

    story(main)


def test_two_customers_who_are_one_party_are_a_case(tmp_path: Path) -> None:
    """One address of two customers of a sales channel; another customer of another sales channel, and guests, may."""

    async def main() -> None:
        fulfil, made = erp(), orders(3)
        fulfil.tells_party = True
        (elsewhere,) = orders(1, sales_channel="outlet")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(bought_by(made[0], 7, ADA), bought_by(elsewhere, 9, ADA), bought_by(made[1], None, ADA))
            await world.until_sales(3)
            await until_linked(world)
            assert await world.cases() == []
            await world.send(bought_by(made[2], 8, ADA))
            await world.until_sales(4)
            await until_linked(world)
            assert await world.cases() == [("customer.conflict", "web/customer/8")]
            assert await world.sql("SELECT sentence FROM exception_case") == [
                ("customer 8 of web and customer 7 of web are both party 1",)
            ]
            assert fulfil.calls["sale_parties"] == 0

    story(main)


async def personal(world: World) -> list[str]:
    """Where on disk an address stands, beside payloads and calls under way, which are kept as they are."""
    tables = [name for (name,) in await world.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    rows = {name: await world.sql(f"SELECT * FROM {name}") for name in tables}  # noqa: S608 - names of our own
    return [name for name in tables if name not in ("body", "intent") and "ada@" in str(rows[name])]


async def until_imported(world: World, order: GeneratedOrder) -> None:
    async def there() -> Any:
        return (await world.state(order)).sale is not None

    await world.until(there)
