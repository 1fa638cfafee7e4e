"""The command about listings: what sales channels offer, against Fulfil's products."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    CsvFile,
    NotFound,
    Rows,
    explain_none,
    one_form,
    print_list,
    read_store,
)
from flows.cli.screen import short, tell_cut, tell_more
from flows.reading.pages import NamedPlace, named_place_in

Cause = Literal["no-sku", "unknown", "gone", "inactive", "unsellable", "ambiguous", "barcode", "price"]
After = Annotated[
    NamedPlace | None,
    Parameter(
        converter=lambda _type, tokens: named_place_in(tokens[0].value),
        n_tokens=1,
        accepts_keys=False,
        metavar="CAUSE@LISTING",
    ),
]

_HEAD = ("cause", "listing", "SKU", "title", "sales channel says", "Fulfil says")
_CHECKS_HEAD = ("received", "sales channel", "checked", "listings", "active", "barcodes", "prices", "mismatches")


def listings(
    sales_channel: str = "",
    *,
    cause: Cause | None = None,
    checks: Annotated[bool, Parameter(negative="")] = False,
    after: After = None,
    limit: Rows = 200,
    csv: CsvFile = None,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Listings of a sales channel that do not go with Fulfil's products, as of the last check.

    Without SALES_CHANNEL, or with --checks: the statements about the checks, the latest first.

    Parameters
    ----------
    sales_channel
        The sales channel as configured.
    cause
        Only those of one cause.
    checks
        When what was compared, and what was found, instead.
    after
        Only those behind this one in the list: the cause and the listing's id, as the last line of a page names them.
    """
    one_form(csv, json=json)
    if checks or not sales_channel:
        made = read_store(config, lambda read: read.listing_checks(sales_channel=sales_channel, limit=limit + 1))
        explain_none(made, config, sales_channel)
        tell_cut(made, limit)
        _print_checks(made[:limit], csv=csv, json=json)
        return
    rows = _mismatches(config, sales_channel, cause or "", after, limit + 1)
    shown = [(row.cause, row.listing, row.sku, row.title, row.listed, row.expected) for row in rows[:limit]]
    empty = "every listing that was checked goes with its product"
    print_list(rows[:limit], _HEAD, shown, csv=csv, json=json, empty=empty)
    command = f"seamline listings {shlex.quote(sales_channel)}{' --csv -' if str(csv) == '-' else ''}"
    options = {"--cause": cause, "--limit": limit, "--config": config}  # a file would be written over by the next page
    tell_more(command, options, "--after", rows, limit, json=json)


def _mismatches(config: Path, sales_channel: str, cause: str, after: NamedPlace | None, limit: int) -> list[Any]:
    """What the last complete check found. Raises NotFound when there was none: that is not the same as nothing."""

    async def ask(read: Any) -> Any:
        checks = await read.listing_checks(sales_channel=sales_channel, limit=1_000)
        found = await read.mismatches(sales_channel, cause=cause, after=after, limit=limit)
        return any(each.comparison is not None for each in checks), found

    was_checked, found = read_store(config, ask)
    if not was_checked:
        explain_none((), config, sales_channel)
        raise NotFound(
            f"no complete list of what {sales_channel!r} offers has been checked; `seamline listings` shows what came"
        )
    return list(found)


def _print_checks(rows: list[Any], *, csv: Path | None, json: bool) -> None:
    cells = [
        (
            *(short(row.received_at), row.sales_channel, short(row.checked_at), row.listings, row.active),
            *(row.barcodes, row.prices, ", ".join(f"{count} {cause}" for cause, count in row.mismatches.items())),
        )
        if row.checked_at is not None
        else (short(row.received_at), row.sales_channel, "not yet", "", "", "", "", "")
        for row in rows
    ]
    print_list(rows, _CHECKS_HEAD, cells, csv=csv, json=json, empty="no sales channel has said what it offers")
