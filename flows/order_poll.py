"""The order poll: what changed in a sales channel is read on schedule, so that an order nobody pushed is not missed.

In: `Poll` (at start, then by timer), answers of the callback flow. Out: deliveries of orders, by the same door as
everybody's. Key: `poll/<sales channel>`; a paused sales channel is polled, too: what comes waits on disk.
All calls are reads and repeat freely. A page's orders are accepted before the watermark passes them; a crash between
the two reads them again, and they are known by key, version and bytes. The watermark is the sales channel's own time of
change, in UTC; each poll begins `overlap_s` before it, since changes are committed late. Changes younger than
`push_within_s` are left to the push. What no order can be made of stops nothing: it is a case, as durable as the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.replies import NoOrder, Replies
from connectors.patchworks.triggers import CallbackReply
from flows.events import OrderMissed, OrdersPolled
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.on_demand import OnDemandSettings, PollSettings, changed, moment_of
from flows.model.paging import Paging, Row, Unpageable, next_page
from runtime.actor import Item
from runtime.clock import to_datetime, to_instant
from runtime.decision import (
    Decision,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.key import parts_of
from runtime.schedule import Interval, next_after

NAME = "order_poll"
_NAMELESS_MAX = 20
"""Items without an order that are told apart; what is beyond shares a case."""


def key_of(sales_channel: str) -> str:
    """The key of a sales channel's poll."""
    return f"poll/{sales_channel}"


# -- messages ----------------------------------------------------------------------------------------------------------


class Poll(Message, frozen=True):
    """Read what changed."""


class _PageTaken(Message, frozen=True, kw_only=True):
    """A page is in, and its orders are on disk, but for the youngest. `to`: the last change that was taken."""

    rows: tuple[Row, ...]
    to: datetime | None
    new: int
    known: int
    refused: tuple[NoOrder, ...]


# -- state -------------------------------------------------------------------------------------------------------------


