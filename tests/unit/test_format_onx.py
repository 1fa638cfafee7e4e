"""onX orders are named by their id and read as the schema has them; what the schema leaves open holds the order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats.onx import identify, read
from flows.model.gate import OPEN_GATE, gate
from flows.model.money import Money
from flows.model.order import FinancialStatus, FulfilmentStatus, Order, PaymentKind, Unreadable
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from runtime.clock import to_instant
from tests.unit.made_onx import address, encode, item, made, payload

VERSION = "2026-11-20T09:00:00.000000Z"
SETTINGS = SaleSettings(
    channel_id=3, taxes={"": "Sales Tax"}, tax_rates={"Sales Tax": Decimal("0.08")}, gateways={"": "manual"}
)
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def unread(**changes: Any) -> str:
    """The reason why the order cannot be read."""
    answer = read("web", encode(payload(**changes)))
    assert isinstance(answer, Unreadable), answer
    return answer.reason


def stands_against(order: Order) -> str:
    """What keeps an order whose figures agree from becoming a sale."""
    assert prove(order).holds, prove(order).sentence
    answer = sale_for(order, SETTINGS)
    assert isinstance(answer, Unmappable), answer
    return answer.reason


# -- the whole order ---------------------------------------------------------------------------------------------------


def test_an_order_is_read_whole() -> None:
    """Ids, instants, lines, the tax, shipping, the payment and people; it proves and becomes a sale."""
    order = made()
    assert identify(encode(payload())) == Identified("ord-1001", VERSION)
    assert (order.order_id, order.reference, order.version) == ("ord-1001", "#1001", VERSION)
    assert order.placed_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert (order.currency, order.presentment_currency, order.taxes_included) == ("USD", "USD", False)
    (line,) = order.lines
    assert (line.id, line.sku, line.title, line.quantity, line.quantity_left) == ("line-1", "MUG-BLUE", "Mug", 2, None)
    assert (line.unit_price.shop, line.gross.shop, line.discount.shop) == (usd("10"), usd("20"), usd("0"))
    assert [(tax.name, tax.rate, tax.amount.shop) for tax in line.taxes] == [("", None, usd("1.65"))]
    assert [(each.service, each.title, each.gross.shop) for each in order.shipping_lines] == [
        ("UPS Ground", "UPS Ground", usd("0"))
    ]
    (payment,) = order.payments
    assert (payment.gateway, payment.kind, payment.amount, payment.derived) == (
        "", PaymentKind.SALE, usd("21.65"), True,
    )  # fmt: skip
    assert (order.refunds, order.cancelled_at, order.test, order.risk) == (None, None, False, None)
    assert order.customer is not None
    assert (order.customer.id, order.customer.name, order.customer.email) == ("cus-7", "Ada Moss", "ada@example.com")
    assert order.shipping_address is not None
    assert (order.shipping_address.subdivision_code, order.shipping_address.zip) == ("TX", "78701")
    assert order.tags == ("vip", "source:website")
    proof = prove(order)
    assert proof.holds, proof.sentence
    assert not isinstance(sale_for(order, SETTINGS), Unmapped | Unmappable)


def test_finance_decides_what_a_tax_without_a_name_is() -> None:
    """Until the empty name is mapped, the order is held for it."""
    answer = sale_for(made(), SaleSettings(channel_id=3, gateways={"": "manual"}))
    assert answer == Unmapped("tax", "")


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", [{}, {"success": True}, {"id": 7, "jsonrpc": "2.0"}])
def test_an_envelope_is_unwrapped(envelope: dict[str, Any]) -> None:
    """`{order: {...}}` is the order, whatever stands beside it: an id of the envelope is not the order's."""
    raw = encode({**envelope, "order": payload()})
    assert identify(raw) == identify(encode(payload()))
    assert read("web", raw) == made()


