"""A map of whole numbers to whole numbers that takes 16 bytes a place, where a dict takes a hundred for each entry."""

from __future__ import annotations

from array import array

_PLACES_MIN = 1_024


def _zeros(places: int) -> array[int]:
    return array("q", bytes(8 * places))


class NumberMap:
    """64-bit numbers by 64-bit number, none of them 0. What is not there is 0; to put 0 is to forget.

    Open addressing: a key's place is where its low bits say, or the next free one, so keys should differ there; hashes
    do, and so do ids that are given out one after another. At most two thirds of the places are used, half on average.
    """

    __slots__ = ("_keys", "_mask", "_used", "_values")

    def __init__(self) -> None:
        self._keys, self._values = _zeros(_PLACES_MIN), _zeros(_PLACES_MIN)
        self._mask, self._used = _PLACES_MIN - 1, 0

    def get(self, key: int) -> int:
        """The number of this key; 0 when there is none."""
        keys, mask = self._keys, self._mask
        at = key & mask
        while (found := keys[at]) != key:
            if not found:
                return 0
            at = (at + 1) & mask
        return self._values[at]

    def put(self, key: int, value: int) -> None:
        """Set the number of this key."""
        keys, mask = self._keys, self._mask
        at = key & mask
        while (found := keys[at]) != key:
            if not found:
                keys[at], self._values[at] = key, value
                self._used += 1
                if self._used * 3 > mask * 2:
                    self._remake()
                return
            at = (at + 1) & mask
        self._values[at] = value

    def _remake(self) -> None:
        """Room for twice of what there is; places of what was forgotten are free again."""
        keys, values = self._keys, self._values
        kept = len(values) - values.count(0)
        places = _PLACES_MIN
        while places < 2 * kept:
            places *= 2
        self._keys, self._values = _zeros(places), _zeros(places)
        self._mask, self._used = places - 1, 0
        for key, value in zip(keys, values, strict=True):
            if value:
                self.put(key, value)
