"""The code hash of a factor: of all our code that its values depend on, and of the versions of the libraries.

It covers what Python would run, function by function: a kernel, the functions that it calls and the constants that it
reads, wherever they are defined. So a changed kernel has another hash, while a comment, a docstring or another kernel
of the same file changes nothing. `pipelines.fingerprints.code_fingerprint` hashes the files of whole rooms instead, for
results that depend on more than can be followed function by function.
"""

from __future__ import annotations

import dis
import hashlib
import platform
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tradesieve.features.factor import Feature

ENGINE = (
    "engine/compiled.py", "decisions.py", "engine/compute.py", "factor.py", "engine/higher_timeframe.py",
    "engine/history.py", "engine/interpreted.py", "engine/mirror.py", "inputs.py",
)  # fmt: skip
"""The files of this room that every value depends on, whatever its factor."""

_LIBRARIES = ("numpy", "numba", "llvmlite")
_PLAIN = (int, float, str, bytes, bool, type(None), complex)


def code_of(feature: Feature) -> str:
    """Hash the code that a feature's values depend on.

    Returns
    -------
    16 hexadecimal digits, equal in every process that runs the same code on the same kind of machine.
    """
    factor = feature.factor
    parts = [_engine(), digest_of(factor.kernel), digest_of(factor.lookback)]
    if factor.module is not None:
        parts.append(factor.module.fingerprint)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def digest_of(function: Any) -> str:
    """Hash a function with all our code that it calls and reads."""
    digest = hashlib.sha256()
    for part in _described(function, set()):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


@cache
def _engine() -> str:
    digest = hashlib.sha256(f"{platform.machine()} {sys.version_info[:2]}".encode())
    for name in ENGINE:
        digest.update((Path(__file__).parents[1] / name).read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def _described(value: Any, seen: set[int]) -> Iterator[str]:
    """Describe a value by everything that can change what it computes."""
    value = getattr(value, "py_func", value)  # compiled by numba
    if not isinstance(value, FunctionType | type):
        value = getattr(value, "__wrapped__", value)  # a cache
    if isinstance(value, _PLAIN):
        yield repr(value)
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _described(item, seen)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield repr(key)
            yield from _described(item, seen)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value)))
    elif isinstance(value, FunctionType) and not _library(value.__module__):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _of_function(value, seen)
    elif isinstance(value, type) and not _library(value.__module__):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _named(value)
            yield from _described([method for method in map(_method, vars(value).values()) if method], seen)
    else:
        yield from _named(value)


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield function.__name__
    yield from _of_code(function.__code__, function.__doc__)
    yield from _described((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        yield from _described(cell.cell_contents, seen)
    for library in _imported(function.__code__):
        yield f"{library} {_version(library)}"
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield name
            yield from _described(function.__globals__[name], seen)


def _of_code(code: CodeType, docstring: str | None = None) -> Iterator[str]:
    yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {code.co_exceptiontable.hex()}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
        elif constant is not docstring or docstring is None:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


@cache
def _names(code: CodeType) -> list[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(_names(constant))
    return sorted(found)


def _method(value: Any) -> Any:
    """Return the function of what a class has: a method or a property; None for anything else."""
    function = getattr(value, "fget", getattr(value, "__func__", value))
    return function if isinstance(function, FunctionType) else None


@cache
def _imported(code: CodeType) -> list[str]:
    """List the libraries that a function imports when it runs."""
    names = {step.argval.partition(".")[0] for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"}
    return sorted(name for name in names if _library(name))


def _named(value: Any) -> Iterator[str]:
    """Describe a class, a module or an object by the version of its library, or the source of its file."""
    module = value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
    yield f"{module} {getattr(value, '__qualname__', type(value).__qualname__)}"
    if not isinstance(value, type | ModuleType) and " at 0x" not in repr(value):  # which differs in every process
        yield repr(value)
    if _library(module):
        yield _version(module.partition(".")[0])
    else:
        file = getattr(sys.modules.get(module), "__file__", None)
        yield "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


@cache
def _version(library: str) -> str:
    try:
        return version(library) if library else ""
    except PackageNotFoundError:
        return ""


@cache
def _library(module: str) -> bool:
    """Tell whether a module is part of Python or installed, rather than ours or the user's."""
    top = module.partition(".")[0]
    if not top or top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    installed = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return file is not None and any(Path(file).is_relative_to(folder) for folder in installed)
