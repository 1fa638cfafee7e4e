"""Which records are left of an order's payments when it is told of once, again and otherwise: each money once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from flows.model.money import Money
from flows.model.order import PaymentKind, Tender
from flows.model.payments import GatewaySettings
from flows.model.tenders import TenderEvent
from flows.payment_mapper.keeping import Kept, RecordRules, judged, kept_with

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
RULES = RecordRules(
    gateways={"card": "stripe", "klarna": "klarna"},
    targets={"stripe": GatewaySettings(), "klarna": GatewaySettings(), "suspense": GatewaySettings()},
)
AUTHORISATION, CAPTURE, VOID = PaymentKind.AUTHORISATION, PaymentKind.CAPTURE, PaymentKind.VOID


def told(id_: str, amount: str, kind: PaymentKind = PaymentKind.SALE, **more: Any) -> TenderEvent:
    """An event by card."""
    paid = Money(Decimal(amount), "USD")
    fields: dict[str, Any] = {"id": id_, "kind": kind, "gateway": "card", "paid": paid, "amount": paid.amount}
    return TenderEvent(**{**fields, **more})


def summed(amount: str, kind: PaymentKind = PaymentKind.SALE, **more: Any) -> TenderEvent:
    """What a source says that publishes no single payments."""
    return told("1001", amount, kind, derived=True, **more)


A1 = told("A1", "10.00", AUTHORISATION)
C1 = told("C1", "10.00", CAPTURE, parent="A1")


def after(*versions: Sequence[TenderEvent], rules: RecordRules = RULES) -> dict[str, Kept]:
    """The records once an order was told of like this; the last version again changes none of them."""
    records: dict[str, Kept] = {}
    for version in versions:
        records = kept_with(records, version, (), rules, NOW)
    assert kept_with(records, versions[-1], (), rules, NOW) == records
    return records


def said(records: dict[str, Kept]) -> dict[str, str]:
    """Each in a few words."""
    return {key: f"{each.status} {each.wanted or ''} {each.amount}" for key, each in records.items()}


def test_what_travelled_in_the_create_is_known_and_never_due() -> None:
    """Under its id where the source publishes one: of any other the create has sent none."""
    sent = (told("T1", "6.00"), told("1001-2", "4.00", unnamed=True))
    records = kept_with({}, sent, sent, RULES, NOW)
    assert {key: each.reference for key, each in records.items()} == {"+T1": "T1", "+1001-2": ""}
    assert said(records) == {"+T1": "in_sale  6.00", "+1001-2": "in_sale  4.00"}


def test_an_authorisation_is_due_until_something_of_it_is_captured_or_voided() -> None:
    """One that is over when it is first heard of never is."""
    assert said(after([A1], [A1])) == {"+A1": "due authorized 10.00"}
    assert said(after([A1], [A1, C1])) == {"+A1": "due cancelled 10.00", "+C1": "due completed 10.00"}
    assert said(after([A1, C1])) == {"+A1": "over  10.00", "+C1": "due completed 10.00"}
    assert said(after([A1], [A1, told("V1", "10.00", VOID, parent="A1")])) == {"+A1": "due voided 10.00"}


def test_a_reservation_of_which_nobody_tells_any_more_is_over() -> None:
    """It was told as a sum; one that has an id stays until it is captured or voided."""
    reserved = summed("10.00", AUTHORISATION)
    assert said(after([reserved], [A1])) == {"+1001": "due cancelled 10.00", "+A1": "due authorized 10.00"}
    assert said(after([A1], [])) == {"+A1": "due authorized 10.00"}


def test_a_capture_under_the_id_of_its_authorisation_takes_its_place() -> None:
    """With the amount that was taken, and under that id."""
    (record,) = after([A1], [A1, told("A1", "8.00", CAPTURE)]).values()
    assert (record.reference, record.status, record.wanted, record.amount) == ("A1", "due", "completed", Decimal(8))


def test_what_ended_in_fulfil_is_not_ended_again() -> None:
    """However often its capture is told."""
    records = after([A1], [A1, C1])
    done = {**records, "+A1": replace(records["+A1"], status="recorded")}
    assert kept_with(done, [A1, C1], (), RULES, NOW) == done


def test_an_authorisation_that_was_blocked_is_over_without_a_trace_in_fulfil() -> None:
    """Nothing stands against what nobody wants any more."""
    (blocked,) = after([A1], rules=RecordRules()).values()
    assert (blocked.status, blocked.cause) == ("blocked", "gateway card")
    over = after([A1], [A1, C1], rules=RecordRules())["+A1"]
    assert (over.status, over.why, over.cause) == ("over", "", "")


def test_a_capture_ends_no_other_authorisation_than_its_own() -> None:
    """Nor does a refund that is told as a sum; a capture that is, ends what may be the same money."""
    other = told("A2", "5.00", AUTHORISATION)
    assert said(after([A1, other], [A1, other, C1]))["+A2"] == "due authorized 5.00"
    assert said(after([A1], [A1, summed("3.00", PaymentKind.REFUND)]))["+A1"] == "due authorized 10.00"
    assert said(after([A1], [summed("10.00")])) == {"+A1": "due cancelled 10.00", "+1001": "due completed 10.00"}
    gift = replace(A1, tender=Tender.GIFT_CARD)
    assert said(after([gift], [summed("10.00")]))["+A1"] == "due authorized 10.00"


@pytest.mark.parametrize(
    ("known", "due"),
    [
        (A1, False),
        (replace(A1, gateway=None), False),
        (replace(A1, gateway="klarna"), True),
        (replace(A1, tender=Tender.GIFT_CARD), True),
        (told("T1", "4.00"), True),
    ],
)
def test_a_reservation_that_the_status_tells_is_one_with_that_of_the_transactions(
    known: TenderEvent, *, due: bool
) -> None:
    """Of another gateway or tender it is another one; and so is each that has an id of its own."""
    reserved = summed("10.00", AUTHORISATION)
    assert said(after([known], [known, reserved]))["+1001"] == ("due authorized 10.00" if due else "over  10.00")
    beside = told("A2", "10.00", AUTHORISATION)
    assert said(after([known], [known, beside]))["+A2"] == "due authorized 10.00"


def test_a_reservation_of_which_the_status_names_no_gateway_may_be_that_of_any() -> None:
    """So it is not made a second time."""
    assert said(after([A1, summed("10.00", AUTHORISATION, gateway=None)]))["+1001"] == "over  10.00"


def test_money_that_was_taken_and_is_voided_goes_back_once() -> None:
    """A void may bear the id of the charge; of what was only reserved, or is not known, nothing goes back."""
    taken = told("T1", "10.00")
    by_parent, by_id = told("V1", "10.00", VOID, parent="T1"), told("T1", "10.00", VOID)
    for void, key in ((by_parent, "-V1"), (by_id, "-T1")):
        records = after([taken], [taken, void])
        assert said(records)[key] == "due completed 10.00"
        assert (records[key].is_refund, records[key].parent) == (True, "T1")
        done = {**records, key: replace(records[key], status="recorded")}
        assert kept_with(done, [taken, void], (), RULES, NOW) == done
    unknown = told("V1", "10.00", VOID, parent="T9")
    assert set(after([taken, unknown])) == {"+T1"}
    assert set(after([A1, replace(by_parent, parent="A1")])) == {"+A1"}
    assert after([told("R1", "1.00", PaymentKind.REFUND)])["-R1"].parent == ""


def test_of_a_sum_that_grows_only_the_rest_is_new() -> None:
    """Under a reference of its own, so that neither is taken for the other."""
    records = after([summed("4.00")], [summed("10.00")])
    assert said(records) == {"+1001": "due completed 4.00", "+1001#10.00": "due completed 6.00"}
    assert records["+1001#10.00"].reference == "1001-10.00"


def test_a_sum_and_the_payments_that_it_is_made_of_count_once() -> None:
    """Whichever is told first; what is more than the sum is new."""
    single = [told("T1", "4.00"), told("T2", "6.00")]
    assert said(after([summed("10.00")], single)) == {
        "+1001": "due completed 10.00", "+T1": "covered  0", "+T2": "covered  0",
    }  # fmt: skip
    assert said(after(single, [summed("10.00")]))["+1001"] == "covered  0"
    assert said(after(single, [summed("12.00")]))["+1001"] == "due completed 2.00"
    more = [*single, told("T3", "5.00")]
    assert said(after([summed("10.00")], single, more))["+T3"] == "due completed 5.00"


def test_a_payment_of_which_a_sum_has_a_part_is_due_for_the_rest_of_it() -> None:
    """And not for that part when it is told once more, or raised."""
    records = after([summed("4.00")], [told("T1", "10.00")])
    assert said(records) == {"+1001": "due completed 4.00", "+T1": "due completed 6.00"}
    raised = kept_with(records, [told("T1", "11.00")], (), RULES, NOW)
    assert said(raised)["+T1#11.00"] == "due completed 1.00"


@pytest.mark.parametrize(
    "other",
    [
        told("T1", "4.00", tender=Tender.GIFT_CARD),
        told("T1", "4.00", gateway="klarna"),
        told("R1", "4.00", PaymentKind.REFUND),
    ],
)
def test_a_sum_has_nothing_of_other_money(other: TenderEvent) -> None:
    """Of another tender, of another gateway, or of the other way."""
    for versions in (([summed("10.00")], [summed("10.00"), other]), ([other], [other, summed("10.00")])):
        assert said(after(*versions)) == {"+1001": "due completed 10.00", other.key: "due completed 4.00"}


def test_a_chargeback_is_no_money_that_was_taken() -> None:
    """Rule 21: a record of its own, which no sum contains."""
    disputed = told("D1", "10.00", PaymentKind.CHARGEBACK)
    assert said(after([disputed], [disputed, summed("10.00")])) == {
        "!D1": "disputed  10.00", "+1001": "due completed 10.00",
    }  # fmt: skip


def test_what_has_no_figure_in_the_currency_of_the_sale_is_blocked_and_said() -> None:
    """No rate is guessed; a person records it, and their word stays."""
    foreign = replace(told("T1", "9.20"), paid=Money(Decimal("9.20"), "EUR"), amount=None)
    record = after([foreign])["+T1"]
    assert (record.status, record.cause, record.amount) == ("blocked", "currency", None)
    assert "9.20 EUR" in record.why
    done = {"+T1": replace(record, status="dealt_with")}
    assert kept_with(done, [foreign], (), RULES, NOW) == done


def test_the_day_is_the_one_that_is_told_and_else_the_one_on_which_it_was_first_seen() -> None:
    """In the time zone of finance's company."""
    rules = replace(RULES, time_zone="Pacific/Auckland")
    at = datetime(2026, 11, 17, 23, 30, tzinfo=UTC)
    records = after([told("T1", "4.00", at=at), told("T2", "6.00")], rules=rules)
    assert {key: each.day for key, each in records.items()} == {"+T1": date(2026, 11, 18), "+T2": date(2026, 11, 20)}


