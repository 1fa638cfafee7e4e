"""The compact index of SKUs says what a plain model says, whatever is told of products and in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.model.numbers import NumberMap
from flows.model.skus import AMBIGUOUS, UNKNOWN, SkuIndex, folded

_NUMBERS = st.one_of(st.integers(1, 12), st.integers(1, 9).map(lambda each: each << 12), st.integers(-(2**62), -1))
_TOLD = st.one_of(
    st.tuples(st.just("learn"), st.integers(1, 5), st.sampled_from("ABC"), st.booleans()),
    st.tuples(st.just("forget"), st.integers(1, 5)),
    st.tuples(st.just("alias"), st.sampled_from("XA"), st.sampled_from([*"ABC", None])),
)


@given(st.lists(st.tuples(_NUMBERS, st.integers(0, 3)), max_size=60))
def test_a_number_map_is_a_dict_whose_zeros_are_not_there(puts: list[tuple[int, int]]) -> None:
    """Keys that share a place, that are forgotten and come back, and that are below zero."""
    compact, plain = NumberMap(), dict[int, int]()
    for key, value in puts:
        compact.put(key, value)
        plain[key] = value
    for key in {*plain, 13, 1 << 30}:
        assert compact.get(key) == plain.get(key, 0)


def test_a_number_map_grows_and_gives_back_what_was_forgotten() -> None:
    """Across several remakings: what is there stays, and keys that come and go do not take places for ever."""
    grown = NumberMap()
    for key in range(1, 20_001):
        grown.put(key * 16, key)
    assert all(grown.get(key * 16) == key for key in range(1, 20_001))
    assert grown.get(7) == 0
    passing = NumberMap()
    for key in range(1, 200_001):
        passing.put(key, key)
        passing.put(key, 0)
    assert len(passing._keys) == len(NumberMap()._keys)


@given(st.lists(_TOLD, max_size=40))
def test_the_index_says_what_a_plain_model_says(told: list[tuple[Any, ...]]) -> None:
    """Twins, archived ones, renames, deletions and aliases: it follows from what was said of each last."""
    index, last, aliases = SkuIndex(), dict[int, tuple[str, bool]](), dict[str, str]()
    for each in told:
        match each:
            case "learn", product, sku, active:
                index.learn(sku, product, active=active)
                last[product] = sku, active
            case "forget", product:
                index.forget(product)
                last.pop(product, None)
            case "alias", alias, sku:
                index.rename({alias: sku})
                aliases.pop(alias, None) if sku is None else aliases.update({alias: sku})
    active = {sku: sorted(id_ for id_, told in last.items() if told == (sku, True)) for sku in "ABCX"}
    for sku in "ABCX":
        assert index.sellable(sku) == (len(active[sku]) == 1)
        assert index.twins(sku) == (active[sku] if len(active[sku]) > 1 else [])
        assert index.inactive(sku) == ((sku, False) in last.values())
        by = sku if len(active[sku]) == 1 else aliases.get(sku, sku)
        sold_as = by if len(active[by]) == 1 else None
        assert (index.stands_for(sku), index.sold_as(sku)) == (by, sold_as)
        assert index.trouble(sku) == (None if sold_as else AMBIGUOUS if len(active[sku]) > 1 else UNKNOWN)
    assert len(index) == sum(len(ids) == 1 for ids in active.values())


@given(st.text("aZ09-_.äß \t", max_size=12))
def test_what_differs_in_case_and_spaces_folds_alike(sku: str) -> None:
    """Outer, inner and invisible spaces."""
    assert folded(f" {sku.upper()}\t") == folded(sku.upper())
    assert folded(" ".join(sku.lower())) == folded(sku.lower())
    assert folded("\ufeffabc-\u200b1\u00a0") == folded("ABC-1")
