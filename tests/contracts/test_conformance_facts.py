"""Every row of what is known about a vendor has tests that are there and name it; and the check itself can fail."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runtime.testing.conformance.facts import Fact, docstrings_in, facts_in, sections_said, unproven, unsourced
from tests.architecture.sources import ROOT

CONTRACTS = ROOT / "tests" / "contracts"
TABLES = sorted(CONTRACTS.glob("facts_*.toml"))
FACT = Fact(fact="429 waits", source="5.1", tests=("test_acme::test_a_429_waits",))


@pytest.fixture(name="docstrings", scope="module")
def fixture_docstrings() -> dict[str, str]:
    """Those of all tests of contracts and units."""
    return docstrings_in([*CONTRACTS.glob("test_*.py"), *(ROOT / "tests" / "unit").glob("test_*.py")])


@pytest.mark.parametrize("table", TABLES, ids=[table.stem for table in TABLES])
def test_every_row_is_proven_by_tests_that_name_it(table: Path, docstrings: dict[str, str]) -> None:
    """A test that is renamed or loses its source is missed here."""
    complaints = unproven(facts_in(table), docstrings)
    assert not complaints, "\n".join(complaints)


def test_both_vendors_have_a_table() -> None:
    """Of at least as many rows as the tables of the facts have."""
    assert {table.stem: len(facts_in(table)) >= 40 for table in TABLES} == {
        "facts_fulfil": True,
        "facts_patchworks": True,
    }


@pytest.mark.parametrize(
    ("docstring", "sections"),
    [
        ("Facts 5: a 400 that is not a UserError.", {"5"}),
        ("Facts 5 and 6 (D): both are 429.", {"5", "6"}),
        ("Sections 2, 8 and 10: method and path.", {"2", "8", "10"}),
        ("Facts 4.2, 11.5, 12.7: X-HMAC-HASH.", {"4.2", "11.5", "12.7"}),
        ("Tryton (facts 8, T): the date is the transaction's.", {"8"}),
        ("Section 4: a decoder accepts 3 generations.", {"4"}),
        ("Ours: 409 for what cannot happen.", set()),
        ("", set()),
    ],
)
def test_a_docstring_names_its_sections(docstring: str, sections: set[str]) -> None:
    """As people write them; other figures of the sentence are none."""
    assert sections_said(docstring) == sections


@pytest.mark.parametrize(
    ("fact", "docstring", "complaint"),
    [
        (msgspec.structs.replace(FACT, tests=()), "Facts 5.1: waits.", "no test proves"),
        (FACT, None, "is not there"),
        (FACT, "It waits.", "does not name section 5.1"),
        (FACT, "Facts 6: waits.", "does not name section 5.1"),
        (FACT, "Facts 5.11: waits.", "does not name section 5.1"),
    ],
)
def test_a_row_without_proof_is_found(fact: Fact, docstring: str | None, complaint: str) -> None:
    """No test, a test that is gone, a test about something else."""
    docstrings = {} if docstring is None else {"test_acme::test_a_429_waits": docstring}
    (found,) = unproven([fact], docstrings)
    assert complaint in found


@pytest.mark.parametrize("docstring", ["Facts 5.1: waits.", "Facts 5: waits.", "Facts 4 and 5.1.2: waits."])
def test_the_section_above_or_below_counts(docstring: str) -> None:
    """A test may be about more than the row, or about a part of it."""
    assert unproven([FACT], {"test_acme::test_a_429_waits": docstring}) == []


def test_a_test_without_a_source_is_found(tmp_path: Path) -> None:
    """For a sandbox of which every test has to name one."""
    file = tmp_path / "test_acme.py"
    tests = (
        'def test_one():\n    """Facts 5: x."""',
        'async def test_two():\n    """It works."""',
        "def made():\n    pass",
    )
    file.write_text("\n\n".join(tests))
    assert unsourced(docstrings_in([file])) == ["test_acme::test_two"]


def test_a_table_with_another_key_is_refused(tmp_path: Path) -> None:
    """A typing error would otherwise be a fact without tests."""
    table = tmp_path / "facts_acme.toml"
    table.write_text('[[facts]]\nfact = "x"\nsource = "1"\ntest = ["a"]\n')
    with pytest.raises(msgspec.ValidationError):
        facts_in(table)
