"""Reads and writes of any model by its name: what a probe needs, and targets that only a tenant's configuration knows.

Values come and go in plain Python types (`typed.value_out` on the way out); names are the tenant's own, as given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from connectors.fulfil.calls import (
    INACTIVE_TOO,
    REST_STATUSES,
    Applied,
    Ask,
    OnRecord,
    Read,
    Sought,
    Spoken,
    Write,
    decode_on_record,
    encode,
    read,
    said_nothing,
    search_read,
)
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Undecodable, date_of, datetime_of, decimal_of, value_out
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer
from runtime.errors import Unavailable

_ModelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", max_length=100)]
Fields = tuple[str, ...]
Record = dict[str, Any]

_decode_records: Final = msgspec.json.Decoder(list[Record]).decode


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A question: records of a model that fulfil a domain, in order of id above `after_id`; all fields as they come."""

    model: _ModelName
    fields: Fields
    domain: tuple[Any, ...] = ()
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX
    context: dict[str, Any] = {}


class SomeRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A question: these fields of these records of a model."""

    model: _ModelName
    ids: Annotated[tuple[int, ...], Meta(min_length=1, max_length=RECORDS_MAX)]
    fields: Fields


def _speak_search(asked: Search, tenant: Tenant) -> Spoken:
    domain = (("id", ">", asked.after_id), *asked.domain)
    limit = min(asked.limit, tenant.page_size)
    return search_read(asked.model, domain, asked.fields, limit, {**INACTIVE_TOO, **asked.context})


SEARCH_RECORDS: Final[Read[Search, tuple[Record, ...]]] = Read(
    kind="search_records",
    question=Search,
    speak=_speak_search,
    decode=lambda answer, _asked, _tenant: tuple(_decode_records(answer.body)),
)


def _decode_some(answer: Answer, asked: SomeRecords, _tenant: Tenant) -> tuple[Record, ...]:
    records = _decode_records(answer.body)
    if any(record.get("id") not in asked.ids for record in records):
        raise Unavailable(f"Fulfil answered a read of {asked.model} with others than were asked for")
    return tuple(records)


READ_RECORDS: Final[Read[SomeRecords, tuple[Record, ...]]] = Read(
    kind="read_records",
    question=SomeRecords,
    speak=lambda asked, _tenant: read(asked.model, asked.ids, asked.fields),
    decode=_decode_some,
)


class Nobody(msgspec.Struct, frozen=True):
    """A question without anything in it."""


_decode_object: Final = msgspec.json.Decoder(Record).decode


def _decode_preferences(answer: Answer, _asked: Nobody, _tenant: Tenant) -> Record:
    said_nothing(answer)  # an error is an object, too
    preferences: Record = _decode_object(answer.body)
    return preferences


PREFERENCES: Final[Read[Nobody, Record]] = Read(
    kind="preferences",
    question=Nobody,
    speak=lambda _asked, _tenant: Spoken(path="model/res.user/get_preferences", body=b"[true]", context={}),
    decode=_decode_preferences,
)
"""The user's own context (company, language and so on). It answers whenever the token is live, and costs nothing."""


# -- writing fields ----------------------------------------------------------------------------------------------------


def write_fields(model: str, id_: int, values: Mapping[str, Any]) -> Ask[Applied]:
    """Give fields of one record absolute values. Raises ValueError for none, and for one that cannot be sent.

    Check first: the same values again would do no harm, but a later write of somebody else might be undone.
    """
    if not values:
        raise ValueError("there is nothing to write")
    send = msgspec.Raw(encode(((id_,), value_out(values))))
    return WRITE_FIELDS.ask(encode(OnRecord(model=model, id=id_, send=send)))


def set_metafields(model: str, id_: int, values: Mapping[int, Any]) -> Ask[Applied]:
    """Give metafields of one record their values, by the ids that the fields have on this tenant.

    In the REST form, and alone in its request: together with other fields the tenant fails with a 500. Raises
    ValueError for none.
    """
    if not values:
        raise ValueError("there is nothing to write")
    fields = [{"field": field, "value": value_out(value)} for field, value in values.items()]
    send = msgspec.Raw(encode({"metafields": {"set": fields}}))
    return SET_METAFIELDS.ask(encode(OnRecord(model=model, id=id_, send=send)))


