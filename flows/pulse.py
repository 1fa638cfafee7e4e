"""A pulse: something has changed, so somebody should look, soon, and once for many changes.

What wants a look says so with a plain call, inside its own step; the pulse posts the look a moment later, at most once
in so many seconds, and once a minute whatever happens. What is lost with the process costs time, nothing else: at the
start everything is looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import anyio

from runtime.errors import StoreFull

_AT_LEAST_EVERY_S = 60.0
"""Not everything that changes a figure says so: a new alias, a rule that has come into force."""

Post = Callable[[], Awaitable[None]]


class Pulse:
    """See the module. `run` is a part of the supervisor."""

    def __init__(self, *, apart_s: float) -> None:
        self._apart_s = apart_s
        self._post: Post | None = None
        self._news = anyio.Event()

    def posts(self, post: Post) -> None:
        """How to say, at each beat, that somebody should look."""
        self._post = post

    def nudge(self) -> None:
        """Somebody should look."""
        self._news.set()

    async def run(self) -> None:
        """Beat for ever; the first time at once."""
        while True:
            if self._post is not None:
                with contextlib.suppress(StoreFull):  # the next beat will do
                    await self._post()
            await anyio.sleep(self._apart_s)
            with anyio.move_on_after(_AT_LEAST_EVERY_S):
                await self._news.wait()
            self._news = anyio.Event()
