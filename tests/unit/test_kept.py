"""What formats remember of earlier payloads is bounded in number and in size."""

from __future__ import annotations

from flows.formats import parts
from flows.formats.parts import Kept


def test_what_is_remembered_is_forgotten_when_there_is_too_much_of_it() -> None:
    """All at once; what comes then is remembered again."""
    kept: Kept[str, int] = Kept()
    for number in range(parts._KEPT_MAX + 1):
        assert kept.keep(str(number), number) == number
    assert dict(kept) == {str(parts._KEPT_MAX): parts._KEPT_MAX}


def test_a_long_text_is_never_remembered() -> None:
    """A payload that repeats nothing must not fill the memory."""
    kept: Kept[bytes, int] = Kept()
    assert kept.keep(b"x" * (parts._KEPT_LENGTH_MAX + 1), 7) == 7
    assert kept.get(b"x" * (parts._KEPT_LENGTH_MAX + 1)) is None
