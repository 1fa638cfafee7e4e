"""The commands about postings, of a store that a process has left."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.from_thread
import pytest
from msgspec.structs import replace

from connectors.fulfil.sandbox import RunningSandbox, SandboxConfig, open_sandbox
from flows.ledger.holding import HOLDS_ASKED
from flows.reading import reading
from tests.actors.payout_world import pages
from tests.actors.posting_world import LedgerBooks, posting
from tests.actors.world import story
from tests.integration.terminal import Type
from tests.unit import payout_files as files

_CONFIG = """\
[store]
path = "{store}"
[postings]
mode = "{mode}"
currency = "USD"
[[postings.rows]]
event = "fee"
debit = "6100"
credit = "1200"
journal = "GEN"
dated = "event"
[[postings.rows]]
event = "payout"
debit = "1000"
credit = "1200"
journal = "GEN"
"""
OF = {"processed_at": "2025-12-19T19:52:08-05:00"}


def left(tmp_path: Path, mode: str) -> str:
    """The configuration of a store with a payout that was paid, one that is on its way, half of a third, and a fourth
    of which only the list is here.
    """
    sold = files.shopify_line(1, "charge", "100.00", "3.20", "96.80", **OF)
    paid = {**files.SHOPIFY_PAYOUT, "amount": "96.80", "date": "2025-12-22"}
    other = files.shopify_line(2, "charge", "50.00", "1.00", "49.00", payout_id=78, **OF)
    half = files.shopify_line(3, "charge", "9.00", "0.00", "9.00", payout_id=79, **OF)
    going = {**paid, "id": 78, "amount": "49.00", "status": "in_transit"}

    async def main() -> None:
        async with posting(tmp_path / "s.db", LedgerBooks(), mode=mode) as world:  # type: ignore[arg-type]
            await world.bring(*pages(files.shopify([sold], paid)), *pages(files.shopify([other], going)))
            await world.runs()
            (page,) = pages(files.shopify([half], {**paid, "id": 79}))
            await world.bring(replace(page, pages=2))
            await world.bring(*pages(files.shopify([], {**paid, "id": 80, "amount": "7.00"})))

    story(main)
    config = tmp_path / "seamline.toml"
    config.write_text(_CONFIG.format(store=tmp_path / "s.db", mode=mode))
    return str(config)


def counted(store: Path) -> list[tuple[int, ...]]:
    """Of the postings of web that are in no batch: how many are due, kept back, and of later days."""

    async def main() -> list[tuple[int, ...]]:
        async with reading(store) as read:
            return [tuple(row) for row in await read.query("postings_counted", "web", "2026-01-01", HOLDS_ASKED)]

    return anyio.run(main)


def test_a_preview_prints_every_journal_and_why_what_is_left_is_not_posted(seamline: Type, tmp_path: Path) -> None:
    """Before anything is written: accounts, days, amounts; and a table that a spreadsheet opens and never obeys."""
    config = left(tmp_path, "preview")
    found = seamline("postings", "preview", "--config", config, "--json").data
    assert (found["mode"], found["periods_known"], found["more"]) == ("preview", True, False)
    lines = [(row["booked_on"], row["account"], row["debit"], row["credit"]) for row in found["lines"]]
    assert lines == [
        ("2025-12-20", "6100", "4.20", "0"), ("2025-12-20", "1200", "0", "4.20"),
        ("2025-12-22", "1000", "96.80", "0"), ("2025-12-22", "1200", "0", "96.80"),
    ]  # fmt: skip
    why = {(row["event"], row["payout"]): (row["amount"], row["why"]) for row in found["not_posted"]}
    assert why["payout", "78"] == ("49.00", "its payout is in transit, expected on 2025-12-22: not received")
    assert why["", "79"] == ("9.00", "its import is not whole yet: import the file again, if it stays so")
    assert why["", "80"] == ("7.00", "none of its lines is here: import the file that has them")
    assert why["receipt", ""] == ("150.00", "Fulfil posts it")
    assert "nothing of this is posted" in seamline("postings", "preview", "--config", config).out
    table = seamline("postings", "preview", "--config", config, "--csv", "-").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["debit"] for row in rows if row["account"] == "1000"] == ["96.80"]
    assert {row["why not"] for row in rows if row["will be posted"] == "no"} == {text for _, text in why.values()}
    other = seamline("postings", "preview", "--config", config, "--from", "2025-12-21", "--json").data
    assert {row["booked_on"] for row in other["lines"]} == {"2025-12-22"}
    assert seamline("postings", "preview", "--config", config, "--from", "yesterday").status == 2


def test_what_waits_for_a_case_is_not_among_what_will_be_posted(seamline: Type, tmp_path: Path) -> None:
    """It was due, and no longer ties: each amount stands there once, with the case, and so does the rest of it."""
    sold = [files.shopify_line(each, "charge", "100.00", "3.20", "96.80", **OF) for each in (1, 2)]
    paid = {**files.SHOPIFY_PAYOUT, "amount": "96.80", "date": "2025-12-22"}

    async def main() -> None:
        async with posting(tmp_path / "s.db", LedgerBooks(), mode="preview") as world:
            await world.bring(*pages(files.shopify(sold[:1], paid)))
            await world.bring(*pages(files.shopify(sold[1:], paid), "two"))

    story(main)
    config = tmp_path / "seamline.toml"
    config.write_text(_CONFIG.format(store=tmp_path / "s.db", mode="live"))
    found = seamline("postings", "preview", "--config", str(config), "--json").data
    assert found["lines"] == []
    waits = [row for row in found["not_posted"] if row["event"] != "receipt"]
    assert [(row["event"], row["day"], row["amount"]) for row in waits] == [
        ("fee", "2025-12-20", "3.20"), ("payout", "2025-12-22", "96.80"), ("fee", "2025-12-22", "3.20"),
    ]  # fmt: skip
    assert all(row["why"].startswith("payout.untied: post nothing until it ties") for row in waits)
    said = seamline("postings", "preview", "--config", str(config))
    assert ("nothing is due" in said.err, "no journal will be written" in said.err) == (False, True)
    assert counted(tmp_path / "s.db") == [(0, 2, 0)], "the third follows once it ties"


def test_a_batch_that_takes_something_back_says_so_in_the_list(seamline: Type, tmp_path: Path) -> None:
    """Its total is that of the one before: what was paid has failed."""
    sold = files.shopify_line(1, "charge", "100.00", "3.20", "96.80", **OF)
    paid = {**files.SHOPIFY_PAYOUT, "amount": "96.80", "date": "2025-12-22"}
    other = files.shopify_line(2, "charge", "9.00", "0.00", "9.00", payout_id=78, **OF)
    third = files.shopify_line(3, "charge", "5.00", "0.00", "5.00", payout_id=79, **OF)
    of_other, of_third = {**paid, "id": 78, "amount": "9.00"}, {**paid, "id": 79, "amount": "5.00"}
    told = (
        (([sold], paid), ([other], of_other)),
        (([], {**paid, "status": "failed"}),),
        (([], {**of_other, "status": "failed"}), ([third], of_third)),
    )

    async def main() -> None:
        async with posting(tmp_path / "s.db", LedgerBooks()) as world:
            for run, each in enumerate(told):
                for number, (lines, payout) in enumerate(each):
                    await world.bring(*pages(files.shopify(lines, payout), f"{run} {number}"))
                await world.runs()

    story(main)
    config = tmp_path / "seamline.toml"
    config.write_text(_CONFIG.format(store=tmp_path / "s.db", mode="live"))
    listed = seamline("postings", "list", "--config", str(config), "--from", "2025-12-21")
    assert sorted((row[5], row[6]) for row in listed.rows) == [
        ("105.80", ""), ("14.00", "1 of 2 are corrections"), ("96.80", "correction"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    """An ERP whose chart has 1000, 1200 and 6100, and a journal GEN; its periods are last month and this one."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_sandbox(SandboxConfig(port=0))) as it,
    ):
        yield it


