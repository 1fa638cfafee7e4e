"""The encodings of Fulfil's typed values, the order it is given, and the shapes of its answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil import wire

MOMENT = datetime(2026, 1, 31, 10, 20, 30, 10, tzinfo=UTC)
PARTS = {"year": 2026, "month": 1, "day": 31, "hour": 10, "minute": 20, "second": 30, "microsecond": 10}
ISO = "2026-01-31T10:20:30.000010"


def made_order(**changes: Any) -> wire.CreateOrder:
    """The order of the facts' worked example, with one line."""
    address = wire.Address(
        name="Ada Moss", address1="1 Elm St", address2="", city="Austin", zip="78701", country_code="US"
    )
    tax = wire.TaxLine(name="TX Sales Tax", rate=Decimal("0.08"), amount=Decimal("3.92"))
    line = wire.SaleLine(
        channel_identifier="L1",
        sku="MUG-BLUE",
        quantity=Decimal(2),
        unit_price=Decimal("24.50"),
        amount=Decimal("49.00"),
        tax_lines=(tax,),
    )
    order = wire.CreateOrder(
        channel_identifier="shop-100045",
        reference="#100045",
        confirmed_at="2026-11-20T14:03:11+00:00",
        customer=wire.Customer(name="Ada Moss", contacts=(("email", "ada@example.com"),)),
        billing_address=address,
        shipping_address=address,
        sale_lines=(line,),
        amount=Decimal("52.92"),
        currency_code="USD",
        status="pending",
    )
    return msgspec.structs.replace(order, **changes)


# -- create_order ------------------------------------------------------------------------------------------------------


def test_the_smallest_order_has_only_what_fulfil_requires() -> None:
    """Optional fields that have no value are not sent; positional arguments are channel and order."""
    channel, body = json.loads(wire.encode_create_order(3, made_order()))
    address = {
        "name": "Ada Moss",
        "address1": "1 Elm St",
        "address2": "",
        "city": "Austin",
        "zip": "78701",
        "country_code": "US",
    }
    assert channel == 3
    assert body == {
        "channel_identifier": "shop-100045",
        "reference": "#100045",
        "confirmed_at": "2026-11-20T14:03:11+00:00",
        "customer": {"name": "Ada Moss", "contacts": [["email", "ada@example.com"]]},
        "billing_address": address,
        "shipping_address": address,
        "sale_lines": [
            {
                "channel_identifier": "L1",
                "sku": "MUG-BLUE",
                "quantity": 2,
                "unit_price": {"__class__": "Decimal", "decimal": "24.50"},
                "amount": {"__class__": "Decimal", "decimal": "49.00"},
                "tax_lines": [
                    {
                        "name": "TX Sales Tax",
                        "rate": {"__class__": "Decimal", "decimal": "0.08"},
                        "amount": {"__class__": "Decimal", "decimal": "3.92"},
                    }
                ],
            }
        ],
        "amount": {"__class__": "Decimal", "decimal": "52.92"},
        "currency_code": "USD",
        "status": "pending",
    }


def test_an_order_may_carry_every_field_that_fulfil_documents() -> None:
    """Section 8.3: the keys of create_order, each under its own name."""
    money = Decimal("1.00")
    address = wire.Address(
        name="A", address1="1", address2="2", city="C", zip="Z", country_code="US", subdivision_code="TX",
        email="a@example.com", phone="+1 555 0100", channel_identifier="addr-9",
    )  # fmt: skip
    line = wire.SaleLine(
        channel_identifier="L1", sku="S", variant_identifier="V", quantity=Decimal("1.5"), unit_price=money,
        amount=money,
        description="D", list_price=money, comment="C", metadata={"k": "v"}, shipping_date="2026-01-31",
        fulfil_strategy="ship", gift_message="G", warehouse=4, delivery_address=address, recipient_name="R",
        recipient_email="r@example.com", tax_lines=(wire.TaxLine(name="T", amount=money),),
    )  # fmt: skip
    shipping = wire.ShippingLine(
        channel_identifier="S1", carrier_service_code="ups", description="Std", amount=money, tax_lines=line.tax_lines
    )
    payment = wire.Payment(amount=money, method="stripe", state="success", provider_reference="ch_1")
    order = made_order(
        billing_address=address, sale_lines=(line,), shipping_lines=(shipping,), payments=(payment,),
        payment_term="NET 30",
        financial_status="paid", fulfillment_status="unshipped", priority=2, gift_message="G", comment="C",
        shipping_instructions="I",
    )  # fmt: skip
    _, body = json.loads(wire.encode_create_order(3, order))

    assert set(body) == set(wire.CreateOrder.__struct_fields__)
    for struct, sent in (
        (wire.Address, body["billing_address"]),
        (wire.SaleLine, body["sale_lines"][0]),
        (wire.ShippingLine, body["shipping_lines"][0]),
        (wire.Payment, body["payments"][0]),
    ):
        assert set(sent) == set(struct.__struct_fields__)
    assert body["sale_lines"][0]["quantity"] == 1.5
    wired_money = {"__class__": "Decimal", "decimal": "1.00"}
    assert body["sale_lines"][0]["list_price"] == wired_money
    assert body["shipping_lines"][0]["amount"] == wired_money
    assert body["payments"][0]["amount"] == wired_money
    assert body["sale_lines"][0]["tax_lines"] == [{"name": "T", "amount": wired_money}]


