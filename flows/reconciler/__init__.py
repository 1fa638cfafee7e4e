"""The reconciler: what was sold, shipped, paid and recorded agree, or somebody is told by how much they do not.

`statements` states for each closed business day whether every order is accounted for (`statement`: the equation).
"""

from flows.reconciler.statements import NAME as STATEMENTS
from flows.reconciler.statements import StateDays, Statements, StatePolicy, statements_key

__all__ = ["STATEMENTS", "StateDays", "StatePolicy", "Statements", "statements_key"]
