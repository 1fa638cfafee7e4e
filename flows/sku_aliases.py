"""Aliases of SKUs, decided by people: who, when and why is on record, in a chain that shows every later change.

In: `AddAlias`, `RemoveAlias` (a person, by the control listener), `CheckAliases` (by timer). Out: the alias in the
journal and in the index; in the same transaction a `Record` to the audit log, and `Release` to the catalogue, which
sends the orders on that the alias cures. One key. No effects. A crash leaves the message queued, or alias and record
together. An alias whose SKU Fulfil does not sell any more is a case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec

from flows.events import AliasDecided
from flows.exceptions.kinds import ExceptionCase
from flows.formats.parts import text_of
from flows.model.audit import TEXT_MAX, person_and_reason, recorded
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Release
from flows.model.several import several
from flows.model.skus import AMBIGUOUS, SkuIndex
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal

KEY = "system/aliases"
NAME = "sku_aliases"
_NAMED_MAX = 5


class AddAlias(Message, frozen=True, kw_only=True):
    """From now on `alias` stands for `sku`, whatever it stood for before."""

    alias: str
    sku: str
    by: str
    reason: str


class RemoveAlias(Message, frozen=True, kw_only=True):
    """From now on `alias` stands for nothing but itself."""

    alias: str
    by: str
    reason: str


class CheckAliases(Message, frozen=True):
    """Look whether Fulfil sells what each alias stands for."""


class _Checked(Message, frozen=True, kw_only=True):
    broken: tuple[tuple[str, str, bool], ...]
    """(alias, SKU, whether several products have it)."""


class AliasState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many decisions there were, the last one, and the aliases that are broken."""

    decisions: int = 0
    changed: tuple[str, str | None] | None = None
    """(alias, its SKU or None) of the last decision."""
    cases: tuple[ExceptionCase, ...] = ()


class SkuAliases:
    """The actor. See the module."""

    name = NAME
    message_type = AddAlias | RemoveAlias | CheckAliases
    state_type = AliasState

    def __init__(self, index: SkuIndex, *, check_every: timedelta, emit: Callable[[Any], None]) -> None:
        self._index, self._check_every, self._emit = index, check_every, emit

    def begin(self, key: str) -> AliasState:  # noqa: ARG002 - there is one key
        """Nobody has decided anything."""
        return AliasState()

    async def ready(self) -> None:
        """Before Fulfil's products are known at all, every alias would seem broken."""
        await self._index.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """For a check: the aliases whose SKUs cannot be sold."""
        return [self._checked() if isinstance(item.message, CheckAliases) else item.message for item in items]

    def _checked(self) -> Message:
        index = self._index
        troubled = ((alias, sku, index.trouble(sku)) for alias, sku in sorted(index.aliases.items()))
        return _Checked(broken=tuple((alias, sku, kind == AMBIGUOUS) for alias, sku, kind in troubled if kind))

    def decide(self, state: AliasState, message: Any, now: datetime) -> Decision:
        """Write down who decided what and why, and have the orders that it cures released."""
        match message:
            case AddAlias(alias=alias, sku=sku):
                at = to_instant(now)
                record = recorded(
                    at, by=message.by, action="alias.add", subject=alias, values={"sku": sku}, reason=message.reason
                )
                release = Emit(channel="catalogue", key="system/catalogue", message=Release(), priority=BULK)
                return Decision(
                    state=_changed(state, alias, sku),
                    writes=(Write("put_alias", (alias, sku, at, message.by, message.reason)),),
                    emits=(record, release),
                    timers=(self._again(now),),
                )
            case RemoveAlias(alias=alias):
                record = recorded(
                    to_instant(now), by=message.by, action="alias.remove", subject=alias, values={},
                    reason=message.reason,
                )  # fmt: skip
                return Decision(
                    state=_changed(state, alias, None), writes=(Write("end_alias", (alias,)),), emits=(record,)
                )
            case _Checked(broken=broken):
                known = {case.cause: case for case in state.cases}
                cases = tuple(_broken(alias, sku, several, known.get(alias), now) for alias, sku, several in broken)
                return Decision(state=msgspec.structs.replace(state, cases=cases), timers=(self._again(now),))
            case _:
                assert_never(message)

    def _again(self, now: datetime) -> Timer:
        return Timer(name="check", due=now + self._check_every, message=CheckAliases())

    def project(self, key: str, before: AliasState, after: AliasState, now: datetime) -> Sequence[Write]:
        """The rows of its cases."""
        return case_rows(key, before.cases, after.cases, now, how="the alias stands for something that is sold")

    def announce(self, key: str, before: AliasState, after: AliasState) -> None:
        """The decision is durable: orders are read with it from now on, before any that it releases."""
        if after.changed is not None and after.decisions != before.decisions:
            alias, sku = after.changed
            self._index.rename({alias: sku})
            self._emit(AliasDecided(action="add" if sku is not None else "remove"))
        announce_cases(key, before.cases, after.cases, self._emit)


