"""Order to cash, as pure decisions: what an order waits for, and by which evidence it is settled (rule 23)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from connectors.patchworks.config import IntakeSettings
from flows.config import Config, SalesChannelSettings
from flows.explain import explain
from flows.formats import FORMATS
from flows.model.closing import ClosingSettings, EvidenceKind, Moved, closing_row
from flows.model.order import Order
from flows.model.reconciliation import ReconciliationSettings
from flows.model.sale import SaleSettings
from flows.reading.rows import ClosingRow, OrderRow, Story
from flows.reconciler.sale_checks import OrderClosed, SaleCheck, decide
from flows.reconciler.settling import (
    Line,
    Standing,
    Wait,
    by_gateway,
    cause_of,
    in_told_currencies,
    of_payouts,
    settled,
)
from runtime.config import Secret
from runtime.rule import RuleBroken

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal
CHARGE = Moved(gateway="card", way="charge", amount=D("100.00"), currency="USD", id="ch_1")
REFUND = Moved(gateway="card", way="refund", amount=D("30.00"), currency="USD", id="re_1")
SOLD = Line(kind="sale", currency="USD", amount=D("100.00"), ids=frozenset({"ch_1"}), received=True, bank=False,
            payout="P1")  # fmt: skip
BACK = Line(kind="refund", currency="USD", amount=D("-30.00"), ids=frozenset({"re_1"}), received=True, bank=False,
            payout="P2")  # fmt: skip
DISPUTE = replace(CHARGE, way="dispute", id="dp")
SHIPPED = Standing(currency="USD", due=D(0), tenders=(CHARGE,), is_cancelled=False, is_watched=True, shipping="told",
                   untold=False, cases=(), payments_open=False, unposted=False, state="processing", invoices_paid=None,
                   lines=(SOLD,))  # fmt: skip


REST = replace(SOLD, amount=D("40.00"), payout="P3")
UNNAMED = replace(SOLD, ids=frozenset(), payout="P4")


def waits(order: Standing, evidence: EvidenceKind = "payout_line") -> list[str]:
    rule = "cannot be read" if evidence == "excluded" else ""
    return [each.cause for each in settled(order, {"card": ClosingSettings(evidence=evidence, rule=rule)})[0]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"shipping": "partially shipped"}, ["shipping"]),
        ({"shipping": "shipped", "untold": True}, ["telling"]),
        ({"is_watched": False, "shipping": ""}, ["shipping"]),
        ({"is_watched": False, "shipping": "told"}, ["shipping"]),
        ({"is_watched": False, "shipping": "", "state": "done"}, []),
        ({"is_cancelled": True, "shipping": ""}, []),
        ({"state": None}, ["proof"]),
        ({"cases": ("sale.differs",)}, ["cases"]),
        ({"payments_open": True}, ["recording"]),
        ({"unposted": True}, ["posting"]),
        ({"due": D("1.00")}, ["payment"]),
        ({"due": D("1.00"), "invoices_paid": True}, []),
        ({"due": D("1.00"), "invoices_paid": True, "uninvoiced": D("0.40")}, ["payment"]),
        ({"due": D("1.00"), "invoices_paid": True, "uninvoiced": D("0.40"), "is_cancelled": True}, []),
        ({"due": D("1.00"), "is_cancelled": True}, []),
        ({"lines": ()}, ["payout"]),
        ({"lines": (replace(SOLD, received=False),)}, ["payout"]),
        ({"tenders": (CHARGE, DISPUTE)}, ["dispute"]),
        ({"tenders": (CHARGE, DISPUTE), "lines": (SOLD, replace(BACK, kind="dispute"))}, []),
        ({"tenders": (CHARGE, DISPUTE), "lines": (SOLD, replace(BACK, kind="dispute_reversal"))}, []),
        ({"tenders": (CHARGE, DISPUTE), "lines": (SOLD, replace(BACK, kind="fee"))}, ["dispute"]),
        ({"tenders": (DISPUTE, CHARGE), "lines": (replace(SOLD, kind="dispute"),)}, ["payout"]),
        ({"tenders": (), "lines": ()}, []),
        ({"tenders": ()}, ["unexpected"]),
        ({"tenders": (), "lines": (BACK,)}, []),
        ({"tenders": (), "lines": (replace(SOLD, failed=True),)}, []),
    ],
)
def test_an_order_waits_for_whatever_is_left_to_ship_tell_collect_or_receive(
    changes: dict[str, Any], told: list[str]
) -> None:
    """Nothing of it is settled as long as one of them is open."""
    assert waits(replace(SHIPPED, **changes)) == told


@pytest.mark.parametrize(
    ("evidence", "changes", "told"),
    [
        ("none", {"lines": ()}, []),
        ("none", {}, ["unexpected"]),
        ("excluded", {"lines": ()}, []),
        ("receivable", {"lines": (SOLD,)}, ["receivable"]),
        ("receivable", {"lines": (), "invoices_paid": True}, []),
        ("bank_receipt", {}, ["bank"]),
        ("bank_receipt", {"lines": (replace(SOLD, bank=True),)}, []),
        ("bank_receipt", {"lines": ()}, ["payout"]),
        ("bank_receipt", {"lines": (replace(SOLD, amount=D("60.00"), bank=True), REST)}, ["bank"]),
        (
            "bank_receipt",
            {"lines": (replace(SOLD, amount=D("60.00")), replace(REST, received=False))},
            ["payout", "bank"],
        ),
        ("settlement", {"lines": (replace(SOLD, received=False),)}, ["settlement"]),
        ("settlement", {"lines": (replace(SOLD, amount=D("85.00"), ids=frozenset()),)}, []),
        ("settlement", {"lines": (SOLD,), "tenders": (CHARGE, REFUND)}, ["settlement"]),
        ("payout_line", {"tenders": (CHARGE, REFUND)}, ["payout"]),
        ("payout_line", {"tenders": (CHARGE, REFUND), "lines": (SOLD, BACK)}, []),
        ("payout_line", {"lines": (SOLD, BACK)}, ["unexpected"]),
        ("payout_line", {"lines": (replace(SOLD, amount=D("99.00")),)}, ["unexpected"]),
        ("payout_line", {"lines": (replace(SOLD, amount=D("60.00")), replace(SOLD, amount=D("40.00")))}, []),
        ("payout_line", {"lines": (replace(SOLD, amount=D("60.00")), replace(REST, received=False))}, ["payout"]),
        ("payout_line", {"lines": (SOLD, replace(SOLD, kind="fee", amount=D("-3.00")))}, []),
        ("payout_line", {"lines": (UNNAMED, SOLD), "tenders": (CHARGE, replace(CHARGE, id="ch_2"))}, []),
        (
            "payout_line",
            {
                "lines": (replace(UNNAMED, received=False), replace(SOLD, received=False)),
                "tenders": (CHARGE, replace(CHARGE, id="ch_2")),
            },
            ["payout"],
        ),
        ("payout_line", {"lines": (replace(SOLD, ids=frozenset()),)}, []),
        ("payout_line", {"lines": (replace(SOLD, ids=frozenset(), amount=D("99.99")),)}, ["unexpected"]),
        ("payout_line", {"lines": (replace(SOLD, ids=frozenset(), currency="EUR"),)}, ["unexpected"]),
        (
            "payout_line",
            {
                "lines": (replace(SOLD, ids=frozenset(), amount=D("50.00")),),
                "tenders": (replace(CHARGE, currency="EUR"), *[replace(CHARGE, amount=D("25.00"), id="")] * 2),
            },
            ["payout"],
        ),
        ("payout_line", {"lines": (replace(SOLD, currency="EUR", amount=D("92.00")),)}, []),
        ("payout_line", {"tenders": (CHARGE, replace(REFUND, amount=D("100.00"))), "lines": ()}, ["payout"]),
        (
            "payout_line",
            {"lines": (replace(UNNAMED, amount=D("60.00")), replace(UNNAMED, amount=D("40.00"), currency="EUR"))},
            ["payout"],
        ),
        ("payout_line", {"lines": (SOLD, UNNAMED)}, ["unexpected"]),  # paid twice
        (  # a line of a refund may name the charge, too, and is not it
            "payout_line",
            {"tenders": (CHARGE, REFUND), "lines": (replace(BACK, ids=frozenset({"re_1", "ch_1"})),)},
            ["payout"],
        ),
    ],
)
def test_each_tender_declares_what_closes_it(evidence: EvidenceKind, changes: dict[str, Any], told: list[str]) -> None:
    """By the provider's id, or where ids do not meet by the sum; marketplaces by settlement; terms by invoices."""
    assert waits(replace(SHIPPED, **changes), evidence) == told


