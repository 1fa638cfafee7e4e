"""`seamline reports`: of a closed month the same bytes whenever they are asked for; nothing that a reader would run."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import msgspec
import pytest

from runtime.clock import SystemClock, to_datetime
from tests.integration.close_store import Row, at, batch, clean_month, config_in, order, payout, posted
from tests.integration.terminal import Type
from tests.integration.test_cli_pages import fill


def charged(key: str, amount: str, id_: str, way: str = "charge") -> Row:
    """An order whose money is followed."""
    moved = {"gateway": "card", "way": way, "amount": amount, "currency": "EUR", "id": id_}
    return ("put_order_closing", (key, "web", "EUR", "0", msgspec.json.encode([moved]).decode(), 1))


def line(of: str, id_: str, kind: str, amount: str, fee: str, order_key: str | None, moment: str) -> list[Row]:
    """A line of a payout, and the order that it is of."""
    net = str(sum(map(msgspec.json.Decoder(float).decode, (amount, fee))))
    row = (f"payout/web/stripe/{of}", id_, kind, "EUR", amount, fee, "0", "0", net, "charge", f"{moment}Z", "", "", id_,
           "", "", "", "", "", "m")  # fmt: skip
    link: list[Row] = [] if order_key is None else [("link_payout_line", (order_key, row[0], id_))]
    return [("put_payout_line", row), *link]


def october() -> list[Row]:
    """An October with something of everything: paid out, not yet, with another amount, of no order, not tied."""
    return [
        *order("web/1", "2025-09-30T21:59:00", amount="100.00"),  # 23:59 in Berlin: September
        charged("web/1", "100.00", "c1"),
        *order("web/2", "2025-10-10T10:00:00"),
        charged("web/2", "50.00", "c2"),
        *order("web/3", "2025-10-31T12:00:00", amount="30.00"),
        charged("web/3", "30.00", "c3"),
        *order("web/4", "2025-10-12T12:00:00", amount="20.00"),
        charged("web/4", "20.00", "=c4"),
        payout("1", "2025-10-02", paid="96.80", net="96.80"),
        *line("1", "c1", "sale", "100.00", "-3.20", "web/1", "2025-09-30T22:30:00"),
        payout("2", "2025-10-14", paid="60.00", net="70.50"),
        *line("2", "c2", "sale", "50.00", "-1.50", "web/2", "2025-10-10T10:00:00"),
        *line("2", "=c4", "sale", "22.00", "0", "web/4", "2025-10-12T12:00:00"),
        payout("3", "2025-11-03", paid="9.00", net="9.00", received=0, status="in_transit"),
        *line("3", "c9", "sale", "9.00", "0", None, "2025-10-31T12:00:00"),
        posted("1", 1, "fee", "3.20", "2025-10-02"),
        posted("1", 2, "payout", "96.80", "2025-10-02"),
        ("take_posting", ("batch 1", "2025-10-02", "payout/web/stripe/1", 1)),
        ("take_posting", ("batch 2", "2025-11-01", "payout/web/stripe/1", 2)),
        batch("batch 1", "posted"),
        batch("batch 2", "posted"),
    ]


def with_card(directory: Path) -> str:
    """A configuration in which the payouts of the store are those of the gateway of its orders."""
    config = Path(config_in(directory))
    text = config.read_text()
    config.write_text(text.replace('currency = "EUR"', 'currency = "EUR"\nproviders = { stripe = "card" }'))
    return str(config)


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """The configuration of such a store."""
    fill(tmp_path / "store.db", *clean_month()[:31], *october())
    config = Path(with_card(tmp_path))
    config.write_text(config.read_text() + '[reconciliation.closing.gift]\nevidence = "none"\n')
    return str(config)


def sections(seamline: Type, report: str, config: str) -> dict[str, list[list[str]]]:
    """The table for spreadsheets, by the report's tables: the head of each, and its rows by just these columns."""
    words = ("reports", report, "2025-10", "--config", config)
    rows = [*csv.DictReader(io.StringIO(seamline(*words, "--csv", "-").out), strict=True)]
    return {
        each["title"]: [
            each["head"],
            *([row[name] for name in each["head"]] for row in rows if row["table"] == each["title"]),
        ]
        for each in seamline(*words, "--json").data["sections"]
    }


