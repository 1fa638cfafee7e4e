"""What a customer reads about flows in Patchworks says what the code does: response script, recipes, figures, links."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http import outgoing
from connectors.patchworks.batches import Fulfilment, StockLevel, encoded, payload
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.intake import ArrayAccepted, ItemAccepted
from connectors.patchworks.sandbox import (
    FlowSeed,
    ResponseRule,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    Target,
    open_sandbox,
)
from flows.config import RecoverySettings
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.anyio

Json = Any
FOLDER = ROOT / "deploy" / "patchworks"
DESCRIPTION: Json = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(FOLDER.rglob("*.md"))


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the table that begins with this heading, cell by cell."""
    lines = text[text.index(f"| {heading} |") :].splitlines()[2:]
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


# -- the response script -----------------------------------------------------------------------------------------------

SCRIPT = (FOLDER / "response_script.php").read_text(encoding="utf-8")
MEANINGS = {"0": "continue", "1": "try again", "2": "queue a retry", "3": "fail for good"}
BRANCHES = [
    ("$status >= 200 && $status <= 299", "0"),
    ("$retry === 'never'", "3"),
    ("$status === 429 || $status === 503", "2"),
]


def verdict(status: int | None, retry: str) -> str | None:
    """What the script makes of an answer; None: nothing."""
    if status == 401:
        return None
    if status is not None and 200 <= status <= 299:
        return "0"
    if retry == "never":
        return "3"
    return "2" if status in (429, 503) else "1"


def test_the_script_has_the_branches_that_are_tried_here() -> None:
    """In this order, and nothing else sets a code."""
    found = re.findall(r"if \((.+)\) \{\s+\$data\['response_code'\] = (\d);", SCRIPT)
    assert found == BRANCHES
    assert re.findall(r"\} else \{\s+\$data\['response_code'\] = (\d);", SCRIPT) == ["1"]
    assert SCRIPT.count("['response_code'] =") - SCRIPT.count("['response_code'] ==") == len(BRANCHES) + 1
    assert re.search(r"if \(\$status === 401\) \{\s+return \$data;", SCRIPT)


def retries() -> dict[str, str]:
    """What each code of the intake says of repeating it, read from its text."""
    found: dict[str, str] = {}
    for module in ("intake", "items"):
        text = (ROOT / "connectors" / "patchworks" / f"{module}.py").read_text(encoding="utf-8")
        found |= {code: kind for kind, code in re.findall(r'\b(never|later)\(\s*\d+,\s*"(\w+)"', text)}
    return found


def test_the_page_says_of_every_code_what_the_script_makes_of_it() -> None:
    """Each code of the intake stands in the table, once, with its status and what happens then."""
    described = DESCRIPTION["paths"]["/v1/orders/{sales_channel}"]["post"]["responses"]
    seen: dict[str, int] = {}
    for status_cell, codes_cell, script, _ in table(README, "status"):
        codes = re.findall(r"`(\w+)`", codes_cell)
        if not codes:
            statuses = [int(each) for each in re.findall(r"\d{3}", status_cell)]
            assert {verdict(status, "") for status in statuses} == {script[0]}, status_cell
            continue
        for code in codes:
            seen[code] = int(status_cell)
            said = verdict(int(status_cell), retries()[code])
            assert script == ("nothing" if said is None else f"{said}, {MEANINGS[said]}"), code
    wanted = {code: int(status) for status, answer in described.items() for code in answer.get("x-codes", ())}
    assert seen == wanted


RULES = (
    ResponseRule(status_from=200, status_to=299, code=0),
    *(
        ResponseRule(status_from=first, status_to=last, code=3, body_has='"retry":"never"')
        for first, last in ((400, 400), (402, 499))
    ),
    *(ResponseRule(status_from=status, status_to=status, code=2) for status in (429, 503)),
    *(ResponseRule(status_from=first, status_to=last, code=1) for first, last in ((300, 400), (402, 599))),
)
"""The script, as the sandbox has it."""


class Doors:
    """An intake that refuses the first deliveries as it is told, and keeps the rest."""

    def __init__(self, *refusals: tuple[int, str]) -> None:
        self.refusals = list(refusals)
        self.deliveries = 0

    async def take(self, request: web.Request) -> web.Response:
        self.deliveries += 1
        if self.refusals:
            status, retry = self.refusals.pop(0)
            return web.json_response(
                {"error": {"code": "x", "message": "x", "retry": retry}}, status=status, dumps=compact
            )
        return web.json_response({"status": "accepted"}, status=201)


def compact(content: Json) -> str:
    return msgspec.json.encode(content).decode()


async def delivered(doors: Doors, rules: tuple[ResponseRule, ...]) -> Json:
    """The flow's runs by status, after one order."""
    app = web.Application()
    app.router.add_post("/v1/orders/{sales_channel}", doors.take)
    async with TestServer(app) as server:
        send = Send(response_script=rules, retries=2)
        config = SandboxConfig(
            port=0,
            target=Target(url=str(server.make_url("/")).rstrip("/")),
            flows=(FlowSeed(id=1, sales_channel="web", source="order_events", send=send),),
            sales_channels=(SalesChannelSeed(name="web", products_count=1),),
        )
        async with (
            open_sandbox(config) as running_sandbox,
            outgoing(connections_max=1, connect_timeout_s=5, request_timeout_s=60) as session,
        ):
            url = f"{running_sandbox.url}/sandbox"
            async with session.post(f"{url}/sales-channels/web/orders", json={"count": 1}) as answer:
                assert answer.status == 200, await answer.text()
            async with session.post(f"{url}/settle", json={"timeout_s": 30}) as answer:
                assert (await answer.json())["settled"]
            async with session.get(f"{url}/books") as answer:
                return (await answer.json())["flows"]["1"]


