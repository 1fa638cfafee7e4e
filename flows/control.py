"""Talking to the running process from the command line: how it stands, and what people have it do. Parameters travel in
the body: a patch is long, and what people write should stand in no access log on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from connectors.http import outgoing
from flows.config import Config
from runtime.errors import SeamlineError

_TIMEOUT_S = 10.0


async def send_control(config: Config, command: str, parameters: Mapping[str, str]) -> str:
    """Give the running process one command; returns its answer for the person who gave it.

    Raises SeamlineError with what to do when there is no control key, no process, or it refuses.
    """
    if config.ops.control_key is None:
        raise SeamlineError('set ops.control_key (for example "env:SEAMLINE_CONTROL_KEY") to allow control commands')
    url = f"http://{config.ops.host}:{config.ops.port}/v1/control/{command}"
    headers = {"Authorization": f"Bearer {config.ops.control_key.reveal()}", "Content-Type": "application/json"}
    try:
        async with (
            outgoing(connections_max=1, connect_timeout_s=_TIMEOUT_S, request_timeout_s=_TIMEOUT_S) as session,
            session.post(url, data=msgspec.json.encode(parameters), headers=headers) as answer,
        ):
            said = msgspec.json.decode(await answer.read() or b"{}", type=dict[str, Any])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SeamlineError(f"no process answers at {config.ops.host}:{config.ops.port}; is it running?") from error
    except msgspec.DecodeError as error:
        raise SeamlineError(f"what answers at {config.ops.host}:{config.ops.port} is not Seamline") from error
    if answer.status == 401:  # noqa: PLR2004
        source, _, name = config.ops.control_key.reference.partition(":")
        where = f"set {name}" if source == "env" else f"write it into {name}"
        raise SeamlineError(f"the control key is not the one the process started with; {where} as there")
    if answer.status != 200:  # noqa: PLR2004
        reason = said.get("error", {}).get("message", "no reason given")
        raise SeamlineError(f"the process refused ({answer.status}): {reason}")
    return str(said.get("message", "done"))


async def ask_status(config: Config) -> dict[str, Any]:
    """What the running process says of itself. Raises SeamlineError when there is none."""
    url = f"http://{config.ops.host}:{config.ops.port}/status"
    try:
        async with (
            outgoing(connections_max=1, connect_timeout_s=_TIMEOUT_S, request_timeout_s=_TIMEOUT_S) as session,
            session.get(url) as answer,
        ):
            said: dict[str, Any] = msgspec.json.decode(await answer.read(), type=dict[str, Any])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SeamlineError(f"no process answers at {config.ops.host}:{config.ops.port}; is it running?") from error
    except msgspec.DecodeError as error:
        raise SeamlineError(f"what answers at {config.ops.host}:{config.ops.port} is not Seamline") from error
    return said
