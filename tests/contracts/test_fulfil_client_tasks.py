"""Answers that only promise a result (`AsyncResult`): they are waited for, and never taken for the result.

Facts: section 2, the row of async tasks; section 11, the client's `AsyncResult`. Time is virtual.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from connectors.fulfil.calls import Applied
from connectors.fulfil.changes import Changes
from connectors.fulfil.orders import create_order
from connectors.fulfil.sales import SALES
from connectors.fulfil.wire import CreatedSale
from connectors.fulfil.workflow import PROCESS_SALE
from runtime.errors import Failure, Refused, Unavailable, Unknown
from runtime.testing.virtual_time import VirtualLoop
from tests.contracts.fulfil_at import Door, door, failure_of
from tests.unit.test_fulfil_wire import made_order

PROMISE = {"__class__": "AsyncResult", "task_id": "8f3a", "token": "t-1"}
CREATE, READ = create_order(3, made_order()), SALES.changed(Changes())
USER_ERROR = {"type": "UserError", "code": "E1000", "message": "no such SKU", "description": ""}


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The test on a loop that jumps over pauses."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        async def main() -> None:
            with anyio.fail_after(3_600):
                await test(**given)

        anyio.run(main, backend_options={"loop_factory": VirtualLoop})

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


def tells(at: Door, *states: tuple[str, Any]) -> None:
    """A promise, and then these states of its task, one per question."""
    at.fulfil.will_answer(PROMISE)
    for state, result in states:
        at.fulfil.will_answer({"tasks": [{"state": state, "result": result}]})


@in_virtual_time
async def test_a_promised_result_is_what_would_have_been_answered_at_once() -> None:
    """`POST /api/v2/async-result` with `{"tasks": [[task_id, token]]}` until the state is SUCCESS."""
    async with door() as at:
        tells(at, ("PENDING", None), ("STARTED", None), ("RETRY", None), ("SUCCESS", {"id": 90211, "number": "SO1"}))
        assert await at.api.make(CREATE) == CreatedSale(id=90211, number="SO1")
    asked = [(method, path, body) for method, path, _, body in at.fulfil.asked[1:]]
    assert asked == [("POST", "/api/v2/async-result", {"tasks": [["8f3a", "t-1"]]})] * 4


@in_virtual_time
async def test_a_step_and_a_read_may_be_promised_as_well() -> None:
    """Any method may."""
    async with door() as at:
        tells(at, ("SUCCESS", None))
        assert await at.api.make(PROCESS_SALE([5])) == Applied((5,))
        tells(at, ("SUCCESS", [{"id": 5}]))
        assert [row.id for row in (await at.api.make(READ)).rows] == [5]


@in_virtual_time
async def test_pauses_grow_and_the_wait_is_bounded_after_which_a_write_is_unknown() -> None:
    """A worker that never finishes may still finish; the write is looked for."""
    async with door(task_wait_s=20.0) as at:
        for ask, expected in ((CREATE, Unknown), (READ, Unavailable)):
            tells(at, *[("PENDING", None)] * 30)
            began = anyio.current_time()
            assert type(await failure_of(at.api.make(ask))) is expected
            assert 20 <= anyio.current_time() - began <= 45
            polls = 30 - len(at.fulfil.answers)
            assert polls <= 10
            at.fulfil.answers.clear()


@pytest.mark.parametrize(
    ("state", "result", "write", "read"),
    [
        pytest.param("FAILURE", USER_ERROR, Refused, Refused, id="refused by a rule"),
        pytest.param("FAILURE", "Traceback ...", Unknown, Unavailable, id="failed somehow"),
        pytest.param("FAILURE", None, Unknown, Unavailable, id="failed without a word"),
        pytest.param("REVOKED", None, Unknown, Unavailable, id="a state that is not known"),
        pytest.param("SUCCESS", "Error: broken", Unknown, Unavailable, id="a result that cannot be read"),
        pytest.param("SUCCESS", PROMISE, Unknown, Unavailable, id="another promise"),
    ],
)
@in_virtual_time
async def test_a_task_that_did_not_succeed_is_refused_only_when_a_rule_says_so(
    state: str, result: Any, write: type[Failure], read: type[Failure]
) -> None:
    """A refusal rolls back; anything else may have happened after a commit."""
    for ask, expected in ((CREATE, write), (READ, read)):
        async with door() as at:
            tells(at, (state, result))
            failure = await failure_of(at.api.make(ask))
        assert type(failure) is expected
        if expected is Refused:
            assert "no such SKU" in str(failure)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param({"error": "unknown task"}, 200, id="error"),
        pytest.param({"tasks": []}, 200, id="no task"),
        pytest.param(b"<html>", 200, id="no JSON"),
        pytest.param(b"", 500, id="500"),
        pytest.param({"message": "no"}, 401, id="401"),
        pytest.param({"message": "no"}, 404, id="404"),
        pytest.param({"type": "UserError", "code": "E1000", "message": "no"}, 400, id="400"),
        pytest.param({"description": "too many"}, 429, id="429"),
    ],
)
@in_virtual_time
async def test_asking_for_a_task_in_vain_proves_nothing_about_the_write(answer: Any, status: int) -> None:
    """Whatever befalls the question, the worker may be at it."""
    for ask, expected in ((CREATE, Unknown), (READ, Unavailable)):
        async with door() as at:
            at.fulfil.will_answer(PROMISE)
            at.fulfil.will_answer(answer, status=status, Retry_After="7")
            failure = await failure_of(at.api.make(ask))
        assert type(failure) is expected


@in_virtual_time
async def test_a_question_that_is_throttled_is_asked_again_and_the_write_stays_known() -> None:
    """To look for it while the worker is at it would find nothing, and what is absent is sent again."""
    async with door() as at:
        at.fulfil.will_answer(PROMISE)
        at.fulfil.will_answer({"description": "too many"}, status=429, Retry_After="2")
        at.fulfil.will_answer({"tasks": [{"state": "SUCCESS", "result": None}]})
        began = anyio.current_time()
        assert await at.api.make(PROCESS_SALE([5])) == Applied((5,))
        assert anyio.current_time() - began >= 2
    async with door(task_wait_s=20.0) as at:
        at.fulfil.will_answer(PROMISE)
        for _ in range(30):
            at.fulfil.will_answer({"description": "too many"}, status=429, Retry_After="3600")
        began = anyio.current_time()
        assert type(await failure_of(at.api.make(CREATE))) is Unknown
        assert anyio.current_time() - began <= 45


@in_virtual_time
async def test_a_wait_that_is_cancelled_asks_no_more() -> None:
    """Nothing of it goes on in the background."""
    async with door(task_wait_s=300.0) as at:
        tells(at, *[("PENDING", None)] * 100)
        with anyio.move_on_after(5):
            await at.api.make(CREATE)
        polls = len(at.fulfil.asked)
        await anyio.sleep(600)
        assert len(at.fulfil.asked) == polls
