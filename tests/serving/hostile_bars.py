"""Bars that no market makes, for property tests: what is sent to the service, and what may follow from it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from hypothesis import strategies as st

from tests.serving.wrong_requests import problem_of
from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import DAY
from tradesieve.models.artifact.artifact import Artifact

STEP = 300_000_000_000
PRICES = COLUMNS[1:5]
Columns = dict[str, list[Any]]


def flat(bars: Columns, row: int) -> None:
    bars |= {name: [bars["close"][row]] * len(bars["close"]) for name in PRICES}
    bars["volume"] = [0.0] * len(bars["close"])


def printed_at(factor: float, *names: str) -> Callable[[Columns, int], None]:
    def change(bars: Columns, row: int) -> None:
        for name in names:
            bars[name][row] *= factor

    return change


def valued(value: Any, *names: str) -> Callable[[Columns, int], None]:
    def change(bars: Columns, row: int) -> None:
        for name in names:
            bars[name][row] = value

    return change


def apart(step: int) -> Callable[[Columns, int], None]:
    def change(bars: Columns, row: int) -> None:
        n_bars, last = len(bars["close_time"]), bars["close_time"][-1]
        bars["close_time"] = [last - step * back for back in range(n_bars - 1, -1, -1)]

    return change


def gap(length: int) -> Callable[[Columns, int], None]:
    def change(bars: Columns, row: int) -> None:
        last = max(1, row)
        bars["close_time"][:last] = [time - length for time in bars["close_time"][:last]]

    return change


def doubled(bars: Columns, row: int) -> None:
    for column in bars.values():
        column.insert(row, column[row])


def swapped(bars: Columns, row: int) -> None:
    for column in bars.values():
        column[row - 1], column[row] = column[row], column[row - 1]


def later(by: int) -> Callable[[Columns, int], None]:
    def change(bars: Columns, row: int) -> None:
        bars["close_time"] = [time + by for time in bars["close_time"]]

    return change


NONSENSE: dict[str, Callable[[Columns, int], None]] = {
    "a flat tape without volume": flat,
    "a print at ten times": printed_at(10.0, "high"),
    "a bar at ten times": printed_at(10.0, *PRICES),
    "a print at a tenth": printed_at(0.1, "low"),
    "a bar of 1e308": valued(1e308, *PRICES),
    "a bar of 5e-324": valued(5e-324, *PRICES),
    "a price that is NaN": valued(float("nan"), "close"),
    "an infinite volume": valued(float("inf"), "volume"),
    "a negative volume": valued(-1.0, "volume"),
    "a high below the low": printed_at(0.5, "high"),
    "a price that is text": valued("100", "open"),
    "no price": valued(None, "low"),
    "twenty years absent": gap(20 * 365 * DAY),
    "half hours": apart(6 * STEP),
    "bars of 299 s": apart(STEP - 1_000_000_000),
    "a bar twice": doubled,
    "bars out of order": swapped,
    "a century ahead": later(36_500 * DAY),
    "an hour ahead": later(12 * STEP),
    "off the grid": later(-1),
    "before 1970": later(-(2**62)),
}
"""What no training bar did; whatever else is changed, no trade may follow."""


def shortened(bars: Columns, row: int) -> None:
    for column in bars.values():
        del column[:-40]


def longer_by_hand(bars: Columns, row: int) -> None:
    for name, column in bars.items():
        column[:0] = [column[0] - STEP * back if name == "close_time" else column[0] for back in range(50, 0, -1)]


def dropped(bars: Columns, row: int) -> None:
    last = min(max(1, row), len(bars["close_time"]) - 3)
    for column in bars.values():
        del column[last : last + 2]
        column.insert(0, column[0])
        column.insert(0, column[0])
    bars["close_time"][:2] = [bars["close_time"][2] - 2 * STEP, bars["close_time"][2] - STEP]


def nudged(bars: Columns, row: int) -> None:
    bars["close"][row] = bars["low"][row]


UNUSUAL: dict[str, Callable[[Columns, int], None]] = {
    "too few": shortened,
    "more than needed": longer_by_hand,
    "two bars absent": dropped,
    "another close": nudged,
    "no volume in a bar": valued(0.0, "volume"),
}
"""What may be answered: then as research would."""

cases = st.fixed_dictionaries(
    {
        "end": st.integers(400, 3000),
        "side": st.sampled_from([1, -1]),
        "symbol": st.sampled_from(["BTC-USD", "ETH-USD"]),
        "changes": st.lists(
            st.tuples(st.sampled_from([*NONSENSE, *UNUSUAL]), st.integers(2, 98)), max_size=2, unique_by=lambda c: c[0]
        ),
        "way": st.sampled_from(["score", "batch", "pushed"]),
    }
)
"""One request: which decision is asked, what its bars are changed to, and how it is asked."""


def now_moved(bars: Bars) -> int:
    """Return by how much bars are moved, so that the last one has just closed by the clock."""
    return (time.time_ns() - 1_000_000_000) // STEP * STEP - int(bars.close_time[-1])


def hold_to_the_law(
    http: httpx.Client, artifact: Artifact, bars: Bars, case: dict[str, Any], only_side: dict[str, int]
) -> str:
    """Ask the service and check its answer.

    Parameters
    ----------
    only_side : of a symbol, the only side that its strategy took in training.

    Returns
    -------
    ``accepted``, ``not taken``, or ``refused``.
    """
    window = bars[case["end"] - artifact.requirements("5m").bars : case["end"]]
    columns = {name: getattr(window, name).tolist() for name in COLUMNS}
    moved = now_moved(window)
    columns["close_time"] = [time + moved for time in columns["close_time"]]
    names = [name for name, _ in case["changes"]]
    # Nonsense last, else what drops bars may take it away; within the bars that count.
    for name, back in sorted(case["changes"], key=lambda change: change[0] in NONSENSE):
        (NONSENSE | UNUSUAL)[name](columns, max(1, len(columns["close"]) - back))
    series = {"symbol": case["symbol"], "timeframe": "5m"}
    request = {
        **series, "strategy": "breakout(lookback=20)", "side": case["side"],
        "decision_time": columns["close_time"][-1],
    }  # fmt: skip
    answer = _asked(http, case["way"], request, {**series, "bars": columns})
    if "status" in answer:
        assert answer["status"] in (400, 404, 409, 413, 422), answer
        assert answer["detail"], answer
        assert answer["hint"], answer
        return "refused"
    assert np.isfinite(answer["score"]), answer
    if not answer["accept"]:
        assert answer["size"] == 0.0, answer
        return "not taken"
    wrong = [name for name in names if name in NONSENSE]
    assert not wrong, f"a trade follows from {wrong}: {answer}"
    assert only_side.get(case["symbol"], case["side"]) == case["side"], f"a trade of a side never taken: {answer}"
    exact = Bars(case["symbol"], bars.timeframe, *(np.array(columns[name]) for name in COLUMNS))
    decision = Decisions(np.array([request["decision_time"]]), np.array([float(case["side"])]))
    research = artifact.score(exact, decision)
    instance = f"{request['strategy']}|{case['symbol']}|5m"
    assert answer["score"] == research[0], "the score is not research's"
    assert answer["size"] == artifact.sizes(research, [instance])[0]
    return "accepted"


def _asked(http: httpx.Client, way: str, request: dict[str, Any], bars: dict[str, Any]) -> dict[str, Any]:
    if way == "score":
        return _answer(http.post("/v1/score", content=json.dumps({**request, "bars": bars["bars"]})))
    if way == "batch":
        batch = {"candidates": [request], "shared": [bars]}
        answer = _answer(http.post("/v1/score/batch", content=json.dumps(batch)))
        return answer if "status" in answer else answer["answers"][0]["decision"] or answer["answers"][0]["problem"]
    pushed = _answer(http.post("/v1/bars", content=json.dumps({**bars, "replace": True})))
    return pushed if "status" in pushed else _answer(http.post("/v1/score", content=json.dumps(request)))


def _answer(response: httpx.Response) -> dict[str, Any]:
    return response.json() if response.status_code == 200 else problem_of(response)
