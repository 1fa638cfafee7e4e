"""What follows from a page of a payout, and from what is known of its lines. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from flows.model.money import ZERO, exactly, summed
from flows.model.payout import Finding, PayoutHeader, PayoutLine, PayoutStatus, added, less
from flows.model.tariff import TariffSettings, fee_off
from flows.payout_importer.judging import NAMED_MAX, accepted_as, cases_of, due_at
from flows.payout_importer.messages import (
    NAME,
    ChangesRead,
    Dropped,
    Judge,
    Kept,
    KnownLine,
    Linked,
    PageMet,
    PayoutPage,
    PayoutState,
)
from flows.payout_importer.twice import told_twice
from flows.payouts.examining import merged
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Timer, Write

JUDGED_AFTER = timedelta(minutes=10)
"""When the last page does not come, the payout is judged by what came."""
LOOKS_AGAIN = timedelta(hours=1)
"""How often lines without an order are looked at again."""
LOOKS_FOR = timedelta(days=14)
"""For how long; afterwards a person has to."""
CHANGES_KEPT_MAX = 1_000
FOUND_KEPT_MAX = 200
_KEPT_KINDS = ("repeated", "alike", "contradiction", "incomplete")
_PROVISIONAL = (PayoutStatus.PENDING, PayoutStatus.UNKNOWN)
"""Before it is on its way, a payout may still be told with another amount."""

_encode = msgspec.json.encode


def decide(state: PayoutState, message: Any, now: datetime, tariff: TariffSettings | None = None) -> Decision:
    """What follows for one payout. `tariff` is what its provider agreed to take, where somebody has said so."""
    match message:
        case PageMet(page=page, known=known):
            return _met(state, page, known, now, tariff)
        case Linked():
            return _linked(state, message, now)
        case ChangesRead(before=before, after=after):
            return _accepted(state, before, after, now, tariff)
        case Dropped(beside=beside):
            return _dropped(state, beside, now)
        case _:
            raise TypeError(f"a payout has no use for a {type(message).__name__}")


# -- a page ------------------------------------------------------------------------------------------------------------


def _met(
    state: PayoutState,
    page: PayoutPage,
    known: dict[str, KnownLine],
    now: datetime,
    tariff: TariffSettings | None,
) -> Decision:
    """Keep what is new, and note what is told otherwise; what is known already changes nothing."""
    before = state
    state = _told(state, page)
    fits = state.header is not None and state.header.currency == page.header.currency
    writes: list[Write] = []
    if fits:
        state = _with_lines(state, page.lines, known, writes, tariff)
        if page.bank is not None:
            state = replace(state, bank=page.bank)
    changed = _without_run(state) != _without_run(before)
    state = replace(
        state,
        run=page.run,
        whole=page.page == page.pages,
        judged=False,
        told_at=now if changed or state.told_at is None else state.told_at,
    )
    if not state.whole:
        later = Timer(name="judge", due=now + JUDGED_AFTER, message=Judge(anyway=True))
        return Decision(state=state, writes=tuple(writes), timers=(later,))
    judge = Emit(channel=NAME, message=Judge(), priority=BULK)
    return Decision(state=state, writes=tuple(writes), emits=(judge,), cancels=("judge",))


def _without_run(state: PayoutState) -> PayoutState:
    return replace(state, run="", whole=False, judged=False, told_at=None, cases=())


def _told(state: PayoutState, page: PayoutPage) -> PayoutState:
    """What the page says of the payout itself."""
    known, told = state.header, page.header
    state = replace(state, sales_channel=page.sales_channel, provider=page.provider)
    findings = list(page.findings)
    if known is None:
        state = replace(state, header=replace(told, place=""))
    elif known.currency != told.currency:
        said = f"it is in {known.currency}, and a later file says {told.currency}; that file is not taken"
        findings.append(Finding(kind="contradiction", sentence=said))
    else:
        otherwise = state.otherwise if told.paid is None else _otherwise(known, told)
        state = replace(state, header=_followed(known, told), otherwise=otherwise)
    return replace(state, found=_kept(state.found, findings))


def _followed(known: PayoutHeader, told: PayoutHeader) -> PayoutHeader:
    header = merged(known, told)
    if known.status in _PROVISIONAL and told.paid is not None and told.status is not PayoutStatus.UNKNOWN:
        header = replace(header, paid=told.paid, totals={**known.totals, **told.totals})
    return header


def _otherwise(known: PayoutHeader, told: PayoutHeader) -> PayoutHeader | None:
    if known.status in _PROVISIONAL and told.status is not PayoutStatus.UNKNOWN:
        return None
    return replace(told, place="") if None not in (known.paid, told.paid) and known.paid != told.paid else None


def _kept(found: dict[str, Kept], findings: Sequence[Finding]) -> dict[str, Kept]:
    """Each finding once, by what it is about; the sentence of the first file stays."""
    more = {
        f"{each.kind} {each.line or each.sentence}": Kept(each.kind, each.sentence[:300], each.amount)
        for each in findings
        if each.kind in _KEPT_KINDS
    }
    new = {name: kept for name, kept in more.items() if name not in found}
    room = max(0, FOUND_KEPT_MAX - len(found))
    return {**found, **dict(list(new.items())[:room])} if new else found


def _with_lines(
    state: PayoutState,
    lines: Sequence[PayoutLine],
    known: dict[str, KnownLine],
    writes: list[Write],
    tariff: TariffSettings | None,
) -> PayoutState:
    new: list[PayoutLine] = []
    changed = state.changed
    for line in lines:
        mark, have = mark_of(line), known.get(line.id)
        if have is None:
            new.append(line)
            writes.append(Write("put_payout_line", line_row(state.key, line, mark)))
        elif have.mark == mark and not _contradict(have.names, line.names):
            if line.id in changed:
                changed = {each: difference for each, difference in changed.items() if each != line.id}
                writes.append(Write("drop_payout_change", (state.key, line.id)))
            if any(name and not known_ for name, known_ in zip(line.names, have.names, strict=True)):
                writes.append(Write("fill_payout_line", (*line.names, state.key, line.id)))
        elif line.id in changed or len(changed) < CHANGES_KEPT_MAX:
            changed = {**changed, line.id: _minus(line.net, have.net)}
            body = _encode(replace(line, beside=None, place="")).decode()
            writes.append(Write("put_payout_change", (state.key, line.id, mark, body)))
    state = replace(state, changed=changed)
    return _with_fees(replace(state, sums=added(state.sums, new)), new, tariff) if new else state


def _with_fees(state: PayoutState, lines: Sequence[PayoutLine], tariff: TariffSettings | None) -> PayoutState:
    """Whether the fees of these lines are the agreed ones."""
    off = [(line.id, difference) for line in lines if (difference := fee_off(line, tariff))]
    if not off:
        return state
    named = (*state.fees_off_named, *(f"{line} by {difference}" for line, difference in off))
    return replace(
        state,
        fees_off=state.fees_off + len(off),
        fees_off_amount=summed([state.fees_off_amount, *(difference for _, difference in off)]),
        fees_off_named=named[:NAMED_MAX],
    )


def _without_fees(state: PayoutState, lines: Sequence[PayoutLine], tariff: TariffSettings | None) -> PayoutState:
    """The same without lines that are told otherwise now."""
    off = {line.id: difference for line in lines if (difference := fee_off(line, tariff))}
    if not off:
        return state
    named = tuple(each for each in state.fees_off_named if each.partition(" by ")[0] not in off)
    left = _minus(state.fees_off_amount, summed(list(off.values())))
    return replace(state, fees_off=max(0, state.fees_off - len(off)), fees_off_amount=left, fees_off_named=named)


@exactly
def _minus(one: Decimal, other: Decimal) -> Decimal:
    return one - other


def _contradict(known: tuple[str, ...], told: tuple[str, ...]) -> bool:
    """Whether a line names something else than before; naming more, or less, is no contradiction."""
    return any(one and other and one != other for one, other in zip(known, told, strict=True))


def mark_of(line: PayoutLine) -> str:
    """The digest of a line's figures and its class, the same from each format of its provider: not every one tells the
    tax on a fee from the fee.
    """
    figures = [f"{each.normalize():f}" for each in (line.amount, summed([line.fee, line.tax]), line.net)]
    said = (line.kind.value, line.currency, *figures)
    return hashlib.blake2b("\x1f".join(said).encode(), digest_size=12).hexdigest()


def line_row(key: str, line: PayoutLine, mark: str) -> tuple[Any, ...]:
    """A row of `payout_line`."""
    return (
        key, line.id, line.kind.value, line.currency, str(line.amount), str(line.fee), str(line.tax), str(line.gap),
        str(line.net), line.type, line.at, line.order, line.reference, line.payment, line.payment_alias, line.refund,
        line.dispute, line.presentment, line.rate, mark,
    )  # fmt: skip


# -- judging -----------------------------------------------------------------------------------------------------------


def _linked(state: PayoutState, found: Linked, now: datetime) -> Decision:
    """Some lines have found their orders; when all were looked at, what stands against the payout."""
    writes = tuple(Write("link_payout_line", (order, state.key, line)) for line, order in found.links)
    if not state.whole and not found.asked.anyway:
        return Decision(state=state, writes=writes)  # another import has begun; its last page has it judged
    linked = found.asked.linked or bool(found.links)
    if not found.complete or linked:
        further = Judge(
            after=found.last,
            unlinked=found.unlinked,
            amount=found.amount,
            conflicts=found.conflicts,
            anyway=found.asked.anyway,
            linked=linked,
        )
        if found.complete:  # once more from the first: links lead to links, and what is looked up last needs all
            further = Judge(anyway=found.asked.anyway)
        return Decision(state=state, writes=writes, emits=(Emit(channel=NAME, message=further, priority=BULK),))
    elsewhere = tuple(f"{line} is in {other}, too" for line, other, _ in found.elsewhere)
    state = replace(
        state,
        judged=state.whole,
        unlinked=found.unlinked,
        unlinked_amount=found.amount,
        conflicts=found.conflicts,
        elsewhere=elsewhere,
        elsewhere_amount=_nets(net for *_, net in found.elsewhere),
        twice=told_twice(found.twins, found.twice, found.in_statements, state.header),
        twice_amount=_nets(
            [
                *(each.amount for each in found.twins),
                *(each.net for each in found.twice),
                *(abs(each.net) for each in found.in_statements),
            ]
        ),
    )
    state = replace(state, cases=cases_of(state, now))
    return Decision(state=state, writes=writes, timers=_looks(state, now))


@exactly
def _nets(nets: Iterable[Decimal]) -> Decimal:
    return sum(nets, ZERO)


def _looks(state: PayoutState, now: datetime) -> tuple[Timer, ...]:
    """When to look again: for orders that come later, and when it should have arrived."""
    moments = []
    if state.unlinked and state.told_at is not None and now < state.told_at + LOOKS_FOR:
        moments.append(now + LOOKS_AGAIN)
    due = None if state.header is None else due_at(state.header)
    if due is not None and due > now:
        moments.append(due)
    return (Timer(name="judge", due=min(moments), message=Judge(anyway=True)),) if moments else ()


def _accepted(
    state: PayoutState,
    before: Sequence[PayoutLine],
    after: Sequence[PayoutLine],
    now: datetime,
    tariff: TariffSettings | None,
) -> Decision:
    """A person has looked: what was told later counts, and what else was open is let stand as it is."""
    header = state.header
    if state.otherwise is not None and header is not None:
        header = replace(header, paid=state.otherwise.paid, totals=state.otherwise.totals or header.totals)
    writes = [Write("put_payout_line", line_row(state.key, line, mark_of(line))) for line in after]
    writes += [Write("drop_payout_change", (state.key, line.id)) for line in after]
    let_stand = [
        accepted_as(case.kind, case.amount)
        for case in state.cases
        if case.kind != "payout.changed" and case.amount is not None
    ]
    state = replace(
        state,
        header=header,
        otherwise=None,
        changed={},
        sums=added(less(state.sums, before), after),
        accepted=tuple(dict.fromkeys((*state.accepted, *let_stand))),
        told_at=now if after or state.otherwise is not None else state.told_at,
    )
    state = _with_fees(_without_fees(state, before, tariff), after, tariff)
    judge = Emit(channel=NAME, message=Judge(anyway=True), priority=BULK)
    return Decision(state=replace(state, cases=cases_of(state, now)), writes=tuple(writes), emits=(judge,))


def _dropped(state: PayoutState, beside: Sequence[str], now: datetime) -> Decision:
    """Nothing of it is kept: its orders, and payouts that it stood against, are looked at again without it."""
    if state.header is None:
        return Decision(state=state)
    writes = (
        Write("nudge_taken_back", (to_instant(now), state.key)),
        Write("drop_payout_lines", (state.key,)),
        Write("drop_payout_changes", (state.key,)),
        Write("drop_payout", (state.key,)),
    )
    judge = [Emit(channel=NAME, key=key, message=Judge(anyway=True), priority=BULK) for key in beside]
    return Decision(state=PayoutState(key=state.key), writes=writes, emits=tuple(judge), cancels=("judge",))
