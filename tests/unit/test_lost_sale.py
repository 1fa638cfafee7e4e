"""Orders that come again to a restored store after they were cancelled or shipped: their sales are met."""

from __future__ import annotations

import msgspec
import pytest

from flows.model.gate import OPEN_GATE
from flows.model.order import FulfilmentStatus
from flows.model.order_state import Status
from tests.world_of_one_order import CAPABLE, INCAPABLE, RELEASE, SALE, Version, World

RESTORED = msgspec.structs.replace(CAPABLE, restored=True)
SHIPPED = {"fulfilment_status": FulfilmentStatus.SHIPPED}
CANCELLED = Version(2, cancelled=True)


def restored(version: Version, *, price: str | None = "10.00", policy: object = RESTORED) -> World:
    """The lost life has made a sale of it at this price, or none."""
    world = World((version,), policy=policy, gate=OPEN_GATE)  # type: ignore[arg-type]
    world.price = price
    return world.run()


def test_an_order_that_was_cancelled_since_has_its_sale_cancelled() -> None:
    """Nothing is created of it, so nothing else would look for the sale; it would ship."""
    world = restored(CANCELLED)
    assert world.sale_state == "cancel"
    assert (world.state.status, world.state.sale) == (Status.CANCELLED, SALE)
    assert world.kinds == []


def test_where_sales_cannot_be_cancelled_a_person_hears_of_it() -> None:
    """As of any cancel that comes after the import."""
    world = restored(CANCELLED, policy=msgspec.structs.replace(INCAPABLE, restored=True))
    assert world.sale_state == "processing"
    assert world.kinds == ["order.cancelled"]


def test_an_order_that_was_shipped_since_meets_its_sale() -> None:
    """So its refunds, returns and payouts have one."""
    world = restored(Version(2, of=SHIPPED))
    assert (world.state.status, world.state.sale, world.kinds) == (Status.IMPORTED, SALE, [])
    assert world.creates == 0


@pytest.mark.parametrize("version", [CANCELLED, Version(2, of=SHIPPED)])
def test_where_there_is_no_sale_it_ends_as_ever_after_one_look(version: Version) -> None:
    """Also when a later version says the same again."""
    world = restored(version, price=None)
    ended = world.state.status
    assert ended in (Status.CANCELLED, Status.EXCLUDED)
    assert world.asked == ["find_sale"]
    world.then(msgspec.structs.replace(version, number=3))
    assert (world.state.status, world.asked, world.kinds) == (ended, ["find_sale"], [])


def test_a_look_that_is_refused_is_made_again_later() -> None:
    """It stays closed meanwhile."""
    world = World((CANCELLED,), policy=RESTORED, answers_to={"find_sale": ["exhausted"]})
    world.price = "10.00"
    world.run()
    assert (world.state.status, world.sale_state) == (Status.CANCELLED, "processing")
    world.elapse("confirm")
    assert world.sale_state == "cancel"


def test_an_order_that_is_held_by_now_meets_its_sale() -> None:
    """A person has seen to its SKU in the lost life, which is forgotten; nothing has to be done again for it."""
    version = Version(2)
    world = World((version,), policy=RESTORED)
    world.price, world.not_sold = "10.00", (version.order.lines[0].sku,)
    world.run()
    assert "held" in world.told
    assert (world.state.status, world.state.sale, world.kinds, world.creates) == (Status.IMPORTED, SALE, [], 0)


def test_an_order_that_waits_by_now_meets_its_sale() -> None:
    """It was paid when it went to Fulfil, and the sales channel says something else today."""
    world = restored(Version(2, paid=False))
    assert "waits" in world.told
    assert (world.state.status, world.state.sale, world.creates) == (Status.IMPORTED, SALE, 0)


def test_an_order_that_is_held_and_has_no_sale_is_created_when_it_is_released() -> None:
    """As ever, with the version that is here."""
    version = Version(2)
    world = World((version,), policy=RESTORED)
    world.not_sold = (version.order.lines[0].sku,)
    world.run()
    assert (world.state.status, world.asked, world.kinds) == (Status.HELD, ["find_sale"], ["sku.unknown"])
    world.not_sold = ()
    world.then(RELEASE)
    assert (world.state.status, world.creates, world.kinds) == (Status.IMPORTED, 1, [])


@pytest.mark.parametrize("version", [CANCELLED, Version(2, of=SHIPPED)])
def test_a_store_that_was_not_restored_looks_for_nothing(version: Version) -> None:
    """It would know."""
    assert restored(version, policy=CAPABLE).asked == []
