"""The formats of saved models by name, and the reading of a saved model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from tradesieve.market.errors import BadInput, TradesieveError, lookup
from tradesieve.models.fitted.calibration import calibration_from
from tradesieve.models.fitted.combination import ScikitCombinationModel
from tradesieve.models.fitted.grouped_model import GroupedModel
from tradesieve.models.fitted.model import (
    MANIFEST,
    CatBoostModel,
    LightGBMMeanModel,
    LightGBMModel,
    Model,
    ScikitModel,
    XGBoostModel,
)

_KINDS: tuple[type[Model], ...] = (
    LightGBMModel,
    LightGBMMeanModel,
    ScikitModel,
    ScikitCombinationModel,
    XGBoostModel,
    CatBoostModel,
    GroupedModel,
)
FORMATS = {model.format: model for model in _KINDS}
"""Name of a format to its model."""


def load_model(folder: Path) -> Model:
    """Read the model in `folder`.

    Raises
    ------
    BadInput : if there is no model, its file is not the one that was saved, or its library cannot read it.
    Unknown : if there is no such format.
    Refused : if the file holds other types than models have.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        name, n_features, columns = manifest["format"], int(manifest["n_features"]), manifest["columns"]
        kind = lookup("model format", name, FORMATS)
        path = folder / kind.file_name
        if hashlib.sha256(path.read_bytes()).hexdigest() != manifest["sha256"]:
            raise BadInput(f"{path} is not the file that was saved: its checksum differs from {MANIFEST}")
        calibration = calibration_from(manifest["calibration"]) if "calibration" in manifest else None
    except FileNotFoundError as error:
        raise BadInput(f"{folder} holds no complete model: {error.filename} is missing") from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise BadInput(f"{folder / MANIFEST} is not a model's manifest: {type(error).__name__} {error}") from error
    try:
        model = kind._read(path, np.asarray(columns, dtype=np.int64), n_features)
    except TradesieveError:
        raise
    except Exception as error:  # each library has errors of its own
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path} cannot be read as {name}: {type(error).__name__} {reason}") from error
    return model if calibration is None else model.calibrated(calibration)
