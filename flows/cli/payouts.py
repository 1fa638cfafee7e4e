"""The commands about payouts: what providers say they have paid, imported, listed, shown, and as a table."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import msgspec
from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    Mistyped,
    NotFound,
    Rows,
    Who,
    control,
    explain_none,
    loaded,
    no_sales_channel,
    one_form,
    read_store,
    who,
    write_csv,
)
from flows.cli.screen import harmless, print_fields, print_json, print_table, say, say_cells, short, tell_cut
from runtime.errors import SeamlineError, Stop

payouts = App(name="payouts", help="What payment providers have paid out, proven, and tied to orders.")

Verdict = Literal["proven", "contradicted", "unproven"]
Flag = Annotated[bool, Parameter(negative="")]


class FileRefused(Stop):
    """A file that is read whole or not at all; the message has the place in it. Exit status 65."""

    exit_status = os.EX_DATAERR


class FileMissing(Stop):
    """The file is not there, or cannot be read. Exit status 66."""

    exit_status = os.EX_NOINPUT


@payouts.command(name="import")
def import_payouts(
    file: Path,
    *,
    sales_channel: str,
    format_: Annotated[str, Parameter(name="--format")] = "",
    bank_amount: str = "",
    time_zone: str = "UTC",
    encoding: str = "utf-8",
    reason: str = "",
    by: Who = "",
    yes: Flag = False,
    dry_run: Flag = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> int:
    """Import a file of payouts: whole, or not at all. The same file again, or one that overlaps, changes nothing.

    Refused is a payout that is known of another sales channel, or that is likely known under another id (the same day
    and amount), and another amount in the bank than was said before, unless you say --yes.

    Exit status 0 when every payout in it ties, or has nothing to be compared with, or there is nothing in it; 1 when
    one does not tie, has something unexplained, says that it is a part, was not received, or is known otherwise or
    twice, until a person has looked; 65 when the file is refused, with the place in it, or is of no known format; 66
    when it cannot be read. Lines of no known order are told, and make no other status.

    Parameters
    ----------
    file
        As it was downloaded, never saved by a spreadsheet.
    sales_channel
        The sales channel, as configured, whose orders were paid.
    format_
        Which format it is; recognised by its beginning when it is not given. `seamline payouts formats` lists them.
    bank_amount
        The amount of the line in the bank's own statement, as 1234.56; for a file with one payout.
    time_zone
        Of times in the file that have none, as Europe/Berlin.
    encoding
        Of its text, as latin-1.
    reason
        Why, where that is not plain, for whoever looks at it in a year. It stays on record.
    yes
        Import it although something that is known speaks against it, which goes on record with your reason.
    dry_run
        Read and prove it, say what is new beside what the store has, where there is one, and keep nothing.
    """
    from flows.payout_import import importing  # noqa: PLC0415
    from flows.payout_import.file import formats_of, opened  # noqa: PLC0415
    from flows.payout_import.meeting import Meeting  # noqa: PLC0415
    from flows.payout_import.summary import summary_of, told_of  # noqa: PLC0415
    from flows.payouts import PayoutUnreadable  # noqa: PLC0415

    channels = loaded(config, "sales_channels").sales_channels
    if sales_channel not in channels:
        raise no_sales_channel(sales_channel, channels)
    if not file.is_file():
        raise FileMissing(f"{file} is no file that can be read")
    if yes and not reason:
        raise Mistyped("--yes goes with --reason: why it is right all the same, for the record")
    bank, zone = _amount(bank_amount), _zone(time_zone)
    _known_encoding(encoding)
    shows = not json and sys.stderr.isatty()
    readers = formats_of(loaded(config, "payout_formats").payout_formats)
    try:
        with opened(file, readers, format_, zone=zone, encoding=encoding) as read:
            examined = importing.examined_with_bar(read, shows=shows)
            if bank is not None and len(examined.headers) != 1:
                raise SeamlineError(f"--bank-amount is of one payout, and the file has {len(examined.headers)}")
            store = Path(loaded(config, "store").store.path)
            asked = (store, read, examined, sales_channel, bank)
            meeting = anyio.run(importing.compared, *asked) if store.exists() else Meeting()
            _refuse(file.name, () if yes else meeting.against)
            kept = rehearsal = None
            if not dry_run:
                send = partial(
                    importing.imported, loaded(config, "ops"), *asked,
                    meeting=meeting, by=who(by), reason=reason, shows=shows,
                )  # fmt: skip
                kept = anyio.run(send)
            elif store.exists():
                rehearsal = anyio.run(importing.rehearsal, *asked)
            summary = summary_of(file, read, examined, sales_channel, bank, kept=kept, rehearsal=rehearsal)
    except PayoutUnreadable as refused:
        raise FileRefused(f"{file.name}: {harmless(refused)}; nothing of it was imported") from None
    if json:
        print_json(summary)
    else:
        say_cells(told_of(summary))
    return 0 if summary.proven else 1


def _refuse(name: str, against: tuple[str, ...]) -> None:
    """Raises FileRefused with the first of what speaks against a file."""
    if against:
        more = f" (and {len(against) - 1} more like that)" if len(against) > 1 else ""
        raise FileRefused(f"{name}: {harmless(against[0])}{more}; nothing of it was imported")


def _amount(text: str) -> Decimal | None:
    from flows.model.money import InvalidAmount  # noqa: PLC0415
    from flows.payouts.parts import amount_in  # noqa: PLC0415

    try:
        return amount_in(text) if text else None
    except InvalidAmount as error:
        raise Mistyped(f"--bank-amount: {error}") from None


def _zone(name: str) -> Any:
    from flows.payouts.parts import zone_of  # noqa: PLC0415

    try:
        return zone_of(name)
    except ValueError as error:
        raise Mistyped(f"--time-zone: {error}") from None


def _known_encoding(name: str) -> None:
    try:
        "".encode(name)
    except LookupError:
        raise Mistyped(f"--encoding: {name!r} is not known; utf-8, latin-1 and cp1252 are") from None


@payouts.command
def formats(*, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """The formats of payout files that are read; those that are built in where there is no configuration yet."""
    from flows.payout_import.file import formats_of  # noqa: PLC0415

    if config == CONFIG and not config.exists():
        say(f"there is no {config} here: these are built in; [payout_formats] of one may have more", to=sys.stderr)
        found = formats_of({})
    else:
        found = formats_of(loaded(config, "payout_formats").payout_formats)
    if json:
        print_json([{"name": each.name, "provider": each.provider, "about": each.about} for each in found.values()])
        return
    print_table(("format", "provider", "of what"), [(each.name, each.provider, each.about) for each in found.values()])


@payouts.command(name="list")
def list_payouts(
    *,
    sales_channel: str = "",
    verdict: Verdict | None = None,
    limit: Rows = 50,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Payouts, the latest day first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    verdict
        Only those that are proven (lines = reported paid), contradicted, or unproven (nothing to compare with).
    """
    from flows.reading.payouts import payouts_listed  # noqa: PLC0415

    one_form(csv, json=json)
    rows = read_store(
        config,
        lambda read: payouts_listed(read, sales_channel=sales_channel, verdict=verdict or "", limit=limit + 1),
    )
    explain_none(rows, config, sales_channel)
    tell_cut(rows, limit)
    rows = rows[:limit]
    if csv is not None:
        write_csv(csv, _PAYOUT_HEAD, [_payout_cells(row) for row in rows])
    elif json:
        print_json(rows)
    else:
        print_table(
            (
                "day",
                "sales channel",
                "provider",
                "payout",
                "status",
                "lines come to",
                "paid",
                "verdict",
                "off by",
            ),
            [
                (
                    *(row.paid_on or "", row.sales_channel, row.provider, row.payout, row.status.replace("_", " ")),
                    *(f"{row.net} {row.currency}", "" if row.paid is None else row.paid, _verdict(row)),
                    row.difference if each.difference else "",
                )
                for each, row in zip(rows, map(_plain, rows), strict=True)
            ],
            empty="no payouts like that" if sales_channel or verdict else "no payouts",
        )


