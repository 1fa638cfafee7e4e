"""Bad input has one right answer: the file is refused, with the place and what is wrong there; nothing is guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from flows.payout_import.file import formats_of, opened
from flows.payouts import PayoutFormat, PayoutUnreadable
from runtime.rule import RuleBroken
from tests.unit import payout_files as files
from tests.unit.payout_files import Read

CSV = files.STRIPE_CSV
NOT_PLAIN = "it is not a plain decimal number such as -12.50"
GROUPED = "the amount has separators of thousands: '2,329.86' must stand as 2329.86"


def csv_with(amount: str) -> str:
    return CSV.replace("eur,100.00,", f"eur,{amount},")


@pytest.mark.parametrize(
    ("content", "format_", "place", "reason"),
    [
        (csv_with("NaN"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with("1E+400"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with("1E5"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with("=1+1"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with("$100.00"), "stripe-csv", "line 2, column gross", "'$100.00' must stand as 100.00"),
        (csv_with("(1.23)"), "stripe-csv", "line 2, column gross", "'(1.23)' must stand as -1.23"),
        (csv_with("-1.23 USD"), "stripe-csv", "line 2, column gross", "'-1.23 USD' must stand as -1.23"),
        (csv_with("EUR 1.23-"), "stripe-csv", "line 2, column gross", "'EUR 1.23-' must stand as -1.23"),
        (csv_with('"(\u20ac1,064.50)"'), "stripe-csv", "line 2, column gross", "must stand as -1064.50"),
        (csv_with("\u22121.23"), "stripe-csv", "line 2, column gross", "must stand as -1.23"),
        (csv_with("(1.23"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with("1.23 dollars"), "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (csv_with(""), "stripe-csv", "line 2, column gross", "the amount is missing"),
        (csv_with('"2,329.86"'), "stripe-csv", "line 2, column gross", GROUPED),
        (csv_with('"-1,064,000"'), "stripe-csv", "line 2, column gross", "must stand as -1064000"),
        (csv_with("1'064'000.5"), "stripe-csv", "line 2, column gross", "must stand as 1064000.5"),
        (csv_with('"100,00"'), "stripe-csv", "line 2, column gross", "a comma: '100,00' must stand as 100.00"),
        (CSV.replace(",eur,100", ",euro,100"), "stripe-csv", "line 2, column currency", "a currency is not a code"),
        (CSV.replace("2026-01-05 10", "05/01/26 10", 1), "stripe-csv", "line 2, column created_utc", "it is no date"),
        (files.SHOPIFY_CSV.replace("2026-01-06", "03.11.2026"), "shopify-csv", "column Transaction Date", "no date"),
        (CSV.replace("2026-01-05 10", "05.01.2026 10", 1), "stripe-csv", "line 2, column created_utc", "it is no date"),
        (CSV.replace(",", ";"), "stripe-csv", "line 1", "its columns are separated by semicolons, not by commas"),
        (CSV.encode("utf-16"), "stripe-csv", "line 1", "it is UTF-16"),
        (CSV.replace(",x,", ",caf\xe9,").encode("latin-1"), "stripe-csv", "line 2", "is no utf-8; say with --encoding"),
        (CSV[:-30], "stripe-csv", "line 4", "of 16 columns: the file is cut off"),
        (csv_with("NaN")[:-30], "stripe-csv", "line 2, column gross", NOT_PLAIN),
        (CSV.replace(",x,ch_0", ',"x,ch_0'), "stripe-csv", "line 4", "the file ends within a quoted cell"),
        (CSV.replace(",x,ch_0", ",x\x00,ch_0"), "stripe-csv", "line 3", "it has a zero byte"),
        (CSV.replace("fee,net", "net,net"), "stripe-csv", "line 1", "two columns have the same name"),
        ("", "stripe-csv", "line 1", "the file is empty"),
        ("a,b\n1,2\n", "stripe-csv", "line 1", "there is no column balance transaction id"),
        (files.AMAZON.replace("19.99", "19,99"), "amazon", "line 3, column amount", "the decimal mark is a comma"),
        (files.AMAZON.replace("\t10.10\t", "\t10,10\t"), "amazon", "line 3, column amount", "elsewhere in this file"),
        (files.AMAZON.replace("\t10.10\t", "\t\t"), "amazon", "line 2, column total-amount", "no row with a total"),
        (files.shopify()[:-40], "shopify", "line 2", "the JSON is cut off"),
        (b'{"transactions": [}', "shopify", "line 1, byte 19", "the JSON is malformed"),
        (files.shopify([files.shopify_line(1, "charge", "NaN", "0", "0")]), "shopify", "transactions[1]", NOT_PLAIN),
        (files.shopify([files.shopify_line(1, "charge", "2,329.86", "0", "0")]), "shopify", "line 2.tr", GROUPED),
        (files.shopify().replace(b'"amount":"50.00"', b'"amount":1E+400'), "shopify", "transactions[2]", "range"),
        (files.shopify().replace(b'"amount":"50.00"', b'"amount":NaN'), "shopify", "line 2", "the JSON is malformed"),
        (files.shopify().replace(b"charge", b"charg\xe9", 1), "shopify", "line 2.transactions[1]", "is malformed"),
        (b'{"orders": []}', "shopify", "payouts", "it has neither payouts nor transactions"),
        (files.stripe([{"object": "charge"}]), "stripe", "data[1].object", "a word that the format does not know"),
        (files.stripe().replace(b"-2000", b"-2000.5"), "stripe", "data[2].amount", "Expected `int`"),
        (files.stripe().replace(b"-2000", b"9" * 90), "stripe", "data[2].amount", "is out of range"),
        (files.json({"object": "payout", "id": "p", "currency": "eur", "amount": 1}).replace(b":1", b":" + b"9" * 90),
         "stripe", "the document.amount", "is out of range"),
        (files.stripe().replace(b'"1001"', b'"' + b"1" * 201 + b'"'), "stripe", "data[1].source.metadata", "is no id"),
        (files.stripe([files.stripe_line("t", "charge", 1, created=10**15)]), "stripe", "data[1].c", "it is no time"),
        (files.stripe([*files.STRIPE_LINES[:5], {"type": "payout", "id": 1}]), "stripe", "data[6].id", "`str`"),
        (files.mollie({"resource": "order"}), "mollie", "resource", "it is no settlement"),
        (files.GENERIC_CSV.replace("100,00", "100.00"), files.generic(), "line 2, column Gross", "elsewhere in this"),
        (files.GENERIC_CSV.replace("100,00", "2.329,86"), files.generic(), "line 2, column Gross", "as 2329,86"),
        (files.GENERIC_CSV.replace(";", ","), files.generic(), "line 1", "separated by commas, not by semicolons"),
        (files.GENERIC_CSV.replace("P2;R", ";R"), files.generic(), "line 3, column Psp Reference", "has no id"),
    ],
    ids=lambda each: each[:24].decode("latin-1") if isinstance(each, bytes) else None,
)  # fmt: skip
def test_a_file_is_refused_with_its_place(
    content: bytes | str, format_: str | PayoutFormat, place: str, reason: str
) -> None:
    """One sentence: where it is, and what it has to be."""
    with pytest.raises(PayoutUnreadable) as refused:
        Read(content, format_)
    assert place in refused.value.place
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbf\n", "it is empty"),
        (b"", "it is empty"),
        (CSV.encode("utf-16"), "it is UTF-16"),
        (b"PK\x03\x04\x14", "a spreadsheet or an archive"),
        (b"\x1f\x8b\x08", "it is compressed"),
        (b"%PDF-1.7", "it is a PDF"),
        (b"<?xml version='1.0'?>", "it is XML"),
        (b'"RH","2026/01/07"\n"FH","1"\n', "a settlement report of PayPal"),
        (b'"Date","Time","TimeZone","Gross","Fee","Net","Transaction ID"\n', "the download of PayPal's activity"),
        (
            '"Datum","Uhrzeit","Brutto","Gebühr","Netto","Transaktionscode"\n'.encode(),
            "the download of PayPal's activity",
        ),
        (
            '"Date","Heure","Avant commission","Net","Numéro de transaction"\n'.encode(),
            "the download of PayPal's activity",
        ),
        (b"Date;ID;Settlement amount;Settlement reference\n", "an export of Mollie's"),
        (b"reporting_category,currency,count,gross,fee,net\n", "a summary of Stripe's"),
        (b"id,Description,Amount,Amount Refunded,Currency,Fee,Status\n", "an export of Stripe's payments"),
        (
            b"Type,ID,Created,Description,Amount,Currency,Converted Amount,Fees,Net,Converted Currency,Details\n",
            "a list of Stripe's dashboard that names neither payouts nor balance transactions",
        ),
        (
            b"Transaction Date,Type,Order,Amount,Fee,Net\n",
            "of shopify-csv, .*: there is no payout date, currency;",
        ),
        (b"Payout Date;Status;Charges;Refunds;Fees;Currency\n", "nearly a file of shopify-csv, .* there is no total;"),
        (b"balance_transaction_id,gross,fee,net,reporting_category\n", "nearly a file of stripe-csv.* no currency;"),
        (b"settlement-id\tamount-type\tamount-description\tamount\n", "without its total"),
        (b'"All amounts in USD"\n"date/time","settlement id","type"\n', "a report of Amazon by dates"),
        (b'{"name": "INVALID_REQUEST", "debug_id": "x"}', "tells of an error"),
        (b"a,b\n1,2\n", r"say with --format which it is: amazon.* by a map of its columns, \[payout_formats\]"),
    ],
)
def test_a_file_that_no_reader_knows_is_told_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    """By its beginning, and what to import instead."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(PayoutUnreadable, match=said), opened(tmp_path / "file", formats_of({})):
        pass


