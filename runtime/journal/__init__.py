"""The journal: everything that must survive the process, in one SQLite file with one writer."""
