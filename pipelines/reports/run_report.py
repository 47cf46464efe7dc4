"""The report of a run, in a trader's words: asked, found, luck or not, where it helps, which factors matter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.labels.base import CLASSIFICATION
from tradesieve.models.significance.deflated_sharpe import expected_best_sharpe
from tradesieve.models.significance.verdicts import WORTH_ALONE, WORTH_FILTERED, describe_control
from tradesieve.pipelines.reports.conditions_report import conditions_section
from tradesieve.pipelines.reports.figures.equity_charts import filter_chart, monthly_chart
from tradesieve.pipelines.reports.figures.filter_charts import deflation_chart, drawdown_chart, paths_chart
from tradesieve.pipelines.reports.figures.importance_chart import importance_chart, shap_chart
from tradesieve.pipelines.reports.figures.score_charts import (
    calibration_chart,
    score_distribution_chart,
    threshold_chart,
)
from tradesieve.pipelines.reports.figures.verdict_charts import intervals_chart
from tradesieve.pipelines.reports.html import Column, SortableTable, formatted, render, write_page
from tradesieve.pipelines.reports.next_steps import next_steps
from tradesieve.pipelines.short_names import labels_of
from tradesieve.pipelines.steps.condition_table import judge_record
from tradesieve.pipelines.steps.filter_effects import count_mistakes, judge_effects, worst_mistakes
from tradesieve.pipelines.steps.run_records import PartRecord

PARTS = {"development": "the development part, out of fold", "holdout": "the hold-out"}
_MOST_DRAWN = 40
_MOST_FEATURES = 25
_CELLS = {
    "losers_refused": "losers refused: saved", "winners_refused": "winners refused: given away",
    "winners_kept": "winners kept: earned", "losers_kept": "losers kept: lost",
}  # fmt: skip
_STRATEGIES = (
    Column("name", "strategy", "strategy, symbol and timeframe", "text"),
    Column("verdict", "verdict", "what its interval says", "text"),
    Column("low", "from, bp", "lower end of the interval of the verdict's expectancy", "basis_points", True),
    Column("high", "to, bp", "upper end of that interval", "basis_points", True),
    Column("alone_n_trades", "trades", "all trades", "count"),
    Column("alone_expectancy", "expectancy, bp", "of all trades, per unit of capital", "basis_points", True),
    Column("filtered_n_trades", "kept", "trades that the filter keeps", "count"),
    Column("filtered_expectancy", "filtered, bp", "expectancy of these", "basis_points", True),
    Column("n_days", "days", "effective days that the verdict rests on", "count"),
    Column("reason", "in words", "why", "text"),
)
_EFFECTS = (
    Column("group", "where", "the trades that are compared", "text"),
    Column("by", "by", "what tells them apart", "text"),
    Column("found", "the filter", "helps or hurts: its interval excludes zero", "text"),
    Column("gain", "gain, bp", "expectancy of kept trades less that of all, per unit of capital", "basis_points", True),
    Column("low", "from, bp", "lower end of the interval of the gain", "basis_points", True),
    Column("high", "to, bp", "upper end of that interval", "basis_points", True),
    Column("n_trades", "trades", "all trades", "count"),
    Column("n_kept", "kept", "trades that the filter keeps", "count"),
    Column("expectancy", "all, bp", "expectancy of all trades", "basis_points", True),
    Column("kept_expectancy", "kept, bp", "expectancy of kept trades", "basis_points", True),
)
_FEATURES = (
    Column("name", "factor", "input, factor and parameters", "text"),
    Column("loss", "lost skill", "rank correlation with the outcome that is lost without it", "coefficient", True),
    Column("error", "error", "standard error over blocks of time", "coefficient"),
    Column("direction", "direction", "above zero: higher values speak for a trade", "decimal", True),
    Column("shap", "SHAP", "share of the sizes of all SHAP values", "percent"),
)


def report_html(
    result: Mapping[str, Any],
    parts: Mapping[str, PartRecord],
    evidence: Mapping[str, Any] | None,
    *,
    conditions: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    seed: int = 0,
) -> str:
    """Render the report of a run, with all that it shows embedded.

    Parameters
    ----------
    result : see `pipelines.runs.experiment_run.run_experiment`; its ``run_id`` may be missing.
    parts : the record of its trades; the hold-out is judged once it is in it.
    evidence : see `pipelines.steps.search_evidence.gather_evidence`; None where it is not known.
    conditions : of the development part, where they are judged already, see `pipelines.steps.condition_table`.
    notes : lines below the title.
    seed : of the intervals.
    """
    part = "holdout" if "holdout" in parts else "development"
    record = parts[part]
    effects = None if result["winner"] is None else judge_effects(record, seed=seed)
    conditions = conditions or judge_record(parts["development"], seed=seed)
    known = evidence or {}
    importance, scores = known.get("importance"), known.get("scores")
    periods = [_capital(parts[name]) for name in PARTS if name in parts]
    return render(
        "run_report",
        title=f"Run {result['experiment']}",
        notes=notes,
        result=result,
        part=PARTS[part],
        opened=part == "holdout",
        answer=_answer(result),
        numbers=_numbers(result, part),
        deflation=None if evidence is None else _deflation(result, evidence["trials"]),
        paths=_paths(result),
        capital=filter_chart(periods),
        drawdown=drawdown_chart(periods),
        months=monthly_chart(*(np.concatenate([period[column] for period in periods]) for column in (0, 2))),
        strategies=_strategies(result["verdicts"][part]),
        effects=None if effects is None else _table("effects", _EFFECTS, effects["rows"], "gain", "places"),
        effects_control="" if effects is None else describe_control(effects),
        mistakes=[] if effects is None else _mistakes(record),
        worst=[] if effects is None else _worst(record),
        importance=None if not importance else _importance(importance),
        scores=None if not scores else _scores(result, scores, parts["development"]),
        conditions=conditions_section(conditions, {row["group"]: _short(row["group"]) for row in conditions["rows"]}),
        steps=next_steps(result, effects, conditions, importance),
    )


def write_run_report(page: str, path: Path) -> None:
    """Write the report of a run.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    write_page(page, path)


