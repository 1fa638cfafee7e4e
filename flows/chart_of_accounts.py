"""What Fulfil has of the accounts and journals that the posting matrix names, and its periods, asked for by a command.
Reads only.
"""

from __future__ import annotations

from connectors.fulfil.changes import Changes
from connectors.fulfil.ledger import ACCOUNTS, JOURNALS, PERIODS
from connectors.fulfil.models import Find
from flows.asking_fulfil import Answer, asking
from flows.config import FulfilSettings
from flows.ledger.parts import LedgerPeriod
from flows.ledger.posting import periods_in
from flows.model.posting_matrix import PostingSettings
from flows.reading.postings import ChartSeen

_SHARE = "rest"


async def chart_seen(fulfil: FulfilSettings, settings: PostingSettings) -> ChartSeen:
    """With three calls, and one for each further page of periods; with none when the matrix names nothing. Raises
    Failure when Fulfil does not answer.
    """
    if not settings.rows:
        return ChartSeen()
    async with asking(fulfil) as answer:
        accounts = await answer(ACCOUNTS.find(Find(by="code", values=settings.accounts)).effect(_SHARE))
        journals = await answer(JOURNALS.find(Find(by="code", values=settings.journals)).effect(_SHARE))
        periods = await _periods(answer)
    return ChartSeen(
        accounts=frozenset(row.code for row in accounts.rows if row.code),
        journals=frozenset(row.code for row in journals.rows if row.code),
        periods=periods,
    )


async def _periods(answer: Answer) -> tuple[LedgerPeriod, ...]:
    found: tuple[LedgerPeriod, ...] = ()
    after = Changes()
    while True:
        page = await answer(PERIODS.changed(after).effect(_SHARE))
        found += periods_in(page)
        if page.complete:
            return found
        after = Changes(after_id=page.last_id)
