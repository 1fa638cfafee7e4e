"""How we present ourselves to Patchworks: a bare API key, a bearer token, or a token that a login gives.

A key goes into `Authorization` verbatim, without a scheme, and never expires. A login's token lives for a day; it is
renewed in its last tenth, and at once when it is refused. Sources: Patchworks' docs on authentication; where and with
which field a login goes differs between their pages, so both are settings.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import anyio
import msgspec
from yarl import URL

from connectors.http import Session, exchange
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.failures import failure_for
from runtime.clock import Clock
from runtime.errors import Failure, Refused, Unauthorised

JSON_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
"""On every request: without them Patchworks may answer in another form."""
_LIFE_S: Final = 86_400.0
"""How long a token lives when the login does not say."""
_USED_SHARE: Final = 0.9
_AGAIN_S: Final = 60.0
"""How soon a renewal that failed is tried again while the old token still lives."""
_OK: Final = (200, 201)


class Credentials(Protocol):
    """What stands in `Authorization`."""

    async def present(self) -> str:
        """The header's value. Raises a `runtime.errors.Failure` when it could not be had."""
        ...

    async def renew(self, refused: str) -> str | None:
        """Another value after this one was refused, or None when there is no other. Raises like `present`."""
        ...


def credentials_of(config: PatchworksConfig, session: Session, clock: Clock) -> Credentials:
    """The credentials that are configured. A login is made when the first call needs it."""
    match config.auth:
        case "api_key":
            return FixedCredentials(config.token.reveal())
        case "bearer":
            return FixedCredentials(f"Bearer {config.token.reveal()}")
        case "login":
            return LoginCredentials(config, session, clock)


class FixedCredentials:
    """A key or token that somebody configured, and only somebody can change."""

    def __init__(self, value: str) -> None:
        self._value = value

    async def present(self) -> str:
        """The configured value."""
        return self._value

    async def renew(self, refused: str) -> None:
        """There is no other."""


class LoginCredentials:
    """A token from a login, kept until shortly before it expires. However many calls need one, one login is made."""

    def __init__(self, config: PatchworksConfig, session: Session, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._url = URL(config.login_url)
        self._body = msgspec.json.encode(
            {config.login_name_field: config.login_name, "password": config.token.reveal()}
        )
        self._answer_bytes_max = config.answer_bytes_max
        self._one_at_a_time = anyio.Lock()
        self._value = ""
        self._renew_at_s = self._expires_at_s = 0.0

    async def present(self) -> str:
        """The token, renewed when it is about to expire. A renewal that fails is no failure while the old one lives."""
        if self._value and self._clock.monotonic() < self._renew_at_s:
            return self._value
        async with self._one_at_a_time:
            if self._value and self._clock.monotonic() < self._renew_at_s:
                return self._value
            try:
                await self._login()
            except Failure:
                now_s = self._clock.monotonic()
                if not self._value or now_s >= self._expires_at_s:
                    raise
                self._renew_at_s = now_s + _AGAIN_S
            return self._value

    async def renew(self, refused: str) -> str:
        """A new token, unless another call has fetched one since."""
        async with self._one_at_a_time:
            if self._value == refused:
                self._value = ""
                await self._login()
        return await self.present()

    async def _login(self) -> None:
        answer = await exchange(
            self._session,
            "POST",
            self._url,
            headers=JSON_HEADERS,
            body=self._body,
            answer_bytes_max=self._answer_bytes_max,
            api="the login of Patchworks",
            is_write=False,
        )
        token = _token(answer.body) if answer.status in _OK else None
        if token is None:
            failure = failure_for(answer.status, answer.headers, answer.body, is_write=False)
            if isinstance(failure, Refused):  # a wrong password is told by 422 as well as by 401
                raise Unauthorised(
                    f"Patchworks refused the login (HTTP {answer.status}); check login_name, its password and login_url"
                )
            raise failure
        value, life_s = token
        now_s = self._clock.monotonic()
        self._value = f"Bearer {value}"
        self._renew_at_s, self._expires_at_s = now_s + life_s * _USED_SHARE, now_s + life_s


def _token(body: bytes) -> tuple[str, float] | None:
    """The token and its life in seconds, at the top of the answer or inside `data`; None when there is none."""
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    outer = content if isinstance(content, dict) else {}
    inner = outer.get("data")
    for place in (outer, inner if isinstance(inner, dict) else {}):
        value, life = place.get("token"), place.get("expires_in")
        if isinstance(value, str) and value and value.isascii() and value.isprintable():
            return value, float(life) if isinstance(life, int | float) and life > 1 else _LIFE_S
    return None
