"""The observer: judges a day by what was acknowledged and by the books of both sandboxes, and by nothing else.

Pure. It knows neither the runtime nor the store; it is told what must come of each order, reads the books as the
sandboxes print them, and says what is lost, doubled, wrong or unexpected. No finding is the only good verdict.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from flows.demo.figures import Figures, Line
from flows.demo.stories import Story, Wanted

OrderName = tuple[str, str]
"""Sales channel and order id."""
_CANCELLED = "cancel"
"""The state of a sale that is cancelled."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One order, and what must be in the books when the day is over. `versions` counts what was announced of it."""

    sales_channel: str
    order_id: str
    reference: str
    story: Story
    versions: int
    currency: str
    total: Decimal
    """What the order comes to, as its sales channel says now."""
    sale: Figures | None
    """None: there must never be a sale."""
    cancelled: bool = False
    """Whether that sale must be cancelled."""
    reserved: tuple[Wanted, ...] = ()
    """Units that it needs and that are not in the ERP."""
    by_hand: Wanted | None = None
    """Units that somebody has taken onto its sale in the ERP. Its figures are those of the order without them."""


class SaleLine(msgspec.Struct, frozen=True):
    """A line of goods as the books have it."""

    sku: str | None
    quantity: Decimal
    amount: Decimal


class SaleShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment of a sale: what it has of the sale's goods, by SKU, and the numbers of its parcels."""

    number: str
    state: str
    carrier: str | None = None
    tracking: tuple[str, ...] = ()
    goods: dict[str, Decimal] = {}


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as the books have it. `total` is computed by the ERP, `stated_amount` is what it was told."""

    id: int
    channel: int
    channel_identifier: str | None
    reference: str | None
    state: str = ""
    currency: str
    total: Decimal
    stated_amount: Decimal | None
    lines_sum: Decimal
    tax_sum: Decimal
    shipping_sum: Decimal
    captured_sum: Decimal
    refunded_sum: Decimal
    lines: tuple[SaleLine, ...]
    shipments: tuple[SaleShipment, ...] = ()


class Creates(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP did with the orders that it was sent."""

    applied: int
    applied_answer_lost: int
    repeated: int
    updated: int
    repeated_with_change: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The sandbox's books (`GET /sandbox/books`): `calls` are counts by route and status."""

    sales_count: int
    lookups: int
    create_order: Creates
    calls: dict[str, dict[str, int]]
    sales: tuple[Sale, ...] = ()


