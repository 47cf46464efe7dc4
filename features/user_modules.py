"""User modules: files with factors, rules and other definitions of your own, identified by their source.

Most are Python. A file of rules in YAML or JSON runs as the Python module that defines them, see `as_python`.

A module's whole source defines its factors: it is part of every cache key that depends on them, and it travels with a
model. So a module may import what is installed, what is part of this project, and modules that are named before it; a
change of any other file would go unnoticed.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from tradesieve.features.factor import FACTORS, Factor, Feature, UserModule
from tradesieve.features.feature_names import example_of
from tradesieve.features.user_definitions import DEFINITIONS
from tradesieve.market.errors import BadInput

ENDINGS = (".py", ".yaml", ".yml", ".json")
"""How the names of user modules' files end."""

_RULE_FILE = """from tradesieve.strategies.rule_files.rules import define_rules

define_rules({source!r}, __file__, __name__)
"""

_TAKEN = ("tradesieve", *sys.stdlib_module_names)
"""Names that a user module cannot have."""

_FORMER_DECORATORS = ("window_factor", "column_factor", "frame_factor")

_LOADED: dict[str, UserModule] = {}


def load_user_modules(modules: Sequence[str], *, folder: Path | None = None) -> tuple[UserModule, ...]:
    """Load modules in order and register what they define; those that are loaded and unchanged stay as they are.

    A module that changed replaces its former self: what only that defined is gone.

    Parameters
    ----------
    modules : each one's path, ending in one of `ENDINGS`, or its name as Python imports it.
    folder : that paths and names are relative to; the current folder when None.

    Raises
    ------
    BadInput : if a module is missing, fails, defines nothing and is not imported by another, or imports a file of
        the user that is not named before it; or if a name is taken.
    """
    folder = Path.cwd() if folder is None else folder
    loaded: dict[str, UserModule] = {}
    for given in modules:
        name, path = _found(given, folder)
        if name in loaded:
            raise BadInput(f"modules: {given} two modules are called {name}; rename one of the files")
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"modules: {path} cannot be read: {error}") from error
        loaded[name] = load_source(name, source, path, known=loaded)
    used = {needed.name for module in loaded.values() for needed in module.dependencies}
    for name, module in loaded.items():
        if not (module.factors or module.definitions or name in used):
            raise BadInput(
                f"modules: {name} defines no factor and no rule; write `from tradesieve import factor` and put @factor "
                "before a function, or rule and @rule(lookback=50)"
            )
    return tuple(loaded.values())


def as_python(source: str, path: Path) -> str:
    """Return what runs as a user module: the source of a Python file; of a file of rules, the definition of these."""
    return source if path.suffix == ".py" else _RULE_FILE.format(source=source)


def load_source(name: str, source: str, path: Path, *, known: Mapping[str, UserModule]) -> UserModule:
    """Run a module's source and register what it defines, unless the same source is loaded under its name.

    Parameters
    ----------
    path : of the file, for tracebacks.
    known : the modules that it may import, by name.

    Raises
    ------
    BadInput : as `load_user_modules`.
    """
    if name.partition(".")[0] in _TAKEN or (name in sys.modules and name not in _LOADED):
        raise BadInput(f"modules: {name} is the name of another Python module; rename {path.name}")
    dependencies, libraries = _imported(name, source, path, known)
    old = _LOADED.get(name)
    if old is not None and (old.source, old.dependencies) == (source, dependencies):
        return old
    factors, definitions = _run(name, source, path, instead_of=old)
    versions = tuple((library, str(getattr(sys.modules.get(library), "__version__", ""))) for library in libraries)
    module = UserModule(name, source, tuple(factors), versions, dependencies, path, definitions)
    FACTORS.update({factor: replace(definition, module=module) for factor, definition in factors.items()})
    for key in definitions:
        if hasattr(DEFINITIONS[key], "module"):
            DEFINITIONS[key].module = module
    _LOADED[name] = module
    return module


