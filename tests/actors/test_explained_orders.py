"""Orders that are held, wait or are excluded for every cause, made for real; then somebody types `seamline orders
explain`, and reads where each stands, why, whose move it is and what that move is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.cli import commands
from flows.demo.orders import GeneratedOrder, Mix
from flows.demo.traffic import cancelled, upgraded
from flows.exceptions.kinds import KINDS
from runtime.errors import Refused, Unknown
from tests.actors.test_order_of_things import poison
from tests.actors.world import Fulfil, key_of, orders, process, story

Change = Callable[[dict[str, Any]], None]


def unreadable(order: dict[str, Any]) -> None:
    order["total_price"] = "a lot"


def tax_of_nowhere(order: dict[str, Any]) -> None:
    for line in (*order["line_items"], *order["shipping_lines"], order):
        for tax in line["tax_lines"]:
            tax["title"] = "Moon Tax"


def gateway_of_nobody(order: dict[str, Any]) -> None:
    order["payment_gateway_names"] = ["cheque"]


def tip(order: dict[str, Any]) -> None:
    order["total_tip_received"] = "1.00"
    for name in ("total_price", "current_total_price"):
        order[name] = str(Decimal(order[name]) + 1)
        for side in order[f"{name}_set"].values():
            side["amount"] = order[name]


def unpaid(order: dict[str, Any]) -> None:
    order["financial_status"] = "pending"
    order["total_outstanding"] = order["total_price"]


def only_a_test(order: dict[str, Any]) -> None:
    order["test"] = True


CHANGED: dict[str, Change] = {
    "order.unreadable": unreadable,
    "tax.unmapped": tax_of_nowhere,
    "gateway.unmapped": gateway_of_nobody,
    "order.unmapped": tip,
    "waiting": unpaid,
    "excluded": only_a_test,
}
"""Causes that lie in the order itself."""
PLAIN = (
    *("sku.ambiguous", "fulfil.refused", "fulfil.unsettled", "sale.mismatch", "sale.stalled"),
    *("order.edited", "order.cancelled", "step.parked"),
)
"""Causes that lie outside it."""
UNDER_WAY = {"waiting": "Seamline", "excluded": "Nobody has to act", "paused": "`seamline resume outlet`"}


def made_for_each_cause() -> dict[str, GeneratedOrder]:
    """An order for each cause; no two of them share a SKU."""
    made = dict(zip((*CHANGED, *PLAIN), orders(len(CHANGED) + len(PLAIN)), strict=True))
    odd = orders(2, seed=77, mix=Mix(unknown_sku=0.5, wrong_total=0.5))
    made |= {"sku.unknown" if each.oddity == "unknown_sku" else "order.contradiction": each for each in odd}
    (made["paused"],) = orders(1, sales_channel="outlet")
    for name, change in CHANGED.items():
        content = msgspec.json.decode(made[name].body)
        change(content)
        made[name] = msgspec.structs.replace(made[name], body=msgspec.json.encode(content))
    return made


async def live(store: Path, made: dict[str, GeneratedOrder]) -> None:
    """Let each of them meet its cause."""
    fulfil = Fulfil()
    ambiguous = made["sku.ambiguous"].skus[0]
    fulfil.add(ambiguous)
    for sku in made["order.contradiction"].skus:
        fulfil.add(sku)
    create, causes = fulfil._create, {order.order_id: cause for cause, order in made.items()}

    def as_the_cause_has_it(body: bytes) -> Any:
        match causes[msgspec.json.decode(body)[1]["channel_identifier"]]:
            case "fulfil.refused":
                raise Refused("UserError E1000 (400): no such carrier", code="E1000")
            case "fulfil.unsettled":
                raise Unknown("the connection broke")
            case "sale.mismatch":
                return msgspec.structs.replace(create(body), total=Decimal("0.01"))
            case "sale.stalled":
                return msgspec.structs.replace(create(body), state="failed")
        return create(body)

    fulfil._create = as_the_cause_has_it  # type: ignore[method-assign]

    async with process(store, fulfil, before=poison(made["step.parked"])) as world:
        await world.until_catalogue()
        await world.engine.pause("partition", "outlet", "ada")
        await world.send(*made.values())
        await world.until_sales(4)
        await world.send(upgraded(made["order.edited"].body), cancelled(made["order.cancelled"].body))

        async def met() -> bool:
            return {kind for kind, _ in await world.cases()} == made.keys() & KINDS.keys()

        await world.until(met, within_s=600)


def test_orders_of_every_cause_are_explained_with_next_step_and_owner(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Held, or sold and to be looked at, for fourteen causes; waiting, excluded, paused: each says whose move it is,
    and which.
    """
    made = made_for_each_cause()
    story(lambda: live(tmp_path / "store.db", made))
    capfd.readouterr()
    config = tmp_path / "seamline.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/store.db"\n')
    for cause, order in made.items():
        with pytest.raises(SystemExit) as ended:
            commands.main(["orders", "explain", key_of(order), "--config", str(config)])
        said = capfd.readouterr().out
        now, _, happened = said.partition("What happened:")
        assert ended.value.code == 0
        assert "received and stored" in happened
        if cause in KINDS:
            of = KINDS[cause]
            due = r"(?:to be|should have been) done by \d{4}-\S+ \S+"
            step = re.search(rf"^Next step, by {of.owner.value}, {due}: (.+)$", now, re.MULTILINE)
            assert step is not None, now
            assert of.remedy in step[1]
            assert of.title in now
        else:
            assert UNDER_WAY[cause] in now, now
