"""What people ask of one order, by the control listener: whether it can be done, what follows, and then it is done.

The answer says what follows as things stand now. The order decides for itself when its turn comes, on all that is known
by then; `seamline orders explain` tells what became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from flows.model.audit import TEXT_MAX, person_and_reason, recorded
from flows.model.order_state import OrderState, Status
from flows.model.patch import InvalidPatch, patch_in, without_envelope
from flows.order_importer.actor import OrderImporter
from flows.order_importer.linking import linkable
from flows.order_importer.messages import LinkOrder, PatchOrder, RemovePatch
from runtime.decision import Emit, Message
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal

Post = Callable[[Message], Awaitable[None]]
"""Sends the order a message; returns when it is durable."""
Sent = Callable[[Emit], Awaitable[None]]
"""Sends a message to whom it names; returns when it is durable."""


class _Denied(SeamlineError):
    """What a person wants of this order it cannot have. That goes on record."""


async def patch_order(
    parameters: Mapping[str, str], importer: OrderImporter, journal: Journal, post: Post, record: Sent
) -> str:
    """Obey `seamline orders patch`. `parameters`: key, patch or remove, by, reason, dry_run.

    Raises SeamlineError with what is wrong when it makes no sense; nothing has changed then, and that a person wanted
    it is on record before they are told, unless they only asked what would follow.
    """
    key = parameters.get("key", "")
    by, reason = _person_and_reason(parameters)
    if not importer.can_decide:
        raise SeamlineError("Fulfil's products are not known yet; try again when the first sync is over")
    try:
        question = await _question(key, parameters, by, reason, importer, journal)
        state, told, decision = await importer.foreseen(key, question)
        if told.refused:
            raise _Denied(f"{key} cannot be patched like that: {told.refused}")
    except _Denied as denied:
        if not parameters.get("dry_run"):
            await record(_denial("order.patch_denied", key, {"why": f"{denied}"}, by, reason, journal))
        raise
    done = "is read with the patch" if isinstance(question, PatchOrder) else "is read as it was received"
    follows = _follows(state, decision.state)
    if parameters.get("dry_run"):
        return f"{key} {done}: {follows}. Nothing was changed."
    await post(question)
    return f"{key} {done}, and so is each later version of it: {follows}"


async def _question(
    key: str, parameters: Mapping[str, str], by: str, reason: str, importer: OrderImporter, journal: Journal
) -> PatchOrder | RemovePatch:
    """What the order is to be asked. Raises SeamlineError when there is no such order, or this makes no sense of it."""
    payload = await _payload(key, journal, importer)
    if parameters.get("remove"):
        if not await journal.query("patch", key):
            raise _Denied(f"{key} has no patch")
        return RemovePatch(by=by, reason=reason)
    try:
        patch = without_envelope(patch_in(parameters.get("patch", "")), payload)
    except InvalidPatch as error:
        raise _Denied(f"{error}") from None
    return PatchOrder(patch=patch.decode(), by=by, reason=reason)


def _denial(action: str, key: str, values: Mapping[str, str], by: str, reason: str, journal: Journal) -> Emit:
    """That a person wanted what the order cannot have."""
    return recorded(journal.clock.now(), by=by, action=action, subject=key, values=values, reason=reason)


def _person_and_reason(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Who patches, and why. Raises SeamlineError with what is missing, and what is wrong with the patch."""
    try:
        return person_and_reason(parameters, what="the patch")
    except SeamlineError as error:
        wrong = [f"{error}"]
    if not parameters.get("remove"):
        try:
            patch_in(parameters.get("patch", ""))
        except InvalidPatch as error:
            wrong.append(f"{error}")
    raise SeamlineError("; ".join(wrong))


async def _payload(key: str, journal: Journal, importer: OrderImporter) -> bytes:
    """What was received of the order last. Raises SeamlineError when there is nothing to be patched."""
    payload = await importer.payload(key)
    if payload is not None:
        return payload
    if await journal.query("order_by_key", key):
        raise _Denied(f"the payload of {key} is no longer stored; have the order sent again first")
    if await journal.query("oldest_message_of_key", importer.name, key):
        raise _Denied(f"{key} was received and waits to be decided on; it can be patched after that")
    raise SeamlineError(f"no order is known as {key!r}")


def _follows(before: OrderState, after: OrderState) -> str:
    """What becomes of an order, as a clause."""
    causes = "; ".join(f"{case.kind}: {case.sentence}" for case in after.cases)
    match after.status:
        case Status.CREATING if before.status is not Status.CREATING:
            return f"it is imported, with a total of {after.amount} {after.currency}"
        case Status.HELD:
            return f"it is {'still ' if before.status is Status.HELD else ''}held for {causes}"
        case Status.IMPORTED:
            stays = f"it is in Fulfil as sale {after.sale_number or after.sale}"
            if after.work is not None and before.work is None:
                return f"{stays}, which is changed ({after.work.told or after.work.goal})"
            return f"{stays}: {causes}" if causes else f"{stays}, and nothing follows"
        case Status.WAITING:
            return f"it waits {after.waits}" + (f"; {causes}" if causes else "")
        case Status.CREATING | Status.UNKNOWN:
            return "it is on its way to Fulfil as it was; what this changes is compared with the sale then"
        case other:
            return f"it is {other.value}{f' by the rule {after.rule}' if after.rule else ''}"


async def link_order(
    parameters: Mapping[str, str], importer: OrderImporter, journal: Journal, post: Post, record: Sent
) -> str:
    """Obey `seamline orders link`. `parameters`: key, sale, by, reason. `record` has a decision written down.

    Raises SeamlineError with what is wrong when it makes no sense; nothing has changed then. That a person wanted what
    this order cannot have is on record before they are told.
    """
    key, sale = parameters.get("key", ""), parameters.get("sale", "").strip()
    by, reason = person_and_reason(parameters, what="the link")
    if not sale or len(sale) > TEXT_MAX or not sale.isprintable():
        raise SeamlineError("say which sale, by its number or its id in Fulfil")
    state = await importer.state(key)
    if state.status is Status.NEW and not await journal.query("oldest_message_of_key", importer.name, key):
        raise SeamlineError(f"no order is known as {key!r}")
    why = linkable(state)
    if why:
        values = {"sale": sale, "why": why}
        await record(_denial("order.link_denied", key, values, by, reason, journal))
        raise SeamlineError(f"{key} cannot be linked to a sale: {why}")
    await post(LinkOrder(sale=sale, by=by, reason=reason, key=key))
    return f"sale {sale} is looked up in Fulfil, and {key} is linked to it if it can be"