def test_what_create_sales_order_is_asked_is_refused_with_what_to_send() -> None:
    """It has neither an id nor an instant; an id that a later update may set would name the order twice."""
    asked = payload(id=None, createdAt=None, updatedAt=None)
    for raw in (encode({"order": asked}), encode(asked)):
        answer = identify(raw)
        assert isinstance(answer, Unidentifiable)
        assert "put the sales channel's own order id into id" in answer.reason
        assert isinstance(read("web", raw), Unreadable)


@pytest.mark.parametrize("order_id", ["", "  ", "a\x00b", "x" * 101, True, 1.5, [], {}, 2**70])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """Control characters, over a hundred characters, and other types."""
    raw = encode(payload() | {"id": order_id})
    assert isinstance(identify(raw), Unidentifiable)
    assert isinstance(read("web", raw), Unreadable)


@pytest.mark.parametrize("spelling", [1001, "1001", " 1001 "])
def test_one_order_has_one_id_however_it_is_spelt(spelling: object) -> None:
    """As a number or as text."""
    assert identify(encode(payload(id=spelling))) == Identified("1001", VERSION)
    assert made(id=spelling).order_id == "1001"


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "orders": [payload()]},
        payload(status="draft"),
        payload(status="Draft"),
        {"order": payload(status="draft")},
        {"id": "ful-1", "orderId": "ord-1001", "lineItems": [item()], "trackingNumbers": ["1Z"]},
        {"id": "ful-1", "lineItems": [item()], "trackingNumbers": []},
        {"id": "ret-1", "orderId": "ord-1001", "returnLineItems": []},
        {"orderId": "ord-1001", "reason": "changed my mind"},
        item(),
        {"id": "ord-1001", "updates": {"status": "cancelled"}},
        {"id": "cus-7", "firstName": "Ada", "status": "active"},
        {"id": "var-1", "sku": "MUG-BLUE", "price": 10, "currency": "USD"},
        {"jsonrpc": "2.0", "id": 7, "result": {"content": []}},
    ],
)
def test_what_is_beside_or_before_or_part_of_an_order_is_refused(body: dict[str, Any]) -> None:
    """Lists, drafts, fulfilments, returns, requests, customers, products: their ids never become an order's."""
    assert isinstance(identify(encode(body)), NotAnOrder)


def test_the_reference_server_may_repeat_the_id() -> None:
    """Its mock adapter answers with `orderId` beside an equal `id`."""
    assert identify(encode(payload() | {"orderId": "ord-1001"})) == Identified("ord-1001", VERSION)


@pytest.mark.parametrize(
    ("updated_at", "version"),
    [
        ("2026-11-20T09:00:00Z", VERSION),
        ("2026-11-20T10:00:00+01:00", VERSION),
        ("2026-11-20T09:00", ""),
        ("yesterday", ""),
        (5, ""),
        (None, ""),
    ],
)
def test_versions_sort_as_text(updated_at: object, version: str) -> None:
    """A time that cannot be read still names the order."""
    assert identify(encode(payload(updatedAt=updated_at))) == Identified("ord-1001", version)
    assert made(updatedAt=updated_at).version == version


# -- statuses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, FulfilmentStatus.UNSHIPPED),
        ("confirmed", FulfilmentStatus.UNSHIPPED),
        ("Processing", FulfilmentStatus.UNSHIPPED),
        ("packed", FulfilmentStatus.UNSHIPPED),
        ("partially_shipped", FulfilmentStatus.PARTIAL),
        ("Partially Shipped", FulfilmentStatus.PARTIAL),
        ("shipped", FulfilmentStatus.SHIPPED),
        ("delivered", FulfilmentStatus.SHIPPED),
    ],
)
def test_the_status_says_what_was_shipped(status: str | None, expected: FulfilmentStatus) -> None:
    """Packed is not shipped."""
    assert made(status=status).fulfilment_status is expected


