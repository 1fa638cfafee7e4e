"""HTTP listeners on real sockets: their limits, their silence, their drain, and what an operator's machines ask."""

from __future__ import annotations

import logging
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
import pytest
from aiohttp import web
from anyio.abc import SocketStream

from runtime.config import Secret
from runtime.errors import AddressTaken, ConfigInvalid, SeamlineError
from runtime.http import CONTROL_BODY_BYTES_MAX, Control, Limits, Listener, application, ops_app, read_body

pytestmark = pytest.mark.anyio

KEY = "0123456789abcdef-control"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ask(listener: Listener, text: str | bytes) -> bytes:
    """Send raw bytes on a connection of its own and return all that comes until the other side closes."""
    async with await anyio.connect_tcp("127.0.0.1", listener.port) as stream:
        await stream.send(text.encode() if isinstance(text, str) else text)
        return await until_closed(stream)


async def until_closed(stream: SocketStream) -> bytes:
    answer = b""
    with anyio.fail_after(5):
        try:
            while True:
                answer += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return answer


def get(path: str, *headers: str, method: str = "GET") -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 0", *headers]
    return "\r\n".join([*lines, "", ""])


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def echo_size(request: web.Request) -> web.Response:
    body = await read_body(request, bytes_max=1_000_000, timeout_s=0.05)
    return web.Response(text=str(len(body)))


async def broken(_request: web.Request) -> web.Response:
    raise ValueError("canary-7d1e: what a customer wrote")


@asynccontextmanager
async def listening(
    *routes: web.RouteDef, limits: Limits | None = None, drain_s: float = 2.0
) -> AsyncIterator[Listener]:
    app = application([web.post("/size", echo_size), web.get("/broken", broken), *routes])
    async with Listener("test", "127.0.0.1", 0, app, limits=limits, drain_s=drain_s) as listener:
        yield listener


# -- silence -----------------------------------------------------------------------------------------------------------


async def test_an_unknown_path_is_404_with_an_empty_body() -> None:
    """Who probes learns nothing."""
    async with listening() as listener:
        answer = await ask(listener, get("/console"))
    assert status(answer) == 404
    assert body_of(answer) == b""


async def test_a_wrong_method_is_405_with_an_empty_body_and_the_right_methods() -> None:
    """`Allow` is kept: it is the part that the sender can act on."""
    async with listening() as listener:
        answer = await ask(listener, get("/size"))
    assert status(answer) == 405
    assert b"\r\nAllow: POST\r\n" in answer
    assert body_of(answer) == b""


@pytest.mark.parametrize(
    "text",
    [
        get("/size"),
        get("/nowhere"),
        get("/broken"),
        "canary nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header canary\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01canary",
    ],
)
async def test_no_answer_names_the_software_or_repeats_the_request(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a banner with a version, nor an echo of the sender's bytes, in the answer or in the log."""
    async with listening() as listener:
        answer = await ask(listener, text)
    assert status(answer) >= 400
    for word in (b"aiohttp", b"Python", b"canary"):
        assert word not in answer
    assert "canary" not in caplog.text


async def test_a_defect_is_an_empty_500_and_a_log_line_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """The exception's type and place are logged; its message may quote a request."""
    async with listening() as listener:
        answer = await ask(listener, get("/broken"))
    assert status(answer) == 500
    assert body_of(answer) == b""
    assert "A request to /broken failed with ValueError at broken:" in caplog.text
    assert "canary" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_what_the_protocol_logs_is_reduced_to_types(caplog: pytest.LogCaptureFixture) -> None:
    """An exception that aiohttp itself reports loses its message, too."""
    logging.getLogger("seamline.http.protocol").error("Unhandled %s", "trouble", exc_info=ValueError("canary"))
    assert "Unhandled trouble: ValueError" in caplog.text
    assert "canary" not in caplog.text


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_long_and_many_headers_are_refused() -> None:
    """A header line and their number are bounded; below the bounds they pass."""
    async with listening(limits=Limits(header_line_bytes_max=1_000, headers_max=10)) as listener:
        assert status(await ask(listener, post("/size", b"", "X-Long: " + "x" * 900))) == 200
        assert status(await ask(listener, post("/size", b"", "X-Long: " + "x" * 1_100))) == 400
        assert status(await ask(listener, post("/size" + "x" * 1_100, b""))) == 400
        assert status(await ask(listener, post("/size", b"", *[f"X-{n}: x" for n in range(20)]))) == 400


async def test_slow_headers_are_cut_off() -> None:
    """A connection that trickles its headers, or says nothing, is closed after the time for headers."""
    async with listening(limits=Limits(headers_timeout_s=0.05)) as listener:
        for beginning in (b"", b"POST /size HTTP/1.1\r\nHost: x\r\n"):
            async with await anyio.connect_tcp("127.0.0.1", listener.port) as stream:
                if beginning:
                    await stream.send(beginning)
                assert await until_closed(stream) == b""


async def test_a_slow_body_is_408() -> None:
    """A body that stops arriving does not hold a request for ever."""
    async with listening(limits=Limits(linger_s=0.01)) as listener:
        answer = await ask(listener, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    assert status(answer) == 408


async def test_a_body_is_read_whole_at_once_or_in_pieces() -> None:
    """Announced or chunked, with the headers or after them."""
    async with listening() as listener:
        assert body_of(await ask(listener, post("/size", b"x" * 7_500))) == b"7500"
        assert body_of(await ask(listener, post("/size", b"x" * 1_000_000))) == b"1000000"
        assert body_of(await ask(listener, post("/size", b""))) == b"0"
        chunked = b"POST /size HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert body_of(await ask(listener, chunked + b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n")) == b"6"


