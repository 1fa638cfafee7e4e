"""The reads that every model has, made from one declaration each: by ids, by what changed, by a field, and how many.

SALES = Model("sale.sale", Sale, "sales", by=("party", "reference"))
SALES.read(Ids((90211, 90212)))                       -> Ask[tuple[Sale, ...]]     kind read_sales
SALES.changed(Changes(since=moment))                  -> Ask[Page[Sale]]           kind changed_sales
SALES.find(Find(by="reference", values=("#1001",)))   -> Ask[Page[Sale]]           kind find_sales
SALES.count(Changes(since=moment))                    -> Ask[int]                  kind count_sales
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta

from connectors.answers import answered_s
from connectors.fulfil.calls import INACTIVE_TOO, Read, Spoken, encode, read, search_read
from connectors.fulfil.changes import Changes, Page, changed_since
from connectors.fulfil.rows import Row, row_reader
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Reference
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer
from runtime.errors import Refused, Unavailable

T = TypeVar("T", bound=Row)


class Ids(msgspec.Struct, frozen=True):
    """A question: these records, at most 500. One that does not exist is missing in the answer, or refuses the call."""

    ids: Annotated[tuple[Annotated[int, Meta(gt=0)], ...], Meta(min_length=1, max_length=RECORDS_MAX)]


class Find(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the records whose field `by` has one of `values` (at most 500), in order of id, page by page.

    `by` is one of the fields that the model declares; a reference is given as `sale.line,42`.
    """

    by: str
    values: Annotated[tuple[int | str, ...], Meta(min_length=1, max_length=RECORDS_MAX)]
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX


_decode_count: Final = msgspec.json.Decoder(Annotated[int, Meta(ge=0)]).decode


class Model(Generic[T]):
    """One model of Fulfil. `noun` is what the kinds of its calls end in.

    `by` are the fields of its rows that it can be found by, as Fulfil names them.
    """

    def __init__(self, name: str, row: type[T], noun: str, *, by: Collection[str] = ()) -> None:
        attributes = {field.encode_name: field.name for field in msgspec.structs.fields(row)}
        self.name, self.row = name, row
        self.by = {wired: attributes[wired] for wired in by}
        """The fields that it can be found by, and their names in a row."""
        self.names = frozenset((name, *(f"{name}.{wired}" for wired in (*attributes, *by, "state"))))
        """The documented names that a tenant may have others for: the model, and `model.field`."""
        self.read: Read[Ids, tuple[T, ...]] = Read(
            kind=f"read_{noun}", question=Ids, speak=self._speak_read, decode=self._decode_read
        )
        self.changed: Read[Changes, Page[T]] = Read(
            kind=f"changed_{noun}", question=Changes, speak=self._speak_changed, decode=self._decode_page
        )
        self.find: Read[Find, Page[T]] = Read(
            kind=f"find_{noun}", question=Find, speak=self._speak_find, decode=self._decode_found
        )
        self.count: Read[Changes, int] = Read(
            kind=f"count_{noun}", question=Changes, speak=self._speak_count, decode=_count
        )

    @property
    def reads(self) -> tuple[Read[Any, Any], ...]:
        """All that there are; one that declares no field to be found by has no `find`."""
        return (self.read, self.changed, self.count, *((self.find,) if self.by else ()))

    def fields(self, tenant: Tenant) -> tuple[str, ...]:
        """What is asked of this tenant, by its names."""
        return row_reader(self.name, self.row, tenant).fields

    def rows(self, body: bytes, tenant: Tenant) -> tuple[T, ...]:
        """The rows of an answer. Raises msgspec.DecodeError or Undecodable."""
        return row_reader(self.name, self.row, tenant).rows(body)

    def page(self, answer: Answer, tenant: Tenant, *, after_id: int, limit: int) -> Page[T]:
        """A page of a search by keyset. Raises Unavailable when it does not go on from `after_id`."""
        rows = self.rows(answer.body, tenant)
        last_id = max((row.id for row in rows), default=after_id)
        if any(row.id <= after_id for row in rows):
            raise Unavailable(f"Fulfil answered a page of {self.name} with records before it; it would never end")
        moment = answered_s(answer.headers)
        return Page(
            rows=rows,
            last_id=last_id,
            complete=len(rows) < min(limit, tenant.page_size),
            answered_at=None if moment is None else datetime.fromtimestamp(moment, UTC),
        )

    # -- by ids --------------------------------------------------------------------------------------------------------

    def _speak_read(self, asked: Ids, tenant: Tenant) -> Spoken:
        return read(tenant.model(self.name), asked.ids, self.fields(tenant))

    def _decode_read(self, answer: Answer, asked: Ids, tenant: Tenant) -> tuple[T, ...]:
        rows = self.rows(answer.body, tenant)
        if not {row.id for row in rows}.issubset(asked.ids):
            raise Unavailable(f"Fulfil answered a read of {self.name} with others than were asked for")
        return rows

    # -- by what changed -----------------------------------------------------------------------------------------------

    def _changed_domain(self, asked: Changes, tenant: Tenant) -> tuple[Any, ...]:
        states = ((tenant.field(self.name, "state"), "in", asked.states),) if asked.states else ()
        return (("id", ">", asked.after_id), *states, *changed_since(asked.since))

    def _speak_changed(self, asked: Changes, tenant: Tenant) -> Spoken:
        limit = min(asked.limit, tenant.page_size)
        return search_read(tenant.model(self.name), self._changed_domain(asked, tenant), self.fields(tenant), limit)

    def _decode_page(self, answer: Answer, asked: Changes, tenant: Tenant) -> Page[T]:
        return self.page(answer, tenant, after_id=asked.after_id, limit=asked.limit)

    def _speak_count(self, asked: Changes, tenant: Tenant) -> Spoken:
        path = f"model/{tenant.model(self.name)}/search_count"
        return Spoken(path=path, body=encode((self._changed_domain(asked, tenant),)), context=INACTIVE_TOO)

    # -- by a field ----------------------------------------------------------------------------------------------------

    def _speak_find(self, asked: Find, tenant: Tenant) -> Spoken:
        field = tenant.field(self.name, asked.by) if asked.by in self.by else ""
        if not field:
            raise Refused(f"{self.name} cannot be found by {asked.by!r} on this tenant", code="bad_body")
        which = (field, "=", asked.values[0]) if len(asked.values) == 1 else (field, "in", asked.values)
        domain = (("id", ">", asked.after_id), which)
        return search_read(tenant.model(self.name), domain, self.fields(tenant), min(asked.limit, tenant.page_size))

    def _decode_found(self, answer: Answer, asked: Find, tenant: Tenant) -> Page[T]:
        """A page that holds only what was asked for: an answer to another question proves nothing."""
        page = self.page(answer, tenant, after_id=asked.after_id, limit=asked.limit)
        attribute, wanted = self.by[asked.by], frozenset(asked.values)
        for row in page.rows:
            value = getattr(row, attribute)
            values = value if isinstance(value, tuple) else (str(value) if isinstance(value, Reference) else value,)
            if wanted.isdisjoint(values):
                raise Unavailable(f"Fulfil answered a search in {self.name} with others than were asked for")
        return page


def _count(answer: Answer, _asked: Changes, _tenant: Tenant) -> int:
    count: int = _decode_count(answer.body)
    return count
