"""Payloads as vendors and others published them. They are read where they lie, and never copied into the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("SEAMLINE_PUBLISHED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def needs(folder: str = "") -> pytest.MarkDecorator:
    """Skips where the payloads, or those of one folder, are absent."""
    reason = "published payloads are not here; SEAMLINE_PUBLISHED_DATA names their folder"
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=reason)
