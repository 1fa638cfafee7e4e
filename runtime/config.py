"""Reads one TOML file into frozen structs, and is the only module that reads the environment.

It knows no setting: a setting is a field of a `msgspec.Struct`, described by `Meta(description=...)` or by the string
below it. Sections are structs, named tables are `dict[str, Struct]`, lists are `tuple[X, ...]` or `list[X]`. Every
value is converted on its own, so that one run names *all* problems. A secret stands in the file only as a reference.
"""

from __future__ import annotations

import ast
import difflib
import enum
import hashlib
import hmac
import inspect
import itertools
import math
import os
import re
import stat
import textwrap
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar, Union, get_args, get_origin

import msgspec

from runtime.errors import ConfigInvalid
from runtime.rule import RuleBroken
from runtime.toml_lines import lines_of

T = TypeVar("T", bound=msgspec.Struct)

ENVIRONMENT_PREFIX: Final = "SEAMLINE__"
FILE_BYTES_MAX: Final = 1_048_576
SECRET_BYTES_MAX: Final = 65_536
_NAMES_SHOWN_MAX: Final = 12
_INVALID: Final = object()
_TABLES: Final = (dict, Mapping)
_LISTS: Final = (list, tuple, Sequence)
_REFERENCES_ONLY: Final = (
    'a secret is never written here: put it into an environment variable and write "env:NAME", '
    'or into a file that others cannot read and write "file:path"'
)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: the setting's dotted `path`, the `line` of the TOML text where known, and a sentence."""

    path: str
    line: int | None
    sentence: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        return ", ".join([*where, *([self.path] if self.path else [])]) + f": {self.sentence}"


class Secret:
    """A value that must not be seen. `str` and `repr` are masked, it cannot be serialised; `reveal` gives it away.

    `reference` is what the configuration says instead of the value (`env:NAME`, `file:path`), and may be shown.
    """

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "***") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        """The value itself: for the one call that needs it, never for a message."""
        return self._value

    def digest(self) -> bytes:
        """SHA-256 of the value, to compare what somebody presents without keeping the value around."""
        return hashlib.sha256(self._value.encode("utf-8", "surrogateescape")).digest()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.digest(), other.digest())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised; pass its reference instead")


class Setting(msgspec.Struct, frozen=True):
    """One row of the settings reference. `default` is None for a setting that must be given."""

    path: str
    kind: str
    default: str | None
    meaning: str


# -- what callers use --------------------------------------------------------------------------------------------------


def load(path: Path, root_type: type[T], env: Mapping[str, str] | None = None) -> T:
    """The configuration in the file at `path`, with the overrides of the environment (`SEAMLINE__SECTION__KEY`).

    `env` stands in for the process environment. Relative `file:` references start at the file's own directory. Raises
    `ConfigInvalid` with every problem, one line each.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read ({error.strerror}); name the right file, or fix its mode") from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes; this is not a configuration file")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    config, problems = _read(text, root_type, env, path.parent)
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigInvalid("\n  ".join([f"{path} has {count}; nothing was done.", *map(str, problems)]))
    assert isinstance(config, root_type)  # noqa: S101  narrows for the type checker: no problem means a value
    return config


def environment_without_overrides() -> dict[str, str]:
    """The environment for a process that is to be configured by its own file alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}


def check(
    text: str, root_type: type[msgspec.Struct], env: Mapping[str, str] | None = None, *, directory: Path | None = None
) -> list[Problem]:
    """Every problem of a TOML text, in the order of its lines; empty when `load` would succeed.

    `directory` is where relative `file:` references start (default: the working directory).
    """
    return _read(text, root_type, env, directory or Path())[1]


