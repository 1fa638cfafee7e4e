"""The commands about what is held: each case, or all of one cause together; and their release."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    DryRun,
    NotFound,
    OrderName,
    PlaceInList,
    Rows,
    Who,
    control,
    loaded,
    read_store,
    story_of,
    who,
)
from flows.cli.screen import money, print_json, print_table, say, short, tell_more
from flows.model.several import several
from runtime.errors import SeamlineError

Owner = Literal["operations", "finance", "ecommerce", "sre"]

holds = App(name="holds", help="What is held, why, whose it is, and until when.")


@holds.default
def list_holds(
    *,
    owner: Owner | None = None,
    kind: str = "",
    by: Literal["cause"] | None = None,
    after: PlaceInList = None,
    limit: Rows = 200,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Open exceptions, the nearest deadline first.

    At stake is what may be wrong, not what the order comes to: of figures that contradict each other the difference, of
    an order that is not in Fulfil its total; nothing, where no money is wrong, as with a carrier that is not mapped.

    Parameters
    ----------
    owner
        Only those of one team.
    kind
        Only those of one kind, for example sku.unknown; deploy/reference/exceptions.md lists the kinds.
    by
        One row for each cause: all that one remedy ends, how many there are, and what is at stake.
    after
        Only those with a deadline after an instant (without an offset it is UTC); INSTANT@NAME, the `deadline_at` and
        the `fingerprint` (or, by cause, kind/cause) of the last row of a page, is where the next page begins.
    """
    _known(kind)
    asked = {"owner": owner or "", "kind": kind, "after": after, "limit": limit + 1}
    rows = read_store(config, lambda read: (read.cases if by is None else read.causes)(**asked))
    if json:
        print_json(rows[:limit])
    elif by is None:
        _print_cases(rows[:limit], empty="nothing like that is held" if owner or kind or after else "nothing is held")
    else:
        _print_causes(rows[:limit], empty="nothing like that is held" if owner or kind or after else "nothing is held")
    options = {"--owner": owner, "--kind": kind, "--by": by, "--limit": limit, "--config": config}
    tell_more("seamline holds", options, "--after", rows, limit, json=json)


@holds.command
def release(
    order: OrderName | None = None,
    *,
    kind: str = "",
    cause: str = "",
    reason: Annotated[str, Parameter(help="Why, if there is more to say than that its cause is over.")] = "",
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Let a held order be decided on again, now; or with --kind and --cause all orders that are held for that.

    If its cause is still there, an order stays held. For an order that is in Fulfil it says that a person has dealt
    with its sale: its cases (order.edited, order.cancelled, sale.mismatch) are closed. Who released it is on record.
    What came of it is told where that is known within two seconds.

    Parameters
    ----------
    kind
        The kind of a cause, as `seamline holds --by cause` lists it.
    cause
        The cause itself, exactly as it is listed there. The oldest purchase is decided on first.
    """
    if order is not None and not kind and not cause and not dry_run:
        story = story_of(config, order, "holds release", missing=_no_case)
        control(config, "release", key=story.key, by=who(by), reason=reason)
        if not story.pauses:
            say(_came_of(config, story))
        return
    if order is not None or not kind or not cause:
        raise SeamlineError("name one order, or give --kind and --cause; --dry-run is for the latter")
    _known(kind)
    if dry_run:
        say(_preview(config, kind, cause))
    else:
        control(config, "release_cause", kind=kind, cause=cause, by=who(by), reason=reason)


def _came_of(config: Path, story: Any) -> str:
    from flows.release_outcome import came_of  # noqa: PLC0415

    return anyio.run(came_of, Path(loaded(config, "store").store.path), story)


def _no_case(name: str) -> str:
    """Why nothing of this name is released, when there is nothing."""
    from flows.release import no_case  # noqa: PLC0415

    return no_case(name) if "/" in name else f"no order is known as {name!r}, and {no_case(name)}"


def _preview(config: Path, kind: str, cause: str) -> str:
    """What a release of the cause would do, from what is on disk."""
    size = read_store(config, lambda read: read.cause_size(kind, cause))
    stake = f", {_money(size.amounts)} at stake" if size.amounts else ""
    rest = f" {size.others} more to be released by name: they are no held orders." if size.others else ""
    return f"{several(size.orders, 'order')} held for {kind} {cause!r}{stake}, would be decided on again.{rest}"


def _known(kind: str) -> None:
    """Raise NotFound for a misspelt kind: it is not an empty list."""
    from flows.exceptions.kinds import KINDS  # noqa: PLC0415

    if kind and kind not in KINDS:
        raise NotFound(f"there is no kind of exception {kind!r}; there are {', '.join(KINDS)}")


def _print_cases(rows: list[Any], *, empty: str) -> None:
    print_table(
        ("deadline", "owner", "kind", "subject", "at stake", "why"),
        [
            (short(row.deadline_at), row.owner, row.kind, row.subject,
             money(row.amount, row.currency), row.sentence)
            for row in rows
        ],
        empty=empty,
    )  # fmt: skip


def _print_causes(rows: list[Any], *, empty: str) -> None:
    print_table(
        ("deadline", "owner", "kind", "cause", "cases", "at stake", "oldest"),
        [
            (short(row.deadline_at), row.owner, row.kind, row.cause, row.cases, _money(row.amounts),
             short(row.oldest_at))
            for row in rows
        ],
        empty=empty,
    )  # fmt: skip


def _money(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in amounts.items())
