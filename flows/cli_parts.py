"""What commands have in common: their options, and how they ask the store and the running process."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from flows.pages import Place, place_in
from flows.screen import csv_rows, harmless, pairs, print_json, print_table, short
from runtime.clock import to_datetime
from runtime.errors import SeamlineError

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
    str, Parameter(help="Sales-channel/id, or the id alone, or the number that people say; it must mean one order.")
]
Reason = Annotated[str, Parameter(help="Why, for whoever looks at it in a year. It stays on record.")]
Who = Annotated[str, Parameter(help="Who decides; by default whoever is logged in here.")]
CsvFile = Annotated[Path | None, Parameter(name="--csv", allow_leading_hyphen=True)]
DryRun = Annotated[bool, Parameter(name="--dry-run", help="Only say what would follow.", negative="")]


Section = Literal["store", "ops", "fulfil", "patchworks", "sales_channels", "postings", "payout_formats"]


def loaded(config: Path, section: Section) -> Any:
    """The configuration with one section looked at: asking about an order must not need the token of the ERP."""
    from flows.config import Config  # noqa: PLC0415
    from runtime.config import load  # noqa: PLC0415

    fields: Iterable[Any] = (
        (field.name, field.type, _default_of(field)) if field.name == section else (field.name, Any, None)
        for field in msgspec.structs.fields(Config)
    )
    return load(config, msgspec.defstruct("Config", fields, kw_only=True, frozen=True))


def _default_of(field: Any) -> Any:
    """What a section is that the file does not have."""
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else msgspec.field(default_factory=made)


def read_store(config: Path, question: Any) -> Any:
    """What the store answers to a question, an async function of `flows.reading.Reading`."""
    from flows.reading import reading  # noqa: PLC0415

    store = Path(loaded(config, "store").store.path)

    async def ask() -> Any:
        async with reading(store) as read:
            return await question(read)

    return anyio.run(ask)


def story_of(config: Path, order: str, command: str) -> Any:
    """Everything known of the one order that is meant. Raises NotFound, also when several may be."""

    async def find(read: Any) -> tuple[list[str], int]:
        keys = await read.find(order)
        return keys, 0 if keys else await read.undecided()

    keys, undecided = read_store(config, find)
    if not keys:
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
        print(harmless(said))


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
    print(f"{path}: {len(rows)} rows", file=sys.stderr)


def print_audit(config: Path, *, subject: str = "", json: bool) -> None:
    """The chain of what people decided, as it is kept; raises SeamlineError when it does not hold together."""
    entries, broken = read_store(config, lambda read: read.audited(subject))
    if json:
        print_json(entries)
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
