"""The store of a shop in October 2025: what every check of the close board finds, as the rows that actors write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.reconciler.statement import Evidence, Tally, statement_of, window_of
from runtime.clock import to_instant

CONFIG = """\
[store]
path = "{store}"
[reconciliation]
time_zone = "Europe/Berlin"
[reconciliation.closing.card]
evidence = "payout_line"
[postings]
mode = "preview"
currency = "EUR"
time_zone = "Europe/Berlin"
[sales_channels.web]
format = "shopify"
[sales_channels.web.sale]
channel_id = 3
gateways = {{ card = "card" }}
"""
Row = tuple[str, tuple[Any, ...]]
CHARGED = '[{"gateway":"card","way":"charge","amount":"89.00","currency":"EUR","id":"ch_13"}]'


def at(text: str) -> int:
    """An instant, as it is kept."""
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def config_in(directory: Path) -> str:
    """A configuration of a store there."""
    config = directory / "seamline.toml"
    config.write_text(CONFIG.format(store=directory / "store.db"))
    return str(config)


def order(key: str, placed: str, state: str = "imported", proof: str = "proven", amount: str = "50.00") -> list[Row]:
    """An order, with a sale where it is imported."""
    sale = int(key.rpartition("/")[2]) if state == "imported" else None
    rows: list[Row] = [
        ("put_order_view", (key, "web", key[4:], f"#{key[4:]}", state, proof, amount, "EUR", at(placed), sale, None, 1))
    ]
    if sale is not None:
        rows.append(("put_expected_sale", (key, sale, "imported", amount, "EUR", None, None, None, 0, at(placed))))
        rows.append(("put_sale_seen", (key, sale, b"{}", 0, at(placed) + 1)))
        rows.append(("put_order_closing", (key, "web", "EUR", "0", "[]", None)))
        rows.append(("note_closing", (None, "[]", "", at(placed) + 2, "[]", key)))
    return rows


def case(kind: str, subject: str, amount: str | None, opened: str, owner: str = "finance") -> Row:
    """An open case."""
    currency = None if amount is None else "EUR"
    moments = (at(opened), at(opened) + 1)
    return ("open_case", (f"{kind} {subject}", kind, subject, "cause", "s", owner, amount, currency, *moments))


def payout(id_: str, paid_on: str, **fields: Any) -> Row:
    """A payout that ties and has arrived, but for these fields."""
    row: dict[str, Any] = {
        "key": f"payout/web/stripe/{id_}", "sales_channel": "web", "provider": "stripe", "payout": id_,
        "currency": "EUR", "status": "paid", "is_statement": 0, "received": 1, "paid": "96.80", "bank": None,
        "net": "96.80", "fees": "-3.20", "taxes": "0", "unexplained": "0", "classes": "{}", "lines": 1, "unlinked": 0,
        "verdict": "proven", "difference": "0", "paid_on": paid_on, "expected_on": None, "told_at": 1, "run": "one",
        "judged": 1,
    }  # fmt: skip
    return ("put_payout", tuple({**row, **fields}.values()))


def posted(payout_id: str, number: int, event: str, amount: str, day: str) -> Row:
    """Something due of a payout."""
    row = (f"payout/web/stripe/{payout_id}", number, "web", "card", payout_id, event, "EUR", amount, day, 0, 1, "")
    return ("put_posting", row)


def stated(day: date) -> Row:
    """That everything of a day is here."""
    evidence = Evidence(kind="poll")
    window = window_of(day, "Europe/Berlin")
    statement = statement_of("web", window, Tally(), evidence, (), undated=0, gone=0)
    row = statement.row(1, datetime(2025, 11, 2, tzinfo=UTC))
    return (row.statement, row.row)


def clean_month() -> list[Row]:
    """An October that is over, proven, settled and posted."""
    days = [date(2025, 10, 1) + timedelta(days=number) for number in range(31)]
    return [
        *map(stated, days),
        *order("web/1", "2025-10-10T10:00:00"),
        payout("100", "2025-10-12"),
        posted("100", 1, "fee", "3.20", "2025-10-11"),
        ("take_posting", ("batch 1", "2025-10-11", "payout/web/stripe/100", 1)),
        batch("batch 1", "posted"),
    ]


def batch(reference: str, status: str, lines: str = "[]") -> Row:
    """A batch of October."""
    row = (reference, "web", "EUR", "2025-10-11", "GEN", status, "3.20", lines, "ab" * 16, 1, 77, 1, 2, "")
    return ("put_posting_batch", row)


def released(by: str, key: str, kinds: str) -> Row:
    """That a person has let something stand."""
    return ("put_audit", (1, 1, by, "hold.release", key, f'{{"kinds": "{kinds}"}}', "=ok", "", "d"))


def suspended(key: str, name: str, amount: str, moment: str) -> Row:
    """A tax that went to suspense."""
    return ("put_suspended", (key, "tax", name, "web", "#8", "SUSPENSE", amount, "EUR", "Ann", at(moment)))


def standing() -> list[Row]:
    """One thing for each check that stands, and for each that is listed."""
    return [
        *order("web/2", "2025-10-31T23:30:00", "held"),  # the first of November in Berlin
        *order("web/3", "2025-10-30T10:00:00", "held", amount="20.00"),
        *order("web/4", "2025-10-30T10:00:00", "waiting"),
        *order("web/5", "2025-10-30T10:00:00", proof="contradicted"),
        *order("web/6", "2025-10-30T10:00:00", amount="0.10"),
        ("put_sale_due", (6, 1)),
        *order("web/7", "2025-10-29T10:00:00", amount="0.20"),
        ("put_sale_due", (7, 1)),
        *order("web/8", "2025-10-20T10:00:00", amount="75.00"),
        ("put_order_closing", ("web/8", "web", "EUR", "0", '["x"]', 1)),
        ("note_closing", (1, '["for a payout"]', "payout", None, "[]", "web/8")),
        *order("web/9", "2025-10-20T10:00:00"),
        ("put_order_closing", ("web/9", "web", "EUR", "0", '["x"]', 1)),
        ("note_closing", (1, '["for its goods"]', "shipping", None, "[]", "web/9")),
        case("sale.differs", "web/8", "-2.00", "2025-11-05T10:00:00"),
        case("tax.unmapped", "web/3", "20.00", "2025-11-05T10:00:00"),
        case("refund.uncredited", "web/1", "7.00", "2025-11-02T10:00:00"),
        ("date_case", (at("2025-10-25T10:00:00"), "refund.uncredited web/1")),  # told a week later
        case("order.returned", "web/1", None, "2025-10-25T10:00:00", "operations"),
        case("sku.unknown", "web/3", "20.00", "2025-10-30T10:00:00", "ecommerce"),
        payout("101", "2025-10-13", unexplained="-0.03"),
        case("payout.unexplained", "payout/web/stripe/101", "0.03", "2025-10-14T10:00:00"),
        payout("102", "2025-10-14", verdict="contradicted", difference="-10.00"),
        released("Ann", "payout/web/stripe/103", "payout.untied"),
        payout("103", "2025-10-15", verdict="contradicted", difference="-4.00"),
        payout("104", "2025-10-31", received=0, status="in_transit", expected_on="2025-11-03"),
        payout("105", "2025-10-31", received=0, status="in_transit", expected_on="2999-11-03", paid="12.00"),
        payout("106", "2025-10-16", judged=0, net="1.00"),
        payout("109", "2025-10-17", verdict="unproven", paid=None, net="9.00"),
        payout("107", "2025-10-17", net="0", lines=0, verdict="unproven", paid="66.12"),
        *order("web/13", "2025-10-23T10:00:00", amount="89.00"),
        ("put_order_closing", ("web/13", "web", "EUR", "0", CHARGED, 1)),
        ("note_closing", (1, '["for its goods", "for 20.00 EUR more"]', "unexpected", None, "[]", "web/13")),
        payout("108", "2025-10-18", net="109.00", paid="109.00"),
        (
            "put_payout_line",
            (
                "payout/web/stripe/108", "1", "sale", "EUR", "109.00", "0", "0", "0", "109.00", "charge", "",
                *[""] * 8, "mark",
            ),
        ),
        ("link_payout_line", ("web/13", "payout/web/stripe/108", "1")),
        posted("102", 1, "fee", "1.10", "2025-10-14"),
        posted("102", 2, "fee", "-0.10", "2025-10-15"),
        posted("102", 3, "fee", "9.00", "2025-11-01"),
        posted("103", 1, "fee", "2.00", "2025-10-15"),
        ("take_posting", ("batch 2", "2025-10-15", "payout/web/stripe/103", 1)),
        batch("batch 2", "refused"),
        (
            "put_posting_left",
            (
                "payout/web/stripe/102", "web", "card", "102", "EUR", "2025-10-14",
                '[["adjustment","-6.00","[postings] has no row for it: nobody posts it"]]',
            ),
        ),
        suspended("web/8", "=VAT", "3.00", "2025-10-20T10:00:00"),
        ("put_accepted_difference", ("web/1", "total", 1, "=Bob", "agreed", "1.25", "EUR", "50.00", "48.75")),
        *order("web/11", "2025-10-21T10:00:00", amount="11.00")[:-2],  # nobody follows its money
        *order("web/12", "2025-10-22T10:00:00", amount="12.00")[:-2],
        ("put_order_closing", ("web/12", "web", "EUR", "0", '["x"]', 1)),  # nobody has looked at it yet
        *order("web/10", "2025-09-03T10:00:00", "held"),
    ]  # fmt: skip
