"""A report as a page of HTML that needs nothing beside itself: no script, nothing from elsewhere, charts as SVG. Pure.

Bars are as long as their share of the longest one, in whole thousandths: no binary fraction decides a byte of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Final

from flows.model.money import EXACT, ZERO, quotient
from flows.monthly.report import DIFFERENCE, DIFFERS, Cell, Chart, Report, Section, text_of

_BAR, _GAP, _LABELS, _WIDTH, _FIGURES = 18, 8, 190, 420, 150
_LABEL_MAX: Final = 22
_STYLE: Final = """
:root { color-scheme: light; --ink: #1d2733; --faint: #5d6b7a; --line: #d9dfe6; --in: #2f6f9f; --out: #b3562f; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 2.5rem auto; max-width: 72rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; }
p { margin: .3rem 0; } .about, .note, footer { color: var(--faint); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; font-size: 14px; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; border-bottom: 2px solid var(--line); white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.d { white-space: nowrap; } tr.off td { font-weight: 600; background: #fbeee7; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; } figure { margin: .8rem 0 0; }
figcaption { font-weight: 600; } svg { max-width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.in { fill: var(--in); } .out { fill: var(--out); } .axis { stroke: var(--line); }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: 13px; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } table { font-size: 10px; } tr, figure { break-inside: avoid; } }
"""  # noqa: E501 - lines of a style sheet
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(report: Report) -> str:
    """The whole page. The same report is the same bytes."""
    return "\n".join(_page(report)) + "\n"


def as_of_text(moment: datetime | None) -> str:
    """Up to which fact the books are, in words."""
    return "nothing in the books" if moment is None else f"the newest fact in it is of {moment:%Y-%m-%d %H:%M:%S}Z"


def _page(report: Report) -> Iterator[str]:
    title = f"{report.title}, {report.month}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(title)}</h1>"
    about = f"Business days of {report.time_zone}; {as_of_text(report.as_of)}."
    yield f'<p class="about">{escape(about)}</p>'
    yield from (f'<p class="note">{escape(remark)}</p>' for remark in report.remarks)
    if report.charts:
        yield '<div class="charts">'
        for chart in report.charts:
            yield from _chart(chart)
        yield "</div>"
    for section in report.sections:
        yield from _section(section)
    yield f"<footer>Digest of the content: <code>{report.digest}</code>. Two prints with one digest say the same."
    yield "</footer>"
    yield "</body></html>"


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    if section.note:
        yield f'<p class="note">{escape(section.note)}</p>'
    if not section.rows:
        yield f"<p>{escape(section.empty)}</p>"
        return
    numbers = [any(_is_number(row[place]) for row in section.rows) for place in range(len(section.head))]
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(_cell("th", name, number=number) for name, number in zip(section.head, numbers, strict=True))
    yield "</tr></thead><tbody>"
    for row in section.rows:
        cells = (_cell("td", cell, number=number) for cell, number in zip(row, numbers, strict=True))
        off = ' class="off"' if _stands_out(section, row) else ""
        yield f"<tr{off}>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Decimal | int)


def _stands_out(section: Section, row: Sequence[Cell]) -> bool:
    """Whether it is a difference that somebody has to look into."""
    named = any(isinstance(cell, str) and cell.startswith(DIFFERENCE) for cell in row)
    return named or any(name == DIFFERS and cell for name, cell in zip(section.head, row, strict=True))


def _cell(tag: str, cell: Cell, *, number: bool) -> str:
    kind = ' class="n"' if number else ' class="d"' if isinstance(cell, date) else ""
    return f"<{tag}{kind}>{escape(text_of(cell))}</{tag}>"


def _chart(chart: Chart) -> Iterator[str]:
    """Bars from a middle line: to the right what comes in, to the left what goes out."""
    most = max((abs(bar.amount) for bar in chart.bars), default=ZERO)
    has_minus = any(bar.amount < ZERO for bar in chart.bars)
    has_plus = any(bar.amount > ZERO for bar in chart.bars) or not has_minus
    half = _WIDTH // 2 if has_minus and has_plus else _WIDTH
    axis = _LABELS + (half if has_minus else 0)
    height, width = len(chart.bars) * (_BAR + _GAP), _LABELS + _WIDTH + _FIGURES
    yield f"<figure><figcaption>{escape(chart.title)}</figcaption>"
    yield f'<svg role="img" aria-label="{escape(_said(chart))}" width="{width}" viewBox="0 0 {width} {height}">'
    for place, bar in enumerate(chart.bars):
        top = place * (_BAR + _GAP)
        text, length = top + _BAR - 4, _length(abs(bar.amount), most, half)
        left = f"{axis - Decimal(length):f}" if bar.amount < ZERO else str(axis)
        side = "out" if bar.amount < ZERO else "in"
        yield f'<text x="0" y="{text}">{escape(_cut(bar.label))}</text>'
        yield f'<rect class="{side}" x="{left}" y="{top}" width="{length}" height="{_BAR}"/>'
        figure = f"{text_of(bar.amount)} {chart.unit}"
        yield f'<text x="{width}" y="{text}" text-anchor="end">{escape(figure)}</text>'
    yield f'<line class="axis" x1="{axis}" x2="{axis}" y1="0" y2="{height}"/></svg></figure>'


def _cut(label: str) -> str:
    """A label as it fits beside the bars: its beginning and its end, which tell names apart."""
    return label if len(label) <= _LABEL_MAX else f"{label[:13]}…{label[-8:]}"


def _said(chart: Chart) -> str:
    return f"{chart.title}: " + ", ".join(f"{bar.label} {text_of(bar.amount)}" for bar in chart.bars)


def _length(amount: Decimal, most: Decimal, pixels: int) -> str:
    return f"{quotient(EXACT.multiply(amount, Decimal(pixels)), most, 3):f}" if most else "0"
