"""What a person sees of the demo: how far the day is, on stderr, and the summary at its end, on stdout.

On a terminal a progress bar; anywhere else a plain line now and then, so that a log stays readable.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.demo.ledger import LedgerSeen
from flows.demo.money import Money
from flows.demo.summary import Shipments, Summary, Waiting
from flows.demo.world import World
from flows.model.several import several

_LINE_EVERY_S = 2.0
_FINDINGS_SHOWN_MAX = 20
_WIDTH_IN_A_PIPE = 140


class View(Protocol):
    """Where the progress goes."""

    def says(self, sentence: str) -> None:
        """Something begins."""
        ...

    def shows(self, delivered: int, sales: int) -> None:
        """How far it is: versions of orders acknowledged, and sales in the books."""
        ...


class _Lines:
    """Plain lines, with the seconds since the beginning."""

    def __init__(self, versions: int, sales: int) -> None:
        self._versions, self._sales = versions, sales
        self._began = anyio.current_time()
        self._due = self._began

    def says(self, sentence: str) -> None:
        print(f"{anyio.current_time() - self._began:5.1f} s  {sentence}", file=sys.stderr, flush=True)

    def shows(self, delivered: int, sales: int) -> None:
        if anyio.current_time() >= self._due:
            self._due = anyio.current_time() + _LINE_EVERY_S
            self.says(f"{delivered} of {self._versions} versions acknowledged, {sales} of {self._sales} sales made")


class _Bars:
    """Two bars on a terminal."""

    def __init__(self, progress: Progress, versions: int, sales: int) -> None:
        self._progress = progress
        self._tasks: tuple[TaskID, TaskID] = (
            progress.add_task("versions acknowledged", total=versions),
            progress.add_task("sales in the books", total=sales),
        )

    def says(self, sentence: str) -> None:
        self._progress.console.print(sentence, style="dim")

    def shows(self, delivered: int, sales: int) -> None:
        for task, completed in zip(self._tasks, (delivered, sales), strict=True):
            self._progress.update(task, completed=completed)


@contextmanager
def view(versions: int, sales: int) -> Iterator[View]:
    """The view that suits stderr, for so many versions of orders and sales."""
    if not sys.stderr.isatty():
        yield _Lines(versions, sales)
        return
    columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bars(progress, versions, sales)


_STATES = {"waiting": "waiting for a payment or by a rule"}
"""States whose names alone say too little."""


def show_summary(summary: Summary) -> None:
    """The table, the findings if there are any, and the verdict."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _rows(summary):
        table.add_row(name, value)
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDTH_IN_A_PIPE)
    console.print(table)
    for finding in summary.findings[:_FINDINGS_SHOWN_MAX]:
        console.print(f"{finding.fault.upper()} {finding.order}: {finding.sentence}", markup=False)
    left = len(summary.findings) - _FINDINGS_SHOWN_MAX
    if left > 0:
        console.print(f"... and {left} more findings (--json prints them all)")


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    channels = ", ".join(f"{name} {number}" for name, number in summary.orders_by_sales_channel.items())
    yield "seed, orders", f"{summary.seed}; {summary.orders} orders of the sales channels {channels}"
    yield "what happened", _listed({name.replace("_", " "): number for name, number in summary.stories.items()})
    yield from _delivered(summary)
    yield "orders", _listed({_STATES.get(name, name): number for name, number in summary.orders_by_state.items()})
    for title, rows in (("held", summary.held), ("exceptions after import", summary.after_import)):
        for place, row in enumerate(rows):
            yield ("" if place else title), f"{row.kind}, for {row.owner}: {_worth(row)}"
    yield from _of_the_erp(summary)
    yield from _of_money(summary.money)
    morning = summary.morning
    p50, p99 = _seconds(morning.import_p50_s), _seconds(morning.import_p99_s)
    yield "orders/s in the morning", f"{morning.orders_per_s:.1f}"
    why = "while the ERP throttles, fails and loses answers; estimated from the histogram"
    yield "delivery to sale", f"in the morning p50 {p50}, p99 {p99} ({why})"
    yield "wall time", f"{summary.wall_s:.1f} s"
    digests = ", ".join(f"{name.replace('_', ' ')} {digest[:16]}" for name, digest in summary.digests.items())
    yield "digests of the books", digests
    for name, ended in summary.ended.items():
        late = "" if ended.in_time else ", killed because it did not end in time"
        yield f"end of {name}", f"status {ended.status} after {ended.seconds:.1f} s{late}"
    if summary.ended:
        yield "to look around", f"N={summary.orders} KEEP=1 make demo leaves everything running, and says where"
    yield "observer", _verdict(summary)


def _verdict(summary: Summary) -> str:
    if not summary.findings:
        return "nothing lost, nothing doubled, every figure right, every planted difference found"
    return several(len(summary.findings), "finding")


def _worth(row: Waiting) -> str:
    """How many orders, what they come to, and what of that is at stake."""
    orders = several(row.orders, "payout" if row.kind.startswith("payout.") else "order")
    if not row.amounts:
        return f"{orders}, no amount"
    return f"{orders} of {_amounts(row.amounts)}, {_amounts(row.at_stake) or 'no amount'} at stake"


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in amounts.items())


