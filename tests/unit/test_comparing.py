"""What a sale is to be against what was read: each cause with its amount, echoes of our own doing, changes by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from connectors.fulfil.payments import Invoice, SalePayment
from connectors.fulfil.read_back import ReadBackLine, ReadBackSale
from connectors.fulfil.typed import Reference
from flows.events import CaseClosed, CaseOpened
from flows.model.reconciliation import AcceptDifferences
from flows.reconciler.closing import uninvoiced_of
from flows.reconciler.comparing import Change, Expected, Found, Snapshot, changes, differences, snapshot_of
from flows.reconciler.comparing_units import told as told_units
from flows.reconciler.comparing_units import units_on
from flows.reconciler.reading_back import Batch, Sweeping, asked, begun, found_of, learned, part_after, passed, sales_of
from flows.reconciler.sale_checks import SaleCheck, SaleChecks, SaleCompared, decide
from runtime.decision import Decision

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "web/1"
D = Decimal
EXPECTED = Expected(key=KEY, sale=7, is_cancelled=False, amount=D("120.00"), currency="USD", tax=D("20.00"),
                    captured=D("120.00"))  # fmt: skip
SALE = ReadBackSale(id=7, number="SO7", state="processing", currency_code="USD", total_amount=D("120.00"),
                  tax_amount=D("20.00"), shipment_state="waiting", party=3, lines=(1, 2), changed_by=5,
                  create_date=NOW - timedelta(days=2))  # fmt: skip
PAID = SalePayment(id=1, sale=7, amount_captured=D("120.00"), amount_refunded=D("0"))


def invoice(
    total: str, *, state: str = "posted", sales: tuple[int, ...] = (7,), type_: str = "out", balance: str | None = None
) -> Invoice:
    due = None if balance is None else D(balance)
    return Invoice(id=1, type=type_, state=state, total_amount=D(total), balance_due=due, sales=sales)


def found(sale: ReadBackSale | None = SALE, payments: Any = (PAID,), invoices: Any = ()) -> Found:
    return Found(sale=sale, payments=payments, invoices=invoices)


def causes(expected: Expected, read: Found) -> list[tuple[str, str]]:
    return [(each.cause, str(each.amount)) for each in differences(expected, read, NOW)]


@pytest.mark.parametrize(
    ("expected", "read", "told"),
    [
        (EXPECTED, found(), []),
        (EXPECTED, found(None), [("gone", "120.00")]),
        (EXPECTED, found(replace(SALE, total_amount=D("119.00"))), [("total", "1.00")]),
        (EXPECTED, found(replace(SALE, tax_amount=D("19.99"))), [("tax", "0.01")]),
        (EXPECTED, found(replace(SALE, currency_code="EUR", total_amount=D(1))), [("currency", "120.00")]),
        (EXPECTED, found(replace(SALE, state="cancel")), [("state", "120.00")]),
        (replace(EXPECTED, is_cancelled=True), found(), [("state", "120.00")]),
        (replace(EXPECTED, is_cancelled=True), found(replace(SALE, state="cancel", total_amount=D(0))), []),
        (EXPECTED, found(payments=()), [("captured", "120.00")]),
        (EXPECTED, found(payments=(replace(PAID, amount_refunded=D("5.00")),)), [("refunded", "5.00")]),
        (replace(EXPECTED, refunded=D("5.00")), found(), [("refunded", "5.00")]),
        (EXPECTED, found(payments=(replace(PAID, amount=D("120.00"), amount_captured=D(0)),)), []),
        (EXPECTED, found(payments=(replace(PAID, amount=D("90.00"), amount_captured=D(0)),)), [("captured", "120.00")]),
        (replace(EXPECTED, captured=None), found(payments=()), []),
        (EXPECTED, found(payments=(replace(PAID, amount_captured=None),)), []),
        (EXPECTED, found(payments=None, invoices=None), []),
        (replace(EXPECTED, tax=None), found(replace(SALE, tax_amount=D(7))), []),
        (EXPECTED, found(replace(SALE, total_amount=None)), []),
        (replace(EXPECTED, is_known=True), found(replace(SALE, total_amount=D(1), state="cancel")), []),
        (EXPECTED, found(replace(SALE, state=None)), []),
        (replace(EXPECTED, is_cancelled=True), found(replace(SALE, state=None), payments=()), []),
        (EXPECTED, found(replace(SALE, state="cancel", total_amount=D(0)), payments=()), [("state", "120.00")]),
        (replace(EXPECTED, is_cancelled=True), found(payments=()), [("state", "120.00")]),
        (EXPECTED, found(replace(SALE, currency_code=None)), []),
        (
            EXPECTED,
            found(payments=(replace(PAID, amount=D("120.00"), amount_captured=D("60.00")),)),
            [("captured", "60.00")],
        ),
        (replace(EXPECTED, captured=None), found(payments=(replace(PAID, amount_refunded=D("5.00")),)), []),
        (replace(EXPECTED, is_known=True), found(invoices=(invoice("200.00"),)), []),
        (replace(EXPECTED, is_known=True), found(payments=()), [("captured", "120.00")]),
    ],
)
def test_each_way_to_differ_is_a_cause_with_its_amount(
    expected: Expected, read: Found, told: list[tuple[str, str]]
) -> None:
    """What is not told, or not known, is not compared; what a case says already is not said twice."""
    assert causes(expected, read) == told


def test_a_sale_that_lives_where_the_order_does_not_is_told_in_words_and_the_reverse() -> None:
    """By its number, or its id where it has none; a figure that differs alone is kept by itself."""
    cancelled = replace(SALE, state="cancel", number=None)
    told = [
        (each.sentence, each.was, each.is_)
        for expected, read in (
            (EXPECTED, found(cancelled)),
            (replace(EXPECTED, is_cancelled=True), found()),
            (EXPECTED, found(replace(SALE, total_amount=D("119.00")))),
        )
        for each in differences(expected, read, NOW)
    ]
    assert told == [
        ("sale 7 is cancelled in Fulfil, and the order stands", "live", "cancel"),
        ("sale SO7 is processing in Fulfil, and the order is cancelled", "cancel", "processing"),
        ("sale SO7 has a total of 119.00 USD in Fulfil; by the order it is 120.00", "120.00", "119.00"),
    ]


@pytest.mark.parametrize(
    ("state", "invoices", "told"),
    [
        ("processing", (), []),
        ("processing", (invoice("60.00"),), []),
        ("done", (invoice("60.00"),), [("invoices", "60.00")]),
        ("done", (invoice("60.00"), invoice("60.00", state="paid")), []),
        ("done", (invoice("120.00"), invoice("-20.00")), []),
        ("done", (invoice("120.00"), invoice("20.00", type_="out_credit_note")), []),
        ("processing", (invoice("120.00"), invoice("60.00")), [("invoices", "60.00")]),
        ("processing", (invoice("120.00"), invoice("60.00", state="cancel")), []),
        ("done", (invoice("900.00", sales=(7, 8)),), []),
        ("done", (invoice("60.00", type_="in"),), []),
        ("processing", (invoice("-20.00"),), [("invoices", "20.00")]),
        ("done", (invoice("120.00"), invoice("-150.00")), [("invoices", "30.00")]),
        ("processing", (invoice("900.00", sales=(7, 8)), invoice("900.00")), []),
        ("processing", (replace(invoice("900.00"), sales=None), invoice("900.00")), []),
        ("processing", (replace(invoice("1.00"), total_amount=None), invoice("900.00")), []),
    ],
)
def test_invoices_never_come_to_more_than_the_order_and_to_all_of_it_when_it_is_done(
    state: str, invoices: tuple[Invoice, ...], told: list[tuple[str, str]]
) -> None:
    """Credit notes count against them; an invoice of several sales says nothing of one."""
    assert causes(EXPECTED, found(replace(SALE, state=state), invoices=invoices)) == told


@pytest.mark.parametrize(
    ("invoices", "paid"),
    [
        ((), None),
        ((invoice("60.00"),), False),
        ((invoice("60.00", state="paid"),), True),
        ((invoice("60.00", balance="0.00"),), True),
        ((invoice("60.00", state="paid", balance="60.00"),), True),
        ((invoice("60.00", state="paid"), invoice("60.00", balance="0.01")), False),
        ((invoice("60.00", state="draft"),), None),
        ((invoice("60.00", state="paid"), invoice("60.00", state="draft", balance="60.00")), True),
        ((invoice("60.00", state="paid"), invoice("-20.00", balance="-20.00")), True),
        ((invoice("-20.00", balance="-20.00"),), None),
        ((invoice("60.00", state="draft"), invoice("20.00", type_="out_credit_note", state="paid")), None),
    ],
    ids=[
        "none", "posted", "paid", "nothing is due", "whatever is due", "one of both", "a draft", "beside a draft",
        "a credit note that is open", "a credit note alone", "a credit note beside a draft",
    ],
)  # fmt: skip
def test_invoices_are_paid_when_there_is_one_and_nothing_is_owed_of_any(
    invoices: tuple[Invoice, ...], paid: bool | None
) -> None:
    """A credit note is money that goes back: nobody has paid an order because of it."""
    assert snapshot_of(SALE, invoices).invoices_paid is paid
    assert snapshot_of(SALE).invoices_paid is None


@pytest.mark.parametrize(
    ("invoices", "uninvoiced"),
    [
        ((invoice("60.00", state="paid"),), "60.00"),
        ((invoice("60.00", state="paid"), invoice("60.00", state="paid")), "0"),
        ((invoice("60.00", state="paid"), invoice("-20.00", balance="0.00")), "60.00"),
        ((invoice("119.99", state="paid"),), "0"),
        ((invoice("119.97", state="paid"),), "0.03"),
        ((replace(invoice("60.00", state="paid"), sales=(1, 2)),), "0"),
        ((replace(invoice("60.00", state="paid"), currency_code="EUR"),), "0"),
        ((replace(invoice("60.00", state="paid"), total_amount=None),), "0"),
        ((), "0"),
    ],
    ids=[
        "a half", "both halves", "a credit note takes nothing away", "a rounding of its one line", "more than that",
        "of several sales", "in another currency", "without an amount", "none",
    ],
)  # fmt: skip
def test_what_is_on_no_invoice_is_owed_still(invoices: tuple[Invoice, ...], uninvoiced: str) -> None:
    """Where all of an order is due and its one invoice is of a half of it; a sale that is worth less owes less."""
    read = snapshot_of(replace(SALE, total_amount=Decimal("120.00"), lines=(7,)), invoices)
    assert uninvoiced_of(Decimal("120.00"), read) == Decimal(uninvoiced)
    less = replace(read, total=Decimal("60.00"))
    assert uninvoiced_of(Decimal("120.00"), less) == Decimal(0)


def test_what_fulfil_says_has_left_is_to_be_known_here_an_hour_later() -> None:
    """Before that the watcher may not have been there; where nobody watches, nothing is said."""
    watched = replace(EXPECTED, is_watched=True)
    sent = replace(SALE, shipment_state="sent")
    assert causes(watched, found(sent)) == [("shipments", "120.00")]
    assert causes(watched, found(replace(sent, write_date=NOW))) == []
    assert causes(watched, found(replace(sent, write_date=NOW - timedelta(minutes=59, seconds=59)))) == []
    hour = found(replace(sent, write_date=NOW - timedelta(hours=1)))
    assert [(each.was, each.is_) for each in differences(watched, hour, NOW)] == [("nothing", "sent")]
    (partly,) = differences(replace(watched, shipping="partly"), hour, NOW)
    assert (partly.was, "and partly of it is known to have left" in partly.sentence) == ("partly", True)
    for shipping in ("shipped", "told"):
        assert causes(replace(watched, shipping=shipping), found(sent)) == []
    assert causes(watched, found()) == []
    assert causes(EXPECTED, found(sent)) == []


# -- units -------------------------------------------------------------------------------------------------------------

PRODUCTS = {"MUG": 11, "LAMP": 12, "SET": 13, "CUP": 14, "TIP": 15}


def line(sku: str, quantity: str, price: str = "10.00", *, sent: bool = True, **more: Any) -> ReadBackLine:
    """A line in Fulfil; `sent`: it has the sales channel's id."""
    values = {
        "product": PRODUCTS.get(sku, 99), "product_code": sku, "quantity": D(quantity), "unit_price": D(price),
        "channel_identifier": f"line of {sku}" if sent else None, "type": "line",
    }  # fmt: skip
    return ReadBackLine(id=1, sale=7, **{**values, **more})


