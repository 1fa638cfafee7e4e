"""What is found out about a start or a retry whose answer was lost, and what is not pretended to be known.

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.patchworks.looking import CANDIDATES_MAX
from connectors.patchworks.requests import StartFlow, encode
from connectors.patchworks.wire import RetryStarted, Started
from runtime.errors import Failure, Refused, Unavailable
from tests.contracts.patchworks_core import Door, Patchworks, door, listed, run_row

pytestmark = pytest.mark.anyio

BATCH = "stk-20261120-0917-0003"
OURS = {"batch_id": BATCH, "mode": "absolute", "levels": []}
ANOTHERS = {"batch_id": "stk-20261120-0917-0002", "levels": []}
BEGAN_MS = 1_795_166_220_000
RUNS = "GET /core/api/v1/flow-runs"
QUEUE = "GET /core/api/v1/scheduled-flows"
PAYLOADS = "GET /core/api/v1/payload-metadata"
LATER = {"trigger": "Retry", "started_at": "2026-11-20T10:00:00Z"}


def start(*known_run_ids: str) -> bytes:
    """The stored bytes of the start that is looked for."""
    payload = msgspec.Raw(msgspec.json.encode(OURS))
    return encode(StartFlow(flow_id="4320", key=BATCH, began_ms=BEGAN_MS, payload=payload, known_run_ids=known_run_ids))


def holds(patchworks: Patchworks, *runs: dict[str, Any], queue: tuple[dict[str, Any], ...] = ()) -> None:
    """Script the runs and the queue of the flow."""
    patchworks.will_answer(RUNS, listed(*runs))
    patchworks.will_answer(QUEUE, listed(*queue))


def payload_of(patchworks: Patchworks, run_id: str, payload_id: int, content: Any, *, status: int = 200) -> None:
    """Script the payload list of one run, in the order of looks, and its content."""
    patchworks.will_answer(PAYLOADS, listed({"id": payload_id, "flow_run_id": run_id}))
    patchworks.will_answer(f"{PAYLOADS}/{payload_id}/download", content, status=status)


async def look(at: Door, *known_run_ids: str) -> Started | None:
    """The look after the start's answer was lost."""
    found = await at.api.look("start_flow", start(*known_run_ids))
    assert found is None or isinstance(found, Started)
    return found


async def test_a_run_is_known_again_by_the_batch_in_its_payload() -> None:
    """Proof, whatever else runs in the flow; the flow, the time and the oldest first are what is asked for."""
    async with door(clock_tolerance_s=120) as at:
        holds(at.patchworks, run_row("old", trigger="API"), run_row("new", trigger="API"))
        payload_of(at.patchworks, "old", 6, ANOTHERS)
        payload_of(at.patchworks, "new", 7, OURS)
        assert await look(at) == Started(run_id="new", evidence="payload")
    asked = next(each for each in at.patchworks.asked if each.path.endswith("flow-runs"))
    assert asked.query["filter[flow_id]"] == "4320"
    assert asked.query["filter[started_after]"] == str(BEGAN_MS - 120_000)
    assert asked.query["sort"] == "started_at"


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "flat"])
async def test_a_run_is_found_in_both_styles(attributes: bool) -> None:
    """Facts 1.5."""
    async with door() as at:
        holds(at.patchworks, run_row("r1", attributes=attributes))
        payload_of(at.patchworks, "r1", 7, [OURS])
        assert await look(at) == Started(run_id="r1", evidence="payload")


async def test_the_first_payload_is_the_one_that_was_sent_wherever_it_is_listed() -> None:
    """Later steps' payloads may have lost the key."""
    async with door() as at:
        holds(at.patchworks, run_row("r1"))
        rows = [{"id": 10, "flow_run_id": "r1"}, {"id": 9, "flow_run_id": "r1"}]
        at.patchworks.will_answer(PAYLOADS, listed(rows[0], last=2))
        at.patchworks.will_answer(PAYLOADS, listed(rows[1], page=2, last=2))
        at.patchworks.will_answer(f"{PAYLOADS}/9/download", OURS)
        at.patchworks.will_answer(f"{PAYLOADS}/10/download", [{"sku": "CAP-RED"}])
        assert await look(at) == Started(run_id="r1", evidence="payload")


