"""The manifest of an artifact: completed and checked when it is written, checked again when it is read."""

from __future__ import annotations

import hashlib
import json
import platform
import reprlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tradesieve.features.prophet_factors import needs_prophet
from tradesieve.features.tsfresh.calculators import needs_tsfresh
from tradesieve.market.errors import BadInput, Refused
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.applications.base import Application
from tradesieve.models.artifact.bundled_modules import packages_of
from tradesieve.models.artifact.manifest_schema import GivenManifest, Manifest
from tradesieve.models.artifact.signatures import SIGNATURE_FILE, Keys, installation_keys, require_signature
from tradesieve.models.fitted.formats import FORMATS
from tradesieve.models.fitted.grouped_model import GroupedModel
from tradesieve.models.fitted.model import Model
from tradesieve.strategies.instance import Instance

FORMAT = 4
"""The version of the folder's layout; a folder of another version is refused.

1: golden vectors are bars and a side. 2: they hold all that a decision may be given. 3: bundled modules import
``tradesieve``. 4: it is signed.
"""

MANIFEST_FILE = "manifest.json"


def complete_manifest(
    given: Mapping[str, Any], *, model: Model, features: Sequence[str], application: Application, n_read: int = 0
) -> dict[str, Any]:
    """Check the given keys and add those that follow from what is written, all but ``files``.

    Parameters
    ----------
    given : see `GivenManifest`.
    n_read : how many columns of categories the model reads after the features.

    Returns
    -------
    Plain JSON values, see `Manifest`.

    Raises
    ------
    BadInput : if a key is missing, a value is not valid, or the parts do not fit each other.
    """
    try:
        manifest = json.loads(manifest_text(given))
    except (TypeError, ValueError) as error:
        raise BadInput(f"the manifest holds a value that is not plain JSON: {error}") from error
    _validate(GivenManifest, manifest, "the manifest")
    _check_fit(manifest["instances"], model, features, application, n_read)
    instances = [Instance.parse(name) for name in manifest["instances"]]
    manifest |= {
        "format": FORMAT,
        "symbols": sorted({instance.symbol for instance in instances}),
        "timeframes": sorted({instance.timeframe for instance in instances}, key=parse_timeframe),
        "features": list(features),
        "application": {"name": application.name, "parameters": application.parameters()},
        "model": {**manifest["model"], "format": model.format, **_formats_of_groups(model)},
    }
    return manifest | {"versions": installed_versions(manifest)}


def _formats_of_groups(model: Model) -> dict[str, str]:
    return {"format_of_groups": model.pooled.format} if isinstance(model, GroupedModel) else {}


def _check_fit(
    instances: Sequence[str], model: Model, features: Sequence[str], application: Application, n_read: int
) -> None:
    given = len(features) + n_read
    if len(set(features)) < len(features) or model.n_features != given:
        raise BadInput(f"the model reads {model.n_features} features, and {given} are given; each once")
    for name, value in application.parameters().items():
        if isinstance(value, list) and len(value) != len(instances):
            raise BadInput(f"application {application.name!r}: {len(value)} {name} for {len(instances)} instances")


def _validate(schema: type[BaseModel], manifest: Any, name: object) -> None:
    try:
        schema.model_validate(manifest)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        place = ".".join(map(str, finding["loc"]))
        if finding["type"] == "missing":
            raise BadInput(f"{name} has no {place}") from error
        if finding["type"] == "value_error":
            raise BadInput(f"{name} is not valid: {place}: {finding['ctx']['error']}") from error
        raise BadInput(f"{name} is not valid: {place} is {reprlib.repr(finding['input'])}: {finding['msg']}") from error


def read_manifest(folder: Path, keys: Keys | None = None) -> dict[str, Any]:
    """Read the manifest in `folder`, and check its signature and every file that it names.

    Parameters
    ----------
    keys : whose signatures count; None: those of this installation.

    Returns
    -------
    Plain JSON values, see `Manifest`.

    Raises
    ------
    BadInput : if it is missing, not valid, of another format version, a file is missing, cut short or altered, or there
        is one that it does not name; or it is not signed.
    Refused : if its signer is not trusted. No code of the artifact has run by then.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_bytes()
        manifest = json.loads(content)
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} is not an artifact: {MANIFEST_FILE} cannot be read: {error}") from error
    _check_format(manifest.get("format") if isinstance(manifest, dict) else None, path)
    require_signature(folder, content, installation_keys() if keys is None else keys)
    _validate(Manifest, manifest, path)
    try:
        for name, expected in manifest["files"].items():
            if file_checksum(folder / name) != expected:
                raise BadInput(
                    f"{folder / name} is cut short or altered: its checksum is not the manifest's; export the model "
                    "again"
                )
    except OSError as error:
        raise BadInput(f"{folder} is not complete: {error.filename}: {error.strerror}") from error
    _check_files(folder, manifest)
    return manifest


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse files that no checksum covers, and links, which may lead out of the folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BadInput(f"{path} is a link: an artifact holds its own files only")
        if path.is_file() and name not in (MANIFEST_FILE, SIGNATURE_FILE, *manifest["files"]):
            raise BadInput(f"{path} is not named in {MANIFEST_FILE}: remove it, or export the model again")
    for module in manifest.get("modules", ()):
        if module["file"] not in manifest["files"]:
            raise BadInput(f"{folder / MANIFEST_FILE} names the module {module['name']} without a checksum of its file")


def _check_format(found: object, path: Path) -> None:
    if found == FORMAT:
        return
    if isinstance(found, int) and not isinstance(found, bool) and found < FORMAT:
        cure = "run the experiment and `tradesieve model export` again"
    else:
        cure = "use the version that wrote it"
    raise BadInput(f"{path} is of format {found!r}; this version reads format {FORMAT}: {cure}")


def require_release(manifest: Mapping[str, Any]) -> None:
    """Refuse a model whose gate is closed, unless somebody overrode it with a reason.

    Every experiment keeps its winner as an artifact; only a released one is exported and served.

    Raises
    ------
    Refused : if the gate is closed and not overridden; names the first failed condition.
    """
    gate = manifest["gate"]
    if gate["open"] or manifest["override"] is not None:
        return
    failed = next((condition for condition in gate.get("conditions", ()) if not condition["passed"]), None)
    why = failed["reason"] if failed else "The hold-out was not opened."
    raise Refused(f'the gate is closed: {why} To release the model all the same, give --override "reason"')


def required_packages(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the packages whose code computes an artifact's scores."""
    formats = (manifest["model"][key] for key in ("format", "format_of_groups") if manifest["model"].get(key))
    used = ("numpy", "numba", *(package for name in formats for package in FORMATS[name].packages))
    tsfresh = ("tsfresh",) if any(map(needs_tsfresh, manifest["features"])) else ()
    prophet = ("prophet",) if any(map(needs_prophet, manifest["features"])) else ()
    return tuple(dict.fromkeys((*used, *tsfresh, *prophet, *packages_of(manifest))))


def installed_versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Look up the installed versions of Python and of `required_packages`."""
    found = {"python": platform.python_version()}
    for package in required_packages(manifest):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Write a manifest; equal manifests have equal text."""
    return json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n"


def file_checksum(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