MUGS, LAMP, SET = line("MUG", "2"), line("LAMP", "1"), line("SET", "1")
MANY = ", ".join(f"0 instead of 1 of {sku}" for sku in "ABCDE")
SHIPPING = line("SHIPPING", "1", "4.00", shipment_cost=D("4.00"))


@pytest.mark.parametrize(
    ("wanted", "lines", "told", "amount"),
    [
        ("MUG 2, LAMP 1", (MUGS, LAMP, SHIPPING), "", ""),
        ("MUG 2", (line("MUG", "1"), line("MUG", "1", sent=False)), "", ""),
        ("MUG 2", (LAMP, line("LAMP", "1")), "0 instead of 2 of MUG, 2 instead of 0 of LAMP", "20.00"),
        ("MUG 3", (line("MUG", "2", "15.00"),), "2 instead of 3 of MUG", "15.00"),
        ("MUG 2, LAMP 1", (MUGS,), "0 instead of 1 of LAMP", "120.00"),
        ("MUG 2", (), "0 instead of 2 of MUG", "120.00"),
        ("MUG 2", (MUGS, line("LAMP", "0")), "", ""),
        ("MUG 2", (MUGS, line("LAMP", "1", sent=False)), "1 instead of 0 of LAMP", "10.00"),
        ("MUG 0.3", (line("MUG", "0.1"), line("MUG", "0.2000000001")), "", ""),
        ("MUG 1.5", (line("MUG", "2"),), "2 instead of 1.5 of MUG", "5.00"),
        ("MUG 2", (line("MUG", "3", quantity_canceled=D(1)),), "", ""),
        ("MUG 2, TIP 1", (MUGS, line("TIP", "1", "3.00")), "", ""),
        ("MUG 2, TIP 1", (MUGS,), "0 instead of 1 of TIP", "120.00"),
        ("MUG 2", (MUGS, line("MUG", "-1"), line("MUG", "1", origin=Reference("sale.line", 4))), "", ""),
        ("MUG 2", (MUGS, line("MUG", "-1")), "", ""),
        ("MUG 2", (MUGS, line("MUG", "1", origin=Reference("sale.line", 4))), "", ""),
        ("MUG 2", (SHIPPING, MUGS), "", ""),
        ("MUG 2", (line("MUG", "3", "0"),), "3 instead of 2 of MUG", "120.00"),
        ("MUG 2", (line("MUG", "3", unit_price=None),), "3 instead of 2 of MUG", "120.00"),
        ("MUG 0.3", (line("MUG", "0.1"), line("MUG", "0.2000004")), "", ""),
        ("MUG 3, LAMP 1", (MUGS, line("LAMP", "3", "4.00")), "2 instead of 3 of MUG, 3 instead of 1 of LAMP", "10.00"),
        ("MUG 1, LAMP 3", (MUGS, line("LAMP", "1", "4.00")), "2 instead of 1 of MUG, 1 instead of 3 of LAMP", "10.00"),
        ("A 1, B 1, C 1, D 1, E 1", (), MANY, "120.00"),
        ("A 1, B 1, C 1, D 1, E 1, F 1", (), f"{MANY}, and others of 1 more SKU", "120.00"),
        ("MUG 2", (MUGS, line("", "1", product=None), line("NOTE", "1", type="comment")), "", ""),
        ("MUG 2", (MUGS, line("LAMP", "1", product_code=None)), "", ""),
        ("MUG 2", (replace(MUGS, quantity=None),), "", ""),
        ("SET 1", (SET, line("MUG", "2", "0", sent=False), line("CUP", "2", "0", sent=False)), "", ""),
        ("SET 1, MUG 2", (SET, MUGS, line("MUG", "2", "0", sent=False)), "", ""),
        ("SET 1, MUG 2", (SET, line("MUG", "2", "0", sent=False)), "", ""),
        ("SET 1, MUG 2", (SET, line("MUG", "1")), "1 instead of 2 of MUG", "10.00"),
        ("SET 1", (line("MUG", "2", "0", sent=False),), "0 instead of 1 of SET, 2 instead of 0 of MUG", "120.00"),
        ("MUG 2", (line("CUP", "2", product=11),), "", ""),
        ("A 1, B 1, C 1, D 1, E 1, F 1, G 1", (), f"{MANY}, and others of 2 more SKUs", "120.00"),
    ],
)  # fmt: skip
def test_units_are_those_that_were_sent(wanted: str, lines: tuple[ReadBackLine, ...], told: str, amount: str) -> None:
    """By SKU, whatever lines they are on. A kit's own line stands; its components have no id, and cost nothing."""
    units = {sku: D(quantity) for sku, quantity in (each.split() for each in wanted.split(", "))}
    read = replace(found(), units=units_on(lines, {"MUG": 11}))
    differing = differences(replace(EXPECTED, units=units), read, NOW)
    sentence = f"sale SO7 has other units in Fulfil than the order: {told}"
    assert [(each.sentence, str(each.amount)) for each in differing] == ([(sentence, amount)] if told else [])


