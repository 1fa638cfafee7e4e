"""A sale's life: draft, quotation, confirmed, processing, done, cancel; and what its shipments make of it.

Sources: the transitions of the ancestor (T) and what Fulfil documents of processing (D S3: it makes shipments and
invoices; all items fulfilled moves the sale to done). Whether a sale past quotation can be cancelled or edited is not
public: `cancel_after_confirm` and `line_write_after_confirm` choose, and both stop where the warehouse has begun
(picked, packed, in a batch) or an invoice exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from connectors.fulfil.sandbox import invoicing, payments, shipments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.records import Line, Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.stock import OPEN
from connectors.fulfil.sandbox.stock_records import Shipment, StockMove

ZERO: Final = Decimal(0)
TRANSITIONS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "quote": (frozenset(("draft",)), "quotation"),
    "confirm": (frozenset(("quotation",)), "confirmed"),
    "process": (frozenset(("confirmed", "processing", "done")), "processing"),
    "cancel": (frozenset(("draft", "quotation", "failed", "provisional")), "cancel"),
    "draft": (frozenset(("quotation", "cancel")), "draft"),
}
"""Method: the states it starts from, and where it leads."""
OPEN_STATES: Final = frozenset(("draft", "quotation"))
PAST_QUOTATION: Final = frozenset(("confirmed", "processing"))
MODES: Final = {"dropship": (shipments.DROP, "ship"), "pick_up": (shipments.OUT, "pick_up")}
"""A line's strategy: the kind of its shipment, and how it reaches the customer. Everything else is shipped."""


# -- transitions -------------------------------------------------------------------------------------------------------


def check(books: Books, sale: Sale, method: str) -> None:
    """Raises UserError when the sale cannot make this transition."""
    allowed, _ = TRANSITIONS[method]
    may_cancel = method == "cancel" and books.config.cancel_after_confirm == "unshipped"
    if sale.state in allowed:
        if method == "quote" and not sale.lines:
            raise UserError(f"The sale {sale.id} has no lines.")
        if method == "process":
            check_period(books, sale.channel, [line.product for line in books.lines_of(sale)])
        return
    if not (may_cancel and sale.state in PAST_QUOTATION):
        raise UserError(f"The sale {sale.id} cannot {method} from the state {sale.state!r}.")
    begun = [one for one in shipments_of(books, sale) if one.state != "cancel" and not shipments.is_untouched(one)]
    if begun or any(books.ledger.invoices[id_].state != "cancel" for id_ in sale.invoices):
        raise UserError(f"The sale {sale.id} is picked, shipped or invoiced; it cannot be cancelled.")


def check_period(books: Books, channel: int, products: Sequence[int | None]) -> None:
    """Raises UserError when processing would invoice at once, and today's period is closed.

    Goods are invoiced by the channel's method; a sale of nothing that is sent is invoiced as it is processed.
    """
    method = books.channels[channel].invoice_method
    goods = any(product is not None and books.products[product].type == "goods" for product in products)
    if method == "order" or (method == "shipment" and not goods):
        books.ledger.check_open(books.transaction.today)


def move(books: Books, sale: Sale, method: str) -> None:
    """Make a transition that `check` has passed."""
    if method == "process":
        process(books, sale)
        return
    if method == "cancel":
        for shipment in shipments_of(books, sale):
            if shipment.state in shipments.UNDER_WAY:
                shipments.cancel(books, shipment)
        books.transaction.note("sale.sale", sale.id, "cancelled")
    sale.state = TRANSITIONS[method][1]
    now = books.touched(sale)
    if method == "confirm":
        sale.confirmation_time = sale.confirmation_time or now


def process(books: Books, sale: Sale) -> None:
    """Process a confirmed sale: shipments, payments captured, invoices by the channel's methods."""
    channel = books.channels[sale.channel]
    if sale.state == "done":
        replan(books, sale)
        return
    sale.state = "processing"
    for id_ in sale.payments:
        payments.capture(books, books.payments[id_])
    if channel.shipment_method == "order":
        plan(books, sale)
    if channel.invoice_method == "order":
        _invoice_rest(books, sale)
    books.touched(sale)
    books.transaction.note("sale.sale", sale.id, "updated")
    settle(books, sale)