async def test_nothing_is_found_where_nothing_is() -> None:
    """No run and nothing waiting: absent, as far as can be seen."""
    async with door() as at:
        holds(at.patchworks)
        assert await look(at) is None
    assert at.patchworks.calls() == [QUEUE, RUNS]


@pytest.mark.parametrize("trigger", ["Schedule", "Retry", "Webhook", "Manual"])
async def test_runs_by_other_triggers_are_not_ours(trigger: str) -> None:
    """Facts 2.2: a start by the Start API has the trigger API."""
    async with door() as at:
        holds(at.patchworks, run_row("r1", trigger=trigger))
        assert await look(at) is None


async def test_a_run_that_an_earlier_start_turned_out_to_be_is_not_taken_again() -> None:
    """Known run ids travel with the start."""
    async with door() as at:
        holds(at.patchworks, run_row("r0"), run_row("r1"))
        payload_of(at.patchworks, "r1", 7, ANOTHERS)
        assert await look(at, "r0") is None


async def test_another_batchs_run_is_no_evidence() -> None:
    """Its payload was read, and is another's."""
    async with door() as at:
        holds(at.patchworks, run_row("r1"))
        payload_of(at.patchworks, "r1", 7, ANOTHERS)
        assert await look(at) is None


@pytest.mark.parametrize("trigger", ["API", 1], ids=["word", "number"])
async def test_a_run_whose_payload_cannot_be_read_is_believed_by_its_time_and_says_so(trigger: Any) -> None:
    """Facts 2.2: whether a trigger is a word or a number is not known; it excludes nothing then."""
    async with door() as at:
        holds(at.patchworks, run_row("r1", trigger=trigger))
        payload_of(at.patchworks, "r1", 7, b"", status=404)
        assert await look(at) == Started(run_id="r1", evidence="timing")


async def test_a_run_without_payload_rows_is_believed_by_its_time() -> None:
    """They may be written later than the run."""
    async with door() as at:
        holds(at.patchworks, run_row("r1"))
        at.patchworks.will_answer(PAYLOADS, listed())
        assert await look(at) == Started(run_id="r1", evidence="timing")


# -- what waits --------------------------------------------------------------------------------------------------------


async def test_a_batch_that_waits_in_the_queue_has_been_started() -> None:
    """Facts 2.2: queued is no run status; waiting runs are scheduled flows."""
    async with door() as at:
        holds(at.patchworks, queue=({"id": 1, "flow_id": 4320, "payload_metadata_id": 7, "trigger": "API"},))
        at.patchworks.will_answer(f"{PAYLOADS}/7/download", OURS)
        assert await look(at) == Started(evidence="payload")


async def test_the_queue_is_read_before_the_runs() -> None:
    """The other way round, a run that begins in between would be in neither."""
    async with door() as at:
        holds(at.patchworks, run_row("r1"))
        payload_of(at.patchworks, "r1", 7, OURS)
        await look(at)
    assert at.patchworks.calls()[:2] == [QUEUE, RUNS]


async def test_something_of_the_flow_that_waits_and_cannot_be_read_leaves_the_question_open() -> None:
    """Neither found nor absent: the runtime asks again."""
    async with door() as at:
        holds(at.patchworks, queue=({"id": 1, "flow_id": 4320, "trigger": "API"},))
        with pytest.raises(Refused) as caught:
            await look(at)
        assert caught.value.code == "still_waiting"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"flow_id": 9}, id="another flow"),
        pytest.param({"flow_id": 4320, "trigger": "Schedule"}, id="another trigger"),
        pytest.param({"flow_id": 4320, "created_at": "2026-11-19 00:00:00"}, id="from before the start"),
        pytest.param({}, id="nothing known of it"),
    ],
)
async def test_what_waits_there_for_others_does_not_matter(row: dict[str, Any]) -> None:
    """A foreign row must not keep our question open for ever."""
    async with door() as at:
        holds(at.patchworks, queue=({"id": 1, **row},))
        assert await look(at) is None


