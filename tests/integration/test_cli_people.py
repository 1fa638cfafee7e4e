"""What people do to orders, as they type it: patches, links, releases of a whole cause, and the record of it all.

It is the process of the example configuration, beside the sandbox of Fulfil.
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.app import App
from tests.integration.example import SECRETS, beside, line, order, running, sent, until
from tests.integration.terminal import Type

WHY = ("--reason", "typed wrong in the shop", "--by", "mona")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, dict[str, str]]]:
    """A process that has decided on nothing yet."""
    with running(tmp_path_factory.mktemp("people") / "seamline.db") as (app, environment):
        yield app, environment


@pytest.fixture
def app(process: tuple[App, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> App:
    """That process, and the environment of whoever types commands beside it."""
    for name, value in process[1].items():
        monkeypatch.setenv(name, value)
    return process[0]


def state(seamline: Type, name: str) -> str:
    said = seamline(*beside("orders", "show", name, "--json"))
    return str(said.data["order"]["state"]) if said.status == 0 and said.data["order"] else ""


def held(seamline: Type, app: App, number: str, **changes: Any) -> None:
    """An order that is held for a SKU that nobody has."""
    sent(app, order(number, **{"lines": [line("NO-SUCH")], **changes}))
    until(lambda: state(seamline, f"A-{number}") == "held")


def audited(seamline: Type, subject: str) -> list[tuple[str, str, str]]:
    said = seamline(*beside("audit", "--subject", subject, "--json"))
    assert said.status == 0
    return [(each["action"], each["by"], each["reason"]) for each in said.data]


def made_by_hand(app: App, total: str) -> dict[str, Any]:
    """A sale that somebody types into Fulfil, with one line and no tax; its id and its number."""

    def call(model: str, method: str, *arguments: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the sandbox
            f"{app.config.fulfil.api.base_url}/api/v2/model/{model}/{method}",
            json.dumps(arguments).encode(),
            {"X-API-KEY": SECRETS["FULFIL_TOKEN"], "Content-Type": "application/json"},
            method="PUT",
        )
        answers: list[Any] = []

        def answered() -> bool:  # the example's tenant takes ten calls a second from all of us together
            with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:  # noqa: S310
                answers.append(json.loads(answer.read() or b"null"))
            return bool(answers)

        until(answered)
        return answers[0]

    (party,) = call("party.party", "create", [{"name": "Ada Moss"}])
    (product,) = call("product.product", "search", [["code", "=", "SKU-000003"]])
    line = {"product": product, "quantity": 1, "unit_price": {"__class__": "Decimal", "decimal": total}}
    (made,) = call("sale.sale", "create", [{"channel": 4, "party": party, "lines": [["create", [line]]]}])
    for method in ("quote", "confirm"):
        call("sale.sale", method, [made])
    (row,) = call("sale.sale", "read", [made], ["number"])
    assert isinstance(row, dict)
    return row


# -- patches -----------------------------------------------------------------------------------------------------------


def test_a_person_looks_at_what_a_patch_would_do_puts_it_in_and_takes_it_away(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """Dry run, patch, what is known of it, the same order sent again, and the order as it was received."""
    held(seamline, app, "7001")
    file = tmp_path / "patch.json"
    file.write_text(json.dumps({"lines": [line("SKU-000002")], "customer": {"name": "Eve Secret"}}))
    wished = ("orders", "patch", "A-7001", "--file", str(file), *WHY)
    preview = seamline(*beside(*wished, "--dry-run"))
    assert (preview.err, preview.out) == (
        "",
        "marketplace/A-7001 is read with the patch: it is imported, with a total of 64.00 USD. Nothing was changed.\n",
    )
    assert state(seamline, "A-7001") == "held"
    assert seamline(*beside("orders", "patch", "A-7001")).err.startswith("seamline: marketplace/A-7001 has no patch")
    assert "and so is each later version of it: it is imported" in seamline(*beside(*wished)).out
    until(lambda: state(seamline, "A-7001") == "imported")
    explained = seamline(*beside("orders", "explain", "A-7001")).out
    assert "It is read with a patch, by mona on " in explained
    assert ": typed wrong in the shop. It changes /lines, /customer/name, in each later" in explained
    assert "Secret" not in explained
    assert "/lines" in seamline(*beside("orders", "show", "A-7001")).out
    shown = seamline(*beside("orders", "patch", "A-7001"))
    assert [row[0:1] + row[2:] for row in shown.rows] == [
        ["marketplace/A-7001", "mona", "typed wrong in the shop", "/lines, /customer/name"]
    ]
    assert seamline(*beside("orders", "patch", "A-7001", "--json")).data["patch"] == json.loads(file.read_text())
    remove = ("orders", "patch", "A-7001", "--remove", "--reason", "right by now", "--by", "ole")
    assert "this is a change of it" not in seamline(*beside(*remove, "--dry-run")).out
    assert "is read as it was received" in seamline(*beside(*remove)).out
    until(lambda: audited(seamline, "marketplace/A-7001")[-1:] == [("order.patch_remove", "ole", "right by now")])
    assert audited(seamline, "#7001") == audited(seamline, "A-7001") == audited(seamline, "marketplace/A-7001")
    assert audited(seamline, "marketplace/A-7001")[0] == ("order.patch", "mona", "typed wrong in the shop")
    assert seamline(*beside(*remove)).status == 1


def test_a_patch_that_does_not_help_says_for_what_the_order_is_still_held(
    seamline: Type, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From standard input; the figures contradict each other with it."""
    held(seamline, app, "7002")

    def typed_in(text: str, *more: str, why: tuple[str, ...] = WHY) -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return seamline(*beside("orders", "patch", "A-7002", "--file", "-", *why, *more))

    said = typed_in('{"total": "65.00"}', "--dry-run")
    assert "it is still held for order.contradiction: " in said.out, said.err
    for text, complaint in (
        ('{"order_id": "A-1"}', "changes which order it is, or its version"),
        ('{"updated_at": "2030-01-01T00:00:00Z"}', "changes which order it is, or its version"),
        ('{"currency": null}', "cannot be patched like that: "),
        ("[]", "a patch is a JSON object"),
        ("{}", "the patch changes nothing"),
    ):
        assert complaint in typed_in(text, "--dry-run").err
        refused = typed_in(text)
        assert refused.status == 1
        assert complaint in refused.err
    wanted = ("order.patch_denied", "mona", "typed wrong in the shop")
    until(lambda: audited(seamline, "marketplace/A-7002") == [wanted] * 5)
    last = seamline(*beside("audit", "--subject", "A-7002", "--json")).data[-1]
    assert last["values"] == {"why": "the patch changes nothing"}
    assert seamline(*beside("orders", "patch", "A-7002", "--remove", *WHY)).err.endswith("has no patch\n")
    assert "say why" in seamline(*beside("orders", "patch", "A-7002", "--remove", "--by", "mona")).err
    both = typed_in("[]", why=("--reason", "x")).err
    assert "in 3 characters or more: whoever looks at the patch in a year will ask; a patch is a JSON object" in both
    until(lambda: audited(seamline, "marketplace/A-7002") == [wanted] * 6)
    assert state(seamline, "A-7002") == "held"


