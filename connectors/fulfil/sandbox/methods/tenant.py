"""Methods that are about the tenant: the user's preferences, today, attachments. Source: facts 11."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, put_date
from connectors.fulfil.sandbox.fields import COMPANY_ID
from connectors.fulfil.sandbox.methods.arguments import Method, argument
from connectors.fulfil.sandbox.records import Attachment
from connectors.fulfil.sandbox.refusals import UserError


def _preferences(books: Books, _: list[Any]) -> dict[str, Any]:
    return {
        "company": COMPANY_ID,
        "language": "en_US",
        "locale": {"date": "%m/%d/%Y", "decimal_point": ".", "thousands_sep": ","},
        "employee": None,
        "allowed_read_channels": [channel.id for channel in books.channels],
        "warehouses": list(books.stock.warehouses),
    }


def _today(books: Books, _: list[Any]) -> object:
    return put_date(books.transaction.today)


def _attach(books: Books, arguments: list[Any]) -> int:
    """`[filename, url, "model,id"]`: a file known by its URL. Whether the record exists is not looked at."""
    if not all(isinstance(one, str) for one in arguments):
        raise Malformed("an attachment takes a name, a URL and model,id")
    name, link, resource = (argument(arguments, index) for index in range(3))
    model, _, number = resource.partition(",")
    if not model or not number.isdecimal():
        raise Malformed("an attachment belongs to model,id")
    try:
        scheme = urlsplit(link).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise UserError("The attachment's address is not a URL.")
    table = books.attachments
    row = Attachment(id=table.new_id(), create_date=books.now, name=name, link=link, resource=resource)
    return table.add(row).id


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "res.user": {"get_preferences": _preferences},
    "ir.date": {"today": _today},
    "ir.attachment": {"add_attachment_from_url": _attach},
}
