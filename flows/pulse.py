"""A pulse: something has changed, so somebody should look, soon, and once for many changes.

What wants a look says so with a plain call, inside its own step; the pulse posts the look a moment later, at most once
in so many seconds. What is lost with the process costs time, nothing else: at the start everything is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from runtime.errors import StoreFull

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
            await self._news.wait()
            self._news = anyio.Event()
