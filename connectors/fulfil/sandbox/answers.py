"""Fulfil's answers as bytes: results, and the different error bodies that different kinds of failure have.

Sources: what fulfil_client 3.2.0 parses (it wants the Content-Type to be exactly `application/json`), bodies recorded
by live integrations, and their notes on which key carries the text.
"""

from __future__ import annotations

from http import HTTPStatus
from http.client import responses
from typing import Any

import msgspec

from connectors.fulfil.sandbox.encoding import encode
from connectors.fulfil.sandbox.refusals import UserError

JSON = "application/json"
HTML = "text/html"


class Reply(msgspec.Struct, frozen=True):
    """One answer: status, body and extra headers."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = {}


class HttpError(Exception):
    """A refusal by HTTP status rather than by the application."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def result(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """A result as JSON; null for methods that return nothing."""
    return Reply(encode(value), status)


def user_error(error: UserError, status: int = HTTPStatus.BAD_REQUEST) -> Reply:
    """400 (somewhere 422) for a validation or workflow that was refused."""
    body = {"type": error.type, "code": error.code, "message": error.message, "description": error.description}
    return Reply(encode(body), status)


def odd_error() -> Reply:
    """A 400 whose text is under `error` alone (F S9: keys vary)."""
    return Reply(encode({"error": "The request cannot be processed."}), HTTPStatus.BAD_REQUEST)


def error_text() -> Reply:
    """A 200 that says Error: one integration guards against it (F weak, S10)."""
    return Reply(encode("Error: the request cannot be processed."))


def http_error(status: HTTPStatus, message: str) -> Reply:
    """An error of the HTTP level: its text is in `description`, and in `message` for fulfil_client."""
    body = {"code": status.value, "name": status.phrase, "message": message, "description": message}
    return Reply(encode(body), status)


def throttled(retry_after_s: int | None) -> Reply:
    """429 for too many requests, with or without Retry-After."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    text = "This user has exceeded an allotted request count. Try again later."
    body = {"code": status.value, "name": status.phrase, "description": text}
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Reply(encode(body), status, headers=headers)


def page_too_large(message: str) -> Reply:
    """429 for a page size over the limit: a validation fault that must not be retried."""
    return Reply(encode({"message": message}), HTTPStatus.TOO_MANY_REQUESTS)


def server_error(sentry_id: str, status: int = HTTPStatus.INTERNAL_SERVER_ERROR, *, as_json: bool = False) -> Reply:
    """5xx with an HTML (or JSON) body and the only request id that Fulfil is known to give."""
    phrase = responses.get(status, "Server Error")
    headers = {"X-Sentry-ID": sentry_id}
    if as_json:
        return Reply(encode({"code": status, "name": phrase, "description": phrase}), status, headers=headers)
    body = f"<!doctype html><title>{status} {phrase}</title><h1>{phrase}</h1>".encode()
    return Reply(body, status, HTML, headers)
