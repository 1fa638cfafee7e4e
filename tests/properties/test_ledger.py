"""Payouts told in any order, lost answers, deaths, a month that closes: the ledger ends with the same figures, once.

The two decisions of postings run over an event queue without a loop, against the books of the real sandbox of Fulfil.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.ledger import mapper, posting
from flows.ledger.due import PayoutStands
from flows.ledger.mapper import LinesSummed, PayoutPostings
from flows.ledger.parts import Posting
from flows.ledger.poster import posting_of
from flows.ledger.state import LedgerState, Plan, Planned, Rules
from flows.model.messages import Recheck
from flows.model.payout import PayoutStatus
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings
from flows.model.postings import PostDue
from runtime.decision import Decision, EffectAbsent, EffectDone, EffectExhausted, EffectRefused, EffectUnknown
from tests.world_of_payments import Erp, FixedClock, Refusal

SETTINGS = PostingSettings(
    mode="live",
    currency="USD",
    rows=(
        PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", journal="GEN", dated="event"),
        PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200", journal="CASH"),
    ),
)
RULES = Rules(settings=SETTINGS, matrix="m")
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
STATUSES = (PayoutStatus.IN_TRANSIT, PayoutStatus.PAID, PayoutStatus.FAILED)
DAYS = ("2026-10-30", "2026-11-18")


class World:
    """One sales channel's postings, and what is still to be decided."""

    def __init__(self, fates: list[str]) -> None:
        self.clock = FixedClock()
        self.clock.moment = NOW
        self.erp = Erp(self.clock)
        self.state = LedgerState()
        self.payouts: dict[int, PayoutPostings] = {}
        self.rows: dict[str, tuple[Posting, str | None]] = {}
        self.batches: dict[str, str] = {}
        self.inbox: deque[Any] = deque()
        self.fates = deque(fates)
        self.bodies: dict[int, tuple[str, bytes]] = {}
        self.held: set[str] = set()
        """Payouts with an open case that keeps them back; that changes between two runs alone."""

    def tell(self, number: int, fees: int, status: PayoutStatus) -> None:
        """A payout is told: a sale of 100, and so many fees, half of them in October."""
        taken = [Decimal(fees // 2), Decimal(fees - fees // 2)]
        sums = {"sale 2026-10-30": Decimal(100)}
        sums |= {f"fee {day}": -amount for day, amount in zip(DAYS, taken, strict=True) if amount}
        net = Decimal(100) - sum(taken)
        payout = PayoutStands(
            key=f"payout/web/stripe/{number}", sales_channel="web", gateway="stripe", payout=str(number),
            currency="USD", status=status, is_statement=False, received=status is PayoutStatus.PAID, paid=net,
            bank=None, net=net, paid_on=date(2026, 11, 18), expected_on=None,
        )  # fmt: skip
        summed = LinesSummed(payout=payout, sums=sums, net=net, lines=1, last="", complete=True, counted=1)
        decision = mapper.decide(self.payouts.get(number, PayoutPostings()), summed, self.clock.moment, SETTINGS)
        self.payouts[number] = msgspec.json.decode(msgspec.json.encode(decision.state), type=PayoutPostings)
        for write in decision.writes:
            row = posting_of((*write.row[:10], write.row[11]))
            assert row.name not in self.rows, "a posting is added once"
            self.rows[row.name] = (row, None)

    def run(self, message: Any) -> None:
        """Decide on it, and on all that follows. Nothing that is held is posted."""
        before = self._posted_names()
        self.inbox.append(message)
        for _ in range(2_000):
            if not self.inbox:
                assert not {name.partition("#")[0] for name in self._posted_names() - before} & self.held
                return
            self._step(self.inbox.popleft())
        pytest.fail("it never comes to rest")

    def _posted_names(self) -> set[str]:
        return {name for name, (_, batch) in self.rows.items() if self.batches.get(batch or "") == "posted"}

    def _step(self, message: Any) -> None:
        if isinstance(message, Plan):
            today = self.clock.moment.date()
            free = [(row, batch) for row, batch in self.rows.values() if row.payout not in self.held]
            due = tuple(row for row, batch in free if batch is None and row.day < today)
            kept_back = {batch: "held" for row, batch in self.rows.values() if batch and row.payout in self.held}
            message = Planned(postings=due, rounded={}, kept_back=kept_back)
        decision = posting.decide(self.state, message, self.clock.moment, RULES)
        self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=LedgerState)
        self._write(decision)
        self.inbox.extend(emit.message for emit in decision.emits if isinstance(emit.message, Plan | PostDue))
        for effect in decision.effects:
            intent = len(self.bodies) + 1
            self.bodies[intent] = (effect.kind, effect.body)
            self._call(intent)
        for intent in decision.resend:
            self._call(intent)

    def _write(self, decision: Decision) -> None:
        for write in sorted(decision.writes, key=lambda each: each.statement == "take_posting"):
            match write.statement:
                case "take_posting":
                    reference, _, payout, number = write.row
                    row, batch = self.rows[f"{payout}#{number}"]
                    assert batch is None, "in one batch at a time"
                    self.rows[row.name] = (row, reference)
                case "free_postings":
                    freed = [row for row, batch in self.rows.values() if batch == write.row[0]]
                    self.rows |= {row.name: (row, None) for row in freed}
                case "put_posting_batch":
                    self.batches[write.row[0]] = write.row[5]

    def _call(self, intent: int) -> None:
        kind, body = self.bodies[intent]
        is_write = kind in ("make_ledger_move", "post_ledger_move")
        fate = self.fates.popleft() if is_write and self.fates else "done"
        times = {"began_us": 0, "ended_us": 0, "attempts": 1}
        if fate == "closed":  # by a person, between two calls
            self.erp.books.ledger.close(OCTOBER)
        if fate == "given up":
            exhausted = EffectExhausted(intent=intent, kind=kind, cause="unavailable", sentence="away", **times)
            self.inbox.appendleft(exhausted)
            return
        try:
            result = None if fate == "lost before" else self.erp.perform(kind, body)
        except Refusal as refusal:
            refused = EffectRefused(intent=intent, kind=kind, code="400", sentence=str(refusal)[:80], **times)
            self.inbox.appendleft(refused)
            return
        if fate in ("done", "closed"):
            self.inbox.appendleft(EffectDone(intent=intent, kind=kind, result=result, **times))
            return
        found = self.erp.look(kind, body)  # after a lost answer, and after a death, the runtime looks
        self.inbox.appendleft(
            EffectAbsent(intent=intent, kind=kind, attempts=1)
            if found is None
            else EffectDone(intent=intent, kind=kind, result=found, found_by_look=True, **times)
        )
        self.inbox.appendleft(EffectUnknown(intent=intent, kind=kind, cause="lost", **times))

    def settle(self) -> None:
        """A person deletes drafts that cannot be posted, and everything that is due is posted."""
        self.fates.clear()
        self.held.clear()
        self.run(PostDue())
        moves = self.erp.books.ledger.moves
        for move in [each for each in moves if each.state == "draft"]:
            assert self.batches[move.description or ""] == "making", "what waits there is known here"
            moves.remove(move.id)
        self.run(Recheck(because="person"))


STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(1, 2), st.integers(0, 4), st.integers(0, 2)),
    st.tuples(st.just("hold"), st.integers(1, 2)),
    st.just(("run",)),
    st.just(("close",)),
    st.just(("day",)),
)


