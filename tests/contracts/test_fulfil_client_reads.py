"""Every read from Fulfil: what is asked, in which bounds, and what an answer to another question is worth.

Named after the rules of the facts, section 2 (paging, sorting, context, domains) and sections 8.4 to 8.10.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from yarl import URL

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.ledger import PERIODS, POSTED_LINES, PostedOn
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.parties import CONTACTS_BY_EMAIL, Contact, Emails
from connectors.fulfil.payments import INVOICES
from connectors.fulfil.read_back import READ_BACK_LINES, READ_BACK_SALES
from connectors.fulfil.records import PREFERENCES, READ_RECORDS, SEARCH_RECORDS, Nobody, Search, SomeRecords
from connectors.fulfil.returns import FIND_RETURN, ReturnKey
from connectors.fulfil.sales import ORDER_LINES, SALE_LINES, SALE_PARTIES, SALES, SHIPPED_LINES, OrderLines, Sale
from connectors.fulfil.shipments import DROP_SHIPMENTS, SHIPMENTS
from connectors.fulfil.stock import (
    PRODUCT_INVENTORY,
    STOCK_LEVELS,
    STOCK_MOVES,
    Inventory,
    InventoryQuestion,
    StockLevel,
    StockQuestion,
)
from connectors.fulfil.table import MODELS, READS
from connectors.fulfil.wire import FindSales, ProductPageRequest, SaleParty
from runtime.decision import Repeat
from runtime.errors import Refused, Unavailable, Unknown
from tests.contracts.fulfil_at import Door, connector, door, failure_of, never_answer, socket_server

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 11, 20, tzinfo=UTC)
SINCE_WIRED = {"__class__": "datetime", "iso_string": "2026-11-20T00:00:00"}
CHANGED = ["OR", ["write_date", ">=", SINCE_WIRED], ["create_date", ">=", SINCE_WIRED]]

QUESTIONS: dict[type, Any] = {
    Ids: Ids((5,)),
    Changes: Changes(since=SINCE),
    FindSales: FindSales(channel=3, channel_identifiers=("a",)),
    ProductPageRequest: ProductPageRequest(),
    OrderLines: OrderLines(channel=3, channel_identifier="a"),
    ReturnKey: ReturnKey(sale=1, channel=3, channel_identifier="r"),
    StockQuestion: StockQuestion(locations=(4,)),
    InventoryQuestion: InventoryQuestion((157,), (4,)),
    Emails: Emails(emails=("ada@example.com",)),
    Search: Search(model="ir.model", fields=("model",)),
    SomeRecords: SomeRecords(model="ir.model", ids=(5,), fields=("model",)),
    Nobody: Nobody(),
    PostedOn: PostedOn(accounts=(3,), first=date(2026, 10, 1), last=date(2026, 10, 31)),
}


def example(kind: str) -> Ask[Any]:
    """A question for a read: for a search by a field, by one that the model declares."""
    read = READS[kind]
    if read.question is not Find:
        return read(QUESTIONS[read.question])
    (model,) = (each for each in (*MODELS, SHIPPED_LINES, READ_BACK_SALES, READ_BACK_LINES) if each.find.kind == kind)
    return read(Find(by=min(model.by), values=(5,)))


EVERY = pytest.mark.parametrize("ask", [example(kind) for kind in READS], ids=list(READS))


def asked_of(at: Door, place: int = -1) -> tuple[str, dict[str, Any], Any]:
    """Path, context and body of a request; every one is a PUT."""
    method, path, _, body = at.fulfil.asked[place]
    assert method == "PUT"
    url = URL(path)
    return url.path.removeprefix("/api/v2/model/"), json.loads(url.query.get("context", "{}")), body


# -- every read --------------------------------------------------------------------------------------------------------


@EVERY
async def test_a_read_repeats_freely_and_is_one_put_of_positional_arguments(ask: Ask[Any]) -> None:
    """Sections 2 and 11: `PUT /model/M/method`; never a GET, whose address would be too long for many ids (414)."""
    async with door() as at:
        at.fulfil.will_answer(b"not an answer")
        assert type(await failure_of(at.api.make(ask))) is Unavailable
    _, context, body = asked_of(at)
    assert ask.repeat is Repeat.SAFE
    assert isinstance(body, list)
    assert context.get("active_test") is False or ask.kind in ("find_sale", "preferences")


@EVERY
async def test_a_read_never_asks_for_more_than_a_page_and_never_by_offset(ask: Ask[Any]) -> None:
    """Section 2: over 500 the server refuses; pages by offset are no snapshot; order by id."""
    async with door(page_size=50) as at:
        at.fulfil.will_answer(b"not an answer")
        await failure_of(at.api.make(ask))
    path, _, body = asked_of(at)
    if path.endswith("/search_read"):
        _, offset, limit, order, fields = body
        assert offset == 0
        assert order == [["id", "ASC"]]
        assert fields
        assert limit <= (500 if ask.kind == "find_return" else 50)


@EVERY
async def test_a_read_whose_answer_is_lost_is_unavailable_and_never_unknown(ask: Ask[Any]) -> None:
    """Nothing has changed by asking."""
    async with socket_server(never_answer) as url, connector(url, request_timeout_s=0.02) as api:
        failure = await failure_of(api.make(ask))
    assert isinstance(failure, Unavailable)
    assert not isinstance(failure, Unknown)


@EVERY
async def test_an_error_with_status_200_is_not_read_as_an_answer(ask: Ask[Any]) -> None:
    """Section 5: some failures were answered 200 with an error in the body."""
    async with door() as at:
        for answer in ({"error": "no"}, "Error", b"Error: broken"):
            at.fulfil.will_answer(answer)
            assert type(await failure_of(at.api.make(ask))) is Unavailable


async def test_posted_lines_are_of_these_accounts_and_days_and_no_others() -> None:
    """Sections 2 and 8.9: by the dotted path to the move; what was not asked for would falsify a sum."""
    ask = POSTED_LINES(PostedOn(accounts=(3, 4), first=date(2026, 10, 1), last=date(2026, 10, 31), after_id=7))
    async with door() as at:
        at.fulfil.will_answer([{"id": 8, "account": 3, "debit": 1, "credit": 0}])
        assert [row.id for row in (await at.api.make(ask)).rows] == [8]
        path, _, (domain, _, limit, *_) = asked_of(at)
        at.fulfil.will_answer([{"id": 9, "account": 5, "debit": 1, "credit": 0}])
        assert type(await failure_of(at.api.make(ask))) is Unavailable
    first, last = ({"__class__": "date", "iso_string": day} for day in ("2026-10-01", "2026-10-31"))
    assert (path, limit) == ("account.move.line/search_read", 500)
    assert domain == [
        ["id", ">", 7], ["account", "in", [3, 4]], ["move.date", ">=", first], ["move.date", "<=", last],
        ["move.state", "=", "posted"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in READS if kind.startswith("read_") and READS[kind].question is Ids])
async def test_a_read_of_ids_is_batched_up_to_500_and_refuses_more(kind: str) -> None:
    """Section 2: `read` in batches of 500; more is a mistake of ours, not a request."""
    async with door() as at:
        at.fulfil.will_answer([])
        assert await at.api.make(READS[kind](Ids(tuple(range(1, 501))))) == ()
        for ids in ((), tuple(range(1, 502)), (0,)):
            assert type(await failure_of(at.api.make(READS[kind](Ids(ids))))) is Refused
    path, _, (ids, fields) = asked_of(at)
    assert path.endswith("/read")
    assert ids == list(range(1, 501))
    assert fields
    assert len(at.fulfil.asked) == 1


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
async def test_answers_to_other_questions_are_refused_for_every_model(model: Any) -> None:
    """A server that ignores ids, a field or a cursor would otherwise prove things that are not so, or never end."""
    asks = [model.read(Ids((5,))), model.changed(Changes(after_id=7)), model.changed(Changes(after_id=6))]
    if model.by:
        asks.append(model.find(Find(by=min(model.by), values=("nobody",))))
    async with door() as at:
        for ask in asks:
            at.fulfil.will_answer([{"id": 6}])
            assert type(await failure_of(at.api.make(ask))) is Unavailable


# -- what changed ------------------------------------------------------------------------------------------------------


async def test_what_changed_is_asked_by_both_dates_and_a_keyset() -> None:
    """Sections 8 and 12: write_date is null until the first update, so the creation counts beside it."""
    ask = SHIPMENTS.changed(Changes(since=SINCE, after_id=81_000, limit=100, states=("done", "cancel")))
    async with door() as at:
        at.fulfil.will_answer([{"id": 81_292, "state": "done"}], Date="Fri, 20 Nov 2026 14:00:00 GMT")
        page = await at.api.make(ask)
    path, _, (domain, offset, limit, order, fields) = asked_of(at)
    assert path == "stock.shipment.out/search_read"
    assert domain == [["id", ">", 81_000], ["state", "in", ["done", "cancel"]], CHANGED]
    assert (offset, limit, order) == (0, 100, [["id", "ASC"]])
    assert {"carrier.rec_name", "carrier_service.code", "tracking_number.tracking_number", "write_date"} <= set(fields)
    assert (page.last_id, page.complete) == (81_292, True)
    assert page.answered_at == datetime(2026, 11, 20, 14, tzinfo=UTC)


async def test_a_page_is_the_last_when_it_is_shorter_than_asked() -> None:
    """Section 2: no total, no next link, no cursor."""
    async with door(page_size=2) as at:
        at.fulfil.will_answer([{"id": 4}, {"id": 9}])
        at.fulfil.will_answer([])
        first = await at.api.make(SALES.changed(Changes()))
        second = await at.api.make(SALES.changed(Changes(after_id=first.last_id)))
    assert (first.complete, second) == (False, Page(rows=(), last_id=9, complete=True, answered_at=second.answered_at))


async def test_how_many_have_changed_is_one_bare_integer() -> None:
    """Section 2, search_count: `[domain]`."""
    async with door() as at:
        at.fulfil.will_answer(1_204)
        assert await at.api.make(SALES.count(Changes(since=SINCE))) == 1_204
    path, _, body = asked_of(at)
    assert (path, body) == ("sale.sale/search_count", [[["id", ">", 0], CHANGED]])


# -- by a field --------------------------------------------------------------------------------------------------------


async def test_records_are_found_by_a_field_page_by_page() -> None:
    """One value by `=`, several by `in`; a reference by the text that names its record."""
    async with door() as at:
        at.fulfil.will_answer([{"id": 71, "origin": "sale.line,8"}])
        found = await at.api.make(SALE_LINES.find(Find(by="origin", values=("sale.line,8",), after_id=70)))
        at.fulfil.will_answer([])
        await at.api.make(SALE_LINES.find(Find(by="sale", values=(1, 2))))
    assert [row.id for row in found.rows] == [71]
    assert asked_of(at, 0)[2][0] == [["id", ">", 70], ["origin", "=", "sale.line,8"]]
    assert asked_of(at, 1)[2][0] == [["id", ">", 0], ["sale", "in", [1, 2]]]


async def test_a_record_of_many_sales_is_found_by_one_of_them() -> None:
    """A shipment may merge sales."""
    async with door() as at:
        at.fulfil.will_answer([{"id": 5, "sales": [90_210, 90_211]}])
        found = await at.api.make(SHIPMENTS.find(Find(by="sales", values=(90_211,))))
    assert [row.id for row in found.rows] == [5]


@pytest.mark.parametrize("names", [{}, {"sale.sale.reference": ""}])
async def test_what_cannot_be_found_by_a_field_is_refused_without_asking(names: dict[str, str]) -> None:
    """A field that the model does not declare, or that the tenant does not have."""
    ask = SALES.find(Find(by="reference" if names else "comment", values=("x",)))
    async with door(names=names) as at:
        assert type(await failure_of(at.api.make(ask))) is Refused
    assert at.fulfil.asked == []


async def test_the_lines_of_an_order_are_found_through_their_sale() -> None:
    """Section 2: in domains dotting works; it saves the read of the sale."""
    async with door() as at:
        at.fulfil.will_answer([{"id": 71, "sale": 90_211, "sale.channel_identifier": "shop-1", "quantity": 2.0}])
        page = await at.api.make(ORDER_LINES(OrderLines(channel=3, channel_identifier="shop-1")))
        at.fulfil.will_answer([{"id": 71, "sale": 90_211, "quantity": 2.0}])
        assert type(await failure_of(at.api.make(ORDER_LINES(OrderLines(channel=3, channel_identifier="shop-1"))))) is (
            Unavailable
        )
    assert [(row.sale, row.quantity) for row in page.rows] == [(90_211, Decimal("2.0"))]
    assert asked_of(at, 0)[2][0][1:] == [["sale.channel", "=", 3], ["sale.channel_identifier", "=", "shop-1"]]


async def test_the_parties_of_many_sales_are_found_with_one_search() -> None:
    """A sale that is gone is only missing; a read by ids would be refused as a whole."""
    asked = SALE_PARTIES(FindSales(channel=3, channel_identifiers=("a", "b", "c")))
    async with door() as at:
        at.fulfil.will_answer(
            [{"id": 5, "channel_identifier": "a", "party": 7}, {"id": 6, "channel_identifier": "c", "party": None}]
        )
        assert await at.api.make(asked) == (SaleParty(5, "a", 7), SaleParty(6, "c"))
        at.fulfil.will_answer([{"id": 5, "channel_identifier": "z", "party": 7}])
        assert type(await failure_of(at.api.make(asked))) is Unavailable
    domain, _, limit, _, fields = asked_of(at, 0)[2]
    assert domain == [["channel", "=", 3], ["channel_identifier", "in", ["a", "b", "c"]]]
    assert (limit, fields) == (3, ["channel_identifier", "party"])


async def test_contacts_are_found_by_e_mail_in_any_case_and_no_wild_card_lets_others_in() -> None:
    """Section 2: ilike without `%` compares without case, and `_` is any character."""
    rows = [
        {"id": 1, "party": 7, "type": "email", "value": "Ada_Moss@Example.com "},
        {"id": 2, "party": 8, "type": "email", "value": "adaXmoss@example.com"},
    ]
    async with door() as at:
        at.fulfil.will_answer(rows)
        page = await at.api.make(CONTACTS_BY_EMAIL(Emails(emails=("ada_moss@example.com",))))
    assert [row.party for row in page.rows] == [7]
    assert page.last_id == 2
    assert asked_of(at)[2][0] == [
        ["id", ">", 0],
        ["type", "=", "email"],
        ["OR", ["value", "ilike", "ada_moss@example.com"]],
    ]
    assert "ada" not in repr(Emails(emails=("ada@example.com",)))
    assert "ada" not in repr(Contact(id=1, value="ada@example.com"))


# -- stock -------------------------------------------------------------------------------------------------------------


async def test_stock_of_many_skus_is_one_call_scoped_to_its_locations() -> None:
    """Sections 2 and 10.4: `context={"locations": [...]}` scopes the figures, several add up."""
    rows = [
        {"id": 157, "code": "MUG-BLUE", "quantity_on_hand": 30.0, "quantity_available": 22.0},
        {"id": 158, "code": "LAMP-OAK", "quantity_on_hand": 4.0, "quantity_available": -1.5},
    ]
    async with door() as at:
        at.fulfil.will_answer(rows)
        page = await at.api.make(STOCK_LEVELS(StockQuestion(locations=(4, 65), codes=("MUG-BLUE", "LAMP-OAK"))))
    path, context, (domain, _, limit, _, fields) = asked_of(at)
    assert (path, context) == ("product.product/search_read", {"active_test": False, "locations": [4, 65]})
    assert (domain, limit) == ([["id", ">", 0], ["code", "in", ["MUG-BLUE", "LAMP-OAK"]]], 500)
    assert {"code", "quantity_on_hand", "quantity_available"} <= set(fields)
    assert page.rows[1] == StockLevel(
        id=158, code="LAMP-OAK", quantity_on_hand=Decimal("4.0"), quantity_available=Decimal("-1.5")
    )


async def test_a_sweep_of_all_stock_pages_by_id_and_stock_without_locations_is_never_asked() -> None:
    """Section 12: without locations the figures sum over everything in scope, which is nobody's stock."""
    async with door() as at:
        at.fulfil.will_answer([])
        await at.api.make(STOCK_LEVELS(StockQuestion(locations=(4,), after_id=157)))
        assert type(await failure_of(at.api.make(STOCK_LEVELS(StockQuestion(locations=()))))) is Refused
        at.fulfil.will_answer([])
        await at.api.make(STOCK_LEVELS(StockQuestion(locations=(5,), products=(157, 158))))
    assert asked_of(at, 0)[2][0] == [["id", ">", 157]]
    assert asked_of(at, 1)[1]["locations"] == [5]
    assert asked_of(at, 1)[2][0] == [["id", ">", 0], ["id", "in", [157, 158]]]
    assert len(at.fulfil.asked) == 2


