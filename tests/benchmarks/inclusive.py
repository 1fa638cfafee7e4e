"""What becomes of thousands of orders of shops whose prices include tax: read, proven, mapped, and a statement of it.

How many are held and why, what rounding left over in each currency, and each tax as the sales channel says it beside
what the sales carry. No clock is looked at, and nothing is sent.

Run: python -m tests.benchmarks.inclusive [--orders 5000] [--seed 2] [--tolerance 0.00]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.wire import CreateOrder
from flows.formats import FORMATS, Unreadable
from flows.model.order import Order
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from tests.unit.made_inclusive import TAXES, MadeOrder, Rate, made_orders

SETTINGS = SaleSettings(
    channel_id=3, taxes={name: name for name in TAXES}, gateways={"card": "card"}, rounding_sku="ROUNDING"
)


class Statement(msgspec.Struct, kw_only=True):
    """What became of them. Amounts are exact, each in its currency."""

    orders: int = 0
    held: Counter[str] = msgspec.field(default_factory=Counter)
    """By platform and reason."""
    left: list[MadeOrder] = msgspec.field(default_factory=list)
    """Those that are held."""
    rounding_lines: Counter[str] = msgspec.field(default_factory=Counter)
    """How many sales carry one, by currency."""
    rounding: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """What they add up to."""
    moved: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """By how much amounts of lines differ from what was published for them, added up without their signs: what a shop
    that rounds only its sums has to be given back on its lines.
    """
    paid: dict[str, Decimal] = msgspec.field(default_factory=dict)
    said: dict[tuple[str, Rate], Decimal] = msgspec.field(default_factory=dict)
    """Each tax of the orders that became sales, as the sales channel says."""
    sent: dict[tuple[str, Rate], Decimal] = msgspec.field(default_factory=dict)
    """The same, as it is in their sales."""
    uneven: int = 0
    """Sales whose parts do not add up to what was paid; there must be none."""

    @property
    def held_share(self) -> float:
        """The share of orders that are held."""
        return self.held.total() / self.orders


def weigh(orders: Iterable[MadeOrder], tolerance: Decimal = Decimal(0)) -> Statement:
    """Read, prove and map each of them; `tolerance` is finance's."""
    said = Statement()
    for made in orders:
        said.orders += 1
        sale = _sale(made, tolerance)
        if isinstance(sale, CreateOrder):
            _count(said, made, sale)
        else:
            said.held[f"{made.platform}: {sale}"] += 1
            said.left.append(made)
    return said


def _sale(made: MadeOrder, tolerance: Decimal) -> CreateOrder | str:
    order = FORMATS[made.platform].read("web", made.body)
    if isinstance(order, Unreadable):
        return "unreadable"
    proof = prove(order, tolerance=tolerance)
    if not proof.holds:
        return f"{proof.failing[0].name} is off by {proof.failing[0].amount}"
    sale = sale_for(order, SETTINGS)
    if isinstance(sale, Unmapped | Unmappable):
        return type(sale).__name__.lower()
    assert isinstance(order, Order)
    return sale


def _count(said: Statement, made: MadeOrder, sale: CreateOrder) -> None:
    currency = made.currency
    parts = [*sale.sale_lines, *sale.shipping_lines]
    for line in sale.sale_lines:
        if line.sku == SETTINGS.rounding_sku:
            said.rounding_lines[currency] += 1
            _add(said.rounding, currency, line.amount)
    for part in parts:
        for tax in part.tax_lines:
            _add(said.sent, (currency, (tax.name, tax.rate or Decimal(0))), tax.amount)
    for rate, amount in made.taxes.items():
        _add(said.said, (currency, rate), amount)
    _add(said.moved, currency, _moved(made, sale))
    paid = sum((payment.amount for payment in sale.payments), Decimal(0))
    _add(said.paid, currency, paid)
    whole = sum((part.amount + sum(tax.amount for tax in part.tax_lines) for part in parts), Decimal(0))
    said.uneven += not whole == paid == sale.amount == made.total


def _moved(made: MadeOrder, sale: CreateOrder) -> Decimal:
    """Of WooCommerce, which publishes what each line is worth without tax; Shopify publishes it with."""
    if made.platform != "woocommerce":
        return Decimal(0)
    published = {str(line["id"]): Decimal(line["total"]) for line in msgspec.json.decode(made.body)["line_items"]}
    amounts = {line.channel_identifier: line.amount for line in sale.sale_lines}
    return sum((abs(amounts[id_] - total) for id_, total in published.items() if id_ in amounts), Decimal(0))


def _add(sums: dict[Any, Decimal], name: Any, amount: Decimal) -> None:
    sums[name] = sums.get(name, Decimal(0)) + amount


def lines_of(said: Statement) -> Iterator[str]:
    """The statement, for a person."""
    yield f"{said.orders} orders with tax in their prices, {said.held.total()} held ({said.held_share:.2%})"
    for reason, count in sorted(said.held.items()):
        yield f"  held, {reason}: {count}"
    yield f"sales that do not come to what was paid: {said.uneven}"
    for currency, paid in sorted(said.paid.items()):
        lines, sum_ = said.rounding_lines[currency], said.rounding.get(currency, Decimal(0))
        yield (
            f"{currency}: {paid:,} paid; rounding lines {lines}, together {sum_}; "
            f"moved between lines and sums {said.moved[currency]}"
        )
    yield "taxes, as the sales channel says and as they are in the sales:"
    for (currency, (name, rate)), amount in sorted(said.said.items()):
        sent = said.sent.get((currency, (name, rate)), Decimal(0))
        yield f"  {currency} {name} {rate * 100:f} %: {amount:,} and {sent:,}{'' if amount == sent else '  DIFFERENT'}"


def main() -> None:
    """Weigh them, and print the statement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--tolerance", type=Decimal, default=Decimal(0))
    asked = parser.parse_args()
    for line in lines_of(weigh(made_orders(asked.seed, asked.orders), asked.tolerance)):
        print(line)


if __name__ == "__main__":
    main()
