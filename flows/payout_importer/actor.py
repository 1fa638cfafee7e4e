"""The shell of the payout importer: looks up what decisions need, and derives the rows that people list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from flows.events import PayoutJudged
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.money import summed
from flows.model.payout import OF_ORDERS, LineClass, PayoutLine
from flows.model.payout_links import Named, orders_of
from flows.model.payout_proof import is_received, prove_payout
from flows.model.postings import POSTING_MAPPER, PayoutTold
from flows.model.tariff import TariffSettings
from flows.payout_importer.decision import decide
from flows.payout_importer.looking import orders_known, page_met
from flows.payout_importer.messages import (
    NAME,
    ChangesRead,
    DropPayout,
    Dropped,
    Judge,
    LineSeen,
    LineTwice,
    Linked,
    PageReceived,
    PayoutInStatement,
    PayoutLike,
    PayoutState,
    payout_key,
)
from flows.payout_importer.twice import day_of, lines_twice, twins_of
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Write
from runtime.journal.journal import Journal

LINES_PER_STEP = 500
"""Lines without an order that are looked at in one step."""
_ELSEWHERE_MAX = 100
_CONFLICTS_NAMED_MAX = 5

_line = msgspec.json.Decoder(PayoutLine).decode


class PayoutImporter:
    """The actor: reads what is known of lines, of the transactions that paid orders, and of orders."""

    name = NAME
    message_type = PageReceived | Judge | Recheck | DropPayout
    state_type = PayoutState

    def __init__(
        self,
        journal: Journal,
        emit: Callable[[Any], None],
        tariffs: Mapping[str, Mapping[str, TariffSettings]] | None = None,
        *,
        tells_postings: bool = False,
    ) -> None:
        """`tariffs`: sales channel -> provider -> what it agreed to take. `tells_postings`: the posting mapper hears of
        what changes.
        """
        self._journal, self._emit, self._tariffs = journal, emit, tariffs or {}
        self._tells_postings = tells_postings

    def begin(self, key: str) -> PayoutState:
        """A payout of which nothing was told."""
        return PayoutState(key=key)

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Look up what each decision needs."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        match item.message:
            case PageReceived(page=page):
                return await page_met(self._journal.query_list, item.key, page)
            case Judge() as asked:
                return await self._linked(item.state, asked)
            case Recheck():
                return await self._changes(item.key)
            case DropPayout():
                return Dropped(beside=await self._beside(item.state))
            case other:
                return other

    async def _beside(self, state: PayoutState) -> tuple[str, ...]:
        """Payouts that it stands against, or that have lines of it, too."""
        asked = (state.key, state.sales_channel, state.provider, _ELSEWHERE_MAX)
        rows = await self._journal.query("payout_lines_of_twins", *asked)
        twins, elsewhere = await self._twins(state), await self._elsewhere(state)
        keys = {each.key for each in twins} | {other for _, other, _ in elsewhere} | {row[2] for row in rows}
        for each in await self._in_statements(state):
            keys |= {payout_key(state.sales_channel, state.provider, id_) for id_ in (each.statement, each.payout)}
        return tuple(sorted(keys - {state.key}))

    async def _changes(self, key: str) -> ChangesRead:
        rows = await self._journal.query("payout_lines_changed", key)
        return ChangesRead(before=tuple(line_of(row[1:]) for row in rows), after=tuple(_line(row[0]) for row in rows))

    async def _linked(self, state: PayoutState, asked: Judge) -> Linked:
        """Find the orders of the next lines that have none."""
        rows = await self._journal.query("payout_lines_unlinked", state.key, asked.after, LINES_PER_STEP)
        named = {row[0]: Named(row[3], row[4], tuple(filter(None, row[5:8]))) for row in rows}
        known = await orders_known(self._journal.query_list, state.sales_channel, list(named.values()))
        links, conflicts, unlinked, amounts = [], list(asked.conflicts), asked.unlinked, [asked.amount]
        for line, kind, net, *_ in rows:
            orders = orders_of(state.sales_channel, named[line], known)
            if len(orders) == 1:
                links.append((line, orders[0]))
                continue
            if kind in OF_ORDERS:
                unlinked += 1
                amounts.append(Decimal(net))
            if orders and len(conflicts) < _CONFLICTS_NAMED_MAX:
                conflicts.append(f"{line} leads to several orders: {', '.join(orders)}")
        complete = len(rows) < LINES_PER_STEP
        found_all = complete and not links and not asked.linked  # else what is looked up here needs them, too
        twins = await self._twins(state) if found_all else ()
        return Linked(
            asked=asked,
            links=tuple(links),
            unlinked=unlinked,
            amount=summed(amounts),
            conflicts=tuple(conflicts),
            last=rows[-1][0] if rows else asked.after,
            complete=complete,
            elsewhere=await self._elsewhere(state) if found_all else (),
            twins=twins,
            twice=await self._lines_twice(state, {each.key for each in twins}) if found_all else (),
            in_statements=await self._in_statements(state) if found_all else (),
        )

    async def _twins(self, state: PayoutState) -> tuple[PayoutLike, ...]:
        header = state.header
        if header is None or not (day := day_of(header)):
            return ()
        rows = await self._journal.query(
            "payouts_of_day", state.sales_channel, state.provider, header.currency, day, _ELSEWHERE_MAX
        )
        return twins_of(header, state.sums, [PayoutLike(key, id_, Decimal(amount)) for key, id_, amount in rows])

    async def _in_statements(self, state: PayoutState) -> tuple[PayoutInStatement, ...]:
        asked = (state.key, state.sales_channel, state.provider, _ELSEWHERE_MAX)
        rows = await self._journal.query("payouts_in_statements", *asked)
        return tuple(PayoutInStatement(line, statement, payout, Decimal(net)) for line, statement, payout, net in rows)

    async def _lines_twice(self, state: PayoutState, twins: Collection[str]) -> tuple[LineTwice, ...]:
        """Within the payout, and beside others that are not its twins as a whole."""
        beside = await self._journal.query(
            "payout_lines_of_twins", state.key, state.sales_channel, state.provider, _ELSEWHERE_MAX
        )
        rows = await self._journal.query("payout_lines_twice", state.key, _ELSEWHERE_MAX)
        seen = [
            LineSeen(line, kind, at, Decimal(amount), Decimal(net), order)
            for line, kind, at, amount, net, order in rows
        ]
        others = [
            LineTwice(line, f"{other} of {payout}", Decimal(net))
            for line, other, key, payout, amount, its, net, its_net in beside
            if key not in twins and (Decimal(amount), Decimal(net)) == (Decimal(its), Decimal(its_net))
        ]
        return (*lines_twice(seen), *others)

    async def _elsewhere(self, state: PayoutState) -> tuple[tuple[str, str, Decimal], ...]:
        rows = await self._journal.query(
            "payout_lines_elsewhere", state.key, state.sales_channel, state.provider, _ELSEWHERE_MAX
        )
        return tuple((line, other, Decimal(net)) for line, other, net in rows)

    def decide(self, state: PayoutState, message: Any, now: datetime) -> Decision:
        """See `decide` of the package."""
        _, sales_channel, provider, _ = state.key.split("/", 3)
        decision = decide(state, message, now, self._tariffs.get(sales_channel, {}).get(provider))
        return told_to_postings(state, decision) if self._tells_postings else decision

    def project(self, key: str, before: PayoutState, after: PayoutState, now: datetime) -> Sequence[Write]:
        """The payout as it is listed, and its cases."""
        how = "it is no longer so, or a person has looked" if after.header is not None else "the payout was taken back"
        rows = case_rows(key, before.cases, after.cases, now, how=how)
        if after == before or after.header is None or after.told_at is None:
            return rows
        return [*rows, Write("put_payout", payout_row(after))]

    def announce(self, key: str, before: PayoutState, after: PayoutState) -> None:
        """Count what was judged, and the cases."""
        if after.judged and not before.judged and after.header is not None:
            proof = prove_payout(after.header, after.sums, after.bank)
            judged = PayoutJudged(
                sales_channel=after.sales_channel,
                verdict=proof.verdict,
                lines=after.sums.lines,
                unlinked=after.unlinked,
                key=key,
            )
            self._emit(judged)
        announce_cases(key, before.cases, after.cases, self._emit)


def told_to_postings(before: PayoutState, decision: Decision) -> Decision:
    """The decision, and with it a message to the posting mapper when another posting may follow from the payout now."""
    after: PayoutState = decision.state
    is_gone = before.header is not None and after.header is None
    if not is_gone and (not after.judged or (before.judged and _postable(before) == _postable(after))):
        return decision
    told = Emit(channel=POSTING_MAPPER, message=PayoutTold(), priority=BULK)
    return replace(decision, emits=(*decision.emits, told))


def _postable(state: PayoutState) -> tuple[Any, ...]:
    return state.header, state.sums, state.bank, tuple(sorted(case.kind for case in state.cases))


def payout_row(state: PayoutState) -> tuple[Any, ...]:
    """A row of `payout`."""
    header, sums = state.header, state.sums
    assert header is not None  # noqa: S101 - looked at by the caller
    assert state.told_at is not None  # noqa: S101
    proof = prove_payout(header, sums, state.bank)
    classes = msgspec.json.encode({kind.value: str(amount) for kind, amount in sorted(sums.classes.items())}).decode()
    return (
        state.key, state.sales_channel, state.provider, header.id, header.currency, header.status.value,
        int(header.is_statement), int(is_received(header, state.bank)), _text(header.paid), _text(state.bank),
        str(sums.net), str(sums.of(LineClass.FEE)), str(sums.of(LineClass.TAX_ON_FEE)),
        str(sums.unexplained), classes, sums.lines, state.unlinked, proof.verdict,
        str(proof.difference), _day(header.paid_on), _day(header.expected_on), to_instant(state.told_at), state.run,
        int(state.judged),
    )  # fmt: skip


def line_of(row: Sequence[Any]) -> PayoutLine:
    """A row of `payout_line` as the line that it was made of."""
    payout, line, kind, currency, *amounts = row[:9]
    amount, fee, tax, gap, net = map(Decimal, amounts)
    type_, at, order, reference, payment, payment_alias, refund, dispute, presentment, rate = row[9:19]
    return PayoutLine(
        id=line, payout=payout, kind=LineClass(kind), currency=currency, amount=amount, net=net, fee=fee, tax=tax,
        gap=gap, type=type_, at=at, order=order, reference=reference, payment=payment, payment_alias=payment_alias,
        refund=refund, dispute=dispute, presentment=presentment, rate=rate,
    )  # fmt: skip


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()
