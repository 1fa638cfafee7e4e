"""What a terminal shows: nothing cut, nothing taken as markup, lines that end between words."""

from __future__ import annotations

import contextlib
import os
import pty

import pytest

from flows.cli import screen
from flows.cli.screen import column_widths, wrapped

KEY = "payout/marketplace/shopify_payments/2026-11-12-USD"


def shown_by(monkeypatch: pytest.MonkeyPatch, columns: int, head: tuple[str, ...], *rows: tuple[object, ...]) -> str:
    """What a table looks like on a terminal of so many columns."""
    master, slave = pty.openpty()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        screen.print_table(head, list(rows), empty="none is followed, since [reconciliation.closing] is not set")
    shown = b""
    with contextlib.suppress(OSError):  # the end of what a terminal has shown that nobody writes to any more
        while part := os.read(master, 65_536):
            shown += part
    os.close(master)
    return shown.decode()


def test_brackets_are_no_markup_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In what an empty table says, in heads and in cells."""
    assert "since [reconciliation.closing] is not set" in shown_by(monkeypatch, 120, ("order",))
    shown = shown_by(monkeypatch, 120, ("[red]", "why"), ("[b]x", "no [on_demand] flow"))
    assert "[red]" in shown
    assert "[b]x" in shown
    assert "no [on_demand] flow" in shown


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_keys_and_amounts_are_whole_on_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """They are to be typed, and to be believed."""
    why = "lines are 172.24 USD, and reported paid is 86.12 USD: the difference is 86.12 USD, nobody knows why"
    row = ("2026-11-26 16:09:59Z", "payout.untied", KEY, "123,456.78 USD", why)
    shown = shown_by(monkeypatch, columns, ("deadline", "kind", "subject", "at stake", "why"), row)
    assert KEY in shown
    assert "123,456.78 USD" in shown
    assert "\u2026" not in shown
    assert all(word in shown.split() for word in why.split())


def test_columns_of_sentences_give_way_to_keys_and_amounts() -> None:
    """What is left is shared by those that want more than they need."""
    columns = [(KEY,), ("12.00 USD",), ("a sentence of many words " * 4,), ("a short sentence of few words",)]
    assert column_widths(columns, 200) == [len(KEY), 9, 100, 29]
    narrow = column_widths(columns, 120)
    assert narrow == [len(KEY), 9, 28, 27]
    assert sum(narrow) + 6 == 120
    assert column_widths(columns, 100) is None


def test_empty_columns_and_instants_give_way_before_a_table_becomes_paragraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of orders is a table on a narrow terminal, too; an amount has its currency on the same line."""
    head = ("changed", "order", "amount", "shipping")
    row = ("2026-11-26 16:32:30Z", "marketplace/A-1003", "64.00 USD", None)
    assert "shipping" in shown_by(monkeypatch, 61, head, row)
    without = shown_by(monkeypatch, 60, head, row)
    assert "shipping" not in without
    assert "2026-11-26 16:32:30Z" in without
    tight = shown_by(monkeypatch, 41, head, row).splitlines()
    assert [line.split() for line in tight] == [
        ["changed", "order", "amount"],
        ["2026-11-26", "marketplace/A-1003", "64.00", "USD"],
        ["16:32:30Z"],
    ]
    assert "changed   2026-11-26 16:32:30Z" in shown_by(monkeypatch, 40, head, row)


def test_lines_end_between_words_and_never_inside_a_command() -> None:
    """What goes on stands below where its line began; a longer word, or command, has a line of its own."""
    line = "  2026-11-26  its sale differs; `seamline orders explain web/5101 --config seamline.toml` tells more"
    assert wrapped(line, 40) == [
        "  2026-11-26  its sale differs;",
        "  `seamline orders explain web/5101 --config seamline.toml`",
        "  tells more",
    ]
    assert wrapped(line, 200) == [line]
    assert wrapped("", 40) == [""]


def test_cells_stay_apart_by_tabs_in_a_pipe_and_each_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """What is within a cell cannot move a cursor; what is between two is there for `cut`."""
    screen.say_cells(["new\t3", "file\x1b[2J\tread"])
    assert capsys.readouterr().out == "new\t3\nfile\\u001b[2J\tread\n"
