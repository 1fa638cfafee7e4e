"""The composed product on loopback: orders come in by HTTP, sales are in the sandbox's books, people ask the CLI."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from connectors.fulfil.sandbox import FaultRule, open_sandbox
from flows.app import composed, telemetry_of
from flows.cli import commands
from flows.demo.orders import GeneratedOrder, Mix, catalogue, generate
from flows.formats.shopify import identify, read
from flows.model.order import Order
from flows.model.proof import prove
from runtime.clock import SystemClock
from runtime.errors import StoreFenced
from runtime.key import parts_of
from tests.integration.running import TOKEN, Running, add_products, configuration, running, sandbox_config
from tests.published import DATA, needs

pytestmark = pytest.mark.anyio

SEED = 7
SKUS = tuple(product.sku for product in catalogue(SEED, 500))
_PROMTOOL = shutil.which("promtool")


def orders(count: int, **mix: float) -> list[GeneratedOrder]:
    return list(generate(SEED, count, mix=Mix(**mix)))


# -- orders become sales -----------------------------------------------------------------------------------------------


async def test_an_order_posted_by_http_becomes_one_sale_with_its_exact_figures(tmp_path: Path) -> None:
    """Alone, as an array, twice, and twice in one array: one sale each, to the cent."""
    made = orders(12)
    async with running(tmp_path, skus=SKUS) as at:
        status, answer = await at.post(made[0].body)
        assert (status, answer["duplicate"], answer["external_order_id"]) == (201, False, made[0].order_id)
        status, answer = await at.post(made[0].body)
        assert (status, answer["duplicate"]) == (200, True)
        bodies = [order.body for order in (*made, made[3])]
        status, answer = await at.post(b"[" + b",".join(bodies) + b"]")
        assert status == 200
        assert [item["duplicate"] for item in answer["results"]] == [True] + [False] * 11 + [True]
        await at.until({"imported": len(made)})
        assert {id_: Decimal(sale["total"]) for id_, sale in (await at.books()).items()} == {
            order.order_id: order.total for order in made
        }
        assert await at.cases() == []


async def test_every_lost_answer_is_settled_against_the_real_books(tmp_path: Path) -> None:
    """Failure case 3: a fifth of the answers lost, a fifth of the connections cut, 500s: one sale per order."""
    route = "sale.channel/create_order"
    faults = tuple(
        FaultRule(route=route, kind=kind, probability=0.2) for kind in ("answer_lost", "reset_before", "server_error")
    )
    made = orders(60)
    async with running(tmp_path, skus=SKUS, erp=sandbox_config(faults=faults, seed=3)) as at:
        await at.post(b"[" + b",".join(order.body for order in made) + b"]")
        await at.until({"imported": len(made)})
        assert {id_: Decimal(sale["total"]) for id_, sale in (await at.books()).items()} == {
            order.order_id: order.total for order in made
        }
        assert len(at.erp.sandbox.books.sales) == len(made)


async def test_a_product_that_appears_releases_the_orders_that_wait_for_it(tmp_path: Path) -> None:
    """Failure case 10, over HTTP: held with the SKU in the sentence, then a sale, without anybody's doing."""
    made = orders(6, unknown_sku=1.0)
    async with running(tmp_path, skus=SKUS) as at:
        await at.post(b"[" + b",".join(order.body for order in made) + b"]")
        await at.until({"held": len(made)})
        missing = sorted({sku for order in made for sku in order.skus} - set(SKUS))
        sentences = " ".join(sentence for _, _, sentence in await at.cases("sku.unknown"))
        assert all(sku in sentences for sku in missing)
        assert await at.books() == {}
        await at.sandbox("products", [{"sku": sku} for sku in missing])
        await at.until({"imported": len(made)})
        assert await at.cases() == []