@pytest.mark.parametrize("status", ["cancelled", "Canceled"])
def test_a_cancelled_order_is_so_since_its_last_change(status: str) -> None:
    """There is no instant of a cancel; and what else it says is no obstacle to it."""
    order = made(status=status, paymentStatus="reversed", refunds=[{"amount": 5}])
    assert order.cancelled_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_an_order_on_hold_waits() -> None:
    """Nothing is wrong with it; it is not to be shipped yet."""
    answer = read("web", encode(payload(status="on_hold")))
    assert isinstance(answer, Unreadable)
    assert answer.awaits == "later"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"status": "zzz"}, "its status is a word that the format does not know"),
        ({"status": 5}, "its status is not text"),
        ({"paymentStatus": "zzz"}, "its paymentStatus is a word that the format does not know"),
        ({"paymentStatus": ["paid"]}, "its paymentStatus is not text"),
    ],
)
def test_unknown_words_hold_the_order_and_are_not_repeated(changes: dict[str, Any], place: str) -> None:
    """The schema lists none, so none is guessed; the flow can map them."""
    reason = unread(**changes)
    assert place in reason
    assert "zzz" not in reason


@pytest.mark.parametrize(
    ("published", "expected", "kinds", "then"),
    [
        ("paid", FinancialStatus.PAID, [PaymentKind.SALE], "import"),
        ("authorized", FinancialStatus.AUTHORISED, [PaymentKind.AUTHORISATION], "import"),
        ("pending", FinancialStatus.PENDING, [], "wait"),
        ("partially_paid", FinancialStatus.PARTIALLY_PAID, [], "wait"),
        ("voided", FinancialStatus.VOIDED, [], "wait"),
        ("refunded", FinancialStatus.REFUNDED, [PaymentKind.SALE], "exclude"),
        (None, FinancialStatus.UNKNOWN, [], "wait"),
    ],
)
def test_payments_are_derived_from_the_payment_status(
    published: str | None, expected: FinancialStatus, kinds: list[PaymentKind], then: str
) -> None:
    """An order that says nothing of its payment waits for it."""
    order = made(paymentStatus=published)
    assert order.financial_status is expected
    assert [each.kind for each in order.payments] == kinds
    proof = prove(order)
    assert proof.holds, proof.sentence
    assert gate(order, proof, OPEN_GATE, to_instant(NOW), NOW).then == then


def test_a_refunded_order_has_nothing_left() -> None:
    """Whether its status or its payment status says it: a sale that stands meets a change."""
    for changes in ({"status": "refunded"}, {"paymentStatus": "refunded", "refunds": [{}]}):
        order = made(**changes)
        assert order.financial_status is FinancialStatus.REFUNDED
        assert [line.quantity_left for line in order.lines] == [0]
        assert prove(order).holds


@pytest.mark.parametrize(
    "changes",
    [
        {"refunds": [{"amount": 5}]},
        {"paymentStatus": "partially_refunded"},
        {"status": "refunded", "paymentStatus": "partially refunded"},
    ],
)
def test_what_was_refunded_in_part_is_not_guessed(changes: dict[str, Any]) -> None:
    """Nothing says which units are left, so nobody ships them all."""
    assert "a part of it was refunded" in unread(**changes)
    assert made(refunds=[]).refunds == ()


def test_several_payments_are_not_taken_for_one() -> None:
    """One of them may be a gift card; nothing defines how a payment says so."""
    assert made(payments=[{"whatever": 1}]).payments[0].gateway == ""
    assert "several gateways" in stands_against(made(payments=[{}, {}]))


def test_a_free_order_has_no_payment() -> None:
    """A total of zero is imported without one."""
    order = made(lineItems=[item(unitDiscount=10, totalPrice=0)], subTotalPrice=0, orderTax=0, totalPrice=0)
    assert order.payments == ()
    assert prove(order).holds


# -- figures -----------------------------------------------------------------------------------------------------------


