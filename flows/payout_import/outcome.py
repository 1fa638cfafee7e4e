"""What an import makes, or would make, of one payout: how it stood before, how it stands after it, and what stands
against it then.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.payout import PayoutHeader, PayoutStatus
from flows.payout_importer import NAME
from flows.payout_importer.messages import PayoutState
from flows.reading import Reading
from flows.reading.payouts import PayoutRow

_CONTRADICTS = ("payout.changed", "payout.contradiction", "payout.failed", "payout.incomplete", "payout.twice")
"""Cases of which no file is just known, or proven, until a person has looked, or the rest of it is here."""
_ENDED = (PayoutStatus.PAID, PayoutStatus.FAILED, PayoutStatus.CANCELLED)
_state = msgspec.json.Decoder(PayoutState).decode


class Outcome(msgspec.Struct, kw_only=True):
    """One payout of a file. `told`: what the file says of the payout itself."""

    told: PayoutHeader
    before: PayoutState
    after: PayoutState

    @property
    def is_known(self) -> bool:
        """Whether anything was told of it before."""
        return self.before.header is not None

    @property
    def new_lines(self) -> int:
        """How many of its lines were not kept before."""
        return self.after.sums.lines - self.before.sums.lines

    @property
    def news(self) -> bool:
        """Whether anything of it is otherwise."""
        return _told(self.before) != _told(self.after)

    @property
    def cases(self) -> tuple[ExceptionCase, ...]:
        """What stands against it after the import."""
        return self.after.cases

    @property
    def opens(self) -> tuple[str, ...]:
        """The cases that were not open before, each with its kind."""
        return tuple(_named(case) for case in self.cases if not self._was_open(case))

    @property
    def stands(self) -> tuple[str, ...]:
        """Contradictions that were open before and still are, and what the file says against how the payout ended."""
        open_ = (case for case in self.cases if case.kind in _CONTRADICTS and self._was_open(case))
        return (*map(_named, open_), *_ended_otherwise(self.told, self.after))

    @property
    def contradicts(self) -> bool:
        """Whether a person has to look before what the file says, or what is known, can be relied upon."""
        return bool(self.stands) or any(case.kind in _CONTRADICTS for case in self.cases)

    def _was_open(self, case: ExceptionCase) -> bool:
        return any((each.kind, each.amount) == (case.kind, case.amount) for each in self.before.cases)


class Kept(Outcome, kw_only=True):
    """One payout that was imported, and how it is listed now."""

    row: PayoutRow


def _named(case: ExceptionCase) -> str:
    return f"{case.kind}: {case.sentence}"


def _told(state: PayoutState) -> tuple[object, ...]:
    return state.header, state.sums, state.bank, state.otherwise, state.changed, state.found


def _ended_otherwise(told: PayoutHeader, state: PayoutState) -> Iterator[str]:
    if state.header is None or told.status not in _ENDED or state.header.status in (told.status, PayoutStatus.UNKNOWN):
        return
    if state.header.status in _ENDED:
        known = state.header.status.value
        yield f"the file says that it is {told.status.value}, and it is known as {known}: it stays {known}"


async def standing(read: Reading, key: str) -> PayoutState:
    """A payout as the store has it."""
    for row in await read.query_list("states", [key], NAME):
        return _state(row[1])
    return PayoutState(key=key)