async def test_a_product_that_was_deleted_in_fulfil_is_found_to_be_gone_and_its_orders_are_held(tmp_path: Path) -> None:
    """No delta tells a deletion; the full read does, by the real connector against the real sandbox."""
    (order,) = orders(1)
    settings = "catalogue_refresh_every_s = 1\ncatalogue_refresh_page_every_s = 0\n"
    async with running(tmp_path, skus=SKUS, refresh=settings) as at:
        with anyio.fail_after(20):
            await at.app.index.ready.wait()
        books = at.erp.sandbox.books
        (id_,) = books.product_ids.pop(order.skus[0])
        books.products.remove(id_)
        with anyio.fail_after(20):
            while at.app.index.sellable(order.skus[0]):
                await anyio.sleep(0.05)
        assert all(at.app.index.sellable(sku) for sku in SKUS if sku != order.skus[0])
        await at.post(order.body)
        await at.until({"held": 1})
        assert [kind for kind, *_ in await at.cases()] == ["sku.unknown"]
        await at.sandbox("products", [{"sku": order.skus[0]}])
        await at.until({"imported": 1})


async def test_barcodes_are_read_where_the_tenant_has_them(tmp_path: Path) -> None:
    """`fulfil.api.names` says under which name; a line that carries a barcode as its SKU is told what it may be."""
    settings = '[fulfil.api.names]\n"product.product.upc" = "upc"\n'
    async with running(tmp_path, skus=SKUS, fulfil=settings) as at:
        await at.sandbox("products", [{"sku": "LAMP", "upc": "036000291452"}])
        with anyio.fail_after(20):
            while not at.app.index.sellable("LAMP"):
                await anyio.sleep(0.05)
        (order,) = orders(1)
        await at.post(order.body.replace(order.skus[0].encode(), b"0036000291452"))
        await at.until({"held": 1})
        ((_, _, sentence),) = await at.cases("sku.unknown")
        assert sentence == "the SKU '0036000291452' is not in Fulfil; 'LAMP' has it as its barcode"


async def test_a_contradictory_order_is_held_with_the_difference_in_money(tmp_path: Path) -> None:
    """The total is one unit above its parts: the case says so in currency, and nothing is in the ERP."""
    (order,) = orders(1, wrong_total=1.0)
    async with running(tmp_path, skus=SKUS) as at:
        await at.post(order.body)
        await at.until({"held": 1})
        found = await at.cases("order.contradiction")
        assert any("1.00 USD" in sentence for _, _, sentence in found)
        assert await at.books() == {}


@pytest.mark.parametrize("mode", ["refuse_503", "drop"])
async def test_with_the_erp_away_orders_are_accepted_and_drain_afterwards(tmp_path: Path, mode: str) -> None:
    """201 while the ERP is down, ready all the time; then every order once."""
    made = orders(20)
    async with running(tmp_path, skus=SKUS) as at:
        await at.post(made[0].body)
        await at.until({"imported": 1})
        await at.sandbox("down", {"down": True, "mode": mode})
        for order in made[1:]:
            assert (await at.post(order.body))[0] == 201
        assert (await at.ops("/readyz")).strip() == "ready"
        await at.sandbox("down", {"down": False})
        await at.until({"imported": len(made)}, within_s=30)
        assert len(await at.books()) == len(made)


async def test_credentials_that_the_erp_refuses_are_one_case(tmp_path: Path) -> None:
    """Failure case 43: the token has expired; orders are accepted, and SRE has one case that quotes no token."""
    made = orders(5)
    async with running(tmp_path, skus=SKUS, erp=sandbox_config(token="another-token")) as at:
        for order in made:
            assert (await at.post(order.body))[0] == 201
        with anyio.fail_after(10):
            while not (found := await at.cases("api.credentials")):
                await anyio.sleep(0.01)
        assert [(kind, subject) for kind, subject, _ in found] == [("api.credentials", "system/fulfil")]
        assert TOKEN not in found[0][2]
        assert await at.books() == {}


