"""Webhooks out: who is told, what they are told, and how often it is tried.

Facts 7: a POST with `X-Fulfil-Event`, `X-Fulfil-Organization` and `X-Fulfil-Hmac-SHA256`, which is base64 of the
HMAC-SHA256 of the raw body under the base64-decoded secret; an answer other than 2xx within 5 s, a redirect among them,
is a failure; 19 retries over 48 hours; archived after 19 failures in a row. Delivery is neither guaranteed nor ordered.
The one documented event is `product.product.inventory_level_changed`; others are a switch. Only loopback is called.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import anyio
import msgspec

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import encode
from connectors.fulfil.sandbox.fields import Fields, Model, chars, of_kind, own
from connectors.fulfil.sandbox.records import Webhook
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.tables import Table
from connectors.fulfil.sandbox.transaction import SECOND, Happened
from runtime.clock import Instant, to_datetime

STOCK_EVENT: Final = "product.product.inventory_level_changed"
ORGANIZATION: Final = "sandbox"
ACK_WITHIN_S: Final = 5
RETRIES_MAX: Final = 19
FAILURES_MAX: Final = 19
RETRIES_OVER_S: Final = 48 * 3_600
WAITING_MAX: Final = 10_000
"""Most deliveries that wait; the oldest are lost first."""
LOOKS_AGAIN_S: Final = 3_600
_SHORT: Final = {"sale.sale": "order", "stock.shipment.out": "shipment"}


class Delivery(msgspec.Struct):
    """One body for one webhook, and when it is to be tried (next)."""

    webhook: int
    event: str
    body: bytes
    due: Instant
    attempt: int = 0


def webhook_model(table: Table[Webhook], fields: Fields) -> Model:
    """ir.webhook, or by the name of the switch `webhook_model`."""
    own_fields = fields.every(
        lambda row: row.event,
        *chars("event", "url", "secret"),
        *of_kind("boolean", "active"),
        own("failures", "integer"),
    )
    return Model(fields.config.webhook_model, table, own_fields)


def check_webhook(books: Books, *, event: str, url: str) -> None:
    """Raises UserError for an event nobody knows, or an address that is not on this machine."""
    if event not in known_events(books):
        raise UserError(f"There is no event {event}.")
    if not is_loopback(url):
        raise UserError("This stand-in calls the machine it runs on, and nobody else.")


def add_webhook(books: Books, *, event: str, url: str) -> int:
    """Tell `url` of an event from now on. The caller has called `check_webhook`."""
    id_ = books.webhooks.new_id()
    secret = base64.b64encode(hashlib.sha256(f"webhook {id_} {books.config.seed}".encode()).digest()).decode()
    books.webhooks.add(Webhook(id=id_, create_date=books.now, event=event, url=url, secret=secret))
    books.transaction.is_watched = True
    return id_


def is_loopback(url: str) -> bool:
    """Whether an address is plain HTTP to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def known_events(books: Books) -> frozenset[str]:
    """The events that the tenant knows."""
    names = {event_name(books, model, what) for model in _SHORT for what in ("created", "updated", "done", "cancelled")}
    return frozenset({STOCK_EVENT, *(name for name in names if name)})


