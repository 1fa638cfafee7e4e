"""The reports of a month against an oracle that counts in whole units of the smallest money, by other means: each book
is a ledger of entries, and each figure is a filter over it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from connectors.fulfil.ledger import LedgerMove
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from flows.model.closing import Moved
from flows.model.invoices import Invoiced
from flows.model.money import digits_of
from flows.model.month import Month, month_of
from flows.model.posting_matrix import LedgerEvent
from flows.monthly.accounts import AccountMonth, Book, FulfilAccounts
from flows.monthly.board import Item, board_of
from flows.monthly.checks import CHECKS, Check
from flows.monthly.clearing import Booked, ClearingBooks, Line, Movement, Payout
from flows.monthly.cutoff import EARLIER, INVOICED, LATER, PAID, SOLD, UNINVOICED, UNPAID, Cutoff, Sold
from flows.monthly.page import page_of
from flows.monthly.report import Report, Section, so_far
from flows.monthly.stock_value import Stocked, stock_value
from flows.reconciler.costing import Costing, Left, found_of, learned
from runtime.clock import Instant

CURRENCIES = ("JPY", "EUR", "KWD")
"""With none, two and three digits after the point."""
START = date(2026, 9, 20)
DAYS = st.integers(0, 60).map(lambda days: START + timedelta(days=days))
UNITS = st.integers(-(10**15), 10**15).filter(bool)
OCTOBER = month_of(date(2026, 10, 1))
READ_AT = datetime(2026, 11, 2, 4, tzinfo=UTC)


def money(units: int, currency: str) -> Decimal:
    """So many of the smallest unit."""
    return Decimal(units).scaleb(-digits_of(currency))


def units(amount: Any, currency: str) -> int:
    """The other way."""
    whole = Decimal(amount).scaleb(digits_of(currency))
    assert whole == int(whole)
    return int(whole)


class Told(NamedTuple):
    """A charge or refund of an order; or, with a payout, a line of one: its parts in whole units."""

    order: int
    gateway: str
    currency: str
    units: int
    day: date
    payout: int = -1
    fee: int = 0
    tax: int = 0
    gap: int = 0
    kind: str = "sale"


TOLD = st.builds(
    Told, st.integers(0, 5), st.sampled_from(["card", "pay"]), st.sampled_from(CURRENCIES), UNITS, DAYS,
)  # fmt: skip
PARTS = st.integers(-(10**6), 10**6)
LINES = st.builds(
    Told,
    order=st.integers(-1, 5),
    gateway=st.just(""),
    currency=st.just(""),
    units=UNITS,
    day=DAYS,
    payout=st.integers(0, 5),
    fee=PARTS,
    tax=PARTS,
    gap=PARTS,
    kind=st.sampled_from(["sale", "sale", "refund", "dispute", "reserve", "adjustment", "transfer", "payout_returned"]),
)


class Paid(NamedTuple):
    """A payout: of which book, when, how much, and whether it is a statement of account."""

    gateway: str
    currency: str
    day: date
    units: int
    received: bool
    is_statement: bool


PAYOUTS = st.lists(
    st.builds(
        Paid,
        st.sampled_from(["card", "pay"]),
        st.sampled_from(CURRENCIES),
        DAYS,
        UNITS,
        st.booleans(),
        st.booleans(),
    ),
    min_size=6,
    max_size=6,
)


def returned_by(line: Told, payouts: list[Paid]) -> int | None:
    """The payout that the line gives back: one of its book that never arrived, where there is one."""
    own = payouts[line.payout][:2]
    never = [place for place, of in enumerate(payouts) if of[:2] == own and not (of.received or of.is_statement)]
    return never[0] if line.kind == "payout_returned" and never else None


NOTHING_READ = FulfilAccounts(currency="", months=(), account_of=lambda _: None)


def movement(gateway: str, currency: str, amount: Decimal, day: date) -> Movement:
    """Money of an order, signed."""
    way: Literal["charge", "refund"] = "charge" if amount > 0 else "refund"
    return Movement(gateway, Moved(gateway=gateway, way=way, amount=abs(amount), currency=currency), day)


def report_of(
    month: Month, told: list[Told], lines: list[Told], payouts: list[Paid], fulfil: FulfilAccounts = NOTHING_READ
) -> Report:
    """As the reader feeds the books."""
    made = [
        Payout(key=f"p{place}", gateway=each.gateway, currency=each.currency, is_statement=each.is_statement,
               received=each.received, paid=money(each.units, each.currency), day=each.day)
        for place, each in enumerate(payouts)
    ]  # fmt: skip
    books = ClearingBooks(month, made)
    of_orders: dict[str, list[Line]] = {}
    for each in lines:
        code = payouts[each.payout].currency
        of_order = f"o{each.order}" if each.order >= 0 and each.kind in ("sale", "refund") else None
        returns = returned_by(each, payouts)
        line = Line(payout=f"p{each.payout}", kind=each.kind, day=each.day, amount=money(each.units, code),
                    fee=money(each.fee, code), tax=money(each.tax, code), gap=money(each.gap, code),
                    order=of_order, returns="" if returns is None else f"p{returns}")  # fmt: skip
        books.add_lines([line])
        if of_order is not None:
            of_orders.setdefault(of_order, []).append(line)
    for order in sorted({*(f"o{each.order}" for each in told), *of_orders}):
        own = [
            movement(each.gateway, each.currency, money(each.units, each.currency), each.day)
            for each in told
            if f"o{each.order}" == order
        ]
        books.add_order(order, own, of_orders.get(order, []))
    return books.report("UTC", None, fulfil)


def entries(told: list[Told], lines: list[Told], payouts: list[Paid]) -> list[tuple[str, str, str, date, int]]:
    """The ledger of the oracle: gateway, currency, column, day, units."""
    found = [
        (each.gateway, each.currency, "charges" if each.units > 0 else "refunds", each.day, each.units) for each in told
    ]
    columns = {"dispute": "disputes", "reserve": "reserves"}
    for each in lines:
        of = payouts[each.payout]
        fees = "disputes" if each.kind == "dispute" else "fees"
        parts = [(fees, each.fee), ("taxes on fees", each.tax), ("other", each.gap)]
        if each.kind == "transfer" and of.is_statement:
            parts.append(("paid out", each.units))
        elif each.kind not in ("sale", "refund") and returned_by(each, payouts) is None:
            parts.append((columns.get(each.kind, "other"), each.units))
        found += [(of.gateway, of.currency, column, each.day, amount) for column, amount in parts]
    found += [
        (each.gateway, each.currency, "paid out", each.day, -each.units)
        for each in payouts
        if each.received and not each.is_statement
    ]
    return found


@given(st.lists(TOLD, max_size=12), st.lists(LINES, max_size=12), PAYOUTS)
def test_clearing_is_the_ledger_of_an_oracle_to_the_last_unit(
    told: list[Told], lines: list[Told], payouts: list[Paid]
) -> None:
    """Each column, opening and closing; a month opens as the one before it closed; what is open adds up to it."""
    before: dict[tuple[str, str], int] = {}
    ledger = entries(told, lines, payouts)
    for month in (month_of(date(2026, 9, 1)), OCTOBER, month_of(date(2026, 11, 1))):
        report = report_of(month, told, lines, payouts)
        balances, made_of, *_ = report.sections
        figures = balances.head[2:]
        for row in balances.rows:
            gateway, currency = str(row[0]), str(row[1])
            own = [entry for entry in ledger if entry[:2] == (gateway, currency)]
            expected = Counter[str]()
            for _, _, column, day, amount in own:
                if month.first <= day <= month.last:
                    expected[column] += amount
            expected["opening"] = sum(amount for *_, day, amount in own if day < month.first)
            expected["closing"] = sum(amount for *_, day, amount in own if day <= month.last)
            assert dict(zip(figures, (units(cell, currency) for cell in row[2:]), strict=True)) == {
                name: expected[name] for name in figures
            }
            assert before.get((gateway, currency), 0) == expected["opening"]
            open_ = [units(each[4], currency) for each in made_of.rows if each[:2] == row[:2]]
            assert sum(open_[:-1]) == open_[-1] == expected["closing"]
            before[gateway, currency] = expected["closing"]
        assert report_of(month, told[::-1], lines[::-1], payouts).digest == report.digest


MONTHS = [month_of(date(2026, number, 1)) for number in (8, 9, 10, 11)]
READ = st.dictionaries(st.tuples(st.sampled_from(["card", "pay"]), st.sampled_from(MONTHS)), UNITS)


@given(st.lists(TOLD, max_size=12), st.lists(LINES, max_size=12), PAYOUTS, READ)
def test_what_fulfil_has_moved_is_held_against_the_books_month_by_month(
    told: list[Told], lines: list[Told], payouts: list[Paid], read: dict[tuple[str, Month], int]
) -> None:
    """Each gateway has an account of its own; only what is in the ledger's currency is compared, and since then."""
    months = [
        AccountMonth(month=month, account=f"12-{gateway}", moved=money(amount, "EUR"), is_final=False, read_at=READ_AT)
        for (gateway, month), amount in read.items()
    ]
    fulfil = FulfilAccounts(currency="EUR", months=months, account_of=lambda book: f"12-{book[0]}")
    section = report_of(OCTOBER, told, lines, payouts, fulfil).sections[2]
    ledger = [entry for entry in entries(told, lines, payouts) if entry[-1] and entry[3] <= OCTOBER.last]
    assert {row[0] for row in section.rows} == {f"12-{gateway}" for gateway, month in read if month == OCTOBER}
    for account, gateways, _, in_fulfil, here, difference, since, off, _, _ in section.rows:
        gateway = str(account)[3:]
        own = [entry for entry in ledger if entry[0] == gateway]
        assert gateways == (gateway if own else "")
        assert units(in_fulfil, "EUR") == read[gateway, OCTOBER]
        if any(currency != "EUR" for _, currency, *_ in own):
            assert (here, difference, since, off) == (None,) * 4
            continue
        by_month = Counter[Month]()
        for *_, day, amount in own:
            by_month[month_of(day)] += amount
        first = min(by_month, default=OCTOBER)
        counted = {month: read[gateway, month] for month in MONTHS[:3] if month >= first and (gateway, month) in read}
        assert units(here, "EUR") == by_month[OCTOBER]
        assert units(difference, "EUR") == read[gateway, OCTOBER] - by_month[OCTOBER]
        assert since == str(min(counted))
        assert units(off, "EUR") == sum(amount - by_month[month] for month, amount in counted.items())


