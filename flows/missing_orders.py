"""Missing orders: what a sales channel says it has, and nobody has brought, is fetched, or a person is told.

In: `FindOrder` of a manifest, or of the order importer for what was only named, answers of the callback flow, a timer
while nothing is found. Out: deliveries, by the same door as everybody's; `order.orphan` at the order. Key: the order's.
All calls are reads and repeat freely; what is found is accepted before the decision that it was. A crash asks again.
The case ends when the order comes: in the version that is wanted, and from the flow where it was only named; or when a
person has dealt with it, and the flow, asked once more, has not. The longer it is missing, the less often it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.replies import Replies
from connectors.patchworks.triggers import CallbackReply
from flows.events import OrderMissed
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import MISSING_ORDERS as NAME
from flows.model.messages import FindOrder, Recheck
from flows.model.on_demand import OnDemandSettings, one
from runtime.actor import Item
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, EffectUnknown, Message, Timer, Write
from runtime.journal.journal import Journal
from runtime.key import parts_of

_AGAIN_AFTER = timedelta(minutes=5)
"""When it is looked for again here, and, in the first hour, asked for again."""
_ASKED_PART = 12
"""The flow is asked again after so small a part of the time for which the order is missing, ..."""
_ASKED_WITHIN = timedelta(hours=6)
"""... and at the latest after that."""
_NOT_ASKED = "nobody here can ask for it, since no [on_demand] flow is configured for the sales channel"


class _Looked(Message, frozen=True, kw_only=True):
    """Whether what is wanted is here now; how it was asked for in vain, when it was; and whether the flow gave it."""

    here: bool
    version: str = ""
    only_named: bool = False
    is_news: bool = False
    """Nobody has wanted it like that before."""
    by_person: bool = False
    in_vain: str = ""
    fetched: bool = False


class MissingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order that was missing. `asking`: the flow is being asked for it."""

    key: str
    version: str = ""
    only_named: bool = False
    """What is here only names it, so that it has to be fetched."""
    asking: bool = False
    again: bool = False
    """It was named once more while the flow was asked, whose answer may be older than that."""
    ask_at: datetime | None = None
    """The flow is not asked again before that, unless there is news, or a person wants it."""
    waived: bool = False
    """A person has dealt with it: until there is news it is nobody's business, unless the flow gives it now."""
    cases: tuple[ExceptionCase, ...] = ()


def decide(state: MissingState, message: Any, now: datetime, settings: OnDemandSettings | None) -> Decision:
    """What follows for one order. Pure."""
    match message:
        case _Looked(here=True) if state.again and settings is not None:
            return replace(_ask(MissingState(key=state.key, only_named=True), settings), cancels=("look",))
        case _Looked(here=True):
            return Decision(state=MissingState(key=state.key), cancels=("look",))
        case _Looked(in_vain=reason, fetched=fetched) if reason:
            named = state.again if fetched else state.only_named
            return _orphan(replace(state, only_named=named, again=False), reason, now)
        case _Looked():
            return _wanted(state, message, now, settings)
        case EffectUnknown():
            return Decision(state=state)
        case _:
            raise TypeError(f"a missing order has no use for a {type(message).__name__}")


def _wanted(state: MissingState, looked: _Looked, now: datetime, settings: OnDemandSettings | None) -> Decision:
    """It is not here: the flow is asked for it, if that is due."""
    if state.waived and not (looked.is_news or looked.by_person):
        return Decision(state=state)
    wanted = replace(
        state, version=max(looked.version, state.version), only_named=looked.only_named or state.only_named,
        waived=looked.by_person or (state.waived and not looked.is_news),
    )  # fmt: skip
    if settings is None:
        return _orphan(wanted, _NOT_ASKED, now)
    if state.asking:
        return Decision(state=replace(wanted, again=state.again or (looked.is_news and looked.only_named)))
    if state.ask_at is not None and now < state.ask_at and not (looked.is_news or looked.by_person):
        return Decision(state=wanted, timers=(_look_again(now, state.ask_at),))
    return _ask(wanted, settings)


def _ask(state: MissingState, settings: OnDemandSettings) -> Decision:
    return Decision(state=replace(state, asking=True), effects=(one(settings, parts_of(state.key)[1]),))


