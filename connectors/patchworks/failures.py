"""What an answer of Patchworks that is no success means for the runtime: a pure function of status, headers and body.

Documented are 401 (key or token), 413 (above 8 MB), 422 (blank or invalid payload, or a flow without a deployed
version) and 500; a 404 and a 429 are a matter of course, and no error body is documented at all. So a body is opaque
text here, read as Laravel writes it where it can be. A 4xx proves that nothing was applied; of a write, whatever else
may have been. Times are measured against the answer's own Date header, so no clock is read.
Sources: Patchworks' docs (response codes, authentication, starting a flow); the platform is Laravel, whose throttle
sends X-RateLimit-Limit and -Remaining, and with a 429 Retry-After and X-RateLimit-Reset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from connectors.answers import SENTENCE_LENGTH_MAX, cleaned, number_of, reset_after_s, retry_after_s
from runtime.api import RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown

_REDIRECTS: Final = 300
_REFUSALS: Final = 400
_FAILURES: Final = 500
_BODY_BYTES_MAX: Final = 65_536
"""More of an error's body is not looked at."""
_FIELDS_MAX: Final = 8
_S_PER_MIN: Final = 60.0
_RIGHTS: Final = re.compile(r"\b(action|access|administrator|permi\w*|not allowed|rights?|scopes?)\b", re.IGNORECASE)
_SIGNATURE: Final = re.compile(r"(patchworks[_-]signature\s*[=:]\s*)[^\s&\"']+", re.IGNORECASE)


def failure_for(status: int, headers: Mapping[str, str], body: bytes, *, is_write: bool) -> Failure:
    """The failure behind an answer that is not the expected one (a 2xx included, when its body cannot be used).

    `headers` is looked up by name as in HTTP, without regard to case. For a read, `Unavailable` stands where a write
    would be `Unknown`.
    """
    said = _said(body)
    if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and not _RIGHTS.search(said)):
        return Unauthorised(f"Patchworks refused the credentials (HTTP {status}); configure a key that is live")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("Patchworks limits our rate (429)", retry_after_s=retry_after_s(headers))
    if _REFUSALS <= status < _FAILURES and status != HTTPStatus.REQUEST_TIMEOUT:
        lead = f"Patchworks refused it (HTTP {status})"
        return Refused(f"{lead}: {said}"[:SENTENCE_LENGTH_MAX] if said else lead, code=str(status))
    sentence = _surprise(status)
    if is_write:
        return Unknown(f"{sentence}; it may have been applied", retry_after_s=retry_after_s(headers))
    return Unavailable(sentence, retry_after_s=retry_after_s(headers))


def rate_reading(headers: Mapping[str, str], *, share: float = 1.0) -> RateReading:
    """What the headers of any answer say about the rate limit; what they do not say, or garble, is None.

    Patchworks counts by the minute. `share` is the part of the limit that is ours to use.
    """
    per_min = number_of(headers.get("X-RateLimit-Limit"))
    remaining = number_of(headers.get("X-RateLimit-Remaining"))
    return RateReading(
        limit_per_s=per_min * share / _S_PER_MIN if per_min else None,
        remaining=None if remaining is None else int(remaining),
        reset_after_s=reset_after_s(headers),
    )


def clean(words: str) -> str:
    """One line, bounded, without what looks personal or secret. Masked before it is cut, so that no half is left."""
    return cleaned(_SIGNATURE.sub(r"\1(removed)", words[: 8 * SENTENCE_LENGTH_MAX]))


# -- parts -------------------------------------------------------------------------------------------------------------


def _surprise(status: int) -> str:
    if status >= _FAILURES:
        return f"Patchworks failed (HTTP {status})"
    if _REDIRECTS <= status < _REFUSALS:
        return f"Patchworks answered with HTTP {status}, a redirect, which is not followed; are its addresses right?"
    if status < _REDIRECTS:
        return f"Patchworks answered HTTP {status} with a body we cannot read"
    return f"Patchworks answered with HTTP {status}, which it is not known to use here"


def _said(body: bytes) -> str:
    """An error's words, whatever its Content-Type: Laravel's `message` and the fields in `errors`, or plain text."""
    text = body[:_BODY_BYTES_MAX].strip()
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "" if text.startswith(b"<") else clean(text.decode("utf-8", "replace"))
    if isinstance(content, str):
        return clean(content)
    if not isinstance(content, dict):
        return ""
    words = next((value for key in ("message", "error", "detail") if isinstance(value := content.get(key), str)), "")
    return clean(" ".join(filter(None, (words, _fields(content.get("errors"))))))


def _fields(errors: Any) -> str:
    """The names of the fields that were refused; what is said of each may quote its value."""
    names = [str(name) for name in errors][:_FIELDS_MAX] if isinstance(errors, dict) else []
    return f"(fields: {', '.join(names)})" if names else ""
