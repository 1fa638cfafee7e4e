"""What an order waits for until it is settled: shipped, told, free of cases, collected, with its evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from flows.model.closing import OPEN_CASES, ClosingSettings, Moved, as_told
from flows.model.money import ZERO, Money, exactly

UNDECLARED: Final = ClosingSettings(evidence="payout_line")
"""Of money of which nobody says by which gateway it moved, in an order that has no other."""
BY_LINES: Final = ("payout_line", "bank_receipt", "settlement")
"""Evidence that lines of payouts are."""
WRONG: Final = ("unexpected", "refund", "dispute")
"""What no waiting ends by itself: two sides say different amounts of the same money, or a bank has taken it back."""
_NAMED_MAX: Final = 3
_NO_SUCH_PAYMENT: Final = "it tells of no such payment"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a payout that is of the order. `received`: the payout has arrived; `bank`: the bank says so, too. What
    the customer paid in another currency is its `presentment`; see `in_told_currencies`.
    """

    kind: str
    currency: str
    amount: Decimal
    ids: frozenset[str]
    """How the provider names its charge or refund."""
    received: bool
    bank: bool
    payout: str
    presentment: str = ""
    at: datetime | None = None
    failed: bool = False
    """The payout never arrives: it has failed, or was cancelled."""
    again: str = ""
    """The payout that paid again what this one had, because it failed; whether that one has arrived counts."""

    @property
    def money(self) -> Money:
        """Its amount."""
        return Money(self.amount, self.currency)

    @property
    def named(self) -> str:
        """The payout, or both."""
        return f"{self.payout} (failed, paid again by {self.again})" if self.again else self.payout


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of an order with a sale."""

    currency: str
    due: Decimal
    tenders: tuple[Moved, ...]
    is_cancelled: bool
    is_watched: bool
    """Its shipments are watched, so that `shipping` says what has left."""
    shipping: str
    untold: bool
    cases: tuple[str, ...]
    payments_open: bool
    unposted: bool
    """Seamline posts, and something of a payout that has its money is not in the ledger yet."""
    state: str | None
    """The sale's, as it was read last; None: it never was."""
    invoices_paid: bool | None
    uninvoiced: Decimal = ZERO
    """What is due, and on no invoice of its sale, beyond the roundings of lines."""
    lines: tuple[Line, ...]


WaitCause = Literal[
    "shipping", "telling", "proof", "cases", "recording", "posting", "dispute", "payout", "bank", "settlement",
    "receivable", "unexpected", "payment", "refund",
]  # fmt: skip
"""What keeps an order from being settled, in a word."""


class Wait(msgspec.Struct, frozen=True):
    """Something that an order waits for: a word to count it by, and in words that complete "it waits"."""

    cause: WaitCause
    sentence: str


def cause_of(waits: Sequence[Wait]) -> str:
    """By what an order that waits is counted: what is wrong of it, else what it waits for first."""
    wrong = (wait.cause for wait in waits if wait.cause in WRONG)
    return next(wrong, waits[0].cause)


@exactly
def settled(order: Standing, closing: Mapping[str, ClosingSettings]) -> tuple[tuple[Wait, ...], tuple[str, ...]]:
    """What the order waits for, and what evidence there is. It is settled when it waits for nothing."""
    waits = [*_goods(order), *_people(order)]
    evidence: list[str] = []
    paid_out = of_payouts(order.tenders, closing)
    for code, moved in by_gateway(order.tenders).items():
        rule = closing.get(code, UNDECLARED)
        open_, told = _money(order, code, moved, paid_out, rule)
        waits += open_
        if told:
            evidence.append(told)
    waits += _paid_unasked(order, closing)
    if order.due > ZERO and not order.is_cancelled:
        if order.invoices_paid and order.uninvoiced > ZERO:
            waits.append(Wait("payment", f"for {order.uninvoiced} {order.currency} of it to be invoiced in Fulfil"))
        elif order.invoices_paid:
            evidence.append(f"{order.due} {order.currency} by invoices that are paid in Fulfil")
        else:
            waits.append(Wait("payment", f"for {order.due} {order.currency} that are not captured"))
    return tuple(waits), tuple(evidence)


