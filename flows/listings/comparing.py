"""How a list is taken, page by page, and compared, some hundred listings at a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from connectors.patchworks.listings import ChannelListing, ListingPage
from flows.exceptions.kinds import ExceptionCase
from flows.listings.messages import (
    NAME,
    ROWS_PER_STEP,
    Compare,
    CompareAgain,
    Late,
    ListingsState,
    Rows,
    Tidy,
)
from flows.model.cases import case_in
from flows.model.listing_tally import Tally, cases_of, counted
from flows.model.listings import ListingSettings
from flows.model.mismatches import Mismatch, compare
from runtime.channel import BULK
from runtime.decision import Decision, Emit, Timer, Write

_ANEW_AFTER: Final = timedelta(hours=1)
"""A list of one page that comes again so much later is no repeat, but the same list of another day."""
_REMEMBERED_MAX: Final = 5


# -- a list comes ------------------------------------------------------------------------------------------------------


def received(state: ListingsState, page: ListingPage, now: datetime) -> Decision:
    """Take a page that was posted, unless it was before, or is of a list from before."""
    if page.manifest in state.recent or _is_older(state, page):
        return Decision(state=state)
    same = state.manifest == page.manifest and state.pages == page.pages
    if same and state.have.get(str(page.page)) == page.digest:
        is_anew = page.pages == 1 and state.received is not None and now - state.received >= _ANEW_AFTER
        if state.checked is None or not is_anew:
            return Decision(state=state)
    if not same or state.checked is not None:  # once compared, a page that changes begins another list
        state = other_list(state, page.manifest, page.pages, page.listed_at)
    return taken(state, page.page, page.listings, page.digest, now)


def _is_older(state: ListingsState, page: ListingPage) -> bool:
    """Whether the page is of another list, made before this one. Pages of one list may each say their time."""
    moments = page.listed_at, state.listed_at
    if page.manifest == state.manifest or moments[0] is None or moments[1] is None:
        return False
    return moments[0] < moments[1]


def other_list(state: ListingsState, manifest: str, pages: int, listed_at: datetime | None) -> ListingsState:
    """The state with a new list in it, of which nothing has come yet. What was found of the last one stands."""
    is_past = state.pages != 1 and state.manifest not in ("", manifest)
    return replace(
        state,
        number=state.number + 1,
        manifest=manifest,
        pages=pages,
        have={},
        listed_at=listed_at,
        recent=(state.manifest, *state.recent)[:_REMEMBERED_MAX] if is_past else state.recent,
        tally=None,
        checked=None,
        result=None,
    )


def taken(
    state: ListingsState, number: int, listings: Sequence[ChannelListing], content: str, now: datetime
) -> Decision:
    """Write a page of the list down; when it was the last one that was missing, begin to compare."""
    list_ = (state.sales_channel, state.number)
    writes = [Write("drop_listing_page", (*list_, number))] if str(number) in state.have else []
    for each in listings:
        offer = (each.sku, each.barcode, each.price, each.currency, each.title, int(each.active))
        writes.append(Write("put_listing", (*list_, each.id, number, *offer)))
    state = replace(state, have={**state.have, str(number): content}, received=now, tally=None)
    emits: tuple[Emit, ...] = ()
    if state.number > 1 and not state.is_tidying:
        state, emits = replace(state, is_tidying=True), (_tidy(),)
    begun = compare_anew(state)
    return Decision(state=begun.state, writes=tuple(writes), emits=(*emits, *begun.emits), cancels=("compare",))


def tidied(state: ListingsState, *, is_left: bool) -> Decision:
    """Forget some of what is left, and go on until nothing is."""
    if not is_left:
        return Decision(state=replace(state, is_tidying=False))
    writes = (
        Write("drop_listings", (state.sales_channel, state.number, ROWS_PER_STEP)),
        Write("drop_listing_mismatches", (state.sales_channel, state.compared, ROWS_PER_STEP)),
    )
    return Decision(state=state, writes=writes, emits=(_tidy(),))


# -- it is compared ----------------------------------------------------------------------------------------------------


def compare_anew(state: ListingsState) -> Decision:
    """Begin to compare, when all pages are here, and it is not under way."""
    if not state.is_whole or state.tally is not None:
        return Decision(state=state)
    state = replace(state, comparison=state.comparison + 1, tally=Tally())
    return Decision(state=state, emits=(_go_on(state),))


def compared(state: ListingsState, rows: Rows, now: datetime, settings: ListingSettings | None) -> Decision:
    """Compare the listings that are next, and go on; or say what was found."""
    if state.tally is None or rows.comparison != state.comparison:  # another list has begun to come meanwhile
        return Decision(state=state)
    rule = settings.price_rule if settings is not None else None
    found = [compare(each, rows.products, rows.aliases, rule, rows.parts) for each in rows.listings if each.active]
    tally = counted(state.tally, rows.listings, found)
    writes = tuple(_row(state, each) for one in found for each in one.mismatches)
    if not rows.complete:
        state = replace(state, tally=tally)
        return Decision(state=state, writes=writes, emits=(_go_on(state),))
    emits = () if state.is_tidying else (_tidy(),)
    state = replace(
        state,
        tally=None,
        checked=now,
        result=tally,
        compared=state.comparison,
        complete_at=state.received if tally.active else state.complete_at,
        is_tidying=True,
        cases=_cases(state, tally, now, settings),
    )
    again = (settings or ListingSettings()).compare_every_s
    timers = (Timer(name="compare", due=now + timedelta(seconds=again), message=CompareAgain()),)
    return Decision(state=state, writes=writes, emits=emits, timers=(*timers, *late_timer(state, settings)))


def _cases(
    state: ListingsState, tally: Tally, now: datetime, settings: ListingSettings | None
) -> tuple[ExceptionCase, ...]:
    cases = cases_of(state.sales_channel, tally, state.cases, now)
    if state.checked is not None:  # compared again: that no later list comes is as true as it was
        cases = (*cases, *(case for case in state.cases if case.cause in ("late", "callback")))
    if settings is not None and not tally.active:
        sentence = f"the list of {state.sales_channel} has no active listing, so nothing was checked"
        cases = (*cases, unchecked(state, "empty", sentence, now))
    return cases


# -- what both sides of it need ----------------------------------------------------------------------------------------


def late_timer(state: ListingsState, settings: ListingSettings | None) -> tuple[Timer, ...]:
    """When a complete list will be late; none where none is expected."""
    due = due_at(state, settings) if settings is not None else None
    return () if due is None else (Timer(name="late", due=due, message=Late()),)


def due_at(state: ListingsState, settings: ListingSettings) -> datetime | None:
    """When the next complete list is due; None before one was expected."""
    moments = [each for each in (state.complete_at, state.since) if each is not None]
    return max(moments) + timedelta(seconds=settings.due_within_s) if moments else None


def unchecked(state: ListingsState, cause: str, sentence: str, now: datetime) -> ExceptionCase:
    """The case that the listings are not checked; one that is open already keeps its beginning."""
    return case_in(state.cases, "listing.unchecked", cause, sentence, now)


def _go_on(state: ListingsState) -> Emit:
    return Emit(channel=NAME, message=Compare(comparison=state.comparison), priority=BULK)


def _tidy() -> Emit:
    return Emit(channel=NAME, message=Tidy(), priority=BULK)


def _row(state: ListingsState, each: Mismatch) -> Write:
    said = (each.cause.value, each.listing, each.sku, each.title, each.listed, each.expected)
    return Write("put_listing_mismatch", (state.sales_channel, state.comparison, *said))
