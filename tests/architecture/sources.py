"""The project's own files, read once, as the rules of the house look at them."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("runtime", "connectors", "flows")
_NOT_OURS = {"var", "build", "dist", "__pycache__"}
"""Folders that are made here and never committed, as .gitignore has them; so are all dotted ones but `.ci`."""

_TEXT = {
    ".py",
    ".sql",
    ".md",
    ".toml",
    ".txt",
    ".in",
    ".json",
    ".yml",
    ".yaml",
    ".ini",
    ".cfg",
    ".sh",
    ".service",
    ".html",
}
_TEXT_BYTES_MAX = 1_000_000


class Source(msgspec.Struct, frozen=True):
    """One file: its path below the root, with forward slashes, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The parsed Python of the file."""
        return _parsed(self.text)

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the name."""
        return tuple(self.path.split("/"))

    @property
    def module(self) -> str:
        """The dotted name under which Python imports the file."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _walk() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in _NOT_OURS and not name.endswith(".egg-info") and (name == ".ci" or not name.startswith("."))
        ]
        yield from (Path(folder) / name for name in names)


@functools.cache
def texts() -> tuple[Source, ...]:
    """Every text file that is, or could be, committed."""
    found = []
    for path in sorted(_walk()):
        plain = path.suffix in _TEXT or path.suffix == "" or path.name.startswith(".")
        if plain and path.name != ".git" and path.stat().st_size <= _TEXT_BYTES_MAX:
            found.append(Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")))
    return tuple(found)


@functools.cache
def product() -> tuple[Source, ...]:
    """The Python files of the three packages."""
    return tuple(each for each in texts() if each.path.endswith(".py") and each.parts[0] in PACKAGES)


def is_sandbox(source: Source) -> bool:
    """The demo and the vendors' sandboxes: they play the outside, so they have clocks and clients of their own."""
    return source.path.startswith("flows/demo/") or any(
        part.removesuffix(".py") == "sandbox" for part in source.parts[2:]
    )


@functools.cache
def names_used(tree: ast.AST) -> tuple[tuple[int, str], ...]:
    """Line and dotted name of everything referred to by module, whatever it was imported as.

    `import time as t; t.time()` gives `time.time`; `from os import environ` gives `os.environ`.
    """
    return tuple(_names_used(tree))


def _names_used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    origin: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
                origin[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full
                origin[alias.asname or alias.name] = full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node, origin)) is not None:
            yield node.lineno, dotted


def _dotted(node: ast.expr, origin: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return origin.get(node.id)
    if isinstance(node, ast.Attribute) and (left := _dotted(node.value, origin)) is not None:
        return f"{left}.{node.attr}"
    return None