def _goods(order: Standing) -> list[Wait]:
    if order.state is None:
        return [Wait("proof", "for its sale to be read back")]
    if order.is_cancelled:
        return []
    if order.state != "done" and not (order.is_watched and order.shipping in ("shipped", "told")):
        return [Wait("shipping", "for its goods to leave" if order.is_watched else "for its sale to be done in Fulfil")]
    return [Wait("telling", "for the sales channel to know what has left")] if order.untold else []


def _people(order: Standing) -> list[Wait]:
    waits = []
    if order.cases:
        waits.append(Wait("cases", f"{OPEN_CASES} ({', '.join(order.cases)})"))
    if order.payments_open:
        waits.append(Wait("recording", "for its payments to be recorded in Fulfil"))
    if order.unposted:
        waits.append(Wait("posting", "for the postings of its payouts to be in the ledger"))
    if any(each.way == "dispute" for each in order.tenders) and not any(
        line.kind in ("dispute", "dispute_reversal") for line in order.lines
    ):
        waits.append(Wait("dispute", "for the payout that has its dispute"))
    return waits


def by_gateway(tenders: Sequence[Moved]) -> dict[str, list[Moved]]:
    """Money of no named gateway belongs to the one that the order has, if it has one."""
    named = [each.gateway for each in tenders if each.gateway and each.way == "charge"]
    found: dict[str, list[Moved]] = {}
    for each in tenders:
        if each.way != "dispute":
            found.setdefault(each.gateway or (named[0] if len(set(named)) == 1 else ""), []).append(each)
    return found


def of_payouts(tenders: Sequence[Moved], closing: Mapping[str, ClosingSettings]) -> list[Moved]:
    """Charges and refunds of which lines of payouts are to tell."""
    groups = by_gateway(tenders).items()
    return [each for code, moved in groups if closing.get(code, UNDECLARED).evidence in BY_LINES for each in moved]


def in_told_currencies(order: Standing, closing: Mapping[str, ClosingSettings]) -> Standing:
    """The order, with what charges and refunds in payouts are of it in the currencies of its tenders."""
    tenders = of_payouts(order.tenders, closing)

    def told(line: Line) -> Line:
        money = as_told(line.money, line.presentment, line.ids, tenders)
        return msgspec.structs.replace(line, amount=money.amount, currency=money.currency)

    lines = tuple(told(line) if line.presentment and line.kind in ("sale", "refund") else line for line in order.lines)
    return msgspec.structs.replace(order, lines=lines)


def _money(
    order: Standing, code: str, moved: Sequence[Moved], paid_out: Sequence[Moved], rule: ClosingSettings
) -> tuple[tuple[Wait, ...], str]:
    name = code or "a gateway that nobody names"
    match rule.evidence:
        case "none":
            return (), ""
        case "excluded":
            return (), f"{name}: excluded by the rule {rule.rule!r}"
        case "receivable":
            if order.invoices_paid:
                return (), f"{name}: its invoices are paid in Fulfil"
            return (Wait("receivable", f"for its invoices to be paid in Fulfil ({name})"),), ""
        case "settlement":
            return _settlement(order, name, moved)
        case _:
            return _payout(order, name, moved, paid_out, bank=rule.evidence == "bank_receipt")


def _settlement(order: Standing, name: str, moved: Sequence[Moved]) -> tuple[tuple[Wait, ...], str]:
    """Marketplaces name no transactions: that they tell of the sale, and of a refund where there is one, has to do."""
    wanted = {"charge": "sale", "refund": "refund"}
    kinds = {line.kind for line in order.lines if line.received}
    missing = sorted({wanted[each.way] for each in moved} - kinds)
    if missing:
        return (Wait("settlement", f"for a settlement that has its {' and '.join(missing)} ({name})"),), ""
    return (), f"{name}: settlement {_payouts([line for line in order.lines if line.received])}"


