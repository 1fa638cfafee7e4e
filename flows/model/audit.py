"""What people decided, as a chain: each entry holds the digest of the one before it, and its own over all that it says.

Whoever changes an entry, or takes one out, changes every digest behind it; the last digest, noted elsewhere, proves the
whole chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from flows.model.messages import AUDIT_LOG, AUDIT_LOG_KEY, Record
from runtime.clock import Instant
from runtime.decision import Emit, Write
from runtime.errors import SeamlineError

TEXT_MAX = 200
"""Characters of a name, or of a reason."""
_REASON_MIN = 3

_encode = msgspec.json.encode


class ChainEnd(msgspec.Struct, frozen=True):
    """The last entry of the chain, by number and digest; before the first one there is this."""

    seq: int = 0
    digest: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of one person. `by` is who they say they are; the control key is what proves that they may."""

    seq: int
    at: Instant
    by: str
    action: str
    subject: str
    values: Mapping[str, str]
    reason: str
    previous: str
    digest: str

    @property
    def end(self) -> ChainEnd:
        """The end of the chain once this entry is in it."""
        return ChainEnd(self.seq, self.digest)

    @property
    def row(self) -> Write:
        """The row that keeps it."""
        values = _encode(self.values, order="sorted").decode()
        return Write(
            "put_audit",
            (
                self.seq, self.at, self.by, self.action, self.subject, values, self.reason, self.previous, self.digest,
            ),
        )  # fmt: skip


def entry_after(
    end: ChainEnd, *, at: Instant, by: str, action: str, subject: str, values: Mapping[str, str], reason: str
) -> AuditEntry:
    """The next entry of the chain."""
    seq = end.seq + 1
    digest = _digest(seq, at, by, action, subject, values, reason, end.digest)
    return AuditEntry(
        seq=seq, at=at, by=by, action=action, subject=subject, values=values, reason=reason, previous=end.digest,
        digest=digest,
    )  # fmt: skip


def recorded(at: Instant, *, by: str, action: str, subject: str, values: Mapping[str, str], reason: str) -> Emit:
    """What has a decision written down: durable with the step that emits it, and in the chain soon after."""
    record = Record(at=at, by=by, action=action, subject=subject, values=values, reason=reason)
    return Emit(channel=AUDIT_LOG, key=AUDIT_LOG_KEY, message=record)


def person_and_reason(parameters: Mapping[str, str], *, what: str) -> tuple[str, str]:
    """Who decides on `what`, and why, out of the parameters of a command. Raises SeamlineError when one is missing."""
    by, reason = parameters.get("by", "").strip(), parameters.get("reason", "").strip()
    for name, text in (("by", by), ("reason", reason)):
        if len(text) > TEXT_MAX:
            raise SeamlineError(f"the {name} is longer than {TEXT_MAX} characters")
    if not by:
        raise SeamlineError(f"say who decides on {what}")
    if len(reason) < _REASON_MIN:
        raise SeamlineError(
            f"say why, with --reason, in {_REASON_MIN} characters or more: whoever looks at {what} in a year will ask"
        )
    return by, reason


def who_and_why(parameters: Mapping[str, str]) -> tuple[str, str]:
    """The same where no reason is asked for: what a release or a pause is for is often told by its kind already. Raises
    SeamlineError for a text that is too long.
    """
    by, reason = parameters.get("by", "").strip(), parameters.get("reason", "").strip()
    if len(by) > TEXT_MAX or len(reason) > TEXT_MAX:
        raise SeamlineError(f"a name and a reason have at most {TEXT_MAX} characters")
    return by or "operator", reason


def first_broken(entries: Iterable[AuditEntry], end: ChainEnd = ChainEnd()) -> int | None:  # noqa: B008 - frozen
    """The number of the first entry that does not follow from the one before it; None when the chain is whole."""
    for entry in entries:
        told = _digest(
            entry.seq, entry.at, entry.by, entry.action, entry.subject, entry.values, entry.reason, entry.previous
        )
        if (entry.seq, entry.previous, entry.digest) != (end.seq + 1, end.digest, told):
            return entry.seq
        end = entry.end
    return None


def _digest(
    seq: int, at: int, by: str, action: str, subject: str, values: Mapping[str, str], reason: str, previous: str
) -> str:
    """SHA-256 over the fields as a JSON array, in this order, with the keys of `values` sorted."""
    told = _encode([previous, seq, at, by, action, subject, dict(values), reason], order="sorted")
    return hashlib.sha256(told).hexdigest()
