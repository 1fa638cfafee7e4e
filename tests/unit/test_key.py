"""Keys are taken apart in one way, whoever asks, and in the way in which pauses are matched on disk."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.key import partition_of, parts_of


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("web/1001", ("web", "1001")),
        ("web/gid://shop/Order/7", ("web", "gid://shop/Order/7")),
        ("system/fulfil", ("system", "fulfil")),
        ("web/", ("web", "")),
        ("alone", ("alone", "")),
    ],
)
def test_a_key_is_a_partition_and_a_name(key: str, parts: tuple[str, str]) -> None:
    """What stands before the first slash; the name may have slashes of its own."""
    assert parts_of(key) == parts
    assert partition_of(key) == parts[0]


@given(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8), st.text("ab/", max_size=6)
)
def test_the_journal_finds_the_same_partition(partition: str, name: str) -> None:
    """The statements that leave paused partitions out take keys apart in SQL; both must agree on every real key."""
    key = f"{partition}/{name}"
    with sqlite3.connect(":memory:") as connection:
        ((found,),) = connection.execute("SELECT substr(?1, 1, instr(?1, '/') - 1)", (key,))
    connection.close()
    assert found == partition_of(key)
