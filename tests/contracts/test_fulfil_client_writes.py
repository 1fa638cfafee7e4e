"""Every write to Fulfil: what is sent, how it may be repeated, and how a lost answer is resolved by a look.

One row per kind of the table of calls; a kind without a row fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import anyio
import anyio.abc
import pytest

from connectors.fulfil import workflow
from connectors.fulfil.adding_payments import NewPayment, NewTransaction, add_payments, add_transactions
from connectors.fulfil.amending import AmendOrder, LineAmended, amend_order
from connectors.fulfil.calls import Applied, CreatedMany
from connectors.fulfil.ledger import NewLedgerLine, NewLedgerMove, make_ledger_move
from connectors.fulfil.lines import LineChange, NewLine, amend_sale
from connectors.fulfil.parties import NewParty, make_party
from connectors.fulfil.records import set_metafields, write_fields
from connectors.fulfil.returns import ReturnedLine, ReturnOrder, return_order
from connectors.fulfil.table import WRITES
from connectors.fulfil.wire import ShippingLine, TaxLine
from runtime.decision import Repeat
from runtime.errors import Failure, Refused, Unavailable, Unknown
from tests.contracts.fulfil_at import (
    answer_half,
    close_unanswered,
    connector,
    door,
    failure_of,
    read_request,
    reset,
    socket_server,
)
from tests.contracts.fulfil_cases import CASES, LINE, Case, money

pytestmark = pytest.mark.anyio


EVERY = pytest.mark.parametrize("case", CASES, ids=[case.ask.kind for case in CASES])


def test_every_write_of_the_table_is_tried_here() -> None:
    """A new write without a row below would not be known to survive a lost answer."""
    assert sorted(case.ask.kind for case in CASES) == sorted(WRITES)


@EVERY
async def test_a_write_is_sent_in_one_request_in_the_form_of_the_facts(case: Case) -> None:
    """Sections 2, 8 and 10: method, path and positional arguments, and what the answer becomes."""
    async with door() as at:
        at.fulfil.will_answer(case.answer)
        assert await at.api.make(case.ask) == case.result
    ((verb, path, _, sent),) = at.fulfil.asked
    assert (verb, path) == (case.verb, f"/api/v2/model/{case.path}")
    assert sent == case.sent


@EVERY
async def test_a_write_whose_answer_is_lost_is_looked_for_and_found(case: Case) -> None:
    """Dropped after the commit: unknown, then a look with the stored bytes that only reads."""
    async with door() as at:
        at.fulfil.will_answer(b"", status=502)
        assert type(await failure_of(at.api.perform(case.ask.kind, case.ask.body))) is Unknown
        at.fulfil.will_answer(case.there)
        found = await at.api.look(case.ask.kind, case.ask.body)
    assert found == (case.result if case.found is None else case.found)
    verb, path, _, _ = at.fulfil.asked[-1]
    assert (verb, path.partition("?")[0]) == ("PUT", f"/api/v2/model/{case.look}")
    assert len(at.fulfil.asked) == 2


@EVERY
async def test_a_write_that_was_not_applied_is_looked_for_and_absent(case: Case) -> None:
    """None is the only answer after which a decision may send the identical bytes again."""
    async with door() as at:
        at.fulfil.will_answer(case.absent)
        assert await at.api.look(case.ask.kind, case.ask.body) is None


UNANSWERED: list[tuple[Any, int]] = [
    (None, 200),
    ({"message": "Error"}, 200),
    ([{"id": 987_654, "channel_identifier": "another", "sale": 1}], 200),
    (b"<html>", 200),
    (b"", 503),
]
"""Null, an error, another record, no JSON, and a failing server."""


@EVERY
async def test_a_look_that_was_not_answered_says_neither_found_nor_absent(case: Case) -> None:
    """Resending after such an answer could do it twice."""
    async with door() as at:
        for answer, status in UNANSWERED:
            at.fulfil.will_answer(answer, status=status)
            assert isinstance(await failure_of(at.api.look(case.ask.kind, case.ask.body)), Unavailable)


@EVERY
@pytest.mark.parametrize("serve", [close_unanswered, reset, answer_half])
async def test_a_connection_that_drops_after_the_commit_leaves_every_write_unknown(
    case: Case, serve: Callable[[anyio.abc.SocketStream], Awaitable[None]]
) -> None:
    """And the request has gone out once."""
    requests = 0

    async def counted(stream: anyio.abc.SocketStream) -> None:
        nonlocal requests
        requests += 1
        await serve(stream)

    async with socket_server(counted) as url, connector(url) as api:
        assert type(await failure_of(api.perform(case.ask.kind, case.ask.body))) is Unknown
    assert requests == 1


@EVERY
async def test_a_cancelled_write_closes_its_connection_and_sends_nothing_more(case: Case) -> None:
    """What is left is one request that may have been applied, as after any lost answer; the next call is untouched."""
    arrived, requests = anyio.Event(), []

    async def silent(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            requests.append(await read_request(stream))
            arrived.set()
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()

    async with socket_server(silent) as url, connector(url) as api, anyio.create_task_group() as calls:
        calls.start_soon(api.perform, case.ask.kind, case.ask.body)
        await arrived.wait()
        calls.cancel_scope.cancel()
    assert len(requests) == 1


ENDS: list[tuple[Any, int, type[Failure]]] = [
    ({"type": "UserError", "code": "E1000", "message": "no"}, 400, Refused),
    ({"type": "UserError", "message": "no"}, 200, Refused),
    ("Error: broken", 200, Unknown),
    (b"", 500, Unknown),
]


@EVERY
async def test_every_write_tells_a_refusal_from_an_unknown_outcome(case: Case) -> None:
    """Section 5, for each kind of write."""
    async with door() as at:
        for answer, status, expected in ENDS:
            at.fulfil.will_answer(answer, status=status)
            assert type(await failure_of(at.api.perform(case.ask.kind, case.ask.body))) is expected


@EVERY
async def test_bytes_that_are_no_such_call_are_not_looked_for(case: Case) -> None:
    """Refused before anything is asked; it would be as wrong the next time."""
    async with door() as at:
        for body in (b"", b"[]", b"{}", b"\xff", b"[[[", b"null"):
            assert type(await failure_of(at.api.look(case.ask.kind, body))) is Refused
    assert at.fulfil.asked == []


# -- what each look must not mistake -----------------------------------------------------------------------------------


def test_writes_that_fulfil_dedupes_say_so_and_the_others_ask_to_be_checked_first() -> None:
    """Section 9: create_order and return_order have a key; nothing else has one."""
    keyed = {kind for kind, write in WRITES.items() if write.repeat is Repeat.KEYED}
    assert keyed == {"create_order", "amend_order", "return_order"}


async def test_a_step_counts_as_done_only_when_all_its_records_have_moved() -> None:
    """One of two is not done; somebody else may have moved it."""
    ask = workflow.CANCEL_SALE([5, 6])
    async with door() as at:
        at.fulfil.will_answer([{"id": 5, "state": "cancel"}, {"id": 6, "state": "draft"}])
        assert await at.api.look(ask.kind, ask.body) is None
        at.fulfil.will_answer([{"id": 6, "state": "cancelled"}, {"id": 5, "state": "cancel"}])
        assert await at.api.look(ask.kind, ask.body) == Applied((5, 6))


async def test_a_return_is_not_mistaken_for_the_order_whose_id_it_shares() -> None:
    """A sale under that key that returns nothing is something else."""
    (case,) = (each for each in CASES if each.ask.kind == "return_order")
    async with door() as at:
        at.fulfil.will_answer([{"id": 4, "channel_identifier": "ret-1", "has_return": False}])
        assert await at.api.look(case.ask.kind, case.ask.body) is None
    assert at.fulfil.asked[0][3][0] == [
        ["channel", "=", 3],
        ["channel_identifier", "=", "ret-1"],
        ["id", "!=", 90211],
    ]


async def test_a_payment_without_a_reference_counts_when_its_amount_is_equal() -> None:
    """A tenant may drop references of gateways that are not manual; a blind repeat would pay twice."""
    ask = add_payments([NewPayment(sale=90211, gateway=2, amount=Decimal("145.32"), reference="ch_abc124")])
    row = {"id": 9, "sale": 90211, "gateway": 2, "amount": money("145.320"), "reference": None}
    async with door() as at:
        at.fulfil.will_answer([row])
        assert await at.api.look(ask.kind, ask.body) == CreatedMany((9,))
        at.fulfil.will_answer([{**row, "amount": money("145.33")}])
        assert await at.api.look(ask.kind, ask.body) is None


async def test_an_added_line_is_recognised_without_its_key_by_what_it_is() -> None:
    """Whether a tenant keeps the channel's id of a written line is not known."""
    ask = amend_sale(
        7, add=[NewLine(channel_identifier="L9", product=158, unit=1, quantity=Decimal(3), unit_price=Decimal(80))]
    )
    row = {"id": 80, "sale": 7, "product": 158, "quantity": 3.0, "unit_price": money("80.0000")}
    async with door() as at:
        at.fulfil.will_answer([row])
        assert await at.api.look(ask.kind, ask.body) == Applied((7,))
        at.fulfil.will_answer([{**row, "channel_identifier": "L8"}])
        assert await at.api.look(ask.kind, ask.body) is None


