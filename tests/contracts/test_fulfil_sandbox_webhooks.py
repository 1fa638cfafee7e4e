"""The Fulfil sandbox's webhooks: signed, retried for 48 hours, archived after 19 failures, and never guaranteed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import fulfil_client.client
import pytest

from connectors.fulfil.sandbox.webhooks import RETRIES_MAX, retry_after_s
from tests.contracts.door import Door, Json, Open, fixture_door, fixture_open_door, place

__all__ = ["fixture_door", "fixture_open_door"]

STOCK = "product.product.inventory_level_changed"
Received = list[tuple[dict[str, str], bytes]]


class Listener:
    """What arrives at a loopback address, and how it is answered."""

    def __init__(self) -> None:
        self.received: Received = []
        self.status = 200
        listener = self

        class Answering(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.received.append((dict(self.headers), body))
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                if listener.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture(name="listener")
def fixture_listener() -> Iterator[Listener]:
    """Somebody who listens for webhooks."""
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listener
    listener.server.shutdown()
    thread.join()
    listener.server.server_close()


def subscribe(door: Door, listener: Listener, event: str = STOCK) -> Json:
    (made,) = door.result("ir.webhook", "create", [{"event": event, "url": listener.url}])
    (row,) = door.result("ir.webhook", "read", [made], ["secret", "active", "failures", "event"])
    return row


def receive(door: Door, quantity: int = 5) -> None:
    door.control("play", {"event": "receive", "goods": [{"sku": "MUG-BLUE", "quantity": quantity}]})


def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in another thread, with a limit."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        threading.Event().wait(0.005)


def counts(door: Door) -> tuple[int, int]:
    found = door.control("webhooks")
    return found["sent"], found["failed"]


def test_a_change_of_stock_is_told_in_the_documented_shape(door: Door, listener: Listener) -> None:
    """Facts 7 (D S3): an array with product, warehouse quantities and a timestamp; event and organisation headers."""
    subscribe(door, listener)
    receive(door)
    place(door)
    until(lambda: counts(door) == (2, 0))
    headers, body = listener.received[0]
    (row,) = json.loads(body)
    assert headers["X-Fulfil-Event"] == STOCK
    assert headers["X-Fulfil-Organization"]
    level = {"warehouse_id": 4, "warehouse_code": "WH", "quantity_on_hand": 5.0, "quantity_available": 5.0}
    assert row == {
        "timestamp": row["timestamp"],
        "product_id": 157,
        "product_code": "MUG-BLUE",
        "warehouse_quantities": [level],
        "listing_quantities": [],
    }
    told = {one["product_code"]: one["warehouse_quantities"][0] for one in json.loads(listener.received[1][1])}
    assert told["MUG-BLUE"]["quantity_available"] == 3.0
    assert set(told) == {"MUG-BLUE", "LAMP-OAK"}


def test_the_signature_is_the_one_that_the_official_client_verifies(door: Door, listener: Listener) -> None:
    """Facts 7 (C S1): base64(HMAC-SHA256(base64-decoded secret, raw body)); the secret is base64 over the API."""
    secret = subscribe(door, listener)["secret"]
    receive(door)
    until(lambda: len(listener.received) == 1)
    headers, body = listener.received[0]
    given = headers["X-Fulfil-Hmac-SHA256"]
    computed = hmac.new(base64.b64decode(secret), body, hashlib.sha256).digest()
    assert given == base64.b64encode(computed).decode()
    assert fulfil_client.client.verify_webhook(body.decode(), secret, given)
    assert not fulfil_client.client.verify_webhook(body.decode() + " ", secret, given)


def test_nobody_is_told_before_there_is_a_webhook(door: Door, listener: Listener) -> None:
    """Facts 7: webhooks are created by API; only then is anything sent."""
    receive(door)
    subscribe(door, listener)
    assert door.control("webhooks") == {"waiting": 0, "sent": 0, "failed": 0}


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_answer_other_than_2xx_is_tried_again_later(door: Door, listener: Listener, status: int) -> None:
    """Facts 7 (D S3): ack must be 2xx; redirects count as failure; the tenant's clock decides when it is tried."""
    subscribe(door, listener)
    listener.status = status
    receive(door)
    until(lambda: counts(door) == (0, 1))
    assert door.control("webhooks")["waiting"] == 1
    listener.status = 200
    door.control("play", {"event": "advance", "seconds": retry_after_s(1) + 1})
    until(lambda: counts(door) == (1, 1))
    assert listener.received[0][1] == listener.received[1][1]
    assert door.control("webhooks")["waiting"] == 0


def test_19_failures_in_a_row_archive_the_webhook(door: Door, listener: Listener) -> None:
    """Facts 7 (D S3): archived after 19 consecutive failures, no alert."""
    made = subscribe(door, listener)["id"]
    listener.status = 500
    receive(door)
    for failures in range(1, 20):
        until(lambda failures=failures: counts(door) == (0, failures))  # type: ignore[misc]
        (row,) = door.result("ir.webhook", "read", [made], ["active", "failures"])
        assert (row["active"], row["failures"]) == (failures < 19, failures)
        door.control("play", {"event": "advance", "seconds": retry_after_s(failures) + 1})
    receive(door)
    assert door.control("webhooks") == {"waiting": 0, "sent": 0, "failed": 19}
    assert len(listener.received) == 19


def test_the_retries_span_48_hours() -> None:
    """Facts 7 (D S3): 19 retries over 48 hours."""
    pauses = [retry_after_s(attempt) for attempt in range(1, RETRIES_MAX + 1)]
    assert len(pauses) == 19
    assert sum(pauses) == pytest.approx(48 * 3_600)
    assert pauses == sorted(pauses)


def test_webhooks_may_be_lost_and_come_in_any_order(open_door: Open, listener: Listener) -> None:
    """Facts 7 and 12 (D S3): delivery is neither guaranteed nor ordered."""
    lossy = open_door(webhook_loss=1)
    subscribe(lossy, listener)
    receive(lossy)
    assert lossy.control("webhooks") == {"waiting": 0, "sent": 0, "failed": 0}
    door = open_door(webhook_disorder=True)
    subscribe(door, listener)
    events = [{"event": "receive", "goods": [{"sku": "MUG-BLUE", "quantity": 1}]} for _ in range(3)]
    door.control("play", events)
    until(lambda: counts(door) == (3, 0))
    figures = [json.loads(body)[0]["warehouse_quantities"][0]["quantity_on_hand"] for _, body in listener.received]
    assert figures == [3.0, 2.0, 1.0]


def test_only_this_machine_is_called(door: Door) -> None:
    """House rule: servers bind to loopback, and the sandbox calls nobody else."""
    for url in ("https://example.com/hook", "http://192.0.2.7/hook", "http://localhost.example.com/", "nonsense", ""):
        response = door.call("ir.webhook", "create", [{"event": STOCK, "url": url}])
        assert response.status_code == 400, url


def test_records_are_told_by_switch(open_door: Open, listener: Listener) -> None:
    """Facts 13.4: a hint that names the record, and nothing else."""
    door = open_door(record_events="dotted")
    subscribe(door, listener, "stock.shipment.out.created")
    place(door)
    until(lambda: counts(door) == (1, 0))
    (row,) = json.loads(listener.received[0][1])
    assert row["id"] == door.result("stock.shipment.out", "search", [])[0]
