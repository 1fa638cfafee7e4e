"""Whether every order of a sales channel's business day is accounted for: windows, evidence, and the statement. Pure.

    orders of the sales channel = sales in Fulfil + on their way + held + waiting + excluded by a named rule
                                  + cancelled before the import + missing

The left side is what somebody else says: manifests that cover the day, or polls that read every change of it. Where
nobody says anything, the statement says that, and claims nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from runtime.clock import Instant, to_datetime, to_instant
from runtime.decision import Write

Verdict = Literal["complete", "incomplete", "unproven"]
"""`complete`: everything that the sales channel had is accounted for. `incomplete`: something is missing, or nobody can
say of which day it is. `unproven`: nothing says how many orders there were.
"""
NAMED_MAX: Final = 200
"""Missing orders that a statement names; beyond that it counts."""
MARGIN: Final = timedelta(minutes=5)
"""A manifest is believed up to so long before it came: younger orders may not have been in it yet."""
_ON_THE_WAY: Final = ("new", "creating", "unknown")


class Window(msgspec.Struct, frozen=True):
    """A business day of finance's company; `ended` is its first instant no longer."""

    day: date
    began: datetime
    ended: datetime


def window_of(day: date, zone: str) -> Window:
    """The day as instants: 23 or 25 hours of it where the clocks change."""
    here = ZoneInfo(zone)
    began, ended = (datetime.combine(each, time(), here) for each in (day, day + timedelta(days=1)))
    return Window(day, to_datetime(to_instant(began)), to_datetime(to_instant(ended)))


def last_closed(now: datetime, zone: str, after: timedelta) -> date:
    """The last business day that ended at least `after` ago."""
    return (now - after).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


# -- what says how many there were -------------------------------------------------------------------------------------


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was compared. Instants are microseconds since 1970 UTC."""

    key: str
    began: Instant
    ended: Instant
    received: Instant
    listed: int
    open: int
    digest: str

    @property
    def reaches(self) -> Instant:
        """Up to where it can be believed."""
        return min(self.ended, to_instant(to_datetime(self.received) - MARGIN))


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What says how many orders a sales channel had. `listed`: the figure itself, where the source gives one."""

    kind: Literal["manifests", "poll", "none"]
    listed: int | None = None
    manifests: tuple[str, ...] = ()
    """Their keys and digests."""
    keys: tuple[str, ...] = ()
    """The keys alone."""
    open: int = 0
    """Of what they list: never received, or not in that version, as they were last compared."""


_NOTHING: Final = Evidence(kind="none")


def evidence_of(window: Window, manifests: Sequence[Listed], polled: tuple[Instant, Instant] | None) -> Evidence:
    """What covers the window without a gap: manifests first, since they list; else polls. `polled`: from, to."""
    began, ended = to_instant(window.began), to_instant(window.ended)
    used, reached = list[Listed](), began
    for each in sorted(manifests, key=lambda one: (one.began, -one.reaches)):
        if each.began <= reached < each.reaches and reached < ended:
            used.append(each)
            reached = each.reaches
    if reached >= ended:
        exact = used[0].began == began and used[-1].ended == ended
        exact = exact and all(one.ended == other.began for one, other in pairwise(used))
        return Evidence(
            kind="manifests",
            listed=sum(each.listed for each in used) if exact else None,
            manifests=tuple(f"{each.key} {each.digest}" for each in used),
            keys=tuple(each.key for each in used),
            open=sum(each.open for each in used),
        )
    if polled is not None and polled[0] <= began and polled[1] >= ended:
        return Evidence(kind="poll")
    return _NOTHING


# -- what there is here ------------------------------------------------------------------------------------------------


