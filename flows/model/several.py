"""So many of something, as people say it. Pure."""

from __future__ import annotations


def several(count: int, noun: str) -> str:
    """A number with its noun, which is in the singular where there is one of them: `1 order`, `1,200 orders`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """The verb of so many: `is` of one of them."""
    return "is" if count == 1 else "are"
