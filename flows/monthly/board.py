"""The close board: everything that still stands between now and a clean month, by check and currency. Pure.

Things are gathered as `Item`s by `flows.monthly.gathering`; here they are counted, added up exactly, and each row gets
whose it is and the next command. What is older than the month stands against it, too: one row for each currency says
so, and where to look, since a month is not closed on top of one that is open. There each thing counts once, in however
many rows of its own month it stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from flows.exceptions.kinds import KINDS
from flows.model.money import ZERO, exactly
from flows.model.month import Month, Stage, month_of
from flows.monthly.checks import CHECKS, Check, names_one


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a check has found. `amount` is what is at stake of it, never negative; None: no money is.

    `of` tells rows of one check apart. `key` is by what the thing is known.
    """

    check: Check
    day: date
    """Its business day."""
    key: str = ""
    of: str = ""
    currency: str = ""
    amount: Decimal | None = None


class BoardRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one check has found in one currency ('' where no money is at stake). `next`: the command that shows it."""

    check: Check
    stands: bool
    """Whether the month is not clean while it is there."""
    what: str
    count: int
    amount: Decimal | None
    currency: str
    oldest: date
    owner: str
    next: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A month as it stands now. `clean`: it is over, and nothing stands."""

    month: str
    stage: Stage
    time_zone: str
    clean: bool
    rows: tuple[BoardRow, ...]

    @property
    def standing(self) -> int:
        """How many rows stand against it."""
        return sum(row.stands for row in self.rows)

    @property
    def sentence(self) -> str:
        """How the month is, in words."""
        if self.stage == "running":
            stands = f"; {_rows(self.standing)} so far" if self.standing else "; nothing stands so far"
            return f"{self.month} is not over in {self.time_zone}, so it cannot be clean yet{stands}"
        if self.clean:
            return f"{self.month} is clean: nothing stands against it"
        return f"{self.month} is not clean: {_rows(self.standing)}"


class BoardItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that stands in a row. `check`: the question that has found it, also where it is of an earlier month."""

    check: Check
    day: date
    what: str
    key: str
    amount: Decimal | None
    currency: str
    next: str


def _rows(count: int) -> str:
    return f"{count} rows stand" if count > 1 else "1 row stands"


@exactly
def board_of(items: Iterable[Item], month: Month, today: date, time_zone: str) -> Board:
    """The board of a month that has begun. What is of later months is left out."""
    found: dict[tuple[int, str, str], list[Item]] = {}
    order = {check: place for place, check in enumerate(Check)}
    for item in items:
        if item.day > month.last or (item.day < month.first and not CHECKS[item.check].stands):
            continue
        check, of = (item.check, item.of) if item.day >= month.first else (Check.EARLIER, "")
        found.setdefault((order[check], of, item.currency), []).append(item)
    _once(found, order[Check.EARLIER])
    checks = tuple(Check)
    rows = tuple(_row(checks[place], of, found[place, of, currency], month) for place, of, currency in sorted(found))
    stage = month.stage(today)
    clean = stage == "over" and not any(row.stands for row in rows)
    return Board(month=str(month), stage=stage, time_zone=time_zone, clean=clean, rows=rows)


@exactly
def items_of(items: Iterable[Item], month: Month, check: Check) -> tuple[BoardItem, ...]:
    """Everything that stands in the rows of one check, the oldest first; of `earlier` all that is older."""
    if check is Check.EARLIER:
        found = [item for item in items if item.day < month.first and CHECKS[item.check].stands]
    else:
        found = [item for item in items if item.check is check and month.first <= item.day <= month.last]
    found.sort(key=lambda item: (item.day, item.check, item.of, item.key, item.currency))
    rows = [(item, _row(item.check, item.of, [item], month_of(item.day))) for item in found]
    return tuple(
        BoardItem(
            check=item.check, day=item.day, what=row.what, key=item.key, amount=item.amount, currency=item.currency,
            next=row.next,
        )
        for item, row in rows
    )  # fmt: skip


def _once(found: dict[tuple[int, str, str], list[Item]], place: int) -> None:
    """Each thing of earlier months once: with the most that is at stake of it in a row of its month, in each currency;
    and without money only where there is none.
    """
    earlier = [item for (of, _, _), group in found.items() if of == place for item in group]
    for key in [key for key in found if key[0] == place]:
        del found[key]
    with_money = {item.key for item in earlier if item.amount is not None}
    things: dict[tuple[str, str], dict[tuple[Check, str], list[Item]]] = {}
    for number, item in enumerate(earlier):
        if item.amount is None and item.key and item.key in with_money:
            continue
        rows = things.setdefault((item.currency, item.key or f"\0{number}"), {})
        rows.setdefault((item.check, item.of), []).append(item)
    for (currency, _), rows in things.items():
        stakes = [[item.amount for item in group if item.amount is not None] for group in rows.values()]
        most = max((sum(amounts, ZERO) for amounts in stakes if amounts), default=None)
        oldest = min((item for group in rows.values() for item in group), key=lambda item: item.day)
        found.setdefault((place, "", currency), []).append(replace(oldest, amount=most))


def _row(check: Check, of: str, group: list[Item], month: Month) -> BoardRow:
    oldest = min(group, key=lambda item: (item.day, item.key))
    text, kind = CHECKS[check], KINDS.get(of)
    amounts = [item.amount for item in group if item.amount is not None]
    named = {
        "of": of,
        "title": of if kind is None else kind.title,
        "key": oldest.key,
        "day": str(oldest.day),
        "from_": str(month.first),
        "to": str(month.last),
        "month": str(month_of(oldest.day)),
    }
    shown = text.next
    if len(group) > 1 and names_one(check):
        shown = f"seamline close {month} --items {check.value}"
    return BoardRow(
        check=check,
        stands=text.stands,
        what=text.what.format(**named),
        count=len(group),
        amount=sum(amounts, ZERO) if amounts else None,
        currency=oldest.currency,
        oldest=oldest.day,
        owner=(text.owner if kind is None else kind.owner).value,
        next=shown.format(**{name: shlex.quote(value) for name, value in named.items()}),
    )
