"""What becomes of money after the import: recorded, recognised, or somebody's case; against the sandbox's books."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.events import PaymentCalls, PaymentSettled
from flows.explain import explain
from flows.model.gate import GateRule, GateSettings
from flows.model.money import Money
from flows.model.order import (
    FinancialStatus,
    FulfilmentStatus,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    Tender,
)
from flows.model.order_state import OrderState, Status
from flows.model.payments import FieldTarget, GatewaySettings
from flows.model.sale import Suspense
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import presented
from flows.payment_mapper import RECORDER, RECORDER_KEY, PaymentRefused
from flows.payment_mapper.deciding import decide
from flows.payment_mapper.parts import FIELDS
from flows.reading.rows import FactRow, Story
from tests.unit.made_orders import both, order, payment
from tests.world_of_payments import BEGAN, RULES, SALE_SETTINGS, World

AUTHORISED, CAPTURE = PaymentKind.AUTHORISATION, PaymentKind.CAPTURE
A1 = payment("10.00", id="A1", kind=AUTHORISED)
C1 = payment("10.00", id="C1", kind=CAPTURE, parent_id="A1")
UNMAPPED = payment("10.00", id="C1", kind=CAPTURE, parent_id="A1", gateway="klarna")
TAKEN = ("charge", "C1", Decimal("10.00"), "completed")


def version(number: int, *payments: Payment, id_: str = "1001", **more: Any) -> Order:
    """A version of an order of 10.00; authorised, unless something took money."""
    taken = sum(each.amount.amount for each in payments if each.kind in (PaymentKind.SALE, CAPTURE))
    status = FinancialStatus.PAID if taken else FinancialStatus.AUTHORISED
    stamp = f"2026-11-20T08:00:{number:02}.000000Z"
    return order(
        "10.00", **{"order_id": id_, "version": stamp, "payments": payments, "financial_status": status, **more}
    )


def refund(amount: str, id_: str = "R1", **more: Any) -> Refund:
    return Refund(id=id_, refunded=(Money(Decimal(amount), "USD"),), **more)


def imported(**of: Any) -> World:
    """An order that was authorised when it was imported."""
    return World(**of).sends(version(1, A1)).run()


# -- what is recorded --------------------------------------------------------------------------------------------------


def test_only_money_that_was_captured_is_taken() -> None:
    """Rule 5: reserved is not taken; the capture stands on the payment of its authorisation, which ends with it."""
    world = imported()
    assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "authorized")]
    world.sends(version(2, A1, C1)).run()
    assert world.erp.money() == [TAKEN]
    sale = world.erp.books.sales[world.erp.books.sale_ids[3, "1001"]]
    assert len(sale.payments) == 1
    assert world.cases() == []


def test_what_is_pending_or_failed_moves_nothing() -> None:
    """Rule 17: these are states of their own."""
    pending = msgspec.structs.replace(C1, status=PaymentStatus.PENDING)
    failed = msgspec.structs.replace(C1, id="C2", status=PaymentStatus.FAILED)
    back = Refund(id="R1", refunded=(), pending=(Money(Decimal(2), "USD"),))
    world = imported().sends(version(2, A1, pending, failed, refunds=(back,))).run()
    assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "authorized")]


def test_an_order_that_was_paid_when_it_came_costs_nothing_more() -> None:
    """Its create brings everything; the mapper never hears of it, also when the same version comes again."""
    paid = World().sends(version(1, payment("10.00")), version(2, payment("10.00"))).run()
    assert dict(paid.erp.calls) == {"create_order": 1}
    assert paid.statuses() == {}


def test_fifty_captures_cost_seven_calls() -> None:
    """Rule 26: late finance writes are batched, at most 0.2 calls per order; the metric counts them."""
    world = World()
    orders = [str(2_000 + number) for number in range(50)]
    world.sends(*(version(1, A1, id_=each) for each in orders)).run()
    before = sum(world.erp.calls.values())
    world.sends(*(version(2, A1, C1, id_=each) for each in orders)).run()
    assert all(world.erp.money(each) == [TAKEN] for each in orders)
    calls = sum(world.erp.calls.values()) - before
    assert calls <= 10
    counted = sum(event.calls for event in world.events if isinstance(event, PaymentCalls))
    assert counted == sum(world.erp.calls.values()) - 50
    recorded = [event.state for event in world.events if isinstance(event, PaymentSettled)]
    assert {state: recorded.count(state) for state in set(recorded)} == {
        "authorized": 50, "completed": 50, "cancelled": 50,
    }  # fmt: skip


def test_an_authorisation_that_is_told_as_a_sum_too_is_one() -> None:
    """A poll tells it with its id, a webhook without transactions by the status alone; then that it was paid."""
    by_status = payment("10.00", id="1001", kind=AUTHORISED, derived=True)
    paid = payment("10.00", id="1001", derived=True)
    world = imported().sends(version(2, by_status)).run()
    assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "authorized")]
    world.sends(version(3, paid)).run()
    assert world.erp.money() == [("charge", "1001", Decimal("10.00"), "completed")]
    world.sends(version(4, A1, C1)).run()
    assert world.erp.money() == [("charge", "1001", Decimal("10.00"), "completed")]
    other = World().sends(version(1, by_status)).run().sends(version(2, A1)).run()
    assert other.erp.money() == [("charge", "A1", Decimal("10.00"), "authorized")]


def test_cash_on_delivery_is_recorded_when_it_was_paid() -> None:
    """Until then the order is imported under its terms, and nothing of its money is in Fulfil."""
    cash = payment("10.00", id="COD1", gateway="cod", status=PaymentStatus.PENDING)
    gate = GateSettings(rules=(GateRule(name="terms", then="import", payment=("pending",)),))
    world = World(gate=gate).sends(version(1, cash, financial_status=FinancialStatus.PENDING)).run()
    assert world.erp.money() == []
    world.sends(version(2, msgspec.structs.replace(cash, status=PaymentStatus.SUCCESS))).run()
    assert world.erp.money() == [("charge", "COD1", Decimal("10.00"), "completed")]


def test_gift_cards_and_store_credit_go_through_gateways_of_their_own() -> None:
    """A redemption is a tender like any other (rule 5)."""
    tenders = (
        payment("4.00", id="G1", gateway="gift_card", tender=Tender.GIFT_CARD),
        payment("6.00", id="S1", gateway="credit", tender=Tender.STORE_CREDIT),
    )
    world = imported().sends(version(2, *tenders)).run()
    gateways = {row.provider_reference: row.gateway for row in world.erp.books.transactions}
    names = {row.id: row.code for row in world.erp.books.gateways}
    assert {names[gateways["G1"]], names[gateways["S1"]]} == {"gift", "credit"}
    assert world.erp.sums()["charge"] == Decimal(10)


def test_a_void_ends_its_authorisation_and_gives_back_what_was_taken() -> None:
    """Rule 17: before the capture no credit note, and no refund either."""
    void = payment("10.00", id="V1", kind=PaymentKind.VOID, parent_id="A1")
    assert imported().sends(version(2, A1, void)).run().erp.money() == []
    taken = World().sends(version(1, payment("10.00"))).run()
    taken.sends(version(2, payment("10.00"), payment("10.00", id="V2", kind=PaymentKind.VOID, parent_id="T1"))).run()
    assert taken.erp.sums() == {"charge": Decimal(10), "refund": Decimal(10), "authorized": Decimal(0)}


def test_a_refund_is_given_back_from_the_payment_that_was_taken_in_the_create() -> None:
    """Money back of any order costs one batch, whatever the create has brought."""
    world = World().sends(version(1, payment("10.00"))).run()
    world.sends(version(2, payment("10.00"), refunds=(refund("4.00"),))).run()
    assert world.erp.money()[-1] == ("refund", "R1", Decimal("4.00"), "completed")
    world.sends(version(3, payment("10.00"), refunds=(refund("4.00"), refund("6.00", "R2")))).run()
    assert world.erp.sums()["refund"] == Decimal(10)
    assert world.cases() == []


def test_what_goes_back_to_a_gift_card_goes_back_to_the_gift_card() -> None:
    """Of several tenders each refund is on the payment that its transaction names."""
    tenders = (payment("6.00", id="T1"), payment("4.00", id="G1", gateway="gift_card", tender=Tender.GIFT_CARD))
    world = World().sends(version(1, *tenders)).run()
    back = payment("3.00", id="R9", kind=PaymentKind.REFUND, parent_id="G1", gateway="gift_card")
    world.sends(version(2, *tenders, refunds=(refund("3.00", payments=(back,)),))).run()
    (row,) = [row for row in world.erp.books.transactions if row.type == "refund"]
    (charge,) = [row for row in world.erp.books.transactions if row.provider_reference == "G1"]
    assert (row.sale_payment, row.gateway, row.provider_reference) == (charge.sale_payment, charge.gateway, "R9")


def test_a_shipping_fee_is_refunded_once_however_often_it_is_told() -> None:
    """Failure case 40: as a refund and as a transaction of it, in two versions, and once more; one refund in Fulfil."""
    world = World().sends(version(1, payment("10.00"))).run()
    back = payment("3.00", id="R1", kind=PaymentKind.REFUND)
    told = version(2, payment("10.00"), refunds=(refund("3.00"),))
    again = version(3, payment("10.00"), back, refunds=(refund("3.00"),))
    world.sends(told, again, msgspec.structs.replace(told, version="2026-11-20T08:00:04.000000Z")).run()
    assert [row for row in world.erp.money() if row[0] == "refund"] == [("refund", "R1", Decimal("3.00"), "completed")]


def test_a_payment_in_the_customers_currency_has_the_rate_of_its_purchase() -> None:
    """Failure cases 30 and 36: converted by the order's own totals; the date is that of the order, not the import's."""
    paid = payment("0", id="C1", kind=CAPTURE, parent_id="A1", amount=Money(Decimal("9.20"), "EUR"))
    part = msgspec.structs.replace(paid, amount=Money(Decimal("4.60"), "EUR"))
    reserved = msgspec.structs.replace(paid, id="A1", kind=AUTHORISED, parent_id=None)
    totals = {"totals": None, "presentment_currency": "EUR"}
    del totals["totals"]
    first = version(1, reserved, **totals)
    first = msgspec.structs.replace(first, totals=msgspec.structs.replace(first.totals, total=both("10.00", "9.20")))
    world = World().sends(first).run()
    later = msgspec.structs.replace(first, version="2026-11-20T08:00:02.000000Z", payments=(reserved, part))
    world.sends(later).run()
    assert world.erp.money() == [("charge", "C1", Decimal("5.00"), "completed")]
    record = world.payments().records["+C1"]
    assert (str(record.tender.paid), record.tender.rate) == ("4.60 EUR", Decimal("1.0869565217"))
    rows = world.journal.connection.execute("SELECT rate_date FROM payment WHERE record = '+C1'").fetchall()
    assert rows == [("2026-11-20",)]


def test_nothing_of_an_order_of_the_past_is_booked() -> None:
    """Rule 3: what was paid before its import is known, and is not recorded."""
    gate = GateSettings(rules=(GateRule(name="old", then="import_completed", kinds=("shipped",)),))
    world = World(gate=gate)
    old = version(1, A1, C1, fulfilment_status=FulfilmentStatus.SHIPPED)
    decision = presented(OrderState(), world._presented("web/1001", old), BEGAN, SALE_SETTINGS, gate, world.policy)
    assert decision.state.status is Status.CREATING
    assert ({each.id for each in decision.state.sent}, decision.state.tenders) == ({"A1", "C1"}, ())


# -- what others have entered ------------------------------------------------------------------------------------------


def by_hand(world: World, *, reference: str | None, amount: str = "10.00", made_on: date | None = None) -> None:
    """Somebody enters money of the sale in Fulfil."""
    books = world.erp.books
    sale = books.sales[books.sale_ids[3, "1001"]]
    gateway = next(row.id for row in books.gateways if row.code == "stripe")
    row = books.add_payment(sale, gateway=gateway, amount=Decimal(amount), reference=reference)
    values = {"state": "completed", "amount": Decimal(amount), "date": made_on or BEGAN.date()}
    from connectors.fulfil.sandbox.payments import add_transaction  # noqa: PLC0415 - what people do at their desks

    add_transaction(books, row, **values)


@pytest.mark.parametrize("reference", ["C1", None, "typed by Ann"])
def test_what_a_person_has_entered_is_recognised(reference: str | None) -> None:
    """By the provider's id; or, under an id that nobody here knows, by gateway, amount and day."""
    world = imported()
    by_hand(world, reference=reference)
    world.sends(version(2, A1, msgspec.structs.replace(C1, at=BEGAN))).run()
    assert world.erp.sums()["charge"] == Decimal(10)
    assert world.statuses()["+C1"] == "recorded"
    assert ("payment_recorded", True) in [(kind, values.get("found")) for kind, values in world.facts]


