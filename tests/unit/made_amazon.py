"""Amazon orders of both APIs made for tests, by hand: as a flow gathers them, small, consistent, and about nobody."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.formats.amazon import read
from flows.model.order import Order

encode = msgspec.json.encode
US, DE, JP = "ATVPDKIKX0DER", "A1PA6795UKMFR9", "A1VC38T7YXB528"


def usd(amount: str, currency: str = "USD") -> dict[str, str]:
    """An amount of v0."""
    return {"CurrencyCode": currency, "Amount": amount}


def item(**changes: Any) -> dict[str, Any]:
    """Two mugs for 20.00, and 1.60 of tax."""
    fields: dict[str, Any] = {
        "ASIN": "B000000001", "OrderItemId": "05015851154158", "SellerSKU": "MUG-BLUE", "Title": "Mug",
        "QuantityOrdered": 2, "QuantityShipped": 0, "ItemPrice": usd("20.00"), "ItemTax": usd("1.60"),
        "PromotionDiscount": usd("0.00"), "IsGift": "false",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def payload(**changes: Any) -> dict[str, Any]:
    """An order of v0 with its parts gathered; a change of None drops the field."""
    fields: dict[str, Any] = {
        "AmazonOrderId": "902-1845936-5435065", "PurchaseDate": "2026-11-20T08:00:00Z",
        "LastUpdateDate": "2026-11-20T09:00:00Z", "OrderStatus": "Unshipped", "FulfillmentChannel": "MFN",
        "SalesChannel": "Amazon.com", "MarketplaceId": US, "ShipServiceLevel": "Std US D2D Dom",
        "OrderTotal": usd("21.60"), "PaymentMethod": "Other", "PaymentMethodDetails": ["Standard"],
        "IsReplacementOrder": False, "IsBusinessOrder": False, "IsPrime": False, "OrderItems": [item()],
        "ShippingAddress": {
            "Name": "Ada Moss", "AddressLine1": "1 Elm Street", "AddressLine2": "Floor 2", "AddressLine3": "Door 3",
            "City": "Austin", "StateOrRegion": "TX", "PostalCode": "78701", "CountryCode": "US", "Phone": "555",
        },
        "BuyerInfo": {"BuyerEmail": "x1y2@marketplace.amazon.com", "BuyerName": "Ada Moss"},
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def made(**changes: Any) -> Order:
    """The order that such a payload is read as."""
    order = read("amazon", encode(payload(**changes)))
    assert isinstance(order, Order), order
    return order


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    """An amount of 2026-01-01."""
    return {"amount": amount, "currencyCode": currency}


def part(kind: str, amount: str, **details: str) -> dict[str, Any]:
    """A part of the proceeds, and what it is on."""
    detailed = [{"subtype": on, "value": money(value)} for on, value in details.items()]
    return {"type": kind, "subtotal": money(amount)} | ({"detailedBreakdowns": detailed} if detailed else {})


def item_2026(*parts: dict[str, Any], total: str = "21.60", **changes: Any) -> dict[str, Any]:
    """Two mugs for 20.00, and 1.60 of tax, unless there are other parts."""
    fields: dict[str, Any] = {
        "orderItemId": "05015851154158", "quantityOrdered": 2,
        "product": {"title": "Mug", "sellerSku": "MUG-BLUE", "price": {"unitPrice": money("10.00")}},
        "proceeds": {
            "proceedsTotal": money(total),
            "breakdowns": list(parts) or [part("ITEM", "20.00"), part("TAX", "1.60", ITEM="1.60")],
        },
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def payload_2026(*parts: dict[str, Any], total: str = "21.60", **changes: Any) -> dict[str, Any]:
    """An order of 2026-01-01 with everything included, and these parts of its own."""
    proceeds: dict[str, Any] = {"grandTotal": money(total)}
    if parts:
        proceeds["breakdowns"] = list(parts)
    fields: dict[str, Any] = {
        "orderId": "902-1845936-5435065", "createdTime": "2026-11-20T08:00:00Z",
        "lastUpdatedTime": "2026-11-20T09:00:00Z", "proceeds": proceeds, "orderItems": [item_2026()],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": US},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT",
                        "fulfillmentServiceLevel": "STANDARD"},
        "buyer": {"buyerName": "Ada Moss", "buyerEmail": "x1y2@marketplace.amazon.com"},
        "recipient": {"deliveryAddress": {"name": "Ada Moss", "addressLine1": "1 Elm Street", "city": "Austin",
                                          "stateOrRegion": "Texas", "postalCode": 78701, "countryCode": "US"}},
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def made_2026(*parts: dict[str, Any], total: str = "21.60", **changes: Any) -> Order:
    """The order that such a payload is read as."""
    order = read("amazon", encode({"order": payload_2026(*parts, total=total, **changes)}))
    assert isinstance(order, Order), order
    return order
