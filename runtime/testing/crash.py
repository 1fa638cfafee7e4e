"""Named places where dying is interesting.

Production code calls `reach("journal.before_commit")`; nothing happens unless a crash test has installed a hook. The
names are the vocabulary of `tests/crash`: each has a row there that says what must be true after the restart.
"""

from __future__ import annotations

from collections.abc import Callable

CRASH_POINTS = (
    "intake.before_journal",
    "intake.before_answer",
    "journal.before_commit",
    "journal.after_commit",
    "journal.before_checkpoint",
    "step.before_journal",
    "step.after_journal",
    "effect.before_call",
    "effect.after_call",
    "outcome.before_journal",
    "outcome.after_journal",
    "timer.before_fire",
    "export.before_delete",
    "restore.before_rename",
)

_hook: Callable[[str, str], None] | None = None


def install(hook: Callable[[str, str], None] | None) -> None:
    """Call `hook(name, of)` at every crash point from now on (None: no more). For tests only."""
    global _hook
    _hook = hook


def reach(name: str, of: str = "") -> None:
    """The process is at the crash point `name` with the work of an actor, or with a call of a kind (`of`)."""
    if _hook is not None:
        _hook(name, of)
