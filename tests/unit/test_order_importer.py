"""The decisions on orders, as tables: what is known of an order, what is learnt, and what is to follow."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import encode_create_order
from flows.model.messages import Recheck
from flows.model.money import Money
from flows.model.order import Order, Side
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import SaleSettings, sale_for
from flows.order_importer import (
    RESENDS_MAX,
    OrderPresented,
    OrderUnreadable,
    decide,
)
from runtime.decision import (
    Repeat,
)
from tests.unit.made_orders import SETTINGS, line, order, payment, usd, vat
from tests.unit.order_messages import (
    LATER,
    NOW,
    V1,
    V2,
    V3,
    absent,
    creating,
    done,
    exhausted,
    given_up,
    imported,
    kinds,
    only_case,
    refused,
    shown,
    told,
    weighed,
)

# -- a version of an order of which nothing is in Fulfil ---------------------------------------------------------------


def test_a_clean_new_order_is_created_with_exactly_the_bytes_of_its_sale() -> None:
    """One keyed write at the price class of orders; the delivery's body is kept until its outcome."""
    message = shown(delivery=5)
    decision = weighed(OrderState(), message)
    (effect,) = decision.effects
    sale = sale_for(message.order, SETTINGS)
    assert effect.body == encode_create_order(3, sale)  # type: ignore[arg-type]
    assert (effect.api, effect.kind, effect.repeat, effect.share) == ("fulfil", "create_order", Repeat.KEYED, "orders")
    state = decision.state
    assert (state.status, state.amount, state.currency, state.proof) == (Status.CREATING, "10.00", "USD", "proven")
    assert (state.channel, state.order_id, state.reference, state.received_us) == (3, "1001", "#1001", 1_000)
    assert (decision.keeps, decision.trace, decision.closes, told(decision)) == (5, False, False, ["decided"])


def test_an_unknown_sku_holds_the_whole_order_with_hint_and_amount() -> None:
    """Failure case 10 and 11: nothing is sent; the SKU and its near relative are named; the total is at stake."""
    decision = weighed(
        OrderState(), shown(missing=("MUG-BLUE",), hints={"MUG-BLUE": "; 'Mug-Blue' differs only in case or spaces"})
    )
    case = only_case(decision)
    assert not decision.effects
    assert (case.kind, case.cause) == ("sku.unknown", "MUG-BLUE")
    assert case.sentence == "the SKU 'MUG-BLUE' is not in Fulfil; 'Mug-Blue' differs only in case or spaces"
    assert (case.amount, case.currency, decision.keeps, decision.trace) == (Decimal("10.00"), "USD", 1, True)
    assert decision.state.status is Status.HELD


def test_every_unknown_sku_of_an_order_is_a_case_of_its_own() -> None:
    """Two missing products have two owners' tasks; a line without a SKU is told as that (failure case 12)."""
    unnamed = line("30.00", sku=None, quantity=Decimal("3.0"), unit_price=usd("10.00"))
    decision = weighed(OrderState(), shown(total="40.00", lines=(line("10.00", sku="A"), unnamed), missing=("A", "")))
    assert [case.sentence for case in decision.state.cases] == [
        "the SKU 'A' is not in Fulfil",
        "a line without a SKU is no product of Fulfil: 3 at 10.00 USD",
    ]


def test_no_more_lines_without_a_sku_are_named_than_somebody_reads() -> None:
    """Pieces and price find a line in the sales channel; its title may be anybody's words."""
    lines = tuple(line("1.00", sku=None, title="For Ada") for _ in range(7))
    sentence = weighed(OrderState(), shown(total="7.00", lines=lines, missing=("",))).state.cases[0].sentence
    assert sentence.endswith("1 at 1.00 USD, 1 at 1.00 USD, 2 more")
    assert "Ada" not in sentence


@pytest.mark.parametrize(
    ("products", "sentence"),
    [
        (("7 (Mug)", "9 (Mug, blue)"), "2 active products in Fulfil have the SKU 'MUG': 7 (Mug) and 9 (Mug, blue)"),
        (("7", "8", "9"), "3 active products in Fulfil have the SKU 'MUG': 7, 8 and 9"),
        (tuple("1234567"), "7 active products in Fulfil have the SKU 'MUG': 1, 2, 3, 4, 5 and 2 more"),
    ],
)
def test_a_sku_of_several_products_holds_the_order_and_names_them(products: tuple[str, ...], sentence: str) -> None:
    """Nobody can say which of them was sold; whoever has to tidy up sees which ones they are."""
    decision = weighed(OrderState(), shown(ambiguous={"MUG": products}))
    case = only_case(decision)
    assert (case.kind, case.cause, case.sentence) == ("sku.ambiguous", "MUG", sentence)
    assert (decision.effects, decision.state.status, case.amount) == ((), Status.HELD, Decimal("10.00"))


