"""Migrations: numbered `.sql` files per schema, each applied once; what is new, in one transaction with its records.

The runtime has a schema (`journal`); a flow may bring its own beside it, for projections. A store that holds a
migration that this code does not know was written by a newer version, and is refused before anything is written to it.
"""

from __future__ import annotations

import sqlite3
from importlib.abc import Traversable
from importlib.resources import files

import msgspec

from runtime.errors import StoreUnreadable


class Schema(msgspec.Struct, frozen=True):
    """A named set of tables: where its migrations lie, and the file of its named statements."""

    name: str
    migrations: Traversable
    queries: Traversable


JOURNAL = Schema("journal", files("runtime.journal") / "migrations", files("runtime.journal") / "queries.sql")


def migrate(connection: sqlite3.Connection, schemas: tuple[Schema, ...]) -> list[str]:
    """Bring the store up to these schemas. Returns the migrations applied now, as `schema/file`.

    Raises StoreUnreadable for a store of a newer version. A process that dies here leaves the store as it was.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration "
        "(schema TEXT, file TEXT, PRIMARY KEY (schema, file)) STRICT, WITHOUT ROWID"
    )
    applied = {f"{schema}/{file}" for schema, file in connection.execute("SELECT schema, file FROM migration")}
    known = {f"{schema.name}/{file.name}": (schema, file) for schema in schemas for file in _migrations(schema)}
    if newer := sorted(applied - known.keys()):
        raise StoreUnreadable(
            f"the store was written by a newer version of seamline (it has {', '.join(newer)}); "
            "run that version, or restore a backup made by this one"
        )
    todo = {name: migration for name, migration in known.items() if name not in applied}
    if todo:
        _apply(connection, list(todo.values()))
    return list(todo)


def _migrations(schema: Schema) -> list[Traversable]:
    return sorted((file for file in schema.migrations.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)


def _apply(connection: sqlite3.Connection, migrations: list[tuple[Schema, Traversable]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for schema, file in migrations:
            for statement in _split(file.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute("INSERT INTO migration (schema, file) VALUES (?, ?)", (schema.name, file.name))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _split(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit between them."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
