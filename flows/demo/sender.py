"""The hub of the demo: delivers a part of the day over HTTP as Patchworks does, and keeps every answer it was given.

At most 32 requests are under way. What the intake cannot take now (503, 429, any other 5xx, no answer) is sent again:
after Retry-After when it says so, else with backoff, three tries a run and three runs, as a connector step and its flow
do it. A 4xx is final. What counts as acknowledged is what a 2xx has named.
Source: Patchworks' documentation of connector retries and of failed flow runs.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp
import anyio
import msgspec

from connectors.http import Session
from flows.demo.observer import OrderName
from flows.demo.traffic import Delivery

IN_FLIGHT_MAX = 32
TRIES_MAX = 9
_BACKOFF_CAP_S = 5.0
_RETRY_AFTER_MAX_S = 30.0
_PATIENCE_S = 0.002
"""How long a sender waits that hangs up: sometimes the order is stored by then, sometimes not."""
_LATER = (429, 503)


class _Result(msgspec.Struct):
    external_order_id: str
    duplicate: bool


class _Results(msgspec.Struct):
    results: list[_Result]


class Sent:
    """What was sent so far, and what was answered."""

    def __init__(self) -> None:
        self.acknowledged: Counter[OrderName] = Counter()
        """2xx answers that named the order."""
        self.statuses: Counter[str] = Counter()
        """Answers by HTTP status; `abandoned` and `lost` where none was read."""
        self.deliveries = 0
        """Deliveries that were acknowledged whole."""
        self.known = 0
        """Items that the intake knew already."""
        self.complaints: list[str] = []
        """Deliveries that were given up, and answers that named other orders than were sent."""


class Sender:
    """See the module. `send` may be called for one part of the day after the other.

    The backoff begins at `backoff_first_s` and doubles up to 5 seconds.
    """

    def __init__(self, session: Session, intake_url: str, key: str, *, backoff_first_s: float = 0.25) -> None:
        self._session, self._url, self._backoff_first_s = session, intake_url, backoff_first_s
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._answered: dict[int, anyio.Event] = {}
        self.sent = Sent()

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Send them at their times; returns when each was answered for good, or given up."""
        self._answered |= {delivery.number: anyio.Event() for delivery in deliveries}
        began, waiting = anyio.current_time(), iter(deliveries)
        async with anyio.create_task_group() as tasks:
            for _ in range(min(IN_FLIGHT_MAX, len(deliveries))):
                tasks.start_soon(self._send_next, waiting, began)

    async def _send_next(self, waiting: Iterator[Delivery], began: float) -> None:
        """One of the 32: takes the next delivery, again and again. What it waits for was taken before, so it ends."""
        for delivery in waiting:
            await anyio.sleep_until(began + delivery.at_s)
            for number in delivery.waits_for:
                await self._answered[number].wait()
            await self._deliver(delivery)
            self._answered[delivery.number].set()

    async def _deliver(self, delivery: Delivery) -> None:
        if delivery.abandons:
            with anyio.move_on_after(_PATIENCE_S), contextlib.suppress(aiohttp.ClientError):
                await self._post(delivery)
            self.sent.statuses["abandoned"] += 1
        backoff_s = self._backoff_first_s
        for _ in range(TRIES_MAX):
            wait_s = backoff_s
            try:
                status, retry_after, body = await self._post(delivery)
            except (aiohttp.ClientError, OSError):  # TimeoutError is an OSError
                self.sent.statuses["lost"] += 1
            else:
                self.sent.statuses[str(status)] += 1
                if status < 300:  # noqa: PLR2004
                    self._acknowledge(delivery, body)
                    return
                if status < 500 and status not in _LATER:  # noqa: PLR2004
                    self._complain(delivery, f"refused with HTTP {status}")
                    return
                wait_s = pause_s(retry_after, backoff_s)
            await anyio.sleep(wait_s)
            backoff_s = min(_BACKOFF_CAP_S, 2 * backoff_s)
        self._complain(delivery, f"given up after {TRIES_MAX} tries")

    async def _post(self, delivery: Delivery) -> tuple[int, str | None, bytes]:
        url = f"{self._url}/v1/orders/{delivery.sales_channel}"
        async with self._session.post(url, data=delivery.body, headers=self._headers) as answer:
            return answer.status, answer.headers.get("Retry-After"), await answer.read()

    def _acknowledge(self, delivery: Delivery, body: bytes) -> None:
        shape: Any = _Results if len(delivery.order_ids) > 1 else _Result
        try:
            answer = msgspec.json.decode(body, type=shape)
        except msgspec.DecodeError:
            self._complain(delivery, "answered with 2xx and a body that names no order")
            return
        results = answer.results if isinstance(answer, _Results) else [answer]
        if tuple(result.external_order_id for result in results) != delivery.order_ids:
            self._complain(delivery, "answered with 2xx for other orders than were sent")
            return
        self.sent.deliveries += 1
        for result in results:
            self.sent.acknowledged[delivery.sales_channel, result.external_order_id] += 1
            self.sent.known += result.duplicate

    def _complain(self, delivery: Delivery, what: str) -> None:
        self.sent.complaints.append(f"delivery {delivery.number} to {delivery.sales_channel} was {what}")


def pause_s(retry_after: str | None, backoff_s: float) -> float:
    """How long to wait before the next try: what Retry-After asks for, at most 30 seconds, else the backoff."""
    if retry_after is None or not retry_after.isdecimal():
        return backoff_s
    return min(float(retry_after), _RETRY_AFTER_MAX_S)
