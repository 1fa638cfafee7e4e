"""What Fulfil has of the accounts and journals that the posting matrix names, asked for by a command. Reads only."""

from __future__ import annotations

from connectors.fulfil.ledger import ACCOUNTS, JOURNALS
from connectors.fulfil.models import Find
from flows.asking_fulfil import asking
from flows.config import FulfilSettings
from flows.model.posting_matrix import PostingSettings
from flows.reading.postings import ChartSeen

_SHARE = "rest"


async def chart_seen(fulfil: FulfilSettings, settings: PostingSettings) -> ChartSeen:
    """With two calls; with none when the matrix names nothing. Raises Failure when Fulfil does not answer."""
    if not settings.rows:
        return ChartSeen()
    async with asking(fulfil) as answer:
        accounts = await answer(ACCOUNTS.find(Find(by="code", values=settings.accounts)).effect(_SHARE))
        journals = await answer(JOURNALS.find(Find(by="code", values=settings.journals)).effect(_SHARE))
    return ChartSeen(
        accounts=frozenset(row.code for row in accounts.rows if row.code),
        journals=frozenset(row.code for row in journals.rows if row.code),
    )
