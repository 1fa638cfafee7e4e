"""The kinds of exceptions about the process itself and the systems that it calls: what the runtime signals."""

from __future__ import annotations

from datetime import timedelta

from flows.exceptions.kind import Kind, Owner

SYSTEM_KINDS = (
    Kind(
        name="step.parked",
        title="A message could not be decided on",
        owner=Owner.SRE,
        deadline=timedelta(hours=1),
        blocks="everything for this order",
        ends="when a restarted process decides on it",
        remedy="this is a defect of ours: report the reason; a restart tries the message again",
    ),
    Kind(
        name="api.unavailable",
        title="An outside system does not answer",
        owner=Owner.SRE,
        deadline=timedelta(minutes=30),
        blocks="all calls to that system; orders are still accepted and wait on disk",
        ends="when the system answers again",
        remedy="nothing is lost: check the other side, and the disk budget if it lasts",
    ),
    Kind(
        name="api.credentials",
        title="An outside system refuses our credentials",
        owner=Owner.SRE,
        deadline=timedelta(minutes=30),
        blocks="all calls to that system; orders are still accepted and wait on disk",
        ends="when the credentials are accepted again",
        remedy="renew the token that the configuration refers to, and restart",
    ),
    Kind(
        name="store.restored",
        title="The store goes on from a backup",
        owner=Owner.SRE,
        deadline=timedelta(days=1),
        blocks="postings; each other write is looked for before it is made, so calls are twice as many",
        ends="when a person says that the books agree again",
        remedy="bring back what came after the backup, see to what `seamline store compare` finds, then "
        "`seamline store agree` (runbook: Restore)",
    ),
)
"""Part of `flows.exceptions.kinds.KINDS`."""
