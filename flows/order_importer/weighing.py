"""An order of which nothing is in Fulfil: it is imported, held, or closed as cancelled. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from connectors.fulfil.wire import CreateOrder, encode_create_order
from flows.model.aliases import under_fulfils_skus
from flows.model.bundles import Bundle, exploded, told
from flows.model.content import content_of
from flows.model.expected_sale import captured_by, ordered_by, taxes_of
from flows.model.gate import OPEN_GATE, GateSettings, Verdict, gate
from flows.model.goods_back import goods_back
from flows.model.left import is_gone, left_of
from flows.model.messages import Recheck
from flows.model.money import MixedCurrencies, Money
from flows.model.order import Order
from flows.model.order_state import ON_ITS_WAY, OrderState, Status
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from flows.model.skus import AMBIGUOUS, UNKNOWN
from flows.order_importer.expiring import watched
from flows.order_importer.messages import OrderPresented
from flows.order_importer.parts import CAUTIOUS, Policy, case_of, decision_of, kept, unreadable_cases
from flows.order_importer.refunding import told as told_of_refunds
from flows.order_importer.reserving import reserving
from flows.order_importer.reviewing import judged, later_of, reopened, shown_again, waits
from flows.order_importer.suspending import suspending
from flows.order_importer.tendering import tendering
from runtime.clock import Instant
from runtime.decision import Decision, Effect, Fact, Repeat, Timer

_GATE = "gate"
"""The name of the timer that has a waiting order looked at again."""
_NAMED_MAX = 5
"""Products of one SKU, or lines without one, that a case names."""
_OF_THE_CREATE = ("fulfil.refused", "fulfil.unsettled")
"""Kinds whose cases stay open while the create is tried again: only the sale shows that their cause is gone."""
_UNMAPPED = {
    **dict.fromkeys(("tax", "withheld_tax", "tax_rate"), "tax.unmapped"),
    "gateway": "gateway.unmapped",
}


def presented(
    state: OrderState,
    message: OrderPresented,
    now: datetime,
    settings: SaleSettings,
    gated: GateSettings = OPEN_GATE,
    policy: Policy = CAUTIOUS,
) -> Decision:
    """What becomes of an order when a version of it arrives, or is looked at again. Pure."""
    waited = state.later is not None and state.later.delivery == message.delivery
    if message.version < state.version and not waited:
        stale = Fact(kind="stale", values={"version": message.version, "known": state.version})
        return Decision(state=state, facts=(stale,), keeps=kept(state))
    decision = watched(state, _shown(state, message, now, settings, gated, policy), message.order, now)
    decision = told_of_refunds(state, decision, message, now)
    decision = tendering(state, decision, message, settings) if policy.tells_payments else decision
    if not policy.counts_units:
        return decision
    return reserving(state, decision, message, subtracts=message.order.sales_channel in policy.subtracting)


def _shown(
    state: OrderState,
    message: OrderPresented,
    now: datetime,
    settings: SaleSettings,
    gated: GateSettings,
    policy: Policy,
) -> Decision:
    if state.linking is not None or state.status in ON_ITS_WAY:
        is_news = judged(state, message, gated, now).told != state.gated
        return waits(state, msgspec.structs.replace(later_of(message), news=is_news))
    match state.status:
        case Status.IMPORTED:
            return shown_again(state, message, now, settings, gated, policy)
        case Status.CANCELLED if state.sale is not None:
            return reopened(state, message, now)
        case _:
            decision = _weigh(state, message, now, settings, gated)
            is_older = state.unread is not None and message.delivery == state.delivery != state.unread
            return _still_unread(state, decision) if is_older else decision


def _weigh(
    state: OrderState, message: OrderPresented, now: datetime, settings: SaleSettings, gated: GateSettings
) -> Decision:
    """Nothing of this order is in Fulfil: it is imported, waits, is held, excluded, or closed as cancelled."""
    order, before = left_of(message.order) or message.order, state
    state = _as_met(state, message, order, _total(order, settings))
    if order.cancelled_at is not None:
        return _closed(state)
    verdict = gate(message.order, message.proof, gated, Instant(state.received_us or 0), now)
    lets_pass = state.waived and state.gated == verdict.told  # a person's word is about this verdict, and no other
    lets_pass = lets_pass or (message.by_person and before.status is Status.WAITING)
    state = msgspec.structs.replace(state, gated=verdict.told, waived=lets_pass)
    if verdict.then == "exclude":
        excluded = msgspec.structs.replace(state, status=Status.EXCLUDED, rule=verdict.rule, cases=())
        return decision_of(excluded, Fact(kind="excluded", values={"rule": verdict.rule}), closes=True)
    if is_gone(message.order):
        return _closed(state)
    cases = [
        case_of("order.contradiction", failing.name, failing.sentence, state, now, amount=failing.amount)
        for failing in message.proof.failing
    ]
    if verdict.then == "wait" and not cases and not state.waived:
        return _waits(state, verdict, now)
    cases += [case_of(UNKNOWN, sku, _missing(sku, message), state, now) for sku in message.missing]
    cases += [case_of(AMBIGUOUS, sku, _shared(sku, of), state, now) for sku, of in message.ambiguous.items()]
    if not cases:
        sold = sale_for(under_fulfils_skus(exploded(order, message.bundles), message.aliases), settings, message.buyer)
        match sold:
            case Unmapped() as unmapped:
                kind = _UNMAPPED.get(unmapped.kind, "order.unmapped")
                cases.append(case_of(kind, unmapped.name, unmapped.sentence, state, now))
            case Unmappable() as unmappable:
                cases.append(case_of(unmappable.kind, "mapping", unmappable.reason, state, now))
            case sale:
                return _create(state, settings, sale, order, message, verdict)
    held = msgspec.structs.replace(state, status=Status.HELD, cases=tuple(cases))
    return decision_of(
        held, Fact(kind="held", values={"causes": ", ".join(dict.fromkeys(case.kind for case in cases))}), trace=True
    )


def _as_met(state: OrderState, message: OrderPresented, order: Order, total: Money) -> OrderState:
    """What is remembered of an order that is weighed, before it is known what becomes of it. `order`: what is left."""
    return OrderState(
        version=message.version,
        received_us=state.received_us or message.received_us,
        delivery=message.delivery,
        content=content_of(message.order),
        reference=order.reference,
        amount=str(total.amount),
        currency=total.currency,
        placed_at=order.placed_at,
        ship_by=order.ship_by,
        proof="proven" if message.proof.holds else "contradicted",
        channel=state.channel,
        order_id=state.order_id,
        given_up=state.given_up,
        given_up_delivery=state.given_up_delivery,
        sold=state.sold if state.given_up else {},
        bundles=state.bundles,
        gated=state.gated,
        waived=state.waived,
        customer=message.buyer.claims if message.buyer is not None else (),
        returned=goods_back(message.order, total.currency, message.bundles),
        cases=state.cases,
    )


def _still_unread(before: OrderState, decision: Decision) -> Decision:
    """What was decided on is older than a version that cannot be read, and ends no case of that."""
    state = msgspec.structs.replace(
        decision.state, unread=before.unread, cases=(*unreadable_cases(before), *decision.state.cases)
    )
    return msgspec.structs.replace(decision, state=state, keeps=kept(state), closes=not state.open)


def _closed(state: OrderState) -> Decision:
    """It is cancelled, or nothing is left of it, and nothing of it is in Fulfil."""
    closed = msgspec.structs.replace(state, status=Status.CANCELLED, cases=())
    return decision_of(closed, Fact(kind="cancelled_before_import"), closes=True)


def _waits(state: OrderState, verdict: Verdict, now: datetime) -> Decision:
    """Nothing is wrong with it; it is looked at again when the gate says, and before that by its next version."""
    until = verdict.until
    if until is not None and now >= until:
        sentence = f"it has waited {verdict.waits} since it came, for longer than was agreed"
        unpaid = (case_of("order.unpaid", "gate", sentence, state, now),)
        waiting = msgspec.structs.replace(
            state, status=Status.WAITING, rule=verdict.rule, waits=verdict.waits, cases=unpaid
        )
        return decision_of(waiting, Fact(kind="waits", values={"for": verdict.waits}), trace=True)
    waiting = msgspec.structs.replace(state, status=Status.WAITING, rule=verdict.rule, waits=verdict.waits, cases=())
    fact = Fact(kind="waits", values={"for": verdict.waits, "until": None if until is None else until.isoformat()})
    timers = () if until is None else (Timer(name=_GATE, due=until, message=Recheck(because="gate")),)
    return msgspec.structs.replace(decision_of(waiting, fact), timers=timers)


def _total(order: Order, settings: SaleSettings) -> Money:
    try:
        return order.totals.total.on(order.currency_on(settings.side))
    except MixedCurrencies:  # the proof says so, too; what is at stake is still worth telling
        return order.total


def _create(
    state: OrderState,
    settings: SaleSettings,
    sale: CreateOrder,
    order: Order,
    message: OrderPresented,
    verdict: Verdict,
) -> Decision:
    """`sale` is what is left of it, `order`, becomes in Fulfil."""
    of_the_past = verdict.then == "import_completed"
    if of_the_past:  # nothing of it is shipped, invoiced or booked
        sale = msgspec.structs.replace(sale, status="completed", fulfillment_status="shipped", payments=())
    effect = Effect(
        api="fulfil",
        kind="create_order",
        body=encode_create_order(settings.channel_id, sale),
        repeat=Repeat.KEYED,
        share="orders",
    )
    tried = tuple(case for case in state.cases if case.kind in _OF_THE_CREATE) if state.cases else ()
    creating = msgspec.structs.replace(
        state,
        status=Status.CREATING,
        channel=settings.channel_id,
        order_id=sale.channel_identifier,
        bundles=message.bundles,
        rule=verdict.rule,
        on_hold=verdict.then == "hold_shipment",
        tax=str(taxes_of(sale)),
        captured=str(captured_by(sale)),
        ordered=ordered_by(sale),
        cases=tried,
    )
    decided = Fact(kind="decided", values={"lines": len(sale.sale_lines)})
    in_suspense, rows = suspending(order, settings, paid=not of_the_past)
    return Decision(
        state=creating,
        effects=(effect,),
        facts=(*_exploded(message.bundles), *_aliased(message.aliases), *in_suspense, decided),
        writes=rows,
        keeps=kept(creating),
    )


def _exploded(bundles: Mapping[str, Bundle]) -> tuple[Fact, ...]:
    return (Fact(kind="exploded", values={"bundles": told(bundles)}),) if bundles else ()


def _aliased(aliases: Mapping[str, str]) -> tuple[Fact, ...]:
    skus = ", ".join(f"{alias!r} as {sku!r}" for alias, sku in aliases.items())
    return (Fact(kind="aliased", values={"skus": skus}),) if aliases else ()


def _missing(sku: str, message: OrderPresented) -> str:
    if sku:
        return f"the SKU {sku!r} is not in Fulfil{message.hints.get(sku, '')}"
    unnamed = [
        f"{line.quantity.normalize():f} at {line.unit_price.shop}" for line in message.order.lines if not line.sku
    ]
    shown = unnamed if len(unnamed) <= _NAMED_MAX else [*unnamed[:_NAMED_MAX], f"{len(unnamed) - _NAMED_MAX} more"]
    return f"a line without a SKU is no product of Fulfil: {', '.join(shown)}"


def _shared(sku: str, products: Sequence[str]) -> str:
    shown = [*products[:_NAMED_MAX], f"{len(products) - _NAMED_MAX} more"] if len(products) > _NAMED_MAX else products
    return f"{len(products)} active products in Fulfil have the SKU {sku!r}: {', '.join(shown[:-1])} and {shown[-1]}"