def test_another_amount_or_another_day_is_another_payment() -> None:
    """Where the sales channel says the day, a payment of the day before is no reason to leave this one out."""
    world = imported()
    by_hand(world, reference=None, made_on=date(2026, 11, 18))
    by_hand(world, reference=None, amount="9.00")
    world.sends(version(2, A1, msgspec.structs.replace(C1, at=datetime(2026, 11, 20, 12, tzinfo=UTC)))).run()
    assert TAKEN in world.erp.money()


def test_a_capture_that_was_made_in_fulfil_is_the_capture() -> None:
    """Who captures is configuration (rule 2): the authorisation that was captured there is not captured twice."""
    world = imported()
    (row,) = world.erp.books.transactions
    row.state = "completed"
    world.sends(version(2, A1, C1)).run()
    assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "completed")]
    assert world.statuses()["+C1"] == "recorded"


def test_what_was_captured_in_fulfil_otherwise_than_in_the_sales_channel_is_a_case() -> None:
    """All of it there and a part of it here; or captured there and voided here."""
    part = msgspec.structs.replace(C1, amount=Money(Decimal(4), "USD"))
    void = payment("10.00", id="V1", kind=PaymentKind.VOID, parent_id="A1")
    for later, cause in ((part, "C1"), (void, "A1")):
        world = imported()
        (row,) = world.erp.books.transactions
        row.state = "completed"
        world.sends(version(2, A1, later)).run()
        assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "completed")]
        assert world.cases() == [("payment.unrecorded", cause)]


