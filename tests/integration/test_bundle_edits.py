"""An edit of an order with a bundle, against the real sandbox: the sale is changed in its components."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import running
from tests.integration.test_after_the_sale import MEANS, SHOP, Shop, body, erp

pytestmark = pytest.mark.anyio

_RULE = """
[sales_channels.shop.bundles.SET]
components = { MUG = { quantity = 2, share = 60 }, LAMP = { share = 40 } }
"""


@MEANS
async def test_fewer_sets_are_fewer_of_each_component(tmp_path: Path, knows: dict[str, str]) -> None:
    """Three sets of 10.00 become two of 12.50, beside a pot; the total is proven, and nothing waits."""
    skus = ("MUG", "LAMP", "POT")
    async with running(tmp_path, skus=skus, erp=erp(), knows=knows, more=f"{SHOP}{_RULE}") as process:
        at = Shop(process)
        await at.sends(body(1, ("SET", "3", "10.00"), ("POT", "1", "5.00")))
        sale = await at.sale()
        assert (sale["total"], sale["lines"]) == ("42.00", {"MUG": 6, "LAMP": 3, "POT": 1})
        await at.sends(body(1, ("SET", "2", "12.50"), ("POT", "1", "5.00"), minute=1))
        sale = await at.sale()
        assert (sale["total"], sale["lines"]) == ("36.00", {"MUG": 4, "LAMP": 2, "POT": 1})
        assert await at.kinds() == []
