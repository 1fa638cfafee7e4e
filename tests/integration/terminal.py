"""Commands as people type them: in this process, with their words caught, or on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.cli import commands

ROOT = Path(__file__).resolve().parents[2]


class Said:
    """What a command wrote, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def data(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The table on stdout, without its head."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


Type = Callable[..., Said]


def typed(capsys: pytest.CaptureFixture[str]) -> Type:
    """Runs commands here: `typed(capsys)("orders", "list")`."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        commands.app.console = Console()  # each command is a process of its own, which looks at its terminal anew
        with pytest.raises(SystemExit) as end:
            commands.main([*words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(end.value.code if isinstance(end.value.code, int) else 1, out, err)

    return run


def on_a_terminal(*words: str, **environment: str) -> str:
    """What a command shows on a terminal of 200 columns."""
    master, slave = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    settings = {**plain, "TERM": "xterm-256color", "COLUMNS": "200", **environment}
    command = [sys.executable, "-m", "flows.cli", *words]
    with subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, env=settings) as process:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65_536):
                shown += part
        except OSError:  # Linux: the other side of the terminal is gone
            pass
        finally:
            os.close(master)
        process.wait(20)
    return shown.decode()
