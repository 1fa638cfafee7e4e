"""What a day came to, in figures: from the books of both sandboxes, Seamline's metrics, and its own lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.hub import HubBooks
from flows.demo.hub_settings import FULFILMENT_FLOWS, OUTWARD, STOCK_FLOWS
from flows.demo.money import Money
from flows.demo.observer import Books, Finding, Warehouse
from flows.demo.parcels import Told
from flows.demo.scrape import Metrics
from flows.demo.shelves import Oversold
from flows.demo.stories import Day, counted
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


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that wait for somebody, by one kind of exception. `amounts` are their totals by currency; `at_stake` is
    what the exceptions themselves name, as `seamline holds` lists it: of a contradiction the difference alone.
    """

    kind: str
    owner: str
    orders: int
    amounts: Mapping[str, Decimal]
    at_stake: Mapping[str, Decimal]


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub did to deliver. `answers` are its attempts by HTTP status, or by why there was none."""

    versions: int
    """Different versions of orders that were answered with 2xx."""
    accepted: int
    """Versions answered with 2xx, each time counted."""
    answers: Mapping[str, int]
    runs: Mapping[str, int]

    @property
    def repeats(self) -> int:
        """Versions that came again."""
        return self.accepted - self.versions


class Erp(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP was asked, and how it misbehaved."""

    sales: int
    creates_applied: int
    creates_repeated: int
    creates_changed: int
    lookups: int
    answers_lost: int
    throttled: int
    server_errors: int
    dropped: int
    calls_per_sale: float


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """How the sales channels were told what they may sell."""

    levels_published: int
    """Figures that changed, each for one sales channel."""
    levels_received: int
    levels_repeated: int
    """Those of them that had been there before."""
    starts: int
    possible_repeats: int
    """Starts of flows that may have run twice, because their answer was lost and no run of them was found."""
    figures: int
    """What was compared with the ERP in the end."""
    oversold: Oversold


class Shipments(msgspec.Struct, frozen=True, kw_only=True):
    """How the sales channels heard of what had left."""

    told: Told
    proven: int
    """Shipments that Seamline has the word of a sales channel for."""
    received: int
    received_again: int
    """Of those, shipments that the sales channel had been told of before."""
    starts: int
    possible_repeats: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown, and printed as JSON. Times are seconds."""

    seed: int
    orders: int
    orders_by_sales_channel: Mapping[str, int]
    stories: Mapping[str, int]
    deliveries: Deliveries
    orders_by_state: Mapping[str, int]
    held: Sequence[Waiting]
    """Orders in state held."""
    after_import: Sequence[Waiting]
    """Imported orders with an open exception."""
    erp: Erp
    outcomes_unknown: int
    warehouse: Warehouse
    stock: Stock
    shipments: Shipments
    money: Money
    morning: Pace
    wall_s: float
    digests: Mapping[str, str]
    """`fulfil` and `sales_channels` are the same for the same seed; `fulfil_with_dates` is on the same day."""
    findings: Sequence[Finding]
    ended: Mapping[str, Stopped] = {}
    """Empty while the processes are kept up."""

    @property
    def good(self) -> bool:
        """Whether the observer found nothing, and the processes that ended did so well."""
        return not self.findings and all(ended.clean for ended in self.ended.values())


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody said when the day was over: `orders` and `holds` are the rows that Seamline's commands print."""

    orders: Sequence[Any]
    holds: Sequence[Any]
    books: Books
    hub: HubBooks
    warehouse: Warehouse
    metrics: Metrics
    oversold: Oversold
    told: Told
    money: Money
    digests: Mapping[str, str]


