"""The kinds of exceptions about postings: what keeps them out of the ledger, and whose move it is."""

from __future__ import annotations

from datetime import timedelta

from flows.exceptions.kind import Kind, Lever, Owner

POSTING_KINDS = (
    Kind(
        name="posting.unmapped",
        title="Fulfil has not the account or journal of a posting",
        owner=Owner.FINANCE,
        levers=(Lever.DETECTED,),
        deadline=timedelta(hours=24),
        blocks="these postings; all others are made",
        ends="when the next run finds it",
        remedy="correct the row under [postings], or open the account or journal in Fulfil, then release it",
    ),
    Kind(
        name="posting.closed",
        title="No period is open for late postings",
        owner=Owner.FINANCE,
        levers=(Lever.DETECTED,),
        deadline=timedelta(hours=24),
        blocks="these postings; all others are made",
        ends="when the next run finds an open period for them that has begun",
        remedy="open the period of today in Fulfil, then release it",
    ),
    Kind(
        name="posting.rounding",
        title="The rounding of payouts is more than finance's tolerance",
        owner=Owner.FINANCE,
        levers=(Lever.DETECTED,),
        deadline=timedelta(hours=72),
        blocks="the posting of these roundings: they stay on the gateway's clearing account",
        ends="when they are within rounding_max and rounding_per_day_max",
        remedy="see `seamline postings preview`; raise the tolerance, or post what is named by releasing it",
    ),
    Kind(
        name="posting.refused",
        title="Fulfil refused a batch of postings",
        owner=Owner.FINANCE,
        levers=(Lever.DETECTED,),
        deadline=timedelta(hours=24),
        blocks="the postings of this batch; other batches go on",
        ends="when Fulfil takes it; it is tried again with each run",
        remedy="see to what Fulfil says; a draft may be posted or deleted there by hand; then release it",
    ),
    Kind(
        name="posting.changed",
        title="A batch is not in Fulfil's ledger as it was posted",
        owner=Owner.FINANCE,
        levers=(Lever.DETECTED,),
        deadline=timedelta(hours=72),
        blocks="nothing; what Seamline says of the ledger is not what stands there",
        ends="when a later look finds the batch as it was posted",
        remedy="ask in Fulfil who has changed it, or taken it back; put it right there, or accept it by releasing it",
    ),
    Kind(
        name="ledger.refused",
        title="Fulfil's ledger cannot be read or posted to",
        owner=Owner.SRE,
        deadline=timedelta(hours=4),
        blocks="all postings; nothing is lost",
        ends="when Fulfil has told its periods, accounts and journals",
        remedy="probe the tenant; give the API user access to moves, accounts, journals and periods; then release it",
    ),
)
"""Part of `flows.exceptions.kinds.KINDS`."""
