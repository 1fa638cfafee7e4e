"""The contract of connectors and of sandboxes as suites: a connector is done when it passes.

    CONNECTOR = Connector(name=..., open=..., calls=(...), answers=..., secret=...)

    @pytest.mark.parametrize("case", cases_of(CONNECTOR), ids=str)
    def test_my_connector_keeps_the_contract(case: Case) -> None:
        case.run()

An installed Seamline is enough: nothing here needs its repository or pytest, and any test runner will do.
"""

from runtime.testing.conformance.ending import PERSON, Violation
from runtime.testing.conformance.sandboxes import Ask, Request, Sandbox, sandbox_cases_of
from runtime.testing.conformance.subject import (
    Answers,
    Asked,
    Break,
    Call,
    Change,
    Conditions,
    Connector,
    Expected,
    Look,
    Paging,
    Record,
    Reply,
    Respond,
    json_reply,
)
from runtime.testing.conformance.suite import RULES, Case, cases_of, violations_of

__all__ = [
    "PERSON",
    "RULES",
    "Answers",
    "Ask",
    "Asked",
    "Break",
    "Call",
    "Case",
    "Change",
    "Conditions",
    "Connector",
    "Expected",
    "Look",
    "Paging",
    "Record",
    "Reply",
    "Request",
    "Respond",
    "Sandbox",
    "Violation",
    "cases_of",
    "json_reply",
    "sandbox_cases_of",
    "violations_of",
]
