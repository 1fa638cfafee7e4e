"""Who may deliver: keys, tokens of our own OAuth endpoint, users, and signed bodies (facts 3.1, 4.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from connectors.patchworks.admission import admission_of, readers_of
from connectors.patchworks.config import BasicUser, IntakeSettings, OAuthClient
from connectors.patchworks.tokens import TOKEN_PATH, Tokens, token_routes
from runtime.config import Secret
from runtime.http import application
from runtime.telemetry.events import RequestRefused
from tests.contracts.patchworks_core import StoppedClock

pytestmark = pytest.mark.anyio

KEY = "patchworks-key-0001"
CLIENT, SECRET, NEW_SECRET = "patchworks", "client-secret-000001", "client-secret-000002"
USER, PASSWORD = "flow", "pass:word-0000000001"
HMAC_SECRET = "hmac-secret-00000001"
BODY = b'{"id": 1}'
GRANT = {"grant_type": "client_credentials"}
FORM = GRANT | {"client_id": CLIENT, "client_secret": SECRET}
ALL: dict[str, Any] = {
    "keys": (Secret(KEY),),
    "basic": (BasicUser(username=USER, password=Secret(PASSWORD)),),
    "oauth": (OAuthClient(client_id=CLIENT, client_secret=Secret(SECRET)),),
}


def basic(user: str, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def signature(body: bytes = BODY, secret: str = HMAC_SECRET) -> bytes:
    """The bytes of X-HMAC-HASH, before they are encoded."""
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


class Guard:
    """An admission with its tokens, and a clock in the hands of the test."""

    def __init__(self, **settings: Any) -> None:
        self.settings = IntakeSettings(**settings or ALL)
        self.clock = StoppedClock()
        oauth = self.settings.oauth
        self.tokens = Tokens(oauth, self.clock, life_s=self.settings.oauth_token_s) if oauth else None
        self.guard = admission_of(self.settings, self.tokens)

    def admits(self, *, body: bytes = BODY, **headers: str) -> bool:
        """Whether a delivery with these headers, written with underscores, gets in."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = make_mocked_request("POST", "/v1/orders/shop-uk", headers=named)
        return self.guard.admits(request) and self.guard.vouches(request, body)

    def token(self, secret: str = SECRET) -> str:
        """A token of the client."""
        assert self.tokens is not None
        token = self.tokens.issue(CLIENT, secret)
        assert token is not None
        return token


# -- what is admitted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X_API_Key": KEY}, id="API key header"),
        pytest.param({"Authorization": KEY}, id="bare key"),
        pytest.param({"Authorization": f"Bearer {KEY}"}, id="bearer"),
        pytest.param({"Authorization": basic(USER, PASSWORD)}, id="basic, a colon in the password"),
        pytest.param({"Authorization": basic(USER, PASSWORD).replace("Basic", "bAsIc")}, id="the scheme in any case"),
    ],
)
def test_each_way_of_the_connector_builder_gets_in(headers: dict[str, str]) -> None:
    """Facts 3.1: the auth types that the builder supports."""
    assert Guard().admits(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": KEY[:-1]},
        {"X_API_Key": KEY + "x"},
        {"Authorization": basic(USER, PASSWORD + "x")},
        {"Authorization": basic("other", PASSWORD)},
        {"Authorization": basic("", "")},
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": "Bearer " + basic(USER, PASSWORD)},
        {"X_API_Key": basic(USER, PASSWORD)},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": "Bearer sl1.."},
        {"Authorization": "Bearer sl1.é.é"},
        {"X_HMAC_HASH": signature().hex()},
    ],
)
def test_nothing_else_gets_in(headers: dict[str, str]) -> None:
    """Neither parts of secrets, nor the right secret in the wrong place."""
    assert not Guard().admits(**headers)


@pytest.mark.parametrize("left_out", ["basic", "oauth"])
def test_a_way_that_is_not_configured_is_closed(left_out: str) -> None:
    """Only what the operator has written down is open."""
    headers = {"basic": basic(USER, PASSWORD), "oauth": f"Bearer {Guard().token()}"}[left_out]
    assert Guard().admits(Authorization=headers)
    assert not Guard(**{way: of for way, of in ALL.items() if way != left_out}).admits(Authorization=headers)


def test_a_password_is_changed_without_a_gap() -> None:
    """The user is listed twice meanwhile."""
    users = tuple(BasicUser(username=USER, password=Secret(each)) for each in (PASSWORD, "another-password-01"))
    assert all(Guard(basic=users).admits(Authorization=basic(USER, each.password.reveal())) for each in users)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_token_gets_in_until_its_end() -> None:
    """It lives as long as the endpoint said, to the second."""
    at = Guard(**ALL, oauth_token_s=60)
    token = at.token()
    assert at.admits(Authorization=f"Bearer {token}")
    at.clock.seconds += 59
    assert at.admits(Authorization=f"Bearer {token}")
    at.clock.seconds += 1
    assert not at.admits(Authorization=f"Bearer {token}")


