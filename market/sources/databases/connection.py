"""The door to SQL databases: a connection that only reads, and never tells its password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradesieve.market.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SECONDS = 10  # until a server that does not answer is given up


def is_database(text: str) -> bool:
    """Tell whether a text is the URL of a database rather than the name of a file."""
    return "://" in text


@dataclass(frozen=True)
class Database:
    """A database that bars are read from; nothing is ever written to it.

    Parameters
    ----------
    url : as SQLAlchemy writes it, ``sqlite:///file.db`` or ``postgresql://user:password@host:port/database``. A
        password may also come from ``PGPASSWORD`` or ``~/.pgpass``; it is never shown, nor is the rest of the query.

    Raises
    ------
    BadInput : if the URL is not understood, is that of another kind of database, or an SQLite file is not there.
    """

    url: str

    def __post_init__(self) -> None:
        kind = self.url.partition("://")[0].partition("+")[0].lower()
        if kind not in _DRIVERS:
            raise BadInput(f"a database of the kind {kind!r} is not read: sqlite and postgresql are")
        if kind == "sqlite" and not Path(self._parsed().database or "").is_file():
            raise BadInput(f"{self.name}: there is no such file")

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    @property
    def name(self) -> str:
        """What errors and tables call it: the URL without a password."""
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
            # Whatever could not be parsed may hold a password.
            raise BadInput(
                f"the URL of the {kind} database is not understood: write {kind}://user:password@host:port/database, "
                "with %40 for an @ in the password"
            ) from None
        return url.set(drivername=_DRIVERS[url.get_backend_name()])

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Open a connection that only reads.

        Raises
        ------
        BadInput : if there is no answer, or the database refuses; never with the password.
        """
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._engine()
        try:
            with engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise BadInput(f"{self.name}: {self._without_password(reason)}") from None
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        url = self._parsed()
        if url.get_backend_name() != "sqlite":
            return create_engine(
                url,
                poolclass=NullPool,
                hide_parameters=True,
                connect_args={"connect_timeout": _SECONDS},
                execution_options={"postgresql_readonly": True},
            )

        def read_only() -> Any:
            import sqlite3

            return sqlite3.connect(f"file:{quote(str(url.database))}?mode=ro", uri=True, timeout=_SECONDS)

        return create_engine("sqlite://", poolclass=NullPool, creator=read_only, hide_parameters=True)

    def _without_password(self, text: str) -> str:
        url = self._parsed()
        secrets = [str(url.password or ""), *(str(value) for key, value in url.query.items() if "pass" in key.lower())]
        for secret in filter(None, [*secrets, *(quote(plain, safe="") for plain in secrets)]):
            text = text.replace(secret, "***")
        return text
