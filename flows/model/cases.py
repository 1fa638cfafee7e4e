"""A case of a subject, and what follows from a change of its open cases: the rows that people list, and the events that
are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from flows.events import CaseClosed, CaseOpened
from flows.exceptions.kinds import KINDS, ExceptionCase
from runtime.clock import to_instant
from runtime.decision import Write


def case_in(
    known: Sequence[ExceptionCase],
    kind: str,
    cause: str,
    sentence: str,
    now: datetime,
    *,
    amount: Decimal | None = None,
    currency: str | None = None,
) -> ExceptionCase:
    """A case of a subject whose open ones are `known`; one that is open already keeps its beginning. An amount in no
    currency, as of an order that cannot be read, is not known: such a case has none.
    """
    opened_at = next((case.opened_at for case in known if (case.kind, case.cause) == (kind, cause)), now)
    return ExceptionCase(
        kind=kind,
        cause=cause,
        sentence=sentence,
        opened_at=opened_at,
        amount=amount if currency else None,
        currency=currency or None,
    )


def case_rows(
    subject: str, before: Sequence[ExceptionCase], after: Sequence[ExceptionCase], now: datetime, *, how: str
) -> list[Write]:
    """The rows for a change of a subject's open cases."""
    old = {case.fingerprint(subject): case for case in before}
    new = {case.fingerprint(subject): case for case in after}
    rows = [Write("close_case", (to_instant(now), how, fingerprint)) for fingerprint in old.keys() - new.keys()]
    for fingerprint, case in new.items():
        if old.get(fingerprint) != case:
            amount = str(case.amount) if case.amount is not None else None
            rows.append(
                Write(
                    "open_case",
                    (
                        fingerprint, case.kind, subject, case.cause, case.sentence, KINDS[case.kind].owner.value,
                        amount, case.currency, to_instant(case.opened_at), to_instant(case.deadline_at),
                    ),
                )
            )  # fmt: skip
            if case.happened_at is not None:
                rows.append(Write("date_case", (to_instant(case.happened_at), fingerprint)))
    return rows


def announce_cases(
    key: str, before: Sequence[ExceptionCase], after: Sequence[ExceptionCase], emit: Callable[[Any], None]
) -> None:
    """Emit an event for each kind of which cases of a subject began or ended, with how many."""
    if before is after:
        return
    old = {(case.kind, case.cause) for case in before}
    new = {(case.kind, case.cause) for case in after}
    for event, changed in ((CaseOpened, new - old), (CaseClosed, old - new)):
        for kind, cases in sorted(Counter(kind for kind, _ in changed).items()):
            emit(event(kind=kind, owner=KINDS[kind].owner.value, key=key, cases=cases))
