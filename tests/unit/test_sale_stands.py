"""What becomes of a sale that stands: edits and their proof, cancels, what is left of it, sales that appear late."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.sales import SaleLine
from connectors.fulfil.stock import StockMove
from flows.model.gate import GateRule, GateSettings
from flows.model.order import Address, FinancialStatus, RefundKind, RefundPart, Restock, Risk, Units
from flows.model.order_state import Status
from flows.order_importer import Policy
from tests.unit.made_orders import line, refund, usd
from tests.world_of_one_order import CAPABLE, INCAPABLE, RELEASE, SALE, SHIPMENT, Version, World

REVIEW = GateSettings(rules=(GateRule(name="look", then="hold_shipment", tags=("review",), payment=("paid",)),))
ONE_TRY = Policy(amends="keyed_upsert", cancels=True, attempts_max=1)
"""Of a tenant that would make a second sale of an order that is sent again."""
PAID = Version(1)
EDIT = Version(2, price="12.00")
CANCEL = Version(2, cancelled=True)
UNCANCELLED = Version(3)
REFUNDED: dict[str, Any] = {"financial_status": FinancialStatus.REFUNDED, "refunds": (refund("10.00"),)}
MUG_BACK = RefundPart(
    kind=RefundKind.LINE, amount=usd("10.00"), units=Units(line="L1", quantity=Decimal(1), restock=Restock.UNKNOWN)
)
GONE: dict[str, Any] = {
    "lines": (line("10.00", quantity_left=Decimal(0)),),
    "totals": {"left": usd("0.00")},
    "financial_status": FinancialStatus.REFUNDED,
    "refunds": (msgspec.structs.replace(refund("10.00", "10.00"), parts=(MUG_BACK,)),),
}
"""Nothing is left of the order, and nobody has cancelled it."""
MOVED = {"shipping_address": Address(name="Ada Moss", address1="1 Elm Street", city="Dallas", country_code="US")}
"""A change that no call of the API can make."""

# -- the proof of an edit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "because"),
    [("refused", "Fulfil refused: it cannot be done"), ("exhausted", "it was tried 3 times")],
    ids=["refused", "exhausted"],
)
def test_an_edit_whose_proof_cannot_be_read_is_a_mismatch_and_stays_on_hold(answer: str, because: str) -> None:
    """It was changed, and nobody knows what it comes to: the case says that, and not that it was not changed."""
    world = World((PAID, EDIT), answers_to={"read_sales": ["done", answer]}).run()
    assert (world.price, world.state.amount, world.state.content) == ("12.00", "12.00", EDIT.content)
    assert (world.kinds, world.on_hold) == (["sale.mismatch"], (SHIPMENT,))
    assert f"whether it comes to 12.00 USD is not known: {because}. Its shipments are on hold" in world.sentence
    assert "not changed" not in world.sentence
    assert (world.then(RELEASE).free, world.kinds) == ((SHIPMENT,), [])


def mismatch() -> World:
    """An edit after which the sale comes to more than the order."""
    world = World((PAID,)).run()
    world.too_much = Decimal("1.00")
    assert (world.then(EDIT).kinds, world.on_hold) == (["sale.mismatch"], (SHIPMENT,))
    return world


def test_a_sale_that_comes_to_another_total_than_its_edit_is_a_case_with_the_difference() -> None:
    """Transferred is not proven: it stays on hold, and the case says so."""
    (case,) = mismatch().state.cases
    assert case.amount == Decimal("1.00")
    assert "has a total of 13.00 USD, the order 12.00. Its shipments are on hold in Fulfil" in case.sentence


def test_a_mismatch_is_not_released_by_the_same_version_again() -> None:
    """Nothing is better than before."""
    world = mismatch().then(Version(3, price="12.00"))
    assert (world.kinds, world.on_hold, "unhold_shipment" in world.asked) == (["sale.mismatch"], (SHIPMENT,), False)


def test_a_mismatch_ends_with_a_proven_later_edit() -> None:
    """What is held for it is released then."""
    world = mismatch()
    world.too_much = Decimal(0)
    world.then(Version(3, price="14.00"))
    assert (world.price, world.kinds, world.free, world.state.held) == ("14.00", [], (SHIPMENT,), ())


def test_a_mismatch_ends_with_the_cancel_of_the_sale() -> None:
    """There is no sale any more that could come to anything."""
    world = mismatch().then(Version(3, price="12.00", cancelled=True))
    assert (world.state.status, world.sale_state, world.kinds) == (Status.CANCELLED, "cancel", [])


def test_an_edit_that_empties_a_shipment_releases_the_others() -> None:
    """The tenant cancels a shipment with nothing in it: what is gone is not released, and no case is left."""
    world = World((PAID,), shipments=(SHIPMENT, SHIPMENT + 1)).run()
    world.edits_empty = (SHIPMENT + 1,)
    assert (world.then(EDIT).kinds, world.free, world.state.held) == ([], (SHIPMENT,), ())


@pytest.mark.parametrize("passes", [False, True])
def test_an_edit_that_cannot_be_made_says_whether_the_sale_is_on_hold(*, passes: bool) -> None:
    """Held by the gate and passed since, or not: what was held stays so until somebody has seen to the edit."""
    world = World((Version(1, review=True),), gate=REVIEW).run()
    world.then(Version(2, review=not passes, of=MOVED))
    assert (world.on_hold, "order.edited" in world.kinds) == ((SHIPMENT,), True)
    told = next(case.sentence for case in world.state.cases if case.kind == "order.edited")
    assert "its shipping address has changed" in told
    assert told.endswith("Its shipments are on hold in Fulfil until the order is released")
    assert (world.then(RELEASE).free, world.kinds) == ((SHIPMENT,), [])


# -- cancels, and cancels of cancels -----------------------------------------------------------------------------------


def test_a_cancel_that_fulfil_refuses_ends_when_a_person_has_made_it() -> None:
    """What the case says to do ends it: cancel the sale in Fulfil, then release the order."""
    world = World((PAID, CANCEL), answers_to={"cancel_sale": ["refused"]}).run()
    assert (world.kinds, world.on_hold) == (["order.cancelled"], (SHIPMENT,))
    assert "stands, because Fulfil refused: it cannot be done. Its shipments are on hold" in world.sentence
    world.sale_state = "cancel"
    world.change(SHIPMENT, state="cancel")
    assert (world.then(RELEASE).kinds, world.state.held, world.state.status) == ([], (), Status.CANCELLED)


@pytest.mark.parametrize("answer", ["done", "lost before", "lost after"])
@pytest.mark.parametrize("outcomes_first", range(7))
def test_an_order_that_is_wanted_again_while_its_sale_is_cancelled_is_told(answer: str, outcomes_first: int) -> None:
    """A cancelled sale is never opened again by us; whenever the version comes, somebody hears of it."""
    world = World((PAID, CANCEL, UNCANCELLED), answers_to={"cancel_sale": [answer]})
    world.run([*[True] * outcomes_first, False])
    assert (world.state.status, world.sale_state, world.kinds) == (Status.CANCELLED, "cancel", ["order.edited"])
    assert (world.state.version, world.state.later) == (UNCANCELLED.stamp, None)
    assert "no longer cancelled in the sales channel, but its sale SO9 was cancelled in Fulfil" in world.sentence


@pytest.mark.parametrize("again", [{"cancelled": True}, {"of": GONE}], ids=["cancelled", "nothing left"])
def test_an_order_that_is_cancelled_again_is_nobodys_case(again: dict[str, Any]) -> None:
    """It is what Fulfil has of it."""
    world = World((PAID, CANCEL, UNCANCELLED)).run()
    assert world.kinds == ["order.edited"]
    assert (world.then(Version(4, **again)).kinds, world.state.status) == ([], Status.CANCELLED)


@pytest.mark.parametrize(
    ("policy", "versions", "again"),
    [
        (CAPABLE, (PAID, CANCEL, UNCANCELLED), Version(4)),
        (INCAPABLE, (PAID, CANCEL), Version(4, cancelled=True)),
        (INCAPABLE, (PAID, EDIT), Version(4, price="12.00")),
    ],
    ids=["wanted again", "cancelled", "edited"],
)
def test_what_a_person_has_dealt_with_is_not_raised_again_by_the_next_version(
    policy: Policy, versions: Sequence[Version], again: Version
) -> None:
    """The sales channel says the same again; the person has seen to it."""
    world = World(versions, policy=policy).run()
    assert len(world.kinds) == 1
    assert world.then(RELEASE).kinds == []
    assert (world.then(again).kinds, world.state.version) == ([], again.stamp)


def test_units_of_a_sale_that_nobody_counted_when_it_was_made_are_looked_for_in_fulfil() -> None:
    """Stock is published since, and the order comes again: what its sale has is not kept back for ever."""
    world = World((PAID,)).run()
    world.policy = Policy(counts_units=True)
    assert (world.state.units, world.state.sold) == ({}, {})
    again = msgspec.structs.replace(PAID, number=PAID.number + 1)
    assert (world.then(again).kinds, world.state.units, world.state.sold) == ([], {"MUG-BLUE": 1}, {"MUG-BLUE": 1})


def test_units_that_were_added_and_taken_off_again_are_not_kept_back_for_ever() -> None:
    """The tenant's API changes nothing, and nobody did: the sale is what the order is again."""
    one, two, back = (
        Version(number, price=f"{pieces}0.00", of={"lines": (line(f"{pieces}0.00", quantity=Decimal(pieces)),)})
        for number, pieces in ((1, 1), (2, 2), (3, 1))
    )
    world = World((one, two), policy=Policy(counts_units=True)).run()
    assert (world.kinds, world.state.units) == (["order.edited"], {"MUG-BLUE": 2})
    assert (world.then(back).kinds, world.state.units, world.state.sold) == ([], {"MUG-BLUE": 1}, {"MUG-BLUE": 1})