def test_what_one_edit_has_changed_is_one_difference_with_all_of_its_figures() -> None:
    """Called by what came first; what is accepted is accepted with each of them, so that another total is another."""
    units, read = {"MUG": D(3)}, units_on((MUGS,), {})
    sale = replace(SALE, total_amount=D("108.00"), tax_amount=D("18.00"))
    (units_,) = differences(replace(EXPECTED, units=units), replace(found(sale), units=read), NOW)
    assert (units_.cause, units_.amount) == ("units", D("12.00"))
    assert units_.was == "units 3 x MUG, total 120.00, tax 20.00"
    assert units_.is_ == "units 2 x MUG, total 108.00, tax 18.00"
    assert units_.sentence == (
        "sale SO7 has other units in Fulfil than the order: 2 instead of 3 of MUG; sale SO7 has a total of 108.00 USD "
        "in Fulfil; by the order it is 120.00; sale SO7 has taxes of 18.00 USD in Fulfil; by the order it is 20.00"
    )
    (total,) = differences(EXPECTED, found(sale), NOW)
    assert (total.cause, total.was, total.is_) == ("total", "total 120.00, tax 20.00", "total 108.00, tax 18.00")


def test_units_are_kept_in_words_in_the_order_of_their_skus() -> None:
    """Without those of which there are none: what a person accepts is these words."""
    assert told_units({"MUG": D("2.0"), "LAMP": D(0), "CUP": D("1.50")}) == "1.5 x CUP, 2 x MUG"
    assert told_units({"LAMP": D(0)}) == "nothing"


