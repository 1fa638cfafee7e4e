"""What happened to an order, in words: each fact of its timeline, and the pauses that it has met. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.model.audit import AuditEntry
from flows.model.fulfilments import NO_CARRIER
from flows.reading.rows import FactRow, Story
from runtime.clock import to_datetime, to_instant


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `by`: the actor, or the person, that did it; `text`: what, in words."""

    at: datetime
    by: str
    kind: str
    values: dict[str, Any]
    text: str


def timeline_of(story: Story) -> tuple[Happened, ...]:
    """The timeline, with the pauses that the order has met."""
    told = [
        Happened(
            at=fact.ended_at,
            by=_who(fact, story.decisions) if fact.kind in _DECIDED else fact.actor,
            kind=fact.kind,
            values=fact.values,
            text=_fact(_numbered_sale(fact, story), story.decisions),
        )
        for fact in story.timeline
    ]
    if told:
        is_over = story.order is not None and story.order.state in _AT_REST
        told += _pauses_met(story.decisions, told[0].at, told[-1].at, is_over=is_over)
    return tuple(sorted(told, key=lambda each: each.at))


def _numbered_sale(fact: FactRow, story: Story) -> FactRow:
    """The fact with the sale's number in the place of Fulfil's id of it, where that is known: people search for it."""
    order = story.order
    if order is None or not order.sale_number or str(fact.values.get("sale")) != str(order.sale):
        return fact
    return msgspec.structs.replace(fact, values={**fact.values, "sale": order.sale_number})


_AT_REST = ("imported", "cancelled", "excluded")
"""States of an order that waits for nothing that could be paused."""


def _pauses_met(decisions: Sequence[AuditEntry], first: datetime, last: datetime, *, is_over: bool) -> list[Happened]:
    """Who stopped what, and who let it go on, as far as that was between these two instants; what is still stopped
    after them, an order has met that is not over.
    """
    met: list[Happened] = []
    begun: dict[str, Happened] = {}
    for entry in decisions:
        at = to_datetime(entry.at)
        if entry.action == "pause":
            begun.setdefault(entry.subject, _by_person(entry, f"{entry.by} paused {entry.subject}"))
        elif entry.action == "resume" and entry.subject in begun:
            pause = begun.pop(entry.subject)
            if pause.at <= last and at >= first:
                met += [pause, _by_person(entry, f"{entry.by} let {entry.subject} go on")]
    return [*met, *(pause for pause in begun.values() if pause.at <= last or not is_over)]


def _by_person(entry: AuditEntry, text: str) -> Happened:
    why = f": {entry.reason}" if entry.reason else ""
    values = {"subject": entry.subject, "reason": entry.reason}
    return Happened(at=to_datetime(entry.at), by=entry.by, kind=entry.action, values=values, text=f"{text}{why}")


_TOLD = {
    "received": "received and stored",
    "decided": "decided: goes to Fulfil with {lines} lines",
    "exploded": "bundles were taken apart: {bundles}",
    "aliased": "SKUs of it are aliases: {skus}",
    "held": "held: {causes}",
    "waits": "waits {for}",
    "excluded": "excluded by the rule {rule!r}",
    "outcome_unknown": "the answer was lost ({cause})",
    "looked_absent": "looked in Fulfil: it is not there",
    "change_told": "it was told that it has changed: it is asked for at the sales channel",
    "stale": "an older version arrived late ({version}) and was set aside",
    "edited_after_import": "it was changed after the import (version {version})",
    "cancelled_after_import": "the sales channel cancelled it, or gave all of it back, after the import",
    "on_hold": "{shipments} shipments put on hold in Fulfil",
    "nothing_to_hold": "nothing is left in the warehouse that could be put on hold",
    "hold_released": "{shipments} shipments released from hold in Fulfil",
    "amended": "sale {sale} was changed in Fulfil",
    "edit_proven": "the sale is what the version of {version} says",
    "given_back": "units were given back: {units}",
    "return_found": "return {return} ({units}) is in Fulfil already, as sale {sale}",
    "return_made": "return {return} ({units}) was made in Fulfil, as sale {sale}",
    "return_open": "return {return} ({units}) is not in Fulfil, and was not made",
    "not_back": "refunded, and not to come back: {units}",
    "sale_cancelled": "sale {sale} is cancelled in Fulfil",
    "authorisation_ends": "its payment is reserved until {until}, and not captured",
    "not_done": "could not be done in Fulfil: {goal}",
    "payment_unrecorded": "Fulfil does not have payment {payment} of {amount}: {why}",
    "payment_suspended": "payment {payment} of {amount} goes to suspense, {gateway}",
    "suspended": "the {what} {name!r} is not mapped: {amount} {currency} go to {target}, as finance has approved",
    "charged_back": "the customer's bank takes back {amount} ({payment})",
    "shipped": "shipment {shipment} left with {units} units in {parcels} parcels by {carrier}",
    "shipment_changed": "what is told of shipment {shipment} was changed (version {version})",
    "notice_refused": "the flow fails with shipment {shipment} alone",
    "fulfilment_sent": "shipment {shipment} was sent to the sales channel",
    "told": "the sales channel says that it knows of shipment {shipment}",
    "shipment_cancelled": "shipment {shipment} was cancelled in Fulfil",
    "settled": "it is settled, by {by}",
    "reopened": "it is open again, and waits {waits}",
    "changed_by_hand": "somebody changed its {field} in Fulfil, from {was} to {is}",
    "sale_differs": "its sale differs in Fulfil ({what}): {found}, and by the order {expected}",
    "sale_agrees": "its sale agrees again ({what})",
    "refund_differs": "{what}: {found} by payouts, and {expected} by the sales channel",
    "refund_agrees": "the sales channel and payouts agree again ({what})",
    "refund_accepted": "a person accepted that the sales channel and payouts differ ({what}, {amount})",
    "difference_accepted": "a person accepted that its sale differs ({what}, {amount})",
    "patched": "{by} patched it, at {fields}",
    "patch_removed": "{by} removed its patch",
    "patch_refused": "a patch was not put in: {why}",
    "link_asked": "{by} said that it is sale {sale}: that is looked up in Fulfil",
    "linked": "linked to sale {sale}",
    "link_refused": "not linked to sale {sale}: {why}",
    "second_sale": "a second sale of it was found in Fulfil, {sale}",
    "parked": "could not be decided on ({error}), a defect of ours: set aside until a restart",
    "tried_again": "what was set aside is tried again after a restart",
}
"""What each kind of fact says; one that is not here is told by its name and values."""