def _changed(answer: Answer, body: bytes) -> Applied:
    said_nothing(answer)
    return Applied((decode_on_record(body).id,))


def _changed_by_rest(answer: Answer, body: bytes) -> Applied:
    """Nobody relies on what an update answers in the REST form, so it may be anything, or nothing, but an error."""
    return _changed(answer, body) if answer.body else Applied((decode_on_record(body).id,))


_decode_written: Final = msgspec.json.Decoder(tuple[tuple[int], Record]).decode


def _sought_fields(body: bytes) -> Sought[SomeRecords, tuple[Record, ...]]:
    stored = decode_on_record(body)
    _, values = _decode_written(stored.send)
    return Sought(READ_RECORDS, SomeRecords(model=stored.model, ids=(stored.id,), fields=tuple(values)))


def _fields_written(body: bytes, found: tuple[Record, ...]) -> Applied | None:
    stored = decode_on_record(body)
    _, values = _decode_written(stored.send)
    there = next((record for record in found if record.get("id") == stored.id), None)
    if there is None or not all(name in there and same(value, there[name]) for name, value in values.items()):
        return None
    return Applied((stored.id,))


WRITE_FIELDS: Final[Write[Applied]] = Write(
    kind="write_fields",
    path="model/{model}/write",
    decode=_changed,
    sought=_sought_fields,
    verdict=_fields_written,
)


class _Metafield(msgspec.Struct, frozen=True):
    field: int
    value: Any


class _Set(msgspec.Struct, frozen=True):
    set: list[_Metafield]


class _Metafields(msgspec.Struct, frozen=True):
    metafields: _Set


_decode_metafields: Final = msgspec.json.Decoder(_Metafields).decode


def _sought_metafields(body: bytes) -> Sought[SomeRecords, tuple[Record, ...]]:
    stored = decode_on_record(body)
    return Sought(READ_RECORDS, SomeRecords(model=stored.model, ids=(stored.id,), fields=("metafields",)))


def _metafields_set(body: bytes, found: tuple[Record, ...]) -> Applied | None:
    """They come back as a list of objects, or as an object of them, each with its `field_id` and `value`."""
    stored = decode_on_record(body)
    raw = next((record.get("metafields") for record in found if record.get("id") == stored.id), None)
    told = raw if isinstance(raw, list) else list(raw.values()) if isinstance(raw, dict) else []
    there = {each["field_id"]: each.get("value") for each in told if isinstance(each, dict) and "field_id" in each}
    asked = _decode_metafields(stored.send).metafields.set
    done = all(each.field in there and same(each.value, there[each.field]) for each in asked)
    return Applied((stored.id,)) if done else None


SET_METAFIELDS: Final[Write[Applied]] = Write(
    kind="set_metafields",
    path="model/{model}/{id}",
    statuses=REST_STATUSES,
    decode=_changed_by_rest,
    sought=_sought_metafields,
    verdict=_metafields_set,
)


def same(sent: Any, found: Any) -> bool:
    """Whether two values on the wire mean the same: figures without regard to their scale, dates of any generation."""
    for reader in (_figure, _moment):
        ours = reader(sent)
        if ours is not None:
            return bool(ours == reader(found))
    return bool(sent == found)


def _figure(value: Any) -> Decimal | None:
    tagged = isinstance(value, dict) and value.get("__class__") == "Decimal"
    if not tagged and (isinstance(value, bool) or not isinstance(value, int | float)):
        return None
    try:
        return decimal_of(value)
    except Undecodable:
        return None


def _moment(value: Any) -> datetime | date | None:
    kind = value.get("__class__") if isinstance(value, dict) else None
    try:
        return date_of(value) if kind == "date" else datetime_of(value) if kind == "datetime" else None
    except Undecodable:
        return None
