"""The winner as an MLflow model: a logged model with signature and input example, which `mlflow models serve` serves.

A row holds the features of a decision, by name, and optionally its strategy instance. The answer is the score of the
artifact inside, and the size that its application gives it. Bars are what the service of `serving` scores.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.models.artifact.manifest import read_manifest

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

MODEL_NAME = "model"
"""The name of the logged model: ``runs:/RUN/model``."""
INSTANCE = "instance"
"""The optional column with the strategy instance, whose own threshold or share some applications have."""
_UNKNOWN_INSTANCE = -1
_DATA = "artifact"


@dataclass(frozen=True, eq=False)
class ScoringModel:
    """An artifact behind MLflow's interface of Python functions."""

    artifact: Artifact

    def predict(self, rows: pandas.DataFrame, params: Mapping[str, Any] | None = None) -> pandas.DataFrame:
        """Score rows of features.

        Parameters
        ----------
        rows : the columns of the artifact's features, missing where unknown, and ``instance``, which is optional unless
            the model reads categories. Without it, a row is sized as one of an instance that the model was not trained
            on.

        Returns
        -------
        Columns ``score`` and ``size``, as `Artifact.score` and `Artifact.sizes`.

        Raises
        ------
        Unknown : if the model was not trained on an instance.
        BadInput : if the model reads categories and there is no instance.
        """
        import pandas

        X = rows[[feature.name for feature in self.artifact.features]].to_numpy(dtype=np.float64)
        instances = rows[INSTANCE].tolist() if INSTANCE in rows else []
        scores = self.artifact.model.predict(self.artifact.with_categories(X, instances))
        if INSTANCE in rows:
            sizes = self.artifact.sizes(scores, instances)
        else:
            sizes = self.artifact.application.sizes(scores, np.full(len(scores), _UNKNOWN_INSTANCE))
        return pandas.DataFrame({"score": scores, "size": sizes})


def _load_pyfunc(path: str) -> ScoringModel:
    """Load the artifact in a folder; MLflow calls this by its name."""
    return ScoringModel(load_artifact(Path(path)))


def log_model(
    client: MlflowClient,
    *,
    experiment: str,
    run_id: str,
    artifact_folder: Path,
    example: np.ndarray,
    tags: Mapping[str, str],
) -> str:
    """Log the artifact of a run as an MLflow model and return its id.

    Parameters
    ----------
    experiment : id of the MLflow experiment.
    example : float64 (n_rows, n_features), rows of the artifact's features, NaN where unknown.

    Raises
    ------
    BadInput : if the artifact is damaged.
    """
    from mlflow.entities import LoggedModelOutput

    manifest = read_manifest(artifact_folder)
    model = client.create_logged_model(experiment, MODEL_NAME, source_run_id=run_id, tags=dict(tags))
    with tempfile.TemporaryDirectory(prefix="tradesieve-") as folder:
        written = Path(folder) / MODEL_NAME
        _write(
            artifact_folder,
            manifest,
            written,
            example,
            run_id=run_id,
            model_id=model.model_id,
            location=model.artifact_location,
        )
        client.log_model_artifacts(model.model_id, str(written))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return str(model.model_id)


def _write(
    artifact_folder: Path,
    manifest: Mapping[str, Any],
    folder: Path,
    example: np.ndarray,
    *,
    run_id: str,
    model_id: str,
    location: str,
) -> None:
    """Write the folder of an MLflow model.

    `mlflow.pyfunc.save_model` writes the same, and then searches all that is installed for mismatches, which takes
    longer than the rest of the tracking.
    """
    import pandas
    import yaml
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import add_to_model
    from mlflow.types import ColSpec, Schema

    names = manifest["features"]
    # A model that reads categories scores no row without its instance.
    required = bool(manifest.get("categories"))
    inputs = Schema([*(ColSpec("double", name) for name in names), ColSpec("string", INSTANCE, required=required)])
    outputs = Schema([ColSpec("double", "score"), ColSpec("double", "size")])
    shutil.copytree(artifact_folder, folder / _DATA)
    frame = pandas.DataFrame(example, columns=names)
    if required:
        frame[INSTANCE] = manifest["instances"][0]
    rows = frame.to_json(orient="split", index=False, double_precision=15)
    (folder / "input_example.json").write_text(rows)
    (folder / "serving_input_example.json").write_text(f'{{"dataframe_split": {rows}}}')
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in _requirements(manifest)))
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False))
    model = Model(
        artifact_path=location,
        run_id=run_id,
        model_uuid=model_id,
        model_id=model_id,
        signature=ModelSignature(inputs=inputs, outputs=outputs),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
    )
    add_to_model(model, loader_module=__name__, data=_DATA, python_env="python_env.yaml")
    model.save(str(folder / "MLmodel"))


def _requirements(manifest: Mapping[str, Any]) -> list[str]:
    packages = {name: text for name, text in manifest["versions"].items() if name != "python"}
    packages |= {name: version(name) for name in ("mlflow", "pandas", "pydantic")}
    return [f"{name}=={text}" for name, text in packages.items()]
