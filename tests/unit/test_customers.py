"""The decisions about customers, as tables: when Fulfil is asked, what is done with its answer, and who goes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import FindSales, SaleParty
from flows.customers import ASKED_MAX, KEY, NAME, Customers, CustomersState, ReadBack
from flows.model.customer_links import SaleOfCustomer
from flows.model.messages import CustomerFree, Recheck
from flows.model.schema import ORDERS
from runtime.actor import Item
from runtime.clock import Instant, SystemClock, to_datetime
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Message
from runtime.journal.journal import Journal, opened

pytestmark = pytest.mark.anyio

MINUTE = 60_000_000


class Hands(SystemClock):
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.at = 1_800_000_000 * 1_000_000

    def now(self) -> Instant:
        return Instant(self.at)


class At:
    """The actor over a store, and its one key."""

    def __init__(self, journal: Journal, clock: Hands) -> None:
        self.journal, self.clock = journal, clock
        self.events: list[Any] = []
        self.actor = Customers(journal, read_after=timedelta(minutes=15), emit=self.events.append)
        self.state = CustomersState()

    def sold(self, *numbers: int, channel: int = 3, party: int | None = None) -> None:
        """Sales of as many customers are there since now."""
        rows = [
            SaleOfCustomer(number, f"web/{number}", channel, f"web/customer/{number}", 0, party, self.clock.at).row
            for number in numbers
        ]
        self._write("put_customer_sale", rows)

    def _write(self, statement: str, rows: list[Any]) -> None:
        connection = self.journal.writing._connection  # type: ignore[attr-defined]
        self.journal.statements[statement].write(connection, rows)

    async def met(self, message: Message) -> Decision:
        """Resolve, decide and write down."""
        (resolved,) = await self.actor.resolve([Item(KEY, self.state, message, None)])
        decision = self.actor.decide(self.state, resolved, to_datetime(self.clock.now()))
        for write in sorted(decision.writes, key=lambda each: self.journal.statements[each.statement].rank):
            self._write(write.statement, [write.row])
        self.state = decision.state
        return decision

    async def told(self, *sales: SaleParty) -> Decision:
        return await self.met(
            EffectDone(intent=1, kind="sale_parties", result=sales, began_us=1, ended_us=2, attempts=1)
        )

    async def left(self) -> list[tuple[int, int]]:
        """(sale, how often asked in vain)."""
        rows = await self.journal.query("customer_sales_to_ask", 3, 1 << 62, 1 << 62, 1 << 62)
        return [(row[0], row[7]) for row in rows]


@pytest.fixture(name="at")
async def fixture_at(tmp_path: Any) -> Any:
    clock = Hands()
    async with opened(tmp_path / "store.db", clock, lambda _event: None, (ORDERS,), threads=False) as journal:
        yield At(journal, clock)


def asked(decision: Decision) -> list[str]:
    return [
        each
        for effect in decision.effects
        for each in msgspec.json.decode(effect.body, type=FindSales).channel_identifiers
    ]


def due_in_s(decision: Decision, at: At) -> float:
    (timer,) = decision.timers
    return (timer.due - to_datetime(at.clock.now())).total_seconds()


async def test_a_hundred_sales_are_asked_about_at_once_and_a_few_after_a_while(at: At) -> None:
    """At most a hundredth of a call for each order, or one call a quarter of an hour."""
    at.sold(*range(1, 100))
    decision = await at.met(ReadBack())
    assert (asked(decision), due_in_s(decision, at)) == ([], 60)
    at.sold(100)
    assert len(asked(await at.met(ReadBack()))) == 100
    assert asked(await at.met(ReadBack())) == []  # one question at a time
    await at.told(*(SaleParty(number, str(number), 7) for number in range(1, 101)))
    at.sold(101)
    at.clock.at += 14 * MINUTE
    assert asked(await at.met(ReadBack())) == []
    at.clock.at += MINUTE
    decision = await at.met(ReadBack())
    assert asked(decision) == ["101"]
    (effect,) = decision.effects
    assert (effect.kind, effect.share, effect.repeat.value) == ("sale_parties", "rest", "safe")


async def test_a_sales_channel_of_fulfil_is_a_question_of_its_own_the_one_that_waits_longest_first(at: At) -> None:
    """Orders are known by sales channel and identifier; the next question follows the answer at once."""
    at.sold(1, channel=4)
    at.clock.at += MINUTE
    at.sold(2)
    at.clock.at += 15 * MINUTE
    assert asked(await at.met(ReadBack())) == ["1"]
    decision = await at.told(SaleParty(1, "1", 7))
    assert due_in_s(decision, at) == 0
    assert asked(await at.met(ReadBack())) == ["2"]


async def test_a_sale_that_fulfil_does_not_tell_is_asked_about_again_later_and_then_no_more(at: At) -> None:
    """It may not be visible yet, or is gone; others are not kept waiting, and the same order's other sale is not it."""
    at.sold(1, 2)
    for times in range(1, ASKED_MAX + 1):
        at.clock.at += 15 * MINUTE
        assert "1" in asked(await at.met(ReadBack()))
        await at.told(*(() if times > 1 else (SaleParty(2, "2", 7),)), SaleParty(99, "1", 7))
        assert await at.left() == ([(1, times)] if times < ASKED_MAX else [])
        assert asked(await at.met(ReadBack())) == []


