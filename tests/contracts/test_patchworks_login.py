"""Tokens from a login: one login for all calls, renewed before its end and when it is refused (facts 1.2).

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import msgspec
import pytest

from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.requests import StartFlow, encode
from runtime.config import Secret
from runtime.errors import Failure, Throttled, Unauthorised, Unavailable
from tests.contracts.patchworks_core import PASSWORD, Door, door, listed

pytestmark = pytest.mark.anyio

LOGIN = "POST /fabric/api/login"
RUNS = "GET /core/api/v1/flow-runs"
STARTING = "POST /start/api/v1/flows/4320/start/raw"
START = encode(StartFlow(flow_id="4320", key="stk-0001", began_ms=1, payload=msgspec.Raw(b'{"batch_id":"stk-0001"}')))
DAY_S = 86_400


def logging_in(**settings: Any) -> AbstractAsyncContextManager[Door]:
    """A connector that logs in."""
    return door(auth="login", login_name="seamline@example.com", token=Secret(PASSWORD), **settings)


def gives(at: Door, *tokens: str, **more: Any) -> None:
    """Script the logins' answers."""
    for token in tokens:
        at.patchworks.will_answer(LOGIN, {"message": "ok", "token": token, "expires_in": DAY_S} | more)


def presented(at: Door) -> list[str]:
    """What the calls, logins aside, presented."""
    return [each.headers["authorization"] for each in at.patchworks.asked if not each.path.endswith("login")]


async def failure_of(at: Door) -> Failure:
    """The failure of a read."""
    with pytest.raises(Failure) as caught:
        await at.perform("list_runs")
    return caught.value


@pytest.mark.parametrize("field", ["username", "email"])
async def test_a_login_gives_a_bearer_token_and_is_made_once(field: str) -> None:
    """Facts 1.2: newer pages say `username`, older ones `email`; one token serves both APIs."""
    async with logging_in(login_name_field=field) as at:
        gives(at, "jwt-1")
        at.patchworks.will_answer(RUNS, listed())
        at.patchworks.will_answer(STARTING, {"flow_run_id": "r1"})
        await at.perform("list_runs")
        await at.api.perform("start_flow", START)
    assert at.patchworks.calls() == [LOGIN, RUNS, STARTING]
    assert json.loads(at.patchworks.asked[0].body) == {field: "seamline@example.com", "password": PASSWORD}
    assert presented(at) == ["Bearer jwt-1"] * 2


async def test_many_calls_at_once_share_one_login() -> None:
    """A burst at start must not lock the account."""
    async with logging_in() as at:
        gives(at, "jwt-1")
        at.patchworks.will_answer(RUNS, listed())
        async with anyio.create_task_group() as calls:
            for _ in range(8):
                calls.start_soon(at.perform, "list_runs")
    assert at.patchworks.calls().count(LOGIN) == 1


async def test_a_token_is_renewed_in_its_last_tenth() -> None:
    """Facts 1.2, 8: 24 hours; before they end."""
    async with logging_in() as at:
        gives(at, "jwt-1", "jwt-2")
        at.patchworks.will_answer(RUNS, listed())
        await at.perform("list_runs")
        at.clock.seconds += 0.89 * DAY_S
        await at.perform("list_runs")
        at.clock.seconds += 0.02 * DAY_S
        await at.perform("list_runs")
    assert presented(at) == ["Bearer jwt-1", "Bearer jwt-1", "Bearer jwt-2"]


async def test_a_renewal_that_fails_is_no_failure_while_the_old_token_lives() -> None:
    """It is tried again a minute later, and matters only at the end."""
    async with logging_in() as at:
        gives(at, "jwt-1")
        at.patchworks.will_answer(LOGIN, b"", status=503)
        at.patchworks.will_answer(RUNS, listed())
        await at.perform("list_runs")
        at.clock.seconds += 0.95 * DAY_S
        await at.perform("list_runs")
        await at.perform("list_runs")
        assert at.patchworks.calls().count(LOGIN) == 2
        at.clock.seconds += 0.06 * DAY_S
        assert type(await failure_of(at)) is Unavailable