def waiting(orders: Iterable[Any], holds: Iterable[Any]) -> tuple[list[Waiting], list[Waiting]]:
    """Orders by the kind of their open exception: those that are held, and those that are not. An order counts once
    per kind, with its whole total; an exception of no order counts with the amount that it names itself.
    """
    known = {row["key"]: row for row in orders}
    found: dict[tuple[bool, str, str], dict[str, tuple[str, Decimal]]] = defaultdict(dict)
    at_stake: dict[tuple[bool, str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for row in holds:
        order = known.get(row["subject"], row)
        of = order.get("state") == "held", row["kind"], row["owner"]
        found[of][row["subject"]] = _money(order)
        at_stake[of].append(_money(row))
    held: list[Waiting] = []
    after: list[Waiting] = []
    for of, subjects in sorted(found.items()):
        is_held, kind, owner = of
        row = Waiting(
            kind=kind, owner=owner, orders=len(subjects), amounts=_sums(subjects.values()), at_stake=_sums(at_stake[of])
        )
        (held if is_held else after).append(row)
    return held, after


def _money(row: Any) -> tuple[str, Decimal]:
    return row.get("currency") or "", Decimal(row.get("amount") or 0)


def _sums(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """By currency; what names none is no amount."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return {currency: amount for currency, amount in sorted(sums.items()) if currency}


def summarised(today: Day, asked: Asked, *, findings: Sequence[Finding], morning: Pace, wall_s: float) -> Summary:
    """The figures of a day that is over."""
    held, after = waiting(asked.orders, asked.holds)
    return Summary(
        seed=today.seed,
        orders=len(today.planned),
        orders_by_sales_channel={name: of.orders_count for name, of in asked.hub.sales_channels.items()},
        stories={story.value: number for story, number in sorted(counted(today.planned).items())},
        deliveries=_deliveries(asked.hub),
        orders_by_state=dict(sorted(Counter(row["state"] for row in asked.orders).items())),
        held=held,
        after_import=after,
        erp=_erp(asked.books),
        outcomes_unknown=round(asked.metrics.total("seamline_api_outcomes_unknown_total", api="fulfil")),
        warehouse=asked.warehouse,
        stock=_stock(asked),
        shipments=_shipments(asked),
        money=asked.money,
        morning=morning,
        wall_s=round(wall_s, 1),
        digests=asked.digests,
        findings=findings,
    )


def _deliveries(hub: HubBooks) -> Deliveries:
    answers: Counter[str] = Counter()
    for name, number in hub.deliveries.attempts.items():
        answers[name.partition(" ")[2]] += number
    runs: Counter[str] = Counter()
    for flow, counts in hub.flows.items():
        if int(flow) not in OUTWARD:
            runs.update(counts)
    return Deliveries(
        versions=hub.deliveries.distinct,
        accepted=hub.deliveries.accepted,
        answers=dict(sorted(answers.items())),
        runs=dict(sorted(runs.items())),
    )


def _stock(asked: Asked) -> Stock:
    taken = [of.stock for of in asked.hub.sales_channels.values()]
    received, distinct = sum(each.received for each in taken), sum(each.distinct for each in taken)
    return Stock(
        levels_published=round(asked.metrics.total("seamline_stock_levels_total")),
        levels_received=received,
        levels_repeated=received - distinct,
        starts=_of_flows(asked.metrics, "seamline_flow_starts_total", STOCK_FLOWS),
        possible_repeats=_of_flows(asked.metrics, "seamline_flow_possible_repeats_total", STOCK_FLOWS),
        figures=sum(len(of.levels) for of in asked.hub.sales_channels.values()),
        oversold=asked.oversold,
    )


def _shipments(asked: Asked) -> Shipments:
    taken = [of.fulfilments for of in asked.hub.sales_channels.values()]
    received, distinct = sum(each.received for each in taken), sum(each.distinct for each in taken)
    return Shipments(
        told=asked.told,
        proven=proven(asked.metrics),
        received=received,
        received_again=received - distinct,
        starts=_of_flows(asked.metrics, "seamline_flow_starts_total", FULFILMENT_FLOWS),
        possible_repeats=_of_flows(asked.metrics, "seamline_flow_possible_repeats_total", FULFILMENT_FLOWS),
    )


def proven(metrics: Metrics) -> int:
    """Shipments of which sales channels have said that they were told."""
    return round(metrics.total("seamline_fulfilment_told_seconds_count"))


def _of_flows(metrics: Metrics, name: str, flows: Mapping[str, int]) -> int:
    return round(sum(metrics.total(name, flow=str(flow)) for flow in flows.values()))


def _erp(books: Books) -> Erp:
    statuses: Counter[str] = Counter()
    for counts in books.calls.values():
        statuses.update(counts)
    return Erp(
        sales=books.sales_count,
        creates_applied=books.create_order.applied,
        creates_repeated=books.create_order.repeated,
        creates_changed=books.create_order.repeated_with_change,
        lookups=books.lookups,
        answers_lost=books.create_order.applied_answer_lost,
        throttled=statuses[_THROTTLED],
        server_errors=sum(number for status, number in statuses.items() if status.startswith("5")),
        dropped=statuses[_DROPPED],
        calls_per_sale=round(statuses.total() / max(1, books.sales_count), 3),
    )
