"""The command line as people use it: beside a running process, without one, in a pipe, and when something is wrong.

It is the process of the example configuration: what is typed here is what the README says to type.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.app import App
from flows.cli import commands
from flows.reference import metric_rows
from tests.integration.example import (
    EXAMPLE,
    ORDER,
    ROOT,
    SECRETS,
    beside,
    line,
    order,
    readiness,
    running,
    scraped,
    sent,
    settled,
    until,
)
from tests.integration.terminal import Type, on_a_terminal

# -- the process beside it ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, dict[str, str]]]:
    """A process that has imported #1001, and holds #1002 and #1003 (which calls itself #1002, too)."""
    with running(tmp_path_factory.mktemp("cli") / "seamline.db") as (app, environment):
        sent(
            app,
            order("1001"),
            order("1002", lines=[line("NEW-[bold]MUG")]),
            order("1003", reference="#1002", lines=[line("NEW-LAMP")]),
            order("1004", reference="#10\x1b[31m04", lines=[line("NEW-LAMP")]),
        )
        until(lambda: settled(app) == 4)
        yield app, environment


@pytest.fixture
def app(process: tuple[App, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> App:
    """That process, and the environment of whoever types commands beside it."""
    for name, value in process[1].items():
        monkeypatch.setenv(name, value)
    return process[0]


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_orders_are_listed_with_what_became_of_them(seamline: Type) -> None:
    """State, proof, amount and sale, one order to a line, tabs between."""
    said = seamline(*beside("orders", "list"))
    assert said.status == 0
    assert {row[1]: row[3:6] for row in said.rows}["marketplace/A-1001"] == ["imported", "proven", "64.00 USD"]
    assert {row[1]: row[3] for row in said.rows}["marketplace/A-1002"] == "held"


@pytest.mark.usefixtures("app")
def test_orders_can_be_asked_for_by_state_and_as_json(seamline: Type) -> None:
    """The same rows for machines: names instead of columns."""
    said = seamline(*beside("orders", "list", "--state", "imported", "--json"))
    assert ("marketplace/A-1001", "64.00", "USD") in [(row["key"], row["amount"], row["currency"]) for row in said.data]
    assert {row["state"] for row in said.data} == {"imported"}
    assert seamline(*beside("orders", "list", "--sales-channel", "web", "--json")).data == []


@pytest.mark.parametrize("named", ["#1001", "A-1001", "marketplace/A-1001"])
@pytest.mark.usefixtures("app")
def test_an_order_is_found_by_whatever_people_call_it(seamline: Type, named: str) -> None:
    """By its number, by its id, and by sales channel and id."""
    said = seamline(*beside("orders", "show", named, "--json"))
    assert said.data["key"] == "marketplace/A-1001"
    assert [fact["kind"] for fact in said.data["timeline"]] == ["received", "decided", "created"]


@pytest.mark.usefixtures("app")
def test_an_order_is_shown_with_its_cases_and_its_timeline(seamline: Type) -> None:
    """For people: fields, open cases, and what happened, in that order."""
    out = seamline(*beside("orders", "show", "A-1002")).out
    assert out.index("state\theld") < out.index("sku.unknown (ecommerce, open)") < out.index("intake\treceived")


@pytest.mark.usefixtures("app")
def test_explain_names_the_cause_the_owner_and_the_next_step(seamline: Type) -> None:
    """A held order: what is wrong, what is at stake, whose move it is, what it is, how it ends by itself."""
    out = seamline(*beside("orders", "explain", "A-1002")).out
    assert "is held: it is stored whole, and nothing of it is in Fulfil" in out
    assert "the SKU 'NEW-[bold]MUG' is not in Fulfil. At stake: 64.00 USD" in out
    assert "Next step, by ecommerce, to be done by " in out
    assert "It ends by itself when a product with exactly this SKU is active in Fulfil." in out


@pytest.mark.usefixtures("app")
def test_explain_says_the_same_in_fields_to_a_machine(seamline: Type) -> None:
    """State, cases with what there is to do, the equations with their figures, and what happened."""
    imported = seamline(*beside("orders", "explain", "A-1001", "--json")).data
    assert (imported["key"], imported["state"], imported["cases"]) == ("marketplace/A-1001", "imported", [])
    assert imported["standing"].startswith("Order #1001 of marketplace (64.00 USD) is in Fulfil as sale SO")
    assert [each["kind"] for each in imported["timeline"]] == ["received", "decided", "created"]
    assert imported["timeline"][0]["text"] == "received and stored"
    proof = imported["proof"]
    assert proof["outcome"] == "proven"
    (total,) = [each for each in proof["equations"] if each["name"] == "total"]
    assert sum(map(Decimal, total["terms"].values())) == Decimal(total["left"]) == Decimal("64.00")
    assert (total["right"], total["difference"], total["currency"], total["holds"]) == ("64.00", "0.00", "USD", True)
    held = seamline(*beside("orders", "explain", "A-1002", "--json")).data
    (case,) = held["cases"]
    assert (held["state"], case["kind"], case["owner"], case["amount"]) == ("held", "sku.unknown", "ecommerce", "64.00")
    assert case["why"] == "the SKU 'NEW-[bold]MUG' is not in Fulfil"
    assert case["ends"] == "when a product with exactly this SKU is active in Fulfil"
    text = seamline(*beside("orders", "explain", "A-1002")).out
    assert all(each in text for each in (case["remedy"], case["title"], held["standing"]))
    assert " = total 64.00 USD: holds\n" in text


@pytest.mark.usefixtures("app")
def test_holds_are_listed_by_owner_and_kind(seamline: Type) -> None:
    """Three cases for ecommerce, none for finance; the subject, the amount at stake and the reason of each."""
    said = seamline(*beside("holds", "--owner", "ecommerce"))
    assert {tuple(row[1:5]) for row in said.rows} >= {
        ("ecommerce", "sku.unknown", "marketplace/A-1002", "64.00 USD"),
        ("ecommerce", "sku.unknown", "marketplace/A-1003", "64.00 USD"),
    }
    assert seamline(*beside("holds", "--owner", "finance", "--json")).data == []
    assert {row["kind"] for row in seamline(*beside("holds", "--kind", "sku.unknown", "--json")).data} == {
        "sku.unknown"
    }


@pytest.mark.usefixtures("app")
def test_what_others_sent_commands_no_terminal(seamline: Type) -> None:
    """An escape sequence in an order's number is spelt out, wherever it is shown."""
    for words in (["orders", "list"], ["orders", "show", "A-1004"], ["orders", "explain", "A-1004"]):
        out = seamline(*beside(*words)).out
        assert "\x1b" not in out
        assert "#10\\u001b[31m04" in out


@pytest.mark.usefixtures("app")
def test_asking_needs_no_secret(seamline: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may read the store may ask about an order, without the token of the ERP in the environment."""
    for name in SECRETS:
        monkeypatch.delenv(name)
    assert seamline(*beside("orders", "list")).status == 0
    assert seamline(*beside("holds")).status == 0


# -- SKUs and aliases --------------------------------------------------------------------------------------------------


def test_a_person_looks_a_sku_up_gives_it_an_alias_and_takes_it_away(seamline: Type, app: App) -> None:
    """Explain, preview, decide, release; then the record of it, and the chain that shows a change."""
    sent(app, order("3001", lines=[line("sku-000001 ")]))
    until(lambda: "is held" in seamline(*beside("orders", "explain", "A-3001")).out)
    assert "'SKU-000001' differs only in case or spaces" in seamline(*beside("orders", "explain", "A-3001")).out
    said = seamline(*beside("sku", "explain", "sku-000001 ")).out
    assert "is not sold in Fulfil" in said
    assert "'SKU-000001' differs only in case or spaces: product" in said
    wished = ("alias", "add", "sku-000001 ", "SKU-000001", "--reason", "typed in the shop", "--by", "mona")
    preview = seamline(*beside(*wished, "--dry-run")).out
    assert "It releases 1 order: marketplace/A-3001. Nothing was changed." in preview
    assert "typed in the shop" not in seamline(*beside("alias", "list")).out
    assert "It releases 1 order: marketplace/A-3001." in seamline(*beside(*wished)).out
    until(lambda: "sale SO" in seamline(*beside("orders", "explain", "A-3001")).out)
    assert "'sku-000001' as 'SKU-000001'" in seamline(*beside("orders", "explain", "A-3001")).out
    assert "typed in the shop" in seamline(*beside("alias", "list")).out
    assert seamline(*beside(*wished)).status == 1
    assert "imported as 'SKU-000001'." in seamline(*beside("sku", "explain", "sku-000001 ")).out  # read without it
    meant = seamline(*beside("sku", "explain", "sku-000001", "--json")).data["meant"]
    assert [(each["sku"], each["sold"]) for each in meant if each["how"] == "exact"] == [("SKU-000001", True)]
    remove = ("alias", "remove", "sku-000001 ", "--reason", "no more")
    assert "no longer stands for 'SKU-000001'" in seamline(*beside(*remove)).out
    until(lambda: "typed in the shop" not in seamline(*beside("alias", "list")).out)
    assert seamline(*beside("alias", "list", "--audit")).status == 0
    entries = seamline(*beside("alias", "list", "--audit", "--json")).data
    assert [(each["action"], each["reason"]) for each in entries if each["subject"] == "sku-000001"] == [
        ("alias.add", "typed in the shop"),
        ("alias.remove", "no more"),
    ]


def test_a_chain_that_somebody_changed_is_told(
    seamline: Type, app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Status 1 and the number of the entry from which on nothing can be relied on."""
    seamline(*beside("alias", "add", "MUG-AS-THEY-SAY", "SKU-000002", "--reason", "as they say", "--by", "mona"))
    until(lambda: len(seamline(*beside("alias", "list", "--audit", "--json")).data) > 0)
    with (
        closing(sqlite3.connect(app.config.store.path)) as store,
        closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
    ):
        store.backup(copy)
        copy.execute("UPDATE audit SET by = 'eve' WHERE seq = 1")
        copy.commit()
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "copy.db"))
    said = seamline(*beside("alias", "list", "--audit"))
    assert said.status == 1
    assert "the chain is broken at entry 1" in said.err


# -- what is not there -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_an_unknown_order_is_said_to_be_unknown(seamline: Type) -> None:
    """Status 1 and a sentence with the next step; nothing on stdout."""
    for command in ("show", "explain"):
        said = seamline(*beside("orders", command, "#4711"))
        assert (said.status, said.out) == (1, "")
        assert said.err == "seamline: no order is known as '#4711'; `seamline orders list` shows those that are\n"


@pytest.mark.usefixtures("app")
def test_an_ambiguous_number_is_not_guessed(seamline: Type) -> None:
    """Two orders with one number: both are named."""
    said = seamline(*beside("orders", "show", "#1002"))
    assert said.status == 1
    assert "may be marketplace/A-1002, marketplace/A-1003; say which" in said.err
    assert "for example `seamline orders show marketplace/A-1002`" in said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["orders", "list", "--state", "lost"], "Choose from"),
        (["orders", "list", "--sttate", "held"], "Did you mean --state?"),
        (["orders", "list", "--limit", "0"], "Must be >= 1"),
        (["orders", "list", "--before", "yesterday"], "is no instant"),
        (["holds", "--after", "soon"], "is no instant"),
        (["holds", "--owner", "nobody"], "Choose from"),
        (["ordres"], 'Did you mean "orders"?'),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(seamline: Type, words: list[str], complaint: str) -> None:
    """Status 2, and what may stand there."""
    said = seamline(*words)
    assert said.status == 2
    assert complaint in said.err