def test_units_are_not_compared_where_nobody_knows_them_or_a_case_says_so_already() -> None:
    """A sale that a person has made, or that is cancelled, or that is to be changed by hand."""
    read = replace(found(), units=units_on((LAMP,), {}))
    units = {"MUG": D(2)}
    assert causes(replace(EXPECTED, units=units), read) == [("units", "10.00")]
    assert causes(EXPECTED, read) == []
    assert causes(replace(EXPECTED, units=units), found()) == []
    assert causes(replace(EXPECTED, units=units, is_known=True), read) == []
    cancelled = replace(read, sale=replace(SALE, state="cancel"))
    assert causes(replace(EXPECTED, units=units, is_cancelled=True), cancelled) == []


@pytest.mark.parametrize(
    ("lines", "edited", "told"),
    [
        ((MUGS,), False, ""),
        ((MUGS, line("CUP", "2", "0", sent=False)), False, ""),
        ((line("MUG", "3"),), False, ""),
        ((line("MUG", "4"),), True, ""),
        ((LAMP, line("MUG", "1")), False, "its units were changed from 2 x MUG to 1 x LAMP, 1 x MUG by user 5"),
        ((), False, "its units were changed from 2 x MUG to nothing by user 5"),
    ],
)
def test_units_that_somebody_has_changed_are_named(lines: tuple[ReadBackLine, ...], edited: bool, told: str) -> None:
    """An edit of ours is expected, and what Fulfil adds to a kit nobody has changed."""
    known = snapshot_of(SALE, units=units_on((MUGS,), {}))
    wanted = replace(EXPECTED, units={"MUG": D(3)})
    sentences = [each.sentence for each in changes(known, SALE, wanted, edited=edited, units=units_on(lines, {}))]
    assert [each.partition(" of Fulfil")[0] for each in sentences] == ([told] if told else [])


