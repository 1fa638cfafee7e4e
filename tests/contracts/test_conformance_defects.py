"""The suite for connectors can fail: each planted defect breaks the rules that are there to find it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from runtime.api import Api
from runtime.errors import Unknown
from runtime.testing.conformance import RULES, Connector, Paging, Record, cases_of, violations_of
from tests.contracts.conformance_example import (
    CALLS,
    PAGE_SIZE,
    Note,
    NotesApi,
    notes_connector,
    notes_of,
    read_all,
    recorded,
)
from tests.contracts.conformance_planted import DEFECTS


@pytest.mark.parametrize(("defect", "rules"), DEFECTS, ids=[defect.__name__ for defect, _ in DEFECTS])
def test_a_planted_defect_is_found(defect: type[NotesApi], rules: set[str]) -> None:
    """By the rules that are there for it, and the complaint names the call."""
    found = violations_of(notes_connector(defect), rules)
    assert rules <= set(found), found
    names = ("make_note: ", "list_notes: ", "no_such_call: ", "PUT /v1/notes: ")
    assert all(complaint.startswith(names) for complaint in found.values()), found


def test_an_honest_connector_is_not_accused() -> None:
    """Nothing is found where nothing is wrong."""
    assert violations_of(notes_connector()) == {}


# -- lists -------------------------------------------------------------------------------------------------------------


class PagesByOffset(NotesApi):
    """Reads from the place where the last page ended, not from the record."""

    async def perform(self, kind: str, body: bytes) -> Any:
        if kind != "list_notes" or b"skip" not in body:
            return await super().perform(kind, body)
        return await self._list({"skip": str(json.loads(body)["skip"])})


async def read_by_offset(api: Api) -> list[Record]:
    """Page after page, counting."""
    read: list[int] = []
    while True:
        page = await api.perform("list_notes", json.dumps({"skip": len(read)}).encode())
        read += [note.id for note in page]
        if len(page) < PAGE_SIZE:
            return recorded(read)


async def read_the_first_page_again(api: Api) -> list[Record]:
    """To be on the safe side; nobody removes what comes twice."""
    first = [note.id for note in await api.perform("list_notes", b'{"after": 0}')]
    rest = [note.id for note in await api.perform("list_notes", b'{"after": 0}')]
    while True:
        page = await api.perform("list_notes", json.dumps({"after": rest[-1]}).encode())
        rest += [note.id for note in page]
        if len(page) < PAGE_SIZE:
            return recorded(first + rest)


async def read_for_ever(api: Api) -> list[Record]:
    """The end of a list is a page that is empty, it thinks, and never gets one."""
    while await api.perform("list_notes", b'{"after": 0}'):
        pass
    return []


async def read_before_the_changes(api: Api) -> list[Record]:
    """As it should be, but nobody looks a second time for what was changed behind the page."""
    return await read_all(api)


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (read_by_offset, "were missed"),
        (read_the_first_page_again, "handed on twice"),
        (read_for_ever, "did not end"),
        (read_before_the_changes, "changes of the records"),
    ],
)
def test_a_list_that_is_read_badly_is_found(read: Any, complaint: str) -> None:
    """By offset, twice, or without an end."""
    paging = Paging(name="all notes", serve=notes_of, read=read, changes=frozenset({"insert", "change", "delete"}))
    found = violations_of(notes_connector(PagesByOffset, paging=(paging,)))
    assert set(found) == {"each_record_is_read_while_records_change"}
    assert complaint in found["each_record_is_read_while_records_change"]


# -- the suite's own demands -------------------------------------------------------------------------------------------


def made_as(**changes: Any) -> Connector:
    """The honest connector, with something else said about its write."""
    return notes_connector(calls=(msgspec.structs.replace(CALLS[0], **changes), CALLS[1]))


def test_a_write_without_its_look_or_bytes_does_not_pass() -> None:
    """What nobody says cannot be tried, and counts as broken."""
    looks, bytes_ = "what_was_applied_is_found_by_reads_alone", "the_stored_bytes_are_what_is_sent"
    assert looks in violations_of(made_as(look=None), [looks])
    assert bytes_ in violations_of(made_as(sent=None), [bytes_])


def test_bytes_that_would_survive_being_made_anew_do_not_count() -> None:
    """A sample in an encoder's own form could not tell stored bytes from rebuilt ones."""
    canonical = b'{"key":"note-0001","text":"1.50"}'
    found = violations_of(made_as(body=canonical, sent=canonical), ["the_stored_bytes_are_what_is_sent"])
    assert "would survive" in found["the_stored_bytes_are_what_is_sent"]


def test_a_connector_without_calls_is_no_connector() -> None:
    """An empty suite would pass."""
    with pytest.raises(ValueError, match="no calls"):
        cases_of(notes_connector(calls=()))


def test_every_rule_is_broken_by_some_defect_or_is_about_what_is_declared() -> None:
    """No rule is there that nothing has ever failed."""
    tried = set().union(*(rules for _, rules in DEFECTS))
    declared = {
        "an_answer_is_its_result_and_one_request": made_as(result=Note(8)),
        "a_refusal_is_refused": notes_connector(answers=replaced(refused_code="E17")),
        "each_documented_error_is_its_failure": notes_connector(
            answers=replaced(others=(msgspec.structs.replace(ANSWER_404, write=Unknown),))
        ),
    }
    for rule, connector in declared.items():
        assert rule in violations_of(connector, [rule])
    lists = {"each_record_is_read_while_records_change"}
    assert set(RULES) == tried | set(declared) | lists


ANSWER_404 = notes_connector().answers.others[0]


def replaced(**changes: Any) -> Any:
    """The example's answers, changed."""
    return msgspec.structs.replace(notes_connector().answers, **changes)
