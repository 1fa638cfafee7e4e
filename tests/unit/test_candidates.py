"""What may be meant by a SKU that Fulfil does not sell: nearest first, and never too much of it."""

from __future__ import annotations

import contextlib
import string
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.wire import Product, ProductPage
from flows.explain import explain_sku
from flows.model.candidates import Hints, candidates, one_error_away, told
from flows.model.products import barcode_of, gone, learn, product_rows
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from flows.reading.rows import AliasRow
from runtime.clock import SystemClock
from runtime.journal.journal import Journal, opened

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
_LETTERS = string.ascii_lowercase[:4] + "1-"
_WORDS = st.text(_LETTERS, min_size=3, max_size=7)


def product(id_: int, code: str, *, active: bool = True, barcode: str | None = None) -> Product:
    return Product(id=id_, code=code, name=f"Mug {id_}", active=active, barcode=barcode)


@contextlib.asynccontextmanager
async def stored(path: Path, *products: Product) -> AsyncIterator[tuple[SkuIndex, Journal]]:
    """A store and an index of these products."""
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        index, page = SkuIndex(), ProductPage(products=products, last_id=9, complete=True)
        learn(index, page)
        await journal.write([(write.statement, write.row) for write in product_rows(page, NOW)])
        yield index, journal
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("sku", "said"),
    [
        ("abc-1 ", "; 'ABC-1' differs only in case or spaces"),
        ("AB C-1", "; 'ABC-1' differs only in case or spaces"),
        ("ABC-1\u200b", "; 'ABC-1' differs only in case or spaces"),
        ("0036000291452", "; 'LAMP' has it as its barcode"),
        ("LAPM", "; 'LAMP' differs in one character"),
        ("LAMPS", "; 'LAMP' differs in one character"),
        ("LMP", "; 'LAMP' differs in one character"),
        ("LIMP", "; 'LAMP' differs in one character"),
        ("MARBLE", ""),
        ("ROD-0", ""),
        ("OLD", ": the product is there, but inactive"),
        ("old", ""),
        ("", ""),
    ],
)
async def test_a_case_says_what_may_be_meant(tmp_path: Path, sku: str, said: str) -> None:
    """By case, spaces, barcode and one typing error; nothing of a series whose members are all near."""
    rods = [product(10 + n, f"ROD-{n}") for n in range(1, 9)]
    goods = product(1, "ABC-1"), product(2, "LAMP", barcode="036000291452"), product(3, "OLD", active=False)
    async with stored(tmp_path, *goods, *rods) as (index, journal):
        assert await Hints(index, journal).of(sku) == said


async def test_what_was_worked_out_holds_until_the_catalogue_changes(tmp_path: Path) -> None:
    """A flood of orders of one unknown SKU costs one search; a new product costs another."""
    async with stored(tmp_path, product(1, "LAMP")) as (index, journal):
        hints = Hints(index, journal)
        assert await hints.of("LAMPS") == "; 'LAMP' differs in one character"
        await journal.write([("end_product", (1, 1))])
        assert await hints.of("LAMPS") == "; 'LAMP' differs in one character"
        index.forget(1)
        assert await hints.of("LAMPS") == ""
        index.rename({"LAMPS": "LAMP"})
        assert await hints.of("LAMPS") == "; it is an alias of 'LAMP', which Fulfil does not sell"


async def test_a_sku_is_explained_with_all_that_is_known(tmp_path: Path) -> None:
    """What it is, what it was, and what to do."""
    products = product(1, "LAMP"), product(2, "TWIN"), product(3, "TWIN"), product(4, "OLD", active=False)
    async with stored(tmp_path, *products, product(5, "WENT")) as (_, journal):
        row = gone(5, NOW)
        await journal.write([(row.statement, row.row)])
        alias = AliasRow(alias="lmp", sku="LAMP", decided_at=NOW, decided_by="mona", reason="typed")

        async def explained(text: str, alias: AliasRow | None = None) -> str:
            found, meant = [
                await candidates(each, journal.query, journal.query_list)
                for each in (text, "" if alias is None else alias.sku)
            ]
            return " ".join(explain_sku(text, found, alias, meant))

        assert await explained("LAMP") == "'LAMP' is in Fulfil: product 1 (Mug 1). Orders of it can be imported."
        assert "is the SKU of 2 active products" in await explained("TWIN")
        assert "product 4 (Mug 4), which is not active there" in await explained("OLD")
        assert "was gone from Fulfil on 2026-11-20" in await explained("WENT")
        assert await explained("lmp", alias) == (
            "'lmp' is an alias of 'LAMP', said mona on 2026-11-20 09:00:00Z: typed. "
            "That is product 1 (Mug 1). Orders of it are imported as 'LAMP'."
        )
        broken = await explained("lmp", msgspec.structs.replace(alias, sku="OLD"))
        assert "'OLD' is not sold in Fulfil: orders of either are held." in broken
        assert "seamline alias add lmp SKU --reason WHY" in broken
        assert "If 'LAMP' is meant: seamline alias add 'la mp' LAMP --reason WHY" in await explained("la mp")
        assert "Nothing in Fulfil is like it." in await explained("MARBLE")


@given(_WORDS, _WORDS)
def test_one_error_away_is_one_edit_away(one: str, other: str) -> None:
    """Against the plain definition: a character changed, missing or too many, or two neighbours swapped."""
    assert (other in one_error_away(one)) == _one_edit(one, other)
    assert (one in one_error_away(other)) == (other in one_error_away(one))


def _one_edit(one: str, other: str) -> bool:
    if len(one) == len(other):
        differing = [at for at in range(len(one)) if one[at] != other[at]]
        if len(differing) == 2:
            first, second = differing
            return second == first + 1 and one[first] == other[second] and one[second] == other[first]
        return len(differing) == 1
    short, long = sorted((one, other), key=len)
    return len(long) == len(short) + 1 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def test_a_search_is_bounded() -> None:
    """Texts that are very long cost nothing, and the longest that are looked for a few thousand keys."""
    assert one_error_away("x" * 41) == set()
    assert len(one_error_away(string.ascii_lowercase + "01234567890123")) < 4_500
    assert told(()) == ""


def test_barcodes_are_the_same_with_and_without_leading_zeros() -> None:
    """A UPC of twelve digits is an EAN that begins with 0."""
    assert barcode_of("036000291452") == barcode_of("0036000291452") == barcode_of(" 36000 291452")
    assert barcode_of("000") is None