async def test_stock_per_warehouse_is_read_from_objects_whose_keys_are_ids_as_text() -> None:
    """Sections 8.5 and 10.4: get_product_inventory; JSON keys arrive as strings."""
    answer = {
        "157": {
            "4": {"quantity_on_hand": 30.0, "quantity_available": 22.0},
            "65": {"quantity_on_hand": 0.0, "quantity_available": None},
        },
        "158": {},
    }
    ask = PRODUCT_INVENTORY(InventoryQuestion((157, 158), (4, 65)))
    async with door() as at:
        at.fulfil.will_answer(answer)
        assert await at.api.make(ask) == (
            Inventory(157, 4, Decimal("30.0"), Decimal("22.0")),
            Inventory(157, 65, Decimal("0.0"), None),
        )
        at.fulfil.will_answer({"999": {}})
        assert type(await failure_of(at.api.make(ask))) is Unavailable
    path, _, body = asked_of(at, 0)
    assert (path, body) == ("product.product/get_product_inventory", [[157, 158], [4, 65]])


# -- any record --------------------------------------------------------------------------------------------------------


async def test_any_model_can_be_searched_and_read_by_its_name() -> None:
    """What a probe needs; names and values are the tenant's own."""
    async with door() as at:
        at.fulfil.will_answer([{"id": 5, "name": "sellable"}])
        search = Search(model="ir.model.field", fields=("name",), domain=(("model.model", "=", "product.product"),))
        assert await at.api.make(SEARCH_RECORDS(search)) == ({"id": 5, "name": "sellable"},)
        at.fulfil.will_answer([{"id": 5, "state": "draft"}])
        assert await at.api.make(READ_RECORDS(SomeRecords(model="sale.sale", ids=(5,), fields=("state",)))) == (
            {"id": 5, "state": "draft"},
        )
    assert asked_of(at, 0)[2][0] == [["id", ">", 0], ["model.model", "=", "product.product"]]
    assert asked_of(at, 1) == ("sale.sale/read", {"active_test": False}, [[5], ["state"]])


