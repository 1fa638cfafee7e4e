"""An order's story in plain words: what is true now, why, whose move it is, and what happened so far. Pure.

`explained` is all of it for machines; `explain` puts the same into sentences.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.exceptions.kinds import KINDS, NEVER, Lever
from flows.model.candidates import Candidate
from flows.model.closing import now_awaited
from flows.model.money import Money
from flows.model.proof import figure_of, off_in
from flows.reading.proof import EquationTold
from flows.reading.rows import AliasRow, CaseRow, ClosingRow, FactRow, OrderRow, PatchRow, PauseRow, Story
from flows.timeline_words import Happened, timeline_of


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, and whose move that is. `ends`: when it ends by itself; None: never."""

    kind: str
    title: str
    cause: str
    why: str
    amount: str | None
    currency: str | None
    owner: str
    opened_at: datetime
    deadline_at: datetime
    is_late: bool
    remedy: str
    ends: str | None
    levers: tuple[Lever, ...]
    """Where finance can still take hold of it."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order stands, why, whose move it is, and what happened; of what is no order, its cases."""

    key: str
    state: str | None
    """`new` while nobody has decided on it; None: nothing of such an order was ever received."""
    standing: str
    """Where it stands, and the next step where that is Seamline's, as sentences."""
    order: OrderRow | None
    cases: tuple[OpenCase, ...]
    patch: PatchRow | None
    pauses: tuple[PauseRow, ...]
    """What is stopped, and keeps it from going on."""
    ahead: str
    """The order of the same customer that it waits for; empty: for none."""
    closing: ClosingRow | None
    """What it waits for until it is settled; None: nobody settles it, or it has no sale yet."""
    timeline: tuple[Happened, ...]


def explained(story: Story, now: datetime) -> Explanation:
    """What is true of an order now, for machines: all that `explain` says."""
    opened = [case for case in story.cases if case.closed_at is None]
    missed = any(case.kind == "order.orphan" for case in story.cases)
    order = story.order
    is_order = order is not None or bool(story.timeline) or missed
    return Explanation(
        key=story.key,
        state=None if not is_order else "new" if order is None else order.state,
        standing=_standing(story, opened) if is_order else _no_order(story, opened),
        order=order,
        cases=tuple(_open_case(case, now) for case in opened),
        patch=story.patch,
        pauses=story.pauses,
        ahead=story.ahead,
        closing=story.closing if order is not None and order.sale is not None else None,
        timeline=timeline_of(story),
    )


def explain(story: Story, now: datetime, equations: Sequence[EquationTold] = ()) -> str:
    """A few sentences that name the state, the cause, the owner and the next step; then the `equations` of its proof
    with their figures, and the timeline.
    """
    found = explained(story, now)
    parts = [found.standing, *_cases(found.cases)]
    if found.state is None:
        return "\n\n".join(parts)
    if equations:
        failing_first = sorted(equations, key=lambda each: each.holds)
        parts.append("\n".join(["Its figures:", *(f"  {_equation(each)}" for each in failing_first)]))
    if found.closing is not None:
        parts.append(_closing(found.closing, {case.kind for case in found.cases}))
    if found.patch is not None:
        parts.insert(1, _patched(found.patch, found.key))
    parts.append("\n".join(["What happened:", *(f"  {_time(each.at)}  {each.text}" for each in found.timeline)]))
    return "\n\n".join(parts)


def _open_case(case: CaseRow, now: datetime) -> OpenCase:
    """A case with what its kind says for people."""
    kind = KINDS[case.kind]
    return OpenCase(
        kind=case.kind,
        title=kind.title,
        cause=case.cause,
        why=case.sentence.removeprefix(f"{kind.title}: "),
        amount=case.amount,
        currency=case.currency,
        owner=case.owner,
        opened_at=case.opened_at,
        deadline_at=case.deadline_at,
        is_late=now > case.deadline_at,
        remedy=kind.remedy,
        ends=None if kind.ends == NEVER else kind.ends,
        levers=kind.levers,
    )


def _equation(told: EquationTold) -> str:
    """An equation with its figures: what the parts come to, what the sales channel says, and whether that is one."""
    named = [(" - " if amount < 0 else " + ", name, abs(amount)) for name, amount in told.terms.items()]
    parts = (
        "".join(f"{sign}{name} {amount:f}" for sign, name, amount in named).removeprefix(" + ").lstrip() or "nothing"
    )
    right = f"{figure_of(told.name)} {told.right:f} {told.currency}"
    if not told.difference:
        return f"{parts} = {right}: holds"
    off = off_in(told.name, Money(told.difference, told.currency))
    if told.holds:
        return f"{parts} = {told.left:f}, {right}: {off}, which finance tolerates"
    return f"{parts} = {told.left:f}, but {right}: {off}"


def _closing(closing: ClosingRow, opened: Collection[str]) -> str:
    """What it still waits for until it is settled, or since when it is, and by what; of cases, what is open now."""
    by = f", by {'; '.join(closing.evidence)}" if closing.evidence else ""
    if closing.settled_at is not None:
        return f"It is settled since {_time(closing.settled_at)}{by}."
    if not closing.waits:
        return "Whether it is settled has not been looked at yet."
    waits = [now_awaited(wait, opened) for wait in closing.waits]
    return f"Until it is settled it waits {', and '.join(dict.fromkeys(waits))}."


def _patched(patch: PatchRow, key: str) -> str:
    """That a person changed something of it: who, when, why and where; never to what."""
    why, where = patch.reason.rstrip("."), ", ".join(patch.fields)
    return (
        f"It is read with a patch, by {patch.decided_by} on {_time(patch.decided_at)}: {why}. It changes {where}, in "
        f"each later version, too, until `seamline orders patch {key} --remove --reason WHY`."
    )


def _no_order(story: Story, opened: Sequence[CaseRow]) -> str:
    """What is not an order may have cases all the same: a run of Patchworks, or an outside system."""
    if not story.cases:
        return f"Nothing is known of {story.key}: no delivery of it has been accepted."
    stands = "This is open:" if opened else "Nothing is open about it; what was, has ended."
    return f"{story.key} is not an order. {stands}"


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
    if str(what).startswith("for the rest of it"):
        step = "" if asks else " Next step, by Seamline: import it, as soon as the rest is here."
        return f"waits {what}: nothing of it is in Fulfil.{step}"
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


def _cases(opened: Sequence[OpenCase]) -> list[str]:
    """A paragraph for each kind of case: what one remedy ends is told once."""
    kinds = dict.fromkeys(case.kind for case in opened)
    return [_case([case for case in opened if case.kind == kind]) for kind in kinds]


def _case(cases: Sequence[OpenCase]) -> str:
    """All open cases of one kind: what is wrong, what is at stake, whose move it is until when."""
    case = min(cases, key=lambda each: each.deadline_at)
    due = f"{'should have been done' if case.is_late else 'to be done'} by {_time(case.deadline_at)}"
    stakes = dict.fromkeys(f"{each.amount} {each.currency}" for each in cases if each.amount and each.currency)
    stake = f" At stake: {' and '.join(stakes)}." if stakes else ""
    ends = "It never ends by itself" if case.ends is None else f"It ends by itself {case.ends}"
    why = ". ".join(each.why for each in cases)
    lever = _levers(case.levers)
    return f"{case.title}: {why}.{stake}{lever}\nNext step, by {case.owner}, {due}: {case.remedy}. {ends}."


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


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
