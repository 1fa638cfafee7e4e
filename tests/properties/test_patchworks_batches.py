"""Cutting lines into payloads, whatever their sizes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks import batches
from connectors.patchworks.batches import StockLevel

AT = datetime(2026, 11, 20, tzinfo=UTC)
KEY = "k" * 100
"""The longest key."""


@given(
    st.lists(st.one_of(st.integers(0, 120), st.integers(0, 3_000)), max_size=80),
    st.integers(1, 20),
    st.integers(1_000, 4_000),
)
def test_every_line_goes_out_once_in_order_within_both_limits(
    sku_lengths: list[int], lines_max: int, payload_bytes_max: int
) -> None:
    """Or is named as too large; and no two neighbouring batches could have been one."""
    lines = batches.encoded(
        [StockLevel(sku="x" * length, location="L", available=1, sequence=n) for n, length in enumerate(sku_lengths)]
    )
    sizes = [len(line) for line in lines]
    cut = batches.cut(sizes, lines_max=lines_max, payload_bytes_max=payload_bytes_max)
    sent = [index for batch in cut.batches for index in batch]
    assert sorted([*sent, *cut.too_large]) == list(range(len(lines)))
    assert sent == sorted(sent)
    for batch in cut.batches:
        payload = bytes(batches.payload(KEY, "levels", [lines[index] for index in batch], AT))
        assert 1 <= len(batch) <= lines_max
        assert len(payload) <= payload_bytes_max
        assert [level["sequence"] for level in json.loads(payload)["levels"]] == list(batch)
    for index in cut.too_large:
        assert len(lines[index]) + 512 >= payload_bytes_max
    for one, next_ in zip(cut.batches, cut.batches[1:], strict=False):
        assert len(one) == lines_max or sum(sizes[n] + 1 for n in (*one, next_[0])) + 512 > payload_bytes_max
