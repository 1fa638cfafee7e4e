"""Every payload of BigCommerce and Amazon that was published, with what has to become of it: a reviewed table.

They are read where they lie and are not part of the project. Amazon's v0 and BigCommerce publish the parts of an order
by themselves, so the parts are put together here as a flow does. Several contradict themselves; then the right answer
is to say so.
"""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder
from flows.formats import FORMATS
from flows.model.money import Money
from flows.model.order import Order, Unreadable
from flows.model.proof import prove
from flows.model.sale import UNSHIPPABLE, SaleSettings, Unmappable, sale_for
from tests.published import DATA, needs
from tests.unit import made_bigcommerce as bigcommerce

pytestmark = needs()
V0 = "amazon-sp/ordersV0_orders_v0_orders_orderId_"
PAGE = "amazon-sp/ordersV0_orders_v0_orders_get"
PROVEN = ""
GATHER = (
    "The order cannot be read: parts of it are missing or only links; the flow must gather /v2/orders/{id}/products, "
    "/v2/orders/{id}/shippingaddresses%s and put them in."
)
ITEMS = (
    "The order cannot be read: it has no OrderItems; the flow must gather /orders/v0/orders/{orderId}/orderItems and "
    "put them in."
)
PENDING = (
    "The order cannot be read: it is pending, and Amazon publishes no amounts until the payment is authorised; it is "
    "read when Amazon sends it as unshipped."
)
WEBHOOK = (
    "It is the body of a webhook, which carries only the order's id: the flow must gather the order with its products "
    "and shipping addresses, and send that."
)

# file, index: order id, version, total (None: it cannot be read), contradiction or reason
TABLE = {
    ("bigcommerce/order_Resp_Response.json", 0): (
        "218", "2019-03-11T15:17:25", None, GATHER % ", /v2/orders/{id}/coupons"
    ),
    ("bigcommerce/orderCollection_Resp_response.json", 0): ("100", "2018-12-05T20:16:55", None, GATHER % ""),
    ("bigcommerce/webhook_store_order_created.json", 0): ("250", "", None, WEBHOOK),
    ("bigcommerce/webhook_store_order_refund_created.json", 0): ("250", "", None, WEBHOOK),
    ("bigcommerce/webhook_store_order_statusUpdated.json", 0): ("250", "", None, WEBHOOK),
    ("amazon-sp/orders2026_02_202-7654321-1098765.json", 0): (
        "202-7654321-1098765", "2024-12-24T18:45:00", "34.99 GBP", PROVEN
    ),
    ("amazon-sp/orders2026_03_171-2345678-9012345.json", 0): (
        "171-2345678-9012345", "2024-12-23T10:00:00", "1599.90 BRL", PROVEN
    ),
    ("amazon-sp/orders2026_05_171-9876543-2109876.json", 0): (
        "171-9876543-2109876", "2024-12-25T08:15:00", "299.90 BRL", PROVEN
    ),
    ("amazon-sp/orders2026_06_028-1234567-8901234.json", 0): (
        "028-1234567-8901234", "2025-03-15T14:20:00", "125.00 TRY", PROVEN
    ),
    (f"{PAGE}_0.json", 0): ("902-1845936-5435065", "1970-01-19T03:58:32", None, ITEMS),
    (f"{PAGE}_0.json", 1): ("902-8745147-1934268", "1970-01-19T03:58:32", None, ITEMS),
    (f"{PAGE}_1.json", 0): ("902-3159896-1390916", "2017-01-20T19:49:35", None, PENDING),
    (f"{PAGE}_2.json", 0): ("902-3159896-1390916", "2017-01-20T19:49:35", None, PENDING),
    (f"{V0}_get_0.json", 0): ("902-1845936-5435065", "1970-01-19T03:58:32", None, ITEMS),
    (f"{V0}_get_1.json", 0): ("921-3175655-0452641", "2019-05-08T21:59:59", None, ITEMS),
}  # fmt: skip

