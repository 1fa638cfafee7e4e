"""The order importer: every order becomes exactly one sale in Fulfil, or a visible hold.

In: deliveries of orders (any version, any number of times, in any order), `Recheck` when a cause may be gone, what
people ask of one order (`PatchOrder`, `RemovePatch`, `LinkOrder`), outcomes of Fulfil calls. Out: `create_order` in
Fulfil; where the tenant can, edits and cancels of the sale; to the payment mapper what was done about an order's money
beside what its create has brought (`tendering`). Key: sales channel + order id.
How effects repeat: `create_order` is keyed by channel + channel_identifier; after a lost answer the sale is looked up,
and only when it is absent are the identical stored bytes sent again. So are holds, edits and cancels.
What a crash leaves: the delivery still queued, or state and intent together; what may have begun is looked up.
Waits: what is not paid yet, by the import gate. Held, not retried: unreadable orders, figures that contradict each
other, unknown or ambiguous SKUs, unmapped taxes or gateways, and what Fulfil refuses.

`messages` is what it is told, `decision` its one pure decision with its parts (`weighing` before there is a sale,
`creating` while there may be one, `reviewing` after, `working` on one that stands), `patching` and `linking` what
people do to one order, `asking` how they are answered, `actor` the shell around it.
"""

from flows.order_importer.actor import OrderImporter
from flows.order_importer.decision import decide
from flows.order_importer.messages import ConfirmAbsence, OrderPresented, OrderUnreadable
from flows.order_importer.parts import CAUTIOUS, CONFIRM_AFTER, NAME, RESENDS_MAX, Policy
from flows.order_importer.weighing import presented

__all__ = [
    "CAUTIOUS",
    "CONFIRM_AFTER",
    "NAME",
    "RESENDS_MAX",
    "ConfirmAbsence",
    "OrderImporter",
    "OrderPresented",
    "OrderUnreadable",
    "Policy",
    "decide",
    "presented",
]
