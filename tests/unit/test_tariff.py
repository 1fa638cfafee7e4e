"""A fee is compared with what was agreed: to the smallest unit of the currency, within what finance allows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flows.model.payout import LineClass, PayoutHeader, PayoutLine
from flows.model.tariff import TariffSettings, fee_off
from flows.payout_importer import PayoutPage
from flows.payout_importer.decision import decide
from flows.payout_importer.messages import ChangesRead, Judge, Linked, PageMet, PayoutState

TARIFF = TariffSettings(percent=Decimal("2.9"), fixed=Decimal("0.30"))
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def sale(amount: str, fee: str, currency: str = "USD", kind: LineClass = LineClass.SALE, **more: str) -> PayoutLine:
    net = Decimal(amount) + Decimal(fee)
    return PayoutLine("s", "p", kind, currency, Decimal(amount), net, Decimal(fee), **more)


@pytest.mark.parametrize(
    ("line", "off"),
    [
        (sale("100.00", "-3.20"), "0"),
        (sale("100.00", "-3.21"), "0"),
        (sale("100.00", "-4.20"), "-1.00"),
        (sale("100.00", "-1.00"), "2.20"),
        (sale("100.00", "0"), "3.20"),
        (sale("-100.00", "0", kind=LineClass.REFUND), "0"),
        (sale("100.00", "-4.20", presentment="80.00 GBP"), "0"),
        (sale("1000", "-29", "JPY"), "0"),
        (sale("10.000", "-0.590", "KWD"), "0"),
        (sale("10.000", "-0.605", "KWD"), "-0.015"),
    ],
)
def test_by_how_much_a_fee_is_off(line: PayoutLine, off: str) -> None:
    """Negative when too much was taken. Refunds and converted sales have no agreed fee."""
    assert fee_off(line, TARIFF) == Decimal(off)


def test_without_a_tariff_nothing_is_off() -> None:
    """Nobody has said what was agreed."""
    assert fee_off(sale("100.00", "-99.00"), None) == 0


def judged(state: PayoutState) -> PayoutState:
    looked = Linked(
        asked=Judge(anyway=True), links=(), unlinked=0, amount=Decimal(0), conflicts=(), last="", complete=True
    )  # fmt: skip
    decided: PayoutState = decide(state, looked, NOW).state
    return decided


def test_a_wrong_fee_is_a_case_until_it_is_told_right() -> None:
    """With its amount; a later figure that a person accepts takes it away."""
    line, right = sale("100.00", "-4.20"), sale("100.00", "-3.20")
    page = PayoutPage(
        sales_channel="web", provider="stripe", header=PayoutHeader(id="p", currency="USD"), run="1", page=1, pages=1,
        lines=(line,),
    )  # fmt: skip
    state = decide(PayoutState(key="payout/web/stripe/p"), PageMet(page=page, known={}), NOW, TARIFF).state
    (case,) = judged(state).cases
    assert (case.kind, case.amount, "s by -1.00" in case.sentence) == ("payout.fee", Decimal("1.00"), True)
    assert "the fee of 1 sale is not the agreed one, by -1.00 USD: " in case.sentence
    accepted = decide(state, ChangesRead(before=(line,), after=(right,)), NOW, TARIFF).state
    assert judged(accepted).cases == ()