def test_a_token_outlives_a_restart_and_ends_with_the_secret_that_signed_it() -> None:
    """It is signed, not stored."""
    token = Guard().token()
    assert Guard().admits(Authorization=f"Bearer {token}")
    rotated = Guard(oauth=(OAuthClient(client_id=CLIENT, client_secret=Secret(NEW_SECRET)),))
    assert not rotated.admits(Authorization=f"Bearer {token}")


def test_two_secrets_of_a_client_live_side_by_side_while_one_is_changed() -> None:
    """Tokens of both get in."""
    clients = tuple(OAuthClient(client_id=CLIENT, client_secret=Secret(each)) for each in (SECRET, NEW_SECRET))
    at = Guard(oauth=clients)
    for secret in (SECRET, NEW_SECRET):
        assert at.admits(Authorization=f"Bearer {at.token(secret)}")


def test_a_token_that_was_changed_in_any_place_does_not_get_in() -> None:
    """Not its client, not its end, not its signature."""
    at = Guard()
    token = at.token()
    prefix, claims, signed = token.split(".")
    later = base64.urlsafe_b64encode(f"{CLIENT}:99999999999:00".encode()).rstrip(b"=").decode()
    forged = [f"{prefix}.{later}.{signed}", f"{prefix}.{claims}.{signed[:-4]}AAAA", f"{prefix}.{claims}.", f"x{token}"]
    forged += [f"{prefix}.{claims}", token + "A" * 600, f"{prefix}..{signed}"]
    assert not any(at.admits(Authorization=f"Bearer {each}") for each in forged)


def test_no_client_can_sign_for_another() -> None:
    """A client that knows its own secret makes tokens in its own name only."""
    other = OAuthClient(client_id="other", client_secret=Secret(NEW_SECRET))
    both = Guard(oauth=(*ALL["oauth"], other))
    alone = Guard(oauth=(OAuthClient(client_id=CLIENT, client_secret=Secret(NEW_SECRET)),))
    assert both.admits(Authorization=f"Bearer {both.token()}")
    assert not both.admits(Authorization=f"Bearer {alone.token(NEW_SECRET)}")


def test_two_tokens_are_never_the_same() -> None:
    """Nor do they show the secret."""
    at = Guard()
    tokens = {at.token(), at.token()}
    assert len(tokens) == 2
    assert all(SECRET not in token and SECRET.encode() not in base64.b64decode(token.split(".")[1] + "==")
               for token in tokens)  # fmt: skip


# -- the token endpoint ------------------------------------------------------------------------------------------------


class Endpoint:
    """The token endpoint over HTTP."""

    def __init__(self, client: TestClient[web.Request, web.Application], events: list[object], tokens: Tokens) -> None:
        self._client, self.events, self.tokens = client, events, tokens

    async def ask(self, body: Any, **headers: str) -> tuple[ClientResponse, Any]:
        """The answer and its JSON."""
        answer = await self._client.post(TOKEN_PATH, data=body, headers=headers)
        text = await answer.read()
        return answer, json.loads(text) if text else None


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """The endpoint of one client."""
    tokens = Tokens(ALL["oauth"], StoppedClock(), life_s=3_600)
    events: list[object] = []
    app = application(token_routes(tokens, emit=events.append))
    async with TestClient(TestServer(app)) as client:
        yield Endpoint(client, events, tokens)


@pytest.mark.parametrize("way", ["form", "basic", "json"])
async def test_a_client_gets_a_token_in_each_way_that_a_connector_may_ask(way: str) -> None:
    """RFC 6749 sections 2.3.1 and 4.4; JSON, because the builder's example asks so."""
    async with endpoint() as at:
        match way:
            case "form":
                answer, content = await at.ask(FormData(FORM))
            case "basic":
                answer, content = await at.ask(FormData(GRANT), Authorization=basic(CLIENT, SECRET))
            case _:
                in_json = {"Content-Type": "application/json"}
                answer, content = await at.ask(msgspec.json.encode(FORM), **in_json)
        assert answer.status == 200
        assert at.tokens.admits(content.pop("access_token"))
        assert content == {"token_type": "Bearer", "expires_in": 3_600}
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert at.events == []