def event_name(books: Books, model: str, what: str) -> str | None:
    """What the event of a record is called, by the switch `record_events`."""
    style = books.config.record_events
    if style == "none" or model not in _SHORT:
        return None
    return f"{model if style == 'dotted' else _SHORT[model]}.{what}"


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Fulfil-Hmac-SHA256`."""
    return base64.b64encode(hmac.digest(base64.b64decode(secret), body, "sha256")).decode()


def retry_after_s(attempt: int) -> float:
    """How long after the failed attempt of this number (1 to 19) the next is made: 48 hours in all, ever longer."""
    squares = RETRIES_MAX * (RETRIES_MAX + 1) * (2 * RETRIES_MAX + 1) / 6
    return RETRIES_OVER_S * attempt**2 / squares


class Webhooks:
    """The outbox of one sandbox, and the sender that empties it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.waiting: list[Delivery] = []
        self.sent = 0
        self.failed = 0
        self._count = 0
        self._more = anyio.Event()

    def collect(self) -> None:
        """Take what the last call made happen, and wake the sender."""
        transaction = self.books.transaction
        if not transaction.is_watched:
            return
        stock, happened = transaction.stock_changed, transaction.happened
        transaction.stock_changed, transaction.happened = {}, []
        if stock:
            self._put(STOCK_EVENT, self._levels(list(stock)))
        for one in happened:
            name = event_name(self.books, one.model, one.what)
            if name is not None:
                self._put(name, [self._record(one)])
        self.wake()

    def wake(self) -> None:
        """Let the sender look again, because something is due or the clock was advanced."""
        self._more.set()

    def _put(self, event: str, payload: Any) -> None:
        body = encode(payload)
        for webhook in self.books.webhooks:
            if webhook.active and webhook.event == event and not self._is_lost():
                self.waiting.append(Delivery(webhook.id, event, body, self.books.now))
        del self.waiting[:-WAITING_MAX]

    def _is_lost(self) -> bool:
        self._count += 1
        drawn = hashlib.blake2b(b"%d/%d" % (self.books.config.seed, self._count), digest_size=8).digest()
        return int.from_bytes(drawn) / 2**64 < self.books.config.webhook_loss

    def _levels(self, changed: list[tuple[int, int]]) -> Any:
        stock = self.books.stock
        products: dict[int, list[Any]] = {product: [] for product, _ in changed}
        for product, warehouse in changed:
            row = {
                "warehouse_id": warehouse,
                "warehouse_code": stock.locations[warehouse].code,
                "quantity_on_hand": float(stock.on_hand(product, [warehouse])),
                "quantity_available": float(stock.available(product, [warehouse])),
            }
            products[product].append(row)
        return [
            {
                "timestamp": self._stamp(),
                "product_id": product,
                "product_code": self.books.products[product].code,
                "warehouse_quantities": rows,
                "listing_quantities": [],
            }
            for product, rows in products.items()
        ]

    def _record(self, one: Happened) -> Any:
        """Our choice of a payload: it names the record and nothing else, so that it can only be a hint."""
        return {"timestamp": self._stamp(), "model": one.model, "id": one.id}

    def _stamp(self) -> str:
        return to_datetime(self.books.now).isoformat()

    async def run(self) -> None:
        """Send what is due, for ever. Cancelled, it leaves the outbox as it is."""
        timeout = aiohttp.ClientTimeout(total=ACK_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                self._more = anyio.Event()
                now = self.books.transaction.time()
                due = [one for one in self.waiting if one.due <= now]
                for one in reversed(due) if self.books.config.webhook_disorder else due:
                    await self._try(session, one)
                if due:
                    continue
                pause_s = min([LOOKS_AGAIN_S, *((one.due - now) / SECOND for one in self.waiting)])
                with anyio.move_on_after(pause_s):
                    await self._more.wait()

    async def _try(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        webhook = self.books.webhooks.get(delivery.webhook)
        if webhook is None or not webhook.active:
            self._forget(delivery)
            return
        headers = {
            "Content-Type": "application/json",
            "X-Fulfil-Event": delivery.event,
            "X-Fulfil-Organization": ORGANIZATION,
            "X-Fulfil-Hmac-SHA256": signature(webhook.secret, delivery.body),
        }
        try:
            async with session.post(webhook.url, data=delivery.body, headers=headers, allow_redirects=False) as answer:
                acknowledged = answer.ok and answer.status < 300  # noqa: PLR2004 - 2xx
        except (aiohttp.ClientError, OSError):
            acknowledged = False
        self._note(delivery, webhook, acknowledged=acknowledged)

    def _note(self, delivery: Delivery, webhook: Webhook, *, acknowledged: bool) -> None:
        delivery.attempt += 1
        if acknowledged:
            self.sent += 1
            webhook.failures = 0
        else:
            self.failed += 1
            webhook.failures += 1
            webhook.active = webhook.active and webhook.failures < FAILURES_MAX
            if webhook.active and delivery.attempt <= RETRIES_MAX:
                later = round(retry_after_s(delivery.attempt) * SECOND)
                delivery.due = Instant(self.books.transaction.time() + later)
                return
        self._forget(delivery)

    def _forget(self, delivery: Delivery) -> None:
        self.waiting = [one for one in self.waiting if one is not delivery]
