"""Who an order's customer is, and what Fulfil is told of them, as tables."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flows.formats import magento2, seamline, shopify
from flows.model.customer import (
    NOBODY,
    Buyer,
    CustomerSettings,
    also_known,
    buyer_of,
    hash_of,
    own_address,
    own_email,
    with_own_address,
)
from flows.model.order import Address, Customer, Order
from flows.model.sale import sale_for
from tests.unit.made_orders import SETTINGS, order

ADA, HASH = "ada@example.com", hash_of("ada@example.com")
SEVEN, OWN = "web/customer/7", "customer-7@web.seamline.invalid"
RELAY = "x1@marketplace.amazon.de"


def by(customer: Customer | None, **of: Any) -> Order:
    return order(customer=customer, **of)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        (ADA, ADA),
        ("  ADA@Example.com ", ADA),
        ("ada @example.com", ADA),
        ("ada\t@example.com\n", ADA),
        ("ada+mugs@example.com", "ada+mugs@example.com"),
        ("", None),
        ("n/a", None),
        ("@example.com", None),
        ("ada@", None),
        ("ada@localhost", None),
        ("noreply@shop.example", None),
        ("NoReply@Shop.example", None),
        ("guest@shop.example", None),
        ("7@web.seamline.invalid", None),
        (RELAY, None),
        ("x1@marketplace.amazon.co.uk", None),
        ("x1@members.ebay.com", None),
        ("x1@relay.walmart.com", None),
        ("x1@scs.tiktokw.us", None),
        ("x1@us.notification.mirakl.net", None),
        ("x1@private-relay.reverb.com", None),
        ("x1@marketplace.example.com", "x1@marketplace.example.com"),
        ("x1@privaterelay.appleid.com", "x1@privaterelay.appleid.com"),
    ],
)
def test_an_address_is_folded_and_that_of_many_is_none(text: str, email: str | None) -> None:
    """Case and spaces make no difference. Apple's relay is one person's; those of marketplaces and placeholders are
    nobody's.
    """
    assert own_email(text) == email


@pytest.mark.parametrize(
    ("shared", "merges"),
    [
        (("orders@agency.example",), ["sales@agency.example", "ada@mail.agency.example", ADA]),
        (("@agency.example",), [ADA]),
        (("Sales@",), ["orders@agency.example", "ada@mail.agency.example", ADA]),
        (("@example.com",), ["orders@agency.example", "sales@agency.example", "ada@mail.agency.example"]),
    ],
)
def test_settings_name_addresses_of_many(shared: tuple[str, ...], merges: list[str]) -> None:
    """An address, a domain with what is below it, or a name at any domain."""
    all_ = ["orders@agency.example", "sales@agency.example", "ada@mail.agency.example", ADA]
    assert [email for email in all_ if own_email(email, shared)] == merges


@pytest.mark.parametrize(
    ("customer", "settings", "buyer"),
    [
        pytest.param(None, {}, NOBODY, id="nobody"),
        pytest.param(Customer(name="Ada Moss"), {}, NOBODY, id="guest without an address"),
        pytest.param(Customer(email=" ADA@example.com"), {}, Buyer((ADA,), (f"web/guest/{HASH}", HASH)), id="guest"),
        pytest.param(Customer(email=ADA), {"guests": "each_order"}, NOBODY, id="guest, each order"),
        pytest.param(Customer(email=RELAY), {}, NOBODY, id="guest behind a relay"),
        pytest.param(Customer(email=ADA), {"shared": ("@example.com",)}, NOBODY, id="guest of a shared domain"),
        pytest.param(Customer(id="7", email=ADA), {}, Buyer((ADA,), (SEVEN, HASH)), id="customer"),
        pytest.param(
            Customer(id="7", email=ADA), {"guests": "each_order"}, Buyer((ADA,), (SEVEN, HASH)), id="customer, no guest"
        ),
        pytest.param(Customer(id="7"), {}, Buyer((OWN,), (SEVEN, f"{SEVEN}@own")), id="customer without an address"),
        pytest.param(
            Customer(id="7", email=RELAY), {}, Buyer((OWN,), (SEVEN, f"{SEVEN}@own")), id="customer behind a relay"
        ),
        pytest.param(Customer(id="7"), {"own_addresses": "never"}, NOBODY, id="customer, no address of their own"),
        pytest.param(
            Customer(id="7", email=ADA),
            {"own_addresses": "always"},
            Buyer((ADA, OWN), (SEVEN, HASH, f"{SEVEN}@own")),
            id="customer, always an address of their own",
        ),
        pytest.param(
            Customer(id="7", company_id="3", email=ADA),
            {},
            Buyer(("company-3@web.seamline.invalid",), ("web/company/3", "web/company/3@own"), "Moss Ltd"),
            id="company",
        ),
        pytest.param(
            Customer(id="7", company_id="3", email=ADA),
            {"own_addresses": "never"},
            Buyer((ADA,), ("web/company/3", HASH), "Moss Ltd"),
            id="company, no address of its own",
        ),
    ],
)
def test_what_fulfil_is_told_of_a_customer(customer: Customer | None, settings: dict[str, Any], buyer: Buyer) -> None:
    """The company, else the id at the sales channel, else the guest's address; addresses of many are not told."""
    made = by(customer, billing_address=Address(name="Ada Moss", company="Moss Ltd", country_code="US"))
    assert buyer_of(made, CustomerSettings(**settings)) == buyer


