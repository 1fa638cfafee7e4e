"""`python -m flows.cli` is `seamline`."""

from flows.cli.commands import main

main()
