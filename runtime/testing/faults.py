"""Faults by plan: which call misbehaves depends on the seed, the business key and the attempt, never on timing.

So the same seed gives the same faults in whatever order calls arrive. A stand-in for an outside system asks `fate` once
per attempt, with the route and what identifies the business of the call, and does what the fate says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

FaultKind = Literal[
    "latency", "throttle", "server_error", "reset_before", "answer_lost", "duplicate", "odd_error", "error_text"
]
"""`reset_before`: the connection ends and nothing was applied. `answer_lost`: applied, then the connection ends.
`duplicate` belongs to calls that the stand-in makes itself: the same bytes are sent once more. `odd_error` and
`error_text` are errors in a form that nobody documents; a stand-in that knows such forms says which."""

KEYS_MAX = 1_000_000
"""Keys whose attempts are remembered; beyond that the oldest are forgotten and count from one again."""


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which one route misbehaves; `*` stands for every route.

    `latency_ms` belongs to `latency`; `retry_after_s` to `throttle`, None meaning a 429 without the header; `status`
    and `as_json` to `server_error`.
    """

    route: str
    kind: FaultKind
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)]
    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=120_000)] = 0
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] | None = None
    status: Annotated[int, msgspec.Meta(ge=500, le=599)] = 500
    as_json: bool = False


class Fate(msgspec.Struct, frozen=True):
    """What happens to one call: first it waits, then it may end otherwise than well."""

    latency_ms: int = 0
    kind: FaultKind | None = None
    retry_after_s: int | None = None
    status: int = 500
    as_json: bool = False
    mark: str = ""
    """A text of 32 hexadecimal digits that is the call's own, for an id in its answer."""


SPARED = Fate()


class FaultPlan:
    """Draws the fate of each call, and counts the attempts per route and key."""

    def __init__(self, rules: Sequence[FaultRule], seed: int) -> None:
        self._seed = seed
        self._rules = tuple(rules)
        self._attempts: dict[bytes, int] = {}

    def replace(self, rules: Sequence[FaultRule]) -> None:
        """Go on with other rules; attempts counted so far stay counted."""
        self._rules = tuple(rules)

    def concerns(self, route: str) -> bool:
        """Whether any rule is about this route."""
        return any(rule.route in (route, "*") for rule in self._rules)

    def fate(self, route: str, key: bytes) -> Fate:
        """The fate of the next attempt of this key on this route. Of several rules the first that fires decides."""
        rules = [rule for rule in self._rules if rule.route in (route, "*")]
        if not rules:
            return SPARED
        subject = hashlib.blake2b(b"%d\0%s\0%s" % (self._seed, route.encode(), key), digest_size=16).digest()
        attempt = self._attempts.pop(subject, 0) + 1
        self._attempts[subject] = attempt
        if len(self._attempts) > KEYS_MAX:
            del self._attempts[next(iter(self._attempts))]
        latency_ms = 0
        for index, rule in enumerate(rules):
            drawn = hashlib.blake2b(b"%s\0%d\0%d" % (subject, attempt, index), digest_size=16)
            if int.from_bytes(drawn.digest()[:8]) / 2**64 >= rule.probability:
                continue
            if rule.kind != "latency":
                return Fate(
                    latency_ms, rule.kind, rule.retry_after_s, rule.status, rule.as_json, mark=drawn.hexdigest()
                )
            latency_ms += rule.latency_ms
        return Fate(latency_ms) if latency_ms else SPARED