def _delivered(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the hub did."""
    deliveries = summary.deliveries
    words = {"lost": "answers lost", "not_sent": "not sent", "timeout": "timed out"}
    answers = {words.get(name, f"x {name}"): number for name, number in deliveries.answers.items()}
    retried = deliveries.runs.get("retries", 0)
    yield "versions of orders", f"{deliveries.versions} acknowledged; {deliveries.repeats} times one came again"
    yield "deliveries by answer", _listed(answers)
    runs = {name.replace("_", " "): number for name, number in deliveries.runs.items() if name != "retries"}
    yield "runs of the flows", f"{_listed(runs)}; {retried} of them retries of failed ones"


def _of_the_erp(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the ERP was asked, how it misbehaved, and what its warehouse did."""
    erp, warehouse = summary.erp, summary.warehouse
    repeated = f"{erp.creates_repeated} repeated with the same bytes, {erp.creates_changed} with those of an edit"
    yield "creates in the ERP", f"{erp.creates_applied} applied, {repeated}"
    lost = f"{erp.answers_lost} answers were lost after the sale was made"
    yield "unknown outcomes", f"{summary.outcomes_unknown}, settled by {erp.lookups} look-ups; {lost}"
    yield "ERP trouble", f"{erp.throttled} x 429, {erp.server_errors} x 5xx, {erp.dropped} x connection cut"
    yield "ERP calls per sale", f"{erp.calls_per_sale:.3f}"
    shipments = f"{warehouse.shipped} shipments done, {warehouse.packed} packed, {warehouse.on_hold} on hold"
    yield "warehouse", f"{shipments}; {warehouse.parcels} parcels, {warehouse.moves} stock moves"
    stock, units = summary.stock, summary.stock.oversold
    told = f"{stock.levels_published} levels published in {stock.starts} starts of flows"
    yield "stock", f"{told}, {stock.possible_repeats} of them possible repeats; {stock.figures} figures compared"
    beyond = ", ".join(f"{name} {number}" for name, number in units.beyond_told.items() if number) or "none"
    yield (
        "units oversold",
        f"beyond what was shown: {beyond}; sold twice at once: {units.raced}; told too much: {units.told_too_much}",
    )
    yield "shipments", _shipments(summary.shipments)


def _of_money(money: Money) -> Iterator[tuple[str, str]]:
    """Payouts, what was posted of them, which orders are closed, and what was planted."""
    ledger = money.ledger
    yield "payouts", f"{money.payouts_proven} of {money.payouts} proven, {money.lines} lines; {_not_posted(ledger)}"
    for place, batch in enumerate(ledger.batches):
        what = f"{batch.sales_channel}, {batch.day}: {batch.amount:,.2f} {batch.currency}"
        yield ("" if place else "batches posted"), f"{what}; debit less credit {batch.difference:.2f}"
    yield "moves in the ledger", f"{ledger.moves}, {ledger.unbalanced} of them out of balance"
    waiting = _listed(money.open_by_cause)
    yield "orders closed", f"{money.closed} settled; the others wait first for: {waiting}"
    yield "unexplained", f"{_amounts(money.unexplained)}, of everything that was not planted"
    for place, each in enumerate(money.planted):
        verdict = "found" if each.found else "NOT FOUND"
        of = f"{each.plant}, {each.amount:,.2f} {each.currency}, {each.subject}"
        yield ("" if place else "planted"), f"{of}: {verdict}: {each.said}"


def _not_posted(ledger: LedgerSeen) -> str:
    """What is shown and not posted."""
    amounts = _amounts(ledger.not_posted) or "nothing"
    return f"{amounts} of it not posted, since the ledger is in another currency"


def _shipments(shipments: Shipments) -> str:
    """What the sales channels know of what has left."""
    told = shipments.told
    known = f"told {told.told}, untold {told.untold}, held {told.held} (carrier not mapped)"
    cancelled = f", {told.cancelled} of orders that were cancelled there"
    again = f"{shipments.starts} starts of flows, {shipments.possible_repeats} of them possible repeats"
    return f"{known}{cancelled}; {shipments.proven} proven told; {again}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} s" if value < 1 else f"{value:.1f} s"


def show_addresses(world: World, summary: Summary) -> None:
    """Where to look while the processes are kept up, what ending them does, and the verdict once more; on stderr."""
    config = world.config
    store = "deletes the logs and the store" if summary.good else "leaves the logs and the store"
    lines = (
        "Everything is still running. To look around:",
        f"  curl {world.ops_url}/metrics",
        f"  curl '{world.ops_url}/readyz?verbose'",
        f"  curl '{world.erp_url}/sandbox/books?sales=0'",
        f"  curl '{world.hub_url}/sandbox/books?full=0'",
        f"  seamline orders list --config {config}",
        f"  seamline orders list --state held --config {config}",
        f"  seamline holds --config {config}",
        f"  seamline orders explain ORDER --config {config}",
        f"  logs and store: {world.directory}",
        f"Ctrl-C (or SIGTERM) ends it, and {store}.",
        f"observer: {_verdict(summary)}",
    )
    print("\n".join(lines), file=sys.stderr, flush=True)
