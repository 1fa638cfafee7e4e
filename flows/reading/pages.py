"""Where a page of a list ends: readable for people, the same after the list has grown, and harmless in a shell."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, unquote

import msgspec

from runtime.clock import Instant, to_datetime, to_instant


class Place(msgspec.Struct, frozen=True):
    """A place in a list that is sorted by an instant and then by a name. Without a name: beyond all of that instant.

    As text it is `INSTANT` or `INSTANT@NAME`, the name as in a URL, so that no shell finds anything in it.
    """

    at: Instant
    name: str | None = None

    def __str__(self) -> str:
        moment = to_datetime(self.at).isoformat().replace("+00:00", "Z")
        return moment if self.name is None else f"{moment}@{quote(self.name)}"


def place_in(text: str) -> Place:
    """What `str(place)` was made of; an instant without an offset is UTC. Raises ValueError that says what is right."""
    moment, named, name = text.partition("@")
    try:
        at = datetime.fromisoformat(moment)
        return Place(to_instant(at if at.tzinfo else at.replace(tzinfo=UTC)), unquote(name) if named else None)
    except ValueError:
        raise ValueError(f"{moment!r} is no instant; write it as 2026-11-25T09:30:00Z") from None


class NamedPlace(msgspec.Struct, frozen=True):
    """A place in a list that is sorted by a group and then by a name. As text it is `GROUP@NAME`, both as in a URL."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{quote(self.group)}@{quote(self.name)}"


def named_place_in(text: str) -> NamedPlace:
    """What `str(place)` was made of. Raises ValueError that says what is right."""
    group, named, name = text.partition("@")
    if not named:
        raise ValueError(f"{text!r} is no place in the list; copy it from the line that says where more is")
    return NamedPlace(unquote(group), unquote(name))
