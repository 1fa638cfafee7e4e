"""The real product as a process that can be told where to die: `python -m tests.crash.process --config F`.

Runs `seamline run` exactly as an operator's shell would, after installing at most two things: a hook that kills the
process, with a signal that nobody can catch, when it reaches a crash point for the n-th time (`--die POINT:NTH`): with
the work of one actor or a call of one kind (`--die POINT@OF:NTH`), or from another point on (`--die FIRST>POINT:NTH`);
and one planted defect (`--defect NAME`, see `tests.crash.defects`).
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable

from runtime.testing import crash


def dies_at(point: str, nth: int, *, of: str = "", first: str = "") -> Callable[[str, str], None]:
    """A hook that kills this process when `point` is reached for the `nth` time (from 1).

    Counted are those with the work of `of`, if it is given, and from the first reaching of `first` on, if that is.
    """
    left, counts = nth, not first

    def hook(name: str, whose: str) -> None:
        nonlocal left, counts
        counts = counts or name == first
        if counts and name == point and of in {"", whose}:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main() -> None:
    """Install what was asked for, then be the product until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--die", default="", metavar="[FIRST>]POINT[@OF]:NTH")
    parser.add_argument("--defect", default="")
    options = parser.parse_args()
    if options.die:
        place, _, nth = options.die.partition(":")
        first, _, place = place.rpartition(">")
        point, _, of = place.partition("@")
        if unknown := {point, first}.difference(crash.CRASH_POINTS, [""]):
            parser.error(f"there is no crash point {unknown}")
        crash.install(dies_at(point, int(nth), of=of, first=first))
    if options.defect:
        from tests.crash.defects import PLANTED  # noqa: PLC0415 - a healthy process does not even load them

        PLANTED[options.defect]()
    from flows.cli.commands import main as seamline  # noqa: PLC0415 - defects are planted before the product is composed

    seamline(["run", "--config", options.config])


if __name__ == "__main__":
    main()
