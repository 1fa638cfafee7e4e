"""Hints of Fulfil's webhooks: whoever reads what may have changed does so now, instead of at its next turn.

Which records changed matters for levels alone: those of the named products are read, no page of moves before it.

A hint carries nothing that is believed; many of them within a moment are one. What is lost with the process costs
time, nothing else, because everything is read on schedule, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from connectors.fulfil.hints import LEVELS_EVENT, Hint
from runtime.errors import StoreFull

Look = Callable[[], Awaitable[None]]
"""Has a model's changes read. Raises StoreFull."""

ReadLevels = Callable[[Sequence[int]], Awaitable[None]]
"""Has the levels of these products read. Raises StoreFull."""

PRODUCTS_MAX = 5_000
"""Products that hints may name at once; of more, the moves tell."""
_COMPANY_S = 1.0
"""How long a hint waits for others: a change of many records comes as many webhooks."""
_APART_S = 10.0
"""How long the next look waits after one: where something changes all the time, hints must not use up the calls that
orders need.
"""


class Hints:
    """Gathers hints, and has each model looked at that somebody reads. `run` is a part of the supervisor."""

    def __init__(self, looks: Mapping[str, Look], levels: ReadLevels | None = None) -> None:
        self._looks, self._levels = looks, levels
        self._products: dict[int, None] = {}
        self._moved = anyio.Event()
        self._models: set[str] = set()
        self._news = anyio.Event()

    def take(self, hint: Hint) -> None:
        """Remember the model, or the products whose levels changed; what nobody reads is forgotten at once."""
        names = hint.event == LEVELS_EVENT and hint.ids
        if self._levels is not None and names and len(self._products) < PRODUCTS_MAX:
            self._products.update(dict.fromkeys(hint.ids))
            self._moved.set()
        if hint.model in self._looks:
            self._models.add(hint.model)
            self._news.set()

    async def run(self) -> None:
        """Have what was hinted at looked at, for ever."""
        while True:
            await self._news.wait()
            await anyio.sleep(_COMPANY_S)
            self._news = anyio.Event()
            models, self._models = self._models, set()
            for model in sorted(models):
                try:
                    await self._looks[model]()
                except StoreFull:  # its next turn will do
                    continue
            await anyio.sleep(_APART_S)

    async def run_levels(self) -> None:
        """Have the levels of the products read that hints have named, for ever."""
        while self._levels is not None:
            await self._moved.wait()
            await anyio.sleep(_COMPANY_S)
            self._moved = anyio.Event()
            products, self._products = tuple(self._products), {}
            try:
                await self._levels(products)
            except StoreFull:  # the moves tell of them, too
                continue