def _answer(result: Mapping[str, Any]) -> str:
    gate, winner = result["gate"], result["winner"]
    if winner is None:
        return "No: no candidate yielded a filter that could be judged."
    if gate is None:
        return "Not judged yet: the hold-out is sealed. What follows was chosen on the trades that it is shown on."
    failed = [condition for condition in gate["conditions"] if not condition["passed"]]
    if not failed:
        return "No: the filter improves trades that it had not seen by more than luck explains. The gate is open."
    return f"It may well be luck: {len(failed)} of {len(gate['conditions'])} conditions failed. {failed[0]['reason']}"


def _numbers(result: Mapping[str, Any], part: str) -> list[tuple[str, str, str]]:
    every, kept, random = (result[group][part] for group in ("baseline", "filtered", "random"))
    verdicts = result["verdicts"][part]["rows"]
    worth = [sum(row["verdict"] == verdict for row in verdicts) for verdict in (WORTH_ALONE, WORTH_FILTERED)]
    return [
        ("Sortino", formatted(kept["sortino"]), f"every trade {formatted(every['sortino'])}, random filter "
         f"{formatted(random['sortino'])}"),
        ("expectancy", f"{formatted(kept['expectancy'], 'basis_points')} bp",
         f"every trade {formatted(every['expectancy'], 'basis_points')} bp"),
        ("trades kept", formatted(kept["n_trades"], "count"), f"of {formatted(every['n_trades'], 'count')}"),
        ("return", formatted(kept["total_return"], "percent"),
         f"every trade {formatted(every['total_return'], 'percent')}"),
        ("maximum drawdown", formatted(kept["max_drawdown"], "percent"),
         f"every trade {formatted(every['max_drawdown'], 'percent')}"),
        ("worth it", f"{worth[0]} alone, {worth[1]} filtered", f"of {len(verdicts):,} strategies"),
    ]  # fmt: skip


def _capital(record: PartRecord) -> tuple[Any, Any, Any]:
    """Return the days, and the daily returns of every trade and of the filtered trades."""
    dataset = record.dataset
    days = dataset.calendar.days(*dataset.period).astype("datetime64[D]")
    return days, daily_returns(dataset, record.sizes * 0 + 1.0), daily_returns(dataset, record.sizes)