@pytest.mark.parametrize("call", ["read", "write"])
async def test_a_refused_token_is_renewed_and_the_call_made_once_more(call: str) -> None:
    """A 401 proves that nothing was applied, so even a start may follow."""
    what = RUNS if call == "read" else STARTING
    async with logging_in() as at:
        gives(at, "jwt-1", "jwt-2")
        at.patchworks.will_answer(what, {"message": "Unauthenticated."}, status=401)
        at.patchworks.will_answer(what, listed() if call == "read" else {"flow_run_id": "r1"})
        if call == "read":
            await at.perform("list_runs")
        else:
            await at.api.perform("start_flow", START)
    assert at.patchworks.calls() == [LOGIN, what, LOGIN, what]
    assert presented(at) == ["Bearer jwt-1", "Bearer jwt-2"]


async def test_a_fresh_token_that_is_refused_too_is_the_end() -> None:
    """One renewal per call, never a loop."""
    async with logging_in() as at:
        gives(at, "jwt-1", "jwt-2")
        at.patchworks.will_answer(RUNS, b"", status=401)
        assert type(await failure_of(at)) is Unauthorised
    assert at.patchworks.calls() == [LOGIN, RUNS, LOGIN, RUNS]


async def test_calls_that_were_refused_together_share_one_renewal() -> None:
    """The second finds that the token is another by now."""
    async with logging_in() as at:
        gives(at, "jwt-1", "jwt-2")
        at.patchworks.together[RUNS] = 4
        at.patchworks.revoked.add("Bearer jwt-1")
        at.patchworks.will_answer(RUNS, listed())
        async with anyio.create_task_group() as calls:
            for _ in range(4):
                calls.start_soon(at.perform, "list_runs")
    assert at.patchworks.calls().count(LOGIN) == 2
    assert sorted(presented(at)) == ["Bearer jwt-1"] * 4 + ["Bearer jwt-2"] * 4


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        pytest.param(401, {"message": "no"}, Unauthorised, id="401"),
        pytest.param(422, {"message": "The credentials do not match."}, Unauthorised, id="422"),
        pytest.param(404, b"", Unauthorised, id="404: another login_url"),
        pytest.param(429, b"", Throttled, id="429"),
        pytest.param(500, b"", Unavailable, id="500"),
        pytest.param(200, {"message": "ok"}, Unavailable, id="200 without a token"),
        pytest.param(200, b"<html>", Unavailable, id="200 with a page"),
    ],
)
async def test_a_login_that_fails_says_what_to_do_and_shows_no_password(
    status: int, content: Any, kind: type[Failure]
) -> None:
    """Nothing was sent, so a start is not unknown after it."""
    async with logging_in() as at:
        at.patchworks.will_answer(LOGIN, content, status=status)
        failure = await failure_of(at)
        assert type(failure) is kind
        assert PASSWORD not in str(failure)
        with pytest.raises(kind):
            await at.api.perform("start_flow", START)
    assert set(at.patchworks.calls()) == {LOGIN}


@pytest.mark.parametrize("answer", [{"data": {"token": "jwt-1"}}, {"token": "jwt-1", "expires_in": "soon"}])
async def test_a_token_is_found_in_data_too_and_lives_a_day_unless_it_says_otherwise(answer: Any) -> None:
    """Single resources stand in `data`; the documented life is 86,400 s."""
    async with logging_in() as at:
        at.patchworks.will_answer(LOGIN, answer)
        at.patchworks.will_answer(RUNS, listed())
        await at.perform("list_runs")
        at.clock.seconds += 0.89 * DAY_S
        await at.perform("list_runs")
    assert at.patchworks.calls().count(LOGIN) == 1


async def test_a_configured_key_is_never_renewed() -> None:
    """Facts 1.2: a key is revoked by hand; one call, one refusal."""
    async with door() as at:
        at.patchworks.will_answer(RUNS, b"", status=401)
        assert type(await failure_of(at)) is Unauthorised
    assert at.patchworks.calls() == [RUNS]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"auth": "login"}, "login_name"), ({"token": Secret("a\nb")}, "header"), ({"token": Secret("é")}, "header")],
)
def test_credentials_that_cannot_work_are_refused_at_the_start(settings: dict[str, Any], complaint: str) -> None:
    """Not by Patchworks, at night."""
    with pytest.raises(ValueError, match=complaint):
        PatchworksConfig(**{"token": Secret("pk_live_0001")} | settings)
