"""Posted batches held against what Fulfil's ledger has: what differs, in which words, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from connectors.fulfil.ledger import LedgerLine, LedgerMove
from flows.ledger.checking import PostedBatch, Seen, changed

DAY = date(2026, 10, 20)
ACCOUNTS = {"1000": 1, "1200": 2, "6100": 3}
BATCH = PostedBatch(
    reference="r", move=11, booked_on=DAY, currency="USD", total=Decimal("10.00"),
    moved={"1000": Decimal("6.00"), "6100": Decimal("4.00"), "1200": Decimal("-10.00")},
)  # fmt: skip
ENTRY = LedgerMove(id=11, booked_on=DAY, state="posted", description="r")


def line(
    id_: int, account: int | None, debit: str | None, credit: str | None = None, move: int | None = 11
) -> LedgerLine:
    figures = (None if each is None else Decimal(each) for each in (debit, credit))
    return LedgerLine(id=id_, move=move, account=account, **dict(zip(("debit", "credit"), figures, strict=True)))


def as_posted() -> list[LedgerLine]:
    """A tenant that tells one figure of a line, and not the zero beside it."""
    return [line(1, 1, "6.00"), line(2, 3, "4.00"), line(3, 2, None, "10.00")]


def found(
    lines: Sequence[LedgerLine], *, beside: Sequence[LedgerMove] = (), accounts: dict[str, int] | None = None
) -> list[tuple[str, str]]:
    """What is said of the batch, and the amount."""
    seen = Seen(moves=[ENTRY], beside=beside, lines=lines, accounts=ACCOUNTS if accounts is None else accounts)
    return [(each.sentence, str(each.amount)) for each in changed([BATCH], seen)]


SAID = "the batch r was posted as move 11, and "


def test_an_entry_that_moves_what_was_posted_says_nothing() -> None:
    """Also where a figure is not told; and a line of no entry, or of another, is none of its own."""
    assert found(as_posted()) == []
    assert found([*as_posted(), line(4, 1, "1.00", move=None), line(5, 1, "1.00", move=12)]) == []
    first = PostedBatch(
        reference="r", move=1, booked_on=DAY, currency="USD", total=Decimal(5), moved={"1000": Decimal(5)}
    )
    lines = [line(1, 1, "5.00", move=1), line(2, 1, "1.00", move=None)]
    seen = Seen(moves=[LedgerMove(id=1, booked_on=DAY, state="posted")], beside=(), lines=lines, accounts=ACCOUNTS)
    assert changed([first], seen) == ()


def test_accounts_are_told_in_their_order_and_the_largest_of_them_is_the_amount() -> None:
    """The same words at each look, since a person accepts just these; less than was posted is an amount, too."""
    ((sentence, amount),) = found([line(1, 1, "5.00"), line(2, 3, "3.50"), line(3, 2, None, "8.50")])
    assert sentence.removeprefix(SAID).split("; ") == [
        "it moves 5.00 USD on the account 1000, not 6.00 USD",
        "it moves -8.50 USD on the account 1200, not -10.00 USD",
        "it moves 3.50 USD on the account 6100, not 4.00 USD",
    ]
    assert amount == "1.50"
    assert found([line(1, 1, "5.00"), *as_posted()[1:]]) == [
        (f"{SAID}it moves 5.00 USD on the account 1000, not 6.00 USD", "1.00")
    ]


def test_a_line_on_an_account_that_is_not_the_batch_s_is_told_by_its_id() -> None:
    """Or by none, where Fulfil does not tell of which account it is; that is never the account with the first id."""
    for account, named in ((77, "77"), (None, "None")):
        assert found([*as_posted(), line(4, account, "0.25")]) == [
            (f"{SAID}it moves 0.25 USD on the account with the id {named}, not 0.00 USD", "0.25")
        ]


def test_a_batch_of_which_one_account_has_another_code_now_is_not_compared() -> None:
    """What its lines are on cannot be told by its name any more."""
    lines = [line(1, 1, "5.00"), *as_posted()[1:]]
    assert found(lines, accounts={"1000": 1, "1200": 2}) == []
    assert found(lines, accounts={}) == []


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "move 21"),
        (2, "moves 21, 22"),
        (5, "moves 21, 22, 23, 24, 25"),
        (6, "moves 21, 22, 23, 24, 25 and more"),
    ],
)
def test_entries_beside_a_batch_are_named_five_of_them(count: int, named: str) -> None:
    """And what all of them move counts."""
    beside = [LedgerMove(id=21 + place, description="r", state="posted") for place in range(count)]
    lines = [*as_posted(), *(line(30 + place, 1, None, "0.10", move=21 + place) for place in range(count))]
    ((sentence, amount),) = found(lines, beside=beside)
    assert sentence.startswith(f"{SAID}together with the {named} beside it, it moves ")
    assert Decimal(amount) == Decimal("0.10") * count


def test_a_sentence_is_cut_at_five_hundred_characters() -> None:
    """However many accounts differ."""
    ((sentence, _),) = found([*as_posted(), *(line(10 + place, 100 + place, "1.00") for place in range(20))])
    assert len(sentence) == 500