def test_another_amount_under_the_same_id_is_somebodys_case() -> None:
    """It is neither overwritten nor made beside it."""
    world = imported()
    by_hand(world, reference="C1", amount="8.00")
    world.sends(version(2, A1, C1)).run()
    assert world.cases()[0] == ("payment.unrecorded", "C1")
    assert "Fulfil has 8.00 for C1, and not 10.00" in world.payments().cases[0].sentence
    assert world.releases().cases() == [("payment.unrecorded", "C1")], "it still is"


# -- what cannot be recorded -------------------------------------------------------------------------------------------


def test_a_gateway_that_is_not_mapped_is_a_case_until_it_is() -> None:
    """With the amount; at the next start all orders that waited for it are judged again, and it is recorded."""
    world = imported().sends(version(2, A1, UNMAPPED)).run()
    (case,) = world.payments().cases
    assert (case.kind, case.cause, case.amount, case.currency) == (
        "payment.unrecorded", "gateway klarna", Decimal(10), "USD",
    )  # fmt: skip
    assert world.erp.money() == []
    world.mapper._rules = {"web": msgspec.structs.replace(RULES, gateways={**RULES.gateways, "klarna": "stripe"})}
    assert world.restarts().run().cases() == []
    assert world.erp.money() == [TAKEN]