def test_discounts_of_units_are_those_of_the_line() -> None:
    """The line's total is after them, by the schema's own formula."""
    lines = [item(unitDiscount=1.5, totalPrice=17.0)]
    order = made(lineItems=lines, subTotalPrice=17.0, totalPrice=18.65)
    assert (order.lines[0].gross.shop, order.lines[0].discount.shop) == (usd("20"), usd("3"))
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize(
    ("line", "gross", "discount"),
    [
        ({"quantity": 3, "unitDiscount": 0.3333333333333333, "totalPrice": 29.0}, "30.00", "1.00"),
        ({"quantity": 3, "unitDiscount": 0.3333333333333333, "totalPrice": None}, "30.00", "1.00"),
        ({"quantity": 3, "unitDiscount": 0.3333, "totalPrice": None}, "30.00", "1.00"),
        ({"quantity": 3, "unitPrice": 9.666666666666666, "totalPrice": 29}, "29.00", "0"),
        ({"quantity": 3, "unitPrice": None, "totalPrice": 29}, "29.00", "0"),
        ({"quantity": 3, "unitPrice": None, "unitDiscount": 0.5, "totalPrice": 27.5}, "29.00", "1.50"),
        ({"quantity": 1, "unitPrice": 28.995, "totalPrice": 29.0}, "29.00", "0"),
        ({"quantity": 1, "unitPrice": 28.125, "totalPrice": None}, "28.125", "0"),
        ({"quantity": 2, "unitPrice": 10.799999999999999, "totalPrice": 21.599999999999998}, "21.6", "0"),
    ],
)
def test_rounded_units_give_the_line_that_was_charged(line: dict[str, Any], gross: str, discount: str) -> None:
    """Thirds, noise of binary arithmetic, and prices finer than cents, as far as their own rounding explains it."""
    order = made(lineItems=[item(**line)])
    (read_,) = order.lines
    assert (read_.gross.shop, read_.discount.shop) == (usd(gross), usd(discount))
    assert order.conflicts == ()


@pytest.mark.parametrize("total", [20.01, 19.99, 21])
def test_a_line_must_be_what_its_factors_give(total: float) -> None:
    """A difference that no rounding explains is a conflict, whatever the order's total says."""
    order = made(lineItems=[item(totalPrice=total)], subTotalPrice=total, totalPrice=round(total + 1.65, 2))
    assert "the totalPrice of a line is 20.00 USD" in prove(order).sentence


def test_tax_in_prices_cannot_be_known_and_is_denied_by_the_proof() -> None:
    """The schema has no word on it, so a total without the tax on top is a contradiction, not a guess."""
    order = made(totalPrice=20.0)
    assert not order.taxes_included
    assert "add up to 21.65 USD but its total says 20.00 USD" in prove(order).sentence


def test_no_figure_of_tax_is_not_a_tax_of_zero() -> None:
    """Prices may contain a tax that nobody has published."""
    assert "it has no orderTax; 0 says that there is no tax" in unread(orderTax=None, totalPrice=20.0)
    assert prove(made(orderTax=0, totalPrice=20.0)).holds


@pytest.mark.parametrize(
    "changes",
    [
        {"lineItems": [item(), item(id="line-2")], "subTotalPrice": 40.0, "totalPrice": 41.65},
        {"shippingPrice": 5, "totalPrice": 26.65},
    ],
)
def test_a_tax_that_several_parts_may_bear_is_no_lines_tax(changes: dict[str, Any]) -> None:
    """The figures agree; but which part bears how much of it is not published, and Fulfil wants it by line."""
    order = made(**changes)
    assert [tax.amount.shop for tax in order.unallocated_taxes] == [usd("1.65")]
    assert "published for the whole order" in stands_against(order)


def test_untaxed_orders_of_several_lines_become_sales() -> None:
    """With shipping."""
    order = made(lineItems=[item(), item(id="line-2")], subTotalPrice=40, orderTax=0, shippingPrice=5, totalPrice=45)
    assert prove(order).holds
    assert not isinstance(sale_for(order, SETTINGS), Unmapped | Unmappable)


