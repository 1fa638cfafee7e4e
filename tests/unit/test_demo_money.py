"""The observer's judgement of the money can fail: a planted difference is missed, another one is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.demo.figures import Figures, Line
from flows.demo.ledger import Move, Posted, judge_ledger, judge_preview
from flows.demo.money import Said, closable, judge_money
from flows.demo.observer import Books, Creates, Expected, Fault, Sale, SaleLine, SaleShipment
from flows.demo.orders import generate
from flows.demo.providers import Charged, Night, PayoutFile, Plant, Refund, charged, fee_of, paid_out
from flows.demo.stories import EUROPE, SALES_CHANNELS, WEB, Story, Wanted
from flows.model.money import ZERO
from flows.model.payout_proof import prove_payout
from flows.payout_import.file import examine, formats_of, opened

TODAY = date(2026, 11, 26)
NAMES = {each.id: each.name for each in SALES_CHANNELS}


def _charged(sales_channel: str, number: int) -> Charged:
    story = Story.REFUNDED if number == 3 else Story.PLAIN
    return Charged(
        order_id=f"{ {'web': 1, 'europe': 2, 'outlet': 3}[sales_channel] }00{number}",
        story=story,
        payment=f"pi_{number}" if sales_channel == "outlet" else "",
        charges=(Decimal(f"{number}0.10"), Decimal("5.00")) if number == 2 else (Decimal(f"{number}0.10"),),
        refunds=(Refund(f"77{number}", Decimal("4.00")),) if story is Story.REFUNDED else (),
    )


CHARGED = {each.name: [_charged(each.name, number) for number in range(1, 5)] for each in SALES_CHANNELS}


@pytest.fixture(scope="module")
def night() -> Night:
    """What is paid out of four orders of each sales channel."""
    return paid_out(7, CHARGED, TODAY)


# -- files -------------------------------------------------------------------------------------------------------------


def _examined(file: PayoutFile, directory: Path) -> Any:
    path = directory / file.name
    path.write_bytes(file.content)
    with opened(path, formats_of({}), "", zone=UTC, encoding="utf-8") as read:
        return examine(read)


def test_every_file_is_one_that_a_provider_would_give(night: Night, tmp_path: Path) -> None:
    """Seamline's own readers know each by its beginning, and each payout in it adds up to what was paid."""
    payouts = {each.id: each for each in night.payouts}
    for file in night.files:
        examined = _examined(file, tmp_path)
        for id_, header in examined.headers.items():
            payout, sums = payouts.pop(id_), examined.sums(id_)
            assert prove_payout(header, sums, file.bank).verdict == "proven"
            assert (sums.net, header.paid, sums.lines) == (payout.paid, payout.paid, len(payout.lines))
            assert header.paid_on == payout.day < TODAY
    assert not payouts


def test_what_is_wrong_is_in_the_files_and_nowhere_else(night: Night, tmp_path: Path) -> None:
    """A fee that is too high, a refund that is in no payout, and a line that stands there twice; each once."""
    planted = {each.plant: each for each in night.planted}
    assert set(planted) == {Plant.WRONG_FEE, Plant.MISSING_REFUND, Plant.REPEATED_LINE}
    off = [
        (payout.key, line.fee - fee_of(line.amount, payout.sales_channel.fee))
        for payout in night.payouts
        for line in payout.lines
        if not line.refund and line.fee != fee_of(line.amount, payout.sales_channel.fee)
    ]
    assert off == [(planted[Plant.WRONG_FEE].subject, planted[Plant.WRONG_FEE].amount)]
    assert planted[Plant.MISSING_REFUND].subject == "web/1003"
    there = {line.refund for payout in night.payouts for line in payout.lines if line.refund}
    assert there == {
        refund.id for each in (CHARGED["outlet"], CHARGED["europe"]) for of in each for refund in of.refunds
    }
    repeated = [each for file in night.files for each in _examined(file, tmp_path).findings]
    assert [(each.kind, each.amount) for each in repeated] == [("repeated", planted[Plant.REPEATED_LINE].amount)]


def test_the_same_seed_pays_the_same_out(night: Night) -> None:
    """Another one plants elsewhere."""
    assert paid_out(7, CHARGED, TODAY) == night
    assert len({paid_out(seed, CHARGED, TODAY).planted for seed in range(9)}) > 1