def test_what_is_still_not_mapped_after_a_start_stays_a_case() -> None:
    """Only a person can say that it was dealt with otherwise."""
    world = imported().sends(version(2, A1, UNMAPPED)).run()
    assert world.restarts().run().cases() == [("payment.unrecorded", "gateway klarna")]
    assert world.releases().cases() == []
    assert world.restarts().run().statuses()["+C1"] == "dealt_with"


def test_a_gateway_that_finance_has_not_named_is_never_moved() -> None:
    """At a gateway that Fulfil works itself, a capture would take the customer's money again."""
    settings = msgspec.structs.replace(SALE_SETTINGS, gateways={"card": "stripe", "loose": "loose"})
    rules = msgspec.structs.replace(RULES, gateways=settings.gateways)
    world = World(rules=rules, settings=settings).sends(version(1, A1)).run()
    world.sends(version(2, A1, msgspec.structs.replace(C1, gateway="loose"))).run()
    assert world.cases() == [("payment.unrecorded", "gateway loose")]
    assert "add_transactions" in world.erp.calls
    assert "capture_transaction" not in world.erp.calls


def test_what_is_not_mapped_goes_where_finance_has_approved() -> None:
    """Rule 19: the create is not held, later payments go there, too, and all of it is listed."""
    settings = msgspec.structs.replace(SALE_SETTINGS, suspense=Suspense(approved_by="Finance", gateway="suspense"))
    rules = msgspec.structs.replace(RULES, suspense="suspense")
    world = World(rules=rules, settings=settings)
    world.sends(version(1, payment("10.00", gateway="klarna"))).run()
    assert world.erp.sums()["charge"] == Decimal(10)
    rows = world.journal.connection.execute("SELECT kind, name, target, amount, approved_by FROM suspended").fetchall()
    assert rows == [("gateway", "klarna", "suspense", "10.00", "Finance")]
    later = World(rules=rules, settings=settings).sends(version(1, A1)).run().sends(version(2, A1, UNMAPPED)).run()
    assert later.erp.money() == [TAKEN]
    assert later.payments().records["+C1"].suspense


