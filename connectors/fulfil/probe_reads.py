"""What can be found out about a tenant of Fulfil by reading alone.

Sources of the questions: what the facts about Fulfil's API leave open (names that drifted, forms, precision, limits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from connectors.capability import Finding
from connectors.fulfil import ledger, payments, shipments, stock
from connectors.fulfil.calls import Ask
from connectors.fulfil.models import Model
from connectors.fulfil.probe_tenant import ProbedFulfil, failure_of, json_of, read
from connectors.fulfil.probing import asking, missing_fields
from connectors.fulfil.records import SEARCH_RECORDS
from connectors.fulfil.table import MODELS
from connectors.fulfil.typed import datetime_of, datetime_out
from connectors.fulfil.wire import RECORDS_MAX
from connectors.probe import Item, limited_in_a_burst
from runtime.decision import Repeat
from runtime.errors import Refused, Unavailable

Findings = Mapping[str, Finding]

_PRODUCTS: Final = "product.product"
_PARTS: Final[dict[str, tuple[Model[Any], ...]]] = {
    "shipments": (shipments.SHIPMENTS, shipments.TRACKINGS, shipments.PACKAGES),
    "inventory": (stock.LOCATIONS,),
    "stock_moves": (stock.STOCK_MOVES,),
    "payments": (payments.SALE_PAYMENTS, payments.TRANSACTIONS, payments.GATEWAYS),
    "invoices": (payments.INVOICES, payments.INVOICE_LINES),
    "ledger": (ledger.LEDGER_MOVES, ledger.LEDGER_LINES, ledger.ACCOUNTS, ledger.JOURNALS, ledger.PERIODS),
    "returns": (shipments.RETURN_SHIPMENTS,),
}
_CAP: Final = re.compile(r"cannot exceed (\d+)", re.IGNORECASE)
_NOBODY: Final = 2_147_483_647
"""An id that no record has; the largest that the ancestor's databases can hold."""
_BURST_MAX: Final = 60
_SHIPMENTS_MAX: Final = 50


# -- parts of the tenant, and its names --------------------------------------------------------------------------------


async def _readable(tenant: ProbedFulfil, name: str, models: tuple[Model[Any], ...]) -> Finding:
    """Whether all of these models can be read; the first that cannot says why."""
    for model in models:
        own = tenant.tenant.model(model.name)
        answer = await tenant.call(f"model/{own}/search_read", [[], 0, 1, None, ["rec_name"]], context={})
        if answer.status == HTTPStatus.OK and isinstance(json_of(answer), list):
            continue
        failure = failure_of(answer)
        denied = answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED)
        return read("no_permission" if denied else "missing", f"A read of {own}: {failure}")
    return read("readable", f"{', '.join(model.name for model in models)} of {name} answered a read.")


def _part(name: str, models: tuple[Model[Any], ...]) -> Item[ProbedFulfil]:
    async def find(tenant: ProbedFulfil) -> Findings:
        return {name: await _readable(tenant, name, models)}

    asks = f"one record each of {', '.join(model.name for model in models)}"
    return Item(finds=(name,), asks=asks, find=find)


async def _inventory(tenant: ProbedFulfil) -> Findings:
    if not await tenant.knows(_PRODUCTS, "quantity_on_hand", "quantity_available"):
        return {"inventory": read("missing", "A read of quantity_on_hand and quantity_available of a product failed.")}
    return {"inventory": await _readable(tenant, "inventory", _PARTS["inventory"])}


async def _missing_fields(tenant: ProbedFulfil) -> Findings:
    """The fields of all models that this tenant does not have; models that cannot be read are left out."""

    async def perform(_kind: str, body: bytes) -> Any:
        return await tenant.make(Ask(SEARCH_RECORDS.kind, body, Repeat.SAFE))

    names: dict[str, str] = {}
    for model in MODELS:
        missing = await missing_fields(model, tenant.tenant, asking(perform))
        names.update((f"{model.name}.{field}", "") for field in missing or ())
    tenant.names.update(names)
    said = f"Not known to it: {', '.join(names)}." if names else f"All fields of {len(MODELS)} models were answered."
    return {"missing_fields": read("some" if names else "none", said)}