def test_the_clearing_of_a_gateway_adds_up_and_every_difference_has_a_name(seamline: Type, shop: str) -> None:
    """Opening, what moved, closing; and the closing balance once more as the sum of what is open."""
    found = sections(seamline, "clearing", shop)
    assert found["Balances"][1] == [
        *("card", "EUR", "100.00", "100.00", "0.00", "-4.70", "0.00", "0.00", "0.00", "0.00", "-156.80", "38.50"),
    ]
    assert [row[2:] for row in found["What the closing balance is made of"][1:]] == [
        ["charges and refunds in no payout yet", "1", "30.00"],
        ["in payouts that had not arrived", "1", "9.00"],
        ["difference: in payouts with another amount", "1", "-2.00"],
        ["difference: lines of payouts of no known order", "1", "-9.00"],
        ["difference: payouts whose lines are not what was paid", "1", "10.50"],
        ["closing balance", "", "38.50"],
    ]
    assert [row[2:] for row in found["In the ledger at the end of the month"][1:]] == [
        ["fee", "-4.70", "-3.20", "-1.50"],
        ["paid out", "-156.80", "0.00", "-156.80"],
    ]


def test_what_the_clearing_account_moved_in_fulfil_stands_beside_the_books(seamline: Type, shop: str) -> None:
    """Of the month, and of all months since; a look that finds the same is no news, another figure is."""
    path = Path(shop)
    rows = '[[postings.rows]]\nevent = "payout"\ndebit = "1000"\ncredit = "1200"\n'
    path.write_text(path.read_text() + rows)
    asked = ("reports", "clearing", "2025-10", "--config", shop, "--csv", "-")
    assert sections(seamline, "clearing", shop)["Against Fulfil's accounts"][1:] == []
    read = at("2025-11-01T04:00:00")
    store = path.parent / "store.db"
    fill(
        store,
        ("put_month_account", ("2025-08", "1200", "7.00", "0", 1, 1, read)),
        ("put_month_account", ("2025-09", "1200", "100.00", "0", 1, 1, read)),
        ("put_month_account", ("2025-10", "1200", "100.00", "161.50", 4, 0, read)),
    )
    first = seamline(*asked).out
    assert sections(seamline, "clearing", shop)["Against Fulfil's accounts"][1:] == [
        [
            "1200",
            "card",
            "EUR",
            "-61.50",
            "-61.50",
            "0.00",
            "2025-09",
            "0.00",
            "open when it was read",
            "2025-11-01 04:00Z",
        ],
    ]
    fill(store, ("put_month_account", ("2025-10", "1200", "100.00", "161.50", 4, 0, at("2025-11-02T04:00:00"))))
    assert seamline(*asked).out == first
    fill(store, ("put_month_account", ("2025-10", "1200", "101.00", "161.50", 5, 1, at("2025-11-03T04:00:00"))))
    assert sections(seamline, "clearing", shop)["Against Fulfil's accounts"][1:] == [
        ["1200", "card", "EUR", "-60.50", "-61.50", "1.00", "2025-09", "1.00", "closed", "2025-11-03 04:00Z"],
    ]


def test_money_of_an_order_that_nobody_follows_is_not_laid_on_the_sales_channel(seamline: Type, tmp_path: Path) -> None:
    """Nobody has asked what it tells."""
    rows = [
        *order("web/1", "2025-10-10T10:00:00")[:-2],
        payout("1", "2025-10-12", paid="48.50", net="48.50"),
        *line("1", "c1", "sale", "50.00", "-1.50", "web/1", "2025-10-10T10:00:00"),
    ]
    fill(tmp_path / "store.db", *clean_month()[:31], *rows)
    found = sections(seamline, "clearing", config_in(tmp_path))
    assert [row[2:] for row in found["What the closing balance is made of"][1:]] == [
        ["in payouts, of orders whose money nobody follows", "1", "-50.00"],
        ["closing balance", "", "-50.00"],
    ]


