"""How records look in answers: flat or with `attributes`, in pages with `meta` and `links` (facts 1.4 and 1.5).

Both styles are in use by public clients, and nothing public settles which one production has, so it is a switch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, invalid, json_reply
from connectors.patchworks.sandbox.config import SandboxConfig
from runtime.clock import Instant, to_datetime

T = TypeVar("T")
_WITH_ATTRIBUTES = {"flows", "flow-runs", "flow-run-logs"}
LOGS_PER_PAGE_MAX = 500


class Resource(msgspec.Struct, frozen=True):
    """A record to be shown: its fields, and the related ones that were asked for."""

    type: str
    id: str | int
    fields: dict[str, Any]
    related: dict[str, Any] = {}


class Query(msgspec.Struct, frozen=True):
    """The conventions of list calls, read: filters, includes and sorting by name."""

    filters: dict[str, str]
    includes: frozenset[str]
    sort: str


class Shown:
    """Writes resources in the style of the switch."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._style = config.switches.resource_style

    def time(self, at: Instant | None) -> str | None:
        """An instant in the format of the switch; UTC."""
        if at is None:
            return None
        moment = to_datetime(at)
        match self._config.switches.time_format:
            case "fraction":
                return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            case "whole":
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            case _:
                return moment.strftime("%Y-%m-%d %H:%M:%S")

    def one(self, resource: Resource) -> dict[str, Any]:
        """The resource as an object, without an envelope."""
        if self._style == "attributes" or (self._style == "mixed" and resource.type in _WITH_ATTRIBUTES):
            shown = {"id": str(resource.id), "type": resource.type, "attributes": resource.fields}
            if resource.related:
                shown["relationships"] = {
                    name: {"data": self._related(value)} for name, value in resource.related.items()
                }
            return shown
        related = {_snake(name): self._related(value) for name, value in resource.related.items()}
        return {"id": resource.id, **resource.fields, **related}

    def _related(self, value: Any) -> Any:
        if isinstance(value, Resource):
            return self.one(value)
        return [self.one(each) for each in value] if isinstance(value, list) else value

    def single(self, resource: Resource, status: int = 200) -> Reply:
        """The envelope of one resource."""
        return json_reply({"data": self.one(resource)}, status)

    def page(self, asked: Asked, rows: Sequence[T], show: Callable[[T], Resource], *, logs: bool = False) -> Reply:
        """One page of the rows. Raises ApiRefusal for a page or size that makes no sense."""
        number = _whole(asked, "page", 1)
        size = self._per_page(asked, logs=logs)
        start = (number - 1) * size
        cut = rows[start : start + size]
        last = max(1, -(-len(rows) // size))
        meta = {
            "current_page": number,
            "from": start + 1 if cut else None,
            "last_page": last,
            "path": asked.base,
            "per_page": size,
            "to": start + len(cut) if cut else None,
            "total": len(rows),
        }
        links = {
            "first": f"{asked.base}?page=1",
            "last": f"{asked.base}?page={last}",
            "prev": f"{asked.base}?page={number - 1}" if number > 1 else None,
            "next": f"{asked.base}?page={number + 1}" if number < last else None,
        }
        return json_reply({"data": [self.one(show(row)) for row in cut], "meta": meta, "links": links})

    def _per_page(self, asked: Asked, *, logs: bool) -> int:
        size = _whole(asked, "per_page", self._config.per_page_default)
        largest = LOGS_PER_PAGE_MAX if logs else self._config.per_page_max
        if size > largest and self._config.switches.per_page_overflow == "refuse" and not logs:
            raise invalid("per_page", f"The per page field must not be greater than {largest}.")
        return min(size, largest)

    def query(self, asked: Asked, *, filters: frozenset[str], includes: frozenset[str], sorts: frozenset[str]) -> Query:
        """The query of a list call. Raises ApiRefusal for what is not documented, unless the switch ignores it."""
        found: dict[str, str] = {}
        for name, value in asked.query.items():
            if name.startswith("filter[") and name.endswith("]"):
                found[name[len("filter[") : -1]] = value
        wanted = frozenset(filter(None, asked.query.get("include", "").split(",")))
        sort = asked.query.get("sort", "")
        if self._config.switches.unknown_query == "refuse":
            _check("filter(s)", set(found), filters)
            _check("include(s)", {_root(name) for name in wanted}, includes)
            _check("sort(s)", {sort.lstrip("-")} - {""}, sorts)
        return Query({name: value for name, value in found.items() if name in filters}, wanted, sort)


def matches(value: Any, wanted: str) -> bool:
    """Whether a filter lets a value pass; a list with commas means any of them."""
    if isinstance(value, bool):
        return (wanted.strip().lower() in {"1", "true"}) is value
    return str(value) in {part.strip() for part in wanted.split(",")}


def _root(include: str) -> str:
    return include.partition(".")[0].removesuffix("_count").removesuffix("Exists")


def _check(what: str, given: set[str], allowed: frozenset[str]) -> None:
    unknown = sorted(given - allowed)
    if unknown:
        names = ", ".join(sorted(allowed))
        text = f"Requested {what} `{', '.join(unknown)}` are not allowed. Allowed {what} are `{names}`."
        raise ApiRefusal(HTTPStatus.BAD_REQUEST, text)


def _whole(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name)
    if text is None or not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise invalid(name, f"The {name.replace('_', ' ')} field must be at least 1.")
    return int(text)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