async def _one_of(tenant: ProbedFulfil, name: str, model: str, fields: tuple[str, ...]) -> Findings:
    for field in fields:
        if await tenant.knows(model, field):
            return {name: read(field, f"A read of {model} with the field {field} was answered.")}
    if not await tenant.knows(model):
        raise Unavailable(f"{model} cannot be read at all")
    return {name: read("none", f"Reads of {model} with {' or '.join(fields)} failed.")}


async def _sellable(tenant: ProbedFulfil) -> Findings:
    return await _one_of(tenant, "sellable_field", _PRODUCTS, ("sellable", "salable"))


async def _street2(tenant: ProbedFulfil) -> Findings:
    return await _one_of(tenant, "street2_field", "party.address", ("street_bis", "streetbis"))


async def _payment_reference(tenant: ProbedFulfil) -> Findings:
    return await _one_of(tenant, "payment_reference_field", "sale.payment", ("reference", "provider_reference"))


async def _model_of(tenant: ProbedFulfil, name: str, models: tuple[str, ...]) -> Findings:
    for model in models:
        if await tenant.knows(model):
            return {name: read(model, f"A read of {model} was answered.")}
    return {name: read("none", f"Reads of {' and '.join(models)} failed.")}


async def _identifiers(tenant: ProbedFulfil) -> Findings:
    return await _model_of(tenant, "identifier_model", ("product.identifier", "product.product.code"))


async def _webhooks(tenant: ProbedFulfil) -> Findings:
    return await _model_of(tenant, "webhook_model", ("ir.webhook", "webhook.webhook"))


async def _listed_field(
    tenant: ProbedFulfil, name: str, model: str, word: re.Pattern[str], guesses: tuple[str, ...]
) -> Findings:
    """A field whose name is not publicly known: taken from the model's own list, else guessed."""
    listed = await tenant.fields_of(model)
    likely = guesses if listed is None else tuple(field for field in listed if word.search(field))
    for field in likely:
        if await tenant.knows(model, field):
            return {name: read(field, f"{model} has the field {field}.")}
    how = "does not list its fields, and knows none of the usual names" if listed is None else "lists no such field"
    return {name: read("none", f"{model} {how}.")}


async def _fee(tenant: ProbedFulfil) -> Findings:
    guesses = ("fee", "fee_amount", "gateway_fee", "transaction_fee", "provider_fee")
    return await _listed_field(
        tenant, "gateway_fee_field", "payment_gateway.transaction", re.compile(r"(^|_)fees?($|_)"), guesses
    )


async def _shipped_at(tenant: ProbedFulfil) -> Findings:
    guesses = ("shipped_at", "shipped_on", "shipped_date", "shipping_time")
    pattern = re.compile(r"^shipped_|^ship(ping)?_(time|instant)")
    return await _listed_field(tenant, "shipped_at_field", "stock.shipment.out", pattern, guesses)


async def _credit_note(tenant: ProbedFulfil) -> Findings:
    own = await tenant.search("account.invoice", ["type", "=", "out_credit_note"], fields=("type",))
    if own:
        return {"credit_note": read("own_type", "There is an invoice of type out_credit_note.")}
    some = await tenant.search(
        "account.invoice", ["type", "=", "out"], ["lines.quantity", "<", 0], fields=("total_amount",)
    )
    if some:
        return {"credit_note": read("negative_out", "There is an invoice of type out with a negative quantity.")}
    return {}


