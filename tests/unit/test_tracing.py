"""Ids that anybody can compute, and spans that explain the whole time of a story."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from runtime.telemetry.tracing import WAIT_SHOWN_US, TimelineRow, ids_of, root_span_of, sampled, spans_of

SUBJECT = "shop/1001"
RESOURCE = Resource({"service.name": "seamline"})
SECOND, HOUR = 1_000_000, 3_600_000_000
PINNED = ("aecabcb572b04aeda4c013022bcfd50d", "2d67e454913ddd84")


def row(id_: int, began_us: int, ended_us: int, kind: str = "noted", **values: Any) -> TimelineRow:
    """One fact."""
    return TimelineRow(id_, SUBJECT, "clerk", kind, began_us, ended_us, values)


def told(rows: list[TimelineRow], *, after: int = 0, to: int | None = None, closes: bool = False) -> list[ReadableSpan]:
    """The spans of the stretch (after, to] of a timeline, as the exporter asks for them."""
    rows = [each for each in rows if to is None or each.id <= to]
    before = [each for each in rows if each.id <= after]
    stretch = [each for each in rows if each.id > after]
    began = rows[0].began_us if rows else 0
    since = max((each.ended_us for each in before), default=began)
    spans = spans_of(stretch, RESOURCE, since_us=since)
    return spans + ([root_span_of(rows, RESOURCE, name="order")] if closes else [])


def times(span: ReadableSpan) -> tuple[int, int]:
    """Begin and end in microseconds."""
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time // 1000, span.end_time // 1000


def seen(span: ReadableSpan) -> tuple[Any, ...]:
    """Everything about a span that a receiver sees."""
    assert span.context is not None
    parent = span.parent.span_id if span.parent is not None else None
    attributes = tuple(sorted((span.attributes or {}).items()))
    return (span.context.span_id, parent, span.name, *times(span), span.status.status_code, attributes)


# -- ids ---------------------------------------------------------------------------------------------------------------


def test_the_ids_of_a_subject_can_be_computed_by_hand() -> None:
    """SHA-256 of `seamline/v1|partition|id`: 16 bytes for the trace, 8 for its root."""
    digest = hashlib.sha256(b"seamline/v1|shop|1001").hexdigest()
    trace_id, root_id = ids_of(SUBJECT)
    assert (f"{trace_id:032x}", f"{root_id:016x}") == (digest[:32], digest[32:48])


def test_the_scheme_of_the_ids_does_not_change() -> None:
    """These ids stand in people's links; another scheme needs another version in the hash."""
    trace_id, root_id = ids_of("shop/1001")
    assert (f"{trace_id:032x}", f"{root_id:016x}") == PINNED


def test_only_the_first_slash_divides_a_subject() -> None:
    """An id may hold slashes, and a subject without any has no partition."""
    assert ids_of("shop/a/b")[0] == int(hashlib.sha256(b"seamline/v1|shop|a/b").hexdigest()[:32], 16)
    assert len({ids_of(subject) for subject in ("shop/1", "shop/2", "other/1", "shop", "/shop")}) == 5


@given(st.text(max_size=30), st.floats(0, 1))
def test_sampling_agrees_with_everybody_who_samples_by_trace_id(subject: str, share: float) -> None:
    """The same decision as OpenTelemetry's own sampler, for every subject and share."""
    subject = subject.encode(errors="ignore").decode()
    theirs = TraceIdRatioBased(share).should_sample(None, ids_of(subject)[0], "order").decision
    assert sampled(subject, share) is (theirs is Decision.RECORD_AND_SAMPLE)


def test_the_share_that_is_sampled_is_about_the_share_asked_for() -> None:
    """None of them at 0, all of them at 1, and whoever is in a small share is in a larger one."""
    subjects = [f"shop/{number}" for number in range(2_000)]
    chosen = {share: {each for each in subjects if sampled(each, share)} for share in (0.0, 0.1, 0.5, 1.0)}
    assert not chosen[0.0]
    assert chosen[1.0] == set(subjects)
    assert 140 < len(chosen[0.1]) < 260
    assert chosen[0.1] < chosen[0.5]


# -- spans -------------------------------------------------------------------------------------------------------------

STORY = [
    row(1, 0, 2_000, "received"),
    row(2, 2_000, 2_500, "held", causes="sku.unknown", amount=None),
    row(3, 6 * HOUR, 6 * HOUR + 500, "decided", lines=3),
    row(4, 6 * HOUR + 1_500, 6 * HOUR + SECOND, "outcome_unknown", attempts=1),
    row(5, 6 * HOUR + 3 * SECOND, 6 * HOUR + 4 * SECOND, "created", found_by_look=True),
]


