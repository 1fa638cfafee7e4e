"""The connector step that sends to a sales channel: a payload's levels or fulfilments, one by one.

Like a sales channel's own bulk call it takes what it can: one bad SKU does not keep the others out, but fails the call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import anyio
import msgspec

from connectors.patchworks.sandbox.delivery import Outcome
from connectors.patchworks.sandbox.flow_config import FlowSeed, Send
from connectors.patchworks.sandbox.records import Item
from connectors.patchworks.sandbox.sales_channels.order import ChannelRefusal
from connectors.patchworks.sandbox.sales_channels.receipts import Level, Notice
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel
from runtime.testing.faults import FaultPlan

_levels = msgspec.json.Decoder(list[Level])
_notices = msgspec.json.Decoder(list[Notice])


async def send_to_channel(channel: SalesChannel, flow: FlowSeed, send: Send, item: Item, plan: FaultPlan) -> Outcome:
    """Bring one payload to the sales channel, in as many tries as the step has.

    A fault of the kind `answer_lost` on `sales_channel/{name}` applies it and fails the try, so that it comes again.
    """
    tries = 0
    while True:
        tries += 1
        fate = plan.fate(f"sales_channel/{channel.seed.name}", b"%d\0%s" % (flow.id, item.body))
        if fate.latency_ms:
            await anyio.sleep(fate.latency_ms / 1_000)
        message, failed = "The sales channel answered with status 503", True
        if fate.kind in {None, "answer_lost", "duplicate"}:
            message, failed = _apply(channel, send.to, item)
        if fate.kind == "duplicate":
            _apply(channel, send.to, item)
        if fate.kind == "answer_lost":
            message, failed = "The sales channel did not answer in time", True
        if not failed:
            return Outcome("done", message, tries)
        if tries > send.retries:
            return Outcome("failed", message, tries)


def _apply(channel: SalesChannel, what: Literal["target", "stock", "fulfilments"], item: Item) -> tuple[str, bool]:
    """A sentence for the log, and whether the call failed."""
    body = item.body if item.body.lstrip()[:1] == b"[" else b"[" + item.body + b"]"
    acts: list[Callable[[], None]]
    try:
        if what == "stock":
            acts = [partial(channel.take_level, level) for level in _levels.decode(body)]
        else:
            acts = [partial(channel.take_notice, notice) for notice in _notices.decode(body)]
    except msgspec.DecodeError as error:
        return f"The sales channel answered with status 400: {error}", True
    refusals = [text for act in acts if (text := _refusal(act))]
    if refusals:
        return f"The sales channel refused {len(refusals)} of {len(acts)}: {refusals[0]}", True
    return f"The sales channel took {len(acts)}", False


def _refusal(act: Callable[[], None]) -> str:
    """Why the sales channel does not do it; empty when it has."""
    try:
        act()
    except ChannelRefusal as refusal:
        return f"status {refusal.status}: {refusal.message}"
    return ""
