"""The probe of a Fulfil tenant: what it would ask, what it finds, and what it leaves.

Reading alone finds names, forms, limits and which parts of the tenant can be read; what an order does to it can only be
found by making some, on a tenant that the configuration calls a sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from connectors.capability import UNKNOWN, Finding
from connectors.fulfil.probe_reads import OF_SALES, READS
from connectors.fulfil.probe_tenant import ProbedFulfil
from connectors.fulfil.probe_writes import WRITES, clean, left_behind
from connectors.probe import MARK, Effect, Item, Left, Progress, chosen, find_all
from runtime.errors import Failure

_RENAMED: Final = {"payment_reference_field": "sale.payment.reference"}
"""Capabilities that are another name of a field which the connector asks for."""

ITEMS: Final[tuple[Item[ProbedFulfil], ...]] = (*READS, *WRITES, *OF_SALES)


class FulfilFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe brought back. `before` was left by earlier runs, `left` by this one or still by those."""

    capabilities: dict[str, Finding]
    names: dict[str, str]
    before: tuple[Left, ...] = ()
    left: tuple[Left, ...] = ()


async def probe_fulfil(
    tenant: ProbedFulfil,
    effects: frozenset[Effect],
    *,
    timeout_s: float,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> FulfilFound:
    """Ask everything that may be asked. Without `writes` in `effects` nothing is changed.

    Raises `Unavailable` when the tenant cannot be reached, at the beginning or at the end, `Unauthorised` when it
    refuses the token; whatever fails in between is `unknown`. Cancelled, it leaves sales that the next run finds.
    """
    await tenant.alive()
    before = await _looked(tenant)
    writes = "writes" in effects
    if writes and before:
        await _cleaned(tenant)
    found = await find_all(chosen(ITEMS, effects), tenant, timeout_s=timeout_s, on_progress=on_progress)
    left = await _cleaned(tenant) if writes else before
    await tenant.still_there()  # a tenant that went down meanwhile has not said what it can do
    return FulfilFound(capabilities=found, names=tenant.names | _own_names(found), before=before, left=left)


def _own_names(found: Mapping[str, Finding]) -> dict[str, str]:
    """What the tenant calls otherwise, from documented names to its own."""
    own = {documented: found.get(name) for name, documented in _RENAMED.items()}
    return {
        documented: str(finding.value)
        for documented, finding in own.items()
        if finding is not None and finding.value not in (UNKNOWN, "none", documented.rpartition(".")[2])
    }


async def _looked(tenant: ProbedFulfil) -> tuple[Left, ...]:
    try:
        return await left_behind(tenant)
    except Failure:
        return ()


async def _cleaned(tenant: ProbedFulfil) -> tuple[Left, ...]:
    try:
        return await clean(tenant)
    except Failure as failure:
        remedy = f"look in Fulfil for sales whose reference begins with {MARK}, and cancel them"
        return (Left(what="what the probe has made", state=f"unknown ({failure})", remedy=remedy),)
