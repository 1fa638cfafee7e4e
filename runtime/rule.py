"""Rules over several settings: what a struct's own check says, with the places where an operator has to look."""

from __future__ import annotations

from collections.abc import Mapping


class RuleBroken(ValueError):
    """Raised by the `__post_init__` of a struct whose settings contradict each other.

    `found` has a sentence by the path of the setting to look at; a path begins below the struct.
    """

    def __init__(self, found: Mapping[tuple[str, ...], str]) -> None:
        super().__init__("; ".join(found.values()))
        self.found = found