def shown(config: msgspec.Struct) -> dict[str, Any]:
    """The whole configuration as plain values that may be printed: each secret as its reference."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=_shown_leaf, order="deterministic")
    return plain


def fingerprint(config: msgspec.Struct) -> str:
    """Sixteen hexadecimal digits that change when a setting changes; no secret goes into them, only its reference."""
    return hashlib.sha256(msgspec.json.encode(shown(config), order="deterministic")).hexdigest()[:16]


def suggestion(key: str, known: list[str]) -> str:
    """What the operator probably meant by a name that is not known, or what there is: the end of a sentence."""
    near = difflib.get_close_matches(key.lower(), known, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    more = " ..." if len(known) > _NAMES_SHOWN_MAX else ""
    return f"known here: {', '.join(known[:_NAMES_SHOWN_MAX])}{more}" if known else "nothing can be set here"


def settings_of(root_type: type[msgspec.Struct], path: str = "") -> Iterator[Setting]:
    """Every setting below a struct, depth first. Names of tables that the operator chooses read `<name>`."""
    meanings = _attribute_docstrings(root_type)
    for field in msgspec.structs.fields(root_type):
        base, metas = _peel(field.type)
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        section, suffix = _section_of(base)
        if section is not None:
            yield from settings_of(section, here + suffix)
            continue
        described = next((meta.description for meta in metas if meta.description), None)
        default = None if field.required else _spell_default(field)
        yield Setting(here, _spell(base, metas), default, described or meanings.get(field.name, ""))


def describe(root_type: type[msgspec.Struct]) -> str:
    """The settings reference as Markdown: a table for each section, under the section's own docstring."""
    return "\n".join(_describe(root_type, "")).strip() + "\n"


# -- from text to struct -----------------------------------------------------------------------------------------------


class _Override(msgspec.Struct, frozen=True):
    """A value that an environment variable puts into the document."""

    variable: str
    text: str


