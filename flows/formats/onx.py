"""onX, the Order Network eXchange of the Commerce Operations Foundation: its order, read as an `Order`.

Source: JSON Schema (draft-07) `schemas/order.json` of the foundation's repository `onx-spec`: commit 7d40d6b, which is
that of its reference server 1.0.0 (tag v0.5.1), and 27af28b and 4627dc1, which add `externalId` of lines and
`markforAddress`. It requires `id`, `createdAt`, `updatedAt`, `tenantId` and `lineItems` and leaves much open. What it
leaves open is read so that an order is held where a figure cannot be known:

- **Name.** `id`, which the schema calls generated and read-only: a later `update-order` may set `externalId`, and an
  order that changed its name would become a second sale. The input of `create-sales-order` has neither `id` nor an
  instant, and is refused. `name` is what people say; the version is `updatedAt`.
- **When.** `createdAt`, the one instant there is. A cancelled order is so since its `updatedAt`.
- **Status, payment status.** Free texts, of which those words are known that `onx_status` lists. Any other word holds
  the order, and one that is on hold waits. There is no mark of a test order, and no word on risk.
- **Lines.** By the schema `totalPrice` is (unitPrice - unitDiscount) * quantity: it is what was charged, and must be
  that, as far as the rounding of its factors goes. Without it, the product counts.
- **Tax.** One figure for the whole order, without a name, a rate or a word on whether prices contain it. It is read as
  on top of them, as the foundation's reference server and reference store both reckon it (lines + tax + shipping =
  total), and the proof denies any other total. Where one line alone costs something, it is the tax of that line; else
  it belongs to no line, and the order cannot become a sale. Its name is empty, and finance maps the empty name.
  An order without `orderTax` says nothing of taxes, which is not the same as 0, and is held.
- **Order discount.** The total says whether it comes off the lines, or sums up what their `unitDiscount` took already.
- **Subtotal.** Of the lines before or after discounts: the schema does not say, and either will do.
- **Payments, refunds.** Objects of which nothing is defined. What was paid is derived from the payment status: the
  whole total, by no named gateway. Several payments hold the order, and so do refunds, unless all of it is refunded.
- **Not read**, as nothing has a place for them: notes, custom fields, incoterms, store numbers of addresses, and
  `discounts` (objects of which nothing is defined). The import gate sees `orderSource` and `markforAddress` as tags.
"""

from __future__ import annotations

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.onx_order import order_of
from flows.formats.onx_status import is_draft
from flows.formats.onx_wire import Head, decode_head, decode_order
from flows.formats.parts import id_text, identified, misread, object_in, unreadable
from flows.model.money import exactly
from flows.model.order import Order, Unreadable

_DRAFT = NotAnOrder("A draft is not an order yet; send it when its status is that of an order.")
_SEVERAL = NotAnOrder("The answer of get-orders is not an order; send what is in its orders, as an array.")
_BESIDE = NotAnOrder("A fulfilment, a return, an item or a request about an order is not an order; send the order.")
_NOTHING = NotAnOrder("Nothing shows that this is an order: lineItems, totalPrice and paymentStatus are missing.")
_NAMELESS = Unidentifiable(
    "The order has no id, which the onX schema requires. What create-sales-order is asked has none: send the order of "
    "its answer, or put the sales channel's own order id into id, and the instant of the order into createdAt."
)


def identify(raw: bytes) -> Identification:
    """Name one item by its id and time of update. Never raises; looks no deeper than `order`."""
    try:
        head, _ = _opened(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.orders is not msgspec.UNSET:
        return _SEVERAL
    if _is_beside(head):  # a fulfilment's or an item's own id must not become an order's
        return _BESIDE
    if head.id is None:
        return _NAMELESS
    answer = identified(head.id, head.updated_at)
    if isinstance(answer, Unidentifiable):
        return answer
    if head.line_items is msgspec.UNSET and head.total_price is msgspec.UNSET and head.payment_status is msgspec.UNSET:
        return _NOTHING
    return _DRAFT if is_draft(head.status) else answer


def _is_beside(head: Head) -> bool:
    """Whether it has what only another entity has. The reference server repeats an order's id as `orderId`."""
    if head.tracking_numbers is not msgspec.UNSET or head.return_line_items is not msgspec.UNSET:
        return True
    return head.order_id is not None and id_text(head.order_id) != id_text(head.id)


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of `{order: {...}}` if need be, whatever else is in that envelope."""
    head = decode_head(raw)
    inner = object_in(head.order)
    return (head, raw) if inner is None else (decode_head(inner), inner)


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        order = decode_order(raw)
        inner = object_in(order.order)
        return order_of(order if inner is None else decode_order(inner), sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)
