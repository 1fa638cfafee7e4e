"""`python -m connectors.fulfil.sandbox`: the sandbox as a process of its own.

Options: `--config FILE` (JSON or TOML of `SandboxConfig`), `--host`, `--port`. Prints one JSON line on stdout when it
listens: `{"ready": true, "url": ...}`. SIGTERM stops it with status 0; a configuration it cannot use, with 78; a port
that is taken, with 69.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.server import open_sandbox
from runtime.testing.process import run_stand_in, settings_in


def read_config(path: str | None, overrides: dict[str, Any]) -> SandboxConfig:
    """The configuration of a file (none: the defaults), with single settings replaced.

    Raises OSError when the file cannot be read, msgspec.DecodeError when it is not a configuration.
    """
    settings = settings_in(path)
    given = {name: value for name, value in overrides.items() if value is not None}
    return msgspec.convert({**settings, **given}, SandboxConfig, strict=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m connectors.fulfil.sandbox", description=__doc__)
    parser.add_argument("--config")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    options = parser.parse_args(arguments)
    return run_stand_in(lambda: read_config(options.config, {"host": options.host, "port": options.port}), open_sandbox)


if __name__ == "__main__":
    sys.exit(main())
