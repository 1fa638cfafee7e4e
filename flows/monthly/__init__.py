"""A month that closes: what still stands against it, and the reports that print twice the same. Pure; `flows/reading_*`
has the rows, `flows/cli_close.py` and `flows/cli_reports.py` the commands.
"""
