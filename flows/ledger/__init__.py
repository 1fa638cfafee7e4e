"""Postings into the ledger: what Fulfil does not post itself (rule 18), in balanced batches, once each."""
