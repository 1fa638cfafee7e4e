"""The probe of a company's Patchworks: what it would ask, what it finds, and what it leaves.

Reading alone finds shapes, paging, retention and limits; what a start does can only be found by starting a flow that
the configuration names for it, in a company that the configuration calls a sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from connectors.capability import Finding
from connectors.patchworks.probe_company import ProbedPatchworks
from connectors.patchworks.probe_reads import OF_RUNS, READS
from connectors.patchworks.probe_writes import WRITES, unfinished
from connectors.probe import Effect, Item, Left, Progress, chosen, find_all
from runtime.errors import Failure

ITEMS: Final[tuple[Item[ProbedPatchworks], ...]] = (*READS, *WRITES, *OF_RUNS)


class PatchworksFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe brought back. `before` was under way from earlier runs, `left` is what this one has started."""

    capabilities: dict[str, Finding]
    before: tuple[Left, ...] = ()
    left: tuple[Left, ...] = ()


async def probe_patchworks(
    company: ProbedPatchworks,
    effects: frozenset[Effect],
    *,
    timeout_s: float,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> PatchworksFound:
    """Ask everything that may be asked. Without `writes` in `effects` nothing is started.

    Raises `Unavailable` when Patchworks cannot be reached, at the beginning or at the end, `Unauthorised` when it
    refuses the key; whatever fails in between is `unknown`. What was started cannot be taken back; it is told.
    """
    await company.alive()
    before = await _looked(company)
    found = await find_all(chosen(ITEMS, effects), company, timeout_s=timeout_s, on_progress=on_progress)
    await company.still_there()  # what went down meanwhile has not said what it does
    started = tuple(
        Left(what=f"run {run_id}", state="started", remedy="nothing: it carried only the probe's mark")
        for run_id in company.run_ids
    )
    return PatchworksFound(capabilities=found, before=before, left=(*started, *company.left))


async def _looked(company: ProbedPatchworks) -> tuple[Left, ...]:
    try:
        return await unfinished(company)
    except Failure:
        return ()
