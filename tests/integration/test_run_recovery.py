"""Failed runs are recovered once, whatever failed: a whole Seamline between the sandboxes of both vendors."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from msgspec.structs import replace

from connectors.patchworks.sandbox import Batch, FlowSeed, Limits, Send, Switches
from connectors.patchworks.sandbox.played_clock import PlayedClock
from flows.explain import explain
from flows.reading import reading
from runtime.clock import SystemClock, to_datetime
from tests.contracts.patchworks_sandbox import KEY, POLL
from tests.integration.beside_patchworks import DOWNLOAD, ORDERS, Both, both, quiet, sweep
from tests.integration.running import Running

pytestmark = pytest.mark.anyio

DELIVERIES = int(os.environ.get("SEAMLINE_DELIVERIES", "1000"))
STYLES = [
    pytest.param(Switches(), id="likely"),
    pytest.param(
        Switches(
            resource_style="flat", run_id="integer", time_format="space", limit_headers="none", unknown_query="ignore",
            log_payloads="list",
        ),
        id="flat",
    ),
    pytest.param(
        Switches(resource_style="attributes", time_format="whole", caught_has_warnings=False), id="attributes"
    ),
]  # fmt: skip


async def recovered(at: Running) -> dict[str, float]:
    """What the metrics say: orders that only recovery brought, and runs dealt with, by whether something was lost."""
    text = await at.ops("/metrics")
    counted: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        for name in ("seamline_orders_recovered_total", "seamline_runs_recovered_total"):
            if line.startswith(name):
                lost = "lost " if 'lost="true"' in line.lower() else ""
                counted[lost + name.removeprefix("seamline_").removesuffix("_total")] += float(line.split()[-1])
    return {name: count for name, count in counted.items() if count}


async def explained(at: Running, key: str) -> str:
    """What `seamline orders explain` says."""
    async with reading(Path(at.app.config.store.path)) as read:
        return explain(await read.story(key), to_datetime(SystemClock().now()))


async def sales(at: Running) -> list[str]:
    """The order ids of all sales in Fulfil, sorted."""
    async with at.session.get(f"{at.erp.url}/sandbox/books") as answer:
        return sorted(sale["channel_identifier"] for sale in (await answer.json())["sales"])


# -- recovered once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switches", STYLES)
@pytest.mark.parametrize(
    ("catch", "status"), [("none", 3), ("partial_success", 5), ("succeed", 2)], ids=["failure", "partial", "caught"]
)
async def test_orders_of_failed_runs_become_sales_once(
    tmp_path: Path, switches: Switches, catch: Literal["none", "partial_success", "succeed"], status: int
) -> None:
    """Failure case 38: our door is away; runs end with 3, 5, or 2, a success that delivered nothing; both styles."""
    async with both(tmp_path, flows=(replace(ORDERS, catch=catch),), switches=switches) as at_both:
        placed = await at_both.place(3)
        assert at_both.statuses() == [status] * 3
        async with at_both.seamline() as at:  # it sweeps at its start
            await at.until({"imported": 3})
            await quiet(at)
            await sweep(at)
            assert await at_both.downloads() == 3, "once each, also after a second sweep"
            assert await recovered(at) == {"orders_recovered": 3, "runs_recovered": 3}
            assert await at.cases() == []
            assert await sales(at) == sorted(placed)
        async with at_both.seamline() as at:
            await quiet(at)
            assert await at_both.downloads() == 3, "nor after a restart"
        assert len(at_both.statuses()) == 3, "no run was retried"


async def test_orders_that_came_both_ways_are_one_sale(tmp_path: Path) -> None:
    """Failure case 37: what arrived is reported as failed: the runs bring nothing new, and are nobody's case."""
    async with both(tmp_path) as at_both, at_both.seamline() as at:
        await at_both.open_door(at)
        await at_both.faults(**{"deliver/4310": ("answer_lost", 1.0)})
        placed = await at_both.place(4)
        assert at_both.statuses() == [3] * 4
        await at.until({"imported": 4})
        await sweep(at)
        assert await at_both.downloads() == 4
        assert await recovered(at) == {"runs_recovered": 4}
        assert await sales(at) == sorted(placed)


async def test_what_seamline_itself_refused_for_want_of_room_is_recovered(tmp_path: Path) -> None:
    """A 503 from our own intake, in the middle of a stop: the delivery fails, the next process fetches it."""
    async with both(tmp_path) as at_both:
        async with at_both.seamline() as at:
            await at_both.open_door(at)
            await quiet(at)  # else the sweep under way goes on in the next life, past the list that has them
            at.app.accepting = False
            placed = await at_both.place(2)
            assert (await at_both.books())["deliveries"]["attempts"] == {"4310 503": 2}
        async with at_both.seamline() as at:
            await at.until({"imported": 2})
            assert await sales(at) == sorted(placed)