async def _cost_origin(tenant: ProbedFulfil) -> Findings:
    """What entries of the ledger name as their origin, of the newest shipments that have left."""
    own = tenant.tenant.model(shipments.SHIPMENTS.name)
    newest = [[["state", "=", "done"]], 0, _SHIPMENTS_MAX, [["id", "DESC"]], ["outgoing_moves"]]
    answer = await tenant.call(f"model/{own}/search_read", newest, context={})
    rows = json_of(answer)
    if answer.status != HTTPStatus.OK or not isinstance(rows, list):
        raise failure_of(answer)
    moves = [move for row in rows for move in row.get("outgoing_moves") or ()][:RECORDS_MAX]
    for name, model, ids in (
        ("shipment", shipments.SHIPMENTS.name, [row["id"] for row in rows]),
        ("stock_move", stock.STOCK_MOVES.name, moves),
    ):
        origins = [f"{model},{id_}" for id_ in ids]
        if ids and await tenant.search(ledger.LEDGER_MOVES.name, ["origin", "in", origins], fields=("origin",)):
            return {"cost_origin": read(name, f"An entry of the ledger has a {model} as its origin.")}
    said = f"No entry of the ledger has one of {len(rows)} shipments, or of their stock moves, as its origin."
    return {"cost_origin": read("none", said)} if rows else {}


# -- forms -------------------------------------------------------------------------------------------------------------


async def _dated(tenant: ProbedFulfil) -> tuple[dict[str, Any], ...]:
    rows = await tenant.search(_PRODUCTS, fields=("create_date",), limit=100)
    return tuple(row for row in rows if row.get("create_date") is not None)


async def _dates(tenant: ProbedFulfil) -> Findings:
    rows = await _dated(tenant)
    if not rows:
        return {}
    value = rows[0]["create_date"]
    if isinstance(value, str):
        generation = "text"
    elif "iso_string" not in value:
        generation = "parts"
    else:
        generation = "parts_and_iso" if "year" in value else "iso"
    moments = [moment for row in rows if (moment := datetime_of(row["create_date"])) is not None]
    fine = any(moment.microsecond for moment in moments)
    return {
        "date_generation": read(generation, "The create_date of a product was written so."),
        "time_precision": read(
            "microsecond" if fine else "second", f"Of {len(moments)} create_dates {'some' if fine else 'none'} had one."
        ),
    }


