"""The names of features. A name parses back to its factor and parameters::

close__slope__window_20        the factor `slope` of the column close over 20 bars
bars__range__window_50         the factor `range`, which reads whole bars
close_1h__slope__window_20     the same over the last 20 closed hours; see `features.inputs`
bars_of_SPY__range__window_50  the same of another symbol
close_aligned__slope__window_20    the slope from the side of the trade: of the mirrored market for a short
clock__hour_sine               the factor `hour_sine` of the decision time
clock__since_open__session_XNYS    minutes from the last open of a market; also session_0930_America.New_York
trade__side                    the factor `side` of the trade itself
results__win_share__window_20  the factor `win_share` of the instance's last 20 closed trades
close__macd__fast_12__slow_26__signal_9    more parameters, in the factor's own order
close__tsfresh_cid_ce__normalize_True__window_50    any tsfresh calculator by its own name
bars__prophet_trend__days_30   Prophet, see `features.prophet_factors`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf

import tradesieve.features.families  # noqa: F401  registers every factor
from tradesieve.features.factor import FACTORS, Factor, Feature
from tradesieve.features.inputs import parse_input
from tradesieve.features.prophet_factors import PREFIX as PROPHET
from tradesieve.features.prophet_factors import prophet_feature
from tradesieve.features.tsfresh.calculators import PREFIX, tsfresh_feature
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput, lookup

# The limits of parameters that are whole numbers; those of user factors may be any number.
_WHOLE: dict[str, tuple[float, float]] = {
    "fast": (1, inf), "slow": (2, inf), "signal": (1, inf), "smooth": (1, inf), "past": (1, inf), "days": (1, inf),
    "session_minute": (0, 1439),
}  # fmt: skip

_USUAL = {
    "window": 20, "fast": 12, "slow": 26, "signal": 9, "smooth": 3, "past": 12, "days": 5, "threshold": 0.3,
    "session_minute": 810,
}  # fmt: skip

_SESSION = re.compile(r"session_(?!minute_)(.+)")


def parse_feature(name: str) -> Feature:
    """Parse a feature's name.

    Raises
    ------
    Unknown : if no factor has that name, or there is no such exchange.
    BadInput : if the input or a parameter does not fit the factor, or a value is not written as names have it.
    """
    input_name, _, rest = name.partition("__")
    factor_name, *pieces = rest.split("__")
    if factor_name.startswith(PREFIX):
        return tsfresh_feature(name)
    if factor_name.startswith(PROPHET):
        return prophet_feature(name)
    factor = lookup(f"factor in {name!r}:", factor_name, FACTORS)
    try:
        parsed = parse_input(input_name)
    except BadInput as error:
        raise BadInput(f"feature {name!r}: {error}") from None
    if parsed.column not in factor.inputs:
        raise BadInput(f"feature {name!r}: {factor_name} reads {' or '.join(factor.inputs)}, not {input_name!r}")
    if factor.takes_session and len(pieces) == 1 and (market := _SESSION.fullmatch(pieces[0])):
        return Feature(name, factor, parsed, (("session", _parse_session(name, market[1])),))
    values = tuple(_parse_value(name, piece) for piece in pieces)
    if tuple(key for key, _ in values) != factor.parameters:
        expected = "__".join(f"{parameter}_<number>" for parameter in factor.parameters) or "no parameters"
        expected += " or session_<market>" if factor.takes_session else ""
        raise BadInput(f"feature {name!r}: {factor_name} takes {expected}")
    for parameter, value in values:
        _check_value(name, parameter, value)
    return Feature(name, factor, parsed, values)


def parse_features(features: Iterable[str | Feature]) -> tuple[Feature, ...]:
    """Parse those features that are given by name; see `parse_feature`."""
    return tuple(parse_feature(feature) if isinstance(feature, str) else feature for feature in features)


def example_of(factor: Factor) -> Feature | None:
    """Return a feature of a factor with its usual parameters; None if one of them has no usual value."""
    usual = {**_USUAL, **getattr(factor.kernel, "defaults", {})}
    if not all(parameter in usual for parameter in factor.parameters):
        return None
    pieces = [f"{parameter}_{_written(float(usual[parameter]))}" for parameter in factor.parameters]
    return parse_feature("__".join([factor.inputs[0], factor.name, *pieces]))


def _written(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _check_value(name: str, parameter: str, value: float) -> None:
    if parameter == "window" and (value < 2 or not value.is_integer()):
        raise BadInput(f"feature {name!r}: window is a whole number of at least 2 bars, not {value:g}")
    least, most = _WHOLE.get(parameter, (-inf, inf))
    if parameter in _WHOLE and not (value.is_integer() and least <= value <= most):
        limits = f"from {least} to {most}" if most < inf else f"of at least {least}"
        raise BadInput(f"feature {name!r}: {parameter} is a whole number {limits}, not {value:g}")
    if parameter == "threshold" and not 0 <= value <= 1:
        raise BadInput(f"feature {name!r}: threshold is between 0 and 1, not {value:g}")


def _parse_session(name: str, market: str) -> str:
    word = Sessions(market).word
    if market != word:
        raise BadInput(f"feature {name!r}: write session_{word}, not session_{market}")
    return word


def _parse_value(name: str, piece: str) -> tuple[str, float]:
    match = re.fullmatch(r"([a-z_]+)_(-?\d+(?:\.\d+)?)", piece)
    if match is None:
        raise BadInput(f"feature {name!r}: {piece!r} is not a parameter; write name_number, as in window_20")
    value = float(match[2])
    written = _written(value)
    if match[2] != written:
        # One feature has one name, or the same column would be computed, learned and stored twice.
        raise BadInput(f"feature {name!r}: write {match[1]}_{written}, not {piece}")
    return match[1], value
