"""The commands about order to cash: what is not settled, and which differences finance has accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    Rows,
    explain_none,
    loaded,
    one_form,
    print_list,
    read_store,
)
from flows.cli.screen import short, tell_cut

WaitsFor = Literal[
    "shipping", "telling", "proof", "cases", "recording", "posting", "dispute", "payout", "bank", "settlement",
    "receivable", "unexpected", "payment", "refund", "a first look",
]  # fmt: skip
_UNSETTLED = ("placed", "order", "number", "amount", "currency", "sale", "first", "waits")
_ACCEPTED = ("at", "order", "cause", "amount", "currency", "expected", "found", "by", "why")


def unsettled(
    *,
    sales_channel: str = "",
    waits_for: WaitsFor | None = None,
    limit: Rows = 50,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Imported orders that are not settled, and what each waits for; those that were placed first first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    waits_for
        Only those that wait for this first.
    """
    from flows.reading.closing import unsettled as read_unsettled  # noqa: PLC0415

    one_form(csv, json=json)
    rows = read_store(
        config, lambda read: read_unsettled(read, sales_channel=sales_channel, cause=waits_for or "", limit=limit + 1)
    )
    explain_none(rows, config, sales_channel)
    tell_cut(rows, limit)
    rows = rows[:limit]
    cells = [
        ("" if row.placed_at is None else short(row.placed_at), row.key, row.reference, row.amount, row.currency,
         row.sale_number or row.sale, row.cause, "; ".join(row.waits))
        for row in rows
    ]  # fmt: skip
    empty = "" if rows else _none_unsettled(config, sales_channel or waits_for or "")
    print_list(rows, _UNSETTLED, cells, csv=csv, json=json, empty=empty)


def _none_unsettled(config: Path, asked: str) -> str:
    settings = loaded(config, "reconciliation").reconciliation
    if settings is None or not settings.closing:
        return "none is followed, since [reconciliation.closing] is not set"
    return "no order that is not settled is like that" if asked else "every order is settled"


def accepted(*, limit: Rows = 50, csv: CsvFile = None, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Differences between orders and their sales that a person has accepted, with name and reason."""
    from flows.reading.closing import accepted as read_accepted  # noqa: PLC0415

    one_form(csv, json=json)
    rows = read_store(config, lambda read: read_accepted(read, limit=limit + 1))
    tell_cut(rows, limit)
    rows = rows[:limit]
    cells = [
        (short(row.at), row.order, row.cause, row.amount, row.currency, row.expected, row.found, row.by, row.reason)
        for row in rows
    ]
    print_list(rows, _ACCEPTED, cells, csv=csv, json=json, empty="nobody has accepted a difference")