async def test_a_queue_that_may_not_be_read_says_nothing() -> None:
    """By rights or by version; the runs are looked through all the same."""
    async with door() as at:
        at.patchworks.will_answer(RUNS, listed())
        assert await look(at) is None


# -- bounds and failures -----------------------------------------------------------------------------------------------


async def test_of_many_candidates_those_that_began_soonest_after_the_start_are_read() -> None:
    """Somebody else starts this flow, too; reading all their payloads would eat the limit."""
    async with door() as at:
        holds(at.patchworks, *[run_row(f"r{n}") for n in range(CANDIDATES_MAX + 5)])
        for n in range(CANDIDATES_MAX):
            payload_of(at.patchworks, f"r{n}", 100 + n, ANOTHERS)
        assert await look(at) is None
    assert at.patchworks.calls().count(PAYLOADS) == CANDIDATES_MAX


async def test_a_flow_that_was_started_often_hides_no_run() -> None:
    """Older runs within the tolerance of the clock are more than are looked at; ours began with the start."""
    async with door(clock_tolerance_s=120) as at:
        began = datetime.fromtimestamp(BEGAN_MS / 1000, UTC)
        older = [began - timedelta(seconds=n) for n in range(2, CANDIDATES_MAX + 40)]
        runs = [run_row(f"old{n}", started_at=moment.isoformat()) for n, moment in enumerate(older)]
        ours = run_row("ours", started_at=(began + timedelta(seconds=1)).isoformat())
        holds(at.patchworks, *reversed(runs), ours)
        payload_of(at.patchworks, "ours", 7, OURS)
        assert await look(at) == Started(run_id="ours", evidence="payload")
    assert at.patchworks.calls().count(PAYLOADS) == 1


async def test_a_list_without_an_end_leaves_the_question_open() -> None:
    """Bounded in pages."""
    async with door() as at:
        at.patchworks.will_answer(QUEUE, listed())
        for number in range(1, 9):
            at.patchworks.will_answer(RUNS, listed(run_row(f"r{number}", trigger="Schedule"), page=number, last=99))
        with pytest.raises(Refused) as caught:
            await look(at)
        assert caught.value.code == "too_many_runs"


async def test_a_flow_that_has_run_a_thousand_times_since_is_read_as_far_as_our_run() -> None:
    """Oldest first: what is behind began further off than all that would be looked at."""
    async with door(clock_tolerance_s=120) as at:
        began = datetime.fromtimestamp(BEGAN_MS / 1000, UTC)
        at.patchworks.will_answer(QUEUE, listed())
        runs = [run_row(f"r{n}", started_at=(began + timedelta(seconds=n)).isoformat()) for n in range(100)]
        at.patchworks.will_answer(RUNS, listed(*runs, page=1, last=99))
        for n in range(CANDIDATES_MAX):
            payload_of(at.patchworks, f"r{n}", 100 + n, OURS if n == 3 else ANOTHERS)
        assert await look(at) == Started(run_id="r3", evidence="payload")
    assert at.patchworks.calls().count(RUNS) == 1


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(range(99, -1, -1), id="newest first all the same"),
        pytest.param(range(-110, -10), id="the page ends before the start"),
        pytest.param([0] * 100, id="all in one second"),
    ],
)
async def test_a_page_that_does_not_reach_behind_our_run_is_no_answer(seconds: Sequence[int]) -> None:
    """The next page is read, and in the end the question stays open."""
    async with door(clock_tolerance_s=120) as at:
        began = datetime.fromtimestamp(BEGAN_MS / 1000, UTC)
        at.patchworks.will_answer(QUEUE, listed())
        runs = [run_row(f"r{n}", started_at=(began + timedelta(seconds=s)).isoformat()) for n, s in enumerate(seconds)]
        for number in range(1, 9):
            at.patchworks.will_answer(RUNS, listed(*runs, page=number, last=99))
        with pytest.raises(Refused) as caught:
            await look(at)
        assert caught.value.code == "too_many_runs"


