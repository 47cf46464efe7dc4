"""Statistics of groups of trades against pandas and against tables worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from tradesieve.market.calendars.trading_days import ALWAYS, WEEKDAYS
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import choose_strategies
from tradesieve.strategies.statistics.daily_returns import max_drawdown, sharpe, sortino
from tradesieve.strategies.statistics.grouping import GROUPINGS, INSTANCE_GROUPS, Backtest
from tradesieve.strategies.statistics.trade_statistics import MEASURES, pooled_returns, trade_statistics
from tradesieve.strategies.trades import pool_trades


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    """What `trades` come from, and one instance that never traded."""
    bars, _ = SyntheticMarket(n_days=70).generate("BTC-USD")
    names = [str(Instance(s.id, symbol, "5m")) for symbol in ("ETH-USD", "BTC-USD") for s in choose_strategies(6)]
    period = (int(bars.close_time[0]), int(bars.close_time[-1]))
    return Backtest((*names, "idle(window=1)|SOL-USD|1h"), (*(len(bars) for _ in names), 100), period, ALWAYS)


@pytest.fixture(scope="module")
def trades() -> pd.DataFrame:
    """Trades of six strategies on two symbols, some of them still open when the data ended."""
    market = SyntheticMarket(n_days=70)
    tables = [
        simulate(strategy, market.generate(symbol)[0], Instrument(symbol))
        for symbol in ("ETH-USD", "BTC-USD")
        for strategy in choose_strategies(6)
    ]
    return pool_trades(tables)


def days_of(table: pd.DataFrame, backtest: Backtest, n_instances: int) -> pd.Series:
    """Daily returns by pandas."""
    days = pd.to_datetime(table["exit_time"], utc=True).dt.floor("D")
    effect = (table["stake"] * table["net_return"] / n_instances).groupby(days).sum()
    first, last = (pd.Timestamp(time, unit="ns", tz="UTC").floor("D") for time in backtest.period)
    return effect.reindex(pd.date_range(first, last, freq="D"), fill_value=0.0)


def keys_of(trades: pd.DataFrame, by: str) -> np.ndarray | pd.Series:
    decided = pd.to_datetime(trades["decision_time"], utc=True)
    ended = pd.to_datetime(trades["exit_time"], utc=True)
    return {
        "instance": trades["strategy"] + "|" + trades["symbol"] + "|" + trades["timeframe"],
        "rule": trades["strategy"].str.partition("(")[0],
        "pooled": np.repeat("all", len(trades)),
        "side": np.where(trades["side"] > 0, "long", "short"),
        "hour": decided.dt.hour,
        "weekday": decided.dt.day_name(),
        "month": ended.dt.strftime("%Y-%m"),
    }.get(by, trades.get(by))


def shares_of(span, n_gained, n):
    """What statistics say of the weeks or months with an exit, by the exact interval of scipy."""
    low, high = binomtest(int(n_gained), int(n)).proportion_ci(0.95, method="exact")
    rate = f"profitable_{span}"
    return {f"n_{span}": n, f"{rate}_rate": n_gained / n, f"{rate}_low": low, f"{rate}_high": high}


@pytest.mark.parametrize("by", GROUPINGS)
def test_statistics_are_those_of_pandas(trades, backtest, by):
    table = trades if by == "exit_reason" else trades[trades["exit_reason"] != "end_of_data"]
    keys = np.asarray(keys_of(table, by))
    found = trade_statistics(trades, backtest, by=by).set_index(by)
    assert list(found.columns) == list(MEASURES)
    assert found["n_trades"].sum() == len(table) > 300
    assert set(keys) <= set(found.index)
    for key, group in table.groupby(keys):
        row, net, stake = found.loc[key], group["net_return"], group["stake"]
        names = keys_of(pd.DataFrame([n.split("|") for n in backtest.instance_names],
                                     columns=["strategy", "symbol", "timeframe"]).assign(
            decision_time=0, exit_time=0, side=1), by) if by in INSTANCE_GROUPS else None  # fmt: skip
        n_instances = len(backtest.instance_names) if names is None else int((np.asarray(names) == key).sum())
        returns = days_of(group, backtest, n_instances)
        if by == "month":
            returns = returns[returns.index.strftime("%Y-%m") == key]
        weeks, months = returns.resample("W-SUN"), returns.resample("ME")
        exits = pd.to_datetime(group["exit_time"], utc=True)
        weeks_with = exits.dt.tz_localize(None).dt.to_period("W-SUN").nunique()
        curve = (1 + returns).cumprod()
        known = group["r_multiple"].dropna()
        money = stake * net
        lost = money[net <= 0].sum() / stake[net <= 0].sum() if (net <= 0).any() else np.nan
        won = money[net > 0].sum() / stake[net > 0].sum() if (net > 0).any() else np.nan
        expected = {
            "n_trades": len(group),
            "win_rate": stake[net > 0].sum() / stake.sum(),
            "expectancy": money.sum() / stake.sum(),
            "average_win_return": won,
            "average_loss_return": lost,
            "profit_factor": money[money > 0].sum() / -money[money < 0].sum() if (net < 0).any() else np.nan,
            "payoff_ratio": -won / lost if (net < 0).any() else np.nan,
            "sortino": sortino(returns.to_numpy(), days_per_year=365.0),
            "sharpe": sharpe(returns.to_numpy(), days_per_year=365.0),
            "total_return": curve.iloc[-1] - 1,
            "max_drawdown": (curve / curve.cummax().clip(lower=1.0) - 1).min(),
            **shares_of("weeks", (weeks.apply(lambda week: (1 + week).prod()) > 1).sum(), weeks_with),
            **shares_of(
                "months",
                (months.apply(lambda month: (1 + month).prod()) > 1).sum(),
                exits.dt.strftime("%Y-%m").nunique(),
            ),
            "turnover": stake.sum() / n_instances / len(returns) * 365,
            "cost": (stake * group["cost"]).sum() / stake.sum(),
            "cost_share": (stake * group["cost"]).sum() / abs((stake * group["gross_return"]).sum()),
            "r_multiple": known.mean(),
            "system_quality": known.mean() / known.std() * np.sqrt(min(len(known), 100)) if len(known) > 1 else np.nan,
            "mae_mean": group["mae"].mean(),
            "mae_median": group["mae"].median(),
            "mae_worst_5": group["mae"].quantile(0.05),
            "mfe_mean": group["mfe"].mean(),
            "mfe_median": group["mfe"].median(),
            "mfe_best_5": group["mfe"].quantile(0.95),
            "bars_held": group["bars_held"].mean(),
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), (key, name)


def test_one_weighting_holds_for_a_whole_row(trades, backtest):
    """Stakes that differ: a row must not say that a group lost by trade and earned by capital."""
    stakes = np.random.default_rng(0).uniform(0.01, 1.0, len(trades))
    for by in ("instance", "side", "hour", "pooled"):
        table = trade_statistics(trades.assign(stake=stakes), backtest, by=by).dropna(subset=["profit_factor"])
        assert len(table) >= 1
        assert ((table["expectancy"] > 0) == (table["profit_factor"] > 1)).all()
        won, lost = table["win_rate"], 1 - table["win_rate"]
        expected = won * table["average_win_return"] + lost * table["average_loss_return"]
        np.testing.assert_allclose(table["expectancy"], expected, rtol=1e-9)
        np.testing.assert_allclose(table["profit_factor"], table["payoff_ratio"] * won / lost, rtol=1e-9)


def test_an_instance_that_never_traded_is_shown_with_nothing(trades, backtest):
    row = trade_statistics(trades, backtest, by="instance").iloc[-1]
    assert row["instance"].startswith("idle")
    assert (row["n_trades"], row["turnover"], row["exposure_rate"], row["total_return"]) == (0, 0, 0, 0)
    undefined = ["win_rate", "expectancy", "profit_factor", "payoff_ratio", "sortino", "sharpe", "calmar", "cost_share",
                 "system_quality", "mae_mean", "mfe_best_5", "profitable_weeks_rate", "profitable_weeks_low",
                 "profitable_months_high"]  # fmt: skip
    assert row[undefined].isna().all()
    assert (row["n_weeks"], row["n_months"]) == (0, 0)


def test_trades_that_the_data_ended_are_left_out_but_by_reason(trades, backtest):
    ended = int((trades["exit_reason"] == "end_of_data").sum())
    assert ended > 0
    by_reason = trade_statistics(trades, backtest, by="exit_reason").set_index("exit_reason")
    assert by_reason.loc["end_of_data", "n_trades"] == ended
    assert trade_statistics(trades, backtest, by="pooled")["n_trades"].item() == len(trades) - ended


@pytest.fixture
def four() -> tuple[pd.DataFrame, Backtest]:
    """Four trades of one instance over ten days: day 0 wins, day 1 loses, day 2 earns nothing, day 8 wins."""
    exits = np.array([0, 1, 2, 8]) * DAY + DAY // 2
    table = pool_trades(
        [simulate(choose_strategies(1)[0], SyntheticMarket(n_days=20).generate("A")[0], Instrument("A"))]
    )
    table = table[:4].assign(
        strategy="s()", symbol="A", timeframe="1h", decision_time=exits - 2, entry_time=exits - 1, exit_time=exits,
        side=np.array([1, -1, 1, 1], dtype=np.int8), stake=1.0, gross_return=[0.021, -0.009, 0.001, 0.041], cost=0.001,
        net_return=[0.02, -0.01, 0.0, 0.04], r_multiple=[1.0, np.nan, 0.0, 2.0], bars_held=[1, 2, 3, 6],
        exit_reason=["target", "stop", "time", "target"],
    )  # fmt: skip
    return table, Backtest(("s()|A|1h",), (240,), (0, 10 * DAY - 1), ALWAYS)


def test_statistics_of_a_table_worked_by_hand(four):
    table, backtest = four
    (row,) = trade_statistics(table, backtest, by="strategy").to_dict("records")
    assert (row["n_trades"], row["win_rate"]) == (4, 0.5)
    assert row["expectancy"] == pytest.approx(0.0125)
    assert row["average_win_return"] == pytest.approx(0.03)
    assert row["average_loss_return"] == pytest.approx(-0.005), "a trade that earned nothing is no win"
    assert row["profit_factor"] == pytest.approx(6.0)
    assert row["payoff_ratio"] == pytest.approx(6.0)
    assert row["r_multiple"] == pytest.approx(1.0)
    assert row["system_quality"] == pytest.approx(np.sqrt(3.0)), "one trade had no stop"
    assert row["exposure_rate"] == pytest.approx(12 / 240)
    assert row["turnover"] == pytest.approx(4 / 10 * 365)
    assert row["cost_share"] == pytest.approx(0.004 / 0.054)
    assert row["max_drawdown"] == pytest.approx(-0.01)
    assert (row["drawdown_days"], row["drawdown_recovered"]) == (8, 1), "from the peak of day 0 to day 8"
    # 1970-01-01 was a Thursday: days 0 to 3 are one week, 4 to 10 the next.
    assert (row["profitable_weeks_rate"], row["profitable_months_rate"]) == (1.0, 1.0)
    assert (row["n_weeks"], row["n_months"]) == (2, 1)
    # Clopper and Pearson: of n draws that all gained, the lower end is the nth root of 0.025.
    assert (row["profitable_weeks_low"], row["profitable_weeks_high"]) == (pytest.approx(0.025**0.5), 1.0)
    assert row["profitable_months_low"] == pytest.approx(0.025), "one month tells next to nothing"


def test_sides_hours_weekdays_and_their_order(four):
    table, backtest = four
    sides = trade_statistics(table, backtest, by="side")
    assert sides[["side", "n_trades"]].to_numpy().tolist() == [["long", 3], ["short", 1]]
    assert trade_statistics(table, backtest, by="hour")["hour"].tolist() == [11]
    weekdays = trade_statistics(table, backtest, by="weekday")["weekday"].tolist()
    assert weekdays == ["Thursday", "Friday", "Saturday"]
    assert trade_statistics(table, backtest, by="month")["month"].tolist() == ["1970-01"]


def test_the_loss_of_a_short_side_is_not_made_good(four):
    table, backtest = four
    short = trade_statistics(table, backtest, by="side").set_index("side").loc["short"]
    assert (short["drawdown_days"], short["drawdown_recovered"]) == (9, 0), "from day 0 to the last one"


def test_what_is_undefined_is_nan_and_no_trades_are_no_groups(four):
    table, backtest = four
    wins = table.assign(net_return=0.01, r_multiple=np.nan)
    (row,) = trade_statistics(wins, backtest, by="strategy").to_dict("records")
    for name in ("profit_factor", "payoff_ratio", "average_loss_return", "r_multiple", "sortino", "calmar"):
        assert np.isnan(row[name]), name
    assert (row["max_drawdown"], row["drawdown_days"], row["drawdown_recovered"]) == (0.0, 0, 1)
    equal = trade_statistics(table.assign(r_multiple=0.1), backtest, by="pooled")
    assert np.isnan(equal["system_quality"].item()), "no spread, no quality"
    for by in GROUPINGS:
        empty = trade_statistics(table[:0], backtest, by=by)
        assert len(empty) == (by in INSTANCE_GROUPS), by
        assert list(empty.columns) == [by, *MEASURES]


def test_wrong_groupings_and_strangers_are_named(four):
    table, backtest = four
    with pytest.raises(Unknown, match="unknown grouping 'symbl': did you mean 'symbol'"):
        trade_statistics(table, backtest, by="symbl")
    stranger = table.assign(symbol=["A", "A", "B", "A"])
    with pytest.raises(BadData, match=r"row 2 is of s\(\)\|B\|1h, which is no instance"):
        trade_statistics(stranger, backtest, by="side")
    with pytest.raises(BadData, match="before its period"):
        trade_statistics(table, Backtest(("s()|A|1h",), (240,), (5 * DAY, 10 * DAY), ALWAYS), by="side")
    with pytest.raises(BadInput, match="name of its own"):
        Backtest(("a|A|1h", "a|A|1h"), (1, 1), (0, DAY), ALWAYS)
    with pytest.raises(BadInput, match="n_bars has 1 values for 2 instances"):
        Backtest(("a|A|1h", "b|A|1h"), (1,), (0, DAY), ALWAYS)


def test_a_month_owns_its_days_alone(four):
    table, _ = four
    backtest = Backtest(("s()|A|1h",), (24 * 61,), (0, 61 * DAY - 1), WEEKDAYS)
    late = table.assign(exit_time=np.array([0, 1, 30, 31]) * DAY + DAY // 2)  # 1970-01-31 was a Saturday
    months = trade_statistics(late, backtest, by="month").set_index("month")
    assert months["n_trades"].to_dict() == {"1970-01": 2, "1970-02": 2}, "the weekend's exit counts on Monday"
    assert months.loc["1970-02", "turnover"] == pytest.approx(2 / 20 * 260)
    assert months.loc["1970-02", "sharpe"] == pytest.approx(
        sharpe(np.array([0.04, *np.zeros(19)]), days_per_year=260.0)
    )


def test_the_pooled_days_are_those_of_the_pooled_row(trades, backtest):
    returns = pooled_returns(trades, backtest)
    row = trade_statistics(trades, backtest, by="pooled").iloc[0]
    assert row["sortino"] == sortino(returns, days_per_year=365.0)
    assert row["max_drawdown"] == max_drawdown(returns)
