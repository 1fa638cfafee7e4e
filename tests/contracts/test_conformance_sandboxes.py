"""Each of our sandboxes keeps what every sandbox has to. A new one is one more constant here."""

from __future__ import annotations

import pytest

from runtime.testing.conformance import Case, sandbox_cases_of
from tests.contracts.conformance_sandboxes import FULFIL, PATCHWORKS

SANDBOXES = (FULFIL, PATCHWORKS)


@pytest.mark.parametrize("case", [case for each in SANDBOXES for case in sandbox_cases_of(each)], ids=str)
def test_a_sandbox_keeps_the_contract(case: Case) -> None:
    """Each rule, for each sandbox."""
    case.run()
