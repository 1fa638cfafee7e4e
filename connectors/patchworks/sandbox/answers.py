"""A request as the sandbox's operations see it, their answers, and the bodies of refusals.

No error body of Patchworks is public. These are the habits of its framework (facts 1.6): `message`, and for 422 also
`errors` by field. Clients must treat them as opaque text.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from multidict import CIMultiDictProxy, MultiMapping

JSON = "application/json"
_MESSAGES = {
    401: "Unauthenticated.",
    403: "This action is unauthorized.",
    404: "Not Found",
    405: "The method is not supported for this route.",
    413: "The payload is too large.",
    429: "Too Many Attempts.",
    500: "Server Error",
    503: "Service Unavailable",
}
encode = msgspec.json.Encoder(decimal_format="number").encode


class Asked(msgspec.Struct, frozen=True):
    """One request. `path` are the parts of the path that vary; `base` is the URL without its query."""

    method: str
    base: str
    path: Mapping[str, str]
    query: MultiMapping[str]
    headers: CIMultiDictProxy[str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """One answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = {}


class ApiRefusal(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, message: str = "", *, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        body: dict[str, Any] = {"message": message or _MESSAGES.get(status, HTTPStatus(status).phrase)}
        if errors is not None:
            body["errors"] = {field: [text] for field, text in errors.items()}
        self.message = str(body["message"])
        self.reply = Reply(encode(body), status)


def page_of(refusal: ApiRefusal) -> Reply:
    """The refusal for a caller that did not say `Accept: application/json`: its framework's page (facts 1.3)."""
    text = f"<!DOCTYPE html><title>{refusal.message}</title>"
    return Reply(text.encode(), refusal.status, "text/html", refusal.reply.headers)


def json_reply(value: Any, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(encode(value), status)


def invalid(field: str, message: str) -> ApiRefusal:
    """422 for one field."""
    return ApiRefusal(HTTPStatus.UNPROCESSABLE_ENTITY, message, errors={field: message})


def object_of(asked: Asked) -> dict[str, Any]:
    """The body as a JSON object; empty for no body. Raises ApiRefusal."""
    if not asked.body.strip():
        return {}
    try:
        content = msgspec.json.decode(asked.body)
    except msgspec.DecodeError:
        raise invalid("payload", "The payload is not valid JSON.") from None
    if not isinstance(content, dict):
        raise invalid("payload", "The payload must be an object.")
    return content
