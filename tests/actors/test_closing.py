"""Orders settled in virtual time: what others have left on disk is looked at, and that one is settled is said once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from flows.events import OrdersClosed
from flows.model.closing import ClosingSettings, Moved
from flows.model.reconciliation import SALE_CHECKS, AcceptDifferences
from flows.payout_importer import NAME as PAYOUTS
from flows.payout_importer import PageReceived, PayoutImporter, payout_key
from flows.reconciler import CLOSING, CLOSING_KEY, CloseOrders, ClosePolicy, Closing, SaleChecks
from flows.reconciler.comparing import Difference, Snapshot
from flows.reconciler.sale_checks import SaleCompared
from runtime.actor import Actor
from runtime.clock import to_instant
from runtime.journal.journal import Journal
from tests.actors.payout_world import pages
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story
from tests.unit import payout_files as files

POLICY = ClosePolicy(
    closing={"card": ClosingSettings(evidence="payout_line")}, posts=True, again_after=timedelta(minutes=30)
)
KEY, PAYOUT = "web/1", "payout/web/shopify_payments/77"


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Closing(POLICY, journal, emit), SaleChecks(emit, unpaid_after=timedelta(hours=2))]


async def look(world: ProofWorld) -> tuple[list[str], bool]:
    """What the order waits for after a look, and whether it is settled."""
    await world.write("nudge_closing", world.clock.now(), KEY)
    await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
    await world.until_idle()
    ((waits, settled_at, _),) = await world.journal.query("closing_of_order", KEY)
    return msgspec.json.decode(waits), settled_at is not None


async def imported(world: ProofWorld) -> None:
    """The order, as it is to be in Fulfil."""
    await world.order("1", world.now, amount="36.00")
    now = world.clock.now()
    await world.write("put_expected_sale", KEY, 7, "imported", "36.00", "USD", None, None, None, 0, now)


async def compared(world: ProofWorld) -> None:
    """Its sale, read back from Fulfil as it is to be."""
    done = msgspec.json.encode(Snapshot(state="done"))
    await world.write("put_sale_seen", KEY, 7, done, 0, world.clock.now())


async def told(world: ProofWorld, payout: str, amount: str, status: str = "paid", bank: str | None = None) -> str:
    """What is told of a payout itself."""
    key, now = f"payout/web/shopify_payments/{payout}", world.clock.now()
    sums = (amount, bank, amount, "0", "0", "0", "{}", 1, 0, "proven", "0", "2026-01-07", None, now, "one", 1)
    received = int(status == "paid")
    await world.write("put_payout", key, "web", "shopify_payments", payout, "USD", status, 0, received, *sums)
    return key


async def arrived(world: ProofWorld, payout: str, kind: str, amount: str, payment: str, refund: str = "") -> None:
    """A payout that has arrived, with one line of the order."""
    key = await told(world, payout, amount)
    names = ("1001", "#1", payment, "", refund, "", "", "", "mark")
    money = ("USD", amount, "0", "0", "0", amount)
    await world.write("put_payout_line", key, "1", kind, *money, "charge", "2026-01-05T00:00:00Z", *names)
    await world.write("link_payout_line", KEY, key, "1")


async def paid_out(world: ProofWorld) -> None:
    """The payout of its charge, of which something is to be posted."""
    now = world.clock.now()
    await arrived(world, "77", "sale", "36.00", "ch_1")
    due = ("web", "card", "77", "fee", "USD", "1.00", "2026-01-07", 0, now, "")
    await world.write("put_posting", PAYOUT, 1, *due)


def test_an_order_is_looked_at_again_once_its_postings_are_made(tmp_path: Path) -> None:
    """Not only hours later; an order of another batch waits on."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            now = world.clock.now()
            await imported(world)
            await world.write("put_order_closing", KEY, "web", "USD", "0", "[]", now)
            await paid_out(world)
            await world.write("take_posting", "B1", "2026-01-07", PAYOUT, 1)
            later = now + 3_600_000_000
            for batch, due in (("B2", 0), ("B1", 1)):
                await world.write("note_closing", later, "[]", "posting", None, "[]", KEY)
                await world.write("nudge_posted", now, batch)
                assert len(await world.journal.query("closings_due", now, 10)) == due

    story(main)