def test_an_empty_file_is_empty_in_each_format(tmp_path: Path) -> None:
    """It is no JSON that is cut off."""
    (tmp_path / "file").write_bytes(b"")
    for name, format_ in formats_of({}).items():
        with pytest.raises(PayoutUnreadable, match="it is empty"), opened(tmp_path / "file", {name: format_}, name):
            pass


def test_the_runbook_says_which_columns_each_table_has_to_have() -> None:
    """In a sentence each, so that nobody has to try."""
    said = (Path(__file__).parents[2] / "deploy" / "runbook" / "payouts.md").read_text(encoding="utf-8")
    tables = [table for each in formats_of({}).values() for table in each.tables]
    assert len(tables) == 8
    assert [table for table in tables if ", ".join(f"`{name}`" for name in table) not in said] == []


@pytest.mark.parametrize(
    ("more", "amount"),
    [
        ({"thousands": "."}, "1.100,00"),
        ({"thousands": "'"}, "1'100,00"),
        ({"thousands": ",", "decimal": "."}, "1,100.00"),
        ({"thousands": " ", "decimal": "."}, "1 100.00"),
    ],
)
def test_separators_of_thousands_are_read_where_the_map_names_them(more: dict[str, str], amount: str) -> None:
    """Nowhere else: without that, nobody knows whether 1.100 is a thousand."""
    rows = f"Batch Number;Gross\n12;{amount}\n"
    columns = {"payout": "Batch Number", "amount": "Gross"}
    settings = {"columns": columns, "currency": "EUR", "classes": {}, "payout_types": ()}
    assert str(Read(rows, files.generic(**settings, **more)).lines[0].amount) == "1100.00"
    with pytest.raises(PayoutUnreadable, match="separators of thousands"):
        Read(rows, files.generic(**settings, **{**more, "thousands": ""}))
    with pytest.raises(RuleBroken):
        files.generic(thousands=more.get("decimal", ","), decimal=more.get("decimal", ","))


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (files.shopify([], {**files.SHOPIFY_PAYOUT, "status": "payed"}), "shopify"),
        (files.SHOPIFY_CSV.replace("paid", "payed"), "shopify-csv"),
        (files.SHOPIFY_PAYOUTS_CSV.replace("paid", "payed"), "shopify-csv"),
        (files.json({"object": "payout", "id": "po", "currency": "eur", "amount": 1, "status": "payed"}), "stripe"),
        (files.mollie({**files.MOLLIE_SETTLEMENT, "status": "payed"}), "mollie"),
    ],
)
def test_a_status_that_no_provider_has_is_named(content: bytes | str, format_: str) -> None:
    """It says nothing of how far the payout is, and somebody has written it."""
    read = Read(content, format_)
    (found,) = [each for each in read.findings if "has the status 'payed', which is not known" in each.sentence]
    assert (found.kind, found.place != "", found.payout in read.examined.headers) == ("note", True, True)
    assert {header.status.value for header in read.examined.headers.values()} == {"unknown"}