def accounts_of_no_book(_: Book) -> None:
    """A matrix that posts no payouts."""


def test_the_money_of_a_payout_that_came_back_is_counted_once() -> None:
    """Charged once, paid out once, with the next: nothing is left, and nothing is called other."""
    shared = {"gateway": "card", "currency": "USD", "is_statement": False}
    failed = Payout(key="p1", received=False, paid=Decimal("125.63"), day=date(2026, 10, 5), **shared)
    later = Payout(key="p2", received=True, paid=Decimal("174.63"), day=date(2026, 10, 9), **shared)
    day, lines = date(2026, 10, 4), dict[str, Line]()
    for order, payout, amount, fee in (("o1", "p1", "129.00", "-3.37"), ("o2", "p2", "50.00", "-1.00")):
        lines[order] = Line(payout=payout, kind="sale", day=day, amount=Decimal(amount), fee=Decimal(fee), order=order)
    back = Line(payout="p2", kind="payout_returned", day=date(2026, 10, 8), amount=Decimal("125.63"), returns="p1")
    books = ClearingBooks(OCTOBER, [failed, later])
    books.add_lines([*lines.values(), back])
    for order, line in lines.items():
        books.add_order(order, [movement("card", "USD", line.amount, day)], [line])
    balances, made_of, *_ = books.report("UTC", None, NOTHING_READ).sections
    figures = dict(zip(balances.head, balances.rows[0], strict=True))
    assert (figures["paid out"], figures["other"], figures["closing"]) == (Decimal("-174.63"), 0, 0)
    assert [row[2:] for row in made_of.rows] == [("closing balance", None, Decimal("0.00"))]


