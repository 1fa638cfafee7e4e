"""What tests of commands share."""

from __future__ import annotations

import pytest

from tests.integration.terminal import Type, typed


@pytest.fixture
def seamline(capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command: `seamline("orders", "list")`."""
    return typed(capsys)