def sold(*payouts: tuple[str, str]) -> tuple[Line, ...]:
    """Lines whose ids nobody knows, each of an amount in a payout."""
    return tuple(replace(SOLD, ids=frozenset(), amount=D(amount), payout=name) for amount, name in payouts)


MORE = "for the sales channel to tell of 20.00 USD more that payouts have of it"


@pytest.mark.parametrize(
    ("lines", "cause", "told"),
    [
        ((replace(SOLD, received=False),), "payout", "for payout P1, which has its charge of 100.00 USD, to arrive"),
        (
            (replace(SOLD, received=False, failed=True),), "payout",
            "for a payout that has its charge of 100.00 USD: payout P1 had it, and has failed or was cancelled",
        ),
        (
            sold(("100.00", "P1"), ("10.00", "P2"), ("10.00", "P3")), "unexpected",
            f"{MORE}: sale of 10.00 USD in P2, sale of 10.00 USD in P3",
        ),
        (sold(("120.00", "P1")), "unexpected", f"{MORE}: sale of 120.00 USD in P1"),
        (
            (replace(SOLD, amount=D("99.00")),), "unexpected",
            "for payouts to have 1.00 USD more of it, as the sales channel tells: sale of 99.00 USD in P1",
        ),
        (
            (replace(SOLD, amount=D("60.00")), replace(REST, received=False)), "payout",
            "for payout P3, which has its charge of 100.00 USD, to arrive",
        ),
        (
            (replace(SOLD, ids=frozenset(), received=False),), "payout",
            "for payout P1, which has its charge of 100.00 USD, to arrive",
        ),
        (
            sold(("80.00", "P1")), "unexpected",
            "for payouts to have 20.00 USD more of it, as the sales channel tells: sale of 80.00 USD in P1",
        ),
        (
            (SOLD, BACK), "unexpected", "for the sales channel to tell of the refund of 30.00 USD in P2",
        ),
        (
            (SOLD, *sold(("5.00", "P2"), ("6.00", "P3"), ("9.00", "P4"))), "unexpected",
            f"{MORE}: sale of 5.00 USD in P2, sale of 6.00 USD in P3, sale of 9.00 USD in P4",
        ),
        (
            (SOLD, *sold(("5.00", "P2"), ("6.00", "P3"), ("7.00", "P4"), ("2.00", "P5"))), "unexpected",
            f"{MORE}: sale of 5.00 USD in P2, sale of 6.00 USD in P3, sale of 7.00 USD in P4 and 1 more",
        ),
        (
            (SOLD, *sold(("5.00", "P2")), replace(UNNAMED, amount=D("6.00"), currency="EUR")), "unexpected",
            "for the sales channel to tell of the sale of 5.00 USD in P2, sale of 6.00 EUR in P4",
        ),
        (
            (replace(SOLD, ids=frozenset({"ch_9"}), received=False, failed=True),), "payout",
            "for a payout that has its charge of 100.00 USD",
        ),
    ],
)  # fmt: skip
def test_what_keeps_money_from_being_closed_is_said_with_the_payouts(
    lines: tuple[Line, ...], cause: str, told: str
) -> None:
    """One that is on its way, one that has failed, and those that have more, or less, than the sales channel tells."""
    (wait,), _ = settled(replace(SHIPPED, lines=lines), {"card": ClosingSettings(evidence="payout_line")})
    assert (wait.cause, wait.sentence) == (cause, f"{told} (card)")


