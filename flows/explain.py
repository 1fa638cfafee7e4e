"""An order's story in plain words: what is true now, why, whose move it is, and what happened so far. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.exceptions.kinds import KINDS, NEVER, Lever
from flows.model.audit import AuditEntry
from flows.model.candidates import Candidate
from flows.model.fulfilments import NO_CARRIER
from flows.reading.rows import AliasRow, CaseRow, ClosingRow, FactRow, PatchRow, PauseRow, Story
from runtime.clock import to_datetime, to_instant


def explain(story: Story, now: datetime) -> str:
    """A few sentences that name the state, the cause, the owner and the next step; then the timeline."""
    opened = [case for case in story.cases if case.closed_at is None]
    missed = any(case.kind == "order.orphan" for case in story.cases)
    if story.order is None and not story.timeline and not missed:
        return _no_order(story, opened, now)
    parts = [_standing(story, opened), *_cases(opened, now)]
    if story.closing is not None and story.order is not None and story.order.sale is not None:
        parts.append(_closing(story.closing))
    if story.patch is not None:
        parts.insert(1, _patched(story.patch, story.key))
    parts.append("\n".join(["What happened:", *_lines(story)]))
    return "\n\n".join(parts)


def _closing(closing: ClosingRow) -> str:
    """What it still waits for until it is settled, or since when it is, and by what."""
    by = f", by {'; '.join(closing.evidence)}" if closing.evidence else ""
    if closing.settled_at is not None:
        return f"It is settled since {_time(closing.settled_at)}{by}."
    if not closing.waits:
        return "Whether it is settled has not been looked at yet."
    return f"Until it is settled it waits {', and '.join(closing.waits)}."


def _patched(patch: PatchRow, key: str) -> str:
    """That a person changed something of it: who, when, why and where; never to what."""
    why, where = patch.reason.rstrip("."), ", ".join(patch.fields)
    return (
        f"It is read with a patch, by {patch.decided_by} on {_time(patch.decided_at)}: {why}. It changes {where}, in "
        f"each later version, too, until `seamline orders patch {key} --remove --reason WHY`."
    )


def _no_order(story: Story, opened: Sequence[CaseRow], now: datetime) -> str:
    """What is not an order may have cases all the same: a run of Patchworks, or an outside system."""
    if not story.cases:
        return f"Nothing is known of {story.key}: no delivery of it has been accepted."
    stands = "This is open:" if opened else "Nothing is open about it; what was, has ended."
    return "\n\n".join([f"{story.key} is not an order. {stands}", *_cases(opened, now)])


def _undecided(story: Story, opened: Sequence[CaseRow]) -> str:
    """Where an order stands that nobody has decided on."""
    if any(case.kind == "step.parked" for case in opened):
        return f"{story.key} was received, and could not be decided on: it is set aside, whole, until a restart."
    if not story.timeline:
        return f"Nothing of {story.key} has ever been received."
    received = f"{story.key} was received and waits to be decided on"
    if story.pauses:
        return f"{received}: {_paused(story.pauses)}."
    return f"{received}. Next step, by Seamline: decide on it, as soon as Fulfil's products are known."


def _standing(story: Story, opened: Sequence[CaseRow]) -> str:
    """Where the order stands, and whose move it is; what it asks of a person its open cases say."""
    order, asks = story.order, bool(opened)
    if order is None:
        return _undecided(story, opened)
    amount = f" ({order.amount} {order.currency})" if order.currency else ""  # one that cannot be read has none
    name = f"Order {order.reference} of {order.sales_channel}{amount}"
    match order.state:
        case "imported":
            far, rest = _SHIPPING.get(order.shipping, _SHIPPING[""])
            sale = order.sale_number or order.sale
            shown = " ".join(filter(None, (far, "" if asks else rest)))
            others = (
                ", and the sale is to be compared with them"
                if any(each.kind == "sale.mismatch" for each in opened)
                else ""
            )
            figures = f"The order's own figures are {order.proof}{others}."
            return f"{name} is in Fulfil as sale {sale}. {figures} {shown}".rstrip()
        case "held":
            return f"{name} is held: it is stored whole, and nothing of it is in Fulfil."
        case "waiting":
            return f"{name} {_waiting(story, asks=asks)}"
        case "excluded":
            rule = _last(story.timeline, "excluded").get("rule")
            return (
                f"{name} is excluded by the rule {rule!r} of the import gate: it is stored, and never goes to Fulfil. "
                "Nobody has to act; `seamline holds release` judges it again, when the rules have been changed."
            )
        case "creating":
            if story.pauses:
                return f"{name} is on its way, and waits: {_paused(story.pauses)}."
            return (
                f"{name} is on its way. Next step, by Seamline: create the sale, as soon as Fulfil takes the call."
                f"{_meanwhile(opened)}"
            )
        case "unknown":
            return (
                f"{name} was sent to Fulfil, and the answer was lost. Next step, by Seamline: look whether the sale is "
                f"there, until Fulfil says.{_meanwhile(opened)}"
            )
        case "cancelled":
            sale = order.sale_number or order.sale
            how = f"and its sale {sale} was cancelled, too" if sale else "before it went to Fulfil"
            return f"{name} was cancelled by the sales channel {how}." + ("" if asks else " There is nothing to do.")
        case other:
            return f"{name} is {other}."


_SHIPPING = {
    "": ("", "Nothing is left to do here; shipping and invoicing are Fulfil's."),
    "partially shipped": ("It is partially shipped.", "The rest is Fulfil's."),
    "shipped": (
        "It is shipped, and not known to be told to the sales channel.",
        "Next step, by the sales channel: say that it knows of it.",
    ),
    "told": ("It is shipped, and the sales channel says that it knows of all of it.", ""),
}
"""How far the shipments of an order are, and whose move that is while no case asks for another, as sentences."""


def _waiting(story: Story, *, asks: bool) -> str:
    """For what an order waits, and whose move it is."""
    values = _last(story.timeline, "waits")
    if "delivery" in values:
        ahead = f", {story.ahead}," if story.ahead else ""
        return (
            f"waits {values.get('for')}{ahead} to be in Fulfil: sent at once, they might become two customers there. "
            "Next step, by Seamline: send it when that one is in Fulfil, or is held. Nobody has to act on this order."
        )
    what, until = values.get("for", "for the import gate"), values.get("until")
    waits = f"waits {what}: it is stored whole, and nothing of it is in Fulfil."
    if asks:
        return waits
    step = "import it, as soon as the sales channel says that there is no more to wait for"
    if until is not None:
        step += f", and look at it again at {_time(datetime.fromisoformat(str(until)))}"
    return f"{waits} Next step, by Seamline: {step}. Operations can let it pass with `seamline holds release`."


def _last(timeline: Sequence[FactRow], kind: str) -> Mapping[str, Any]:
    """The values of the latest fact of a kind."""
    return next((fact.values for fact in reversed(timeline) if fact.kind == kind), {})


def _paused(pauses: Sequence[PauseRow]) -> str:
    """What was stopped, and the commands that let it go on."""
    return "; ".join(f"{_told_pause(pause)}; `{pause.resume}`" for pause in pauses)


def _told_pause(pause: PauseRow) -> str:
    """What is stopped, since when, and by whom."""
    return f"{pause.name} is paused since {_time(pause.since)} by {pause.by}"


def _meanwhile(opened: Sequence[CaseRow]) -> str:
    """What people do while Seamline has the next step; a case of the create before is open until the sale is there."""
    if any(case.kind in ("fulfil.refused", "fulfil.unsettled") for case in opened):
        return " It is tried again: wait for what comes of it before you act on the case."
    return "" if opened else " Nobody has to act."


def _cases(opened: Sequence[CaseRow], now: datetime) -> list[str]:
    """A paragraph for each kind of case: what one remedy ends is told once."""
    kinds = dict.fromkeys(case.kind for case in opened)
    return [_case([case for case in opened if case.kind == kind], now) for kind in kinds]


def _case(cases: Sequence[CaseRow], now: datetime) -> str:
    """All open cases of one kind: what is wrong, what is at stake, whose move it is until when."""
    case = min(cases, key=lambda each: each.deadline_at)
    kind = KINDS[case.kind]
    late = now > case.deadline_at
    due = f"{'should have been done' if late else 'to be done'} by {_time(case.deadline_at)}"
    stakes = dict.fromkeys(f"{each.amount} {each.currency}" for each in cases if each.amount and each.currency)
    stake = f" At stake: {' and '.join(stakes)}." if stakes else ""
    ends = "It never ends by itself" if kind.ends == NEVER else f"It ends by itself {kind.ends}"
    why = ". ".join(each.sentence.removeprefix(f"{kind.title}: ") for each in cases)
    lever = _levers(kind.levers)
    return f"{kind.title}: {why}.{stake}{lever}\nNext step, by {case.owner}, {due}: {kind.remedy}. {ends}."


_STOPPED = {
    Lever.HOLD: "be stopped before there is a sale in Fulfil",
    Lever.SUSPENSE: "go to suspense, where finance has approved that",
    Lever.SHIPMENT_HOLD: "be stopped before it ships and is invoiced",
}
"""What can be done about it before it is in the ledger."""


def _levers(levers: Sequence[Lever]) -> str:
    """Where finance can still take hold of it, as a sentence to follow others; empty for what is no case of theirs."""
    ways = [_STOPPED[each] for each in levers if each in _STOPPED]
    before = f" It can {', or '.join(ways)}." if ways else ""
    if Lever.DETECTED not in levers:
        return before
    return f"{before} {'After that' if ways else 'It has happened already:'} it can only be put right."


def explain_sku(
    text: str, found: Sequence[Candidate], alias: AliasRow | None = None, meant: Sequence[Candidate] = ()
) -> list[str]:
    """Whether orders of a SKU can be imported, and if not, what may be meant by it: one sentence a line.

    `found` are the candidates of the text, `meant` those of the SKU that it is an alias of.
    """
    exact = [each for each in found if each.how == "exact"]
    sold = [each for each in exact if each.sold]
    if len(sold) == 1:
        return [f"{text!r} is in Fulfil: {_product(sold[0])}. Orders of it can be imported."]
    if alias is not None:
        return _alias(alias, [each for each in meant if each.how == "exact"])
    lines = [f"{text!r} is {_several_or_none(sold)}: orders of it are held."]
    lines += [f"It is {_product(each)}." for each in exact]
    how = {"alike": "differs only in case or spaces", "barcode": "has it as its barcode", "near": "is one error away"}
    lines += [f"{each.sku!r} {how[each.how]}: {_product(each)}." for each in found if each.how in how]
    if len(lines) == 1:
        lines.append("Nothing in Fulfil is like it.")
    for sku in dict.fromkeys(each.sku for each in found if each.sold and each.how in how):
        lines.append(f"If {sku!r} is meant: seamline alias add {shlex.join((text, sku))} --reason WHY --dry-run")
    return lines


def _alias(alias: AliasRow, exact: Sequence[Candidate]) -> list[str]:
    """What an alias stands for, who said so, and whether that can be sold."""
    said = f"{alias.decided_by} on {_time(alias.decided_at)}: {alias.reason.rstrip('.')}"
    lines = [f"{alias.alias!r} is an alias of {alias.sku!r}, said {said}."]
    sold = [each for each in exact if each.sold]
    if len(sold) == 1:
        return [*lines, f"That is {_product(sold[0])}. Orders of it are imported as {alias.sku!r}."]
    lines.append(f"{alias.sku!r} is {_several_or_none(sold)}: orders of either are held.")
    lines += [f"{alias.sku!r} is {_product(each)}." for each in exact]
    return [*lines, f"If another SKU is meant: seamline alias add {shlex.quote(alias.alias)} SKU --reason WHY"]


def _several_or_none(sold: Sequence[Candidate]) -> str:
    return f"the SKU of {len(sold)} active products in Fulfil" if sold else "not sold in Fulfil"


def _product(each: Candidate) -> str:
    if each.gone_at is not None:
        state = f", which was gone from Fulfil on {_time(each.gone_at)}"
    else:
        state = "" if each.sold else ", which is not active there"
    return f"product {each.product}{f' ({each.name})' if each.name else ''}{state}"


def _lines(story: Story) -> list[str]:
    """The timeline, with the pauses that the order has met."""
    told = [(fact.ended_at, _fact(fact, story.decisions)) for fact in story.timeline]
    if told:
        told += _pauses_met(story.decisions, told[0][0], told[-1][0])
    return [f"  {_time(at)}  {line}" for at, line in sorted(told, key=lambda each: each[0])]


def _pauses_met(decisions: Sequence[AuditEntry], first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """Who stopped what, and who let it go on, as far as that was between these two instants."""
    met: list[tuple[datetime, str]] = []
    begun: dict[str, tuple[datetime, str]] = {}
    for entry in decisions:
        at, why = to_datetime(entry.at), f": {entry.reason}" if entry.reason else ""
        if entry.action == "pause":
            begun.setdefault(entry.subject, (at, f"{entry.by} paused {entry.subject}{why}"))
        elif entry.action == "resume" and entry.subject in begun:
            pause = begun.pop(entry.subject)
            if pause[0] <= last and at >= first:
                met += [pause, (at, f"{entry.by} let {entry.subject} go on{why}")]
    return [*met, *begun.values()]


_TOLD = {
    "received": "received and stored",
    "decided": "decided: goes to Fulfil with {lines} lines",
    "held": "held: {causes}",
    "waits": "waits {for}",
    "excluded": "excluded by the rule {rule!r}",
    "outcome_unknown": "the answer was lost ({cause})",
    "looked_absent": "looked in Fulfil: it is not there",
    "stale": "an older version arrived late ({version}) and was set aside",
    "edited_after_import": "it was changed after the import (version {version})",
    "cancelled_after_import": "the sales channel cancelled it after the import",
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
    for noun in ("line", "shipment"):
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


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
