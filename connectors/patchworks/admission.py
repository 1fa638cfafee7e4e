"""Who may deliver: the ways in which Patchworks can prove that it is our Patchworks.

    X-API-Key, or Authorization: <key> | Bearer <key>     a live key
    Authorization: Bearer <token>                         a token of `tokens`
    Authorization: Basic <user:password>                  a configured user
    X-HMAC-HASH                                           over a delivery's body, beside one of those or alone

Whoever is refused is not told why. Comparisons take as long for a wrong secret as for a right one. The API key is the
common case and is looked at first: it costs no more than it did alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import web

from connectors.patchworks.config import BasicUser, IntakeSettings
from connectors.patchworks.tokens import Tokens, basic_of
from runtime.config import Secret
from runtime.http import ApiKeys

HMAC_HEADER: Final = "X-HMAC-HASH"
_HEX_LENGTH: Final = 64


class Admission(Protocol):
    """The guard of a door. `runtime.http.ApiKeys` is one whose deliveries need no signature."""

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether the headers alone prove enough to go on; asked before a body is read."""
        ...


class SignedAdmission(Admission, Protocol):
    """A guard that wants bodies signed as well."""

    def vouches(self, request: web.BaseRequest, body: bytes) -> bool:
        """Whether the body is the one that the sender has signed; asked of admitted requests, with the raw bytes."""
        ...


def admission_of(settings: IntakeSettings, tokens: Tokens | None) -> SignedAdmission:
    """The guard that is configured. `tokens` are those of `settings.oauth`; None when there is no such client."""
    return _Guard(settings.keys, settings.basic, tokens, settings.hmac_secrets)


def readers_of(settings: IntakeSettings, tokens: Tokens | None) -> Admission:
    """The guard of what may be fetched. A fetch has no body that could be signed, so here a signature proves nothing:
    it takes a key, token or user, and where none is configured nobody is admitted.
    """
    return _Guard(settings.keys, settings.basic, tokens, ())


class _Guard:
    """See the module."""

    def __init__(
        self,
        keys: Sequence[Secret],
        users: Sequence[BasicUser],
        tokens: Tokens | None,
        hmac_secrets: Sequence[Secret],
    ) -> None:
        self._keys = ApiKeys(keys)
        self._users = tuple(_digest(f"{user.username}:{user.password.reveal()}") for user in users)
        self._tokens = tokens
        self._hmac_secrets = tuple(secret.reveal().encode("utf-8", "surrogateescape") for secret in hmac_secrets)
        self._signature_alone = bool(hmac_secrets) and not (keys or users or tokens)

    def admits(self, request: web.BaseRequest) -> bool:
        """A live key, token or user in the headers; and a signature there, when one is wanted."""
        if self._hmac_secrets and HMAC_HEADER not in request.headers:
            return False
        return self._signature_alone or self._keys.admits(request) or self._otherwise(request)

    def _otherwise(self, request: web.BaseRequest) -> bool:
        authorization = request.headers.get("Authorization", "")
        if self._tokens is not None and authorization[:7].lower() == "bearer ":
            return self._tokens.admits(authorization[7:].strip())
        presented = basic_of(authorization) if self._users else None
        if presented is None:
            return False
        digest = _digest(presented)
        admitted = False
        for live in self._users:
            admitted |= hmac.compare_digest(digest, live)
        return admitted

    def vouches(self, request: web.BaseRequest, body: bytes) -> bool:
        """True where no signature is wanted; else whether X-HMAC-HASH is that of the body under a live secret."""
        if not self._hmac_secrets:
            return True
        presented = _hash_of(request.headers.get(HMAC_HEADER, ""))
        vouched = False
        for secret in self._hmac_secrets:
            vouched |= hmac.compare_digest(hmac.digest(secret, body, "sha256"), presented)
        return vouched


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _hash_of(text: str) -> bytes:
    """The hash in a header, which may be hexadecimal or base64 (that is not documented); empty when it is neither."""
    text = text.strip()
    try:
        return bytes.fromhex(text) if len(text) == _HEX_LENGTH else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
