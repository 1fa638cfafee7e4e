"""Products as Fulfil tells them, on their way into the index and into the journal."""

from __future__ import annotations

from datetime import datetime

from connectors.fulfil.wire import Product, ProductPage
from flows.model.skus import SkuIndex, folded
from runtime.clock import to_instant
from runtime.decision import Write


def learn(index: SkuIndex, page: ProductPage) -> None:
    """Take a page over into the index. Doing it again changes nothing."""
    for product in page.products:
        index.learn(product.code, product.id, active=can_be_sold(product))
    for id_ in page.uncoded:
        index.forget(id_)


def product_rows(page: ProductPage, now: datetime) -> tuple[Write, ...]:
    """The rows of a page."""
    return (*map(_row, page.products), *(gone(id_, now) for id_ in page.uncoded))


def gone(product: int, now: datetime) -> Write:
    """The row that says that a product is no longer there."""
    return Write("end_product", (to_instant(now), product))


def can_be_sold(product: Product) -> bool:
    """Whether the product can be on an order: active, and not declared unsellable."""
    return product.active and product.sellable is not False


def barcode_of(text: str) -> str | None:
    """A barcode as it is kept and looked for: without spaces and leading zeros. None when there is nothing left."""
    return folded(text).lstrip("0") or None


def _row(product: Product) -> Write:
    sellable = None if product.sellable is None else int(product.sellable)
    barcode = barcode_of(product.barcode) if product.barcode else None
    code = product.code
    price = None if product.list_price is None else str(product.list_price)
    cost = None if product.cost_price is None else str(product.cost_price)
    row = (product.id, code, folded(code), product.name or "", int(product.active), sellable, barcode, price, cost)
    return Write("put_product", row)
