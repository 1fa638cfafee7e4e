"""What a day came to, in figures: from the sender, the books, Seamline's metrics, and its own lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from flows.demo.observer import Books, Finding
from flows.demo.scrape import Metrics
from flows.demo.sender import Sent
from flows.demo.traffic import Day, counted
from flows.demo.world import Stopped

_THROTTLED = "429"
_DROPPED = "dropped"
_IMPORT_S = "seamline_order_import_seconds"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast orders became sales, in seconds from their first delivery; None when the histogram is empty."""

    orders_per_s: float
    import_p50_s: float | None
    import_p99_s: float | None


def pace(sales: int, seconds: float, metrics: Metrics) -> Pace:
    """So many sales in so many seconds, and what Seamline measured so far."""
    return Pace(
        orders_per_s=round(sales / seconds, 1),
        import_p50_s=metrics.quantile(_IMPORT_S, 0.50),
        import_p99_s=metrics.quantile(_IMPORT_S, 0.99),
    )


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown, and printed as JSON. Times are seconds."""

    seed: int
    orders: int
    stories: Mapping[str, int]
    deliveries_sent: int
    deliveries_acknowledged: int
    items_acknowledged: int
    items_known: int
    answers_by_status: Mapping[str, int]
    orders_by_state: Mapping[str, int]
    held_by_cause: Mapping[str, int]
    """Orders in state held, by the kind of their exception."""
    exceptions_after_import: Mapping[str, int]
    """Imported orders with an open exception, by its kind."""
    sales: int
    creates_applied: int
    creates_repeated: int
    creates_changed: int
    lookups: int
    outcomes_unknown: int
    answers_lost: int
    erp_throttled: int
    erp_server_errors: int
    erp_dropped: int
    erp_calls_per_sale: float
    morning: Pace
    wall_s: float
    books_digest: str
    findings: Sequence[Finding]
    complaints: Sequence[str]
    ended: Mapping[str, Stopped] = {}
    """Empty while the processes are kept up."""

    @property
    def good(self) -> bool:
        """Whether the observer found nothing, everything was acknowledged, and the processes that ended did so well."""
        return not self.findings and not self.complaints and all(ended.clean for ended in self.ended.values())


def held_by_cause(orders: Iterable[Any], holds: Iterable[Any]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Orders by the kind of their open exception: those that are held, and those that are imported.

    `orders` and `holds` are the rows of `seamline orders list --json` and `seamline holds --json`.
    """
    states = {row["key"]: row["state"] for row in orders}
    subjects: dict[tuple[bool, str], set[str]] = defaultdict(set)
    for row in holds:
        subjects[states.get(row["subject"]) == "held", row["kind"]].add(row["subject"])
    counts = {place: len(keys) for place, keys in sorted(subjects.items())}
    held = {kind: number for (is_held, kind), number in counts.items() if is_held}
    after = {kind: number for (is_held, kind), number in counts.items() if not is_held}
    return held, after


def summarised(
    seed: int,
    day: Day,
    sent: Sent,
    *,
    orders: Sequence[Any],
    holds: Sequence[Any],
    books: Books,
    metrics: Metrics,
    digest: str,
    findings: Sequence[Finding],
    morning: Pace,
    wall_s: float,
) -> Summary:
    """The figures of a day that is over."""
    held, after = held_by_cause(orders, holds)
    statuses: Counter[str] = Counter()
    for counts in books.calls.values():
        statuses.update(counts)
    return Summary(
        seed=seed,
        orders=len(day.expected),
        stories={story.value: number for story, number in sorted(counted(day.expected).items())},
        deliveries_sent=len(day.deliveries),
        deliveries_acknowledged=sent.deliveries,
        items_acknowledged=sent.acknowledged.total(),
        items_known=sent.known,
        answers_by_status=dict(sorted(sent.statuses.items())),
        orders_by_state=dict(sorted(Counter(row["state"] for row in orders).items())),
        held_by_cause=held,
        exceptions_after_import=after,
        sales=books.sales_count,
        creates_applied=books.create_order.applied,
        creates_repeated=books.create_order.repeated,
        creates_changed=books.create_order.repeated_with_change,
        lookups=books.lookups,
        outcomes_unknown=round(metrics.total("seamline_api_outcomes_unknown_total")),
        answers_lost=books.create_order.applied_answer_lost,
        erp_throttled=statuses[_THROTTLED],
        erp_server_errors=sum(number for status, number in statuses.items() if status.startswith("5")),
        erp_dropped=statuses[_DROPPED],
        erp_calls_per_sale=round(statuses.total() / max(1, books.sales_count), 3),
        morning=morning,
        wall_s=round(wall_s, 1),
        books_digest=digest,
        findings=findings,
        complaints=tuple(sent.complaints),
    )
