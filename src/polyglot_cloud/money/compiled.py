"""Statements that SQLAlchemy compiles once and the driver runs: for what every call costs."""

import sqlite3
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.dialects.sqlite import dialect


class Compiled:
    """For statements whose lists are written out (`IN` with parameters is only known when SQLAlchemy runs it itself)."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=dialect(paramstyle="named"))
        self._sql, self._given = str(compiled), dict(compiled.params)

    def run(self, connection: Connection, **values: Any) -> sqlite3.Cursor:
        """Within the connection's transaction. Raises sqlite3.Error."""
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # typed Any | None
        return driver.execute(self._sql, self._given | values)
