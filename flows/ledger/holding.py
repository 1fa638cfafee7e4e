"""What keeps what is due of a payout out of the ledger, whenever it became due: an open case about its figures, an
import that is not whole, or that nobody says what was paid. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from flows.model.posting_matrix import LedgerEvent

HOLD_ALL: Final = ("payout.untied", "payout.changed", "payout.contradiction", "payout.incomplete", "payout.twice")
"""Open cases with which nothing of a payout is posted: its lines may not be those that were paid."""
HOLD_UNEXPLAINED: Final = "payout.unexplained"
HOLDS: Final = {**dict.fromkeys(HOLD_ALL, ""), HOLD_UNEXPLAINED: LedgerEvent.UNEXPLAINED.value}
"""Kinds of cases, and the event that waits while one is open; empty: all of the payout."""
HOLDS_ASKED: Final = msgspec.json.encode(HOLDS).decode()
"""The same for the query of what is due."""

NOT_WHOLE: Final = "its import is not whole yet: import the file again, if it stays so"
NO_LINES: Final = "none of its lines is here: import the file that has them"
UNREPORTED: Final = (
    "no report says what was paid: import the provider's list of payouts, or its file again with what the bank has "
    "(`--bank-amount`)"
)


def why_kept(kinds: str | None, event: LedgerEvent, *, judged: bool, reported: bool) -> str:
    """Why what is due of an event of a payout waits; empty: nothing keeps it. `kinds`: its open cases, with commas."""
    return (
        held_by_cases((kinds or "").split(","), event)
        or ("" if judged else NOT_WHOLE)
        or ("" if reported else UNREPORTED)
    )


def held_by_cases(kinds: Collection[str], event: LedgerEvent) -> str:
    """Why something of an event waits for a person; empty: nothing that is open keeps it."""
    holding = [kind for kind in HOLD_ALL if kind in kinds]
    if holding:
        return f"{' and '.join(holding)}: post nothing until it ties, or a person lets it stand (`seamline holds`)"
    if event is LedgerEvent.UNEXPLAINED and HOLD_UNEXPLAINED in kinds:
        return f"{HOLD_UNEXPLAINED}: no class fits, and nobody has let it stand yet (`seamline holds`)"
    return ""