def test_an_account_that_no_gateway_pays_out_of_is_shown_alone() -> None:
    """It has no books: all that it has moved is a difference. Without the ledger's currency nothing is compared."""
    read = [AccountMonth(month=OCTOBER, account="1200", moved=Decimal("-5.5"), is_final=True, read_at=READ_AT)]
    told = [Told(0, "card", "EUR", 100, date(2026, 10, 3))]
    for currency, row in (
        ("EUR", ("1200", "", "EUR", "-5.50", "0.00", "-5.50", "2026-10", "-5.50", "closed", "2026-11-02 04:00Z")),
        ("", ("1200", "", "", "-5.50", "", "", "", "", "closed", "2026-11-02 04:00Z")),
    ):
        fulfil = FulfilAccounts(currency=currency, months=read, account_of=accounts_of_no_book)
        section = report_of(OCTOBER, told, [], [], fulfil).sections[2]
        assert [tuple("" if cell is None else str(cell) for cell in each) for each in section.rows] == [row]


def test_what_was_paid_in_another_currency_is_converted_by_what_the_provider_says() -> None:
    """It leaves the book of the customer's currency whole, and comes to the payout's: neither has a difference."""
    payout = Payout(key="p", gateway="card", currency="EUR", is_statement=False, received=True, paid=Decimal("13.50"),
                    day=date(2026, 10, 5))  # fmt: skip
    books = ClearingBooks(OCTOBER, [payout])
    line = Line(payout="p", kind="sale", day=date(2026, 10, 4), amount=Decimal("14.00"), fee=Decimal("-0.50"),
                order="o", presentment="12.00 GBP")  # fmt: skip
    books.add_lines([line])
    books.add_order("o", [movement("card", "GBP", Decimal("12.00"), date(2026, 10, 4))], [line])
    balances, made_of, _, moved, _, items = books.report("UTC", None, NOTHING_READ).sections
    assert [(row[1], row[-1]) for row in balances.rows] == [("EUR", Decimal("0.00")), ("GBP", Decimal("0.00"))]
    assert [row[2:] for row in moved.rows if row[2] == "converted"] == [
        ("converted", Decimal("14.00")), ("converted", Decimal("-12.00")),
    ]  # fmt: skip
    assert items.rows == ()
    assert [row[2] for row in made_of.rows] == ["closing balance"] * 2