def test_an_unknown_kind_of_exception_is_answered_with_the_kinds(seamline: Type) -> None:
    """A misspelt kind is not an empty list."""
    said = seamline("holds", "--kind", "sku.unknow")
    assert said.status == 1
    assert "there are sku.unknown, " in said.err


def test_a_store_that_is_not_there_is_told_with_the_next_step(
    seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Status 65, and nothing is created by asking."""
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "none.db"))
    said = seamline(*beside("orders", "list"))
    assert said.status == 65
    assert "start `seamline run` first, or name the right --config" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_told(seamline: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Status 65 for a file of another kind."""
    (tmp_path / "notes.txt").write_text("milk, eggs, " * 1000)
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "notes.txt"))
    said = seamline(*beside("holds"))
    assert said.status == 65
    assert "cannot be read" in said.err


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (
            "",
            65,
            "seamline: {store} cannot be read as a store (file is not a database): it is damaged, or none of ours",
        ),
        ("CREATE TABLE migration (of TEXT)", 70, "sqlite3.OperationalError: no such column: schema"),
    ],
)
def test_a_run_that_cannot_begin_ends_with_the_status_that_its_last_event_names(
    tmp_path: Path, content: str, status: int, said: str
) -> None:
    """A file that is no database is a sentence; what nobody has foreseen keeps its trace."""
    store = tmp_path / "store.db"
    if content:
        with closing(sqlite3.connect(store)) as other:
            other.execute(content)
    else:
        store.write_text("garbage\n")
    ended = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", "--config", EXAMPLE],
        cwd=ROOT, env={**os.environ, **SECRETS, "SEAMLINE__STORE__PATH": str(store)}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == status, ended.stderr
    assert f'"process.stopped","exit_status":{status}' in ended.stderr
    assert said.format(store=store) in ended.stderr
    assert ("Traceback" in ended.stderr) == (status == 70)


