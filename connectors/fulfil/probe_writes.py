"""What can only be found out by writing: on a sandbox tenant, with orders that say whose they are, and cancelled after.

Everything that is made bears the run's mark, in the order's key and in its reference. Nothing is remembered outside the
tenant: what a probe that died has left is found there by the mark, by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import msgspec

from connectors.capability import Finding, not_found
from connectors.fulfil.orders import FIND_SALE, create_order
from connectors.fulfil.probe_tenant import ProbedFulfil, failure_of, is_refusal, json_of, written
from connectors.fulfil.records import Record
from connectors.fulfil.sales import ORDER_LINES, OrderLines
from connectors.fulfil.wire import Address, CreatedSale, CreateOrder, Customer, FindSales, SaleLine
from connectors.http import Answer
from connectors.probe import MARK, Item, Left
from runtime.clock import to_datetime
from runtime.errors import Refused, Unavailable

Findings = Mapping[str, Finding]

_SALES: Final = "sale.sale"
_WEBHOOK_MODELS: Final = ("ir.webhook", "webhook.webhook")
_PRICE: Final = Decimal("10.00")
_STATES_AT_REST: Final = ("cancel", "ignored")
_REFUSALS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_PROBLEMS: Final = ("failed", "provisional")
_ADDRESS: Final = Address(
    name="Seamline probe", address1="1 Probe St", address2="", city="Austin", zip="78701", subdivision_code="TX",
    country_code="US",
)  # fmt: skip
_CUSTOMER: Final = Customer(name="Seamline probe", contacts=(("email", "seamline-probe@example.com"),))
"""One customer for all runs: Fulfil merges by e-mail, and a customer cannot be taken back."""
_STRANGE_SKU: Final = "SEAMLINE-PROBE-NO-SUCH-SKU"


# -- orders ------------------------------------------------------------------------------------------------------------


async def _order(
    tenant: ProbedFulfil, name: str, *, quantity: int = 1, extra: Decimal = Decimal(0), sku: str = ""
) -> CreatedSale:
    """Make an order of the probe. `extra` is what its total is wrong by. Raises a `Failure`."""
    amount = _PRICE * quantity
    line = SaleLine(
        channel_identifier="1",
        sku=sku or await _sku(tenant),
        quantity=Decimal(quantity),
        unit_price=_PRICE,
        amount=amount,
    )
    order = CreateOrder(
        channel_identifier=f"{tenant.mark}-{name}",
        reference=f"{tenant.mark}-{name}",
        confirmed_at=to_datetime(tenant.clock.now()).isoformat(),
        customer=_CUSTOMER,
        billing_address=_ADDRESS,
        shipping_address=_ADDRESS,
        sale_lines=(line,),
        amount=amount + extra,
        currency_code=await _currency(tenant),
        status="pending",
    )
    created = await tenant.make(create_order(tenant.channel_id, order))
    tenant.sale_ids.setdefault(name, created.id)
    return created


async def _sku(tenant: ProbedFulfil) -> str:
    if tenant.settings.sku:
        return tenant.settings.sku
    rows = await tenant.search(
        "product.product", ["active", "=", True], ["code", "!=", None], fields=("code",), limit=1
    )
    if not rows:
        raise Refused(
            "the tenant has no product for the probe's order; name one in fulfil.probe.sku", code="no_product"
        )
    return str(rows[0]["code"])


async def _currency(tenant: ProbedFulfil) -> str:
    rows = await tenant.search("sale.channel", ["id", "=", tenant.channel_id], fields=("currency.code",))
    code = rows[0].get("currency.code") if rows else None
    return code if isinstance(code, str) else "USD"


async def _sale(tenant: ProbedFulfil, id_: int, *fields: str) -> Record:
    rows = await tenant.search(_SALES, ["id", "=", id_], fields=("state", "reference", "channel_identifier", *fields))
    if not rows:
        raise Unavailable("the probe's own sale cannot be read")
    return rows[0]


def _made(tenant: ProbedFulfil, name: str) -> int:
    """The id of a sale of this run. Raises Refused when it could not be made."""
    if name not in tenant.sale_ids:
        raise Refused("the probe's order, on which this is tried, could not be made", code="no_order")
    return tenant.sale_ids[name]


# -- what a create does ------------------------------------------------------------------------------------------------


async def _create(tenant: ProbedFulfil) -> Findings:
    created = await _order(tenant, "a")
    if created.number is None and created.state is None:
        shape = "id"
    else:
        shape = "record" if created.state is not None else "id_and_name"
    state = (await _sale(tenant, created.id))["state"]
    findings = {"create_order_answer": written(shape, "An order was made, and its answer looked at.")}
    if state in ("processing", "done"):
        findings["processing"] = written("synchronous", f"Right after its create a sale was {state}.")
    elif state in ("confirmed", "quotation"):
        findings["processing"] = written("asynchronous", f"Right after its create a sale was {state}.")
    return findings


async def _same_key(tenant: ProbedFulfil) -> Findings:
    first = _made(tenant, "a")
    key = f"{tenant.mark}-a"
    try:
        again = await _order(tenant, "a", quantity=2)
    except Refused as refusal:
        return {"same_key_changed": written("refused", f"The key of a sale with two units for one: {refusal}")}
    sales = await tenant.make(FIND_SALE(FindSales(channel=tenant.channel_id, channel_identifiers=(key,))))
    if again.id != first or any(sale.id != first for sale in sales):
        tenant.sale_ids["a2"] = again.id
        return {"same_key_changed": written("second_sale", "One key, sent with two bodies, made two sales.")}
    page = await tenant.make(ORDER_LINES(OrderLines(channel=tenant.channel_id, channel_identifier=key)))
    quantities = sum((row.quantity or Decimal(0) for row in page.rows), Decimal(0))
    value = "existing" if quantities == 1 else "updated"
    return {"same_key_changed": written(value, f"Sent with two units for one, the sale has {quantities:f}.")}


async def _problem(tenant: ProbedFulfil, name: str, accepted: str, **wrong: Any) -> Finding:
    try:
        created = await _order(tenant, name, **wrong)
    except Refused as refusal:
        return written("refused", f"It was refused: {refusal}")
    state = (await _sale(tenant, created.id))["state"]
    value = accepted if state in _PROBLEMS else "accepted"
    return written(value, f"It made a sale in the state {state}.")


async def _total(tenant: ProbedFulfil) -> Findings:
    return {"total_mismatch": await _problem(tenant, "t", "provisional", extra=Decimal("1.00"))}


async def _unknown_sku(tenant: ProbedFulfil) -> Findings:
    return {"order_problem": await _problem(tenant, "s", "exception", sku=_STRANGE_SKU)}


# -- what can be done to a sale ----------------------------------------------------------------------------------------


async def _line(tenant: ProbedFulfil) -> Findings:
    sale = await _sale(tenant, _made(tenant, "a"), "lines")
    if sale["state"] not in ("confirmed", "processing"):
        return {"line_write": not_found(f"the sale is {sale['state']}, which is no state past quotation")}
    answer = await tenant.call("model/sale.line/write", [[sale["lines"][0]], {"quantity": 3}], is_write=True)
    return {"line_write": _accepted(answer, f"A line of a sale that is {sale['state']} was written")}


async def _stale(tenant: ProbedFulfil) -> Findings:
    id_ = _made(tenant, "a")
    path = "model/sale.sale/write"
    await tenant.call(path, [[id_], {"comment": f"{tenant.mark}: first"}], is_write=True)
    stamps = {"_timestamp": {f"{_SALES},{id_}": "1.0"}}
    answer = await tenant.call(path, [[id_], {"comment": tenant.mark}], context=stamps, is_write=True)
    content = json_of(answer)
    kind = content.get("type") if isinstance(content, dict) else None
    said = f"A write with a timestamp of 1970 met HTTP {answer.status}"
    if answer.status == HTTPStatus.OK and not is_refusal(answer):
        return {"stale_write": written("ignored", f"{said}.")}
    if answer.status == HTTPStatus.CONFLICT:
        return {"stale_write": written("conflict", f"{said}.")}
    if kind == "ConcurrencyException":
        return {"stale_write": written("concurrency_exception", f"{said} of type {kind}.")}
    if is_refusal(answer):
        return {"stale_write": written("user_error", f"{said}: {failure_of(answer)}")}
    raise failure_of(answer)


async def _plain(tenant: ProbedFulfil) -> Findings:
    key = f"{tenant.mark}-p"
    answer = await _create_sales(tenant, [{"reference": key, "channel_identifier": key}])
    if is_refusal(answer):
        again = await _create_sales(tenant, [{"reference": key}])  # a draft is wanted all the same
        _keep_ids(tenant, again, "p")
        return {"plain_channel_identifier": written("refused", f"A plain create with it: {failure_of(answer)}")}
    _keep_ids(tenant, answer, "p")
    kept = (await _sale(tenant, _made(tenant, "p")))["channel_identifier"]
    value = "kept" if kept == key else "dropped"
    return {"plain_channel_identifier": written(value, f"A plain create with it was taken, and it was {value}.")}


async def _list(tenant: ProbedFulfil) -> Findings:
    """Two drafts in one call, of which the second asks for a state that no create may give."""
    first = f"{tenant.mark}-l1"
    wrong = {"reference": f"{tenant.mark}-l2", "state": "processing"}
    answer = await _create_sales(tenant, [{"reference": first}, wrong])
    there = await tenant.search(_SALES, ["reference", "=", first], fields=("reference",))
    if there:
        tenant.sale_ids["l1"] = int(there[0]["id"])
    if answer.status == HTTPStatus.OK and not is_refusal(answer):
        _keep_ids(tenant, answer, "l")
        return {"create_list": not_found("the second record, which was meant to be refused, was taken")}
    value = "one_by_one" if there else "atomic"
    known = str(answer.status) if answer.status in _REFUSALS else "other"
    return {
        "create_list": written(
            value, f"Of two records, the second wrong, the first was {'' if there else 'not '}made."
        ),
        "refusal_status": written(known, f"The wrong record was refused with HTTP {answer.status}."),
    }


async def _create_sales(tenant: ProbedFulfil, sales: list[dict[str, Any]]) -> Answer:
    party = (await _sale(tenant, _made(tenant, "a"), "party"))["party"]
    whole = [{"channel": tenant.channel_id, "party": party, **sale} for sale in sales]
    return await tenant.call("model/sale.sale/create", [whole], is_write=True)


def _keep_ids(tenant: ProbedFulfil, answer: Answer, name: str) -> None:
    if answer.status != HTTPStatus.OK:
        raise failure_of(answer)
    for number, id_ in enumerate(msgspec.json.decode(answer.body, type=list[int])):
        tenant.sale_ids[name if number == 0 else f"{name}{number}"] = id_


# -- taking it back ----------------------------------------------------------------------------------------------------


async def _cancels(tenant: ProbedFulfil) -> Findings:
    """A draft first, which may always be cancelled, to see whether it asks back; then the sale past quotation."""
    found: dict[str, Finding] = {}
    if "p" in tenant.sale_ids:
        answer = await _cancel(tenant, tenant.sale_ids["p"], skip_warnings=False)
        content = json_of(answer)
        seen = isinstance(content, dict) and content.get("type") == "UserWarning"
        if seen or answer.status == HTTPStatus.OK:
            value = "seen" if seen else "none"
            found["user_warnings"] = written(value, f"The cancel of a draft met HTTP {answer.status}.")
    sale = await _sale(tenant, _made(tenant, "a"))
    if sale["state"] in ("confirmed", "processing"):
        answer = await _cancel(tenant, sale["id"])
        said = f"The cancel of a sale that is {sale['state']}"
        found["cancel_after_confirm"] = _accepted(answer, f"{said} was taken")
    return found


async def _cancel(tenant: ProbedFulfil, id_: int, *, skip_warnings: bool = True) -> Answer:
    context = {"_skip_warnings": True} if skip_warnings else {}
    return await tenant.call("model/sale.sale/cancel", [[id_]], context=context, is_write=True)


def _accepted(answer: Answer, said: str) -> Finding:
    if answer.status == HTTPStatus.OK and not is_refusal(answer):
        return written("accepted", f"{said}.")
    if is_refusal(answer):
        return written("refused", f"It was tried, and refused: {failure_of(answer)}")
    raise failure_of(answer)


async def left_behind(tenant: ProbedFulfil) -> tuple[Left, ...]:
    """What probes have made and is neither cancelled nor deleted, of all runs. Reads only. Raises a `Failure`."""
    sales = [_sale_left(row) for row in await _sales_left(tenant)]
    remedy = "delete it in Fulfil; the API refused to"
    webhooks = [
        Left(what=f"webhook {row['id']} for {row.get('event')}", state="active", remedy=remedy)
        for _, row in await _webhooks_left(tenant)
    ]
    return (*sales, *webhooks)


async def clean(tenant: ProbedFulfil) -> tuple[Left, ...]:
    """Take back what probes have left, and tell what is still there. Raises a `Failure` when it cannot look."""
    for row in await _sales_left(tenant):
        await _cancel(tenant, row["id"])
    for model, row in await _webhooks_left(tenant):
        await _drop_webhooks(tenant, model, [row["id"]])
    return await left_behind(tenant)


async def _sales_left(tenant: ProbedFulfil) -> tuple[Record, ...]:
    return await tenant.search(
        _SALES,
        ["reference", "like", f"{MARK}-%"],
        ["state", "not in", list(_STATES_AT_REST)],
        fields=("reference", "state", "rec_name"),
        limit=100,
    )


def _sale_left(row: Record) -> Left:
    what = f"sale {row.get('rec_name') or row['id']}"
    return Left(what=what, state=str(row["state"]), remedy="cancel it in Fulfil; the API refused to")


# -- webhooks ----------------------------------------------------------------------------------------------------------


async def _events(tenant: ProbedFulfil) -> Findings:
    """Ask to be told of a sale's creation under each name that it may have; take it back at once."""
    url = tenant.settings.webhook_url
    if not url:
        return {"record_events": not_found("fulfil.probe.webhook_url is not set, so no webhook was asked for")}
    models = [name for name in _WEBHOOK_MODELS if await tenant.knows(name)]
    if not models:
        return {"record_events": not_found("webhooks cannot be read")}
    model = models[0]
    refusals = []
    for value, event in (("dotted", "sale.sale.created"), ("short", "order.created")):
        marked = f"{url}?{tenant.mark}"
        answer = await tenant.call(f"model/{model}/create", [[{"event": event, "url": marked}]], is_write=True)
        if answer.status == HTTPStatus.OK and not is_refusal(answer):
            await _drop_webhooks(tenant, model, msgspec.json.decode(answer.body, type=list[int]))
            return {"record_events": written(value, f"A webhook for {event} was taken, and taken back.")}
        if not is_refusal(answer):
            raise failure_of(answer)
        refusals.append(f"{event}: {failure_of(answer)}")
    return {"record_events": written("none", "; ".join(refusals))}


