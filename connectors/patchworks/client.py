"""Patchworks' Core and Start APIs as the runtime sees them: one attempt per call, and the truth about how it ended.

    list_runs, get_run, list_run_logs, list_payloads, list_flows, list_queue, list_tracked      reads
    failed_payloads -> Fetch, download_payload -> Payload                                       reads, for recovery
    start_flow      a `StartFlow`   -> Started       nothing dedupes it: look first
    retry_run       a `RetryRun`    -> RetryStarted  nothing dedupes it: look first

The bodies are those of `requests`, the results those of `wire`. A start's look searches the flow's runs, and those that
still wait, for the batch's key; what it means that none is there is decided by `starts`. A 401 after a login's token
proves that nothing was done, so then the call is made once more with a new token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from yarl import URL

from connectors.http import Answer, Session, exchange
from connectors.patchworks import wire
from connectors.patchworks.auth import JSON_HEADERS, Credentials
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.failures import failure_for, rate_reading
from connectors.patchworks.fetching import failed_payloads
from connectors.patchworks.looking import find_retry, find_run
from connectors.patchworks.requests import (
    PAYLOAD_BYTES_MAX,
    DownloadPayload,
    FailedPayloads,
    GetRun,
    ListFlows,
    ListPayloads,
    ListQueue,
    ListRunLogs,
    ListRuns,
    ListTracked,
    RetryRun,
    StartFlow,
)
from connectors.patchworks.wire import Page, Payload, RetryStarted, Run, Started, Undecodable
from runtime.api import ObserveRate
from runtime.errors import Refused

T = TypeVar("T")

_GONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


class PatchworksApi:
    """A `runtime.api.Api`. `session` comes from `connectors.http.outgoing` and outlives this object.

    `observe` is told what each answer says of the rate limit, already reduced to the share of it that is ours.
    """

    name = "patchworks"

    def __init__(
        self, config: PatchworksConfig, credentials: Credentials, session: Session, *, observe: ObserveRate
    ) -> None:
        self._credentials, self._session, self._observe = credentials, session, observe
        self._page_size, self._limit_share = config.page_size, config.limit_share
        self._answer_bytes_max, self._payload_bytes_max = config.answer_bytes_max, config.payload_bytes_max
        self._core, self._flows = URL(config.core_url), URL(config.start_url) / "flows"
        self._start_form = config.start_form
        self._clock_tolerance_ms = int(config.clock_tolerance_s * 1000)
        self._calls: dict[str, tuple[type[Any], Callable[[Any], Awaitable[Any]]]] = {
            ListRuns.kind: (ListRuns, self.list_runs),
            GetRun.kind: (GetRun, self.get_run),
            ListRunLogs.kind: (ListRunLogs, self.list_run_logs),
            ListPayloads.kind: (ListPayloads, self.list_payloads),
            FailedPayloads.kind: (FailedPayloads, lambda asked: failed_payloads(self, asked)),
            DownloadPayload.kind: (DownloadPayload, self.download),
            ListFlows.kind: (ListFlows, self._list_flows),
            ListQueue.kind: (ListQueue, self.list_queue),
            ListTracked.kind: (ListTracked, self._list_tracked),
            StartFlow.kind: (StartFlow, self._start),
            RetryRun.kind: (RetryRun, self._retry),
        }

    async def perform(self, kind: str, body: bytes) -> Any:
        """One attempt. Raises a `runtime.errors.Failure`, and nothing else, when it does not succeed."""
        if kind not in self._calls:
            raise Refused(f"the Patchworks connector has no call {kind!r}", code="unknown_kind")
        request_type, make = self._calls[kind]
        return await make(request_of(kind, body, request_type))

    async def look(self, kind: str, body: bytes) -> Started | RetryStarted | None:
        """The run that these bytes have begun, or will; None when there is no sign of one.

        None does not say that none will ever be: `starts` decides what to do about that. Raises a
        `runtime.errors.Failure` when Patchworks did not say.
        """
        match kind:
            case StartFlow.kind:
                sent = request_of(kind, body, StartFlow)
                return await self.find_start(
                    sent.flow_id, sent.key, sent.began_ms, frozenset(sent.known_run_ids), trigger="api"
                )
            case RetryRun.kind:
                return await find_retry(self, request_of(kind, body, RetryRun).run_id)
            case _:
                raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")

    async def find_start(
        self, flow_id: str, key: str, began_ms: int, known_run_ids: frozenset[str], *, trigger: str
    ) -> Started | None:
        """The run of a start, as `look` finds it; for starts by other triggers, too."""
        return await find_run(
            self, flow_id, key, began_ms, known_run_ids, trigger=trigger, tolerance_ms=self._clock_tolerance_ms
        )

    # -- reads ---------------------------------------------------------------------------------------------------------

    async def list_runs(self, asked: ListRuns) -> Page[Run]:
        """One page of runs. Raises a `runtime.errors.Failure`."""
        filters = {
            "flow_id": asked.flow_id,
            "status": asked.status,
            "has_warnings": None if asked.has_warnings is None else str(asked.has_warnings).lower(),
            "started_after": asked.started_after_ms,
            "started_before": asked.started_before_ms,
        }
        included = {"include": "errorWarningLogs"} if asked.with_errors else {}
        sort = "started_at" if asked.oldest_first else "-started_at"
        url = (self._core / "flow-runs").with_query({"sort": sort, **included, **_filters(filters)})
        return await self._page(url, asked.page, wire.run_of)

    async def get_run(self, asked: GetRun) -> Run:
        """One run. Raises a `runtime.errors.Failure`."""
        return await self._read(
            self._core / "flow-runs" / asked.run_id, lambda body: wire.decode_one(body, wire.run_of)
        )

    async def list_payloads(self, asked: ListPayloads) -> Page[wire.PayloadRow]:
        """One page of a run's payloads. Raises a `runtime.errors.Failure`."""
        url = (self._core / "payload-metadata").with_query(_filters({"flow_run_id": asked.run_id}))
        return await self._page(url, asked.page, wire.payload_row_of)

    async def list_queue(self, asked: ListQueue) -> Page[wire.QueuedRun]:
        """One page of the runs that wait. Raises a `runtime.errors.Failure`."""
        url = (self._core / "scheduled-flows").with_query({"include": "flow"})
        return await self._page(url, asked.page, wire.queued_of)

    async def download(self, asked: DownloadPayload) -> Payload:
        """A payload's bytes and their Content-Type. Raises a `runtime.errors.Failure`.

        That is `Refused` with the code `payload_gone` once it is not kept any more. What Patchworks answers then is not
        documented: not found, gone and an empty answer are all taken for that.
        """
        url = self._core / "payload-metadata" / asked.payload_id / "download"
        answer = await self._exchange("GET", url, b"", is_write=False, bytes_max=self._payload_bytes_max)
        if answer.status in _GONE or (answer.status == HTTPStatus.OK and not answer.body):
            raise Refused(f"Patchworks no longer keeps the payload {asked.payload_id} (72 hours)", code="payload_gone")
        if answer.status != HTTPStatus.OK:
            raise failure_for(answer.status, answer.headers, answer.body, is_write=False)
        return Payload(id=asked.payload_id, content_type=answer.headers.get("Content-Type", ""), body=answer.body)

    async def list_run_logs(self, asked: ListRunLogs) -> Page[wire.LogLine]:
        """One page of a run's log. Raises a `runtime.errors.Failure`."""
        # as Patchworks' own client asks
        with_payloads = {"sort": "id", "include": "flowRunLogMetadata", "load_payload_ids": "true"}
        url = (self._core / "flow-runs" / asked.run_id / "flow-run-logs").with_query(with_payloads)
        return await self._page(url, asked.page, wire.log_line_of)

    async def _list_flows(self, asked: ListFlows) -> Page[wire.Flow]:
        return await self._page(self._core / "flows", asked.page, wire.flow_of)

    async def _list_tracked(self, asked: ListTracked) -> Page[wire.Tracked]:
        url = (self._core / "tracked-data").with_query(_filters({"value": asked.value, "flow_id": asked.flow_id}))
        return await self._page(url, asked.page, wire.tracked_of)

    async def _page(self, url: URL, number: int, row: Callable[[dict[str, Any]], T]) -> Page[T]:
        size = self._page_size
        paged = url.update_query({"page": str(number), "per_page": str(size)})
        return await self._read(paged, lambda body: wire.decode_page(body, row, number=number, per_page=size))

    async def _read(self, url: URL, decode: Callable[[bytes], T]) -> T:
        answer = await self._exchange("GET", url, b"", is_write=False, bytes_max=self._answer_bytes_max)
        if answer.status == HTTPStatus.OK:
            try:
                return decode(answer.body)
            except Undecodable:
                pass  # what the body says instead decides
        raise failure_for(answer.status, answer.headers, answer.body, is_write=False)

    # -- writes --------------------------------------------------------------------------------------------------------

    async def _start(self, sent: StartFlow) -> Started:
        url = self._flows / sent.flow_id / "start"
        if self._start_form == "raw":
            url /= "raw"
        if sent.version_id:
            url /= sent.version_id
        query = {"virtual_environment_id": sent.virtual_environment_id} if sent.virtual_environment_id else {}
        if sent.variables:
            query["flow_variables"] = msgspec.json.encode(sent.variables).decode()
        body = bytes(sent.payload)
        if len(body) > PAYLOAD_BYTES_MAX:
            raise Refused(f"the payload has {len(body)} bytes, and Patchworks takes 8 MB", code="413")
        if self._start_form == "payload":
            body = msgspec.json.encode({"payload": body.decode()})
        return await self._write(url.with_query(query), body, wire.decode_started)

    async def _retry(self, sent: RetryRun) -> RetryStarted:
        url = self._core / "flow-runs" / sent.run_id / "retry"
        return await self._write(url, b"", lambda answer: wire.decode_retry(answer, sent.run_id))

    async def _write(self, url: URL, body: bytes, decode: Callable[[bytes], T]) -> T:
        """What a 2xx says; 201 is documented as accepted and not yet acted on."""
        answer = await self._exchange("POST", url, body, is_write=True, bytes_max=self._answer_bytes_max)
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT):
            try:
                return decode(answer.body)
            except Undecodable:
                pass  # it may have been applied all the same
        raise failure_for(answer.status, answer.headers, answer.body, is_write=True)

    async def _exchange(self, method: str, url: URL, body: bytes, *, is_write: bool, bytes_max: int) -> Answer:
        presented = await self._credentials.present()
        answer = await self._once(method, url, body, presented, is_write=is_write, bytes_max=bytes_max)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            other = await self._credentials.renew(presented)
            if other is not None:
                answer = await self._once(method, url, body, other, is_write=is_write, bytes_max=bytes_max)
        return answer

    async def _once(
        self, method: str, url: URL, body: bytes, presented: str, *, is_write: bool, bytes_max: int
    ) -> Answer:
        answer = await exchange(
            self._session,
            method,
            url,
            headers={**JSON_HEADERS, "Authorization": presented},
            body=body,
            answer_bytes_max=bytes_max,
            api="Patchworks",
            is_write=is_write,
        )
        self._observe(rate_reading(answer.headers, share=self._limit_share))
        return answer


def _filters(values: dict[str, Any]) -> dict[str, str]:
    return {f"filter[{name}]": str(value) for name, value in values.items() if value is not None}


def request_of(kind: str, body: bytes, request_type: type[T]) -> T:
    """The request in an effect's body. Raises Refused when it is none."""
    try:
        return msgspec.json.decode(body, type=request_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the body of {kind} is no {request_type.__name__}", code="bad_body") from error