def test_a_contradiction_is_held_with_the_difference_in_money() -> None:
    """Rule 6: the source contradicts itself by 2.50 USD, and finance reads exactly that."""
    decision = weighed(OrderState(), _off())
    case = decision.state.cases[0]
    assert (case.kind, case.amount, case.currency) == ("order.contradiction", Decimal("2.50"), "USD")
    assert "2.50 USD" in case.sentence
    assert (decision.state.proof, decision.state.status, decision.effects) == ("contradicted", Status.HELD, ())


def _off() -> OrderPresented:
    made = order("12.50", lines=(line("10.00"),))
    return OrderPresented(delivery=1, version=V1, received_us=1, order=made, proof=prove(made), missing=(), hints={})


def test_contradictions_and_unknown_skus_are_told_together() -> None:
    """Nobody should clear one cause only to meet the next."""
    message = msgspec.structs.replace(_off(), missing=("A",))
    assert set(kinds(weighed(OrderState(), message).state)) == {"order.contradiction", "sku.unknown"}


@pytest.mark.parametrize(
    ("made", "settings", "kind", "cause"),
    [
        (
            {"lines": (line("10.00", taxes=(vat("2.00", name="GST"),)),), "total": "12.00"},
            SETTINGS,
            "tax.unmapped",
            "GST",
        ),
        ({"payments": (payment("10.00", gateway="klarna"),)}, SETTINGS, "gateway.unmapped", "klarna"),
        (
            {"lines": (line("10.00", taxes=(vat("2.00", withheld=True),)),), "total": "12.00"},
            SETTINGS,
            "tax.unmapped",
            "VAT",
        ),
        ({"tips": usd("1.00"), "lines": (line("9.00"),)}, SETTINGS, "order.unmapped", "tip"),
    ],
    ids=["tax", "gateway", "withheld tax", "tip"],
)
def test_what_has_no_place_in_fulfil_is_held_for_who_can_give_it_one(
    made: dict[str, Any], settings: SaleSettings, kind: str, cause: str
) -> None:
    """The kind decides the owner; the cause is what the configuration lacks."""
    total = made.pop("total", "10.00")
    message = shown(total=total, **made)
    assert message.proof.holds, message.proof.sentence
    case = only_case(weighed(OrderState(), message, settings=settings))
    assert (case.kind, case.cause) == (kind, cause)
    assert case.sentence.endswith("of the sales channel")


def test_an_order_that_cannot_become_a_sale_is_a_contradiction_of_its_mapping() -> None:
    """Several gateways, and nothing that says how much each: nobody can configure that away."""
    case = only_case(weighed(OrderState(), shown(payments=(payment("10.00", gateway=None),))))
    assert (case.kind, case.cause) == ("order.contradiction", "mapping")


def test_an_order_without_an_address_is_for_operations() -> None:
    """Its figures are sound, so finance has nothing to correct."""
    case = only_case(weighed(OrderState(), shown(billing_address=None, shipping_address=None)))
    assert (case.kind, case.amount) == ("order.unshippable", Decimal("10.00"))


def test_an_order_without_figures_in_the_sales_currency_is_held_not_parked() -> None:
    """Failure case 30: the total in the other currency is shown as what is at stake."""
    settings = msgspec.structs.replace(SETTINGS, side=Side.PRESENTMENT)
    made = order(presentment_currency="EUR")
    message = msgspec.structs.replace(shown(), order=made, proof=prove(made, side=Side.PRESENTMENT))
    decision = weighed(OrderState(), message, settings=settings)
    assert only_case(decision).kind == "order.contradiction"
    assert (decision.state.amount, decision.state.currency) == ("10.00", "USD")


def test_an_order_cancelled_before_anything_is_in_fulfil_is_closed() -> None:
    """There is nothing to do, and its body is no longer needed."""
    decision = weighed(OrderState(), shown(cancelled_at=NOW))
    assert (decision.state.status, decision.effects, decision.keeps) == (Status.CANCELLED, (), None)
    assert decision.closes


def test_a_free_order_is_created_without_a_payment() -> None:
    """Failure case 16: a discount of everything."""
    message = shown(total="0.00", lines=(line("10.00", discount=usd("10.00")),), payments=())
    (effect,) = weighed(OrderState(), message).effects
    assert b'"payments"' not in effect.body or b'"payments":[]' in effect.body


