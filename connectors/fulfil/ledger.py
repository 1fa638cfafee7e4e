"""The ledger: moves and their lines, the accounts, journals and periods they need, taxes; what was posted to an account
on some days; and how a move is made.

A move is made as a draft and posted by a step of its own (`workflow.POST_LEDGER_MOVE`). Its description is its key: it
is looked for by the whole of it, so it has to be unique (a batch's id in it is enough). Fields: Tryton's module.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from connectors.fulfil.calls import Ask, Created, Read, Sought, Spoken, Write, created_one, encode, search_read
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find, Model
from connectors.fulfil.rows import Row
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Reference, create, date_out, decimal_out
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer
from runtime.errors import Unavailable


class LedgerMove(Row, frozen=True, kw_only=True):
    """An entry in a journal. `state`: draft or posted."""

    number: str | None = None
    journal: int | None = None
    period: int | None = None
    booked_on: date | None = field(default=None, name="date")
    posted_on: date | None = field(default=None, name="post_date")
    description: str | None = None
    origin: Reference | None = None
    state: str | None = None
    lines: tuple[int, ...] | None = None


class LedgerLine(Row, frozen=True, kw_only=True):
    """A line of an entry. Both figures are zero or more."""

    by_name = frozenset({"reconciliation"})

    move: int | None = None
    account: int | None = None
    debit: Decimal | None = None
    credit: Decimal | None = None
    party: int | None = None
    description: str | None = None
    maturity_date: date | None = None
    reconciliation: int | None = None


class Account(Row, frozen=True, kw_only=True):
    """An account of the chart."""

    code: str | None = None
    name: str | None = None
    party_required: bool | None = None


class Journal(Row, frozen=True, kw_only=True):
    """A journal."""

    by_name = frozenset({"type"})

    code: str | None = None
    name: str | None = None
    type: str | None = None


class Period(Row, frozen=True, kw_only=True):
    """An accounting period; nothing can be posted into one that is closed."""

    name: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    state: str | None = None


class Tax(Row, frozen=True, kw_only=True):
    """A tax. `rate` 0.20 is 20 %; `type`: percentage, fixed or none."""

    by_name = frozenset({"description"})

    name: str | None = None
    description: str | None = None
    type: str | None = None
    rate: Decimal | None = None
    active: bool | None = None


LEDGER_MOVES: Final = Model("account.move", LedgerMove, "ledger_moves", by=("id", "description", "origin", "number"))
LEDGER_LINES: Final = Model("account.move.line", LedgerLine, "ledger_lines", by=("move", "account"))
ACCOUNTS: Final = Model("account.account", Account, "accounts", by=("code",))
JOURNALS: Final = Model("account.journal", Journal, "journals", by=("code",))
PERIODS: Final = Model("account.period", Period, "periods")
TAXES: Final = Model("account.tax", Tax, "taxes", by=("name",))

MODELS: Final = (LEDGER_MOVES, LEDGER_LINES, ACCOUNTS, JOURNALS, PERIODS, TAXES)


# -- what was posted to an account -------------------------------------------------------------------------------------


class PostedOn(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the lines of posted entries on these accounts, dated from the first day to the last, page by page."""

    accounts: Annotated[tuple[Annotated[int, Meta(gt=0)], ...], Meta(min_length=1, max_length=RECORDS_MAX)]
    first: date
    last: date
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX


def _speak_posted(asked: PostedOn, tenant: Tenant) -> Spoken:
    lines, moves = LEDGER_LINES.name, LEDGER_MOVES.name
    move = tenant.field(lines, "move")
    day, state = (f"{move}.{tenant.field(moves, name)}" for name in ("date", "state"))
    domain = (
        ("id", ">", asked.after_id),
        (tenant.field(lines, "account"), "in", asked.accounts),
        (day, ">=", date_out(asked.first)),
        (day, "<=", date_out(asked.last)),
        (state, "=", "posted"),
    )
    return search_read(tenant.model(lines), domain, LEDGER_LINES.fields(tenant), min(asked.limit, tenant.page_size))


def _decode_posted(answer: Answer, asked: PostedOn, tenant: Tenant) -> Page[LedgerLine]:
    """A page that holds only what was asked for: an answer to another question would falsify a sum."""
    page = LEDGER_LINES.page(answer, tenant, after_id=asked.after_id, limit=asked.limit)
    if not {row.account for row in page.rows}.issubset(asked.accounts):
        raise Unavailable("Fulfil answered a search of ledger lines with others than were asked for")
    return page


POSTED_LINES: Final[Read[PostedOn, Page[LedgerLine]]] = Read(
    kind="posted_ledger_lines", question=PostedOn, speak=_speak_posted, decode=_decode_posted
)


# -- making an entry ---------------------------------------------------------------------------------------------------


class NewLedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be made: either a debit or a credit, above zero."""

    account: int
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    party: int | None = None
    description: str = ""


class NewLedgerMove(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be made. `description` is its key, and unique."""

    journal: int
    period: int
    booked_on: date
    description: str
    lines: tuple[NewLedgerLine, ...]


def make_ledger_move(move: NewLedgerMove) -> Ask[Created]:
    """Make a draft entry. Raises ValueError when it has no description, no lines, or does not balance.

    Check first: nothing dedupes it; it is looked for by its description.
    """
    if not move.description.strip():
        raise ValueError("an entry without a description could not be looked for; put the batch's id into it")
    _check_balance(move.lines)
    record = {
        "journal": move.journal,
        "period": move.period,
        "date": date_out(move.booked_on),
        "description": move.description,
        "lines": [create(*[_line(each) for each in move.lines])],
    }
    return MAKE_LEDGER_MOVE.ask(encode(((record,),)))


def _check_balance(lines: Sequence[NewLedgerLine]) -> None:
    if any(min(each.debit, each.credit) != 0 or max(each.debit, each.credit) <= 0 for each in lines):
        raise ValueError("a line of an entry is either a debit or a credit, above zero")
    debit, credit = sum(each.debit for each in lines), sum(each.credit for each in lines)
    if not lines or debit != credit:
        raise ValueError(f"the entry does not balance: debits {debit}, credits {credit}")


def _line(line: NewLedgerLine) -> dict[str, Any]:
    record: dict[str, Any] = {
        "account": line.account,
        "debit": decimal_out(line.debit),
        "credit": decimal_out(line.credit),
    }
    if line.party is not None:
        record["party"] = line.party
    if line.description:
        record["description"] = line.description
    return record


class _Stored(msgspec.Struct, frozen=True):
    description: str


_decode_stored: Final = msgspec.json.Decoder(tuple[tuple[_Stored]]).decode


def _sought_move(body: bytes) -> Sought[Find, Page[LedgerMove]]:
    ((stored,),) = _decode_stored(body)
    return Sought(LEDGER_MOVES.find, Find(by="description", values=(stored.description,)))


def _move_made(body: bytes, found: Page[LedgerMove]) -> Created | None:
    ((stored,),) = _decode_stored(body)
    return next((Created(row.id) for row in found.rows if row.description == stored.description), None)


MAKE_LEDGER_MOVE: Final[Write[Created]] = Write(
    kind="make_ledger_move",
    path="model/account.move/create",
    decode=created_one,
    sought=_sought_move,
    verdict=_move_made,
)
