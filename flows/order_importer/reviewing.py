"""What comes after the sale was made: the same again, an edit, a cancel, or a person who has seen to it. Pure.

A change is made in Fulfil where the tenant's API is known to be able to, and otherwise it is a case with both versions.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from connectors.fulfil.wire import CreateOrder
from flows.model.aliases import under_fulfils_skus
from flows.model.amendment import Amendment, NotAmendable, amendment_of, differences
from flows.model.bundles import exploded
from flows.model.content import content_of
from flows.model.expected_sale import ordered_after, taxes_of
from flows.model.gate import GateSettings, Verdict, gate_again
from flows.model.goods_back import content_without, goods_back, replaced, undealt
from flows.model.left import is_gone, left_of
from flows.model.messages import Recheck
from flows.model.order import FulfilmentStatus, Order
from flows.model.order_state import Later, OrderState, Status, Work
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from flows.order_importer import returning
from flows.order_importer.ending import begin, changed_sentence, concluded, still_held, with_cancel, with_edit
from flows.order_importer.messages import OrderPresented
from flows.order_importer.parts import (
    LATER_VERSION,
    Policy,
    decision_of,
    kept,
    kept_back,
    look_again,
    with_facts,
    without,
)
from runtime.clock import Instant
from runtime.decision import Decision, Fact

_BY_HAND = "its sale was made by hand, so Fulfil does not know its lines by those of the order"


def later_of(message: OrderPresented) -> Later:
    """What is kept of a version that has to wait."""
    return Later(
        delivery=message.delivery,
        version=message.version,
        content=content_of(message.order),
        cancelled=message.order.cancelled_at is not None,
        refunded=bool(message.order.refunds or message.order.returns),
    )


def waits(state: OrderState, later: Later) -> Decision:
    """A call is under way: the newest version that came meanwhile is looked at when it is over."""
    noted = Fact(kind="version_waits", values={"version": later.version})
    return decision_of(msgspec.structs.replace(_met(state, later), later=later), noted)


def reviewed(state: OrderState, later: Later, now: datetime, policy: Policy) -> Decision:
    """A version without its payload: the same again, a cancel, or what the payload is needed for: edits, refunds, and
    whether it may still be shipped.
    """
    if later.cancelled:
        return _cancel(state, later, now, policy)
    if later.content != state.content or later.refunded or later.news:
        again = look_again(LATER_VERSION)
        return msgspec.structs.replace(decision_of(msgspec.structs.replace(state, later=later)), emits=(again,))
    return _unchanged(state, later)


def shown_again(
    state: OrderState, message: OrderPresented, now: datetime, sale: SaleSettings, gated: GateSettings, policy: Policy
) -> Decision:
    """A version with its payload, of an order that has a sale."""
    later = later_of(message)
    if state.work is not None and not state.work.idle:
        return waits(state, later)
    state = msgspec.structs.replace(state, work=None, later=None)
    if later.cancelled:
        return _cancel(state, later, now, policy)
    state = _judged_again(state, message, gated, now)
    goods = undealt(goods_back(message.order, state.currency, state.bundles), state.dealt_with)
    work = Work(goal="edit", target=later, back=goods, no_returns=policy.no_returns, products=message.products)
    if later.content != state.content and is_gone(message.order) and (policy.cancels or not goods):
        return _cancel(state, later, now, policy, work)
    if later.content != state.content:
        return _edited(state, work, message, now, sale, policy)
    if not goods:
        return _unchanged(state, later)
    return with_facts(returning.begin(_met(state, later), work), returning.fact_of(goods))


def _edited(
    state: OrderState, work: Work, message: OrderPresented, now: datetime, sale: SaleSettings, policy: Policy
) -> Decision:
    """Something of which the sale is made has changed. Units that were given back may be all of it."""
    later, goods = later_of(message), work.back
    only_goods = bool(goods) and content_without(message.order, goods, state.bundles) == state.content
    if message.before is not None and message.bundles:
        state = msgspec.structs.replace(state, bundles={**state.bundles, **message.bundles})
    before, after = _mapped(message.before, message, sale), _mapped(message.order, message, sale)
    told, ordered = "", dict[str, Decimal]()
    if isinstance(before, CreateOrder) and isinstance(after, CreateOrder):
        told, ordered = differences(before, after), ordered_after(state.ordered, before, after)
    change = NotAmendable(_BY_HAND) if state.by_hand else _change(before, after, message, sale, policy)
    refused = change.reason if isinstance(change, NotAmendable) else ""
    amendment = None if isinstance(change, NotAmendable) else change
    tax = str(taxes_of(after)) if isinstance(after, CreateOrder) else ""
    figures = (str(after.amount), tax) if isinstance(after, CreateOrder) else None
    state = msgspec.structs.replace(state, changed_figures=figures, changed_units=ordered)
    work = msgspec.structs.replace(work, amendment=amendment, refused=refused, told=told, tax=tax, ordered=ordered)
    if only_goods:  # shipped or not: that is for Fulfil to say
        return with_facts(begin(_met(state, later), work), returning.fact_of(goods))
    state = _met(msgspec.structs.replace(state, returned=replaced(state.returned, *goods)), later)
    edited = Fact(kind="edited_after_import", values={"version": later.version})
    if refused:
        sentence = (
            f"{changed_sentence(state, told)}. It cannot be changed there by Seamline: "
            f"{refused.rstrip('.')}{still_held(state)}"
        )
        return concluded(with_edit(state, later, sentence, now), edited, trace=True)
    return with_facts(begin(state, msgspec.structs.replace(work, back=())), edited)


def reopened(state: OrderState, message: OrderPresented, now: datetime) -> Decision:
    """A version of an order whose sale was cancelled in Fulfil: a cancelled sale is never opened again by us."""
    later = later_of(message)
    state = _met(msgspec.structs.replace(state, later=None), later)
    if later.cancelled or is_gone(message.order):
        return _as_known(msgspec.structs.replace(state, content=""), later)
    if later.content in (state.content, state.changed_to):  # somebody knows, or has a case that says so
        return decision_of(state, Fact(kind="unchanged", values={"version": later.version}), closes=not state.open)
    sale = state.sale_number or state.sale
    sentence = f"the order is no longer cancelled in the sales channel, but its sale {sale} was cancelled in Fulfil"
    state = with_edit(state, later, sentence, now)
    return decision_of(state, Fact(kind="edited_after_import", values={"version": later.version}), trace=True)


def without_payload(state: OrderState, later: Later, now: datetime, policy: Policy) -> Decision:
    """A version waits whose payload is gone from the store: what is remembered of it has to do."""
    state = msgspec.structs.replace(state, later=None)
    if later.cancelled and state.status is Status.IMPORTED:
        return _cancel(state, later, now, policy)
    if later.cancelled or later.content == state.content:
        return _unchanged(state, later)
    state = _met(state, later)
    state = with_edit(state, later, changed_sentence(state, ""), now)
    return decision_of(state, Fact(kind="edited_after_import", values={"version": later.version}), trace=True)


def _met(state: OrderState, later: Later) -> OrderState:
    """This version is the newest one that was met, unless the newest cannot be read."""
    if later.version < state.version:
        return state
    return msgspec.structs.replace(state, version=later.version, cases=without(state, "order.unreadable"))


def judged(state: OrderState, message: OrderPresented, gated: GateSettings, now: datetime) -> Verdict:
    """What the gate says of a version of an order of which a sale is there, or is being made."""
    received = Instant(state.received_us or message.received_us)
    return gate_again(message.order, message.proof, gated, received, now)


def _judged_again(state: OrderState, message: OrderPresented, gated: GateSettings, now: datetime) -> OrderState:
    """What the gate says of this version. Only news change anything: a person who has released it has the last word.
    Of an order of the past nothing is left that could be kept back.
    """
    verdict = judged(state, message, gated, now)
    if verdict.told == state.gated or state.of_the_past:
        return state
    state = msgspec.structs.replace(state, gated=verdict.told)
    if verdict.ships:
        return msgspec.structs.replace(state, on_hold=False, cases=without(state, "order.on_hold"))
    return kept_back(msgspec.structs.replace(state, rule=verdict.rule, waits=verdict.waits), now)


def _as_known(state: OrderState, later: Later) -> Decision:
    """The version is what is there, so no earlier one is a case any more."""
    state = msgspec.structs.replace(
        state, changed_to="", changed_delivery=None, cases=without(state, "order.edited", "order.cancelled")
    )
    return concluded(state, Fact(kind="unchanged", values={"version": later.version}), trace=bool(state.cases))


def _unchanged(state: OrderState, later: Later) -> Decision:
    return _as_known(_met(state, later), later)


def _cancel(state: OrderState, later: Later, now: datetime, policy: Policy, gone: Work | None = None) -> Decision:
    """The sales channel has cancelled the order, or nothing is left of it. What Fulfil has shipped stands, whatever the
    sales channel says; what is given back of it is a return. `gone`: what would be done if something were left.
    """
    fact = Fact(kind="cancelled_after_import", values={"version": later.version})
    state = msgspec.structs.replace(_met(state, later), changed_to=later.content, changed_delivery=later.delivery)
    if policy.cancels:
        work = Work(goal="cancel", target=later) if gone is None else msgspec.structs.replace(gone, goal="cancel")
        return with_facts(begin(state, work), fact)
    state = with_cancel(state, later, "Seamline cannot cancel sales of this tenant", now)
    return concluded(state, fact, trace=True)


def _mapped(
    order: Order | None, message: OrderPresented, settings: SaleSettings
) -> CreateOrder | Unmapped | Unmappable | None:
    """What the sale of this version is, or would be; what has been shipped of it, we have shipped."""
    if order is None:
        return None
    whole = msgspec.structs.replace(left_of(order) or order, fulfilment_status=FulfilmentStatus.UNSHIPPED)
    return sale_for(under_fulfils_skus(exploded(whole, message.bundles), message.aliases), settings, message.buyer)


def _change(
    before: CreateOrder | Unmapped | Unmappable | None,
    after: CreateOrder | Unmapped | Unmappable | None,
    message: OrderPresented,
    settings: SaleSettings,
    policy: Policy,
) -> Amendment | NotAmendable:
    """What has to change in Fulfil, if it can be said and the order proves."""
    if not message.proof.holds:
        return NotAmendable(f"its figures contradict each other. {message.proof.sentence}")
    if message.missing or message.ambiguous:
        named = ", ".join(repr(sku) for sku in (*message.missing, *message.ambiguous))
        return NotAmendable(f"Fulfil does not sell exactly one product as {named}")
    match after:
        case Unmapped():
            return NotAmendable(after.sentence)
        case Unmappable():
            return NotAmendable(after.reason)
    if not isinstance(before, CreateOrder) or not isinstance(after, CreateOrder):
        is_there = message.before is not None
        why = "cannot be mapped as things are configured now" if is_there else "is no longer in the store"
        return NotAmendable(f"the version that is there {why}")
    return amendment_of(before, after, settings.channel_id, policy.amends)


def rechecked(state: OrderState, asked: Recheck, now: datetime, policy: Policy) -> Decision:
    """An order that is not held is asked to be looked at again: what it waited for was settled in the meantime.

    A person who asks has seen to a sale that stands: its cases end, what we hold of it is released, and the version
    that raised the cases is the known one.
    """
    at_rest = state.sale is not None and state.status in (Status.IMPORTED, Status.CANCELLED)
    if at_rest and state.later is not None and state.work is None:
        return without_payload(state, state.later, now, policy)
    if asked.because != "person" or not at_rest or not state.cases:
        return Decision(state=state, keeps=kept(state))
    if state.work is not None and state.work.goal != "hold":
        return Decision(state=state, keeps=kept(state))
    fact = Fact(kind="dealt_with", values={"causes": ", ".join(case.kind for case in state.cases)})
    if state.work is not None and not state.work.idle:  # released as soon as it is on hold
        passed = msgspec.structs.replace(state, on_hold=False, cases=without(state, "order.on_hold"))
        return decision_of(passed, fact)
    is_cancelled = any(case.kind == "order.cancelled" for case in state.cases)
    is_changed = bool(state.changed_to) and not is_cancelled
    if is_changed and state.changed_figures is not None:
        amount, tax = state.changed_figures
        state = msgspec.structs.replace(state, amount=amount, tax=tax, ordered=state.changed_units)
    settled = msgspec.structs.replace(
        state,
        status=Status.CANCELLED if is_cancelled else state.status,
        content="" if is_cancelled else state.changed_to or state.content,
        delivery=state.changed_delivery or state.delivery,
        changed_to="",
        changed_delivery=None,
        changed_figures=None,
        changed_units={},
        sold=state.units if is_changed else state.sold,
        on_hold=False,
        cases=(),
    )
    return concluded(settled, fact)
