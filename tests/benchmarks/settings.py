"""What both sides of the benchmark, the world around them and the load have in common."""

from __future__ import annotations

SEED = 7
"""Seed of the orders and of the catalogue; the answering server knows the same products."""

PRODUCTS = 500
"""Length of the catalogue."""

ORDERS = 5_000
"""Orders of one round."""

IN_FLIGHT = 64
"""Requests that the generator keeps open, and calls that the floor keeps open."""
