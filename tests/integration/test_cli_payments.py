"""`seamline payments list` and `seamline postings matrix`, for people and machines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.integration.terminal import Type
from tests.integration.test_cli_pages import AT, beside, fill


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Five payments, two of them in one instant, one in suspense; and a tax that went there."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(path))
    rows = []
    for number, status in enumerate(("recorded", "due", "blocked", "recorded", "refused")):
        at = AT + min(number, 3) * 1_000_000
        money = ("10.00", "USD", "10.00", "USD", None, None, None, "2026-11-20", 0, "", "{}")
        of = ("charge", "capture", f"C{number}", "card", "stripe", None, "money", *money)
        row = (
            f"web/{number}",
            f"+C{number}",
            "web",
            f"#{number}",
            9,
            *of,
            status,
            int(number == 2),
            "",
            "completed",
            at,
        )
        rows.append(("put_payment", row))
    suspended = ("web/7", "tax", "VAT", "web", "#7", "To be clarified", "2.00", "USD", "Finance", AT)
    fill(path, *rows, ("put_suspended", suspended))
    return path


@pytest.mark.usefixtures("store")
def test_payments_are_listed_page_by_page(seamline: Type) -> None:
    """The latest first; the command that is printed shows the next page, and skips none of one instant."""
    whole = seamline(*beside("payments", "list")).rows
    assert [row[3] for row in whole] == ["C3", "C4", "C2", "C1", "C0"]
    said = seamline(*beside("payments", "list", "--limit", "2"))
    shown = said.rows
    while more := re.search(r"^more: seamline (.+)$", said.err, re.MULTILINE):
        said = seamline(*shlex.split(more[1]))
        shown += said.rows
    assert shown == whole


@pytest.mark.usefixtures("store")
def test_payments_in_one_state_and_in_suspense(seamline: Type) -> None:
    """What finance asks for; exact decimals for machines."""
    (blocked,) = seamline(*beside("payments", "list", "--state", "blocked", "--json")).data
    assert (blocked["order"], blocked["amount"], blocked["suspense"]) == ("web/2", "10.00", True)
    rows = seamline(*beside("payments", "list", "--suspense", "--json")).data
    assert {(row["kind"], row["name"], row["amount"]) for row in rows} == {
        ("tax", "VAT", "2.00"), ("gateway", "card", "10.00"),
    }  # fmt: skip
    assert "To be clarified" in seamline(*beside("payments", "list", "--suspense")).out


@pytest.mark.usefixtures("store")
def test_an_order_without_later_payments_is_told_as_such(seamline: Type) -> None:
    """Nothing is not an error of whoever asks, but it is not there."""
    said = seamline(*beside("payments", "list", "--order", "web/99"))
    assert (said.status, "no order is known" in said.err) == (1, True)


def test_the_posting_matrix_shows_one_poster_for_each_event(seamline: Type, tmp_path: Path) -> None:
    """What Fulfil posts, what Seamline does by its rows, and what nobody does."""
    config = tmp_path / "seamline.toml"
    config.write_text('[postings]\n[[postings.rows]]\nevent = "fee"\ndebit = "6810"\ncredit = "1360"\n')
    lines = {each["event"]: each for each in seamline("postings", "matrix", "--config", str(config), "--json").data}
    assert (lines["sale"]["poster"], lines["reserve"]["poster"]) == ("fulfil", "nobody")
    assert (lines["fee"]["poster"], lines["fee"]["debit"], lines["fee"]["dated"]) == ("seamline", "6810", "payout")
    rows = seamline("postings", "matrix", "--config", str(config)).rows
    assert ["fee", "any", "any", "seamline", "6810", "1360", "MISC", "payout"] in rows
    config.write_text('[postings]\n[[postings.rows]]\nevent = "sale"\ndebit = "1"\ncredit = "2"\n')
    said = seamline("postings", "matrix", "--config", str(config))
    assert (said.status, "Fulfil posts sale itself" in said.err) == (78, True)
