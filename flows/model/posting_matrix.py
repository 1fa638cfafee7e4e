"""Who posts what into the ledger: for each event one poster, its accounts, and the day it is dated (rule 18). Pure.

Fulfil posts sales, taxes, receivables, receipts and the cost of goods itself. Seamline posts only what Fulfil does not,
by the rows of the configuration. An event that Fulfil posts can have no row, and an event has one row for each gateway:
with two posters, or two rows, it would be booked twice. An event without a row is posted by nobody, and is shown so.

Fields of a payment and notes on a sale are no postings.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from flows.model.currencies import CURRENCIES
from runtime.rule import RuleBroken


class LedgerEvent(enum.StrEnum):
    """What happens, as the ledger sees it. Lines of payouts have the names of their classes (rule 22)."""

    SALE = "sale"
    """Revenue and receivable."""
    TAX = "tax"
    RECEIPT = "receipt"
    """Captured money, from the receivable to the gateway's clearing account."""
    REFUND = "refund"
    COST_OF_GOODS = "cost_of_goods"
    FEE = "fee"
    TAX_ON_FEE = "tax_on_fee"
    PAYOUT = "payout"
    """From the gateway's clearing account to the bank."""
    PAYOUT_RETURNED = "payout_returned"
    TRANSFER = "transfer"
    TOP_UP = "top_up"
    DISPUTE = "dispute"
    """A receivable from the gateway until it is decided (rule 21)."""
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_REVERSAL = "dispute_reversal"
    RESERVE = "reserve"
    """An asset (rule 21)."""
    RESERVE_RELEASE = "reserve_release"
    ADJUSTMENT = "adjustment"
    ADVANCE = "advance"
    WITHHELD_TAX = "withheld_tax"
    EXCHANGE_DIFFERENCE = "exchange_difference"
    UNEXPLAINED = "unexplained"
    """What no class fits, once a person has let it stand: an account on which finance looks for it."""
    ROUNDING = "rounding"
    """What a payout is more than its parts in whole units of the currency, because fees have parts of a cent."""


TAKEN: Final = frozenset(
    (
        *(LedgerEvent.REFUND, LedgerEvent.FEE, LedgerEvent.TAX_ON_FEE, LedgerEvent.PAYOUT, LedgerEvent.TRANSFER),
        *(LedgerEvent.DISPUTE, LedgerEvent.DISPUTE_FEE, LedgerEvent.RESERVE, LedgerEvent.WITHHELD_TAX),
    )
)
"""Events whose amount is positive when it leaves the balance at the gateway; of all others when it comes to it."""

NotNegative = Annotated[Decimal, Meta(ge=0)]
Poster = Literal["fulfil", "seamline", "nobody"]
PostingMode = Literal["preview", "live"]
DateRule = Literal["event", "payout"]
"""The day of finance's company on which the event happened, or on which its payout was reported paid."""

OF_FULFIL: Final = (
    LedgerEvent.SALE,
    LedgerEvent.TAX,
    LedgerEvent.RECEIPT,
    LedgerEvent.REFUND,
    LedgerEvent.COST_OF_GOODS,
)
"""What Fulfil posts itself, unless the configuration of the tenant says otherwise."""


class PostingRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Seamline posts for one event. A negative amount turns both sides round: of fee, tax_on_fee, payout,
    transfer, dispute, dispute_fee, reserve, withheld_tax and refund it is positive when it leaves the balance at the
    gateway, of all others when it comes to it.
    """

    event: LedgerEvent
    """fee, tax_on_fee, payout, payout_returned, transfer, top_up, dispute, dispute_fee, dispute_reversal, reserve,
    reserve_release, adjustment, advance, withheld_tax, exchange_difference, unexplained or rounding."""
    debit: Annotated[str, Meta(min_length=1)]
    """The code of the account in Fulfil that is debited."""
    credit: Annotated[str, Meta(min_length=1)]
    """The code of the account that is credited."""
    gateway: str = ""
    """Only for this gateway of Fulfil's, by its code. Empty: for all that have no row of their own."""
    currency: str = ""
    """Only for amounts in this currency, as EUR. Empty: for all that have no row of their own."""
    journal: Annotated[str, Meta(min_length=1)] = "MISC"
    """The code of the journal."""
    dated: DateRule = "payout"
    """The day of the posting: event (when it happened) or payout (when its payout was reported paid). In a closed
    period it is the first open day, with a reference to the original one."""


class PostingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The posting matrix: what Seamline posts, and what Fulfil does."""

    of_fulfil: tuple[LedgerEvent, ...] = OF_FULFIL
    """The events that this tenant posts itself: sale, tax, receipt, refund and cost_of_goods."""
    rows: tuple[PostingRow, ...] = ()
    """What Seamline posts. An event that is neither here nor Fulfil's is posted by nobody."""
    mode: PostingMode = "preview"
    """preview: `seamline postings preview` shows what would be posted, and nothing is. live: it is posted."""
    currency: str = ""
    """The currency in which finance's company keeps its ledger. A payout in another one is posted at its own rate,
    where its lines tell one and exchange_difference has a row; else it is shown and not posted."""
    time_zone: str = "UTC"
    """The time zone of finance's company: in it a posting has its day, and a day is over."""
    hour: Annotated[int, Meta(ge=0, le=23)] = 3
    """The hour in that zone at which the days that are over are posted."""
    providers: dict[str, str] = {}
    """Fulfil's codes of gateways by the provider of payouts, or by `sales-channel/provider`. Not named: its name."""
    rounding_max: NotNegative = Decimal(0)
    """The most that may be posted as the rounding of one payout, in the ledger's currency. What is above is a case."""
    rounding_per_day_max: NotNegative = Decimal(0)
    """The same for all payouts of one sales channel that are booked on one day."""

    def __post_init__(self) -> None:
        """Refuse two posters of one event, two rows of one, rows that move nothing, and what is no zone or currency."""
        found = {**_rows_broken(self), **_scalars_broken(self)}
        if found:
            raise RuleBroken(found)

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The codes of all accounts that Seamline posts to."""
        return tuple(sorted({code for row in self.rows for code in (row.debit, row.credit)}))

    @property
    def journals(self) -> tuple[str, ...]:
        """The codes of all journals that it posts into."""
        return tuple(sorted({row.journal for row in self.rows}))

    def gateway_of(self, sales_channel: str, provider: str) -> str:
        """Fulfil's code of the gateway whose payouts these are."""
        return self.providers.get(f"{sales_channel}/{provider}") or self.providers.get(provider) or provider

    def gateways_of(self, sales_channels: Iterable[str], providers: Iterable[str]) -> frozenset[str]:
        """The codes of all gateways to which payouts of these providers lead: rows of others never count."""
        paid = [*providers]
        return frozenset(self.gateway_of(name, provider) for name in sales_channels for provider in paid)


def _rows_broken(settings: PostingSettings) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    seen: set[tuple[LedgerEvent, str, str]] = set()
    for place, row in enumerate(settings.rows):
        path, place_of = (f"rows[{place}]",), (row.event, row.gateway, row.currency)
        of = " in ".join(filter(None, (" of ".join(filter(None, (row.event.value, row.gateway))), row.currency)))
        if row.event in settings.of_fulfil:
            found[path] = f"Fulfil posts {row.event.value} itself; with two posters it would be booked twice"
        elif place_of in seen:
            found[path] = f"there is a row for {of} already; with two it would be booked twice"
        elif row.debit == row.credit:
            found[path] = f"{of} is debited and credited to one account, {row.debit}: it would move nothing"
        elif row.currency and row.currency not in CURRENCIES:
            found[*path, "currency"] = _no_currency(row.currency)
        seen.add(place_of)
    return found


def _no_currency(code: str) -> str:
    meant = f"; did you mean `{code.upper()}`?" if code.upper() in CURRENCIES else ""
    return f"there is no currency {code!r} (ISO 4217){meant}"


def _scalars_broken(settings: PostingSettings) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        found["time_zone",] = f"there is no time zone {settings.time_zone!r}"
    if settings.currency and settings.currency not in CURRENCIES:
        found["currency",] = _no_currency(settings.currency)
    elif settings.mode == "live" and not settings.currency:
        found["currency",] = "to post, say in which currency the ledger is kept"
    return found


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the matrix, for people. `accounts` and `dated` are empty where Seamline posts nothing."""

    event: LedgerEvent
    gateway: str
    """Empty: all, or all others."""
    currency: str = ""
    """The same."""
    poster: Poster
    debit: str = ""
    credit: str = ""
    journal: str = ""
    dated: str = ""


def matrix(settings: PostingSettings) -> tuple[Posted, ...]:
    """Every event there is, each with its one poster; those of single gateways before the others of their event."""
    return tuple(line for event in LedgerEvent for line in _of(event, settings))


def row_for(settings: PostingSettings, event: LedgerEvent, gateway: str, currency: str = "") -> PostingRow | None:
    """The row by which an event is posted, the most particular one: of its gateway, then of its currency, then the
    general one. None: not by Seamline.
    """
    rows = {(row.gateway, row.currency): row for row in settings.rows if row.event is event}
    places = ((gateway, currency), (gateway, ""), ("", currency), ("", ""))
    return next((rows[place] for place in places if place in rows), None)


def clearing_accounts(settings: PostingSettings) -> tuple[str, ...]:
    """The codes of the accounts on which gateways owe money: what is paid out comes from them."""
    return tuple(sorted({row.credit for row in settings.rows if row.event is LedgerEvent.PAYOUT}))


def _of(event: LedgerEvent, settings: PostingSettings) -> Iterator[Posted]:
    if event in settings.of_fulfil:
        yield Posted(event=event, gateway="", poster="fulfil")
        return
    rows: Sequence[PostingRow] = [row for row in settings.rows if row.event is event]
    for row in sorted(rows, key=lambda each: (not each.gateway, each.gateway, not each.currency, each.currency)):
        yield Posted(
            event=event, gateway=row.gateway, currency=row.currency, poster="seamline", debit=row.debit,
            credit=row.credit, journal=row.journal, dated=row.dated,
        )  # fmt: skip
    if not any(not row.gateway and not row.currency for row in rows):
        yield Posted(event=event, gateway="", poster="nobody")