def _payout(
    order: Standing, name: str, moved: Sequence[Moved], paid_out: Sequence[Moved], *, bank: bool
) -> tuple[tuple[Wait, ...], str]:
    """Each charge and refund has its line, by the provider's id, else by its amount, or all come to the same sum: of
    the lines that are not those of another gateway.
    """
    lines = [line for line in order.lines if line.kind in ("sale", "refund")]
    alive = [line for line in lines if not line.failed]
    arrived = [line for line in alive if line.received and (line.bank or not bank)]
    others = [id(line) for line in _of_others(order, moved, paid_out, alive)]
    own = [line for line in arrived if id(line) not in others]
    evidence = f"{name}: payout {_payouts(own)}"
    if _is_same_sum(own, moved):
        return (), evidence
    matched, strange = _matched(order.tenders, alive)
    strange = [line for line in strange if id(line) not in others]
    mine = [(each, of) for each, of in matched if _is_in(each, moved)]
    off = [(each, of) for each, of in mine if _is_off(each, of)]
    lacking = [each for each, of in mine if not of]
    told = [*lacking, *(each for each, _ in off)]
    strange += [line for _, of in off for line in of]
    if _is_same_sum(strange, told):  # all of it is there, whichever is which; some of it is on its way
        mine = [(each, strange if _is_in(each, told) else of) for each, of in mine]
        lacking, strange = [], []
    waits = []
    wrong = _other_amount(order, name, told, strange)
    if wrong is not None:
        waits.append(wrong)
    elif lacking:
        waits.append(_in_no_payout(name, lacking, [line for line in lines if line.failed]))
    for received in (False, True):
        here = [(each, [line for line in of if line.received is received]) for each, of in mine]
        away = [(each, [line for line in of if line not in arrived]) for each, of in here]
        away = [(each, of) for each, of in away if of]
        if away:
            waits.append(_on_its_way(name, away, received=received))
    return tuple(waits), "" if waits else evidence


def _paid_unasked(order: Standing, closing: Mapping[str, ClosingSettings]) -> tuple[Wait, ...]:
    """Sales in payouts of an order of which no money has to come in any."""
    if any(closing.get(code, UNDECLARED).evidence != "none" for code in by_gateway(order.tenders)):
        return ()
    sales = [line for line in order.lines if line.kind == "sale" and not line.failed]
    wrong = _other_amount(order, _NO_SUCH_PAYMENT, (), sales)
    return () if wrong is None else (wrong,)


def _matched(tenders: Sequence[Moved], lines: Sequence[Line]) -> tuple[list[tuple[Moved, list[Line]]], list[Line]]:
    """Which lines each charge and refund has, by the provider's id, else by its amount; and the lines of none."""
    found = [(each, [line for line in lines if _is_of(line, each)]) for each in tenders if each.way != "dispute"]
    left = [line for line in lines if not any(_is_of(line, each) for each in tenders)]
    for each, of in found:
        same = [place for place, line in enumerate(left) if line.money == each.money]
        if same and not of:
            of.append(left.pop(same[0]))
    return found, left


def _of_others(order: Standing, moved: Sequence[Moved], paid_out: Sequence[Moved], alive: Sequence[Line]) -> list[Line]:
    """Lines that are those of another gateway: by id, by amount, or because with them it has all of its money. What is
    left is of one gateway, the first one that it fits.
    """
    matched, left = _matched(paid_out, alive)
    for group in by_gateway(order.tenders).values():
        has = [line for each, of in matched if _is_in(each, group) for line in of]
        if left and _is_in(group[0], paid_out) and _is_same_sum([*has, *left], group):
            left = [] if _is_in(group[0], moved) else left
            break
    else:
        left = []
    return [*left, *(line for each, of in matched if not _is_in(each, moved) for line in of)]


def _is_in(moved: Moved, several: Sequence[Moved]) -> bool:
    """Whether it is one of them, and not only like one."""
    return any(moved is each for each in several)


def _is_off(moved: Moved, lines: Sequence[Line]) -> bool:
    """Whether lines that name it come to another amount, in its currency."""
    if not lines or {line.currency for line in lines} != {moved.currency}:
        return False
    return sum((line.amount for line in lines), ZERO) != moved.money.amount


