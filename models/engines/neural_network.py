"""A small neural network: scikit-learn's perceptron of one or two hidden layers, after an imputer and a scaler.

Every epoch is asked for, and none is stopped early: stopping would split off a part of the rows at random, which
overlaps in time with the rest.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.scikit_pipeline import check_parameters, fit_pipeline
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import ScikitModel
from tradesieve.models.labels.base import CLASSIFICATION

_START: dict[str, Any] = {
    "hidden_layers": 1,
    "units": 16,
    "epochs": 20,
    "learning_rate": 0.002,
    "alpha": 3.0,
    "batch_size": 256,
}
_SPACE: Space = {
    "hidden_layers": [1, 2],
    "units": Range(4, 64, whole=True, logarithmic=True),
    "epochs": Range(5, 40, whole=True),
    "learning_rate": Range(5e-4, 1e-2, logarithmic=True),
    "alpha": Range(0.1, 30.0, logarithmic=True),
    "batch_size": [128, 256, 512],
}
_STEPS_PER_EPOCH = 20
"""Of few rows, smaller batches are taken, so that an epoch has at least this many steps."""
_OF_TRAINING = ("_optimizer", "_random_state", "_best_coefs", "_best_intercepts")
"""What a fitted perceptron holds for further training only."""


class NeuralNetworkEngine(Engine):
    """A perceptron, trained by Adam on one thread."""

    name: ClassVar[str] = "neural_network"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("perceptron",)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACE, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> ScikitModel:
        check_parameters(candidate, _SPACE)
        parameters = _START | candidate.parameters
        train = _trained_classifier if candidate.task == CLASSIFICATION else _trained_regressor
        return fit_pipeline(lambda Z: train(parameters, Z, rows.y, rows.weight, seed), rows)


def _trained_classifier(parameters: dict[str, Any], Z: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return _trained(MLPClassifier, parameters, Z, y, weight, seed, classes=np.array([0.0, 1.0]))


def _trained_regressor(parameters: dict[str, Any], Z: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Any:
    """Train on targets of deviation 1, then scale the last layer, so that the unit of the targets does not matter."""
    from sklearn.neural_network import MLPRegressor

    deviation = float(np.std(y))
    network = _trained(MLPRegressor, parameters, Z, y / deviation, weight, seed)
    network.coefs_[-1] *= deviation
    network.intercepts_[-1] *= deviation
    return network


def _trained(
    kind: Any,
    parameters: dict[str, Any],
    Z: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    seed: int,
    **arguments: Any,
) -> Any:
    network = kind(
        hidden_layer_sizes=(parameters["units"],) * parameters["hidden_layers"],
        alpha=parameters["alpha"],
        learning_rate_init=parameters["learning_rate"],
        batch_size=min(parameters["batch_size"], max(1, len(y) // _STEPS_PER_EPOCH)),
        # One generator for all epochs; a number would shuffle the rows of each in the same way.
        random_state=np.random.RandomState(seed),
    )
    for _ in range(parameters["epochs"]):
        network.partial_fit(Z, y, sample_weight=weight, **arguments)
    network.set_params(random_state=seed)
    for name in _OF_TRAINING:
        vars(network).pop(name, None)
    return network
