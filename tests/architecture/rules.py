"""The rules of the house, each a function from one file to the sentences that say where it breaks the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tests.architecture.sources import Source, is_sandbox, names_used

Rule = Callable[[Source], Iterator[str]]

LINES_MAX = 600

_CLOCKS = {
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
    *("time.localtime", "time.gmtime", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}
_TASKS = {
    *("asyncio.create_task", "asyncio.gather", "asyncio.wait_for", "asyncio.ensure_future", "asyncio.wait"),
    *("asyncio.TaskGroup", "asyncio.run_coroutine_threadsafe"),
}
_CLIENTS = {"aiohttp.ClientSession", "aiohttp.request", "http.client", "urllib.request", "requests", "httpx"}
_VAGUE = {"manager", "handler", "helper", "helpers", "util", "utils", "service", "data", "info", "misc", "common"}
_TERMS = {"CarrierService", "DataPool"}
"""What the trade (a carrier's service) and a vendor (Patchworks' data pools) call a thing, though the word is vague."""
_VENDORS = (
    *("fulfil", "patchworks", "shopify", "woocommerce", "bigcommerce", "magento", "amazon", "stripe", "paypal"),
    *("klarna", "adyen", "mollie", "tryton", "slack"),
)
_COMMERCE = (
    *("sku", "skus", "customer", "customers", "invoice", "invoices", "refund", "refunds", "payout", "payouts"),
    *("shipment", "shipments", "fulfilment", "fulfilments", "warehouse", "checkout", "sales channel", "sales_channel"),
)
_FLOW_WORDS = (
    *("proof", "proofs", "proven", "importer", "publisher", "watcher", "mapper", "reconciler", "drift", "oversell"),
    *("payout", "payouts", "tender", "tenders", "month-end"),
)


def _under(source: Source, *places: str) -> bool:
    return any(source.path == place or source.path.startswith(f"{place}/") for place in places)


def _uses(source: Source, forbidden: set[str], instead: str) -> Iterator[str]:
    for line, name in names_used(source.tree):
        if name in forbidden or any(name.startswith(f"{each}.") for each in forbidden):
            yield f"{source.path}:{line} uses {name}; {instead}"


def clock(source: Source) -> Iterator[str]:
    """Only runtime/clock.py reads a clock; the outside (demo, sandboxes) has its own."""
    if not _under(source, "runtime/clock.py") and not is_sandbox(source):
        yield from _uses(source, _CLOCKS, "take the time from a runtime.clock.Clock")


def sqlite(source: Source) -> Iterator[str]:
    """Only runtime/journal speaks to SQLite."""
    if not _under(source, "runtime/journal"):
        yield from _uses(source, {"sqlite3", "aiosqlite"}, "ask the journal")


def sessions(source: Source) -> Iterator[str]:
    """Only connectors/http.py opens outgoing HTTP sessions."""
    if not _under(source, "connectors/http.py") and not is_sandbox(source):
        yield from _uses(source, _CLIENTS, "take a session from connectors.http")


def environment(source: Source) -> Iterator[str]:
    """Only runtime/config.py reads the environment."""
    if not _under(source, "runtime/config.py"):
        yield from _uses(
            source, {"os.environ", "os.environb", "os.getenv"}, "refer to it as `env:` in the configuration"
        )


def tasks(source: Source) -> Iterator[str]:
    """No task outlives the block that started it: anyio task groups only."""
    yield from _uses(source, _TASKS, "start it in an anyio task group")


def size(source: Source) -> Iterator[str]:
    """No file is longer than 600 lines."""
    lines = source.text.count("\n")
    if lines > LINES_MAX:
        yield f"{source.path} has {lines} lines; at most {LINES_MAX}: find the two things that live in it"


def docstrings(source: Source) -> Iterator[str]:
    """Every module, public class, public function and public method says what it is for."""
    if ast.get_docstring(source.tree) is None:
        yield f"{source.path} does not begin by saying what lives there"
    yield from _undocumented(source.path, source.tree)


def _undocumented(path: str, block: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in block.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        overload = any(ast.unparse(each) in {"overload", "typing.overload"} for each in node.decorator_list)
        if ast.get_docstring(node) is None and not overload:
            yield f"{path}:{node.lineno} {node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(path, node)


def names(source: Source) -> Iterator[str]:
    """Files and classes are named for what they are, never `manager`, `handler`, `helper`, `utils`."""
    for part in source.parts:
        if vague := _VAGUE.intersection(part.removesuffix(".py").split("_")):
            yield f"{source.path}: {vague.pop()!r} says nothing about it"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            if node.name in _TERMS:
                continue
            words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", node.name)}
            if vague := _VAGUE & words:
                yield f"{source.path}:{node.lineno} {node.name}: {vague.pop()!r} says nothing about it"


def sandboxes(source: Source) -> Iterator[str]:
    """Production code knows no sandbox, and of runtime.testing only the names of the crash points."""
    if is_sandbox(source) or _under(source, "runtime/testing", "flows/cli/commands.py"):
        return
    for line, name in names_used(source.tree):
        words = name.split(".")
        if "sandbox" in words and words[0] == "connectors":
            yield f"{source.path}:{line} imports {name}; a sandbox plays the outside and stays there"
        if name.startswith("runtime.testing.") and not name.startswith("runtime.testing.crash"):
            yield f"{source.path}:{line} imports {name}; only tests may"


def _says(source: Source, words: tuple[str, ...], complaint: str) -> Iterator[str]:
    pattern = re.compile(rf"(?<![a-z])({'|'.join(words)})(?![a-z])", re.IGNORECASE)
    for number, line in enumerate(source.text.splitlines(), start=1):
        for found in pattern.finditer(line):
            yield f"{source.path}:{number} says {found[0]!r}; {complaint}"


def runtime_words(source: Source) -> Iterator[str]:
    """The runtime knows no vendor and no word of commerce."""
    if _under(source, "runtime"):
        yield from _says(
            source, (*_VENDORS, *_COMMERCE), "the runtime moves messages and knows nothing of what they are"
        )


def connector_words(source: Source) -> Iterator[str]:
    """A connector knows its vendor's words and none of the flows'."""
    if _under(source, "connectors"):
        yield from _says(source, _FLOW_WORDS, "that word belongs to the flows")


_PLACES = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|tmp)/\w|\b[A-Z]:\\\\?Users")
_REGISTRIES = re.compile(
    r"pypi\.(?:org|python)|pythonhosted\.org|artifactory|/simple/?(?:\s|$)|--(?:extra-)?index-url|--find-links",
    re.IGNORECASE | re.MULTILINE,
)
_SPELLS_THEM_OUT = ("tests/architecture/rules.py", "tests/architecture/test_layers.py")


def addresses(source: Source) -> Iterator[str]:
    """No file names a package registry or a place on somebody's machine: both belong to whoever builds."""
    if _under(source, *_SPELLS_THEM_OUT):
        return
    for pattern, what in ((_PLACES, "a place on one machine"), (_REGISTRIES, "a package registry")):
        for found in pattern.finditer(source.text):
            line = source.text.count("\n", 0, found.start()) + 1
            yield f"{source.path}:{line} names {what}: {found[0].strip()!r}"


PYTHON_RULES: tuple[Rule, ...] = (*(clock, sqlite, sessions, environment, tasks, docstrings, names, sandboxes),)
"""Rules for the Python of the three packages."""

TEXT_RULES: tuple[Rule, ...] = (runtime_words, connector_words, addresses)
"""Rules for every text file."""
