"""The list endpoint's query parameters, in both of its styles.

Style of fulfil_client: `filter` (a domain), `page`, `per_page`, repeated `field`, `order`, each as JSON. REST style of
live integrations: `fields` as a comma list, `ids`, `since_id`, `created_at_min/max`, `updated_at_min/max`, and plain
`{field}={value}` equality.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from connectors.fulfil.sandbox.answers import HttpError
from connectors.fulfil.sandbox.encoding import decode_json
from connectors.fulfil.sandbox.reading import PAGE_MAX, Query, read_query
from connectors.fulfil.sandbox.schema import Model

_BOUNDS = {
    "since_id": ("id", ">"),
    "created_at_min": ("create_date", ">="),
    "created_at_max": ("create_date", "<="),
    "updated_at_min": ("write_date", ">="),
    "updated_at_max": ("write_date", "<="),
}


class FindRequest(msgspec.Struct, frozen=True):
    """What a list request asks for."""

    query: Query
    fields: list[str] | None


def find_query(model: Model, parameters: Sequence[tuple[str, str]], *, active_only: bool) -> FindRequest:
    """The search that the parameters ask for. Raises HttpError 400, Malformed, PageTooLarge."""
    numbers = {"page": 1, "per_page": PAGE_MAX}
    order: Any = None
    clauses: list[Any] = []
    fields: list[str] = []
    try:
        for key, value in parameters:
            match key:
                case "page" | "per_page":
                    numbers[key] = int(value)
                case "order":
                    order = decode_json(value.encode())
                case "field" | "fields":
                    fields += [name for name in value.split(",") if name]
                case "filter":
                    clauses.append(decode_json(value.encode()) or [])
                case "ids":
                    clauses.append(["id", "in", [int(id_) for id_ in value.split(",") if id_]])
                case "context":
                    continue
                case _:
                    clauses.append(_clause(model, key, value))
    except (ValueError, msgspec.DecodeError):
        raise HttpError(HTTPStatus.BAD_REQUEST, "A query parameter cannot be read.") from None
    page, per_page = numbers["page"], numbers["per_page"]
    if page < 1:
        raise HttpError(HTTPStatus.BAD_REQUEST, "The first page is 1.")
    arguments = [clauses, (page - 1) * per_page, per_page, order, fields]
    return FindRequest(*read_query(arguments, active_only=active_only, paged=True))


def _clause(model: Model, key: str, value: str) -> list[Any]:
    """One parameter as a clause; raises ValueError for a parameter that is neither a bound nor a field."""
    name, sign = _BOUNDS.get(key, (key, "="))
    field = model.fields.get(name)
    if field is None:
        raise ValueError
    if field.kind in ("integer", "many2one"):
        return [name, sign, int(value)]
    if field.kind == "boolean":
        return [name, sign, value.lower() in ("true", "1")]
    return [name, sign, value]
