"""A page of a payout, as the control listener takes it: durable before the command is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec

from flows.payout_importer.messages import PageReceived, PayoutPage, payout_key
from runtime.decision import Message
from runtime.errors import SeamlineError

_page = msgspec.json.Decoder(PayoutPage).decode


async def take_payout_page(
    post: Callable[[str, Message], Awaitable[object]], parameters: Mapping[str, str], sales_channels: Collection[str]
) -> str:
    """Take the page that stands in `parameters` as JSON. The same page twice changes nothing, so it may be sent again.

    Raises SeamlineError for a page of no form, or of a sales channel that is not configured.
    """
    try:
        page = _page(parameters.get("page", ""))
    except msgspec.DecodeError as error:
        raise SeamlineError(f"the page has not the form of this version: {error}") from None
    if page.sales_channel not in sales_channels:
        there = ", ".join(sorted(sales_channels))
        raise SeamlineError(f"there is no sales channel {page.sales_channel!r}; there are {there}")
    if page.page > page.pages:
        raise SeamlineError("a page has a number beyond the last one")
    key = payout_key(page.sales_channel, page.provider, page.header.id)
    await post(key, PageReceived(page=page))
    return "taken"