async def test_a_run_of_many_payloads_gives_back_those_that_failed(tmp_path: Path) -> None:
    """One run, one order a payload: what got through and what did not are each one sale."""
    flow = replace(POLL, id=4311, batch=Batch(size=1), send=Send(retries=0), catch="partial_success")
    async with both(tmp_path, flows=(flow,)) as at_both, at_both.seamline(flows={4311: "web"}) as at:
        await at_both.open_door(at)
        placed = await at_both.place(30)
        await at_both.faults(**{"deliver/4311": ("server_error", 0.4)})
        await at_both.ask("flows/4311/run")
        assert at_both.statuses() == [5]
        through = len(await stored(at))
        assert 0 < through < 30
        await sweep(at)
        await at.until({"imported": 30})
        assert await recovered(at) == {"orders_recovered": 30 - through, "runs_recovered": 1}
        assert await sales(at) == sorted(placed)


async def test_a_run_whose_log_is_longer_than_one_call_reads_gives_all_of_it_back(tmp_path: Path) -> None:
    """Failure after failure, each with a payload: ten pages of ten lines a call."""
    flow = replace(POLL, id=4311, batch=Batch(size=1), send=Send(retries=0), catch="partial_success")
    async with both(tmp_path, flows=(flow,)) as at_both:
        placed = await at_both.place(130)
        await at_both.ask("flows/4311/run")
        async with at_both.seamline(flows={4311: "web"}, page_size=10) as at:
            await quiet(at)
            assert sorted(await stored(at)) == sorted(f"web/{id_}" for id_ in placed)
            assert await at.cases() == []


async def test_a_payload_with_an_array_of_orders_is_taken_whole(tmp_path: Path) -> None:
    """Batches of ten, as one payload each."""
    flow = replace(POLL, id=4311, batch=Batch(size=10))
    async with both(tmp_path, flows=(flow,), switches=Switches(after_failure="continue")) as at_both:
        placed = await at_both.place(30)
        await at_both.ask("flows/4311/run")
        async with at_both.seamline(flows={4311: "web"}) as at:
            await at.until({"imported": 30})
            assert await sales(at) == sorted(placed)
            assert await at_both.downloads() == 3


async def test_a_backlog_is_taken_up_a_sweep_at_a_time(tmp_path: Path) -> None:
    """Sweeps of four runs; nothing is taken twice, nothing is left."""
    async with both(tmp_path) as at_both:
        placed = await at_both.place(10)
        async with at_both.seamline(runs_max=4) as at:
            await quiet(at)
            assert await at_both.downloads() == 4
            await sweep(at)
            await sweep(at)
            await at.until({"imported": 10})
            assert await at_both.downloads() == 10
            assert await sales(at) == sorted(placed)


async def test_failed_runs_of_other_flows_are_let_be(tmp_path: Path) -> None:
    """A flow to somebody else is not ours to repeat."""
    other = FlowSeed(id=99, name="To somebody else", sales_channel="web", source="order_events", send=Send(retries=0))
    async with both(tmp_path, flows=(other,)) as at_both:
        await at_both.place(2)
        async with at_both.seamline() as at:
            await quiet(at)
            assert await at.states() == {}
            assert (await at_both.downloads(), await at.cases()) == (0, [])


# -- what cannot be recovered ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expired", ["404", "410", "empty"])
async def test_payloads_that_are_gone_are_a_case_that_names_the_run(
    tmp_path: Path, expired: Literal["404", "410", "empty"]
) -> None:
    """72 hours pass at Patchworks; the person who has dealt with it releases the run, and the case is over."""
    async with both(tmp_path, switches=Switches(expired_payload=expired)) as at_both:
        await at_both.place()
        await at_both.ask("clock", advance_s=72 * 3_600 + 60)
        async with at_both.seamline() as at:
            await quiet(at)
            ((kind, key, sentence),) = await at.cases()
            (run,) = at_both.hub.sandbox.books.runs
            assert (kind, key) == ("run.lost", f"patchworks/run/{run}")
            assert "no longer keeps its payload" in sentence
            assert await recovered(at) == {"lost runs_recovered": 1}
            text = await explained(at, key)
            assert "is not an order" in text
            assert "Next step, by operations" in text
            assert await at.control("release", key=key) == (200, {"message": f"{key} will be decided on again"})
            await quiet(at)
            assert await at.cases() == []


