"""OAuth 2 client credentials, as the connector builder of Patchworks offers them: `POST /v1/oauth/token`.

A token is signed, not stored: it names its client and its end, and carries an HMAC-SHA256 under the client's secret.
So it outlives a restart, costs no room, and ends with the secret that signed it. Sources: RFC 6749 (sections 2.3.1,
4.4, 5), RFC 6750; Patchworks asks in a form or in JSON, as a person has set it up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from aiohttp import web

from connectors.patchworks.config import OAuthClient
from runtime.clock import Clock
from runtime.http import read_body
from runtime.telemetry.events import RequestRefused

TOKEN_PATH: Final = "/v1/oauth/token"  # noqa: S105 - a path
_PREFIX: Final = "sl1"
_BODY_BYTES_MAX: Final = 8_192
_BODY_TIMEOUT_S: Final = 10.0
_FIELDS_MAX: Final = 20
_TOKEN_LENGTH_MAX: Final = 512
_NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MICROSECONDS: Final = 1_000_000


class Tokens:
    """Issues and knows the tokens of some clients. A client may be listed twice while its secret is changed."""

    def __init__(self, clients: Sequence[OAuthClient], clock: Clock, *, life_s: int) -> None:
        self._clients = tuple(
            (client.client_id, client.client_secret.digest(), _signing_key(client)) for client in clients
        )
        self._clock, self.life_s = clock, life_s

    def issue(self, client_id: str, client_secret: str) -> str | None:
        """A token for the client, or None when it is none of ours. Its time tells nothing of either."""
        presented = hashlib.sha256(client_secret.encode("utf-8", "surrogateescape")).digest()
        key: bytes | None = None
        for known_id, digest, signing_key in self._clients:
            same_id = hmac.compare_digest(known_id.encode(), client_id.encode("utf-8", "surrogateescape"))
            if hmac.compare_digest(digest, presented) and same_id:
                key = signing_key
        if key is None:
            return None
        ends_s = self._clock.now() // _MICROSECONDS + self.life_s
        claims = _b64(f"{client_id}:{ends_s}:{secrets.token_hex(8)}".encode())
        return f"{_PREFIX}.{claims}.{_b64(_sign(key, claims))}"

    def admits(self, token: str) -> bool:
        """Whether a presented token is one of these and has not ended."""
        prefix, _, rest = token.partition(".")
        claims, _, signature = rest.partition(".")
        if prefix != _PREFIX or len(token) > _TOKEN_LENGTH_MAX or not token.isascii():
            return False
        presented = _unb64(signature)
        signed_by = [
            known_id for known_id, _, key in self._clients if hmac.compare_digest(_sign(key, claims), presented)
        ]
        client_id, _, rest = _unb64(claims).decode("utf-8", "replace").partition(":")
        ends_s, _, _ = rest.partition(":")
        return client_id in signed_by and ends_s.isdecimal() and self._clock.now() < int(ends_s) * _MICROSECONDS


def token_routes(tokens: Tokens, *, emit: Callable[[object], None]) -> list[web.RouteDef]:
    """The token endpoint, for `runtime.http.application`. `emit` receives a `RequestRefused` for a client not known."""

    async def answer(request: web.Request) -> web.Response:
        fields = await _fields(request)
        if fields is None:
            return _refusal(400, "invalid_request", "Send a form, or a JSON object of texts, each field once.")
        if fields.get("grant_type") != "client_credentials":
            known = "grant_type" in fields
            return _refusal(
                400,
                "unsupported_grant_type" if known else "invalid_request",
                "The only grant here is client_credentials; send it as grant_type.",
            )
        issued = [tokens.issue(*presented) for presented in _clients(request, fields)]
        token = next(filter(None, issued), None)
        if token is None:
            emit(RequestRefused("", "client_unknown"))
            return _refusal(401, "invalid_client", "No client with this id and secret; check them in Patchworks.")
        content = {"access_token": token, "token_type": "Bearer", "expires_in": tokens.life_s}
        return web.json_response(content, headers=_NOT_STORED)

    return [web.post(TOKEN_PATH, answer)]


# -- parts -------------------------------------------------------------------------------------------------------------


async def _fields(request: web.Request) -> dict[str, str] | None:
    """The request's fields, each once and of text; None when it cannot be read so."""
    body = await read_body(request, bytes_max=_BODY_BYTES_MAX, timeout_s=_BODY_TIMEOUT_S)
    try:
        if request.content_type == "application/json":
            return msgspec.json.decode(body, type=dict[str, str])
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except (ValueError, msgspec.MsgspecError):  # not UTF-8 is a ValueError
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def _clients(request: web.Request, fields: dict[str, str]) -> list[tuple[str, str]]:
    """The client's id and secret, from the body or from basic authentication; both at once count as neither.

    In basic authentication both should be encoded as in a form, which not every client does: so they are two readings.
    """
    authorization = request.headers.get("Authorization")
    client_id, client_secret = fields.get("client_id"), fields.get("client_secret")
    if authorization is None:
        return [(client_id, client_secret)] if client_id and client_secret else []
    user = basic_of(authorization)
    if user is None or client_secret is not None:
        return []
    client_id, _, client_secret = user.partition(":")
    return [(client_id, client_secret), (unquote_plus(client_id), unquote_plus(client_secret))]


def basic_of(authorization: str) -> str | None:
    """`user:password` of a basic `Authorization`; None when it is not one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None


def _refusal(status: int, error: str, description: str) -> web.Response:
    headers = dict(_NOT_STORED)
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Basic realm="seamline"'
    content: dict[str, Any] = {"error": error, "error_description": description}
    return web.json_response(content, status=status, headers=headers)


def _signing_key(client: OAuthClient) -> bytes:
    secret = client.client_secret.reveal().encode("utf-8", "surrogateescape")
    return hmac.digest(secret, b"seamline oauth token 1", "sha256")


def _sign(key: bytes, claims: str) -> bytes:
    return hmac.digest(key, claims.encode(), "sha256")


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    """The bytes of a text; empty when it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
