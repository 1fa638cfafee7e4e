"""Back-fill: the orders of a range of the past are counted, and brought in when a person has said so.

In: `Begin` (a command), answers of the callback flow. Out: deliveries, by the same door as everybody's, after all live
orders; the figures that `seamline backfill` prints. Key: `backfill/<sales channel>`: one at a time. All calls are reads
and repeat freely. First everything is counted; only then, and only when nothing would be set off in Fulfil that the
person has not allowed, is the range read again, and what is new accepted. A crash goes on with the page it was at; an
order that was accepted is known, so a back-fill may be repeated, and then has nothing new.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import anyio.lowlevel
import msgspec
from msgspec.structs import replace

from connectors.patchworks.replies import Replies
from connectors.patchworks.triggers import CallbackReply
from flows.config import SalesChannelSettings
from flows.events import BackfillEnded
from flows.formats import FORMATS
from flows.model.audit import recorded, who_and_why
from flows.model.history import Consequences, consequences
from flows.model.on_demand import OnDemandSettings, changed, moment_of
from flows.model.order import Order, Unreadable
from flows.model.paging import Paging, Row, Unpageable, next_page
from flows.model.periods import LedgerPeriod, period_of
from flows.model.several import several
from runtime.actor import Item
from runtime.clock import to_datetime, to_instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, EffectUnknown, Emit, Message, Write
from runtime.delivery import Delivery
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from runtime.key import parts_of

NAME = "backfill"
_ITEMS_PER_TURN = 20
Consequence = Literal["shipments", "invoices", "payments", "closed_dates"]
CONSEQUENCES: Final[Mapping[Consequence, str]] = {
    "shipments": "shipments",
    "invoices": "invoices",
    "payments": "payments",
    "closed_dates": "sales dated in closed periods",
}
_UNDER_WAY = ("counting", "taking")


def key_of(sales_channel: str) -> str:
    """The key of a sales channel's back-fill."""
    return f"backfill/{sales_channel}"


# -- messages ----------------------------------------------------------------------------------------------------------


class Begin(Message, frozen=True, kw_only=True):
    """Count the orders bought from `began` up to `ended`, and unless it `is_dry` bring in what is new.

    `run` is the asker's own name for it; `allowed` is what may be set off in Fulfil. Who asks for it, and why, is on
    record unless it `is_dry`.
    """

    run: str
    began: datetime
    ended: datetime
    is_dry: bool = True
    allowed: tuple[Consequence, ...] = ()
    by: str = ""
    reason: str = ""


class Count(Message, frozen=True):
    """Everything has been read: add it up."""


class _PageRead(Message, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    found: tuple[tuple[str, bool, Consequences], ...]
    """Of the orders in the range: key, whether it is known, and what its import would set off."""
    taken: int


class _Counted(Message, frozen=True, kw_only=True):
    known: int
    new: int
    would: Consequences
    undecided: dict[str, int]
    periods_known: bool


# -- state -------------------------------------------------------------------------------------------------------------


class BackfillState(msgspec.Struct, frozen=True, kw_only=True):
    """The back-fill of one sales channel that is under way, or was last. Figures are of new orders, but for `known`."""

    key: str
    asked: Begin | None = None
    asked_at: datetime | None = None
    status: Literal["", "counting", "taking", "done", "refused", "stopped"] = ""
    sentence: str = ""
    paging: Paging | None = None
    known: int = 0
    new: int = 0
    would: Consequences = Consequences()
    undecided: dict[str, int] = {}
    periods_known: bool = False
    taken: int = 0


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: BackfillState, message: Any, now: datetime, settings: OnDemandSettings) -> Decision:
    """What follows, for one sales channel. Pure."""
    match message:
        case Begin() if state.status in _UNDER_WAY and state.asked is not None and _same(state.asked, message):
            return Decision(state=replace(state, asked=replace(state.asked, run=message.run)))
        case Begin() if state.status in _UNDER_WAY:
            return Decision(state=state)
        case Begin():
            begun = BackfillState(key=state.key, asked=message, asked_at=now, status="counting")
            decision = _from_the_start(begun, settings, Write("drop_backfill_orders", (state.key,)))
            return decision if message.is_dry else replace(decision, emits=(_on_record(state.key, message, now),))
        case _PageRead() if state.paging is not None:
            return _read(state, message, settings)
        case _Counted() if state.status == "counting":
            return _counted(state, message, settings)
        case EffectRefused() | EffectExhausted() if state.status in _UNDER_WAY:
            return _stopped(state, message.sentence)
        case _PageRead() | _Counted() | EffectUnknown() | EffectRefused() | EffectExhausted():
            return Decision(state=state)
        case _:
            raise TypeError(f"a back-fill has no use for a {type(message).__name__}")


