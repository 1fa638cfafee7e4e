"""A person has what is due posted now: what that asks of the ledger, what goes on record, and when it is refused."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from msgspec.structs import replace

from flows.ledger import Rules
from flows.ledger.asking import post_now
from flows.model.messages import AUDIT_LOG, Record
from flows.model.posting_matrix import PostingSettings
from flows.model.postings import LEDGER
from runtime.clock import Instant
from runtime.decision import Emit
from runtime.errors import SeamlineError

LIVE = Rules(settings=PostingSettings(mode="live", currency="USD"))
NOW = Instant(7)
_POSTED = "shop, web, posted now as far as Fulfil takes"
_LISTS = "`seamline postings list` shows it"
_HELD = "2 amounts of days that are over are kept back"
_LATER = "1 amount is of days that are not over"
_WHY = "(`seamline postings preview` says why)"


def asked(rules: Rules | None, counts: tuple[int, int, int] = (1, 0, 0), **parameters: str) -> tuple[list[Emit], str]:
    """What is asked of the actors, and what is answered. `counts`: what is due, kept back, and later of web."""
    taken: list[Emit] = []

    async def take(emits: Sequence[Emit]) -> None:
        taken.extend(emits)

    async def ask(_query: str, sales_channel: str, _day: str, _holds: str) -> list[tuple[int, int, int]]:
        return [counts if sales_channel == "web" else (0, 0, 0)]

    async def main() -> str:
        return await post_now(take, parameters, {"web": None, "shop": None}, rules, ask, NOW)

    return taken, anyio.run(main)


def test_each_sales_channel_is_asked_and_each_is_on_record() -> None:
    """Together, so that neither is there alone; with one named, that one."""
    taken, said = asked(LIVE, by="Ann", reason="month-end")
    assert [(each.channel, each.key) for each in taken[:2]] == [(LEDGER, "ledger/shop"), (LEDGER, "ledger/web")]
    records = [each.message for each in taken[2:] if each.channel == AUDIT_LOG and isinstance(each.message, Record)]
    assert [(each.action, each.subject, each.by, each.reason) for each in records] == [
        ("postings.post", "shop", "Ann", "month-end"), ("postings.post", "web", "Ann", "month-end"),
    ]  # fmt: skip
    assert "shop, web" in said
    assert [each.key for each in asked(LIVE, sales_channel="web")[0] if each.channel == LEDGER] == ["ledger/web"]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0), "nothing is due of shop, web that can be posted now"),
        ((0, 2, 1), f"nothing is due of shop, web that can be posted now; {_HELD}, and {_LATER} {_WHY}"),
        ((3, 0, 0), f"3 amounts of days that are over are due of {_POSTED} them; {_LISTS}"),
        ((1, 2, 0), f"1 amount of days that are over is due of {_POSTED} it; {_LISTS}; {_HELD} {_WHY}"),
    ],
)
def test_the_answer_says_how_much_is_posted_and_what_waits(counts: tuple[int, int, int], said: str) -> None:
    """Also when nothing is due, or all of it is kept back."""
    assert asked(LIVE, counts)[1] == said


@pytest.mark.parametrize(
    ("rules", "sales_channel", "why"),
    [
        (None, "", "there is no \\[postings\\]"),
        (replace(LIVE, settings=replace(LIVE.settings, mode="preview")), "", 'mode = "preview"'),
        (replace(LIVE, unable="the ledger cannot be read"), "", "the ledger cannot be read"),
        (LIVE, "moon", "there is no sales channel 'moon'; there are shop, web"),
    ],
)
def test_where_nothing_would_be_posted_that_is_said(rules: Rules | None, sales_channel: str, why: str) -> None:
    """And nothing is asked of anybody."""
    with pytest.raises(SeamlineError, match=why):
        asked(rules, sales_channel=sales_channel)
