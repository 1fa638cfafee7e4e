"""Every order that others have published, with what has to become of it: one reviewed table for all formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.published import DATA, needs
from tests.unit import test_published_bigcommerce_amazon as others
from tests.unit import test_published_magento_orders as magento
from tests.unit import test_published_orders as shopify
from tests.unit import test_published_woocommerce as woocommerce
from tests.unit.published_outcomes import outcome

pytestmark = needs()
TABLE = Path(__file__).with_name("published_outcomes.txt").read_text(encoding="utf-8")


def published(folder: Path) -> Iterator[tuple[str, str, int, bytes]]:
    """Every published order: (format, file, place in the file, its bytes), as the tables of the formats name them."""
    for file, index in shopify.TABLE:
        yield "shopify", file, index, shopify.items(file)[index]
    for file, index in (*woocommerce.TABLE, *woocommerce.UNREADABLE):
        yield "woocommerce", file, index, woocommerce.items(file)[index]
    for file, index in others.TABLE:
        yield "amazon" if file.startswith("amazon-sp/") else "bigcommerce", file, index, others.items(file)[index]
    for file in magento.TABLE:
        yield "magento1", f"magento1-fulfil/{file}", 0, (folder / "magento1-fulfil" / file).read_bytes()


def test_every_published_order_becomes_what_was_reviewed() -> None:
    """Imported with these figures, or waiting, excluded, cancelled or held for this reason: to the last digit."""
    found = [f"{file}#{place}\t{outcome(format_, raw)}" for format_, file, place, raw in published(DATA)]
    assert sorted(found) == sorted(TABLE.splitlines())
