"""Batches that were posted are read back: what people change of them in Fulfil is finance's case, with its amount."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.fulfil.ledger import Account, LedgerLine, LedgerMove
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.wire import RECORDS_MAX
from flows.events import CaseOpened, PostingCalls
from flows.ledger import CheckBatches, LedgerChecks, Rules
from flows.ledger.checking import PostedBatch
from flows.ledger.checks import LedgerCheck, decide
from flows.model.messages import Recheck
from flows.model.postings import LEDGER_CHECKS, check_key
from runtime.actor import Actor
from runtime.clock import to_datetime
from runtime.decision import Decision, EffectRefused
from tests.actors.payout_world import living, pages
from tests.actors.posting_world import (
    BANK,
    FEES,
    MATRIX,
    WRITES,
    LedgerBooks,
    PostingWorld,
    asked,
    page_read,
    two_sales,
)
from tests.actors.world import story

KEY = check_key("web")


class CheckedWorld(PostingWorld):
    """One process, which reads back what it posts."""

    def actors(self) -> list[Actor]:
        """The checks beside the others."""
        rules = Rules(settings=self.settings, unable=self.unable, matrix=repr(self.settings))
        return [*super().actors(), LedgerChecks(rules, self.journal, self.events.append)]

    async def looks(self) -> list[tuple[str, str]]:
        """What is open when the batches were read back: kind and amount."""
        await self.engine.post(LEDGER_CHECKS, KEY, CheckBatches())
        await self.until_idle()
        return await self.open_cases()


def told(store: Path, books: LedgerBooks, main: Callable[[CheckedWorld, Books], Any]) -> None:
    """A story after two sales were posted: the fees on the twentieth, the payout on the twenty-second."""

    async def lived() -> None:
        async with living(
            store, lambda journal, clock: CheckedWorld(journal, clock, books=books, settings=MATRIX)
        ) as it:
            await it.bring(*pages(two_sales()))
            await it.runs()
            assert books.erp is not None
            assert [state for _, state in books.moves()] == ["posted", "posted"]
            await main(it, books.erp.books)

    story(lived)


def gone(books: Books) -> None:
    books.ledger.moves.remove(1)


def drafted(books: Books) -> None:
    books.ledger.moves[1].state = "draft"


def moved(books: Books) -> None:
    books.ledger.moves[1].date = dt.date(2025, 12, 21)


def elsewhere(books: Books) -> None:
    line = books.ledger.lines[books.ledger.moves[1].lines[0]]
    line.account = books.ledger.account("7900")


def more(books: Books) -> None:
    for id_ in books.ledger.moves[1].lines:
        line = books.ledger.lines[id_]
        line.debit, line.credit = (amount and amount + Decimal("0.10") for amount in (line.debit, line.credit))


@pytest.mark.parametrize(
    ("change", "said", "amount"),
    [
        (gone, "gone from Fulfil", FEES),
        (drafted, "a draft now: it is not in the ledger", FEES),
        (moved, "booked on 2025-12-21 now, not on 2025-12-20", FEES),
        (elsewhere, "0.00 USD on the account 6100, not 6.40 USD", FEES),
        (more, "it moves 6.50 USD on the account 6100, not 6.40 USD", Decimal("0.10")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_batch_that_was_changed_is_a_case_with_its_amount(
    tmp_path: Path, change: Callable[[Books], None], said: str, amount: Decimal
) -> None:
    """Whatever was done to it; the other batch is as it was. Nothing is posted anew."""

    async def main(world: CheckedWorld, erp: Books) -> None:
        assert await world.looks() == []
        change(erp)
        assert await world.looks() == [("posting.changed", f"{amount}")]
        ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE kind = 'posting.changed'")
        assert said in sentence
        calls = world.books_of_erp.calls
        before = [calls[name] for name in WRITES]
        await world.runs()
        assert [calls[name] for name in WRITES] == before

    told(tmp_path / "s.db", LedgerBooks(), main)


def taken_back(books: Books, move: int = 1, *, state: str = "posted", times: Decimal = Decimal(1), **named: str) -> int:
    """Somebody posts the opposite of an entry beside it, which `named` ties to it; its id."""
    of = books.ledger.moves[move]
    beside = books.ledger.add_move(of.date, journal=of.journal, **named)
    for line in [books.ledger.lines[id_] for id_ in of.lines]:
        debit, credit = ((amount * times).quantize(amount) for amount in (line.credit, line.debit))
        books.ledger.add_line(beside, account=line.account, debit=debit, credit=credit, party=line.party)
    beside.state = state
    return beside.id


@pytest.mark.parametrize("sign", ["origin", "description"])
def test_a_batch_that_an_entry_beside_it_takes_back_is_a_case(tmp_path: Path, sign: str) -> None:
    """Tryton's module makes it as a copy with the entry as its origin; people may describe it otherwise. A draft takes
    nothing back. When the reversal is itself taken back, all is as it was posted.
    """

    async def main(world: CheckedWorld, erp: Books) -> None:
        reference = erp.ledger.moves[1].description or ""
        named = {"origin": "account.move,1", "description": "wrong"} if sign == "origin" else {"description": reference}
        draft = taken_back(erp, state="draft", **named)
        assert await world.looks() == []
        erp.ledger.moves[draft].state = "posted"
        assert await world.looks() == [("posting.changed", f"{FEES}")]
        ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE kind = 'posting.changed'")
        assert f"was posted as move 1, and together with the move {draft} beside it, it moves 0.00 USD" in sentence
        taken_back(erp, draft, **named)
        assert await world.looks() == []

    told(tmp_path / "s.db", LedgerBooks(), main)


def test_a_part_that_is_taken_back_is_the_amount_of_the_case(tmp_path: Path) -> None:
    """And an entry of another origin is none of the batch's."""

    async def main(world: CheckedWorld, erp: Books) -> None:
        taken_back(erp, origin="account.invoice,1", description="another")
        assert await world.looks() == []
        taken_back(erp, times=Decimal("0.5"), origin="account.move,1")
        assert await world.looks() == [("posting.changed", f"{FEES / 2}")]

    told(tmp_path / "s.db", LedgerBooks(), main)


