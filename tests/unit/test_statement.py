"""Completeness, as pure decisions: business days, what covers them, and what a statement may claim."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks.config import IntakeSettings
from flows.config import Config
from flows.model.payments import PaymentSettings
from flows.model.reconciliation import ReconciliationSettings
from flows.reconciler.statement import (
    Evidence,
    Listed,
    Statement,
    Tally,
    evidence_of,
    last_closed,
    sentence_of,
    statement_of,
    window_of,
)
from runtime.clock import Instant, to_instant
from runtime.config import Secret
from runtime.rule import RuleBroken

DAY = date(2026, 11, 20)
WINDOW = window_of(DAY, "UTC")
HOUR = 3_600_000_000
BEGAN = to_instant(WINDOW.began)


def listed(first: int, last: int, count: int = 1, *, received: int = 48, open_: int = 0) -> Listed:
    """A manifest of these hours of the day."""
    return Listed(
        key=f"{first}-{last}", began=Instant(BEGAN + first * HOUR), ended=Instant(BEGAN + last * HOUR),
        received=Instant(BEGAN + received * HOUR), listed=count, open=open_, digest="d",
    )  # fmt: skip


def tallied(*orders: tuple[str, str, int | None, str | None]) -> Tally:
    tally = Tally()
    for each in orders:
        tally.add(*each)
    return tally


def stated(tally: Tally, evidence: Evidence, missing: tuple[str, ...] = (), **more: int) -> Statement:
    return statement_of("web", WINDOW, tally, evidence, missing, **{"undated": 0, "gone": 0, **more})


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (DAY, 24)])
def test_a_business_day_is_as_long_as_it_is_where_finance_lives(day: date, hours: int) -> None:
    """Where the clocks change, a day has an hour more or less; the next day begins where it ends."""
    window = window_of(day, "Europe/Berlin")
    assert window.ended - window.began == timedelta(hours=hours)
    assert window_of(day + timedelta(days=1), "Europe/Berlin").began == window.ended


def test_a_day_is_closed_some_time_after_it_has_ended_there() -> None:
    """01:59 in Berlin is too early for the day before, 02:00 is not."""
    at = datetime(2026, 11, 21, 0, 59, tzinfo=UTC)
    assert last_closed(at, "Europe/Berlin", timedelta(hours=2)) == date(2026, 11, 19)
    assert last_closed(at + timedelta(minutes=1), "Europe/Berlin", timedelta(hours=2)) == DAY


@pytest.mark.parametrize(
    ("manifests", "kind", "count"),
    [
        ([listed(0, 24, 7)], "manifests", 7),
        ([listed(0, 12, 3), listed(12, 24, 4)], "manifests", 7),
        ([listed(-24, 48, 9)], "manifests", None),
        ([listed(0, 13, 3), listed(12, 24, 4)], "manifests", None),
        ([listed(0, 12, 3), listed(13, 24, 4)], "none", None),
        ([listed(0, 24, 7, received=23)], "none", None),
        ([listed(0, 24, 7, received=24)], "none", None),
        ([listed(0, 12, 3), listed(0, 24, 7)], "manifests", 7),
        ([listed(0, 24, 7), listed(20, 48, 9)], "manifests", 7),
        ([listed(0, 24, 7), listed(24, 48, 9)], "manifests", 7),
        ([listed(0, 12, 3), listed(0, 12, 3), listed(12, 24, 4)], "manifests", 7),
        ([listed(0, 12, 3), listed(12, 30, 9)], "manifests", None),
        ([listed(-6, 12, 3), listed(12, 24, 9)], "manifests", None),
        ([], "none", None),
    ],
)
def test_only_what_covers_the_whole_day_says_how_many_orders_there_were(
    manifests: list[Listed], kind: str, count: int | None
) -> None:
    """Manifests that tile the day give the figure; wider or overlapping ones only say that nothing else was there."""
    for order in itertools.permutations(manifests):
        found = evidence_of(WINDOW, order, None)
        assert (found.kind, found.listed) == (kind, count)


def test_a_manifest_is_believed_up_to_five_minutes_before_it_came() -> None:
    """What was ordered after that may not have been in it."""
    minutes = Instant(to_instant(WINDOW.ended) + 5 * 60_000_000)
    for received, kind in ((minutes, "manifests"), (Instant(minutes - 1), "none")):
        manifest = msgspec.structs.replace(listed(0, 24, 7), received=received)
        assert evidence_of(WINDOW, [manifest], None).kind == kind


def test_polls_that_read_every_change_of_the_day_cover_it() -> None:
    """From before it began until it had ended, and not an instant less."""
    ended = to_instant(WINDOW.ended)
    assert evidence_of(WINDOW, [], (BEGAN, ended)).kind == "poll"
    assert evidence_of(WINDOW, [], (Instant(BEGAN + 1), ended)).kind == "none"
    assert evidence_of(WINDOW, [], (BEGAN, Instant(ended - 1))).kind == "none"


def test_without_anybody_who_says_how_many_nothing_is_claimed() -> None:
    """All that is here may be in Fulfil; that it was all is not said."""
    said = stated(tallied(("web/1", "imported", 7, None)), Evidence(kind="none"))
    assert (said.verdict, said.had, said.received, said.sales) == ("unproven", None, 1, 1)


def test_every_order_stands_in_one_place_of_the_equation() -> None:
    """A cancelled order with a sale is a sale; an excluded one is counted by its rule."""
    tally = tallied(
        ("web/1", "imported", 7, None), ("web/2", "held", None, None), ("web/3", "waiting", None, None),
        ("web/4", "excluded", None, "test orders"), ("web/5", "excluded", None, "refunded in full"),
        ("web/6", "cancelled", None, None), ("web/7", "cancelled", 8, None), ("web/8", "creating", None, None),
        ("web/9", "new", None, None), ("web/10", "unknown", None, None), ("web/11", "excluded", None, None),
    )  # fmt: skip
    said = stated(tally, Evidence(kind="manifests", listed=11))
    parts = (said.sales, said.on_the_way, said.held, said.waiting, sum(said.excluded.values()), said.cancelled)
    assert parts == (2, 3, 1, 1, 3, 1)
    assert said.excluded == {"test orders": 1, "refunded in full": 1, "no rule that is named": 1}
    assert sum(parts) == said.received == said.had == 11
    assert said.verdict == "complete"


def test_an_order_that_is_held_or_left_out_is_no_sale_whatever_it_is_linked_to() -> None:
    """It has a sale, and its figures are not settled: it stands where somebody has to look."""
    said = stated(
        tallied(("web/1", "held", 7, None), ("web/2", "excluded", 8, "test orders"), ("web/3", "waiting", 9, None)),
        Evidence(kind="poll"),
    )
    assert (said.sales, said.held, said.excluded, said.waiting) == (0, 1, {"test orders": 1}, 1)


def test_where_each_order_stands_is_in_the_digest_of_a_statement() -> None:
    """Its state, its sale and its rule: figures may be the same when two orders have changed places."""
    orders = [
        ("web/1", "imported", 7, None), ("web/2", "imported", 7, None), ("web/1", "imported", 8, None),
        ("web/1", "cancelled", None, None), ("web/1", "excluded", None, None), ("web/1", "excluded", None, "test"),
        ("web/1", "excluded", 7, "test"),
    ]  # fmt: skip
    assert len({tallied(each).digest for each in orders}) == len(orders)
    assert tallied(orders[0]).digest == tallied(orders[0]).digest


def test_a_statement_says_in_words_what_it_claims_and_what_not() -> None:
    """By whose word, and what keeps it from being whole."""
    tally = tallied(("web/1", "imported", 7, None))
    assert sentence_of(stated(tally, Evidence(kind="none"))) == (
        "web, 2026-11-20: nothing says how many orders the sales channel had, so completeness is not claimed"
    )
    assert sentence_of(stated(tally, Evidence(kind="poll"))) == (
        "web, 2026-11-20: the sales channel had 1 orders, by polls; 1 of them are here"
    )
    assert sentence_of(stated(tally, Evidence(kind="manifests", listed=3), gone=4, undated=5)) == (
        "web, 2026-11-20: the sales channel had 3 orders, by manifests; 1 of them are here; 2 never arrived; 4 sales "
        "are in Fulfil no longer; of 5 deliveries nobody can say of which day they are"
    )


def test_what_is_missing_is_named_and_counted_even_where_its_name_is_no_longer_known() -> None:
    """The manifest's own figure counts, when less is known by name."""
    tally = tallied(("web/1", "imported", 7, None))
    by_name = stated(tally, Evidence(kind="manifests", keys=("m",)), ("9", "8", "9"))
    assert (by_name.verdict, by_name.had, by_name.missing, by_name.named) == ("incomplete", 3, 2, ("8", "9"))
    by_figure = stated(tally, Evidence(kind="manifests", listed=4), ("9",))
    assert (by_figure.had, by_figure.missing, by_figure.named) == (4, 3, ("9",))


