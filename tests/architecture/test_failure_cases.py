"""The failures that other connectors are known for: each has a test whose name tells its story and whose docstring
gives its number, as in "Failure case 9: ...".
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.architecture.sources import Source, texts

KNOWN = frozenset(range(1, 47))
_NAMED = re.compile(r"Failure cases? (\d+(?:(?:, | and )\d+)*)")


def stories(source: Source) -> Iterator[tuple[int, str]]:
    """(number of the failure case, name of the test) for each that the docstrings of a file's tests name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for numbers in _NAMED.findall(" ".join((ast.get_docstring(node) or "").split())):
                for number in re.findall(r"\d+", numbers):
                    yield int(number), node.name


@functools.cache
def told() -> dict[int, list[str]]:
    """The tests of each failure case."""
    found: dict[int, list[str]] = defaultdict(list)
    for source in texts():
        if source.path.startswith("tests/") and source.path.endswith(".py") and "Failure case" in source.text:
            for number, name in stories(source):
                found[number].append(name)
    return found


def test_every_failure_case_has_a_test_that_tells_its_story() -> None:
    """None of what was seen to go wrong elsewhere is without a test."""
    assert sorted(KNOWN - told().keys()) == []


def test_no_test_names_a_failure_case_that_does_not_exist() -> None:
    """A number beyond the list is a slip of the pen."""
    assert sorted(told().keys() - KNOWN) == []


def test_the_name_of_such_a_test_is_a_sentence() -> None:
    """It tells what happens, so it has at least a subject and a verb, and not the number."""
    short = {name for names in told().values() for name in names if name.count("_") < 4 or re.search(r"case_\d", name)}
    assert short == set()


def test_a_number_is_found_wherever_a_docstring_gives_it() -> None:
    """One, two, or several of them; not in comments, and not in what is no test."""
    text = '''
def test_one(): """Failure case 9: a story."""
async def test_two(): """What holds. Failure cases 26 and 29: parts."""
def test_three(): """Failure case
    3, in bulk."""
def four(): """Failure case 4."""
def test_five(): pass  # Failure case 5
'''
    assert list(stories(Source("tests/x.py", text))) == [
        (9, "test_one"), (26, "test_two"), (29, "test_two"), (3, "test_three"),
    ]  # fmt: skip