async def test_a_run_that_is_found_too_late_is_told_without_a_call(tmp_path: Path) -> None:
    """Seamline was away for three days: what it finds is older than Patchworks keeps."""
    clock = PlayedClock(SystemClock())
    clock.advance(72 * 3_600 + 120)
    async with both(tmp_path) as at_both:
        await at_both.place()
        async with at_both.seamline(clock=clock) as at:
            await quiet(at)
            ((kind, _, sentence),) = await at.cases()
            assert (kind, await at_both.downloads()) == ("run.lost", 0)
            assert "when its payloads were gone already" in sentence


async def test_what_ends_within_hours_is_still_fetched(tmp_path: Path) -> None:
    """The last hour of the 72."""
    async with both(tmp_path) as at_both:
        placed = await at_both.place(2)
        await at_both.ask("clock", advance_s=71 * 3_600)
        async with at_both.seamline() as at:
            await at.until({"imported": 2})
            assert await sales(at) == sorted(placed)


async def test_a_payload_that_holds_no_orders_is_a_case_and_the_others_go_on(tmp_path: Path) -> None:
    """Somebody started the flow with something else."""
    flow = replace(ORDERS, id=4312, source="payload")
    async with both(tmp_path, flows=(ORDERS, flow)) as at_both:
        url = f"{at_both.hub.url}/start/api/v1/flows/4312/start/raw"
        async with at_both.session.post(url, json={"hello": "there"}, headers={"Authorization": KEY}) as answer:
            assert answer.status == 200
        placed = await at_both.place(2)
        async with at_both.seamline(flows={4310: "web", 4312: "web"}) as at:
            await at.until({"imported": 2})
            await quiet(at)
            ((kind, _, sentence),) = await at.cases()
            assert kind == "run.lost"
            assert "holds no orders" in sentence
            assert await sales(at) == sorted(placed)


# -- Patchworks misbehaves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["throttle", "server_error", "reset_before", "answer_lost"])
async def test_calls_that_fail_are_made_again(tmp_path: Path, kind: str) -> None:
    """429s, 500s and cut connections on lists, logs, rows and downloads, one after the other: all of it comes, once."""
    routes = ["GET /flow-runs", "GET /flow-runs/{run}/flow-run-logs", "GET /payload-metadata", DOWNLOAD]
    if kind == "throttle":
        routes = routes[-1:]  # each 429 halts all calls for seconds
    async with both(tmp_path) as at_both:
        placed = await at_both.place(2)
        await at_both.faults(**dict.fromkeys(routes, (kind, 1.0)))
        async with at_both.seamline() as at:
            while routes:
                await at_both.failed(routes.pop(0))
                await at_both.faults(**dict.fromkeys(routes, (kind, 1.0)))
            await at.until({"imported": 2}, within_s=40)
            await quiet(at)
            assert await at.cases("run.lost") == []
            assert await sales(at) == sorted(placed)


async def test_the_limit_that_answers_tell_is_kept(tmp_path: Path) -> None:
    """240 a minute, told in each answer: not one 429."""
    async with both(tmp_path, limits=Limits()) as at_both:
        placed = await at_both.place(3)
        async with at_both.seamline() as at:
            await at.until({"imported": 3})
            assert await sales(at) == sorted(placed)
        assert "429" not in str((await at_both.books())["calls"])


async def test_refused_credentials_are_one_case_and_nothing_is_lost_by_them(tmp_path: Path) -> None:
    """Failure case 43: deliveries go on; with the right key the next process recovers what had failed."""
    async with both(tmp_path) as at_both:
        failed = await at_both.place(2)
        async with at_both.seamline(token="pk_wrong") as at:
            await at_both.open_door(at)
            with anyio.fail_after(10):
                while not await at.cases("api.credentials"):
                    await anyio.sleep(0.01)
            came = await at_both.place(2)
            await at.until({"imported": 2})
            assert {kind for kind, _, _ in await at.cases()} == {"api.credentials"}
        async with at_both.seamline() as at:
            await at.until({"imported": 4})
            await quiet(at)
            with anyio.fail_after(10):
                while await at.cases():
                    await anyio.sleep(0.01)
            assert await sales(at) == sorted(failed + came)


# -- lives, and configurations -----------------------------------------------------------------------------------------


