"""The order poll in virtual time: what no push brings is found, once, whatever the sales channel does meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.messages import Recheck
from flows.model.on_demand import OnDemandSettings, PollSettings
from flows.order_poll import NAME as ORDER_POLL
from flows.order_poll import key_of
from runtime.errors import Refused, Unavailable
from tests.actors.asking import WEB, Shop, World, process
from tests.actors.world import story

EVERY_S = 300.0


@pytest.fixture(name="zone", params=["UTC", "Asia/Kolkata", "Pacific/Auckland"])
def fixture_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The host's own time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_an_order_that_nobody_pushed_is_found_and_counted_once(tmp_path: Path) -> None:
    """Failure case 6: 1 of 50 orders has no webhook. It is accepted within 15 minutes, and counted as missed."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            for number in range(50):
                id_ = shop.place()
                if number != 17:
                    assert await world.push(id_)
                await anyio.sleep(7)
            await anyio.sleep(900)
            assert await world.known() == dict.fromkeys(shop.orders, 1)
            missed = world.named("order.missed")
            assert [(each.key, each.found_by) for each in missed] == [(f"web/{5_000 - 17}", "poll")]
            assert await world.cases() == []

    story(main)


def test_a_push_and_a_poll_at_once_are_one_version(tmp_path: Path) -> None:
    """Failure case 2: the poll leaves young orders to the push, and knows what was pushed by key, version and bytes."""

    async def main() -> None:
        shop = Shop()
        impatient = msgspec.structs.replace(WEB, poll=PollSettings(push_within_s=0))
        async with process(tmp_path / "s.db", shop, impatient) as world:
            await anyio.sleep(EVERY_S - 1)
            id_ = shop.place()
            assert await world.push(id_)
            await anyio.sleep(2)
            shop.edit(id_)
            await anyio.sleep(2 * EVERY_S)
            assert await world.known() == {id_: 2}  # the edit came by the poll alone: a version, not an order
            assert world.named("order.missed") == []

    story(main)


def test_the_watermark_is_utc_wherever_the_host_is(tmp_path: Path, zone: str) -> None:
    """Failure case 7: the host is hours ahead of UTC; the poll asks in UTC, and nothing is skipped."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            for _ in range(3):
                shop.place()
                await anyio.sleep(EVERY_S)
            await anyio.sleep(3 * EVERY_S)
            assert set(await world.known()) == set(shop.orders), zone
            began = shop.now() - timedelta(seconds=6 * EVERY_S + 600)
            assert shop.asked[0]["since"] == began.strftime("%Y-%m-%dT%H:%M:%SZ")

    story(main)


def test_a_change_that_is_committed_late_is_found_within_the_overlap(tmp_path: Path) -> None:
    """Failure case 8: an order is listed 400 s after the time it carries, when later ones have long been read."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            await anyio.sleep(EVERY_S / 2)
            late = shop.place(committed_after_s=400)
            for _ in range(8):
                await anyio.sleep(30)
                assert await world.push(shop.place())
            await anyio.sleep(4 * EVERY_S)
            assert (await world.known())[late] == 1

    story(main)


def test_an_item_that_is_no_order_stops_nothing_and_is_held_as_a_case(tmp_path: Path) -> None:
    """Failure case 9: of 50 orders the 17th has no id. 49 are accepted; the watermark passes, since the 17th is a case
    on disk. Who has dealt with it releases the poll.
    """

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            for number in range(50):
                shop.place(body=b'{"updated_at": "not an order"}' if number == 16 else None)
                await anyio.sleep(1)
            await anyio.sleep(2_000)
            assert len(await world.known()) == 49
            assert await world.cases() == [("order.unidentified", "poll/web")]
            assert all(each.complete for each in world.named("orders.polled"))
            del shop.orders[5_000 - 16]
            await world.engine.post(ORDER_POLL, key_of("web"), Recheck(because="person"))
            await anyio.sleep(60)
            assert await world.cases() == []

    story(main)