def test_two_hundred_missing_orders_are_named_and_all_are_counted() -> None:
    """The first of them by their names."""
    names = tuple(f"{number:03}" for number in range(201))
    said = stated(tallied(), Evidence(kind="manifests"), names[::-1])
    assert (said.named, said.missing, said.verdict) == (names[:200], 201, "incomplete")


@pytest.mark.parametrize("more", [{"undated": 1}, {"gone": 1}])
def test_what_is_of_no_known_day_or_gone_from_fulfil_keeps_a_day_from_being_complete(more: dict[str, int]) -> None:
    """Nothing is missing by the list, and it is still not whole."""
    tally = tallied(("web/1", "imported", 7, None))
    assert stated(tally, Evidence(kind="poll"), **more).verdict == "incomplete"


STATES = st.sampled_from(["new", "held", "creating", "unknown", "imported", "cancelled", "waiting", "excluded"])


@given(st.lists(st.tuples(STATES, st.booleans()), max_size=30), st.integers(0, 40), st.integers(0, 5))
def test_both_sides_of_the_equation_are_equal_whatever_there_is(
    orders: list[tuple[str, bool]], listed_count: int, missing: int
) -> None:
    """Had = parts + missing; the same figures have the same digest, and any other order has another one."""
    tally = Tally()
    for number, (state, has_sale) in enumerate(orders):
        tally.add(f"web/{number}", state, number + 1 if has_sale else None, None)
    names = tuple(f"m{number}" for number in range(missing))
    said = stated(tally, Evidence(kind="manifests", listed=listed_count), names)
    parts = said.sales + said.on_the_way + said.held + said.waiting + sum(said.excluded.values()) + said.cancelled
    assert said.received == parts == len(orders)
    assert said.had == parts + said.missing
    again = msgspec.json.decode(msgspec.json.encode(said), type=Statement)
    assert again.digest == said.digest
    tally.add("web/more", "imported", 1, None)
    assert stated(tally, Evidence(kind="manifests", listed=listed_count), names).digest != said.digest


def test_finance_has_one_time_zone() -> None:
    """Two sections that disagree are a problem at its place."""
    with pytest.raises(RuleBroken) as broken:
        Config(
            fulfil=None, intake=IntakeSettings(keys=(Secret("intake-key-0123456789"),)), sales_channels={},  # type: ignore[arg-type]
            payments=PaymentSettings(time_zone="Europe/Berlin"),
            reconciliation=ReconciliationSettings(time_zone="Europe/London"),
        )  # fmt: skip
    assert ("reconciliation", "time_zone") in broken.value.found
