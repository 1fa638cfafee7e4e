"""`python -m connectors.patchworks.sandbox`: the sandbox as a process of its own.

Options: `--config FILE` (JSON or TOML of `SandboxConfig`), `--host`, `--port`, `--target URL`, `--target-key KEY` (the
value of the header, or the token, with which deliveries prove themselves). Prints one JSON line on stdout when it
listens: `{"ready": true, "url": ...}`. SIGTERM stops it with status 0; a configuration it cannot use, with 78; a port
that is taken, with 69.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.patchworks.sandbox.config import SandboxConfig
from connectors.patchworks.sandbox.server import open_sandbox
from runtime.testing.process import run_stand_in, settings_in


def read_config(path: str | None, overrides: dict[str, Any]) -> SandboxConfig:
    """The configuration of a file (none: the defaults), with single settings replaced.

    Raises OSError when the file cannot be read, msgspec.DecodeError when it is not a configuration.
    """
    settings = settings_in(path)
    given = {name: value for name, value in overrides.items() if value is not None}
    target = dict(settings.get("target", {}))
    if (url := given.pop("target", None)) is not None:
        target["url"] = url
    if (key := given.pop("target_key", None)) is not None:
        target["auth"] = {"kind": "header", **target.get("auth", {}), "value": key}
    return msgspec.convert({**settings, **given, "target": target}, SandboxConfig, strict=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m connectors.patchworks.sandbox", description=__doc__)
    parser.add_argument("--config")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--target")
    parser.add_argument("--target-key")
    options = parser.parse_args(arguments)
    return run_stand_in(lambda: read_config(options.config, vars(options) | {"config": None}), open_sandbox)


if __name__ == "__main__":
    sys.exit(main())