def test_what_is_posted_stands_beside_what_has_moved() -> None:
    """Signed alike, whatever the matrix calls positive; a fee that is booked in the next month is a difference now."""
    paid = date(2026, 10, 30)
    payout = Payout(key="p", gateway="card", currency="EUR", is_statement=False, received=True, paid=Decimal("96.80"),
                    day=paid)  # fmt: skip
    books = ClearingBooks(OCTOBER, [payout])
    books.add_lines([
        Line(payout="p", kind="sale", day=date(2026, 9, 30), amount=Decimal(100), fee=Decimal("-3.20")),
        Line(payout="p", kind="dispute", day=paid, amount=Decimal("-5.00")),
        Line(payout="p", kind="dispute_reversal", day=paid, amount=Decimal("5.00")),
    ])  # fmt: skip
    events = ((LedgerEvent.PAYOUT, "96.80", paid), (LedgerEvent.FEE, "3.00", paid), (LedgerEvent.DISPUTE, "5.00", paid),
              (LedgerEvent.DISPUTE_REVERSAL, "5.00", paid), (LedgerEvent.FEE, "0.20", date(2026, 11, 1)))  # fmt: skip
    books.add_booked([Booked("card", "EUR", event, Decimal(amount), day) for event, amount, day in events])
    books.add_booked([Booked("card", "USD", LedgerEvent.FEE, Decimal("1.10"), paid, exchanged=True)])
    section = books.report("UTC", None, NOTHING_READ).sections[4]
    assert [row[2:] for row in section.rows] == [
        ("fee", Decimal("-3.20"), Decimal("-3.00"), Decimal("-0.20")),
        ("dispute", Decimal("-5.00"), Decimal("-5.00"), Decimal("0.00")),
        ("dispute reversal", Decimal("5.00"), Decimal("5.00"), Decimal("0.00")),
        ("paid out", Decimal("-96.80"), Decimal("-96.80"), Decimal("0.00")),
        ("fee, from another currency", None, Decimal("-1.10"), None),
    ]


