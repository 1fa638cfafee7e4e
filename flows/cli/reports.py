"""The commands that print reports of a month: the same, to the byte, whenever they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from flows.cli.close import MonthName, asked_month, require_known
from flows.cli.parts import CONFIG, AsJson, ConfigPath, NotFound, loaded, one_form, read_store, write_csv
from flows.cli.screen import print_json, print_table, say
from runtime.clock import SystemClock, to_datetime
from runtime.errors import SeamlineError

reports = App(name="reports", help="Reports of a month that print the same whenever they are asked for.")

TableFile = Annotated[
    Path | None,
    Parameter(
        name="--csv",
        allow_leading_hyphen=True,
        help="Write it as one table for a spreadsheet into this file, in which each row says of which table of the "
        "report it is; - for standard output.",
    ),
]
HtmlFile = Annotated[Path | None, Parameter(name="--html", allow_leading_hyphen=True)]


@reports.command
def clearing(
    month: MonthName,
    *,
    csv: TableFile = None,
    html: HtmlFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """What moved through each gateway, by currency: opening, charges, refunds, fees, disputes, paid out, closing; and
    what the closing balance is made of, each difference with its name.

    Parameters
    ----------
    html
        Write it as a page with charts into this file, which needs nothing beside itself; - is standard output.
    """
    from flows.reading.clearing import clearing as read_clearing  # noqa: PLC0415

    _one_stream(csv, html, json=json)
    settings = loaded(config, "postings", "reconciliation")
    if settings.reconciliation is None or not settings.reconciliation.closing:
        raise NotFound(
            "clearing needs [reconciliation.closing] in the configuration, by which the money of orders is followed"
        )

    async def ask(read: Any, wanted: Any, policy: Any) -> Any:
        return await read_clearing(read, wanted, policy.zone, settings.reconciliation.closing, settings.postings)

    _print(config, month, ask, csv=csv, html=html, json=json)


@reports.command
def cutoff(
    month: MonthName,
    *,
    csv: TableFile = None,
    html: HtmlFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """What is on two sides of the month's end: sold in the month and not shipped in it, and the reverse; paid and not
    shipped, shipped and not paid; shipped and not invoiced, and the reverse; shipped without a move of cost.

    Parameters
    ----------
    html
        Write it as a page with charts into this file, which needs nothing beside itself; - is standard output.
    """
    from flows.reading.cutoff import cutoff as read_cutoff  # noqa: PLC0415

    _one_stream(csv, html, json=json)
    channels = loaded(config, "sales_channels").sales_channels
    watched = frozenset(name for name, each in channels.items() if each.fulfilments is not None)

    async def ask(read: Any, wanted: Any, policy: Any) -> Any:
        return await read_cutoff(read, wanted, policy, watched)

    _print(config, month, ask, csv=csv, html=html, json=json)


@reports.command(name="stock-value")
def stock_value(
    month: MonthName,
    *,
    csv: TableFile = None,
    html: HtmlFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """What was on stock when the month ended, times what it cost then; SKUs whose cost Fulfil has not told are named.

    Parameters
    ----------
    html
        Write it as a page with charts into this file, which needs nothing beside itself; - is standard output.
    """
    from flows.reading.stock_value import kept_stock_value  # noqa: PLC0415

    _one_stream(csv, html, json=json)
    postings = loaded(config, "postings").postings
    currency = "" if postings is None else postings.currency

    async def ask(read: Any, wanted: Any, policy: Any) -> Any:
        report = await kept_stock_value(read, wanted, policy.zone, currency)
        if report is None:
            if to_datetime(SystemClock().now()).astimezone(policy.zone).date() <= wanted.last:
                raise NotFound(f"{month} is not over in {policy.time_zone}; what is on stock is kept when it ends")
            raise NotFound(
                f"what was on stock at the end of {month} is not kept: it is kept when a month ends while the process "
                "runs and the stock of a sales channel is published, and cannot be asked of Fulfil later"
            )
        return report

    _print(config, month, ask, csv=csv, html=html, json=json)


def _one_stream(csv: Path | None, html: Path | None, *, json: bool) -> None:
    """Raise SeamlineError when two forms would be on standard output; a page may be written beside another form."""
    one_form(csv, json=json)
    if str(html) == "-" and (json or str(csv) == "-"):
        raise SeamlineError("--json, --csv - and --html - would all be on standard output; say one of them")


def _print(
    config: Path, month: str, ask: Callable[..., Any], *, csv: Path | None, html: Path | None, json: bool
) -> None:
    """The report, in the forms that are asked for; as tables when none is."""
    from flows.monthly.page import page_of  # noqa: PLC0415
    from flows.monthly.report import so_far  # noqa: PLC0415
    from flows.monthly.table import table_of  # noqa: PLC0415

    wanted, policy, today = asked_month(config, month)

    async def asked(read: Any) -> Any:
        await require_known(read, wanted, policy)
        return await ask(read, wanted, policy)

    report = read_store(config, asked, one_state=True)
    if wanted.stage(today) == "running":
        report = so_far(report)
        say(f"{month} is not over in {policy.time_zone}: this is what there is of it so far", to=sys.stderr)
    if csv is not None:
        write_csv(csv, *table_of(report))
    if html is not None:
        _write(html, page_of(report))
    if json:
        print_json({**_built(report), "digest": report.digest})
    if csv is None and html is None and not json:
        _show(report)


def _show(report: Any) -> None:
    from flows.monthly.page import as_of_text  # noqa: PLC0415
    from flows.monthly.report import text_of  # noqa: PLC0415

    say(f"{report.title}, {report.month} (business days of {report.time_zone})")
    for section in report.sections:
        print()
        say(section.title)
        rows = [tuple(text_of(cell) for cell in row) for row in section.rows]
        print_table(section.head, list(rows), empty=section.empty)
        if section.note:
            say(section.note)
    print()
    for remark in report.remarks:
        say(remark)
    say(f"{as_of_text(report.as_of)}; digest {report.digest}")


def _built(report: Any) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415

    return {name: getattr(report, name) for name in msgspec.structs.asdict(report)}


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SeamlineError(f"{path} cannot be written ({error.strerror})") from None
    print(path, file=sys.stderr)
