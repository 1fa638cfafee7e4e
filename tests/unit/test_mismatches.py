"""What is wrong with a listing, case by case, and what is said of many of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest

from connectors.patchworks.listings import ChannelListing
from flows.cli.listings import Cause as TypedCause
from flows.exceptions.kinds import KINDS
from flows.model.listing_tally import Tally, cases_of, counted
from flows.model.listings import ListingSettings
from flows.model.mismatches import Cause, Compared, Mismatch, Offered, PriceRule, compare, skus_needed
from flows.model.skus import folded
from runtime.rule import RuleBroken

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
EUR = PriceRule(currency="EUR")
TOLERANT = PriceRule(currency="EUR", tolerance=Decimal("0.5"))
GROSS = PriceRule(currency="EUR", tax_rate=Decimal("0.19"))
MUG = Offered("MUG", barcode="36000291452", list_price=Decimal("24.50"))


def products(*offered: Offered) -> dict[str, tuple[Offered, ...]]:
    found: dict[str, tuple[Offered, ...]] = {}
    for each in offered:
        found[folded(each.sku)] = (*found.get(folded(each.sku), ()), each)
    return found


def listing(sku: str = "MUG", **more: Any) -> ChannelListing:
    return ChannelListing("1", sku, **more)


def wrong(compared: Compared) -> list[tuple[str, str, str]]:
    return [(each.cause.value, each.listed, each.expected) for each in compared.mismatches]


# -- SKUs --------------------------------------------------------------------------------------------------------------

ARCHIVED = Offered("MUG", sold=False, active=False)
UNSOLD = Offered("MUG", sold=False)
GONE = Offered("MUG", sold=False, is_gone=True)


@pytest.mark.parametrize(
    ("sku", "there", "aliases", "expected"),
    [
        pytest.param("MUG", [MUG], {}, [], id="known"),
        pytest.param("", [MUG], {}, [("no-sku", "", "")], id="no SKU"),
        pytest.param("CUP", [MUG], {}, [("unknown", "CUP", "")], id="unknown"),
        pytest.param("mug", [MUG], {}, [("unknown", "mug", "MUG")], id="differs in case"),
        pytest.param("mug", [ARCHIVED], {}, [("unknown", "mug", "")], id="like one that is not sold"),
        pytest.param("CUP", [MUG], {"CUP": "MUG"}, [], id="alias"),
        pytest.param("CUP", [ARCHIVED], {"CUP": "MUG"}, [("inactive", "CUP", "MUG")], id="alias of an inactive one"),
        pytest.param("CUP", [], {"CUP": "MUG"}, [("unknown", "CUP", "")], id="alias of an unknown one"),
        pytest.param("MUG", [ARCHIVED], {}, [("inactive", "MUG", "")], id="inactive"),
        pytest.param("MUG", [UNSOLD], {}, [("unsellable", "MUG", "")], id="must not be sold"),
        pytest.param("MUG", [GONE], {}, [("gone", "MUG", "")], id="gone"),
        pytest.param("MUG", [GONE, ARCHIVED], {}, [("inactive", "MUG", "")], id="one gone, one inactive"),
        pytest.param("MUG", [MUG, MUG], {}, [("ambiguous", "MUG", "")], id="twice"),
        pytest.param("MUG", [MUG, ARCHIVED, GONE], {}, [], id="archived and made anew"),
        pytest.param(
            "MUG", [MUG, MUG, Offered("CUP")], {"MUG": "CUP"}, [], id="twice, and an alias of one that is sold"
        ),
        pytest.param("MUG", [ARCHIVED, Offered("CUP")], {"MUG": "CUP"}, [], id="inactive, and an alias"),
    ],
)
def test_a_sku_is_taken_as_in_an_order(
    sku: str, there: list[Offered], aliases: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    """What an order of the listing would be held for is found, and nothing else."""
    assert wrong(compare(listing(sku), products(*there), aliases)) == expected


def test_the_products_of_skus_and_of_what_they_stand_for_are_needed() -> None:
    """Folded, and none for a listing without a SKU."""
    offers = [listing("A b"), listing(""), listing("X")]
    assert skus_needed(offers, {"X": "Y y"}) == {"ab", "x", "yy"}


# -- barcodes and prices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "expected", "is_compared", "is_wrong"),
    [
        pytest.param("0036000291452", "36000291452", True, False, id="leading zeros"),
        pytest.param(" 036000 291452 ", "36000291452", True, False, id="spaces"),
        pytest.param("4006381333931", "36000291452", True, True, id="another"),
        pytest.param("", "36000291452", False, False, id="the sales channel tells none"),
        pytest.param("000", "36000291452", False, False, id="only zeros"),
        pytest.param("4006381333931", None, False, False, id="Fulfil tells none"),
    ],
)
def test_barcodes_are_compared_where_both_sides_tell_one(
    listed: str, expected: str | None, is_compared: bool, is_wrong: bool
) -> None:
    """As everywhere here: a UPC is an EAN that begins with a zero."""
    found = compare(listing(barcode=listed), products(Offered("MUG", barcode=expected)), {})
    assert (found.barcode, wrong(found)) == (is_compared, [("barcode", listed, expected)] if is_wrong else [])


@pytest.mark.parametrize(
    ("price", "currency", "list_price", "rule", "is_compared", "expected"),
    [
        pytest.param("24.50", "EUR", "24.5", EUR, True, None, id="the same"),
        pytest.param("24.51", "EUR", "24.50", EUR, True, ("24.51 EUR", "24.50 EUR", "0.01"), id="a cent more"),
        pytest.param("24.499999999999996", "EUR", "24.50", EUR, True, None, id="noise of a binary float"),
        pytest.param("24.50", "USD", "20.00", EUR, False, None, id="another currency"),
        pytest.param("24.50", "", "20.00", EUR, False, None, id="no currency"),
        pytest.param("", "", "20.00", EUR, False, None, id="no price"),
        pytest.param("24.50", "EUR", None, EUR, False, None, id="no list price"),
        pytest.param("0", "EUR", "9", EUR, True, ("0.00 EUR", "9.00 EUR", "9.00"), id="given away"),
        pytest.param("20.00", "EUR", "24.50", None, False, None, id="prices are not compared"),
        pytest.param("25", "EUR", "24.50", TOLERANT, True, None, id="tolerated"),
        pytest.param("23.80", "EUR", "20", GROSS, True, None, id="with tax"),
        pytest.param("11.89", "EUR", "9.99", GROSS, True, None, id="rounded"),
        pytest.param("500", "JPY", "500.4", PriceRule(currency="JPY"), True, None, id="a currency without cents"),
    ],
)  # fmt: skip
def test_prices_are_compared_in_the_companys_currency(
    price: str,
    currency: str,
    list_price: str | None,
    rule: PriceRule | None,
    is_compared: bool,
    expected: tuple[str, str, str] | None,
) -> None:
    """To the smallest coin, within what ecommerce tolerates; what is not told is not compared."""
    product = Offered("MUG", list_price=None if list_price is None else Decimal(list_price))
    found = compare(listing(price=price, currency=currency), products(product), {}, rule)
    assert found.price is is_compared
    assert [(each.listed, each.expected, str(each.difference)) for each in found.mismatches] == (
        [expected] if expected else []
    )


def test_one_listing_may_have_several_things_wrong_with_it() -> None:
    """Barcode and price are both told; of a SKU that cannot be sold nothing more is."""
    offer = listing(barcode="1", price="1", currency="EUR")
    assert [each.cause for each in compare(offer, products(MUG), {}, EUR).mismatches] == [Cause.BARCODE, Cause.PRICE]
    unsold = Offered("MUG", sold=False, barcode="2", list_price=Decimal(2))
    assert [each.cause for each in compare(offer, products(unsold), {}, EUR).mismatches] == [Cause.UNSELLABLE]


# -- what is said of them ----------------------------------------------------------------------------------------------


def priced(number: int, difference: str) -> Compared:
    mismatch = Mismatch(Cause.PRICE, str(number), f"S{number}", "", "1.00 EUR", "2.00 EUR", Decimal(difference))
    return Compared((mismatch,), price=True)


def test_thousands_of_wrong_prices_are_one_case_that_names_the_worst() -> None:
    """The three that differ most, how many there are, and the command that lists them."""
    differences = [str(1 + n % 7) for n in range(5_000)]
    offers = [ChannelListing(str(n)) for n in range(5_000)]
    tally = Tally()
    for at in range(0, 5_000, 500):
        there = range(at, at + 500)
        tally = counted(tally, offers[at : at + 500], [priced(n, differences[n]) for n in there])
    assert (tally.listings, tally.active, tally.prices, tally.mismatches) == (5_000, 5_000, 5_000, {"price": 5_000})
    (case,) = cases_of("web", tally, (), NOW)
    assert (case.kind, case.cause) == ("listing.price", "price")
    assert case.sentence == (
        "5000 active listings of web have other prices than Fulfil's list prices: 'S6' has 1.00 EUR, not 2.00 EUR, "
        "'S13' has 1.00 EUR, not 2.00 EUR, 'S20' has 1.00 EUR, not 2.00 EUR and 4997 more; "
        "`seamline listings web` lists them"
    )
    (later,) = cases_of("web", tally, (case,), NOW + timedelta(days=1))
    assert later.opened_at == NOW


def test_a_single_listing_is_named_with_what_may_be_meant() -> None:
    """In words that fit one of them."""
    found = compare(ChannelListing("7", "mug"), products(MUG), {})
    (case,) = cases_of("web", counted(Tally(), [ChannelListing("7", "mug")], [found]), (), NOW)
    assert case.sentence == (
        "1 active listing of web has a SKU that is not in Fulfil: 'mug' (perhaps 'MUG'); "
        "`seamline listings web` lists them"
    )


def test_every_cause_has_a_kind_of_exception_and_a_place_on_the_command_line() -> None:
    """A cause that is added is missed here."""
    every = [Compared((Mismatch(cause, "1", "S", "", "a", "b"),)) for cause in Cause]
    cases = cases_of("web", counted(Tally(), [ChannelListing("1")], every), (), NOW)
    assert [case.cause for case in cases] == [cause.value for cause in Cause]
    assert {case.kind for case in cases} <= set(KINDS)
    assert set(get_args(TypedCause)) == {cause.value for cause in Cause}


def test_the_digest_is_of_the_list_and_survives_a_restart() -> None:
    """The same listings, the same digest, also when the tally was on disk between two steps; another price, another."""
    first, second = [ChannelListing("1", "A")], [ChannelListing("2", "B", price="1")]
    whole = counted(counted(Tally(), first, []), second, [])
    kept = msgspec.json.decode(msgspec.json.encode(counted(Tally(), first, [])), type=Tally)
    assert counted(kept, second, []).digest == whole.digest
    assert counted(whole, [], []).digest == whole.digest
    assert counted(counted(Tally(), first, []), [ChannelListing("2", "B", price="2")], []).digest != whole.digest


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"compare_prices": True}, "price_currency"),
        ({"callback": "listings", "every_s": 86_400.0, "due_within_s": 3_600.0}, "due_within_s"),
    ],
)
def test_settings_that_can_find_nothing_are_refused(settings: dict[str, Any], place: str) -> None:
    """Prices in nobody knows which currency, and lists that are late whenever they come."""
    with pytest.raises(RuleBroken) as broken:
        ListingSettings(**settings)
    assert list(broken.value.found) == [(place,)]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([MUG, Offered("TEA")], []),
        ([MUG], [("unknown", "T", "")]),
        ([Offered("TEA"), ARCHIVED], [("inactive", "MUG", "")]),
        ([], [("unknown", "MUG", "")]),
    ],
)
def test_a_bundle_by_rule_is_listed_well_when_each_component_is_sold(
    there: list[Offered], expected: list[tuple[str, str, str]]
) -> None:
    """Fulfil does not have its SKU; one component that cannot be sold is named, by its alias if it has one."""
    parts, aliases = {"SET": ("MUG", "T")}, {"T": "TEA"}
    offer = listing("SET", barcode="1", price="99.00", currency="EUR")
    found = compare(offer, products(*there), aliases, EUR, parts)
    assert (wrong(found), found.barcode, found.price) == (expected, False, False)
    assert skus_needed([offer, listing()], aliases, parts) == {"mug", "t", "tea"}