def test_no_money_is_sent_as_a_json_number() -> None:
    """Binary floats never hold money: every number in the body is an id, a count or a quantity."""
    numbers: list[str] = []

    def note(text: str) -> str:
        numbers.append(text)
        return text

    json.loads(wire.encode_create_order(3, made_order()), parse_float=note, parse_int=note)
    assert sorted(numbers) == ["2", "3"]


def test_the_same_order_gives_the_same_bytes_and_is_itself_unchanged() -> None:
    """What is on disk as the intent can be built again, byte for byte."""
    order = made_order()
    assert wire.encode_create_order(3, order) == wire.encode_create_order(3, made_order())
    assert order == made_order()
    assert order.amount == Decimal("52.92")


@pytest.mark.parametrize("field", ["unit_price", "amount", "quantity", "list_price"])
def test_a_figure_that_is_not_finite_is_never_sent(field: str) -> None:
    """It would be invalid JSON, or a price of NaN."""
    line = msgspec.structs.replace(made_order().sale_lines[0], **{field: Decimal("NaN")})
    with pytest.raises(ValueError, match="NaN"):
        wire.encode_create_order(3, made_order(sale_lines=(line,)))


def test_people_are_not_shown_by_repr() -> None:
    """Nothing personal leaks through a log line or a traceback that shows an order."""
    shown = repr(made_order())
    assert "Ada" not in shown
    assert "ada@" not in shown
    assert "Elm" not in shown


def test_the_key_of_an_order_is_read_back_from_its_bytes() -> None:
    """After a lost answer the stored bytes say what to look for."""
    assert wire.key_of_create(wire.encode_create_order(3, made_order())) == (3, "shop-100045")


# -- answers -----------------------------------------------------------------------------------------------------------

RECORD = {
    "id": 90211,
    "rec_name": "SO90211 (#100045)",
    "number": "SO90211",
    "state": "processing",
    "channel_identifier": "shop-100045",
    "total_amount": {"__class__": "Decimal", "decimal": "145.32"},
    "lines": [1, 2],
    "write_date": None,
}


@pytest.mark.parametrize(
    ("answer", "sale"),
    [
        pytest.param(
            RECORD,
            wire.CreatedSale(
                id=90211,
                number="SO90211",
                state="processing",
                total=Decimal("145.32"),
                channel_identifier="shop-100045",
            ),
            id="full record",
        ),
        pytest.param(90211, wire.CreatedSale(id=90211), id="bare id"),
        pytest.param({"id": 90211}, wire.CreatedSale(id=90211), id="id alone"),
        pytest.param(
            {"id": 90211, "rec_name": "SO90211 (#100045)"},
            wire.CreatedSale(id=90211, number="SO90211"),
            id="id and rec_name",
        ),
        pytest.param([90211], wire.CreatedSale(id=90211), id="list of one id"),
        pytest.param(
            [{"id": 90211, "rec_name": "SO90211"}],
            wire.CreatedSale(id=90211, number="SO90211"),
            id="list of one record",
        ),
        pytest.param(
            {"__class__": "Model", "model_name": "sale.sale", "id": 5, "rec_name": "SO5"},
            wire.CreatedSale(id=5, number="SO5"),
            id="record object",
        ),
        pytest.param(
            {"id": 5, "number": 17, "state": None, "total_amount": "many", "party": "Ada"},
            wire.CreatedSale(id=5),
            id="surprises beside the id",
        ),
        pytest.param({"id": 5, "party": 5001}, wire.CreatedSale(id=5, party=5001), id="with its party"),
        pytest.param({"id": 5, "party": {"id": 5001}}, wire.CreatedSale(id=5, party=5001), id="with a party record"),
    ],
)
def test_a_created_sale_is_read_from_every_answer_that_is_possible(answer: Any, sale: wire.CreatedSale) -> None:
    """Section 13.1: the exact answer is unknown, so each of them is read."""
    assert wire.decode_created_sale(json.dumps(answer).encode()) == sale


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("null", id="null"),
        pytest.param("[]", id="empty list"),
        pytest.param("[1, 2]", id="two ids"),
        pytest.param("true", id="boolean"),
        pytest.param("0", id="no id"),
        pytest.param('"90211"', id="string"),
        pytest.param('{"__class__": "AsyncResult", "task_id": 1, "token": "t"}', id="async task"),
        pytest.param('{"type": "UserError", "message": "no"}', id="error"),
        pytest.param("<html>", id="not JSON"),
    ],
)
def test_an_answer_without_one_sale_is_not_read_as_a_sale(answer: str) -> None:
    """A sale is claimed only when its id is there."""
    with pytest.raises(msgspec.DecodeError):
        wire.decode_created_sale(answer.encode())