@pytest.mark.parametrize("words", [["orders", "list"], ["check"], ["run"], ["pause", "web"]], ids="-".join)
def test_a_configuration_that_is_not_there_is_told(seamline: Type, tmp_path: Path, words: list[str]) -> None:
    """Status 78, and the option that names another one."""
    said = seamline(*words, "--config", str(tmp_path / "none.toml"))
    assert said.status == 78
    assert "none.toml cannot be read (No such file or directory); name the right file" in said.err


# -- telling the process -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_a_release_decides_again_and_holds_again_while_the_cause_is_there(seamline: Type) -> None:
    """The order is looked at again at once; its SKU is still missing, so it stays held."""

    def times_held() -> int:
        story = seamline(*beside("orders", "show", "A-1002", "--json")).data
        return [fact["kind"] for fact in story["timeline"]].count("held")

    before = times_held()
    said = seamline(*beside("holds", "release", "A-1002"))
    first, then = said.out.splitlines()
    assert first == "marketplace/A-1002 will be decided on again"
    assert then.startswith("marketplace/A-1002 is held, and open is sku.unknown: ")
    assert times_held() == before + 1


@pytest.mark.usefixtures("app")
def test_what_is_not_held_is_not_released(seamline: Type) -> None:
    """An imported order without a case: status 1, and where it stands."""
    said = seamline(*beside("holds", "release", "A-1001"))
    assert (said.status, said.out) == (1, "")
    assert re.search(r"marketplace/A-1001 is not held \(imported as SO\d+\); there is nothing to release\n$", said.err)


