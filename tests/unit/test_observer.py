"""The observer can fail: whatever is planted in the books is found and named, and clean books are clean."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.demo.observer import Books, Creates, Fault, Finding, OrderName, Sale, SaleLine, judge
from flows.demo.traffic import SALES_CHANNELS, Day, Expected, Story, day

NAMES = {each.id: each.name for each in SALES_CHANNELS}
IDS = {each.name: each.id for each in SALES_CHANNELS}
TODAY = day(3, 60)


def _sale(id_: int, expected: Expected) -> Sale:
    figures = expected.sale
    assert figures is not None
    return Sale(
        id=id_,
        channel=IDS[expected.sales_channel],
        channel_identifier=expected.order_id,
        reference=expected.reference,
        currency=figures.currency,
        total=figures.total,
        stated_amount=figures.total,
        lines_sum=figures.goods,
        tax_sum=figures.tax,
        shipping_sum=figures.shipping,
        payments_sum=figures.paid,
        lines=tuple(SaleLine(line.sku, line.quantity, line.amount) for line in reversed(figures.lines)),
    )


def _right(today: Day) -> list[Sale]:
    return [_sale(id_, each) for id_, each in enumerate(today.expected, start=90_001) if each.sale is not None]


def _acknowledged(today: Day) -> dict[OrderName, int]:
    return {(each.sales_channel, each.order_id): each.deliveries for each in today.expected}


def _found(sales: Sequence[Sale], acknowledged: dict[OrderName, int] | None = None) -> tuple[Finding, ...]:
    creates = Creates(applied=len(sales), applied_answer_lost=0, repeated=0, updated=0, repeated_with_change=0)
    books = Books(sales_count=len(sales), lookups=0, create_order=creates, calls={}, sales=tuple(sales))
    return judge(TODAY.expected, _acknowledged(TODAY) if acknowledged is None else acknowledged, books, NAMES)


def _of(story: Story) -> Expected:
    return next(each for each in TODAY.expected if each.story is story)


def _named(each: Expected) -> str:
    return f"{each.sales_channel}/{each.order_id}"


def test_books_that_are_right_have_no_finding() -> None:
    """Every order that may be sold is there once, with its figures, whatever the order of its lines."""
    assert _found(_right(TODAY)) == ()


def test_an_acknowledged_order_that_is_not_in_the_books_is_lost() -> None:
    """One sale is taken away; exactly that order is named."""
    sales = _right(TODAY)
    gone = sales.pop(7)
    (finding,) = _found(sales)
    assert finding.fault is Fault.LOST
    assert finding.order == f"{NAMES[gone.channel]}/{gone.channel_identifier}"


def test_empty_books_lose_every_order() -> None:
    """Nothing is taken for granted."""
    assert [finding.fault for finding in _found([])] == [Fault.LOST] * len(_right(TODAY))


def test_a_second_sale_of_an_order_is_doubled() -> None:
    """Under the same identifier, or under another one with the same number."""
    sales = _right(TODAY)
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
        ("payments_sum", "payments"),
    ],
)
def test_a_figure_that_is_a_cent_off_is_wrong(field: str, name: str) -> None:
    """Each figure of a sale is compared, and the sentence says which differs and by what it should be."""
    sales = _right(TODAY)
    right = getattr(sales[5], field)
    changes: dict[str, Any] = {field: right + Decimal("0.01")}
    sales[5] = msgspec.structs.replace(sales[5], **changes)
    (finding,) = _found(sales)
    assert finding.fault is Fault.WRONG
    assert f"its {name} is {right + Decimal('0.01')}, not {right}" in finding.sentence


def test_another_currency_or_other_goods_are_wrong() -> None:
    """The currency counts, and so do SKU, quantity and amount of each line, even when the sums are right."""
    for change in (
        {"currency": "CAD"},
        {"lines": ()},
        {"lines": (msgspec.structs.replace(_right(TODAY)[2].lines[0], sku="OTHER"), *_right(TODAY)[2].lines[1:])},
    ):
        sales = _right(TODAY)
        sales[2] = msgspec.structs.replace(sales[2], **change)
        assert [finding.fault for finding in _found(sales)] == [Fault.WRONG]


def test_the_first_version_sold_after_its_edit_had_overtaken_it_is_wrong() -> None:
    """The sale must be of the version that counts, not of the one that came last."""
    each = _of(Story.EDITED_FIRST)
    assert each.sale is not None
    sales = _right(TODAY)
    place = next(place for place, sale in enumerate(sales) if sale.channel_identifier == each.order_id)
    old = each.sale.total - Decimal("5.00")
    shipping = each.sale.shipping - Decimal("5.00")
    sales[place] = msgspec.structs.replace(
        sales[place], total=old, stated_amount=old, payments_sum=old, shipping_sum=shipping
    )
    (finding,) = _found(sales)
    assert (finding.fault, finding.order) == (Fault.WRONG, _named(each))


@pytest.mark.parametrize("story", [Story.SKU_MISSING, Story.SKU_CANCELLED, Story.CONTRADICTORY, Story.CANCELLED_FIRST])
def test_a_sale_of_an_order_that_must_be_held_or_cancelled_is_unexpected(story: Story) -> None:
    """Such an order in the books is found, whatever its figures."""
    each = _of(story)
    planted = msgspec.structs.replace(
        _right(TODAY)[0], id=99_002, channel=IDS[each.sales_channel], channel_identifier=each.order_id
    )
    (finding,) = _found([*_right(TODAY), planted])
    assert (finding.fault, finding.order) == (Fault.UNEXPECTED, _named(each))
    assert story.value in finding.sentence


def test_a_sale_of_no_order_is_unexpected() -> None:
    """So is one on a sales channel that does not exist, and one without an identifier."""
    stranger = msgspec.structs.replace(_right(TODAY)[0], id=99_003, reference="#9999999")
    for change in ({"channel_identifier": "1"}, {"channel": 77}, {"channel_identifier": None}):
        found = _found([*_right(TODAY), msgspec.structs.replace(stranger, **change)])
        assert [finding.fault for finding in found] == [Fault.UNEXPECTED]


def test_an_order_that_was_not_fully_acknowledged_proves_nothing() -> None:
    """It is a finding of its own, and its absence is not called a loss."""
    each = _of(Story.REPEATED)
    acknowledged = _acknowledged(TODAY)
    acknowledged[each.sales_channel, each.order_id] -= 1
    sales = [sale for sale in _right(TODAY) if sale.channel_identifier != each.order_id]
    (finding,) = _found(sales, acknowledged)
    assert (finding.fault, finding.order) == (Fault.UNACKNOWLEDGED, _named(each))