async def _drop_webhooks(tenant: ProbedFulfil, model: str, ids: list[int]) -> None:
    """Delete them, or where that is refused archive them; what is live after that is told at the end."""
    answer = await tenant.call(f"model/{model}/delete", [ids], is_write=True)
    if answer.status != HTTPStatus.OK or is_refusal(answer):
        await tenant.call(f"model/{model}/write", [ids, {"active": False}], is_write=True)


async def _webhooks_left(tenant: ProbedFulfil) -> tuple[tuple[str, Record], ...]:
    """Webhooks of probes that are still live, each with its model."""
    if not tenant.settings.webhook_url:
        return ()
    found = []
    for model in [name for name in _WEBHOOK_MODELS if await tenant.knows(name)]:
        live = [["active", "=", True]] if await tenant.knows(model, "active") else []
        rows = await tenant.search(model, ["url", "like", f"%?{MARK}%"], *live, fields=("event",), limit=100)
        found += [(model, row) for row in rows]
    return tuple(found)


async def _channel_orders(tenant: ProbedFulfil) -> Findings:
    """An empty array, which orders nothing, with the tenant's own token, which is not a sales channel's.

    A door that asks for another token is there; one that is not there says so.
    """
    there = []
    for path in ("orders.json", "orders"):
        for verb in ("POST", "PUT"):
            answer = await tenant.call(path, [], verb=verb, base="services/channels/v1/", is_write=True)
            if answer.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
                there.append(f"{verb} {path}")
    if len(there) == 1:
        return {"channel_orders": written(there[0], "Of four ways only this one is there.")}
    if not there:
        return {"channel_orders": written("none", "None of four ways is there.")}
    return {"channel_orders": not_found(f"{len(there)} of four ways answer, so none is told apart")}


def _item(find: Any, asks: str, *finds: str) -> Item[ProbedFulfil]:
    return Item(finds=finds, asks=asks, find=find, effect="writes")


WRITES: Final[tuple[Item[ProbedFulfil], ...]] = (
    _item(_create, "make an order of one unit", "create_order_answer", "processing"),
    _item(_same_key, "send its key again, with two units", "same_key_changed"),
    _item(_total, "make an order whose total is 1.00 too high", "total_mismatch"),
    _item(_unknown_sku, "make an order of a product that is not there", "order_problem"),
    _item(_line, "write three units into the first order's line", "line_write"),
    _item(_stale, "write its comment as of 1970", "stale_write"),
    _item(_plain, "make a draft sale with a key", "plain_channel_identifier"),
    _item(_list, "make two draft sales at once, the second wrong", "create_list", "refusal_status"),
    _item(_events, "ask for a webhook of new sales, and take it back", "record_events"),
    _item(_channel_orders, "post no orders at all to the order interface of sales channels", "channel_orders"),
    _item(_cancels, "cancel the draft, then the first order", "user_warnings", "cancel_after_confirm"),
)
"""Everything that writing can tell; each builds on the sales before it, and the last takes them back."""
