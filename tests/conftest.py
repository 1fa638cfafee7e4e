"""What holds for every test: which ones run by default, how hypothesis searches, and on which loop async tests run.

Set elsewhere: warnings are errors, and each test has a time limit (pyproject.toml); the order is random, and
pytest-randomly prints the seed that repeats it (`--randomly-seed=N`).
"""

from __future__ import annotations

import gc
import os
import shutil
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

_BY_REQUEST = ("bench", "slow")
_LONGEST = ("tests/crash/", "tests/integration/test_demo.py")
"""They start processes, and wait for them: begun first, so that no worker still has one when the others are done."""

settings.register_profile(
    "quick",
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
)
settings.register_profile(
    "ci",
    parent=settings.get_profile("quick"),
    max_examples=400,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow],
)


_MEMORY, _ROOM = "/dev/shm", 4 << 30  # noqa: S108 - pytest makes a directory there that is its own
"""Where files of tests are in memory, where there is such a place, and how much of it has to be free."""


def pytest_configure(config: pytest.Config) -> None:
    """Search the same few examples every time, unless `--hypothesis-profile=ci` asks for more, and new ones.

    Stores are in memory where there is room: a process that is killed finds there what it would find on a disk, and
    thousands of small files cost an eighth less.
    """
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("quick")
    with suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _ROOM and os.access(_MEMORY, os.W_OK):
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)


def pytest_collection(session: pytest.Session) -> None:
    """Each worker begins to import the tests at another place, and finds the rest compiled by its neighbours.

    Rewriting the assertions of all modules takes half a minute when nothing is compiled yet. A module that cannot be
    imported is left for the collection to say so.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    folders = (session.config.invocation_params.dir / each for each in session.config.args)
    modules = sorted(path for folder in folders for path in folder.rglob("test_*.py"))
    start = len(modules) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in modules[start:] + modules[:start]:
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(session.config.rootpath).with_suffix("").parts))


def pytest_report_header() -> str:
    """Say how long the properties search."""
    return f"hypothesis profile: {settings.get_current_profile_name()}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first; leave out measurements and long runs, unless `-m` says what to run."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
    if config.getoption("markexpr"):
        return
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in _BY_REQUEST)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector need not look at it again, which it would often."""
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Async tests (`pytest.mark.anyio`) run as `seamline run` does: on asyncio, with uvloop where there is one."""
    return "asyncio", {"use_uvloop": find_spec("uvloop") is not None}