@pytest.mark.parametrize("presented", ["a+secret/of=sixteen", "a%2Bsecret%2Fof%3Dsixteen"])
async def test_a_secret_in_basic_authentication_may_be_encoded_or_not(presented: str) -> None:
    """RFC 6749 wants it encoded as in a form; many clients do not do that."""
    tokens = Tokens(
        [OAuthClient(client_id=CLIENT, client_secret=Secret("a+secret/of=sixteen"))], StoppedClock(), life_s=60
    )
    async with TestClient(TestServer(application(token_routes(tokens, emit=print)))) as client:
        headers = {"Authorization": basic(CLIENT, presented)}
        answer = await client.post(TOKEN_PATH, data=FormData(GRANT), headers=headers)
        assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        pytest.param(FormData(FORM | {"client_secret": "x"}), {}, 401, "invalid_client", id="a wrong secret"),
        pytest.param(FormData(FORM | {"client_id": "x"}), {}, 401, "invalid_client", id="an unknown client"),
        pytest.param(FormData(GRANT), {}, 401, "invalid_client", id="no client"),
        pytest.param(
            FormData(FORM), {"Authorization": basic(CLIENT, SECRET)}, 401, "invalid_client", id="two ways at once"
        ),
        pytest.param(
            FormData(GRANT), {"Authorization": f"Bearer {SECRET}"}, 401, "invalid_client", id="another scheme"
        ),
        pytest.param(FormData(FORM | {"grant_type": "password"}), {}, 400, "unsupported_grant_type", id="password"),
        pytest.param(FormData({"client_id": CLIENT}), {}, 400, "invalid_request", id="no grant"),
        pytest.param(b"grant_type=a&grant_type=b", {}, 400, "invalid_request", id="a field twice"),
        pytest.param(b"\xff", {}, 400, "invalid_request", id="no text"),
        pytest.param(b"{", {"Content-Type": "application/json"}, 400, "invalid_request", id="broken JSON"),
        pytest.param(b"a=1&" * 100, {}, 400, "invalid_request", id="many fields"),
    ],
)
async def test_a_refusal_is_an_oauth_error(body: Any, headers: dict[str, str], status: int, error: str) -> None:
    """RFC 6749 section 5.2; who tries secrets is counted."""
    async with endpoint() as at:
        answer, content = await at.ask(body, **headers)
        assert (answer.status, content["error"]) == (status, error)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers.get("WWW-Authenticate", "").startswith("Basic") is (status == 401)
        assert at.events == ([RequestRefused("", "client_unknown")] if status == 401 else [])
        assert SECRET not in json.dumps(content)


async def test_a_large_body_is_not_read() -> None:
    """The endpoint is open to everybody."""
    async with endpoint() as at:
        answer, content = await at.ask(b"a=" + b"x" * 9_000)
        assert (answer.status, content) == (413, None)


# -- signed bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(signature().hex(), id="hexadecimal"),
        pytest.param(signature().hex().upper(), id="in capitals"),
        pytest.param(base64.b64encode(signature()).decode(), id="base64"),
    ],
)
def test_a_signed_body_gets_in_by_its_signature_alone_when_nothing_else_is_configured(encoded: str) -> None:
    """Facts 4.2, 12.7: over the raw bytes; which encoding is not documented."""
    at = Guard(hmac_secrets=(Secret("another-secret-0001"), Secret(HMAC_SECRET)))
    assert at.admits(X_HMAC_HASH=encoded)
    assert not at.admits(X_HMAC_HASH=encoded, body=BODY + b" ")
    assert not at.admits(X_HMAC_HASH=signature(secret="some-other-secret").hex())
    assert not at.admits(X_HMAC_HASH="")
    assert not at.admits(X_HMAC_HASH="zz" * 32)
    assert not at.admits()


def test_a_wanted_signature_stands_beside_the_key_and_replaces_none() -> None:
    """Both, or nobody."""
    at = Guard(**ALL, hmac_secrets=(Secret(HMAC_SECRET),))
    assert at.admits(X_API_Key=KEY, X_HMAC_HASH=signature().hex())
    assert not at.admits(X_API_Key=KEY)
    assert not at.admits(X_HMAC_HASH=signature().hex())
    assert not at.admits(X_API_Key=KEY, X_HMAC_HASH="00" * 32)


def test_a_missing_signature_is_refused_before_a_body_is_read() -> None:
    """Headers alone decide that."""
    at = Guard(hmac_secrets=(Secret(HMAC_SECRET),))
    assert not at.guard.admits(make_mocked_request("POST", "/"))


def test_a_fetch_is_never_admitted_by_a_signature() -> None:
    """It has no body, so one signature would serve for ever."""
    at = Guard(hmac_secrets=(Secret(HMAC_SECRET),))
    signed = {"X-HMAC-HASH": signature(b"").hex()}
    readers = readers_of(at.settings, None)
    assert not readers.admits(make_mocked_request("GET", "/v1/stock/shop-uk", headers=signed))
    both = Guard(**ALL, hmac_secrets=(Secret(HMAC_SECRET),))
    readers = readers_of(both.settings, both.tokens)
    assert readers.admits(make_mocked_request("GET", "/v1/stock/shop-uk", headers={"X-API-Key": KEY}))


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "must be given"),
        ({"keys": (Secret("short"),)}, "API key"),
        ({"basic": (BasicUser(username="u", password=Secret("short")),)}, "password"),
        ({"oauth": (OAuthClient(client_id="c", client_secret=Secret("short")),)}, "client secret"),
        ({"hmac_secrets": (Secret("short"),)}, "hmac_secrets"),
    ],
)
def test_a_door_that_is_open_or_easily_guessed_is_refused(settings: dict[str, Any], complaint: str) -> None:
    """At the start, with what to do."""
    with pytest.raises(ValueError, match=complaint):
        IntakeSettings(**settings)
