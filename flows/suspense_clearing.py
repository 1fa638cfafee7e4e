"""What finance has moved out of suspense in Fulfil, said by a person, so that it stands against no month any more.

In: `ClearSuspense` (a person, by the control listener). Out: what is cleared, order by order, with the amounts of that
moment; in the same transaction a `Record` to the audit log. One key. No effects: the move itself is made in Fulfil. A
crash leaves the message queued, or all of it. What is paid later, or becomes another amount, is not cleared. What went
there is of the business day on which it was paid, else of that of its order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from flows.model.audit import person_and_reason, recorded
from flows.model.money import ZERO, Money, exactly
from flows.model.month import month_in
from runtime.actor import Item
from runtime.clock import Instant, to_instant
from runtime.decision import Decision, Message, Write
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal

NAME = "suspense_clearing"
KEY = "system/suspense"
_KINDS: Final = ("tax", "gateway")


class ClearSuspense(Message, frozen=True, kw_only=True):
    """A person says that everything of this name that was paid before `before` is where it belongs."""

    sales_channel: str
    kind: str
    name: str
    before: Instant
    month: str
    by: str
    reason: str


class ClearingState(msgspec.Struct, frozen=True):
    """Nothing has to be remembered: what is cleared is in the rows."""


class SuspenseClearing:
    """The actor. See the module."""

    name = NAME
    message_type = ClearSuspense
    state_type = ClearingState

    def begin(self, key: str) -> ClearingState:  # noqa: ARG002 - there is one
        """Nothing is remembered."""
        return ClearingState()

    async def ready(self) -> None:
        """There is nothing to wait for."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Messages bring what is needed."""
        return [item.message for item in items]

    def decide(self, state: ClearingState, message: Any, now: datetime) -> Decision:
        """Clear it, and have it written down who said so."""
        at, who = to_instant(now), (message.by, message.reason)
        of, last = (message.sales_channel, message.name, message.before), str(month_in(message.month).last)
        writes = [
            Write("clear_suspended", (message.sales_channel, message.kind, message.name, message.before, at, *who))
        ]
        if message.kind == "gateway":
            writes.append(Write("clear_suspended_payments", (*of, at, *who, last)))
        record = recorded(
            at, by=message.by, action="suspense.clear", subject=f"{message.kind} {message.name}",
            values={"sales_channel": message.sales_channel, "to": message.month}, reason=message.reason,
        )  # fmt: skip
        return Decision(state=state, writes=tuple(writes), emits=(record,))

    def project(self, key: str, before: ClearingState, after: ClearingState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Rows are written as they are decided on."""
        return ()

    def announce(self, key: str, before: ClearingState, after: ClearingState) -> None:
        """There is nothing to count."""


async def clear_suspense(
    parameters: Mapping[str, str],
    zone: ZoneInfo,
    sales_channels: Collection[str],
    journal: Journal,
    post: Callable[[Message], Awaitable[None]],
) -> str:
    """Obey `seamline payments clear-suspense`: say what that is, and have it done unless `dry_run` is given.

    `parameters`: sales_channel, kind (tax or gateway), name, month, by, reason, dry_run. Raises SeamlineError with what
    is wrong when it makes no sense; nothing has changed then.
    """
    by, reason = person_and_reason(parameters, what="what is in suspense")
    sales_channel, kind = parameters.get("sales_channel", ""), parameters.get("kind", "")
    if sales_channel not in sales_channels:
        raise SeamlineError(
            f"there is no sales channel {sales_channel!r}; there are {', '.join(sorted(sales_channels))}"
        )
    if kind not in _KINDS:
        raise SeamlineError(f"a {' or a '.join(_KINDS)} can be in suspense, and nothing that is called {kind!r}")
    try:
        month = month_in(parameters.get("month", ""))
    except ValueError as error:
        raise SeamlineError(str(error)) from None
    name, before = parameters.get("name", ""), to_instant(month.ended(zone))
    rows = await journal.query("suspense_open", sales_channel, kind, name, before, str(month.last))
    what = f"the {kind} {name!r} of {sales_channel}, up to the end of {month}"
    if not rows:
        raise SeamlineError(f"nothing is in suspense of {what}; `seamline payments list --suspense` shows what is")
    said = f"{what}: {len(rows)} times in suspense, {_sums(rows)}"
    if parameters.get("dry_run"):
        return f"{said}. Nothing was changed."
    await post(
        ClearSuspense(
            sales_channel=sales_channel, kind=kind, name=name, before=before, month=str(month), by=by, reason=reason
        )
    )
    return f"{said}, counts as cleared from now on"


@exactly
def _sums(rows: Sequence[tuple[str, str]]) -> str:
    sums: dict[str, Decimal] = {}
    for amount, currency in rows:
        sums[currency] = sums.get(currency, ZERO) + Decimal(amount)
    return " and ".join(str(Money(amount, currency)) for currency, amount in sorted(sums.items()))