def _same(one: Begin, other: Begin) -> bool:
    """Whether both ask for the same, whoever asks."""
    return replace(one, run="", by="", reason="") == replace(other, run="", by="", reason="")


def _on_record(key: str, asked: Begin, now: datetime) -> Emit:
    """That a person has the past brought in: which, and what it may set off."""
    values = {"from": asked.began.isoformat(), "to": asked.ended.isoformat(), "allow": " ".join(asked.allowed)}
    subject = parts_of(key)[1]
    return recorded(
        to_instant(now), by=asked.by, action="backfill.begin", subject=subject, values=values, reason=asked.reason
    )


def _from_the_start(state: BackfillState, settings: OnDemandSettings, *writes: Write) -> Decision:
    assert state.asked is not None  # noqa: S101 - narrows: it was just put there
    since = state.asked.began.replace(microsecond=0)
    effect = changed(settings, since, 1, share="rest")
    return Decision(state=replace(state, paging=Paging(since=since)), effects=(effect,), writes=writes)


def _read(state: BackfillState, page: _PageRead, settings: OnDemandSettings) -> Decision:
    """A page is in: the next one, or the sum."""
    at = state.paging
    assert at is not None  # noqa: S101 - narrows: `decide` has looked
    counting = state.status == "counting"
    writes = tuple(
        Write("put_backfill_order", (state.key, key, int(known), *msgspec.structs.astuple(would)))
        for key, known, would in (page.found if counting else ())
    )
    state = replace(state, taken=state.taken + page.taken)
    try:
        paging = next_page(at, page.rows, limit=settings.page_size)
    except Unpageable as error:
        return _stopped(state, str(error))
    state = replace(state, paging=paging)
    if paging is not None:
        effect = changed(settings, paging.since, paging.page, share="rest")
        return Decision(state=state, writes=writes, effects=(effect,))
    if counting:
        return Decision(state=state, writes=writes, emits=(Emit(channel=NAME, message=Count()),))
    return Decision(state=replace(state, status="done", sentence=f"{several(state.taken, 'order')} taken"))


def _counted(state: BackfillState, counted: _Counted, settings: OnDemandSettings) -> Decision:
    """The dry run ends here; what may not be set off is refused; what may be taken is read again."""
    asked = state.asked
    assert asked is not None  # noqa: S101 - narrows: there is no count without a question
    state = replace(
        state, known=counted.known, new=counted.new, would=counted.would, undecided=counted.undecided,
        periods_known=counted.periods_known, paging=None,
    )  # fmt: skip
    drop = Write("drop_backfill_orders", (state.key,))
    lacking = [name for name in CONSEQUENCES if getattr(counted.would, name) and name not in asked.allowed]
    forbidden = [f"{getattr(counted.would, name)} {CONSEQUENCES[name]}" for name in lacking]
    if asked.is_dry:
        return Decision(state=replace(state, status="done", sentence="nothing was taken"), writes=(drop,))
    if forbidden:
        leave = " ".join(f"--allow {name}" for name in lacking)
        sentence = f"nothing was taken, since it would make {', '.join(forbidden)} in Fulfil; {leave} lets it"
        return Decision(state=replace(state, status="refused", sentence=sentence), writes=(drop,))
    return _from_the_start(replace(state, status="taking"), settings, drop)