def _read(
    text: str, root_type: type[msgspec.Struct], env: Mapping[str, str] | None, directory: Path
) -> tuple[Any, list[Problem]]:
    """The struct (or `_INVALID`) and every problem met on the way."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        at = re.search(r"\(at line (\d+)", str(error))
        last = text.count("\n") + 1
        sentence = _twice(str(error), text) or f"the text is not TOML: {error}"
        return _INVALID, [Problem("", int(at[1]) if at else last, sentence)]
    reader = _Reader(os.environ if env is None else env, directory, lines_of(text))
    reader.override(document)
    config = reader.section(root_type, document, ())
    problems = sorted(reader.problems, key=lambda problem: (problem.line is None, problem.line or 0))
    return (_INVALID if problems else config), problems


def _twice(said: str, text: str) -> str:
    """What tomllib says of a table that is declared again, in the words of a TOML file; empty when it says another
    thing.
    """
    found = re.match(r"Cannot declare (\(.*\)) twice", said)
    if found is None:
        return ""
    path: tuple[str, ...] = ast.literal_eval(found[1])
    lines = lines_of(text)
    first = f", first in line {lines[path]}" if path in lines else ""
    return f"the table [{_dotted(path)}] stands there twice{first}; put what both say into one"


class _Reader:
    """Converts a document value by value, and collects what is wrong instead of stopping at it."""

    def __init__(self, env: Mapping[str, str], directory: Path, lines: Mapping[tuple[str, ...], int]) -> None:
        self.problems: list[Problem] = []
        self._env = env
        self._directory = directory
        self._lines = lines

    def problem(self, path: tuple[str, ...], sentence: str, raw: object = None) -> Any:
        """Note a problem at `path`, and answer the mark of an invalid value."""
        override = None if path in self._lines and isinstance(raw, dict) else _override_in(raw)
        if override is not None:
            sentence = f"{sentence} (set by the environment variable {override.variable})"
        self.problems.append(Problem(_dotted(path), self._line(path) if override is None else None, sentence))
        return _INVALID

    def _line(self, path: tuple[str, ...]) -> int | None:
        """The line of the setting, or of the nearest thing around it that has one."""
        for n in range(len(path), 0, -1):
            for nearest in (path[:n], (*path[: n - 1], path[n - 1].partition("[")[0])):
                if nearest in self._lines:
                    return self._lines[nearest]
        return None

    def override(self, document: dict[str, Any]) -> None:
        """Put the overrides of the environment into the document, where conversion finds them."""
        for variable in sorted(self._env):
            if not variable.startswith(ENVIRONMENT_PREFIX):
                continue
            parts = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            value = _Override(variable, self._env[variable])
            table: Any = document
            for part in parts[:-1]:
                table = table.setdefault(_existing(table, part), {})
                if not isinstance(table, dict):
                    self.problem(tuple(parts), f"`{part}` is not a table, so nothing can be set inside it", value)
                    break
            else:
                table[_existing(table, parts[-1])] = value

    def section(self, struct: type[msgspec.Struct], raw: Any, path: tuple[str, ...]) -> Any:
        """A struct from a table: unknown keys, missing keys and every value of it are looked at."""
        if not isinstance(raw, dict):
            return self.problem(path, "must be a table", raw)
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        for key in raw:
            if key not in fields:
                self.problem((*path, key), f"unknown key; {suggestion(key, list(fields))}", raw[key])
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in raw:
                values[field.name] = self.value(field.type, raw[name], (*path, name))
            elif field.required and _is_section(_peel(field.type)[0]):
                values[field.name] = self.section(_peel(field.type)[0], {}, (*path, name))
            elif field.required:
                values[field.name] = self.problem((*path, name), "must be given, and is missing")
        return _INVALID if _INVALID in values.values() else self._made(struct, values, raw, path)

    def _made(self, struct: type[msgspec.Struct], values: dict[str, Any], raw: Any, path: tuple[str, ...]) -> Any:
        """The struct, or what its own check says."""
        try:
            return struct(**values)
        except RuleBroken as broken:
            for below, sentence in broken.found.items():
                self.problem((*path, *below), sentence, _found(raw, below))
            return _INVALID
        except ValueError as error:  # a rule over several settings, checked by the struct itself
            return self.problem(path, str(error))

    def value(self, type_: Any, raw: Any, path: tuple[str, ...]) -> Any:
        """One value of any supported type."""
        base, metas = _peel(type_)
        if base is Secret:
            return self._secret(raw, path)
        if _is_section(base):
            return self.section(base, raw, path)
        origin, args = get_origin(base), get_args(base)
        plain = raw
        if origin in (*_TABLES, *_LISTS) and isinstance(raw, _Override):
            try:
                plain = tomllib.loads(f"value = {raw.text}", parse_float=Decimal)["value"]
            except tomllib.TOMLDecodeError:
                return self.problem(path, "must be written as TOML", raw)
        if origin in _TABLES and isinstance(plain, dict):
            return self._table(args, metas, plain, path)
        if origin in _LISTS and isinstance(plain, list):
            return self._sequence(base, metas, plain, path)
        return self._leaf(base, metas, raw, path)

    def _table(self, args: Any, metas: list[msgspec.Meta], raw: dict[str, Any], path: tuple[str, ...]) -> Any:
        """Named tables or values; names are checked like values."""
        if self._leaf(dict[Any, Any], metas, dict.fromkeys(raw), path) is _INVALID:
            return _INVALID
        table = {}
        for key, item in raw.items():
            table[self._leaf(*_peel(args[0]), key, (*path, key))] = self.value(args[1], item, (*path, key))
        return _INVALID if _INVALID in (*table, *table.values()) else table

    def _sequence(self, base: Any, metas: list[msgspec.Meta], raw: list[Any], path: tuple[str, ...]) -> Any:
        """A list of any length, of one type."""
        if self._leaf(list[Any], metas, raw, path) is _INVALID:
            return _INVALID
        of = get_args(base)[0]
        items = [self.value(of, item, (*path[:-1], f"{path[-1]}[{n}]")) for n, item in enumerate(raw)]
        if _INVALID in items:
            return _INVALID
        return items if get_origin(base) is list else tuple(items)

    def _leaf(self, base: Any, metas: list[msgspec.Meta], raw: Any, path: tuple[str, ...]) -> Any:
        """A plain value, converted and checked by msgspec."""
        type_: Any = base
        for meta in metas if base is not Decimal else ():  # msgspec bounds numbers, and no decimals
            type_ = Annotated[type_, meta]
        lax = isinstance(raw, _Override)
        try:
            value = msgspec.convert(raw.text if lax else raw, type_, strict=not lax, dec_hook=_decode_leaf)
        except msgspec.ValidationError as error:
            return self.problem(path, _sentence(str(error), base), raw)
        if isinstance(value, float | Decimal) and not math.isfinite(value):
            return self.problem(path, "must be a finite number", raw)
        if isinstance(value, Decimal) and not _within(value, metas):
            return self.problem(path, f"must be {_spell(base, metas)}", raw)
        return value

    def _secret(self, raw: Any, path: tuple[str, ...]) -> Any:
        """What a reference refers to. The value itself never goes into a sentence."""
        reference = raw.text if isinstance(raw, _Override) else raw
        if not isinstance(reference, str):
            return self.problem(path, _REFERENCES_ONLY, raw)
        source, _, name = reference.partition(":")
        if source == "env" and name:
            value = self._env.get(name)
            if value is None or not value.strip():
                state = "not set" if value is None else "empty"
                return self.problem(path, f"the environment variable {name} is {state}; set it to the secret", raw)
            return Secret(value.strip(), reference)
        if source == "file" and name:
            value, complaint = _secret_from_file(self._directory / name)
            if complaint is not None:
                return self.problem(path, f"the file {name} {complaint}", raw)
            return Secret(value, reference)
        return self.problem(path, _REFERENCES_ONLY, raw)


def _found(raw: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path below a table; None when nothing does."""
    for part in path:
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def _override_in(raw: object) -> _Override | None:
    """The override that a value is, or that made the table it is in."""
    if isinstance(raw, dict):
        return next((found for item in raw.values() if (found := _override_in(item)) is not None), None)
    return raw if isinstance(raw, _Override) else None


