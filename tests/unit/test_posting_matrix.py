"""The posting matrix: one poster for each event, and nothing that could be booked twice (rule 18)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flows.model.currencies import CURRENCIES
from flows.model.money import _DIGITS
from flows.model.posting_matrix import (
    OF_FULFIL,
    LedgerEvent,
    Posted,
    PostingRow,
    PostingSettings,
    matrix,
    row_for,
)
from runtime.rule import RuleBroken

FEE = PostingRow(event=LedgerEvent.FEE, debit="6810", credit="1360")
EURO = PostingRow(event=LedgerEvent.FEE, currency="EUR", debit="6820", credit="1380")
STRIPE = PostingRow(event=LedgerEvent.FEE, gateway="stripe", debit="6811", credit="1361", dated="event")
ROWS = st.builds(
    PostingRow,
    event=st.sampled_from(LedgerEvent),
    gateway=st.sampled_from(("", "stripe", "paypal")),
    debit=st.sampled_from(("1", "2")),
    credit=st.sampled_from(("2", "3")),
)


def test_fulfil_posts_what_it_posts_and_nobody_the_rest_until_it_has_a_row() -> None:
    """Without a row the gap is shown, and not hidden."""
    lines = {each.event: each.poster for each in matrix(PostingSettings())}
    assert {event for event, poster in lines.items() if poster == "fulfil"} == set(OF_FULFIL)
    assert {event for event, poster in lines.items() if poster == "nobody"} == set(LedgerEvent) - set(OF_FULFIL)


def test_a_gateway_may_have_accounts_of_its_own() -> None:
    """Its own row goes before the general one."""
    settings = PostingSettings(rows=(FEE, STRIPE))
    assert [each for each in matrix(settings) if each.event is LedgerEvent.FEE] == [
        Posted(
            event=LedgerEvent.FEE, gateway="stripe", poster="seamline", debit="6811", credit="1361", journal="MISC",
            dated="event",
        ),
        Posted(
            event=LedgerEvent.FEE, gateway="", poster="seamline", debit="6810", credit="1360", journal="MISC",
            dated="payout",
        ),
    ]  # fmt: skip
    assert (row_for(settings, LedgerEvent.FEE, "stripe"), row_for(settings, LedgerEvent.FEE, "adyen")) == (STRIPE, FEE)
    assert row_for(settings, LedgerEvent.PAYOUT, "stripe") is None


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ((PostingRow(event=LedgerEvent.SALE, debit="1", credit="2"),), "Fulfil posts sale itself"),
        ((FEE, FEE), "a row for fee already"),
        ((STRIPE, STRIPE), "a row for fee of stripe already"),
        ((PostingRow(event=LedgerEvent.FEE, debit="1", credit="1"),), "it would move nothing"),
        ((EURO, EURO), "a row for fee in EUR already"),
        ((replace(EURO, currency="eur"),), "there is no currency 'eur' .ISO 4217.; did you mean `EUR`?"),
        ((replace(EURO, currency="euros"),), "there is no currency 'euros' .ISO 4217.$"),
    ],
)
def test_what_would_be_booked_twice_or_not_at_all_is_refused(rows: tuple[PostingRow, ...], sentence: str) -> None:
    """Two posters for one row, two rows for one event, one account on both sides."""
    with pytest.raises(RuleBroken, match=sentence):
        PostingSettings(rows=rows)


def test_every_currency_with_digits_of_its_own_is_one_that_there_is() -> None:
    """And no code for tests is one."""
    assert set(_DIGITS) <= CURRENCIES
    assert {"USD", "EUR", "XCG"} <= CURRENCIES
    assert not {"XXX", "XTS", "XXQ"} & CURRENCIES


def test_a_tenant_that_posts_no_receipts_has_seamline_do_it() -> None:
    """What Fulfil posts is configuration, too; then a row may stand in its place."""
    receipt = PostingRow(event=LedgerEvent.RECEIPT, debit="1360", credit="1100", dated="event")
    settings = PostingSettings(of_fulfil=(LedgerEvent.SALE, LedgerEvent.TAX), rows=(receipt,))
    (line,) = [each for each in matrix(settings) if each.event is LedgerEvent.RECEIPT]
    assert (line.poster, line.debit) == ("seamline", "1360")


@given(rows=st.lists(ROWS, max_size=6), of_fulfil=st.sets(st.sampled_from(LedgerEvent), max_size=6))
def test_whatever_is_configured_has_one_poster_or_is_refused(
    rows: list[PostingRow], of_fulfil: set[LedgerEvent]
) -> None:
    """Of each event and gateway exactly one line, and none that Fulfil posts is Seamline's."""
    try:
        settings = PostingSettings(rows=tuple(rows), of_fulfil=tuple(of_fulfil))
    except RuleBroken:
        return
    lines = matrix(settings)
    assert max(Counter((each.event, each.gateway) for each in lines).values()) == 1
    posters = {event: {each.poster for each in lines if each.event is event} for event in LedgerEvent}
    assert all(posters[event] == {"fulfil"} for event in of_fulfil)
    assert all("fulfil" not in posters[event] for event in set(LedgerEvent) - of_fulfil)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"mode": "live"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
    ],
)
def test_what_cannot_be_posted_by_is_refused(settings: dict[str, str], place: str) -> None:
    """No ledger without a currency, and no day without a zone."""
    with pytest.raises(RuleBroken) as refused:
        PostingSettings(**settings)  # type: ignore[arg-type]
    assert set(refused.value.found) == {(place,)}


def test_a_currency_may_have_accounts_of_its_own() -> None:
    """The most particular row counts: gateway and currency, gateway, currency, any."""
    both = PostingRow(event=LedgerEvent.FEE, gateway="stripe", currency="EUR", debit="6821", credit="1381")
    settings = PostingSettings(rows=(FEE, STRIPE, EURO, both))
    asked = (("stripe", "EUR"), ("stripe", "USD"), ("adyen", "EUR"), ("adyen", "USD"))
    assert [row_for(settings, LedgerEvent.FEE, *each) for each in asked] == [both, STRIPE, EURO, FEE]
    lines = [(each.gateway, each.currency) for each in matrix(settings) if each.event is LedgerEvent.FEE]
    assert lines == [("stripe", "EUR"), ("stripe", ""), ("", "EUR"), ("", "")]


@pytest.mark.parametrize("row", [EURO, STRIPE])
def test_what_is_posted_of_one_gateway_or_currency_is_posted_by_nobody_of_the_others(row: PostingRow) -> None:
    """The gap is shown beside the row."""
    lines = [each for each in matrix(PostingSettings(rows=(row,))) if each.event is LedgerEvent.FEE]
    assert [each.poster for each in lines] == ["seamline", "nobody"]


def test_a_provider_may_be_another_gateway_in_fulfil() -> None:
    """For one sales channel, or for all."""
    settings = PostingSettings(providers={"stripe": "stripe_us", "web/stripe": "stripe_eu"})
    asked = (("web", "stripe"), ("outlet", "stripe"), ("web", "paypal"))
    assert [settings.gateway_of(*each) for each in asked] == ["stripe_eu", "stripe_us", "paypal"]
