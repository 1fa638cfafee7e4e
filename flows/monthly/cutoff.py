"""Cut-off: what of sales, shipments and money is on two sides of the end of a month (rule 24). Pure.

Only what had happened by the end of the month counts, so that a later shipment or payment changes nothing of it. An
order counts whole where a part of it has left: what of its amount that part is, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from flows.model.money import ZERO, exactly
from flows.model.month import Month
from flows.monthly.report import Bar, Cell, Chart, Report, Section, written

Shipped = Literal["nothing", "a part", "all"]
SOLD: Final = "Sold in the month, not all shipped in it"
EARLIER: Final = "Shipped in the month, sold in an earlier one"
LATER: Final = "Shipped in the month, sold in a later one"
PAID: Final = "Paid by the end of the month, not all shipped"
UNPAID: Final = "Shipped by the end of the month, not all paid"
_QUESTIONS: Final = (SOLD, EARLIER, LATER, PAID, UNPAID)


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has a sale. `shipments`: the days on which something of it left; `is_open`: something is still to
    leave. `moved`: what was charged (refunded: negative), by currency, with its day; None: nobody follows its money.
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

    def shipped(self, last: date) -> Shipped | None:
        """How far it was at the end of a day; None: nothing of it had to leave."""
        by_then = [day for day in self.shipments if day <= last]
        more = self.is_open or len(by_then) < len(self.shipments)
        if not by_then:
            return "nothing" if more else None
        return "a part" if more else "all"


class Cutoff:
    """Gathers orders, each once; `report` says what it came to."""

    def __init__(self, month: Month) -> None:
        self._month, self._first, self._last = month, month.first, month.last
        self._rows: dict[str, list[tuple[str, str, Decimal, tuple[Cell, ...]]]] = {each: [] for each in _QUESTIONS}
        self._unwatched: dict[str, int] = {}
        self._unfollowed = self._converted = 0

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
        for currency, amount, day in order.moved:
            if day <= self._last:
                sums[currency] = sums.get(currency, ZERO) + amount
        if shipped != "all":
            for currency, amount in sorted(sums.items()):
                if amount > ZERO:
                    self._put(PAID, order, shipped, amount, currency)
        if shipped != "nothing":
            if sums.keys() - {order.currency}:
                self._converted += 1
            elif (due := order.amount - sums.get(order.currency, ZERO)) > ZERO:
                self._put(UNPAID, order, shipped, due, order.currency)

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
            sections=(_summary(totals), *(_listed(question, self._rows[question]) for question in _QUESTIONS)),
            charts=tuple(_charts(totals)),
            remarks=tuple(self._remarks()),
        )

    def _remarks(self) -> Iterable[str]:
        yield "Orders that were cancelled since are left out. An order counts whole where only a part of it has left."
        for name, count in sorted(self._unwatched.items()):
            yield f"{name}: nobody watches its shipments, so its orders are left out, {count} of them"
        if self._unfollowed:
            yield f"of {self._unfollowed} orders nobody follows the money, so nothing is said about that"
        if self._converted:
            yield f"{self._converted} orders were paid in another currency than theirs: what is open is not worked out"
        yield "Invoices and moves of cost are Fulfil's and are not compared here."


_Totals = Mapping[tuple[str, str], tuple[int, Decimal]]


def _totals(rows: Sequence[tuple[str, str, Decimal, tuple[Cell, ...]]]) -> _Totals:
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for sales_channel, currency, amount, _ in rows:
        count, total = found.get((sales_channel, currency), (0, ZERO))
        found[sales_channel, currency] = count + 1, total + amount
    return found


def _summary(totals: Mapping[str, _Totals]) -> Section:
    return Section(
        title="Totals",
        head=("what", "sales channel", "currency", "orders", "amount"),
        rows=tuple(
            (question, name, currency, count, written(amount, currency))
            for question in _QUESTIONS
            for (name, currency), (count, amount) in sorted(totals[question].items())
        ),
        empty="nothing is on two sides of the month's end",
    )


def _listed(question: str, rows: Sequence[tuple[str, str, Decimal, tuple[Cell, ...]]]) -> Section:
    what = {PAID: "paid", UNPAID: "open"}.get(question, "amount of the order")
    return Section(
        title=question,
        head=("order", "number", "sold on", "shipped by then", "last shipped on", what, "currency"),
        rows=tuple(sorted((row for *_, row in rows), key=lambda row: (str(row[2]), str(row[0]), str(row[-1])))),
        empty="none",
    )


def _charts(totals: Mapping[str, _Totals]) -> Iterable[Chart]:
    currencies = sorted({currency for of in totals.values() for _, currency in of})
    for currency in currencies:
        bars = []
        for question in _QUESTIONS:
            amounts = [amount for (_, code), (_, amount) in totals[question].items() if code == currency]
            bars.append(Bar(_SHORT[question], written(sum(amounts, ZERO), currency)))
        yield Chart(title=f"At the end of the month, {currency}", unit=currency, bars=tuple(bars))


_SHORT: Final = {
    SOLD: "sold, not shipped",
    EARLIER: "shipped, sold earlier",
    LATER: "shipped, sold later",
    PAID: "paid, not shipped",
    UNPAID: "shipped, not paid",
}
