"""Requirements: what has to be known at a decision before a set of features can be computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the client of the service, which needs no numpy, reads requirements
    from tradesieve.features.factor import Feature
    from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class Requirements:
    """What a set of features requires at one decision.

    Parameters
    ----------
    bars : bars of the decision's own symbol, up to the one that closes at the decision.
    others : bars of other symbols at the same timeframe, by symbol, up to the last one closed by then.
    results : closed trades of the decision's own instance.
    terms : fields of `features.decisions.Decisions`, such as ``side``, ``stop``, ``target``, ``agreeing``, ``results``.
    """

    bars: int = 0
    others: dict[str, int] = field(default_factory=dict)
    results: int = 0
    terms: frozenset[str] = frozenset()

    def by_symbol(self, symbol: str) -> dict[str, int]:
        """Return the number of bars of each symbol, for a decision on `symbol`."""
        return {symbol: self.bars, **self.others}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON holds them."""
        return {"bars": self.bars, "others": self.others, "results": self.results, "terms": sorted(self.terms)}


def requirements_of(features: Iterable[Feature], timeframe: Timeframe, *, symbol: str | None = None) -> Requirements:
    """Return what features require at one decision on bars of a timeframe.

    Parameters
    ----------
    symbol : the decision's own; features of it read its own bars, and those beside it none. None: no feature names it.

    Raises
    ------
    BadInput : if a feature's timeframe is not a multiple of `timeframe`.
    """
    bars, results = 0, 0
    others: dict[str, int] = {}
    terms: set[str] = set()
    for feature in features:
        terms |= feature.terms
        other = feature.input.symbol
        if feature.input.column == "results":
            results = max(results, feature.window(timeframe))
            terms.add("results")
        elif other is not None and other != symbol:
            others[other] = max(others.get(other, 0), feature.lookback(timeframe))
        elif not feature.input.beside:
            bars = max(bars, feature.lookback(timeframe))
    return Requirements(bars, dict(sorted(others.items())), results, frozenset(terms))


def other_symbols(features: Iterable[Feature], symbol: str) -> set[str]:
    """Return the symbols, other than a decision's own, whose bars features read."""
    return {other for feature in features if (other := feature.input.symbol) is not None} - {symbol}