# file -> how many items in it are parts of orders, or beside them, and are refused
AWAITS = {PENDING: "later", WEBHOOK: "fetch"}
"""What there is to wait for, where nothing is wrong."""
REFUSED = {
    "bigcommerce/orderProductsCollection_Resp_response.json": 2,
    "bigcommerce/orderShipmentCollection_Resp_application_json.json": 2,
    "bigcommerce/orderShipment_Resp_application_json.json": 1,
    "bigcommerce/orderShippingAddressCollection_Resp_response.json": 2,
    "bigcommerce/orderStatusCollection_Resp_response.json": 15,
    "bigcommerce/webhook_store_order_message_created.json": 1,
    f"{V0}address_get_0.json": 1,
    f"{V0}buyerInfo_get_0.json": 1,
    f"{V0}orderItems_buyerInfo_get_0.json": 1,
    f"{V0}orderItems_get_0.json": 1,
    f"{V0}regulatedInfo_get_0.json": 1,
    f"{V0}regulatedInfo_get_1.json": 1,
}


def content(file: str) -> Any:
    return json.loads((DATA / file).read_bytes())


def items(file: str) -> list[bytes]:
    """The items of a file as a sender posts them: one object, or the elements of a list."""
    found = content(file)
    if isinstance(found, dict) and isinstance(found.get("payload"), dict) and "Orders" in found["payload"]:
        found = found["payload"]["Orders"]
    return [json.dumps(each).encode() for each in (found if isinstance(found, list) else [found])]


def format_of(file: str) -> Any:
    return FORMATS["amazon" if file.startswith("amazon-sp/") else "bigcommerce"]


@pytest.mark.parametrize(("file", "index"), TABLE)
def test_each_published_order_is_imported_or_held_as_reviewed(file: str, index: int) -> None:
    """Its id, version and total are exact; what it contradicts or lacks is said."""
    order_id, version, total, sentence = TABLE[file, index]
    raw = items(file)[index]
    assert format_of(file).identify(raw) == Identified(order_id, version and f"{version}.000000Z")
    order = format_of(file).read("web", raw)
    if total is None:
        assert order == Unreadable(sentence, AWAITS.get(sentence, ""))
        return
    assert isinstance(order, Order), order
    assert (order.order_id, str(order.total)) == (order_id, total)
    assert prove(order).sentence == sentence


@pytest.mark.parametrize("file", REFUSED)
def test_published_parts_of_orders_are_refused(file: str) -> None:
    """Their own ids must not become ids of orders."""
    answers = [format_of(file).identify(raw) for raw in items(file)]
    assert len(answers) == REFUSED[file]
    assert all(isinstance(answer, NotAnOrder) for answer in answers), answers


def test_the_tables_name_every_published_payload() -> None:
    """A file that is added to the folders has to be reviewed."""
    found = {
        f"{path.parent.name}/{path.name}"
        for pattern in ("bigcommerce/*.json", "amazon-sp/orders*.json")
        for path in DATA.glob(pattern)
    }
    assert found == {file for file, _ in TABLE} | set(REFUSED)


# -- put together as a flow does ---------------------------------------------------------------------------------------


def amazon_order(number: int, **changes: Any) -> dict[str, Any]:
    """A published order of v0 with its published parts in it."""
    order = content(f"{V0}_get_{number}.json")["payload"]
    order["OrderItems"] = content(f"{V0}orderItems_get_0.json")["payload"]["OrderItems"]
    order["ShippingAddress"] = content(f"{V0}address_get_0.json")["payload"]["ShippingAddress"]
    order["BuyerInfo"] = content(f"{V0}buyerInfo_get_0.json")["payload"]
    return {**order, **changes}


def read(name: str, payload: dict[str, Any]) -> Order:
    order = FORMATS[name].read("web", json.dumps(payload).encode())
    assert isinstance(order, Order), order
    return order


def test_the_gathered_order_of_amazon_is_proven() -> None:
    """10.00 and 1.01 of tax are 11.01; its buyer asks to cancel it, and its dates are those of 1970."""
    order = read("amazon", amazon_order(0))
    assert str(order.total) == "11.01 USD"
    assert [(line.sku, str(line.gross.shop)) for line in order.lines] == [("NABetaASINB00551Q3CS", "10.00 USD")]
    assert [(tax.name, str(tax.amount.shop)) for tax in order.lines[0].taxes] == [("ItemTax", "1.01 USD")]
    assert order.tags == ("cancel-requested",)
    assert (order.placed_at.year, order.customer is not None) == (1970, True)
    assert prove(order).sentence == PROVEN


