"""The close board: what stands against a month, by check and currency, in exact amounts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from flows.exceptions.kinds import KINDS
from flows.ledger.due import DIFFERENCE_HAS_NO_ROW
from flows.model.closing import Moved
from flows.model.month import Month, month_in, month_of
from flows.monthly import gathering
from flows.monthly.board import Item, board_of, items_of
from flows.monthly.checks import CHECKS, Check
from runtime.clock import to_instant

CLOSING = Path(__file__).resolve().parents[2] / "deploy" / "runbook" / "closing.md"
OCTOBER = Month(date(2026, 10, 1))
AFTER = date(2026, 11, 3)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> Any:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def checks(items: Any) -> list[tuple[str, str, str]]:
    return [(item.check.value, item.of, f"{item.day}") for item in items]


# -- months ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "october", "2026-1", "2026-10-01", "0000-01", "9999-12", ""])
def test_what_is_no_month_is_said_to_be_none(text: str) -> None:
    """Also the last month that a calendar has: it never ends."""
    with pytest.raises(ValueError, match="write it as 2026-10"):
        month_in(text)


def test_a_month_has_its_days_in_the_zone_of_the_company() -> None:
    """October 2026 in Berlin has an hour more than its days: the clocks go back in it."""
    month = month_in("2026-10")
    assert (str(month), month.first, month.last) == ("2026-10", date(2026, 10, 1), date(2026, 10, 31))
    span = month.ended(BERLIN).astimezone(UTC) - month.began(BERLIN).astimezone(UTC)
    assert span == timedelta(days=31, hours=1)
    stages = [month.stage(date(2026, *day)) for day in ((9, 30), (10, 1), (10, 31), (11, 1))]
    assert stages == ["ahead", "running", "running", "over"]
    assert month_of(date(2024, 2, 29)).after == month_in("2024-03")


# -- the board ---------------------------------------------------------------------------------------------------------


def test_a_month_is_clean_when_it_is_over_and_nothing_stands() -> None:
    """What is only listed does not stand; a running month is never clean, whatever there is."""
    listed = Item(
        check=Check.IN_TRANSIT, day=date(2026, 10, 30), key="payout/web/x/1", currency="EUR", amount=Decimal(5)
    )
    board = board_of([listed], OCTOBER, AFTER, "UTC")
    assert (board.clean, board.standing, len(board.rows)) == (True, 0, 1)
    assert board.sentence == "2026-10 is clean: nothing stands against it"
    running = board_of([], OCTOBER, date(2026, 10, 31), "UTC")
    assert not running.clean
    assert running.sentence == "2026-10 is not over in UTC, so it cannot be clean yet; nothing stands so far"
    items = [Item(check=check, day=date(2026, 10, 30)) for check in (Check.SUSPENSE, Check.UNSETTLED)]
    for count, stand in ((1, "1 row stands"), (2, "2 rows stand")):
        board = board_of(items[:count], OCTOBER, date(2026, 10, 31), "UTC")
        assert board.sentence == f"2026-10 is not over in UTC, so it cannot be clean yet; {stand} so far"
        assert board_of(items[:count], OCTOBER, AFTER, "UTC").sentence == f"2026-10 is not clean: {stand}"


def test_amounts_are_added_exactly_and_by_currency() -> None:
    """Cents, none, and thousandths; a row for each currency, a thing that is alone named in its command."""
    items = [
        Item(check=Check.NOT_TIED, day=date(2026, 10, day), key=f"payout/web/x y/{day}", currency=code, amount=amount)
        for day, code, amount in (
            (9, "EUR", Decimal("0.1")), (7, "EUR", Decimal("0.2")), (8, "JPY", Decimal(500)),
            (8, "KWD", Decimal("0.001")), (9, "KWD", Decimal("9999999999999999.999")),
        )
    ]  # fmt: skip
    rows = board_of(items, OCTOBER, AFTER, "UTC").rows
    found = [(row.currency, row.count, row.amount, row.oldest.day, row.next) for row in rows]
    assert found == [
        ("EUR", 2, Decimal("0.3"), 7, "seamline close 2026-10 --items not_tied"),
        ("JPY", 1, Decimal(500), 8, "seamline payouts show 'payout/web/x y/8'"),
        ("KWD", 2, Decimal("10000000000000000.000"), 8, "seamline close 2026-10 --items not_tied"),
    ]


def test_a_row_of_several_names_the_command_that_lists_them_all() -> None:
    """Each with its day, its amount and its own command; those of an earlier month by what they are there."""
    items = [
        Item(check=Check.ACCEPTED, of=who, day=date(2026, 10, day), key=key, currency="EUR", amount=Decimal(amount))
        for who, day, key, amount in (("Ann", 9, "web/1", "4.00"), ("Ann", 7, "payout/web/x y/7", "0.58"))
    ]
    items.append(Item(check=Check.NOT_TIED, day=date(2026, 9, 3), key="payout/1", currency="EUR", amount=Decimal(1)))
    listed = board_of(items, OCTOBER, AFTER, "UTC").rows[-1]
    assert (listed.amount, listed.next) == (Decimal("4.58"), "seamline close 2026-10 --items accepted")
    assert [(each.key, each.amount, each.next) for each in items_of(items, OCTOBER, Check.ACCEPTED)] == [
        ("payout/web/x y/7", Decimal("0.58"), "seamline audit --subject 'payout/web/x y/7'"),
        ("web/1", Decimal("4.00"), "seamline audit --subject web/1"),
    ]
    (older,) = items_of(items, OCTOBER, Check.EARLIER)
    assert (older.check, older.what, older.next) == (
        Check.NOT_TIED, "payouts whose sums do not tie", "seamline payouts show payout/1",
    )  # fmt: skip


def test_what_a_row_lists_is_what_it_counts() -> None:
    """The first and the last day are of the month; of an earlier one only what stands; what is later is in no list."""
    days = (date(2026, 9, 30), OCTOBER.first, OCTOBER.last, date(2026, 11, 1))
    items = [
        Item(check=check, of=of, day=day, key=f"{check.value} {day}", currency="EUR", amount=Decimal(1))
        for check, of in ((Check.ACCEPTED, "Ann"), (Check.UNPOSTED, ""))
        for day in days
    ]
    rows = {row.check: row.count for row in board_of(items, OCTOBER, AFTER, "UTC").rows}
    assert rows == {Check.EARLIER: 1, Check.UNPOSTED: 2, Check.ACCEPTED: 2}
    for check, count in rows.items():
        found = [each.day for each in items_of(items, OCTOBER, check)]
        assert found == ([days[0]] if check is Check.EARLIER else [days[1], days[2]])
        assert len(found) == count


def test_what_is_older_stands_in_one_row_and_what_is_later_is_left_out() -> None:
    """With the month in which to look; what is only listed of an earlier month is its own."""
    items = [
        Item(check=Check.UNPOSTED, day=date(2026, 8, 31), currency="EUR", amount=Decimal(2)),
        Item(check=Check.UNSETTLED, of="payout", day=date(2026, 9, 30), currency="EUR", amount=Decimal(3)),
        Item(check=Check.ACCEPTED, of="Ann", day=date(2026, 9, 1), currency="EUR", amount=Decimal(4)),
        Item(check=Check.UNPOSTED, day=date(2026, 11, 1), currency="EUR", amount=Decimal(8)),
    ]
    (row,) = board_of(items, OCTOBER, AFTER, "UTC").rows
    assert (row.check, row.count, row.amount, row.next) == (Check.EARLIER, 2, Decimal(5), "seamline close 2026-08")


def test_a_thing_of_an_earlier_month_counts_once_in_however_many_rows_it_stood() -> None:
    """With what is at stake of it, not twice that; what one row has of it is added up; another currency is another."""
    day = date(2026, 9, 3)
    items = [
        Item(check=Check.UNSETTLED, of="payout", day=day, key="web/1", currency="EUR", amount=Decimal(75)),
        Item(check=Check.DIFFERS, of="sale.differs", day=day, key="web/1", currency="EUR", amount=Decimal(2)),
        Item(check=Check.UNCREDITED, of="order.returned", day=day, key="web/1"),
        Item(check=Check.UNPOSTED, day=day, key="payout/1", currency="EUR", amount=Decimal(3)),
        Item(check=Check.UNPOSTED, day=date(2026, 9, 2), key="payout/1", currency="EUR", amount=Decimal(4)),
        Item(check=Check.UNPOSTED, day=day, key="payout/1", currency="USD", amount=Decimal(1)),
        Item(check=Check.UNCREDITED, of="order.returned", day=day, key="web/2"),
    ]
    rows = board_of(items, OCTOBER, AFTER, "UTC").rows
    assert [(row.currency, row.count, row.amount, row.oldest) for row in rows] == [
        ("", 1, None, day), ("EUR", 2, Decimal(82), date(2026, 9, 2)), ("USD", 1, Decimal(1), day),
    ]  # fmt: skip


def test_things_of_an_earlier_month_that_have_no_name_are_each_their_own() -> None:
    """Two of them are not one, and money of the one says nothing of the other."""
    day = date(2026, 9, 3)
    items = [
        Item(check=Check.UNCREDITED, of="order.returned", day=day),
        Item(check=Check.UNCREDITED, of="order.returned", day=day),
        Item(check=Check.UNPOSTED, day=day, currency="EUR", amount=Decimal(3)),
        Item(check=Check.UNPOSTED, day=day, currency="EUR", amount=Decimal(4)),
    ]
    rows = board_of(items, OCTOBER, AFTER, "UTC").rows
    assert [(row.what, row.currency, row.count, row.amount) for row in rows] == [
        ("stands since earlier months", "", 2, None), ("stands since earlier months", "EUR", 2, Decimal(7)),
    ]  # fmt: skip


def test_a_row_about_a_kind_of_exception_is_whose_the_kind_is() -> None:
    """And called as the catalogue calls it."""
    items = [
        Item(check=Check.EXCEPTION, of="payout.fee", day=OCTOBER.first),
        Item(check=Check.UNCREDITED, of="order.returned", day=OCTOBER.first),
    ]
    returned, fee = board_of(items, OCTOBER, AFTER, "UTC").rows
    assert (fee.owner, returned.owner) == ("finance", "operations")
    assert KINDS["payout.fee"].title in fee.what
    assert fee.next == "seamline holds --kind payout.fee"
    assert fee.amount is None


def test_every_check_says_what_it_is_and_what_to_do() -> None:
    """A command that shows more of it; and the operator's page has a row for each."""
    assert set(CHECKS) == set(Check)
    assert all(text.next.startswith("seamline ") for text in CHECKS.values())
    rows = re.findall(r"^\| `(\w+)`( \(listed\))? \|", CLOSING.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(check.value, not text.stands) for check, text in CHECKS.items()] == [
        (row[0], bool(row[1])) for row in rows
    ]