def test_what_was_charged_is_what_the_sales_channel_says() -> None:
    """An edit that raised the order is a charge of its own; what is not paid is none, and a test is nobody's money."""
    (order,) = generate(3, 1)
    first = msgspec.json.decode(order.body)
    now = {**first, "total_price": f"{order.total + 9:.2f}"}
    body, before = msgspec.json.encode(now), order.body
    taken = charged(WEB, Story.EDITED_AFTER, order.order_id, body, before)
    assert taken is not None
    assert taken.charges == (order.total, Decimal("9.00"))
    refund = {"transactions": [{"id": 5, "amount": "3.00"}]}
    back = charged(WEB, Story.REFUNDED, order.order_id, msgspec.json.encode({**first, "refunds": [refund]}))
    assert back is not None
    assert (back.charges, back.refunds) == ((order.total,), (Refund("5", Decimal("3.00")),))
    for nothing in ({"financial_status": "pending"}, {"financial_status": "voided"}, {"test": True}):
        assert charged(WEB, Story.UNPAID, order.order_id, msgspec.json.encode({**first, **nothing})) is None


# -- the ledger --------------------------------------------------------------------------------------------------------


def _moves(night: Night) -> list[Move]:
    """What the ledger has when everything is right: a move for each day of a sales channel in the ledger's currency."""
    moves = [Move(1, "CS81086", TODAY, (Posted("5000", Decimal(9), ZERO), Posted("1300", ZERO, Decimal(9))))]
    for number, each in enumerate(night.payouts, 2):
        if each.sales_channel.currency == "USD":
            said = f"Seamline {each.sales_channel.name} USD {each.day} no {number} 0f3a9c1e27d4"
            fees, paid = each.fees, each.paid
            lines = (Posted("6100", fees, ZERO), Posted("1200", ZERO, fees))
            lines += (Posted("1000", paid, ZERO), Posted("1200", ZERO, paid))
            moves.append(Move(number, said, each.day, lines))
    return moves


def test_a_ledger_that_has_what_was_paid_out_is_right(night: Night) -> None:
    """Each batch balances, and another currency than the ledger's is only shown."""
    seen, findings = judge_ledger(_moves(night), night.payouts)
    assert findings == ()
    assert (seen.moves, seen.unbalanced) == (4, 0)
    assert [(each.sales_channel, each.difference) for each in seen.batches] == [("outlet", 0), ("web", 0), ("web", 0)]
    assert sum(each.amount for each in seen.batches) == sum(
        each.paid + each.fees for each in night.payouts if each.sales_channel is not EUROPE
    )
    assert seen.not_posted == {"EUR": night.payouts[2].paid}


def _changed(move: Move, **changes: Any) -> Move:
    return msgspec.structs.replace(move, **changes)


def test_a_ledger_that_has_something_else_is_named(night: Night) -> None:
    """A batch that is missing, doubled, a cent off, on another day, or of a currency that is not to be posted."""
    moves = _moves(night)
    last = moves[-1]
    line = last.lines[0]
    cent = msgspec.structs.replace(line, debit=line.debit + Decimal("0.01"))
    for wrong in (
        moves[:-1],
        [*moves, _changed(last, id=9)],
        [*moves[:-1], _changed(last, lines=(cent, *last.lines[1:]))],
        [*moves[:-1], _changed(last, date=TODAY)],
        [*moves, _changed(last, id=9, description=f"Seamline europe EUR {last.date} no 1 0f3a9c1e27d4")],
        [_changed(moves[0], lines=moves[0].lines[:1]), *moves[1:]],
    ):
        seen, findings = judge_ledger(wrong, night.payouts)
        assert findings
        assert {each.fault for each in findings} == {Fault.MISBOOKED}
        assert seen.unbalanced == sum(bool(move.difference) for move in wrong)


def test_finance_agrees_only_with_a_preview_of_what_was_paid_out(night: Night) -> None:
    """It is compared like the ledger itself."""
    lines = [
        {
            "sales_channel": (move.description or "").split()[1],
            "currency": "USD",
            "booked_on": f"{move.date}",
            "account": line.account,
            "debit": str(line.debit),
            "credit": str(line.credit),
        }
        for move in _moves(night)[1:]
        for line in move.lines
    ]
    assert judge_preview(lines, night.payouts) == ()
    assert judge_preview(lines[1:], night.payouts)
    assert judge_preview([], night.payouts)


# -- what Seamline says ------------------------------------------------------------------------------------------------


def _figures(total: str) -> Figures:
    money = dict.fromkeys(("total", "goods", "paid"), Decimal(total))
    return Figures(
        currency="EUR",
        tax=ZERO,
        shipping=ZERO,
        refunded=ZERO,
        lines=(Line("MUG", Decimal(2), Decimal(total)),),
        **money,
    )


def _expected(name: str, order_id: str, story: Story = Story.PLAIN, *, sold: bool = True, **more: Any) -> Expected:
    figures = _figures("20.00")
    return Expected(
        sales_channel=name,
        order_id=order_id,
        reference=f"#{order_id}",
        story=story,
        versions=1,
        currency=figures.currency,
        total=figures.total,
        sale=figures if sold else None,
        **more,
    )