def test_units_that_a_person_has_added_to_the_sale_are_looked_for_in_fulfil() -> None:
    """Two pieces became three, and the tenant's API changes nothing: once a person has, the third is there, too, and is
    not kept back for ever.
    """
    two, three = (
        Version(pieces, price=f"{pieces}0.00", of={"lines": (line(f"{pieces}0.00", quantity=Decimal(pieces)),)})
        for pieces in (2, 3)
    )
    world = World((two, three), policy=Policy(counts_units=True)).run()
    assert (world.kinds, world.state.units, world.state.sold) == (["order.edited"], {"MUG-BLUE": 3}, {"MUG-BLUE": 2})
    assert (world.then(RELEASE).kinds, world.state.units, world.state.sold) == ([], {"MUG-BLUE": 3}, {"MUG-BLUE": 3})


def test_a_sale_that_a_person_cancelled_is_told_when_the_order_is_wanted_again() -> None:
    """Seamline has not cancelled it, and still knows that it is no more."""
    world = World((PAID, CANCEL), policy=INCAPABLE).run()
    world.sale_state = "cancel"
    assert (world.then(RELEASE).kinds, world.state.status) == ([], Status.CANCELLED)
    assert world.then(UNCANCELLED).kinds == ["order.edited"]


# -- versions that come while the sale is made -------------------------------------------------------------------------