# -- what is found -----------------------------------------------------------------------------------------------------


def test_an_order_is_of_the_day_in_the_company_zone_and_of_one_check() -> None:
    """The last hour of October in UTC is the first of November in Berlin."""
    order = gathering.OrderAt(
        key="web/1", at=at("2026-10-31T23:30:00"), state="held", proof="contradicted", amount="12.00", currency="EUR",
        unread=False,
    )  # fmt: skip
    (item,) = gathering.of_orders([order], BERLIN)
    assert (item.day, item.amount) == (date(2026, 11, 1), Decimal("12.00"))
    replace = msgspec.structs.replace
    rows = [
        order,
        replace(order, state="new"),
        replace(order, state="creating"),
        replace(order, state="unknown"),
        replace(order, state="imported", proof="proven"),
        replace(order, state="waiting"),
        replace(order, state="imported"),
        replace(order, state="imported", proof="proven", unread=True),
    ]
    assert [(check, of) for check, of, _ in checks(gathering.of_orders(rows, ZoneInfo("UTC")))] == [
        ("not_in_fulfil", "held"), ("not_in_fulfil", "new"), ("not_in_fulfil", "creating"),
        ("not_in_fulfil", "unknown"), ("waiting", ""), ("unproven", ""), ("not_read_back", ""),
    ]  # fmt: skip
    assert {item.day for item in gathering.of_orders(rows, ZoneInfo("UTC"))} == {OCTOBER.last}
    (unread,) = gathering.of_orders([replace(order, amount="", currency="")], BERLIN)
    assert (unread.amount, unread.currency) == (None, "")


