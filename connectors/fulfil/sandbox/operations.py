"""The v2 endpoints: a request's method, path, query and body in, an answer out. Knows no sockets and no faults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from connectors.fulfil.sandbox import documents, sale_workflow
from connectors.fulfil.sandbox.answers import HttpError, Reply, http_error, page_too_large, result, server_error
from connectors.fulfil.sandbox.answers import user_error as refused
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.calls import Calls
from connectors.fulfil.sandbox.encoding import Malformed, decode_json, from_wire
from connectors.fulfil.sandbox.find import FindRequest, find_query
from connectors.fulfil.sandbox.methods import METHODS
from connectors.fulfil.sandbox.order_document import read_order
from connectors.fulfil.sandbox.orders import Placed, answer, place_order
from connectors.fulfil.sandbox.reading import PageTooLarge, Reading, field_list, read_query
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.schema import ALIASES, Model, ModelSchema
from connectors.fulfil.sandbox.writing import Writing

CREATE_ORDER = "sale.channel/create_order"
PLAIN = frozenset(("search", "search_read", "search_count", "read", "create", "write", "delete", "serialize"))
"""The calls that every model with records has."""
DOCUMENTS = {"report": 2, "wizard": 3}
"""Places beside `model`, and how many parts their paths have."""
UNKNOWN_ROUTE = "unknown"
VERBS = ("GET", "PUT", "POST", "DELETE")


class Request(msgspec.Struct, frozen=True):
    """One request below `/api/v2/`: `parts` are the path's segments after that."""

    verb: str
    parts: tuple[str, ...]
    query: Sequence[tuple[str, str]]
    body: bytes