def test_each_gateway_of_an_order_waits_for_its_own_money() -> None:
    """What has come of the one is no wait of the other; each names its own payouts as evidence."""
    other = replace(CHARGE, gateway="klarna", id="k_1", amount=D("50.00"))
    away = replace(SOLD, ids=frozenset({"k_1"}), amount=D("50.00"), payout="P9", received=False)
    order = replace(SHIPPED, tenders=(CHARGE, other), lines=(SOLD, away))
    by_lines = ClosingSettings(evidence="payout_line")
    found, evidence = settled(order, {"card": by_lines, "klarna": by_lines})
    assert [each.sentence for each in found] == ["for payout P9, which has its charge of 50.00 USD, to arrive (klarna)"]
    assert evidence == ("card: payout P1",)
    neither = replace(order, lines=(replace(SOLD, received=False),))
    assert [each.sentence for each in settled(neither, {"card": by_lines, "klarna": by_lines})[0]] == [
        "for payout P1, which has its charge of 100.00 USD, to arrive (card)",
        "for a payout that has its charge of 50.00 USD (klarna)",
    ]
    by_settlement = settled(replace(SHIPPED, lines=(SOLD, away)), {"card": ClosingSettings(evidence="settlement")})
    assert by_settlement == ((), ("card: settlement P1",))
    by_invoices = settled(replace(SHIPPED, due=D("1.00"), invoices_paid=True), {"card": by_lines})
    assert by_invoices == ((), ("card: payout P1", "1.00 USD by invoices that are paid in Fulfil"))


