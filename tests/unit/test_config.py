"""The configuration engine: one run names every problem, with its place, and a good file becomes frozen structs."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from connectors.patchworks.config import IntakeSettings
from runtime.config import Problem, Secret, check, describe, fingerprint, load, settings_of, shown
from runtime.errors import ConfigInvalid


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One shop."""

    format: Literal["plain", "fancy"]
    """How its payloads are written."""
    starts: Annotated[datetime, Meta(tz=True)] | None = None
    """Orders before this instant are known, not imported."""
    colour: Colour = Colour.RED
    """What it is painted in."""


class Step(msgspec.Struct, frozen=True):
    name: str


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are kept."""

    path: Path = Path("var/store.db")
    """The file."""
    budget_bytes: Annotated[int, Meta(ge=1, description="Room it may take.")] = 1_000


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """The other side."""

    url: str
    """Where it listens."""
    tokens: Annotated[tuple[Secret, ...], Meta(min_length=1)]
    """How it knows us."""
    limit_per_s: float = 2.5
    tolerance: Decimal = Decimal("0.01")
    hosts: tuple[str, ...] = ()
    low: int = 0
    high: int = 10
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    vendor: Vendor
    store: Store = Store()
    shops: dict[str, Shop] = msgspec.field(default_factory=dict)
    steps: tuple[Step, ...] = ()


GOOD = """
[vendor]
url = "https://vendor.invalid"
tokens = ["env:TOKEN"]
tolerance = 0.10

[shops.uk-main]
format = "fancy"
starts = 2026-01-01T00:00:00Z
"""
INTAKE_KEY = "patchworks-key-0001"
ENV = {"TOKEN": "correct horse battery"}


def problems(text: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """The sentences of `check` by path."""
    return {problem.path: problem.sentence for problem in check(text, Root, ENV if env is None else env)}


def put(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "seamline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_becomes_frozen_structs(tmp_path: Path) -> None:
    """Nested sections, named tables, decimals, instants and secrets arrive as their types."""
    config = load(put(tmp_path, GOOD), Root, ENV)
    assert config.vendor.tolerance == Decimal("0.10")
    assert str(config.vendor.tolerance) == "0.10"
    assert config.vendor.tokens[0].reveal() == "correct horse battery"
    assert config.shops["uk-main"].format == "fancy"
    starts = config.shops["uk-main"].starts
    assert starts is not None
    assert starts.utcoffset() is not None
    assert config.store == Store()
    with pytest.raises(AttributeError):
        config.vendor.low = 3  # type: ignore[misc]


def test_every_problem_is_named_at_once() -> None:
    """Unknown keys, wrong types, broken bounds, bad choices and missing keys do not hide each other."""
    text = """
[vendor]
url = 5
limit_per_s = "fast"
hosts = ["a", 7]
tokenz = ["env:TOKEN"]

[store]
budget_bytes = 0

[shops.uk]
format = "fency"
starts = 2026-01-01T00:00:00

