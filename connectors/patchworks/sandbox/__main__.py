"""`python -m connectors.patchworks.sandbox`: the sandbox as a process of its own.

Options: `--config FILE` (JSON or TOML of `SandboxConfig`), `--host`, `--port`, `--target URL`, `--target-key KEY` (the
value of the header, or the token, with which deliveries prove themselves). Prints one JSON line on stdout when it
listens: `{"ready": true, "url": ...}`. SIGTERM stops it with status 0; a configuration it cannot use, with 78; a port
that is taken, with 69.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.patchworks.sandbox.config import SandboxConfig
from connectors.patchworks.sandbox.server import serve


def read_config(path: str | None, overrides: dict[str, Any]) -> SandboxConfig:
    """The configuration of a file (none: the defaults), with single settings replaced.

    Raises OSError when the file cannot be read, msgspec.DecodeError when it is not a configuration.
    """
    settings: dict[str, Any] = {}
    if path is not None:
        decode: Any = msgspec.toml.decode if path.endswith(".toml") else msgspec.json.decode
        settings = decode(Path(path).read_bytes())
    given = {name: value for name, value in overrides.items() if value is not None}
    target = dict(settings.get("target", {}))
    if (url := given.pop("target", None)) is not None:
        target["url"] = url
    if (key := given.pop("target_key", None)) is not None:
        target["auth"] = {"kind": "header", **target.get("auth", {}), "value": key}
    return msgspec.convert({**settings, **given, "target": target}, SandboxConfig, strict=True)


def announce(url: str) -> None:
    """Say where the sandbox listens, on stdout, at once."""
    sys.stdout.write(msgspec.json.encode({"ready": True, "url": url}).decode() + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m connectors.patchworks.sandbox", description=__doc__)
    parser.add_argument("--config")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--target")
    parser.add_argument("--target-key")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config, vars(options) | {"config": None})
    except (OSError, msgspec.DecodeError) as error:
        sys.stderr.write(f"The sandbox's configuration cannot be used: {error}\n")
        return os.EX_CONFIG
    use_uvloop = importlib.util.find_spec("uvloop") is not None
    try:
        anyio.run(partial(serve, config, on_ready=announce), backend_options={"use_uvloop": use_uvloop})
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return os.EX_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
