"""The contract of an application: a rule that turns scores into sizes, with a few parameters chosen by fitness.

The parameters that size a fold are chosen on other folds, see `models.protocol.out_of_fold_sizes`. A row without a
score (NaN) has size 0 under every application.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.registry import MINIMUM_TRADES, Fitness
from tradesieve.models.labels.base import TASKS


class NoChoice(TradesieveError):
    """No parameters of an application have a fitness on the given rows; the trial fails with this reason."""


@dataclass(frozen=True)
class Application(ABC):
    """A rule from scores to sizes; its fields are its parameters.

    A subclass defines `name`, `sizes` and `candidates`; `fit` chooses among the candidates.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = TASKS
    """The tasks whose scores it can read, see `models.labels`."""

    @abstractmethod
    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """Turn scores into sizes.

        Parameters
        ----------
        scores : float (n_trades,), finite, higher is better. NaN gives size 0.
        instance : int64 (n_trades,), index of each row's strategy instance, which some applications use.

        Returns
        -------
        float64 (n_trades,), in [0, 1]: multiples of the rule's own stake.
        """

    @classmethod
    @abstractmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        """Yield applications to choose from, the most permissive first, for rows that all have a score."""

    @classmethod
    def fit(
        cls, scores: np.ndarray, dataset: Dataset, *, fitness: Fitness, minimum_trades: int = MINIMUM_TRADES
    ) -> Self:
        """Choose the candidate with the best fitness on the given rows; among equals, the most permissive.

        Parameters
        ----------
        scores : float (n_trades,). Rows with NaN are left out.
        dataset : the rows of the scores.
        fitness : is maximised; NaN never wins.
        minimum_trades : candidates that keep fewer trades do not qualify.

        Raises
        ------
        NoChoice : if no candidate qualifies.
        BadInput : if there is not one score per row, or a score is infinite.
        """
        scores, dataset = scored_rows(scores, dataset)
        best, best_value = None, -np.inf
        for candidate in cls.candidates(scores, dataset) if len(scores) else ():
            sizes = candidate.sizes(scores, dataset.instance)
            value = fitness(dataset, sizes, minimum_trades=minimum_trades)
            if value > best_value:
                best, best_value = candidate, value
        if best is None:
            raise NoChoice(
                f"no parameters of {cls.name!r} have a {fitness.name} on {len(scores)} scored trades "
                f"and keep at least {minimum_trades} of them"
            )
        return best

    def edges(self, scores: np.ndarray, dataset: Dataset) -> list[str]:
        """Say which parameters are the lowest or the highest of those tried: a better value may lie beyond.

        Parameters
        ----------
        scores, dataset : the rows that it was fitted on, as in `fit`.

        Returns
        -------
        A phrase for each parameter at an edge; one of which a single value was tried is at none.
        """
        tried = [candidate.parameters() for candidate in self.candidates(*scored_rows(scores, dataset))]
        phrases = []
        for name, value in self.parameters().items():
            values = {each[name] for each in tried} if isinstance(value, float) else set()
            if len(values) > 1 and value in (min(values), max(values)):
                phrases.append(f"{name} {value:.4g} is the {'lowest' if value == min(values) else 'highest'} tried")
        return phrases

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as JSON values; `registry.from_parameters` restores the application from them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def scored_rows(scores: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, Dataset]:
    """Keep the rows that have a score, under the same period.

    Raises
    ------
    BadInput : if there is not one score per row, or a score is infinite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(dataset),):
        raise BadInput(f"scores has shape {scores.shape}, expected {(len(dataset),)}: one for each trade")
    if np.isinf(scores).any():
        row = int(np.argmax(np.isinf(scores)))
        raise BadInput(f"scores[{row}] is {scores[row]}: a score is finite, or NaN where a row has none")
    known = ~np.isnan(scores)
    return (scores, dataset) if known.all() else (scores[known], dataset.take(known))