def test_yen_of_wrapping_on_an_order_in_dollars_are_not_added_up() -> None:
    """The published buyer of the items wants wrapping for JPY 1.99."""
    wrapping = content(f"{V0}orderItems_buyerInfo_get_0.json")["payload"]["OrderItems"][0]
    order = amazon_order(0)
    order["OrderItems"][0]["BuyerInfo"] = wrapping
    assert FORMATS["amazon"].read("web", json.dumps(order).encode()) == Unreadable(
        "The order cannot be read: an amount in JPY is among amounts in USD."
    )


def test_the_order_that_amazon_ships_is_told_apart_and_its_foreign_payment_is_contradicted() -> None:
    """EUR 100.00, fulfilled by Amazon and re-sold by it, paid with BRL 20.00 by Pix."""
    item = {"OrderItemId": "1", "SellerSKU": "A", "QuantityOrdered": 1,
            "ItemPrice": {"CurrencyCode": "EUR", "Amount": "100.00"}}  # fmt: skip
    order = read("amazon", amazon_order(1, OrderItems=[item]))
    assert order.tags == ("fulfilled-by-channel", "sold-by-amazon", "business")
    assert [line.requires_shipping for line in order.lines] == [False]
    assert prove(order).sentence == "A payment of 20.00 BRL is on an order in EUR."


def test_tax_details_of_the_order_from_turkey_withhold_nothing_where_no_tax_is() -> None:
    """Its item names the marketplace as the collector of a tax that it does not publish."""
    order = read("amazon", content("amazon-sp/orders2026_06_028-1234567-8901234.json"))
    assert [(line.quantity, line.taxes) for line in order.lines] == [(2, ())]


def test_the_published_products_are_a_bundle_with_a_manual_discount() -> None:
    """65.23 with tax, 1.59 off, and a child for nothing: 63.64, as the order of these products has to say."""
    products = content("bigcommerce/orderProductsCollection_Resp_response.json")
    totals = bigcommerce.triple("total", "54.6300", "63.6400", "9.2400")
    payload = bigcommerce.payload(
        id=149, products=products, is_tax_inclusive_pricing=True, discount_amount="1.5900",
        shipping_addresses=[bigcommerce.address(id=51)], **totals,
        **bigcommerce.triple("subtotal", "55.9900", "65.2300", "9.2400"),
    )  # fmt: skip
    order = read("bigcommerce", payload)
    assert [(line.sku, str(line.gross.shop), str(line.discount.shop)) for line in order.lines] == [
        ("S-ORAN", "65.23 USD", "1.59 USD"),
        ("ABS", "0.00 USD", "0.00 USD"),
    ]
    assert prove(order).sentence == PROVEN
    assert (
        "63.64 USD but its total says 63.65 USD"
        in prove(read("bigcommerce", payload | {"total_inc_tax": "63.6500"})).sentence
    )


def test_the_published_order_has_two_discounts_and_leaves_its_fees_out() -> None:
    """67.84 + 12.00 - 5.00 - 5.00 is its total of 69.84; with its fees of 24.30 it is not, and that is said.

    With one product of its subtotal, prices as they are with tax, and without the flag that denies them.
    """
    order = content("bigcommerce/order_Resp_Response.json")
    del order["is_tax_inclusive_pricing"]
    whole = {"quantity": 1, **bigcommerce.triple("price", "62.6793", "67.8400", "4.4000")}
    total = bigcommerce.triple("total", "62.6793", "67.8400", "4.4000")
    borne = [{"id": "coupon", "amount": "5.0000", "code": "FIVE"}, {"id": "manual-discount", "amount": "5.0000"}]
    gathered = order | {
        "products": [
            bigcommerce.product(order_id=218, base_total="67.8400", applied_discounts=borne, **whole, **total)
        ],
        "shipping_addresses": [bigcommerce.address(**bigcommerce.triple("cost", "11.0900", "12.0000", "0.9100"))],
        "coupons": [{"code": "FIVE", "type": 2, "discount": "5.0000"}],
    }
    without = read("bigcommerce", gathered | {"fees": []})
    assert prove(without).sentence == PROVEN
    assert without.total == Money(Decimal("69.84"), "USD")
    sentence = prove(read("bigcommerce", gathered)).sentence
    assert "add up to 94.14 USD but its total says 69.84 USD: 24.30 USD too little" in sentence


