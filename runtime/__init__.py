"""Moves messages and keeps promises. Knows no vendor and no word of commerce."""