FIGURES = st.decimals(min_value=0, max_value=10**9, places=3, allow_nan=False)


@given(FIGURES, FIGURES, st.lists(FIGURES, max_size=4), st.lists(FIGURES, max_size=4))
def test_amounts_are_exact_whatever_they_are(total: D, is_: D, captured: list[D], refunded: list[D]) -> None:
    """By an oracle of integers, in thousandths: no digit is lost, and equal figures never differ."""
    expected = replace(EXPECTED, amount=total, tax=None, captured=D(0), refunded=D(0))
    payments = [replace(PAID, amount_captured=each, amount_refunded=D(0)) for each in captured]
    payments += [replace(PAID, amount_captured=D(0), amount_refunded=each) for each in refunded]
    told = differences(expected, found(replace(SALE, total_amount=is_), payments=tuple(payments)), NOW)
    amounts = {each.cause: int(each.amount * 1000) for each in told}
    wanted = {
        "total": abs(int(total * 1000) - int(is_ * 1000)),
        "captured": sum(int(each * 1000) for each in captured),
        "refunded": sum(int(each * 1000) for each in refunded),
    }
    assert amounts == {cause: amount for cause, amount in wanted.items() if amount}


@pytest.mark.parametrize(
    ("before", "after", "edited", "told"),
    [
        ({}, {}, False, []),
        ({}, {"total_amount": D("90.00")}, False, ["total"]),
        ({"total": D("90.00")}, {}, False, []),
        ({"total": D("80.00")}, {"total_amount": D("90.00")}, True, ["total"]),
        ({}, {"party": 4}, False, ["party"]),
        ({}, {"party": None}, False, []),
        ({}, {"lines": (1, 2, 3)}, False, ["lines"]),
        ({}, {"lines": (1, 2, 3)}, True, []),
        ({}, {"state": "done"}, False, []),
        ({}, {"state": "cancel"}, False, ["state"]),
        ({"party": None}, {"party": 4}, False, []),
        ({}, {"lines": (1, 3)}, False, []),
        ({}, {"lines": (1, 2, 3), "state": "cancel"}, True, ["state"]),
    ],
)
def test_a_change_by_hand_is_what_is_neither_expected_nor_fulfils_own_way(
    before: dict[str, Any], after: dict[str, Any], edited: bool, told: list[str]
) -> None:
    """A figure that has become the expected one is the echo of an edit; states go on by themselves."""
    known = replace(snapshot_of(SALE), **before)
    found_changes = changes(known, replace(SALE, **after), EXPECTED, edited=edited)
    assert [each.field for each in found_changes] == told
    assert all("by user 5 of Fulfil" in each.sentence for each in found_changes)
    assert changes(None, SALE, EXPECTED, edited=False) == ()
    assert isinstance(known, Snapshot)


