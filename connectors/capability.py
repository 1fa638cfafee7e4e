"""What one tenant of an outside system can do, as found: findings, the file they are kept in, and how it is read again.

A capability answers a question that public material leaves open. Its value is one of a closed list (or a count), and
`unknown` is always among them: strategies read `unknown` as the least that may be true. The file is TOML, for people to
read and to put under version control; it holds no secret and nothing of anybody's orders.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

UNKNOWN: Final = "unknown"
FILE_BYTES_MAX: Final = 1_048_576
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")

How = Literal["read", "written", "configured", "unknown"]
"""How a value was found: by reading alone, by writing to a sandbox tenant, from the configuration, or not at all."""


class CapabilityFileInvalid(ValueError):
    """The file cannot be read as one; the message says which and why, and is for an operator. Whoever names the file
    says how to make one.
    """


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `evidence` is a sentence: what was asked and what came back, or why nothing could be found out."""

    value: str | int
    how: How
    evidence: str


class CapabilityFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found about one tenant. `tenant` is its address without secrets, `seamline` the version that asked.

    `names` is from documented names to the tenant's own; an empty one says that the tenant does not have it.
    """

    vendor: Literal["fulfil", "patchworks"]
    tenant: str
    found_at: datetime
    seamline: str
    capabilities: dict[str, Finding] = {}
    names: dict[str, str] = {}


def not_found(reason: str) -> Finding:
    """A question that stays open, and why."""
    return Finding(value=UNKNOWN, how="unknown", evidence=reason)


def values_of(kind: type[T], findings: Mapping[str, Finding]) -> tuple[T, tuple[str, ...]]:
    """The values as a struct that strategies read, and the names of those that were left `unknown` although told.

    A name that this version does not know, and a value outside its closed list, are left out: an older or a newer file
    can still be read, and says less.
    """
    values: dict[str, Any] = {}
    refused: list[str] = []
    for field in msgspec.structs.fields(kind):
        finding = findings.get(field.name)
        if finding is None:
            continue
        try:
            values[field.name] = msgspec.convert(finding.value, field.type)
        except msgspec.ValidationError:
            refused.append(field.name)
    return kind(**values), (*refused, *(name for name in findings if name not in kind.__struct_fields__))


def missing_in(kind: type[msgspec.Struct], findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """The capabilities that this version knows and nobody has asked about."""
    return tuple(name for name in kind.__struct_fields__ if name not in findings)


# -- the file ----------------------------------------------------------------------------------------------------------


def read_file(path: Path) -> CapabilityFile:
    """The file at `path`. Raises CapabilityFileInvalid."""
    if not path.exists():
        raise CapabilityFileInvalid(f"there is no file {path} yet")
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise CapabilityFileInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes; this is no capability file")
        return msgspec.convert(tomllib.loads(raw.decode()), CapabilityFile)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise CapabilityFileInvalid(f"{path} cannot be read ({why})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CapabilityFileInvalid(f"{path} is not TOML ({error})") from None
    except msgspec.ValidationError as error:
        raise CapabilityFileInvalid(f"{path} is no capability file: {error}") from None


def write_file(path: Path, content: CapabilityFile) -> None:
    """Put the file there, whole or not at all: who reads it meanwhile sees the old one. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(rendered(content))
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def rendered(content: CapabilityFile) -> str:
    """The text of the file; the same content gives the same text."""
    head = {"vendor": content.vendor, "tenant": content.tenant, "seamline": content.seamline}
    moment = content.found_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    lines = [
        "# What this tenant can do, as `seamline probe` found it. Made again by the same command; when a value here is",
        "# not right, correct the setting that overrules it rather than this file.",
        *_pairs(head.items()),
        f"found_at = {moment}",
    ]
    for name, finding in sorted(content.capabilities.items()):
        values = {"value": finding.value, "how": finding.how, "evidence": finding.evidence}
        lines += ["", f"[capabilities.{_key(name)}]", *_pairs(values.items())]
    lines += ["", "[names]", *_pairs(sorted(content.names.items()))]
    return "\n".join(lines) + "\n"


def _pairs(values: Iterable[tuple[str, str | int]]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in values]


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: str | int) -> str:
    """A basic string or an integer. TOML takes the escapes of JSON, and wants DEL and lone surrogates escaped, too."""
    if isinstance(value, int):
        return str(value)
    text = msgspec.json.encode(value.encode("utf-8", "replace").decode()).decode()
    return text.replace("\x7f", "\\u007f")
