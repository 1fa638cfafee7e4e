"""Payouts and their postings in virtual time: the real engine, and the books of the real sandbox of Fulfil, which
outlive every crash and lose answers when they are told to.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from flows.audit_log import AuditLog
from flows.desk import Desk
from flows.ledger import Ledger, PostingMapper, Rules
from flows.model.messages import Recheck
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings
from flows.model.postings import LEDGER, PostDue, ledger_key
from flows.payout_importer import PayoutImporter, payout_key
from runtime.actor import Actor
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.decision import Decision, EffectDone
from runtime.engine import Outside
from runtime.errors import Refused, Unknown
from runtime.journal.journal import Journal
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.testing.virtual_time import VirtualClock
from tests.actors.payout_world import PayoutWorld, living
from tests.unit import payout_files as files
from tests.world_of_payments import Erp, Refusal

SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}
WRITES = ("make_ledger_move", "post_ledger_move")
MATRIX = PostingSettings(
    mode="live",
    currency="USD",
    rows=(
        PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", journal="GEN", dated="event"),
        PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200", journal="GEN"),
        PostingRow(event=LedgerEvent.DISPUTE, debit="1400", credit="1200", journal="GEN", dated="event"),
        PostingRow(event=LedgerEvent.DISPUTE_FEE, debit="6100", credit="1200", journal="GEN", dated="event"),
    ),
)

KEY = payout_key("web", "shopify_payments", "77")


DAY = {"processed_at": "2025-12-19T19:52:08-05:00"}
"""In New York; in the company's zone it is the twentieth. The stories begin on the first of January."""


def sold(id_: int) -> dict[str, Any]:
    return files.shopify_line(id_, "charge", "100.00", "3.20", "96.80", **DAY)


def paid(amount: str, status: str = "paid", day: str = "2025-12-22") -> dict[str, Any]:
    return {**files.SHOPIFY_PAYOUT, "amount": amount, "status": status, "date": day}


def two_sales(status: str = "paid") -> bytes:
    return files.shopify([sold(1), sold(2)], paid("193.60", status))


FEES, BANK = Decimal("6.40"), Decimal("193.60")
TWO_SALES = {"6100": FEES, "1000": BANK, "1200": -FEES - BANK}


class LedgerBooks:
    """Fulfil's books as an outside API: `lose` says of the next writes whether they are lost before or after."""

    name = "fulfil"

    def __init__(self, writes: Collection[str] = WRITES) -> None:
        self.erp: Erp | None = None
        self.writes = frozenset(writes)
        """Kinds of calls whose answers may be lost."""
        self.calls: Counter[str] = Counter()
        self.lose: deque[str] = deque()
        self.refuses: set[str] = set()
        """Kinds of calls that are refused."""

    def of(self, clock: Clock) -> Erp:
        """The books; the clock is that of whoever asks last."""
        if self.erp is None:
            self.erp = Erp(clock)  # type: ignore[arg-type]
        self.erp.books.transaction._clock = clock
        return self.erp

    async def perform(self, kind: str, body: bytes) -> Any:
        """One call, which may be lost."""
        assert self.erp is not None
        self.calls[kind] += 1
        await anyio.sleep(0.05)
        fate = self.lose.popleft() if kind in self.writes and self.lose else "no"
        if fate == "before":
            raise Unknown("the connection broke")
        if kind in self.refuses:
            raise Refused("no access to this model", code="400")
        try:
            result = self.erp.perform(kind, body)
        except Refusal as refusal:
            raise Refused(str(refusal), code="400") from None
        if fate == "after":
            raise Unknown("the connection broke")
        return result

    async def look(self, kind: str, body: bytes) -> Any:
        """What a lost write has made."""
        assert self.erp is not None
        self.calls["look"] += 1
        await anyio.sleep(0.05)
        return self.erp.look(kind, body)

    def take_back(self) -> None:
        """A person reverses every entry: each stays as it is, and has one beside it that takes it back."""
        assert self.erp is not None
        ledger = self.erp.books.ledger
        for move in list(ledger.moves):
            back = ledger.add_move(move.date, journal=move.journal, description=f"reversal of {move.id}")
            for line in [ledger.lines[id_] for id_ in move.lines]:
                said = f"reversal of {line.description}"
                ledger.add_line(back, account=line.account, debit=line.credit, credit=line.debit, description=said)
            ledger.post(back)

    # -- what is in them -----------------------------------------------------------------------------------------------

    def balances(self) -> dict[str, Decimal]:
        """Debit less credit of each account that something was posted to; each move is seen to balance."""
        assert self.erp is not None
        ledger = self.erp.books.ledger
        for move in ledger.moves:
            lines = [ledger.lines[id_] for id_ in move.lines]
            assert sum(line.debit - line.credit for line in lines) == 0
        found = {row.code: ledger.balance(row.code) for row in ledger.accounts}
        return {code: amount for code, amount in found.items() if amount}

    def moves(self) -> list[tuple[str, str]]:
        """Day and state of each move."""
        assert self.erp is not None
        return [(move.date.isoformat(), move.state) for move in self.erp.books.ledger.moves]

    def descriptions(self) -> list[str]:
        """Of all lines."""
        assert self.erp is not None
        return [line.description or "" for line in self.erp.books.ledger.lines]