def test_after_hours_away_the_poll_goes_on_where_it_was(tmp_path: Path) -> None:
    """The flow fails for six hours: one case, then every order of that time, page after page."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            await anyio.sleep(EVERY_S)
            shop.weather = lambda: Unavailable("Patchworks failed (HTTP 500)")
            for _ in range(60):
                shop.place()
                await anyio.sleep(360)
            assert ("poll.refused", "poll/web") in await world.cases()
            shop.weather = lambda: None
            await anyio.sleep(4 * EVERY_S)
            assert await world.known() == dict.fromkeys(shop.orders, 1)
            assert "poll.refused" not in [kind for kind, _ in await world.cases()]

    story(main)


def test_the_watermark_passes_only_what_is_on_disk(tmp_path: Path) -> None:
    """The flow breaks off in the middle of a long backlog: the next poll begins there, not at the present."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            shop.place()
            await anyio.sleep(2 * EVERY_S)
        for _ in range(60):
            shop.place()
            await anyio.sleep(120)
        async with process(tmp_path / "s.db", shop) as world:
            begun = len(shop.asked)
            shop.weather = lambda: Refused("no", code="500") if len(shop.asked) > begun + 3 else None
            await anyio.sleep(EVERY_S - 60)
            assert 5 < len(await world.known()) < 60
            shop.weather = lambda: None
            await anyio.sleep(3 * EVERY_S)
            assert await world.known() == dict.fromkeys(shop.orders, 1)

    story(main)


def test_a_push_that_is_late_is_waited_for(tmp_path: Path) -> None:
    """The poll meets the order a minute before its push does: it leaves it, and nothing counts as missed."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            await anyio.sleep(EVERY_S - 30)
            id_ = shop.place()
            await anyio.sleep(90)
            assert await world.known() == {}
            assert await world.push(id_)
            await anyio.sleep(3 * EVERY_S)
            assert await world.known() == {id_: 1}
            assert world.named("order.missed") == []

    story(main)


def test_an_order_from_the_future_does_not_take_the_watermark_along(tmp_path: Path) -> None:
    """One order is dated 2099; those that come after it are found all the same."""

    async def main() -> None:
        shop = Shop()
        only_polled = msgspec.structs.replace(WEB, poll=PollSettings(every_s=30, has_push=False))
        async with process(tmp_path / "s.db", shop, only_polled) as world:
            ahead = shop.place()
            shop.orders[ahead].changed = shop.orders[ahead].changed.replace(year=2099)
            await anyio.sleep(60)
            shop.place()
            await anyio.sleep(60)
            assert await world.known() == dict.fromkeys(shop.orders, 1)

    story(main)


def test_a_flow_that_answers_newest_first_is_a_case_not_a_loss_in_silence(tmp_path: Path) -> None:
    """The owner is told that pages cannot be trusted; what was read is accepted all the same."""

    class Backwards(Shop):
        def _changed(self, question: dict[str, object]) -> list[bytes]:
            return super()._changed(question)[::-1]

    async def main() -> None:
        shop = Backwards()
        async with process(tmp_path / "s.db", shop) as world:
            shop.place()
            await anyio.sleep(2)
            shop.place()
            await anyio.sleep(3 * EVERY_S)
            assert await world.cases() == [("poll.refused", "poll/web")]
            assert len(await world.known()) == 2

    story(main)


def test_polls_that_fail_from_the_first_one_on_leave_nothing_out_when_they_come_through(tmp_path: Path) -> None:
    """What is said to be read begins with the first poll, and so does what is read."""

    async def main() -> None:
        shop = Shop()
        shop.weather = lambda: Refused("no such flow", code="404")
        async with process(tmp_path / "s.db", shop) as world:
            placed = []
            for _ in range(10):
                await anyio.sleep(EVERY_S)
                placed.append(shop.place())
            shop.weather = lambda: None
            await anyio.sleep(EVERY_S * 3)
            assert await world.known() == dict.fromkeys(placed, 1)

    story(main)


def test_what_a_flow_that_answers_newest_first_has_left_out_is_read_once_it_is_mended(tmp_path: Path) -> None:
    """Its first page has the newest changes, and the watermark does not pass the older ones that nobody has read."""

    class Newest(Shop):
        mended = False

        def _changed(self, question: dict[str, object]) -> list[bytes]:
            if self.mended:
                return super()._changed(question)
            rows = super()._changed({**question, "page": 1, "limit": 1_000})
            return rows[::-1][: WEB.page_size]

    async def main() -> None:
        shop = Newest()
        only_polled = msgspec.structs.replace(WEB, poll=PollSettings(overlap_s=60, has_push=False))
        async with process(tmp_path / "s.db", shop, only_polled) as world:
            for _ in range(24):
                shop.place()
                await anyio.sleep(50)
            assert len(await world.known()) < 24
            shop.mended = True
            await anyio.sleep(2 * EVERY_S)
            assert await world.known() == dict.fromkeys(shop.orders, 1)
            assert await world.cases() == []

    story(main)


def test_a_sales_channel_without_a_push_is_polled_to_the_present(tmp_path: Path) -> None:
    """Nothing is left to anybody, and nothing counts as missed."""

    async def main() -> None:
        shop = Shop()
        only_polled = msgspec.structs.replace(WEB, poll=PollSettings(every_s=30, has_push=False))
        async with process(tmp_path / "s.db", shop, only_polled) as world:
            await anyio.sleep(10)
            id_ = shop.place()
            await anyio.sleep(31)
            assert await world.known() == {id_: 1}
            assert world.named("order.missed") == []

    story(main)


def test_a_poll_that_is_refused_says_so_and_the_next_one_ends_the_case(tmp_path: Path) -> None:
    """A signature that is wrong is a sentence for its owner; deadline and beginning stay while it lasts."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop) as world:
            shop.weather = lambda: Refused("the callback orders refused our signature", code="signature")
            await anyio.sleep(3 * EVERY_S)
            ((opened, sentence),) = await world.sql("SELECT opened_at, sentence FROM exception_case")
            await anyio.sleep(EVERY_S)
            assert await world.sql("SELECT opened_at, sentence FROM exception_case") == [(opened, sentence)]
            assert "signature" in sentence
            shop.weather = lambda: None
            await anyio.sleep(EVERY_S)
            assert await world.cases() == []

    story(main)


