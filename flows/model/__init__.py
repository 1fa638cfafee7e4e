"""Shared words of the flows: money, orders, proofs, what passes between actors, and the rows that people list."""