def _secret_from_file(path: Path) -> tuple[str, str | None]:
    """The stripped content, or a complaint that continues the sentence "the file x ..."."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "", "is not a regular file"
        if status.st_mode & stat.S_IRWXO:
            return "", "is open to every user of this machine; run `chmod o-rwx` on it, and consider the secret known"
        if status.st_size > SECRET_BYTES_MAX:
            return "", f"is larger than {SECRET_BYTES_MAX} bytes; it holds something else than a secret"
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        return "", f"cannot be read ({error.strerror}); create it, or let this user read it"
    except UnicodeDecodeError:
        return "", "is not UTF-8 text"
    return (value, None) if value else ("", "is empty; write the secret into it")


def _decode_leaf(type_: Any, raw: Any) -> Any:
    """Types that msgspec does not know by itself."""
    if type_ is Path and isinstance(raw, str) and raw:
        return Path(raw)
    if type_ is Path:
        raise ValueError("Expected a path")
    raise TypeError(f"{type_!r} is no type for a setting")


def _shown_leaf(value: Any) -> Any:
    """The printable form of types that msgspec does not know by itself."""
    if isinstance(value, Secret):
        return value.reference
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value)!r} is no type for a setting")


def _within(value: Decimal, metas: list[msgspec.Meta]) -> bool:
    """Whether a decimal keeps its bounds."""
    return all(
        (meta.ge is None or value >= meta.ge)
        and (meta.gt is None or value > meta.gt)
        and (meta.le is None or value <= meta.le)
        and (meta.lt is None or value < meta.lt)
        for meta in metas
    )


def _sentence(message: str, base: Any) -> str:
    """What msgspec says, as the end of a sentence; a choice lists what may be chosen."""
    choices = _choices(base)
    if choices:
        return f"must be one of {', '.join(choices)}"
    message = re.sub(r" - at `\$.*`$", "", message)
    return message.replace("Expected ", "must be ", 1).replace(", got ", ", not ", 1)


def _existing(table: dict[str, Any], part: str) -> str:
    """The table's own spelling of a name that had to fit into an environment variable."""
    return part if part in table else next((key for key in table if key.lower().replace("-", "_") == part), part)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(part if re.fullmatch(r"[\w\[\]-]+", part) else f'"{part}"' for part in path)


# -- types -------------------------------------------------------------------------------------------------------------


