"""Who an order's customer is, and by which e-mail addresses Fulfil is to know them (rule 25). Pure.

Fulfil makes one party of orders that name the same e-mail address, and has no field for the customer's id at the sales
channel. So what is sent as contact decides who is one party:

- of an order by a company, the company: an address of its own, and none of the people who order for it
- of a customer with an id: their address; without one that is theirs alone, an address of their own
- of a guest: their address, when it is theirs alone and guests are known by it
- of everybody else nothing: each order has a party of its own

Addresses of many (marketplaces that relay, placeholders, what the sales channel's settings name) are never sent as a
contact. Only hashes of addresses are ever written down.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from flows.model.order import Order, Personal

COMPANY, CUSTOMER, GUEST = "company", "customer", "guest"
"""What a customer is, as the second part of their id."""

_RELAYS: Final = frozenset(("relay.walmart.com", "scs.tiktokw.us", "private-relay.reverb.com"))
"""Marketplaces that give each buyer, or each order, an address that they relay. More of them below."""
_RELAYS_ANYWHERE: Final = ("marketplace.amazon.", "members.ebay.")
"""Of these each country has its own: `marketplace.amazon.de`."""
_RELAYS_BELOW: Final = (".notification.mirakl.net", ".shipping.temuemail.com")
_PLACEHOLDERS: Final = frozenset(
    (
        *("noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "noemail", "no-email", "no_email"),
        *("nomail", "no-mail", "none", "unknown", "anonymous", "guest", "notprovided", "not-provided"),
    )
)
"""What stands before the @ of an address that is nobody's, whatever stands behind it."""
_NOBODYS_DOMAIN: Final = ".invalid"
"""RFC 2606: no mail can ever be delivered there."""

_PLAIN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_OWN = "@own"


class CustomerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the customers of a sales channel become parties in Fulfil, which merges them by e-mail address."""

    guests: Literal["by_email", "each_order"] = "by_email"
    """Who orders without a customer id: one customer for each e-mail address, or another one with each order."""
    own_addresses: Literal["without_email", "always", "never"] = "without_email"
    """Which customers with an id also get an address of their own at `own_domain`, by which Fulfil knows them again:
    those without an e-mail address that is theirs alone (companies always are), all of them, or none."""
    own_domain: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")] = "seamline.invalid"
    """The domain of those addresses. No mail must ever be delivered there; nothing can be below `.invalid`."""
    shared: tuple[Annotated[str, Meta(pattern="@")], ...] = ()
    """Addresses of many, by which nobody is known: `orders@agency.example`, a whole domain and what is below it as
    `@agency.example`, a name at any domain as `sales@`. Relays of known marketplaces and placeholders always are."""


class Buyer(msgspec.Struct, frozen=True, gc=False):
    """The customer of an order as Fulfil is told of them. Nobody: an order whose party is its own.

    `claims` is what must not be made twice at once: the customer's id, then one for each of `emails`. An address stands
    there as a hash.
    """

    emails: tuple[Personal, ...] = ()
    """What Fulfil may know them by, what it knows them by first."""
    claims: tuple[str, ...] = ()
    company: Personal | None = None
    """The name of the company, of an order by one."""

    @property
    def id(self) -> str:
        """`web/customer/7`; empty for nobody."""
        return self.claims[0] if self.claims else ""

    def __repr__(self) -> str:
        return f"Buyer({self.id!r})"


NOBODY: Final = Buyer()


def buyer_of(order: Order, settings: CustomerSettings) -> Buyer:
    """Who has bought, by this order alone."""
    who = order.customer
    if who is None:
        return NOBODY
    email = None if who.email is None else own_email(who.email, settings.shared)
    if who.company_id is not None:
        return _company(order, who.company_id, email, settings)
    if who.id is not None:
        id_ = f"{order.sales_channel}/{CUSTOMER}/{who.id}"
        if email is None:
            return Buyer() if settings.own_addresses == "never" else with_own_address(Buyer((), (id_,)), settings)
        buyer = Buyer((email,), (id_, hash_of(email)))
        return with_own_address(buyer, settings) if settings.own_addresses == "always" else buyer
    if email is None or settings.guests == "each_order":
        return NOBODY
    hashed = hash_of(email)
    return Buyer((email,), (f"{order.sales_channel}/{GUEST}/{hashed}", hashed))


def _company(order: Order, company_id: str, email: str | None, settings: CustomerSettings) -> Buyer:
    """The people who order for a company are not its parties, and may buy for themselves as well."""
    id_ = f"{order.sales_channel}/{COMPANY}/{company_id}"
    addresses = (each for each in (order.billing_address, order.shipping_address) if each is not None)
    name = next((each.company for each in addresses if each.company), None)
    if settings.own_addresses != "never":
        return with_own_address(Buyer((), (id_,), name), settings)
    return Buyer(company=name) if email is None else Buyer((email,), (id_, hash_of(email)), name)


def with_own_address(buyer: Buyer, settings: CustomerSettings, *, first: bool = False) -> Buyer:
    """With the address that is this customer's own, behind the others or `first`."""
    own = Buyer((own_address(buyer.id, settings.own_domain),), (buyer.id, own_claim(buyer.id)))
    return also_known(buyer, own) if first else also_known(own, buyer)


