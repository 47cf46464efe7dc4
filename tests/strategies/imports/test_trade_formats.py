"""Files of trades in the shapes that their programs write, each read by its own format and to the same trade."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.strategies.imports.base import ImportOptions
from tradesieve.strategies.imports.reading import read_trades

# One trade, long from 100 at 2024-01-02 09:30 to 110 at 14:45, and a short one on the next day.
OPENED = pd.to_datetime(["2024-01-02 09:30", "2024-01-03 10:00"], utc=True).as_unit("ns").astype("int64").tolist()
CLOSED = pd.to_datetime(["2024-01-02 14:45", "2024-01-03 11:15"], utc=True).as_unit("ns").astype("int64").tolist()

SAMPLES = Path(__file__).parent / "samples"


def freqtrade() -> str:
    """Write a backtest's result; freqtrade stamps candles at their open."""
    trades = [
        {
            "pair": "AAA/USDT", "stake_amount": 500.0, "amount": 5.0, "open_date": "2024-01-02 09:30:00+00:00",
            "close_date": "2024-01-02 14:45:00+00:00", "open_rate": 100.0, "close_rate": 110.0, "fee_open": 0.001,
            "fee_close": 0.001, "trade_duration": 315, "profit_ratio": 0.0979, "profit_abs": 48.95,
            "exit_reason": "roi", "initial_stop_loss_abs": 95.0, "is_open": False, "leverage": 1.0, "is_short": False,
            "open_timestamp": OPENED[0] // 10**6, "close_timestamp": CLOSED[0] // 10**6,
        },
        {
            "pair": "AAA/USDT", "stake_amount": 500.0, "amount": 5.0, "open_date": "2024-01-03 10:00:00+00:00",
            "close_date": "2024-01-03 11:15:00+00:00", "open_rate": 100.0, "close_rate": 101.0, "fee_open": 0.001,
            "fee_close": 0.001, "trade_duration": 75, "profit_ratio": -0.02402, "profit_abs": -6.005,
            "exit_reason": "exit_signal", "initial_stop_loss_abs": 0.0, "is_open": False, "leverage": 2.0,
            "is_short": True, "open_timestamp": OPENED[1] // 10**6, "close_timestamp": CLOSED[1] // 10**6,
        },
    ]  # fmt: skip
    result = {"trades": trades, "timeframe": "15m", "backtest_start_ts": OPENED[0] // 10**6 - 10**8}
    result["backtest_end_ts"] = CLOSED[1] // 10**6 + 10**8
    return json.dumps({"strategy": {"Mine": result}, "strategy_comparison": []})


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("trades.csv", "backtesting.py"),
        ("records.csv", "vectorbt"),
        ("Mine_BINANCE_BTCUSDT_2024-01-05.csv", "TradingView"),
        ("grid.csv", "NinjaTrader"),
        ("transactions.csv", "backtrader"),
        ("ReportHistory.html", "MetaTrader 5"),
        ("backtest-result.json", "freqtrade"),
    ],
)
def test_each_program_is_recognised_and_read(tmp_path: Path, name: str, program: str) -> None:
    path = tmp_path / name
    text = freqtrade() if program == "freqtrade" else (SAMPLES / name).read_text()
    path.write_bytes(text.encode("utf-16") if name.endswith("html") else text.encode())
    # The dates of two days do not settle the order of day and month, which is asked for.
    stamps = Stamps(date_order="mdy") if program == "NinjaTrader" else Stamps()
    found = read_trades(path, ImportOptions(stamps))
    assert found.format == program
    frame = found.read.frame.sort_values("entry_time", ignore_index=True)
    assert frame["entry_time"].tolist() == OPENED
    assert frame["exit_time"].tolist() == CLOSED
    assert frame["side"].tolist() == [1, -1]
    assert frame[["entry_price", "exit_price"]].to_numpy().tolist() == [[100, 110], [100, 101]]
    between = frame["side"] * (frame["exit_price"] / frame["entry_price"] - 1)
    net = frame["net_return"].fillna(between - frame["cost"])
    if program != "backtrader":  # its transactions say nothing of commissions
        np.testing.assert_allclose(net, [0.0979, -0.01201], rtol=1e-9)


def test_freqtrade_zip_states_period_stops_and_leverage(tmp_path: Path) -> None:
    path = tmp_path / "backtest-result.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("backtest-result_config.json", json.dumps({"strategy": "Mine"}))
        archive.writestr("backtest-result.json", freqtrade())
        archive.writestr("backtest-result_Mine.py", "")
    read = read_trades(path, ImportOptions()).read
    assert read.frame["strategy"].tolist() == ["Mine", "Mine"]
    assert read.frame["timeframe"].tolist() == ["15m", "15m"]
    assert read.frame["stake"].tolist() == [1.0, 2.0]
    assert read.frame["exit_reason"].tolist() == ["target", ""]
    assert read.frame["stop"].isna().tolist() == [False, True]
    assert read.period is not None
    assert read.period[1] > CLOSED[1]
    assert any("leverage" in note for note in read.notes)


def test_what_a_table_lacks_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("Opened,Out,Dir,In Price,Out Price\n2024-01-02 09:30,2024-01-02 14:45,L,100,110\n")
    with pytest.raises(BadInput, match=r"known to hold exit_time.*--column entry_time=NAME"):
        read_trades(path, ImportOptions())
    columns = {"exit_time": "Out", "side": "Dir", "entry_price": "In Price", "exit_price": "Out Price"}
    frame = read_trades(path, ImportOptions(columns=columns, strategy="a|b")).read.frame
    assert frame[["strategy", "side", "exit_price"]].to_numpy().tolist() == [["a/b", 1, 110.0]]
    with pytest.raises(BadInput, match="row 1 has side"):
        read_trades(path, ImportOptions(columns=columns | {"side": "Out Price"}))


def test_percent_and_decimal_commas_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "entry time;exit time;side;entry price;exit price;return\n"
        "2024-01-02 09:30;2024-01-02 14:45;buy;1.000,5;1.100,55;9,9\n"
    )
    frame = read_trades(path, ImportOptions()).read.frame
    assert frame[["entry_price", "exit_price", "net_return"]].to_numpy().tolist() == [[1000.5, 1100.55, 0.099]]
