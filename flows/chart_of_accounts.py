"""What Fulfil has of the accounts and journals that the posting matrix names, and its periods, asked for by a command.
Reads only.
"""

from __future__ import annotations

from connectors.fulfil.ledger import ACCOUNTS, JOURNALS, PERIODS
from connectors.fulfil.models import Find
from flows.asking_fulfil import SHARE, asking, pages_of
from flows.config import FulfilSettings
from flows.ledger.posting import periods_in
from flows.model.posting_matrix import PostingSettings
from flows.reading.postings import ChartSeen


async def chart_seen(fulfil: FulfilSettings, settings: PostingSettings) -> ChartSeen:
    """With three calls, and one for each further page of periods; with none when the matrix names nothing. Raises
    Failure when Fulfil does not answer.
    """
    if not settings.rows:
        return ChartSeen()
    async with asking(fulfil) as answer:
        accounts = await answer(ACCOUNTS.find(Find(by="code", values=settings.accounts)).effect(SHARE))
        journals = await answer(JOURNALS.find(Find(by="code", values=settings.journals)).effect(SHARE))
        periods = [period async for page in pages_of(answer, PERIODS) for period in periods_in(page)]
    return ChartSeen(
        accounts=frozenset(row.code for row in accounts.rows if row.code),
        journals=frozenset(row.code for row in journals.rows if row.code),
        periods=tuple(periods),
    )
