"""What the payout importer is told, and what it remembers of a payout."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from flows.exceptions.kinds import ExceptionCase
from flows.model.money import ZERO
from flows.model.payout import Finding, PayoutHeader, PayoutLine, PayoutSums
from runtime.decision import Message

NAME = "payout_importer"
LINES_PER_PAGE_MAX = 200
"""Lines that are decided on in one step: that takes a few milliseconds, in which nothing else is done."""
FINDINGS_PER_PAGE_MAX = 100


def payout_key(sales_channel: str, provider: str, payout: str) -> str:
    """The key of a payout."""
    return f"payout/{sales_channel}/{provider}/{payout}"


class PayoutPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of what a file says of one payout. The last page has the number `pages`."""

    sales_channel: str
    provider: str
    header: PayoutHeader
    run: str
    """Names the import; the same file imported again is another one."""
    page: Annotated[int, Meta(ge=1)]
    pages: Annotated[int, Meta(ge=1)]
    lines: Annotated[tuple[PayoutLine, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()
    findings: Annotated[tuple[Finding, ...], Meta(max_length=FINDINGS_PER_PAGE_MAX)] = ()
    bank: Decimal | None = None
    """The amount of the line in the bank's own statement, where whoever imports it says one."""


# -- messages ----------------------------------------------------------------------------------------------------------


class PageReceived(Message, frozen=True, kw_only=True):
    """A page has come, and is on disk."""

    page: PayoutPage


class Judge(Message, frozen=True, kw_only=True):
    """Tie lines to orders, and say what stands against the payout. `after`: of the lines without an order those behind
    this one; the rest is what was counted of those before it.
    """

    after: str = ""
    unlinked: int = 0
    amount: Decimal = ZERO
    conflicts: tuple[str, ...] = ()
    anyway: bool = False
    """Also while pages of an import are missing: they may never come."""
    linked: bool = False
    """Some of those before it have found their orders, by which others may find theirs."""


class DropPayout(Message, frozen=True):
    """A person takes the payout back: it was imported by mistake."""


class Dropped(Message, frozen=True, kw_only=True):
    """The same, and the keys of payouts that this one stands against."""

    beside: tuple[str, ...]


class KnownLine(msgspec.Struct, frozen=True):
    """What is kept of a line: the digest of its figures, its net, and what it names (`PayoutLine.names`)."""

    mark: str
    net: Decimal
    names: tuple[str, ...]


class PageMet(Message, frozen=True, kw_only=True):
    """A page, and what is known already of the lines on it."""

    page: PayoutPage
    known: dict[str, KnownLine]


class PayoutLike(msgspec.Struct, frozen=True):
    """Another payout that may be the same one: its key, the provider's id of it, and what it comes to."""

    key: str
    payout: str
    amount: Decimal


class LineSeen(msgspec.Struct, frozen=True):
    """A line as far as it can be told that another one is the same transaction. `order` is the key of its order."""

    line: str
    kind: str
    at: str
    amount: Decimal
    net: Decimal
    order: str | None


class LineTwice(msgspec.Struct, frozen=True):
    """A line by its provider's id that is there under another id, too."""

    line: str
    other: str
    net: Decimal


class PayoutInStatement(msgspec.Struct, frozen=True):
    """A line of a statement of account that is a payout which is here with lines of its own, by their ids."""

    line: str
    statement: str
    payout: str
    net: Decimal


class Linked(Message, frozen=True, kw_only=True):
    """Which orders some lines are of, and what else was looked up."""

    asked: Judge
    links: tuple[tuple[str, str], ...]
    """Line and the key of its order."""
    unlinked: int
    amount: Decimal
    conflicts: tuple[str, ...]
    last: str
    complete: bool
    elsewhere: tuple[tuple[str, str, Decimal], ...] = ()
    """Line, the key of the other payout that has it, and its net."""
    twins: tuple[PayoutLike, ...] = ()
    """Payouts that are likely this one under another id."""
    twice: tuple[LineTwice, ...] = ()
    in_statements: tuple[PayoutInStatement, ...] = ()
    """This payout, or, of a statement, the payouts that are lines of it."""


class ChangesRead(Message, frozen=True, kw_only=True):
    """A person has looked. `before` are lines as they stand, `after` the same as they were told later."""

    before: tuple[PayoutLine, ...]
    after: tuple[PayoutLine, ...]


# -- state -------------------------------------------------------------------------------------------------------------


class Kept(msgspec.Struct, frozen=True):
    """A finding that stays with its payout."""

    kind: str
    sentence: str
    amount: Decimal | None = None


class PayoutState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payout as it is known. Its lines are rows."""

    key: str
    sales_channel: str = ""
    provider: str = ""
    header: PayoutHeader | None = None
    sums: PayoutSums = PayoutSums()
    bank: Decimal | None = None
    told_at: datetime | None = None
    """When something new was told of it last."""
    run: str = ""
    whole: bool = False
    """All pages of that import have come."""
    judged: bool = False
    """And what stands against them is in `cases`."""
    otherwise: PayoutHeader | None = None
    """The payout as a later file tells it, with another amount."""
    changed: dict[str, Decimal] = {}
    """Lines that a later file tells otherwise, and by how much their net differs."""
    found: dict[str, Kept] = {}
    """What readers found, each once."""
    unlinked: int = 0
    unlinked_amount: Decimal = ZERO
    conflicts: tuple[str, ...] = ()
    """Lines that lead to several orders, named."""
    elsewhere: tuple[str, ...] = ()
    """Lines that another payout has, too, named."""
    elsewhere_amount: Decimal = ZERO
    twice: tuple[str, ...] = ()
    """What is here under two ids: this payout, or lines of it, named."""
    twice_amount: Decimal = ZERO
    fees_off: int = 0
    """Sales whose fee is not the agreed one."""
    fees_off_amount: Decimal = ZERO
    fees_off_named: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    """What a person has let stand: kinds of cases with their amounts."""
    cases: tuple[ExceptionCase, ...] = ()

    @property
    def expected_on(self) -> date | None:
        """When it should have arrived."""
        return None if self.header is None else self.header.expected_on