class Target(msgspec.Struct, frozen=True):
    """What a request is addressed to. `route` is the name under which it is counted and plagued by faults."""

    route: str
    model: str = ""
    operation: str = ""
    id: int | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The answer, and what create_order did when it was that."""

    reply: Reply
    placed: Placed | None = None


class _Key(msgspec.Struct, gc=False):
    channel_identifier: str


_decode_key = msgspec.json.Decoder(tuple[int, _Key]).decode


def order_key(target: Target, request: Request) -> tuple[int, str] | None:
    """The channel and channel_identifier of a create_order; None for other routes, and for a body without them."""
    if target.route != CREATE_ORDER:
        return None
    try:
        channel, order = _decode_key(request.body)
    except msgspec.DecodeError:
        return None
    return channel, order.channel_identifier


def business_key(target: Target, request: Request) -> bytes:
    """What makes two requests the same for the fault plan."""
    key = order_key(target, request)
    if key is not None:
        return f"{key[0]}/{key[1]}".encode()
    parts = ("/".join(request.parts), repr(list(request.query)))
    return hashlib.blake2b("?".join(parts).encode() + request.body, digest_size=16).digest()


class Operations:
    """Answers requests from one set of books."""

    def __init__(self, books: Books, calls: Calls) -> None:
        self.books = books
        self.calls = calls
        self.schema = ModelSchema(books)
        self.reading = Reading(self.schema)
        self.writing = Writing(self.schema)

    # -- which call is it ----------------------------------------------------------------------------------------------

    def target(self, verb: str, parts: tuple[str, ...]) -> Target:
        """What is addressed; the route `unknown` when the sandbox does not serve it."""
        if parts == ("async-result",) and verb == "POST":
            return Target("async-result", operation="async-result")
        if len(parts) == DOCUMENTS.get(parts[0]) and verb == "PUT":
            return Target("/".join(parts), parts[1], f"{parts[0]}/{parts[-1] if parts[0] == 'wizard' else ''}")
        if parts[0] != "model":
            return Target(UNKNOWN_ROUTE)
        named, rest = "".join(parts[1:2]), parts[2:]
        model = ALIASES.get(named, named)
        methods = OWN_METHODS.get(model, frozenset())
        operation, id_ = _operation(verb, rest, methods)
        plain = model in self.schema.models and (operation in REST or operation in PLAIN)
        if not plain and operation not in methods:
            return Target(UNKNOWN_ROUTE)
        return Target(f"{model}/{operation}", model, operation, id_)

    def answer(self, target: Target, request: Request) -> Outcome:
        """Do what is asked. Failures are answers too: nothing is raised but defects of the sandbox."""
        try:
            self.books.begin(_context(request.query))
            self.run_tasks()
            if target.route == CREATE_ORDER:
                return self._create_order(request)
            return Outcome(self._answer(target, request))
        except UserError as error:
            reply = refused(error, self.books.config.user_error_status)
        except PageTooLarge as error:
            reply = page_too_large(str(error))
        except (Malformed, RecursionError):
            reply = server_error(hashlib.blake2b(request.body, digest_size=16).hexdigest())
        except HttpError as error:
            reply = http_error(error.status, error.message)
        except msgspec.DecodeError:
            reply = http_error(HTTPStatus.BAD_REQUEST, "The body is not JSON.")
        return Outcome(reply)

    def run_tasks(self) -> None:
        """Process the sales that are due. One that cannot be processed is a failed task, and stays confirmed."""
        for task in self.books.tasks.take(self.books.now):
            sale = self.books.sales.get(task.sale)
            try:
                if sale is not None:
                    sale_workflow.check(self.books, sale, "process")
                    sale_workflow.process(self.books, sale)
                task.state = "SUCCESS"
            except UserError as error:
                task.state, task.error = "FAILURE", error

    def _create_order(self, request: Request) -> Outcome:
        channel, order = read_order(request.body)
        placed = place_order(self.books, channel, order, request.body)
        return Outcome(result(answer(self.books, placed.sale)), placed)

    def _answer(self, target: Target, request: Request) -> Reply:
        if target.route == UNKNOWN_ROUTE:
            if any(self.target(verb, request.parts).route != UNKNOWN_ROUTE for verb in VERBS):
                raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"The method {request.verb} is not allowed here.")
            raise HttpError(HTTPStatus.NOT_FOUND, "This sandbox serves no such model, method or path.")
        body = decode_json(request.body) if request.body else []
        match target.operation.partition("/"):
            case "report", "/", _:
                return result(documents.report(self.books, target.model, body))
            case "wizard", "/", step:
                return result(documents.wizard(self.books, target.model, step, from_wire(body)))
        if target.operation in REST:
            return REST[target.operation](self, target, request)
        method = METHODS.get(target.model, {}).get(target.operation)
        if method is None:
            return result(self._method(self.schema.model(target.model), target.operation, body))
        arguments = body if isinstance(body, list) else [body]
        if target.id is not None:
            self._one(target)
            arguments = [[target.id], *arguments]
        self._check_attached(target, arguments)
        return result(method(self.books, arguments))

    def _check_attached(self, target: Target, arguments: list[Any]) -> None:
        """Raises UserError when an attachment is meant for a record that does not exist."""
        if target.model != "ir.attachment":
            return
        model, _, number = str(arguments[-1] if arguments else "").partition(",")
        if model in self.schema.models and number.isdecimal():
            self.writing.record(model, int(number))

    # -- methods by PUT ------------------------------------------------------------------------------------------------

    @property
    def _active_only(self) -> bool:
        return self.books.transaction.context.get("active_test") is not False

    def _method(self, model: Model, name: str, arguments: Any) -> Any:
        match name:
            case "search" | "search_count" | "search_read":
                return self._search(model, name, arguments)
            case "read":
                records = self._records(model, _argument(arguments, 0))
                return self.reading.rows(model, records, field_list((*arguments, None)[1]))
            case "serialize":
                return [self.reading.expanded(model, row) for row in self._records(model, _argument(arguments, 0))]
            case "create":
                return self.writing.create(model.name, _argument(arguments, 0))
            case "write":
                self._write(model, arguments)
            case _:
                self.writing.delete(model.name, _ids(_argument(arguments, 0)))
        return None

    def _search(self, model: Model, name: str, arguments: Any) -> Any:
        query, fields = read_query(arguments, active_only=self._active_only, paged=name == "search_read")
        found = self.reading.search(model, query)
        self._count_lookup(model, query.domain)
        if name == "search_count":
            return len(found)
        return self.reading.rows(model, found, fields) if name == "search_read" else [row.id for row in found]

    def _write(self, model: Model, arguments: Any) -> None:
        """Ids and values, in one or (as in Tryton) several pairs."""
        if not isinstance(arguments, list) or not arguments or len(arguments) % 2:
            raise Malformed("write takes pairs of ids and values")
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        self.writing.write(model.name, [(_ids(ids), values) for ids, values in pairs])

    def _records(self, model: Model, ids: Any) -> list[Any]:
        self.writing.checks.count(len(_ids(ids)))
        return [self.writing.record(model.name, id_) for id_ in _ids(ids)]

    def _count_lookup(self, model: Model, domain: Any) -> None:
        identifiers = _asked_for(domain, "channel_identifier") if model.name == "sale.sale" else []
        if identifiers:
            channels = _asked_for(domain, "channel") or [channel.id for channel in self.books.channels]
            self.calls.looked(channels, identifiers)

    # -- REST verbs ----------------------------------------------------------------------------------------------------

    def _find(self, target: Target, request: Request) -> Reply:
        model = self.schema.model(target.model)
        asked: FindRequest = find_query(model, request.query, active_only=self._active_only)
        self._count_lookup(model, asked.query.domain)
        return result(self.reading.rows(model, self.reading.search(model, asked.query), asked.fields))

    def _get(self, target: Target, request: Request) -> Reply:
        model = self.schema.model(target.model)
        record = self._one(target)
        fields = [name for key, value in request.query if key in ("fields", "field") for name in value.split(",")]
        if fields or self.books.config.get_without_fields == "minimal":
            return result(self.reading.rows(model, [record], fields)[0])
        return result(self.reading.full(model, record))

    def _count(self, target: Target, request: Request) -> Reply:
        model = self.schema.model(target.model)
        query = [(key, value) for key, value in request.query if key not in ("page", "per_page")]
        asked = find_query(model, query, active_only=self._active_only)
        return result(len(self.reading.search(model, msgspec.structs.replace(asked.query, limit=None))))

    def _post(self, target: Target, request: Request) -> Reply:
        model = self.schema.model(target.model)
        ids = self.writing.create(model.name, decode_json(request.body))
        return result(self.reading.rows(model, self._records(model, ids), None), HTTPStatus.CREATED)

    def _update(self, target: Target, request: Request) -> Reply:
        record = self._one(target)
        self.writing.write(target.model, [([record.id], decode_json(request.body))])
        return result(self.reading.rows(self.schema.model(target.model), [record], None)[0])

    def _remove(self, target: Target, _: Request) -> Reply:
        self.writing.delete(target.model, [self._one(target).id])
        return Reply(b"", HTTPStatus.NO_CONTENT)

    def _fields(self, target: Target, _: Request) -> Reply:
        """The model's fields with their kinds (F weak: the call is known, its answer is not)."""
        model = self.schema.model(target.model)
        return result([{"name": name, "type": one.kind, "relation": one.target} for name, one in model.fields.items()])

    def _async_result(self, _: Target, request: Request) -> Reply:
        body = decode_json(request.body)
        tasks = body.get("tasks") if isinstance(body, dict) else None
        if not isinstance(tasks, list) or not all(isinstance(task, list) and len(task) == 2 for task in tasks):  # noqa: PLR2004
            raise Malformed("async-result takes tasks, pairs of id and token")
        return result({"tasks": [self.books.tasks.answer(*task) for task in tasks]})

    def _one(self, target: Target) -> Any:
        record = None if target.id is None else self.schema.record(target.model, target.id)
        if record is None:
            raise HttpError(HTTPStatus.NOT_FOUND, f"There is no {target.model} with that id.")
        return record


