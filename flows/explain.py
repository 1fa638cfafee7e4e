"""An order's story in plain words: what is true now, why, whose move it is, and what happened so far. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from flows.exceptions.kinds import KINDS, NEVER
from flows.reading import CaseRow, FactRow, Story


def explain(story: Story, now: datetime) -> str:
    """A few sentences that name the state, the cause, the owner and the next step; then the timeline."""
    opened = [case for case in story.cases if case.closed_at is None]
    if story.order is None and not story.timeline and not opened:
        return f"Nothing is known of {story.key}: no delivery of it has been accepted."
    parts = [_standing(story, opened), *(_case(case, now) for case in opened)]
    parts.append("\n".join(["What happened:", *_lines(story.timeline)]))
    return "\n\n".join(parts)


def _standing(story: Story, opened: Sequence[CaseRow]) -> str:
    """Where the order stands, and whose move it is; what it asks of a person its open cases say."""
    order, asks = story.order, bool(opened)
    if order is None and any(case.kind == "step.parked" for case in opened):
        return f"{story.key} was received, and could not be decided on: it is set aside, whole, until a restart."
    if order is None and not story.timeline:
        return f"Nothing of {story.key} has ever been received."
    if order is None:
        return (
            f"{story.key} was received and waits to be decided on. Next step, by Seamline: decide on it, as soon as "
            "Fulfil's products are known, unless it is paused."
        )
    name = f"Order {order.reference} of {order.sales_channel} ({order.amount} {order.currency})"
    match order.state:
        case "imported":
            rest = "" if asks else " Nothing is left to do here; shipping and invoicing are Fulfil's."
            sale = order.sale_number or order.sale
            return f"{name} is in Fulfil as sale {sale}. Its figures are {order.proof}.{rest}"
        case "held":
            return f"{name} is held: it is stored whole, and nothing of it is in Fulfil."
        case "creating":
            return (
                f"{name} is on its way. Next step, by Seamline: create the sale, as soon as Fulfil takes the call and "
                f"the sales channel is not paused.{_meanwhile(opened)}"
            )
        case "unknown":
            return (
                f"{name} was sent to Fulfil, and the answer was lost. Next step, by Seamline: look whether the sale is "
                f"there, until Fulfil says.{_meanwhile(opened)}"
            )
        case "cancelled":
            return f"{name} was cancelled by the sales channel before it went to Fulfil." + (
                "" if asks else " There is nothing to do."
            )
        case other:
            return f"{name} is {other}."


def _meanwhile(opened: Sequence[CaseRow]) -> str:
    """What people do while Seamline has the next step; a case of the create before is open until the sale is there."""
    if any(case.kind in ("fulfil.refused", "fulfil.unsettled") for case in opened):
        return " It is tried again: wait for what comes of it before you act on the case."
    return "" if opened else " Nobody has to act."


def _case(case: CaseRow, now: datetime) -> str:
    kind = KINDS[case.kind]
    late = now > case.deadline_at
    due = f"{'should have been done' if late else 'to be done'} by {_time(case.deadline_at)}"
    stake = f" At stake: {case.amount} {case.currency}." if case.amount and case.currency else ""
    ends = "It never ends by itself" if kind.ends == NEVER else f"It ends by itself {kind.ends}"
    return f"{kind.title}: {case.sentence}.{stake}\nNext step, by {case.owner}, {due}: {kind.remedy}. {ends}."


def _lines(timeline: Iterable[FactRow]) -> list[str]:
    return [f"  {_time(fact.ended_at)}  {_fact(fact)}" for fact in timeline]


def _fact(fact: FactRow) -> str:
    values = fact.values
    match fact.kind:
        case "received":
            return "received and stored"
        case "decided":
            return f"decided: goes to Fulfil with {values.get('lines')} lines"
        case "held":
            return f"held: {values.get('causes')}"
        case "created":
            how = "found in Fulfil after the answer was lost" if values.get("found_by_look") else "created in Fulfil"
            return f"{how} as sale {values.get('sale')}, attempt {values.get('attempts')}"
        case "outcome_unknown":
            return f"the answer was lost ({values.get('cause')})"
        case "looked_absent":
            return "looked in Fulfil: the sale is not there"
        case "stale":
            return f"an older version arrived late ({values.get('version')}) and was set aside"
        case "parked":
            return f"could not be decided on ({values.get('error')}), a defect of ours: set aside until a restart"
        case "tried_again":
            return "what was set aside is tried again after a restart"
        case kind:
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            return kind.replace("_", " ") + (f" ({shown})" if shown else "")


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
