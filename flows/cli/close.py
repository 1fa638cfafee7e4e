"""The command that says what still stands between now and a clean month."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    Mistyped,
    NotFound,
    loaded,
    month_named,
    one_form,
    print_list,
    read_store,
    write_csv,
)
from flows.cli.screen import print_json, print_table, say
from runtime.clock import SystemClock, to_datetime

MonthName = Annotated[str, Parameter(help="The month, as 2026-10.")]
_HEAD = ("", "what", "how many", "amount", "currency", "oldest", "whose", "see")
_ITEMS_HEAD = ("day", "what", "of", "amount", "currency", "see")
_CSV_HEAD = ("month", "stands", "check", *_HEAD[1:])


def close(
    month: MonthName,
    *,
    items: str = "",
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> int:
    """What still stands between now and a clean month: how many, how much, the oldest, whose it is, and where to look.

    Days are business days of finance's company. Amounts are what is at stake, each counted without its sign. What is
    only listed carries over, or was accepted. Exit status 0 only when the month is over and nothing stands; 1 when
    something does, when the month is still running, and when it has not begun or nothing is known of it; 2 for what is
    no month.

    Parameters
    ----------
    items
        Instead of the board everything that one of its rows counts, each with its day and amount: the row's check as
        --csv and --json have it, such as accepted, not_complete, in_transit or earlier.
    """
    from flows.reading.close import close_board  # noqa: PLC0415

    one_form(csv, json=json)
    check = _check_named(items) if items else None
    wanted, policy, today = asked_month(config, month)
    if check is not None:
        return _items(wanted, policy, today, check, csv=csv, config=config, json=json)

    async def ask(read: Any) -> Any:
        await require_known(read, wanted, policy)
        return await close_board(read, wanted, today, policy)

    board = read_store(config, ask, one_state=True)
    rows = [(*cells[:-1], _command(cells[-1], config)) for cells in map(_cells, board.rows)]
    if json:
        print_json(board)
    elif csv is not None:
        write_csv(
            csv,
            _CSV_HEAD,
            [
                (board.month, "yes" if row.stands else "no", row.check.value, *cells[1:3], row.amount, *cells[4:])
                for row, cells in zip(board.rows, rows, strict=True)
            ],
        )
    else:
        print_table(_HEAD, rows, empty="nothing stands, and nothing is carried over", typed=True)
        say(board.sentence)
    return 0 if board.clean else 1


def _check_named(text: str) -> Any:
    """A check of the board. Raises Mistyped for what is none."""
    from flows.monthly.checks import Check  # noqa: PLC0415

    if text not in tuple(Check):
        raise Mistyped(f"{text!r} is no row of the board; there are {', '.join(Check)}")
    return Check(text)


def _items(month: Any, policy: Any, today: Any, check: Any, *, csv: Path | None, config: Path, json: bool) -> int:
    """Everything that the rows of one check count."""
    from flows.reading.close import close_items  # noqa: PLC0415

    async def ask(read: Any) -> Any:
        await require_known(read, month, policy)
        return await close_items(read, month, today, policy, check)

    board, found = read_store(config, ask, one_state=True)
    cells = [(each.day, each.what, each.key, each.amount, each.currency, _command(each.next, config)) for each in found]
    print_list(found, _ITEMS_HEAD, cells, csv=csv, json=json, empty=f"{month} has nothing of {check.value}", typed=True)
    return 0 if board.clean else 1


def _cells(row: Any) -> tuple[Any, ...]:
    amount = "" if row.amount is None else f"{row.amount:f}"
    mark = "stands" if row.stands else "listed"
    return (mark, row.what, row.count, amount, row.currency, row.oldest, row.owner, row.next)


def _command(text: str, config: Path) -> str:
    """The command as it is to be typed, with the configuration where it is not the usual one."""
    return f"{text} --config {shlex.quote(str(config))}" if config != CONFIG else text


def asked_month(config: Path, text: str) -> tuple[Any, Any, Any]:
    """The month that is meant, how the company has its days, and which day it is there now.

    Raises Mistyped for what is no month, NotFound for one that has not begun.
    """
    from flows.model.reconciliation import zone_of_company  # noqa: PLC0415
    from flows.reading.close import ClosePolicy  # noqa: PLC0415

    month = month_named(text)
    settings = loaded(config, "sales_channels", "payments", "postings", "reconciliation")
    zone = zone_of_company(settings.reconciliation, settings.payments, settings.postings)
    policy = ClosePolicy(
        time_zone=zone,
        sales_channels=tuple(settings.sales_channels),
        reconciles=settings.reconciliation is not None,
        closing={} if settings.reconciliation is None else settings.reconciliation.closing,
    )
    today = to_datetime(SystemClock().now()).astimezone(policy.zone).date()
    if month.stage(today) == "ahead":
        raise NotFound(f"{text} has not begun: in {zone} it is {today}")
    return month, policy, today


async def require_known(read: Any, month: Any, policy: Any) -> None:
    """Raise NotFound for a month before the first of which anything is known: nobody can say that it is clean."""
    from flows.reading.close import first_month  # noqa: PLC0415

    first = await first_month(read, policy.zone)
    if first is None:
        raise NotFound("nothing is known of any month: no order, no payout, no statement is here yet")
    if month < first:
        raise NotFound(f"nothing is known of {month}: the first month of which anything is known is {first}")
