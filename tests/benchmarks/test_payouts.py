"""The files that payouts are measured with are files of payouts: everything in them ties, and has its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.payouts import FORMATS, WRITERS, decode, drawn, known_of, reconcile


@pytest.mark.parametrize("format_", FORMATS)
def test_the_measured_files_are_reconciled_whole(tmp_path: Path, format_: str) -> None:
    """Each line is there, each sale and refund has its order, no payout is contradicted; a mere decode sees as many."""
    path = tmp_path / format_
    WRITERS[format_](path, 200)
    lines, linked, payouts = reconcile(path, format_, known_of(200))
    assert lines == 260
    assert linked == sum(kind in ("charge", "refund") for _, _, kind, _, _ in drawn(200))
    assert payouts == 1
    assert decode(format_, path.read_bytes()) == (260 if format_ == "shopify" else 261), "a head, or the payout itself"
