"""Order to cash: which evidence closes what was paid by each gateway, and how an order was paid (rule 23). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flows.model.money import ZERO, MixedCurrencies, Money, exactly
from flows.model.order import TAKES, Order, PaymentKind
from flows.model.payout import presented
from flows.model.sale import SaleSettings
from flows.model.tenders import tenders_of
from runtime.clock import to_instant
from runtime.decision import Write
from runtime.rule import RuleBroken

FIRST_LOOK = "a first look"
"""What an order waits for that nobody has looked at yet."""

OPEN_CASES = "for its open cases to end"
"""What it waits for while there are some, followed by their kinds."""

EvidenceKind = Literal["payout_line", "receivable", "bank_receipt", "settlement", "none", "excluded"]
"""`payout_line`: every charge and refund is in a payout that has arrived. `bank_receipt`: the same, and each of these
payouts has a line in the bank's statement. `settlement`: the marketplace's settlement that has arrived tells of the
order. `receivable`: the invoices are paid in Fulfil. `none`: nothing has to come. `excluded`: nobody can read it."""


class ClosingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What closes the money of one gateway of Fulfil's."""

    evidence: EvidenceKind
    """payout_line (every charge and refund is in a payout that has arrived), bank_receipt (and that payout has a line
    of the bank), settlement (a marketplace's, that has arrived, tells of the order), receivable (the invoices are paid
    in Fulfil), none (nothing has to come: gift cards), or excluded (nobody can read it)."""
    rule: Annotated[str, Meta(max_length=80)] = ""
    """Of `excluded`: the name of the rule by which orders close without evidence, shown with each of them."""

    def __post_init__(self) -> None:
        """Refuse an exclusion that nobody has named, and a name that excludes nothing."""
        if self.evidence == "excluded" and not self.rule:
            raise RuleBroken({("rule",): "what is excluded has to be excluded by a rule with a name"})
        if self.evidence != "excluded" and self.rule:
            raise RuleBroken({("rule",): f"only `excluded` has a rule; {self.evidence} excludes nothing"})


def now_awaited(wait: str, opened: Collection[str]) -> str:
    """A thing that an order waited for at the last look, as it is now: of its cases only kinds that are still open."""
    if not wait.startswith(OPEN_CASES):
        return wait
    left = [kind for kind in wait.removeprefix(OPEN_CASES).strip(" ()").split(", ") if kind in opened]
    return f"{OPEN_CASES} ({', '.join(left)})" if left else "to be looked at again, since its cases have ended"


class Moved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money that moved for an order. `gateway` is Fulfil's code; empty: nobody says which. `id`: the provider's. `at`:
    when it moved; None: the sales channel does not say.
    """

    gateway: str
    way: Literal["charge", "refund", "dispute"]
    amount: Decimal
    currency: str
    id: str = ""
    at: datetime | None = None
    named: str | None = None
    """What the sales channel calls its gateway, where that was not mapped."""

    @property
    def money(self) -> Money:
        """Signed as a line of a payout is: negative where it went back."""
        money = Money(self.amount, self.currency)
        return money if self.way == "charge" else -money


def mapped_since(moved: Moved, gateways: Mapping[str, str]) -> Moved:
    """The same, by the gateway that its name has got since. `gateways`: the sales channel's names -> Fulfil's codes."""
    if moved.named is None or moved.named not in gateways:
        return moved
    return msgspec.structs.replace(moved, gateway=gateways[moved.named], named=None)


def as_told(own: Money, presentment: str, ids: Collection[str], tenders: Collection[Moved]) -> Money:
    """What a line of a payout has of an order, in its own currency or in that of its presentment: whichever its tender
    is in. That is the tender that it names by id, else one that moved the same way, rather one of the same amount.

    Where all tenders are in other currencies it is its own money, which nobody can compare with theirs.
    """
    shown = presented(presentment, own.amount)
    if shown is None:
        return own
    found = [(money, each) for money in (own, shown) for each in tenders if each.currency == money.currency]

    def unlike(of: tuple[Money, Moved]) -> tuple[bool, bool, bool]:
        money, each = of
        same_way = (each.way == "charge") == (money.amount >= ZERO)
        return not (each.id and each.id in ids), not same_way, each.money != money

    return min(found, key=unlike)[0] if found else own


@exactly
def closing_row(order: Order, settings: SaleSettings, now: datetime) -> tuple[Write, ...]:
    """How an order was paid, as this version tells; none where it mixes currencies."""
    key = f"{order.sales_channel}/{order.order_id}"
    try:
        currency = order.currency_on(settings.side)
        moved, due = _moved(order, currency, settings), _due(order, currency)
    except MixedCurrencies:
        return ()
    tenders = msgspec.json.encode(moved).decode()
    return (Write("put_order_closing", (key, order.sales_channel, currency, str(due), tenders, to_instant(now))),)


def _moved(order: Order, currency: str, settings: SaleSettings) -> list[Moved]:
    suspense = "" if settings.suspense is None else settings.suspense.gateway or ""
    found = []
    for each in tenders_of(order, currency):
        way: Literal["charge", "refund", "dispute"]
        match each.kind:
            case kind if kind in TAKES:
                way = "charge"
            case PaymentKind.REFUND:
                way = "refund"
            case PaymentKind.CHARGEBACK:
                way = "dispute"
            case _:
                continue
        gateway = "" if each.gateway is None else settings.gateways.get(each.gateway, suspense)
        id_ = "" if each.unnamed or each.derived else each.id
        named = None if each.gateway in settings.gateways else each.gateway
        amount, currency_ = each.paid.amount, each.paid.currency
        found.append(
            Moved(gateway=gateway, way=way, amount=amount, currency=currency_, id=id_, at=each.at, named=named)
        )
    return found


def _due(order: Order, currency: str) -> Decimal:
    """What of the total nobody has captured, and nobody has taken back."""
    total = (order.totals.left or order.totals.total).figure(currency)
    taken = [each.amount for each in tenders_of(order, currency) if each.kind in TAKES]
    if any(each is None for each in taken) or order.cancelled_at is not None:
        return ZERO
    return max(ZERO, total - sum((each for each in taken if each is not None), ZERO))
