"""Customers and their parties, as tables: what a sale that was read back changes, and what contradicts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flows.model.customer_links import AtParty, Link, SaleOfCustomer, compared, sales_of

SEVEN, EIGHT, GUEST, COMPANY = "web/customer/7", "web/customer/8", "web/guest/ab12", "web/company/3"
NOW = 5


def sale(number: int, party: int, customer: str = SEVEN) -> SaleOfCustomer:
    return SaleOfCustomer(number, f"web/{number}", 3, customer, 0, party, 1)


def link(customer: str = SEVEN, party: int = 1, number: int = 91, **of: Any) -> Link:
    return Link(customer, party, number, f"web/{number}", 3, 0, **of)


CONFLICT = link(other_party=2, other_sale=92, other_order="web/92")


@pytest.mark.parametrize(
    ("known", "sales", "after"),
    [
        pytest.param(None, [sale(91, 1)], link(), id="the first sale links"),
        pytest.param(link(), [sale(92, 1)], None, id="another sale agrees"),
        pytest.param(link(), [sale(91, 4)], link(party=4), id="the same sale has another party: it was merged"),
        pytest.param(link(), [sale(92, 2)], CONFLICT, id="another sale contradicts"),
        pytest.param(None, [sale(91, 1), sale(92, 2)], CONFLICT, id="two sales at once contradict"),
        pytest.param(CONFLICT, [sale(93, 3)], CONFLICT, id="of several that contradict the first is told"),
        pytest.param(CONFLICT, [sale(92, 1)], link(), id="the later sale was given to the first party"),
        pytest.param(CONFLICT, [sale(91, 2)], link(party=2), id="the first sale was given to the later party"),
        pytest.param(CONFLICT, [sale(91, 4), sale(92, 4)], link(party=4), id="both were merged into a third"),
        pytest.param(CONFLICT, [sale(91, 1), sale(92, 2)], CONFLICT, id="read again, nothing has changed"),
    ],
)
def test_a_sale_links_its_customer_or_contradicts(
    known: Link | None, sales: list[SaleOfCustomer], after: Link | None
) -> None:
    """One customer is one party; the first that is not so is a conflict until both sides agree."""
    changed = compared({} if known is None else {known.id: known}, sales, (), NOW)
    if after is not None and after.conflict is not None:
        after = msgspec.structs.replace(after, checked_at=NOW)
    assert changed == ({} if after is None else {SEVEN: after})


@pytest.mark.parametrize(
    ("customer", "other", "shares"),
    [
        pytest.param(SEVEN, EIGHT, EIGHT, id="two customers"),
        pytest.param(SEVEN, COMPANY, COMPANY, id="a customer and a company"),
        pytest.param(SEVEN, GUEST, None, id="a customer and a guest"),
        pytest.param(GUEST, SEVEN, None, id="a guest and a customer"),
        pytest.param(SEVEN, "outlet/customer/8", None, id="customers of two sales channels"),
    ],
)
def test_two_customers_of_one_sales_channel_should_be_two_parties(
    customer: str, other: str, shares: str | None
) -> None:
    """Guests are their address, and another sales channel has its own ids for the same person."""
    changed = compared({}, [sale(92, 1, customer)], [AtParty(1, other)], NOW)
    assert changed[customer].shares_with == shares


def test_who_shares_a_party_is_one_case_and_none_once_it_is_accepted() -> None:
    """Whichever of the two is compared next."""
    first = link(shares_with=EIGHT, checked_at=1)
    known = [AtParty(1, SEVEN, shares_with=EIGHT), AtParty(1, EIGHT)]
    assert compared({EIGHT: link(EIGHT)}, [sale(93, 1, EIGHT)], known, NOW) == {}
    assert compared({SEVEN: first}, [sale(91, 1)], known, NOW) == {
        SEVEN: msgspec.structs.replace(first, checked_at=NOW)
    }
    settled = [AtParty(1, SEVEN, accepted=EIGHT), AtParty(1, EIGHT)]
    assert compared({EIGHT: link(EIGHT)}, [sale(93, 1, EIGHT)], settled, NOW) == {}
    assert compared({SEVEN: link(accepted=EIGHT)}, [sale(91, 1)], settled, NOW) == {}


def test_customers_share_no_party_any_more_when_one_of_them_was_given_another() -> None:
    """Both sales are read again in one batch."""
    links = {SEVEN: link(shares_with=EIGHT), EIGHT: link(EIGHT, number=92)}
    known = [AtParty(1, SEVEN, shares_with=EIGHT), AtParty(1, EIGHT)]
    assert compared(links, [sale(91, 1), sale(92, 2, EIGHT)], known, NOW) == {
        SEVEN: link(), EIGHT: link(EIGHT, 2, 92),
    }  # fmt: skip


def test_a_conflict_is_told_by_ids_and_orders_alone() -> None:
    """Which customer, which parties, by which orders."""
    assert CONFLICT.conflict == ("parties", "customer 7 of web is party 1 by web/91, and party 2 by web/92")
    shared = link(shares_with=EIGHT)
    assert shared.conflict == ("shared", "customer 7 of web and customer 8 of web are both party 1")
    assert link(GUEST, other_party=2, other_order="web/92").conflict == (
        "parties", "a guest of web is party 1 by web/91, and party 2 by web/92",
    )  # fmt: skip
    assert link().conflict is None


def test_both_sales_of_a_conflict_are_read_again() -> None:
    """Of one without another sale, its own."""
    assert [(each.sale, each.order, each.party) for each in sales_of(CONFLICT, NOW)] == [
        (91, "web/91", None), (92, "web/92", None),
    ]  # fmt: skip
    assert [each.sale for each in sales_of(link(shares_with=EIGHT), NOW)] == [91]


def test_that_fulfil_knows_a_customer_by_an_own_address_is_not_forgotten() -> None:
    """By whichever sale."""
    own = SaleOfCustomer(92, "web/92", 3, SEVEN, 1, 1, 1)
    assert compared({SEVEN: link()}, [own], (), NOW)[SEVEN].own == 1
    assert compared({SEVEN: Link(SEVEN, 1, 91, "web/91", 3, 1)}, [sale(93, 1)], (), NOW) == {}
