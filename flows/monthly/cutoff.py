"""Cut-off: what of sales, shipments, invoices, cost and money is on two sides of the end of a month (rule 24). Pure.

Only what had happened by the end of the month counts, so that a later shipment, invoice or payment changes nothing of
it. An order counts whole where a part of it has left: what of its amount that part is, is not known here. Nor is it
known which units are on an invoice: of an order that has left in part, an invoice of a part is taken for that part's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from flows.model.invoices import Invoiced
from flows.model.money import ZERO, exactly
from flows.model.month import Month
from flows.monthly.report import Bar, Cell, Chart, Report, Section, written
from flows.monthly.uncosted import Costs, cost_remarks, cost_section, cost_totals

Shipped = Literal["nothing", "a part", "all"]
SOLD: Final = "Sold in the month, not all shipped in it"
EARLIER: Final = "Shipped in the month, sold in an earlier one"
LATER: Final = "Shipped in the month, sold in a later one"
PAID: Final = "Paid by the end of the month, not all shipped"
UNPAID: Final = "Shipped by the end of the month, not all paid"
UNINVOICED: Final = "Shipped by the end of the month, not invoiced by then"
INVOICED: Final = "Invoiced by the end of the month, not shipped by then"
_QUESTIONS: Final = (SOLD, EARLIER, LATER, PAID, UNPAID, UNINVOICED, INVOICED)
_OF_INVOICES: Final = (UNINVOICED, INVOICED)


_Totals = Mapping[tuple[str, str], tuple[int, Decimal]]


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has a sale. `shipments`: the days on which something of it left; `is_open`: something is still to
    leave. `moved`: what was charged (refunded: negative), by currency, with its day; None: nobody follows its money.
    `invoices`: what is in the ledger of it; None: that was not read.
    """

    key: str
    sales_channel: str
    number: str
    day: date
    amount: Decimal
    currency: str
    shipments: tuple[date, ...]
    is_open: bool
    moved: tuple[tuple[str, Decimal, date], ...] | None
    invoices: tuple[Invoiced, ...] | None = None

    def shipped(self, last: date) -> Shipped | None:
        """How far it was at the end of a day; None: nothing of it had to leave."""
        by_then = [day for day in self.shipments if day <= last]
        more = self.is_open or len(by_then) < len(self.shipments)
        if not by_then:
            return "nothing" if more else None
        return "a part" if more else "all"

    def invoiced(self, last: date) -> tuple[Decimal, Decimal]:
        """What was invoiced, and credited, by the end of a day. An invoice of which nobody knows how much is this
        order's, in its currency, is one of the whole order; such a credit note counts for nothing.
        """
        billed = credited = ZERO
        for each in self.invoices or ():
            amount = each.amount if each.currency in (None, self.currency) else None
            if each.day is None or each.day > last:
                continue
            if each.is_credit_note:
                credited += ZERO if amount is None else amount
            else:
                billed += self.amount if amount is None else amount
        return billed, credited


