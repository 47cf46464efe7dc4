"""What to try next follows from what was found, and names it."""

from __future__ import annotations

from typing import Any

from tradesieve.pipelines.reports.next_steps import next_steps


def result_of(**changed: Any) -> dict[str, Any]:
    rows = [
        {"name": "loser()|A|1h", "verdict": "not worth it", "reason": "it loses"},
        {"name": "idle()|A|1h", "verdict": "cannot be told", "reason": "no trade"},
    ]
    return {
        "experiment": "abc", "run_id": "f00", "winner": {"at_edge": []}, "leaderboard": [{"error": None}],
        "gate": {"open": False, "conditions": [{"name": "beats_random_filter", "passed": False}]},
        "verdicts": {"development": {"rows": rows}, "holdout": None},
    } | changed  # fmt: skip


def test_the_gate_decides_what_comes_first() -> None:
    nothing: dict[str, Any] = {"rows": []}
    steps = next_steps(result_of(), None, nothing, None)
    assert steps[0].startswith("Do not trade abc yet. Another look at this hold-out costs significance")
    few = {"open": False, "conditions": [{"name": "trades_kept", "passed": False}]}
    assert next_steps(result_of(gate=few), None, nothing, None)[0].startswith("Too few trades on the hold-out to judge")
    opened = {"open": True, "conditions": []}
    assert "tradesieve model export --run f00" in next_steps(result_of(gate=opened), None, nothing, None)[0]
    assert "Open the hold-out once" in next_steps(result_of(gate=None), None, nothing, None)[0]
    failed = result_of(winner=None, leaderboard=[{"error": "ValueError: no rows"}])
    assert "the first because ValueError: no rows." in next_steps(failed, None, nothing, None)[0]


def test_losers_edges_places_markets_and_factors_are_named() -> None:
    effects = {"rows": [{"by": "volatility", "group": "wild", "found": "hurts"}]}
    conditions = {"rows": [{"group": "rule()|A|1h", "condition": "trend", "state": "rising", "found": "earns"}]}
    importance = {"features": [{"name": "slope", "loss": 0.1, "error": 0.01}, {"name": "x", "loss": 0.0, "error": 1.0}]}
    edge = {"at_edge": ["threshold 0.9 is the highest tried"]}
    steps = " ".join(next_steps(result_of(winner=edge), effects, conditions, importance))
    assert "1 of 2 strategies lose by more than luck, such as loser() A 1h" in steps
    assert "1 of 2 strategies traded too little to be judged" in steps
    assert "The filter hurts in wild (volatility)" in steps
    assert "rule() A 1h in trend rising earned" in steps
    assert "The filter rests on slope:" in steps
    assert "threshold 0.9 is the highest tried" in steps
    unsure = {"features": importance["features"][1:]}
    assert "No single factor matters by itself" in " ".join(next_steps(result_of(), None, {"rows": []}, unsure))
