"""The schema of a manifest: what a model is, what it was trained on, and how it was judged."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tradesieve.features.user_modules import ENDINGS
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.instance import Instance


def _canonical(instances: list[str]) -> list[str]:
    if len(set(instances)) < len(instances):
        raise ValueError("instances must be distinct")
    for symbol, timeframe in dict.fromkeys(Instance.parse(name).series for name in instances):
        if str(parse_timeframe(timeframe)) != timeframe:
            raise ValueError(f"the timeframe of {symbol} is written {timeframe!r}; write {parse_timeframe(timeframe)}")
    return instances


def _in_words(reason: str | None) -> str | None:
    if reason is not None and not reason.strip():
        raise ValueError("must be null or a reason in words")
    return reason


def _dotted(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError("must be the name of a Python module")
    return name


def _inside(files: dict[str, str]) -> dict[str, str]:
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ValueError(f"{name!r} leads out of the artifact's folder")
    return files


class _Part(BaseModel):
    """Plain JSON values: types are checked, never converted, and further keys are kept."""

    model_config = ConfigDict(strict=True, extra="allow")


class JudgedCondition(_Part):
    """A condition of the gate, see `models.significance.gate.Condition`."""

    passed: bool
    reason: str


class Verdict(_Part):
    """The gate's verdict, see `models.significance.gate.Gate.as_dict`."""

    open: bool
    conditions: list[JudgedCondition] = []


class TrainedModel(_Part):
    """The candidate that was fitted."""

    candidate: dict[str, Any]


class ModelPart(TrainedModel):
    """The candidate and the format of its model file, see `models.fitted.formats`; of groups, that of each model."""

    format: str
    format_of_groups: str | None = None


class CategoriesPart(_Part):
    """Columns of categories, see `models.scopes.category_columns`."""

    codes: dict[str, list[str]]
    indicators: dict[str, list[str]]


class ApplicationPart(_Part):
    """An application and its parameters, see `models.applications.registry.from_parameters`."""

    name: str
    parameters: dict[str, Any]


class ModulePart(_Part):
    """A bundled module, see `models.artifact.bundled_modules`."""

    name: Annotated[str, AfterValidator(_dotted)]
    file: str
    packages: list[str]

    @model_validator(mode="after")
    def _own_file(self) -> Self:
        if self.file not in [f"modules/{self.name}{ending}" for ending in ENDINGS]:
            raise ValueError(f"the file of {self.name} is {self.file!r}, not modules/{self.name}.py")
        return self


class TrainingBarsPart(_Part):
    """What the bars of a series did, see `models.artifact.training_bars.TrainingBars`."""

    largest_move: float
    largest_step: int
    usual_step: int


class TrainingFeaturePart(_Part):
    """Where the values of a feature lay, see `models.artifact.training_features.TrainingFeatures`."""

    center: float | None = None
    scale: float | None = None
    farthest: float | None = None
    n_missing: int


class TrainingFeaturesPart(_Part):
    """Where the values of features lay."""

    n_rows: int
    features: dict[str, TrainingFeaturePart]


class GivenManifest(_Part):
    """The keys that the caller of `write_artifact` gives.

    Parameters
    ----------
    experiment, code, dataset : fingerprints.
    run_id : the MLflow run, null before the release.
    created : ISO time.
    bars : fingerprint of each series.
    instances : ``strategy|symbol|timeframe`` of every instance that the model answers for, in the order in which the
        application's parameters list them.
    same_trades_as : of these, the one in the dataset that stands for it, by the name of each that was joined with it.
    only_sides : 1 or -1 by instance, where it took no trade of the other side.
    training_bars : what the bars of each series did in the development part, see `models.artifact.training_bars`.
    training_features : where the values of each feature lay then, see `models.artifact.training_features`.
    life_days : how long after its creation the model may be relied on, where somebody stated it.
    data_span : first and last time of the development part, int64 ns UTC.
    n_trials : trials on these symbols.
    gate : the verdict.
    override : why a closed gate is overridden, else null.
    model : the candidate that was fitted.
    modules : the user's modules, where features or strategies need them.
    categories : the columns that the model reads after the features, where it reads any.
    """

    experiment: str
    run_id: str | None
    created: str
    code: str
    dataset: str
    bars: dict[str, str]
    instances: Annotated[list[str], Field(min_length=1), AfterValidator(_canonical)]
    data_span: Annotated[list[int], Field(min_length=2, max_length=2)]
    n_trials: int
    gate: Verdict
    same_trades_as: dict[str, str] = {}
    only_sides: dict[str, float] = {}
    training_bars: dict[str, TrainingBarsPart] = {}
    training_features: TrainingFeaturesPart | None = None
    life_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    override: Annotated[str | None, AfterValidator(_in_words)]
    model: TrainedModel
    modules: list[ModulePart] = []
    categories: CategoriesPart | None = None


class Manifest(GivenManifest):
    """A whole manifest.

    Parameters
    ----------
    format : see `FORMAT`.
    versions : of Python and the packages that compute the scores.
    features : the columns that the model reads, in order.
    application : turns scores into sizes.
    symbols, timeframes : of the instances.
    files : SHA-256 of every other file, by its path.
    """

    format: int
    versions: dict[str, str]
    features: list[str]
    application: ApplicationPart
    symbols: list[str]
    timeframes: list[str]
    files: Annotated[dict[str, str], AfterValidator(_inside)]
    model: ModelPart
