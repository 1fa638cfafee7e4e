"""What a create or a write must satisfy beyond the kinds of its fields: keys, states, gates, and who was faster."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Final

from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.answers import HttpError
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed
from connectors.fulfil.sandbox.records import Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.sale_workflow import OPEN_STATES
from connectors.fulfil.sandbox.webhooks import check_webhook
from runtime.clock import Instant

METAFIELDS: Final = frozenset(("sale.sale", "party.party", "stock.shipment.out"))
"""Models that have metafields here."""
DRAFT_ONLY: Final = frozenset(("account.move", "account.invoice", "stock.inventory", "payment_gateway.transaction"))
"""Models whose records are written only while they are drafts."""
FIXED_PAST_QUOTATION: Final = ("channel", "currency")


class Checks:
    """The checks over one set of books. Each raises UserError unless it says otherwise."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def count(self, count: int) -> None:
        """No call names more records than the tenant takes. Raises HttpError."""
        most = self.books.config.list_max
        if most and count > most:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"The list has {count} entries; at most {most} are taken.")

    def draft(self, record: Any) -> None:
        """The record is a draft."""
        if record.state != "draft":
            raise UserError(f"The record {record.id} is {record.state}; only a draft can be changed.")

    def lines_open(self, sale: Sale) -> None:
        """Lines of the sale may be changed: before it is confirmed, or by the switch `line_write_after_confirm`."""
        if sale.state not in OPEN_STATES and self.books.config.line_write_after_confirm == "refuse":
            raise UserError(f"The lines of the sale {sale.id} cannot be changed in the state {sale.state!r}.")

    def unique(self, model: str, values: Mapping[str, Any], taken: set[Any]) -> None:
        """The record's key is free, also among those `taken` by the same call; it is taken then."""
        key: Any = None
        known = False
        if model == "party.party" and values.get("code"):
            key, known = ("party", values["code"]), values["code"] in self.books.party_ids_by_code
        if model == "sale.sale" and values.get("channel_identifier") is not None:
            key = (values["channel"], values["channel_identifier"])
            known = key in self.books.sale_ids
        if model == "product.product.channel_listing":
            key = ("listing", values["channel"], values["product_identifier"])
            known = key[1:] in self.books.listing_ids
        if known or (key is not None and key in taken):
            named = {"party.party": "code", "sale.sale": "channel, channel_identifier"}
            what = named.get(model, "channel, product_identifier")
            raise UserError(f"The {what} of {model} must be unique: the constraint was violated.")
        taken.add(key)

    def rename(self, model: str, record: Any, checked: Mapping[str, Any], taken: set[Any]) -> None:
        """A new key is free."""
        names = {"party.party": ("code",), "sale.sale": ("channel", "channel_identifier")}.get(model, ())
        now = {name: getattr(record, name) for name in names}
        then = {name: checked.get(name, value) for name, value in now.items()}
        if then != now:
            self.unique(model, then, taken)

    def new(self, model: str, values: Mapping[str, Any], parent: str) -> None:
        """What a new record must satisfy; `parent` is the field that its parent's own create fills."""
        if model == "sale.line" and parent != "sale":
            self.lines_open(self.books.sales[values["sale"]])
        if model == "account.move.line":
            self._not_negative(values)
            if parent != "move":
                self.draft(self.books.ledger.moves[values["move"]])
        if model == "account.invoice.line" and parent != "invoice":
            self.draft(self.books.ledger.invoices[values["invoice"]])
        if model == "stock.inventory.line" and parent != "inventory":
            self.draft(self.books.stock.counts[values["inventory"]])
        if model == "payment_gateway.transaction" and values.get("type") not in (None, "charge", "refund"):
            raise UserError("The type of a transaction is charge or refund.")
        if model == self.books.config.webhook_model:
            check_webhook(self.books, event=values["event"], url=values["url"])

    def change(self, model: str, record: Any, checked: Mapping[str, Any]) -> None:
        """What a written record must satisfy."""
        books = self.books
        if model == "sale.line":
            wanted = {name: checked.get(name, getattr(record, name)) for name in ("product", "quantity", "unit_price")}
            sale_workflow.check_change(books, record, **wanted)
        if model == "sale.sale" and record.state not in OPEN_STATES:
            fixed = [
                name
                for name in FIXED_PAST_QUOTATION
                if checked.get(name, getattr(record, name)) != getattr(record, name)
            ]
            if fixed:
                raise UserError(f"The field {fixed[0]} of the sale {record.id} is fixed in the state {record.state!r}.")
        if model in DRAFT_ONLY:
            self.draft(record)
        if model == "account.move.line":
            self._not_negative(checked)
            self.draft(books.ledger.moves[record.move])
        if model == "account.invoice.line":
            self.draft(books.ledger.invoices[record.invoice])
        if model == "stock.inventory.line":
            self.draft(books.stock.counts[record.inventory])
        if model in books.shipments and record.state in ("done", "cancel"):
            raise UserError(f"The shipment {record.id} is {record.state}; it cannot be changed.")
        if model == books.config.webhook_model:
            check_webhook(books, event=checked.get("event", record.event), url=checked.get("url", record.url))

    def _not_negative(self, values: Mapping[str, Any]) -> None:
        if any((values.get(side) or 0) < 0 for side in ("debit", "credit")):
            raise UserError("Debit and credit are never negative.")

    def fresh(self, model: str, record: Any) -> None:
        """The switch of facts 13.5: `_timestamp` in the context says when the caller read the record.

        Raises UserError, HttpError 409 or nothing for one that was changed since; Malformed for what is no timestamp.
        """
        stamps = self.books.transaction.context.get("_timestamp")
        given = stamps.get(f"{model},{record.id}") if isinstance(stamps, Mapping) else None
        if given is None or self.books.config.stale_write == "ignore":
            return
        try:
            read_at = Instant(round(Decimal(str(given)) * 1_000_000))
        except (InvalidOperation, ValueError, OverflowError):
            raise Malformed("a timestamp is a number of seconds") from None
        if (record.write_date or record.create_date) <= read_at:
            return
        message = f"The record {record.id} of {model} was changed by somebody else."
        match self.books.config.stale_write:
            case "conflict":
                raise HttpError(HTTPStatus.CONFLICT, message)
            case "exception_type":
                raise UserError(message, type_="ConcurrencyException")
        raise UserError(message)


def metafields_in(model: str, values: Mapping[str, Any]) -> Mapping[int, Any]:
    """`{"set": [{"field", "value"}]}`, alone in its call: with other fields it is a server error (F S7).

    Raises Malformed.
    """
    if "metafields" not in values:
        return {}
    wanted = values["metafields"]
    rows = wanted.get("set") if isinstance(wanted, Mapping) else None
    if len(values) > 1 or model not in METAFIELDS or not isinstance(rows, list):
        raise Malformed("metafields are set alone")
    try:
        return {int(row["field"]): row["value"] for row in rows}
    except (KeyError, TypeError, ValueError):
        raise Malformed("a metafield is set by field and value") from None
