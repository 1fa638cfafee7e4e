"""Fulfil, the ERP: the client for its public API, and a sandbox that stands in for it."""