async def test_what_the_create_has_told_needs_no_question(at: At) -> None:
    """The party is compared as it is."""
    at.sold(1, 2, party=7)
    decision = await at.met(ReadBack())
    assert asked(decision) == []
    assert [row[1] for row in await at.journal.query_list("customers", ["web/customer/1", "web/customer/2"])] == [7, 7]
    assert len(decision.emits) == 1  # two customers of one sales channel are one party


@pytest.mark.parametrize(
    "outcome",
    [
        EffectRefused(
            intent=1, kind="sale_parties", code="403", sentence="no access", began_us=1, ended_us=2, attempts=1
        ),
        EffectExhausted(
            intent=1, kind="sale_parties", cause="x", sentence="no access", began_us=1, ended_us=2, attempts=9
        ),
    ],
)
async def test_that_fulfil_refuses_to_tell_is_a_case_until_it_tells(at: At, outcome: Message) -> None:
    """Orders go on; it is asked again after ten minutes, or when somebody says so."""
    at.sold(1)
    at.clock.at += 15 * MINUTE
    await at.met(ReadBack())
    decision = await at.met(outcome)
    assert [(case.kind, case.sentence) for case in at.state.cases] == [
        ("customers.refused", "Fulfil refused to tell whose its sales are: no access")
    ]
    assert due_in_s(decision, at) == 600
    assert due_in_s(await at.met(Recheck(because="person")), at) == 0
    assert asked(await at.met(ReadBack())) == ["1"]
    await at.told(SaleParty(1, "1", 7))
    assert at.state.cases == ()


async def test_who_waits_is_sent_on_in_order_of_purchase_so_many_at_a_time(at: At) -> None:
    """All of them once the customer is known; else the first of each claim."""
    waits = [(claim, placed, f"web/{placed}") for placed in range(1, 702) for claim in ("web/customer/7", "h7")]
    at._write("put_customer_wait", waits)
    claims = ("web/customer/7", "h7")
    first = await at.met(CustomerFree(claims=claims, known=False))
    assert [(emit.channel, emit.key) for emit in first.emits] == [("order_importer", "web/1")]
    every = await at.met(CustomerFree(claims=claims, known=True))
    *sent, more = every.emits
    assert [emit.key for emit in sent] == [f"web/{placed}" for placed in range(1, 501)]
    assert more.channel == NAME
    rest = await at.met(more.message)
    assert [emit.key for emit in rest.emits] == [f"web/{placed}" for placed in range(501, 702)]


async def test_after_a_start_and_every_hour_nobody_waits_for_nobody(at: At) -> None:
    """Whoever is first under a claim is looked at, should word of it have been lost."""
    at._write("put_customer_wait", [("h7", 1, "web/1"), ("h8", 1, "web/2"), ("h8", 2, "web/3")])
    (word,) = (await at.met(ReadBack())).emits
    assert word.message == CustomerFree(claims=("h7", "h8"), known=False)
    assert [emit.key for emit in (await at.met(word.message)).emits] == ["web/1", "web/2"]
    assert (await at.met(ReadBack())).emits == ()
    at.clock.at += 60 * MINUTE
    assert len((await at.met(ReadBack())).emits) == 1
