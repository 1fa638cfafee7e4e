"""The calls an import lives by: the create of a sale, the search for the sales of orders, and the pages of products.

create_order      body of `wire.encode_create_order`   -> CreatedSale       keyed by channel + channel_identifier
find_sale         a `wire.FindSales`                   -> (SaleFound, ...)
search_products   a `wire.ProductPageRequest`          -> ProductPage
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Ask, Read, Sought, Spoken, Write, search_read
from connectors.fulfil.changes import changed_since
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.wire import (
    PRODUCT_FIELDS,
    SALE_FIELDS,
    CreatedSale,
    CreateOrder,
    FindSales,
    ProductNames,
    ProductPage,
    ProductPageRequest,
    SaleFound,
    decode_created_sale,
    decode_product_page,
    decode_sales,
    encode_create_order,
    key_of_create,
)
from connectors.http import Answer
from runtime.decision import Repeat
from runtime.errors import Unavailable


def create_order(channel_id: int, order: CreateOrder) -> Ask[CreatedSale]:
    """The create of a sale, as bytes to be written down. Raises ValueError for a figure that is not finite."""
    return CREATE_ORDER.ask(encode_create_order(channel_id, order))


# -- the sales of orders -----------------------------------------------------------------------------------------------


def _speak_sales(asked: FindSales, tenant: Tenant) -> Spoken:
    identifiers = asked.channel_identifiers
    single = len(identifiers) == 1
    which = ("channel_identifier", "=", identifiers[0]) if single else ("channel_identifier", "in", identifiers)
    domain = (("channel", "=", asked.channel), which)
    return search_read(tenant.model("sale.sale"), domain, SALE_FIELDS, len(identifiers), {})


def _decode_sales(answer: Answer, asked: FindSales, _tenant: Tenant) -> tuple[SaleFound, ...]:
    """A sale answers for an order only when it names it: an answer to another question proves nothing."""
    sales = decode_sales(answer.body)
    if not {sale.channel_identifier for sale in sales}.issubset(asked.channel_identifiers):
        raise Unavailable("Fulfil answered a search for sales with others than were asked for, which answers nothing")
    return sales


FIND_SALE: Final[Read[FindSales, tuple[SaleFound, ...]]] = Read(
    kind="find_sale", question=FindSales, speak=_speak_sales, decode=_decode_sales
)


# -- the create --------------------------------------------------------------------------------------------------------


def _decode_created(answer: Answer, body: bytes) -> CreatedSale:
    """A sale that names another order answers nothing: whether this one was made is still to be found out."""
    sale = decode_created_sale(answer.body)
    if sale.channel_identifier is not None and sale.channel_identifier != key_of_create(body)[1]:
        raise msgspec.DecodeError("a create was answered with the sale of another order")
    return sale


def _sought_sale(body: bytes) -> Sought[FindSales, tuple[SaleFound, ...]]:
    channel_id, identifier = key_of_create(body)
    return Sought(FIND_SALE, FindSales(channel=channel_id, channel_identifiers=(identifier,)))


def _sale_made(_body: bytes, found: tuple[SaleFound, ...]) -> CreatedSale | None:
    if not found:
        return None
    sale = found[0]
    return CreatedSale(
        id=sale.id,
        number=sale.number,
        state=sale.state,
        total=sale.total_amount,
        channel_identifier=sale.channel_identifier,
    )


CREATE_ORDER: Final[Write[CreatedSale]] = Write(
    kind="create_order",
    path="model/sale.channel/create_order",
    repeat=Repeat.KEYED,
    decode=_decode_created,
    sought=_sought_sale,
    verdict=_sale_made,
)


# -- products ----------------------------------------------------------------------------------------------------------


def _barcode_field(tenant: Tenant) -> str:
    """Where this tenant keeps barcodes. Read only when it is named: `upc` is field evidence, and a name that the tenant
    does not know makes it refuse the whole read.
    """
    return tenant.field("product.product", "upc", otherwise="")


def _price_field(tenant: Tenant) -> str:
    """Where this tenant keeps list prices. Read only when it is named: few need them, and see above."""
    return tenant.field("product.product", "list_price", otherwise="")


def _cost_field(tenant: Tenant) -> str:
    """Where this tenant keeps what a product costs. Read only when it is named, as above."""
    return tenant.field("product.product", "cost_price", otherwise="")


def _speak_products(asked: ProductPageRequest, tenant: Tenant) -> Spoken:
    domain: tuple[Any, ...] = (("id", ">", asked.after_id), *changed_since(asked.changed_since))
    if asked.ids:
        domain += (("id", "in", asked.ids),)
    named = (tenant.sellable_field, _barcode_field(tenant), _price_field(tenant), _cost_field(tenant))
    fields = PRODUCT_FIELDS + tuple(filter(None, named))
    return search_read(tenant.model("product.product"), domain, fields, min(asked.limit, tenant.page_size))


def _decode_products(answer: Answer, asked: ProductPageRequest, tenant: Tenant) -> ProductPage:
    request = msgspec.structs.replace(asked, limit=min(asked.limit, tenant.page_size))
    named = ProductNames(
        barcode=_barcode_field(tenant), list_price=_price_field(tenant), cost_price=_cost_field(tenant)
    )
    page = decode_product_page(answer.body, request, named)
    if not page.complete and page.last_id <= request.after_id:
        raise Unavailable("Fulfil answered a page of products with the page before it; the sync would never end")
    return page


SEARCH_PRODUCTS: Final[Read[ProductPageRequest, ProductPage]] = Read(
    kind="search_products", question=ProductPageRequest, speak=_speak_products, decode=_decode_products
)