def test_a_story_is_a_root_with_its_stages_and_waits_as_children() -> None:
    """One trace; every span but the root hangs at the root, in the order of what happened."""
    spans = told(STORY, closes=True)
    trace_id, root_id = ids_of(SUBJECT)
    assert [span.name for span in spans] == [
        *("clerk received", "clerk held", "wait decided", "clerk decided", "clerk outcome_unknown"),
        *("wait created", "clerk created", "order"),
    ]
    assert {span.context.trace_id for span in spans if span.context} == {trace_id}
    *children, root = spans
    assert {span.parent.span_id for span in children if span.parent} == {root_id}
    assert all(span.parent is not None for span in children)
    assert root.parent is None
    assert root.context is not None
    assert root.context.span_id == root_id
    assert times(root) == (0, 6 * HOUR + 4 * SECOND)
    assert len({seen(span)[0] for span in spans}) == len(spans)


def test_waiting_is_a_span_and_a_moment_is_not() -> None:
    """A gap becomes a span of its own from a few milliseconds on; a shorter one belongs to what follows it."""
    wait = WAIT_SHOWN_US
    spans = told([row(1, 0, 10), row(2, 10 + wait, 20 + wait), row(3, 19 + 2 * wait, 20 + 2 * wait)])
    assert [(span.name, times(span)) for span in spans] == [
        ("clerk noted", (0, 10)),
        ("wait noted", (10, 10 + wait)),
        ("clerk noted", (10 + wait, 20 + wait)),
        ("clerk noted", (20 + wait, 20 + 2 * wait)),
    ]


def test_every_span_can_be_found_alone() -> None:
    """Each says whose story it is; a stage has its values as attributes, except those that are not there."""
    spans = told(STORY, closes=True)
    whose = {"seamline.partition": "shop", "seamline.subject": "1001"}
    assert all(whose.items() <= dict(span.attributes or {}).items() for span in spans)
    assert dict(spans[1].attributes or {}) == {**whose, "seamline.actor": "clerk", "seamline.causes": "sku.unknown"}
    assert all(span.resource is RESOURCE for span in spans)


def test_a_call_and_a_failure_look_like_what_they_are() -> None:
    """Outside calls are client spans; a lost answer is an error, and a story that overcame it is none."""
    spans = {span.name: span for span in told(STORY, closes=True)}
    assert spans["clerk created"].kind is SpanKind.CLIENT
    assert spans["clerk decided"].kind is SpanKind.INTERNAL
    assert spans["clerk outcome_unknown"].status.status_code is StatusCode.ERROR
    assert spans["order"].status.status_code is StatusCode.UNSET
    (parked,) = told([row(1, 0, 0, "parked", error="ValueError")])
    assert parked.status.status_code is StatusCode.ERROR
    assert (parked.attributes or {})["seamline.error"] == "ValueError"


def test_a_story_that_goes_on_has_no_root_yet() -> None:
    """The root is exported once, when the story closes; no facts, no spans."""
    assert ids_of(SUBJECT)[1] not in {span.context.span_id for span in told(STORY) if span.context}
    assert spans_of([], RESOURCE, since_us=0) == []


def test_a_fact_that_ends_before_it_begins_is_an_instant() -> None:
    """A clock that stepped back makes no span with negative duration."""
    assert times(told([row(1, 5_000, 1_000)])[0]) == (5_000, 5_000)


gaps = st.integers(0, 4 * WAIT_SHOWN_US)


@st.composite
def timelines(draw: st.DrawFn) -> list[TimelineRow]:
    """Facts in the order they were written; some begin before an earlier one has ended."""
    now_us, rows = 1_000_000, []
    for id_ in sorted(draw(st.sets(st.integers(1, 1_000), min_size=1, max_size=12))):
        now_us += draw(gaps)
        began_us = max(1_000_000, now_us - draw(gaps))
        rows.append(row(id_, began_us, now_us, draw(st.sampled_from(["received", "created", "held"]))))
    return rows


@given(timelines())
def test_the_spans_of_a_closed_story_cover_all_its_time(rows: list[TimelineRow]) -> None:
    """Between its first beginning and its last end there is no moment that no stage or wait explains."""
    *children, root = told(rows, closes=True)
    assert times(root) == (min(each.began_us for each in rows), max(each.ended_us for each in rows))
    covered_to = times(root)[0]
    for began, ended in sorted(map(times, children)):
        assert began <= covered_to
        covered_to = max(covered_to, ended)
    assert covered_to == times(root)[1]


@given(timelines(), st.data())
def test_a_story_told_in_pieces_is_the_same_story(rows: list[TimelineRow], data: st.DataObject) -> None:
    """However often the process stopped and exported in between, the same spans arrive with the same ids."""
    ids = [each.id for each in rows]
    cuts = [0, *sorted(data.draw(st.sets(st.sampled_from(ids)))), ids[-1]]
    pieces = [span for after, to in pairwise(cuts) for span in told(rows, after=after, to=to)]
    assert [seen(span) for span in pieces] == [seen(span) for span in told(rows)]


@pytest.mark.parametrize("other", ["shop/1002", "shop2/1001"])
def test_two_stories_share_no_span(other: str) -> None:
    """Spans of different subjects have different ids, even for the same fact."""
    mine = {seen(span)[0] for span in told(STORY, closes=True)}
    theirs = [
        TimelineRow(each.id, other, each.actor, each.kind, each.began_us, each.ended_us, each.values) for each in STORY
    ]
    assert not mine & {seen(span)[0] for span in told(theirs, closes=True)}
