"""What the shapes of a flow do to its payloads: cut into batches, rename fields, leave out what was seen.

Pure, and exact: pieces are cut out as bytes, so that an amount is not changed by being carried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.patchworks.sandbox.flow_config import Batch, Send
from connectors.patchworks.sandbox.records import Item

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_arrays = msgspec.json.Decoder(list[msgspec.Raw])


class ShapeFailed(Exception):
    """A shape cannot do its work on this payload; the text is for the run's log."""


def array_of(items: Iterable[Item]) -> Item:
    """One payload whose root is an array of all of them."""
    parts = list(items)
    keys = tuple(key for item in parts for key in item.keys)
    return Item(b"[" + b",".join(item.body for item in parts) + b"]", keys)


def batched(item: Item, batch: Batch) -> list[Item]:
    """The payload's array in pieces, each an array of at most `size`. A payload without that array passes whole."""
    pieces = _at(item.body, batch.path)
    if pieces is None:
        return [item]
    named = len(item.keys) == len(pieces)
    batches = []
    for start in range(0, len(pieces), batch.size):
        cut = pieces[start : start + batch.size]
        if named:
            keys = item.keys[start : start + batch.size]
        else:
            keys = tuple(f"{item.keys[0] if item.keys else ''}/{start + place}" for place in range(len(cut)))
        batches.append(Item(b"[" + b",".join(map(bytes, cut)) + b"]", keys))
    return batches


def _at(body: bytes, path: str) -> list[msgspec.Raw] | None:
    """The array at a path (`*`: the root; `a.b`: inside objects), None when there is none."""
    try:
        for part in path.removeprefix("*").strip(".").split(".") if path.strip("*.") else ():
            body = bytes(_objects.decode(body)[part])
        return _arrays.decode(body)
    except (msgspec.DecodeError, KeyError):
        return None


def mapped(item: Item, fields: Mapping[str, str]) -> Item:
    """The payload with the target fields alone. An array is mapped item by item. Raises ShapeFailed."""
    try:
        if item.body.lstrip()[:1] == b"[":
            rows = [_mapped(bytes(row), fields) for row in _arrays.decode(item.body)]
            body = msgspec.json.encode(rows)
        else:
            body = msgspec.json.encode(_mapped(item.body, fields))
    except msgspec.DecodeError:
        raise ShapeFailed("The payload is not JSON that can be mapped.") from None
    return msgspec.structs.replace(item, body=body)


def _mapped(body: bytes, fields: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    source = _objects.decode(body)
    return {target: source[field] for target, field in fields.items() if field in source}


def values_of(item: Item, field: str) -> list[str]:
    """The field's values as text, of the payload or of each item of its array. Raises ShapeFailed."""
    try:
        content: Any = msgspec.json.decode(item.body)
    except msgspec.DecodeError:
        raise ShapeFailed("The payload is not JSON; fields cannot be read from it.") from None
    rows = content if isinstance(content, list) else [content]
    return [str(row[field]) for row in rows if isinstance(row, dict) and row.get(field) is not None]


def wrapped(item: Item, send: Send) -> bytes:
    """The body as the connector sends it: under `First` an array of one becomes its one item."""
    if send.wrapping_behaviour == "First" and item.body.lstrip()[:1] == b"[":
        try:
            rows = _arrays.decode(item.body)
        except msgspec.DecodeError:
            return item.body
        if len(rows) == 1:
            return bytes(rows[0])
    return item.body