@pytest.mark.parametrize("model", ["", "../res.user", "a b", "sale.sale/5", "sale..sale", "a" * 101])
async def test_a_model_of_no_usual_name_is_not_put_into_an_address(model: str) -> None:
    """The name becomes a part of the path."""
    async with door() as at:
        ask = SEARCH_RECORDS(Search(model=model, fields=("id",)))
        assert type(await failure_of(at.api.make(ask))) is Refused
    assert at.fulfil.asked == []


async def test_whose_token_it_is_costs_one_call_without_a_model() -> None:
    """Section 11: `PUT res.user/get_preferences` `[true]`, which answers an object."""
    async with door() as at:
        at.fulfil.will_answer({"company": 1, "language": "en_US"})
        assert await at.api.make(PREFERENCES(Nobody())) == {"company": 1, "language": "en_US"}
    assert asked_of(at) == ("res.user/get_preferences", {}, [True])


async def test_other_models_are_where_the_facts_have_them() -> None:
    """Sections 8.5 to 8.9."""
    async with door() as at:
        for model in (STOCK_MOVES, INVOICES, DROP_SHIPMENTS, PERIODS):
            at.fulfil.will_answer([])
            await at.api.make(model.read(Ids((1,))))
    assert [asked_of(at, place)[0] for place in range(4)] == [
        "stock.move/read",
        "account.invoice/read",
        "stock.shipment.drop/read",
        "account.period/read",
    ]


