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


def asked(rules: Rules | None, **parameters: str) -> tuple[list[Emit], str]:
    """What is asked of the actors, and what is answered."""
    taken: list[Emit] = []

    async def take(emits: Sequence[Emit]) -> None:
        taken.extend(emits)

    async def main() -> str:
        return await post_now(take, parameters, {"web": None, "shop": None}, rules, NOW)

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
