"""What an order keeps of the stock: enough for its newest version and for its sale, and nothing for ever.

And a newest version that cannot be read is somebody's case, whatever becomes of the one before it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.messages import Recheck
from flows.model.order_state import Status
from flows.order_importer import Policy
from tests.unit.made_orders import line
from tests.world_of_one_order import RELEASE, Version, World

LOOKED_AT = Recheck(because="sku")
INCAPABLE = Policy(counts_units=True, attempts_max=2)
CAPABLE = Policy(counts_units=True, attempts_max=2, amends="keyed_upsert", cancels=True)


def version(number: int, pieces: int, sku: str, *, cancelled: bool, readable: bool) -> Version:
    total = f"{pieces}0.00"
    lines = (line(total, quantity=Decimal(pieces), sku=sku),)
    return Version(number, price=total, cancelled=cancelled, readable=readable, of={"lines": lines})


VERSIONS = st.lists(
    st.builds(
        version,
        st.integers(1, 6),
        st.integers(1, 3),
        st.sampled_from(("A", "A", "B")),
        cancelled=st.sampled_from((False, False, False, True)),
        readable=st.sampled_from((True, True, False)),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each.number,
)
ANSWERS = st.sampled_from(("done", "done", "done", "refused", "exhausted", "lost before", "lost after"))


def is_true(world: World, newest: Version) -> None:
    """At rest."""
    state = world.state
    assert (state.work, state.later) == (None, None)
    assert ("order.unreadable" in world.kinds) is not newest.readable
    if state.status is not Status.IMPORTED or world.sale_state == "cancel":
        return
    if not world.kinds:
        assert state.units == state.sold, "what no sale has is kept back for ever"
    if newest.readable and not newest.cancelled:
        (only,) = newest.of["lines"]
        assert state.units.get(only.sku, 0) >= only.quantity, "what is needed may be sold to others"


@given(
    versions=VERSIONS,
    shuffle=st.randoms(use_true_random=False),
    answers=st.lists(ANSWERS, max_size=10),
    interleaving=st.lists(st.booleans(), max_size=24),
    policy=st.sampled_from((INCAPABLE, CAPABLE)),
    appears=st.booleans(),
    gone=st.booleans(),
)
@settings(max_examples=200)
def test_an_order_keeps_what_it_needs_and_what_its_sale_has(
    versions: list[Version],
    shuffle: Any,
    answers: list[str],
    interleaving: list[bool],
    policy: Policy,
    *,
    appears: bool,
    gone: bool,
) -> None:
    """Edits, back and forth, that the tenant can make or people do; creates that are lost, given up, and turn up while
    the product is gone.
    """
    arriving = versions + versions[: len(versions) // 2]
    shuffle.shuffle(arriving)
    newest = max(versions, key=lambda each: each.number)
    world = World(arriving, answers, policy=policy).run(interleaving)
    is_true(world, newest)
    if gone and world.state.status is Status.HELD:
        world.not_sold = ("A",)
        is_true(world.then(LOOKED_AT), newest)
        world.not_sold = ()
    if "confirm" in world.timers:
        if appears and world.price is None:
            world.appears()
        is_true(world.elapse("confirm"), newest)
    is_true(world.then(LOOKED_AT), newest)
    if newest.readable:
        is_true(world.then(RELEASE), newest)
