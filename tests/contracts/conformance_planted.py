"""Connectors with one defect each, of the kinds that connectors really have: small changes of the honest example."""

from __future__ import annotations

import json
from typing import Any

import anyio
import msgspec
from yarl import URL

from connectors.http import Answer
from runtime.api import ObserveRate
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from tests.contracts.conformance_example import TOKEN, Note, NotesApi


class RepeatsByItself(NotesApi):
    """Tries again when it looks as if it might help."""

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        try:
            return await super().ask(verb, url, body, is_write=is_write)
        except Failure:
            return await super().ask(verb, url, body, is_write=is_write)


class RepeatsWhenTheServerFails(NotesApi):
    """A 503 is surely only for a moment."""

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        answer = await super().ask(verb, url, body, is_write=is_write)
        return await super().ask(verb, url, body, is_write=is_write) if answer.status >= 500 else answer


class TakesALostAnswerForSuccess(NotesApi):
    """The request went out, so it will have worked."""

    async def _make(self, body: bytes) -> Note:
        try:
            return await super()._make(body)
        except Unknown:
            return Note(7)


class TakesALostAnswerForNotApplied(NotesApi):
    """A timeout is a timeout: try again."""

    async def _make(self, body: bytes) -> Note:
        try:
            return await super()._make(body)
        except Unknown as unknown:
            raise Unavailable(str(unknown)) from unknown


class TakesEverythingFromAGoodStatus(NotesApi):
    """201 is 201; a proxy's page, too."""

    def decoded(self, answer: Answer, status: int, shape: Any, *, is_write: bool) -> Any:
        if answer.status == status and is_write:
            try:
                return msgspec.json.decode(answer.body, type=shape)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return Note(0)
        return super().decoded(answer, status, shape, is_write=is_write)


class RefusesWhenThrottled(NotesApi):
    """A 429 is a 4xx."""

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        failure = super().failure(answer, is_write=is_write)
        return Refused("the notes API refused it", code="429") if isinstance(failure, Throttled) else failure


class ForgetsHowLongToWait(NotesApi):
    """Throttled, but not for how long."""

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        failure = super().failure(answer, is_write=is_write)
        failure.retry_after_s = None
        return failure


class RefusesWithoutCredentials(NotesApi):
    """A 401 is a 4xx: every order would be held because of one old token."""

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        failure = super().failure(answer, is_write=is_write)
        return Refused("the notes API refused it", code="401") if isinstance(failure, Unauthorised) else failure


class QuotesTheAnswer(NotesApi):
    """The other side's words are the best explanation; and the request, for those who search."""

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        failure = super().failure(answer, is_write=is_write)
        if isinstance(failure, Refused):
            return Refused(f"refused: {answer.body[:200].decode(errors='replace')}", code=failure.code)
        return failure


class TellsItsToken(NotesApi):
    """So that the operator sees which one it was."""

    def failure(self, answer: Answer, *, is_write: bool) -> Failure:
        failure = super().failure(answer, is_write=is_write)
        return Unauthorised(f"the token {TOKEN} was refused") if isinstance(failure, Unauthorised) else failure


class SendsRebuiltBytes(NotesApi):
    """Decoded and encoded again on the way: usually the same."""

    async def _make(self, body: bytes) -> Note:
        return await super()._make(msgspec.json.encode(json.loads(body)))


class AddsAnAttempt(NotesApi):
    """Helps the other side to count."""

    attempts = 0

    async def _make(self, body: bytes) -> Note:
        self.attempts += 1
        return await super()._make(body[:-1] + b', "attempt": %d}' % self.attempts)


class LooksAndSaysAbsentWhenNotTold(NotesApi):
    """No answer, no note."""

    async def look(self, kind: str, body: bytes) -> Note | None:
        try:
            return await super().look(kind, body)
        except (Unavailable, Unauthorised, Throttled):
            return None


class LooksByWriting(NotesApi):
    """The API dedupes by key, they say; so the surest look is to send it again."""

    async def look(self, kind: str, body: bytes) -> Note | None:
        return await self._make(body) if kind == "make_note" else await super().look(kind, body)


class NeverFinds(NotesApi):
    """Looks for the key under another name."""

    async def look(self, kind: str, body: bytes) -> Note | None:
        await super().look(kind, body)
        return None


class HoldsOnWhenCancelled(NotesApi):
    """What was begun has to be finished."""

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        with anyio.CancelScope(shield=True):
            return await super().ask(verb, url, body, is_write=is_write)


class RaisesWhatItMeets(NotesApi):
    """No word about bodies that are no JSON."""

    def decoded(self, answer: Answer, status: int, shape: Any, *, is_write: bool) -> Any:
        content = json.loads(answer.body)
        return msgspec.convert(content, shape) if answer.status == status else super().decoded(
            answer, status, shape, is_write=is_write
        )  # fmt: skip