async def test_a_stop_in_the_middle_of_recovery_doubles_and_loses_nothing(tmp_path: Path) -> None:
    """Stopped again and again while payloads are fetched and accepted; each life goes on where the last one ended."""
    async with both(tmp_path) as at_both:
        placed = await at_both.place(24)
        await at_both.faults(**{DOWNLOAD: ("latency", 1.0)})
        seen: list[int] = []
        for life in range(4):
            async with at_both.seamline() as at:
                with anyio.fail_after(10):
                    while len(await stored(at)) < 4 * (life + 1):
                        await anyio.sleep(0.001)
                seen.append(len(await stored(at)))
        assert min(seen) < 24, "no life ended in the middle"
        async with at_both.seamline() as at:
            await at.until({"imported": 24})
            assert await sales(at) == sorted(placed)


async def stuck(at_both: Both) -> str:
    """A life in which a failed run is found and its payload is not given; the run's key."""
    await at_both.place()
    await at_both.faults(**{DOWNLOAD: ("server_error", 1.0)})
    async with at_both.seamline() as at:
        with anyio.fail_after(10):
            while DOWNLOAD not in str((await at_both.books())["calls"]):
                await anyio.sleep(0.01)
        assert await at.states() == {}
    await at_both.faults()
    (run,) = at_both.hub.sandbox.books.runs
    return f"patchworks/run/{run}"


async def test_a_flow_that_is_no_longer_configured_leaves_a_case_and_can_come_back(tmp_path: Path) -> None:
    """Its stored run is no defect of ours: it says what is missing, and a release follows the configuration of then."""
    async with both(tmp_path) as at_both:
        key = await stuck(at_both)
        async with at_both.seamline(flows={9: "web"}) as at:
            await quiet(at)
            ((kind, subject, sentence),) = await at.cases()
            assert (kind, subject) == ("run.lost", key)
            assert "4310 is not one of recovery.flows" in sentence
        async with at_both.seamline() as at:
            assert (await at.control("release", key=key))[0] == 200
            await at.until({"imported": 1})
            await quiet(at)
            assert await at.cases() == []


async def test_recovery_can_be_switched_off_and_on_while_its_calls_are_stored(tmp_path: Path) -> None:
    """Without it the process runs as ever; with it again, the run is fetched."""
    async with both(tmp_path) as at_both:
        await stuck(at_both)
        async with at_both.seamline(recovery=False) as at:
            await at_both.open_door(at)
            await at_both.place()
            await at.until({"imported": 1})
            assert (await at.ops("/readyz")).strip() == "ready"
        async with at_both.seamline() as at:
            await at.until({"imported": 2})


# -- many --------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
async def test_distinct_orders_in_are_distinct_orders_stored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Deliveries with Patchworks' habits (two retries), 10 % timeouts on our side, and doors that do not open.

    SEAMLINE_DELIVERIES: how many.
    """
    flow = replace(ORDERS, send=Send(retries=2))
    clock = SystemClock()
    async with both(tmp_path, flows=(flow,), workers=32) as at_both, at_both.seamline(runs_max=1_000) as at:
        await at_both.open_door(at)
        rules: list[dict[str, Any]] = [
            {"route": "deliver/4310", "kind": kind, "probability": share}
            for kind, share in (("answer_lost", 0.1), ("reset_before", 0.1), ("duplicate", 0.05))
        ]
        async with at.session.post(f"{at_both.hub.url}/sandbox/faults", json=rules) as answer:
            assert answer.status == 200
        began = clock.monotonic()
        placed = set(await at_both.place(DELIVERIES))
        delivered_s = clock.monotonic() - began
        assert len(placed) == DELIVERIES
        pushed = {key.removeprefix("web/") for key in await stored(at)}
        statuses = Counter(at_both.statuses())
        assert statuses[3] > 0
        await sweep(at)
        keys = await stored(at)
        assert sorted(keys) == sorted(f"web/{id_}" for id_ in placed)
        assert (await recovered(at)).get("orders_recovered", 0) == DELIVERIES - len(pushed)
        assert (await recovered(at))["runs_recovered"] == statuses[3]
        await at.until({"imported": DELIVERIES}, within_s=400)
        assert await sales(at) == sorted(placed)
        attempts = (await at_both.books())["deliveries"]["attempts"]
    with capfd.disabled():
        print(
            f"\n{DELIVERIES} orders, {dict(sorted(attempts.items()))}, {statuses[3]} runs failed, {len(pushed)} orders "
            f"came by push in {delivered_s:.1f} s, {DELIVERIES - len(pushed)} by recovery; all are one sale each",
            end="",
        )


async def stored(at: Running) -> list[str]:
    """The keys of all orders that are on disk."""
    return list(await at.app.journal.reading.run(_keys))


def _keys(connection: Any) -> list[str]:
    rows = connection.execute("SELECT key FROM delivery").fetchall()
    return [key for (key,) in rows]