async def test_a_look_reads_page_after_page_because_half_a_sale_is_no_answer() -> None:
    """An order may have thousands of lines."""
    ask = amend_sale(7, change=[LineChange(id=3, quantity=Decimal(1))])
    rows = [{"id": id_, "sale": 7, "quantity": 1.0} for id_ in (1, 2, 3)]
    async with door(page_size=2) as at:
        at.fulfil.will_answer(rows[:2])
        at.fulfil.will_answer(rows[2:])
        assert await at.api.look(ask.kind, ask.body) == Applied((7,))
    assert [asked[3][0][0] for asked in at.fulfil.asked] == [["id", ">", 0], ["id", ">", 2]]


async def test_a_cancelled_quantity_cannot_be_seen_and_is_repeated_under_its_key() -> None:
    """Section 8.3: `quantity_canceled`. Nothing is known that shows it; the key makes the repeat harmless."""
    line = LineAmended(channel_identifier="L1", quantity_canceled=Decimal(1))
    ask = amend_order(3, AmendOrder(channel_identifier="shop-100045", sale_lines=(line,)))
    async with door() as at:
        at.fulfil.will_answer([LINE])
        assert await at.api.look(ask.kind, ask.body) is None


async def test_a_tenants_own_name_of_a_model_is_in_the_address() -> None:
    """Section 12: model names drift."""
    async with door(names={"payment_gateway.transaction": "payment_transaction"}) as at:
        at.fulfil.will_answer(None)
        await at.api.make(workflow.POST_TRANSACTION([5]))
    assert at.fulfil.asked[0][1] == "/api/v2/model/payment_transaction/post"


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_an_update_in_the_rest_form_may_be_answered_with_any_success(status: int) -> None:
    """Section 2: the shape and the status of an update's answer are not relied on by anyone."""
    ask = set_metafields("sale.sale", 5, {1: True})
    async with door() as at:
        at.fulfil.will_answer(b"", status=status)
        assert await at.api.make(ask) == Applied((5,))


