"""Tables fit the terminal: both ends of a long one, the whole of it in a file, and what was not judged in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tradesieve.pipelines.commands.shared.long_tables import best_first, show_long_table
from tradesieve.pipelines.commands.shared.trade_notes import describe_duplicates
from tradesieve.pipelines.commands.shared.verdict_tables import describe_verdicts, hide_ratios_of_few, with_verdicts
from tradesieve.pipelines.console import Console


def rows_of(n: int) -> list[dict[str, Any]]:
    return [{"instance": f"rule(window={k})|AAA|1h", "expectancy": None if k == 3 else k * 1e-4} for k in range(n)]


def test_a_thousand_rows_show_both_ends_and_are_all_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "tables" / "strategies.csv"
    rows = best_first(rows_of(1000), "expectancy")
    columns = {"instance": "strategy", "expectancy": "expectancy"}
    show_long_table(Console(as_json=False), "By strategy", rows, columns, name="instance", path=path)
    out = capsys.readouterr().out
    assert "By strategy (the first 20 and the last 20 of 1,000)" in out
    assert f"all 1,000 rows are in {path}" in out
    shown = [line for line in out.splitlines() if line.startswith("rule(window=")]
    assert len(shown) == 40
    assert "window=999" in shown[0]
    assert "window=3)" in shown[-1], "undefined comes last"
    table = pd.read_csv(path)
    assert len(table) == 1000
    assert table["instance"][0] == "rule(window=999)|AAA|1h"


def test_a_short_table_is_shown_whole_and_writes_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "strategies.csv"
    show_long_table(Console(as_json=False), "All", rows_of(40), {"instance": "strategy"}, name="instance", path=path)
    assert capsys.readouterr().out.count("rule(window=") == 40
    show_long_table(Console(as_json=True), "All", rows_of(99), {"instance": "strategy"}, name="instance", path=path)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_number_is_not_broken_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "60")
    console = Console(as_json=False)
    row = {"instance": "opening_range_breakout(reward=2,max_hold=48)|AAA|1h"}
    row |= dict.fromkeys("abcdef", -123.456)  # type: ignore[misc]
    console.table("Narrow", [row])
    out = capsys.readouterr().out
    assert out.count("-123.5") == 6
    assert max(len(line) for line in out.splitlines() if line.startswith(("│", "┏"))) <= 60, "the name is folded"


def test_groups_of_the_same_trades_have_names_that_differ() -> None:
    """Names are abbreviated together: what tells one group from another is not left out of both."""
    duplicates = {f"rule(window={window},hold=2)|AAA|1h": f"rule(window={window},hold=1)|AAA|1h" for window in (5, 9)}
    assert describe_duplicates(duplicates) == [
        "same trades as rule(window=5,hold=1) AAA 1h: rule(window=5,hold=2) AAA 1h",
        "same trades as rule(window=9,hold=1) AAA 1h: rule(window=9,hold=2) AAA 1h",
    ]
    (many,) = describe_duplicates({f"rule(hold={k})|AAA|1h": "rule(hold=0)|AAA|1h" for k in range(1, 9)})
    assert many.endswith("rule(hold=5) AAA 1h and 3 more")


def verdict(name: str, words: str, reason: str, low: float | None = None) -> dict[str, Any]:
    high = None if low is None else low + 2e-4
    return {"name": name, "verdict": words, "reason": reason, "low": low, "high": high}


def test_what_was_not_judged_is_said() -> None:
    verdicts = {
        "n_tests": 2, "false_discovery_rate": 0.05, "error_rate": 0.025,
        "rows": [
            verdict("a", "worth it alone", "it earns without a filter", 1e-4),
            verdict("b", "cannot be told", "luck explains it: the interval holds zero", -1e-4),
            verdict("c", "cannot be told", "too few: trades 3, days 2; 30 on 10 days are judged"),
            verdict("d", "cannot be told", "no trade"),
        ],
    }  # fmt: skip
    lines = describe_verdicts(verdicts, part="on the development part", best_of=12)
    assert lines[0].startswith("Verdicts on the development part: 3 cannot be told, 1 worth it alone. Over all 2 tests")
    assert "each interval is one of 97.5 %" in lines[0]
    assert "best of 12 trials" in lines[1]
    assert lines[2] == ("Cannot be told: 1 as the interval holds zero, 1 on too few trades or days, 1 without a trade.")
    rows = with_verdicts([{"instance": "a"}, {"instance": "all"}], verdicts)
    assert rows[0] == {"instance": "a", "verdict": "worth it alone", "interval": "+1.0 to +3.0 bp"}
    assert rows[1]["verdict"] is None


def test_the_sortino_of_a_handful_of_trades_is_not_shown() -> None:
    rows = [{"sortino": -2.025, "n": 1}, {"sortino": 1.5, "n": 30}, {"sortino": None, "n": 0}]
    shown, lines = hide_ratios_of_few(rows, {"sortino": "n"})
    assert [row["sortino"] for row in shown] == [None, 1.5, None]
    assert lines == ["No Sortino of fewer than 30 trades is shown, for 1 strategy."]
