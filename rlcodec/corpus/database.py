"""An SQLite file of one kind and version: opened with care, its errors told in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlcodec.errors import StoreError

_APPLICATION_ID = 0x726C6364  # "rlcd": tells a store from any other SQLite file
_WAIT_S = 60.0
"""How long a writer waits for another one, which holds the file for some milliseconds at a time."""


class Database:
    """One open file. What is executed outside a `transaction` is one of its own."""

    def __init__(self, path: Path, schema: str, version: int, *, create: bool) -> None:
        """Open a file, or with `create` make one by `schema` where there is none.

        Raises:
            StoreError: there is no such file, it is of another kind, or of another version.
        """
        self._path = path
        if not create and not path.is_file():
            raise StoreError(f"{path}: there is no such store; rlcodec corpus add makes one")
        with self._explained():
            # `transaction` alone begins and ends them. The whole path keeps a name like :memory:
            # from being read as something else.
            self._connection = sqlite3.connect(
                path.absolute(), timeout=_WAIT_S, isolation_level=None
            )
        try:
            with self._explained():
                self._connection.execute("PRAGMA foreign_keys = ON")
                if create and self._is_empty():
                    self._make(schema, version)
                self._check(version)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def execute(self, statement: str, values: tuple[object, ...]) -> None:
        """Change something."""
        self._connection.execute(statement, values)

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Every row that a query finds."""
        with self._explained():
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """The first row that a query finds."""
        rows = self.all(query, *values)
        return rows[0] if rows else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of a block or, if it raises, nothing; others write before or after it."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # Some errors have ended it already
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _make(self, schema: str, version: int) -> None:
        with self.transaction():
            if not self._is_empty():
                return  # another run was faster
            for statement in schema.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {version}")

    def _check(self, version: int) -> None:
        found = self._pragma("user_version")
        if self._pragma("application_id") != _APPLICATION_ID:
            raise StoreError(f"{self._path}: is no store of rlcodec's; name another file")
        if found != version:
            raise StoreError(
                f"{self._path}: is a store of version {found}, and this rlcodec knows version "
                f"{version}; begin a new store, or use the rlcodec that wrote it"
            )

    def _is_empty(self) -> bool:
        ((tables,),) = self._connection.execute("SELECT count(*) FROM sqlite_master")
        return not (tables or self._pragma("application_id") or self._pragma("user_version"))

    def _pragma(self, name: str) -> int:
        ((value,),) = self._connection.execute(f"PRAGMA {name}")
        return int(value)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {_explanation(error)}") from error


def _explanation(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_NOTADB":
        return "is no store of rlcodec's; name another file"
    if code == "SQLITE_BUSY":
        return f"another program has held the store for {_WAIT_S:g} s; run it again"
    if code.startswith("SQLITE_CANTOPEN"):
        return "the store cannot be opened; see that its folder is there and may be written"
    if code.startswith("SQLITE_READONLY"):
        return "the store cannot be written; check its permissions, and those of its folder"
    if code == "SQLITE_FULL" or code.startswith("SQLITE_IOERR"):
        return (
            f"the store cannot be written or read ({error}); what was kept is safe: see that there "
            "is room on the disk, and run it again"
        )
    return f"the store cannot be used: {error}"