def test_an_address_that_nothing_goes_to_is_no_destination() -> None:
    """The published addresses are two, each with its cost; the items decide where they go."""
    addresses = content("bigcommerce/orderShippingAddressCollection_Resp_response.json")
    one = bigcommerce.product(order_id=229, order_address_id=132)
    two = bigcommerce.product(order_id=229, order_address_id=133, id=8)
    costs = bigcommerce.triple("shipping_cost", "24.0000", "25.9800", "1.9800")
    payload = bigcommerce.payload(
        id=229, shipping_addresses=addresses, products=[one], **costs,
        **bigcommerce.triple("total", "44.0000", "49.9800", "5.9800"),
    )  # fmt: skip
    order = read("bigcommerce", payload)
    assert order.shipping_address is not None
    assert order.shipping_address.city == "San Antonio"
    assert [str(each.gross.shop) for each in order.shipping_lines] == ["12.00 USD", "12.00 USD"]
    assert prove(order).sentence == PROVEN
    more = bigcommerce.triple("total", "64.0000", "73.9800", "9.9800")
    several = read("bigcommerce", payload | {"products": [one, two], **more, "subtotal_ex_tax": "40.0000"})
    assert (several.several_addresses, several.shipping_address, prove(several).sentence) == (True, None, PROVEN)
    answer = sale_for(several, SaleSettings(channel_id=3))
    assert answer == Unmappable(
        "The goods of the order go to several addresses, and a sale is shipped to one.", UNSHIPPABLE
    )


def test_invented_rows_of_orders_and_items_are_answered() -> None:
    """Hostile input: negative prices, thousands separators, counts that deny each other."""
    with (DATA / "dbt_amazon_sp" / "order_item.csv").open(encoding="utf-8") as file:
        lines = {row["amazon_order_id"]: row for row in csv.DictReader(file)}
    with (DATA / "dbt_amazon_sp" / "orders.csv").open(encoding="utf-8") as file:
        orders = list(csv.DictReader(file))
    answers = [FORMATS["amazon"].read("web", json.dumps(invented(row, lines)).encode()) for row in orders]
    reasons = [each.reason for each in answers if isinstance(each, Unreadable)]
    assert any("an amount is not a plain decimal number" in reason for reason in reasons)
    assert any(isinstance(each, Order) and not prove(each).holds for each in answers)
    assert len(answers) == len(orders) > 50


def invented(row: dict[str, str], lines: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A row as the order that it would be."""
    line = lines.get(row["amazon_order_id"], {})

    def price(name: str) -> dict[str, str | None]:
        return {"Amount": line.get(f"{name}_amount") or None, "CurrencyCode": line.get(f"{name}_currency_code") or None}

    item = {
        "OrderItemId": line.get("order_item_id"),
        "SellerSKU": line.get("seller_sku"),
        "QuantityOrdered": int(line.get("quantity_ordered") or 1),
        "ItemPrice": price("item_price"),
        "ItemTax": price("item_tax"),
        "ShippingPrice": price("shipping_price"),
        "PromotionDiscount": price("promotion_discount"),
        "TaxCollection": {"Model": line.get("tax_collection_model")},
    }
    return {
        "AmazonOrderId": row["amazon_order_id"],
        "PurchaseDate": row["purchase_date"].replace(" ", "T") + "Z",
        "OrderStatus": row["order_status"],
        "FulfillmentChannel": row["fulfillment_channel"],
        "OrderTotal": {"Amount": row["order_total_amount"], "CurrencyCode": row["order_total_currency_code"]},
        "IsPrime": row["is_prime"],
        "OrderItems": [item],
    }
