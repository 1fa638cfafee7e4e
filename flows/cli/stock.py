"""The commands about stock: how a figure comes about, what sales channels were told, and what they show."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    UNCONFIGURED,
    AsJson,
    ConfigPath,
    NotFound,
    PlaceInList,
    Rows,
    explain_none,
    loaded,
    read_store,
)
from flows.cli.screen import print_json, print_table, say, short, tell_cut, tell_more
from flows.model.several import several

stock = App(name="stock", help="What sales channels are told that they may sell, and what they show.")

SkuText = Annotated[str, Parameter(help="A SKU as it is published; quote one that has spaces.")]
Cause = Literal["in_flight", "waiting", "refused", "bundle", "location", "unknown", "changed", "loop"]
Flag = Annotated[bool, Parameter(negative="")]


@stock.command
def show(sku: SkuText, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """How the figure of a SKU comes about at each sales channel, and what became of the last one."""
    from flows.reading.stock import stock_of  # noqa: PLC0415

    channels = loaded(config, "sales_channels").sales_channels
    settings = {name: each.stock for name, each in channels.items() if each.stock is not None}
    if not settings:
        raise NotFound(UNCONFIGURED["stock"])
    bundles = {name: channels[name].bundles for name in settings}

    async def ask(read: Any) -> Any:
        return await stock_of(read, sku, settings, bundles), await read.undecided()

    stories, undecided = read_store(config, ask)
    if all(each.available is None and each.published is None for each in stories):
        raise NotFound(f"Fulfil has told no stock of {sku!r} yet; `seamline sku explain` shows whether it is known")
    if json:
        print_json({"sku": sku, "undecided_orders": undecided, "sales_channels": stories})
        return
    for number, each in enumerate(stories):
        say(*([""] if number else []), *_told(each))
    if undecided:
        orders = several(undecided, "order")
        say("", f"{orders} not decided on yet: what they need is subtracted, too, and is not shown here")


def _told(each: Any) -> list[str]:
    """One sales channel in lines."""
    places = ", ".join(str(location) for location in each.locations)
    lines = [f"{each.sales_channel}: {each.sku}"]
    if each.bundle:
        parts = ", ".join(f"{pieces} of {name}" for name, pieces in each.bundle)
        lines.append(f"  a bundle of {parts}; below, the component of which there is least")
    if each.read_at is None:
        lines.append(f"  Fulfil has told nothing of it at the locations {places}")
    else:
        lines.append(
            f"  Fulfil: {each.available} available, {each.on_hand} on hand at the locations {places}, "
            f"read {short(each.read_at)}"
        )
        lines.append(f"  - {each.in_flight} in flight: ordered, and not in that figure for certain")
        lines += [f"      {one.units} for {one.order}, {_seen(one)}" for one in each.orders]
        if each.orders_more:
            lines.append(f"      and {several(each.orders_more, 'order')} more")
        lines.append(f"  - {each.buffer} kept back, then a share of {each.allocation}: in truth {each.truth}")
        if each.own_units:
            lines.append(
                f"  + {each.own_units} of its own orders, which it subtracts itself ({each.quantity_semantics})"
            )
        if each.sold_in_bundles:
            lines.append(
                f"  + none of its own orders, which it subtracts itself ({each.quantity_semantics}): this is sold as a "
                "bundle by rule or in one, and how many of them it takes for such bundles nobody counts"
            )
        lines.append(f"  = {each.wire} to be told now")
    lines += _last(each)
    lines += [
        f"  shows {row.reported} {row.location}".rstrip() + f": {row.cause}, since {short(row.since)}"
        for row in each.drift
    ]
    return lines


def _seen(one: Any) -> str:
    return (
        "not seen reserved in Fulfil" if one.seen_at is None else f"seen in Fulfil {short(one.seen_at)}, not read since"
    )


def _last(each: Any) -> list[str]:
    last = each.published
    if last is None:
        return ["  never published"]
    was = "for the first time" if last.previous is None else f"after {last.previous}"
    told = f"  published: {last.figure} {was}, sequence {last.sequence}, decided {short(last.decided_at)}"
    if last.fate == "sent":
        return [told, f"  sent {short(last.sent_at)} by the flow {each.flow_id}"]
    if last.fate == "refused":
        return [
            told,
            f"  refused {short(last.refused_at)} by the flow {each.flow_id}: see `seamline holds --kind flow.line`",
        ]
    since = "" if each.waits_since is None else f" since {short(each.waits_since)}"
    return [told, f"  waits{since} for the flow {each.flow_id}, or for the end of its run"]


@stock.command(name="list")
def list_levels(
    sales_channel: str = "",
    *,
    waiting: Flag = False,
    refused: Flag = False,
    after: PlaceInList = None,
    limit: Rows = 200,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """What sales channels were told, the oldest change first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    waiting
        Only what was not sent yet.
    refused
        Only what its flow fails with.
    after
        Only those behind this one in the list: INSTANT@SALES_CHANNEL/SKU, as the last line of a page names it.
    """
    from flows.reading.stock import stock_listed  # noqa: PLC0415

    async def ask(read: Any) -> Any:
        return await stock_listed(
            read, sales_channel=sales_channel, waiting=waiting, refused=refused, after=after, limit=limit + 1
        )

    rows = read_store(config, ask)
    explain_none(rows, config, sales_channel, part="stock")
    if json:
        print_json(rows[:limit])
    else:
        print_table(
            ("changed", "sales channel", "SKU", "told", "in truth", "sequence", "what became of it"),
            [
                (short(row.changed_at), row.sales_channel, row.sku, row.figure, row.truth, row.sequence, row.fate)
                for row in rows[:limit]
            ],
            empty="nothing like that" if waiting or refused or after else "nothing was published yet",
        )
    words = [sales_channel, "--waiting" if waiting else "", "--refused" if refused else ""]
    command = f"seamline stock list {shlex.join(filter(None, words))}".rstrip()
    tell_more(command, {"--limit": limit, "--config": config}, "--after", rows, limit, json=json)


@stock.command
def drift(
    sales_channel: str = "",
    *,
    cause: Cause | None = None,
    limit: Rows = 200,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """What sales channels show otherwise than they were told, as of their last lists.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    cause
        Only those of one cause.
    """
    from flows.reading.stock import drift_listed  # noqa: PLC0415

    rows = read_store(
        config, lambda read: drift_listed(read, sales_channel=sales_channel, cause=cause or "", limit=limit + 1)
    )
    explain_none(rows, config, sales_channel, part="stock")
    tell_cut(rows, limit)
    if json:
        print_json(rows[:limit])
        return
    print_table(
        ("sales channel", "cause", "SKU", "shows", "was told", "should be", "units", "since", "corrected"),
        [
            (
                *(row.sales_channel, row.cause, f"{row.sku} {row.location}".rstrip(), row.reported),
                *("nothing" if row.published is None else row.published, "?" if row.expected is None else row.expected),
                *(row.units, short(row.since), row.corrections),
            )
            for row in rows[:limit]
        ],
        empty="every level that was reported is as it was told",
    )
