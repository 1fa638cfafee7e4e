"""The commands by which people act on a single order, and the record of what people decided."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
import msgspec
from cyclopts import Parameter

from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    DryRun,
    NotFound,
    OrderName,
    Who,
    control,
    loaded,
    no_sales_channel,
    print_audit,
    read_store,
    story_of,
    who,
)
from flows.cli.screen import print_json, print_table, say, short
from runtime.errors import SeamlineError
from runtime.key import partition_of

PatchFile = Annotated[Path | None, Parameter(name="--file", allow_leading_hyphen=True)]
SaleName = Annotated[str, Parameter(help="The number of the sale in Fulfil, or its id.")]


def patch(
    order: OrderName,
    *,
    file: PatchFile = None,
    remove: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Change what is read of an order: in the version that is here, and in each later one that arrives.

    The payload stays as it was received; the patch is JSON Merge Patch (RFC 7396), and replaces an earlier one. Without
    --file and --remove: who patched the order, when, why and where; with --json the patch itself, too.

    Parameters
    ----------
    file
        The patch; - reads it from standard input. It cannot change which order it is, or its version.
    remove
        Read the order as it is received again.
    reason
        Why, for whoever looks at it in a year. It stays on record; a patch and its removal need one.
    """
    story = story_of(config, order, "orders patch")
    if file is None and not remove:
        _show_patch(story, config, json=json)
        return
    if file is not None and remove:
        raise SeamlineError("give --file, or --remove, not both")
    control(
        config, "patch", json=json, key=story.key, patch="" if file is None else _text_in(file),
        remove="yes" if remove else "", reason=reason, by=who(by), dry_run="yes" if dry_run else "",
    )  # fmt: skip


def _show_patch(story: Any, config: Path, *, json: bool) -> None:
    if story.patch is None:
        raise NotFound(f"{story.key} has no patch; --file PATCH --reason WHY gives it one")
    if json:
        content = read_store(config, lambda read: read.patch(story.key))
        print_json({"order": story.key, "patch": msgspec.Raw(content), **msgspec.structs.asdict(story.patch)})
        return
    print_table(
        ("order", "since", "by", "why", "changes"),
        [
            (story.key, short(story.patch.decided_at), story.patch.decided_by, story.patch.reason,
             ", ".join(story.patch.fields))
        ],
    )  # fmt: skip


def _text_in(file: Path) -> str:
    """What the file holds, or standard input."""
    name = "standard input" if str(file) == "-" else str(file)
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise NotFound(f"{name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise SeamlineError(f"{name} is not UTF-8 at byte {error.start}") from None


def link(
    order: OrderName,
    sale: SaleName,
    *,
    reason: str = "",
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> int:
    """Say that an order was made by hand: it is this sale in Fulfil, and is never created.

    The sale is looked up, by its number and then by its id. When it has another total, or another currency, the order
    is linked all the same, with a case for finance (sale.mismatch). Exit status 1 when it is not linked.

    Parameters
    ----------
    reason
        Why, for whoever looks at it in a year. It stays on record; only a dry run needs none.
    """
    from flows.control import send_control  # noqa: PLC0415
    from flows.sale_links import followed, foreseen  # noqa: PLC0415

    story = story_of(config, order, "orders link")
    store = Path(loaded(config, "store").store.path)
    if dry_run:
        channels, name = loaded(config, "sales_channels").sales_channels, partition_of(story.key)
        if name not in channels:
            raise no_sales_channel(name, channels)
        channel = channels[name].sale.channel_id
        outcome = anyio.run(foreseen, store, loaded(config, "fulfil").fulfil, channel, story, sale)
    else:
        asked = {"key": story.key, "sale": sale, "reason": reason, "by": who(by)}
        said = anyio.run(send_control, loaded(config, "ops"), "link", asked)
        if not json:
            say(said)
        if story.pauses:
            return 0
        outcome = anyio.run(followed, store, story.key, story.timeline[-1].id if story.timeline else 0)
    if json:
        print_json(outcome)
    else:
        say(outcome.sentence)
    return 1 if outcome.linked is False else 0


def audit(*, subject: str = "", config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """What people decided, who and why: a chain in which every entry vouches for all before it.

    It is checked from its beginning. Exit status 1 when an entry was changed or taken out.

    Parameters
    ----------
    subject
        Only decisions on this: an order as sales-channel/id, an alias, a kind of exception.
    """
    print_audit(config, subject=subject, json=json)
