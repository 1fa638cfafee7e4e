"""Versions of one order in any order, any number of times, with any outcome of the create: where it must end.

There is no loop here: a small interpreter feeds `decide` as the runtime would (one write in flight, the rest waits, an
unknown outcome frees the key), against books of a Fulfil that keeps one sale per identifier.
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

from connectors.fulfil.wire import CreatedSale
from flows.model.content import content_of
from flows.model.messages import Recheck
from flows.model.order import FinancialStatus
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import sale_for
from flows.order_importer import OrderPresented, OrderUnreadable, decide, presented
from runtime.decision import Decision, EffectAbsent, EffectDone, EffectRefused, EffectUnknown
from tests.unit.made_orders import SETTINGS, order

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
ANSWERS = ("lost before", "lost after", "refused", "done")
PRICES = ("10.00", "12.00")


class Version(msgspec.Struct, frozen=True):
    """One version of the order: what it costs, and whether it is cancelled or cannot be read."""

    number: int
    price: str = "10.00"
    cancelled: bool = False
    readable: bool = True

    def message(self) -> OrderPresented | OrderUnreadable:
        stamp = f"2026-11-20T08:00:{self.number:02}.000000Z"
        if not self.readable:
            return OrderUnreadable(delivery=self.number, version=stamp, reason="r")
        made = order(
            self.price, version=stamp, cancelled_at=BEGAN if self.cancelled else None, tags=(str(self.number),)
        )
        return OrderPresented(
            delivery=self.number, version=stamp, received_us=1, order=made, proof=prove(made), missing=(), hints={}
        )


class World:
    """The runtime, the disk and Fulfil, as far as one order sees them."""

    def __init__(self, versions: Sequence[Version], answers: Sequence[str]) -> None:
        self.bodies = {version.number: version for version in versions}
        self.inbox: deque[Any] = deque(version.message() for version in versions)
        self.outcomes: deque[Any] = deque()
        self.answers = deque(answers)
        self.state = OrderState()
        self.now = BEGAN
        self.intents: dict[int, bytes] = {}
        self.sales: dict[str, bytes] = {}
        self.sent: list[bytes] = []
        self.blocked = False

    def run(self, interleaving: Sequence[bool]) -> None:
        """To the end; each choice says whether, when both could come next, the outcome goes first."""
        choices = itertools.chain(interleaving, itertools.repeat(True))
        for _ in range(500):
            can_decide = bool(self.inbox) and not self.blocked
            if self.outcomes and (not can_decide or next(choices)):
                self.step(self.outcomes.popleft(), outcome=True)
            elif can_decide:
                self.step(self.inbox.popleft(), outcome=False)
            else:
                return
        pytest.fail("the order never comes to rest")

    def step(self, message: Any, *, outcome: bool) -> None:
        self.now += timedelta(seconds=1)
        if isinstance(message, Recheck) and self.state.status is Status.HELD:
            assert self.state.delivery is not None
            again = self.bodies[self.state.delivery].message()
            message = msgspec.structs.replace(again, version=self.state.version)
        elif isinstance(message, Recheck) and self.state.status is Status.IMPORTED and self.state.later is not None:
            message = self.bodies[self.state.later.delivery].message()
        if isinstance(message, OrderPresented):
            decision = presented(self.state, message, self.now, SETTINGS)
        else:
            decision = decide(self.state, message, self.now)
        if outcome and not isinstance(message, EffectAbsent):
            self.blocked = False
        self.apply(decision)

    def apply(self, decision: Decision) -> None:
        self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=OrderState)
        for effect in decision.effects:
            assert not self.blocked, "two writes of one order at once"
            intent = len(self.intents) + 1
            self.intents[intent] = effect.body
            self.call(intent, 1)
        for intent in decision.resend:
            self.call(intent, 2)
        self.inbox.extend(emit.message for emit in decision.emits)

    def call(self, intent: int, attempts: int) -> None:
        self.blocked = True
        body, answer = self.intents[intent], self.answers.popleft() if self.answers else "done"
        if answer == "refused":
            self.outcomes.append(
                EffectRefused(
                    intent=intent,
                    kind="create_order",
                    code="1",
                    sentence="s",
                    began_us=1,
                    ended_us=2,
                    attempts=attempts,
                )
            )
            return
        self.sent.append(body)
        if answer != "lost before":
            self.sales.setdefault("1001", body)
        if answer == "done":
            self.outcomes.append(self.done(intent))
        else:
            self.outcomes.append(
                EffectUnknown(intent=intent, kind="create_order", cause="c", began_us=1, ended_us=2, attempts=attempts)
            )
            absent = EffectAbsent(intent=intent, kind="create_order", attempts=attempts)
            self.outcomes.append(absent if answer == "lost before" else self.done(intent))

    def done(self, intent: int) -> EffectDone:
        sale = CreatedSale(
            id=9, number="SO9", total=Decimal(msgspec.json.decode(self.sales["1001"])[1]["amount"]["decimal"])
        )
        return EffectDone(intent=intent, kind="create_order", result=sale, began_us=1, ended_us=2, attempts=1)

    @property
    def kinds(self) -> list[str]:
        return sorted(case.kind for case in self.state.cases)


def sale_bytes(version: Version) -> Any:
    """What a version's create would send, without what may differ between versions of the same content."""
    message = version.message()
    assert isinstance(message, OrderPresented)
    return sale_for(message.order, SETTINGS), content_of(message.order)


