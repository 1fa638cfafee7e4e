"""A month that closes: what still stands against it, and the reports that print twice the same. Pure; `flows/reading`
has the rows, `flows/cli/close.py` and `flows/cli/reports.py` the commands.
"""