@pytest.mark.parametrize(
    ("tenders", "codes"),
    [
        ((CHARGE, replace(REFUND, gateway="")), {"card": 2}),
        ((CHARGE, replace(CHARGE, id="ch_2"), replace(REFUND, gateway="")), {"card": 3}),
        ((CHARGE, replace(CHARGE, gateway="gift"), replace(REFUND, gateway="")), {"card": 1, "gift": 1, "": 1}),
        ((CHARGE, replace(REFUND, gateway="gift"), replace(REFUND, gateway="")), {"card": 2, "gift": 1}),
        ((replace(CHARGE, gateway=""), CHARGE), {"card": 2}),
        ((replace(CHARGE, gateway=""),), {"": 1}),
        ((CHARGE, DISPUTE), {"card": 1}),
    ],
)
def test_money_of_no_named_gateway_is_of_the_one_through_which_the_order_was_paid(
    tenders: tuple[Moved, ...], codes: dict[str, int]
) -> None:
    """Of several nobody says which; where a refund went says nothing of that."""
    assert {code: len(moved) for code, moved in by_gateway(tenders).items()} == codes
    of = of_payouts(
        tenders, {"card": ClosingSettings(evidence="payout_line"), "gift": ClosingSettings(evidence="none")}
    )
    assert len(of) == sum(count for code, count in codes.items() if code != "gift")


def test_what_is_wrong_of_an_order_counts_before_what_it_only_waits_for() -> None:
    """Its goods are still to leave, and payouts have another amount: that is what it is listed by."""
    order = replace(SHIPPED, shipping="", lines=(replace(SOLD, ids=frozenset(), amount=D("120.00")),))
    found, _ = settled(order, {"card": ClosingSettings(evidence="payout_line")})
    assert ([each.cause for each in found], cause_of(found)) == (["shipping", "unexpected"], "unexpected")
    for wrong in ("refund", "dispute"):
        assert cause_of([Wait("shipping", ""), Wait("payout", ""), Wait(wrong, "")]) == wrong
    assert cause_of([Wait("shipping", ""), Wait("payout", "")]) == "shipping"


def test_too_much_in_payouts_is_said_while_the_charge_itself_is_on_its_way() -> None:
    """Both: what is wrong, and for which payout it waits."""
    lines = (replace(SOLD, received=False), *sold(("10.00", "P2"), ("10.00", "P3")))
    found, _ = settled(replace(SHIPPED, lines=lines), {"card": ClosingSettings(evidence="payout_line")})
    assert [(each.cause, each.sentence) for each in found] == [
        ("unexpected", f"{MORE}: sale of 10.00 USD in P2, sale of 10.00 USD in P3 (card)"),
        ("payout", "for payout P1, which has its charge of 100.00 USD, to arrive (card)"),
    ]