async def test_metafields_come_back_as_an_object_too() -> None:
    """Section 4: object or list, with field_id, code and value."""
    ask = set_metafields("sale.sale", 5, {1: Decimal("2.0")})
    async with door() as at:
        told = {"fee": {"field_id": 1, "code": "fee", "value": money("2.00")}}
        at.fulfil.will_answer([{"id": 5, "metafields": told}])
        assert await at.api.look(ask.kind, ask.body) == Applied((5,))


# -- what is never sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: workflow.PROCESS_SALE([]), id="a step without a record"),
        pytest.param(lambda: amend_sale(7), id="an amendment of nothing"),
        pytest.param(lambda: amend_sale(7, change=[LineChange(id=3)]), id="a line that does not differ"),
        pytest.param(lambda: amend_sale(7, change=[LineChange(id=3, quantity=Decimal("NaN"))]), id="a quantity of NaN"),
        pytest.param(
            lambda: add_payments([NewPayment(sale=1, gateway=2, amount=Decimal(1), reference="")]), id="no reference"
        ),
        pytest.param(
            lambda: add_payments([NewPayment(sale=1, gateway=2, amount=Decimal("Infinity"), reference="x")]),
            id="infinite",
        ),
        pytest.param(lambda: add_payments([]), id="no payment"),
        pytest.param(
            lambda: add_transactions(
                [
                    NewTransaction(
                        payment=1, gateway=2, type="refund", amount=Decimal(-1), reference="x", made_on=date(2026, 1, 1)
                    )
                ]
            ),
            id="a negative refund",
        ),
        pytest.param(lambda: make_party(NewParty(code=" ", name="Ada")), id="a party without a code"),
        pytest.param(lambda: write_fields("a.b", 1, {}), id="no fields"),
        pytest.param(lambda: set_metafields("a.b", 1, {}), id="no metafields"),
        pytest.param(
            lambda: return_order(
                1,
                3,
                ReturnOrder(
                    channel_identifier="r",
                    reference="r",
                    lines=(ReturnedLine(order_line_id=1, return_quantity=Decimal("NaN")),),
                ),
            ),
            id="a return of NaN",
        ),
    ],
)
def test_a_write_that_could_not_be_looked_for_or_means_nothing_is_not_made(make: Callable[[], Any]) -> None:
    """Better a ValueError while deciding than an intent that can never be resolved."""
    with pytest.raises(ValueError, match=r"."):
        make()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="no lines"),
        pytest.param(((1, "2.45", "0"), (2, "0", "2.44")), id="a cent apart"),
        pytest.param(((1, "2", "2"),), id="both sides"),
        pytest.param(((1, "-1", "0"), (2, "0", "-1")), id="below zero"),
        pytest.param(((1, "0", "0"),), id="nothing"),
    ],
)
def test_an_entry_that_does_not_balance_is_never_sent(lines: tuple[tuple[int, str, str], ...]) -> None:
    """Section 8.9: debit and credit are zero or more, and one of them is zero."""
    made = tuple(NewLedgerLine(account=a, debit=Decimal(d), credit=Decimal(c)) for a, d, c in lines)
    move = NewLedgerMove(journal=1, period=1, booked_on=date(2026, 11, 20), description="batch 1", lines=made)
    with pytest.raises(ValueError, match=r"balance|debit"):
        make_ledger_move(move)


