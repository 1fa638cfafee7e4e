"""The commands about payouts, beside the process of the example configuration."""

from __future__ import annotations

import csv
import getpass
import hashlib
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.app import App
from tests.integration.example import beside, order, running, sent, until
from tests.integration.terminal import Type
from tests.unit import payout_files as files

TO = ("--sales-channel", "marketplace")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, dict[str, str]]]:
    """A process that knows of no payout."""
    with running(tmp_path_factory.mktemp("payouts") / "seamline.db") as (app, environment):
        yield app, environment


@pytest.fixture
def app(process: tuple[App, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> App:
    """That process, and the environment of whoever types commands beside it."""
    for name, value in process[1].items():
        monkeypatch.setenv(name, value)
    return process[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A payout of two lines: one is the payment of an order, the other has a type that begins like a formula."""
    lines = [
        files.stripe_line("txn_1", "charge", 11_800, 342, source="ch_4001"),
        files.stripe_line("txn_2", '=HYPERLINK("x")', -400, source=None),
        files.stripe_line("txn_3", "payout", -11_058, source="po_1"),
    ]  # fmt: skip
    path = tmp_path / "po_1.json"
    path.write_bytes(files.stripe(lines))
    return path


def test_a_file_is_read_without_a_trace_and_then_imported(seamline: Type, app: App, file: Path, tmp_path: Path) -> None:
    """Dry run, import, import again; list, show, both tables; the order knows its line, finance its case."""
    sent(app, order("4001", payments=[{"id": "ch_4001", "gateway": "card", "amount": "64.00"}]))
    until(lambda: seamline(*beside("orders", "show", "A-4001", "--json")).status == 0)
    dry = seamline(*beside("payouts", "import", str(file), *TO, "--dry-run", "--json"))
    assert (dry.status, dry.data["dry_run"], dry.data["payouts"][0]["verdict"]) == (1, True, "proven")
    assert "po_1" not in {row["payout"] for row in _listed(seamline)}
    assert not any(each["values"].get("payouts") == "po_1" for each in seamline(*beside("audit", "--json")).data)

    for news in (True, False):
        said = seamline(*beside("payouts", "import", str(file), *TO, "--json"))
        assert said.status == 1, "a line is unexplained"
        (payout,) = said.data["payouts"]
        assert (payout["lines"], payout["net"], payout["paid"], payout["unlinked"]) == (2, "110.58", "110.58", 0)
        assert payout["news"] is news
    assert (
        "2 lines in 1 payout, nothing new: all of it was known"
        in seamline(*beside("payouts", "import", str(file), *TO)).out
    )
    told = seamline(*beside("payouts", "import", str(file), *TO)).out
    key = "payout/marketplace/stripe/po_1"
    assert f"4.00 EUR of it is unexplained: no class fits; see `seamline payouts show {key} --lines`" in told
    (listed,) = [row for row in _listed(seamline) if row["payout"] == "po_1"]
    assert (listed["verdict"], listed["fees"], listed["unexplained"]) == ("proven", "-3.42", "4.00")

    shown = seamline(*beside("payouts", "show", "po_1", "--json", "--lines"))
    by_id = {each["line"]: each for each in shown.data["lines_listed"]}
    assert by_id["txn_1"]["order"] == "marketplace/A-4001"
    (paid_out,) = seamline(*beside("orders", "show", "A-4001", "--json")).data["paid_out"]
    assert (paid_out["payout"], paid_out["amount"], paid_out["fee"]) == ("po_1", "118.00", "-3.42")
    assert "118.00 EUR\t-3.42\t114.58" in seamline(*beside("orders", "show", "A-4001")).out
    assert [case["kind"] for case in shown.data["cases"]] == ["payout.unexplained"]

    table = tmp_path / "lines.csv"
    assert seamline(*beside("payouts", "show", "po_1", "--csv", str(table))).status == 0
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert sum(Decimal(row["net"]) for row in rows) == Decimal("110.58")
    assert rows[1]["type"] == '\'=HYPERLINK("x")', "a spreadsheet is not to run it"
    assert rows[1]["net"] == "-4.00", "and an amount stays a number"

    key = "payout/marketplace/stripe/po_1"
    assert seamline(*beside("holds", "release", key, "--reason", "the provider said so", "--by", "mona")).status == 0
    until(lambda: seamline(*beside("payouts", "show", "po_1", "--json")).data["cases"][0]["closed_at"] is not None)
    assert [each["reason"] for each in seamline(*beside("audit", "--subject", key, "--json")).data] == [
        "the provider said so"
    ]


def test_the_amount_in_the_bank_is_an_equation_of_its_own(seamline: Type, app: App, tmp_path: Path) -> None:
    """Given later, with the same file: then it does not tie, and that is said in words."""
    path = tmp_path / "po_2.json"
    lines = [files.stripe_line("b_1", "topup", 500), files.stripe_line("b_2", "payout", -500, source="po_2")]
    path.write_bytes(files.stripe(lines))
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 0
    by_mona = ("--by", "mona", "--reason", "by the statement of January")
    said = seamline(*beside("payouts", "import", str(path), *TO, "--bank-amount", "4.98", *by_mona))
    assert said.status == 1
    assert "contradicted by 0.02 EUR" in said.out
    assert "1 payout, imported" in said.out, "the amount in the bank is news"
    key = "payout/marketplace/stripe/po_2"
    assert f"its sums do not tie, by 0.02 EUR; see `seamline payouts show {key}`" in said.out
    shown = seamline(*beside("payouts", "show", "po_2")).out
    assert "equation\tlines (5.00 EUR) = reported paid (5.00 EUR)\n" in shown
    assert "equation\treported paid are 5.00 EUR, bank amount is 4.98 EUR: the difference is 0.02 EUR\n" in shown
    assert len(seamline(*beside("payouts", "show", "po_2", "--json")).data["equations"]) == 2

    def audited() -> list[Any]:
        entries = seamline(*beside("audit", "--json")).data
        return [each for each in entries if each["values"].get("payouts") == "po_2"]

    until(lambda: len(audited()) == 2)
    first, second = audited()
    assert (first["by"], first["reason"], "bank" in first["values"]) == (getpass.getuser(), "", False)
    assert (second["by"], second["action"], second["subject"]) == ("mona", "payout.import", "marketplace")
    assert second["reason"] == "by the statement of January"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    run = {"run": second["values"]["run"]}
    told = {"format": "stripe", "sha256": sha256, "payouts": "po_2", "lines": "1", "bank": "4.98 EUR"}
    assert second["values"] == {**told, **run}
    assert first["values"]["run"] != run["run"], "an import is a decision of its own, also of the same file"
    assert "bank amount is 4.98 EUR: the difference is 0.02 EUR" in shown
    assert "received\tyes\n" in shown
    assert seamline(*beside("holds", "release", key, "--reason", "a fee of the bank", "--by", "mona")).status == 0
    until(lambda: _named(seamline, "po_2")["let_stand_by"] == "mona")
    assert "contradicted, let stand by mona\t0.02" in seamline(*beside("payouts", "list")).out


def _charged(id_: str, payout: str, cents: int) -> bytes:
    """A file of one charge and its payout."""
    return files.stripe(
        [
            files.stripe_line(id_, "charge", cents, source="ch_9"),
            files.stripe_line(f"{id_}_out", "payout", -cents, source=payout),
        ]
    )


def test_a_payout_that_is_known_of_another_sales_channel_is_refused_unless_it_is_said_on_purpose(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """Also in a dry run; the sentence names that sales channel, and the record says who imported it all the same."""
    path = tmp_path / "po_20.json"
    path.write_bytes(_charged("e_1", "po_20", 7_001))
    web = ("payouts", "import", str(path), "--sales-channel", "web")
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 0
    for more in ((), ("--dry-run",)):
        said = seamline(*beside(*web, *more))
        assert said.status == 65
        assert "payout po_20 of stripe is known of the sales channel marketplace already. Import it with" in said.err
    assert [row["sales_channel"] for row in _listed(seamline) if row["payout"] == "po_20"] == ["marketplace"]
    said = seamline(*beside(*web, "--yes"))
    assert (said.status, "--yes goes with --reason" in said.err) == (2, True)
    purpose = ("--yes", "--reason", "a batch of the other account", "--by", "ida")
    assert seamline(*beside(*web, *purpose)).status == 0
    until(lambda: any(each["by"] == "ida" for each in seamline(*beside("audit", "--json")).data))
    (entry,) = [each for each in seamline(*beside("audit", "--json")).data if each["by"] == "ida"]
    assert entry["values"]["although"].startswith("payout po_20 of stripe is known of the sales channel marketplace")
    assert seamline(*beside(*web)).status == 0, "it is known there now"


def test_a_payout_that_is_likely_known_under_another_id_is_refused(seamline: Type, app: App, tmp_path: Path) -> None:
    """Shopify's export names it by day and currency, its API by an id; day and amount give it away."""
    export, api = tmp_path / "export.csv", tmp_path / "api.json"
    export.write_text(
        "Payout Date,Status,Charges,Refunds,Adjustments,Fees,Total,Currency\n2026-11-12,paid,70,0,0,3.88,66.12,USD\n",
        encoding="utf-8",
    )
    payout = {**files.SHOPIFY_PAYOUT, "id": 703, "amount": "66.12", "date": "2026-11-12"}
    api.write_bytes(files.json({"payouts": [payout]}))
    assert seamline(*beside("payouts", "import", str(export), *TO)).status == 0
    said = seamline(*beside("payouts", "import", str(api), *TO))
    assert said.status == 65
    assert "payout 703 comes to 66.12 USD on 2026-11-12, as does 2026-11-12-USD, which is known" in said.err
    assert "703" not in {row["payout"] for row in _listed(seamline)}
    both = ("--yes", "--reason", "paid twice on that day")
    taken = seamline(*beside("payouts", "import", str(api), *TO, *both))
    assert (taken.status, "703\tis a case now\tpayout.twice: " in taken.out) == (1, True)
    shown = seamline(*beside("payouts", "show", "703", "--json"))
    assert [case["kind"] for case in shown.data["cases"]] == ["payout.twice"]


def test_another_amount_in_the_bank_is_taken_when_it_is_confirmed(seamline: Type, app: App, tmp_path: Path) -> None:
    """Not before; the record and the answer say what it was."""
    path = tmp_path / "po_21.json"
    path.write_bytes(_charged("f_1", "po_21", 8_612))
    known = ("payouts", "import", str(path), *TO, "--bank-amount")
    assert seamline(*beside(*known, "86.12")).status == 0
    said = seamline(*beside(*known, "66.12"))
    assert said.status == 65
    assert "the bank's amount of payout po_21 was said to be 86.12 EUR, and --bank-amount says 66.12 EUR" in said.err
    said = seamline(*beside(*known, "66.12", "--yes", "--reason", "a typing error", "--by", "eva"))
    assert "bank 66.12 EUR (was 86.12)" in said.out

    def audited() -> list[Any]:
        return [each["values"] for each in seamline(*beside("audit", "--json")).data if each["by"] == "eva"]

    until(lambda: audited() != [])
    assert [(each["bank"], each["bank_was"]) for each in audited()] == [("66.12 EUR", "86.12")]


def test_a_dry_run_says_what_would_be_new_beside_what_is_known(seamline: Type, app: App, tmp_path: Path) -> None:
    """A payout proven by another file stays proven; lines of unknown orders are named, and so is a changed figure."""
    paid = tmp_path / "po_22.json"
    paid.write_bytes(_charged("g_1", "po_22", 9_100))
    assert seamline(*beside("payouts", "import", str(paid), *TO)).status == 0
    more = tmp_path / "more.json"
    lines = [
        files.stripe_line("g_1", "charge", 9_100, 5, source="ch_9"),
        files.stripe_line("g_2", "charge", 50, source="ch_unknown"),
        files.stripe_line("g_3", "payout", -9_100, source="po_22"),
    ]
    more.write_bytes(files.stripe(lines))
    said = seamline(*beside("payouts", "import", str(more), *TO, "--dry-run"))
    assert "2 lines in 1 payout, read, and nothing is kept of it; 1 of the lines and none of the payouts" in said.out
    assert "po_22\t1 of its new lines is of no order that is known here: g_2 (ch_unknown)" in said.out
    assert "a later file tells 1 of its lines otherwise: g_1 by -0.05" in said.out
    assert "contradicted by 0.50 EUR" in said.out
    assert "None" not in seamline(*beside("payouts", "show", "po_22", "--lines")).out, "it has no order, and no sale"
    again = seamline(*beside("payouts", "import", str(paid), *TO, "--dry-run"))
    assert "read, and nothing is kept of it; all of it is known" in again.out
    assert (_named(seamline, "po_22")["lines"], _named(seamline, "po_22")["verdict"]) == (1, "proven")


def test_a_file_that_contradicts_what_is_known_says_so_until_the_right_one_comes_again(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """Import and dry run name the case alike, when it opens and while it is open; neither says that all is known."""
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_bytes(_charged("k_1", "po_24", 17_400))
    wrong.write_bytes(_charged("k_1", "po_24", 17_300))
    into = ("payouts", "import", *TO)
    assert seamline(*beside(*into, str(right))).status == 0
    case = "payout.changed: payout po_24 of stripe: it was 174.00 EUR before, and a later file says 173.00 EUR"
    dry = seamline(*beside(*into, str(wrong), "--dry-run"))
    assert (dry.status, f"po_24\twould be a case\t{case}" in dry.out) == (1, True)
    real = seamline(*beside(*into, str(wrong)))
    assert (real.status, f"po_24\tis a case now\t{case}" in real.out, "nothing new" in real.out) == (1, True, False)
    assert "to take the later figures, `seamline holds release payout/marketplace/stripe/po_24 --reason" in real.out
    assert "to have neither, `seamline payouts drop payout/marketplace/stripe/po_24 --reason" in real.out
    for more in (("--dry-run",), ()):
        again = seamline(*beside(*into, str(wrong), *more))
        assert (again.status, f"po_24\tstands against it\t{case}" in again.out) == (1, True)
        assert "all of it" not in again.out
    over = seamline(*beside(*into, str(right)))
    assert (over.status, "payout.changed" in over.out) == (0, False)


def test_a_file_that_says_it_is_a_part_does_not_end_well_until_a_person_has_let_it_stand(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """As an import, again, as a dry run, and without a store; also where there is nothing that it could contradict."""
    part, whole = tmp_path / "part.json", tmp_path / "whole.json"
    lines = [files.paypal_line("Q1", "T0000", "46.00")]
    part.write_bytes(files.paypal(lines, total_pages=2))
    whole.write_bytes(files.paypal(lines))
    into = ("payouts", "import", *TO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "none.db"))
        assert seamline(*beside(*into, str(part), "--dry-run")).status == 1
        assert seamline(*beside(*into, str(whole), "--dry-run")).status == 0
    assert seamline(*beside(*into, str(part), "--dry-run")).status == 1
    real = seamline(*beside(*into, str(part), "--json"))
    (payout,) = real.data["payouts"]
    assert (real.status, payout["verdict"]) == (1, "unproven")
    assert "payout.incomplete" in [each.partition(":")[0] for each in payout["opens"]]
    again = seamline(*beside(*into, str(part)))
    assert (again.status, "stands against it\tpayout.incomplete: " in again.out) == (1, True)
    assert "these are not in the file: 2; import the rest of it\n" in again.out
    assert seamline(*beside("holds", "release", payout["key"], "--reason", "the page was empty")).status == 0
    shown = beside("payouts", "show", payout["key"], "--json")
    until(lambda: all(case["closed_at"] is not None for case in seamline(*shown).data["cases"]))
    assert seamline(*beside(*into, str(part))).status == 0


def test_a_file_without_lines_and_payouts_is_said_to_have_nothing_in_it(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """It is no failure: nobody was paid, as in a month without sales."""
    head = files.SHOPIFY_CSV.splitlines()[0] + "\n"
    for name, content in (("head.csv", head), ("none.json", '{"payouts": []}')):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        for more in ((), ("--dry-run",)):
            said = seamline(*beside("payouts", "import", *TO, str(path), *more))
            assert (said.status, "0 lines in 0 payouts, there is nothing in it" in said.out) == (0, True), said


def test_a_row_of_an_export_with_another_fee_is_no_new_line(seamline: Type, app: App, tmp_path: Path) -> None:
    """The dry run knows it again, as the import does."""
    right, wrong = tmp_path / "right.csv", tmp_path / "wrong.csv"
    export = files.SHOPIFY_CSV.replace("2026-01-07", "2026-04-07")
    right.write_text(export)
    wrong.write_text(export.replace("3.20,96.80", "3.30,96.70"))
    into = ("payouts", "import", *TO)
    assert seamline(*beside(*into, str(right))).status == 0
    for more, word in ((("--dry-run",), "would be a case"), ((), "is a case now")):
        said = seamline(*beside(*into, str(wrong), *more))
        assert (said.status, f"{word}\tpayout.changed: " in said.out, "by -0.10" in said.out) == (1, True, True)
        assert "none of the lines and none of the payouts" in said.out
    over = seamline(*beside(*into, str(right)))
    assert (over.status, "payout.changed" in over.out) == (0, False)


def test_a_payout_that_failed_stays_so_whatever_a_list_says(seamline: Type, app: App, tmp_path: Path) -> None:
    """The import names the case, and a list that calls it paid is named, too. A dry run without a store ends alike."""
    failed, paid = tmp_path / "failed.csv", tmp_path / "paid.csv"
    row = "2026-03-09,{},100.00,0.00,0.00,0.00,-3.00,0.00,97.00,USD"
    head = files.SHOPIFY_PAYOUTS_CSV.splitlines()[0]
    failed.write_text(f"{head}\n{row.format('failed')}\n")
    paid.write_text(f"{head}\n{row.format('paid')}\n")
    into = ("payouts", "import", *TO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEAMLINE__STORE__PATH", str(tmp_path / "none.db"))
        alone, well = (seamline(*beside(*into, str(each), "--dry-run")) for each in (failed, paid))
    assert (alone.status, "it is failed; its money was never received" in alone.out, well.status) == (1, True, 0)
    first = seamline(*beside(*into, str(failed)))
    assert (first.status, "is a case now\tpayout.failed: " in first.out) == (1, True)
    for more in (("--dry-run",), ()):
        said = seamline(*beside(*into, str(paid), *more))
        assert (said.status, "the file says that it is paid, and it is known as failed" in said.out) == (1, True)


def test_a_payout_of_the_wrong_sales_channel_is_taken_back_on_record(seamline: Type, app: App, tmp_path: Path) -> None:
    """Then the same file is taken for the right one; who took it back and why stays."""
    path = tmp_path / "po_23.json"
    path.write_bytes(_charged("i_1", "po_23", 6_500))
    assert seamline(*beside("payouts", "import", str(path), "--sales-channel", "web")).status == 0
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 65
    assert "--reason" in seamline(*beside("payouts", "drop", "po_23")).err
    key = "payout/web/stripe/po_23"
    said = seamline(*beside("payouts", "drop", "po_23", "--reason", "wrong sales channel", "--by", "ina"))
    assert (said.status, f"{key} is taken back" in said.out) == (0, True)
    until(lambda: "po_23" not in {row["payout"] for row in _listed(seamline)})
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 0
    (entry,) = seamline(*beside("audit", "--subject", key, "--json")).data
    assert (entry["action"], entry["by"], entry["reason"]) == ("payout.drop", "ina", "wrong sales channel")
    assert entry["values"]["net"] == "65.00 EUR"
    assert "no payout is known as 'po_404'" in seamline(*beside("payouts", "drop", "po_404", "--reason", "why")).err


def test_lines_and_payouts_that_were_known_are_counted_apart(seamline: Type, app: App, tmp_path: Path) -> None:
    """Five lines in three payouts, of which one payout with two lines was known."""
    known, whole = tmp_path / "one.json", tmp_path / "three.json"
    pages = [
        files.shopify(
            [
                files.shopify_line(payout * 10 + number, "reserve", "1.00", "0.00", "1.00", payout_id=payout)
                for number in range(count)
            ],
            {**files.SHOPIFY_PAYOUT, "id": payout, "amount": f"{count}.00", "date": f"2026-05-0{payout % 10}"},
        )
        for payout, count in ((801, 2), (802, 2), (803, 1))
    ]
    known.write_bytes(pages[0])
    whole.write_bytes(b"\n".join(pages))
    assert "2 lines in 1 payout, imported\n" in seamline(*beside("payouts", "import", str(known), *TO)).out
    said = seamline(*beside("payouts", "import", str(whole), *TO)).out
    assert "5 lines in 3 payouts, imported; 3 of the lines and 2 of the payouts are new\n" in said


def test_an_import_of_many_payouts_is_one_entry_of_the_audit_log(seamline: Type, app: App, tmp_path: Path) -> None:
    """It came in a page or more for each payout, and one person decided once."""
    payouts = [{**files.SHOPIFY_PAYOUT, "id": 900 + number, "amount": "5.00"} for number in range(5)]
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(files.json({"payouts": [each]}) for each in payouts))
    seamline(*beside("payouts", "import", str(path), *TO, "--by", "ole", "--format", "shopify"))

    def audited() -> list[str]:
        return [each["values"]["payouts"] for each in seamline(*beside("audit", "--json")).data if each["by"] == "ole"]

    until(lambda: audited() != [])
    assert audited() == ["900, 901, 902 and 2 more"]


@pytest.mark.parametrize(
    ("content", "more", "status", "said"),
    [
        (files.STRIPE_CSV.replace("100.00", "NaN", 1), (), 65, "line 2, column gross: it is not a plain decimal"),
        ("a,b\n", (), 65, "in.csv: it is not recognised as any format; say with --format which it is: amazon, mollie"),
        (files.STRIPE_CSV, ("--format", "klarna"), 1, "there is no format 'klarna'"),
        (files.STRIPE_CSV, ("--bank-amount", "1,5"), 2, "--bank-amount: the decimal mark is a comma"),
        (files.STRIPE_CSV, ("--time-zone", "Mars/Base"), 2, "--time-zone: 'Mars/Base' is no time zone"),
        (files.STRIPE_CSV, ("--encoding", "klingon"), 2, "--encoding: 'klingon' is not known"),
        (None, (), 66, "is no file that can be read"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_leaves_nothing(
    seamline: Type, app: App, tmp_path: Path, content: str | None, more: tuple[str, ...], status: int, said: str
) -> None:
    """One sentence, and a status that a script can tell apart."""
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    answered = seamline(*beside("payouts", "import", str(path), *TO, *more))
    assert (answered.status, said in answered.err) == (status, True), answered.err
    assert not any(row["provider"] == "stripe" and row["payout"] == "po_9" for row in _listed(seamline))


def _named(seamline: Type, payout: str) -> Any:
    return next(row for row in _listed(seamline) if row["payout"] == payout)


def _listed(seamline: Type) -> list[Any]:
    found: list[Any] = seamline(*beside("payouts", "list", "--json")).data
    return found


def test_amounts_have_the_digits_of_their_currency_and_more_only_where_they_count(
    seamline: Type, app: App, tmp_path: Path
) -> None:
    """However the file has them; tables for machines keep every digit as it came."""
    path = tmp_path / "in.csv"
    digits = (("eur", "jpy"), ("po_9", "po_jpy"), ("txn_", "yen_"), ("3.45", "3.00"), ("96.55", "97.000"))
    content = files.STRIPE_EXPORT.replace("76.55", "77.00")
    for was, now in digits:
        content = content.replace(was, now)
    path.write_text(content, encoding="utf-8")
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 0
    (listed,) = [row for row in seamline(*beside("payouts", "list")).rows if row[3] == "po_jpy"]
    assert listed[5:7] == ["77 JPY", "77"]
    assert _named(seamline, "po_jpy")["net"] == "77.000"
    shown = seamline(*beside("payouts", "show", "po_jpy", "--lines")).out
    assert "net\t77\n" in shown
    assert "sale\t100 JPY\n" in shown
    assert "\t100\t-3\t0\t0\t97\t" in shown
    table = seamline(*beside("payouts", "show", "po_jpy", "--csv", "-")).out
    assert ",97.000," in table


def test_lines_of_a_payout_stand_by_their_instants(seamline: Type, app: App, tmp_path: Path) -> None:
    """In the table, as CSV and as JSON; those of one instant by their ids."""
    path = tmp_path / "po_30.json"
    created = (("s_9", 1_767_600_000), ("s_2", 1_767_700_000), ("s_5", 1_767_600_000))
    lines = [files.stripe_line(id_, "charge", 1_000, source=None, created=at) for id_, at in created]
    own = files.stripe_line("s_0", "payout", -3_000, source="po_30", created=1_767_800_000)
    path.write_bytes(files.stripe([*lines, own]))
    assert seamline(*beside("payouts", "import", str(path), *TO)).status == 0
    in_order = ["s_5", "s_9", "s_2"]
    table = seamline(*beside("payouts", "show", "po_30", "--csv", "-")).out
    assert [row["line"] for row in csv.DictReader(io.StringIO(table))] == in_order
    listed = seamline(*beside("payouts", "show", "po_30", "--lines", "--json")).data["lines_listed"]
    assert [row["line"] for row in listed] == in_order


def test_the_formats_are_listed_before_there_is_a_configuration(
    seamline: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are built in, and that is said; a configuration that was named and is not there is a problem."""
    monkeypatch.chdir(tmp_path)
    said = seamline("payouts", "formats")
    assert (said.status, {"stripe", "shopify-csv"} <= {row[0] for row in said.rows}) == (0, True)
    assert "there is no seamline.toml here: these are built in" in said.err
    assert seamline("payouts", "formats", "--config", "other.toml").status == 78


def test_a_payout_or_sales_channel_that_is_not_there_is_named(seamline: Type, app: App, file: Path) -> None:
    """And where those that are can be seen."""
    assert "`seamline payouts list` shows those" in seamline(*beside("payouts", "show", "po_404")).err
    said = seamline(*beside("payouts", "import", str(file), "--sales-channel", "moon"))
    assert (said.status, "there is no sales channel 'moon'" in said.err) == (1, True)
    assert {row[0] for row in seamline(*beside("payouts", "formats")).rows} >= {"stripe", "amazon", "paypal"}
