"""What a developer says about a connector, so that the suite can try it: how to open it, its calls, the API's answers.

Answers are written from the API's own documentation, never from what the connector happens to send: a suite that is
fed by the connector's own reading confirms its misreadings.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import msgspec

from runtime.api import Api, ObserveRate, RateReading
from runtime.errors import Failure


class Asked(msgspec.Struct, frozen=True):
    """One request, as it arrived. `target` is path and query, not decoded; header names are in lower case."""

    verb: str
    path: str
    target: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the outside API."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


Respond = Callable[[Asked], Reply]
"""The outside API: an answer for each request. It may look at the request; it keeps nothing."""


def json_reply(content: Any, *, status: int = 200, **headers: str) -> Reply:
    """An answer in JSON. Header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status=status, headers={"Content-Type": "application/json", **named}, body=json.dumps(content).encode()
    )


class Break(enum.Enum):
    """How a connection breaks once the whole request was there: after the other side's commit, perhaps."""

    CLOSED = "the connection is closed without an answer"
    RESET = "the connection is reset"
    HALF = "the answer breaks off"
    NONSENSE = "the answer is no HTTP"
    SILENT = "there is no answer in time"


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What the suite asks of a connector that it opens: whom to call, how long to wait, how much to read."""

    url: str
    """Scheme, host and port; no path."""
    request_timeout_s: float
    answer_bytes_max: int
    observe: ObserveRate


Open = Callable[[Conditions], AbstractAsyncContextManager[Api]]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the API shows after a lost answer: when the write was applied, and when it was not.

    `found` is what `look` returns in the first case; in the second it returns None.
    """

    there: Respond
    absent: Respond
    found: Any


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of call, with a body as an actor would store it.

    `verb` and `path` are those of its one request. `answer` is what the API answers when all is well, and `result` what
    `perform` returns then. A write also has `sent`, the exact bytes that must go out, and its `look`. The bytes of a
    write in JSON should hold what a decoder and an encoder would change between them (a space, `1.50`), or the suite
    could not see whether they were made anew.
    """

    kind: str
    body: bytes
    verb: str
    path: str
    answer: Reply
    result: Any
    is_write: bool = False
    sent: bytes | None = None
    look: Look | None = None
    any_success: bool = False
    """Whether every 2xx is a success, whatever its body. Otherwise a page of a proxy leaves a write unknown."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One more row of the API's table of errors: an answer, and the failure that it is for a write and for a read."""

    reply: Reply
    write: type[Failure]
    read: type[Failure]
    source: str
    """Where the API's documentation says so."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """How this API says no. `throttled` carries a wait of `throttled_after_s`, in whatever form the API has."""

    refused: Reply
    refused_code: str | None = None
    """The code that `Refused` must carry; None: any."""
    unauthorised: Reply | None
    """None: each of these calls has a credential of its own, so that a refused one is no reason to stop the others;
    say in `others` what it is."""
    throttled: Reply
    throttled_after_s: float | None
    failed: Reply
    """A failure of the server: for a write it proves nothing."""
    others: tuple[Expected, ...] = ()
    rate_headers: Mapping[str, str] = {}
    """What any answer may say of the rate limit; empty: this API says nothing."""
    rate: RateReading = RateReading()
    """What the connector must read from those headers."""


class Record(msgspec.Struct, frozen=True):
    """A record of a list that changes while it is read. `stamp` grows with every change of any record."""

    id: int
    stamp: int


Change = Literal["insert", "change", "delete"]


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """One way of reading a list to its end.

    `serve` is the API: it answers a request from the records as they are now, in the API's own order, as its
    documentation says. `read` is what the product does with the connector, page by page to the end; it returns what was
    handed on, in that order, each record with the stamp that it had. `changes` are those that can happen to such a list
    while it is read: a new record, a change of one that is there (it must be handed on, then), the end of the oldest.
    """

    name: str
    serve: Callable[[Asked, Sequence[Record]], Reply]
    read: Callable[[Api], Awaitable[Sequence[Record]]]
    changes: frozenset[Change]


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """A connector under test. `secret` is the credential with which `open` makes it; no sentence may hold it."""

    name: str
    open: Open
    calls: tuple[Call, ...]
    answers: Answers
    secret: str
    paging: tuple[Paging, ...] = ()
