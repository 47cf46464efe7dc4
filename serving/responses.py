"""Bodies of responses, which the client reads too."""

from __future__ import annotations

import math
from typing import Self

from pydantic import BaseModel, ConfigDict

from tradesieve.features.requirements import Requirements as Requirements  # the ``needs`` of GET /model

_FROZEN = ConfigDict(frozen=True, defer_build=True)
"""Built when they are used, so that a bot imports its client sooner."""


class Decision(BaseModel):
    """The response to a ScoreRequest.

    Parameters
    ----------
    accept : whether to take the trade.
    size : the multiple of the rule's own stake; 0 if refused.
    score : the model's output: a probability, or a number above zero where a gain is expected.
    threshold : the lowest score at which this instance is accepted; None if there is none.
    model : fingerprint of the artifact that answered.
    reasons : sentences: why, and warnings about the bars.
    """

    model_config = _FROZEN
    accept: bool
    size: float
    score: float
    threshold: float | None
    model: str
    reasons: list[str]


class Fallback(Decision):
    """A decision that the client made itself, since the service could not answer by the deadline.

    ``score`` is NaN, ``model`` is empty, and ``reasons`` say why.
    """

    @classmethod
    def of(cls, accept: bool, why: str) -> Self:
        """Refuse a trade, or take it whole."""
        reason = f"fallback, {'passed' if accept else 'refused'} without the filter: {why}"
        size = 1.0 if accept else 0.0
        return cls(accept=accept, size=size, score=math.nan, threshold=None, model="", reasons=[reason])


class Appended(BaseModel):
    """The response to an AppendRequest.

    Parameters
    ----------
    added : bars that were new.
    known : bars that the window already held, with the same values.
    dropped : bars older than the window.
    n_bars : bars that the window holds now.
    needed : bars that a decision requires.
    last_time : int64 ns UTC, the close of the window's last bar.
    absent : bars of the timeframe that are not there between the first and the last of the window.
    """

    model_config = _FROZEN
    symbol: str
    timeframe: str
    added: int
    known: int
    dropped: int
    n_bars: int
    needed: int
    last_time: int
    absent: int = 0


class ProblemBody(BaseModel):
    """Problem details, RFC 9457."""

    model_config = _FROZEN
    type: str
    title: str
    status: int
    detail: str
    field: str | None
    hint: str


class BatchAnswer(BaseModel):
    """The response to one candidate of a batch: a decision, or why there is none."""

    model_config = _FROZEN
    decision: Decision | None
    problem: ProblemBody | None


class Batch(BaseModel):
    """The response to a BatchRequest.

    Parameters
    ----------
    answers : in the order of the candidates.
    """

    model_config = _FROZEN
    answers: list[BatchAnswer]


class Recorded(BaseModel):
    """The response to an OutcomesRequest.

    Parameters
    ----------
    stored : outcomes that are in the store now.
    """

    model_config = _FROZEN
    stored: int
