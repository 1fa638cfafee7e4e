"""In whatever order pages of overlapping files arrive, again and again, with restarts between: the books are the same.

Explored over the pure decision and a dictionary for the rows. The oracle is what each line was told as first, added up
as fractions.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flows.model.payout import LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.model.payout_proof import prove_payout
from flows.payout_importer import PayoutPage
from flows.payout_importer.actor import line_of
from flows.payout_importer.decision import decide
from flows.payout_importer.messages import ChangesRead, Judge, KnownLine, Linked, PageMet, PayoutState
from runtime.decision import Decision

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CURRENCIES = {"JPY": 0, "USD": 2, "KWD": 3}
KINDS = (LineClass.SALE, LineClass.REFUND, LineClass.FEE, LineClass.RESERVE, LineClass.UNEXPLAINED)


class Store:
    """The rows and the state of one payout, as the shell would have them."""

    def __init__(self) -> None:
        self.state = PayoutState(key="payout/web/p/1")
        self.lines: dict[str, tuple[Any, ...]] = {}
        self.changed: dict[str, tuple[Any, ...]] = {}

    def restart(self) -> None:
        """Only what is on disk is left of the state."""
        self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=PayoutState)

    def take(self, page: PayoutPage, now: datetime = NOW) -> Decision:
        ids = {line.id for line in page.lines}
        known = {
            id_: KnownLine(row[-1], Decimal(row[8]), line_of(row).names)
            for id_, row in self.lines.items()
            if id_ in ids
        }
        return self._applied(decide(self.state, PageMet(page=page, known=known), now))

    def judge(self) -> None:
        asked = Judge(anyway=True)
        self._applied(
            decide(
                self.state,
                Linked(
                    asked=asked, links=(), unlinked=0, amount=Decimal(0), conflicts=(), last="", complete=True
                ),
                NOW,
            )
        )  # fmt: skip

    def release(self) -> None:
        pairs = [(self.lines[id_], msgspec.json.decode(row[3], type=PayoutLine)) for id_, row in self.changed.items()]
        read = ChangesRead(before=tuple(line_of(row) for row, _ in pairs), after=tuple(line for _, line in pairs))
        self._applied(decide(self.state, read, NOW))
        self.judge()

    def _applied(self, decision: Decision) -> Decision:
        self.state = decision.state
        for write in decision.writes:
            match write.statement:
                case "put_payout_line":
                    self.lines[write.row[1]] = write.row
                case "put_payout_change":
                    self.changed[write.row[1]] = write.row
                case "drop_payout_change":
                    self.changed.pop(write.row[1], None)
        return decision

    def books(self) -> Any:
        state = msgspec.structs.replace(self.state, run="", whole=True, judged=True, told_at=None)
        return state, self.lines, self.changed


@st.composite
def told(draw: st.DrawFn) -> tuple[str, list[list[PayoutPage]], dict[str, PayoutLine]]:
    """A currency, imports as pages, and each line as it is told everywhere."""
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    digits = CURRENCIES[currency]
    lines = {}
    for number in range(draw(st.integers(1, 6))):
        amount, fee = (Decimal(draw(st.integers(-10_000, 10_000))).scaleb(-digits) for _ in range(2))
        kind = draw(st.sampled_from(KINDS))
        line = PayoutLine(f"l{number}", "1", kind, currency, amount, amount + fee, fee, type=kind.value)
        lines[line.id] = line
    paid = sum((line.net for line in lines.values()), Decimal(0))
    header = PayoutHeader(id="1", currency=currency, status=PayoutStatus.PAID, paid=paid, paid_on=date(2026, 11, 19))
    imports = [pages(header, [*lines.values()], "whole")]
    for number in range(draw(st.integers(0, 2))):
        part = draw(st.lists(st.sampled_from([*lines.values()]), unique_by=lambda line: line.id))
        imports.append(pages(header, part, f"part{number}"))
    return currency, imports, lines


def pages(header: PayoutHeader, lines: list[PayoutLine], run: str) -> list[PayoutPage]:
    """Pages of two lines."""
    parts = [lines[at : at + 2] for at in range(0, len(lines), 2)] or [[]]
    return [
        PayoutPage(
            sales_channel="web", provider="p", header=header, run=run, page=number, pages=len(parts), lines=tuple(part)
        )
        for number, part in enumerate(parts, start=1)
    ]  # fmt: skip


@given(told(), st.data())
def test_any_interleaving_of_overlapping_imports_ends_with_the_same_books(
    world: tuple[str, list[list[PayoutPage]], dict[str, PayoutLine]], data: st.DataObject
) -> None:
    """Pages in any order, some of them twice, restarts between: each line once, sums exact, and it ties."""
    currency, imports, lines = world
    undisturbed, store = Store(), Store()
    for page in imports[0]:
        undisturbed.take(page)
    undisturbed.judge()
    all_ = [page for each in imports for page in each]
    again = data.draw(st.lists(st.sampled_from(all_), max_size=4))
    for page in data.draw(st.permutations([*all_, *again])):
        store.take(page)
        if data.draw(st.booleans()):
            store.restart()
    store.judge()
    assert store.books() == undisturbed.books()
    state = store.state
    assert state.header is not None
    assert Fraction(state.sums.net) == sum((Fraction(line.net) for line in lines.values()), Fraction(0))
    assert state.sums.net == sum(state.sums.classes.values(), Decimal(0))
    assert prove_payout(state.header, state.sums).verdict == "proven"
    rows = [(each.kind is LineClass.UNEXPLAINED, Fraction(each.amount), Fraction(each.gap)) for each in lines.values()]
    odd = sum((abs(amount) * is_odd + abs(gap) for is_odd, amount, gap in rows), Fraction(0))
    assert [(case.kind, case.amount) for case in state.cases] == ([("payout.unexplained", odd)] if odd else [])
    assert currency == state.header.currency


@given(told(), st.data())
def test_what_is_told_again_leaves_not_even_an_instant(
    world: tuple[str, list[list[PayoutPage]], dict[str, PayoutLine]], data: st.DataObject
) -> None:
    """After the whole file was taken, any page of any overlapping one writes no row, and no new time."""
    _, imports, _ = world
    store = Store()
    for page in imports[0]:
        store.take(page)
    at = store.state.told_at
    for page in data.draw(st.lists(st.sampled_from([page for each in imports for page in each]), max_size=5)):
        assert store.take(page, NOW + timedelta(hours=1)).writes == ()
    assert store.state.told_at == at


@given(told(), st.data())
def test_lines_told_otherwise_wait_for_a_person_and_then_count_exactly(
    world: tuple[str, list[list[PayoutPage]], dict[str, PayoutLine]], data: st.DataObject
) -> None:
    """The first figures stand; after a release the later ones do, and the sums are those of the rows."""
    _, imports, lines = world
    store = Store()
    for page in imports[0]:
        store.take(page)
    before = store.state.sums
    header = imports[0][0].header
    other = [
        msgspec.structs.replace(line, amount=line.amount + 1, net=line.net + 1)
        for line in data.draw(st.lists(st.sampled_from([*lines.values()]), unique_by=lambda line: line.id))
    ]
    for page in pages(header, other, "other"):
        store.take(page)
    store.judge()
    assert store.state.sums == before
    changed = {case.kind: case.amount for case in store.state.cases}.get("payout.changed")
    assert changed == (Decimal(len(other)) if other else None)
    store.release()
    assert store.changed == {}
    assert Fraction(store.state.sums.net) == sum((Fraction(row[8]) for row in store.lines.values()), Fraction(0))
    assert Fraction(store.state.sums.net) - Fraction(before.net) == len(other)
    rows = [(row[2], Fraction(row[4]), Fraction(row[7])) for row in store.lines.values()]
    odd = sum((abs(amount) * (kind == "unexplained") + abs(gap) for kind, amount, gap in rows), Fraction(0))
    assert Fraction(store.state.sums.unexplained) == odd
