"""What a call to Fulfil is: how it is spoken, how its answer is read, how it may be repeated and how it is looked for.

Everything here is a value or a pure function; `client` makes the attempts. Each call has a `kind`, under which the
runtime knows it, and a `body`, the bytes of an intent.

- A `Read`'s body is its question, a small struct in JSON. It repeats freely.
- A `Write`'s body is what Fulfil receives, to the byte, so that after a restart what is sent is what was stored. A
  write that has a record in its path has these bytes inside an `OnRecord`.

Calls are remote procedures, `PUT /api/v2/model/{model}/{method}` with positional arguments (sections 2 and 11 of the
public client's behaviour). The REST form is used where only it is known to work: metafields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from connectors.fulfil.tenant import Tenant
from connectors.http import Answer
from runtime.decision import Effect, Repeat

Q = TypeVar("Q")
R = TypeVar("R")
A = TypeVar("A")

API: Final = "fulfil"
RPC_STATUSES: Final = frozenset({200})
REST_STATUSES: Final = frozenset({200, 201, 204})
INACTIVE_TOO: Final[Mapping[str, Any]] = {"active_test": False}
"""Without it Fulfil leaves inactive records out, silently."""


class Ask(msgspec.Struct, Generic[R], frozen=True):
    """A call that is ready to be made, or to be written down. `R` is what it will answer."""

    kind: str
    body: bytes
    repeat: Repeat

    def effect(self, share: str) -> Effect:
        """The same as an effect of a decision, paid for by that share of the budget."""
        return Effect(api=API, kind=self.kind, body=self.body, repeat=self.repeat, share=share)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One request below `/api/v2`. `context` is what the call's own context adds, or None for no context at all."""

    path: str
    body: bytes
    verb: str = "PUT"
    context: Mapping[str, Any] | None = None


class Read(msgspec.Struct, Generic[Q, R], frozen=True, kw_only=True):
    """A call that changes nothing.

    `decode` raises msgspec.DecodeError or Undecodable for a body of another shape, and a `runtime.errors.Failure` for
    an answer to another question.
    """

    kind: str
    question: type[Q]
    speak: Callable[[Q, Tenant], Spoken]
    decode: Callable[[Answer, Q, Tenant], R]

    def __call__(self, question: Q) -> Ask[R]:
        """The call, with its question."""
        return Ask(self.kind, msgspec.json.encode(question), Repeat.SAFE)


class Sought(msgspec.Struct, Generic[Q, A], frozen=True):
    """The read that tells whether a write was applied."""

    read: Read[Q, A]
    question: Q


class Write(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A call that changes something.

    `path` is fixed, or names `{model}` and `{id}`, which then stand in the body's `OnRecord`. `decode` is given the
    answer and the body. `sought` says what to read after a lost answer, from the stored bytes alone, and `verdict` what
    was found: the write's result, or None when it was not applied. Both raise msgspec.DecodeError for bytes that are no
    such call.
    """

    kind: str
    path: str
    decode: Callable[[Answer, bytes], R]
    sought: Callable[[bytes], Sought[Any, Any]]
    verdict: Callable[[bytes, Any], R | None]
    repeat: Repeat = Repeat.CHECK_FIRST
    verb: str = "PUT"
    statuses: frozenset[int] = RPC_STATUSES

    def ask(self, body: bytes) -> Ask[R]:
        """The call, with its exact bytes."""
        return Ask(self.kind, body, self.repeat)

    @property
    def on_record(self) -> bool:
        """Whether the body is an `OnRecord`."""
        return "{" in self.path


class OnRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The stored body of a write whose path names a record, or a model: `send` is what Fulfil receives, to the byte."""

    send: msgspec.Raw
    id: int = 0
    model: str = ""
    channel: int = 0
    """The sales channel's id in Fulfil, where looking needs it."""


decode_on_record: Final = msgspec.json.Decoder(OnRecord).decode


class Created(msgspec.Struct, frozen=True):
    """A record that was made, or was found to have been made."""

    id: int


class CreatedMany(msgspec.Struct, frozen=True):
    """Records that were made with one call, or were found to have been made, in the order in which they were given."""

    ids: tuple[int, ...]


class Applied(msgspec.Struct, frozen=True):
    """A change that was made to these records, or was found to have been made."""

    ids: tuple[int, ...]


# -- arguments ---------------------------------------------------------------------------------------------------------

encode: Final = msgspec.json.Encoder(decimal_format="number").encode
"""Decimals go out as Decimal objects (`typed.decimal_out`) where they are money; a bare one is a quantity, a number."""

_BY_ID: Final = (("id", "ASC"),)


def search_read(
    model: str, domain: tuple[Any, ...], fields: tuple[str, ...], limit: int, context: Mapping[str, Any] = INACTIVE_TOO
) -> Spoken:
    """A search by keyset: the caller's domain says `id >`, and the order is by id. Pages by offset would miss records
    while others change.
    """
    return Spoken(path=f"model/{model}/search_read", body=encode((domain, 0, limit, _BY_ID, fields)), context=context)


def read(model: str, ids: tuple[int, ...], fields: tuple[str, ...]) -> Spoken:
    """These fields of these records, at most 500."""
    return Spoken(path=f"model/{model}/read", body=encode((ids, fields)), context=INACTIVE_TOO)


# -- answers -----------------------------------------------------------------------------------------------------------


class _WithId(msgspec.Struct, frozen=True):
    id: int


_decode_ids: Final = msgspec.json.Decoder(list[int | _WithId]).decode


def created_one(answer: Answer, _body: bytes = b"") -> Created:
    """The one id that `create` answers (RPC), or the one record (REST). Raises msgspec.DecodeError otherwise."""
    rows = _decode_ids(answer.body)
    if len(rows) != 1:
        raise msgspec.DecodeError(f"one record was to be made, and {len(rows)} are answered")
    number = rows[0] if isinstance(rows[0], int) else rows[0].id
    if number <= 0:
        raise msgspec.DecodeError("what is answered is no id")
    return Created(number)


def created_many(answer: Answer, count: int) -> CreatedMany:
    """The ids that `create` answers for so many records. Raises msgspec.DecodeError for another number of them."""
    ids = tuple(row if isinstance(row, int) else row.id for row in _decode_ids(answer.body))
    if len(ids) != count:
        raise msgspec.DecodeError(f"{count} records were to be made, and {len(ids)} are answered")
    if min(ids, default=1) <= 0:
        raise msgspec.DecodeError("what is answered is no id")
    return CreatedMany(ids)


_COMPLAINT: Final = frozenset(("type", "code", "message", "description", "name", "status"))
"""An object of nothing but these is an error, also with HTTP 200 (section 5 of the facts has weak evidence of that)."""


def said_nothing(answer: Answer) -> None:
    """What a method answers that has no result of its own: null, or anything that is no error and no task.

    Raises msgspec.DecodeError for text, for an error and for a task.
    """
    content = msgspec.json.decode(answer.body)
    if isinstance(content, dict):
        complains = bool(content) and content.keys() <= _COMPLAINT
        strange = complains or "error" in content or content.get("__class__") == "AsyncResult"
    else:
        strange = isinstance(content, str)
    if strange:
        raise msgspec.DecodeError("the method answers something that is not known to be its success")
