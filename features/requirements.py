"""Needs: what a decision has to be given before a set of features can be computed at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class Needs:
    """What a set of features needs at one decision.

    Parameters
    ----------
    bars : bars of the decision's own symbol, up to the one that closes at the decision.
    others : the same of other symbols, at the same timeframe, by symbol: bars up to the last one that is closed.
    results : closed trades of the strategy's own.
    terms : fields of `features.decisions.Decisions`, such as ``side``, ``stop``, ``target``, ``agreeing``, ``results``.
    """

    bars: int = 0
    others: dict[str, int] = field(default_factory=dict)
    results: int = 0
    terms: frozenset[str] = frozenset()


def needs(features: Sequence[str | Feature], timeframe: Timeframe, *, symbol: str | None = None) -> Needs:
    """Say what a set of features needs at one decision on bars of a timeframe.

    Parameters
    ----------
    symbol : the decision's own; features that name it look at its own bars. None: no symbol is the decision's own.

    Raises
    ------
    BadInput : if a feature looks at a timeframe that is no longer one, or no whole multiple.
    """
    bars, results = 0, 0
    others: dict[str, int] = {}
    terms: set[str] = set()
    for feature in features:
        if isinstance(feature, str):
            feature = parse_feature(feature)
        terms |= feature.factor.terms
        if feature.view.column == "results":
            results = max(results, feature.window(timeframe))
            terms.add("results")
        elif feature.view.symbol not in (None, symbol):
            others[str(feature.view.symbol)] = max(others.get(str(feature.view.symbol), 0), feature.lookback(timeframe))
        else:
            bars = max(bars, feature.lookback(timeframe))
    return Needs(bars, dict(sorted(others.items())), results, frozenset(terms))
