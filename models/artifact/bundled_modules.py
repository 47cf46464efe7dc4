"""Bundled modules: an artifact carries the files of the user's factors and rules that its model was trained on.

Loading such an artifact runs that source, once its signature holds, see `models.artifact.signatures`: admit the keys of
those only whose code you would run. The manifest holds the checksum of each file, and the golden vectors prove what it
computes. The modules are loaded beside those of
the process, so that two artifacts with two versions of a module each use their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from tradesieve.features.factor import Feature, UserModule
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.user_definitions import defined
from tradesieve.features.user_modules import isolated_modules, load_source
from tradesieve.market.errors import BadInput
from tradesieve.market.kernel_cache import keep_apart
from tradesieve.strategies.instance import Instance

FOLDER = "modules"

_ALWAYS = ("numpy", "pandas")
"""Factors receive windows of the one, tsfresh frames of the other."""

_RULE_FILES = ("pydantic", "pyyaml")
"""What reads rules without code."""


def modules_of(features: Iterable[Feature], instances: Iterable[str] = ()) -> tuple[UserModule, ...]:
    """List the modules that features and the rules of instances come from, in the order in which they are loaded.

    Raises
    ------
    BadInput : if a factor or rule was defined where no module can be bundled, as in a notebook.
    """
    modules: dict[str, UserModule] = {}
    for feature in features:
        factor = feature.factor
        if factor.module is not None:
            modules.update({module.name: module for module in (*factor.module.dependencies, factor.module)})
        elif not factor.kernel.__module__.startswith("tradesieve.features."):
            raise BadInput(
                f"factor {factor.name!r} is defined in {factor.kernel.__module__}, which cannot be bundled: move it to "
                "a file and name it in the experiment's modules"
            )
    own = defined("rule")
    for name in dict.fromkeys(Instance.parse(instance).rule for instance in instances):
        if name in own:
            module = own[name].module
            if module is None:
                raise BadInput(
                    f"rule {name!r} is defined in {own[name].__module__}, which cannot be bundled: move it to a file "
                    "and name it in the experiment's modules"
                )
            modules.update({one.name: one for one in (*module.dependencies, module)})
    return tuple(modules.values())


def describe_modules(modules: Iterable[UserModule]) -> list[dict[str, Any]]:
    """Describe modules for a manifest: ``name``, ``file`` and ``packages``, the distributions that each imports."""
    return [{"name": module.name, "file": _file(module), "packages": _distributions(module)} for module in modules]


def write_modules(folder: Path, modules: Iterable[UserModule]) -> None:
    """Write the source of modules into an artifact's folder."""
    for module in modules:
        path = folder / _file(module)
        path.parent.mkdir(exist_ok=True)
        path.write_text(module.source, encoding="utf-8")


def read_features(folder: Path, manifest: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Read an artifact's features, also those of its bundled modules.

    Raises
    ------
    BadInput : if a name is not a feature, or a module fails.
    """
    names: Sequence[str] = manifest["features"]
    with loaded_modules(folder, manifest):
        return tuple(parse_feature(name) for name in names)


@contextmanager
def loaded_modules(folder: Path, manifest: Mapping[str, Any]) -> Iterator[None]:
    """Load an artifact's modules within the block, in place of those of the process; without any, change nothing.

    Features and strategies that are parsed within the block keep their code.

    Raises
    ------
    BadInput : if a module fails.
    """
    modules = manifest.get("modules", ())
    if modules:
        keep_apart(folder / FOLDER)
    with isolated_modules() if modules else nullcontext():
        known: dict[str, UserModule] = {}
        for module in modules:
            path = folder / module["file"]
            source = path.read_text(encoding="utf-8")
            known[module["name"]] = load_source(module["name"], source, path, known=known)
        yield


def packages_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the distributions that an artifact's modules import."""
    return tuple(dict.fromkeys(package for module in manifest.get("modules", ()) for package in module["packages"]))


def _file(module: UserModule) -> str:
    return f"{FOLDER}/{module.name}{module.path.suffix}"


def _distributions(module: UserModule) -> list[str]:
    found = packages_distributions()
    named = {distribution for library, _ in module.libraries for distribution in found.get(library, ())[:1]}
    return sorted({*named, *_ALWAYS, *(_RULE_FILES if module.path.suffix != ".py" else ())})