[[steps]]
name = "one"
[[steps]]
nam = "two"
"""
    found = {problem.path: (problem.line, problem.sentence) for problem in check(text, Root, ENV)}
    assert found == {
        "vendor.url": (3, "must be `str`, not `int`"),
        "vendor.limit_per_s": (4, "must be `float`, not `str`"),
        "vendor.hosts[1]": (5, "must be `str`, not `int`"),
        "vendor.tokenz": (6, "unknown key; did you mean `tokens`?"),
        "vendor.tokens": (2, "must be given, and is missing"),
        "store.budget_bytes": (9, "must be `int` >= 1"),
        "shops.uk.format": (12, "must be one of `plain`, `fancy`"),
        "shops.uk.starts": (13, "must be `datetime` with a timezone component"),
        "steps[1].nam": (18, "unknown key; did you mean `name`?"),
        "steps[1].name": (17, "must be given, and is missing"),
    }


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    least: Annotated[Decimal, Meta(ge=0, le=10)] = Decimal(0)
    above: Annotated[Decimal, Meta(gt=0, lt=1)] | None = None


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("least = 0", []),
        ("least = 10.00\nabove = 0.99", []),
        ("least = 0.1\nabove = 1", ["must be decimal, > 0, < 1"]),
        ("least = -0.01\nabove = 0.0", ["must be decimal, ≥ 0, ≤ 10", "must be decimal, > 0, < 1"]),
        ("least = 11", ["must be decimal, ≥ 0, ≤ 10"]),
        ("least = nan\nabove = inf", ["must be a finite number", "must be a finite number"]),
        ('least = "1"', []),
    ],
)
def test_decimals_have_bounds(text: str, sentences: list[str]) -> None:
    """What msgspec knows for numbers alone: any tolerance of a sales channel was once an error of ours."""
    assert [each.sentence for each in check(text, Bounds)] == sentences
    assert [each.sentence for each in check("", Bounds, {"SEAMLINE__LEAST": "-1"})] == [
        "must be decimal, ≥ 0, ≤ 10 (set by the environment variable SEAMLINE__LEAST)"
    ]


def test_problems_come_in_the_order_of_the_lines() -> None:
    """Somebody who fixes them walks down the file once."""
    text = '[store]\nbudget_bytes = 0\n[vendor]\nurl = 5\nlow = "x"\ntokens = ["env:TOKEN"]\n'
    assert [problem.line for problem in check(text, Root, ENV)] == [2, 4, 5]


def test_load_lists_all_problems_and_says_where(tmp_path: Path) -> None:
    """The message is what an operator reads: the file, each line, each path."""
    path = put(tmp_path, "[vendor]\nurl = 5\nlow = true\n")
    with pytest.raises(ConfigInvalid) as caught:
        load(path, Root, ENV)
    message = str(caught.value)
    assert message.splitlines()[0] == f"{path} has 3 problems; nothing was done."
    assert "line 2, vendor.url: must be `str`, not `int`" in message
    assert "line 3, vendor.low: must be `int`, not `bool`" in message
    assert "vendor.tokens: must be given" in message
    assert caught.value.exit_status == 78


def test_an_unknown_section_lists_what_there_is_when_nothing_is_near() -> None:
    """Without a near spelling, the names that exist are the help."""
    assert problems(GOOD + "[zzzz]\n")["zzzz"] == "unknown key; known here: vendor, store, shops, steps"


def test_a_missing_section_names_each_key_it_needs() -> None:
    """`[vendor] is missing` would send the operator to the manual; the keys do not."""
    assert set(problems("")) == {"vendor.url", "vendor.tokens"}


def test_a_rule_over_several_settings_is_a_problem_of_their_section() -> None:
    """A ValueError of a struct's own check carries its sentence to the operator."""
    text = GOOD.replace("tolerance = 0.10", "low = 11")
    assert check(text, Root, ENV) == [Problem("vendor", 2, "low must not be above high")]


def test_a_section_that_is_no_table_is_a_problem() -> None:
    """A scalar in the place of a section does not crash the check."""
    assert problems("vendor = 3\n") == {"vendor": "must be a table"}
    assert problems('shops = "x"\n' + GOOD.partition("[shops")[0])["shops"].startswith("must be `object`")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["limit_per_s", "tolerance"])
def test_numbers_are_finite(key: str, value: str) -> None:
    """TOML knows nan and inf; a limit or an amount never is one."""
    text = GOOD.replace("tolerance = 0.10", f"{key} = {value}")
    assert problems(text) == {f"vendor.{key}": "must be a finite number"}
    env = ENV | {f"SEAMLINE__VENDOR__{key.upper()}": value}
    assert "must be a finite number" in problems(GOOD, env)[f"vendor.{key}"]


