"""A tenant of Fulfil as its probe talks to it: any call, and the whole of its answer, whatever its status.

What the connector makes of an answer hides what the probe is after (a status, a header, how a date is written), so the
probe looks at answers themselves. Calls go through the connector's session, limits and budget like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from yarl import URL

from connectors.capability import Finding
from connectors.fulfil.calls import Ask, encode
from connectors.fulfil.capabilities import FulfilProbeSettings
from connectors.fulfil.client import FulfilApi, T
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.failures import failure_for, rate_reading
from connectors.fulfil.records import PREFERENCES, SEARCH_RECORDS, Nobody, Record, Search
from connectors.fulfil.tenant import Tenant
from connectors.http import Answer, Session
from connectors.probe import Left, in_turn
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.errors import Failure, Refused, Throttled, Unavailable

_NOT_LIVE: Final = "seamline-probe-not-a-token"


class RawFulfil(FulfilApi):
    """The connector, with its answers as they came."""

    async def answer(self, verb: str, path: str, body: bytes, query: Mapping[str, str], *, is_write: bool) -> Answer:
        """One attempt at any call below the tenant's address. Raises `Unavailable` or `Unknown` when none came."""
        url = URL(str(self._base.origin())).joinpath(*path.split("/"))
        return await self._exchange(verb, url.with_query(query) if query else url, body, is_write=is_write)


class ProbedFulfil:
    """One tenant under a probe. `mark` is in everything that this run writes."""

    def __init__(
        self,
        config: FulfilConfig,
        token: str,
        session: Session,
        clock: Clock,
        *,
        budget: Budget,
        settings: FulfilProbeSettings,
        channel_id: int,
        mark: str,
    ) -> None:
        self.config, self.settings, self.channel_id, self.mark = config, settings, channel_id, mark
        self.clock = clock
        self.tenant = Tenant(names=config.names, page_size=config.page_size, sellable_field=config.sellable_field)
        self._budget = budget
        self._api = RawFulfil(config, token, session, observe=budget.observe)
        self._stranger = RawFulfil(config, _NOT_LIVE, session, observe=lambda _: None)
        self.limits_told: set[float] = set()
        self.sale_ids: dict[str, int] = {}
        """Sales of this run, by what they are for."""
        self.left: list[Left] = []
        self.names: dict[str, str] = {}
        """What this tenant calls otherwise, or does not have, as far as it was found."""

    # -- calls ---------------------------------------------------------------------------------------------------------

    async def make(self, ask: Ask[T]) -> T:
        """A call of the connector's own, when its turn has come. Raises a `runtime.errors.Failure`."""
        return await in_turn(self._budget, lambda: self._api.make(ask))

    async def call(
        self,
        path: str,
        arguments: Any = None,
        *,
        verb: str = "PUT",
        query: Mapping[str, str] | None = None,
        context: Mapping[str, Any] | None = None,
        is_write: bool = False,
        base: str = "api/v2/",
    ) -> Answer:
        """Any call, and its answer. Waits while the rate is limited. Raises a `Failure` when no answer came."""
        body = b"" if arguments is None else encode(arguments)
        asked = dict(query or {})
        if context is not None:
            asked["context"] = msgspec.json.encode(context).decode()

        async def once() -> Answer:
            answer = await self._api.answer(verb, base + path, body, asked, is_write=is_write)
            self._noted(answer)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                failure = failure_for(answer.status, answer.headers, answer.body, is_write=is_write)
                if isinstance(failure, Throttled):
                    raise failure
            return answer

        return await in_turn(self._budget, once)

    async def hurried(self) -> Answer:
        """The cheapest read, at once, whatever the budget says."""
        return await self._api.answer("PUT", "api/v2/model/res.user/get_preferences", b"[true]", {}, is_write=False)

    async def as_stranger(self) -> Answer:
        """The cheapest read, with a token that is not live."""

        async def once() -> Answer:
            path = "api/v2/model/res.user/get_preferences"
            return await self._stranger.answer("PUT", path, b"[true]", {}, is_write=False)

        return await in_turn(self._budget, once)

    async def still_there(self) -> None:
        """The last call. Raises `Unavailable` when it does not answer any more, or fails; a limit is an answer."""
        answer = await self.hurried()
        failure = failure_of(answer)
        if answer.status != HTTPStatus.OK and isinstance(failure, Unavailable):
            raise failure

    async def alive(self) -> None:
        """The first call. Raises `Unavailable` when nobody is there, `Unauthorised` when the token is not live."""
        await self.make(PREFERENCES(Nobody()))

    async def search(self, model: str, *domain: Any, fields: tuple[str, ...], limit: int = 1) -> tuple[Record, ...]:
        """Records in order of id, as they came. Raises a `Failure`."""
        return await self.make(SEARCH_RECORDS(Search(model=model, domain=domain, fields=fields, limit=limit)))

    async def knows(self, model: str, *fields: str) -> bool:
        """Whether the tenant answers a read of these fields of a model."""
        try:
            await self.search(model, fields=fields or ("rec_name",))
        except (Refused, Unavailable):
            return False
        return True

    async def fields_of(self, model: str) -> tuple[str, ...] | None:
        """The names of all fields of a model, where the tenant lists them."""
        answer = await self.call(f"model/{model}/fields", verb="GET")
        content = json_of(answer)
        if answer.status != HTTPStatus.OK:
            return None
        if isinstance(content, dict):
            return tuple(map(str, content))
        if isinstance(content, list):
            return tuple(str(each["name"]) for each in content if isinstance(each, dict) and "name" in each) or None
        return None

    def _noted(self, answer: Answer) -> None:
        limit = rate_reading(answer.headers).limit_per_s
        if limit is not None:
            self.limits_told.add(limit)


def json_of(answer: Answer) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def failure_of(answer: Answer) -> Failure:
    """What an answer that is no success means."""
    return failure_for(answer.status, answer.headers, answer.body, is_write=False)


def is_refusal(answer: Answer) -> bool:
    """Whether the tenant said no by its rules; a UserError inside a 200 counts."""
    return isinstance(failure_of(answer), Refused)


def read(value: str | int, evidence: str) -> Finding:
    """A value that was read."""
    return Finding(value=value, how="read", evidence=evidence)


def written(value: str | int, evidence: str) -> Finding:
    """A value that was found by writing."""
    return Finding(value=value, how="written", evidence=evidence)
