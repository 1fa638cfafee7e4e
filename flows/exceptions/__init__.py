"""Everything that can be held, wrong or late, and whose it is."""
