"""What each answer of Fulfil tells the runtime to do: the rows of its errors and of its rate limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from connectors.answers import SENTENCE_LENGTH_MAX
from connectors.fulfil.failures import failure_for, rate_reading
from runtime.api import RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown

DATE = "Fri, 20 Nov 2026 14:00:00 GMT"
DATE_S = 1_795_183_200
USER_ERROR = {
    "type": "UserError",
    "code": "E1000",
    "message": "Cannot create record with state 'open'.",
    "description": "",
}


def failed(status: int, body: Any = None, *, is_write: bool = True, **headers: str) -> Failure:
    """The failure behind an answer; a body that is not bytes goes as JSON, an underscore in a header is a hyphen."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return failure_for(status, named, content, is_write=is_write)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        pytest.param(400, USER_ERROR, "E1000", "Cannot create record with state", id="400 UserError"),
        pytest.param(400, {"message": "no such SKU"}, "400", "no such SKU", id="400 message"),
        pytest.param(400, {"description": "bad filter"}, "400", "bad filter", id="400 description"),
        pytest.param(400, {"error": "only error"}, "400", "only error", id="400 error"),
        pytest.param(400, {"error": {"message": "nested"}}, "400", "nested", id="400 error object"),
        pytest.param(400, "just text", "400", "just text", id="400 JSON string"),
        pytest.param(400, {"type": "UserWarning", "message": "sure?"}, "UserWarning", "sure?", id="400 UserWarning"),
        pytest.param(
            400,
            {"type": "ConcurrencyException", "message": "changed"},
            "ConcurrencyException",
            "changed",
            id="400 Tryton",
        ),
        pytest.param(
            400,
            {**USER_ERROR, "message": 'unique constraint "party_code_uniq"'},
            "E1000",
            "party_code_uniq",
            id="400 unique violation",
        ),
        pytest.param(
            400, {"message": "short", "description": "the whole story"}, "400", "short - the whole story", id="400 both"
        ),
        pytest.param(403, {"message": "You have no access to sale.channel"}, "403", "no access", id="403 model access"),
        pytest.param(403, {**USER_ERROR, "message": "Not yours"}, "E1000", "Not yours", id="403 UserError"),
        pytest.param(404, {"message": "No such model"}, "404", "No such model", id="404"),
        pytest.param(404, b"not found here", "404", "not found here", id="404 text"),
        pytest.param(405, {"message": "Method"}, "405", "Method", id="405"),
        pytest.param(409, {"message": "Conflict"}, "409", "Conflict", id="409"),
        pytest.param(414, b"<html>URI too long</html>", "414", "HTTP 414", id="414 HTML"),
        pytest.param(422, USER_ERROR, "E1000", "Cannot create", id="422 UserError"),
        pytest.param(
            429, {"message": "Page size 501 cannot exceed 500"}, "429", "Page size 501 cannot exceed 500", id="429 fake"
        ),
        pytest.param(200, USER_ERROR, "E1000", "Cannot create", id="200 UserError"),
    ],
)
def test_a_refusal_is_final_and_says_why(status: int, body: Any, code: str, words: str, *, is_write: bool) -> None:
    """Section 5: the same bytes would be refused again, for a read as for a write."""
    failure = failed(status, body, is_write=is_write, Retry_After="5")
    assert isinstance(failure, Refused)
    assert failure.code == code
    assert words in str(failure)
    assert failure.retry_after_s is None


# -- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(401, {"message": "Unauthorized"}, id="401"),
        pytest.param(401, b"", id="401 without a body"),
        pytest.param(403, {"code": 403, "message": "Forbidden"}, id="403 of older servers for a bad key"),
        pytest.param(403, {"message": "Invalid API key: key-123-secret"}, id="403 says key"),
        pytest.param(403, {**USER_ERROR, "message": "The token has expired"}, id="403 says token"),
        pytest.param(403, b"<html>Forbidden</html>", id="403 says nothing"),
    ],
)
def test_refused_credentials_stop_the_lane_and_are_not_repeated_in_the_sentence(status: int, body: Any) -> None:
    """One signal, not a hold for each order; the server's words may quote the key, so they are left out."""
    failure = failed(status, body)
    assert isinstance(failure, Unauthorised)
    assert "secret" not in str(failure)
    assert "token" in str(failure)


