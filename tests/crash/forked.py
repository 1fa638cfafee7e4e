"""Processes that are there at once: forked off one that has imported the product already, once for a whole test run.

Importing costs most of a start, and the crash tests start the product a hundred times. What is forked is otherwise a
process like any other: its own memory, files and signals; `kill -9` ends it as it would any.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(
    ["flows.app", "flows.cli.commands", "connectors.fulfil.sandbox.server", "tests.crash.process"]
)


class Forked:
    """A process, with those methods of `subprocess.Popen` that these tests use."""

    def __init__(
        self, main: Callable[[], Any], arguments: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        """Run `main` (of a module's top level) with these command line arguments; both outputs go to `log`."""
        process: BaseProcess = _nursery.Process(
            target=_run, args=(main, tuple(arguments), str(log), dict(environment)), daemon=True
        )
        log.touch()
        process.start()
        assert process.pid is not None
        self.pid, self._process = process.pid, process

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same, looked for now."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once there is one. Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} has not ended after {timeout} s")
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _run(main: Callable[[], Any], arguments: Sequence[str], log: str, environment: Mapping[str, str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    sys.argv = [main.__module__, *arguments]
    sys.exit(main())
