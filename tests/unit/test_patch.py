"""A person's patch of an order: RFC 7396 on bytes, where a number is the text that it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.demo.orders import generate
from flows.formats import FORMATS, Unreadable
from flows.formats.patched import read_with
from flows.model.money import JsonNumber
from flows.model.order import Order
from flows.model.patch import PATCH_BYTES_MAX, InvalidPatch, fields_of, patch_in, patched, without_envelope

(ORDER,) = generate(11, 1)
RAW = ORDER.body

# -- RFC 7396, appendix A: what is there, the patch, what is there then. Where it begins with something else than an
# -- object, it is a member here: a payload and a patch are objects.
RFC = [
    ("a value is replaced", '{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ("a value is added", '{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ("null takes the only member away", '{"a":"b"}', '{"a":null}', "{}"),
    ("null takes one of two away", '{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ("an array gives way to a text", '{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ("a text gives way to an array", '{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ("objects are merged member by member", '{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ("an array of objects is replaced as a whole", '{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ("an array is replaced by another, never merged", '{"x":["a","b"]}', '{"x":["c","d"]}', '{"x":["c","d"]}'),
    ("an object gives way to an array", '{"x":{"a":"b"}}', '{"x":["c"]}', '{"x":["c"]}'),
    ("an object gives way to null", '{"x":{"a":"foo"}}', '{"x":null}', "{}"),
    ("an object gives way to a text", '{"x":{"a":"foo"}}', '{"x":"bar"}', '{"x":"bar"}'),
    ("a null that is there stays", '{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    (
        "an array gives way to an object, without its nulls",
        '{"x":[1,2]}',
        '{"x":{"a":"b","c":null}}',
        '{"x":{"a":"b"}}',
    ),
    ("nulls deep in what is new are left out", "{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


@pytest.mark.parametrize(("payload", "patch", "result"), [row[1:] for row in RFC], ids=[row[0] for row in RFC])
def test_a_patch_does_what_the_standard_says(payload: str, patch: str, result: str) -> None:
    """Every example of its appendix."""
    assert patched(payload.encode(), patch.encode()).decode() == result


NUMBERS = ("10.799999999999999", "1E+400", "-0.0", "1.10", "123456789012345678901234567890", "1e-7", "9007199254740993")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_keeps_its_text_wherever_it_stands(number: str) -> None:
    """In the payload beside the patch, below it, in an array; and in the patch: no decoder has a say in it."""
    payload = f'{{"total": {number}, "lines": [{{"price": {number} }}], "shipping": {{"price": {number}, "x": 1}}}}'
    changed = patched(payload.encode(), f'{{"shipping": {{"x": {number}, "y": [{number}]}}}}'.encode()).decode()
    assert changed == (
        f'{{"total":{number},"lines":[{{"price": {number} }}],'
        f'"shipping":{{"price":{number},"x":{number},"y":[{number}]}}}}'
    )


@pytest.mark.parametrize(
    ("payload", "patch", "result"),
    [
        ('{"a":1,"b":2,"a":3}', '{"b":4}', '{"a":3,"b":4}'),
        ('{"a":{"x":1},"a":{"y":2}}', '{"a":{"z":3}}', '{"a":{"y":2,"z":3}}'),
        ('{"a":1}', '{"a":2,"a":3}', '{"a":3}'),
        ('{"a":1}', '{"a":2,"a":null}', "{}"),
        ('{"\\u0061":1}', '{"a":2}', '{"a":2}'),
        (
            '{"a\\u0000":1,"b":"\\u0000"}',
            '{"a\\u0000":"\\u0000x","a":2}',
            '{"a\\u0000":"\\u0000x","b":"\\u0000","a":2}',
        ),
    ],
    ids=["twice in the payload", "twice, and merged into", "twice in the patch", "at last null", "escaped", "NUL"],
)
def test_names_that_come_twice_or_are_spelt_otherwise_have_one_meaning(payload: str, patch: str, result: str) -> None:
    """The last one counts, as for whoever reads the order; an escape is the character; NUL is one like any other."""
    assert patched(payload.encode(), patch.encode()).decode() == result


def test_what_is_patched_is_read_as_the_format_reads_the_same_without_a_patch() -> None:
    """A name that comes twice: the patched payload and the plain one are the same order."""
    total = json.loads(RAW)["total_price"]
    twice = RAW[:-1] + f', "note": "old", "total_price": "1.00", "total_price": "{total}"}}'.encode()
    plain = FORMATS["shopify"].read("web", twice)
    again = read_with(FORMATS["shopify"], twice, b'{"note":"new"}')
    assert isinstance(again, bytes)
    assert isinstance(plain, Order)
    assert FORMATS["shopify"].read("web", again) == plain


# -- the same as on values ---------------------------------------------------------------------------------------------

_texts = st.text(st.characters(codec="utf-8"), max_size=3)
_scalars = st.none() | st.booleans() | st.sampled_from([JsonNumber(text) for text in NUMBERS]) | _texts
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3), max_leaves=12
)
_objects = st.dictionaries(_texts, _values, max_size=4)


def text(value: Any) -> str:
    """JSON of a value whose numbers are texts already."""
    match value:
        case JsonNumber():
            return str.__str__(value)
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)}: {text(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + " , ".join(map(text, value)) + "]"
        case _:
            return json.dumps(value)


def value(raw: bytes) -> Any:
    """The value of JSON, every number as its text."""
    return json.loads(raw, parse_float=JsonNumber, parse_int=JsonNumber)


def merged(target: Any, patch: Any) -> Any:
    """`MergePatch` of RFC 7396 as the standard writes it down."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), each)
    return result


