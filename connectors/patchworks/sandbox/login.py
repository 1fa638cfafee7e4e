"""Who may call: API keys as the bare value of Authorization, and tokens of a login as Bearer (facts 1.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import msgspec

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, encode, invalid, json_reply, object_of
from connectors.patchworks.sandbox.config import SandboxConfig
from runtime.clock import Clock

EXPIRES_IN_S: Final = 86_400
_US_PER_S: Final = 1_000_000


class Caller(msgspec.Struct, frozen=True):
    """Who calls; `key` names its bucket of requests."""

    key: str
    is_administrator: bool


class Login:
    """Issues tokens and knows them again."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._secret = hashlib.sha256(b"%d" % config.seed).digest()
        self._revoked: set[str] = set()
        self._issued: list[str] = []

    def caller(self, authorization: str) -> Caller | None:
        """Whoever this value of Authorization proves; None for nobody."""
        for place, key in enumerate(self._config.api_keys):
            if hmac.compare_digest(authorization.encode(), key.encode()):
                return Caller(f"key/{place}", is_administrator=False)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and self._is_live(token.strip()):
            return Caller(f"token/{token[-16:]}", is_administrator=True)
        return None

    async def log_in(self, asked: Asked) -> Reply:
        """`POST /fabric/api/login`: user name or e-mail, and password, for a token of 24 hours."""
        wanted = object_of(asked)
        name, password = wanted.get("username") or wanted.get("email"), wanted.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            raise invalid("username", "The username field is required.")
        if not any(user.name == name and user.password == password for user in self._config.users):
            raise ApiRefusal(401, "These credentials do not match our records.")
        token = self._issue(name)
        return json_reply({"message": "Logged in.", "token": token, "expires_in": EXPIRES_IN_S})

    def revoke(self) -> int:
        """Make all tokens invalid before their time; how many were issued."""
        self._revoked.update(self._issued)
        return len(self._issued)

    def _issue(self, name: str) -> str:
        now_s = self._clock.now() // _US_PER_S
        claims = {"sub": name, "iat": now_s, "exp": now_s + EXPIRES_IN_S, "jti": len(self._issued) + 1}
        head = _base64(encode({"typ": "JWT", "alg": "HS256"}))
        text = f"{head}.{_base64(encode(claims))}"
        token = f"{text}.{self._signature(text)}"
        self._issued.append(token)
        return token

    def _is_live(self, token: str) -> bool:
        text, _, signature = token.rpartition(".")
        if token in self._revoked or not hmac.compare_digest(signature.encode(), self._signature(text).encode()):
            return False
        claims = msgspec.json.decode(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        return bool(self._clock.now() < claims["exp"] * _US_PER_S)

    def _signature(self, text: str) -> str:
        return _base64(hmac.new(self._secret, text.encode(), hashlib.sha256).digest())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
