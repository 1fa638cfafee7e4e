"""The kinds of exceptions about what stands in Fulfil and is not what it is to be."""

from __future__ import annotations

from datetime import timedelta

from flows.exceptions.kind import Kind, Lever, Owner

PROOF_KINDS = (
    Kind(
        name="sale.differs",
        title="The sale in Fulfil is not what the order says",
        owner=Owner.FINANCE,
        levers=(Lever.SHIPMENT_HOLD, Lever.DETECTED),
        deadline=timedelta(hours=24),
        blocks="the settling of the order",
        ends="when a later read of the sale agrees with the order",
        remedy="correct in Fulfil what the case names: units and prices on the sale, on shipment hold while it is "
        "unshipped; a payment or refund made by hand where it was made; or release the order with a reason, which "
        "accepts the difference",
    ),
    Kind(
        name="proof.refused",
        title="Sales cannot be read back",
        owner=Owner.SRE,
        deadline=timedelta(hours=8),
        blocks="the proof of sales in Fulfil",
        ends="when Fulfil tells them again; it is tried every 15 minutes",
        remedy="look at the named refusal: rights of the token, or a field under another name (see the "
        "answer of `seamline probe fulfil`)",
    ),
)
"""Part of `flows.exceptions.kinds.KINDS`."""
