"""What becomes of units that are given back, by what Fulfil has of their lines: tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.returns import ReturnedLine
from flows.model.bundles import Bundle, Component, exploded
from flows.model.content import content_of
from flows.model.goods_back import (
    ExchangeBack,
    GoodsBack,
    LineBack,
    SoldLine,
    content_without,
    goods_back,
    replaced,
    undealt,
)
from flows.model.order import Order, Refund, RefundKind, RefundPart, Restock, Return, Units
from flows.model.return_rules import Weighed, parted, weighed
from tests.unit.made_orders import both, line, order, usd

replace = msgspec.structs.replace


def back(quantity: int = 1, restock: Restock = Restock.RETURN, **of: Any) -> GoodsBack:
    """Units of one line."""
    each = LineBack(line="L1", sku="MUG", quantity=Decimal(quantity), restock=restock, **of)
    return GoodsBack(id="R1", lines=(each,))


def sold(shipped: int, *returns: int, quantity: int = 3) -> dict[str, SoldLine]:
    """What Fulfil has of the line: units shipped, and on each return of it."""
    on_returns = tuple((90 + place, Decimal(units)) for place, units in enumerate(returns))
    return {"L1": SoldLine(id=41, quantity=Decimal(quantity), shipped=Decimal(shipped), returns=on_returns)}


def said(goods: GoodsBack, found: dict[str, SoldLine], *dealt: GoodsBack, **products: int) -> Weighed:
    return weighed(goods, found, dealt, products)


@pytest.mark.parametrize(
    ("goods", "found", "made"),
    [
        (back(2), sold(3), 2),
        (back(2), sold(2), 2),
        (back(2), sold(3, 1), 1),
        (back(2, Restock.UNKNOWN), sold(3), 2),
    ],
    ids=["all are shipped", "some are shipped", "one is on a return already", "the source does not say, all shipped"],
)
def test_shipped_units_that_are_on_no_return_are_returned(
    goods: GoodsBack, found: dict[str, SoldLine], made: int
) -> None:
    """Of what comes back, what Fulfil has no return of."""
    assert said(goods, found) == Weighed(
        make=(ReturnedLine(order_line_id=41, return_quantity=Decimal(made)),), there=None
    )


@pytest.mark.parametrize(
    ("found", "dealt", "there"),
    [
        (sold(3, 2), (), 90),
        (sold(3, 1, 1), (), 91),
        (sold(3, 3), (replace(back(1), id="R0", sale=90),), 90),
        (sold(3, 2), (replace(back(1), id="R0", sale=None),), 90),
    ],
    ids=["one return", "two returns", "one of them is of an earlier refund", "an earlier one has no return"],
)
def test_a_return_that_is_there_is_the_one_that_is_meant(
    found: dict[str, SoldLine], dealt: tuple[GoodsBack, ...], there: int
) -> None:
    """By sale, line and quantity; what belongs to an earlier return of ours is not free to be meant."""
    assert said(back(2), found, *dealt) == Weighed(there=there)


def test_what_an_earlier_return_has_is_not_taken_for_a_later_one() -> None:
    """Both give one unit back, and Fulfil has one return: the later one is made."""
    earlier = replace(back(1), id="R0", sale=90)
    assert said(back(1), sold(3, 1), earlier).make[0].return_quantity == 1
    assert said(back(1), sold(3, 1), replace(back(1), sale=90)).there == 90, "looked at again: it is its own"


@pytest.mark.parametrize(
    ("goods", "found", "why"),
    [
        (back(1, Restock.CANCEL), sold(3), "takes them for not shipped, and Fulfil has shipped them"),
        (back(2), sold(1), "of these Fulfil has shipped 1, and 0 are on returns already"),
        (back(3), sold(3, 1, quantity=3), None),
        (back(2), sold(1, 1), "has shipped 1, and 1 are on returns"),
        (back(1, Restock.UNKNOWN), sold(2), "only 2 of 3 are shipped, and nobody says whether it is those"),
        (back(1, Restock.NONE), sold(0), "has shipped 0"),
        (back(1), {}, "its sale has no such line (MUG)"),
        (back(1, exchange=ExchangeBack(sku="POT", quantity=Decimal(1))), sold(3), "exchanged for 'POT'"),
        (replace(back(1), exchanges=1), sold(3), "does not say what"),
    ],
)
def test_what_cannot_simply_be_expected_is_for_people(
    goods: GoodsBack, found: dict[str, SoldLine], why: str | None
) -> None:
    """Taken for unshipped, more than was shipped, not clear which, not there, or exchanged for nobody knows what."""
    trouble = said(goods, found).trouble
    assert (trouble == "") if why is None else (why in trouble)


def test_units_that_do_not_come_back_are_money_alone() -> None:
    """Shipped and refunded without a restock: no return, and nothing for the stock."""
    kept = back(1, Restock.NONE)
    assert said(kept, sold(3)) == Weighed(kept=kept.lines)
    mixed = replace(kept, lines=(*kept.lines, replace(back(1).lines[0], line="L2")))
    found = {**sold(3), "L2": SoldLine(id=42, quantity=Decimal(1), shipped=Decimal(1))}
    assert said(mixed, found) == Weighed(
        make=(ReturnedLine(order_line_id=42, return_quantity=Decimal(1)),), kept=kept.lines
    )


def test_an_exchange_goes_with_the_return() -> None:
    """By the product that its SKU is, at the price that the source says."""
    exchange = ExchangeBack(sku="POT", quantity=Decimal(2), unit_price=Decimal("9.00"))
    assert said(back(1, exchange=exchange, reason="size"), sold(1, quantity=1), POT=7).make == (
        ReturnedLine(
            order_line_id=41, return_quantity=Decimal(1), return_reason="size", exchange_product=7,
            exchange_quantity=Decimal(2), exchange_unit_price=Decimal("9.00"),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("restock", "shipped", "leaves"),
    [
        (Restock.RETURN, 0, True),
        (Restock.UNKNOWN, 0, True),
        (Restock.NONE, 0, True),
        (Restock.CANCEL, 0, True),
        (Restock.CANCEL, 2, True),
        (Restock.CANCEL, 3, False),
        (Restock.RETURN, 1, False),
        (Restock.UNKNOWN, 2, False),
        (Restock.NONE, 3, False),
    ],
)
def test_units_that_were_not_shipped_leave_the_sale(restock: Restock, shipped: int, *, leaves: bool) -> None:
    """Whatever the source calls it; a cancel also while enough of the line is left to be shipped."""
    coming, leaving = parted(back(1, restock), sold(shipped))
    assert (coming is None, leaving is not None) == (leaves, leaves)


def test_one_return_may_be_both() -> None:
    """A line that was shipped and one that was not: two pieces of it, each with its own way."""
    goods = replace(back(1), lines=(back(1).lines[0], replace(back(1).lines[0], line="L2")))
    found = {**sold(3), "L2": SoldLine(id=42, quantity=Decimal(1))}
    coming, leaving = parted(goods, found)
    assert coming is not None
    assert leaving is not None
    assert ([each.line for each in coming.lines], coming.name) == (["L1"], "R1")
    assert ([each.line for each in leaving.lines], leaving.name) == (["L2"], "R1-2")


# -- what an order says ------------------------------------------------------------------------------------------------


def refunded(*parts: RefundPart, refund: str = "R1", **of: Any) -> Refund:
    return Refund(id=refund, refunded=(usd("10.00").shop,), parts=parts, **of)


def units(quantity: int = 1, line_id: str = "L1", **of: Any) -> RefundPart:
    of_line = Units(line=line_id, quantity=Decimal(quantity), **of)
    return RefundPart(kind=RefundKind.LINE, amount=both("10.00", "9.00"), units=of_line)


def mugs(left: int | None = None, *refunds: Refund, returns: tuple[Return, ...] = (), **of: Any) -> Order:
    """An order of three mugs."""
    one = line("30.00", quantity=Decimal(3), quantity_left=None if left is None else Decimal(left), **of)
    return order("30.00", lines=(one,), refunds=refunds, returns=returns)


def test_goods_are_known_by_their_return_and_otherwise_by_their_refund() -> None:
    """Two refunds of one return are one; a return that is published itself says what comes back."""
    first, second = refunded(units(), return_id="T1"), refunded(units(2), refund="R2", return_id="T1")
    (goods,) = goods_back(mugs(0, first, second), "USD")
    assert (goods.id, goods.lines[0].quantity, goods.lines[0].worth) == ("T1", 3, Decimal("20.00"))
    published = Return(id="T1", units=(Units(line="L1", quantity=Decimal(1), restock=Restock.RETURN),))
    (goods,) = goods_back(mugs(0, first, second, returns=(published,)), "USD")
    assert (goods.lines[0].quantity, goods.lines[0].restock) == (1, Restock.RETURN)
    assert goods_back(mugs(None, refunded(units())), "EUR")[0].lines[0].worth == Decimal("9.00")


DECLINED = Return(id="T1", units=(Units(line="L1", quantity=Decimal(1)),), expected=False)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (mugs(3, refunded()), "no parts"),
        (mugs(3, refunded(RefundPart(kind=RefundKind.SHIPPING, amount=usd("5.00")))), "shipping"),
        (mugs(3, refunded(units(0))), "no units"),
        (mugs(3, refunded(units()), requires_shipping=False), "nothing that is shipped"),
        (mugs(3, refunded(units()), gift_card=True), "a gift card"),
        (mugs(3, Refund(id="R1", refunded=(), failed=(usd("1").shop,), parts=(units(),))), "failed"),
        (
            mugs(3, returns=(Return(id="T1", units=(Units(line="L1", quantity=Decimal(1)),), expected=False),)),
            "declined",
        ),
        (mugs(), "no refunds"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_money_alone_brings_no_goods_back(made: Order, why: str) -> None:
    """Shipping, goodwill, what is not shipped, what failed or was declined."""
    assert goods_back(made, "USD") == ()


def test_a_failed_refund_of_a_return_brings_its_goods_back_all_the_same() -> None:
    """Restock follows the receipt, not the refund."""
    failed = Refund(id="R1", refunded=(), failed=(usd("1").shop,), parts=(units(),), return_id="T1")
    assert [each.id for each in goods_back(mugs(2, failed), "USD")] == ["T1"]


def test_what_arrives_in_pieces_is_dealt_with_in_pieces() -> None:
    """The same again is nothing; more units of a known return are its next piece; fewer than before are nothing."""
    (one,), (three,) = (goods_back(mugs(0, refunded(units(count))), "USD") for count in (1, 3))
    assert undealt((one,), ()) == (one,)
    assert undealt((one,), (one,)) == ()
    (more,) = undealt((three,), (one,))
    assert (more.name, more.lines[0].quantity, more.key("1001")) == ("R1-2", 2, "1001-return-R1-2")
    assert undealt((three,), (one, more)) == ()
    assert undealt((one,), (three,)) == ()
    assert replaced((one, more), replace(one, sale=9)) == (more, replace(one, sale=9))


def test_the_version_before_is_known_by_its_content_alone() -> None:
    """Failure case 14 does not count it as an edit: with the units put back it is what it was."""
    before, after = mugs(), mugs(2, refunded(units()))
    goods = goods_back(after, "USD")
    assert content_of(after) != content_of(before)
    assert content_without(after, goods) == content_of(before)
    assert content_without(mugs(1, refunded(units())), goods) != content_of(before), "one more unit is gone"
    moved = replace(after, shipping_address=replace(after.shipping_address, city="Boston"))  # type: ignore[type-var]
    assert content_without(moved, goods) != content_of(before), "and something else has changed"


def test_a_bundle_comes_back_as_the_components_that_its_sale_has() -> None:
    """Two mugs and a spoon for each: their lines and pieces, the money once; the order's own line is what it was."""
    kit = {"MUG-BLUE": Bundle(components={"MUG": Component(quantity=2), "SPOON": Component()})}
    before, after = mugs(), mugs(1, refunded(units(2)))
    (goods,) = goods_back(after, "USD", kit)
    assert [(each.line, each.sku, each.quantity, each.worth) for each in goods.lines] == [
        ("L1:MUG", "MUG", 4, Decimal("10.00")),
        ("L1:SPOON", "SPOON", 2, Decimal(0)),
    ]
    assert [each.id for each in exploded(after, kit).lines] == [each.line for each in goods.lines]
    assert content_without(after, (goods,), kit) == content_of(before)
    assert undealt((goods,), (goods,)) == ()


def test_the_key_of_a_return_is_never_an_orders_id() -> None:
    """Returns and orders share their keys in Fulfil: BigCommerce's refund 100 and its order 100 must not meet."""
    assert GoodsBack(id="100").key("100") == "100-return-100"
