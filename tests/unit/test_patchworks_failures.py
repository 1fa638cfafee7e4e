"""What each answer of Patchworks that is no success instructs the runtime to do (facts 1.2, 1.6, 2.5, 4.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from connectors.answers import SENTENCE_LENGTH_MAX, retry_after_s
from connectors.patchworks.failures import clean, failure_for, rate_reading
from runtime.api import RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown

DATE = "Fri, 20 Nov 2026 09:15:00 GMT"
DATE_EPOCH_S = 1_795_166_100


def failure(status: int, body: Any = b"", *, is_write: bool = True, **headers: str) -> Failure:
    """The failure of an answer; a body that is not bytes goes as JSON, header names are written with underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return failure_for(status, named, content, is_write=is_write)


@pytest.mark.parametrize(
    ("status", "body", "write", "read"),
    [
        pytest.param(400, {"message": "Bad"}, Refused, Refused, id="400"),
        pytest.param(401, {"message": "Unauthenticated."}, Unauthorised, Unauthorised, id="401 bad key or old token"),
        pytest.param(403, {"message": "This action is unauthorized."}, Refused, Refused, id="403 about this call"),
        pytest.param(403, b"", Unauthorised, Unauthorised, id="403 that says nothing"),
        pytest.param(403, {"message": "Invalid API key."}, Unauthorised, Unauthorised, id="403 about the key"),
        pytest.param(404, {"message": "Not found"}, Refused, Refused, id="404 unknown id"),
        pytest.param(408, b"", Unknown, Unavailable, id="408 of a proxy"),
        pytest.param(413, b"<html>too large</html>", Refused, Refused, id="413 above 8 MB"),
        pytest.param(422, {"message": "No deployed version."}, Refused, Refused, id="422 no deployed version"),
        pytest.param(429, {"message": "Too Many Attempts."}, Throttled, Throttled, id="429"),
        pytest.param(500, b"", Unknown, Unavailable, id="500"),
        pytest.param(502, b"<html>", Unknown, Unavailable, id="502"),
        pytest.param(503, b"", Unknown, Unavailable, id="503"),
        pytest.param(302, b"", Unknown, Unavailable, id="302 to a login page"),
        pytest.param(200, b"<html>", Unknown, Unavailable, id="200 of a proxy"),
    ],
)
def test_each_documented_status_tells_the_runtime_what_to_do(
    status: int, body: Any, write: type[Failure], read: type[Failure]
) -> None:
    """Facts 1.6: a 4xx proves that nothing was applied; whatever else may have been applied by a write."""
    assert type(failure(status, body, is_write=True)) is write
    assert type(failure(status, body, is_write=False)) is read


def test_a_refusal_is_coded_by_its_status_and_names_the_fields_but_not_what_is_said_of_them() -> None:
    """Laravel's 422: what it says of a field may quote the field's value."""
    refusal = failure(422, {"message": "The given data was invalid.", "errors": {"payload": ["Jo Bloggs is no JSON"]}})
    assert isinstance(refusal, Refused)
    assert refusal.code == "422"
    assert "The given data was invalid. (fields: payload)" in str(refusal)
    assert "Bloggs" not in str(refusal)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"plain words", "plain words"),
        ({"error": "from a gateway"}, "from a gateway"),
        ("a JSON text", "a JSON text"),
        ([1], ""),
        (b"<html>a page</html>", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 200),
    ],
)
def test_an_error_body_is_opaque_text_in_whatever_form_it_comes(body: Any, words: str) -> None:
    """Facts 1.6: no sample of an error body is known."""
    assert words in str(failure(404, body))
    assert len(str(failure(404, body))) <= SENTENCE_LENGTH_MAX


@pytest.mark.parametrize(
    "words",
    ["sam.hale@example.com is taken", "call +44 113 496 0000 today", "at ?patchworks_signature=abc123&x=1"],
)
def test_no_message_shows_what_is_personal_or_secret(words: str) -> None:
    """Facts 8: signatures are redacted; addresses and numbers may be quoted from a payload."""
    shown = clean(words)
    assert "(removed)" in shown
    for secret in ("sam.hale", "0000", "abc123"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "Fri, 20 Nov 2026 09:15:30 GMT", "Date": DATE}, 30.0),
        ({"X-RateLimit-Reset": str(DATE_EPOCH_S + 41), "Date": DATE}, 41.0),
        ({"Retry-After": "5", "X-RateLimit-Reset": str(DATE_EPOCH_S + 41), "Date": DATE}, 5.0),
        ({"X-RateLimit-Reset": str(DATE_EPOCH_S + 41)}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_a_429_waits_as_long_as_it_is_asked_to(headers: dict[str, str], after_s: float | None) -> None:
    """Facts 1.6: Laravel's throttle sends Retry-After and X-RateLimit-Reset; neither is certain."""
    assert retry_after_s(CIMultiDict(headers)) == after_s
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    assert failure(429, **named).retry_after_s == after_s


@pytest.mark.parametrize(
    ("limit", "per_s"),
    [pytest.param("240", 4.0, id="API 240"), pytest.param("120", 2.0, id="webhooks 120"), ("0", None), ("many", None)],
)
def test_limits_are_learned_by_the_minute(limit: str, per_s: float | None) -> None:
    """Facts 1.6: Patchworks API 240, webhooks 120, callbacks 240 per minute."""
    headers = CIMultiDict({"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": "7"})
    assert rate_reading(headers) == RateReading(limit_per_s=per_s, remaining=7)


def test_only_our_share_of_a_limit_is_learned() -> None:
    """Facts 8: leave headroom, because the bucket may be shared."""
    headers = CIMultiDict({"x-ratelimit-limit": "240", "x-ratelimit-reset": str(DATE_EPOCH_S + 9), "date": DATE})
    assert rate_reading(headers, share=0.5) == RateReading(limit_per_s=2.0, reset_after_s=9.0)


def test_without_headers_nothing_is_learned() -> None:
    """Facts 12.3: whether there are headers is not known."""
    assert rate_reading(CIMultiDict()) == RateReading()
