"""The people and addresses of a BigCommerce order.

Source: BigCommerce's REST reference, Orders V2: billing and shipping addresses, and how a guest is told.
"""

from __future__ import annotations

from flows.formats.bigcommerce_wire import AddressIn, OrderIn
from flows.formats.parts import Empty, id_text, text_of
from flows.formats.texts import plain_of, subdivision_of
from flows.model.order import Address, Customer


def customer_of(source: OrderIn) -> Customer | None:
    """Who ordered, from the billing address. Customer 0 is a guest."""
    who, of = source.billing_address, id_text(source.customer_id)
    known = None if of == "0" else of
    if not isinstance(who, AddressIn):
        return None if known is None else Customer(id=known)
    return Customer(id=known, name=_full_name(who), email=text_of(who.email), phone=text_of(who.phone))


def _full_name(who: AddressIn) -> str | None:
    return " ".join(filter(None, (plain_of(who.first_name), plain_of(who.last_name)))) or None


def address_of(address: AddressIn | Empty | None) -> Address | None:
    """An address; its state is published by name, and only known names have a code."""
    if not isinstance(address, AddressIn):
        return None
    country = text_of(address.country_iso2)
    return Address(
        name=_full_name(address),
        company=plain_of(address.company),
        address1=plain_of(address.street_1),
        address2=plain_of(address.street_2),
        city=plain_of(address.city),
        zip=text_of(address.zip),
        subdivision_code=subdivision_of(plain_of(address.state), country),
        country_code=country,
        phone=text_of(address.phone),
        email=text_of(address.email),
    )
