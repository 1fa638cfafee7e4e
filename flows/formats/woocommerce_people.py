"""Who ordered a WooCommerce order, and where it is billed and shipped to."""

from __future__ import annotations

import html

from flows.formats.parts import Json, id_text, text_of
from flows.formats.woocommerce_wire import AddressIn, OrderIn
from flows.model.order import Address, Customer


def words(value: Json) -> str | None:
    """Text for people: WordPress stores some of it with HTML entities."""
    text = text_of(value)
    return text_of(html.unescape(text)) if text is not None and "&" in text else text


def name_of(address: AddressIn) -> str | None:
    """First and last name."""
    return " ".join(filter(None, (words(address.first_name), words(address.last_name)))) or None


def address_of(address: AddressIn | list[Json] | None) -> Address | None:
    """None for one of which only the form is there: an order without shipping has such."""
    if not isinstance(address, AddressIn):
        return None
    street, city = words(address.address_1), words(address.city)
    post_code, country = text_of(address.postcode), text_of(address.country)
    if not (street or city or post_code or country):
        return None
    return Address(
        name=name_of(address),
        company=words(address.company),
        address1=street,
        address2=words(address.address_2),
        city=city,
        zip=post_code,
        subdivision_code=text_of(address.state),
        country_code=country,
        phone=text_of(address.phone),
        email=text_of(address.email),
    )


def customer_of(order: OrderIn) -> Customer | None:
    """The customer, by the billing address; `customer_id` 0 is a guest."""
    billing = order.billing if isinstance(order.billing, AddressIn) else AddressIn()
    customer_id = id_text(order.customer_id)
    found = Customer(
        id=None if customer_id == "0" else customer_id,
        name=name_of(billing),
        email=text_of(billing.email),
        phone=text_of(billing.phone),
    )
    return found if found.id or found.name or found.email or found.phone else None
