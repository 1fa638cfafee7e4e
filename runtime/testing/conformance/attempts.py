"""Every call, read or write: one attempt, and the truth about how it ended.

Each function is one rule. It is given the connector and one of its calls, opens both sides anew, and raises `Violation`
when the rule is broken. They run in virtual time, so waiting for a timeout costs nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import msgspec

from runtime.api import Api, RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from runtime.testing.conformance.ending import PERSON, Done, Ending, broken, ending_of, require, require_failure
from runtime.testing.conformance.outside import Outside, nobody, open_outside
from runtime.testing.conformance.subject import (
    Asked,
    Break,
    Call,
    Conditions,
    Connector,
    Reply,
    Respond,
    json_reply,
)

TIMEOUT_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 100_000
_ENDLESS_BYTES: Final = 32_000_000
"""More than the buffers of a connection hold."""
_LOST: Final = (Unavailable, Unknown)
"""A read that was not answered: both are repeated, and neither does harm."""


@asynccontextmanager
async def both(
    connector: Connector, respond: Respond, readings: list[RateReading] | None = None, *, url: str | None = None
) -> AsyncIterator[tuple[Api, Outside]]:
    """The connector and the outside that it calls."""
    seen = [] if readings is None else readings
    async with open_outside(respond) as outside:
        conditions = Conditions(
            url=outside.url if url is None else url,
            request_timeout_s=TIMEOUT_S,
            answer_bytes_max=ANSWER_BYTES_MAX,
            observe=seen.append,
        )
        async with connector.open(conditions) as api:
            yield api, outside


def always(reply: Reply) -> Respond:
    """The same answer to every request."""
    return lambda _asked: reply


async def performed(connector: Connector, call: Call, api: Api) -> Ending:
    """How one attempt ends."""
    return await ending_of(call, api.perform(call.kind, call.body), connector.secret)


def require_one_request(call: Call, outside: Outside, when: str) -> None:
    """Exactly one request has gone out."""
    sent = len(outside.asked)
    require(sent == 1, call, f"{when}, and {sent} requests went out instead of one: a connector never repeats")


# -- the rules ---------------------------------------------------------------------------------------------------------


async def an_answer_is_its_result_and_one_request(connector: Connector, call: Call) -> None:
    """All is well: the declared result, after exactly one request of the declared method and path."""
    async with both(connector, always(call.answer)) as (api, outside):
        ending = await performed(connector, call, api)
    if not isinstance(ending, Done):
        broken(call, f"it was answered well, and it raised {type(ending).__name__} ({ending})")
    require(ending.result == call.result, call, f"it returned {ending.result!r} instead of {call.result!r}")
    require_one_request(call, outside, "it was answered well")
    asked = outside.asked[0]
    require(
        (asked.verb, asked.path) == (call.verb, call.path),
        call,
        f"it asked {asked.verb} {asked.path} instead of {call.verb} {call.path}",
    )


async def a_refusal_is_refused(connector: Connector, call: Call) -> None:
    """A refusal has a code and is not tried again."""
    async with both(connector, always(connector.answers.refused)) as (api, outside):
        ending = await performed(connector, call, api)
    failure = require_failure(call, ending, (Refused,), "the API refused it")
    code = failure.code if isinstance(failure, Refused) else ""
    require(bool(code), call, "the refusal has no code, so nobody could decide about it")
    wanted = connector.answers.refused_code
    require(wanted is None or code == wanted, call, f"the refusal's code is {code!r} instead of {wanted!r}")
    require_one_request(call, outside, "the API refused it")


async def refused_credentials_are_unauthorised(connector: Connector, call: Call) -> None:
    """Credentials that are refused stop the lane; they are no reason to hold what was to be sent."""
    if connector.answers.unauthorised is None:
        return
    async with both(connector, always(connector.answers.unauthorised)) as (api, outside):
        ending = await performed(connector, call, api)
    require_failure(call, ending, (Unauthorised,), "the credentials were refused")
    require_one_request(call, outside, "the credentials were refused")


async def a_rate_limit_is_throttled_with_its_wait(connector: Connector, call: Call) -> None:
    """A rate limit is no refusal: the call waits as long as the answer says, and the runtime does the waiting."""
    async with both(connector, always(connector.answers.throttled)) as (api, outside):
        ending = await performed(connector, call, api)
    failure = require_failure(call, ending, (Throttled,), "the API limited the rate")
    wanted = connector.answers.throttled_after_s
    require(
        failure.retry_after_s == wanted,
        call,
        f"the API said to wait {wanted} s, and the failure says {failure.retry_after_s}",
    )
    require_one_request(call, outside, "the API limited the rate")


async def a_failing_server_leaves_a_write_unknown(connector: Connector, call: Call) -> None:
    """A failure of the server proves nothing: a write may have been applied."""
    async with both(connector, always(connector.answers.failed)) as (api, outside):
        ending = await performed(connector, call, api)
    require_failure(call, ending, (Unknown,) if call.is_write else _LOST, "the server failed")
    require_one_request(call, outside, "the server failed")


async def each_documented_error_is_its_failure(connector: Connector, call: Call) -> None:
    """The rows of the API's own table of errors."""
    for row in connector.answers.others:
        async with both(connector, always(row.reply)) as (api, outside):
            ending = await performed(connector, call, api)
        wanted = row.write if call.is_write else row.read
        require_failure(call, ending, (wanted,), f"HTTP {row.reply.status} came back ({row.source})")
        require_one_request(call, outside, f"HTTP {row.reply.status} came back")


