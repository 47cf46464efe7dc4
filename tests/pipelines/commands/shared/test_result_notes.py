"""What a table of results alone would not say: idle strategies, the best of many, edges of grids, earlier openings."""

from __future__ import annotations

from typing import Any

import pytest

from tradesieve.pipelines.commands.shared.result_notes import describe_choice, describe_idle, describe_opening
from tradesieve.pipelines.commands.shared.trade_notes import describe_losing


def row(name: str, n_trades: int, n_kept: int) -> dict[str, Any]:
    return {"instance": f"{name}()|AAA|1h", "baseline_n_trades": n_trades, "filtered_n_trades": n_kept}


def test_strategies_without_trades_on_a_part_are_named() -> None:
    rows = [row("busy", 9, 3), row("idle", 0, 0), row("refused", 5, 0), row("also_idle", 0, 0)]
    assert describe_idle(rows, "in the hold-out part") == [
        "No trade by 2 of 4 strategies in the hold-out part: idle AAA 1h, also_idle AAA 1h",
        "The filter kept no trade of 1 of 4 strategies in the hold-out part: refused AAA 1h",
    ]
    assert describe_idle(rows[:1], "in the hold-out part") == []
    (line,) = describe_idle([row(f"r{number}", 0, 0) for number in range(8)], "in this period")
    assert line.endswith("r4 AAA 1h and 3 more")


def test_the_winner_is_said_to_be_the_best_of_its_trials() -> None:
    result = {"winner": {"at_edge": []}, "leaderboard": [{}] * 12}
    (line,) = describe_choice(result)
    assert line == "Filtered on the development part is the best of 12 trials there, which flatters it."
    edge = result | {"winner": {"at_edge": ["threshold 0.5 is the lowest tried"]}}
    assert describe_choice(edge)[1].endswith("a better one may lie beyond: threshold 0.5 is the lowest tried.")
    assert describe_choice({"winner": None, "leaderboard": []}) == []


def test_a_sortino_below_zero_is_not_left_to_be_compared() -> None:
    assert "compare what loses by its expectancy" in describe_losing([3.0, None, -0.1])[0]
    assert describe_losing([3.0, None, 0.0]) == []


@pytest.mark.parametrize(
    ("opening", "looks", "said"),
    [
        (1, 0, "the hold-out was not opened before."),
        (2, 0, "opened 1 time before, so the gate allows 1/4 of the errors."),
        (4, 2, "opened 3 times before, of which 2 looks without a judgement, so the gate allows 1/16 of the errors."),
    ],
)
def test_what_earlier_openings_cost_is_said(opening: int, looks: int, said: str) -> None:
    line = describe_opening({"n_trials": 7, "holdout_opening": opening, "holdout_looks": looks})
    assert line.startswith("7 trials so far on these symbols; ")
    assert line.endswith(said)


def test_paths_are_a_line_where_they_were_asked_for() -> None:
    path = {"fitness": 0.0123, "error": None}
    paths = {"n_groups": 4, "n_losing": 1, "paths": [path, path | {"fitness": -0.002}, path | {"fitness": None}]}
    result = {
        "winner": {"at_edge": []},
        "leaderboard": [{}],
        "selected_by": "total_return",
        "paths": paths | {"error": None},
    }
    assert describe_choice(result)[-1] == (
        "Cut into 4 groups of time, the development part gives 3 paths: total return -0.002 to 0.0123; losing: 1."
    )
    failed = result | {"paths": paths | {"paths": [], "error": "BadInput: too few trades"}}
    assert describe_choice(failed)[-1] == "The winner could not be measured on paths: BadInput: too few trades"
