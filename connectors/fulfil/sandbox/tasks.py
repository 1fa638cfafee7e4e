"""What Fulfil does later: sales that wait to be processed, and the AsyncResult by which a caller may ask for one.

Source: facts 2 (async task) and 13; `processing` chooses. Nothing runs in the background: whatever is due is done at
the beginning of the next call, so that the books depend on the clock and on calls alone.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from connectors.fulfil.sandbox.refusals import UserError
from runtime.clock import Instant

TASKS_MAX = 100_000
"""Finished tasks that are remembered; the oldest are forgotten first."""
State = Literal["PENDING", "SUCCESS", "FAILURE"]


class Task(msgspec.Struct):
    """One sale to be processed."""

    id: str
    token: str
    sale: int
    due: Instant
    state: State = "PENDING"
    error: UserError | None = None


class Tasks:
    """The tasks of one set of books."""

    def __init__(self) -> None:
        self._known: dict[str, Task] = {}
        self._waiting: list[Task] = []

    def add(self, sale: int, due: Instant) -> Task:
        """Process a sale at an instant."""
        id_ = hashlib.blake2b(b"task%d/%d" % (sale, len(self._known)), digest_size=16).hexdigest()
        task = Task(id_, hashlib.sha256(id_.encode()).hexdigest(), sale, due)
        self._known[id_] = task
        self._waiting.append(task)
        if len(self._known) > TASKS_MAX:
            del self._known[next(iter(self._known))]
        return task

    def take(self, now: Instant) -> list[Task]:
        """The tasks that are due, in the order in which they were added; each is taken once."""
        if not self._waiting:
            return []
        due = [task for task in self._waiting if task.due <= now]
        if due:
            self._waiting = [task for task in self._waiting if task.due > now]
        return due

    def hurry(self, now: Instant, sale: int | None) -> int:
        """Make the tasks of a sale (None: all) due now. Returns how many."""
        hurried = [task for task in self._waiting if sale in (None, task.sale)]
        for task in hurried:
            task.due = min(task.due, now)
        return len(hurried)

    def answer(self, id_: Any, token: Any) -> dict[str, Any]:
        """One task as `async-result` tells it: state and result, or an error."""
        task = self._known.get(id_) if isinstance(id_, str) else None
        if task is None or task.token != token:
            return {"error": "There is no such task."}
        if task.state == "FAILURE" and task.error is not None:
            return {"error": task.error.message}
        return {"state": task.state, "result": None}


def async_result(task: Task) -> dict[str, str]:
    """What a method answers that goes on in the background."""
    return {"__class__": "AsyncResult", "task_id": task.id, "token": task.token}
