"""What commands have in common: their options, and how they ask the store and the running process."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Callable, Collection, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli.screen import csv_rows, harmless, pairs, print_json, print_table, say, short
from flows.model.several import several
from flows.reading.pages import Place, place_in
from runtime.clock import to_datetime
from runtime.errors import SeamlineError, Stop

if TYPE_CHECKING:
    from flows.model.month import Month

CONFIG = Path("seamline.toml")

ConfigPath = Annotated[Path, Parameter(name=["--config", "-c"], help="The configuration file.")]
AsJson = Annotated[bool, Parameter(name="--json", help="Machine-readable output.", negative="")]
Rows = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="At most this many rows, 1 to 10000.")]
INSTANT: dict[str, Any] = {
    "converter": lambda _type, tokens: place_in(tokens[0].value),
    "n_tokens": 1,
    "accepts_keys": False,
    "metavar": "INSTANT",
}
PlaceInList = Annotated[Place | None, Parameter(**INSTANT)]
OrderName = Annotated[
    str,
    Parameter(
        help="Sales-channel/id, or the id alone, or the number that people say (with or without its #), or that of its "
        "sale in Fulfil, or the id of a payment; it must mean one order."
    ),
]
Reason = Annotated[str, Parameter(help="Why, for whoever looks at it in a year. It stays on record.")]
Who = Annotated[str, Parameter(help="Who decides; by default whoever is logged in here.")]
CsvFile = Annotated[
    Path | None,
    Parameter(
        name="--csv",
        allow_leading_hyphen=True,
        help="Write it as a table for a spreadsheet into this file; - for standard output.",
    ),
]
DryRun = Annotated[bool, Parameter(name="--dry-run", help="Only say what would follow.", negative="")]


Section = Literal[
    "store",
    "ops",
    "fulfil",
    "patchworks",
    "sales_channels",
    "payments",
    "postings",
    "payout_formats",
    "reconciliation",
]


def loaded(config: Path, *sections: Section) -> Any:
    """The configuration with some sections looked at: asking about an order must not need the token of the ERP."""
    from flows.config import Config  # noqa: PLC0415
    from runtime.config import load  # noqa: PLC0415

    return load(config, _narrowed(Config, sections))


def loaded_ops_address(config: Path) -> Any:
    """The configuration with `ops.host` and `ops.port` alone: asking the process how it stands needs no key."""
    from flows.config import Config, OpsSettings  # noqa: PLC0415
    from runtime.config import load  # noqa: PLC0415

    return load(config, _narrowed(Config, {"ops"}, ops=_narrowed(OpsSettings, {"host", "port"})))


def _narrowed(kind: type[msgspec.Struct], looked_at: Collection[str], **types: Any) -> type[msgspec.Struct]:
    """A struct in which only these fields are converted (to another of `types`, where there is one)."""
    fields: Iterable[Any] = (
        (field.name, types.get(field.name, field.type), _default_of(field))
        if field.name in looked_at
        else (field.name, Any, None)
        for field in msgspec.structs.fields(kind)
    )
    return msgspec.defstruct(kind.__name__, fields, kw_only=True, frozen=True)


def _default_of(field: Any) -> Any:
    """What a section is that the file does not have."""
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else msgspec.field(default_factory=made)


def read_store(config: Path, question: Any, *, one_state: bool = False) -> Any:
    """What the store answers to a question, an async function of `flows.reading.Reading`; `one_state`: of one instant,
    however many reads it takes.
    """
    from flows.reading import reading  # noqa: PLC0415

    store = Path(loaded(config, "store").store.path)

    async def ask() -> Any:
        async with reading(store, one_state=one_state) as read:
            return await question(read)

    return anyio.run(ask)


UNCONFIGURED = {
    "stock": "no sales channel has its stock published; see [sales_channels.<name>.stock]",
    "fulfilments": "no sales channel is told what was shipped; see [sales_channels.<name>.fulfilments]",
}
"""What to say instead of an empty list, by the part of a sales channel's settings that nothing is done without."""


def explain_none(rows: Collection[Any], config: Path, sales_channel: str = "", *, part: str = "") -> None:
    """Raise NotFound when a list is empty for another reason than that there is nothing: there is no such sales channel
    (one that was taken out of the configuration still has what is kept of it), or none of them has this `part`.
    """
    if rows or not (sales_channel or part):
        return
    channels = loaded(config, "sales_channels").sales_channels
    if sales_channel and sales_channel not in channels:
        raise no_sales_channel(sales_channel, channels)
    if part and all(getattr(each, part) is None for each in channels.values()):
        raise NotFound(UNCONFIGURED[part])