def test_an_order_that_was_paid_into_an_account_is_settled_by_its_statement(tmp_path: Path) -> None:
    """As of PayPal: what is a line of it has arrived, and no payout is to come for it."""
    statement = files.paypal([files.paypal_line("A1", "T0006", "36.00", "-1.00", "35.00")])

    def with_payouts(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [*actors(journal, emit), PayoutImporter(journal, emit)]

    async def main() -> None:
        async with process(tmp_path / "s.db", with_payouts) as world:
            await imported(world)
            await compared(world)
            await world.write("put_order_tender", "web", "A1", KEY, "capture", "36.00", "USD")
            moved = [Moved(gateway="card", way="charge", amount="36.00", currency="USD", id="A1")]  # type: ignore[arg-type]
            tenders = msgspec.json.encode(moved).decode()
            await world.write("put_order_closing", KEY, "web", "USD", "0", tenders, world.clock.now())
            assert (await look(world))[1] is False
            for page in pages(statement, format_="paypal"):
                key = payout_key(page.sales_channel, page.provider, page.header.id)
                await world.engine.post(PAYOUTS, key, PageReceived(page=page))
            await world.until_idle()
            assert await look(world) == ([], True)

    story(main)


def test_a_gateway_that_is_mapped_after_the_import_is_the_orders_from_then_on(tmp_path: Path) -> None:
    """Nobody has to send the order again; what is told of it and of its clearing is by the gateway's own name."""

    def mapping(gateways: dict[str, dict[str, str]]) -> Callable[[Journal, Callable[[Any], None]], Sequence[Actor]]:
        return lambda journal, emit: [
            Closing(replace(POLICY, gateways=gateways), journal, emit),
            *actors(journal, emit)[1:],
        ]

    async def main() -> None:
        async with process(tmp_path / "s.db", mapping({"web": {}})) as world:
            await imported(world)
            await compared(world)
            moved = Moved(gateway="", way="charge", amount=Decimal(36), currency="USD", id="ch_1", named="Card")
            tenders = msgspec.json.encode([moved]).decode()
            await world.write("put_order_closing", KEY, "web", "USD", "0", tenders, world.clock.now())
            assert await look(world) == (
                ["for a payout that has its charge of 36 USD (a gateway that nobody names)"], False
            )  # fmt: skip
        async with process(tmp_path / "s.db", mapping({"web": {"Card": "card"}})) as world:
            await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
            await world.until_idle()
            ((waits, _, _),) = await world.journal.query("closing_of_order", KEY)
            assert msgspec.json.decode(waits) == ["for a payout that has its charge of 36 USD (card)"]
            ((_, _, tenders),) = await world.journal.query("report_orders", "", 9)
            assert msgspec.json.decode(tenders, type=list[Moved]) == [replace(moved, gateway="card", named=None)]

    story(main)


def test_an_order_is_settled_once_whatever_comes_last_and_whenever_the_process_dies(tmp_path: Path) -> None:
    """Payout, posting, read of the sale: as long as one is open it waits for that; a restart says nothing again."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            now = world.clock.now()
            await imported(world)
            moved = [Moved(gateway="card", way="charge", amount="36.00", currency="USD", id="ch_1")]  # type: ignore[arg-type]
            tenders = msgspec.json.encode(moved).decode()
            await world.write("put_order_closing", KEY, "web", "USD", "0", tenders, now)
            waits, settled = await look(world)
            assert (len(waits), settled) == (2, False)
            await compared(world)
            assert await look(world) == (["for a payout that has its charge of 36.00 USD (card)"], False)
            await paid_out(world)
            assert await look(world) == (["for the postings of its payouts to be in the ledger"], False)
            await world.write("take_posting", "B1", "2026-01-07", PAYOUT, 1)
            assert (await look(world))[1] is False, "its batch is being made"
            batch = ("web", "USD", "2026-01-07", "MISC", "posted", "1.00", "[]", "d", 1, None, now, now, "")
            await world.write("put_posting_batch", "B1", *batch)
            assert await look(world) == ([], True)
        async with process(tmp_path / "s.db", actors) as world:
            assert await look(world) == ([], True)
            facts = await world.sql("SELECT kind FROM fact WHERE kind = 'settled'")
            assert facts == [("settled",)]
            news = [Moved(gateway="card", way="refund", amount="6.00", currency="USD", id="re_1")]  # type: ignore[arg-type]
            again = msgspec.json.encode(news).decode()
            await world.write("put_order_closing", KEY, "web", "USD", "0", again, world.clock.now())
            assert (await look(world))[1] is False, "more money has moved"

    story(main)


async def moved(world: ProofWorld, *tenders: Moved) -> None:
    """The sales channel tells how the order was paid."""
    said = msgspec.json.encode(tenders).decode()
    await world.write("put_order_closing", KEY, "web", "USD", "0", said, world.clock.now())


async def look_at_all(world: ProofWorld) -> bool:
    """Look at every order that is due, those that a payout has told of among them; whether ours is settled."""
    await anyio.sleep(60)
    await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
    await world.until_idle()
    ((_, settled_at, _),) = await world.journal.query("closing_of_order", KEY)
    return settled_at is not None


async def settled(world: ProofWorld) -> None:
    """The order, with a payout that has its charge, when all is looked at."""
    await imported(world)
    await compared(world)
    await moved(world, CHARGE)
    await arrived(world, "77", "sale", "36.00", "ch_1")
    assert await look_at_all(world) is True


CHARGE = Moved(gateway="card", way="charge", amount=Decimal("36.00"), currency="USD", id="ch_1")
REFUND = Moved(gateway="card", way="refund", amount=Decimal("6.00"), currency="USD", id="re_1")


def test_a_refund_that_one_side_alone_has_is_found_whichever_side_and_whenever(tmp_path: Path) -> None:
    """By a payout after the order was settled; by the sales channel, when no payout has it in time."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await settled(world)
            await arrived(world, "78", "refund", "-6.00", "ch_1", "re_1")
            assert await look_at_all(world) is False
            assert await world.cases() == [("refund.untold", KEY, "refund in 78 of 6.00 USD", "6.00")]
            await moved(world, CHARGE, REFUND)
            await look_at_all(world)
            await anyio.sleep(1_800)
            assert (await look_at_all(world), await world.cases()) == (True, [])

            await moved(world, CHARGE, REFUND, replace(REFUND, amount=Decimal("2.00"), id="re_2"))
            assert (await look_at_all(world), await world.cases()) == (False, [])
            await anyio.sleep(3 * 3_600)
            assert await look_at_all(world) is False
            assert await world.cases() == [("refund.unpaid", KEY, "refund re_2", "2.00")]
            said = AcceptDifferences(subject=KEY, by="ada", reason="paid from the till")
            await world.engine.post(SALE_CHECKS, KEY, said)
            await anyio.sleep(1_800)
            assert (await look_at_all(world), await world.cases()) == (True, [])

    story(main)


def test_a_dispute_that_only_a_payout_tells_of_opens_its_order_until_it_is_decided(tmp_path: Path) -> None:
    """By a reversal; by a person; or the sales channel tells of it, and then it is the case of its payments."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await settled(world)
            await anyio.sleep(86_400)
            await arrived(world, "78", "dispute", "-36.00", "ch_1")
            assert await look_at_all(world) is False
            open_ = [("dispute.untold", KEY, "dispute in 78 of 36.00 USD", "36.00")]
            assert await world.cases() == open_
            happened = to_instant(datetime(2026, 1, 5, tzinfo=UTC))
            assert await world.sql("SELECT happened_at FROM exception_case WHERE closed_at IS NULL") == [(happened,)]
            waits, _ = await look(world)
            assert waits[-1] == "for the dispute of 36.00 USD in 78 to be decided"
            assert await world.sql("SELECT cause FROM order_closing") == [("dispute",)]
            await arrived(world, "79", "dispute_reversal", "36.00", "ch_1")
            await look_at_all(world)
            assert ((await look(world))[1], await world.cases()) == (True, [])

            await anyio.sleep(86_400)
            await arrived(world, "80", "dispute", "-9.00", "ch_1")
            assert (await look_at_all(world), len(await world.cases())) == (False, 1)
            said = AcceptDifferences(subject=KEY, by="ada", reason="lost")
            await world.engine.post(SALE_CHECKS, KEY, said)
            assert ((await look(world))[1], await world.cases()) == (True, [])

            await arrived(world, "81", "dispute", "-5.00", "ch_1")
            assert (await look_at_all(world), len(await world.cases())) == (False, 1)
            told_of = Moved(gateway="card", way="dispute", amount=Decimal("5.00"), currency="USD", id="dp_3")
            await moved(world, CHARGE, told_of)
            await look_at_all(world)
            assert ((await look(world))[1], await world.cases()) == (True, [])

    story(main)


def test_an_order_whose_payout_fails_after_it_was_settled_is_open_again(tmp_path: Path) -> None:
    """With the next look, also after a restart; its timeline says so, and that it is settled, and open, once more."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await settled(world)
            assert await look_at_all(world) is True, "nothing is news"
            await anyio.sleep(86_400)
            await told(world, "77", "36.00", "failed")
        async with process(tmp_path / "s.db", actors) as world:
            assert await look_at_all(world) is False
            ((waits, _, _),) = await world.journal.query("closing_of_order", KEY)
            assert "payout 77 had it, and has failed" in waits
            assert await world.sql("SELECT watched FROM sale_seen") == [(1,)]
            await arrived(world, "78", "sale", "36.00", "ch_1")
            assert await look_at_all(world) is True
            facts = [kind for (kind,) in await world.sql("SELECT kind FROM fact ORDER BY id") if kind != "sale_agrees"]
            assert facts == ["settled", "reopened", "settled"]
            key = "payout/web/shopify_payments/78"
            await world.write("nudge_taken_back", world.clock.now(), key)
            await world.write("drop_payout_lines", key)
            await world.write("drop_payout", key)
            assert await look_at_all(world) is False, "and when it is taken back"

    story(main)


def test_an_order_whose_payout_failed_is_settled_by_the_one_that_paid_it_again(tmp_path: Path) -> None:
    """Once that has arrived, and as long as it has: both are named, and a third may pay again what it did not."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            now = world.clock.now()
            await imported(world)
            moved = [Moved(gateway="card", way="charge", amount="36.00", currency="USD", id="ch_1")]  # type: ignore[arg-type]
            await world.write("put_order_closing", KEY, "web", "USD", "0", msgspec.json.encode(moved).decode(), now)
            await compared(world)
            await arrived(world, "77", "sale", "36.00", "ch_1")
            await told(world, "77", "36.00", "failed")
            why = "payout 77 had it, and has failed or was cancelled"
            lost = f"for a payout that has its charge of 36.00 USD: {why} (card)"
            assert await look(world) == ([lost], False)
            await gives_back(world, "78", "36.00", "in_transit")
            again = "77 (failed, paid again by 78)"
            assert await look(world) == (
                [f"for payout {again}, which has its charge of 36.00 USD, to arrive (card)"],
                False,
            )
            await told(world, "78", "36.00")
            assert await look(world) == ([], True)
            ((_, _, evidence),) = await world.journal.query("closing_of_order", KEY)
            assert msgspec.json.decode(evidence) == [f"card: payout {again}"]
            await told(world, "78", "36.00", "failed")
            await begun(world)
            ((waits, settled_at, _),) = await world.journal.query("closing_of_order", KEY)
            assert (msgspec.json.decode(waits), settled_at) == ([lost], None), "it is open again"
            await gives_back(world, "79", "36.00", "paid")
            await begun(world)
            ((waits, _, evidence),) = await world.journal.query("closing_of_order", KEY)
            assert (waits, msgspec.json.decode(evidence)) == ("[]", ["card: payout 77 (failed, paid again by 79)"])

    story(main)


async def another(world: ProofWorld, key: str, *tenders: Moved, due: str = "0") -> None:
    """Another order, in Fulfil as it is to be."""
    sales_channel, _, order_id = key.partition("/")
    now = world.clock.now()
    await world.order(order_id, world.now, sales_channel=sales_channel, amount="36.00")
    await world.write("put_expected_sale", key, 8, "imported", "36.00", "USD", None, None, None, 0, now)
    await world.write("put_sale_seen", key, 8, msgspec.json.encode(Snapshot(state="done")), 0, now)
    said = msgspec.json.encode(tenders).decode()
    await world.write("put_order_closing", key, sales_channel, "USD", due, said, now)


async def settled_at(world: ProofWorld) -> dict[str, int]:
    """Since when each order is settled."""
    rows = await world.sql("SELECT key, settled_at FROM order_closing WHERE settled_at IS NOT NULL")
    return dict(rows)


def test_every_order_that_is_due_is_looked_at_and_each_that_is_settled_is_counted_once(tmp_path: Path) -> None:
    """Hundreds at a time; one that waits keeps no other from being settled, and is looked at again later."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await another(world, "web/0", due="1.00")
            for number in range(1, 202):
                await another(world, f"web/{number}")
            await another(world, "shop/1")
            await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
            await world.until_idle()
            first = await settled_at(world)
            assert len(first) == 202
            assert "web/0" not in first
            counted: dict[str, int] = {}
            for each in world.events:
                if isinstance(each, OrdersClosed):
                    counted[each.sales_channel] = counted.get(each.sales_channel, 0) + each.orders
            assert counted == {"web": 201, "shop": 1}
            assert await world.sql("SELECT count(*) FROM sale_seen WHERE watched") == [(1,)]
            now = world.clock.now()
            assert await world.journal.query("closings_due", now, 10) == []
            half_an_hour = to_instant(world.now + timedelta(minutes=30))
            assert [row[0] for row in await world.journal.query("closings_due", half_an_hour, 10)] == ["web/0"]

    story(main)


def test_an_order_that_is_looked_at_again_is_settled_since_it_was(tmp_path: Path) -> None:
    """A payout has told its line once more: nothing is counted, and nothing said."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await settled(world)
            since = await settled_at(world)
            await anyio.sleep(86_400)
            await told(world, "77", "36.00", "paid", bank="36.00")
            world.events.clear()
            assert await look_at_all(world) is True
            assert await settled_at(world) == since
            assert [each for each in world.events if isinstance(each, OrdersClosed) and each.orders] == []

    story(main)


def test_a_cancelled_order_waits_for_no_goods_and_no_money(tmp_path: Path) -> None:
    """As soon as its sale was read back; another one waits for both."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await imported(world)
            await world.write("put_order_closing", KEY, "web", "USD", "36.00", "[]", world.clock.now())
            live = msgspec.json.encode(Snapshot(state="processing"))
            await world.write("put_sale_seen", KEY, 7, live, 0, world.clock.now())
            assert await look(world) == (
                ["for its sale to be done in Fulfil", "for 36.00 USD that are not captured"], False
            )  # fmt: skip
            assert await world.sql("SELECT kind FROM fact") == [], "it was not settled, so it is not open again"
            now = world.clock.now()
            await world.write("put_expected_sale", KEY, 7, "cancelled", "36.00", "USD", None, None, None, 0, now)
            assert await look(world) == ([], True)

    story(main)


def test_where_shipments_are_watched_they_say_when_the_goods_have_left(tmp_path: Path) -> None:
    """Whatever state the sale is in, or if Fulfil tells none; elsewhere the sale has to be done."""
    watched = replace(POLICY, watched=frozenset({"web"}), posts=False)

    def watching(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [Closing(watched, journal, emit), *actors(journal, emit)[1:]]

    async def main() -> None:
        async with process(tmp_path / "s.db", watching) as world:
            await imported(world)
            await moved(world, CHARGE)
            await paid_out(world)
            await world.write("put_sale_seen", KEY, 7, msgspec.json.encode(Snapshot()), 0, world.clock.now())
            assert await look(world) == (["for its goods to leave"], False)
            await world.write("put_order_shipping", KEY, "web", "told", "1", "1", world.clock.now())
            assert await look(world) == ([], True), "and where nothing is posted, no posting is waited for"
        async with process(tmp_path / "s.db", actors) as world:
            waits, settled = await look(world)
            assert (waits[0], settled) == ("for its sale to be done in Fulfil", False)

    story(main)


def test_what_a_payout_has_told_while_nobody_looked_is_found_after_the_restart(tmp_path: Path) -> None:
    """However long it was away: since the look before, and not only of the last hour."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await settled(world)
        async with process(tmp_path / "s.db", lambda _journal, _emit: []) as world:
            await anyio.sleep(86_400)
            await told(world, "77", "36.00", "failed")
            await anyio.sleep(3 * 3_600)
        async with process(tmp_path / "s.db", actors) as world:
            assert await look_at_all(world) is False

    story(main)


def test_a_case_of_a_refund_ends_beside_another_case_of_its_order(tmp_path: Path) -> None:
    """The other is the sale's own, and stays."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await imported(world)
            await compared(world)
            await moved(world, CHARGE)
            await arrived(world, "77", "sale", "36.00", "ch_1")
            await arrived(world, "78", "refund", "-6.00", "ch_1", "re_1")
            total = Difference(cause="total", sentence="x", amount=Decimal(1), currency="USD", was="36", is_="35")
            await world.engine.post(SALE_CHECKS, KEY, SaleCompared(sale=7, differences=(total,)))
            await look(world)
            assert [kind for kind, *_ in await world.cases()] == ["refund.untold", "sale.differs"]
            await moved(world, CHARGE, REFUND)
            await look(world)
            assert [kind for kind, *_ in await world.cases()] == ["sale.differs"]
            assert (await look(world))[0] == ["for its open cases to end (sale.differs)"]

    story(main)


def test_of_what_was_paid_again_the_bank_is_to_tell_too_where_it_is_asked(tmp_path: Path) -> None:
    """By its line of the payout that paid it again; also where another order's payout did not fail."""
    by_bank = replace(POLICY, closing={"card": ClosingSettings(evidence="bank_receipt")})

    def banking(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [Closing(by_bank, journal, emit), *actors(journal, emit)[1:]]

    async def main() -> None:
        async with process(tmp_path / "s.db", banking) as world:
            await imported(world)
            await compared(world)
            await moved(world, CHARGE)
            await arrived(world, "77", "sale", "36.00", "ch_1")
            assert await look(world) == (["for the bank's line of payout 77 (card)"], False)
            await another(world, "web/2", replace(CHARGE, id="ch_2"))
            await arrived(world, "76", "sale", "36.00", "ch_2")
            await world.write("link_payout_line", "web/2", "payout/web/shopify_payments/76", "1")
            await told(world, "77", "36.00", "failed")
            await gives_back(world, "78", "36.00", "paid")
            again = "77 (failed, paid again by 78)"
            await world.write("nudge_closing", world.clock.now(), "web/2")
            assert await look(world) == ([f"for the bank's line of payout {again} (card)"], False)
            await told(world, "78", "36.00", bank="36.00")
            assert await look(world) == ([], True)

    story(main)


async def gives_back(world: ProofWorld, payout: str, amount: str, status: str) -> None:
    """A payout with a line that gives another one back."""
    key = await told(world, payout, amount, status)
    money = ("USD", amount, "0", "0", "0", amount)
    await world.write(
        "put_payout_line",
        key,
        "9",
        "payout_returned",
        *money,
        "payout_failure",
        f"2026-01-0{payout[-1]}T00:00:00Z",
        *[""] * 8,
        "m",
    )


async def begun(world: ProofWorld) -> None:
    """A look at what payouts have told of, and at nothing else."""
    await world.engine.post(CLOSING, CLOSING_KEY, CloseOrders())
    await world.until_idle()
