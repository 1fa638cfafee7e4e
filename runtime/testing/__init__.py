"""Harnesses for actors and connectors: virtual time, crash points, conformance suites."""