_DECIDED = {
    "patched": ("order.patch",),
    "patch_removed": ("order.patch_remove",),
    "link_asked": ("order.link", "order.link_refused"),
}
"""Facts of what people did, and what that is called on record. Who it was is there alone: facts become spans."""


def _who(fact: FactRow, decisions: Sequence[AuditEntry]) -> str:
    """Who did what a fact tells of: its record has the same instant or, where Fulfil was asked first, a later one."""
    actions, since = _DECIDED.get(fact.kind, ()), to_instant(fact.ended_at)
    return next((entry.by for entry in decisions if entry.action in actions and entry.at >= since), "a person")


class _Values(dict[str, Any]):
    """A fact of an older version may lack a value."""

    def __missing__(self, name: str) -> str:
        return "?"


def _fact(fact: FactRow, decisions: Sequence[AuditEntry]) -> str:
    values = fact.values
    if fact.kind == "created":
        if values.get("found_by_look") and not values.get("attempts"):
            return f"there in Fulfil as sale {values.get('sale')} before anything was sent"
        how = "found in Fulfil after the answer was lost" if values.get("found_by_look") else "created in Fulfil"
        return f"{how} as sale {values.get('sale')}, attempt {values.get('attempts')}"
    if fact.kind == "refund":
        return _refund(values)
    if fact.kind == "payment_recorded":
        return _payment(values)
    if fact.kind == "notice_held":
        carrier = values.get("carrier")
        why = "it has no carrier in Fulfil" if carrier == NO_CARRIER else f"{carrier} is not mapped"
        return f"shipment {values.get('shipment')} left; telling it is held, because {why}"
    told = _TOLD.get(fact.kind)
    if told is not None:
        return _numbered(told, values).format_map(_Values({"by": _who(fact, decisions), **values}))
    shown = ", ".join(f"{name} {value}" for name, value in values.items())
    return fact.kind.replace("_", " ") + (f" ({shown})" if shown else "")


def _numbered(told: str, values: Mapping[str, Any]) -> str:
    """The sentence with its nouns in the singular where there is one of them."""
    for noun in ("line", "shipment", "unit", "parcel"):
        if str(values.get(f"{noun}s")) == "1":
            told = told.replace(f"{{{noun}s}} {noun}s", f"{{{noun}s}} {noun}")
    return told


def _payment(values: Mapping[str, Any]) -> str:
    """A payment in Fulfil, and whether Seamline or somebody else has put it there."""
    named = "{what} {payment} of {amount}".format_map(_Values(values))
    if values.get("state") in ("cancelled", "voided"):
        return f"{named} is not, or no longer, in Fulfil"
    how = "was in Fulfil already" if values.get("found") else "recorded in Fulfil"
    return f"{named} {how}"


def _refund(values: Mapping[str, Any]) -> str:
    """One refund in one status: its money, and what it is for."""
    named = "all refunds so far" if values.get("so_far") else f"refund {values.get('refund')}"
    of_return = f" (return {values['return']})" if "return" in values else ""
    status = _REFUND_STATUS.get(str(values.get("status")), "{amount}")
    return f"{named}{of_return} for {values.get('for')}: {status.format(amount=values.get('amount'))}"


_REFUND_STATUS = {
    "success": "{amount} went back",
    "pending": "{amount} are on their way back",
    "failed": "{amount} did not go back",
    "no_money": "no money moves",
}
