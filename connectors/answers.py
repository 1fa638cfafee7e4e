"""What any HTTP answer says about time and limits, and how its words may be repeated: pure, shared by the connectors.

Times are measured against the answer's own Date header, so no clock is read, and a clock that is wrong here does no
harm. Headers: RFC 9110 (Date, Retry-After); X-RateLimit-* as both vendors send them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

SENTENCE_LENGTH_MAX: Final = 300
_PERSONAL: Final = re.compile(r"(?<![^\s<>\"'(),;:])[^\s@<>\"'(),;:]+@[^\s<>\"'(),;:]*|\+\d[\d ().-]{5,}\d")
"""E-mail addresses and telephone numbers, which an error may quote from what was sent."""
_UNPRINTABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


def cleaned(words: str) -> str:
    """One line, bounded, without what looks personal. Masked before it is cut, so that no half of it is left."""
    short = _UNPRINTABLE.sub(" ", words[: 8 * SENTENCE_LENGTH_MAX]).strip()
    return _PERSONAL.sub("(removed)", short)[:SENTENCE_LENGTH_MAX]


def number_of(text: str | None) -> float | None:
    """A count or a span in a header: finite and not negative; None for anything else."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def answered_s(headers: Mapping[str, str]) -> float | None:
    """The Date of an answer, as seconds since 1970-01-01 UTC; None when it has none, or garbles it."""
    return _epoch_s(headers.get("Date", ""))


def reset_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until the rate limit's window renews; X-RateLimit-Reset is an instant, in seconds since 1970 UTC."""
    return _after(number_of(headers.get("X-RateLimit-Reset")), headers)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After as seconds or as a date; without it, when the rate limit's window renews."""
    asked = headers.get("Retry-After", "")
    for after_s in (number_of(asked), _after(_epoch_s(asked), headers)):
        if after_s is not None:
            return after_s
    return reset_after_s(headers)


def _after(instant_s: float | None, headers: Mapping[str, str]) -> float | None:
    if instant_s is None:
        return None
    moment_s = answered_s(headers)
    return None if moment_s is None else max(0.0, instant_s - moment_s)


@functools.lru_cache(maxsize=16)
def _epoch_s(http_date: str) -> float | None:
    """An HTTP date. All answers of one second carry the same, so it is read once."""
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, TypeError):
        return None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
