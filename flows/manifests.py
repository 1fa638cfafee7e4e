"""Manifests: what a sales channel says it has is compared with what was received here, and a dated statement is kept.

In: `PageReceived` (durable before the sender gets its 2xx), `Compare` to itself and by timer. Out: `FindOrder` for each
order that is listed and was never received, or only in an older version; `manifest.unlisted` for orders that are here
and are not listed; the statement that `seamline manifests` prints; `StateWindow` to the statements of its days, where
days are stated, whenever other orders of it are open than before. Key: `manifest/<sales channel>/<from>/<to>`: one
statement per window. No effects. A page twice changes nothing, nor does one of a run that a later one has replaced; a
crash leaves the page in the queue, or its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.manifests import ManifestPage
from flows.events import ManifestCompared
from flows.exceptions.kinds import ExceptionCase
from flows.formats.parts import version_of
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import MISSING_ORDERS, FindOrder, Recheck
from flows.model.reconciliation import STATEMENTS, StateWindow, statements_key
from flows.model.several import several
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.journal.journal import Journal

NAME = "manifests"
AGAIN_AFTER = timedelta(minutes=5)
"""How often it is looked whether what was missing has come."""
LOOKED_FOR = timedelta(days=1)
"""How long; afterwards the orders' own cases stay."""
MARGIN = timedelta(minutes=5)
"""Orders bought so shortly before a manifest came may be too young for it, so they are not missed on it."""
_FOUND_MAX = 500
_ROWS_PER_READ = 5_000
_NAMED_MAX = 5
_OVER_MAX = 50
"""Runs of a window that are remembered as replaced."""


def key_of(page: ManifestPage) -> str:
    """The key of a manifest: its sales channel and its window."""
    began, ended = (moment.strftime("%Y%m%dT%H%M%SZ") for moment in (page.began, page.ended))
    return f"manifest/{page.sales_channel}/{began}/{ended}"


# -- messages ----------------------------------------------------------------------------------------------------------


class PageReceived(Message, frozen=True, kw_only=True):
    """A page of a manifest has come."""

    page: ManifestPage


class Compare(Message, frozen=True, kw_only=True):
    """All pages are on disk: compare them with what was received. `after`: of what is open, those behind this id."""

    after: str = ""


class _Compared(Message, frozen=True, kw_only=True):
    listed: int
    missing: int
    open: int
    found: tuple[tuple[str, str], ...]
    """Of those that are open, the next ones: id and version."""
    unlisted: int
    unlisted_named: tuple[str, ...]
    digest: str
    complete: bool


# -- state -------------------------------------------------------------------------------------------------------------


