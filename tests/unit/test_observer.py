"""The observer can fail: whatever is planted in the books is found and named, and clean books are clean."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.demo.figures import figures, reference
from flows.demo.observer import (
    Books,
    Creates,
    Expected,
    Fault,
    Finding,
    OrderName,
    Sale,
    SaleLine,
    Warehouse,
    canonical_digest,
    judge,
    judge_surroundings,
)
from flows.demo.orders import generate
from flows.demo.stories import NEVER_SOLD, SALES_CHANNELS, Story, Wanted, counted, day

NAMES = {each.id: each.name for each in SALES_CHANNELS}
IDS = {each.name: each.id for each in SALES_CHANNELS}


def _expectations() -> list[Expected]:
    """A small day's plan, with generated orders in place of those that the sales channels would draw."""
    planned = day(3, 110).planned
    orders = {each.name: generate(3, 110, sales_channel=each.name) for each in SALES_CHANNELS}
    expected = []
    for each in planned:
        order = next(orders[each.sales_channel.name])
        now = figures("shopify", order.body)
        expected.append(
            Expected(
                sales_channel=each.sales_channel.name,
                order_id=order.order_id,
                reference=reference("shopify", order.body),
                story=each.story,
                versions=each.versions,
                currency=now.currency,
                total=now.total,
                sale=None if each.story in NEVER_SOLD else now,
                cancelled=each.story is Story.CANCELLED_AFTER,
            )
        )
    assert set(counted(planned)) == set(Story)
    return expected


TODAY = _expectations()


def _sale(id_: int, expected: Expected) -> Sale:
    figures = expected.sale
    assert figures is not None
    return Sale(
        id=id_,
        channel=IDS[expected.sales_channel],
        channel_identifier=expected.order_id,
        reference=expected.reference,
        state="cancel" if expected.cancelled else "processing",
        currency=figures.currency,
        total=figures.total,
        stated_amount=figures.total,
        lines_sum=figures.goods,
        tax_sum=figures.tax,
        shipping_sum=figures.shipping,
        captured_sum=figures.paid,
        refunded_sum=figures.refunded,
        lines=tuple(SaleLine(line.sku, line.quantity, line.amount) for line in reversed(figures.lines)),
    )


def _right() -> list[Sale]:
    return [_sale(id_, each) for id_, each in enumerate(TODAY, start=90_001) if each.sale is not None]


def _acknowledged() -> dict[OrderName, int]:
    return {(each.sales_channel, each.order_id): each.versions for each in TODAY}


def _books(sales: Sequence[Sale]) -> Books:
    creates = Creates(applied=len(sales), applied_answer_lost=0, repeated=0, updated=0, repeated_with_change=0)
    return Books(sales_count=len(sales), lookups=0, create_order=creates, calls={}, sales=tuple(sales))


def _found(sales: Sequence[Sale], acknowledged: dict[OrderName, int] | None = None) -> tuple[Finding, ...]:
    return judge(TODAY, _acknowledged() if acknowledged is None else acknowledged, _books(sales), NAMES)


def _of(story: Story) -> Expected:
    return next(each for each in TODAY if each.story is story)


def _named(each: Expected) -> str:
    return f"{each.sales_channel}/{each.order_id}"


def test_books_that_are_right_have_no_finding() -> None:
    """Every order that may be sold is there once, with its figures, whatever the order of its lines."""
    assert _found(_right()) == ()


def test_an_acknowledged_order_that_is_not_in_the_books_is_lost() -> None:
    """One sale is taken away; exactly that order is named."""
    sales = _right()
    gone = sales.pop(7)
    (finding,) = _found(sales)
    assert finding.fault is Fault.LOST
    assert finding.order == f"{NAMES[gone.channel]}/{gone.channel_identifier}"


def test_empty_books_lose_every_order() -> None:
    """Nothing is taken for granted."""
    assert [finding.fault for finding in _found([])] == [Fault.LOST] * len(_right())


