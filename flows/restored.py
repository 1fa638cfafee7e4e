"""What a restore means for the business: who did it is on record, the ledger waits, and a person says when it is over.

A write is looked for by its own key, and so is made once although the store has forgotten it. A batch of postings has
no key but what is in it, and that may be gathered otherwise the second time: so nothing is posted until somebody has
looked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from flows.model.audit import person_and_reason, recorded
from flows.model.postings import LEDGER, PostDue, ledger_key
from runtime.channel import LIVE
from runtime.clock import Instant
from runtime.decision import Emit
from runtime.engine import BY_RESTORE, Engine
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal
from runtime.journal.writer import Row

_SUBJECT = "store"


def rows_beside(first_id: int, at: Instant, parameters: Mapping[str, str], *, posts: bool) -> list[tuple[str, Row]]:
    """What is in a restored store from the beginning: that the ledger is paused where it `posts`, and who restored it
    and why. Raises SeamlineError when that is not said.
    """
    by, reason = person_and_reason(parameters, what="the restore")
    record = recorded(
        at, by=by, action="store.restore", subject=_SUBJECT, values={"backup": parameters["backup"]}, reason=reason
    )
    told = msgspec.json.encode(record.message)
    on_record: tuple[str, Row] = ("put_message", (first_id, record.channel, LIVE, record.key, told, None))
    return [on_record, ("put_pause", ("actor", LEDGER, at, BY_RESTORE))] if posts else [on_record]


async def refuse_what_waits(scope: str, name: str, journal: Journal) -> None:
    """Raise SeamlineError where it is the restore that has paused it."""
    for paused in await journal.query("pauses"):
        if (*paused[:2], paused[3]) == (scope, name, BY_RESTORE):
            raise SeamlineError(
                f"{name} waits since the store was restored; when its books agree with the outside again, "
                "`seamline store agree` has it go on"
            )


async def agree(parameters: Mapping[str, str], engine: Engine, posted: Collection[str]) -> str:
    """A person says that the books of a restored store agree with the outside. Raises SeamlineError where none was.

    `posted`: the sales channels whose payouts are posted. Their batches have numbers from now on that the lost life had
    not: an entry that was taken back keeps its description, and must not be taken for a new one.
    """
    by, reason = person_and_reason(parameters, what="the restore")
    if engine.journal.restored is None:
        raise SeamlineError("this store was not restored, or somebody has said so before: nothing looks first")
    now = engine.journal.clock.now()
    record = recorded(now, by=by, action="store.agree", subject=_SUBJECT, values={}, reason=reason)
    due = PostDue(numbers_from=engine.journal.epoch)
    await engine.agree((record, *(Emit(channel=LEDGER, key=ledger_key(name), message=due) for name in posted)))
    return "the case of the restore is closed: writes are made without a look from now on, and what is due is posted"
