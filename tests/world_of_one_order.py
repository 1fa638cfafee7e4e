"""One order's world for tests: its versions, the runtime, Fulfil with one sale of it, and the warehouse.

There is no loop here: a small interpreter feeds the decision as the runtime would (one write in flight, reads beside
it, an unknown outcome frees the key), against books of one sale with its shipments, and a warehouse that picks when it
likes, and a tenant that would take any change at any time.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import msgspec
import pytest

from connectors.fulfil.calls import Applied
from connectors.fulfil.changes import Page
from connectors.fulfil.sales import Sale, SaleLine
from connectors.fulfil.shipments import Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.wire import CreatedSale, SaleFound
from flows.model.content import content_of
from flows.model.gate import OPEN_GATE, GateSettings
from flows.model.messages import Recheck
from flows.model.order import FinancialStatus, Order
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale_gate import CANCELLED, open_ones
from flows.order_importer import OrderPresented, OrderUnreadable, Policy, decide, presented
from flows.order_importer.parts import LATER_VERSION
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Fact,
    Repeat,
)
from tests.unit.made_orders import SETTINGS, order

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
CAPABLE = Policy(amends="keyed_upsert", cancels=True)
INCAPABLE = Policy()
SALE, SHIPMENT = 9, 71
RELEASE = Recheck(because="person")
"""A person has seen to it."""


class Version(msgspec.Struct, frozen=True):
    """One version of the order: what it costs, whether it is paid, cancelled, or to be looked at."""

    number: int
    price: str = "10.00"
    paid: bool = True
    cancelled: bool = False
    review: bool = False
    readable: bool = True
    of: dict[str, Any] = {}
    """Whatever else of the order is different."""

    @property
    def order(self) -> Order:
        changes: dict[str, Any] = {
            "version": self.stamp,
            "cancelled_at": BEGAN if self.cancelled else None,
            "tags": ("review",) if self.review else (),
        }
        if not self.paid:
            changes |= {"financial_status": FinancialStatus.PENDING, "payments": ()}
        return order(self.price, **(changes | self.of))

    @property
    def stamp(self) -> str:
        return f"2026-11-20T08:00:{self.number:02}.000000Z"

    @property
    def content(self) -> str:
        return content_of(self.order)


class World:
    """The runtime, the disk, Fulfil and its warehouse, as far as one order sees them."""

    def __init__(
        self,
        arriving: Sequence[Version | Recheck],
        answers: Sequence[str] = (),
        *,
        answers_to: Mapping[str, Sequence[str]] | None = None,
        policy: Policy = CAPABLE,
        gate: GateSettings = OPEN_GATE,
        picked_after: int | None = None,
        ships: bool = False,
        shipments: Sequence[int] = (SHIPMENT,),
        shared: Sequence[int] = (),
        sale_state: str = "processing",
    ) -> None:
        """`answers` are to writes, one after the other, and `answers_to` to calls of one kind, and come before them:
        done, refused, exhausted, lost before it was applied, or lost after.
        """
        self.bodies: dict[int, Version] = {}
        self.inbox: deque[Any] = deque(arriving)
        self.outcomes: deque[tuple[int, Any]] = deque()
        self.answers, self.policy, self.gate = deque(answers), policy, gate
        self.answers_to = {kind: deque(each) for kind, each in (answers_to or {}).items()}
        self.state, self.now = OrderState(), BEGAN
        self.timers: dict[str, Any] = {}
        self.facts: list[Fact] = []
        self.closes = False
        self.released = False
        """Whether a person has let it go since the gate's last verdict."""
        self.intents: dict[int, tuple[str, bytes]] = {}
        self.blocked_by: int | None = None
        self.picked_after, self.ships = picked_after, ships
        self.not_sold: tuple[str, ...] = ()
        """SKUs that Fulfil does not have."""
        self.price: str | None = None
        """What the sale costs; None: there is none."""
        self.sale_state, self.creates = sale_state, 0
        self.asked: list[str] = []
        """The kinds of all calls that were made."""
        self.shipments: dict[int, Shipment] = {}
        self.shared = tuple(shared)
        """Shipments that carry another order's goods, too."""
        self.ship_with(*shipments)
        self.sale_lines: tuple[SaleLine, ...] = ()
        self.moves: tuple[StockMove, ...] = ()
        self.too_much = Decimal(0)
        """By how much the sale comes to more than was asked for when it is changed."""
        self.edits_add: tuple[int, ...] = ()
        """Shipments that come with a change of the sale."""
        self.edits_empty: tuple[int, ...] = ()
        """Shipments that are cancelled with a change of the sale, because nothing is left in them."""

    # -- the runtime ---------------------------------------------------------------------------------------------------

    def run(self, interleaving: Sequence[bool] = ()) -> Self:
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

    def then(self, *arriving: Any) -> Self:
        """What comes when all is at rest."""
        self.inbox.extend(arriving)
        return self.run()

    def elapse(self, timer: str) -> Self:
        """Time passes until this timer is due."""
        due = self.timers.pop(timer)
        self.now = max(self.now, due.due)
        return self.then(due.message)

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
        state, by_person, version = self.state, False, None
        if isinstance(message, Recheck):
            by_person = message.because == "person"
            delivery = self.asked_again(message)
            if delivery is not None:
                version = state.version if state.later is None else state.later.version
                message = self.bodies[delivery]
        if not isinstance(message, Version):
            return message
        self.bodies[message.number] = message
        version = version or message.stamp
        if not message.readable:
            return OrderUnreadable(delivery=message.number, version=version, reason="x is missing")
        made = message.order
        return OrderPresented(
            delivery=message.number,
            version=version,
            received_us=to_instant(BEGAN),
            order=made,
            proof=prove(made),
            missing=tuple(line.sku for line in made.lines if line.sku in self.not_sold),
            hints={},
            before=self.in_fulfil(made),
            by_person=by_person,
        )

    def asked_again(self, message: Recheck) -> int | None:
        """The delivery that is read to answer it; see the actor."""
        state = self.state
        if state.status in (Status.HELD, Status.WAITING, Status.EXCLUDED):
            return state.newest
        if state.status is Status.CANCELLED and state.sale is None:
            return state.newest if message.because == LATER_VERSION else None
        is_free = state.status in (Status.IMPORTED, Status.CANCELLED) and state.work is None
        return state.later.delivery if is_free and state.later is not None else None

    def in_fulfil(self, made: Order) -> Order | None:
        """The version that is in Fulfil, when this one differs from it."""
        before = self.bodies.get(self.state.delivery or 0) if self.state.status is Status.IMPORTED else None
        if before is None or not before.readable or content_of(made) == self.state.content:
            return None
        return before.order if before.content == self.state.content else None

    def apply(self, decision: Decision) -> None:
        before = self.state
        self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=OrderState)
        told = [fact.kind for fact in decision.facts]
        if before.gated != self.state.gated:
            self.released = False
        if "dealt_with" in told or (self.state.waived and not before.waived):
            self.released = True
        self.facts += decision.facts
        self.closes = decision.closes
        self.timers |= {timer.name: timer for timer in decision.timers}
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
        """One call: done, refused, tried in vain, lost before it was applied, or lost after."""
        kind, body = self.intents[intent]
        self.asked.append(kind)
        if self.picked_after is not None and len(self.asked) > self.picked_after and self.price:
            self.pick()
        answer = self.answer_to(kind)
        common: dict[str, Any] = {
            "intent": intent, "kind": kind, "began_us": 1, "ended_us": 2, "attempts": attempts,
        }  # fmt: skip
        if answer == "exhausted":
            self.outcomes.append((intent, EffectExhausted(cause="away", sentence="it was tried 3 times", **common)))
            return
        refused = self.refusal(kind, body)
        if answer == "refused" or refused:
            self.outcomes.append((intent, EffectRefused(code="1", sentence=refused or "it cannot be done", **common)))
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

    def answer_to(self, kind: str) -> str:
        if self.answers_to.get(kind):
            return self.answers_to[kind].popleft()
        return self.answers.popleft() if self.answers and not kind.startswith(("read_", "find_")) else "done"

    def refusal(self, kind: str, body: bytes) -> str:
        """What is gone is neither put on hold nor released."""
        if kind not in ("hold_shipment", "unhold_shipment"):
            return ""
        gone = [id_ for id_ in msgspec.json.decode(body)[0] if self.shipments[id_].state in ("done", *CANCELLED)]
        return f"the shipment CS{gone[0]} is {self.shipments[gone[0]].state}" if gone else ""

    def applied(self, kind: str, body: bytes) -> Any:
        match kind:
            case "create_order":
                if self.price is None:
                    self.creates += 1
                    self.price = msgspec.json.decode(body)[1]["amount"]["decimal"]
                return CreatedSale(id=SALE, number="SO9", state=self.sale_state, total=Decimal(self.price))
            case "amend_order":
                return self.amended(msgspec.json.decode(body)[1]["amount"]["decimal"])
            case "cancel_sale":
                assert not self.picked, "cancelled after the pick"
                self.sale_state = "cancel"
                self.change(*open_ones(tuple(self.shipments.values())), state="cancel")
            case "hold_shipment" | "unhold_shipment":
                ids = tuple(msgspec.json.decode(body)[0])
                assert kind == "hold_shipment" or not {*ids} & {*self.shared}, "another order's goods were released"
                self.change(*ids, on_hold=kind == "hold_shipment")
                return Applied(ids)
            case "read_sales":
                return (self.sale,)
            case "read_shipments":
                wanted = msgspec.json.decode(body)["ids"]
                return tuple(each for id_, each in self.shipments.items() if id_ in wanted)
            case "find_sale_lines":
                return Page(rows=self.sale_lines, last_id=99, complete=True)
            case "read_stock_moves":
                return self.moves
            case "find_sale":
                total = Decimal(self.price or "0")
                found = SaleFound(
                    id=SALE, channel_identifier="1", number="SO9", state=self.sale_state, total_amount=total
                )
                return () if self.price is None else (found,)
        return Applied((SALE,))

    def amended(self, price: str) -> CreatedSale:
        """The sale is changed, and with it its shipments."""
        assert not self.picked, "changed after the pick"
        self.price = str(Decimal(price) + self.too_much)
        self.ship_with(*self.edits_add)
        self.change(*self.edits_empty, state="cancel")
        return CreatedSale(id=SALE, number="SO9", total=Decimal(self.price))

    @property
    def sale(self) -> Sale:
        return Sale(
            id=SALE,
            number="SO9",
            state=self.sale_state,
            total_amount=Decimal(self.price or "0"),
            shipments=tuple(self.shipments),
            invoice_state="none",
        )

    def appears(self) -> None:
        """Fulfil has made the sale after all."""
        body = next(body for kind, body in self.intents.values() if kind == "create_order")
        self.applied("create_order", body)

    def sent(self, kind: str) -> list[Any]:
        """The bodies of all calls of a kind."""
        return [msgspec.json.decode(body) for each, body in self.intents.values() if each == kind]

    # -- the warehouse -------------------------------------------------------------------------------------------------

    def ship_with(self, *ids: int) -> None:
        """The sale is shipped with these shipments, too."""
        for id_ in ids:
            sales = (SALE, 10) if id_ in self.shared else (SALE,)
            self.shipments[id_] = Shipment(id=id_, number=f"CS{id_}", state="assigned", on_hold=False, sales=sales)

    def change(self, *ids: int, **to: Any) -> None:
        """Shipments become this."""
        self.shipments |= {id_: msgspec.structs.replace(self.shipments[id_], **to) for id_ in ids}

    def pick(self) -> None:
        """What is free is picked, and shipped if this warehouse is quick; nobody picks what is on hold."""
        self.change(*self.free, picking_status="done", **({"state": "done"} if self.ships else {}))

    @property
    def picked(self) -> bool:
        return any(each.picking_status and each.state not in CANCELLED for each in self.shipments.values())

    @property
    def free(self) -> tuple[int, ...]:
        """What could go out."""
        return tuple(id_ for id_ in open_ones(tuple(self.shipments.values())) if not self.shipments[id_].on_hold)

    @property
    def on_hold(self) -> tuple[int, ...]:
        """What could go out, were it not on hold."""
        return tuple(id_ for id_ in open_ones(tuple(self.shipments.values())) if self.shipments[id_].on_hold)

    # -- what people see -----------------------------------------------------------------------------------------------

    @property
    def kinds(self) -> list[str]:
        return sorted(case.kind for case in self.state.cases)

    @property
    def told(self) -> list[str]:
        return [fact.kind for fact in self.facts]

    @property
    def sentence(self) -> str:
        """What the only case says."""
        (case,) = self.state.cases
        return case.sentence
