"""Every WooCommerce order that others have published, with what has to become of it: a reviewed table.

The payloads are read where they lie and are not part of the project. Several are samples that their authors changed by
hand until they no longer add up; then the right answer is to say so. What is in the stubs of a test server is filled in
as that server does it, with the year 2019.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats.woocommerce import identify, read
from flows.model.money import Money
from flows.model.order import Order, Tender, Unreadable
from flows.model.proof import prove
from tests.published import DATA, needs

pytestmark = needs()

PROVEN = ""
LOCAL_TIME = (
    "The order cannot be read: it has no date_created_gmt, and its date_created is in a local time without a zone; the "
    "webhook or the flow must use version 3 of the REST API (wc/v3)."
)


def _outstanding(money: str) -> str:
    return f"The order is called paid, but {money} of its {money} are outstanding."


WITH_FEES = "lines, tax, shipping and fees"


def _total(parts: str, total: str, off: str, of: str = "lines, tax and shipping") -> str:
    return f"The {of} of the order add up to {parts} but its total says {total}: {off}."


def _other_price(by_price: str, published: str) -> str:
    return f"The order says in one place that the total of a line is {by_price}, in another {published}."


def _963(currency: str) -> str:
    """30.00 of goods, 133.00 of shipping with 0.62 of tax, a fee of 125.50 and 1.20 of tax, in a total of 31.20."""
    parcel, none, off = "133.00 USD", "0.00 USD", "too little"
    text = " ".join(
        (
            _total("290.32 USD", "31.20 USD", "259.12 USD too little", WITH_FEES),
            "The tax lines of the order add up to 1.82 USD but its sum of taxes says 1.20 USD: 0.62 USD too little.",
            f"The shipping lines of the order add up to {parcel} but its sum of shipping says {none}: {parcel} {off}.",
            _outstanding("31.20 USD"),
            "The order says in one place that the tax of shipping is 0.62 USD, in another 0.00 USD.",
            "The order says in one place that the tax of rate 6 is 0.00 USD, in another 7.71 USD.",
            _other_price("60.00 USD", "30.00 USD"),
        )
    )
    return text.replace("USD", currency)


FEES_949 = " ".join(
    (
        _total("70.40 USD", "44.00 USD", "26.40 USD too little", WITH_FEES),
        "The tax lines of the order add up to 4.40 USD but its sum of taxes says 0.00 USD: 4.40 USD too little.",
        "The order says in one place that the tax of rate 75 is 0.00 USD, in another 1.35 USD.",
    )
)
SHORT_656 = " ".join(
    (
        _total("370.61 USD", "378.23 USD", "7.62 USD too much"),
        "The tax lines of the order add up to 30.21 USD but its sum of taxes says 30.83 USD: 0.62 USD too much.",
    )
)
SHORT_75 = f"{_total('1203.18 USD', '1220.00 USD', '16.82 USD too much')} {_outstanding('1220.00 USD')}"

ALL, SOME, DONE = (f"woo-android/orders_{name}_detailed.json" for name in ("all", "processing", "completed_pending"))
FLUXC, TWICE = "woo-fluxc/wc-orders-response-success.json", "woo-ios/broken-orders-mark-2.json"

# file, index: order id, reference, time of change, lines, total, status of payment, contradiction
Row = tuple[str, str, str, int, str, str, str]
TABLE: dict[tuple[str, int], Row] = {
    ("woo-docs/order_727_create.json", 0): (
        "727", "727", "2017-03-22T19:28:08", 2, "29.35 USD", "paid", PROVEN,
    ),
    ("woo-docs/order_727_get.json", 0): ("727", "727", "2017-03-22T19:28:08", 2, "29.35 USD", "paid", PROVEN),
    ("woo-android/2787_details.json", 0): (
        "2787", "2787", "2019-10-27T01:17:42", 1, "50.00 USD", "pending", _other_price("110.00 USD", "50.00 USD"),
    ),
    (ALL, 0): (
        "2789", "2789", "2019-10-31T13:13:57", 1, "1310.00 USD", "pending",
        _total("110.00 USD", "1310.00 USD", "1200.00 USD too much"),
    ),
    (ALL, 1): (
        "2788", "2788", "2019-10-28T22:25:43", 1, "420.00 USD", "pending",
        _total("110.00 USD", "420.00 USD", "310.00 USD too much"),
    ),
    (ALL, 2): (
        "2787", "2787", "2019-10-27T01:17:42", 1, "50.00 USD", "pending", _other_price("110.00 USD", "50.00 USD"),
    ),
    (ALL, 4): ("2181", "2181", "2019-01-28T11:27:51", 1, "140.00 USD", "paid", PROVEN),
    (ALL, 5): ("2171", "2171", "2019-01-28T11:27:37", 1, "450.00 USD", "paid", PROVEN),
    (ALL, 6): ("2136", "2136", "2019-01-28T11:25:27", 2, "260.00 USD", "paid", PROVEN),
    (ALL, 7): ("2143", "2143", "2019-01-28T14:31:59", 1, "300.00 USD", "paid", PROVEN),
    (ALL, 8): ("2188", "2188", "2019-01-28T11:23:57", 1, "300.00 USD", "paid", PROVEN),
    (ALL, 9): ("2168", "2168", "2019-01-28T11:21:26", 2, "430.00 USD", "paid", _outstanding("430.00 USD")),
    (ALL, 10): ("2185", "2185", "2019-01-28T11:22:16", 1, "150.00 USD", "paid", PROVEN),
    (ALL, 11): ("2179", "2179", "2019-01-28T11:19:49", 1, "140.00 USD", "pending", PROVEN),
    (ALL, 12): ("2161", "2161", "2019-01-28T10:17:36", 1, "140.00 USD", "paid", _outstanding("140.00 USD")),
    (ALL, 13): ("2158", "2158", "2019-01-28T10:15:57", 1, "200.00 USD", "paid", PROVEN),
    (ALL, 14): ("2148", "2148", "2019-01-28T10:14:05", 1, "220.00 USD", "paid", PROVEN),
    (ALL, 15): ("2192", "2192", "2019-02-03T15:34:32", 2, "420.00 USD", "paid", PROVEN),
    (ALL, 16): ("2145", "2145", "2019-02-03T13:12:20", 1, "300.00 USD", "paid", PROVEN),
    (ALL, 17): ("2155", "2155", "2019-01-28T10:15:18", 2, "420.00 USD", "paid", PROVEN),
    (ALL, 18): ("37", "37", "2019-04-30T21:40:20", 3, "46.96 USD", "pending", PROVEN),
    (ALL, 19): ("36", "36", "2019-06-14T16:49:49", 2, "163.92 USD", "paid", PROVEN),
    (SOME, 0): ("2192", "2192", "2019-02-03T15:34:32", 2, "420.00 USD", "paid", PROVEN),
    (SOME, 1): ("2145", "2145", "2019-02-03T13:12:20", 1, "300.00 USD", "paid", PROVEN),
    (SOME, 2): ("2155", "2155", "2019-01-28T10:15:18", 2, "420.00 USD", "paid", PROVEN),
    (SOME, 3): ("37", "37", "2019-04-30T21:40:20", 3, "46.96 USD", "pending", PROVEN),
    (SOME, 4): ("36", "36", "2019-06-14T16:49:49", 2, "163.92 USD", "paid", PROVEN),
    (DONE, 0): ("2198", "2198", "2019-01-28T11:28:51", 1, "700.00 USD", "paid", PROVEN),
    (DONE, 1): ("75", "75", "2019-01-28T09:55:48", 3, "1220.00 USD", "paid", SHORT_75),
    (DONE, 2): ("62", "62", "2019-01-28T09:56:03", 2, "446.95 USD", "pending", PROVEN),
    (DONE, 3): ("38", "38", "2019-01-28T09:55:35", 2, "216.96 USD", "paid", PROVEN),
    ("woo-fluxc/wc-fetch-order-response-success.json", 0): (
        "88", "88", "2018-04-11T18:58:54", 1, "15.00 USD", "refunded",
        "The order of 15.00 USD is called refunded, but it has no refund.",
    ),
    (FLUXC, 0): ("949", "949", "", 2, "44.00 USD", "paid", FEES_949),
    (FLUXC, 1): ("939", "939", "", 1, "64.00 USD", "pending", PROVEN),
    (FLUXC, 2): ("937", "937", "", 2, "92.00 USD", "refunded", PROVEN),
    (FLUXC, 3): ("786", "56AQ", "", 2, "7.59 USD", "paid", PROVEN),
    (TWICE, 0): (
        "263", "263", "2018-08-05T15:26:04", 2, "25.00 EUR", "paid",
        _total("50.00 EUR", "25.00 EUR", "25.00 EUR too little"),
    ),
    (TWICE, 1): (
        "259", "259", "2018-04-11T19:21:11", 2, "25.00 EUR", "paid",
        _total("50.00 EUR", "25.00 EUR", "25.00 EUR too little"),
    ),
    (TWICE, 2): (
        "161", "161", "2017-12-10T01:58:45", 2, "12.00 GBP", "pending",
        _total("24.00 GBP", "12.00 GBP", "12.00 GBP too little"),
    ),
    (TWICE, 3): (
        "160", "160", "2017-12-10T01:58:08", 2, "12.00 GBP", "pending",
        _total("24.00 GBP", "12.00 GBP", "12.00 GBP too little"),
    ),
    (TWICE, 4): (
        "159", "159", "2017-12-10T01:54:55", 2, "15.00 GBP", "pending",
        _total("30.00 GBP", "15.00 GBP", "15.00 GBP too little"),
    ),
    (TWICE, 5): ("158", "158", "2017-11-07T00:25:57", 2, "30.00 GBP", "pending", PROVEN),
    ("woo-ios/order-alternative-types.json", 0): (
        "963", "963", "2018-04-03T23:05:14", 2, "31.20 USD", "paid", _963("USD"),
    ),
    ("woo-ios/order-fully-refunded.json", 0): (
        "609", "609", "2017-09-20T20:27:11", 1, "223.71 USD", "refunded", PROVEN,
    ),
    ("woo-ios/order-with-all-addon-types.json", 0): (
        "159", "159", "2023-08-25T08:46:57", 1, "44.54 USD", "pending", PROVEN,
    ),
    ("woo-ios/order-with-faulty-attributes.json", 0): (
        "656", "656", "2021-08-04T19:28:01", 1, "378.23 USD", "pending", SHORT_656,
    ),
    ("woo-ios/order-with-special-character-currency.json", 0): (
        "963", "963", "2018-04-03T23:05:14", 2, "31.20 AED", "paid", _963("AED"),
    ),
    ("woo-ios/order-with-subscription-renewal.json", 0): (
        "526", "526", "2023-04-18T17:16:10", 1, "14.50 USD", "paid", PROVEN,
    ),
    ("woo-ios/order.json", 0): ("963", "963", "2018-04-03T23:05:14", 2, "31.20 USD", "paid", _963("USD")),
}  # fmt: skip

UNREADABLE = {
    ("woo-android/2201_detailed.json", 0): ("2201", LOCAL_TIME),
    (ALL, 3): ("2201", LOCAL_TIME),
    ("woo-ios/wcpay-charge-card-present.json", 0): (
        "ch_3KMVap2EdyGr1FMV1uKJEWtg",
        "The order does not have the shape of its format: Expected `array | null`, got `object` at `$.refunds`.",
    ),
}
DRAFTS = {(f"woo-ios/{name}.json", 0) for name in ("broken-order", "broken-orders", "order-auto-draft-status")}
MALFORMED = {
    (f"woo-ios/{name}.json", 0)
    for name in ("order-shipping-labels", "order-with-deleted-refunds", "order-with-line-item-attributes")
}
OTHERS = {"woo-fluxc/wc-order-shipment-trackings-success.json": 2, "woo-ios/order-statuses.json": 8}


def items(file: str) -> list[bytes]:
    """The items of a file as a sender posts them: one object, or the elements of an array."""
    text = (DATA / file).read_text()
    text = re.sub(r"\{\{#assign.*?\{\{/assign\}\}", "", text).replace("{{currentYear}}", "2019")
    text = re.sub(r"\{\{fnow[^}]*\}\}", "2019-11-01T10:00:00", text)
    try:
        content = json.loads(text)
    except ValueError:
        return [text.encode()]
    if isinstance(content, dict) and "response" in content:
        content = content["response"]["jsonBody"]
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        content = content["data"]
    return [json.dumps(each).encode() for each in (content if isinstance(content, list) else [content])]


@pytest.mark.parametrize(("file", "index"), TABLE)
def test_each_published_order_is_imported_or_held_as_reviewed(file: str, index: int) -> None:
    """Its id, number, version and figures are exact; its contradictions are named with their amounts."""
    order_id, reference, changed, lines, total, status, contradiction = TABLE[file, index]
    version = changed and f"{changed}.000000Z"
    raw = items(file)[index]
    assert identify(raw) == Identified(order_id, version)
    order = read("web", raw)
    assert isinstance(order, Order), order
    assert (order.order_id, order.reference, order.version) == (order_id, reference, version)
    assert (len(order.lines), str(order.total), order.financial_status.value) == (lines, total, status)
    assert prove(order).sentence == contradiction
    assert not prove(order).remarks


@pytest.mark.parametrize(("file", "index"), UNREADABLE)
def test_what_lacks_a_part_of_an_order_is_named_and_says_which(file: str, index: int) -> None:
    """Orders without their time in UTC, and a charge of WooPayments."""
    raw = items(file)[index]
    order_id, reason = UNREADABLE[file, index]
    assert identify(raw) == Identified(order_id, "")
    assert read("web", raw) == Unreadable(reason)


@pytest.mark.parametrize(("file", "index"), sorted(DRAFTS))
def test_published_drafts_are_not_orders(file: str, index: int) -> None:
    """`draft` and `auto-draft`, the second of them with all the figures of an order."""
    assert isinstance(identify(items(file)[index]), NotAnOrder)


@pytest.mark.parametrize(("file", "index"), sorted(MALFORMED))
def test_published_json_that_is_malformed_is_refused(file: str, index: int) -> None:
    """Commas before closing brackets, kept on purpose by their authors."""
    raw = items(file)[index]
    reason = "The payload is not one well-formed JSON object."
    assert identify(raw) == Unidentifiable(reason)
    assert read("web", raw) == Unreadable(reason)


@pytest.mark.parametrize("file", OTHERS)
def test_trackings_and_statuses_name_no_order(file: str) -> None:
    """They have no id of an order."""
    found = items(file)
    assert len(found) == OTHERS[file]
    assert all(isinstance(identify(raw), Unidentifiable) for raw in found)


def test_the_table_names_every_published_order() -> None:
    """A file that is added to the folders has to be reviewed."""
    found = {
        (file, index)
        for path in DATA.glob("woo-*/*.json")
        for file in [f"{path.parent.name}/{path.name}"]
        if file not in OTHERS
        for index, raw in enumerate(items(file))
        if b'"line_items"' in raw or (file, index) in MALFORMED
    }
    assert found == TABLE.keys() | UNREADABLE.keys() | DRAFTS | MALFORMED


def test_order_727_has_the_figures_that_were_published() -> None:
    """6.00 and 12.00 of goods with 0.45 and 0.90 of State Tax, and 10.00 of shipping, by bank transfer."""
    order = read("web", items("woo-docs/order_727_get.json")[0])
    assert isinstance(order, Order)
    assert [str(line.gross.shop) for line in order.lines] == ["6.00 USD", "12.00 USD"]
    assert [str(tax.amount.shop) for line in order.lines for tax in line.taxes] == ["0.45 USD", "0.90 USD"]
    assert {tax.name for line in order.lines for tax in line.taxes} == {"State Tax"}
    assert [(line.sku, line.title) for line in order.lines] == [
        (None, "Woo Single #1"),
        ("Bar3", "Ship Your Idea \u2013 Color: Black, Size: M Test"),
    ]
    assert [(each.service, str(each.gross.shop)) for each in order.shipping_lines] == [("flat_rate", "10.00 USD")]
    assert [(each.gateway, each.amount) for each in order.payments] == [("bacs", Money(Decimal("29.35"), "USD"))]
    assert order.placed_at.isoformat() == "2017-03-22T19:28:02+00:00"


def test_what_is_odd_about_the_others_is_read_as_it_is_meant() -> None:
    """A SKU that is a number, 1.5 pieces, deleted products, a renewal in test mode, and a whole refund."""
    odd = read("web", items("woo-ios/order-alternative-types.json")[0])
    assert isinstance(odd, Order)
    assert [(line.sku, line.quantity) for line in odd.lines] == [("123", 2), ("5555-A", Decimal("1.5"))]
    gone = read("web", items(ALL)[18])
    assert isinstance(gone, Order)
    assert [line.sku for line in gone.lines] == [None] * 3
    renewal = read("web", items("woo-ios/order-with-subscription-renewal.json")[0])
    assert isinstance(renewal, Order)
    assert (renewal.test, renewal.tags) == (True, ("created_via:subscription", "subscription_renewal"))
    assert [(each.id, each.tender) for each in renewal.payments] == [("pi_3MyI8TFmpgWy4Lrl0rLQ6JZD", Tender.MONEY)]
    back = read("web", items("woo-ios/order-fully-refunded.json")[0])
    assert isinstance(back, Order)
    assert [(each.id, each.refunded) for each in back.refunds or ()] == [("622", (Money(Decimal("223.71"), "USD"),))]
