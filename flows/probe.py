"""`seamline probe`: ask the two outside systems what they can do, and keep the answers where strategies read them.

Read-only unless told otherwise. What writes is refused unless the configuration calls the tenant a sandbox, and what a
probe has left is told, in this run and in the next.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import msgspec

from connectors.capability import UNKNOWN, CapabilityFile, CapabilityFileInvalid, Finding, read_file, write_file
from connectors.fulfil.probe import ITEMS as FULFIL_ITEMS
from connectors.fulfil.probe import FulfilFound, probe_fulfil
from connectors.fulfil.probe_tenant import ProbedFulfil
from connectors.http import outgoing
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.probe import ITEMS as PATCHWORKS_ITEMS
from connectors.patchworks.probe import PatchworksFound, probe_patchworks
from connectors.patchworks.probe_company import ProbedPatchworks
from connectors.probe import CONNECTIONS_MAX, SHARE, Effect, Item, Left, Progress, chosen, new_mark
from flows.capabilities import fulfil_address
from flows.capability_meanings import meaning
from flows.config import FulfilSettings, PatchworksSettings, SalesChannelSettings
from runtime.budget import Budget
from runtime.clock import Clock, to_datetime
from runtime.errors import Failure, SeamlineError, Stop, Throttled, Unauthorised, Unavailable

Vendor = Literal["fulfil", "patchworks"]
OnProgress = Callable[[Progress], None]

_BURST: Final = 60
"""A probe makes some sixty calls; within a limit of a minute they need not be spread out."""
_ITEMS: Final[dict[Vendor, tuple[Item[Any], ...]]] = {"fulfil": FULFIL_ITEMS, "patchworks": PATCHWORKS_ITEMS}


class Unreachable(Stop):
    """The other side cannot be reached, or takes no calls now."""

    exit_status: ClassVar[int] = 69


class NotPermitted(Stop):
    """The other side refused our credentials."""

    exit_status: ClassVar[int] = 77


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would be asked."""

    effect: Effect
    asks: str
    finds: tuple[str, ...]


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """The result: what goes into the file, and what is, or was, left behind."""

    file: CapabilityFile
    before: tuple[Left, ...]
    left: tuple[Left, ...]


def effects_of(*, writes: bool, burst: bool) -> frozenset[Effect]:
    """What a probe may do to the tenant."""
    effects: set[Effect] = {"reads"}
    if writes:
        effects.add("writes")
    if burst:
        effects.add("bursts")
    return frozenset(effects)


def plan(vendor: Vendor, effects: frozenset[Effect]) -> tuple[Planned, ...]:
    """What would be asked, in order. Nothing is sent."""
    items = chosen(_ITEMS[vendor], effects)
    return tuple(Planned(effect=item.effect, asks=item.asks, finds=item.finds) for item in items)


def may_write(settings: FulfilSettings | PatchworksSettings, *, confirmed: bool) -> None:
    """Raise SeamlineError unless this is a sandbox by the configuration, and it is confirmed.

    When it is not `confirmed` yet, somebody at a terminal is asked to type the tenant's address.
    """
    vendor, tenant = _named(settings)
    if settings.probe.tenant != "sandbox":
        raise SeamlineError(
            f"the configuration calls {tenant} a {settings.probe.tenant} tenant, and nothing is written there; "
            f'say `tenant = "sandbox"` under [{vendor}.probe] if it is one'
        )
    if not (confirmed or _typed(tenant)):
        raise SeamlineError(f"nothing was written to {tenant}: it was not confirmed (in a script: --yes)")


def _named(settings: FulfilSettings | PatchworksSettings) -> tuple[Vendor, str]:
    if isinstance(settings, FulfilSettings):
        return "fulfil", fulfil_address(settings.api.base_url)
    return "patchworks", settings.core_url


def _typed(tenant: str) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"The probe will write to {tenant}. Type its address to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().rstrip("/") == tenant.rstrip("/")


def question(
    settings: FulfilSettings | PatchworksSettings,
    channels: Mapping[str, SalesChannelSettings],
    effects: frozenset[Effect],
    clock: Clock,
    version: str,
    timeout_s: float,
) -> Callable[[], Awaitable[Probed]]:
    """The probe of these settings, to be run. Progress goes to standard error, when that is a terminal.

    `channels` are the configured sales channels: the first is where Fulfil's orders are made when none is named.
    """
    if isinstance(settings, PatchworksSettings):
        return lambda: ask_patchworks(settings, effects, clock, version, timeout_s, on_progress=_progress)
    first = next((channel.sale.channel_id for channel in channels.values()), 0)
    return lambda: ask_fulfil(settings, first, effects, clock, version, timeout_s, on_progress=_progress)


def _progress(progress: Progress) -> None:
    if sys.stderr.isatty():
        found = ", ".join(f"{name} = {each.value}" for name, each in progress.findings.items())
        sys.stderr.write(f"{progress.number}/{progress.of} {found}\n")