def freshly_run(feature: Feature) -> Feature:
    """Return a user's feature from a fresh run of its module, without any state that it may have kept."""
    module = feature.factor.module
    if module is None:
        return feature
    modules = (*module.dependencies, module)
    with _put_back(*modules):
        for one in modules:
            factors, _ = _run(one.name, one.source, one.path, instead_of=one)
        return replace(feature, factor=replace(factors[feature.factor.name], module=module))


def freshly_defined(module: UserModule, kind: str, name: str) -> Any:
    """Return a definition from a fresh run of its module, without any state that it may have kept."""
    modules = (*module.dependencies, module)
    with _put_back(*modules):
        for one in modules:
            _run(one.name, one.source, one.path, instead_of=one)
        return DEFINITIONS[kind, name]


@contextmanager
def isolated_modules() -> Iterator[None]:
    """Unload all user modules within the block, and restore them after it.

    Features that are parsed within the block keep their factors; no other code finds them.
    """
    before, loaded = _registered(), dict(_LOADED)
    code = {name: sys.modules.pop(name, None) for name in loaded}
    for module in loaded.values():
        _unregister(module)
    _LOADED.clear()
    try:
        yield
    finally:
        _restore(before, {**dict.fromkeys(_LOADED), **code})
        _LOADED.clear()
        _LOADED.update(loaded)


def default_features(module: UserModule) -> list[Feature]:
    """Return one feature of each factor of a module, with the default parameters, to check the factor with.

    Raises
    ------
    BadInput : if a parameter has no default.
    """
    found = []
    for name in module.factors:
        feature = example_of(FACTORS[name])
        if feature is None:
            raise BadInput(
                f"{module.name}: {name} has parameters without defaults; give them defaults, or name its features "
                "with --features"
            )
        found.append(feature)
    return found


