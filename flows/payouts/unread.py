"""What a file is that no reader reads, as far as its beginning tells, and what to import instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flows.payouts.parts import BOM, PayoutFormat
from flows.payouts.table import has_columns, missing_of

_WIDE = "it is UTF-16, as spreadsheets write it; import it as it was downloaded"
_STL = "it is a settlement report of PayPal (STL); import what its Transaction Search API answers, as JSON"
_ACTIVITY = "it is the download of PayPal's activity; import what its Transaction Search API answers, as JSON"
_MARKS: Mapping[bytes, str] = {
    b"\xff\xfe": _WIDE,
    b"\xfe\xff": _WIDE,
    b"PK\x03\x04": "it is a spreadsheet or an archive (zip); import the text file that the provider offers, unpacked",
    b"\x1f\x8b": "it is compressed (gzip); unpack it first",
    b"%PDF": "it is a PDF; import the report that the provider offers as CSV or JSON",
    b"<": "it is XML or a web page; import the report as text, CSV or JSON",
    b'"RH"': _STL,
    b"RH,": _STL,
    b"RH\t": _STL,
}
"""By what a file begins with."""
_TABLES: Mapping[str, str] = {
    "date, time, gross, fee, net, transaction id": _ACTIVITY,
    "datum, uhrzeit, brutto, netto, transaktionscode": _ACTIVITY,
    "date, heure, avant commission, net, numéro de transaction": _ACTIVITY,
    "data, netto, codice transazione": _ACTIVITY,
    "id, settlement amount, settlement reference": (
        "it is an export of Mollie's; import the settlement from its API, or map its columns under [payout_formats]"
    ),
    "id, amount, amount refunded, fee, status": (
        "it is an export of Stripe's payments; import the one of its balance transactions (all activity), or a report"
    ),
    "type, id, created, converted amount, fees, net, converted currency": (
        "it is a list of Stripe's dashboard that names neither payouts nor balance transactions; import the report of "
        "payout reconciliation, itemized"
    ),
    "reporting category, count, gross": ("it is a summary of Stripe's, without its lines; import the itemized report"),
    "settlement-id, amount-type, amount-description": (
        "it is a settlement of Amazon's without its total; import the flat file as it was downloaded"
    ),
}
"""By the columns of a table."""
_BY_DATES = "it is a report of Amazon by dates; import the settlement report, flat file V2"
_ERRORS = (b'"errors"', b'"error"', b'"debug_id"')


_NEARLY = 2, 3
"""Of how many columns how many make a file nearly one of a format."""


def is_empty(head: bytes) -> bool:
    """Whether a file that begins so has nothing in it."""
    return not head.removeprefix(BOM).strip()


def unread(head: bytes, formats: Iterable[PayoutFormat] = ()) -> str:
    """The sentence about a file by its beginning; empty when nothing is known of it."""
    begun = head.removeprefix(BOM).lstrip()
    return next(_said_of(head, begun), "") or nearly(head, formats)


def nearly(head: bytes, formats: Iterable[PayoutFormat]) -> str:
    """Which columns are missing of the table that it is most nearly, as one with columns taken out; empty: of none."""
    some, of = _NEARLY
    found = [
        (len(missing) / len(columns), each.name, missing)
        for each in formats
        for columns in each.tables
        if len(missing := missing_of(head, columns)) * of <= len(columns) * (of - some)
    ]
    if not found:
        return ""
    _, name, missing = min(found)
    return (
        f"it is nearly a file of {name}, with columns taken out: there is no {', '.join(missing)}; "
        "import it as it was downloaded"
    )


def _said_of(head: bytes, begun: bytes) -> Iterator[str]:
    yield from (said for mark, said in _MARKS.items() if begun.startswith(mark))
    if begun.startswith(b"{") and any(each in begun for each in _ERRORS):
        yield "it is an answer that tells of an error, and of no payouts"
    if b"date/time" in begun and b"settlement id" in begun:
        yield _BY_DATES
    yield from (said for columns, said in _TABLES.items() if has_columns(head, columns.split(", ")))
