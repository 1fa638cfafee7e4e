"""Unshipped: imported orders that have not left by the time that was promised, and units that nobody will ship.

In: `LookForUnshipped` (by timer), and reads of Fulfil. Out: `OutstandingSeen` to the order's `order_fulfilments`, which
keeps its cases. Key: `shipments/unshipped`. All calls are reads, of many orders at once, and repeat freely.
Which orders are looked at stands in the table `unshipped`: those that are due, as promised or by the setting of their
sales channel, those of which a part has left or a shipment was cancelled, and those again, hours later, that were found
late. What a crash leaves: a look under way goes on with the read that is next; what is found is handed on in the step
in which it is noted when to look again. What is held rather than retried: nothing; a look that Fulfil refuses is made
again, and is a case.

`looking` is what is read and what follows from it, `actor` the shell.
"""

from flows.unshipped.actor import KEY, NAME, LookForUnshipped, Unshipped, UnshippedPolicy

__all__ = ["KEY", "NAME", "LookForUnshipped", "Unshipped", "UnshippedPolicy"]