def test_a_line_beside_free_ones_bears_the_tax() -> None:
    """Two mugs and a sticker for nothing."""
    order = made(lineItems=[item(id="line-0", unitPrice=0, totalPrice=0), item()])
    assert [len(line.taxes) for line in order.lines] == [0, 1]
    assert prove(order).holds


def test_an_order_discount_comes_off_the_lines_when_the_total_says_so() -> None:
    """On the one line it is that line's; on several it belongs to none."""
    order = made(orderDiscount=2.0, totalPrice=19.65)
    assert order.lines[0].discount.shop == usd("2")
    assert prove(order).holds, prove(order).sentence
    several = made(
        orderDiscount=2.0, lineItems=[item(), item(id="line-2")], subTotalPrice=40.0, orderTax=0, totalPrice=38.0
    )
    assert "A discount of 2.00 USD is published for the whole order" in stands_against(several)


def test_an_order_discount_may_sum_up_what_the_units_took() -> None:
    """Then it is checked against them, and not taken twice."""
    lines = [item(unitDiscount=1, totalPrice=18)]
    order = made(orderDiscount=2, lineItems=lines, subTotalPrice=18, totalPrice=19.65)
    assert order.unallocated_discount is None
    assert prove(order).holds, prove(order).sentence
    other = made(orderDiscount=3, lineItems=lines, subTotalPrice=18, totalPrice=19.65)
    assert "its sum of discounts says 3.00 USD" in prove(other).sentence


def test_a_discount_as_large_as_the_tax_is_given_to_no_line() -> None:
    """The same total would be right without either of them, so it is no witness."""
    order = made(orderDiscount=1.65, totalPrice=20.0)
    assert "A discount of 1.65 USD is published for the whole order" in stands_against(order)


def test_a_discount_that_nothing_confirms_is_named() -> None:
    """Neither reading gives the total."""
    assert "its total says 15.00 USD" in prove(made(orderDiscount=2, totalPrice=15)).sentence


@pytest.mark.parametrize("subtotal", [20, 18, 17])
def test_the_subtotal_may_be_before_or_after_discounts(subtotal: int) -> None:
    """Of units, and of the order; the schema does not say which."""
    lines = [item(unitDiscount=1, totalPrice=18)]
    order = made(lineItems=lines, orderDiscount=1, subTotalPrice=subtotal, totalPrice=18.65)
    assert prove(order).holds, prove(order).sentence


def test_a_subtotal_that_is_none_of_these_is_denied() -> None:
    """A cent is enough."""
    assert "its subtotal says 20.01 USD" in prove(made(subTotalPrice=20.01)).sentence


@pytest.mark.parametrize(
    ("changes", "service", "title"),
    [
        ({"shippingCode": "GND"}, "GND", "UPS Ground"),
        ({"shippingCarrier": None, "shippingClass": None, "shippingCode": "GND"}, "GND", "GND"),
        ({"shippingClass": None}, "UPS", "UPS"),
    ],
)
def test_the_service_is_the_code_or_carrier_and_class(changes: dict[str, Any], service: str, title: str) -> None:
    """Whatever finance and operations map it to."""
    (line,) = made(**changes).shipping_lines
    assert (line.service, line.title) == (service, title)


