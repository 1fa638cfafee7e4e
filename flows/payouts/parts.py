"""What every reader of payouts needs: to say where in a file it stands, and to read amounts, days and instants one way.

A file is read whole or refused: the first thing in it that has no one meaning raises `PayoutUnreadable` with its place.
What is well-formed and contradicts itself is no reason to refuse; it is yielded as a `Finding`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import TypeGuard, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from flows.model.money import EXACT, ZERO, InvalidAmount, amount_of, currency_of, digits_of
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus, utc_text

T = TypeVar("T")
Part = PayoutHeader | PayoutLine | Finding
"""What a reader yields, in the order of the file."""

TEXT_MAX = 200
"""Longest id, number or word that is kept."""

_PLAIN = r"-?+[0-9]{1,18}+(?:\.[0-9]{1,12}+)?+"
_plain, _plain_column = re.compile(_PLAIN).fullmatch, re.compile(f"(?:{_PLAIN}\n)*+").fullmatch
_grouped = re.compile(r"-?[0-9]{1,3}(?:[,.' ][0-9]{3})+(?:[.,][0-9]+)?").fullmatch
_dressed = re.compile(
    r"(?P<open>\()?(?P<before>[-+\u2212])?(?:[A-Z]{3} ?|[$\u20ac\u00a3\u00a5] ?)?(?P<within>[-+\u2212])?"
    r"(?P<core>[0-9]{1,3}(?:[,.' ][0-9]{3})+(?:[.,][0-9]{1,12})?|[0-9]{1,18}(?:[.,][0-9]{1,12})?)"
    r"(?P<after>[-\u2212])?(?: ?[A-Z]{3}| ?[$\u20ac\u00a3\u00a5])?(?(open)\))"
).fullmatch
_comma = re.compile(r"-?[0-9]+,[0-9]{1,12}").fullmatch


class PayoutUnreadable(ValueError):
    """The file is refused as a whole. `place` says where in it, `reason` why and what now; it quotes no content
    but an amount that is written another way.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place, self.reason = place, reason


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file of payouts. `content` is all of its bytes (they may be mapped, not read)."""

    content: bytes
    zone: tzinfo = UTC
    """The time zone of times and days that the file gives without one."""
    encoding: str = "utf-8"


class PayoutFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One reader. Adding one: a module with its `READER`, an entry in `flows/payouts/__init__.py`, fixtures."""

    name: str
    provider: str
    """Whose payouts they are: payouts and lines have their ids from it, however they were read."""
    about: str
    recognises: Callable[[bytes], bool]
    """Whether a file is its own, by the first bytes of it (up to `HEAD_BYTES`)."""
    read: Callable[[Source], Iterator[Part]]
    """All parts of a file. Raises PayoutUnreadable, with its place."""
    tables: tuple[tuple[str, ...], ...] = ()
    """Where it reads tables: the columns that each kind of them has to have."""


BOM = b"\xef\xbb\xbf"
"""The mark of UTF-8 that a file may begin with."""
HEAD_BYTES = 65_536
"""How much of a file a reader sees to recognise it."""
BATCH = 256
"""How many lines are looked at together."""


_scaleb = EXACT.scaleb


def batches(found: Iterable[T]) -> Iterator[list[T]]:
    """What is read, many at a time. All that was read before a complaint comes before the complaint."""
    rest, batch = iter(found), list[T]()
    try:
        batch.extend(islice(rest, BATCH))
        while batch:
            yield batch
            batch = []
            batch.extend(islice(rest, BATCH))
    except PayoutUnreadable:
        yield batch  # what it was extended by before that
        raise


# -- amounts -----------------------------------------------------------------------------------------------------------