def test_a_case_is_of_the_day_of_what_it_is_about() -> None:
    """A contradiction of an order is the order's; a refund of it is of the day on which it went back."""
    case = gathering.CaseAt(
        kind="tax.unmapped", subject="web/1", amount="-1.5", currency="EUR", opened=at("2026-11-02T10:00:00"),
        placed=at("2026-10-31T10:00:00"), paid_on=None, expected_on=None,
    )  # fmt: skip
    replace = msgspec.structs.replace
    rows = [
        case,
        replace(case, kind="refund.uncredited"),
        replace(case, kind="payout.fee", placed=None, paid_on="2026-10-15"),
        replace(case, kind="posting.closed", placed=None, amount=None, currency=None),
        replace(case, kind="sale.differs"),
        replace(case, kind="payout.untied"),
        replace(case, kind="dispute.untold"),
        replace(case, kind="refund.uncredited", placed=at("2026-10-20T10:00:00"), happened=at("2026-10-31T22:30:00")),
        replace(case, kind="refund.uncredited", happened=at("2026-10-31T23:30:00")),
        replace(case, kind="payout.unexplained"),
        replace(case, kind="payout.overdue"),
        replace(case, kind="payment.unmapped"),
        replace(case, kind="order.returned"),
        replace(case, kind="payout.fee", placed=None, expected_on="2026-10-16"),
    ]
    found = list(gathering.of_cases(rows, BERLIN))
    assert checks(found) == [
        ("exception", "tax.unmapped", "2026-10-31"), ("uncredited", "refund.uncredited", "2026-11-02"),
        ("exception", "payout.fee", "2026-10-15"), ("exception", "posting.closed", "2026-11-02"),
        ("differs", "sale.differs", "2026-10-31"), ("exception", "dispute.untold", "2026-11-02"),
        ("uncredited", "refund.uncredited", "2026-10-31"), ("uncredited", "refund.uncredited", "2026-11-01"),
        ("exception", "payment.unmapped", "2026-11-02"), ("uncredited", "order.returned", "2026-11-02"),
        ("exception", "payout.fee", "2026-10-16"),
    ]  # fmt: skip
    assert [item.amount for item in found] == [Decimal("1.5")] * 3 + [None] + [Decimal("1.5")] * 7
    assert [item.currency for item in found] == ["EUR"] * 3 + [""] + ["EUR"] * 7