def test_a_found_sale_says_which_order_it_is_of() -> None:
    """A row without its order's identifier proves nothing, and is refused."""
    assert wire.decode_sales(json.dumps([RECORD]).encode()) == (
        wire.SaleFound(
            id=90211,
            number="SO90211",
            state="processing",
            channel_identifier="shop-100045",
            total_amount=Decimal("145.32"),
        ),
    )
    with pytest.raises(msgspec.DecodeError):
        wire.decode_sales(b'[{"id": 1, "channel_identifier": null}]')


def test_whose_a_sale_is_may_be_told_by_an_id_or_by_a_record_or_not_at_all() -> None:
    """A many2one that comes as a record costs nothing, and one that cannot be read costs that field alone."""
    record = {"__class__": "Model", "model_name": "party.party", "id": 5001, "rec_name": "A"}
    rows = [
        {"id": 1 + n, "channel_identifier": "#1", "party": told} for n, told in enumerate((5001, record, None, "A"))
    ]
    found = wire.decode_sale_parties(json.dumps(rows).encode())
    assert [sale.party for sale in found] == [5001, 5001, None, None]


def test_a_page_of_products_is_read_with_dates_of_every_generation() -> None:
    """A product without a code has no SKU and is left out, but the page goes on after it."""
    rows = [
        {"id": 4, "code": "MUG", "rec_name": "[MUG] Blue mug", "active": True, "salable": True, "write_date": None,
         "create_date": {"__class__": "datetime", **PARTS}},
        {"id": 5, "code": None, "rec_name": "Loose"},
        {"id": 6, "code": "LAMP", "rec_name": "Lamp", "active": False, "sellable": False, "create_date": ISO,
         "write_date": {"__class__": "datetime", "iso_string": ISO}},
        {"id": 7, "code": "ODD", "rec_name": 1, "create_date": "soon"},
    ]  # fmt: skip
    page = wire.decode_product_page(json.dumps(rows).encode(), wire.ProductPageRequest(limit=4))
    assert page.products == (
        wire.Product(id=4, code="MUG", name="Blue mug", active=True, sellable=True, create_date=MOMENT),
        wire.Product(
            id=6, code="LAMP", name="Lamp", active=False, sellable=False, create_date=MOMENT, write_date=MOMENT
        ),
        wire.Product(id=7, code="ODD", name="", active=True),
    )
    assert (page.last_id, page.complete) == (7, False)


@pytest.mark.parametrize(
    ("value", "price"),
    [
        pytest.param({"__class__": "Decimal", "decimal": "24.50"}, "24.50", id="decimal"),
        pytest.param("24.5000", "24.5000", id="text"),
        pytest.param(24.5, "24.5", id="number"),
        pytest.param(None, None, id="none"),
        pytest.param("soon", None, id="no price"),
        pytest.param({"__class__": "Decimal", "decimal": "NaN"}, None, id="not a number"),
        pytest.param([1], None, id="a list"),
    ],
)
def test_a_list_price_is_read_where_it_is_named_and_never_stops_the_sync(value: Any, price: str | None) -> None:
    """Exact; what cannot be read is not told. Under the tenant's own name, and not at all where it has none."""
    body = json.dumps([{"id": 4, "code": "MUG", "price_list": value, "costs": value}]).encode()
    names = wire.ProductNames(list_price="price_list", cost_price="costs")
    (product,) = wire.decode_product_page(body, wire.ProductPageRequest(), names).products
    assert product.list_price == product.cost_price == (None if price is None else Decimal(price))
    assert wire.decode_product_page(body, wire.ProductPageRequest()).products[0].list_price is None


@pytest.mark.parametrize(("rows", "complete"), [(0, True), (1, True), (2, False)])
def test_a_page_shorter_than_asked_is_the_last(rows: int, *, complete: bool) -> None:
    """There is no total and no cursor; an empty page leaves the cursor where it was."""
    body = json.dumps([{"id": 10 + n, "code": f"S{n}"} for n in range(rows)]).encode()
    page = wire.decode_product_page(body, wire.ProductPageRequest(after_id=9, limit=2))
    assert page.complete is complete
    assert page.last_id == 9 + rows
