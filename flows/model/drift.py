"""Why a sales channel shows other stock than it was told: the cause of one difference, and what follows. Pure."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import Final

import msgspec

from runtime.clock import Instant


class Cause(enum.StrEnum):
    """Why a figure differs. The first six explain it: nothing is wrong, or it is known already."""

    FLIGHT = "in_flight"
    """The sales channel has subtracted orders of its own that we have, too, or are about to have."""
    WAITING = "waiting"
    """It was not told yet: the level is on its way."""
    REFUSED = "refused"
    """Its flow fails with this level, or nobody knows whether it was started; that is a case already."""
    BUNDLE = "bundle"
    """It is a bundle, whose stock sales channels work out themselves."""
    LOCATION = "location"
    """It is shown at a location that no figures are published for."""
    UNKNOWN = "unknown"
    """We publish nothing under this name."""
    CHANGED = "changed"
    """Nothing of ours explains it: somebody has changed it there. It is corrected once."""
    LOOP = "loop"
    """The same change comes back as often as it is corrected, so it is not corrected any more."""


EXPLAINED: Final = frozenset({Cause.FLIGHT, Cause.WAITING, Cause.BUNDLE, Cause.UNKNOWN})
"""Nobody has to look."""
CORRECTIONS_MAX: Final = 3
"""So often the same difference is corrected."""
SETTLE: Final = timedelta(minutes=2)
"""How old a difference is before it is corrected: the order that explains it may be on its way."""
UNDERSOLD_AFTER: Final = timedelta(minutes=15)
"""So long a sales channel may show nothing of what could be sold."""
REMEMBERED: Final = timedelta(days=1)
"""So long a correction counts."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a sales channel was told of a SKU last; `stuck`: its flow fails with it."""

    figure: int
    decided_at: int
    sent_at: int | None
    stuck: bool = False


class Off(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as it was known before."""

    cause: str
    reported: int
    published: int | None
    reported_at: int
    since: int
    corrections: int = 0
    corrected_at: int | None = None


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a sales channel shows, with everything that may explain it."""

    sku: str
    location: str
    reported: int
    at: Instant
    told: Told | None
    expected: int | None
    ours: bool = True
    """Figures are published for this location."""
    bundle: bool = False
    own_units: int = 0
    """Units of the sales channel's own orders that are not in Fulfil's figures yet."""
    known: Off | None = None


def cause_of(level: Level) -> Cause | None:
    """Why the figure differs; None when it does not."""
    told = level.told
    if not level.ours:
        return Cause.LOCATION if level.reported else None
    if told is None:
        return Cause.UNKNOWN if level.expected is None else Cause.WAITING
    if level.reported == told.figure:
        return None
    if told.stuck:
        return Cause.REFUSED
    if told.sent_at is None or level.at <= told.sent_at:
        return Cause.WAITING
    if level.bundle:
        return Cause.BUNDLE
    if 0 < told.figure - level.reported <= level.own_units:
        return Cause.FLIGHT
    known = level.known
    is_loop = known is not None and known.corrections >= CORRECTIONS_MAX and _is_same(level, known)
    return Cause.LOOP if is_loop else Cause.CHANGED


def off(level: Level, now: Instant) -> Off | None:
    """What is to be known of the level from now on; None: nothing."""
    cause, known = cause_of(level), level.known
    corrections = known.corrections if known is not None and (cause is None or _is_same(level, known)) else 0
    corrected_at = known.corrected_at if known is not None and corrections else None
    if cause is None and (not corrections or (known is not None and known.cause == Cause.LOOP)):
        return None
    lasts = known is not None and known.cause == (cause or "")
    return Off(
        cause=cause or "",
        reported=level.reported if cause is not None or known is None else known.reported,
        published=level.told.figure if level.told is not None else None,
        reported_at=level.at,
        since=known.since if lasts and known is not None else min(level.at, now),
        corrections=corrections,
        corrected_at=corrected_at,
    )


def units_off(level: Level) -> int:
    """By how many units the sales channel is off; at a location of nobody's, all that it shows there."""
    if not level.ours:
        return abs(level.reported)
    return abs(level.reported - (level.told.figure if level.told is not None else 0))


def _is_same(level: Level, known: Off) -> bool:
    """Whether it is the difference that was corrected before."""
    figure = level.told.figure if level.told is not None else None
    return (level.reported, figure) == (known.reported, known.published)
