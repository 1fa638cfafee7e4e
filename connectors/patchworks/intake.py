"""Where orders come in: `POST /v1/orders/{sales_channel}`, one JSON object or an array of them.

A 2xx is given only after every item is on disk. What cannot be accepted is refused whole, with nothing stored, and with
a body that a Patchworks response script can read: `{"error": {"code", "message", "retry": "never" | "later"}}`. A
paused sales channel is accepted like any other: it waits on disk.

Patchworks has no delivery id and repeats freely (its step, its flow, a person), so a repeat is recognised by the
business key, the version and the bytes. It may wrap one order in an array or not, so both are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, Literal

import msgspec
from aiohttp import web

from connectors.contract import Identify
from connectors.patchworks.admission import SignedAdmission
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.items import BUSY_RETRY_S, JSON, Items, Refusal, body_of, later, never
from runtime.clock import Clock
from runtime.delivery import Accept, Delivery, Receipt
from runtime.errors import Stop, StoreFull
from runtime.http import bytes_to_come
from runtime.telemetry.events import DeliveriesAccepted, RequestRefused
from runtime.testing import crash

_STORE_RETRY_S: Final = 30
_SMALLER: Final = "send smaller batches, or raise that for a single order"
_UNAUTHORISED: Final = "Nothing in the headers proves who is sending; check the authentication of the connector."

Pressure = Callable[[], float | None]
"""Seconds after which the sender should come again, while nothing can be taken (a drain, a full queue); else None."""


# -- what goes over the wire -------------------------------------------------------------------------------------------


class ItemAccepted(msgspec.Struct, frozen=True):
    """The result of one item. `reference` names the delivery in our journal; a repeat gets the first one's."""

    status: Literal["accepted"]
    external_order_id: str
    duplicate: bool
    reference: str


class ArrayAccepted(msgspec.Struct, frozen=True):
    """The results of an array, in its order."""

    results: list[ItemAccepted]


# -- the route ---------------------------------------------------------------------------------------------------------


def intake_routes(
    settings: IntakeSettings,
    *,
    sales_channels: Collection[str],
    admission: SignedAdmission,
    identify: Identify,
    accept: Accept,
    clock: Clock,
    emit: Callable[[object], None],
    pressure: Pressure,
) -> list[web.RouteDef]:
    """The intake's routes, for `runtime.http.application`. `sales_channels` are those that may be named in the path.

    `admission` is asked before a body is read, and again with the body. `accept` is the journal's group commit.
    `pressure` is asked before a body is read. `emit` receives one
    `DeliveriesAccepted` or `RequestRefused` per request; its partition is the sales channel, or empty when the path
    names none that is known or nobody has proved to be the sender.
    """
    intake = _Intake(
        settings,
        sales_channels=sales_channels,
        admission=admission,
        identify=identify,
        accept=accept,
        clock=clock,
        emit=emit,
        pressure=pressure,
    )
    # A route for each: a fixed path is found by one look-up, a pattern by several. The pattern is for all others.
    known = [web.post(f"/v1/orders/{name}", partial(intake.receive, name)) for name in sales_channels]
    return [*known, web.post("/v1/orders/{sales_channel}", partial(intake.receive, ""))]