async def a_lost_answer_is_no_success_and_no_second_request(connector: Connector, call: Call) -> None:
    """However the connection breaks after the request: unknown for a write, and nothing is sent again."""
    for how in Break:
        async with both(connector, always(call.answer)) as (api, outside):
            outside.breaks = how
            ending = await performed(connector, call, api)
        require_failure(call, ending, (Unknown,) if call.is_write else _LOST, how.value)
        require_one_request(call, outside, how.value)


async def a_kept_connection_that_is_gone_sends_nothing_twice(connector: Connector, call: Call) -> None:
    """A second call meets a kept-alive connection that is closed under it: HTTP clients like to repeat then."""
    async with both(connector, always(call.answer)) as (api, outside):
        await performed(connector, call, api)
        outside.breaks, outside.spared = Break.CLOSED, 1
        ending = await performed(connector, call, api)
    when = "a kept connection was closed under the second call"
    require_failure(call, ending, (Unknown,) if call.is_write else _LOST, when)
    require(len(outside.asked) == 2, call, f"{when}, and it was sent {len(outside.asked) - 1} times")  # noqa: PLR2004


async def what_was_never_sent_is_unavailable(connector: Connector, call: Call) -> None:
    """Nobody listens: certainly not applied, so a write needs no look."""
    async with both(connector, always(call.answer), url=nobody()) as (api, _outside):
        ending = await performed(connector, call, api)
    require_failure(call, ending, (Unavailable,), "nobody listened")


async def an_endless_answer_is_not_read_to_its_end(connector: Connector, call: Call) -> None:
    """What is read has a bound; beyond it the answer is lost."""
    async with both(connector, always(call.answer)) as (api, outside):
        outside.endless_bytes_max = _ENDLESS_BYTES
        ending = await performed(connector, call, api)
        taken = outside.streamed_bytes
    allowed: tuple[type[Failure], ...] = (Unknown,) if call.is_write else (*_LOST, Refused)
    require_failure(call, ending, allowed, "the answer was larger than allowed")
    require(taken < _ENDLESS_BYTES, call, f"it read {taken} bytes where {ANSWER_BYTES_MAX} are allowed")


_TOLD_APART: Final = (200, 201, 202, 204, 302, 400, 404, 409, 422, 500)
"""Statuses that a connector may look into: all that can be a success, and those in which it may look for a reason."""
_OTHERS: Final = (301, 307, 308, 402, 408, 410, 418, 501, 502, 503, 504, 520)
_PAGE: Final = b"<html>welcome</html>"
_BODIES: Final = (
    *(b"", b"null", b"true", b"0", b'"text"', b"[]", b"{}", b"[null]", _PAGE, b"\xff\xfe", b'{"error": '),
    *(b"[" * 5_000, b'{"message": "' + b"y" * 5_000 + b'"}', b'{"errors": [[1]], "data": 5}'),
    b'{"message": "Order of %s is wrong", "error": "%s"}' % (PERSON.encode(), PERSON.encode()),
    b"Order of %s is wrong" % PERSON.encode(),
)
_STRANGE: Final = (
    *itertools.product(_TOLD_APART, _BODIES),
    *((status, body) for place, status in enumerate(_OTHERS) for body in _BODIES[place % 4 :: 4]),
)
"""Statuses with bodies: all of these with the former; of the latter each has a quarter of them, in turn."""
_REDIRECTS: Final = 300
_REFUSALS: Final = 400
_SERVER: Final = 500
_TIMEOUT: Final = 408
_NO_CONTENT: Final = 204
"""It comes without a body, whatever was given to it."""