def amount_in(text: str, *, comma: bool = False, thousands: str = "") -> Decimal:
    """The exact amount of a cell such as `-12.50`; with `comma` such as `-12,50`; with `thousands`, what may stand
    between them.

    Raises InvalidAmount that says what is wrong: nothing but digits, one mark and a sign has one meaning.
    """
    if not comma and _plain(text) is not None:
        return Decimal(text)
    if thousands and _in_thousands(thousands, "," if comma else ".").fullmatch(text) is not None:
        text = text.replace(thousands, "")
    if comma:
        if _comma(text) is not None:
            text = text.replace(",", ".")
        elif "." in text and "," not in text:
            raise InvalidAmount("the decimal mark is a point, and elsewhere in this file it is a comma")
    if _plain(text) is not None:
        return Decimal(text)
    raise InvalidAmount(_why_none(text, "," if comma else "."))


def _why_none(text: str, mark: str) -> str:
    """Why a cell is no amount with this decimal mark, and how it must stand where that can be said."""
    if not text:
        return "the amount is missing"
    if _grouped(text) is not None and _comma(text) is None:
        return f"the amount has separators of thousands: {text!r} must stand as {_ungrouped(text, mark)}"
    if _comma(text) is not None:
        return f"the decimal mark is a comma: {text!r} must stand as {text.replace(',', '.')}"
    if stand := _undressed(text, mark):
        return f"the amount has a currency, brackets or another minus: {text!r} must stand as {stand}"
    return "it is not a plain decimal number such as -12.50"


def _undressed(text: str, mark: str) -> str:
    """`(1.23)`, `$1.23`, `-1.23 USD` and `1.23-` as they must stand with this decimal mark; empty for anything else."""
    found = _dressed(text)
    if found is None:
        return ""
    core = found["core"]
    if _grouped(core) is not None and _comma(core) is None:
        core = _ungrouped(core, mark)
    elif _comma(core) is not None and mark == ".":
        core = core.replace(",", ".")
    is_less = (found["open"] is not None) + sum(
        1 for name in ("before", "within", "after") if found[name] in ("-", "\u2212")
    )
    return f"-{core}" if is_less else core


@lru_cache(maxsize=16)
def _in_thousands(separator: str, mark: str) -> re.Pattern[str]:
    return re.compile(rf"-?[0-9]{{1,3}}(?:{re.escape(separator)}[0-9]{{3}})+(?:{re.escape(mark)}[0-9]{{1,12}})?")


def _ungrouped(text: str, mark: str) -> str:
    """A grouped amount with this decimal mark alone: the last separator is one when it is another than the first."""
    first, last = (next(each for each in text[::way] if each in ",.' ") for way in (1, -1))
    whole, _, rest = text.rpartition(last) if last != first else (text, "", "")
    digits = "".join(each for each in whole if each not in ",.' ")
    return f"{digits}{mark}{rest}" if rest else digits


def amounts_in(texts: Sequence[str]) -> list[Decimal]:
    """The exact amounts of a column of cells, looked at together, which takes a third of the time.

    Raises InvalidAmount as `amount_in` does for the first that is none.
    """
    column = "\n".join((*texts, ""))
    if column.count("\n") == len(texts) and _plain_column(column) is not None:
        return list(map(Decimal, texts))
    return [amount_in(each) for each in texts]


def json_amount(value: object) -> Decimal:
    """The exact amount of a JSON value, text or number. Raises InvalidAmount."""
    return amount_in(value) if type(value) is str else amount_of(value)


def json_amounts(values: Sequence[object]) -> list[Decimal]:
    """The exact amounts of many JSON values; quick when all are text, as nearly always. Raises InvalidAmount."""
    return amounts_in(values) if _are_texts(values) else [json_amount(each) for each in values]


def _are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return set(map(type, values)) == {str}


def from_minor(amount: int, digits: int) -> Decimal:
    """An amount in the smallest units of a currency: 1250 with two digits is 12.50."""
    return _scaleb(Decimal(amount), -digits) if digits else Decimal(amount)


@lru_cache(maxsize=256)
def currency_in(text: str | None) -> str:
    """A currency code, whatever its case. Raises InvalidAmount."""
    return currency_of((text or "").strip().upper())