# -- the rate limit ----------------------------------------------------------------------------------------------------

LIMITED = {"code": 429, "name": "Too Many Requests", "description": "This user has exceeded an allotted request count."}


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        pytest.param({"Retry_After": "7"}, 7.0, id="seconds"),
        pytest.param({"retry_after": "1.5"}, 1.5, id="header in any case"),
        pytest.param({"Retry_After": "Fri, 20 Nov 2026 14:01:30 GMT", "Date": DATE}, 90.0, id="HTTP date"),
        pytest.param({"Retry_After": "Fri, 20 Nov 2026 13:00:00 GMT", "Date": DATE}, 0.0, id="HTTP date gone by"),
        pytest.param({"X_RateLimit_Reset": str(DATE_S + 3), "Date": DATE}, 3.0, id="reset of the window"),
        pytest.param({"Retry_After": "2", "X_RateLimit_Reset": str(DATE_S + 9), "Date": DATE}, 2.0, id="both"),
        pytest.param(
            {"Retry_After": "soon", "X_RateLimit_Reset": str(DATE_S + 9), "Date": DATE}, 9.0, id="garbled, then reset"
        ),
        pytest.param({"X_RateLimit_Reset": str(DATE_S + 3)}, None, id="reset without a date to measure from"),
        pytest.param({"Retry_After": "-1"}, None, id="negative"),
        pytest.param({"Retry_After": "nan"}, None, id="no number"),
        pytest.param({}, None, id="nothing"),
    ],
)
@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
def test_a_real_429_waits_for_as_long_as_it_asks(
    headers: dict[str, str], retry_after_s: float | None, *, is_write: bool
) -> None:
    """Sections 5 and 6: Retry-After, else when the window renews; nothing was applied."""
    failure = failed(429, LIMITED, is_write=is_write, **headers)
    assert isinstance(failure, Throttled)
    assert failure.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    ("headers", "reading"),
    [
        pytest.param(
            {
                "X-RateLimit-Limit": "10",
                "X-RateLimit-Remaining": "9",
                "X-RateLimit-Reset": str(DATE_S + 1),
                "Date": DATE,
            },
            RateReading(limit_per_s=10.0, remaining=9, reset_after_s=1.0),
            id="all",
        ),
        pytest.param({"x-ratelimit-remaining": "0"}, RateReading(remaining=0), id="any case"),
        pytest.param({}, RateReading(), id="none"),
        pytest.param(
            {"X-RateLimit-Limit": "lots", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "inf", "Date": DATE},
            RateReading(),
            id="garbled",
        ),
        pytest.param({"X-RateLimit-Limit": "0"}, RateReading(), id="a limit of nothing"),
    ],
)
def test_the_rate_limit_is_read_from_any_answer(headers: dict[str, str], reading: RateReading) -> None:
    """Section 6: requests per second, requests left, and the UTC epoch second of the renewal."""
    assert rate_reading(CIMultiDict(headers)) == reading


# -- surprises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, b"<html>Internal Server Error</html>", id="500 HTML"),
        pytest.param(500, {"message": "could not serialize access"}, id="500 JSON, a lock in assign_try"),
        pytest.param(500, b"TypeError: search() takes a list", id="500 malformed arguments"),
        pytest.param(502, b"Bad gateway", id="502"),
        pytest.param(503, b"", id="503"),
        pytest.param(504, b"", id="504"),
        pytest.param(408, b"", id="408 of a proxy"),
        pytest.param(200, b"<html>Welcome</html>", id="200 that is not JSON"),
        pytest.param(200, b"Error: something broke", id="200 with Error text"),
        pytest.param(200, {"error": "something broke"}, id="200 with an error"),
        pytest.param(200, None, id="200 null"),
        pytest.param(201, [{"id": 5}], id="201"),
        pytest.param(202, None, id="202"),
        pytest.param(204, b"", id="204"),
        pytest.param(301, b"", id="301"),
        pytest.param(307, b"", id="307"),
    ],
)
def test_a_surprise_leaves_a_write_unknown_and_a_read_unavailable(status: int, body: Any) -> None:
    """Nothing in these answers proves that a write was not applied, so it is looked for before it is repeated."""
    assert type(failed(status, body, is_write=True)) is Unknown
    assert type(failed(status, body, is_write=False)) is Unavailable


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
def test_a_failing_server_may_say_when_to_come_again(status: int, *, is_write: bool) -> None:
    """Retry-After counts on every 5xx."""
    assert failed(status, b"", is_write=is_write, Retry_After="30").retry_after_s == 30.0