def test_a_second_sale_of_an_order_is_doubled() -> None:
    """Under the same identifier, or under another one with the same number."""
    sales = _right()
    again = msgspec.structs.replace(sales[3], id=99_001)
    assert [finding.fault for finding in _found([*sales, again])] == [Fault.DOUBLED]
    disguised = msgspec.structs.replace(again, channel_identifier="gid-of-the-same-order")
    (finding,) = _found([*sales, disguised])
    assert finding.fault is Fault.DOUBLED
    assert str(sales[3].channel_identifier) in finding.sentence


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("total", "total"),
        ("stated_amount", "stated amount"),
        ("lines_sum", "goods"),
        ("tax_sum", "tax"),
        ("shipping_sum", "shipping"),
        ("captured_sum", "captured payments"),
        ("refunded_sum", "refunds"),
    ],
)
def test_a_figure_that_is_a_cent_off_is_wrong(field: str, name: str) -> None:
    """Each figure of a sale is compared, and the sentence says which differs and by what it should be."""
    sales = _right()
    right = getattr(sales[5], field)
    changes: dict[str, Any] = {field: right + Decimal("0.01")}
    sales[5] = msgspec.structs.replace(sales[5], **changes)
    (finding,) = _found(sales)
    assert finding.fault is Fault.WRONG
    assert f"its {name} is {right + Decimal('0.01')}, not {right}" in finding.sentence


def test_a_sale_that_was_changed_by_hand_has_the_order_s_goods_and_those() -> None:
    """Its figures are left to whoever judges the change; another piece, and other money, are wrong all the same."""
    sales, place = _right(), 5
    name = (NAMES[sales[place].channel], sales[place].channel_identifier)
    line, *others = sales[place].lines
    more = msgspec.structs.replace(line, quantity=line.quantity + 1, amount=line.amount * 2)
    by_hand = [
        msgspec.structs.replace(each, by_hand=Wanted(line.sku or "", 1))
        if (each.sales_channel, each.order_id) == name
        else each
        for each in TODAY
    ]
    for changes, right in (
        ({"lines": (more, *others), "total": sales[place].total + line.amount}, True),
        ({}, False),
        ({"lines": (more, *others), "captured_sum": sales[place].captured_sum + 1}, False),
    ):
        changed = [*sales[:place], msgspec.structs.replace(sales[place], **changes), *sales[place + 1 :]]
        findings = judge(by_hand, _acknowledged(), _books(changed), NAMES)
        assert [each.fault for each in findings] == ([] if right else [Fault.WRONG]), changes


def test_another_currency_or_other_goods_are_wrong() -> None:
    """The currency counts, and so do SKU, quantity and amount of each line, even when the sums are right."""
    for change in (
        {"currency": "CAD"},
        {"lines": ()},
        {"lines": (msgspec.structs.replace(_right()[2].lines[0], sku="OTHER"), *_right()[2].lines[1:])},
    ):
        sales = _right()
        sales[2] = msgspec.structs.replace(sales[2], **change)
        assert [finding.fault for finding in _found(sales)] == [Fault.WRONG]


def test_the_first_version_sold_after_its_edit_had_overtaken_it_is_wrong() -> None:
    """The sale must be of the version that counts, not of the one that came last."""
    each = _of(Story.EDITED_FIRST)
    assert each.sale is not None
    sales = _right()
    place = next(place for place, sale in enumerate(sales) if sale.channel_identifier == each.order_id)
    old = each.sale.total - Decimal("5.00")
    shipping = each.sale.shipping - Decimal("5.00")
    sales[place] = msgspec.structs.replace(
        sales[place], total=old, stated_amount=old, captured_sum=old, shipping_sum=shipping
    )
    (finding,) = _found(sales)
    assert (finding.fault, finding.order) == (Fault.WRONG, _named(each))


@pytest.mark.parametrize(("story", "sentence"), [(Story.CANCELLED_AFTER, "not cancelled"), (Story.PLAIN, "cancelled")])
def test_a_sale_is_cancelled_exactly_when_its_order_was_in_time(story: Story, sentence: str) -> None:
    """One that should be and is not, and one that should not be and is."""
    each = _of(story)
    sales = _right()
    place = next(place for place, sale in enumerate(sales) if sale.channel_identifier == each.order_id)
    other = "processing" if each.cancelled else "cancel"
    sales[place] = msgspec.structs.replace(sales[place], state=other)
    (finding,) = _found(sales)
    assert (finding.fault, finding.order) == (Fault.WRONG, _named(each))
    assert finding.sentence.endswith(f"it is {sentence}")


def test_what_an_edit_has_emptied_is_no_line_of_the_sale() -> None:
    """A line that was taken away stays in the ERP with nothing left of it; with anything left of it, it is wrong."""
    sales = _right()
    emptied = SaleLine("GONE", Decimal(0), Decimal(0))
    sales[4] = msgspec.structs.replace(sales[4], lines=(*sales[4].lines, emptied))
    assert _found(sales) == ()
    left = msgspec.structs.replace(emptied, quantity=Decimal(1))
    sales[4] = msgspec.structs.replace(sales[4], lines=(*sales[4].lines, left))
    assert [finding.fault for finding in _found(sales)] == [Fault.WRONG]