@pytest.mark.parametrize("status", [Status.HELD, Status.IMPORTED, Status.CREATING, Status.UNKNOWN, Status.CANCELLED])
def test_an_older_version_is_set_aside_in_every_state(status: Status) -> None:
    """Failure case 5: version 2 after version 3 changes nothing, and is counted as stale."""
    state = msgspec.structs.replace(creating(shown(V3)), status=status)
    for message in (shown(V2, delivery=9), OrderUnreadable(delivery=9, version=V2, reason="x")):
        decision = weighed(state, message) if isinstance(message, OrderPresented) else decide(state, message, NOW)
        assert decision.state is state
        assert told(decision) == ["stale"]
        assert (decision.effects, decision.emits, decision.timers) == ((), (), ())


def test_a_new_version_of_a_held_order_is_weighed_afresh_and_its_case_keeps_its_beginning() -> None:
    """What is still wrong has been wrong since the first version; what is right again is no longer a case."""
    held = weighed(OrderState(), shown(missing=("A", "B"))).state
    decision = weighed(held, shown(V2, delivery=2, missing=("A",)), LATER)
    assert only_case(decision).opened_at == NOW
    assert (decision.state.version, decision.keeps, decision.state.received_us) == (V2, 2, 1_000)
    free = weighed(decision.state, shown(V2, delivery=2), LATER)
    assert (free.state.status, free.state.cases, len(free.effects)) == (Status.CREATING, (), 1)


def test_a_cancel_of_a_held_order_ends_its_cases() -> None:
    """Nobody has to create a product for an order that is not wanted."""
    held = weighed(OrderState(), shown(missing=("A",))).state
    decision = weighed(held, shown(V2, cancelled_at=NOW), LATER)
    assert (decision.state.status, decision.state.cases, decision.closes) == (Status.CANCELLED, (), True)


def test_an_order_that_is_no_longer_cancelled_is_imported_after_all() -> None:
    """The newest version is the truth."""
    closed = weighed(OrderState(), shown(cancelled_at=NOW)).state
    assert weighed(closed, shown(V2), LATER).state.status is Status.CREATING


def test_an_unreadable_order_is_held_with_the_reason_and_its_body() -> None:
    """Ecommerce sees why; the body stays for a release after a correction of the format."""
    decision = decide(OrderState(), OrderUnreadable(delivery=4, version=V1, reason="lines: expected an array."), NOW)
    case = only_case(decision)
    assert (case.kind, case.sentence, decision.keeps) == ("order.unreadable", "lines: expected an array", 4)
    assert (case.amount, case.currency) == (None, None), "what is at stake is not known, and not nothing"
    again = decide(decision.state, OrderUnreadable(delivery=5, version=V2, reason="still"), LATER)
    assert (only_case(again).opened_at, again.keeps) == (NOW, 5)
    assert weighed(again.state, shown(V3), LATER).state.status is Status.CREATING


def test_a_recheck_that_finds_nothing_to_read_changes_nothing() -> None:
    """Its cause was settled by another message meanwhile."""
    for state in (OrderState(), creating(), imported()):
        decision = decide(state, Recheck(because="catalogue"), NOW)
        assert decision.state is state
        assert (decision.effects, decision.facts) == ((), ())


# -- versions after the sale -------------------------------------------------------------------------------------------


def test_an_edit_while_the_sale_is_created_waits_and_then_is_a_case() -> None:
    """Failure case 14: the sale stands as it was sent; operations compares both versions."""
    waits = weighed(creating(), shown(V2, delivery=2, total="12.00"))
    assert (told(waits), waits.effects, waits.state.status) == (["version_waits"], (), Status.CREATING)
    created = decide(waits.state, done(), LATER)
    assert (told(created), [emit.message for emit in created.emits]) == (
        ["created"],
        [Recheck(because="later version")],
    )
    decision = weighed(created.state, shown(V2, delivery=2, total="12.00"), LATER)
    assert (only_case(decision).kind, decision.state.version, decision.keeps) == ("order.edited", V2, 1)
    assert told(decision) == ["edited_after_import"]
    assert decision.trace


def test_an_edit_whose_payload_is_gone_is_a_case_all_the_same() -> None:
    """Payloads are kept for a while only; that the order was changed is known by the digest of its content."""
    waits = weighed(creating(), shown(V2, delivery=2, total="12.00"))
    decision = decide(decide(waits.state, done(), LATER).state, Recheck(because="later version"), LATER)
    assert (only_case(decision).kind, decision.state.later) == ("order.edited", None)


def test_of_several_versions_that_wait_the_newest_counts() -> None:
    """An edit that was taken back before the sale was made is no edit."""
    state = weighed(creating(), shown(V2, delivery=2, total="12.00")).state
    state = weighed(state, shown(V3, delivery=3)).state
    decision = decide(state, done(), LATER)
    assert (decision.state.cases, decision.state.version) == ((), V3)