def test_the_only_request_id_that_fulfil_gives_is_passed_on() -> None:
    """Section 5: X-Sentry-ID, cut and cleaned, for whoever writes to Fulfil's support."""
    assert "X-Sentry-ID abc-123" in str(failed(500, b"", X_Sentry_ID="abc-123"))
    assert len(str(failed(500, b"", X_Sentry_ID="x" * 5_000))) <= SENTENCE_LENGTH_MAX


def test_a_redirect_points_at_the_setting_that_is_probably_wrong() -> None:
    """Redirects are never followed, so somebody has to look at base_url."""
    assert "base_url" in str(failed(302, b""))


# -- what may be said --------------------------------------------------------------------------------------------------


def test_a_sentence_holds_no_e_mail_address_and_no_telephone_number() -> None:
    """The ERP quotes what it was sent; the journal keeps the sentence."""
    message = "Contact <ada.moss+shop@example.co.uk> (phone +1 (555) 010-0100) is not valid for order 100045"
    sentence = str(failed(400, {**USER_ERROR, "message": message}))
    assert "ada" not in sentence
    assert "555" not in sentence
    assert "order 100045" in sentence


def test_a_long_message_is_cut_after_its_code() -> None:
    """The code comes first, so that it survives the cut; the sentence is one line."""
    sentence = str(failed(400, {**USER_ERROR, "message": "long\nand longer " * 500}))
    assert len(sentence) <= SENTENCE_LENGTH_MAX
    assert sentence.startswith("UserError E1000 (400): long and longer")


def test_an_address_is_not_half_left_where_the_message_is_cut() -> None:
    """Masking comes before cutting."""
    message = "x " * 145 + "ada.moss@example.com"
    assert "ada" not in str(failed(400, {"message": message}))


def test_a_code_is_short_and_safe_for_a_label() -> None:
    """It becomes the cause of a case: bounded, without spaces."""
    failure = failed(400, {"code": "E 1000/ada@x " * 50, "message": "m"})
    assert isinstance(failure, Refused)
    assert len(failure.code) <= 64
    assert "@" not in failure.code
    assert " " not in failure.code


@given(
    status=st.integers(200, 599),
    body=st.one_of(st.binary(max_size=300), st.recursive(st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["type", "code", "message", "description", "error", "name"]), inner, max_size=6))),
    is_write=st.booleans(),
    headers=st.dictionaries(
        st.sampled_from(["Retry_After", "Date", "X_RateLimit_Reset", "X_Sentry_ID"]), st.text(max_size=40), max_size=4
    ),
)  # fmt: skip
def test_every_answer_has_one_bounded_failure(
    status: int, body: Any, headers: dict[str, str], *, is_write: bool
) -> None:
    """Whatever comes back, the runtime is told what to do, and a read is never called unknown."""
    failure = failed(status, body, is_write=is_write, **headers)
    assert isinstance(failure, Refused | Throttled | Unauthorised | Unavailable | Unknown)
    assert is_write or not isinstance(failure, Unknown)
    assert 0 < len(str(failure)) <= SENTENCE_LENGTH_MAX
    assert failure.retry_after_s is None or failure.retry_after_s >= 0


def test_a_body_made_to_hurt_is_survived() -> None:
    """Nesting beyond any reason, and a megabyte without a space."""
    assert isinstance(failed(400, b"[" * 60_000), Refused)
    assert isinstance(failed(400, b"a" * 1_000_000), Refused)