@pytest.mark.parametrize(
    ("refusals", "deliveries", "ended"),
    [
        pytest.param([], 1, "success", id="taken"),
        pytest.param([(422, "never")], 1, "failure", id="refused for good"),
        pytest.param([(400, "later")], 2, "success", id="broken off"),
        pytest.param([(408, "later")] * 2, 3, "success", id="too slow twice"),
        pytest.param([(503, "later")], 2, "success", id="not now"),
        pytest.param([(429, "later")], 2, "success", id="too fast"),
        pytest.param([(502, "")] * 3, 3, "failure", id="a proxy in between"),
        pytest.param([(401, "never")], 2, "success", id="logged in again"),
    ],
)
async def test_a_flow_with_the_script_does_what_the_page_says(
    refusals: list[tuple[int, str]], deliveries: int, ended: str
) -> None:
    """Facts 3.2: the codes of a response script, in the sandbox, by real HTTP."""
    doors = Doors(*refusals)
    runs = await delivered(doors, RULES)
    assert doors.deliveries == deliveries
    assert runs[ended] >= 1


async def test_without_the_script_what_is_refused_for_good_is_tried_three_times() -> None:
    """What the script is for: three operations for nothing."""
    doors = Doors(*[(422, "never")] * 3)
    assert (await delivered(doors, ()))["failure"] == 1
    assert doors.deliveries == 3


# -- recipes and figures -----------------------------------------------------------------------------------------------


def blocks(kind: str) -> list[tuple[str, str]]:
    """Page and text of every block of this kind."""
    return [
        (page.name, text)
        for page in PAGES
        for text in re.findall(rf"```{kind}\n(.+?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


def test_every_payload_of_a_recipe_is_what_the_code_makes() -> None:
    """Orders, answers, levels and fulfilments: decoded, made again, and equal to what stands there."""
    order = json.loads((ROOT / "deploy" / "order.example.json").read_text(encoding="utf-8"))
    kinds: set[str] = set()
    for page, text in blocks("json"):
        content = json.loads(text)
        match content:
            case {"levels": lines}:
                kinds.add("levels")
                assert content == made_again("levels", content, msgspec.convert(lines, list[StockLevel])), page
            case {"fulfilments": lines}:
                kinds.add("fulfilments")
                assert content == made_again("fulfilments", content, msgspec.convert(lines, list[Fulfilment])), page
            case {"order_id": _}:
                kinds.add("order")
                assert content == order, page
            case {"results": _}:
                kinds.add("results")
                assert json.loads(msgspec.json.encode(msgspec.convert(content, ArrayAccepted))) == content, page
            case {"status": _}:
                kinds.add("accepted")
                assert json.loads(msgspec.json.encode(msgspec.convert(content, ItemAccepted))) == content, page
            case [{"order_id": _}, *_]:
                kinds.add("array")
            case _:
                pytest.fail(f"{page} shows JSON that nobody knows: {text[:60]}")
    assert kinds == {"levels", "fulfilments", "order", "results", "accepted", "array"}


def made_again(what: Any, content: Json, lines: Any) -> Json:
    """The payload as it would be sent."""
    at = datetime.fromisoformat(content["generated_at"]).astimezone(UTC)
    return json.loads(bytes(payload(content["batch_id"], what, encoded(lines), at)))


def test_settings_of_a_recipe_are_settings() -> None:
    """Their names and values are taken."""
    found = 0
    for _, text in blocks("toml"):
        settings = tomllib.loads(text)
        assert set(settings["patchworks"]) <= {field.name for field in msgspec.structs.fields(PatchworksConfig)}
        assert msgspec.convert(settings["recovery"], RecoverySettings).flows
        found += 1
    assert found == 1


def figure(text: str) -> int:
    return int(text.replace(",", ""))


def test_operations_per_1000_records_follow_from_the_requests() -> None:
    """Each row: as many requests as pages of 1,000 records, times the requests of each."""
    rows = table(README, "step")
    assert len(rows) >= 9
    for step, records, requests, operations_per_1000 in rows:
        assert figure(operations_per_1000) == ceil(1_000 / figure(records)) * figure(requests), step


def test_operations_of_schedules_are_those_of_30_days() -> None:
    """A poll every so many minutes, whether or not there is anything to do."""
    for what, often, in_30_days in table(README, "what"):
        minutes = int(re.search(r"every (\d+) minutes", often)[1])  # type: ignore[index]
        assert figure(in_30_days) == 30 * 24 * 60 // minutes, what


def test_figures_of_the_recipes_are_those_of_the_table() -> None:
    """Reads of 250 and arrays of 50; levels with and without batches; two syncs a day of 20,000 SKUs."""
    poll, stock = (
        (FOLDER / "recipes" / name).read_text(encoding="utf-8") for name in ("orders-by-poll.md", "stock-out.md")
    )
    per_1000 = {step: figure(count) for step, _, _, count in table(README, "step")}
    reads, arrays = (
        per_1000["read orders on a schedule, in pages"],
        per_1000["send orders to Seamline, in arrays of 50"],
    )
    assert f"{reads} reads of 250, and {arrays} arrays of 50: {reads + arrays}." in " ".join(poll.split())
    assert f"{20_000 * 2 * 30:,} in 30 days; with 100 in a call {20_000 * 2 * 30 // 100:,}." in " ".join(stock.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    """To a file that is there, and a section that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, section = target.partition("#")
        linked = (page.parent / file) if file else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        names = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not section or section in names, target
