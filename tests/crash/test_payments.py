"""The real product is killed while it records payments, and Fulfil loses answers: each is there, and there once."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.demo.orders import GeneratedOrder, generate
from runtime.testing.faults import FaultRule
from tests.crash.world import PRODUCTS, Settings, World, opened
from tests.integration.running import known_of

pytestmark = pytest.mark.anyio

SEED = 59
_PAYMENTS = """
[payments]
gather_s = 0.0
[payments.gateways.shopify_payments]
"""
_LOST = tuple(
    FaultRule(route=f"{model}/{method}", kind="answer_lost", probability=0.5)
    for model, method in (("sale.payment", "create"), ("payment_gateway.transaction", "create"))
)
_DEATHS = ("outcome.before_journal@add_transactions:1", "effect.before_call@capture_transaction:1")
"""When transactions have been made, and nobody has written it down; and before what is there is moved on."""


def version(order: GeneratedOrder, minute: int, *kinds: str) -> bytes:
    """The order with these transactions, one after the other."""
    content = json.loads(order.body)
    total, id_ = content["total_price"], content["id"]
    content["transactions"] = [
        {
            "id": f"{id_}{place}",
            "parent_id": f"{id_}0" if place else None,
            "kind": kind,
            "status": "success",
            "gateway": "shopify_payments",
            "amount": total,
            "currency": "USD",
        }
        for place, kind in enumerate(kinds)
    ]
    taken = "capture" in kinds
    content |= {
        "financial_status": "paid" if taken else "authorized",
        "total_outstanding": "0.00" if taken else total,
        "updated_at": f"2026-11-20T08:{minute:02}:00+00:00",
    }
    return json.dumps(content).encode()


async def transactions(world: World) -> list[dict[str, Any]]:
    """What Fulfil has of the gateway."""
    return await world.rows("payment_gateway.transaction", "type", "provider_reference", "state")


async def recorded(world: World, state: str, count: int) -> None:
    """Until Fulfil has so many transactions in this state."""
    states: Counter[str] = Counter()
    with anyio.move_on_after(15):
        while states[state] < count:
            await anyio.sleep(0.02)
            states = Counter(row["state"] for row in await transactions(world))
    assert states[state] == count, (states, world.log_end())


async def test_each_payment_is_in_fulfil_once_whenever_the_process_dies(
    tmp_path: Path,
) -> None:
    """Two deaths between what was made and its record, and half the answers lost; each order has its capture, once."""
    orders = list(generate(SEED, 2, products=PRODUCTS))
    known = f'capabilities = "{tmp_path}/fulfil.toml"'
    with opened(tmp_path, Settings(seed=SEED, faults=_LOST, fulfil=known, more=_PAYMENTS)) as world:
        known_of(world.sandbox_url, tmp_path, payments="readable")
        async with anyio.create_task_group() as senders:  # who go on through a death, until the next life answers
            for death, kinds in zip(_DEATHS, (("authorization",), ("authorization", "capture")), strict=True):
                assert await world.start(die=death)
                for order in orders:
                    senders.start_soon(world.deliver, version(order, len(kinds), *kinds))
                assert await world.ended() == -signal.SIGKILL
            await world.start()
        await recorded(world, "completed", len(orders))
        rows = await transactions(world)
    live = Counter(row["provider_reference"] for row in rows if row["state"] in ("draft", "authorized", "completed"))
    assert set(live.values()) == {1}
