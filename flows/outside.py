"""The outside systems, each with the way it is called: its connector, its lane, its budget and its breaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from connectors.fulfil.adding_payments import ADD_PAYMENTS, ADD_TRANSACTIONS
from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import FulfilConfig
from connectors.http import Session, outgoing
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.client import PatchworksApi
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.requests import StartFlow
from connectors.patchworks.triggers import CallbackApi
from flows.capabilities import fulfil_api
from flows.config import Config, FulfilSettings
from runtime.api import Api, ObserveRate, RateReading
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.engine import Outside
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.telemetry.events import LimitLearned

SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}
"""How a short budget of calls is divided; what one class does not use flows to the others."""
_BURST = 4
_CALLBACK_ATTEMPTS_MAX = 6
"""About half a minute; a poll comes again by itself."""

Emit = Callable[[Any], None]


async def outsides_of(config: Config, stack: AsyncExitStack, clock: Clock, emit: Emit) -> list[Outside]:
    """The outside systems that are configured, each over a session of its own."""

    async def session(settings: FulfilConfig | PatchworksConfig) -> Session:
        return await stack.enter_async_context(
            outgoing(
                connections_max=settings.concurrency_max,
                connect_timeout_s=settings.connect_timeout_s,
                request_timeout_s=settings.request_timeout_s,
            )
        )

    outsides = [fulfil(config.fulfil, await session(config.fulfil.api), clock, emit)]
    if config.patchworks is not None:
        outsides.append(patchworks(config.patchworks, await session(config.patchworks), clock, emit))
    asks = config.on_demand or any(settings.callback for settings in config.listings.values())
    if config.patchworks is not None and asks:
        called = await session(config.patchworks)
        outsides.append(patchworks_callbacks(config.patchworks, called, clock, emit))
    return outsides


def fulfil(settings: FulfilSettings, session: Session, clock: Clock, emit: Emit) -> Outside:
    """Fulfil's API."""
    return _outside(
        lambda observe: FulfilApi(fulfil_api(settings), settings.token.reveal(), session, observe=observe),
        workers={"orders": settings.api.concurrency_max, "fulfilments": 2, "stock": 2, "rest": 2},
        concurrency_max=settings.api.concurrency_max,
        limit_per_s=settings.requests_per_s,
        settle_s=settings.lost_answer_wait_s,
        never_looked_for_first=frozenset((ADD_PAYMENTS.kind, ADD_TRANSACTIONS.kind)),  # what is there was just read
        clock=clock,
        emit=emit,
    )


def patchworks(config: PatchworksConfig, session: Session, clock: Clock, emit: Emit) -> Outside:
    """Patchworks' Core and Start APIs."""
    credentials = credentials_of(config, session, clock)
    return _outside(
        lambda observe: PatchworksApi(config, credentials, session, observe=observe),
        workers={"orders": 2, "fulfilments": 1, "stock": 1, "rest": 1},
        concurrency_max=config.concurrency_max,
        limit_per_s=config.calls_per_s,
        settle_s=config.start_settle_s,
        never_looked_for_first=frozenset((StartFlow.kind,)),  # the keys of its batches are new
        clock=clock,
        emit=emit,
    )


def patchworks_callbacks(config: PatchworksConfig, session: Session, clock: Clock, emit: Emit) -> Outside:
    """Patchworks' callback flows. One that keeps failing is given up, since the others may well answer."""
    return _outside(
        lambda observe: CallbackApi(config, session, observe=observe),
        workers={"orders": 2, "rest": 1},
        concurrency_max=config.concurrency_max,
        limit_per_s=config.callbacks_per_s,
        settle_s=0.0,
        never_looked_for_first=frozenset(),
        retry=RetryPolicy(attempts_max=_CALLBACK_ATTEMPTS_MAX),
        clock=clock,
        emit=emit,
    )


def _outside(
    connect: Callable[[ObserveRate], Api],
    *,
    workers: Mapping[str, int],
    concurrency_max: int,
    limit_per_s: float | None,
    settle_s: float,
    clock: Clock,
    emit: Emit,
    never_looked_for_first: frozenset[str],
    retry: RetryPolicy | None = None,
) -> Outside:
    """An API whose own answers teach its budget the limit."""
    budget = Budget(clock, SHARES, limit_per_s=limit_per_s, concurrency_max=concurrency_max, burst=_BURST)
    learned: list[float | None] = [None]

    def observe(reading: RateReading) -> None:
        budget.observe(reading)
        if reading.limit_per_s is not None and reading.limit_per_s != learned[0]:
            learned[0] = reading.limit_per_s
            emit(LimitLearned(api=api.name, limit_per_s=reading.limit_per_s))

    api = connect(observe)
    lane = LaneConfig(
        workers_per_share=workers, retry=retry or RetryPolicy(), settle_s=settle_s,
        never_looked_for_first=never_looked_for_first,
    )  # fmt: skip
    return Outside(api=api, lane=lane, budget=budget, breaker=Breaker())
