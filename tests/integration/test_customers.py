"""Customers, composed as in production: beside the real sandbox of Fulfil over HTTP, whose creates do not see each
other's customers.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from flows.demo.orders import catalogue, generate
from flows.explain import explain
from flows.reading import reading
from runtime.clock import SystemClock, to_datetime
from tests.integration.running import Running, running, sandbox_config

pytestmark = pytest.mark.anyio

SEED = 7
SKUS = tuple(product.sku for product in catalogue(SEED, 500))
SOON = "customers_read_after_s = 0.2"


def of_one_customer(count: int) -> list[bytes]:
    """Orders of customer 7: every other one names an address."""
    bodies = []
    for number, order in enumerate(generate(SEED, count)):
        body, email = msgspec.json.decode(order.body), None if number % 2 else "Ada@example.com"
        body |= {"email": email, "contact_email": email, "customer": {**body["customer"], "id": 7, "email": email}}
        bodies.append(msgspec.json.encode(body))
    return bodies


async def linked(at: Running) -> list[tuple[str, int]]:
    """What is known of customers, once every sale is compared."""

    async def left() -> int:
        ((count,),) = await at.app.journal.reading.run(
            lambda connection: connection.execute("SELECT count(*) FROM customer_sale").fetchall()
        )
        return int(count)

    with anyio.fail_after(20):
        while await left():
            await anyio.sleep(0.05)
    rows = await at.app.journal.query_list("customers", ["web/customer/7"])
    return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("tells_party", [False, True])
async def test_first_orders_of_one_customer_are_one_party_in_the_real_books(tmp_path: Path, tells_party: bool) -> None:
    """Sent together, with and without an address; the party is read back with a call, or told by the create."""
    bodies = of_one_customer(24)
    erp = sandbox_config(create_order_takes_s=0.03, create_order_party=tells_party)
    async with running(tmp_path, skus=SKUS, erp=erp, refresh=SOON) as at:
        await at.post(b"[" + b",".join(bodies) + b"]")
        await at.until({"imported": len(bodies)})
        books = at.erp.sandbox.books
        (party,) = books.parties
        assert {sale.party for sale in books.sales} == {party.id}
        assert await linked(at) == [("web/customer/7", party.id)]
        assert bool(at.erp.sandbox.calls.lookups) is not tells_party
        assert await at.cases() == []


async def test_explain_says_for_which_order_another_of_the_customer_waits(tmp_path: Path) -> None:
    """While Fulfil is down one is on its way; what the other waits for, and whose move it is, is a sentence."""
    first, second = of_one_customer(2)
    async with running(tmp_path, skus=SKUS) as at:
        await at.app.index.ready.wait()
        await at.sandbox("down", {"down": True, "mode": "refuse_503"})
        await at.post(first)
        await at.post(second)
        await at.until({"waiting": 1})  # the other one is on its way: unsent, or its answer was lost
        (waits, _), (ahead, _) = sorted((await at.states()).items(), key=lambda each: each[1] != "waiting")
        async with reading(tmp_path / "store.db") as store:
            text = explain(await store.story(waits), to_datetime(SystemClock().now()))
        assert f"waits for the first order of its customer, {ahead}, to be in Fulfil" in text
        assert "Next step, by Seamline" in text
        assert "example.com" not in text
        await at.sandbox("down", {"down": False})
        await at.until({"imported": 2})
        assert len(at.erp.sandbox.books.parties) == 1
