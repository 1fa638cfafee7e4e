"""Who may deliver: every way to prove it at the real route, and what is said to everybody else."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator

import pytest

from connectors.patchworks.config import BasicUser, OAuthClient
from runtime.config import Secret
from runtime.telemetry.events import RequestRefused
from tests.contracts.intake_door import KEY, OTHER_KEY, Door, door, order

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(name="opened")
async def door_with_defaults() -> AsyncIterator[Door]:
    async with door() as opened:
        yield opened


@pytest.mark.parametrize("authorization", [KEY, f"Bearer {KEY}", f"bearer {KEY}", OTHER_KEY, "", "Basic else"])
async def test_every_live_key_is_admitted_in_each_of_its_places(opened: Door, authorization: str) -> None:
    """Bare, as Bearer, or in X-API-Key; two keys at once while one replaces the other."""
    elsewhere = {} if "key" in authorization else {"X_API_Key": KEY}
    await opened.stored(order(), Authorization=authorization, **elsewhere)


@pytest.mark.parametrize(
    "key",
    ["", "wrong", KEY[:-1], f"{KEY}x", KEY.upper(), "Bearer", f"Basic {KEY}", f"Bearer-{KEY}", "Bearer ñandú-€uro"],
)
async def test_any_other_key_is_401_and_nothing_is_stored(opened: Door, key: str) -> None:
    """Missing, wrong, truncated, longer, other case or scheme, non-ASCII, retired; in either header."""
    error = await opened.refused(order(), 401, "unauthorised", Authorization=key)
    assert KEY not in str(error)
    await opened.refused(order(), 401, "unauthorised", Authorization="", X_API_Key=key)
    assert opened.events == [RequestRefused("", "unauthorised")] * 2
    response, _ = await opened.post(order(), Authorization=key)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    async with door(keys=(Secret(OTHER_KEY),)) as rotated:
        await rotated.refused(order(), 401, "unauthorised", Authorization=KEY)


async def test_a_signed_delivery_needs_the_signature_of_its_very_bytes() -> None:
    """X-HMAC-HASH alone is enough where no key is configured; one byte more, another secret or none is 401."""
    async with door(keys=(), hmac_secrets=(Secret(KEY),)) as signed:
        body = order()
        right = hmac.digest(KEY.encode(), body, "sha256").hex()
        await signed.stored(body, Authorization="", X_HMAC_HASH=right)
        for given, hash_ in ((body + b" ", right), (body, right[:-1] + "x"), (body, "")):
            await signed.refused(given, 401, "unauthorised", Authorization="", X_HMAC_HASH=hash_)
        assert signed.events[-1] == RequestRefused("", "unauthorised")


async def test_a_user_with_a_password_may_deliver() -> None:
    """HTTP basic authentication, as the connector builder of Patchworks offers it."""
    async with door(keys=(), basic=(BasicUser(username="hub", password=Secret(KEY)),)) as guarded:
        await guarded.stored(order(), Authorization=f"Basic {base64.b64encode(f'hub:{KEY}'.encode()).decode()}")
        wrong = base64.b64encode(b"hub:wrong").decode()
        await guarded.refused(order(2), 401, "unauthorised", Authorization=f"Basic {wrong}")


async def test_a_client_fetches_a_token_and_delivers_with_it() -> None:
    """OAuth 2 client credentials from end to end; the token of a secret that was taken away is worth nothing."""
    client = OAuthClient(client_id="hub", client_secret=Secret(KEY))
    async with door(keys=(), oauth=(client,)) as guarded:
        form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": KEY}
        response = await guarded.client.post("/v1/oauth/token", data=form)
        token = (await response.json())["access_token"]
        await guarded.stored(order(), Authorization=f"Bearer {token}")
    async with door(keys=(), oauth=(OAuthClient(client_id="hub", client_secret=Secret(OTHER_KEY)),)) as other:
        await other.refused(order(), 401, "unauthorised", Authorization=f"Bearer {token}")
