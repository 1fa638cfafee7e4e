"""A pulse: something has changed, so somebody should look, soon, and once for many changes.

What wants a look says so with a plain call, inside its own step; the pulse posts the look a moment later, at most once
in so many seconds, and once a minute whatever happens. What is lost with the process costs time, nothing else: at the
start everything is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from runtime.errors import StoreFull

_AT_LEAST_EVERY_S = 60.0
"""Not everything that changes a figure says so: a new alias, a rule that has come into force."""

Post = Callable[[], Awaitable[None]]


class Pulse:
    """See the module. `run` is a part of the supervisor."""

    def __init__(self, *, apart_s: float) -> None:
        self._apart_s = apart_s
        self._posts: Sequence[Post] = ()
        self._news = anyio.Event()

    def posts(self, posts: Sequence[Post]) -> None:
        """What is to be posted at each beat."""
        self._posts = posts

    def nudge(self) -> None:
        """Somebody should look."""
        self._news.set()

    async def run(self) -> None:
        """Beat for ever; the first time at once."""
        while True:
            for post in self._posts:
                try:
                    await post()
                except StoreFull:  # the next beat will do
                    continue
            await anyio.sleep(self._apart_s)
            with anyio.move_on_after(_AT_LEAST_EVERY_S):
                await self._news.wait()
            self._news = anyio.Event()
