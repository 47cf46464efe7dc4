"""Default costs and calendars by kind of instrument, and the published schedules that the costs follow.

Fees are those of a customer without a volume discount. Where a schedule charges a sum for each share or contract, the
rate is that sum over the notional stated beside it: set your own rates for cheaper or dearer instruments. Half-spread
and slippage are published by nobody: each is assumed to be half of the quoted minimum step, stated beside it. Minimum
charges per order are left out. Funding and the borrow of shorts vary by the hour and the symbol, so they are 0 unless
`long_carry` and `short_carry` are set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNDESCRIBED: Final = "perpetual"
"""The kind whose costs an instrument without a kind has."""

DEFAULT_COSTS: Final[dict[str, dict[str, float]]] = {
    "crypto_spot": {"maker_fee": 0.001, "taker_fee": 0.001, "half_spread": 0.00005, "slippage": 0.00005},
    "perpetual": {"maker_fee": 0.0002, "taker_fee": 0.0005, "half_spread": 0.00005, "slippage": 0.00005},
    "forex": {"maker_fee": 0.00002, "taker_fee": 0.00002, "half_spread": 0.00005, "slippage": 0.00005},
    "stock": {"maker_fee": 0.00005, "taker_fee": 0.00005, "half_spread": 0.00005, "slippage": 0.00005},
    "future": {"maker_fee": 0.000009, "taker_fee": 0.000009, "half_spread": 0.000025, "slippage": 0.000025},
    "index": {"maker_fee": 0.000009, "taker_fee": 0.000009, "half_spread": 0.000025, "slippage": 0.000025},
    "option": {"maker_fee": 0.0013, "taker_fee": 0.0013, "half_spread": 0.005, "slippage": 0.005},
}
"""Fraction of the price per side, by kind; of an option, of its premium."""


@dataclass(frozen=True)
class CostSource:
    """Where the default costs of a kind come from.

    Parameters
    ----------
    fees : the published schedule, and the notional that a sum for each share or contract is divided by.
    spread : what the half-spread and the slippage are assumed from.
    checked : what the fees were held against, and when.
    """

    fees: str
    spread: str
    checked: str


_READ = "page of the broker, read in a stored copy, 2026-11"
_REPORTED = "only as others report the schedule, 2026-11"
_FUTURE = CostSource(
    "Interactive Brokers, Commissions Futures, US fixed: USD 0.85 a contract; with the exchange and the regulatory fee "
    "of an E-mini S&P 500 (USD 1.38 and USD 0.02) USD 2.25, of 50 x 5,000 points",
    "one tick of 0.25 points at 5,000",
    f"{_READ}, and its page of CME fees; the regulatory fee only as others report it",
)
COST_SOURCES: Final[dict[str, CostSource]] = {
    "crypto_spot": CostSource(
        "Binance, Spot Trading Fee Rate, regular user: maker and taker 0.1 %",
        "1 bp, assumed",
        _REPORTED,
    ),
    "perpetual": CostSource(
        "Binance, USDⓈ-M Futures Fee Rate, regular user: maker 0.02 %, taker 0.05 %",
        "1 bp, assumed",
        _REPORTED,
    ),
    "forex": CostSource(
        "Interactive Brokers, Commissions Spot Currencies, first tier: 0.20 bp of the trade value",
        "1 pip (0.0001) at 1.00",
        _READ,
    ),
    "stock": CostSource(
        "Interactive Brokers, Commissions Stocks, US fixed: USD 0.005 a share with exchange fees, here of USD 100",
        "USD 0.01 at USD 100, the minimum step from USD 1 on (SEC Rule 612 of Regulation NMS)",
        _READ,
    ),
    "future": _FUTURE,
    "index": CostSource(
        f"an index itself cannot be traded: as of the future on it. {_FUTURE.fees}", _FUTURE.spread, _FUTURE.checked
    ),
    "option": CostSource(
        "Interactive Brokers, Commissions Options, first tier: USD 0.65 a contract, of 100 x a premium of USD 5",
        "USD 0.05 at USD 5, the step of the classes in the Penny Interval Program from USD 3 on (Cboe Rule 5.4)",
        _READ,
    ),
}
"""The source of the default costs, by kind."""

DEFAULT_CALENDARS: Final[dict[str, str]] = {
    "forex": "forex",
    "stock": "XNYS",
    "future": "CMES",
    "index": "XNYS",
    "option": "XNYS",
}
"""The calendar, by kind, of the market whose costs are the default; the other kinds trade always."""
