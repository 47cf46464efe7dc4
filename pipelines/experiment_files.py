"""Experiments in YAML files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment import Experiment, experiment_from


def experiment_from_yaml(path: Path) -> Experiment:
    """Read an experiment from a YAML file.

    Raises
    ------
    BadInput, Unknown : as `experiment_from`, and if the file is missing or is not valid YAML.
    """
    return experiment_from(read_experiment_keys(path))


def read_experiment_keys(path: Path) -> dict[str, Any]:
    """Read the keys of an experiment from a YAML file without validating them.

    Raises
    ------
    BadInput : if the file is missing or does not hold the keys of an experiment.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise BadInput(f"{path}: expected the keys of an experiment: {', '.join(f.name for f in fields(Experiment))}")
    return values