def padded(amount: Decimal, currency: str) -> Decimal:
    """The amount with at least the digits of its currency: 5 EUR is 5.00."""
    digits = digits_of(currency)
    exponent = amount.as_tuple().exponent
    return amount if isinstance(exponent, int) and -exponent >= digits else EXACT.quantize(amount, _unit(digits))


@lru_cache(maxsize=8)
def _unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


# -- statuses ----------------------------------------------------------------------------------------------------------


def with_status(header: PayoutHeader, words: Mapping[str, PayoutStatus], word: str) -> PayoutHeader:
    """The header with its status; a word that the provider is not known to have says none, and is kept to be named."""
    status = words.get(word, PayoutStatus.UNKNOWN)
    odd = word if word and word not in words else ""
    return msgspec.structs.replace(header, status=status, odd_status=odd)


# -- days and instants -------------------------------------------------------------------------------------------------

_ISO_MIN = len("2026-01-31T09:30:00")
_HOUR = len("2026-01-31T09")
_MINUTES = len("30:00")
_is_minutes = re.compile("[0-5][0-9]:[0-5][0-9]").fullmatch
_OFFSETS = {
    **dict.fromkeys(("UTC", "GMT", "Z"), "+00:00"),
    "PST": "-08:00",
    "PDT": "-07:00",
    "EST": "-05:00",
    "EDT": "-04:00",
    "BST": "+01:00",
    "CET": "+01:00",
    "CEST": "+02:00",
    "JST": "+09:00",
}
"""Names of time zones that reports are written in (Amazon's marketplaces)."""
_moment = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*([A-Z]{1,4}|[+-]\d\d:?\d\d)?)?"
).fullmatch
_dotted = re.compile(r"\s*(\d\d)\.(\d\d)\.(\d{4})(.*)", re.DOTALL).fullmatch


def instant_in(text: str, zone: tzinfo) -> str:
    """The instant of a cell as UTC text; empty for an empty one. Without an offset it is local to `zone`; a day alone
    is its first moment there.

    Read are ISO 8601 and its like (`2026-01-03 10:00:00 UTC`); for `31.12.2026`, where a provider writes that, there is
    `year_first`. Raises ValueError.
    """
    hour, _, rest = text.partition(":")
    minutes, offset = _minutes_in(rest)
    if minutes and (in_utc := _hour_in(hour, offset, zone)):
        return in_utc + minutes  # nearly all are so: minutes are the same everywhere, and a file has few hours
    return _whole_instant_in(text, zone)


@lru_cache(maxsize=8_192)
def _minutes_in(rest: str) -> tuple[str, str]:
    """Minutes and seconds, such as `30:00`, in UTC, and the offset that stands after them; empty when they are none."""
    minutes, offset = rest[:_MINUTES], rest[_MINUTES:]
    return (f":{minutes}Z", offset) if _is_minutes(minutes) is not None else ("", "")


@lru_cache(maxsize=4_096)
def _hour_in(hour: str, offset: str, zone: tzinfo) -> str:
    """An hour such as `2026-01-31T09` in UTC; empty when it is none, or none there from its beginning to its end."""
    try:
        first, last = (_whole_instant_in(f"{hour}{minutes}{offset}", zone) for minutes in (":00:00", ":59:59"))
    except ValueError:
        return ""
    return first[:_HOUR] if first == f"{last[:_HOUR]}:00:00Z" and last.endswith(":59:59Z") else ""


