"""A file of payouts on its way in: opened, read once to see what is in it, and once more to be sent in pages.

Both happen in the process of whoever imports it, so that a long file never holds up the running Seamline. Nothing is
sent before the whole file was read without a complaint; no more of it is in memory than its ids and a page per payout.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import cast

import msgspec

from flows.model.payout import PayoutLine
from flows.payout_importer.messages import FINDINGS_PER_PAGE_MAX, LINES_PER_PAGE_MAX, PayoutPage
from flows.payouts import (
    PAYOUT_FORMATS,
    GenericPayoutSettings,
    PayoutFormat,
    PayoutUnreadable,
    Source,
    generic_format,
    recognised,
)
from flows.payouts.examining import Examined
from flows.payouts.parts import HEAD_BYTES
from flows.payouts.unread import is_empty, unread
from runtime.errors import SeamlineError

_TOLD_EVERY = 1_000
"""How often a bar moves, in lines."""


class PayoutFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how it is read."""

    source: Source
    format: PayoutFormat
    digest: str
    """Of all of its bytes, hex."""

    def lines(self, examined: Examined) -> Iterator[PayoutLine]:
        """Its lines that count; `examined` notes everything else. Raises PayoutUnreadable with the place."""
        return examined.lines(self.format.read(self.source))


def formats_of(generic: Mapping[str, GenericPayoutSettings]) -> dict[str, PayoutFormat]:
    """Every format by its name, those of the configuration among them."""
    return {**PAYOUT_FORMATS, **{name: generic_format(name, settings) for name, settings in generic.items()}}


@contextlib.contextmanager
def opened(
    path: Path,
    formats: Mapping[str, PayoutFormat],
    format_: str = "",
    *,
    zone: tzinfo = UTC,
    encoding: str = "utf-8",
) -> Iterator[PayoutFile]:
    """A file for reading. Raises PayoutUnreadable when its beginning is that of no format, and SeamlineError when it is
    not there, or is to be read as a format that there is none of.
    """
    if format_ and format_ not in formats:
        raise SeamlineError(f"there is no format {format_!r}; there are {', '.join(sorted(formats))}")
    with _content(path) as content:
        head = bytes(content[:HEAD_BYTES])
        if is_empty(head) and len(content) <= HEAD_BYTES:
            raise PayoutUnreadable("", "it is empty")
        found = formats[format_] if format_ else recognised(content)
        if found is None:
            named = ", ".join(sorted(formats))
            said = (
                f"it is not recognised as any format; say with --format which it is: {named}. "
                "A CSV of any other provider is read by a map of its columns, [payout_formats]"
            )
            raise PayoutUnreadable("", unread(head, formats.values()) or said)
        digest = hashlib.sha256(content).hexdigest()
        yield PayoutFile(source=Source(content=content, zone=zone, encoding=encoding), format=found, digest=digest)


@contextlib.contextmanager
def _content(path: Path) -> Iterator[bytes]:
    """All bytes of a file, mapped rather than read."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                yield b""
                return
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped with the last look at it
        yield cast("bytes", mapped)
    except OSError as error:
        raise SeamlineError(f"{path} cannot be read ({error.strerror})") from None


def examine(file: PayoutFile, on_lines: Callable[[int], None] = lambda _lines: None) -> Examined:
    """Read all of it once. Raises PayoutUnreadable; `on_lines` hears how many lines have passed."""
    examined = Examined()
    for number, _ in enumerate(file.lines(examined), start=1):
        if number % _TOLD_EVERY == 0:
            on_lines(number)
    return examined


def pages_of(
    file: PayoutFile, examined: Examined, *, sales_channel: str, run: str, bank: Decimal | None = None
) -> Iterator[PayoutPage]:
    """All pages of a file that was examined, those of one payout in order."""
    left = {payout: _pages(examined.lines_of(payout)) for payout in examined.headers}
    open_: dict[str, list[PayoutLine]] = {}
    numbers = dict.fromkeys(examined.headers, 0)

    def page(payout: str, lines: Iterable[PayoutLine]) -> PayoutPage:
        numbers[payout] += 1
        first = numbers[payout] == 1
        return PayoutPage(
            sales_channel=sales_channel,
            provider=file.format.provider,
            header=examined.headers[payout],
            run=run,
            page=numbers[payout],
            pages=left[payout],
            lines=tuple(lines),
            findings=examined.found_of(payout)[:FINDINGS_PER_PAGE_MAX] if first else (),
            bank=bank,
        )

    for line in file.lines(Examined()):
        lines = open_.setdefault(line.payout, [])
        lines.append(line)
        if len(lines) == LINES_PER_PAGE_MAX:
            yield page(line.payout, open_.pop(line.payout))
    for payout in examined.headers:
        if payout in open_ or numbers[payout] == 0:
            yield page(payout, open_.get(payout, ()))


def _pages(lines: int) -> int:
    return max(1, -(-lines // LINES_PER_PAGE_MAX))
