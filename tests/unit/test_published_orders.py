"""Every Shopify order that others have published, with what has to become of it: a reviewed table.

The payloads are read where they lie and are not part of the project. Several contradict themselves; then the right
answer is to say so. What is not an order is hostile input: it is answered, and nothing raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats import FORMATS
from flows.formats.shopify import identify, read
from flows.model.money import Money
from flows.model.order import Order, Unreadable
from flows.model.proof import prove
from flows.model.sale import UNSHIPPABLE, SaleSettings, Unmappable, sale_for
from tests.published import DATA, needs

pytestmark = needs()
SETTINGS = SaleSettings(channel_id=3, taxes={"State Tax": "State Tax"}, gateways={"bogus": "bogus", "": "none"})

PROVEN = ""
REFUNDED_597 = (
    "The lines of the order after discounts add up to 587.00 USD but its subtotal says 597.00 USD: 10.00 USD too much."
)
SHORT_REFUND = "Refund 509562969 gave 209.00 USD back for parts worth 399.29 USD: 190.29 USD too little."
ALL_OUTSTANDING = "The order is called paid, but 199.00 USD of its 199.00 USD are outstanding."

BASE = ("450789469", "2008-01-10T16:00:00", 3, "598.94", REFUNDED_597, SHORT_REFUND)


def _paid(order_id: str, at: str) -> tuple[str, str, int, str, str, str]:
    return (order_id, f"2025-01-02T{at}", 1, "199.00", ALL_OUTSTANDING, "")


PARTS_409 = (
    "The lines, tax and shipping of the order add up to 598.94 USD but its total says 409.94 USD: "
    "189.00 USD too little. "
    "The lines of the order before discounts add up to 597.00 USD but its sum of lines says 398.00 USD: "
    "199.00 USD too little. "
    "The lines of the order after discounts add up to 587.00 USD but its subtotal says 398.00 USD: "
    "189.00 USD too little. "
    "The discounts of the order add up to 10.00 USD but its sum of discounts says 0.00 USD: 10.00 USD too little."
)
FOREIGN = "A payment of 79.60 AUD is on an order in USD."
NO_CURRENCY = "The order cannot be read: it has no currency."
NO_LINES = "The order cannot be read: it has no line_items."

# file, index: order id, version, lines, total, contradiction (or why it cannot be read), remark
TABLE = {
    ("shopify-go/order.json", 0): ("123456", "2016-05-17T08:14:36", 2, "10.00", PROVEN, ""),
    ("shopify-go/orders.json", 0): ("123456", "2016-05-17T08:14:36", 2, "10.00", PROVEN, ""),
    ("shopify-go/order_with_transaction.json", 0): ("123456", "2016-05-17T08:14:36", 2, "10.00", FOREIGN, ""),
    ("shopify-python/order.json", 0): ("450789469", "2008-01-10T16:00:00", 3, "409.94", PARTS_409, ""),
    ("shopify-python/orders.json", 0): ("450789469", "2008-01-10T16:00:00", None, None, NO_LINES, ""),
    ("shopify-rem42/order.json", 0): ("450789469", "", None, None, NO_CURRENCY, ""),
    ("shopify-rem42/orders.json", 0): BASE,
    ("shopify-ruby/order_01_list_450789469.json", 0): BASE,
    ("shopify-ruby/order_06_list_since_id.json", 0): _paid("1073459969", "16:30:59"),
    ("shopify-ruby/order_07_fields_subset.json", 0): ("450789469", "", None, None, NO_CURRENCY, ""),
    ("shopify-ruby/order_13_cancel_notice.json", 0): (BASE[0], "2025-01-02T16:31:25", *BASE[2:]),
    ("shopify-ruby/order_18_create_pending.json", 0): ("1073459983", "2025-01-02T16:31:40", 1, "199.00", PROVEN, ""),
    ("shopify-ruby/order_19_create_paid_fulfilled.json", 0): _paid("1073459972", "16:31:05"),
    ("shopify-ruby/order_20_create_simple_paid.json", 0): _paid("1073459966", "16:30:54"),
    ("shopify-ruby/order_21_create_fulfilled_nofulfilment.json", 0): _paid("1073459975", "16:31:23"),
    ("shopify-ruby/order_22_create_variant_fulfilled.json", 0): _paid("1073459970", "16:31:02"),
    ("shopify-ruby/order_31_customer_null.json", 0): (BASE[0], "2025-01-02T16:30:50", *BASE[2:]),
}

# file -> the drafts in it
DRAFTS = {
    "shopify-go/draft_order.json": 1,
    "shopify-python/draft_order.json": 1,
    "shopify-python/draft_order_completed.json": 1,
    "shopify-ruby/draft_order_01_one.json": 1,
    "shopify-ruby/draft_order_08_list.json": 5,
}


def items(file: str) -> list[bytes]:
    """The items of a file as a sender posts them: one object, or the elements of an array."""
    content = json.loads((DATA / file).read_bytes())
    for name in ("orders", "draft_orders"):
        if isinstance(content, dict) and isinstance(content.get(name), list):
            content = content[name]
    return [json.dumps(each).encode() for each in (content if isinstance(content, list) else [content])]


@pytest.mark.parametrize(("file", "index"), TABLE)
def test_each_published_order_is_imported_or_held_as_reviewed(file: str, index: int) -> None:
    """Its id, version and figures are exact; its contradictions are named with their amounts."""
    order_id, version, lines, total, contradiction, remark = TABLE[file, index]
    version = version and f"{version}.000000Z"
    raw = items(file)[index]
    assert identify(raw) == Identified(order_id, version)
    order = read("web", raw)
    if total is None:
        assert order == Unreadable(contradiction)
        return
    assert isinstance(order, Order), order
    proof = prove(order)
    assert (order.order_id, order.version, len(order.lines)) == (order_id, version, lines)
    assert order.total == Money(Decimal(total), "USD")
    assert proof.sentence == contradiction
    assert " ".join(each.sentence for each in proof.remarks) == remark


def test_the_table_names_every_published_order() -> None:
    """A file that is added to the folder has to be reviewed."""
    found = {
        (file, index)
        for path in DATA.glob("shopify-*/order*.json")
        if not path.name.startswith("orderlineitems")
        for file in [f"{path.parent.name}/{path.name}"]
        for index in range(len(items(file)))
    }
    assert found == set(TABLE)


def test_the_base_order_has_the_figures_that_were_published() -> None:
    """450789469: three lines of 199.00, ten off as 3.34, 3.33 and 3.33, and three times 3.98 of tax."""
    order = read("web", items("shopify-ruby/order_01_list_450789469.json")[0])
    assert isinstance(order, Order)
    assert [str(line.gross.shop) for line in order.lines] == ["199.00 USD"] * 3
    assert [str(line.discount.shop) for line in order.lines] == ["3.34 USD", "3.33 USD", "3.33 USD"]
    assert [str(tax.amount.shop) for line in order.lines for tax in line.taxes] == ["3.98 USD"] * 3
    assert [line.quantity_left for line in order.lines] == [0, 1, 0]
    assert prove(order).equations[0].left == Money(Decimal("598.94"), "USD")
    answer = sale_for(order, SETTINGS)
    assert isinstance(answer, Unmappable)
    assert "Units of the order (2, 399.29 USD of 598.94 USD) were removed or refunded" in answer.reason


def test_the_orders_that_prove_still_need_somebody_to_ship_to_or_to_be_wanted() -> None:
    """One was created without any address, the other is cancelled: neither becomes a sale."""
    answers = {}
    for file in ("shopify-ruby/order_18_create_pending.json", "shopify-go/order.json"):
        order = read("web", items(file)[0])
        assert isinstance(order, Order)
        answers[file] = sale_for(order, SETTINGS)
    assert list(answers.values()) == [
        Unmappable("The order has neither a billing nor a shipping address.", UNSHIPPABLE),
        Unmappable("The sales channel has cancelled the order."),
    ]


def test_both_sides_of_the_published_shipping_line_are_kept() -> None:
    """USD 4.00 for the shop, EUR 3.17 for the customer, and taxes that are JSON numbers."""
    shipping = json.loads((DATA / "shopify-go/shippinglines_valid.json").read_bytes())
    order = {
        "id": 1, "currency": "USD", "presentment_currency": "EUR", "created_at": "2026-11-20T09:00:00Z",
        "total_price": "30.00", "line_items": [], "shipping_lines": [shipping],
    }  # fmt: skip
    made = read("web", json.dumps(order).encode())
    assert isinstance(made, Order)
    (line,) = made.shipping_lines
    assert (str(line.gross.shop), str(line.gross.presentment)) == ("4.00 USD", "3.17 EUR")
    assert [str(tax.amount.shop) for tax in line.taxes] == ["13.50 USD", "12.50 USD"]
    assert prove(made).holds


@pytest.mark.parametrize("file", DRAFTS)
def test_published_drafts_are_not_orders(file: str) -> None:
    """In an envelope or as the elements of a list."""
    answers = [identify(raw) for raw in items(file)]
    assert len(answers) == DRAFTS[file]
    assert all(isinstance(answer, NotAnOrder) for answer in answers)


def hostile() -> Iterator[tuple[str, bytes]]:
    """Every file whole, and every object in it, however deep."""

    def inside(content: Any) -> Iterator[Any]:
        if isinstance(content, list | dict):
            for each in content.values() if isinstance(content, dict) else content:
                if isinstance(each, dict):
                    yield each
                yield from inside(each)

    for path in sorted(DATA.rglob("*.json")):
        raw = path.read_bytes()
        yield path.name, raw
        try:
            content = json.loads(raw)
        except ValueError:
            continue
        for each in inside(content):
            yield path.name, json.dumps(each).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_everything_else_that_was_published_is_answered(name: str) -> None:
    """Other channels' orders, payouts, fixtures and broken files: an answer for each, never an exception."""
    format_, count = FORMATS[name], 0
    for file, raw in hostile():
        answer = format_.identify(raw)
        assert isinstance(answer, Identified | NotAnOrder | Unidentifiable), file
        order = format_.read("web", raw)
        if isinstance(order, Order):
            proof = prove(order)
            sale_for(order, SETTINGS)
            assert isinstance(answer, Identified | NotAnOrder), file
            assert isinstance(proof.sentence, str)
        else:
            assert order.reason.endswith("."), file
        count += 1
    assert count > 150
