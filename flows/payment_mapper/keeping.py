"""What Fulfil has to have of an order's payments: from the events of its newest version to records, each once. Pure.

A record is what one transaction in Fulfil will be: a charge or a refund, under the provider's id. Versions come in any
order and tell the same again; what a record says never shrinks, and what is over is never opened again. So whatever
arrives first, the same records are left.

- Money that travelled inside the create of the sale is known, and nothing is done about it.
- An authorisation is recorded while nothing of it is captured or voided. From then on it is cancelled in Fulfil, or was
  never there: its captures stand for it.
- A source that publishes only sums (`derived`) tells what was added to them. Its sum and the single payments that are
  published later are the same money, and count once.
- A chargeback is no refund (rule 21): it is a case, and no record in Fulfil.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.money import ZERO, exactly
from flows.model.order import TAKES, PaymentKind
from flows.model.payments import GatewaySettings, State
from flows.model.tenders import TenderEvent, day_of, is_over, is_voided

Status = Literal["in_sale", "covered", "over", "due", "recorded", "blocked", "refused", "disputed", "dealt_with"]
"""`covered`: it is part of a sum that was known before. `over`: nothing has to be in Fulfil. `blocked`: something here
stands against it. `dealt_with`: a person has seen to it.
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record. `amount` is in the sale's currency; None: the order has no figure in it."""

    reference: str
    tender: TenderEvent
    amount: Decimal | None
    status: Status
    covered: Decimal = ZERO
    """What of the event is part of sums that were known before, and no part of `amount`."""
    wanted: State | None = None
    method: str = ""
    """Fulfil's code of the gateway; empty: that of the payment it belongs to."""
    suspense: bool = False
    """Its gateway is not mapped, and goes where finance has approved."""
    day: date | None = None
    why: str = ""
    """What stands against it, as a sentence; and for `cause`, what one remedy ends."""
    cause: str = ""

    @property
    def is_refund(self) -> bool:
        """Whether it gives money back."""
        return self.tender.kind in (PaymentKind.REFUND, PaymentKind.VOID)

    @property
    def parent(self) -> str:
        """The charge that it belongs to, by its id; a void of what was taken may bear the id of that."""
        tender = self.tender
        return tender.parent or (tender.id if tender.kind is PaymentKind.VOID else "")


class OrderPayments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of an order's payments."""

    key: str
    sale: int = 0
    currency: str = ""
    reference: str = ""
    placed_at: str = ""
    records: dict[str, Kept] = {}
    """By the event's key; a later part of a sum has its amount behind it."""
    fields: str = ""
    """The metafields of the sale as they shall be, as JSON."""
    fields_refused: str = ""
    """Why Fulfil does not take them; empty: it does, as far as is known."""
    cases: tuple[ExceptionCase, ...] = ()


class RecordRules(msgspec.Struct, frozen=True, kw_only=True):
    """How payments of one sales channel are recorded."""

    gateways: Mapping[str, str] = {}
    """From the sales channel's names to Fulfil's codes."""
    suspense: str | None = None
    """Fulfil's gateway for those that are not mapped, where finance has approved one."""
    targets: Mapping[str, GatewaySettings] = {}
    """The gateways whose payments may be recorded, by Fulfil's codes, and where their figures go."""
    unable: str = ""
    """Why nothing can be recorded in this tenant at all; empty: it can."""
    time_zone: str = "UTC"


@exactly
def kept_with(
    records: Mapping[str, Kept],
    tenders: Sequence[TenderEvent],
    sent: Sequence[TenderEvent],
    rules: RecordRules,
    now: datetime,
) -> dict[str, Kept]:
    """The records once these events are known; the same object for each that does not change.

    `sent` are the events that travelled inside the create of the sale.
    """
    keeping = _Keeping(dict(records), rules, now)
    for tender in sent:
        reference = "" if tender.unnamed else tender.id  # so the create has sent it
        known = Kept(reference=reference, tender=tender, amount=tender.amount, status="in_sale")
        keeping.found.setdefault(tender.key, known)
    for tender in tenders:
        match tender.kind:
            case PaymentKind.AUTHORISATION:
                keeping.authorised(tender, over=is_over(tender, tenders), voided=is_voided(tender, tenders))
            case PaymentKind.VOID:
                keeping.voided(tender)
            case PaymentKind.CHARGEBACK:
                keeping.disputed(tender)
            case _:
                keeping.moved(tender)
    keeping.vanished({each.key for each in tenders})
    return keeping.found


