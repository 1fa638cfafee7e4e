"""Postings into the ledger: what Fulfil does not post itself (rule 18), in balanced batches, once each.

The mapper (`PostingMapper`, a key per payout): `PayoutTold` from the payout importer, whenever a payout, or what stands
against it, has changed. It sums the lines and decides what the ledger is to have (`due`); what that is beyond what was
due before is added as postings. It makes no call.

The ledger (`Ledger`, a key per sales channel): `PostDue` when the process starts and once a day; it reads periods,
accounts and journals, puts what is due of days that are over into batches (`batching`), one for each currency, day and
journal, and posts each with one move (`posting`). Moves are check first: a batch is looked for by its reference, which
has the digest of its content, before it is made, and no bytes are sent twice without a look. Nothing that was posted is
ever changed: what is told later or otherwise is a posting more.

What was posted is read back (`LedgerChecks`, a key per sales channel; `checking`): what people have changed of it in
Fulfil is a case (`posting.changed`), and nothing else.

What months have moved on the clearing accounts is read for the report of clearing (`ClearingMonths`).

With `mode = "preview"` periods are read, and nothing is written into Fulfil. A crash leaves rows that are due, or the
batch under way, which is looked for. Held is what a person has to see to: `posting.unmapped`, `posting.closed`,
`posting.rounding`, `posting.refused`, `ledger.refused`.
"""

from flows.ledger.checks import CheckBatches, LedgerChecks
from flows.ledger.mapper import PostingMapper
from flows.ledger.months import ClearingMonths
from flows.ledger.poster import Ledger
from flows.ledger.state import Rules

__all__ = ("CheckBatches", "ClearingMonths", "Ledger", "LedgerChecks", "PostingMapper", "Rules")
