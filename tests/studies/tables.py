"""Tables of a study, written from its results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.studies.dimensions import SEARCHED_TOGETHER, VALUES, dimensions_of
from tests.studies.market_kinds import KINDS, TREND
from tests.studies.plans import CHANGES, REFERENCE

Row = dict[str, Any]


def markdown(rows: list[Row]) -> str:
    """Write rows as a table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(cell) for cell in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def read_markdown(text: str) -> list[Row]:
    """Read the rows of the first table of a text; empty without one."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]


def with_earlier(rows: list[Row], earlier: list[Row]) -> list[Row]:
    """Return the earlier rows, those of the same market and plan replaced, and the new ones after them."""
    by_market = {(row["market"], row.get("plan")): row for row in [*earlier, *rows]}
    return list(by_market.values())


def commits(results: pd.DataFrame) -> str:
    """Name the commits that results are of."""
    return ", ".join(results["commit"].unique())


def plans_table(results: list[Row], plans: list[str]) -> list[Row]:
    """List what each plan found on each kind of market."""
    rows: list[Row] = []
    for kind, plan, own in _groups(results, plans):
        rows.append(
            {
                "market": kind,
                "plan": plan,
                "seeds": len(own),
                "gate open": f"{own['open'].sum()} of {len(own)}",
                "hold-out above zero": f"{(own['holdout_expectancy'] > 0).sum()} of {len(own)}",
                "hold-out Sortino": mean(own.get("holdout_sortino")),
                "fresh Sortino": mean(own.get("fresh_sortino")),
                "of Bayes": _share(own, "bayes_sortino") if KINDS[kind].group == TREND else "–",
                "of the oracle": _share(own, "oracle_sortino"),
                "fresh bp a day": mean(own.get("fresh_basis_points")),
                "of the oracle's": _share(own, "oracle_basis_points", "fresh_basis_points"),
                "search, s": f"{own['search_seconds'].mean():.0f}",
                "most often failed": _most_often(own),
                "commit": commits(own),
            }
        )
    return rows


def changes_table(results: list[Row]) -> list[Row]:
    """List what each change adds to the fresh Sortino ratio of the reference, on the same markets."""
    table = _table([row for row in results if row["plan"] in CHANGES])
    if table.empty or "fresh_sortino" not in table:
        return []
    values = table.pivot_table(index=["kind", "seed"], columns="plan", values="fresh_sortino")
    kinds = [kind for kind in KINDS if kind in values.index.get_level_values("kind") and KINDS[kind].has_edge]
    rows: list[Row] = []
    for plan in CHANGES:
        if plan not in values or REFERENCE not in values:
            continue
        row: Row = {"plan": plan}
        for kind in kinds:
            own = values.loc[kind]
            row[kind] = mean(own[plan] if plan == REFERENCE else own[plan] - own[REFERENCE], sign=plan != REFERENCE)
        if len(kinds) > 1:
            changed = (values[plan] - values[REFERENCE]).groupby("kind").mean()[kinds]
            row["all kinds"] = "–" if plan == REFERENCE else mean(changed, sign=True)
        rows.append(row)
    counts = values[REFERENCE].dropna().groupby("kind").size() if REFERENCE in values else {}
    rows.append({"plan": "seeds"} | {kind: int(counts.get(kind, 0)) for kind in kinds})
    if len(kinds) > 1:
        rows[-1]["all kinds"] = sum(rows[-1][kind] for kind in kinds)
    return rows


def dimensions_table(results: list[Row]) -> list[Row]:
    """List what each value of each dimension adds to the fresh Sortino ratio, on the same markets.

    The last row of a dimension is what a search takes that ranks all of its values by their fitness.
    """
    table = _table(results)
    found = table.pivot_table(index=["kind", "seed"], columns="value", values="fresh_sortino")
    fitness = table.pivot_table(index=["kind", "seed"], columns="value", values="fitness").reindex_like(found)
    kinds = [kind for kind in KINDS if kind in found.index.get_level_values("kind")]
    rows: list[Row] = []

    def add(dimension: str, name: str, values: pd.Series, against: pd.Series | None) -> None:
        changed = values if against is None else values - against
        cells = {kind: mean(changed.loc[kind], sign=against is not None) for kind in kinds}
        rows.append({"dimension": dimension, "value": name} | cells)

    for dimension, names in dimensions_of(found.columns).items():
        for name in names:
            against = VALUES[name].against
            add(dimension, name, found[name], None if name == REFERENCE else found[against])
        rivals = [VALUES[names[0]].against, *names]
        if dimension in SEARCHED_TOGETHER and not fitness[rivals].isna().all(axis=None):
            best = fitness[rivals].idxmax(axis=1, skipna=True)
            chosen = pd.Series({place: found.at[place, name] for place, name in best.items()})
            chosen.index = found.index
            add(dimension, "the fittest of these", chosen, found[rivals[0]])
    counts = found[REFERENCE].dropna().groupby("kind").size()
    rows.append({"dimension": "", "value": "seeds"} | {kind: int(counts.get(kind, 0)) for kind in kinds})
    return rows


def widest_table(results: list[Row]) -> list[Row]:
    """List how often the widest search opened the gate."""
    return [
        {
            "market": kind,
            "runs": len(own),
            "trials": f"{own['trials'].mean():.0f}",
            "gate open": f"{own['open'].sum()} of {len(own)}",
            "hold-out Sortino": mean(own["holdout_sortino"]),
            "most often failed": _most_often(own),
            "commit": commits(own),
        }
        for kind, own in _table(results).groupby("kind", sort=False)
    ]


def series_table(results: list[Row]) -> list[Row]:
    """List how many series on noise opened the gate."""
    rows = []
    for kind, own in pd.DataFrame(results).groupby("kind", sort=False):
        opened = int((own["opened"] > 0).sum())
        rows.append(
            {
                "market": kind,
                "series": len(own),
                "experiments in each": len(own["failed"].iloc[0]),
                "series with an opening": f"{opened} of {len(own)}",
                "openings": int(own["opened"].sum()),
                "commit": commits(own),
            }
        )
    return rows


def real_table(results: list[Row]) -> list[Row]:
    """List what the default plan found on real bars."""
    return [
        {
            "market": row["market"],
            "trades": f"{row['n_trades']:,}",
            "hold-out days": row["holdout_days"],
            "every trade: Sortino": _number(row["every_trade_sortino"]),
            "bp a trade": _number(row["every_trade_expectancy"], 1e4),
            "filtered: Sortino": _number(row["holdout_sortino"]),
            "bp a trade ": _number(row["holdout_expectancy"], 1e4),
            "kept": f"{row['holdout_kept']:,}",
            "Sharpe, 95 %": f"{_number(row['holdout_sharpe'])} ({_number(row['sharpe_low'])} to "
            f"{_number(row['sharpe_high'])})",
            "trials": row["n_trials"],
            "gate": "open" if row["open"] else "closed",
            "failed": ", ".join(row["failed"]) or "–",
            "commit": row["commit"],
        }
        for row in results
    ]


def mean(values: pd.Series | None, *, sign: bool = False) -> str:
    """Write the mean with its standard error."""
    values = pd.Series(dtype=float) if values is None else values.dropna().astype(float)
    if not len(values):
        return "–"
    error = f" ± {values.std() / np.sqrt(len(values)):.1f}" if len(values) > 1 else ""
    return f"{values.mean():{'+' if sign else ''}.1f}{error}"


def _table(results: list[Row]) -> pd.DataFrame:
    """Return the results with NaN for what is undefined."""
    return pd.DataFrame([{key: np.nan if value is None else value for key, value in row.items()} for row in results])


def _groups(results: list[Row], plans: list[str]) -> list[tuple[str, str, pd.DataFrame]]:
    table = _table(results)
    parts = [(kind, plan, table[(table["kind"] == kind) & (table["plan"] == plan)]) for kind in KINDS for plan in plans]
    return [part for part in parts if len(part[2])]


def _most_often(own: pd.DataFrame) -> str:
    """Name the conditions that failed most often, with how often."""
    failed = own["failed"].explode().value_counts()
    return ", ".join(f"{name} {count}" for name, count in failed.head(3).items()) or "–"


def _share(own: pd.DataFrame, whole: str, part: str = "fresh_sortino") -> str:
    """Write the share of the means, since the share of one market may have next to nothing below the line."""
    if whole not in own or own[whole].isna().all():
        return "–"
    return f"{100 * own[part].mean() / own[whole].mean():.0f} %"


def _number(value: float | None, scale: float = 1.0) -> str:
    return "–" if value is None else f"{scale * value:.1f}"
