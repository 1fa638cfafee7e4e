"""What every command has that shows a list in several forms."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from cyclopts import App

from flows.cli import commands
from tests.integration.terminal import Type


def commands_of(app: App, *words: str) -> Iterator[tuple[tuple[str, ...], inspect.Signature]]:
    """Every command, with the words that are typed for it."""
    if app.default_command is not None:
        yield words, inspect.signature(app.default_command)
    for name in app:
        if not name.startswith("-"):
            yield from commands_of(app[name], *words, name)


def with_both() -> list[tuple[str, ...]]:
    """Those that have a table for a spreadsheet and JSON, each with something in the place of what must be given."""
    return [
        (*words, *("2025-10-01" for each in signature.parameters.values() if _must_be_given(each)))
        for words, signature in commands_of(commands.app)
        if {"csv", "json"} <= set(signature.parameters)
    ]


def _must_be_given(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty


@pytest.mark.parametrize("words", with_both(), ids=" ".join)
def test_two_forms_of_one_list_are_refused_before_anything_is_read(seamline: Type, words: tuple[str, ...]) -> None:
    """Also where one would be in a file: the same words of every command, without configuration and without a store."""
    said = seamline(*words, "--csv", "never-written.csv", "--json", "--config", "there-is-none.toml")
    assert (said.status, said.out) == (1, "")
    assert "--csv and --json are two forms of one list; say one of them" in said.err


def test_every_command_with_both_forms_is_among_those() -> None:
    """Those of finance above all."""
    names = {" ".join(words[:2]) for words in with_both()}
    assert {"payouts list", "payouts show", "postings preview", "postings list", "postings show"} <= names
    assert {"reports clearing", "statements show", "orders unsettled", "close 2025-10-01", "listings"} <= names