INVOICES = st.lists(
    st.tuples(
        st.none() | st.integers(0, 10**15), st.none() | DAYS, st.booleans(), st.sampled_from(["own", "other", "untold"])
    ),
    max_size=3,
)  # fmt: skip
SOLDS = st.lists(
    st.tuples(
        DAYS, st.sampled_from(CURRENCIES), st.integers(1, 10**15), st.lists(DAYS, max_size=3), st.booleans(),
        st.none() | st.lists(st.tuples(UNITS, DAYS), max_size=3), st.none() | INVOICES,
    ),
    max_size=12,
)  # fmt: skip


def sold(number: int, drawn: Any) -> Sold:
    """As the reader builds it."""
    day, currency, amount, left, is_open, moved, invoices = drawn
    codes = {"own": currency, "other": "XXX", "untold": None}
    return Sold(
        key=f"web/{number}", sales_channel="web", number=f"{number}", day=day, amount=money(amount, currency),
        currency=currency, shipments=tuple(left), is_open=is_open,
        moved=None if moved is None else tuple((currency, money(each, currency), on) for each, on in moved),
        invoices=None if invoices is None else tuple(
            Invoiced(id=place, day=on, amount=None if each is None else money(each, currency), currency=codes[code],
                     is_credit_note=is_credit)
            for place, (each, on, is_credit, code) in enumerate(invoices)
        ),
    )  # fmt: skip


def in_october(order: Sold) -> Sold:
    """What was known of it when October ended: that more is to leave, and nothing of what came then."""
    last = OCTOBER.last
    later = any(on > last for on in order.shipments)
    invoices = order.invoices
    if invoices is not None and not any(each.day is None for each in invoices):
        invoices = tuple(each for each in invoices if each.day is not None and each.day <= last)
    return replace(
        order, shipments=tuple(on for on in order.shipments if on <= last), is_open=order.is_open or later,
        moved=None if order.moved is None else tuple(each for each in order.moved if each[2] <= last),
        invoices=invoices,
    )  # fmt: skip


def invoiced_by(amount: int, invoices: list[Any], last: date) -> tuple[int, int]:
    """The oracle: units that were invoiced, and credited, by then; what cannot be told is all of the order, or none."""
    known = [(amount if each is None or code == "other" else each, is_credit, each is None or code == "other")
             for each, on, is_credit, code in invoices if on <= last]  # fmt: skip
    billed = sum(each for each, is_credit, _ in known if not is_credit)
    return billed, sum(each for each, is_credit, unknown in known if is_credit and not unknown)


@given(SOLDS)
def test_the_cut_off_is_that_of_an_oracle_and_what_happens_later_changes_nothing(solds: list[Any]) -> None:
    """Each order of each question, with its amount; also when everything of later months is taken away."""
    last, first = OCTOBER.last, OCTOBER.first
    questions = (SOLD, EARLIER, LATER, PAID, UNPAID, UNINVOICED, INVOICED)
    expected: dict[str, set[tuple[str, int]]] = {name: set() for name in questions}
    found, forgetful, blind = (Cutoff(OCTOBER, invoices=reads) for reads in (True, True, False))
    unread = undated = 0
    for number, drawn in enumerate(solds):
        day, _, amount, left, is_open, moved, invoices = drawn
        key, order = f"web/{number}", sold(number, drawn)
        found.add(order)
        blind.add(order)
        if day <= last or any(on <= last for on in left) or any(on and on <= last for _, on, *_ in invoices or ()):
            forgetful.add(in_october(order))
        in_month = sum(first <= on <= last for on in left)
        by_then = sum(on <= last for on in left)
        everything = bool(by_then) and by_then == len(left) and not is_open
        nothing_to_ship = not left and not is_open
        if day > last and in_month:
            expected[LATER].add((key, amount))
        if first <= day <= last and not everything and not nothing_to_ship:
            expected[SOLD].add((key, amount))
        if day < first and in_month:
            expected[EARLIER].add((key, amount))
        paid = None if moved is None else sum(each for each, on in moved if on <= last)
        if day <= last and paid is not None and not nothing_to_ship:
            if paid > 0 and not everything:
                expected[PAID].add((key, paid))
            charged = sum(each for each, on in moved if on <= last and each > 0)
            if by_then and amount > charged:
                expected[UNPAID].add((key, amount - charged))
        concerns = not nothing_to_ship and bool(day <= last or by_then)
        if invoices is None:
            unread += concerns
        elif any(on is None for _, on, *_ in invoices):
            undated += concerns
        elif not nothing_to_ship:
            billed, credited = invoiced_by(amount, invoices, last)
            part = bool(by_then) and not everything
            if by_then and billed < amount and not (part and billed):
                expected[UNINVOICED].add((key, amount - billed))
            if not everything and billed > credited and not (part and billed < amount):
                expected[INVOICED].add((key, billed - credited))
    report = found.report("UTC", None)
    assert [section.title for section in report.sections[1:]] == list(questions)
    for section in report.sections[1:]:
        rows = {(str(row[0]), units(row[5], str(row[6]))) for row in section.rows}
        assert rows == expected[section.title]
        totals = sum(int(str(row[3])) for row in report.sections[0].rows if row[0] == section.title)
        assert totals == len(section.rows)
    said = " ".join(report.remarks)
    assert (f"of {unread} orders nobody has read yet" in said, f"of {undated} orders Fulfil does not" in said) == (
        bool(unread), bool(undated),
    )  # fmt: skip
    assert forgetful.report("UTC", None) == report
    unseen = blind.report("UTC", None)
    assert unseen.sections[1:] == report.sections[1:6]
    assert any("Invoices are not read" in remark for remark in unseen.remarks)