NUMBERS = st.integers(1, 5)
VERSIONS = st.lists(
    st.builds(
        Version,
        number=NUMBERS,
        price=st.sampled_from(PRICES),
        cancelled=st.booleans(),
        readable=st.sampled_from((True, True, False)),
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda version: version.number,
)


@given(
    versions=VERSIONS,
    order_of=st.randoms(use_true_random=False),
    answers=st.lists(st.sampled_from(ANSWERS), min_size=2, max_size=6),
    interleaving=st.lists(st.sampled_from((False, False, True)), min_size=4, max_size=12),
    shuffled=st.booleans(),
)
@settings(max_examples=300)
def test_whatever_arrives_the_newest_version_stands_and_is_judged_against_the_sale(
    versions: list[Version], order_of: Any, answers: list[str], interleaving: list[bool], *, shuffled: bool
) -> None:
    """One sale at most, made of a real version; what differs from it is an open case, and nothing else is."""
    arriving = versions + versions[: len(versions) // 2]
    arriving.sort(key=lambda version: version.number)
    if shuffled:
        order_of.shuffle(arriving)
    world = World(arriving, answers)
    world.run(interleaving)
    newest = max(versions, key=lambda version: version.number)
    state = world.state
    assert state.version.endswith(f"{newest.number:02}.000000Z")
    assert ("order.unreadable" in world.kinds) == (not newest.readable)
    assert (state.status is Status.IMPORTED) == bool(world.sales)
    assert state.status in (Status.IMPORTED, Status.HELD, Status.CANCELLED)
    if newest.readable and world.sales:
        (sold,) = {sale_bytes(version)[1] for version in versions if version.readable and is_of(version, world)}
        assert ("order.cancelled" in world.kinds) == newest.cancelled
        assert ("order.edited" in world.kinds) == (not newest.cancelled and sale_bytes(newest)[1] != sold)
    if newest.readable and not world.sales:
        assert state.status is (Status.CANCELLED if newest.cancelled else Status.HELD)
        assert world.kinds == ([] if newest.cancelled else ["fulfil.refused"])


def is_of(version: Version, world: World) -> bool:
    amount = msgspec.json.decode(world.sales["1001"])[1]["amount"]["decimal"]
    return Decimal(amount) == Decimal(version.price)


@given(versions=VERSIONS, answers=st.lists(st.sampled_from(("lost before", "lost after", "done")), max_size=6))
def test_a_repeat_is_always_the_identical_bytes(versions: list[Version], answers: list[str]) -> None:
    """However often the answer is lost, what is sent for one intent never changes; without refusals there is one."""
    world = World(versions, answers)
    world.run(())
    assert len(set(world.sent)) <= max(1, len(world.intents))


@given(
    answers=st.lists(st.sampled_from(("done", "lost before", "lost after")), max_size=4),
    interleaving=st.lists(st.booleans(), max_size=8),
    repeats=st.lists(st.integers(0, 2), max_size=4),
)
def test_created_paid_and_updated_end_alike_in_all_six_orders(
    answers: list[str], interleaving: list[bool], repeats: list[int]
) -> None:
    """Failure case 4: three versions of the same content; the final state does not know which came first."""
    ends = set()
    for arriving in itertools.permutations([Version(1), Version(2), Version(3)]):
        world = World([*arriving, *(arriving[each] for each in repeats)], answers)
        world.run(interleaving)
        state = world.state
        ends.add((state.status, state.version, state.content, state.cases, state.sale, state.amount, state.later))
        assert len(world.sales) == 1
    assert len(ends) == 1


def test_what_people_do_with_money_is_no_new_content() -> None:
    """Paid, refunded, tagged or shipped: the sale is of the same content."""
    plain = order()
    assert content_of(plain) == content_of(
        msgspec.structs.replace(
            plain, financial_status=FinancialStatus.REFUNDED, payments=(), tags=("vip",), version="9"
        )
    )
