"""The fair queue, by example."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from runtime.fair import FairQueue

WEIGHTS = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}


def backlog(items_per_class: int) -> FairQueue[str]:
    """A queue in which every class waits; an item is its class's name."""
    queue: FairQueue[str] = FairQueue(WEIGHTS)
    for name in WEIGHTS:
        for _ in range(items_per_class):
            queue.push(name, name)
    return queue


def test_classes_that_all_wait_are_served_by_their_weights() -> None:
    """Of any hundred items 70, 15, 10 and 5, exactly."""
    queue = backlog(700)
    for _ in range(10):
        assert Counter(queue.pop() for _ in range(100)) == WEIGHTS


def test_the_heaviest_class_is_served_first() -> None:
    """When all arrive at once, orders do not wait for anybody."""
    queue: FairQueue[str] = FairQueue(dict(reversed(WEIGHTS.items())))
    for name in reversed(WEIGHTS):
        queue.push(name, name)
    assert [queue.pop() for _ in range(4)] == list(WEIGHTS)


def test_the_lightest_class_waits_for_no_more_than_its_share_says() -> None:
    """With 5 of 100 it is served within every twenty, so it never starves."""
    queue = backlog(700)
    served = [queue.pop() for _ in range(700)]
    turns = [turn for turn, name in enumerate(served) if name == "rest"]
    assert max(later - earlier for earlier, later in pairwise(turns)) <= 20


def test_what_a_class_does_not_use_flows_to_the_others_by_weight() -> None:
    """Without orders, the other three share 15 : 10 : 5."""
    queue: FairQueue[str] = FairQueue(WEIGHTS)
    for name in ("fulfilments", "stock", "rest"):
        for _ in range(100):
            queue.push(name, name)
    assert Counter(queue.pop() for _ in range(60)) == {"fulfilments": 30, "stock": 20, "rest": 10}


def test_a_class_alone_gets_everything() -> None:
    """The lightest class is not held to its share when nobody else waits."""
    queue: FairQueue[int] = FairQueue(WEIGHTS)
    for number in range(50):
        queue.push("rest", number)
    assert [queue.pop() for _ in range(50)] == list(range(50))


def test_a_class_that_was_idle_brings_no_credit_along() -> None:
    """After a thousand turns without it, a class gets its share from then on and not the thousand it missed."""
    queue: FairQueue[str] = FairQueue({"busy": 1, "idle": 1})
    for _ in range(2_000):
        queue.push("busy", "busy")
    for _ in range(1_000):
        queue.pop()
    for _ in range(500):
        queue.push("idle", "idle")
    assert Counter(queue.pop() for _ in range(100)) == {"busy": 50, "idle": 50}


def test_items_of_one_class_leave_in_the_order_they_came() -> None:
    """First in, first out within a class."""
    queue: FairQueue[int] = FairQueue({"a": 3, "b": 1})
    for number in range(10):
        queue.push("a", number)
        queue.push("b", 100 + number)
    out = [queue.pop() for _ in range(20)]
    assert [item for item in out if item < 100] == list(range(10))
    assert [item for item in out if item >= 100] == list(range(100, 110))


def test_an_item_that_was_served_without_queueing_is_paid_for() -> None:
    """A class that was just served past the queue yields to one of the same weight."""
    queue: FairQueue[str] = FairQueue({"a": 1, "b": 1})
    queue.charge("a")
    queue.push("a", "a")
    queue.push("b", "b")
    assert [queue.pop(), queue.pop()] == ["b", "a"]


def test_nobody_is_served_past_a_queue() -> None:
    """Charging for it while others wait is a defect of the caller."""
    queue: FairQueue[str] = FairQueue({"a": 1, "b": 1})
    queue.push("b", "b")
    with pytest.raises(ValueError, match="served past the 1"):
        queue.charge("a")


def test_an_item_taken_out_of_turn_costs_its_class_nothing() -> None:
    """A caller that went away leaves the shares as they were; the last of its class takes the class with it."""
    queue: FairQueue[str] = FairQueue({"a": 1, "b": 1})
    for item in ("a1", "a2"):
        queue.push("a", item)
    queue.push("b", "b1")
    queue.remove("a", "a1")
    assert [queue.peek(), queue.peek_class()] == ["a2", "a"]
    queue.remove("a", "a2")
    assert (len(queue), queue.depths()) == (1, {"a": 0, "b": 1})
    assert queue.pop() == "b1"
    with pytest.raises(ValueError, match="not in deque"):
        queue.remove("a", "a1")


def test_it_can_be_looked_at() -> None:
    """Its length, the depth by class, and what comes next."""
    queue = backlog(2)
    assert len(queue) == 8
    assert queue.depth("stock") == 2
    assert (queue.peek_class(), queue.peek()) == ("orders", "orders")
    assert len(queue) == 8


def test_an_empty_queue_and_an_unknown_class_are_errors() -> None:
    """Nothing is invented."""
    queue: FairQueue[str] = FairQueue({"a": 1})
    for ask in (queue.pop, queue.peek, queue.peek_class):
        with pytest.raises(IndexError):
            ask()
    with pytest.raises(KeyError):
        queue.push("b", "b")
    with pytest.raises(KeyError):
        queue.charge("b")


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 5, "b": -1}])
def test_weights_must_be_whole_and_above_zero(weights: dict[str, int]) -> None:
    """A class of no weight would starve by design."""
    with pytest.raises(ValueError, match="above 0"):
        FairQueue(weights)
