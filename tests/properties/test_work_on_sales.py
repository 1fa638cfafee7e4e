"""Everything a sales channel does to an order, in any order of arrival, against a Fulfil that can be changed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.gate import GateRule, GateSettings, gate_again
from flows.model.order import FinancialStatus, Risk
from flows.model.order_state import Status
from flows.model.proof import prove
from flows.order_importer import Policy
from runtime.clock import to_instant
from tests.unit.made_orders import payment, refund
from tests.world_of_one_order import BEGAN, CAPABLE, RELEASE, SHIPMENT, Version, World

CREATE = Version(1, paid=False)
PAID = Version(2)
EDIT = Version(3, price="12.00")
CANCEL = Version(4, price="12.00", cancelled=True)
LOSSES = st.lists(st.sampled_from(("done", "done", "lost before", "lost after")), max_size=8)
INTERLEAVINGS = st.lists(st.booleans(), max_size=24)


@given(answers=LOSSES, interleaving=INTERLEAVINGS, repeats=st.lists(st.integers(0, 3), max_size=4))
@settings(max_examples=60)
def test_created_paid_edited_and_cancelled_end_alike_in_all_24_orders(
    answers: list[str], interleaving: list[bool], repeats: list[int]
) -> None:
    """Whatever arrived first, twice or late: cancelled, with no case, and with no sale that could still be shipped."""
    for arriving in itertools.permutations((CREATE, PAID, EDIT, CANCEL)):
        world = World([*arriving, *(arriving[each] for each in repeats)], answers).run(interleaving)
        assert (world.state.status, world.state.version, world.kinds) == (Status.CANCELLED, CANCEL.stamp, [])
        assert world.price is None or world.sale_state == "cancel"
        assert world.creates <= 1


@given(answers=LOSSES, interleaving=INTERLEAVINGS, repeats=st.lists(st.integers(0, 2), max_size=4))
@settings(max_examples=60)
def test_created_paid_and_edited_end_as_the_edit_in_all_orders(
    answers: list[str], interleaving: list[bool], repeats: list[int]
) -> None:
    """One sale, of the newest version, and nothing left on hold."""
    for arriving in itertools.permutations((CREATE, PAID, EDIT)):
        world = World([*arriving, *(arriving[each] for each in repeats)], answers).run(interleaving)
        assert (world.state.status, world.state.version, world.kinds) == (Status.IMPORTED, EDIT.stamp, [])
        assert (world.price, world.creates, world.on_hold, world.state.amount) == ("12.00", 1, (), "12.00")


VERSIONS = st.lists(
    st.builds(
        Version,
        number=st.integers(1, 6),
        price=st.sampled_from(("10.00", "12.00", "9.00")),
        paid=st.sampled_from((True, True, False)),
        cancelled=st.sampled_from((False, False, True)),
        review=st.sampled_from((False, False, True)),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda version: version.number,
)
REVIEW = GateSettings(rules=(GateRule(name="look", then="hold_shipment", tags=("review",), payment=("paid",)),))


@given(
    versions=VERSIONS,
    shuffle=st.randoms(use_true_random=False),
    answers=st.lists(st.sampled_from(("done", "done", "done", "refused", "lost before", "lost after")), max_size=10),
    interleaving=INTERLEAVINGS,
    picked_after=st.none() | st.integers(0, 12),
    capable=st.booleans(),
)
@settings(max_examples=400)
def test_a_sale_is_what_the_newest_version_says_or_somebody_has_a_case(
    versions: list[Version],
    shuffle: Any,
    answers: list[str],
    interleaving: list[bool],
    picked_after: int | None,
    *,
    capable: bool,
) -> None:
    """Never two sales or a change after the pick, nothing on hold that no case tells of, and no silent difference."""
    arriving = versions + versions[: len(versions) // 2]
    shuffle.shuffle(arriving)
    policy = CAPABLE if capable else Policy()
    world = World(arriving, answers, policy=policy, gate=REVIEW, picked_after=picked_after).run(interleaving)
    newest = max(versions, key=lambda version: version.number)
    state, cases = world.state, world.kinds
    assert (state.version, state.work, state.later) == (newest.stamp, None, None)
    assert world.creates <= 1
    sold = world.price is not None
    stands = sold and world.sale_state != "cancel"
    if newest.cancelled:
        assert state.status is Status.CANCELLED or "order.cancelled" in cases
        assert not stands or "order.cancelled" in cases
    elif stands:
        assert world.price == newest.price or "order.edited" in cases
    elif sold:
        assert "order.edited" in cases, "cancelled in Fulfil, and wanted again"
    else:
        assert state.status is (Status.HELD if cases else Status.WAITING)
        assert cases in (["fulfil.refused"], [])
    if world.on_hold:
        assert cases, "what is on hold is somebody's case"


STANDINGS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"risk": Risk.HIGH},
    {"financial_status": FinancialStatus.VOIDED, "payments": ()},
    {"financial_status": FinancialStatus.REFUNDED, "refunds": (refund("10.00"),)},
    {"financial_status": FinancialStatus.PARTIALLY_PAID, "payments": (payment("5.00"),)},
)
"""How an order was paid, and what is thought of it: half of this is kept out of the warehouse."""
MIXED = st.lists(
    st.builds(
        Version,
        number=st.integers(1, 7),
        price=st.sampled_from(("10.00", "10.00", "12.00")),
        paid=st.sampled_from((True, True, True, False)),
        cancelled=st.sampled_from((False, False, False, True)),
        review=st.sampled_from((False, False, True)),
        of=st.sampled_from(STANDINGS),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda version: version.number,
)
OTHER = SHIPMENT + 1


@given(
    versions=MIXED,
    releases=st.lists(st.integers(0, 6), max_size=3),
    answers=st.lists(
        st.sampled_from(("done", "done", "done", "refused", "exhausted", "lost before", "lost after")), max_size=10
    ),
    interleaving=INTERLEAVINGS,
    picked_after=st.none() | st.integers(0, 14),
    ships=st.booleans(),
    shared=st.sampled_from(((), (), (OTHER,), (SHIPMENT, OTHER))),
    capable=st.booleans(),
    late=st.booleans(),
)
@settings(max_examples=300)
def test_what_the_gate_keeps_back_is_on_hold_and_nothing_is_that_need_not_be(
    versions: list[Version],
    releases: list[int],
    answers: list[str],
    interleaving: list[bool],
    picked_after: int | None,
    shared: tuple[int, ...],
    *,
    ships: bool,
    capable: bool,
    late: bool,
) -> None:
    """At rest. Unless a person released it since the gate's last word, or a case says that it could not be held; and
    whatever is on hold is so because of the gate, or of a case. Shipments may come when all else is done.
    """
    arriving: list[Any] = list(versions)
    for place in releases:
        arriving.insert(place, RELEASE)
    world = World(
        arriving,
        answers,
        policy=CAPABLE if capable else Policy(),
        gate=REVIEW,
        picked_after=picked_after,
        ships=ships,
        shipments=() if late else (SHIPMENT, OTHER),
        shared=shared,
    ).run(interleaving)
    if late:
        world.ship_with(SHIPMENT, OTHER)
        if world.state.work is not None and world.state.work.idle:
            world.elapse("shipments")
    state, newest = world.state, max(versions, key=lambda version: version.number)
    assert (state.version, state.work, state.later) == (newest.stamp, None, None)
    if state.status is not Status.IMPORTED:
        assert not state.held or "order.on_hold" in world.kinds
        return
    if not newest.cancelled:
        verdict = gate_again(newest.order, prove(newest.order), REVIEW, to_instant(BEGAN), world.now)
        assert state.gated == verdict.told, "it was judged last as what it is now"
    if state.gated != "import" and not world.released and (world.free or world.on_hold):
        assert "order.on_hold" in world.kinds
        free = set(world.free) - set(shared)
        assert not free or any("is on hold yet, because" in case.sentence for case in state.cases)
    if not state.on_hold and not {"order.on_hold", "order.edited", "order.cancelled", "sale.mismatch"} & {*world.kinds}:
        assert (set(world.on_hold) - set(shared), state.held) == (set(), ())


@pytest.mark.parametrize("picked_after", range(9))
def test_the_warehouse_may_pick_at_any_moment_of_an_edit(picked_after: int) -> None:
    """Failure case 14: before the change it is a case with both versions, after it the sale is what the order says."""
    world = World((PAID, EDIT), picked_after=picked_after).run()
    changed = world.price == "12.00"
    assert world.kinds == ([] if changed else ["order.edited"])
    assert world.state.content == (EDIT if changed else PAID).content


def test_what_is_to_be_looked_at_is_on_hold_until_a_version_passes_or_a_person_says_so() -> None:
    """Rule 1: both ends release it; an edit meanwhile is applied, and leaves it on hold."""
    review = Version(1, review=True)
    world = World((review, Version(2, price="12.00", review=True)), gate=REVIEW).run()
    assert (world.on_hold, world.kinds, world.price) == ((SHIPMENT,), ["order.on_hold"], "12.00")
    assert (world.then(RELEASE).on_hold, world.kinds) == ((), [])
    passed = World((review, Version(2)), gate=REVIEW).run()
    assert (passed.on_hold, passed.kinds) == ((), [])


@pytest.mark.parametrize("picked_after", range(6))
def test_a_cancel_may_race_with_the_warehouse(picked_after: int) -> None:
    """Failure case 15: what the warehouse has begun wins, whenever it begins; otherwise the sale is cancelled."""
    world = World((PAID, CANCEL), picked_after=picked_after).run()
    won = world.sale_state == "cancel"
    assert (world.state.status is Status.CANCELLED) == won
    assert world.kinds == ([] if won else ["order.cancelled"])
