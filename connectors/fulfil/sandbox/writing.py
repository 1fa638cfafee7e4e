"""Changing records by the plain model calls: create, write, delete, and the workflow of a sale.

A call is checked as a whole before anything is changed, because Tryton runs it in one transaction. Sources: Tryton's
one2many commands, the sale workflow of the ancestor modules, and error texts of live integrations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox.books import Books, UserError
from connectors.fulfil.sandbox.domain import coerce
from connectors.fulfil.sandbox.encoding import Malformed, from_wire
from connectors.fulfil.sandbox.records import Line, LineTax, Product, Sale, Template
from connectors.fulfil.sandbox.schema import ModelSchema

WRITABLE: dict[str, frozenset[str]] = {
    "party.party": frozenset(("name", "code", "active", "is_customer")),
    "party.address": frozenset(
        ("party", "name", "street", "street_bis", "city", "zip", "country", "subdivision", "active")
    ),
    "party.contact_mechanism": frozenset(("party", "type", "value", "active")),
    "product.template": frozenset(("name", "active")),
    "product.product": frozenset(("template", "code", "variant_name", "list_price", "active")),
    "sale.sale": frozenset(
        ("channel", "channel_identifier", "reference", "party", "invoice_address", "shipment_address", "currency")
    )
    | frozenset(("sale_date", "comment", "gift_message", "priority")),
    "sale.line": frozenset(
        ("sale", "type", "product", "description", "quantity", "unit_price", "shipment_cost", "channel_identifier")
    ),
    "sale.payment": frozenset(("sale", "gateway", "amount", "reference")),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "party.party": ("name",),
    "party.address": ("party",),
    "party.contact_mechanism": ("party", "type", "value"),
    "product.template": ("name",),
    "product.product": ("template",),
    "sale.sale": ("channel", "party"),
    "sale.line": ("sale", "quantity", "unit_price"),
    "sale.payment": ("sale", "gateway", "amount"),
}
CHILDREN = {
    ("sale.sale", "lines"): ("sale.line", "sale"),
    ("sale.sale", "payments"): ("sale.payment", "sale"),
    ("party.party", "addresses"): ("party.address", "party"),
    ("party.party", "contact_mechanisms"): ("party.contact_mechanism", "party"),
    ("product.template", "products"): ("product.product", "template"),
}
FIXED = {
    "party.address": frozenset(("party",)),
    "party.contact_mechanism": frozenset(("party", "type", "value")),
    "product.product": frozenset(("template",)),
    "sale.line": frozenset(("sale",)),
    "sale.payment": frozenset(("sale", "gateway", "amount")),
}
"""Fields that are given at creation and stay."""
TRANSITIONS: dict[str, tuple[frozenset[str], str]] = {
    "quote": (frozenset(("draft",)), "quotation"),
    "confirm": (frozenset(("quotation",)), "confirmed"),
    "process": (frozenset(("confirmed", "processing", "done")), "processing"),
    "cancel": (frozenset(("draft", "quotation")), "cancel"),
    "draft": (frozenset(("quotation", "cancel")), "draft"),
}
OPEN_STATES = frozenset(("draft", "quotation"))


class Draft(msgspec.Struct):
    """A record that passed all checks and is not in the books yet."""

    model: str
    values: dict[str, Any]
    parent: str = ""
    children: list[Draft] = []
    taxes: tuple[int, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """What a write does to one record, once all of the call has been checked."""

    record: Any
    values: Mapping[str, Any]
    taxes: tuple[int, ...]
    drafts: list[Draft]


class Writing:
    """Applies changes to one set of books."""

    def __init__(self, schema: ModelSchema) -> None:
        self.schema = schema
        self.books: Books = schema.books

    # -- create --------------------------------------------------------------------------------------------------------

    def create(self, model: str, values: Any) -> list[int]:
        """Create a record for each of the objects, all or none. Raises UserError, Malformed."""
        if not isinstance(values, list):
            raise Malformed("create takes a list of objects")
        taken: set[Any] = set()
        drafts = [self._draft(model, from_wire(one), taken) for one in values]
        return [self._insert(draft) for draft in drafts]

    def _draft(self, model: str, values: Any, taken: set[Any], parent: str = "") -> Draft:
        if model not in WRITABLE:
            raise UserError(f"Records of {model} cannot be created here.")
        if not isinstance(values, Mapping):
            raise Malformed("a record is an object")
        state = values.get("state")
        if state not in (None, "draft"):
            raise UserError(f"Cannot create record with state {state!r}. Allowed states: draft")
        draft = Draft(model, {}, parent, [])
        for name, value in values.items():
            if (model, name) in CHILDREN:
                child, inverse = CHILDREN[model, name]
                made = _made(value)
                draft.children += [self._draft(child, one, taken, inverse) for one in made]
            elif (model, name) == ("sale.line", "taxes"):
                draft.taxes = self._tax_ids(value, ())
            elif name not in ("state", "unit", "company", "warehouse"):
                draft.values[name] = self._value(model, name, value)
        missing = [name for name in REQUIRED[model] if name != parent and draft.values.get(name) is None]
        if missing:
            raise UserError(f"The field {missing[0]} on {model} is required.")
        self._check_unique(model, draft.values, taken)
        if model in ("sale.line", "sale.payment") and "sale" in draft.values and parent != "sale":
            self._check_open(self.books.sales[draft.values["sale"]])
        return draft

    def _value(self, model: str, name: str, value: Any) -> Any:
        field = self.schema.field(model, name)
        if name not in WRITABLE[model]:
            raise UserError(f"The field {name} on {model} is not writable.")
        if value is None:
            return None
        value = coerce(field, value)
        known = field.target is None or self.schema.record(field.target, value) is not None
        if field.kind == "many2one" and not known:
            raise UserError(f"The value of the field {name} on {model} does not exist.")
        return value

    def _check_unique(self, model: str, values: Mapping[str, Any], taken: set[Any]) -> None:
        key: Any = None
        known = False
        if model == "party.party" and values.get("code"):
            key, known = ("party", values["code"]), values["code"] in self.books.party_ids_by_code
        if model == "sale.sale" and values.get("channel_identifier") is not None:
            key = (values["channel"], values["channel_identifier"])
            known = key in self.books.sale_ids
        if known or (key is not None and key in taken):
            what = "code" if model == "party.party" else "channel, channel_identifier"
            raise UserError(f"The {what} of {model} must be unique: the constraint was violated.")
        taken.add(key)

    def _insert(self, draft: Draft, parent_id: int = 0) -> int:
        values = dict(draft.values)
        if draft.parent:
            values[draft.parent] = parent_id
        id_ = self._add(draft, {name: value for name, value in values.items() if value is not None})
        for child in draft.children:
            self._insert(child, id_)
        return id_

    def _add(self, draft: Draft, values: dict[str, Any]) -> int:
        books = self.books
        match draft.model:
            case "party.party":
                id_ = books.add_party(**values)
            case "party.address":
                id_ = books.add_address(values.pop("party"), **values)
            case "party.contact_mechanism":
                id_ = books.add_mechanism(values.pop("party"), **values)
            case "product.product":
                id_ = books.add_product(values.pop("template"), **values)
            case "sale.line":
                id_ = self._add_line(values, draft.taxes)
            case "sale.payment":
                sale = books.sales[values.pop("sale")]
                id_ = books.add_payment(sale, **{"reference": None, **values})
            case "sale.sale":
                values.setdefault("currency", books.channels[values["channel"]].currency)
                id_ = books.add_sale(Sale(id=books.sales.new_id(), create_date=books.now, **values)).id
            case _:
                id_ = books.templates.new_id()
                books.templates.add(Template(id=id_, create_date=books.now, **values))
        return id_

    def _add_line(self, values: dict[str, Any], tax_ids: Sequence[int]) -> int:
        """A plain line: Fulfil computes its amount and its taxes."""
        sale = self.books.sales[values.pop("sale")]
        line = self.books.add_line(sale, amount=Decimal(0), **values)
        self._compute(line, tax_ids)
        return line.id

    def _compute(self, line: Line, tax_ids: Sequence[int]) -> None:
        books, currency = self.books, self.books.sales[line.sale].currency
        line.amount = books.rounded(line.quantity * line.unit_price, currency)
        rates = [(id_, books.taxes[id_].rate) for id_ in tax_ids]
        line.taxes = tuple(LineTax(id_, books.rounded(line.amount * rate, currency)) for id_, rate in rates)

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
        if "state" in values:
            raise UserError("The state is not written; call quote, confirm, process, cancel or draft.")
        if model not in WRITABLE:
            raise UserError(f"Records of {model} cannot be written here.")
        children = {name: value for name, value in values.items() if (model, name) in CHILDREN}
        own = [(name, value) for name, value in values.items() if name not in children and name != "taxes"]
        checked = {name: self._value(model, name, value) for name, value in own}
        for name, value in checked.items():
            if name in FIXED.get(model, ()) or (value is None and name in REQUIRED[model]):
                raise UserError(f"The field {name} on {model} cannot be changed to that.")
        changes = []
        for record in [self.record(model, id_) for id_ in ids]:
            self._check_rename(model, record, checked, taken)
            taxes = self._planned_taxes(model, record, values)
            drafts = self._planned_children(model, record, children, taken)
            changes.append(Change(record, checked, taxes, drafts))
        return changes

    def _planned_taxes(self, model: str, record: Any, values: Mapping[str, Any]) -> tuple[int, ...]:
        if model != "sale.line":
            return ()
        self._check_open(self.books.sales[record.sale])
        have = tuple(tax.tax for tax in record.taxes)
        return self._tax_ids(values["taxes"], have) if "taxes" in values else have

    def _check_open(self, sale: Sale) -> None:
        if sale.state not in OPEN_STATES and self.books.config.line_write_after_confirm == "refuse":
            raise UserError(f"The lines of the sale {sale.id} cannot be changed in the state {sale.state!r}.")

    def _check_rename(self, model: str, record: Any, checked: Mapping[str, Any], taken: set[Any]) -> None:
        """A new key must be free, also among the changes of the same call."""
        names = {"party.party": ("code",), "sale.sale": ("channel", "channel_identifier")}.get(model, ())
        now = {name: getattr(record, name) for name in names}
        then = {name: checked.get(name, value) for name, value in now.items()}
        if then != now:
            self._check_unique(model, then, taken)

    def _planned_children(self, model: str, record: Any, children: Mapping[str, Any], taken: set[Any]) -> list[Draft]:
        if children and model == "sale.sale":
            self._check_open(record)
        drafts: list[Draft] = []
        for name, commands in children.items():
            child, inverse = CHILDREN[model, name]
            drafts += [self._draft(child, one, taken, inverse) for one in _made(commands)]
        return drafts

    def _apply(self, model: str, change: Change) -> None:
        books, record = self.books, change.record
        if model == "sale.sale":
            books.sale_ids.pop((record.channel, record.channel_identifier), None)
        if model == "party.party":
            books.party_ids_by_code.pop(record.code, None)
        old_sku = record.code if isinstance(record, Product) else None
        for name, value in change.values.items():
            setattr(record, name, value)
        if isinstance(record, Product):
            books.index_sku(record, old_sku)
        if model == "sale.sale" and record.channel_identifier is not None:
            books.sale_ids[record.channel, record.channel_identifier] = record.id
        if model == "party.party":
            record.code = record.code or books.free_party_code(record.id)
            books.party_ids_by_code[record.code] = record.id
        if model == "sale.line":
            self._compute(record, change.taxes)
        for draft in change.drafts:
            self._insert(draft, record.id)
        books.touched(record)

    def record(self, model: str, id_: Any) -> Any:
        """The record. Raises UserError when there is none: Tryton's read error names the record."""
        found = self.schema.record(model, id_) if isinstance(id_, int) else None
        if found is None:
            raise UserError(f"The record {id_} of {model} does not exist.")
        return found

    # -- delete and workflow -------------------------------------------------------------------------------------------

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

    def move(self, transition: str, ids: Sequence[int]) -> None:
        """Move sales through their workflow, all or none. Raises UserError for a transition that is not allowed."""
        allowed, state = TRANSITIONS[transition]
        sales: list[Sale] = [self.record("sale.sale", id_) for id_ in ids]
        for sale in sales:
            if sale.state not in allowed:
                raise UserError(f"The sale {sale.id} cannot {transition} from the state {sale.state!r}.")
            if transition == "quote" and not sale.lines:
                raise UserError(f"The sale {sale.id} has no lines.")
        for sale in sales:
            sale.state = state
            now = self.books.touched(sale)
            if transition == "confirm":
                sale.confirmation_time = sale.confirmation_time or now


def _commands(value: Any) -> list[tuple[str, list[Any]]]:
    """The commands of a one2many or many2many field: name and arguments."""
    if not isinstance(value, list) or not all(isinstance(one, list) and len(one) > 1 for one in value):
        raise Malformed("child records are written by commands")
    return [(str(one[0]), one[1:]) for one in value]


def _made(value: Any) -> list[Any]:
    """The records that the `create` commands of a one2many field ask for; the sandbox takes no other command."""
    made = []
    for name, arguments in _commands(value):
        if name != "create" or not isinstance(arguments[0], list):
            raise UserError(f"The command {name} on child records is not served here; write the child itself.")
        made += arguments[0]
    return made