@pytest.mark.parametrize(
    "story",
    [Story.TEST, Story.UNPAID, Story.SKU_MISSING, Story.SKU_CANCELLED, Story.CONTRADICTORY, Story.CANCELLED_FIRST],
)
def test_a_sale_of_an_order_that_must_be_held_or_cancelled_is_unexpected(story: Story) -> None:
    """Such an order in the books is found, whatever its figures."""
    each = _of(story)
    planted = msgspec.structs.replace(
        _right()[0], id=99_002, channel=IDS[each.sales_channel], channel_identifier=each.order_id
    )
    (finding,) = _found([*_right(), planted])
    assert (finding.fault, finding.order) == (Fault.UNEXPECTED, _named(each))
    assert story.value in finding.sentence


def test_a_sale_of_no_order_is_unexpected() -> None:
    """So is one on a sales channel that does not exist, and one without an identifier."""
    stranger = msgspec.structs.replace(_right()[0], id=99_003, reference="#9999999")
    for change in ({"channel_identifier": "1"}, {"channel": 77}, {"channel_identifier": None}):
        found = _found([*_right(), msgspec.structs.replace(stranger, **change)])
        assert [finding.fault for finding in found] == [Fault.UNEXPECTED]


def test_an_order_that_was_not_fully_acknowledged_proves_nothing() -> None:
    """It is a finding of its own, and its absence is not called a loss."""
    each = _of(Story.EDITED_AFTER)
    acknowledged = _acknowledged()
    acknowledged[each.sales_channel, each.order_id] -= 1
    sales = [sale for sale in _right() if sale.channel_identifier != each.order_id]
    (finding,) = _found(sales, acknowledged)
    assert (finding.fault, finding.order) == (Fault.UNACKNOWLEDGED, _named(each))


_PLACED = {name: [each.order_id for each in TODAY if each.sales_channel == name] for name in IDS}
_SEEN = Warehouse(shipped=4, packed=2, on_hold=1, parcels=5, moves=40, ledger_difference=Decimal("0.00"))
_DUE = {"shipped": 4, "packed": 2, "on_hold": 1, "parcels": 5}


def test_surroundings_that_are_as_played_have_no_finding() -> None:
    """The sales channels have the orders that were placed, the ERP the shipments that left, and its ledger balances."""
    assert judge_surroundings(TODAY, _PLACED, _DUE, _SEEN) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shipped": 5}, "shipped is 5 in the ERP, not 4"),
        ({"packed": 0}, "packed is 0 in the ERP, not 2"),
        ({"on_hold": 0}, "on_hold is 0 in the ERP, not 1"),
        ({"parcels": 6}, "parcels is 6 in the ERP, not 5"),
        ({"ledger_difference": Decimal("0.01")}, "out of balance by 0.01"),
    ],
)
def test_what_the_warehouse_did_must_be_what_its_books_say(change: dict[str, Any], sentence: str) -> None:
    """A shipment too many or too few, a hold that is gone, a cent that is missing."""
    (finding,) = judge_surroundings(TODAY, _PLACED, _DUE, msgspec.structs.replace(_SEEN, **change))
    assert finding.fault is Fault.DISTURBED
    assert sentence in finding.sentence


def test_an_order_that_nobody_placed_or_that_is_gone_from_its_sales_channel_is_found() -> None:
    """What is judged is what was sold, neither more nor less."""
    placed = {**_PLACED, "web": [*_PLACED["web"][1:], "77"]}
    sentences = [finding.sentence for finding in judge_surroundings(TODAY, placed, _DUE, _SEEN)]
    assert sorted(sentences) == sorted(
        [f"web/{_PLACED['web'][0]} is not in the sales channel's books", "web/77 was placed by nobody"]
    )


def test_the_digest_is_of_the_sales_alone() -> None:
    """Neither the order of arrival nor server ids nor the spelling of an amount change it; any figure does."""
    sales = _right()
    digest = canonical_digest(_books(sales))
    others = [
        msgspec.structs.replace(sale, id=sale.id + 500, total=sale.total + Decimal("0.0000")) for sale in sales[::-1]
    ]
    assert canonical_digest(_books(others)) == digest
    for change in ({"state": "done"}, {"total": sales[0].total + Decimal("0.01")}, {"lines": sales[0].lines[1:]}):
        changed: dict[str, Any] = change
        assert canonical_digest(_books([msgspec.structs.replace(sales[0], **changed), *sales[1:]])) != digest
