"""onX orders made for tests, by hand: in the fields of the schema, small, consistent, and about nobody."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.formats.onx import read
from flows.model.order import Order

Json = dict[str, Any]
encode = msgspec.json.encode


def item(**changes: Any) -> Json:
    """Two mugs of 10.00; a change of None drops the field."""
    fields: Json = {
        "id": "line-1", "orderId": "ord-1001", "tenantId": "t-1", "sku": "MUG-BLUE", "name": "Mug", "quantity": 2,
        "unitPrice": 10.0, "unitDiscount": 0, "totalPrice": 20.0, "customFields": [],
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def address(**changes: Any) -> Json:
    """Where it goes."""
    fields: Json = {
        "firstName": "Ada", "lastName": "Moss", "address1": "1 Elm Street", "city": "Austin", "stateOrProvince": "TX",
        "zipCodeOrPostalCode": "78701", "country": "US", "phone": "555", "email": "ada@example.com",
    }  # fmt: skip
    return fields | changes


def payload(**changes: Any) -> Json:
    """A paid order of two mugs, with tax and without shipping; a change of None drops the field."""
    fields: Json = {
        "id": "ord-1001", "externalId": "WEB-77", "tenantId": "t-1", "name": "#1001",
        "createdAt": "2026-11-20T08:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z",
        "status": "confirmed", "paymentStatus": "paid", "currency": "USD", "lineItems": [item()],
        "subTotalPrice": 20.0, "orderTax": 1.65, "shippingPrice": 0, "totalPrice": 21.65,
        "shippingCarrier": "UPS", "shippingClass": "Ground",
        "customer": {
            "id": "cus-7", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "tenantId": "t-1",
            "firstName": "Ada", "lastName": "Moss", "email": "ada@example.com",
        },
        "billingAddress": address(), "shippingAddress": address(address1="2 Elm Street"),
        "orderSource": "website", "tags": ["vip"],
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def made(**changes: Any) -> Order:
    """The order that such a payload is read as."""
    order = read("web", encode(payload(**changes)))
    assert isinstance(order, Order), order
    return order