class Cutoff:
    """Gathers orders, each once; `report` says what it came to. `invoices`: whether any are read. `costs`: what is
    known of the cost of shipments; None: nobody looks for it.
    """

    def __init__(self, month: Month, *, invoices: bool, costs: Costs | None = None) -> None:
        self._month, self._first, self._last = month, month.first, month.last
        self._reads_invoices, self._costs = invoices, costs
        self._questions = tuple(each for each in _QUESTIONS if invoices or each not in _OF_INVOICES)
        self._rows: dict[str, list[tuple[str, str, Decimal, tuple[Cell, ...]]]] = {each: [] for each in _QUESTIONS}
        self._unwatched: dict[str, int] = {}
        self._unfollowed = self._converted = self._unread = self._undated = 0

    def leave_out(self, sales_channel: str) -> None:
        """An order of a sales channel whose shipments nobody watches."""
        self._unwatched[sales_channel] = self._unwatched.get(sales_channel, 0) + 1

    @exactly
    def add(self, order: Sold) -> None:
        """One order."""
        first, last = self._first, self._last
        shipped = order.shipped(last)
        if shipped is None:
            return
        if self._reads_invoices:
            self._add_invoices(order, shipped)
        if order.day > last:
            if any(first <= day <= last for day in order.shipments):
                self._put(LATER, order, shipped, order.amount, order.currency)
            return
        if order.day >= first and shipped != "all":
            self._put(SOLD, order, shipped, order.amount, order.currency)
        if order.day < first and any(first <= day <= last for day in order.shipments):
            self._put(EARLIER, order, shipped, order.amount, order.currency)
        self._add_money(order, shipped)

    def _add_money(self, order: Sold, shipped: Shipped) -> None:
        if order.moved is None:
            self._unfollowed += 1
            return
        sums: dict[str, Decimal] = {}
        charged = ZERO
        for currency, amount, day in order.moved:
            if day <= self._last:
                sums[currency] = sums.get(currency, ZERO) + amount
                charged += max(amount, ZERO)
        if shipped != "all":
            for currency, amount in sorted(sums.items()):
                if amount > ZERO:
                    self._put(PAID, order, shipped, amount, currency)
        if shipped != "nothing":
            if sums.keys() - {order.currency}:
                self._converted += 1
            elif (due := order.amount - charged) > ZERO:  # who was given money back owes none for it
                self._put(UNPAID, order, shipped, due, order.currency)

    def _add_invoices(self, order: Sold, shipped: Shipped) -> None:
        """Of an order that is sold later only what was shipped, or invoiced, already."""
        concerns = order.day <= self._last or shipped != "nothing"
        if order.invoices is None:
            self._unread += concerns
            return
        if any(each.day is None for each in order.invoices):
            self._undated += concerns
            return
        billed, credited = order.invoiced(self._last)
        is_clear = shipped != "a part"
        if shipped != "nothing" and (due := order.amount - billed) > ZERO and (is_clear or billed == ZERO):
            self._put(UNINVOICED, order, shipped, due, order.currency)
        if shipped != "all" and billed > credited and (is_clear or billed >= order.amount):
            self._put(INVOICED, order, shipped, billed - credited, order.currency)

    def _put(self, question: str, order: Sold, shipped: Shipped, amount: Decimal, currency: str) -> None:
        left = [day for day in order.shipments if day <= self._last]
        row: tuple[Cell, ...] = (
            order.key, order.number, order.day, shipped, max(left, default=None), written(amount, currency), currency,
        )  # fmt: skip
        self._rows[question].append((order.sales_channel, currency, amount, row))

    @exactly
    def report(self, time_zone: str, as_of: datetime | None) -> Report:
        """What it came to."""
        totals = {question: _totals(rows) for question, rows in self._rows.items()}
        return Report(
            name="cutoff",
            title="Cut-off",
            month=str(self._month),
            time_zone=time_zone,
            as_of=as_of,
            sections=tuple(self._sections(totals)),
            charts=tuple(_charts(totals, self._questions)),
            remarks=tuple(self._remarks()),
        )

    def _sections(self, totals: Mapping[str, _Totals]) -> Iterable[Section]:
        yield _summary(totals, self._questions, () if self._costs is None else cost_totals(self._costs))
        yield from (_listed(question, self._rows[question]) for question in self._questions)
        if self._costs is not None:
            yield cost_section(self._costs)

    def _remarks(self) -> Iterable[str]:
        yield "Orders that were cancelled since are left out. An order counts whole where only a part of it has left."
        for name, count in sorted(self._unwatched.items()):
            yield f"{name}: nobody watches its shipments, so its orders are left out, {count} of them"
        if self._unfollowed:
            yield f"of {self._unfollowed} orders nobody follows the money, so nothing is said about that"
        if self._converted:
            yield f"{self._converted} orders were paid in another currency than theirs: what is open is not worked out"
        yield from self._remarks_of_invoices()
        yield from cost_remarks(self._costs)

    def _remarks_of_invoices(self) -> Iterable[str]:
        if not self._reads_invoices:
            yield "Invoices are not read from Fulfil, so nothing is said about them."
            return
        if self._unread:
            yield f"of {self._unread} orders nobody has read yet what is invoiced, so they are in no list of invoices"
        if self._undated:
            yield f"of {self._undated} orders Fulfil does not tell an invoice's day: they are in no list of invoices"


def _totals(rows: Sequence[tuple[str, str, Decimal, tuple[Cell, ...]]]) -> _Totals:
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for sales_channel, currency, amount, _ in rows:
        count, total = found.get((sales_channel, currency), (0, ZERO))
        found[sales_channel, currency] = count + 1, total + amount
    return found


def _summary(totals: Mapping[str, _Totals], questions: Sequence[str], of_costs: Iterable[tuple[Cell, ...]]) -> Section:
    return Section(
        title="Totals",
        head=("what", "sales channel", "currency", "how many", "amount"),
        rows=(
            *(
                (question, name, currency, count, written(amount, currency))
                for question in questions
                for (name, currency), (count, amount) in sorted(totals[question].items())
            ),
            *of_costs,
        ),
        empty="nothing is on two sides of the month's end",
    )


def _listed(question: str, rows: Sequence[tuple[str, str, Decimal, tuple[Cell, ...]]]) -> Section:
    what = _AMOUNTS.get(question, "amount of the order")
    return Section(
        title=question,
        head=("order", "number", "sold on", "shipped by then", "last shipped on", what, "currency"),
        rows=tuple(sorted((row for *_, row in rows), key=lambda row: (str(row[2]), str(row[0]), str(row[-1])))),
        note=_NOTES.get(question, ""),
        empty="none",
    )


def _charts(totals: Mapping[str, _Totals], questions: Sequence[str]) -> Iterable[Chart]:
    currencies = sorted({currency for of in totals.values() for _, currency in of})
    for currency in currencies:
        bars = []
        for question in questions:
            amounts = [amount for (_, code), (_, amount) in totals[question].items() if code == currency]
            bars.append(Bar(_SHORT[question], written(sum(amounts, ZERO), currency)))
        yield Chart(title=f"At the end of the month, {currency}", unit=currency, bars=tuple(bars))


_AMOUNTS: Final = {PAID: "paid", UNPAID: "open", UNINVOICED: "not invoiced", INVOICED: "invoiced"}
_NOTES: Final = {
    UNINVOICED: "What posted invoices dated by the end of the month leave open of the order; credit notes take nothing "
    "away of them. Where a part has left, the order is here when nothing was invoiced by then.",
    INVOICED: "Posted invoices less credit notes, dated by the end of the month. Where a part has left, the order is "
    "here when all of it was invoiced by then.",
}
_SHORT: Final = {
    SOLD: "sold, not shipped",
    EARLIER: "shipped, sold earlier",
    LATER: "shipped, sold later",
    PAID: "paid, not shipped",
    UNPAID: "shipped, not paid",
    UNINVOICED: "shipped, not invoiced",
    INVOICED: "invoiced, not shipped",
}
