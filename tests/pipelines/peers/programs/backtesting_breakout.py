"""A run as a user of backtesting.py writes it: channel breakouts both ways; python THIS BARS.feather TRADES.csv."""

import sys

import pandas as pd
from backtesting import Backtest, Strategy


def highest(values, window):
    return pd.Series(values).rolling(window).max().shift(1)


def lowest(values, window):
    return pd.Series(values).rolling(window).min().shift(1)


class Breakout(Strategy):
    def init(self):
        self.upper = self.I(highest, self.data.High, 20)
        self.lower = self.I(lowest, self.data.Low, 20)

    def next(self):
        close = self.data.Close[-1]
        if self.position:
            return
        if close > self.upper[-1]:
            self.buy(size=10, sl=close * 0.97, tp=close * 1.05)
        elif close < self.lower[-1]:
            self.sell(size=10, sl=close * 1.03, tp=close * 0.95)


bars = pd.read_feather(sys.argv[1]).set_index("date").rename(columns=str.title)
Backtest(bars, Breakout, cash=1e9, commission=0.0005).run()["_trades"].to_csv(sys.argv[2], index=False)