def test_an_effect_carries_the_stored_bytes_and_how_they_may_be_repeated() -> None:
    """What a decision writes down."""
    effect = workflow.HOLD_SHIPMENT([5], "edit").effect("orders")
    assert (effect.api, effect.kind, effect.repeat, effect.share) == (
        "fulfil",
        "hold_shipment",
        Repeat.CHECK_FIRST,
        "orders",
    )
    assert effect.body == b'[[5],"edit"]'


@pytest.mark.parametrize(
    ("change", "shipping"),
    [
        ({"sku": "BLUE"}, ()),
        ({"tax_lines": (TaxLine(name="VAT", amount=Decimal("1.90")),)}, ()),
        ({}, (ShippingLine(description="Express", amount=Decimal("9.00")),)),
    ],
)
async def test_a_change_that_lines_do_not_show_is_not_taken_for_made(
    change: dict[str, Any], shipping: tuple[ShippingLine, ...]
) -> None:
    """Quantity and price stand already; the same bytes under the same key change nothing twice."""
    line = LineAmended(channel_identifier="L1", quantity=Decimal(1), unit_price=Decimal("24.50"), **change)
    order = AmendOrder(channel_identifier="shop-100045", sale_lines=(line,), shipping_lines=shipping)
    ask = amend_order(3, order)
    async with door() as at:
        at.fulfil.will_answer([{**LINE, "product.code": "RED"}])
        assert await at.api.look(ask.kind, ask.body) is None


async def test_a_transaction_of_another_amount_is_another_one() -> None:
    """A draft of 50.00 under the same reference is not the charge of 20.00."""
    wanted = NewTransaction(
        payment=331, gateway=2, type="charge", amount=Decimal("20.00"), reference="ch_1", made_on=date(2026, 11, 20)
    )
    ask = add_transactions([wanted])
    row = {"id": 9, "sale_payment": 331, "gateway": 2, "provider_reference": "ch_1", "type": "charge", "state": "draft"}
    async with door() as at:
        at.fulfil.will_answer([{**row, "amount": money("50.00")}])
        assert await at.api.look(ask.kind, ask.body) is None
        at.fulfil.will_answer([{**row, "amount": money("20.000")}])
        assert await at.api.look(ask.kind, ask.body) == CreatedMany((9,))
