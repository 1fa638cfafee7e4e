"""What the close board looks at: each check with what it says, whether it stands against a clean month, whose it is,
and the command that shows more of it.
"""

from __future__ import annotations

import enum

import msgspec

from flows.exceptions.kind import Owner


class Check(enum.StrEnum):
    """One question of the board. The order is that of the board."""

    UNCONFIGURED = "unconfigured"
    EARLIER = "earlier"
    NOT_COMPLETE = "not_complete"
    NOT_STATED = "not_stated"
    NOT_IN_FULFIL = "not_in_fulfil"
    WAITING = "waiting"
    UNPROVEN = "unproven"
    NOT_READ_BACK = "not_read_back"
    DIFFERS = "differs"
    UNEXPLAINED = "unexplained"
    NOT_TIED = "not_tied"
    LINES_LACK = "lines_lack"
    NOT_WHOLE = "not_whole"
    NOT_REPORTED = "not_reported"
    OVERDUE = "overdue"
    IN_TRANSIT = "in_transit"
    UNPOSTED = "unposted"
    BATCH_STUCK = "batch_stuck"
    POSTED_BY_NOBODY = "posted_by_nobody"
    OTHER_CURRENCY = "other_currency"
    UNCREDITED = "uncredited"
    PAID_OTHERWISE = "paid_otherwise"
    UNSETTLED = "unsettled"
    CARRIED_OVER = "carried_over"
    UNFOLLOWED = "unfollowed"
    SUSPENSE = "suspense"
    EXCEPTION = "exception"
    ACCEPTED = "accepted"


class CheckText(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a check. In `what` and `next`, `{of}` is what tells its rows apart (a sales channel, a kind of
    exception, what is waited for), `{title}` what that kind is called, `{key}` the oldest thing and `{day}` its day,
    `{from_}` and `{to}` the days of the month, `{month}` the month of the oldest thing.
    """

    what: str
    next: str
    """The command that shows more. Where it names one thing, a row of several has the command that lists them all."""
    stands: bool = True
    """Whether the month is not clean while there is any of it."""
    owner: Owner = Owner.FINANCE


CHECKS: dict[Check, CheckText] = {
    Check.UNCONFIGURED: CheckText(what="not looked at: {of}", next="seamline check", owner=Owner.SRE),
    Check.EARLIER: CheckText(what="stands since earlier months", next="seamline close {month}"),
    Check.NOT_COMPLETE: CheckText(
        what="days of {of} not stated to be complete",
        next="seamline statements show {of} {day}",
        owner=Owner.OPERATIONS,
    ),
    Check.NOT_STATED: CheckText(
        what="days of {of} before its first order or statement",
        next="seamline statements show {of} {day}",
        stands=False,
        owner=Owner.OPERATIONS,
    ),
    Check.NOT_IN_FULFIL: CheckText(
        what="orders not in Fulfil: {of}", next="seamline orders list --state {of}", owner=Owner.OPERATIONS
    ),
    Check.WAITING: CheckText(
        what="orders that wait for their payment",
        next="seamline orders list --state waiting",
        stands=False,
        owner=Owner.OPERATIONS,
    ),
    Check.UNPROVEN: CheckText(
        what="orders in Fulfil whose figures are not proven", next="seamline orders explain {key}"
    ),
    Check.NOT_READ_BACK: CheckText(
        what="sales not read back since they changed", next="seamline orders explain {key}", owner=Owner.SRE
    ),
    Check.DIFFERS: CheckText(what="sales that are not what the order says", next="seamline holds --kind {of}"),
    Check.UNEXPLAINED: CheckText(what="payouts with unexplained amounts", next="seamline payouts show {key} --lines"),
    Check.NOT_TIED: CheckText(what="payouts whose sums do not tie", next="seamline payouts show {key}"),
    Check.LINES_LACK: CheckText(
        what="payouts whose lines are not what was paid, or are not here", next="seamline payouts show {key}"
    ),
    Check.NOT_WHOLE: CheckText(what="payouts of which a part was imported", next="seamline payouts show {key}"),
    Check.NOT_REPORTED: CheckText(
        what="payouts of which no report says what was paid", next="seamline payouts show {key}"
    ),
    Check.OVERDUE: CheckText(
        what="payouts past their day, not known to have arrived", next="seamline payouts show {key}"
    ),
    Check.IN_TRANSIT: CheckText(
        what="payouts on their way, not due yet", next="seamline payouts show {key}", stands=False
    ),
    Check.UNPOSTED: CheckText(
        what="postings that are in no ledger yet", next="seamline postings preview --from {from_} --to {to}"
    ),
    Check.BATCH_STUCK: CheckText(
        what="postings in a batch that is not posted", next="seamline postings list --from {from_} --to {to}"
    ),
    Check.POSTED_BY_NOBODY: CheckText(
        what="of payouts, posted by nobody: {of}", next="seamline postings preview --from {from_} --to {to}"
    ),
    Check.OTHER_CURRENCY: CheckText(
        what="of payouts, to be booked by hand: not in the ledger's currency, or a conversion to or from it",
        next="seamline postings preview --from {from_} --to {to}",
        stands=False,
    ),
    Check.UNCREDITED: CheckText(what="refunds without credit note: {title}", next="seamline holds --kind {of}"),
    Check.PAID_OTHERWISE: CheckText(
        what="orders of which payouts have another amount", next="seamline orders explain {key}"
    ),
    Check.UNSETTLED: CheckText(
        what="orders not settled, waiting for {of}", next="seamline orders unsettled --waits-for {of}"
    ),
    Check.CARRIED_OVER: CheckText(
        what="orders carried over, waiting for {of}",
        next="seamline orders unsettled --waits-for {of}",
        stands=False,
        owner=Owner.OPERATIONS,
    ),
    Check.UNFOLLOWED: CheckText(
        what="orders in Fulfil whose money nobody follows", next="seamline orders explain {key}", owner=Owner.OPERATIONS
    ),
    Check.SUSPENSE: CheckText(what="in suspense: {of}", next="seamline payments list --suspense"),
    Check.EXCEPTION: CheckText(what="open: {title} ({of})", next="seamline holds --kind {of}"),
    Check.ACCEPTED: CheckText(what="differences accepted by {of}", next="seamline audit --subject {key}", stands=False),
}
"""Every check has its text. `deploy/runbook/closing.md` has a section for each."""


def names_one(check: Check) -> bool:
    """Whether the command of a check shows one thing alone."""
    return any(name in CHECKS[check].next for name in ("{key}", "{day}"))
