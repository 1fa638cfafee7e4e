"""Each of our connectors keeps the contract. A new one is one more constant here."""

from __future__ import annotations

import pytest

from connectors.fulfil.table import WRITES
from runtime.testing.conformance import Case, cases_of
from tests.contracts.conformance_fulfil import FULFIL
from tests.contracts.conformance_patchworks import CALLBACKS, PATCHWORKS, WEBHOOKS

CONNECTORS = (FULFIL, PATCHWORKS, WEBHOOKS, CALLBACKS)


@pytest.mark.parametrize("case", [case for each in CONNECTORS for case in cases_of(each)], ids=str)
def test_a_connector_keeps_the_contract(case: Case) -> None:
    """Each rule, for each call of each connector."""
    case.run()


def test_every_write_of_our_connectors_is_tried() -> None:
    """A new write that nobody tells the suite about fails here."""
    tried = {call.kind for each in CONNECTORS for call in each.calls if call.is_write}
    assert tried == {*WRITES, "start_flow", "retry_run", "send_webhook"}
