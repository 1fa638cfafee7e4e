"""What a person releases: a hold is decided on again, and the cases of a sale that stands are closed."""

from __future__ import annotations

from collections.abc import Sequence

from flows.model.messages import Recheck
from runtime.engine import Engine
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from runtime.key import partition_of

SHIPPING = "order_fulfilments"
"""The actor of an order's shipments; its cases may be open beside those of the order itself."""
_STANDS = {
    "creating": "it is on its way to Fulfil",
    "unknown": "it was sent to Fulfil, and the answer is being looked for",
    "cancelled": "cancelled before it went to Fulfil",
}


async def release(key: str, engine: Engine, journal: Journal, actors: Sequence[str]) -> str:
    """Have the first of these actors that knows the key look at it again; answers what follows from that.

    The first actor is the one of orders. Raises SeamlineError when there is nothing to release, and says why.
    """
    holders = [name for name in actors if name in engine.channels and await journal.query_list("states", [key], name)]
    if not holders:
        if await journal.query("oldest_message_of_key", actors[0], key):
            raise SeamlineError(f"{key} is not held: it was received and waits to be decided on")
        raise SeamlineError(f"nothing is known as {key!r}; `seamline holds` shows what waits")
    if await _ships(key, journal) and SHIPPING in holders:
        return await _release_shipments(key, engine, journal, actors[0] if actors[0] in holders else "")
    holder = holders[0]
    if any((channel, parked) == (holder, key) for channel, parked, *_ in await journal.query("parked")):
        raise SeamlineError(f"a message of {key} is parked as a defect of ours; a restart tries it again")
    ended = await _cases_of_its_sale(key, journal) if holder == actors[0] else ""
    await engine.post(holder, key, Recheck(because="person"))
    paused = _paused(key, engine, holder)
    if ended:
        return f"the cases of {key} {f'are closed {paused}' if paused else 'are closed'}: {ended}"
    return f"{key} will be decided on again{f' {paused}' if paused else ''}"


async def _ships(key: str, journal: Journal) -> bool:
    """Whether something about shipments of an order is open."""
    return any(row[10] is None and _is_of_shipments(row[1]) for row in await journal.query("cases_of", key))


def _is_of_shipments(kind: str) -> bool:
    return kind.startswith(("fulfilment.", "carrier."))


async def _release_shipments(key: str, engine: Engine, journal: Journal, importer: str) -> str:
    """Have the shipments looked at again, and the order too, when something else about it is open."""
    await engine.post(SHIPPING, key, Recheck(because="person"))
    others = [row for row in await journal.query("cases_of", key) if row[10] is None and not _is_of_shipments(row[1])]
    if importer and others:
        await engine.post(importer, key, Recheck(because="person"))
    paused = _paused(key, engine, SHIPPING)
    return f"the shipments of {key} will be looked at again{f' {paused}' if paused else ''}"


async def _cases_of_its_sale(key: str, journal: Journal) -> str:
    """The kinds of the open cases of an order that has a sale; empty for one without. Raises for all others."""
    rows = await journal.query("order_by_key", key)
    state, sale, number = (rows[0][4], *rows[0][9:11]) if rows else ("held", None, None)
    if state in ("held", "waiting", "excluded"):
        return ""
    kinds = [row[1] for row in await journal.query("cases_of", key) if row[10] is None]
    if state not in ("imported", "cancelled") or not kinds:
        stands = _STANDS.get(state, f"imported as {number or sale}")
        raise SeamlineError(f"{key} is not held ({stands}); there is nothing to release")
    return ", ".join(kinds)


def _paused(key: str, engine: Engine, actor: str) -> str:
    """When it happens, if not at once."""
    channel, partition = engine.channels[actor], partition_of(key)
    if channel.paused:
        return f"after `seamline resume --actor {actor}`"
    return f"after `seamline resume {partition}`" if partition in channel.paused_partitions else ""
