"""Seamline between two sandboxes, with invented orders: what a stranger runs first."""
