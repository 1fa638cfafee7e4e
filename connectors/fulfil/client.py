"""Fulfil as the runtime sees it: one attempt at one call, and the truth about how it ended.

Which calls there are, and how each is spoken, read and looked for, is the table (`table`, `calls`). Here they are made:
over HTTP, once, with every lost answer to a write told as `Unknown`, and the promise of a later result waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
import msgspec
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from connectors.fulfil import tasks
from connectors.fulfil.calls import API, RPC_STATUSES, Ask, OnRecord, Read, Sought, Spoken, Write, decode_on_record
from connectors.fulfil.changes import Page
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.failures import failure_for, rate_reading
from connectors.fulfil.table import READS, WRITES, unknown_names
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Undecodable
from connectors.http import Answer, Session, exchange
from runtime.api import ObserveRate
from runtime.errors import Failure, Refused, Throttled, Unavailable, Unknown

T = TypeVar("T")

_UNREADABLE: Final = (msgspec.DecodeError, Undecodable, UnicodeDecodeError, RecursionError)
_LOOK_PAGES_MAX: Final = 100
"""A sale of 50,000 lines; more than that is no answer to a look."""
_POLL_FIRST_S: Final = 0.1
_READ_URLS_MAX: Final = 1_000


class FulfilApi:
    """A `runtime.api.Api`. `session` comes from `connectors.http.outgoing` and outlives this object.

    `observe` is told what each answer says of the rate limit. Raises ValueError for a token that no header can carry,
    and for a configured name that stands for nothing.
    """

    name = API

    def __init__(self, config: FulfilConfig, token: str, session: Session, *, observe: ObserveRate) -> None:
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("the Fulfil token is empty, or has characters that no header can carry; check its source")
        if unknown := unknown_names(config.names):
            raise ValueError(f"names: nothing here is called {', '.join(unknown)}; check fulfil.api.names")
        self._session, self._observe = session, observe
        self._answer_bytes_max, self._task_wait_s = config.answer_bytes_max, config.task_wait_s
        self._tenant = Tenant(names=config.names, page_size=config.page_size, sellable_field=config.sellable_field)
        presented = {"X-API-KEY": token} if config.auth == "api_key" else {"Authorization": f"Bearer {token}"}
        headers = {"Content-Type": "application/json", "Accept": "application/json", **presented}
        self._headers = CIMultiDictProxy(CIMultiDict(headers))
        self._base = URL(config.base_url) / "api" / "v2"
        self._tasks_url = self._base / tasks.PATH
        self._urls = {kind: self._url(self._path(write)) for kind, write in WRITES.items() if not write.on_record}
        """Addresses of the writes that have one; the addresses of reads are made once each, as they are asked."""
        self._read_urls: dict[tuple[str, str], URL] = {}

    # -- the runtime's side --------------------------------------------------------------------------------------------

    async def perform(self, kind: str, body: bytes) -> Any:
        """One attempt. Raises a `runtime.errors.Failure`, and nothing else, when it does not succeed.

        Cancelled, it leaves a closed connection; a write may have been applied then, as after any lost answer.
        """
        write = WRITES.get(kind)
        if write is not None:
            return await self._write(write, body)
        read = READS.get(kind)
        if read is not None:
            return await self._read(read, _question(read, body))
        raise Refused(f"the Fulfil connector has no call {kind!r}", code="unknown_kind")

    async def look(self, kind: str, body: bytes) -> Any | None:
        """What the write with these bytes has made, as `perform` would have answered it; None when it was not applied.

        Raises a `runtime.errors.Failure` when Fulfil did not say. Reads only.
        """
        write = WRITES.get(kind)
        if write is None:
            raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")
        try:
            sought = write.sought(body)
        except _UNREADABLE as error:
            sentence = f"the stored bytes of {kind} cannot be read, so nothing can be looked for"
            raise Refused(sentence, code="bad_body") from error
        found = await self._found(sought)
        try:
            return write.verdict(body, found)
        except _UNREADABLE as error:
            raise Unavailable(f"what Fulfil answered does not tell whether {kind} was applied") from error

    async def make(self, ask: Ask[T]) -> T:
        """The same as `perform`, with the type of the result: for whoever is no actor (a probe, a command)."""
        result: T = await self.perform(ask.kind, ask.body)
        return result

    # -- reads ---------------------------------------------------------------------------------------------------------

    async def _read(self, read: Read[Any, T], question: Any) -> T:
        tenant = self._tenant
        spoken = read.speak(question, tenant)
        return await self._call(
            spoken.verb, self._read_url(spoken), spoken.body, lambda answer: read.decode(answer, question, tenant)
        )

    async def _found(self, sought: Sought[Any, Any]) -> Any:
        """All that was sought: page after page where it comes in pages, because half of it is no answer."""
        question = sought.question
        found = await self._read(sought.read, question)
        if not isinstance(found, Page):
            return found
        rows, pages = list(found.rows), 1
        while not found.complete:
            if pages == _LOOK_PAGES_MAX:
                raise Unavailable(f"there is more than {pages} pages to look through")
            question = msgspec.structs.replace(question, after_id=found.last_id)
            found = await self._read(sought.read, question)
            rows.extend(found.rows)
            pages += 1
        return msgspec.structs.replace(found, rows=tuple(rows))

    def _read_url(self, spoken: Spoken) -> URL:
        """Addresses are few: by path and context. Their number is bounded by the locations that are asked about."""
        context = "" if not spoken.context else msgspec.json.encode(spoken.context).decode()
        url = self._read_urls.get((spoken.path, context))
        if url is None:
            url = self._url(spoken.path)
            if context:
                url = url.with_query({"context": context})
            if len(self._read_urls) >= _READ_URLS_MAX:
                self._read_urls.clear()
            self._read_urls[spoken.path, context] = url
        return url

    # -- writes --------------------------------------------------------------------------------------------------------

    async def _write(self, write: Write[T], body: bytes) -> T:
        url, sent = self._urls.get(write.kind), body
        if url is None:
            stored = _on_record(write, body)
            path = write.path.replace("{model}", self._tenant.model(stored.model)).replace("{id}", str(stored.id))
            url, sent = self._url(path), bytes(stored.send)
        return await self._call(
            write.verb, url, sent, lambda answer: write.decode(answer, body), is_write=True, statuses=write.statuses
        )

    def _path(self, write: Write[Any]) -> str:
        place, model, method = write.path.split("/")
        return f"{place}/{self._tenant.model(model)}/{method}"

    def _url(self, path: str) -> URL:
        return self._base.joinpath(*path.split("/"))

    # -- one call ------------------------------------------------------------------------------------------------------

    async def _call(
        self,
        verb: str,
        url: URL,
        body: bytes,
        decode: Callable[[Answer], T],
        *,
        is_write: bool = False,
        statuses: frozenset[int] = RPC_STATUSES,
    ) -> T:
        answer = await self._exchange(verb, url, body, is_write=is_write)
        if answer.status in statuses:
            try:
                return decode(answer)
            except _UNREADABLE:
                promised = tasks.promise(answer.body)
                if promised is not None:
                    return await self._kept(promised, decode, is_write=is_write)
        raise failure_for(answer.status, answer.headers, answer.body, is_write=is_write)

    async def _exchange(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        answer = await exchange(
            self._session,
            verb,
            url,
            headers=self._headers,
            body=body,
            answer_bytes_max=self._answer_bytes_max,
            api="Fulfil",
            is_write=is_write,
        )
        self._observe(rate_reading(answer.headers))
        return answer

    async def _kept(self, promised: tasks.Promise, decode: Callable[[Answer], T], *, is_write: bool) -> T:
        """What a promise becomes, asked for with doubling pauses until `task_wait_s` are over.

        A question that is throttled is asked again, because to look while the worker is at it would find nothing. All
        else that goes wrong meanwhile leaves a write unknown: its worker may be at it, or have done it.
        """
        waited_s, pause_s = 0.0, _POLL_FIRST_S
        try:
            while True:
                answer = await self._exchange("POST", self._tasks_url, tasks.question(promised), is_write=False)
                state, asked_s = _task_state(answer)
                if isinstance(state, tasks.Waiting):
                    if waited_s >= self._task_wait_s:
                        raise Unavailable("Fulfil's worker has not finished the task in time")
                    pause_s = max(pause_s, min(asked_s, self._task_wait_s))
                    await anyio.sleep(pause_s)
                    waited_s, pause_s = waited_s + pause_s, pause_s * 2
                    continue
                if isinstance(state, tasks.Failed):
                    raise self._task_failure(answer, state, is_write=is_write)
                return decode(Answer(200, answer.headers, state.result))
        except _UNREADABLE as error:
            raise _lost("the result of Fulfil's task cannot be read", is_write=is_write) from error
        except Refused as refusal:
            if refusal.code == "task_refused":
                raise
            raise _lost(f"Fulfil does not tell what became of a task ({refusal})", is_write=is_write) from refusal
        except Failure as failure:
            raise _lost(str(failure), is_write=is_write, after_s=failure.retry_after_s) from failure

    def _task_failure(self, answer: Answer, state: tasks.Failed, *, is_write: bool) -> Failure:
        if tasks.says_refusal(state.said):
            refusal = failure_for(200, answer.headers, state.said, is_write=is_write)
            return Refused(str(refusal), code="task_refused")
        return _lost("Fulfil's worker failed at the task", is_write=is_write)


def _lost(sentence: str, *, is_write: bool, after_s: float | None = None) -> Failure:
    if is_write:
        return Unknown(f"{sentence}; it may have been applied", retry_after_s=after_s)
    return Unavailable(sentence, retry_after_s=after_s)


def _task_state(answer: Answer) -> tuple[tasks.TaskState, float]:
    """What became of the task, and how long to wait at least before it is asked for again."""
    if answer.status in RPC_STATUSES:
        return tasks.state_of(answer.body), 0.0
    failure = failure_for(answer.status, answer.headers, answer.body, is_write=False)
    if isinstance(failure, Throttled):
        return tasks.Waiting(), failure.retry_after_s or 0.0
    raise failure


def _question(read: Read[Any, Any], body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=read.question)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the body of {read.kind} is not a {read.question.__name__}", code="bad_body") from error


def _on_record(write: Write[Any], body: bytes) -> OnRecord:
    try:
        stored = decode_on_record(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the stored bytes of {write.kind} name no record", code="bad_body") from error
    if stored.id <= 0 or ("{model}" in write.path and not stored.model):
        raise Refused(f"the stored bytes of {write.kind} name no record", code="bad_body")
    return stored