def _strategies(verdicts: Mapping[str, Any]) -> dict[str, Any]:
    rows = sorted(verdicts["rows"], key=lambda row: math.inf if row["expectancy"] is None else -row["expectancy"])
    drawn = rows if len(rows) <= _MOST_DRAWN else [*rows[: _MOST_DRAWN // 2], *rows[-_MOST_DRAWN // 2 :]]
    table = _table("strategies", _STRATEGIES, rows, "alone_n_trades", "strategies")
    return {
        "chart": intervals_chart(drawn, labels_of([row["name"] for row in drawn])),
        "table": table,
        "control": describe_control(verdicts),
        "n_drawn": len(drawn),
        "n_rows": len(rows),
    }


def _mistakes(record: PartRecord) -> list[tuple[str, str, str]]:
    found = count_mistakes(record)
    return [
        (words, formatted(abs(found[name]["effect"]), "percent"), f"{int(found[name]['trades']):,} trades")
        for name, words in _CELLS.items()
    ]


def _worst(record: PartRecord) -> list[dict[str, str]]:
    return [
        {
            "time": format_time(row["decision_time"])[:16],
            "strategy": _short(row["instance"]),
            "mistake": row["mistake"],
            "net_return": formatted(row["net_return"], "percent"),
            "cost": formatted(row["cost"], "percent"),
        }
        for row in worst_mistakes(record)
    ]


def _importance(importance: Mapping[str, Any]) -> dict[str, Any]:
    features = importance["features"]
    has_shap = bool(features) and features[0]["shap"] is not None
    return {
        "skill": formatted(importance["skill"], "coefficient"),
        "n_rows": importance["n_rows"],
        "chart": importance_chart(features[:_MOST_FEATURES]),
        "shap": shap_chart(features[:_MOST_FEATURES]) if has_shap else None,
        "table": _table("factors", _FEATURES if has_shap else _FEATURES[:-1], features, "loss", "factors"),
        "n_drawn": min(len(features), _MOST_FEATURES),
        "n_features": len(features),
    }


def _scores(result: Mapping[str, Any], scores: Mapping[str, Any], record: PartRecord) -> dict[str, Any]:
    """Draw what the winner's out-of-fold scores are worth."""
    winner, fitness, thresholds = result["winner"], result["selected_by"], scores["thresholds"]
    is_probability = winner["candidate"]["task"] == CLASSIFICATION
    tenths = scores["tenths"]
    if not is_probability:
        tenths = tenths | {name: [1e4 * value for value in tenths[name]] for name in ("outcome", "error")}
    known = np.isfinite(record.scores)
    return {
        "threshold": threshold_chart(
            thresholds["score"], thresholds["fitness"], thresholds["coverage"],
            name=fitness, chosen=winner["parameters"].get("threshold"),
        ),
        "calibration": calibration_chart(
            tenths, title="share with label 1" if is_probability else "mean net return, bp",
            is_probability=is_probability,
        ),
        "distribution": score_distribution_chart(record.scores[known], record.dataset.net_return[known] > 0),
    }  # fmt: skip


def _deflation(result: Mapping[str, Any], trials: Mapping[str, Any]) -> Any:
    """Draw what the trials add beside the best of as many worthless ones."""
    added, n_trials, best = trials["added_sharpe"], result["n_trials"], None
    known = [value for value in added if value is not None]
    if len(known) > 1:
        variance = min(float(np.var(known, ddof=1)), 1.0 / (trials["n_days"] - 1))
        best = expected_best_sharpe(n_trials=n_trials, sharpe_variance=variance)
    return deflation_chart(added, winner=added[0] if result["winner"] else None, benchmark=best, n_trials=n_trials)


def _paths(result: Mapping[str, Any]) -> Any:
    """Draw the paths of the winner; None without any."""
    paths = (result.get("paths") or {}).get("paths")
    if not paths or result["winner"] is None:
        return None
    return paths_chart(paths, name=result["selected_by"], out_of_fold=result["leaderboard"][0]["fitness"])


def _table(
    name: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], sort: str, noun: str
) -> SortableTable:
    good, bad = ("worth it alone", "worth it filtered", "helps"), ("not worth it", "hurts")
    values = [[math.nan if row.get(column.name) is None else row[column.name] for column in columns] for row in rows]
    classes = dict.fromkeys(good, "positive") | dict.fromkeys(bad, "negative")
    return SortableTable(name, columns, values, sort=sort, noun=noun, classes=classes)


def _short(name: str) -> str:
    return name.replace("|", " ")