@pytest.mark.parametrize(
    ("of", "kind", "fact"),
    [
        ({"total": "12.00"}, "order.edited", "edited_after_import"),
        ({"cancelled_at": NOW}, "order.cancelled", "cancelled_after_import"),
    ],
    ids=["edit", "cancel"],
)
def test_a_change_after_the_import_is_a_case_and_touches_nothing_in_fulfil(
    of: dict[str, Any], kind: str, fact: str
) -> None:
    """The ERP's state wins until somebody decides."""
    decision = weighed(imported(), shown(V2, delivery=2, **of), LATER)
    assert (only_case(decision).kind, told(decision), decision.effects) == (kind, [fact], ())
    assert (decision.keeps, decision.trace) == (1, True)
    again = weighed(decision.state, shown(V3, delivery=3, **of), LATER + timedelta(hours=1))
    assert only_case(again).opened_at == LATER


def test_an_echo_of_the_same_content_is_no_edit() -> None:
    """Failure case 17: statuses, payments and shipments change by themselves."""
    decision = weighed(imported(), shown(V2, delivery=2, tags=("imported",)), LATER)
    assert (decision.state.cases, told(decision), decision.state.version) == ((), ["unchanged"], V2)


def test_an_edit_that_is_taken_back_ends_its_case() -> None:
    """The sale is again what the sales channel says."""
    edited = weighed(imported(), shown(V2, total="12.00"), LATER).state
    assert weighed(edited, shown(V3), LATER).state.cases == ()


def test_a_total_that_differs_stays_open_through_later_versions_and_is_traced() -> None:
    """Only a person ends it."""
    state = decide(weighed(creating(), shown(V2, delivery=2)).state, done(total="10.50"), NOW)
    assert (kinds(state.state), state.trace, state.closes) == (["sale.mismatch"], True, False)
    assert kinds(weighed(state.state, shown(V3, total="12.00"), LATER).state) == ["sale.mismatch", "order.edited"]


def test_a_version_that_cannot_be_read_is_one_case_until_one_can_be_read() -> None:
    """After the import too: the sale stands, however often it is resent, and the case ends as its kind says."""
    state = imported()
    for version, delivery in ((V2, 2), (V3, 3)):
        decision = decide(state, OrderUnreadable(delivery=delivery, version=version, reason="r"), LATER)
        state = decision.state
        assert (kinds(state), state.status, decision.trace) == (["order.unreadable"], Status.IMPORTED, True)
    assert weighed(state, shown("2026-11-20T11:00:00.000000Z"), LATER).state.cases == ()


@pytest.mark.parametrize(
    "outcome", [done(), refused(), exhausted(), absent(RESENDS_MAX)], ids=lambda each: each.__class__.__name__
)
def test_a_version_that_cannot_be_read_stays_a_case_whatever_becomes_of_the_one_before(outcome: Any) -> None:
    """It arrived while the sale was created; that it cannot be read must not be forgotten with the outcome."""
    state = decide(creating(), OrderUnreadable(delivery=2, version=V2, reason="r"), NOW).state
    assert state.status is Status.CREATING
    after = decide(state, outcome, LATER).state
    assert "order.unreadable" in kinds(after)
    assert after.version == V2


def test_an_older_version_that_waited_does_not_hide_a_newer_one_that_cannot_be_read() -> None:
    """Version 2 waits, version 3 is unreadable: the order stands at version 3, with the case."""
    state = weighed(creating(), shown(V2, delivery=2)).state
    state = decide(state, OrderUnreadable(delivery=3, version=V3, reason="r"), NOW).state
    after = decide(state, done(), LATER).state
    assert (after.version, kinds(after)) == (V3, ["order.unreadable"])


def test_money_in_cases_is_never_negative() -> None:
    """What is at stake is an amount; its direction is in the sentence."""
    case = only_case(decide(creating(), done(total="9.00"), NOW))
    assert case.amount == Money(Decimal("1.00"), "USD").amount


def test_every_state_survives_the_disk() -> None:
    """States are stored as JSON: what comes back is what was stored."""
    states = [
        OrderState(),
        creating(),
        imported(),
        weighed(creating(), shown(V2, cancelled_at=NOW)).state,
        weighed(OrderState(), _off()).state,
        given_up(shown(V2, delivery=2, total="12.00")),
    ]
    for state in states:
        assert msgspec.json.decode(msgspec.json.encode(state), type=OrderState) == state


def test_an_order_is_made_for_these_tests_as_the_model_says() -> None:
    """The made order is proven and mappable, so that each table row shows its own reason."""
    made: Order = order()
    assert prove(made).holds
