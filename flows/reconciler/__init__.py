"""The reconciler: what was sold, shipped, paid and recorded agree, or somebody is told by how much they do not.

`statements` states for each closed business day whether every order is accounted for (`statement`: the equation).
`reconciler` reads sales back, many at once (`reading_back`: what is read, and in which order), and finds where they are
not what they are to be, and what was changed there by hand (`comparing`); `sale_checks` keeps what was found of one
order's sale until it agrees, or a person accepts it. `closing` settles orders that wait for nothing (`settling`);
`following` does so for those that came before. `costs` looks whether what has left is booked as cost (`costing`: what
is read for that).
"""

from flows.reconciler.closing import KEY as CLOSING_KEY
from flows.reconciler.closing import NAME as CLOSING
from flows.reconciler.closing import CloseOrders, ClosePolicy, Closing
from flows.reconciler.costing import CostOrigin
from flows.reconciler.costs import KEY as COSTS_KEY
from flows.reconciler.costs import NAME as COSTS
from flows.reconciler.costs import LookAtCosts, ShipmentCosts
from flows.reconciler.following import KEY as FOLLOWING_KEY
from flows.reconciler.following import NAME as FOLLOWING
from flows.reconciler.following import Following, FollowOrders
from flows.reconciler.reading_back import What as Part
from flows.reconciler.reconciler import KEY as RECONCILER_KEY
from flows.reconciler.reconciler import NAME as RECONCILER
from flows.reconciler.reconciler import Reconcile, ReconcilePolicy, Reconciler
from flows.reconciler.sale_checks import SaleChecks
from flows.reconciler.statements import NAME as STATEMENTS
from flows.reconciler.statements import StateDays, Statements, StatePolicy, statements_key

__all__ = [
    "CLOSING",
    "CLOSING_KEY",
    "COSTS",
    "COSTS_KEY",
    "FOLLOWING",
    "FOLLOWING_KEY",
    "RECONCILER",
    "RECONCILER_KEY",
    "STATEMENTS",
    "CloseOrders",
    "ClosePolicy",
    "Closing",
    "CostOrigin",
    "FollowOrders",
    "Following",
    "LookAtCosts",
    "Part",
    "Reconcile",
    "ReconcilePolicy",
    "Reconciler",
    "SaleChecks",
    "ShipmentCosts",
    "StateDays",
    "StatePolicy",
    "Statements",
    "statements_key",
]