class _Keeping:
    """The records while events are added to them."""

    def __init__(self, found: dict[str, Kept], rules: RecordRules, now: datetime) -> None:
        self.found, self.rules, self.now = found, rules, now

    def authorised(self, tender: TenderEvent, *, over: bool, voided: bool) -> None:
        known = self.found.get(tender.key)
        if known is not None:
            if over:
                self.end(tender.key, known, "voided" if voided else "cancelled")
        elif over or (tender.derived and any(not each.tender.derived for _, each in self.reserved(tender))):
            self.found[tender.key] = Kept(reference=tender.id, tender=tender, amount=tender.amount, status="over")
        else:
            self.found[tender.key] = self.record(tender, tender.id, tender.amount, "authorized")

    def reserved(self, tender: TenderEvent) -> list[tuple[str, Kept]]:
        """Authorisations that may be about the same money."""
        return [
            (key, each)
            for key, each in self.found.items()
            if each.tender.kind is PaymentKind.AUTHORISATION and _alike(each.tender, tender)
        ]

    def end(self, key: str, known: Kept, wanted: State) -> None:
        """An authorisation that may be in Fulfil is not to be any more."""
        if known.wanted == "authorized":
            status: Status = "over" if known.status == "blocked" else "due"
            self.found[key] = msgspec.structs.replace(known, wanted=wanted, status=status, why="", cause="")

    def vanished(self, told: Collection[str]) -> None:
        """An authorisation that was only derived, and that nothing speaks of any more, is over."""
        for key, known in list(self.found.items()):
            if known.tender.derived and key not in told:
                self.end(key, known, "cancelled")

    def voided(self, tender: TenderEvent) -> None:
        """Of an authorisation it is the end. What was taken and is voided went back."""
        of = self.found.get(f"+{tender.parent or tender.id}")
        key = f"-{tender.id}"
        if of is not None and of.tender.kind in TAKES and key not in self.found:
            self.found[key] = self.record(tender, tender.id, tender.amount, "completed")

    def disputed(self, tender: TenderEvent) -> None:
        known = Kept(reference=tender.id, tender=tender, amount=tender.amount, status="disputed")
        self.found.setdefault(f"!{tender.id}", known)

    def moved(self, tender: TenderEvent) -> None:
        """Money that came or went. Of a source of sums, and of one that raises what it told, only the rest is new."""
        known = self.found.get(tender.key)
        if known is not None and known.tender.kind is PaymentKind.AUTHORISATION:
            known = None  # it was authorised under this id, and is captured now
        if tender.amount is None:
            if known is None:
                self.found[tender.key] = self.record(tender, tender.id, None, "completed")
            return
        if tender.derived and tender.kind in TAKES:  # a sum does not say which authorisation it was captured of
            for key, each in self.reserved(tender):
                self.end(key, each, "cancelled")
        own, covered = self.told(tender)
        rest = tender.amount - own - covered
        if rest > ZERO:
            key, reference = tender.key, tender.id
            if known is not None:
                key, reference = f"{key}#{tender.amount}", f"{reference}-{tender.amount}"
            record = self.record(tender, reference, rest, "completed")
            self.found[key] = msgspec.structs.replace(record, covered=covered)
        elif known is None:
            self.found[tender.key] = Kept(
                reference=tender.id, tender=tender, amount=ZERO, status="covered", covered=tender.amount
            )

    def told(self, tender: TenderEvent) -> tuple[Decimal, Decimal]:
        """How much of this is known: under its own id, and as part of what was told as a sum (or in single payments, of
        a sum).
        """
        is_refund = tender.kind is PaymentKind.REFUND
        same = [each for each in self.found.values() if _counts(each) and each.is_refund == is_refund]
        own = [each for each in same if each.tender.id == tender.id]
        alike = [each for each in same if each.tender.id != tender.id and _alike(each.tender, tender)]
        if tender.derived:
            return _sum(own), _sum(alike)
        if own:
            return _sum(own) + _covered(own), ZERO
        free = _sum(each for each in alike if each.tender.derived) - _covered(alike)
        return ZERO, min(max(free, ZERO), tender.amount or ZERO)

    def record(self, tender: TenderEvent, reference: str, amount: Decimal | None, wanted: State) -> Kept:
        day = day_of(tender.at or self.now, self.rules.time_zone)
        fresh = Kept(reference=reference, tender=tender, amount=amount, status="due", wanted=wanted, day=day)
        return judged(fresh, self.rules)


def _counts(record: Kept) -> bool:
    """Whether it is about money that moved, and how much is known."""
    return record.tender.kind not in (PaymentKind.AUTHORISATION, PaymentKind.CHARGEBACK) and record.amount is not None


def _alike(one: TenderEvent, other: TenderEvent) -> bool:
    """Whether they may be the same money, told differently: by the same gateway, as far as anybody says."""
    if one.tender is not other.tender:
        return False
    return one.gateway == other.gateway or None in (one.gateway, other.gateway)


def _sum(records: Iterable[Kept]) -> Decimal:
    return sum((each.amount for each in records if each.amount is not None), ZERO)


def _covered(records: Iterable[Kept]) -> Decimal:
    return sum((each.covered for each in records), ZERO)


# -- what stands against it --------------------------------------------------------------------------------------------


def judged(record: Kept, rules: RecordRules) -> Kept:
    """The record as it can be recorded by the configuration as it is now: due, or blocked with a reason."""
    gateway = record.tender.gateway
    method = rules.gateways.get(gateway) if gateway is not None else None
    suspense = method is None and gateway is not None and rules.suspense is not None
    method = rules.suspense if suspense else method
    cause, why = _against(record, gateway, method, rules)
    return msgspec.structs.replace(
        record,
        method=method or "",
        suspense=suspense,
        status="blocked" if cause else "due",
        why=why,
        cause=cause,
    )


def _against(record: Kept, gateway: str | None, method: str | None, rules: RecordRules) -> tuple[str, str]:
    """Cause and sentence; both empty when nothing stands against it."""
    if rules.unable:
        return "capability", rules.unable
    if record.amount is None:
        return "currency", f"the order has no figure of {record.tender.paid} in the currency of its sale"
    if method is None and gateway is not None:
        return f"gateway {gateway}", f"the gateway {gateway!r} is not mapped under gateways of the sales channel"
    if method is None and not record.is_refund:
        return "gateway", "the sales channel does not say through which gateway it was paid"
    if method is not None and method not in rules.targets:
        return f"gateway {method}", f"[payments.gateways] does not name Fulfil's gateway {method!r}"
    return "", ""