async def _filters(tenant: ProbedFulfil) -> Findings:
    """Whether a record is found by its own time, and not by one microsecond later; and how a bare string is read."""
    rows = await _dated(tenant)
    if not rows:
        return {}
    row = rows[0]
    moment = datetime_of(row["create_date"])
    assert moment is not None  # noqa: S101  narrows: `_dated` has left out those without
    found: dict[str, Finding] = {}
    itself = ["id", "=", row["id"]]
    later = ["create_date", ">=", datetime_out(moment + timedelta(microseconds=1))]
    if await tenant.search(_PRODUCTS, itself, ["create_date", ">=", datetime_out(moment)], fields=("rec_name",)):
        coarse = await tenant.search(_PRODUCTS, itself, later, fields=("rec_name",))
        found["filter_precision"] = read(
            "coarser" if coarse else "exact",
            f"A filter one microsecond after a record's time {'found' if coarse else 'did not find'} it.",
        )
    bounds = [
        [">=", (moment - timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")],
        ["<=", (moment + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")],
    ]
    clauses = [["create_date", *bound] for bound in bounds]
    try:
        near = await tenant.search(_PRODUCTS, itself, *clauses, fields=("rec_name",))
    except (Refused, Unavailable) as failure:
        found["filter_time_zone"] = read("refused", f"A bare ISO string in a filter: {failure}")
    else:
        found["filter_time_zone"] = read(
            "utc" if near else "other", f"A record was {'' if near else 'not '}found by its UTC time as a bare string."
        )
    return found


async def _get_one(tenant: ProbedFulfil) -> Findings:
    (row,) = await tenant.search(_PRODUCTS, fields=("rec_name",))
    answer = await tenant.call(f"model/{_PRODUCTS}/{row['id']}", verb="GET")
    content = json_of(answer)
    if answer.status != HTTPStatus.OK or not isinstance(content, dict):
        raise failure_of(answer)
    few = set(content) <= {"id", "rec_name"}
    return {"get_without_fields": read("minimal" if few else "full", f"It answered {len(content)} fields.")}


async def _missing(tenant: ProbedFulfil) -> Findings:
    """How it says that there is no such record, and no such model."""
    record = await tenant.call(f"model/{_PRODUCTS}/{_NOBODY}", verb="GET")
    empty = record.status == HTTPStatus.OK and not json_of(record)
    model = await tenant.call("model/seamline.not_there/search_read", [[], 0, 1, None, ["rec_name"]])
    return {
        "missing_record": read("empty" if empty else _status(record.status, 404, 400, 500), _said(record.status)),
        "missing_model": read(_status(model.status, 404, 400, 500), _said(model.status)),
    }


async def _bad_token(tenant: ProbedFulfil) -> Findings:
    answer = await tenant.as_stranger()
    return {"stranger": read(_status(answer.status, 401, 403), _said(answer.status))}


def _status(status: int, *known: int) -> str:
    return str(status) if status in known else "other"


def _said(status: int) -> str:
    return f"It answered HTTP {status}."


async def _report(tenant: ProbedFulfil) -> Findings:
    rows = await tenant.search("sale.sale", fields=("rec_name",))
    if not rows:
        return {}
    answer = await tenant.call("report/sale.sale", {"objects": [rows[0]["id"]], "data": {}})
    if answer.status != HTTPStatus.OK:
        return {"report_answer": read("none", f"The report sale.sale: {failure_of(answer)}")}
    content = json_of(answer)
    if isinstance(content, dict) and any(isinstance(value, str) and "://" in value for value in content.values()):
        return {"report_answer": read("url", "The report sale.sale answered an address.")}
    return {"report_answer": read("document", "The report sale.sale answered the document itself.")}


# -- limits ------------------------------------------------------------------------------------------------------------


async def _page_cap(tenant: ProbedFulfil) -> Findings:
    for model in (_PRODUCTS, "stock.move"):
        answer = await tenant.call(f"model/{model}/search_read", [[], 0, 501, None, ["rec_name"]])
        told = _CAP.search(answer.body.decode("utf-8", "replace"))
        if told is not None:
            return {"page_cap": read(int(told[1]), "A page of 501 was refused, and the refusal says so.")}
        content = json_of(answer)
        if answer.status == HTTPStatus.OK and isinstance(content, list) and len(content) > 500:  # noqa: PLR2004
            return {"page_cap": read(len(content), "A page of 501 was answered whole.")}
    return {}


async def _list_max(tenant: ProbedFulfil) -> Findings:
    """The most ids in one read, by halves; one id is repeated, so that few records are enough."""
    (row,) = await tenant.search(_PRODUCTS, fields=("rec_name",))

    async def takes(count: int) -> bool:
        answer = await tenant.call(f"model/{_PRODUCTS}/read", [[row["id"]] * count, ["rec_name"]])
        return answer.status == HTTPStatus.OK

    low, high = 1, 1_000
    if await takes(high):
        return {"list_max": read("not_met", "A read of 1,000 ids was answered.")}
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await takes(middle) else (low, middle)
    return {"list_max": read(low, f"A read of {low} ids was answered, and one of {high} was not.")}


async def _body_bytes(tenant: ProbedFulfil) -> Findings:
    taken = "below_64_kb"
    for name, size in (("below_1_mb", 64_000), ("at_least_1_mb", 1_000_000)):
        answer = await tenant.call(
            f"model/{_PRODUCTS}/search_count", [[["code", "in", ["-" * 1_000] * (size // 1_000)]]]
        )
        if answer.status != HTTPStatus.OK:
            return {"body_bytes": read(taken, f"A body of {size} bytes met HTTP {answer.status}.")}
        taken = name
    return {"body_bytes": read(taken, "A body of 1 MB was taken.")}


async def _url_bytes(tenant: ProbedFulfil) -> Findings:
    taken = "below_2_kb"
    for name, size in (("below_8_kb", 2_000), ("below_16_kb", 8_000), ("at_least_16_kb", 16_000)):
        answer = await tenant.call(f"model/{_PRODUCTS}/count", verb="GET", query={"code": "x" * size})
        if answer.status != HTTPStatus.OK:
            return {"url_bytes": read(taken, f"An address of {size} bytes met HTTP {answer.status}.")}
        taken = name
    return {"url_bytes": read(taken, "An address of 16,000 bytes was taken.")}


async def _rate(tenant: ProbedFulfil) -> Findings:
    await tenant.call("model/res.user/get_preferences", [True])
    if not tenant.limits_told:
        return {"rate_limit_per_s": read("not_told", "No answer had X-RateLimit-Limit.")}
    told = round(max(tenant.limits_told))
    return {"rate_limit_per_s": read(told, f"X-RateLimit-Limit said {told} per second.")}


async def _retry_after(tenant: ProbedFulfil) -> Findings:
    limited = await limited_in_a_burst(tenant.hurried, calls_max=_BURST_MAX)
    told = "Retry-After" in limited.headers
    return {"retry_after": read("told" if told else "not_told", f"A 429 came {'with' if told else 'without'} it.")}


# -- the list ----------------------------------------------------------------------------------------------------------


def _item(find: Any, asks: str, *finds: str) -> Item[ProbedFulfil]:
    return Item(finds=finds, asks=asks, find=find)


READS: Final[tuple[Item[ProbedFulfil], ...]] = (
    *(_part(name, models) for name, models in _PARTS.items() if name != "inventory"),
    _item(_inventory, "a product's figures of stock, and one location", "inventory"),
    _item(_missing_fields, "all fields of all models that are ever read, and halves of them", "missing_fields"),
    _item(_sellable, "one product with sellable, then salable", "sellable_field"),
    _item(_street2, "one address with street_bis, then streetbis", "street2_field"),
    _item(_payment_reference, "one payment with reference, then provider_reference", "payment_reference_field"),
    _item(_identifiers, "one record of product.identifier, then product.product.code", "identifier_model"),
    _item(_webhooks, "one record of ir.webhook, then webhook.webhook", "webhook_model"),
    _item(_fee, "the list of fields of payment_gateway.transaction", "gateway_fee_field"),
    _item(_shipped_at, "the list of fields of stock.shipment.out", "shipped_at_field"),
    _item(_dates, "the times of 100 products", "date_generation", "time_precision"),
    _item(_filters, "one product by its time, in three ways", "filter_precision", "filter_time_zone"),
    _item(_get_one, "one product without naming fields", "get_without_fields"),
    _item(_missing, "a product and a model that are not there", "missing_record", "missing_model"),
    _item(_bad_token, "one call with a token that is not live", "stranger"),
    _item(_page_cap, "a page of 501 records", "page_cap"),
    _item(_list_max, "reads of 1,000 ids and fewer", "list_max"),
    _item(_body_bytes, "counts whose body has 64 kB and 1 MB", "body_bytes"),
    _item(_url_bytes, "counts whose address has 2 to 16 kB", "url_bytes"),
    _item(_rate, "one call, for its headers", "rate_limit_per_s"),
    Item(
        finds=("retry_after",),
        asks=f"up to {_BURST_MAX} calls at once, until one is answered with 429",
        find=_retry_after,
        effect="bursts",
    ),
)
"""Everything that reading can tell, in the order in which it is asked."""

OF_SALES: Final[tuple[Item[ProbedFulfil], ...]] = (
    _item(_report, "the report of one sale", "report_answer"),
    _item(_credit_note, "one credit note, in either form", "credit_note"),
    _item(_cost_origin, "entries of the ledger of the newest 50 shipments that have left", "cost_origin"),
)
"""What can be read only where there are sales: asked last, because writing makes some."""