# -- links -------------------------------------------------------------------------------------------------------------


def test_an_order_is_linked_to_a_sale_that_was_made_by_hand(seamline: Type, app: App) -> None:
    """Looked at first, by its id; linked by its number; and no other order gets it."""
    held(seamline, app, "7101")
    held(seamline, app, "7102")
    sale = made_by_hand(app, "64.00")
    wished = ("orders", "link", "A-7101")
    assert seamline(*beside(*wished, str(sale["id"]), "--dry-run")).out == (
        f"marketplace/A-7101 would be linked to sale {sale['number']}, and the totals agree. Nothing was changed.\n"
    )
    assert state(seamline, "A-7101") == "held"
    said = seamline(*beside(*wished, sale["number"], *WHY))
    assert (said.status, said.out.splitlines()[-1]) == (
        0, f"marketplace/A-7101 is linked to sale {sale['number']}, and the totals agree",
    )  # fmt: skip
    explained = seamline(*beside("orders", "explain", "A-7101")).out
    assert f"is in Fulfil as sale {sale['number']}" in explained
    until(lambda: audited(seamline, "marketplace/A-7101") == [("order.link", "mona", "typed wrong in the shop")])
    for name, complaint in (
        (sale["number"], f"sale {sale['number']} is linked to order marketplace/A-7101 already"),
        ("SO-NONE", "there is no sale SO-NONE in Fulfil"),
    ):
        for more in (("--dry-run",), WHY):
            refused = seamline(*beside("orders", "link", "A-7102", name, *more, "--json" if more is WHY else "--by=x"))
            assert refused.status == 1
            assert complaint in refused.out
    assert state(seamline, "A-7102") == "held"
    assert "it is imported as sale" in seamline(*beside("orders", "link", "A-7101", "1", *WHY)).err
    wanted = ("order.link_denied", "mona", "typed wrong in the shop")
    until(lambda: audited(seamline, "marketplace/A-7101")[-1:] == [wanted])
    last = seamline(*beside("audit", "--json")).data[-1]
    assert (last["values"]["sale"], last["values"]["why"][:16]) == ("1", "it is imported a")


