"""The kinds of exceptions about payouts: all are finance's, and none keeps an order from being shipped."""

from __future__ import annotations

from datetime import timedelta

from flows.exceptions.kind import NEVER, Kind, Owner

PAYOUT_KINDS = (
    Kind(
        name="payout.untied",
        title="The lines of a payout are not what was paid",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=48),
        blocks="the posting of the payout",
        ends="when lines or a figure are imported with which it ties",
        remedy="import what is missing; look for the named difference at the provider; or let it stand, on record",
    ),
    Kind(
        name="payout.unexplained",
        title="A payout has lines, or rests of lines, of no known class",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=48),
        blocks="the posting of these lines",
        ends="when nothing of it is unexplained any more",
        remedy="see `seamline payouts show`; ask the provider what they are; or let them stand, on record",
    ),
    Kind(
        name="payout.fee",
        title="The fees of a payout are not the agreed ones",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=72),
        blocks="nothing: what was taken is what is kept",
        ends=NEVER,
        remedy="compare the named fees with the contract; correct the tariff here, or claim them back; then release it",
    ),
    Kind(
        name="payout.unlinked",
        title="A payout has sales or refunds of no known order",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=48),
        blocks="the closing of these orders",
        ends="when the orders are here; it is looked every hour, for two weeks",
        remedy="see `seamline payouts show`; find the orders, back-fill them; or let them stand, on record",
    ),
    Kind(
        name="payout.overdue",
        title="A payout has not arrived by the day it was expected",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=24),
        blocks="nothing: it counts as not received",
        ends="when a later file says that it is paid",
        remedy="look at the bank account and at the provider, then import its newest list of payouts",
    ),
    Kind(
        name="payout.failed",
        title="A payout failed, or was cancelled",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=24),
        blocks="nothing: it counts as not received",
        ends=NEVER,
        remedy="correct the bank account at the provider; the money comes with a later payout; then release it",
    ),
    Kind(
        name="payout.changed",
        title="A payout is told otherwise than before",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=24),
        blocks="nothing: the first figures stand",
        ends="when a later file tells it as at first",
        remedy="ask the provider which is right; to take the later figures, release the payout",
    ),
    Kind(
        name="payout.repeated",
        title="A payout file has lines twice",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=72),
        blocks="nothing: each line is counted once",
        ends=NEVER,
        remedy="look whether the provider paid twice what stands there twice, then release the payout",
    ),
    Kind(
        name="payout.contradiction",
        title="What is told of a payout contradicts itself",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=48),
        blocks="nothing: the first of the contradicting figures counts, and no order is guessed",
        ends=NEVER,
        remedy="look at the named lines at the provider, then release the payout to let it stand",
    ),
    Kind(
        name="payout.incomplete",
        title="The file of a payout says that it is a part",
        owner=Owner.FINANCE,
        deadline=timedelta(hours=48),
        blocks="nothing: what came is kept",
        ends="when the payout ties",
        remedy="import the rest; when nothing is missing that could be imported, release it",
    ),
)
"""Part of `flows.exceptions.kinds.KINDS`."""
