"""What a person sees of the demo: how far the day is, on stderr, and the summary at its end, on stdout.

On a terminal a progress bar; anywhere else a plain line now and then, so that a log stays readable.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.demo.summary import Summary
from flows.demo.world import World

_LINE_EVERY_S = 2.0
_FINDINGS_SHOWN_MAX = 20
_WIDTH_IN_A_PIPE = 140


class View(Protocol):
    """Where the progress goes."""

    def says(self, sentence: str) -> None:
        """Something begins."""
        ...

    def shows(self, delivered: int, sales: int) -> None:
        """How far it is: deliveries acknowledged, and sales in the books."""
        ...


class _Lines:
    """Plain lines, with the seconds since the beginning."""

    def __init__(self, deliveries: int, sales: int) -> None:
        self._deliveries, self._sales = deliveries, sales
        self._began = anyio.current_time()
        self._due = self._began

    def says(self, sentence: str) -> None:
        print(f"{anyio.current_time() - self._began:5.1f} s  {sentence}", file=sys.stderr, flush=True)

    def shows(self, delivered: int, sales: int) -> None:
        if anyio.current_time() >= self._due:
            self._due = anyio.current_time() + _LINE_EVERY_S
            self.says(f"{delivered} of {self._deliveries} deliveries acknowledged, {sales} of {self._sales} sales made")


class _Bars:
    """Two bars on a terminal."""

    def __init__(self, progress: Progress, deliveries: int, sales: int) -> None:
        self._progress = progress
        self._tasks: tuple[TaskID, TaskID] = (
            progress.add_task("deliveries acknowledged", total=deliveries),
            progress.add_task("sales in the books", total=sales),
        )

    def says(self, sentence: str) -> None:
        self._progress.console.print(sentence, style="dim")

    def shows(self, delivered: int, sales: int) -> None:
        for task, completed in zip(self._tasks, (delivered, sales), strict=True):
            self._progress.update(task, completed=completed)


@contextmanager
def view(deliveries: int, sales: int) -> Iterator[View]:
    """The view that suits stderr, for so many deliveries and sales."""
    if not sys.stderr.isatty():
        yield _Lines(deliveries, sales)
        return
    columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bars(progress, deliveries, sales)


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
    for complaint in summary.complaints[:_FINDINGS_SHOWN_MAX]:
        console.print(complaint, markup=False)


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    states = summary.orders_by_state
    morning = summary.morning
    p50, p99 = _seconds(morning.import_p50_s), _seconds(morning.import_p99_s)
    acknowledged = f"{summary.deliveries_sent} sent, {summary.deliveries_acknowledged} acknowledged"
    creates = f"{summary.creates_applied} applied, {summary.creates_repeated} repeated with the same bytes"
    yield "seed, orders", f"{summary.seed}, {summary.orders}"
    yield "deliveries", f"{acknowledged}; of {summary.items_acknowledged} items {summary.items_known} were known"
    yield "orders", _listed(states)
    yield "held by cause", _listed(summary.held_by_cause)
    yield "exceptions after import", _listed(summary.exceptions_after_import)
    yield "creates", f"{creates}, {summary.creates_changed} with others"
    yield "unknown outcomes", str(summary.outcomes_unknown)
    yield "answers lost", f"{summary.answers_lost} after the sale was made"
    yield "look-ups", str(summary.lookups)
    yield (
        "ERP trouble",
        f"{summary.erp_throttled} x 429, {summary.erp_server_errors} x 5xx, {summary.erp_dropped} x connection cut",
    )
    yield "ERP calls per sale", f"{summary.erp_calls_per_sale:.3f}"
    yield "orders/s in the morning", f"{morning.orders_per_s:.1f}"
    yield "webhook to sale in the morning", f"p50 {p50}, p99 {p99} (estimated from the histogram)"
    yield "wall time", f"{summary.wall_s:.1f} s"
    yield "books", f"{summary.sales} sales, digest {summary.books_digest[:16]}"
    for name, ended in summary.ended.items():
        late = "" if ended.in_time else ", killed because it did not end in time"
        yield f"end of {name}", f"status {ended.status} after {ended.seconds:.1f} s{late}"
    verdict = "nothing lost, nothing doubled, every figure right"
    yield "observer", verdict if not summary.findings else f"{len(summary.findings)} findings"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} s" if value < 1 else f"{value:.1f} s"


def show_addresses(world: World) -> None:
    """Where to look while the processes are kept up, on stderr."""
    config = world.config
    lines = (
        "Everything is still running. To look around:",
        f"  curl {world.ops_url}/metrics",
        f"  curl '{world.ops_url}/readyz?verbose'",
        f"  curl '{world.sandbox_url}/sandbox/books?sales=0'",
        f"  seamline orders list --config {config}",
        f"  seamline orders list --state held --config {config}",
        f"  seamline holds --config {config}",
        f"  seamline orders explain ORDER --config {config}",
        f"  logs and store: {world.directory}",
        "Ctrl-C (or SIGTERM) ends it.",
    )
    print("\n".join(lines), file=sys.stderr, flush=True)