async def a_strange_answer_is_never_taken_for_more_than_it_says(connector: Connector, call: Call) -> None:
    """Any status with any body: a result or a Failure, never a success above 299, never a followed redirect."""
    headers = {"Content-Type": "application/json", "Location": "/elsewhere"}
    async with both(connector, always(call.answer)) as (api, outside):
        for status, body in _STRANGE:
            outside.asked.clear()
            outside.respond = always(Reply(status=status, headers=headers, body=body))
            ending = await performed(connector, call, api)
            when = f"HTTP {status} came back with the body {body[:40]!r}"
            _require_modest(call, ending, status, when)
            page = call.is_write and not call.any_success and body == _PAGE and status != _NO_CONTENT
            require(not (page and isinstance(ending, Done)), call, f"{when}, and it was taken for a success")
            require_one_request(call, outside, when)


def _require_modest(call: Call, ending: Ending, status: int, when: str) -> None:
    if status < _REDIRECTS:
        if isinstance(ending, Failure):
            allowed: tuple[type[Failure], ...] = (Unknown,) if call.is_write else (*_LOST, Refused)
            require_failure(call, ending, allowed, when)
        return
    if status < _REFUSALS:
        allowed = (Unknown, Refused) if call.is_write else (*_LOST, Refused)
    elif status >= _SERVER or status == _TIMEOUT:
        allowed = (Unknown,) if call.is_write else _LOST
    else:
        allowed = (Refused, Unauthorised, Throttled)
    require_failure(call, ending, allowed, when)


async def a_cancelled_call_leaves_nothing_half_done(connector: Connector, call: Call) -> None:
    """Cancelled while it waits: it ends at once, sends nothing more, and its late answer is nobody else's."""
    late = json_reply({"late": PERSON})
    turn = 0

    def respond(_asked: Asked) -> Reply:
        nonlocal turn
        turn += 1
        return late if turn == 1 else call.answer

    async with both(connector, respond) as (api, outside):
        outside.held = anyio.Event()
        await _cancelled(connector, call, api)
        outside.held.set()
        outside.held = None
        await anyio.sleep(2 * TIMEOUT_S)
        require_one_request(call, outside, "it was cancelled")
        ending = await performed(connector, call, api)
    right = isinstance(ending, Done) and ending.result == call.result
    require(right, call, f"after a cancelled call the next one ended with {ending!r}: it met the other's answer")


async def _cancelled(connector: Connector, call: Call, api: Api) -> None:
    ended: list[Ending] = []

    async def attempt() -> None:
        ended.append(await performed(connector, call, api))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attempt)
        await anyio.sleep(TIMEOUT_S / 2)
        began = anyio.current_time()
        tasks.cancel_scope.cancel()
    require(not ended, call, f"it was cancelled, and it ended with {ended} as if nothing had happened")
    took_s = anyio.current_time() - began
    require(took_s < 1, call, f"it was cancelled, and took {took_s:g} s to end")


async def what_the_limit_says_is_told(connector: Connector, call: Call) -> None:
    """The budget learns its limit from answers, so each answer's reading is handed on: of refusals, too."""
    said = connector.answers.rate_headers
    if not said:
        return
    for reply in (call.answer, connector.answers.refused):
        readings: list[RateReading] = []
        with_limit = msgspec.structs.replace(reply, headers={**reply.headers, **said})
        async with both(connector, always(with_limit), readings) as (api, _outside):
            await performed(connector, call, api)
        require(
            connector.answers.rate in readings,
            call,
            f"an answer told its limit, and {readings} was observed instead of {connector.answers.rate}",
        )


async def calls_at_once_do_not_meet(connector: Connector, call: Call) -> None:
    """Three at once are three requests and three right results."""
    endings: list[Ending] = []

    async def attempt(api: Api) -> None:
        endings.append(await performed(connector, call, api))

    async with both(connector, always(call.answer)) as (api, outside), anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(attempt, api)
    right = [ending for ending in endings if isinstance(ending, Done) and ending.result == call.result]
    require(len(right) == len(outside.asked) == 3, call, f"three calls at once ended with {endings}")  # noqa: PLR2004


EVERY_CALL: Final = (
    an_answer_is_its_result_and_one_request,
    a_refusal_is_refused,
    refused_credentials_are_unauthorised,
    a_rate_limit_is_throttled_with_its_wait,
    a_failing_server_leaves_a_write_unknown,
    each_documented_error_is_its_failure,
    a_lost_answer_is_no_success_and_no_second_request,
    a_kept_connection_that_is_gone_sends_nothing_twice,
    what_was_never_sent_is_unavailable,
    an_endless_answer_is_not_read_to_its_end,
    a_strange_answer_is_never_taken_for_more_than_it_says,
    a_cancelled_call_leaves_nothing_half_done,
    what_the_limit_says_is_told,
    calls_at_once_do_not_meet,
)
"""The rules that every call keeps."""
