"""A batch of records on its way into Fulfil: what was read, the next calls, and what they have made. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.fulfil.adding_payments import NewPayment, NewTransaction, add_payments, add_transactions
from connectors.fulfil.calls import Ask
from connectors.fulfil.payments import Gateway, SalePayment, Transaction
from connectors.fulfil.records import SET_METAFIELDS, set_metafields
from connectors.fulfil.workflow import (
    AUTHORISE_TRANSACTION,
    CANCEL_TRANSACTION,
    CAPTURE_TRANSACTION,
    PROCESS_TRANSACTION,
    Step,
)
from flows.exceptions.kinds import ExceptionCase
from flows.payment_mapper.parts import Entry, Found, LookAtBlocked
from flows.payment_mapper.planning import (
    IsThere,
    Move,
    NeedsMove,
    NeedsPayment,
    NeedsTransaction,
    Next,
    SaleThere,
    There,
    planned,
)
from runtime.decision import EffectDone, Message

ENOUGH: Final = 50
"""Records that do not wait for company, and the most of one batch."""
_MOVES: Final[dict[Move, Step]] = {
    "cancel": CANCEL_TRANSACTION,
    "authorise": AUTHORISE_TRANSACTION,
    "capture": CAPTURE_TRANSACTION,
    "process": PROCESS_TRANSACTION,
}
_REACHED: Final[dict[str, str]] = {
    CANCEL_TRANSACTION.kind: "cancel",
    AUTHORISE_TRANSACTION.kind: "authorized",
    CAPTURE_TRANSACTION.kind: "completed",
    PROCESS_TRANSACTION.kind: "completed",
}


class Recording(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The batch under way, and what was read for it. Without entries nothing is."""

    entries: tuple[Entry, ...] = ()
    known: dict[str, tuple[str, ...]] = {}
    """Order -> the references of all its records."""
    found: tuple[Found, ...] = ()
    """Records of these orders that Fulfil had already, before this batch and in it."""
    gateways: tuple[Gateway, ...] = ()
    """Kept beyond the batch, because they hardly ever change."""
    gateways_at: datetime | None = None
    """When they were read."""
    sales: tuple[SaleThere, ...] = ()
    payments: tuple[SalePayment, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    unread: tuple[int, ...] = ()
    """Payments whose transactions are still to be read."""
    doing: tuple[int, ...] = ()
    """Places of the entries that the write under way is about."""
    made: tuple[tuple[str, str], ...] = ()
    """(order, record) of what was made or moved in this batch."""
    alone: bool = False
    """A list was refused, or lost: each record has a call of its own."""
    lost: tuple[tuple[str, str], ...] = ()
    """(order, record) of each call for one record that was lost, and had not been applied."""
    rounds: int = 0
    gathering: bool = False
    """The timer that ends the wait for company is set."""
    calls: int = 0
    """Calls that were begun, ever."""
    cases: tuple[ExceptionCase, ...] = ()


class Due(Message, frozen=True, kw_only=True):
    """What is due, as the rows say, and whether to begin with it at once."""

    entries: tuple[Entry, ...]
    known: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    found: tuple[Found, ...] = ()
    at_once: bool = False


class Blocked(Message, frozen=True, kw_only=True):
    """Orders of which a payment is blocked by the configuration, and where to go on behind them."""

    orders: tuple[str, ...]
    more: LookAtBlocked | None


class Fills(msgspec.Struct, frozen=True):
    """The metafields of a sale are to be set."""


def steps_of(state: Recording) -> list[Next | Fills]:
    """The next step of each entry; metafields come last, and are there once they were set in this batch."""
    there = There(
        sales=state.sales, payments=state.payments, transactions=state.transactions, gateways=state.gateways,
        known=state.known, found=state.found,
    )  # fmt: skip
    money = [each for each in state.entries if each.type != "fields"]
    steps = iter(planned(money, there))
    return [
        (IsThere(None) if name_of(each) in state.made else Fills()) if each.type == "fields" else next(steps)
        for each in state.entries
    ]


def calls_of(
    state: Recording, steps: Sequence[Next | Fills], reference_field: str
) -> Iterator[tuple[tuple[int, ...], Ask[Any]]]:
    """The calls that could be made, the first one first: each with the places of its entries."""
    numbered = list(enumerate(steps))
    limit = 1 if state.alone else ENOUGH
    payments = [(place, step) for place, step in numbered if isinstance(step, NeedsPayment)][:limit]
    if payments:
        new = [_payment(state.entries[place], step) for place, step in payments]
        yield tuple(place for place, _ in payments), add_payments(new, reference_field=reference_field)
    transactions = [(place, step) for place, step in numbered if isinstance(step, NeedsTransaction)][:limit]
    if transactions:
        sales = {each.id: each for each in state.sales}
        made = [_transaction(state.entries[place], step, sales) for place, step in transactions]
        yield tuple(place for place, _ in transactions), add_transactions(made)
    for move, call in _MOVES.items():
        moves = [(place, step) for place, step in numbered if isinstance(step, NeedsMove) and step.move == move][:limit]
        if moves:
            yield tuple(place for place, _ in moves), call([step.transaction for _, step in moves])
    for place, step in numbered:
        if isinstance(step, Fills):
            entry = state.entries[place]
            values = {int(id_): value for id_, value in entry.more.items()}
            yield (place,), set_metafields("sale.sale", entry.sale, values)


def _payment(entry: Entry, step: NeedsPayment) -> NewPayment:
    return NewPayment(sale=entry.sale, gateway=step.gateway, amount=entry.amount, reference=entry.reference)


def _transaction(entry: Entry, step: NeedsTransaction, sales: Mapping[int, SaleThere]) -> NewTransaction:
    sale = sales[entry.sale]
    more = {
        name.removesuffix(_NUMBER): Decimal(value) if name.endswith(_NUMBER) else value
        for name, value in entry.more.items()
    }
    return NewTransaction(
        payment=step.payment,
        gateway=step.gateway,
        type="refund" if entry.type == "refund" else "charge",
        amount=entry.amount,
        reference=entry.reference,
        made_on=entry.day or _NO_DAY,
        party=sale.party,
        currency=sale.currency,
        more=more,
    )


_NUMBER: Final = ":number"
_NO_DAY: Final = date(1970, 1, 1)


def written(state: Recording, done: EffectDone) -> Recording:
    """What is there since."""
    steps = steps_of(state)
    done_to = [(state.entries[place], steps[place]) for place in state.doing]
    state = replace(state, doing=(), made=(*state.made, *(name_of(entry) for entry, _ in done_to)))
    if done.kind in _REACHED:
        moved, reached = set(done.result.ids), _REACHED[done.kind]
        rows = [replace(each, state=reached) if each.id in moved else each for each in state.transactions]
        return replace(state, transactions=tuple(rows))
    if done.kind == SET_METAFIELDS.kind:
        return state
    payments, transactions = list(state.payments), list(state.transactions)
    for id_, (entry, step) in zip(done.result.ids, done_to, strict=True):
        if isinstance(step, NeedsPayment):
            payments.append(_new_payment(id_, entry, step))
        if isinstance(step, NeedsTransaction):
            transactions.append(_new_transaction(id_, entry, step))
    return replace(state, payments=tuple(payments), transactions=tuple(transactions))


def _new_payment(id_: int, entry: Entry, step: NeedsPayment) -> SalePayment:
    return SalePayment(id=id_, sale=entry.sale, gateway=step.gateway, amount=entry.amount, reference=entry.reference)


def _new_transaction(id_: int, entry: Entry, step: NeedsTransaction) -> Transaction:
    return Transaction(
        id=id_, sale_payment=step.payment, gateway=step.gateway, amount=entry.amount, state="draft", type=entry.type,
        provider_reference=entry.reference, made_on=entry.day,
    )  # fmt: skip


def at_rest(state: Recording) -> Recording:
    """What is kept when a batch is over."""
    return Recording(
        gateways=state.gateways, gateways_at=state.gateways_at, calls=state.calls, cases=state.cases,
        gathering=state.gathering,
    )  # fmt: skip


def name_of(entry: Entry) -> tuple[str, str]:
    """What an entry is called: its order, and its record there."""
    return entry.order, entry.record
