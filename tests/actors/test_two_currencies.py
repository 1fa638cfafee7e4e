"""Orders whose payouts are in another currency than their customers paid in: whoever is asked says the same of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
import pytest

from flows.model.closing import ClosingSettings, Moved
from flows.model.month import month_in
from flows.model.posting_matrix import PostingSettings
from flows.monthly.checks import Check
from flows.monthly.clearing import OTHER_AMOUNT, OTHER_CURRENCY
from flows.reading import reading
from flows.reading.clearing import clearing
from flows.reading.close import ClosePolicy as MonthPolicy
from flows.reading.close import close_items
from flows.reconciler import CLOSING, CLOSING_KEY, CloseOrders, ClosePolicy, Closing, SaleChecks
from flows.reconciler.comparing import Snapshot
from runtime.actor import Actor
from runtime.journal.journal import Journal
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story

KEY, PAYOUT, MONTH = "web/1", "payout/web/shopify_payments/77", month_in("2026-01")
RULES = {"card": ClosingSettings(evidence="payout_line"), "gift": ClosingSettings(evidence="none")}
POLICY = MonthPolicy(time_zone="UTC", sales_channels=("web",), reconciles=True, closing=RULES)
LINE = tuple[str, str, str]


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Closing(ClosePolicy(closing=RULES), journal, emit), SaleChecks(emit, unpaid_after=timedelta(hours=2))]


def charged(money: str, id_: str = "", way: Literal["charge", "refund"] = "charge", gateway: str = "card") -> Moved:
    """A tender, as the sales channel tells it."""
    amount, currency = money.split()
    return Moved(gateway=gateway, way=way, amount=Decimal(amount), currency=currency, id=id_)


async def paid_out(world: ProofWorld, lines: Sequence[LINE]) -> None:
    """A payout in USD that has arrived, with lines of the order: amount, what the customer paid, the provider's id."""
    now, net = world.clock.now(), str(sum(Decimal(amount) for amount, _, _ in lines))
    sums = (net, None, net, "0", "0", "0", "{}", 1, 0, "proven", "0", "2026-01-07", None, now, "one", 1)
    await world.write("put_payout", PAYOUT, "web", "shopify_payments", "77", "USD", "paid", 0, 1, *sums)
    for number, (amount, presentment, id_) in enumerate(lines):
        kind = "refund" if amount.startswith("-") else "sale"
        names = ("", "#1", id_, "", "", "", presentment, "", "mark")
        figures = ("USD", amount, "0", "0", "0", amount)
        at = "2026-01-05T00:00:00Z"
        await world.write("put_payout_line", PAYOUT, str(number), kind, *figures, kind, at, *names)
        await world.write("link_payout_line", KEY, PAYOUT, str(number))


async def looked_at(store: Path, tenders: Sequence[Moved], lines: Sequence[LINE]) -> tuple[list[str], list[Any]]:
    """What the order waits for after a look, and its open cases."""
    async with process(store, actors) as world:
        await world.order("1", world.now, amount="108.60")
        now = world.clock.now()
        await world.write("put_expected_sale", KEY, 7, "imported", "108.60", "USD", None, None, None, 0, now)
        await world.write("put_sale_seen", KEY, 7, msgspec.json.encode(Snapshot(state="done")), 0, now)
        told = msgspec.json.encode(tenders).decode()
        await world.write("put_order_closing", KEY, "web", "USD", "0", told, now)
        await paid_out(world, lines)
        await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
        await world.until_idle()
        ((waits, _, _),) = await world.journal.query("closing_of_order", KEY)
        return msgspec.json.decode(waits), await world.cases()


async def reported(store: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Of the month: what clearing finds open of the order, its closing balances, and the board's row of the order."""
    async with reading(store) as read:
        settings = PostingSettings(providers={"shopify_payments": "card"})
        report = await clearing(read, MONTH, POLICY.zone, RULES, settings)
        _, items = await close_items(read, MONTH, date(2026, 2, 2), POLICY, Check.PAID_OTHERWISE)
    balances, made_of, *_, open_items = report.sections
    told = [row[1:3] for row in made_of.rows if row[2] != "closing balance"]
    named = sorted((row[1], row[2], str(row[5])) for row in open_items.rows)
    assert sorted(told) == [row[:2] for row in named], "nothing is open that has no name"
    return named, [(row[1], str(row[-1])) for row in balances.rows], [(of.currency, str(of.amount)) for of in items]


SETTLED: list[str] = []
UNTOLD = "for the sales channel to tell of"
NO_RATE = "nobody says what the one is worth in the other"


@pytest.mark.parametrize(
    ("tenders", "lines", "waits", "off"),
    [
        ([charged("108.60 USD")], [("108.60", "100.00 EUR", "")], SETTLED, []),
        ([charged("108.60 USD", "ch_1")], [("108.60", "100.00 EUR", "ch_1")], SETTLED, []),
        ([charged("100.00 EUR")], [("108.60", "100.00 EUR", "")], SETTLED, []),
        ([charged("100.00 EUR", "ch_1")], [("108.60", "100.00 EUR", "ch_1")], SETTLED, []),
        ([charged("60.00 EUR"), charged("40.00 EUR")], [("108.60", "100.00 EUR", "")], SETTLED, []),
        (
            [charged("100.00 EUR"), charged("50.00 EUR", way="refund")],
            [("108.60", "100.00 EUR", ""), ("-54.80", "-50.00 EUR", "")],
            SETTLED, [],
        ),
        (
            [charged("100.00 EUR"), charged("54.30 USD", way="refund")],
            [("108.60", "100.00 EUR", ""), ("-54.30", "50.00 EUR", "")],
            SETTLED, [],
        ),
        (
            [charged("80.00 EUR"), charged("21.72 USD", gateway="gift")], [("86.88", "80.00 EUR", "")], SETTLED, [],
        ),
        (
            [charged("100.00 EUR")], [("128.60", "118.42 EUR", "")],
            [f"{UNTOLD} 18.42 EUR more that payouts have of it: sale of 118.42 EUR in 77 (card)"],
            [("EUR", OTHER_AMOUNT, "-18.42")],
        ),
        (
            [charged("108.60 USD")], [("128.60", "100.00 EUR", "")],
            [f"{UNTOLD} 20.00 USD more that payouts have of it: sale of 128.60 USD in 77 (card)"],
            [("USD", OTHER_AMOUNT, "-20.00")],
        ),
        (
            [charged("80.00 GBP")], [("108.60", "100.00 EUR", "")],
            [
                f"for somebody to compare its charge of 80.00 GBP with the sale of 108.60 USD in 77: {NO_RATE} (card)",
            ],
            [("GBP", OTHER_CURRENCY, "80.00"), ("USD", OTHER_CURRENCY, "-108.60")],
        ),
    ],
)  # fmt: skip
def test_settling_clearing_and_the_close_board_find_the_same_of_an_order(
    tmp_path: Path, tenders: list[Moved], lines: list[LINE], waits: list[str], off: list[tuple[str, str, str]]
) -> None:
    """In whichever of the line's two currencies its tender is; where it is in neither, all of them say so."""
    store = tmp_path / "s.db"
    assert story(lambda: looked_at(store, tenders, lines)) == (waits, [])
    found, closing, board = anyio.run(reported, store)
    assert found == off
    assert board == [(currency, amount.lstrip("-")) for currency, _, amount in off]
    balances = {currency: amount for currency, _, amount in off}
    assert closing == [(currency, balances.get(currency, "0.00")) for currency, _ in closing]
