"""The commands about statements: whether every order of a business day is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import App

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    NotFound,
    Rows,
    day_in,
    explain_none,
    loaded,
    no_sales_channel,
    one_form,
    read_store,
    write_csv,
)
from flows.cli.screen import harmless, print_json, print_table, say, short, tell_cut
from runtime.clock import SystemClock, to_datetime

statements = App(name="statements", help="Whether every order of a sales channel's business day is accounted for.")

Verdict = Literal["complete", "incomplete", "unproven"]
_HEAD = (
    *("day", "sales channel", "verdict", "orders", "received", "sales", "on the way", "held", "waiting", "excluded"),
    *("cancelled", "missing", "gone", "undated", "version", "taken", "digest"),
)


@statements.command(name="list")
def list_statements(
    *,
    sales_channel: str = "",
    verdict: Verdict | None = None,
    limit: Rows = 50,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """The newest statement about each day, the latest day first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    verdict
        Only those that are complete, incomplete, or unproven (nothing says how many orders there were).
    """
    from flows.reading.statements import statements_listed  # noqa: PLC0415

    one_form(csv, json=json)
    rows = read_store(
        config,
        lambda read: statements_listed(read, sales_channel=sales_channel, verdict=verdict or "", limit=limit + 1),
    )
    explain_none(rows, config, sales_channel)
    tell_cut(rows, limit)
    rows = rows[:limit]
    if json:
        print_json(rows)
    elif csv is not None:
        write_csv(csv, _HEAD, [_cells(row) for row in rows])
    else:
        empty = "no statements like that" if sales_channel or verdict else "no statements"
        if not rows and loaded(config, "reconciliation").reconciliation is None:
            empty = "no statements: no day is stated, since [reconciliation] is not set"
        print_table(_HEAD[:-1], [_cells(row)[:-1] for row in rows], empty=empty)


def _cells(row: Any) -> tuple[Any, ...]:
    had = "nobody says" if row.had is None else row.had
    return (
        *(row.day, row.sales_channel, row.verdict, had, row.received, row.sales, row.on_the_way, row.held, row.waiting),
        *(sum(row.excluded.values()), row.cancelled, row.missing, row.gone, row.undated, row.version),
        *(short(row.taken_at), row.digest),
    )


@statements.command(name="show")
def show_statement(
    sales_channel: str,
    day: str,
    *,
    version: int | None = None,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """The statement about one day: both sides of the equation, what says so, and what is missing. A version never
    changes: it prints the same whenever it is asked for.

    Parameters
    ----------
    sales_channel
        The sales channel as configured.
    day
        The business day, as 2026-11-25.
    version
        Not the newest version, but this one.
    """
    from flows.reading.statements import statement_versions  # noqa: PLC0415
    from flows.reconciler.statement import sentence_of  # noqa: PLC0415

    one_form(csv, json=json)
    rows = read_store(config, lambda read: statement_versions(read, sales_channel, day_in(day)))
    row = next((each for each in rows if version in (None, each.version)), None)
    if row is None:
        raise _not_stated(config, sales_channel, day_in(day), [each.version for each in rows])
    if json:
        print_json({**msgspec.structs.asdict(row), "sentence": sentence_of(row)})
        return
    head, lines = ("what", "orders"), [*row.lines, *(("missing order", each) for each in row.named)]
    if csv is not None:
        write_csv(csv, head, lines)
        return
    say(f"{sentence_of(row)}. Verdict: {row.verdict}.")
    print_table(head, [(what, "nobody says" if count is None else count) for what, count in lines])
    for source in row.evidence.manifests:
        say(f"by {source}")
    say(f"version {row.version} of {len(rows)}, taken {short(row.taken_at)}, digest {row.digest}")


def _not_stated(config: Path, sales_channel: str, day: str, versions: list[int]) -> NotFound:
    """Why there is no such statement."""
    from flows.model.reconciliation import zone_of_company  # noqa: PLC0415

    about = harmless(f"about {sales_channel} on {day}")
    if versions:
        return NotFound(f"the statement {about} has no such version; there are {', '.join(map(str, sorted(versions)))}")
    settings = loaded(config, "sales_channels", "payments", "postings", "reconciliation")
    if sales_channel not in settings.sales_channels:
        return no_sales_channel(sales_channel, settings.sales_channels)
    if settings.reconciliation is None:
        return NotFound("no day is stated, since [reconciliation] is not set")
    zone = zone_of_company(settings.reconciliation, settings.payments, settings.postings)
    today = to_datetime(SystemClock().now()).astimezone(ZoneInfo(zone)).date().isoformat()
    if day >= today:
        return NotFound(f"{day} is not over: in {zone} it is {today}, and a day is stated when it is over")
    return NotFound(
        f"there is no statement {about}: days are stated from the first order on, as far as 35 days back; a manifest "
        "of an earlier day has it stated as soon as it has come. `seamline statements list` shows those that there are"
    )
