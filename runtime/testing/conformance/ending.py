"""How one call ended, and the complaint about a call that ended as it must not."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Never

import msgspec

from runtime.errors import Failure
from runtime.testing.conformance.subject import Call

SENTENCE_LENGTH_MAX = 500
PERSON = "ada.moss@example.com"
"""Somebody whom an answer of the outside quotes; no sentence may."""


class Violation(AssertionError):
    """A rule is broken. The message names the call, and says what was seen and what would have been right."""


class Done(msgspec.Struct, frozen=True):
    """The call returned this."""

    result: Any


Ending = Done | Failure


def broken(call: Call | str, sentence: str) -> Never:
    """Raise the violation."""
    kind = call if isinstance(call, str) else call.kind
    raise Violation(f"{kind}: {sentence}")


def require(holds: bool, call: Call | str, sentence: str) -> None:
    """Raise the violation unless the rule holds."""
    if not holds:
        broken(call, sentence)


async def ending_of(call: Call | str, attempt: Awaitable[Any], secret: str) -> Ending:
    """How the attempt ends. Anything raised that is no `Failure` is a violation, and so is a telling sentence."""
    try:
        return Done(await attempt)
    except Failure as failure:
        sentence = str(failure)
        require(secret not in sentence, call, "the failure's sentence holds the credential")
        require(PERSON not in sentence, call, "the failure's sentence quotes personal data from the answer")
        require(
            0 < len(sentence) <= SENTENCE_LENGTH_MAX, call, f"the failure's sentence has {len(sentence)} characters"
        )
        return failure
    except Exception as defect:
        raise Violation(
            f"{call if isinstance(call, str) else call.kind}: it raised {type(defect).__name__}, which is no Failure"
        ) from defect


def require_failure(call: Call, ending: Ending, allowed: tuple[type[Failure], ...], when: str) -> Failure:
    """The failure, which must be one of these exactly."""
    names = " or ".join(kind.__name__ for kind in allowed)
    if isinstance(ending, Done):
        broken(call, f"{when}, and it returned a result instead of raising {names}")
    require(
        type(ending) in allowed, call, f"{when}, and it raised {type(ending).__name__} ({ending}) instead of {names}"
    )
    return ending
