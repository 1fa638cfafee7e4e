"""The payout importer: what providers say they have paid, kept once, proven, and tied to orders.

In: `PageReceived` (a part of a file that `seamline payouts import` has read), `Judge` to itself and by timer, `Recheck`
and `DropPayout` from a person. Out: the rows that `seamline payouts` shows, and finance's cases. Key: the payout. No
effects: whether a payout is posted is decided elsewhere. A line is known by its id: told again it changes nothing, told
otherwise it is a case, and the first figure stands until a person accepts the other; a payout or a line that is here
under another id, too, is a case. A crash leaves a page in the queue, or its rows.
"""

from __future__ import annotations

from flows.payout_importer.actor import PayoutImporter
from flows.payout_importer.messages import NAME, PageReceived, PayoutPage, payout_key

__all__ = ["NAME", "PageReceived", "PayoutImporter", "PayoutPage", "payout_key"]