@given(
    steps=st.lists(STEPS, max_size=10),
    fates=st.lists(st.sampled_from(("done", "lost before", "lost after", "closed", "given up")), max_size=10),
)
@example(steps=[("tell", 1, 4, 1), ("run",), ("hold", 1), ("run",)], fates=["done", "given up"])
@settings(max_examples=50)
def test_whatever_happens_in_whatever_order_the_ledger_has_each_payout_once(
    steps: list[tuple[Any, ...]], fates: list[str]
) -> None:
    """Told, told otherwise, failed; posted at any moment; answers lost; October closed: the same accounts."""
    world = World(fates)
    last: dict[int, tuple[int, int]] = {}
    for step in steps:
        match step:
            case ("tell", number, fees, status):
                last[number] = (fees, max(status, last.get(number, (0, 0))[1]))
                world.tell(number, last[number][0], STATUSES[last[number][1]])
            case ("hold", number):
                world.held ^= {f"payout/web/stripe/{number}"}
            case ("run",):
                world.run(PostDue())
            case ("close",):
                world.erp.books.ledger.close(OCTOBER)
            case _:
                world.clock.moment += timedelta(days=1)
    world.settle()
    fees = sum((Decimal(count) for count, _ in last.values()), Decimal(0))
    bank = sum((Decimal(100 - count) for count, status in last.values() if status == 1), Decimal(0))
    ledger = world.erp.books.ledger
    assert ledger.balance("6100") == fees
    assert ledger.balance("1000") == bank
    assert ledger.balance("1200") == -fees - bank
    names = Counter(move.description for move in ledger.moves)
    assert set(names.values()) <= {1}
    assert {name for name, status in world.batches.items() if status == "posted"} == set(names)
    assert {move.state for move in ledger.moves} <= {"posted"}
    assert world.state.cases == ()
