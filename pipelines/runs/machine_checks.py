"""Checks of a machine: what has to hold before tradesieve runs on it."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.settings import Settings, existing_folder
from tradesieve.pipelines.stack.ports import TITLES, Ports, require_free

_LEAST_DISK = 2 * 10**9
"""Bytes: less than an experiment with its MLflow run may take."""
_SHOWN = ("numpy", "pandas", "numba", "lightgbm", "scikit-learn", "mlflow", "prefect", "bentoml")


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Parameters
    ----------
    problem : what to do about it; None: nothing.
    """

    name: str
    found: str
    problem: str | None = None


def check_machine(settings: Settings) -> list[Check]:
    """Check versions, the state folder, disk, ports and clock; nothing is written."""
    return [*_versions(), *_state(settings), *_ports(settings), _clock(settings)]


def _versions() -> Iterator[Check]:
    yield Check("tradesieve", version("tradesieve"))
    yield Check("Python", f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} processors")
    yield Check("libraries", ", ".join(f"{name} {found}" for name in _SHOWN if (found := _installed(name))))
    requirements = [Requirement(line) for line in requires("tradesieve") or ()]
    unmet = list(_unmet(requirements, extra=""))
    remedy = "install tradesieve again, which brings them" if unmet else None
    yield Check("requirements", "; ".join(unmet) or "all met", remedy)
    extras = [name for name in metadata("tradesieve").get_all("Provides-Extra") or () if name != "dev"]
    there = [name for name in extras if not any(_unmet(requirements, extra=name))]
    found = ", ".join(there) or "none"
    missing = ",".join(name for name in extras if name not in there)
    yield Check("extras", f"{found}; others: pip install 'tradesieve[{missing}]'" if missing else found)


def _unmet(requirements: Iterable[Requirement], *, extra: str) -> Iterator[str]:
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = _installed(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name}{requirement.specifier} is {found or 'not installed'}"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _state(settings: Settings) -> Iterator[Check]:
    origin = "TRADESIEVE_HOME" if os.environ.get("TRADESIEVE_HOME") else "the default, var in the current folder"
    existing = existing_folder(settings.home)
    writable = os.access(existing, os.W_OK | os.X_OK)
    state = "writable" if writable else "read-only"
    if existing != settings.home:
        state = "not created yet" + ("" if writable else f"; {existing} is read-only")
    problem = None if writable else "only what is stored can be read; set TRADESIEVE_HOME to a writable folder"
    yield Check("state folder", f"{settings.home} ({origin}), {state}", problem)
    yield Check("bars", f"{len(settings.bars.list())} series stored")
    disk = shutil.disk_usage(existing)
    remedy = f"make room: less than {_LEAST_DISK / 1e9:g} GB is free" if disk.free < _LEAST_DISK else None
    yield Check("disk", f"{disk.free / 1e9:.1f} GB free of {disk.total / 1e9:.1f}", remedy)


def _ports(settings: Settings) -> Iterator[Check]:
    ports = Ports(mlflow=settings.port)
    for name, port in vars(ports).items():
        try:
            require_free(port, host="127.0.0.1", remedy="")
            found = "free"
        except BadInput:
            found = f"in use: by `tradesieve up`, or choose another with --{name}-port"
        yield Check(f"port {port}", f"of {TITLES[name]}, {found}")


def _clock(settings: Settings) -> Check:
    now = time.time_ns()
    late = [
        f"{symbol} {timeframe}" for symbol, timeframe in settings.bars.list()
        if settings.bars.span(symbol, timeframe)[1] > now
    ]  # fmt: skip
    problem = f"set the clock: bars of {', '.join(late)} close after it" if late else None
    return Check("clock", f"{format_time(now)}, UTC", problem)
