"""A sale that Fulfil has made, and does not go on with: its answer was success, and nothing will be shipped. Pure.

Fulfil may answer a create with a sale in a state that is none of the way to shipping, and keep the reason beside it, as
an exception of its own (states of `sale.sale`, a live integration's list of 2026).
"""

from __future__ import annotations

from datetime import datetime

from connectors.fulfil.wire import CreatedSale, SaleFound
from flows.exceptions.kinds import ExceptionCase
from flows.model.order_state import OrderState
from flows.model.sale_gate import CANCELLED
from flows.order_importer.parts import case_of

_STALLED = ("failed", "provisional", "ignored", *CANCELLED)


def stalled(state: OrderState, sale: CreatedSale | SaleFound, now: datetime) -> tuple[ExceptionCase, ...]:
    """The case of a sale that stands still; none of a sale that goes on, or whose state Fulfil did not tell."""
    if sale.state not in _STALLED:
        return ()
    name = sale.number or sale.id
    sentence = f"Fulfil made sale {name}, and left it in state {sale.state!r}, in which nothing is shipped or invoiced"
    return (case_of("sale.stalled", sale.state, sentence, state, now),)