@given(_objects, _objects)
def test_patching_bytes_is_patching_the_value_and_encoding_it(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """Whatever is in both, and numbers by their text."""
    if len(target) == 1 and isinstance(next(iter(target.values())), dict):
        target = {**target, "more": "than an envelope"}
    raw = patched(text(target).encode(), text(patch).encode())
    assert value(raw) == merged(target, patch)


@given(_objects)
def test_a_patch_outlasts_its_own_tidying(patch: dict[str, Any]) -> None:
    """What is stored has the same effect as what was typed."""
    typed = text(patch)
    payload = b'{"a":[1],"b":{"c":2}}'
    if patch:
        assert value(patched(payload, patch_in(typed))) == value(patched(payload, typed.encode()))


# -- envelopes, and what it says ---------------------------------------------------------------------------------------


def test_an_order_is_patched_inside_of_its_envelope() -> None:
    """The same patch for an order that comes bare, in an envelope, or in two; written with or without it."""
    patch = b'{"note":"x"}'
    assert patched(b'{"id":1,"note":"y"}', patch) == b'{"id":1,"note":"x"}'
    assert patched(b'{"order":{"id":1}}', patch) == b'{"order":{"id":1,"note":"x"}}'
    assert patched(b'{"data":{"order":{"id":1}}}', patch) == b'{"data":{"order":{"id":1,"note":"x"}}}'
    assert without_envelope(b'{"order":{"note":"x"}}', b'{"order":{"id":1}}') == patch
    assert without_envelope(b'{"order":{"note":"x"}}', b'{"id":1,"order":{}}') == b'{"order":{"note":"x"}}'
    assert without_envelope(patch, b'{"order":{"id":1}}') == patch


def test_a_patch_says_where_it_changes_something_and_not_to_what() -> None:
    """JSON pointers; a long list ends somewhere."""
    patch = b'{"shipping_address":{"zip":"78701","gone":null},"line_items":[{"sku":"A"}],"a/b~c":{}}'
    assert fields_of(patch) == ("/shipping_address/zip", "/shipping_address/gone", "/line_items", "/a~1b~0c")
    many = json.dumps({f"f{number}": 1 for number in range(80)}).encode()
    assert len(fields_of(many)) == 51
    assert fields_of(many)[-1] == "..."


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "is a JSON object"),
        ('["a"]', "is a JSON object"),
        ("null", "is a JSON object"),
        ('{"a":', "not one well-formed JSON object"),
        ('{"a":1} {"b":2}', "not one well-formed JSON object"),
        ('{"a":01}', "not one well-formed JSON object"),
        ('{"a":NaN}', "not one well-formed JSON object"),
        ("{}", "changes nothing"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper than 32"),
        ('{"a":' * 9_000 + "1" + "}" * 9_000, "not one well-formed JSON object"),
        ('{"a":"' + "x" * PATCH_BYTES_MAX + '"}', f"at most {PATCH_BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_patch_is_refused_with_a_sentence(typed: str, complaint: str) -> None:
    """Before anything is stored, and without quoting it."""
    with pytest.raises(InvalidPatch, match=complaint):
        patch_in(typed)


# -- of an order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "patch",
    [
        {"id": 2},
        {"id": None},
        {"updated_at": "2030-01-01T00:00:00Z"},
        {"admin_graphql_api_id": "gid://shopify/DraftOrder/1"},
    ],
    ids=["another id", "no id", "another version", "no order any more"],
)
def test_a_patch_leaves_the_order_the_one_it_is(patch: dict[str, Any]) -> None:
    """Its id and its version are the sales channel's: whatever changes them is not read."""
    read = read_with(FORMATS["shopify"], RAW, json.dumps(patch).encode())
    assert isinstance(read, Unreadable)
    assert "changes which order it is" in read.reason


def test_a_payload_that_is_no_json_is_unreadable_with_a_patch_too() -> None:
    """Nothing is raised, whatever was stored."""
    for raw in (b"", b"[1]", b'{"a":' * 5_000):
        read = read_with(FORMATS["shopify"], raw, b'{"note":"x"}')
        assert isinstance(read, Unreadable)
    assert msgspec.json.decode(patched(b"[1]", b'{"note":"x"}')) == {"note": "x"}