class Warehouse(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP says of shipments, parcels with a number, stock moves that are done, and its ledger."""

    shipped: int
    packed: int
    on_hold: int
    parcels: int
    moves: int
    ledger_difference: Decimal


class Fault(enum.StrEnum):
    """What can be wrong."""

    UNACKNOWLEDGED = "unacknowledged"
    """Not every version of the order was answered with a 2xx, so nothing can be said of it."""
    LOST = "lost"
    """Acknowledged, and not in the books."""
    DOUBLED = "doubled"
    """More than one sale."""
    WRONG = "wrong"
    """A sale whose figures are not those of the order."""
    UNEXPECTED = "unexpected"
    """A sale of an order that must have none, or of no order that was placed."""
    MISTOLD = "mistold"
    """A sales channel was told what is not so: of more, or of less, than it may sell; of a parcel that has not left."""
    UNTOLD = "untold"
    """A shipment has left, nothing holds the news of it, and its sales channel does not know."""
    DISTURBED = "disturbed"
    """What people did in the warehouse or at a sales channel is not what its books say."""
    MISBOOKED = "misbooked"
    """The ERP's ledger is out of balance, or has not what was paid out."""
    MISSED = "missed"
    """A planted difference that nobody is told of."""
    UNEXPLAINED = "unexplained"
    """Money that nobody planted a difference of, and that is off all the same."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, with a sentence for whoever looks into it."""

    fault: Fault
    order: str
    sentence: str


def judge(
    expected: Iterable[Expected],
    acknowledged: Mapping[OrderName, int],
    books: Books,
    sales_channels: Mapping[int, str],
) -> tuple[Finding, ...]:
    """Everything that is wrong with the sales. `acknowledged` counts the versions of an order that were answered with
    2xx at least once; `sales_channels` names those that the ERP knows by number.
    """
    sales: dict[OrderName, list[Sale]] = defaultdict(list)
    for sale in books.sales:
        name = sales_channels.get(sale.channel, f"channel {sale.channel}")
        sales[name, sale.channel_identifier or ""].append(sale)
    findings: list[Finding] = []
    references: dict[OrderName, str] = {}
    for each in expected:
        references[each.sales_channel, each.reference] = each.order_id
        order = (each.sales_channel, each.order_id)
        findings += _of_order(each, acknowledged.get(order, 0), sales.pop(order, []))
    for (sales_channel, identifier), strangers in sales.items():
        findings += [_stranger(sales_channel, identifier, sale, references) for sale in strangers]
    return tuple(findings)


def judge_surroundings(
    expected: Iterable[Expected], placed: Mapping[str, Iterable[str]], due: Mapping[str, int], seen: Warehouse
) -> tuple[Finding, ...]:
    """What is wrong around the sales: `placed` are the order ids in each sales channel's own books, `due` the figures
    of `Warehouse` that must have come of what was played there.
    """
    wanted = {(each.sales_channel, each.order_id) for each in expected}
    found = {(name, order_id) for name, order_ids in placed.items() for order_id in order_ids}
    sentences = [f"{name}/{order_id} is not in the sales channel's books" for name, order_id in wanted - found]
    sentences += [f"{name}/{order_id} was placed by nobody" for name, order_id in found - wanted]
    for name, right in due.items():
        if getattr(seen, name) != right:
            sentences.append(f"{name} is {getattr(seen, name)} in the ERP, not {right}")
    if seen.ledger_difference:
        sentences.append(f"the ERP's ledger is out of balance by {seen.ledger_difference}")
    return tuple(Finding(Fault.DISTURBED, "", sentence) for sentence in sorted(sentences))


def canonical_digest(books: Books) -> str:
    """One text for all sales without server ids and times: the same orders give the same on any day."""
    rows = sorted(
        msgspec.json.encode(
            [
                (sale.channel, sale.channel_identifier, sale.reference, sale.state, sale.currency),
                [_plain(sale.total), _plain(sale.lines_sum), _plain(sale.tax_sum), _plain(sale.shipping_sum)],
                [_plain(sale.captured_sum), _plain(sale.refunded_sum)],
                None if sale.stated_amount is None else _plain(sale.stated_amount),
                sorted((line.sku or "", _plain(line.quantity), _plain(line.amount)) for line in sale.lines),
            ]
        )
        for sale in books.sales
    )
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


def _plain(amount: Decimal) -> str:
    """One spelling for each amount."""
    return f"{amount.normalize():f}"


def _of_order(expected: Expected, acknowledged: int, sales: list[Sale]) -> Iterator[Finding]:
    order = f"{expected.sales_channel}/{expected.order_id}"
    if len(sales) > 1:
        ids = ", ".join(str(sale.id) for sale in sales)
        yield Finding(Fault.DOUBLED, order, f"the order ({expected.story}) is in the books {len(sales)} times: {ids}")
    if acknowledged < expected.versions:
        sentence = f"{acknowledged} of {expected.versions} versions were answered with 2xx"
        yield Finding(Fault.UNACKNOWLEDGED, order, sentence)
        return
    if expected.sale is None:
        if sales:
            sentence = f"sale {sales[0].id} exists, but an order that is {expected.story} must never become one"
            yield Finding(Fault.UNEXPECTED, order, sentence)
        return
    if not sales:
        yield Finding(Fault.LOST, order, f"acknowledged ({expected.story}), and not in the books")
    for sale in sales:
        differing = list(_differences(expected, expected.sale, sale))
        if expected.cancelled != (sale.state == _CANCELLED):
            differing.append("it is not cancelled" if expected.cancelled else "it is cancelled")
        if differing:
            sentence = f"sale {sale.id} ({expected.story}): {'; '.join(differing)}"
            yield Finding(Fault.WRONG, order, sentence)


def _differences(order: Expected, expected: Figures, sale: Sale) -> Iterator[str]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("currency", expected.currency, sale.currency),
        ("stated amount", expected.total, sale.stated_amount),
        ("shipping", expected.shipping, sale.shipping_sum),
        ("captured payments", expected.paid, sale.captured_sum),
        ("refunds", expected.refunded, sale.refunded_sum),
    )
    if order.by_hand is None:
        pairs += (
            ("total", expected.total, sale.total),
            ("goods", expected.goods, sale.lines_sum),
            ("tax", expected.tax, sale.tax_sum),
        )
    for name, right, found in pairs:
        if right != found:
            yield f"its {name} is {found}, not {right}"
    there = [Line(line.sku or "", line.quantity, line.amount) for line in sale.lines if line.quantity or line.amount]
    if order.by_hand is None and expected.lines != tuple(sorted(there)):
        yield "its lines are not those of the order"
    if order.by_hand is not None and _units(expected.lines, order.by_hand) != _units(there):
        yield "its lines are not those of the order with what was changed by hand"


def _units(lines: Iterable[Line], more: Wanted | None = None) -> Counter[str]:
    """Pieces by SKU."""
    found = Counter({} if more is None else {more.sku: more.quantity})
    for line in lines:
        found[line.sku] += int(line.quantity)
    return found


def _stranger(sales_channel: str, identifier: str, sale: Sale, references: Mapping[OrderName, str]) -> Finding:
    order = f"{sales_channel}/{identifier}"
    of = references.get((sales_channel, sale.reference or ""))
    if of is not None:
        sentence = f"sale {sale.id} bears the number {sale.reference} of the order {of}, under another identifier"
        return Finding(Fault.DOUBLED, order, sentence)
    return Finding(Fault.UNEXPECTED, order, f"sale {sale.id} is of no order that was placed")
