"""A queue that serves its classes by weight: nothing starves, and what one class does not use flows to the others.

Start-time fair queueing. Each class has a tag, the virtual time at which its next item starts; the smallest tag is
served and moves on by the class's stride (the smaller, the heavier its weight). Virtual time is the tag served last,
and a class that comes back from being idle starts there: it gets its share from now on, and no saved-up credit.
Strides are whole numbers, so shares are exact however long the queue lives. A push or a pop is O(log classes).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items in classes, first in first out within a class. `weights` are whole numbers above 0, by class.

    Raises ValueError for weights that are not, KeyError for a class that was not declared.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        if not weights or any(weight < 1 for weight in weights.values()):
            raise ValueError(f"a fair queue needs classes with whole weights above 0, not {dict(weights)}")
        common = math.lcm(*weights.values())
        self._strides = {name: common // weight for name, weight in weights.items()}
        self._items: dict[str, deque[T]] = {name: deque() for name in weights}
        self._tags = dict.fromkeys(weights, 0)
        # Equal tags go to the heavier class; the first declared among equal ones.
        heaviest_first = sorted(weights, key=lambda name: -weights[name])
        self._ranks = {name: rank for rank, name in enumerate(heaviest_first)}
        self._backlogged: list[tuple[int, int, str]] = []
        """A heap of (tag, rank, class), one for each class that has items."""
        self._virtual_time = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, name: str, item: T) -> None:
        """Add an item at the end of its class."""
        items = self._items[name]
        if not items:
            self._tags[name] = tag = max(self._tags[name], self._virtual_time)
            heapq.heappush(self._backlogged, (tag, self._ranks[name], name))
        items.append(item)
        self._length += 1

    def pop(self) -> T:
        """Take the item whose turn it is. Raises IndexError when the queue is empty."""
        tag, rank, name = self._backlogged[0]
        items = self._items[name]
        item = items.popleft()
        self._length -= 1
        self._virtual_time = tag
        self._tags[name] = tag + self._strides[name]
        if items:
            heapq.heapreplace(self._backlogged, (self._tags[name], rank, name))
        else:
            heapq.heappop(self._backlogged)
        return item

    def peek(self) -> T:
        """The item that `pop` would take. Raises IndexError when the queue is empty."""
        return self._items[self._backlogged[0][2]][0]

    def peek_class(self) -> str:
        """The class whose turn it is. Raises IndexError when the queue is empty."""
        return self._backlogged[0][2]

    def charge(self, name: str) -> None:
        """Count an item that was served without queueing, which is fair only while the queue is empty (ValueError)."""
        if self._length:
            raise ValueError(f"an item of class {name!r} was served past the {self._length} that are queued")
        tag = max(self._tags[name], self._virtual_time)
        self._virtual_time = tag
        self._tags[name] = tag + self._strides[name]

    def remove(self, name: str, item: T) -> None:
        """Take an item out of turn, at no cost to its class. Raises ValueError when it is not there. O(depth)."""
        items = self._items[name]
        items.remove(item)
        self._length -= 1
        if not items:
            self._backlogged = [entry for entry in self._backlogged if entry[2] != name]
            heapq.heapify(self._backlogged)

    def depth(self, name: str) -> int:
        """Items of one class."""
        return len(self._items[name])

    def depths(self) -> dict[str, int]:
        """Items by class, in the order the classes were declared."""
        return {name: len(items) for name, items in self._items.items()}
