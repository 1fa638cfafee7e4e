"""The commands about postings: who posts what, what will be posted and what will not, and what was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    NotFound,
    Reason,
    Rows,
    Who,
    control,
    day_in,
    explain_none,
    loaded,
    one_form,
    print_list,
    read_store,
    who,
    write_csv,
)
from flows.cli.screen import print_json, print_table, say, tell_cut
from flows.model.several import several
from runtime.clock import SystemClock, to_datetime
from runtime.errors import SeamlineError

postings = App(name="postings", help="What is posted into the ledger, and by whom.")

Begin = Annotated[str, Parameter(name="--from")]
End = Annotated[str, Parameter(name="--to")]
_LINE_HEAD = ("booked on", "sales channel", "currency", "journal", "account", "debit", "credit", "text")
_NOT_HEAD = ("day", "sales channel", "gateway", "payout", "event", "amount", "why not")
_CSV_HEAD = (
    *("will be posted", "day", "sales channel", "currency", "journal", "account", "debit", "credit", "text"),
    *("gateway", "payout", "event", "amount", "why not"),
)


@postings.command(name="matrix")
def show_matrix(*, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Who posts which event, to which accounts and on which day, by the configuration; one poster for each.

    What `nobody` posts is in no ledger until it has a row, or somebody books it by hand.
    """
    from flows.model.posting_matrix import PostingSettings, matrix  # noqa: PLC0415

    settings = loaded(config, "postings").postings or PostingSettings()
    lines = matrix(settings)
    if json:
        print_json(lines)
        return
    print_table(
        ("event", "gateway", "currency", "poster", "debit", "credit", "journal", "dated"),
        [
            (
                *(each.event.value, each.gateway or "any", each.currency or "any", each.poster),
                *(each.debit, each.credit, each.journal, each.dated),
            )
            for each in lines
        ],
        empty="",
    )


