"""The order importer: every order becomes exactly one sale in Fulfil, or a visible hold.

In: deliveries of orders (any version, any number of times, in any order), `Recheck` when a cause may be gone, outcomes
of Fulfil calls. Out: `create_order` in Fulfil. Key: sales channel + order id.
How effects repeat: `create_order` is keyed by channel + channel_identifier; after a lost answer the sale is looked up,
and only when it is absent are the identical stored bytes sent again.
What a crash leaves: the delivery still queued, or state and intent together; what may have begun is looked up.
Held, not retried: unreadable orders, figures that contradict each other, unknown or ambiguous SKUs, unmapped taxes or
gateways, what Fulfil refuses, and every edit or cancel of an order that is already in Fulfil.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never

import msgspec

from connectors.fulfil.wire import CreatedSale, CreateOrder, FindSales, SaleFound, encode_create_order
from flows.config import SalesChannelSettings
from flows.exceptions.kinds import ExceptionCase
from flows.formats import FORMATS, Unreadable
from flows.model.aliases import under_fulfils_skus
from flows.model.candidates import Hints
from flows.model.messages import Recheck
from flows.model.money import MixedCurrencies, Money
from flows.model.order import Line, Order, ShippingLine
from flows.model.order_state import Later, OrderState, Status, announce_order, order_rows
from flows.model.proof import Proof, prove
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from flows.model.skus import AMBIGUOUS, UNKNOWN, SkuIndex, folded
from runtime.actor import Item
from runtime.clock import Instant
from runtime.decision import (
    Decision,
    Effect,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Fact,
    Message,
    Repeat,
    Timer,
    Write,
)
from runtime.delivery import DeliveryReceived, digest
from runtime.journal.journal import Journal
from runtime.key import partition_of

NAME = "order_importer"
RESENDS_MAX = 8
"""How often an absent create is sent again before somebody has to look."""
CONFIRM_AFTER = timedelta(minutes=10)
"""When to look again for a create that was given up as absent: a slow server may still have been at it."""
_NAMED_MAX = 5
"""Products of one SKU that a case names."""
_OF_THE_CREATE = ("fulfil.refused", "fulfil.unsettled")
"""Kinds whose cases stay open while the create is tried again: only the sale shows that their cause is gone."""
_UNMAPPED = {"tax": "tax.unmapped", "withheld_tax": "tax.unmapped", "gateway": "gateway.unmapped"}


# -- messages ----------------------------------------------------------------------------------------------------------


class OrderPresented(Message, frozen=True, kw_only=True):
    """A version of an order with all that the decision needs: its figures, its proof, and the SKUs in doubt."""

    delivery: int
    version: str
    received_us: int
    order: Order
    proof: Proof
    missing: tuple[str, ...]
    hints: dict[str, str]
    """Missing SKU -> what is known of its near relatives."""
    ambiguous: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """SKU of several active products -> each of them, for people: its id in Fulfil and its name."""
    aliases: dict[str, str] = msgspec.field(default_factory=dict)
    """SKU that Fulfil sells under another -> that one, as a person has decided."""


class OrderUnreadable(Message, frozen=True, kw_only=True):
    """A version of an order that its format cannot read, and why."""

    delivery: int
    version: str
    reason: str


class ConfirmAbsence(Message, frozen=True, kw_only=True):
    """Timer: look once more whether a create that was given up has appeared in Fulfil after all."""

    channel: int
    identifier: str


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: OrderState, message: Any, now: datetime, *, attempts_max: int = RESENDS_MAX) -> Decision:
    """What becomes of an order, given what is remembered of it and what has just been learnt. Pure.

    A version of the order itself is decided on by `presented`, which also needs the sales channel's settings.
    `attempts_max` is how often an absent create is sent at most: once to a tenant that would make a second sale of it.
    """
    match message:
        case OrderUnreadable():
            return _unreadable(state, message, now)
        case Recheck():
            return _rechecked(state, message)
        case EffectDone(kind="create_order", result=sale):
            return _created(state, message, sale, now)
        case EffectDone():
            return _confirmed(state, message, now)
        case EffectUnknown():
            return _unknown(state, message)
        case EffectAbsent():
            return _absent(state, message, now, attempts_max=attempts_max)
        case EffectRefused() | EffectExhausted() if message.kind == "create_order":
            return _not_created(state, message, now)
        case EffectRefused() | EffectExhausted():
            return Decision(state=state, timers=(_confirm_later(state, now),), keeps=_kept(state))
        case ConfirmAbsence(channel=channel, identifier=identifier):
            return Decision(state=state, effects=(_look_up(channel, identifier),), keeps=_kept(state))
        case _:
            assert_never(message)


def presented(state: OrderState, message: OrderPresented, now: datetime, settings: SaleSettings) -> Decision:
    """What becomes of an order when a version of it arrives, or is looked at again. Pure."""
    if message.version < state.version:
        stale = Fact(kind="stale", values={"version": message.version, "known": state.version})
        return Decision(state=state, facts=(stale,), keeps=_kept(state))
    content = content_of(message.order)
    if state.status in (Status.NEW, Status.HELD, Status.CANCELLED):
        return _weigh(state, message, content, now, settings)
    later = Later(
        delivery=message.delivery,
        version=message.version,
        content=content,
        cancelled=message.order.cancelled_at is not None,
    )
    if state.status is Status.IMPORTED:
        return _reviewed(state, later, now)
    noted = Fact(kind="version_waits", values={"version": message.version})
    waiting = msgspec.structs.replace(state, version=message.version, later=later, cases=_without_unreadable(state))
    return _decision(waiting, noted)


def _weigh(state: OrderState, message: OrderPresented, content: str, now: datetime, settings: SaleSettings) -> Decision:
    """Nothing of this order is in Fulfil: import it, hold it, or close it as cancelled."""
    order = message.order
    total = _total(order, settings)
    state = OrderState(
        version=message.version,
        received_us=state.received_us or message.received_us,
        delivery=message.delivery,
        content=content,
        reference=order.reference,
        amount=str(total.amount),
        currency=total.currency,
        placed_at=order.placed_at,
        proof="proven" if message.proof.holds else "contradicted",
        channel=state.channel,
        order_id=state.order_id,
        given_up=state.given_up,
        cases=state.cases,
    )
    if order.cancelled_at is not None:
        closed = msgspec.structs.replace(state, status=Status.CANCELLED, cases=())
        return _decision(closed, Fact(kind="cancelled_before_import"), closes=True)
    cases = [
        _case("order.contradiction", failing.name, failing.sentence, state, now, amount=failing.amount)
        for failing in message.proof.failing
    ]
    cases += [_case(UNKNOWN, sku, _missing(sku, message.hints), state, now) for sku in message.missing]
    cases += [_case(AMBIGUOUS, sku, _shared(sku, of), state, now) for sku, of in message.ambiguous.items()]
    if not cases:
        match sale_for(under_fulfils_skus(order, message.aliases), settings):
            case Unmapped() as unmapped:
                kind = _UNMAPPED.get(unmapped.kind, "order.unmapped")
                cases.append(_case(kind, unmapped.name, unmapped.sentence, state, now))
            case Unmappable() as unmappable:
                cases.append(_case("order.contradiction", "mapping", unmappable.reason, state, now))
            case sale:
                return _create(state, settings, sale, message.aliases)
    held = msgspec.structs.replace(state, status=Status.HELD, cases=tuple(cases))
    return _decision(held, Fact(kind="held", values={"causes": ", ".join(case.kind for case in cases)}), trace=True)


def _total(order: Order, settings: SaleSettings) -> Money:
    try:
        return order.totals.total.on(order.currency_on(settings.side))
    except MixedCurrencies:  # the proof says so, too; what is at stake is still worth telling
        return order.total


def _create(state: OrderState, settings: SaleSettings, sale: CreateOrder, aliases: Mapping[str, str]) -> Decision:
    effect = Effect(
        api="fulfil",
        kind="create_order",
        body=encode_create_order(settings.channel_id, sale),
        repeat=Repeat.KEYED,
        share="orders",
    )
    tried = tuple(case for case in state.cases if case.kind in _OF_THE_CREATE) if state.cases else ()
    creating = msgspec.structs.replace(
        state, status=Status.CREATING, channel=settings.channel_id, order_id=sale.channel_identifier, cases=tried
    )
    return Decision(
        state=creating,
        effects=(effect,),
        facts=(Fact(kind="decided", values={"lines": len(sale.sale_lines)}), *_aliased(aliases)),
        keeps=_kept(creating),
    )


def _aliased(aliases: Mapping[str, str]) -> tuple[Fact, ...]:
    skus = ", ".join(f"{alias!r} as {sku!r}" for alias, sku in aliases.items())
    return (Fact(kind="aliased", values={"skus": skus}),) if aliases else ()


def _look_up(channel: int, identifier: str) -> Effect:
    body = msgspec.json.encode(FindSales(channel=channel, channel_identifiers=(identifier,)))
    return Effect(api="fulfil", kind="find_sale", body=body, repeat=Repeat.SAFE, share="orders")


def _created(state: OrderState, done: EffectDone, sale: CreatedSale, now: datetime) -> Decision:
    cases = _unreadable_cases(state)
    if sale.total is not None and sale.total != Decimal(state.amount):
        cases = (*cases, _mismatch(state, sale.id, sale.total, now))
    imported = msgspec.structs.replace(
        state, status=Status.IMPORTED, sale=sale.id, sale_number=sale.number, given_up="", later=None, cases=cases
    )
    fact = _called("created", done, {"sale": sale.id, "found_by_look": done.found_by_look})
    if state.later is not None:
        reviewed = _reviewed(imported, state.later, now)
        return msgspec.structs.replace(reviewed, facts=(fact, *reviewed.facts))
    return _decision(imported, fact, closes=not cases, trace=bool(cases))


def _mismatch(state: OrderState, sale: int, total: Decimal, now: datetime) -> ExceptionCase:
    sentence = f"the sale in Fulfil has a total of {total} {state.currency}, the order {state.amount}"
    difference = Money(total - Decimal(state.amount), state.currency)
    return _case("sale.mismatch", str(sale), sentence, state, now, amount=difference)


def _reviewed(state: OrderState, later: Later, now: datetime) -> Decision:
    """A version that came after the sale was made: the same content, an edit, or a cancel. The sale is not touched."""
    ended = ["order.edited", "order.cancelled"]
    if later.version >= state.version:  # else the newest version is one that cannot be read
        state = msgspec.structs.replace(state, version=later.version)
        ended.append("order.unreadable")
    others = tuple(case for case in state.cases if case.kind not in ended)
    if later.cancelled:
        sentence = f"the sales channel cancelled the order after it became sale {state.sale_number or state.sale}"
        case_, kind = _case("order.cancelled", "cancel", sentence, state, now), "cancelled_after_import"
    elif later.content != state.content:
        sentence = f"the sales channel changed the order after it became sale {state.sale_number or state.sale}"
        case_, kind = _case("order.edited", "edit", sentence, state, now), "edited_after_import"
    else:
        unchanged = Fact(kind="unchanged", values={"version": later.version})
        return _decision(msgspec.structs.replace(state, cases=others), unchanged, trace=bool(others))
    state = msgspec.structs.replace(state, delivery=later.delivery, changed_to=later.content, cases=(*others, case_))
    return _decision(state, Fact(kind=kind, values={"version": later.version}), trace=True)


def _rechecked(state: OrderState, asked: Recheck) -> Decision:
    """An order that is not held is asked to be looked at again: what it waited for was settled in the meantime.

    A person who asks has seen to a sale that stands: its cases end, and the version that raised them is the known one.
    """
    if asked.because != "person" or state.status is not Status.IMPORTED or not state.cases:
        return Decision(state=state, keeps=_kept(state))
    settled = msgspec.structs.replace(state, content=state.changed_to or state.content, changed_to="", cases=())
    causes = ", ".join(case.kind for case in state.cases)
    return _decision(settled, Fact(kind="dealt_with", values={"causes": causes}), closes=True)


def _unknown(state: OrderState, message: EffectUnknown) -> Decision:
    unknown = msgspec.structs.replace(state, status=Status.UNKNOWN)
    return _decision(unknown, _called("outcome_unknown", message, {"cause": message.cause}), trace=True)


def _absent(state: OrderState, message: EffectAbsent, now: datetime, *, attempts_max: int) -> Decision:
    looked = Fact(kind="looked_absent", values={"attempts": message.attempts})
    if state.later is not None and state.later.cancelled:
        cases, content = _unreadable_cases(state), state.content
        closed = msgspec.structs.replace(state, status=Status.CANCELLED, given_up=content, later=None, cases=cases)
        decision = _decision(closed, looked, Fact(kind="cancelled_before_import"), closes=not closed.cases)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(_confirm_later(state, now),))
    if message.attempts >= attempts_max:
        times = f"{message.attempts} times" if message.attempts > 1 else "once"
        sentence = f"Fulfil lost the answer {times}, and the sale is not there"
        held = _held_with_latest(state, _case("fulfil.unsettled", "absent", sentence, state, now))
        newest = state.content if state.later is None else state.later.content
        held = msgspec.structs.replace(held, given_up=state.content, content=newest)
        decision = _decision(held, looked, trace=True)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(_confirm_later(state, now),))
    creating = msgspec.structs.replace(state, status=Status.CREATING)
    return msgspec.structs.replace(_decision(creating, looked), resend=(message.intent,))


def _confirmed(state: OrderState, done: EffectDone, now: datetime) -> Decision:
    """The second look at an order whose create was given up as absent."""
    if state.status not in (Status.HELD, Status.CANCELLED) or not done.result:
        return Decision(state=state, keeps=_kept(state))
    sale: SaleFound = done.result[0]
    imported = msgspec.structs.replace(
        state,
        status=Status.IMPORTED,
        sale=sale.id,
        sale_number=sale.number,
        content=state.given_up or state.content,
        given_up="",
        cases=_unreadable_cases(state),
    )
    if state.status is Status.CANCELLED:
        sentence = f"the order was cancelled, but Fulfil has made sale {sale.number or sale.id} of it after all"
        cancelled = msgspec.structs.replace(imported, cases=(_case("order.cancelled", "cancel", sentence, state, now),))
        return _decision(cancelled, Fact(kind="cancelled_after_import"), trace=True)
    return _appeared(state, imported, _called("created", done, {"sale": sale.id, "found_by_look": True}), sale, now)


def _appeared(held: OrderState, imported: OrderState, fact: Fact, sale: SaleFound, now: datetime) -> Decision:
    """The sale of a held order is there after all: whether it is what the newest version of the order says."""
    if imported.content == held.content:
        cases = imported.cases
        if sale.total_amount is not None and sale.total_amount != Decimal(held.amount):
            cases = (*cases, _mismatch(held, sale.id, sale.total_amount, now))
        return _decision(msgspec.structs.replace(imported, cases=cases), fact, closes=not cases, trace=True)
    if imported.cases:  # the newest version cannot be read; the next one that can is compared
        return _decision(imported, fact, trace=True)
    newest = Later(delivery=held.delivery or 0, version=held.version, content=held.content, cancelled=False)
    reviewed = _reviewed(imported, newest, now)
    return msgspec.structs.replace(reviewed, facts=(fact, *reviewed.facts))


def _not_created(state: OrderState, message: EffectRefused | EffectExhausted, now: datetime) -> Decision:
    if isinstance(message, EffectRefused):
        kind, sentence = "refused", f"Fulfil refused the order: {message.sentence}"
        case_ = _case("fulfil.refused", message.code, sentence, state, now)
    else:
        kind, case_ = "exhausted", _case("fulfil.unsettled", message.cause, message.sentence, state, now)
    held = _held_with_latest(state, case_)
    emits: tuple[Emit, ...] = ()
    if state.later is not None:  # a newer version waits: it is weighed at once, and may well be accepted
        emits = (Emit(channel=NAME, message=Recheck(because="later version")),)
    decision = _decision(held, _called(kind, message, {"cause": case_.cause}), trace=True)
    return msgspec.structs.replace(decision, emits=emits)


def _unreadable(state: OrderState, message: OrderUnreadable, now: datetime) -> Decision:
    if message.version < state.version:
        stale = Fact(kind="stale", values={"version": message.version, "known": state.version})
        return Decision(state=state, facts=(stale,), keeps=_kept(state))
    case_ = _case("order.unreadable", "format", message.reason, state, now)
    state = msgspec.structs.replace(state, version=message.version)
    if state.status in (Status.NEW, Status.HELD):
        state = msgspec.structs.replace(state, status=Status.HELD, delivery=message.delivery, cases=(case_,))
    else:  # the sale stands; somebody has to know that a newer version of it cannot be read
        state = msgspec.structs.replace(state, cases=(*_without_unreadable(state), case_))
    return _decision(state, Fact(kind="held", values={"causes": "order.unreadable"}), trace=True)


def content_of(order: Order) -> str:
    """The digest of what a sale is made of, without statuses, payments and shipments: they change by themselves.

    Units that an edit or a refund took away are a change, though the sales channel leaves quantity and total as sold.
    """
    parts = (
        order.totals.total.shop.amount,
        [(line.id, line.sku, line.quantity, *_figures(line), *_left(line)) for line in order.lines],
        [(line.service, *_figures(line)) for line in order.shipping_lines],
        [each.shop.amount for each in (order.tips, order.duties, order.fees) if each is not None],
        order.shipping_address,
        order.billing_address,
    )
    return digest(msgspec.msgpack.encode(parts)).hex()


def _left(line: Line) -> tuple[Decimal, ...]:
    """What is left of a line of which something was taken away; nothing for a whole one."""
    left = line.quantity_left
    return (left,) if left is not None and left != line.quantity else ()


def _figures(line: Line | ShippingLine) -> tuple[Decimal | None, ...]:
    discount = line.discount.shop.amount if line.discount is not None else None
    return line.gross.shop.amount, discount, *(tax.amount.shop.amount for tax in line.taxes)


# -- small parts of the decision ---------------------------------------------------------------------------------------


def _decision(state: OrderState, *facts: Fact, closes: bool = False, trace: bool = False) -> Decision:
    return Decision(state=state, facts=facts, keeps=_kept(state), closes=closes, trace=trace)


def _kept(state: OrderState) -> int | None:
    return state.delivery if state.open else None


def _unreadable_cases(state: OrderState) -> tuple[ExceptionCase, ...]:
    """That a newer version cannot be read stays open, whatever becomes of the one before it."""
    return tuple(case for case in state.cases if case.kind == "order.unreadable")


def _without_unreadable(state: OrderState) -> tuple[ExceptionCase, ...]:
    return tuple(case for case in state.cases if case.kind != "order.unreadable")


def _held_with_latest(state: OrderState, case_: ExceptionCase) -> OrderState:
    """Held, and released with the newest version that could be read."""
    latest = state.delivery if state.later is None else state.later.delivery
    cases = (*_unreadable_cases(state), case_)
    return msgspec.structs.replace(state, status=Status.HELD, delivery=latest, later=None, cases=cases)


def _confirm_later(state: OrderState, now: datetime) -> Timer:
    again = ConfirmAbsence(channel=state.channel or 0, identifier=state.order_id)
    return Timer(name="confirm", due=now + CONFIRM_AFTER, message=again)


def _case(
    kind: str, cause: str, sentence: str, state: OrderState, now: datetime, *, amount: Money | None = None
) -> ExceptionCase:
    """A case of this order; one that is open keeps its beginning. At stake is the order's total, or `amount`."""
    known = next((case for case in state.cases if case.kind == kind and case.cause == cause), None)
    return ExceptionCase(
        kind=kind,
        cause=cause,
        sentence=sentence.rstrip("."),
        opened_at=known.opened_at if known is not None else now,
        amount=abs(amount.amount) if amount is not None else Decimal(state.amount),
        currency=amount.currency if amount is not None else state.currency or None,
    )


