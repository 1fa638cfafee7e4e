"""Starts of flows of Patchworks, and what became of them: what tests share that kill the product around one.

Patchworks' sandbox lives in the test and outlives every kill; what its sales channel received is the judge.
"""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

import aiohttp
import msgspec

from connectors.patchworks.sandbox import RunningSandbox
from tests.crash.world import World

PATCHWORKS = """\
[patchworks]
token = "env:SEAMLINE_CRASH_KEY"
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
calls_per_min = 60000.0
start_settle_s = 0.3
"""
"""The section that names the sandbox at `url`."""


async def play(world: World, *events: dict[str, Any]) -> None:
    """Something happens in the warehouse."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.sandbox_url}/sandbox/play", data=msgspec.json.encode(events)) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def die(world: World, point: str) -> None:
    """One life of the product, until it reaches the point."""
    if await world.start(die=point):
        assert await world.ended() == -signal.SIGKILL


def batches(hub: RunningSandbox) -> Counter[str]:
    """How many runs have begun with each batch."""
    books = hub.sandbox.books
    first = {run.payload_ids[0] for run in books.runs.values() if run.payload_ids}
    rows = [books.payloads[id_] for id_ in first if id_ in books.payloads]
    return Counter(_batch_of(row.item) for row in rows)


def _batch_of(item: Any) -> str:
    body = item.body if hasattr(item, "body") else item
    decoded = msgspec.json.decode(body) if isinstance(body, bytes | str) else body
    return str(decoded["batch_id"])


def begun_and_not_recorded(world: World, hub: RunningSandbox) -> int:
    """Starts that Patchworks has taken, and of which the store does not know it."""
    states = world.read("SELECT body FROM state WHERE actor = 'flow_starts'")
    opened_ = [(msgspec.json.decode(body).get("starts", {}).get("open") or {}).get("key") for (body,) in states]
    return sum(key in batches(hub) for key in opened_ if key)