def test_a_change_by_hand_says_what_it_was_who_made_it_and_when() -> None:
    """Of lines how many there are; a cancel of an order that is cancelled nobody has made by hand."""
    at = datetime(2026, 11, 20, 9, 30, 5, tzinfo=UTC)
    after = replace(SALE, lines=(1, 2, 3), state="cancel", write_date=at)
    lines, state = changes(snapshot_of(SALE), after, EXPECTED, edited=False)
    assert lines.sentence == "its lines were changed from 2 to 3 by user 5 of Fulfil on 2026-11-20 09:30:05Z"
    assert state.sentence == (
        "its state was changed from processing to cancel by user 5 of Fulfil on 2026-11-20 09:30:05Z"
    )
    nobody = replace(after, changed_by=None, write_date=None, create_date=None)
    (lines,) = changes(snapshot_of(SALE), nobody, replace(EXPECTED, is_cancelled=True), edited=False)
    assert (lines.was, lines.is_, lines.sentence) == ("2", "3", "its lines were changed from 2 to 3")


# -- the check of one order --------------------------------------------------------------------------------------------


def compared(total: str) -> SaleCompared:
    told = differences(replace(EXPECTED, tax=None), found(replace(SALE, total_amount=D(total))), NOW)
    return SaleCompared(sale=7, differences=told)


