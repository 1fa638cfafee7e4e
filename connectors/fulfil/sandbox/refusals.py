"""What Fulfil refuses, as exceptions that become answers."""

from __future__ import annotations

from typing import Literal


class UserError(Exception):
    """What Fulfil shows to a user: a validation or a workflow that was refused. Answered as 400.

    `type_` is UserError but for two kinds of which nobody knows whether v2 shows them (facts 13.5).
    """

    def __init__(
        self,
        message: str,
        code: str = "E1000",
        description: str = "",
        type_: Literal["UserError", "UserWarning", "ConcurrencyException"] = "UserError",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.description = description
        self.type = type_
