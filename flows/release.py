"""What a person releases: a hold is decided on again, and the cases of a sale that stands are closed; one by its name,
or all orders of one cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.exceptions.kinds import KINDS
from flows.model.audit import recorded, who_and_why
from flows.model.messages import MISSING_ORDERS, Recheck, Record
from flows.model.reconciliation import SALE_CHECKS, AcceptDifferences
from flows.model.several import are, several
from runtime.actor import Item
from runtime.channel import BULK
from runtime.decision import Decision, Emit, Message, Write
from runtime.engine import THE_STORE, Engine
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from runtime.key import partition_of

BESIDE = {
    MISSING_ORDERS: ("order.orphan",),
    "order_fulfilments": ("fulfilment.", "carrier.", "shipment.", "units."),
    "payment_mapper": ("payment.unrecorded", "payment.charged"),
    SALE_CHECKS: ("sale.differs", "refund.unpaid", "refund.untold", "refund.differs", "dispute.untold"),
}
"""Actors of an order whose cases may be open beside those of the order itself, and what their kinds begin with."""
RUN_RECOVERY = "run_recovery"
"""It looks for failed runs at once when it is asked to, whether there is a case or not."""
NAME = "cause_releases"
KEY = "system/releases"
RELEASED_PER_STEP_MAX = 500
_PARKED = "step.parked"
"""A restart ends it, and no release."""

_STANDS = {
    "creating": "it is on its way to Fulfil",
    "unknown": "it was sent to Fulfil, and the answer is being looked for",
    "cancelled": "cancelled before it went to Fulfil",
}


# -- one ---------------------------------------------------------------------------------------------------------------


async def release(parameters: Mapping[str, str], engine: Engine, journal: Journal, actors: Sequence[str]) -> str:
    """Have the first of these actors that knows `key` look at it again; answers what follows from that.

    The first actor is the one of orders. `parameters`: key, by, and reason, which may be empty. Message and record are
    durable together. Raises SeamlineError when there is nothing to release, and says why.
    """
    key = parameters.get("key", "")
    by, reason = who_and_why(parameters)
    if key == THE_STORE and journal.restored is not None:
        raise SeamlineError("that the store was restored is over when somebody says `seamline store agree`")
    holders = [name for name in actors if name in engine.channels and await journal.query_list("states", [key], name)]
    if not holders:
        if await journal.query("oldest_message_of_key", actors[0], key):
            raise SeamlineError(f"{key} is not held: it was received and waits to be decided on")
        causes = await _open_kinds(key, journal)
        alone = f"{causes} of {key} ends by itself: nobody can release it; `seamline orders explain {key}` says when"
        raise SeamlineError(alone if causes else no_case(key))
    holder, beside = holders[0], [name for name in BESIDE if name in holders and await _is_open(name, key, journal)]
    if any((channel, parked) == (holder, key) for channel, parked, *_ in await journal.query("parked")):
        raise SeamlineError(f"a message of {key} is parked as a defect of ours; a restart tries it again")
    ended = await _cases_of_its_sale(key, journal) if holder == actors[0] and not beside else ""
    causes = await _open_kinds(key, journal)
    if not causes and holder not in (actors[0], RUN_RECOVERY):
        raise SeamlineError(no_case(key))
    record = recorded(
        journal.clock.now(), by=by, action="hold.release", subject=key, values={"kinds": causes}, reason=reason
    )
    if beside:
        return await _release_beside(beside, key, engine, journal, record, actors[0] if holder == actors[0] else "")
    await engine.post_all((Emit(channel=holder, key=key, message=Recheck(because="person")), record))
    when = paused(key, engine, holder)
    if ended:
        return f"the cases of {key} {f'are closed {when}' if when else 'are closed'}: {ended}"
    return f"{key} will be decided on again{f' {when}' if when else ''}"


def no_case(key: str) -> str:
    """That nothing of this name can be released."""
    return f"there is no open case of {key!r}; `seamline holds` shows what there is"


async def _open_kinds(key: str, journal: Journal) -> str:
    return ", ".join(sorted({row[1] for row in await journal.query("cases_of", key) if row[10] is None}))


async def _is_open(actor: str, key: str, journal: Journal) -> bool:
    """Whether something is open that is this actor's."""
    return any(row[10] is None and row[1].startswith(BESIDE[actor]) for row in await journal.query("cases_of", key))


async def _release_beside(
    actors: Sequence[str], key: str, engine: Engine, journal: Journal, record: Emit, importer: str
) -> str:
    """Have these look again, and the order too, when something else about it is open."""
    theirs = tuple(start for starts in BESIDE.values() for start in starts)
    others = [row for row in await journal.query("cases_of", key) if row[10] is None and not row[1].startswith(theirs)]
    to = (*actors, importer) if importer and others else tuple(actors)
    looks = [Emit(channel=actor, key=key, message=_said_to(actor, key, record)) for actor in to]
    await engine.post_all((*looks, record))
    if to == (SALE_CHECKS,):
        return f"the differences of {key} are accepted as they are"
    when = next(filter(None, (paused(key, engine, actor) for actor in actors)), "")
    what = " and ".join(_WHAT[actor] for actor in actors)
    return f"the {what} of {key} will be looked at again{f' {when}' if when else ''}"


