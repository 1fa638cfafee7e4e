"""A fact per test, its source named: the table of what is known about a vendor, held against the tests that prove it.

A table is TOML, one row per fact:

    [[facts]]
    fact = "429 says how long to wait in Retry-After"
    source = "6"                                        # the section, as docstrings name it
    tests = ["test_acme_sandbox::test_a_limit_says_when_to_come_again"]

A test names its source in its docstring: "Facts 6: ...", "Sections 5 and 6: ...". Nothing is imported; files are read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

_SECTION: Final = r"\d+(?:\.\d+)*(?:\s*\([^)]*\))?"
_SAID: Final = re.compile(
    rf"\b(?:facts?|sections?)\s+({_SECTION}(?:\s*(?:,\s*and|,|and|to)\s*{_SECTION})*)", re.IGNORECASE
)
_MARK: Final = re.compile(r"\([^)]*\)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*")


class Fact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. `tests` are `module::test`, without folder and ending."""

    fact: str
    source: str
    tests: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    facts: tuple[Fact, ...]


def facts_in(table: Path) -> tuple[Fact, ...]:
    """The rows of a table. Raises msgspec.ValidationError when it is none, OSError when it cannot be read."""
    return msgspec.toml.decode(table.read_bytes(), type=_Table).facts


def docstrings_in(files: Iterable[Path]) -> dict[str, str]:
    """The docstring of each test, by `module::test`; empty where there is none."""
    found: dict[str, str] = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{file.stem}::{node.name}"] = ast.get_docstring(node) or ""
    return found


def sections_said(docstring: str) -> set[str]:
    """The sections that a docstring names: "Facts 5 and 6 (D): ..." names 5 and 6."""
    return {number for said in _SAID.findall(docstring) for number in _NUMBER.findall(_MARK.sub("", said))}


def unproven(facts: Sequence[Fact], docstrings: Mapping[str, str]) -> list[str]:
    """A complaint for each fact that no test proves, each test that is not there, and each that names no such source.

    A section counts as named when the test names it or the one above it (`8` for `8.3`), or one below.
    """
    complaints = [f"no test proves: {fact.fact}" for fact in facts if not fact.tests]
    for fact in facts:
        for test in fact.tests:
            if test not in docstrings:
                complaints.append(f"{test} is not there; it is to prove: {fact.fact}")
            elif not any(_same(fact.source, said) for said in sections_said(docstrings[test])):
                complaints.append(f"{test} does not name section {fact.source}; it is to prove: {fact.fact}")
    return complaints


def unsourced(docstrings: Mapping[str, str]) -> list[str]:
    """The tests that name no section at all."""
    return [test for test, docstring in docstrings.items() if not sections_said(docstring)]


def _same(source: str, said: str) -> bool:
    return source == said or source.startswith(f"{said}.") or said.startswith(f"{source}.")
