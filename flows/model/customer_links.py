"""Which party in Fulfil each customer is: what a sale that was read back changes about it, and what contradicts. Pure.

Two things should not be: one customer with two parties, and two customers of one sales channel, both with an id, with
one. Guests are known by their address alone, so they may well share the party of a customer who has it, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from flows.model.customer import GUEST
from runtime.key import partition_of

PARTIES, SHARED = "parties", "shared"
"""The causes of a conflict."""


class SaleOfCustomer(msgspec.Struct, frozen=True):
    """A row of `customer_sale`, in the order of its columns."""

    sale: int
    order: str
    channel: int
    customer: str
    own: int
    party: int | None
    since: int
    asked: int = 0

    @property
    def row(self) -> tuple[Any, ...]:
        """Its row."""
        return msgspec.structs.astuple(self)


class Link(msgspec.Struct, frozen=True):
    """A row of `customer`, in the order of its columns: see the table."""

    id: str
    party: int
    sale: int
    order: str
    channel: int
    own: int
    other_party: int | None = None
    other_sale: int | None = None
    other_order: str | None = None
    shares_with: str | None = None
    accepted: str | None = None
    checked_at: int = 0

    @property
    def row(self) -> tuple[Any, ...]:
        """Its row."""
        return msgspec.structs.astuple(self)

    @property
    def conflict(self) -> tuple[str, str] | None:
        """What should not be, as cause and sentence; None when all is well."""
        name = told(self.id)
        if self.other_party is not None:
            one, other = f"{self.party} by {self.order}", f"{self.other_party} by {self.other_order}"
            return PARTIES, f"{name} is party {one}, and party {other}"
        if self.shares_with is not None:
            return SHARED, f"{name} and {told(self.shares_with)} are both party {self.party}"
        return None


def sales_of(link: Link, now_us: int) -> tuple[SaleOfCustomer, ...]:
    """The sales by which it is known whose party a customer is, to be asked about again."""
    sales = [(link.sale, link.order)]
    if link.other_sale is not None and link.other_order is not None:
        sales.append((link.other_sale, link.other_order))
    return tuple(SaleOfCustomer(sale, order, link.channel, link.id, link.own, None, now_us) for sale, order in sales)


def told(customer: str) -> str:
    """A customer for people: `customer 7 of web`, `a guest of web`."""
    sales_channel, kind, number = customer.split("/", 2)
    return f"a guest of {sales_channel}" if kind == GUEST else f"{kind} {number} of {sales_channel}"


class AtParty(msgspec.Struct, frozen=True):
    """A customer who is known to be a party, and with whom that is so already: a case is open, or it was accepted."""

    party: int
    id: str
    shares_with: str | None = None
    accepted: str | None = None


def compared(
    links: Mapping[str, Link], sales: Iterable[SaleOfCustomer], known: Iterable[AtParty], now_us: int
) -> dict[str, Link]:
    """The links that these sales change, by customer. Every sale has a party; `known` are the customers of them all."""
    found = dict(links)
    for sale in sales:
        found[sale.customer] = _with(found.get(sale.customer), sale)
    at: dict[int, set[str]] = {}
    paired: set[tuple[str, str]] = set()
    for each in known:
        if each.id not in found:
            at.setdefault(each.party, set()).add(each.id)
        paired.update((each.id, other) for other in (each.shares_with, each.accepted) if other is not None)
    for link in found.values():
        at.setdefault(link.party, set()).add(link.id)
    changed = {}
    for link in found.values():
        shares = next((other for other in sorted(at[link.party]) if _should_not_share(link, other, paired)), None)
        if shares is not None:
            paired.add((link.id, shares))
        judged = link if shares == link.shares_with else msgspec.structs.replace(link, shares_with=shares)
        if judged.conflict is not None:
            judged = msgspec.structs.replace(judged, checked_at=now_us)
        if judged != links.get(link.id):
            changed[link.id] = judged
    return changed


def _with(link: Link | None, sale: SaleOfCustomer) -> Link:
    """What this sale says of its customer. Of several that contradict the first is told."""
    party = sale.party or 0
    if link is None:
        return Link(sale.customer, party, sale.sale, sale.order, sale.channel, sale.own)
    if sale.own > link.own:
        link = msgspec.structs.replace(link, own=sale.own)
    if sale.sale == link.sale:
        link = msgspec.structs.replace(link, party=party)
    elif sale.sale == link.other_sale:
        link = msgspec.structs.replace(link, other_party=party)
    elif party != link.party and link.other_party is None:
        other = {"other_party": party, "other_sale": sale.sale, "other_order": sale.order}
        link = msgspec.structs.replace(link, **other)
    if link.other_party == link.party:
        link = msgspec.structs.replace(link, other_party=None, other_sale=None, other_order=None)
    return link


def _should_not_share(link: Link, other: str, paired: Collection[tuple[str, str]]) -> bool:
    """Whether these two should be two parties, and that is not told of the other one already, or accepted."""
    return (
        other not in (link.id, link.accepted)
        and partition_of(other) == partition_of(link.id)
        and not (_is_guest(link.id) or _is_guest(other))
        and (other, link.id) not in paired
    )


def _is_guest(customer: str) -> bool:
    return customer.split("/", 2)[1] == GUEST
