"""The smallest connector keeps the whole contract: the suite is content with an honest one."""

from __future__ import annotations

import pytest

from runtime.testing.conformance import Case, cases_of
from tests.contracts.conformance_example import notes_connector


@pytest.mark.parametrize("case", cases_of(notes_connector()), ids=str)
def test_the_example_keeps_the_contract(case: Case) -> None:
    """Each rule for each call."""
    case.run()