def test_payouts_of_one_gateway_are_no_difference_for_another() -> None:
    """An order that was paid by two of them has lines of both, with ids and without."""
    other = replace(CHARGE, gateway="wallet", id="w_1", amount=D("5.00"))
    lines = (SOLD, replace(SOLD, ids=frozenset({"w_1"}), amount=D("5.00"), payout="P9"))
    closing = {code: ClosingSettings(evidence="payout_line") for code in ("card", "wallet")}
    assert settled(replace(SHIPPED, tenders=(CHARGE, other), lines=lines), closing)[0] == ()
    same = replace(CHARGE, gateway="wallet", id="w_1")
    alike = replace(SHIPPED, tenders=(CHARGE, same), lines=sold(("100.00", "P1"), ("100.00", "P9")))
    assert settled(alike, closing)[0] == ()


def test_of_two_charges_the_one_is_named_whose_payout_has_failed() -> None:
    """The other is in no payout at all."""
    order = replace(SHIPPED, tenders=(CHARGE, replace(CHARGE, id="ch_2", amount=D("50.00"))))
    order = replace(order, lines=(replace(SOLD, received=False, failed=True),))
    (wait,), _ = settled(order, {"card": ClosingSettings(evidence="payout_line")})
    assert wait.sentence == (
        "for a payout that has its charge of 100.00 USD, charge of 50.00 USD: payout P1 had it, and has failed or was "
        "cancelled (card)"
    )


def test_a_dispute_takes_no_line_of_a_refund() -> None:
    """Of the same amount, and told before it: the refund's payout is on its way, the dispute's is not known."""
    refund, back = replace(REFUND, id=""), replace(BACK, ids=frozenset(), received=False)
    order = replace(SHIPPED, tenders=(CHARGE, replace(DISPUTE, amount=D("30.00")), refund), lines=(SOLD, back))
    found, _ = settled(order, {"card": ClosingSettings(evidence="payout_line")})
    assert [each.sentence for each in found] == [
        "for the payout that has its dispute", "for payout P2, which has its refund of 30.00 USD, to arrive (card)",
    ]  # fmt: skip


def test_what_waits_has_no_evidence_yet_and_what_has_names_its_payouts_in_order() -> None:
    """Of marketplaces what lacks is said in one order, too."""
    order = replace(SHIPPED, tenders=(CHARGE, REFUND), lines=())
    for evidence, told in (
        ("settlement", "for a settlement that has its refund and sale (card)"),
        ("receivable", "for its invoices to be paid in Fulfil (card)"),
    ):
        (wait,), by = settled(order, {"card": ClosingSettings(evidence=evidence)})  # type: ignore[arg-type]
        assert (wait.sentence, by) == (told, ())
    names = [f"P{number}" for number in range(9, 0, -1)]
    lines = sold(*((amount, name) for name, amount in zip(names, ["12.00", *["11.00"] * 8], strict=True)))
    found = settled(replace(SHIPPED, lines=lines), {"card": ClosingSettings(evidence="payout_line")})
    assert found == ((), (f"card: payout {', '.join(sorted(names))}",))


@pytest.mark.parametrize("evidence", ["payout_line", "bank_receipt", "settlement"])
def test_charges_and_refunds_of_payouts_are_told_in_the_currency_of_the_tender(evidence: EvidenceKind) -> None:
    """Whatever kind of payouts closes it; a fee or a dispute is what the provider took, in its own currency."""
    tender = replace(CHARGE, currency="GBP", amount=D("80.00"))
    shown = [replace(SOLD, kind=kind, presentment="80.00 GBP") for kind in ("sale", "fee", "dispute")]
    order = replace(SHIPPED, tenders=(tender,), lines=(*shown, SOLD))
    lines = in_told_currencies(order, {"card": ClosingSettings(evidence=evidence)}).lines
    assert [str(line.money) for line in lines] == ["80.00 GBP", "100.00 USD", "100.00 USD", "100.00 USD"]