SETTLEMENT = {**files.MOLLIE_SETTLEMENT, "id": ""}


@pytest.mark.parametrize(
    ("content", "format_", "place"),
    [
        (files.shopify(payout={**files.SHOPIFY_PAYOUT, "id": None}), "shopify", "line 1.payouts[1]: the payout"),
        (files.mollie(SETTLEMENT), "mollie", "the document: the payout"),
        (files.shopify([{**files.SHOPIFY_LINES[0], "id": None}]), "shopify", "line 2.transactions[1]: the line"),
        (files.paypal([files.paypal_line("", "T0006", "1.00")]), "paypal", "transaction_details[1]: the line"),
        (files.stripe([files.STRIPE_LINES[0], files.stripe_line("", "charge", 1)]), "stripe", "data[2]: the line"),
    ],
)
def test_what_has_no_id_is_refused(content: bytes, format_: str, place: str) -> None:
    """Else two of them would be one, and the second would be lost."""
    with pytest.raises(PayoutUnreadable, match=re.escape(f"{place} has no id")):
        Read(content, format_)


def test_a_payout_that_is_still_to_be_made_may_have_no_id() -> None:
    """As the next one in an export, before it has a day; what takes an unnamed one from the balance is in no payout."""
    row = files.SHOPIFY_PAYOUTS_CSV.splitlines()[0] + "\n,pending,1.00,0.00,0.00,0.00,0.00,0.00,1.00,USD\n"
    read = Read(row, "shopify-csv")
    assert (read.examined.headers, [each.kind for each in read.findings]) == ({}, ["pending"])
    unnamed = files.STRIPE_CSV + ",,txn_9,2026-01-05 10:00:00,,eur,-50.00,0.00,-50.00,payout,,x,,,,\n"
    assert Read(unnamed, "stripe-csv").examined.pending == {"EUR": Decimal("-50.00")}


