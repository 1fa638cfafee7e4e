"""The one module that opens outgoing HTTP sessions, and the one exchange that connectors make over them.

`exchange` knows which failures prove that nothing was sent, and says so by the class of what it raises. Whoever needs
another manner (a trace exporter, a control command) takes the session alone.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Final

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from runtime.errors import Failure, Refused, Unavailable, Unknown

_IDLE_S: Final = 15
"""How long an idle connection is kept: well below the minute or so after which servers close theirs, because a write
that meets a connection just closed has an unknown outcome and costs a look."""
_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Raised before a byte of the request left: no name, no route, refused, a bad certificate, or no connection in time."""


Session = aiohttp.ClientSession
"""The type of an open session, for those who are given one."""


class Answer(msgspec.Struct, frozen=True):
    """What came back, whole. The body is unpacked when it was sent compressed."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@asynccontextmanager
async def outgoing(
    *, connections_max: int, connect_timeout_s: float, request_timeout_s: float
) -> AsyncIterator[Session]:
    """A session for calls to one outside system: kept-alive connections, no cookies, no proxies from the environment.

    It makes exactly one attempt per call. aiohttp would by itself send a PUT again when a kept-alive connection turns
    out to be closed, because HTTP calls PUT idempotent; the vendors' PUTs are remote procedure calls and are not.
    `request_timeout_s` covers a call from its beginning, waiting for a connection included, to the end of its answer.
    Redirects are followed unless the call says otherwise; `exchange` does.
    """
    connector = aiohttp.TCPConnector(limit=connections_max, limit_per_host=0, keepalive_timeout=_IDLE_S)
    timeout = aiohttp.ClientTimeout(total=request_timeout_s, sock_connect=connect_timeout_s, connect=None)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        trust_env=False,
        headers={"User-Agent": f"seamline/{_version()}"},
        skip_auto_headers=("Accept-Encoding",),
    ) as session:
        # No public switch exists; tests/contracts/test_fulfil_client.py proves that nothing is sent twice.
        session._retry_connection = False  # noqa: SLF001
        yield session


async def exchange(
    session: Session,
    method: str,
    url: URL,
    *,
    headers: Mapping[str, str],
    body: bytes,
    answer_bytes_max: int,
    api: str,
    is_write: bool,
) -> Answer:
    """Send one request and read its answer, whatever its status. `api` is the other side's name, for the sentences.

    Raises `Unavailable` when the request provably was not sent. When it may have been, and the answer was lost:
    `Unknown` for a write, `Unavailable` for a read. An answer above `answer_bytes_max` is lost too, but for a read it
    is `Refused`, because it would be as large the next time. Cancelled, it leaves a closed connection and no answer.
    """
    try:
        async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
            content = await _read(response.content, answer_bytes_max)
            if content is None:
                raise _too_large(api, answer_bytes_max, is_write=is_write)
            return Answer(response.status, response.headers, content)
    except _NEVER_SENT as error:
        raise Unavailable(f"{api} was not reached ({_why(error)}); nothing was sent") from error
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        sentence = f"the answer of {api} was lost ({_why(error)})"
        raise (Unknown(f"{sentence}; it may have been applied") if is_write else Unavailable(sentence)) from error


async def _read(stream: aiohttp.StreamReader, bytes_max: int) -> bytes | None:
    """The whole body, or None when it is too large. Counts unpacked bytes, which Content-Length does not."""
    content = await stream.readany()
    if not stream.at_eof():
        parts, length = [content], len(content)
        while length <= bytes_max and not stream.at_eof():
            parts.append(await stream.readany())
            length += len(parts[-1])
        content = b"".join(parts)
    return content if len(content) <= bytes_max else None


def _too_large(api: str, bytes_max: int, *, is_write: bool) -> Failure:
    sentence = f"the answer of {api} is larger than {bytes_max} bytes"
    if is_write:
        return Unknown(f"{sentence}; it may have been applied")
    return Refused(f"{sentence}; ask for fewer records at once, or raise the limit", code="answer_too_large")


def _why(error: BaseException) -> str:
    """A few words for a sentence. Never the error's own text: it may quote what was sent."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorError():
            return f"connecting failed: {type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed"
        case _:
            return type(error).__name__


@functools.cache
def _version() -> str:
    try:
        return version_of("seamline")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0"
