"""Answers that are only a promise: `{"__class__": "AsyncResult", "task_id", "token"}`, and asking what became of it.

A method may be run later by one of Fulfil's workers. `POST /api/v2/async-result` with `{"tasks": [[task_id, token]]}`
answers `{"tasks": [{"state", "result"}]}`, or `{"error"}`. Source: fulfil_client 3.2.0.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

PATH: Final = "async-result"


class Promise(msgspec.Struct, frozen=True, tag_field="__class__", tag="AsyncResult"):
    """A task that a worker of Fulfil's runs later."""

    task_id: str | int
    token: str


class Waiting(msgspec.Struct, frozen=True):
    """Not over yet."""


class Succeeded(msgspec.Struct, frozen=True):
    """Over: `result` is the body that the method would have answered at once."""

    result: bytes


class Failed(msgspec.Struct, frozen=True):
    """Over without success: `said` is the body of an error, as far as one is told."""

    said: bytes


TaskState = Waiting | Succeeded | Failed

_decode_promise: Final = msgspec.json.Decoder(Promise).decode


class _Task(msgspec.Struct, frozen=True):
    state: str
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[_Task]


_decode_tasks: Final = msgspec.json.Decoder(_Tasks).decode
_WAITING: Final = frozenset({"PENDING", "STARTED", "RETRY"})


def promise(body: bytes) -> Promise | None:
    """The promise in an answer; None when it is none."""
    try:
        return _decode_promise(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def question(promised: Promise) -> bytes:
    """The body that asks for one task."""
    return msgspec.json.encode({"tasks": [(promised.task_id, promised.token)]})


def state_of(body: bytes) -> TaskState:
    """What became of the one task that was asked for. Raises msgspec.DecodeError for an answer that does not say."""
    tasks = _decode_tasks(body).tasks
    if len(tasks) != 1:
        raise msgspec.DecodeError(f"one task was asked for, and {len(tasks)} are answered")
    (task,) = tasks
    if task.state == "SUCCESS":
        return Succeeded(bytes(task.result))
    if task.state == "FAILURE":
        return Failed(bytes(task.result))
    if task.state in _WAITING:
        return Waiting()
    raise msgspec.DecodeError("the state of the task is none that is known")


def says_refusal(said: bytes) -> bool:
    """Whether a failed task was refused by Fulfil's own rules, which proves that it was rolled back."""
    try:
        content: Any = msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("type") == "UserError"