def test_the_case_ends_when_it_is_put_back_and_not_before(tmp_path: Path) -> None:
    """Each look says it anew."""

    async def main(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        assert await world.looks() == [("posting.changed", "0.10")]
        assert await world.looks() == [("posting.changed", "0.10")]
        for id_ in erp.ledger.moves[1].lines:
            line = erp.ledger.lines[id_]
            line.debit, line.credit = (amount and amount - Decimal("0.10") for amount in (line.debit, line.credit))
        assert await world.looks() == []

    told(tmp_path / "s.db", LedgerBooks(), main)


def test_what_a_person_accepts_stays_accepted_until_it_changes_further(tmp_path: Path) -> None:
    """Just that figure, and no other."""

    async def main(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        assert await world.looks() == [("posting.changed", "0.10")]
        await world.engine.post(LEDGER_CHECKS, KEY, Recheck(because="person"))
        await world.until_idle()
        assert await world.open_cases() == []
        assert await world.looks() == []
        more(erp)
        assert await world.looks() == [("posting.changed", "0.20")]

    told(tmp_path / "s.db", LedgerBooks(), main)


def test_batches_are_read_together_and_old_ones_only_while_they_differ(tmp_path: Path) -> None:
    """Five calls for all of them; what is old and was right is not read for ever."""
    books = LedgerBooks()

    async def main(world: CheckedWorld, erp: Books) -> None:
        before = sum(books.calls.values())
        assert await world.looks() == []
        assert sum(books.calls.values()) - before == 5
        both = [row[0] for row in await world.journal.query("batches_to_check", "web", "2025-12-20", "", 100, "[]")]
        assert [each.split()[3] for each in both] == ["2025-12-20", "2025-12-22"]
        for since, after, differing, found in (
            ("2025-12-21", "", [], both[1:]),
            ("2026-02-01", "", [], []),
            ("2026-02-01", "", both[:1], both[:1]),
            ("2025-12-20", both[0], [], both[1:]),
        ):
            asked = ("web", since, after, 100, msgspec.json.encode(differing).decode())
            assert [row[0] for row in await world.journal.query("batches_to_check", *asked)] == found

    told(tmp_path / "s.db", books, main)


def test_a_look_that_a_crash_broke_off_goes_on(tmp_path: Path) -> None:
    """With the call that was under way; what it finds is said once."""
    books = LedgerBooks()

    async def broken(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        await world.engine.post(LEDGER_CHECKS, KEY, CheckBatches())
        await anyio.sleep(0.06)
        assert await world.sql("SELECT kind FROM intent") != []

    async def after(world: CheckedWorld, _: Books) -> None:
        assert await world.open_cases() == [("posting.changed", "0.10")]

    told(tmp_path / "s.db", books, broken)
    told(tmp_path / "s.db", books, after)


def test_a_refused_look_says_nothing_and_is_made_again(tmp_path: Path) -> None:
    """What was open stays open, and an hour later it is looked again."""
    books = LedgerBooks()

    async def main(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        assert await world.looks() == [("posting.changed", "0.10")]
        books.refuses.add("find_ledger_lines")
        erp.ledger.moves[2].state = "draft"
        assert await world.looks() == [("posting.changed", "0.10")]
        books.refuses.clear()
        await anyio.sleep(3_700)
        await world.until_idle()
        assert await world.open_cases() == [("posting.changed", "0.10"), ("posting.changed", f"{BANK}")]

    told(tmp_path / "s.db", books, main)


def test_a_figure_that_was_accepted_and_put_right_is_a_case_when_it_comes_back(tmp_path: Path) -> None:
    """A person has accepted what stood then, and not what somebody does again."""

    async def main(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        assert await world.looks() == [("posting.changed", "0.10")]
        await world.engine.post(LEDGER_CHECKS, KEY, Recheck(because="person"))
        for times in (1, 0):
            for id_ in erp.ledger.moves[1].lines:
                line = erp.ledger.lines[id_]
                line.debit, line.credit = (
                    amount and amount - Decimal("0.10") * times for amount in (line.debit, line.credit)
                )
            assert await world.looks() == []
        more(erp)
        assert await world.looks() == [("posting.changed", "0.10")]

    told(tmp_path / "s.db", LedgerBooks(), main)


def test_a_second_ask_during_a_look_is_no_second_look_and_each_call_is_counted(tmp_path: Path) -> None:
    """The look goes on by itself; a case that it opens is counted once."""
    books = LedgerBooks()

    async def main(world: CheckedWorld, erp: Books) -> None:
        more(erp)
        await world.until_idle()
        before = sum(books.calls.values())
        world.events.clear()
        await world.engine.post(LEDGER_CHECKS, KEY, CheckBatches())
        await anyio.sleep(0.06)
        assert await world.sql("SELECT kind FROM intent") != []
        assert await world.looks() == [("posting.changed", "0.10")]
        assert sum(books.calls.values()) - before == 5
        assert sum(each.calls for each in world.events if isinstance(each, PostingCalls)) == 5
        assert [each.cases for each in world.events if isinstance(each, CaseOpened)] == [1]

    told(tmp_path / "s.db", books, main)


def test_batches_are_read_back_each_day_an_hour_after_the_postings(tmp_path: Path) -> None:
    """Those are made at three o'clock; what was read back then is read back again at four."""
    books = LedgerBooks()

    async def main(world: CheckedWorld, erp: Books) -> None:
        assert await world.looks() == []
        more(erp)
        now = to_datetime(world.clock.now())
        at_three = now.replace(hour=3, minute=0, second=0) + dt.timedelta(days=now.hour >= 3)
        looks = books.calls["find_ledger_lines"]
        await anyio.sleep((at_three - now).total_seconds() + 59 * 60)
        await world.until_idle()
        assert (books.calls["find_ledger_lines"], await world.open_cases()) == (looks, [])
        await anyio.sleep(120)
        await world.until_idle()
        assert books.calls["find_ledger_lines"] == looks + 1
        assert await world.open_cases() == [("posting.changed", "0.10")]

    told(tmp_path / "s.db", books, main)


# -- the look itself, without an engine --------------------------------------------------------------------------------

NOW, RULES = dt.datetime(2025, 12, 23, 12, 30, tzinfo=dt.UTC), Rules(settings=MATRIX, unable="", matrix="")
BATCH = PostedBatch(
    reference="r", move=1, booked_on=dt.date(2025, 12, 20), currency="USD", total=FEES, moved={"6100": FEES}
)


def done(state: LedgerCheck, *rows: Any, last: int | None = None) -> Decision:
    """The next page has come, with these rows; `last`: others are behind it."""
    return decide(state, page_read(rows, last), NOW, RULES)


def test_each_part_of_a_look_is_read_page_by_page_from_its_first() -> None:
    """Behind the last id of the page before; the next part begins at the beginning. An account without a code has no
    name by which it could be a batch's.
    """
    decision = done(LedgerCheck(part="moves", batches=(BATCH,)), last=7)
    assert (decision.state.part, asked(decision)["after_id"]) == ("moves", 7)
    decision = done(decision.state, LedgerMove(id=1, state="posted"))
    assert (decision.state.part, asked(decision).get("after_id", 0)) == ("reversals", 0)
    decision = done(done(decision.state).state)
    assert (decision.state.part, asked(decision)["values"]) == ("lines", [1])
    half = FEES / 2
    decision = done(decision.state, LedgerLine(id=3, move=1, account=9, debit=half), last=3)
    assert (decision.state.part, asked(decision)["after_id"]) == ("lines", 3)
    decision = done(decision.state, LedgerLine(id=4, move=1, account=9, debit=half))
    assert (decision.state.part, asked(decision).get("after_id", 0)) == ("accounts", 0)
    decision = done(decision.state, Account(id=8), Account(id=9, code="6100"), last=9)
    assert decision.state.accounts == {"6100": 9}
    decision = done(decision.state)
    assert decision.state == LedgerCheck(calls=7)
    assert [each.message for each in decision.emits] == [CheckBatches(after="r")]
    ignored = done(decision.state)
    assert (ignored.state, ignored.effects, ignored.emits) == (decision.state, (), ())


def test_a_look_that_is_refused_in_its_middle_begins_anew_and_forgets_nothing_that_a_person_said() -> None:
    """Nothing of what was read is left: a page that is left out would make a batch look as if it were gone."""
    known = {"other": "it moves something else"}
    state = LedgerCheck(part="moves", batches=(BATCH,), accepted=known)
    state = done(done(state, LedgerMove(id=1), last=7).state, LedgerMove(id=8)).state
    state = done(done(state).state).state
    state = done(state, last=11).state
    refused = EffectRefused(intent=1, kind="find", code="400", sentence="no", began_us=1, ended_us=2, attempts=1)
    decision = decide(state, refused, NOW, RULES)
    assert decision.state == LedgerCheck(accepted=known, calls=state.calls)
    assert [(each.due, each.message) for each in decision.timers] == [(NOW + dt.timedelta(hours=1), CheckBatches())]


def test_what_was_accepted_of_other_batches_stays_when_these_are_compared() -> None:
    """Batches are looked at a hundred at a time."""
    known = {"r": "it moves something else", "s": "it moves something else"}
    state = LedgerCheck(
        part="accounts", batches=(BATCH,), moves=(LedgerMove(id=1),),
        lines=(LedgerLine(id=1, move=1, account=9, debit=FEES),), accepted=known,
    )  # fmt: skip
    assert done(state, Account(id=9, code="6100")).state == LedgerCheck(accepted={"s": known["s"]})


def test_no_question_is_larger_than_fulfil_takes_and_a_question_is_always_the_same() -> None:
    """Of entries beside a batch so many are looked at that they fit together with the batches."""
    codes = [f"61{place:02}" for place in range(20)]
    batches = tuple(
        msgspec.structs.replace(BATCH, reference=f"r{id_}", move=id_, moved=dict.fromkeys(reversed(codes), FEES))
        for id_ in range(1, 101)
    )
    beside = [LedgerMove(id=1_000 + place) for place in range(RECORDS_MAX)]
    decision = done(LedgerCheck(part="copies", batches=batches), *beside)
    assert asked(decision)["values"] == [*range(1, 101), *range(1_000, 1_400)]
    assert asked(done(decision.state))["values"] == codes


def test_a_tenant_that_cannot_be_asked_for_entries_beside_a_batch_has_the_batch_compared_all_the_same() -> None:
    """Whatever it does not search by; without the entries themselves there is nothing to compare."""
    batch = PostedBatch(
        reference="r", move=1, booked_on=dt.date(2025, 12, 20), currency="USD", total=FEES, moved={"6100": FEES}
    )
    now, rules = dt.datetime(2025, 12, 23, tzinfo=dt.UTC), Rules(settings=MATRIX, unable="", matrix="")
    no_field = EffectRefused(
        intent=1, kind="find_ledger_moves", code="400", sentence="no such field", began_us=1, ended_us=2, attempts=1
    )
    state = LedgerCheck(part="reversals", batches=(batch,))
    parts = []
    while state.part is not None:
        decision = decide(state, no_field, now, rules)
        state = decision.state
        parts.append((state.part, [timer.name for timer in decision.timers]))
    assert parts == [("copies", []), ("lines", []), (None, ["check"])]