class Tally:
    """Counts the orders of a window one after the other, and digests where each stands."""

    def __init__(self) -> None:
        self.sales = self.on_the_way = self.held = self.waiting = self.cancelled = self.received = 0
        self.excluded: dict[str, int] = {}
        self._over = hashlib.blake2b(digest_size=16)

    def add(self, key: str, state: str, sale: int | None, rule: str | None) -> None:
        """One order, each once, in an order that is always the same."""
        self.received += 1
        self._over.update(f"{key}\t{state}\t{sale or ''}\t{rule or ''}\n".encode())
        if sale is not None and state not in ("held", "excluded", "waiting"):
            self.sales += 1
        elif state in _ON_THE_WAY:
            self.on_the_way += 1
        elif state == "held":
            self.held += 1
        elif state == "waiting":
            self.waiting += 1
        elif state == "excluded":
            name = rule or "no rule that is named"
            self.excluded[name] = self.excluded.get(name, 0) + 1
        else:
            self.cancelled += 1

    @property
    def digest(self) -> str:
        """Over what was added."""
        return self._over.hexdigest()


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one business day of one sales channel; see the module. `had` None: nothing says how many."""

    sales_channel: str
    day: date
    began: datetime
    ended: datetime
    verdict: Verdict
    had: int | None
    received: int
    sales: int
    on_the_way: int
    held: int
    waiting: int
    excluded: Mapping[str, int]
    cancelled: int
    gone: int
    missing: int
    undated: int
    evidence: Evidence
    named: tuple[str, ...]
    orders_digest: str

    @property
    def digest(self) -> str:
        """Over all of it, but not over when it was taken: the same figures have the same digest."""
        return hashlib.blake2b(msgspec.json.encode(self, order="sorted"), digest_size=16).hexdigest()

    def row(self, version: int, taken: datetime) -> Write:
        """How it is kept."""
        return Write(
            "put_statement",
            (
                self.sales_channel, self.day.isoformat(), version, to_instant(taken), to_instant(self.began),
                to_instant(self.ended), self.verdict, self.had, self.received, self.sales, self.on_the_way, self.held,
                self.waiting, msgspec.json.encode(self.excluded, order="sorted").decode(), self.cancelled, self.gone,
                self.missing, self.undated, msgspec.json.encode(self.evidence).decode(),
                msgspec.json.encode(self.named).decode(), self.orders_digest, self.digest,
            ),
        )  # fmt: skip


def statement_of(
    sales_channel: str,
    window: Window,
    tally: Tally,
    evidence: Evidence,
    missing: Iterable[str],
    *,
    undated: int,
    gone: int,
) -> Statement:
    """The statement about a window. `missing`: ids that the evidence lists and that never came."""
    named = tuple(sorted(set(missing)))
    count = len(named)
    if evidence.listed is not None:  # more may be missing than is still known by name
        count = max(count, evidence.listed - tally.received)
    had = None if evidence.kind == "none" else tally.received + count
    verdict: Verdict = "unproven" if had is None else "incomplete" if count or undated or gone else "complete"
    return Statement(
        sales_channel=sales_channel,
        day=window.day,
        began=window.began,
        ended=window.ended,
        verdict="incomplete" if count else verdict,
        had=had,
        received=tally.received,
        sales=tally.sales,
        on_the_way=tally.on_the_way,
        held=tally.held,
        waiting=tally.waiting,
        excluded=dict(sorted(tally.excluded.items())),
        cancelled=tally.cancelled,
        gone=gone,
        missing=count,
        undated=undated,
        evidence=evidence,
        named=named[:NAMED_MAX],
        orders_digest=tally.digest,
    )


def sentence_of(row: Any) -> str:
    """The statement in plain words; `row` is one as it is kept."""
    what = f"{row.sales_channel}, {row.day}"
    if row.had is None:
        said = f"{what}: nothing says how many orders the sales channel had, so completeness is not claimed"
    else:
        by = "polls" if row.evidence.kind == "poll" else "manifests"
        said = f"{what}: the sales channel had {row.had} orders, by {by}; {row.received} of them are here"
    if row.missing:
        said += f"; {row.missing} never arrived"
    if row.gone:
        said += f"; {row.gone} sales are in Fulfil no longer"
    if row.undated:
        said += f"; of {row.undated} deliveries nobody can say of which day they are"
    return said
