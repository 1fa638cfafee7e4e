"""Whatever is in a file: its figures are those of an independent oracle, exact, in currencies of 0, 2 and 3 digits.

The oracle knows nothing of readers: it adds fractions, from the very integers that the files are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from flows.payouts import PayoutFormat, PayoutUnreadable
from flows.payouts.parts import amount_in, amounts_in, id_in, ids_in, instant_in, unix_instant, unix_instants
from tests.unit import payout_files as files
from tests.unit.payout_files import Read

T = TypeVar("T")
DIGITS = {"JPY": 0, "USD": 2, "KWD": 3}
KINDS = {"charge": "sale", "refund": "refund", "stripe_fee": "fee", "topup": "top_up", "what": "unexplained"}
rows = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.integers(-(10**9), 10**9), st.integers(0, 10**6)), max_size=12
)


def text(units: int, digits: int) -> str:
    return str(Decimal(units).scaleb(-digits))


def oracle(found: list[tuple[str, int, int]], digits: int) -> tuple[Fraction, dict[str, Fraction]]:
    """The net and the sums by class."""
    classes: dict[str, Fraction] = {}
    for type_, amount, fee in found:
        for kind, units in ((KINDS[type_], amount), ("fee", -fee)):
            classes[kind] = classes.get(kind, Fraction(0)) + Fraction(units, 10**digits)
    return sum(classes.values(), Fraction(0)), {kind: total for kind, total in classes.items() if total}


def as_files(found: list[tuple[str, int, int]], currency: str, paid: int) -> dict[str, bytes]:
    """The same lines as two providers write them."""
    digits = DIGITS[currency]
    transactions = [
        files.stripe_line(f"txn_{number}", type_, amount, fee, currency=currency.lower())
        for number, (type_, amount, fee) in enumerate(found)
    ]
    transactions.append(files.stripe_line("txn_p", "payout", -paid, currency=currency.lower(), source="77"))
    lines: list[Any] = [
        files.shopify_line(
            number, type_, text(amount, digits), text(fee, digits), text(amount - fee, digits), currency=currency
        )
        for number, (type_, amount, fee) in enumerate(found)
        if type_ != "topup"
    ]
    payout = {**files.SHOPIFY_PAYOUT, "currency": currency, "amount": text(paid, digits)}
    return {"stripe": files.stripe(transactions), "shopify": files.shopify(lines, payout)}


@given(rows, st.sampled_from(sorted(DIGITS)), st.integers(-2, 2))
def test_every_figure_is_the_oracles(found: list[tuple[str, int, int]], currency: str, off: int) -> None:
    """Net, each class, and by how much a payout does not tie: the same as with fractions, to the last digit."""
    digits = DIGITS[currency]
    for format_, content in as_files(found, currency, sum(a - f for _, a, f in found) - off).items():
        kept = [each for each in found if format_ == "stripe" or each[0] != "topup"]
        net, classes = oracle(kept, digits)
        read = Read(content, format_)
        sums, proof = read.examined.sums("77"), read.proof("77")
        assert Fraction(sums.net) == net
        assert {kind.value: Fraction(total) for kind, total in sums.classes.items()} == classes
        if sums.lines and len(kept) == len(found):
            assert proof.verdict == ("contradicted" if off else "proven")
            assert Fraction(proof.difference) == Fraction(off, 10**digits)


@given(rows, st.data())
def test_the_order_of_lines_and_what_stands_twice_change_no_figure(
    found: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """Lines have ids: shuffled, or with some of them again, they come to the same sums."""
    lines = [files.stripe_line(f"t{number}", *each) for number, each in enumerate(found)]
    twice = data.draw(st.lists(st.sampled_from(lines), max_size=4)) if lines else []
    lines.append(files.stripe_line("p", "payout", -1, source="77"))
    again = data.draw(st.permutations([*lines, *twice]))
    one, other = Read(files.stripe(lines), "stripe"), Read(files.stripe(again), "stripe")
    assert other.examined.sums("77") == one.examined.sums("77")
    assert other.examined.counts["repeated"] == len(again) - len(lines)


FILES: dict[str, tuple[bytes, str | PayoutFormat]] = {
    "shopify": (files.shopify(), "shopify"),
    "shopify-csv": (files.SHOPIFY_CSV.encode(), "shopify-csv"),
    "shopify-graphql": (
        files.graphql({"nodes": [files.GRAPHQL_PAYOUT]}, {"nodes": list(map(files.graphql_line, files.SHOPIFY_LINES))}),
        "shopify-graphql",
    ),
    "stripe": (files.stripe(), "stripe"),
    "stripe-csv": (files.STRIPE_CSV.encode(), "stripe-csv"),
    "paypal": (files.paypal(), "paypal"),
    "mollie": (files.mollie(), "mollie"),
    "amazon": (files.AMAZON.encode(), "amazon"),
    "adyen": (files.GENERIC_CSV.encode(), files.generic()),
}
DAMAGE = (
    *(b"", b"null", b"{}", b"[]", b'""', b"1e400", b"-1", b"true", b'"\\ud800"', b"\x00", b"\xff", b",", b'"', b"\n"),
    *(b'"2026-13-45"', b"9" * 60, b"9" * 19, b"1E5", b"=1+1", b"NaN"),
)


@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.sampled_from(DAMAGE)),
                                                min_size=1, max_size=3))  # fmt: skip
def test_a_damaged_file_is_read_or_refused_with_its_place(name: str, damage: list[tuple[float, int, bytes]]) -> None:
    """Whatever stands where, nothing else comes out of a reader; what is read has exact sums."""
    content, format_ = FILES[name]
    for where, length, put in damage:
        at = int(where * len(content))
        content = content[:at] + put + content[at + length :]
    read, refused = read_or_refused(content, format_)
    if read is None:
        assert refused
        return
    for payout in read.examined.headers:
        sums = read.examined.sums(payout)
        assert sums.net == sum(sums.classes.values(), Decimal(0))
        read.proof(payout)


def read_or_refused(content: bytes, format_: str | PayoutFormat) -> tuple[Read | None, str]:
    """What was read; or nothing, and the place at which it was refused."""
    try:
        return Read(content, format_), ""
    except PayoutUnreadable as refused:
        return None, refused.place


@given(st.integers(0, 600), st.sampled_from(["stripe", "shopify", "paypal", "mollie"]))
def test_a_file_that_is_cut_off_is_refused(cut: int, format_: str) -> None:
    """Wherever it ends: never a part of it, unless what is missing is nothing but white space."""
    content = {"stripe": files.stripe(), "shopify": files.shopify(), "paypal": files.paypal(), "mollie": files.mollie()}
    whole = content[format_]
    try:
        Read(whole[: max(1, len(whole) - 1 - cut)], format_)
    except PayoutUnreadable:
        return
    ends = whole[: max(1, len(whole) - 1 - cut)]
    assert ends.count(b"{") == ends.count(b"}"), "what was read is whole documents only"


@given(st.lists(st.one_of(st.decimals(places=2, min_value=-(10**9), max_value=10**9).map(str),
                          st.text("0123456789.,-\n '", max_size=8)), max_size=6))  # fmt: skip
def test_a_column_of_amounts_is_read_as_each_of_them(texts: list[str]) -> None:
    """Looking at many together changes neither what is read nor what is said of the first that is none."""
    assert read_or_said(lambda: amounts_in(texts)) == read_or_said(lambda: [amount_in(each) for each in texts])


@given(st.lists(st.one_of(st.integers(), st.none(), st.booleans(), st.text("07é \n", max_size=4)), max_size=6))
def test_a_column_of_ids_is_read_as_each_of_them(ids: list[object]) -> None:
    """Also when all are numbers, of whatever size."""
    numbers = [each for each in ids if type(each) is int]
    assert read_or_said(lambda: ids_in(ids)) == read_or_said(lambda: list(map(id_in, ids)))
    assert ids_in(numbers) == list(map(id_in, numbers))


@given(st.lists(st.integers(-(10**11), 3 * 10**11), max_size=6))
def test_a_column_of_seconds_is_read_as_each_of_them(seconds: list[int]) -> None:
    """Before 1970, too; what is no time is said as of one."""
    assert read_or_said(lambda: unix_instants(seconds)) == read_or_said(lambda: list(map(unix_instant, seconds)))


def read_or_said(read: Callable[[], list[T]]) -> list[T] | str:
    """What was read, or the complaint."""
    try:
        return read()
    except ValueError as said:
        return str(said)


YEARS = datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2040-01-01")
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns")
OFFSETS = {"": None, "Z": 0, "+00:00": 0, "-05:00": -300, "+05:30": 330, " UTC": 0}


@given(st.datetimes(*YEARS), st.sampled_from(ZONES), st.sampled_from([*OFFSETS]))
def test_an_instant_is_that_of_its_offset_or_else_of_the_zone(moment: datetime, zone: str, offset: str) -> None:
    """Whatever clocks do at that hour, and by however many minutes."""
    moment, minutes = moment.replace(microsecond=0, fold=0), OFFSETS[offset]
    there = ZoneInfo(zone) if minutes is None else timezone(timedelta(minutes=minutes))
    expected = moment.replace(tzinfo=there).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for between in "T ":
        assert instant_in(f"{moment.isoformat(between)}{offset}", ZoneInfo(zone)) == expected
