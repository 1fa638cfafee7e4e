"""The command line: `commands` names all commands, and the modules beside it hold what each group of them does."""
