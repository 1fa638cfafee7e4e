"""Customers, as far as they must be linked and never doubled: by their code, and by their e-mail address.

`create_order` finds or makes the customer by itself; what resulted is read back in batches. Nothing here is shown by
`repr`. Fields: a live integration's lists of 2026, Tryton's party module.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from connectors.fulfil.calls import Ask, Created, Read, Sought, Spoken, Write, created_one, encode, search_read
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find, Model
from connectors.fulfil.rows import PersonalRow, Row
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import create
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer


class Party(PersonalRow, frozen=True, kw_only=True):
    """A customer, or anybody else. `code` is unique; `email` is worked out from the contact mechanisms."""

    code: str | None = None
    name: str | None = None
    email: str | None = None
    active: bool | None = None


class Contact(PersonalRow, frozen=True, kw_only=True):
    """A way to reach a party. `type`: phone, mobile, fax, email, website and more."""

    party: int | None = None
    type: str | None = None
    value: str | None = None
    active: bool | None = None


class SalesChannel(Row, frozen=True, kw_only=True):
    """A sales channel as Fulfil has it. `source` is what kind it is: `manual`, `shopify` and others."""

    name: str | None = None
    code: str | None = None
    source: str | None = None
    active: bool | None = None
    warehouse: int | None = None
    currency: int | None = None
    timezone: str | None = None


PARTIES: Final = Model("party.party", Party, "parties", by=("code",))
CONTACTS: Final = Model("party.contact_mechanism", Contact, "contacts", by=("party",))
SALES_CHANNELS: Final = Model("sale.channel", SalesChannel, "sales_channels", by=("code", "name"))

MODELS: Final = (PARTIES, CONTACTS, SALES_CHANNELS)


# -- by e-mail ---------------------------------------------------------------------------------------------------------

_EMAILS_MAX: Final = 100


class Emails(msgspec.Struct, frozen=True, kw_only=True):
    """A question: which contacts have one of these e-mail addresses, in any case of letters; at most 100 of them."""

    emails: Annotated[tuple[str, ...], Meta(min_length=1, max_length=_EMAILS_MAX)]
    after_id: int = 0
    limit: int = RECORDS_MAX

    def __repr__(self) -> str:
        return f"Emails({len(self.emails)} of them)"


def _speak_emails(asked: Emails, tenant: Tenant) -> Spoken:
    """`ilike` without `%` compares without regard to case, but takes `_` and `%` in an address as wild cards."""
    some = ("OR", *(("value", "ilike", email) for email in asked.emails))
    domain = (("id", ">", asked.after_id), ("type", "=", "email"), some)
    limit = min(asked.limit, tenant.page_size)
    return search_read(tenant.model(CONTACTS.name), domain, CONTACTS.fields(tenant), limit)


def _decode_emails(answer: Answer, asked: Emails, tenant: Tenant) -> Page[Contact]:
    """Without those that only a wild card let in."""
    page = CONTACTS.page(answer, tenant, after_id=asked.after_id, limit=asked.limit)
    wanted = {email.casefold() for email in asked.emails}
    rows = tuple([row for row in page.rows if row.value is not None and row.value.strip().casefold() in wanted])
    return msgspec.structs.replace(page, rows=rows)


CONTACTS_BY_EMAIL: Final[Read[Emails, Page[Contact]]] = Read(
    kind="contacts_by_email", question=Emails, speak=_speak_emails, decode=_decode_emails
)


# -- making one --------------------------------------------------------------------------------------------------------


class NewParty(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be made. `code` is the number that the outside knows it by."""

    code: str
    name: str
    contacts: tuple[tuple[str, str], ...] = ()
    """(type, value)."""

    def __repr__(self) -> str:
        return "NewParty(...)"


def make_party(party: NewParty) -> Ask[Created]:
    """Make a customer under its code. Raises ValueError without one.

    Check first: a code is unique, so a second attempt would be refused; which party has it, the look says.
    """
    if not party.code.strip():
        raise ValueError("a party without a code could not be looked for")
    record: dict[str, Any] = {"name": party.name, "code": party.code, "is_customer": True}
    if party.contacts:
        contacts = [{"type": type_, "value": value} for type_, value in party.contacts]
        record["contact_mechanisms"] = [create(*contacts)]
    return MAKE_PARTY.ask(encode(((record,),)))


class _Stored(msgspec.Struct, frozen=True):
    code: str


_decode_stored: Final = msgspec.json.Decoder(tuple[tuple[_Stored]]).decode


def _sought_party(body: bytes) -> Sought[Find, Page[Party]]:
    ((stored,),) = _decode_stored(body)
    return Sought(PARTIES.find, Find(by="code", values=(stored.code,)))


def _party_made(body: bytes, found: Page[Party]) -> Created | None:
    ((stored,),) = _decode_stored(body)
    return next((Created(row.id) for row in found.rows if row.code == stored.code), None)


MAKE_PARTY: Final[Write[Created]] = Write(
    kind="make_party",
    path="model/party.party/create",
    decode=created_one,
    sought=_sought_party,
    verdict=_party_made,
)