def _found(given: str, folder: Path) -> tuple[str, Path]:
    """Return the name and the file of a module."""
    if given.endswith(ENDINGS):
        path = folder / Path(given).expanduser()
        if not path.is_file():
            raise BadInput(f"modules: {path}: file not found")
        if not path.stem.isidentifier():
            raise BadInput(f"modules: {path.name}: a module's file name has to be a Python name, such as my_factors.py")
        return path.stem, path
    if not all(part.isidentifier() for part in given.split(".")):
        raise BadInput(
            f"modules: {given!r} is neither a path that ends in .py nor a module's name, such as my_factors; a file of "
            "rules without code ends in .yaml or .json"
        )
    base = folder.joinpath(*given.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return given, path
    try:
        specification = importlib.util.find_spec(given)
    except (ImportError, ValueError):
        specification = None
    if specification is None or not specification.origin or not specification.origin.endswith(".py"):
        raise BadInput(f"modules: {given} not found: there is no {base.with_suffix('.py')}, and it is not installed")
    return given, Path(specification.origin)


def _imported(
    name: str, source: str, path: Path, known: Mapping[str, UserModule]
) -> tuple[tuple[UserModule, ...], tuple[str, ...]]:
    """Return the user modules that a module depends on, and the libraries that it imports."""
    try:
        tree = ast.parse(as_python(source, path), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"modules: {path} is not valid Python: {error}") from error
    direct, libraries = _mentioned(source, path, known), set()
    lasting = set(_imports(tree.body, path))
    for imported in _imports(ast.walk(tree), path):
        top = imported.partition(".")[0]
        own = [one for one in (imported, imported.rpartition(".")[0]) if one in known]
        if own:
            if imported not in lasting:
                raise BadInput(
                    f"modules: {path.name} imports {own[0]} within a block: import it at the top of the file"
                )
            direct.add(own[0])
        elif _is_former_import(imported):
            raise BadInput(
                f"modules: {path.name} imports {imported}: write `from tradesieve import factor`, and decorate with "
                '@factor, @factor(of="column") or @factor(of="frame")'
            )
        elif top in _TAKEN:
            continue
        elif top == name or any(_holds(place, top) for place in {path.parent, Path.cwd()}):
            raise BadInput(
                f"modules: {path.name} imports {top}, which is a file of yours: name it in modules too, before {name}"
            )
        else:
            libraries.add(top)
    needed = {one.name for other in direct for one in (*known[other].dependencies, known[other])}
    return tuple(module for name, module in known.items() if name in needed), tuple(sorted(libraries))


def _mentioned(source: str, path: Path, known: Mapping[str, UserModule]) -> set[str]:
    """Return the user modules whose factors a file of rules mentions, which imports nothing.

    Raises
    ------
    BadInput : if one of them is not named before it.
    """
    if path.suffix == ".py":
        return set()
    found = set()
    for factor in FACTORS.values():
        if factor.module is not None and re.search(rf"__{factor.name}(?![a-z0-9]|_(?!_))", source):
            if factor.module.name not in known:
                raise BadInput(
                    f"modules: {path.name} reads the factor {factor.name} of {factor.module.name}: name that in "
                    f"modules too, before {path.name}"
                )
            found.add(factor.module.name)
    return found


def _imports(nodes: Iterable[ast.AST], path: Path) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise BadInput(f"modules: {path.name}, line {node.lineno}: write imports without leading dots")
            # `from package import module` names the module last.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_former_import(imported: str) -> bool:
    """Tell whether a name is one of the former decorators, or the former path of their module."""
    module, _, name = imported.rpartition(".")
    former_path = imported.startswith("features.user_factors")
    return former_path or (module == "tradesieve.features.user_factors" and name in _FORMER_DECORATORS)


def _holds(folder: Path, module: str) -> bool:
    """Tell whether a folder that is not Python's own holds a module."""
    if str(folder) in sysconfig.get_paths().values():
        return False
    return (folder / f"{module}.py").is_file() or any((folder / module).glob("*.py"))


def _run(
    name: str, source: str, path: Path, *, instead_of: UserModule | None
) -> tuple[dict[str, Factor], tuple[tuple[str, str], ...]]:
    """Run a module and return its factors and other definitions; if it fails, restore what was before."""
    module = ModuleType(name)
    module.__file__ = str(path)
    before, code = _registered(), sys.modules.get(name)
    if instead_of is not None:
        _unregister(instead_of)
    others, other_definitions = set(FACTORS), set(DEFINITIONS)
    sys.modules[name] = module  # so that functions find their module, and other modules this one
    try:
        exec(compile(as_python(source, path), str(path), "exec"), module.__dict__)
    except Exception as error:
        _restore(before, {name: code})
        if isinstance(error, BadInput):
            raise
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = f", line {own[-1].lineno}" if own else ""
        raise BadInput(f"modules: {path.name}{line}: {type(error).__name__}: {error}") from error
    factors = {factor: FACTORS[factor] for factor in FACTORS if factor not in others}
    return factors, tuple(key for key in DEFINITIONS if key not in other_definitions)


@contextmanager
def _put_back(*modules: UserModule) -> Iterator[None]:
    before, code = _registered(), {module.name: sys.modules.get(module.name) for module in modules}
    try:
        yield
    finally:
        _restore(before, code)


_Registered = tuple[dict[str, Factor], dict[tuple[str, str], Any]]


def _registered() -> _Registered:
    return dict(FACTORS), dict(DEFINITIONS)


def _unregister(module: UserModule) -> None:
    for factor in module.factors:
        FACTORS.pop(factor, None)
    for key in module.definitions:
        DEFINITIONS.pop(key, None)


def _restore(registered: _Registered, code: Mapping[str, ModuleType | None]) -> None:
    factors, definitions = registered
    for factor in set(FACTORS) - set(factors):
        del FACTORS[factor]
    FACTORS.update(factors)
    for key in set(DEFINITIONS) - set(definitions):
        del DEFINITIONS[key]
    DEFINITIONS.update(definitions)
    for name, module in code.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