def test_two_currencies_never_meet_in_one_payout() -> None:
    """A line in another currency than its payout is refused by type, not added up."""
    lines = [files.shopify_line(1, "charge", "1.00", "0.00", "1.00", currency="EUR")]
    with pytest.raises(PayoutUnreadable, match="cannot be added up"):
        Read(files.shopify(lines), "shopify")


def test_a_mark_of_utf_8_changes_nothing() -> None:
    """Spreadsheets and Windows write it."""
    assert Read(b"\xef\xbb\xbf" + CSV.encode(), "stripe-csv").lines == Read(CSV, "stripe-csv").lines
    assert Read(b"\xef\xbb\xbf" + files.stripe(), "stripe").lines == Read(files.stripe(), "stripe").lines
    assert Read(b"\xef\xbb\xbf" + files.shopify(), "shopify").lines == Read(files.shopify(), "shopify").lines


def test_a_formula_in_a_text_is_a_text() -> None:
    """It is kept as it is; only tables that people open disarm it."""
    evil = '"=HYPERLINK(""http://example.invalid"")"'
    read = Read(CSV.replace(",charge,ch_1", f",{evil},ch_1"), "stripe-csv")
    assert read.lines[0].type == '=HYPERLINK("http://example.invalid")'


def test_another_encoding_is_read_when_it_is_named() -> None:
    """A file of latin-1 says so only through whoever has it."""
    raw = CSV.replace(",x,", ",caf\xe9,").encode("latin-1")
    assert len(Read(raw, "stripe-csv", encoding="latin-1").lines) == 3
