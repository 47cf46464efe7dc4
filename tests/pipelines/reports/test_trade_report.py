"""The report of trades: one file of bounded size that a real browser shows without any network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.pipelines.reports.figures.trade_windows import trade_window
from tradesieve.pipelines.reports.trade_plot import plot_html
from tradesieve.pipelines.reports.trade_report import choose_shown, report_html
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import choose_strategies
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.statistics.trade_statistics import trade_statistics
from tradesieve.strategies.trades import pool_trades

N_STRATEGIES = 5


@pytest.fixture(scope="module")
def bars() -> Bars:
    return SyntheticMarket(n_days=90).generate("BTC-USD")[0]


@pytest.fixture(scope="module")
def ran(bars: Bars) -> tuple[pd.DataFrame, Backtest]:
    """The trades of five strategies."""
    strategies = choose_strategies(N_STRATEGIES)
    trades = pool_trades([simulate(strategy, bars, Instrument("BTC-USD")) for strategy in strategies])
    names = tuple(str(Instance(strategy.id, "BTC-USD", "5m")) for strategy in strategies)
    period = (int(bars.close_time[0]), int(bars.close_time[-1]))
    return trades, Backtest(names, (len(bars),) * N_STRATEGIES, period, Instrument("BTC-USD").trading_calendar)


@pytest.fixture(scope="module")
def statistics(ran: tuple[pd.DataFrame, Backtest]) -> pd.DataFrame:
    return trade_statistics(*ran, by="instance").set_index("instance")


@pytest.fixture(scope="module")
def page(ran: tuple[pd.DataFrame, Backtest], bars: Bars) -> str:
    trades, backtest = ran
    windows = [trade_window(strategy, bars, trades, n_bars=300) for strategy in choose_strategies(3)]
    return report_html(trades, backtest, windows=windows, title="Rules & <trades>")


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_page_names_nothing_to_fetch(page: str, named_sources: Callable[[str], list[str]]) -> None:
    assert named_sources(page) == ["data:,"], "the icon that browsers ask for is empty"
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1, "plotly.js is in it once"


def test_text_is_escaped(page: str) -> None:
    assert "<title>Rules &amp; &lt;trades&gt;</title>" in page
    assert "<trades>" not in page


def test_the_instances_are_those_of_the_statistics(
    page: str, statistics: pd.DataFrame, embedded: Callable[[str, str], Any]
) -> None:
    held = embedded(page, "instances")
    rank = statistics["sortino"].where(statistics["expectancy"] > 0, statistics["expectancy"])
    assert [row[0] for row in held["rows"]] == rank.sort_values(ascending=False).index.tolist()
    for row in held["rows"]:
        found = dict(zip(held["columns"], row, strict=True))
        assert found["n_trades"] == statistics.loc[row[0], "n_trades"]
        assert found["sortino"] == pytest.approx(statistics.loc[row[0], "sortino"], rel=1e-5)
    assert len(held["columns"]) == len(held["kinds"]) == len(held["signed"])


def test_the_size_is_bounded_whatever_the_number_of_trades(ran: tuple[pd.DataFrame, Backtest], bars: Bars) -> None:
    trades, backtest = ran
    many = pd.concat([trades] * 40, ignore_index=True)
    windows = [trade_window(strategy, bars, many) for strategy in choose_strategies(N_STRATEGIES)]
    page = report_html(many, backtest, windows=windows, title="many")
    assert len(many) > 40_000
    assert len(page.encode()) < 8_000_000


def test_a_table_of_very_many_instances_says_that_it_is_cut(
    ran: tuple[pd.DataFrame, Backtest], embedded: Callable[[str, str], Any]
) -> None:
    trades, backtest = ran
    idle = tuple(f"idle(window={number})|BTC-USD|5m" for number in range(4000))
    names = (*backtest.instance_names, *idle)
    wide = Backtest(names, (len(names),) * len(names), backtest.period, backtest.calendar)
    page = report_html(trades, wide, title="wide")
    assert len(embedded(page, "instances")["rows"]) == 3000
    assert "The 3,000 first of 4,005" in page


def test_nothing_to_show_is_refused(ran: tuple[pd.DataFrame, Backtest]) -> None:
    trades, backtest = ran
    with pytest.raises(BadInput, match="no trade closed, so there is nothing to report"):
        report_html(trades[:0], backtest, title="none")
    with pytest.raises(BadInput, match="nothing to plot"):
        plot_html([], title="none")


def test_the_best_and_the_worst_are_chosen() -> None:
    table = pd.DataFrame({
        "instance": list("abcdefgh"), "n_trades": [5, 5, 5, 5, 5, 5, 5, 0],
        "sortino": [1.0, 7.0, 3.0, 4.0, -5.0, 2.0, np.nan, 9.0],
        "expectancy": [0.1, 0.1, 0.1, 0.1, -0.1, 0.1, 0.1, 0.1],
    })  # fmt: skip
    assert choose_shown(table, most=4) == ["b", "d", "e", "g"]
    assert choose_shown(table, most=5) == ["b", "d", "c", "e", "g"]
    assert choose_shown(table, most=50) == ["b", "d", "c", "f", "a", "e", "g"]


def test_of_two_losers_the_one_that_lost_less_is_the_better_one() -> None:
    """The other one took more risk for it, which raises a Sortino ratio below zero."""
    table = pd.DataFrame({
        "instance": ["wild", "calm"], "n_trades": [5, 5], "sortino": [-2.7, -19.1], "expectancy": [-0.002, -0.001],
    })  # fmt: skip
    assert choose_shown(table) == ["calm", "wild"]


# -- the browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(open_page: Callable[[Path], Any], page: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The browser, with the report opened from a file; each test leaves the table unfiltered."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return open_page(path)


def rows_of(browser: Any) -> list[list[str]]:
    script = "return [...document.querySelectorAll('#instances-table tbody tr')]"
    return browser.execute_script(script + ".map((row) => [...row.children].map((cell) => cell.textContent))")


def head(browser: Any, column: str) -> Any:
    return browser.find_element("css selector", f"#instances-table button[data-column={column}]")


def sort_of(browser: Any, column: str) -> str | None:
    return head(browser, column).find_element("xpath", "..").get_attribute("aria-sort")


@pytest.mark.slow
def test_it_draws_without_an_error_or_a_request(opened: Any, requested: Callable[[Any], set[str]]) -> None:
    drawn = opened.execute_script(
        "return [...document.querySelectorAll('.js-plotly-plot')]"
        ".map((place) => place.querySelectorAll('.cartesianlayer path, .cartesianlayer image').length)"
    )
    assert len(drawn) == 7, "six charts and the candles"
    assert min(drawn) > 0, "each of them has something in it"
    names = opened.execute_script(
        "return [...document.querySelectorAll('[role=img]')].map((place) => place.getAttribute('aria-label'))"
    )
    assert len(names) == 7
    assert all(names)
    assert sort_of(opened, "rank") == "ascending"
    assert opened.get_log("browser") == []
    asked = requested(opened)
    assert asked <= {"file", "data", "blob"}
    assert "file" in asked, "the alarm hears requests"


@pytest.mark.slow
def test_the_policy_stops_a_request(opened: Any) -> None:
    """The alarm: a script that was planted could not send anything away."""
    stopped = opened.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('sent'), (error) => done(error.name))"
    )
    assert stopped == "TypeError"
    assert any("Content Security Policy" in entry["message"] for entry in opened.get_log("browser"))


@pytest.mark.slow
def test_headings_sort_by_mouse_and_by_keyboard(opened: Any, statistics: pd.DataFrame) -> None:
    from selenium.webdriver.common.keys import Keys

    counts = sorted(statistics["n_trades"].tolist())
    head(opened, "n_trades").click()
    assert [int(row[1].replace(",", "")) for row in rows_of(opened)] == counts[::-1]
    assert (sort_of(opened, "n_trades"), sort_of(opened, "sortino")) == ("descending", None)
    head(opened, "n_trades").send_keys(Keys.ENTER)
    assert [int(row[1].replace(",", "")) for row in rows_of(opened)] == counts
    assert sort_of(opened, "n_trades") == "ascending"
    head(opened, "instance").send_keys(Keys.SPACE)
    names = [row[0] for row in rows_of(opened)]
    assert names == sorted(names)
    assert opened.get_log("browser") == []


@pytest.mark.slow
def test_the_table_filters_by_words_and_by_conditions(opened: Any, statistics: pd.DataFrame) -> None:
    field = opened.find_element("id", "instances-filter")
    status = opened.find_element("id", "instances-status")
    assert status.text == f"{N_STRATEGIES} of {N_STRATEGIES} instances"
    rule = statistics.index[1].partition("(")[0]
    field.send_keys(rule.upper())
    assert {row[0].partition("(")[0] for row in rows_of(opened)} == {rule}
    middle = int(statistics["n_trades"].median())
    field.clear()
    field.send_keys(f"btc-usd n_trades>={middle}")
    n_kept = int((statistics["n_trades"] >= middle).sum())
    assert len(rows_of(opened)) == n_kept
    assert status.text == f"{n_kept} of {N_STRATEGIES} instances"
    field.clear()
    field.send_keys("nothing like it")
    assert rows_of(opened) == []
    field.clear()
    field.send_keys(" ")
    assert len(rows_of(opened)) == N_STRATEGIES


@pytest.mark.slow
def test_the_chooser_changes_the_candles(opened: Any) -> None:
    from selenium.webdriver.support.ui import Select

    read = (
        "const place = document.getElementById('window');"
        "return [place.getAttribute('aria-label'), place._fullData.map((trace) => trace.name), "
        "document.getElementById('window-caption').textContent]"
    )
    chooser = Select(opened.find_element("id", "window-chooser"))
    seen = []
    for option in chooser.options:
        chooser.select_by_visible_text(option.text)
        label, traces, told = opened.execute_script(read)
        assert label == f"Candles and trades of {option.text}"
        assert {"bars", "exit"} <= set(traces)
        assert "bars" in told
        seen.append((label, told))
    assert len(set(seen)) == 3
    assert opened.get_log("browser") == []


@pytest.mark.slow
def test_it_follows_light_and_dark(opened: Any) -> None:
    read = (
        "const text = document.querySelector('#window .xtitle, [data-figure] .xtitle');"
        "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill]"
    )
    found = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        opened.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 300))")
        found[scheme] = opened.execute_script(read)
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found["light"] == ["rgb(251, 251, 250)", "rgb(34, 39, 46)"]
    assert found["dark"] == ["rgb(22, 25, 29)", "rgb(227, 230, 234)"]
