"""What is remembered of an order between messages, and the rows that people list it by.

The state is small: the figures people ask for, which version was met, which one went to Fulfil, and the open cases.
Everything else is in the delivery's body, which is kept while the order is open.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

import msgspec

from flows.exceptions.kinds import KINDS, ExceptionCase
from runtime.clock import to_instant
from runtime.decision import Write


class Status(enum.StrEnum):
    """Where an order stands."""

    NEW = "new"
    """Received, and not decided on."""
    HELD = "held"
    """Not in Fulfil; a case says why."""
    CREATING = "creating"
    """The sale is being created."""
    UNKNOWN = "unknown"
    """The answer to the create was lost; Fulfil is being looked at."""
    IMPORTED = "imported"
    """The sale is in Fulfil."""
    CANCELLED = "cancelled"
    """Cancelled by the sales channel before anything was in Fulfil."""


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """A newer version that arrived while, or after, an older one went to Fulfil."""

    delivery: int
    version: str
    content: str
    cancelled: bool


class OrderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """See the module. `content` is the digest of what a sale is made of, as it was sent to Fulfil."""

    status: Status = Status.NEW
    version: str = ""
    delivery: int | None = None
    content: str = ""
    reference: str = ""
    amount: str = "0"
    currency: str = ""
    placed_at: datetime | None = None
    proof: str = "unproven"
    sale: int | None = None
    sale_number: str | None = None
    later: Later | None = None
    cases: tuple[ExceptionCase, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the received body may still be needed."""
        return bool(self.cases) or self.status not in (Status.IMPORTED, Status.CANCELLED)


def order_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The listing row of the order, and its cases: those that begin, and those that end."""
    rows = []
    if after is not before:
        sales_channel, _, order_id = key.partition("/")
        rows.append(
            Write(
                "put_order_view",
                (
                    key, sales_channel, order_id, after.reference or order_id, after.status.value, after.proof,
                    after.amount, after.currency, to_instant(after.placed_at) if after.placed_at else None,
                    after.sale, after.sale_number, to_instant(now),
                ),
            )
        )  # fmt: skip
    if after.cases is not before.cases:
        rows += case_rows(key, before.cases, after.cases, now, how=f"order {after.status.value}")
    return rows


def case_rows(
    subject: str, before: Sequence[ExceptionCase], after: Sequence[ExceptionCase], now: datetime, *, how: str
) -> list[Write]:
    """The rows for a change of a subject's open cases."""
    old = {case.fingerprint(subject): case for case in before}
    new = {case.fingerprint(subject): case for case in after}
    rows = [
        Write("close_case", (to_instant(now), how, fingerprint)) for fingerprint in old.keys() - new.keys()
    ]
    for fingerprint, case in new.items():
        if old.get(fingerprint) != case:
            amount = str(case.amount) if case.amount is not None else None
            rows.append(
                Write(
                    "open_case",
                    (
                        fingerprint, case.kind, subject, case.cause, case.sentence, KINDS[case.kind].owner.value,
                        amount, case.currency, to_instant(case.opened_at), to_instant(case.deadline_at),
                    ),
                )
            )  # fmt: skip
    return rows
