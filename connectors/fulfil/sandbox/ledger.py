"""The general ledger: a small chart of accounts, monthly periods, and moves that balance or are refused.

Every posted move has as much debit as credit, and lies in an open period (T: moves fail in closed periods). A sale in
another currency is booked at the configured rate, with its own amount beside.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.ledger_records import (
    Account,
    AccountMove,
    AccountMoveLine,
    Invoice,
    InvoiceLine,
    Period,
)
from connectors.fulfil.sandbox.records import Named
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.tables import Table
from connectors.fulfil.sandbox.transaction import Transaction

CHART: Final = (
    ("1000", "Bank", "other"),
    ("1100", "Accounts receivable", "receivable"),
    ("1200", "Payment gateway clearing", "other"),
    ("1300", "Stock", "stock"),
    ("1400", "Disputed payments", "other"),
    ("2200", "Sales tax payable", "other"),
    ("4000", "Revenue", "revenue"),
    ("4100", "Shipping revenue", "revenue"),
    ("5000", "Cost of goods sold", "expense"),
    ("6100", "Payment gateway fees", "expense"),
    ("7900", "Exchange differences", "other"),
)
"""Code, name and kind of every account of the sandbox."""
JOURNALS: Final = ("REV", "CASH", "STO", "GEN", "MISC")
CENT: Final = Decimal("0.01")
ZERO: Final = Decimal(0)


class Entry(msgspec.Struct, frozen=True):
    """One line of a move to be written; a positive amount is debit, a negative one credit."""

    account: str
    amount: Decimal
    party: int | None = None
    description: str | None = None


class Ledger:
    """The accounting records of one set of books."""

    def __init__(self, config: SandboxConfig, transaction: Transaction) -> None:
        self._transaction = transaction
        self._rates = config.currency_rates
        self.accounts: Table[Account] = Table()
        self.journals: Table[Named] = Table()
        self.periods: Table[Period] = Table()
        self.moves: Table[AccountMove] = Table()
        self.lines: Table[AccountMoveLine] = Table()
        self.invoices: Table[Invoice] = Table(60_001)
        self.invoice_lines: Table[InvoiceLine] = Table()
        self._account_ids: dict[str, int] = {}
        self._journal_ids: dict[str, int] = {}
        self._period_ids: dict[tuple[int, int], int] = {}
        self._posted = 0
        now = transaction.now
        for code, name, kind in CHART:
            receivable = kind == "receivable"
            id_ = self._account_ids[code] = self.accounts.new_id()
            row = Account(id=id_, create_date=now, code=code, name=name, kind=kind, reconcile=receivable)
            row.party_required = receivable
            self.accounts.add(row)
        for code in JOURNALS:
            id_ = self._journal_ids[code] = self.journals.new_id()
            self.journals.add(Named(id=id_, create_date=now, name=code, code=code))
        this_month = transaction.today.replace(day=1)
        for day in (this_month - dt.timedelta(days=1), this_month):  # periods are there before anything is booked
            self.period(day)

    def account(self, code: str) -> int:
        """The id of the account of that code."""
        return self._account_ids[code]

    def journal(self, code: str) -> int:
        """The id of the journal of that code."""
        return self._journal_ids[code]

    def period(self, day: dt.date) -> Period:
        """The month's period, made when it is new."""
        key = (day.year, day.month)
        if key not in self._period_ids:
            last = calendar.monthrange(*key)[1]
            id_ = self._period_ids[key] = self.periods.new_id()
            row = Period(
                id=id_,
                create_date=self._transaction.now,
                name=f"{day:%Y-%m}",
                start_date=day.replace(day=1),
                end_date=day.replace(day=last),
            )
            self.periods.add(row)
        return self.periods[self._period_ids[key]]

    def check_open(self, day: dt.date) -> None:
        """Raises UserError when the day's period is closed."""
        period = self.period(day)
        if period.state != "open":
            raise UserError(f"The period {period.name} is closed; no move can be posted in it.")

    def close(self, day: dt.date) -> Period:
        """Close the day's period."""
        period = self.period(day)
        period.state = "closed"
        self._transaction.touched(period)
        return period

    # -- moves ---------------------------------------------------------------------------------------------------------

    def add_move(self, day: dt.date, **values: Any) -> AccountMove:
        """Add a draft move without lines."""
        move = AccountMove(
            id=self.moves.new_id(), create_date=self._transaction.now, date=day, period=self.period(day).id, **values
        )
        return self.moves.add(move)

    def add_line(self, move: AccountMove, **values: Any) -> AccountMoveLine:
        """Add a line to a draft move."""
        line = AccountMoveLine(id=self.lines.new_id(), create_date=self._transaction.now, move=move.id, **values)
        move.lines = (*move.lines, self.lines.add(line).id)
        return line

    def check_post(self, move: AccountMove) -> None:
        """Raises UserError when the move cannot be posted: it is, has no lines, does not balance, or is too late."""
        lines = [self.lines[id_] for id_ in move.lines]
        if move.state != "draft":
            raise UserError(f"The move {move.id} is posted already.")
        if not lines or sum((line.debit - line.credit for line in lines), ZERO):
            raise UserError(f"The move {move.id} does not balance: its debit is not its credit.")
        for line in lines:
            account = self.accounts[line.account]
            if account.party_required and line.party is None:
                raise UserError(f"A line of the move {move.id} on the account {account.code} needs a party.")
        self.check_open(move.date)

    def post(self, move: AccountMove) -> None:
        """Post a move that `check_post` has passed."""
        self._posted += 1
        move.state, move.post_number, move.post_date = "posted", self._posted, self._transaction.today
        self._transaction.touched(move)

    def book(
        self, journal: str, entries: Sequence[Entry], *, origin: str, description: str, currency: Named
    ) -> int | None:
        """Write and post a move of today from entries that sum to zero. Returns its id; None when nothing is due.

        `currency` is the entries'. The caller has called `check_open` for today.
        """
        rate = self._rates.get(currency.code, Decimal(1))
        due = [entry for entry in entries if entry.amount]
        if not due:
            return None
        move = self.add_move(
            self._transaction.today, journal=self.journal(journal), origin=origin, description=description
        )
        booked = [(entry.amount * rate).quantize(CENT, ROUND_HALF_EVEN) if rate != 1 else entry.amount for entry in due]
        booked[0] -= sum(booked, ZERO)  # the residue of conversion stays on the first entry, the receivable
        for entry, amount in zip(due, booked, strict=True):
            foreign = {} if rate == 1 else {"second_currency": currency.id, "amount_second_currency": entry.amount}
            self.add_line(
                move,
                account=self.account(entry.account),
                debit=max(amount, ZERO),
                credit=max(-amount, ZERO),
                party=entry.party,
                description=entry.description,
                **foreign,
            )
        self.check_post(move)
        self.post(move)
        return move.id

    def balance(self, account: str) -> Decimal:
        """Debit less credit of the account's posted lines."""
        id_ = self.account(account)
        posted = {move.id for move in self.moves if move.state == "posted"}
        rows = (line for line in self.lines if line.account == id_ and line.move in posted)
        return sum((line.debit - line.credit for line in rows), ZERO)
