"""The store of decisions: what was asked, what the answer was, and the bars that it was made from.

A row of ``decisions`` holds all that its replay needs; the bars of a window are stored once, whoever asked about them.
SQLite and PostgreSQL hold the same tables. `serving.decision_log` writes them.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.timeframes import parse_timeframe

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

_CHUNK = 500
"""Windows read at once."""
_DAY = 86_400_000_000_000
_OUTCOME_KEYS = ("strategy", "symbol", "timeframe", "decision_time")
_OUTCOME_NUMBERS = ("side", "entry_price", "exit_price", "net_return", "size")
_OUTCOME_VALUES = ("entry_time", "exit_time", *_OUTCOME_NUMBERS, "exit_reason")


class Record(NamedTuple):
    """A decision as it was made.

    Parameters
    ----------
    request_id : of the request, see `serving.request_ids`.
    time : when it was made, int64 ns UTC.
    role : ``champion``, or ``challenger`` for an answer that was only logged.
    model : fingerprint of the artifact.
    terms : what the request held beside bars, see `features.decisions.Decisions`.
    window, others : the bars that it was made from.
    features : float64, what the model read.
    stages : nanoseconds by stage.
    """

    request_id: str
    time: int
    role: str
    model: str
    strategy: str
    symbol: str
    timeframe: str
    side: float
    decision_time: int
    terms: Mapping[str, Any]
    window: Bars
    others: Mapping[str, Bars]
    features: np.ndarray
    score: float
    size: float
    accept: bool
    reasons: Sequence[str]
    stages: Mapping[str, int]


@dataclass(frozen=True)
class DecisionStore:
    """The tables of one database.

    Parameters
    ----------
    engine : of SQLite or PostgreSQL.
    """

    engine: Engine

    def write(self, records: Sequence[Record], known: set[str]) -> int:
        """Write decisions in one transaction.

        Parameters
        ----------
        known : fingerprints of windows that need not be written again; those written here are added.

        Returns
        -------
        The number of windows that were new.
        """
        tables, windows, rows = _tables(), dict[str, dict[str, Any]](), []
        # Decisions on one window share its bars.
        fingerprints: dict[int, str] = {}
        for record in records:
            names = {}
            for symbol, bars in {"": record.window, **record.others}.items():
                if id(bars) not in fingerprints:
                    content = _packed(bars)
                    fingerprints[id(bars)] = fingerprint = _fingerprint(bars, content)
                    if fingerprint not in known and fingerprint not in windows:
                        windows[fingerprint] = _window_row(fingerprint, bars, content, record.time)
                names[symbol] = fingerprints[id(bars)]
            rows.append(_row(record, names))
        with self.engine.begin() as connection:
            if windows:
                # Of those that are there, note that they are needed. In one order, so that no two workers wait for
                # each other for ever.
                ordered = sorted(windows.values(), key=lambda row: str(row["fingerprint"]))
                _upsert(connection, tables["windows"], ordered, keys=("fingerprint",), changing=("time",))
            connection.execute(tables["decisions"].insert(), rows)
        known.update(windows)
        return len(windows)

    def write_outcomes(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write how trades ended; a trade that is there is replaced.

        Parameters
        ----------
        rows : the fields of `serving.schemas.Outcome`.
        """
        table = _tables()["outcomes"]
        with self.engine.begin() as connection:
            _upsert(connection, table, [dict(row) for row in rows], keys=_OUTCOME_KEYS, changing=_OUTCOME_VALUES)

    def outcomes(self, *, since: int | None = None) -> list[dict[str, Any]]:
        """Read the outcomes of trades that were decided from a time on, int64 ns UTC, in order of their decisions."""
        from sqlalchemy import select

        table = _tables()["outcomes"]
        query = select(table).order_by(table.c.decision_time)
        query = query if since is None else query.where(table.c.decision_time >= since)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def prune(self, before: int) -> int:
        """Delete decisions made before a time, int64 ns UTC, and the windows that no later one needs.

        Returns
        -------
        The number of deleted decisions.
        """
        tables = _tables()
        with self.engine.begin() as connection:
            decisions, windows = tables["decisions"], tables["windows"]
            deleted = connection.execute(decisions.delete().where(decisions.c.time < before)).rowcount
            # While it is needed, a window is written again each hour.
            connection.execute(windows.delete().where(windows.c.time < before - _DAY))
            outcomes = tables["outcomes"]
            connection.execute(outcomes.delete().where(outcomes.c.exit_time < before))
        return int(deleted)

    def decisions(self, *, since: int | None = None, until: int | None = None) -> Iterator[dict[str, Any]]:
        """Read decisions whose bars closed from a time on, int64 ns UTC, in order of that time.

        Returns
        -------
        Rows with the fields of `Record` as plain values, ``features`` as an array, ``window`` and ``others`` as
        fingerprints, see `windows`.
        """
        from sqlalchemy import select

        table = _tables()["decisions"]
        query = select(table).order_by(table.c.decision_time, table.c.id)
        query = query if since is None else query.where(table.c.decision_time >= since)
        query = query if until is None else query.where(table.c.decision_time <= until)
        with self.engine.connect() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query).mappings():
                read = dict(row)
                for name in ("others", "terms", "reasons", "stages"):
                    read[name] = json.loads(read[name])
                read["features"] = np.frombuffer(read["features"], dtype=np.float64)
                yield read

    def windows(self, fingerprints: Iterable[str]) -> dict[str, Bars]:
        """Read the bars of windows, by fingerprint; those that were pruned are absent."""
        from sqlalchemy import select

        table, wanted, found = _tables()["windows"], sorted(set(fingerprints)), dict[str, Bars]()
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), _CHUNK):
                query = select(table).where(table.c.fingerprint.in_(wanted[start : start + _CHUNK]))
                for row in connection.execute(query).mappings():
                    found[row["fingerprint"]] = _unpacked(row["bars"], row["symbol"], row["timeframe"])
        return found

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def decisions_of(time: int, side: float, terms: Mapping[str, Any]) -> Decisions:
    """Make the decision of a record again, see `Record`."""
    given = {name: np.array([np.nan if value is None else value]) for name, value in terms.items() if name != "results"}
    if "results" in terms:
        results = np.array(terms["results"], dtype=np.float64)
        given |= {"results": results, "first_result": np.array([0]), "end_result": np.array([len(results)])}
    return Decisions(np.array([time]), np.array([side]), **given)


