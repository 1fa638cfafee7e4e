"""Reading the positional arguments of a method call. What makes no sense is Malformed, and so a server error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, from_wire
from connectors.fulfil.sandbox.records import Record
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.tables import Table

R = TypeVar("R", bound=Record)
Method = Callable[[Books, list[Any]], Any]


def argument(arguments: list[Any], index: int, default: Any = ...) -> Any:
    """One argument. Raises Malformed when it is missing and has no default."""
    if len(arguments) > index:
        return from_wire(arguments[index])
    if default is ...:
        raise Malformed("an argument is missing")
    return default


def ids_of(value: Any) -> list[int]:
    """A list of ids, each once. Raises Malformed."""
    if not isinstance(value, list) or not all(isinstance(id_, int) and not isinstance(id_, bool) for id_ in value):
        raise Malformed("ids is a list of whole numbers")
    return list(dict.fromkeys(value))


def records(table: Table[R], model: str, arguments: list[Any]) -> list[R]:
    """The records that the first argument names. Raises UserError when one does not exist."""
    found = []
    for id_ in ids_of(argument(arguments, 0)):
        row = table.get(id_)
        if row is None:
            raise UserError(f"The record {id_} of {model} does not exist.")
        found.append(row)
    return found


def text_or_none(value: Any) -> str | None:
    """A text, or None. Raises Malformed."""
    if value is not None and not isinstance(value, str):
        raise Malformed("a text is expected")
    return value