class PollState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the polls of one sales channel stand."""

    sales_channel: str
    reached: datetime | None = None
    """The watermark: every change before it is on disk, but for those that are committed later yet."""
    since: datetime | None = None
    """From where on every change was read; it stands, once there was a poll."""
    complete_to: datetime | None = None
    """Up to where: the beginning of the last poll that came through, less what is left to the push."""
    began: datetime | None = None
    """When the poll under way began; None when none is."""
    paging: Paging | None = None
    new: int = 0
    """Of the poll under way, or the last one: deliveries that nothing else had brought."""
    known: int = 0
    cases: tuple[ExceptionCase, ...] = ()


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: PollState, message: Any, now: datetime, settings: OnDemandSettings) -> Decision:
    """What follows, for one sales channel that is polled. Pure."""
    poll = settings.poll or PollSettings()
    again = Timer(name="poll", due=next_after(Interval(poll.every_s), now), message=Poll())
    match message:
        case Poll() if state.began is not None:
            return Decision(state=state, timers=(again,))
        case Poll():
            since = ((state.reached or now) - timedelta(seconds=poll.overlap_s)).replace(microsecond=0)
            if state.reached is None and state.since is not None:  # no poll has come through yet
                since = state.since
            begun = replace(
                state, began=now, paging=Paging(since=since), new=0, known=0, since=state.since or since
            )  # fmt: skip
            return Decision(state=begun, effects=(changed(settings, since, 1),))
        case _PageTaken():
            return _taken(state, message, now, settings, again)
        case EffectRefused() | EffectExhausted():
            return _stopped(state, message.sentence, now, again)
        case EffectUnknown():
            return Decision(state=state)
        case Recheck():
            left = tuple(case for case in state.cases if case.kind != "order.unidentified")
            return Decision(state=replace(state, cases=left), emits=(Emit(channel=NAME, message=Poll()),))
        case _:
            raise TypeError(f"a poll has no use for a {type(message).__name__}")


def _until(poll: PollSettings, began: datetime) -> datetime | None:
    """Changes from here on are left to the push."""
    return began - timedelta(seconds=poll.push_within_s) if poll.has_push and poll.push_within_s else None


def _taken(state: PollState, taken: _PageTaken, now: datetime, settings: OnDemandSettings, again: Timer) -> Decision:
    """A page is in: the next one, or the end. The watermark never passes our own time, whatever the source says."""
    asked, began = state.paging, state.began
    if asked is None or began is None:
        return Decision(state=state)
    state = replace(
        state,
        new=state.new + taken.new,
        known=state.known + taken.known,
        cases=_with_nameless(state, taken.refused, now),
    )
    until = _until(settings.poll or PollSettings(), began)
    try:
        paging = next_page(asked, taken.rows, limit=settings.page_size, until=until)
    except Unpageable as error:  # what lies before the page's last change may not have been read
        return _stopped(state, str(error), now, again)
    moments = [each for each in (state.reached, taken.to and min(taken.to, began)) if each is not None]
    state = replace(state, reached=max(moments, default=None))
    if paging is not None:
        return Decision(state=replace(state, paging=paging), effects=(changed(settings, paging.since, paging.page),))
    cases = tuple(case for case in state.cases if case.kind != "poll.refused")
    ended = replace(
        state, reached=state.reached or began, complete_to=until or began, began=None, paging=None, cases=cases
    )  # fmt: skip
    return Decision(state=ended, timers=(again,))


def _stopped(state: PollState, why: str, now: datetime, again: Timer) -> Decision:
    """The poll under way cannot go on; the next one begins where this one got to."""
    opened_at = next((case.opened_at for case in state.cases if case.kind == "poll.refused"), now)
    sentence = f"the orders of {state.sales_channel} cannot be polled: {why}".rstrip(".")
    refused = ExceptionCase(kind="poll.refused", cause="callback", sentence=sentence, opened_at=opened_at)
    others = tuple(case for case in state.cases if case.kind != "poll.refused")
    return Decision(state=replace(state, began=None, paging=None, cases=(*others, refused)), timers=(again,))


def _with_nameless(state: PollState, refused: Sequence[NoOrder], now: datetime) -> tuple[ExceptionCase, ...]:
    """The cases with one for each item that is no order; one that is open already keeps its beginning."""
    cases = state.cases
    known = {case.cause for case in cases if case.kind == "order.unidentified"}
    for item in refused:
        cause = item.digest if item.digest in known or len(known) < _NAMELESS_MAX else "others"
        if cause not in known:
            known.add(cause)
            sentence = f"the poll of {state.sales_channel} read an item that no order can be made of: {item.reason}"
            case_ = ExceptionCase(kind="order.unidentified", cause=cause, sentence=sentence, opened_at=now)
            cases = (*cases, case_)
    return cases


# -- the shell ---------------------------------------------------------------------------------------------------------


class OrderPoll:
    """The actor: has the orders of a page accepted before it decides."""

    name = NAME
    message_type = Poll | Recheck
    state_type = PollState

    def __init__(
        self,
        sales_channels: Mapping[str, OnDemandSettings],
        replies: Replies,
        journal: Journal,
        emit: Callable[[Any], None],
    ) -> None:
        """`sales_channels` are those that are polled."""
        self._sales_channels, self._replies, self._journal, self._emit = sales_channels, replies, journal, emit

    def begin(self, key: str) -> PollState:
        """Nothing was polled yet."""
        return PollState(sales_channel=parts_of(key)[1])

    async def ready(self) -> None:
        """Polls need nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Have the orders of answers accepted."""
        return [
            await self._taken(item.state, item.message.result) if isinstance(item.message, EffectDone) else item.message
            for item in items
        ]

    async def _taken(self, state: PollState, reply: CallbackReply) -> Message:
        settings = self._sales_channels.get(state.sales_channel)
        poll = settings.poll if settings is not None else None
        if poll is None:  # it was polled by an earlier configuration
            return Recheck(because="configuration")
        until = _until(poll, state.began or to_datetime(self._journal.clock.now()))
        held = await self._replies.read(state.sales_channel, reply)
        rows = [Row(moment_of(each.version), f"{each.key}@{each.version}") for each in held.deliveries]
        wanted = [
            delivery
            for delivery, row in zip(held.deliveries, rows, strict=True)
            if until is None or row.time is None or row.time < until
        ]
        met = {row[0] for row in await self._journal.query_list("keys_known", [each.key for each in wanted])}
        receipts = await self._replies.take(wanted)
        new = [delivery for delivery, receipt in zip(wanted, receipts, strict=True) if receipt.new]
        if poll.has_push:
            for key in sorted({each.key for each in new} - met):
                self._emit(OrderMissed(sales_channel=state.sales_channel, found_by="poll", key=key))
        return _PageTaken(
            rows=(*rows, *(Row(None, item.digest) for item in held.refused)),
            to=max((moment for each in wanted if (moment := moment_of(each.version))), default=None),
            new=len(new),
            known=len(receipts) - len(new),
            refused=held.refused,
        )

    def decide(self, state: PollState, message: Any, now: datetime) -> Decision:
        """See `decide` above. A sales channel that is no longer polled comes to rest."""
        settings = self._sales_channels.get(state.sales_channel)
        if settings is None or settings.poll is None:
            return Decision(state=PollState(sales_channel=state.sales_channel, reached=state.reached))
        return decide(state, message, now, settings)

    def project(self, key: str, before: PollState, after: PollState, now: datetime) -> Sequence[Write]:
        """The rows of the cases, and how far polls have read."""
        rows = case_rows(key, before.cases, after.cases, now, how="a poll came through, or a person has dealt with it")
        if after.since is None or after.complete_to is None or after.complete_to == before.complete_to:
            return rows
        mark = after.sales_channel, to_instant(after.since), to_instant(after.complete_to)
        return [*rows, Write("put_poll_mark", mark)]

    def announce(self, key: str, before: PollState, after: PollState) -> None:
        """Count what a poll brought, and the cases."""
        if before.began is not None and after.began is None:
            complete = not any(case.kind == "poll.refused" for case in after.cases)
            polled = OrdersPolled(
                sales_channel=after.sales_channel, complete=complete, orders=after.new, known=after.known, key=key
            )
            self._emit(polled)
        announce_cases(key, before.cases, after.cases, self._emit)