class ManifestState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One window of one sales channel, and the statement about it. `have`: page -> digest, of the pages that came."""

    key: str
    sales_channel: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    manifest: str = ""
    pages: int = 0
    have: dict[str, str] = {}
    over: tuple[str, ...] = ()
    """Manifests of the window, by the names of their runs, that later ones have replaced."""
    received: datetime | None = None
    checked: datetime | None = None
    listed: int = 0
    missing: int = 0
    outdated: int = 0
    unlisted: int = 0
    open: int = 0
    digest: str = ""
    cases: tuple[ExceptionCase, ...] = ()


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: ManifestState, message: Any, now: datetime, *, states: bool = False) -> Decision:
    """What follows for one manifest. `states`: days are stated. Pure."""
    match message:
        case PageReceived(page=page):
            return _received(state, page, now)
        case _Compared() if state.received is None or len(state.have) < state.pages:
            return Decision(state=state)  # another manifest of the window has begun to come
        case _Compared():
            decision = _compared(state, message, now)
            return _with_days(state, decision) if states and message.complete else decision
        case Recheck():
            return Decision(state=replace(state, cases=()))
        case _:
            raise TypeError(f"a manifest has no use for a {type(message).__name__}")


def _received(state: ManifestState, page: ManifestPage, now: datetime) -> Decision:
    same = state.manifest == page.manifest and state.pages == page.pages
    if same and state.have.get(str(page.page)) == page.digest:
        return Decision(state=state)
    if page.manifest in state.over:
        return Decision(state=state)  # a run that is delivered late, or twice
    over = _over(state, page)
    same = same and state.checked is None  # once compared, the rows of its other pages may be gone
    key, number = state.key, page.page
    writes = [Write("drop_manifest_page", (key, number)) if same else Write("drop_manifest_orders", (key,))]
    writes += [Write("put_manifest_order", (key, each.id, version_of(each.version), number)) for each in page.orders]
    state = ManifestState(
        key=state.key,
        sales_channel=page.sales_channel,
        began=page.began,
        ended=page.ended,
        manifest=page.manifest,
        pages=page.pages,
        have={**(state.have if same else {}), str(page.page): page.digest},
        over=over,
        received=now,
        cases=state.cases,
    )
    whole = len(state.have) == state.pages
    emits = (Emit(channel=NAME, message=Compare()),) if whole else ()
    return Decision(state=state, writes=tuple(writes), emits=emits, cancels=("compare",))


def _over(state: ManifestState, page: ManifestPage) -> tuple[str, ...]:
    """The runs that are replaced with this page. One without a name is called by its content, which may come again."""
    named = state.manifest and state.manifest not in state.have.values()
    replaced = (state.manifest,) if named and state.manifest != page.manifest else ()
    return (*state.over, *replaced)[-_OVER_MAX:]


def _compared(state: ManifestState, found: _Compared, now: datetime) -> Decision:
    """Have what is open looked for, a bounded number at a time; then the statement, or its next look."""
    emits = [
        Emit(
            channel=MISSING_ORDERS,
            key=f"{state.sales_channel}/{order_id}",
            message=FindOrder(version=version),
            priority=BULK,
        )
        for order_id, version in found.found
    ]
    if state.checked is None:
        state = replace(
            state,
            checked=now,
            listed=found.listed,
            missing=found.missing,
            outdated=found.open - found.missing,
            unlisted=found.unlisted,
            digest=found.digest,
            cases=_cases(state, found, now),
        )
    state = replace(state, open=found.open)
    if not found.complete:
        further = Emit(channel=NAME, message=Compare(after=found.found[-1][0]))
        return Decision(state=state, emits=(*emits, further))
    over = found.open == 0 or state.received is None or now >= state.received + LOOKED_FOR
    if over:
        return Decision(state=state, emits=tuple(emits), writes=(Write("drop_manifest_orders", (state.key,)),))
    later = Timer(name="compare", due=now + AGAIN_AFTER, message=Compare())
    return Decision(state=state, emits=tuple(emits), timers=(later,))


def _with_days(before: ManifestState, decision: Decision) -> Decision:
    """The decision, and with it that the days of the manifest are stated, when it says something new of them."""
    after: ManifestState = decision.state
    news = before.checked is None or before.open != after.open
    if not news or after.began is None or after.ended is None:
        return decision
    told = Emit(
        channel=STATEMENTS,
        key=statements_key(after.sales_channel),
        message=StateWindow(began=after.began, ended=after.ended),
    )
    return replace(decision, emits=(*decision.emits, told))


def _cases(state: ManifestState, found: _Compared, now: datetime) -> tuple[ExceptionCase, ...]:
    if not found.unlisted:
        return ()
    more = found.unlisted - len(found.unlisted_named)
    named = ", ".join(found.unlisted_named) + (f" and {more} more" if more else "")
    orders = several(found.unlisted, "order")
    sentence = f"{state.sales_channel} does not list {orders} of the window that Seamline has: {named}"
    opened_at = state.cases[0].opened_at if state.cases else now
    return (ExceptionCase(kind="manifest.unlisted", cause="unlisted", sentence=sentence, opened_at=opened_at),)


# -- the shell ---------------------------------------------------------------------------------------------------------


class Manifests:
    """The actor: compares on disk before it decides."""

    name = NAME
    message_type = PageReceived | Compare | Recheck
    state_type = ManifestState

    def __init__(self, journal: Journal, emit: Callable[[Any], None], *, states: bool = False) -> None:
        """`states`: days are stated, and hear of what manifests say of them."""
        self._journal, self._emit, self._states = journal, emit, states

    def begin(self, key: str) -> ManifestState:
        """A window about which nothing was said."""
        return ManifestState(key=key)

    async def ready(self) -> None:
        """Comparing needs nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Compare what is to be compared."""
        return [
            await self._compared(item.key, item.state, item.message.after)
            if isinstance(item.message, Compare)
            else item.message
            for item in items
        ]

    async def _compared(self, key: str, state: ManifestState, after: str) -> Message:
        ask, sales_channel = self._journal.query, state.sales_channel
        if state.began is None or state.ended is None or state.received is None:
            return Recheck(because="empty")
        ((listed, known),) = await ask("manifest_counts", key, sales_channel)
        ((opened,),) = await ask("manifest_open_count", key, sales_channel)
        found = await ask("manifest_open", key, sales_channel, after, _FOUND_MAX)
        until = min(state.ended, state.received - MARGIN)
        window = to_instant(state.began), to_instant(until)
        unlisted = await ask("manifest_unlisted", key, sales_channel, *window, _NAMED_MAX)
        return _Compared(
            listed=listed,
            missing=listed - known,
            open=opened,
            found=tuple((order_id, version) for order_id, version in found),
            unlisted=unlisted[0][1] if unlisted else 0,
            unlisted_named=tuple(row[0] for row in unlisted),
            digest=await self._digest(key) if state.checked is None else state.digest,
            complete=len(found) < _FOUND_MAX,
        )

    async def _digest(self, key: str) -> str:
        """Over all ids and versions, in order of the ids, so that the same list says the same, however it was paged."""
        over, after = hashlib.blake2b(digest_size=16), ""
        while rows := await self._journal.query("manifest_orders", key, after, _ROWS_PER_READ):
            over.update("".join(f"{order_id}\t{version}\n" for order_id, version in rows).encode())
            after = rows[-1][0]
        return over.hexdigest()

    def decide(self, state: ManifestState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, states=self._states)

    def project(self, key: str, before: ManifestState, after: ManifestState, now: datetime) -> Sequence[Write]:
        """The statement, and its case."""
        rows = case_rows(key, before.cases, after.cases, now, how="they are listed, or a person has looked")
        if after == before or after.began is None or after.ended is None or after.received is None:
            return rows
        statement = (
            key, after.sales_channel, to_instant(after.began), to_instant(after.ended), to_instant(after.received),
            None if after.checked is None else to_instant(after.checked), after.listed, after.missing, after.outdated,
            after.unlisted, after.open, after.digest,
        )  # fmt: skip
        return [*rows, Write("put_manifest", statement)]

    def announce(self, key: str, before: ManifestState, after: ManifestState) -> None:
        """Count what a comparison found, and its case."""
        if after.checked is not None and before.checked is None:
            compared = ManifestCompared(
                sales_channel=after.sales_channel,
                listed=after.listed,
                missing=after.missing,
                outdated=after.outdated,
                unlisted=after.unlisted,
                key=key,
            )
            self._emit(compared)
        announce_cases(key, before.cases, after.cases, self._emit)