def _said_to(actor: str, key: str, record: Emit) -> Message:
    """Look again; but that a sale differs is accepted as it is, which needs a reason."""
    said = record.message
    if actor != SALE_CHECKS or not isinstance(said, Record):
        return Recheck(because="person")
    if not said.reason:
        raise SeamlineError(f"the sale of {key} differs: say why that is accepted (--reason), or correct it")
    return AcceptDifferences(subject=key, by=said.by, reason=said.reason)


_WHAT = {
    MISSING_ORDERS: "whereabouts",
    "order_fulfilments": "shipments",
    "payment_mapper": "payments",
    SALE_CHECKS: "differences",
}


async def _cases_of_its_sale(key: str, journal: Journal) -> str:
    """The kinds of the open cases of an order that has a sale; empty for one without. Raises for all others."""
    rows = await journal.query("order_by_key", key)
    state, sale, number = (rows[0][4], *rows[0][9:11]) if rows else ("held", None, None)
    if state in ("held", "waiting", "excluded"):
        return ""
    kinds = [row[1] for row in await journal.query("cases_of", key) if row[10] is None and row[1] != _PARKED]
    if state not in ("imported", "cancelled") or not kinds:
        stands = _STANDS.get(state, f"imported as {number or sale}")
        raise SeamlineError(f"{key} is not held ({stands}); there is nothing to release")
    return ", ".join(kinds)


def paused(key: str, engine: Engine, actor: str) -> str:
    """When the actor comes to the key, if not at once: after which command."""
    channel, partition = engine.channels[actor], partition_of(key)
    if channel.paused:
        return f"after `seamline resume --actor {actor}`"
    return f"after `seamline resume {partition}`" if partition in channel.paused_partitions else ""


# -- all of one cause --------------------------------------------------------------------------------------------------


async def release_cause(parameters: Mapping[str, str], engine: Engine, journal: Journal, orders: str) -> str:
    """Have all orders that are held for one cause decided on again, the oldest purchase first; answers how many.

    `parameters`: kind, cause, by, and reason, which may be empty. `orders` is the actor of orders. Raises SeamlineError
    when no order waits for that.
    """
    kind, cause = parameters.get("kind", ""), parameters.get("cause", "")
    by, reason = who_and_why(parameters)
    if kind not in KINDS:
        raise SeamlineError(f"there is no kind of exception {kind!r}; there are {', '.join(KINDS)}")
    ((count, others),) = await journal.query("cause_size", kind, cause)
    if not count:
        why = f"; {several(others, 'case')} of it {are(others)} to be released by name" if others else ""
        raise SeamlineError(f"no order is held for {kind} {cause!r}{why}")
    values = {"cause": cause, "orders": str(count)}
    record = recorded(
        journal.clock.now(), by=by, action="hold.release_cause", subject=kind, values=values, reason=reason
    )
    begin = Emit(channel=NAME, key=KEY, message=ReleaseCause(kind=kind, cause=cause, to=orders), priority=BULK)
    await engine.post_all((begin, record))
    return f"{several(count, 'order')} held for {kind} {cause!r} will be decided on again, the oldest purchase first"


class ReleaseCause(Message, frozen=True, kw_only=True):
    """Release the orders that are held for this, those bought later than this one first.

    `placed_us` is an instant of purchase (microseconds since 1970 UTC), `subject` an order of that instant; without
    them it begins with the oldest purchase.
    """

    kind: str
    cause: str
    to: str
    """The actor of orders."""
    placed_us: int = -(1 << 62)
    subject: str = ""


class _Found(Message, frozen=True, kw_only=True):
    asked: ReleaseCause
    rows: tuple[tuple[int, str], ...]
    """(instant of purchase, order)."""


class ReleaseState(msgspec.Struct, frozen=True):
    """Nothing has to be remembered: where to go on is in the message."""


class CauseReleases:
    """The actor: at most so many orders in one transaction, which also says where to go on. A crash repeats none."""

    name = NAME
    message_type = ReleaseCause
    state_type = ReleaseState

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def begin(self, key: str) -> ReleaseState:  # noqa: ARG002 - there is one key
        """Nothing is remembered."""
        return ReleaseState()

    async def ready(self) -> None:
        """There is nothing to wait for."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The next orders that are held for the cause."""
        return [await self._found(item.message) for item in items]

    async def _found(self, asked: Any) -> Message:
        after = (asked.kind, asked.cause, asked.placed_us, asked.subject)
        return _Found(
            asked=asked, rows=tuple(await self._journal.query("orders_held_for", *after, RELEASED_PER_STEP_MAX))
        )

    def decide(self, state: ReleaseState, message: Any, now: datetime) -> Decision:  # noqa: ARG002 - no time in it
        """Send them on, and go on behind the last of them while there may be more."""
        asked, rows = message.asked, message.rows
        emits = [Emit(channel=asked.to, key=key, message=Recheck(because="cause"), priority=BULK) for _, key in rows]
        if len(rows) == RELEASED_PER_STEP_MAX:
            placed_us, subject = rows[-1]
            further = msgspec.structs.replace(asked, placed_us=placed_us, subject=subject)
            emits.append(Emit(channel=NAME, message=further, priority=BULK))
        return Decision(state=state, emits=tuple(emits))

    def project(self, key: str, before: ReleaseState, after: ReleaseState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """There is nothing to list."""
        return ()

    def announce(self, key: str, before: ReleaseState, after: ReleaseState) -> None:
        """What becomes of the orders, they announce themselves."""