def _stopped(state: BackfillState, why: str) -> Decision:
    sentence = f"it stopped after {several(state.taken, 'order')}: {why}".rstrip(".")
    stopped = replace(state, status="stopped", sentence=sentence, paging=None)
    return Decision(state=stopped, writes=(Write("drop_backfill_orders", (state.key,)),))


# -- the shell ---------------------------------------------------------------------------------------------------------


class Backfill:
    """The actor: reads orders, looks whether they are known, and has those accepted that may be."""

    name = NAME
    message_type = Begin | Count
    state_type = BackfillState

    def __init__(
        self,
        on_demand: Mapping[str, OnDemandSettings],
        sales_channels: Mapping[str, SalesChannelSettings],
        replies: Replies,
        journal: Journal,
        emit: Callable[[Any], None],
        *,
        time_zone: str,
    ) -> None:
        """`time_zone`: that of finance's company, in which a sale has its day."""
        self._on_demand, self._sales_channels, self._replies = on_demand, sales_channels, replies
        self._journal, self._emit, self._zone = journal, emit, ZoneInfo(time_zone)

    def begin(self, key: str) -> BackfillState:
        """Nothing was ever back-filled."""
        return BackfillState(key=key)

    async def ready(self) -> None:
        """A back-fill needs nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Weigh the orders of a page; add up what was counted."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message | Exception:
        match item.message:
            case EffectDone(result=CallbackReply() as reply):
                return await self._page(item.state, reply)
            case Count():
                return await self._counted(item.key)
            case other:
                return other

    async def _page(self, state: BackfillState, reply: CallbackReply) -> Message:
        held = await self._replies.read(parts_of(state.key)[1], reply)
        keys = [delivery.key for delivery in held.deliveries]
        known = {row[0] for row in await self._journal.query_list("keys_known", keys)}
        found: list[tuple[str, bool, Consequences]] = []
        wanted: list[Delivery] = []
        periods = [period_of(row) for row in await self._journal.query("ledger_periods")]
        for index, delivery in enumerate(held.deliveries):
            if index and index % _ITEMS_PER_TURN == 0:
                await anyio.lowlevel.checkpoint()
            would = self._weighed(state, delivery, periods)
            if would is None:
                continue
            found.append((delivery.key, delivery.key in known, would))
            if delivery.key not in known and _may(state, would):
                wanted.append(delivery)
        receipts = await self._replies.take(wanted) if state.status == "taking" else ()
        rows = [Row(moment_of(each.version), f"{each.key}@{each.version}") for each in held.deliveries]
        found += [(f"item {item.digest}", False, Consequences(undecided="no order")) for item in held.refused]
        return _PageRead(
            rows=(*rows, *(Row(None, item.digest) for item in held.refused)),
            found=tuple(found),
            taken=sum(receipt.new for receipt in receipts),
        )

    def _weighed(
        self, state: BackfillState, delivery: Delivery, periods: Sequence[LedgerPeriod]
    ) -> Consequences | None:
        """What the import of an order would set off; None when it was not bought in the range."""
        sales_channel = parts_of(state.key)[1]
        settings = self._sales_channels[sales_channel]
        order = FORMATS[settings.format].read(sales_channel, delivery.body)
        asked = state.asked
        if asked is None or not (isinstance(order, Unreadable) or asked.began <= order.placed_at < asked.ended):
            return None
        now = to_datetime(self._journal.clock.now())
        return consequences(order, settings.gate, now, is_closed=self._is_closed(order, periods))

    def _is_closed(self, order: Order | Unreadable, periods: Sequence[LedgerPeriod]) -> bool:
        """Whether periods are known, and none that is open has the day on which it was bought."""
        if isinstance(order, Unreadable) or not periods:
            return False
        day = order.placed_at.astimezone(self._zone).date()
        return not any(each.is_open_on(day) for each in periods)

    async def _counted(self, key: str) -> Message:
        known = new = 0
        would, undecided = Consequences(), dict[str, int]()
        for is_known, why, count, *sums in await self._journal.query("backfill_counts", key):
            if is_known:
                known += count
                continue
            new += count
            if why:
                undecided[why] = count
            else:
                would = Consequences(*sums)
        periods_known = bool(await self._journal.query("ledger_periods"))
        return _Counted(known=known, new=new, would=would, undecided=undecided, periods_known=periods_known)

    def decide(self, state: BackfillState, message: Any, now: datetime) -> Decision:
        """See `decide` above. One whose flow is no longer configured stops."""
        settings = self._on_demand.get(parts_of(state.key)[1])
        if settings is None:
            return _stopped(state, "its flow is no longer configured")
        return decide(state, message, now, settings)

    def project(self, key: str, before: BackfillState, after: BackfillState, now: datetime) -> Sequence[Write]:
        """Where it stands, for those who watch."""
        if after == before or after.asked is None or after.asked_at is None:
            return ()
        read_to = after.asked.began if after.paging is None else after.paging.since
        row = (
            key, after.asked.run, parts_of(key)[1], to_instant(after.asked.began), to_instant(after.asked.ended),
            int(after.asked.is_dry), after.status, after.sentence, to_instant(after.asked_at), to_instant(now),
            to_instant(read_to), after.known, after.new, after.would.shipments, after.would.invoices,
            after.would.payments, after.would.closed_dates if after.periods_known else None,
            msgspec.json.encode(after.undecided).decode(), after.taken,
        )  # fmt: skip
        return [Write("put_backfill", row)]

    def announce(self, key: str, before: BackfillState, after: BackfillState) -> None:
        """Count what it brought."""
        if before.status in _UNDER_WAY and after.status not in _UNDER_WAY:
            ended = BackfillEnded(
                sales_channel=parts_of(key)[1], status=after.status, orders=after.taken, known=after.known, key=key
            )
            self._emit(ended)


def _may(state: BackfillState, would: Consequences) -> bool:
    """Whether an order may be taken: it is decided, and sets off nothing that is not allowed."""
    allowed = state.asked.allowed if state.asked is not None else ()
    return not would.undecided and all(name in allowed or not getattr(would, name) for name in CONSEQUENCES)


# -- the command -------------------------------------------------------------------------------------------------------


async def ask(
    post: Callable[[str, Begin], Awaitable[None]],
    journal: Journal,
    on_demand: Mapping[str, OnDemandSettings],
    parameters: Mapping[str, str],
) -> str:
    """Begin what an operator asks for, or join the same one under way. Raises SeamlineError with the reason why not.

    `post` sends a message to the actor. `parameters`: name, run, from, to, dry, allow, and by and reason, which may be
    empty.
    """
    by, reason = who_and_why(parameters)
    sales_channel = parameters.get("name", "")
    if sales_channel not in on_demand:
        raise SeamlineError(f"the orders of {sales_channel!r} cannot be asked for: [on_demand] names no flow of it")
    try:
        begin = msgspec.convert(
            {
                "type": "Begin",
                "run": parameters["run"],
                "began": parameters["from"],
                "ended": parameters["to"],
                "is_dry": parameters.get("dry") != "no",
                "allowed": parameters.get("allow", "").split(),
                "by": by,
                "reason": reason,
            },
            Begin,
        )
    except (KeyError, msgspec.ValidationError) as error:
        raise SeamlineError(f"this is no back-fill: {error}") from None
    if begin.began.tzinfo is None or begin.ended.tzinfo is None or begin.began >= begin.ended:
        raise SeamlineError("--from must be before --to")
    rows = await journal.query_list("states", [key_of(sales_channel)], NAME)
    state = msgspec.json.decode(rows[0][1], type=BackfillState) if rows else BackfillState(key="")
    if state.status in _UNDER_WAY and state.asked is not None and not _same(state.asked, begin):
        raise SeamlineError(f"another back-fill of {sales_channel} is under way; wait until it has ended")
    await post(key_of(sales_channel), begin)
    return f"the orders of {sales_channel} are read"