EXPECTED = [
    _expected("web", "1001"),
    _expected("web", "1003", Story.REFUNDED),
    _expected("web", "1004"),
    _expected("web", "1005", Story.CONTRADICTORY, sold=False),
    _expected("europe", "2001", Story.EDITED_IN_ERP, by_hand=Wanted("MUG", 1)),
    _expected("outlet", "3001", Story.TAX_UNMAPPED, sold=False),
]


def _sale(expected: Expected, **more: Any) -> Sale:
    figures = expected.sale or _figures("0")
    return Sale(
        **{
            "id": int(expected.order_id),
            "channel": next(id_ for id_, name in NAMES.items() if name == expected.sales_channel),
            "channel_identifier": expected.order_id,
            "reference": expected.reference,
            "currency": figures.currency,
            "total": figures.total,
            "stated_amount": figures.total,
            "lines_sum": figures.goods,
            "tax_sum": figures.tax,
            "shipping_sum": figures.shipping,
            "captured_sum": figures.paid,
            "refunded_sum": figures.refunded,
            "lines": tuple(SaleLine(line.sku, line.quantity, line.amount) for line in figures.lines),
            **more,
        }
    )


def _books() -> Books:
    left = SaleShipment(number="CS1", state="done", goods={"MUG": Decimal(2)})
    sales = [
        _sale(EXPECTED[0], shipments=(left,)),
        _sale(EXPECTED[1], shipments=(left,)),
        _sale(EXPECTED[2], shipments=(msgspec.structs.replace(left, state="assigned"),)),
        _sale(EXPECTED[4], shipments=(left,), total=Decimal("30.00")),
    ]
    creates = Creates(applied=4, applied_answer_lost=0, repeated=0, updated=0, repeated_with_change=0)
    return Books(sales_count=4, lookups=0, create_order=creates, calls={}, sales=tuple(sales))


def _case(subject: str, kind: str, amount: str, currency: str, cause: str = "") -> dict[str, Any]:
    return {
        "subject": subject,
        "kind": kind,
        "cause": cause,
        "amount": amount,
        "currency": currency,
        "owner": "finance",
        "sentence": f"{kind} of {subject}",
    }


def _said(night: Night) -> Said:
    """What Seamline says when it has found everything."""
    subjects = {each.plant: each for each in night.planted}
    wrong, again = subjects[Plant.WRONG_FEE], subjects[Plant.REPEATED_LINE]
    payouts = [
        {
            "key": each.key,
            "verdict": "proven",
            "lines": len(each.lines),
            "unlinked": 0,
            "net": str(each.paid),
            "difference": "0",
            "classes": {"fee": str(-each.fees)},
            "unexplained": "0",
        }
        for each in night.payouts
    ]
    return Said(
        imports=[{"payouts": payouts[:2]}, {"payouts": payouts[2:]}],
        holds=[
            _case("web/1005", "order.contradiction", "1.00", "USD"),
            _case(wrong.subject, "payout.fee", str(wrong.amount), wrong.currency),
            _case(again.subject, "payout.repeated", str(again.amount), again.currency),
            _case("web/1003", "refund.unpaid", "4.00", "USD"),
            _case("outlet/3001", "tax.unmapped", "20.00", "EUR"),
            _case("europe/2001", "sale.differs", "10.00", "EUR", "total"),
            _case("europe/2001", "sale.differs", "1.60", "EUR", "tax"),
            _case("europe/2001", "sale.differs", "8.40", "EUR", "units"),
            {**_case("web/1004", "carrier.unmapped", "0", "USD"), "owner": "operations"},
        ],
        unsettled=[
            {"key": "web/1003", "cause": "payout", "waits": ["for a payout that has its refund of 4.00 USD"]},
            {"key": "web/1004", "cause": "shipping", "waits": ["for its goods to leave"]},
            {"key": "europe/2001", "cause": "cases", "waits": ["for its open cases to end (sale.differs)"]},
        ],
    )


CLOSABLE = {"web/1001"}


def _judged(night: Night, said: Said) -> Any:
    ledger, _ = judge_ledger(_moves(night), night.payouts)
    return judge_money(night, EXPECTED, _books(), ledger, said, CLOSABLE)


def test_a_day_on_which_everything_planted_is_told_and_nothing_else_has_no_finding(night: Night) -> None:
    """Each planted difference with its amount, nothing unexplained, and the one order that is done closed."""
    money, findings = _judged(night, _said(night))
    assert findings == ()
    assert {each.plant for each in money.planted if each.found} == set(Plant)
    assert money.unexplained == {"EUR": 0, "USD": 0}
    assert (money.payouts, money.payouts_proven, money.closed) == (4, 4, 1)
    assert money.open_by_cause == {"cases": 1, "payout": 1, "shipping": 1}


