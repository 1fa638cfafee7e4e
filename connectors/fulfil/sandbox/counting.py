"""Stock counts (`stock.inventory`): what was counted becomes what lies there. Source: facts 8.5 (D S3)."""

from __future__ import annotations

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.stock_records import Count


def complete(books: Books, count: Count) -> None:
    """Note on each line what the books expect to lie there."""
    for id_ in count.lines:
        line = books.stock.count_lines[id_]
        line.expected_quantity = books.stock.level(line.product, _storage(books, count))
        books.touched(line)
    books.touched(count)


def confirm(books: Books, count: Count) -> None:
    """Move the differences from or to lost and found. Raises UserError for a location that holds no goods."""
    storage = _storage(books, count)
    for id_ in count.lines:
        line = books.stock.count_lines[id_]
        books.stock.correct(line.product, storage, line.quantity)
    count.state = "done"
    books.touched(count)


def cancel(books: Books, count: Count) -> None:
    """Give up a count."""
    count.state = "cancel"
    books.touched(count)


def _storage(books: Books, count: Count) -> int:
    """Where is counted: the location itself, or a warehouse's storage."""
    location = books.stock.locations[count.location]
    if location.type == "warehouse":
        return books.stock.zones(location.id)[2]
    if location.parent is None:
        raise UserError(f"Nothing lies at the location {location.name}.")
    return location.id
