"""Deliveries to us by real HTTP, with Patchworks' habits (facts 3.2).

A connector step tries once and then 0 to 2 times more. Rejected credentials make it log in again once, which counts as
no try. Anything but 2xx fails the step, unless the step allows it or a response script says otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from http import HTTPStatus
from typing import Any, Literal

import aiohttp
import anyio
import msgspec
from yarl import URL

from connectors.patchworks.sandbox.config import Switches
from connectors.patchworks.sandbox.flow_config import FlowSeed, Receive, Send, Target, check_loopback
from connectors.patchworks.sandbox.records import Item
from connectors.patchworks.sandbox.shapes import wrapped
from runtime.testing.faults import FaultPlan

Verdict = Literal["done", "failed", "failed_queue_retry", "failed_for_good"]
_VERDICTS: dict[int, Verdict] = {0: "done", 2: "failed_queue_retry", 3: "failed_for_good"}
_AGAIN, _LOG_IN = 1, 4
_TEXT_MAX = 300
RETRY_AFTER_S_MAX = 30.0
CONNECT_TIMEOUT_S = 10.0


class Told(msgspec.Struct, frozen=True):
    """What came of one attempt: a status, or None with the reason why there is none."""

    status: int | None
    text: str = ""
    retry_after_s: float | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of a payload at a connector step, after all its tries."""

    verdict: Verdict
    message: str
    tries: int