def test_two_forms_are_never_one_stream_and_a_table_is_counted_by_its_figures(
    seamline: Type, shop: str, tmp_path: Path
) -> None:
    """What is not the head is a row."""
    for forms in (("--csv", "-", "--html", "-"), ("--html", "-", "--json")):
        said = seamline("reports", "clearing", "2025-10", "--config", shop, *forms)
        assert (said.status, said.out) == (1, "")
        assert "--json, --csv - and --html - would all be on standard output; say one of them" in said.err
    table = tmp_path / "clearing.csv"
    said = seamline("reports", "clearing", "2025-10", "--config", shop, "--csv", str(table))
    lines = table.read_text(encoding="utf-8").splitlines()
    assert f"clearing.csv: {len(lines) - 1} rows" in said.err


@pytest.mark.parametrize("report", ["clearing", "cutoff"])
def test_a_spreadsheet_gets_one_table_with_one_head(seamline: Type, shop: str, report: str) -> None:
    """No title and no blank line stands between its rows, no column is there twice, and each row says of which month
    and which table of the report it is; amounts of all of them are in one column.
    """
    said = seamline("reports", report, "2025-10", "--config", shop, "--csv", "-").out
    head, *rows = csv.reader(io.StringIO(said), strict=True)
    whole = seamline("reports", report, "2025-10", "--config", shop, "--json").data
    assert head[:2] == ["month", "table"]
    assert (len(set(head)), {len(row) for row in rows}, {row[0] for row in rows}) == (
        len(head),
        {len(head)},
        {"2025-10"},
    )
    titles = [section["title"] for section in whole["sections"] for _ in section["rows"]]
    assert [row[1] for row in rows if row[1] != "About this report"] == titles
    about = [row for row in rows if row[1] == "About this report"]
    assert about[-1][head.index("what")] == "digest"
    assert about[-1][head.index("text")] == whole["digest"]


def left(key: str, shipped: str, *, state: str = "told", number: int = 1) -> Row:
    """A shipment of an order."""
    moment = at(shipped)
    row = ("web", f"out-{number}-{key}", key, f"out-{number}", f"CS{number}", 1, state, "", "", "", "", 1, "[]", "1",
           moment, moment, None, None, moment, 1, None)  # fmt: skip
    return ("put_fulfilment", row)


def shipped() -> list[Row]:
    """Shipments of October: one in it, one in part, one of an order of September, one that was taken back."""
    return [
        left("web/1", "2025-10-01T00:30:00"),
        left("web/2", "2025-10-11T10:00:00"),
        ("put_unshipped", ("web/2", "web", 2, None, None)),
        ("put_unshipped", ("web/3", "web", 3, None, None)),
        left("web/4", "2025-10-31T22:59:00", number=4),
        left("web/4", "2025-10-30T10:00:00", state="withdrawn", number=5),
        *order("web/6", "2025-11-01T10:00:00", amount="7.00"),
        left("web/6", "2025-10-31T10:00:00", number=6),
    ]


def invoices(key: str, *of: tuple[int, str, str]) -> Row:
    """What was invoiced of an order: id, day, amount; below zero: credited."""
    kept = [
        {"id": id_, "day": day, "amount": amount.lstrip("-"), "currency": "EUR", "is_credit_note": amount[0] == "-"}
        for id_, day, amount in of
    ]
    return ("put_sale_invoices", (key, 1, msgspec.json.encode(kept).decode(), 1))


def invoiced() -> list[Row]:
    """October's invoices: of an order before its goods, of one without the shipping, none yet of one, one not read."""
    return [
        invoices("web/1", (1, "2025-10-01", "95.00")),
        invoices("web/2"),
        invoices("web/3", (3, "2025-10-31", "30.00"), (4, "2025-10-31", "-4.00")),
        invoices("web/4", (5, "2025-10-31", "20.00")),
    ]


@pytest.fixture
def ships(shop: str, tmp_path: Path) -> str:
    """The same shop, whose shipments are watched."""
    fill(tmp_path / "store.db", *shipped())
    config = Path(shop)
    flow = '[sales_channels.web.fulfilments]\nflow = { flow_id = "7" }\n'
    config.write_text(config.read_text() + flow)
    return shop