async def test_a_sale_is_read_back_with_what_a_comparison_needs() -> None:
    """Section 8.1: totals as Decimal objects, links as ids."""
    row = {
        "id": 90_211,
        "number": "SO90211",
        "state": "processing",
        "total_amount": {"__class__": "Decimal", "decimal": "145.32"},
        "currency.code": "USD",
        "lines": [71, 72],
        "party": 5001,
        "has_return": False,
    }
    async with door() as at:
        at.fulfil.will_answer([row])
        (sale,) = await at.api.make(SALES.read(Ids((90_211, 90_212))))
    assert sale == Sale(
        id=90_211,
        number="SO90211",
        state="processing",
        total_amount=Decimal("145.32"),
        currency_code="USD",
        lines=(71, 72),
        party=5001,
        has_return=False,
    )


async def test_names_of_other_tenants_are_refused_when_the_connector_is_made() -> None:
    """A configured name that stands for nothing is a typing error."""
    with pytest.raises(ValueError, match=r"sale\.sail"):
        async with connector("http://127.0.0.1:1", names={"sale.sail": "x"}):
            pass


async def test_questions_survive_being_written_down() -> None:
    """A read's body is its question as JSON."""
    for kind in READS:
        ask = example(kind)
        assert msgspec.json.encode(msgspec.json.decode(ask.body, type=READS[kind].question)) == ask.body
    assert READS["find_return"] is FIND_RETURN
