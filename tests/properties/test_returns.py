"""Refunds and returns in any order of arrival, against a Fulfil that ships, and people who make returns by hand.

The interpreter is `World`; the books here have lines, moves and returns.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fulfil.changes import Page
from connectors.fulfil.sales import Sale, SaleLine
from connectors.fulfil.shipments import Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from connectors.fulfil.wire import CreatedSale
from flows.model.messages import Recheck
from flows.model.money import Money
from flows.model.order import (
    FinancialStatus,
    Order,
    Refund,
    RefundKind,
    RefundPart,
    RefundStatus,
    Restock,
    Units,
)
from flows.model.order_state import Status
from flows.order_importer import Policy
from flows.order_importer.messages import LookForReturns
from tests.unit.made_orders import line, order, payment, usd
from tests.world_of_one_order import SALE, SHIPMENT, Version, World

SOLD = {"L1": 3, "L2": 2}
PRICES = {"L1": 10, "L2": 20}
ALL = Policy(amends="keyed_upsert", cancels=True, no_returns="")


class Back(msgspec.Struct, frozen=True):
    """A refund of units of one line, or of several."""

    id: str
    line: str = "L1"
    units: int = 1
    restock: Restock = Restock.RETURN
    status: RefundStatus = RefundStatus.SUCCESS
    also: tuple[tuple[str, int], ...] = ()

    @property
    def lines(self) -> Counter[str]:
        """The units of each line."""
        return Counter({self.line: self.units}) + Counter(dict(self.also))

    @property
    def refund(self) -> Refund:
        worth = Money(Decimal(sum(units * PRICES[name] for name, units in self.lines.items())), "USD")
        sums = {self.status.value: (worth,)}
        parts = tuple(
            RefundPart(
                kind=RefundKind.LINE,
                amount=usd(str(units * PRICES[name])),
                units=Units(line=name, quantity=Decimal(units), restock=self.restock),
            )
            for name, units in self.lines.items()
        )
        return Refund(
            id=self.id,
            refunded=sums.get("success", ()),
            pending=sums.get("pending", ()),
            failed=sums.get("failed", ()),
            worth=worth if self.status is RefundStatus.SUCCESS else None,
            parts=parts,
        )


class Refunded(Version, frozen=True):
    """A version of an order of 3 mugs and 2 lamps, with its refunds so far."""

    backs: tuple[Back, ...] = ()
    says_left: bool = True

    @property
    def order(self) -> Order:
        left = Counter(SOLD)
        for back in self.backs:
            left.subtract(back.lines)
        lines = tuple(
            line(
                str(SOLD[name] * PRICES[name]),
                id=name,
                quantity=Decimal(SOLD[name]),
                unit_price=usd(str(PRICES[name])),
                quantity_left=Decimal(left[name]) if self.says_left and self.backs else None,
            )
            for name in SOLD
        )
        refunds = tuple(back.refund for back in self.backs)
        money = any(refund.refunded for refund in refunds)
        return order(
            "70.00",
            version=self.stamp,
            lines=lines,
            payments=(payment("70.00"),),
            refunds=refunds,
            financial_status=FinancialStatus.PARTIALLY_REFUNDED if money else FinancialStatus.PAID,
        )


class Ship(msgspec.Struct, frozen=True):
    """The warehouse ships units of a line: all, or as many as are left."""

    line: str
    units: int


class ByHand(msgspec.Struct, frozen=True):
    """Somebody makes a return in Fulfil."""

    line: str
    units: int


class GivenBack(msgspec.Struct):
    """A return in Fulfil."""

    id: int
    key: str
    units: dict[str, int]

    @property
    def worth(self) -> Decimal:
        return Decimal(sum(units * PRICES[name] for name, units in self.units.items()))


class Store(World):
    """The books of one sale with its lines, and the returns of it."""

    def __init__(self, arriving: Sequence[Any], answers: Sequence[str] = (), *, policy: Policy = ALL) -> None:
        super().__init__(arriving, answers, policy=policy)
        self.sold: dict[str, int] = {}
        self.shipped: Counter[str] = Counter()
        self.returns: list[GivenBack] = []

    def step(self, message: Any) -> None:
        match message:
            case Ship() if self.state.status in (Status.CREATING, Status.UNKNOWN):
                self.inbox.append(message)
            case Ship():
                left = self.sold.get(message.line, 0) - self.shipped[message.line]
                if not self.on_hold:
                    self.shipped[message.line] += max(0, min(message.units, left))
            case ByHand() if self.state.work is None:
                out = self.shipped[message.line] - self.units(message.line)
                if out >= message.units:
                    self.give_back("", {message.line: message.units})
            case ByHand():
                self.inbox.append(message)
            case _:
                super().step(message)

    def looked(self) -> Store:
        """As if the timer had come: cases are looked at again."""
        return self.then(LookForReturns(no_returns=self.policy.no_returns))

    # -- Fulfil --------------------------------------------------------------------------------------------------------

    def units(self, line_id: str, *, ours: bool = False) -> int:
        """Units of a line that are on returns."""
        return sum(each.units.get(line_id, 0) for each in self.returns if each.key or not ours)

    def give_back(self, key: str, units: dict[str, int]) -> GivenBack:
        made = GivenBack(100 + len(self.returns), key, units)
        self.returns.append(made)
        return made

    def applied(self, kind: str, body: bytes) -> Any:
        match kind:
            case "create_order":
                if not self.sold:
                    wanted = msgspec.json.decode(body)[1]["sale_lines"]
                    self.sold = {each["channel_identifier"]: int(each["quantity"]) for each in wanted}
            case "amend_order":
                assert not self.shipped, "changed after something was shipped"
                for each in msgspec.json.decode(body)[1]["sale_lines"]:
                    kept = int(each["quantity"]) - int(each.get("quantity_canceled", 0))
                    self.sold[each["channel_identifier"]] = kept
            case "return_order":
                return self.return_order(msgspec.json.decode(body)["send"][0])
            case "read_sales":
                asked = set(msgspec.json.decode(body)["ids"])
                if asked == {SALE}:
                    state = "done" if all(self.shipped[name] == self.sold[name] for name in self.sold) else "processing"
                    total = Decimal(self.price or "0")
                    sale = Sale(id=SALE, state=state, total_amount=total, shipments=(SHIPMENT,), invoice_state="none")
                    return (sale,)
                return tuple(
                    Sale(id=each.id, state="processing", total_amount=-each.worth)
                    for each in self.returns
                    if each.id in asked
                )
            case "read_shipments":
                state = "done" if self.shipped else "assigned"
                return (Shipment(id=SHIPMENT, number="CS1", state=state, on_hold=bool(self.on_hold)),)
            case "find_sale_lines":
                return self.lines(msgspec.json.decode(body))
            case "read_stock_moves":
                return tuple(
                    StockMove(id=_id(name) + 10, quantity=Decimal(units), state="done", to_type="customer")
                    for name, units in self.shipped.items()
                    if units
                )
        return super().applied(kind, body)

    def return_order(self, asked: dict[str, Any]) -> CreatedSale:
        """The same key any number of times is one return."""
        key = asked["channel_identifier"]
        found = next((each for each in self.returns if each.key == key), None)
        if found is None:
            units = {_name(each["order_line_id"]): int(each["return_quantity"]) for each in asked["lines"]}
            for name, count in units.items():
                assert count <= self.shipped[name] - self.units(name), "more comes back than was shipped"
            found = self.give_back(key, units)
        return CreatedSale(id=found.id, number=f"SO{found.id}")

    def lines(self, asked: dict[str, Any]) -> Page[SaleLine]:
        rows: list[SaleLine] = []
        if asked["by"] == "sale":
            rows = [
                SaleLine(
                    id=_id(name), sale=SALE, channel_identifier=name, quantity=Decimal(units), moves=(_id(name) + 10,)
                )
                for name, units in self.sold.items()
            ]
        else:
            rows = [
                SaleLine(
                    id=500 + number, sale=each.id, quantity=Decimal(-units), origin=Reference("sale.line", _id(name))
                )
                for number, (each, name, units) in enumerate(
                    (each, name, units) for each in self.returns for name, units in each.units.items()
                )
                if f"sale.line,{_id(name)}" in asked["values"]
            ]
        return Page(rows=tuple(rows), last_id=999, complete=True)


def _id(name: str) -> int:
    return int(name[1:])


def _name(number: int) -> str:
    return f"L{number}"


def versions(*backs: Sequence[Back], says_left: bool = True) -> list[Refunded]:
    """One version after the other, with ever more refunds."""
    return [Refunded(number, backs=tuple(each), says_left=says_left) for number, each in enumerate(backs, 1)]


def everything_ships() -> list[Ship]:
    return [Ship(name, units) for name, units in SOLD.items()]


PENDING = Back("R1", units=1, status=RefundStatus.PENDING)
DONE = Back("R1", units=1)
MORE = Back("R2", line="L2", units=2, restock=Restock.UNKNOWN)
INTERLEAVINGS = st.lists(st.booleans(), max_size=30)
LOSSES = st.lists(st.sampled_from(("done", "done", "lost before", "lost after")), max_size=8)


@given(
    answers=LOSSES, interleaving=INTERLEAVINGS, says_left=st.booleans(), repeats=st.lists(st.integers(0, 3), max_size=4)
)
@settings(max_examples=20)
def test_what_comes_back_in_pieces_twice_or_late_comes_back_once(
    answers: list[str], interleaving: list[bool], says_left: bool, repeats: list[int]
) -> None:
    """Pending, then done, then another: whatever arrived first, every unit is on one return, and no case is left."""
    first, *refunded = versions((), (PENDING,), (DONE,), (DONE, MORE), says_left=says_left)
    for arriving in itertools.permutations(refunded):
        again = (arriving[each % 3] for each in repeats)
        store = Store([first, *refunded], answers)
        store.inbox.clear()
        store.inbox.append(first)
        store.run()
        store.inbox.extend((*everything_ships(), *arriving, *again))
        store.run(interleaving)
        assert store.kinds == []
        assert (store.units("L1"), store.units("L2")) == (1, 2)
        assert (store.state.work, store.state.later) == (None, None)
        told = Counter((fact.values["refund"], fact.values["status"]) for fact in store.facts if fact.kind == "refund")
        assert set(told.values()) == {1}
        assert {("R1", "success"), ("R2", "success")} <= set(told)


BACKS = st.builds(
    Back,
    id=st.sampled_from(("R1", "R2", "R3")),
    line=st.sampled_from(("L1", "L2")),
    units=st.integers(1, 2),
    restock=st.sampled_from(Restock),
    status=st.sampled_from((RefundStatus.SUCCESS, RefundStatus.SUCCESS, RefundStatus.PENDING, RefundStatus.NO_MONEY)),
    also=st.sampled_from(((), (("L1", 1),), (("L2", 1),))),
)
EVENTS = st.lists(
    st.one_of(
        st.builds(Ship, line=st.sampled_from(("L1", "L2")), units=st.integers(1, 3)),
        st.builds(Ship, line=st.sampled_from(("L1", "L2")), units=st.just(3)),
        st.builds(ByHand, line=st.sampled_from(("L1", "L2")), units=st.integers(1, 2)),
        st.just(Recheck(because="person")),
        st.just(LookForReturns(no_returns="")),
    ),
    max_size=8,
)


@given(
    backs=st.lists(BACKS, max_size=3, unique_by=lambda back: back.id),
    events=EVENTS,
    shuffle=st.randoms(use_true_random=False),
    answers=st.lists(st.sampled_from(("done", "done", "done", "refused", "lost before", "lost after")), max_size=10),
    interleaving=INTERLEAVINGS,
    says_left=st.booleans(),
    makes=st.booleans(),
)
@settings(max_examples=120)
def test_given_back_units_are_on_a_return_or_out_of_the_sale_or_somebody_has_a_case(
    backs: list[Back],
    events: list[Any],
    shuffle: Any,
    answers: list[str],
    interleaving: list[bool],
    says_left: bool,
    makes: bool,
) -> None:
    """Never more on returns of ours than was given back or shipped, never a refund told twice, never silence."""
    wanted: Counter[str] = sum((back.lines for back in backs), Counter())
    backs = [back for back in backs if all(wanted[name] <= SOLD[name] for name in back.lines)]
    arriving: list[Any] = versions(*(backs[:count] for count in range(len(backs) + 1)), says_left=says_left)
    newest = arriving[-1]
    later = [*arriving[1:], *arriving[1:2], *events]
    shuffle.shuffle(later)
    store = Store([arriving[0], *later], answers, policy=ALL if makes else Policy(amends="keyed_upsert"))
    store.run(interleaving)
    store.inbox.append(newest)  # a sales channel publishes again sooner or later
    store.run()
    store.looked()
    if store.state.status is not Status.IMPORTED:
        return
    asked_a_person = any(isinstance(each, Recheck) for each in events)
    given_back: Counter[str] = sum((back.lines for back in backs), Counter())
    for name, sold in SOLD.items():
        ours = store.units(name, ours=True)
        assert ours + sold - store.sold.get(name, 0) <= given_back[name], "returned, and taken out of the sale, too"
        assert store.units(name) <= store.shipped[name]
        covered = store.units(name) + sold - store.sold.get(name, 0)
        if covered < given_back[name] and not asked_a_person:
            assert store.kinds, f"{given_back[name] - covered} of {name} were given back, and nobody knows"
    told = Counter((fact.values["refund"], fact.values["status"]) for fact in store.facts if fact.kind == "refund")
    assert not told or set(told.values()) == {1}
    assert {(back.id, back.status.value) for back in backs} == set(told)


@pytest.mark.parametrize("makes", [True, False])
def test_a_return_that_somebody_has_made_is_the_one_that_is_meant(makes: bool) -> None:
    """Matched by sale, line and quantity: before the refund is told, or while a case is open of it."""
    policy = ALL if makes else Policy()
    first, refunded = versions((), (DONE,))
    store = Store([first, *everything_ships(), ByHand("L1", 1), refunded], policy=policy)
    store.run()
    assert (store.kinds, len(store.returns)) == ([], 1)
    if not makes:
        late = Store([first, *everything_ships(), refunded], policy=policy)
        late.run()
        assert late.kinds == ["order.returned"]
        late.inbox.append(ByHand("L1", 1))
        assert (late.looked().kinds, len(late.returns)) == ([], 1)


def test_units_that_a_person_has_taken_out_of_the_sale_are_no_return_later() -> None:
    """The edit could not be made, somebody made it by hand and said so: what is shipped then was not refunded."""
    first, refunded = versions((), (Back("R1", restock=Restock.UNKNOWN),))
    store = Store([first, refunded], policy=Policy(no_returns=""))
    store.run()
    assert store.kinds == ["order.edited"]
    store.sold["L1"] -= 1
    store.inbox.extend((Recheck(because="person"), *everything_ships(), refunded))
    store.run()
    assert (store.kinds, store.returns) == ([], [])


def test_a_refund_of_what_is_shipped_and_what_is_not_is_a_return_and_an_edit() -> None:
    """The mug that is with the customer comes back; the lamp on the shelf is to leave a sale that has begun."""
    first, refunded = versions((), (Back("R1", also=(("L2", 2),)),))
    store = Store([first, Ship("L1", 3), refunded])
    store.run()
    assert (store.units("L1"), store.units("L2"), store.kinds) == (1, 0, ["order.edited"])
    assert "because shipment CS1 has been shipped" in store.state.cases[0].sentence
    store.inbox.append(refunded)
    store.run()
    assert (len(store.returns), store.kinds) == (1, ["order.edited"])
