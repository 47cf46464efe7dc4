"""tradesieve trades weights: a configuration from what is shown, its paths and its page, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tests.pipelines.conftest import settings_in
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.instance_weights import read_configuration

GIVEN = ("--strategies", "volatility_breakout,dip_buying", "--num-strategies", "2", "--timeframes", "15m")


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    return make_home(bars=small_bars[:6000]).home


def weights_of(run: Command, home: Path, *given: object) -> dict[str, Any]:
    return run("trades", "weights", *given, "--json", home=home).json()


def test_equal_weights_earn_what_pandas_says(run: Command, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    run("trades", "generate", *GIVEN, "--output", path, home=home)
    table = pd.read_parquet(path).query("exit_reason != 'end_of_data'")
    second_day = (int(table["decision_time"].min()) // DAY + 1) * DAY
    traded = table[table["decision_time"] >= second_day]
    assert len(table) > len(traded) > 50
    daily = (traded["stake"] * traded["net_return"] / 2).groupby(traded["exit_time"] // DAY).sum()
    weeks = (1 + daily).groupby((daily.index + 3) // 7).prod()
    found = weights_of(run, home, *GIVEN, "--method", "zero_one", "--warm-up", 1)
    assert [row["path"] for row in found["paths"]] == ["daily", "weekly", "monthly", "once", "equal"]
    equal = found["paths"][-1]
    assert equal["n_trades"] == len(traded)
    assert equal["total_return"] == pytest.approx((1 + daily).prod() - 1)
    assert (equal["n_weeks"], equal["profitable_weeks_rate"]) == (len(weeks), pytest.approx((weeks > 1).mean()))


def test_the_configuration_says_what_it_rests_on(run: Command, home: Path, tmp_path: Path) -> None:
    path, page = tmp_path / "weights.json", tmp_path / "weights.html"
    given = (*GIVEN, "--min-trades", 5, "--window", 30, "--reestimate", "monthly")
    found = weights_of(run, home, *given, "--output", path, "--html", page)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["weights"] == {row["instance"]: row["weight"] for row in found["weights"]}
    assert len(written["weights"]) == 2
    assert sum(written["weights"].values()) == pytest.approx(1.0)
    assert read_configuration(path) == written["weights"]
    told = {key: written[key] for key in ("format", "method", "window_days", "minimum_trades", "reestimate")}
    assert told == {"format": 1, "method": "inverse_volatility", "window_days": 30, "minimum_trades": 5,
                    "reestimate": "monthly"}  # fmt: skip
    assert written["trades"]["set"] is None
    assert written["trades"]["fingerprint"] == found["fingerprint"]
    assert written["trades"]["to"] < found["sealed_from"], "nothing of the hold-out"
    assert not list(tmp_path.glob(".*")), "no temporary file is left"
    shown = page.read_text(encoding="utf-8")
    ids = re.findall(r'<script type="application/json" id="([^"]+)"', shown)
    assert len(ids) == len(set(ids)) == 4, "two plots and two tables, each with data of its own"
    for said in ("re-estimated monthly", "estimated once", "equal weights", "Weights from now on"):
        assert said in shown
    refuses(run("trades", "weights", *given, "--output", path, home=home), "weights.json", "--replace")
    before = path.read_bytes()
    run("trades", "weights", *given, "--output", path, "--replace", home=home)
    assert path.read_bytes() == before, "the same trades give the same configuration"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid JSON"),
        ('{"format": 2, "weights": {}}', "is no configuration of weights of format 1"),
        ("[1]", "is no configuration of weights of format 1"),
        ('{"format": 1, "weights": {"a|AAA|15m": -0.1}}', "the weight of a|AAA|15m is -0.1"),
        ('{"format": 1, "weights": {"a|AAA|15m": "half"}}', "the weight of a|AAA|15m is 'half'"),
        ('{"format": 1, "weights": {"a|AAA|15m": 0.6, "b|AAA|15m": 0.5}}', "add up to 1.1"),
    ],
)
def test_a_configuration_that_cannot_be_traded_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "weights.json"
    with pytest.raises(BadInput, match="cannot be read"):
        read_configuration(path)
    path.write_text(content)
    with pytest.raises(BadInput, match=re.escape(said)):
        read_configuration(path)


def test_imported_trades_are_weighed_as_generated_ones(run: Command, home: Path, tmp_path: Path) -> None:
    folder, path = tmp_path / "mine", tmp_path / "weights.json"
    run("trades", "generate", *GIVEN, "--with-holdout", "--output", folder, home=home)
    assert run("trades", "import", folder, home=home).code == 0
    expected = weights_of(run, home, *GIVEN, "--min-trades", 5)
    found = weights_of(run, home, "--trades", "mine", "--min-trades", 5, "--output", path)
    assert {row["instance"]: row["weight"] for row in found["weights"]} == {
        row["instance"]: row["weight"] for row in expected["weights"]
    }
    assert found["paths"] == expected["paths"]
    assert json.loads(path.read_text(encoding="utf-8"))["trades"]["set"] == "mine"


def test_a_look_at_the_hold_out_is_recorded(run: Command, home: Path) -> None:
    sealed = weights_of(run, home, *GIVEN)
    assert sealed["holdout_opening"] is None
    before = len(settings_in(home).ledger.holdout_openings(["AAA"], (0, np.iinfo(np.int64).max)))
    opened = weights_of(run, home, *GIVEN, "--with-holdout")
    assert opened["holdout_opening"] == before + 1
    assert opened["fingerprint"] != sealed["fingerprint"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--method", "inverse_vol"), "did you mean 'inverse_volatility'"),
        (("--output", "weights.csv"), "write the configuration to a file ending in .json"),
        (("--html", "weights.pdf"), "write the page to a file ending in .html"),
        (("--window", "1"), "window is 1: weights need at least 2 days"),
        (("--warm-up", "400"), "the warm-up takes 400 of"),
        (("--min-trades", "0"), "'--min-trades'"),
        (("--trades", "nothing"), "unknown trade set 'nothing'"),
    ],
)
def test_what_is_wrong_is_named(run: Command, home: Path, given: tuple[str, ...], said: str) -> None:
    chosen = () if "--trades" in given else GIVEN
    refuses(run("trades", "weights", *chosen, *given, home=home), said)


def test_the_table_says_what_is_not_to_be_traded(run: Command, home: Path) -> None:
    shown = run("trades", "weights", *GIVEN, "--min-trades", 100_000, home=home).out
    assert "no instance qualifies, so no weight is above zero: nothing is to be traded" in shown
    assert "re-estimated weekly" in shown


@pytest.mark.slow
def test_a_browser_draws_plots_and_tables_at_desktop_and_phone_width(
    run: Command,
    home: Path,
    tmp_path: Path,
    open_page: Callable[[Path], Any],
    requested: Callable[[Any], set[str]],
) -> None:
    page = tmp_path / "weights.html"
    assert run("trades", "weights", *GIVEN, "--min-trades", 5, "--html", page, home=home).code == 0
    opened = open_page(page)
    assert opened.execute_script("return document.querySelectorAll('#ways-table tbody tr').length") == 5
    assert opened.execute_script("return document.querySelectorAll('#shares-table tbody tr').length") == 2
    assert opened.execute_script("return document.querySelectorAll('.scatterlayer .trace').length") == 5 + 2
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}
    opened.set_window_size(390, 900)
    try:
        opened.get(page.as_uri())
        assert opened.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        opened.set_window_size(1280, 1000)