def _other_amount(order: Standing, name: str, told: Sequence[Moved], left: Sequence[Line]) -> Wait | None:
    """What payouts have of the order beside, or instead of, what the sales channel tells; None: nothing."""
    if not left:
        return None
    named = ", ".join(
        f"{line.kind} of {abs(line.amount)} {line.currency} in {line.payout}" for line in left[:_NAMED_MAX]
    )
    named += f" and {len(left) - _NAMED_MAX} more" if len(left) > _NAMED_MAX else ""
    several = len({*(each.currency for each in told), *(line.currency for line in left)}) > 1
    if not told and (several or len(left) == 1):
        return Wait("unexpected", f"for the sales channel to tell of the {named} ({name})")
    if several:
        if {line.currency for line in left} & {each.currency for each in order.tenders}:
            return None
        between = "nobody says what the one is worth in the other"
        return Wait("unexpected", f"for somebody to compare its {_named(told)} with the {named}: {between} ({name})")
    off = sum((line.amount for line in left), ZERO) - sum((each.money.amount for each in told), ZERO)
    by = f"{abs(off)} {left[0].currency}"
    if off > ZERO:
        return Wait(
            "unexpected", f"for the sales channel to tell of {by} more that payouts have of it: {named} ({name})"
        )
    return Wait("unexpected", f"for payouts to have {by} more of it, as the sales channel tells: {named} ({name})")


def _in_no_payout(name: str, lacking: Sequence[Moved], failed: Sequence[Line]) -> Wait:
    ended = [line for line in failed if any(_is_of(line, each) for each in lacking)]
    why = f": payout {_payouts(ended)} had it, and has failed or was cancelled" if ended else ""
    return Wait("payout", f"for a payout that has its {_named(lacking)}{why} ({name})")


def _on_its_way(name: str, away: Sequence[tuple[Moved, Sequence[Line]]], *, received: bool) -> Wait:
    """Its payout is known, and has not arrived; or it has, and the bank has not said so."""
    payouts = _payouts([line for _, of in away for line in of])
    if received:
        return Wait("bank", f"for the bank's line of payout {payouts} ({name})")
    return Wait(
        "payout", f"for payout {payouts}, which has its {_named([each for each, _ in away])}, to arrive ({name})"
    )


def _named(moved: Sequence[Moved]) -> str:
    return ", ".join(f"{each.way} of {each.amount} {each.currency}" for each in moved[:_NAMED_MAX])


@exactly
def paid_off(
    tenders: Sequence[Moved],
    lines: Sequence[tuple[str, Decimal, str, str, str, str]],
    closing: Mapping[str, ClosingSettings],
) -> dict[str, Decimal]:
    """By how much payouts have more of an order than its sales channel tells, in each currency in which that is not
    nothing. `lines`: currency, amount, presentment and three ids of each charge and refund in payouts.
    """
    off: dict[str, Decimal] = {}
    told = of_payouts(tenders, closing)
    paid = [as_told(Money(amount, currency), shown, ids, told) for currency, amount, shown, *ids in lines]
    for each in (*paid, *(-each.money for each in told)):
        off[each.currency] = off.get(each.currency, ZERO) + each.amount
    return {currency: amount for currency, amount in off.items() if amount}


def _is_of(line: Line, moved: Moved) -> bool:
    wanted = "sale" if moved.way == "charge" else "refund"
    return bool(moved.id) and line.kind == wanted and moved.id in line.ids


def _is_same_sum(lines: Sequence[Line], moved: Sequence[Moved]) -> bool:
    """Where ids do not meet: what payouts have of the order is what moved, in one currency."""
    currencies = {each.currency for each in lines} | {each.currency for each in moved}
    if not lines or len(currencies) != 1:
        return False
    return sum((each.amount for each in lines), ZERO) == sum((each.money.amount for each in moved), ZERO)


def _payouts(lines: Sequence[Line]) -> str:
    return ", ".join(sorted({line.named for line in lines}))
