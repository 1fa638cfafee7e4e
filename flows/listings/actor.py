"""The actor: reads from disk what is to be compared before it decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from connectors.patchworks.items import Refusal
from connectors.patchworks.listings import ChannelListing, listings_in, sentence_of
from connectors.patchworks.triggers import CallbackReply
from flows.events import ListingsCompared, ListingsMismatched
from flows.listings.comparing import compare_anew, compared, received, tidied
from flows.listings.expecting import expecting, looked_at
from flows.listings.messages import (
    NAME,
    ROWS_PER_STEP,
    Answered,
    Ask,
    Compare,
    CompareAgain,
    Expect,
    Late,
    Left,
    ListingsState,
    PageReceived,
    Rows,
    Tidy,
)
from flows.model.bundles import Bundle
from flows.model.cases import announce_cases, case_rows
from flows.model.listing_tally import Tally
from flows.model.listings import ListingSettings
from flows.model.messages import Recheck
from flows.model.mismatches import Cause, Offered, skus_needed
from flows.model.money import InvalidAmount, amount_of_text
from flows.model.skus import SkuIndex
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, EffectDone, Message, Write
from runtime.journal.journal import Journal
from runtime.key import parts_of


def decide(state: ListingsState, message: Any, now: datetime, settings: ListingSettings | None) -> Decision:
    """What follows for the listings of one sales channel. Pure."""
    match message:
        case PageReceived(page=page):
            return received(state, page, now)
        case Rows():
            return compared(state, message, now, settings)
        case Compare() | Tidy():
            return Decision(state=state)  # it is of a comparison that was given up: nothing was read for it
        case CompareAgain():
            return compare_anew(state)
        case Left(left=left):
            return tidied(state, is_left=left)
        case Recheck():
            return looked_at(state, now, settings)
        case _:
            return expecting(state, message, now, settings)


class Listings:
    """See the package."""

    name = NAME
    message_type = Expect | PageReceived | Ask | Late | CompareAgain | Compare | Tidy | Recheck
    state_type = ListingsState

    def __init__(
        self,
        sales_channels: Mapping[str, ListingSettings],
        index: SkuIndex,
        journal: Journal,
        emit: Callable[[Any], None],
        bundles: Mapping[str, Mapping[str, Bundle]] = MappingProxyType({}),
    ) -> None:
        """`sales_channels` are those of which lists are expected; `bundles` are the rules of each sales channel."""
        self._sales_channels, self._index, self._journal, self._emit = sales_channels, index, journal, emit
        self._bundles = bundles

    def begin(self, key: str) -> ListingsState:
        """Nothing was listed yet."""
        return ListingsState(sales_channel=parts_of(key)[1])

    async def ready(self) -> None:
        """Before Fulfil's products are known at all, every listing would seem to be of none."""
        await self._index.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read what is to be compared, and the listings in answers."""
        return [await self._resolved(item.message, item.state) for item in items]

    async def _resolved(self, message: Message, state: ListingsState) -> Message:
        match message:
            case Compare(comparison=number) if state.tally is not None and number == state.comparison:
                return await self._rows(state, state.tally.after)
            case Tidy():
                kept = (state.sales_channel, state.number, state.compared)
                ((left,),) = await self._journal.query("listings_left", *kept)
                return Left(left=bool(left))
            case EffectDone(result=CallbackReply() as reply):
                try:
                    return Answered(listings=await listings_in(reply))
                except Refusal as refusal:
                    return Answered(wrong=sentence_of(refusal))
            case _:
                return message

    async def _rows(self, state: ListingsState, after: str) -> Message:
        rows = await self._journal.query("listings_after", state.sales_channel, state.number, after, ROWS_PER_STEP)
        listings = tuple([_listing(*row) for row in rows])
        known, rules = self._index.aliases, self._bundles.get(state.sales_channel, {})
        parts = {each.sku: tuple(rules[each.sku].components) for each in listings if each.sku in rules}
        names = (sku for each in listings for sku in parts.get(each.sku, (each.sku,)))
        aliases = {sku: known[sku] for sku in names if sku in known}
        needed = sorted(skus_needed([each for each in listings if each.active], aliases, parts))
        products: dict[str, list[Offered]] = {}
        for folded, *product in await self._journal.query_list("products_folded", needed):
            products.setdefault(folded, []).append(_offered(*product))
        return Rows(
            comparison=state.comparison,
            listings=listings,
            products={folded: tuple(alike) for folded, alike in products.items()},
            aliases=aliases,
            complete=len(rows) < ROWS_PER_STEP,
            parts=parts,
        )

    def decide(self, state: ListingsState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._sales_channels.get(state.sales_channel))

    def project(self, key: str, before: ListingsState, after: ListingsState, now: datetime) -> Sequence[Write]:
        """The statement about the list, and the cases."""
        rows = case_rows(key, before.cases, after.cases, now, how="a later check has not found it any more")
        if after.received is None or (after.received, after.checked) == (before.received, before.checked):
            return rows
        return [*rows, _statement(after, after.received)]

    def announce(self, key: str, before: ListingsState, after: ListingsState) -> None:
        """Count what a comparison found, and the cases."""
        if after.result is not None and after.compared != before.compared:
            mismatches, name = after.result.mismatches, after.sales_channel
            wrong = sum(mismatches.values())
            told = ListingsCompared(sales_channel=name, listings=after.result.listings, mismatches=wrong, key=key)
            self._emit(told)
            for cause in Cause:
                count = mismatches.get(cause.value, 0)
                self._emit(ListingsMismatched(sales_channel=name, cause=cause.value, listings=count))
        announce_cases(key, before.cases, after.cases, self._emit)


def _statement(state: ListingsState, received_at: datetime) -> Write:
    tally, checked = state.result or Tally(), state.checked
    row = (
        state.sales_channel,
        state.number,
        state.manifest,
        None if state.listed_at is None else to_instant(state.listed_at),
        to_instant(received_at),
        None if checked is None else to_instant(checked),
        None if checked is None else state.compared,
        tally.listings,
        tally.active,
        tally.barcodes,
        tally.prices,
        msgspec.json.encode(tally.mismatches).decode(),
        tally.digest,
    )
    return Write("put_listing_check", row)


def _listing(id_: str, sku: str, barcode: str, price: str, currency: str, title: str, active: int) -> ChannelListing:
    return ChannelListing(id_, sku, barcode, price, currency, title, bool(active))


def _offered(
    sku: str, sold: int, active: int, barcode: str | None, list_price: str | None, gone_at: int | None
) -> Offered:
    is_gone = gone_at is not None
    return Offered(sku, bool(sold) and not is_gone, bool(active), barcode, _price(list_price), is_gone)


def _price(text: str | None) -> Decimal | None:
    """A list price from the store; one of no usual size counts as not told."""
    try:
        return None if text is None else amount_of_text(text)
    except InvalidAmount:
        return None