_PAYOUT_HEAD = (
    *("day", "sales channel", "provider", "payout", "status", "received", "currency", "net", "reported paid", "bank"),
    *("fees", "taxes on fees", "unexplained", "lines", "without order", "verdict", "difference", "let stand by"),
)
_LINE_HEAD = (
    *("payout", "line", "class", "currency", "amount", "fee", "tax on fee", "rest", "net", "type", "at", "order"),
    *("number", "sale", "payment", "refund", "dispute", "presentment", "rate"),
)


def _plain(row: Any) -> Any:
    """A payout, or a line of one, with its amounts as people write them."""
    from flows.model.money import figure  # noqa: PLC0415

    amounts = {name: value for name, value in msgspec.structs.asdict(row).items() if isinstance(value, Decimal)}
    return msgspec.structs.replace(row, **{name: figure(value, row.currency) for name, value in amounts.items()})


def _verdict(row: Any) -> str:
    return f"{row.verdict}, let stand by {row.let_stand_by}" if row.let_stand_by else str(row.verdict)


def _payout_cells(row: Any) -> tuple[Any, ...]:
    return (
        *(row.paid_on, row.sales_channel, row.provider, row.payout, row.status, "yes" if row.received else "no"),
        *(row.currency, row.net, row.paid, row.bank, row.fees, row.taxes, row.unexplained, row.lines, row.unlinked),
        *(row.verdict, row.difference, row.let_stand_by),
    )


