"""The suite: every rule for every call of a connector, as cases that any test runner can run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

import anyio
import msgspec

from runtime.errors import Refused
from runtime.testing.conformance.attempts import EVERY_CALL, always, both
from runtime.testing.conformance.ending import Violation, ending_of, require, require_failure
from runtime.testing.conformance.lists import each_record_is_read_while_records_change
from runtime.testing.conformance.subject import Call, Connector
from runtime.testing.conformance.writes import WRITES
from runtime.testing.virtual_time import Deadlock, VirtualLoop

_UNKNOWN_KIND: Final = "no_such_call"


class Case(msgspec.Struct, frozen=True):
    """One rule for one call. `rule` and `subject` name it; `run` is silent, or raises `Violation`."""

    rule: str
    subject: str
    attempt: Callable[[], Awaitable[None]]

    def __str__(self) -> str:
        return f"{self.subject}-{self.rule}"

    def run(self) -> None:
        """Try it, on a loop of its own in virtual time: no waiting is real."""
        try:
            anyio.run(self.attempt, backend_options={"loop_factory": VirtualLoop})
        except Deadlock as deadlock:
            raise Violation(f"{self.subject}: it waits for ever ({deadlock})") from deadlock
        except BaseExceptionGroup as group:
            raise _only(group) from group


def cases_of(connector: Connector) -> list[Case]:
    """All that the connector has to keep. Raises ValueError when too little is said about it to try anything."""
    if not connector.calls:
        raise ValueError(f"the connector {connector.name} has no calls, so nothing could be tried")
    cases = [
        Case(rule.__name__, _name(call, connector), partial(rule, connector, call))
        for call in connector.calls
        for rule in (*EVERY_CALL, *(WRITES if call.is_write else _READS))
    ]
    cases += [Case(rule.__name__, connector.name, partial(rule, connector)) for rule in _CONNECTOR]
    cases += [
        Case(
            each_record_is_read_while_records_change.__name__,
            paging.name,
            partial(each_record_is_read_while_records_change, connector, paging),
        )
        for paging in connector.paging
    ]
    return cases


def violations_of(connector: Connector, rules: Collection[str] = ()) -> dict[str, str]:
    """The rules that the connector breaks (of these, or of all), each with the first complaint: for tests of the suite
    itself.
    """
    found: dict[str, str] = {}
    for case in cases_of(connector):
        if rules and case.rule not in rules:
            continue
        try:
            case.run()
        except Violation as violation:
            found.setdefault(case.rule, str(violation))
    return found


# -- rules that are about no single write ------------------------------------------------------------------------------


async def a_call_that_is_not_known_is_refused_unsent(connector: Connector) -> None:
    """A kind from a newer or older version is refused, by `perform` and by `look`; nothing goes out."""
    async with both(connector, always(connector.calls[0].answer)) as (api, outside):
        for asked in (api.perform, api.look):
            ending = await ending_of(_UNKNOWN_KIND, asked(_UNKNOWN_KIND, b"{}"), connector.secret)
            require(isinstance(ending, Refused), _UNKNOWN_KIND, f"it ended with {ending} instead of Refused")
    require(not outside.asked, _UNKNOWN_KIND, "nobody knows this call, and something was sent")


async def a_question_that_cannot_be_read_is_refused_unsent(connector: Connector, call: Call) -> None:
    """Bytes that are no question of this kind: refused, before anything goes out."""
    async with both(connector, always(call.answer)) as (api, outside):
        for body in (b"", b"{", b"[1]", b"\xff"):
            ending = await ending_of(call, api.perform(call.kind, body), connector.secret)
            require_failure(call, ending, (Refused,), f"its body was {body!r}")
    require(not outside.asked, call, "its body could not be read, and something was sent")


async def a_read_is_not_looked_for(connector: Connector, call: Call) -> None:
    """Reads repeat; there is nothing to find out about them."""
    async with both(connector, always(call.answer)) as (api, _outside):
        ending = await ending_of(call, api.look(call.kind, call.body), connector.secret)
    require_failure(call, ending, (Refused,), "it is a read, and was looked for")


_READS: Final = (a_question_that_cannot_be_read_is_refused_unsent, a_read_is_not_looked_for)
_CONNECTOR: Final = (a_call_that_is_not_known_is_refused_unsent,)

RULES: Final = tuple(
    rule.__name__ for rule in (*EVERY_CALL, *WRITES, *_READS, *_CONNECTOR, each_record_is_read_while_records_change)
)
"""The names of all rules."""


def _name(call: Call, connector: Connector) -> str:
    same = [each for each in connector.calls if each.kind == call.kind]
    return call.kind if len(same) == 1 else f"{call.kind}-{same.index(call) + 1}"


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The violation in a group; else the group's first error."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        violation = error.split(Violation)[0]
        error = (violation or error).exceptions[0]
    return error
