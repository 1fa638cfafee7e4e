"""Fulfil as the runtime sees it: three calls, one attempt each, and the truth about how each ended.

    create_order      body of `wire.encode_create_order`   -> CreatedSale       keyed by channel + channel_identifier
    search_products   a `wire.ProductPageRequest`          -> ProductPage       a read
    find_sale         a `wire.FindSales`             -> (SaleFound, ...)  a read

All are PUTs on `/api/v2/model/...` with positional arguments, as Fulfil's own client makes them; a PUT here is not
idempotent by itself. Pages go by `id > last`, because pages by offset miss records when others change meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.failures import failure_for, rate_reading
from connectors.fulfil.wire import (
    PRODUCT_FIELDS,
    SALE_FIELDS,
    CreatedSale,
    FindSales,
    ProductPage,
    ProductPageRequest,
    SaleFound,
    datetime_out,
    decode_created_sale,
    decode_product_page,
    decode_sales,
    key_of_create,
)
from connectors.http import Session, exchange
from runtime.api import ObserveRate
from runtime.errors import Refused, Unavailable

T = TypeVar("T")

_OK: Final = 200
_BY_ID: Final = (("id", "ASC"),)
_WITH_INACTIVE: Final = {"context": '{"active_test":false}'}
"""Without it Fulfil leaves inactive records out, silently."""


class FulfilApi:
    """A `runtime.api.Api`. `session` comes from `connectors.http.outgoing` and outlives this object.

    `observe` is told what each answer says of the rate limit. Raises ValueError for a token that no header can carry.
    """

    name = "fulfil"

    def __init__(self, config: FulfilConfig, token: str, session: Session, *, observe: ObserveRate) -> None:
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("the Fulfil token is empty, or has characters that no header can carry; check its source")
        self._session, self._observe = session, observe
        self._page_size, self._answer_bytes_max = config.page_size, config.answer_bytes_max
        presented = {"X-API-KEY": token} if config.auth == "api_key" else {"Authorization": f"Bearer {token}"}
        headers = {"Content-Type": "application/json", "Accept": "application/json", **presented}
        self._headers = CIMultiDictProxy(CIMultiDict(headers))
        models = URL(config.base_url) / "api" / "v2" / "model"
        self._create_url = models / "sale.channel" / "create_order"
        self._sales_url = models / "sale.sale" / "search_read"
        self._products_url = (models / "product.product" / "search_read").with_query(_WITH_INACTIVE)
        self._product_fields = PRODUCT_FIELDS + ((config.sellable_field,) if config.sellable_field else ())

    async def perform(self, kind: str, body: bytes) -> CreatedSale | ProductPage | tuple[SaleFound, ...]:
        """One attempt. Raises a `runtime.errors.Failure`, and nothing else, when it does not succeed."""
        match kind:
            case "create_order":
                return await self._call(self._create_url, body, decode_created_sale, is_write=True)
            case "search_products":
                return await self._product_page(_request(kind, body, ProductPageRequest))
            case "find_sale":
                wanted = _request(kind, body, FindSales)
                return await self._sales(wanted.channel, wanted.channel_identifiers)
            case _:
                raise Refused(f"the Fulfil connector has no call {kind!r}", code="unknown_kind")

    async def look(self, kind: str, body: bytes) -> CreatedSale | None:
        """The sale of the order in these bytes; None when Fulfil says that there is none.

        Raises a `runtime.errors.Failure` when Fulfil did not say.
        """
        if kind != "create_order":
            raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")
        try:
            channel_id, identifier = key_of_create(body)
        except msgspec.DecodeError as error:
            raise Refused(
                "the stored order cannot be read, so its sale cannot be looked for", code="bad_body"
            ) from error
        for sale in await self._sales(channel_id, (identifier,)):
            return CreatedSale(
                id=sale.id,
                number=sale.number,
                state=sale.state,
                total=sale.total_amount,
                channel_identifier=sale.channel_identifier,
            )
        return None

    async def _sales(self, channel_id: int, identifiers: tuple[str, ...]) -> tuple[SaleFound, ...]:
        """A sale answers for an order only when it names it: an answer to another question proves nothing."""
        single = len(identifiers) == 1
        which = ("channel_identifier", "=", identifiers[0]) if single else ("channel_identifier", "in", identifiers)
        domain = (("channel", "=", channel_id), which)
        query = _search(domain, len(identifiers), SALE_FIELDS)
        sales = await self._call(self._sales_url, query, decode_sales, is_write=False)
        if not {sale.channel_identifier for sale in sales}.issubset(identifiers):
            raise Unavailable(
                "Fulfil answered a search for sales with others than were asked for, which answers nothing"
            )
        return sales

    async def _product_page(self, asked: ProductPageRequest) -> ProductPage:
        request = msgspec.structs.replace(asked, limit=min(asked.limit, self._page_size))
        domain: list[Any] = [("id", ">", request.after_id)]
        if request.changed_since is not None:
            since = datetime_out(request.changed_since)
            # write_date is null until the first change after the creation
            domain.append(("OR", ("write_date", ">=", since), ("create_date", ">=", since)))
        query = _search(domain, request.limit, self._product_fields)
        page = await self._call(
            self._products_url, query, lambda answer: decode_product_page(answer, request), is_write=False
        )
        if not page.complete and page.last_id <= request.after_id:
            raise Unavailable("Fulfil answered a page of products with the page before it; the sync would never end")
        return page

    async def _call(self, url: URL, body: bytes, decode: Callable[[bytes], T], *, is_write: bool) -> T:
        answer = await exchange(
            self._session,
            "PUT",
            url,
            headers=self._headers,
            body=body,
            answer_bytes_max=self._answer_bytes_max,
            api="Fulfil",
            is_write=is_write,
        )
        self._observe(rate_reading(answer.headers))
        if answer.status == _OK:
            try:
                return decode(answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # what the body says instead decides
        raise failure_for(answer.status, answer.headers, answer.body, is_write=is_write)


def _search(domain: Any, limit: int, fields: tuple[str, ...]) -> bytes:
    """Arguments of search_read: domain, offset, limit, order, fields."""
    return msgspec.json.encode((domain, 0, limit, _BY_ID, fields))


def _request(kind: str, body: bytes, request_type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=request_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the body of {kind} is not a {request_type.__name__}", code="bad_body") from error
