"""A strategy as a user of freqtrade writes it: channel breakouts with a stop, a target and an exit signal."""

from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Breakout(IStrategy):
    timeframe = "1h"
    startup_candle_count = 20
    stoploss = -0.03
    minimal_roi = {"0": 0.05}  # noqa: RUF012

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["highest"] = dataframe["high"].rolling(20).max().shift(1)
        dataframe["lowest"] = dataframe["low"].rolling(10).min().shift(1)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] > dataframe["highest"], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] < dataframe["lowest"], "exit_long"] = 1
        return dataframe