def _line_cells(payout: str, row: Any) -> tuple[Any, ...]:
    return (
        *(payout, row.line, row.kind, row.currency, row.amount, row.fee, row.tax, row.gap, row.net, row.type, row.at),
        *(row.order or row.source_order, row.number or row.reference, row.sale_number or row.sale or "", row.payment),
        *(row.refund, row.dispute, row.presentment, row.rate),
    )


@payouts.command
def show(
    payout: str,
    *,
    lines: Flag = False,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """How a payout stands: its sums by class, what it is compared with, what is open about it.

    Parameters
    ----------
    payout
        The provider's id of it, or its key as `seamline holds` shows it.
    lines
        All of its lines, too, by their instants; those without one last.
    """
    from flows.reading.payouts import equations_of, lines_of, payouts_named  # noqa: PLC0415

    one_form(csv, json=json)

    async def ask(read: Any) -> tuple[list[Any], list[Any], list[Any], tuple[str, ...]]:
        found = await payouts_named(read, payout)
        if len(found) != 1:
            return found, [], [], ()
        wanted = [each async for each in lines_of(read, found[0].key)] if lines or csv is not None else []
        wanted.sort(key=lambda row: (not row.at, row.at, row.line))
        return found, wanted, list((await read.story(found[0].key)).cases), await equations_of(read, found[0].key)

    found, wanted, cases, equations = read_store(config, ask)
    _the_only(payout, found)
    if csv is not None:
        write_csv(csv, _LINE_HEAD, [_line_cells(found[0].payout, row) for row in wanted])
    elif json:
        shown = {"lines_listed": wanted} if lines else {}
        print_json({**msgspec.structs.asdict(found[0]), "equations": equations, "cases": cases, **shown})
    else:
        _print_payout(_plain(found[0]), equations, cases)
        if lines:
            print()
            print_table(_LINE_HEAD, [_line_cells(found[0].payout, _plain(row)) for row in wanted])


@payouts.command
def drop(
    payout: str,
    *,
    reason: str,
    by: Who = "",
    config: ConfigPath = CONFIG,
) -> None:
    """Take back a payout that was imported by mistake, while nothing of it is posted.

    Its lines, its cases and what was due of it go; its orders, and payouts that it stood against, are looked at again.
    The right file can then be imported. Refused when something of it is in the ledger, or on its way there.

    Parameters
    ----------
    payout
        The provider's id of it, or its key as `seamline payouts list` shows it.
    reason
        Why, for whoever looks at it in a year. It stays on record.
    """
    from flows.reading.payouts import payouts_named  # noqa: PLC0415

    row = _the_only(payout, read_store(config, lambda read: payouts_named(read, payout)))
    control(config, "payout_drop", key=row.key, by=who(by), reason=reason)


def _the_only(payout: str, found: list[Any]) -> Any:
    """The payout that a text means. Raises NotFound when there is none, or several."""
    if not found:
        raise NotFound(f"no payout is known as {payout!r}; `seamline payouts list` shows those that are")
    if len(found) > 1:
        raise NotFound(f"{payout!r} may be {', '.join(harmless(row.key) for row in found)}; say which")
    return found[0]


def _print_payout(row: Any, equations: tuple[str, ...], cases: list[Any]) -> None:
    from flows.model.money import Money  # noqa: PLC0415

    told = {"status": "not said by the report" if row.status == "unknown" else row.status.replace("_", " ")}
    named = {} if row.received else {"paid_on": "day at the provider"}  # nobody says that it was paid
    fields = [
        (named.get(name, name), told.get(name, value))
        for name, value in msgspec.structs.asdict(row).items()
        if name != "classes"
    ]
    classes = [(kind.replace("_", " "), Money(amount, row.currency)) for kind, amount in sorted(row.classes.items())]
    print_fields([*fields, *classes, *(("equation", each) for each in equations)])
    for case in cases:
        until = "open" if case.closed_at is None else f"closed {short(case.closed_at)}, {case.closed_how}; it said"
        say(f"{case.kind} ({case.owner}, {until}): {case.sentence}")
