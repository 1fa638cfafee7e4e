"""Orders, captures, refunds, payouts and deaths in any order, with answers that get lost: the ledger ends the same.

The real engine and journal, the actors of orders and of money together, and the books of the sandbox of Fulfil, which
book receipts and refunds themselves. The oracle is what the newest versions and the payouts say, added up.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Identified
from connectors.fulfil.sandbox.payments import post
from flows.config import SalesChannelSettings
from flows.formats import FORMATS
from flows.model.skus import SkuIndex
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import OrderImporter, Policy
from flows.payment_mapper import RECORDER, RECORDER_KEY, PaymentMapper, PaymentRecorder, RecordNow
from flows.payout_importer import PayoutPage
from runtime.actor import Actor
from runtime.delivery import Delivery, digest
from tests.actors.payout_world import living, pages
from tests.actors.posting_world import MATRIX, LedgerBooks, PostingWorld
from tests.actors.world import story
from tests.unit import payout_files as files
from tests.world_of_payments import RULES, SALE_SETTINGS

WRITES = ("create_order", "add_payments", "add_transactions", "make_ledger_move", "post_ledger_move")
A_WHILE_S = 40
FEE = Decimal("0.59")


class MoneyWorld(PostingWorld):
    """One process, with orders, payments and postings."""

    def actors(self) -> list[Actor]:
        """Those of orders beside those of payouts."""
        emit, catalogue = self.events.append, SkuIndex()
        catalogue.learn("MUG-BLUE", 1, active=True)
        catalogue.ready.set()
        web = {"web": SalesChannelSettings(format="seamline", sale=SALE_SETTINGS)}
        return [
            OrderImporter(web, catalogue, self.journal, emit, policy=Policy(tells_payments=True)),
            PaymentMapper({"web": RULES}, emit),
            PaymentRecorder(self.journal, emit, gather=timedelta(seconds=30)),
            *super().actors(),
        ]

    async def begin(self) -> None:
        """As the composition root."""
        await super().begin()
        await self.engine.post(RECORDER, RECORDER_KEY, RecordNow())

    async def deliver(self, body: bytes) -> None:
        """A version of an order, as intake would take it."""
        named = FORMATS["seamline"].identify(body)
        assert isinstance(named, Identified)
        delivery = Delivery(
            key=f"web/{named.order_id}", version=named.version, digest=digest(body), body=body,
            received_at=self.clock.now(),
        )  # fmt: skip
        await self.engine.accept([delivery], ORDER_IMPORTER)


@contextlib.asynccontextmanager
async def process(store: Path, books: LedgerBooks) -> AsyncIterator[MoneyWorld]:
    """A process over this store and these books; leaving it is a crash."""
    async with living(store, lambda journal, clock: MoneyWorld(journal, clock, books=books, settings=MATRIX)) as world:
        yield world


# -- what happens ------------------------------------------------------------------------------------------------------


def version(order_id: str, number: int, payments: list[dict[str, Any]], refunds: list[dict[str, Any]]) -> bytes:
    """What the sales channel says of an order of 10.00 then."""
    taken = sum(Decimal(each["amount"]) for each in payments if each["kind"] in ("sale", "capture"))
    status = "partially_refunded" if refunds else "paid" if taken == Decimal(10) else "authorised"
    moment = f"2025-12-19T08:00:{number:02}Z"
    return msgspec.json.encode({
        "order_id": order_id, "placed_at": "2025-12-19T08:00:00Z", "updated_at": moment, "currency": "USD",
        "taxes_included": False, "total": "10.00", "financial_status": status, "payments": payments,
        "lines": [{"id": "1", "sku": "MUG-BLUE", "quantity": "1", "unit_price": "10.00"}], "refunds": refunds,
        "customer": {"id": f"C{order_id}", "name": "Ada Moss", "email": f"{order_id}@example.com"},
        "shipping_address": {"name": "Ada Moss", "address1": "1 Elm Street", "city": "Austin", "zip": "78701",
                             "country_code": "US"},
    })  # fmt: skip


class Shop(msgspec.Struct, frozen=True):
    """Versions of two orders, and pages of payouts about them."""

    versions: tuple[bytes, ...]
    told: tuple[PayoutPage, ...]
    refunded: Decimal
    fees: Decimal
    bank: Decimal


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    """One order is authorised and captured, the other paid at once; some is given back; two payouts have it all."""
    captured = {"id": "C1", "gateway": "card", "amount": "10.00", "kind": "capture", "parent_id": "A1"}
    authorised = {"id": "A1", "gateway": "card", "amount": "10.00", "kind": "authorisation"}
    paid = {"id": "S2", "gateway": "card", "amount": "10.00", "kind": "sale"}
    versions = [version("1001", 1, [authorised], []), version("1001", 2, [authorised, captured], [])]
    versions.append(version("1002", 1, [paid], []))
    lines = {77: [("charge", "10.00", 1001), ("charge", "10.00", 1002)], 78: []}
    refunded = Decimal(0)
    for order_id, payments in (("1001", [authorised, captured]), ("1002", [paid])):
        refunds: list[dict[str, Any]] = []
        for number in range(draw(st.integers(0, 2))):
            refunds.append({"id": f"R{order_id}{number}", "amount": "2.00"})
            versions.append(version(order_id, 3 + number, payments, list(refunds)))
            lines[draw(st.sampled_from((77, 78)))].append(("refund", "-2.00", int(order_id)))
            refunded += 2
    fees = bank = Decimal(0)
    told: list[PayoutPage] = []
    for payout, of in lines.items():
        rows = [
            files.shopify_line(
                payout * 100 + place, kind, amount, str(FEE if kind == "charge" else 0),
                str(Decimal(amount) - (FEE if kind == "charge" else 0)), payout_id=payout, source_order_id=order,
                processed_at="2025-12-20T10:00:00Z",
            )
            for place, (kind, amount, order) in enumerate(of)
        ]  # fmt: skip
        net = sum((Decimal(row["net"]) for row in rows), Decimal(0))
        fees += sum((Decimal(row["fee"]) for row in rows), Decimal(0))
        bank += net
        header = {"id": payout, "status": "paid", "date": "2025-12-22", "currency": "USD", "amount": str(net)}
        told += pages(files.shopify(rows, header), run=f"run{payout}")
    return Shop(tuple(versions), tuple(told), refunded, fees, bank)


@given(
    shop=shops(),
    shuffle=st.randoms(use_true_random=False),
    fates=st.lists(st.sampled_from(("no", "no", "before", "after")), max_size=8),
    between=st.lists(st.sampled_from(("death", "posting", "fulfil posts", "time", "again")), max_size=6),
)
@settings(max_examples=20)
def test_in_whatever_order_money_is_told_of_the_ledger_is_the_same(
    shop: Shop, shuffle: Any, fates: list[str], between: list[str]
) -> None:
    """Each receipt, refund, fee and payout once, whatever was late, twice, lost or cut off; every move balances."""
    happens: list[Any] = [*shop.versions, *shop.told, *between]
    shuffle.shuffle(happens)
    _begun_before_given_back(happens)
    books = LedgerBooks(WRITES)
    books.lose.extend(fates)

    async def main(store: Path) -> None:
        await _lived(store, books, happens, shop)
        async with process(store, books) as world:
            books.lose.clear()
            await _settled(world, books, shop.versions)
            assert {kind for kind, _ in await world.cases()} <= {"refund.uncredited"}  # no goods came back

    with tempfile.TemporaryDirectory() as directory:
        story(lambda: main(Path(directory) / "store.db"))
    assert books.balances() == _expected(shop)
    receipts = Counter(text for text in books.descriptions() if text.startswith(("charge", "refund")))
    assert set(receipts.values()) <= {1}


def _begun_before_given_back(happens: list[Any]) -> None:
    """Of each order something else comes before a refund: one that was given money back for nobody knows what, before
    it is in Fulfil at all, is held for a person to settle.
    """
    for order_id in (b'"1001"', b'"1002"'):
        places = [place for place, each in enumerate(happens) if isinstance(each, bytes) and order_id in each]
        first, begun = places[0], next(place for place in places if b'"refunds":[]' in happens[place])
        happens[first], happens[begun] = happens[begun], happens[first]


async def _lived(store: Path, books: LedgerBooks, happens: Sequence[Any], shop: Shop) -> None:
    """Everything, in this order; a process ends at each death, whatever it is doing."""
    left = list(happens)
    while left:
        async with process(store, books) as world:
            while left:
                match left.pop(0):
                    case bytes() as body:
                        await world.deliver(body)
                    case PayoutPage() as page:
                        await world.post(page)
                    case "death":
                        break
                    case "posting":
                        await world.runs()
                    case "fulfil posts":
                        _fulfil_posts(books)
                    case "again":
                        await world.deliver(shop.versions[0])
                        await world.post(shop.told[0])
                    case _:
                        await anyio.sleep(A_WHILE_S)


async def _settled(world: MoneyWorld, books: LedgerBooks, versions: Sequence[bytes]) -> None:
    """All that was told is dealt with, Fulfil has booked its part, and all that is due is posted."""
    for body in versions:
        await world.deliver(body)
    await world.until_idle()
    await anyio.sleep(3_600)
    await world.until_idle()
    _fulfil_posts(books)
    await world.runs()


def _fulfil_posts(books: LedgerBooks) -> None:
    """Fulfil books receipts and refunds that are complete, as it does by itself."""
    assert books.erp is not None
    for row in books.erp.books.transactions:
        if row.state == "completed":
            post(books.erp.books, row)


def _expected(shop: Shop) -> dict[str, Decimal]:
    """By what the sales channel and the provider say in the end."""
    collected = Decimal(20) - shop.refunded
    found = {"1100": -collected, "1200": collected - shop.fees - shop.bank, "6100": shop.fees, "1000": shop.bank}
    return {account: amount for account, amount in found.items() if amount}
