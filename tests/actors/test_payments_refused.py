"""What Fulfil does not take of an order's payments, told late: what is wanted by now it was not asked for."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from flows.model.money import Money
from flows.model.payments import FieldTarget, GatewaySettings
from flows.payment_mapper import RECORDER
from runtime.decision import EffectRefused
from tests.actors.test_payment_stories import A1, C1, CAPTURE, version
from tests.unit.made_orders import payment
from tests.world_of_payments import RULES, World


def until_refused(world: World) -> None:
    """Until the answer of Fulfil is here, and the recorder has not read it."""
    while not any(isinstance(outcome, EffectRefused) for _, _, outcome in world.outcomes):
        if not world.run_one():
            assert world.elapses()


def decides(world: World) -> None:
    """The orders decide on everything that they were told, and the recorder has to wait."""
    while orders := [each for each in world.inbox if each[0] != RECORDER and each[:2] not in world.busy]:
        world.inbox.remove(orders[0])
        world._step(*orders[0])


def test_an_authorisation_that_was_refused_after_its_capture_is_nobodys_case() -> None:
    """It was to be authorised; by the time of the answer it was captured, and Fulfil has that."""
    world = World().sends(version(1, A1))
    world.erp.refuses = lambda kind, _body: kind == "authorise_transaction"
    until_refused(world)
    decides(world.sends(version(2, A1, C1)))
    world.run()
    assert ("charge", "C1", Decimal("10.00"), "completed") in world.erp.money()
    assert (world.statuses(), world.cases()) == ({"+A1": "recorded", "+C1": "recorded"}, [])


def test_metafields_that_were_refused_before_they_changed_are_nobodys_case() -> None:
    """Those of the first payment were not taken, and those of both were."""
    target = {"stripe": GatewaySettings(fee=FieldTarget(metafield=17))}
    world = World(rules=msgspec.structs.replace(RULES, targets=target))
    fee = Money(Decimal("0.59"), "USD")
    first, second = (
        msgspec.structs.replace(payment("5.00", id=id_, kind=CAPTURE, parent_id="A1"), fee=fee) for id_ in ("C1", "C2")
    )
    world.sends(version(1, A1)).run()
    world.erp.refuses = lambda kind, _body: kind == "set_metafields"
    until_refused(world.sends(version(2, A1, first)))
    world.erp.refuses = lambda _kind, _body: False
    decides(world.sends(version(3, A1, first, second)))
    world.run()
    sale = world.erp.books.sale_ids[3, "1001"]
    assert world.erp.books.metafields["sale.sale", sale] == {17: "C1: 0.59 USD; C2: 0.59 USD"}
    assert world.cases() == []
