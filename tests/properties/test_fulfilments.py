"""Shipments on their way to a sales channel, in any order of events: sums hold, nothing is lost, nothing told twice.

There is no loop here: a small interpreter feeds both decisions as the runtime would, against a warehouse that commits
late, merges, cancels and corrects, a flow whose answers are lost and whose starts are repeated, and a sales channel
that keeps the newest version of each fulfilment.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.fulfilment_watcher.keeping import OrderShipments, Seen, Withdrawal
from flows.fulfilment_watcher.notices import decide
from flows.fulfilment_watcher.parts import ORDERS as PARTS
from flows.fulfilment_watcher.parts import (
    NoticeSent,
    ShipmentSeen,
    Watch,
    Withdraw,
    line_of,
    notice_id,
    order_key_of,
)
from flows.fulfilment_watcher.sweeping import SweepState, WatchPolicy, page_seen, watched
from flows.model.messages import Recheck
from runtime.clock import Instant, to_instant
from runtime.decision import Decision, Effect, EffectDone
from tests.actors.shipping import CHANNEL, TOLD, Depot

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
POLICY = WatchPolicy(
    every=timedelta(seconds=10),
    overlap=OVERLAP,
    sales_channels={CHANNEL: ("web", None)},
    page_size=3,
)
ORDERS = ("1001", "1002", "1003")
UNITS = 3
"""Of each of two lines of each order."""


class Clock:
    def __init__(self) -> None:
        self.at = BEGAN

    def now(self) -> Instant:
        return to_instant(self.at)


class World:
    """The runtime, the store, Fulfil, the flow and the sales channel, as far as shipments see them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.depot = Depot()
        self.depot.clock = self.clock  # type: ignore[assignment]
        self.lines = {order: self.depot.sale(order, UNITS, UNITS) for order in ORDERS}
        self.sweep = SweepState()
        self.seen: dict[int, bytes] = {}
        self.handed: dict[str, tuple[str, ...]] = {}
        self.orders = {f"web/{order}": OrderShipments(key=f"web/{order}") for order in ORDERS}
        self.effect: Effect | None = None
        self.inbox: deque[tuple[str, Any]] = deque()
        self.outgoing: dict[str, bytes] = {}
        self.taken: dict[str, bytes] = {}
        """Lines of the start under way."""
        self.kept_back: set[str] = set()
        self.replaced: set[str] = set()
        """Lines of which a start has taken an earlier form."""
        self.channel: dict[str, dict[str, Any]] = {}
        self.arrivals: Counter[str] = Counter()
        self.shipments: list[int] = []
        self.carriers = dict(TOLD.carriers)
        self.step(Watch())

    # -- the runtime ---------------------------------------------------------------------------------------------------

    def step(self, message: Any) -> None:
        """One step of the sweep."""
        self.clock.at += timedelta(milliseconds=7)
        if isinstance(message, EffectDone) and self.sweep.gathering is None:
            message = page_seen("out", message.result, self.seen, self.handed)
        decision = watched(self.sweep, message, self.clock.at, POLICY)
        self.sweep = _through_json(decision.state, SweepState)
        for effect in decision.effects:
            self.effect = effect
        for write in decision.writes:
            if write.statement == "put_shipment_seen":
                self.seen[write.row[1]] = write.row[2]
            if write.statement == "put_shipment_order":
                shipment, key = write.row
                self.handed[shipment] = tuple(dict.fromkeys((*self.handed.get(shipment, ()), key)))
        self.inbox.extend((emit.key, emit.message) for emit in decision.emits)

    def answer(self) -> None:
        """Fulfil answers what is being read; a crash before that makes the same read once more."""
        effect, self.effect = self.effect, None
        if effect is None:
            return
        depot, body = self.depot, effect.body
        result = {
            "changed_shipments": lambda: depot._changed(depot.shipments, body),
            "read_stock_moves": lambda: depot._read(depot.moves, body),
            "find_shipped_lines": lambda: depot._find(depot.lines, body, lambda line: line.sale),
            "find_packages": lambda: depot._find(depot.packages, body, lambda box: str(box.shipment)),
        }[effect.kind]()
        self.step(EffectDone(intent=1, kind=effect.kind, result=result, began_us=1, ended_us=2, attempts=1))

    def deliver(self) -> None:
        """The next message to an order."""
        if not self.inbox:
            return
        key, message = self.inbox.popleft()
        if isinstance(message, ShipmentSeen | Recheck):
            message = Seen(message=message, is_known=True)
        if isinstance(message, Withdraw):
            line = line_of(key, message.notice)
            message = Withdrawal(notice=message.notice, place=self.place(line), taken=line in self.replaced)
        told = msgspec.structs.replace(TOLD, carriers=self.carriers)
        decision: Decision = decide(self.orders[key], message, self.clock.at, told)
        self.orders[key] = _through_json(decision.state, OrderShipments)
        for write in decision.writes:
            self.write(write.statement, write.row)
        self.inbox.extend((key, emit.message) for emit in decision.emits if emit.channel == PARTS)

    def place(self, line: str) -> int | None:
        """What `outgoing_line` says."""
        if line in self.taken:
            return -1
        return 2 if line in self.kept_back else 0 if line in self.outgoing else None

    def write(self, statement: str, row: tuple[Any, ...]) -> None:
        if statement.endswith("_unshipped"):
            return  # what is outstanding is another story
        line = row[1]
        match statement:
            case "put_outgoing":
                self.outgoing[line] = row[3]
                if self.taken.pop(line, None) is not None:
                    self.replaced.add(line)
                self.kept_back.discard(line)
            case "keep_back_outgoing":
                if self.outgoing.pop(line, None) is not None:
                    self.kept_back.add(line)
            case "drop_outgoing":
                self.kept_back.discard(line)
                self.replaced.discard(line)
            case _:
                raise AssertionError(statement)

    # -- the flow ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """What waits is taken by a start, unless one is under way."""
        if not self.taken:
            self.taken, self.outgoing = self.outgoing, {}
            self.arrive(self.taken)

    def repeat(self) -> None:
        """The answer was lost and no run was found: the same bytes again."""
        self.arrive(self.taken)

    def arrive(self, lines: dict[str, bytes]) -> None:
        for body in lines.values():
            each = msgspec.json.decode(body)
            self.arrivals[each["version_id"]] += 1
            known = self.channel.get(each["fulfilment_id"])
            if known is None or known.get("version", 1) <= each.get("version", 1):
                self.channel[each["fulfilment_id"]] = each

    def ended(self) -> None:
        """The run of the start has ended well."""
        for line in self.taken:
            key, notice = order_key_of(line)
            self.inbox.append((key, NoticeSent(notice=notice, run_id="r", at=self.clock.at)))
        self.replaced.difference_update(self.taken)
        self.taken = {}

    # -- what happens --------------------------------------------------------------------------------------------------

    def ship(self, goods: Sequence[tuple[int, int, int]], late: int, known: bool) -> None:
        some = [(self.lines[ORDERS[order]][place], units) for order, place, units in goods]
        carrier = "UPS" if known else "DPD Next Day v2"
        self.shipments.append(self.depot.ships(some, carrier=carrier, parcels=2, late_s=late * 60.0))

    def happen(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("ship", goods, late, known):
                self.ship(goods, late, known)
            case ("retrack", place) if self.shipments:
                shipment = self.shipments[place % len(self.shipments)]
                self.depot.retracks(shipment, f"T-{self.clock.now()}")
            case ("touch", place) if self.shipments:
                self.depot.changes(self.shipments[place % len(self.shipments)])
            case ("cancel", place) if self.shipments:
                self.depot.changes(self.shipments[place % len(self.shipments)], state="cancel")
            case ("wait", seconds):
                self.clock.at += timedelta(seconds=seconds)
                self.step(Watch())
            case (("answer" | "deliver" | "start" | "repeat" | "ended"), times):
                for _ in range(times):
                    getattr(self, event[0])()
            case _:
                pass

    def settle(self) -> None:
        """Everything that is under way comes to its end, and the carriers are mapped."""
        self.carriers["DPD Next Day v2"] = "dpd"
        self.inbox.extend((key, Recheck(because="later")) for key in self.orders)
        for _ in range(3):
            self.clock.at += timedelta(minutes=3)
            self.step(Watch())
            for _ in range(400):
                self.answer()
                self.deliver()
                if self.effect is None and not self.inbox:
                    self.start()
                    self.ended()
                    if not self.inbox:
                        break

    # -- what must be true ---------------------------------------------------------------------------------------------

    def units(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for each in self.channel.values():
            counted.update({line["order_line_id"]: line["quantity"] for line in each["lines"]})
        return counted


def _through_json(state: Any, type_: type[Any]) -> Any:
    """As the journal keeps it."""
    return msgspec.json.decode(msgspec.json.encode(state), type=type_)


goods = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(1, 2)),
    min_size=1,
    max_size=3,
    unique_by=lambda g: g[:2],
)
places = st.integers(0, 9)
events = st.one_of(
    st.tuples(st.just("ship"), goods, st.integers(0, 4), st.booleans()),
    st.tuples(st.sampled_from(["retrack", "touch", "cancel"]), places),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.sampled_from(["answer", "deliver", "start", "repeat", "ended"]), st.integers(1, 6)),
)