GOODS = st.tuples(st.sampled_from(["done", "cancel"]), st.sampled_from(["customer", "storage"]), st.integers(0, 2))
ENTRIES = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["posted", "draft"]), DAYS)


@given(
    st.sampled_from(["shipment", "stock_move"]), st.lists(st.lists(GOODS, max_size=4), min_size=1, max_size=4),
    st.lists(ENTRIES, max_size=12), st.integers(1, 5),
)  # fmt: skip
def test_a_shipment_has_its_cost_when_an_oracle_finds_an_entry_of_each_of_its_documents(
    origin: Any, goods: list[list[tuple[str, str, int]]], entries: list[tuple[int, int, str, date]], page: int
) -> None:
    """However small the pages are. The day is that of the last document's first entry."""
    left = [Left(f"out-{place}", Instant(0)) for place in range(len(goods))]
    moves = [
        StockMove(id=10 * place + number, shipment=Reference("stock.shipment.out", place), state=state, to_type=to,
                  cost_price=Decimal(price))
        for place, each in enumerate(goods)
        for number, (state, to, price) in enumerate(each)
    ]  # fmt: skip
    booked = [
        LedgerMove(id=number, state=state, booked_on=day,
                   origin=Reference("stock.shipment.out", place) if origin == "shipment"
                   else Reference("stock.move", 10 * place + move))
        for number, (place, move, state, day) in enumerate(entries)
    ]  # fmt: skip
    costing = Costing(began=datetime(2026, 11, 1, tzinfo=UTC), shipments=tuple(left))
    while costing.part is not None:
        wanted = set(costing.origins)
        rows: list[Any] = moves if costing.part == "moves" else [each for each in booked if str(each.origin) in wanted]
        rest = [row for row in rows if row.id > costing.after_id or not costing.after_id]
        few = tuple(rest[:page])
        last = few[-1].id if few else 0
        costing = learned(costing, Page(rows=few, last_id=last or 1, complete=len(rest) <= page), origin)
    for place, each in enumerate(left):
        gone = [
            (number, price)
            for number, (state, to, price) in enumerate(goods[place])
            if (state, to) == ("done", "customer")
        ]
        days = sorted(
            (day, move) for at, move, state, day in entries if at == place and state == "posted"
        )  # fmt: skip
        needed = {number for number, price in gone if price}
        if gone and not needed:
            assert found_of(costing, each, origin) == ("nothing", None)
        elif origin == "shipment":
            assert found_of(costing, each, origin) == (("booked", days[0][0]) if days else ("missing", None))
        else:
            firsts = {move: min(day for day, of in days if of == move) for _, move in days}
            whole = bool(needed) and needed <= firsts.keys()
            assert found_of(costing, each, origin) == (
                ("booked", max(firsts[move] for move in needed)) if whole else ("missing", None)
            )


