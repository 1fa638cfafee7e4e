"""The actor that posts what is due of each sales channel; a key for each, `ledger/<sales channel>`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flows.events import PostingBatchPosted, PostingCalls
from flows.ledger.holding import HOLDS_ASKED, why_kept
from flows.ledger.parts import Posting
from flows.ledger.posting import PAYOUTS_PER_STEP, POSTINGS_PER_RUN, decide, kept_still
from flows.ledger.state import LedgerState, LookAgain, PayoutsFound, Plan, Planned, Rules
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.money import ZERO, exactly
from flows.model.posting_matrix import LedgerEvent
from flows.model.postings import LEDGER, PayoutTakenBack, PostDue
from runtime.actor import Item
from runtime.clock import to_datetime
from runtime.decision import Decision, EffectUnknown, Message, Write
from runtime.journal.journal import Journal


class Ledger:
    """See the package."""

    name = LEDGER
    message_type = PostDue | Plan | LookAgain | Recheck | PayoutTakenBack
    state_type = LedgerState

    def __init__(self, rules: Rules, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._rules, self._journal, self._emit = rules, journal, emit

    def begin(self, key: str) -> LedgerState:  # noqa: ARG002 - all begin alike
        """Nothing was posted."""
        return LedgerState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is due, once the chart is read; and the payouts that are to be looked at again."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        sales_channel = _sales_channel(item.key)
        match item.message:
            case Plan():
                return await self._planned(sales_channel, [batch.reference for batch in item.state.stuck])
            case LookAgain(after=after):
                rows = await self._journal.query("payouts_to_look_at", sales_channel, after, PAYOUTS_PER_STEP)
                return PayoutsFound(keys=tuple(key for (key,) in rows))
            case other:
                return other

    async def _planned(self, sales_channel: str, drafts: Sequence[str]) -> Planned:
        """Of days that are over in the company's zone, but for what something keeps back."""
        settings = self._rules.settings
        today = to_datetime(self._journal.clock.now()).astimezone(settings.zone).date()
        due = (sales_channel, today.isoformat(), POSTINGS_PER_RUN, HOLDS_ASKED)
        rows = await self._journal.query("postings_due", *due)
        postings = tuple(posting_of(row) for row in rows)
        days = [each.day for each in postings if each.event is LedgerEvent.ROUNDING]
        kept_back = await self._kept_back(drafts)
        if not days:
            return Planned(postings=postings, rounded={}, kept_back=kept_back)
        asked = (sales_channel, settings.currency, min(days).isoformat())
        rounded = rounded_by_day(await self._journal.query("postings_rounded", *asked))
        return Planned(postings=postings, rounded=rounded, kept_back=kept_back)

    async def _kept_back(self, drafts: Sequence[str]) -> dict[str, str]:
        """Drafts with something in them that is to wait by now, and why: it was free when they were made."""
        found: dict[str, str] = {}
        for reference in drafts:
            for payout, event, kinds, judged, reported in await self._journal.query("postings_drafted", reference):
                if why := why_kept(kinds, LedgerEvent(event), judged=judged, reported=reported):
                    found.setdefault(reference, f"it is not posted while something of {payout} waits: {why}")
        return found

    def decide(self, state: LedgerState, message: Any, now: datetime) -> Decision:
        """See `posting`. What is taken back goes between two runs or within one, never while a batch is made of it."""
        if isinstance(message, PayoutTakenBack):
            return Decision(state=state, writes=(Write("drop_postings", (message.payout, message.number)),))
        asks = not isinstance(message, PayoutsFound | EffectUnknown)
        if asks and self._journal.restored is not None:
            return kept_still(state, message, now, self._rules)
        return decide(state, message, now, self._rules)

    def project(self, key: str, before: LedgerState, after: LedgerState, now: datetime) -> Sequence[Write]:
        """The rows of its cases."""
        return case_rows(key, before.cases, after.cases, now, how="it is posted, or a person has looked")

    def announce(self, key: str, before: LedgerState, after: LedgerState) -> None:
        """Count the calls, the batches, and the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.calls > before.calls:
            self._emit(PostingCalls(calls=after.calls - before.calls))
        if after.posted > before.posted:
            self._emit(PostingBatchPosted(sales_channel=_sales_channel(key), key=key))


def _sales_channel(key: str) -> str:
    return key.partition("/")[2]


def posting_of(row: Sequence[Any]) -> Posting:
    """A row of `posting`."""
    payout, number, sales_channel, gateway, payout_id, event, currency, amount, day, correction, exchanged = row
    return Posting(
        payout=payout,
        number=number,
        sales_channel=sales_channel,
        gateway=gateway,
        payout_id=payout_id,
        event=LedgerEvent(event),
        currency=currency,
        amount=Decimal(amount),
        day=date.fromisoformat(day),
        correction=bool(correction),
        exchanged=exchanged,
    )


@exactly
def rounded_by_day(rows: Sequence[tuple[str, str]]) -> dict[date, Decimal]:
    """What was posted as rounding on each day, whichever way."""
    found: dict[date, Decimal] = {}
    for day, amount in rows:
        booked_on = date.fromisoformat(day)
        found[booked_on] = found.get(booked_on, ZERO) + abs(Decimal(amount))
    return found