def _changed(state: AliasState, alias: str, sku: str | None) -> AliasState:
    cases = tuple(case for case in state.cases if case.cause != alias)
    return AliasState(decisions=state.decisions + 1, changed=(alias, sku), cases=cases)


def _broken(alias: str, sku: str, several: bool, known: ExceptionCase | None, now: datetime) -> ExceptionCase:
    what = "is that of several products" if several else "is not sold"
    sentence = f"{alias!r} stands for {sku!r}, which {what} in Fulfil"
    return ExceptionCase(
        kind="alias.broken", cause=alias, sentence=sentence, opened_at=known.opened_at if known is not None else now
    )


# -- what a person asks for --------------------------------------------------------------------------------------------


async def decide_on_alias(
    parameters: Mapping[str, str], index: SkuIndex, journal: Journal, post: Callable[[Message], Awaitable[None]]
) -> str:
    """Obey `seamline alias add` and `remove`: say what follows, and have it done unless `dry_run` is given.

    `parameters`: action (add or remove), alias, sku (of add), by, reason, dry_run. Raises SeamlineError with what is
    wrong when it makes no sense; nothing has changed then.
    """
    alias = text_of(parameters.get("alias")) or ""  # as every format reads it
    for name, text in (("alias", alias), ("sku", parameters.get("sku", ""))):
        if len(text) > TEXT_MAX:
            raise SeamlineError(f"the {name} is longer than {TEXT_MAX} characters")
    if not alias:
        raise SeamlineError("say which alias")
    by, reason = person_and_reason(parameters, what="the alias")
    message, sentence = _asked_for(parameters, index, alias, by, reason)
    if isinstance(message, AddAlias):
        sentence += await _cured(journal, alias)
    if parameters.get("dry_run"):
        return f"{sentence} Nothing was changed."
    await post(message)
    return sentence


def _asked_for(
    parameters: Mapping[str, str], index: SkuIndex, alias: str, by: str, reason: str
) -> tuple[AddAlias | RemoveAlias, str]:
    """What is to be decided, and the sentence about it. Raises SeamlineError."""
    known, sku = index.aliases.get(alias), parameters.get("sku", "")
    if parameters.get("action") == "remove":
        if known is None:
            raise SeamlineError(f"{alias!r} is no alias; `seamline alias list` shows those that are")
        removed = f"{alias!r} no longer stands for {known!r}. What was imported under it stays."
        return RemoveAlias(alias=alias, by=by, reason=reason), removed
    if not index.ready.is_set():
        raise SeamlineError("Fulfil's products are not known yet; try again when the first sync is over")
    if index.sellable(alias):
        raise SeamlineError(f"{alias!r} is a SKU that Fulfil sells: orders of it need no alias")
    if not index.sellable(sku):
        why = "is that of several products" if index.trouble(sku) == AMBIGUOUS else "is not sold"
        raise SeamlineError(f"{sku!r} {why} in Fulfil, so nothing can stand for it; see `seamline sku explain`")
    if known == sku:
        raise SeamlineError(f"{alias!r} stands for {sku!r} already")
    before = f", no longer for {known!r}" if known is not None else ""
    return AddAlias(alias=alias, sku=sku, by=by, reason=reason), f"{alias!r} stands for {sku!r}{before}."


async def _cured(journal: Journal, alias: str) -> str:
    """Which orders wait for this SKU and for nothing else, and how many for other things, too."""
    rows = await journal.query("subjects_cured", alias)
    cured = [subject for subject, others in rows if not others]
    named = ", ".join(cured[:_NAMED_MAX]) + (" ..." if len(cured) > _NAMED_MAX else "")
    text = f" It releases {several(len(cured), 'order')}: {named}." if cured else " It releases no order."
    left = len(rows) - len(cured)
    return text + (f" {left} more wait{'s' if left == 1 else ''} for other things, too." if left else "")
