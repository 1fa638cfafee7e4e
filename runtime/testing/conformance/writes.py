"""Writes: the stored bytes are what goes out, and an unknown outcome is looked for, never repeated by hope."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from runtime.api import Api
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.decision import EffectAbsent, EffectDone, EffectUnknown, Outcome, Repeat
from runtime.errors import Failure
from runtime.lane import Intent, Lane, LaneConfig
from runtime.retry import RetryPolicy
from runtime.testing.conformance.attempts import always, both, performed
from runtime.testing.conformance.ending import Done, broken, ending_of, require
from runtime.testing.conformance.outside import Outside
from runtime.testing.conformance.subject import Asked, Break, Call, Connector, Look, Reply, Respond

_GARBAGE: Final = (Reply(body=b"<html>maintenance</html>"), Reply(body=b""), Reply(body=b'{"message": "Error"}'))
_PATIENCE_S: Final = 600.0


def _look_of(call: Call) -> Look:
    if call.look is None:
        broken(call, "it is a write, and nothing is said about how it is looked for (`look`)")
    return call.look


async def the_stored_bytes_are_what_is_sent(connector: Connector, call: Call) -> None:
    """To the byte, and the same each time: after a restart it is the stored bytes that go out."""
    if call.sent is None:
        broken(call, "it is a write, and nothing is said about the bytes that must go out (`sent`)")
    require(not _is_canonical(call.sent), call, "its bytes would survive being made anew; put a space or a 1.50 in")
    async with both(connector, always(call.answer)) as (api, outside):
        for _ in range(2):
            await performed(connector, call, api)
    for asked in outside.asked:
        require(asked.body == call.sent, call, f"{asked.body[:80]!r} went out instead of {call.sent[:80]!r}")


def _is_canonical(sent: bytes) -> bool:
    """Whether the usual encoders would make these bytes again from what they mean."""
    try:
        content = json.loads(sent)
    except ValueError:  # not JSON: nothing is known about other encoders
        return False
    forms = (json.dumps(content, separators=(",", ":")), json.dumps(content))
    return bool(content) and sent in [form.encode() for form in forms]


async def what_was_applied_is_found_by_reads_alone(connector: Connector, call: Call) -> None:
    """The look returns what `perform` would have; it writes nothing."""
    look = _look_of(call)
    async with both(connector, look.there) as (api, outside):
        ending = await _looked(connector, call, api)
    if not isinstance(ending, Done):
        broken(call, f"it was applied, and its look raised {type(ending).__name__} ({ending})")
    require(ending.result is not None, call, "it was applied, and its look says that it was not: it would be repeated")
    require(ending.result == look.found, call, f"its look found {ending.result!r} instead of {look.found!r}")
    _require_no_write(call, outside, "it was looked for")


async def what_was_not_applied_is_absent(connector: Connector, call: Call) -> None:
    """None, and nothing else, says so; and a look does not mend it."""
    async with both(connector, _look_of(call).absent) as (api, outside):
        ending = await _looked(connector, call, api)
    if not isinstance(ending, Done):
        broken(call, f"it was not applied, and its look raised {type(ending).__name__} ({ending})")
    require(ending.result is None, call, f"it was not applied, and its look found {ending.result!r}")
    _require_no_write(call, outside, "it was looked for")


async def a_look_that_is_not_answered_says_nothing(connector: Connector, call: Call) -> None:
    """Neither found nor absent: taken for absent, the write would be done twice."""
    answers = connector.answers
    for reply in filter(None, (answers.failed, answers.throttled, answers.unauthorised, *_GARBAGE)):
        async with both(connector, always(reply)) as (api, _outside):
            ending = await _looked(connector, call, api)
        _require_nothing_said(call, ending, f"its look met HTTP {reply.status} with {reply.body[:40]!r}")
    for how in Break:
        async with both(connector, _look_of(call).there) as (api, outside):
            outside.breaks = how
            ending = await _looked(connector, call, api)
        _require_nothing_said(call, ending, f"at its look {how.value}")


async def an_unknown_outcome_is_looked_for_and_not_repeated(connector: Connector, call: Call) -> None:
    """In a lane of the runtime: the answer is lost after the commit, the look finds it, one write went out."""
    outcomes, writes = await _in_a_lane(connector, call, applied=True)
    kinds = [type(outcome) for outcome in outcomes]
    require(kinds == [EffectUnknown, EffectDone], call, f"its answer was lost after the commit: {_told(outcomes)}")
    done = outcomes[-1]
    found = isinstance(done, EffectDone) and done.found_by_look
    require(found and writes == 1, call, f"its answer was lost after the commit, and {writes} writes went out")


async def an_absent_write_waits_for_a_decision(connector: Connector, call: Call) -> None:
    """In a lane of the runtime: lost before the commit, the look says absent, and nobody repeats it unasked."""
    outcomes, writes = await _in_a_lane(connector, call, applied=False)
    kinds = [type(outcome) for outcome in outcomes]
    require(kinds == [EffectUnknown, EffectAbsent], call, f"it was lost before the commit: {_told(outcomes)}")
    require(writes == 1, call, f"it was lost before the commit, and {writes} writes went out before a decision")


WRITES: Final = (
    the_stored_bytes_are_what_is_sent,
    what_was_applied_is_found_by_reads_alone,
    what_was_not_applied_is_absent,
    a_look_that_is_not_answered_says_nothing,
    an_unknown_outcome_is_looked_for_and_not_repeated,
    an_absent_write_waits_for_a_decision,
)
"""The rules that every write keeps, beside those of every call."""


# -- parts -------------------------------------------------------------------------------------------------------------


async def _looked(connector: Connector, call: Call, api: Api) -> Done | Failure:
    return await ending_of(call, api.look(call.kind, call.body), connector.secret)


def _require_no_write(call: Call, outside: Outside, when: str) -> None:
    written = outside.requests(call.verb, call.path)
    require(not written, call, f"{when}, and the write itself went out: a look only reads")


def _require_nothing_said(call: Call, ending: Done | Failure, when: str) -> None:
    if isinstance(ending, Done):
        said = "absent" if ending.result is None else f"found ({ending.result!r})"
        broken(call, f"{when}, and it said {said}; it must raise a Failure")


def _told(outcomes: Sequence[Outcome]) -> str:
    return "the lane told " + (", ".join(type(outcome).__name__ for outcome in outcomes) or "nothing")


async def _in_a_lane(connector: Connector, call: Call, *, applied: bool) -> tuple[list[Outcome], int]:
    """What the runtime's own lane makes of it, and how many writes went out. The write's connection drops each time."""
    look = _look_of(call)
    shown: Respond = look.there if applied else look.absent

    def respond(asked: Asked) -> Reply:
        written = (asked.verb, asked.path) == (call.verb, call.path)
        return call.answer if written else shown(asked)

    async with both(connector, respond) as (api, outside):
        outside.breaks = Break.CLOSED
        outside.breaks_only = (call.verb, call.path)
        intent = Intent(
            id=1, actor="actor", key="key/1", api=api.name, share="all", kind=call.kind,
            repeat=Repeat.CHECK_FIRST, body=call.body, claimed=True,
        )  # fmt: skip
        async with _lane(api, intent) as outcomes:
            await anyio.sleep(_PATIENCE_S)
        return outcomes, len(outside.requests(call.verb, call.path))


@asynccontextmanager
async def _lane(api: Api, intent: Intent) -> AsyncIterator[list[Outcome]]:
    """A lane that finds one intent on disk; the outcomes it brings."""
    outcomes: list[Outcome] = []
    clock = _LoopClock()

    async def on_disk(_share: str, after: int, *_bounds: int) -> tuple[list[Intent], bool]:
        await anyio.lowlevel.checkpoint()
        return [intent] if after < intent.id else [], True

    def ignore(*_told: Any) -> None:
        pass

    lane = Lane(
        api,
        LaneConfig(workers_per_share={"all": 2}, retry=RetryPolicy(), settle_s=1.0),
        Budget(clock, {"all": 1}, concurrency_max=2, rng=random.Random(1)),  # noqa: S311 - spreads pauses
        Breaker(),
        fetch=on_disk,
        bring_outcome=lambda _intent, outcome: outcomes.append(outcome),
        signal=ignore,
        clock=clock,
        emit=ignore,
        rng=random.Random(1),  # noqa: S311 - spreads pauses
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lane.run)
        yield outcomes
        tasks.cancel_scope.cancel()


class _LoopClock(Clock):
    """The loop's time, virtual or not; its wall time begins with the loop."""

    def now(self) -> Any:
        """Wall time, in microseconds."""
        return round(anyio.current_time() * 1e6)

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return anyio.current_time()
