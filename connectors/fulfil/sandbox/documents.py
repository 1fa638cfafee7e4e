"""Reports and wizards: `PUT /report/{name}`, and the three calls of a wizard. Source: facts 2 and 11 (C S1).

What a report answers is not public (13.9), so it is a switch. The one wizard is Tryton's `sale.return_sale`.
"""

from __future__ import annotations

import base64
import hashlib
from http import HTTPStatus
from typing import Any, Final

from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.answers import HttpError
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.returns import return_order, returnable

REPORTS: Final = {
    "sale.sale": "sale.sale",
    "account.invoice": "account.invoice",
    "stock.shipment.out.delivery_note": "stock.shipment.out",
    "stock.shipment.out.picking_list": "stock.shipment.out",
}
"""The reports of the sandbox, and of which model each is."""
RETURN_SALE: Final = "sale.return_sale"


def report(books: Books, name: str, body: Any) -> dict[str, Any]:
    """A report of the records in `objects`: a URL, or the document itself. Raises HttpError 404, UserError."""
    if name not in REPORTS:
        raise HttpError(HTTPStatus.NOT_FOUND, "There is no report of that name.")
    ids = body.get("objects") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(id_, int) for id_ in ids):
        raise Malformed("a report takes objects, a list of ids")
    tables = {"sale.sale": books.sales, "account.invoice": books.ledger.invoices, **books.shipments}
    table: Any = tables[REPORTS[name]]
    if not ids or any(id_ not in table for id_ in ids):
        raise UserError("A record of the report does not exist.")
    text = f"{name} of {', '.join(map(str, ids))}".encode()
    if books.config.report_answer == "base64":
        content = base64.b64encode(text).decode()
        return {"name": name, "extension": "txt", "data": {"__class__": "bytes", "base64": content}}
    mark = hashlib.blake2b(text, digest_size=8).hexdigest()
    return {"name": name, "extension": "pdf", "url": f"https://files.example.com/{mark}.pdf"}


def wizard(books: Books, name: str, step: str, arguments: Any) -> Any:
    """One call of a wizard: `create` [ctx], `execute` [session, data, state, ctx], `delete` [session, ctx]."""
    if name != RETURN_SALE:
        raise HttpError(HTTPStatus.NOT_FOUND, "There is no wizard of that name.")
    match step, arguments:
        case "create", [dict()]:
            return [books.transaction.now, "start", "end"]
        case "execute", [int(), dict() as data, "start", dict()] if not data.get("start"):
            return {"view": {"state": "start", "defaults": {"channel_identifier": None}}}
        case "execute", [int(), dict(), str(), dict() as context]:
            return {"actions": [["open_sale", {"res_ids": _return_whole(books, context)}]]}
        case "delete", [int(), dict()]:
            return None
    raise Malformed("the wizard's arguments cannot be read")


def _return_whole(books: Books, context: dict[str, Any]) -> list[int]:
    """Return everything that is returnable of the sales that the context calls active."""
    ids = context.get("active_ids")
    if not isinstance(ids, list) or not all(isinstance(id_, int) for id_ in ids):
        raise Malformed("the context's active_ids are the sales to return")
    made = []
    for id_ in ids:
        sale = books.sales.get(id_)
        if sale is None:
            raise UserError(f"The sale {id_} does not exist.")
        lines = [line for line in sale_workflow.goods_of(books, sale) if returnable(books, line) > 0]
        made.append(return_order(books, sale, {"lines": [{"order_line_id": line.id} for line in lines]}).id)
    return made