def open_store(url: str, *, create: bool = True) -> DecisionStore:
    """Open the store at a URL, such as ``sqlite:////state/decisions.db`` or ``postgresql+psycopg://user@host/database``.

    Parameters
    ----------
    create : make the tables, and the folder of an SQLite file; otherwise they have to be there.

    Raises
    ------
    BadInput : if the URL is not valid, or the database cannot be reached or written.
    """
    from sqlalchemy import create_engine, event, inspect, make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadInput("the URL of the decisions is not valid: write it as sqlite:////folder/decisions.db") from error
    kind = parsed.get_backend_name()
    shown = parsed.render_as_string(hide_password=True)
    if kind not in ("sqlite", "postgresql"):
        raise BadInput(f"decisions are stored in SQLite or PostgreSQL, not in {kind}: {shown}")
    file = Path(parsed.database or "") if kind == "sqlite" else None
    if file is not None and not create and not file.is_file():
        raise BadInput(f"no decision is stored yet: there is no {file}")
    try:
        if file is not None and create:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed, connect_args={"timeout": 20.0} if file is not None else {"connect_timeout": 10}, pool_pre_ping=True
        )
        if file is not None:
            event.listen(engine, "connect", _tune_sqlite)
        if create:
            _tables()["decisions"].metadata.create_all(engine)
        elif not inspect(engine).has_table("decisions"):
            raise BadInput(f"no decision is stored yet in {shown}")
    except ModuleNotFoundError as error:
        raise BadInput(f"{shown} needs the package {error.name}: pip install 'psycopg[binary]'") from error
    except (SQLAlchemyError, OSError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise BadInput(f"the decisions cannot be stored in {shown}: {said}") from error
    return DecisionStore(engine)


def _tune_sqlite(connection: Any, _: Any) -> None:
    # Readers do not wait for the writer; a power failure may cost the last transactions, never the file.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _tables() -> dict[str, Table]:
    """Return the tables; made once, when they are first needed: SQLAlchemy takes a while to import."""
    if not _made:
        from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, MetaData, String, Table, Text

        metadata = MetaData()
        whole = BigInteger().with_variant(Integer, "sqlite")
        _made["decisions"] = Table(
            "decisions", metadata,
            Column("id", whole, primary_key=True),
            Column("request_id", String(64), nullable=False, index=True),
            Column("time", BigInteger, nullable=False, index=True),
            Column("role", String(16), nullable=False),
            Column("model", String(16), nullable=False),
            *(Column(name, Text, nullable=False) for name in ("strategy", "symbol", "timeframe")),
            Column("side", Double, nullable=False),
            Column("decision_time", BigInteger, nullable=False, index=True),
            Column("terms", Text, nullable=False),
            Column("window", String(32), nullable=False),
            Column("others", Text, nullable=False),
            Column("features", LargeBinary, nullable=False),
            Column("score", Double, nullable=False),
            Column("size", Double, nullable=False),
            Column("accept", Boolean, nullable=False),
            Column("reasons", Text, nullable=False),
            Column("stages", Text, nullable=False),
        )  # fmt: skip
        _made["windows"] = Table(
            "decision_windows", metadata,
            Column("fingerprint", String(32), primary_key=True),
            Column("time", BigInteger, nullable=False, index=True),
            Column("symbol", Text, nullable=False),
            Column("timeframe", Text, nullable=False),
            Column("bars", LargeBinary, nullable=False),
        )  # fmt: skip
        _made["outcomes"] = Table(
            "decision_outcomes", metadata,
            *(Column(name, Text, primary_key=True) for name in _OUTCOME_KEYS[:3]),
            Column("decision_time", BigInteger, primary_key=True, autoincrement=False),
            *(Column(name, BigInteger, nullable=False) for name in ("entry_time", "exit_time")),
            *(Column(name, Double, nullable=False) for name in _OUTCOME_NUMBERS),
            Column("exit_reason", Text, nullable=False),
        )  # fmt: skip
    return _made


_made: dict[str, Table] = {}


def _row(record: Record, names: dict[str, str]) -> dict[str, Any]:
    return record._asdict() | {
        "terms": json.dumps(record.terms),
        "window": names.pop(""),
        "others": json.dumps(names),
        "features": np.ascontiguousarray(record.features, dtype=np.float64).tobytes(),
        "reasons": json.dumps(record.reasons),
        "stages": json.dumps(record.stages),
    }


def _window_row(fingerprint: str, bars: Bars, content: bytes, time: int) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "time": time,
        "symbol": bars.symbol,
        "timeframe": str(bars.timeframe),
        "bars": zlib.compress(content, 1),
    }


def _upsert(
    connection: Connection, table: Table, rows: list[dict[str, Any]], *, keys: Sequence[str], changing: Sequence[str]
) -> None:
    """Insert rows; of one whose keys are there, change some columns."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    changes = {name: insert.excluded[name] for name in changing}
    connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changes), rows)


def _packed(bars: Bars) -> bytes:
    return b"".join(np.ascontiguousarray(getattr(bars, name)).tobytes() for name in COLUMNS)


def _fingerprint(bars: Bars, content: bytes) -> str:
    return hashlib.sha256(f"{bars.symbol}|{bars.timeframe}\n".encode() + content).hexdigest()[:32]


def _unpacked(compressed: bytes, symbol: str, timeframe: str) -> Bars:
    columns = np.frombuffer(zlib.decompress(compressed), dtype=np.int64).reshape(len(COLUMNS), -1)
    values: dict[str, Any] = {
        name: column if name == "close_time" else column.view(np.float64)
        for name, column in zip(COLUMNS, columns, strict=True)
    }
    # As `serving.schemas.bars_of` makes them.
    return SessionBars(symbol, parse_timeframe(timeframe), **values)