class PostingWorld(PayoutWorld):
    """One process, with postings."""

    tells_months = False

    def __init__(
        self, journal: Journal, clock: VirtualClock, *, books: LedgerBooks, settings: PostingSettings, unable: str = ""
    ) -> None:
        self.books_of_erp, self.settings, self.unable = books, settings, unable
        books.of(clock)
        super().__init__(journal, clock)

    def actors(self) -> list[Actor]:
        """Importer, mapper, ledger."""
        rules = Rules(
            settings=self.settings, unable=self.unable, matrix=repr(self.settings), tells_months=self.tells_months
        )
        emit = self.events.append
        return [
            PayoutImporter(self.journal, emit, tells_postings=True),
            PostingMapper(self.settings, self.journal, emit),
            Ledger(rules, self.journal, emit),
            Desk(emit),
            AuditLog(self.journal, emit),
        ]

    def outsides(self) -> list[Outside]:
        """Fulfil."""
        budget = Budget(self.clock, SHARES, limit_per_s=200.0, concurrency_max=16, burst=4, rng=random.Random(1))
        lane = LaneConfig(workers_per_share={"orders": 2, "rest": 2}, retry=RetryPolicy(), settle_s=2.0, window=32)
        return [Outside(api=self.books_of_erp, lane=lane, budget=budget, breaker=Breaker())]

    async def begin(self) -> None:
        """As the composition root."""
        await self.engine.post(LEDGER, ledger_key("web"), PostDue())

    async def until_idle(self) -> None:
        """Until no message and no call is left on disk."""
        with anyio.fail_after(36_000):
            while await self.sql("SELECT 1 FROM message LIMIT 1") or await self.sql("SELECT 1 FROM intent LIMIT 1"):
                await anyio.sleep(0.25)

    async def runs(self) -> None:
        """What is due of days that are over is posted, as it is once a day."""
        await self.until_idle()
        await self.engine.post(LEDGER, ledger_key("web"), PostDue())
        await self.until_idle()

    async def open_cases(self) -> list[tuple[str, str]]:
        """Open cases of postings: kind and amount."""
        return [case for case in await self.cases() if case[0].startswith(("posting.", "ledger."))]

    async def releases(self) -> None:
        """A person has looked at the cases of postings."""
        await self.engine.post(LEDGER, ledger_key("web"), Recheck(because="person"))
        await self.until_idle()


@contextlib.asynccontextmanager
async def posting(
    store: Path, books: LedgerBooks, settings: PostingSettings = MATRIX, *, unable: str = "", **changes: Any
) -> AsyncIterator[PostingWorld]:
    """A process over this store and these books."""
    make = partial(PostingWorld, books=books, settings=replace(settings, **changes), unable=unable)
    async with living(store, make) as world:
        await world.until_idle()  # the run at its start
        yield world


# -- a decision by itself, without an engine ---------------------------------------------------------------------------


def page_read(rows: tuple[Any, ...], last: int | None) -> EffectDone:
    """The page of a read that has come, with these rows; `last`: others are behind it."""
    page = Page(rows=rows, last_id=last or 0, complete=last is None)
    return EffectDone(intent=1, kind="find", result=page, began_us=1, ended_us=2, attempts=1)


def asked(decision: Decision) -> Any:
    """What a decision asks for next."""
    (effect,) = decision.effects
    return msgspec.json.decode(effect.body)
