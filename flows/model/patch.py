"""A person's patch of an order: JSON Merge Patch (RFC 7396), on bytes.

The payload stays as it was received; what is read is the payload with the patch in it. Only the objects that a patch
reaches into are taken apart, down to their names, and every other value is copied as the text it is. So a number keeps
its digits, whatever any decoder would make of it, and an array is replaced as a whole. Of a name that an object has
twice the last one counts, as for whoever reads the order.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

PATCH_BYTES_MAX = 262_144
"""An array is replaced as a whole, so the patch of one line has all lines of the order in it."""
_DEPTH_MAX = 32
_FIELDS_MAX = 50

_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode
_NULL = b"null"


class InvalidPatch(ValueError):
    """It is no patch of an order. The message says why, and never quotes it."""


def patch_in(text: str) -> bytes:
    """The patch that a text is, in as few bytes as it takes. Raises InvalidPatch."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > PATCH_BYTES_MAX:
        raise InvalidPatch(f"a patch has at most {PATCH_BYTES_MAX} bytes, and this has {len(raw)}")
    if not _is_object(raw):
        raise InvalidPatch("a patch is a JSON object with what is to be changed in the order, as RFC 7396 has it")
    try:
        _members_of(raw)
        patch = msgspec.json.format(raw, indent=-1)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidPatch(f"the patch is not one well-formed JSON object ({error})") from None
    if not any(_leaves(patch, "", 1)):
        raise InvalidPatch("the patch changes nothing")
    return patch


def patched(payload: bytes, patch: bytes) -> bytes:
    """The payload with the patch in it. Raises msgspec.DecodeError or RecursionError for a payload that is no JSON.

    An order that comes in an envelope, an object with nothing but the order in it, is patched inside of it: sales
    channels and hubs wrap the same order or not, and a patch outlives the version it was written for.
    """
    name = _envelope(payload)
    if name is None or name in _members_of(patch):
        return _merged(payload, patch)
    return _encode({name: msgspec.Raw(patched(bytes(_members_of(payload)[name]), patch))})


def without_envelope(patch: bytes, payload: bytes) -> bytes:
    """The patch as one of the order itself, when it was written with the envelope that the payload has."""
    name, members = _envelope(payload), _members_of(patch)
    if name is not None and members.keys() == {name} and _is_object(inner := bytes(members[name])):
        return inner
    return patch


def fields_of(patch: bytes) -> tuple[str, ...]:
    """What the patch changes, never to what: JSON pointers, and `...` for what is beyond the first fifty."""
    found = tuple(pointer for pointer, _ in zip(_leaves(patch, "", 1), range(_FIELDS_MAX + 1), strict=False))
    return found if len(found) <= _FIELDS_MAX else (*found[:_FIELDS_MAX], "...")


def _merged(target: bytes, patch: bytes) -> bytes:
    """`MergePatch` of RFC 7396, section 2."""
    if not _is_object(patch):
        return patch
    members = _members_of(target) if _is_object(target) else {}
    for name, change in _members_of(patch).items():
        value = bytes(change)
        if value == _NULL:
            members.pop(name, None)
        else:
            members[name] = msgspec.Raw(_merged(bytes(members.get(name, _NULL)), value))
    return _encode(members)


def _envelope(payload: bytes) -> str | None:
    """The one name of an object that has nothing but an object in it; None for anything else."""
    if not _is_object(payload):
        return None
    members = _members_of(payload)
    if len(members) != 1:
        return None
    ((name, inner),) = members.items()
    return name if _is_object(bytes(inner)) else None


def _leaves(patch: bytes, pointer: str, depth: int) -> Iterator[str]:
    """Where the patch says what is to be there, or that nothing is. Raises InvalidPatch when it is too deep."""
    if depth > _DEPTH_MAX:
        raise InvalidPatch(f"the patch is deeper than {_DEPTH_MAX} objects")
    for name, change in _members_of(patch).items():
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        value = bytes(change)
        inner = _members_of(value) if _is_object(value) else {}
        if inner:
            yield from _leaves(value, at, depth + 1)
        else:
            yield at


def _is_object(raw: bytes) -> bool:
    return raw.lstrip(b" \t\r\n").startswith(b"{")