def test_a_tenant_of_which_nothing_is_known_is_asked_nothing() -> None:
    """The capability `payments`: a case with amount and lever; a person who has entered it by hand ends it."""
    world = imported(rules=msgspec.structs.replace(RULES, unable="nothing is known"))
    assert world.cases() == [], "an authorisation takes no money"
    world.sends(version(2, A1, C1)).run()
    assert world.cases() == [("payment.unrecorded", "capability")]
    assert set(world.erp.calls) == {"create_order"}
    assert world.releases().cases() == []
    assert world.statuses()["+C1"] == "dealt_with"


def test_one_bad_payment_keeps_back_no_other() -> None:
    """A list that is refused is tried record by record; the bad one is a case with Fulfil's own words."""
    world = World()
    orders = ["3001", "3002", "3003"]
    world.sends(*(version(1, A1, id_=each) for each in orders)).run()
    bad = world.erp.books.sale_ids[3, "3002"]
    payments = set(world.erp.books.sales[bad].payments)

    def refuses(kind: str, body: bytes) -> bool:
        return kind == "add_transactions" and any(
            row["sale_payment"] in payments for row in msgspec.json.decode(body)[0]
        )

    world.erp.refuses = refuses
    world.sends(*(version(2, A1, C1, id_=each) for each in orders)).run()
    assert [world.erp.money(each) == [TAKEN] for each in orders] == [True, False, True]
    assert world.cases("3002") == [("payment.unrecorded", "C1")]
    assert "Fulfil did not take it: this is refused" in world.payments("3002").cases[0].sentence
    world.erp.refuses = lambda _kind, _body: False
    world.releases("3002")
    assert (world.erp.money("3002"), world.cases("3002")) == ([TAKEN], [])


def test_a_list_that_was_made_in_part_is_not_made_again() -> None:
    """A tenant that makes lists record by record, and breaks at one: what stands before that is there, and is found."""
    targets = {**RULES.targets, "gift": GatewaySettings(fee=FieldTarget(field="no_such_field"))}
    world = World(rules=msgspec.structs.replace(RULES, targets=targets), create_list="one_by_one")
    world.sends(*(version(1, A1, id_=each) for each in ("3001", "3002", "3003"))).run()
    bad = msgspec.structs.replace(C1, gateway="gift_card", fee=Money(Decimal(1), "USD"))
    payments = {"3001": C1, "3002": bad, "3003": C1}
    world.sends(*(version(2, A1, each, id_=id_) for id_, each in payments.items())).run()
    assert [world.erp.money(each) for each in ("3001", "3003")] == [[TAKEN], [TAKEN]]
    assert world.cases("3002") == [("payment.unrecorded", "C1")]
    references = [(row.sale_payment, row.provider_reference) for row in world.erp.books.transactions]
    assert len(references) == len(set(references))


def test_a_sale_in_another_currency_is_not_paid() -> None:
    """Somebody has changed it in Fulfil; figures of two currencies are never mixed."""
    world = imported()
    sale = world.erp.books.sales[world.erp.books.sale_ids[3, "1001"]]
    sale.currency = world.erp.books.currency("EUR")
    world.sends(version(2, A1, C1)).run()
    assert "the sale in Fulfil is in EUR, and the order in USD" in world.payments().cases[-1].sentence


def test_a_refund_of_what_fulfil_never_had_is_a_case() -> None:
    """There is no payment that it could be given back from, and none is invented."""
    world = imported(rules=msgspec.structs.replace(RULES, unable="nothing is known"))
    world.sends(version(2, A1, C1)).run()
    world.mapper._rules = {"web": msgspec.structs.replace(RULES, gateways={})}
    world.sends(version(3, A1, C1, refunds=(refund("4.00"),))).run()
    assert ("payment.unrecorded", "gateway card") in world.cases()