@pytest.mark.parametrize(
    ("plant", "subject", "kind"),
    [
        (Plant.WRONG_FEE, "payout/web/shopify_payments/30002", "payout.fee"),
        (Plant.MISSING_REFUND, "web/1003", "refund.unpaid"),
        (Plant.REPEATED_LINE, "payout/outlet/stripe/po_50001", "payout.repeated"),
        (Plant.TAX_UNMAPPED, "outlet/3001", "tax.unmapped"),
        (Plant.EDITED_BY_HAND, "europe/2001", "sale.differs"),
    ],
)
def test_a_planted_difference_that_is_not_told_or_told_wrong_is_missed(
    night: Night, plant: Plant, subject: str, kind: str
) -> None:
    """Without its case, and with a case of another amount."""
    said = _said(night)
    rest = [each for each in said.holds if (each["subject"], each["kind"]) != (subject, kind)]
    for holds in (rest, [*rest, _case(subject, kind, "0.99", "USD", "total")]):
        money, findings = _judged(night, msgspec.structs.replace(said, holds=holds))
        assert [(each.fault, each.order) for each in findings] == [(Fault.MISSED, subject)]
        assert [each.plant for each in money.planted if not each.found] == [plant]


@pytest.mark.parametrize(
    "case",
    [
        _case("payout/europe/shopify_payments/40001", "payout.fee", "0.02", "EUR"),
        _case("web/1001", "order.contradiction", "0.02", "EUR"),
        _case("europe/2001", "sale.differs", "0.02", "EUR", "captured"),
    ],
)
def test_what_nobody_planted_is_unexplained_with_its_amount(night: Night, case: Mapping[str, Any]) -> None:
    """A case of a payout that is right, of an order that has another story, or of another figure of the planted one."""
    said = _said(night)
    money, findings = _judged(night, msgspec.structs.replace(said, holds=[*said.holds, case]))
    assert [(each.fault, each.order) for each in findings] == [(Fault.UNEXPLAINED, case["subject"])]
    assert money.unexplained == {"EUR": Decimal("0.02"), "USD": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "unproven"},
        {"net": "1.00"},
        {"unlinked": 1},
        {"lines": 2},
        {"difference": "0.01"},
        {"classes": {}},
        {"unexplained": "0.02"},
    ],
)
def test_a_payout_that_was_imported_as_something_else_is_unexplained(night: Night, changes: Mapping[str, Any]) -> None:
    """And so is one that was not imported."""
    said = _said(night)
    (first, *others), *files = [list(file["payouts"]) for file in said.imports]
    for payouts in ([{**first, **changes}, *others], others):
        imports = [{"payouts": payouts}, *({"payouts": each} for each in files)]
        _, findings = _judged(night, msgspec.structs.replace(said, imports=imports))
        assert {(each.fault, each.order) for each in findings} == {(Fault.UNEXPLAINED, first["key"])}


def test_an_order_is_closed_exactly_when_nothing_of_it_is_left_to_do(night: Night) -> None:
    """One that should be and is not, and one that is and should not be."""
    said = _said(night)
    late = {"key": "web/1001", "cause": "posting", "waits": ["for the postings of its payouts"]}
    for unsettled, order in (
        (([*said.unsettled, late]), "web/1001"),
        (said.unsettled[:1] + said.unsettled[2:], "web/1004"),
    ):
        _, findings = _judged(night, msgspec.structs.replace(said, unsettled=unsettled))
        assert [(each.fault, each.order) for each in findings] == [(Fault.UNEXPLAINED, order)]


def test_nothing_is_left_to_do_of_an_order_that_has_left_is_told_and_is_in_payouts(night: Night) -> None:
    """Not of one of which a piece is there, that nobody was told of, that was changed, or whose refund is missing."""
    names = [(each.sales_channel, each.order_id) for each in EXPECTED]
    assert closable(EXPECTED, _books(), names, NAMES, night) == CLOSABLE
    assert closable(EXPECTED, _books(), names[1:], NAMES, night) == set()
    cancelled = msgspec.structs.replace(EXPECTED[2], cancelled=True)
    assert closable([cancelled], _books(), [], NAMES, night) == {"web/1004"}
    halved = SaleShipment(number="CS1", state="done", goods={"MUG": Decimal(1)})
    books = _books()
    part = msgspec.structs.replace(books.sales[0], shipments=(halved,))
    assert closable(EXPECTED[:1], msgspec.structs.replace(books, sales=(part,)), names, NAMES, night) == set()