async def test_an_operator_pauses_resumes_and_releases(tmp_path: Path) -> None:
    """What makes no sense is refused with a sentence, and changes nothing."""
    made = orders(4)
    async with running(tmp_path, skus=SKUS) as at:
        assert (await at.control("pause", name="web"))[0] == 200
        for order in made:
            await at.post(order.body)
        await anyio.sleep(0.05)
        assert await at.books() == {}
        assert (await at.control("resume", name="web"))[0] == 200
        await at.until({"imported": len(made)})
        status, answer = await at.control("pause", name="nowhere")
        assert (status, "there are web" in answer["error"]["message"]) == (409, True)
        for key in ({}, {"key": "web/404"}):
            status, answer = await at.control("release", **key)
            assert (status, "there is no open case of" in answer["error"]["message"]) == (409, True)
        assert await at.app.journal.query_list("states", ["web/404"], "order_importer") == []


# -- what is refused at the door ---------------------------------------------------------------------------------------


async def test_malformed_json_is_refused_with_its_place(tmp_path: Path) -> None:
    """A position, and nothing of the sender's text."""
    async with running(tmp_path) as at:
        status, answer = await at.post(b'{"id": 1,\n  "email": "ada@example.com", oops}')
        assert status == 400
        assert re.search(r"line 2, column \d+; byte \d+, counted from 0", answer["error"]["message"])
        assert "ada" not in json.dumps(answer)
        assert await at.states() == {}