PAYOUT = gathering.PayoutAt(
    key="payout/web/stripe/1", currency="EUR", status="paid", is_statement=False, received=True, paid="90.00",
    bank=None, net="90.00", unexplained="0", verdict="proven", difference="0", judged=True, paid_on="2026-10-30",
    expected_on="2026-11-02", told=at("2026-11-01T08:00:00"), in_statement=False, last_at=None, kinds=frozenset(),
)  # fmt: skip


_LET = (("payout.unexplained", "Ann"),)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"unexplained": "-0.03", "kinds": frozenset({"payout.unexplained"})}, [("unexplained", "", "0.03")]),
        ({"unexplained": "-0.03"}, [("unexplained", "", "0.03")]),
        ({"unexplained": "-0.03", "let_stand": (("payout.unexplained", "Ann"),)}, [("accepted", "Ann", "0.03")]),
        ({"unexplained": "-0.03", "let_stand": (("payout.untied", "Ann"),)}, [("unexplained", "", "0.03")]),
        (  # let stand with another amount
            {"unexplained": "1", "kinds": frozenset({"payout.unexplained"}), "let_stand": _LET},
            [("unexplained", "", "1")],
        ),
        ({"unexplained": "0", "kinds": frozenset({"payout.unexplained"})}, [("unexplained", "", "0")]),
        ({"verdict": "contradicted", "difference": "1.00"}, [("not_tied", "", "1.00")]),
        ({"verdict": "contradicted", "difference": "10.00", "net": "80.00"}, [("not_tied", "", "10.00")]),
        ({"kinds": frozenset({"payout.untied"})}, [("not_tied", "", "0")]),
        (
            {"verdict": "contradicted", "difference": "-1.00", "let_stand": (("payout.fee, payout.untied", "Ann"),)},
            [("accepted", "Ann", "1.00")],
        ),
        ({"paid": None, "verdict": "unproven", "net": "91.00"}, [("not_reported", "", "91.00")]),
        ({"judged": False, "net": "91.00"}, [("not_whole", "", "91.00")]),
        ({"verdict": "unproven", "net": "0"}, [("lines_lack", "", "90.00")]),
        ({"verdict": "unproven", "net": "0", "in_statement": True}, []),
        ({"net": "80.00"}, [("lines_lack", "", "10.00")]),
        ({"net": "90.004"}, []),
        ({"net": "90.01"}, [("lines_lack", "", "0.01")]),
        ({"net": "89.99"}, [("lines_lack", "", "0.01")]),
        ({"net": "91", "paid": "90", "currency": "JPY"}, [("lines_lack", "", "1")]),
        ({"received": False, "status": "in_transit", "net": "80.00"}, [("overdue", "", "90.00")]),
        (
            {"received": False, "status": "in_transit", "expected_on": "2026-11-03",
             "kinds": frozenset({"payout.overdue"})},
            [("overdue", "", "90.00")],
        ),
        ({"bank": "85.00"}, [("lines_lack", "", "5.00")]),
        ({"is_statement": True, "net": "0"}, []),
        ({"received": False, "status": "in_transit"}, [("overdue", "", "90.00")]),
        ({"received": False, "status": "in_transit", "expected_on": "2026-11-03"}, [("in_transit", "", "90.00")]),
        ({"received": False, "status": "unknown", "expected_on": None, "paid": None}, [("overdue", "", "90.00")]),
        ({"received": False, "status": "failed"}, []),
        ({"is_statement": True, "status": "unknown", "paid": None}, []),
    ],
)  # fmt: skip
def test_a_payout_stands_until_it_ties_and_has_arrived_or_a_person_has_let_it_stand(
    changes: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    """That nobody is on record for a difference makes it stand, whether or not there is a case."""
    rows = list(gathering.of_payouts([msgspec.structs.replace(PAYOUT, **changes)], BERLIN, AFTER))
    assert [(row.check.value, row.of, str(row.amount)) for row in rows] == found
    assert all(row.day == date(2026, 10, 30) for row in rows)


def test_a_payout_that_is_on_its_way_is_of_the_month_in_which_it_is() -> None:
    """Told of in October and expected in November, it is what reconciles the end of October."""
    on_its_way = msgspec.structs.replace(
        PAYOUT, received=False, status="in_transit", paid_on=None, expected_on="2026-11-04",
        told=at("2026-10-31T08:00:00"),
    )  # fmt: skip
    (item,) = gathering.of_payouts([on_its_way], BERLIN, AFTER)
    assert checks([item]) == [("in_transit", "", "2026-10-31")]
    arrived = msgspec.structs.replace(on_its_way, received=True, status="paid", judged=False)
    (item,) = gathering.of_payouts([arrived], BERLIN, AFTER)
    assert checks([item]) == [("not_whole", "", "2026-11-04")]


def test_a_payout_that_nobody_dates_is_of_the_day_of_its_last_line() -> None:
    """Whenever it was imported; without lines of a day it is of the day on which it was told of."""
    undated = msgspec.structs.replace(
        PAYOUT, received=False, status="unknown", paid=None, paid_on=None, expected_on=None
    )
    for last_at, day in (("2026-10-22T23:30:00Z", "2026-10-23"), ("", "2026-11-01"), (None, "2026-11-01")):
        (item,) = gathering.of_payouts([msgspec.structs.replace(undated, last_at=last_at)], BERLIN, AFTER)
        assert checks([item]) == [("overdue", "", day)]


def test_days_are_stated_complete_or_they_stand() -> None:
    """Each day that is over, from the first order or statement on; days before that, or without either, are listed."""
    verdicts = {("web", date(2026, 10, day)): "complete" for day in range(3, 31)}
    verdicts["web", date(2026, 10, 9)] = "unproven"
    first = {"web": date(2026, 10, 3), "gone": date(2026, 1, 1)}
    found = list(gathering.of_statements(verdicts, first, ["web"], OCTOBER, AFTER))
    assert checks(found) == [
        ("not_stated", "web", "2026-10-01"), ("not_stated", "web", "2026-10-02"), ("not_complete", "web", "2026-10-09"),
        ("not_complete", "web", "2026-10-31"),
    ]  # fmt: skip
    earlier = {**first, "web": date(2026, 9, 29)}
    rows = board_of(gathering.of_statements(verdicts, earlier, ["web"], OCTOBER, AFTER), OCTOBER, AFTER, "UTC").rows
    assert [(row.check.value, row.count, row.next) for row in rows] == [
        ("earlier", 2, "seamline close 2026-09"), ("not_complete", 4, "seamline close 2026-10 --items not_complete"),
    ]  # fmt: skip
    new = list(gathering.of_statements({}, {}, ["shop"], OCTOBER, date(2026, 10, 3)))
    assert checks(new) == [("not_stated", "shop", "2026-10-01"), ("not_stated", "shop", "2026-10-02")]


def test_what_nobody_posts_stands_and_another_currency_is_listed() -> None:
    """What Fulfil posts, and what waits for a case or its payout, says nothing here."""
    body = (
        '[["receipt","5","Fulfil posts it"],["adjustment","-2.50","[postings] has no row for it: nobody posts it"],'
        '["fee","1","it is in EUR, the ledger is in USD, and no rate is known here"],'
        f'["tax_on_fee","3","it is in EUR, the ledger is in USD{DIFFERENCE_HAS_NO_ROW}"],'
        '["payout","9","its payout is in transit: not received"]]'
    )
    found = list(gathering.of_left([("payout/web/x/1", "EUR", None, at("2026-10-05T23:00:00"), body)], BERLIN))
    assert checks(found) == [
        ("posted_by_nobody", "adjustment", "2026-10-06"),
        ("other_currency", "", "2026-10-06"),
        ("posted_by_nobody", "tax_on_fee", "2026-10-06"),
    ]
    assert found[0].amount == Decimal("2.50")


def test_an_order_that_waits_for_its_goods_or_under_terms_is_carried_over() -> None:
    """What waits for money stands; what waits for its proof has a row of its own."""
    rows = [
        (f"web/{cause}", "5", "EUR", at("2026-10-05T10:00:00"), cause)
        for cause in (
            "proof", "shipping", "telling", "receivable", "payment", "payout", "cases", "", "unexpected", "refund",
        )
    ]  # fmt: skip
    rows.append(("web/other", "5", "EUR", at("2026-10-05T10:00:00"), "unexpected"))
    off = {"web/unexpected": {"EUR": Decimal("-2.00")}, "web/refund": {"EUR": Decimal("-2.00")}}
    found = list(gathering.of_unsettled(rows, BERLIN, off))
    assert [(item.check.value, item.of) for item in found] == [
        ("carried_over", "shipping"), ("carried_over", "telling"), ("carried_over", "receivable"),
        ("carried_over", "payment"), ("unsettled", "payout"), ("unsettled", "cases"),
        ("unsettled", "a first look"), ("paid_otherwise", ""), ("unsettled", "refund"), ("unsettled", "unexpected"),
    ]  # fmt: skip
    assert [item.amount for item in found[-3:]] == [Decimal("2.00"), 5, 5], (
        "by how much it differs, and not all of the order, where that is known"
    )


def test_money_of_an_order_is_of_the_day_on_which_it_moved() -> None:
    """As the sales channel tells it, in the company's zone; else as it was recorded; else the order's own day."""
    moved = Moved(gateway="card", way="charge", amount=Decimal(5), currency="EUR")
    told = msgspec.structs.replace(moved, at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    placed = at("2026-10-05T23:00:00")
    assert gathering.day_moved(told, "2026-10-07", placed, BERLIN) == date(2026, 11, 1)
    assert gathering.day_moved(moved, "2026-10-07", placed, BERLIN) == date(2026, 10, 7)
    assert gathering.day_moved(moved, None, placed, BERLIN) == date(2026, 10, 6)


def test_postings_suspense_and_what_people_accepted_have_their_days_and_amounts() -> None:
    """A batch that is stuck is not one that nobody has made; what nobody has read has no amount."""
    seen = at("2026-10-05T23:00:00")
    found = [
        *gathering.of_postings([
            ("payout/1", "EUR", "-3.00", "2026-10-07", None), ("payout/2", "EUR", "4.00", "2026-10-08", "draft"),
        ]),
        *gathering.of_unfollowed([("web/1", "-5.00", "EUR", seen), ("web/2", "", "", seen)], BERLIN),
        *gathering.of_suspense(
            [("web/3", "tax", "VAT", "-6.00", "EUR", seen, None),
             ("web/4", "gateway", "cash", None, "EUR", seen, "2026-10-09")],
            BERLIN,
        ),
        *gathering.of_accepted([("web/5", "Ann", "-7.00", "EUR", seen)], BERLIN),
    ]  # fmt: skip
    told = [(each.check.value, each.of, each.day.day, each.key, each.currency, each.amount) for each in found]
    assert told == [
        ("unposted", "", 7, "payout/1", "EUR", 3), ("batch_stuck", "", 8, "payout/2", "EUR", 4),
        ("unfollowed", "", 6, "web/1", "EUR", 5), ("unfollowed", "", 6, "web/2", "", None),
        ("suspense", "tax VAT", 6, "web/3", "EUR", 6), ("suspense", "gateway cash", 9, "web/4", "EUR", None),
        ("accepted", "Ann", 6, "web/5", "EUR", 7),
    ]  # fmt: skip


def test_without_the_parts_that_prove_a_month_nothing_is_proven_of_it() -> None:
    """The one that lacks is named; without the first of them the second is not asked for."""
    found = {
        (reconciles, settles): [
            item.of for item in gathering.unconfigured(OCTOBER, reconciles=reconciles, settles=settles)
        ]
        for reconciles in (True, False)
        for settles in (True, False)
    }
    without = ["[reconciliation], without which nothing is proven"]
    assert found == {
        (True, True): [], (True, False): ["[reconciliation.closing], without which no order settles"],
        (False, True): without, (False, False): without,
    }  # fmt: skip
    (item,) = gathering.unconfigured(OCTOBER, reconciles=False, settles=True)
    assert item.day == OCTOBER.first