def november() -> list[Row]:
    """What happens after the end of October, and is no fact of it."""
    return [
        ("put_payout_line", _changed_nothing()),
        payout("3", "2025-11-03", paid="9.00", net="9.00", told_at=at("2025-11-03T09:00:00")),
        *order("web/7", "2025-11-02T10:00:00"),
        charged("web/7", "50.00", "c7"),
        left("web/2", "2025-11-04T10:00:00", number=7),
        ("drop_unshipped", ("web/2",)),
        left("web/3", "2025-11-05T10:00:00", number=8),
        ("drop_unshipped", ("web/3",)),
        invoices("web/2", (6, "2025-11-04", "50.00")),
        invoices("web/7", (7, "2025-11-02", "50.00")),
        payout("4", "2025-11-06", paid="30.00", net="30.00", told_at=at("2025-11-06T09:00:00")),
        *line("4", "c3", "sale", "30.00", "0", "web/3", "2025-11-04T12:00:00"),
        ("note_closing", (None, "[]", "", at("2025-11-07T10:00:00"), "[]", "web/3")),
    ]


def _changed_nothing() -> tuple[object, ...]:
    """A line that is told once more, as it was told first."""
    return line("3", "c9", "sale", "9.00", "0", None, "2025-10-31T12:00:00")[0][1]


@pytest.mark.parametrize("report", ["clearing", "cutoff"])
def test_a_closed_month_prints_the_same_bytes_after_the_next_one_has_gone_on(
    seamline: Type, ships: str, tmp_path: Path, report: str
) -> None:
    """Twice now, and once more when November has shipped, paid out and settled; another digest only for late news."""

    def printed(name: str) -> tuple[bytes, bytes]:
        table, page = tmp_path / f"{name}.csv", tmp_path / f"{name}.html"
        words = ("2025-10", "--config", ships, "--csv", str(table), "--html", str(page))
        assert seamline("reports", report, *words).status == 0
        return table.read_bytes(), page.read_bytes()

    fill(tmp_path / "store.db", *invoiced())
    first = printed("one")
    assert printed("two") == first
    fill(tmp_path / "store.db", *november())
    assert printed("three") == first
    late = [
        *line("2", "late", "fee", "-1.00", "0", None, "2025-10-20T12:00:00"),
        *order("web/8", "2025-10-20T10:00:00"),
    ]
    fill(tmp_path / "store.db", *late, ("put_unshipped", ("web/8", "web", 8, None, None)))
    assert printed("four") != first


def test_the_cut_off_says_what_is_on_two_sides_of_the_end(seamline: Type, ships: str) -> None:
    """A shipment in the last minute of October in Berlin is of October; one that was taken back is none."""
    table = list(
        csv.DictReader(io.StringIO(seamline("reports", "cutoff", "2025-10", "--config", ships, "--csv", "-").out))
    )
    rows: dict[str, list[list[str]]] = {}
    for row in table:
        amount = row["amount of the order"] or row["paid"] or row["open"]
        cells = [row["order"], row["shipped by then"], row["last shipped on"], amount]
        rows.setdefault(row["table"], []).append(cells)
    assert rows["Sold in the month, not all shipped in it"] == [
        ["web/2", "a part", "2025-10-11", "50.00"], ["web/3", "nothing", "", "30.00"],
    ]  # fmt: skip
    assert rows["Shipped in the month, sold in an earlier one"] == [["web/1", "all", "2025-10-01", "100.00"]]
    assert rows["Shipped in the month, sold in a later one"] == [["web/6", "all", "2025-10-31", "7.00"]]
    assert rows["Paid by the end of the month, not all shipped"] == [
        ["web/2", "a part", "2025-10-11", "50.00"], ["web/3", "nothing", "", "30.00"],
    ]  # fmt: skip
    assert "Shipped by the end of the month, not all paid" not in rows
    totals = [[row[name] for name in ("sales channel", "currency", "how many", "amount")] for row in table]
    assert ["web", "EUR", "2", "80.00"] in totals


