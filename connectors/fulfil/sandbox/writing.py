"""Changing records by the plain model calls: create, write and delete.

A call is checked as a whole before anything is changed, because Tryton runs it in one transaction (the switch
`create_list` does otherwise). Sources: Tryton's one2many commands, and error texts of live integrations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.checks import Checks, metafields_in
from connectors.fulfil.sandbox.domain import coerce
from connectors.fulfil.sandbox.encoding import Malformed, from_wire
from connectors.fulfil.sandbox.inserting import add_to_batch, compute_invoice_line, compute_line, inserts_of
from connectors.fulfil.sandbox.ledger_records import InvoiceLine
from connectors.fulfil.sandbox.records import Line, Party, Product, Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.schema import ModelSchema
from connectors.fulfil.sandbox.writable import CHILDREN, FIXED, IGNORED, NOT_CREATED, TAXED, rules_of

BATCH = "stock.shipment.out.batch"


class Draft(msgspec.Struct):
    """A record that passed all checks and is not in the books yet."""

    model: str
    values: dict[str, Any]
    parent: str = ""
    children: list[Draft] = []
    taxes: tuple[int, ...] = ()
    shipments: tuple[int, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """What a write does to one record, once all of the call has been checked."""

    record: Any
    values: Mapping[str, Any]
    taxes: tuple[int, ...]
    drafts: list[Draft]
    metafields: Mapping[int, Any] = {}
    inner: Sequence[tuple[str, Change]] = ()
    """Changes of child records, with their models."""
    gone: Sequence[Line] = ()
    """Lines of a sale that are deleted."""


class Writing:
    """Applies changes to one set of books."""

    def __init__(self, schema: ModelSchema) -> None:
        self.schema = schema
        self.books: Books = schema.books
        self.rules = rules_of(self.books.config)
        self.checks = Checks(self.books)
        self._inserts = inserts_of(self.books)

    # -- create --------------------------------------------------------------------------------------------------------

    def create(self, model: str, values: Any) -> list[int]:
        """Create a record for each of the objects, all or none. Raises UserError, Malformed."""
        if not isinstance(values, list):
            raise Malformed("create takes a list of objects")
        self.checks.count(len(values))
        taken: set[Any] = set()
        if self.books.config.create_list == "one_by_one":
            return [self._insert(self._draft(model, from_wire(one), taken)) for one in values]
        drafts = [self._draft(model, from_wire(one), taken) for one in values]
        return [self._insert(draft) for draft in drafts]

    def _draft(self, model: str, values: Any, taken: set[Any], parent: str = "") -> Draft:
        if model not in self.rules.writable or model in NOT_CREATED:
            raise UserError(f"Records of {model} cannot be created here.")
        if not isinstance(values, Mapping):
            raise Malformed("a record is an object")
        state = values.get("state")
        if state not in (None, "draft"):
            raise UserError(f"Cannot create record with state {state!r}. Allowed states: draft")
        draft = Draft(model, {}, parent, [])
        for name, value in values.items():
            self._fill(draft, name, value, taken)
        missing = [name for name in self.rules.required[model] if name != parent and draft.values.get(name) is None]
        if missing:
            raise UserError(f"The field {missing[0]} on {model} is required.")
        self._check_identifier(draft)
        self.checks.unique(model, draft.values, taken)
        self.checks.new(model, draft.values, parent)
        return draft

    def _fill(self, draft: Draft, name: str, value: Any, taken: set[Any]) -> None:
        model = draft.model
        if (model, name) in CHILDREN:
            child, inverse = CHILDREN[model, name]
            draft.children += [self._draft(child, one, taken, inverse) for one in _made(value)]
        elif name == "taxes" and model in TAXED:
            draft.taxes = self._tax_ids(value, ())
        elif (model, name) == (BATCH, "shipments"):
            draft.shipments = self._shipment_ids(value)
        elif name not in IGNORED:
            draft.values[name] = self._value(model, name, value)

    def _check_identifier(self, draft: Draft) -> None:
        """The switch of facts 13.8: a plain create may not set channel_identifier everywhere."""
        given = draft.model == "sale.sale" and draft.values.get("channel_identifier") is not None
        if given and self.books.config.plain_channel_identifier == "refuse":
            raise UserError("The field channel_identifier on sale.sale is read only.")
        if given and self.books.config.plain_channel_identifier == "drop":
            del draft.values["channel_identifier"]

    def _value(self, model: str, name: str, value: Any) -> Any:
        field = self.schema.field(model, name)
        if name not in self.rules.writable[model]:
            raise UserError(f"The field {name} on {model} is not writable.")
        if value is None:
            return None
        value = coerce(field, value)
        known = field.target is None or self.schema.record(field.target, value) is not None
        if field.kind == "many2one" and not known:
            raise UserError(f"The value of the field {name} on {model} does not exist.")
        return value

    def _insert(self, draft: Draft, parent_id: int = 0) -> int:
        values = dict(draft.values)
        if draft.parent:
            values[draft.parent] = parent_id
        id_ = self._add(draft, {name: value for name, value in values.items() if value is not None})
        for child in draft.children:
            self._insert(child, id_)
        return id_

    def _add(self, draft: Draft, values: dict[str, Any]) -> int:
        attributes = {self.rules.attributes.get((draft.model, name), name): value for name, value in values.items()}
        id_ = self._inserts[draft.model](self.books, attributes, draft.taxes)
        if draft.shipments:
            add_to_batch(self.books, self.books.batches[id_], draft.shipments)
        return id_

    def _shipment_ids(self, commands: Any) -> tuple[int, ...]:
        ids: list[int] = []
        for name, arguments in _commands(commands):
            if name != "add" or not isinstance(arguments[0], list):
                raise Malformed("shipments are added by ids")
            ids += arguments[0]
        for id_ in ids:
            if self.record("stock.shipment.out", id_).batch is not None:
                raise UserError(f"The shipment {id_} is in a batch already.")
        return tuple(dict.fromkeys(ids))

    def _tax_ids(self, commands: Any, have: Sequence[int]) -> tuple[int, ...]:
        ids = list(have)
        for name, arguments in _commands(commands):
            if name not in ("add", "remove") or not isinstance(arguments[0], list):
                raise Malformed("taxes are added or removed by ids")
            for id_ in arguments[0]:
                if id_ not in self.books.taxes:
                    raise UserError("A tax of the line does not exist.")
            if name == "add":
                ids += [id_ for id_ in arguments[0] if id_ not in ids]
            else:
                ids = [id_ for id_ in ids if id_ not in arguments[0]]
        return tuple(ids)

    # -- write ---------------------------------------------------------------------------------------------------------

    def write(self, model: str, pairs: Sequence[tuple[Sequence[int], Any]]) -> None:
        """Set the values on the records of each pair, all or none; child records by commands.

        Raises UserError, Malformed.
        """
        taken: set[Any] = set()
        changes = [change for ids, values in pairs for change in self._changes(model, ids, from_wire(values), taken)]
        for change in changes:
            self._apply(model, change)

    def _changes(self, model: str, ids: Sequence[int], values: Any, taken: set[Any]) -> list[Change]:
        """What one pair would do, checked."""
        if not isinstance(values, Mapping):
            raise Malformed("write takes ids and an object")
        if "state" in values and model != "shipment.tracking":
            raise UserError("The state is not written; it is changed by methods.")
        if model not in self.rules.writable:
            raise UserError(f"Records of {model} cannot be written here.")
        metafields = metafields_in(model, values)
        children = {name: value for name, value in values.items() if (model, name) in CHILDREN}
        rest = set(values) - set(children) - {"taxes", "metafields"}
        checked = {name: self._value(model, name, values[name]) for name in values if name in rest}
        for name, value in checked.items():
            if name in FIXED.get(model, ()) or (value is None and name in self.rules.required.get(model, ())):
                raise UserError(f"The field {name} on {model} cannot be changed to that.")
        changes = []
        for record in [self.record(model, id_) for id_ in ids]:
            self.checks.fresh(model, record)
            self.checks.rename(model, record, checked, taken)
            self.checks.change(model, record, checked)
            taxes = self._planned_taxes(model, record, values)
            drafts, inner, gone = self._planned_children(model, record, children, taken)
            changes.append(Change(record, checked, taxes, drafts, metafields, inner, gone))
        return changes

    def _planned_taxes(self, model: str, record: Any, values: Mapping[str, Any]) -> tuple[int, ...]:
        if model != "sale.line":
            return ()
        self.checks.lines_open(self.books.sales[record.sale])
        have = tuple(tax.tax for tax in record.taxes)
        return self._tax_ids(values["taxes"], have) if "taxes" in values else have

    def _planned_children(
        self, model: str, record: Any, children: Mapping[str, Any], taken: set[Any]
    ) -> tuple[list[Draft], list[tuple[str, Change]], list[Line]]:
        """What the commands on child records would do: `create`, `write`, and on a sale's lines `delete`."""
        if "lines" in children and model == "sale.sale":
            self.checks.lines_open(record)
        drafts: list[Draft] = []
        inner: list[tuple[str, Change]] = []
        gone: list[Line] = []
        for field, commands in children.items():
            child, inverse = CHILDREN[model, field]
            for name, arguments in _commands(commands):
                match name, arguments:
                    case "create", [list() as values]:
                        drafts += [self._draft(child, one, taken, inverse) for one in values]
                    case "write", [list(), _, *_] if len(arguments) % 2 == 0:
                        for ids, values in zip(arguments[::2], arguments[1::2], strict=True):
                            owned = self._owned(child, inverse, record, ids)
                            inner += [(child, change) for change in self._changes(child, owned, values, taken)]
                    case "delete", [list() as ids] if child == "sale.line":
                        gone += [self.books.lines[id_] for id_ in self._owned(child, inverse, record, ids)]
                    case _:
                        raise UserError(f"The command {name} on {field} is not served here.")
        for line in gone:
            sale_workflow.check_change(
                self.books, line, product=line.product, quantity=Decimal(0), unit_price=line.unit_price
            )
        return drafts, inner, gone

    def _owned(self, child: str, inverse: str, parent: Any, ids: Any) -> list[int]:
        """The ids, if they are all children of this record. Raises UserError, Malformed."""
        if not isinstance(ids, list):
            raise Malformed("a command names ids")
        if any(getattr(self.record(child, id_), inverse) != parent.id for id_ in ids):
            raise UserError(f"A record of {child} belongs to another one.")
        return ids

    def _apply(self, model: str, change: Change) -> None:
        books, record = self.books, change.record
        self._unindex(record)
        old_sku = record.code if isinstance(record, Product) else None
        for name, value in change.values.items():
            setattr(record, self.rules.attributes.get((model, name), name), value)
        if isinstance(record, Product):
            books.index_sku(record, old_sku)
        self._index(record)
        if change.metafields:
            books.metafields.setdefault((model, record.id), {}).update(change.metafields)
        if isinstance(record, Line):
            compute_line(books, record, change.taxes)
        for draft in change.drafts:
            self._insert(draft, record.id)
        for child, inner in change.inner:
            self._apply(child, inner)
        for line in change.gone:
            sale_workflow.remove_line(books, line)
        books.touched(record)
        if isinstance(record, InvoiceLine):
            compute_invoice_line(books, record)
        if isinstance(record, Sale | Line):
            sale_workflow.replan(books, record if isinstance(record, Sale) else books.sales[record.sale])

    def _unindex(self, record: Any) -> None:
        if isinstance(record, Sale) and record.channel_identifier is not None:
            self.books.sale_ids.pop((record.channel, record.channel_identifier), None)
        if isinstance(record, Party):
            self.books.party_ids_by_code.pop(record.code, None)

    def _index(self, record: Any) -> None:
        if isinstance(record, Sale) and record.channel_identifier is not None:
            self.books.sale_ids[record.channel, record.channel_identifier] = record.id
        if isinstance(record, Party):
            record.code = record.code or self.books.free_party_code(record.id)
            self.books.party_ids_by_code[record.code] = record.id

    def record(self, model: str, id_: Any) -> Any:
        """The record. Raises UserError when there is none: Tryton's read error names the record."""
        found = self.schema.record(model, id_) if isinstance(id_, int) else None
        if found is None:
            raise UserError(f"The record {id_} of {model} does not exist.")
        return found

    # -- delete -------------------------------------------------------------------------------------------

    def delete(self, model: str, ids: Sequence[int]) -> None:
        """Delete sales that are draft or cancelled. Other records are archived by `active`. Raises UserError."""
        if model != "sale.sale":
            raise UserError(f"Records of {model} cannot be deleted here.")
        sales = [self.record(model, id_) for id_ in dict.fromkeys(ids)]
        for sale in sales:
            if sale.state not in ("draft", "cancel"):
                raise UserError(f"The sale {sale.id} must be cancelled before it is deleted.")
        for sale in sales:
            for table, children in ((self.books.lines, sale.lines), (self.books.payments, sale.payments)):
                for id_ in children:
                    table.remove(id_)
            self.books.sale_ids.pop((sale.channel, sale.channel_identifier), None)
            self.books.sales.remove(sale.id)


def _commands(value: Any) -> list[tuple[str, list[Any]]]:
    """The commands of a one2many or many2many field: name and arguments."""
    if not isinstance(value, list) or not all(isinstance(one, list) and len(one) > 1 for one in value):
        raise Malformed("child records are written by commands")
    return [(str(one[0]), one[1:]) for one in value]


def _made(value: Any) -> list[Any]:
    """The records that the commands of a new record's one2many field ask for: only `create` makes sense there."""
    made = []
    for name, arguments in _commands(value):
        if name != "create" or not isinstance(arguments[0], list):
            raise UserError(f"The command {name} makes no sense on a record that is new.")
        made += arguments[0]
    return made