def _peel(type_: Any) -> tuple[Any, list[msgspec.Meta]]:
    """The type without `Annotated` and without `| None` (TOML has no null), and its constraints."""
    metas: list[msgspec.Meta] = []
    while True:
        origin, args = get_origin(type_), get_args(type_)
        if origin is Annotated:
            metas.extend(meta for meta in args[1:] if isinstance(meta, msgspec.Meta))
            type_ = args[0]
        elif origin in (Union, types.UnionType):
            some = [arg for arg in args if arg is not type(None)]
            if len(some) > 1 and any(_is_section(arg) or arg is Secret for arg in some):
                raise TypeError("a setting is not a union of sections or secrets")
            if len(some) > 1:
                return type_, metas
            type_ = some[0]
        else:
            return type_, metas


def _is_section(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _section_of(base: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """The struct inside a section, a table of sections or a list of them, and how its path goes on."""
    if _is_section(base):
        return base, ""
    origin, args = get_origin(base), get_args(base)
    if origin in _TABLES and _is_section(_peel(args[1])[0]):
        return _peel(args[1])[0], ".<name>"
    if origin in _LISTS and _is_section(_peel(args[0])[0]):
        return _peel(args[0])[0], "[]"
    return None, ""


def _choices(base: Any) -> list[str]:
    if get_origin(base) is Literal:
        return [f"`{choice}`" for choice in get_args(base)]
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return [f"`{choice.value}`" for choice in base]
    return []


# -- the settings reference --------------------------------------------------------------------------------------------

_KINDS: Final[dict[Any, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Decimal: "decimal",
    Path: "path",
    Secret: "secret: `env:NAME` or `file:path`",
}
_BOUNDS: Final = {
    "ge": "≥", "gt": ">", "le": "≤", "lt": "<",
    "min_length": "length ≥", "max_length": "length ≤", "pattern": "matching",
}  # fmt: skip


def _describe(struct: type[msgspec.Struct], path: str) -> Iterator[str]:
    if path:
        yield f"## `[{path}]`\n"
    if struct.__dict__.get("__doc__"):
        yield inspect.cleandoc(struct.__doc__ or "") + "\n"
    own = [setting for setting in settings_of(struct, path) if "." not in setting.path.removeprefix(f"{path}.")]
    if own:
        yield "| setting | kind | default | meaning |\n|---|---|---|---|"
    for setting in own:
        name = setting.path.rpartition(".")[2]
        default = "**must be given**" if setting.default is None else f"`{setting.default}`"
        cells = (f"`{name}`", setting.kind, default, " ".join(setting.meaning.split()))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    if own:
        yield ""
    for field in msgspec.structs.fields(struct):
        section, suffix = _section_of(_peel(field.type)[0])
        if section is not None:
            yield from _describe(section, (f"{path}.{field.encode_name}" if path else field.encode_name) + suffix)


def _spell(base: Any, metas: list[msgspec.Meta]) -> str:
    """A type in words, with its bounds."""
    origin, args = get_origin(base), get_args(base)
    if origin in _LISTS:
        words = f"list of {_spell(*_peel(args[0]))}"
    elif origin in _TABLES:
        words = f"table of {_spell(*_peel(args[1]))}"
    elif origin in (Union, types.UnionType):
        words = " or ".join(_spell(*_peel(arg)) for arg in args if arg is not type(None))
    else:
        words = ", ".join(_choices(base)) or _KINDS.get(base) or str(getattr(base, "__name__", base))
    limits = [(sign, getattr(meta, name)) for meta in metas for name, sign in _BOUNDS.items()]
    return ", ".join([words, *(f"{sign} {bound}" for sign, bound in limits if bound is not None)])


def _spell_default(field: msgspec.structs.FieldInfo) -> str:
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    plain = msgspec.to_builtins(default, enc_hook=_shown_leaf)
    return "none" if plain is None else msgspec.json.encode(plain).decode()


def _attribute_docstrings(struct: type) -> dict[str, str]:
    """The strings that stand below the fields of a class and of its bases."""
    found: dict[str, str] = {}
    for cls in reversed(struct.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, below in itertools.pairwise(body):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if (
                isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found[field.target.id] = inspect.cleandoc(below.value.value)
    return found
