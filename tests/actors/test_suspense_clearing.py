"""What was moved out of suspense: said once by a person, on record, for what was there then and in that amount."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flows.audit_log import AuditLog
from flows.reading import Reading
from flows.reading.payments import in_suspense
from flows.suspense_clearing import KEY, NAME, SuspenseClearing, clear_suspense
from runtime.actor import Actor
from runtime.clock import to_instant
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story

ASKED = {"kind": "tax", "name": "VAT", "sales_channel": "web", "month": "2026-01", "by": "Ann", "reason": "moved, J 77"}
BEFORE = 1 << 62
UTC = ZoneInfo("UTC")


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [SuspenseClearing(), AuditLog(journal, emit)]


async def suspended(world: ProofWorld, order: str, amount: str, name: str = "VAT", kind: str = "tax") -> None:
    """Something of an order that was placed now."""
    at = to_instant(world.now)
    await world.write("put_suspended", order, kind, name, "web", "#1", "SUSPENSE", amount, "USD", "Finance", at)


async def paid(
    world: ProofWorld, order: str, amount: str, day: str = "2026-01-01", of_sale: str | None = "USD"
) -> None:
    """A later payment that went there, of a business day; one that nobody can convert is in pounds."""
    money = (amount, of_sale or "GBP", of_sale and amount, "USD", None, None, None, day, 0, "", "{}")
    row = (order, "+C1", "web", "#1", 9, "charge", "capture", "C1", "shop-pay", "SUSPENSE", None, "money", *money)
    await world.write("put_payment", *row, "recorded", 1, "", "completed", to_instant(world.now))


async def clears(world: ProofWorld, **changes: str) -> str:
    """A person says so; what they are told."""
    post = partial(world.engine.post, NAME, KEY)
    said = await clear_suspense({**ASKED, **changes}, UTC, ["web"], world.journal, post)
    await world.until_idle()
    return said


async def left(world: ProofWorld) -> list[tuple[str, str, str]]:
    """What still stands against months."""
    return [(row[0], row[2], row[3]) for row in await world.journal.query("close_suspense", BEFORE, "9999")]


def test_what_is_cleared_stands_no_more_until_it_is_another_amount(tmp_path: Path) -> None:
    """Everything of one name, with its sum; another name, a later order and a changed amount stand."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await suspended(world, "web/1", "2.00")
            await suspended(world, "web/2", "0.10")
            await suspended(world, "web/3", "5.00", "GST")
            assert "2 times in suspense, 2.10 USD. Nothing was changed." in await clears(world, dry_run="1")
            assert len(await left(world)) == 3
            assert "counts as cleared from now on" in await clears(world)
            assert await left(world) == [("web/3", "GST", "5.00")]
            await suspended(world, "web/2", "0.30")
            await suspended(world, "web/4", "1.00")
            assert await left(world) == [("web/2", "VAT", "0.30"), ("web/3", "GST", "5.00"), ("web/4", "VAT", "1.00")]
            shown = {row.order: row.cleared_by for row in await in_suspense(reading(world), UTC)}
            assert shown == {"web/1": "Ann", "web/2": "", "web/3": "", "web/4": ""}
            audited = await world.sql('SELECT by, action, subject, reason, "values" FROM audit')
            assert audited == [
                ("Ann", "suspense.clear", "tax VAT", "moved, J 77", '{"sales_channel":"web","to":"2026-01"}')
            ]

    story(main)


def test_a_gateway_is_cleared_with_the_payments_that_came_later(tmp_path: Path) -> None:
    """In the create, and after it; again is nothing."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await suspended(world, "web/1", "7.00", "shop-pay", "gateway")
            await paid(world, "web/1", "3.00")
            assert "2 times in suspense, 10.00 USD" in await clears(world, kind="gateway", name="shop-pay")
            assert await left(world) == []
            assert {row.cleared_by for row in await in_suspense(reading(world), UTC)} == {"Ann"}
            with pytest.raises(SeamlineError, match="nothing is in suspense of the gateway 'shop-pay' of web"):
                await clears(world, kind="gateway", name="shop-pay")

    story(main)


def test_what_was_paid_in_another_currency_is_listed_with_what_was_paid(tmp_path: Path) -> None:
    """Nobody says what it is worth in the sale's: the list has the amount that stands against the month."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await paid(world, "web/1", "3.00", of_sale=None)
            assert await left(world) == [("web/1", "shop-pay", "3.00")]
            assert [(row.amount, row.currency) for row in await in_suspense(reading(world), UTC)] == [("3.00", "GBP")]

    story(main)


def test_what_was_paid_in_a_month_is_of_that_month_however_late_it_went_there(tmp_path: Path) -> None:
    """By the day of the payment, and not by that on which it was seen; the list shows the day."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await paid(world, "web/1", "3.00", "2025-12-30")
            assert [row.day for row in await in_suspense(reading(world), UTC)] == [date(2025, 12, 30)]
            december = {"kind": "gateway", "name": "shop-pay", "month": "2025-12"}
            with pytest.raises(SeamlineError, match="nothing is in suspense"):
                await clears(world, **{**december, "month": "2025-11"})
            assert "1 times in suspense, 3.00 USD" in await clears(world, **december)
            assert await left(world) == []

    story(main)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reason": ""}, "say why"),
        ({"month": "January"}, "is no month"),
        ({"sales_channel": "shop"}, "there is no sales channel 'shop'"),
        ({"kind": "fee"}, "a tax or a gateway can be in suspense"),
        ({"month": "2025-12"}, "nothing is in suspense"),
    ],
)
def test_what_makes_no_sense_changes_nothing(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    """Also a month before it went there."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await suspended(world, "web/1", "2.00")
            with pytest.raises(SeamlineError, match=why):
                await clears(world, **changes)
            assert len(await left(world)) == 1

    story(main)


def reading(world: ProofWorld) -> Reading:
    """The store as commands read it."""
    return Reading(world.journal.reading, world.journal.statements)
