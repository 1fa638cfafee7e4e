"""Keys: what a subject is called, `partition/name`. Steps are serial per key; a whole partition can be paused."""

from __future__ import annotations


def partition_of(key: str) -> str:
    """The partition of a key; the key itself when it names none."""
    return key.partition("/")[0]


def parts_of(key: str) -> tuple[str, str]:
    """Partition and name of a key. The name may have slashes of its own, and is empty when there is none."""
    partition, _, name = key.partition("/")
    return partition, name