class Delivery:
    """Speaks to the target. One instance holds one session and the token it was given."""

    def __init__(self, target: Target, switches: Switches, plan: FaultPlan, session: aiohttp.ClientSession) -> None:
        self.target = target
        self.attempts: Counter[str] = Counter()
        """Attempts by flow and status, as `4310 201`; `timeout`, `not_sent` and `lost` where there was none."""
        self.arrived: Counter[str] = Counter()
        """How often each business key was answered with 2xx, whether or not the sandbox got to know."""
        self._switches = switches
        self._plan = plan
        self._session = session
        self._token: str | None = None

    def aim(self, url: str) -> None:
        """Deliver somewhere else from now on. Raises ValueError unless it is this machine."""
        check_loopback(url)
        self.target = msgspec.structs.replace(self.target, url=url)
        self._token = None

    async def send(self, flow: FlowSeed, send: Send, item: Item) -> Outcome:
        """Deliver one payload, in as many tries as the step has."""
        body = wrapped(item, send)
        tries, logged_in = 0, False
        while True:
            tries += 1
            told = await self._attempt(flow, send, item, body)
            code = self._judged(send, told)
            if code == _LOG_IN and not logged_in:
                logged_in, tries = True, tries - 1
                self._token = None
                continue
            if code in _VERDICTS:
                return Outcome(_VERDICTS[code], _told(told), tries)
            if tries > send.retries:
                return Outcome("failed", _told(told), tries)
            await anyio.sleep(self._pause_s(told))

    def _judged(self, send: Send, told: Told) -> int:
        """The code of the first rule of the response script that fits, else what happens without a script."""
        for rule in send.response_script:
            fits = told.status is not None and rule.status_from <= told.status <= rule.status_to
            if fits and rule.body_has in told.text:
                return rule.code
        if told.status is None:
            return _AGAIN
        if told.status == HTTPStatus.UNAUTHORIZED:
            return _LOG_IN
        return 0 if told.status < HTTPStatus.MULTIPLE_CHOICES or send.allow_unsuccessful_statuses else _AGAIN

    def _pause_s(self, told: Told) -> float:
        if self._switches.honours_retry_after and told.retry_after_s is not None:
            return min(told.retry_after_s, RETRY_AFTER_S_MAX)
        return self._switches.retry_backoff_ms / 1_000

    async def _attempt(self, flow: FlowSeed, send: Send, item: Item, body: bytes) -> Told:
        """One try, with what the fault plan has for it."""
        fate = self._plan.fate(f"deliver/{flow.id}", ",".join(item.keys).encode())
        if fate.latency_ms:
            await anyio.sleep(fate.latency_ms / 1_000)
        if fate.kind == "reset_before":
            self.attempts[f"{flow.id} not_sent"] += 1
            return Told(None, "cURL error 7: Failed to connect")
        if fate.kind in {"throttle", "server_error"}:
            status = 429 if fate.kind == "throttle" else 503
            self.attempts[f"{flow.id} not_sent"] += 1
            return Told(status, "", fate.retry_after_s)
        path = send.path.format(sales_channel=flow.sales_channel)
        told = await self._exchange(flow, send.method, path, body, item, send.timeout_s)
        if fate.kind == "duplicate":
            await self._exchange(flow, send.method, path, body, item, send.timeout_s)
        if fate.kind == "answer_lost":
            self.attempts[f"{flow.id} lost"] += 1
            return Told(None, "cURL error 28: Operation timed out")
        return told

    async def _exchange(
        self, flow: FlowSeed, method: str, path: str, body: bytes | None, item: Item, timeout_s: float
    ) -> Told:
        """One request to the target."""
        if not self.target.url:
            self.attempts[f"{flow.id} not_sent"] += 1
            return Told(None, "cURL error 7: Failed to connect")
        try:
            headers = await self._headers(body or b"", item.content_type)
            async with self._session.request(
                method,
                URL(self.target.url.rstrip("/") + path),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S),
            ) as response:
                text = (await response.read()).decode(errors="replace")
                status = response.status
        except TimeoutError:
            self.attempts[f"{flow.id} timeout"] += 1
            return Told(None, "cURL error 28: Operation timed out")
        except aiohttp.ClientError as error:
            self.attempts[f"{flow.id} not_sent"] += 1
            return Told(None, f"cURL error: {type(error).__name__}")
        self.attempts[f"{flow.id} {status}"] += 1
        if status < HTTPStatus.MULTIPLE_CHOICES:
            self.arrived.update(item.keys)
        return Told(status, text, _seconds(response.headers.get("Retry-After")))

    async def pages(self, flow: FlowSeed, receive: Receive, cursor: str) -> tuple[list[Item], str]:
        """Our pages from `cursor` on, each a payload, and the cursor after the last. Raises ConnectionError."""
        items: list[Item] = []
        for _ in range(receive.pages_max):
            path = receive.path.format(sales_channel=flow.sales_channel)
            url = URL(self.target.url.rstrip("/") + path)
            if cursor:
                url = url.update_query({receive.since_parameter: cursor})
            rows, following = await self._page(flow, url, receive)
            if rows:
                items.append(Item(msgspec.json.encode(rows), (f"{flow.id}/{cursor}",)))
            if not following or following == cursor:
                return items, following or cursor
            cursor = following
            if not rows:
                break
        return items, cursor

    async def _page(self, flow: FlowSeed, url: URL, receive: Receive) -> tuple[list[msgspec.Raw], str]:
        try:
            headers = await self._headers(b"", "application/json")
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                content = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConnectionError(f"The page could not be read: {type(error).__name__}.") from None
        self.attempts[f"{flow.id} {status}"] += 1
        if status != HTTPStatus.OK:
            raise ConnectionError(f"The page could not be read: status {status}.")
        page = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        rows = msgspec.json.decode(page.get(receive.items_field, b"[]"), type=list[msgspec.Raw])
        following = msgspec.json.decode(page.get(receive.next_field, b"null"))
        return rows, "" if following is None else str(following)

    # -- who we say we are ---------------------------------------------------------------------------------------------

    async def _headers(self, body: bytes, content_type: str) -> dict[str, str]:
        headers = {
            "Content-Type": content_type,
            "Accept": "application/json",
            "User-Agent": self._switches.user_agent,
            **self.target.headers,
        }
        auth = self.target.auth
        match auth.kind:
            case "header":
                headers[auth.header] = auth.value
            case "bearer":
                headers["Authorization"] = f"Bearer {auth.value}"
            case "basic":
                headers["Authorization"] = aiohttp.encode_basic_auth(auth.user, auth.password)
            case "client_credentials":
                self._token = self._token or await self._log_in()
                headers["Authorization"] = f"Bearer {self._token}"
            case _:
                pass
        if self.target.hmac_secret:
            digest = hmac.new(self.target.hmac_secret.encode(), body, hashlib.sha256)
            headers["X-HMAC-HASH"] = digest.hexdigest()
        return headers

    async def _log_in(self) -> str:
        """A token of the target's OAuth 2 endpoint; empty when it gives none."""
        auth = self.target.auth
        url = auth.token_url
        form = {
            "grant_type": "client_credentials",
            "client_id": auth.client_id,
            "client_secret": auth.client_secret,
        }
        if url.startswith("/"):
            url = self.target.url.rstrip("/") + url
        async with self._session.post(url, data=form, allow_redirects=False) as response:
            content = await response.read()
        try:
            reply: Any = msgspec.json.decode(content)
        except msgspec.DecodeError:
            return ""
        return str(reply.get("access_token", "")) if isinstance(reply, dict) else ""


def _told(told: Told) -> str:
    """A sentence for the run's log."""
    if told.status is None:
        return f"Request failed: {told.text}"
    if told.status < HTTPStatus.MULTIPLE_CHOICES:
        return f"Request succeeded with status {told.status}"
    return f"Request failed with status {told.status}: {told.text[:_TEXT_MAX]}"


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