_SEEN = (("wait", 60), ("answer", 6), ("deliver", 6))
_REPLACED_AND_CANCELLED = [
    *(("ship", [(0, 0, 2)], 0, True), *_SEEN, ("start", 1)),
    *(("retrack", 0), *_SEEN, ("cancel", 0), *_SEEN),
    *(("ship", [(0, 0, 2)], 0, True), *_SEEN, ("ended", 1), ("start", 1)),
]
"""The first form is in a start when the second takes its place, and that one is taken back."""


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=30))
@example(_REPLACED_AND_CANCELLED)
def test_sums_hold_and_nothing_is_lost_in_any_order_of_events(happened: list[tuple[Any, ...]]) -> None:
    """At every moment no line has more units at the sales channel than were ordered; in the end each shipment that has
    left is there for each of its orders, in its newest form, or all of its units are a residual.
    """
    world = World()
    for event in happened:
        world.happen(event)
        assert all(units <= UNITS for units in world.units().values()), event
    world.settle()
    assert all(units <= UNITS for units in world.units().values())
    check_told(world)


def check_told(world: World) -> None:
    for key, state in world.orders.items():
        order = key.partition("/")[2]
        for shipment in world.depot.shipments.values():
            moves = [world.depot.moves[id_] for id_ in shipment.outgoing_moves or ()]
            mine = [move for move in moves if move.origin is not None and move.origin.id in world.lines[order]]
            notice = state.notices.get(f"out-{shipment.id}")
            if not mine:
                assert notice is None
            elif shipment.state == "cancel":
                assert notice is None or notice.status == "withdrawn"
            else:
                assert notice is not None, (key, shipment.id)
                check_notice(world, notice, shipment.id)