def settle(books: Books, sale: Sale) -> None:
    """Look at a processing sale again: ship what is paid, and call it done when all items are fulfilled."""
    if sale.state != "processing":
        return
    if books.channels[sale.channel].shipment_method == "invoice" and invoice_state(books, sale) == "paid":
        plan(books, sale)
    goods = goods_of(books, sale)
    if all(fulfilled(books, line) == line.quantity for line in goods) and shipment_state(books, sale) != "waiting":
        if books.channels[sale.channel].invoice_method == "shipment":
            _invoice_rest(books, sale)
        sale.state = "done"
        books.touched(sale)
        books.transaction.note("sale.sale", sale.id, "done")


def _invoice_rest(books: Books, sale: Sale) -> None:
    lines = books.lines_of(sale)
    rest = [(line, line.quantity - invoicing.invoiced(books, line)) for line in lines if line.type == "line"]
    invoicing.invoice_sale(books, sale, rest)


# -- what is to be sent ------------------------------------------------------------------------------------------------


def goods_of(books: Books, sale: Sale) -> list[Line]:
    """The lines whose product is sent: goods, no shipping lines, no services."""
    return [line for line in books.lines_of(sale) if is_goods(books, line)]


def is_goods(books: Books, line: Line) -> bool:
    """Whether the line's product is sent."""
    return line.product is not None and line.shipment_cost is None and books.products[line.product].type == "goods"


def moves_of(books: Books, line: Line) -> list[StockMove]:
    """The moves that take the line's goods to the customer, or back."""
    return [books.stock.moves[id_] for id_ in line.moves]


def fulfilled(books: Books, line: Line) -> Decimal:
    """What has reached the customer (negative: what came back)."""
    done = sum((one.quantity for one in moves_of(books, line) if one.state == "done"), ZERO)
    return -done if line.quantity < 0 else done


def under_way(books: Books, line: Line) -> Decimal:
    """What open moves will take (negative: will bring back)."""
    still = sum((one.quantity for one in moves_of(books, line) if one.state in OPEN), ZERO)
    return -still if line.quantity < 0 else still


def plan(books: Books, sale: Sale) -> None:
    """Make shipments fit the lines: add what none will take, take away what is no longer wanted.

    The caller has checked by `check_change` that open shipments can give up what is taken away.
    """
    made: dict[tuple[str, str], Shipment] = {}
    for line in goods_of(books, sale):
        missing = line.quantity
        if line.moves:
            missing -= fulfilled(books, line) + under_way(books, line)
        if line.quantity < 0:
            missing = -missing
        if missing > 0:
            model, mode = (shipments.RETURN, "ship") if line.quantity < 0 else MODES.get(line.strategy or "", SHIP)
            if (model, mode) not in made:
                made[model, mode] = _shipment_for(books, sale, model, mode)
            shipments.add_goods(books, made[model, mode], line, missing)
        elif missing < 0:
            _take_away(books, line, -missing)


SHIP: Final = (shipments.OUT, "ship")


def _shipment_for(books: Books, sale: Sale, model: str, mode: str) -> Shipment:
    """An own shipment that the warehouse has not begun with, else a new one."""
    for id_ in getattr(sale, shipments.LISTS[model]):
        found = books.shipments[model][id_]
        own = found.sales == (sale.id,) and found.delivery_mode == mode
        if own and shipments.is_untouched(found):
            if found.state == "assigned":
                shipments.wait(books, found)
            return found
    return shipments.add_shipment(books, model, sale, sale.warehouse or books.channels[sale.channel].warehouse, mode)


def _take_away(books: Books, line: Line, quantity: Decimal) -> None:
    for one in moves_of(books, line):
        shipment = _of_move(books, one)
        if one.state in OPEN and quantity > 0 and shipment is not None and shipments.is_untouched(shipment):
            taken = min(quantity, one.quantity)
            if shipment.state == "assigned":
                shipments.wait(books, shipment)
            books.stock.resize(one, one.quantity - taken)
            quantity -= taken
            if not shipments.open_moves(books, shipment):
                shipments.cancel(books, shipment)


def _of_move(books: Books, one: StockMove) -> Shipment | None:
    return None if one.shipment_model is None else books.shipments[one.shipment_model].get(one.shipment)