@pytest.mark.timeout(180)
@settings(max_examples=settings().max_examples // 8, deadline=None)
@given(seed=st.integers(0, 10_000), crashes=st.integers(0, 3), skew_s=st.integers(-60, 60))
def test_after_quiescence_each_order_is_known_exactly_once(seed: int, crashes: int, skew_s: int) -> None:
    """Late commits, edits between pages and in bulk, failures, pushes or none, crashes, a clock that is off: each
    order's last version is known here, once.
    """

    async def main() -> None:
        rng, shop = random.Random(seed), Shop()
        shop.skew = timedelta(seconds=skew_s)
        with TemporaryDirectory() as directory:
            for _ in range(crashes + 1):
                async with process(Path(directory) / "s.db", shop) as world:
                    await _live(rng, shop, world)
            async with process(Path(directory) / "s.db", shop) as world:
                shop.weather, shop.between = (lambda: None), (lambda: None)
                await anyio.sleep(1_500)
                last = await world.sql(
                    "SELECT key, max(version), count(DISTINCT version), count(*) FROM delivery GROUP BY key"
                )
                bodies = {f"web/{id_}": shop.orders[id_].changed for id_ in shop.orders}
                assert {key: version[:19] for key, version, *_ in last} == {
                    key: moment.strftime("%Y-%m-%dT%H:%M:%S") for key, moment in bodies.items()
                }
                assert all(versions == count for _, _, versions, count in last)
                assert await world.sql("SELECT * FROM parked") == []

    story(main)


async def _live(rng: random.Random, shop: Shop, world: World) -> None:
    """Some minutes of a sales channel's life, cut off at any moment."""

    def edit_some() -> None:
        for _ in range(rng.choice((0, 0, 1, 6))):
            shop.edit(rng.choice(list(shop.orders)), committed_after_s=rng.choice((0, 0, 200)))

    shop.between = lambda: edit_some() if shop.orders else None
    shop.weather = lambda: Unavailable("away") if rng.random() < 0.3 else None
    for _ in range(rng.randrange(5, 25)):
        for _ in range(rng.choice((1, 1, 1, 12))):
            id_ = shop.place(committed_after_s=rng.choice((0, 0, 0, 30, 250)))
            if rng.random() < 0.5:
                await world.push(id_)
        await anyio.sleep(rng.uniform(0, 120))


def test_what_is_left_to_the_push_is_read_again() -> None:
    """An overlap that is shorter would lose it, so the configuration refuses it."""
    with pytest.raises(ValueError, match="overlap_s must not be below push_within_s"):
        PollSettings(overlap_s=60, push_within_s=61)
    assert OnDemandSettings(callback="orders", poll=PollSettings(overlap_s=60, push_within_s=61, has_push=False))


def test_how_far_polls_have_read_is_known_and_stands_still_while_they_fail(tmp_path: Path) -> None:
    """From the first poll on, to the beginning of the last one that came through, less what is left to the push."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, WEB) as world:
            poll = WEB.poll or PollSettings()
            await anyio.sleep(EVERY_S * 3)
            ((began, first),) = await world.journal.query("poll_mark", "web")
            assert 0 < first - began <= (EVERY_S * 3 + poll.overlap_s) * 1_000_000
            shop.weather = lambda: Refused("no such flow", code="404")
            await anyio.sleep(EVERY_S + 1)
            ((_, stands),) = await world.journal.query("poll_mark", "web")
            await anyio.sleep(EVERY_S * 3)
            assert await world.journal.query("poll_mark", "web") == [(began, stands)]

    story(main)