def test_ids_that_differ_have_addresses_that_differ_in_more_than_case() -> None:
    """Fulfil compares without case, and an address holds little: other ids become hashes."""
    ids = ["7", "a7", "A7", "a 7", "ä7", "a@7", "x" * 60, "X" * 60, "id.7", "7-"]
    made = [own_address(f"web/{kind}/{id_}", "seamline.invalid") for id_ in ids for kind in ("customer", "company")]
    assert len({address.lower() for address in made}) == len(made)
    assert all(len(address.partition("@")[0]) <= 64 and address.isascii() and " " not in address for address in made)
    assert own_address("web/customer/id/with/slashes", "x.invalid").endswith("@web.x.invalid")


def test_a_customer_is_named_first_as_fulfil_knows_them() -> None:
    """By an earlier order's address, or by their own; each is named once."""
    new = Buyer(("new@example.com",), (SEVEN, "h2"))
    assert also_known(new, Buyer((ADA,), (SEVEN, "h1"))) == Buyer((ADA, "new@example.com"), (SEVEN, "h1", "h2"))
    assert also_known(new, new) == new
    own = with_own_address(new, CustomerSettings(), first=True)
    assert own == Buyer((OWN, "new@example.com"), (SEVEN, f"{SEVEN}@own", "h2"))


def test_the_sale_names_the_customer_so_and_an_address_of_many_stays_on_the_order() -> None:
    """What merges is not sent as a contact; the parcel's address still has it, and the phone."""
    made = by(Customer(id="7", name="Ada Moss", email=RELAY, phone="+1 555 0100"))
    sale = sale_for(made, SETTINGS, buyer_of(made, CustomerSettings()))
    assert sale.customer.contacts == (("email", OWN), ("phone", "+1 555 0100"))  # type: ignore[union-attr]
    assert sale.customer.name == "Ada Moss"  # type: ignore[union-attr]
    assert sale.billing_address.email == RELAY  # type: ignore[union-attr]


def test_the_party_of_a_company_has_its_name_and_none_of_the_person() -> None:
    """Whoever orders for it: the next one is another person."""
    company = Address(name="Ada Moss", company="Moss Ltd", address1="1 Elm", city="Waco", zip="1", country_code="US")
    made = by(Customer(id="7", company_id="3", name="Ada Moss", email=ADA), billing_address=company)
    sale = sale_for(made, SETTINGS, buyer_of(made, CustomerSettings()))
    assert sale.customer.name == "Moss Ltd"  # type: ignore[union-attr]
    assert sale.customer.contacts == (("email", "company-3@web.seamline.invalid"),)  # type: ignore[union-attr]


def test_nothing_personal_shows_in_a_buyer() -> None:
    """Its id does, and no address."""
    shown = repr(Buyer((ADA,), (SEVEN, HASH), "Moss Ltd"))
    assert shown == f"Buyer({SEVEN!r})"


@pytest.mark.parametrize(
    ("company", "known"), [({"id": 3, "location_id": 9}, "3"), (None, None), ({}, None), ("Moss Ltd", None)]
)
def test_shopify_names_the_company_of_an_order(company: Any, known: str | None) -> None:
    """`company` of an order by a business; whatever else stands there is no company."""
    body = {"id": 1, "name": "#1", "created_at": "2026-11-20T08:00:00Z", "currency": "USD", "total_price": "0.00",
            "line_items": [], "company": company, "email": ADA}  # fmt: skip
    made = shopify.read("web", msgspec.json.encode(body))
    assert isinstance(made, Order), made
    assert made.customer is not None
    assert made.customer.company_id == known


def test_seamlines_own_schema_and_magento_name_the_company_too() -> None:
    """`customer.company_id`, and Adobe Commerce's `company_order_attributes`."""
    body = {
        "order_id": "1", "placed_at": "2026-11-20T08:00:00Z", "currency": "USD", "total": "0", "taxes_included": False,
        "lines": [], "customer": {"company_id": "3"},
    }  # fmt: skip
    made = seamline.read("web", msgspec.json.encode(body))
    assert isinstance(made, Order), made
    assert made.customer == Customer(company_id="3")
    extra = {"extension_attributes": {"company_order_attributes": {"company_id": 3, "company_name": "Moss Ltd"}}}
    of_magento = {
        "entity_id": 1, "increment_id": "1", "created_at": "2026-11-20 08:00:00", "base_currency_code": "USD",
        "order_currency_code": "USD", "base_grand_total": 0, "grand_total": 0, "items": [], "customer_id": 7, **extra,
    }  # fmt: skip
    made = magento2.read("web", msgspec.json.encode(of_magento))
    assert isinstance(made, Order), made
    assert made.customer == Customer(id="7", company_id="3")