def _missing(sku: str, hints: Mapping[str, str]) -> str:
    name = f"the SKU {sku!r}" if sku else "a line without a SKU"
    return f"{name} is not in Fulfil{hints.get(sku, '')}"


def _shared(sku: str, products: Sequence[str]) -> str:
    shown = [*products[:_NAMED_MAX], f"{len(products) - _NAMED_MAX} more"] if len(products) > _NAMED_MAX else products
    return f"{len(products)} active products in Fulfil have the SKU {sku!r}: {', '.join(shown[:-1])} and {shown[-1]}"


def _called(
    kind: str, outcome: EffectDone | EffectRefused | EffectUnknown | EffectExhausted, values: dict[str, Any]
) -> Fact:
    return Fact(
        kind=kind,
        began=Instant(outcome.began_us),
        ended=Instant(outcome.ended_us),
        values={**values, "attempts": outcome.attempts},
    )


# -- the shell ---------------------------------------------------------------------------------------------------------


class OrderImporter:
    """The actor: reads deliveries for the decision, a whole batch at once, and derives the rows that people list."""

    name = NAME
    message_type = DeliveryReceived | Recheck | ConfirmAbsence
    state_type = OrderState

    def __init__(
        self,
        sales_channels: Mapping[str, SalesChannelSettings],
        catalogue: SkuIndex,
        journal: Journal,
        emit: Any,
        *,
        repeats_create: bool = True,
    ) -> None:
        self._sales_channels, self._catalogue, self._journal, self._emit = sales_channels, catalogue, journal, emit
        self._attempts_max = RESENDS_MAX if repeats_create else 1
        self._hints = Hints(catalogue, journal)

    def begin(self, key: str) -> OrderState:  # noqa: ARG002 - every order begins alike
        """An order that was never met."""
        return OrderState()

    async def ready(self) -> None:
        """No order is judged before Fulfil's products are known at all."""
        await self._catalogue.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read each delivery with the format of its sales channel, prove it, and look its SKUs up."""
        wanted = [
            item.state.delivery
            for item in items
            if isinstance(item.message, Recheck) and item.state.status is Status.HELD
        ]
        bodies = dict(await self._journal.query_list("bodies", wanted)) if wanted else {}
        # All are read, then all are proven: what runs again at once is still in the processor's cache of instructions.
        read = [self._read(item, bodies) for item in items]
        return [
            await self._presented(item, order) if isinstance(order, Order) else order
            for item, order in zip(items, read, strict=True)
        ]

    def _read(self, item: Item, bodies: Mapping[int, bytes]) -> Order | Message | Exception:
        """The order that a message is about; the message itself when it is about none."""
        match item.message:
            case DeliveryReceived():
                body = item.attachment
            case Recheck() if item.state.delivery in bodies:
                body = bodies[item.state.delivery]
            case other:
                return other
        if body is None:
            return LookupError("the body of the delivery is gone from the store")
        sales_channel = partition_of(item.key)
        order = FORMATS[self._sales_channels[sales_channel].format].read(sales_channel, body)
        if isinstance(order, Unreadable):
            delivery, version, _ = _came_as(item)
            return OrderUnreadable(delivery=delivery, version=version, reason=order.reason)
        return order

    async def _presented(self, item: Item, order: Order) -> OrderPresented:
        """An order with its proof, and what is known of the SKUs that cannot be sold."""
        delivery, version, received_us = _came_as(item)
        settings, sellable = self._sales_channels[order.sales_channel], self._catalogue.sellable
        doubtful = [line.sku or "" for line in order.lines if not (line.sku and sellable(line.sku))]
        presented = OrderPresented(
            delivery=delivery,
            version=version,
            received_us=received_us,
            order=order,
            proof=prove(order, side=settings.sale.side, tolerance=settings.tolerance),
            missing=(),
            hints={},
        )
        return await self._doubted(presented, doubtful) if doubtful else presented

    async def _doubted(self, read: OrderPresented, skus: Sequence[str]) -> OrderPresented:
        """With what is known of SKUs that cannot be sold."""
        aliases = {sku: other for sku in skus if (other := self._catalogue.sold_as(sku)) is not None}
        products = {sku: self._catalogue.twins(sku) for sku in skus if sku not in aliases}
        missing = tuple(sku for sku, twins in products.items() if not twins)
        hints = {sku: await self._hints.of(sku) for sku in missing}
        ambiguous = {sku: await self._named(sku, twins) for sku, twins in products.items() if twins}
        return msgspec.structs.replace(read, missing=missing, hints=hints, ambiguous=ambiguous, aliases=aliases)

    async def _named(self, sku: str, products: Sequence[int]) -> tuple[str, ...]:
        """Products that share a SKU, as people know them; the name of one that has just come may not be on disk yet."""
        names = dict(await self._journal.query("products_of_sku", folded(sku), sku))
        return tuple(f"{id_} ({names[id_]})" if names.get(id_) else str(id_) for id_ in products)

    def decide(self, state: OrderState, message: Any, now: datetime) -> Decision:
        """See `decide` above; the settings are those of the order's sales channel."""
        if isinstance(message, OrderPresented):
            return presented(state, message, now, self._sales_channels[message.order.sales_channel].sale)
        return decide(state, message, now, attempts_max=self._attempts_max)

    def project(self, key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
        """The order's row in the list, and its cases."""
        return order_rows(key, before, after, now)

    def announce(self, key: str, before: OrderState, after: OrderState) -> None:
        """Count what became of the order."""
        announce_order(key, before, after, self._age_s, self._emit)

    def _age_s(self, state: OrderState) -> float:
        return max(0.0, (self._journal.clock.now() - (state.received_us or 0)) / 1e6)


def _came_as(item: Item) -> tuple[int, str, int]:
    """Delivery, version and instant of receipt (microseconds since 1970) of the order that is read for this item."""
    message, state = item.message, item.state
    if isinstance(message, DeliveryReceived):
        return message.delivery, message.version, message.received_us
    return state.delivery, state.version, state.received_us or 0