def test_the_cut_off_holds_invoices_against_shipments(seamline: Type, ships: str, tmp_path: Path) -> None:
    """With what is open, or deferred, of each; who has not read them says so, and of whom they were not read."""
    text = seamline("reports", "cutoff", "2025-10", "--config", ships).out
    assert "Invoices are not read from Fulfil" in text
    assert "not invoiced by then" not in text
    fill(tmp_path / "store.db", *invoiced())
    found = sections(seamline, "cutoff", ships)
    rows = {title: [row[0:1] + row[3:7] for row in table[1:]] for title, table in found.items()}
    assert rows["Shipped by the end of the month, not invoiced by then"] == [
        ["web/1", "all", "2025-10-01", "5.00", "EUR"], ["web/2", "a part", "2025-10-11", "50.00", "EUR"],
    ]  # fmt: skip
    assert rows["Invoiced by the end of the month, not shipped by then"] == [["web/3", "nothing", "", "26.00", "EUR"]]
    assert ["Shipped by the end of the month, not invoiced by then", "web", "EUR", "2", "55.00"] in found["Totals"]
    text = seamline("reports", "cutoff", "2025-10", "--config", ships).out
    assert "of 1 orders nobody has read yet what is invoiced, so they are in no list of invoices" in text
    page = seamline("reports", "cutoff", "2025-10", "--config", ships, "--html", "-").out
    assert "invoiced, not shipped" in page


def cost(number: int, booked: str, day: str | None, *keys: str) -> list[Row]:
    """What was found of the cost of a shipment, and the orders that it was handed to."""
    handed: list[Row] = [("put_shipment_order", (f"out-{number}", key)) for key in keys]
    return [("put_shipment_cost", (f"out-{number}", booked, day, 1, 1, None)), *handed]


def test_the_cut_off_names_what_was_shipped_without_a_move_of_cost(seamline: Type, ships: str, tmp_path: Path) -> None:
    """Of October's shipments; one of two orders once, one that was taken back never; others are counted."""
    title, store = "Shipped by the end of the month, without a move of cost", tmp_path / "store.db"
    assert "cost of shipments is booked is not read" in seamline("reports", "cutoff", "2025-10", "--config", ships).out
    fill(
        store, *cost(1, "booked", "2025-11-01", "web/1", "web/2"), *cost(5, "missing", None, "web/4"),
        *cost(6, "booked", "2025-10-31", "web/6"), left("web/1", "2025-11-01T09:00:00", number=9),
        *cost(9, "missing", None, "web/1"),
    )  # fmt: skip

    def told() -> tuple[list[list[str]], list[list[str]], str]:
        text, found = (
            seamline("reports", "cutoff", "2025-10", "--config", ships).out,
            sections(seamline, "cutoff", ships),
        )
        return found[title][1:], [row[1:] for row in found["Totals"] if row[0] == title], text

    rows, totals, first = told()
    assert rows == [["CS1", "out-1", "web/1, web/2", "#1, #2", "2025-10-01"]]
    assert totals == [["web", "", "1", ""]]
    assert "of 1 shipments nobody has looked for an entry of cost" in first  # out-4
    fill(store, *cost(9, "booked", "2025-11-02"))
    assert told()[2] == first
    fill(store, *cost(4, "nothing", None, "web/4"), *cost(1, "booked", "2025-10-30"))
    rows, totals, text = told()
    assert (rows, totals) == ([], [])
    assert "nobody has looked for an entry of cost" not in text


def test_nothing_that_others_have_named_is_obeyed(seamline: Type, ships: str, tmp_path: Path) -> None:
    """A formula stays text in a spreadsheet, markup stays text on a page, and no page asks anybody for anything."""
    key = "web/=<script>alert(1)</script>"
    view = (key, "web", "x", "=<b>1</b>", "imported", "proven", "5.00", "EUR", at("2025-10-20T10:00:00"), 9, None, 1)
    fill(tmp_path / "store.db", ("put_order_view", view), ("put_unshipped", (key, "web", 9, None, None)))
    table = seamline("reports", "cutoff", "2025-10", "--config", ships, "--csv", "-").out
    assert [row["number"] for row in csv.DictReader(io.StringIO(table)) if row["order"] == key] == ["'=<b>1</b>"]
    page = seamline("reports", "cutoff", "2025-10", "--config", ships, "--html", "-").out
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "default-src &#x27;none&#x27;" in page
    assert not re.findall(r"src=|href=|url\(|@import|https?:", page)