# -- asking ------------------------------------------------------------------------------------------------------------


async def ask_fulfil(
    settings: FulfilSettings,
    channel_id: int,
    effects: frozenset[Effect],
    clock: Clock,
    version: str,
    timeout_s: float,
    on_progress: OnProgress,
) -> Probed:
    """Probe the Fulfil tenant. Raises Unreachable, NotPermitted or SeamlineError when it could not begin."""
    budget = Budget(clock, {SHARE: 1}, limit_per_s=settings.requests_per_s, concurrency_max=1)
    api = settings.api
    async with outgoing(
        connections_max=CONNECTIONS_MAX,
        connect_timeout_s=api.connect_timeout_s,
        request_timeout_s=api.request_timeout_s,
    ) as session:
        tenant = ProbedFulfil(
            api,
            settings.token.reveal(),
            session,
            clock,
            budget=budget,
            settings=settings.probe,
            channel_id=settings.probe.channel_id or channel_id,
            mark=new_mark(),
        )
        try:
            found = await probe_fulfil(tenant, effects, timeout_s=timeout_s, on_progress=on_progress)
        except Failure as failure:
            raise _ended(failure) from failure
    return _probed(settings, found, found.names, clock, version)


async def ask_patchworks(
    settings: PatchworksSettings,
    effects: frozenset[Effect],
    clock: Clock,
    version: str,
    timeout_s: float,
    on_progress: OnProgress,
) -> Probed:
    """Probe the company's Patchworks. Raises Unreachable, NotPermitted or SeamlineError when it could not begin."""
    budget = Budget(clock, {SHARE: 1}, limit_per_s=settings.calls_per_s, concurrency_max=1, burst=_BURST)
    async with outgoing(
        connections_max=CONNECTIONS_MAX,
        connect_timeout_s=settings.connect_timeout_s,
        request_timeout_s=settings.request_timeout_s,
    ) as session:
        company = ProbedPatchworks(
            settings,
            credentials_of(settings, session, clock),
            session,
            clock,
            budget=budget,
            settings=settings.probe,
            mark=new_mark(),
        )
        try:
            found = await probe_patchworks(company, effects, timeout_s=timeout_s, on_progress=on_progress)
        except Failure as failure:
            raise _ended(failure) from failure
    return _probed(settings, found, {}, clock, version)


def _ended(failure: Failure) -> SeamlineError:
    """Why a probe could not begin."""
    match failure:
        case Unauthorised():
            return NotPermitted(str(failure))
        case Unavailable() | Throttled():
            return Unreachable(str(failure))
        case _:
            return SeamlineError(str(failure))


def _probed(
    settings: FulfilSettings | PatchworksSettings,
    found: FulfilFound | PatchworksFound,
    names: dict[str, str],
    clock: Clock,
    version: str,
) -> Probed:
    vendor, tenant = _named(settings)
    file = CapabilityFile(
        vendor=vendor,
        tenant=tenant,
        found_at=to_datetime(clock.now()),
        seamline=version,
        capabilities=found.capabilities,
        names=names,
    )
    return Probed(file=file, before=found.before, left=found.left)


# -- showing and keeping -----------------------------------------------------------------------------------------------


def rows(probed: Probed) -> list[tuple[str, str, str, str]]:
    """A table for people: capability, value, how it was found, and what it means for the promises (or why unknown)."""
    return [
        (name, str(finding.value), finding.how, _meaning(name, finding))
        for name, finding in sorted(probed.file.capabilities.items())
    ]


def _meaning(name: str, finding: Finding) -> str:
    return finding.evidence if finding.value == UNKNOWN else meaning(name, finding.value)


def leftovers(probed: Probed) -> list[str]:
    """What is, or was, left behind, as sentences."""
    before = [f"found from an earlier probe: {left.what} ({left.state})" for left in probed.before]
    return [*before, *(f"left: {left.what} ({left.state}); {left.remedy}" for left in probed.left)]


def keep(path: Path, file: CapabilityFile) -> None:
    """Write the file, whole or not at all. Raises SeamlineError when it cannot be written.

    What an earlier probe of the same tenant found, and this one has not asked, is kept with the day it is of: reading
    alone does not forget what writing has found.
    """
    try:
        write_file(path, msgspec.structs.replace(file, capabilities={**_earlier(path, file), **file.capabilities}))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SeamlineError(f"{path} cannot be written ({why}); nothing was kept") from None


def _earlier(path: Path, file: CapabilityFile) -> dict[str, Finding]:
    """The findings that are already there, if they are of this tenant."""
    try:
        old = read_file(path)
    except CapabilityFileInvalid:
        return {}
    if (old.vendor, old.tenant) != (file.vendor, file.tenant):
        return {}
    day = f" (Found on {old.found_at:%Y-%m-%d}.)"
    return {
        name: finding
        if "(Found on " in finding.evidence
        else msgspec.structs.replace(finding, evidence=finding.evidence + day)
        for name, finding in old.capabilities.items()
    }
