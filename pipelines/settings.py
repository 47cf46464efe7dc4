"""Settings, read once from the environment and `mlflow.yml`. Nothing else in tradesieve reads either."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tradesieve.features.engine.column_cache import FactorCache
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.tracking.runs import TrackingStore
from tradesieve.pipelines.table_cache import TableCache
from tradesieve.pipelines.trade_sets import TradeSetStore

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds the rooms: the checkout, or the installed package."""

GIGABYTE = 10**9

_DEFAULTS: dict[str, dict[str, Any]] = {
    "tracking": {
        "tracking_uri": None,
        "experiment": "tradesieve",
        "registered_model": "tradesieve",
        "child_runs": 20,
    },
    "server": {"host": "127.0.0.1", "port": 5000},
}
"""The sections and keys of mlflow.yml."""
_SERVER = ("http://", "https://")
_WHOLE_NUMBERS = {"port": (1, 65535), "child_runs": (0, 1000)}
"""Keys with a whole number between two limits; the others are text."""


@dataclass(frozen=True)
class Settings:
    """Where state lives, and where MLflow is.

    Parameters
    ----------
    home : the folder of all state, ``TRADESIEVE_HOME`` or ``./var``.
    tracking_uri : of MLflow; SQLite under `home` unless `mlflow.yml` or ``MLFLOW_TRACKING_URI`` name a server.
    experiment, registered_model : their names in MLflow.
    host, port : where `tradesieve up` serves MLflow.
    cache_bytes : disk space of the trades cache, and as much of the factor cache, ``TRADESIEVE_CACHE_GB`` or 20.
    mlflow_pages : address of MLflow's pages: the tracking server, or the one that `tradesieve up` serves and names in
        ``TRADESIEVE_MLFLOW_PAGES``; None if there is none.
    child_runs : how many of an experiment's best trials become runs of their own in MLflow, whose pages slow down with
        hundreds of them; all stand in a table.
    """

    home: Path
    tracking_uri: str
    experiment: str
    registered_model: str
    host: str
    port: int
    cache_bytes: int = 20 * GIGABYTE
    child_runs: int = 20
    mlflow_pages: str | None = None

    @property
    def bars(self) -> BarStore:
        """The store of bars."""
        return BarStore(self.home / "bars")

    @property
    def trades(self) -> TableCache:
        """The cache of simulated trades."""
        return TableCache(self.home / "trades", self.cache_bytes)

    @property
    def trade_sets(self) -> TradeSetStore:
        """The store of imported trades."""
        return TradeSetStore(self.home / "trade_sets")

    @property
    def factors(self) -> FactorCache:
        """The cache of factor columns."""
        return FactorCache(self.home / "factors", self.cache_bytes)

    @property
    def ledger(self) -> Ledger:
        """The ledger of trials."""
        return Ledger(self.home / "ledger.db")

    @property
    def tracking(self) -> TrackingStore:
        """The MLflow tracking store."""
        own = not self.tracking_uri.startswith(_SERVER)
        artifacts = str(self.home / "mlflow" / "artifacts") if own else None
        return TrackingStore(self.tracking_uri, artifacts, self.experiment, self.registered_model)

    @property
    def engine_environments(self) -> Path:
        """The folder of the environments of engines that cannot share ours."""
        return self.home / "engines"

    @property
    def mlflow_address(self) -> str:
        """The address of MLflow's pages: the tracking server, or where `tradesieve up` serves the database."""
        return self.tracking_uri.rstrip("/") if self.tracking.is_server else f"http://{self.host}:{self.port}"

    @property
    def tables(self) -> Path:
        """The folder of tables that are too long for a terminal."""
        return self.home / "tables"

    @property
    def bentoml(self) -> Path:
        """The folder where BentoML keeps Bentos."""
        return self.home / "bentoml"

    @property
    def champion(self) -> Path:
        """The link to the artifact that is served; an export turns it to another one in one step."""
        return self.home / "serving" / "champion"

    @property
    def challengers(self) -> Path:
        """The folder of links to the artifacts that the service asks in shadow, by MLflow run."""
        return self.home / "serving" / "challengers"