def _whole_instant_in(text: str, zone: tzinfo) -> str:
    if len(text) < _ISO_MIN or text[10] not in "T ":
        return _instant_in(text, zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _instant_in(text, zone)
    if moment.tzinfo is None or moment.microsecond:
        moment = moment.replace(microsecond=0, tzinfo=moment.tzinfo or zone)
    return utc_text(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@lru_cache(maxsize=4_096)
def _instant_in(text: str, zone: tzinfo) -> str:
    text = text.strip()
    if not text:
        return ""
    found = _moment(text)
    if found is None:
        raise ValueError("it is no date such as 2026-01-31 or 2026-01-31T09:30:00Z")
    year, month, day, hour, minute, second, offset = found.groups()
    aware = zone
    if offset:
        shift = _OFFSETS.get(offset, offset)
        if shift[0] not in "+-":
            raise ValueError("its time zone is not known; an offset such as +01:00 is")
        aware = datetime.strptime(shift, "%z").tzinfo or UTC
    try:
        moment = datetime(*(int(each or 0) for each in (year, month, day, hour, minute, second)), tzinfo=aware)  # type: ignore[misc,arg-type]
    except ValueError:
        raise ValueError("there is no such day or time") from None
    return utc_text(moment.astimezone(UTC))


def year_first(text: str) -> str:
    """A day such as `31.12.2026`, and what stands behind it, as `2026-12-31`; anything else as it is."""
    turned = _dotted(text)
    return text if turned is None else f"{turned[3]}-{turned[2]}-{turned[1]}{turned[4]}"


def unix_instant(seconds: int) -> str:
    """Seconds since 1970 as UTC text. Raises ValueError when that is no time."""
    try:
        return utc_text(datetime.fromtimestamp(seconds, tz=UTC))
    except (OverflowError, OSError, ValueError):
        raise ValueError("it is no time") from None


def unix_instants(seconds: Sequence[int]) -> list[str]:
    """Many such instants, in a seventh of the time. Raises ValueError when one of them is no time."""
    try:
        texts: list[str] = msgspec.to_builtins(msgspec.convert(seconds, list[datetime], strict=False))
    except (msgspec.ValidationError, ValueError):
        return [unix_instant(each) for each in seconds]
    return texts


def day_in(text: str | None, zone: tzinfo) -> date | None:
    """The day of a cell, in `zone` where it is an instant; None for an empty one. Raises ValueError."""
    if not text or not text.strip():
        return None
    stripped = text.strip()
    if len(stripped) == len("2026-01-31"):
        return date.fromisoformat(instant_in(stripped, UTC)[:10])
    return datetime.fromisoformat(instant_in(stripped, zone)).astimezone(zone).date()


def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError that says what is right."""
    try:
        return UTC if name.upper() == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write it as Europe/Berlin or UTC") from None


def statement_of(account: str, currency: str, day: str, place: str = "") -> PayoutHeader:
    """An account's statement of one day (ISO 8601), as a payout: for lines that nobody assigns to a payout."""
    id_ = "-".join(filter(None, (account, currency, day)))
    return PayoutHeader(id=id_, currency=currency, is_statement=True, paid_on=date.fromisoformat(day), place=place)


# -- ids ---------------------------------------------------------------------------------------------------------------


def id_in(value: object) -> str:
    """An id as text, the same for 42 and "42"; empty for none. Raises ValueError for what is too long to be one."""
    if type(value) is int:
        return str(value)
    if type(value) is str:
        text = value.strip()
        if len(text) > TEXT_MAX or not text.isprintable():
            raise ValueError(f"it is no id of at most {TEXT_MAX} printable characters")
        return text
    if value is None:
        return ""
    raise ValueError("it is no id")


def ids_in(values: Sequence[object]) -> list[str]:
    """Many ids as text. Raises ValueError as `id_in` does for the first that is none."""
    if set(map(type, values)) == {int}:
        return msgspec.json.encode(values)[1:-1].decode().split(",")  # half the time of `str` for each
    return [id_in(each) for each in values]


def signed_class(amount: Decimal, gained: LineClass, lost: LineClass) -> LineClass:
    """Of two classes the one that the sign tells."""
    return lost if amount < ZERO else gained


def class_in(words: Mapping[str, LineClass], word: str) -> LineClass:
    """The class of a provider's word; unexplained when it is not known."""
    return words.get(word, LineClass.UNEXPLAINED)
