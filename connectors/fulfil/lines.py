"""Changing the lines of a sale by writing them: all in one call through the sale, or one line at a time.

Which of the two a tenant takes after a sale is confirmed, if any, is probed; what it cannot do it refuses. Nothing
dedupes these calls: each is looked for by reading the lines. Where a tenant does not keep `channel_identifier` on a
line that is written, an added line is recognised by its product, quantity and price.
Source: Tryton, the commands for lists; developers.fulfil.io for the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Applied, Ask, Created, Sought, Write, created_one, encode, said_nothing
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find
from connectors.fulfil.sales import SALE_LINES, SaleLine, figures_stand
from connectors.fulfil.typed import create, decimal_out, delete, write
from connectors.http import Answer


class LineChange(msgspec.Struct, frozen=True, kw_only=True):
    """New figures for a line that exists. None: as it is."""

    id: int
    quantity: Decimal | None = None
    unit_price: Decimal | None = None


class NewLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to add. `channel_identifier` is how it is looked for after a lost answer."""

    channel_identifier: str
    product: int
    unit: int
    quantity: Decimal
    unit_price: Decimal
    description: str = ""
    taxes: tuple[int, ...] = ()


def amend_sale(
    sale_id: int, *, change: Sequence[LineChange] = (), remove: Sequence[int] = (), add: Sequence[NewLine] = ()
) -> Ask[Applied]:
    """Change, remove and add lines of one sale in one call through the sale, all or nothing.

    Raises ValueError when there is nothing to do, and for a figure that is not finite.
    """
    commands: list[Any] = [write((each.id,), _figures(each.quantity, each.unit_price)) for each in change]
    if remove:
        commands.append(delete(remove))
    if add:
        commands.append(create(*[_new_line(each) for each in add]))
    if not commands:
        raise ValueError("there is nothing to amend")
    return AMEND_SALE.ask(encode(((sale_id,), {"lines": commands})))


def _figures(quantity: Decimal | None, unit_price: Decimal | None) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if quantity is not None:
        figures["quantity"] = _quantity(quantity)
    if unit_price is not None:
        figures["unit_price"] = decimal_out(unit_price)
    if not figures:
        raise ValueError("a line is to be changed, and nothing about it differs")
    return figures


def _quantity(quantity: Decimal) -> Decimal:
    if not quantity.is_finite():
        raise ValueError(f"{quantity} is not a quantity that can be sent")
    return quantity


def _new_line(line: NewLine) -> dict[str, Any]:
    return {
        "type": "line",
        "channel_identifier": line.channel_identifier,
        "product": line.product,
        "unit": line.unit,
        "description": line.description,
        **_figures(line.quantity, line.unit_price),
        **({"taxes": [("add", line.taxes)]} if line.taxes else {}),
    }


class _Lines(msgspec.Struct, frozen=True):
    lines: list[list[Any]]


_decode_write: Final = msgspec.json.Decoder(tuple[tuple[int], _Lines]).decode


def _sought_lines(body: bytes) -> Sought[Find, Page[SaleLine]]:
    (sale_id,), _ = _decode_write(body)
    return Sought(SALE_LINES.find, Find(by="sale", values=(sale_id,)))


def _lines_written(body: bytes, found: Page[SaleLine]) -> Applied | None:
    """One transaction: all of it stands, or nothing was applied."""
    (sale_id,), values = _decode_write(body)
    there = {row.id: row for row in found.rows}
    for verb, *arguments in values.lines:
        match verb:
            case "write":
                ids, figures = arguments
                stands = all(id_ in there and figures_stand(figures, there[id_]) for id_ in ids)
            case "delete":
                stands = not any(id_ in there for id_ in arguments[0])
            case _:
                stands = all(any(_is_it(line, row) for row in found.rows) for line in arguments[0])
        if not stands:
            return None
    return Applied((sale_id,))


