"""The rules of the house as tests: who imports whom, who may touch what, and which words belong where."""

from __future__ import annotations

import graphlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grimp
import pytest

from tests.architecture import rules
from tests.architecture.sources import PACKAGES, ROOT, Source, product, texts


@pytest.fixture(scope="module")
def _at_the_root() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.mark.usefixtures("_at_the_root")
def test_every_import_contract_is_kept() -> None:
    """Flows import connectors import runtime, never upward; siblings do not know each other."""
    # in a process of its own: it configures logging for itself, and would silence loggers of other tests
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--config",
        ".importlinter",
        "--no-cache",
        "--no-logo",
    ]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.usefixtures("_at_the_root")
def test_no_module_imports_itself_round_a_corner() -> None:
    """There is an order in which all modules could be read, each after the ones it imports."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(tuple(graphlib.TopologicalSorter(imports).static_order())) >= len(product())


@pytest.mark.parametrize("rule", rules.PYTHON_RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: rules.Rule) -> None:
    """No file of the three packages breaks the rule."""
    findings = [finding for source in product() for finding in rule(source)]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("rule", rules.TEXT_RULES, ids=lambda rule: rule.__name__)
def test_every_text_keeps_the_rule(rule: rules.Rule) -> None:
    """No text file, whatever its kind, breaks the rule."""
    findings = [finding for source in texts() for finding in rule(source)]
    assert not findings, "\n".join(findings)


def test_no_python_file_is_longer_than_allowed() -> None:
    """Tests too stay below the limit."""
    findings = [finding for source in texts() if source.path.endswith(".py") for finding in rules.size(source)]
    assert not findings, "\n".join(findings)


def test_the_rules_look_at_something() -> None:
    """All three packages, the lint configuration and the build script are among what is read."""
    paths = {source.path for source in texts()}
    assert {
        "runtime/clock.py",
        "connectors/contract.py",
        "flows/__init__.py",
        ".importlinter",
        ".ci/run",
        "Makefile",
    } <= paths
    assert {source.parts[0] for source in product()} == set(PACKAGES)


_BREAKS: tuple[tuple[rules.Rule, str, str], ...] = (
    (rules.clock, "runtime/lane.py", "import time as t\nt.monotonic()"),
    (rules.clock, "flows/app.py", "from datetime import datetime\ndatetime.now()"),
    (rules.clock, "flows/app.py", "import datetime\ndatetime.datetime.now()"),
    (rules.sqlite, "flows/app.py", "from sqlite3 import connect"),
    (rules.sqlite, "runtime/upkeep.py", "import aiosqlite"),
    (rules.sessions, "connectors/fulfil/client.py", "import aiohttp\naiohttp.ClientSession()"),
    (rules.sessions, "flows/app.py", "from aiohttp import ClientSession"),
    (rules.sessions, "flows/app.py", "import urllib.request"),
    (rules.environment, "flows/cli/commands.py", "import os\nos.environ['TOKEN']"),
    (rules.environment, "connectors/http.py", "from os import getenv"),
    (rules.tasks, "runtime/engine.py", "import asyncio\nasyncio.gather()"),
    (rules.tasks, "runtime/engine.py", "from asyncio import create_task"),
    (rules.docstrings, "runtime/lane.py", "X = 1"),
    (rules.docstrings, "runtime/lane.py", '"""Lanes."""\ndef run(): ...'),
    (rules.docstrings, "runtime/lane.py", '"""Lanes."""\nclass Lane:\n    """A lane."""\n    async def run(self): ...'),
    (rules.names, "runtime/retry_utils.py", ""),
    (rules.names, "flows/app.py", "class OrderManager: ..."),
    (rules.sandboxes, "flows/app.py", "from connectors.fulfil.sandbox import books"),
    (rules.sandboxes, "runtime/engine.py", "import runtime.testing.virtual_time"),
    (rules.size, "flows/app.py", "\n" * 601),
    (rules.runtime_words, "runtime/queries.sql", "-- one per shopify shop"),
    (rules.runtime_words, "runtime/api.py", "the SKU of a line"),
    (rules.runtime_words, "runtime/api.py", "fulfil_client"),
    (rules.connector_words, "connectors/fulfil/client.py", "# before the proof"),
    (rules.addresses, "deploy/run.md", "start it in /home/ada/seamline"),
    (rules.addresses, "requirements/dev.txt", "--index-url https://registry.example.com"),
    (rules.addresses, "Makefile", "https://files.pythonhosted.org/packages"),
)


@pytest.mark.parametrize(("rule", "path", "text"), _BREAKS)
def test_a_rule_sees_the_file_that_breaks_it(rule: rules.Rule, path: str, text: str) -> None:
    """Each rule finds what it is there to find."""
    assert list(rule(Source(path, text)))


_KEEPS: tuple[tuple[Callable[[Source], Iterator[str]], str, str], ...] = (
    (rules.clock, "runtime/clock.py", "import time\ntime.time()"),
    (rules.clock, "connectors/fulfil/sandbox/books.py", "import time\ntime.time()"),
    (rules.clock, "runtime/lane.py", "from datetime import datetime, timedelta\ndatetime(2026, 1, 1)"),
    (rules.clock, "runtime/lane.py", "self.clock.monotonic()"),
    (rules.sqlite, "runtime/journal/writer.py", "import aiosqlite"),
    (rules.sessions, "connectors/http.py", "import aiohttp\naiohttp.ClientSession()"),
    (rules.sessions, "connectors/fulfil/client.py", "from aiohttp import web"),
    (rules.docstrings, "runtime/lane.py", '"""Lanes."""\ndef _run(): ...'),
    (rules.runtime_words, "flows/app.py", "shopify"),
    (rules.runtime_words, "runtime/lane.py", "a promise fulfilled, in order"),
    (rules.sandboxes, "runtime/engine.py", "from runtime.testing.crash import reach"),
    (rules.addresses, "deploy/compose.yml", "/var/lib/seamline and https://example.com/homes/1"),
)


@pytest.mark.parametrize(("rule", "path", "text"), _KEEPS)
def test_a_rule_lets_honest_files_pass(rule: rules.Rule, path: str, text: str) -> None:
    """No rule cries where nothing is wrong, or where the one allowed place is."""
    assert not list(rule(Source(path, text)))