def check_notice(world: World, notice: Any, shipment: int) -> None:
    numbers = [
        box.tracking_number for box in world.depot.packages.values() if str(box.shipment).endswith(f",{shipment}")
    ]
    assert notice.status in ("sent", "partial"), notice
    if notice.status == "sent":
        there = world.channel[notice.id]
        assert [each["number"] for each in there["tracking"]] == numbers
        assert there == msgspec.json.decode(notice.body)
    else:
        assert not notice.units


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["answer", "deliver", "start", "ended"]), max_size=40), st.integers(0, 3))
def test_without_lost_answers_every_version_arrives_once(order: list[str], late: int) -> None:
    """Whatever is read again, and in whatever order it is decided."""
    world = World()
    for place in range(3):
        world.ship([(place, 0, 2)], late, True)
    for name in order:
        getattr(world, name)()
        world.clock.at += timedelta(seconds=5)
        world.step(Watch())
    world.settle()
    assert set(world.arrivals.values()) == {1}
    assert world.units() == Counter({f"{order}-0": 2 for order in ORDERS})


@pytest.mark.parametrize("order", ["1001", "a#b", "x/y", "#1"])
def test_a_line_of_a_flow_names_its_order_and_its_notice(order: str) -> None:
    """Whatever is in an order's id, as long as the notice has none of it."""
    notice = notice_id("out-1", order)
    assert order_key_of(line_of(f"web/{order}", notice)) == (f"web/{order}", notice)
