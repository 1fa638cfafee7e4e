"""A company's Patchworks as its probe talks to it: any call, and the whole of its answer, whatever its status.

What the connector makes of an answer hides what the probe is after (a header, a shape, a status), so the probe looks at
answers themselves. Calls go through the connector's session, credentials and budget like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from yarl import URL

from connectors.capability import Finding
from connectors.http import Answer, Session, exchange
from connectors.patchworks.auth import JSON_HEADERS, Credentials, FixedCredentials
from connectors.patchworks.capabilities import PatchworksProbeSettings
from connectors.patchworks.client import PatchworksApi
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.failures import failure_for, rate_reading
from connectors.patchworks.wire import Undecodable, fields_of
from connectors.probe import Left, in_turn
from runtime.api import RateReading
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.errors import Failure, Unavailable

_SUCCESSES_END: Final = 300
_S_PER_MIN: Final = 60


class RawPatchworks(PatchworksApi):
    """The connector, with its answers as they came."""

    async def answer(self, method: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        """One attempt at any call. Raises `Unavailable` or `Unknown` when no answer came."""
        return await self._exchange(method, url, body, is_write=is_write, bytes_max=self._answer_bytes_max)


class ProbedPatchworks:
    """One company under a probe. `mark` is in everything that this run sends."""

    def __init__(
        self,
        config: PatchworksConfig,
        credentials: Credentials,
        session: Session,
        clock: Clock,
        *,
        budget: Budget,
        settings: PatchworksProbeSettings,
        mark: str,
    ) -> None:
        self.config, self.settings, self.clock, self.mark = config, settings, clock, mark
        self._session, self._budget = session, budget
        self._api = RawPatchworks(config, credentials, session, observe=budget.observe)
        second = settings.second_token
        self._second = None
        if second is not None:
            self._second = RawPatchworks(config, FixedCredentials(second.reveal()), session, observe=_unheard)
        self.sent = 0
        self.run_ids: list[str] = []
        """Runs that this probe has begun and knows of."""
        self.left: list[Left] = []

    def payload(self) -> dict[str, str]:
        """The next thing to send: an object that says whose it is."""
        self.sent += 1
        return {"seamline_probe": f"{self.mark}-{self.sent}"}

    # -- calls ---------------------------------------------------------------------------------------------------------

    async def core(self, path: str, **query: str) -> Answer:
        """A read of the Core API; `filter_x` stands for `filter[x]`. Waits while the rate is limited."""
        return await self._waited(self._api, "GET", self._core_url(path, query), b"")

    async def core_as_second(self, path: str, **query: str) -> Answer:
        """The same with the second key, if there is one."""
        return await self._waited(self._second or self._api, "GET", self._core_url(path, query), b"")

    async def post(self, path: str) -> Answer:
        """A write of the Core API that has no body."""
        return await self._waited(self._api, "POST", self._core_url(path, {}), b"")

    def _core_url(self, path: str, query: Mapping[str, str]) -> URL:
        url = URL(self.config.core_url).joinpath(*path.split("/"))
        named = {
            f"filter[{name.removeprefix('filter_')}]" if name.startswith("filter_") else name: value
            for name, value in query.items()
        }
        return url.with_query(named) if named else url

    async def start(self, flow_id: str, content: Any, form: str = "start/raw") -> Answer:
        """A start by the Start API."""
        url = URL(self.config.start_url).joinpath("flows", flow_id, *form.split("/"))
        return await self._waited(self._api, "POST", url, msgspec.json.encode(content))

    async def _waited(self, api: RawPatchworks, method: str, url: URL, body: bytes) -> Answer:
        async def once() -> Answer:
            answer = await api.answer(method, url, body, is_write=method != "GET")
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise failure_of(answer)
            return answer

        return await in_turn(self._budget, once)

    async def hurried(self) -> Answer:
        """The cheapest read, at once, whatever the budget says."""
        url = (URL(self.config.core_url) / "flows").with_query(page="1", per_page="1")
        return await self._api.answer("GET", url, b"", is_write=False)

    async def trigger(self, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """A webhook or callback by its own address. Raises `Unavailable` or `Unknown` when no answer came."""

        async def once() -> Answer:
            return await exchange(
                self._session,
                "POST",
                url,
                headers={**JSON_HEADERS, **headers},
                body=body,
                answer_bytes_max=self.config.answer_bytes_max,
                api="a trigger of Patchworks",
                is_write=True,
            )

        return await in_turn(self._budget, once)

    async def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The first page of a list, each row as it came. Raises a `Failure`."""
        answer = await self.core(path, **query)
        content = json_of(answer)
        data = content.get("data") if isinstance(content, dict) else None
        if answer.status != HTTPStatus.OK or not isinstance(data, list):
            raise failure_of(answer)
        return [row for row in data if isinstance(row, dict)]

    async def still_there(self) -> None:
        """The last call. Raises `Unavailable` when it does not answer any more, or fails; a limit is an answer."""
        answer = await self.hurried()
        failure = failure_of(answer)
        if answer.status != HTTPStatus.OK and isinstance(failure, Unavailable):
            raise failure

    async def alive(self) -> None:
        """The first call. Raises `Unavailable` when nobody is there, `Unauthorised` when the key is not live."""
        await self.rows("flow-runs", page="1", per_page="1")


def _unheard(_: RateReading) -> None:
    """A second key's rate says nothing of ours."""


# -- answers -----------------------------------------------------------------------------------------------------------


def json_of(answer: Answer) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def failure_of(answer: Answer, *, is_write: bool = False) -> Failure:
    """What an answer that is no success means."""
    return failure_for(answer.status, answer.headers, answer.body, is_write=is_write)


def succeeded(answer: Answer) -> bool:
    """Whether it is a 2xx."""
    return HTTPStatus.OK <= answer.status < _SUCCESSES_END


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row's fields, whichever shape it has; empty when it has no id."""
    try:
        return fields_of(row)
    except Undecodable:
        return {}


def per_min(answer: Answer) -> int | None:
    """The limit that an answer tells, per minute."""
    limit = rate_reading(answer.headers).limit_per_s
    return None if limit is None else round(limit * _S_PER_MIN)


def remaining(answer: Answer) -> int | None:
    """What an answer says is left of the limit."""
    return rate_reading(answer.headers).remaining


def read(value: str | int, evidence: str) -> Finding:
    """A value that was read."""
    return Finding(value=value, how="read", evidence=evidence)


def written(value: str | int, evidence: str) -> Finding:
    """A value that was found by writing."""
    return Finding(value=value, how="written", evidence=evidence)


_KNOWN: Final = frozenset(
    {"200", "201", "202", "400", "401", "403", "404", "409", "410", "422", "429", "500", "502", "503"}
)


def status(answer: Answer) -> str:
    """A status that has a value of its own, else `other`."""
    return str(answer.status) if str(answer.status) in _KNOWN else "other"
