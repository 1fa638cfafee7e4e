"""What every command has that shows a list in several forms."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from flows.cli import commands
from tests.integration.close_store import clean_month, config_in, standing, suspended
from tests.integration.terminal import Type
from tests.integration.test_cli_pages import fill


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


# -- lists that are cut ------------------------------------------------------------------------------------------------


def with_limit() -> list[tuple[str, ...]]:
    """Every command that shows no more rows than somebody wants."""
    return [words for words, signature in commands_of(commands.app) if "limit" in signature.parameters]


@pytest.mark.parametrize("words", with_limit(), ids=" ".join)
def test_every_list_that_can_be_cut_asks_for_one_row_more_and_says_when_it_is(words: tuple[str, ...]) -> None:
    """So that nobody takes the first fifty for all of them."""
    app = commands.app
    for word in words:
        app = app[word]
    assert app.default_command is not None
    source = inspect.getsource(app.default_command)
    assert re.search(r"tell_(cut|more)\(", source)
    assert "limit + 1" in source
    assert not re.search(r"limit=limit\b(?! \+ 1)", source)


@pytest.mark.parametrize(
    "words",
    [
        ("orders", "unsettled"),
        ("orders", "accepted"),
        ("postings", "list"),
        ("statements", "list"),
        ("payouts", "list"),
        ("payments", "list", "--suspense"),
    ],
    ids=" ".join,
)
def test_a_list_of_finance_says_on_stderr_when_it_is_cut(
    seamline: Type, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """In every form, and only then."""
    again = ("put_accepted_difference", ("web/1", "total", 2, "Bob", "agreed", "1.25", "EUR", "50.00", "48.75"))
    fill(tmp_path / "store.db", *clean_month(), *standing(), again, suspended("web/9", "VAT", "1.00", "2025-10-21"))
    config = ("--config", config_in(tmp_path))
    whole = len(seamline(*words, *config).rows)
    assert whole > 1
    forms: list[tuple[str, ...]] = [(), ("--json",)] + [("--csv", "-")] * (words[0] != "payments")
    for form in forms:
        cut = seamline(*words, "--limit", "1", *config, *form)
        assert "more: only the first 1 are shown; --limit shows up to 10000" in cut.err
        assert len(cut.data if form == ("--json",) else cut.out.splitlines()[1:]) == 1
        assert "more:" not in seamline(*words, "--limit", str(whole), *config, *form).err
