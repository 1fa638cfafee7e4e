"""The cut-off over rows made by hand: what of invoices and of cost is on two sides of the end of a month."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.changes import Page
from connectors.fulfil.ledger import LedgerMove
from connectors.fulfil.payments import Invoice
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from flows.model.invoices import Invoiced, invoiced, read_invoiced
from flows.model.month import month_of
from flows.model.schema import ORDERS
from flows.monthly.cutoff import EARLIER, INVOICED, PAID, SOLD, UNINVOICED, UNPAID, Cutoff, Sold
from flows.monthly.cutoff import LATER as SOLD_LATER
from flows.monthly.uncosted import UNCOSTED, Costs, Uncosted, cost_remarks
from flows.reconciler.costing import Costing, Left, asked, found_of, learned
from flows.reconciler.costs import LOOKED_FOR, CostsState, decide
from runtime.clock import Instant, to_instant
from runtime.decision import EffectDone, EffectRefused

D = Decimal
OCTOBER = month_of(date(2025, 10, 1))
NOW = datetime(2025, 11, 2, tzinfo=UTC)
IN, LATER = date(2025, 10, 20), date(2025, 11, 3)
FIRST, LAST = OCTOBER.first, OCTOBER.last
BEFORE, AFTER = FIRST - timedelta(days=1), LAST + timedelta(days=1)


def bill(amount: str | None, day: date | None = IN, *, currency: str | None = "EUR", credit: bool = False) -> Invoiced:
    return Invoiced(id=1, day=day, amount=None if amount is None else D(amount), currency=currency,
                    is_credit_note=credit)  # fmt: skip


def sold(
    shipments: tuple[date, ...], invoices: Any, *, is_open: bool = False, day: date = IN, moved: Any = None
) -> Sold:
    """An order for 100.00; unless `moved` says how it was paid, nobody follows its money."""
    return Sold(key="web/1", sales_channel="web", number="#1", day=day, amount=D(100), currency="EUR",
                shipments=shipments, is_open=is_open, moved=moved, invoices=invoices)  # fmt: skip


def answers(order: Sold) -> list[tuple[str, str]]:
    """The lists of invoices that it is in, each with its amount."""
    found = Cutoff(OCTOBER, invoices=True)
    found.add(order)
    sections = found.report("UTC", None).sections
    return [(each.title, str(row[5])) for each in sections if each.title in (UNINVOICED, INVOICED) for row in each.rows]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (sold((IN,), ()), [(UNINVOICED, "100.00")]),
        (sold((IN,), (bill("100"),)), []),
        (sold((IN,), (bill("100", LATER),)), [(UNINVOICED, "100.00")]),
        (sold((IN,), (bill("60"), bill("30"), bill("10", LATER))), [(UNINVOICED, "10.00")]),
        (sold((IN,), (bill("100"), bill("100", credit=True))), []),
        (sold((IN, LATER), ()), [(UNINVOICED, "100.00")]),
        (sold((IN, LATER), (bill("40"),)), []),
        (sold((IN, LATER), (bill("40"), bill("60", LATER))), []),
        (sold((IN, LATER), (bill("100"),)), [(INVOICED, "100.00")]),
        (sold((), (bill("100"),), is_open=True), [(INVOICED, "100.00")]),
        (sold((LATER,), (bill("40"), bill("15", credit=True))), [(INVOICED, "25.00")]),
        (sold((LATER,), (bill("40"), bill("40", credit=True))), []),
        (sold((LATER,), (bill("40"), bill("40", LATER, credit=True))), [(INVOICED, "40.00")]),
        (sold((LATER,), (bill("40", LATER),)), []),
        (sold((), (bill("100"),)), []),
        (sold((IN,), (bill(None),)), []),
        (sold((LATER,), (bill("7", currency="USD"), bill(None, credit=True))), [(INVOICED, "100.00")]),
        (sold((LATER,), (bill("100"),), day=LATER), [(INVOICED, "100.00")]),
        (sold((IN,), (), day=LATER), [(UNINVOICED, "100.00")]),
        (sold((LATER,), (), day=LATER), []),
        (sold((LAST,), (bill("100", LAST),)), []),
        (sold((IN,), (bill("10", LATER), bill("60"))), [(UNINVOICED, "40.00")]),
    ],
    ids=[
        "shipped", "invoiced", "invoiced later", "in part", "credited, as goods came back", "a part left",
        "and was invoiced", "the rest later", "but all was invoiced", "nothing left", "a part was credited",
        "all was credited", "credited later", "neither", "nothing is to leave", "of several sales", "another currency",
        "sold later", "sold later, shipped", "nothing of it was then",
        "on the last day", "a later one first",
    ],
)  # fmt: skip
def test_what_is_shipped_and_not_invoiced_and_the_reverse(order: Sold, told: list[tuple[str, str]]) -> None:
    """Whatever came after the end of the month is not there yet."""
    assert answers(order) == told


def paid(*moved: tuple[str, str, date]) -> tuple[tuple[str, D, date], ...]:
    return tuple((currency, D(amount), day) for currency, amount, day in moved)


ALL_OF_IT = paid(("EUR", "100", IN))


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (sold((AFTER,), None, day=FIRST, moved=()), [(SOLD, "100.00 EUR")]),
        (sold((AFTER,), None, day=LAST, moved=()), [(SOLD, "100.00 EUR")]),
        (sold((LAST,), None, day=LAST, moved=ALL_OF_IT), []),
        (sold((FIRST,), None, day=BEFORE, moved=ALL_OF_IT), [(EARLIER, "100.00 EUR")]),
        (sold((LAST,), None, day=BEFORE, moved=ALL_OF_IT), [(EARLIER, "100.00 EUR")]),
        (sold((BEFORE,), None, day=BEFORE, moved=ALL_OF_IT), []),
        (sold((AFTER,), None, day=BEFORE, moved=()), []),
        (sold((FIRST,), None, day=FIRST, moved=ALL_OF_IT), []),
        (sold((FIRST,), None, day=AFTER, moved=()), [(SOLD_LATER, "100.00 EUR")]),
        (sold((LAST,), None, day=AFTER, moved=()), [(SOLD_LATER, "100.00 EUR")]),
        (sold((BEFORE, AFTER), None, day=AFTER, moved=()), []),
        (sold((LAST,), None, moved=()), [(UNPAID, "100.00 EUR")]),
        (sold((LAST,), None, moved=paid(("EUR", "60", LAST), ("EUR", "40", AFTER))), [(UNPAID, "40.00 EUR")]),
        (sold((LAST,), None, moved=paid(("EUR", "130", LAST))), []),
        (sold((LAST,), None, moved=paid(("EUR", "100", IN), ("EUR", "-20", LAST))), []),
        (sold((LAST,), None, moved=paid(("EUR", "70", IN), ("EUR", "-20", LAST))), [(UNPAID, "30.00 EUR")]),
        (sold((LAST,), None, moved=paid(("USD", "60", LAST))), []),
        (sold((AFTER,), None, moved=paid(("EUR", "30", IN), ("EUR", "-30", IN))), [(SOLD, "100.00 EUR")]),
        (
            sold((AFTER,), None, moved=paid(("USD", "60", IN), ("EUR", "30", IN))),
            [(SOLD, "100.00 EUR"), (PAID, "30.00 EUR"), (PAID, "60.00 USD")],
        ),
        (
            sold((IN, AFTER), None, moved=paid(("EUR", "30", IN))),
            [(SOLD, "100.00 EUR"), (PAID, "30.00 EUR"), (UNPAID, "70.00 EUR")],
        ),
    ],
)
def test_an_order_is_on_two_sides_of_the_end_by_the_days_of_its_sale_its_parcels_and_its_money(
    order: Sold, told: list[tuple[str, str]]
) -> None:
    """The first and the last day are the month's; what is paid in another currency than the order's is not compared."""
    found = Cutoff(OCTOBER, invoices=False)
    found.add(order)
    sections = found.report("UTC", None).sections[1:]
    assert [(each.title, f"{row[5]} {row[6]}") for each in sections for row in each.rows] == told
    left = max((day for day in order.shipments if day < AFTER), default=None)
    assert {row[4] for each in sections for row in each.rows} <= {left}


def test_the_totals_of_the_cut_off_are_those_of_its_lists_and_of_its_charts() -> None:
    """By sales channel and currency, in their order; a chart for each currency has every question."""
    found = Cutoff(OCTOBER, invoices=True)
    orders = (
        ("web", "web/3", "EUR", "7.00", FIRST), ("shop", "shop/1", "EUR", "2.00", LAST),
        ("web", "web/1", "USD", "3.00", IN), ("web", "web/2", "EUR", "5.00", IN),
    )  # fmt: skip
    for channel, key, currency, amount, day in orders:
        order = sold((FIRST, IN, AFTER), None, day=day, moved=())
        found.add(msgspec.structs.replace(order, key=key, sales_channel=channel, currency=currency, amount=D(amount)))
    report = found.report("UTC", None)
    rows = {section.title: section.rows for section in report.sections}
    assert [row for row in rows["Totals"] if row[0] == SOLD] == [
        (SOLD, "shop", "EUR", 1, D("2.00")), (SOLD, "web", "EUR", 2, D("12.00")), (SOLD, "web", "USD", 1, D("3.00")),
    ]  # fmt: skip
    assert [row[0] for row in rows[SOLD]] == ["web/3", "web/1", "web/2", "shop/1"]
    assert {(row[3], row[4]) for row in rows[SOLD]} == {("a part", IN)}
    assert [(chart.unit, [f"{bar.label} {bar.amount}" for bar in chart.bars]) for chart in report.charts] == [
        (
            unit,
            [
                f"sold, not shipped {sum_}", "shipped, sold earlier 0.00", "shipped, sold later 0.00",
                "paid, not shipped 0.00", f"shipped, not paid {sum_}", "shipped, not invoiced 0.00",
                "invoiced, not shipped 0.00",
            ],
        )
        for unit, sum_ in (("EUR", "14.00"), ("USD", "3.00"))
    ]  # fmt: skip


def test_what_the_cut_off_leaves_out_is_said_with_how_many_that_are() -> None:
    """Sales channels that nobody watches, money that nobody follows, and money in another currency."""
    found = Cutoff(OCTOBER, invoices=False)
    for name in ("web", "shop", "web"):
        found.leave_out(name)
    for _ in range(2):
        found.add(sold((IN,), None))
    for _ in range(3):
        found.add(sold((IN,), None, moved=paid(("USD", "60", IN))))
    assert found.report("UTC", None).remarks[:5] == (
        "Orders that were cancelled since are left out. An order counts whole where only a part of it has left.",
        "shop: nobody watches its shipments, so its orders are left out, 1 of them",
        "web: nobody watches its shipments, so its orders are left out, 2 of them",
        "of 2 orders nobody follows the money, so nothing is said about that",
        "3 orders were paid in another currency than theirs: what is open is not worked out",
    )
    nothing = Cutoff(OCTOBER, invoices=False)
    nothing.add(sold((IN,), None, moved=ALL_OF_IT))
    assert [each for each in nothing.report("UTC", None).remarks if "follows" in each or "another" in each] == []


def test_what_is_not_known_of_invoices_is_said() -> None:
    """Not read, not yet read, without a day: each in words, and in no list."""
    found = Cutoff(OCTOBER, invoices=True)
    for order in (sold((LATER,), None, day=LAST), sold((IN,), (bill("40", None),)), sold((LATER,), None, day=LATER)):
        found.add(order)
    report = found.report("UTC", None)
    assert [each.rows for each in report.sections if each.title in (UNINVOICED, INVOICED)] == [(), ()]
    said = " ".join(report.remarks)
    assert "of 1 orders nobody has read yet what is invoiced" in said
    assert "of 1 orders Fulfil does not tell an invoice's day" in said
    blind = Cutoff(OCTOBER, invoices=False).report("UTC", None)
    assert UNINVOICED not in [each.title for each in blind.sections]
    assert any(remark.startswith("Invoices are not read from Fulfil") for remark in blind.remarks)


def fulfil_invoice(id_: int, **fields: Any) -> Invoice:
    told = {"type": "out", "state": "posted", "total_amount": D(10), "sales": (7,), "invoice_date": IN, **fields}
    return Invoice(id=id_, currency_code="EUR", **told)


def test_only_live_invoices_to_the_customer_are_kept_by_the_ledger_s_day() -> None:
    """Drafts, cancelled ones and those of suppliers are none; both ways of writing a credit note are one."""
    kept = read_invoiced(
        invoiced([
            fulfil_invoice(9, accounting_date=LATER),
            fulfil_invoice(2, state="paid", sales=(7, 8)),
            fulfil_invoice(3, state="draft"), fulfil_invoice(4, state="cancel"), fulfil_invoice(5, type="in"),
            fulfil_invoice(6, total_amount=D(-4)), fulfil_invoice(7, type="out_credit_note", total_amount=D(3)),
            fulfil_invoice(8, total_amount=None, invoice_date=None),
        ])
    )  # fmt: skip
    assert [(each.id, each.day, each.amount, each.is_credit_note) for each in kept] == [
        (2, IN, None, False), (6, IN, D(4), True), (7, IN, D(3), True), (8, None, None, False),
        (9, LATER, D(10), False),
    ]  # fmt: skip


def test_shipments_without_a_move_of_cost_are_listed_with_their_orders() -> None:
    """And what is not known of others."""
    missing = Uncosted(shipment="out-7", number="CS7", sales_channel="web", day=IN,
                       orders=(("web/2", "#2"), ("web/1", "#1")))  # fmt: skip
    report = Cutoff(OCTOBER, invoices=False, costs=Costs(missing=(missing,), unread=3, any_booked=False)).report(
        "UTC", None
    )
    assert report.sections[0].rows == ((UNCOSTED, "web", "", 1, None),)
    assert (report.sections[-1].title, report.sections[-1].rows) == (
        UNCOSTED, (("CS7", "out-7", "web/1, web/2", "#1, #2", IN),),
    )  # fmt: skip
    said = " ".join(report.remarks)
    assert "of 3 shipments nobody has looked for an entry of cost" in said
    assert "they may name another document (reconciliation.cost_moves)" in said
    assert any(
        "(cost_moves): nothing is said" in each for each in Cutoff(OCTOBER, invoices=False).report("", None).remarks
    )


def test_shipments_without_a_move_of_cost_are_in_the_order_of_their_days() -> None:
    """Counted by sales channel. What is known of all of them needs no remark."""
    missing = [
        Uncosted(shipment=name, number=name, sales_channel=channel, orders=((f"{channel}/1", "#1"),), day=day)
        for name, channel, day in (("out-9", "web", LATER), ("out-8", "shop", IN), ("out-7", "web", IN))
    ]
    known = Costs(missing=tuple(missing), unread=0, any_booked=True)
    report = Cutoff(OCTOBER, invoices=False, costs=known).report("UTC", None)
    assert report.sections[0].rows == ((UNCOSTED, "shop", "", 1, None), (UNCOSTED, "web", "", 2, None))
    assert [row[1] for row in report.sections[-1].rows] == ["out-7", "out-8", "out-9"]
    assert list(cost_remarks(known)) == []
    assert list(cost_remarks(Costs(missing=(), unread=0, any_booked=False))) == []


# -- what is read of cost ----------------------------------------------------------------------------------------------

SHIPMENT = Reference("stock.shipment.out", 7)
LEFT = Left("out-7", to_instant(NOW - timedelta(hours=1)))


def moved(id_: int, cost: str | None = "2.50", state: str | None = "done", to: str | None = "customer") -> StockMove:
    return StockMove(id=id_, shipment=SHIPMENT, state=state, to_type=to, cost_price=None if cost is None else D(cost))


def entry(origin: str, day: date | None = IN, state: str | None = "posted") -> LedgerMove:
    return LedgerMove(id=1, origin=Reference.parsed(origin), booked_on=day, state=state)


def posted_on(origin: str, day: date) -> LedgerMove:
    """An entry of which Fulfil tells when it was posted, and no more."""
    return LedgerMove(id=1, origin=Reference.parsed(origin), posted_on=day, state="posted")


def whole(rows: tuple[Any, ...]) -> Page[Any]:
    return Page(rows=rows, last_id=99, complete=True)


GOODS = (moved(1), moved(2, "0"), moved(3, to="storage"), moved(4, state="cancel"), moved(5, None))
BY_SHIPMENT, BY_MOVE = "stock.shipment.out,7", ("stock.move,1", "stock.move,5")


@pytest.mark.parametrize(
    ("origin", "moves", "entries", "found"),
    [
        ("shipment", GOODS, (entry(BY_SHIPMENT),), ("booked", IN)),
        ("shipment", GOODS, (entry(BY_SHIPMENT, LATER), entry(BY_SHIPMENT)), ("booked", IN)),
        ("shipment", GOODS, (entry(BY_SHIPMENT, state="draft"),), ("missing", None)),
        ("shipment", GOODS, (entry(BY_SHIPMENT, None, None),), ("booked", None)),
        ("shipment", GOODS, (posted_on(BY_SHIPMENT, LATER),), ("booked", LATER)),
        ("shipment", GOODS, (entry(BY_SHIPMENT), entry(BY_SHIPMENT, None)), ("booked", IN)),
        ("shipment", GOODS, (entry(BY_SHIPMENT, None), entry(BY_SHIPMENT)), ("booked", IN)),
        ("shipment", GOODS, (), ("missing", None)),
        ("shipment", (), (entry(BY_SHIPMENT),), ("booked", IN)),
        ("shipment", (), (), ("missing", None)),
        ("shipment", (moved(2, "0"),), None, ("nothing", None)),
        ("stock_move", GOODS, (entry(BY_MOVE[0]), entry(BY_MOVE[1], LATER)), ("booked", LATER)),
        ("stock_move", GOODS, (entry(BY_MOVE[0]),), ("missing", None)),
        ("stock_move", (moved(2, "0"),), None, ("nothing", None)),
        ("stock_move", (), None, ("missing", None)),
        ("stock_move", (moved(1, state=None, to=None),), (entry(BY_MOVE[0], None),), ("booked", None)),
    ],
)
def test_the_cost_of_a_shipment_is_booked_when_posted_entries_name_it(
    origin: Any, moves: Any, entries: Any, found: Any
) -> None:
    """By the first entry of each origin, and once all have one; what does not cost anything needs none."""
    costing = learned(Costing(began=NOW, shipments=(LEFT,)), whole(moves), origin)
    assert (asked(costing) is None) == (entries is None)
    if entries is not None:
        costing = learned(costing, whole(entries), origin)
        assert asked(costing) is None
    assert found_of(costing, LEFT, origin) == found


def test_pages_and_chunks_of_hundreds_are_read_to_their_end() -> None:
    """Seven hundred stock moves on two pages, and their entries in two chunks."""
    costing = Costing(began=NOW, shipments=(LEFT,))
    rows = tuple(moved(number) for number in range(1, 701))
    costing = learned(costing, Page(rows=rows[:500], last_id=500, complete=False), "stock_move")
    assert (costing.part, costing.after_id) == ("moves", 500)
    costing = learned(costing, whole(rows[500:]), "stock_move")
    for chunk in (rows[:500], rows[500:]):
        ask = asked(costing)
        assert ask is not None
        values = msgspec.json.decode(ask.effect("rest").body)["values"]
        assert values == [f"stock.move,{row.id}" for row in chunk]
        costing = learned(costing, whole(tuple(entry(value) for value in values)), "stock_move")
    assert asked(costing) is None
    assert found_of(costing, LEFT, "stock_move") == ("booked", IN)


def ended(how: Any, **fields: Any) -> Any:
    return how(intent=1, kind="find_ledger_moves", began_us=0, ended_us=1, attempts=1, **fields)


@pytest.mark.parametrize(
    ("age", "again"),
    [
        (timedelta(minutes=5), timedelta(hours=6)),
        (timedelta(hours=9), timedelta(hours=9)),
        (timedelta(days=40), timedelta(days=7)),
        (LOOKED_FOR, None),
    ],
)
def test_a_shipment_without_a_cost_is_looked_for_again_ever_more_seldom(
    age: timedelta, again: timedelta | None
) -> None:
    """When it is twice as old, at the latest after a week, and no more once it is a hundred days old."""
    left = Left("out-7", to_instant(NOW - age))
    costing = Costing(began=NOW, shipments=(left,), part="entries", origins=(BY_SHIPMENT,), goods={BY_SHIPMENT: (1,)})
    decision = decide(CostsState(costing=costing), ended(EffectDone, result=whole(())), NOW, "shipment")
    (write,) = decision.writes
    look_at = None if again is None else to_instant(NOW + again)
    assert write.row == ("out-7", "missing", None, left.at, to_instant(NOW), look_at)
    assert [timer.due for timer in decision.timers] == [NOW + timedelta(hours=6)]


def test_a_refused_look_is_a_case_since_the_first_one_and_is_made_again() -> None:
    """The shipments are due as before."""
    costing = Costing(began=NOW, shipments=(Left("out-7", Instant(1)),))
    refused = ended(EffectRefused, code="400", sentence="no access to account.move.")
    decision = decide(CostsState(costing=costing), refused, NOW, "shipment")
    (case,) = decision.state.cases
    assert case.sentence == "it cannot be read whether the cost of shipments is booked: no access to account.move"
    assert (decision.state.costing, decision.writes) == (None, ())
    assert [timer.due for timer in decision.timers] == [NOW + timedelta(minutes=15)]
    again = decide(decision.state, refused, NOW + timedelta(hours=1), "shipment")
    assert again.state.cases[0].opened_at == NOW


def test_sales_that_were_read_before_invoices_were_kept_are_read_once_more() -> None:
    """A store from before has the sales, and not what is invoiced of them."""
    store, files = sqlite3.connect(":memory:"), {file.name[:4]: file for file in ORDERS.migrations.iterdir()}
    for number in ("0001", "0019"):
        store.executescript(files[number].read_text(encoding="utf-8"))
    store.execute("INSERT INTO sale_seen (key, sale, seen, differs, read_at) VALUES ('web/1', 7, x'', 0, 5)")
    store.executescript(files["0026"].read_text(encoding="utf-8"))
    assert store.execute("SELECT sale, since FROM sale_due").fetchall() == [(7, 5)]