@postings.command
def preview(
    *,
    sales_channel: str = "",
    begin: Begin = "",
    end: End = "",
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Every journal that will be written, to which accounts, on which day; and what will not, and why.

    Fulfil is asked, with three reads, whether it has the accounts and journals that [postings] names, and which periods
    are open; when it cannot be asked, that is said, all of them are taken to be there, and the periods as they were
    read last.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    begin
        Only what happened on this day or later, as 2026-11-01.
    end
        Only what happened on this day or before.
    """
    from flows.reading.postings import preview_of  # noqa: PLC0415

    one_form(csv, json=json)
    settings = loaded(config, "postings").postings
    if settings is None:
        raise NotFound("there is no [postings] in the configuration: Seamline posts nothing, and works nothing out")
    today = to_datetime(SystemClock().now()).astimezone(settings.zone).date()
    asked = {"sales_channel": sales_channel, "begin": begin and day_in(begin), "end": end and day_in(end)}
    seen = _chart(config, settings)
    found = read_store(config, lambda read: preview_of(read, settings, today, seen, **asked))
    explain_none((*found.lines, *found.not_posted), config, sales_channel)
    if csv is not None:
        for line in (*_told_chart(found), *_told_more(found)):
            say(line, to=sys.stderr)
        write_csv(csv, _CSV_HEAD, [*map(_csv_line, found.lines), *map(_csv_not, found.not_posted)])
    elif json:
        print_json(found)
    else:
        _print_preview(found)


def _chart(config: Path, settings: Any) -> Any:
    """What Fulfil has of the accounts and journals of the matrix, and its periods, or why that is not known."""
    from flows.chart_of_accounts import chart_seen  # noqa: PLC0415
    from flows.reading.postings import ChartSeen  # noqa: PLC0415

    try:
        return anyio.run(chart_seen, loaded(config, "fulfil").fulfil, settings)
    except SeamlineError as error:
        first, *problems = str(error).splitlines()  # of the configuration each has a line below the first
        return ChartSeen(why_not="; ".join(map(str.strip, problems)) or first)


def _told_chart(found: Any) -> list[str]:
    """What is to be made in Fulfil before anything can be posted to it, or that nobody knows."""
    if found.chart_unknown:
        asked = "whether Fulfil has the accounts and journals of [postings], and which periods are open"
        return [f"{asked}, could not be asked: {found.chart_unknown}"]
    return [
        f"Fulfil has no {what} {code}, which [postings] names: nothing is posted to it"
        for what, codes in (("account", found.missing_accounts), ("journal", found.missing_journals))
        for code in codes or ()
    ]


def _told_more(found: Any) -> list[str]:
    """That not all of it is here."""
    return ["there is more: ask for fewer days, or for one sales channel"] if found.more else []


def _print_preview(found: Any) -> None:
    say(
        "mode live: this is posted once its day is over"
        if found.mode == "live"
        else 'mode preview: nothing of this is posted until [postings] says mode = "live"'
    )
    if not found.periods_known:
        say("the periods of Fulfil's ledger are not known yet: days may be of closed ones")
    for line in _told_chart(found):
        say(line)
    print_table(_LINE_HEAD, [_line_cells(line) for line in found.lines], empty=_none_due(found))
    print()
    print_table(
        _NOT_HEAD,
        [
            (
                *(
                    row.day or "",
                    row.sales_channel,
                    row.gateway,
                    row.payout or several(row.payouts, "payout"),
                ),
                *(row.event, f"{row.amount:f} {row.currency}", row.why),
            )
            for row in found.not_posted
        ],
        empty="nothing is left out",
    )
    for line in _told_more(found):
        say(line)


def _none_due(found: Any) -> str:
    """Why there is no journal."""
    if found.not_posted:
        return "no journal will be written: what is not posted, and why, is in the table below"
    return "nothing is due"


def _line_cells(line: Any) -> tuple[Any, ...]:
    return (
        *(line.booked_on, line.sales_channel, line.currency, line.journal, line.account),
        *(line.debit or "", line.credit or "", line.description),
    )


def _csv_line(line: Any) -> tuple[Any, ...]:
    where = (line.booked_on, line.sales_channel, line.currency, line.journal, line.account)
    return ("yes", *where, line.debit, line.credit, line.description, *([None] * 5))


def _csv_not(row: Any) -> tuple[Any, ...]:
    payout = row.payout or several(row.payouts, "payout")
    where = ("no", row.day, row.sales_channel, row.currency, *([None] * 5))
    return (*where, row.gateway, payout, row.event, row.amount, row.why)


@postings.command
def post(
    *, sales_channel: str = "", reason: Reason = "", by: Who = "", config: ConfigPath = CONFIG, json: AsJson = False
) -> None:
    """Have the running process post what is due now, and not at the configured hour. Who asked for it is on record.

    Of days that are over, as always, and with `mode = "live"` only; `seamline postings preview` shows what that is.

    Parameters
    ----------
    sales_channel
        Only what is due of one sales channel.
    """
    control(config, "postings", json=json, sales_channel=sales_channel, by=who(by), reason=reason)


@postings.command(name="list")
def list_batches(
    *,
    sales_channel: str = "",
    begin: Begin = "",
    end: End = "",
    limit: Rows = 50,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Batches that were made, the latest day first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    begin
        Only those booked on this day or later, as 2026-11-01.
    end
        Only those booked on this day or before.
    """
    from flows.reading.postings import batches_listed  # noqa: PLC0415

    one_form(csv, json=json)
    asked = {"sales_channel": sales_channel, "begin": begin and day_in(begin), "end": end and day_in(end)}
    rows = read_store(config, lambda read: batches_listed(read, **asked, limit=limit + 1))
    explain_none(rows, config, sales_channel)
    tell_cut(rows, limit)
    rows = rows[:limit]
    head = ("booked on", "sales channel", "currency", "journal", "status", "total", "what", "move", "digest", "batch")
    cells = [
        (row.booked_on, row.sales_channel, row.currency, row.journal, row.status, row.total, _what(row), row.move or "",
         row.digest[:12], row.reference)
        for row in rows
    ]  # fmt: skip
    empty = "" if rows else _none_posted(config, sales_channel or begin or end)
    print_list(rows, head, cells, csv=csv, json=json, empty=empty)


def _what(row: Any) -> str:
    """Whether it corrects what was posted: its total alone looks like that of what it takes back."""
    if not row.corrections:
        return ""
    return "correction" if row.corrections == row.postings else f"{row.corrections} of {row.postings} are corrections"


def _none_posted(config: Path, asked: str) -> str:
    """Why the list is empty."""
    if loaded(config, "postings").postings is None:
        return "nothing was posted, since [postings] is not set"
    return "nothing like that was posted" if asked else "nothing was posted"


@postings.command
def show(batch: str, *, csv: CsvFile = None, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """The statement of a batch: its lines, what is in it, and the digest of that.

    Parameters
    ----------
    batch
        Its reference, the beginning of its digest (six characters or more), or Fulfil's id of the move.
    """
    from flows.reading.postings import batches_named, postings_of  # noqa: PLC0415

    one_form(csv, json=json)

    async def ask(read: Any) -> tuple[list[Any], list[Any]]:
        found = await batches_named(read, batch)
        return found, await postings_of(read, found[0].reference) if len(found) == 1 else []

    found, members = read_store(config, ask)
    if not found:
        raise NotFound(f"no batch is known as {batch!r}; `seamline postings list` shows those that are")
    if len(found) > 1:
        raise NotFound(f"{batch!r} may be {', '.join(row.reference for row in found)}; say which")
    (row,) = found
    if csv is not None:
        write_csv(csv, _LINE_HEAD, [_line_cells(line) for line in row.lines])
    elif json:
        print_json({"batch": row, "postings": members})
    else:
        _print_batch(row, members)


def _print_batch(row: Any, members: list[Any]) -> None:
    fields = [(name, getattr(row, name)) for name in row.__struct_fields__ if name not in ("lines", "why")]
    print_table(("field", "value"), [(name, "" if value is None else value) for name, value in fields])
    if row.why:
        say(row.why)
    print()
    print_table(_LINE_HEAD, [_line_cells(line) for line in row.lines], empty="it came to nothing")
    print()
    print_table(
        ("payout", "gateway", "event", "day", "amount", ""),
        [
            (each.payout, each.gateway, each.event, each.day, f"{each.amount:f} {each.currency}",
             "correction" if each.correction else "")
            for each in members
        ],
        empty="what was in it is due again",
    )  # fmt: skip