def test_broken_toml_names_its_line() -> None:
    """A syntax error is one problem with a line, not a stack."""
    (problem,) = check("[vendor]\nurl = \n", Root, ENV)
    assert problem.line == 2
    assert problem.sentence.startswith("the text is not TOML")
    (problem,) = check('[vendor]\nurl = """\n', Root, ENV)
    assert problem.line == 3
    (problem,) = check("a = " + "[" * 5000, Root, ENV)
    assert problem.sentence.startswith("the text is not TOML")


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("[vendor]\nurl = 1\n\n[vendor]\n", "[vendor]"),
        ('[a."b c"]\nx = 1\n\n[a."b c"]\n', '[a."b c"]'),
    ],
)
def test_a_table_that_stands_there_twice_is_named_as_it_is_written(text: str, table: str) -> None:
    """With both lines."""
    (problem,) = check(text, Root, ENV)
    assert (problem.line, problem.sentence) == (
        4,
        f"the table {table} stands there twice, first in line 1; put what both say into one",
    )


def test_a_missing_a_large_and_a_binary_file_are_sentences(tmp_path: Path) -> None:
    """What stands between the operator and the first problem is named as well."""
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        load(tmp_path / "absent.toml", Root, ENV)
    with pytest.raises(ConfigInvalid, match="larger than 1048576 bytes"):
        load(put(tmp_path, "#" * 1_048_577), Root, ENV)
    (tmp_path / "binary.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigInvalid, match="not UTF-8 at byte 5"):
        load(tmp_path / "binary.toml", Root, ENV)


def test_lines_are_found_behind_multi_line_values() -> None:
    """Strings and arrays over several lines, comments and quoted keys do not shift the line numbers."""
    text = '''# first
[vendor]   # second
tokens = [ "env:TOKEN",  # third
  "env:TOKEN",
]
url = """
[not.a.header]
low = 1
"""
"low" = "x"
[shops."uk [1]"]
format = "plain"
colour = "green"
shops = { inline = 1 }
'''
    found = {problem.path: problem.line for problem in check(text, Root, ENV)}
    assert found == {"vendor.low": 10, 'shops."uk [1]".colour': 13, 'shops."uk [1]".shops': 14}


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """`SEAMLINE__SECTION__KEY` wins, with text read as the type of its setting."""
    env = ENV | {
        "SEAMLINE__VENDOR__URL": "https://other.invalid",
        "SEAMLINE__VENDOR__VERBOSE": "true",
        "SEAMLINE__VENDOR__HIGH": "12",
        "SEAMLINE__VENDOR__TOLERANCE": "0.05",
        "SEAMLINE__VENDOR__HOSTS": '["a", "b"]',
        "SEAMLINE__STORE__PATH": "elsewhere.db",
        "SEAMLINE__SHOPS__UK_MAIN__FORMAT": "plain",
        "SEAMLINE__SHOPS__FRANCE__FORMAT": "fancy",
        "SEAMLINE_UNRELATED": "x",
    }
    config = load(put(tmp_path, GOOD), Root, env)
    assert config.vendor.url == "https://other.invalid"
    assert config.vendor.verbose is True
    assert config.vendor.high == 12
    assert config.vendor.tolerance == Decimal("0.05")
    assert config.vendor.hosts == ("a", "b")
    assert config.store.path == Path("elsewhere.db")
    assert config.shops["uk-main"].format == "plain"
    assert config.shops["france"].format == "fancy"


def test_a_wrong_override_names_its_variable() -> None:
    """The operator looks in the environment, not in the file."""
    env = ENV | {
        "SEAMLINE__VENDOR__HIGH": "many",
        "SEAMLINE__VENDOR__HIHG": "3",
        "SEAMLINE__VENDOR__HOSTS": "a b",
        "SEAMLINE__VENDOR__URL__DEEPER": "x",
        "SEAMLINE__STORE": "x",
        "SEAMLINE__STOER__PATH": "x",
    }
    found = check(GOOD, Root, env)
    assert {problem.path: problem.sentence for problem in found} == {
        "vendor.high": "must be `int`, not `str` (set by the environment variable SEAMLINE__VENDOR__HIGH)",
        "vendor.hihg": "unknown key; did you mean `high`? (set by the environment variable SEAMLINE__VENDOR__HIHG)",
        "vendor.hosts": "must be written as TOML (set by the environment variable SEAMLINE__VENDOR__HOSTS)",
        "vendor.url.deeper": "`url` is not a table, so nothing can be set inside it "
        "(set by the environment variable SEAMLINE__VENDOR__URL__DEEPER)",
        "stoer": "unknown key; did you mean `store`? (set by the environment variable SEAMLINE__STOER__PATH)",
        "store": "must be a table (set by the environment variable SEAMLINE__STORE)",
    }
    assert {problem.line for problem in found} == {None}


def test_a_file_s_own_mistake_is_not_blamed_on_an_override_inside_it() -> None:
    """A misspelt section of the file keeps its line, although a variable sets something in it as well."""
    text = GOOD + "[stoer]\nbudget_bytes = 1\n"
    (problem,) = check(text, Root, ENV | {"SEAMLINE__STOER__PATH": "x"})
    assert problem == Problem("stoer", 10, "unknown key; did you mean `store`?")


def test_tables_of_values_are_converted_and_bounded() -> None:
    """Names and values of a free table have types and limits, from the file and from the environment."""

    class Free(msgspec.Struct, frozen=True):
        weights: Annotated[dict[Annotated[str, Meta(max_length=3)], int], Meta(max_length=2)]

    assert check("weights = {a = 1}\n", Free, {"SEAMLINE__WEIGHTS__B": "2"}) == []
    assert check("", Free, {"SEAMLINE__WEIGHTS": "{a = 1}"}) == []
    paths = {problem.path for problem in check('weights = {abcd = 1, b = "x"}\n', Free, {})}
    assert paths == {"weights.abcd", "weights.b"}
    (problem,) = check("weights = {a = 1, b = 2, c = 3}\n", Free, {})
    assert problem.sentence == "must be `object` of length <= 2"


def test_the_process_environment_is_used_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """`env` is for tests; without it the real environment counts."""
    monkeypatch.setenv("TOKEN", "from the process")
    monkeypatch.setenv("SEAMLINE__VENDOR__LOW", "99")
    assert [problem.sentence for problem in check(GOOD, Root)] == ["low must not be above high"]


def test_the_fingerprint_follows_settings_and_not_secrets(tmp_path: Path) -> None:
    """Two hosts with the same file and other secrets run the same configuration."""
    path = put(tmp_path, GOOD)
    first = fingerprint(load(path, Root, ENV))
    assert first == fingerprint(load(path, Root, {"TOKEN": "another"}))
    assert first != fingerprint(load(path, Root, ENV | {"SEAMLINE__VENDOR__LOW": "1"}))
    assert len(first) == 16


def test_the_fingerprint_does_not_depend_on_the_order_of_tables(tmp_path: Path) -> None:
    """Moving a section is no change."""
    shops = '[shops.a]\nformat = "plain"\n', '[shops.b]\nformat = "fancy"\n'
    one = load(put(tmp_path, GOOD + "".join(shops)), Root, ENV)
    other = load(put(tmp_path, GOOD + "".join(reversed(shops))), Root, ENV)
    assert fingerprint(one) == fingerprint(other)


def test_shown_has_references_in_the_place_of_secrets(tmp_path: Path) -> None:
    """`config show` prints where a secret comes from, never what it is."""
    plain = shown(load(put(tmp_path, GOOD), Root, ENV))
    assert plain["vendor"]["tokens"] == ("env:TOKEN",)
    assert plain["store"]["path"] == "var/store.db"
    assert "horse" not in repr(plain)


def test_the_reference_describes_every_setting_from_its_source() -> None:
    """Docstrings below fields and Meta descriptions both become the meaning."""
    rows = {setting.path: setting for setting in settings_of(Root)}
    assert rows["vendor.url"].default is None
    assert rows["vendor.url"].meaning == "Where it listens."
    assert rows["vendor.tokens"].kind == "list of secret: `env:NAME` or `file:path`, length ≥ 1"
    assert rows["store.budget_bytes"].kind == "integer, ≥ 1"
    assert rows["store.budget_bytes"].meaning == "Room it may take."
    assert rows["store.path"].default == '"var/store.db"'
    assert rows["shops.<name>.format"].kind == "`plain`, `fancy`"
    assert rows["shops.<name>.starts"].default == "none"
    assert rows["steps[].name"].meaning == ""


def test_the_reference_is_markdown_with_a_table_for_each_section() -> None:
    """What `describe` writes is what the settings page shows."""
    page = describe(Root)
    assert page.startswith("Everything.\n")
    assert "## `[vendor]`\n\nThe other side.\n\n| setting | kind | default | meaning |" in page
    assert "| `url` | text | **must be given** | Where it listens. |" in page
    assert "## `[shops.<name>]`" in page
    assert "| `budget_bytes` | integer, ≥ 1 | `1000` | Room it may take. |" in page


def test_a_setting_of_an_unsupported_type_is_a_defect_of_the_program() -> None:
    """A union of sections could not be described or checked, so it never reaches an operator."""

    class Odd(msgspec.Struct, frozen=True):
        either: Store | Step

    with pytest.raises(TypeError, match="not a union of sections"):
        check("either = {}\n", Odd, {})


_keys = st.sampled_from(["vendor", "store", "shops", "steps", "url", "tokens", "low", "a b", "é"])
_scalars = st.one_of(
    st.integers(), st.booleans(), st.text(max_size=5), st.sampled_from(["env:TOKEN", "file:x", "env:"])
)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08X}" for letter in value) + '"'
    return str(value).lower()


