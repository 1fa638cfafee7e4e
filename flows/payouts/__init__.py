"""Readers of payout reports, one file each: bytes in, payout headers and typed lines out. Pure, and streaming.

The first thing in a file that has no one meaning refuses all of it, with its place (`PayoutUnreadable`); what is
well-formed and contradicts itself is yielded as a finding, and never smoothed over.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.payouts import amazon, mollie, paypal, shopify, shopify_csv, shopify_graphql, stripe, stripe_csv
from flows.payouts.generic import GenericPayoutSettings, generic_format
from flows.payouts.parts import HEAD_BYTES, Part, PayoutFormat, PayoutUnreadable, Source

__all__ = [
    "PAYOUT_FORMATS",
    "GenericPayoutSettings",
    "Part",
    "PayoutFormat",
    "PayoutUnreadable",
    "Source",
    "generic_format",
    "recognised",
]

PAYOUT_FORMATS: Mapping[str, PayoutFormat] = {
    each.name: each
    for each in (
        shopify.READER,
        shopify_csv.READER,
        shopify_graphql.READER,
        stripe.READER,
        stripe_csv.READER,
        paypal.READER,
        mollie.READER,
        amazon.READER,
    )
}
"""By name, as `seamline payouts import --format` knows them."""


def recognised(content: bytes) -> PayoutFormat | None:
    """The format of a file, by its beginning; None when it is none of these, or may be several."""
    head = bytes(content[:HEAD_BYTES])
    found = [each for each in PAYOUT_FORMATS.values() if each.recognises(head)]
    return found[0] if len(found) == 1 else None