def check_change(books: Books, line: Line, *, product: int | None, quantity: Decimal, unit_price: Decimal) -> None:
    """Raises UserError when a line past quotation cannot become this: the gate is picked, batched or invoiced."""
    if books.sales[line.sale].state in OPEN_STATES:
        return
    if line.moves and product != line.product:
        raise UserError(f"The line {line.id} is processed; it takes no other product. Add a line, and cancel this one.")
    if invoicing.invoiced(books, line) and unit_price != line.unit_price:
        raise UserError(f"The line {line.id} is invoiced; its price cannot be changed.")
    if not is_goods(books, line) or line.quantity < 0:
        return
    kept = ZERO
    for one in moves_of(books, line):
        shipment = _of_move(books, one)
        begun = shipment is None or not shipments.is_untouched(shipment)
        kept += one.quantity if one.state == "done" or (one.state in OPEN and begun) else ZERO
    if quantity < max(kept, invoicing.invoiced(books, line)):
        raise UserError(f"The line {line.id} is picked, shipped or invoiced with {kept}; {quantity} is less.")


def remove_line(books: Books, line: Line) -> None:
    """Take a line off its sale. One that was processed stays, with nothing left of it."""
    sale = books.sales[line.sale]
    if sale.state in OPEN_STATES:
        sale.lines = tuple(id_ for id_ in sale.lines if id_ != line.id)
        books.lines.remove(line.id)
        return
    line.quantity, line.amount, line.taxes = ZERO, ZERO, ()
    books.touched(line)


def replan(books: Books, sale: Sale) -> None:
    """After lines of a sale were changed: shipments follow, when it is processed already.

    What came as completed is history: it has no moves, and gets none.
    """
    is_history = sale.state == "done" and not any(line.moves for line in books.lines_of(sale))
    if (
        sale.state in ("processing", "done")
        and not is_history
        and books.channels[sale.channel].shipment_method == "order"
    ):
        sale.state = "processing"
        plan(books, sale)
        settle(books, sale)


# -- what the warehouse did --------------------------------------------------------------------------------------------


def check_shipped(books: Books) -> None:
    """Raises UserError when goods cannot leave or arrive today, because the ledger's period is closed."""
    books.ledger.check_open(books.transaction.today)


def after_shipment(books: Books, shipment: Shipment) -> None:
    """A shipment is done or cancelled: cost, invoices and states follow."""
    sign = Decimal(-1) if shipment.model == shipments.RETURN else Decimal(1)
    done = [one for one in shipments.moves_of(books, shipment) if one.state == "done"]
    if done and shipment.model != shipments.DROP:
        _book_cost(books, shipment, {one.id: (one.product, sign * one.quantity) for one in done})
    for id_ in shipment.sales:
        sale = books.sales[id_]
        if done and books.channels[sale.channel].invoice_method == "shipment":
            _invoice_shipped(books, sale, shipment, done)
        books.touched(sale)
        settle(books, sale)


def _book_cost(books: Books, shipment: Shipment, goods: Mapping[int, tuple[int, Decimal]]) -> None:
    """One entry for the shipment, or one for each of its stock moves."""
    if books.config.cost_origin == "shipment":
        invoicing.book_cost(books, f"{shipment.model},{shipment.id}", tuple(goods.values()))
        return
    for move, one in goods.items():
        invoicing.book_cost(books, f"stock.move,{move}", (one,))


def _invoice_shipped(books: Books, sale: Sale, shipment: Shipment, done: Sequence[StockMove]) -> None:
    """What was shipped, and with the first shipment all that is not shipped: services and shipping lines."""
    parts = []
    for line in books.lines_of(sale):
        sent = sum((one.quantity for one in done if one.line == line.id), ZERO)
        rest = line.quantity - invoicing.invoiced(books, line)
        wanted = rest if not is_goods(books, line) else min(sent, abs(rest)) * (-1 if line.quantity < 0 else 1)
        parts.append((line, wanted))
    invoicing.invoice_sale(books, sale, parts, shipment.id)


def shipments_of(books: Books, sale: Sale) -> list[Shipment]:
    """The sale's shipments of every kind."""
    return [books.shipments[model][id_] for model, name in shipments.LISTS.items() for id_ in getattr(sale, name)]


def shipment_state(books: Books, sale: Sale) -> str:
    """none, waiting, sent, exception: the last when the warehouse gave up what was ordered."""
    found = shipments_of(books, sale)
    if any(one.state in shipments.UNDER_WAY for one in found):
        return "waiting"
    if not found:
        return "none"
    whole = all(abs(fulfilled(books, line)) >= abs(line.quantity) for line in goods_of(books, sale))
    return "sent" if whole else "exception"


def invoice_state(books: Books, sale: Sale) -> str:
    """none, waiting, posted, paid."""
    states = {books.ledger.invoices[id_].state for id_ in sale.invoices} - {"cancel"}
    if not states:
        return "none"
    return "paid" if states == {"paid"} else "posted" if states <= {"paid", "posted"} else "waiting"