def also_known(buyer: Buyer, earlier: Buyer) -> Buyer:
    """The customer of an order, by the addresses of an earlier order of theirs first."""
    named = dict(zip(earlier.claims[1:], earlier.emails, strict=True))
    named |= dict(zip(buyer.claims[1:], buyer.emails, strict=True))
    return Buyer(tuple(named.values()), (buyer.id, *named), buyer.company or earlier.company)


# -- addresses ---------------------------------------------------------------------------------------------------------


def own_email(text: str, shared: Sequence[str] = ()) -> str | None:
    """The address without case and spaces; None for what is no address, or may be that of many."""
    email = text.strip().lower()
    if not email.isprintable() or " " in email:
        email = "".join(email.split())
    name, at, domain = email.rpartition("@")
    if not name or not at or name in _PLACEHOLDERS or _is_of_many(domain):
        return None
    if shared and _is_named(name, domain, tuple(shared)):
        return None
    return email


@lru_cache(maxsize=4_096)
def _is_of_many(domain: str) -> bool:
    return (
        "." not in domain
        or domain in _RELAYS
        or domain.startswith(_RELAYS_ANYWHERE)
        or domain.endswith((*_RELAYS_BELOW, _NOBODYS_DOMAIN))
    )


def _is_named(name: str, domain: str, shared: tuple[str, ...]) -> bool:
    addresses, domains, names = _sorted_out(shared)
    above = (domain[start:] for start in (0, *(at + 1 for at, each in enumerate(domain) if each == ".")))
    return name in names or f"{name}@{domain}" in addresses or not domains.isdisjoint(above)


@lru_cache(maxsize=64)
def _sorted_out(shared: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Addresses, domains, and names at any domain."""
    folded = [each.strip().lower() for each in shared]
    return (
        frozenset(folded),
        frozenset(each[1:] for each in folded if each.startswith("@")),
        frozenset(each[:-1] for each in folded if each.endswith("@")),
    )


def hash_of(email: str) -> str:
    """What stands for an address wherever something is written down."""
    return hashlib.blake2b(email.encode(), digest_size=8).hexdigest()


def own_claim(customer: str) -> str:
    """What stands for the address that is a customer's own."""
    return customer + _OWN


def own_address(customer: str, domain: str) -> str:
    """`customer-7@web.seamline.invalid`. An id that an address cannot hold as it is becomes a hash; none are alike."""
    sales_channel, kind, number = customer.split("/", 2)
    plain = number if _PLAIN_ID.fullmatch(number) else f"id.{hash_of(number)}"
    return f"{kind}-{plain}@{sales_channel}.{domain}"
