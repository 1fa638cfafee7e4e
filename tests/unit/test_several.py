"""So many of something, as people say it."""

from __future__ import annotations

import pytest

from flows.model.several import several


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 orders"), (1, "1 order"), (2, "2 orders"), (12_000, "12,000 orders")]
)
def test_one_is_singular(count: int, said: str) -> None:
    """And thousands are apart."""
    assert several(count, "order") == said