class KeepsTheLimitToItself(NotesApi):
    """Never tells what an answer says of the limit."""

    def observe(self, tell: ObserveRate, answer: Answer) -> None:
        pass


class LetsTheHttpClientRepeat(NotesApi):
    """A PUT is idempotent, says the HTTP client, and sends it again on a new connection."""

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        self._session._retry_connection = True
        return await super().ask("PUT" if is_write else verb, url, body, is_write=is_write)


class SendsWhatItDoesNotKnow(NotesApi):
    """Passes any kind on, for the API to decide."""

    async def perform(self, kind: str, body: bytes) -> Any:
        known = kind in ("make_note", "list_notes")
        return await super().perform(kind, body) if known else await self._make(body)


class FearsTheWorst(NotesApi):
    """Nothing was sent, but who knows."""

    async def _make(self, body: bytes) -> Note:
        try:
            return await super()._make(body)
        except Unavailable as unavailable:
            raise Unknown(str(unavailable)) from unavailable


class OneAtATime(NotesApi):
    """Cannot be called twice at once."""

    is_busy = False

    async def ask(self, verb: str, url: URL, body: bytes, *, is_write: bool) -> Answer:
        if self.is_busy:
            raise Refused("the connector is busy", code="busy")
        self.is_busy = True
        try:
            return await super().ask(verb, url, body, is_write=is_write)
        finally:
            self.is_busy = False


class AsksSomethingElse(NotesApi):
    """A question that it cannot read is the question from the beginning."""

    async def perform(self, kind: str, body: bytes) -> Any:
        try:
            return await super().perform(kind, body)
        except Refused as refused:
            if refused.code != "bad_body":
                raise
            return await super().perform(kind, b"{}")


class LooksForReads(NotesApi):
    """Absent, says it of a read."""

    async def look(self, kind: str, body: bytes) -> Note | None:
        return None if kind == "list_notes" else await super().look(kind, body)


DEFECTS: list[tuple[type[NotesApi], set[str]]] = [
    (
        RepeatsByItself,
        {"a_lost_answer_is_no_success_and_no_second_request", "an_unknown_outcome_is_looked_for_and_not_repeated"},
    ),
    (RepeatsWhenTheServerFails, {"a_failing_server_leaves_a_write_unknown"}),
    (
        TakesALostAnswerForSuccess,
        {
            "a_failing_server_leaves_a_write_unknown",
            "a_lost_answer_is_no_success_and_no_second_request",
            "an_endless_answer_is_not_read_to_its_end",
            "an_unknown_outcome_is_looked_for_and_not_repeated",
        },
    ),
    (
        TakesALostAnswerForNotApplied,
        {
            "a_failing_server_leaves_a_write_unknown",
            "a_lost_answer_is_no_success_and_no_second_request",
            "an_absent_write_waits_for_a_decision",
        },
    ),
    (TakesEverythingFromAGoodStatus, {"a_strange_answer_is_never_taken_for_more_than_it_says"}),
    (RefusesWhenThrottled, {"a_rate_limit_is_throttled_with_its_wait"}),
    (ForgetsHowLongToWait, {"a_rate_limit_is_throttled_with_its_wait"}),
    (RefusesWithoutCredentials, {"refused_credentials_are_unauthorised"}),
    (QuotesTheAnswer, {"a_strange_answer_is_never_taken_for_more_than_it_says"}),
    (TellsItsToken, {"refused_credentials_are_unauthorised"}),
    (SendsRebuiltBytes, {"the_stored_bytes_are_what_is_sent"}),
    (AddsAnAttempt, {"the_stored_bytes_are_what_is_sent"}),
    (LooksAndSaysAbsentWhenNotTold, {"a_look_that_is_not_answered_says_nothing"}),
    (LooksByWriting, {"what_was_applied_is_found_by_reads_alone", "what_was_not_applied_is_absent"}),
    (NeverFinds, {"what_was_applied_is_found_by_reads_alone", "an_unknown_outcome_is_looked_for_and_not_repeated"}),
    (HoldsOnWhenCancelled, {"a_cancelled_call_leaves_nothing_half_done"}),
    (RaisesWhatItMeets, {"a_strange_answer_is_never_taken_for_more_than_it_says"}),
    (KeepsTheLimitToItself, {"what_the_limit_says_is_told"}),
    (LetsTheHttpClientRepeat, {"a_kept_connection_that_is_gone_sends_nothing_twice"}),
    (SendsWhatItDoesNotKnow, {"a_call_that_is_not_known_is_refused_unsent"}),
    (FearsTheWorst, {"what_was_never_sent_is_unavailable"}),
    (OneAtATime, {"calls_at_once_do_not_meet"}),
    (AsksSomethingElse, {"a_question_that_cannot_be_read_is_refused_unsent"}),
    (LooksForReads, {"a_read_is_not_looked_for"}),
]
"""Each defect, and rules that must find it. Others may, too."""
