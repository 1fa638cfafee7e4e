"""The secrets of one demo."""

from __future__ import annotations

import msgspec


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of one demo. They open nothing but its own processes on the loopback interface."""

    intake: str
    control: str
    fulfil: str
    patchworks: str
    webhook: str
    """The signature in the URL of the outlet's trigger."""
