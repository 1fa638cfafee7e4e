"""Payments that come after the import: each tender event of an order is recorded in Fulfil once, as discrete fields.

The mapper (`PaymentMapper`, a key per order): `TendersSeen` from the order importer, whenever what was done about an
order's money differs from what its create has brought; what the recorder has found out; a person's release. It decides
what Fulfil has to have (`keeping`), whose case what cannot be is, and tells the order's story. It makes no call.

The recorder (`PaymentRecorder`, one key): what is due of all orders, in batches of fifty. It reads what the sales have,
plans (`planning`), and makes what is missing with one list call for all that need the same: payments, transactions,
moves of state. All of it is check first: nothing is made that has not been looked for, by the provider's id on the
sale, and no bytes are sent twice; after a lost answer the look decides, and what it does not find is planned anew.

A crash leaves rows that are due, and what was made in Fulfil, which is found. Nothing here delays a create: calls are
of the share `rest`. Held is only what a person has to see to: `payment.unrecorded`, with its amount and its lever.
"""

from flows.model.payments import PAYMENT_MAPPER as NAME
from flows.payment_mapper.keeping import OrderPayments, RecordRules
from flows.payment_mapper.mapper import PaymentMapper
from flows.payment_mapper.parts import (
    RECORDER,
    RECORDER_KEY,
    LookAtBlocked,
    PaymentRecorded,
    PaymentRefused,
    RecordDue,
    RecordNow,
)
from flows.payment_mapper.recorder import PaymentRecorder

__all__ = (
    "NAME",
    "RECORDER",
    "RECORDER_KEY",
    "LookAtBlocked",
    "OrderPayments",
    "PaymentMapper",
    "PaymentRecorded",
    "PaymentRecorder",
    "PaymentRefused",
    "RecordDue",
    "RecordNow",
    "RecordRules",
)
