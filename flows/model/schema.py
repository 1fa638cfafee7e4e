"""The tables of the projections, beside the runtime's own."""

from __future__ import annotations

from importlib.resources import files

from runtime.journal.schema import Schema

ORDERS = Schema("orders", files("flows.model") / "migrations", files("flows.model") / "queries.sql")