def _is_it(line: dict[str, Any], row: SaleLine) -> bool:
    if row.channel_identifier is not None:
        return bool(row.channel_identifier == line["channel_identifier"])
    return row.product == line["product"] and figures_stand(line, row)


def _written(answer: Answer, body: bytes) -> Applied:
    said_nothing(answer)
    return Applied(_decode_write(body)[0])


AMEND_SALE: Final[Write[Applied]] = Write(
    kind="amend_sale",
    path="model/sale.sale/write",
    decode=_written,
    sought=_sought_lines,
    verdict=_lines_written,
)


# -- one line at a time ------------------------------------------------------------------------------------------------


def change_line(change: LineChange) -> Ask[Applied]:
    """Give one line new figures. Raises ValueError when none is given, or one is not finite."""
    return CHANGE_LINE.ask(encode(((change.id,), _figures(change.quantity, change.unit_price))))


def add_line(sale_id: int, line: NewLine) -> Ask[Created]:
    """Add a line to a sale. Raises ValueError for a figure that is not finite."""
    return ADD_LINE.ask(encode((({"sale": sale_id, **_new_line(line)},),)))


def remove_lines(ids: Sequence[int]) -> Ask[Applied]:
    """Delete lines. Raises ValueError for none."""
    if not ids:
        raise ValueError("there is nothing to remove")
    return REMOVE_LINES.ask(encode((tuple(ids),)))


_decode_change: Final = msgspec.json.Decoder(tuple[tuple[int], dict[str, Any]]).decode
_decode_removal: Final = msgspec.json.Decoder(tuple[tuple[int, ...]]).decode


class _Added(msgspec.Struct, frozen=True):
    sale: int
    channel_identifier: str
    product: int
    quantity: Any
    unit_price: Any


_decode_addition: Final = msgspec.json.Decoder(tuple[tuple[_Added]]).decode


def _sought_ids(ids: tuple[int, ...]) -> Sought[Find, Page[SaleLine]]:
    """A search rather than a read, which would fail for a line that is gone."""
    if not ids:
        raise msgspec.DecodeError("the stored bytes name no line")
    return Sought(SALE_LINES.find, Find(by="id", values=ids))


def _sought_sale_of_addition(body: bytes) -> Sought[Find, Page[SaleLine]]:
    ((line,),) = _decode_addition(body)
    return Sought(SALE_LINES.find, Find(by="sale", values=(line.sale,)))


def _line_changed(body: bytes, found: Page[SaleLine]) -> Applied | None:
    ids, figures = _decode_change(body)
    return Applied(ids) if found.rows and figures_stand(figures, found.rows[0]) else None


def _line_added(body: bytes, found: Page[SaleLine]) -> Created | None:
    ((line,),) = _decode_addition(body)
    sent = msgspec.structs.asdict(line)
    return next((Created(row.id) for row in found.rows if _is_it(sent, row)), None)


def _lines_removed(body: bytes, found: Page[SaleLine]) -> Applied | None:
    return None if found.rows else Applied(_decode_removal(body)[0])


def _line_written(answer: Answer, body: bytes) -> Applied:
    said_nothing(answer)
    return Applied(_decode_change(body)[0])


def _deleted(answer: Answer, body: bytes) -> Applied:
    said_nothing(answer)
    return Applied(_decode_removal(body)[0])


CHANGE_LINE: Final[Write[Applied]] = Write(
    kind="change_line",
    path="model/sale.line/write",
    decode=_line_written,
    sought=lambda body: _sought_ids(_decode_change(body)[0]),
    verdict=_line_changed,
)
ADD_LINE: Final[Write[Created]] = Write(
    kind="add_line",
    path="model/sale.line/create",
    decode=created_one,
    sought=_sought_sale_of_addition,
    verdict=_line_added,
)
REMOVE_LINES: Final[Write[Applied]] = Write(
    kind="remove_lines",
    path="model/sale.line/delete",
    decode=_deleted,
    sought=lambda body: _sought_ids(_decode_removal(body)[0]),
    verdict=_lines_removed,
)