@pytest.mark.parametrize("broken", [QUEUE, RUNS, PAYLOADS, f"{PAYLOADS}/7/download"])
async def test_a_question_that_was_not_answered_is_neither_found_nor_absent(broken: str) -> None:
    """Whatever breaks on the way, nothing is concluded from it."""
    async with door() as at:
        holds(at.patchworks, run_row("r1"))
        payload_of(at.patchworks, "r1", 7, OURS)
        at.patchworks.answers[broken] = []
        at.patchworks.will_answer(broken, b"", status=503)
        with pytest.raises(Failure) as caught:
            await look(at)
        assert type(caught.value) is Unavailable


# -- retries -----------------------------------------------------------------------------------------------------------


async def test_a_retry_is_found_by_the_link_of_the_run_that_it_repeats() -> None:
    """Facts 2.2, 5: linked by retry_flow_run_id or retried_flow_run."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", status=3, retry_flow_run_id="r2")})
        assert await at.look("retry_run", run_id="r1") == RetryStarted(run_id="r2")


async def test_a_retry_is_found_by_its_own_link_to_the_run_that_it_repeats() -> None:
    """The other reading of the same names."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", status=3)})
        at.patchworks.will_answer(RUNS, listed(run_row("r2", **LATER, retried_flow_run={"id": "r1"}), run_row("r1")))
        assert await at.look("retry_run", run_id="r1") == RetryStarted(run_id="r2")
    assert at.patchworks.asked[1].query["filter[started_after]"] == "1795166221000"


@pytest.mark.parametrize(
    ("other", "found"),
    [
        pytest.param({"started_at": "2026-11-20T09:00:00Z"}, None, id="back to what it repeats"),
        pytest.param({"started_at": "2026-11-20T10:00:00Z"}, RetryStarted(run_id="r0"), id="on to what repeats it"),
        pytest.param({"started_at": None}, RetryStarted(run_id="r0"), id="on to what waits to repeat it"),
    ],
)
async def test_the_link_of_a_run_that_is_a_retry_itself_is_read_by_time(
    other: dict[str, Any], found: RetryStarted | None
) -> None:
    """It may point either way."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r0", {"data": run_row("r0", **other)})
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", trigger="Retry", retry_flow_run_id="r0")})
        at.patchworks.will_answer(RUNS, listed(run_row("r1", trigger="Retry", retry_flow_run_id="r0")))
        assert await at.look("retry_run", run_id="r1") == found


async def test_a_run_that_was_repeated_by_this_one_is_no_retry_of_it() -> None:
    """Its link says so, and its time that it came before."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", **LATER)})
        earlier = run_row("r0", trigger="Retry", retry_flow_run_id="r1")
        at.patchworks.will_answer(RUNS, listed(run_row("r1", **LATER), earlier))
        assert await at.look("retry_run", run_id="r1") is None


async def test_a_retry_that_left_no_trace_is_absent() -> None:
    """No link either way."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", status=3)})
        at.patchworks.will_answer(RUNS, listed(run_row("r1", status=3)))
        assert await at.look("retry_run", run_id="r1") is None


async def test_a_run_that_does_not_say_when_it_began_leaves_the_question_open() -> None:
    """Its flow cannot be searched."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": {"id": "r1", "status": 3}})
        with pytest.raises(Unavailable):
            await at.look("retry_run", run_id="r1")
