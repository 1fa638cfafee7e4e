"""The payments of orders in a world of its own: the order importer, the payment mapper and its recorder, the rows in a
real SQLite, and the books of the real sandbox of Fulfil, without a loop and without sockets.

A small interpreter feeds the decisions as the runtime would: serial per key, one write in flight, an unknown outcome is
looked for. What comes next is chosen by whoever runs it; so is what becomes of each write, and when the process dies.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from connectors.fulfil.calls import decode_on_record
from connectors.fulfil.sandbox import SalesChannel, SandboxConfig
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.calls import Calls
from connectors.fulfil.sandbox.config import ProductSeed
from connectors.fulfil.sandbox.operations import Operations, Request
from connectors.fulfil.table import READS, WRITES
from connectors.fulfil.tenant import Tenant
from connectors.http import Answer
from flows.model.gate import OPEN_GATE, GateSettings
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.order_state import OrderState
from flows.model.payments import PAYMENT_MAPPER, GatewaySettings
from flows.model.proof import prove
from flows.model.sale import SaleSettings
from flows.model.schema import ORDERS
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import OrderPresented, Policy, decide, presented
from flows.order_importer.parts import LATER_VERSION
from flows.order_importer.tendering import told_to_mapper
from flows.payment_mapper import (
    RECORDER,
    RECORDER_KEY,
    LookAtBlocked,
    OrderPayments,
    PaymentMapper,
    PaymentRecorder,
    RecordNow,
    RecordRules,
)
from flows.payment_mapper.batch import Recording
from runtime.actor import Item
from runtime.clock import Instant, to_instant
from runtime.decision import Decision, EffectAbsent, EffectDone, EffectRefused, EffectUnknown, Repeat
from runtime.journal.statements import Statements

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
SALES_CHANNEL = "web"
SALE_SETTINGS = SaleSettings(
    channel_id=3,
    taxes={"VAT": "VAT 20"},
    gateways={"card": "stripe", "gift_card": "gift", "cod": "cod", "credit": "credit"},
)
GATEWAYS = ("stripe", "gift", "cod", "credit", "suspense", "loose")
"""Those that Fulfil has; `loose` is not to be recorded by us."""
RULES = RecordRules(
    gateways=SALE_SETTINGS.gateways, targets={code: GatewaySettings() for code in GATEWAYS if code != "loose"}
)
POLICY = Policy(tells_payments=True)
LIVE = ("draft", "in-progress", "authorized", "completed", "posted")


class FixedClock:
    """A clock that the world puts forward."""

    def __init__(self) -> None:
        self.moment = BEGAN

    def now(self) -> Instant:
        return to_instant(self.moment)


class Erp:
    """The books of the sandbox, spoken to in the connector's own bytes."""

    def __init__(self, clock: FixedClock, **switches: Any) -> None:
        channel = SalesChannel(id=3, name="web", code="web", gateways=GATEWAYS)
        config = SandboxConfig(requests_per_s=0, channels=(channel,), **switches)
        self.books = Books(config, clock)  # type: ignore[arg-type] - it only asks for the time
        self.books.add_products([ProductSeed(sku="MUG-BLUE")])
        self.operations = Operations(self.books, Calls())
        self.tenant = Tenant()
        self.calls: Counter[str] = Counter()
        self.refuses: Callable[[str, bytes], bool] = lambda _kind, _body: False

    def perform(self, kind: str, body: bytes) -> Any:
        """One call; raises AssertionError for an answer that is no success, Refusal for one that Fulfil refuses."""
        self.calls[kind] += 1
        if self.refuses(kind, body):
            raise Refusal("this is refused")
        write, read = WRITES.get(kind), READS.get(kind)
        if write is not None:
            path, sent = write.path, body
            if write.on_record:
                stored = decode_on_record(body)
                path, sent = path.format(model=stored.model, id=stored.id), bytes(stored.send)
            return write.decode(self._send(write.verb, path, sent), body)
        assert read is not None
        question = msgspec.json.decode(body, type=read.question)
        return self._read(read, question)

    def look(self, kind: str, body: bytes) -> Any:
        """What a lost write has made; None: nothing."""
        write = WRITES[kind]
        sought = write.sought(body)
        return write.verdict(body, self._read(sought.read, sought.question))

    def _read(self, read: Any, question: Any) -> Any:
        spoken = read.speak(question, self.tenant)
        query = [] if spoken.context is None else [("context", msgspec.json.encode(spoken.context).decode())]
        return read.decode(self._send(spoken.verb, spoken.path, spoken.body, query), question, self.tenant)

    def _send(self, verb: str, path: str, body: bytes, query: Sequence[tuple[str, str]] = ()) -> Answer:
        parts = tuple(path.split("/"))
        target = self.operations.target(verb, parts)
        reply = self.operations.answer(target, Request(verb, parts, query, body)).reply
        if int(reply.status) == 400:
            raise Refusal(reply.body.decode())
        if int(reply.status) == 500:
            raise Broken
        assert int(reply.status) == 200, (path, body, reply.body)
        return Answer(200, CIMultiDictProxy(CIMultiDict()), reply.body)

    # -- what is in the books ------------------------------------------------------------------------------------------

    def money(self, order: str = "1001") -> list[tuple[str, str, Decimal, str]]:
        """Live transactions of a sale: (type, reference, amount, state), sorted; posted counts as completed."""
        sale = self.books.sales[self.books.sale_ids[3, order]]
        rows = [self.books.transactions[id_] for one in sale.payments for id_ in self.books.payments[one].transactions]
        return sorted(
            (row.type, row.provider_reference or "", row.amount, row.state.replace("posted", "completed"))
            for row in rows
            if row.state in LIVE
        )

    def sums(self, order: str = "1001") -> dict[str, Decimal]:
        """What was collected and given back."""
        found = {"charge": Decimal(0), "refund": Decimal(0), "authorized": Decimal(0)}
        for type_, _, amount, state in self.money(order):
            found["authorized" if state == "authorized" else type_] += amount
        return found


