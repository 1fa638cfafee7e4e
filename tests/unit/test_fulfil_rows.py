"""Rows of Fulfil's models: what is asked for, how it is read, and what a tenant may call otherwise."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.payments import Invoice
from connectors.fulfil.rows import RowReader
from connectors.fulfil.shipments import SHIPMENTS, Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.table import MODELS, READS, WRITES, unknown_names
from connectors.fulfil.tenant import DOCUMENTED, Tenant
from connectors.fulfil.typed import Reference, Undecodable
from runtime.decision import Repeat

SHIPMENT = {
    "id": 81292,
    "number": "CS81292",
    "state": "done",
    "effective_date": {"__class__": "date", "iso_string": "2026-11-21", "year": 2026, "month": 11, "day": 21},
    "sales": [90211],
    "order_numbers": "#100045",
    "carrier.rec_name": "UPS",
    "carrier_service.code": "03",
    "tracking_number": 4410,
    "tracking_number.tracking_number": "1Z999",
    "outgoing_moves": [551, 552],
    "write_date": {"__class__": "datetime", "iso_string": "2026-11-21T17:20:05.120000", "year": 2026, "month": 11,
                   "day": 21, "hour": 17, "minute": 20, "second": 5, "microsecond": 120000},
}  # fmt: skip


def rows_of(row: type[Any], *raw: dict[str, Any], model: str = "any.model", tenant: Tenant = DOCUMENTED) -> Any:
    return RowReader(model, row, tenant).rows(json.dumps(raw).encode())


def test_the_row_of_the_facts_is_read_with_flat_dotted_names() -> None:
    """Section 10.3: `carrier.rec_name` comes back flat, the plain many2one stays an id."""
    (shipment,) = rows_of(Shipment, SHIPMENT)
    assert shipment == Shipment(
        id=81292,
        number="CS81292",
        state="done",
        effective_date=date(2026, 11, 21),
        sales=(90211,),
        order_numbers="#100045",
        carrier_name="UPS",
        carrier_service_code="03",
        tracking=4410,
        tracking_number="1Z999",
        outgoing_moves=(551, 552),
        write_date=datetime(2026, 11, 21, 17, 20, 5, 120000, tzinfo=UTC),
    )


def test_a_record_that_was_never_changed_changed_when_it_was_created() -> None:
    """Section 8: write_date is null until the first update."""
    created = "2026-11-20T00:00:00"
    (new,) = rows_of(Shipment, {"id": 1, "create_date": created, "write_date": None})
    (old,) = rows_of(Shipment, {"id": 1, "create_date": created, "write_date": "2026-11-22T00:00:00"})
    assert (new.changed_at, old.changed_at) == (
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 22, tzinfo=UTC),
    )


def test_quantities_are_floats_and_their_decimal_is_what_stood_there() -> None:
    """Section 4: quantities are plain floats, prices are Decimal objects."""
    (move,) = rows_of(
        StockMove,
        {"id": 5, "quantity": 0.1, "cost_price": {"__class__": "Decimal", "decimal": "3.10"}, "origin": "sale.line,8"},
    )
    assert (move.quantity, str(move.cost_price), move.origin) == (Decimal("0.1"), "3.10", Reference("sale.line", 8))


def test_a_surprise_costs_one_field_and_is_neither_zero_nor_empty() -> None:
    """Whoever needs the figure has to refuse None."""
    (move,) = rows_of(StockMove, {"id": 5, "quantity": "lots", "state": 7, "origin": "x", "effective_date": "soon"})
    assert move == StockMove(id=5)
    assert move.quantity is None


@pytest.mark.parametrize("body", [b"{}", b"null", b"[1]", b"<html>", b'"Error"', b'{"message": "Error"}'])
def test_what_is_no_list_of_records_is_not_read_as_no_records(body: bytes) -> None:
    """An empty list is the only answer that says: none."""
    with pytest.raises(msgspec.DecodeError):
        RowReader("any.model", Shipment, DOCUMENTED).rows(body)


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": "5"}, {"id": 0}, {"id": True}])
def test_a_row_without_an_id_is_no_row(raw: dict[str, Any]) -> None:
    """What cannot be named cannot be kept."""
    with pytest.raises(Undecodable):
        rows_of(Shipment, raw)


def test_a_tenants_own_names_are_asked_for_and_read() -> None:
    """Section 12: names drift over the years."""
    tenant = Tenant(names={"stock.shipment.out.on_hold": "is_on_hold", "stock.shipment.out.packages": ""})
    reader = RowReader("stock.shipment.out", Shipment, tenant)
    assert "is_on_hold" in reader.fields
    assert not {"on_hold", "packages", ""} & set(reader.fields)
    (shipment,) = reader.rows(b'[{"id": 1, "is_on_hold": true, "packages": [4]}]')
    assert (shipment.on_hold, shipment.packages) == (True, None)


def test_a_name_that_stands_for_nothing_is_told() -> None:
    """A typing error in the configuration would otherwise do nothing, silently."""
    names = {"stock.shipment.out": "a", "stock.shipment.out.on_hold": "b", "sale.line.sale": "c"}
    names["sale.line.quantity_canceled"] = "quantity_cancelled"
    assert unknown_names(names) == ()
    assert unknown_names({"stock.shipment.out.onhold": "b", "sale.sail": "c"}) == (
        "stock.shipment.out.onhold",
        "sale.sail",
    )


@pytest.mark.parametrize(
    ("raw", "to_customer", "is_credit_note"),
    [
        ({"type": "out", "total_amount": 5}, True, False),
        ({"type": "out", "total_amount": -5}, True, True),
        ({"type": "out_invoice", "total_amount": 5}, True, False),
        ({"type": "out_credit_note", "total_amount": 5}, True, True),
        ({"type": "in", "total_amount": 5}, False, False),
        ({}, None, None),
    ],
)
def test_an_invoice_says_what_it_is_by_old_names_and_new(
    raw: dict[str, Any], *, to_customer: bool | None, is_credit_note: bool | None
) -> None:
    """Section 8.9: `out` and `in`, where older Tryton had out_invoice and out_credit_note."""
    (invoice,) = rows_of(Invoice, {"id": 1, **raw})
    assert (invoice.to_customer, invoice.is_credit_note) == (to_customer, is_credit_note)


def test_people_are_not_shown_by_repr() -> None:
    """Rows of customers may end up in a traceback."""
    for model in MODELS:
        if model.name.startswith("party."):
            (row,) = rows_of(model.row, {"id": 7, "name": "Ada Moss", "email": "ada@example.com", "value": "ada@x"})
            assert "Ada" not in repr(row)
            assert "ada" not in repr(row)


def test_every_model_can_be_read_by_what_changed() -> None:
    """Each asks for both dates, and no field twice."""
    for model in MODELS:
        fields = model.fields(DOCUMENTED)
        assert {"create_date", "write_date"} <= set(fields)
        assert len(fields) == len(set(fields))
        assert READS[f"changed_{model.changed.kind.removeprefix('changed_')}"] is model.changed


def test_no_two_calls_share_a_kind_and_every_write_must_be_looked_for() -> None:
    """A write is never called safe here: its key stays busy until its outcome is known."""
    assert not READS.keys() & WRITES.keys()
    kinds = [read.kind for model in MODELS for read in model.reads]
    assert len(kinds) == len(set(kinds))
    assert {write.repeat for write in WRITES.values()} == {Repeat.KEYED, Repeat.CHECK_FIRST}
    assert SHIPMENTS.read.kind in READS


def test_a_field_that_few_tenants_have_is_read_only_when_it_is_named() -> None:
    """Asking for one that is not there would fail the whole read."""
    assert "planned_date" not in RowReader("stock.move", StockMove, DOCUMENTED).fields
    named = Tenant(names={"stock.move.planned_date": "planned_on"})
    reader = RowReader("stock.move", StockMove, named)
    assert "planned_on" in reader.fields
    assert reader.rows(b'[{"id": 1, "planned_on": "2026-11-20"}]')[0].planned_date == date(2026, 11, 20)
    for model in MODELS:
        declared = {field.encode_name for field in msgspec.structs.fields(model.row)}
        assert model.row.by_name <= declared
        assert not model.row.by_name & model.by.keys()