@pytest.mark.parametrize(
    ("of", "suspense", "expected"),
    [
        ({}, None, ("due", "stripe", "")),
        ({}, "suspense", ("due", "stripe", "")),
        ({"gateway": "amex"}, None, ("blocked", "", "gateway amex")),
        ({"gateway": "amex"}, "suspense", ("due", "suspense", "")),
        ({"gateway": "amex"}, "loose", ("blocked", "loose", "gateway loose")),
        ({"gateway": None}, None, ("blocked", "", "gateway")),
        ({"gateway": None}, "suspense", ("blocked", "", "gateway")),
        ({"gateway": None, "kind": PaymentKind.REFUND}, None, ("due", "", "")),
    ],
)
def test_a_payment_goes_through_the_gateway_that_it_is_mapped_to(
    of: dict[str, Any], suspense: str | None, expected: tuple[str, str, str]
) -> None:
    """To suspense goes only what is named and not mapped; a refund without a name goes back where it came from."""
    rules = replace(RULES, suspense=suspense)
    (record,) = after([told("T1", "10.00", **of)], rules=rules).values()
    assert (record.status, record.method, record.cause) == expected
    assert bool(record.why) == (record.status == "blocked")
    assert record.suspense == (of.get("gateway") == "amex" and suspense is not None)


def test_in_a_tenant_that_takes_no_payments_every_record_is_blocked_with_the_reason() -> None:
    """Whatever it is mapped to."""
    (record,) = after([told("T1", "10.00")], rules=replace(RULES, unable="nothing is known")).values()
    assert (record.status, record.cause, record.why) == ("blocked", "capability", "nothing is known")


def test_what_stood_against_a_record_is_gone_once_it_is_mapped() -> None:
    """Judged again by another configuration, without the old reason."""
    (blocked,) = after([told("T1", "10.00")], rules=RecordRules()).values()
    due = judged(blocked, RULES)
    assert (due.status, due.method, due.why, due.cause) == ("due", "stripe", "", "")
