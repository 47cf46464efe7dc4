"""Bodies of responses, which the client reads too."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tradesieve.features.requirements import Requirements as Requirements  # the ``needs`` of GET /model


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

    model_config = ConfigDict(frozen=True)
    accept: bool
    size: float
    score: float
    threshold: float | None
    model: str
    reasons: list[str]


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
    """

    model_config = ConfigDict(frozen=True)
    symbol: str
    timeframe: str
    added: int
    known: int
    dropped: int
    n_bars: int
    needed: int
    last_time: int


class ProblemBody(BaseModel):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(frozen=True)
    type: str
    title: str
    status: int
    detail: str
    field: str | None
    hint: str


class BatchAnswer(BaseModel):
    """The response to one candidate of a batch: a decision, or why there is none."""

    model_config = ConfigDict(frozen=True)
    decision: Decision | None
    problem: ProblemBody | None


class Batch(BaseModel):
    """The response to a BatchRequest.

    Parameters
    ----------
    answers : in the order of the candidates.
    """

    model_config = ConfigDict(frozen=True)
    answers: list[BatchAnswer]


class Recorded(BaseModel):
    """The response to an OutcomesRequest.

    Parameters
    ----------
    stored : outcomes that are in the store now.
    """

    model_config = ConfigDict(frozen=True)
    stored: int
