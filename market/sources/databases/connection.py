"""Read-only connections to SQL databases. No password appears in an error or a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradesieve.market.errors import BadInput
from tradesieve.market.extras import require_extra

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_TIMEOUT = 10  # seconds until a server that does not answer has failed


def is_database(text: str) -> bool:
    """Tell whether a text is the URL of a database, not the name of a file."""
    return "://" in text


@dataclass(frozen=True)
class Database:
    """A database from which bars are read; nothing is ever written to it.

    Parameters
    ----------
    url : of SQLAlchemy, ``sqlite:///file.db`` or ``postgresql://user:password@host:port/database``. A password may also
        come from ``PGPASSWORD`` or ``~/.pgpass``; it is never shown, nor is the query part of the URL.

    Raises
    ------
    BadInput : if the URL is not valid or of another kind of database, or an SQLite file does not exist.
    """

    url: str

    def __post_init__(self) -> None:
        kind = self.url.partition("://")[0].partition("+")[0].lower()
        if kind not in _DRIVERS:
            raise BadInput(f"database {kind!r} is not supported: use sqlite or postgresql")
        if kind == "sqlite" and not Path(self._parsed().database or "").is_file():
            raise BadInput(f"{self.name}: file not found")

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    @property
    def name(self) -> str:
        """The URL without password and query, for errors and tables."""
        url = self._parsed()
        place = f"{url.username}@" * bool(url.username) + (url.host or "") + (f":{url.port}" if url.port else "")
        return f"{url.drivername.partition('+')[0]}://{place}/{url.database or ''}"

    def _parsed(self) -> Any:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.url)
        except (ArgumentError, ValueError):
            kind = self.url.partition("://")[0]
            # The text that could not be parsed may hold a password.
            raise BadInput(
                f"the URL of the {kind} database is not valid: write {kind}://user:password@host:port/database, "
                "with %40 for an @ in the password"
            ) from None
        return url.set(drivername=_DRIVERS[url.get_backend_name()])

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Open a read-only connection.

        Raises
        ------
        BadInput : if the server does not answer, or the database refuses; the password is masked.
        """
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._engine()
        try:
            with engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise BadInput(f"{self.name}: {self._mask_password(reason)}") from None
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        url = self._parsed()
        if url.get_backend_name() != "sqlite":
            require_extra("psycopg", "postgres")
            return create_engine(
                url,
                poolclass=NullPool,
                hide_parameters=True,
                connect_args={"connect_timeout": _TIMEOUT},
                execution_options={"postgresql_readonly": True},
            )

        def read_only() -> Any:
            import sqlite3

            return sqlite3.connect(f"file:{quote(str(url.database))}?mode=ro", uri=True, timeout=_TIMEOUT)

        return create_engine("sqlite://", poolclass=NullPool, creator=read_only, hide_parameters=True)

    def _mask_password(self, text: str) -> str:
        url = self._parsed()
        secrets = [str(url.password or ""), *(str(value) for key, value in url.query.items() if "pass" in key.lower())]
        for secret in filter(None, [*secrets, *(quote(secret, safe="") for secret in secrets)]):
            text = text.replace(secret, "***")
        return text