def test_a_case_keeps_its_beginning_ends_by_itself_and_stays_accepted_for_that_figure_alone() -> None:
    """One per cause: the sentence follows the figure; another figure than the accepted one is a case again."""
    state = decide(SaleCheck(), compared("90.00"), NOW).state
    later = decide(state, compared("80.00"), NOW + timedelta(hours=1)).state
    ((case_,), amount) = later.cases, later.cases[0].amount
    assert (case_.cause, case_.opened_at, amount) == ("total", NOW, D("40.00"))
    assert decide(later, compared("120.00"), NOW).state.cases == ()
    decision = decide(later, AcceptDifferences(subject=KEY, by="Ann", reason="agreed"), NOW)
    ((statement, row),) = [(each.statement, each.row) for each in decision.writes]
    assert (statement, row[1], row[3:6]) == ("put_accepted_difference", "total", ("Ann", "agreed", "40.00"))
    again = decide(decision.state, compared("80.00"), NOW)
    assert (again.state.cases, again.facts) == ((), ())
    assert decide(again.state, compared("79.00"), NOW).state.cases != ()
    assert decide(decide(again.state, compared("120.00"), NOW).state, compared("80.00"), NOW).state.cases != ()


def facts_of(decision: Decision) -> list[tuple[str, Any]]:
    """What the order's timeline gets: the kind, and of what."""
    return [(fact.kind, fact.values.get("what") or fact.values.get("field")) for fact in decision.facts]


def test_a_timeline_tells_once_that_a_sale_differs_and_once_that_it_agrees() -> None:
    """A difference of another cause is another one; what a person has accepted agrees without a word."""
    first = decide(SaleCheck(), compared("90.00"), NOW)
    assert (facts_of(first), first.trace, first.state.sale) == ([("sale_differs", "total")], True, 7)
    again = decide(first.state, compared("80.00"), NOW)
    assert (facts_of(again), again.trace) == ([], True)
    gone = SaleCompared(sale=7, differences=differences(EXPECTED, found(None), NOW))
    other = decide(again.state, gone, NOW)
    assert facts_of(other) == [("sale_differs", "gone"), ("sale_agrees", "total")]
    accepted = decide(other.state, AcceptDifferences(subject=KEY, by="Ann", reason="agreed"), NOW)
    assert (accepted.state.open, accepted.state.cases, set(accepted.state.accepted)) == ((), (), {"gone"})
    quiet = decide(accepted.state, compared("120.00"), NOW)
    assert (facts_of(quiet), quiet.trace, quiet.state.accepted) == ([], False, {})