def test_a_person_ends_the_cases_of_a_sale_that_is_dealt_with(seamline: Type, app: App) -> None:
    """Edited after its import, and put right by hand: the case is closed, and the edit is the known version."""

    def open_cases() -> list[str]:
        story = seamline(*beside("orders", "show", "A-4001", "--json")).data
        return [case["kind"] for case in story["cases"] if case["closed_at"] is None]

    sent(app, order("4001"))
    until(lambda: "sale SO" in seamline(*beside("orders", "explain", "A-4001")).out)
    edited = {**ORDER["shipping_address"], "city": "Elsewhere"}
    sent(app, order("4001", updated_at="2026-11-21T10:00:00+01:00", shipping_address=edited))
    until(lambda: open_cases() == ["order.edited"])
    assert "then release it" in seamline(*beside("orders", "explain", "A-4001")).out
    seamline(*beside("pause", "marketplace"))
    try:
        waits = seamline(*beside("holds", "release", "A-4001")).out
        assert waits == "the cases of marketplace/A-4001 are closed after `seamline resume marketplace`: order.edited\n"
        assert open_cases() == ["order.edited"]
    finally:
        seamline(*beside("resume", "marketplace"))
    until(lambda: open_cases() == [])
    sent(app, order("4001", updated_at="2026-11-22T10:00:00+01:00"))
    until(lambda: open_cases() == ["order.edited"])
    said = seamline(*beside("holds", "release", "A-4001"))
    first, then = said.out.splitlines()
    assert first == "the cases of marketplace/A-4001 are closed: order.edited"
    assert then.startswith("marketplace/A-4001 is imported as sale SO")
    assert then.endswith(", and nothing is open about it")
    assert open_cases() == []
    assert "there is nothing to release" in seamline(*beside("holds", "release", "A-4001")).err