@given(
    st.dictionaries(
        _keys,
        st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4)),
        max_size=4,
    )
)
def test_no_document_crashes_the_check(document: dict[str, object]) -> None:
    """Whatever a file holds, the answer is a list of problems, each with a path or a line."""
    text = "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in document.items())
    for problem in check(text, Root, ENV):
        assert problem.path or problem.line
        assert problem.sentence


# -- the intake's settings ---------------------------------------------------------------------------------------------


class WithIntake(msgspec.Struct, frozen=True):
    intake: IntakeSettings


def test_the_settings_have_safe_defaults() -> None:
    """Loopback, 8 MB, a thousand items, ten and thirty seconds."""
    chosen = IntakeSettings(keys=(Secret(INTAKE_KEY),))
    assert (chosen.host, chosen.body_bytes_max, chosen.items_max) == ("127.0.0.1", 8_000_000, 1_000)
    assert (chosen.headers_timeout_s, chosen.body_timeout_s, chosen.requests_per_s_max) == (10.0, 30.0, None)


def test_every_setting_is_described() -> None:
    """The settings reference has no empty cell."""
    assert [setting.path for setting in settings_of(IntakeSettings) if not setting.meaning] == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("keys = []", "must be"),
        ('keys = ["env:SHORT"]', "fewer than 16 characters can be guessed"),
        ('keys = ["patchworks-key-0001"]', "a secret is never written here"),
        ('keys = ["env:KEY"]\nbodies_bytes_max = 5000', "bodies_bytes_max must not be below body_bytes_max"),
        ('keys = ["env:KEY"]\nport = 70000', "must be `int` <= 65535"),
        ('keys = ["env:KEY"]\nitems_max = 0', "must be `int` >= 1"),
    ],
)
def test_settings_that_cannot_work_are_problems(lines: str, words: str) -> None:
    """They are found before the start, not by the first order."""
    (problem,) = check(f"[intake]\n{lines}\n", WithIntake, {"KEY": INTAKE_KEY, "SHORT": "short"})
    assert words in problem.sentence