def test_a_version_that_waits_is_looked_at_though_an_unreadable_one_came_after_it() -> None:
    """The answer to the create is lost, an edit comes, then what nobody can read: the edit is made, the case stays."""
    world = World((PAID, EDIT, Version(3, readable=False)), answers_to={"create_order": ["lost after"]})
    world.run([False, False])
    assert (world.state.later, world.price, world.kinds) == (None, "12.00", ["order.unreadable"])
    assert world.then(RELEASE).kinds == []


def test_a_story_closes_when_the_same_content_came_meanwhile() -> None:
    """The body may be reclaimed."""
    world = World((PAID, Version(2)), answers_to={"create_order": ["lost after"]}).run([False])
    assert ("version_waits" in world.told, world.told[-1], world.closes) == (True, "unchanged", True)


@pytest.mark.parametrize(
    ("stands", "goes_on"),
    [
        *((stalled, False) for stalled in ("failed", "provisional", "ignored", "cancel", "cancelled")),
        *((usual, True) for usual in ("draft", "quotation", "confirmed", "processing")),
    ],
)
@pytest.mark.parametrize("found", ["answered", "looked for", "looked for again"])
def test_a_sale_that_fulfil_does_not_go_on_with_is_told(stands: str, found: str, *, goes_on: bool) -> None:
    """Nobody would see it: the order is not shipped, and no other order of it comes."""
    answer, policy = {
        "answered": ("done", CAPABLE),
        "looked for": ("lost after", CAPABLE),
        "looked for again": ("lost before", ONE_TRY),
    }[found]
    world = World((PAID,), answers_to={"create_order": [answer]}, policy=policy, sale_state=stands).run()
    if found == "looked for again":
        world.appears()
        world.elapse("confirm")
    assert (world.state.status, world.state.sale) == (Status.IMPORTED, SALE)
    assert world.kinds == ([] if goes_on else ["sale.stalled"])
    assert goes_on or f"Fulfil made sale SO9, and left it in state {stands!r}" in world.sentence


# -- a sale that appears after its create was given up -----------------------------------------------------------------


def appeared(first: Version, *meanwhile: Version, policy: Policy = ONE_TRY, not_sold: tuple[str, ...] = ()) -> World:
    """The create was given up as absent, this came, and then the second look finds the sale."""
    world = World((first,), answers_to={"create_order": ["lost before"]}, policy=policy).run()
    assert (world.state.status, world.kinds) == (Status.HELD, ["fulfil.unsettled"])
    world.not_sold = not_sold
    world.then(*meanwhile)
    assert "read_sales" not in world.asked, "there is no sale yet"
    world.not_sold = ()
    world.appears()
    world.elapse("confirm")
    assert (world.state.sale, world.creates, world.state.later) == (SALE, 1, None)
    return world