def test_the_payout_of_one_gateway_does_not_settle_the_same_amount_of_another() -> None:
    """Whether its line names the charge or not; and the evidence of each names its own payouts alone."""
    closing = {code: ClosingSettings(evidence="payout_line") for code in ("card", "wallet")}
    order = replace(SHIPPED, tenders=(CHARGE, replace(CHARGE, gateway="wallet", id="w_1")))
    of_wallet = replace(SOLD, ids=frozenset({"w_1"}), payout="P9")
    for lines, waits_for, evidence in (
        ((of_wallet,), ["for a payout that has its charge of 100.00 USD (card)"], ("wallet: payout P9",)),
        (sold(("100.00", "P1")), ["for a payout that has its charge of 100.00 USD (wallet)"], ("card: payout P1",)),
        ((SOLD, of_wallet), [], ("card: payout P1", "wallet: payout P9")),
        ((of_wallet, *sold(("100.00", "P1"))), [], ("card: payout P1", "wallet: payout P9")),
    ):
        found, told = settled(replace(order, lines=lines), closing)
        assert ([each.sentence for each in found], told) == (waits_for, evidence)
    parts = sold(("60.00", "P1"), ("40.00", "P2"))
    found, told = settled(replace(order, lines=parts), closing)
    assert ([each.sentence for each in found], told) == (
        ["for a payout that has its charge of 100.00 USD (wallet)"], ("card: payout P1, P2",)
    )  # fmt: skip
    both = {"card: payout P1, P2", "wallet: payout P9"}
    for tenders in (order.tenders, order.tenders[::-1]):
        found, told = settled(replace(order, tenders=tenders, lines=(*parts, of_wallet)), closing)
        assert (found, set(told)) == ((), both), "what is the other's is nothing strange"
    gift = replace(order, tenders=(replace(CHARGE, gateway="gift", id=""), CHARGE), lines=sold(("100.00", "P1")))
    rules = {**closing, "gift": ClosingSettings(evidence="none")}
    assert settled(gift, rules) == ((), ("card: payout P1",))
    assert settled(replace(gift, lines=parts), rules) == ((), ("card: payout P1, P2",))


def test_a_charge_whose_ids_nobody_knows_waits_for_the_part_that_is_on_its_way() -> None:
    """Two payouts have all of it: nothing is missing and nothing is too much, whether one has arrived or both."""
    first, second = sold(("60.00", "P1"), ("40.00", "P2"))
    by_lines = {"card": ClosingSettings(evidence="payout_line")}
    for lines, told in (
        ((first, replace(second, received=False)), ["for payout P2, which has its charge of 100.00 USD, to arrive"]),
        (
            (replace(first, received=False), replace(second, received=False)),
            ["for payout P1, P2, which has its charge of 100.00 USD, to arrive"],
        ),
        ((first, second), []),
    ):
        found, _ = settled(replace(SHIPPED, lines=lines), by_lines)
        assert [each.sentence for each in found] == [f"{sentence} (card)" for sentence in told]
    assert waits(replace(SHIPPED, lines=(replace(first, bank=True), second)), "bank_receipt") == ["bank"]


def test_a_gateway_that_cannot_be_read_is_excluded_by_a_rule_that_everybody_sees() -> None:
    """The name of the rule is part of the evidence; without a name there is no exclusion."""
    closing = {"card": ClosingSettings(evidence="excluded", rule="no reports before 2027")}
    _, evidence = settled(replace(SHIPPED, lines=()), closing)
    assert evidence == ("card: excluded by the rule 'no reports before 2027'",)
    for broken in ({"evidence": "excluded"}, {"evidence": "none", "rule": "x"}):
        with pytest.raises(RuleBroken):
            ClosingSettings(**broken)  # type: ignore[arg-type]


def test_several_tenders_close_each_by_its_own_evidence() -> None:
    """A gift card needs none, the card its line; a refund that names no gateway belongs to the only one there is."""
    gift = Moved(gateway="gift_card", way="charge", amount=D("20.00"), currency="USD")
    closing = {"card": ClosingSettings(evidence="payout_line"), "gift_card": ClosingSettings(evidence="none")}
    both = replace(SHIPPED, tenders=(CHARGE, gift))
    assert settled(both, closing) == ((), ("card: payout P1",))
    unnamed = replace(SHIPPED, tenders=(CHARGE, replace(REFUND, gateway="")))
    assert [each.cause for each in settled(unnamed, closing)[0]] == ["payout"]


def config(closing: dict[str, ClosingSettings]) -> Config:
    sale = SaleSettings(channel_id=3, gateways={"Card": "card", "Voucher": "gift_card"})
    return Config(
        fulfil=None,  # type: ignore[arg-type]
        intake=IntakeSettings(keys=(Secret("intake-key-0123456789"),)),
        sales_channels={"web": SalesChannelSettings(format="shopify", sale=sale)},
        reconciliation=ReconciliationSettings(closing=closing),
    )