class _Intake:
    """The steps of one request, cheapest refusal first."""

    def __init__(
        self,
        settings: IntakeSettings,
        *,
        sales_channels: Collection[str],
        admission: SignedAdmission,
        identify: Identify,
        accept: Accept,
        clock: Clock,
        emit: Callable[[object], None],
        pressure: Pressure,
    ) -> None:
        self._settings = settings
        self._admission = admission
        rate = settings.requests_per_s_max
        self._gates = {name: _RateGate(rate) if rate is not None else None for name in sales_channels}
        self._items = Items(identify, items_max=settings.items_max)
        self._accept = accept
        self._clock = clock
        self._emit = emit
        self._pressure = pressure
        self._bodies_bytes = 0

    async def receive(self, sales_channel: str, request: web.Request) -> web.Response:
        """Answer one delivery request for a sales channel; an empty name is one that is not known."""
        began = self._clock.monotonic()
        partition, reserved = "", 0
        try:
            self._admit(request, sales_channel)
            partition = sales_channel
            self._check_now(request, partition)
            reserved = self._reserve(request)
            body = await body_of(request, self._settings, instead=_SMALLER)
            if not self._admission.vouches(request, body):
                partition = ""
                raise never(401, "unauthorised", _UNAUTHORISED)
            taken = await self._items.read(partition, body, self._clock.now())
            receipts = await self._store(taken.deliveries)
        except Refusal as refusal:
            self._emit(RequestRefused(partition, refusal.body.code))
            return refusal.response()
        finally:
            self._bodies_bytes -= reserved
        new = sum(receipt.new for receipt in receipts)
        if receipts:
            self._emit(DeliveriesAccepted(partition, new, len(receipts) - new, self._clock.monotonic() - began))
            crash.reach("intake.before_answer")
        results = [
            ItemAccepted("accepted", order_id, not receipt.new, str(receipt.id))
            for order_id, receipt in zip(taken.order_ids, receipts, strict=True)
        ]
        answer = msgspec.json.encode(results[0] if taken.single else ArrayAccepted(results))
        return web.Response(status=201 if taken.single and new else 200, body=answer, headers=JSON)

    def _admit(self, request: web.Request, sales_channel: str) -> None:
        """Refuse who has not proved to be one of ours, and a sales channel that is none."""
        if not self._admission.admits(request):
            raise never(401, "unauthorised", _UNAUTHORISED)
        if not sales_channel:
            raise never(404, "sales_channel_unknown", "This sales channel is not configured here; check the path.")

    def _check_now(self, request: web.Request, sales_channel: str) -> None:
        """Refuse what the headers already rule out, and everything while nothing can be taken."""
        check_content(request)
        gate = self._gates[sales_channel]
        wait_s = gate.wait_s(self._clock.monotonic()) if gate is not None else 0.0
        if wait_s > 0:
            raise later(429, "rate_limited", "This sales channel sends faster than it may; come again later.", wait_s)
        pressure_s = self._pressure()
        if pressure_s is not None:
            raise later(503, "busy", "Nothing can be taken at the moment; nothing was stored.", pressure_s)

    def _reserve(self, request: web.Request) -> int:
        """Room for a body that is not here yet, in the one budget of memory of all that are not on disk yet."""
        reserved = bytes_to_come(request, bytes_max=self._settings.body_bytes_max)
        if reserved and self._bodies_bytes + reserved > self._settings.bodies_bytes_max:
            raise later(503, "busy", "Too many large bodies are here at once; nothing was stored.", BUSY_RETRY_S)
        self._bodies_bytes += reserved
        return reserved

    async def _store(self, deliveries: list[Delivery]) -> Sequence[Receipt]:
        """The receipts, once all deliveries are on disk."""
        if not deliveries:
            return ()
        crash.reach("intake.before_journal")
        try:
            return await self._accept(deliveries)
        except StoreFull:
            message = "The store has no room; nothing was stored."
            raise later(503, "store_full", message, _STORE_RETRY_S) from None
        except Stop:  # its owner ends the process; this sender is only told to come again
            message = "The store cannot take anything; nothing is promised about this request, so send it again."
            raise later(503, "stopping", message, _STORE_RETRY_S) from None


class _RateGate:
    """Lets `per_s` requests through per second, and at most a second's worth at once."""

    __slots__ = ("_burst", "_left", "_per_s", "_seen")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s)
        self._left = self._burst
        self._seen = -math.inf

    def wait_s(self, now_s: float) -> float:
        """0 when the request may pass (and it is counted), else the seconds until one may."""
        self._left = min(self._burst, self._left + (now_s - self._seen) * self._per_s)
        self._seen = now_s
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._per_s


# -- small pure parts --------------------------------------------------------------------------------------------------


def check_content(request: web.Request) -> None:
    """Refuse what is compressed or is not JSON.

    A missing Content-Type is taken as JSON: headers are typed by hand in the connector builder of Patchworks, and the
    body itself tells. A charset other than UTF-8 is refused, since it would change names without anybody noticing.
    """
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise never(415, "content_encoding_unsupported", "Send the body without Content-Encoding.")
    content_type = request.headers.get("Content-Type")
    if content_type is None or content_type == "application/json":
        return
    kind = request.content_type
    json = kind in ("application/json", "text/json") or (kind.startswith("application/") and kind.endswith("+json"))
    if not json or (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise never(415, "content_type_unsupported", "Send JSON in UTF-8, with Content-Type: application/json.")
