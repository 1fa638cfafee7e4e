"""Limits per minute, one window for each surface and bucket, and the headers that tell of them (facts 1.6).

That 429 carries `Retry-After` and `X-RateLimit-*` is the habit of the framework and not documented, so it is a switch.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from connectors.patchworks.sandbox.config import SandboxConfig
from runtime.clock import Clock

Surface = Literal["core", "start", "webhooks", "callbacks"]
WINDOW_S: Final = 60.0
_US_PER_S: Final = 1_000_000


class Window(msgspec.Struct):
    """What was let through since the window began."""

    began_s: float
    count: int = 0


class Limits:
    """Counts requests and says when one is too many."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        limits = config.limits
        self._switches = config.switches
        self._clock = clock
        self._per_min: dict[Surface, int] = {
            "core": limits.api_per_min,
            "start": limits.api_per_min,
            "webhooks": limits.webhooks_per_min,
            "callbacks": limits.callbacks_per_min,
        }
        self._windows: dict[tuple[Surface, str], Window] = {}

    def take(self, surface: Surface, key: str) -> tuple[bool, dict[str, str]]:
        """Whether one more request may pass, and the headers of its answer. What is refused is not counted."""
        most = self._per_min[surface]
        if not most:
            return True, {}
        window = self._window(surface, key)
        passes = window.count < most
        window.count += passes
        return passes, self._headers(most, window, passes=passes)

    def _window(self, surface: Surface, key: str) -> Window:
        if surface == "start" and self._switches.start_shares_core:
            surface = "core"
        bucket = (surface, key if self._switches.limit_scope == "key" else "")
        now_s = self._clock.monotonic()
        window = self._windows.get(bucket)
        if window is None or now_s - window.began_s >= WINDOW_S:
            window = self._windows[bucket] = Window(now_s)
        return window

    def _headers(self, most: int, window: Window, *, passes: bool) -> dict[str, str]:
        headers = {}
        if self._switches.limit_headers == "all":
            headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(most - window.count)}
        if not passes and self._switches.limit_headers != "none":
            wait_s = max(1, math.ceil(window.began_s + WINDOW_S - self._clock.monotonic()))
            headers["Retry-After"] = str(wait_s)
            if self._switches.limit_headers == "all":
                headers["X-RateLimit-Reset"] = str(math.ceil(self._clock.now() / _US_PER_S) + wait_s)
        return headers


class RunStarts:
    """Counts runs that begin, in windows of a minute."""

    def __init__(self, per_min: int, clock: Clock) -> None:
        self._per_min = per_min
        self._clock = clock
        self._window = Window(clock.monotonic())

    def take(self) -> bool:
        """Whether one more may begin now; if so it is counted."""
        now_s = self._clock.monotonic()
        if now_s - self._window.began_s >= WINDOW_S:
            self._window = Window(now_s)
        if self._per_min and self._window.count >= self._per_min:
            return False
        self._window.count += 1
        return True