def test_a_report_is_for_machines_too_and_says_what_it_cannot_say(seamline: Type, shop: str, tmp_path: Path) -> None:
    """The digest of JSON is that of the page; a running month is called so; what is not watched is not made up."""
    found = seamline("reports", "clearing", "2025-10", "--config", shop, "--json").data
    seamline("reports", "clearing", "2025-10", "--config", shop, "--html", str(tmp_path / "page.html"))
    assert f"<code>{found['digest']}</code>" in (tmp_path / "page.html").read_text()
    assert found["sections"][0]["rows"][0][2] == "100.00"
    month = f"{to_datetime(SystemClock().now()):%Y-%m}"
    for form in ("--html", "--csv"):
        running = seamline("reports", "clearing", month, "--config", shop, form, "-")
        assert "so far" in running.err
        assert "gateway gift is left out: no payout of it has to come" in running.out
        assert f"{month} is not over in Europe/Berlin: this is what there is of it so far" in running.out
    text = seamline("reports", "cutoff", "2025-10", "--config", shop).out
    assert "web: nobody watches its shipments, so its orders are left out, 4 of them" in text
    assert seamline("reports", "cutoff", "2024-10", "--config", shop).status == 1
    Path(shop).write_text(re.sub(r"(?m)^\[reconciliation.closing.*\nevidence.*\n", "", Path(shop).read_text()))
    assert "clearing needs [reconciliation.closing]" in seamline("reports", "clearing", "2025-10", "--config", shop).err


def test_the_value_of_stock_is_what_was_kept_when_the_month_ended(seamline: Type, shop: str, tmp_path: Path) -> None:
    """Units times cost, by locations; what costs nobody knows is named; today's levels and costs are no part of it."""
    assert "is not kept" in seamline("reports", "stock-value", "2025-10", "--config", shop).err
    moment = at("2025-10-31T23:00:02")
    fill(
        tmp_path / "store.db",
        ("put_month_stock", ("2025-10", "4", "MUG", "3.0", "2.505", moment)),
        ("put_month_stock", ("2025-10", "4", "=LAMP", "2", "10", moment)),
        ("put_month_stock", ("2025-10", "4,5", "SHADE", "5", None, moment)),
        ("put_month_kept", ("2025-10", moment, moment + 1, 3)),
    )
    first = seamline("reports", "stock-value", "2025-10", "--config", shop, "--csv", "-").out
    found = sections(seamline, "stock-value", shop)
    assert found["Totals"][1:] == [
        ["4", "2", "5", "27.515", "0", "0"],
        ["4,5", "0", "0", "0.00", "1", "5"],
    ]
    assert found["SKUs without a cost"][1:] == [["4,5", "SHADE", "5"]]
    assert ["4", "'=LAMP", "2", "10", "20.00"] in found["SKUs"]
    assert "remark,Fulfil has not told what 1 SKUs cost: they are counted and have no value here." in first
    assert "3,602 s after" not in first
    assert "2 s after the end of the month" in first
    fill(tmp_path / "store.db", ("put_stock_level", ("4", "MUG", 1, "9", "9", moment)))
    assert seamline("reports", "stock-value", "2025-10", "--config", shop, "--csv", "-").out == first


def test_the_money_of_a_payout_that_failed_and_came_back_is_counted_once(tmp_path: Path, seamline: Type) -> None:
    """Both orders are paid out by the second payout, and nothing is left."""
    rows = [
        *order("web/1", "2025-10-01T10:00:00", amount="129.00"),
        charged("web/1", "129.00", "c1"),
        *order("web/2", "2025-10-02T10:00:00"),
        charged("web/2", "50.00", "c2"),
        payout("1", "2025-10-03", paid="125.63", net="125.63", received=0, status="failed"),
        *line("1", "c1", "sale", "129.00", "-3.37", "web/1", "2025-10-01T10:00:00"),
        payout("2", "2025-10-07", paid="174.63", net="174.63"),
        *line("2", "c2", "sale", "50.00", "-1.00", "web/2", "2025-10-02T10:00:00"),
        *line("2", "back", "payout_returned", "125.63", "0", None, "2025-10-06T10:00:00"),
    ]
    fill(tmp_path / "store.db", *rows)
    found = sections(seamline, "clearing", with_card(tmp_path))
    assert found["Balances"][1] == [
        *("card", "EUR", "0.00", "179.00", "0.00", "-4.37", "0.00", "0.00", "0.00", "0.00", "-174.63", "0.00"),
    ]
