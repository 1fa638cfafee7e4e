"""The fair queue under any weights, arrivals and departures."""

from __future__ import annotations

from collections import Counter, deque
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from runtime.fair import FairQueue

weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=1)


@given(weights, st.integers(1, 400))
def test_no_class_that_waits_strays_from_its_share_by_more_than_one_turn_of_each(
    shares: dict[str, int], turns: int
) -> None:
    """After any number of turns with all waiting, each class has its exact share, give or take the classes' number."""
    queue: FairQueue[str] = FairQueue(shares)
    for name in shares:
        for _ in range(turns):
            queue.push(name, name)
    served = Counter(queue.pop() for _ in range(turns))
    for name, weight in shares.items():
        assert abs(served[name] - turns * weight / sum(shares.values())) <= len(shares)


class Plain:
    """The same rule without heap and strides: exact fractions, and a look at every class for each turn."""

    def __init__(self, shares: dict[str, int]) -> None:
        self.shares = shares
        self.items: dict[str, deque[int]] = {name: deque() for name in shares}
        self.tags = dict.fromkeys(shares, Fraction())
        self.virtual_time = Fraction()

    def push(self, name: str, item: int) -> None:
        if not self.items[name]:
            self.tags[name] = max(self.tags[name], self.virtual_time)
        self.items[name].append(item)

    def turn(self) -> str:
        ranked = sorted(self.shares, key=lambda name: -self.shares[name])
        return min((name for name in ranked if self.items[name]), key=lambda name: self.tags[name])

    def pop(self) -> int:
        name = self.turn()
        self.virtual_time = self.tags[name]
        self.tags[name] += Fraction(1, self.shares[name])
        return self.items[name].popleft()


@given(weights, st.data())
def test_everything_comes_out_once_in_order_and_in_its_turn(shares: dict[str, int], data: st.DataObject) -> None:
    """Against the plain rule: whatever is pushed, popped, removed or charged, turns, order and depths are the same."""
    queue: FairQueue[int] = FairQueue(shares)
    plain = Plain(shares)
    for number in range(data.draw(st.integers(0, 120))):
        name = data.draw(st.sampled_from(sorted(shares)))
        match data.draw(st.sampled_from(["push", "push", "push", "pop", "pop", "remove", "remove", "charge"])):
            case "push":
                queue.push(name, number)
                plain.push(name, number)
            case "pop" if len(queue):
                assert queue.peek_class() == plain.turn()
                assert queue.peek() == plain.items[plain.turn()][0]
                assert queue.pop() == plain.pop()
            case "remove" if plain.items[name]:
                item = data.draw(st.sampled_from(list(plain.items[name])))
                queue.remove(name, item)
                plain.items[name].remove(item)
            case "charge" if not len(queue):
                queue.charge(name)
                plain.push(name, number)
                plain.pop()
        assert queue.depths() == {name: len(items) for name, items in plain.items.items()}
        assert len(queue) == sum(map(len, plain.items.values()))
    while len(queue):
        assert queue.pop() == plain.pop()


@given(weights, st.integers(1, 400))
def test_nothing_starves(shares: dict[str, int], turns: int) -> None:
    """A class that waits is passed by another at most as often as their weights say, and once more."""
    queue: FairQueue[str] = FairQueue(shares)
    for name in shares:
        for _ in range(turns):
            queue.push(name, name)
    passed_by = {name: Counter[str]() for name in shares}
    for _ in range(turns):
        served = queue.pop()
        passed_by[served].clear()
        for waiting, passes in passed_by.items():
            if waiting != served:
                passes[served] += 1
                assert passes[served] <= shares[served] / shares[waiting] + 1


@given(weights, st.integers(1, 2_000))
def test_idling_earns_nothing(shares: dict[str, int], turns_away: int) -> None:
    """However long a class was away, on its return the others keep at least their shares, less one turn each."""
    returning, *staying = sorted(shares)
    queue: FairQueue[str] = FairQueue(shares)
    for name in staying:
        for _ in range(turns_away + 200):
            queue.push(name, name)
    for _ in range(turns_away if staying else 0):
        queue.pop()
    for _ in range(200):
        queue.push(returning, returning)
    served = Counter(queue.pop() for _ in range(200))
    share = 200 * shares[returning] / sum(shares.values())
    assert served[returning] <= share + len(shares)
