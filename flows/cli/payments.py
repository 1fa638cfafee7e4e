"""The commands about payments after the import: what Fulfil has of them, and what went to suspense."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    DryRun,
    NotFound,
    PlaceInList,
    Reason,
    Rows,
    Who,
    control,
    loaded,
    month_named,
    read_store,
    story_of,
    who,
)
from flows.cli.screen import print_json, print_table, short, tell_cut, tell_more

PaymentState = Literal["due", "recorded", "blocked", "refused", "disputed", "dealt_with", "in_sale", "covered", "over"]

payments = App(name="payments", help="What was paid and given back after orders were imported.")


@payments.command(name="list")
def list_payments(
    *,
    order: str = "",
    state: PaymentState | None = None,
    suspense: Annotated[bool, Parameter(negative="")] = False,
    after: PlaceInList = None,
    limit: Rows = 50,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Payments of orders beyond what the creates of their sales have brought, the latest first.

    Parameters
    ----------
    order
        Only those of one order: sales-channel/id, the id alone, or the number that people say.
    state
        Only those in this state: due, recorded, blocked, refused, ...; deploy/runbook/payments.md says what each means.
    suspense
        What is not mapped and went where finance has approved, instead: taxes and gateways, with the amounts and the
        business day on which each was paid, else ordered, by which a month has it.
    after
        Only those behind this one in the list: INSTANT@PAYMENT, as the last line of a page names it.
    """
    from flows.reading.payments import in_suspense  # noqa: PLC0415
    from flows.reading.payments import payments as asked  # noqa: PLC0415

    if suspense:
        zone = _zone_of_company(config)
        suspended = read_store(config, lambda read: in_suspense(read, zone, limit=limit + 1))
        tell_cut(suspended, limit)
        _print_suspense(suspended[:limit], json=json)
        return
    key = story_of(config, order, "payments list --order").key if order else ""
    rows = read_store(config, lambda read: asked(read, order=key, status=state or "", place=after, limit=limit + 1))
    if order and not rows and not json:
        raise NotFound(f"nothing about the money of {key} came after its create, which brought all of it")
    if json:
        print_json(rows[:limit])
    else:
        print_table(
            ("seen", "order", "what", "id", "amount", "gateway", "state", "in Fulfil", "why"),
            [
                (short(row.seen_at), row.order, row.kind, row.reference or row.record,
                 f"{row.amount or row.paid} {row.currency if row.amount else row.paid_currency}",
                 row.method or row.gateway or "", row.status, row.reached, row.why)
                for row in rows[:limit]
            ],
            empty=_none(config, state),
        )  # fmt: skip
    if order:
        tell_cut(rows, limit)
        return
    options = {"--state": state, "--limit": limit, "--config": config}
    tell_more("seamline payments list", options, "--after", rows, limit, json=json)


def _zone_of_company(config: Path) -> ZoneInfo:
    """In which the days of finance begin and end."""
    from flows.model.reconciliation import zone_of_company  # noqa: PLC0415

    settings = loaded(config, "payments", "postings", "reconciliation")
    return ZoneInfo(zone_of_company(settings.reconciliation, settings.payments, settings.postings))


def _none(config: Path, asked: str | None) -> str:
    """Why the list is empty."""
    if loaded(config, "payments").payments is None:
        return "nothing is known of money that came after the creates, since [payments] is not set"
    return "nothing like that came after the creates" if asked else "nothing about money came after the creates"


@payments.command(name="clear-suspense")
def clear_suspense(
    kind: Literal["tax", "gateway"],
    name: str,
    *,
    sales_channel: str,
    month: str,
    reason: Reason,
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Say that what went to suspense has been moved in Fulfil to where it belongs: it then stands against no month.

    Parameters
    ----------
    kind
        A tax, or a gateway.
    name
        The sales channel's name of it, as `seamline payments list --suspense` has it.
    sales_channel
        The sales channel, as configured.
    month
        Everything of it that was paid, else ordered, up to the end of this month, as 2026-10.
    """
    asked = {"kind": kind, "name": name, "sales_channel": sales_channel, "month": str(month_named(month))}
    dry = {"dry_run": "1"} if dry_run else {}
    control(config, "suspense", json=json, by=who(by), reason=reason, **asked, **dry)


def _print_suspense(rows: Sequence[Any], *, json: bool) -> None:
    if json:
        print_json(rows)
        return
    print_table(
        ("day", "order", "what", "name", "went to", "amount", "approved by", "cleared by"),
        [
            (
                row.day,
                row.order,
                row.kind,
                row.name,
                row.target,
                f"{row.amount} {row.currency}",
                row.approved_by,
                row.cleared_by,
            )
            for row in rows
        ],
        empty="nothing went to suspense",
    )