@pytest.fixture
def erp(running: RunningSandbox) -> str:
    """Its address."""
    return running.url


def test_a_period_that_was_closed_since_is_closed_in_the_preview(
    seamline: Type, tmp_path: Path, running: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fulfil is asked now: what is kept of its periods is of the last run."""
    config = Path(left(tmp_path, "preview"))
    monkeypatch.setenv("FULFIL_TOKEN", SandboxConfig().token)
    config.write_text(
        f'{config.read_text()}[fulfil]\ntoken = "env:FULFIL_TOKEN"\n[fulfil.api]\nbase_url = "{running.url}"\n'
    )

    def booked_on() -> set[str]:
        found = seamline("postings", "preview", "--config", str(config), "--json").data
        return {row["booked_on"] for row in found["lines"]}

    ledger = running.sandbox.books.ledger
    last, this = sorted(ledger.periods, key=lambda each: each.start_date)
    assert booked_on() == {last.start_date.isoformat()}
    ledger.close(last.start_date)
    try:
        assert booked_on() == {this.start_date.isoformat()}
    finally:
        last.state = "open"


def test_an_account_that_fulfil_does_not_have_is_named_before_anything_is_posted(
    seamline: Type, tmp_path: Path, erp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a journal; what needs them stands among what is not posted, as it would if it were live. Until all of it is
    there: then nothing is said.
    """
    config = Path(left(tmp_path, "preview"))
    monkeypatch.setenv("FULFIL_TOKEN", SandboxConfig().token)
    there = f'{config.read_text()}[fulfil]\ntoken = "env:FULFIL_TOKEN"\n[fulfil.api]\nbase_url = "{erp}"\n'
    config.write_text(there.replace('debit = "6100"', 'debit = "6999"').replace('journal = "GEN"', 'journal = "X"', 1))
    asked = ("postings", "preview", "--config", str(config))
    found = seamline(*asked, "--json").data
    assert (found["missing_accounts"], found["missing_journals"], found["chart_unknown"]) == (["6999"], ["X"], "")
    assert {row["account"] for row in found["lines"]} == {"1000", "1200"}
    assert "Fulfil has no account 6999" in {row["why"] for row in found["not_posted"]}
    said = [f"Fulfil has no {each}, which [postings] names" for each in ("account 6999", "journal X")]
    assert all(each in seamline(*asked).out for each in said)
    assert all(each in seamline(*asked, "--csv", "-").err for each in said)
    config.write_text(there)
    found = seamline(*asked, "--json").data
    assert (found["missing_accounts"], found["missing_journals"], len(found["lines"])) == ([], [], 4)
    assert "Fulfil has no" not in seamline(*asked).out


def test_a_preview_says_when_fulfil_could_not_be_asked(
    seamline: Type, tmp_path: Path, erp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No section, no token, a token that is refused, nobody there: the rest is shown all the same."""
    config = Path(left(tmp_path, "preview"))
    bare, section = config.read_text(), '[fulfil]\ntoken = "env:FULFIL_TOKEN"\n[fulfil.api]\nbase_url = "{}"\n'
    monkeypatch.setenv("FULFIL_TOKEN", "wrong")
    for more, why in (
        ("", "fulfil.token: must be given"),
        (section.replace("FULFIL_TOKEN", "NOWHERE").format(erp), "the environment variable NOWHERE is not set"),
        (section.format(erp), "HTTP 401"),
        (section.format("http://127.0.0.1:9"), "Fulfil was not reached"),
    ):
        config.write_text(bare + more)
        found = seamline("postings", "preview", "--config", str(config), "--json").data
        assert why in found["chart_unknown"]
        assert (found["missing_accounts"], found["missing_journals"], len(found["lines"])) == (None, None, 4)
    assert "could not be asked: " in seamline("postings", "preview", "--config", str(config)).out


def test_a_batch_has_a_statement_that_prints_the_same_twice(seamline: Type, tmp_path: Path) -> None:
    """By its reference, its digest, or the id of its move."""
    config = left(tmp_path, "live")
    rows = seamline("postings", "list", "--config", config, "--json").data
    assert [(row["booked_on"], row["status"], row["total"]) for row in rows] == [
        ("2025-12-22", "posted", "96.80"), ("2025-12-20", "posted", "4.20"),
    ]  # fmt: skip
    (batch, _) = rows
    assert batch["reference"].endswith(batch["digest"][:12])
    for name in (batch["reference"], batch["digest"][:8], str(batch["move"])):
        shown = seamline("postings", "show", name, "--config", config, "--json").data
        assert shown["batch"] == batch
        assert [(each["payout"], each["event"], each["amount"]) for each in shown["postings"]] == [
            ("77", "payout", "96.80"),
        ]  # fmt: skip
    texts = [seamline("postings", "show", batch["digest"][:8], "--config", config).out for _ in range(2)]
    assert texts[0] == texts[1]
    assert "payout of shopify_payments: payout 77" in texts[0]
    assert seamline("postings", "show", "nothing", "--config", config).status == 1
    assert "6100" in seamline("postings", "show", rows[1]["reference"], "--config", config, "--csv", "-").out
    assert seamline("postings", "preview", "--config", config, "--json").data["lines"] == []