async def test_a_large_body_is_413_before_it_is_read() -> None:
    """The announced length is enough; without one, reading stops at the limit."""
    async with listening(limits=Limits(linger_s=0.01)) as listener:
        answer = await ask(listener, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n")
        assert status(answer) == 413
        chunked = b"POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await ask(listener, chunked + b"F4241\r\n" + b"x" * 1_000_001 + b"\r\n")
        assert status(answer) == 413


async def test_broken_chunks_are_400() -> None:
    """Framing that is no framing is the sender's fault, not a defect of ours."""
    async with listening() as listener:
        chunked = b"POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert status(await ask(listener, chunked + b"zz\r\nabcd\r\n")) == 400


async def test_a_compressed_body_is_not_inflated() -> None:
    """Inflating happens before any handler could refuse, on the event loop; so the listener never does it."""
    bomb = zlib.compress(b"\0" * 5_000_000)
    async with listening() as listener:
        answer = await ask(listener, post("/size", bomb, "Content-Encoding: deflate"))
    assert body_of(answer) == str(len(bomb)).encode()


async def test_connections_above_the_limit_are_hung_up_on() -> None:
    """Sockets are bounded, and one that closes makes room."""
    async with listening(limits=Limits(connections_max=1)) as listener:
        async with await anyio.connect_tcp("127.0.0.1", listener.port) as first:
            await first.send(post("/size", b"x").replace(b"Connection: close\r\n", b""))
            assert status(await first.receive()) == 200
            assert await ask(listener, post("/size", b"x")) == b""
        with anyio.fail_after(5):
            while await ask(listener, post("/size", b"x")) == b"":
                await anyio.sleep(0.001)


# -- starting and stopping ---------------------------------------------------------------------------------------------


async def test_an_address_in_use_is_a_sentence() -> None:
    """The operator reads which listener, which address and which setting, and the process can stop with 69."""
    async with listening() as listener:
        again = Listener("intake", "127.0.0.1", listener.port, application([]))
        with pytest.raises(AddressTaken, match=rf"intake listener cannot bind 127\.0\.0\.1:{listener.port}") as raised:
            await again.start()
        assert raised.value.exit_status == 69
        assert "taken by another process; end that one, or set another port (intake.port = N)" in str(raised.value)
        await again.stop()


async def test_an_address_that_is_not_of_this_machine_is_a_problem_of_the_configuration() -> None:
    """Nobody else could free it."""
    nowhere = Listener("ops", "192.0.2.1", 0, application([]))
    with pytest.raises(ConfigInvalid, match=r"set another address \(ops\.host, ops\.port\)"):
        await nowhere.start()
    await nowhere.stop()


def gated() -> tuple[anyio.Event, anyio.Event, Callable[[web.Request], Awaitable[web.Response]]]:
    """A handler that says when it has begun and waits to be let on."""
    begun, go = anyio.Event(), anyio.Event()

    async def handler(_request: web.Request) -> web.Response:
        begun.set()
        await go.wait()
        return web.Response(text="done")

    return begun, go, handler


async def test_stopping_lets_a_running_request_end() -> None:
    """The answer of a request that was taken is sent; new connections are refused meanwhile."""
    begun, go, handler = gated()
    answers: list[bytes] = []
    async with anyio.create_task_group() as tasks, listening(web.get("/wait", handler)) as listener:

        async def client() -> None:
            answers.append(await ask(listener, get("/wait")))

        tasks.start_soon(client)
        await begun.wait()
        tasks.start_soon(listener.stop)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(OSError):  # noqa: PT011  the attempts of connect_tcp are wrapped
            await anyio.connect_tcp("127.0.0.1", listener.port)
        assert answers == []
        go.set()
    assert body_of(answers[0]) == b"done"


async def test_stopping_is_bounded_when_a_request_does_not_end() -> None:
    """A handler that hangs is cancelled after the drain time, and its connection closed."""
    begun, _go, handler = gated()
    async with anyio.create_task_group() as tasks, listening(web.get("/wait", handler), drain_s=0.02) as listener:
        tasks.start_soon(ask, listener, get("/wait"))
        await begun.wait()
        with anyio.fail_after(2):
            await listener.stop()


async def test_stopping_finishes_although_it_is_cancelled() -> None:
    """Cancellation leaves nothing open: neither the listening socket nor a connection."""
    async with listening() as listener, await anyio.connect_tcp("127.0.0.1", listener.port) as idle:
        await idle.send(post("/size", b"x").replace(b"Connection: close\r\n", b""))
        assert status(await idle.receive()) == 200
        with anyio.CancelScope() as scope:
            scope.cancel()
            await listener.stop()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", listener.port)) != 0
        assert await until_closed(idle) == b""


async def test_a_client_that_leaves_does_not_cancel_its_request() -> None:
    """What is being made durable is finished, whether or not somebody still listens."""
    begun, go, _ = gated()
    finished = anyio.Event()

    async def handler(_request: web.Request) -> web.Response:
        begun.set()
        await go.wait()
        finished.set()
        return web.Response()

    async with listening(web.get("/wait", handler)) as listener:
        async with await anyio.connect_tcp("127.0.0.1", listener.port) as stream:
            await stream.send(get("/wait").encode())
            await begun.wait()
        await anyio.wait_all_tasks_blocked()
        go.set()
        with anyio.fail_after(2):
            await finished.wait()


# -- what an operator's machines ask -----------------------------------------------------------------------------------


class Said:
    """The commands that were given, and an ops listener's parts."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str | None]] = []
        self.writable = True

    async def pause(self, parameters: Mapping[str, str]) -> str:
        if parameters.get("name") == "nowhere":
            raise SeamlineError("there is no sales channel 'nowhere'")
        self.commands.append(("pause", parameters.get("name")))
        return "paused; deliveries wait on disk"

    def store(self) -> tuple[bool, str]:
        return self.writable, "writable" if self.writable else "the disk is full"

    def listener(self, *, control: bool = True, fails: bool = False) -> Listener:
        def failing() -> tuple[bool, str]:
            raise RuntimeError("canary")

        app = ops_app(
            checks=({"odd": failing} if fails else {}) | {"store": self.store},
            metrics=lambda accept: (f"# for {accept}\n".encode(), "text/plain; version=0.0.4"),
            control=Control(key=Secret(KEY), commands={"pause": self.pause}) if control else None,
        )
        return Listener("ops", "127.0.0.1", 0, app)


async def test_livez_answers_while_the_loop_turns() -> None:
    """It asks nothing else: a full disk must not restart the process."""
    said = Said()
    said.writable = False
    async with said.listener() as ops:
        assert status(await ask(ops, get("/livez"))) == 200


async def test_readyz_follows_its_checks_and_explains_them_when_asked() -> None:
    """Without `verbose` it is one word; with it, a line for each check."""
    said = Said()
    async with said.listener() as ops:
        answer = await ask(ops, get("/readyz"))
        assert (status(answer), body_of(answer)) == (200, b"ready\n")
        said.writable = False
        answer = await ask(ops, get("/readyz?verbose"))
        assert (status(answer), body_of(answer)) == (503, b"[-] store: the disk is full\nnot ready\n")


async def test_a_check_that_fails_is_not_ready() -> None:
    """A defect in a check is named by its type, and counts against readiness."""
    async with Said().listener(fails=True) as ops:
        answer = await ask(ops, get("/readyz?verbose"))
    assert status(answer) == 503
    assert body_of(answer) == (b"[-] odd: the check itself failed with RuntimeError\n[+] store: writable\nnot ready\n")


@pytest.mark.parametrize("writable", [True, False])
async def test_notes_are_told_when_asked_and_change_nothing(writable: bool) -> None:
    """A pause is a decision, not a failure; a defect in telling it is none either."""

    def failing() -> list[str]:
        raise RuntimeError("canary")

    said = Said()
    said.writable = writable
    without = await _readyz_of(said, list)
    paused = await _readyz_of(said, lambda: ["shop-uk is paused", "shop-de is paused"])
    broken = await _readyz_of(said, failing)
    check, summary = without[1].splitlines(keepends=True)
    assert paused == (without[0], check + b"[i] shop-uk is paused\n[i] shop-de is paused\n" + summary)
    assert broken == (without[0], check + b"[i] the notes themselves failed with RuntimeError\n" + summary)


async def _readyz_of(said: Said, notes: Callable[[], list[str]]) -> tuple[int, bytes]:
    app = ops_app(checks={"store": said.store}, notes=notes, metrics=lambda _: (b"", "text/plain"))
    async with Listener("ops", "127.0.0.1", 0, app) as ops:
        answer = await ask(ops, get("/readyz?verbose"))
        assert body_of(await ask(ops, get("/readyz"))) == body_of(answer).splitlines(keepends=True)[-1]
    return status(answer), body_of(answer)


async def test_metrics_are_rendered_for_what_the_scraper_accepts() -> None:
    """The Accept header decides the format, and the content type comes back as rendered."""
    async with Said().listener() as ops:
        answer = await ask(ops, get("/metrics", "Accept: application/openmetrics-text"))
    assert body_of(answer) == b"# for application/openmetrics-text\n"
    assert b"Content-Type: text/plain; version=0.0.4\r\n" in answer


@pytest.mark.parametrize(
    "header",
    ["X-Nothing: x", "Authorization: Bearer", "Authorization: Bearer 0123456789abcdef", "Authorization: Bearer \xff"],
)
async def test_control_without_the_key_is_401(header: str) -> None:
    """Missing, empty, truncated and non-ASCII keys all change nothing."""
    said = Said()
    async with said.listener() as ops:
        answer = await ask(ops, get("/v1/control/pause", header, method="POST").encode("latin-1"))
    assert status(answer) == 401
    assert b"WWW-Authenticate: Bearer\r\n" in answer
    assert body_of(answer) == b""
    assert said.commands == []


async def test_control_with_the_key_obeys_or_says_why_not() -> None:
    """The answer is the sentence of the command; a refusal is 409 with its reason, an unknown command 404."""
    said = Said()
    key = f"Authorization: Bearer {KEY}"
    async with said.listener() as ops:
        answer = await ask(ops, get("/v1/control/pause?name=shop-uk", key, method="POST"))
        assert status(answer) == 200
        assert b'"message": "paused; deliveries wait on disk"' in answer
        refused = await ask(ops, get("/v1/control/pause?name=nowhere", key, method="POST"))
        assert status(refused) == 409
        assert b"there is no sales channel" in refused
        assert status(await ask(ops, get("/v1/control/explode", key, method="POST"))) == 404
        assert status(await ask(ops, get("/v1/control/pause", key))) == 405
    assert said.commands == [("pause", "shop-uk")]


async def test_control_takes_parameters_from_the_body_too() -> None:
    """What is long, or should stand in no access log; the body is an object of texts, and not endless."""
    said = Said()

    def posted(body: str, path: str = "/v1/control/pause") -> bytes:
        return post(path, body.encode(), f"Authorization: Bearer {KEY}", "Content-Type: application/json")

    async with said.listener() as ops:
        assert status(await ask(ops, posted('{"name": "shop-uk"}'))) == 200
        assert status(await ask(ops, posted('{"name": "shop-de"}', "/v1/control/pause?name=shop-uk"))) == 200
        for wrong in ("{", "[]", '{"name": 1}'):
            assert status(await ask(ops, posted(wrong))) == 400
        assert status(await ask(ops, posted(" " * (CONTROL_BODY_BYTES_MAX + 1)))) == 413
    assert said.commands == [("pause", "shop-uk"), ("pause", "shop-de")]


async def test_without_a_control_key_there_is_no_control_route() -> None:
    """No default key, and no open door."""
    async with Said().listener(control=False) as ops:
        assert status(await ask(ops, get("/v1/control/pause", method="POST"))) == 404