def no_sales_channel(name: str, channels: Collection[str]) -> NotFound:
    """That there is no sales channel of this name, and which there are."""
    return NotFound(f"there is no sales channel {harmless(name)!r}; there are {', '.join(sorted(channels))}")


def story_of(config: Path, order: str, command: str, *, missing: Callable[[str], str] | None = None) -> Any:
    """Everything known of the one order that is meant. Raises NotFound, also when several may be. `missing`: what to
    say of a name that nothing has.
    """

    async def find(read: Any) -> tuple[list[str], int]:
        keys = await read.find(order)
        return keys, 0 if keys else await read.undecided()

    keys, undecided = read_store(config, find)
    if not keys:
        if missing is not None and not undecided:
            raise NotFound(missing(order))
        unread = f"; {undecided} not decided on yet are known by their ids, not by their numbers" if undecided else ""
        raise NotFound(f"no order is known as {order!r}; `seamline orders list` shows those that are{unread}")
    if len(keys) > 1:
        named = [harmless(key) for key in keys]
        raise NotFound(
            f"{order!r} may be {', '.join(named)}; say which, for example `seamline {command} {shlex.quote(named[0])}`"
        )
    return read_store(config, lambda read: read.story(keys[0]))


def who(by: str) -> str:
    """The person who decides: as said, or else whoever is logged in here."""
    return by or getpass.getuser()


def control(config: Path, command: str, *, json: bool = False, **parameters: str) -> None:
    """Give the running process a command, and print what it says."""
    from flows.control import send_control  # noqa: PLC0415

    said = anyio.run(send_control, loaded(config, "ops"), command, parameters)
    if json:
        print_json({"message": said})
    else:
        say(said)


def day_in(text: str) -> str:
    """A day as ISO 8601 has it. Raises Mistyped for what is none."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Mistyped(f"{text!r} is no day; write it as 2026-11-25") from None


def one_form(csv: Path | None, *, json: bool) -> None:
    """Raise SeamlineError when a list is asked for in two forms. Every command that has both asks this first."""
    if csv is not None and json:
        raise SeamlineError("--csv and --json are two forms of one list; say one of them")


def month_named(text: str) -> Month:
    """A month as it is typed. Raises Mistyped for what is none."""
    from flows.model.month import month_in  # noqa: PLC0415

    try:
        return month_in(text)
    except ValueError as error:
        raise Mistyped(str(error)) from None


def write_csv(path: Path, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A table that a spreadsheet opens and never obeys; amounts stay the exact decimals that they are."""
    if str(path) == "-":
        csv_rows(sys.stdout, head, rows)
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv_rows(file, head, rows)
    except OSError as error:
        raise SeamlineError(f"{path} cannot be written ({error.strerror})") from None
    say(f"{path}: {several(len(rows), 'row')}", to=sys.stderr)


def print_list(
    rows: Any,
    head: tuple[str, ...],
    cells: list[tuple[Any, ...]],
    *,
    csv: Path | None,
    json: bool,
    empty: str,
    typed: bool = False,
) -> None:
    """A list in the form that was asked for: into a file for a spreadsheet, as JSON of its `rows`, or as a table.
    `typed`: the last column is to be typed.
    """
    if csv is not None:
        write_csv(csv, head, cells)
    elif json:
        print_json(rows)
    else:
        print_table(head, cells, empty=empty, typed=typed)


def print_audit(config: Path, *, subject: str = "", json: bool) -> None:
    """The chain of what people decided (on one subject; an order by any of its names), as it is kept.

    Raises SeamlineError when it does not hold together, NotFound for a subject that nobody decided on and no order has.
    """

    async def ask(read: Any) -> tuple[list[Any], int | None, list[str]]:
        orders = await read.find(subject) if subject else []
        return *await read.audited({subject, *orders} if subject else ()), orders

    entries, broken, orders = read_store(config, ask)
    if subject and not entries and not orders and broken is None:
        raise NotFound(f"nobody decided anything on {harmless(subject)!r}, and no order is known as that")
    if json:
        print_json([{**msgspec.structs.asdict(each), "at": to_datetime(each.at)} for each in entries])
    else:
        rows = [
            (each.seq, short(to_datetime(each.at)), each.by, each.action, each.subject, pairs(each.values),
             each.reason, each.digest[:12])
            for each in entries
        ]  # fmt: skip
        print_table(("no", "at", "by", "did", "to", "with", "why", "digest"), rows, empty="nobody decided anything")
    if broken is not None:
        raise SeamlineError(f"the chain is broken at entry {broken}: it, or one before it, was changed or taken out")


class NotFound(SeamlineError):
    """What was asked for is not there. Exit status 1."""


class Mistyped(Stop):
    """What was typed is nothing of what is to stand there: no month, no day. Exit status 2, as of a wrong option."""

    exit_status = 2
