"""The rest of the Core API: data pools, cross-reference lookups, systems, agent conversations (facts 2.4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, invalid, object_of
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.records import Pool
from connectors.patchworks.sandbox.resources import Resource, Shown

NAME_LENGTH_MIN, NAME_LENGTH_MAX, DESCRIPTION_LENGTH_MAX = 3, 100, 255
CONVERSATIONS_MAX = 1_000
FEATURES = ("flow-builder", "map-builder", "connector-builder")


class CorePools:
    """Data pools. Their path is singular, and the official client puts a slash behind it."""

    def __init__(self, books: Books, shown: Shown) -> None:
        self._books = books
        self._shown = shown

    async def pools(self, asked: Asked) -> Reply:
        """`GET /data-pool`."""
        return self._shown.page(asked, list(self._books.pools.values()), self._pool)

    async def create(self, asked: Asked) -> Reply:
        """`POST /data-pool`: 201."""
        name, description = _checked(object_of(asked))
        return self._shown.single(self._pool(self._books.add_pool(name, description)), HTTPStatus.CREATED)

    async def pool(self, asked: Asked) -> Reply:
        """`GET`, `PATCH` and `DELETE /data-pool/{id}`."""
        pool = self._found(asked)
        if asked.method == "DELETE":
            del self._books.pools[pool.id]
            return Reply(status=HTTPStatus.NO_CONTENT)
        if asked.method == "PATCH":
            pool.name, pool.description = _checked(
                {"name": pool.name, "description": pool.description, **object_of(asked)}
            )
            pool.updated_at = self._books.clock.now()
        return self._shown.single(self._pool(pool))

    async def deduped(self, asked: Asked) -> Reply:
        """`GET /data-pool/{id}/deduped-data`."""
        rows = list(enumerate(self._books.seen(self._found(asked)).items(), start=1))
        return self._shown.page(asked, rows, self._row)

    def _row(self, row: tuple[int, tuple[str, tuple[int, Any]]]) -> Resource:
        number, (value, (entity_type_id, at)) = row
        fields = {"value": value, "entity_type_id": entity_type_id, "created_at": self._shown.time(at)}
        return Resource("deduped-data", number, fields)

    def _found(self, asked: Asked) -> Pool:
        text = asked.path["pool"]
        pool = self._books.pools.get(int(text)) if text.isdecimal() else None
        if pool is None:
            raise ApiRefusal(404)
        return pool

    def _pool(self, pool: Pool) -> Resource:
        fields = {
            "name": pool.name,
            "description": pool.description,
            "data_pool_template_id": None,
            "created_at": self._shown.time(pool.created_at),
            "updated_at": self._shown.time(pool.updated_at),
        }
        return Resource("data-pool", pool.id, fields)


def _checked(wanted: dict[str, Any]) -> tuple[str, str]:
    """Name and description. Raises ApiRefusal."""
    name, description = wanted.get("name"), wanted.get("description") or ""
    if not isinstance(name, str) or not NAME_LENGTH_MIN <= len(name) <= NAME_LENGTH_MAX:
        raise invalid("name", "The name field must be between 3 and 100 characters.")
    if not isinstance(description, str) or len(description) > DESCRIPTION_LENGTH_MAX:
        raise invalid("description", "The description field must not be greater than 255 characters.")
    return name, description


class CoreLookups:
    """Cross-reference lookups: named tables from one system's value to another's; the only flat sample there is."""

    def __init__(self, books: Books, shown: Shown) -> None:
        self._books = books
        self._shown = shown
        self._rows: dict[int, dict[str, Any]] = {}

    async def lookups(self, asked: Asked) -> Reply:
        """`GET /cross-reference-lookups`."""
        return self._shown.page(asked, list(self._rows.items()), lambda row: Resource(_LOOKUPS, row[0], row[1]))

    async def create(self, asked: Asked) -> Reply:
        """`POST /cross-reference-lookups`: 201."""
        wanted = object_of(asked)
        if not isinstance(wanted.get("name"), str) or not wanted["name"]:
            raise invalid("name", "The name field is required.")
        id_ = self._books.new_id("lookups")
        self._rows[id_] = {**wanted, "created_at": self._shown.time(self._books.clock.now())}
        return self._shown.single(Resource(_LOOKUPS, id_, self._rows[id_]), HTTPStatus.CREATED)

    async def lookup(self, asked: Asked) -> Reply:
        """`GET` and `PATCH /cross-reference-lookups/{id}`."""
        text = asked.path["lookup"]
        id_ = int(text) if text.isdecimal() else -1
        if id_ not in self._rows:
            raise ApiRefusal(404)
        if asked.method == "PATCH":
            self._rows[id_].update(object_of(asked))
        return self._shown.single(Resource(_LOOKUPS, id_, self._rows[id_]))


_LOOKUPS = "cross-reference-lookups"


class CoreSystems:
    """What flows speak to. A system is what the dashboard calls a connector, a connector what it calls an instance."""

    def __init__(self, books: Books, shown: Shown) -> None:
        self._shown = shown
        channels = [f"{channel.name} ({channel.format})" for channel in books.config.sales_channels]
        self._names = list(enumerate(["Target", *channels], start=1))

    async def systems(self, asked: Asked) -> Reply:
        """`GET /systems`."""
        return self._shown.page(asked, self._names, self._system)

    async def connectors(self, asked: Asked) -> Reply:
        """`GET /connectors`."""
        return self._shown.page(asked, self._names, self._connector)

    def _system(self, row: tuple[int, str]) -> Resource:
        fields = {"name": row[1], "protocol": "HTTP", "rate_limit_unit": None, "rate_limit_duration": None}
        return Resource("systems", row[0], fields)

    def _connector(self, row: tuple[int, str]) -> Resource:
        return Resource("connectors", 100 + row[0], {"name": row[1], "system_id": row[0]})


class CoreConversations:
    """Agent conversations: kept and given back, and answered by nobody."""

    def __init__(self, books: Books, shown: Shown) -> None:
        self._books = books
        self._shown = shown
        self._rows: dict[int, dict[str, Any]] = {}

    async def conversations(self, asked: Asked) -> Reply:
        """`GET /agents/conversations`."""
        return self._shown.page(asked, list(self._rows), self._row)

    async def create(self, asked: Asked) -> Reply:
        """`POST /agents/conversations` with `feature`, `prompt` and perhaps `payload`: 201."""
        wanted = object_of(asked)
        if wanted.get("feature") not in FEATURES:
            raise invalid("feature", "The selected feature is invalid.")
        if not isinstance(wanted.get("prompt"), str):
            raise invalid("prompt", "The prompt field is required.")
        if len(self._rows) >= CONVERSATIONS_MAX:
            raise ApiRefusal(HTTPStatus.TOO_MANY_REQUESTS)
        id_ = self._books.new_id("conversations")
        messages = [{"role": "user", "content": wanted["prompt"]}]
        self._rows[id_] = {"feature": wanted["feature"], "messages": messages}
        return self._shown.single(self._row(id_), HTTPStatus.CREATED)

    async def conversation(self, asked: Asked) -> Reply:
        """`GET /agents/conversations/{id}`."""
        return self._shown.single(self._row(self._found(asked)))

    async def reply(self, asked: Asked) -> Reply:
        """`POST /agents/conversations/{id}/reply` with `message`."""
        id_, message = self._found(asked), object_of(asked).get("message")
        if not isinstance(message, str):
            raise invalid("message", "The message field is required.")
        self._rows[id_]["messages"].append({"role": "user", "content": message})
        return self._shown.single(self._row(id_))

    def _row(self, id_: int) -> Resource:
        return Resource("conversations", id_, self._rows[id_])

    def _found(self, asked: Asked) -> int:
        text = asked.path["conversation"]
        id_ = int(text) if text.isdecimal() else -1
        if id_ not in self._rows:
            raise ApiRefusal(HTTPStatus.NOT_FOUND)
        return id_