def test_a_paused_sales_channel_takes_orders_and_decides_on_none(seamline: Type, app: App) -> None:
    """What comes while it is paused waits, and says so; after the resume it goes on."""
    assert seamline(*beside("pause", "--json")).data == []
    why = ("--by", "ada", "--reason", "a wrong price list")
    assert seamline(*beside("pause", "marketplace", *why)).out == "marketplace is paused\n"
    try:
        sent(app, order("2001"))
        ((_, name, since, *rest),) = seamline(*beside("pause")).rows
        assert (name, rest) == ("marketplace", ["ada", "1", "seamline resume marketplace"])
        (told,) = seamline(*beside("pause", "--json")).data
        assert {**told, "since": ""} == {
            "scope": "sales channel", "name": "marketplace", "since": "", "by": "ada", "waiting": 1,
        }  # fmt: skip
        assert seamline(*beside("pause", "--actor")).rows == []
        assert readiness(app).replace("[i] 1 order waits for marketplace, which is paused\n", "") == (
            "[+] accepting: orders are accepted\n[+] store: there is room\n"
            f"[i] marketplace is paused since {since} by ada; `seamline resume marketplace`\nready\n"
        )
        assert [row[1:4] for row in seamline(*beside("orders", "list", "--state", "new")).rows] == [
            ["marketplace/A-2001", "A-2001", "new"]
        ]
        (new,) = seamline(*beside("orders", "list", "--state", "new", "--json")).data
        assert (new["amount"], new["currency"]) == (None, None)
        assert (
            "1 more is received, and not decided on yet: seamline orders list --state new"
            in seamline(*beside("orders", "list")).err
        )
        assert seamline(*beside("orders", "list", "--state", "new", "--sales-channel", "web")).rows == []
        for name in ("marketplace/A-2001", "A-2001"):
            said = seamline(*beside("orders", "explain", name))
            assert (
                "marketplace/A-2001 was received and waits to be decided on: marketplace is paused since " in said.out
            )
            assert " by ada; `seamline resume marketplace`." in said.out
        assert "waits to be decided on" in seamline(*beside("holds", "release", "A-2001")).err
        assert "1 not decided on yet are known by their ids" in seamline(*beside("orders", "explain", "#2001")).err
    finally:
        assert seamline(*beside("resume", "marketplace")).out == "marketplace is going on\n"
    assert "is paused" not in readiness(app)
    until(lambda: "sale SO" in seamline(*beside("orders", "explain", "marketplace/A-2001")).out)
    happened = seamline(*beside("orders", "explain", "marketplace/A-2001")).out.partition("What happened:")[2]
    lines = [line.partition("Z  ")[2] for line in happened.strip().splitlines()]
    assert lines[:2] == ["ada paused marketplace: a wrong price list", "received and stored"]
    assert lines[2].endswith(" let marketplace go on")
    recorded = seamline(*beside("audit", "--subject", "marketplace", "--json")).data
    assert all(datetime.fromisoformat(each["at"]).tzinfo is not None for each in recorded)
    done = [(each["action"], each["by"], each["reason"]) for each in recorded]
    assert ("pause", "ada", "a wrong price list") in done