def project_folder() -> Path:
    """Return the folder of `mlflow.yml`: the checkout, or the current folder where the package is installed."""
    return ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()


def read_settings(*, writes: bool = True) -> Settings:
    """Read the settings; the home is created once something is written to it.

    Parameters
    ----------
    writes : whether what is done with them writes to the home, which must be possible then.

    Raises
    ------
    BadInput : if `mlflow.yml` is not a mapping or holds a wrong value, the home is not a folder that can be read, or
        written, or the size of the cache is not a positive number.
    Unknown : if `mlflow.yml` has an unknown key.
    """
    values = _read_yaml(project_folder() / "mlflow.yml")
    home = Path(os.environ.get("TRADESIEVE_HOME") or "var").absolute()
    _check_home(home, writes=writes)
    own = f"sqlite:///{home}/mlflow/mlflow.db"
    uri = str(os.environ.get("MLFLOW_TRACKING_URI") or values["tracking_uri"] or own)
    served = uri if uri.startswith(_SERVER) else os.environ.get("TRADESIEVE_MLFLOW_PAGES") if uri == own else None
    return Settings(
        home=home,
        tracking_uri=uri,
        experiment=str(values["experiment"]),
        registered_model=str(values["registered_model"]),
        host=str(values["host"]),
        port=int(values["port"]),
        child_runs=int(values["child_runs"]),
        mlflow_pages=served or None,
        cache_bytes=_cache_bytes(os.environ.get("TRADESIEVE_CACHE_GB") or "20"),
    )


def existing_folder(home: Path) -> Path:
    """Return the home, or what exists of the folders above it."""
    return next(path for path in (home, *home.parents) if path.exists())


def _check_home(home: Path, *, writes: bool) -> None:
    """Refuse a home that is no folder, or that cannot be used as it has to be."""
    existing = existing_folder(home)
    if not existing.is_dir():
        raise BadInput(
            f"the state folder {home} cannot be created: {existing} is a file; set TRADESIEVE_HOME to a writable folder"
        )
    use, verb = (os.W_OK, "written") if writes else (os.R_OK, "read")
    if (writes or existing == home) and not os.access(existing, use | os.X_OK):
        raise BadInput(f"the state folder {home} cannot be {verb}; set TRADESIEVE_HOME to another folder")


def _cache_bytes(text: str) -> int:
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0.0 < gigabytes < math.inf:
        raise BadInput(f"TRADESIEVE_CACHE_GB is {text!r}, but must be a number of gigabytes above 0")
    return int(gigabytes * GIGABYTE)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        sections = yaml.safe_load(path.read_text()) if path.exists() else None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    values = {key: value for section in _DEFAULTS.values() for key, value in section.items()}
    for name, section in _mapping(sections, path.name).items():
        if name not in _DEFAULTS:
            raise Unknown(f"section in {path.name}:", name, _DEFAULTS)
        for key, value in _mapping(section, f"{path.name}, {name}").items():
            if key not in _DEFAULTS[name]:
                raise Unknown(f"key in {path.name}, {name}:", key, _DEFAULTS[name])
            if value is not None:
                values[key] = _checked(value, key, f"{path.name}, {name}")
    return values


def _mapping(content: Any, place: str) -> dict[Any, Any]:
    if content is not None and not isinstance(content, dict):
        raise BadInput(f"{place}: expected keys with their values, got {content!r}")
    return content or {}


def _checked(value: Any, key: str, place: str) -> Any:
    if key in _WHOLE_NUMBERS:
        low, high = _WHOLE_NUMBERS[key]
        if not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            raise BadInput(f"{place}: {key} is {value!r}, but must be a whole number between {low} and {high}")
    elif not (isinstance(value, str) and value):
        raise BadInput(f"{place}: {key} is {value!r}, but must be text")
    return value
