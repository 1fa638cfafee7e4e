"""A person has what is due posted now, and not at its hour: checked, and on record before it begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from flows.ledger.holding import HOLDS_ASKED
from flows.ledger.state import Rules
from flows.model.audit import recorded, who_and_why
from flows.model.postings import LEDGER, PostDue, ledger_key
from flows.model.several import are, several
from runtime.clock import Instant, to_datetime
from runtime.decision import Emit
from runtime.errors import SeamlineError

_UNSET: Final = "there is no [postings] in the configuration: Seamline posts nothing, and works nothing out"
_PREVIEW: Final = '[postings] says mode = "preview": nothing is posted until it says mode = "live", and a restart'


async def post_now(
    post_all: Callable[[Sequence[Emit]], Awaitable[object]],
    parameters: Mapping[str, str],
    sales_channels: Collection[str],
    rules: Rules | None,
    ask: Callable[..., Awaitable[Sequence[Any]]],
    now: Instant,
) -> str:
    """Have what is due of days that are over posted now: of `sales_channel`, or without it of all of them.

    The answer says how much that is, and what of it is kept back. `ask`: a named query of the store. A run that is
    under way is followed by another one, so it may be said again. Raises SeamlineError with the reason
    where nothing would be posted.
    """
    if rules is None or not rules.writes or rules.unable:
        raise SeamlineError(_UNSET if rules is None else rules.unable if rules.writes else _PREVIEW)
    asked = parameters.get("sales_channel", "")
    if asked and asked not in sales_channels:
        raise SeamlineError(f"there is no sales channel {asked!r}; there are {', '.join(sorted(sales_channels))}")
    by, reason = who_and_why(parameters)
    names = [asked] if asked else sorted(sales_channels)
    runs = [Emit(channel=LEDGER, key=ledger_key(name), message=PostDue()) for name in names]
    records = [recorded(now, by=by, action="postings.post", subject=name, values={}, reason=reason) for name in names]
    await post_all((*runs, *records))
    today = to_datetime(now).astimezone(rules.settings.zone).date().isoformat()
    counts = [row for name in names for row in await ask("postings_counted", name, today, HOLDS_ASKED)]
    due, held, later = map(sum, zip(*counts, strict=True))
    return _answer(", ".join(names), due, held, later)


def _answer(names: str, due: int, held: int, later: int) -> str:
    """What is posted, and what waits."""
    waits = [
        *([f"{several(held, 'amount')} of days that are over {are(held)} kept back"] if held else ()),
        *([f"{several(later, 'amount')} {are(later)} of days that are not over"] if later else ()),
    ]
    why = f"; {', and '.join(waits)} (`seamline postings preview` says why)" if waits else ""
    if not due:
        return f"nothing is due of {names} that can be posted now{why}"
    posted = (
        f"{several(due, 'amount')} of days that are over {are(due)} due of {names}, posted now as far as Fulfil takes"
    )
    return f"{posted} {'it' if due == 1 else 'them'}; `seamline postings list` shows it{why}"