def test_fulfil_that_refuses_to_tell_its_payments_is_one_case_and_asked_again() -> None:
    """Nothing is made that was not looked for; the rows wait, and nothing is lost."""
    world = World()
    world.erp.refuses = lambda kind, _body: kind == "find_sale_payments"
    world.sends(version(1, A1))
    while world.run_one() or (not world.erp.calls["find_sale_payments"] and world.elapses()):
        pass
    assert [case.kind for case in world.state(RECORDER, RECORDER_KEY).cases] == ["payments.refused"]
    world.erp.refuses = lambda _kind, _body: False
    world.run()
    assert world.erp.money() == [("charge", "A1", Decimal("10.00"), "authorized")]
    assert world.state(RECORDER, RECORDER_KEY).cases == ()


def test_a_chargeback_is_no_refund() -> None:
    """Rule 21. Failure case 33: a case with the amount, linked to its order; no credit, and no record in Fulfil."""
    disputed = payment("10.00", id="D1", kind=PaymentKind.CHARGEBACK, parent_id="T1")
    world = World().sends(version(1, payment("10.00"))).run().sends(version(2, payment("10.00"), disputed)).run()
    assert world.erp.sums() == {"charge": Decimal(10), "refund": Decimal(0), "authorized": Decimal(0)}
    assert world.cases() == [("payment.charged_back", "D1")]
    assert [row.on_hold for row in world.erp.books.shipments["stock.shipment.out"]] == [True]
    assert world.releases().sends(version(3, payment("10.00"), disputed)).run().cases() == []


# -- fields, and the story ---------------------------------------------------------------------------------------------


def test_figures_without_a_public_name_go_where_the_configuration_says() -> None:
    """A fee into a field of the tenant's own, the rate into a metafield of the sale; the rest into ledger moves."""
    targets = {"stripe": GatewaySettings(fee=FieldTarget(field="fee_taken"), rate=FieldTarget(metafield=17))}
    world = World(rules=msgspec.structs.replace(RULES, targets=targets), gateway_fee_field="fee_taken")
    fee = Money(Decimal("0.59"), "USD")
    world.sends(version(1, A1)).run().sends(version(2, A1, msgspec.structs.replace(C1, fee=fee))).run()
    (row,) = [row for row in world.erp.books.transactions if row.provider_reference == "C1"]
    assert row.fee == Decimal("0.59")
    metafield = {"stripe": GatewaySettings(fee=FieldTarget(metafield=17))}
    other = World(rules=msgspec.structs.replace(RULES, targets=metafield))
    other.sends(version(1, A1)).run().sends(version(2, A1, msgspec.structs.replace(C1, fee=fee))).run()
    sale = other.erp.books.sale_ids[3, "1001"]
    assert other.erp.books.metafields["sale.sale", sale] == {17: "C1: 0.59 USD"}
    not_taken = PaymentRefused(record=FIELDS, sentence="no such metafield")
    (case,) = decide(other.payments(), not_taken, BEGAN, other.mapper._rules["web"]).state.cases
    assert (case.cause, case.amount) == ("metafields", None), "all of the money is in Fulfil"


def test_the_story_of_the_order_tells_each_payment() -> None:
    """`seamline orders explain`: what was recorded, what was there, what is in nobody's books."""
    world = imported().sends(version(2, A1, C1), version(3, A1, C1, refunds=(refund("4.00"),))).run()
    facts = tuple(
        FactRow(id=1, actor="payment_mapper", kind=kind, began_at=BEGAN, ended_at=BEGAN, values=values)
        for kind, values in world.facts
    )
    told = explain(Story(key="web/1001", order=None, timeline=facts, cases=()), BEGAN)
    assert "capture C1 of 10.00 USD recorded in Fulfil" in told
    assert "authorisation A1 of 10.00 USD is not, or no longer, in Fulfil" in told
    assert "refund R1 of 4.00 USD recorded in Fulfil" in told


def test_a_sale_that_a_person_has_linked_hears_of_its_payments() -> None:
    """It was made by hand, so no create has brought them: everything is looked for, and the rest is made."""
    world = World()
    state = msgspec.structs.replace(
        world.state(ORDER_IMPORTER, "web/1001"), status=Status.HELD, currency="USD", placed_at=BEGAN
    )
    held = presented(state, world._presented("web/1001", version(1, payment("10.00"), tags=())), BEGAN,
                     msgspec.structs.replace(SALE_SETTINGS, gateways={}), policy=world.policy)  # fmt: skip
    assert held.state.status is Status.HELD
    assert [each.id for each in held.state.tenders] == ["T1"]
    assert held.state.sent == ()
