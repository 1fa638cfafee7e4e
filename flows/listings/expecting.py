"""Where lists are expected: a callback flow is asked for them, and somebody is told when none comes. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.patchworks.manifest_pages import PAGES_MAX
from flows.exceptions.kinds import ExceptionCase
from flows.listings.comparing import compare_anew, due_at, late_timer, other_list, taken, unchecked
from flows.listings.messages import NAME, Answered, Ask, Expect, Late, ListingsState
from flows.model.listings import ListingSettings, page_of_listings
from runtime.channel import BULK
from runtime.decision import Decision, EffectExhausted, EffectRefused, Emit, Timer
from runtime.delivery import digest

_RETRY_AFTER_S: Final = 3_600.0


def expecting(state: ListingsState, message: Any, now: datetime, settings: ListingSettings | None) -> Decision:
    """See that lists come. Where none are expected (any more), nothing does."""
    if settings is None:
        return Decision(state=replace(state, asked=0, cases=_without(state)), cancels=("ask", "late"))
    match message:
        case Expect():
            return _expected(state, now, settings)
        case Late():
            return _late(state, now, settings)
        case Ask():
            return _asked(state, now, settings)
        case Answered():
            return _answered(state, message, now, settings)
        case EffectRefused() | EffectExhausted():
            return _stopped(state, message.sentence, now, settings)
        case _:
            return Decision(state=state)


def looked_at(state: ListingsState, now: datetime, settings: ListingSettings | None) -> Decision:
    """A person has looked: ask or compare again, now. What is still wrong is a case again."""
    was_checked = not any(case.kind == "listing.unchecked" for case in state.cases)
    begun = compare_anew(replace(state, cases=_without(state)))
    if settings is None or was_checked:
        return begun
    asks = (Emit(channel=NAME, message=Ask(), priority=BULK),) if settings.callback else ()
    late = Timer(name="late", due=now + timedelta(seconds=settings.due_within_s), message=Late())
    return Decision(state=begun.state, emits=(*begun.emits, *asks), timers=(late,))


def _expected(state: ListingsState, now: datetime, settings: ListingSettings) -> Decision:
    state = replace(state, since=state.since or now)
    late = late_timer(state, settings)
    if not settings.callback:
        return Decision(state=state, timers=late, cancels=("ask",))
    due = now if state.asked_at is None else state.asked_at + timedelta(seconds=settings.every_s)
    return Decision(state=state, timers=(*late, Timer(name="ask", due=due, message=Ask())))


def _late(state: ListingsState, now: datetime, settings: ListingSettings) -> Decision:
    due, last = due_at(state, settings), state.complete_at
    if due is None or now < due:
        return Decision(state=state, timers=late_timer(state, settings))
    since = f"since {last:%Y-%m-%d %H:%M} UTC" if last is not None else "yet"
    sentence = f"no complete list of what {state.sales_channel} offers has come {since}; its listings are not checked"
    cases = (*_without(state, "late"), unchecked(state, "late", sentence, now))
    return Decision(state=replace(state, cases=cases))


def _asked(state: ListingsState, now: datetime, settings: ListingSettings) -> Decision:
    if not settings.callback:
        return Decision(state=state)
    again = Timer(name="ask", due=now + timedelta(seconds=settings.every_s), message=Ask())
    if state.asked:
        return Decision(state=state, timers=(again,))
    begun = replace(state, asked=1, asked_at=now)
    return Decision(state=begun, effects=(page_of_listings(settings, 1),), timers=(again,))


def _answered(state: ListingsState, answer: Answered, now: datetime, settings: ListingSettings) -> Decision:
    """A page of the flow is in: the next one, or the end of the list."""
    page, asked_at = state.asked, state.asked_at
    if not page or asked_at is None:
        return Decision(state=state)
    manifest = f"asked/{asked_at.isoformat()}"
    if page > 1 and state.manifest != manifest:  # a list was posted meanwhile
        return Decision(state=replace(state, asked=0))
    content = digest(msgspec.json.encode(answer.listings)).hex()
    is_repeat = page > 1 and state.have.get(str(page - 1)) == content
    wrong = answer.wrong or _wrong(len(answer.listings), page, settings.page_size, is_repeat=is_repeat)
    if wrong:
        return _stopped(state, wrong, now, settings)
    if page == 1:
        state = other_list(state, manifest, 0, asked_at)
    if len(answer.listings) < settings.page_size:
        return taken(replace(state, asked=0, pages=page), page, answer.listings, content, now)
    decision = taken(replace(state, asked=page + 1), page, answer.listings, content, now)
    return replace(decision, effects=(page_of_listings(settings, page + 1),))


def _wrong(count: int, page: int, page_size: int, *, is_repeat: bool) -> str:
    """Why an answer cannot be a page of a list; empty when it can."""
    if count > page_size:
        return f"the flow answers with {count} listings where at most {page_size} were asked for"
    if count and is_repeat:
        return "the flow answers with the same listings whatever page is asked for"
    if count == page_size and page == PAGES_MAX:
        return f"the flow's answers do not end after {PAGES_MAX} pages"
    return ""


def _stopped(state: ListingsState, why: str, now: datetime, settings: ListingSettings) -> Decision:
    """The flow cannot be read to its end; it is asked again from the beginning."""
    sentence = f"the listings of {state.sales_channel} cannot be read: {why}".rstrip(".")
    cases = (*_without(state, "callback"), unchecked(state, "callback", sentence, now))
    due = now + timedelta(seconds=min(settings.every_s, _RETRY_AFTER_S))
    return Decision(state=replace(state, asked=0, cases=cases), timers=(Timer(name="ask", due=due, message=Ask()),))


def _without(state: ListingsState, cause: str = "") -> tuple[ExceptionCase, ...]:
    """The cases but those that say that nothing is checked; with a cause, but that one."""
    return tuple(case for case in state.cases if case.kind != "listing.unchecked" or (cause and case.cause != cause))
