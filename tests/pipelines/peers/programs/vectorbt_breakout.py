"""A run as a user of vectorbt writes it: channel breakouts, filled at closes; python THIS BARS.feather TRADES.csv."""

import sys

import pandas as pd
import vectorbt as vbt

bars = pd.read_feather(sys.argv[1]).set_index("date")
upper, lower = bars["high"].rolling(20).max().shift(1), bars["low"].rolling(10).min().shift(1)
portfolio = vbt.Portfolio.from_signals(
    bars["close"].rename("breakout"), entries=bars["close"] > upper, exits=bars["close"] < lower, fees=0.0005, freq="1h"
)
portfolio.trades.records_readable.to_csv(sys.argv[2], index=False)
