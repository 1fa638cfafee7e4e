"""Tracking numbers: every published example of every courier, and names by which couriers are known."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flows.model.couriers import COURIERS, FORMS, check, check_of_carrier, courier_of, url_of
from tests.published import DATA, needs

PUBLISHED = DATA / "tracking_number_data"


def published(which: str) -> Iterator[tuple[str, str, str]]:
    """(courier, form, number) of the published examples."""
    for page in sorted(PUBLISHED.glob("*.json")):
        content = json.loads(page.read_text(encoding="utf-8"))
        for form in content["tracking_numbers"]:
            for number in form["test_numbers"][which]:
                yield content["courier_code"], form["name"], number


TWELVE_DIGITS = "331426749957"
"""No number of three letters and nine digits, which is why it is published as invalid; of twelve digits it is one."""


@needs(PUBLISHED.name)
def test_all_192_published_valid_numbers_are_valid() -> None:
    """Each of them, for its courier."""
    examples = list(published("valid"))
    assert len(examples) == 192
    assert [each for each in examples if check(each[0], each[2]) != "valid"] == []


@needs(PUBLISHED.name)
def test_none_of_the_88_published_invalid_numbers_passes_in_its_form() -> None:
    """A number may be invalid in one form and valid in another one of its courier."""
    examples = list(published("invalid"))
    assert len(examples) == 88
    passing = [number for courier, _, number in examples if check(courier, number) == "valid"]
    assert passing == [TWELVE_DIGITS]


@pytest.mark.parametrize(
    ("carrier", "code"),
    [
        ("UPS", "ups"),
        ("UPS Ground", "ups"),
        ("DHL Express", "dhl"),
        ("United States Postal Service (USPS)", "usps"),
        ("Canada Post", "canada_post"),
        ("Royal Mail", "s10"),
        ("Backups & Co", ""),
        ("Bob's van", ""),
        ("", ""),
    ],
)
def test_a_courier_is_known_by_words_of_its_name(carrier: str, code: str) -> None:
    """By whole words only."""
    courier = courier_of(carrier)
    assert (courier.code if courier is not None else "") == code


def test_a_wrong_digit_is_told_apart_from_a_form_that_nobody_knows() -> None:
    """A form without a known pattern proves nothing against a number."""
    assert check("ups", "1Z5R89390357567127") == "valid"
    assert check("ups", "1Z 5R89 3903 5756 7127") == "valid"
    assert check("ups", "1Z5R89390357567128") == "wrong"
    assert check("ups", "1Z5001") == "unknown"
    assert check("nobody", "1Z5R89390357567127") == "unknown"
    assert check("ups", "1Z5R8939035756712\N{ARABIC-INDIC DIGIT SEVEN}") == "unknown"
    assert check_of_carrier("DHL Parcel", "RB123456785GB") == "valid"
    assert check_of_carrier("Bob's van", "1Z5R89390357567128") == "unknown"


def test_an_address_takes_the_number_and_nothing_that_is_hidden_in_it() -> None:
    """Whatever is printed on a parcel stays one piece of the address."""
    assert url_of("https://t.example/{number}", "A B/?&1") == "https://t.example/AB%2F%3F%261"
    assert url_of("", "1") == url_of("https://t.example/{number}", "") == ""


def test_every_form_is_of_a_courier() -> None:
    """And every address of a courier has a place for the number."""
    codes = {courier.code for courier in COURIERS}
    assert {form.courier for form in FORMS} <= codes
    assert all("{number}" in courier.url for courier in COURIERS if courier.url)
