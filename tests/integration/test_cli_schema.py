"""`seamline schema order`: what it prints is a JSON Schema that our own orders satisfy, and wrong ones do not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli import commands
from tests.unit.test_format_seamline import MINIMAL, WHOLE

ORDER = json.loads((Path(__file__).resolve().parents[2] / "deploy" / "order.example.json").read_text(encoding="utf-8"))
_KEYWORDS = {
    *("$schema", "$ref", "$defs", "title", "description", "default", "type", "properties", "required", "items"),
    *("anyOf", "enum", "pattern", "minLength", "maxLength"),
}
_TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}


def complaints(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What a JSON Schema says against a value; for the keywords that ours uses, and no other may appear."""
    assert set(schema) <= _KEYWORDS, set(schema) - _KEYWORDS
    if "$ref" in schema:
        yield from complaints(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    if "anyOf" in schema and all(any(True for _ in complaints(value, one, root, at)) for one in schema["anyOf"]):
        yield f"{at} is none of what it may be"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is not one of {schema['enum']}"
    if "type" in schema and not isinstance(value, _TYPES[schema["type"]]):
        yield f"{at} is no {schema['type']}"
        return
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at} does not match {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{at} has a length of {len(value)}"
    if isinstance(value, dict):
        yield from (f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from complaints(value[name], part, root, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from complaints(item, schema["items"], root, f"{at}[{number}]")


@pytest.fixture
def schema(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the command prints."""
    with pytest.raises(SystemExit) as end:
        commands.main(["schema", "order"])
    assert end.value.code == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_the_schema_that_is_printed_admits_our_own_orders(schema: dict[str, Any]) -> None:
    """The order of the README and the fixtures of the format satisfy it."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for one in (ORDER, MINIMAL, WHOLE):
        assert list(complaints(one, schema, schema)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"total": 64.0}, "$.total"),
        ({"currency": "usd"}, "$.currency does not match"),
        ({"lines": [{"id": "1"}]}, "$.lines[0].quantity is missing"),
        ({"financial_status": "settled"}, "$.financial_status is not one of"),
        ({"order_id": ""}, "$.order_id has a length of 0"),
    ],
)
def test_the_schema_that_is_printed_refuses_what_is_wrong(
    schema: dict[str, Any], change: dict[str, Any], complaint: str
) -> None:
    """Binary amounts, wrong codes and missing parts do not satisfy it."""
    assert any(complaint in said for said in complaints({**ORDER, **change}, schema, schema))
