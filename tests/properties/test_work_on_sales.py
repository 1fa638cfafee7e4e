"""Everything a sales channel does to an order, in any order of arrival, against a Fulfil that can be changed.

There is no loop here: a small interpreter feeds the decision as the runtime would (one write in flight, reads beside
it, an unknown outcome frees the key), against books of one sale with one shipment, and a warehouse that picks when it
likes, and a tenant that would take any change at any time.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fulfil.calls import Applied
from connectors.fulfil.sales import Sale
from connectors.fulfil.shipments import Shipment
from connectors.fulfil.wire import CreatedSale, SaleFound
from flows.model.content import content_of
from flows.model.gate import OPEN_GATE, GateRule, GateSettings
from flows.model.messages import Recheck
from flows.model.order import FinancialStatus, Order
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.order_importer import OrderPresented, Policy, decide, presented
from runtime.clock import to_instant
from runtime.decision import Decision, EffectAbsent, EffectDone, EffectRefused, EffectUnknown, Repeat
from tests.unit.made_orders import SETTINGS, order

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
CAPABLE = Policy(amends="keyed_upsert", cancels=True)
SALE, SHIPMENT = 9, 71


class Version(msgspec.Struct, frozen=True):
    """One version of the order: what it costs, whether it is paid, cancelled, or to be looked at."""

    number: int
    price: str = "10.00"
    paid: bool = True
    cancelled: bool = False
    review: bool = False

    @property
    def order(self) -> Order:
        unpaid = {} if self.paid else {"financial_status": FinancialStatus.PENDING, "payments": ()}
        return order(
            self.price,
            version=self.stamp,
            cancelled_at=BEGAN if self.cancelled else None,
            tags=("review",) if self.review else (),
            **unpaid,
        )

    @property
    def stamp(self) -> str:
        return f"2026-11-20T08:00:{self.number:02}.000000Z"

    def message(self, before: Version | None = None, *, by_person: bool = False) -> OrderPresented:
        made = self.order
        return OrderPresented(
            delivery=self.number,
            version=self.stamp,
            received_us=to_instant(BEGAN),
            order=made,
            proof=prove(made),
            missing=(),
            hints={},
            before=None if before is None else before.order,
            by_person=by_person,
        )


class World:
    """The runtime, the disk, Fulfil and its warehouse, as far as one order sees them."""

    def __init__(
        self,
        versions: Sequence[Version],
        answers: Sequence[str] = (),
        *,
        policy: Policy = CAPABLE,
        gate: GateSettings = OPEN_GATE,
        picked_after: int | None = None,
    ) -> None:
        self.bodies = {version.number: version for version in versions}
        self.inbox: deque[Any] = deque(versions)
        self.outcomes: deque[tuple[int, Any]] = deque()
        self.answers, self.policy, self.gate = deque(answers), policy, gate
        self.state, self.now = OrderState(), BEGAN
        self.intents: dict[int, tuple[str, bytes]] = {}
        self.blocked_by: int | None = None
        self.picked_after = picked_after
        self.price: str | None = None
        """What the sale costs; None: there is none."""
        self.sale_state, self.picked, self.held, self.creates, self.calls = "processing", False, False, 0, 0

    # -- the runtime ---------------------------------------------------------------------------------------------------

    def run(self, interleaving: Sequence[bool] = ()) -> World:
        """To the end; each choice says whether, when both could come next, the outcome goes first."""
        choices = itertools.chain(interleaving, itertools.repeat(True))
        for _ in range(2_000):
            can_decide = bool(self.inbox) and self.blocked_by is None
            if self.outcomes and (not can_decide or next(choices)):
                intent, outcome = self.outcomes.popleft()
                if intent == self.blocked_by and not isinstance(outcome, EffectAbsent):
                    self.blocked_by = None
                self.step(outcome)
            elif can_decide:
                self.step(self.inbox.popleft())
            else:
                return self
        pytest.fail("the order never comes to rest")

    def step(self, message: Any) -> None:
        self.now += timedelta(seconds=1)
        message = self.resolved(message)
        if isinstance(message, OrderPresented):
            decision = presented(self.state, message, self.now, SETTINGS, self.gate, self.policy)
        else:
            decision = decide(self.state, message, self.now, self.policy)
        self.apply(decision)

    def resolved(self, message: Any) -> Any:
        """What the shell makes of a message: a payload that is read, with the one that is in Fulfil."""
        state, by_person = self.state, False
        if isinstance(message, Recheck):
            by_person = message.because == "person"
            if state.status in (Status.HELD, Status.WAITING, Status.EXCLUDED):
                message = self.bodies[state.delivery or 0]
            elif state.sale is not None and state.work is None and state.later is not None:
                message = self.bodies[state.later.delivery]
        if not isinstance(message, Version):
            return message
        before = self.bodies.get(state.delivery or 0) if state.status is Status.IMPORTED else None
        return message.message(before, by_person=by_person)

    def apply(self, decision: Decision) -> None:
        self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=OrderState)
        for effect in decision.effects:
            intent = len(self.intents) + 1
            self.intents[intent] = (effect.kind, effect.body)
            if effect.repeat is not Repeat.SAFE:
                assert self.blocked_by is None, "two writes of one order at once"
                self.blocked_by = intent
            self.call(intent, 1)
        for intent in decision.resend:
            self.blocked_by = intent
            self.call(intent, 2)
        self.inbox.extend(emit.message for emit in decision.emits)

    # -- Fulfil --------------------------------------------------------------------------------------------------------

    def call(self, intent: int, attempts: int) -> None:
        """One call: done, refused, lost before it was applied, or lost after."""
        kind, body = self.intents[intent]
        self.calls += 1
        if self.picked_after is not None and self.calls > self.picked_after and self.price and not self.held:
            self.picked = True  # nobody picks what is on hold
        reads = kind.startswith(("read_", "find_"))
        answer = self.answers.popleft() if self.answers and not reads else "done"
        common = {"intent": intent, "kind": kind, "began_us": 1, "ended_us": 2, "attempts": attempts}
        if answer == "refused":
            self.outcomes.append((intent, EffectRefused(code="1", sentence="s", **common)))
            return
        done = EffectDone(result=None, **common)
        if answer != "lost before":
            done = msgspec.structs.replace(done, result=self.applied(kind, body))
        if answer == "done":
            self.outcomes.append((intent, done))
            return
        self.outcomes.append((intent, EffectUnknown(cause="c", **common)))
        lost = EffectAbsent(intent=intent, kind=kind, attempts=attempts)
        self.outcomes.append((intent, lost if answer == "lost before" else done))

    def applied(self, kind: str, body: bytes) -> Any:
        match kind:
            case "create_order":
                if self.price is None:
                    self.creates += 1
                    self.price = msgspec.json.decode(body)[1]["amount"]["decimal"]
                return CreatedSale(id=SALE, number="SO9", total=Decimal(self.price))
            case "amend_order":
                assert not self.picked, "changed after the pick"
                self.price = msgspec.json.decode(body)[1]["amount"]["decimal"]
                return CreatedSale(id=SALE, number="SO9", total=Decimal(self.price))
            case "cancel_sale":
                assert not self.picked, "cancelled after the pick"
                self.sale_state, self.held = "cancel", False
            case "hold_shipment" | "unhold_shipment":
                self.held = kind == "hold_shipment"
                return Applied((SHIPMENT,))
            case "read_sales":
                total = Decimal(self.price or "0")
                sale = Sale(
                    id=SALE, state=self.sale_state, total_amount=total, shipments=(SHIPMENT,), invoice_state="none"
                )
                return (sale,)
            case "read_shipments":
                picking = "done" if self.picked else None
                return (
                    Shipment(id=SHIPMENT, number="CS1", state="assigned", picking_status=picking, on_hold=self.held),
                )
            case "find_sale":
                total = Decimal(self.price or "0")
                return () if self.price is None else (SaleFound(id=SALE, channel_identifier="1", total_amount=total),)
        return Applied((SALE,))

    @property
    def kinds(self) -> list[str]:
        return sorted(case.kind for case in self.state.cases)


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
        assert (world.price, world.creates, world.held, world.state.amount) == ("12.00", 1, False, "12.00")


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
    if world.held:
        assert cases, "what is on hold is somebody's case"


@pytest.mark.parametrize("picked_after", range(9))
def test_the_warehouse_may_pick_at_any_moment_of_an_edit(picked_after: int) -> None:
    """Failure case 14: before the change it is a case with both versions, after it the sale is what the order says."""
    world = World((PAID, EDIT), picked_after=picked_after).run()
    changed = world.price == "12.00"
    assert world.kinds == ([] if changed else ["order.edited"])
    assert world.state.content == content_of((EDIT if changed else PAID).order)


def test_what_is_to_be_looked_at_is_on_hold_until_a_version_passes_or_a_person_says_so() -> None:
    """Rule 1: both ends release it; an edit meanwhile is applied, and leaves it on hold."""
    review = Version(1, review=True)
    world = World((review, Version(2, price="12.00", review=True)), gate=REVIEW).run()
    assert (world.held, world.kinds, world.price) == (True, ["order.on_hold"], "12.00")
    world.inbox.append(Recheck(because="person"))
    assert (world.run().held, world.kinds) == (False, [])
    passed = World((review, Version(2)), gate=REVIEW).run()
    assert (passed.held, passed.kinds) == (False, [])


@pytest.mark.parametrize("picked_after", range(6))
def test_a_cancel_may_race_with_the_warehouse(picked_after: int) -> None:
    """Failure case 15: what the warehouse has begun wins, whenever it begins; otherwise the sale is cancelled."""
    world = World((PAID, CANCEL), picked_after=picked_after).run()
    won = world.sale_state == "cancel"
    assert (world.state.status is Status.CANCELLED) == won
    assert world.kinds == ([] if won else ["order.cancelled"])