def test_a_sale_with_another_total_is_linked_with_a_case(seamline: Type, app: App) -> None:
    """Both are named, before and after; what an import has made is another order's."""
    held(seamline, app, "7103")
    sent(app, order("7104"))
    until(lambda: state(seamline, "A-7104") == "imported")
    taken = seamline(*beside("orders", "show", "A-7104", "--json")).data["order"]["sale_number"]
    refused = seamline(*beside("orders", "link", "A-7103", taken, *WHY))
    assert f"sale {taken} is that of another order, A-7104, in Fulfil" in refused.out
    sale = made_by_hand(app, "60.00")
    differs = f"sale {sale['number']} in Fulfil has a total of 60.00 USD, the order 64.00 USD"
    assert differs in seamline(*beside("orders", "link", "A-7103", sale["number"], "--dry-run")).out
    said = seamline(*beside("orders", "link", "A-7103", sale["number"], *WHY))
    assert "which says something else" in said.out
    assert differs in seamline(*beside("orders", "explain", "A-7103")).out
    seamline(*beside("holds", "release", "A-7103", "--by", "ole"))
    until(lambda: audited(seamline, "marketplace/A-7103")[-1:] == [("hold.release", "ole", "")])


# -- by cause ----------------------------------------------------------------------------------------------------------


def test_holds_are_listed_by_cause_and_released_together(seamline: Type, app: App) -> None:
    """How many, whose, what is at stake; a preview; and all of them are decided on again, on record."""
    for number in ("7201", "7202", "7203"):
        held(seamline, app, number, lines=[line("LATE-LAMP")])
    rows = seamline(*beside("holds", "--by", "cause", "--kind", "sku.unknown")).rows
    (row,) = [row for row in rows if row[3] == "LATE-LAMP"]
    assert row[1:6] == ["ecommerce", "sku.unknown", "LATE-LAMP", "3", "192.00 USD"]
    (data,) = [
        each for each in seamline(*beside("holds", "--by", "cause", "--json")).data if each["cause"] == "LATE-LAMP"
    ]
    assert (data["cases"], data["amounts"]) == (3, {"USD": "192.00"})
    causes, words = list[str](), beside("holds", "--by", "cause", "--limit", "1", "--json")
    while words:
        page = seamline(*words)
        causes += [each["cause"] for each in page.data]
        words = shlex.split(page.err.removeprefix("more: seamline "))
    assert causes == [each["cause"] for each in seamline(*beside("holds", "--by", "cause", "--json")).data]
    cause = ("--kind", "sku.unknown", "--cause", "LATE-LAMP")
    assert seamline(*beside("holds", "release", *cause, "--dry-run")).out == (
        "3 orders held for sku.unknown 'LATE-LAMP', 192.00 USD at stake, would be decided on again.\n"
    )
    said = seamline(*beside("holds", "release", *cause, "--by", "mona", "--reason", "as agreed"))
    assert said.out == (
        "3 orders held for sku.unknown 'LATE-LAMP' will be decided on again, the oldest purchase first\n"
    )

    def times_held(name: str) -> int:
        story = seamline(*beside("orders", "show", name, "--json")).data
        return [fact["kind"] for fact in story["timeline"]].count("held")

    until(lambda: [times_held(f"A-{number}") for number in ("7201", "7202", "7203")] == [2, 2, 2])
    until(lambda: ("hold.release_cause", "mona", "as agreed") in audited(seamline, "sku.unknown"))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--kind", "sku.unknown", "--cause", "NOBODY"], "no order is held for sku.unknown 'NOBODY'"),
        (["--kind", "sku.unknow", "--cause", "A"], "there are sku.unknown, "),
        (["--kind", "sku.unknown"], "name one order, or give --kind and --cause"),
        (["A-1", "--kind", "sku.unknown", "--cause", "A"], "name one order, or give --kind and --cause"),
        ([], "name one order, or give --kind and --cause"),
        (["patchworks/flow/9999"], "there is no open case of 'patchworks/flow/9999'; `seamline holds` shows what"),
        (["payout/web/stripe/9"], "there is no open case of 'payout/web/stripe/9'; `seamline holds` shows what"),
        (["stock/web"], "there is no open case of 'stock/web'; `seamline holds` shows what"),
    ],
)
@pytest.mark.usefixtures("app")
def test_a_release_that_makes_no_sense_is_refused(seamline: Type, words: list[str], complaint: str) -> None:
    """Status 1, and what to give instead."""
    said = seamline(*beside("holds", "release", *words))
    assert said.status == 1
    assert complaint in said.err


@pytest.mark.usefixtures("app")
def test_what_is_not_in_suspense_cannot_be_cleared(seamline: Type) -> None:
    """The running process looks, and says where to look; nothing is on record then."""
    words = ("payments", "clear-suspense", "tax", "VAT", "--sales-channel", "web", "--month", "2026-10")
    said = seamline(*beside(*words, "--reason", "moved in Fulfil"))
    assert said.status == 1
    assert "nothing is in suspense of the tax 'VAT' of web, up to the end of 2026-10" in said.err
    assert "`seamline payments list --suspense`" in said.err