class Refusal(Exception):
    """Fulfil refuses the call."""


class Broken(Exception):
    """Fulfil fails at the call, and does not say what it has done."""


class Journal:
    """The rows of payments, in SQLite."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        migration = next(file for file in ORDERS.migrations.iterdir() if file.name.startswith("0016"))
        self.connection.executescript(migration.read_text(encoding="utf-8"))
        self.statements = Statements(ORDERS.queries)

    async def query(self, name: str, *row: Any) -> list[Any]:
        return self.statements[name].read(self.connection, row)

    async def query_list(self, name: str, items: Sequence[Any], *before: Any) -> list[Any]:
        return self.statements[name].read_list(self.connection, items, *before)

    def write(self, writes: Iterable[Any]) -> None:
        for each in sorted(writes, key=lambda one: self.statements[one.statement].rank):
            if each.statement in _OURS:
                self.statements[each.statement].write(self.connection, [each.row])


_OURS = ("put_payment", "payment_reached", "payment_refused", "put_suspended")


class World:
    """Everything, and what is still to be decided: (actor, key, message)."""

    def __init__(
        self,
        *,
        rules: RecordRules = RULES,
        settings: SaleSettings = SALE_SETTINGS,
        policy: Policy = POLICY,
        gate: GateSettings = OPEN_GATE,
        time_zone: str = "UTC",
        **erp: Any,
    ) -> None:
        self.gate = gate
        self.clock, self.settings, self.policy = FixedClock(), settings, policy
        self.erp, self.journal = Erp(self.clock, **erp), Journal()
        self.events: list[Any] = []
        journal: Any = self.journal
        self.mapper = PaymentMapper({SALES_CHANNEL: rules}, self.events.append)
        self.recorder = PaymentRecorder(journal, self.events.append, gather=timedelta(seconds=30), time_zone=time_zone)
        self.states: dict[tuple[str, str], bytes] = {}
        self.inbox: deque[tuple[str, str, Any]] = deque()
        self.outcomes: deque[tuple[str, str, Any]] = deque()
        self.timers: dict[tuple[str, str, str], Any] = {}
        self.intents: dict[int, tuple[str, str, str, bytes]] = {}
        self.busy: dict[tuple[str, str], int] = {}
        self.answers: deque[str] = deque()
        """What becomes of the next writes: done, lost before it was applied, or lost after."""
        self.facts: list[tuple[str, Any]] = []
        self.shown: dict[tuple[str, int], Order] = {}

    # -- what happens --------------------------------------------------------------------------------------------------

    def sends(self, *orders: Order) -> Self:
        """Versions arrive."""
        for order in orders:
            self.inbox.append((ORDER_IMPORTER, f"{SALES_CHANNEL}/{order.order_id}", order))
        return self

    def releases(self, order: str = "1001", actor: str = PAYMENT_MAPPER) -> Self:
        """A person has seen to it."""
        self.inbox.append((actor, f"{SALES_CHANNEL}/{order}", Recheck(because="person")))
        return self.run()

    def restarts(self) -> Self:
        """The process dies and starts: what was in flight may have been applied or not, and is looked for."""
        self.inbox.append((RECORDER, RECORDER_KEY, RecordNow()))
        self.inbox.append((RECORDER, RECORDER_KEY, LookAtBlocked()))
        return self

    def run(self, choices: Iterable[bool] = ()) -> Self:
        """To the end, timers included; each choice says whether an outcome goes before a message."""
        chosen = itertools.chain(choices, itertools.repeat(True))
        for _ in range(4_000):
            if not self.run_one(chosen) and not self.elapses():
                return self
        pytest.fail("it never comes to rest")

    def elapses(self) -> bool:
        """Time passes until the next timer is due, if there is one."""
        if not self.timers:
            return False
        (actor, key, name), timer = min(self.timers.items(), key=lambda each: each[1].due)
        del self.timers[actor, key, name]
        self.clock.moment = max(self.clock.moment, timer.due)
        self.inbox.append((actor, key, timer.message))
        return True

    def run_one(self, choices: Iterator[bool] | None = None) -> bool:
        """One step, if there is one without waiting for a timer."""
        free = next((each for each in self.inbox if each[:2] not in self.busy), None)
        if self.outcomes and (free is None or choices is None or next(choices)):
            actor, key, outcome = self.outcomes.popleft()
            if not isinstance(outcome, EffectAbsent):
                self.busy.pop((actor, key), None)
            self._step(actor, key, outcome)
            return True
        if free is None:
            return False
        self.inbox.remove(free)
        self._step(*free)
        return True

    # -- the runtime ---------------------------------------------------------------------------------------------------

    def state(self, actor: str, key: str) -> Any:
        known = self.states.get((actor, key))
        types: dict[str, Any] = {ORDER_IMPORTER: OrderState, PAYMENT_MAPPER: OrderPayments, RECORDER: Recording}
        if known is not None:
            return msgspec.json.decode(known, type=types[actor])
        return OrderPayments(key=key) if actor == PAYMENT_MAPPER else types[actor]()

    def _step(self, actor: str, key: str, message: Any) -> None:
        self.clock.moment += timedelta(seconds=1)
        state = self.state(actor, key)
        decision = self._decided(actor, key, state, message)
        shell: Any = {PAYMENT_MAPPER: self.mapper, RECORDER: self.recorder}.get(actor)
        writes = list(decision.writes)
        if shell is not None:
            writes += shell.project(key, state, decision.state, self.clock.moment)
            shell.announce(key, state, decision.state)
        self.journal.write(writes)
        self.states[actor, key] = msgspec.json.encode(decision.state)
        self.facts += [(fact.kind, fact.values) for fact in decision.facts]
        for emit in decision.emits:
            if emit.channel in (ORDER_IMPORTER, PAYMENT_MAPPER, RECORDER):
                self.inbox.append((emit.channel, emit.key or key, emit.message))
        for name in decision.cancels:
            self.timers.pop((actor, key, name), None)
        if actor != ORDER_IMPORTER:  # its own timers are about other things
            self.timers |= {(actor, key, timer.name): timer for timer in decision.timers}
        for effect in decision.effects:
            self._begin(actor, key, effect)
        for intent in decision.resend:
            self._call(intent, 2)

    def _decided(self, actor: str, key: str, state: Any, message: Any) -> Decision:
        now = self.clock.moment
        if actor == PAYMENT_MAPPER:
            return self.mapper.decide(state, message, now)
        if actor == RECORDER:
            (message,) = _ran(self.recorder.resolve([Item(key, state, message, None)]))
            return self.recorder.decide(state, message, now)
        if isinstance(message, Recheck) and message.because == LATER_VERSION and state.later is not None:
            message = self.shown[key, state.later.delivery]
        if isinstance(message, Order):
            shown = self._presented(key, message)
            return told_to_mapper(presented(state, shown, now, self.settings, self.gate, self.policy))
        return told_to_mapper(decide(state, message, now, self.policy))

    def _presented(self, key: str, order: Order) -> OrderPresented:
        delivery = int(order.version[-10:-8]) or 1
        self.shown[key, delivery] = order
        return OrderPresented(
            delivery=delivery, version=order.version, received_us=to_instant(BEGAN), order=order, proof=prove(order),
            missing=(), hints={},
        )  # fmt: skip

    def _begin(self, actor: str, key: str, effect: Any) -> None:
        intent = len(self.intents) + 1
        self.intents[intent] = (actor, key, effect.kind, effect.body)
        if effect.repeat is not Repeat.SAFE:
            assert (actor, key) not in self.busy, "two writes of one key at once"
            self.busy[actor, key] = intent
        self._call(intent, 1)

    def _call(self, intent: int, attempts: int) -> None:
        actor, key, kind, body = self.intents[intent]
        common: dict[str, Any] = {"intent": intent, "kind": kind, "began_us": 1, "ended_us": 2, "attempts": attempts}
        answer = self.answers.popleft() if self.answers and kind in WRITES else "done"
        try:
            result = None if answer == "lost before" else self.erp.perform(kind, body)
        except Refusal as refusal:
            self.outcomes.append((actor, key, EffectRefused(code="1", sentence=str(refusal), **common)))
            return
        except Broken:
            answer, result = "lost", None
        if answer != "done":
            self.outcomes.append((actor, key, EffectUnknown(cause="lost", **common)))
            result = self.erp.look(kind, body)
            if result is None:
                self.outcomes.append((actor, key, EffectAbsent(intent=intent, kind=kind, attempts=attempts)))
                return
        self.outcomes.append((actor, key, EffectDone(result=result, **common)))

    # -- what is seen of it --------------------------------------------------------------------------------------------

    def payments(self, order: str = "1001") -> OrderPayments:
        state: OrderPayments = self.state(PAYMENT_MAPPER, f"{SALES_CHANNEL}/{order}")
        return state

    def statuses(self, order: str = "1001") -> dict[str, str]:
        return {name: each.status for name, each in self.payments(order).records.items()}

    def cases(self, order: str = "1001") -> list[tuple[str, str]]:
        return [(case.kind, case.cause) for case in self.payments(order).cases]


def _ran(coroutine: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