async def test_who_has_no_key_or_too_much_to_say_is_refused_and_stores_nothing(tmp_path: Path) -> None:
    """401, 404, 413, 415: each before anything is on disk."""
    (order,) = orders(1)
    async with running(tmp_path, intake="body_bytes_max = 20_000") as at:
        assert (await at.post(order.body, key="not-the-key-0123456789"))[0] == 401
        assert (await at.post(order.body, key=""))[0] == 401
        assert (await at.post(order.body, sales_channel="nowhere"))[0] == 404
        assert (await at.post(b"[" + b" " * 20_000 + b"]"))[0] == 413
        assert (await at.post(order.body, headers={"Content-Encoding": "gzip"}))[0] == 415
        assert (await at.post(order.body, headers={"Content-Type": "text/csv"}))[0] == 415
        for table in ("delivery", "body", "message WHERE channel = 'order_importer'"):
            assert await rows(at, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - names of ours


async def rows(at: Running, sql: str) -> list[Any]:
    return await at.app.journal.reading.run(lambda connection: connection.execute(sql).fetchall())


# -- published orders --------------------------------------------------------------------------------------------------


def published() -> Iterator[bytes]:
    """Every order of Shopify that others have published, as a sender posts it."""
    for path in sorted(DATA.glob("shopify-*/*order*.json")):
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            continue
        for name in ("orders", "draft_orders"):
            if isinstance(content, dict) and isinstance(content.get(name), list):
                content = content[name]
        for each in content if isinstance(content, list) else [content]:
            yield json.dumps(each).encode()


def files() -> Iterator[tuple[str, bytes]]:
    """Every JSON file that was published, as it lies."""
    for path in sorted(DATA.rglob("*.json")):
        yield path.name, path.read_bytes()


@needs()
async def test_published_orders_are_sales_or_holds_never_a_crash(tmp_path: Path) -> None:
    """Consistent ones become sales with exact figures, or wait; contradictory ones are held, with the difference."""
    bodies = list(published())
    skus = {line.sku for body in bodies if isinstance(made := read("web", body), Order) for line in made.lines}
    async with running(tmp_path, skus=sorted(sku for sku in skus if sku)) as at:
        accepted: dict[str, bytes] = {}
        for body in bodies:
            status, answer = await at.post(body)
            assert status in (200, 201, 422), answer
            if status != 422:
                named: Any = identify(body)
                known = accepted.get(named.order_id)
                known_version = "" if known is None else identify(known).version  # type: ignore[union-attr]
                if known is None or named.version >= known_version:
                    accepted[named.order_id] = body
        with anyio.fail_after(20):
            while len(await at.states()) < len(accepted) or await rows(at, "SELECT 1 FROM message"):
                await anyio.sleep(0.01)
        assert len(accepted) > 8
        assert await at.app.journal.query("parked") == []
        states, books = await at.states(), await at.books()
        assert set(states.values()) <= {"held", "imported", "cancelled", "waiting", "excluded"}
        for order_id, body in accepted.items():
            order, key = read("web", body), f"web/{order_id}"
            sentences = [sentence for _, subject, sentence in await at.cases() if subject == key]
            assert bool(sentences) == (states[key] == "held")
            if isinstance(order, Order) and states[key] == "held" and (failing := prove(order).failing):
                for each in failing:
                    assert any(str(abs(each.amount.amount)) in told for told in sentences), (key, sentences)
            if states[key] == "imported":
                assert isinstance(order, Order)
                assert Decimal(books[order_id]["total"]) == order.total.amount
        assert set(books) == {parts_of(key)[1] for key, state in states.items() if state == "imported"}


def mended() -> bytes:
    """Order 450789469 without what contradicts itself in it: its subtotal as its parts say, and before its refunds.

    No published order of Shopify is both consistent and complete enough to be sold as it lies.
    """
    raw = (DATA / "shopify-ruby" / "order_01_list_450789469.json").read_bytes()
    order: dict[str, Any] = json.loads(raw)["orders"][0]
    order |= {"refunds": [], "financial_status": "paid", "subtotal_price": "587.00"}
    for name in [name for name in order if name.startswith(("current_", "subtotal_price_set"))]:
        del order[name]
    for line in order["line_items"]:
        line["current_quantity"] = line["quantity"]
    return json.dumps(order).encode()


@needs()
async def test_the_published_base_order_without_its_contradiction_is_a_sale_to_the_cent(tmp_path: Path) -> None:
    """Three lines of 199.00, ten off as 3.34, 3.33 and 3.33, three times 3.98 of tax: 598.94 in the ERP's own books."""
    body = mended()
    order = read("web", body)
    assert isinstance(order, Order)
    async with running(tmp_path, skus=sorted({line.sku for line in order.lines if line.sku})) as at:
        assert (await at.post(body))[0] == 201
        await at.until({"imported": 1})
        sale = (await at.books())["450789469"]
        figures = (sale["total"], sale["stated_amount"], sale["tax_sum"], sale["lines_sum"])
        assert [Decimal(figure) for figure in figures] == [Decimal(f) for f in ("598.94", "598.94", "11.94", "587.00")]
        assert [Decimal(line["amount"]) for line in sale["lines"]] == [
            Decimal(f) for f in ("195.66", "195.67", "195.67")
        ]


@needs()
async def test_every_published_file_is_answered(tmp_path: Path) -> None:
    """Other channels' orders, payouts, broken files, as they lie: an answer with a reason, and the process goes on."""
    (order,) = orders(1)
    async with running(tmp_path, skus=SKUS) as at:
        for name, body in files():
            status, answer = await at.post(body)
            assert status in (200, 201, 400, 422), (name, status, answer)
        await at.post(order.body)
        await at.until({"imported": 1})
        with anyio.fail_after(20):
            while await rows(at, "SELECT 1 FROM message"):
                await anyio.sleep(0.01)
        assert await at.app.journal.query("parked") == []


# -- nothing personal leaks --------------------------------------------------------------------------------------------

CANARIES = {
    "name": "Zebulonqx Vantroska",
    "first_name": "Zebulonqx",
    "last_name": "Vantroska",
    "email": "zebulonqx.vantroska@canary-mail.example",
    "contact_email": "zebulonqx.vantroska@canary-mail.example",
    "phone": "+49 30 9988776655",
    "address1": "77 Quagmirelane Street",
    "zip": "QX7-99Z",
    "city": "Quirkhollow",
}
_SIGNS = re.compile("zebulonqx|vantroska|canary-mail|9988776655|quagmirelane|QX7-99Z|quirkhollow", re.IGNORECASE)
_PERSONAL = ("customer", "billing_address", "shipping_address")


def canary(order: GeneratedOrder, number: int) -> bytes:
    """The order as if everybody in it were the canary; every fifth has something else wrong with it, too."""
    content = json.loads(order.body)
    for part in (content, *(content[name] for name in _PERSONAL)):
        for field, value in CANARIES.items():
            if field in part and not (part is content and field == "name"):
                part[field] = value
    content["note"] = CANARIES["name"]
    content["note_attributes"] = [{"name": "gift for", "value": CANARIES["email"]}]
    match number % 20:
        case 1:
            content["line_items"] = CANARIES["name"]
        case 6:
            content["total_price"] = CANARIES["phone"]
        case 11:
            content["shipping_address"]["country_code"] = None
        case 16:
            content["payment_gateway_names"] = ["unheard_of"]
    return json.dumps(content).encode()


async def test_two_hundred_canaries_are_seen_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Promise 9: names, addresses, e-mails and phones are in bodies and intents, and in nothing that people look at."""
    made = orders(200, unknown_sku=0.05, wrong_total=0.05)
    faults = (FaultRule(route="sale.channel/create_order", kind="answer_lost", probability=0.05),)
    async with running(tmp_path, skus=SKUS, erp=sandbox_config(faults=faults)) as at:
        for number, order in enumerate(made):
            status, _ = await at.post(canary(order, number))
            assert status in (201, 422)
        await at.post(b'{"id": 5, "email": "' + CANARIES["email"].encode() + b'", broken}')
        _, said = await at.post(b'{"order_id": "A-1", "name": "' + CANARIES["email"].encode() + b'"}')
        assert said["error"]["message"] == (
            "The item has no `id`; send the sales channel's own order id. "
            "It was read as `shopify`, the format of this sales channel."
        )
        with anyio.fail_after(30):
            while await rows(at, "SELECT 1 FROM message") or await rows(at, "SELECT 1 FROM intent"):
                await anyio.sleep(0.02)
        metrics = await at.ops("/metrics")
        assert _SIGNS.search(metrics) is None
        assert {"imported", "held"} <= set((await at.states()).values())
        subjects = await at.states()
        for table in ("exception_case", "order_view", "fact", "parked", "trace_work", "message", "timer"):
            for row in await rows(at, f"SELECT * FROM {table}"):  # noqa: S608 - names of ours
                assert _SIGNS.search(repr(row)) is None, (table, row)
        for key, row in await rows(at, "SELECT key, body FROM state"):
            assert _SIGNS.search(repr(row)) is None, key
        assert await rows(at, "SELECT count(*) FROM exception_case") != [(0,)]
    logged = capfd.readouterr()
    assert "call.ended" in logged.err
    assert _SIGNS.search(logged.err + logged.out) is None
    shown = told_by_the_cli(tmp_path / "seamline.toml", list(subjects), capfd)
    assert len(shown) > 10_000
    assert _SIGNS.search(shown) is None
    with sqlite3.connect(f"file:{tmp_path / 'store.db'}?mode=ro", uri=True) as connection:
        ((bodies,),) = connection.execute("SELECT group_concat(CAST(bytes AS TEXT)) FROM body").fetchall()
    connection.close()
    assert _SIGNS.search(bodies), "the canary was never there"


def told_by_the_cli(config: Path, keys: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Everything that commands print of these orders."""
    words = [("orders", "list", "--limit", "500"), ("orders", "list", "--json"), ("holds",), ("holds", "--json")]
    words += [("orders", command, key) for key in keys[:40] for command in ("show", "explain")]
    shown = ""
    for each in words:
        code = _in_thread(lambda each=each: _typed(*each, "--config", str(config)))
        assert code == 0, each
        out, err = capfd.readouterr()
        shown += out + err
    return shown


def _typed(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        commands.main([*words])
    return end.value.code if isinstance(end.value.code, int) else 1


def _in_thread(function: Any) -> Any:
    """Commands run a loop of their own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


# -- metrics -----------------------------------------------------------------------------------------------------------


async def test_metrics_hold_no_order_no_sku_and_the_counts_that_are_true(tmp_path: Path) -> None:
    """Labels are names of the configuration and of the code; the counters agree with the books."""
    made = orders(30, unknown_sku=0.1)
    async with running(tmp_path, skus=SKUS) as at:
        for order in made:
            await at.post(order.body)
        await at.until({"imported": 27, "held": 3})
        text = await at.ops("/metrics")
        labels = set(re.findall(r'="([^"]*)"', text))
        assert not labels & ({order.order_id for order in made} | set(SKUS) | {sku for o in made for sku in o.skus})
        assert not any(re.search(r"\d{6,}", label) for label in labels - {_fingerprint(text)})
        assert 'seamline_orders_settled_total{sales_channel="web",state="imported"} 27.0' in text
        assert 'seamline_orders_settled_total{sales_channel="web",state="held"} 3.0' in text
        assert 'seamline_deliveries_new_total{partition="web"} 30.0' in text
        creates = re.search(r'seamline_api_calls_total\{api="fulfil",kind="create_order",result="done"\} (\d+)', text)
        assert creates is not None
        assert int(creates[1]) == 27 == len(await at.books())


def _fingerprint(text: str) -> str:
    found = re.search(r'seamline_config_info\{config="([^"]+)"', text)
    assert found is not None
    return found[1]


@pytest.mark.skipif(_PROMTOOL is None, reason="promtool is absent; Debian has it in the package `prometheus`")
async def test_promtool_finds_nothing_wrong_with_the_metrics(tmp_path: Path) -> None:
    """Names, units and help texts as Prometheus wants them."""
    (order,) = orders(1)
    async with running(tmp_path, skus=SKUS) as at:
        await at.post(order.body)
        await at.until({"imported": 1})
        text = await at.ops("/metrics")
    checked = await anyio.run_process([str(_PROMTOOL), "check", "metrics"], input=text.encode(), check=False)
    said = (checked.stdout + checked.stderr).decode()
    ours = [line for line in said.splitlines() if "seamline" in line]
    assert (checked.returncode, ours) == (0, []), said


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_a_stop_and_a_start_in_the_middle_cost_nothing(tmp_path: Path) -> None:
    """Stopped while calls are under way and started again beside the same ERP: every order once, nothing looked up."""
    made = orders(60)
    slow = (FaultRule(route="sale.channel/create_order", kind="latency", probability=1.0, latency_ms=40),)
    async with open_sandbox(sandbox_config(faults=slow)) as erp, aiohttp.ClientSession() as session:
        await add_products(session, erp, SKUS)
        config, clock = configuration(tmp_path, erp.url), SystemClock()
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            at = Running(app, erp, session, tmp_path)
            await at.post(b"[" + b",".join(order.body for order in made) + b"]")
            with anyio.fail_after(10):
                while not await at.books():
                    await anyio.sleep(0.005)
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            at = Running(app, erp, session, tmp_path)
            await at.until({"imported": len(made)})
            assert len(await at.books()) == len(made)
            assert "sale.sale/search_read" not in erp.sandbox.calls.statement()["calls"]


async def test_an_error_of_whoever_holds_it_open_comes_out(tmp_path: Path) -> None:
    """Closing what is inside must not eat the error, also with an exporter that has something to close."""
    with pytest.raises(ExceptionGroup) as raised:
        async with running(tmp_path, telemetry='otlp_url = "http://127.0.0.1:9/v1/traces"'):
            raise LookupError("something of the caller's own")
    assert raised.group_contains(LookupError)


async def test_a_store_that_was_taken_over_ends_the_process_at_once(tmp_path: Path) -> None:
    """Failure case 34: fenced off, it stops with that reason within seconds; there is nothing it could still record."""
    (order,) = orders(1)
    with pytest.raises(ExceptionGroup) as raised, anyio.fail_after(8):
        async with running(tmp_path, skus=SKUS) as at:
            with sqlite3.connect(tmp_path / "store.db") as other:
                other.execute("UPDATE instance SET epoch = epoch + 1")
            other.close()
            await at.post(order.body)
            await anyio.sleep(30)
    assert raised.group_contains(StoreFenced)