@pytest.mark.parametrize(
    "versions",
    [
        (PAID, Version(2, of=REFUNDED)),
        (Version(1, of={"risk": Risk.HIGH}),),
        (PAID, Version(2, of={"financial_status": FinancialStatus.VOIDED, "payments": ()})),
    ],
    ids=["excluded", "high risk", "voided"],
)
def test_a_sale_that_appears_is_put_on_hold_where_the_gate_would_not_let_it_out(versions: Sequence[Version]) -> None:
    """The second look is no way round the gate."""
    world = appeared(*versions)
    assert (world.state.status, world.on_hold) == (Status.IMPORTED, (SHIPMENT,))
    assert "order.on_hold" in world.kinds


@pytest.mark.parametrize(
    "version", [CANCEL, Version(2, of={**GONE, "financial_status": FinancialStatus.PAID})], ids=["cancel", "gone"]
)
def test_a_sale_that_appears_of_a_cancelled_order_is_cancelled(version: Version) -> None:
    """It is not wanted any more; where Seamline cannot cancel, it is a case."""
    world = appeared(PAID, version)
    assert (world.state.status, world.sale_state, world.kinds) == (Status.CANCELLED, "cancel", [])
    incapable = appeared(PAID, version, policy=Policy(attempts_max=1))
    assert (incapable.state.status, incapable.kinds) == (Status.IMPORTED, ["order.cancelled"])


def test_a_sale_that_appears_of_an_order_that_was_edited_meanwhile_is_edited() -> None:
    """The sale is of the version that was given up; the newer one was held for a SKU that is there by now."""
    world = appeared(PAID, EDIT, not_sold=("MUG-BLUE",))
    assert (world.price, world.state.content, world.kinds, world.free) == ("12.00", EDIT.content, [], (SHIPMENT,))
    incapable = appeared(PAID, EDIT, policy=Policy(attempts_max=1), not_sold=("MUG-BLUE",))
    assert (incapable.price, incapable.kinds) == ("10.00", ["order.edited"])
    assert "the total was 10.00" in incapable.sentence


def test_a_second_look_after_the_order_was_made_and_cancelled_changes_nothing() -> None:
    """It was released, made, and cancelled in Fulfil since: the sale that is found is the one that is known."""
    world = World((PAID,), answers_to={"create_order": ["lost before"]}, policy=ONE_TRY).run()
    assert world.then(RELEASE, CANCEL).state.status is Status.CANCELLED
    assert (world.elapse("confirm").state.status, world.kinds, world.creates) == (Status.CANCELLED, [], 1)


# -- nothing is left of the order --------------------------------------------------------------------------------------


def test_an_order_of_which_nothing_is_left_is_cancelled() -> None:
    """Every unit was taken off, and nobody has called it a cancel."""
    world = World((PAID, Version(2, of=GONE))).run()
    assert (world.state.status, world.sale_state, world.kinds) == (Status.CANCELLED, "cancel", [])


def test_an_order_of_which_nothing_is_left_is_a_case_where_sales_cannot_be_cancelled() -> None:
    """The goods that were given back are not shipped, or are a return: somebody has to see to it."""
    world = World((PAID, Version(2, of=GONE)), policy=INCAPABLE).run()
    assert world.state.status is Status.IMPORTED
    assert world.kinds
    refused = World((PAID, Version(2, of=GONE)), answers_to={"cancel_sale": ["refused"]}).run()
    told = next(case.sentence for case in refused.state.cases if case.kind == "order.cancelled")
    assert told.startswith("nothing is left of the order, and sale SO9 stands, because Fulfil refused")
    assert refused.on_hold == (SHIPMENT,)


@pytest.mark.parametrize("policy", [CAPABLE, INCAPABLE], ids=["cancels", "does not cancel"])
def test_an_order_of_which_nothing_is_left_after_it_was_shipped_is_a_return(policy: Policy) -> None:
    """What Fulfil has shipped stands, whatever the sales channel says."""
    world = World((PAID,), policy=policy).run()
    world.change(SHIPMENT, state="done")
    world.sale_lines = (SaleLine(id=5, sale=SALE, channel_identifier="L1", quantity=Decimal(1), moves=(50,)),)
    world.moves = (StockMove(id=50, quantity=Decimal(1), state="done", to_type="customer"),)
    world.then(Version(2, of=GONE))
    assert (world.state.status, world.sale_state, "cancel_sale" in world.asked) == (
        Status.IMPORTED,
        "processing",
        False,
    )
    assert "order.returned" in world.kinds


@pytest.mark.parametrize("paid", [FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED])
def test_an_order_of_which_nothing_is_left_before_it_was_made_is_closed_as_cancelled(paid: FinancialStatus) -> None:
    """Nothing of it goes to Fulfil; one that was refunded in full is excluded by that."""
    gone = {**GONE, "financial_status": paid}
    world = World((Version(1, of=gone),)).run()
    assert (world.state.status, world.kinds, world.price) == (Status.CANCELLED, [], None)
    assert World((Version(1, of=GONE),)).run().state.status is Status.EXCLUDED
