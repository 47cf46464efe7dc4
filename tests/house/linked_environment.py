"""Environments of a part of the distributions that are installed here, made of links: nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path, PurePath


def make_environment(folder: Path, names: Iterable[str]) -> Path:
    """Make a virtual environment in which some installed distributions are, and no other.

    Returns
    -------
    The folder of its commands.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    here = Path(sysconfig.get_path("purelib"))
    site = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    files = (path for name in names for path in distribution(name).files or [] if path.parts[0] != "..")
    for part in {_whole(here, path) for path in files}:  # some packages are of two distributions
        (site / part).parent.mkdir(parents=True, exist_ok=True)
        (site / part).symlink_to(here / part)
    # BentoML builds with uv, which it would otherwise install by pip, from an index of packages.
    (folder / "bin" / "uv").symlink_to(Path(sys.executable).parent / "uv")
    return folder / "bin"


def _whole(here: Path, path: PurePath) -> PurePath:
    """Return the first part of a path that is a package or metadata; folders above may hold several distributions."""
    parts = [PurePath(*path.parts[: n + 1]) for n in range(len(path.parts))]
    return next(
        (part for part in parts if (here / part / "__init__.py").is_file() or part.suffix == ".dist-info"), path
    )
