"""A connector as small as they get, for an invented API of notes, and how it is given to the conformance suite.

Whoever adds a connector can begin with a copy of this file. The invented API:

    POST /v1/notes         {"key": "...", "text": "..."}   201 {"id": 7}
    GET  /v1/notes?key=K   200 [{"id": 7, "key": "K"}] or []
    GET  /v1/notes?after=N 200, at most three notes with an id above N, in order of id; ?skip=N the same by offset
    errors: {"error": "a sentence"} with 401, 422, 429 and Retry-After, 500; X-Limit-Per-Second on every answer
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from yarl import URL

from connectors.http import Answer, Session, exchange, outgoing
from runtime.api import Api, ObserveRate, RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from runtime.testing.conformance import (
    Answers,
    Asked,
    Call,
    Conditions,
    Connector,
    Expected,
    Look,
    Paging,
    Record,
    Reply,
    json_reply,
)

TOKEN = "notes-token-0001"
PAGE_SIZE = 3

# -- the connector -----------------------------------------------------------------------------------------------------


class Note(msgspec.Struct, frozen=True):
    """A note, as far as we read it."""

    id: int


class NewNote(msgspec.Struct, frozen=True):
    """What a stored write says, as far as a look needs it."""

    key: str


class After(msgspec.Struct, frozen=True):
    """The question of a list: the notes above this id."""

    after: int = 0


class NotesApi:
    """A `runtime.api.Api`: one attempt per call, and the truth about how it ended."""

    name = "notes"

    def __init__(self, conditions: Conditions, session: Session) -> None:
        self._url = URL(conditions.url) / "v1" / "notes"
        self._session, self._observe = session, conditions.observe
        self._answer_bytes_max = conditions.answer_bytes_max

    async def perform(self, kind: str, body: bytes) -> Any:
        """One attempt."""
        match kind:
            case "make_note":
                return await self._make(body)
            case "list_notes":
                return await self._list({"after": str(_read(kind, body, After).after)})
            case _:
                raise Refused(f"the notes connector has no call {kind!r}", code="unknown_kind")

    async def look(self, kind: str, body: bytes) -> Note | None:
        """The note that these bytes have made."""
        if kind != "make_note":
            raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")
        found = await self._list({"key": _read(kind, body, NewNote).key})
        return found[0] if found else None

    async def _make(self, body: bytes) -> Note:
        answer = await self.ask("POST", self._url, body, is_write=True)
        return self.decoded(answer, 201, Note, is_write=True)

    async def _list(self, query: Mapping[str, str]) -> list[Note]:
        answer = await self.ask("GET", self._url.with_query(query), b"", is_write=False)
        return self.decoded(answer, 200, list[Note], is_write=False)

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        """One request."""
        answer = await exchange(
            self._session,
            verb,
            url,
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            body=body,
            answer_bytes_max=self._answer_bytes_max,
            api="the notes API",
            is_write=is_write,
        )
        self.observe(self._observe, answer)
        return answer

    def observe(self, tell: ObserveRate, answer: Answer) -> None:
        """What an answer says of the limit."""
        if limit := answer.headers.get("X-Limit-Per-Second"):
            tell(RateReading(limit_per_s=float(limit)))

    def decoded(self, answer: Answer, status: int, shape: Any, *, is_write: bool) -> Any:
        """The answer's content, or the failure that it is."""
        if answer.status == status:
            try:
                return msgspec.json.decode(answer.body, type=shape)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # it may have been applied all the same
        raise self.failure(answer, is_write=is_write)

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        """What an answer that is no success means."""
        match answer.status:
            case 401:
                return Unauthorised("the notes API refused the token; configure one that is live")
            case 429:
                after = answer.headers.get("Retry-After", "")
                return Throttled("the notes API limits our rate", retry_after_s=float(after) if after else None)
            case status if 400 <= status < 500 and status != 408:
                return Refused(f"the notes API refused it (HTTP {status})", code=str(status))
            case status if is_write:
                return Unknown(f"the notes API answered HTTP {status}; it may have been applied")
            case status:
                return Unavailable(f"the notes API answered HTTP {status}")


def _read(kind: str, body: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the body of {kind} cannot be read", code="bad_body") from error


# -- what the suite is told --------------------------------------------------------------------------------------------

LIMITED = {"X-Limit-Per-Second": "4"}
MAKE = b'{"key": "note-0001",  "text": "1.50"}'


MADE = json_reply({"id": 7}, status=201)


def absent(asked: Asked) -> Reply:
    """The API without the note."""
    return MADE if asked.verb == "POST" else json_reply([])


def there(asked: Asked) -> Reply:
    """The API with the note."""
    return MADE if asked.verb == "POST" else json_reply([{"id": 7, "key": asked.query["key"]}])


ANSWERS = Answers(
    refused=json_reply({"error": "The text is too long."}, status=422),
    refused_code="422",
    unauthorised=json_reply({"error": "Who is it?"}, status=401),
    throttled=json_reply({"error": "Slower, please."}, status=429, Retry_After="7"),
    throttled_after_s=7.0,
    failed=json_reply({"error": "Oops."}, status=500),
    others=(Expected(reply=json_reply({}, status=404), write=Refused, read=Refused, source="errors"),),
    rate_headers=LIMITED,
    rate=RateReading(limit_per_s=4.0),
)
CALLS = (
    Call(
        kind="make_note",
        body=MAKE,
        verb="POST",
        path="/v1/notes",
        sent=MAKE,
        answer=MADE,
        result=Note(7),
        is_write=True,
        look=Look(there=there, absent=absent, found=Note(7)),
    ),
    Call(
        kind="list_notes",
        body=b'{"after": 4}',
        verb="GET",
        path="/v1/notes",
        answer=json_reply([{"id": 7}]),
        result=[Note(7)],
    ),
)


def notes_of(asked: Asked, records: Sequence[Record]) -> Reply:
    """The list, by id or by offset."""
    ids = sorted(record.id for record in records)
    above = int(asked.query.get("after", "0"))
    skip = int(asked.query.get("skip", "0"))
    return json_reply([{"id": id_} for id_ in ids if id_ > above][skip : skip + PAGE_SIZE])


async def read_all(api: Api) -> list[Record]:
    """What an actor would do: page after page, each from the last id on."""
    read: list[int] = []
    while True:
        page = await api.perform("list_notes", json.dumps({"after": read[-1] if read else 0}).encode())
        read += [note.id for note in page]
        if len(page) < PAGE_SIZE:
            return recorded(read)


def recorded(ids: Sequence[int]) -> list[Record]:
    """Notes never change, so that each has the stamp of its making."""
    return [Record(id=id_, stamp=id_) for id_ in ids]


def notes_connector(made: type[NotesApi] = NotesApi, **changes: Any) -> Connector:
    """The connector as the suite wants it; `made` is the class to try."""

    @asynccontextmanager
    async def open_notes(conditions: Conditions) -> AsyncIterator[Api]:
        timeout_s = conditions.request_timeout_s
        async with outgoing(connections_max=4, connect_timeout_s=timeout_s, request_timeout_s=timeout_s) as session:
            yield made(conditions, session)

    given = {
        "name": "notes",
        "open": open_notes,
        "calls": CALLS,
        "answers": ANSWERS,
        "secret": TOKEN,
        "paging": (Paging(name="all notes", serve=notes_of, read=read_all, changes=frozenset({"insert", "delete"})),),
    }
    return Connector(**{**given, **changes})
