"""Default costs by kind of instrument, and the published schedules that they follow.

Fees are those of a customer without a volume discount. Where a schedule charges a sum for each share or contract, the
rate is that sum over the notional stated beside it: set your own rates for cheaper or dearer instruments. Half-spread
and slippage are published by nobody: each is assumed to be half of the quoted minimum step, stated beside it. Minimum
charges per order are left out. Funding and the borrow of shorts vary by the hour and the symbol, so they are 0 unless
`long_carry` and `short_carry` are set.
"""

from __future__ import annotations

from typing import Final

UNDESCRIBED: Final = "perpetual"
"""The kind whose costs an instrument without a kind has."""

DEFAULT_COSTS: Final[dict[str, dict[str, float]]] = {
    # Binance, "Spot Trading Fee Rate", regular user: maker and taker 0.1 %. Spread as of a perpetual.
    "crypto_spot": {"maker_fee": 0.001, "taker_fee": 0.001, "half_spread": 0.00005, "slippage": 0.00005},
    # Binance, "USDⓈ-M Futures Fee Rate", regular user: maker 0.02 %, taker 0.05 %. Spread of 1 bp assumed.
    "perpetual": {"maker_fee": 0.0002, "taker_fee": 0.0005, "half_spread": 0.00005, "slippage": 0.00005},
    # Interactive Brokers, "Commissions Spot Currencies", first tier: 0.20 bp of the trade value, for every order.
    # Spread of 1 pip (0.0001) at 1.00.
    "forex": {"maker_fee": 0.00002, "taker_fee": 0.00002, "half_spread": 0.00005, "slippage": 0.00005},
    # Interactive Brokers, "Commissions Stocks", US fixed: USD 0.005 a share with exchange fees, here of USD 100.
    # Spread of USD 0.01, the minimum step from USD 1 on (SEC Rule 612).
    "stock": {"maker_fee": 0.00005, "taker_fee": 0.00005, "half_spread": 0.00005, "slippage": 0.00005},
    # Interactive Brokers, "Commissions Futures", fixed: USD 0.85 a contract; with the exchange and regulatory fees of
    # an E-mini S&P 500 (about USD 1.40) USD 2.25, of 50 x 5,000 points. Spread of one tick, 0.25 points.
    "future": {"maker_fee": 0.000009, "taker_fee": 0.000009, "half_spread": 0.000025, "slippage": 0.000025},
    # An index itself cannot be traded: the costs are those of the future on it.
    "index": {"maker_fee": 0.000009, "taker_fee": 0.000009, "half_spread": 0.000025, "slippage": 0.000025},
    # Interactive Brokers, "Commissions Options", first tier: USD 0.65 a contract, of 100 x a premium of USD 5.
    # Spread of USD 0.05, the step of most classes at that premium (Cboe Rule 5.4). Fractions of the premium.
    "option": {"maker_fee": 0.0013, "taker_fee": 0.0013, "half_spread": 0.005, "slippage": 0.005},
}
"""Fraction of the price per side, by kind."""