def test_every_gateway_is_declared_or_none_and_nothing_else() -> None:
    """What is missing and what is too much are problems of the configuration, each at its place."""
    by = ClosingSettings(evidence="payout_line")
    assert config({}) is not None
    assert config({"card": by, "gift_card": by}) is not None
    with pytest.raises(RuleBroken) as broken:
        config({"card": by, "paypall": by})
    assert broken.value.found == {
        ("reconciliation", "closing", "paypall"): "no sales channel has a gateway paypall",
        ("reconciliation", "closing"): "nothing says what closes orders paid by gift_card (of web); "
        "write [reconciliation.closing.gift_card]",
    }


def read(**changes: Any) -> Order:
    order = {
        "order_id": "1", "placed_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z", "currency": "USD",
        "taxes_included": False, "total": "100.00", "financial_status": "paid",
        "lines": [{"id": "1", "sku": "MUG", "quantity": "1", "unit_price": "100.00"}],
        "payments": [{"id": "ch_1", "gateway": "Card", "amount": "60.00"},
                     {"id": "g", "gateway": "Voucher", "amount": "40.00"}], **changes,
    }  # fmt: skip
    found = FORMATS["seamline"].read("web", msgspec.json.encode(order))
    assert isinstance(found, Order), found
    return found


def test_how_an_order_was_paid_is_kept_by_fulfils_gateways() -> None:
    """What is captured, what went back, and what nobody has captured yet."""
    settings = SaleSettings(channel_id=3, gateways={"Card": "card", "Voucher": "gift_card"})
    ((statement, row),) = [(each.statement, each.row) for each in closing_row(read(), settings, NOW)]
    assert (statement, row[:4]) == ("put_order_closing", ("web/1", "web", "USD", "0"))
    moved = msgspec.json.decode(row[4], type=list[Moved])
    assert [(each.gateway, each.way, each.amount, each.id) for each in moved] == [
        ("card", "charge", D("60.00"), "ch_1"), ("gift_card", "charge", D("40.00"), "g"),
    ]  # fmt: skip
    partly = read(financial_status="partially_paid", payments=[{"id": "c", "gateway": "Card", "amount": "60.00"}])
    ((_, row),) = [(each.statement, each.row) for each in closing_row(partly, settings, NOW)]
    assert D(row[3]) == D("40.00")


def test_the_last_fact_ends_the_story_and_says_by_what() -> None:
    """The order's trace is closed then; nothing else of its check changes."""
    decision = decide(SaleCheck(sale=7), OrderClosed(evidence=("card: payout P1",)), NOW)
    assert (decision.closes, decision.facts[0].kind, decision.facts[0].values["by"]) == (
        True, "settled", "card: payout P1",
    )  # fmt: skip
    assert decide(SaleCheck(), OrderClosed(evidence=()), NOW).facts[0].values["by"] == "nothing has to come"


def test_explain_says_what_an_order_waits_for_and_by_what_it_is_settled() -> None:
    """In words, after where it stands."""
    order = OrderRow(
        key="web/1", sales_channel="web", order_id="1", reference="#1", state="imported", proof="proven",
        amount="100.00", currency="USD", placed_at=NOW, sale=7, sale_number="SO7", changed_at=NOW,
    )  # fmt: skip
    found, _ = settled(replace(SHIPPED, lines=(), shipping=""), {"card": ClosingSettings(evidence="payout_line")})
    open_ = ClosingRow(waits=tuple(each.sentence for each in found), settled_at=None, evidence=())
    story = Story(order=order, key="web/1", cases=(), timeline=(), closing=open_)
    told = explain(story, NOW)
    wanted = "it waits for its goods to leave, and for a payout that has its charge of 100.00 USD (card)."
    assert f"Until it is settled {wanted}" in told
    done = ClosingRow(waits=(), settled_at=NOW, evidence=("card: payout P1",))
    told = explain(msgspec.structs.replace(story, closing=done), NOW)
    assert "It is settled since 2026-11-20 12:00:00Z, by card: payout P1." in told