def test_a_case_says_by_whom_a_figure_was_changed_for_as_long_as_it_is_open() -> None:
    """Fulfil tells it with the look that finds it, and later ones only that it still differs."""
    changed = Change(field="total", was="120.00", is_="90.00", by=5)
    decision = decide(SaleCheck(), replace(compared("90.00"), changes=(changed,)), NOW)
    assert facts_of(decision) == [("changed_by_hand", "total"), ("sale_differs", "total")]
    said = "by the order it is 120.00; its total was changed from 120.00 to 90.00 by user 5 of Fulfil"
    assert decision.state.cases[0].sentence.endswith(said)
    later = decide(decision.state, compared("90.00"), NOW)
    assert later.state.cases == decision.state.cases
    newer = replace(compared("80.00"), changes=(replace(changed, was="90.00", is_="80.00", by=6),))
    assert decide(later.state, newer, NOW).state.cases[0].sentence.endswith("from 90.00 to 80.00 by user 6 of Fulfil")
    ended = decide(later.state, compared("120.00"), NOW).state
    assert ended == SaleCheck(sale=7), "nothing of it is remembered when both agree"
    assert decide(ended, compared("90.00"), NOW).state.cases[0].sentence.endswith("by the order it is 120.00")


def test_cases_of_a_sale_are_counted_as_they_begin_and_end() -> None:
    """By their kind."""
    events: list[Any] = []
    checks, differing = SaleChecks(events.append), decide(SaleCheck(), compared("90.00"), NOW).state
    checks.announce(KEY, SaleCheck(), differing)
    checks.announce(KEY, differing, SaleCheck())
    assert [(type(each), each.kind, each.cases) for each in events] == [
        (CaseOpened, "sale.differs", 1), (CaseClosed, "sale.differs", 1),
    ]  # fmt: skip


# -- what is read, and in which order ----------------------------------------------------------------------------------


def test_a_batch_is_read_page_by_page_and_part_by_part() -> None:
    """Payments of many sales may need several pages; what cannot be read is left out, and not taken for nothing."""
    wanted = ("sales", "payments")
    batch = Batch(began=NOW, sales=(7, 8))
    batch = learned(batch, Page(rows=(SALE,), last_id=7, complete=True), wanted)
    assert (batch.part, batch.after_id) == ("payments", 0)
    batch = learned(batch, Page(rows=(PAID,), last_id=1, complete=False), wanted)
    assert (batch.part, batch.after_id) == ("payments", 1)
    assert asked(batch) is not None
    batch = learned(batch, Page(rows=(replace(PAID, id=2),), last_id=2, complete=True), wanted)
    assert (batch.part, asked(batch)) == (None, None)
    by_sale = found_of(batch, wanted)
    assert by_sale[7].payments == (PAID, replace(PAID, id=2))
    assert (by_sale[7].invoices, by_sale[8].sale, by_sale[8].payments) == (None, None, ())


def test_sweeps_go_on_where_they_stood_and_overlap() -> None:
    """The watermark of each part is its own; the next sweep begins before this one began."""
    overlap = timedelta(minutes=10)
    sweeping, ask = begun(Sweeping(), "payments", NOW, overlap)
    assert (ask.kind, sweeping.marks["payments"].began) == ("changed_sale_payments", NOW)
    sweeping = passed(sweeping, Page(rows=(PAID,), last_id=1, complete=False), overlap)
    assert sweeping.marks["payments"].after_id == 1
    sweeping = passed(sweeping, Page(rows=(), last_id=1, complete=True), overlap)
    assert sweeping.marks["payments"].since == NOW - overlap
    assert part_after("payments", {"sales", "payments"}) is None
    assert sales_of("invoices", [invoice("1", sales=(7, 8)), invoice("1", sales=(8,))]) == (7, 8)
    assert sales_of("payments", [PAID, replace(PAID, sale=None)]) == (7,)
