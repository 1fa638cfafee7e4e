"""Patchworks, the iPaaS: the intake for what it delivers."""