OWN_METHODS = {
    **{model: frozenset(methods) for model, methods in METHODS.items()},
    "sale.channel": frozenset(("create_order",)),
}
REST: dict[str, Callable[[Operations, Target, Request], Reply]] = {
    "find": Operations._find,  # noqa: SLF001 - the table of this class's own verbs
    "get": Operations._get,  # noqa: SLF001
    "count": Operations._count,  # noqa: SLF001
    "POST": Operations._post,  # noqa: SLF001
    "update": Operations._update,  # noqa: SLF001
    "remove": Operations._remove,  # noqa: SLF001
    "fields": Operations._fields,
    "async-result": Operations._async_result,  # noqa: SLF001
}


def _operation(verb: str, rest: tuple[str, ...], methods: frozenset[str]) -> tuple[str, int | None]:
    """The operation and the record's id, from what follows the model in the path."""
    if not rest:
        return {"GET": "find", "POST": "POST"}.get(verb, ""), None
    if not rest[0].isdecimal():
        name = rest[0] if len(rest) == 1 else ""
        if verb == "GET":
            return (name if name in {"count", "fields"} else ""), None
        return (name if verb == "PUT" and name not in REST else ""), None
    id_, method = int(rest[0]), rest[1:]
    if not method:
        return {"GET": "get", "PUT": "update", "POST": "update", "DELETE": "remove"}.get(verb, ""), id_
    return (method[0] if verb == "PUT" and method[1:] == () and method[0] in methods else ""), id_


def _context(query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    for key, value in query:
        if key == "context" and value not in ("", "{}", "null"):
            context = decode_json(value.encode())
            if not isinstance(context, dict):
                raise HttpError(HTTPStatus.BAD_REQUEST, "The context is not a JSON object.")
            return context
    return {}


def _argument(arguments: Any, index: int) -> Any:
    if not isinstance(arguments, list) or len(arguments) <= index:
        raise Malformed("an argument is missing")
    return arguments[index]


def _ids(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(id_, int) and not isinstance(id_, bool) for id_ in value):
        raise Malformed("ids is a list of whole numbers")
    return value


def _asked_for(domain: Any, field: str) -> list[Any]:
    """The values that the domain compares this field with, wherever they stand in it."""
    if not isinstance(domain, list) or not domain:
        return []
    if domain[0] == field:
        values = domain[-1]
        return values if isinstance(values, list) else [values]
    return [value for part in domain for value in _asked_for(part, field)]
