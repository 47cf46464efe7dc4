"""Terms: what a request says of its decision beside bars, as the features of the trade read it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.requirements import Requirements
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import ScoreRequest

_HINTS = {
    "stop": "send the stop of the entry signal, in quote, or null for none",
    "target": "send the target of the entry signal, in quote, or null for none",
    "agreeing": "send the share of the rule's other instances on this symbol and timeframe that hold a position on this"
    " side now, or null when there are no others",
    "results": "send the net returns of the instance's last closed trades, oldest first, or [] when none has closed",
}


def terms_of(request: ScoreRequest) -> dict[str, Any]:
    """Return the terms that a request states, as sent."""
    return {name: getattr(request, name) for name in _HINTS if name in request.model_fields_set}


def decision_of(request: ScoreRequest, required: Requirements) -> Decisions:
    """Build the decision from what the model requires beside bars.

    Raises
    ------
    Problem : 422 if the request lacks it, or its stop lies beyond its target.
    """
    terms: dict[str, Any] = {}
    for term in sorted(required.terms - {"side"}):
        value = getattr(request, term)
        if term not in request.model_fields_set or (term == "results" and value is None):
            raise Problem(422, "missing-term", f"the model needs {term} to decide", field=term, hint=_HINTS[term])
        if term == "results":
            value = value[max(0, len(value) - required.results) :]
            terms |= {"results": value, "first_result": [0], "end_result": [len(value)]}
        else:
            terms[term] = [np.nan if value is None else value]
    if request.stop is not None and request.target is not None and request.side * (request.target - request.stop) <= 0:
        raise Problem(
            422,
            "invalid-value",
            f"the stop, {request.stop:.17g}, lies beyond the target, {request.target:.17g}",
            field="stop",
            hint="of a long trade the target is above the stop, of a short one below it",
        )
    return Decisions(
        np.array([request.decision_time]), np.array([request.side]), **{name: np.array(v) for name, v in terms.items()}
    )
