"""What an answer of Fulfil that is no success means for the runtime: a pure function of status, headers and body.

The rule for writes: a refusal (4xx, or Fulfil's own UserError) proves that nothing was applied; whatever else may have
been applied, and is `Unknown`. Times are measured against the answer's own Date header, so no clock is read, and a
clock that is wrong here does no harm.
Sources: fulfil_client 3.2.0 (which statuses raise what), the fulfil-io and fulfil_api gems (rate limits, error keys).
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
_CODE_LENGTH_MAX: Final = 64
_BODY_BYTES_MAX: Final = 65_536
"""More of an error's body is not looked at; an error is a few hundred bytes."""
_PAGE_SIZE: Final = re.compile(r"page size.*cannot exceed", re.IGNORECASE | re.DOTALL)
_CREDENTIALS: Final = re.compile(
    r"\b(api.?key|key|token|credential|authenticat|log ?in|session|password)", re.IGNORECASE
)
_ACCESS: Final = re.compile(r"\b(access|permi|not allowed|right)", re.IGNORECASE)
_NOT_IN_CODE: Final = re.compile(r"[^\w.:-]+")


class _Said(msgspec.Struct, frozen=True):
    """What an error's body says, under whichever keys: its `type`, its `code`, and its words, cut and cleaned."""

    type: str = ""
    code: str = ""
    words: str = ""


def failure_for(status: int, headers: Mapping[str, str], body: bytes, *, is_write: bool) -> Failure:
    """The failure behind an answer that is not the expected one (a 200 included, when its body cannot be used).

    `headers` is looked up by name as in HTTP, without regard to case. For a read, `Unavailable` stands where a write
    would be `Unknown`.
    """
    said = _said(body)
    if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and _about_credentials(said)):
        return Unauthorised(f"Fulfil refused the credentials (HTTP {status}); configure a token that is live")
    if status == HTTPStatus.TOO_MANY_REQUESTS and not _PAGE_SIZE.search(said.words):
        return Throttled("Fulfil limits our rate (429)", retry_after_s=retry_after_s(headers))
    if _refuses(status) or (status < _REDIRECTS and said.type == "UserError"):
        return Refused(_refusal(status, said), code=said.code or said.type or str(status))
    sentence = _surprise(status, headers, said)
    if is_write:
        return Unknown(f"{sentence}; it may have been applied", retry_after_s=retry_after_s(headers))
    return Unavailable(sentence, retry_after_s=retry_after_s(headers))


def rate_reading(headers: Mapping[str, str]) -> RateReading:
    """What the headers of any answer say about the rate limit; what they do not say, or garble, is None."""
    limit = number_of(headers.get("X-RateLimit-Limit"))
    remaining = number_of(headers.get("X-RateLimit-Remaining"))
    return RateReading(
        limit_per_s=limit or None,  # taken at its word, a limit of nothing would never let us ask again
        remaining=None if remaining is None else int(remaining),
        reset_after_s=reset_after_s(headers),
    )


# -- parts -------------------------------------------------------------------------------------------------------------


def _refuses(status: int) -> bool:
    """A 4xx, except 408: a proxy may give up waiting for a request that Fulfil got all the same."""
    return _REFUSALS <= status < _FAILURES and status != HTTPStatus.REQUEST_TIMEOUT


def _about_credentials(said: _Said) -> bool:
    """Whether a 403 is about who we are, rather than about what we may do.

    Older servers answer a bad key with a 403 that repeats the status as its code. A lack of rights (on a model, or to
    create orders on the channel) concerns this call only. A 403 that says neither is taken for the credentials: one
    stopped lane is easier to mend than every order held.
    """
    if _CREDENTIALS.search(said.words):
        return True
    if _ACCESS.search(said.words):
        return False
    return said.code in ("", "403") and said.type != "UserError"


def _refusal(status: int, said: _Said) -> str:
    name = " ".join(part for part in (said.type, said.code) if part and part != str(status))
    lead = f"{name} ({status})" if name else f"HTTP {status}"
    return _sentence(lead, said)


def _surprise(status: int, headers: Mapping[str, str], said: _Said) -> str:
    if status >= _FAILURES:
        sentry_id = _NOT_IN_CODE.sub("", headers.get("X-Sentry-ID", ""))[:_CODE_LENGTH_MAX]
        return f"Fulfil failed (HTTP {status}{f', X-Sentry-ID {sentry_id}' if sentry_id else ''})"
    if _REDIRECTS <= status < _REFUSALS:
        return f"Fulfil answered with HTTP {status}, a redirect, which is not followed; is base_url the tenant's own?"
    if status == HTTPStatus.OK:
        found = "an error in its body" if "error" in f"{said.type} {said.words}".lower() else "a body we cannot read"
        return f"Fulfil answered HTTP 200 with {found}"
    return f"Fulfil answered with HTTP {status}, which it is not known to use here"


def _sentence(lead: str, said: _Said) -> str:
    return f"{lead}: {said.words}"[:SENTENCE_LENGTH_MAX] if said.words else lead


def _said(body: bytes) -> _Said:
    """Reads an error whatever its Content-Type: Fulfil's keys vary, and so does the type it gives."""
    text = body[:_BODY_BYTES_MAX].strip()
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        words = "" if text.startswith(b"<") else text.decode("utf-8", "replace")
        return _Said(words=cleaned(words))
    if isinstance(content, str):
        return _Said(words=cleaned(content))
    if not isinstance(content, dict):
        return _Said()
    inner = content.get("error")
    if isinstance(inner, dict):
        content = {**inner, **content}
    message, description, error, name = (
        value if isinstance(value := content.get(key), str) else ""
        for key in ("message", "description", "error", "name")
    )
    # `description` may add to the message, or stand alone; `name` only repeats what the status means
    words = " - ".join(filter(None, (message, description))) or error or name
    return _Said(type=_code(content.get("type")), code=_code(content.get("code")), words=cleaned(words))


def _code(value: Any) -> str:
    """A code for labels: short, and without anything that could be somebody's text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _NOT_IN_CODE.sub("_", str(value))[:_CODE_LENGTH_MAX]
