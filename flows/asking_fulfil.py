"""Questions of commands to Fulfil: reads, with the configured token, beside the running process or without one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import anyio

from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.client import FulfilApi
from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.http import outgoing
from flows.capabilities import fulfil_api
from flows.config import FulfilSettings
from runtime.decision import Effect
from runtime.errors import Throttled

_THROTTLED_MAX = 5
_THROTTLED_S, _THROTTLED_S_MAX = 1.0, 5.0

SHARE = "rest"
"""Each question names the share of a budget that it is of; commands have no budget, so any does."""
T = TypeVar("T", bound=Row)

Answer = Callable[[Effect], Awaitable[Any]]
"""Asks one question. Raises Failure when Fulfil does not answer it."""


async def pages_of(answer: Answer, model: Model[T], since: datetime | None = None) -> AsyncIterator[Page[T]]:
    """What changed of a model since then, or all of it, page by page."""
    after = 0
    while True:
        page: Page[T] = await answer(model.changed(Changes(since=since, after_id=after)).effect(SHARE))
        yield page
        if page.complete:
            return
        after = page.last_id


@contextlib.asynccontextmanager
async def asking(settings: FulfilSettings) -> AsyncIterator[Answer]:
    """One question after the other, over one connection. While the rate is limited, which the running process uses up
    to its end, each is asked some times. Raises ConfigInvalid when what is known of the tenant cannot be read.
    """
    api = settings.api
    async with outgoing(
        connections_max=1, connect_timeout_s=api.connect_timeout_s, request_timeout_s=api.request_timeout_s
    ) as session:
        fulfil = FulfilApi(fulfil_api(settings), settings.token.reveal(), session, observe=lambda _reading: None)

        async def answer(question: Effect) -> Any:
            for _ in range(_THROTTLED_MAX):
                try:
                    return await fulfil.perform(question.kind, question.body)
                except Throttled as limit:
                    await anyio.sleep(min(limit.retry_after_s or _THROTTLED_S, _THROTTLED_S_MAX))
            return await fulfil.perform(question.kind, question.body)

        yield answer
