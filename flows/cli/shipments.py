"""The commands about shipments: what sales channels were told of them, and which carriers have names there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from flows.cli.parts import CONFIG, AsJson, ConfigPath, PlaceInList, Rows, explain_none, loaded, read_store, story_of
from flows.cli.screen import money, print_json, print_table, say, short, tell_more
from runtime.clock import SystemClock, to_datetime

ShipmentState = Literal["known", "held", "partial", "waiting", "sent", "told", "refused", "withdrawing", "withdrawn"]

shipments = App(name="shipments", help="What was shipped, and what sales channels know of it.")
carriers = App(name="carriers", help="What carriers of Fulfil's are called at sales channels.")


@shipments.command(name="list")
def list_shipments(
    *,
    untold: Annotated[bool, Parameter(negative="")] = False,
    state: ShipmentState | None = None,
    sales_channel: str = "",
    order: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    after: PlaceInList = None,
    limit: Rows = 50,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Shipments of which sales channels are told, the latest first.

    Parameters
    ----------
    untold
        Only those that have left and that the sales channel is not known to know of, the oldest first.
    state
        Only those in this state: held, waiting, sent, told, ...; deploy/runbook/fulfilments.md says what each means.
    sales_channel
        Only those of one sales channel.
    order
        Only those of one order, by whatever name it has.
    after
        Only those behind this one in the list: INSTANT@NOTICE, as the last line of a page names it.
    """
    key = story_of(config, order, "shipments list --order").key if order else ""

    async def ask(read: Any) -> Any:
        return await read.shipments(
            state=state or "", sales_channel=sales_channel, order=key, untold=untold, place=after, limit=limit + 1
        )

    rows = read_store(config, ask)
    explain_none(rows, config, sales_channel, part="fulfilments")
    if json:
        print_json(rows[:limit])
    else:
        print_table(
            ("shipped", "shipment", "order", "state", "carrier", "units", "parcels", "sent", "told"),
            [
                (_short(row.shipped_at), row.number, row.key, f"{row.state} ({row.cause})" if row.cause else row.state,
                 row.carrier, row.units, len(row.tracking), _short(row.sent_at), _short(row.told_at))
                for row in rows[:limit]
            ],
            empty="everything that was shipped is told" if untold else "nothing was shipped",
        )  # fmt: skip
    command = f"seamline shipments list{' --untold' if untold else ''}"
    options = {
        "--state": state, "--sales-channel": sales_channel, "--order": key, "--limit": limit, "--config": config,
    }  # fmt: skip
    tell_more(command, options, "--after", rows, limit, json=json, place="untold_place" if untold else "place")


@shipments.command(name="overdue")
def list_overdue(
    *,
    sales_channel: str = "",
    after: PlaceInList = None,
    limit: Rows = 50,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Imported orders that have not left by the time that was promised, the longest overdue first, and why.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    after
        Only those behind this one in the list: INSTANT@ORDER, as the last line of a page names it.
    """

    async def ask(read: Any) -> Any:
        return await read.overdue(sales_channel=sales_channel, place=after, limit=limit + 1)

    rows = read_store(config, ask)
    explain_none(rows, config, sales_channel)
    if json:
        print_json(rows[:limit])
    else:
        print_table(
            ("was to leave", "order", "number", "cause", "amount", "what"),
            [
                (short(row.due_at), row.key, row.reference or "", row.cause, money(row.amount, row.currency),
                 row.sentence)
                for row in rows[:limit]
            ],
            empty="nothing is overdue",
        )  # fmt: skip
    options = {"--sales-channel": sales_channel, "--limit": limit, "--config": config}
    tell_more("seamline shipments overdue", options, "--after", rows, limit, json=json)


@carriers.command
def coverage(
    sales_channel: str = "",
    *,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=365))] = 30,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """The share of shipments that went by carriers and services which the sales channel has names for, by the
    configuration as it is now.

    Parameters
    ----------
    sales_channel
        Only of this one; of all, when none is named.
    days
        Of how many days back.
    """
    from flows.model.fulfilments import NO_CARRIER  # noqa: PLC0415

    since = to_datetime(SystemClock().now()) - timedelta(days=days)
    used = read_store(config, lambda read: read.carriers(since))
    used = [row for row in used if sales_channel in ("", row.sales_channel)]
    explain_none(used, config, sales_channel, part="fulfilments")
    report = covered(used, loaded(config, "sales_channels").sales_channels)
    if json:
        print_json(report)
        return
    print_table(
        ("sales channel", "carrier", "service", "shipments", "mapped"),
        [
            (each["sales_channel"], row["carrier"] or f"({NO_CARRIER})", row["service"], row["shipments"],
             "yes" if row["mapped"] else "no")
            for each in report
            for row in each["carriers"]
        ],
        empty=f"nothing was shipped in the last {days} days",
    )  # fmt: skip
    for each in report:
        say(f"{each['sales_channel']}: {each['mapped']} of {each['shipments']} shipments map ({each['share']:.1%})")


def _short(moment: datetime | None) -> str:
    return "" if moment is None else short(moment)


def covered(used: Sequence[Any], sales_channels: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By sales channel: how many shipments there were, how many map, and by carrier and service which do."""
    from flows.fulfilment_watcher.translating import mapped_carrier, mapped_service  # noqa: PLC0415

    found: dict[str, dict[str, Any]] = {}
    for row in used:
        settings = getattr(sales_channels.get(row.sales_channel), "fulfilments", None)
        if settings is None:
            continue
        maps = mapped_carrier(row.carrier, settings)[0] and mapped_service(row.service_code, row.service, settings)[0]
        of = found.setdefault(
            row.sales_channel, {"sales_channel": row.sales_channel, "shipments": 0, "mapped": 0, "carriers": []}
        )
        of["shipments"] += row.shipments
        of["mapped"] += row.shipments if maps else 0
        service = row.service or row.service_code
        of["carriers"].append({"carrier": row.carrier, "service": service, "shipments": row.shipments, "mapped": maps})
    return [{**of, "share": of["mapped"] / of["shipments"]} for of in found.values()]