def test_an_order_that_says_nothing_of_shipping_has_no_shipping_line() -> None:
    """Neither a price nor a service."""
    assert made(shippingCarrier=None, shippingClass=None, shippingPrice=None).shipping_lines == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lineItems": None}, "it has no lineItems"),
        ({"currency": None}, "it has no currency"),
        ({"currency": "usd"}, "a currency is not a code of three capital letters"),
        ({"totalPrice": None}, "it has no totalPrice"),
        ({"createdAt": None}, "it has no createdAt"),
        ({"createdAt": "2026-11-20T08:00:00"}, "createdAt has no time zone"),
        ({"lineItems": [item(quantity=None)]}, "a line has no quantity"),
        ({"lineItems": [item(quantity=-1)]}, "the quantity of a line is below zero"),
        ({"lineItems": [item(unitPrice=None, totalPrice=None)]}, "a line has neither unitPrice nor totalPrice"),
        ({"totalPrice": True}, "an amount is neither text nor a number"),
        ({"lineItems": [7]}, "at `$.lineItems[0]`"),
        ({"payments": {}}, "at `$.payments`"),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes: dict[str, Any], reason: str) -> None:
    """By the field's own name."""
    assert reason in unread(**changes)


@pytest.mark.parametrize("number", [b"1E+400", b"NaN", b"Infinity", b"-", b"1" * 400, b'"NaN"'])
def test_numbers_that_are_no_amounts_are_refused(number: bytes) -> None:
    """Whatever they are, nothing is made of them."""
    raw = encode(payload()).replace(b'"totalPrice":21.65', b'"totalPrice":' + number)
    assert number in raw
    assert isinstance(read("web", raw), Unreadable)


def test_a_repeated_key_counts_with_its_last_value() -> None:
    """In naming as in reading."""
    raw = encode(payload()).replace(b'{"id":"ord-1001"', b'{"id":"ord-1","id":"ord-1001"', 1)
    order = read("web", raw)
    assert isinstance(order, Order)
    assert identify(raw) == Identified(order.order_id, VERSION)
    assert order.order_id == "ord-1001"


def test_thousands_of_lines_are_one_order() -> None:
    """Exactly, with discounts in thirds on each of them."""
    one = item(quantity=3, unitPrice=0.1, unitDiscount=0.0333333333333333, totalPrice=None)
    lines = [one | {"id": f"line-{number}"} for number in range(5_000)]
    order = made(lineItems=lines, subTotalPrice=1_000, orderTax=0, totalPrice=1_000)
    assert len(order.lines) == 5_000
    assert prove(order).holds, prove(order).sentence


# -- people ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "country", "region"),
    [
        ({"country": "us", "stateOrProvince": "Texas"}, "US", "TX"),
        ({"country": "CA", "stateOrProvince": "Ontario"}, "CA", "ON"),
        ({"country": "DE", "stateOrProvince": "Bayern"}, "DE", None),
        ({"country": "United States"}, None, "TX"),
        ({"country": None}, None, "TX"),
    ],
)
def test_countries_are_codes_and_states_become_codes(
    changes: dict[str, Any], country: str | None, region: str | None
) -> None:
    """A country by its name is none: the order is held until the flow sends the code."""
    found = made(shippingAddress=address(**changes)).shipping_address
    assert found is not None
    assert (found.country_code, found.subdivision_code) == (country, region)


def test_people_may_be_missing() -> None:
    """An empty address is none; a customer without an id is a guest."""
    order = made(customer={"email": "a@example.com"}, billingAddress={}, shippingAddress=None)
    assert order.customer is not None
    assert order.customer.id is None
    assert (order.billing_address, order.shipping_address) == (None, None)
    assert made(customer=None).customer is None


def test_nul_characters_reach_nobody() -> None:
    """Fulfil's database takes none."""
    order = made(lineItems=[item(name="Mug\x00")], name="#10\x0001")
    assert (order.lines[0].title, order.reference) == ("Mug", "#1001")


def test_the_gate_sees_parcels_that_are_to_be_marked() -> None:
    """An order for a store behind a distribution centre, in versions of the schema that have it."""
    assert "mark-for" in made(markforAddress=address()).tags
    assert "mark-for" not in read_tags(b'"markforAddress":null,')


def read_tags(field: bytes) -> tuple[str, ...]:
    order = read("web", encode(payload()).replace(b"{", b"{" + field, 1))
    assert isinstance(order, Order)
    return order.tags
