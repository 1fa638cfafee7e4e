"""A running Fulfil sandbox, as tests reach it: by HTTP, with its books and controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import requests
from anyio.from_thread import start_blocking_portal

from connectors.fulfil.sandbox import RunningSandbox, SandboxConfig, open_sandbox

Json = Any
PRODUCTS = [
    {"sku": "MUG-BLUE", "name": "Blue mug", "price": "24.50"},
    {"sku": "LAMP-OAK", "name": "Oak lamp", "price": "80.00"},
    {"sku": "GONE-1", "name": "Gone", "active": False},
]


class Door:
    """A plain HTTP session to one running sandbox."""

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self.url = running.url
        self.session = requests.Session()
        self.session.headers["X-API-KEY"] = "sandbox-token"

    def ask(self, verb: str, path: str, body: Json = None, **kwargs: Any) -> requests.Response:
        if body is not None:
            kwargs["data"] = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.session.request(verb, f"{self.url}/api/v2/{path}", timeout=10, **kwargs)

    def call(self, model: str, method: str, *arguments: Json, **kwargs: Any) -> requests.Response:
        return self.ask("PUT", f"model/{model}/{method}", list(arguments), **kwargs)

    def result(self, model: str, method: str, *arguments: Json, **kwargs: Any) -> Json:
        response = self.call(model, method, *arguments, **kwargs)
        assert response.status_code == 200, response.text
        return response.json()

    def control(self, path: str, body: Json = None) -> Json:
        if body is None:
            response = self.session.get(f"{self.url}/sandbox/{path}", timeout=10)
        else:
            response = self.session.post(f"{self.url}/sandbox/{path}", json=body, timeout=10)
        assert response.status_code == 200, response.text
        return response.json()


Open = Callable[..., Door]


@pytest.fixture(name="open_door")
def fixture_open_door() -> Iterator[Open]:
    """Starts sandboxes in a thread of their own, and stops them after the test."""
    with start_blocking_portal() as portal:
        doors: list[Any] = []

        def start(**given: Any) -> Door:
            config = msgspec.structs.replace(SandboxConfig(port=0, requests_per_s=0), **given)
            manager = portal.wrap_async_context_manager(open_sandbox(config))
            door = Door(manager.__enter__())
            doors.append((door, manager))
            door.control("products", PRODUCTS)
            return door

        yield start
        for door, manager in doors:
            door.session.close()
            manager.__exit__(None, None, None)


@pytest.fixture(name="door")
def fixture_door(open_door: Open) -> Door:
    """One sandbox without rate limit and faults."""
    return open_door()


def amount(text: str) -> Json:
    return {"__class__": "Decimal", "decimal": text}


def order(identifier: str = "shop-100045", **changes: Json) -> Json:
    """The order of the facts' worked example, with changes."""
    address = {
        "name": "Ada Moss",
        "address1": "1 Elm St",
        "address2": "",
        "city": "Austin",
        "zip": "78701",
        "subdivision_code": "TX",
        "country_code": "US",
        "email": "ada@example.com",
        "phone": "+1 555 0100",
        "channel_identifier": "addr-9",
    }
    mug_tax = {"name": "TX Sales Tax", "rate": 0.08, "amount": 3.92}
    mug = {"channel_identifier": "L1", "sku": "MUG-BLUE", "quantity": 2, "unit_price": amount("24.50")}
    lamp = {"channel_identifier": "L2", "sku": "LAMP-OAK", "quantity": 1, "unit_price": amount("80.00")}
    shipping = {"channel_identifier": "S1", "carrier_service_code": "ups_ground", "amount": amount("6.00")}
    payment = {"amount": amount("145.32"), "method": "stripe", "state": "success", "provider_reference": "ch_abc123"}
    return {
        "channel_identifier": identifier,
        "reference": "#100045",
        "confirmed_at": "2026-11-20T14:03:11+00:00",
        "customer": {"name": "Ada Moss", "contacts": [["email", "ada@example.com"], ["phone", "+1 555 0100"]]},
        "billing_address": address,
        "shipping_address": address,
        "sale_lines": [
            {**mug, "amount": amount("49.00"), "tax_lines": [mug_tax]},
            {**lamp, "amount": amount("80.00"), "tax_lines": [{**mug_tax, "amount": 6.40}]},
        ],
        "shipping_lines": [{**shipping, "description": "Standard", "tax_lines": []}],
        "payments": [payment],
        "amount": amount("145.32"),
        "currency_code": "USD",
        "status": "pending",
        "financial_status": "paid",
        "fulfillment_status": "unshipped",
        **changes,
    }


def place(door: Door, identifier: str = "shop-100045", **changes: Json) -> requests.Response:
    return door.call("sale.channel", "create_order", 3, order(identifier, **changes))


def sale(door: Door, identifier: str = "shop-100045") -> Json:
    (found,) = [one for one in door.control("books")["sales"] if one["channel_identifier"] == identifier]
    return found
