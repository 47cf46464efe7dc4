"""The manifest of an artifact: what a model is, on what it was trained, and how it was judged."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tradesieve.features.tsfresh.calculators import needs_tsfresh
from tradesieve.market.errors import BadInput, Refused
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.applications.base import Application
from tradesieve.models.artifact.bundled_modules import packages_of
from tradesieve.models.fitted.model import Model
from tradesieve.strategies.instance import Instance

FORMAT = 2
"""The version of the folder's layout. A folder of another version is refused.

1: golden vectors were bars and a side. 2: they hold all that a decision may be given.
"""

FILE = "manifest.json"

GIVEN = ("experiment", "run_id", "created", "code", "dataset", "bars", "instances", "data_span", "n_trials", "gate",
         "override", "model")  # fmt: skip
"""The keys that the caller of `write_artifact` gives."""

FILLED_IN = ("format", "versions", "features", "application", "symbols", "timeframes", "files")
"""The keys that follow from what is written."""

_PACKAGES = {"lightgbm": ("lightgbm",), "skops": ("scikit-learn", "scipy", "skops")}


def completed(
    manifest: Mapping[str, Any], *, model: Model, features: Sequence[str], application: Application
) -> dict[str, Any]:
    """Check the caller's keys and fill in the others, but for ``files``.

    Raises
    ------
    BadInput : if a key is missing, a value is no plain JSON, or the parts do not fit each other.
    """
    missing = [key for key in GIVEN if key not in manifest]
    if missing:
        raise BadInput(f"the manifest has no {', '.join(missing)}")
    gate, override, instances = manifest["gate"], manifest["override"], list(manifest["instances"])
    if not isinstance(gate, Mapping) or not isinstance(gate.get("open"), bool):
        raise BadInput(f"gate is {gate!r}, but must be the verdict as Gate.as_dict() gives it, with open true or false")
    if override is not None and not (isinstance(override, str) and override.strip()):
        raise BadInput(f"override is {override!r}, but must be None or a reason in words")
    parts = [Instance.parse(str(name)) for name in instances]
    if not instances or len(set(instances)) < len(instances):
        raise BadInput("instances must be distinct names strategy|symbol|timeframe, at least one")
    for symbol, timeframe in dict.fromkeys(part.series for part in parts):
        if str(parse_timeframe(timeframe)) != timeframe:
            raise BadInput(f"the timeframe of {symbol} is written {timeframe!r}; write {parse_timeframe(timeframe)}")
    if len(set(features)) < len(features) or model.n_features != len(features):
        raise BadInput(f"the model reads {model.n_features} features, and {len(features)} are given; each once")
    for name, value in application.parameters().items():
        if isinstance(value, list) and len(value) != len(instances):
            raise BadInput(f"application {application.name!r}: {len(value)} {name} for {len(instances)} instances")
    whole = {
        **manifest,
        "format": FORMAT,
        "instances": instances,
        "symbols": sorted({part.symbol for part in parts}),
        "timeframes": sorted({part.timeframe for part in parts}, key=parse_timeframe),
        "features": list(features),
        "application": {"name": application.name, "parameters": application.parameters()},
        "model": {**manifest["model"], "format": model.format},
    }
    whole["versions"] = versions(whole)
    try:
        return json.loads(text(whole))
    except (TypeError, ValueError) as error:
        raise BadInput(f"the manifest holds a value that is not plain JSON: {error}") from error


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest in `folder` and check every file that it names.

    Raises
    ------
    BadInput : if it is missing, not understood, of another format version, or a file is missing, cut short or altered.
    """
    path = folder / FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} is no artifact: {FILE} cannot be read: {error}") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        older = isinstance(found, int) and not isinstance(found, bool) and found < FORMAT
        cure = "run the experiment again to write it anew" if older else "use the version that wrote it"
        raise BadInput(f"{path} is of format {found!r}; this version reads format {FORMAT}: {cure}")
    for key in (*GIVEN, *FILLED_IN):
        if key not in manifest:
            raise BadInput(f"{path} has no {key!r}")
    try:
        for name, expected in manifest["files"].items():
            if checksum(folder / name) != expected:
                raise BadInput(f"{folder / name} is cut short or altered: its checksum is not the manifest's")
    except OSError as error:
        raise BadInput(f"{folder} is not whole: {error.filename}: {error.strerror}") from error
    except (AttributeError, TypeError) as error:
        raise BadInput(f"{path} is not understood: files: {error}") from error
    return manifest


def require_release(manifest: Mapping[str, Any]) -> None:
    """Let pass what may leave research: a model whose gate opened, or one that somebody released with a reason.

    Every experiment keeps its winner as an artifact; only a released one is exported and served.

    Raises
    ------
    Refused : if the gate is closed and no override says why that is passed by; names the first failed condition.
    """
    gate = manifest["gate"]
    if gate["open"] or manifest["override"] is not None:
        return
    failed = next((condition for condition in gate.get("conditions", ()) if not condition["passed"]), None)
    why = failed["reason"] if failed else "The hold-out was not opened."
    raise Refused(f'the gate is closed: {why} To release the model all the same, give --override "reason"')


def packages(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the packages whose code computes an artifact's scores."""
    used = ("numpy", "numba", *_PACKAGES[manifest["model"]["format"]])
    tsfresh = ("tsfresh",) if any(map(needs_tsfresh, manifest["features"])) else ()
    return tuple(dict.fromkeys((*used, *tsfresh, *packages_of(manifest))))


def versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Look up the installed versions of Python and of `packages`."""
    found = {"python": platform.python_version()}
    for package in packages(manifest):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def text(manifest: Mapping[str, Any]) -> str:
    """Write the one text of a manifest."""
    return json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n"


def checksum(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