def _orphan(state: MissingState, why: str, now: datetime) -> Decision:
    """A person is told; it is looked for again, since it may come any way. One who knows is not told again."""
    if state.waived:
        return Decision(state=replace(state, asking=False, ask_at=None, cases=()), cancels=("look",))
    sales_channel, order_id = parts_of(state.key)
    what = "has a version of order" if state.version else "has news of order" if state.only_named else "has order"
    sentence = f"{sales_channel} {what} {order_id} that never arrived here: {why}".rstrip(".")
    opened_at = state.cases[0].opened_at if state.cases else now
    case_ = ExceptionCase(kind="order.orphan", cause="manifest", sentence=sentence, opened_at=opened_at)
    ask_at = now + min(max(_AGAIN_AFTER, (now - opened_at) / _ASKED_PART), _ASKED_WITHIN)
    return Decision(
        state=replace(state, asking=False, ask_at=ask_at, cases=(case_,)), timers=(_look_again(now, ask_at),)
    )


def _look_again(now: datetime, ask_at: datetime) -> Timer:
    return Timer(name="look", due=min(now + _AGAIN_AFTER, ask_at), message=Recheck(because="later"))


class MissingOrders:
    """The actor: looks whether the order is here, and has what was fetched accepted, before it decides."""

    name = NAME
    message_type = FindOrder | Recheck
    state_type = MissingState

    def __init__(
        self,
        sales_channels: Mapping[str, OnDemandSettings],
        replies: Replies,
        journal: Journal,
        emit: Callable[[Any], None],
    ) -> None:
        self._sales_channels, self._replies, self._journal, self._emit = sales_channels, replies, journal, emit

    def begin(self, key: str) -> MissingState:
        """An order that was never missing."""
        return MissingState(key=key)

    async def ready(self) -> None:
        """Looking needs nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Look each order up; take what was fetched."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message | Exception:
        state: MissingState = item.state
        match item.message:
            case FindOrder(version=version, only_named=named):
                looked = await self._looked(item.key, version, only_named=named or state.only_named)
                return replace(looked, is_news=named or version > state.version)
            case Recheck(because=because):
                looked = await self._looked(item.key, state.version, only_named=state.only_named)
                return replace(looked, by_person=because == "person")
            case EffectDone(result=CallbackReply() as reply):
                return await self._fetched(item.key, state, reply)
            case EffectRefused() | EffectExhausted() as failed:
                return await self._in_vain(item.key, state, f"it could not be fetched: {failed.sentence}")
            case other:
                return other

    async def _looked(self, key: str, version: str, *, only_named: bool) -> _Looked:
        here = not only_named and bool(await self._journal.query("order_received", key, version))
        return _Looked(here=here, version=version, only_named=only_named)

    async def _in_vain(self, key: str, state: MissingState, why: str) -> Message:
        """Unless it has come any other way in the meantime."""
        return replace(await self._looked(key, state.version, only_named=state.only_named), in_vain=why)

    async def _fetched(self, key: str, state: MissingState, reply: CallbackReply) -> Message:
        """Accept what the flow answered, if it is the order that was asked for."""
        sales_channel, _ = parts_of(key)
        held = await self._replies.read(sales_channel, reply)
        found = [delivery for delivery in held.deliveries if delivery.key == key]
        if not found:
            reason = held.refused[0].reason if held.refused else "the flow does not have it, either"
            return await self._in_vain(key, state, reason)
        met = bool(await self._journal.query("order_received", key, ""))
        receipts = await self._replies.take(found)
        if not met and any(receipt.new for receipt in receipts):
            self._emit(OrderMissed(sales_channel=sales_channel, found_by="manifest", key=key))
        looked = await self._looked(key, state.version, only_named=False)
        return replace(looked, in_vain="the flow has an older one", fetched=True)

    def decide(self, state: MissingState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._sales_channels.get(parts_of(state.key)[0]))

    def project(self, key: str, before: MissingState, after: MissingState, now: datetime) -> Sequence[Write]:
        """The rows of its case."""
        return case_rows(
            key, before.cases, after.cases, now, how="the order has arrived, or a person has dealt with it"
        )

    def announce(self, key: str, before: MissingState, after: MissingState) -> None:
        """Count its case."""
        announce_cases(key, before.cases, after.cases, self._emit)
