"""Typed events feed metrics and logs; timeline facts in the journal feed spans."""