@given(st.lists(st.tuples(st.sampled_from(list(Check)), DAYS, st.sampled_from(CURRENCIES), st.integers(0, 10**15))))
def test_the_board_adds_up_as_an_oracle_does(found: list[tuple[Check, date, str, int]]) -> None:
    """Count, amount and oldest day of each row; clean exactly when nothing that stands is of the month or before."""
    items = [Item(check=check, day=day, currency=code, amount=money(each, code)) for check, day, code, each in found]
    board = board_of(items, OCTOBER, date(2026, 12, 1), "UTC")
    expected: dict[tuple[Check, str], list[tuple[date, int]]] = {}
    for check, day, code, each in found:
        if OCTOBER.first <= day <= OCTOBER.last:
            expected.setdefault((check, code), []).append((day, each))
        elif day < OCTOBER.first and CHECKS[check].stands:
            expected.setdefault((Check.EARLIER, code), []).append((day, each))
    assert {
        (row.check, row.currency): (row.count, units(row.amount, row.currency), row.oldest) for row in board.rows
    } == {place: (len(of), sum(each for _, each in of), min(of)[0]) for place, of in expected.items()}
    assert board.clean == (not any(CHECKS[check].stands for check, _ in expected))


STOCKED = st.tuples(
    st.sampled_from(["4", "4,5"]), st.sampled_from("ABCDEFGH"), st.integers(-(10**9), 10**9).filter(bool),
    st.none() | st.integers(0, 10**9),
)  # fmt: skip


@given(st.sampled_from(CURRENCIES), st.lists(STOCKED, max_size=12, unique_by=lambda row: row[:2]))
def test_the_value_of_stock_is_units_times_cost_and_nothing_is_made_up(currency: str, rows: list[Any]) -> None:
    """In ten thousandths of a unit and of money, since costs have four digits; a SKU without a cost has no value."""
    ended = datetime(2026, 11, 1, tzinfo=UTC)
    found = [
        Stocked(place=place, sku=sku, on_hand=Decimal(on_hand).scaleb(-1),
                cost=None if cost is None else Decimal(cost).scaleb(-4))
        for place, sku, on_hand, cost in rows
    ]  # fmt: skip
    kept = {"time_zone": "UTC", "began": ended, "kept": ended, "ended": ended}
    report = stock_value(OCTOBER, found, currency=currency, **kept)  # type: ignore[arg-type]
    totals, without, skus = report.sections
    assert [row[0] for row in totals.rows] == sorted({row[0] for row in rows})
    for place, count, _, value, lacking, lacking_units in totals.rows:
        own = [row for row in rows if row[0] == place]
        exact = sum(on_hand * cost for _, _, on_hand, cost in own if cost is not None)
        assert Decimal(str(value)).scaleb(5) == exact
        assert count == sum(cost is not None for *_, cost in own)
        assert lacking == sum(cost is None for *_, cost in own)
        assert Decimal(str(lacking_units)).scaleb(1) == sum(row[2] for row in own if row[3] is None)
    assert len(without.rows) + len(skus.rows) == len(rows)
    assert stock_value(OCTOBER, found[::-1], currency=currency, **kept).digest == report.digest  # type: ignore[arg-type]
    assert any("has not told what" in remark for remark in report.remarks) == bool(without.rows)


def test_what_differs_stands_out_on_a_page_and_a_day_is_never_wrapped() -> None:
    """A row that names a difference, and one with an amount in a column that is to have none; no other."""
    report = Report(
        name="x", title="X", month="2026-10", time_zone="UTC", as_of=None,
        sections=(
            Section(
                title="T", head=("what", "day", "differs by"),
                rows=(
                    ("difference: lost", date(2026, 10, 3), None), ("on its way", date(2026, 10, 4), Decimal(0)),
                    ("account", date(2026, 10, 5), Decimal("0.01")),
                ),
            ),
        ),
    )  # fmt: skip
    rows = [line for line in page_of(report).splitlines() if line.startswith("<tr") and "<td" in line]
    assert [line.startswith('<tr class="off">') for line in rows] == [True, False, True]
    assert '<td class="d">2026-10-03</td>' in rows[0]
    assert "2026-10 is not over in UTC" in page_of(so_far(report))
    assert so_far(report).digest != report.digest