@pytest.mark.usefixtures("app")
def test_a_refused_command_says_why(seamline: Type) -> None:
    """A sales channel that is not configured: status 1, and those that are."""
    said = seamline(*beside("pause", "webb"))
    assert said.status == 1
    assert "there is no sales channel 'webb'; there are marketplace, web" in said.err


@pytest.mark.usefixtures("app")
def test_a_wrong_control_key_is_refused(seamline: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does nothing for whoever has not its key."""
    monkeypatch.setenv("SEAMLINE_CONTROL_KEY", "another")
    said = seamline(*beside("pause", "marketplace"))
    assert said.status == 1
    wanted = "the control key is not the one the process started with; set SEAMLINE_CONTROL_KEY as there\n"
    assert said.err == f"seamline: {wanted}"


def test_without_a_process_a_command_says_so(seamline: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where the configuration points to."""
    monkeypatch.setenv("SEAMLINE_CONTROL_KEY", "control")
    monkeypatch.setenv("SEAMLINE__OPS__PORT", "1")
    said = seamline(*beside("resume", "web"))
    assert said.status == 1
    assert said.err == "seamline: no process answers at 127.0.0.1:1; is it running?\n"


def test_what_a_running_process_shows_is_on_the_page_of_metrics(app: App) -> None:
    """Every family of its /metrics is listed, with the same help, and every gauge of the page is there."""
    shown = dict(re.findall(r"^# HELP (seamline_\w+) (.+)$", scraped(app), re.MULTILINE))
    listed = {row.name: row.help for row in metric_rows()}
    assert shown == {name: listed.get(name) for name in shown}
    assert set(listed) - set(shown) == set()


# -- without any process -----------------------------------------------------------------------------------------------


def test_check_names_every_problem_at_once(seamline: Type, tmp_path: Path) -> None:
    """Each with its line, a misspelt one with the right spelling; status 78."""
    config = tmp_path / "seamline.toml"
    config.write_text(
        "[fulfil]\ntokn = 'env:FULFIL_TOKEN'\n[fulfil.api]\nbase_url = 'acme'\n[intake]\nkeys = ['plain-text']\n"
        "port = 80800\n[sales_channels.web]\nformat = 'shopify'\n[sales_channels.web.sale]\nchanel_id = 3\n"
    )
    said = seamline("check", "--config", str(config))
    assert said.status == 78
    for part in (
        "line 2, fulfil.tokn: unknown key; did you mean `token`?",
        "line 1, fulfil.token: must be given, and is missing",
        "line 4, fulfil.api.base_url: ",
        "line 6, intake.keys[0]: a secret is never written here",
        "line 7, intake.port: ",
        "line 11, sales_channels.web.sale.chanel_id: unknown key; did you mean `channel_id`?",
        "line 10, sales_channels.web.sale.channel_id: must be given, and is missing",
    ):
        assert part in said.out
    assert "plain-text" not in said.out
    assert said.out.endswith(": 7 problems\n")
    assert len(seamline("check", "--config", str(config), "--json").data) == 7


def test_check_is_content_with_the_example(seamline: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its secrets in the environment: status 0."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    said = seamline("check", "--config", str(EXAMPLE))
    assert (said.status, said.out) == (0, f"{EXAMPLE}: no problems\n")


def test_check_reads_only_text(seamline: Type, tmp_path: Path) -> None:
    """A file in another encoding is told, not a traceback."""
    config = tmp_path / "seamline.toml"
    config.write_bytes(b"# caf\xe9\n")
    said = seamline("check", "--config", str(config))
    assert said.status == 78
    assert "is not UTF-8 at byte 5" in said.err


def test_the_version_is_told(seamline: Type) -> None:
    """The same by command and by option, and as JSON."""
    plain = seamline("version").out
    assert re.fullmatch(r"seamline \d+\.\d+\.\d+\n", plain)
    assert seamline("--version").out == plain
    assert plain == f"seamline {seamline('version', '--json').data['seamline']}\n"


def test_every_command_and_every_option_has_help(seamline: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk through all commands from the top: each says in a sentence what it does, and what each option means."""
    monkeypatch.setenv("COLUMNS", "240")
    seen = []
    pages: list[tuple[str, ...]] = [()]
    while pages:
        path = pages.pop()
        said = seamline(*path, "--help")
        assert said.status == 0
        assert re.search(r"\n\n\S.{15,}\.", said.out), f"seamline {' '.join(path)} does not say what it does"
        commands, _, options = said.out.partition("Parameters")
        for name, about in re.findall(r"│ \*?\s*(\S+)(?: \([^)]*\))?\s{2,}(.*?)\s*│", commands):
            assert len(about) > 10, f"seamline {' '.join(path)} {name} has no help"
            if not name.startswith("-"):
                pages.append((*path, name))
        for row in re.findall(r"│ (?:\*\s+|\s{0,4})(\S.*?)\s*│", options):  # not what goes on in the next line
            assert re.search(r"\s{2,}[A-Z].{9,}", row), f"seamline {' '.join(path)}: {row}"
        seen.append(path)
    assert {("run",), ("check",), ("orders", "list"), ("holds", "release"), ("schema", "order")} <= set(seen)


def test_the_sandbox_keeps_the_port_of_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an option that was typed replaces a setting."""
    given: list[list[str]] = []

    def noted(words: list[str]) -> int:
        given.append(words)
        return 0

    monkeypatch.setattr("connectors.fulfil.sandbox.__main__.main", noted)
    for words in (["sandbox"], ["sandbox", "-c", "s.toml"], ["sandbox", "-c", "s.toml", "--port", "8001"]):
        with pytest.raises(SystemExit):
            commands.main(words)
    assert given == [[], ["--config", "s.toml"], ["--config", "s.toml", "--port", "8001"]]


def test_the_reference_is_written_where_it_is_wanted(seamline: Type, tmp_path: Path) -> None:
    """The pages as they are checked in; a directory that is not there is not made."""
    assert seamline("reference", "--to", str(tmp_path)).status == 0
    for page in (ROOT / "deploy" / "reference").glob("*.md"):
        assert (tmp_path / page.name).read_text() == page.read_text()
    assert seamline("reference", "--to", str(tmp_path / "none")).status == 1


# -- where the words go ------------------------------------------------------------------------------------------------


def test_a_pipe_that_closes_early_is_no_trouble() -> None:
    """`seamline schema order | head -1` ends quietly: status 0, and nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "flows.cli", "schema", "order"]
        ended = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


_COLOUR = re.compile(r"\x1b\[[\d;]*(?:3[0-79]|38|4[0-79]|48|9\d)(?:;[\d;]*)?m")


def test_no_color_is_honoured() -> None:
    """On a terminal help is coloured; with NO_COLOR it is not."""
    assert _COLOUR.search(on_a_terminal("orders", "--help"))
    assert not _COLOUR.search(on_a_terminal("orders", "--help", NO_COLOR="1"))


@pytest.mark.usefixtures("app")
def test_a_table_on_a_terminal_shows_what_is_there() -> None:
    """Brackets in a SKU are not taken for markup, and an escape sequence is spelt out."""
    shown = on_a_terminal(*beside("holds"))
    assert "NEW-[bold]MUG" in shown
    shown = on_a_terminal(*beside("orders", "list"))
    assert "#10\\u001b[31m04" in shown
    assert "deadline" not in shown
