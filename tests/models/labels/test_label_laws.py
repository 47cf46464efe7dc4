"""Labels: each one held against its definition, and no target changes with what is known later."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION, Label
from tradesieve.models.labels.laws import check_label
from tradesieve.models.labels.registry import LABELS, label_named
from tradesieve.models.protocol.candidate_scores import score_candidates
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.splits import split_holdout
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.trades import is_closed, pool_trades

WEEK = 7 * DAY


@pytest.fixture(scope="module")
def market() -> tuple[pd.DataFrame, np.ndarray, dict[tuple[str, str], Bars]]:
    """Closed trades with and without stops and targets on two symbols, the volatility at each decision, and bars."""
    made = [SyntheticMarket(n_days=60, timeframe=parse_timeframe("1h"), seed=seed) for seed in (1, 2)]
    bars = {(name, "1h"): one.generate(name)[0] for name, one in zip(("AAA", "BBB"), made, strict=True)}
    rules = ("moving_average_cross(fast=5,slow=20)", "rsi_reversal")
    tables = [simulate(parse_strategy(rule), own, Instrument(own.symbol)) for rule in rules for own in bars.values()]
    trades = pool_trades(tables)
    trades = trades[is_closed(trades)].reset_index(drop=True)
    trades.loc[::3, ["stop", "r_multiple"]] = np.nan
    trades.loc[::4, "target"] = np.nan
    return trades, np.random.default_rng(0).uniform(0.001, 0.004, (len(trades), 1)), bars


def read_of(label: Label, volatility: np.ndarray) -> np.ndarray:
    return volatility if label.features else np.empty((len(volatility), 0))


@pytest.mark.parametrize("name", [*LABELS, "triple_barrier(horizon=5,width=0.5)", "top_quantile_of_week(share=0.4)"])
def test_no_target_changes_with_what_is_known_later(market, name) -> None:
    trades, volatility, bars = market
    label = label_named(name)
    check_label(label, trades, read_of(label, volatility), bars)
    targets = label.compute(trades, read_of(label, volatility), bars)
    assert len(np.unique(targets.values[np.isfinite(targets.values)])) > 1


def test_a_label_that_reads_the_future_is_refused(market) -> None:
    trades, volatility, _ = market
    for name, targets in {
        "above the mean": lambda trades, _: trades["net_return"] - trades["net_return"].mean(),
        "of the next trade": lambda trades, _: trades["net_return"].shift(-1),
        "by rank": lambda trades, _: trades["r_multiple"].fillna(0.0).rank(),
    }.items():
        with pytest.raises(Refused, match=f"label {name}: the target of the trade decided at .* changes with what"):
            check_label(Label(name, REGRESSION, targets), trades, volatility)
    of_week = label_named("top_quantile_of_week")
    with pytest.raises(Refused, match="label too early"):  # the week ends after the exits
        check_label(Label("too early", CLASSIFICATION, of_week.targets), trades, volatility)


def test_outcomes_are_their_definitions(market) -> None:
    trades, volatility, _ = market

    def values(name: str) -> np.ndarray:
        return label_named(name).compute(trades, volatility).values

    np.testing.assert_array_equal(values("net_return"), 100.0 * trades["net_return"])
    has_stop, has_target = trades["stop"].notna(), trades["target"].notna()
    assert 0 < has_stop.sum() < len(trades)
    np.testing.assert_array_equal(np.isnan(values("r_multiple")), trades["r_multiple"].isna())
    risk = (trades["entry_price"] - trades["stop"]).abs() / trades["entry_price"]
    expected = (trades["net_return"] / risk)[trades["r_multiple"].notna()]
    np.testing.assert_allclose(values("r_multiple")[expected.index], expected.clip(-10.0, 10.0), rtol=1e-9)
    np.testing.assert_array_equal(np.isnan(values("target_before_stop")), ~has_target)
    reached = values("target_before_stop")[has_target]
    np.testing.assert_array_equal(reached, trades["exit_reason"][has_target] == "target")


def test_the_best_of_a_week_are_known_when_it_ends(market) -> None:
    trades, volatility, _ = market
    found = label_named("top_quantile_of_week").compute(trades, volatility)
    exits = pd.to_datetime(trades["exit_time"], utc=True) - pd.Timedelta(1, "ns")
    week = exits.dt.tz_localize(None).dt.to_period("W-SUN")
    rank = trades.groupby(week)["net_return"].rank(pct=True)
    n_in_week = trades.groupby(week)["net_return"].transform("size")
    best = found.values == 1.0
    assert rank[best].min() > 0.8
    assert rank[found.values == 0.0].max() <= 0.8 + 1.0 / n_in_week[found.values == 0.0].min()
    np.testing.assert_array_equal(np.isnan(found.values), n_in_week < 5)
    ends = week.dt.end_time.dt.ceil("D").astype("datetime64[ns]").to_numpy().view(np.int64)
    np.testing.assert_array_equal(found.known_time, ends)


@pytest.mark.parametrize(("horizon", "width"), [(5, 0.5), (24, 1.0)])
def test_a_triple_barrier_is_its_definition(market, horizon, width) -> None:
    trades, volatility, bars = market
    label = label_named(f"triple_barrier(horizon={horizon},width={width})")
    found = label.compute(trades, volatility, bars)
    for row, trade in trades.iterrows():
        own = bars[trade["symbol"], "1h"]
        decided = int(np.flatnonzero(own.close_time == trade["decision_time"])[0])
        start, distance = own.close[decided], width * np.sqrt(horizon) * volatility[row, 0]
        ahead = range(decided + 1, min(decided + horizon, len(own) - 1) + 1)
        expected = np.nan
        for bar in ahead:
            moves = trade["side"] * (np.array([own.low[bar], own.high[bar]]) / start - 1.0)
            if moves.min() <= -distance or moves.max() >= distance:
                expected = float(moves.min() > -distance)
                break
        else:
            if decided + horizon < len(own):
                expected = float(trade["side"] * (own.close[decided + horizon] - start) > 0.0)
        assert found.values[row] == expected or np.isnan([found.values[row], expected]).all()
        end = own.close_time[min(decided + horizon, len(own) - 1)]
        assert found.known_time[row] == max(end, trade["exit_time"])


@pytest.mark.parametrize("folds", ["purged", "walk_forward"])
def test_folds_and_hold_out_purge_up_to_the_time_of_the_label(trades, folds) -> None:
    """A row whose label is known a week after its exit is not trained on until then."""
    plain, _ = trades(800)
    late = replace(plain, label_time=plain.exit_time + WEEK)
    plan = Plan(n_folds=4, folds=folds)
    for fold in plan.split(late):
        start, end = fold.test_period
        assert end == plain.exit_time[fold.test].max() + WEEK
        past = fold.train[plain.decision_time[fold.train] < start]
        assert (late.label_time[past] < start).all()
        assert (plain.decision_time[fold.train[len(past) :]] > end).all()
    development, _ = split_holdout(late)
    assert development.exit_time.max() + WEEK <= development.period[1]
    assert late.fingerprint != plain.fingerprint == replace(plain, more_targets={}).fingerprint


def test_a_label_breaks_its_contract_in_one_line(market) -> None:
    trades, volatility, _ = market
    without_stops = trades.assign(r_multiple=np.nan)
    with pytest.raises(BadInput, match=f"label r_multiple is unknown for all {len(trades)} trades: choose another"):
        label_named("r_multiple").compute(without_stops, volatility)
    with pytest.raises(BadInput, match=r"label half: a target of a classification is 0, 1 or NaN, not 0\.5"):
        Label("half", CLASSIFICATION, lambda trades, _: np.full(len(trades), 0.5)).compute(trades, volatility)
    with pytest.raises(BadInput, match=r"label one: .* trades got targets of shape \(1,\)"):
        Label("one", REGRESSION, lambda trades, _: np.ones(1)).compute(trades, volatility)
    early = Label("early", REGRESSION, lambda trades, _: trades["side"], known_time=lambda t: t["decision_time"])
    with pytest.raises(BadInput, match="label early: a target is known at the exit of its trade or later"):
        early.compute(trades, volatility)
    with pytest.raises(Unknown, match="unknown parameter of triple_barrier 'horizn': did you mean 'horizon'"):
        label_named("triple_barrier(horizn=5)")
    with pytest.raises(BadInput, match="give each parameter one value"):
        label_named("triple_barrier(horizon=5|10)")
    with pytest.raises(BadInput, match=r"top_quantile_of_week: share is 0\.9, which is out of range"):
        label_named("top_quantile_of_week(share=0.9)")


def test_no_model_is_trained_on_a_trade_whose_label_is_unknown(trades) -> None:
    dataset, _ = trades(900, edge=0.05)
    unknown = np.random.default_rng(3).random(len(dataset)) < 0.4
    y = np.where(unknown, np.nan, dataset.y)
    plan = Plan(label="won", engines={"lightgbm": 1}, n_folds=3)
    candidate, folds = plan.candidates()[0], plan.split(dataset)
    (partly,) = score_candidates(replace(dataset, y=y), [candidate], folds, seed=0)
    for fold in folds:
        known = fold.train[~unknown[fold.train]]
        alone = engine_named("lightgbm").fit(candidate, dataset.X[known], y[known], dataset.weight[known], seed=0)
        np.testing.assert_array_equal(partly.scores[fold.test], alone.predict(dataset.X[fold.test]))
    (failed,) = score_candidates(replace(dataset, y=np.full(900, np.nan)), [candidate], folds, seed=0)
    assert "training rows is unknown" in failed.error
    assert math.isfinite(search(replace(dataset, y=y), plan).winner.fitness)
